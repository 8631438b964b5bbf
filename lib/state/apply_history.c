/* What is kept of runs that are over (spec/chronos.md 5.8). */
#include <stdio.h>

#include "base/assert.h"
#include "base/histogram.h"
#include "base/limits.h"
#include "base/str.h"
#include "state/private.h"

#define DAY_MS 86400000
#define STEP_RUNS 64      /* looked at at once */
#define STEPS_A_COMMAND 4 /* of a job's: the rest is left to job.trim */
#define TRIM_STEPS_MORE 8 /* than for what came: the rest has time */
#define WALKED_RUNS 1600  /* are looked at, about, of jobs that are visited in one command */
#define PART_SAMPLES 64
#define RUN_BYTES 500    /* of a run's rows and places in indexes, without its texts */
#define TASK_BYTES 700   /* the same of an attempt's */
#define GONE_BYTES 600   /* the same of a deleted job, without its definition */
#define GONE_FILLED 1000 /* targets of backfills that one command drops of a deleted job */

/* ---- runs */

static void add_to_old(struct apply *a, int64_t runs, int64_t bytes)
{
    a->s->old_more.runs += runs;
    a->s->old_more.bytes += bytes;
}

void history_resize(struct state *s)
{
    if (s->old_more.runs == 0 && s->old_more.bytes == 0)
        return;
    struct stmt *q = change_use(s, RUNS_OLD_RESIZE);
    stmt_bind_i64(q, ":runs", s->old_more.runs);
    stmt_bind_i64(q, ":bytes", s->old_more.bytes);
    stmt_run(q);
    s->old_more = (struct history_size){0};
}

static int64_t old_bytes_of_all(struct state *s)
{
    return state_history_size(s).bytes + s->old_more.bytes;
}

static int64_t old_bytes(struct state *s, int64_t run) /* 0: it is not old */
{
    struct stmt *q = change_use(s, RUN_OLD_BYTES);
    stmt_bind_i64(q, ":run", run);
    return stmt_one_i64(q, 0);
}

/* From MARKS_LEVEL on its own row says it, from FRESH_LEVEL on they are counted. */
static void not_newest(struct apply *a, int64_t run)
{
    if (a->s->level >= MARKS_LEVEL && a->s->level < FRESH_LEVEL)
        return;
    struct stmt *q = change_use(a->s, a->s->level < FRESH_LEVEL ? RUN_OVER_DROP : FRESH_DROP);
    stmt_bind_i64(q, ":run", run);
    stmt_run(q);
}

/* The deleted job whose run this is; 0: it is of none. */
static int64_t gone_job(struct apply *a, int64_t run)
{
    if (a->s->level < GONE_LEVEL)
        return 0;
    struct stmt *q = change_use(a->s, RUN_GONE);
    stmt_bind_i64(q, ":id", run);
    return stmt_one_i64(q, 0);
}

static void delete_job(struct apply *a, int64_t job)
{
    struct stmt *q = change_use(a->s, JOB_DELETE);
    stmt_bind_i64(q, ":id", job);
    stmt_run(q);
}

/* Of a deleted job its runs are all that there is to keep. */
static void drop_if_empty(struct apply *a, int64_t gone)
{
    if (stmt_one_i64(change_of_job(a, RUN_ANY, gone), 0) != 0)
        return;
    add_to_old(a, 0, -stmt_one_i64(change_of_job(a, GONE_BYTES_OF, gone), 0));
    delete_job(a, gone);
}

/* The run is about to be trimmed: a backfill must know that it was there, unless it was missed,
 * coalesced, excluded or cancelled. No row is looked up: callers hold one. */
static void forget_target(struct apply *a, int64_t run)
{
    if (a->s->level < LEVEL_BACKFILLS)
        return;
    struct stmt *q = change_use(a->s, FORGOTTEN_PUT);
    stmt_bind_i64(q, ":run", run);
    stmt_run(q);
}

