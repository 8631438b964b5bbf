/* tests/unit/agent/post.h - an agent with its record in a file, a pretended leader and executor.
 * What it does is a text, a line each. */
#pragma once

#include "unit.h"

#include "agent/agent.h"
#include "base/rng.h"
#include "support/tmp.h"

struct post {
    char folder[TMP_PATH_SIZE], path[TMP_PATH_SIZE];
    struct db *db;
    struct agent *agent;
    struct rng rng;
    struct outbox out;
    struct now now;
    uint64_t term;  /* of the leader that speaks */
    bool reopen;    /* the process dies after every commit, and comes back */
    int64_t pong;   /* the newest one it sent */
    int64_t routes; /* that this one names */
    struct buf done, shown;
};

#define CLUSTER "11111111-2222-4333-8444-555555555555"
void post_open(struct post *p); /* of CLUSTER */
void post_close(struct post *p);
/* The process dies, and comes back: nothing is found again yet. The second knows no cluster yet. */
void post_restart(struct post *p);
void post_restart_alone(struct post *p);

/* ' stands for ". */
void post_hear(struct post *p, const char *message); /* from the leader; term is added */
void post_run(struct post *p, int64_t task, int64_t pong, const char *more); /* "'once':true" */
void post_report(struct post *p, const char *status);                        /* from the executor */
void post_recovered(struct post *p);
void post_wiped(struct post *p, int64_t volume);
int post_cluster(struct post *p, const char *cluster, struct error *err);
void post_leader(struct post *p, uint64_t term);
void post_welcome(struct post *p);
void post_docker(struct post *p, const char *version, const char *reason);
void post_run_ms(struct post *p, int64_t ms);

/* Since the last time: "register docker= 5:running:2\n", "status 5:2 running\n", "launch 5\n",
 * "kill 5 why\n", "forget 5\n", "routes\n"; pongs are left out. */
const char *post_done(struct post *p);
/* Waits for recovery and a leader: what happens then is not shown. */
void post_settle(struct post *p);
int64_t post_rows(struct post *p, const char *table); /* in the file, by another connection */
