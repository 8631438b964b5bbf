#include <stdio.h>

#include "base/log.h"
#include "executor/docker_contained.h"

#define OUTPUT_MS_MAX 60000 /* the longest pause before output that we cannot read is asked for */
#define LOGS_TRIES 3

static void on_output_again(uv_timer_t *timer)
{
    struct contained *c = timer->data;
    if (c->log.state == LOG_CLOSED)
        contained_open_output(c);
}

void contained_output_closed(struct docker_log *l)
{
    struct contained *c = l->data;
    if (contained_is_leaving(c))
        return;
    bool whole = !c->logs_before_end || c->no_logs;
    if (c->step == OVER && (whole || ++c->logs_tries >= LOGS_TRIES))
        contained_leave(c);
    else if (c->step == OVER)
        contained_open_output(c);
    else if (!c->no_logs && !uv_is_active((uv_handle_t *)&c->retry_timer))
        uv_timer_start(&c->retry_timer, on_output_again, (uint64_t)c->output_ms, 0);
}

static void on_output_written(struct docker_log *l)
{
    struct contained *c = l->data;
    engine_pause(&c->logs, false);
}

static void on_logs_part(struct engine_call *call, struct slice piece)
{
    struct contained *c = call->data;
    struct error err;
    if (c->leaving || c->log.closed != NULL)
        return;
    if (docker_log_feed(&c->log, piece, on_output_written, &err) != 0) {
        log_event(c->output_ms > RETRY_MS ? LOG_DEBUG : LOG_WARN, "output not understood",
                  "task=%s error=\"%s\"", c->run->name, err.text);
        c->output_ms = 2 * c->output_ms < OUTPUT_MS_MAX ? 2 * c->output_ms : OUTPUT_MS_MAX;
        engine_cancel(call);
        return;
    }
    engine_pause(call, true);
}

/* The stream has ended: because the container has, or because the engine is restarted. A stream
 * that began before we knew of the end, and broke, is asked for once more. */
static void on_logs_done(struct engine_call *call, const struct error *err)
{
    struct contained *c = call->data;
    if (c->leaving) {
        contained_leave_when_idle(c);
        return;
    }
    c->logs_before_end = c->step != OVER || err != NULL;
    if (call->status >= 400 && call->status != 404) {
        log_warn("output not to be had", "task=%s error=\"%s\"", c->run->name, err->text);
        c->no_logs = true;
    }
    docker_log_close(&c->log, contained_output_closed);
}

static void on_output_ready(struct docker_log *l)
{
    struct contained *c = l->data;
    char since[32], target[256];
    struct error err;
    if (contained_is_leaving(c))
        return;
    snprintf(target, sizeof(target),
             "/containers/%s/logs?follow=1&stdout=1&stderr=1&timestamps=1&since=%s", c->name,
             docker_log_since(l, since));
    struct engine_ask question = {.method = METHOD_GET, .target = target, .on_part = on_logs_part};
    c->logs.data = c;
    if (engine_start(&c->d->engine, &c->logs, &question, on_logs_done, &err) != 0)
        docker_log_close(l, contained_output_closed);
}

void contained_open_output(struct contained *c)
{
    struct docker_log_options options = {.folder = c->run->folder,
                                         .sandbox = c->run->sandbox,
                                         .tty = c->tty,
                                         .log_bytes = c->d->options.log_bytes,
                                         .log_files = c->d->options.log_files};
    c->log.data = c;
    docker_log_open(&c->log, &c->d->engine.loop->uv, &options, on_output_ready);
}
