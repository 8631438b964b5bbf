#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "scheduler/jobs/jobs.h"
#include "scheduler/why/private.h"

#define PARENTS_TOLD 3 /* of thousands */
#define RUNS_LOOKED 5  /* the newest, at what kept them from beginning */

/* When the first of its runs that wait may start. */
static struct wall first_start(struct state *s, int64_t id, const struct job *job)
{
    struct run_row r;
    struct wall first = {INT64_MAX};
    struct stmt *q = state_runs_open(s, id);
    while (state_run_next(q, &r))
        if (r.state == RUN_QUEUED)
            first = wall_earlier(first, jobs_run_starts_at(job, &r));
    return first;
}

/* All its runs that wait are kept by their jitter. Lists have no definitions: it is read of those
 * alone that have such runs. */
static bool is_spread(struct state *s, int64_t id, struct wall now)
{
    static const char member[] = "\"jitterSeconds\"";
    struct wall first = now;
    struct stmt *q = state_job_text(s, id);
    struct slice text = stmt_row(q) ? stmt_text(q, 0) : SLICE("");
    if (memmem(text.p, text.len, member, sizeof member - 1) != NULL) {
        struct job job;
        job_load_any(text, &job);
        if (job.broken == NULL && job_jitter_max_ms(&job) > 0)
            first = first_start(s, id, &job);
        job_close(&job);
    }
    stmt_end(q);
    return first.ms > now.ms && first.ms != INT64_MAX;
}

const char *job_state_word(struct state *s, const struct job_row *j, struct wall now)
{
    if (j->gone)
        return "deleted";
    if (j->active > 0)
        return "running";
    if (j->disabled)
        return "disabled";
    if (j->queued > 0 ? !is_spread(s, j->id, now) : j->next.ms != 0 && j->next.ms + 1000 < now.ms)
        return "late";
    return j->errors_since_success > 0 ? "failing" : "idle";
}

static void why_no_place(struct state *s, struct hearing hearing, const struct job *job,
                         const char *name, const char *what, struct why *out)
{
    struct demand d;
    struct placement *p = placement_new(s, hearing);
    demand_of_job(job, &d);
    why_place(p, &d, name, what, out);
    placement_free(p);
    resources_close(&d.needs);
}

static void why_spread(const char *name, struct wall at, struct why *out)
{
    char text[TIME_TEXT_SIZE];
    struct sentence *t = why_add(out, "spread", name);
    if (t == NULL)
        return;
    SAY(t->what, "%s: a run waits", name);
    SAY(t->because, "its starts are spread (jitterSeconds): this one is at %s",
        wall_text(at, text));
}

/* NULL: nothing, or they may overlap. */
static const char *in_the_way(struct state *s, const struct job_row *row, const struct job *job)
{
    if (job_overlaps(job))
        return NULL;
    if (row->active > 0)
        return "another run of it";
    if (state_name_is_ending(s, row->name))
        return "another run of it from before it was deleted";
    struct stmt *q = state_doubles_of_job(s, row->id);
    bool doubled = stmt_row(q);
    stmt_end(q);
    return doubled ? "an attempt that was ordered twice, and is to end," : NULL;
}

/* What a node said last that was told to begin this attempt and did not; false: none was, or what
 * it said is forgotten. */
static bool was_given_back(struct state *s, const struct run_row *r, int64_t *agent_out,
                           struct sentence *t)
{
    struct task_row task;
    struct job_task_ref ref;
    struct error unused;
    bool was = false;
    struct stmt *q = state_tasks_of_run(s, r->id);
    while (state_task_next(q, &task)) {
        if (!task_ended(task.state) || task.message == NULL || task.message[0] == '\0' ||
            job_task_id_parse(task.name, &ref, &unused) != 0 || ref.attempt != r->attempt)
            continue;
        SAY(t->because, "%.300s", task.message);
        *agent_out = task.agent;
        was = true;
    }
    return was;
}

/* There is a place for it, and yet it does not begin; nor did those before it that are missed by
 * now, since which it may not have been tried. */
