/* Runs become attempts, and attempts end: overlap, retries, kills, lost agents, changes of the
 * leader (spec/chronos.md 3.8, 3.10, 5). */
#include "harness.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "scheduler/why/why.h"

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

/* A job "j" from 10:08 on; `more` are members that end in a comma. */
static void post(const char *more, const char *command, const char *period)
{
    char body[512];
    snprintf(body, sizeof body,
             "{'name':'j',%s'command':'%s','schedule':'R/2026-03-01T10:08:00Z/%s'}", more, command,
             period);
    harness_post(&h, strstr(more, "catchup") != NULL ? JOB_FACE_3 : JOB_FACE_2, body);
}

/* ---- overlap: what a job is like, what its runs are at 10:08:55 */

static void runs_of_one_job_overlap_as_the_table_says(void **unused)
{
    static const struct {
        const char *more, *command, *starts, *runs;
    } rows[] = {
        /* they wait, each until its own deadline */
        {"'epsilon':'PT8S',", "takes 25000", "10:08:00/0 10:08:20/0 10:08:50/0",
         "10:08:00 ok, 10:08:10 missed(overlap), 10:08:20 ok, 10:08:30 missed(overlap), "
         "10:08:40 missed(overlap), 10:08:50 running"},
        {"'epsilon':'PT30S',", "takes 15000", "10:08:00/0 10:08:10/0 10:08:20/0 10:08:30/0",
         "10:08:00 ok, 10:08:10 ok, 10:08:20 ok, 10:08:30 running, 10:08:40 queued, "
         "10:08:50 queued"},
        {"'epsilon':'PT30S','overlap':'skip',", "takes 25000", "10:08:00/0 10:08:30/0",
         "10:08:00 ok, 10:08:10 missed(overlap), 10:08:20 missed(overlap), 10:08:30 running, "
         "10:08:40 missed(overlap), 10:08:50 missed(overlap)"},
        {"'epsilon':'PT30S','overlap':'kill',", "takes 25000",
         "10:08:00/0 10:08:10/0 10:08:20/0 10:08:30/0 10:08:40/0 10:08:50/0",
         "10:08:00 killed, 10:08:10 killed, 10:08:20 killed, 10:08:30 killed, 10:08:40 killed, "
         "10:08:50 running"},
        {"'epsilon':'PT30S','concurrent':true,", "takes 25000",
         "10:08:00/0 10:08:10/0 10:08:20/0 10:08:30/0 10:08:40/0 10:08:50/0",
         "10:08:00 ok, 10:08:10 ok, 10:08:20 ok, 10:08:30 running, 10:08:40 running, "
         "10:08:50 running"},
        /* one waits; a newer one takes its place */
        {"'missed':'catchup',", "takes 25000", "10:08:00/0 10:08:20/0 10:08:50/0",
         "10:08:00 ok, 10:08:10 later, 10:08:20 ok, 10:08:30 later, 10:08:40 later, "
         "10:08:50 running"},
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        end(NULL);
        begin(NULL);
        post(rows[i].more, rows[i].command, "PT10S");
        harness_run(&h, "2026-03-01T10:08:55Z");
        assert_string_equal(harness_starts(&h, "j"), rows[i].starts);
        assert_string_equal(harness_runs(&h, "j"), rows[i].runs);
    }
}

static void what_is_coalesced_gives_its_count_back(void **unused)
{
    (void)unused;
    harness_post(&h, JOB_FACE_3,
                 "{'name':'j','command':'takes 25000','schedule':"
                 "'R3/2026-03-01T10:08:00Z/PT10S'}");
    harness_run(&h, "2026-03-01T10:08:12Z");
    assert_string_equal(harness_shown(&h, "j"), "R1/2026-03-01T10:08:20.000Z/PT10S");
    harness_run(&h, "2026-03-01T10:08:22Z");
    assert_string_equal(harness_shown(&h, "j"), "R1/2026-03-01T10:08:30.000Z/PT10S");
    harness_run(&h, "2026-03-01T10:12:00Z");
    assert_string_equal(harness_starts(&h, "j"), "10:08:00/0 10:08:20/0 10:08:30/0");
    assert_true(harness_job(&h, "j").disabled);
}

static void at_most_one_manual_run_waits(void **unused)
{
    (void)unused;
    post("", "takes 5000", "PT1H");
    harness_run(&h, "2026-03-01T10:08:01Z");
    for (int i = 0; i < 3; i++) {
        harness_trigger(&h, "j", "");
        harness_run_ms(&h, 500);
    }
    assert_int_equal(harness_job(&h, "j").queued, 1);
    harness_run(&h, "2026-03-01T10:09:00Z");
    assert_int_equal(h.starts_n, 2);
}

/* ---- retries */

static void a_run_is_tried_again_with_growing_delays(void **unused)
{
    (void)unused;
    post("'retries':3,'retryDelaySeconds':2,'retryBackoff':2,", "takes 1000 exits 1,1,1,0", "PT1H");
    harness_run(&h, "2026-03-01T10:09:00Z");
    static const int64_t at_s[] = {0, 3, 8, 17};
    assert_int_equal(h.starts_n, 4);
    for (size_t i = 0; i < COUNT(at_s); i++) {
        assert_int_equal(h.starts[i].attempt, i);
        assert_in_range(h.starts[i].at.ms - harness_wall("2026-03-01T10:08:00Z").ms, at_s[i] * 1000,
                        at_s[i] * 1000 + 100);
    }
    assert_string_equal(harness_runs(&h, "j"), "10:08:00 ok");
    assert_int_equal(harness_job(&h, "j").errors, 0);
    assert_int_equal(harness_job(&h, "j").successes, 1);
    /* the due in the task's id is the planned time of the retry */
    assert_in_range(h.starts[1].due_ms - harness_wall("2026-03-01T10:08:03Z").ms, 0, 50);
}

