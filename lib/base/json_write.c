/* Writing: what was said so far decides which commas and quotes come next. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/json_private.h"
#include "base/str.h"

void json_begin(struct json_writer *w, struct buf *out)
{
    *w = (struct json_writer){.out = out};
}

static bool in_object(const struct json_writer *w)
{
    unsigned level = w->depth - 1u;
    return w->depth > 0 && (w->objects[level / 8] >> level % 8 & 1) != 0;
}

/* What stands before any value. */
static void before_value(struct json_writer *w)
{
    ASSERT(w->after_name == in_object(w)); /* members have names, elements none */
    if (w->comma && !w->after_name) {
        ASSERT(w->depth > 0); /* a text is one value */
        buf_putc(w->out, ',');
    }
    w->comma = true;
    w->after_name = false;
}

static void open_level(struct json_writer *w, char c)
{
    before_value(w);
    ASSERT(w->depth < JSON_WRITER_DEPTH);
    uint8_t bit = (uint8_t)(1 << w->depth % 8);
    uint8_t *level = &w->objects[w->depth / 8];
    *level = (uint8_t)(c == '{' ? *level | bit : *level & ~bit);
    w->depth++;
    w->comma = false;
    buf_putc(w->out, c);
}

static void close_level(struct json_writer *w, char c)
{
    ASSERT(w->depth > 0 && in_object(w) == (c == '}') && !w->after_name);
    w->depth--;
    w->comma = true;
    buf_putc(w->out, c);
}

void json_object(struct json_writer *w)
{
    open_level(w, '{');
}

void json_object_end(struct json_writer *w)
{
    close_level(w, '}');
}

void json_array(struct json_writer *w)
{
    open_level(w, '[');
}

void json_array_end(struct json_writer *w)
{
    close_level(w, ']');
}

#define EACH_BYTE(b) (UINT64_C(0x0101010101010101) * (b))

/* The top bit of some byte is set if one of the word's is below `least`, which is at most 128. */
static uint64_t any_below(uint64_t word, uint64_t least)
{
    return (word - EACH_BYTE(least)) & ~word & EACH_BYTE(0x80);
}

static bool are_plain(uint64_t word)
{
    uint64_t odd = (word & EACH_BYTE(0x80)) | any_below(word, 0x20) |
                   any_below(word ^ EACH_BYTE('"'), 1) | any_below(word ^ EACH_BYTE('\\'), 1);
    return odd == 0;
}

/* How many bytes from s on stand in a string as they are. */
static size_t plain_bytes(const char *s, size_t len)
{
    size_t n = 0;
    for (uint64_t word; len - n >= sizeof word; n += sizeof word) {
        memcpy(&word, s + n, sizeof word);
        if (!are_plain(word))
            break;
    }
    while (n < len && (signed char)s[n] >= 0x20 && s[n] != '"' && s[n] != '\\') /* to 0x7f */
        n++;
    return n;
}

/* One character that is neither plain nor quoted. Returns how many bytes of s it took. */
static size_t put_odd_char(struct buf *out, const char *s, size_t len)
{
    static const char named[] = "\bb\ff\nn\rr\tt"; /* pairs: what it is, what is written */
    for (const char *p = named; *p != '\0'; p += 2)
        if (*s == *p) {
            buf_put(out, (char[]){'\\', p[1]}, 2);
            return 1;
        }
    if (*s > '\0' && *s < 0x20) {
        buf_printf(out, "\\u%04x", *s);
        return 1;
    }
    size_t n = *s != '\0' ? str_utf8_len(s, len) : 0; /* \u0000 would not be read back */
    if (n == 0) {
        buf_puts(out, "\xef\xbf\xbd"); /* U+FFFD */
        return 1;
    }
    buf_put(out, s, n);
    return n;
}

/* Most strings are short, and one that holds JSON is full of quotes: gathered. */
#define CHUNK 256

struct chunk {
    size_t from, n; /* of the bytes: what is not written yet */
    char bytes[CHUNK + 2];
};

static void put_chunk(struct buf *out, struct chunk *c)
{
    buf_put(out, c->bytes + c->from, c->n - c->from);
    c->from = c->n = 0;
}

/* With what stands before and behind it. */
static void put_string(struct buf *out, bool comma, const char *s, size_t len, bool colon)
{
    struct chunk c;
    c.bytes[0] = ',';
    c.bytes[1] = '"';
    c.from = comma ? 0 : 1;
    c.n = 2;
    for (size_t i = 0; i < len;) {
        if (c.n > CHUNK - 2)
            put_chunk(out, &c);
        size_t room = CHUNK - c.n, left = len - i;
        size_t plain = plain_bytes(s + i, left < room ? left : room);
        memcpy(c.bytes + c.n, s + i, plain);
        c.n += plain;
        i += plain;
        if (i == len || c.n > CHUNK - 2)
            continue;
        if (s[i] == '"' || s[i] == '\\') {
            c.bytes[c.n++] = '\\';
            c.bytes[c.n++] = s[i++];
        } else {
            put_chunk(out, &c);
            i += put_odd_char(out, s + i, len - i);
        }
    }
    c.bytes[c.n++] = '"';
    if (colon)
        c.bytes[c.n++] = ':';
    put_chunk(out, &c);
}

void json_key(struct json_writer *w, const char *name)
{
    ASSERT(in_object(w) && !w->after_name);
    put_string(w->out, w->comma, name, strlen(name), true);
    w->after_name = true;
}

