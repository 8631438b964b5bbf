/* What is kept of runs that are over: by count, age and bytes, and in numbers for longer. */
#include "runs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "db/statement.h"
#include "model/command.h"
#include "state/private.h"

static void runs_are_kept_for_their_age_beyond_their_count(void **data)
{
    struct fixture *f = *data;
    int64_t job = put_job(f, "j");
    set_history(f, "runs", 10);
    set_history(f, "days", 30);
    run_often(f, "j", 50);
    assert_int_equal(runs_of(f, job), 50);
    assert_in_range(state_history_size(f->state).runs, 30, 40);
    f->at += 31 * (int64_t)DAY_MS;
    run_often(f, "j", 20);
    assert_in_range(runs_of(f, job), 10, 30);
}

static void a_jobs_newest_stay_whatever_others_do(void **data)
{
    struct fixture *f = *data;
    int64_t rare = put_job(f, "rare"), often = put_job(f, "often");
    set_history(f, "runs", 5);
    set_history(f, "bytes", 0);
    run_often(f, "rare", 3);
    f->at += 400 * (int64_t)DAY_MS;
    run_often(f, "often", 100);
    assert_int_equal(runs_of(f, rare), 3);
    assert_in_range(runs_of(f, often), 5, 25);
}

static void all_that_is_beyond_takes_no_more_than_so_many_bytes(void **data)
{
    struct fixture *f = *data;
    int64_t job = put_job(f, "j");
    set_history(f, "runs", 5);
    set_history(f, "bytes", 40000);
    run_often(f, "j", 200);
    assert_in_range(state_history_size(f->state).bytes, 20000, 40000);
    assert_in_range(runs_of(f, job), 5 + 20000 / 1500, 5 + 40000 / 1200 + 20);
    set_history(f, "bytes", 0);
    run_often(f, "j", 20);
    assert_int_equal(state_history_size(f->state).bytes, 0);
    assert_int_equal(state_history_size(f->state).runs, 0);
}

static void no_job_has_more_than_so_many(void **data)
{
    struct fixture *f = *data;
    int64_t job = put_job(f, "j");
    set_history(f, "runs", 5);
    set_history(f, "most", 20);
    run_often(f, "j", 200);
    assert_in_range(runs_of(f, job), 20, 60);
}

static void many_are_kept_as_well_as_few(void **data)
{
    struct fixture *f = *data;
    int64_t job = put_job(f, "j");
    set_history(f, "runs", 2000);
    set_history(f, "bytes", 0);
    for (int64_t k = 0; k < 8000; k += 1000)
        pass_often(f, job, k, 1000, "missed");
    assert_in_range(runs_of(f, job), 2000, 3000);
    assert_int_equal(state_history_size(f->state).bytes, 0);
}

static void a_smaller_bound_is_reached_by_steps(void **data)
{
    struct fixture *f = *data;
    int64_t job = put_job(f, "j");
    set_history(f, "runs", 10000);
    set_history(f, "bytes", 0);
    for (int64_t k = 0; k < 3000; k += 1000)
        pass_often(f, job, k, 1000, "missed");
    assert_int_equal(runs_of(f, job), 3000);
    trim_to_the_end(f, 0);
    set_history(f, "runs", 1);
    pass_often(f, job, 3000, 1, "missed");
    assert_in_range(runs_of(f, job), 2001, 2801);
    trim_to_the_end(f, 1000);
    assert_int_equal(runs_of(f, job), 1);
    applied(f, "job.trim", "{}");
    assert_int_equal(runs_of(f, job), 1);
}

static void below_its_level_a_smaller_bound_is_reached_at_once(void **data)
{
    struct fixture *f = *data;
    upgrade(f, TRIMS_LEVEL - 1);
    int64_t job = put_job(f, "j");
    set_history(f, "runs", 10000);
    set_history(f, "bytes", 0);
    pass_often(f, job, 0, 1000, "coalesced");
    assert_int_equal(runs_of(f, job), 1000);
    set_history(f, "runs", 1);
    pass_often(f, job, 1000, 1, "coalesced");
    assert_int_equal(runs_of(f, job), 1);
}

static void a_smaller_bound_reaches_jobs_that_never_run_again(void **data)
{
    struct fixture *f = *data;
    char name[16];
    int64_t jobs[40];
    set_history(f, "runs", 10000);
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof name, "j%d", i);
        jobs[i] = put_job(f, name);
        pass_often(f, jobs[i], 0, i < 2 ? 900 : 20, "missed");
    }
    trim_to_the_end(f, 0);
    set_history(f, "runs", 5);
    trim_to_the_end(f, 1000);
    assert_int_equal(runs_of(f, jobs[0]), 900); /* there is room for what is old */
    assert_int_equal(state_history_size(f->state).runs, 2 * 895 + 38 * 15);
    set_history(f, "most", 100);
    trim_to_the_end(f, 1000);
    assert_int_equal(runs_of(f, jobs[0]), 100);
    assert_int_equal(runs_of(f, jobs[39]), 20);
    set_history(f, "bytes", 0);
    trim_to_the_end(f, 1000);
    for (int i = 0; i < 40; i++)
        assert_int_equal(runs_of(f, jobs[i]), 5);
    assert_int_equal(state_history_size(f->state).bytes, 0);
}

