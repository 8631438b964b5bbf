/* xoshiro256** 1.0, its state filled by splitmix64 as its authors advise
 * (Blackman, Vigna: "Scrambled linear pseudorandom number generators"). */
#include "base/rng.h"

#include <string.h>

#include "base/assert.h"
#include "base/str.h"

static uint64_t splitmix(uint64_t *x)
{
    uint64_t z = *x += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

void rng_seed(struct rng *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        r->s[i] = splitmix(&seed);
}

static uint64_t rotate(uint64_t x, unsigned by)
{
    return x << by | x >> (64 - by);
}

uint64_t rng_next(struct rng *r)
{
    uint64_t *s = r->s;
    uint64_t drawn = rotate(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return drawn;
}

uint64_t rng_below(struct rng *r, uint64_t n)
{
    ASSERT(n > 0);
    uint64_t uneven = -n % n; /* so many of the 2^64 numbers would favour the small remainders */
    uint64_t drawn;
    do
        drawn = rng_next(r);
    while (drawn < uneven);
    return drawn % n;
}

int64_t rng_id(struct rng *r)
{
    return 1 + (int64_t)rng_below(r, INT64_MAX);
}

void rng_fill(struct rng *r, void *dst, size_t n)
{
    for (uint8_t *at = dst; n > 0; n--)
        *at++ = (uint8_t)rng_next(r);
}

bool rng_chance(struct rng *r, double p)
{
    return (double)(rng_next(r) >> 11) * 0x1p-53 < p;
}

struct uuid rng_uuid(struct rng *r)
{
    struct uuid u;
    for (int i = 0; i < 16; i += 8) {
        uint64_t drawn = rng_next(r);
        for (int k = 0; k < 8; k++)
            u.b[i + k] = (uint8_t)(drawn >> (8 * k));
    }
    u.b[6] = (uint8_t)((u.b[6] & 0x0f) | 0x40); /* version 4 */
    u.b[8] = (uint8_t)((u.b[8] & 0x3f) | 0x80); /* the variant of RFC 4122 */
    return u;
}

/* Bytes before each dash: 4-2-2-2-6. */
static bool dash_before(int byte)
{
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

const char *uuid_text(struct uuid u, char dst[UUID_TEXT_SIZE])
{
    char *at = dst;
    for (int i = 0; i < 16; i++) {
        if (dash_before(i))
            *at++ = '-';
        hex_encode(at, &u.b[i], 1);
        at += 2;
    }
    return dst;
}

bool uuid_parse(const char *text, struct uuid *out)
{
    struct uuid u;
    if (strnlen(text, UUID_TEXT_SIZE) != UUID_TEXT_SIZE - 1)
        return false;
    for (int i = 0; i < 16; i++, text += 2) {
        if (dash_before(i) && *text++ != '-')
            return false;
        char digits[3] = {text[0], text[1]};
        if (!hex_decode(&u.b[i], 1, digits))
            return false;
    }
    *out = u;
    return true;
}
