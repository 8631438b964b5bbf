#include "base/hash.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/assert.h"

/* EVP fails only when it runs out of memory or the library is broken. */

struct sha256 *sha256_new(void)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    ASSERT(ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1);
    return (struct sha256 *)ctx;
}

void sha256_add(struct sha256 *h, const void *p, size_t n)
{
    ASSERT(EVP_DigestUpdate((EVP_MD_CTX *)h, p, n) == 1);
}

void sha256_end(struct sha256 *h, uint8_t out[SHA256_SIZE])
{
    ASSERT(EVP_DigestFinal_ex((EVP_MD_CTX *)h, out, NULL) == 1);
    EVP_MD_CTX_free((EVP_MD_CTX *)h);
}

void sha256_of(const void *p, size_t n, uint8_t out[SHA256_SIZE])
{
    ASSERT(EVP_Digest(p, n, out, NULL, EVP_sha256(), NULL) == 1);
}

bool secret_equal(const void *a, const void *b, size_t n)
{
    return CRYPTO_memcmp(a, b, n) == 0;
}

/* SipHash-1-3 (Aumasson, Bernstein: "SipHash: a fast short-input PRF"), keyed with the seed and
 * the second half of the key that the published test vectors use. */

#define SECOND_KEY 0x0f0e0d0c0b0a0908

/* Each row that changes is hashed twice: what follows is inlined, and `v` stays in registers. */
#define INLINED static inline __attribute__((always_inline))

INLINED uint64_t rotate(uint64_t x, unsigned by)
{
    return x << by | x >> (64 - by);
}

INLINED void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

INLINED void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
}

INLINED uint64_t little_endian(const uint8_t *p, size_t n)
{
    uint64_t word = 0;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (n == 8) {
        memcpy(&word, p, 8);
        return word;
    }
#endif
    for (size_t i = 0; i < n; i++)
        word |= (uint64_t)p[i] << (8 * i);
    return word;
}

uint64_t hash64(const void *p, size_t n, uint64_t seed)
{
    const uint8_t *b = p;
    uint64_t v[4] = {
        seed ^ 0x736f6d6570736575,
        SECOND_KEY ^ 0x646f72616e646f6d,
        seed ^ 0x6c7967656e657261,
        SECOND_KEY ^ 0x7465646279746573,
    };
    size_t left = n;
    for (; left >= 8; left -= 8, b += 8)
        sip_word(v, little_endian(b, 8));
    sip_word(v, little_endian(b, left) | (uint64_t)n << 56);
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
