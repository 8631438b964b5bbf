/* Whatever PEM a peer sends: it is refused in plain words; or it is a request, and what is signed
 * for it is good; or a certificate, of which nothing is believed that the CA did not sign. */
#include "base/assert.h"
#include "base/limits.h"
#include "base/str.h"
#include "cluster/ca.h"
#include "cluster/key.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct wall now = {1767225600000};

static void check_error(const struct error *err)
{
    ASSERT(err->code != ERR_NONE && err->text[0] != '\0');
    ASSERT(str_utf8_valid(err->text, strlen(err->text)) && strchr(err->text, '\n') == NULL);
}

static void check_request(const struct ca *ca, struct slice text)
{
    struct certificate c = {
        .id = 1, .store = 2, .serial = 3, .modes = MODE_AGENT, .n = 1, .hosts = {"a"}};
    c.until = ca_until(ca, now, LIMIT_CERTIFICATE_MS);
    struct buf pem;
    struct error err;
    buf_init(&pem, 65536);
    if (ca_sign(ca, text, &c, now, &pem, &err) != 0) {
        check_error(&err);
    } else {
        int rc = ca_check(ca, buf_slice(&pem), CERTIFICATE_OF_CLIENT, now, &c, &err);
        ASSERT(rc == 0 && c.id == 1 && c.store == 2);
    }
    buf_close(&pem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct ca *ca;
    const struct slice text = {(const char *)data, size};
    struct certificate c;
    struct ca *read;
    struct key *key;
    struct error err;
    if (ca == NULL) {
        int rc = ca_make("5fbf0b6e-7c2f-4d2b-8a53-0d2a5b0d9c11", 1, now, &ca, &err);
        ASSERT(rc == 0);
    }
    check_request(ca, text);
    int rc = ca_check(ca, text, CERTIFICATE_OF_SERVER, now, &c, &err);
    ASSERT(rc != 0); /* its key was drawn just now */
    check_error(&err);
    if (certificate_read(text, &c, &err) != 0)
        check_error(&err);
    if (ca_read(text, (struct slice){NULL, 0}, &read, &err) != 0)
        check_error(&err);
    else
        ca_free(read);
    if (key_read(text, &key, &err) != 0)
        check_error(&err);
    else
        key_free(key);
    return 0;
}
