#include "executor/checker.h"

#include "base/assert.h"
#include "base/str.h"

static void on_closed(uv_handle_t *timer)
{
    struct checker *c = timer->data;
    c->stopped(c);
}

/* The timer and an answer in flight both point into c: wait for both. */
static void close_when_idle(struct checker *c)
{
    if (!c->asking)
        uv_close((uv_handle_t *)&c->timer, on_closed);
}

static void on_answer(struct probe *probe, enum probe_answer answer);

static void on_due(uv_timer_t *timer)
{
    struct checker *c = timer->data;
    c->asking = true;
    c->probe->code = NO_RESULT;
    c->probe->ask(c->probe, on_answer);
}

static void arm(struct checker *c)
{
    int64_t wait = c->health.due.ms - c->clock->mono(c->clock).ms;
    uv_timer_start(&c->timer, on_due, wait > 0 ? (uint64_t)wait : 0, 0);
}

static bool take_in(struct checker *c, enum probe_answer answer)
{
    unsigned failures = c->health.failures;
    int code = c->code;
    struct mono now = c->clock->mono(c->clock);
    struct wall wall = c->clock->wall(c->clock);
    if (answer == PROBE_NEITHER) {
        c->health.due = mono_after(now, c->health.policy.interval_ms);
        return false;
    }
    bool changed = health_result(&c->health, answer == PROBE_GOOD, now);
    if (answer == PROBE_GOOD) {
        c->last_good = wall;
        if (c->first_good.ms == 0)
            c->first_good = wall;
    } else if (c->health.failures > failures) { /* else it is forgiven, and changes nothing */
        c->last_bad = wall;
        str_copy(c->cause, sizeof(c->cause), c->probe->cause);
    }
    c->code = c->probe->code;
    return c->informs ? c->code != code : changed || c->health.failures > failures;
}

static void on_answer(struct probe *probe, enum probe_answer answer)
{
    struct checker *c = probe->data;
    ASSERT(c->asking);
    c->asking = false;
    if (c->stopped != NULL) {
        close_when_idle(c);
        return;
    }
    bool changed = take_in(c, answer);
    if (c->health.state != HEALTH_DOOMED)
        arm(c);
    if (changed)
        c->changed(c);
}

int checker_start(struct checker *c, uv_loop_t *loop, struct clock *clock, struct probe *probe,
                  const struct health_policy *policy, int64_t delay_ms, checker_cb *changed,
                  struct error *err)
{
    *c = (struct checker){.data = c->data,
                          .informs = c->informs,
                          .code = NO_RESULT,
                          .clock = clock,
                          .probe = probe,
                          .changed = changed};
    if (health_init(&c->health, policy, clock->mono(clock), err) != 0)
        return -1;
    c->health.due = mono_after(c->health.due, delay_ms);
    probe->data = c;
    uv_timer_init(loop, &c->timer);
    c->timer.data = c;
    arm(c);
    return 0;
}

void checker_stop(struct checker *c, checker_cb *stopped)
{
    ASSERT(c->stopped == NULL && stopped != NULL);
    c->stopped = stopped;
    uv_timer_stop(&c->timer);
    close_when_idle(c);
}
