/* What is to be done about the runs of one job that are not over (spec/chronos.md 3.5 D and E, 3.8,
 * 3.9, 5). */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "model/status.h"
#include "scheduler/jobs/overlap.h"
#include "scheduler/jobs/private.h"

#define NOT_STARTED_MS 2500         /* lease and margin (5.2, step 3) */
#define EXPECTED_LOOK_MS 100        /* has the agent come? */
#define LOST_MS 60000               /* the loss timeout (5.2, step 6) */
#define KILL_LOOK_MS 5000           /* is the agent of a task that is being killed still there? */
#define SEQ_NOT_HEARD 1             /* refused if the agent has reported anything meanwhile */
#define SEQ_LAST (INT64_C(1) << 41) /* above any count of an agent's */

struct run_view {
    struct run_row r; /* but its texts */
    struct task_brief task;
    bool has_arguments;
    struct wall due; /* as in the id of its task */
    bool decided;    /* in this look */
};

struct runs { /* of one job, and what the look has found out so far */
    struct look *l;
    struct entry *e;
    struct job_row row; /* but its texts */
    const struct job *job;
    struct run_view *items; /* by due, a backfill's last */
    size_t n;
    struct attempt_watch *watches; /* those of this look */
    size_t watches_n;
    bool active;   /* an attempt stands in the way of others (3.8) */
    bool filling;  /* one of a backfill's does */
    bool starting; /* a run is a candidate, but no backfill's */
    bool retry_waiting;
    bool queued;      /* a run waits */
    bool superseding; /* the candidate pushes the waiting retry aside */
};

/* ---- gathering */

static int by_due(const void *x, const void *y)
{
    const struct run_view *a = x, *b = y;
    bool a_fills = a->r.cause == CAUSE_BACKFILL, b_fills = b->r.cause == CAUSE_BACKFILL;
    if (a_fills != b_fills)
        return a_fills ? 1 : -1;
    if (a->due.ms != b->due.ms)
        return a->due.ms < b->due.ms ? -1 : 1;
    return a->r.id < b->r.id ? -1 : 1;
}

static void gather(struct runs *s)
{
    struct run_to_look_at r;
    size_t cap = 0;
    struct stmt *q = state_runs_to_look_at(s->l->state, s->e->job);
    while (state_run_to_look_at_next(s->l->state, q, &r)) {
        if (s->n == cap) {
            cap = cap == 0 ? 4 : cap * 2;
            s->items = mem_realloc(s->items, cap * sizeof s->items[0]);
        }
        s->row = r.job;
        s->retry_waiting =
            s->retry_waiting || (r.run.state == RUN_RETRY_WAIT && r.run.cause != CAUSE_BACKFILL);
        s->queued = s->queued || r.run.state == RUN_QUEUED;
        s->items[s->n++] = (struct run_view){
            .r = r.run,
            .task = r.task,
            .has_arguments = r.run.arguments != NULL,
            .due = r.run.not_before.ms != 0 ? r.run.not_before : r.run.due,
        };
    }
    if (s->n > 1)
        qsort(s->items, s->n, sizeof s->items[0], by_due);
}

/* ---- attempts under way */

/* Remembers when this leader saw the attempt in this state first. Who goes out of reach before it
 * has started anything was waited for before. */
static struct attempt_watch *watch(struct runs *s, const struct task_brief *t)
{
    s->watches = mem_realloc(s->watches, (s->watches_n + 1) * sizeof s->watches[0]);
    struct attempt_watch *w = &s->watches[s->watches_n++];
    *w = (struct attempt_watch){.task = t->id, .state = t->state, .since = s->l->now.mono};
    for (size_t i = 0; i < s->e->watches_n; i++) {
        const struct attempt_watch *before = &s->e->watches[i];
        if (before->task != t->id)
            continue;
        if (before->state == t->state)
            *w = *before;
        else if (before->state == TASK_STAGING && t->state == TASK_UNREACHABLE &&
                 t->started.ms == 0)
            w->since = before->since;
    }
    return w;
}

static void keep_watches(struct runs *s)
{
    mem_free(s->e->watches);
    s->e->watches = s->watches;
    s->e->watches_n = s->watches_n;
}

