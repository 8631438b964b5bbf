/* tests/unit/agent/test_health.c - in a story '+' is good, '-' bad, one a second */
#include "agent/health.h"
#include "unit.h" /* cmocka and what it wants included first */

static enum health_state state_after(const char *story)
{
    struct health_policy policy = {.grace_ms = 3000, .interval_ms = 1000, .max_failures = 2};
    struct health h;
    struct error err;
    assert_int_equal(health_init(&h, &policy, (struct mono){0}, &err), 0);
    for (; *story != '\0'; story++)
        health_result(&h, *story == '+', h.due);
    return h.state;
}

static void judges_as_marathon_does(void **unused)
{
    (void)unused;
    assert_int_equal(state_after(""), HEALTH_UNKNOWN);
    assert_int_equal(state_after("---"), HEALTH_UNKNOWN); /* grace: 0, 1, 2 s */
    assert_int_equal(state_after("----"), HEALTH_BAD);
    assert_int_equal(state_after("+-"), HEALTH_BAD); /* a success ends the grace */
    assert_int_equal(state_after("+-+-"), HEALTH_BAD);
    assert_int_equal(state_after("+--"), HEALTH_DOOMED);
}

static void asks_more_often_while_a_task_starts(void **unused)
{
    (void)unused;
    static const int64_t at[] = {0, 20, 60, 140, 300, 620};
    struct health_policy policy = {.grace_ms = 9000, .interval_ms = 600, .early_ms = 20};
    struct health h;
    struct error err;
    assert_int_equal(health_init(&h, &policy, (struct mono){0}, &err), 0);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(h.due.ms, at[i]);
        health_result(&h, false, h.due);
    }
    assert_int_equal(h.due.ms, 1220); /* from here on by the interval */
    assert_int_equal(h.state, HEALTH_UNKNOWN);
}

static void names_the_bad_field(void **unused)
{
    (void)unused;
    struct health h;
    struct error err;
    struct health_policy never = {.interval_ms = 0};
    assert_int_equal(health_init(&h, &never, (struct mono){0}, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_string_equal(err.text, "intervalSeconds: got 0 ms, need at least 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges_as_marathon_does),
        cmocka_unit_test(asks_more_often_while_a_task_starts),
        cmocka_unit_test(names_the_bad_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
