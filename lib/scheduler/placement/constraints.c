#include "scheduler/placement/constraints.h"

#include <stdio.h>

#include "base/str.h"

bool field_value(const char *field, const char *hostname, const struct json *attributes,
                 char dst[FIELD_TEXT_SIZE])
{
    if (str_eq(field, "hostname") || str_eq(field, "@hostname")) {
        const struct json *own = json_get(attributes, "hostname");
        str_copy(dst, FIELD_TEXT_SIZE, json_str(own, hostname));
        return true;
    }
    const struct json *v = json_get(attributes, field);
    if (v == NULL)
        return false;
    char number[SCALAR_TEXT_SIZE];
    if (json_is(v, JSON_NUMBER))
        str_copy(dst, FIELD_TEXT_SIZE, scalar_text(json_double(v, 0), number));
    else
        str_copy(dst, FIELD_TEXT_SIZE, json_str(v, ""));
    return true;
}

static int64_t placed_at(const struct crowd *crowd, const char *value)
{
    for (size_t i = 0; i < crowd->n; i++)
        if (str_eq(crowd->values[i].value, value))
            return crowd->values[i].placed;
    return 0;
}

/* Without a number: as even as what was seen so far allows (the classic rule). */
static bool group_classic(const struct crowd *crowd, int64_t here)
{
    if (here == 0)
        return true;
    int64_t smallest = INT64_MAX;
    for (size_t i = 0; i < crowd->n; i++)
        if (crowd->values[i].placed < smallest)
            smallest = crowd->values[i].placed;
    return here == smallest;
}

/* With a number of groups: each gets its share of the wanted instances. */
static bool group_quota(const struct crowd *crowd, int64_t here, int64_t groups, int64_t wanted)
{
    int64_t quota = wanted / groups, rest = wanted % groups, rest_used = 0;
    for (size_t i = 0; i < crowd->n; i++)
        if (crowd->values[i].placed > quota)
            rest_used += crowd->values[i].placed - quota;
    if (here == 0)
        return (int64_t)crowd->n < groups;
    return here < quota || (here == quota && rest - rest_used > 0);
}

static bool matches(const char *pattern, const char *value)
{
    struct pattern *p;
    struct error err;
    if (pattern_new(pattern, &p, &err) != 0)
        return false; /* was checked when it came in */
    bool yes = pattern_matches(p, value);
    pattern_free(p);
    return yes;
}

static bool same_value(const char *wanted, const char *value)
{
    double number;
    char text[SCALAR_TEXT_SIZE];
    return str_eq(wanted, value) ||
           (str_to_double(wanted, &number) && str_eq(scalar_text(number, text), value));
}

bool constraint_holds(const struct constraint *c, const char *value, const struct crowd *crowd,
                      int64_t wanted)
{
    if (value == NULL)
        return c->op == OP_UNLIKE;
    switch (c->op) {
    case OP_UNIQUE:
        return placed_at(crowd, value) == 0;
    case OP_CLUSTER:
        if (c->value != NULL)
            return str_eq(c->value, value);
        return crowd->n == 0 || str_eq(crowd->values[0].value, value);
    case OP_GROUP_BY:
        return c->number > 0 ? group_quota(crowd, placed_at(crowd, value), c->number, wanted)
                             : group_classic(crowd, placed_at(crowd, value));
    case OP_MAX_PER:
        return placed_at(crowd, value) < c->number;
    case OP_LIKE:
        return matches(c->value, value);
    case OP_UNLIKE:
        return !matches(c->value, value);
    case OP_IS:
        return same_value(c->value, value);
    case OP_EQUALS:
        return str_eq(c->value, value);
    }
    return false;
}
