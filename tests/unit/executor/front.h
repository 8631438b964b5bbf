/* tests/unit/executor/front.h - the front: one executor on a real loop, with real processes and
 * real files, without an engine unless the test is one, and everything that it has reported. */
#pragma once

#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "executor/executor.h"
#include "model/run_spec.h"
#include "support/tmp.h"

#define GUARD_MS 20000
#define TICK_MS 5 /* what a timer has done is seen by then: the loop runs them before it waits */
#define HEARD_MAX 128

static char root[TMP_PATH_SIZE];
static struct loop loop;
static struct launcher launcher;
static struct executor *executor;
static uv_timer_t guard;
static unsigned guard_ticks;
static bool guard_over, recovered, stopped, docker_told;
static const char *docker_where; /* NULL: there is no engine */
static bool docker_as_before;    /* nobody names it */
static char docker_reason[256];

/* Everything that was reported, in order. */
static struct heard {
    int64_t task;
    enum task_state state;
    int64_t pid;
    int health, exit_code, signal;
    bool oom, exited, signaled, informs;
    struct check_result check;
    char reason[64], message[256], detail[64], container[64], results[512], readiness[512];
} heard[HEARD_MAX];
static size_t heard_n;

static inline void copy(char *dst, size_t size, const char *src)
{
    str_copy(dst, size, src != NULL ? src : "");
}

static inline void on_status(struct executor *x, const struct status *s)
{
    (void)x;
    assert_true(heard_n < HEARD_MAX);
    struct heard *h = &heard[heard_n++];
    *h = (struct heard){.task = s->task,
                        .state = s->state,
                        .pid = s->pid,
                        .health = s->health,
                        .exit_code = s->exit_code,
                        .signal = s->signal,
                        .oom = s->oom,
                        .exited = s->exited,
                        .signaled = s->signaled,
                        .informs = s->informs,
                        .check = s->check};
    copy(h->reason, sizeof(h->reason), s->reason);
    copy(h->message, sizeof(h->message), s->message);
    copy(h->detail, sizeof(h->detail), s->detail);
    copy(h->container, sizeof(h->container), s->container);
    snprintf(h->results, sizeof(h->results), "%.*s", (int)s->health_raw.len,
             s->health_raw.p != NULL ? s->health_raw.p : "");
    snprintf(h->readiness, sizeof(h->readiness), "%.*s", (int)s->readiness_raw.len,
             s->readiness_raw.p != NULL ? s->readiness_raw.p : "");
    assert_true(s->at.ms > 0);
}

static inline void on_recovered(struct executor *x)
{
    (void)x;
    recovered = true;
}

static int64_t wiped; /* the volume that was last said to be gone */

static inline void on_wiped(struct executor *x, int64_t volume)
{
    (void)x;
    wiped = volume;
}

static inline void on_docker(struct executor *x, const char *version, const char *reason)
{
    (void)x;
    docker_told = docker_where == NULL || version[0] != '\0';
    copy(docker_reason, sizeof(docker_reason), reason);
    if (docker_where != NULL)
        return;
    assert_string_equal(version, "");
    assert_int_equal(strncmp(reason, "docker: no engine at unix:///", 29), 0);
}

static inline void on_stopped(void *data)
{
    (void)data;
    stopped = true;
}

static inline void on_guard(uv_timer_t *timer)
{
    (void)timer;
    guard_over = ++guard_ticks > GUARD_MS / TICK_MS;
}

static inline void turn(void)
{
    uv_run(&loop.uv, UV_RUN_ONCE);
}

#define AWAIT(condition)                                    \
    do {                                                    \
        guard_over = false;                                 \
        guard_ticks = 0;                                    \
        uv_timer_start(&guard, on_guard, TICK_MS, TICK_MS); \
        while (!(condition) && !guard_over)                 \
            turn();                                         \
        uv_timer_stop(&guard);                              \
        assert_true(condition);                             \
    } while (0)

