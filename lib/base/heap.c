#include "base/heap.h"

#include "base/assert.h"
#include "base/mem.h"

void heap_close(struct heap *h)
{
    for (size_t i = 0; i < h->n; i++)
        h->items[i]->place = 0;
    mem_free(h->items);
    *h = (struct heap){0};
}

static void put(struct heap *h, size_t place, struct heap_item *item)
{
    h->items[place - 1] = item;
    item->place = place;
}

/* Towards the first, past all that are due later. */
static void rise(struct heap *h, struct heap_item *item)
{
    size_t at = item->place;
    for (; at > 1 && h->items[at / 2 - 1]->due.ms > item->due.ms; at /= 2)
        put(h, at, h->items[at / 2 - 1]);
    put(h, at, item);
}

static void sink(struct heap *h, struct heap_item *item)
{
    size_t at = item->place;
    for (size_t below; (below = at * 2) <= h->n; at = below) {
        if (below < h->n && h->items[below]->due.ms < h->items[below - 1]->due.ms)
            below++;
        if (h->items[below - 1]->due.ms >= item->due.ms)
            break;
        put(h, at, h->items[below - 1]);
    }
    put(h, at, item);
}

void heap_remove(struct heap *h, struct heap_item *item)
{
    item->due = MONO_NEVER;
    if (item->place == 0)
        return;
    ASSERT(item->place <= h->n && h->items[item->place - 1] == item);
    struct heap_item *last = h->items[--h->n];
    if (last != item) {
        put(h, item->place, last);
        rise(h, last);
        sink(h, last);
    }
    item->place = 0;
}

void heap_set(struct heap *h, struct heap_item *item, struct mono due)
{
    if (due.ms == MONO_NEVER.ms) {
        heap_remove(h, item);
        return;
    }
    if (item->place == 0) {
        if (h->n == h->cap) {
            h->cap = h->cap == 0 ? 16 : h->cap * 2;
            h->items = mem_realloc(h->items, h->cap * sizeof h->items[0]);
        }
        put(h, ++h->n, item);
    }
    item->due = due;
    rise(h, item);
    sink(h, item);
}

struct heap_item *heap_first(const struct heap *h)
{
    return h->n > 0 ? h->items[0] : NULL;
}

struct mono heap_due(const struct heap *h)
{
    return h->n > 0 ? h->items[0]->due : MONO_NEVER;
}
