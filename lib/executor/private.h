/* lib/executor/private.h - one task as the executor keeps it, and what its files share. */
#pragma once

#include "base/map.h"
#include "base/rng.h"
#include "executor/checker.h"
#include "executor/docker.h"
#include "executor/docker_probe.h"
#include "executor/executor.h"
#include "executor/fetch.h"
#include "executor/fields.h"
#include "executor/probes.h"
#include "executor/process.h"
#include "net/http_client.h"

/*  PREPARING --> FETCHING --> WAITING --> STARTING --> RUNNING --> ENDED --forgotten, and idle-->
 *  freed. A task that was found begins as FOUND, which is STARTING without our having started it.
 *  WAITING is one that shares the network of another, until that one runs. */
enum phase { PREPARING, FETCHING, WAITING, FOUND, STARTING, RUNNING, ENDED };

enum why_killed { NOT_KILLED, KILLED_BY_ORDER, KILLED_UNHEALTHY, KILLED_TOO_LONG };

struct checked { /* one check of a task */
    struct task_run *task;
    const struct run_check *check;
    struct checker checker;
    union {
        struct probe probe;
        struct net_probe net;
        struct command_probe command;
        struct docker_probe docker;
        struct broken_probe broken;
    };
    char *argv[4]; /* of a command */
};

struct task_run {
    struct executor *x;
    struct list in_tasks;
    struct run run;
    struct driver *driver;
    enum phase phase;
    struct run_spec spec;
    char *spec_text;
    char folder[SANDBOX_PATH_SIZE], sandbox[SANDBOX_PATH_SIZE], container[UUID_TEXT_SIZE];
    char joined[UUID_TEXT_SIZE]; /* of NETWORK_TASK: the container whose network it shares */
    char *user_name;
    struct sandbox_user user;
    struct error failure; /* of the thread that prepares */
    struct fetch fetch;
    enum why_killed why_killed;
    char reason[160]; /* for people */
    bool forgotten, report_due;
    bool beginning;    /* is one of x->beginning */
    struct wall moved; /* of a report that waits: when it was to be made; else 0 */
    /* what must be over before it can be freed */
    bool working, fetching, limited, saving;
    uv_work_t work;   /* prepare, forget */
    uv_timer_t limit; /* spec.max_ms */
    /* checks.c */
    struct checked *checks; /* spec.checks_n, behind them spec.check if there is one; or NULL */
    size_t checks_open;
    bool checks_stopping;
    struct fields *health; /* the file; NULL: none yet */
    bool health_dirty;
    /* readiness.c */
    struct readying *readying; /* spec.readiness_n, or NULL */
    size_t readying_open;
};

struct executor {
    struct loop *loop;
    struct executor_options options;
    struct executor_events events;
    char *folder, *tasks_folder, *docker_where, *cgroup_parent, *hold;
    char **env;
    struct sandbox_user self; /* as who we began: looked up once, not for each task */
    struct rng rng;
    struct list tasks;
    struct map *by_key;
    struct launch_client launcher;
    struct process_driver processes;
    struct docker_driver docker;
    struct tls *tls; /* of checks over https */
    bool recovered, scanning, collecting;
    uv_timer_t housekeeping, reports;
    size_t beginning; /* plain processes that are about to begin */
    size_t begun;     /* since the last lull */
    bool busy;        /* there is none */
    uv_timer_t lull;  /* until the next one */
    uv_work_t scan;
    struct found *found; /* what the scan has found */
    size_t found_n;
    size_t asks;        /* sandbox questions on their way */
    struct map *wiping; /* volume -> struct wiping: being removed, or to be tried again */
    size_t wipes;       /* of these, under way */
    /* stopping */
    void (*stopped)(void *data);
    unsigned open; /* drivers, launcher and timers that have not stopped yet */
};

/* executor.c */
struct task_run *task_new(struct executor *x, int64_t key);
int task_read_spec(struct task_run *t, struct slice text, struct error *err) MUST_CHECK;
void task_enter(struct task_run *t, enum phase phase);
void task_fill_run(struct task_run *t); /* from spec and record */
void task_end(struct task_run *t, enum why_killed why, const char *reason);
/* Since its true start, which an earlier agent may have seen. */
int64_t task_ran_ms(const struct task_run *t);
void task_advance(struct task_run *t);     /* something is over: frees the task if all is */
void executor_advance(struct executor *x); /* the same of everything, when it is to stop */

struct task_run *task_find(struct executor *x, int64_t key); /* NULL: not here */
void task_launch(struct task_run *t);                        /* by its driver */
void task_end_unstarted(struct task_run *t, const char *why);

/* instance.c: what the tasks of a pod's instance share */
/* And what a plain process of any kind has mounted. On a thread. */
int instance_make_volumes(struct task_run *t, struct error *err) MUST_CHECK;
/* The name of the run that they lie under; false: it has none. */
bool instance_volumes(const struct task_run *t, char dst[UUID_TEXT_SIZE]);
void instance_touch(const struct task_run *t); /* on a thread: its volumes age from now on */
/* What is to be its run->network. */
int64_t instance_network(const struct task_run *t);
/* Does any task that has not ended share it? */
bool instance_needs_network(const struct executor *x, int64_t network);
/* Launches it, at once or when the task runs whose network it shares. */
void instance_launch(struct task_run *t);
/* It runs, or has ended: so may, or may not, those that share its network. */
void instance_moved(struct task_run *t);
/* May its checks begin? Not before it is known where its network is. */
bool instance_is_reachable(struct task_run *t);

/* find.c */
void find_start(struct executor *x);

/* collect.c */
void collect_start(struct executor *x);

/* wipe.c */
void wipes_free(struct executor *x);

/* report.c */
void report(struct task_run *t);

/* checks.c: of health, and of readiness with it */
void checks_start(struct task_run *t);
void checks_stop(struct task_run *t);
void checks_note(struct task_run *t);                           /* into the file */
int checks_health(const struct task_run *t);                    /* 0 unknown, 1 good, 2 bad */
void checks_results(const struct task_run *t, struct buf *out); /* spec/marathon.md 6.1 */
struct check_result checks_informed(const struct task_run *t);  /* of spec.check, which it has */

/* readiness.c */
void readiness_start(struct task_run *t);
void readiness_stop(struct task_run *t);
void readiness_note(const struct task_run *t, struct fields *out);
void readiness_results(const struct task_run *t, struct buf *out); /* spec/marathon.md 3.2 */
