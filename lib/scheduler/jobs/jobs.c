#include "scheduler/jobs/jobs.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "scheduler/jobs/private.h"

#define CLAIMS_A_TURN 1000
#define LAUNCHES_A_TURN 1000
#define LOOKS_A_TURN 2000 /* at jobs */
#define WAKES_A_TURN 1000 /* of jobs that wait for a place */
#define FIRES_A_TURN 500
#define FILLS_A_TURN 5000        /* targets of backfills that are looked at */
#define GATHERED_BYTES (1 << 20) /* of one command; a look at 100 open runs adds some 15 KiB */
#define PLACE_RETRY_MS 50        /* how soon runs without a place are tried again, at first */
#define PLACE_RETRY_MS_MAX 2000
#define DROPPED_MS 50 /* from an order that was given back to the next one, at first */
#define DROPPED_MS_MAX 10000
#define IN_FLIGHT_MS 50 /* how soon others are looked for while a claim is in flight */
#define ASLEEP_MS 1000  /* longest sleep with a due ahead: the wall clock may be set */
#define KNOWN_MS 5000   /* a definition that nobody asked for so long is forgotten, or later */
#define KNOWN_BYTES (64 << 20) /* so much of them, sooner */

struct batch { /* the entries that one command in flight has marked */
    uint64_t key;
    struct entry **marked;
    size_t n, cap;
};

struct known { /* a definition that was read lately */
    int64_t generation;
    size_t bytes;
    struct job job;
    int64_t gone; /* no task goes on of a deleted job that was called so, up to this one */
};

struct jobs {
    struct state *state;
    struct rng *rng;
    bool leading;
    struct now led, seen; /* since when we lead; the last tick */
    struct map *entries;  /* job id -> struct entry */
    struct map *batches;  /* key -> struct batch */
    struct map *known;    /* job id -> struct known: those asked for since known_since */
    struct map *fading;   /* the same: those asked for in the time before that */
    size_t known_bytes;   /* of `known` */
    struct mono known_since;
    uint64_t next_key;
    uint64_t firing;      /* the key of job.fire while one is in flight */
    uint64_t trimming;    /* of job.trim likewise */
    struct mono trim_due; /* no sooner than that: the last one failed */
    struct list dirty;    /* entries to look at that nothing in flight concerns */
    struct list waiting;  /* entries with runs that found no place */
    bool freed;           /* something ended: they may find one now */
    struct mono place_due;
    int64_t filled;          /* the last backfill that had its turn */
    struct mono due;         /* the earliest of the entries'; never too late */
    struct wall due_wall;    /* the same */
    struct wall next_target; /* of all jobs */
};

/* ---------------- beginning and ending */

static void begin(struct jobs *j)
{
    j->entries = map_new();
    j->batches = map_new();
    j->known = map_new();
    j->fading = map_new();
    j->known_bytes = 0;
    list_init(&j->dirty);
    list_init(&j->waiting);
    j->firing = j->trimming = 0;
    j->trim_due = (struct mono){0};
    j->freed = false;
    j->due = MONO_NEVER;
    j->due_wall = WALL_NEVER;
    j->next_target = (struct wall){0};
}

struct jobs *jobs_new(struct state *state, struct rng *rng)
{
    struct jobs *j = NEW(struct jobs);
    j->state = state;
    j->rng = rng;
    begin(j);
    return j;
}

static void entry_free(struct entry *e)
{
    mem_free(e->watches);
    mem_free(e);
}

static void known_free(struct known *k)
{
    if (k == NULL)
        return;
    job_close(&k->job);
    mem_free(k);
}

static void forget_known(struct map *known)
{
    struct known *k;
    for (size_t cursor = 0; (k = map_each(known, &cursor)) != NULL;)
        known_free(k);
    map_free(known);
}

static void drop_known(struct jobs *j, int64_t job)
{
    struct known *k = map_remove(j->known, (uint64_t)job);
    if (k != NULL)
        j->known_bytes -= k->bytes;
    known_free(k);
    known_free(map_remove(j->fading, (uint64_t)job));
}

