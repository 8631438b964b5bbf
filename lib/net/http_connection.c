/* The life of a connection: what comes in, when it is due, how it ends. */
#include "base/assert.h"
#include "base/mem.h"
#include "base/str.h"
#include "http/negotiate.h"
#include "net/http_private.h"

#define PENDING_BYTES (128 << 10) /* of pipelined requests; from half of it on nothing is read */
/* While so much waits to leave, no further request begins. */
#define OUTPUT_HIGH EXCHANGE_WINDOW
#define LINGER_MS 1000
#define SMALL_BODY_BYTES (64 << 10) /* so much of a body is always taken */
#define NEVER INT64_MAX

void connection_enter(struct connection *c, enum connection_state state)
{
    c->state = state;
    c->since_ms = server_now(c->server);
}

static bool takes_requests(const struct connection *c)
{
    return c->state <= CONNECTION_BODY;
}

/* ---- time: `timer` fires no later than the earliest thing that is due, and is only touched when
 * that moves forward; most of its firings find that nothing is due yet. */
static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t stall_due(const struct connection *c)
{
    return c->stream->writing ? c->progress_ms + c->server->config.body_ms : NEVER;
}

static int64_t keep_alive_due(const struct connection *c)
{
    return c->subscribed ? c->sent_ms + c->subscription.keep_alive_ms : NEVER;
}

static int64_t due(const struct connection *c)
{
    const struct http_server_config *config = &c->server->config;
    switch (c->state) {
    case CONNECTION_IDLE:
        return c->since_ms + config->idle_ms;
    case CONNECTION_HEAD:
        return c->since_ms + config->header_ms;
    case CONNECTION_BODY:
        return c->since_ms + config->body_ms;
    case CONNECTION_ANSWERING:
        return earlier(stall_due(c), keep_alive_due(c));
    case CONNECTION_DRAINING:
        return stall_due(c);
    case CONNECTION_LINGERING:
        return c->since_ms + LINGER_MS;
    case CONNECTION_CLOSING:
        return NEVER;
    }
    UNREACHABLE("every state is above");
}

static void on_timer(uv_timer_t *timer);

static void arm(struct connection *c)
{
    int64_t when = due(c), now = server_now(c->server);
    if (when == NEVER || c->state == CONNECTION_CLOSING)
        return;
    int64_t wait = when > now ? when - now : 0;
    bool active = uv_is_active((uv_handle_t *)&c->timer);
    if (!active || uv_timer_get_due_in(&c->timer) > (uint64_t)wait)
        uv_timer_start(&c->timer, on_timer, (uint64_t)wait, 0);
}

/* ---- the end of a connection */
static void unsubscribe(struct connection *c)
{
    if (!c->subscribed)
        return;
    struct http_server *s = c->server;
    c->subscribed = false;
    list_remove(&c->topic);
    if (list_empty(&s->topics[c->subscription.topic]))
        s->topics_wanted &= ~(1u << c->subscription.topic);
    s->counts.subscribers--;
    if (s->events->on_unsubscribed != NULL)
        s->events->on_unsubscribed(s, c->subscription.topic, c->stream->remote);
    mem_free(c->subscription.types);
    blob_unref(c->subscription.keep_alive);
    c->subscription = (struct subscription){0};
}

/* What its body takes, here and as the owner's copy, until it is answered or the connection is
 * gone.
 */
static void count_body(struct connection *c, size_t bytes)
{
    struct http_server *s = c->server;
    size_t large = bytes > SMALL_BODY_BYTES ? bytes : 0;
    s->large = s->large - c->large + large;
    c->large = large;
}

void connection_forget_answer(struct connection *c)
{
    count_body(c, 0);
    c->server->counts.active -= c->exchange.v != 0;
    unsubscribe(c);
    gzip_free(c->gzip);
    c->gzip = NULL;
    c->lasting = false;
    c->exchange = (struct exchange_id){0};
    output_forget_credit(&c->output);
}

static void part_closed(struct connection *c)
{
    if (--c->handles > 0)
        return;
    struct http_server *s = c->server;
    server_connection_closed(s, c);
    parser_free(c->parser);
    buf_close(&c->pending);
    output_close(&c->output);
    mem_free(c);
}

static void on_stream_closed(struct stream *stream)
{
    part_closed(stream->data);
}

static void on_timer_closed(uv_handle_t *handle)
{
    part_closed(handle->data);
}

void connection_close(struct connection *c)
{
    ASSERT(c->state != CONNECTION_CLOSING);
    connection_forget_answer(c);
    connection_enter(c, CONNECTION_CLOSING);
    list_remove(&c->dirty);
    stream_close(c->stream, on_stream_closed);
    uv_close((uv_handle_t *)&c->timer, on_timer_closed);
}