/* Its agent says nothing about it: the leader does, so long after that. */
static bool give_up_after(struct runs *s, struct mono since, int64_t ms, const struct status *st)
{
    int64_t left = since.ms + ms - s->l->now.mono.ms;
    if (left > 0) {
        look_again_in(s->l, s->e, left);
        return false;
    }
    struct json_writer out;
    look_put(s->l, GATHER_REPORT, s->e, &out);
    status_write(st, &out);
    return true;
}

static bool give_up_unstarted(struct runs *s, const struct task_brief *t, struct mono since)
{
    const struct status st = {.task = t->id,
                              .seq = SEQ_NOT_HEARD,
                              .state = TASK_DROPPED,
                              .at = s->l->now.wall,
                              .message = NOT_SAID};
    return give_up_after(s, since, NOT_STARTED_MS, &st);
}

static bool give_up_lost(struct runs *s, const struct task_brief *t, const struct attempt_watch *w)
{
    const struct status st = {.task = t->id,
                              .seq = SEQ_LAST,
                              .state = TASK_LOST,
                              .at = s->l->now.wall,
                              .message = "its agent was out of reach for too long"};
    return give_up_after(s, w->since, LOST_MS, &st);
}

/* Nobody has heard that it started: another agent may start it as well (5.2, step 3). If that is
 * refused, something else was heard of it, and only time tells. */
static void give_up_out_of_reach(struct runs *s, const struct task_brief *t)
{
    struct attempt_watch *w = watch(s, t);
    bool doubtful = t->started.ms == 0 && s->job->uncertain != UNCERTAIN_HOLD && !w->doubted;
    if (doubtful)
        w->doubted = give_up_unstarted(s, t, w->since);
    else if (give_up_lost(s, t, w))
        w->since = s->l->now.mono; /* not at once again, should it be refused */
}

/* Who has not come yet since this leader leads keeps silent about nothing: the start may have been
 * told a leader who did not pass it on. He comes, or goes out of reach. */
static void give_up_silent(struct runs *s, const struct task_brief *t)
{
    struct attempt_watch *w = watch(s, t);
    if (s->job->uncertain == UNCERTAIN_HOLD)
        return;
    if (s->l->ears->expected(s->l->ears->data, t->agent)) {
        w->unheard = s->l->now.mono;
        look_again_in(s->l, s->e, EXPECTED_LOOK_MS);
        return;
    }
    if (give_up_unstarted(s, t, w->unheard.ms > w->since.ms ? w->unheard : w->since))
        w->since = s->l->now.mono;
}

static void kill_task(struct runs *s, int64_t task, const char *reason)
{
    struct json_writer w;
    look_put(s->l, GATHER_KILL, s->e, &w);
    json_object(&w);
    json_member_int(&w, "task", task);
    json_member_str(&w, "reason", reason);
    json_object_end(&w);
}

/* An asynchronous run may outlive its process: then its end alone is what is left to say. */
static void stop_attempt(struct runs *s, const struct run_row *r, const struct task_brief *t,
                         const char *reason)
{
    if (task_ended(t->state))
        look_update(s->l, s->e, r, "kill", reason);
    else if (t->state != TASK_KILLING)
        kill_task(s, t->id, reason);
}

static void limit_duration(struct runs *s, const struct run_row *r, const struct task_brief *t)
{
    char reason[96];
    int64_t max_ms = job_max_ms(s->job);
    if (max_ms == 0 || t->started.ms == 0)
        return;
    struct wall end = {t->started.ms + max_ms};
    if (s->l->now.wall.ms < end.ms) {
        look_again_at(s->l, s->e, end);
        return;
    }
    snprintf(reason, sizeof reason, "maxCompletionTime: ran longer than %lld s",
             (long long)(max_ms / 1000));
    stop_attempt(s, r, t, reason);
}

/* A task that is being killed keeps that state when its agent goes out of reach. */
static bool out_of_reach(struct runs *s, const struct task_brief *t)
{
    struct agent_row agent;
    return t->state == TASK_UNREACHABLE ||
           (t->state == TASK_KILLING && state_agent_by_id(s->l->state, t->agent, &agent) &&
            (agent.state == AGENT_UNREACHABLE || agent.state == AGENT_GONE));
}

