/* lib/db/memory.c - SQLite's memory, counted a thread. SQLite's own count is one for all threads,
 * and the lock before it is a twentieth of what a small write costs.
 *
 * A statement takes and gives back a dozen small pieces each time it runs, and Debian's SQLite has
 * no lookaside for them: so each thread keeps some of those that came back, by size. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "db/private.h"

#define STEP_BYTES 64   /* from one size that is kept to the next */
#define SIZES 32        /* up to 2 KiB; a page of the cache is larger */
#define KEPT_OF_SIZE 64 /* then they go back to the system */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define KEEPS false /* else nobody would see that a piece is used once it was given back */
#else
#define KEEPS true
#endif

/* What stands before each piece; SQLite wants multiples of eight. */
struct piece {
    int64_t bytes; /* behind it */
};

/* The same while it is kept. */
struct kept {
    struct piece piece;
    struct kept *next;
};

static _Thread_local int64_t held;
static _Thread_local struct {
    struct kept *first;
    size_t n;
} sizes[SIZES + 1]; /* by steps, with what stands before */

int64_t db_thread_bytes(void)
{
    return held;
}

static struct piece *piece_of(void *p)
{
    return (struct piece *)p - 1;
}

static int size_of(void *p)
{
    return (int)piece_of(p)->bytes;
}

static size_t steps_of(size_t whole)
{
    return (whole + STEP_BYTES - 1) / STEP_BYTES;
}

static void *take(int n)
{
    size_t whole = (size_t)n + sizeof(struct piece), steps = steps_of(whole);
    struct piece *p;
    if (KEEPS && steps <= SIZES)
        whole = steps * STEP_BYTES;
    if (KEEPS && steps <= SIZES && sizes[steps].first != NULL) {
        p = &sizes[steps].first->piece;
        sizes[steps].first = sizes[steps].first->next;
        sizes[steps].n--;
    } else if ((p = malloc(whole)) == NULL) {
        return NULL;
    }
    p->bytes = (int64_t)(whole - sizeof *p);
    held += p->bytes;
    return p + 1;
}

/* A thread that holds nothing keeps nothing. */
static void drop_kept(void)
{
    for (size_t i = 0; i <= SIZES; i++) {
        struct kept *k;
        while ((k = sizes[i].first) != NULL) {
            sizes[i].first = k->next;
            free(k);
        }
        sizes[i].n = 0;
    }
}

static void give_back(void *p)
{
    struct piece *piece = piece_of(p);
    size_t steps = steps_of((size_t)piece->bytes + sizeof *piece);
    held -= piece->bytes;
    if (KEEPS && steps <= SIZES && sizes[steps].n < KEPT_OF_SIZE) {
        struct kept *k = (struct kept *)piece;
        k->next = sizes[steps].first;
        sizes[steps].first = k;
        sizes[steps].n++;
    } else {
        free(piece);
    }
    if (KEEPS && held <= 0)
        drop_kept();
}

static bool is_small(size_t n)
{
    return steps_of(n + sizeof(struct piece)) <= SIZES;
}

static void *take_more(void *p, int n)
{
    size_t before = (size_t)size_of(p), wanted = (size_t)n;
    if (is_small(before) || is_small(wanted)) {
        if (wanted <= before && is_small(before))
            return p;
        void *other = take(n);
        if (other != NULL) {
            memcpy(other, p, before < wanted ? before : wanted);
            give_back(p);
        }
        return other;
    }
    struct piece *more = realloc(piece_of(p), wanted + sizeof *more);
    if (more == NULL)
        return NULL;
    more->bytes = (int64_t)wanted;
    held += more->bytes - (int64_t)before;
    return more + 1;
}

static int round_up(int n)
{
    return (n + 7) & ~7;
}

static int begin(void *data)
{
    (void)data;
    return SQLITE_OK;
}

static void end(void *data)
{
    (void)data;
}

/* Before main(), and so before SQLite's first allocation, as it wants. */
__attribute__((constructor)) static void settle(void)
{
    const sqlite3_mem_methods methods = {take,     give_back, take_more, size_of,
                                         round_up, begin,     end,       NULL};
    int rc = sqlite3_config(SQLITE_CONFIG_MALLOC, &methods);
    ASSERT(rc == SQLITE_OK);
    rc = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    ASSERT(rc == SQLITE_OK);
}
