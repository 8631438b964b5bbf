/* tests/sim/world.h - a whole cluster on virtual time, in one process: the real nodes, on real
 * SQLite files, behind simulated hands (style 4).
 *
 * A world is a queue of (time, sequence, what) popped by one loop; the same seed plays the same
 * world to the byte, which the trace's hash shows. */
#pragma once

#include "base/heap.h"
#include "base/limits.h"
#include "model/token.h"
#include "node/node.h"
#include "proxy/routes.h"
#include "support/faultvfs.h"
#include "support/tmp.h"

#define MASTERS_MAX 5
#define WORLD_NODES_MAX 16

/* How often what goes wrong, per thousand. */
struct faults {
    int drop, repeat, delay; /* of frames */
    int crash;               /* of turns: the machine or process dies somewhere in it */
    int lose, tear;          /* of crashes: what was not synced is gone, or torn */
    int error;               /* of turns: one write or sync fails */
    int stall;               /* of turns: its COMMIT takes 200 ms */
    int abort;               /* of fetched snapshots */
    int die;                 /* of task seconds: a task fails by itself */
    /* of seconds, each for one node: */
    int cut;     /* it hears nobody, and nobody hears it */
    int deaf;    /* it does not hear one other */
    int split;   /* the network falls in two */
    int pause;   /* it stands still for up to 1.5 s */
    int jump;    /* its wall clock jumps by up to 3 s, ahead or back */
    int full;    /* its disk is full for a while */
    int process; /* its process is killed, its tasks live */
    int host;    /* its machine dies, and the tasks with it */
    int storm;   /* its process is killed again and again */
    int stop;    /* it is told to stop, and starts again */
    int wrong;   /* it is told that its tables are wrong, and takes another's */
    /* how far, per thousand: */
    int drift; /* clocks run too fast or too slow */
};

/* What is broken on purpose, so that its check is seen to notice (plants.c). */
enum plant {
    PLANT_NONE,
#define PLANTS(X)                                                                      \
    X(TWO_LEADERS, "two leaders in term", "every vote says yes")                       \
    X(PREFIX, "differ in entry", "a row of one log is changed")                        \
    X(SUMS, "differ at index", "a row of one follower's state is changed")             \
    X(COUNTS, "counts", "what the leader counts along is changed")                     \
    X(OVERCOMMIT, "over-committed", "what an agent uses is changed")                   \
    X(LOST, "differ in entry", "no disk syncs what it says it did")                    \
    X(LIE, "which it cannot be", "a client is told yes instead of no leader")          \
    X(STALE_READ, "was read as", "reads do not ask the leader")                        \
    X(TWICE, "was started on", "a run is started on a second machine, too")            \
    X(TWO_PLACES, "lives on", "a task is started on a second machine, too")            \
    X(UNORDERED, "nobody ordered", "a machine starts what it likes")                   \
    X(EARLY, "before it was due", "the clocks are wrong, and it is said they are not") \
    X(MISSED, "was missed", "runs were missed though there was all the time for them") \
    X(UNRECORDED, "has no record", "runs vanish from all states")                      \
    X(PHANTOM, "after its end", "a machine starts runs far too late")                  \
    X(OVERLAP, "while another", "a run is said to have ended and goes on")             \
    X(EPOCH, "of an older term", "an entry says that it was of an older term")         \
    X(ROUTES, "has other routes", "a proxy's routes are lost on the way")              \
    X(SILENCE, "not as wanted", "a majority never hears each other again")             \
    X(EXIT, "stopped", "a disk fails, and it is said that it does not")                \
    X(GROWTH, "rows of its log", "no log is ever cut")                                 \
    X(HOARD, "are kept", "machines never forget what has ended")                       \
    X(TIMID, "masters vote", "masters join as schedulers")
#define X(name, ...) PLANT_##name,
    PLANTS(X)
#undef X
        N_PLANTS,
};

/* What is broken on purpose in a simulated day (day_plants.c); each shows in what it leaves behind.
 */
