/* Tasks: launched, reported, killed, out of reach; and their agents. */
#include "runs.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/str.h"

static int64_t running_task(struct fixture *f)
{
    put_app(f, "/web", 0, 1, "run", 0, "ScaleApplication", false);
    launch(f, "/web", 31000, 1);
    int64_t task = only_task(f, "/web");
    status(f, task, 1, "running");
    return task;
}

/* ---- agents */

static void an_agent_that_registers_again_keeps_its_id_and_its_drain(void **data)
{
    static const char again[] =
        "{'uid':77,'node':2,'hostname':'n1b','address':'127.0.0.2','port':1,'boot':'c','version':"
        "'2','docker':'24','docker_reason':'','attributes':{'rack':'a'},'ports':'1-2','cpus_milli':"
        "1,'mem_bytes':2,'disk_bytes':3}";
    struct fixture *f = *data;
    struct agent_row a;
    set_agent(f, AGENT_DRAINING);
    applied(f, "agent.register", again);
    assert_string_equal(buf_str(&f->last.detail), "{\"agent\":0}");
    assert_true(state_agent_by_id(f->state, 0, &a));
    assert_int_equal(a.state, AGENT_DRAINING);
    assert_string_equal(a.hostname, "n1b");
    assert_string_equal(a.attributes, "{\"rack\":\"a\"}");
    set_agent(f, AGENT_UNREACHABLE);
    applied(f, "agent.register", again);
    assert_true(state_agent_by_id(f->state, 0, &a));
    assert_int_equal(a.state, AGENT_READY);
}

static void attributes_that_are_too_long_are_refused(void **data)
{
    struct fixture *f = *data;
    struct buf args;
    buf_init(&args, 1 << 20);
    buf_printf(&args, "{'uid':5,'hostname':'n2','attributes':{'a':'%0100000d'}}", 0);
    apply(f, "agent.register", buf_str(&args));
    assert_int_equal(f->last.code, ERR_LIMIT);
    assert_string_equal(f->last.text, "agent.register: attributes: need at most 65536 bytes");
    buf_close(&args);
}

static void what_runs_on_an_unreachable_agent_is_unreachable_until_it_says_more(void **data)
{
    struct fixture *f = *data;
    int64_t task = running_task(f);
    set_agent(f, AGENT_UNREACHABLE);
    assert_int_equal(task_of(f, task).state, TASK_UNREACHABLE);
    assert_int_equal(app_of(f, "/web").counts.running, 0);
    assert_int_equal(app_of(f, "/web").counts.live, 1);
    status(f, task, 1, "running"); /* late news of an agent that is out of reach */
    assert_int_equal(task_of(f, task).state, TASK_UNREACHABLE);
    set_agent(f, AGENT_READY);
    status(f, task, 1, "running"); /* what it said last, once more */
    assert_int_equal(task_of(f, task).state, TASK_RUNNING);
    assert_int_equal(app_of(f, "/web").counts.running, 1);
    int changes = f->changes;
    status(f, task, 1, "running"); /* and again: nothing new */
    assert_int_equal(f->changes, changes);
}

static void an_old_report_does_not_bring_an_unreachable_task_back(void **data)
{
    struct fixture *f = *data;
    int64_t task = running_task(f);
    status(f, task, 2, "running");
    set_agent(f, AGENT_UNREACHABLE);
    set_agent(f, AGENT_READY);
    status(f, task, 1, "running");
    assert_int_equal(task_of(f, task).state, TASK_UNREACHABLE);
}

/* Nobody will ever tell of its end, and nobody waits for it (spec/marathon.md 9.5). */
static void what_was_ending_on_an_agent_that_gets_lost_has_ended(void **data)
{
    struct fixture *f = *data;
    struct agent_row a;
    int64_t task = running_task(f);
    kill_task(f, task);
    set_agent(f, AGENT_UNREACHABLE);
    assert_int_equal(task_of(f, task).state, TASK_LOST);
    assert_int_equal(app_of(f, "/web").counts.live, 0);
    assert_int_equal(app_of(f, "/web").counts.stopping, 0);
    assert_true(state_agent_by_id(f->state, 0, &a));
    assert_int_equal(a.tasks, 0);
    assert_int_equal(state_port_holder(f->state, 0, 31000), 0);
}

