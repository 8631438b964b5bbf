#include "tasks.h"

#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "executor/executor.h"
#include "files.h"
#include "model/status.h"

/* ---------------- from the executor to the node */

static void send_event(struct tasks *t, enum event_kind kind, struct buf *body)
{
    struct event e = {.kind = kind};
    if (body != NULL)
        e.body = *body;
    host_event(t->host, &e);
}

/* Which tasks run here: who follows an output wants to know when no more comes. */
static void note_alive(struct tasks *t, const struct status *s)
{
    if (task_ended(s->state))
        map_remove(t->alive, (uint64_t)s->task);
    else
        map_put(t->alive, (uint64_t)s->task, t);
}

static void on_status(struct executor *x, const struct status *s)
{
    struct tasks *t = executor_events_of(x)->data;
    struct buf body;
    struct json_writer w;
    note_alive(t, s);
    buf_init(&body, LIMIT_FRAME_BYTES);
    json_begin(&w, &body);
    status_write(s, &w);
    send_event(t, EVENT_STATUS, &body);
}

static void on_recovered(struct executor *x)
{
    struct tasks *t = executor_events_of(x)->data;
    t->recovered = true;
    send_event(t, EVENT_RECOVERED, NULL);
}

static void on_wiped(struct executor *x, int64_t volume)
{
    struct tasks *t = executor_events_of(x)->data;
    struct event e = {.kind = EVENT_WIPED, .volume = volume};
    host_event(t->host, &e);
}

static void on_lost(struct executor *x)
{
    struct tasks *t = executor_events_of(x)->data;
    t->lost(t);
}

static void on_docker(struct executor *x, const char *version, const char *reason)
{
    struct buf body;
    struct json_writer w;
    buf_init(&body, LIMIT_FRAME_BYTES);
    json_begin(&w, &body);
    json_object(&w);
    json_member_str(&w, "docker", version);
    json_member_str(&w, "docker_reason", reason);
    json_object_end(&w);
    send_event(executor_events_of(x)->data, EVENT_DOCKER, &body);
}

/* ---------------- life */

int tasks_start(struct tasks *t, const struct tasks_options *options, struct error *err)
{
    const struct executor_options executor = {
        .folder = options->folder,
        .launcher = *options->launcher,
        .docker = *options->docker != '\0' ? options->docker : NULL,
        .log_bytes = options->log_bytes,
        .log_files = options->log_files,
        .pids = options->pids,
        .fetch_bytes = options->fetch_bytes,
        .outputs_runs = options->outputs_runs,
        .outputs_ms = options->outputs_ms,
        .outputs_bytes = options->outputs_bytes,
    };
    const struct executor_events events = {
        .data = t,
        .status = on_status,
        .recovered = on_recovered,
        .wiped = on_wiped,
        .lost = on_lost,
        .docker = on_docker,
    };
    t->host = options->host;
    t->alive = map_new();
    if (executor_start(options->loop, &executor, &events, &t->executor, err) != 0) {
        map_free(t->alive);
        return -1;
    }
    t->files = files_new(options->loop, t);
    return 0;
}

static void on_executor_stopped(void *data)
{
    struct tasks *t = data;
    map_free(t->alive);
    t->stopped(t);
}

static void on_files_stopped(struct tasks *t)
{
    t->files = NULL; /* who still asks is not answered any more */
    executor_stop(t->executor, on_executor_stopped);
}

void tasks_stop(struct tasks *t, void (*stopped)(struct tasks *t))
{
    t->stopped = stopped;
    files_stop(t->files, on_files_stopped);
}

bool tasks_alive(const struct tasks *t, int64_t task)
{
    return !t->recovered || map_get(t->alive, (uint64_t)task) != NULL;
}

/* ---------------- from the node */

void tasks_launch(struct tasks *t, int64_t task, struct slice run_spec)
{
    map_put(t->alive, (uint64_t)task, t);
    executor_launch(t->executor, task, run_spec);
}

void tasks_kill(struct tasks *t, int64_t task, const char *reason)
{
    executor_kill(t->executor, task, reason);
}

void tasks_forget(struct tasks *t, int64_t task)
{
    executor_forget(t->executor, task);
}

void tasks_wipe(struct tasks *t, int64_t volume, const char *name)
{
    executor_wipe(t->executor, volume, name);
}

void tasks_sandbox(struct tasks *t, struct exchange_id id, struct sandbox_request *r)
{
    if (t->files != NULL)
        files_serve(t->files, id, r);
    else
        sandbox_request_free(r);
}

void tasks_gone(struct tasks *t, struct exchange_id id)
{
    if (t->files != NULL)
        files_gone(t->files, id);
}

void tasks_credit(struct tasks *t, struct exchange_id id, size_t bytes)
{
    if (t->files != NULL)
        files_credit(t->files, id, bytes);
}