static void it_is_tried_again_on_another_agent(void **unused)
{
    (void)unused;
    harness_agent(&h, "n2", 4, 4096);
    post("'retries':5,'retryDelaySeconds':1,", "takes 1000 exits 1", "PT1H");
    harness_run(&h, "2026-03-01T10:09:00Z");
    assert_int_equal(h.starts_n, 6);
    for (size_t i = 1; i < h.starts_n; i++)
        assert_int_not_equal(h.starts[i].agent, h.starts[i - 1].agent);
}

static void a_run_fails_when_no_attempt_is_left(void **unused)
{
    (void)unused;
    post("'retries':1,", "takes 1000 exits 1", "PT1H");
    harness_run(&h, "2026-03-01T10:08:30Z");
    assert_string_equal(harness_runs(&h, "j"), "10:08:00 retry"); /* after the usual minute */
    harness_run(&h, "2026-03-01T10:10:00Z");
    assert_string_equal(harness_runs(&h, "j"), "10:08:00 failed");
    struct job_row row = harness_job(&h, "j");
    assert_int_equal(row.errors, 1);
    assert_int_equal(row.errors_since_success, 1);
    assert_int_not_equal(row.last_error.ms, 0);
    assert_int_equal(h.starts_n, 2);
}

static void a_waiting_retry_gives_way_to_the_next_target(void **unused)
{
    (void)unused;
    post("", "takes 1000 exits 1", "PT30S");
    harness_run(&h, "2026-03-01T10:08:45Z");
    assert_string_equal(harness_runs(&h, "j"), "10:08:00 superseded, 10:08:30 retry");
    assert_int_equal(harness_job(&h, "j").errors, 1);
}

static void a_target_outranks_a_retry_that_is_due_as_well(void **unused)
{
    (void)unused;
    post("'retryDelaySeconds':20,", "takes 1000 exits 1", "PT30S");
    harness_run(&h, "2026-03-01T10:08:10Z");
    harness_outage(&h, "2026-03-01T10:08:40Z");
    harness_run(&h, "2026-03-01T10:08:45Z");
    assert_string_equal(harness_starts(&h, "j"), "10:08:00/0 10:08:30/0");
    assert_string_equal(harness_runs(&h, "j"), "10:08:00 superseded, 10:08:30 retry");
}

static void a_manual_run_leaves_a_waiting_retry_alone(void **unused)
{
    (void)unused;
    post("'retryDelaySeconds':10,", "takes 20000 exits 1,0", "PT1H");
    harness_run(&h, "2026-03-01T10:08:22Z");
    harness_trigger(&h, "j", "");
    harness_run(&h, "2026-03-01T10:08:35Z"); /* the retry is due, but the other is active */
    assert_string_equal(harness_runs(&h, "j"), "10:08:00 queued, 10:08:22 running");
    harness_run(&h, "2026-03-01T10:10:00Z");
    assert_string_equal(harness_runs(&h, "j"), "10:08:00 ok, 10:08:22 ok");
}

static void concurrent_runs_leave_retries_alone(void **unused)
{
    (void)unused;
    post("'concurrent':true,'retryDelaySeconds':15,", "takes 1000 exits 1,0", "PT10S");
    harness_run(&h, "2026-03-01T10:08:18Z");
    assert_int_equal(h.starts_n, 3);
    assert_int_equal(h.starts[2].attempt, 1);
    assert_string_equal(harness_runs(&h, "j"), "10:08:00 ok, 10:08:10 retry");
}

/* ---- task ids */

static void retries_that_wait_hold_up_new_targets_once_they_are_too_many(void **unused)
{
    (void)unused;
    post("'concurrent':true,'epsilon':'PT1S','retries':9,'retryDelaySeconds':86400,",
         "takes 10 exits 1", "PT1S");
    harness_run(&h, "2026-03-01T10:12:00Z");
    assert_int_equal(state_runs_open_count(h.state, harness_job(&h, "j").id), LIMIT_JOB_OPEN_RUNS);
}

static void task_ids_are_unique(void **unused)
{
    (void)unused;
    post("'concurrent':true,", "takes 10", "PT1M");
    harness_run(&h, "2026-03-01T10:08:59.990Z");
    for (int i = 0; i < 3; i++)
        harness_trigger(&h, "j", "-a b");
    harness_run(&h, "2026-03-01T10:09:00Z");
    harness_jump(&h, harness_wall("2026-03-01T10:09:00Z").ms - h.now.wall.ms);
    harness_trigger(&h, "j", ""); /* a target has that due */
    harness_run(&h, "2026-03-01T10:09:10Z");
    assert_string_equal(harness_starts(&h, "j"),
                        "10:08:00/0 10:08:59.990/0 10:08:59.991/0 10:08:59.992/0 10:09:00/0 "
                        "10:09:00.001/0");
    struct task_row t;
    char name[64];
    snprintf(name, sizeof name, "ct:%lld:0:j:-a b",
             (long long)harness_wall("2026-03-01T10:08:59.991Z").ms);
    assert_true(state_task_by_name(h.state, name, &t));
}

