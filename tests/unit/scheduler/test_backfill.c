/* Runs for targets of the past, and runs with an environment of their own. */
#include "harness.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "model/run_spec.h"

static struct harness h;

static int begin(void **unused)
{
    (void)unused;
    harness_open(&h, "2026-03-01T10:10:30Z");
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
             "{'name':'j','command':'%s','schedule':'R/2026-03-01T10:00:00Z/PT1M','epsilon':'PT10S'"
             ",'retryDelaySeconds':5%s}",
             does, more);
    harness_post(&h, JOB_FACE_2, body);
}

static struct backfill_plan planned(const char *from, const char *to, bool again, int64_t limit)
{
    struct backfill_plan p;
    struct error err;
    struct job_row row = harness_job(&h, "j");
    if (jobs_plan_backfill(h.state, &row, harness_wall(from), harness_wall(to), again, limit, &p,
                           &err) != 0)
        fail_msg("%s", err.text);
    return p;
}

static void backfill_of(const char *name, const char *from, const char *to, int most, bool again)
{
    char args[256];
    snprintf(args, sizeof args,
             "{\"name\":\"%s\",\"from_ms\":%lld,\"to_ms\":%lld,\"most\":%d,\"again\":%s}", name,
             (long long)harness_wall(from).ms, (long long)harness_wall(to).ms, most,
             again ? "true" : "false");
    harness_command(&h, COMMAND_BACKFILL_PUT, args);
}

static void backfill(const char *from, const char *to, int most, bool again)
{
    backfill_of("j", from, to, most, again);
}

/* "made 3 passed 1 good 2 bad 0 open 1", "ended" */
static const char *progress_of(const char *name)
{
    static char text[128];
    struct backfill_row b;
    struct stmt *q = state_backfills_of_job(h.state, harness_job(&h, name).id);
    assert_true(state_backfill_next(q, &b));
    snprintf(text, sizeof text, "made %lld passed %lld good %lld bad %lld open %lld%s",
             (long long)b.made, (long long)b.passed, (long long)b.good, (long long)b.bad,
             (long long)b.open, b.ended.ms != 0 ? " ended" : "");
    stmt_end(q);
    return text;
}

static const char *progress(void)
{
    return progress_of("j");
}

static void each_target_runs_once_in_order_one_after_the_other(void **unused)
{
    (void)unused;
    post("takes 3000", "");
    backfill("2026-03-01T10:02:00Z", "2026-03-01T10:06:00Z", 1, false);
    harness_run(&h, "2026-03-01T10:10:35Z");
    assert_string_equal(progress(), "made 2 passed 0 good 1 bad 0 open 1");
    harness_run(&h, "2026-03-01T10:10:50Z");
    assert_string_equal(progress(), "made 4 passed 0 good 4 bad 0 open 0 ended");
    assert_string_equal(harness_starts(&h, "j"), "10:02:00/0 10:03:00/0 10:04:00/0 10:05:00/0");
    for (size_t i = 1; i < h.starts_n; i++)
        assert_true(h.starts[i].at.ms >= h.starts[i - 1].ended.ms);
}

static void so_many_run_at_once_as_it_says(void **unused)
{
    (void)unused;
    post("takes 3000", "");
    backfill("2026-03-01T10:00:00Z", "2026-03-01T10:06:00Z", 3, false);
    harness_run_ms(&h, 1000);
    assert_string_equal(progress(), "made 3 passed 0 good 0 bad 0 open 3");
    assert_int_equal(h.starts_n, 3);
    harness_run_ms(&h, 6000);
    assert_string_equal(progress(), "made 6 passed 0 good 6 bad 0 open 0 ended");
}

