#include "cluster/joiner.h"

#include <string.h>

#include "base/limits.h"

#define ANSWER_MS (LIMIT_JOIN_ANSWER_MS + LIMIT_JOIN_MS)

static void part_gone(struct joiner *j)
{
    if (--j->handles > 0)
        return;
    joiner_cb *done = j->done;
    struct buf in = j->in;
    struct error err = j->failure;
    bool answered = j->answered;
    tls_unref(j->tls);
    buf_close(&j->out);
    done(j, answered ? buf_slice(&in) : (struct slice){0}, answered ? NULL : &err);
    buf_close(&in);
}

static void on_timer_closed(uv_handle_t *timer)
{
    part_gone(timer->data);
}

static void on_stream_closed(struct stream *s)
{
    part_gone(s->data);
}

/* All but the dial is over; what it ends with is in `failure`, or in `in`. */
static void end(struct joiner *j)
{
    if (uv_is_closing((uv_handle_t *)&j->timer))
        return;
    uv_close((uv_handle_t *)&j->timer, on_timer_closed);
    if (j->stream != NULL)
        stream_close(j->stream, on_stream_closed);
}

static void fail(struct joiner *j, enum error_code code, const char *what)
{
    char where[ADDRESS_SIZE];
    error_set(&j->failure, code, "%s", what);
    error_wrap(&j->failure, "%.100s", address_text(&j->to, where));
    end(j);
}

/* ---- the two lines */

static void on_read(struct stream *s, struct slice data)
{
    struct joiner *j = s->data;
    const char *line = memchr(data.p, '\n', data.len);
    buf_put(&j->in, data.p, line != NULL ? (size_t)(line - data.p) : data.len);
    if (buf_full(&j->in)) {
        fail(j, ERR_LIMIT, "its answer is too long");
    } else if (line != NULL) {
        j->answered = true;
        end(j);
    }
}

static void broke(struct joiner *j, const char *why)
{
    fail(j, j->asked ? ERR_UNCERTAIN : ERR_UNAVAILABLE, why);
}

static void on_end(struct stream *s, const struct error *err)
{
    broke(s->data,
          err != NULL ? err->text : "it hung up before it had answered: do the same again");
}

static void on_written(struct stream *s, const struct error *err)
{
    if (err != NULL)
        broke(s->data, err->text);
}

static const struct stream_events stream_events = {
    .on_read = on_read, .on_end = on_end, .on_written = on_written};

static void limit(struct joiner *j, uint64_t ms);

static void ask(struct joiner *j)
{
    uv_buf_t buf = uv_buf_init(j->out.data, (unsigned)j->out.len);
    limit(j, ANSWER_MS);
    stream_read(j->stream, true);
    if (stream_write(j->stream, &buf, 1) != 0)
        broke(j, "the connection broke");
    j->asked = true;
}

/* ---- dialling */

static void on_dialled(struct dial *d, struct stream *s, const struct error *err)
{
    struct joiner *j = d->data;
    j->stream = s;
    if (s != NULL) {
        s->data = j;
        s->events = &stream_events;
        j->handles++;
    }
    if (j->late) {
        fail(j, ERR_UNAVAILABLE, "no connection within 10 s: is it the peer port of a node?");
    } else if (s == NULL) {
        j->failure = *err;
        end(j);
    } else {
        ask(j);
    }
    part_gone(j); /* the dial */
}

static void on_time(uv_timer_t *timer)
{
    struct joiner *j = timer->data;
    j->late = true;
    if (j->stream == NULL)
        dial_cancel(&j->dial);
    else
        fail(j, ERR_UNCERTAIN, "it has not answered: do the same again");
}

static void limit(struct joiner *j, uint64_t ms)
{
    uv_timer_start(&j->timer, on_time, ms, 0);
}

int joiner_start(struct joiner *j, struct loop *loop, const struct address *to,
                 const struct token *token, const struct join_request *request, joiner_cb *done,
                 struct error *err)
{
    struct tls *tls = tls_new(&(struct tls_config){.ca_hash = token->ca}, err);
    if (tls == NULL)
        return -1;
    *j = (struct joiner){.data = j->data, .loop = loop, .to = *to, .tls = tls, .done = done};
    j->dial.data = j;
    if (dial_tls(&j->dial, loop, to->host, to->port, tls, on_dialled, err) != 0) {
        tls_unref(tls);
        return -1;
    }
    buf_init(&j->in, LIMIT_JOIN_BYTES);
    buf_init(&j->out, LIMIT_JOIN_BYTES + 1);
    join_request_write(request, &j->out);
    buf_putc(&j->out, '\n');
    uv_timer_init(&loop->uv, &j->timer);
    j->timer.data = j;
    j->handles = 2; /* the dial, the timer */
    limit(j, LIMIT_JOIN_MS);
    return 0;
}
