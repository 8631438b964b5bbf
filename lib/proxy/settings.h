/* lib/proxy/settings.h - how the proxy is to run, told by its node and kept beside the routes.
 * Pure.
 *
 *     {"service_address":"0.0.0.0", "stats_address":"127.0.0.1", "stats_port":9090,
 *      "authorization":"", "realm":"Mesosphere",
 *      "connect_ms":1000, "drain_ms":60000, "connections":65536,
 *      "reserved":[{"address":"0.0.0.0", "port":8080, "holder":"this node's marathon listener"}]}
 */
#pragma once

#include "base/arena.h"
#include "base/json.h"
#include "proxy/address.h"

struct proxy_reserved { /* an address that somebody else on this machine needs */
    const char *address;
    uint16_t port;
    const char *holder; /* for people: "this node's marathon listener", "task web.1" */
};

struct proxy_settings {
    const char *service_address; /* where service ports listen */
    const char *stats_address;
    int stats_port;                    /* 0: a free one; -1: no stats page */
    const char *authorization, *realm; /* of that, as http_server_config has them */
    int64_t connect_ms;                /* for a backend to accept, before the next one is tried */
    int64_t drain_ms;                  /* for connections on a backend or port that is going away */
    unsigned connections;              /* at once; the limit of open files may set a lower one */
    const struct proxy_reserved *reserved;
    size_t n_reserved;
};

/* 127.0.0.1, no stats page, the limits as base/limits.h has them. */
void proxy_settings_default(struct proxy_settings *s);
/* What is absent is as by default; strings live in the arena. ERR_INVALID, naming the member. */
int proxy_settings_parse(const struct json *v, struct arena *arena, struct proxy_settings *out,
                         struct error *err) MUST_CHECK;
void proxy_settings_write(const struct proxy_settings *s, struct json_writer *w); /* the members */

/* Who holds an address that clashes with `a`: one of the reserved, or the statistics page; or NULL.
 */
const char *proxy_settings_holder(const struct proxy_settings *s, const union proxy_address *a);
