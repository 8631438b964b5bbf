/* lib/scheduler/apps/private.h - what the files of this folder share: the mind's memory, and one
 * tick's look at it. */
#pragma once

#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "model/linux_info.h"
#include "model/run_spec.h"
#include "scheduler/apps/apps.h"

/* What the mind remembers of an app or a deployment; all of it can be forgotten at any time. */
struct entry {
    int64_t id;
    struct plan *plan; /* of a deployment: owned */
    bool dirty;        /* to be looked at */
    bool over;         /* there is nothing to look at any more */
    bool moves;        /* a node it runs on has begun to drain: its backoff ends (9.2) */
    unsigned marks;    /* commands in flight that concern it: not looked at until their outcome */
    struct heap_item due;   /* in apps.due: to be looked at then although nothing happens */
    struct list in_dirty;   /* of apps.dirty, while it is dirty */
    struct list in_waiting; /* of apps.waiting, while an instance of it has no place */
};

struct apps {
    struct state *state;
    struct rng *rng;
    bool leading;
    struct map *entries;     /* app id -> struct entry */
    struct map *deployments; /* deployment id -> struct entry */
    struct map *batches;     /* key -> struct batch */
    uint64_t next_key;
    struct list dirty, waiting;
    bool freed;          /* something ended, or an agent came: who waits may find a place now */
    struct mono wake_at; /* MONO_NEVER, or when those who wait are looked at because of that */
    struct heap due;     /* of entries without a mark */
};

/* The commands that one tick gathers, and the entries that each concerns. */
enum gathered { GATHER_FORGETS, GATHER_STEPS, GATHER_KILLS, GATHER_LAUNCHES, GATHERED };

struct batch {
    uint64_t key;
    struct entry **marked;
    size_t n, cap;
};

struct look {
    struct apps *a;
    struct placement *placement;
    struct now now;
    struct outbox *out;
    struct buf items[GATHERED]; /* elements, with their commas */
    struct batch *batches[GATHERED];
    int64_t launches_left, kills_left;
    int64_t kept_left; /* places of residents that may yet be looked at, launched or not */
};

/* Begins an element of a command that concerns e; the writer writes the one value. */
void apps_gather(struct look *l, enum gathered what, struct entry *e, struct json_writer *w);
void apps_look_again(struct look *l, struct entry *e, int64_t in_ms);
void apps_dirty(struct apps *a, struct map *m, int64_t id);

/* ---- tasks.c: the instances of one app, sorted out */
struct task_view {
    int64_t id; /* of its task; a pod's instance is killed by any of its own */
    int64_t instance, agent;
    int64_t since; /* staged or started, ms */
    struct wall version;
    enum task_state state;
    bool stopping;       /* its goal is to end */
    bool old;            /* of an earlier configuration, or leaving */
    bool lost;           /* out of reach for so long that it does not count (9.6) */
    bool leaving;        /* its node drains: it is replaced elsewhere, as an old one would be */
    bool healthy, ready; /* as a rolling upgrade considers it (8.5) */
};
struct tasks {
    struct task_view *items;
    size_t n, cap;
    size_t leaving; /* those that do */
};
void tasks_gather(struct state *s, struct wall now, const struct app_row *row,
                  const struct app *app, struct tasks *out);
void tasks_close(struct tasks *t);

/* ---- residents.c */
/* After how long out of reach an instance does not count any more; INT64_MAX: it is waited for. */
int64_t lost_after_ms(const struct app *app);

struct resident { /* an instance that does not run, and has its place and its data on an agent */
    int64_t instance, agent;
    struct wall idle; /* since when */
    bool stopped;     /* it was told to end */
    bool ready;       /* its agent takes tasks */
};
struct residents {
    struct resident *items; /* in the order in which they are launched */
    size_t n, cap;
    int64_t ending; /* more of them, once they have ended */
};
void residents_gather(struct state *s, struct wall now, const struct app_row *row,
                      const struct app *app, struct residents *out);
void residents_close(struct residents *r);

enum which { OLD_ONES, NEW_ONES, ALL_ONES };
/* Puts those who may be killed first, in the order in which they die. Returns how many. */
size_t tasks_victims(struct look *l, const struct app *app, enum which which, struct tasks *t,
                     size_t n);

/* ---- deployment.c */
enum action { ACTION_NONE, ACTION_STOP, ACTION_SCALE, ACTION_RESTART };
void plan_free(struct plan *p); /* accepts NULL */
/* From the feed: where it stands now; its apps are to be looked at. */
void plan_went_on(struct apps *a, const struct change *c);
/* What is to be done with an app now. */
enum action plan_due(struct apps *a, const struct app_row *row);
/* The same from the state alone. */
enum action plan_due_now(struct state *s, const struct app_row *row, struct apps_kept *kept);
void look_at_deployment(struct look *l, struct entry *e);

/* ---- spec.c and pod_spec.c: what an agent gets to run */
bool spec_enforces_role(struct state *state, const char *app); /* its top group */
int64_t spec_grace_ms(double grace_s);                         /* given by the user: TERM to KILL */
void spec_fill_limits(const struct app_resource_limits *limits, struct run_spec *s); /* or NULL */
/* One more of `docker run`, which only a container has. */
void spec_add_parameter(const char *key, const char *value, struct arena *arena,
                        struct run_spec *s);
void spec_add_seccomp(const struct linux_info *info, struct arena *arena, struct run_spec *s);
void spec_add_ipc(const struct linux_info *info, struct arena *arena, struct run_spec *s);
/* The id of a persistent volume of a task's instance. */
const char *spec_volume(const struct app *a, const struct task_row *t, const char *path,
                        struct arena *arena);
void spec_fill_env(const struct env_vars *vars, struct arena *arena, struct run_spec *s);
void spec_fill_fetch(const struct app_fetch *items, size_t n, struct arena *arena,
                     struct run_spec *s);
/* Of one container: what is not the same for all of an app's tasks. False: the version has none of
 * that name. */
bool pod_fill_spec(struct state *state, const struct app *a, const struct task_row *t,
                   const struct agent_row *agent, struct arena *arena, struct run_spec *s);

/* ---- steps.c: the next step of one app */
void look_at_app(struct look *l, struct entry *e);
void upgrade_see(const struct app_row *row, const struct app *app, const struct tasks *tasks,
                 struct upgrade_view *out);