/* Neither old nor among the newest any more. */
static void uncount(struct apply *a, int64_t run)
{
    if (a->s->level < HISTORY_LEVEL)
        return;
    int64_t bytes = old_bytes(a->s, run);
    if (bytes > 0)
        add_to_old(a, -1, -bytes);
    else
        not_newest(a, run);
}

void history_drop_run(struct apply *a, int64_t run)
{
    int64_t gone = gone_job(a, run);
    if (gone == 0)
        forget_target(a, run);
    uncount(a, run);
    struct stmt *q = change_use(a->s, TASKS_DROP_OF_RUN);
    stmt_bind_i64(q, ":run", run);
    stmt_run(q);
    q = change_use(a->s, RUN_DELETE);
    stmt_bind_i64(q, ":id", run);
    stmt_run(q);
    if (gone != 0)
        drop_if_empty(a, gone);
}

/* The first column of at most STEP_RUNS rows. */
static size_t list_runs(struct stmt *q, int64_t runs[STEP_RUNS])
{
    size_t n = 0;
    while (n < STEP_RUNS && stmt_row(q))
        runs[n++] = stmt_i64(q, 0);
    stmt_end(q);
    return n;
}

static size_t list_beyond(struct apply *a, int which, int64_t job, int64_t keep,
                          int64_t runs[STEP_RUNS])
{
    struct stmt *q = change_of_job(a, which, job);
    stmt_bind_i64(q, ":keep", keep > 0 ? keep : 0);
    return list_runs(q, runs);
}

/* A task of it lives: its end is waited for. */
static void hold(struct apply *a, int64_t run)
{
    struct stmt *q = change_use(a->s, RUN_HOLD);
    stmt_bind_i64(q, ":run", run);
    stmt_run(q);
}

/* From FRESH_LEVEL on once its tasks have ended. */
static void make_old(struct apply *a, int64_t run)
{
    struct stmt *q = change_use(a->s, RUN_OLD_ADD);
    stmt_bind_i64(q, ":run", run);
    if (a->s->level < MARKS_LEVEL)
        stmt_bind_i64(q, ":at", a->c->at.ms);
    stmt_bind_i64(q, ":run_bytes", RUN_BYTES);
    stmt_bind_i64(q, ":task_bytes", TASK_BYTES);
    stmt_run(q);
    if (a->s->level >= FRESH_LEVEL && db_changes(a->s->db) == 0) {
        hold(a, run);
        return;
    }
    add_to_old(a, 1, old_bytes(a->s, run));
    if (a->s->level < MARKS_LEVEL)
        not_newest(a, run);
}

/* Of the old ones of all jobs, the oldest: false when the first of them may stay. */
static bool drop_oldest(struct apply *a, const struct history_rules *rules)
{
    int64_t runs[STEP_RUNS], ended[STEP_RUNS];
    size_t n = 0;
    struct stmt *q = change_use(a->s, RUNS_OLD_FIRST);
    while (n < STEP_RUNS && stmt_row(q)) {
        runs[n] = stmt_i64(q, 0);
        ended[n++] = stmt_i64(q, 1);
    }
    stmt_end(q);
    for (size_t i = 0; i < n; i++) {
        if (ended[i] >= a->c->at.ms - rules->days * DAY_MS &&
            old_bytes_of_all(a->s) <= rules->bytes)
            return false;
        history_drop_run(a, runs[i]);
    }
    return n > 0;
}

/* False when the first of them may stay. */
static bool drop_old(struct apply *a, const struct history_rules *rules, size_t steps)
{
    for (; steps > 0; steps--)
        if (!drop_oldest(a, rules))
            return false;
    return true;
}

/* Of the fresh ones that are more than so many the first, which are looked at now. */
static size_t list_fresh(struct apply *a, int64_t job, struct fresh *f, int64_t keep,
                         int64_t runs[STEP_RUNS])
{
    size_t n = 0;
    int64_t more = f->n - (keep > 0 ? keep : 0);
    if (more <= 0)
        return 0;
    struct stmt *q = change_of_job(a, RUNS_FRESH, job);
    stmt_bind_i64(q, ":mark", f->mark_ms);
    stmt_bind_i64(q, ":limit", more < STEP_RUNS ? more : STEP_RUNS);
    while (n < STEP_RUNS && stmt_row(q)) {
        runs[n++] = stmt_i64(q, 0);
        f->mark_ms = stmt_i64(q, 1);
    }
    stmt_end(q);
    f->n -= (int64_t)n;
    return n;
}

