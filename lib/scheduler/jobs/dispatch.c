/* Gives runs that may start to agents (spec/chronos.md 3.5 D), and says why one did not. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "scheduler/jobs/private.h"

#define OTHER_RETRY_MS 200
#define UNPLACED_LOOK 64 /* of a job's newest runs: all of them without a place are one want */
#define PONG_RETRY_MS 50 /* an agent that was placed on, but has not been heard enough of yet */

static struct urgency urgency_of(const struct candidate *c)
{
    return (struct urgency){c->priority, c->due, c->run};
}

static int by_urgency(const void *x, const void *y)
{
    const struct urgency a = urgency_of(x), b = urgency_of(y);
    return urgency_compare(&a, &b);
}

/* ---- task ids */

static bool is_target(const struct job *job, struct wall due)
{
    const struct schedule *s = &job->schedule;
    if (job->kind != JOB_SCHEDULED)
        return false;
    int64_t k = schedule_last_due(s, due);
    bool counted = s->count == COUNT_FOREVER || k < s->count;
    return k >= 0 && counted && schedule_target(s, k).ms == due.ms;
}

/* Two that have one hash cost the later a millisecond. */
static uint64_t name_hash(const char *name)
{
    return hash64(name, strlen(name), 0);
}

/* Another run of the job has a task of that name, in the state or in this tick. */
static bool is_taken(struct look *l, const struct candidate *c, const char *name)
{
    struct task_row t;
    return map_get(l->named, name_hash(name)) != NULL ||
           (state_task_by_name(l->state, name, &t) && t.run != c->run);
}

/* "ct:<due>:<attempt>:<name>:<arguments>", unique: a due that is no target's moves on by 1 ms until
 * it is free (6.1). */
static void name_task(struct look *l, const struct candidate *c, const char *arguments,
                      char name[JOB_TASK_ID_SIZE])
{
    struct job_run run = {.due = c->due, .attempt = c->attempt, .arguments = arguments};
    job_task_id(c->job, &run, name);
    bool planned = c->cause == CAUSE_SCHEDULE && c->attempt == 0;
    bool of_target = c->cause == CAUSE_BACKFILL && c->attempt == 0;
    while (!planned && ((!of_target && is_target(c->job, run.due)) || is_taken(l, c, name))) {
        run.due.ms++;
        job_task_id(c->job, &run, name);
    }
    map_put(l->named, name_hash(name), l);
}

/* ---- launching */

static void supersede(struct look *l, const struct candidate *c)
{
    struct run_row r;
    struct stmt *q = state_runs_open(l->state, c->entry->job);
    while (state_run_next(q, &r))
        if (r.state == RUN_RETRY_WAIT && r.cause != CAUSE_BACKFILL)
            look_update(l, c->entry, &r, "superseded",
                        "it failed, and in place of its retry the job's next run starts");
}

static void write_launch(struct look *l, const struct candidate *c, const char *name,
                         const struct resources *needs, int64_t agent, int64_t pong)
{
    struct json_writer w;
    look_put(l, GATHER_LAUNCH, c->entry, &w);
    json_object(&w);
    json_member_int(&w, "run", c->run);
    json_member_int(&w, "attempt", c->attempt);
    json_member_str(&w, "name", name);
    json_member_int(&w, "agent", agent);
    json_member_int(&w, "pong", pong);
    json_member_int(&w, "cpus", needs->cpus_milli);
    json_member_int(&w, "mem", needs->mem_bytes);
    json_member_int(&w, "disk", needs->disk_bytes);
    if (c->job->async)
        json_member_bool(&w, "async", true);
    json_object_end(&w);
}

/* Who had it last, and gave it back, or it failed there, perhaps by no fault of its own. Not who
 * has said nothing, and may have started it: that agent would not start it twice. */
static const int64_t *last_agent(struct look *l, const struct candidate *c, int64_t *agent)
{
    struct task_row t;
    bool spared = false;
    if (c->attempt == 0 && c->entry->pause_ms == 0)
        return NULL;
    struct stmt *q = state_tasks_of_run(l->state, c->run);
    while (state_task_next(q, &t)) {
        *agent = t.agent;
        spared = t.state != TASK_DROPPED || !str_eq(t.message, NOT_SAID);
    }
    return spared ? agent : NULL;
}

static bool was_assigned(struct look *l, int64_t run)
{
    struct task_row t;
    struct stmt *q = state_tasks_of_run(l->state, run);
    bool any = state_task_next(q, &t);
    stmt_end(q);
    return any;
}

