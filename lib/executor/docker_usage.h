/* lib/executor/docker_usage.h - the most memory that the processes of a container have had at once.
 *
 * Its cgroup counts that and goes, by whoever has made it, soon after the container's first
 * process: so it is read once in a while, and when that process ends. Nothing is known of a
 * container that runs elsewhere, or ends before it is seen. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <uv.h>

struct docker_usage {
    int64_t peak_bytes; /* read only; 0: not known */
    /* private */
    uv_poll_t process;
    uv_timer_t timer;
    int process_fd, peak_fd;
};

/* Of a zeroed struct. `id`: the engine's of the container, whose first process this is. False:
 * nothing can be known, and nothing is to be closed. */
bool docker_usage_start(struct docker_usage *u, uv_loop_t *loop, int64_t pid, const char *id);
/* `closed` is called twice, with handles whose `data` is this one. */
void docker_usage_close(struct docker_usage *u, uv_close_cb closed, void *data);
