/* lib/executor/process.h - the driver of plain processes: each under a supervisor of its own, which
 * the launcher forks and which outlives us (executor/supervisor.h). */
#pragma once

#include "executor/driver.h"
#include "executor/launch_client.h"

struct process_options {
    struct cgroup cgroups; /* the root that cgroup_probe() found; zeroed: none */
    bool cpu_quota;        /* a task gets never more than its cpus, not only its share */
    int64_t log_bytes;     /* one output file */
    unsigned log_files;    /* kept beside the newest */
    int64_t pids;          /* of one task; 0: not limited */
};

struct process_driver {
    struct driver driver; /* first */
    /* private */
    uv_loop_t *loop;
    struct launch_client *launcher;
    struct process_options options;
    struct list runs;
    uv_timer_t gate; /* never runs: that it is closed is the last thing to happen */
    void (*stopped)(struct process_driver *p);
    void *data; /* the owner's */
};

/* Keeps `launcher`. */
void process_start(struct process_driver *p, uv_loop_t *loop, struct launch_client *launcher,
                   const struct process_options *options);
/* Lets go of all tasks, which run on. `stopped` waits for what the launcher still owes us: the
 * launcher client is to be stopped in the same breath. */
void process_stop(struct process_driver *p, void (*stopped)(struct process_driver *p));