static void what_grew_too_old_goes_when_that_bound_is_set(void **data)
{
    struct fixture *f = *data;
    int64_t job = put_job(f, "j");
    set_history(f, "runs", 5);
    run_often(f, "j", 50);
    trim_to_the_end(f, 0);
    f->at += 20 * (int64_t)DAY_MS;
    set_history(f, "days", 10);
    trim_to_the_end(f, 100);
    assert_int_equal(runs_of(f, job), 5);
}

static void below_its_level_they_keep_theirs_until_it_is_reached(void **data)
{
    struct fixture *f = *data;
    upgrade(f, WALKS_LEVEL - 1);
    int64_t job = put_job(f, "j");
    set_history(f, "bytes", 0);
    pass_often(f, job, 0, 90, "missed");
    set_history(f, "runs", 5);
    assert_false(state_any_to_trim(f->state));
    applied(f, "job.trim", "{}");
    assert_int_equal(runs_of(f, job), 90);
    upgrade(f, WALKS_LEVEL);
    trim_to_the_end(f, 100);
    assert_int_equal(runs_of(f, job), 5);
}

static void an_upgrade_leaves_each_run_what_it_is(void **data)
{
    struct fixture *f = *data;
    upgrade(f, MARKS_LEVEL - 1);
    int64_t job = put_job(f, "j"), other = put_job(f, "other");
    set_history(f, "runs", 5);
    run_often(f, "j", 40);
    run_often(f, "other", 3);
    struct history_size before = state_history_size(f->state);
    assert_true(before.runs > 20);
    upgrade(f, MARKS_LEVEL);
    struct history_size after = state_history_size(f->state);
    assert_int_equal(after.runs, before.runs);
    assert_int_equal(after.bytes, before.bytes);
    set_history(f, "bytes", 0);
    trim_to_the_end(f, 100);
    assert_int_equal(runs_of(f, job), 5);
    assert_int_equal(runs_of(f, other), 3);
    assert_int_equal(state_history_size(f->state).bytes, 0);
    assert_int_equal(state_history_size(f->state).runs, 0);
}

/* Nobody knows yet whether it still runs: its run stays, and puts nothing else off. */
static void what_may_still_run_is_not_trimmed(void **data)
{
    struct fixture *f = *data;
    int64_t job = put_job(f, "j");
    set_history(f, "runs", 5);
    set_history(f, "bytes", 0);
    applied(f, "job.trigger", "{'name':'j','concurrent':true}");
    int64_t run = newest_run(f), task = launch_run(f, run);
    status(f, task, 1, "running");
    char args[96];
    snprintf(args, sizeof args, "{'task':%lld,'code':0}", (long long)task);
    applied(f, "run.complete", args);
    run_often(f, "j", 40);
    trim_to_the_end(f, 100);
    struct run_row r;
    assert_true(state_run_by_id(f->state, run, &r));
    assert_int_equal(runs_of(f, job), 6);
    status(f, task, 2, "finished");
    set_history(f, "runs", 5);
    trim_to_the_end(f, 100);
    assert_false(state_run_by_id(f->state, run, &r));
    assert_int_equal(runs_of(f, job), 5);
}

/* A machine that is out of reach may never come back. */
static void a_name_is_free_though_its_last_task_may_run_out_of_reach(void **data)
{
    struct fixture *f = *data;
    put_job(f, "j");
    applied(f, "job.trigger", "{'name':'j','concurrent':true}");
    int64_t run = newest_run(f), task = launch_run(f, run);
    status(f, task, 1, "running");
    char args[96];
    snprintf(args, sizeof args, "{'set':[{'run':%lld,'attempt':0,'to':'kill','reason':'x'}]}",
             (long long)run);
    applied(f, "run.update", args);
    set_agent(f, AGENT_UNREACHABLE);
    assert_int_equal(task_of(f, task).state, TASK_KILLING);
    applied(f, "job.delete", "{'name':'j'}");
    assert_false(state_name_is_ending(f->state, "j"));
    set_agent(f, AGENT_READY);
    assert_true(state_name_is_ending(f->state, "j"));
    status(f, task, 2, "killed");
    assert_false(state_name_is_ending(f->state, "j"));
}

static int64_t count_ended(struct fixture *f, enum owner owner, int64_t limit)
{
    struct task_row t;
    int64_t n = 0, before = INT64_MAX;
    struct stmt *q = state_tasks_ended_of(f->state, owner, limit);
    while (state_task_next(q, &t)) {
        assert_true(t.owner == owner && t.ended.ms <= before);
        before = t.ended.ms;
        n++;
    }
    return n;
}