static inline void begin_executor(void)
{
    static const char *const env[] = {"HOST=here", "MESOS_AGENT_ENDPOINT=10.0.0.1:5051", NULL};
    char docker[2 * TMP_PATH_SIZE];
    struct error err;
    snprintf(docker, sizeof(docker), "unix://%s/no.sock", root);
    recovered = docker_told = false;
    heard_n = 0;
    assert_int_equal(launcher_fork(NULL, &launcher, &err), 0);
    struct executor_options options = {.folder = root,
                                       .launcher = launcher,
                                       .docker = docker_as_before       ? NULL
                                                 : docker_where != NULL ? docker_where
                                                                        : docker,
                                       .docker_as_before = docker_as_before,
                                       .env = env,
                                       .no_limits = true,
                                       .log_bytes = 1 << 20};
    struct executor_events events = {
        .status = on_status, .recovered = on_recovered, .wiped = on_wiped, .docker = on_docker};
    if (executor_start(&loop, &options, &events, &executor, &err) != 0)
        fail_msg("%s", err.text);
    assert_false(recovered);
    AWAIT(recovered);
}

static inline void end_executor(void)
{
    stopped = false;
    executor_stop(executor, on_stopped);
    assert_false(stopped);
    AWAIT(stopped);
    int status;
    assert_int_equal(waitpid(launcher.pid, &status, 0), launcher.pid);
}

static inline int begin(void **unused)
{
    (void)unused;
    struct error err;
    tmp_make(root);
    if (loop_init(&loop, &err) != 0)
        return -1;
    uv_timer_init(&loop.uv, &guard);
    begin_executor();
    return 0;
}

/* Kills what a test has left, and counts what is not over yet. */
static inline size_t kill_rest(bool order)
{
    char path[TMP_PATH_SIZE + 300];
    size_t alive = 0;
    snprintf(path, sizeof(path), "%s/tasks", root);
    DIR *dir = opendir(path);
    for (struct dirent *d; (d = readdir(dir)) != NULL;) {
        snprintf(path, sizeof(path), "%s/tasks/%s/record", root, d->d_name);
        bool begun = access(path, F_OK) == 0;
        snprintf(path, sizeof(path), "%s/tasks/%s/exit", root, d->d_name);
        alive += begun && access(path, F_OK) != 0;
        if (order)
            executor_kill(executor, atoi(d->d_name), "");
    }
    closedir(dir);
    return alive;
}

static inline int end(void **unused)
{
    (void)unused;
    heard_n = 0;
    kill_rest(true);
    AWAIT(kill_rest(false) == 0);
    end_executor();
    uv_close((uv_handle_t *)&guard, NULL);
    loop_run(&loop);
    loop_close(&loop);
    tmp_remove(root);
    return 0;
}

/* A run_spec as the scheduler writes it; `more` are further members. */
static inline void launch(int64_t task, const char *cmd, const char *more)
{
    struct run_spec spec = {.task = task,
                            .name = "web.1",
                            .owner = OWNER_APP,
                            .of = "/web",
                            .agent = "A-S0",
                            .framework = "F-0",
                            .source = "web",
                            .cmd = cmd,
                            .cpus_milli = 100,
                            .grace_ms = 100};
    struct run_env env = {"GREETING", "hello"};
    struct buf text;
    struct json_writer w;
    spec.env = &env;
    spec.env_n = 1;
    buf_init(&text, 1 << 16);
    json_begin(&w, &text);
    run_spec_write(&spec, &w);
    if (more != NULL) { /* before the last brace */
        text.data[--text.len] = '\0';
        buf_printf(&text, ",%s}", more);
    }
    size_t before = heard_n;
    executor_launch(executor, task, buf_slice(&text));
    assert_int_equal(heard_n, before); /* later, never from inside the call */
    buf_close(&text);
}

static inline const struct heard *last(void)
{
    return &heard[heard_n - 1];
}

static inline bool has_ended(void)
{
    return heard_n > 0 && task_ended(last()->state);
}

static inline bool is_running(void)
{
    return heard_n > 0 && last()->state == TASK_RUNNING;
}

static inline const char *sandbox_text(const char *name)
{
    static char text[4096];
    char path[1024];
    snprintf(path, sizeof(path), "%s/slaves/A-S0/frameworks/F-0/executors/web.1/runs/latest/%s",
             root, name);
    int fd = open(path, O_RDONLY);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

/* Lets a command go on that waits for a file `go`: what is so short may end before it is told. */
static inline void let_go(void)
{
    char path[1024];
    snprintf(path, sizeof(path), "%s/slaves/A-S0/frameworks/F-0/executors/web.1/runs/latest/go",
             root);
    int fd = open(path, O_WRONLY | O_CREAT, 0644);
    assert_true(fd >= 0);
    close(fd);
}
