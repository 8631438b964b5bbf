/* lib/proxy/control.h - the proxy's end of the control socket: greets whoever connects, hears its
 * node and a successor, and reports to the node. frame.h has the messages.
 *
 * The socket lies in a folder that only the node's user can enter; who connects as anybody else is
 * turned away. One node is heard at a time, the newest. */
#pragma once

#include <uv.h>

#include "base/list.h"
#include "proxy/frame.h"

struct proxy_control;
struct proxy_peer;

struct proxy_control_events {
    /* -1: the sender is told `err`, and hung up on. */
    int (*on_settings)(struct proxy_control *c, const struct json *v, struct error *err);
    int (*on_routes)(struct proxy_control *c, const struct json *v, struct error *err);
    /* A successor waits: hand over by proxy_control_successor()'s descriptor, soon. */
    void (*on_take_over)(struct proxy_control *c);
    void (*on_taken)(struct proxy_control *c);
    void (*on_successor_gone)(struct proxy_control *c); /* without `taken` */
    void (*on_shutdown)(struct proxy_control *c);
    /* A node is there: report everything. */
    void (*on_node)(struct proxy_control *c);
};

struct proxy_control {
    void *data; /* the owner's, set before start */
    /* private */
    const char *version;
    const struct proxy_control_events *events;
    uv_pipe_t listener;
    struct list peers;
    size_t n_peers;
    struct proxy_peer *node, *successor;
    void (*stopped)(struct proxy_control *c); /* != NULL: stopping */
    bool listening;
};

/* A listening socket at `path`, which may be left over from a dead proxy. */
int proxy_control_bind(const char *path, int *fd_out, struct error *err) MUST_CHECK;
/* Takes fd, a listening Unix socket. Keeps the rest. */
int proxy_control_start(struct proxy_control *c, uv_loop_t *loop, int fd, const char *version,
                        const struct proxy_control_events *events, struct error *err) MUST_CHECK;
/* Hangs up on everybody; `farewell` (NULL: none) is the type of the last message to the node. */
void proxy_control_stop(struct proxy_control *c, const char *farewell,
                        void (*stopped)(struct proxy_control *c));

bool proxy_control_has_node(const struct proxy_control *c);
void proxy_control_tell_node(struct proxy_control *c,
                             struct slice frames);          /* copies; drops if none */
int proxy_control_successor(const struct proxy_control *c); /* -1: none, or it has left */
int proxy_control_fd(const struct proxy_control *c);        /* the listening socket */
void proxy_control_refuse_successor(struct proxy_control *c, const struct error *why);
