/* lib/node/hands.h - all that a node cannot do by thinking.
 *
 * The binary fills it with real functions, the simulator with simulated ones; nothing else differs.
 * Only the node calls these. What another may see is done after the turn's COMMIT; what only asks
 * here (`ask`, `sandbox`, `topics`, `readers_stop`) may come before it. All are completed by
 * events, never by return. Bytes are borrowed for the call. */
#pragma once

#include "api/door.h"
#include "base/rng.h"
#include "replica/replica.h"

/* A node of the cluster, as the transport must know it. */
struct known_node {
    int64_t id, store; /* store 0: not known here */
    unsigned modes;
    const char *address; /* "ip:port" of its peer port */
    bool gone;           /* it is not to be spoken to any more */
};

struct hands {
    void *data;
    struct rng *rng; /* seeded by the system, or by the test */
    /* Fills dst at once with bytes that nobody can guess: secrets. The system's own chance; in the
     * simulator, which must do the same again, the seed's. */
    void (*secret)(struct hands *h, void *dst, size_t n);

    /* To another node: Raft frames and the messages of agents. May be lost. */
    void (*send)(struct hands *h, int64_t node, struct slice frame);

    /* One node of the cluster, as it is now: each once at first, then whenever it changes. A node
     * that is only an agent knows the masters that it was told of. */
    void (*know)(struct hands *h, const struct known_node *k);

    /* Answers of exchanges; takes *a (http/exchange.h). */
    void (*answer)(struct hands *h, struct answer *a);
    /* Runs an ask on a reader, whose view holds at least `index`. Takes the request. */
    void (*ask)(struct hands *h, struct exchange_id id, struct request *request, uint64_t index);
    /* Carries out a sandbox door for an exchange. Takes the request. */
    void (*sandbox)(struct hands *h, struct exchange_id id, struct sandbox_request *r);
    /* Bits of the topics (api/door.h) that have subscribers, those included whose ANSWER_SUBSCRIBE
     * was given just now. */
    unsigned (*topics)(struct hands *h);
    /* An event for all subscribers of the topic. */
    void (*publish)(struct hands *h, const struct published *p);
    /* Where events of TOPIC_CALLBACKS are posted to from now on: one URL a line, "" is nowhere.
     * Only who leads has any. */
    void (*callbacks)(struct hands *h, const char *urls);
    /* A notice that people are to be told (host/notices.h has its members), which ends in
     * EVENT_NOTICE_TOLD, again and again; empty: those that wait are another node's to send. Only
     * who leads has any. */
    void (*notice)(struct hands *h, struct slice notice);
    /* The node's facts have changed: what readers show from now on. They live until the next call.
     */
    void (*facts)(struct hands *h, const struct facts *f);

    /* Tasks of the agent in this process (model/run_spec.h). Idempotent: launching what runs, or
     * killing what has ended, changes nothing but may be reported again. */
    void (*launch)(struct hands *h, int64_t task, struct slice run_spec);
    void (*kill)(struct hands *h, int64_t task, const char *reason);
    void (*forget)(struct hands *h, int64_t task); /* its record and supervisor's folder may go */
    /* Removes a persistent volume for good; ends in EVENT_WIPED, or not at all if a task uses it.
     */
    void (*wipe)(struct hands *h, int64_t volume, const char *name);
    void (*routes)(struct hands *h, struct slice message); /* MESSAGE_ROUTES: to the proxy */

    /* VACUUM INTO a file, prune, hash, sync: on a thread; ends in EVENT_SNAPSHOT_MADE. */
    void (*snapshot_make)(struct hands *h);
    /* The file that another node offers: download, verify, sync; ends in EVENT_SNAPSHOT_FETCHED.
     * NULL: what is being fetched is not wanted any more, and ends in that event at once. */
    void (*snapshot_fetch)(struct hands *h, uint64_t from, const struct replica_snapshot *s);
    void (*checkpoint)(struct hands *h,
                       int64_t wal_bytes); /* on a thread with its own connection */
    void (*readers_stop)(struct hands *h); /* all views closed, before a swap */
};
