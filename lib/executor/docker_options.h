/* lib/executor/docker_options.h - what is asked of the container engine for one task: the body of
 * `POST /containers/create`.
 *
 * Everything first becomes options as `docker run` has them, the task's own parameters last
 * (spec/mesos.md 8.9), then one table (model/docker_parameter.h) says where in the body each option
 * goes. Pure. */
#pragma once

#include "executor/driver.h"

/* Labels that a container is found again by. */
#define DOCKER_LABEL_TASK "mesolith.task"
#define DOCKER_LABEL_NUMBER "mesolith.number"
#define DOCKER_LABEL_NETWORK "mesolith.network" /* run->network that it holds; it has no number */
#define DOCKER_LABEL_OWNER "mesolith.owner"     /* the folder of this agent's tasks */

struct docker_defaults {
    const char *owner;
    const char *hold;  /* the program that holds networks */
    int64_t log_bytes; /* of the engine's own copy of the output, twice */
    bool cpu_quota;
};

/* ERR_INVALID naming the parameter. */
int docker_create_body(const struct run *run, const struct docker_defaults *defaults,
                       struct buf *out, struct error *err) MUST_CHECK;
/* The same of the container that holds the network which the task is the first to join. */
int docker_hold_body(const struct run *run, const struct docker_defaults *defaults, struct buf *out,
                     struct error *err) MUST_CHECK;
