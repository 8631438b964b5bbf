/* lib/executor/child.h - the last steps of a new process before it is another program: session,
 * cgroup, limits, user, folder, signals, exec. */
#pragma once

#include "executor/order.h"

#define CHILD_ERROR_SIZE 160

struct child {
    const struct order *order;
    int out_fd, err_fd;
    char *error;    /* CHILD_ERROR_SIZE, in memory that its parent shares; NULL: to err_fd */
    bool inside;    /* it is in its cgroup already */
    pid_t bound_to; /* its parent, with which it dies; 0: it does not */
};

/* Once, in the process from which those descend that come to child_exec(): it, and so they, have
 * all signals as they are by default, but these few are ignored. */
void child_ancestor(void);

/* Closes all descriptors above 2 but these few, which are above 2. */
void fds_keep_only(const int *kept, size_t n);

/* Called in a process of one thread, which may share its parent's memory until the exec. Standard
 * output and error become `out_fd` and `err_fd`, standard input /dev/null, and all three `out_fd`
 * where the order wants a terminal, which that is then; no other descriptor survives the exec. When
 * it fails, `error` says why (`cannot run "foo": No such file or directory`), and the process exits
 * with 127. */
_Noreturn void child_exec(const struct child *c);