/* Of one job what is beyond its newest; how many of the steps are left. */
static size_t make_fresh_old(struct apply *a, int64_t job, const struct history_rules *rules,
                             size_t steps)
{
    int64_t runs[STEP_RUNS];
    size_t n = STEP_RUNS;
    struct fresh f = fresh_of(a->s, job), before = f;
    for (; steps > 0 && n == STEP_RUNS; steps -= n > 0) {
        n = list_fresh(a, job, &f, rules->runs, runs);
        for (size_t i = 0; i < n; i++)
            make_old(a, runs[i]);
    }
    if (f.n != before.n)
        fresh_put(a->s, job, &f);
    return steps;
}

/* The same at any level. */
static size_t make_beyond_old(struct apply *a, int64_t job, const struct history_rules *rules,
                              size_t steps)
{
    int64_t runs[STEP_RUNS];
    size_t n = STEP_RUNS;
    if (a->s->level >= FRESH_LEVEL)
        return make_fresh_old(a, job, rules, steps);
    for (; steps > 0 && n == STEP_RUNS; steps -= n > 0) {
        n = list_beyond(a, RUNS_OVER_BEYOND, job, rules->runs, runs);
        for (size_t i = 0; i < n; i++)
            make_old(a, runs[i]);
    }
    return steps;
}

/* Likewise what is beyond the most. */
static size_t drop_beyond_most(struct apply *a, int64_t job, const struct history_rules *rules,
                               size_t steps)
{
    int64_t runs[STEP_RUNS], keep = rules->most - rules->runs;
    size_t n = STEP_RUNS;
    for (; steps > 0 && n == STEP_RUNS; steps -= n > 0) {
        n = list_beyond(a, RUNS_OLD_BEYOND, job, keep, runs);
        for (size_t i = 0; i < n; i++)
            history_drop_run(a, runs[i]);
    }
    return steps;
}

/* Of one job what is beyond its newest, or beyond the most; as far as so many steps go: false when
 * they were not enough. */
static bool trim_job(struct apply *a, int64_t job, const struct history_rules *rules, bool newest,
                     bool most, size_t steps)
{
    if (newest) {
        size_t left = make_beyond_old(a, job, rules, steps);
        drop_old(a, rules, TRIM_STEPS_MORE + steps - left);
        steps = left;
    }
    if (most)
        steps = drop_beyond_most(a, job, rules, steps);
    return steps > 0;
}

static void trim(struct apply *a, int64_t job, int64_t run)
{
    struct history_rules rules = state_history_rules(a->s);
    size_t steps = a->s->level < TRIMS_LEVEL ? SIZE_MAX : STEPS_A_COMMAND;
    bool newest = time_to_trim(run, rules.runs), most = time_to_trim(run, rules.most);
    if (!trim_job(a, job, &rules, newest, most, steps))
        stmt_run(change_of_job(a, TRIM_PUT, job));
}

static int64_t job_after(struct apply *a, int64_t job) /* 0: none */
{
    return stmt_one_i64(change_of_job(a, JOB_AFTER, job), 0);
}

/* None of a deleted job's runs stays whatever its age. */
static struct history_rules rules_of(struct apply *a, int64_t job, struct history_rules rules)
{
    if (state_job_is_gone(a->s, job))
        rules.runs = 0;
    return rules;
}

