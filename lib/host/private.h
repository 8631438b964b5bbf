/* lib/host/private.h - one node's thread and what is around it: for host.c, hands.c and files.c. */
#pragma once

#include <stdatomic.h>

#include "host/bell.h"
#include "host/busy.h"
#include "host/callbacks.h"
#include "host/copies.h"
#include "host/host.h"
#include "host/mailbox.h"
#include "host/notices.h"
#include "host/readers.h"
#include "host/verifier.h"

#define TOO_MANY "too many requests are waiting: try again"

/* What the node's thread or a reader wants done on the loop. */
enum deed_kind {
    DEED_ANSWER,
    DEED_PUBLISH,
    DEED_CALLBACKS,
    DEED_NOTICE,
    DEED_LAUNCH,
    DEED_KILL,
    DEED_FORGET,
    DEED_WIPE,
    DEED_ROUTES,
    DEED_FACTS,
    DEED_SANDBOX,
    DEED_SEND,
    DEED_KNOW,
    DEED_ROOM,
    DEED_CHECKPOINT,
    DEED_SNAPSHOT_MAKE,
    DEED_SNAPSHOT_FETCH,
    DEED_READY,
    DEED_ENDED,
};

struct deed {
    enum deed_kind kind;
    struct answer answer; /* ANSWER */
    unsigned topic;       /* PUBLISH */
    char *type;           /* PUBLISH */
    struct blob *event;   /* PUBLISH */
    int64_t id;           /* a task, a node, a snapshot's token */
    struct buf body; /* LAUNCH, KILL, ROUTES, FACTS, SEND, NOTICE; CALLBACKS: the URLs; KNOW: the
                        address */
    struct known_node known;         /* KNOW */
    struct exchange_id exchange;     /* SANDBOX */
    struct sandbox_request *sandbox; /* SANDBOX */
    bool gives_up;                   /* SNAPSHOT_FETCH */
    struct replica_snapshot offer;   /* SNAPSHOT_FETCH; without its configuration */
    struct error err;                /* ENDED; code ERR_NONE: as was asked */
};

struct host {
    struct loop *loop;
    struct http_server *server;
    struct host_deeds deeds;
    struct node *node;
    struct hands hands;
    struct rng rng;
    struct clock clock;
    uv_thread_t thread;
    struct mailbox inbox, outbox; /* struct event to the node; struct deed to the loop */
    struct bell wake;             /* the loop looks into the outbox */
    bool wakes;                   /* not yet while the node opens */
    bool wants; /* the node's thread's: something is in the outbox that the loop was not told */
    struct readers *readers; /* NULL: not begun, or ended */
    char *state_path;
    struct verifier *verifier;
    struct busy *busy;
    struct callbacks *callbacks;
    struct notices *notices;
    uint64_t fetch_began; /* of a snapshot, last; 0: never */
    uint64_t backups;     /* so many were begun: their names */
    const struct api *api;
    struct error failure;
    _Atomic size_t frames_bytes;  /* of other nodes, in the inbox */
    _Atomic unsigned subscribing; /* subscriptions on their way to the loop */
    atomic_bool ending;           /* what takes long on the pool gives up */
    bool told_ready;              /* the node's thread's */
    atomic_bool leads;            /* the node does, as it has shown last */
    bool stateless;               /* it is an agent, and nothing else */
    char *about; /* what it knows of itself, as other nodes are told; NULL: not yet. Owned */
    bool joined;
    void *owner;
};

/* ---- hands.c: from the node's thread and the readers to the loop */

void host_fill_hands(struct host *h);
/* From the node's thread: the loop hears of it at the end of the turn, by host_tell_loop(). Takes
 * what *d has. */
void host_want(struct host *h, struct deed *d);
void host_tell_loop(struct host *h);
void host_answer_from_reader(void *host, struct answer *a);
void deed_close(struct deed *d);
bool deed_subscribes(const struct deed *d);

/* ---- files.c: long work with the state's files, begun on the loop, done on its pool */

void host_checkpoint(struct host *h, int64_t wal_bytes);
void host_copy_start(struct host *h, enum copy_kind kind, uint64_t token, host_copied *done,
                     void *data);
void host_fetch(struct host *h, const struct deed *d);
void host_verify(struct host *h);
