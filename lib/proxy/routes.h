/* lib/proxy/routes.h - what the proxy is told to forward: service ports and the instances behind
 * them, in JSON and as a set that changes. Pure.
 *
 *     {"revision":7, "routes":[{"port":10000, "app":"/web", "protocol":"tcp",
 *       "backends":[{"task":"web.1", "address":"10.0.0.1", "port":31000,
 *                    "healthy":true, "draining":false}]}]}
 *
 * is the complete set (the leader's `routes` message is one). With "since":6 and "removed":
 * [{"port","app"}] it is a change to revision 6: its routes replace those of the same port and
 * app. Two apps may claim one port; who gets it is decided where ports are bound.
 * `protocol` is tcp (when absent), udp or both; `healthy` is true and `draining` false when
 * absent. */
#pragma once

#include "base/arena.h"
#include "base/json.h"

struct proxy_target { /* one instance of an app */
    const char *task;
    const char *address; /* an IP address */
    uint16_t port;
    bool healthy;  /* takes new connections */
    bool draining; /* takes none, keeps those it has */
};

struct proxy_route {
    uint16_t port; /* the service port */
    const char *app;
    bool tcp, udp;
    struct proxy_target *targets;
    size_t n_targets;
    /* private */
    struct arena arena; /* owns what is pointed to */
};
bool proxy_route_equal(const struct proxy_route *a, const struct proxy_route *b);

struct proxy_route_id {
    uint16_t port;
    const char *app;
};

#define PROXY_COMPLETE (-1)
struct proxy_change {
    int64_t revision;
    int64_t since;               /* the revision it builds on, or PROXY_COMPLETE */
    struct proxy_route **routes; /* owned */
    size_t n_routes;
    struct proxy_route_id *removed; /* each is in the set, once reduced */
    size_t n_removed;
    /* private */
    struct arena arena;
};

/* ERR_INVALID, naming the member. */
int proxy_change_parse(const struct json *v, struct proxy_change *out,
                       struct error *err) MUST_CHECK;
void proxy_change_write(const struct proxy_change *c, struct json_writer *w); /* the members only */
void proxy_change_close(struct proxy_change *c); /* accepts a zeroed struct */

struct proxy_routes { /* a set: at most one route of a port and app */
    int64_t revision; /* 0: none yet */
    size_t n_targets;
    /* private */
    struct map *routes;
};

void proxy_routes_init(struct proxy_routes *s);
void proxy_routes_close(struct proxy_routes *s); /* accepts a zeroed struct */
/* Makes any change one to this set: routes that say nothing new are dropped, and of a complete set
 * the routes that it lacks become removals. ERR_CONFLICT when it builds on another revision,
 * ERR_LIMIT when the set would grow too large. */
int proxy_routes_reduce(const struct proxy_routes *s, struct proxy_change *c,
                        struct error *err) MUST_CHECK;
/* Applies a reduced change, and takes its routes. */
void proxy_routes_apply(struct proxy_routes *s, struct proxy_change *c);
void proxy_routes_write(const struct proxy_routes *s, struct json_writer *w); /* as complete */
size_t proxy_routes_count(const struct proxy_routes *s);
