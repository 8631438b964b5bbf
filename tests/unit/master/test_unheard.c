/* An order that was lost with its agent is not waited for once that one is back. */
#include "desk.h"

#include <stdio.h>
#include <string.h>

static struct desk d;

static int begin(void **unused)
{
    (void)unused;
    desk_open(&d);
    desk_register(&d, 1, "");
    desk_turn(&d);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    desk_close(&d);
    return 0;
}

/* Ordered while nobody heard it; the task. */
static int64_t lost_order(void)
{
    int64_t task = desk_launch(&d, desk_app(&d, "/db", ",'unreachableStrategy':'disabled'"), 0);
    desk_run_ms(&d, 20000, 0);
    assert_int_equal(desk_state(&d, task), TASK_UNREACHABLE);
    desk_told(&d);
    return task;
}

static void what_its_agent_does_not_know_is_to_end(void **unused)
{
    char expected[96];
    (void)unused;
    int64_t task = lost_order();
    desk_register(&d, 1, "");
    desk_turn(&d);
    snprintf(expected, sizeof expected, "0 welcome id=0\n0 kill %d its agent does not know it\n",
             (int)task);
    assert_string_equal(desk_told(&d), expected);
    desk_status(&d, 1, task, INT64_MAX, "killed"); /* as it answers */
    desk_turn(&d);
    assert_int_equal(desk_state(&d, task), TASK_KILLED);
}

static void what_it_knows_goes_on(void **unused)
{
    char tasks[64];
    (void)unused;
    int64_t task = lost_order();
    snprintf(tasks, sizeof tasks, "{'task':%d,'state':'running'}", (int)task);
    desk_register(&d, 1, tasks);
    desk_turn(&d);
    assert_string_equal(desk_told(&d), "0 welcome id=0\n");
}

static struct change told;

static void note(struct watch *w, const struct change *c)
{
    (void)w;
    if (c->kind == CHANGE_LATE_END)
        told = *c;
}

/* Given up while nobody heard it, it ran on; its end is told, and acknowledged. */
static void the_end_of_what_was_given_up_is_told(void **unused)
{
    static struct watch w = {.changed = note};
    (void)unused;
    int64_t task = lost_order();
    state_watch(d.state, &w);
    desk_kill(&d, task);
    assert_int_equal(desk_state(&d, task), TASK_LOST);
    desk_register(&d, 1, "");
    desk_turn(&d);
    desk_told(&d);
    desk_status(&d, 1, task, 7, "killed");
    desk_turn(&d);
    assert_int_equal(told.id, task);
    assert_int_equal(told.state, TASK_KILLED);
    assert_non_null(strstr(desk_told(&d), "ack"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_its_agent_does_not_know_is_to_end),
        TEST(what_it_knows_goes_on),
        TEST(the_end_of_what_was_given_up_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