static void tasks_of_jobs_put_none_of_apps_out_of_a_list(void **data)
{
    struct fixture *f = *data;
    put_app(f, "/web", 0, 1, "run", 0, "ScaleApplication", false);
    for (int i = 0; i < 3; i++) {
        launch(f, "/web", 31000, 1);
        status(f, only_task(f, "/web"), 1, "finished");
    }
    put_job(f, "j");
    run_often(f, "j", 50);
    assert_int_equal(count_ended(f, OWNER_APP, 20), 3);
    assert_int_equal(count_ended(f, OWNER_APP, 2), 2);
    assert_int_equal(count_ended(f, OWNER_JOB, 20), 20);
    assert_int_equal(count_ended(f, OWNER_JOB, 100), 50);
}

static int64_t days_of(struct fixture *f, int64_t job, enum day_fact fact)
{
    struct bucket b[JOB_BUCKETS];
    int64_t sum = 0;
    size_t n = state_job_days(f->state, job, fact, 0, b);
    for (size_t i = 0; i < n; i++)
        sum += b[i].n;
    return sum;
}

static void run_unheard(struct fixture *f, const char *job)
{
    char args[96];
    snprintf(args, sizeof args, "{'name':'%s','concurrent':true}", job);
    applied(f, "job.trigger", args);
    status(f, launch_run(f, newest_run(f)), 1, "finished");
}

static void a_start_that_nobody_heard_of_is_not_counted(void **data)
{
    struct fixture *f = *data;
    int64_t job = put_job(f, "j");
    run_often(f, "j", 2);
    run_unheard(f, "j");
    assert_int_equal(days_of(f, job, DAY_ENDS), 3);
    assert_int_equal(days_of(f, job, DAY_LATE), 2);
    assert_int_equal(days_of(f, job, DAY_TOOK), 2);
}

static void below_its_level_it_counts_as_short(void **data)
{
    struct fixture *f = *data;
    upgrade(f, WALKS_LEVEL - 1);
    int64_t job = put_job(f, "j");
    run_unheard(f, "j");
    assert_int_equal(days_of(f, job, DAY_TOOK), 1);
}

static void what_is_coalesced_puts_no_run_out_of_its_place(void **data)
{
    struct fixture *f = *data;
    struct run_row r;
    int64_t job = put_job(f, "j"), ran = 0;
    set_history(f, "runs", 5);
    set_history(f, "bytes", 20000);
    run_often(f, "j", 5);
    for (int64_t k = 0; k < 2000; k += 500)
        pass_often(f, job, k, 500, "coalesced");
    struct stmt *q = state_runs_of_job(f->state, job, INT64_MAX);
    while (state_run_next(q, &r))
        ran += r.state == RUN_SUCCESS;
    assert_int_equal(ran, 5);
    assert_in_range(runs_of(f, job), 20, 100);
}

static void below_its_level_a_deletion_frees_what_the_job_held(void **data)
{
    struct fixture *f = *data;
    upgrade(f, GONE_LEVEL - 1);
    int64_t job = put_job(f, "j");
    set_history(f, "runs", 5);
    run_often(f, "j", 60);
    assert_true(state_history_size(f->state).bytes > 0);
    applied(f, "job.delete", "{'name':'j'}");
    assert_int_equal(state_history_size(f->state).bytes, 0);
    assert_int_equal(state_history_size(f->state).runs, 0);
    assert_int_equal(runs_of(f, job), 0);
    assert_int_equal(f->last.detail.len, 0);
}

/* ---- of jobs that are deleted */

static struct gone_row gone_of(struct fixture *f, const char *name)
{
    struct gone_row gone;
    assert_true(state_job_gone_named(f->state, name, &gone));
    return gone;
}

static int64_t gone_count(struct fixture *f)
{
    struct gone_row gone;
    int64_t n = 0;
    struct stmt *q = state_jobs_gone(f->state);
    while (state_job_gone_next(q, &gone))
        n++;
    return n;
}

static void trim_all(struct fixture *f)
{
    for (int i = 0; state_any_to_trim(f->state); i++) {
        assert_in_range(i, 0, 200);
        applied(f, "job.trim", "{}");
    }
}

static void a_deleted_jobs_runs_are_kept_and_what_is_open_of_it_ends(void **data)
{
    struct fixture *f = *data;
    struct job_row row;
    struct run_row r;
    char called[JOB_CALLED_SIZE];
    int64_t job = put_job(f, "j");
    run_often(f, "j", 3);
    int64_t waits = trigger(f, "j"), runs = trigger(f, "j"), task = launch_run(f, runs);
    status(f, task, 1, "running");
    applied(f, "job.delete", "{'name':'j'}");
    snprintf(called, sizeof called, "j:%lld", (long long)job);
    assert_non_null(strstr(buf_str(&f->last.detail), called));
    assert_false(state_job_by_name(f->state, "j", &row));
    assert_false(state_job_by_name(f->state, called, &row));
    assert_int_equal(state_jobs_count(f->state), 0);
    assert_int_equal(gone_of(f, "j").job, job);
    assert_int_equal(gone_of(f, "j").at.ms, f->at - 1);
    assert_true(state_job_called(f->state, called, &row));
    assert_true(row.gone && row.disabled && row.id == job && row.queued + row.active == 0);
    assert_int_equal(runs_of(f, job), 5);
    assert_int_equal(state_of(f, waits), RUN_CANCELLED);
    assert_int_equal(state_of(f, runs), RUN_KILLED);
    assert_true(state_run_by_id(f->state, runs, &r));
    assert_string_equal(r.job_name, called);
    assert_string_equal(r.reason, "the job was deleted");
    assert_int_equal(task_of(f, task).state, TASK_KILLING);
    status(f, task, 2, "killed");
    assert_int_equal(task_of(f, task).state, TASK_KILLED);
    assert_int_equal(state_of(f, runs), RUN_KILLED);
    trim_all(f);
    assert_int_equal(runs_of(f, job), 5);
}

