#include "net/http_client.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/mem.h"
#include "http/basic.h"

/*  NONE --start--> DIALLING --connected--> ASKED --whole, failed or canceled--> CLOSING --> NONE
 *                      '------------ failed or canceled ----------------------------^    (done) */

/* ---- the end: whatever happened, first all is closed, then `done` is told */
static void part_closed(struct http_call *c)
{
    if (--c->handles > 0)
        return;
    c->state = CALL_NONE;
    buf_close(&c->out);
    if (!c->failed)
        c->body = parser_body(c->parser);
    c->done(c, c->failed ? &c->failure : NULL);
}

static void on_timer_closed(uv_handle_t *handle)
{
    part_closed(handle->data);
}

static void on_stream_closed(struct stream *s)
{
    part_closed(s->data);
}

static void close_call(struct http_call *c)
{
    bool dialling = c->state == CALL_DIALLING;
    ASSERT(dialling || c->state == CALL_ASKED);
    c->state = CALL_CLOSING;
    uv_close((uv_handle_t *)&c->timer, on_timer_closed);
    if (dialling)
        dial_cancel(&c->dial);
    else
        stream_close(c->stream, on_stream_closed);
}

static void fail(struct http_call *c, const struct error *err)
{
    c->failed = true;
    c->failure = *err;
    close_call(c);
}

static void fail_with(struct http_call *c, enum error_code code, const char *text)
{
    struct error err;
    error_set(&err, code, "%s: %s", c->dial.where, text);
    fail(c, &err);
}

void http_call_cancel(struct http_call *c)
{
    if (c->state == CALL_DIALLING || c->state == CALL_ASKED)
        fail_with(c, ERR_CANCELED, "stopped");
}

/* ---- time */
static void on_timer(uv_timer_t *timer)
{
    struct http_call *c = timer->data;
    struct error err;
    if (c->state == CALL_DIALLING)
        error_set(&err, ERR_UNAVAILABLE, "connecting to %s: nobody answered in %lld ms",
                  c->dial.where, (long long)c->connect_ms);
    else
        error_set(&err, ERR_UNCERTAIN, "%s: no whole answer in %lld ms", c->dial.where,
                  (long long)c->total_ms);
    fail(c, &err);
}

static void limit_time(struct http_call *c, int64_t ms)
{
    if (ms > 0)
        uv_timer_start(&c->timer, on_timer, (uint64_t)ms, 0);
    else
        uv_timer_stop(&c->timer);
}

/* What is left of the whole time, at least a moment; 0: no limit. */
static int64_t time_left(const struct http_call *c)
{
    struct clock *clock = &c->loop->clock;
    if (c->total_ms == 0)
        return 0;
    int64_t left = c->total_ms - (clock->mono(clock).ms - c->started.ms);
    return left > 0 ? left : 1;
}

/* ---- the answer */
static void on_piece(void *data, struct slice piece)
{
    struct http_call *c = data;
    if (c->state == CALL_ASKED) /* else the owner canceled it at the piece before */
        c->on_part(c, piece);
}

static void on_read(struct stream *s, struct slice data)
{
    struct http_call *c = s->data;
    struct error err;
    while (c->state == CALL_ASKED) {
        switch (parser_feed(c->parser, &data, &err)) {
        case PARSE_MORE:
            return;
        case PARSE_HEAD:
            c->response = parser_response(c->parser);
            if (c->on_head != NULL)
                c->on_head(c);
            break;
        case PARSE_DONE:
            if (c->state == CALL_ASKED)
                close_call(c);
            return;
        case PARSE_FAILED:
            error_wrap(&err, "%s", c->dial.where);
            fail(c, &err);
            return;
        }
    }
}

static void on_end(struct stream *s, const struct error *broken)
{
    struct http_call *c = s->data;
    struct error err;
    if (c->state != CALL_ASKED)
        return;
    if (broken != NULL) {
        fail_with(c, ERR_UNCERTAIN, broken->text);
        return;
    }
    switch (parser_finish(c->parser, &err)) {
    case PARSE_DONE:
        close_call(c);
        return;
    case PARSE_MORE:
        fail_with(c, ERR_UNCERTAIN, "it closed the connection without an answer");
        return;
    case PARSE_HEAD:
    case PARSE_FAILED:
        fail_with(c, ERR_UNCERTAIN, err.text);
        return;
    }
}

/* A server may answer and close before it has read all of the question: reading will tell. */
static void on_written(struct stream *s, const struct error *err)
{
    (void)s;
    (void)err;
}

static const struct stream_events call_events = {
    .on_read = on_read,
    .on_end = on_end,
    .on_written = on_written,
};

void http_call_pause(struct http_call *c, bool paused)
{
    c->paused = paused;
    if (c->state == CALL_ASKED)
        stream_read(c->stream, !paused);
}

/* ---- the question */
static void on_dialled(struct dial *d, struct stream *s, const struct error *err)
{
    struct http_call *c = LIST_ENTRY(d, struct http_call, dial);
    if (c->state == CALL_CLOSING) {
        if (s != NULL) {
            s->data = c;
            stream_close(s, on_stream_closed);
        } else {
            part_closed(c);
        }
        return;
    }
    if (s == NULL) {
        c->failed = true;
        c->failure = *err;
        c->state = CALL_CLOSING;
        c->handles--;
        uv_close((uv_handle_t *)&c->timer, on_timer_closed);
        return;
    }
    c->state = CALL_ASKED;
    c->stream = s;
    s->data = c;
    s->events = &call_events;
    uv_buf_t out = uv_buf_init(c->out.data, (unsigned)c->out.len);
    limit_time(c, time_left(c));
    stream_read(s, !c->paused);
    if (stream_write(s, &out, 1) != 0)
        fail_with(c, ERR_UNAVAILABLE, "the connection broke at once");
}

