#include "model/constraint.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/job_private.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- words and rules */

enum value_rule {
    VALUE_NONE,
    VALUE_OPTIONAL,
    VALUE_NUMBER,
    VALUE_OPTIONAL_NUMBER,
    VALUE_PATTERN,
    VALUE_PLAIN,
    VALUE_ANY
};

static const struct {
    const char *word;
    bool of_apps, of_jobs;
    enum value_rule rule;
} OPERATORS[] = {
    [OP_UNIQUE] = {"UNIQUE", true, false, VALUE_NONE},
    [OP_CLUSTER] = {"CLUSTER", true, false, VALUE_OPTIONAL},
    [OP_GROUP_BY] = {"GROUP_BY", true, false, VALUE_OPTIONAL_NUMBER},
    [OP_MAX_PER] = {"MAX_PER", true, false, VALUE_NUMBER},
    [OP_LIKE] = {"LIKE", true, true, VALUE_PATTERN},
    [OP_UNLIKE] = {"UNLIKE", true, true, VALUE_PATTERN},
    [OP_IS] = {"IS", true, false, VALUE_PLAIN},
    [OP_EQUALS] = {"EQUALS", false, true, VALUE_ANY},
};
#define OPERATORS_N (sizeof(OPERATORS) / sizeof(*OPERATORS))

const char *constraint_op_word(enum constraint_op op)
{
    return OPERATORS[op].word;
}

/* Apps write operators in any case, jobs exactly. */
static bool find_op(struct slice word, enum constraint_dialect dialect, enum constraint_op *out)
{
    for (size_t i = 0; i < OPERATORS_N; i++) {
        bool app = dialect == CONSTRAINT_OF_APP;
        if ((app ? OPERATORS[i].of_apps : OPERATORS[i].of_jobs) &&
            (app ? slice_is_nocase(word, OPERATORS[i].word) : slice_is(word, OPERATORS[i].word))) {
            *out = (enum constraint_op)i;
            return true;
        }
    }
    return false;
}

static bool is_plain(const char *value)
{
    for (; *value != '\0'; value++)
        if (!isalnum((unsigned char)*value) && strchr("_/.-", *value) == NULL)
            return false;
    return true;
}

static int check_number(const struct constraint *c, struct error *err)
{
    char quoted[64];
    int64_t n;
    if (!str_to_i64(c->value, &n) || n < 0 || n > INT32_MAX)
        return error_set(err, ERR_INVALID, "%s: got %s, need a whole number as value",
                         OPERATORS[c->op].word,
                         str_quote(quoted, sizeof(quoted), c->value, strlen(c->value)));
    return 0;
}

static int check_pattern(const struct constraint *c, struct error *err)
{
    struct pattern *p;
    if (pattern_new(c->value, &p, err) != 0)
        return error_wrap(err, "%s", OPERATORS[c->op].word);
    pattern_free(p);
    return 0;
}

static int check_value(const struct constraint *c, struct error *err)
{
    const char *word = OPERATORS[c->op].word;
    char quoted[64];
    if (c->value == NULL)
        switch (OPERATORS[c->op].rule) {
        case VALUE_NONE:
        case VALUE_OPTIONAL:
        case VALUE_OPTIONAL_NUMBER:
            return 0;
        case VALUE_NUMBER:
            return error_set(err, ERR_INVALID, "%s: need a whole number as value", word);
        case VALUE_PATTERN:
            return error_set(err, ERR_INVALID, "%s: need a regular expression as value", word);
        case VALUE_PLAIN:
        case VALUE_ANY:
            return error_set(err, ERR_INVALID, "%s: need a value", word);
        }
    str_quote(quoted, sizeof(quoted), c->value, strlen(c->value));
    switch (OPERATORS[c->op].rule) {
    case VALUE_NONE:
        return error_set(err, ERR_INVALID, "%s: got the value %s, need none", word, quoted);
    case VALUE_OPTIONAL:
    case VALUE_ANY:
        return 0;
    case VALUE_NUMBER:
    case VALUE_OPTIONAL_NUMBER:
        return check_number(c, err);
    case VALUE_PATTERN:
        return check_pattern(c, err);
    case VALUE_PLAIN:
        if (!is_plain(c->value))
            return error_set(err, ERR_INVALID,
                             "%s: got %s, need letters, digits, \"_\", \"/\", \".\" and \"-\" only",
                             word, quoted);
        return 0;
    }
    return 0;
}

/* ---- JSON */

static bool refuse(struct problems *problems, const char *path, const char *text)
{
    problems_add(problems, PROBLEM_RULE, path, "%s", text);
    return false;
}