static void what_has_run_does_not_run_again_unless_it_is_wanted(void **unused)
{
    struct backfill_plan p;
    (void)unused;
    post("takes 100 exits 1", ",'retries':0");
    harness_run(&h, "2026-03-01T10:13:30Z"); /* 10:11 to 10:13 have run, and failed */
    p = planned("2026-03-01T10:09:00Z", "2026-03-01T10:13:00Z", false, 100);
    assert_int_equal(p.runs, 2);
    assert_int_equal(p.passed, 2);
    assert_int_equal(p.last.ms, harness_wall("2026-03-01T10:10:00Z").ms);
    backfill("2026-03-01T10:09:00Z", "2026-03-01T10:13:00Z", 5, false);
    harness_run_ms(&h, 2000);
    assert_string_equal(progress(), "made 2 passed 2 good 0 bad 2 open 0 ended");
    p = planned("2026-03-01T10:09:00Z", "2026-03-01T10:13:00Z", false, 100);
    assert_int_equal(p.runs, 0);
    backfill("2026-03-01T10:09:00Z", "2026-03-01T10:11:00Z", 5, true);
    harness_run_ms(&h, 2000);
    assert_string_equal(progress(), "made 2 passed 0 good 0 bad 2 open 0 ended");
    assert_string_equal(harness_runs(&h, "j"),
                        "10:09:00 failed, 10:09:00 failed, 10:10:00 failed, 10:10:00 failed, "
                        "10:11:00 failed, 10:12:00 failed, 10:13:00 failed");
}

/* Of what was forgotten nobody knows whether it has run: its runs are not repeated. */
static void what_was_forgotten_may_have_run(void **unused)
{
    (void)unused;
    harness_command(&h, COMMAND_SETTING_PUT, "{\"set\":{\"history.bytes\":\"0\"}}");
    post("takes 100", "");
    harness_run(&h, "2026-03-01T14:30:05Z"); /* 260 runs, of which 100 or a few more are known */
    struct backfill_plan p = planned("2026-03-01T10:00:00Z", "2026-03-01T14:30:00Z", false, 1000);
    assert_int_equal(p.runs, 0);
    assert_int_equal(p.passed, 270);
    p = planned("2026-03-01T10:00:00Z", "2026-03-01T10:11:00Z", true, 5);
    assert_int_equal(p.runs, 5);
    assert_int_equal(p.end.ms, harness_wall("2026-03-01T10:05:00Z").ms);
}

/* Its runs are the first that are forgotten; that they were is not. */
static void what_it_has_run_is_known_when_its_runs_are_forgotten(void **unused)
{
    (void)unused;
    post("takes 1", "");
    harness_post(&h, JOB_FACE_2,
                 "{'name':'j','command':'takes 1','schedule':'R/2026-03-01T00:00:00Z/PT1M',"
                 "'epsilon':'PT10S','disabled':true}");
    backfill("2026-03-01T01:00:00Z", "2026-03-01T06:00:00Z", 20, false);
    harness_run_ms(&h, 10000);
    assert_string_equal(progress(), "made 300 passed 0 good 300 bad 0 open 0 ended");
    assert_int_equal(planned("2026-03-01T01:00:00Z", "2026-03-01T06:00:00Z", false, 1000).runs, 0);
}

