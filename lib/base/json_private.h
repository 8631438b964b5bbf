/* lib/base/json_private.h - between json.c, json_read.c and json_write.c: a value is one of
 * cJSON's, and nobody else knows. */
#pragma once

#include <cJSON.h>

#include "base/json.h"

#define JSON_EXACT_MAX 0x1p53 /* doubles hold each integer up to here */

/* cJSON holds numbers as doubles. Where that is not exact, the number's text is kept in its
 * valuestring, which cJSON leaves NULL and frees; that it was written with a fraction is a bit of
 * its type that cJSON does not use. */
#define JSON_WRITTEN_WITH_FRACTION (1 << 10)

static inline struct json *json_of(cJSON *item)
{
    return (struct json *)item;
}

static inline const cJSON *json_item(const struct json *v)
{
    return (const cJSON *)v;
}

struct json_member {
    cJSON *item;
    size_t place;
};

/* The members of an object by name, those of one name in their order; *n_out of them. The caller
 * frees. */
struct json_member *json_sorted_members(const struct json *v, size_t *n_out);