static void whatever_its_tasks_are_a_job_can_be_deleted(void **data)
{
    struct fixture *f = *data;
    static const struct {
        const char *said;
        bool killed, lost;
    } tasks[] = {
        {NULL, false, false},     {"running", false, false}, {"running", true, false},
        {"running", false, true}, {"running", true, true},   {NULL, false, true},
    };
    for (size_t i = 0; i < COUNT(tasks); i++) {
        int64_t job = put_job(f, "j"), run = trigger(f, "j"), task = launch_run(f, run);
        if (tasks[i].said != NULL)
            status(f, task, 1, tasks[i].said);
        if (tasks[i].killed)
            kill_task(f, task);
        if (tasks[i].lost)
            set_agent(f, AGENT_UNREACHABLE);
        applied(f, "job.delete", "{'name':'j'}");
        assert_true(run_over(state_of(f, run)));
        if (tasks[i].lost)
            set_agent(f, AGENT_READY);
        else
            status(f, task, 2, "killed");
        trim_all(f);
        assert_int_equal(runs_of(f, job), 1);
    }
    set_history(f, "bytes", 0);
    trim_all(f);
}

/* What was decided before it was deleted does not bring it back. */
static void a_deleted_job_is_not_resumed(void **data)
{
    struct fixture *f = *data;
    struct job_row row;
    char args[256];
    int64_t job = put_job(f, "j");
    run_often(f, "j", 1);
    snprintf(args, sizeof args, "{'jobs':[%lld]}", (long long)job);
    applied(f, "job.pause", args);
    assert_true(state_job_by_id(f->state, job, &row));
    snprintf(args, sizeof args,
             "{'set':[{'job':%lld,'generation':%lld,'at_k':%lld,'k':%lld,'remaining':-1}]}",
             (long long)job, (long long)row.generation, (long long)row.k, (long long)row.k);
    applied(f, "job.delete", "{'name':'j'}");
    applied(f, "job.resume", args);
    assert_true(state_job_is_gone(f->state, job));
    assert_int_equal(state_jobs_count(f->state), 0);
}

static void who_takes_its_name_has_runs_and_tasks_of_its_own(void **data)
{
    struct fixture *f = *data;
    struct task_row t;
    int64_t old = put_job(f, "j"), tasks[2];
    char args[256];
    for (int i = 0; i < 2; i++) {
        if (i == 1) {
            applied(f, "job.delete", "{'name':'j'}");
            assert_false(state_task_by_name(f->state, "ct:7:0:j:", &t));
            put_job(f, "j");
        }
        snprintf(args, sizeof args, "{'name':'j','due_ms':7}");
        applied(f, "job.trigger", args);
        int64_t run = newest_run(f);
        snprintf(args, sizeof args,
                 "{'runs':[{'run':%lld,'attempt':0,'name':'ct:7:0:j:','agent':0,'cpus':1,'mem':1,"
                 "'disk':0}]}",
                 (long long)run);
        applied(f, "task.launch", args);
        assert_true(state_task_by_name(f->state, "ct:7:0:j:", &t));
        tasks[i] = t.id;
        status(f, t.id, 1, "running");
        status(f, t.id, 2, "finished");
    }
    assert_true(tasks[1] > tasks[0]);
    assert_int_equal(task_of(f, tasks[0]).job, old);
    struct job_row now;
    assert_true(state_job_by_name(f->state, "j", &now));
    assert_int_not_equal(now.id, old);
    assert_int_equal(runs_of(f, now.id), 1);
    assert_int_equal(runs_of(f, old), 1);
    applied(f, "job.delete", "{'name':'j'}");
    assert_int_equal(gone_of(f, "j").job, now.id); /* the last that was called so */
    assert_int_equal(gone_count(f), 2);
}

static void a_deletion_is_short_whatever_the_history(void **data)
{
    struct fixture *f = *data;
    int64_t job = put_job(f, "j");
    run_often(f, "j", 20);
    pass_often(f, job, 0, 3000, "missed");
    int64_t before = db_changes_all(f->db);
    applied(f, "job.delete", "{'name':'j'}");
    assert_in_range(db_changes_all(f->db) - before, 1, 20);
    while (state_any_to_trim(f->state)) {
        before = db_changes_all(f->db);
        applied(f, "job.trim", "{}");
        assert_in_range(db_changes_all(f->db) - before, 1, 2000);
    }
    assert_int_equal(runs_of(f, job), 3020);
}

