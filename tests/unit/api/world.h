/* tests/unit/api/world.h - a cluster's state, its minds and all doors in one place, without sockets
 * and without a log: what a request proposes is applied at once, in term 1. */
#pragma once

#include "api/door.h"
#include "scheduler/apps/apps.h"
#include "scheduler/jobs/jobs.h"

struct world {
    struct db *db; /* in memory, at the newest level */
    struct state *state;
    struct api *api;
    struct apps *apps;
    struct jobs *jobs;
    struct rng rng;
    struct now now; /* from 2024-05-01T09:30:00.000Z on; world_pass() */
    uint64_t index;
    struct facts facts;           /* a test may change them between requests */
    struct buf published[TOPICS]; /* whole events, since the test last cleared it */
    /* once, after a request has proposed and before that is applied */
    void (*meanwhile)(struct world *w);
    int64_t led_to; /* whom the leadership was handed over to last; -1: nobody */
    /* private */
    struct watch watch;
    struct rng breaks;
    int64_t seq;
};

#define WORLD_CLUSTER "c1c1c1c1-0000-4000-8000-000000000000" /* agents are "…-S0", "…-S1" */

void world_open(struct world *w);
void world_close(struct world *w);
void world_pass(struct world *w, int64_t ms);

/* One command with these arguments. It must be done, unless `outcome` is asked for: then the caller
 * closes that. */
void world_apply(struct world *w, enum command_kind kind, const char *args,
                 struct outcome *outcome);

/* An agent that is ready: 4 cpus, 4 GiB of memory, 10 GiB of disk, ports 31000-31999, Docker. Its
 * address is its host name. Returns its id. */
int64_t world_agent(struct world *w, const char *hostname);
int64_t world_agent_in(struct world *w, const char *hostname, int64_t node); /* not in node 1 */

/* The minds look, and what they propose is applied, until they want nothing more. */
void world_tick(struct world *w);
/* What an agent tells of a task. `message` may be NULL. */
void world_status(struct world *w, int64_t task, enum task_state state, const char *message);
/* Its health, and what the checks showed (a JSON array; NULL: one result like the whole). */
void world_health(struct world *w, int64_t task, int health, const char *results);
/* What its readiness checks answered (a JSON array). */
void world_readiness(struct world *w, int64_t task, const char *results);
/* What its check that only informs said. */
void world_check(struct world *w, int64_t task, struct check_result said);
/* Agents start what is staging and end what is to be killed. True if there was anything. */
bool world_agents_work(struct world *w);
/* Both of them, until nothing happens any more. */
void world_settle(struct world *w);

/* Plays one request and fills *out, which the caller closes. A question is asked several times
 * before, and its reading broken off. */
void world_request(struct world *w, const struct request *r, struct reply *out);
/* The same from texts: "GET /v2/apps". `headers` are lines or "", `body` may be NULL. */
void world_play(struct world *w, const char *listener, const char *line, const char *headers,
                const char *body, struct reply *out);
