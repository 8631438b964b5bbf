/* lib/model/value.h - the small shapes that apps and jobs are made of: lists and pairs.
 *
 * Every list is `items` and `n`. items == NULL says that it was not given at all; a list that was
 * given as [] has items and n == 0. The memory is the arena's of whatever holds it. Pure. */
#pragma once

#include "base/arena.h"
#include "base/json.h"

#define NOT_GIVEN (-1) /* of numbers that may be absent */

struct strings {
    const char **items;
    size_t n;
};

struct numbers {
    int64_t *items;
    size_t n;
};

struct pair { /* a label, a parameter */
    const char *name, *value;
};

struct pairs { /* each name once, unless its header says otherwise; in the order given */
    struct pair *items;
    size_t n;
};

struct env_var { /* exactly one of value and secret is there */
    const char *name, *value, *secret;
};

struct env_vars {
    struct env_var *items;
    size_t n;
};

const char *pairs_get(const struct pairs *p, const char *name); /* NULL: not there */
bool strings_have(const struct strings *s, const char *item);
/* Sets a variable, replacing one of that name in its place; strings are borrowed. `capacity` is
 * what `v` has room for, and must suffice. */
void env_set(struct env_vars *v, size_t capacity, struct env_var var);

/* A double as Java prints it: the shortest that reads back the same, always with a point
 * ("0.1", "64.0"), with an exponent outside 1e-3..1e7 ("1.0E-4"). Returns dst. */
#define DOUBLE_TEXT_SIZE 32
const char *double_text(double v, char dst[DOUBLE_TEXT_SIZE]);
