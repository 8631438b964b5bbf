/* Constraints against one agent (spec/marathon.md 11.1, 11.4; spec/chronos.md 6.5). */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "scheduler/placement/constraints.h"

/* "a2 b1": two placed instances have the value a, one has b; in the order first placed. */
static size_t read_crowd(const char *text, struct crowd_value values[8], char names[8][16])
{
    size_t n = 0;
    for (const char *at = text; *at != '\0'; n++) {
        size_t len = strcspn(at, "0123456789");
        snprintf(names[n], 16, "%.*s", (int)len, at);
        values[n] = (struct crowd_value){names[n], atoi(at + len)};
        at += len + strcspn(at + len, " ");
        at += strspn(at, " ");
    }
    return n;
}

static bool holds(enum constraint_op op, const char *value, int64_t number, const char *placed,
                  int64_t wanted, const char *here)
{
    struct crowd_value values[8];
    char names[8][16];
    const struct constraint c = {"f", op, value, number};
    const struct crowd crowd = {values, read_crowd(placed, values, names)};
    struct pattern *pattern = NULL;
    struct error err;
    if ((op == OP_LIKE || op == OP_UNLIKE) && pattern_new(value, &pattern, &err) != 0)
        fail_msg("%s", err.text);
    bool yes = constraint_holds(&c, CONSTRAINT_OF_APP, here, pattern, &crowd, wanted);
    pattern_free(pattern);
    return yes;
}

static void each_operator_decides_as_its_row_says(void **unused)
{
    static const struct {
        enum constraint_op op;
        const char *value;
        int64_t number;
        const char *placed;
        const char *takes, *refuses; /* values of agents, one a letter; '0': has none */
    } rows[] = {
        {OP_UNIQUE, NULL, 0, "", "ab", "0"},
        {OP_UNIQUE, NULL, 0, "a1", "b", "a0"},
        {OP_CLUSTER, "a", 0, "", "a", "b0"},
        {OP_CLUSTER, "a", 0, "b3", "a", "b0"},
        {OP_CLUSTER, NULL, 0, "", "ab", "0"},
        {OP_CLUSTER, NULL, 0, "b1 a2", "b", "ac0"}, /* the first placed decides */
        {OP_IS, "a", 0, "a9", "a", "b0"},
        {OP_LIKE, "a|b", 0, "", "ab", "c0"},
        {OP_LIKE, "[ab]b?", 0, "", "ab", "c0"},
        {OP_UNLIKE, "a|b", 0, "", "c0", "ab"},
        {OP_MAX_PER, "2", 2, "a2 b1", "bc", "a0"},
        {OP_EQUALS, "a", 0, "", "a", "b0"},
        /* without a number: even among what was seen; a new value is always welcome */
        {OP_GROUP_BY, NULL, 0, "", "ab", "0"},
        {OP_GROUP_BY, NULL, 0, "a1", "abc", "0"},
        {OP_GROUP_BY, NULL, 0, "a2 b1", "bc", "a0"},
        {OP_GROUP_BY, NULL, 0, "a2 b2", "abc", "0"},
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (int refused = 0; refused < 2; refused++) {
            for (const char *at = refused ? rows[i].refuses : rows[i].takes; *at != '\0'; at++) {
                const char here[2] = {*at, '\0'};
                bool yes = holds(rows[i].op, rows[i].value, rows[i].number, rows[i].placed, 10,
                                 *at == '0' ? NULL : here);
                if (yes == (refused == 1))
                    fail_msg("row %zu: agent %s is %s", i, here, yes ? "taken" : "refused");
            }
        }
    }
}

static void grouping_by_a_number_gives_each_group_its_share(void **unused)
{
    static const struct {
        int64_t wanted, groups;
        const char *placed, *takes, *refuses;
    } rows[] = {
        {6, 3, "", "abc", ""},      {6, 3, "a1", "abc", ""}, /* share: two each */
        {6, 3, "a2", "bc", "a"},                             /* full, and nothing is left over */
        {7, 3, "a2", "abc", ""},   /* one is left over: somebody may have three */
        {7, 3, "a3 b2", "c", "b"}, /* taken by a */
        {7, 3, "a3 b1", "bc", "a"}, {4, 2, "a1 b1", "ab", "c"}, /* no third group */
        {1, 2, "", "ab", ""}, /* fewer than groups: share 0, one left over */
        {1, 2, "a1", "b", "a"},
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (const char *at = "abc"; *at != '\0'; at++) {
            const char here[2] = {*at, '\0'};
            bool yes =
                holds(OP_GROUP_BY, "n", rows[i].groups, rows[i].placed, rows[i].wanted, here);
            if (strchr(rows[i].takes, *at) != NULL)
                assert_true(yes);
            if (strchr(rows[i].refuses, *at) != NULL)
                assert_false(yes);
        }
    }
}

