#include <stdio.h>
#include <string.h>

#include "harness.h"

/* Jobs whose stored definition cannot be read any more (spec/chronos.md S13). */

static struct harness h;

static int begin(void **unused)
{
    (void)unused;
    harness_open(&h, "2026-03-01T10:00:30Z");
    harness_command(&h, COMMAND_SCHEMA_UPGRADE, "{\"level\":16}");
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    harness_close(&h);
    return 0;
}

static void post(const char *name, const char *command)
{
    char body[256];
    snprintf(body, sizeof body,
             "{'name':'%s','command':'%s','schedule':'R/2026-03-01T10:01:00Z/PT1M',"
             "'epsilon':'PT30S','retryDelaySeconds':1}",
             name, command);
    harness_post(&h, JOB_FACE_2, body);
    assert_string_equal(h.refused, "");
}

/* All else of its row stays. */
static void damage(const char *name)
{
    char args[512];
    struct job_row j = harness_job(&h, name);
    snprintf(args, sizeof args,
             "{\"name\":\"%s\",\"base\":%lld,\"definition\":\"{\\\"name\\\":\",\"schedule\":\"%s\","
             "\"k\":%lld,\"remaining\":%lld,\"next_ms\":%lld}",
             name, (long long)j.generation, j.schedule, (long long)j.k, (long long)j.remaining,
             (long long)j.next.ms);
    harness_command(&h, COMMAND_JOB_PUT, args);
}

static void others_run_whoever_leads(void **unused)
{
    (void)unused;
    harness_agent(&h, "one", 4, 4096);
    post("ill", "takes 100");
    post("well", "takes 100");
    damage("ill");
    harness_run(&h, "2026-03-01T10:01:30Z");
    harness_new_leader(&h);
    harness_run(&h, "2026-03-01T10:02:30Z");
    assert_string_equal(harness_runs(&h, "ill"), "");
    assert_string_equal(harness_runs(&h, "well"), "10:01:00 ok, 10:02:00 ok");
    assert_true(h.turns < 500);
}

static void what_waits_of_it_misses_its_window(void **unused)
{
    (void)unused;
    post("ill", "takes 100");
    harness_run(&h, "2026-03-01T10:01:10Z");
    damage("ill");
    harness_agent(&h, "one", 4, 4096);
    harness_new_leader(&h);
    harness_run(&h, "2026-03-01T10:02:30Z");
    assert_string_equal(harness_runs(&h, "ill"), "10:01:00 missed(unreadable)");
}

/* What runs is let run; a retry waits for the job to be posted again. */
static void it_goes_on_when_it_is_posted_again(void **unused)
{
    (void)unused;
    harness_agent(&h, "one", 4, 4096);
    post("ill", "takes 5000 exits 1,0");
    harness_run(&h, "2026-03-01T10:01:02Z");
    damage("ill");
    harness_run(&h, "2026-03-01T10:03:10Z");
    assert_string_equal(harness_starts(&h, "ill"), "10:01:00/0");
    assert_string_equal(harness_runs(&h, "ill"), "10:01:00 queued");
    post("ill", "takes 100");
    harness_run(&h, "2026-03-01T10:04:30Z");
    assert_string_equal(harness_runs(&h, "ill"), "10:01:00 ok, 10:03:00 ok, 10:04:00 ok");
}

static void it_stays_where_it_is_when_it_is_disabled_and_enabled(void **unused)
{
    struct json_writer w;
    struct buf args;
    (void)unused;
    post("ill", "takes 100");
    damage("ill");
    struct job_row row = harness_job(&h, "ill");
    buf_init(&args, 4096);
    json_begin(&w, &args);
    jobs_write_resume(h.state, &row, h.now.wall, &w);
    assert_non_null(strstr(buf_str(&args), "\"k\":0,\"remaining\":-1,\"schedule\":"
                                           "\"R/2026-03-01T10:01:00Z/PT1M\""));
    buf_close(&args);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(others_run_whoever_leads),
        TEST(what_waits_of_it_misses_its_window),
        TEST(it_goes_on_when_it_is_posted_again),
        TEST(it_stays_where_it_is_when_it_is_disabled_and_enabled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
