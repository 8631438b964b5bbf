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

const char *pairs_get(const struct pairs *p, const char *name);       /* NULL: not there */
bool strings_equal(const struct strings *a, const struct strings *b); /* in that order */
bool strings_have(const struct strings *s, const char *item);

/* An environment being made: of two variables of one name the later value stays, in the place of
 * the earlier. Strings are borrowed. */
struct env_builder {
    struct env_vars vars;
    /* private */
    struct arena *arena;
    struct map *places;
    size_t cap;
};
void env_begin(struct env_builder *b, struct arena *arena); /* the list will be the arena's */
void env_put(struct env_builder *b, const char *name, const char *value);
void env_put_var(struct env_builder *b, struct env_var var);
struct env_vars env_end(struct env_builder *b);

/* A double as Java prints it: the shortest that reads back the same, always with a point
 * ("0.1", "64.0"), with an exponent outside 1e-3..1e7 ("1.0E-4"). Returns dst. */
#define DOUBLE_TEXT_SIZE 32
const char *double_text(double v, char dst[DOUBLE_TEXT_SIZE]);
