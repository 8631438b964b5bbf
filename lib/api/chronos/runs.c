/* Runs: killed, forgotten, told of from outside (spec/chronos.md E-14 to E-17). */
#include "api/chronos/private.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"

#define RUNS_A_PURGE 2000 /* of one entry */

/* ---- killing and purging: one run.update over all of them, or as many as one takes */

struct ending {
    struct tell *t;
    outcome_fn *then;
    struct json_writer w;
    int64_t n;
};

static void end_one(struct ending *e, const struct run_row *r)
{
    if (e->n++ == 0) {
        tell_begin(e->t, COMMAND_RUN_UPDATE, &e->w, e->then);
        json_key(&e->w, "set");
        json_array(&e->w);
    }
    json_object(&e->w);
    json_member_int(&e->w, "run", r->id);
    json_member_int(&e->w, "attempt", r->attempt);
    json_member_str(&e->w, "to", run_active(r->state) ? "kill" : "cancelled");
    json_member_str(&e->w, "reason", "by request");
    json_object_end(&e->w);
}

static void end_all(struct ending *e, struct stmt *q, int64_t newest)
{
    struct run_row r;
    while (e->n < RUNS_A_PURGE && state_run_next(q, &r))
        if (r.id <= newest)
            end_one(e, &r);
    stmt_end(q);
}

static void ending_done(struct ending *e)
{
    if (e->n == 0) {
        chronos_nothing(&e->t->c);
        return;
    }
    json_array_end(&e->w);
    tell_end_step(e->t, &e->w);
}

void chronos_kill_tasks(struct tell *t)
{
    struct job_row row;
    struct ending e = {.t = t, .then = chronos_done};
    if (!chronos_path_job(&t->c, &row))
        return;
    end_all(&e, state_runs_open(t->c.view->state, row.id), INT64_MAX);
    ending_done(&e);
}

static void purge_more(struct tell *t, const struct outcome *o);

static void purge(struct tell *t, int64_t newest)
{
    struct ending e = {.t = t, .then = purge_more};
    struct state *s = t->c.view->state;
    end_all(&e, state_runs_waiting(s, INT64_MAX), newest);
    end_all(&e, state_runs_retrying(s, (struct wall){INT64_MAX}, INT64_MAX), newest);
    ending_done(&e);
}

/* Up to the run that was the newest at first. */
static void purge_more(struct tell *t, const struct outcome *o)
{
    (void)o;
    purge(t, strtoll(t->kept, NULL, 10));
}

void chronos_purge_tasks(struct tell *t)
{
    struct run_row newest = {0};
    char text[24];
    struct stmt *q = state_runs(t->c.view->state, 1);
    if (state_run_next(q, &newest))
        stmt_end(q);
    snprintf(text, sizeof text, "%lld", (long long)newest.id);
    t->kept = mem_strdup(text);
    purge(t, newest.id);
}

/* ---- what tasks say of themselves, or others of them */

static bool path_task(struct call *c, struct job_task_ref *out)
{
    struct error err;
    if (job_task_id_parse(call_param(c, "task"), out, &err) == 0)
        return true;
    call_error(c, &err);
    return false;
}

/* Of a run that is over it says nothing new. */
static void complete(struct tell *t, int64_t task, int64_t code)
{
    struct json_writer w;
    tell_begin(t, COMMAND_RUN_COMPLETE, &w, chronos_done);
    json_member_int(&w, "task", task);
    json_member_int(&w, "code", code);
    tell_end(t, &w);
}

void chronos_complete_task(struct tell *t)
{
    struct call *c = &t->c;
    struct job_task_ref ref;
    struct task_row task;
    int64_t code;
    char got[80];
    if (!path_task(c, &ref))
        return;
    const struct json *body = call_body(c);
    if (body == NULL)
        return;
    const struct json *said = json_get(body, "statusCode");
    if (!json_i64(said, &code))
        chronos_failure(c, 400, "statusCode: got %s, need a whole number",
                        json_quote(got, sizeof got, said));
    else if (!state_task_by_name(c->view->state, call_param(c, "task"), &task))
        chronos_nothing(c); /* idempotent */
    else
        complete(t, task.id, code);
}

static void tell_progress(struct tell *t, int64_t task, int64_t more)
{
    struct json_writer w;
    tell_begin(t, COMMAND_TASK_PROGRESS, &w, chronos_done);
    json_member_int(&w, "task", task);
    json_member_int(&w, "more", more);
    tell_end(t, &w);
}

void chronos_report_progress(struct tell *t)
{
    struct task_row task;
    struct call *c = &t->c;
    struct job_task_ref ref;
    struct job_row row;
    struct job job;
    int64_t more;
    if (!chronos_path_job(c, &row) || !path_task(c, &ref))
        return;
    jobs_load_any(&row, &job);
    bool counts = job.data_processing;
    job_close(&job);
    if (!counts) {
        chronos_failure(c, 400, "job '%s': dataProcessingJobType is false", row.name);
        return;
    }
    const struct json *body = chronos_body(c);
    if (body == NULL)
        return;
    const struct json *n = json_get(body, "numAdditionalElementsProcessed");
    if (n == NULL)
        chronos_nothing(c);
    else if (!json_i64(n, &more) || more < 0)
        chronos_failure(c, 400, "numAdditionalElementsProcessed: need a whole number from 0 on");
    else if (!state_task_by_name(c->view->state, call_param(c, "task"), &task) ||
             task.owner != OWNER_JOB || task.job != row.id)
        chronos_failure(c, 400, "job '%s' has no such task", row.name);
    else
        tell_progress(t, task.id, more);
}
