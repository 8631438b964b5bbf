/* One connection, once open: bytes through OpenSSL, which never sees a socket; and its end. */
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/private.h"
#include "net/tls_private.h"

/* Encrypted bytes waiting: what was written ahead, and what SSL says of its own accord. */
#define OUT_BYTES (2 * LIMIT_TLS_AHEAD_BYTES)

static struct secure *secure_of(const struct stream *stream)
{
    return LIST_ENTRY(stream, struct secure, stream);
}

/* ---- what SSL reads from and writes to */
static int on_bio_read(BIO *bio, char *to, int len)
{
    struct secure *s = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (s->in.len == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    size_t n = s->in.len < (size_t)len ? s->in.len : (size_t)len;
    memcpy(to, s->in.p, n);
    s->in.p += n;
    s->in.len -= n;
    return (int)n;
}

static int on_bio_write(BIO *bio, const char *from, int len)
{
    struct secure *s = BIO_get_data(bio);
    buf_put(&s->out, from, (size_t)len);
    return len;
}

static long on_bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

BIO_METHOD *secure_bio(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "stream");
    ASSERT(method != NULL);
    BIO_meth_set_read(method, on_bio_read);
    BIO_meth_set_write(method, on_bio_write);
    BIO_meth_set_ctrl(method, on_bio_ctrl);
    return method;
}

/* ---- the end: `under` and the timer have closed */
static void part_closed(struct secure *s)
{
    if (--s->handles > 0)
        return;
    secure_cb *settled = s->settled;
    if (s->stream.closed != NULL)
        s->stream.closed(&s->stream);
    if (settled != NULL)
        settled(s, NULL, &s->failure);
    SSL_free(s->ssl);
    tls_unref(s->tls);
    buf_close(&s->kept);
    buf_close(&s->out);
    buf_close(&s->sending);
    mem_free(s->pending.bufs);
    mem_free(s);
}

static void on_under_closed(struct stream *under)
{
    part_closed(under->data);
}

static void on_timer_closed(uv_handle_t *timer)
{
    part_closed(timer->data);
}

void secure_leave_crowd(struct secure *s)
{
    list_remove(&s->in_crowd);
    if (s->crowd != NULL)
        s->crowd->n--;
    s->crowd = NULL;
}

void secure_be_gone(struct secure *s)
{
    ASSERT(s->state != SECURE_GONE);
    s->state = SECURE_GONE;
    secure_leave_crowd(s);
    stream_close(s->under, on_under_closed);
    uv_close((uv_handle_t *)&s->timer, on_timer_closed);
}

/* ---- sending what is encrypted */
static void on_wire_broken(struct secure *s, const struct error *err)
{
    if (s->broken)
        return;
    s->broken = true;
    s->failure = *err;
}

static int wire_failed(struct secure *s)
{
    struct error err;
    if (buf_full(&s->out))
        error_set(&err, ERR_LIMIT, "%s: it has us answer more than it reads", s->where);
    else
        error_set(&err, ERR_IO, "writing to %s: it has closed the connection", s->where);
    on_wire_broken(s, &err);
    return -1;
}

static int send_from(struct secure *s, size_t skip)
{
    if (buf_full(&s->out))
        return wire_failed(s);
    s->sending = s->out;
    buf_init(&s->out, OUT_BYTES);
    uv_buf_t b = uv_buf_init(s->sending.data + skip, (unsigned)(s->sending.len - skip));
    return stream_write(s->under, &b, 1) == 0 ? 0 : wire_failed(s);
}

int secure_send(struct secure *s)
{
    if (s->broken)
        return -1;
    if (s->under->writing)
        return 0;
    if (buf_full(&s->out))
        return wire_failed(s);
    if (s->out.len > 0) {
        uv_buf_t b = uv_buf_init(s->out.data, (unsigned)s->out.len);
        int64_t n = stream_try_write(s->under, &b, 1);
        if (n < 0)
            return wire_failed(s);
        if ((size_t)n < s->out.len)
            return send_from(s, (size_t)n);
        buf_close(&s->out);
        buf_init(&s->out, OUT_BYTES);
    }
    if (s->said_end && !s->finished) {
        s->finished = true;
        stream_end(s->under);
    }
    return 0;
}

