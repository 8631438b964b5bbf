#include "base/buf.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/assert.h"
#include "base/mem.h"

#define SMALLEST 64 /* bytes of a buffer's first memory */

struct slice slice_of(const char *s)
{
    return s == NULL ? (struct slice){"", 0} : (struct slice){s, strlen(s)};
}

bool slice_eq(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

bool slice_is(struct slice a, const char *s)
{
    return slice_eq(a, slice_of(s));
}

bool slice_is_nocase(struct slice a, const char *s)
{
    struct slice b = slice_of(s);
    return a.len == b.len && (a.len == 0 || strncasecmp(a.p, b.p, a.len) == 0);
}

char *slice_dup(struct slice a)
{
    char *copy = mem_alloc(a.len + 1);
    if (a.len > 0)
        memcpy(copy, a.p, a.len);
    copy[a.len] = '\0';
    return copy;
}

void buf_init(struct buf *b, size_t max)
{
    ASSERT(max < SIZE_MAX / 4);
    *b = (struct buf){.max = max};
}

/* Makes room for n more bytes and the NUL; false, and full for good, if the maximum forbids it. */
static bool reserve(struct buf *b, size_t n)
{
    if (b->full || n > b->max - b->len) {
        b->full = true;
        return false;
    }
    size_t need = b->len + n + 1;
    if (need <= b->cap)
        return true;
    size_t cap = b->cap > SMALLEST / 2 ? b->cap * 2 : SMALLEST;
    if (cap > b->max + 1)
        cap = b->max + 1;
    if (cap < need)
        cap = need;
    b->data = mem_realloc(b->data, cap);
    b->cap = cap;
    return true;
}

void buf_put(struct buf *b, const void *p, size_t n)
{
    if (!reserve(b, n))
        return;
    if (n > 0)
        memcpy(b->data + b->len, p, n);
    b->len += n;
    b->data[b->len] = '\0';
}

void buf_puts(struct buf *b, const char *s)
{
    buf_put(b, s, strlen(s));
}

void buf_putc(struct buf *b, char c)
{
    buf_put(b, &c, 1);
}

void buf_put_slice(struct buf *b, struct slice s)
{
    buf_put(b, s.p, s.len);
}

void buf_put_u64(struct buf *b, uint64_t v)
{
    char bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (char)(v >> 8 * i);
    buf_put(b, bytes, sizeof bytes);
}

uint64_t u64_at(const char *p)
{
    uint64_t v = 0;
    for (int i = 0; i < 8; i++)
        v |= (uint64_t)(uint8_t)p[i] << 8 * i;
    return v;
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    char *end = b->data == NULL ? NULL : b->data + b->len;
    size_t room = b->data == NULL ? 0 : b->cap - b->len;
    int len = vsnprintf(end, room, fmt, ap);
    ASSERT(len >= 0); /* our own formats */
    if (!reserve(b, (size_t)len)) {
        if (b->data != NULL)
            b->data[b->len] = '\0'; /* over what the first try left there */
    } else {
        if ((size_t)len >= room)
            vsnprintf(b->data + b->len, (size_t)len + 1, fmt, again);
        b->len += (size_t)len;
    }
    va_end(again);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(b, fmt, ap);
    va_end(ap);
}

bool buf_full(const struct buf *b)
{
    return b->full;
}

struct slice buf_slice(const struct buf *b)
{
    return (struct slice){buf_str(b), b->len};
}

const char *buf_str(const struct buf *b)
{
    return b->data == NULL ? "" : b->data;
}

char *buf_take(struct buf *b, size_t *len_out)
{
    char *data = b->data != NULL ? b->data : mem_zalloc(1);
    if (len_out != NULL)
        *len_out = b->len;
    buf_init(b, b->max);
    return data;
}

void buf_consume(struct buf *b, size_t n)
{
    ASSERT(n <= b->len);
    if (n == 0)
        return;
    memmove(b->data, b->data + n, b->len - n + 1);
    b->len -= n;
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    b->full = false;
    if (b->data != NULL)
        b->data[0] = '\0';
}

void buf_close(struct buf *b)
{
    mem_free(b->data);
    *b = (struct buf){.max = b->max};
}
