/* tests/unit/net/tls_unit.h - a cluster of two nodes, "11" who listens and "22" who dials, at
 * CA_NOW_MS; and a wire between them that can be slow, cut, or false. */
#pragma once

#include "net/net_unit.h"

#include <stdio.h>

#include "base/limits.h"
#include "base/str.h"
#include "net/tls_private.h"
#include "support/ca.h"

struct site {
    struct world world;
    struct ca ca;
    struct identity listens, dials;
    struct tls *server, *client;
    struct tls_listener listener;
    struct peer peers[4]; /* who was let in */
    unsigned n, strangers, refused;
    struct error why; /* of the last refusal */
    bool stopped;
};

static struct site site;

static struct wall ca_wall(struct clock *c)
{
    (void)c;
    return (struct wall){CA_NOW_MS};
}

static inline void peer_take(struct peer *p, struct stream *s)
{
    *p = (struct peer){.world = &site.world, .stream = s};
    buf_init(&p->got, 256 << 20);
    peers_open++;
    s->data = p;
    s->events = &peer_events;
    stream_read(s, true);
}

static void on_stream(struct tls_listener *l, struct stream *s)
{
    assert_ptr_equal(l->data, &site);
    assert_non_null(tls_peer(s));
    assert_in_range(site.n, 0, COUNT(site.peers) - 1);
    peer_take(&site.peers[site.n++], s);
}

static void on_stranger(struct tls_listener *l, struct stream *s)
{
    (void)l;
    assert_null(tls_peer(s));
    site.strangers++;
    peer_take(&site.peers[site.n++], s);
}

static void on_refused(struct tls_listener *l, const struct error *err)
{
    (void)l;
    site.refused++;
    site.why = *err;
}

static const struct tls_listener_events members_only = {.on_stream = on_stream,
                                                        .on_refused = on_refused};
static const struct tls_listener_events strangers_too = {
    .on_stream = on_stream, .on_stranger = on_stranger, .on_refused = on_refused};

static inline struct tls *tls_from(const char *ca, const struct identity *id)
{
    struct error err;
    struct tls_config config = {.ca = slice_of(ca),
                                .certificate = slice_of(id != NULL ? id->certificate : NULL),
                                .key = slice_of(id != NULL ? id->key : NULL)};
    struct tls *t = tls_new(&config, &err);
    if (t == NULL)
        fail_msg("%s", err.text);
    return t;
}

static inline void site_listen(struct tls *tls, const struct tls_listener_events *events)
{
    struct error err;
    site.listener.data = &site;
    assert_int_equal(
        tls_listener_start(&site.listener, &site.world.loop, "127.0.0.1", 0, tls, events, &err), 0);
}

static inline int begin(void **unused)
{
    (void)unused;
    memset(&site, 0, sizeof(site));
    world_begin(&site.world);
    site.world.loop.clock.wall = ca_wall;
    ca_begin(&site.ca, "ours");
    site.listens = ca_issue(&site.ca, "11", "master,scheduler");
    site.dials = ca_issue(&site.ca, "22", "agent");
    site.server = tls_from(site.ca.pem, &site.listens);
    site.client = tls_from(site.ca.pem, &site.dials);
    return 0;
}

static void on_site_stopped(struct tls_listener *l)
{
    (void)l;
    site.stopped = true;
}

static inline void site_stop(void)
{
    site.stopped = false;
    tls_listener_stop(&site.listener, on_site_stopped);
    assert_false(site.stopped);
    UNTIL(&site.world, site.stopped);
}

static inline int end(void **unused)
{
    (void)unused;
    if (peers_open == 0) {
        world_end(&site.world);
        tls_unref(site.server);
        tls_unref(site.client);
        identity_end(&site.listens);
        identity_end(&site.dials);
        ca_end(&site.ca);
    }
    peers_open = 0;
    return 0;
}

/* ---- dialling */
struct call {
    struct dial dial;
    struct stream *stream;
    struct error err;
    bool done;
};

static void on_called(struct dial *d, struct stream *s, const struct error *err)
{
    struct call *c = d->data;
    assert_false(c->done);
    assert_true((s == NULL) == (err != NULL));
    c->done = true;
    c->stream = s;
    if (err != NULL)
        c->err = *err;
}

static inline void call_begin(struct call *c, uint16_t port, struct tls *tls)
{
    struct error err;
    *c = (struct call){.dial = {.data = c}};
    assert_int_equal(dial_tls(&c->dial, &site.world.loop, "127.0.0.1", port, tls, on_called, &err),
                     0);
    assert_false(c->done);
}

