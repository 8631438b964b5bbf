/* Reading is done in three steps: our scanner takes only what the contract allows, cJSON builds
 * the tree, and settle() mends what cJSON sees otherwise. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
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
    if (integer ? fabs(value) >= JSON_EXACT_MAX : value == floor(value))
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

struct settling {
    const struct exact *next;
    size_t left;    /* of them */
    size_t numbers; /* so far, as the scanner counted them */
};

static void settle(cJSON *item, struct settling *s)
{
    if (cJSON_IsNumber(item)) {
        if (s->left > 0 && s->next->number == s->numbers) {
            if (s->next->fraction)
                item->type |= JSON_WRITTEN_WITH_FRACTION;
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

static struct json *parse(struct slice text, unsigned depth_max, struct error *err)
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
        .err = err,
    };
    cJSON *root = NULL;
    if (scan_text(&s) == 0) {
        root = cJSON_ParseWithLength(text.p, text.len);
        ASSERT(root != NULL); /* it takes all that the scanner takes */
        settle(root, &(struct settling){.next = s.exact, .left = s.exact_n});
    }
    mem_free(s.exact);
    return json_of(root);
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
