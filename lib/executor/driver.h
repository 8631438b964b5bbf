/* lib/executor/driver.h - what can run a task: plain processes, the container engine.
 *
 * A run is one task on this machine, from its launch (or from being found again) to its end. The
 * executor makes and frees it; between launch and `ended` it is the driver's. Every callback comes
 * later, from the loop: `progress` any number of times, `started` at most once, `ended` exactly
 * once unless the driver is stopped first, which leaves the task running. */
#pragma once

#include <sys/types.h>

#include "base/error.h"
#include "base/time.h"
#include "model/run_spec.h"
#include "model/status.h"

enum end_how {
    END_EXITED,   /* code */
    END_SIGNALED, /* signal */
    END_OUT_OF_MEMORY,
    END_NOT_STARTED, /* fetch, image, user, exec; message says what */
    END_NEVER,       /* certainly never started: may be started elsewhere */
    END_LOST,        /* is gone, nobody saw how: the machine restarted, a supervisor was killed */
};

struct run_end {
    enum end_how how;
    int code, signal;
    bool killed;       /* by order; whatever the exit status */
    struct wall ended; /* 0: not known */
    struct usage used;
    char message[256]; /* for people; begins as Mesos's do (spec/mesos.md 3.8, 8.10) */
};

struct run;
typedef void run_cb(struct run *run);

struct run {
    void *owner; /* the executor's */
    int64_t number;
    const char *name;      /* the task id that people see */
    const char *folder;    /* absolute: agent/tasks/N */
    const char *sandbox;   /* absolute */
    const char *container; /* a uuid: names the sandbox, the cgroup and the container */
    const struct run_spec
        *spec;         /* until `started` or `ended`; NULL in a run that was found again */
    int64_t network;   /* of a pod's containers that share one: the first's number; else 0 */
    bool let_go;       /* the driver's: it needs that network no more */
    const char *joins; /* until `started`: the first's container, its own if it is that; or NULL */
    char **env;        /* "NAME=value", NULL-terminated; as spec */
    const char *user;  /* as spec; NULL: nobody else's */
    uid_t uid;
    gid_t gid;
    bool switch_user;
    bool begun; /* recover: the driver's mark is in the folder, so it may have been started */

    run_cb *progress;  /* `detail` has changed */
    run_cb *started;   /* pid or address are filled */
    run_cb *ended;     /* `end` is filled; the last callback */
    char detail[64];   /* "pulling 40 %" */
    int64_t pid;       /* as this machine sees it; 0: not known */
    struct wall began; /* of the program or container; 0: not known */
    char address[46];  /* a container's own, or "" */
    char address6[46]; /* the same of IPv6 */
    struct run_end end;
    void *state; /* the driver's */
};

struct driver {
    const char *name; /* in agent/tasks/N/task */
    /* Fails only before anything is started. */
    int (*launch)(struct driver *d, struct run *run, struct error *err);
    /* TERM now, KILL after the grace; a second order may shorten the grace. At any time before
     * `ended`; without effect if there is nothing left to kill. */
    void (*kill)(struct driver *d, struct run *run, int64_t grace_ms);
    /* Attaches to what an earlier agent has launched: `started` or `ended` will tell. */
    void (*recover)(struct driver *d, struct run *run);
    /* After `ended`: what is left of it may go (a stopped container). May be NULL. */
    void (*forget)(struct driver *d, int64_t number);
};

/* The sentences of run_end.message. */
void run_end_exited(struct run_end *e, const char *what, int code); /* what: "Command", … */
void run_end_signaled(struct run_end *e, const char *what, int signal);
void run_end_out_of_memory(struct run_end *e, int64_t limit_bytes, int64_t peak_bytes);
void run_end_text(struct run_end *e, enum end_how how, const char *text);
