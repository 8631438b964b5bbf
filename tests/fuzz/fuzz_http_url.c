/* URLs and parts of them as strangers write them. What is encoded decodes to itself; what is read
 * as a URL can be asked for: its target is one clean word. */
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "http/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_encoding(struct slice text)
{
    struct buf encoded, decoded;
    struct error err;
    buf_init(&encoded, 3 * text.len);
    buf_init(&decoded, 3 * text.len);
    url_encode(text, &encoded);
    int code = url_decode(buf_slice(&encoded), URL_FORM, &decoded, &err);
    ASSERT(code == 0 ? slice_eq(buf_slice(&decoded), text)
                     : memchr(text.p, '\0', text.len) != NULL);
    buf_close(&encoded);
    buf_close(&decoded);
}

static void check_decoding(struct slice text)
{
    struct buf out;
    struct error err;
    buf_init(&out, text.len);
    if (url_decode(text, URL_PATH, &out, &err) == 0)
        ASSERT(!buf_full(&out) && strlen(buf_str(&out)) == out.len);
    else
        ASSERT(err.code == ERR_SYNTAX && out.len == 0);
    buf_close(&out);
}

static void check_query(struct slice text)
{
    struct query q;
    struct error err;
    if (query_parse(&q, text, &err) != 0)
        return;
    for (size_t i = 0; i < q.n; i++)
        ASSERT(query_get(&q, q.items[i].key) != NULL);
    query_close(&q);
}

static void check_url(const char *text)
{
    struct url u;
    struct error err;
    if (url_parse(text, &u, &err) != 0) {
        ASSERT(err.code == ERR_INVALID);
        return;
    }
    ASSERT(u.host[0] != '\0' && u.target[0] == '/' && strpbrk(u.target, " #\r\n") == NULL);
    url_close(&u);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = {(const char *)data, size};
    check_encoding(text);
    check_decoding(text);
    check_query(text);
    char *url = slice_dup(text);
    check_url(url);
    mem_free(url);
    return 0;
}
