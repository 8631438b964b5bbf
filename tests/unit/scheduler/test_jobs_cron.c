/* Jobs with a cron expression, run: claims, windows, catching up, replacing, inheriting. */
#include "harness.h"

static struct harness h;

static int begin(void **unused)
{
    (void)unused;
    harness_open(&h, "2026-03-28T12:07:30Z");
    harness_command(&h, COMMAND_SCHEMA_UPGRADE, "{\"level\":21}");
    harness_agent(&h, "n1", 8, 8192);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    harness_close(&h);
    return 0;
}

static void runs_at_its_targets(void **unused)
{
    (void)unused;
    harness_post(&h, JOB_FACE_2, "{'name':'j','cron':'*/2 * * * *','command':'takes 1000'}");
    assert_string_equal(harness_shown(&h, "j"), "R/2026-03-28T12:08:00.000Z/PT120S");
    harness_run(&h, "2026-03-28T12:13:00Z");
    assert_string_equal(harness_starts(&h, "j"), "12:08:00/0 12:10:00/0 12:12:00/0");
    assert_string_equal(harness_shown(&h, "j"), "R/2026-03-28T12:14:00.000Z/PT120S");
    assert_in_range(harness_latest_ms(&h), 0, 20);
    assert_int_equal(harness_job(&h, "j").successes, 3);
}

static void a_leader_that_was_missed_is_made_up_for_as_the_mode_says(void **unused)
{
    (void)unused;
    harness_post(&h, JOB_FACE_2, "{'name':'window','cron':'*/2 * * * *','command':'takes 1'}");
    harness_post(&h, JOB_FACE_3, "{'name':'catchup','cron':'*/2 * * * *','command':'takes 1'}");
    harness_run(&h, "2026-03-28T12:09:00Z");
    harness_outage(&h, "2026-03-28T12:16:30Z");
    harness_run(&h, "2026-03-28T12:17:00Z");
    assert_string_equal(harness_runs(&h, "window"),
                        "12:08:00 ok, 12:14:00 missed(no-leader) x3, 12:16:00 ok");
    assert_string_equal(harness_runs(&h, "catchup"), "12:08:00 ok, 12:14:00 later x3, 12:16:00 ok");
}

/* Between the third and the fourth hour no clock in Berlin shows one. */
static void runs_once_where_the_clock_is_changed(void **unused)
{
    (void)unused;
    harness_post(&h, JOB_FACE_2,
                 "{'name':'named','cron':'30 2 * * *','scheduleTimeZone':'Europe/Berlin',"
                 "'command':'takes 1'}");
    harness_post(&h, JOB_FACE_2,
                 "{'name':'hourly','cron':'30 * * * *','scheduleTimeZone':'Europe/Berlin',"
                 "'command':'takes 1'}");
    harness_run(&h, "2026-03-29T03:00:00Z");
    assert_string_equal(harness_starts(&h, "named"), "01:30:00/0");
    harness_run(&h, "2026-03-30T01:00:00Z");
    assert_string_equal(harness_starts(&h, "named"), "01:30:00/0 00:30:00/0");
    assert_int_equal(harness_job(&h, "hourly").successes, 37);
}

static void posted_again_it_goes_on(void **unused)
{
    (void)unused;
    harness_post(&h, JOB_FACE_2, "{'name':'j','cron':'*/2 * * * *','command':'takes 1'}");
    harness_run(&h, "2026-03-28T12:08:30Z");
    int64_t k = harness_job(&h, "j").k;
    harness_post(&h, JOB_FACE_2, "{'name':'j','cron':'*/2 * * * *','command':'takes 2'}");
    assert_int_equal(harness_job(&h, "j").k, k);
    harness_post(&h, JOB_FACE_2, "{'name':'j','cron':'*/3 * * * *','command':'takes 2'}");
    assert_string_equal(harness_shown(&h, "j"), "R/2026-03-28T12:09:00.000Z/PT180S");
    harness_run(&h, "2026-03-28T12:10:30Z");
    assert_string_equal(harness_starts(&h, "j"), "12:08:00/0 12:09:00/0");
}

/* 2.6, rule 2: what passed meanwhile is left behind, but the newest. */
static void enabled_again_it_counts_on(void **unused)
{
    (void)unused;
    harness_post(&h, JOB_FACE_3, "{'name':'j','cron':'*/2 * * * *','command':'takes 1'}");
    harness_post(&h, JOB_FACE_3,
                 "{'name':'j','cron':'*/2 * * * *','command':'takes 1','disabled':true}");
    harness_run(&h, "2026-03-28T12:15:00Z");
    assert_string_equal(harness_starts(&h, "j"), "");
    harness_post(&h, JOB_FACE_3, "{'name':'j','cron':'*/2 * * * *','command':'takes 1'}");
    harness_run(&h, "2026-03-28T12:17:00Z");
    assert_string_equal(harness_starts(&h, "j"), "12:14:00/0 12:16:00/0");
}

static void waits_for_the_run_before(void **unused)
{
    (void)unused;
    harness_post(&h, JOB_FACE_3, "{'name':'j','cron':'*/2 * * * *','command':'takes 300000'}");
    harness_run(&h, "2026-03-28T12:14:30Z");
    assert_string_equal(harness_runs(&h, "j"),
                        "12:08:00 ok, 12:10:00 later, 12:12:00 running, 12:14:00 queued");
}

/* The heir's own name chooses the minute. */
static void an_orphan_takes_it_over(void **unused)
{
    (void)unused;
    harness_post(&h, JOB_FACE_2, "{'name':'backup','cron':'~ * * * *','command':'takes 1'}");
    harness_post(&h, JOB_FACE_2, "{'name':'date','parents':['backup'],'command':'takes 1'}");
    assert_string_equal(harness_shown(&h, "backup"), "R/2026-03-28T12:47:00.000Z/PT3600S");
    harness_delete(&h, "backup");
    assert_string_equal(harness_shown(&h, "date"), "R/2026-03-28T12:21:00.000Z/PT3600S");
    harness_run(&h, "2026-03-28T13:30:00Z");
    assert_string_equal(harness_starts(&h, "date"), "12:21:00/0 13:21:00/0");
}

/* On 30 April, but the heir's name chooses the 31st. */
static void an_heir_may_have_no_target(void **unused)
{
    (void)unused;
    harness_post(&h, JOB_FACE_2, "{'name':'backup','cron':'0 0 30~31 4 *','command':'takes 1'}");
    harness_post(&h, JOB_FACE_2, "{'name':'job','parents':['backup'],'command':'takes 1'}");
    harness_delete(&h, "backup");
    assert_string_equal(harness_shown(&h, "job"), "R/9999-12-31T23:59:59.999Z/PT1S");
    assert_int_equal(harness_job(&h, "job").next.ms, 0);
    harness_run(&h, "2026-03-28T12:30:00Z");
    assert_string_equal(harness_starts(&h, "job"), "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(runs_at_its_targets),
        TEST(a_leader_that_was_missed_is_made_up_for_as_the_mode_says),
        TEST(runs_once_where_the_clock_is_changed),
        TEST(posted_again_it_goes_on),
        TEST(enabled_again_it_counts_on),
        TEST(waits_for_the_run_before),
        TEST(an_orphan_takes_it_over),
        TEST(an_heir_may_have_no_target),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