/* Visits the next jobs, as many as there is time for, and at last what is old of all. */
static void walk_on(struct apply *a, const struct history_rules *rules)
{
    int64_t at = a->s->level < WALKS_LEVEL ? -1 : stmt_one_i64(query_use(a->s, WALK), -1);
    if (at < 0)
        return;
    size_t jobs = (size_t)(WALKED_RUNS / rules->runs + 1), steps = STEPS_A_COMMAND;
    int64_t next = job_after(a, at);
    for (; jobs > 0 && next != 0; jobs--) {
        struct history_rules its = rules_of(a, next, *rules);
        steps = make_beyond_old(a, next, &its, steps);
        steps = drop_beyond_most(a, next, &its, steps);
        if (steps == 0)
            break;
        at = next;
        next = job_after(a, at);
    }
    if (!drop_old(a, rules, TRIM_STEPS_MORE) && next == 0)
        stmt_run(change_use(a->s, WALK_END));
    else
        stmt_run(change_of_job(a, WALK_TO, at));
}

void history_setting_put(struct apply *a, const char *key)
{
    for (size_t i = 0; i < HISTORY_SETTINGS && a->s->level >= WALKS_LEVEL; i++)
        if (str_eq(history_settings[i].key, key))
            stmt_run(change_of_job(a, WALK_TO, 0));
}

/* What a deleted job needs no more; false: there may be more of it. */
static bool drop_filled(struct apply *a, int64_t job)
{
    struct stmt *q = change_of_job(a, FILLED_DROP, job);
    stmt_bind_i64(q, ":most", GONE_FILLED);
    stmt_run(q);
    return db_changes(a->s->db) < GONE_FILLED;
}

/* {}: of the first job of which more is to go, some more goes; without any the walk goes on. */
int apply_job_trim(struct apply *a)
{
    struct history_rules all = state_history_rules(a->s);
    int64_t job = stmt_one_i64(change_use(a->s, TRIM_FIRST), 0);
    struct history_rules rules = rules_of(a, job, all);
    if (state_job_is_gone(a->s, job) && !drop_filled(a, job))
        return 0;
    if (job != 0 && trim_job(a, job, &rules, true, true, STEPS_A_COMMAND))
        stmt_run(change_of_job(a, TRIM_DROP, job));
    if (job == 0)
        walk_on(a, &all);
    return 0;
}

/* Below HISTORY_LEVEL: so many a job, whatever their age. */
static void trim_by_count(struct apply *a, int64_t job, int64_t run)
{
    int64_t runs[STEP_RUNS];
    if (!time_to_trim(run, LIMIT_JOB_RUNS))
        return;
    size_t n = list_beyond(a, RUNS_TO_TRIM, job, LIMIT_JOB_RUNS, runs);
    for (size_t i = 0; i < n; i++)
        history_drop_run(a, runs[i]);
}

/* ---- numbers */

/* What is counted of one end: up to five facts of one day. */
#define FACTS_OF_END 5
struct facts_of_end {
    size_t n;
    struct fact items[FACTS_OF_END];
};

static void add_fact(struct facts_of_end *f, enum day_fact fact, int bucket, int64_t n)
{
    f->items[f->n++] = (struct fact){fact, bucket, n};
}

static void add_time(struct facts_of_end *f, enum day_fact times, enum day_fact most, int64_t ms)
{
    ms = ms > 0 ? ms : 0;
    add_fact(f, times, bucket_of(ms), 1);
    add_fact(f, most, 0, ms);
}

static int64_t today(struct apply *a)
{
    return a->c->at.ms / DAY_MS;
}

/* An odd number of them. */
static void add_to_day(struct apply *a, int64_t job, int64_t day, const struct fact *facts,
                       size_t n)
{
    static const int with[] = {[1] = DAY_COUNT_1, [3] = DAY_COUNT_3, [5] = DAY_COUNT_5};
    ASSERT(n < sizeof with / sizeof with[0] && n % 2 == 1);
    struct stmt *q = change_use(a->s, with[n]);
    int at = 0;
    stmt_bind_i64_at(q, ++at, job); /* in their order, as there are many */
    stmt_bind_i64_at(q, ++at, day);
    for (size_t i = 0; i < n; i++) {
        stmt_bind_i64_at(q, ++at, facts[i].fact);
        stmt_bind_i64_at(q, ++at, facts[i].bucket);
        stmt_bind_i64_at(q, ++at, facts[i].n);
    }
    stmt_run(q);
}

