#include "model/ports.h"
#include "base/assert.h"
#include "base/mem.h"

#include <string.h>

void ports_close(struct ports *p)
{
    mem_free(p->ranges);
    *p = (struct ports){0};
}

static void reserve(struct ports *p, size_t n)
{
    if (n <= p->cap)
        return;
    p->cap = n < 4 ? 4 : n * 2;
    p->ranges = mem_realloc(p->ranges, p->cap * sizeof(*p->ranges));
}

void ports_copy(struct ports *to, const struct ports *from)
{
    ports_close(to);
    reserve(to, from->n);
    if (from->n > 0)
        memcpy(to->ranges, from->ranges, from->n * sizeof(*from->ranges));
    to->n = from->n;
}

/* Puts `n` ranges in place of those from `at` to before `end`. */
static void splice(struct ports *p, size_t at, size_t end, const struct port_range *ranges,
                   size_t n)
{
    reserve(p, p->n + n);
    if (p->n > end)
        memmove(p->ranges + at + n, p->ranges + end, (p->n - end) * sizeof(*p->ranges));
    for (size_t i = 0; i < n; i++)
        p->ranges[at + i] = ranges[i];
    p->n = p->n - (end - at) + n;
}

/* The first range that ends at or after `port`. */
static size_t first_reaching(const struct ports *p, int port)
{
    size_t low = 0, high = p->n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (p->ranges[mid].end < port)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

void ports_add(struct ports *p, uint16_t begin, uint16_t end)
{
    ASSERT(begin <= end);
    struct port_range all = {begin, end};
    size_t at = first_reaching(p, (int)begin - 1), past = at; /* neighbours melt into it */
    while (past < p->n && p->ranges[past].begin <= (int)end + 1) {
        all.begin = p->ranges[past].begin < all.begin ? p->ranges[past].begin : all.begin;
        all.end = p->ranges[past].end > all.end ? p->ranges[past].end : all.end;
        past++;
    }
    splice(p, at, past, &all, 1);
}

void ports_remove(struct ports *p, uint16_t begin, uint16_t end)
{
    ASSERT(begin <= end);
    struct port_range rest[2];
    size_t n = 0, at = first_reaching(p, begin), past = at;
    while (past < p->n && p->ranges[past].begin <= end) {
        struct port_range r = p->ranges[past++];
        if (r.begin < begin)
            rest[n++] = (struct port_range){r.begin, (uint16_t)(begin - 1)};
        if (r.end > end)
            rest[n++] = (struct port_range){(uint16_t)(end + 1), r.end};
    }
    if (past > at)
        splice(p, at, past, rest, n);
}

bool ports_have(const struct ports *p, uint16_t port)
{
    size_t at = first_reaching(p, port);
    return at < p->n && p->ranges[at].begin <= port;
}

static size_t range_size(struct port_range r)
{
    return (size_t)(r.end - r.begin) + 1;
}

size_t ports_count(const struct ports *p)
{
    size_t count = 0;
    for (size_t i = 0; i < p->n; i++)
        count += range_size(p->ranges[i]);
    return count;
}

bool ports_contain(const struct ports *p, const struct ports *all_of)
{
    for (size_t i = 0; i < all_of->n; i++) {
        size_t at = first_reaching(p, all_of->ranges[i].end);
        if (at == p->n || p->ranges[at].begin > all_of->ranges[i].begin)
            return false;
    }
    return true;
}

bool ports_take(struct ports *p, uint16_t port)
{
    if (!ports_have(p, port))
        return false;
    ports_remove(p, port, port);
    return true;
}

/* The i-th port of the set, counted from 0. */
static uint16_t nth(const struct ports *p, size_t i)
{
    size_t at = 0;
    while (i >= range_size(p->ranges[at]))
        i -= range_size(p->ranges[at++]);
    return (uint16_t)(p->ranges[at].begin + i);
}

bool ports_take_random(struct ports *p, size_t n, struct rng *rng, uint16_t *out)
{
    size_t count = ports_count(p);
    if (n > count)
        return false;
    size_t start = n == 0 ? 0 : (size_t)rng_below(rng, count);
    for (size_t i = 0; i < n; i++)
        out[i] = nth(p, (start + i) % count);
    for (size_t i = 0; i < n; i++)
        ports_remove(p, out[i], out[i]);
    return true;
}

void ports_text(const struct ports *p, struct buf *out)
{
    buf_putc(out, '[');
    for (size_t i = 0; i < p->n; i++)
        buf_printf(out, "%s%u-%u", i == 0 ? "" : ", ", p->ranges[i].begin, p->ranges[i].end);
    buf_putc(out, ']');
}
