/* lib/proxy/forwarder.h - the threads that carry bytes: they accept on listeners, connect to the
 * backend that the balance picks, and pass on what either side says, until both have ended.
 *
 * The owner's thread changes the balance, under the lock; workers only use it. Nothing but
 * forwarder_start and _stop waits for a worker. */
#pragma once

#include <pthread.h>

#include "proxy/balance.h"
#include "proxy/listener.h"

struct forwarder_limits {
    int64_t connect_ms;   /* for a backend to accept, before the next one is tried */
    unsigned connections; /* at once; lowered to what the limit of open files allows */
};

struct forwarder {
    pthread_mutex_t lock; /* of balance, and of every listener's service */
    struct balance balance;
    atomic_uint connections; /* now */
    /* private */
    atomic_uint acceptors; /* workers that accept, or are about to, times listeners */
    atomic_uint connections_max;
    unsigned wanted_max, listeners; /* the owner's thread alone */
    _Atomic int64_t connect_ms;
    struct worker *workers;
    unsigned n_workers;
};

/* Keeps `f` until stopped. ERR_IO when a thread cannot be had. */
int forwarder_start(struct forwarder *f, unsigned n_workers, const struct forwarder_limits *limits,
                    int64_t drain_ms, struct error *err) MUST_CHECK;
/* Resets every connection, waits for the threads. The balance must have no listener left. */
void forwarder_stop(struct forwarder *f);

void forwarder_limit(struct forwarder *f, const struct forwarder_limits *limits);
unsigned forwarder_connections_max(const struct forwarder *f);
/* Every worker begins to accept; `l` is held until each has let go of it after _unlisten. */
void forwarder_listen(struct forwarder *f, struct proxy_listener *l);
void forwarder_unlisten(struct forwarder *f, struct proxy_listener *l);
/* No listener is accepted on, and no connection is left. */
bool forwarder_idle(const struct forwarder *f);
/* Backends began to drain: look at connections more often. */
void forwarder_look(struct forwarder *f);

struct mono proxy_now(void); /* CLOCK_MONOTONIC */