static void killing_what_is_out_of_reach_forgets_it_at_once(void **data)
{
    struct fixture *f = *data;
    int64_t task = running_task(f);
    set_agent(f, AGENT_UNREACHABLE);
    kill_task(f, task);
    assert_int_equal(task_of(f, task).state, TASK_LOST);
    status(f, task, 9, "running"); /* it comes back: too late */
    assert_int_equal(task_of(f, task).state, TASK_LOST);
}

/* ---- launching */

static void one_port_may_be_asked_for_twice_by_one_task(void **data)
{
    struct fixture *f = *data;
    char args[512];
    put_app(f, "/dns", 0, 1, "run", 0, "ScaleApplication", false); /* tcp and udp */
    struct app_row app = app_of(f, "/dns");
    snprintf(args, sizeof args,
             "{'instances':[{'app':%lld,'config':%lld,'cap':1,'salt':5,'agent':0,'ports':[31005,"
             "31005],'cpus':100,'mem':1,'disk':0}]}",
             (long long)app.id, (long long)app.config.ms);
    applied(f, "task.launch", args);
    assert_int_equal(app_of(f, "/dns").counts.live, 1);
    int64_t task = only_task(f, "/dns");
    assert_int_equal(state_port_holder(f->state, 0, 31005), task);
    status(f, task, 1, "failed");
    assert_int_equal(state_port_holder(f->state, 0, 31005), 0);
}

static void a_launch_is_refused_with_its_reason(void **data)
{
    static const struct {
        const char *change; /* a command before, or "" */
        const char *args, *what, *why;
    } rows[] = {
        {"", "", "'cpus':3000,'mem':1", "the agent has no room left"},
        {"", "", "'cpus':1,'mem':1000000001", "the agent has no room left"},
        {"", "", "'cpus':1,'mem':1,'disk':1000000001", "the agent has no room left"},
        {"agent.state", "{'set':[{'agent':0,'state':1}]}", "'cpus':1,'mem':1",
         "the agent is not ready"},
    };
    struct fixture *f = *data;
    put_app(f, "/web", 0, 1, "run", 0, "ScaleApplication", false);
    struct app_row app = app_of(f, "/web");
    for (size_t i = 0; i < COUNT(rows); i++) {
        char args[512];
        if (rows[i].change[0] != '\0')
            applied(f, rows[i].change, rows[i].args);
        snprintf(args, sizeof args,
                 "{'instances':[{'app':%lld,'config':%lld,'cap':1,'salt':5,'agent':0,'ports':[],%s}"
                 "]}",
                 (long long)app.id, (long long)app.config.ms, rows[i].what);
        applied(f, "task.launch", args);
        assert_int_equal(app_of(f, "/web").counts.live, 0);
        assert_non_null(strstr(buf_str(&f->last.detail), rows[i].why));
    }
}

/* ---- reports */

/* Members beside the task's id. */
static void reports_that_make_no_sense_change_nothing(void **data)
{
    static const char *const reports[] = {
        "'state':'running'",
        "'seq':'x','state':'running'",
        "'seq':9,'state':'flying'",
        "'seq':9,'state':'running','health':7,'health_results':[]",
        "'seq':9,'state':'running','health':-1,'health_results':[]",
    };
    struct fixture *f = *data;
    int64_t task = running_task(f);
    int changes = f->changes;
    for (size_t i = 0; i < COUNT(reports); i++) {
        char args[300];
        snprintf(args, sizeof args, "{'set':[{'task':%lld,%s}]}", (long long)task, reports[i]);
        applied(f, "task.update", args);
        assert_int_equal(f->changes, changes);
    }
    applied(f, "task.update", "{'set':[{},7,{'task':99999,'seq':9,'state':'running'}]}");
    assert_int_equal(f->changes, changes);
}

