/* Reading is done in three steps: our scanner takes only what the contract allows, cJSON builds
 * the tree, and settle() mends what cJSON sees otherwise. */
#include "base/json.h"

#include <cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"

#define NUMBER_MAX 60    /* characters of one number: a double needs no more */
#define PLAIN_MAX 15     /* characters of an integer that a double surely holds */
#define EXACT_MAX 0x1p53 /* doubles hold each integer up to here */

/* ---------------------------------------------------------------- scanning */

struct scan {
    const char *begin, *at, *end;
    unsigned depth, depth_max;
    size_t numbers; /* so far */
    /* Numbers of which a double does not say all: which of the text's, and where it stands. */
    struct exact {
        size_t number;
        struct slice text;
        bool fraction; /* whole, but written with a fraction or an exponent; else too large */
    } * exact;
    size_t exact_n, exact_cap;
    struct error *err;
};

static int refuse(struct scan *s, const char *at, const char *what)
{
    size_t line = 1;
    const char *start = s->begin;
    for (const char *p = s->begin; p < at; p++)
        if (*p == '\n') {
            line++;
            start = p + 1;
        }
    return error_set(s->err, ERR_SYNTAX, "line %zu, column %zu: %s", line, (size_t)(at - start) + 1,
                     what);
}

/* "got X, need `needed`" about the place where the scanner stands. */
static int refuse_here(struct scan *s, const char *needed)
{
    char got[16], what[160];
    if (s->at == s->end) {
        snprintf(what, sizeof(what), "the text ends, need %s", needed);
        return refuse(s, s->at, what);
    }
    size_t len = str_utf8_len(s->at, (size_t)(s->end - s->at));
    str_quote(got, sizeof(got), s->at, len == 0 ? 1 : len);
    snprintf(what, sizeof(what), "got %s, need %s", got, needed);
    return refuse(s, s->at, what);
}

static bool at_char(const struct scan *s, char c)
{
    return s->at < s->end && *s->at == c;
}

static bool take(struct scan *s, char c)
{
    if (!at_char(s, c))
        return false;
    s->at++;
    return true;
}

static bool at_digit(const struct scan *s)
{
    return s->at < s->end && *s->at >= '0' && *s->at <= '9';
}

static void skip_blanks(struct scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\t' || *s->at == '\r'))
        s->at++;
}

/* Four digits of \uXXXX, or -1. */
static int scan_hex4(struct scan *s)
{
    uint8_t bytes[2];
    char digits[5] = {0};
    if (s->end - s->at < 4)
        return -1;
    memcpy(digits, s->at, 4);
    if (!hex_decode(bytes, 2, digits))
        return -1;
    s->at += 4;
    return bytes[0] << 8 | bytes[1];
}

static int scan_unicode_escape(struct scan *s, const char *start)
{
    int unit = scan_hex4(s);
    if (unit < 0)
        return refuse(s, start, "\\u needs four hexadecimal digits");
    if (unit == 0)
        return refuse(s, start, "\\u0000 is not allowed in a string");
    if (unit < 0xd800 || unit > 0xdfff)
        return 0;
    int low = -1;
    if (unit < 0xdc00 && take(s, '\\') && take(s, 'u'))
        low = scan_hex4(s);
    if (low < 0xdc00 || low > 0xdfff)
        return refuse(s, start, "half of a surrogate pair, need \\uD800-\\uDBFF\\uDC00-\\uDFFF");
    return 0;
}

static int scan_escape(struct scan *s)
{
    const char *start = s->at++;
    if (s->at == s->end || strchr("\"\\/bfnrtu", *s->at) == NULL || *s->at == '\0')
        return refuse(s, start,
                      "got an unknown escape, need one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u");
    return *s->at++ == 'u' ? scan_unicode_escape(s, start) : 0;
}