static void forget(struct jobs *j)
{
    struct entry *e;
    struct batch *b;
    for (size_t cursor = 0; (e = map_each(j->entries, &cursor)) != NULL;)
        entry_free(e);
    for (size_t cursor = 0; (b = map_each(j->batches, &cursor)) != NULL;) {
        mem_free(b->marked);
        mem_free(b);
    }
    forget_known(j->known);
    forget_known(j->fading);
    map_free(j->entries);
    map_free(j->batches);
}

void jobs_free(struct jobs *j)
{
    if (j == NULL)
        return;
    forget(j);
    mem_free(j);
}

/* ---------------- entries */

static struct entry *entry(struct jobs *j, int64_t job)
{
    struct entry *e = map_get(j->entries, (uint64_t)job);
    if (e == NULL) {
        e = NEW(struct entry);
        e->job = job;
        e->due = MONO_NEVER;
        e->due_wall = WALL_NEVER;
        list_init(&e->in_dirty);
        list_init(&e->in_waiting);
        map_put(j->entries, (uint64_t)job, e);
    }
    return e;
}

static void drop(struct jobs *j, struct entry *e)
{
    ASSERT(e->marks == 0);
    list_remove(&e->in_dirty);
    list_remove(&e->in_waiting);
    map_remove(j->entries, (uint64_t)e->job);
    entry_free(e);
}

static void dirty_entry(struct jobs *j, struct entry *e)
{
    if (e->marks == 0 && list_empty(&e->in_dirty))
        list_push(&j->dirty, &e->in_dirty);
}

static void dirty(struct jobs *j, int64_t job)
{
    if (job != 0)
        dirty_entry(j, entry(j, job));
}

void look_again_at(struct look *l, struct entry *e, struct wall at)
{
    e->due_wall = wall_earlier(e->due_wall, at);
    l->jobs->due_wall = wall_earlier(l->jobs->due_wall, at);
}

void look_again_in(struct look *l, struct entry *e, int64_t ms)
{
    struct mono at = mono_after(l->now.mono, ms > 0 ? ms : 1);
    e->due = mono_earlier(e->due, at);
    l->jobs->due = mono_earlier(l->jobs->due, at);
}

int urgency_compare(const struct urgency *a, const struct urgency *b)
{
    if (a->priority != b->priority)
        return a->priority > b->priority ? -1 : 1;
    if (a->due.ms != b->due.ms)
        return a->due.ms < b->due.ms ? -1 : 1;
    return a->run < b->run ? -1 : a->run > b->run;
}

/* An agent that comes alive again is no event: so not only ends wake it, but time too. */
void look_wait_for_place(struct look *l, struct entry *e, const struct urgency *u)
{
    e->no_place = true;
    e->wants_place = *u;
    if (list_empty(&e->in_waiting))
        list_push(&l->jobs->waiting, &e->in_waiting);
    e->place_ms = e->place_ms == 0 ? PLACE_RETRY_MS : e->place_ms * 2;
    if (e->place_ms > PLACE_RETRY_MS_MAX)
        e->place_ms = PLACE_RETRY_MS_MAX;
    look_again_in(l, e, e->place_ms);
}

void look_postpone(struct look *l, struct entry *e)
{
    dirty_entry(l->jobs, e);
}

/* ---------------- the feed */

/* What its agent has not started may be ordered again. */
static void note_run(struct jobs *j, const struct change *c)
{
    struct entry *e = entry(j, c->owner);
    if (c->before == RUN_ASSIGNED && c->state == RUN_QUEUED)
        e->dropped = true;
    else if (c->state == RUN_RUNNING)
        e->pause_ms = 0;
    if (c->before != RUN_ASSIGNED || c->state != RUN_RUNNING || !e->starts_quietly)
        dirty_entry(j, e);
}

