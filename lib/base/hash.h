/* lib/base/hash.h - SHA-256 (libcrypto's) and a fast 64-bit hash for tables and row sums. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE 32
struct sha256; /* opaque: hides libcrypto */
struct sha256 *sha256_new(void);
void sha256_add(struct sha256 *h, const void *p, size_t n);
void sha256_end(struct sha256 *h, uint8_t out[SHA256_SIZE]); /* frees h */
void sha256_of(const void *p, size_t n, uint8_t out[SHA256_SIZE]);

/* Takes as long whatever the bytes are: who guesses a secret learns nothing from the time. */
bool secret_equal(const void *a, const void *b, size_t n);

/* SipHash-1-3 keyed with the seed. Stable for ever: sums of it are compared between replicas of
 * different builds. */
uint64_t hash64(const void *p, size_t n, uint64_t seed);
