#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *there(void *p, size_t size)
{
    if (p != NULL)
        return p;
    fprintf(stderr, "mesolith: out of memory, asked for %zu bytes: stopping to be restarted\n",
            size);
    abort();
}

void *mem_alloc(size_t size)
{
    return there(malloc(size > 0 ? size : 1), size);
}

void *mem_zalloc(size_t size)
{
    return there(calloc(1, size > 0 ? size : 1), size);
}

void *mem_realloc(void *p, size_t size)
{
    return there(realloc(p, size > 0 ? size : 1), size);
}

void *mem_dup(const void *p, size_t size)
{
    void *copy = mem_alloc(size);
    if (size > 0)
        memcpy(copy, p, size);
    return copy;
}

char *mem_strndup(const char *s, size_t n)
{
    size_t len = strnlen(s, n);
    char *copy = mem_alloc(len + 1);
    memcpy(copy, s, len);
    copy[len] = '\0';
    return copy;
}

char *mem_strdup(const char *s)
{
    return s == NULL ? NULL : mem_dup(s, strlen(s) + 1);
}

void mem_free(void *p)
{
    free(p);
}
