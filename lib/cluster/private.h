/* lib/cluster/private.h - what the files of this room share: OpenSSL's own types, and its errors
 * as ours. */
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "cluster/ca.h"
#include "cluster/key.h"

/* With OpenSSL's reason; empties its queue. Returns -1. */
int openssl_error(struct error *err, enum error_code code, const char *what);

/* NULL, and OpenSSL's queue empty: there is none in it. Never asks for a password. */
X509 *pem_certificate(struct slice pem);
X509_REQ *pem_request(struct slice pem);
EVP_PKEY *pem_key(struct slice pem);

EVP_PKEY *key_evp(const struct key *k); /* borrowed */
bool key_is_ours(const EVP_PKEY *k);    /* P-256 */
int key_make_evp(EVP_PKEY **out, struct error *err) MUST_CHECK;
void key_write_evp(EVP_PKEY *k, struct buf *out);
void key_hash_evp(const EVP_PKEY *k, uint8_t out[SHA256_SIZE]);
/* The key that signed the request, borrowed from it; NULL and err filled: it is of no use. */
EVP_PKEY *key_of_request(X509_REQ *request, struct error *err);

/* The only entry of that kind in a name, as text without control characters. */
bool name_entry(const X509_NAME *name, int nid, char *dst, size_t size);
struct wall wall_of(const ASN1_TIME *t); /* 0 if it is none */
int certificate_of(X509 *x, struct certificate *out, struct error *err) MUST_CHECK;

/* As ca_check(), of what a handshake holds. */
int ca_check_x509(const struct ca *ca, X509 *x, enum certificate_use use, struct wall now,
                  struct certificate *out, struct error *err) MUST_CHECK;