static int scan_string(struct scan *s)
{
    const char *start = s->at++;
    while (s->at < s->end) {
        unsigned char c = (unsigned char)*s->at;
        if (c == '"') {
            s->at++;
            return 0;
        }
        if (c == '\\') {
            if (scan_escape(s) != 0)
                return -1;
        } else if (c < 0x20) {
            return refuse_here(s, "control characters in strings written as \\u00XX");
        } else if (c < 0x80) {
            s->at++;
        } else {
            size_t n = str_utf8_len(s->at, (size_t)(s->end - s->at));
            if (n == 0)
                return refuse_here(s, "valid UTF-8");
            s->at += n;
        }
    }
    return refuse(s, start, "the string that begins here has no end");
}

static int scan_digits(struct scan *s)
{
    if (!at_digit(s))
        return refuse_here(s, "a digit");
    while (at_digit(s))
        s->at++;
    return 0;
}

static void keep_exact(struct scan *s, struct slice text, bool fraction)
{
    if (s->exact_n == s->exact_cap) {
        s->exact_cap = s->exact_cap == 0 ? 16 : 2 * s->exact_cap;
        s->exact = mem_realloc(s->exact, s->exact_cap * sizeof(*s->exact));
    }
    s->exact[s->exact_n++] = (struct exact){s->numbers, text, fraction};
}

static int scan_number(struct scan *s)
{
    const char *start = s->at;
    bool integer = true;
    take(s, '-');
    if (!take(s, '0') && scan_digits(s) != 0)
        return -1;
    if (take(s, '.')) {
        integer = false;
        if (scan_digits(s) != 0)
            return -1;
    }
    if (take(s, 'e') || take(s, 'E')) {
        integer = false;
        if (!take(s, '+'))
            take(s, '-');
        if (scan_digits(s) != 0)
            return -1;
    }

    size_t len = (size_t)(s->at - start);
    if (integer && len <= PLAIN_MAX) {
        s->numbers++;
        return 0;
    }
    char text[NUMBER_MAX + 1];
    if (len > NUMBER_MAX)
        return refuse(s, start, "a number of more than 60 characters");
    memcpy(text, start, len);
    text[len] = '\0';
    double value = strtod(text, NULL);
    if (!isfinite(value))
        return refuse(s, start, "a number beyond 1.8e308");
    if (integer ? fabs(value) >= EXACT_MAX : value == floor(value))
        keep_exact(s, (struct slice){start, len}, !integer);
    s->numbers++;
    return 0;
}

static int scan_word(struct scan *s)
{
    static const struct slice words[] = {{"true", 4}, {"false", 5}, {"null", 4}};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if ((size_t)(s->end - s->at) >= words[i].len &&
            memcmp(s->at, words[i].p, words[i].len) == 0) {
            s->at += words[i].len;
            return 0;
        }
    }
    return refuse_here(s, "a value");
}

static int scan_value(struct scan *s);

static int scan_member(struct scan *s)
{
    skip_blanks(s);
    if (!at_char(s, '"'))
        return refuse_here(s, "a member's name in double quotes");
    if (scan_string(s) != 0)
        return -1;
    skip_blanks(s);
    if (!take(s, ':'))
        return refuse_here(s, "':' after a member's name");
    return scan_value(s);
}

/* An object or an array: `item`s with commas between them. */
static int scan_items(struct scan *s, int (*item)(struct scan *s), char end, const char *needed)
{
    if (s->depth == s->depth_max)
        return refuse(s, s->at, "nested more levels deep than are allowed");
    s->depth++;
    s->at++;
    skip_blanks(s);
    if (!at_char(s, end)) {
        do {
            if (item(s) != 0)
                return -1;
            skip_blanks(s);
        } while (take(s, ','));
    }
    if (!take(s, end))
        return refuse_here(s, needed);
    s->depth--;
    return 0;
}

static int scan_value(struct scan *s)
{
    skip_blanks(s);
    if (at_char(s, '{'))
        return scan_items(s, scan_member, '}', "',' or '}' after a member");
    if (at_char(s, '['))
        return scan_items(s, scan_value, ']', "',' or ']' after an element");
    if (at_char(s, '"'))
        return scan_string(s);
    if (at_char(s, '-') || at_digit(s))
        return scan_number(s);
    return scan_word(s);
}

static int scan_text(struct scan *s)
{
    if (scan_value(s) != 0)
        return -1;
    skip_blanks(s);
    return s->at == s->end ? 0 : refuse_here(s, "nothing after the value");
}

