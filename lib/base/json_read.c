/* One pass: what the contract does not allow is refused where it stands, all else becomes a tree of
 * cJSON's items, as cJSON itself would build it, with its numbers exact. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_private.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"

#define NUMBER_MAX 60 /* characters of one number: a double needs no more */
#define PLAIN_MAX 15  /* characters of an integer that a double surely holds */

/* ---------------------------------------------------------------- scanning */

struct scan {
    const char *begin, *at, *end;
    unsigned depth, depth_max;
    size_t values, values_max;
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
static int hex4(const char *p)
{
    uint8_t bytes[2];
    char digits[5] = {0};
    memcpy(digits, p, 4);
    return hex_decode(bytes, 2, digits) ? bytes[0] << 8 | bytes[1] : -1;
}

static int scan_hex4(struct scan *s)
{
    int unit = s->end - s->at < 4 ? -1 : hex4(s->at);
    if (unit >= 0)
        s->at += 4;
    return unit;
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
    switch (s->at < s->end ? *s->at++ : '\0') {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return 0;
    case 'u':
        return scan_unicode_escape(s, start);
    default:
        return refuse(s, start,
                      "got an unknown escape, need one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u");
    }
}

/* What a string says, from its escapes, which have been scanned. */
static const char *take_unicode(const char *p, char **to)
{
    uint32_t c = (uint32_t)hex4(p);
    p += 4;
    if (c >= 0xd800 && c <= 0xdfff) { /* the first of a pair */
        c = 0x10000 + ((c & 0x3ff) << 10 | ((uint32_t)hex4(p + 2) & 0x3ff));
        p += 6;
    }
    unsigned more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const uint8_t first[] = {0, 0xc0, 0xe0, 0xf0};
    *(*to)++ = (char)(first[more] | c >> 6 * more);
    while (more-- > 0)
        *(*to)++ = (char)(0x80 | (c >> 6 * more & 0x3f));
    return p;
}

static char *unescaped(const char *p, const char *end)
{
    static const char named[] = "\bb\ff\nn\rr\tt"; /* pairs: what it is, what is written */
    char *text = mem_alloc((size_t)(end - p) + 1), *to = text; /* it only gets shorter */
    while (p < end) {
        if (*p != '\\') {
            *to++ = *p++;
            continue;
        }
        char c = p[1];
        p += 2;
        if (c == 'u') {
            p = take_unicode(p, &to);
            continue;
        }
        for (const char *n = named; *n != '\0'; n += 2)
            if (n[1] == c) {
                c = n[0];
                break;
            }
        *to++ = c;
    }
    *to = '\0';
    return text;
}

/* `*text_out` is the tree's. */
static int read_string(struct scan *s, char **text_out)
{
    const char *start = s->at++;
    bool escapes = false;
    while (s->at < s->end) {
        unsigned char c = (unsigned char)*s->at;
        if (c == '"') {
            *text_out = escapes ? unescaped(start + 1, s->at)
                                : mem_strndup(start + 1, (size_t)(s->at - start - 1));
            s->at++;
            return 0;
        }
        if (c == '\\') {
            escapes = true;
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

/* Of digits that a double holds; strtod() says the same. */
static double plain_integer(const char *p, size_t len)
{
    int64_t n = 0;
    bool negative = *p == '-';
    for (size_t i = negative; i < len; i++)
        n = n * 10 + (p[i] - '0');
    return negative ? -(double)n : (double)n;
}

static int read_number(struct scan *s, cJSON *item)
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
    item->type = cJSON_Number;
    if (integer && len <= PLAIN_MAX) {
        item->valuedouble = plain_integer(start, len);
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
    item->valuedouble = value;
    if (!integer && value == floor(value))
        item->type |= JSON_WRITTEN_WITH_FRACTION;
    else if (integer && fabs(value) >= JSON_EXACT_MAX)
        item->valuestring = mem_strdup(text);
    return 0;
}

static int read_word(struct scan *s, cJSON *item)
{
    static const struct {
        struct slice text;
        int type;
    } words[] = {{{"true", 4}, cJSON_True}, {{"false", 5}, cJSON_False}, {{"null", 4}, cJSON_NULL}};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t len = words[i].text.len;
        if ((size_t)(s->end - s->at) >= len && memcmp(s->at, words[i].text.p, len) == 0) {
            s->at += len;
            item->type = words[i].type;
            return 0;
        }
    }
    return refuse_here(s, "a value");
}

/* ---------------------------------------------------------------- objects and arrays */

#define FEW 48 /* so many names are compared pairwise, more are sorted */

/* One bit of 64, by how it begins. */
static uint64_t beginning(const char *name)
{
    unsigned first = (unsigned char)name[0];
    return UINT64_C(1) << ((first == 0 ? 0 : 7 * first + (unsigned char)name[1]) & 63);
}

static bool few_and_distinct(const cJSON *object)
{
    const char *names[FEW];
    size_t n = 0;
    uint64_t beginnings = 0; /* of the names so far */
    for (const cJSON *it = object->child; it != NULL; it = it->next) {
        uint64_t bit = beginning(it->string);
        if (n == FEW)
            return false;
        for (size_t i = 0; i < n && (beginnings & bit) != 0; i++)
            if (names[i][0] == it->string[0] && strcmp(names[i], it->string) == 0)
                return false;
        beginnings |= bit;
        names[n++] = it->string;
    }
    return true;
}

/* Of the members of one name only the last stays. */
static void drop_duplicates(cJSON *object)
{
    if (few_and_distinct(object))
        return;
    size_t n;
    struct json_member *members = json_sorted_members(json_of(object), &n);
    for (size_t i = 0; i + 1 < n; i++)
        if (strcmp(members[i].item->string, members[i + 1].item->string) == 0)
            cJSON_Delete(cJSON_DetachItemViaPointer(object, members[i].item));
    mem_free(members);
}

/* Each item stands in its parent before it is read: what was read so far is one tree at any time.
 */
static cJSON *add_item(cJSON *parent)
{
    cJSON *item = NEW(cJSON), *first = parent->child;
    if (first == NULL) {
        parent->child = item->prev = item;
    } else { /* the first one's prev is the last */
        item->prev = first->prev;
        first->prev = first->prev->next = item;
    }
    return item;
}

static int read_value(struct scan *s, cJSON *item);

static int read_member(struct scan *s, cJSON *item)
{
    skip_blanks(s);
    if (!at_char(s, '"'))
        return refuse_here(s, "a member's name in double quotes");
    if (read_string(s, &item->string) != 0)
        return -1;
    skip_blanks(s);
    if (!take(s, ':'))
        return refuse_here(s, "':' after a member's name");
    return read_value(s, item);
}

/* An object or an array: `one`s with commas between them. */
static int read_items(struct scan *s, cJSON *item, int (*one)(struct scan *s, cJSON *item),
                      char end, const char *needed)
{
    if (s->depth == s->depth_max)
        return refuse(s, s->at, "nested more levels deep than are allowed");
    s->depth++;
    s->at++;
    skip_blanks(s);
    if (!at_char(s, end)) {
        do {
            if (s->values++ == s->values_max)
                return error_set(s->err, ERR_LIMIT,
                                 "more than %zu elements and members, which are too many",
                                 s->values_max);
            if (one(s, add_item(item)) != 0)
                return -1;
            skip_blanks(s);
        } while (take(s, ','));
    }
    if (!take(s, end))
        return refuse_here(s, needed);
    s->depth--;
    return 0;
}

static int read_object(struct scan *s, cJSON *item)
{
    item->type = cJSON_Object;
    if (read_items(s, item, read_member, '}', "',' or '}' after a member") != 0)
        return -1;
    drop_duplicates(item);
    return 0;
}

static int read_array(struct scan *s, cJSON *item)
{
    item->type = cJSON_Array;
    return read_items(s, item, read_value, ']', "',' or ']' after an element");
}

static int read_value(struct scan *s, cJSON *item)
{
    skip_blanks(s);
    if (at_char(s, '{'))
        return read_object(s, item);
    if (at_char(s, '['))
        return read_array(s, item);
    if (at_char(s, '"')) {
        item->type = cJSON_String;
        return read_string(s, &item->valuestring);
    }
    if (at_char(s, '-') || at_digit(s))
        return read_number(s, item);
    return read_word(s, item);
}

static int read_text(struct scan *s, cJSON *root)
{
    if (read_value(s, root) != 0)
        return -1;
    skip_blanks(s);
    return s->at == s->end ? 0 : refuse_here(s, "nothing after the value");
}

/* ---------------------------------------------------------------- parsing */

static struct json *parse(struct slice text, unsigned depth_max, size_t values_max,
                          struct error *err)
{
    text = str_unmarked(text);
    if (text.len == 0) {
        error_set(err, ERR_SYNTAX, "line 1, column 1: the text is empty, need a value");
        return NULL;
    }
    struct scan s = {
        .begin = text.p,
        .at = text.p,
        .end = text.p + text.len,
        .depth_max = depth_max,
        .values_max = values_max,
        .err = err,
    };
    cJSON *root = NEW(cJSON);
    if (read_text(&s, root) != 0) {
        cJSON_Delete(root);
        return NULL;
    }
    return json_of(root);
}

struct json *json_parse(struct slice text, struct error *err)
{
    return parse(text, LIMIT_JSON_DEPTH, SIZE_MAX, err);
}

struct json *json_parse_most(struct slice text, size_t values, struct error *err)
{
    return parse(text, LIMIT_JSON_DEPTH, values, err);
}

struct json *json_parse_own(struct slice text, struct error *err)
{
    return parse(text, LIMIT_JSON_DEPTH + JSON_ENVELOPE_DEPTH, SIZE_MAX, err);
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