/* Our side ends with what is in `out`. */
static void say_end(struct secure *s)
{
    if (s->said_end || s->broken)
        return;
    s->said_end = true;
    ERR_clear_error();
    SSL_shutdown(s->ssl);
}

/* ---- encrypting
 * The next bytes of a write, at most a record of them: where they are, or gathered in `copy`. */
static struct slice next_piece(struct pending *p, char copy[RECORD_BYTES])
{
    struct slice piece = {copy, 0};
    while (p->at < p->n && piece.len < RECORD_BYTES) {
        const uv_buf_t *b = &p->bufs[p->at];
        size_t left = b->len - p->at_byte, space = RECORD_BYTES - piece.len;
        size_t step = left < space ? left : space;
        if (step == RECORD_BYTES)
            piece.p = b->base + p->at_byte;
        else
            memcpy(copy + piece.len, b->base + p->at_byte, step);
        piece.len += step;
        p->at_byte += step;
        if (p->at_byte == b->len) {
            p->at++;
            p->at_byte = 0;
        }
    }
    return piece;
}

/* Up to LIMIT_TLS_AHEAD_BYTES of a write into `out`; how many, or -1. */
static int64_t encrypt(struct secure *s, struct pending *p)
{
    char copy[RECORD_BYTES];
    int64_t total = 0;
    while (total < LIMIT_TLS_AHEAD_BYTES) {
        struct slice piece = next_piece(p, copy);
        if (piece.len == 0)
            break;
        if (s->sealed + piece.len > LIMIT_TLS_KEY_BYTES) {
            SSL_key_update(s->ssl, SSL_KEY_UPDATE_NOT_REQUESTED);
            s->sealed = 0;
        }
        ERR_clear_error();
        if (SSL_write(s->ssl, piece.p, (int)piece.len) != (int)piece.len)
            return wire_failed(s);
        s->sealed += piece.len;
        total += (int64_t)piece.len;
    }
    return total;
}

static int secure_try_write(struct stream *stream, const uv_buf_t *bufs, unsigned n)
{
    struct secure *s = secure_of(stream);
    struct pending p = {.bufs = (uv_buf_t *)bufs, .n = n};
    if (s->broken)
        return UV_EPIPE;
    if (s->under->writing)
        return 0;
    int64_t taken = encrypt(s, &p);
    if (taken < 0 || secure_send(s) != 0)
        return UV_EPIPE;
    return (int)taken;
}

/* The next part of the owner's write; on_under_written() comes of it. */
static int push(struct secure *s)
{
    if (encrypt(s, &s->pending) < 0)
        return -1;
    return send_from(s, 0);
}

static void forget_pending(struct secure *s)
{
    mem_free(s->pending.bufs);
    s->pending = (struct pending){0};
    s->stream.writing = false;
}

static int secure_write(struct stream *stream, const uv_buf_t *bufs, unsigned n)
{
    struct secure *s = secure_of(stream);
    if (s->broken)
        return UV_EPIPE;
    s->pending = (struct pending){.bufs = mem_dup(bufs, n * sizeof(*bufs)), .n = n};
    if (s->under->writing || push(s) == 0)
        return 0;
    forget_pending(s);
    return UV_EPIPE;
}

static void secure_end(struct stream *stream)
{
    struct secure *s = secure_of(stream);
    say_end(s);
    secure_send(s); /* should it fail, reading tells, as with a plain stream */
}

static void on_under_written(struct stream *under, const struct error *err)
{
    struct secure *s = under->data;
    buf_close(&s->sending);
    if (err != NULL)
        on_wire_broken(s, err);
    if (s->state == SECURE_CLOSING || s->state == SECURE_REFUSED) {
        if (secure_send(s) != 0 || (s->state == SECURE_CLOSING && !under->writing))
            secure_be_gone(s);
        return;
    }
    if (s->pending.bufs == NULL || s->broken) {
        secure_send(s); /* should it fail now, whoever writes or reads next hears of it */
    } else if (s->pending.at < s->pending.n) {
        push(s);
    } else {
        secure_send(s);
        forget_pending(s);
        s->stream.events->on_written(&s->stream, NULL);
        return;
    }
    if (s->broken && s->pending.bufs != NULL) {
        forget_pending(s);
        s->stream.events->on_written(&s->stream, &s->failure);
    }
}

