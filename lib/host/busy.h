/* lib/host/busy.h - says for the node's thread, while that is in a long turn, that this node is
 * there (replica/busy.c): from the loop, which goes on meanwhile. For at most LIMIT_TURN_MS a turn:
 * what takes longer hangs, and is not borne with. */
#pragma once

#include "net/loop.h"
#include "node/node.h"

struct busy; /* opaque */

typedef void busy_send(void *data, int64_t node, struct slice frame);

struct busy *busy_start(struct loop *loop, busy_send *send, void *data);
/* Once no turn can begin any more. */
void busy_stop(struct busy *b);

/* ---- from the node's thread */

void busy_turn_begins(struct busy *b, const struct node_busy *words, struct mono now);
void busy_turn_ends(struct busy *b);
