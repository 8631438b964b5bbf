/* lib/executor/processes.h - who is who among the machine's processes, as /proc has it.
 *
 * A pid alone names nobody: it is reused. With the start time, and the boot id that both belong to,
 * it does. */
#pragma once

#include <sys/types.h>

#include "base/error.h"

#define BOOT_ID_SIZE 37

struct process {
    pid_t pid;
    uint64_t started; /* clock ticks since boot; 0: nobody */
};

const char *boot_id(char dst[BOOT_ID_SIZE]); /* "" when the machine does not say */
struct process process_of(pid_t pid);        /* as it is now */
bool process_alive(struct process p);        /* and still the same one; zombies are not alive */

/* As process_of(), of a process that was made since processes_tick() was `before`: mostly without
 * asking /proc, for which the kernel makes much that is dropped again when the process ends. */
struct process process_born(pid_t pid, uint64_t before);
uint64_t processes_tick(void); /* of the clock by which start times are told */
/* Whether they are: asked once, of this process. Before, and if not, process_born() asks /proc. */
void processes_try_ticks(uint64_t before);

/* What ps shows of this process from now on, as far as there is room where its arguments were:
 * after a fork without an exec it would else look like its parent. */
void process_title(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Sends `sig` to every process that descends from `root`, which gets none. Returns how many were
 * there. Works by a walk over /proc, so a process forked meanwhile may be missed: repeat. */
size_t processes_signal_below(pid_t root, int sig);
/* The same for the session that `leader` began. A session that a later process of the same pid
 * began is left alone. */
size_t processes_signal_session(struct process leader, int sig);
/* Does a process hold `folder_fd`'s folder open? */
enum held { NOT_HELD, HELD, HELD_UNKNOWN /* it is not ours to look at */ };
enum held process_holds(struct process p, int folder_fd);
/* The process of that name (its comm) which holds `folder_fd`'s folder open; {0} when there is
 * none, or it is not ours to look at. A walk over /proc, too. */
struct process processes_find_holder(const char *comm, int folder_fd);
