#include "executor/docker.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "executor/docker_private.h"
#include "executor/docker_stream.h"

#define ASK_MS 30000         /* one question */
#define REMOVE_MS 120000     /* a slow disk may take long to drop a container's layers */
#define PROBE_MS 10000       /* is the engine still there? */
#define PROBE_ABSENT_MS 3000 /* is it there by now? */

/* ---- is there an engine? */

static void on_probe_time(uv_timer_t *timer);

static void note_engine(struct docker_driver *d, const char *version, const char *reason)
{
    bool same = d->asked && str_eq(d->version, version) && str_eq(d->reason, reason);
    d->asked = true;
    str_copy(d->version, sizeof(d->version), version);
    str_copy(d->reason, sizeof(d->reason), reason);
    uv_timer_start(&d->timer, on_probe_time, version[0] != '\0' ? PROBE_MS : PROBE_ABSENT_MS, 0);
    if (!same)
        d->changed(d);
}

static void on_probed(struct engine_call *call, const struct error *err)
{
    struct docker_driver *d = call->data;
    if (d->stopped != NULL)
        docker_stop(d, d->stopped);
    else if (err != NULL)
        note_engine(d, "", err->text);
    else
        note_engine(d, json_str(json_get(call->json, "Version"), "unknown"), "");
}

static void on_probe_time(uv_timer_t *timer)
{
    struct docker_driver *d = timer->data;
    struct error err;
    struct engine_ask question = {.method = METHOD_GET, .target = "/version", .total_ms = ASK_MS};
    if (engine_start(&d->engine, &d->probe, &question, on_probed, &err) != 0)
        note_engine(d, "", err.text);
}

/* ---- containers that nobody follows: one question after another */

static void sweep_next(struct docker_driver *d);

static void sweep_end(struct docker_driver *d)
{
    while (d->found_n > 0)
        mem_free(d->found[--d->found_n]);
    mem_free(d->found);
    d->found = NULL;
}

static void sweep_ask(struct docker_driver *d, enum method method, engine_cb *done,
                      const char *target)
{
    struct error err;
    struct engine_ask question = {.method = method, .target = target, .total_ms = REMOVE_MS};
    if (engine_start(&d->engine, &d->sweep, &question, done, &err) != 0)
        sweep_end(d);
}

static void on_swept(struct engine_call *call, const struct error *err)
{
    struct docker_driver *d = call->data;
    (void)err; /* what is left is found the next time */
    sweep_next(d);
}

static void on_sweep_looked(struct engine_call *call, const struct error *err)
{
    struct docker_driver *d = call->data;
    const struct json *state = json_get(call->json, "State");
    const char *id = json_str(json_get(call->json, "Id"), "");
    struct clock *clock = &d->engine.loop->clock;
    int64_t ended_ms = docker_time_ns(json_slice(json_get(state, "FinishedAt"))) / 1000000;
    bool runs = json_bool(json_get(state, "Running"), false);
    bool old = clock->wall(clock).ms - ended_ms >= d->options.remove_ms;
    char target[256];
    if (err != NULL || state == NULL || d->stopped != NULL || (!runs && !old)) {
        sweep_next(d);
        return;
    }
    if (runs)
        log_warn("orphan container removed", "id=%.12s", id);
    snprintf(target, sizeof(target), "/containers/%.100s?force=1&v=1", id);
    sweep_ask(d, METHOD_DELETE, on_swept, target);
}

static void sweep_next(struct docker_driver *d)
{
    char target[256];
    if (d->stopped != NULL) {
        docker_stop(d, d->stopped);
        return;
    }
    if (d->found_n == 0) {
        sweep_end(d);
        return;
    }
    char *id = d->found[--d->found_n];
    snprintf(target, sizeof(target), "/containers/%.100s/json", id);
    mem_free(id);
    sweep_ask(d, METHOD_GET, on_sweep_looked, target);
}

static bool is_wanted(struct docker_driver *d, const struct json *labels)
{
    int64_t number;
    if (str_to_i64(json_str(json_get(labels, DOCKER_LABEL_NETWORK), ""), &number))
        return d->options.needed(d, number);
    return !str_to_i64(json_str(json_get(labels, DOCKER_LABEL_NUMBER), ""), &number) ||
           docker_follows(d, number);
}

static void note_unfollowed(struct docker_driver *d, const struct json *container)
{
    const struct json *labels = json_get(container, "Labels");
    const char *id = json_str(json_get(container, "Id"), NULL);
    if (id == NULL || is_wanted(d, labels))
        return;
    d->found = mem_realloc(d->found, (d->found_n + 1) * sizeof(*d->found));
    d->found[d->found_n++] = mem_strdup(id);
}

static void on_listed(struct engine_call *call, const struct error *err)
{
    struct docker_driver *d = call->data;
    JSON_EACH (container, err == NULL ? call->json : NULL) {
        note_unfollowed(d, container);
    }
    sweep_next(d);
}

void docker_sweep(struct docker_driver *d)
{
    struct buf filters, target;
    struct json_writer w;
    if (d->version[0] == '\0' || engine_busy(&d->sweep) || d->stopped != NULL)
        return;
    buf_init(&filters, 8192);
    buf_init(&target, LIMIT_URL_BYTES);
    json_begin(&w, &filters);
    json_object(&w);
    json_key(&w, "label");
    json_array(&w);
    char label[4096];
    snprintf(label, sizeof(label), DOCKER_LABEL_OWNER "=%s", d->options.owner);
    json_put_str(&w, label);
    json_array_end(&w);
    json_object_end(&w);
    buf_puts(&target, "/containers/json?all=1&filters=");
    url_encode(buf_slice(&filters), &target);
    sweep_ask(d, METHOD_GET, on_listed, buf_str(&target));
    buf_close(&filters);
    buf_close(&target);
}

/* ---- life */

int docker_start(struct docker_driver *d, struct loop *loop, const struct docker_options *options,
                 docker_cb *changed, struct error *err)
{
    *d = (struct docker_driver){
        .driver = {.name = "docker",
                   .launch = docker_launch,
                   .kill = docker_kill,
                   .recover = docker_recover},
        .data = d->data,
        .options = *options,
        .changed = changed,
    };
    if (engine_init(&d->engine, loop, options->where, err) != 0)
        return -1;
    list_init(&d->runs);
    d->probe.data = d->sweep.data = d;
    uv_timer_init(&loop->uv, &d->timer);
    d->timer.data = d;
    uv_timer_start(&d->timer, on_probe_time, 0, 0);
    return 0;
}

static void on_driver_closed(uv_handle_t *handle)
{
    struct docker_driver *d = handle->data;
    engine_close(&d->engine);
    sweep_end(d);
    d->stopped(d);
}

/* Again each time that something has ended, until nothing is left. */
void docker_stop(struct docker_driver *d, docker_cb *stopped)
{
    d->stopped = stopped;
    engine_cancel(&d->probe);
    engine_cancel(&d->sweep);
    docker_let_go(d);
    if (engine_busy(&d->probe) || engine_busy(&d->sweep) || !list_empty(&d->runs) || d->closing)
        return;
    d->closing = true;
    uv_close((uv_handle_t *)&d->timer, on_driver_closed);
}
