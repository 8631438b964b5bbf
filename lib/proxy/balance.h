/* lib/proxy/balance.h - which backend gets the next connection: the least busy one, in turn among
 * equals, and none that has just refused.
 *
 * Pure, and without a lock: the forwarder's workers and its owner call it under one. Counters of
 * bytes alone are atomic, because they change with every read.
 *
 *              connect failed            pause over, picked
 *     FIT ------------------------> ASIDE ----------------> TRIAL     one connection tries it
 *      ^ \                            ^                      | |
 *      |  \ draining or unhealthy     +---- connect failed --+ |      the pause doubles
 *      |   v                                                   |
 *      |  OUT (from any of them)                               |
 *      +---------------- connected ----------------------------+
 *
 * A backend that is no longer in the routes is OUT, and forgotten with its last connection. */
#pragma once

#include <stdatomic.h>

#include "base/list.h"
#include "base/time.h"
#include "proxy/address.h"
#include "proxy/routes.h"

enum backend_place { BACKEND_OUT, BACKEND_FIT, BACKEND_ASIDE, BACKEND_TRIAL };

struct backend { /* all of it is read only to others */
    struct service *service;
    char *task;
    union proxy_address address;
    bool healthy, draining; /* as the routes say */
    bool removed;           /* no longer in the routes */
    enum backend_place place;
    unsigned active;                      /* connections, those being made included */
    unsigned failures;                    /* to connect, in a row; counted once a pause */
    int error;                            /* errno of the last one; 0 once connected */
    struct mono failed, retry;            /* when it last failed; when it may be tried again */
    struct mono changed;                  /* when its place last changed */
    uint64_t connected, refused;          /* connections made, and not made, ever */
    _Atomic int64_t drain_by_ms;          /* INT64_MAX: not going away */
    _Atomic uint64_t bytes_in, bytes_out; /* from and to clients */
    /* private */
    size_t at;       /* in the heap of its place */
    uint64_t picked; /* a running number: who waited longest is next among equals */
};

struct backend_heap {
    struct backend **items;
    size_t n, cap;
};

enum service_state { SERVICE_UNBOUND, SERVICE_BOUND, SERVICE_REFUSED };
const char *service_state_word(enum service_state state); /* "bound" */

struct service { /* a service port of one app */
    uint16_t port;
    char *app;
    bool tcp, udp;
    enum service_state state;                /* the port's, set by service_set_state() */
    char why[200];                           /* REFUSED: a sentence; BOUND: a remark or "" */
    struct proxy_listener *listener;         /* its owner's */
    unsigned active;                         /* connections */
    uint64_t connections, unserved, retried; /* ever: accepted; without a backend; second tries */
    size_t n_wanted;                         /* backends in the routes */
    struct map *backends;                    /* those that are removed but busy as well */
    bool dropped;
    /* private */
    struct balance *balance;
    struct backend_heap by_load, by_retry; /* those that are FIT; those that are ASIDE */
    struct list dirty;
};

struct balance {
    int64_t drain_ms;
    void (*dirtied)(struct balance *b); /* a service joined the dirty ones; NULL: nobody asks */
    /* private */
    struct map *services;
    struct list dirty;
    uint64_t picks;
};

void balance_init(struct balance *b, int64_t drain_ms);
void balance_close(struct balance *b); /* no connection is left */

/* ---- for who owns the routes */

/* Makes the service and its backends what the route says. Never fails: routes are checked. */
struct service *balance_put(struct balance *b, const struct proxy_route *r, struct mono now);
struct service *balance_find(struct balance *b, uint16_t port, const char *app); /* or NULL */
/* Its backends drain, then it is freed; its listener must be gone. */
void balance_drop(struct service *s, struct mono now);
/* As map_each(): in the order in which they came. */
struct service *balance_each(struct balance *b, size_t *cursor);
size_t balance_count(const struct balance *b);
/* `why` NULL: "". */
void service_set_state(struct service *s, enum service_state state, const char *why);
size_t service_usable(const struct service *s); /* backends that are FIT */
/* The next service whose state or number of usable or wanted backends has changed since it was
 * last returned, or NULL. */
struct service *balance_next_dirty(struct balance *b);
void balance_all_dirty(struct balance *b);

/* ---- for who has a connection */

void service_enter(struct service *s); /* a client came */
void service_leave(struct service *s); /* it left; may free the service */

/* The backend to connect to, or NULL: then ask again after *wait_ms, or never if it is -1. What is
 * picked ends in release(), which may free it. */
struct backend *balance_pick(struct service *s, struct mono now, int64_t *wait_ms_out);
void backend_connected(struct backend *be, struct mono now);
/* It refused or was silent. Releases it. */
void backend_failed(struct backend *be, int error, struct mono now);
/* It was not even tried, for reasons of our own. Releases it. */
void backend_spared(struct backend *be, struct mono now);
void backend_release(struct backend *be);