static void a_deleted_job_goes_with_the_last_of_its_runs(void **data)
{
    struct fixture *f = *data;
    struct job_row row;
    int64_t job = put_job(f, "j"), other = put_job(f, "other");
    set_history(f, "runs", 5);
    run_often(f, "j", 60);
    applied(f, "job.delete", "{'name':'j'}");
    int64_t bytes = state_history_size(f->state).bytes;
    assert_true(bytes > 600);
    trim_all(f);
    assert_int_equal(state_history_size(f->state).runs, 60);
    f->at += 20 * (int64_t)DAY_MS;
    run_often(f, "other", 40);
    assert_int_equal(runs_of(f, job), 60);
    f->at += 11 * (int64_t)DAY_MS;
    run_often(f, "other", 40);
    assert_int_equal(gone_count(f), 0);
    assert_false(state_job_is_gone(f->state, job));
    assert_false(state_job_by_id(f->state, job, &row));
    applied(f, "job.delete", "{'name':'other'}");
    assert_true(runs_of(f, other) > 0);
    set_history(f, "bytes", 0);
    put_job(f, "third");
    run_often(f, "third", 40);
    trim_all(f);
    assert_int_equal(gone_count(f), 0);
    assert_in_range(state_history_size(f->state).bytes, 0, 0);
    assert_int_equal(state_history_size(f->state).runs, 0);
}

static void a_deleted_jobs_definition_counts(void **data)
{
    struct fixture *f = *data;
    put_job(f, "j");
    run_often(f, "j", 1);
    assert_int_equal(state_history_size(f->state).bytes, 0);
    applied(f, "job.delete", "{'name':'j'}");
    assert_int_equal(state_history_size(f->state).runs, 0);
    assert_in_range(state_history_size(f->state).bytes, 650, 900);
}

static void a_job_that_never_ran_leaves_nothing(void **data)
{
    struct fixture *f = *data;
    struct job_row row;
    int64_t job = put_job(f, "j");
    applied(f, "job.delete", "{'name':'j'}");
    assert_int_equal(gone_count(f), 0);
    assert_false(state_job_by_id(f->state, job, &row));
    assert_false(state_any_to_trim(f->state));
}

/* Its row names the run, so that waits for it. */
static void who_ends_long_after_its_job_goes_with_it(void **data)
{
    struct fixture *f = *data;
    put_job(f, "j");
    set_history(f, "bytes", 0);
    int64_t task = launch_run(f, trigger(f, "j"));
    status(f, task, 1, "running");
    applied(f, "job.delete", "{'name':'j'}");
    trim_all(f);
    assert_int_equal(gone_count(f), 1);
    assert_int_equal(task_of(f, task).state, TASK_KILLING);
    status(f, task, 2, "killed");
    assert_true(state_any_to_trim(f->state));
    trim_all(f);
    struct task_row t;
    assert_false(state_task_by_id(f->state, task, &t));
    assert_int_equal(gone_count(f), 0);
}

static void what_a_deleted_job_had_to_do_with_others_ends(void **data)
{
    struct fixture *f = *data;
    int64_t job = put_job(f, "j");
    char args[256];
    applied(f, "calendar.put", "{'name':'c','description':'','days':[]}");
    applied(f, "backfill.put", "{'name':'j','from_ms':3600000,'to_ms':7200000,'most':1}");
    snprintf(args, sizeof args,
             "{'set':[{'job':%lld,'backfill':1,'at_ms':3600000,'next_ms':3600001,"
             "'dues':[3600000]}]}",
             (long long)job);
    applied(f, "backfill.tick", args);
    int64_t task = launch_run(f, newest_run(f));
    status(f, task, 1, "running");
    status(f, task, 2, "finished");
    assert_int_equal(state_filled_count(f->state, job), 1);
    applied(f, "job.delete", "{'name':'j'}");
    struct backfill_row b;
    struct stmt *q = state_backfills_of_job(f->state, job);
    assert_true(state_backfill_next(q, &b)); /* is told with its history */
    assert_true(b.canceled);
    assert_int_not_equal(b.ended.ms, 0);
    assert_int_equal(b.good, 1);
    assert_false(state_backfill_next(q, &b));
    assert_false(state_backfill_next(state_backfills_open(f->state), &b));
    trim_all(f);
    assert_int_equal(state_filled_count(f->state, job), 0);
    assert_int_equal(runs_of(f, job), 1);
}

static void an_upgrade_keeps_what_is_deleted_after_it(void **data)
{
    struct fixture *f = *data;
    struct job_row row;
    upgrade(f, GONE_LEVEL - 1);
    int64_t before = put_job(f, "before"), after = put_job(f, "after");
    run_often(f, "before", 3);
    run_often(f, "after", 3);
    applied(f, "job.delete", "{'name':'before'}");
    assert_null(state_jobs_gone(f->state));
    assert_false(state_job_is_gone(f->state, before));
    upgrade(f, GONE_LEVEL);
    assert_int_equal(gone_count(f), 0);
    assert_int_equal(runs_of(f, before), 0);
    assert_true(state_job_by_name(f->state, "after", &row));
    assert_int_equal(state_jobs_count(f->state), 1);
    applied(f, "job.delete", "{'name':'after'}");
    assert_int_equal(runs_of(f, after), 3);
    assert_int_equal(state_jobs_count(f->state), 0);
}

