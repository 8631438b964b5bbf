/* Targets become runs: accepting, claiming, missing, coalescing (spec/chronos.md 3.5, 3.6, 3.7,
 * 3.9, 3.11, 9). */
#include "harness.h"

#include <stdio.h>
#include <string.h>

#define DEMO                                                                                    \
    "{'schedule':'R\\/2014-09-25T17:22:00Z\\/PT2M','name':'date','container':{'type':'DOCKER'," \
    "'image':'library/busybox:latest'},'cpus':'0.1','mem':'64','uris':[],'command':'takes 1000'}"

static struct harness h;

static int begin(void **unused)
{
    (void)unused;
    harness_open(&h, "2026-03-01T10:07:30Z");
    harness_agent(&h, "n1", 8, 8192);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    harness_close(&h);
    return 0;
}

/* ---- the demo of chapter 9 */

static void the_demo_runs_each_even_minute(void **unused)
{
    (void)unused;
    harness_post(&h, JOB_FACE_2, DEMO);
    assert_string_equal(harness_shown(&h, "date"), "R/2026-03-01T10:08:00.000Z/PT2M");
    harness_run(&h, "2026-03-01T10:13:00Z");
    assert_string_equal(harness_starts(&h, "date"), "10:08:00/0 10:10:00/0 10:12:00/0");
    assert_string_equal(harness_runs(&h, "date"), "10:08:00 ok, 10:10:00 ok, 10:12:00 ok");
    assert_string_equal(harness_shown(&h, "date"), "R/2026-03-01T10:14:00.000Z/PT2M");
    assert_in_range(harness_latest_ms(&h), 0, 20);
    assert_int_equal(harness_job(&h, "date").successes, 3);
}

static void the_demo_in_its_window_runs_at_once(void **unused)
{
    struct task_row t;
    (void)unused;
    harness_run(&h, "2026-03-01T10:08:40Z");
    harness_post(&h, JOB_FACE_2, DEMO);
    assert_string_equal(harness_shown(&h, "date"), "R/2026-03-01T10:10:00.000Z/PT2M");
    harness_run_ms(&h, 100);
    assert_string_equal(harness_starts(&h, "date"), "10:08:00/0");
    assert_true(state_task_by_name(h.state, "ct:1772359680000:0:date:", &t));
}

static void the_demo_posted_again_runs_no_target_twice(void **unused)
{
    (void)unused;
    harness_run(&h, "2026-03-01T10:08:40Z");
    harness_post(&h, JOB_FACE_2, DEMO);
    harness_run_ms(&h, 5000);
    assert_int_equal(harness_job(&h, "date").successes, 1);
    harness_post(&h, JOB_FACE_2, DEMO);
    assert_int_equal(harness_job(&h, "date").successes, 0); /* what is visible begins anew */
    assert_string_equal(harness_shown(&h, "date"), "R/2026-03-01T10:10:00.000Z/PT2M");
    harness_run(&h, "2026-03-01T10:11:00Z");
    assert_string_equal(harness_starts(&h, "date"), "10:08:00/0 10:10:00/0");
}

static void the_demo_without_a_window_catches_up_once(void **unused)
{
    (void)unused;
    harness_post(&h, JOB_FACE_3, DEMO);
    harness_run(&h, "2026-03-01T10:11:00Z");
    assert_string_equal(harness_starts(&h, "date"), "10:06:00/0 10:08:00/0 10:10:00/0");
}

/* ---- rows of 3.11: a body, when it is posted, what runs until 00:02, what is shown then */

