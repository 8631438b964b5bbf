#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "executor/docker_contained.h"
#include "executor/docker_hold.h"

#define KILL_AGAIN_MS 5000 /* a container that lives on after SIGKILL */

const char *docker_name(const char *container, char dst[DOCKER_NAME_SIZE])
{
    snprintf(dst, DOCKER_NAME_SIZE, "mesos-%.64s", container);
    return dst;
}

/* ---- asking */

void contained_ask(struct contained *c, struct engine_call *call, enum method method,
                   struct slice body, int64_t ms, engine_cb *done, const char *fmt, ...)
    __attribute__((format(printf, 7, 8)));

void contained_unasked(uv_timer_t *timer)
{
    struct contained *c = timer->data;
    run_end_text(&c->run->end, END_NOT_STARTED, "docker: the engine's address is of no use");
    contained_leave(c);
}

void contained_ask(struct contained *c, struct engine_call *call, enum method method,
                   struct slice body, int64_t ms, engine_cb *done, const char *fmt, ...)
{
    char target[512];
    struct error err;
    va_list args;
    va_start(args, fmt);
    vsnprintf(target, sizeof(target), fmt, args);
    va_end(args);
    struct engine_ask question = {.method = method, .target = target, .body = body, .total_ms = ms};
    call->data = c;
    if (engine_start(&c->d->engine, call, &question, done, &err) != 0)
        uv_timer_start(&c->retry_timer, contained_unasked, 0, 0);
}

/* ---- the end of a run here */

static void on_timer_closed(uv_handle_t *handle)
{
    struct contained *c = handle->data;
    struct docker_driver *d = c->d;
    struct run *run = c->run;
    if (--c->timers > 0)
        return;
    list_remove(&c->in_runs);
    run->state = NULL;
    docker_pull_close(&c->pull);
    buf_close(&c->auth);
    mem_free(c->owner);
    mem_free(c);
    if (d->stopped == NULL)
        run->ended(run);
    else if (list_empty(&d->runs))
        docker_stop(d, d->stopped);
}

static void on_released(struct engine_call *call, const struct error *err)
{
    struct contained *c = call->data;
    if (err != NULL && err->code != ERR_NOT_FOUND && err->code != ERR_CANCELED)
        log_warn("network not removed", "task=%s error=\"%s\"", c->run->name, err->text);
    contained_leave_when_idle(c);
}

/* Its ports are to be free when the last end is told. True: that is under way. What fails here is
 * swept later. */
static bool release_network(struct contained *c)
{
    char target[DOCKER_NAME_SIZE + 64];
    struct error err;
    struct engine_ask question = {.method = METHOD_DELETE, .target = target, .total_ms = CREATE_MS};
    if (c->hold[0] == '\0' || c->run->let_go || c->d->stopped != NULL)
        return false;
    c->run->let_go = true;
    if (c->d->options.needed(c->d, c->run->network))
        return false;
    snprintf(target, sizeof(target), "/containers/%s?force=1&v=1", c->hold);
    c->held.data = c;
    return engine_start(&c->d->engine, &c->held, &question, on_released, &err) == 0;
}

void contained_leave_when_idle(struct contained *c)
{
    bool busy = engine_busy(&c->ask) || engine_busy(&c->wait) || engine_busy(&c->logs) ||
                engine_busy(&c->kill) || engine_busy(&c->held) || c->marking || c->reading ||
                c->log.state != LOG_CLOSED;
    if (busy || uv_is_closing((uv_handle_t *)&c->kill_timer) || release_network(c))
        return;
    uv_close((uv_handle_t *)&c->kill_timer, on_timer_closed);
    uv_close((uv_handle_t *)&c->retry_timer, on_timer_closed);
    if (c->looks)
        docker_usage_close(&c->usage, on_timer_closed, c);
}

void contained_leave(struct contained *c)
{
    c->leaving = true;
    c->run->end.killed = c->grace_ms >= 0;
    uv_timer_stop(&c->kill_timer);
    uv_timer_stop(&c->retry_timer);
    engine_cancel(&c->ask);
    engine_cancel(&c->wait);
    engine_cancel(&c->logs);
    engine_cancel(&c->kill);
    engine_cancel(&c->held);
    if (c->log.state != LOG_CLOSED && c->log.closed == NULL)
        docker_log_close(&c->log, contained_output_closed);
    contained_leave_when_idle(c);
}

bool contained_is_leaving(struct contained *c)
{
    if (c->leaving)
        contained_leave_when_idle(c);
    return c->leaving;
}

static void on_removed(struct engine_call *call, const struct error *err)
{
    struct contained *c = call->data;
    if (err != NULL && err->code != ERR_NOT_FOUND && err->code != ERR_CANCELED)
        log_warn("container not removed", "task=%s error=\"%s\"", c->run->name, err->text);
    if (!contained_is_leaving(c))
        contained_leave(c);
}

void contained_remove(struct contained *c)
{
    if (c->created)
        contained_ask(c, &c->ask, METHOD_DELETE, (struct slice){0}, CREATE_MS, on_removed,
                      "/containers/%s?force=1&v=1", c->name);
    else
        contained_leave(c);
}

void contained_fail(struct contained *c, const char *why)
{
    bool killed = c->grace_ms >= 0;
    run_end_text(&c->run->end, END_NOT_STARTED, killed ? "Killed before it was started" : why);
    contained_remove(c);
}

