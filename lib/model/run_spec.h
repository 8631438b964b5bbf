/* lib/model/run_spec.h - one task as an agent must run it: everything, so that an agent needs no
 * look into the cluster's state. Made by the scheduler, kept in agent.db, read by the executor.
 * Its codec is JSON. Pure. */
#pragma once

#include "base/arena.h"
#include "base/json.h"
#include "model/states.h"

struct run_env {
    const char *name, *value;
};

struct run_fetch { /* spec/marathon.md 4.4 */
    const char *uri, *dest;
    bool extract, executable, cache;
};

struct run_mount {
    const char *container_path, *host_path;
    bool read_only;
    /* instead of host_path: a folder that all of the instance share; one that outlives its tasks,
     * by its id (model/id.h) */
    const char *volume, *persistent;
};

struct run_port {
    int host;      /* 0: none */
    int container; /* 0: the same as host */
    bool udp;
};

#define SANDBOX_INSIDE "/mnt/mesos/sandbox" /* as a container sees it */

enum check_kind { CHECK_HTTP, CHECK_HTTPS, CHECK_TCP, CHECK_COMMAND };

struct run_check { /* spec/marathon.md 10 */
    enum check_kind kind;
    const char *address; /* of HTTP and TCP */
    int port;
    const char *path;
    const char *command;
    int64_t grace_ms, interval_ms, timeout_ms, delay_ms;
    unsigned max_failures; /* in a row; 0: never kill */
    bool ignore_1xx;
    bool kill_on_max; /* agent-run kinds: the max-th failure kills, not the one after (10.4) */
    bool ipv6;        /* a container is asked at its IPv6 address; `address` is one already */
};

struct check_result { /* of a check that only informs */
    enum check_kind kind;
    int code; /* HTTP status, exit status, 1 or 0 of a port that opened or did not; or NO_RESULT */
};
#define NO_RESULT (-1)

struct run_readiness { /* spec/marathon.md 10.6 */
    const char *name, *address, *path;
    int port;
    bool https, keep_response;
    int64_t interval_ms, timeout_ms;
    const int64_t *ready_codes; /* statuses of an answer */
    size_t ready_codes_n;
};

enum run_network {
    NETWORK_HOST,
    NETWORK_BRIDGE,
    NETWORK_USER,
    NETWORK_NONE,
    NETWORK_TASK, /* that of the task `joins` */
};

#define RUN_UNLIMITED INT64_MAX

struct run_parameter {
    const char *key, *value;
};

/* Strings and arrays live in the arena of the tree that run_spec_read() made, or are the writer's.
 */
struct run_spec {
    int64_t task;     /* key in the state */
    const char *name; /* the id that people see */
    enum owner owner;
    const char *of;                /* app's path or job's name */
    int64_t run;                   /* of that job; with the name, which has the attempt; or 0 */
    const char *agent, *framework; /* Mesos's ids (model/mesos_id.h): they name folders */
    const char *source;            /* "web.prod": executor source and task name (marathon.md 7.4) */
    const char *cmd;               /* /bin/sh -c; or NULL */
    const char *const *args;       /* argv; with an image: arguments to its entry point */
    size_t args_n;
    const char *user; /* NULL: the agent's */
    const struct run_env *env;
    size_t env_n;
    const struct run_fetch *fetch;
    size_t fetch_n;
    int64_t cpus_milli, mem_bytes, disk_bytes;
    int64_t cpus_limit_milli, mem_limit_bytes; /* 0: none was given; RUN_UNLIMITED */
    const struct run_port *ports;
    size_t ports_n;
    const char *image; /* NULL: a plain process */
    bool force_pull, privileged, tty;
    enum run_network network;
    const char *network_name;
    int64_t joins;        /* NETWORK_TASK: a task of the same agent, which must run before */
    const char *instance; /* of a pod: its id, which its volumes lie under; else NULL */
    const struct run_parameter *parameters;
    size_t parameters_n;
    const struct run_mount *mounts;
    size_t mounts_n;
    const struct run_check *checks;
    size_t checks_n;
    const struct run_check *check;         /* that only informs; or NULL */
    const struct run_readiness *readiness; /* to be asked until it is ready */
    size_t readiness_n;
    int64_t grace_ms;        /* TERM to KILL; 0: as the agent has it */
    int64_t max_ms;          /* killed after; 0: none */
    bool once;               /* must not start late or twice: only within the start lease */
    int64_t start_before_ms; /* wall time after which it may not start any more; 0: none */
    /* private */
    struct arena *arena; /* owned; NULL: the writer's */
};

void run_spec_write(const struct run_spec *s, struct json_writer *w);
/* ERR_INVALID naming the member. *out owns a copy of everything. */
int run_spec_read(const struct json *v, struct run_spec *out, struct error *err) MUST_CHECK;
void run_spec_close(struct run_spec *s); /* accepts a zeroed struct */

/* What it may use at most; 0: as much as there is. `by_default`: without a limit it is what was
 * asked for (of memory it always is). */
int64_t run_spec_most_cpus_milli(const struct run_spec *s, bool by_default);
int64_t run_spec_most_mem_bytes(const struct run_spec *s);

/* ---- what no agent can run (run_rules.c): a door refuses it before */

bool run_image_is_clean(const char *image);
bool run_check_path_is_clean(const char *path); /* of a check over HTTP */
bool run_uri_is_path(const char *uri);          /* of the agent's own file system, to be copied */
bool run_uri_is_known(const char *uri);         /* an agent fetches such; else nobody does */
/* Where a file that is fetched lies in the sandbox: `dest`, or else the last part of the URI's
 * path. NULL: it leads out, or is no name. The caller frees. */
char *run_fetch_name(const char *uri, const char *dest) MUST_CHECK;
/* The next name on a path, moving *rest behind it; empty at its end. "." is none. */
struct slice run_next_part(const char **rest);
