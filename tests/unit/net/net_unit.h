/* tests/unit/net/net_unit.h - a loop that a test runs until something is true, and a peer on the
 * other end of a connection that says exactly what it is told to. */
#pragma once

#include "unit.h"

#include <string.h>

#include "base/mem.h"
#include "net/tcp.h"

#define PATIENCE_MS 10000 /* a test that waits longer has failed */

static unsigned peers_open; /* left open: the test has failed half-way, and so would its teardown */

struct world {
    struct loop loop;
    uv_timer_t patience;
};

static void on_patience_over(uv_timer_t *timer)
{
    (void)timer;
    fail_msg("waited too long");
}

static inline void world_begin(struct world *w)
{
    struct error err;
    assert_int_equal(loop_init(&w->loop, &err), 0);
    uv_timer_init(&w->loop.uv, &w->patience);
}

/* Whatever the test has started it must have stopped: loop_close() stops the process otherwise. */
static inline void world_end(struct world *w)
{
    uv_close((uv_handle_t *)&w->patience, NULL);
    loop_run(&w->loop);
    loop_close(&w->loop);
}

#define UNTIL(w, condition)                                               \
    do {                                                                  \
        uv_timer_start(&(w)->patience, on_patience_over, PATIENCE_MS, 0); \
        while (!(condition))                                              \
            uv_run(&(w)->loop.uv, UV_RUN_ONCE);                           \
        uv_timer_stop(&(w)->patience);                                    \
    } while (0)

/* ---- the peer */
struct peer {
    struct world *world;
    struct dial dial;
    struct stream *stream;
    struct buf got;
    char *sending;
    bool cut;    /* a write failed */
    bool ended;  /* the other side has ended, or broke off */
    bool broken; /* it broke off */
    struct error why;
    bool closed;
};

static inline void peer_on_read(struct stream *s, struct slice data)
{
    buf_put_slice(&((struct peer *)s->data)->got, data);
}

static inline void peer_on_end(struct stream *s, const struct error *err)
{
    struct peer *p = s->data;
    p->ended = true;
    p->broken = err != NULL;
    if (err != NULL)
        p->why = *err;
}

static inline void peer_on_written(struct stream *s, const struct error *err)
{
    struct peer *p = s->data;
    p->cut |= err != NULL;
    mem_free(p->sending);
    p->sending = NULL;
}

static const struct stream_events peer_events = {
    .on_read = peer_on_read,
    .on_end = peer_on_end,
    .on_written = peer_on_written,
};

static inline void peer_on_dialled(struct dial *d, struct stream *s, const struct error *err)
{
    struct peer *p = d->data;
    assert_null(err);
    p->stream = s;
    s->data = p;
    s->events = &peer_events;
    stream_read(s, true);
}

static inline void peer_begin(struct peer *p, struct world *w, uint16_t port)
{
    struct error err;
    peers_open++;
    *p = (struct peer){.world = w, .dial = {.data = p}};
    buf_init(&p->got, 256 << 20);
    assert_int_equal(dial_tcp(&p->dial, &w->loop, "127.0.0.1", port, peer_on_dialled, &err), 0);
    UNTIL(w, p->stream != NULL);
}

static inline void peer_send(struct peer *p, struct slice bytes)
{
    p->sending = mem_dup(bytes.p, bytes.len);
    uv_buf_t b = uv_buf_init(p->sending, (unsigned)bytes.len);
    assert_int_equal(stream_write(p->stream, &b, 1), 0);
    UNTIL(p->world, p->sending == NULL);
}

static inline void peer_say(struct peer *p, const char *text)
{
    peer_send(p, slice_of(text));
}

static inline void peer_on_closed(struct stream *s)
{
    ((struct peer *)s->data)->closed = true;
}

static inline void peer_end(struct peer *p)
{
    stream_close(p->stream, peer_on_closed);
    UNTIL(p->world, p->closed);
    mem_free(p->sending);
    buf_close(&p->got);
    peers_open--;
}

static inline bool peer_has(const struct peer *p, const char *text)
{
    return strstr(buf_str(&p->got), text) != NULL;
}
