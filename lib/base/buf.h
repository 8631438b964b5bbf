/* lib/base/buf.h - slices (borrowed bytes) and buffers (owned, growing up to a maximum that
 * they are born with).
 *
 * A buffer that would pass its maximum keeps what it has, drops the rest and stays `full`: the
 * writer goes on, whoever ends it asks buf_full() once. `data` is always NUL-terminated. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slice {
    const char *p; /* not NUL-terminated unless it says so */
    size_t len;
};

#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})
struct slice slice_of(const char *s); /* NULL gives the empty slice */
bool slice_eq(struct slice a, struct slice b);
bool slice_is(struct slice a, const char *s);
bool slice_is_nocase(struct slice a, const char *s);
char *slice_dup(struct slice a); /* NUL-terminated; the caller frees */
uint64_t u64_at(const char *p);  /* as buf_put_u64() wrote it */

struct buf {
    char *data; /* NULL while nothing was put */
    size_t len;
    size_t max; /* bytes, without the NUL */
    /* private */
    size_t cap;
    bool full;
};

void buf_init(struct buf *b, size_t max);
void buf_put(struct buf *b, const void *p, size_t n);
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
void buf_put_slice(struct buf *b, struct slice s);
void buf_put_u64(struct buf *b, uint64_t v); /* 8 bytes, the least first */
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *fmt, va_list ap);
bool buf_full(const struct buf *b);
struct slice buf_slice(const struct buf *b);
const char *buf_str(const struct buf *b);       /* "" when empty; borrowed */
char *buf_take(struct buf *b, size_t *len_out); /* the caller frees; b is empty again. Never NULL */
void buf_consume(struct buf *b, size_t n);      /* drops the first n bytes */
void buf_clear(struct buf *b);                  /* keeps the memory */
void buf_close(struct buf *b);                  /* accepts a zeroed struct */