/* ---- reading */
static bool has_kept(const struct secure *s)
{
    return s->kept.len > 0;
}

void secure_keep_rest(struct secure *s)
{
    if (has_kept(s)) {
        buf_consume(&s->kept, s->kept.len - s->in.len);
        if (s->kept.len == 0)
            buf_close(&s->kept);
    } else if (s->in.len > 0) {
        buf_init(&s->kept, SCRATCH_BYTES);
        buf_put_slice(&s->kept, s->in);
        ASSERT(!buf_full(&s->kept));
    }
    s->in = (struct slice){0};
}

static void on_timer(uv_timer_t *timer);

static void read_on(struct secure *s)
{
    bool wanted = s->stream.reading && !s->ended;
    bool more = has_kept(s) || SSL_pending(s->ssl) > 0;
    stream_read(s->under, wanted && !more);
    if (wanted && more)
        uv_timer_start(&s->timer, on_timer, 0, 0);
}

static void tell_end(struct secure *s, const struct error *err)
{
    s->ended = true;
    s->stream.reading = false;
    stream_read(s->under, false);
    s->stream.events->on_end(&s->stream, err);
}

/* SSL had nothing to give: what that means. */
static void after_reading(struct secure *s, int n)
{
    struct error err = {0};
    int why = SSL_get_error(s->ssl, n);
    if (why == SSL_ERROR_ZERO_RETURN) {
        tell_end(s, NULL);
        return;
    }
    secure_send(s); /* an answer of SSL's own, or an alert; what fails is told to who writes */
    if (why == SSL_ERROR_WANT_READ && !buf_full(&s->out)) {
        read_on(s);
        return;
    }
    if (buf_full(&s->out)) {
        wire_failed(s);
        tell_end(s, &s->failure);
        return;
    }
    tls_words_of_failure(s->tls, &err);
    error_wrap(&err, "%s", s->where);
    on_wire_broken(s, &err);
    tell_end(s, &err);
}

/* Until the owner has enough, or nothing is left. */
static void pump(struct secure *s, struct slice in)
{
    char plain[RECORD_BYTES];
    int n = 1;
    s->in = in;
    s->pumping = true;
    while (s->state == SECURE_OPEN && s->stream.reading) {
        ERR_clear_error();
        n = SSL_read(s->ssl, plain, sizeof(plain));
        if (n <= 0)
            break;
        s->stream.events->on_read(&s->stream, (struct slice){plain, (size_t)n});
    }
    s->pumping = false;
    secure_keep_rest(s);
    if (s->state != SECURE_OPEN)
        return;
    if (n <= 0)
        after_reading(s, n);
    else
        read_on(s);
}

static void secure_read_start(struct stream *stream)
{
    struct secure *s = secure_of(stream);
    if (!s->pumping)
        read_on(s);
}

static void secure_read_stop(struct stream *stream)
{
    struct secure *s = secure_of(stream);
    if (s->state == SECURE_OPEN)
        uv_timer_stop(&s->timer);
    if (!s->pumping)
        stream_read(s->under, false);
}

/* ---- the owner closes */
void secure_linger(struct secure *s)
{
    uv_timer_start(&s->timer, on_timer, LIMIT_TLS_LINGER_MS, 0);
}

static void secure_close(struct stream *stream)
{
    struct secure *s = secure_of(stream);
    bool cut = s->pending.bufs != NULL || s->broken;
    ASSERT(s->state == SECURE_OPEN);
    s->state = SECURE_CLOSING;
    stream_read(s->under, false);
    if (!cut)
        say_end(s);
    if (cut || secure_send(s) != 0 || !s->under->writing)
        secure_be_gone(s);
    else
        secure_linger(s);
}

/* ---- what `under` tells */
static void on_under_read(struct stream *under, struct slice data)
{
    struct secure *s = under->data;
    if (s->state == SECURE_SHAKING)
        secure_shake(s, data);
    else if (s->state == SECURE_OPEN)
        pump(s, data);
}

