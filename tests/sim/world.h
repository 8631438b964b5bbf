/* tests/sim/world.h - a whole cluster on virtual time, in one process: the real nodes, on real
 * SQLite files, behind simulated hands (style 4).
 *
 * A world is a queue of (time, sequence, what) popped by one loop; the same seed plays the same
 * world to the byte, which the trace's hash shows. */
#pragma once

#include "base/heap.h"
#include "node/node.h"
#include "proxy/routes.h"
#include "support/faultvfs.h"
#include "support/tmp.h"

#define WORLD_NODES_MAX 5

/* How often what goes wrong, per thousand. */
struct faults {
    int drop, repeat, delay; /* of frames */
    int crash;               /* of turns: the machine or process dies somewhere in it */
    int lose, tear;          /* of crashes: what was not synced is gone, or torn */
    int cut;                 /* of seconds: one node is cut off for a while */
    int die;                 /* of task seconds: a task fails by itself */
    int jump;                /* of seconds: a node's wall clock jumps ahead by up to 3 s */
    int stop;                /* of seconds: a node is told to stop, and starts again */
};

struct world_options {
    uint64_t seed;
    int nodes;
    struct faults faults;
    int64_t trouble_ms; /* so long the faults go on */
    int64_t wish_ms;    /* between two wishes of the clients, about */
    int64_t heal_ms;    /* then everything must be as wanted within this */
    bool plain;         /* clients write only what makes nothing run */
    bool verbose;
};

struct sim_task { /* a process on a simulated machine: it outlives its node */
    int64_t id;
    char *name, *of;
    enum owner owner;
    struct wall started;
    int64_t ends_ms;       /* mono; by itself; INT64_MAX: never */
    int64_t kill_ms;       /* mono; told to end, gone then */
    int64_t grace_ms;      /* from being told to being gone at the latest */
    enum task_state state; /* RUNNING, or how it ended */
    int exit_code;
    bool killed;
};

struct frame { /* on its way */
    struct heap_item item;
    int64_t at;
    int to; /* position of the node */
    struct event event;
};

struct world;

struct sim_node {
    struct world *w;
    int position;
    uint64_t id, store;
    char state_path[TMP_PATH_SIZE], agent_path[TMP_PATH_SIZE], folder[TMP_PATH_SIZE], vfs_name[48];
    char name[16], address[24];
    struct faultvfs *vfs;
    struct node *node; /* NULL: down */
    struct hands hands;
    struct rng rng;
    struct event *inbox;
    size_t inbox_n, inbox_cap;
    int64_t busy_until, up_at, cut_until, wall_ahead_ms;
    int64_t unheard_ms; /* until then it was down or cut off */
    struct sim_task *tasks;
    size_t tasks_n, tasks_cap;
    struct proxy_routes routes; /* what its proxy was told since it is up */
    uint64_t applied;
    struct stmt *recount;   /* NULL: not prepared */
    int64_t reported_until; /* tasks ended up to then have been reported */
};

struct write { /* what a client was told is done */
    char name[32];
    int64_t instances; /* of an app; -1: deleted */
    bool job;
    bool pending; /* sent, not answered: either may be true */
};

struct world {
    struct world_options options;
    struct rng rng, stops; /* the latter: who is told to stop, and when it is back */
    char folder[TMP_PATH_SIZE];
    int64_t mono, wall0;
    uint64_t seq, trace;
    struct sim_node nodes[WORLD_NODES_MAX];
    struct heap frames;   /* by time, then in the order of sending */
    struct map *leaders;  /* term -> node that led in it */
    struct map *sums;     /* index -> struct sum */
    struct map *started;  /* a run and its task's name -> struct start */
    struct write *writes; /* by name, the newest */
    size_t writes_n;
    uint64_t next_exchange;
    int64_t turns, crashes, stopped, restarts, acked, refused;
    struct client *client;
    char failure[512], unsettled[128]; /* what is not as wanted yet */
};

/* Plays one world; 0, or -1 with what went wrong in w->failure. */
int world_play(const struct world_options *options, struct world *w);
void world_close(struct world *w);

/* ---- between the files of the simulator */
bool fail_world(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void trace(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool chance(struct world *w, int per_thousand);
void deliver(struct world *w, int to, int64_t delay_ms, struct event *e); /* takes e */

/* tasks.c: the simulated machines */
void task_launch(struct sim_node *n, int64_t task, struct slice run_spec);
void task_end(struct sim_node *n, int64_t task);
void task_forget(struct sim_node *n, int64_t task);
void tasks_pass(struct sim_node *n);  /* time has passed: some have ended */
void tasks_found(struct sim_node *n); /* after a restart: reports what is there */
int64_t tasks_due(const struct sim_node *n);
void tasks_free(struct sim_node *n);

/* client.c: what people do, and what they were told */
void client_act(struct world *w);
void client_answer(struct world *w, struct answer *a);
int64_t client_due(const struct world *w);
void client_close(struct world *w);

/* checks.c */
bool check_step(struct world *w, struct sim_node *n);
bool check_settled(struct world *w); /* everything is as wanted now */
bool check_end(struct world *w);
void checks_stop(struct sim_node *n); /* its database is about to be closed */
