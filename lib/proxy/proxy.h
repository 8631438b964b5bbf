/* lib/proxy/proxy.h - the proxy process: forwards service ports with the routes that it was told
 * last, and depends on nothing that runs.
 *
 * It is started by its node (client.h), in a session of its own, and outlives it. In its folder:
 *     proxy.sock   where nodes and successors speak to it (frame.h)
 *     proxy.lock   held by the proxy that serves; goes over to a successor with the sockets
 *     routes       the last settings and routes; where it starts from when it is alone
 * Started beside a living proxy, it takes over from it (handover.h). */
#pragma once

#include "base/error.h"

struct proxy_options {
    const char *folder;  /* <data>/agent; is there already */
    const char *version; /* of this binary */
    unsigned workers;    /* threads that forward; 0: one a processor, LIMIT_PROXY_WORKERS at most */
};

/* Runs until it has handed over, is told to end, or gets SIGTERM, which lets connections end for as
 * long as backends may drain. Returns an exit status; failures are logged. The process is its own:
 * it sets limits and signals. */
int proxy_main(const struct proxy_options *options);
