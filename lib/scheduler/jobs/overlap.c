#include "scheduler/jobs/overlap.h"

enum overlap_verdict overlap_judge(const struct job *j, enum run_cause cause, int64_t attempt,
                                   struct overlap_others others)
{
    bool target = cause == CAUSE_SCHEDULE && attempt == 0; /* only these push others aside */
    if (job_overlaps(j))
        return OVERLAP_STARTS;
    if (cause == CAUSE_BACKFILL) /* how many of those run at once the backfill says */
        return others.active ? OVERLAP_WAITS : OVERLAP_STARTS;
    if (others.filling && !others.active)
        return OVERLAP_WAITS; /* no policy costs a backfill its run */
    if (!others.active)
        return target && others.retry_waiting ? OVERLAP_SUPERSEDES : OVERLAP_STARTS;
    if (!target)
        return OVERLAP_WAITS;
    switch (j->overlap) {
    case OVERLAP_NOT_GIVEN:
    case OVERLAP_WAIT:
    case OVERLAP_ALLOW:
        return OVERLAP_WAITS;
    case OVERLAP_SKIP:
        return OVERLAP_MISSES;
    case OVERLAP_KILL:
        return OVERLAP_KILLS;
    }
    return OVERLAP_WAITS;
}
