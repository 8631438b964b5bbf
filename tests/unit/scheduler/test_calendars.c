/* Calendars keep targets from running: those are recorded as excluded, and nothing is missed. */
#include "harness.h"

#include <stdio.h>
#include <string.h>

#include "scheduler/why/why.h"

static struct harness h;

static int begin(void **unused) /* a Friday */
{
    (void)unused;
    harness_open(&h, "2026-11-27T10:00:30Z");
    harness_agent(&h, "n1", 8, 8192);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    harness_close(&h);
    return 0;
}

static void calendar(const char *name, const char *days)
{
    char args[512];
    snprintf(args, sizeof args, "{\"name\":\"%s\",\"description\":\"\",\"days\":[%s]}", name, days);
    harness_command(&h, COMMAND_CALENDAR_PUT, args);
    assert_string_equal(h.refused, "");
}

static void post(const char *when, const char *more)
{
    char body[512];
    snprintf(body, sizeof body, "{'name':'j','command':'takes 100','epsilon':'PT30S',%s%s}", when,
             more);
    harness_post(&h, JOB_FACE_2, body);
    assert_string_equal(h.refused, "");
}

#define HOURLY "'schedule':'R/2026-11-27T10:00:00Z/PT4H'"
#define NOT_ON ",'excludeCalendars':['off']"

