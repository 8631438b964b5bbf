/* Jobs that are paused and resumed (spec/chronos.md 3.9). */
#include "harness.h"

#include <stdio.h>
#include <string.h>

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

static void post(const char *does, const char *more)
{
    char body[512];
    snprintf(body, sizeof body,
             "{'name':'j','command':'%s','schedule':'R9/2026-03-01T10:01:00Z/PT1M'%s}", does, more);
    harness_post(&h, strstr(more, "epsilon") != NULL ? JOB_FACE_2 : JOB_FACE_3, body);
}

static void pause_job(const char *reason)
{
    char args[128];
    snprintf(args, sizeof args, "{\"jobs\":[%lld],\"reason\":\"%s\"}",
             (long long)harness_job(&h, "j").id, reason);
    harness_command(&h, COMMAND_JOB_PAUSE, args);
    assert_string_equal(h.refused, "");
}

static void resume_job(void)
{
    struct job_row row = harness_job(&h, "j");
    harness_resume(&h, &row);
}

static void says_by_whom_when_and_why(void **unused)
{
    struct pause_row p;
    (void)unused;
    post("takes 100", "");
    int64_t id = harness_job(&h, "j").id;
    assert_false(state_job_pause(h.state, id, &p));
    pause_job("the disk is full");
    assert_true(harness_job(&h, "j").disabled);
    assert_true(state_job_pause(h.state, id, &p));
    assert_int_equal(p.at.ms, h.now.wall.ms);
    assert_string_equal(p.reason, "the disk is full");
    harness_run(&h, "2026-03-01T10:01:30Z");
    pause_job("again"); /* it is already */
    assert_true(state_job_pause(h.state, id, &p));
    assert_string_equal(p.reason, "the disk is full");
    resume_job();
    assert_false(harness_job(&h, "j").disabled);
    assert_false(state_job_pause(h.state, id, &p));
}

/* What is disabled by its definition is known, too, and what is enabled so. */
static void a_put_pauses_and_resumes(void **unused)
{
    struct pause_row p;
    (void)unused;
    post("takes 100", ",'disabled':true");
    int64_t id = harness_job(&h, "j").id;
    assert_true(state_job_pause(h.state, id, &p));
    assert_string_equal(p.reason, "");
    post("takes 100", "");
    assert_false(state_job_pause(h.state, id, &p));
    pause_job("why");
    post("takes 200", ",'disabled':true");
    assert_true(state_job_pause(h.state, id, &p));
    assert_string_equal(p.reason, "why");
    harness_delete(&h, "j");
    assert_false(state_job_pause(h.state, id, &p));
}

static void in_a_window_the_time_between_uses_the_count_up(void **unused)
{
    (void)unused;
    post("takes 100", ",'epsilon':'PT20S'");
    harness_run(&h, "2026-03-01T10:01:30Z");
    pause_job("");
    harness_run(&h, "2026-03-01T10:04:10Z");
    assert_string_equal(harness_starts(&h, "j"), "10:01:00/0");
    resume_job(); /* 10:04 is in its window still */
    assert_string_equal(harness_shown(&h, "j"), "R5/2026-03-01T10:05:00.000Z/PT1M");
    harness_run(&h, "2026-03-01T10:05:30Z");
    assert_string_equal(harness_starts(&h, "j"), "10:01:00/0 10:04:00/0 10:05:00/0");
    assert_string_equal(harness_runs(&h, "j"), "10:01:00 ok, 10:04:00 ok, 10:05:00 ok");
}

static void without_a_window_the_latest_runs_and_the_count_is_kept(void **unused)
{
    (void)unused;
    post("takes 100", ",'catchup':{'policy':'all'}");
    harness_run(&h, "2026-03-01T10:01:30Z");
    pause_job("");
    harness_run(&h, "2026-03-01T10:04:40Z");
    resume_job();
    harness_run(&h, "2026-03-01T10:05:30Z");
    assert_string_equal(harness_starts(&h, "j"), "10:01:00/0 10:04:00/0 10:05:00/0");
    assert_string_equal(harness_shown(&h, "j"), "R6/2026-03-01T10:06:00.000Z/PT1M");
}

static void what_waits_is_cancelled_but_not_what_a_person_asked_for(void **unused)
{
    (void)unused;
    post("takes 300000", ",'epsilon':'PT10M'");
    harness_run(&h, "2026-03-01T10:02:30Z");
    harness_trigger(&h, "j", "");
    pause_job("");
    harness_run(&h, "2026-03-01T10:03:30Z");
    assert_string_equal(harness_runs(&h, "j"),
                        "10:01:00 running, 10:02:00 cancelled, 10:02:30 queued");
}

/* Two resume it: the second sees it as it was before the first. */
static void what_has_moved_on_is_left_out(void **unused)
{
    (void)unused;
    post("takes 100", "");
    harness_run(&h, "2026-03-01T10:01:30Z");
    pause_job("");
    harness_run(&h, "2026-03-01T10:03:30Z");
    struct job_row seen = harness_job(&h, "j");
    char schedule[128];
    snprintf(schedule, sizeof schedule, "%s", seen.schedule);
    resume_job();
    harness_run(&h, "2026-03-01T10:04:30Z");
    pause_job("");
    struct job_row now = harness_job(&h, "j");
    now.k = seen.k;
    harness_resume(&h, &now);
    assert_true(harness_job(&h, "j").disabled);
}

static void with_parents_it_only_fires_again(void **unused)
{
    char args[64];
    (void)unused;
    post("takes 100", "");
    harness_post(&h, JOB_FACE_3, "{'name':'c','command':'takes 100','parents':['j']}");
    struct job_row c = harness_job(&h, "c");
    snprintf(args, sizeof args, "{\"jobs\":[%lld],\"reason\":\"\"}", (long long)c.id);
    harness_command(&h, COMMAND_JOB_PAUSE, args);
    harness_run(&h, "2026-03-01T10:01:30Z");
    assert_string_equal(harness_starts(&h, "c"), "");
    c = harness_job(&h, "c");
    harness_resume(&h, &c);
    harness_run(&h, "2026-03-01T10:02:30Z");
    assert_int_equal(harness_job(&h, "c").successes, 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(says_by_whom_when_and_why),
        TEST(a_put_pauses_and_resumes),
        TEST(in_a_window_the_time_between_uses_the_count_up),
        TEST(without_a_window_the_latest_runs_and_the_count_is_kept),
        TEST(what_waits_is_cancelled_but_not_what_a_person_asked_for),
        TEST(what_has_moved_on_is_left_out),
        TEST(with_parents_it_only_fires_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
