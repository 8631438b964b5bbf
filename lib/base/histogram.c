#include "base/histogram.h"

#include "base/assert.h"

#define FINE_BITS 4
#define FINE (1 << FINE_BITS) /* buckets to a doubling */

int bucket_of(int64_t value)
{
    if (value < 2 * FINE)
        return value > 0 ? (int)value : 0;
    int shift = 63 - __builtin_clzll((unsigned long long)value) - FINE_BITS;
    return FINE * shift + (int)(value >> shift);
}

int64_t bucket_middle(int bucket)
{
    ASSERT(bucket >= 0 && bucket <= bucket_of(INT64_MAX));
    if (bucket < 2 * FINE)
        return bucket;
    int shift = bucket / FINE - 1;
    return ((int64_t)(bucket - FINE * shift) << shift) + (INT64_C(1) << shift) / 2;
}

int64_t histogram_count(const struct bucket *buckets, size_t n)
{
    int64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += buckets[i].n;
    return sum;
}

int64_t histogram_at(const struct bucket *buckets, size_t n, int permille)
{
    int64_t all = histogram_count(buckets, n), seen = 0;
    int64_t wanted = all / 1000 * permille + (all % 1000 * permille + 999) / 1000;
    for (size_t i = 0; i < n; i++) {
        seen += buckets[i].n;
        if (seen >= wanted && seen > 0)
            return bucket_middle(buckets[i].bucket);
    }
    return 0;
}
