/* lib/proxy/client.h - the node's end: keeps a proxy running and tells it what to forward.
 *
 * Finds the proxy of the folder by its socket, or starts one: the given command, in a session of
 * its own, so that it outlives us. One of another version is replaced: the new one takes over from
 * it without losing a connection. Whenever the connection is lost it is made anew and everything
 * told again, more and more seldom if it never lasts; until the first proxy_client_routes() the
 * proxy keeps the routes that it has. */
#pragma once

#include <uv.h>

#include "base/list.h"
#include "proxy/routes.h"
#include "proxy/settings.h"

struct proxy_client;

struct proxy_service_status {
    uint16_t port;
    const char *app;
    bool bound;
    const char *why;       /* not bound: a sentence; bound: a remark or "" */
    size_t wanted, usable; /* backends in the routes; those that take connections right now */
};

struct proxy_status {                            /* borrowed for the call */
    int64_t revision;                            /* of the routes that are in force */
    uint16_t stats_port;                         /* 0: not bound */
    const char *stats_why;                       /* because of this; "" when none is wanted */
    const struct proxy_service_status *services; /* those that have changed */
    size_t n_services;
};

/* Each may be NULL. From the loop, never from inside a call on the client. */
struct proxy_client_events {
    void (*on_up)(struct proxy_client *c);
    /* again: it was up only for a moment since the last time; for who tells people. */
    void (*on_down)(struct proxy_client *c, const struct error *why, bool again);
    void (*on_status)(struct proxy_client *c, const struct proxy_status *s);
    /* It is there and says nothing, once a connection: it may hang, or the machine may be slow. We
     * wait on, since it may still forward. pid: 0 when not known. */
    void (*on_silent)(struct proxy_client *c, int pid);
};

struct proxy_client_options {
    const char *folder;         /* <data>/agent, absolute; is there already */
    const char *version;        /* of this binary: what the proxy should be */
    const char *program;        /* NULL: /proc/self/exe */
    const char *const *command; /* argv, up to NULL: {"mesolith", "proxy", folder, NULL} */
    struct proxy_settings settings;
    int64_t silence_ms; /* until on_silent; 0: 3 s */
};

struct proxy_client {
    void *data; /* the owner's, set before start */
    /* private */
    uv_loop_t *loop;
    const struct proxy_client_events *events;
    char *folder, *version, *program, *socket_path;
    char **command;
    struct arena settings_arena;
    struct proxy_settings settings;
    struct proxy_routes routes;
    bool has_routes;
    struct connection_to_proxy *connection; /* NULL: none */
    uv_timer_t timer;   /* to dial again, or until a hello; while shutting down: not to wait on */
    int64_t silence_ms; /* for a hello */
    int64_t dial_ms, again_ms, spawn_ms; /* the next pauses; again: after having been up */
    uint64_t spawn_at;                   /* loop time; not earlier */
    uint64_t up_at;                      /* loop time */
    unsigned troubles, spawns;           /* since it was up for long: lost, started */
    size_t handles;                      /* of ours on the loop */
    struct list children;                /* that we started and have not seen end */
    bool up, replaced, shutting_down;
    void (*stopped)(struct proxy_client *c); /* != NULL: stopping */
};

/* Copies options; keeps `c` and `events` until stopped. Fails with ERR_INVALID for settings or a
 * path that cannot be. That a proxy cannot be started is logged, and tried again and again, more
 * and more seldom. */
int proxy_client_start(struct proxy_client *c, uv_loop_t *loop,
                       const struct proxy_client_options *options,
                       const struct proxy_client_events *events, struct error *err) MUST_CHECK;
/* Replaces the settings: addresses, limits, reserved ports. */
int proxy_client_settings(struct proxy_client *c, const struct proxy_settings *settings,
                          struct error *err) MUST_CHECK;
/* `message` is a `routes` message (routes.h; the leader's own will do), a complete set or a change;
 * only what differs is passed on. ERR_SYNTAX, ERR_INVALID, ERR_LIMIT; ERR_CONFLICT when it is a
 * change to another revision: send a complete set then. */
int proxy_client_routes(struct proxy_client *c, struct slice message, struct error *err) MUST_CHECK;

/* Lets go of the proxy, which runs on. */
void proxy_client_stop(struct proxy_client *c, void (*stopped)(struct proxy_client *c));
/* Ends the proxy, too, with its connections: for tests, and for taking a node away. */
void proxy_client_shutdown(struct proxy_client *c, void (*stopped)(struct proxy_client *c));