static void why_not_begun(struct state *s, const struct job_row *row, struct why *out)
{
    struct run_row r;
    struct agent_row a;
    int64_t agent = 0;
    struct sentence told = {0}, *t;
    bool found = false;
    struct stmt *q = state_runs_of_job(s, row->id, RUNS_LOOKED);
    while (!found && state_run_next(q, &r))
        found = (r.state == RUN_QUEUED || r.state == RUN_MISSED) &&
                was_given_back(s, &r, &agent, &told);
    stmt_end(q);
    if (!found || (t = why_add(out, "not-begun", row->name)) == NULL)
        return;
    memcpy(t->because, told.because, sizeof t->because);
    SAY(t->what, "%s: a run waits: %.100s could not begin %s", row->name,
        state_agent_by_id(s, agent, &a) ? a.hostname : "its node",
        r.state == RUN_QUEUED ? "it" : "the one before it");
}

static void why_run(struct state *s, struct hearing hearing, const struct job_row *row,
                    const struct job *job, struct wall now, struct why *out)
{
    char what[256];
    struct wall first = job_jitter_max_ms(job) > 0 ? first_start(s, row->id, job) : now;
    if (first.ms > now.ms && first.ms != INT64_MAX) {
        why_spread(row->name, first, out);
        return;
    }
    const char *other = in_the_way(s, row, job);
    if (other != NULL) {
        struct sentence *t = why_add(out, "overlap", row->name);
        if (t != NULL) {
            SAY(t->what, "%s: a run waits", row->name);
            SAY(t->because, "%s is active, and they may not overlap", other);
        }
    } else {
        SAY(what, "%s: %lld %s", row->name, (long long)row->queued,
            row->queued == 1 ? "run waits" : "runs wait");
        why_no_place(s, hearing, job, row->name, what, out);
        if (out->n == 0)
            why_not_begun(s, row, out);
    }
}

static bool is_too_large(struct state *s, const struct job *job)
{
    struct resources most, needs = job_needs(job);
    return !state_agent_as_large(s, &needs) && state_agents_largest(s, &most);
}

/* Why no run of it will start, be it due or not. */
static void why_never(struct state *s, struct hearing hearing, const struct job_row *row,
                      const struct job *job, struct why *out)
{
    char what[256];
    SAY(what, "%s: cannot run", row->name);
    struct sentence *t = job->broken != NULL ? why_add(out, "broken", row->name) : NULL;
    if (t != NULL) {
        SAY(t->what, "%s", what);
        SAY(t->because, "%s", job->broken);
    } else if (row->queued == 0 && !row->disabled && is_too_large(s, job)) {
        why_no_place(s, hearing, job, row->name, what, out);
    }
}

static void advise_run(struct state *s, struct sentence *t, const struct run_row *r)
{
    struct task_row task, newest = {0};
    struct stmt *q = state_tasks_of_run(s, r->id);
    while (state_task_next(q, &task))
        newest = (struct task_row){.id = task.id,
                                   .mem_bytes = task.mem_bytes,
                                   .started = task.started,
                                   .state = task.state};
    if (newest.id != 0 && task_ended(newest.state))
        why_advise_end(t, &newest, r->reason);
}

static void why_last_run(struct state *s, const struct job_row *row, struct why *out)
{
    char at[TIME_TEXT_SIZE];
    struct run_row r;
    struct stmt *q = state_runs_of_job(s, row->id, 1);
    if (state_run_next(q, &r) && (r.state == RUN_FAILED || r.state == RUN_RETRY_WAIT)) {
        bool again = r.state == RUN_RETRY_WAIT;
        struct sentence *t = why_add(out, again ? "retrying" : "failing", row->name);
        if (t != NULL) {
            SAY(t->what,
                again ? "%s: its last attempt failed, the next one waits"
                      : "%s: its last run failed",
                row->name);
            SAY(t->because, "%.400s%s%s%s",
                r.reason[0] != '\0' ? r.reason : "its command did not exit with 0",
                end_hint(r.reason), again ? "; the next attempt is at " : "",
                again ? wall_text(r.not_before, at) : "");
            advise_run(s, t, &r);
        }
    }
    stmt_end(q);
}