static void trim_days(struct apply *a, int64_t job)
{
    struct stmt *q = change_of_job(a, DAYS_TRIM, job);
    stmt_bind_i64(q, ":day", today(a) - LIMIT_JOB_DAYS);
    stmt_run(q);
}

/* The newest of all. A part at a time goes, once the others hold enough. */
static void add_samples(struct apply *a, int64_t job, const int64_t *ms, size_t many)
{
    char text[ENDS_SAMPLES * 21];
    size_t len = 0;
    int64_t part = 0, n = 0;
    struct stmt *q = change_of_job(a, SAMPLES_LAST, job);
    if (stmt_row(q)) {
        part = stmt_i64(q, 0);
        n = stmt_i64(q, 1);
        stmt_end(q);
    }
    bool full = n >= PART_SAMPLES;
    for (size_t i = 0; i < many; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%lld", i > 0 ? "," : "",
                                (long long)ms[i]);
    q = change_of_job(a, SAMPLES_PUT, job);
    stmt_bind_i64(q, ":part", part + full);
    stmt_bind_i64(q, ":n", (int64_t)many);
    stmt_bind_text(q, ":ms", text);
    stmt_run(q);
    if (!full)
        return;
    q = change_of_job(a, SAMPLES_TRIM, job);
    stmt_bind_i64(q, ":part", part - (LIMIT_JOB_SAMPLES + PART_SAMPLES - 1) / PART_SAMPLES);
    stmt_run(q);
}

/* ---- the same, packed */

/* To where the facts of days are that are not the newest. */
static void move_facts(struct apply *a, struct ends *e)
{
    for (size_t at = 0, n; at < e->facts_n; at += n) {
        size_t left = e->facts_n - at;
        n = left >= 5 ? 5 : left >= 3 ? 3 : 1;
        add_to_day(a, e->job, e->day, e->facts + at, n);
    }
    e->facts_n = 0;
}

static void pack_facts(struct apply *a, struct ends *e, const struct facts_of_end *f)
{
    if (e->day != today(a) || e->facts_n + f->n > ENDS_FACTS)
        move_facts(a, e);
    e->day = today(a);
    for (size_t i = 0; i < f->n; i++)
        ends_add(e, &f->items[i]);
}

static void pack_sample(struct apply *a, struct ends *e, int64_t ms)
{
    if (e->samples_n == ENDS_SAMPLES) {
        add_samples(a, e->job, e->samples, e->samples_n);
        e->samples_n = 0;
    }
    e->samples[e->samples_n++] = ms;
}

/* ---- */

static void count_fresh(struct fresh *f, int64_t due_ms)
{
    f->mark_ms = f->n == 0 || due_ms < f->mark_ms ? due_ms : f->mark_ms;
    f->n++;
}

/* `sample`, and the run that is to be `fresh`: NULL for none. */
static void count_end(struct apply *a, int64_t job, const struct facts_of_end *f,
                      const int64_t *sample, const struct run_row *fresh,
                      const struct job_row *counted)
{
    if (a->s->level < PACKED_LEVEL) {
        if (f->n > 0)
            add_to_day(a, job, today(a), f->items, f->n);
        if (sample != NULL)
            add_samples(a, job, sample, 1);
        return;
    }
    struct ends e;
    ends_of(a->s, job, &e);
    if (f->n > 0)
        pack_facts(a, &e, f);
    if (sample != NULL)
        pack_sample(a, &e, *sample);
    if (fresh != NULL)
        count_fresh(&e.fresh, fresh->due.ms);
    ends_put(a->s, &e, counted);
}

/* spec/chronos.md 5.4: what an outcome does to the job's counters; below PACKED_LEVEL they stand
 * with its definition. */