static void health_is_counted_and_told(void **data)
{
    struct fixture *f = *data;
    char args[256];
    int64_t task = running_task(f);
    static const int story[] = {1, 2, 2, 1};
    for (size_t i = 0; i < COUNT(story); i++) {
        snprintf(args, sizeof args,
                 "{'set':[{'task':%lld,'seq':%zu,'state':'running','at':1,'health':%d,"
                 "'health_results':[{'alive':%s}]}]}",
                 (long long)task, i + 2, story[i], story[i] == 1 ? "true" : "false");
        applied(f, "task.update", args);
        assert_int_equal(app_of(f, "/web").counts.healthy, story[i] == 1);
        assert_int_equal(app_of(f, "/web").counts.unhealthy, story[i] == 2);
    }
    status(f, task, 20, "running"); /* without news of health it stays */
    assert_int_equal(app_of(f, "/web").counts.healthy, 1);
    set_agent(f, AGENT_UNREACHABLE);
    set_agent(f, AGENT_READY);
    status(f, task, 21, "running");
    assert_int_equal(app_of(f, "/web").counts.healthy, 1);
}

/* Whatever an agent says at length: what is stored stays JSON, and an event stays a sentence. */
static void long_reports_are_kept_short(void **data)
{
    struct fixture *f = *data;
    struct error err;
    struct event_row e;
    struct buf args;
    int64_t task = running_task(f);
    buf_init(&args, 4 << 20);
    buf_printf(&args,
               "{'set':[{'task':%lld,'seq':2,'state':'running','at':1,'health':1,"
               "'health_results':['%0100000d']},{'task':%lld,'seq':3,'state':'failed','at':1,"
               "'message':'%0200000d'}]}",
               (long long)task, 0, (long long)task, 0);
    applied(f, "task.update", buf_str(&args));
    buf_close(&args);
    struct task_row t = task_of(f, task);
    if (t.health_results != NULL)
        assert_non_null(strstr(t.health_results, "]"));
    struct json *failure = json_parse(app_of(f, "/web").failure, &err);
    assert_non_null(failure);
    assert_string_equal(json_str(json_get(failure, "state"), ""), "TASK_FAILED");
    json_free(failure);
    struct events *q = state_events_before(f->state, INT64_MAX, 1);
    assert_true(state_event_next(q, &e));
    assert_non_null(strstr(e.text, "is failed: 0000"));
    assert_in_range(strlen(e.text), 100, 512);
    state_events_end(q);
}

static void what_its_agent_kills_for_its_health_adds_no_delay(void **data)
{
    struct fixture *f = *data;
    int64_t task = running_task(f);
    status(f, task, 2, "killed");
    struct app_row a = app_of(f, "/web");
    assert_int_equal(a.delay_ms, 0);
    assert_non_null(strstr(a.failure.p, "TASK_KILLED"));
}

/* ---- attempts of job runs (spec/chronos.md 5.2) */

static struct run_row only_run(struct fixture *f)
{
    struct run_row r;
    assert_true(state_run_by_id(f->state, 1, &r));
    return r;
}

static int64_t order_run(struct fixture *f)
{
    char args[256];
    snprintf(args, sizeof args,
             "{'runs':[{'run':1,'attempt':0,'name':'ct:500:0:j:','agent':0,'cpus':10,'mem':1,"
             "'disk':0}]}");
    applied(f, "task.launch", args);
    return only_run(f).task;
}

/* One run, whose first order was given up as not started, and its second order. */
static void order_twice(struct fixture *f, int64_t orders[2])
{
    applied(f, "job.put",
            "{'name':'j','base':0,'definition':{},'schedule':'R//PT1H','k':0,'remaining':-1,"
            "'counters':{},'claims':[{'due_ms':500}]}");
    orders[0] = order_run(f);
    status(f, orders[0], 1, "dropped");
    assert_int_equal(only_run(f).state, RUN_QUEUED);
    orders[1] = order_run(f);
    assert_true(orders[1] != orders[0]);
}

static void what_had_started_after_all_withdraws_a_later_order(void **data)
{
    static const struct {
        int seq; /* who gave it up counted its own word as the first */
        const char *report;
        enum run_state then;
    } rows[] = {
        {1, "starting", RUN_ASSIGNED}, {2, "running", RUN_RUNNING}, {2, "finished", RUN_SUCCESS}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fixture *f = *data;
        int64_t orders[2];
        order_twice(f, orders);
        status(f, orders[0], rows[i].seq, rows[i].report);
        assert_int_equal(only_run(f).task, orders[0]);
        assert_int_equal(only_run(f).state, rows[i].then);
        assert_int_equal(task_of(f, orders[1]).state, TASK_KILLING);
        status(f, orders[1], 1, "dropped"); /* its order came too late: no news of the run */
        assert_int_equal(only_run(f).state, rows[i].then);
        tear_down(data);
        set_up(data);
    }
}