static void note_task(struct jobs *j, const struct change *c)
{
    struct entry *e = c->owner != 0 ? entry(j, c->owner) : NULL;
    bool starts = (c->before == TASK_STAGING || c->before == TASK_STARTING) &&
                  (c->state == TASK_STARTING || c->state == TASK_RUNNING);
    if (e != NULL && (!starts || !e->starts_quietly))
        dirty_entry(j, e);
}

/* Tasks of apps come by too; their `of` is a path. */
static bool is_jobs_task(const struct change *c)
{
    return c->of != NULL && c->of[0] != '/';
}

void jobs_changed(struct jobs *j, const struct change *c)
{
    if (!j->leading)
        return;
    switch (c->kind) {
    case CHANGE_JOB_GONE:
        drop_known(j, c->id);
        dirty(j, c->id);
        break;
    case CHANGE_JOB:
        dirty(j, c->id);
        break;
    case CHANGE_RUN:
        note_run(j, c);
        break;
    case CHANGE_TASK:
        j->freed = j->freed || task_ended((enum task_state)c->state);
        if (is_jobs_task(c))
            note_task(j, c);
        break;
    case CHANGE_AGENT:
        j->freed = true;
        break;
    case CHANGE_APP:
    case CHANGE_APP_GONE:
    case CHANGE_DEPLOYMENT_BEGIN:
    case CHANGE_DEPLOYMENT_STEP:
    case CHANGE_DEPLOYMENT_END:
    case CHANGE_HEALTH:
    case CHANGE_READINESS:
    case CHANGE_NODE:
    case CHANGE_CALENDAR:
    case CHANGE_TOKEN:
    case CHANGE_VOLUME:
    case CHANGE_CALLBACK:
    case CHANGE_LATE_END:
    case CHANGE_NOTICE:
    case CHANGE_APPS_REFUSED:
    case CHANGE_GROUP:
        break;
    }
}

static void dirty_runs(struct jobs *j, struct stmt *q)
{
    struct run_row r;
    while (state_run_next(q, &r))
        dirty(j, r.job);
}

void jobs_lead(struct jobs *j, bool leading, struct now now, struct outbox *out)
{
    (void)out;
    forget(j);
    begin(j);
    j->leading = leading;
    j->led = j->seen = now;
    if (!leading)
        return;
    struct backfill_row b;
    struct stmt *q = state_backfills_open(j->state);
    while (state_backfill_next(q, &b))
        dirty(j, b.job);
    dirty_runs(j, state_runs_waiting(j->state, INT64_MAX));
    dirty_runs(j, state_runs_active(j->state));
    dirty_runs(j, state_runs_retrying(j->state, WALL_NEVER, INT64_MAX));
}

/* ---------------- marks */

static void mark(struct batch *b, struct entry *e)
{
    if (b->n == b->cap) {
        b->cap = b->cap == 0 ? 16 : b->cap * 2;
        b->marked = mem_realloc(b->marked, b->cap * sizeof b->marked[0]);
    }
    b->marked[b->n++] = e;
    e->marks++;
    list_remove(&e->in_dirty);
}

static void unmark(struct jobs *j, struct entry *e)
{
    ASSERT(e->marks > 0);
    e->marks--;
    dirty_entry(j, e);
}

void jobs_outcome(struct jobs *j, uint64_t key, const struct outcome *o, struct now now,
                  struct outbox *out)
{
    (void)out; /* done or refused, the next look tells */
    if (key == j->firing)
        j->firing = 0;
    if (key == j->trimming) { /* it told nobody of what is left */
        j->trimming = 0;
        j->trim_due = o->code == ERR_NONE ? now.mono : mono_after(now.mono, ASLEEP_MS);
    }
    struct batch *b = map_remove(j->batches, key);
    if (b == NULL)
        return; /* of an earlier leadership, or none */
    for (size_t i = 0; i < b->n; i++)
        unmark(j, b->marked[i]);
    mem_free(b->marked);
    mem_free(b);
}