static void posting_decides_as_the_table_says(void **unused)
{
#define BODY(schedule, epsilon) \
    "{'name':'j','command':'takes 1','schedule':'" schedule "','epsilon':'" epsilon "'}"
    static const struct {
        enum job_face face;
        const char *body, *posted, *shown, *starts, *later;
        bool will_run;
    } rows[] = {
        {JOB_FACE_2, BODY("R2/2026-01-01T00:00:00Z/PT10S", "PT30S"), "2026-01-01T00:00:25Z",
         "R0/2026-01-01T00:00:20.000Z/PT10S", "00:00:10/0", "R0/2026-01-01T00:00:20.000Z/PT10S",
         true},
        {JOB_FACE_2, BODY("R2/2026-01-01T00:00:00Z/PT10S", "PT30S"), "2026-01-01T00:00:45Z",
         "R0/2026-01-01T00:00:20.000Z/PT10S", "", "R0/2026-01-01T00:00:20.000Z/PT10S", false},
        {JOB_FACE_2, BODY("R9/2026-01-01T00:00:00Z/PT10S", "PT5S"), "2026-01-01T00:00:27Z",
         "R6/2026-01-01T00:00:30.000Z/PT10S",
         "00:00:30/0 00:00:40/0 00:00:50/0 00:01:00/0 00:01:10/0 00:01:20/0",
         "R0/2026-01-01T00:01:30.000Z/PT10S", true},
        {JOB_FACE_2, BODY("R9/2026-01-01T00:00:00Z/PT10S", "PT8S"), "2026-01-01T00:00:27Z",
         "R6/2026-01-01T00:00:30.000Z/PT10S",
         "00:00:20/0 00:00:30/0 00:00:40/0 00:00:50/0 00:01:00/0 00:01:10/0 00:01:20/0",
         "R0/2026-01-01T00:01:30.000Z/PT10S", true},
        {JOB_FACE_3, "{'name':'j','command':'takes 1','schedule':'R1/2016-01-01T00:00:00Z/PT24H'}",
         "2026-01-01T00:00:01Z", "R0/2026-01-02T00:00:00.000Z/PT24H", "00:00:00/0",
         "R0/2026-01-02T00:00:00.000Z/PT24H", true},
        {JOB_FACE_2, BODY("R1//PT24H", "PT60S"), "2026-01-01T00:00:01Z",
         "R0/2026-01-02T00:00:01.000Z/PT24H", "00:00:01/0", "R0/2026-01-02T00:00:01.000Z/PT24H",
         true},
        {JOB_FACE_2, BODY("R3//PT30S", "PT60S"), "2026-01-01T00:00:01Z",
         "R2/2026-01-01T00:00:31.000Z/PT30S", "00:00:01/0 00:00:31/0 00:01:01/0",
         "R0/2026-01-01T00:01:31.000Z/PT30S", true},
        {JOB_FACE_2, BODY("R0/2026-01-01T00:00:30Z/PT30S", "PT60S"), "2026-01-01T00:00:01Z",
         "R0/2026-01-01T00:00:30Z/PT30S", "", "R0/2026-01-01T00:00:30Z/PT30S", true},
        {JOB_FACE_2, BODY("R3/2026-01-01T00:00:30Z/PT30S", "PT60S"), "2026-01-01T00:00:01Z",
         "R3/2026-01-01T00:00:30Z/PT30S", "00:00:30/0 00:01:00/0 00:01:30/0",
         "R0/2026-01-01T00:02:00.000Z/PT30S", true},
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        harness_close(&h);
        harness_open(&h, rows[i].posted);
        harness_agent(&h, "n1", 8, 8192);
        harness_post(&h, rows[i].face, rows[i].body);
        assert_string_equal(harness_shown(&h, "j"), rows[i].shown);
        assert_int_equal(h.will_run, rows[i].will_run);
        harness_run(&h, "2026-01-01T00:02:10Z");
        assert_string_equal(harness_starts(&h, "j"), rows[i].starts);
        assert_string_equal(harness_shown(&h, "j"), rows[i].later);
    }
}

static void a_finite_job_posted_twice_runs_once(void **unused)
{
    static const char body[] =
        "{'name':'j','command':'takes 1','schedule':'R1/2026-03-01T10:08:00Z/P1D',"
        "'epsilon':'PT60S'}";
    (void)unused;
    harness_run(&h, "2026-03-01T10:08:05Z");
    harness_post(&h, JOB_FACE_2, body);
    harness_run(&h, "2026-03-01T10:08:20Z");
    harness_post(&h, JOB_FACE_2, body);
    harness_run(&h, "2026-03-01T10:09:20Z");
    assert_string_equal(harness_starts(&h, "j"), "10:08:00/0");
    assert_string_equal(harness_shown(&h, "j"), "R0/2026-03-02T10:08:00.000Z/P1D");
}

/* 2.6, rule 1: who posts what was shown changes nothing; the anchor stays the 31st. */
static void what_was_shown_may_be_posted_again(void **unused)
{
    (void)unused;
    harness_close(&h);
    harness_open(&h, "2026-01-30T00:00:00Z");
    harness_agent(&h, "n1", 8, 8192);
    harness_post(&h, JOB_FACE_2,
                 "{'name':'j','command':'takes 1','schedule':'R5/2026-01-31T00:00:00Z/P1M'}");
    harness_run(&h, "2026-02-01T00:00:00Z");
    assert_string_equal(harness_shown(&h, "j"), "R4/2026-02-28T00:00:00.000Z/P1M");
    harness_post(&h, JOB_FACE_2,
                 "{'name':'j','command':'takes 2','schedule':"
                 "'R4/2026-02-28T00:00:00.000Z/P1M'}");
    harness_run(&h, "2026-03-01T00:00:00Z");
    assert_string_equal(harness_shown(&h, "j"), "R3/2026-03-31T00:00:00.000Z/P1M");
}

