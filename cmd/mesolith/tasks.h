/* cmd/mesolith/tasks.h - the hands of the agent in this process: what the node orders goes to the
 * executor, what the executor sees goes back as events. */
#pragma once

#include "executor/launcher.h"
#include "host/host.h"

struct tasks_options {
    struct loop *loop;
    struct host *host;
    const char *folder; /* "<data>/agent", absolute */
    const struct launcher *launcher;
    const char *docker;                   /* address of the engine; "": the usual places */
    int64_t log_bytes, pids, fetch_bytes; /* as of executor/executor.h */
    unsigned log_files;
    int64_t outputs_runs, outputs_ms, outputs_bytes; /* executor/executor.h */
};

struct files;

struct tasks {
    void *data;                    /* the owner's, set before start */
    void (*lost)(struct tasks *t); /* the same: nothing can be started any more */
    struct host *host;             /* read only */
    struct executor *executor;     /* read only */
    /* private */
    struct files *files;
    struct map *alive; /* tasks that run here, or are being begun */
    bool recovered;    /* all that ran before is known again */
    void (*stopped)(struct tasks *t);
};

/* Keeps `t`. What earlier agents left running is found again first. */
int tasks_start(struct tasks *t, const struct tasks_options *options, struct error *err) MUST_CHECK;
void tasks_stop(struct tasks *t, void (*stopped)(struct tasks *t)); /* tasks go on */
bool tasks_alive(const struct tasks *t, int64_t task);

/* The node's deeds (host/host.h). */
void tasks_launch(struct tasks *t, int64_t task, struct slice run_spec);
void tasks_kill(struct tasks *t, int64_t task, const char *reason);
void tasks_forget(struct tasks *t, int64_t task);
void tasks_wipe(struct tasks *t, int64_t volume, const char *name);
void tasks_sandbox(struct tasks *t, struct exchange_id id, struct sandbox_request *r); /* takes r */
void tasks_gone(struct tasks *t, struct exchange_id id);
void tasks_credit(struct tasks *t, struct exchange_id id, size_t bytes);