static bool refuse_kind(struct problems *problems, const char *code, const char *path,
                        const char *text)
{
    problems_add_coded(problems, code, path, "%s", text);
    return false;
}

static bool unknown_op(struct problems *problems, const char *path, enum constraint_dialect dialect,
                       struct slice word)
{
    char quoted[64];
    problems_add(problems, PROBLEM_RULE, path, "got the operator %s, need %s",
                 str_quote(quoted, sizeof(quoted), word.p, word.len),
                 dialect == CONSTRAINT_OF_APP
                     ? "UNIQUE, CLUSTER, GROUP_BY, MAX_PER, LIKE, UNLIKE or IS"
                     : "EQUALS, LIKE or UNLIKE");
    return false;
}

static void take_number(struct constraint *c)
{
    if (c->value != NULL && (c->op == OP_GROUP_BY || c->op == OP_MAX_PER))
        str_to_i64(c->value, &c->number);
}

bool constraint_read(const struct json *v, enum constraint_dialect dialect, const char *path,
                     struct arena *arena, struct constraint *out, struct problems *problems)
{
    bool app = dialect == CONSTRAINT_OF_APP;
    struct slice part[3] = {{NULL, 0}};
    size_t n = 0;
    if (!json_is(v, JSON_ARRAY))
        return refuse_kind(problems, app ? "error.expected.jsarray" : NULL, path,
                           app ? "need [field, operator, value]"
                               : "need an array [attribute, operator, value]");
    JSON_EACH (element, v) {
        if (n < 3 && json_is(element, JSON_STRING))
            part[n] = json_slice(element);
        else if (n < 3 && !app && (json_is(element, JSON_NUMBER) || json_is(element, JSON_BOOL)))
            part[n] = slice_of(coerce_text(element, arena));
        else if (n < 3)
            return refuse_kind(problems, app ? "error.expected.jsstring" : NULL, path,
                               app ? "need strings in [field, operator, value]"
                                   : "need strings in [attribute, operator, value]");
        n++;
    }
    if (n > 3 || n < (app ? 2 : 3))
        return refuse(problems, path,
                      app ? "need 2 or 3 elements, [field, operator, value]"
                          : "need 3 elements, [attribute, operator, value]");
    if (part[0].len == 0)
        return refuse(problems, path, "got an empty field, need an attribute's name");

    struct constraint c = {0};
    struct error err;
    if (!find_op(part[1], dialect, &c.op))
        return unknown_op(problems, path, dialect, part[1]);
    c.field = arena_strndup(arena, part[0].p, part[0].len);
    bool none = n < 3 || (part[2].len == 0 && (c.op == OP_UNIQUE || c.op == OP_CLUSTER));
    if (!none)
        c.value = arena_strndup(arena, part[2].p, part[2].len);
    if (check_value(&c, &err) != 0)
        return refuse(problems, path, err.text);
    take_number(&c);
    *out = c;
    return true;
}

void constraint_load(const struct json *v, struct arena *arena, struct constraint *out)
{
    const struct json *field = json_first(v), *op = field == NULL ? NULL : json_next(field);
    const struct json *value = op == NULL ? NULL : json_next(op);
    *out = (struct constraint){.field = arena_strdup(arena, json_str(field, "")),
                               .value = arena_strdup(arena, json_str(value, NULL))};
    if (!find_op(json_slice(op), CONSTRAINT_OF_APP, &out->op))
        find_op(json_slice(op), CONSTRAINT_OF_JOB, &out->op);
    take_number(out);
}

void constraint_write(const struct constraint *c, struct json_writer *w)
{
    json_array(w);
    json_put_str(w, c->field);
    json_put_str(w, constraint_op_word(c->op));
    if (c->value != NULL)
        json_put_str(w, c->value);
    json_array_end(w);
}

/* ---- numbers as attributes show them */

const char *scalar_text(double v, char dst[SCALAR_TEXT_SIZE])
{
    /* Rounding to even at the third decimal; rint does that in the default mode. */
    double milli = rint(v * 1000);
    if (!(fabs(milli) < 9e15)) {
        snprintf(dst, SCALAR_TEXT_SIZE, "%.0f", v);
        return dst;
    }
    long long all = (long long)milli, whole = all / 1000, part = all % 1000;
    if (part < 0)
        part = -part;
    int len = snprintf(dst, SCALAR_TEXT_SIZE, "%s%lld.%03lld", all < 0 && whole == 0 ? "-" : "",
                       whole, part);
    while (dst[len - 1] == '0')
        dst[--len] = '\0';
    if (dst[len - 1] == '.')
        dst[--len] = '\0';
    return dst;
}
