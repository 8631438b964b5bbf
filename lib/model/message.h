/* lib/model/message.h - what master and agent tell each other. All of it is idempotent (DESIGN 6).
 *
 * In one process the same bytes go through a queue, between processes through the peer port. A
 * message is one JSON object with its kind; the bodies' members are listed beside the kinds. Pure.
 */
#pragma once

#include "base/json.h"

#define MESSAGES(X)                                                                            \
    /* leader -> agent, each with the leader's term */                                         \
    X(MESSAGE_WELCOME, "welcome") /* id: it is registered, and that is its id in the state */  \
    X(MESSAGE_RUN, "run")         /* pong, spec: a run_spec (model/run_spec.h) */              \
    X(MESSAGE_KILL, "kill")       /* task, reason */                                           \
    X(MESSAGE_ACK, "ack")         /* statuses: [{task, seq}] */                                \
    X(MESSAGE_ROUTES, "routes")   /* revision, routes: [{port, app, backends:[{task, address,  \
                                     port, healthy, draining}]}]: the whole set; or with       \
                                     since: a revision, removed: [{port, app}]: what differs   \
                                     from that one */                                          \
    X(MESSAGE_AGAIN, "again")     /* who are you? register (again) */                          \
    X(MESSAGE_WIPE, "wipe")       /* volumes: [{volume, name}]: remove them for good */        \
    /* agent -> leader */                                                                      \
    X(MESSAGE_REGISTER, "register") /* uid, boot, hostname, address, port, version, resources, \
                                       attributes, docker, docker_reason, tasks: [{task,       \
                                       state, seq}] */                                         \
    X(MESSAGE_STATUS, "status")     /* uid, statuses: [a status (model/status.h)] */           \
    X(MESSAGE_NODE, "node")         /* of any node: model/node_facts.h */                      \
    X(MESSAGE_WIPED, "wiped")       /* uid, volumes: [volume]: they are not there any more */  \
    X(MESSAGE_PONG, "pong")         /* uid, seq: counted by the agent; routes: the revision    \
                                       that it has, ROUTES_NONE; wall: its clock */

#define ROUTES_NONE (-1)

enum message_kind {
#define X(name, word) name,
    MESSAGES(X)
#undef X
        MESSAGE_KINDS
};

const char *message_word(enum message_kind kind);

/* {"m":"run",…}: begins the object; the writer adds members and calls message_end(). */
void message_begin(struct json_writer *w, struct buf *out, enum message_kind kind);
void message_end(struct json_writer *w);
/* The caller frees the tree; ERR_SYNTAX or ERR_INVALID with what was wrong. */
struct json *message_parse(struct slice text, enum message_kind *kind_out,
                           struct error *err) MUST_CHECK;
