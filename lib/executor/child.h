/* lib/executor/child.h - the last steps of a forked process before it is another program: session,
 * cgroup, limits, user, folder, signals, exec. */
#pragma once

#include "executor/order.h"

struct child_error {
    char text[160]; /* "cannot run "foo": No such file or directory" */
};

/* Called between fork and exec, in a process of one thread. Standard output and error become
 * `out_fd` and `err_fd`, standard input /dev/null, and all three `out_fd` where the order wants a
 * terminal, which that is then; no other descriptor survives the exec. When it
 * fails, one child_error is written to error_fd and the process exits with 127; exec closes it.
 * `inside`: it is in its cgroup already. `bound`: dies with its parent, and waits before the exec
 * until one byte comes on error_fd. */
_Noreturn void child_exec(const struct order *o, int out_fd, int err_fd, int error_fd, bool inside,
                          bool bound);