/* Of the runs that wait, the first; 0: none has one. Who is never to wait has no time at all. */
static struct wall first_deadline(const struct runs *s)
{
    struct wall first = {0};
    if (s->job->overlap == OVERLAP_SKIP)
        return s->l->now.wall;
    for (size_t i = 0; i < s->n; i++) {
        const struct run_row *r = &s->items[i].r;
        if (r->state == RUN_QUEUED && r->deadline.ms != 0)
            first = first.ms == 0 ? r->deadline : wall_earlier(first, r->deadline);
    }
    return first;
}

/* A leader that suspects itself does not say so yet, and one whose agent's process has ended waits
 * for the next. */
static bool is_silent(struct runs *s, const struct task_brief *t)
{
    if (!s->queued || job_overlaps(s->job))
        return false;
    int64_t left = look_patience_ms(s->l, t->agent, first_deadline(s));
    if (left > 0)
        look_again_in(s->l, s->e, left);
    return left == 0;
}

static void look_at_attempt(struct runs *s, const struct run_view *v)
{
    const struct task_brief *t = &v->task;
    if (t->id == 0)
        return;
    bool gone = out_of_reach(s, t);
    /* not losing a target outranks not overlapping (3.8) */
    if (s->job->uncertain == UNCERTAIN_HOLD || (!gone && !is_silent(s, t)))
        *(v->r.cause == CAUSE_BACKFILL ? &s->filling : &s->active) = true;
    if (gone) {
        give_up_out_of_reach(s, t);
    } else if (t->state == TASK_STAGING) {
        give_up_silent(s, t);
    } else if (t->state == TASK_KILLING) {
        watch(s, t);
        look_again_in(s->l, s->e, KILL_LOOK_MS);
    } else {
        limit_duration(s, &v->r, t);
    }
}

/* ---- runs that wait */

static void update(struct runs *s, struct run_view *v, const char *to, const char *reason)
{
    look_update(s->l, s->e, &v->r, to, reason);
    v->decided = true;
}

static bool waits(const struct run_view *v)
{
    return v->r.state == RUN_QUEUED && !v->decided;
}

/* A target that has not been tried yet, of a job that catches up. */
static bool catches_up(const struct run_view *v)
{
    return waits(v) && v->r.cause == CAUSE_SCHEDULE && v->r.attempt == 0 && v->r.deadline.ms == 0;
}

/* It gives its count back to the cursor, if that has counted it. */
static void coalesce_one(struct runs *s, struct run_view *v, const struct aim *aim,
                         struct job_cursor *cursor)
{
    struct json_writer w;
    look_update_begin(s->l, s->e, &v->r, "coalesced", "a later target runs in its place", &w);
    if (v->r.generation == s->row.generation) {
        cursor_give_back(cursor);
        write_cursor(s->job, cursor, s->row.disabled ? WALL_NEVER : cursor_next(aim, cursor), &w);
    }
    json_object_end(&w);
    v->decided = true;
}

/* Of a job that catches up, and whose runs may not overlap, only the newest target waits, or so
 * many of them as it says, and none of those before them (3.8). */
static void coalesce(struct runs *s)
{
    int64_t newer = 0, most = job_catchup_most(s->job);
    const struct aim aim = aim_of_job(s->job);
    struct job_cursor cursor = {.index = s->row.k, .remaining = s->row.remaining, .moved = true};
    if (s->job->broken != NULL || job_overlaps(s->job))
        return;
    for (size_t i = s->n; i-- > 0;)
        if (catches_up(&s->items[i]) && newer++ >= most)
            coalesce_one(s, &s->items[i], &aim, &cursor);
}

static void kill_active(struct runs *s)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct run_view *v = &s->items[i];
        if (run_active(v->r.state) && v->r.cause != CAUSE_BACKFILL && v->task.id != 0)
            stop_attempt(s, &v->r, &v->task, "overlap: the next run is due");
    }
}

