/* lib/base/heap.h - which comes first? An intrusive binary heap of due times: a member knows its
 * place, so it moves or leaves in O(log n). Members that are due at the same time come in no order
 * that may be relied on, but always in the same one. Pure. */
#pragma once

#include <stddef.h>

#include "base/time.h"

struct heap_item {
    struct mono due;
    size_t place; /* in its heap, from 1; 0: in none, as a zeroed one */
};

struct heap { /* zeroed: empty */
    struct heap_item **items;
    size_t n, cap;
};

void heap_close(struct heap *h); /* not the items */
/* Puts it in, or moves it; MONO_NEVER takes it out. */
void heap_set(struct heap *h, struct heap_item *item, struct mono due);
/* It is due never. Safe to call twice. */
void heap_remove(struct heap *h, struct heap_item *item);
/* The one that is due first, or NULL; it stays. */
struct heap_item *heap_first(const struct heap *h);
struct mono heap_due(const struct heap *h); /* of the first; MONO_NEVER: empty */
