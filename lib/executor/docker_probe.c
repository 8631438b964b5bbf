#include "executor/docker_probe.h"

#include <stdio.h>

#include "base/limits.h"
#include "base/str.h"

#define ASK_MS 30000

/* make the exec --> start it, which lasts until it ends --> ask for its exit status */

static void on_unasked(uv_handle_t *handle)
{
    struct docker_probe *p = handle->data;
    p->answered(&p->probe, PROBE_BAD);
}

static void ask(struct docker_probe *p, enum method method, struct slice body, int64_t ms,
                engine_cb *done, const char *target)
{
    struct error err;
    struct engine_ask question = {.method = method, .target = target, .body = body, .total_ms = ms};
    p->call.data = p;
    if (engine_start(p->engine, &p->call, &question, done, &err) == 0)
        return;
    str_copy(p->probe.cause, sizeof(p->probe.cause), err.text);
    uv_timer_init(&p->engine->loop->uv, &p->later);
    p->later.data = p;
    uv_close((uv_handle_t *)&p->later, on_unasked); /* answers come later, always */
}

/* An engine that is not there says nothing about the task, which runs on without it. */
static bool failed(struct docker_probe *p, const struct error *err)
{
    if (err == NULL)
        return false;
    bool gone = err->code == ERR_UNAVAILABLE || err->code == ERR_UNCERTAIN;
    str_copy(p->probe.cause, sizeof(p->probe.cause), err->text);
    p->answered(&p->probe, gone ? PROBE_NEITHER : PROBE_BAD);
    return true;
}

static struct mono now(const struct docker_probe *p)
{
    struct clock *clock = &p->engine->loop->clock;
    return clock->mono(clock);
}

static void on_status(struct engine_call *call, const struct error *err)
{
    struct docker_probe *p = call->data;
    if (failed(p, err))
        return;
    int code = (int)json_int(json_get(call->json, "ExitCode"), -1);
    snprintf(p->probe.cause, sizeof(p->probe.cause), "Command exited with status %d", code);
    p->probe.code = code;
    p->answered(&p->probe, code == 0 ? PROBE_GOOD : PROBE_BAD);
}

static void on_part(struct engine_call *call, struct slice piece)
{
    (void)call; /* what it prints */
    (void)piece;
}

static void on_run(struct engine_call *call, const struct error *err)
{
    struct docker_probe *p = call->data;
    char target[128];
    bool late = p->timeout_ms > 0 && now(p).ms - p->begun.ms >= p->timeout_ms;
    if (err != NULL && err->code == ERR_UNCERTAIN && late) {
        snprintf(p->probe.cause, sizeof(p->probe.cause), "no answer within %lld ms",
                 (long long)p->timeout_ms);
        p->answered(&p->probe, PROBE_BAD);
        return;
    }
    if (failed(p, err))
        return;
    snprintf(target, sizeof(target), "/exec/%s/json", p->id);
    ask(p, METHOD_GET, (struct slice){0}, ASK_MS, on_status, target);
}

static void on_made(struct engine_call *call, const struct error *err)
{
    struct docker_probe *p = call->data;
    char target[128];
    struct error refused;
    if (failed(p, err))
        return;
    p->begun = now(p);
    str_copy(p->id, sizeof(p->id), json_str(json_get(call->json, "Id"), ""));
    snprintf(target, sizeof(target), "/exec/%s/start", p->id);
    struct engine_ask question = {.method = METHOD_POST,
                                  .target = target,
                                  .body = SLICE("{\"Detach\":false,\"Tty\":false}"),
                                  .total_ms = p->timeout_ms,
                                  .on_part = on_part};
    if (engine_start(p->engine, &p->call, &question, on_run, &refused) != 0)
        failed(p, &refused);
}

static void docker_ask(struct probe *probe,
                       void (*answered)(struct probe *p, enum probe_answer answer))
{
    struct docker_probe *p = (struct docker_probe *)probe;
    struct buf body;
    struct json_writer w;
    char target[128];
    p->answered = answered;
    buf_init(&body, LIMIT_ORDER_BYTES);
    json_begin(&w, &body);
    json_object(&w);
    json_member_bool(&w, "AttachStdout", true);
    json_member_bool(&w, "AttachStderr", true);
    json_key(&w, "Cmd");
    json_array(&w);
    json_put_str(&w, "/bin/sh");
    json_put_str(&w, "-c");
    json_put_str(&w, p->command);
    json_array_end(&w);
    json_object_end(&w);
    snprintf(target, sizeof(target), "/containers/%s/exec", p->container);
    ask(p, METHOD_POST, buf_slice(&body), ASK_MS, on_made, target);
    buf_close(&body);
}

void docker_probe_init(struct docker_probe *p, struct engine *engine, const char *container,
                       const char *command, int64_t timeout_ms)
{
    *p = (struct docker_probe){
        .probe.ask = docker_ask, .engine = engine, .command = command, .timeout_ms = timeout_ms};
    str_copy(p->container, sizeof(p->container), container);
}
