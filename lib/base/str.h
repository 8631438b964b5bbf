/* lib/base/str.h - C strings: comparing, strict numbers, and making a stranger's text safe to
 * print. Pure. */
#pragma once

#include "base/buf.h"
#include "base/error.h"

bool str_eq(const char *a, const char *b); /* NULL equals only NULL */
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
/* Whole string, decimal, no blanks, no sign but '-'; false when it is not or does not fit. */
bool str_to_i64(const char *s, int64_t *out);
bool str_to_u64(const char *s, uint64_t *out);
bool str_to_double(const char *s, double *out); /* finite ones */
#define I64_TEXT_SIZE 21
/* And back. Not by printf(3), which would bring a process that was just forked a dozen pages.
 * Returns dst. */
const char *str_of_i64(char dst[I64_TEXT_SIZE], int64_t v);
/* Copies at most size-1 bytes, always ends with NUL, never splits an UTF-8 character. */
void str_copy(char *dst, size_t size, const char *src);
/* `"text"`, escaped and clipped with an ellipsis to `size` (at least 6); for error texts. Returns
 * dst. */
const char *str_quote(char *dst, size_t size, const char *text, size_t len);
bool str_is_dots(const char *s);     /* "." or "..", which in paths and URLs name no child */
bool str_is_blank(const char *s);    /* NULL, or of nothing but white space */
bool str_has_control(const char *s); /* a character that moves a terminal, or ends a line */
bool str_utf8_valid(const char *s, size_t len);
struct slice str_unmarked(struct slice text);   /* without the byte order mark in front of UTF-8 */
size_t str_utf8_len(const char *s, size_t len); /* of the character at s; 0 if it is none */
/* Edit distance, for "did you mean". */
unsigned str_distance(const char *a, const char *b); /* in bytes; words over 64 are far apart */
/* The nearest of n names within a third of its length, or NULL. */
const char *str_nearest(const char *got, const char *const *names, size_t n);
int hex_value(char c); /* of a digit, either case; -1 if it is none */
void hex_encode(char *dst, const void *src, size_t n); /* 2n + 1 bytes */
bool hex_decode(void *dst, size_t n, const char *src); /* exactly 2n digits */
