/* lib/db/memory.c - SQLite's memory, counted a thread. SQLite's own count is one for all threads,
 * and the lock before it is a twentieth of what a small write costs. */
#include <malloc.h>
#include <stdlib.h>

#include "base/assert.h"
#include "db/private.h"

static _Thread_local int64_t held;

int64_t db_thread_bytes(void)
{
    return held;
}

static int size_of(void *p)
{
    return (int)malloc_usable_size(p);
}

static void *take(int n)
{
    void *p = malloc((size_t)n);
    held += size_of(p);
    return p;
}

static void give_back(void *p)
{
    held -= size_of(p);
    free(p);
}

static void *take_more(void *p, int n)
{
    int before = size_of(p);
    void *more = realloc(p, (size_t)n);
    if (more != NULL)
        held += size_of(more) - before;
    return more;
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
