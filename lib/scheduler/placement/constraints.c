#include "scheduler/placement/constraints.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/str.h"

/* A number as a job's pattern sees it: Java's text of a double (spec/chronos.md 6.5). */
static void java_double(double v, char dst[FIELD_TEXT_SIZE])
{
    snprintf(dst, FIELD_TEXT_SIZE, v == (double)(int64_t)v ? "%.1f" : "%.15g", v);
}

/* Text and numbers match patterns, ranges never do; EQUALS sees text only. */
static bool value_of_job(const struct constraint *c, const struct json *v,
                         char dst[FIELD_TEXT_SIZE])
{
    if (json_is(v, JSON_NUMBER) && c->op != OP_EQUALS) {
        java_double(json_double(v, 0), dst);
        return true;
    }
    const char *text = json_str(v, "[");
    str_copy(dst, FIELD_TEXT_SIZE, text);
    return text[0] != '[';
}

static int by_number(const void *x, const void *y)
{
    long long a = atoll(*(char *const *)x), b = atoll(*(char *const *)y);
    return (a > b) - (a < b);
}

static int by_text(const void *x, const void *y)
{
    return strcmp(*(char *const *)x, *(char *const *)y);
}

/* "[8-9, 1-5]" as "[1-5,8-9]", "{b,a}" as "{a,b}"; anything else stays as it is (11.1). */
static void sort_members(char text[FIELD_TEXT_SIZE])
{
    char copy[FIELD_TEXT_SIZE], *items[FIELD_TEXT_SIZE], *rest = copy + 1;
    size_t len = strlen(text), n = 0, at = 1;
    bool ranges = text[0] == '[' && text[len - 1] == ']';
    bool set = text[0] == '{' && text[len - 1] == '}';
    if (len < 2 || (!ranges && !set))
        return;
    str_copy(copy, sizeof(copy), text);
    copy[len - 1] = '\0';
    for (char *item; (item = strsep(&rest, ",")) != NULL;)
        items[n++] = item + strspn(item, " ");
    qsort(items, n, sizeof(items[0]), ranges ? by_number : by_text);
    for (size_t i = 0; i < n; i++) /* never longer than it was */
        at += (size_t)snprintf(text + at, FIELD_TEXT_SIZE - at, "%s%s", i > 0 ? "," : "", items[i]);
    snprintf(text + at, FIELD_TEXT_SIZE - at, "%c", ranges ? ']' : '}');
}

static void value_of_app(const struct json *v, char dst[FIELD_TEXT_SIZE])
{
    char number[SCALAR_TEXT_SIZE];
    if (json_is(v, JSON_NUMBER)) {
        str_copy(dst, FIELD_TEXT_SIZE, scalar_text(json_double(v, 0), number));
        return;
    }
    str_copy(dst, FIELD_TEXT_SIZE, json_str(v, ""));
    sort_members(dst);
}

bool constraint_value(const struct constraint *c, enum constraint_dialect dialect,
                      const char *hostname, const struct json *attributes,
                      char dst[FIELD_TEXT_SIZE])
{
    const struct json *v = json_get(attributes, c->field);
    bool names_host = str_eq(c->field, "hostname") || str_eq(c->field, "@hostname");
    if (names_host && (v == NULL || dialect == CONSTRAINT_OF_APP)) {
        str_copy(dst, FIELD_TEXT_SIZE, hostname);
        return true;
    }
    if (v == NULL)
        return false;
    if (dialect == CONSTRAINT_OF_JOB)
        return value_of_job(c, v, dst);
    value_of_app(v, dst);
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

static bool matches(const struct pattern *p, const char *value)
{
    return p != NULL && pattern_matches(p, value);
}

static bool same_value(const char *wanted, const char *value)
{
    double number;
    char text[SCALAR_TEXT_SIZE];
    return str_eq(wanted, value) ||
           (str_to_double(wanted, &number) && str_eq(scalar_text(number, text), value));
}

bool constraint_counts(const struct constraint *c)
{
    return c->op == OP_UNIQUE || c->op == OP_GROUP_BY || c->op == OP_MAX_PER ||
           (c->op == OP_CLUSTER && c->value == NULL);
}

bool constraint_holds(const struct constraint *c, enum constraint_dialect dialect,
                      const char *value, const struct pattern *pattern, const struct crowd *crowd,
                      int64_t wanted)
{
    if (value == NULL)
        return dialect == CONSTRAINT_OF_APP && c->op == OP_UNLIKE;
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
        return matches(pattern, value);
    case OP_UNLIKE:
        return !matches(pattern, value);
    case OP_IS:
        return same_value(c->value, value);
    case OP_EQUALS:
        return str_eq(c->value, value);
    }
    UNREACHABLE("every operator is above");
}
