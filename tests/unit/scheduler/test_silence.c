/* What runs where nothing is heard of, before the state says that it is out of reach: so long as a
 * leader suspects itself, or the agent's process has ended, that takes 75 s (spec/chronos.md 3.8,
 * DESIGN 6). */
#include "harness.h"

#include <stdio.h>

static struct harness h;

static int begin(void **unused)
{
    (void)unused;
    harness_open(&h, "2026-03-01T10:07:30Z");
    harness_agent(&h, "n1", 8, 8192);
    h.suspects = true;
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    harness_close(&h);
    return 0;
}

/* A long run on n1, of a job with a target each 10 s. */
static void run_with(const char *more)
{
    char body[512];
    snprintf(body, sizeof body,
             "{'name':'j',%s'command':'takes 600000',"
             "'schedule':'R/2026-03-01T10:08:00Z/PT10S'}",
             more);
    harness_post(&h, JOB_FACE_2, body);
    harness_run(&h, "2026-03-01T10:08:11Z");
}

static void run_and_cut(const char *more)
{
    run_with(more);
    harness_cut(&h, 0);
    harness_agent(&h, "n2", 8, 8192);
}

static void run_and_end_process(const char *more)
{
    run_with(more);
    harness_end_process(&h, 0);
    harness_agent(&h, "n2", 8, 8192);
}

static void it_does_not_block_later_targets(void **unused)
{
    (void)unused;
    run_and_cut("'epsilon':'PT10S',");
    harness_run(&h, "2026-03-01T10:08:15Z");
    assert_string_equal(harness_starts(&h, "j"), "10:08:00/0");
    harness_run(&h, "2026-03-01T10:08:17Z");
    assert_string_equal(harness_starts(&h, "j"), "10:08:00/0 10:08:10/0");
    assert_int_equal(h.starts[1].agent, h.agents[1].id);
    assert_string_equal(harness_runs(&h, "j"), "10:08:00 running, 10:08:10 running");
}

static void it_does_while_it_is_rather_held(void **unused)
{
    (void)unused;
    run_and_cut("'epsilon':'PT10S','startUncertain':'hold',");
    harness_run(&h, "2026-03-01T10:08:40Z");
    assert_string_equal(harness_starts(&h, "j"), "10:08:00/0");
}

static void it_does_once_it_is_heard_again(void **unused)
{
    (void)unused;
    run_and_cut("'epsilon':'PT10S',");
    harness_run(&h, "2026-03-01T10:08:15Z");
    harness_heal(&h, 0);
    harness_run(&h, "2026-03-01T10:08:40Z");
    assert_string_equal(harness_starts(&h, "j"), "10:08:00/0");
}

static void an_ended_process_costs_no_target(void **unused)
{
    (void)unused;
    run_and_end_process("'epsilon':'PT10S',");
    harness_run(&h, "2026-03-01T10:08:15Z");
    assert_string_equal(harness_starts(&h, "j"), "10:08:00/0");
    harness_run(&h, "2026-03-01T10:08:17Z");
    assert_string_equal(harness_starts(&h, "j"), "10:08:00/0 10:08:10/0");
    assert_int_equal(h.starts[1].agent, h.agents[1].id);
}

static void nor_one_that_is_never_to_wait(void **unused)
{
    (void)unused;
    run_and_end_process("'epsilon':'PT300S','overlap':'skip',");
    harness_run(&h, "2026-03-01T10:08:21Z");
    assert_string_equal(harness_starts(&h, "j"), "10:08:00/0 10:08:20/0");
}

static void who_has_the_time_waits_for_the_next_process(void **unused)
{
    (void)unused;
    run_and_end_process("'epsilon':'PT300S',");
    harness_run(&h, "2026-03-01T10:09:20Z");
    assert_string_equal(harness_starts(&h, "j"), "10:08:00/0");
    harness_heal(&h, 0);
    harness_run(&h, "2026-03-01T10:09:40Z");
    assert_string_equal(harness_starts(&h, "j"), "10:08:00/0");
}

/* j is made again while its last task goes on where the process has ended. */
static void make_it_again(const char *more)
{
    char body[512];
    snprintf(body, sizeof body,
             "{'name':'j',%s'command':'takes 1000','schedule':'R1/2026-03-01T10:08:20Z/PT10S'}",
             more);
    run_and_end_process("'epsilon':'PT10S',");
    harness_delete(&h, "j");
    harness_post(&h, JOB_FACE_2, body);
    harness_run(&h, "2026-03-01T10:08:30Z");
}

static void nor_does_the_last_task_of_a_deleted_job(void **unused)
{
    (void)unused;
    make_it_again("'epsilon':'PT10S',");
    assert_string_equal(harness_starts(&h, "j"), "10:08:00/0 10:08:20/0");
}

static void which_is_waited_for_when_there_is_time(void **unused)
{
    (void)unused;
    make_it_again("'epsilon':'PT300S',");
    assert_string_equal(harness_starts(&h, "j"), "10:08:00/0");
}

/* Its policy is about runs of its own that go on: nothing of it is missed for waiting. */
static void also_by_one_that_is_never_to_wait(void **unused)
{
    (void)unused;
    make_it_again("'epsilon':'PT300S','overlap':'skip',");
    assert_string_equal(harness_starts(&h, "j"), "10:08:00/0");
}

static void and_always_by_one_that_is_rather_held(void **unused)
{
    (void)unused;
    make_it_again("'epsilon':'PT10S','startUncertain':'hold',");
    assert_string_equal(harness_starts(&h, "j"), "10:08:00/0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(it_does_not_block_later_targets),
        TEST(it_does_while_it_is_rather_held),
        TEST(it_does_once_it_is_heard_again),
        TEST(an_ended_process_costs_no_target),
        TEST(nor_one_that_is_never_to_wait),
        TEST(who_has_the_time_waits_for_the_next_process),
        TEST(nor_does_the_last_task_of_a_deleted_job),
        TEST(which_is_waited_for_when_there_is_time),
        TEST(also_by_one_that_is_never_to_wait),
        TEST(and_always_by_one_that_is_rather_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