/* A word that its agent said before, and that comes late, is no start. */
static void what_its_agent_has_dropped_stays_dropped(void **data)
{
    struct fixture *f = *data;
    applied(f, "job.put",
            "{'name':'j','base':0,'definition':{},'schedule':'R//PT1H','k':0,'remaining':-1,"
            "'counters':{},'claims':[{'due_ms':500}]}");
    int64_t order = order_run(f);
    status(f, order, 1, "starting");
    status(f, order, 2, "dropped");
    assert_int_equal(only_run(f).state, RUN_QUEUED);
    status(f, order, 1, "starting");
    assert_int_equal(only_run(f).state, RUN_QUEUED);
    assert_int_equal(task_of(f, order).state, TASK_DROPPED);
}

static void what_had_started_after_all_leaves_who_started_since(void **data)
{
    struct fixture *f = *data;
    int64_t orders[2];
    order_twice(f, orders);
    status(f, orders[1], 1, "starting");
    status(f, orders[0], 2, "finished");
    assert_int_equal(only_run(f).task, orders[1]);
    status(f, orders[1], 2, "running");
    assert_int_equal(only_run(f).state, RUN_RUNNING);
}

static void a_withdrawn_order_holds_nothing_once_its_agent_is_lost(void **data)
{
    struct fixture *f = *data;
    struct agent_row a;
    int64_t orders[2];
    order_twice(f, orders);
    status(f, orders[0], 2, "finished");
    set_agent(f, AGENT_UNREACHABLE);
    assert_int_equal(task_of(f, orders[1]).state, TASK_LOST);
    assert_true(state_agent_by_id(f->state, 0, &a));
    assert_int_equal(a.tasks, 0);
}

/* Its agent is out of reach when the second order comes, and back again when it tells of the first
 * one. */
static void order_twice_out_of_reach(struct fixture *f, int64_t orders[2], int level)
{
    upgrade(f, level);
    order_twice(f, orders);
    set_agent(f, AGENT_UNREACHABLE);
    assert_int_equal(task_of(f, orders[1]).state, TASK_UNREACHABLE);
    set_agent(f, AGENT_READY);
    status(f, orders[0], 2, "finished");
}

static void what_had_started_after_all_withdraws_an_order_out_of_reach(void **data)
{
    struct fixture *f = *data;
    struct agent_row a;
    int64_t orders[2];
    order_twice_out_of_reach(f, orders, COMMAND_LEVEL);
    assert_int_equal(only_run(f).state, RUN_SUCCESS);
    assert_int_equal(only_run(f).task, orders[0]);
    assert_int_equal(task_of(f, orders[1]).state, TASK_LOST);
    assert_true(state_agent_by_id(f->state, 0, &a));
    assert_int_equal(a.tasks, 0);
    assert_int_equal(a.used_cpus_milli, 0);
    status(f, orders[1], 1, "running"); /* it is told to end */
    assert_int_equal(only_run(f).state, RUN_SUCCESS);
}

static void below_its_level_an_order_out_of_reach_counts_as_begun(void **data)
{
    int64_t orders[2];
    struct fixture *f = *data;
    order_twice_out_of_reach(f, orders, TAKEN_LEVEL - 1);
    assert_int_equal(only_run(f).state, RUN_ASSIGNED);
    assert_int_equal(only_run(f).task, orders[1]);
}

/* Else what they hold on their agent was never given back. */
static void runs_with_a_living_task_are_not_trimmed(void **data)
{
    struct fixture *f = *data;
    struct agent_row a;
    int64_t orders[2];
    order_twice(f, orders);
    status(f, orders[0], 2, "finished");
    for (int i = 0; i < 4 * LIMIT_JOB_RUNS; i++) {
        char args[256];
        snprintf(args, sizeof args,
                 "{'set':[{'job':1,'generation':1,'at_k':%d,'k':%d,'remaining':-1,"
                 "'schedule':'R//PT1H','missed':{'due_ms':%d}}]}",
                 i, i + 1, 1000 + i);
        applied(f, "job.tick", args);
    }
    assert_int_equal(task_of(f, orders[1]).state, TASK_KILLING);
    status(f, orders[1], 1, "killed");
    assert_true(state_agent_by_id(f->state, 0, &a));
    assert_int_equal(a.tasks, 0);
}

