/* lib/api/facts.h - what a node without a state knows of itself, beside the request that another
 * node answers for it: who asks an agent is shown that agent, whoever answers. Pure. */
#pragma once

#include "api/door.h"
#include "base/arena.h"
#include "scheduler/placement/placement.h"

/* As text for struct request's `node`, one JSON object. */
void facts_write(const struct facts *f, struct buf *out);

/* A copy, with all that changes while the process runs in the arena: texts and lists. Who holds
 * facts beyond the call that gave them holds such a copy; a new pointer in struct facts is a line
 * here. */
struct facts facts_keep(const struct facts *f, struct arena *text);

/* What the leader knows of it beside the state (master/master.h); NULL: nothing. */
const struct agent_seen *facts_agent_seen(const struct facts *f, int64_t agent);
/* For placement_new(): what is explained knows who is silent, as the minds do. Borrows the view. */
struct hearing facts_hearing(const struct view *view);

struct asked_facts {
    struct facts f;
    struct arena text;
};
/* The facts that the answer to a request shows: ours, unless another node was asked. What that does
 * not say of itself is not known. Keeps in *asked what it returns, until the caller closes its
 * arena; strings of ours are borrowed. */
const struct facts *facts_for(const struct request *r, const struct facts *ours,
                              struct asked_facts *asked);
