#include "cluster/key.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "base/assert.h"
#include "cluster/private.h"

/* OpenSSL's object is ours under another name. */

EVP_PKEY *key_evp(const struct key *k)
{
    return (EVP_PKEY *)k;
}

bool key_is_ours(const EVP_PKEY *k)
{
    char group[32];
    size_t len;
    int spelled_out = 0; /* the curve by its numbers: verifying refuses such keys */
    return EVP_PKEY_is_a(k, "EC") &&
           EVP_PKEY_get_int_param(k, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
                                  &spelled_out) == 1 &&
           spelled_out == 0 && EVP_PKEY_get_group_name(k, group, sizeof group, &len) == 1 &&
           strcmp(group, SN_X9_62_prime256v1) == 0;
}

int key_make_evp(EVP_PKEY **out, struct error *err)
{
    EVP_PKEY *k = EVP_EC_gen("P-256");
    if (k == NULL)
        return openssl_error(err, ERR_IO, "key: cannot be drawn");
    *out = k;
    return 0;
}

int key_make(struct key **out, struct error *err)
{
    EVP_PKEY *k = NULL;
    if (key_make_evp(&k, err) != 0)
        return -1;
    *out = (struct key *)k;
    return 0;
}

int key_read(struct slice pem, struct key **out, struct error *err)
{
    EVP_PKEY *k = pem_key(pem);
    if (k == NULL || !key_is_ours(k)) {
        EVP_PKEY_free(k);
        return error_set(err, ERR_CORRUPT,
                         "key: need a private key of P-256 as PEM: put back what "
                         "was there");
    }
    *out = (struct key *)k;
    return 0;
}

static void put_bio(BIO *bio, struct buf *out)
{
    char *data;
    long len = BIO_get_mem_data(bio, &data);
    buf_put(out, data, (size_t)len);
    BIO_free(bio);
}

void key_write_evp(EVP_PKEY *k, struct buf *out)
{
    BIO *bio = BIO_new(BIO_s_secmem()); /* wiped when it is freed */
    int rc = PEM_write_bio_PKCS8PrivateKey(bio, k, NULL, NULL, 0, NULL, NULL);
    ASSERT(rc == 1); /* it fails only without memory */
    put_bio(bio, out);
}

void key_write(const struct key *k, struct buf *out)
{
    key_write_evp(key_evp(k), out);
}

void key_free(struct key *k)
{
    EVP_PKEY_free((EVP_PKEY *)k);
}

void key_request(const struct key *k, struct buf *out)
{
    X509_REQ *r = X509_REQ_new();
    BIO *bio = BIO_new(BIO_s_mem());
    bool fine = r != NULL && bio != NULL && X509_REQ_set_version(r, X509_REQ_VERSION_1) == 1 &&
                X509_REQ_set_pubkey(r, key_evp(k)) == 1 &&
                X509_REQ_sign(r, key_evp(k), EVP_sha256()) > 0 &&
                PEM_write_bio_X509_REQ(bio, r) == 1;
    ASSERT(fine);
    put_bio(bio, out);
    X509_REQ_free(r);
}

void key_hash_evp(const EVP_PKEY *k, uint8_t out[SHA256_SIZE])
{
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(k, &der);
    ASSERT(len > 0);
    sha256_of(der, (size_t)len, out);
    OPENSSL_free(der);
}

void key_hash(const struct key *k, uint8_t out[SHA256_SIZE])
{
    key_hash_evp(key_evp(k), out);
}

EVP_PKEY *key_of_request(X509_REQ *request, struct error *err)
{
    EVP_PKEY *key = request != NULL ? X509_REQ_get0_pubkey(request) : NULL;
    if (key == NULL)
        error_set(err, ERR_INVALID, "request: need a request for a certificate as PEM");
    else if (!key_is_ours(key))
        error_set(err, ERR_INVALID, "request: got a key of another kind, need one of P-256");
    else if (X509_REQ_verify(request, key) != 1)
        error_set(err, ERR_INVALID, "request: is not signed by its own key");
    else
        return key;
    ERR_clear_error();
    return NULL;
}

int key_hash_of_request(struct slice request, uint8_t out[SHA256_SIZE], struct error *err)
{
    X509_REQ *r = pem_request(request);
    EVP_PKEY *k = key_of_request(r, err);
    if (k != NULL)
        key_hash_evp(k, out);
    X509_REQ_free(r);
    return k != NULL ? 0 : -1;
}