/* ---- ends that somebody else decides */

static void a_run_that_takes_too_long_is_a_failed_attempt(void **unused)
{
    struct task_row t;
    (void)unused;
    /* shorter than one is waited for that does not start */
    post("'maxCompletionTime':1,'retryDelaySeconds':1,'retries':1,", "takes 60000", "PT1H");
    harness_run(&h, "2026-03-01T10:08:00.900Z");
    assert_string_equal(harness_runs(&h, "j"), "10:08:00 running");
    harness_run(&h, "2026-03-01T10:08:02.200Z");
    assert_int_equal(h.starts_n, 2);
    assert_int_equal(h.starts[1].attempt, 1);
    assert_true(state_task_by_name(h.state, "ct:1772359680000:0:j:", &t));
    assert_string_equal(t.kill_reason, "maxCompletionTime: ran longer than 1 s");
    harness_run(&h, "2026-03-01T10:08:10Z");
    assert_string_equal(harness_runs(&h, "j"), "10:08:00 failed");
}

static void a_killed_run_counts_for_nothing(void **unused)
{
    char args[128];
    struct run_row r;
    (void)unused;
    post("", "takes 60000", "PT1H");
    harness_run(&h, "2026-03-01T10:08:02Z");
    struct stmt *q = state_runs_open(h.state, harness_job(&h, "j").id);
    assert_true(state_run_next(q, &r));
    snprintf(args, sizeof args, "{\"set\":[{\"run\":%lld,\"attempt\":0,\"to\":\"kill\"}]}",
             (long long)r.id);
    stmt_end(q);
    harness_command(&h, COMMAND_RUN_UPDATE, args);
    harness_run(&h, "2026-03-01T10:08:05Z");
    assert_string_equal(harness_runs(&h, "j"), "10:08:00 killed");
    assert_int_equal(harness_job(&h, "j").errors, 0);
}

static void deleting_ends_all_of_it_and_keeps_what_it_ran(void **unused)
{
    struct run_row r;
    struct gone_row gone;
    size_t killed = 0, n = 0;
    (void)unused;
    post("'concurrent':true,", "takes 15000", "PT10S");
    harness_run(&h, "2026-03-01T10:08:16Z");
    assert_int_equal(harness_job(&h, "j").active, 1);
    harness_delete(&h, "j");
    harness_run(&h, "2026-03-01T10:09:20Z");
    assert_int_equal(h.starts_n, 2);
    assert_int_not_equal(h.starts[1].ended.ms, 0);
    assert_int_equal(jobs_due(h.jobs).ms, INT64_MAX);
    assert_true(state_job_gone_named(h.state, "j", &gone));
    struct stmt *q = state_runs_of_job(h.state, gone.job, 100);
    for (; state_run_next(q, &r); n++)
        killed += r.state == RUN_KILLED;
    assert_int_equal(killed, 1);
    assert_int_equal(n, 2);
    assert_false(state_any_to_trim(h.state));
}

static void what_a_deleted_job_leaves_is_trimmed_by_itself(void **unused)
{
    struct buf args;
    (void)unused;
    harness_command(&h, COMMAND_SETTING_PUT, "{\"set\":{\"history.runs\":\"10000\"}}");
    post("", "takes 1000", "PT1H");
    struct job_row j = harness_job(&h, "j");
    long long id = j.id, k = j.k;
    buf_init(&args, 1 << 20);
    buf_puts(&args, "{\"set\":[");
    for (int i = 0; i < 1500; i++, k++)
        buf_printf(&args,
                   "%s{\"job\":%lld,\"generation\":1,\"at_k\":%lld,\"k\":%lld,\"remaining\":-1,"
                   "\"missed\":{\"due_ms\":%d,\"covers\":2}}",
                   i > 0 ? "," : "", id, k, k + 1, i + 1);
    buf_puts(&args, "]}");
    harness_command(&h, COMMAND_JOB_TICK, buf_str(&args));
    buf_close(&args);
    harness_delete(&h, "j");
    assert_true(state_any_to_trim(h.state));
    harness_run_ms(&h, 1000);
    assert_false(state_any_to_trim(h.state));
    assert_in_range(state_history_size(h.state).runs, 1500, 1502);
}

/* Nothing else happens by then. */
static void a_smaller_bound_of_the_history_is_reached_while_all_is_quiet(void **unused)
{
    (void)unused;
    post("", "takes 1000", "PT1M");
    harness_run(&h, "2026-03-01T10:20:30Z");
    struct job_row j = harness_job(&h, "j");
    char args[128];
    snprintf(args, sizeof args, "{\"jobs\":[%lld],\"reason\":\"\"}", (long long)j.id);
    harness_command(&h, COMMAND_JOB_PAUSE, args);
    harness_run_ms(&h, 5000);
    assert_int_equal(jobs_due(h.jobs).ms, INT64_MAX);
    harness_command(&h, COMMAND_SETTING_PUT,
                    "{\"set\":{\"history.runs\":\"2\",\"history.bytes\":\"0\"}}");
    harness_run_ms(&h, 1000);
    assert_false(state_any_to_trim(h.state));
    struct run_row r;
    size_t n = 0;
    struct stmt *q = state_runs_of_job(h.state, j.id, 100);
    for (; state_run_next(q, &r); n++)
        ;
    assert_int_equal(n, 2);
}

