/* lib/proxy/listener.h - one listening socket of a service port. Counted, because each worker
 * waits on it: the socket is closed when the last has let go. */
#pragma once

#include <stdatomic.h>

#include "proxy/address.h"

struct service;

struct proxy_listener {
    int fd;
    union proxy_address address;
    struct service
        *service; /* who gets the connections; under the forwarder's lock; NULL: nobody */
    /* private */
    atomic_uint holders;
};

/* Binds and listens; NULL with a sentence that says who or what is in the way. *again_out: it may
 * work later, without anything being changed here. The caller holds it. */
struct proxy_listener *proxy_listener_open(const union proxy_address *address, bool *again_out,
                                           struct error *err);
/* The same around a socket that listens already. Takes fd. */
struct proxy_listener *proxy_listener_adopt(int fd, const union proxy_address *address);
void proxy_listener_hold(struct proxy_listener *l);
void proxy_listener_release(struct proxy_listener *l); /* accepts NULL */
