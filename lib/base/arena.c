#include "base/arena.h"
#include "base/assert.h"
#include "base/mem.h"

#include <stdalign.h>
#include <stdio.h>
#include <string.h>

/* Of blocks with their heads: small for what is kept by the ten thousand, then twice as large as
 * the last one. */
#define BLOCK_SIZE_FIRST 512
#define BLOCK_SIZE_MOST 4096

struct arena_block {
    struct arena_block *next;
    size_t size; /* of data */
    alignas(max_align_t) char data[];
};

static size_t aligned(size_t size)
{
    return (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
}

static size_t next_room(const struct arena *a)
{
    size_t whole = BLOCK_SIZE_FIRST;
    if (a->blocks != NULL)
        whole = 2 * (sizeof(struct arena_block) + a->blocks->size);
    return (whole < BLOCK_SIZE_MOST ? whole : BLOCK_SIZE_MOST) - sizeof(struct arena_block);
}

void *arena_alloc(struct arena *a, size_t size)
{
    size = aligned(size == 0 ? 1 : size);
    if (a->blocks == NULL || a->blocks->size - a->used < size) {
        size_t room = next_room(a) > size ? next_room(a) : size;
        struct arena_block *b = mem_alloc(sizeof(*b) + room);
        b->next = a->blocks;
        b->size = room;
        a->blocks = b;
        a->used = 0;
    }
    void *p = a->blocks->data + a->used;
    a->used += size;
    return memset(p, 0, size);
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
    char *copy = arena_alloc(a, n + 1);
    memcpy(copy, s, n);
    return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
    return s == NULL ? NULL : arena_strndup(a, s, strlen(s));
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int len = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    ASSERT(len >= 0);
    char *text = arena_alloc(a, (size_t)len + 1);
    va_start(ap, fmt);
    vsnprintf(text, (size_t)len + 1, fmt, ap);
    va_end(ap);
    return text;
}

size_t arena_bytes(const struct arena *a)
{
    size_t bytes = 0;
    for (const struct arena_block *b = a->blocks; b != NULL; b = b->next)
        bytes += sizeof(*b) + b->size;
    return bytes;
}

void arena_close(struct arena *a)
{
    while (a->blocks != NULL) {
        struct arena_block *b = a->blocks;
        a->blocks = b->next;
        mem_free(b);
    }
    *a = (struct arena){0};
}
