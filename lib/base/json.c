/* Asking what was read. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/json_private.h"
#include "base/mem.h"
#include "base/str.h"

enum json_kind json_kind(const struct json *v)
{
    switch (json_item(v)->type & 0xff) {
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

const char *json_quote(char *dst, size_t size, const struct json *v)
{
    struct buf text;
    struct json_writer w;
    if (json_is(v, JSON_STRING))
        return str_quote(dst, size, json_slice(v).p, json_slice(v).len);
    buf_init(&text, 64);
    json_begin(&w, &text);
    if (json_is(v, JSON_NUMBER) || json_is(v, JSON_BOOL))
        json_put_value(&w, v);
    str_copy(dst, size, text.len > 0 ? buf_str(&text) : json_kind_word(v));
    buf_close(&text);
    return dst;
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
    return v == NULL ? NULL : json_of(json_item(v)->child);
}

const struct json *json_next(const struct json *v)
{
    return json_of(json_item(v)->next);
}

const char *json_name(const struct json *member)
{
    return json_item(member)->string;
}

bool json_bool(const struct json *v, bool otherwise)
{
    return json_is(v, JSON_BOOL) ? cJSON_IsTrue(json_item(v)) : otherwise;
}

const char *json_str(const struct json *v, const char *otherwise)
{
    return json_is(v, JSON_STRING) ? json_item(v)->valuestring : otherwise;
}

struct slice json_slice(const struct json *v)
{
    return slice_of(json_str(v, NULL));
}

bool json_i64(const struct json *v, int64_t *out)
{
    if (!json_is(v, JSON_NUMBER))
        return false;
    const cJSON *number = json_item(v);
    if (number->valuestring != NULL)
        return str_to_i64(number->valuestring, out);
    double value = number->valuedouble;
    if (fabs(value) >= JSON_EXACT_MAX || value != floor(value))
        return false;
    *out = (int64_t)value;
    return true;
}

bool json_has_fraction(const struct json *v)
{
    if (!json_is(v, JSON_NUMBER))
        return false;
    const cJSON *number = json_item(v);
    return (number->type & JSON_WRITTEN_WITH_FRACTION) != 0 ||
           number->valuedouble != floor(number->valuedouble);
}

int64_t json_int(const struct json *v, int64_t otherwise)
{
    int64_t value;
    return json_i64(v, &value) ? value : otherwise;
}

double json_double(const struct json *v, double otherwise)
{
    return json_is(v, JSON_NUMBER) ? json_item(v)->valuedouble : otherwise;
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

static int by_name_and_place(const void *x, const void *y)
{
    const struct json_member *a = x, *b = y;
    int order = strcmp(a->item->string, b->item->string);
    return order != 0 ? order : a->place < b->place ? -1 : 1;
}

struct json_member *json_sorted_members(const struct json *v, size_t *n_out)
{
    size_t n = 0;
    struct json_member *members = mem_alloc(json_count(v) * sizeof(*members));
    for (cJSON *it = json_item(v)->child; it != NULL; it = it->next, n++)
        members[n] = (struct json_member){it, n};
    qsort(members, n, sizeof(*members), by_name_and_place);
    *n_out = n;
    return members;
}

static bool equal_objects(const struct json *a, const struct json *b)
{
    size_t na, nb;
    struct json_member *of_a = json_sorted_members(a, &na), *of_b = json_sorted_members(b, &nb);
    bool equal = na == nb;
    for (size_t i = 0; equal && i < na; i++)
        equal = strcmp(of_a[i].item->string, of_b[i].item->string) == 0 &&
                json_equal(json_of(of_a[i].item), json_of(of_b[i].item));
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
        return equal_numbers(json_item(a), json_item(b));
    case JSON_STRING:
        return strcmp(json_str(a, ""), json_str(b, "")) == 0;
    case JSON_ARRAY:
        return equal_arrays(a, b);
    case JSON_OBJECT:
        return equal_objects(a, b);
    }
    UNREACHABLE("every kind has been compared");
}
