/* tests/unit/executor/world.h - a launcher, a loop, a folder and the driver of plain processes, as
 * an agent has them; tasks are real processes. Waits are for conditions, bounded by a guard. */
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uv.h>

#include "support/tmp.h"
#include "unit.h"

#include "executor/process.h"
#include "executor/processes.h"

#define GUARD_MS 20000

struct world {
    char root[TMP_PATH_SIZE];
    uv_loop_t loop;
    uv_timer_t guard;
    struct launcher_options launching;
    struct launcher launcher;
    struct launch_client client;
    struct process_options options;
    struct process_driver processes;
    bool client_stopped, processes_stopped, guard_over;
};

static inline void on_client_stopped(struct launch_client *c)
{
    ((struct world *)c->data)->client_stopped = true;
}

static inline void on_processes_stopped(struct process_driver *p)
{
    ((struct world *)p->data)->processes_stopped = true;
}

static inline void on_guard(uv_timer_t *timer)
{
    ((struct world *)timer->data)->guard_over = true;
}

/* Runs the loop until *done; fails the test when that takes too long. */
static inline void await_flag(struct world *w, const bool *done)
{
    w->guard_over = false;
    uv_timer_start(&w->guard, on_guard, GUARD_MS, 0);
    while (!*done && !w->guard_over)
        uv_run(&w->loop, UV_RUN_ONCE);
    uv_timer_stop(&w->guard);
    assert_true(*done);
}

/* An agent begins: a launcher of its own, nothing known. */
static inline void world_agent_start(struct world *w)
{
    struct error err;
    w->client_stopped = w->processes_stopped = false;
    assert_int_equal(launcher_fork(&w->launching, &w->launcher, &err), 0);
    w->client.data = w;
    w->processes.data = w;
    assert_int_equal(launch_client_start(&w->client, &w->loop, &w->launcher, &err), 0);
    process_start(&w->processes, &w->loop, &w->client, &w->options);
}

static inline void world_agent_stop(struct world *w)
{
    process_stop(&w->processes, on_processes_stopped);
    launch_client_stop(&w->client, on_client_stopped);
    await_flag(w, &w->processes_stopped);
    await_flag(w, &w->client_stopped);
    int status;
    assert_int_equal(waitpid(w->launcher.pid, &status, 0), w->launcher.pid);
    assert_int_equal(status, 0);
}

static inline void world_open(struct world *w)
{
    *w = (struct world){.options = {.log_bytes = 1 << 20, .log_files = 2}};
    tmp_make(w->root);
    signal(SIGPIPE, SIG_IGN); /* as loop_init() does: a launcher that is gone is an error */
    uv_loop_init(&w->loop);
    uv_timer_init(&w->loop, &w->guard);
    w->guard.data = w;
}

static inline void world_close(struct world *w)
{
    uv_close((uv_handle_t *)&w->guard, NULL);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&w->loop), 0); /* nothing is left */
    tmp_remove(w->root);
}

/* One task, its folders and what has been heard of it. */
struct task {
    struct run run;
    struct run_spec spec;
    char name[32], folder[512], sandbox[512];
    char *env[8];
    bool has_started, has_ended;
};

static inline void on_task_started(struct run *run)
{
    ((struct task *)run->owner)->has_started = true;
}
static inline void on_task_ended(struct run *run)
{
    ((struct task *)run->owner)->has_ended = true;
}
static inline void on_task_progress(struct run *run)
{
    (void)run;
}

/* As an agent has it that was started anew: only what is on disk. */
static inline void task_known(struct world *w, struct task *t, int64_t number)
{
    *t = (struct task){0};
    snprintf(t->name, sizeof(t->name), "task.%d", (int)number);
    snprintf(t->folder, sizeof(t->folder), "%s/N%d", w->root, (int)number);
    snprintf(t->sandbox, sizeof(t->sandbox), "%s/S%d", w->root, (int)number);
    t->run = (struct run){
        .owner = t,
        .number = number,
        .name = t->name,
        .folder = t->folder,
        .sandbox = t->sandbox,
        .container = strrchr(t->sandbox, '/') + 1,
        .started = on_task_started,
        .ended = on_task_ended,
        .progress = on_task_progress,
    };
}

static inline void task_init(struct world *w, struct task *t, int64_t number, const char *cmd)
{
    task_known(w, t, number);
    mkdir(t->folder, 0700);
    mkdir(t->sandbox, 0750);
    t->env[0] = "PATH=/usr/bin:/bin";
    t->spec = (struct run_spec){.name = t->name, .cmd = cmd, .cpus_milli = 100, .grace_ms = 1000};
    t->run.spec = &t->spec;
    t->run.env = t->env;
}

static inline void task_launch(struct world *w, struct task *t, int64_t number, const char *cmd)
{
    struct error err;
    task_init(w, t, number, cmd);
    struct driver *d = &w->processes.driver;
    if (d->launch(d, &t->run, &err) != 0)
        fail_msg("%s", err.text);
}

/* The whole of a file in the sandbox; the caller frees. */
static inline char *task_file(const struct task *t, const char *name)
{
    char path[600];
    snprintf(path, sizeof(path), "%s/%s", t->sandbox, name);
    FILE *f = fopen(path, "re");
    char *text = calloc(1, 1 << 20);
    if (f == NULL)
        return strcpy(text, "(no such file)");
    size_t n = fread(text, 1, (1 << 20) - 1, f);
    text[n] = '\0';
    fclose(f);
    return text;
}

#define assert_file(t, name, want)       \
    do {                                 \
        char *got_ = task_file(t, name); \
        assert_string_equal(got_, want); \
        free(got_);                      \
    } while (0)
