#include "authority.h"

#include <openssl/pem.h>
#include <string.h>

#include "base/limits.h"

struct ca *authority(const char *cluster)
{
    struct ca *ca;
    struct error err;
    assert_int_equal(ca_make(cluster, 1, NOW, &ca, &err), 0);
    return ca;
}

void admit(const struct ca *ca, struct wall now, struct node_identity *out)
{
    struct buf request;
    struct error err;
    *out = (struct node_identity){.facts = {.id = 42,
                                            .store = 43,
                                            .serial = INT64_MAX,
                                            .modes = MODE_MASTER | MODE_AGENT,
                                            .n = 3,
                                            .hosts = {"10.0.0.2", "fd00::2", "deck-2"}}};
    buf_init(&request, 65536);
    buf_init(&out->certificate, 65536);
    assert_int_equal(key_make(&out->key, &err), 0);
    key_request(out->key, &request);
    out->facts.until = ca_until(ca, now, LIMIT_CERTIFICATE_MS);
    int rc = ca_sign(ca, buf_slice(&request), &out->facts, now, &out->certificate, &err);
    if (rc != 0)
        fail_msg("%s", err.text);
    buf_close(&request);
}

void dismiss(struct node_identity *n)
{
    key_free(n->key);
    buf_close(&n->certificate);
}

X509 *x509_of(struct slice pem)
{
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.len);
    X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    assert_non_null(x);
    return x;
}

X509 *x509_of_ca(const struct ca *ca)
{
    struct buf pem;
    buf_init(&pem, 65536);
    ca_write(ca, &pem);
    X509 *x = x509_of(buf_slice(&pem));
    buf_close(&pem);
    return x;
}

static EVP_PKEY *evp_of(struct buf *pem)
{
    BIO *bio = BIO_new_mem_buf(pem->data, (int)pem->len);
    EVP_PKEY *k = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    buf_close(pem);
    assert_non_null(k);
    return k;
}

EVP_PKEY *evp_of_key(const struct key *k)
{
    struct buf pem;
    buf_init(&pem, 65536);
    key_write(k, &pem);
    return evp_of(&pem);
}

EVP_PKEY *evp_of_ca(const struct ca *ca)
{
    struct buf pem;
    buf_init(&pem, 65536);
    ca_write_key(ca, &pem);
    return evp_of(&pem);
}