static void on_under_end(struct stream *under, const struct error *err)
{
    struct secure *s = under->data;
    struct error cut;
    if (s->state == SECURE_SHAKING) {
        secure_refuse_end(s, err);
    } else if (s->state == SECURE_REFUSED) {
        secure_be_gone(s);
    } else if (s->state == SECURE_OPEN) {
        if (err == NULL)
            error_set(&cut, ERR_IO, "%s: cut off: the connection ended without a word", s->where);
        tell_end(s, err != NULL ? err : &cut);
    }
}

static const struct stream_events under_events = {
    .on_read = on_under_read,
    .on_end = on_under_end,
    .on_written = on_under_written,
};

static void on_timer(uv_timer_t *timer)
{
    struct secure *s = timer->data;
    switch (s->state) {
    case SECURE_SHAKING:
        if (s->got == 0)
            error_set(&s->failure, ERR_UNAVAILABLE, "it said nothing for %d ms",
                      LIMIT_HANDSHAKE_MS);
        else
            error_set(&s->failure, ERR_UNAVAILABLE, "its handshake was not over after %d ms",
                      LIMIT_HANDSHAKE_MS);
        secure_refuse_end(s, NULL);
        return;
    case SECURE_OPEN:
        pump(s, buf_slice(&s->kept));
        return;
    case SECURE_CLOSING:
    case SECURE_REFUSED:
        secure_be_gone(s);
        return;
    case SECURE_GONE:
        return;
    }
    UNREACHABLE("every state is above");
}

/* ---- life */
static const struct stream_carrier secure_carrier = {
    .scheme = "https",
    .read_start = secure_read_start,
    .read_stop = secure_read_stop,
    .try_write = secure_try_write,
    .write = secure_write,
    .end = secure_end,
    .close = secure_close,
};

static void say_where(struct secure *s, const char *where)
{
    const struct stream *u = s->under;
    if (where != NULL)
        str_copy(s->where, sizeof(s->where), where);
    else
        snprintf(s->where, sizeof(s->where), strchr(u->remote, ':') ? "[%s]:%u" : "%s:%u",
                 u->remote, u->remote_port);
}

struct secure *secure_new(struct loop *loop, struct stream *under,
                          const struct secure_config *config)
{
    struct secure *s = NEW(struct secure);
    s->stream.carrier = &secure_carrier;
    memcpy(s->stream.remote, under->remote, sizeof(s->stream.remote));
    s->stream.remote_port = under->remote_port;
    s->stream.local_port = under->local_port;
    s->under = under;
    under->data = s;
    under->events = &under_events;
    s->loop = loop;
    s->tls = tls_ref(config->tls);
    s->server = config->server;
    s->strangers = config->strangers;
    s->settled = config->settled;
    s->owner = config->owner;
    s->handles = 2;
    say_where(s, config->where);
    list_init(&s->in_crowd);
    if (config->crowd != NULL) {
        s->crowd = config->crowd;
        s->crowd->n++;
        list_push(&s->crowd->all, &s->in_crowd);
    }
    buf_init(&s->out, OUT_BYTES);
    uv_timer_init(&loop->uv, &s->timer);
    s->timer.data = s;
    uv_timer_start(&s->timer, on_timer, LIMIT_HANDSHAKE_MS, 0);
    stream_read(under, true);
    if (!s->server) {
        secure_ssl_begin(s, config->host);
        SSL_do_handshake(s->ssl); /* the first message; what may fail comes later */
        secure_send(s);
    }
    return s;
}

void secure_cancel(struct secure *s)
{
    ASSERT(s->settled != NULL);
    error_set(&s->failure, ERR_CANCELED, "%s: stopped in the middle of the handshake", s->where);
    secure_be_gone(s);
}

void secure_drop(struct secure *s)
{
    s->settled = NULL;
    secure_be_gone(s);
}

const struct tls_peer *tls_peer(const struct stream *stream)
{
    ASSERT(stream->carrier == &secure_carrier);
    const struct secure *s = secure_of(stream);
    return s->known ? &s->peer : NULL;
}
