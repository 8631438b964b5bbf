#include "graphite.h"

#include "base/limits.h"
#include "base/log.h"
#include "graphite_text.h"

/*  IDLE --due, we lead--> ASKING --> WRITING, on the pool --> DIALLING --> SENDING --> CLOSING
 *   ^                        |                  |                 |                       |
 *   \________________________|____ failed ______|_________________|_______________________/
 *
 * What takes longer than the interval is given up. */

/* ---- how it went */

static void tell(struct graphite *g, const struct error *err)
{
    char where[ADDRESS_SIZE];
    address_text(&g->options.to, where);
    if (err != NULL && !g->told)
        log_warn("numbers are not pushed", "graphite=%s why=\"%s\"", where, err->text);
    if (err == NULL && g->told)
        log_info("numbers are pushed again", "graphite=%s", where);
    g->told = err != NULL;
}

static void on_timer_closed(uv_handle_t *timer)
{
    struct graphite *g = timer->data;
    buf_close(&g->lines);
    g->stopped(g);
}

static void leave(struct graphite *g)
{
    uv_close((uv_handle_t *)&g->timer, on_timer_closed);
}

static void now_idle(struct graphite *g)
{
    buf_clear(&g->lines);
    g->state = GRAPHITE_IDLE;
    if (g->stopped != NULL)
        leave(g);
}

static void on_stream_closed(struct stream *s)
{
    now_idle(s->data);
}

static void end(struct graphite *g, const struct error *err)
{
    if (g->stopped == NULL)
        tell(g, err);
    if (g->state == GRAPHITE_SENDING) {
        g->state = GRAPHITE_CLOSING;
        stream_close(g->stream, on_stream_closed);
    } else {
        now_idle(g);
    }
}

static void fail(struct graphite *g)
{
    end(g, &g->failure);
}

/* ---- sending */

static void on_written(struct stream *s, const struct error *err)
{
    end(s->data, err);
}

static const struct stream_events events = {.on_written = on_written};

static void on_dialled(struct dial *d, struct stream *s, const struct error *err)
{
    struct graphite *g = d->data;
    if (s == NULL) {
        end(g, g->failure.code != ERR_NONE ? &g->failure : err);
        return;
    }
    g->state = GRAPHITE_SENDING;
    g->stream = s;
    s->data = g;
    s->events = &events;
    if (g->failure.code != ERR_NONE) { /* it was given up meanwhile */
        fail(g);
        return;
    }
    uv_buf_t lines = uv_buf_init(g->lines.data, (unsigned)g->lines.len);
    if (stream_write(s, &lines, 1) != 0) {
        error_set(&g->failure, ERR_UNAVAILABLE, "the connection broke");
        fail(g);
    }
}

static void dial(struct graphite *g)
{
    g->state = GRAPHITE_DIALLING;
    g->dial.data = g;
    if (dial_tcp(&g->dial, g->options.loop, g->options.to.host, g->options.to.port, on_dialled,
                 &g->failure) != 0)
        fail(g);
}

/* ---- asking */

static void write_on_pool(uv_work_t *work)
{
    struct graphite *g = work->data;
    struct error err;
    if (graphite_write(blob_slice(g->metrics), g->options.prefix, g->at, &g->lines, &err) != 0)
        g->failure = err;
}

static void on_lines(uv_work_t *work, int status)
{
    struct graphite *g = work->data;
    (void)status;
    blob_unref(g->metrics);
    g->metrics = NULL;
    if (g->stopped != NULL || g->failure.code != ERR_NONE)
        fail(g);
    else
        dial(g);
}

static void write_lines(struct graphite *g, struct blob *metrics)
{
    struct clock *clock = &g->options.loop->clock;
    g->state = GRAPHITE_WRITING;
    g->metrics = metrics;
    g->at = clock->wall(clock);
    uv_queue_work(&g->options.loop->uv, &g->work, write_on_pool, on_lines);
}

static void take_answer(struct graphite *g, const struct answer *a)
{
    if (a->kind == ANSWER_WHOLE && a->status == 200) {
        write_lines(g, blob_ref(a->body));
        return;
    }
    error_set(&g->failure, ERR_UNAVAILABLE, "GET /metrics was answered with %d", a->status);
    fail(g);
}

bool graphite_answer(struct graphite *g, struct answer *a)
{
    if (exchange_owner(a->id) != EXCHANGE_OF_PROCESS)
        return false;
    if (g->state == GRAPHITE_ASKING &&
        a->id.v == exchange_elsewhere(EXCHANGE_OF_PROCESS, g->asked).v)
        take_answer(g, a);
    answer_close(a);
    return true;
}

static void ask(struct graphite *g)
{
    struct request r = request_of(METHOD_GET, "/metrics");
    r.scheme = "http";
    r.listener = "chronos";
    r.remote = "unix";
    g->state = GRAPHITE_ASKING;
    g->failure.code = ERR_NONE;
    host_request(g->options.host, exchange_elsewhere(EXCHANGE_OF_PROCESS, ++g->asked),
                 request_dup(&r));
}

static void give_up(struct graphite *g, const char *why)
{
    if (g->state == GRAPHITE_WRITING) /* which ends by itself */
        return;
    error_set(&g->failure, ERR_UNAVAILABLE, "%s", why);
    if (g->state == GRAPHITE_ASKING || g->state == GRAPHITE_SENDING)
        fail(g);
    else if (g->state == GRAPHITE_DIALLING)
        dial_cancel(&g->dial);
}

static void on_due(uv_timer_t *timer)
{
    struct graphite *g = timer->data;
    if (g->state != GRAPHITE_IDLE)
        give_up(g, "it takes longer than graphite-reporting-interval");
    else if (host_leads(g->options.host))
        ask(g);
}

/* ---- life */

void graphite_start(struct graphite *g, const struct graphite_options *options)
{
    *g = (struct graphite){.data = g->data, .options = *options};
    buf_init(&g->lines, 2 * LIMIT_ANSWER_BYTES);
    g->work.data = g;
    uv_timer_init(&options->loop->uv, &g->timer);
    g->timer.data = g;
    uint64_t interval = (uint64_t)options->interval_ms;
    uv_timer_start(&g->timer, on_due, interval, interval);
}

void graphite_stop(struct graphite *g, void (*stopped)(struct graphite *g))
{
    g->stopped = stopped;
    uv_timer_stop(&g->timer);
    if (g->state == GRAPHITE_IDLE)
        leave(g);
    else
        give_up(g, "this node is stopping");
}
