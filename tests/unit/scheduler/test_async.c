/* Runs that are over when that is told, not when their process ends (spec/chronos.md 5.5). */
#include "harness.h"

#include <stdio.h>
#include <string.h>

static struct harness h;

static int begin(void **unused)
{
    (void)unused;
    harness_open(&h, "2026-03-01T10:00:00Z");
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
             "{'name':'j','command':'%s','async':true,'retries':1,'retryDelaySeconds':10,"
             "'schedule':'R/2026-03-01T10:01:00Z/PT1M','epsilon':'PT5M'%s}",
             does, more);
    harness_post(&h, JOB_FACE_2, body);
    harness_run(&h, "2026-03-01T10:01:10Z");
}

static void tell(int code)
{
    struct run_row r;
    char args[96];
    struct stmt *q = state_runs_open(h.state, harness_job(&h, "j").id);
    assert_true(state_run_next(q, &r));
    stmt_end(q);
    snprintf(args, sizeof args, "{\"task\":%lld,\"code\":%d}", (long long)r.task, code);
    harness_command(&h, COMMAND_RUN_COMPLETE, args);
    assert_string_equal(h.refused, "");
}

static void it_runs_until_it_is_told(void **unused)
{
    (void)unused;
    post("takes 100", "");
    assert_string_equal(harness_runs(&h, "j"), "10:01:00 running");
    harness_run(&h, "2026-03-01T10:02:10Z"); /* the next one waits for it */
    assert_string_equal(harness_runs(&h, "j"), "10:01:00 running, 10:02:00 queued");
    tell(0);
    assert_int_equal(harness_job(&h, "j").successes, 1);
    harness_run_ms(&h, 1000);
    assert_string_equal(harness_runs(&h, "j"), "10:01:00 ok, 10:02:00 running");
}

static void what_is_told_first_is_final(void **unused)
{
    (void)unused;
    post("takes 30000 exits 1", "");
    tell(0);
    harness_run(&h, "2026-03-01T10:01:50Z"); /* its process has failed */
    assert_string_equal(harness_runs(&h, "j"), "10:01:00 ok");
    assert_int_equal(harness_job(&h, "j").errors, 0);
}

static void a_failure_that_is_told_is_tried_again(void **unused)
{
    (void)unused;
    post("takes 100", "");
    tell(3);
    assert_string_equal(harness_runs(&h, "j"), "10:01:00 retry");
    harness_run(&h, "2026-03-01T10:01:30Z");
    tell(3);
    assert_string_equal(harness_runs(&h, "j"), "10:01:00 failed");
    assert_int_equal(harness_job(&h, "j").errors, 1);
}

static void a_process_that_fails_has_failed(void **unused)
{
    (void)unused;
    post("takes 100 exits 1", "");
    assert_string_equal(harness_runs(&h, "j"), "10:01:00 retry");
}

static void its_process_gone_it_may_still_be_ended(void **unused)
{
    (void)unused;
    post("takes 100", "");
    harness_cut(&h, 0); /* out of reach is no matter any more */
    harness_run(&h, "2026-03-01T10:04:30Z");
    assert_non_null(strstr(harness_runs(&h, "j"), "10:01:00 running"));
    struct run_row r;
    char args[128];
    struct stmt *q = state_runs_open(h.state, harness_job(&h, "j").id);
    assert_true(state_run_next(q, &r));
    stmt_end(q);
    snprintf(args, sizeof args,
             "{\"set\":[{\"run\":%lld,\"attempt\":0,\"to\":\"kill\",\"reason\":\"by request\"}]}",
             (long long)r.id);
    harness_command(&h, COMMAND_RUN_UPDATE, args);
    assert_non_null(strstr(harness_runs(&h, "j"), "10:01:00 killed"));
    assert_int_equal(harness_job(&h, "j").errors, 0);
}

static void its_time_may_be_limited(void **unused)
{
    (void)unused;
    post("takes 100", ",'maxCompletionTime':20");
    harness_run(&h, "2026-03-01T10:01:25Z");
    assert_string_equal(harness_runs(&h, "j"), "10:01:00 retry");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(it_runs_until_it_is_told),
        TEST(what_is_told_first_is_final),
        TEST(a_failure_that_is_told_is_tried_again),
        TEST(a_process_that_fails_has_failed),
        TEST(its_process_gone_it_may_still_be_ended),
        TEST(its_time_may_be_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
