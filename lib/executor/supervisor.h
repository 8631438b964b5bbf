/* lib/executor/supervisor.h - the process that stays with one plain task, and outlives the agent.
 *
 * It starts the program, writes what the program prints into the sandbox, ends it on order, and
 * leaves behind how it ended. In the task's folder (agent/tasks/N) it keeps
 *   sup.sock  where it listens for agents after the one that has ordered it, who is connected from
 *             the beginning: they get the record, and may send `kill=GRACE_MS`
 *   record    who it and its task are: version, boot id, pids with start times, cgroup
 *   exit      how the task ended; durable. Written last of all, so a supervisor that is gone
 *             without it was killed itself, and its task with it
 *   gone      an agent's: it has found nobody; from then on nothing may be started
 *
 * Only the exit, and that it lives no more, say that it is over: an agent that cannot reach it at
 * its socket finds it by the record, or by the folder that it holds open, waits for its death, and
 * ends it by SUPERVISOR_SIGNAL. At SIGTERM (the machine goes down) the grace is the order's.
 *
 *   STARTING --exec--> RUNNING --kill--> STOPPING --grace over--> KILLING
 *       \_________________\________________\_______________________/
 *                     the program has ended
 *                               v
 *                           SWEEPING --nobody left--> exit
 *
 * Its title, its ears for later agents and for want of memory wait for the next lull
 * (executor/launcher.h), or soon; for later agents also no longer than the first one is there. So
 * does the sweep of what has ended by itself.
 * Until it is over, LIMIT_LULL_MS and a moment, its exit status is only known here: if we or the
 * machine are killed then, it is lost as if it had still run.
 *
 * One thread, no libuv, no memory of weight: a few pages a task. */
#pragma once

#include <signal.h>

#include "executor/order.h"

#define SUPERVISOR_VERSION 1 /* of the record, the exit file and the packets */
#define SUPERVISOR_COMM "mesolith-task"
#define SUPERVISOR_SIGNAL SIGRTMIN /* its value is the grace in ms; one of those that queue */

struct supervisor_start {
    const struct order *order;
    int folder_fd, agent_fd; /* the task's folder, and the way to the agent that has ordered it */
    int lull_fd;             /* executor/launcher.h */
    uint64_t before;         /* the processes_tick() before the fork */
    cgroup_spawner *spawn;   /* cgroup_spawn(), or a test's */
};

/* Never returns. Every other descriptor is closed. */
_Noreturn void supervisor_run(const struct supervisor_start *begin);
