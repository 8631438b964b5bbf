#include "base/str.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ELLIPSIS "\xe2\x80\xa6"

bool str_eq(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

bool str_starts(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
    size_t len = strlen(s), tail = strlen(suffix);
    return len >= tail && strcmp(s + len - tail, suffix) == 0;
}

bool str_is_dots(const char *s)
{
    return str_eq(s, ".") || str_eq(s, "..");
}

bool str_is_blank(const char *s)
{
    return s == NULL || s[strspn(s, " \t\n\r\f\v")] == '\0';
}

/* strtol and its kin skip blanks and take '+': look at the first character before them. */
static bool begins_number(const char *s, bool sign)
{
    if (sign && *s == '-')
        s++;
    return isdigit((unsigned char)*s);
}

bool str_to_i64(const char *s, int64_t *out)
{
    char *end;
    if (!begins_number(s, true))
        return false;
    errno = 0;
    long long v = strtoll(s, &end, 10);
    if (errno != 0 || *end != '\0')
        return false;
    *out = v;
    return true;
}

bool str_to_u64(const char *s, uint64_t *out)
{
    char *end;
    if (!begins_number(s, false))
        return false;
    errno = 0;
    unsigned long long v = strtoull(s, &end, 10);
    if (errno != 0 || *end != '\0')
        return false;
    *out = v;
    return true;
}

const char *str_of_i64(char dst[I64_TEXT_SIZE], int64_t v)
{
    char digits[I64_TEXT_SIZE], *p = digits + sizeof(digits);
    uint64_t left = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    *--p = '\0';
    do {
        *--p = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (v < 0)
        *--p = '-';
    return memcpy(dst, p, (size_t)(digits + sizeof(digits) - p));
}

bool str_to_double(const char *s, double *out)
{
    char *end;
    if (!begins_number(s, true) || strpbrk(s, "xX") != NULL)
        return false;
    double v = strtod(s, &end);
    if (*end != '\0' || !isfinite(v))
        return false;
    *out = v;
    return true;
}

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

void str_copy(char *dst, size_t size, const char *src)
{
    size_t len = strnlen(src, size);
    if (len == size) {
        len = size - 1;
        while (len > 0 && is_continuation(src[len]))
            len--;
    }
    memmove(dst, src, len);
    dst[len] = '\0';
}

/* The length of the valid UTF-8 character at s, or 0. */
static size_t utf8_char(const unsigned char *s, size_t len)
{
    static const struct {
        unsigned char first_min, first_max, second_min, second_max, len;
    } forms[] = {
        {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (s[0] < forms[i].first_min || s[0] > forms[i].first_max)
            continue;
        if (len < forms[i].len)
            return 0;
        if (forms[i].len > 1 && (s[1] < forms[i].second_min || s[1] > forms[i].second_max))
            return 0;
        for (size_t k = 2; k < forms[i].len; k++)
            if ((s[k] & 0xc0) != 0x80)
                return 0;
        return forms[i].len;
    }
    return 0;
}

size_t str_utf8_len(const char *s, size_t len)
{
    return len == 0 ? 0 : utf8_char((const unsigned char *)s, len);
}

bool str_has_control(const char *s)
{
    while (*s != '\0' && (unsigned char)*s >= ' ' && *s != 0x7f)
        s++;
    return *s != '\0';
}

struct slice str_unmarked(struct slice text)
{
    bool marked = text.len >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0;
    return marked ? (struct slice){text.p + 3, text.len - 3} : text;
}

bool str_utf8_valid(const char *s, size_t len)
{
    for (size_t i = 0, n; i < len; i += n) {
        n = (signed char)s[i] >= 0 ? 1 : str_utf8_len(s + i, len - i);
        if (n == 0)
            return false;
    }
    return true;
}

/* One character, or one byte that is none, made safe: into out, NUL-terminated. Returns how many
 * bytes of s it took. */
static size_t escape_char(char out[8], const char *s, size_t len)
{
    static const char named[] = "\"\"\\\\\nn\rr\tt"; /* pairs: what it is, what is written */
    size_t n = str_utf8_len(s, len);
    for (const char *p = named; n == 1 && *p != '\0'; p += 2)
        if (*s == *p) {
            snprintf(out, 8, "\\%c", p[1]);
            return 1;
        }
    if (n == 0 || (n == 1 && iscntrl((unsigned char)*s))) {
        snprintf(out, 8, "\\x%02x", (unsigned char)*s);
        return 1;
    }
    memcpy(out, s, n);
    out[n] = '\0';
    return n;
}

const char *str_quote(char *dst, size_t size, const char *text, size_t len)
{
    const size_t tail = strlen(ELLIPSIS "\"") + 1;
    size_t at = 0, mark = 0; /* mark: the last place where the ellipsis still fits */
    char piece[8];
    dst[at++] = '"';
    mark = at;
    for (size_t i = 0; i < len;) {
        i += escape_char(piece, text + i, len - i);
        size_t n = strlen(piece);
        if (at + n + 2 > size) {
            memcpy(dst + mark, ELLIPSIS "\"", tail);
            return dst;
        }
        memcpy(dst + at, piece, n);
        at += n;
        if (at + tail <= size)
            mark = at;
    }
    memcpy(dst + at, "\"", 2);
    return dst;
}

#define DISTANCE_MAX 64 /* bytes; longer words are simply far apart */

unsigned str_distance(const char *a, const char *b)
{
    size_t na = strlen(a), nb = strlen(b);
    if (na > DISTANCE_MAX || nb > DISTANCE_MAX)
        return (unsigned)(na > nb ? na : nb);
    unsigned row[DISTANCE_MAX + 1]; /* from a's first i bytes to b's first j */
    for (size_t j = 0; j <= nb; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= na; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= nb; j++) {
            unsigned changed = diagonal + (a[i - 1] != b[j - 1]);
            unsigned shorter = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = changed < shorter ? changed : shorter;
        }
    }
    return row[nb];
}

const char *str_nearest(const char *got, const char *const *names, size_t n)
{
    const char *best = NULL;
    unsigned least = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned d = str_distance(got, names[i]);
        if (d * 3 <= strlen(names[i]) && (best == NULL || d < least)) {
            best = names[i];
            least = d;
        }
    }
    return best;
}

void hex_encode(char *dst, const void *src, size_t n)
{
    const uint8_t *b = src;
    for (size_t i = 0; i < n; i++) {
        dst[2 * i] = "0123456789abcdef"[b[i] >> 4];
        dst[2 * i + 1] = "0123456789abcdef"[b[i] & 15];
    }
    dst[2 * n] = '\0';
}

int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool hex_decode(void *dst, size_t n, const char *src)
{
    if (strnlen(src, 2 * n + 1) != 2 * n)
        return false;
    for (size_t i = 0; i < 2 * n; i++)
        if (hex_value(src[i]) < 0)
            return false;
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)dst)[i] = (uint8_t)(hex_value(src[2 * i]) << 4 | hex_value(src[2 * i + 1]));
    return true;
}