void json_put_slice(struct json_writer *w, struct slice s)
{
    before_value(w);
    put_string(w->out, false, s.p, s.len, false);
}

void json_put_str(struct json_writer *w, const char *s)
{
    if (s == NULL)
        json_put_null(w);
    else
        json_put_slice(w, slice_of(s));
}

void json_put_raw(struct json_writer *w, struct slice json)
{
    ASSERT(json.len > 0);
    before_value(w);
    buf_put_slice(w->out, json);
}

void json_put_members(struct json_writer *w, struct slice object)
{
    ASSERT(in_object(w) && !w->after_name);
    ASSERT(object.len >= 2 && object.p[0] == '{' && object.p[object.len - 1] == '}');
    if (object.len == 2)
        return;
    if (w->comma)
        buf_putc(w->out, ',');
    buf_put(w->out, object.p + 1, object.len - 2);
    w->comma = true;
}

void json_put_uint(struct json_writer *w, uint64_t v)
{
    char digits[20];
    size_t at = sizeof(digits);
    do
        digits[--at] = (char)('0' + v % 10);
    while ((v /= 10) != 0);
    json_put_raw(w, (struct slice){digits + at, sizeof(digits) - at});
}

void json_put_int(struct json_writer *w, int64_t v)
{
    char text[24];
    if (v >= 0) {
        json_put_uint(w, (uint64_t)v);
        return;
    }
    int len = snprintf(text, sizeof(text), "%lld", (long long)v);
    json_put_raw(w, (struct slice){text, (size_t)len});
}

void json_put_double(struct json_writer *w, double v)
{
    char text[32];
    int len = 0;
    if (!isfinite(v)) { /* JSON has no word for it */
        json_put_null(w);
        return;
    }
    if (fabs(v) <= JSON_EXACT_MAX && v == floor(v) && !(v == 0 && signbit(v))) {
        json_put_int(w, (int64_t)v);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        len = snprintf(text, sizeof(text), "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    json_put_raw(w, (struct slice){text, (size_t)len});
}

void json_put_bool(struct json_writer *w, bool v)
{
    json_put_raw(w, v ? SLICE("true") : SLICE("false"));
}

void json_put_null(struct json_writer *w)
{
    json_put_raw(w, SLICE("null"));
}

static void put_number(struct json_writer *w, const cJSON *number)
{
    if (number->valuestring != NULL)
        json_put_raw(w, slice_of(number->valuestring));
    else
        json_put_double(w, number->valuedouble);
}

static void put_object(struct json_writer *w, const struct json *v)
{
    json_object(w);
    JSON_EACH (it, v) {
        json_key(w, json_name(it));
        json_put_value(w, it);
    }
    json_object_end(w);
}

static void put_array(struct json_writer *w, const struct json *v)
{
    json_array(w);
    JSON_EACH (it, v) {
        json_put_value(w, it);
    }
    json_array_end(w);
}

void json_put_value(struct json_writer *w, const struct json *v)
{
    if (v == NULL) {
        json_put_null(w);
        return;
    }
    switch (json_kind(v)) {
    case JSON_NULL:
        json_put_null(w);
        return;
    case JSON_BOOL:
        json_put_bool(w, json_bool(v, false));
        return;
    case JSON_NUMBER:
        put_number(w, json_item(v));
        return;
    case JSON_STRING:
        json_put_str(w, json_str(v, ""));
        return;
    case JSON_ARRAY:
        put_array(w, v);
        return;
    case JSON_OBJECT:
        put_object(w, v);
        return;
    }
}

void json_member_str(struct json_writer *w, const char *name, const char *s)
{
    json_key(w, name);
    json_put_str(w, s);
}

void json_member_int(struct json_writer *w, const char *name, int64_t v)
{
    json_key(w, name);
    json_put_int(w, v);
}

void json_member_double(struct json_writer *w, const char *name, double v)
{
    json_key(w, name);
    json_put_double(w, v);
}

void json_member_bool(struct json_writer *w, const char *name, bool v)
{
    json_key(w, name);
    json_put_bool(w, v);
}

void json_member_raw(struct json_writer *w, const char *name, struct slice json)
{
    json_key(w, name);
    json_put_raw(w, json);
}

/* ---- for people */

static void new_line(struct buf *out, int depth)
{
    buf_printf(out, "\n%*s", 2 * depth, "");
}

/* A text from its first quote to its last, whose place is returned. */
static size_t put_whole_text(struct slice json, size_t at, struct buf *out)
{
    size_t end = at + 1;
    while (json.p[end] != '"')
        end += json.p[end] == '\\' ? 2 : 1;
    buf_put(out, json.p + at, end + 1 - at);
    return end;
}

void json_indent(struct slice json, struct buf *out)
{
    int depth = 0;
    for (size_t i = 0; i < json.len; i++) {
        char c = json.p[i];
        bool empty = (c == '{' || c == '[') && (json.p[i + 1] == '}' || json.p[i + 1] == ']');
        if (c == '"') {
            i = put_whole_text(json, i, out);
        } else if (empty) {
            buf_put(out, json.p + i++, 2);
        } else if (c == '{' || c == '[') {
            buf_putc(out, c);
            new_line(out, ++depth);
        } else if (c == '}' || c == ']') {
            new_line(out, --depth);
            buf_putc(out, c);
        } else {
            buf_putc(out, c);
            if (c == ',')
                new_line(out, depth);
            else if (c == ':')
                buf_putc(out, ' ');
        }
    }
}