/* ---------------------------------------------------------------- settling */

static struct json *to_json(cJSON *item)
{
    return (struct json *)item;
}

static const cJSON *from_json(const struct json *v)
{
    return (const cJSON *)v;
}

struct member {
    cJSON *item;
    size_t place;
};

static int by_name_and_place(const void *x, const void *y)
{
    const struct member *a = x, *b = y;
    int order = strcmp(a->item->string, b->item->string);
    return order != 0 ? order : a->place < b->place ? -1 : 1;
}

#define FEW 48 /* so many names are compared pairwise, more are sorted */

static bool few_and_distinct(const cJSON *object)
{
    const char *names[FEW];
    size_t n = 0;
    for (const cJSON *it = object->child; it != NULL; it = it->next) {
        if (n == FEW)
            return false;
        for (size_t i = 0; i < n; i++)
            if (names[i][0] == it->string[0] && strcmp(names[i], it->string) == 0)
                return false;
        names[n++] = it->string;
    }
    return true;
}

/* Of the members of one name only the last stays. */
static void drop_duplicates(cJSON *object)
{
    if (few_and_distinct(object))
        return;
    size_t n = 0;
    for (cJSON *it = object->child; it != NULL; it = it->next)
        n++;
    struct member *members = mem_alloc(n * sizeof(*members));
    n = 0;
    for (cJSON *it = object->child; it != NULL; it = it->next, n++)
        members[n] = (struct member){it, n};
    qsort(members, n, sizeof(*members), by_name_and_place);
    for (size_t i = 0; i + 1 < n; i++)
        if (strcmp(members[i].item->string, members[i + 1].item->string) == 0)
            cJSON_Delete(cJSON_DetachItemViaPointer(object, members[i].item));
    mem_free(members);
}

struct settling {
    const struct exact *next;
    size_t left;    /* of them */
    size_t numbers; /* so far, as the scanner counted them */
};

/* A bit of a number's type that cJSON does not use. */
#define WRITTEN_WITH_FRACTION (1 << 10)

/* cJSON holds numbers as doubles. Where that is not exact, the number's text is kept in its
 * valuestring, which cJSON leaves NULL and frees. */
static void settle(cJSON *item, struct settling *s)
{
    if (cJSON_IsNumber(item)) {
        if (s->left > 0 && s->next->number == s->numbers) {
            if (s->next->fraction)
                item->type |= WRITTEN_WITH_FRACTION;
            else
                item->valuestring = slice_dup(s->next->text);
            s->next++;
            s->left--;
        }
        s->numbers++;
    }
    for (cJSON *it = item->child; it != NULL; it = it->next)
        settle(it, s);
    if (cJSON_IsObject(item))
        drop_duplicates(item);
}

/* ---------------------------------------------------------------- parsing */

static struct slice without_byte_order_mark(struct slice text)
{
    bool marked = text.len >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0;
    return marked ? (struct slice){text.p + 3, text.len - 3} : text;
}

static struct json *parse(struct slice text, unsigned depth_max, struct error *err)
{
    text = without_byte_order_mark(text);
    if (text.len == 0) {
        error_set(err, ERR_SYNTAX, "line 1, column 1: the text is empty, need a value");
        return NULL;
    }
    struct scan s = {
        .begin = text.p,
        .at = text.p,
        .end = text.p + text.len,
        .depth_max = depth_max,
        .err = err,
    };
    cJSON *root = NULL;
    if (scan_text(&s) == 0) {
        root = cJSON_ParseWithLength(text.p, text.len);
        ASSERT(root != NULL); /* it takes all that the scanner takes */
        settle(root, &(struct settling){.next = s.exact, .left = s.exact_n});
    }
    mem_free(s.exact);
    return to_json(root);
}

struct json *json_parse(struct slice text, struct error *err)
{
    return parse(text, LIMIT_JSON_DEPTH, err);
}

struct json *json_parse_own(struct slice text, struct error *err)
{
    return parse(text, LIMIT_JSON_DEPTH + JSON_ENVELOPE_DEPTH, err);
}

