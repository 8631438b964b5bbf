/* lib/scheduler/jobs/overlap.h - may a run start beside the others of its job? (spec/chronos.md
 * 3.8). Pure; a table. */
#pragma once

#include "model/job.h"
#include "model/states.h"

/* What the job's other runs do. An attempt is active when it is assigned or running on an agent
 * that is reachable, or has been out of reach for less than the unreachable grace; with
 * `startUncertain: hold`, until it is lost. */
struct overlap_others {
    bool active;
    bool retry_waiting; /* another run's retry, due or not; but a backfill's */
    bool filling;       /* a backfill's run is active; of those alone `active` says nothing */
};

enum overlap_verdict {
    OVERLAP_STARTS,
    OVERLAP_SUPERSEDES, /* it starts; the waiting retry becomes SUPERSEDED, its run failed */
    OVERLAP_WAITS,      /* WINDOW: until its start deadline, then MISSED(overlap) */
    OVERLAP_MISSES,     /* MISSED(overlap), at once */
    OVERLAP_KILLS,      /* the active attempt is killed; it starts when that has ended */
};

/* attempt: of the run that wants to start; above 0 it is a retry. */
enum overlap_verdict overlap_judge(const struct job *j, enum run_cause cause, int64_t attempt,
                                   struct overlap_others others);
