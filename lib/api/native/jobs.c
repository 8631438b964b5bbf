/* Reading jobs. */
#include "scheduler/jobs/jobs.h"

#include <string.h>

#include "api/facts.h"
#include "api/native/private.h"
#include "base/str.h"

#define DELETED "deleted" /* state.h's gone ones; only who asks for them gets them */
#define NEWEST_LOOKED 5   /* runs of a job among which the last one that began is looked for */

enum job_key { BY_NAME, BY_STATE, BY_NEXT, BY_SUCCESSES, BY_ERRORS, BY_SCHEDULE, BY_CREATED };
static const char *const sorts[] = {
    [BY_NAME] = "name",           [BY_STATE] = "state",    [BY_NEXT] = "next",
    [BY_SUCCESSES] = "successes", [BY_ERRORS] = "errors",  [BY_SCHEDULE] = "schedule",
    [BY_CREATED] = "created",     [BY_CREATED + 1] = NULL,
};
static const char *const states[] = {"idle",     "running", "late", "failing",
                                     "disabled", "deleted", NULL};

/* ---- one item */

static void put_last(struct state *s, int64_t job, struct json_writer *w)
{
    struct run_row r;
    bool found = false;
    struct stmt *q = state_runs_of_job(s, job, NEWEST_LOOKED);
    while (!found && state_run_next(q, &r))
        found = r.state != RUN_QUEUED && r.state != RUN_EXCLUDED;
    if (found) {
        json_key(w, "last");
        json_object(w);
        native_time(w, "due", r.due);
        native_time(w, "started", r.started);
        native_time(w, "ended", r.ended);
        json_member_str(w, "state", native_run_word(r.state));
        json_object_end(w);
    }
    stmt_end(q);
}

static void put_pause(struct state *s, const struct job_row *j, struct json_writer *w)
{
    struct pause_row p;
    if (!j->disabled || !state_job_pause(s, j->id, &p))
        return;
    json_key(w, "paused");
    json_object(w);
    native_time(w, "at", p.at);
    native_text(w, "by", p.by);
    native_text(w, "reason", p.reason);
    json_object_end(w);
}

static void put_gone(struct state *s, const struct job_row *j, struct json_writer *w)
{
    struct gone_row g;
    if (!j->gone || !state_job_gone(s, j->id, &g))
        return;
    json_key(w, "gone");
    json_object(w);
    json_member_str(w, "name", g.name);
    native_time(w, "at", g.at);
    native_text(w, "by", g.by);
    json_object_end(w);
}

static void put_summary(const struct view *v, const struct job_row *j, const struct job *job,
                        struct wall next, struct json_writer *w)
{
    json_object(w);
    json_member_str(w, "name", j->name);
    json_member_str(w, "state", job_state_word(v->state, j, v->now.wall));
    native_time(w, "next", next);
    native_text(w, "schedule", j->schedule);
    native_text(w, "cron", job->cron);
    json_member_str(w, "zone", job->schedule_zone != NULL ? job->schedule_zone : "");
    if (job->broken == NULL)
        native_put_explained(job, v->now.wall, w);
    put_last(v->state, j->id, w);
    json_member_int(w, "successes", j->successes);
    json_member_int(w, "errors", j->errors);
    json_member_bool(w, "disabled", j->disabled);
    put_pause(v->state, j, w);
    put_gone(v->state, j, w);
    job_write_parents(job, w);
    native_text(w, "broken", job->broken);
    json_object_end(w);
}

/* ---- the list */

static int64_t rank(const char *state)
{
    int64_t rank = 0;
    for (size_t i = 0; states[i] != NULL; i++)
        rank += strcmp(states[i], state) < 0;
    return rank;
}

static void add(struct list *l, const struct job_row *j, const char *state)
{
    switch ((enum job_key)l->sort) {
    case BY_NAME:
        list_add_text(l, j->id, j->name);
        break;
    case BY_STATE: /* as their words have it */
        list_add_number(l, j->id, rank(state));
        break;
    case BY_NEXT:
        list_add_number(l, j->id, j->next.ms != 0 ? j->next.ms : LIST_NONE); /* or later */
        break;
    case BY_SUCCESSES:
        list_add_number(l, j->id, j->successes);
        break;
    case BY_ERRORS:
        list_add_number(l, j->id, j->errors);
        break;
    case BY_SCHEDULE:
        list_add_text(l, j->id, j->schedule);
        break;
    case BY_CREATED: /* ids ascend */
        list_add_number(l, j->id, j->id);
        break;
    }
}

/* Calendars only put it off. */
static int64_t exact_next(void *data, int64_t id, int64_t number)
{
    struct state *s = data;
    struct job_row j;
    struct wall next;
    if (!state_next_known(s, id, (struct wall){number}, &next)) {
        if (!state_job_alone(s, id, &j))
            return LIST_NONE;
        next = jobs_next_run(s, &j);
        state_next_keep(s, id, j.next, next);
    }
    return next.ms != 0 ? next.ms : LIST_NONE;
}

/* What it is sorted by is known of it. */
static struct wall next_of(struct state *s, const struct list *l, size_t i, const struct job_row *j,
                           const struct job *job)
{
    if (l->sort != BY_NEXT)
        return job_next_run(s, j, job);
    int64_t ms = list_number(l, i);
    return (struct wall){ms != LIST_NONE ? ms : 0};
}