static void a_job_that_comes_again_begins_anew(void **unused)
{
    (void)unused;
    post("", "takes 1000", "PT1M");
    harness_run(&h, "2026-03-01T10:08:30Z");
    harness_delete(&h, "j");
    post("", "takes 1000", "PT1M"); /* its window is open still: another incarnation */
    harness_run(&h, "2026-03-01T10:09:30Z");
    assert_string_equal(harness_starts(&h, "j"), "10:08:00/0 10:08:00/0 10:09:00/0");
}

static void queued_runs_take_the_new_definition(void **unused)
{
    (void)unused;
    post("'cpus':100,'epsilon':'PT60S',", "takes 1000", "PT10M");
    harness_run(&h, "2026-03-01T10:08:20Z");
    assert_string_equal(harness_runs(&h, "j"), "10:08:00 queued");
    post("'cpus':1,'epsilon':'PT60S',", "takes 1000", "PT10M");
    harness_run(&h, "2026-03-01T10:08:30Z");
    assert_string_equal(harness_runs(&h, "j"), "10:08:00 ok");
}

/* ---- places */

static void who_finds_no_place_misses_its_window_with_a_reason(void **unused)
{
    (void)unused;
    post("'cpus':100,'epsilon':'PT10S',", "takes 1000", "PT1H");
    harness_post(&h, JOB_FACE_2,
                 "{'name':'k','command':'takes 1','epsilon':'PT10S','constraints':[['rack',"
                 "'EQUALS','r9']],'schedule':'R/2026-03-01T10:08:00Z/PT1H'}");
    harness_run(&h, "2026-03-01T10:08:11Z");
    assert_string_equal(harness_runs(&h, "j"), "10:08:00 missed(no-resources)");
    assert_string_equal(harness_runs(&h, "k"), "10:08:00 missed(no-eligible-node)");
}

static void a_run_waits_for_room_and_takes_it(void **unused)
{
    (void)unused;
    post("'cpus':6,'concurrent':true,", "takes 7000", "PT5S");
    harness_run(&h, "2026-03-01T10:08:20Z");
    assert_string_equal(harness_starts(&h, "j"), "10:08:00/0 10:08:05/0 10:08:10/0");
    assert_in_range(h.starts[1].at.ms - harness_wall("2026-03-01T10:08:07Z").ms, 0, 100);
}

static void one_that_can_not_run_does_not_block_others(void **unused)
{
    (void)unused;
    post("'cpus':100,'highPriority':true,", "takes 1", "PT1H");
    harness_post(&h, JOB_FACE_2,
                 "{'name':'k','command':'takes 1','schedule':'R/2026-03-01T10:08:00Z/PT1H'}");
    harness_run(&h, "2026-03-01T10:08:01Z");
    assert_string_equal(harness_runs(&h, "j"), "10:08:00 queued");
    assert_string_equal(harness_runs(&h, "k"), "10:08:00 ok");
}

static void high_priority_goes_first_then_the_oldest(void **unused)
{
    static const struct {
        const char *name, *high, *due;
    } rows[] = {
        {"late", "false", "10:08:00"}, {"old", "false", "10:07:50"}, {"high", "true", "10:08:00"}};
    char body[256];
    (void)unused;
    harness_post(&h, JOB_FACE_2,
                 "{'name':'hog','command':'takes 35000','cpus':8,'schedule':"
                 "'R1/2026-03-01T10:07:30Z/PT1H'}");
    for (size_t i = 0; i < COUNT(rows); i++) {
        snprintf(body, sizeof body,
                 "{'name':'%s','command':'takes 1000','cpus':8,'highPriority':%s,'schedule':"
                 "'R1/2026-03-01T%sZ/PT1H'}",
                 rows[i].name, rows[i].high, rows[i].due);
        harness_post(&h, JOB_FACE_2, body);
    }
    harness_run(&h, "2026-03-01T10:09:00Z");
    assert_int_equal(h.starts_n, 4);
    assert_string_equal(h.starts[1].name, "high");
    assert_string_equal(h.starts[2].name, "old");
    assert_string_equal(h.starts[3].name, "late");
    for (size_t i = 1; i < 4; i++) /* at once when there is room */
        assert_in_range(h.starts[i].at.ms - h.starts[i - 1].ended.ms, 0, 100);
}

static void nothing_starts_where_no_pong_came_from(void **unused)
{
    (void)unused;
    h.agents[0].quiet = true;
    post("", "takes 1", "PT1H");
    harness_run(&h, "2026-03-01T10:08:05Z");
    assert_int_equal(h.starts_n, 0);
    h.agents[0].quiet = false;
    harness_run_ms(&h, 200);
    assert_int_equal(h.starts_n, 1);
}

/* ---- agents that fail */

