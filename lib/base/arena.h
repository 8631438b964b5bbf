/* lib/base/arena.h - memory that is given back all at once: what one parsed object owns.
 *
 * A zeroed struct is an empty arena. Nothing in it is freed alone; arena_close frees everything.
 * What comes out is zeroed, aligned for any type, and never moves. Pure. */
#pragma once

#include "base/buf.h"

struct arena {
    /* private */
    struct arena_block *blocks; /* the newest first */
    size_t used;                /* of the newest */
};

void *arena_alloc(struct arena *a, size_t size);    /* zeroed; never NULL, not even for 0 */
char *arena_strdup(struct arena *a, const char *s); /* NULL gives NULL */
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
size_t arena_bytes(const struct arena *a); /* that it has of the system */
void arena_close(struct arena *a);         /* accepts a zeroed struct; it is empty again */