static void the_end_of_the_calendar_is_never_due(void **unused)
{
    (void)unused;
    harness_close(&h);
    harness_open(&h, "9999-12-31T00:00:10Z");
    harness_agent(&h, "n1", 8, 8192);
    harness_post(&h, JOB_FACE_2,
                 "{'name':'j','command':'takes 1','schedule':'R2/9999-12-31T00:00:00Z/P1D'}");
    harness_run_ms(&h, 5000);
    assert_string_equal(harness_starts(&h, "j"), "00:00:00/0");
    assert_string_equal(harness_shown(&h, "j"), "R1/9999-12-31T23:59:59.999Z/P1D");
    assert_int_equal(harness_job(&h, "j").next.ms, 0);
    assert_int_equal(jobs_due(h.jobs).ms, INT64_MAX);
}

/* ---- exhaustion (3.7) */

static void a_finite_job_is_disabled_when_its_last_run_is_over(void **unused)
{
    (void)unused;
    harness_post(&h, JOB_FACE_2,
                 "{'name':'j','command':'takes 3000 exits 1,0','retries':1,'retryDelaySeconds':5,"
                 "'schedule':'R2/2026-03-01T10:08:00Z/PT10S','concurrent':true}");
    harness_run(&h, "2026-03-01T10:08:16Z"); /* the last is running, or waits for its retry */
    assert_int_equal(harness_job(&h, "j").remaining, 0);
    assert_false(harness_job(&h, "j").disabled);
    harness_run(&h, "2026-03-01T10:08:30Z");
    assert_true(harness_job(&h, "j").disabled);
    assert_string_equal(harness_runs(&h, "j"), "10:08:00 ok, 10:08:10 ok");
}

static void a_manual_run_never_uses_a_job_up(void **unused)
{
    (void)unused;
    harness_post(&h, JOB_FACE_2,
                 "{'name':'j','command':'takes 1','schedule':'R0/2026-03-01T10:08:00Z/PT10S'}");
    harness_trigger(&h, "j", "");
    harness_run_ms(&h, 1000);
    assert_string_equal(harness_runs(&h, "j"), "10:07:30 ok");
    assert_false(harness_job(&h, "j").disabled);
}

/* ---- disabled (3.9) */

static void disabling_cancels_what_waits_and_enabling_goes_on(void **unused)
{
#define SWITCHED(disabled, start)                                                             \
    "{'name':'j','command':'takes 1','epsilon':'PT30S','cpus':100,'disabled':" disabled ",'s" \
    "chedule':'R9/" start "/PT1M'}"
    (void)unused;
    harness_post(&h, JOB_FACE_2, SWITCHED("false", "2026-03-01T10:08:00Z"));
    harness_run(&h, "2026-03-01T10:08:10Z"); /* waits: nobody has 100 cpus */
    assert_string_equal(harness_runs(&h, "j"), "10:08:00 queued");
    harness_post(&h, JOB_FACE_2, SWITCHED("true", "2026-03-01T10:09:00Z"));
    assert_string_equal(harness_runs(&h, "j"), "10:08:00 cancelled");
    harness_run(&h, "2026-03-01T10:10:40Z");
    assert_string_equal(harness_runs(&h, "j"), "10:08:00 cancelled");
    /* the time passed while it was disabled uses up the count, without a record */
    harness_post(&h, JOB_FACE_2,
                 "{'name':'j','command':'takes 1','epsilon':'PT30S','schedule':"
                 "'R9/2026-03-01T10:09:00Z/PT1M'}");
    assert_string_equal(harness_shown(&h, "j"), "R7/2026-03-01T10:11:00.000Z/PT1M");
    harness_run(&h, "2026-03-01T10:11:40Z");
    assert_string_equal(harness_runs(&h, "j"), "10:08:00 cancelled, 10:11:00 ok");
}