void connection_cut(struct connection *c)
{
    struct http_server *s = c->server;
    struct exchange_id id = c->exchange;
    if (c->state == CONNECTION_CLOSING)
        return;
    connection_close(c);
    if (id.v != 0 && s->events->on_gone != NULL)
        s->events->on_gone(s, id);
}

/* Inside a call of the owner nothing may be called back: the next flush carries it out. */
void connection_doom(struct connection *c, enum fate fate)
{
    c->fate = fate;
    server_mark_dirty(c->server, c);
}

/* ---- writing */
int connection_write(struct connection *c)
{
    bool fresh = !c->stream->writing; /* else on_written will tell of progress */
    int result = output_flush(&c->output, c->stream);
    if (fresh)
        c->progress_ms = server_now(c->server);
    return result;
}

/* ---- requests */
static void hand_over(struct connection *c)
{
    struct http_server *s = c->server;
    struct request *r = parser_request(c->parser);

    count_body(c, r->body.len);
    connection_enter(c, CONNECTION_ANSWERING);
    c->exchange = server_new_exchange(s, c->slot);
    c->answer = ANSWER_AWAITED;
    c->keep_alive = r->keep_alive && !s->leaving;
    c->http_1_0 = r->minor == 0;
    c->head_only = r->method == METHOD_HEAD;
    c->takes_gzip = !s->config.plain && accepts_gzip(header_get(r->headers, "Accept-Encoding"));
    r->scheme = stream_scheme(c->stream);
    r->listener = c->listener;
    r->local_port = c->stream->local_port;
    r->remote = c->stream->remote;
    r->remote_port = c->stream->remote_port;
    s->counts.requests++;
    s->counts.active++;
    c->asked_ns = uv_hrtime();
    s->events->on_request(s, c->exchange, r);
    parser_trim(c->parser);
}

static bool may_begin(const struct connection *c)
{
    return takes_requests(c) && output_bytes(&c->output) < OUTPUT_HIGH;
}

/* As soon as its head is there: of who is denied no body is waited for. */
static bool is_denied(struct connection *c)
{
    const struct http_server *s = c->server;
    const struct request *r = parser_request(c->parser);
    if (s->authorization[0] == '\0' ||
        basic_is(header_get(r->headers, "Authorization"), s->authorization))
        return false;
    connection_deny(c, r->method == METHOD_HEAD);
    return true;
}

/* In the middle of a request: is there memory for what has come of it? */
static void take_more(struct connection *c)
{
    const struct http_server *s = c->server;
    count_body(c, parser_body(c->parser).len);
    if (c->large > 0 && s->large > s->config.bodies_bytes)
        connection_refuse(c, 503, "too many large requests at once: try again in a moment");
}

/* Uses bytes from the front of `in`, as long as requests may begin and end. */
static void consume(struct connection *c, struct slice *in)
{
    struct error err;
    while (in->len > 0 && may_begin(c)) {
        if (c->state == CONNECTION_IDLE)
            connection_enter(c, CONNECTION_HEAD);
        switch (parser_feed(c->parser, in, &err)) {
        case PARSE_MORE:
            take_more(c);
            return;
        case PARSE_HEAD:
            connection_enter(c, CONNECTION_BODY);
            if (is_denied(c))
                break;
            if (parser_wants_continue(c->parser)) {
                buf_puts(output_text(&c->output), "HTTP/1.1 100 Continue\r\n\r\n");
                server_mark_dirty(c->server, c);
            }
            break;
        case PARSE_DONE:
            if (c->state == CONNECTION_BODY || !is_denied(c)) /* with a body it was asked before */
                hand_over(c);
            break;
        case PARSE_FAILED:
            connection_refuse(c, parser_status(c->parser), err.text);
            break;
        }
    }
}

static size_t pending_bytes(const struct connection *c)
{
    return c->pending.len - c->pending_at;
}

static void consume_pending(struct connection *c)
{
    struct slice all = buf_slice(&c->pending);
    struct slice in = {all.p + c->pending_at, all.len - c->pending_at};
    consume(c, &in);
    if (c->pending.len == 0)
        return; /* refused: nothing of it counts any more */
    c->pending_at = all.len - in.len;
    if (in.len == 0) {
        buf_close(&c->pending);
        buf_init(&c->pending, PENDING_BYTES);
        c->pending_at = 0;
    }
}

/* ---- what the stream tells */
static void on_read(struct stream *stream, struct slice data)
{
    struct connection *c = stream->data;
    if (c->state > CONNECTION_ANSWERING)
        return; /* nothing of it will be answered */
    if (pending_bytes(c) == 0)
        consume(c, &data);
    if (c->state > CONNECTION_ANSWERING)
        return;
    buf_put_slice(&c->pending, data);
    ASSERT(!buf_full(&c->pending)); /* half of it is more than one read */
    if (c->pending.len > PENDING_BYTES / 2)
        stream_read(stream, false);
    arm(c);
}

