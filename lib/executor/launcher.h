/* lib/executor/launcher.h - the small process that forks: supervisors of tasks, command checks,
 * tar and unzip.
 *
 * It is forked first thing in main(), before threads, libraries and memory, so that a fork costs
 * little for ever after. It reads orders (executor/order.h) from a socket, answers each once, and
 * ends when the socket closes; its helpers end with it, supervisors live on.
 *
 * What is due at once is to begin before what has ended is tidied up: while many programs are about
 * to begin there is no lull, and supervisors whose program has ended wait for one, though not for
 * long. */
#pragma once

#include <sys/types.h>

#include "base/error.h"
#include "executor/cgroup.h"

struct launcher {
    pid_t pid;
    int fd;   /* the agent's end, a stream socket; closing it ends the launcher */
    int lull; /* an eventfd, readable while there is one: the agent says so */
};

struct launcher_options {
    /* NULL: _Fork(3), which runs no handlers of libraries; a test's may fail. */
    pid_t (*fork)(void);
    cgroup_spawner *spawn; /* the same of the supervisors; NULL: cgroup_spawn() */
};

int launcher_fork(const struct launcher_options *options, struct launcher *launcher_out,
                  struct error *err) MUST_CHECK;
