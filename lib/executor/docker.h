/* lib/executor/docker.h - the driver of containers, which live under the Docker Engine (or Podman's
 * compatible socket) and are found again by their name, `mesos-<container>`, and their labels.
 *
 * Whether there is an engine is asked again and again; without one launches fail, and what ran goes
 * on running. */
#pragma once

#include "executor/docker_options.h"
#include "executor/driver.h"
#include "executor/engine.h"

#include "base/list.h"

struct docker_driver;
typedef void docker_cb(struct docker_driver *d);

struct docker_options {
    const char *where; /* NULL: DOCKER_HOST, or the default socket */
    const char *owner; /* the folder of this agent's tasks; kept */
    int64_t log_bytes; /* one output file */
    unsigned log_files;
    bool cpu_quota;
    const char *hold; /* the program that holds networks (docker_hold.h); kept */
    /* Does any task still need the network of that run->network? */
    bool (*needed)(struct docker_driver *d, int64_t network);
    int64_t remove_ms; /* how long after its end a container may still be looked at */
};

struct docker_driver {
    struct driver driver; /* first */
    void *data;           /* the owner's, set before start */
    char version[64];     /* of the engine; "" when there is none: then `reason` says why */
    char reason[256];
    /* private */
    struct docker_options options;
    struct engine engine;
    struct list runs;
    docker_cb *changed, *stopped;
    bool asked; /* there has been an answer, or none */
    struct engine_call probe, sweep;
    uv_timer_t timer;
    char **found; /* sweep: ids of containers that nobody follows */
    size_t found_n;
    bool closing;
};

/* Keeps `d`. `changed`: there is an engine now, or none any more. ERR_INVALID when `where` is no
 * address: then nothing is to be stopped. */
int docker_start(struct docker_driver *d, struct loop *loop, const struct docker_options *options,
                 docker_cb *changed, struct error *err) MUST_CHECK;
/* Lets go of all containers, which run on. */
void docker_stop(struct docker_driver *d, docker_cb *stopped);
/* Removes containers of this agent that nobody follows: orphans at once, others some time after
 * their end. To be called now and then, after everything was found again. */
void docker_sweep(struct docker_driver *d);

/* The name that the engine knows a task's container by. */
#define DOCKER_NAME_SIZE 80
const char *docker_name(const char *container, char dst[DOCKER_NAME_SIZE]);