static void put_items(const struct view *v, const struct list *l, struct json_writer *w)
{
    struct job_row j;
    struct job job;
    for (size_t i = 0; i < list_size(l); i++) {
        if (!state_job_by_id(v->state, list_id(l, i), &j))
            continue;
        jobs_load_any(&j, &job);
        put_summary(v, &j, &job, next_of(v->state, l, i, &j, &job), w);
        job_close(&job);
    }
}

/* Their names are all that is asked for. */
static void gather_names(const struct view *v, struct list *l)
{
    struct stmt *q = state_job_names(v->state);
    while (stmt_row(q))
        if (list_wants(l, NULL, stmt_str(q, 1), NULL))
            list_add_text(l, stmt_i64(q, 0), NULL);
}

static void gather_jobs(const struct view *v, struct list *l)
{
    struct job_row j;
    struct stmt *q = state_jobs_brief(v->state);
    while (state_job_next(q, &j)) {
        const char *state = job_state_word(v->state, &j, v->now.wall);
        if (!list_wants(l, state, j.name, NULL))
            continue;
        add(l, &j, state);
        list_name(l, j.name);
    }
}

static void gather_gone(const struct view *v, struct list *l)
{
    struct gone_row g;
    struct job_row j;
    struct stmt *q = state_jobs_gone(v->state);
    while (state_job_gone_next(q, &g))
        if (list_wants(l, DELETED, g.name, NULL) && state_job_by_id(v->state, g.job, &j))
            add(l, &j, DELETED);
}

void native_ask_jobs(struct call *c)
{
    struct list l;
    struct json_writer w;
    if (list_begin(c, &l, sorts, states) != 0)
        return;
    if (l.state != NULL && str_eq(l.state, DELETED))
        gather_gone(c->view, &l);
    else if (l.state == NULL && l.sort == BY_NAME)
        gather_names(c->view, &l);
    else
        gather_jobs(c->view, &l);
    if (l.sort == BY_NEXT)
        list_settle(&l, exact_next, c->view->state);
    list_head(c, &l, &w);
    put_items(c->view, &l, &w);
    list_end(&w);
    list_close(&l);
}

/* ---- one job */

/* What it is, and when it runs next: not at all if it is disabled or waits for others. */
static void put_schedule(const struct view *v, const struct job *j, struct json_writer *w)
{
    struct job_cursor cursor = j->cursor;
    struct job_aim aim;
    if (j->broken != NULL)
        return;
    job_aim_load(v->state, j, &aim);
    native_put_explained(j, v->now.wall, w);
    if (j->kind != JOB_SCHEDULED || j->disabled)
        cursor.remaining = 0;
    native_put_next(&aim.aim, &cursor, w);
    job_aim_close(&aim);
}

/* Coalesced runs that follow each other are told as the newest of them, which stands for all. */
struct coalesced {
    int64_t run, covers; /* run 0: there is none */
};

static size_t put_coalesced(struct state *s, struct coalesced *c, struct json_writer *w)
{
    struct run_row r;
    bool told = c->run != 0 && state_run_by_id(s, c->run, &r);
    if (told) {
        r.covers = c->covers;
        native_put_run(s, &r, w);
    }
    *c = (struct coalesced){0};
    return told;
}

static void put_runs(struct state *s, int64_t job, struct json_writer *w)
{
    struct run_row r;
    struct coalesced c = {0};
    size_t n = 0;
    json_key(w, "runs");
    json_array(w);
    struct stmt *q = state_runs_of_job(s, job, LIST_LIMIT_MAX);
    while (n < LIMIT_JOB_RUNS && state_run_next(q, &r)) {
        if (r.state == RUN_COALESCED) {
            c.run = c.run != 0 ? c.run : r.id;
            c.covers += r.covers;
            continue;
        }
        n += put_coalesced(s, &c, w);
        if (n < LIMIT_JOB_RUNS)
            native_put_run(s, &r, w);
        n++;
    }
    put_coalesced(s, &c, w);
    stmt_end(q);
    json_array_end(w);
}

void native_ask_job(struct call *c)
{
    struct job_row row;
    struct job job;
    struct why why;
    struct json_writer w;
    struct gone_row gone;
    const struct view *v = c->view;
    if (!native_job_or_gone(c, call_param(c, "name"), &row))
        return;
    jobs_load_any(&row, &job);
    if (state_job_gone(v->state, row.id, &gone))
        job.name = arena_strdup(&job.arena, gone.name); /* so it can be made again */
    call_json(c, 200, &w);
    json_object(&w);
    json_key(&w, "job");
    job_write(&job, false, &w);
    json_key(&w, "summary");
    put_summary(v, &row, &job, job_next_run(v->state, &row, &job), &w);
    put_schedule(v, &job, &w);
    put_runs(v->state, row.id, &w);
    native_put_backfills(v->state, row.id, &w);
    why_job_read(v->state, facts_hearing(v), &row, &job, v->now.wall, &why);
    native_why_clock(v, &row, &why);
    json_key(&w, "why");
    native_put_sentences(&why, &w);
    json_member_int(&w, "index", (int64_t)v->index);
    json_object_end(&w);
    job_close(&job);
}