struct json *json_parse_commented(struct slice text, struct error *err)
{
    char *copy = slice_dup(text); /* with blanks for comments, so that positions stay true */
    bool in_string = false, in_comment = false;
    for (size_t i = 0; i < text.len; i++) {
        if (copy[i] == '\n')
            in_string = in_comment = false;
        else if (in_comment)
            copy[i] = ' ';
        else if (in_string && copy[i] == '\\' && i + 1 < text.len && copy[i + 1] != '\n')
            i++;
        else if (copy[i] == '"')
            in_string = !in_string;
        else if (!in_string && copy[i] == '/' && copy[i + 1] == '/') {
            copy[i] = ' ';
            in_comment = true;
        }
    }
    struct json *root = json_parse((struct slice){copy, text.len}, err);
    mem_free(copy);
    return root;
}

void json_free(struct json *root)
{
    cJSON_Delete((cJSON *)root);
}

/* ---------------------------------------------------------------- asking */

enum json_kind json_kind(const struct json *v)
{
    switch (from_json(v)->type & 0xff) {
    case cJSON_False:
    case cJSON_True:
        return JSON_BOOL;
    case cJSON_Number:
        return JSON_NUMBER;
    case cJSON_String:
        return JSON_STRING;
    case cJSON_Array:
        return JSON_ARRAY;
    case cJSON_Object:
        return JSON_OBJECT;
    default:
        return JSON_NULL;
    }
}

bool json_is(const struct json *v, enum json_kind kind)
{
    return v != NULL && json_kind(v) == kind;
}

const char *json_kind_word(const struct json *v)
{
    static const char *const words[] = {
        [JSON_NULL] = "null",       [JSON_BOOL] = "a boolean", [JSON_NUMBER] = "a number",
        [JSON_STRING] = "a string", [JSON_ARRAY] = "an array", [JSON_OBJECT] = "an object",
    };
    return v == NULL ? "nothing" : words[json_kind(v)];
}

const struct json *json_get_null(const struct json *v, const char *name)
{
    if (!json_is(v, JSON_OBJECT))
        return NULL;
    JSON_EACH (it, v) {
        if (json_name(it)[0] == name[0] && strcmp(json_name(it), name) == 0)
            return it;
    }
    return NULL;
}

const struct json *json_get(const struct json *v, const char *name)
{
    const struct json *member = json_get_null(v, name);
    return json_is(member, JSON_NULL) ? NULL : member;
}

size_t json_count(const struct json *v)
{
    size_t n = 0;
    JSON_EACH (it, v) {
        n++;
    }
    return n;
}

const struct json *json_first(const struct json *v)
{
    return v == NULL ? NULL : to_json(from_json(v)->child);
}

const struct json *json_next(const struct json *v)
{
    return to_json(from_json(v)->next);
}

const char *json_name(const struct json *member)
{
    return from_json(member)->string;
}

bool json_bool(const struct json *v, bool otherwise)
{
    return json_is(v, JSON_BOOL) ? cJSON_IsTrue(from_json(v)) : otherwise;
}

const char *json_str(const struct json *v, const char *otherwise)
{
    return json_is(v, JSON_STRING) ? from_json(v)->valuestring : otherwise;
}

struct slice json_slice(const struct json *v)
{
    return slice_of(json_str(v, NULL));
}

bool json_i64(const struct json *v, int64_t *out)
{
    if (!json_is(v, JSON_NUMBER))
        return false;
    const cJSON *number = from_json(v);
    if (number->valuestring != NULL)
        return str_to_i64(number->valuestring, out);
    double value = number->valuedouble;
    if (fabs(value) >= EXACT_MAX || value != floor(value))
        return false;
    *out = (int64_t)value;
    return true;
}

bool json_has_fraction(const struct json *v)
{
    if (!json_is(v, JSON_NUMBER))
        return false;
    const cJSON *number = from_json(v);
    return (number->type & WRITTEN_WITH_FRACTION) != 0 ||
           number->valuedouble != floor(number->valuedouble);
}

int64_t json_int(const struct json *v, int64_t otherwise)
{
    int64_t value;
    return json_i64(v, &value) ? value : otherwise;
}