static void a_setting_that_is_none_counts_as_not_set(void **data)
{
    struct fixture *f = *data;
    applied(f, "setting.put", "{'set':{'history.runs':'0','history.days':'x','history.most':'7'}}");
    struct history_rules rules = state_history_rules(f->state);
    assert_int_equal(rules.runs, LIMIT_JOB_RUNS);
    assert_int_equal(rules.days, 30);
    assert_int_equal(rules.most, 7);
}

static void what_a_run_used_is_kept_with_its_attempt(void **data)
{
    struct fixture *f = *data;
    put_job(f, "j");
    int64_t task = run(f, "j", 10, 20, "failed", ",'mem_peak':52428800,'cpu_ms':1234");
    struct usage used = state_task_usage(f->state, task);
    assert_int_equal(used.mem_peak_bytes, 52428800);
    assert_int_equal(used.cpu_ms, 1234);
    assert_int_equal(state_task_usage(f->state, task + 1).cpu_ms, 0);
}

static void a_word_that_is_none_is_read_as_one(void **data)
{
    struct fixture *f = *data;
    struct run_row r;
    struct task_row t;
    struct error err;
    put_job(f, "j");
    int64_t task = run(f, "j", 10, 20, "failed", "");
    assert_int_equal(db_begin(f->db, DB_FULL, &err), 0);
    assert_int_equal(db_exec(f->db, "update job_runs set state = 77, cause = -1", &err), 0);
    assert_int_equal(db_exec(f->db, "update tasks set state = 77, owner = 77", &err), 0);
    assert_int_equal(db_commit(f->db, &err), 0);
    assert_true(state_run_by_id(f->state, 1, &r));
    assert_int_equal(r.state, RUN_LOST);
    assert_int_equal(r.cause, CAUSE_SCHEDULE);
    assert_true(state_task_by_id(f->state, task, &t));
    assert_int_equal(t.state, TASK_LOST);
    assert_int_equal(t.owner, OWNER_APP);
}

static void who_ends_a_run_keeps_its_row_while_older_ones_go(void **data)
{
    struct fixture *f = *data;
    struct apply a = {.s = f->state};
    struct run_row ended;
    struct error err;
    int64_t job = put_job(f, "j");
    run_often(f, "j", 2);
    int64_t newest = newest_run(f);
    assert_true(state_run_by_id(f->state, newest, &ended));
    assert_int_equal(db_begin(f->db, DB_NORMAL, &err), 0);
    history_drop_run(&a, newest - 1);
    assert_int_equal(db_commit(f->db, &err), 0);
    assert_string_equal(ended.job_name, "j");
    assert_int_equal(runs_of(f, job), 1);
}

static int64_t at(struct fixture *f, int64_t job, enum day_fact fact, int64_t day, int permille)
{
    struct bucket b[JOB_BUCKETS];
    return histogram_at(b, state_job_days(f->state, job, fact, day, b), permille);
}

static void numbers_outlive_the_runs(void **data)
{
    struct fixture *f = *data;
    struct bucket b[JOB_BUCKETS];
    int64_t job = put_job(f, "j"), today = f->at / DAY_MS;
    set_history(f, "runs", 1);
    set_history(f, "bytes", 0);
    for (int i = 1; i <= 100; i++)
        run(f, "j", 10 * i, 1000 * i, i % 10 == 0 ? "failed" : "finished", "");
    assert_in_range(runs_of(f, job), 1, 20);
    assert_int_equal(state_job_days(f->state, job, DAY_ENDS, today, b), 2);
    assert_int_equal(b[0].bucket, RUN_SUCCESS);
    assert_int_equal(b[0].n, 90);
    assert_int_equal(b[1].bucket, RUN_FAILED);
    assert_int_equal(b[1].n, 10);
    assert_in_range(at(f, job, DAY_TOOK, today, 500), 48000, 52000);
    assert_in_range(at(f, job, DAY_TOOK, today, 990), 95000, 102000);
    assert_in_range(at(f, job, DAY_LATE, today, 950), 910, 980);
    assert_int_equal(state_job_most(f->state, job, DAY_LONGEST, today), 99000);
    assert_int_equal(state_job_most(f->state, job, DAY_LATEST, today), 1000);
    assert_int_equal(state_job_days(f->state, job, DAY_ENDS, today + 2, b), 0);
    f->at += (LIMIT_JOB_DAYS + 2) * (int64_t)DAY_MS;
    run_often(f, "j", 100);
    assert_int_equal(state_job_days(f->state, job, DAY_ENDS, 0, b), 1);
}

