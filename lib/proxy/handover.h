/* lib/proxy/handover.h - a new proxy takes over from an old one, so that an upgrade loses no
 * connection: the listening sockets themselves go over (SCM_RIGHTS), and with them the clients that
 * wait in their queues.
 *
 *     successor                        old proxy
 *     hello, take_over           ->
 *                                <-    hello, state {settings, revision, routes}
 *                                <-    sockets [{what, address, port}] with their descriptors, …
 *                                <-    sockets []: that was all
 *     (both accept)
 *     taken {}                   ->    stops accepting, drains, ends
 *
 * Until `taken` the old one goes on as if nothing were; if the successor dies, nothing was.
 * Both sides block here, with a time limit: threads that forward are not concerned. */
#pragma once

#include "base/json.h"
#include "proxy/address.h"

enum proxy_passed_kind { PASSED_SERVICE, PASSED_CONTROL, PASSED_LOCK };

struct proxy_passed {
    enum proxy_passed_kind kind;
    union proxy_address address; /* SERVICE */
    int fd;
};

/* The old one's part, after its hello was sent. `state` is the frame of that message. Borrows
 * everything. */
int proxy_handover_give(int fd, struct slice state, const struct proxy_passed *passed, size_t n,
                        struct error *err) MUST_CHECK;

struct proxy_taken {
    int fd;             /* to the old one; -1: there was none */
    struct json *state; /* settings, revision, routes */
    struct proxy_passed *passed;
    size_t n;
};

/* The successor's part, up to `taken`. ERR_UNAVAILABLE when nobody listens at `path`. The caller
 * owns the descriptors in `passed`, and closes the rest. */
int proxy_handover_take(const char *path, const char *version, struct proxy_taken *out,
                        struct error *err) MUST_CHECK;
/* Says `taken`: now the successor serves alone. */
int proxy_handover_confirm(struct proxy_taken *t, struct error *err) MUST_CHECK;
/* All but the descriptors in `passed`. Without a confirmation before, the old proxy goes on. */
void proxy_taken_close(struct proxy_taken *t); /* accepts one with fd -1 and the rest zero */
