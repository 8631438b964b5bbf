/* lib/model/join.h - how a node becomes one of a cluster, as messages.
 *
 *     node -> cluster   join     the token's id and secret, who the node is, and a request for a
 *                                certificate (PKCS #10): over TLS without a certificate of its own,
 *                                after it has checked the CA by the token's hash
 *                       renew    a request for the next certificate: over mutual TLS, which says
 *                                who asks
 *                       key      a master wants the CA's key: over mutual TLS, too
 *     cluster -> node   joined   its certificate, the CA's, the cluster's name, the members
 *                       ca-key   the CA's key
 *                       refused  why, in one sentence
 *
 * One JSON object each, {"m":"join",…}, as between master and agent (model/message.h), but not of
 * its kinds: who has no certificate yet can say nothing else than these. Refusals are read whatever
 * version they are of. Pure. */
#pragma once

#include "base/json.h"
#include "base/limits.h"
#include "base/time.h"
#include "model/address.h"
#include "model/token.h"

#define JOIN_PROTOCOL 1
#define JOIN_NAME_MAX 255 /* bytes of a node's name and of its version */

enum join_ask { JOIN_NEW, JOIN_RENEW, JOIN_KEY };

struct join_request {
    enum join_ask ask;
    const char *request; /* for a certificate, PEM; NULL with JOIN_KEY */
    /* JOIN_NEW only */
    uint32_t token; /* id */
    uint8_t secret[TOKEN_SECRET_SIZE];
    int64_t id, store; /* of node.json */
    const char *name, *version;
    char address[ADDRESS_SIZE]; /* of the peer port, as address_text() has it */
    unsigned modes;
    int level; /* newest of the state that it knows */
};

void join_request_write(const struct join_request *r, struct buf *out);
/* Texts are borrowed from *root_out, which the caller frees. ERR_SYNTAX, ERR_LIMIT, ERR_INVALID
 * naming the field, ERR_CONFLICT for another version of these messages. */
int join_request_parse(struct slice text, struct json **root_out, struct join_request *out,
                       struct error *err) MUST_CHECK;
/* Can this build be of a cluster whose state is at that level? ERR_CONFLICT saying which to get. */
int join_check_level(const struct join_request *r, int state_level, struct error *err) MUST_CHECK;

struct join_member {
    int64_t id;
    unsigned modes;
    char address[ADDRESS_SIZE];
};

struct join_answer {
    const char *key;              /* the CA's, PEM: the only one then; else NULL */
    const char *certificate, *ca; /* PEM */
    const char *cluster;          /* uuid */
    int64_t id;                   /* of the node that was admitted */
    struct wall until;            /* the certificate's end */
    size_t n;
    struct join_member members[LIMIT_SERVERS]; /* masters and schedulers, to be asked */
};

void join_answer_write(const struct join_answer *a, struct buf *out);
void join_key_write(struct slice key, struct buf *out);
void join_refusal_write(const struct error *why, struct buf *out);
/* Is it one of the above, not a request? Of those that come over mutual TLS. */
bool join_is_answer(struct slice text);
/* A refusal comes out as the error that it holds, marked as the cluster's words: "the cluster
 * refused: …". Texts are borrowed from *root_out, which the caller frees. */
int join_answer_parse(struct slice text, struct json **root_out, struct join_answer *out,
                      struct error *err) MUST_CHECK;