/* ---------------- gathering commands */

static const struct {
    enum command_kind kind;
    const char *member;
} commands[GATHERED] = {
    [GATHER_TICK] = {COMMAND_JOB_TICK, "set"},      [GATHER_UPDATE] = {COMMAND_RUN_UPDATE, "set"},
    [GATHER_FILL] = {COMMAND_BACKFILL_TICK, "set"}, [GATHER_KILL] = {COMMAND_TASK_KILL, "tasks"},
    [GATHER_REPORT] = {COMMAND_TASK_UPDATE, "set"}, [GATHER_LAUNCH] = {COMMAND_TASK_LAUNCH, "runs"},
};

void look_put(struct look *l, enum gathered what, struct entry *e, struct json_writer *w)
{
    struct buf *items = &l->gathered[what].items;
    if (l->gathered[what].batch == NULL) {
        buf_init(items, LIMIT_ENTRY_BYTES);
        l->gathered[what].batch = NEW(struct batch);
    }
    if (items->len > 0)
        buf_putc(items, ',');
    json_begin(w, items);
    mark(l->gathered[what].batch, e);
}

void look_update_begin(struct look *l, struct entry *e, const struct run_row *r, const char *to,
                       const char *reason, struct json_writer *w)
{
    look_put(l, GATHER_UPDATE, e, w);
    json_object(w);
    json_member_int(w, "run", r->id);
    json_member_int(w, "attempt", r->attempt);
    json_member_str(w, "to", to);
    json_member_str(w, "reason", reason);
}

void look_update(struct look *l, struct entry *e, const struct run_row *r, const char *to,
                 const char *reason)
{
    struct json_writer w;
    look_update_begin(l, e, r, to, reason, &w);
    json_object_end(&w);
}

bool look_has_room(const struct look *l)
{
    for (int i = 0; i < GATHERED; i++)
        if (l->gathered[i].items.len > GATHERED_BYTES)
            return false;
    return true;
}

static void propose(struct look *l, enum gathered what, struct outbox *out)
{
    struct jobs *j = l->jobs;
    struct batch *b = l->gathered[what].batch;
    struct buf *items = &l->gathered[what].items;
    struct json_writer w;
    if (b == NULL)
        return;
    ASSERT(!buf_full(items));
    b->key = ++j->next_key;
    outbox_draft(out, commands[what].kind, (struct origin){.kind = ORIGIN_JOBS, .key = b->key}, &w);
    json_key(&w, commands[what].member);
    json_array(&w);
    json_put_raw(&w, buf_slice(items)); /* elements, already with their commas */
    json_array_end(&w);
    outbox_draft_end(out, &w);
    map_put(j->batches, b->key, b);
    buf_close(items);
}

/* ---------------- definitions */

static void keep_known(struct jobs *j, int64_t job, struct known *k)
{
    map_put(j->known, (uint64_t)job, k);
    j->known_bytes += k->bytes;
}

/* NULL: it is gone. Mostly nothing is read. */
static const struct known *known(struct jobs *j, int64_t job, int64_t generation)
{
    struct job_row row;
    struct known *k = map_get(j->known, (uint64_t)job);
    if (k == NULL && (k = map_remove(j->fading, (uint64_t)job)) != NULL)
        keep_known(j, job, k);
    if (k != NULL && k->generation == generation)
        return k;
    drop_known(j, job);
    if (!state_job_alone(j->state, job, &row))
        return NULL;
    k = NEW(struct known);
    k->generation = row.generation;
    job_load_any(row.definition, &k->job);
    k->bytes = sizeof *k + arena_bytes(&k->job.arena);
    keep_known(j, job, k);
    return k;
}

/* What is asked for again and again stays, whatever else there is. */
static void let_fade(struct jobs *j, struct now now)
{
    if (now.mono.ms < j->known_since.ms + KNOWN_MS && j->known_bytes < KNOWN_BYTES)
        return;
    forget_known(j->fading);
    j->fading = j->known;
    j->known = map_new();
    j->known_bytes = 0;
    j->known_since = now.mono;
}

