/* tests/sim/day.h - a simulated day, or many: a thousand jobs on three masters and two agents,
 * clients who change them, and a fault every few minutes (spec/chronos.md 10.6 to 10.9).
 *
 * What was asked, done, run and recorded goes into a folder, in the form of 10.8; the judge of it
 * is judge.py. Here only what every world has to keep is looked at, once a minute. */
#pragma once

#include <stdio.h>

#include "base/buf.h"
#include "model/run_spec.h"
#include "sim/world.h"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)
#define QUIET_MS (5 * MINUTE_MS) /* at the end: no faults, no clients */
#define ASKED_MAX 8              /* questions under way */

struct day_job {
    char name[24];
    size_t index;
    int group; /* of dependents, and of the job that each of them hangs on; -1: none */
    bool has_children;
    bool there, disabled, asked;
    bool sure;           /* what it is like: its last write was acknowledged */
    int64_t period_ms;   /* about, of its targets */
    int64_t rests_until; /* a question of before may yet be carried out */
    struct buf body;     /* as it is posted, but for its end */
};

#define DAY_CALENDARS 2 /* asked for before the first job */

struct asked {
    uint64_t exchange; /* 0: a free place */
    int64_t at, until;
    struct day_job *job;
    const char *op;
    int to;
    struct buf body;
};

enum fault_kind {
    FAULT_KILL_LEADER,
    FAULT_ISOLATE_LEADER,
    FAULT_KILL_ANY,
    FAULT_KILL_ALL,
    FAULT_PAUSE_LEADER,
    FAULT_DEAF,
    FAULT_RING,
    FAULT_SPLIT,
    FAULT_LOSS,
    FAULT_CLOCK_JUMP,
    FAULT_CLOCK_BACK,
    FAULT_DRIFT,
    FAULT_CUT_AGENT,
    FAULT_AGENT_DIES,
    N_DAY_FAULTS,
};

struct day {
    const struct day_options *options;
    struct rng rng;
    FILE *api, *runs, *faults, *own;
    struct day_job calendars[DAY_CALENDARS];
    struct day_job *jobs;
    size_t jobs_n, added;
    int64_t value; /* what was written last, each once */
    int64_t ask_due;
    struct asked asked[ASKED_MAX];
    int64_t fault_due, mend_due, kill_due; /* mend_due 0: no fault is on */
    enum fault_kind fault;
    int fault_node;
    unsigned down;    /* bits: nodes that come again when it is mended */
    int64_t drifted;  /* second */
    int64_t look_due; /* at what the system records, and whether all are equal */
    int64_t newest_run, newest_event;
    struct map *heard; /* run: when the leader heard of it last, in ms */
    int64_t *open;     /* runs that were not over when they were looked at last */
    size_t open_n, open_cap;
};

/* ---- day_jobs.c: what the jobs are like */

void day_jobs_init(struct day *d);
/* As the job is from now on: its body but for what every write says anew. */
void day_job_draw(struct day *d, struct day_job *j, int64_t wall);
bool day_job_waits(const struct day *d, const struct day_job *j); /* it has parents */
/* What its command says of how a process of it goes: "run 200 50" takes up to 200 ms, and 50 of a
 * thousand fail. */
void day_task_drawn(struct day *d, const char *command, int64_t *takes_ms, int *exit_code);

/* ---- day_faults.c */

void day_faults_act(struct world *w);
int64_t day_faults_due(const struct day *d);

/* ---- day_log.c */

bool day_log_open(struct day *d);
void day_log_close(struct day *d);
/* The runs that are over since the last time; or all the others, too. */
void day_log_own(struct world *w, bool all);
/* What is left of deleted jobs at the end, and which jobs are there; all that ended since then. */
void day_log_kept(struct world *w);
void day_log_answer(struct world *w, struct asked *q, const char *outcome, int status,
                    int64_t value);
void day_log_end(struct world *w);

/* ---- day_plants.c */

void day_plant_now(struct world *w); /* all are even */
void day_plant_clocks(struct world *w);