static void a_disabled_job_runs_by_hand(void **unused)
{
    (void)unused;
    harness_post(&h, JOB_FACE_2,
                 "{'name':'j','command':'takes 10 exits 1,0','retries':1,'retryDelaySeconds':1,"
                 "'schedule':'R/2026-03-01T10:08:00Z/PT1M','disabled':true}");
    harness_trigger(&h, "j", "-x");
    harness_run(&h, "2026-03-01T10:10:00Z");
    assert_string_equal(harness_runs(&h, "j"), "10:07:30 ok");
    assert_int_equal(h.starts_n, 2); /* its retry, too */
}

/* ---- outages */

static void a_long_outage_costs_one_record(void **unused)
{
    (void)unused;
    harness_post(&h, JOB_FACE_2,
                 "{'name':'w','command':'takes 1','epsilon':'PT25S','concurrent':true,"
                 "'schedule':'R/2026-03-01T10:08:00Z/PT10S'}");
    harness_post(&h, JOB_FACE_3,
                 "{'name':'c','command':'takes 1','schedule':'R/2026-03-01T10:08:00Z/PT10S'}");
    harness_no_leader(&h);
    harness_jump(&h, 30 * 24 * INT64_C(3600000));
    harness_run(&h, "2026-03-31T10:08:01Z");
    harness_new_leader(&h);
    harness_run_ms(&h, 1000);
    assert_string_equal(harness_runs(&h, "w"), "10:07:30 missed(no-leader) x259198, 10:07:40 ok, "
                                               "10:07:50 ok, 10:08:00 ok");
    assert_string_equal(harness_runs(&h, "c"), "10:07:50 later x259200, 10:08:00 ok");
    assert_string_equal(harness_shown(&h, "w"), "R/2026-03-31T10:08:10.000Z/PT10S");
}

static void the_wall_clock_may_be_set(void **unused)
{
    (void)unused;
    harness_post(&h, JOB_FACE_2,
                 "{'name':'j','command':'takes 1','schedule':'R/2026-03-01T11:00:00Z/PT1H'}");
    harness_run_ms(&h, 10000);
    assert_in_range(jobs_due(h.jobs).ms - h.now.mono.ms, 1, 1000);
    int64_t turns = h.turns;
    harness_run_ms(&h, 10000);
    assert_in_range(h.turns - turns, 5, 12); /* asleep but for a look each second */
    harness_jump(&h, harness_wall("2026-03-01T10:59:59.500Z").ms - h.now.wall.ms);
    harness_run_ms(&h, 2000);
    assert_string_equal(harness_starts(&h, "j"), "11:00:00/0");
}

static void nothing_to_wait_for_is_no_reason_to_wake(void **unused)
{
    (void)unused;
    harness_run_ms(&h, 1000);
    assert_int_equal(jobs_due(h.jobs).ms, INT64_MAX);
}

/* ---- many at once */

/* More than one turn takes. */
static void a_thousand_jobs_of_one_instant_start_in_few_turns(void **unused)
{
    char body[256];
    (void)unused;
    for (int i = 0; i < 1050; i++) {
        snprintf(body, sizeof body,
                 "{'name':'j%d','command':'takes 100','mem':1,'cpus':0.001,'disk':1,'schedule':"
                 "'R1/2026-03-01T10:08:00Z/PT1H'}",
                 i);
        harness_post(&h, JOB_FACE_2, body);
    }
    harness_run(&h, "2026-03-01T10:07:59.999Z");
    int64_t turns = h.turns;
    while (h.starts_n < 1050 && h.turns - turns < 100)
        harness_run_ms(&h, 1);
    assert_int_equal(h.starts_n, 1050);
    assert_in_range(h.turns - turns, 1, 15);
    assert_in_range(harness_latest_ms(&h), 0, 100);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(the_demo_runs_each_even_minute),
        TEST(the_demo_in_its_window_runs_at_once),
        TEST(the_demo_posted_again_runs_no_target_twice),
        TEST(the_demo_without_a_window_catches_up_once),
        TEST(posting_decides_as_the_table_says),
        TEST(a_finite_job_posted_twice_runs_once),
        TEST(what_was_shown_may_be_posted_again),
        TEST(the_end_of_the_calendar_is_never_due),
        TEST(a_finite_job_is_disabled_when_its_last_run_is_over),
        TEST(a_manual_run_never_uses_a_job_up),
        TEST(disabling_cancels_what_waits_and_enabling_goes_on),
        TEST(a_disabled_job_runs_by_hand),
        TEST(a_long_outage_costs_one_record),
        TEST(the_wall_clock_may_be_set),
        TEST(nothing_to_wait_for_is_no_reason_to_wake),
        TEST(a_thousand_jobs_of_one_instant_start_in_few_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