enum day_plant {
    DAY_PLANT_NONE,
#define DAY_PLANTS(X)                                          \
    X(SILENT, "a machine says that it ran what it did not")    \
    X(TWICE, "an attempt is started on a second machine, too") \
    X(STRANGE, "a machine runs what nobody asked for")         \
    X(GOES_ON, "a run is said to have ended and goes on")      \
    X(COUNT, "a job runs more often than it may")              \
    X(EARLY, "all clocks are ahead")                           \
    X(HIDDEN, "a machine says that what failed went well")     \
    X(EDGES, "edges that were met forget it")                  \
    X(OLD_READS, "a read shows what was there before")         \
    X(UNRECORDED, "records of what was missed vanish")         \
    X(FORGOTTEN, "a deleted job's runs are forgotten")         \
    X(EMPTIED, "calendars lose their days")                    \
    X(UNFILLED, "backfills leave out what they were to run")
#define X(name, ...) DAY_PLANT_##name,
    DAY_PLANTS(X)
#undef X
        N_DAY_PLANTS,
};

struct day_options {
    int64_t wall0; /* it begins then */
    int jobs;
    const char *folder; /* what it leaves behind is put there */
    enum day_plant plant;
};

struct world_options {
    uint64_t seed;
    int nodes;  /* masters, agents too */
    int agents; /* and nodes that are only that */
    struct faults faults;
    int64_t trouble_ms; /* so long the faults go on */
    int64_t wish_ms;    /* between two wishes of the clients, about */
    int64_t heal_ms;    /* then everything must be as wanted within this */
    bool silent;        /* clients write nothing by themselves */
    bool plain;         /* clients write only what makes nothing run */
    bool grows;         /* the first node founds it; others join, are held, go, lose their disks */
    unsigned log_rows;  /* kept behind what is applied */
    int64_t run_ms;     /* a run takes so long; 0: less than half a second */
    int epsilon_s;      /* of jobs; 0: 30 */
    enum plant plant;
    const struct day_options *day; /* NULL: it is none */
    bool verbose;
};

