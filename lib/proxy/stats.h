/* lib/proxy/stats.h - what the proxy does right now, as a page, as JSON and as HAProxy's CSV.
 * Takes the forwarder's lock for one service at a time, so that a large table does not hold up the
 * traffic. Called by the forwarder's owner. */
#pragma once

#include "base/buf.h"
#include "proxy/forwarder.h"

struct proxy_stats {
    struct forwarder *forwarder;
    const char *version;
    int64_t revision; /* of the routes */
    struct mono started;
    struct mono now;
};

#define STATS_PAGE_SERVICES 200 /* on one page */

/* Services from number `from` on, ordered by port. One self-contained page. */
void proxy_stats_html(const struct proxy_stats *s, size_t from, struct buf *out);
/* All of them, or those of one port (0: all). */
void proxy_stats_json(const struct proxy_stats *s, uint16_t port, struct buf *out);
/* The columns of HAProxy's `;csv` that have a meaning here, the others empty. */
void proxy_stats_csv(const struct proxy_stats *s, struct buf *out);
