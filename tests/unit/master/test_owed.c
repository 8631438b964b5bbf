/* Who registers with ends that it has not told gets no run before it has. */
#include "desk.h"

#include <stdio.h>

static struct desk d;
static int64_t task;

static int begin(void **unused)
{
    (void)unused;
    desk_open(&d);
    desk_register(&d, 1, "");
    desk_turn(&d);
    task = desk_launch(&d, desk_app(&d, "/web", ""), 0);
    desk_status(&d, 1, task, 1, "running");
    desk_turn(&d);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    desk_close(&d);
    return 0;
}

/* With an end that has not been acknowledged. */
static void register_with_its_end(void)
{
    char tasks[64];
    snprintf(tasks, sizeof tasks, "{'task':%d,'state':'finished'}", (int)task);
    desk_register(&d, 1, tasks);
    desk_turn(&d);
    desk_pong(&d, 1, 9);
    desk_turn(&d);
}

static void an_end_is_told_before_the_next_run(void **unused)
{
    (void)unused;
    register_with_its_end();
    assert_int_equal(master_pong(d.master, 0), 0);
    desk_status(&d, 1, task, 2, "finished");
    desk_turn(&d);
    assert_int_equal(master_pong(d.master, 0), 9);
}

/* The end was told and committed; its acknowledgement comes when the agent has registered once
 * more, and then it does not tell it again. */
static void an_acknowledgement_may_cross_with_a_registration(void **unused)
{
    (void)unused;
    desk_status(&d, 1, task, 2, "finished");
    desk_turn(&d);
    register_with_its_end();
    assert_int_equal(master_pong(d.master, 0), 9);
}

static void what_never_comes_is_not_waited_for_for_ever(void **unused)
{
    (void)unused;
    register_with_its_end();
    desk_run_ms(&d, 12000, 1);
    assert_true(master_pong(d.master, 0) > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_end_is_told_before_the_next_run),
        TEST(an_acknowledgement_may_cross_with_a_registration),
        TEST(what_never_comes_is_not_waited_for_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