static void on_retry(uv_timer_t *timer)
{
    struct contained *c = timer->data;
    contained_go(c, LOOK);
}

void contained_look_later(struct contained *c)
{
    c->step = LOOK;
    uv_timer_start(&c->retry_timer, on_retry, RETRY_MS, 0);
}

/* ---- killing */

static void on_kill_time(uv_timer_t *timer);

static void on_killed(struct engine_call *call, const struct error *err)
{
    struct contained *c = call->data;
    if (contained_is_leaving(c))
        return;
    if (err == NULL || err->code == ERR_CONFLICT || err->code == ERR_NOT_FOUND)
        return;
    log_event(c->kill_refused ? LOG_DEBUG : LOG_WARN, "kill not taken",
              "task=%s error=\"%s\" and=\"it is sent again and again\"", c->run->name, err->text);
    c->kill_refused = true;
}

static void send_signal(struct contained *c, const char *signal)
{
    if (!engine_busy(&c->kill))
        contained_ask(c, &c->kill, METHOD_POST, (struct slice){0}, ASK_MS, on_killed,
                      "/containers/%s/kill?signal=%s", c->name, signal);
}

static void on_kill_time(uv_timer_t *timer)
{
    struct contained *c = timer->data;
    send_signal(c, "SIGKILL");
    uv_timer_start(&c->kill_timer, on_kill_time, KILL_AGAIN_MS, 0);
}

void contained_begin_killing(struct contained *c)
{
    if (c->grace_ms <= 0) {
        on_kill_time(&c->kill_timer);
        return;
    }
    if (!c->term_sent)
        send_signal(c, c->stop_signal[0] != '\0' ? c->stop_signal : "SIGTERM");
    c->term_sent = true;
    uint64_t left = uv_timer_get_due_in(&c->kill_timer);
    if (!uv_is_active((uv_handle_t *)&c->kill_timer) || (uint64_t)c->grace_ms < left)
        uv_timer_start(&c->kill_timer, on_kill_time, (uint64_t)c->grace_ms, 0);
}

void docker_kill(struct driver *driver, struct run *run, int64_t grace_ms)
{
    struct contained *c = run->state;
    (void)driver;
    if (c == NULL || c->leaving || c->step == OVER || (c->grace_ms >= 0 && grace_ms >= c->grace_ms))
        return;
    c->grace_ms = grace_ms;
    if (c->step == RUNNING || (c->step == LOOK && c->told))
        contained_begin_killing(c);
    else if (c->step == IMAGE || c->step == PULL)
        engine_cancel(&c->ask); /* its callback fails */
}

/* ---- steps */

static void (*const steps[])(struct contained *c) = {
    [IMAGE] = contained_find_image, [AUTH] = contained_read_auth,
    [PULL] = contained_pull,        [MARK] = contained_mark,
    [HOLD] = contained_hold,        [HOLD_START] = contained_start_hold,
    [CREATE] = contained_create,    [START] = contained_start,
    [LOOK] = contained_look,
};

void contained_go(struct contained *c, enum step step)
{
    c->step = step;
    if (c->grace_ms >= 0 && step <= CREATE)
        contained_fail(c, "");
    else
        steps[step](c);
}

static struct contained *track(struct docker_driver *d, struct run *run)
{
    struct contained *c = NEW(struct contained);
    c->d = d;
    c->run = run;
    c->grace_ms = -1;
    c->output_ms = RETRY_MS;
    c->timers = 2;
    docker_name(run->container, c->name);
    if (run->network != 0 && run->network == run->number)
        docker_hold_name(run->container, c->hold);
    else if (run->joins != NULL)
        docker_hold_name(run->joins, c->hold);
    uv_timer_init(&d->engine.loop->uv, &c->kill_timer);
    uv_timer_init(&d->engine.loop->uv, &c->retry_timer);
    c->kill_timer.data = c->retry_timer.data = c;
    run->state = c;
    list_push(&d->runs, &c->in_runs);
    return c;
}

int docker_launch(struct driver *driver, struct run *run, struct error *err)
{
    struct docker_driver *d = (struct docker_driver *)driver;
    char got[96];
    const char *image = run->spec->image;
    if (d->asked && d->version[0] == '\0')
        return error_set(err, ERR_UNAVAILABLE, "%s", d->reason);
    if (!run_image_is_clean(image))
        return error_set(err, ERR_INVALID, "image: got %s, need the name of an image",
                         str_quote(got, sizeof(got), image, strlen(image)));
    contained_go(track(d, run), run->spec->force_pull ? AUTH : IMAGE);
    return 0;
}

void docker_recover(struct driver *driver, struct run *run)
{
    struct contained *c = track((struct docker_driver *)driver, run);
    c->found = true;
    contained_go(c, LOOK);
}

void docker_let_go(struct docker_driver *d)
{
    LIST_EACH (it, &d->runs) {
        struct contained *c = LIST_ENTRY(it, struct contained, in_runs);
        if (!c->leaving)
            contained_leave(c);
        else
            engine_cancel(&c->held);
    }
}

bool docker_follows(struct docker_driver *d, int64_t number)
{
    LIST_EACH (it, &d->runs) {
        if (LIST_ENTRY(it, struct contained, in_runs)->run->number == number)
            return true;
    }
    return false;
}