bool jobs_run_spec(struct jobs *j, const struct task_row *t, struct buf *out)
{
    struct run_to_start r;
    if (!state_run_to_start(j->state, t->run, t->agent, &r))
        return false;
    const struct known *k = known(j, r.run.job, r.job_generation);
    if (k == NULL || k->job.broken != NULL)
        return false;
    write_run_spec(j->state, t, &r, &k->job, out);
    return true;
}

struct entry *look_entry(struct look *l, int64_t job)
{
    return entry(l->jobs, job);
}

bool look_is_marked(const struct look *l, int64_t job)
{
    const struct entry *e = map_get(l->jobs->entries, (uint64_t)job);
    return e != NULL && e->marks > 0;
}

const struct job *look_definition(struct look *l, int64_t job, int64_t generation)
{
    const struct known *k = known(l->jobs, job, generation);
    return k != NULL ? &k->job : NULL;
}

int64_t look_patience_ms(struct look *l, int64_t agent, struct wall deadline)
{
    int64_t left = l->ears->patience_ms(l->ears->data, agent, false);
    bool too_long = left > 0 && deadline.ms != 0 && deadline.ms <= l->now.wall.ms + left;
    return too_long ? l->ears->patience_ms(l->ears->data, agent, true) : left;
}

/* Who holds what is uncertain waits until it is said to have ended, or to be out of reach (3.8). */
static bool waits_for(struct look *l, const struct candidate *c, int64_t agent)
{
    return c->job->uncertain == UNCERTAIN_HOLD || look_patience_ms(l, agent, c->deadline) > 0;
}

/* A double of the job, or one of a deleted job that was called so. What has ended once is not read
 * again. */
bool look_other_is_ending(struct look *l, const struct candidate *c)
{
    bool waits = false, goes_on = false;
    struct known *k = map_get(l->jobs->known, (uint64_t)c->entry->job);
    struct stmt *q = state_doubles_of_job(l->state, c->entry->job);
    while (!waits && stmt_row(q))
        waits = waits_for(l, c, stmt_i64(q, 0));
    stmt_end(q);
    int64_t newest = state_gone_newest(l->state, c->job->name);
    if (waits || newest == 0 || (k != NULL && k->gone == newest))
        return waits;
    q = state_tasks_gone(l->state, c->job->name);
    for (; !waits && stmt_row(q); goes_on = true)
        waits = stmt_bool(q, 1) && waits_for(l, c, stmt_i64(q, 0));
    stmt_end(q);
    if (!goes_on && k != NULL)
        k->gone = newest;
    return waits;
}

/* ---------------- claiming what is due (3.5, B and C) */

/* Who has no entry has no run that is not over. */
static int64_t room_for_runs(struct look *l, int64_t job)
{
    if (map_get(l->jobs->entries, (uint64_t)job) == NULL)
        return LIMIT_JOB_OPEN_RUNS;
    int64_t room = LIMIT_JOB_OPEN_RUNS - state_runs_open_count(l->state, job);
    return room > 0 ? room : 0;
}

struct due {
    int64_t job, generation, k, remaining;
};

static void decided(struct look *l, const struct due *d, const struct job *job,
                    const struct job_aim *aim, const struct cursor_step *step)
{
    struct json_writer w;
    look_put(l, GATHER_TICK, entry(l->jobs, d->job), &w);
    json_object(&w);
    json_member_int(&w, "job", d->job);
    json_member_int(&w, "generation", d->generation);
    json_member_int(&w, "at_k", d->k);
    write_decision(job, aim, step, &w);
    json_object_end(&w);
    l->claims_left--;
}

