/* lib/model/frame.h - what nodes send each other over their one connection: the first byte of a
 * frame says what the rest is, and so who takes it. */
#pragma once

#include "base/buf.h"

enum frame_kind {
    /* the node's (node/README.md) */
    FRAME_RAFT = 'R',
    FRAME_AGENT = 'A',   /* to an agent (model/message.h) */
    FRAME_LEADER = 'L',  /* to the leader, of an agent */
    FRAME_REQUEST = 'Q', /* to the leader: a request that another node was asked */
    FRAME_ANSWER = 'P',  /* and its answer */
    FRAME_HINT = 'H',    /* who leads */
    FRAME_CLOCK = 'T',   /* what time it is */
    FRAME_SUM = 'U',     /* what the tables' sum is at an entry */
    FRAME_SEEN = 'N',    /* which agents the leader does not hear */
    /* the loop's (cluster/README.md) */
    FRAME_EXCHANGE = 'X', /* a file of a task, asked at another node than the task's */
    FRAME_SNAPSHOT = 'S',
    FRAME_RENEW = 'J', /* a node's next certificate */
};

/* May a node say that which is neither master nor scheduler? On its machine strangers' programs
 * run: it does not vote, lead, order tasks about, or answer for the cluster. What it asks and
 * reports is looked at by who takes it. False for an empty frame. */
bool frame_may_be_of_agent(struct slice frame);