static int64_t count_runs(struct fixture *f, const char *job)
{
    struct job_row row;
    struct run_row r;
    int64_t n = 0;
    assert_true(state_job_by_name(f->state, job, &row));
    struct stmt *q = state_runs_of_job(f->state, row.id, INT64_MAX);
    while (state_run_next(q, &r))
        n++;
    return n;
}

/* Of a job that never finds a place no run ever ends on an agent. */
static void runs_that_never_start_are_trimmed_too(void **data)
{
    struct fixture *f = *data;
    applied(f, "job.put",
            "{'name':'j','base':0,'definition':{},'schedule':'R//PT1H','k':0,'remaining':-1,"
            "'counters':{}}");
    for (int i = 0; i < 4 * LIMIT_JOB_RUNS; i++) {
        char args[256];
        snprintf(args, sizeof args,
                 "{'set':[{'job':1,'generation':1,'at_k':%d,'k':%d,'remaining':-1,"
                 "'schedule':'R//PT1H','claims':[{'due_ms':%d}]}]}",
                 i, i + 1, 1000 + i);
        applied(f, "job.tick", args);
        snprintf(args, sizeof args,
                 "{'set':[{'run':%d,'attempt':0,'to':'missed','reason':'no-resources'}]}", i + 1);
        applied(f, "run.update", args);
    }
    assert_true(count_runs(f, "j") < 2 * LIMIT_JOB_RUNS);
}

static void a_job_has_so_many_runs_that_are_not_over(void **data)
{
    struct fixture *f = *data;
    applied(f, "job.put", "{'name':'j','base':0,'definition':{},'k':0,'remaining':0}");
    for (int i = 0; i < LIMIT_JOB_OPEN_RUNS; i++)
        applied(f, "job.trigger", "{'name':'j','concurrent':true}");
    apply(f, "job.trigger", "{'name':'j','concurrent':true}");
    assert_int_equal(f->last.code, ERR_LIMIT);
    assert_int_equal(count_runs(f, "j"), LIMIT_JOB_OPEN_RUNS);
}

/* ---- the delay after failures (spec/marathon.md 9.2) */

/* An app is expected to run on (spec/marathon.md 9.2). */
static void each_end_but_a_kill_or_a_loss_is_a_failure(void **data)
{
    static const struct {
        const char *end;
        int64_t delay_ms;
    } rows[] = {
        {"failed", 1000},   {"error", 1000}, {"gone", 1000}, {"dropped", 1000},
        {"finished", 1000}, {"killed", 0},   {"lost", 0},
    };
    struct fixture *f = *data;
    char path[32];
    for (size_t i = 0; i < COUNT(rows); i++) {
        snprintf(path, sizeof path, "/web%zu", i);
        put_app_with(f, path, 0, 1, "run", 0, "ScaleApplication", false, "");
        launch(f, path, 31000, 1);
        status(f, only_task(f, path), 1, "running");
        status(f, only_task(f, path), 2, rows[i].end);
        assert_int_equal(app_of(f, path).counts.live, 0);
        if (app_of(f, path).delay_ms != rows[i].delay_ms)
            fail_msg("%s: %lld", rows[i].end, (long long)app_of(f, path).delay_ms);
    }
}