/* Targets of one job; none of them if it has as many runs open as it may have. */
static void claim(struct look *l, const struct due *d)
{
    const struct job *job = look_definition(l, d->job, d->generation);
    struct job_cursor from = {.index = d->k, .remaining = d->remaining};
    struct cursor_step step;
    struct job_aim aim;
    if (job == NULL || job->broken != NULL)
        return;
    job_aim_load(l->state, job, &aim);
    cursor_tick(&aim.aim, &from, l->now.wall, room_for_runs(l, d->job), &step);
    if (step.cursor.index != d->k || step.next.ms > l->now.wall.ms)
        decided(l, d, job, &aim, &step); /* else it seemed due: an heir's, whose time is another */
    job_aim_close(&aim);
}
static void claim_all(struct look *l)
{
    if (state_jobs_next(l->state).ms > l->now.wall.ms)
        return;
    struct stmt *q = state_jobs_due(l->state, l->now.wall, INT64_MAX);
    while (l->claims_left > 0 && look_has_room(l) && stmt_row(q)) {
        const struct due d = {stmt_i64(q, 0), stmt_i64(q, 1), stmt_i64(q, 2), stmt_i64(q, 3)};
        if (!look_is_marked(l, d.job))
            claim(l, &d);
    }
    stmt_end(q);
}

/* ---------------- dependent jobs that have fired, more at once than one command runs (4.3) */

static void fire_all(struct jobs *j, struct outbox *out)
{
    struct json_writer w;
    if (j->firing != 0 || !state_any_fired(j->state))
        return;
    j->firing = ++j->next_key;
    outbox_draft(out, COMMAND_JOB_FIRE, (struct origin){.kind = ORIGIN_JOBS, .key = j->firing}, &w);
    json_member_int(&w, "most", FIRES_A_TURN);
    outbox_draft_end(out, &w);
}

/* ---------------- histories of which more is to go than one command trims (5.8) */

static void trim_more(struct jobs *j, struct now now, struct outbox *out)
{
    struct json_writer w;
    if (j->trimming != 0 || now.mono.ms < j->trim_due.ms || !state_any_to_trim(j->state))
        return;
    j->trimming = ++j->next_key;
    outbox_draft(out, COMMAND_JOB_TRIM, (struct origin){.kind = ORIGIN_JOBS, .key = j->trimming},
                 &w);
    outbox_draft_end(out, &w);
}

/* ---------------- the tick */

/* An agent whose clock is wrong, say, gives back whatever it gets. */
static void rest_after_drop(struct look *l, struct entry *e)
{
    if (!e->dropped)
        return;
    e->dropped = false;
    e->pause_ms = e->pause_ms == 0 ? DROPPED_MS : e->pause_ms * 2;
    if (e->pause_ms > DROPPED_MS_MAX)
        e->pause_ms = DROPPED_MS_MAX;
    e->rests_until = mono_after(l->now.mono, e->pause_ms);
}

static void look_at_job(struct look *l, struct entry *e)
{
    rest_after_drop(l, e);
    e->no_place = false;
    e->due = MONO_NEVER;
    e->due_wall = WALL_NEVER;
    list_remove(&e->in_dirty);
    list_remove(&e->in_waiting);
    if (!look_at_runs(l, e))
        drop(l->jobs, e);
}

static void look_at_all(struct look *l)
{
    struct jobs *j = l->jobs;
    for (; !list_empty(&j->dirty) && look_has_room(l) && l->looks_left > 0; l->looks_left--)
        look_at_job(l, LIST_ENTRY(j->dirty.next, struct entry, in_dirty));
}

static int by_wish(const void *x, const void *y)
{
    const struct entry *const *a = x, *const *b = y;
    return urgency_compare(&(*a)->wants_place, &(*b)->wants_place);
}

/* Runs without a place are tried again once something has ended, but not at each end, and of very
 * many the most urgent; what they leave free the others find when it is their time. */