struct sim_task { /* a process on a simulated machine: it outlives its node */
    int64_t id;
    int64_t run; /* of a simulated day's jobs */
    char *name, *of;
    char *volume; /* of a resident, else NULL */
    enum owner owner;
    int64_t started_ms;    /* mono */
    int64_t ends_ms;       /* mono; by itself; INT64_MAX: never */
    int64_t kill_ms;       /* mono; told to end, gone then */
    int64_t grace_ms;      /* from being told to being gone at the latest */
    int64_t gone_ms;       /* mono; it ended then */
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

enum place { OUTSIDE, INSIDE, LEAVING, GONE }; /* of the cluster; OUTSIDE: it is to join */
#define IDS_MAX 32
struct voters { /* as a leader had them in a term */
    uint64_t term, ids[LIMIT_SERVERS];
    int n;
};

struct sim_node {
    struct world *w;
    int position;
    uint64_t id, store;
    int64_t led_from; /* it leads longer than that, if it leads */
    char state_path[TMP_PATH_SIZE], agent_path[TMP_PATH_SIZE], folder[TMP_PATH_SIZE], vfs_name[48];
    char name[16], address[24];
    struct faultvfs *vfs;
    struct node *node; /* NULL: down */
    struct hands hands;
    struct rng rng;
    const struct facts *facts; /* as the node showed them */
    struct event *inbox;
    size_t inbox_n, inbox_cap;
    int64_t due;                  /* it has a turn then, whether or not anything comes */
    int64_t busy_until, stall_ms; /* what it says now leaves so much later */
    int64_t up_at, down_at;       /* it starts, its process is killed then */
    int64_t full_until;           /* 0: it was not full since it is up */
    int storm, boots;             /* kills to come; starts of the machine */
    char boot[24];
    int64_t drift; /* of its clocks, per thousand */
    int64_t wall_ahead_ms;
    bool disk_fails;    /* its node may stop with an error */
    int64_t unheard_ms; /* until then it was down or cut off */
    struct ask *asks;   /* reads that are begun when the turn is over */
    size_t asks_n, asks_cap;
    struct sim_task *tasks;
    size_t tasks_n, tasks_cap;
    struct proxy_routes routes; /* what its proxy was told since it is up */
    uint64_t applied;
    struct stmt *recount, *newest, *history, *log, *ordered, *rows; /* NULL: not prepared */
    int64_t history_at;     /* the index when its history was counted anew */
    int64_t reported_until; /* tasks ended up to then have been reported */
    enum place place;
    int64_t down_since;
    int64_t replaces; /* id of the node that it was before its disk was lost; 0: none */
    int disks;
    bool by_hand;          /* that one is removed before this one joins */
    int64_t gone[IDS_MAX]; /* ids that its transport takes no frames from, and sends none to */
    int gone_n;
    struct voters voters;
};

#define LATE_MAX 50
struct late { /* a launch that a machine has put off, for a plant */
    int node;
    int64_t task, at;
    struct buf run_spec;
};

struct ask {
    struct exchange_id id;
    struct request *request;
    uint64_t index;
};

/* What an app or a job may be now: one value if all writes were answered, else several. */
#define VALUES_MAX 12
#define VALUE_NONE INT64_C(-1)    /* there is none */
#define VALUE_UNKNOWN INT64_C(-2) /* nobody can say now */
struct values {
    int64_t v[VALUES_MAX];
    int n;
};

#define POD_CONTAINERS 2

struct name { /* an app, a pod or a job that clients change */
    char name[32];
    bool left_alone;     /* by those who want now this, now that */
    bool job, under_way; /* a write of it is not answered yet */
    bool resident;       /* with a volume an instance */
    bool pod;            /* of POD_CONTAINERS containers an instance */
    struct values values;
    uint64_t writes;           /* so many were begun */
    int64_t haunted_ms;        /* mono: until then a write that was given up may be carried out */
    int64_t since_ms;          /* mono: it is as it is since then */
    int64_t remade_ms;         /* mono: it was last deleted, or not known to be there */
    int64_t anchor, period_ms; /* of a job's targets, wall; anchor 0: not known */
};

/* People who change who is of the cluster (members.c). */
struct council {
    int64_t due, until, calm_until;
    uint64_t exchange; /* 0: nothing is asked */
    bool asks_token, has_token;
    struct token token;
    int64_t lost_ms; /* when a disk was lost last */
    int removals;
};

struct world {
    struct world_options options;
    struct rng rng, stops; /* the latter: who is told to stop, and when it is back */
    char folder[TMP_PATH_SIZE];
    int64_t mono, wall0;
    uint64_t seq, trace;
    struct sim_node nodes[WORLD_NODES_MAX]; /* first the masters */
    int n;                                  /* of all nodes */
    char cluster[UUID_TEXT_SIZE];
    struct heap frames;                                /* by time, then in the order of sending */
    int64_t cut[WORLD_NODES_MAX][WORLD_NODES_MAX];     /* [from][to]: frames are lost until then */
    int64_t arrives[WORLD_NODES_MAX][WORLD_NODES_MAX]; /* the newest frame that keeps its place */
    bool healed, planted;
    bool may_be_stale; /* the answer that is given now */
    struct late late[LATE_MAX];
    size_t late_n;
    struct map *leaders; /* term -> node that led in it */
    struct map *entries; /* index -> hash of what was applied */
    struct map *sums;    /* index -> struct sum */
    struct map *started; /* a run and its task's name -> struct start */
    struct map *volumes; /* of residents -> the node that each is on, plus one */
    struct map *ordered; /* task -> struct order */
    int64_t newest_task; /* of those */
    struct name *names;
    size_t names_n;
    uint64_t next_exchange;
    int64_t turns, crashes, stopped, restarts, acked, refused, reads;
    int64_t starts; /* of tasks of apps */
    struct client *client;
    struct day *day; /* NULL: it is none */
    struct council council;
    char failure[512], unsettled[128]; /* what is not as wanted yet */
};

/* A world that others drive (scene.c). False: w->failure says why. */
void world_begin(const struct world_options *options, struct world *w);
bool world_run(struct world *w, int64_t until_ms);
bool world_settles(struct world *w, int64_t within_ms); /* all is as wanted */

/* Plays one world; 0, or -1 with what went wrong in w->failure. */
int world_play(const struct world_options *options, struct world *w);
void world_close(struct world *w);

/* Plays a script of tests/scenes; 0, or -1 and said. */
int scene_play(const char *path, bool verbose);

/* ---- between the files of the simulator */
bool fail_world(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void trace(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool chance(struct world *w, int per_thousand);
bool in_trouble(const struct world *w);
bool planted(const struct world *w, enum plant plant);
void deliver(struct world *w, int to, int64_t delay_ms, struct event *e); /* takes e */
struct now now_of(const struct sim_node *n);
unsigned sim_modes(const struct sim_node *n);
struct sim_node *leader_of(struct world *w); /* the newest; NULL: none */
void unheard(struct sim_node *n, int64_t until_ms);
/* Its process has died. until_ms: and its machine, so nobody sees it; 0: it comes back soon. */
void take_down(struct sim_node *n, enum fate fate, int64_t until_ms);
void new_disk(struct sim_node *n); /* and a new identity: its node must be down */
enum fate draw_fate(struct world *w);

/* hands.c */
struct hands hands_of(struct sim_node *n);
void answer_asks(struct sim_node *n); /* reads that the node has let begin */

/* trouble.c */
void trouble(struct world *w);            /* a second has passed */
void trouble_of_turn(struct sim_node *n); /* one begins */
void cut(struct world *w, int from, int to, int64_t until_ms);
void kill_host(struct sim_node *n, int64_t until_ms);
/* The other gives up its connection to this one when it has heard nothing for so long. */
void fall_silent(struct sim_node *n, int to);
#define FOREVER_MS (INT64_MAX / 4)
#define CALM_MS 12000 /* after the trouble: in it each job has targets since it is as it is */
void heal(struct world *w);

/* tasks.c: the simulated machines */
void task_launch(struct sim_node *n, int64_t task, struct slice run_spec);
void task_end(struct sim_node *n, int64_t task);
void task_forget(struct sim_node *n, int64_t task);
void volume_wipe(struct sim_node *n, int64_t volume, const char *name);
void tasks_pass(struct sim_node *n);   /* time has passed: some have ended */
void tasks_found(struct sim_node *n);  /* after a restart: reports what is there */
void tasks_vanish(struct sim_node *n); /* their machine dies: only their files are left */
int64_t tasks_due(const struct sim_node *n);
void tasks_free(struct sim_node *n);

/* members.c: who comes and who goes, in worlds that grow */
void members_act(struct world *w);
void members_answer(struct world *w, const struct answer *a);
bool members_settled(struct world *w, struct sim_node *leader);
bool check_members(struct world *w, struct sim_node *n); /* after a turn */

/* client.c: what people do, and what they were told */
void client_init(struct world *w);
void client_act(struct world *w);
/* An app of so many instances, or a job of such a period: until it is acknowledged. */
bool client_want(struct world *w, bool job, const char *name, int64_t number);
void client_answer(struct world *w, struct answer *a);
uint64_t client_send(struct world *w, int to, const struct request *r); /* its exchange */
int64_t client_due(const struct world *w);
void client_close(struct world *w);
int64_t value_at(struct sim_node *n, const struct name *a); /* as its doors show it */
bool may_be(const struct values *values, int64_t value);

/* checks.c */
bool check_step(struct world *w, struct sim_node *n);
bool check_settled(struct world *w); /* everything is as wanted now */
bool check_end(struct world *w);
bool check_even(struct world *w); /* all are at one index, and then they are equal; or it failed */
void checks_stop(struct sim_node *n); /* its database is about to be closed */

/* orders.c: what may be started, where, when and how often */
void orders_seen(struct sim_node *n); /* its state has moved */
struct run_spec;
void check_start(struct sim_node *n, int64_t task, const struct run_spec *spec);
bool check_runs(struct world *w); /* at the end: each target has its run */

/* day.c: a simulated day (day.h) */
int day_play(const struct world_options *options, struct world *w); /* as world_play() */
void day_act(struct world *w);
int64_t day_due(const struct world *w);
bool day_answer(struct world *w, const struct answer *a); /* it was to one of its clients */
void day_start(struct world *w, struct sim_task *t, const struct run_spec *spec);
void day_log_run(struct world *w, const struct sim_node *n, const struct sim_task *t);
const char *day_plant_name(enum day_plant plant);
bool day_planted(const struct world *w, enum day_plant plant);
enum day_plant day_plant_of(const char *text); /* whose name has that in it; NULL: none */

/* plants.c */
void plant_change(struct sim_node *n, const char *sql); /* behind its back */
void plant_of_second(struct world *w);
void plant_in_frame(struct world *w, struct buf *frame);
void plant_of_state(struct sim_node *n); /* it has just moved */
const char *plant_name(enum plant plant);
const char *plant_sign(enum plant plant); /* part of what its check says */
