/* tests/unit/scheduler/harness.h - the jobs mind over a state in memory, agents that only pretend,
 * and virtual time. A turn: the mind ticks, what is proposed becomes one entry, the entry is
 * applied, outcomes and changes go back, agents report. Time jumps to whatever is due next.
 *
 * A job's command says what its runs do: "takes 2000 exits 1,0": two seconds, the first attempt
 * fails, the second and all later ones do not. */
#pragma once

#include "unit.h"

#include "scheduler/jobs/jobs.h"

#define HARNESS_AGENTS 4
#define HARNESS_ENTRIES 4096 /* held at once */
#define HARNESS_COMMIT_MS 2  /* from proposing to applied */
#define HARNESS_START_MS 3   /* from an order to the start */

struct pretended { /* a task on its agent */
    int64_t task, seq;
    char name[JOB_TASK_ID_SIZE];
    int64_t start_at, end_at, takes_ms; /* mono; 0: not yet */
    int exit;
    bool started, ended, killed, dropped;
};

struct pretender { /* an agent */
    int64_t id, uid, pong;
    bool cut;       /* nothing reaches it or leaves it */
    int64_t cut_at; /* mono */
    bool closed;    /* its process has ended as well: it is waited for longer */
    bool given_up;  /* the state says unreachable */
    bool deaf;      /* has pongs, but takes no orders: they get lost */
    bool quiet;     /* alive, without a pong yet */
    bool expected;  /* it has not come yet since this leader leads */
    bool repeat;    /* there is a new leader: what was reported may be lost */
    struct pretended *tasks;
    size_t n, cap;
};

struct start {
    char name[JOB_NAME_MAX + 1];
    int64_t due_ms, attempt, agent;
    struct wall at, ended; /* ended 0: not yet */
};

struct harness {
    struct db *db;
    struct state *state;
    struct watch watch;
    struct rng rng;
    struct jobs *jobs;
    struct outbox out;
    struct now now;
    uint64_t term, index;
    bool leading;
    bool suspects; /* itself: nobody is said to be out of reach (master/README.md) */
    bool held;     /* what is proposed is not committed: it waits in `entries` */
    struct proposed {
        struct buf entry;
        uint64_t term;
        struct origin *origins; /* of its commands */
        size_t n;
    } entries[HARNESS_ENTRIES];
    size_t entries_n;
    struct pretender agents[HARNESS_AGENTS];
    size_t agents_n;
    struct start *starts;
    size_t starts_n, starts_cap;
    int64_t turns;
    bool will_run;     /* of the last post */
    char refused[200]; /* what the last wish was refused with, or "" */
    char text[8192];
};

/* Of the moment, "2026-03-01T10:00:00Z"; leading, without agents. */
void harness_open(struct harness *h, const char *at);
void harness_close(struct harness *h);
int64_t harness_agent(struct harness *h, const char *hostname, int cpus, int mem_mib);

/* Until that moment, turn by turn. */
void harness_run(struct harness *h, const char *until);
void harness_run_ms(struct harness *h, int64_t ms);
void harness_turn(struct harness *h);
void harness_jump(struct harness *h, int64_t ms); /* the wall clock is set */
/* What is held is committed, or lost with a leader. */
void harness_release(struct harness *h);
void harness_lose(struct harness *h);
/* Another node leads, in a new term: this mind forgets everything, as a new one would. */
void harness_new_leader(struct harness *h);
/* Nobody leads from now on. */
void harness_no_leader(struct harness *h);
void harness_outage(struct harness *h, const char *until); /* no leader until then */
void harness_cut(struct harness *h, size_t agent);
void harness_end_process(struct harness *h, size_t agent); /* what it runs lives on */
void harness_heal(struct harness *h, size_t agent);

/* A client's wish, applied at once. The body is JSON with ' for ". */
void harness_post(struct harness *h, enum job_face face, const char *body);
void harness_trigger(struct harness *h, const char *name, const char *arguments);
void harness_resume(struct harness *h, const struct job_row *row); /* as it was read */
void harness_delete(struct harness *h, const char *name);
void harness_command(struct harness *h, enum command_kind kind, const char *args);

/* "10:08:00/0 10:10:00/1": due and attempt of each start of that job, as they came. */
const char *harness_starts(struct harness *h, const char *name);
/* "10:08:00 ok, 10:10:00 missed(overlap) x3": its runs, by due. */
const char *harness_runs(struct harness *h, const char *name);
const char *harness_shown(struct harness *h, const char *name); /* its schedule */
struct job_row harness_job(struct harness *h, const char *name);
/* How long after its due the latest start of a first attempt was. */
int64_t harness_latest_ms(const struct harness *h);
struct wall harness_wall(const char *text);
