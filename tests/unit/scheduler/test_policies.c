/* What a job says of its targets beside when they are: how it catches up, how it spreads. */
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

static void post(const char *schedule, const char *does, const char *more)
{
    char body[512];
    snprintf(body, sizeof body, "{'name':'j','command':'%s','schedule':'%s','epsilon':'PT30S'%s}",
             does, schedule, more);
    harness_post(&h, JOB_FACE_2, body);
}

/* Nobody leads from 10:01:30 until 10:06:20. */
static void outage(void)
{
    harness_run(&h, "2026-03-01T10:01:30Z");
    harness_outage(&h, "2026-03-01T10:06:20Z");
    harness_run(&h, "2026-03-01T10:07:30Z");
}

/* ---- catching up */

static void what_was_missed_is_caught_up_as_the_job_says(void **unused)
{
    (void)unused;
    static const struct {
        const char *schedule, *catchup, *runs;
    } cases[] = {
        {"R/2026-03-01T10:01:00Z/PT1M", "'policy':'none'",
         "10:01:00 ok, 10:05:00 missed(no-leader) x4, 10:06:00 ok, 10:07:00 ok"},
        {"R/2026-03-01T10:01:00Z/PT1M", "'policy':'latest'",
         "10:01:00 ok, 10:05:00 later x4, 10:06:00 ok, 10:07:00 ok"},
        {"R/2026-03-01T10:01:00Z/PT1M", "'policy':'all'",
         "10:01:00 ok, 10:02:00 ok, 10:03:00 ok, 10:04:00 ok, 10:05:00 ok, 10:06:00 ok, "
         "10:07:00 ok"},
        {"R/2026-03-01T10:01:00Z/PT1M", "'policy':'all','limit':3",
         "10:01:00 ok, 10:03:00 later x2, 10:04:00 ok, 10:05:00 ok, 10:06:00 ok, 10:07:00 ok"},
        /* of a finite job none is left out that the count has */
        {"R3/2026-03-01T10:01:00Z/PT1M", "'policy':'all'", "10:01:00 ok, 10:02:00 ok, 10:03:00 ok"},
        {"R3/2026-03-01T10:01:00Z/PT1M", "'policy':'all','limit':2",
         "10:01:00 ok, 10:04:00 later x3, 10:05:00 ok, 10:06:00 ok"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char more[128];
        snprintf(more, sizeof more, ",'catchup':{%s}", cases[i].catchup);
        post(cases[i].schedule, "takes 100", more);
        outage();
        assert_string_equal(harness_runs(&h, "j"), cases[i].runs);
        end(NULL);
        begin(NULL);
    }
}

static void what_is_caught_up_runs_in_order_and_not_at_once(void **unused)
{
    (void)unused;
    post("R/2026-03-01T10:01:00Z/PT1M", "takes 10000", ",'catchup':{'policy':'all'}");
    outage();
    assert_string_equal(harness_starts(&h, "j"), "10:01:00/0 10:02:00/0 10:03:00/0 10:04:00/0 "
                                                 "10:05:00/0 10:06:00/0 10:07:00/0");
    for (size_t i = 1; i < h.starts_n; i++)
        assert_true(h.starts[i].at.ms >= h.starts[i - 1].ended.ms);
}

static void of_slow_runs_no_more_wait_than_the_limit(void **unused)
{
    (void)unused;
    post("R/2026-03-01T10:01:00Z/PT1M", "takes 3600000", ",'catchup':{'policy':'all','limit':2}");
    harness_run(&h, "2026-03-01T10:05:30Z");
    assert_string_equal(harness_runs(&h, "j"), "10:01:00 running, 10:02:00 later, 10:03:00 later, "
                                               "10:04:00 queued, 10:05:00 queued");
}

/* ---- spreading */

static void each_target_has_its_own_delay_the_same_for_every_leader(void **unused)
{
    (void)unused;
    int64_t first[5];
    for (int leaders = 0; leaders < 2; leaders++) {
        post("R5/2026-03-01T10:01:00Z/PT1M", "takes 100", ",'jitterSeconds':50");
        harness_run(&h, "2026-03-01T10:03:05Z");
        if (leaders > 0)
            harness_new_leader(&h);
        harness_run(&h, "2026-03-01T10:07:00Z");
        assert_string_equal(harness_starts(&h, "j"),
                            "10:01:00/0 10:02:00/0 10:03:00/0 10:04:00/0 10:05:00/0");
        bool differ = false;
        for (size_t i = 0; i < 5; i++) {
            int64_t late = h.starts[i].at.ms - h.starts[i].due_ms;
            assert_in_range(late, 0, 50100);
            differ = differ || late / 1000 != (h.starts[0].at.ms - h.starts[0].due_ms) / 1000;
            if (leaders == 0)
                first[i] = late;
            else
                assert_in_range(late - first[i] + 100, 0, 200);
        }
        assert_true(differ);
        end(NULL);
        begin(NULL);
    }
}

/* epsilon begins where the delay ends; what a person asks for has none. */
static void the_window_begins_after_the_delay(void **unused)
{
    struct run_row r;
    struct job job;
    struct error err;
    (void)unused;
    post("R/2026-03-01T10:01:00Z/PT1H", "takes 100", ",'jitterSeconds':3000");
    struct job_row row = harness_job(&h, "j");
    assert_int_equal(jobs_load(&row, &job, &err), 0);
    int64_t jitter_ms = job_jitter_ms(&job, harness_wall("2026-03-01T10:01:00Z"));
    job_close(&job);
    assert_true(jitter_ms > 60000);
    harness_run(&h, "2026-03-01T10:01:10Z");
    harness_trigger(&h, "j", "");
    harness_run(&h, "2026-03-01T10:01:20Z");
    assert_string_equal(harness_runs(&h, "j"), "10:01:00 queued, 10:01:10 ok");
    struct stmt *q = state_runs_open(h.state, row.id);
    assert_true(state_run_next(q, &r));
    assert_int_equal(r.deadline.ms - r.due.ms, jitter_ms + 30000);
    stmt_end(q);
    harness_run(&h, "2026-03-01T11:00:00Z");
    assert_string_equal(harness_runs(&h, "j"), "10:01:00 ok, 10:01:10 ok");
}

static void what_is_claimed_late_has_its_delay_and_window_still(void **unused)
{
    (void)unused;
    post("R/2026-03-01T10:01:00Z/PT1H", "takes 100", ",'jitterSeconds':3000");
    harness_run(&h, "2026-03-01T10:00:50Z");
    harness_outage(&h, "2026-03-01T10:01:45Z");
    harness_run(&h, "2026-03-01T11:00:00Z");
    assert_string_equal(harness_runs(&h, "j"), "10:01:00 ok");
}

static void what_waits_for_its_delay_says_so(void **unused)
{
    struct why w;
    struct job job;
    struct error err;
    char because[128], at[TIME_TEXT_SIZE];
    struct wall due = harness_wall("2026-03-01T10:01:00Z");
    (void)unused;
    post("R/2026-03-01T10:01:00Z/PT1H", "takes 100", ",'jitterSeconds':3000");
    struct job_row row = harness_job(&h, "j");
    assert_int_equal(jobs_load(&row, &job, &err), 0);
    due.ms += job_jitter_ms(&job, due);
    job_close(&job);
    snprintf(because, sizeof because, "its starts are spread (jitterSeconds): this one is at %s",
             wall_text(due, at));
    harness_run(&h, "2026-03-01T10:01:10Z");
    assert_true(why_job(h.state, ALL_HEARD, "j", h.now.wall, &w));
    assert_int_equal(w.n, 1);
    assert_string_equal(w.sentences[0].id, "spread");
    assert_string_equal(w.sentences[0].because, because);
    assert_string_equal(w.sentences[0].so, "Wait, or run it now: mesolith job run j");
    assert_true(why_passes(&w.sentences[0]));
    row = harness_job(&h, "j");
    assert_int_equal(row.queued, 1);
    assert_string_equal(job_state_word(h.state, &row, h.now.wall), "idle");
    due.ms++;
    assert_string_equal(job_state_word(h.state, &row, due), "late");
}

/* It begins no later than its window does, which was settled when it was claimed. */
static void a_longer_delay_costs_no_run_that_waits(void **unused)
{
    (void)unused;
    post("R/2026-03-01T10:01:00Z/PT1H", "takes 100", ",'jitterSeconds':40");
    harness_run(&h, "2026-03-01T10:01:00.500Z");
    assert_string_equal(harness_runs(&h, "j"), "10:01:00 queued");
    post("R/2026-03-01T10:01:00Z/PT1H", "takes 100", ",'jitterSeconds':3000");
    assert_string_equal(harness_runs(&h, "j"), "10:01:00 queued");
    harness_run(&h, "2026-03-01T11:00:00Z");
    assert_string_equal(harness_runs(&h, "j"), "10:01:00 ok");
}

static void runs_may_be_allowed_to_overlap(void **unused)
{
    (void)unused;
    post("R/2026-03-01T10:01:00Z/PT1M", "takes 3600000", ",'overlap':'allow'");
    harness_run(&h, "2026-03-01T10:03:30Z");
    assert_string_equal(harness_runs(&h, "j"),
                        "10:01:00 running, 10:02:00 running, 10:03:00 running");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(what_was_missed_is_caught_up_as_the_job_says),
        TEST(what_is_caught_up_runs_in_order_and_not_at_once),
        TEST(of_slow_runs_no_more_wait_than_the_limit),
        TEST(each_target_has_its_own_delay_the_same_for_every_leader),
        TEST(the_window_begins_after_the_delay),
        TEST(what_is_claimed_late_has_its_delay_and_window_still),
        TEST(what_waits_for_its_delay_says_so),
        TEST(a_longer_delay_costs_no_run_that_waits),
        TEST(runs_may_be_allowed_to_overlap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
