/* Listening and dialling: a plain stream, and a handshake over it. */
#include "net/tls.h"

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "net/tls_private.h"

/* ---- listening */
static void on_shaken(struct secure *s, struct stream *stream, const struct error *err)
{
    struct tls_listener *l = s->owner;
    if (stream == NULL) {
        if (l->events->on_refused != NULL)
            l->events->on_refused(l, err);
    } else if (tls_peer(stream) != NULL) {
        l->events->on_stream(l, stream);
    } else {
        l->events->on_stranger(l, stream);
    }
}

static void drop_oldest(struct tls_listener *l)
{
    struct secure *s = LIST_ENTRY(l->crowd.all.next, struct secure, in_crowd);
    bool told = s->settled == NULL;
    struct error err;
    error_set(&err, ERR_LIMIT, "%s: more than %d handshakes at once: the oldest is dropped",
              s->where, LIMIT_HANDSHAKES);
    secure_drop(s);
    if (!told && l->events->on_refused != NULL)
        l->events->on_refused(l, &err);
}

static void on_plain(struct listener *tcp, struct stream *stream)
{
    struct tls_listener *l = tcp->data;
    struct secure_config config = {.tls = l->tls,
                                   .server = true,
                                   .strangers = l->events->on_stranger != NULL,
                                   .crowd = &l->crowd,
                                   .settled = on_shaken,
                                   .owner = l};
    secure_new(l->loop, stream, &config);
    if (l->crowd.n > LIMIT_HANDSHAKES)
        drop_oldest(l);
}

int tls_listener_start(struct tls_listener *l, struct loop *loop, const char *address,
                       uint16_t port, struct tls *tls, const struct tls_listener_events *events,
                       struct error *err)
{
    ASSERT(tls->has_certificate);
    *l = (struct tls_listener){.data = l->data, .events = events, .loop = loop};
    list_init(&l->crowd.all);
    l->tcp.data = l;
    if (listener_start(&l->tcp, loop, address, port, on_plain, err) != 0)
        return -1;
    l->port = l->tcp.port;
    l->tls = tls_ref(tls);
    return 0;
}

void tls_listener_use(struct tls_listener *l, struct tls *tls)
{
    ASSERT(tls->has_certificate);
    struct tls *old = l->tls;
    l->tls = tls_ref(tls);
    tls_unref(old);
}

static void on_tcp_stopped(struct listener *tcp)
{
    struct tls_listener *l = tcp->data;
    tls_unref(l->tls);
    l->stopped(l);
}

void tls_listener_stop(struct tls_listener *l, void (*stopped)(struct tls_listener *l))
{
    l->stopped = stopped;
    LIST_EACH (item, &l->crowd.all)
        secure_drop(LIST_ENTRY(item, struct secure, in_crowd));
    listener_stop(&l->tcp, on_tcp_stopped);
}

/* ---- dialling */
static void finish(struct dial *d, struct stream *stream, const struct error *err)
{
    d->over.secure = NULL;
    tls_unref(d->over.tls);
    d->over.tls = NULL;
    mem_free(d->over.host);
    d->over.host = NULL;
    d->over.done(d, stream, err);
}

static void on_let_in(struct secure *s, struct stream *stream, const struct error *err)
{
    finish(s->owner, stream, err);
}

static void cancel(struct dial *d)
{
    secure_cancel(d->over.secure);
}

static void on_connected(struct dial *d, struct stream *plain, const struct error *err)
{
    if (plain == NULL) {
        finish(d, NULL, err);
        return;
    }
    struct secure_config config = {.tls = d->over.tls,
                                   .where = d->where,
                                   .host = d->over.host,
                                   .settled = on_let_in,
                                   .owner = d};
    d->over.cancel = cancel;
    d->over.secure = secure_new(d->loop, plain, &config);
}

int dial_tls(struct dial *d, struct loop *loop, const char *host, uint16_t port, struct tls *tls,
             dial_cb *done, struct error *err)
{
    if (dial_tcp(d, loop, host, port, on_connected, err) != 0)
        return -1;
    d->over.tls = tls_ref(tls);
    d->over.host = mem_strdup(host);
    d->over.done = done;
    return 0;
}

void dial_tls_over(struct dial *d, struct stream *plain, const char *host, struct tls *tls,
                   dial_cb *done)
{
    d->over.tls = tls_ref(tls);
    d->over.host = mem_strdup(host);
    d->over.done = done;
    on_connected(d, plain, NULL);
}