static void so_many_samples_are_kept_the_newest_first(void **data)
{
    struct fixture *f = *data;
    static int64_t ms[LIMIT_JOB_SAMPLES];
    int64_t job = put_job(f, "j");
    set_history(f, "runs", 1);
    set_history(f, "bytes", 0);
    assert_int_equal(state_job_samples(f->state, job, ms), 0);
    run(f, "j", 10, 20, "finished", "");
    run(f, "j", 10, 20, "failed", "");
    run(f, "j", 10, 30, "finished", "");
    assert_int_equal(state_job_samples(f->state, job, ms), 2);
    assert_int_equal(ms[0], 40);
    assert_int_equal(ms[1], 30);
    for (int i = 0; i < 1300; i++)
        run(f, "j", 10, 100 + i, "finished", "");
    assert_int_equal(state_job_samples(f->state, job, ms), LIMIT_JOB_SAMPLES);
    for (int i = 0; i < LIMIT_JOB_SAMPLES; i++)
        assert_int_equal(ms[i], 110 + 1299 - i);
}

static void an_upgrade_takes_over_what_there_is(void **data)
{
    struct fixture *f = *data;
    int64_t ms[LIMIT_JOB_SAMPLES];
    upgrade(f, HISTORY_LEVEL - 1);
    int64_t job = put_job(f, "j");
    for (int i = 0; i < 50; i++)
        run(f, "j", 10, 100 + i, "finished", ",'cpu_ms':5");
    assert_int_equal(state_job_samples(f->state, job, ms), 50);
    upgrade(f, HISTORY_LEVEL);
    assert_int_equal(state_job_samples(f->state, job, ms), 50);
    assert_int_equal(ms[0], 159);
    assert_int_equal(ms[49], 110);
    set_history(f, "runs", 5);
    set_history(f, "bytes", 0);
    run_often(f, "j", 50);
    assert_in_range(runs_of(f, job), 5, 25);
    assert_int_equal(state_job_samples(f->state, job, ms), 100);
    assert_int_equal(runs_in(state_runs_after(f->state, job, newest_run(f) - 3, 2)), 2);
    assert_int_equal(runs_in(state_runs_after(f->state, 0, newest_run(f) - 3, 9)), 3);
}

/* A run whose agent says that its process began and ended then, by its clock, and is heard later:
 * how many ms it began after its order, and took. */
static void heard(struct fixture *f, int64_t began, int64_t ended, int64_t heard_began,
                  int64_t heard_ended, const int64_t expected[2])
{
    char args[256];
    struct run_row r;
    applied(f, "job.trigger", "{'name':'j','concurrent':true}");
    int64_t id = newest_run(f), ordered = f->at;
    int64_t task = launch_run(f, id);
    const struct {
        int64_t at, heard;
        const char *state;
    } said[] = {{began, heard_began, "running"}, {ended, heard_ended, "finished"}};
    for (size_t i = 0; i < 2; i++) {
        if (said[i].heard == 0)
            continue;
        f->at = ordered + said[i].heard;
        snprintf(args, sizeof args, "{'set':[{'task':%lld,'seq':%zu,'state':'%s','at':%lld}]}",
                 (long long)task, i + 1, said[i].state, (long long)(ordered + said[i].at));
        applied(f, "task.update", args);
    }
    assert_true(state_run_by_id(f->state, id, &r));
    assert_int_equal(r.started.ms - ordered, expected[0]);
    assert_int_equal(r.ended.ms - r.started.ms, expected[1]);
}

static void a_run_ends_when_its_agent_says_so_and_not_when_that_is_heard(void **data)
{
    struct fixture *f = *data;
    int64_t job = put_job(f, "j"), today = f->at / DAY_MS, ms[LIMIT_JOB_SAMPLES];
    heard(f, 100, 6300, 200, 26900, (int64_t[]){100, 6200});
    assert_int_equal(state_job_most(f->state, job, DAY_LONGEST, today), 6200);
    assert_int_equal(state_job_most(f->state, job, DAY_LATEST, today), 101);
    assert_int_equal(state_job_samples(f->state, job, ms), 1);
    assert_int_equal(ms[0], 6301);
    heard(f, 100, 6300, 26000, 26900, (int64_t[]){100, 6200});
    heard(f, 0, 6300, 0, 26900, (int64_t[]){6300, 0}); /* and of its start nothing */
}

static void an_agents_clock_that_goes_otherwise_moves_a_run_but_not_what_it_took(void **data)
{
    struct fixture *f = *data;
    const int64_t skew[] = {-INT64_C(3600000), -30000, 30000, 3600000};
    put_job(f, "j");
    for (size_t i = 0; i < sizeof skew / sizeof skew[0]; i++)
        heard(f, 100 + skew[i], 6300 + skew[i], 200, 26900,
              (int64_t[]){skew[i] < 0 ? 0 : 200, 6200});
    heard(f, 5000, 100, 5100, 26900, (int64_t[]){5000, 0}); /* set back meanwhile */
    heard(f, 100, 90000, 200, 26900, (int64_t[]){100, 26800});
    heard(f, INT64_MAX / 2 - T0, INT64_MAX / 2 - T0, 200, 26900, (int64_t[]){200, 0});
    heard(f, -2 * T0, 1 - 3 * T0, 200, 26900, (int64_t[]){0, 0});
}