static void an_order_that_is_lost_is_given_to_another(void **unused)
{
    (void)unused;
    h.agents[0].deaf = true;
    post("'epsilon':'PT10S',", "takes 1000", "PT1H");
    harness_run(&h, "2026-03-01T10:08:02Z");
    assert_int_equal(h.starts_n, 0);
    harness_agent(&h, "n2", 4, 4096);
    h.agents[0].given_up = true; /* it is not live any more */
    harness_run(&h, "2026-03-01T10:08:05Z");
    assert_string_equal(harness_starts(&h, "j"), "10:08:00/0");
    assert_int_equal(h.starts[0].agent, h.agents[1].id);
    assert_in_range(harness_latest_ms(&h), 2500, 2700);
}

/* It may have started it, and told the leader before. */
static void an_order_to_one_who_has_not_come_yet_is_given_to_nobody(void **unused)
{
    (void)unused;
    h.agents[0].deaf = true;
    post("'epsilon':'PT20S',", "takes 1000", "PT1H");
    harness_run(&h, "2026-03-01T10:08:01Z");
    harness_agent(&h, "n2", 4, 4096);
    harness_new_leader(&h);
    h.agents[0].given_up = h.agents[0].expected = true;
    harness_run(&h, "2026-03-01T10:08:05Z");
    assert_string_equal(harness_runs(&h, "j"), "10:08:00 assigned");
    h.agents[0].expected = false; /* it is there, and says nothing of it */
    harness_run(&h, "2026-03-01T10:08:10Z");
    assert_string_equal(harness_starts(&h, "j"), "10:08:00/0");
    assert_int_equal(h.starts[0].agent, h.agents[1].id);
    assert_in_range(harness_latest_ms(&h), 7300, 7700);
}

static void an_order_that_went_to_one_just_lost_is_given_to_another(void **unused)
{
    (void)unused;
    post("'epsilon':'PT10S',", "takes 1000", "PT1H");
    harness_run(&h, "2026-03-01T10:07:57Z");
    harness_cut(&h, 0); /* out of reach at 10:08:02, half a second before the order is given up */
    harness_run(&h, "2026-03-01T10:08:01Z");
    assert_string_equal(harness_runs(&h, "j"), "10:08:00 assigned");
    harness_agent(&h, "n2", 4, 4096);
    harness_run(&h, "2026-03-01T10:08:05Z");
    assert_string_equal(harness_starts(&h, "j"), "10:08:00/0");
    assert_int_equal(h.starts[0].agent, h.agents[1].id);
    assert_in_range(harness_latest_ms(&h), 2500, 2700);
}

static void who_had_started_it_when_it_was_lost_is_waited_for(void **unused)
{
    (void)unused;
    post("'epsilon':'PT10S','retries':0,", "takes 600000", "PT1H");
    harness_run(&h, "2026-03-01T10:08:01Z");
    harness_cut(&h, 0);
    harness_agent(&h, "n2", 4, 4096);
    harness_run(&h, "2026-03-01T10:08:30Z");
    assert_string_equal(harness_starts(&h, "j"), "10:08:00/0");
    assert_string_equal(harness_runs(&h, "j"), "10:08:00 running");
}

static void who_holds_does_not_start_it_elsewhere(void **unused)
{
    (void)unused;
    h.agents[0].deaf = true;
    harness_agent(&h, "n2", 4, 4096);
    post("'epsilon':'PT10S','startUncertain':'hold',", "takes 1000", "PT1H");
    harness_run(&h, "2026-03-01T10:08:20Z");
    assert_int_equal(h.starts_n, 0);
    assert_string_equal(harness_runs(&h, "j"), "10:08:00 assigned");
}

static void a_lost_agent_does_not_block_later_targets(void **unused)
{
    (void)unused;
    post("'epsilon':'PT10S','retries':0,", "takes 600000", "PT10S");
    harness_run(&h, "2026-03-01T10:08:03Z");
    harness_cut(&h, 0);
    harness_agent(&h, "n2", 4, 4096);
    harness_run(&h, "2026-03-01T10:08:15Z");
    assert_string_equal(harness_starts(&h, "j"), "10:08:00/0 10:08:10/0");
    assert_int_equal(h.starts[1].agent, h.agents[1].id);
    harness_run(&h, "2026-03-01T10:09:10Z"); /* lost a minute after it went out of reach */
    assert_int_equal(strncmp(harness_runs(&h, "j"), "10:08:00 lost, 10:08:10 running", 31), 0);
    assert_int_equal(harness_job(&h, "j").errors, 1);
}

static void a_result_that_comes_in_time_counts(void **unused)
{
    (void)unused;
    post("", "takes 20000", "PT1H");
    harness_run(&h, "2026-03-01T10:08:03Z");
    harness_cut(&h, 0);
    harness_run(&h, "2026-03-01T10:08:40Z");
    assert_string_equal(harness_runs(&h, "j"), "10:08:00 running");
    harness_heal(&h, 0);
    harness_run_ms(&h, 100);
    assert_string_equal(harness_runs(&h, "j"), "10:08:00 ok");
    assert_int_equal(h.starts_n, 1);
}

static void a_lost_attempt_is_tried_again(void **unused)
{
    (void)unused;
    post("'retryDelaySeconds':1,", "takes 20000", "PT1H");
    harness_run(&h, "2026-03-01T10:08:03Z");
    harness_agent(&h, "n2", 4, 4096);
    harness_cut(&h, 0);
    harness_run(&h, "2026-03-01T10:09:40Z");
    assert_int_equal(h.starts_n, 2);
    assert_int_equal(h.starts[1].attempt, 1);
    assert_string_equal(harness_runs(&h, "j"), "10:08:00 ok");
}

