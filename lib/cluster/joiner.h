/* lib/cluster/joiner.h - asks a cluster to be let in: dials a node of it, checks that its CA is the
 * one of the token before anything secret is said, says one line and reads one (cluster/door.h).
 * What the answer says is the owner's to check (identity_check_answer()). */
#pragma once

#include "model/address.h"
#include "model/join.h"
#include "model/token.h"
#include "net/tls.h"

struct joiner;
/* The answer's line, borrowed for the call; or why there is none. */
typedef void joiner_cb(struct joiner *j, struct slice answer, const struct error *err);

struct joiner {
    void *data; /* the owner's, set before start */
    /* private */
    struct loop *loop;
    struct address to;
    struct tls *tls;
    struct dial dial;
    struct stream *stream;
    struct buf out, in;
    uv_timer_t timer;
    joiner_cb *done;
    bool late, answered, asked;
    struct error failure;
    int handles;
};

/* Keeps `j` until `done`, which fires once, at the latest after LIMIT_JOIN_MS for the connection
 * and LIMIT_JOIN_ANSWER_MS and a little more for the answer. ERR_UNAVAILABLE: nobody was reached,
 * or the connection broke before anything was sent; ERR_UNCERTAIN: the node may be admitted, so ask
 * again with the same id; ERR_CONFLICT: another cluster's CA. */
int joiner_start(struct joiner *j, struct loop *loop, const struct address *to,
                 const struct token *token, const struct join_request *request, joiner_cb *done,
                 struct error *err) MUST_CHECK;