/* Its owners have heard of it since a run of the job had a place: of this want, not of each of its
 * runs. Those that a leader before has told are known by their notices. */
static bool is_told(struct look *l, const struct candidate *c)
{
    struct notice_row n;
    struct run_row r;
    bool told = false, placed = false;
    if (!state_notice_of_job(l->state, c->job->name, notice_word(NOTICE_UNPLACED), &n) ||
        !state_run_by_id(l->state, n.run, &r) || r.job != c->entry->job)
        return false;
    struct stmt *q = state_runs_of_job(l->state, c->entry->job, UNPLACED_LOOK);
    while (!told && !placed && state_run_next(q, &r)) {
        told = r.id == n.run;
        placed = r.id != c->run && was_assigned(l, r.id);
    }
    stmt_end(q);
    return !placed;
}

/* Waits for a place for so long that its owners are told, if they want to hear of it. */
static void tell_unplaced(struct look *l, const struct candidate *c, const struct funnel *f)
{
    struct run_row r;
    char why[1024];
    const struct job *j = c->job;
    int64_t patience = j->late_s != NOT_GIVEN ? j->late_s * 1000 : LIMIT_NOTICE_UNPLACED_MS;
    if (c->entry->unplaced == c->run || !job_notifies(j, NOTICE_UNPLACED) ||
        state_level(l->state) < TRIES_LEVEL || !state_run_by_id(l->state, c->run, &r) ||
        l->now.wall.ms - wall_later(r.queued, jobs_run_starts_at(j, &r)).ms <= patience)
        return;
    c->entry->unplaced = c->run;
    if (is_told(l, c))
        return;
    funnel_text(f, why, sizeof why);
    look_update(l, c->entry, &r, notice_word(NOTICE_UNPLACED), why);
}

static void launch(struct look *l, const struct candidate *c)
{
    char name[JOB_TASK_ID_SIZE];
    struct demand d;
    struct place at;
    struct funnel funnel;
    struct run_row r;
    int64_t agent;
    demand_of_job(c->job, &d);
    d.spared = last_agent(l, c, &agent);
    bool found = place(l->placement, &d, l->rng, &at, &funnel);
    int64_t pong = found ? l->ears->pong(l->ears->data, at.agent) : 0;
    if (!found) {
        const struct urgency u = urgency_of(c);
        look_wait_for_place(l, c->entry, &u);
        tell_unplaced(l, c, &funnel);
    } else if (pong == 0) { /* it could not know that it is in time: the start lease (5.2) */
        look_again_in(l, c->entry, PONG_RETRY_MS);
    } else {
        bool own = c->has_arguments && state_run_by_id(l->state, c->run, &r);
        name_task(l, c, own ? r.arguments : NULL, name);
        write_launch(l, c, name, &d.needs, at.agent, pong);
        if (c->supersedes)
            supersede(l, c);
        c->entry->place_ms = 0;
        l->launches_left--;
    }
    mem_free(at.ports);
    resources_close(&d.needs);
}

void dispatch(struct look *l)
{
    l->named = map_new();
    if (l->n > 1)
        qsort(l->candidates, l->n, sizeof l->candidates[0], by_urgency);
    for (size_t i = 0; i < l->n; i++) {
        const struct candidate *c = &l->candidates[i];
        if (l->launches_left == 0 || !look_has_room(l))
            look_postpone(l, c->entry);
        else if (c->entry->no_place)
            continue; /* its other runs will find none either */
        else if (!job_overlaps(c->job) && look_other_is_ending(l, c))
            look_again_in(l, c->entry, OTHER_RETRY_MS);
        else
            launch(l, c);
    }
    map_free(l->named);
}

/* ---- what did not start */

const char *dispatch_missed(struct look *l, const struct job *job, const struct run_row *r)
{
    struct demand d;
    struct funnel f;
    if (l->led.wall.ms > r->deadline.ms)
        return "no-leader";
    if (was_assigned(l, r->id))
        return "no-start";
    if (job->broken != NULL)
        return "unreadable";
    demand_of_job(job, &d);
    bool fits = place_explain(l->placement, &d, &f);
    resources_close(&d.needs);
    if (fits)
        return "no-start";
    int64_t not_eligible = f.declined[REASON_ROLE] + f.declined[REASON_CONSTRAINT] +
                           f.declined[REASON_MAINTENANCE] + f.declined[REASON_DOCKER] +
                           f.declined[REASON_SILENT];
    return not_eligible == f.considered ? "no-eligible-node" : "no-resources";
}
