/* lib/host/bell.h - wakes a loop from any thread.
 *
 * What uv_async_t is for, but there the loop waits, spinning and yielding, until the thread that
 * has woken it has returned from doing so. Once there are more threads than processors, and the
 * loop has just taken that thread's, this lasts for milliseconds. */
#pragma once

#include <stdatomic.h>
#include <uv.h>

#include "base/error.h"

struct bell {
    void *data; /* the owner's */
    /* private */
    int fd;
    uv_poll_t poll;
    atomic_bool rung; /* and not heard yet */
    void (*heard)(struct bell *b);
    void (*closed)(struct bell *b);
};

/* `heard` is called on the loop's thread, once or more often after each ring that began. */
int bell_open(struct bell *b, uv_loop_t *loop, void (*heard)(struct bell *b),
              struct error *err) MUST_CHECK;
/* Any thread, while it is open. */
void bell_ring(struct bell *b);
/* On the loop's thread, once nobody else can ring any more. May be called from `heard`, which is
 * not called any more; `closed` is, later. */
void bell_close(struct bell *b, void (*closed)(struct bell *b));
