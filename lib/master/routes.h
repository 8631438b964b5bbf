/* lib/master/routes.h - which service port leads where: what proxies forward (DESIGN 7).
 *
 * Kept as one fragment of JSON an app, so that a change costs what that app costs, here and with
 * everybody who is told. A mind's part: it reads the state. Pure. */
#pragma once

#include "base/buf.h"
#include "state/state.h"

struct routes;

struct routes *routes_new(struct state *state);
void routes_free(struct routes *r); /* accepts NULL */

void routes_forget(struct routes *r); /* all of it: read the state anew */
void routes_dirty(struct routes *r, int64_t app);
/* True when something is dirty; then routes_refresh() may change them. */
bool routes_are_dirty(const struct routes *r);
/* Reads what is dirty, and returns the revision: one more than before if anything differs. */
int64_t routes_refresh(struct routes *r);
/* Of the newest revision, as model/message.h has them: all routes, appended as a JSON array; and
 * what has changed since the revision before, as two, borrowed until the next refresh. False: that
 * is too much, tell all. */
void routes_list(const struct routes *r, struct buf *out);
bool routes_change(const struct routes *r, struct slice *routes_out, struct slice *removed_out);