/* A client that only ended its side still wants what it asked for, unless that would never end. */
static void on_end(struct stream *stream, const struct error *err)
{
    struct connection *c = stream->data;
    if (c->state == CONNECTION_CLOSING)
        return;
    c->half_closed = true;
    if (err != NULL || c->lasting || c->state == CONNECTION_LINGERING)
        connection_cut(c);
    else
        server_mark_dirty(c->server, c);
}

static void on_written(struct stream *stream, const struct error *err)
{
    struct connection *c = stream->data;
    if (err != NULL) {
        connection_cut(c);
        return;
    }
    output_written(&c->output);
    c->progress_ms = server_now(c->server);
    server_mark_dirty(c->server, c);
}

static const struct stream_events stream_events = {
    .on_read = on_read,
    .on_end = on_end,
    .on_written = on_written,
};

/* ---- flushing, and what becomes possible by it */
static void end_our_side(struct connection *c)
{
    if (c->half_closed) {
        connection_close(c);
        return;
    }
    stream_end(c->stream);
    connection_enter(c, CONNECTION_LINGERING);
    stream_read(c->stream, true);
}

static void after_flush(struct connection *c)
{
    if (takes_requests(c) && pending_bytes(c) > 0)
        consume_pending(c);
    if (takes_requests(c) && c->half_closed && pending_bytes(c) == 0)
        connection_enter(c, CONNECTION_DRAINING);
    if (c->state == CONNECTION_DRAINING && output_bytes(&c->output) == 0)
        end_our_side(c);
    else if (takes_requests(c) && pending_bytes(c) == 0 && may_begin(c))
        stream_read(c->stream, true);
}

static void give_credit(struct connection *c)
{
    struct http_server *s = c->server;
    size_t credit = output_credit(&c->output);
    if (credit > 0 && c->exchange.v != 0 && s->events->on_credit != NULL)
        s->events->on_credit(s, c->exchange, credit);
}

/* The server stops: the client sees a proper end of its events, the owner hears that it is over. */
static void end_stream(struct connection *c)
{
    struct http_server *s = c->server;
    struct exchange_id id = c->exchange;
    c->fate = FATE_NONE;
    connection_end_stream(c);
    if (s->events->on_gone != NULL)
        s->events->on_gone(s, id);
}

void connection_flush(struct connection *c)
{
    if (c->fate == FATE_END) {
        end_stream(c); /* and comes back dirty */
        return;
    }
    if (c->fate == FATE_CUT || connection_write(c) != 0) {
        connection_cut(c);
        return;
    }
    after_flush(c);
    if (c->state == CONNECTION_CLOSING)
        return;
    arm(c);
    give_credit(c);
}

static void on_timer(uv_timer_t *timer)
{
    struct connection *c = timer->data;
    int64_t now = server_now(c->server);
    if (now < due(c)) {
        arm(c);
    } else if (c->state == CONNECTION_HEAD || c->state == CONNECTION_BODY) {
        connection_refuse(c, 408, "the request did not come in time");
    } else if (now >= keep_alive_due(c) && now < stall_due(c)) {
        connection_send(c, c->subscription.keep_alive);
        arm(c);
    } else {
        connection_cut(c);
    }
}

/* ---- life */
struct connection *connection_new(struct http_server *s, struct stream *stream,
                                  const char *listener, size_t slot)
{
    struct connection *c = NEW(struct connection);
    c->server = s;
    c->stream = stream;
    c->listener = listener;
    c->slot = slot;
    c->handles = 2;
    c->parser = parser_new(PARSER_REQUESTS, &s->config.http);
    buf_init(&c->pending, PENDING_BYTES);
    output_init(&c->output);
    list_init(&c->all);
    list_init(&c->dirty);
    list_init(&c->topic);
    uv_timer_init(&s->loop->uv, &c->timer);
    c->timer.data = c;
    stream->data = c;
    stream->events = &stream_events;
    connection_enter(c, CONNECTION_IDLE);
    arm(c);
    stream_read(stream, true);
    return c;
}

/* What is with the owner or on its way may end; an event stream ends where it is. */
void connection_stop(struct connection *c)
{
    c->keep_alive = false;
    if (takes_requests(c) && output_bytes(&c->output) == 0)
        connection_close(c);
    else if (takes_requests(c))
        connection_enter(c, CONNECTION_DRAINING);
    else if (c->subscribed && c->fate == FATE_NONE)
        connection_doom(c, FATE_END);
}