/* Both ends of a new connection; the other one is site.peers[n]. */
static inline struct peer *meet(struct peer *p, uint16_t port, struct tls *tls)
{
    struct call c;
    unsigned n = site.n;
    call_begin(&c, port, tls);
    UNTIL(&site.world, c.done);
    if (c.stream == NULL)
        fail_msg("%s", c.err.text);
    peer_take(p, c.stream);
    assert_int_equal(site.n, n + 1);
    return &site.peers[n];
}

/* ---- a wire */
struct wire {
    struct listener listener;
    struct dial dial;
    uint16_t to;
    struct stream *ends[2]; /* who dialled; whom it dials */
    struct buf passing[2];  /* from that end */
    size_t step;            /* so many bytes at once; 0: all */
    size_t flip;            /* this byte of those to who dialled is false; 0: none */
    size_t passed[2];
    bool ended[2];
    unsigned closed;
    bool stopped;
};

static inline int wire_side(const struct wire *w, const struct stream *s)
{
    return s == w->ends[0] ? 0 : 1;
}

static void wire_pass(struct wire *w, int side)
{
    struct buf *b = &w->passing[side];
    struct stream *to = w->ends[1 - side];
    while (to != NULL && b->len > 0 && !to->writing) {
        uv_buf_t v = uv_buf_init(b->data, (unsigned)(w->step > 0 ? w->step : b->len));
        if (side == 1 && w->flip > w->passed[1] && w->flip <= w->passed[1] + v.len)
            b->data[w->flip - w->passed[1] - 1] ^= 1;
        int64_t n = stream_try_write(to, &v, 1);
        if (n <= 0)
            return;
        w->passed[side] += (size_t)n;
        buf_consume(b, (size_t)n);
    }
    if (to != NULL && w->ended[side] && b->len == 0)
        stream_end(to);
}

static void on_wire_read(struct stream *s, struct slice data)
{
    struct wire *w = s->data;
    int side = wire_side(w, s);
    buf_put_slice(&w->passing[side], data);
    wire_pass(w, side);
}

static void on_wire_end(struct stream *s, const struct error *err)
{
    struct wire *w = s->data;
    (void)err;
    w->ended[wire_side(w, s)] = true;
    wire_pass(w, wire_side(w, s));
}

static const struct stream_events wire_events = {.on_read = on_wire_read, .on_end = on_wire_end};

static inline void wire_take(struct wire *w, int side, struct stream *s)
{
    w->ends[side] = s;
    s->data = w;
    s->events = &wire_events;
    stream_read(s, true);
    wire_pass(w, 1 - side);
}

static void on_wire_dialled(struct dial *d, struct stream *s, const struct error *err)
{
    assert_null(err);
    wire_take(d->data, 1, s);
}

static void on_wire_stream(struct listener *l, struct stream *s)
{
    struct wire *w = l->data;
    struct error err;
    wire_take(w, 0, s);
    if (w->to != 0)
        assert_int_equal(
            dial_tcp(&w->dial, &site.world.loop, "127.0.0.1", w->to, on_wire_dialled, &err), 0);
}

/* To a port; 0: to nobody, what comes is kept in passing[0]. */
static inline void wire_begin(struct wire *w, uint16_t to)
{
    struct error err;
    *w = (struct wire){.to = to, .listener.data = w, .dial.data = w};
    buf_init(&w->passing[0], 256 << 20);
    buf_init(&w->passing[1], 256 << 20);
    assert_int_equal(
        listener_start(&w->listener, &site.world.loop, "127.0.0.1", 0, on_wire_stream, &err), 0);
}

static void on_wire_closed(struct stream *s)
{
    ((struct wire *)s->data)->closed++;
}

static inline void wire_cut(struct wire *w)
{
    unsigned n = 0;
    for (int i = 0; i < 2; i++)
        if (w->ends[i] != NULL) {
            stream_close(w->ends[i], on_wire_closed);
            w->ends[i] = NULL;
            n++;
        }
    unsigned all = w->closed + n;
    UNTIL(&site.world, w->closed == all);
}

static void on_wire_stopped(struct listener *l)
{
    ((struct wire *)l->data)->stopped = true;
}

static inline void wire_end(struct wire *w)
{
    wire_cut(w);
    listener_stop(&w->listener, on_wire_stopped);
    UNTIL(&site.world, w->stopped);
    buf_close(&w->passing[0]);
    buf_close(&w->passing[1]);
}

/* ---- many bytes: at `at` is what nobody else has there */
static inline char byte_at(size_t at)
{
    return (char)((at * 2654435761u) >> 13);
}

static inline struct buf many_bytes(size_t len)
{
    struct buf b;
    buf_init(&b, len);
    for (size_t at = 0; at < len; at++)
        buf_putc(&b, byte_at(at));
    return b;
}

static inline bool has_many_bytes(const struct buf *b, size_t len)
{
    for (size_t at = 0; at < b->len; at++)
        if (b->data[at] != byte_at(at))
            return false;
    return b->len == len;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
