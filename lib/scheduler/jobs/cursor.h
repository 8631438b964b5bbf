/* lib/scheduler/jobs/cursor.h - what becomes of a job's targets as time passes them
 * (spec/chronos.md 3.5, A to C).
 *
 * A cursor is the index of the next undecided target (of a cron expression: at or after which it is
 * looked for) and the number of runs left. Each target is decided once: claimed (a run), missed
 * (WINDOW: its window is over), coalesced (CATCHUP: a later one runs in its place) or excluded (a
 * calendar says so). All but the claimed are ranges, one record each, so a step takes constant time
 * however long nobody looked, but with calendars some for each day of that; and what they do not
 * treat alike is decided one step after the other. Targets outside the job's time are no targets of
 * it: they are passed over without a record. Pure: who proposes a step names the index and
 * generation it began from; the state refuses it if either has moved. */
#pragma once

#include "base/calendar.h"
#include "model/job.h"

#define WINDOW_CATCHUP (-1) /* no window: the newest due target runs, however late */

/* Which targets a job has, and how it takes those that have passed. */
struct aim {
    const struct schedule *schedule;    /* past schedule_start_now */
    int64_t window_ms;                  /* or WINDOW_CATCHUP */
    int64_t jitter_ms;                  /* the longest: windows begin so much later */
    int64_t catchup_most;               /* of those that wait, then */
    struct wall starts, ends;           /* none before, none from then on; 0: no bound */
    const struct calendar_rules *rules; /* what they do not let pass is excluded; or NULL */
};
/* Of a job that is past job_start_now; borrows it. Without rules. */
struct aim aim_of_job(const struct job *job);

/* Consecutive targets; n is 0 when there are none. */
struct targets {
    int64_t first, last; /* indexes */
    int64_t n;           /* how many those are, which is not last - first + 1 by cron */
    struct wall first_due, last_due;
};

struct cursor_step {
    /* Neighbours with one due (iso8601.h) are one run: the state claims a due once. */
    struct targets claimed;
    struct targets missed;    /* used up; before those claimed */
    struct targets coalesced; /* cost no count; before those claimed */
    struct targets excluded;  /* then none of the others; cost what missed and coalesced ones do */
    int excluded_by;          /* as in struct calendar_span */
    struct job_cursor cursor; /* after the step: what is displayed follows it once it has moved */
    struct wall next;         /* when to step again; WALL_NEVER */
};

#define WALL_NEVER ((struct wall){INT64_MAX})

/* Where a schedule that is new at t begins: a cron expression with what comes from then on. */
struct job_cursor cursor_begin(const struct schedule *s, struct wall t);

/* The target that is decided next, or WALL_NEVER when no run is left, or none in the job's time. */
struct wall cursor_next(const struct aim *a, const struct job_cursor *c);
/* The next one that will run, to which the cursor goes; WALL_NEVER also when there is none within
 * the next decades. */
struct wall cursor_next_run(const struct aim *a, struct job_cursor *c);

/* The cursor goes behind that target, without a decision: for whoever shows the next ones. */
void cursor_skip(const struct aim *a, struct job_cursor *c);

/* Step A: a job is posted at t, from cursor_begin(), or is enabled again, from where it was (2.6,
 * rule 2). Targets that have passed are left behind without a record, but the newest that is still
 * in its window (WINDOW) or the newest at all that no calendar excludes (CATCHUP); it is claimed at
 * once if the job is enabled. In WINDOW mode what is left behind uses up the count: if that leaves
 * 0 of a cursor that had more, the job never runs and the answer warns. What lies before the job's
 * time is left behind in the same way, but not before that begins; when it is over, nothing is
 * decided any more. */
void cursor_accept(const struct aim *a, const struct job_cursor *from, struct wall t, bool enabled,
                   struct cursor_step *out);

/* Steps B and C, for an enabled job: decides all targets due at `now`, oldest first, but claims at
 * most claims_max; those that had no room stay due, and are missed when their window is over.
 * CATCHUP: the newest catchup_most are claimed. */
void cursor_tick(const struct aim *a, const struct job_cursor *from, struct wall now,
                 int64_t claims_max, struct cursor_step *out);

/* Of a CATCHUP job whose runs may not overlap at most catchup_most targets wait: when a newer one
 * is claimed, the oldest becomes COALESCED and its count comes back (3.8). */
void cursor_give_back(struct job_cursor *c);