static void below_its_level_a_run_ends_when_that_is_heard(void **data)
{
    struct fixture *f = *data;
    upgrade(f, AGENT_TIMES_LEVEL - 1);
    put_job(f, "j");
    heard(f, 100, 6300, 200, 26900, (int64_t[]){200, 26700});
}

/* Claims a target, as if the cursor stood at k. */
static void claim(struct fixture *f, int64_t job, int64_t k)
{
    char args[192];
    snprintf(args, sizeof args,
             "{'set':[{'job':%lld,'generation':1,'at_k':%lld,'k':%lld,'remaining':-1,"
             "'claims':[{'due_ms':%lld}]}]}",
             (long long)job, (long long)k, (long long)k + 1, (long long)T0);
    applied(f, "job.tick", args);
}

/* Its target is claimed anew after its only attempt was dropped and it was cancelled: how many of
 * its tasks are left? */
static size_t tasks_left(struct fixture *f, const char *name)
{
    char args[192];
    struct run_row r;
    struct task_row t;
    size_t n = 0;
    int64_t job = put_job(f, name);
    claim(f, job, 0);
    int64_t id = newest_run(f);
    status(f, launch_run(f, id), 1, "dropped");
    snprintf(args, sizeof args, "{'set':[{'run':%lld,'attempt':0,'to':'cancelled'}]}",
             (long long)id);
    applied(f, "run.update", args);
    claim(f, job, 1);
    assert_int_not_equal(newest_run(f), id);
    assert_false(state_run_by_id(f->state, id, &r));
    struct stmt *q = state_tasks_of_run(f->state, id);
    while (state_task_next(q, &t))
        n++;
    return n;
}

static void a_replaced_run_takes_its_tasks_with_it_from_its_level_on(void **data)
{
    struct fixture *f = *data;
    upgrade(f, HISTORY_LEVEL - 1);
    assert_int_equal(tasks_left(f, "old"), 1);
    upgrade(f, HISTORY_LEVEL);
    assert_int_equal(tasks_left(f, "new"), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up_newest, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(runs_are_kept_for_their_age_beyond_their_count),
        T(a_jobs_newest_stay_whatever_others_do),
        T(all_that_is_beyond_takes_no_more_than_so_many_bytes),
        T(no_job_has_more_than_so_many),
        T(many_are_kept_as_well_as_few),
        T(a_smaller_bound_is_reached_by_steps),
        cmocka_unit_test_setup_teardown(below_its_level_a_smaller_bound_is_reached_at_once, set_up,
                                        tear_down),
        T(a_smaller_bound_reaches_jobs_that_never_run_again),
        T(what_grew_too_old_goes_when_that_bound_is_set),
        cmocka_unit_test_setup_teardown(below_its_level_they_keep_theirs_until_it_is_reached,
                                        set_up, tear_down),
        T(a_start_that_nobody_heard_of_is_not_counted),
        cmocka_unit_test_setup_teardown(an_upgrade_leaves_each_run_what_it_is, set_up, tear_down),
        T(what_may_still_run_is_not_trimmed),
        T(a_name_is_free_though_its_last_task_may_run_out_of_reach),
        T(tasks_of_jobs_put_none_of_apps_out_of_a_list),
        cmocka_unit_test_setup_teardown(below_its_level_it_counts_as_short, set_up, tear_down),
        T(what_is_coalesced_puts_no_run_out_of_its_place),
        cmocka_unit_test_setup_teardown(below_its_level_a_deletion_frees_what_the_job_held, set_up,
                                        tear_down),
        T(a_deleted_jobs_runs_are_kept_and_what_is_open_of_it_ends),
        T(whatever_its_tasks_are_a_job_can_be_deleted),
        T(a_deleted_job_is_not_resumed),
        T(who_takes_its_name_has_runs_and_tasks_of_its_own),
        T(a_deletion_is_short_whatever_the_history),
        T(a_deleted_job_goes_with_the_last_of_its_runs),
        T(a_deleted_jobs_definition_counts),
        T(a_job_that_never_ran_leaves_nothing),
        T(who_ends_long_after_its_job_goes_with_it),
        T(what_a_deleted_job_had_to_do_with_others_ends),
        cmocka_unit_test_setup_teardown(an_upgrade_keeps_what_is_deleted_after_it, set_up,
                                        tear_down),
        T(a_setting_that_is_none_counts_as_not_set),
        T(what_a_run_used_is_kept_with_its_attempt),
        T(a_word_that_is_none_is_read_as_one),
        T(who_ends_a_run_keeps_its_row_while_older_ones_go),
        T(numbers_outlive_the_runs),
        T(so_many_samples_are_kept_the_newest_first),
        cmocka_unit_test_setup_teardown(an_upgrade_takes_over_what_there_is, set_up, tear_down),
        T(a_run_ends_when_its_agent_says_so_and_not_when_that_is_heard),
        T(an_agents_clock_that_goes_otherwise_moves_a_run_but_not_what_it_took),
        cmocka_unit_test_setup_teardown(below_its_level_a_run_ends_when_that_is_heard, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_replaced_run_takes_its_tasks_with_it_from_its_level_on,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