/* spec/marathon.md 3.2; what the scheduler explains with is every end that delays, besides. */
static void a_good_end_is_no_last_task_failure_and_a_loss_is_one(void **data)
{
    static const struct {
        const char *first, *end; /* as it is while it ends */
        bool failure, explained;
    } rows[] = {
        {"running", "failed", true, true},    {"running", "error", true, true},
        {"running", "gone", true, true},      {"running", "dropped", true, true},
        {"running", "finished", false, true}, {"running", "killed", true, true},
        {"running", "lost", true, false},     {"unreachable", "lost", true, false},
        {"killing", "killed", false, false},  {"killing", "lost", false, false},
        {"unreachable", NULL, false, false},
    };
    struct fixture *f = *data;
    char path[32], args[64];
    applied(f, "schema.upgrade", "{'level':19}");
    for (size_t i = 0; i < COUNT(rows); i++) {
        snprintf(path, sizeof path, "/web%zu", i);
        put_app_with(f, path, 0, 1, "run", 0, "ScaleApplication", false, "");
        launch(f, path, 31000, 1);
        int64_t task = only_task(f, path);
        status(f, task, 1, "running");
        snprintf(args, sizeof args, "{'tasks':[{'task':%lld}]}", (long long)task);
        if (str_eq(rows[i].first, "unreachable"))
            set_agent(f, AGENT_UNREACHABLE);
        if (str_eq(rows[i].first, "killing") || rows[i].end == NULL)
            applied(f, "task.kill", args);
        if (rows[i].end != NULL)
            status(f, task, 2, rows[i].end);
        struct app_row a = app_of(f, path);
        assert_int_equal(a.counts.live, 0);
        if ((a.failure.len > 0) != rows[i].failure)
            fail_msg("%s, %s: failure", rows[i].first, rows[i].end);
        if ((state_app_end(f->state, &a).len > 0) != rows[i].explained)
            fail_msg("%s, %s: end", rows[i].first, rows[i].end);
        set_agent(f, AGENT_READY);
    }
}

static void a_good_end_of_before_is_still_explained_and_no_failure_any_more(void **data)
{
    struct fixture *f = *data;
    status(f, running_task(f), 2, "finished");
    struct app_row a = app_of(f, "/web");
    assert_true(a.failure.len > 0);
    applied(f, "schema.upgrade", "{'level':19}");
    a = app_of(f, "/web");
    assert_int_equal(a.failure.len, 0);
    assert_non_null(strstr(state_app_end(f->state, &a).p, "TASK_FINISHED"));
}

static int64_t delay_after_failure(struct fixture *f, int64_t runs_ms)
{
    launch(f, "/web", 31000, 1);
    int64_t task = only_task(f, "/web");
    status(f, task, 1, "running");
    f->at += runs_ms;
    status(f, task, 2, "failed");
    return app_of(f, "/web").delay_ms;
}

static void the_delay_grows_to_its_limit_and_is_forgotten(void **data)
{
    struct fixture *f = *data;
    put_app_with(f, "/web", 0, 1, "run", 0, "ScaleApplication", false,
                 ",'backoffSeconds':2,'backoffFactor':2,'maxLaunchDelaySeconds':10");
    assert_int_equal(delay_after_failure(f, 10), 2000);
    assert_int_equal(delay_after_failure(f, 10), 4000);
    assert_int_equal(delay_after_failure(f, 9000), 8000);
    assert_int_equal(delay_after_failure(f, 10), 10000);
    assert_int_equal(delay_after_failure(f, 11000), 2000); /* ran on for longer than the limit */
}

static void the_largest_factor_reaches_the_largest_delay(void **data)
{
    struct fixture *f = *data;
    put_app_with(f, "/web", 0, 1, "run", 0, "ScaleApplication", false,
                 ",'backoffSeconds':1,'backoffFactor':1e6,'maxLaunchDelaySeconds':2147483647");
    assert_int_equal(delay_after_failure(f, 10), 1000);
    assert_int_equal(delay_after_failure(f, 10), 1000000000);
    assert_int_equal(delay_after_failure(f, 10), INT64_C(2147483647000));
    assert_int_equal(delay_after_failure(f, 10), INT64_C(2147483647000));
}

static void progress_moves_the_delays_reference(void **data)
{
    struct fixture *f = *data;
    put_app_with(f, "/web", 0, 1, "run", 0, "ScaleApplication", false, ",'backoffSeconds':2");
    delay_after_failure(f, 10);
    launch(f, "/web", 31000, 1);
    assert_int_equal(app_of(f, "/web").delay_ref.ms, f->at - 1);
    f->at += 500;
    status(f, only_task(f, "/web"), 1, "running");
    assert_int_equal(app_of(f, "/web").delay_ref.ms, f->at - 1);
}