/* What it has run is known of so many targets, for ever. */
static void of_a_job_so_many_targets_are_backfilled(void **unused)
{
    struct backfill_plan p;
    struct error err;
    struct wall from = harness_wall("2026-03-01T10:02:00Z");
    struct wall to = harness_wall("2026-03-01T10:04:00Z");
    (void)unused;
    post("takes 100", ",'disabled':true");
    assert_int_equal(db_begin(h.db, DB_NORMAL, &err), 0);
    assert_int_equal(db_exec(h.db,
                             "with n(i) as (select 1 union all select i + 1 from n where i < 10000)"
                             " insert into job_filled(job, due_ms) select 1, i from n",
                             &err),
                     0);
    assert_int_equal(db_commit(h.db, &err), 0);
    struct job_row row = harness_job(&h, "j");
    assert_int_equal(jobs_plan_backfill(h.state, &row, from, to, true, 10, &p, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    assert_string_equal(err.text,
                        "job j: 10000 of its targets were backfilled, the most that are kept: "
                        "delete it and make it again; then none of them counts as run");
    harness_delete(&h, "j");
    post("takes 100", ",'disabled':true");
    assert_int_equal(planned("2026-03-01T10:02:00Z", "2026-03-01T10:04:00Z", false, 10).runs, 2);
}

static void a_new_leader_goes_on(void **unused)
{
    (void)unused;
    post("takes 2000", "");
    backfill("2026-03-01T10:00:00Z", "2026-03-01T10:05:00Z", 1, false);
    harness_run_ms(&h, 3000);
    harness_new_leader(&h);
    harness_run_ms(&h, 14000);
    assert_string_equal(progress(), "made 5 passed 0 good 5 bad 0 open 0 ended");
    assert_string_equal(harness_starts(&h, "j"),
                        "10:00:00/0 10:01:00/0 10:02:00/0 10:03:00/0 10:04:00/0");
}

static void it_is_canceled_and_what_runs_goes_on(void **unused)
{
    (void)unused;
    post("takes 5000", "");
    backfill("2026-03-01T10:00:00Z", "2026-03-01T10:09:00Z", 2, false);
    harness_run_ms(&h, 1000);
    harness_command(&h, COMMAND_BACKFILL_CANCEL, "{\"name\":\"j\"}");
    assert_string_equal(h.refused, "");
    assert_string_equal(progress(), "made 2 passed 0 good 0 bad 0 open 2");
    backfill("2026-03-01T10:00:00Z", "2026-03-01T10:09:00Z", 2, false);
    assert_non_null(strstr(h.refused, "has a backfill already"));
    harness_run_ms(&h, 6000);
    assert_string_equal(progress(), "made 2 passed 0 good 2 bad 0 open 0 ended");
    harness_command(&h, COMMAND_BACKFILL_CANCEL, "{\"name\":\"j\"}");
    assert_non_null(strstr(h.refused, "no backfill"));
}

/* A target that is due waits for the run that goes on, and then comes before the next. */
static void the_schedule_comes_first(void **unused)
{
    (void)unused;
    post("takes 4000", "");
    harness_run(&h, "2026-03-01T10:10:58Z");
    backfill("2026-03-01T10:00:00Z", "2026-03-01T10:04:00Z", 1, false);
    harness_run(&h, "2026-03-01T10:11:30Z");
    assert_string_equal(harness_starts(&h, "j"),
                        "10:00:00/0 10:11:00/0 10:01:00/0 10:02:00/0 10:03:00/0");
}

static void no_overlap_policy_costs_it_a_run(void **unused)
{
    static const char *const policies[] = {",'overlap':'skip'", ",'overlap':'kill'"};
    (void)unused;
    for (size_t i = 0; i < COUNT(policies); i++) {
        post("takes 4000", policies[i]);
        harness_run(&h, "2026-03-01T10:10:58Z");
        backfill("2026-03-01T10:00:00Z", "2026-03-01T10:02:00Z", 1, false);
        harness_run(&h, "2026-03-01T10:11:30Z");
        assert_string_equal(harness_runs(&h, "j"), "10:00:00 ok, 10:01:00 ok, 10:11:00 ok");
        end(NULL);
        begin(NULL);
    }
}

static void it_runs_while_the_job_is_paused_and_nothing_runs_twice_afterwards(void **unused)
{
    (void)unused;
    post("takes 100 exits 1,0", ",'retries':1,'disabled':true");
    harness_run(&h, "2026-03-01T10:12:05Z");
    backfill("2026-03-01T10:11:00Z", "2026-03-01T10:12:01Z", 2, false);
    harness_run(&h, "2026-03-01T10:12:09Z");
    post("takes 100", ""); /* in the window of 10:12, which the backfill has */
    harness_run(&h, "2026-03-01T10:12:40Z");
    assert_string_equal(progress(), "made 2 passed 0 good 2 bad 0 open 0 ended");
    assert_string_equal(harness_runs(&h, "j"), "10:11:00 ok, 10:12:00 ok");
}

static void its_last_run_fails_and_the_owners_are_told(void **unused)
{
    (void)unused;
    harness_command(&h, COMMAND_SETTING_PUT, "{\"set\":{\"notify\":\"mail\"}}");
    post("takes 100 exits 1", ",'retries':0,'owner':'ops@example.org'");
    backfill("2026-03-01T10:02:00Z", "2026-03-01T10:03:00Z", 1, true);
    harness_run_ms(&h, 20000);
    assert_string_equal(progress(), "made 1 passed 0 good 0 bad 1 open 0 ended");
}

static void children_do_not_fire(void **unused)
{
    (void)unused;
    post("takes 100", "");
    harness_post(&h, JOB_FACE_3, "{'name':'c','command':'takes 100','parents':['j']}");
    backfill("2026-03-01T10:00:00Z", "2026-03-01T10:04:00Z", 4, false);
    harness_run(&h, "2026-03-01T10:10:50Z");
    assert_string_equal(harness_starts(&h, "c"), "");
}

/* ---- what a run is told */

static const char *told(const char *task, const char *name)
{
    static char value[256];
    struct task_row t;
    struct run_spec spec;
    struct buf text;
    struct error err;
    if (!state_task_by_name(h.state, task, &t))
        fail_msg("no task %s: %s", task, harness_starts(&h, "j"));
    buf_init(&text, 1 << 20);
    assert_true(jobs_run_spec(h.jobs, &t, &text));
    struct json *tree = json_parse(buf_slice(&text), &err);
    assert_int_equal(run_spec_read(tree, &spec, &err), 0);
    snprintf(value, sizeof value, "nothing");
    for (size_t i = 0; i < spec.env_n; i++)
        if (strcmp(spec.env[i].name, name) == 0)
            snprintf(value, sizeof value, "%s", spec.env[i].value);
    run_spec_close(&spec);
    json_free(tree);
    buf_close(&text);
    return value;
}

static void it_is_told_the_planned_time_also_when_it_is_tried_again(void **unused)
{
    (void)unused;
    post("takes 100 exits 1,0", ",'retries':1");
    backfill("2026-03-01T10:02:00Z", "2026-03-01T10:03:00Z", 1, false);
    harness_run(&h, "2026-03-01T10:10:50Z");
    assert_string_equal(told("ct:1772359320000:0:j:", "CHRONOS_JOB_RUN_TIME"), "1772359320000");
    assert_string_equal(told("ct:1772359320000:0:j:", "MESOLITH_PLANNED_TIME"),
                        "2026-03-01T10:02:00.000Z");
    char again[64];
    snprintf(again, sizeof again, "ct:%lld:1:j:", (long long)h.starts[1].due_ms);
    assert_string_equal(told(again, "CHRONOS_JOB_RUN_TIME"), "1772359320000");
    backfill("2026-03-01T10:02:00Z", "2026-03-01T10:03:00Z", 1, true); /* its id gives way */
    harness_run(&h, "2026-03-01T10:10:55Z");
    assert_string_equal(told("ct:1772359320001:0:j:", "CHRONOS_JOB_RUN_TIME"), "1772359320000");
}

static void a_run_has_its_own_environment_and_arguments_also_when_it_is_tried_again(void **unused)
{
    char again[64];
    (void)unused;
    post("takes 100 exits 1,0",
         ",'retries':1,'disabled':true,'environmentVariables':[{'name':'A','value':'own'},{'name':"
         "'B','value':'b'}]");
    harness_command(&h, COMMAND_JOB_TRIGGER,
                    "{\"name\":\"j\",\"due_ms\":1772359830000,\"arguments\":\"x\",\"environment\":{"
                    "\"A\":\"given\",\"C\":\"\",\"HOST\":\"elsewhere\"}}");
    harness_run_ms(&h, 1000);
    harness_new_leader(&h);
    harness_run_ms(&h, 10000);
    assert_int_equal(h.starts_n, 2);
    snprintf(again, sizeof again, "ct:%lld:1:j:x", (long long)h.starts[1].due_ms);
    assert_string_equal(told(again, "A"), "given");
    assert_string_equal(told(again, "B"), "b");
    assert_string_equal(told(again, "C"), "");
    assert_string_equal(told(again, "HOST"), "n1"); /* ours wins */
    assert_string_equal(told(again, "MESOLITH_PLANNED_TIME"), "nothing");
    harness_trigger(&h, "j", "y");
    harness_run_ms(&h, 1000);
    snprintf(again, sizeof again, "ct:%lld:0:j:y", (long long)h.starts[2].due_ms);
    assert_string_equal(told(again, "A"), "own");
}

/* Both find their place in one tick: the name of a target stays its own, however old it is. */
static void a_run_asked_for_gives_no_backfill_another_name(void **unused)
{
    (void)unused;
    post("takes 100", ",'overlap':'allow','disabled':true");
    h.agents[0].quiet = true;
    harness_trigger(&h, "j", "");
    backfill("2026-03-01T10:02:00Z", "2026-03-01T10:04:00Z", 2, false);
    harness_run_ms(&h, 1000);
    assert_int_equal(h.starts_n, 0);
    h.agents[0].quiet = false;
    harness_run_ms(&h, 1000);
    assert_int_equal(h.starts_n, 3);
    assert_int_equal(h.starts[1].due_ms, harness_wall("2026-03-01T10:02:00Z").ms);
    assert_int_equal(h.starts[2].due_ms, harness_wall("2026-03-01T10:03:00Z").ms);
}

/* Of what five pass a tick has no more; the sixth has nothing to do, and would wake nobody. */
static void of_several_each_has_its_turns_and_none_waits_for_an_event(void **unused)
{
    char name[16], body[256];
    (void)unused;
    post("takes 3600000", ",'disabled':true");
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof name, "a%d", i);
        snprintf(body, sizeof body,
                 "{'name':'%s','command':'takes 100','schedule':'R/2026-02-01T00:00:00Z/PT1M',"
                 "'startsAt':'2026-03-02T00:00:00Z'}",
                 name);
        harness_post(&h, JOB_FACE_2, body);
        backfill_of(name, "2026-02-01T00:00:00Z", "2026-02-08T00:00:00Z", 1, false);
    }
    backfill("2026-03-01T10:02:00Z", "2026-03-01T10:04:00Z", 1, false);
    harness_run_ms(&h, 5000);
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof name, "a%d", i);
        assert_string_equal(progress_of(name), "made 0 passed 10080 good 0 bad 0 open 0 ended");
    }
    assert_string_equal(progress(), "made 1 passed 0 good 0 bad 0 open 1");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(each_target_runs_once_in_order_one_after_the_other),
        TEST(so_many_run_at_once_as_it_says),
        TEST(what_has_run_does_not_run_again_unless_it_is_wanted),
        TEST(what_was_forgotten_may_have_run),
        TEST(what_it_has_run_is_known_when_its_runs_are_forgotten),
        TEST(of_a_job_so_many_targets_are_backfilled),
        TEST(a_new_leader_goes_on),
        TEST(it_is_canceled_and_what_runs_goes_on),
        TEST(the_schedule_comes_first),
        TEST(no_overlap_policy_costs_it_a_run),
        TEST(it_runs_while_the_job_is_paused_and_nothing_runs_twice_afterwards),
        TEST(its_last_run_fails_and_the_owners_are_told),
        TEST(children_do_not_fire),
        TEST(it_is_told_the_planned_time_also_when_it_is_tried_again),
        TEST(a_run_has_its_own_environment_and_arguments_also_when_it_is_tried_again),
        TEST(a_run_asked_for_gives_no_backfill_another_name),
        TEST(of_several_each_has_its_turns_and_none_waits_for_an_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
