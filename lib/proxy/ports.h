/* lib/proxy/ports.h - which service ports are bound, and why the others are not. Called by the
 * forwarder's owner; takes the forwarder's lock where it must. */
#pragma once

#include "proxy/forwarder.h"
#include "proxy/settings.h"

struct proxy_ports {
    struct forwarder *forwarder;
    const struct proxy_settings *settings;
    bool may_bind_later; /* something is refused that others may give up any time */
    /* private */
    struct map *by_port;         /* the services that are bound */
    struct inherited *inherited; /* listening sockets from the proxy before */
    size_t n_inherited, next_inherited;
};

/* Keeps both. */
void proxy_ports_init(struct proxy_ports *p, struct forwarder *f, const struct proxy_settings *s);
/* Closes every port and what was inherited and not used. */
void proxy_ports_close(struct proxy_ports *p);

/* A socket that listens there already; takes fd. Before the first settle. */
void proxy_ports_inherit(struct proxy_ports *p, const union proxy_address *a, int fd);
/* Closes those that nobody wanted. */
void proxy_ports_end_inheritance(struct proxy_ports *p);

/* Binds the service's port, or says in its state why not; lets it go where that is right now. */
void proxy_ports_settle(struct proxy_ports *p, struct service *s);
/* All services: after new settings. */
void proxy_ports_settle_all(struct proxy_ports *p);
/* Those that are refused: after a port has become free, or from time to time. */
void proxy_ports_retry(struct proxy_ports *p);
/* Lets the port go, before the service is dropped; connections stay. Who is being accepted just
 * then is reset. */
void proxy_ports_release(struct proxy_ports *p, struct service *s);
/* Lets all ports go; who is being accepted just then is served. Services must stay until the
 * forwarder stops, and nothing but _close may follow. */
void proxy_ports_cease(struct proxy_ports *p);