static void a_kill_that_reaches_no_agent_is_lost_without_a_retry(void **unused)
{
    (void)unused;
    post("'maxCompletionTime':0,'overlap':'kill','epsilon':'PT10S',", "takes 600000", "PT10S");
    harness_run(&h, "2026-03-01T10:08:09.900Z");
    harness_cut(&h, 0);
    harness_run(&h, "2026-03-01T10:08:12Z"); /* killed, but it does not hear of it */
    assert_string_equal(harness_runs(&h, "j"), "10:08:00 running, 10:08:10 queued");
    harness_agent(&h, "n2", 4, 4096);
    harness_run(&h, "2026-03-01T10:09:30Z");
    assert_int_equal(strncmp(harness_runs(&h, "j"), "10:08:00 lost, ", 15), 0);
    assert_int_equal(harness_job(&h, "j").errors, 0);
}

/* ---- leaders that change */

enum fate { LOST, COMMITTED };

/* The entry that is proposed at that moment is held; another node leads before it is committed. */
static void change_leader(const char *at, enum fate fate)
{
    harness_run(&h, at);
    h.held = true;
    harness_run_ms(&h, 50);
    assert_true(h.entries_n > 0);
    if (fate == LOST)
        harness_lose(&h);
    else
        harness_release(&h); /* every new leader has what was committed before */
    h.held = false;
    harness_new_leader(&h);
}

static void a_claim_is_neither_lost_nor_doubled(void **unused)
{
    (void)unused;
    for (int fate = LOST; fate <= COMMITTED; fate++) {
        end(NULL);
        begin(NULL);
        post("'retries':0,", "takes 100", "PT10S");
        change_leader("2026-03-01T10:07:59.999Z", (enum fate)fate);
        harness_run(&h, "2026-03-01T10:08:11Z");
        assert_string_equal(harness_starts(&h, "j"), "10:08:00/0 10:08:10/0");
        assert_string_equal(harness_runs(&h, "j"), "10:08:00 ok, 10:08:10 ok");
    }
}

static void a_launch_is_neither_lost_nor_doubled(void **unused)
{
    (void)unused;
    for (int fate = LOST; fate <= COMMITTED; fate++) {
        end(NULL);
        begin(NULL);
        post("'retries':0,", "takes 100", "PT10S");
        harness_run(&h, "2026-03-01T10:07:59.999Z");
        while (harness_job(&h, "j").queued == 0)
            harness_turn(&h), harness_jump(&h, 1), h.now.mono.ms++;
        h.held = true;
        harness_turn(&h); /* its launch */
        assert_true(h.entries_n > 0);
        if (fate == LOST)
            harness_lose(&h);
        else
            harness_release(&h);
        h.held = false;
        harness_new_leader(&h);
        harness_run(&h, "2026-03-01T10:08:11Z");
        assert_string_equal(harness_starts(&h, "j"), "10:08:00/0 10:08:10/0");
    }
}

static void report(int64_t task, int seq, const char *state)
{
    char args[160];
    snprintf(args, sizeof args, "{\"set\":[{\"task\":%lld,\"seq\":%d,\"state\":\"%s\",\"at\":1}]}",
             (long long)task, seq, state);
    harness_command(&h, COMMAND_TASK_UPDATE, args);
}

/* Nobody said that the first order was carried out, and it was; the second is withdrawn, which is
 * lost. The next attempt would run beside that one, if it has begun. */
static void a_retry_waits_for_the_double_of_its_attempt(void **unused)
{
    (void)unused;
    struct why w;
    struct task_row t;
    int64_t tasks[8], n = 0;
    h.agents[0].deaf = true;
    post("'retryDelaySeconds':1,'retries':1,", "takes 60000", "PT1H");
    harness_run(&h, "2026-03-01T10:08:04Z");
    struct stmt *q = state_tasks_of_run(h.state, 1);
    while (state_task_next(q, &t) && n < 8)
        tasks[n++] = t.id;
    assert_int_equal(n, 2);
    report(tasks[0], 1, "running");
    assert_true(state_task_by_id(h.state, tasks[1], &t));
    assert_int_equal(t.state, TASK_KILLING);
    report(tasks[0], 2, "failed");
    assert_string_equal(harness_runs(&h, "j"), "10:08:00 retry");
    harness_run(&h, "2026-03-01T10:08:08Z");
    assert_string_equal(harness_runs(&h, "j"), "10:08:00 queued");
    assert_true(why_job(h.state, ALL_HEARD, "j", h.now.wall, &w));
    assert_string_equal(w.sentences[0].because, "an attempt that was ordered twice, and is to end, "
                                                "is active, and they may not overlap");
    report(tasks[1], 1, "killed");
    harness_run(&h, "2026-03-01T10:08:09Z");
    assert_string_equal(harness_runs(&h, "j"), "10:08:00 assigned");
}