/* "it was paused at 2026-… by ann: the disk is full" */
static void say_pause(const struct pause_row *p, struct sentence *t)
{
    char at[TIME_TEXT_SIZE];
    SAY(t->because, "it was paused at %s%s%s%s%s", wall_text(p->at, at),
        p->by[0] != '\0' ? " by " : "", p->by, p->reason[0] != '\0' ? ": " : "", p->reason);
}

static void why_ended(struct state *s, const struct job_row *row, bool used_up, struct why *out)
{
    struct pause_row p;
    bool paused = row->disabled && state_job_pause(s, row->id, &p);
    struct sentence *t = why_add(out, used_up && !paused ? "exhausted" : "disabled", row->name);
    if (t == NULL)
        return;
    SAY(t->what, "%s: does not run any more", row->name);
    if (paused)
        say_pause(&p, t);
    else
        SAY(t->because, used_up ? "all times of its schedule are over" : "it is disabled");
}

/* What a calendar keeps from running next. */
static void why_excluded(struct state *s, const struct job_row *row, const struct job *job,
                         struct why *out)
{
    struct job_aim aim;
    char next[TIME_TEXT_SIZE], then[TIME_TEXT_SIZE];
    if (!state_job_has_calendars(s, row->id) || row->next.ms == 0)
        return;
    job_aim_load(s, job, &aim);
    struct calendar_span span = calendar_at(aim.aim.rules, job->schedule.zone, row->next);
    struct job_cursor from = job->cursor;
    struct wall runs = cursor_next_run(&aim.aim, &from);
    bool again = runs.ms != WALL_NEVER.ms;
    struct sentence *t =
        span.open ? NULL : why_add(out, again ? "excluded" : "excluded-all", row->name);
    if (t != NULL) {
        const char *by = job_excluded_by(job, span.by);
        SAY(t->what, again ? "%s: does not run at its next time" : "%s: runs at no time any more",
            row->name);
        wall_text(row->next, next);
        const char *tail = again ? "; it runs at " : ", and no later time of its schedule is left";
        const char *at = again ? wall_text(runs, then) : "";
        if (by == NULL)
            SAY(t->because, "%s is in none of the calendars that it must be in%s%s", next, tail,
                at);
        else if (again)
            SAY(t->because, "%s is a day of the calendar %s%s%s", next, by, tail, at);
        else
            SAY(t->because, "calendar %s excludes %s%s%s", by, next, tail, at);
    }
    job_aim_close(&aim);
}

/* Outside its time a job has no targets, and does not fire. */
static void why_outside(const struct job *job, const char *name, struct wall now, struct why *out)
{
    char at[TIME_TEXT_SIZE];
    bool early = now.ms < job->starts.ms, over = job->ends.ms != 0 && now.ms >= job->ends.ms;
    struct sentence *t = early || over ? why_add(out, early ? "early" : "over", name) : NULL;
    if (t == NULL)
        return;
    SAY(t->what, early ? "%s: does not run yet" : "%s: does not run any more", name);
    SAY(t->because, early ? "its time begins at %s (startsAt)" : "its time was over at %s (endsAt)",
        wall_text(early ? job->starts : job->ends, at));
}

static void why_owner(const struct job_row *row, const struct job *job, struct why *out)
{
    char doubt[NOTICE_DOUBT_SIZE];
    struct sentence *t =
        notice_owner_doubt(job->owner, doubt) ? why_add(out, "no-mail", row->name) : NULL;
    if (t == NULL)
        return;
    SAY(t->what, "%s: one of its owners gets no mail", row->name);
    SAY(t->because, "%s", doubt);
}

/* What its definition says, if it can be read. */
static void why_defined(struct state *s, struct hearing hearing, const struct job_row *row,
                        const struct job *job, struct wall now, struct why *out)
{
    if (row->queued > 0)
        why_run(s, hearing, row, job, now, out);
    if (row->disabled)
        return;
    why_outside(job, row->name, now, out);
    why_excluded(s, row, job, out);
}

/* "load has succeeded (next due 2026-…)" */
static void say_parent(const struct job *job, const char *name, const struct job_row *p, char *told,
                       size_t size)
{
    char at[TIME_TEXT_SIZE], now[64] = "";
    size_t len = strlen(told);
    const char *then = len == 0 ? "" : job->depends == DEPENDS_ANY ? ", or " : ", and ";
    if (p->disabled)
        SAY(now, " (it is disabled)");
    else if (p->next.ms != 0)
        SAY(now, " (next due %s)", wall_text(p->next, at));
    snprintf(told + len, size - len, "%s%.80s %s%s", then, name,
             job_ends_words(job_parent_ends(job, name)), now);
}

