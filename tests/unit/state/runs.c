#include "runs.h"

#include <stdio.h>

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
