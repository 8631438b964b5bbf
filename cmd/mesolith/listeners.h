/* cmd/mesolith/listeners.h - which listeners a mode opens, as what they are told to clients, and
 * what the configuration says about where this process is reached. */
#pragma once

#include "config.h"
#include "model/address.h"
#include "model/states.h"

enum listening {
    LISTEN_MARATHON,
    LISTEN_CHRONOS,
    LISTEN_MESOS,
    LISTEN_AGENT,
    LISTEN_HTTPS,
    LISTEN_STATS,
    LISTENERS
};
struct listening_row {
    const char *name, *door; /* what it is called, and whose paths are met first there */
    enum setting port;
    unsigned mode;
};
extern const struct listening_row listeners[LISTENERS];

/* Do these modes open it, and is it not switched off? */
bool listener_is_on(const struct config *c, unsigned modes, enum listening d);
/* By TLS there must be a certificate, and without plain HTTP an https-port. */
int listener_check_tls(const struct config *c, unsigned modes, struct error *err) MUST_CHECK;
/* HTTP without TLS leaves this machine only where that was said (DESIGN 10, --plain). */
int listener_check_plain(const struct config *c, unsigned modes, struct error *err) MUST_CHECK;

const char *name_of(const struct config *c, char *dst, size_t size); /* of this node; dst */
/* Where the other nodes reach it. ERR_INVALID for an address that nobody can be reached at, or a
 * port that they cannot know. */
int peer_address_of(const struct config *c, struct address *out, struct error *err) MUST_CHECK;
