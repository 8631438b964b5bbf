/* lib/executor/executor.h - the front of the room: runs the tasks that it is told to, finds them
 * again after a restart, and reports what becomes of them.
 *
 * All of it on one loop and in one thread. A task is named by its key in the state, and has a
 * folder of that name, FOLDER/tasks/KEY, until it is forgotten. Making that folder is what keeps a
 * task from being started twice. In it:
 *
 *     spec                    what was to be run (model/run_spec.h)
 *     task                    where: sandbox, container, user
 *     health                  what its checks said last
 *     sup.sock, record, exit  of a plain process (executor/supervisor.h)
 *     container, logs         of a container (executor/docker.c)
 */
#pragma once

#include "executor/launcher.h"
#include "executor/sandbox.h"
#include "model/status.h"
#include "net/loop.h"

struct executor;

struct executor_options {
    const char *folder;        /* the data folder's agent/ */
    struct launcher launcher;  /* taken, if the start succeeds */
    const char *docker;        /* the engine's address; NULL: DOCKER_HOST, or its default socket */
    bool docker_as_before;     /* NULL is the engine of the last start, which stays so */
    const char *const *env;    /* of every task, as "NAME=value"; NULL-terminated, or NULL */
    bool no_limits;            /* no cgroups even where they can be written */
    const char *cgroup_parent; /* where they go; NULL: below our own */
    bool cpu_quota;            /* a task gets never more than its cpus */
    /* of these 0 is the default: base/limits.h, spec/mesos.md appendix B */
    int64_t log_bytes, pids, fetch_bytes;
    unsigned log_files;
    int64_t gc_delay_ms, gc_least_ms, docker_remove_ms;
    int64_t outputs_ms, outputs_bytes, outputs_runs; /* of runs (executor/sandbox.h) */
    int gc_headroom_permille;
};

/* From the loop, never from inside a call. */
struct executor_events {
    void *data; /* the owner's */
    /* Something about a task has changed, or it was asked for again; without seq. */
    void (*status)(struct executor *x, const struct status *s);
    /* Every task that was found has been reported once. */
    void (*recovered)(struct executor *x);
    /* A persistent volume is not there any more. */
    void (*wiped)(struct executor *x, int64_t volume);
    /* The launcher was killed: nothing can be started until this process is. NULL: none. */
    void (*lost)(struct executor *x);
    /* There is an engine of that version, or "" and the reason why there is none. */
    void (*docker)(struct executor *x, const char *version, const char *reason);
};

/* Copies what it is given, and looks for tasks of an earlier run at once. ERR_IO, ERR_INVALID. */
int executor_start(struct loop *loop, const struct executor_options *options,
                   const struct executor_events *events, struct executor **executor_out,
                   struct error *err) MUST_CHECK;
const struct executor_events *executor_events_of(const struct executor *x);
/* Leaves tasks running. Frees `x` after `stopped`; no other event comes any more. */
void executor_stop(struct executor *x, void (*stopped)(void *data));

/* run_spec is its JSON. Reports what becomes of it; a task that is known already is reported again
 * and not touched. After `recovered`. */
void executor_launch(struct executor *x, int64_t task, struct slice run_spec);
/* With the grace of its spec, else 3 s, or 5 s of a container. The reason is for people. One that
 * has ended is reported again. */
void executor_kill(struct executor *x, int64_t task, const char *reason);
/* The end was taken note of: folder and record may go. The sandbox stays until it is collected. */
void executor_forget(struct executor *x, int64_t task);
/* Whether it is, or was, a container of the engine. */
bool executor_is_container(struct executor *x, int64_t task);
/* Removes a persistent volume, by its number and its id, and says when it is gone. Nothing while a
 * task uses it, or if it cannot be removed: to be asked for again. */
void executor_wipe(struct executor *x, int64_t volume, const char *name);

/* ---- files of a sandbox, read on a thread */
enum sandbox_question { ASK_READ, ASK_BROWSE, ASK_OPEN };

struct sandbox_ask {
    void *data; /* the asker's */
    enum sandbox_question question;
    const char *path;       /* kept; as in executor/sandbox.h */
    int64_t offset, length; /* READ */
    /* what comes back; the asker's to close and free, by sandbox_ask_close() */
    struct error err; /* code ERR_NONE: good */
    struct buf text;
    int64_t offset_out;
    uint64_t identity_out; /* READ: of the file that has the name now */
    struct sandbox_entry *entries;
    size_t entries_n;
    int fd; /* OPEN: the asker's to close; -1 */
    /* private */
    struct executor *executor;
    uv_work_t work;
    void (*done)(struct sandbox_ask *a);
};
/* Keeps `a` until `done`. */
void executor_ask(struct executor *x, struct sandbox_ask *a, void (*done)(struct sandbox_ask *a));
void sandbox_ask_close(struct sandbox_ask *a);
