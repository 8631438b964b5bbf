#include "executor/docker_usage.h"

#include <sys/syscall.h>
#include <unistd.h>

#include "executor/cgroup.h"

#define LOOK_MS 2000

static void look(struct docker_usage *u)
{
    int64_t peak = cgroup_peak_read(u->peak_fd);
    if (peak > u->peak_bytes)
        u->peak_bytes = peak;
}

static void on_time(uv_timer_t *timer)
{
    look(timer->data);
}

static void on_process_ended(uv_poll_t *process, int status, int events)
{
    (void)status;
    (void)events;
    look(process->data);
    uv_poll_stop(process);
}

bool docker_usage_start(struct docker_usage *u, uv_loop_t *loop, int64_t pid, const char *id)
{
    u->peak_fd = pid > 0 ? cgroup_peak_open(pid, id) : -1;
    u->process_fd = u->peak_fd >= 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    if (u->process_fd < 0 || uv_poll_init(loop, &u->process, u->process_fd) != 0) {
        close(u->process_fd);
        close(u->peak_fd);
        return false;
    }
    uv_timer_init(loop, &u->timer);
    u->process.data = u->timer.data = u;
    uv_poll_start(&u->process, UV_READABLE, on_process_ended);
    uv_timer_start(&u->timer, on_time, 0, LOOK_MS);
    return true;
}

void docker_usage_close(struct docker_usage *u, uv_close_cb closed, void *data)
{
    u->process.data = u->timer.data = data;
    uv_close((uv_handle_t *)&u->process, closed);
    uv_close((uv_handle_t *)&u->timer, closed);
    close(u->process_fd);
    close(u->peak_fd);
}
