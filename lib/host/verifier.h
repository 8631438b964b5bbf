/* lib/host/verifier.h - every row of the state, round and round: is it what was written?
 *
 * Looks on the loop's pool, through a connection of its own, and rests VERIFY_SHARE times as long
 * as a look took. */
#pragma once

#include "base/error.h"
#include "net/loop.h"

struct verifier; /* opaque */

struct verifier_events {
    bool (*may_look)(void *data); /* false: later, somebody puts another file in its place */
    void (*wrong)(void *data, const struct error *why);
    void *data;
};

struct verifier *verifier_start(struct loop *loop, const char *path,
                                const struct verifier_events *events);
/* Nothing is told any more. A look under way ends by itself, and then its memory is freed. */
void verifier_stop(struct verifier *v);
