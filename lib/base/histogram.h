/* lib/base/histogram.h - how large were many numbers? Buckets that grow with what they hold: below
 * 32 one for each number, from there on sixteen to each doubling, so that one is at most 1/16 of
 * its numbers wide. Counts of the same bucket add up, whoever has counted. Whole numbers only: all
 * replicas agree. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct bucket {
    int bucket;
    int64_t n;
};

int bucket_of(int64_t value); /* less than 0 counts as 0 */
int64_t bucket_middle(int bucket);

/* The middle of the bucket in which `permille` of all lie at or below, 0 without any. `buckets` has
 * each at most once, ascending. */
int64_t histogram_at(const struct bucket *buckets, size_t n, int permille);
int64_t histogram_count(const struct bucket *buckets, size_t n);
