/* lib/host/mailbox.h - a queue between threads: many put, one takes everything at once.
 *
 * Bounded lanes: what a stranger can cause (requests) has a limit and is refused over it; what
 * Raft, agents and the executor send has lanes of its own, so that a flood of requests does not
 * delay them (DESIGN 3). Items are moved in and out whole; the mailbox knows only their size. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "base/time.h"

struct mailbox {
    /* private */
    uv_mutex_t lock;
    uv_cond_t filled;
    char *items;
    size_t item_size, n, cap;
    size_t taken;          /* so many were there the last time */
    size_t bounded, limit; /* items of the bounded lane, and how many there may be */
    bool closed;
};

void mailbox_init(struct mailbox *m, size_t item_size, size_t limit);
/* Nobody uses it any more; what is in it is the owner's to take first. */
void mailbox_close(struct mailbox *m);

enum lane { LANE_BOUNDED, LANE_FREE };
/* False: full, or shut; the item stays the caller's. Any thread. */
bool mailbox_put(struct mailbox *m, const void *item, enum lane lane);
/* Nothing can be put any more, and nobody waits any more. Any thread. */
void mailbox_shut(struct mailbox *m);

/* Waits until something is there, or for at most `wait_ms` (-1: for ever), or until it is shut.
 * Gives all items, in the order they came; the caller frees *items_out. */
size_t mailbox_take(struct mailbox *m, int64_t wait_ms, void **items_out);
