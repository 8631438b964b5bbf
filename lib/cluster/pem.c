/* OpenSSL's PEM, within a limit and without its password prompt; and its errors as ours. */
#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/limits.h"
#include "cluster/private.h"

int openssl_error(struct error *err, enum error_code code, const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return error_set(err, code, "%s: %s", what, reason != NULL ? reason : "OpenSSL failed");
}

static int no_password(char *buf, int size, int writing, void *data)
{
    (void)buf;
    (void)size;
    (void)writing;
    (void)data;
    return -1;
}

static BIO *bio_of(struct slice pem)
{
    return pem.len == 0 || pem.len > LIMIT_CERTIFICATE_BYTES ? NULL
                                                             : BIO_new_mem_buf(pem.p, (int)pem.len);
}

X509 *pem_certificate(struct slice pem)
{
    BIO *bio = bio_of(pem);
    X509 *x = bio != NULL ? PEM_read_bio_X509(bio, NULL, no_password, NULL) : NULL;
    BIO_free(bio);
    ERR_clear_error();
    return x;
}

X509_REQ *pem_request(struct slice pem)
{
    BIO *bio = bio_of(pem);
    X509_REQ *r = bio != NULL ? PEM_read_bio_X509_REQ(bio, NULL, no_password, NULL) : NULL;
    BIO_free(bio);
    ERR_clear_error();
    return r;
}

EVP_PKEY *pem_key(struct slice pem)
{
    BIO *bio = bio_of(pem);
    EVP_PKEY *k = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;
    BIO_free(bio);
    ERR_clear_error();
    return k;
}
