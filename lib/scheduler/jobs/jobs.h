/* lib/scheduler/jobs/jobs.h - runs jobs when they are due: claims targets, dispatches runs, retries
 * (spec/chronos.md 3.5, 5). A mind, only on the leader; level-triggered: every look reads the state
 * anew and takes the next step. Pure.
 *
 * From propose to outcome a job is marked and not looked at again; the marks die with the
 * leadership. What a step saw (generation, cursor, attempt) stands in its command, and the state
 * refuses it if that has moved. */
#pragma once

#include "model/outbox.h"
#include "scheduler/jobs/cursor.h"
#include "scheduler/placement/placement.h"
#include "state/state.h"

struct jobs;

struct jobs *jobs_new(struct state *state, struct rng *rng);
void jobs_free(struct jobs *j); /* accepts NULL */

void jobs_lead(struct jobs *j, bool leading, struct now now, struct outbox *out);
void jobs_changed(struct jobs *j, const struct change *c);
/* What the leader hears of agents. */
struct jobs_ears {
    /* The newest pong of one, 0 when it may get no run now. */
    int64_t (*pong)(const void *data, int64_t agent);
    /* So many ms more it may be silent; 0: what runs there is as good as out of reach. Whose
     * process has ended may be so for longer, unless who asks is hurried. */
    int64_t (*patience_ms)(const void *data, int64_t agent, bool hurried);
    /* It has not come yet since this leader leads: what it has to say nobody has heard. */
    bool (*expected)(const void *data, int64_t agent);
    const void *data;
};
void jobs_tick(struct jobs *j, struct placement *p, const struct jobs_ears *ears, struct now now,
               struct outbox *out);
void jobs_outcome(struct jobs *j, uint64_t key, const struct outcome *o, struct now now,
                  struct outbox *out);
/* When to tick although nothing happens. Never more than a second away while anything is due later:
 * dues are wall times, and the wall clock may be set. */
struct mono jobs_due(const struct jobs *j);

/* The run_spec of a run's task, for MESSAGE_RUN; false when the job is gone. */
bool jobs_run_spec(struct jobs *j, const struct task_row *t, struct buf *out);

/* From when on a run that waits may start: jitter may keep it. No later than its window begins, if
 * the job had another jitter when it was claimed. */
struct wall jobs_run_starts_at(const struct job *job, const struct run_row *r);

/* An aim with the job's calendars as they are now: to be closed before they change. It borrows the
 * job. */
struct job_aim {
    struct aim aim;
    int64_t version; /* of all calendars */
    struct arena arena;
};
void job_aim_load(struct state *s, const struct job *job, struct job_aim *out);
void job_aim_close(struct job_aim *a);
/* The calendar that is meant by struct calendar_span's `by`; NULL: none of those that it must be
 * in. */
const char *job_excluded_by(const struct job *job, int by);
/* When the job runs next, which no calendar excludes; 0: not at all. */
struct wall jobs_next_run(struct state *s, const struct job_row *row);
/* The same of one that has been read (jobs_load_any). */
struct wall job_next_run(struct state *s, const struct job_row *row, const struct job *job);

enum put_runs {
    PUT_RUNS_NEVER, /* the job is right, but none of its runs will ever be due (3.5 A.3): warn */
    PUT_RUNS_LATER,
    PUT_RUNS_NOW, /* one is due as soon as it is there */
};
/* Writes the arguments of job.put for a job that a client sent (2.6, 3.5 A): cursor, displayed
 * schedule, claims. `old` NULL: a new job. The state's level says how they are written. `w` stands
 * inside the open object of the command. */
enum put_runs jobs_write_put(struct state *s, struct job *new_job, const struct job_row *old,
                             struct wall now, struct json_writer *w);
/* Whether a schedule that was posted beside a cron expression is what was shown of it, now or of
 * the job that is replaced (NULL: none); whether the calendars are there; and whether they and a
 * time to be valid in leave any run. ERR_INVALID. `keeps`: who posted what was shown without the
 * expression knows none, and the job keeps it. */
int jobs_check(struct state *s, struct job *new_job, const struct job_row *old, bool keeps,
               struct wall now, struct error *err) MUST_CHECK;
/* Whether a job is deleted in one go: who waits for it gets what it waits for
 * (spec/chronos.md 4.6). ERR_LIMIT. */
int jobs_check_delete(struct state *s, const struct job_row *job, struct error *err) MUST_CHECK;
/* The arguments of job.trigger for a run that a client asks for; blank `arguments`, or NULL, are
 * none; `environment` an object of texts, or NULL. */
void jobs_write_trigger(const struct job *job, const char *arguments,
                        const struct json *environment, struct wall now, struct json_writer *w);
/* What a backfill of the job from `from` to below `to` would do. */
struct backfill_plan {
    int64_t runs, passed;    /* passed: targets that have run, or may have, which nobody knows */
    struct wall first, last; /* of the targets that run; 0: none does */
    struct wall end;         /* where to stop so that no more than `limit` run; else `to` */
};
/* ERR_LIMIT: more targets than a backfill may have, or as many were backfilled as are kept. */
int jobs_plan_backfill(struct state *state, const struct job_row *row, struct wall from,
                       struct wall to, bool again, int64_t limit, struct backfill_plan *out,
                       struct error *err) MUST_CHECK;
/* An element of job.resume: the disabled job goes on where it is (3.9, 2.6 rule 2). */
void jobs_write_resume(struct state *s, const struct job_row *row, struct wall now,
                       struct json_writer *w);
void jobs_take_counters(const struct job_row *row, struct job *j);
/* The job as clients see it now: definition, cursor and counters of the row together. */
int jobs_load(const struct job_row *row, struct job *out, struct error *err) MUST_CHECK;
/* The same when what is stored of it cannot be read (job_load_any): what the row says is so. */
void jobs_load_any(const struct job_row *row, struct job *out);