static void wake_waiting(struct jobs *j, struct now now)
{
    size_t n = 0, i = 0;
    if (!j->freed || now.mono.ms < j->place_due.ms)
        return;
    j->freed = false;
    j->place_due = mono_after(now.mono, PLACE_RETRY_MS);
    LIST_EACH (item, &j->waiting)
        n++;
    struct entry **all = mem_zalloc((n + 1) * sizeof all[0]);
    LIST_EACH (item, &j->waiting)
        all[i++] = LIST_ENTRY(item, struct entry, in_waiting);
    if (n > WAKES_A_TURN)
        qsort(all, n, sizeof all[0], by_wish);
    for (i = 0; i < n && i < WAKES_A_TURN; i++)
        dirty_entry(j, all[i]);
    mem_free(all);
}

static void wake_due(struct jobs *j, struct now now)
{
    struct entry *e;
    if (now.mono.ms < j->due.ms && now.wall.ms < j->due_wall.ms)
        return;
    j->due = MONO_NEVER;
    j->due_wall = WALL_NEVER;
    for (size_t cursor = 0; (e = map_each(j->entries, &cursor)) != NULL;) {
        if (e->due.ms <= now.mono.ms || e->due_wall.ms <= now.wall.ms) {
            e->due = MONO_NEVER;
            e->due_wall = WALL_NEVER;
            dirty_entry(j, e);
        }
        j->due = mono_earlier(j->due, e->due);
        j->due_wall = wall_earlier(j->due_wall, e->due_wall);
    }
}

/* What is due already but could not be decided is in flight, or waits for a run of its job to end;
 * both come by themselves. But behind it in the order may stand jobs that are due in a moment. */
static void plan(struct jobs *j, struct now now)
{
    j->next_target = state_jobs_next(j->state);
    if (j->next_target.ms <= now.wall.ms)
        j->next_target.ms = now.wall.ms + (map_count(j->batches) > 0 ? IN_FLIGHT_MS : ASLEEP_MS);
}

void jobs_tick(struct jobs *j, struct placement *p, const struct jobs_ears *ears, struct now now,
               struct outbox *out)
{
    if (!j->leading)
        return;
    j->seen = now;
    let_fade(j, now);
    fire_all(j, out);
    trim_more(j, now, out);
    wake_waiting(j, now);
    wake_due(j, now);
    if (list_empty(&j->dirty) && now.wall.ms < j->next_target.ms)
        return;
    struct look l = {
        .jobs = j,
        .state = j->state,
        .rng = j->rng,
        .placement = p,
        .ears = ears,
        .now = now,
        .led = j->led,
        .claims_left = CLAIMS_A_TURN,
        .launches_left = LAUNCHES_A_TURN,
        .looks_left = LOOKS_A_TURN,
        .fills_left = FILLS_A_TURN,
        .filled = j->filled,
    };
    claim_all(&l);
    fill_all(&l);
    j->filled = l.filled;
    look_at_all(&l);
    dispatch(&l);
    for (int what = 0; what < GATHERED; what++)
        propose(&l, (enum gathered)what, out);
    mem_free(l.candidates);
    plan(j, now);
}

/* When the wall clock will show that, by the last tick's clocks. */
static struct mono mono_of(const struct jobs *j, struct wall at)
{
    if (at.ms == WALL_NEVER.ms)
        return MONO_NEVER;
    int64_t ms = at.ms - j->seen.wall.ms;
    return mono_after(j->seen.mono, ms < 0 ? 0 : ms < ASLEEP_MS ? ms : ASLEEP_MS);
}

struct mono jobs_due(const struct jobs *j)
{
    if (!j->leading)
        return MONO_NEVER;
    if (!list_empty(&j->dirty))
        return (struct mono){0};
    struct mono due = mono_earlier(j->due, mono_of(j, j->next_target));
    due = mono_earlier(due, mono_of(j, j->due_wall));
    if (j->trimming == 0 && state_any_to_trim(j->state)) /* a bound may have changed */
        due = mono_earlier(due, j->trim_due);
    return j->freed && !list_empty(&j->waiting) ? mono_earlier(due, j->place_due) : due;
}