static void an_old_versions_failure_holds_up_nothing(void **data)
{
    struct fixture *f = *data;
    int64_t task = running_task(f);
    end_deployments(f);
    put_app(f, "/web", app_of(f, "/web").version.ms, 1, "other", 10000, "RestartApplication",
            false);
    status(f, task, 2, "failed");
    assert_int_equal(app_of(f, "/web").delay_ms, 0);
}

/* It is the lastTaskFailure all the same. */
static void an_old_versions_end_explains_nothing(void **data)
{
    struct fixture *f = *data;
    applied(f, "schema.upgrade", "{'level':23}");
    int64_t task = running_task(f);
    end_deployments(f);
    put_app(f, "/web", app_of(f, "/web").version.ms, 1, "other", 10000, "RestartApplication",
            false);
    status(f, task, 2, "failed");
    struct app_row a = app_of(f, "/web");
    assert_true(a.failure.len > 0);
    assert_int_equal(state_app_end(f->state, &a).len, 0);
}

/* ---- what is kept */

static void ended_tasks_are_kept_up_to_a_limit(void **data)
{
    struct fixture *f = *data;
    struct task_row t;
    put_app(f, "/web", 0, 1, "run", 0, "ScaleApplication", false);
    for (int i = 0; i < 2 * LIMIT_FINISHED_TASKS; i++) {
        launch(f, "/web", 31000, 1);
        status(f, only_task(f, "/web"), 1, "finished");
    }
    int64_t kept = 0, newest = 0, counted[TASK_STATES] = {0};
    struct stmt *q = state_tasks_ended_of(f->state, OWNER_APP, INT64_MAX);
    while (state_task_next(q, &t)) {
        newest = t.id > newest ? t.id : newest;
        kept++;
    }
    assert_in_range(kept, LIMIT_FINISHED_TASKS, LIMIT_FINISHED_TASKS * 3 / 2);
    assert_int_equal(newest, 2 * LIMIT_FINISHED_TASKS);
    state_count_ended(f->state, -1, counted);
    assert_int_equal(counted[TASK_FINISHED], kept);
    state_count_ended(f->state, t.agent + 1, counted);
    assert_int_equal(counted[TASK_FINISHED], kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(what_had_started_after_all_withdraws_a_later_order),
        TEST(what_its_agent_has_dropped_stays_dropped),
        TEST(what_had_started_after_all_leaves_who_started_since),
        TEST(a_withdrawn_order_holds_nothing_once_its_agent_is_lost),
        TEST(what_had_started_after_all_withdraws_an_order_out_of_reach),
        TEST(below_its_level_an_order_out_of_reach_counts_as_begun),
        TEST(runs_with_a_living_task_are_not_trimmed),
        TEST(runs_that_never_start_are_trimmed_too),
        TEST(a_job_has_so_many_runs_that_are_not_over),
        TEST(an_agent_that_registers_again_keeps_its_id_and_its_drain),
        TEST(attributes_that_are_too_long_are_refused),
        TEST(what_runs_on_an_unreachable_agent_is_unreachable_until_it_says_more),
        TEST(an_old_report_does_not_bring_an_unreachable_task_back),
        TEST(what_was_ending_on_an_agent_that_gets_lost_has_ended),
        TEST(killing_what_is_out_of_reach_forgets_it_at_once),
        TEST(one_port_may_be_asked_for_twice_by_one_task),
        TEST(a_launch_is_refused_with_its_reason),
        TEST(reports_that_make_no_sense_change_nothing),
        TEST(health_is_counted_and_told),
        TEST(long_reports_are_kept_short),
        TEST(what_its_agent_kills_for_its_health_adds_no_delay),
        TEST(each_end_but_a_kill_or_a_loss_is_a_failure),
        TEST(a_good_end_is_no_last_task_failure_and_a_loss_is_one),
        TEST(a_good_end_of_before_is_still_explained_and_no_failure_any_more),
        TEST(the_delay_grows_to_its_limit_and_is_forgotten),
        TEST(the_largest_factor_reaches_the_largest_delay),
        TEST(progress_moves_the_delays_reference),
        TEST(an_old_versions_failure_holds_up_nothing),
        TEST(an_old_versions_end_explains_nothing),
        TEST(ended_tasks_are_kept_up_to_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
