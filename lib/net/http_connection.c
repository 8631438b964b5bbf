#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "http/negotiate.h"
#include "http/sse.h"
#include "net/http_private.h"

#define PENDING_BYTES (128 << 10) /* of pipelined requests; from half of it on nothing is read */
#define OUTPUT_HIGH                                                                        \
    EXCHANGE_WINDOW           /* as long as more waits to leave, no further request begins \
                               */
#define COPY_BYTES 4096       /* bodies up to this size are copied behind their head */
#define POOL_BYTES (32 << 10) /* bodies from this size on are compressed on libuv's pool */
#define LINGER_MS 1000
#define KEEP_ALIVE_MS 10000 /* of event streams: spec/marathon.md 12.1 */
#define NEVER INT64_MAX

static void enter(struct connection *c, enum connection_state state)
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
    c->subscribed = false;
    list_remove(&c->topic);
    c->server->stats.subscribers--;
    mem_free(c->subscription.types);
    blob_unref(c->subscription.keep_alive);
    c->subscription = (struct subscription){0};
}

static void forget_answer(struct connection *c)
{
    unsubscribe(c);
    gzip_free(c->gzip);
    c->gzip = NULL;
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

static void close_connection(struct connection *c)
{
    ASSERT(c->state != CONNECTION_CLOSING);
    forget_answer(c);
    enter(c, CONNECTION_CLOSING);
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
    close_connection(c);
    if (id.v != 0 && s->events->on_gone != NULL)
        s->events->on_gone(s, id);
}

/* Inside a call of the owner nothing may be called back: the next flush carries it out. */
static void doom(struct connection *c, enum fate fate)
{
    c->fate = fate;
    server_mark_dirty(c->server, c);
}

/* ---- heads */
static void put_uint(struct buf *out, uint64_t v)
{
    char digits[20];
    size_t at = sizeof(digits);
    do
        digits[--at] = (char)('0' + v % 10);
    while ((v /= 10) > 0);
    buf_put(out, digits + at, sizeof(digits) - at);
}

static void put_status_line(struct buf *out, int status)
{
    buf_put_slice(out, SLICE("HTTP/1.1 "));
    put_uint(out, (uint64_t)status);
    buf_putc(out, ' ');
    buf_puts(out, status_text(status));
    buf_put_slice(out, SLICE("\r\n"));
}

static bool status_has_body(int status)
{
    return status >= 200 && status != 204 && status != 304;
}

static enum framing choose_framing(const struct connection *c, int status, int64_t length)
{
    if (c->head_only || !status_has_body(status))
        return FRAMING_NONE;
    if (length != ANSWER_LENGTH_UNKNOWN)
        return FRAMING_LENGTH;
    return c->http_1_0 ? FRAMING_CLOSE : FRAMING_CHUNKED;
}

static void put_framing(struct connection *c, struct buf *out, int status, int64_t length)
{
    if (length != ANSWER_LENGTH_UNKNOWN && status_has_body(status)) {
        buf_put_slice(out, SLICE("Content-Length: "));
        put_uint(out, (uint64_t)length);
        buf_put_slice(out, SLICE("\r\n"));
    }
    if (c->framing == FRAMING_CHUNKED)
        buf_put_slice(out, SLICE("Transfer-Encoding: chunked\r\n"));
    if (!c->keep_alive)
        buf_put_slice(out, SLICE("Connection: close\r\n"));
    else if (c->http_1_0)
        buf_put_slice(out, SLICE("Connection: keep-alive\r\n"));
}

enum coding { CODING_NONE, CODING_MAYBE, CODING_GZIP };

static void put_coding(struct buf *out, enum coding coding)
{
    if (coding == CODING_GZIP)
        buf_put_slice(out, SLICE("Content-Encoding: gzip\r\n"));
    if (coding != CODING_NONE)
        buf_put_slice(out, SLICE("Vary: Accept-Encoding\r\n"));
}

static void put_head(struct connection *c, int status, struct slice headers, int64_t length,
                     enum coding coding)
{
    struct buf *out = output_text(&c->output);
    c->answer = ANSWER_OPEN;
    c->framing = choose_framing(c, status, length);
    c->length_left = c->framing == FRAMING_LENGTH ? (size_t)length : 0;
    if (c->framing == FRAMING_CLOSE)
        c->keep_alive = false;
    put_status_line(out, status);
    buf_put_slice(out, headers);
    buf_put_slice(out, SLICE("Date: "));
    buf_puts(out, server_date(c->server));
    buf_put_slice(out, SLICE("\r\n"));
    put_coding(out, coding);
    put_framing(c, out, status, length);
    buf_put_slice(out, SLICE("\r\n"));
}

/* ---- bodies */
static void put_bytes(struct connection *c, struct blob *bytes)
{
    struct slice s = blob_slice(bytes);
    if (s.len <= COPY_BYTES)
        buf_put_slice(output_text(&c->output), s);
    else
        output_blob(&c->output, bytes);
}

static void put_hex(struct buf *out, size_t v)
{
    char text[20];
    buf_put(out, text, (size_t)snprintf(text, sizeof(text), "%zx", v));
}

/* False: more than the head promised. */
static bool put_framed(struct connection *c, struct blob *bytes)
{
    size_t len = blob_slice(bytes).len;
    if (len == 0)
        return true;
    switch (c->framing) {
    case FRAMING_NONE:
        return true;
    case FRAMING_LENGTH:
        if (len > c->length_left)
            return false;
        c->length_left -= len;
        put_bytes(c, bytes);
        return true;
    case FRAMING_CLOSE:
        put_bytes(c, bytes);
        return true;
    case FRAMING_CHUNKED:
        put_hex(output_text(&c->output), len);
        buf_put_slice(output_text(&c->output), SLICE("\r\n"));
        put_bytes(c, bytes);
        buf_put_slice(output_text(&c->output), SLICE("\r\n"));
        return true;
    }
    UNREACHABLE("every framing is above");
}

static struct blob *compressed(struct gzip *g, struct slice in, bool last)
{
    struct buf out;
    buf_init(&out, in.len + in.len / 100 + 1024); /* deflate never needs more */
    gzip_put(g, in, last, &out);
    ASSERT(!buf_full(&out));
    return blob_take(&out);
}

/* False: it cannot go on. */
static bool put_part(struct connection *c, struct blob *part, bool last)
{
    if (c->gzip == NULL)
        return put_framed(c, part);
    struct blob *small = compressed(c->gzip, blob_slice(part), last);
    bool fits = put_framed(c, small);
    blob_unref(small);
    return fits;
}

/* The whole answer is in the output: what comes next? */
static void finish_answer(struct connection *c)
{
    forget_answer(c);
    enter(c, c->keep_alive ? CONNECTION_IDLE : CONNECTION_DRAINING);
    server_mark_dirty(c->server, c);
}

static void put_whole(struct connection *c, int status, struct slice headers, struct blob *body,
                      enum coding coding)
{
    put_head(c, status, headers, (int64_t)blob_slice(body).len, coding);
    if (c->framing != FRAMING_NONE)
        put_bytes(c, body);
    finish_answer(c);
}

/* ---- compressing whole answers */
struct compression { /* of a large body, on the pool; nothing in it belongs to the connection */
    uv_work_t work;
    struct http_server *server;
    struct exchange_id id;
    int status;
    char *headers;
    size_t headers_len;
    struct blob *body;
    struct blob *small;
};

static struct blob *gzip_whole(struct slice body)
{
    struct gzip *g = gzip_new();
    struct blob *small = compressed(g, body, true);
    gzip_free(g);
    return small;
}

static void on_compress(uv_work_t *work)
{
    struct compression *k = work->data;
    k->small = gzip_whole(blob_slice(k->body));
}

static void on_compressed(uv_work_t *work, int code)
{
    struct compression *k = work->data;
    struct http_server *s = k->server;
    struct connection *c = server_find(s, k->id);
    (void)code; /* never canceled */
    if (c != NULL)
        put_whole(c, k->status, (struct slice){k->headers, k->headers_len}, k->small, CODING_GZIP);
    blob_unref(k->body);
    blob_unref(k->small);
    mem_free(k->headers);
    mem_free(k);
    server_compression_ended(s);
}

static void compress_on_pool(struct connection *c, const struct answer *a)
{
    struct compression *k = NEW(struct compression);
    struct slice headers = buf_slice(&a->headers);
    k->work.data = k;
    k->server = c->server;
    k->id = c->exchange;
    k->status = a->status;
    k->headers = mem_dup(headers.p, headers.len);
    k->headers_len = headers.len;
    k->body = blob_ref(a->body);
    c->answer = ANSWER_COMPRESSING;
    c->server->compressions++;
    int code = uv_queue_work(&c->server->loop->uv, &k->work, on_compress, on_compressed);
    ASSERT(code == 0);
}

static enum coding choose_coding(const struct connection *c, const struct answer *a, size_t len)
{
    if (a->plain || len < GZIP_LEAST_BYTES || !gzip_worthwhile(buf_slice(&a->headers)))
        return CODING_NONE;
    return c->takes_gzip && !c->head_only && status_has_body(a->status) ? CODING_GZIP
                                                                        : CODING_MAYBE;
}

/* ---- answers */
static void answer_with_whole(struct connection *c, const struct answer *a)
{
    ASSERT(c->answer == ANSWER_AWAITED);
    struct slice body = blob_slice(a->body), headers = buf_slice(&a->headers);
    enum coding coding = choose_coding(c, a, body.len);
    if (coding != CODING_GZIP) {
        put_whole(c, a->status, headers, a->body, coding);
    } else if (body.len >= POOL_BYTES) {
        compress_on_pool(c, a);
    } else {
        struct blob *small = gzip_whole(body);
        put_whole(c, a->status, headers, small, coding);
        blob_unref(small);
    }
}

/* Only what has no length beforehand is compressed: a promised length is kept. */
static void answer_with_head(struct connection *c, const struct answer *a)
{
    ASSERT(c->answer == ANSWER_AWAITED);
    enum coding coding = CODING_NONE;
    if (a->length == ANSWER_LENGTH_UNKNOWN)
        coding = choose_coding(c, a, SIZE_MAX);
    if (coding == CODING_GZIP)
        c->gzip = gzip_new();
    put_head(c, a->status, buf_slice(&a->headers), a->length, coding);
}

static int flush_output(struct connection *c)
{
    bool fresh = !c->stream->writing; /* else on_written will tell of progress */
    int result = output_flush(&c->output, c->stream);
    if (fresh)
        c->progress_ms = server_now(c->server);
    return result;
}

/* More waits than any well-behaved owner sends on credit, or a subscriber is too slow. Trying to
 * write helps if only this turn brought much. */
static bool too_far_behind(struct connection *c)
{
    size_t most = c->subscribed ? c->server->config.subscriber_bytes : LIMIT_ANSWER_BYTES;
    if (output_bytes(&c->output) <= most)
        return false;
    return flush_output(c) != 0 || output_bytes(&c->output) > most;
}

static void check_far_behind(struct connection *c)
{
    if (c->fate == FATE_CUT || !too_far_behind(c))
        return;
    if (c->subscribed)
        c->server->stats.subscribers_dropped++;
    doom(c, FATE_CUT);
}

static void answer_with_part(struct connection *c, const struct answer *a)
{
    ASSERT(c->answer == ANSWER_OPEN);
    size_t len = blob_slice(a->body).len;
    if (!put_part(c, a->body, false)) {
        doom(c, FATE_CUT);
        return;
    }
    if (!c->subscribed)
        output_spend(&c->output, len);
    check_far_behind(c);
}

/* False: less than the head promised. */
static bool put_end(struct connection *c)
{
    if (c->gzip != NULL && !put_part(c, NULL, true))
        return false;
    if (c->framing == FRAMING_CHUNKED)
        buf_put_slice(output_text(&c->output), SLICE("0\r\n\r\n"));
    return c->length_left == 0;
}

static void answer_with_end(struct connection *c)
{
    ASSERT(c->answer == ANSWER_OPEN);
    if (put_end(c))
        finish_answer(c);
    else
        doom(c, FATE_CUT);
}

static void answer_with_subscription(struct connection *c, const struct answer *a)
{
    struct http_server *s = c->server;
    const struct subscription *wanted = &a->subscription;
    ASSERT(c->answer == ANSWER_OPEN && !c->subscribed && wanted->topic < TOPIC_COUNT);
    if (c->framing == FRAMING_NONE) { /* the head was all there is: HEAD */
        finish_answer(c);
        return;
    }
    if (s->stats.subscribers == s->config.subscribers) {
        s->stats.subscribers_dropped++;
        doom(c, FATE_CUT);
        return;
    }
    c->subscribed = true;
    c->subscription = *wanted;
    c->subscription.types = mem_strdup(wanted->types);
    c->subscription.keep_alive = wanted->keep_alive != NULL
                                     ? blob_ref(wanted->keep_alive)
                                     : blob_of(SSE_KEEP_ALIVE.p, SSE_KEEP_ALIVE.len);
    if (wanted->keep_alive_ms == 0)
        c->subscription.keep_alive_ms = KEEP_ALIVE_MS;
    output_forget_credit(&c->output);
    list_push(&s->topics[wanted->topic], &c->topic);
    s->stats.subscribers++;
    if (s->stopping || c->half_closed)
        doom(c, FATE_END);
}

void connection_answer(struct connection *c, const struct answer *a)
{
    if (c->fate != FATE_NONE)
        return;
    c->sent_ms = server_now(c->server);
    server_mark_dirty(c->server, c);
    switch (a->kind) {
    case ANSWER_WHOLE:
        answer_with_whole(c, a);
        return;
    case ANSWER_HEAD:
        answer_with_head(c, a);
        return;
    case ANSWER_PART:
        answer_with_part(c, a);
        return;
    case ANSWER_END:
        answer_with_end(c);
        return;
    case ANSWER_SUBSCRIBE:
        answer_with_subscription(c, a);
        return;
    case ANSWER_ABORT:
        close_connection(c);
        return;
    }
    UNREACHABLE("every kind is above");
}

/* ---- events */
/* Is `type` one of the lines of `types`? */
static bool type_wanted(const char *types, const char *type)
{
    if (types == NULL || type == NULL)
        return true;
    size_t len = strlen(type);
    for (const char *line = types; line != NULL;) {
        if (strncmp(line, type, len) == 0 && (line[len] == '\n' || line[len] == '\0'))
            return true;
        line = strchr(line, '\n');
        line += line != NULL;
    }
    return false;
}

static void send_event(struct connection *c, struct blob *event)
{
    c->sent_ms = server_now(c->server);
    server_mark_dirty(c->server, c);
    if (!put_part(c, event, false)) {
        doom(c, FATE_CUT);
        return;
    }
    check_far_behind(c);
}

void connection_publish(struct connection *c, const char *type, struct blob *event)
{
    if (c->fate == FATE_NONE && type_wanted(c->subscription.types, type))
        send_event(c, event);
}

/* ---- requests */
/* Both dialects' error shape at once: Marathon reads `message`, Chronos `status` too. */
static void put_error_body(struct buf *out, int status, const char *text)
{
    struct json_writer w;
    json_begin(&w, out);
    json_object(&w);
    json_member_str(&w, "status", status_text(status));
    json_member_str(&w, "message", text);
    json_object_end(&w);
}

void connection_refuse(struct connection *c, int status, const char *text)
{
    struct buf body;
    struct buf *out = output_text(&c->output);
    buf_init(&body, LIMIT_HEADER_BYTES);
    put_error_body(&body, status, text);
    put_status_line(out, status);
    buf_puts(out, "Content-Type: application/json\r\nConnection: close\r\n");
    if (status == 503)
        buf_puts(out, "Retry-After: 1\r\n");
    buf_printf(out, "Content-Length: %zu\r\n\r\n%s", body.len, buf_str(&body));
    buf_close(&body);
    buf_clear(&c->pending);
    c->pending_at = 0;
    enter(c, CONNECTION_DRAINING);
    server_mark_dirty(c->server, c);
}

static void hand_over(struct connection *c)
{
    struct http_server *s = c->server;
    struct request *r = parser_request(c->parser);

    enter(c, CONNECTION_ANSWERING);
    c->exchange = server_new_exchange(s, c->slot);
    c->answer = ANSWER_AWAITED;
    c->keep_alive = r->keep_alive && !s->stopping;
    c->http_1_0 = r->minor == 0;
    c->head_only = r->method == METHOD_HEAD;
    c->takes_gzip = accepts_gzip(header_get(r->headers, "Accept-Encoding"));
    r->scheme = stream_scheme(c->stream);
    r->listener = c->listener;
    r->local_port = c->stream->local_port;
    r->remote = c->stream->remote;
    r->remote_port = c->stream->remote_port;
    s->stats.requests++;
    s->events->on_request(s, c->exchange, r);
    parser_trim(c->parser);
}

static bool may_begin(const struct connection *c)
{
    return takes_requests(c) && output_bytes(&c->output) < OUTPUT_HIGH;
}

/* Uses bytes from the front of `in`, as long as requests may begin and end. */
static void consume(struct connection *c, struct slice *in)
{
    struct error err;
    while (in->len > 0 && may_begin(c)) {
        if (c->state == CONNECTION_IDLE)
            enter(c, CONNECTION_HEAD);
        switch (parser_feed(c->parser, in, &err)) {
        case PARSE_MORE:
            return;
        case PARSE_HEAD:
            enter(c, CONNECTION_BODY);
            if (parser_wants_continue(c->parser)) {
                buf_puts(output_text(&c->output), "HTTP/1.1 100 Continue\r\n\r\n");
                server_mark_dirty(c->server, c);
            }
            break;
        case PARSE_DONE:
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

/* A client that only ended its side still wants what it asked for; one that listens to events has
 * left. */
static void on_end(struct stream *stream, const struct error *err)
{
    struct connection *c = stream->data;
    if (c->state == CONNECTION_CLOSING)
        return;
    c->half_closed = true;
    if (err != NULL || c->subscribed || c->state == CONNECTION_LINGERING)
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
        close_connection(c);
        return;
    }
    stream_end(c->stream);
    enter(c, CONNECTION_LINGERING);
    stream_read(c->stream, true);
}

static void after_flush(struct connection *c)
{
    if (takes_requests(c) && pending_bytes(c) > 0)
        consume_pending(c);
    if (takes_requests(c) && c->half_closed && pending_bytes(c) == 0)
        enter(c, CONNECTION_DRAINING);
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

/* The server stops an event stream: the client sees a proper end, the owner hears that it is over.
 */
static void end_stream(struct connection *c)
{
    struct http_server *s = c->server;
    struct exchange_id id = c->exchange;
    c->fate = FATE_NONE;
    c->keep_alive = false;
    put_end(c);
    finish_answer(c);
    if (s->events->on_gone != NULL)
        s->events->on_gone(s, id);
}

void connection_flush(struct connection *c)
{
    if (c->fate == FATE_END) {
        end_stream(c); /* and comes back dirty */
        return;
    }
    if (c->fate == FATE_CUT || flush_output(c) != 0) {
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
        send_event(c, c->subscription.keep_alive);
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
    enter(c, CONNECTION_IDLE);
    arm(c);
    stream_read(stream, true);
    return c;
}

/* What is with the owner or on its way may end; an event stream ends where it is. */
void connection_stop(struct connection *c)
{
    c->keep_alive = false;
    if (takes_requests(c) && output_bytes(&c->output) == 0)
        close_connection(c);
    else if (takes_requests(c))
        enter(c, CONNECTION_DRAINING);
    else if (c->subscribed && c->fate == FATE_NONE)
        doom(c, FATE_END);
}
