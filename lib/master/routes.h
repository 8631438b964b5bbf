/* lib/master/routes.h - which service port leads where: what proxies forward (DESIGN 7).
 *
 * Kept as one fragment of JSON an app, so that a change costs what that app costs. A mind's part:
 * it reads the state. Pure. */
#pragma once

#include "base/buf.h"
#include "state/state.h"

struct routes;

struct routes *routes_new(struct state *state);
void routes_free(struct routes *r); /* accepts NULL */

void routes_forget(struct routes *r); /* all of it: read the state anew */
void routes_dirty(struct routes *r, int64_t app);
/* True when something is dirty; then routes_list() may differ from the last one. */
bool routes_are_dirty(const struct routes *r);
/* Appends all routes as a JSON array (model/message.h, `routes`). True when they differ from the
 * last time; the revision counts those. */
bool routes_list(struct routes *r, struct buf *out, int64_t *revision_out);
