/* lib/scheduler/jobs/private.h - what the files of the jobs mind share. */
#pragma once

#include "base/buf.h"
#include "base/list.h"
#include "scheduler/jobs/cursor.h"
#include "scheduler/jobs/jobs.h"

/* ---------------- jobs.c: what the mind remembers; all of it can be forgotten at any time */

/* An attempt that may have to be given up: since when this leader has seen it so. */
struct attempt_watch {
    int64_t task;
    enum task_state state; /* STAGING: not heard of yet; UNREACHABLE */
    struct mono since;
    struct mono unheard; /* its agent was still expected then; 0: it never was */
    bool doubted;        /* out of reach: it was asked whether it may be given to another */
};

#define NOT_SAID "its agent did not say that it had started it" /* of an attempt in doubt */

struct urgency { /* of a run that may start: what comes first (3.5 D) */
    int64_t priority;
    struct wall due;
    int64_t run;
};

struct entry { /* a job to be looked at, or with runs that are not over */
    int64_t job;
    unsigned marks;      /* commands in flight that concern it: not looked at until their outcome */
    bool starts_quietly; /* no limit of time begins when an attempt starts: it changes nothing */
    bool no_place;       /* in this tick no agent would take a run of it */
    int64_t place_ms;    /* how long it waits until it is tried again */
    struct urgency wants_place;
    bool dropped;     /* since the last look an agent has given an order back */
    int64_t pause_ms; /* after the last such one; 0: none since a run of it started */
    struct mono rests_until;
    struct list in_dirty, in_waiting;
    struct mono due; /* to be looked at then although nothing happens */
    struct wall due_wall;
    struct attempt_watch *watches;
    size_t watches_n;
    int64_t unplaced; /* the last run of whose waiting this leader told the owners; 0: none */
};

struct candidate { /* a run that may start now, if an agent takes it */
    struct entry *entry;
    const struct job *job;
    int64_t run, attempt;
    int64_t priority;
    struct wall due, deadline; /* due: for the task's id, unless that is taken */
    enum run_cause cause;
    bool has_arguments; /* of its own */
    bool supersedes;    /* the retry of its job that waits */
};

/* The commands of one tick, each over a set. */
enum gathered {
    GATHER_TICK,
    GATHER_FILL,
    GATHER_UPDATE,
    GATHER_KILL,
    GATHER_REPORT,
    GATHER_LAUNCH,
    GATHERED
};

struct look {
    struct jobs *jobs;
    struct state *state;
    struct rng *rng;
    struct placement *placement;
    const struct jobs_ears *ears;
    struct now now, led; /* led: since when this node leads */
    struct {
        struct buf items; /* elements of the set */
        struct batch *batch;
    } gathered[GATHERED];
    int64_t claims_left, launches_left, looks_left;
    int64_t fills_left, filled; /* targets of backfills; the last backfill that had its turn */
    struct candidate *candidates;
    size_t n, cap;
    struct map *named; /* what the tasks of this tick are called: hashes */
};

/* Begins an element of that command's set, about the entry's job, which it marks: write a value. */
void look_put(struct look *l, enum gathered what, struct entry *e, struct json_writer *w);
/* The same of run.update: an object with what each has, to be ended; and the whole of it. */
void look_update_begin(struct look *l, struct entry *e, const struct run_row *r, const char *to,
                       const char *reason, struct json_writer *w);
void look_update(struct look *l, struct entry *e, const struct run_row *r, const char *to,
                 const char *reason);
/* False: what is decided already is enough for this tick's commands. */
bool look_has_room(const struct look *l);
struct entry *look_entry(struct look *l, int64_t job);
bool look_is_marked(const struct look *l, int64_t job);
/* NULL: the job is gone. They live until the tick ends. */
const struct job *look_definition(struct look *l, int64_t job, int64_t generation);
/* So long may an agent that says nothing stand in the way of a run of that deadline (0: none), not
 * being said to be out of reach yet: a target may not have the time for all of it (3.8). */
int64_t look_patience_ms(struct look *l, int64_t agent, struct wall deadline);
/* Is a task being ended that no run is about any more, and that it would overlap with? */
bool look_other_is_ending(struct look *l, const struct candidate *c);
void look_again_at(struct look *l, struct entry *e, struct wall at);
void look_again_in(struct look *l, struct entry *e, int64_t ms);
/* It waits for an agent with room, for that run. */
void look_wait_for_place(struct look *l, struct entry *e, const struct urgency *u);
int urgency_compare(const struct urgency *a, const struct urgency *b); /* the first is less */
/* It had its turn, but there was no room in the commands: the next tick goes on. */
void look_postpone(struct look *l, struct entry *e);

/* ---------------- runs.c: decides about the runs of one job */

/* True if there is anything to wait for: false lets the entry be forgotten. */
bool look_at_runs(struct look *l, struct entry *e);

/* ---------------- backfill.c: makes the next runs of backfills */

void fill_all(struct look *l);

/* ---------------- dispatch.c: gives runs to agents */

/* All candidates, the most urgent first (3.5 D). */
void dispatch(struct look *l);
/* Why a run that waited did not start in time (3.5 E). */
const char *dispatch_missed(struct look *l, const struct job *job, const struct run_row *r);

/* ---------------- spec.c */

void write_run_spec(struct state *state, const struct task_row *t, const struct run_to_start *r,
                    const struct job *job, struct buf *out);

/* ---------------- put.c: members of commands */

/* "schedule" and "next_ms", as they are when the cursor stands there. */
void write_cursor(const struct job *job, const struct job_cursor *cursor, struct wall next,
                  struct json_writer *w);
/* All that a step decides: cursor, displayed schedule, claims, what was passed over. */
void write_step(const struct job *job, const struct cursor_step *step, bool enabled,
                struct json_writer *w);

/* The same of an enabled job, with the calendars that it was decided by. */
void write_decision(const struct job *job, const struct job_aim *aim,
                    const struct cursor_step *step, struct json_writer *w);

static inline int64_t job_priority(const struct job *job)
{
    return job->high_priority ? 1 : 0;
}
