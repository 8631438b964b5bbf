/* tests/unit/scheduler/fleet.h - the apps mind over a state in memory, agents that only pretend,
 * and virtual time. A turn: agents report, the mind ticks, what it drafts is one entry, which is
 * applied at once unless entries are held. Time jumps to whatever is due next.
 *
 * An app's command, or a container's of a pod, says what its tasks do: "ok" runs on; "sick" is
 * unhealthy; "fails 500" ends by itself after so many ms, "ends 500" does so well; "hangs" never
 * starts; "slow 500" takes so long to start, "stays 500" to end. Words may be joined: "sick stays
 * 500". */
#pragma once

#include "unit.h"

#include "base/map.h"
#include "model/run_spec.h"
#include "scheduler/apps/apps.h"

#define FLEET_AGENTS 8
#define FLEET_START_MS 10  /* from an order to running */
#define FLEET_HEALTH_MS 20 /* from running to the first result of a check */
#define FLEET_END_MS 30    /* from a kill to the end */

struct fleet_task { /* a process on its agent */
    int64_t id, seq, agent;
    int64_t start_at, health_at, end_at; /* mono; INT64_MAX: never */
    int64_t stays_ms;                    /* from a kill to the end */
    bool sick, well, started, checked, killed, ended;
    const char *said; /* when it failed; NULL: as usual */
};

struct fleet_agent {
    int64_t id, uid;
    bool cut; /* reports nothing */
};

struct fleet_entry { /* drafted, not yet applied */
    struct buf text;
    struct origin *origins;
    size_t n;
    uint64_t term, proposed; /* proposed: its places */
};

struct fleet {
    struct db *db;
    struct state *state;
    struct watch watch;
    struct rng rng;
    struct apps *apps;
    struct placement *placement;
    struct outbox out;
    struct now now;
    uint64_t term, index;
    struct fleet_agent agents[FLEET_AGENTS];
    size_t agents_n;
    struct map *tasks; /* id -> struct fleet_task */
    bool held;
    struct fleet_entry entries[16];
    size_t entries_n;
    struct outcome last; /* of fleet_command() */
    int64_t turns, drafts;
    int64_t most; /* instances of one app alive at once */
    char text[2048];
};

void fleet_open(struct fleet *f);    /* leading, without agents, at level 1 */
void fleet_upgrade(struct fleet *f); /* to the newest level */
void fleet_close(struct fleet *f);

/* Members are laid over those of an agent that has enough of everything; ' stands for ". */
int64_t fleet_agent(struct fleet *f, const char *hostname, const char *members);
void fleet_cut(struct fleet *f, size_t agent);  /* unreachable at once */
void fleet_heal(struct fleet *f, size_t agent); /* back, with its tasks */

/* What a client wants, as the door would propose it: a new app, or one that replaces it. */
void fleet_put(struct fleet *f, const char *body);
void fleet_force(struct fleet *f, const char *body);
void fleet_restart(struct fleet *f, const char *path);
void fleet_delete(struct fleet *f, const char *path);
/* Several apps in one deployment, a step each, in that order. */
void fleet_put_in_steps(struct fleet *f, const char *const *bodies, size_t n);
void fleet_command(struct fleet *f, enum command_kind kind, const char *args);

void fleet_turn(struct fleet *f);
void fleet_run_ms(struct fleet *f, int64_t ms);
void fleet_release(struct fleet *f); /* what is held is applied, and no more is held */
void fleet_new_leader(struct fleet *f);

/* "2 running, 1 staging; old 1 killing", with "healthy" or "unhealthy"; "" when nothing lives. */
const char *fleet_list(struct fleet *f, const char *path);
struct app_row fleet_app(struct fleet *f, const char *path);
bool fleet_deploying(struct fleet *f);
/* Ids of the tasks that live, by id; how many. */
size_t fleet_tasks(struct fleet *f, const char *path, int64_t ids[static 64]);
struct task_row fleet_task(struct fleet *f, int64_t id);
/* What its agent is told to run; to be closed. */
struct run_spec fleet_spec(struct fleet *f, int64_t task);
/* "n1 n1 n2": where they are. */
const char *fleet_hosts(struct fleet *f, const char *path);
void fleet_status(struct fleet *f, int64_t task, enum task_state state);
void fleet_fails(struct fleet *f, int64_t task, const char *said); /* keeps said */
void fleet_health(struct fleet *f, int64_t task, int health);      /* of a running one */
/* What its readiness check, "up", answered: 200, or else 503. */
void fleet_readiness(struct fleet *f, int64_t task, bool ready);
/* One more instance on that agent, as if the mind had chosen it; the task. */
int64_t fleet_place(struct fleet *f, const char *path, int64_t agent);
