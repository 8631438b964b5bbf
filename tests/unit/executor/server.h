/* tests/unit/executor/server.h - an HTTP server on the loop of front.h: the test says what it
 * answers to a question, which comes in one piece. */
#pragma once

#include "front.h"
#include "net/tcp.h"

static struct listener door; /* its port */
static const char *(*server_says)(struct slice question);
static size_t visitors;

static inline void on_visitor_gone(struct stream *s)
{
    (void)s;
    visitors--;
}

static inline void on_visitor_read(struct stream *s, struct slice question)
{
    const char *answer = server_says(question);
    uv_buf_t out = uv_buf_init((char *)answer, (unsigned)strlen(answer));
    stream_try_write(s, &out, 1);
    stream_close(s, on_visitor_gone);
}

static inline void on_visitor_end(struct stream *s, const struct error *err)
{
    (void)err;
    stream_close(s, on_visitor_gone);
}

static const struct stream_events visitor_events = {.on_read = on_visitor_read,
                                                    .on_end = on_visitor_end};

static inline void on_visitor(struct listener *l, struct stream *s)
{
    (void)l;
    visitors++;
    s->events = &visitor_events;
    stream_read(s, true);
}

static inline void on_server_stopped(struct listener *l)
{
    l->data = NULL;
}

static inline void server_start(const char *(*says)(struct slice question))
{
    struct error err;
    server_says = says;
    door.data = &door;
    assert_int_equal(listener_start(&door, &loop, "127.0.0.1", 0, on_visitor, &err), 0);
}

static inline void server_stop(void)
{
    listener_stop(&door, on_server_stopped);
    AWAIT(door.data == NULL && visitors == 0);
}

/* A teardown: of a test that failed the server is still there, and the loop would never end. */
static inline int end_with_server(void **unused)
{
    if (door.data != NULL)
        server_stop();
    return end(unused);
}
