/* lib/base/rng.h - chance that its owner seeds: by the system in the binary, by the test in the
 * simulator. Not for keys or secrets. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rng {
    uint64_t s[4];
};

void rng_seed(struct rng *r, uint64_t seed);
uint64_t rng_next(struct rng *r);
uint64_t rng_below(struct rng *r, uint64_t n); /* 0..n-1, unbiased; n > 0 */
int64_t rng_id(struct rng *r);                 /* 63 random bits, never 0: a row's key */
void rng_fill(struct rng *r, void *dst, size_t n);
bool rng_chance(struct rng *r, double p);

struct uuid {
    uint8_t b[16];
};
struct uuid rng_uuid(struct rng *r); /* version 4 */
#define UUID_TEXT_SIZE 37
const char *uuid_text(struct uuid u, char dst[UUID_TEXT_SIZE]); /* lower case, with dashes */
bool uuid_parse(const char *text, struct uuid *out);