static void numbers_compare_in_the_form_that_attributes_show(void **unused)
{
    (void)unused;
    assert_true(holds(OP_IS, "1.50", 0, "", 1, "1.5"));
    assert_true(holds(OP_IS, "1.0", 0, "", 1, "1"));
    assert_true(holds(OP_IS, "2.12349", 0, "", 1, "2.123"));
    assert_false(holds(OP_IS, "1.5a", 0, "", 1, "1.5"));
    assert_false(holds(OP_EQUALS, "1.0", 0, "", 1, "1"));
}

static void patterns_match_the_whole_value(void **unused)
{
    (void)unused;
    assert_true(holds(OP_LIKE, "rack-\\d", 0, "", 1, "rack-1"));
    assert_false(holds(OP_LIKE, "rack-\\d", 0, "", 1, "rack-12"));
    assert_false(holds(OP_LIKE, "ack-\\d", 0, "", 1, "rack-1"));
    assert_true(holds(OP_UNLIKE, "rack-\\d", 0, "", 1, "rack-12"));
}

/* One agent's attributes, and what each dialect makes of them. */
static void a_field_is_the_hostname_or_an_attribute(void **unused)
{
    static const struct {
        const char *field;
        enum constraint_op op;
        const char *of_app, *of_job; /* NULL: has none */
    } rows[] = {
        {"hostname", OP_LIKE, "n1", "other"}, /* a job sees an attribute of that name first */
        {"@hostname", OP_LIKE, "n1", "n1"},
        {"rack", OP_LIKE, "a", "a"},
        {"Rack", OP_LIKE, NULL, NULL},
        {"size", OP_LIKE, "2.5", "2.5"},
        {"whole", OP_LIKE, "3", "3.0"},
        {"whole", OP_EQUALS, "3", NULL},
        {"many", OP_LIKE, "1.235", "1.2346"},
        {"spans", OP_LIKE, "[1-5,8-9,10-11]", NULL},
        {"words", OP_LIKE, "{a,b,c}", "{c, a,b}"},
        {"open", OP_LIKE, "[b,a", NULL},
        {"@zone", OP_LIKE, NULL, NULL},
    };
    struct error err;
    char text[FIELD_TEXT_SIZE];
    struct json *v = json_parse(SLICE("{\"rack\":\"a\",\"size\":2.5,\"whole\":3,\"many\":1.2346,"
                                      "\"spans\":\"[10-11, 8-9,1-5]\",\"words\":\"{c, a,b}\","
                                      "\"open\":\"[b,a\",\"hostname\":\"other\"}"),
                                &err);
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct constraint c = {rows[i].field, rows[i].op, "x", 0};
        for (int job = 0; job < 2; job++) {
            const char *expected = job ? rows[i].of_job : rows[i].of_app;
            bool has =
                constraint_value(&c, job ? CONSTRAINT_OF_JOB : CONSTRAINT_OF_APP, "n1", v, text);
            if (has != (expected != NULL))
                fail_msg("row %zu, job %d: %s", i, job, has ? text : "none");
            if (has)
                assert_string_equal(text, expected);
        }
    }
    json_free(v);
}

static void a_job_is_refused_by_what_has_no_such_attribute(void **unused)
{
    static const enum constraint_op ops[] = {OP_EQUALS, OP_LIKE, OP_UNLIKE};
    const struct crowd none = {0};
    (void)unused;
    for (size_t i = 0; i < COUNT(ops); i++) {
        const struct constraint c = {"f", ops[i], "a", 0};
        assert_false(constraint_holds(&c, CONSTRAINT_OF_JOB, NULL, NULL, &none, 0));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_operator_decides_as_its_row_says),
        cmocka_unit_test(grouping_by_a_number_gives_each_group_its_share),
        cmocka_unit_test(numbers_compare_in_the_form_that_attributes_show),
        cmocka_unit_test(patterns_match_the_whole_value),
        cmocka_unit_test(a_field_is_the_hostname_or_an_attribute),
        cmocka_unit_test(a_job_is_refused_by_what_has_no_such_attribute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