static void what_keeps_a_node_from_beginning_a_run_is_said(void **unused)
{
    (void)unused;
    struct why w;
    h.agents[0].deaf = true;
    post("'retries':0,", "takes 100", "PT1H");
    harness_run(&h, "2026-03-01T10:08:00.050Z");
    assert_string_equal(harness_runs(&h, "j"), "10:08:00 assigned");
    harness_command(&h, COMMAND_TASK_UPDATE,
                    "{\"set\":[{\"task\":1,\"seq\":1,\"state\":\"dropped\",\"at\":1,"
                    "\"message\":\"No space left on device\"}]}");
    assert_string_equal(harness_runs(&h, "j"), "10:08:00 queued");
    assert_true(why_job(h.state, ALL_HEARD, "j", h.now.wall, &w));
    assert_int_equal(w.n, 1);
    assert_string_equal(w.sentences[0].what, "j: a run waits: n1 could not begin it");
    assert_string_equal(w.sentences[0].because, "No space left on device");
}

/* Lists show the first sentence alone. */
static void that_it_fails_is_said_before_that_nobody_hears_of_it(void **unused)
{
    (void)unused;
    struct why w;
    post("'retries':0,'owner':'the ops team',", "takes 100 exits 1", "PT1H");
    harness_run(&h, "2026-03-01T10:08:05Z");
    assert_string_equal(harness_runs(&h, "j"), "10:08:00 failed");
    assert_true(why_job(h.state, ALL_HEARD, "j", h.now.wall, &w));
    assert_int_equal(w.n, 2);
    assert_string_equal(w.sentences[0].id, "failing");
    assert_string_equal(w.sentences[1].id, "no-mail");
    assert_false(w.ok);
}

static void nothing_is_decided_twice_while_it_is_in_flight(void **unused)
{
    (void)unused;
    post("'retries':0,", "takes 100", "PT10M");
    harness_post(&h, JOB_FACE_2,
                 "{'name':'k','command':'takes 1','schedule':'R/2026-03-01T10:08:00.500Z/PT1H'}");
    harness_run(&h, "2026-03-01T10:07:59.999Z");
    h.held = true;
    harness_run(&h, "2026-03-01T10:08:00.400Z");
    assert_int_equal(h.entries_n, 1);
    assert_in_range(jobs_due(h.jobs).ms - h.now.mono.ms, 1, 50); /* and it sleeps */
    harness_run(&h, "2026-03-01T10:08:00.560Z");
    assert_int_equal(h.entries_n, 2); /* another job's is not held up by it */
    h.held = false;
    harness_release(&h);
    harness_run_ms(&h, 50);
    assert_string_equal(harness_starts(&h, "j"), "10:08:00/0");
    assert_string_equal(harness_starts(&h, "k"), "10:08:00.500/0");
}

static void what_an_old_leader_decided_late_is_refused(void **unused)
{
    struct json *root;
    struct error err;
    struct command c;
    struct outcome o;
    (void)unused;
    post("", "takes 100", "PT10S");
    harness_run(&h, "2026-03-01T10:07:59.999Z");
    h.held = true;
    harness_run_ms(&h, 50);
    assert_int_equal(command_entry_parse(buf_slice(&h.entries[0].entry), &root, &err), 0);
    assert_int_equal(command_from_json(json_first(root), &c, &err), 0);
    assert_int_equal(c.kind, COMMAND_JOB_TICK);
    assert_int_equal(db_begin(h.db, DB_NORMAL, &err), 0);
    state_apply(h.state, 1000, 2, &c, &o); /* in an entry of the next term */
    assert_int_equal(db_commit(h.db, &err), 0);
    assert_int_equal(o.code, ERR_CONFLICT);
    assert_true(o.stale);
    assert_int_equal(harness_job(&h, "j").queued, 0);
    outcome_close(&o);
    json_free(root);
}

static void a_new_leader_watches_what_runs(void **unused)
{
    (void)unused;
    post("'maxCompletionTime':20,'retries':0,", "takes 60000", "PT1H");
    harness_run(&h, "2026-03-01T10:08:10Z");
    harness_new_leader(&h);
    harness_run(&h, "2026-03-01T10:08:21Z");
    assert_string_equal(harness_runs(&h, "j"), "10:08:00 failed");
}

static void retries_and_waiting_runs_outlive_their_leader(void **unused)
{
    (void)unused;
    post("'retryDelaySeconds':20,", "takes 1000 exits 1,0", "PT1H");
    harness_post(&h, JOB_FACE_2,
                 "{'name':'k','command':'takes 1','epsilon':'PT5M','cpus':100,'schedule':"
                 "'R/2026-03-01T10:08:00Z/PT1H'}");
    harness_run(&h, "2026-03-01T10:08:10Z");
    harness_outage(&h, "2026-03-01T10:08:15Z");
    harness_agent(&h, "big", 200, 4096);
    harness_run(&h, "2026-03-01T10:08:30Z");
    assert_string_equal(harness_runs(&h, "j"), "10:08:00 ok");
    assert_string_equal(harness_runs(&h, "k"), "10:08:00 ok");
    assert_int_equal(harness_job(&h, "j").successes, 1);
}