static void count_outcome(struct apply *a, struct job_row *job, bool success)
{
    if (success) {
        job->successes++;
        job->errors_since_success = 0;
        job->last_success = a->c->at;
    } else {
        job->errors++;
        job->errors_since_success++;
        job->last_error = a->c->at;
    }
    if (a->s->level >= PACKED_LEVEL)
        return;
    struct stmt *q = change_use(a->s, JOB_COUNTERS);
    stmt_bind_i64(q, ":successes", job->successes);
    stmt_bind_i64(q, ":errors", job->errors);
    stmt_bind_i64(q, ":since", job->errors_since_success);
    if (job->last_success.ms != 0)
        stmt_bind_i64(q, ":last_success", job->last_success.ms);
    if (job->last_error.ms != 0)
        stmt_bind_i64(q, ":last_error", job->last_error.ms);
    stmt_bind_i64(q, ":id", job->id);
    bool known = memo_known(a->s, MEMO_JOB, job->id) != NULL;
    stmt_run(q);
    job_counted(a->s, job, known);
}

void history_success(struct apply *a, struct job_row *job)
{
    count_outcome(a, job, true);
    if (a->s->level >= PACKED_LEVEL)
        count_end(a, job->id, &(struct facts_of_end){0}, NULL, NULL, job);
}

static bool start_was_heard(struct apply *a, const struct run_row *r, enum run_state state,
                            struct wall ended)
{
    struct run_row over = *r;
    over.state = state;
    over.ended = ended;
    return a->s->level < WALKS_LEVEL || state_start_heard(a->s, &over);
}

static void make_newest(struct apply *a, const struct run_row *r)
{
    if (a->s->level >= MARKS_LEVEL)
        return;
    struct stmt *q = change_of_job(a, RUN_OVER_ADD, r->job);
    stmt_bind_i64(q, ":due", r->due.ms);
    stmt_bind_i64(q, ":run", r->id);
    stmt_run(q);
}

void history_over(struct apply *a, const struct run_row *r, enum run_state state, struct wall ended,
                  struct job_row *counted)
{
    if (counted != NULL)
        count_outcome(a, counted, state == RUN_SUCCESS);
    if (a->s->level < HISTORY_LEVEL) {
        trim_by_count(a, r->job, r->id);
        return;
    }
    bool fresh = state != RUN_COALESCED || a->s->level < TRIMS_LEVEL;
    if (!fresh)
        make_old(a, r->id); /* what did not run puts nothing that did out of its place */
    else
        make_newest(a, r);
    struct facts_of_end facts = {0};
    bool heard = start_was_heard(a, r, state, ended);
    add_fact(&facts, DAY_ENDS, (int)state, r->covers);
    bool fills = r->cause == CAUSE_BACKFILL && a->s->level >= FILLS_LEVEL;
    if (r->started.ms != 0 && heard && !fills)
        add_time(&facts, DAY_LATE, DAY_LATEST, r->started.ms - r->due.ms);
    if (state == RUN_SUCCESS && heard)
        add_time(&facts, DAY_TOOK, DAY_LONGEST, ended.ms - r->started.ms);
    int64_t wanted_ms = fills ? r->queued.ms : r->due.ms; /* nobody has waited since its target */
    int64_t sample = ended.ms > wanted_ms ? ended.ms - wanted_ms : 0;
    count_end(a, r->job, &facts, state == RUN_SUCCESS ? &sample : NULL, fresh ? r : NULL, counted);
    if (time_to_trim(r->id, LIMIT_JOB_RUNS))
        trim_days(a, r->job);
    trim(a, r->job, r->id);
}

static void move_newest(struct apply *a, const struct run_row *r, int64_t due_ms)
{
    if (a->s->level >= MARKS_LEVEL)
        return;
    struct stmt *q = change_of_job(a, RUN_OVER_MOVE, r->job);
    stmt_bind_i64(q, ":was", r->due.ms);
    stmt_bind_i64(q, ":run", r->id);
    stmt_bind_i64(q, ":due", due_ms);
    stmt_run(q);
}

