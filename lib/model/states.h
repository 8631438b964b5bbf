/* lib/model/states.h - the small integers that stand in the state, and their words.
 *
 * The words are those of the dashboard and the command line; each door has its own beside them.
 * Never renumber: they are on disk. Pure. */
#pragma once

#include <stdbool.h>

enum mode { MODE_MASTER = 1, MODE_SCHEDULER = 2, MODE_AGENT = 4 };
#define MODES_ALL 7u
#define MODES_TEXT_SIZE 24
static inline bool modes_serve(unsigned modes) /* it has a replica, and answers for the cluster */
{
    return (modes & (MODE_MASTER | MODE_SCHEDULER)) != 0;
}
const char *modes_text(unsigned modes, char dst[MODES_TEXT_SIZE]); /* "master,agent" */
bool modes_parse(const char *text, unsigned *out); /* in any order; at least one, none twice */

enum agent_state { AGENT_READY, AGENT_DRAINING, AGENT_DRAINED, AGENT_UNREACHABLE, AGENT_GONE };

enum owner { OWNER_APP, OWNER_JOB };

/*  STAGING -> STARTING -> RUNNING -> FINISHED | FAILED
 *  any of them -> KILLING -> KILLED;  any <-> UNREACHABLE;  any -> LOST
 *  (spec/marathon.md 6.6, spec/mesos.md 3.3) */
enum task_state {
    TASK_STAGING,
    TASK_STARTING,
    TASK_RUNNING,
    TASK_KILLING,
    TASK_UNREACHABLE,
    TASK_FINISHED, /* from here on: ended */
    TASK_FAILED,
    TASK_KILLED,
    TASK_ERROR,
    TASK_GONE,
    TASK_DROPPED, /* never started */
    TASK_LOST,
};
#define TASK_STATES 12
static inline bool task_ended(enum task_state s)
{
    return s >= TASK_FINISHED;
}
/* What an instance of several tasks is: the first, in the order of spec/marathon.md 6.6, that any
 * of them is. */
enum task_state task_state_of_both(enum task_state x, enum task_state y);
const char *task_state_word(enum task_state s);                /* "staging" */
const char *task_state_mesos(enum task_state s);               /* "TASK_STAGING" */
bool task_state_parse(const char *word, enum task_state *out); /* either form */
const char *agent_state_word(enum agent_state s);

enum run_cause { CAUSE_SCHEDULE, CAUSE_MANUAL, CAUSE_DEPENDENCY, CAUSE_BACKFILL };
#define RUN_CAUSE_LAST CAUSE_BACKFILL
static inline bool run_by_hand(enum run_cause c) /* somebody asked for it: also of a disabled job */
{
    return c == CAUSE_MANUAL || c == CAUSE_BACKFILL;
}

/* When a job with parents fires (spec/chronos.md 4). */
enum job_depends {
    DEPENDS_NOT_GIVEN, /* as ALL */
    DEPENDS_ALL,       /* when each edge has been met since it fired last */
    DEPENDS_ANY,       /* whenever one is met */
    DEPENDS_ROUND,     /* when all are met by runs that one run began */
};
/* The ends of a parent's run at which an edge is met: bits. An end that is excused counts as both
 * (softError). */
#define JOB_ENDS_SUCCESS 1
#define JOB_ENDS_FAILURE 2
#define JOB_ENDS_KILLED 4
#define JOB_ENDS_ANY 7

/* spec/chronos.md 5.1 */
enum run_state {
    RUN_QUEUED,
    RUN_ASSIGNED,
    RUN_RUNNING,
    RUN_SUCCESS,
    RUN_FAILED,
    RUN_KILLED,
    RUN_LOST,
    RUN_MISSED,
    RUN_RETRY_WAIT,
    RUN_COALESCED,
    RUN_CANCELLED,
    RUN_SUPERSEDED,
    RUN_EXCLUDED, /* a calendar keeps its target from running */
};
#define RUN_STATE_LAST RUN_EXCLUDED
static inline bool run_active(enum run_state s)
{
    return s == RUN_ASSIGNED || s == RUN_RUNNING;
}
static inline bool run_over(enum run_state s)
{
    return s != RUN_QUEUED && !run_active(s) && s != RUN_RETRY_WAIT;
}
const char *run_state_word(enum run_state s); /* "ok", "missed", … (faces: one vocabulary) */
const char *run_cause_word(enum run_cause c);

enum noun {
    NOUN_APP,
    NOUN_TASK,
    NOUN_JOB,
    NOUN_RUN,
    NOUN_NODE,
    NOUN_DEPLOYMENT,
    NOUN_SERVICE,
    NOUN_TOKEN,
    NOUN_CALENDAR
};
#define NOUN_LAST NOUN_CALENDAR
const char *noun_word(enum noun n);
