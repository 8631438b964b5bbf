#include "runs.h"

#include <stdio.h>
#include <stdlib.h>

#include "model/command.h"

void upgrade(struct fixture *f, int level)
{
    char args[32];
    snprintf(args, sizeof args, "{'level':%d}", level);
    applied(f, "schema.upgrade", args);
}

int set_up_newest(void **data)
{
    set_up(data);
    upgrade(*data, COMMAND_LEVEL);
    return 0;
}

int64_t put_job(struct fixture *f, const char *name)
{
    char args[512];
    struct job_row job;
    snprintf(args, sizeof args,
             "{'name':'%s','base':0,'definition':{'name':'%s','runAsUser':'u','parents':[],"
             "'retries':0},'schedule':'R//PT1H','k':0,'remaining':-1,'counters':{}}",
             name, name);
    applied(f, "job.put", args);
    assert_true(state_job_by_name(f->state, name, &job));
    return job.id;
}

int64_t newest_run(struct fixture *f)
{
    struct run_row r = {0};
    struct stmt *q = state_runs(f->state, 1);
    assert_true(state_run_next(q, &r));
    stmt_end(q);
    return r.id;
}

int64_t launch_run(struct fixture *f, int64_t run)
{
    char args[192];
    struct run_row r;
    snprintf(args, sizeof args,
             "{'runs':[{'run':%lld,'attempt':0,'name':'t%lld','agent':0,'cpus':1,'mem':1,'disk':0}]"
             "}",
             (long long)run, (long long)run);
    applied(f, "task.launch", args);
    assert_true(state_run_by_id(f->state, run, &r));
    return r.task;
}

int64_t run(struct fixture *f, const char *job, int64_t late_ms, int64_t took_ms, const char *state,
            const char *used)
{
    char args[256];
    snprintf(args, sizeof args, "{'name':'%s','concurrent':true}", job);
    applied(f, "job.trigger", args);
    int64_t id = newest_run(f);
    f->at += late_ms - 2;
    int64_t task = launch_run(f, id);
    status(f, task, 1, "running");
    f->at += took_ms - 1;
    snprintf(args, sizeof args, "{'set':[{'task':%lld,'seq':2,'state':'%s','at':%lld%s}]}",
             (long long)task, state, (long long)f->at, used);
    applied(f, "task.update", args);
    return task;
}

void run_often(struct fixture *f, const char *job, int n)
{
    for (int i = 0; i < n; i++)
        run(f, job, 10, 20, "finished", "");
}

void set_history(struct fixture *f, const char *key, int64_t value)
{
    char args[96];
    snprintf(args, sizeof args, "{'set':{'history.%s':'%lld'}}", key, (long long)value);
    applied(f, "setting.put", args);
}

int64_t runs_in(struct stmt *q)
{
    struct run_row r;
    int64_t n = 0;
    while (state_run_next(q, &r))
        n++;
    return n;
}

int64_t runs_of(struct fixture *f, int64_t job)
{
    return runs_in(state_runs_of_job(f->state, job, INT64_MAX));
}

int64_t total_runs(struct fixture *f)
{
    return runs_in(state_runs(f->state, INT64_MAX));
}

void pass_often(struct fixture *f, int64_t job, int64_t k, int n, const char *how)
{
    char *args = malloc((size_t)n * 160 + 32);
    size_t len = (size_t)sprintf(args, "{'set':[");
    for (int64_t i = k; i < k + n; i++)
        len += (size_t)sprintf(args + len,
                               "%s{'job':%lld,'generation':1,'at_k':%lld,'k':%lld,'remaining':-1,"
                               "'%s':{'due_ms':%lld,'covers':2}}",
                               i > k ? "," : "", (long long)job, (long long)i, (long long)i + 1,
                               how, (long long)(T0 + i));
    sprintf(args + len, "]}");
    applied(f, "job.tick", args);
    free(args);
}

void trim_to_the_end(struct fixture *f, int64_t most)
{
    int64_t before = total_runs(f), after;
    for (int i = 0; state_any_to_trim(f->state); i++, before = after) {
        assert_in_range(i, 0, 200);
        applied(f, "job.trim", "{}");
        after = total_runs(f);
        assert_in_range(before - after, 0, most);
    }
}

int64_t trigger(struct fixture *f, const char *job)
{
    char args[128];
    snprintf(args, sizeof args, "{'name':'%s','concurrent':true}", job);
    applied(f, "job.trigger", args);
    return newest_run(f);
}

enum run_state state_of(struct fixture *f, int64_t run)
{
    struct run_row r;
    assert_true(state_run_by_id(f->state, run, &r));
    return r.state;
}
