/* lib/node/refound.h - a cluster that goes on without its others: of a backup that was restored, or
 * by force, when a majority is gone for good (`mesolith recover`). What becomes of the others
 * stands in the log, as commands, so that whoever joins later comes to the same state. */
#pragma once

#include "state/state.h"

struct refounding {
    uint64_t id, store; /* whose it is from now on (replica/replica.h, replica_refound) */
    const char *address;
    const char *cluster; /* its new name; NULL: it keeps the one it has */
    /* The nodes that are of it no more: their identities are gone, and so are their agents and
     * tasks. */
    const int64_t *gone;
    size_t n;
    const char *reason; /* as people read it: "the cluster was recovered without it" */
    struct wall now;
};

/* `s` is open for writing, outside of a transaction. */
int node_refound(struct state *s, const struct refounding *r, struct error *err) MUST_CHECK;
/* All nodes that the state knows, also those that agents name; the caller frees. */
size_t node_refound_all(struct state *s, int64_t **ids_out);