/* It is as it should be, waiting for those whose edges have not been met since it ran last; unless
 * it waits for one that does not run. */
static void why_parents(struct state *s, const struct job_row *row, const struct job *job,
                        struct why *out)
{
    struct edge_row e;
    struct job_row p;
    char told[400] = "", disabled[JOB_NAME_MAX + 1] = "", more[80] = "";
    size_t waits = 0, met = 0, off = 0;
    struct stmt *q = state_edges_of(s, row->id);
    while (state_edge_next(q, &e)) {
        met += e.met != 0;
        if (e.met != 0 || !state_job_alone(s, e.parent, &p))
            continue;
        if (p.disabled && off++ == 0)
            str_copy(disabled, sizeof disabled, e.parent_name);
        if (++waits <= PARENTS_TOLD)
            say_parent(job, e.parent_name, &p, told, sizeof told);
    }
    size_t others = waits > PARENTS_TOLD ? waits - PARENTS_TOLD : 0;
    bool never = off > 0 && (job->depends != DEPENDS_ANY || off == waits);
    struct sentence *t =
        why_add(out, never ? "parent-disabled" : "waits-for-parents", never ? disabled : row->name);
    if (others > 0)
        SAY(more, ", and %zu other%s", others, others == 1 ? "" : "s");
    else if (met > 0)
        SAY(more, "; %zu of %zu have", met, met + waits);
    if (never)
        SAY(t->what, "%.100s: waits for %.100s, which is disabled", row->name, disabled);
    else
        SAY(t->what, "%s: runs after others", row->name);
    if (waits > 0)
        SAY(t->because, "it waits until %s%s", told, more);
    else
        SAY(t->because, "each of them has ended so, but not yet all by runs that one run began");
    out->ok = !never;
}

/* By its name of before, or by what its history is called. */
static bool why_gone(struct state *s, const char *name, struct why *out)
{
    char at[TIME_TEXT_SIZE], called[JOB_CALLED_SIZE];
    struct job_row row;
    struct gone_row g;
    if (!state_job_gone_named(s, name, &g) &&
        !(state_job_called(s, name, &row) && state_job_gone(s, row.id, &g)))
        return false;
    *out = (struct why){.ok = true};
    struct sentence *t = why_add(out, "deleted", name);
    SAY(t->what, "%s: was deleted", name);
    SAY(t->because, "at %s%s%.100s", wall_text(g.at, at), *g.by != '\0' ? " by " : "", g.by);
    SAY(t->so, "What is kept of its runs: mesolith job runs %s", job_called(&g, called));
    return true;
}

void why_job_read(struct state *s, struct hearing hearing, const struct job_row *row,
                  const struct job *job, struct wall now, struct why *out)
{
    *out = (struct why){.ok = true};
    if (row->gone) {
        why_gone(s, row->name, out);
        return;
    }
    why_never(s, hearing, row, job, out);
    if (job->broken == NULL)
        why_defined(s, hearing, row, job, now, out);
    if (row->disabled)
        why_ended(s, row, row->remaining == 0, out);
    why_last_run(s, row, out);
    if (job->broken == NULL && !row->disabled)
        why_owner(row, job, out); /* behind what keeps it from running: lists show the first */
    if (out->n == 0 && job->kind == JOB_DEPENDENT && row->active == 0)
        why_parents(s, row, job, out);
    if (out->n == 0 && row->schedule != NULL && row->next.ms == 0 && row->active == 0)
        why_ended(s, row, true, out);
}

bool why_job(struct state *s, struct hearing hearing, const char *name, struct wall now,
             struct why *out)
{
    struct job_row row;
    struct job job;
    if (!state_job_by_name(s, name, &row))
        return why_gone(s, name, out);
    jobs_load_any(&row, &job);
    why_job_read(s, hearing, &row, &job, now, out);
    job_close(&job);
    return true;
}
