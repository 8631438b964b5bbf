/* What Chronos's parser made of a value of another type (spec/chronos.md 2.3). */

#include "base/str.h"
#include "model/job_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_LENGTH_MAX 400 /* of a number in a string */

/* Java's trim: all up to the blank. */
static struct slice trimmed(struct slice s)
{
    while (s.len > 0 && (unsigned char)s.p[0] <= ' ') {
        s.p++;
        s.len--;
    }
    while (s.len > 0 && (unsigned char)s.p[s.len - 1] <= ' ')
        s.len--;
    return s;
}

static size_t digits(const char *s)
{
    return strspn(s, "0123456789");
}

/* Sign, digits with a point somewhere, exponent, one of "fFdD". Not NaN, Infinity or hexadecimal.
 */
static bool java_double(struct slice s, double *out)
{
    char text[NUMBER_LENGTH_MAX + 1];
    if (s.len == 0 || s.len > NUMBER_LENGTH_MAX)
        return false;
    memcpy(text, s.p, s.len);
    text[s.len] = '\0';
    const char *at = text + (text[0] == '-' || text[0] == '+');
    size_t whole = digits(at), part = 0;
    at += whole;
    if (*at == '.') {
        part = digits(at + 1);
        at += 1 + part;
    }
    if (whole + part == 0)
        return false;
    if (*at == 'e' || *at == 'E') {
        at += 1 + (at[1] == '-' || at[1] == '+');
        size_t exponent = digits(at);
        if (exponent == 0)
            return false;
        at += exponent;
    }
    if (*at != '\0' && strchr("fFdD", *at) != NULL)
        at++;
    if (*at != '\0')
        return false;
    *out = strtod(text, NULL); /* stops at the suffix */
    return isfinite(*out);
}

static bool int_from_double(double value, int64_t *out)
{
    if (!(fabs(value) < 9.2e18))
        return false;
    *out = (int64_t)value; /* toward zero */
    return true;
}