double json_double(const struct json *v, double otherwise)
{
    return json_is(v, JSON_NUMBER) ? from_json(v)->valuedouble : otherwise;
}

static bool equal_numbers(const cJSON *a, const cJSON *b)
{
    if (a->valuestring != NULL && b->valuestring != NULL)
        return strcmp(a->valuestring, b->valuestring) == 0;
    return a->valuedouble == b->valuedouble;
}

static bool equal_arrays(const struct json *a, const struct json *b)
{
    a = json_first(a);
    b = json_first(b);
    for (; a != NULL && b != NULL; a = json_next(a), b = json_next(b))
        if (!json_equal(a, b))
            return false;
    return a == NULL && b == NULL;
}

/* The members of an object by name; *n_out of them. The caller frees. */
static struct member *sorted_members(const struct json *v, size_t *n_out)
{
    size_t n = 0;
    struct member *members = mem_alloc(json_count(v) * sizeof(*members));
    for (cJSON *it = from_json(v)->child; it != NULL; it = it->next, n++)
        members[n] = (struct member){it, n};
    qsort(members, n, sizeof(*members), by_name_and_place);
    *n_out = n;
    return members;
}

static bool equal_objects(const struct json *a, const struct json *b)
{
    size_t na, nb;
    struct member *of_a = sorted_members(a, &na), *of_b = sorted_members(b, &nb);
    bool equal = na == nb;
    for (size_t i = 0; equal && i < na; i++)
        equal = strcmp(of_a[i].item->string, of_b[i].item->string) == 0 &&
                json_equal(to_json(of_a[i].item), to_json(of_b[i].item));
    mem_free(of_a);
    mem_free(of_b);
    return equal;
}

bool json_equal(const struct json *a, const struct json *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    if (json_kind(a) != json_kind(b))
        return false;
    switch (json_kind(a)) {
    case JSON_NULL:
        return true;
    case JSON_BOOL:
        return json_bool(a, false) == json_bool(b, false);
    case JSON_NUMBER:
        return equal_numbers(from_json(a), from_json(b));
    case JSON_STRING:
        return strcmp(json_str(a, ""), json_str(b, "")) == 0;
    case JSON_ARRAY:
        return equal_arrays(a, b);
    case JSON_OBJECT:
        return equal_objects(a, b);
    }
    UNREACHABLE("every kind has been compared");
}

/* ---------------------------------------------------------------- writing */

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

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80;
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
    if ((unsigned char)*s < 0x20) {
        buf_printf(out, "\\u%04x", (unsigned char)*s);
        return 1;
    }
    size_t n = str_utf8_len(s, len);
    if (n == 0) {
        buf_puts(out, "\xef\xbf\xbd"); /* U+FFFD */
        return 1;
    }
    buf_put(out, s, n);
    return n;
}

/* Gathered: most strings are short, and one that holds JSON is full of quotes. */
static void put_string(struct buf *out, const char *s, size_t len)
{
    char chunk[256] = "\"";
    size_t n = 1;
    for (size_t i = 0; i < len;) {
        if (n > sizeof(chunk) - 3) {
            buf_put(out, chunk, n);
            n = 0;
        }
        if (s[i] == '"' || s[i] == '\\')
            chunk[n++] = '\\';
        else if (!is_plain((unsigned char)s[i])) {
            buf_put(out, chunk, n);
            n = 0;
            i += put_odd_char(out, s + i, len - i);
            continue;
        }
        chunk[n++] = s[i++];
    }
    chunk[n++] = '"';
    buf_put(out, chunk, n);
}

void json_key(struct json_writer *w, const char *name)
{
    ASSERT(in_object(w) && !w->after_name);
    if (w->comma)
        buf_putc(w->out, ',');
    put_string(w->out, name, strlen(name));
    buf_putc(w->out, ':');
    w->after_name = true;
}

void json_put_slice(struct json_writer *w, struct slice s)
{
    before_value(w);
    put_string(w->out, s.p, s.len);
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
    if (fabs(v) <= EXACT_MAX && v == floor(v) && !(v == 0 && signbit(v))) {
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
        put_number(w, from_json(v));
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
