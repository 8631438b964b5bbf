/* Jobs that are valid for a time: outside it they have no targets, and do not fire. */
#include "harness.h"

#include <stdio.h>
#include <string.h>

#include "scheduler/why/why.h"

static struct harness h;

static int begin(void **unused)
{
    (void)unused;
    harness_open(&h, "2026-03-01T10:00:30Z");
    harness_agent(&h, "n1", 8, 8192);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    harness_close(&h);
    return 0;
}

static void post(const char *when, const char *more)
{
    char body[512];
    snprintf(body, sizeof body, "{'name':'j','command':'takes 100','epsilon':'PT30S',%s%s}", when,
             more);
    harness_post(&h, JOB_FACE_2, body);
}

#define MINUTELY "'schedule':'R/2026-03-01T10:00:00Z/PT1M'"

static void only_targets_in_its_time_run(void **unused)
{
    (void)unused;
    static const struct {
        const char *when, *more, *runs;
    } cases[] = {
        /* the first instant belongs to it, the last does not */
        {MINUTELY, ",'startsAt':'2026-03-01T10:03:00Z','endsAt':'2026-03-01T10:05:00Z'",
         "10:03:00 ok, 10:04:00 ok"},
        {MINUTELY, ",'startsAt':'2026-03-01T10:03:00.001Z'",
         "10:04:00 ok, 10:05:00 ok, 10:06:00 ok"},
        {MINUTELY, ",'endsAt':'2026-03-01T10:02:00.001Z','missed':'catchup'",
         "10:00:00 ok, 10:01:00 ok, 10:02:00 ok"},
        {MINUTELY, ",'startsAt':'2026-03-01T10:05:30Z','missed':'catchup'", "10:06:00 ok"},
        {"'cron':'* * * * *'", ",'startsAt':'2026-03-01T10:03:00Z','endsAt':'2026-03-01T10:05:00Z'",
         "10:03:00 ok, 10:04:00 ok"},
        {"'cron':'*/2 * * * *','missed':'catchup'", ",'startsAt':'2026-03-01T10:03:00Z'",
         "10:04:00 ok, 10:06:00 ok"},
        /* what lies before it uses up the count, as what is missed does, and not where it catches
         * up
         */
        {"'schedule':'R5/2026-03-01T10:01:00Z/PT1M'", ",'startsAt':'2026-03-01T10:04:00Z'",
         "10:04:00 ok, 10:05:00 ok"},
        {"'schedule':'R2/2026-03-01T10:01:00Z/PT1M'",
         ",'startsAt':'2026-03-01T10:04:00Z','missed':'catchup'", "10:04:00 ok, 10:05:00 ok"},
        {"'schedule':'R2/2026-03-01T10:01:00Z/PT1M'", ",'startsAt':'2026-03-01T10:04:00Z'", ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        post(cases[i].when, cases[i].more);
        harness_run(&h, "2026-03-01T10:06:30Z");
        assert_string_equal(harness_runs(&h, "j"), cases[i].runs);
        end(NULL);
        begin(NULL);
    }
}

/* Nobody leads from 10:01:30 until 10:06:20. */
static void an_outage_makes_up_for_nothing_outside(void **unused)
{
    (void)unused;
    static const struct {
        const char *more, *runs;
    } cases[] = {
        {",'startsAt':'2026-03-01T10:03:00Z'",
         "10:05:00 missed(no-leader) x3, 10:06:00 ok, 10:07:00 ok"},
        {",'endsAt':'2026-03-01T10:04:00Z'",
         "10:00:00 ok, 10:01:00 ok, 10:03:00 missed(no-leader) x2"},
        {",'endsAt':'2026-03-01T10:04:00Z','missed':'catchup'",
         "10:00:00 ok, 10:01:00 ok, 10:02:00 later, 10:03:00 ok"},
        {",'startsAt':'2026-03-01T10:03:00Z','missed':'catchup'",
         "10:05:00 later x3, 10:06:00 ok, 10:07:00 ok"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        post(MINUTELY, cases[i].more);
        harness_run(&h, "2026-03-01T10:01:30Z");
        harness_outage(&h, "2026-03-01T10:06:20Z");
        harness_run(&h, "2026-03-01T10:07:30Z");
        assert_string_equal(harness_runs(&h, "j"), cases[i].runs);
        end(NULL);
        begin(NULL);
    }
}

static void another_time_for_it_makes_up_for_nothing_either(void **unused)
{
    (void)unused;
    post(MINUTELY, ",'startsAt':'2027-01-01T00:00:00Z'");
    harness_run(&h, "2026-03-01T10:05:50Z");
    assert_string_equal(harness_runs(&h, "j"), "");
    post(MINUTELY, "");
    harness_run(&h, "2026-03-01T10:07:30Z");
    assert_string_equal(harness_runs(&h, "j"), "10:06:00 ok, 10:07:00 ok");
    /* nor does what was over */
    post(MINUTELY, ",'endsAt':'2026-03-01T10:08:00Z'");
    harness_run(&h, "2026-03-01T10:09:50Z");
    assert_int_equal(harness_job(&h, "j").next.ms, 0);
    post(MINUTELY, "");
    harness_run(&h, "2026-03-01T10:10:30Z");
    assert_string_equal(harness_runs(&h, "j"), "10:06:00 ok, 10:07:00 ok, 10:10:00 ok");
}

static void it_is_not_resumed_behind_its_end(void **unused)
{
    (void)unused;
    post(MINUTELY, ",'endsAt':'2026-03-01T10:02:00Z','disabled':true,'missed':'catchup'");
    harness_run(&h, "2026-03-01T10:03:00Z");
    post(MINUTELY, ",'endsAt':'2026-03-01T10:02:00Z','missed':'catchup'");
    harness_run(&h, "2026-03-01T10:05:00Z");
    assert_string_equal(harness_runs(&h, "j"), "");
}

static void a_dependent_fires_in_its_time_only(void **unused)
{
    (void)unused;
    struct why why;
    post(MINUTELY, "");
    harness_post(&h, JOB_FACE_2,
                 "{'name':'after','command':'takes 100','parents':['j'],"
                 "'startsAt':'2026-03-01T10:02:30Z','endsAt':'2026-03-01T10:04:30Z'}");
    assert_true(why_job(h.state, ALL_HEARD, "after", h.now.wall, &why));
    assert_string_equal(why.sentences[0].id, "early");
    assert_non_null(strstr(why.sentences[0].because, "2026-03-01T10:02:30.000Z"));
    harness_run(&h, "2026-03-01T10:06:30Z");
    assert_string_equal(harness_runs(&h, "after"), "10:03:00.109 ok, 10:04:00.109 ok");
    assert_true(why_job(h.state, ALL_HEARD, "after", h.now.wall, &why));
    assert_string_equal(why.sentences[0].id, "over");
    /* without it fires on */
    harness_post(&h, JOB_FACE_2, "{'name':'after','command':'takes 100','parents':['j']}");
    harness_run(&h, "2026-03-01T10:07:30Z");
    assert_string_equal(harness_runs(&h, "after"),
                        "10:03:00.109 ok, 10:04:00.109 ok, 10:07:00.109 ok");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(only_targets_in_its_time_run),
        TEST(an_outage_makes_up_for_nothing_outside),
        TEST(another_time_for_it_makes_up_for_nothing_either),
        TEST(it_is_not_resumed_behind_its_end),
        TEST(a_dependent_fires_in_its_time_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
