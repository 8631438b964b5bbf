/* lib/cluster/key.h - a private key, of a node or of the cluster's CA, and the request for a
 * certificate that it signs. P-256, drawn by OpenSSL from the system's own chance. */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/hash.h"

struct key; /* opaque: hides OpenSSL's */

int key_make(struct key **out, struct error *err) MUST_CHECK;
/* From PEM. ERR_CORRUPT: it is none, or of another kind; never asks for a password. */
int key_read(struct slice pem, struct key **out, struct error *err) MUST_CHECK;
/* Appends PEM (PKCS #8, in clear): whoever writes it to a file lets nobody else read that. */
void key_write(const struct key *k, struct buf *out);
void key_free(struct key *k); /* accepts NULL; wipes it */

/* Appends a request for a certificate (PKCS #10, PEM). It proves that its sender has the key; what
 * the certificate says is the CA's to decide, so the request says nothing. */
void key_request(const struct key *k, struct buf *out);

/* What the cluster knows a key by: the hash of its public half (SubjectPublicKeyInfo, DER). */
void key_hash(const struct key *k, uint8_t out[SHA256_SIZE]);
/* The same of the key that has signed a request. ERR_INVALID: it is none, is not signed by its key,
 * or its key is not P-256. */
int key_hash_of_request(struct slice request, uint8_t out[SHA256_SIZE],
                        struct error *err) MUST_CHECK;