static void put_host(struct buf *out, const struct url *to)
{
    bool v6 = strchr(to->host, ':') != NULL;
    if (to->unix_path != NULL)
        header_put(out, "Host", "localhost");
    else if (to->port == (to->tls ? 443 : 80))
        header_printf(out, "Host", v6 ? "[%s]" : "%s", to->host);
    else
        header_printf(out, "Host", v6 ? "[%s]:%u" : "%s:%u", to->host, to->port);
}

static bool method_has_body(enum method m)
{
    return m == METHOD_POST || m == METHOD_PUT || m == METHOD_PATCH;
}

static void put_question(struct buf *out, const struct http_ask *ask)
{
    const char *target = ask->target != NULL ? ask->target : ask->to->target;
    buf_init(out, LIMIT_URL_BYTES + 2 * LIMIT_HEADER_BYTES + ask->body.len);
    buf_printf(out, "%s %s HTTP/1.1\r\n", method_text(ask->method), target);
    put_host(out, ask->to);
    buf_put_slice(out, ask->headers);
    if (ask->credentials != NULL && ask->credentials[0] != '\0') {
        buf_puts(out, "Authorization: ");
        basic_put(out, ask->credentials);
        buf_puts(out, "\r\n");
    }
    if (ask->body.len > 0 || method_has_body(ask->method))
        header_printf(out, "Content-Length", "%zu", ask->body.len);
    buf_puts(out, "Connection: close\r\n\r\n");
    buf_put_slice(out, ask->body);
}

static bool is_clean(const char *target)
{
    for (; *target != '\0'; target++)
        if ((unsigned char)*target <= ' ' || *target == 0x7f)
            return false;
    return true;
}

static int check_ask(const struct http_ask *ask, struct error *err)
{
    if (ask->to->tls && ask->tls == NULL)
        return error_set(err, ERR_INVALID, "https://%s: only http works so far", ask->to->host);
    if (ask->target != NULL && (ask->target[0] != '/' || !is_clean(ask->target)))
        return error_set(err, ERR_INVALID,
                         "URL: need a path with a slash in front, without blanks");
    return 0;
}

static struct parser *new_parser(const struct http_ask *ask)
{
    struct http_limits limits = http_limits_default();
    if (ask->body_max > 0)
        limits.body_bytes = ask->body_max;
    struct parser *p = parser_new(PARSER_RESPONSES, &limits);
    if (ask->method == METHOD_HEAD)
        parser_expect_no_body(p);
    return p;
}

static int begin_dial(struct http_call *c, const struct http_ask *ask, struct error *err)
{
    const struct url *to = ask->to;
    if (to->tls)
        return dial_tls(&c->dial, c->loop, to->host, to->port, ask->tls, on_dialled, err);
    if (to->unix_path != NULL)
        return dial_unix(&c->dial, c->loop, to->unix_path, on_dialled, err);
    return dial_tcp(&c->dial, c->loop, to->host, to->port, on_dialled, err);
}

int http_call_start(struct http_call *c, struct loop *loop, const struct http_ask *ask,
                    http_call_cb *done, struct error *err)
{
    if (check_ask(ask, err) != 0)
        return -1;
    *c = (struct http_call){
        .data = c->data,
        .loop = loop,
        .done = done,
        .on_head = ask->on_head,
        .on_part = ask->on_part,
        .body = SLICE(""),
        .connect_ms = ask->connect_ms,
        .total_ms = ask->total_ms,
        .started = loop->clock.mono(&loop->clock),
    };
    if (begin_dial(c, ask, err) != 0)
        return -1;
    c->state = CALL_DIALLING;
    c->handles = 2; /* the timer; the dial, then the stream */
    c->parser = new_parser(ask);
    if (ask->on_part != NULL)
        parser_set_sink(c->parser, on_piece, c);
    put_question(&c->out, ask);
    uv_timer_init(&loop->uv, &c->timer);
    c->timer.data = c;
    if (c->connect_ms == 0 || (c->total_ms > 0 && c->total_ms < c->connect_ms))
        c->connect_ms = c->total_ms;
    limit_time(c, c->connect_ms);
    return 0;
}

void http_call_close(struct http_call *c)
{
    ASSERT(c->state == CALL_NONE);
    parser_free(c->parser);
    c->parser = NULL;
    c->response = NULL;
    c->body = SLICE("");
}

/* ---- waiting for it */
struct fetch {
    struct http_call call;
    struct http_result *result;
    struct error *err;
    int code;
};

static void on_fetched(struct http_call *c, const struct error *err)
{
    struct fetch *f = c->data;
    if (err != NULL) {
        *f->err = *err;
        f->code = -1;
    } else {
        *f->result = (struct http_result){
            .status = c->response->status,
            .headers = slice_dup(c->response->headers),
            .body = slice_dup(c->body),
            .body_len = c->body.len,
        };
    }
    http_call_close(c);
}

int http_fetch(const struct http_ask *ask, struct http_result *out, struct error *err)
{
    struct loop loop;
    struct fetch f = {.result = out, .err = err};
    f.call.data = &f;
    if (loop_init(&loop, err) != 0)
        return -1;
    if (http_call_start(&f.call, &loop, ask, on_fetched, err) != 0)
        f.code = -1;
    loop_run(&loop);
    loop_close(&loop);
    return f.code;
}

void http_result_close(struct http_result *r)
{
    mem_free(r->headers);
    mem_free(r->body);
    *r = (struct http_result){0};
}
