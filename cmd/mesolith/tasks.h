/* cmd/mesolith/tasks.h - the hands of the agent in this process: what the node orders goes to the
 * executor, what the executor sees goes back as events; sandbox files are served from here. */
#pragma once

#include "executor/launcher.h"
#include "host/host.h"

struct tasks_options {
    struct loop *loop;
    struct host *host;
    const char *folder; /* "<data>/agent", absolute */
    const struct launcher *launcher;
    const char *docker; /* socket; "": the usual places */
};

struct tasks {
    void *data; /* the owner's, set before start */
    /* private */
    struct host *host;
    struct loop *loop;
    const char *folder;
    struct executor *executor;
    void (*stopped)(struct tasks *t);
};

/* Keeps `t` and what options point to. What earlier agents left running is found again first. */
int tasks_start(struct tasks *t, const struct tasks_options *options, struct error *err) MUST_CHECK;
void tasks_stop(struct tasks *t, void (*stopped)(struct tasks *t)); /* tasks go on */

void tasks_launch(struct tasks *t, int64_t task, struct slice run_spec);
void tasks_kill(struct tasks *t, int64_t task, int64_t grace_ms, const char *reason);
void tasks_forget(struct tasks *t, int64_t task);
void tasks_sandbox(struct tasks *t, struct exchange_id id, struct sandbox_request *r); /* takes r */