void history_more(struct apply *a, const struct run_row *r, const struct new_run *n)
{
    move_newest(a, r, n->due_ms);
    struct facts_of_end facts = {0};
    add_fact(&facts, DAY_ENDS, (int)n->state, n->covers);
    count_end(a, r->job, &facts, NULL, NULL, NULL); /* its due is later: the mark stays true */
}

void history_forget_job(struct apply *a, int64_t job)
{
    if (a->s->level < HISTORY_LEVEL)
        return;
    struct stmt *q = change_of_job(a, RUNS_OLD_OF_JOB, job);
    int64_t runs = 0, bytes = 0;
    if (stmt_row(q)) {
        runs = stmt_i64(q, 0);
        bytes = stmt_i64(q, 1);
        stmt_end(q);
    }
    if (runs > 0)
        add_to_old(a, -runs, -bytes);
}

/* None of its runs is open any more. */
static void end_backfills(struct apply *a, int64_t job)
{
    bool kept = a->s->level >= GONE_BACKFILLS_LEVEL;
    struct stmt *q = change_of_job(a, kept ? BACKFILLS_END : BACKFILLS_DROP, job);
    if (kept)
        stmt_bind_i64(q, ":at", a->c->at.ms);
    stmt_run(q);
}

bool history_keep_job(struct apply *a, const struct job_row *job, char called[JOB_CALLED_SIZE])
{
    if (stmt_one_i64(change_of_job(a, RUN_ANY, job->id), 0) == 0) {
        delete_job(a, job->id);
        return false;
    }
    job_called(&(struct gone_row){.job = job->id, .name = job->name}, called);
    struct stmt *q = change_of_job(a, GONE_ADD, job->id);
    stmt_bind_text(q, ":name", job->name);
    stmt_bind_i64(q, ":at", a->c->at.ms);
    stmt_bind_text(q, ":by", by_whom(a));
    stmt_bind_i64(q, ":bytes", GONE_BYTES);
    stmt_run(q);
    q = change_use(a->s, JOB_GO);
    stmt_bind_i64(q, ":id", job->id);
    stmt_bind_text(q, ":called", called);
    stmt_run(q);
    stmt_run(change_of_job(a, DEPENDENT_DROP, job->id));
    q = change_use(a->s, EDGES_DROP);
    stmt_bind_i64(q, ":child", job->id);
    stmt_run(q);
    stmt_run(change_of_job(a, JOB_PAUSE_DROP, job->id));
    end_backfills(a, job->id);
    stmt_run(change_of_job(a, JOB_TIMES_DROP, job->id));
    stmt_run(change_of_job(a, JOB_CALENDARS_DROP, job->id));
    add_to_old(a, 0, stmt_one_i64(change_of_job(a, GONE_BYTES_OF, job->id), 0));
    stmt_run(change_of_job(a, TRIM_PUT, job->id));
    return true;
}

/* It was held: it is old, unless another task of it lives. */
static void release(struct apply *a, int64_t run)
{
    if (a->s->level < FRESH_LEVEL)
        return;
    struct stmt *q = change_use(a->s, RUN_RELEASE);
    stmt_bind_i64(q, ":run", run);
    stmt_run(q);
    if (db_changes(a->s->db) > 0)
        make_old(a, run);
}

void history_task_over(struct apply *a, int64_t job, int64_t run)
{
    release(a, run);
    if (state_job_is_gone(a->s, job))
        stmt_run(change_of_job(a, TRIM_PUT, job));
}

void history_used(struct apply *a, int64_t task, const struct usage *used)
{
    if (a->s->level < HISTORY_LEVEL || (used->mem_peak_bytes <= 0 && used->cpu_ms <= 0))
        return;
    struct stmt *q = change_use(a->s, USAGE_PUT);
    stmt_bind_i64(q, ":task", task);
    stmt_bind_i64(q, ":mem", used->mem_peak_bytes);
    stmt_bind_i64(q, ":cpu", used->cpu_ms);
    stmt_run(q);
}