/* Leaders change, entries are lost or committed late: each target runs exactly once. */
static void no_run_is_lost_or_doubled_whoever_leads(void **unused)
{
    (void)unused;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        char body[256];
        struct rng rng;
        end(NULL);
        begin(NULL);
        rng_seed(&rng, seed);
        for (int i = 0; i < 5; i++) {
            snprintf(body, sizeof body,
                     "{'name':'j%d','command':'takes %d','concurrent':%s,'epsilon':'PT20S',"
                     "'retries':0,'schedule':'R6/2026-03-01T10:08:0%dZ/PT%dS'}",
                     i, 50 + 300 * i, i % 2 == 0 ? "true" : "false", i, 3 + i);
            harness_post(&h, JOB_FACE_2, body);
        }
        while (h.now.wall.ms < harness_wall("2026-03-01T10:09:20Z").ms) {
            h.held = rng_chance(&rng, 0.5);
            harness_run_ms(&h, (int64_t)rng_below(&rng, 1500));
            if (h.held && rng_chance(&rng, 0.5))
                harness_release(&h);
            else if (h.held)
                harness_lose(&h);
            h.held = false;
            harness_new_leader(&h);
        }
        harness_run_ms(&h, 5000);
        assert_int_equal(h.starts_n, 30);
        for (size_t i = 0; i < h.starts_n; i++)
            for (size_t k = 0; k < i; k++)
                assert_false(strcmp(h.starts[i].name, h.starts[k].name) == 0 &&
                             h.starts[i].due_ms == h.starts[k].due_ms);
    }
}

/* The same name is the same command to who wrote it. */
static void a_new_job_waits_for_the_last_task_of_the_deleted_one(void **unused)
{
    (void)unused;
    static const char body[] =
        "{'name':'j','epsilon':'PT60S','schedule':'R1/%s/P1Y','command':'takes 60000'}";
    char first[200], second[200];
    snprintf(first, sizeof first, body, "2026-03-01T10:08:05Z");
    snprintf(second, sizeof second, body, "2026-03-01T10:08:08Z");
    harness_agent(&h, "n2", 8, 8192);
    harness_post(&h, JOB_FACE_2, first);
    harness_run(&h, "2026-03-01T10:08:07Z");
    size_t where = 0;
    while (h.agents[where].id != h.starts[0].agent)
        where++;
    harness_cut(&h, where);
    harness_delete(&h, "j");
    harness_post(&h, JOB_FACE_2, second);
    harness_run(&h, "2026-03-01T10:08:09Z");
    assert_string_equal(harness_starts(&h, "j"), "10:08:05/0");
    harness_heal(&h, where);
    harness_run(&h, "2026-03-01T10:08:20Z");
    assert_string_equal(harness_starts(&h, "j"), "10:08:05/0 10:08:08/0");
    assert_int_not_equal(h.starts[0].ended.ms, 0);
    assert_true(h.starts[1].at.ms >= h.starts[0].ended.ms);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(runs_of_one_job_overlap_as_the_table_says),
        TEST(what_is_coalesced_gives_its_count_back),
        TEST(at_most_one_manual_run_waits),
        TEST(a_run_is_tried_again_with_growing_delays),
        TEST(it_is_tried_again_on_another_agent),
        TEST(a_run_fails_when_no_attempt_is_left),
        TEST(a_waiting_retry_gives_way_to_the_next_target),
        TEST(a_target_outranks_a_retry_that_is_due_as_well),
        TEST(a_manual_run_leaves_a_waiting_retry_alone),
        TEST(concurrent_runs_leave_retries_alone),
        TEST(retries_that_wait_hold_up_new_targets_once_they_are_too_many),
        TEST(task_ids_are_unique),
        TEST(a_run_that_takes_too_long_is_a_failed_attempt),
        TEST(a_killed_run_counts_for_nothing),
        TEST(deleting_ends_all_of_it_and_keeps_what_it_ran),
        TEST(what_a_deleted_job_leaves_is_trimmed_by_itself),
        TEST(a_smaller_bound_of_the_history_is_reached_while_all_is_quiet),
        TEST(a_job_that_comes_again_begins_anew),
        TEST(a_new_job_waits_for_the_last_task_of_the_deleted_one),
        TEST(queued_runs_take_the_new_definition),
        TEST(who_finds_no_place_misses_its_window_with_a_reason),
        TEST(a_run_waits_for_room_and_takes_it),
        TEST(one_that_can_not_run_does_not_block_others),
        TEST(high_priority_goes_first_then_the_oldest),
        TEST(nothing_starts_where_no_pong_came_from),
        TEST(an_order_that_is_lost_is_given_to_another),
        TEST(an_order_to_one_who_has_not_come_yet_is_given_to_nobody),
        TEST(an_order_that_went_to_one_just_lost_is_given_to_another),
        TEST(who_had_started_it_when_it_was_lost_is_waited_for),
        TEST(who_holds_does_not_start_it_elsewhere),
        TEST(a_lost_agent_does_not_block_later_targets),
        TEST(a_result_that_comes_in_time_counts),
        TEST(a_lost_attempt_is_tried_again),
        TEST(a_kill_that_reaches_no_agent_is_lost_without_a_retry),
        TEST(a_claim_is_neither_lost_nor_doubled),
        TEST(a_launch_is_neither_lost_nor_doubled),
        TEST(a_retry_waits_for_the_double_of_its_attempt),
        TEST(what_keeps_a_node_from_beginning_a_run_is_said),
        TEST(that_it_fails_is_said_before_that_nobody_hears_of_it),
        TEST(nothing_is_decided_twice_while_it_is_in_flight),
        TEST(what_an_old_leader_decided_late_is_refused),
        TEST(a_new_leader_watches_what_runs),
        TEST(retries_and_waiting_runs_outlive_their_leader),
        TEST(no_run_is_lost_or_doubled_whoever_leads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