static void begin_run(struct runs *s, struct run_view *v, bool supersedes)
{
    struct look *l = s->l;
    if (l->n == l->cap) {
        l->cap = l->cap == 0 ? 64 : l->cap * 2;
        l->candidates = mem_realloc(l->candidates, l->cap * sizeof l->candidates[0]);
    }
    l->candidates[l->n++] = (struct candidate){
        .entry = s->e,
        .job = s->job,
        .run = v->r.id,
        .attempt = v->r.attempt,
        .priority = v->r.priority,
        .due = v->due,
        .deadline = v->r.deadline,
        .cause = v->r.cause,
        .has_arguments = v->has_arguments,
        .supersedes = supersedes,
    };
    v->decided = true;
    s->starting = s->starting || v->r.cause != CAUSE_BACKFILL;
    s->superseding = supersedes;
}

static void judge(struct runs *s, struct run_view *v)
{
    const struct overlap_others others = {
        .active = s->active, .retry_waiting = s->retry_waiting, .filling = s->filling};
    if (s->starting && !job_overlaps(s->job))
        return; /* one after the other */
    switch (overlap_judge(s->job, v->r.cause, v->r.attempt, others)) {
    case OVERLAP_STARTS:
        begin_run(s, v, false);
        break;
    case OVERLAP_SUPERSEDES:
        begin_run(s, v, true);
        break;
    case OVERLAP_WAITS:
        break;
    case OVERLAP_MISSES:
        update(s, v, "missed", "overlap");
        break;
    case OVERLAP_KILLS:
        kill_active(s);
        break;
    }
}

static void look_at_waiting(struct runs *s, struct run_view *v)
{
    bool stood_in_way = (s->active || s->filling) && !job_overlaps(s->job);
    if (s->row.disabled && !run_by_hand(v->r.cause)) {
        update(s, v, "cancelled", "the job is disabled");
        return;
    }
    if (v->r.deadline.ms != 0 && s->l->now.wall.ms > v->r.deadline.ms) {
        update(s, v, "missed", stood_in_way ? "overlap" : dispatch_missed(s->l, s->job, &v->r));
        return;
    }
    if (v->r.deadline.ms != 0)
        look_again_at(s->l, s->e, (struct wall){v->r.deadline.ms + 1});
    if (s->job->broken != NULL) /* until it is posted again */
        return;
    if (s->l->now.wall.ms < jobs_run_starts_at(s->job, &v->r).ms)
        look_again_at(s->l, s->e, jobs_run_starts_at(s->job, &v->r));
    else if (s->l->now.mono.ms < s->e->rests_until.ms)
        look_again_in(s->l, s->e, s->e->rests_until.ms - s->l->now.mono.ms);
    else
        judge(s, v);
}

static void look_at_retry(struct runs *s, struct run_view *v)
{
    if (s->row.disabled && !run_by_hand(v->r.cause))
        update(s, v, "cancelled", "the job is disabled");
    else if (s->superseding) /* decided with the launch, or in the next look */
        return;
    else if (v->r.not_before.ms <= s->l->now.wall.ms)
        update(s, v, "queue", "");
    else
        look_again_at(s->l, s->e, v->r.not_before);
}

bool look_at_runs(struct look *l, struct entry *e)
{
    struct runs s = {.l = l, .e = e};
    gather(&s);
    s.job = s.n > 0 ? look_definition(l, e->job, s.row.generation) : NULL;
    if (s.job == NULL) {
        mem_free(s.items);
        return false;
    }
    e->starts_quietly = job_max_ms(s.job) == 0;
    for (size_t i = 0; i < s.n; i++)
        if (run_active(s.items[i].r.state))
            look_at_attempt(&s, &s.items[i]);
    coalesce(&s);
    for (size_t i = 0; i < s.n; i++)
        if (waits(&s.items[i]))
            look_at_waiting(&s, &s.items[i]);
    for (size_t i = 0; i < s.n; i++)
        if (s.items[i].r.state == RUN_RETRY_WAIT)
            look_at_retry(&s, &s.items[i]);
    keep_watches(&s);
    mem_free(s.items);
    return true;
}