static void excluded_targets_are_recorded_as_such(void **unused)
{
    (void)unused;
    static const struct {
        const char *when, *more, *days, *runs;
    } cases[] = {
        {HOURLY, NOT_ON, "\"SAT\"",
         "10:00:00 ok, 14:00:00 ok, 18:00:00 ok, 22:00:00 ok, "
         "22:00:00 excluded x6, 02:00:00 ok, 06:00:00 ok"},
        {HOURLY, NOT_ON ",'missed':'catchup'", "\"2026-11-28 00:00-12:00\"",
         "10:00:00 ok, 14:00:00 ok, 18:00:00 ok, 22:00:00 ok, "
         "10:00:00 excluded x3, 14:00:00 ok, 18:00:00 ok, 22:00:00 ok, "
         "02:00:00 ok, 06:00:00 ok"},
        {"'cron':'0 */6 * * *'", ",'onlyCalendars':['off']", "\"SAT\"",
         "18:00:00 excluded x2, 00:00:00 ok, "
         "06:00:00 ok, 12:00:00 ok, 18:00:00 ok, "
         "06:00:00 excluded x2"},
        /* it is the job's zone that says which day it is */
        {"'cron':'0 */6 * * *'", NOT_ON ",'scheduleTimeZone':'Asia/Tokyo'", "\"11-28\"",
         "09:00:00 excluded x4, 15:00:00 ok, 21:00:00 ok, 03:00:00 ok"},
        /* they use up the count, but not of what catches up */
        {"'schedule':'R5/2026-11-27T22:00:00Z/PT4H'", NOT_ON, "\"2026-11-28 00:00-08:00\"",
         "22:00:00 ok, 06:00:00 excluded x2, 10:00:00 ok, 14:00:00 ok"},
        {"'schedule':'R3/2026-11-27T22:00:00Z/PT4H'", NOT_ON ",'missed':'catchup'",
         "\"2026-11-28 00:00-08:00\"",
         "22:00:00 ok, 06:00:00 excluded x2, 10:00:00 ok, 14:00:00 ok"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        calendar("off", cases[i].days);
        post(cases[i].when, cases[i].more);
        harness_run(&h, "2026-11-29T08:00:00Z");
        assert_string_equal(harness_runs(&h, "j"), cases[i].runs);
        end(NULL);
        begin(NULL);
    }
}

/* Nobody leads from Friday noon until Monday. */
static void an_outage_makes_up_only_for_what_is_not_excluded(void **unused)
{
    (void)unused;
    static const struct {
        const char *more, *runs;
    } cases[] = {
        {NOT_ON, "10:00:00 ok, 22:00:00 missed(no-leader) x3, "
                 "22:00:00 excluded x12, 06:00:00 missed(no-leader) x2"},
        {NOT_ON ",'missed':'catchup'", "10:00:00 ok, 22:00:00 later x3, 22:00:00 excluded x12, "
                                       "02:00:00 later, 06:00:00 ok"},
        {NOT_ON ",'catchup':{'policy':'all','limit':4}",
         "10:00:00 ok, 14:00:00 later, 18:00:00 ok, 22:00:00 ok, "
         "22:00:00 excluded x12, 02:00:00 ok, 06:00:00 ok"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        calendar("off", "\"SAT-SUN\"");
        post(HOURLY, cases[i].more);
        harness_run(&h, "2026-11-27T12:00:00Z");
        harness_outage(&h, "2026-11-30T07:00:00Z");
        harness_run(&h, "2026-11-30T07:01:00Z");
        assert_string_equal(harness_runs(&h, "j"), cases[i].runs);
        end(NULL);
        begin(NULL);
    }
}

/* Of a job that comes every minute a day off leaves one record, not a history of nothing else. */
static void a_day_off_leaves_one_record(void **unused)
{
    (void)unused;
    calendar("off", "\"SAT\"");
    post("'cron':'* * * * *'", NOT_ON ",'startsAt':'2026-11-27T23:59:00Z'");
    harness_run(&h, "2026-11-29T00:00:30Z");
    assert_string_equal(harness_runs(&h, "j"), "23:59:00 ok, 23:59:00 excluded x1440, 00:00:00 ok");
}

static void a_calendar_counts_as_it_is_when_a_target_is_due(void **unused)
{
    struct why why;
    (void)unused;
    calendar("off", "\"SAT\"");
    post(HOURLY, NOT_ON);
    harness_run(&h, "2026-11-28T05:00:00Z");
    struct job_row row = harness_job(&h, "j");
    assert_int_equal(jobs_next_run(h.state, &row).ms, harness_wall("2026-11-29T02:00:00Z").ms);
    assert_true(why_job(h.state, ALL_HEARD, "j", h.now.wall, &why));
    assert_string_equal(why.sentences[0].id, "excluded");
    assert_non_null(strstr(why.sentences[0].because, "a day of the calendar off"));
    assert_non_null(strstr(why.sentences[0].because, "it runs at 2026-11-29T02:00:00.000Z"));
    calendar("off", "\"MON\"");
    harness_run(&h, "2026-11-28T12:00:00Z");
    assert_string_equal(harness_runs(&h, "j"),
                        "10:00:00 ok, 14:00:00 ok, 18:00:00 ok, 22:00:00 ok, "
                        "02:00:00 excluded, 06:00:00 ok, "
                        "10:00:00 ok");
}

/* When the job would run next as its calendars are now, whatever was read of them before. */
static int64_t next_run(void)
{
    struct job_row row = harness_job(&h, "j");
    return jobs_next_run(h.state, &row).ms;
}

static void what_was_read_of_calendars_counts_until_they_change(void **unused)
{
    (void)unused;
    calendar("off", "\"SAT\"");
    post(HOURLY, NOT_ON);
    harness_run(&h, "2026-11-28T05:00:00Z");
    int64_t saturday = harness_wall("2026-11-28T06:00:00Z").ms;
    int64_t sunday = harness_wall("2026-11-29T02:00:00Z").ms;
    assert_int_equal(next_run(), sunday);
    calendar("other", "\"MON-SUN\"");
    assert_int_equal(next_run(), sunday);
    calendar("off", "\"MON\"");
    assert_int_equal(next_run(), saturday);
    calendar("off", "\"MON-SAT\"");
    assert_int_equal(next_run(), sunday);
}

static void why_says_that_calendars_leave_no_time_any_more(void **unused)
{
    (void)unused;
    static const struct {
        const char *more, *because;
    } cases[] = {
        {NOT_ON, "calendar off excludes 2026-11-27T14:00:00.000Z, "
                 "and no later time of its schedule is left"},
        {",'onlyCalendars':['works']",
         "2026-11-27T14:00:00.000Z is in none of the calendars that it must be in, "
         "and no later time of its schedule is left"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct why why;
        calendar("off", "\"SAT\"");
        calendar("works", "\"FRI\"");
        post(HOURLY, cases[i].more);
        harness_run(&h, "2026-11-27T12:00:00Z");
        assert_true(why_job(h.state, ALL_HEARD, "j", h.now.wall, &why) && why.ok);
        calendar("off", "\"MON-SUN\"");
        calendar("works", "\"2026-11-01\"");
        assert_true(why_job(h.state, ALL_HEARD, "j", h.now.wall, &why));
        assert_string_equal(why.sentences[0].what, "j: runs at no time any more");
        assert_string_equal(why.sentences[0].because, cases[i].because);
        end(NULL);
        begin(NULL);
    }
}

/* What was decided by the calendars of before does not hold. */
static void a_tick_that_another_calendar_overtakes_is_left_out(void **unused)
{
    (void)unused;
    calendar("off", "\"MON\"");
    post(HOURLY, NOT_ON);
    harness_run(&h, "2026-11-28T01:59:59.900Z");
    calendar("off", "\"SAT\"");
    struct job_row row = harness_job(&h, "j");
    char args[512];
    snprintf(args, sizeof args,
             "{\"set\":[{\"job\":%lld,\"generation\":%lld,\"at_k\":%lld,\"k\":%lld,"
             "\"remaining\":-1,\"schedule\":\"R//PT4H\",\"calendars\":{\"version\":1},"
             "\"claims\":[{\"due_ms\":%lld}]}]}",
             (long long)row.id, (long long)row.generation, (long long)row.k, (long long)row.k + 1,
             (long long)harness_wall("2026-11-28T02:00:00Z").ms);
    harness_command(&h, COMMAND_JOB_TICK, args);
    harness_run(&h, "2026-11-28T02:00:10Z");
    assert_non_null(strstr(harness_runs(&h, "j"), "02:00:00 excluded"));
}

static void a_calendar_in_use_is_not_deleted(void **unused)
{
    (void)unused;
    calendar("off", "\"SAT\"");
    post(HOURLY, NOT_ON);
    harness_command(&h, COMMAND_CALENDAR_DELETE, "{\"name\":\"off\"}");
    assert_string_equal(h.refused, "calendar 'off' is named by j: take it out of them first");
    post(HOURLY, "");
    harness_command(&h, COMMAND_CALENDAR_DELETE, "{\"name\":\"off\"}");
    assert_string_equal(h.refused, "");
    harness_command(&h, COMMAND_CALENDAR_DELETE, "{\"name\":\"off\"}");
    assert_string_equal(h.refused, "calendar 'off' not found");
    harness_post(&h, JOB_FACE_2, "{'name':'k','command':'c'," HOURLY NOT_ON "}");
    assert_string_equal(h.refused, "calendar 'off' does not exist");
}

static void a_backfill_passes_what_is_excluded(void **unused)
{
    (void)unused;
    struct job_row row;
    struct backfill_plan plan;
    struct error err;
    calendar("off", "\"SAT-SUN\"");
    post("'schedule':'R/2026-11-01T10:00:00Z/P1D'", NOT_ON ",'startsAt':'2026-11-10T00:00:00Z'");
    row = harness_job(&h, "j");
    assert_int_equal(jobs_plan_backfill(h.state, &row, harness_wall("2026-11-06T00:00:00Z"),
                                        harness_wall("2026-11-21T00:00:00Z"), true, 1000, &plan,
                                        &err),
                     0);
    assert_int_equal(plan.runs, 9);
    assert_int_equal(plan.passed, 6);
    assert_int_equal(plan.first.ms, harness_wall("2026-11-10T10:00:00Z").ms);
}

/* Who inherits a schedule inherits the calendars that bound it. */
static void an_orphan_keeps_to_them(void **unused)
{
    (void)unused;
    calendar("off", "\"SAT\"");
    post(HOURLY, NOT_ON);
    harness_post(&h, JOB_FACE_2, "{'name':'after','command':'takes 100','parents':['j']}");
    harness_delete(&h, "j");
    harness_run(&h, "2026-11-28T05:00:00Z");
    assert_non_null(strstr(harness_runs(&h, "after"), "22:00:00 ok, 02:00:00 excluded"));
    harness_command(&h, COMMAND_CALENDAR_DELETE, "{\"name\":\"off\"}");
    assert_string_equal(h.refused, "calendar 'off' is named by after: take it out of them first");
}

/* Of targets that nobody looked at no calendar has kept any. */
static void a_pause_parts_what_is_excluded(void **unused)
{
    (void)unused;
    char args[64];
    calendar("off", "\"SAT\"");
    post(HOURLY, NOT_ON);
    harness_run(&h, "2026-11-28T07:00:00Z");
    snprintf(args, sizeof args, "{\"jobs\":[%lld]}", (long long)harness_job(&h, "j").id);
    harness_command(&h, COMMAND_JOB_PAUSE, args);
    harness_run(&h, "2026-11-28T12:00:00Z");
    struct job_row paused = harness_job(&h, "j");
    harness_resume(&h, &paused);
    harness_run(&h, "2026-11-29T00:00:00Z");
    assert_string_equal(harness_runs(&h, "j"),
                        "10:00:00 ok, 14:00:00 ok, 18:00:00 ok, 22:00:00 ok, "
                        "06:00:00 excluded x2, 22:00:00 excluded x3");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(excluded_targets_are_recorded_as_such),
        TEST(an_outage_makes_up_only_for_what_is_not_excluded),
        TEST(a_day_off_leaves_one_record),
        TEST(a_calendar_counts_as_it_is_when_a_target_is_due),
        TEST(what_was_read_of_calendars_counts_until_they_change),
        TEST(why_says_that_calendars_leave_no_time_any_more),
        TEST(a_tick_that_another_calendar_overtakes_is_left_out),
        TEST(a_calendar_in_use_is_not_deleted),
        TEST(a_backfill_passes_what_is_excluded),
        TEST(an_orphan_keeps_to_them),
        TEST(a_pause_parts_what_is_excluded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