/* Sign and digits: then it is no double, and too many digits are too many. */
static bool is_integer(struct slice s)
{
    size_t i = s.len > 0 && (s.p[0] == '-' || s.p[0] == '+');
    if (i == s.len)
        return false;
    for (; i < s.len; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return true;
}

static bool int_from_string(struct slice s, int64_t *out)
{
    char text[24];
    double value;
    s = trimmed(s);
    if (s.len == 0) {
        *out = 0;
        return true;
    }
    if (!is_integer(s))
        return java_double(s, &value) && int_from_double(value, out);
    if (s.p[0] == '+') {
        s.p++;
        s.len--;
    }
    if (s.len >= sizeof(text))
        return false;
    memcpy(text, s.p, s.len);
    text[s.len] = '\0';
    return str_to_i64(text, out);
}

static bool coerce_int(const struct json *v, int64_t *out)
{
    switch (json_kind(v)) {
    case JSON_STRING:
        return int_from_string(json_slice(v), out);
    case JSON_NUMBER:
        return json_has_fraction(v) ? int_from_double(json_double(v, 0), out) : json_i64(v, out);
    case JSON_BOOL:
        *out = json_bool(v, false);
        return true;
    case JSON_NULL:
    case JSON_ARRAY:
    case JSON_OBJECT:
        *out = 0;
        return true;
    }
    return false;
}

static bool coerce_double(const struct json *v, double *out)
{
    switch (json_kind(v)) {
    case JSON_STRING: {
        struct slice s = trimmed(json_slice(v));
        *out = 0;
        return s.len == 0 || java_double(s, out);
    }
    case JSON_NUMBER:
        *out = json_double(v, 0);
        return true;
    case JSON_BOOL:
        *out = json_bool(v, false);
        return true;
    case JSON_NULL:
    case JSON_ARRAY:
    case JSON_OBJECT:
        return false;
    }
    return false;
}

static bool coerce_bool(const struct json *v)
{
    switch (json_kind(v)) {
    case JSON_STRING:
        return slice_is(trimmed(json_slice(v)), "true");
    case JSON_NUMBER:
        return !json_has_fraction(v) && json_double(v, 0) != 0;
    case JSON_BOOL:
        return json_bool(v, false);
    case JSON_NULL:
    case JSON_ARRAY:
    case JSON_OBJECT:
        return false;
    }
    return false;
}

const char *coerce_text(const struct json *v, struct arena *arena)
{
    int64_t whole;
    char text[DOUBLE_TEXT_SIZE];
    switch (json_kind(v)) {
    case JSON_STRING:
        return arena_strdup(arena, json_str(v, ""));
    case JSON_NUMBER:
        if (!json_has_fraction(v) && json_i64(v, &whole))
            return arena_printf(arena, "%lld", (long long)whole);
        return arena_strdup(arena, double_text(json_double(v, 0), text));
    case JSON_BOOL:
        return json_bool(v, false) ? "true" : "false";
    case JSON_NULL:
    case JSON_ARRAY:
    case JSON_OBJECT:
        return "";
    }
    return "";
}

/* ---- in place of the fields' own strict reading */

/* What is stored was written by ourselves, and read when it came. */
static bool is_strict(const struct reader *r)
{
    return !r->lenient && !r->stored;
}

bool coerce_expects_one(const struct reader *r, const struct path *at, const struct json *v)
{
    bool one = json_is(v, JSON_STRING) || json_is(v, JSON_NUMBER) || json_is(v, JSON_BOOL);
    return one || !is_strict(r) || reader_expects(r, at, v, JSON_STRING);
}

static bool is_flag(const struct json *v)
{
    int64_t n;
    const char *text = json_str(v, NULL);
    if (text != NULL)
        return str_eq(text, "true") || str_eq(text, "false");
    return json_is(v, JSON_BOOL) ||
           (json_is(v, JSON_NUMBER) && json_i64(v, &n) && (n == 0 || n == 1));
}

/* "disabled": "yes" would be no. */
static bool expects_flag(const struct reader *r, const struct path *at, const struct json *v)
{
    return !is_strict(r) || is_flag(v) || reader_expects(r, at, v, JSON_BOOL);
}

/* Other texts are numbers, or refused when they are read. A list of retries would be none. */
static bool is_count(const struct json *v)
{
    double n = json_double(v, 0);
    return json_is(v, JSON_NUMBER) ? n == trunc(n) : json_is(v, JSON_STRING);
}

void coerce_read_text(const struct reader *r, const struct path *at, const struct field *f,
                      const struct json *v, void *to)
{
    if (!coerce_expects_one(r, at, v))
        return;
    const char *text = coerce_text(v, r->arena);
    if (strlen(text) >= (size_t)f->min) /* min 1: empty is as good as absent */
        *(const char **)to = text;
}

void coerce_read_bool(const struct reader *r, const struct path *at, const struct field *f,
                      const struct json *v, void *to)
{
    (void)f;
    if (expects_flag(r, at, v))
        *(bool *)to = coerce_bool(v);
}

void coerce_read_flag(const struct reader *r, const struct path *at, const struct field *f,
                      const struct json *v, void *to)
{
    (void)f;
    if (expects_flag(r, at, v))
        *(bool *)to = slice_is_nocase(slice_of(coerce_text(v, r->arena)), "true");
}

void coerce_read_int(const struct reader *r, const struct path *at, const struct field *f,
                     const struct json *v, void *to)
{
    int64_t value;
    double max = f->max != 0 ? f->max : FIELD_INT_MAX;
    if ((is_strict(r) && !is_count(v)) || !coerce_int(v, &value))
        reader_wrong(r, at, "", v, "%s", f->form != NULL ? f->form->need : "a whole number");
    else if ((double)value < f->min || (double)value > max)
        reader_wrong(r, at, "", v, "%.15g to %.15g", f->min, max);
    else
        *(int64_t *)to = value;
}

void coerce_read_number(const struct reader *r, const struct path *at, const struct field *f,
                        const struct json *v, void *to)
{
    double value;
    if ((is_strict(r) && json_is(v, JSON_BOOL)) || !coerce_double(v, &value))
        reader_wrong(r, at, "", v, "a number");
    else if (value < f->min && (is_strict(r) || f->min > 0))
        reader_wrong(r, at, "", v, "at least %.15g", f->min);
    else if (value > f->max)
        reader_wrong(r, at, "", v, "at most %.15g", f->max);
    else
        *(double *)to = value;
}

void coerce_read_texts(const struct reader *r, const struct path *at, const struct field *f,
                       const struct json *v, void *to)
{
    if (!reader_expects_items(r, at, v, JSON_ARRAY, f))
        return;
    struct strings *s = to;
    const char **items = arena_alloc(r->arena, json_count(v) * sizeof(*items));
    size_t n = 0, i = 0;
    JSON_EACH (element, v) {
        struct path here = {.up = at, .index = i++};
        if (coerce_expects_one(r, &here, element) && !json_is(element, JSON_NULL))
            items[n++] = coerce_text(element, r->arena);
    }
    *s = (struct strings){items, n};
}
