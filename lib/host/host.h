/* lib/host/host.h - owns a node's thread, its mailbox and timers, and the reader threads; carries
 * requests from the net loop to them and answers back.
 *
 * The node turns on a thread of its own. What it wants done outside comes out here, on the loop's
 * thread, as calls of `deeds`: the owner (cmd/mesolith) lets the executor, the proxy and the
 * transport do it. Every row of the state is read again and again, on the pool and at a twentieth
 * of one processor at most, and the node hears when one is not what was written. The HTTP server is
 * the owner's too: it stands on the same loop. */
#pragma once

#include "host/notices.h"
#include "net/http_server.h"
#include "node/node.h"

struct host;

/* All are called on the loop's thread. Bytes are borrowed for the call. */
struct host_deeds {
    void *data;
    void (*launch)(void *data, int64_t task, struct slice run_spec);
    void (*kill)(void *data, int64_t task, const char *reason);
    void (*forget)(void *data, int64_t task);
    void (*wipe)(void *data, int64_t volume, const char *name);
    void (*routes)(void *data, struct slice message);
    /* Takes the request; the answers go to host_answer(). */
    void (*sandbox)(void *data, struct exchange_id id, struct sandbox_request *r);
    /* Of an exchange that is answered from outside the node. */
    void (*gone)(void *data, struct exchange_id id);
    void (*credit)(void *data, struct exchange_id id, size_t bytes);
    void (*send)(void *data, int64_t node, struct slice frame);
    /* A copy of the state lies at `path` for the members that are offered `token`; the one before
     * it has lost its name. May be NULL: no member asks. */
    void (*snapshot_ready)(void *data, uint64_t token, const char *path);
    /* Fetches what that node offers; ends in EVENT_SNAPSHOT_FETCHED. NULL: gives up what is being
     * fetched, which ends all the same. May be NULL: nothing is ever had. */
    void (*snapshot_fetch)(void *data, uint64_t from, const struct replica_snapshot *s);
    void (*know)(void *data, const struct known_node *k);
    /* Asked of a node that has no state: another must answer, and show what the request's `node`
     * says of this one. Takes the request; answers go to host_answer(). May be NULL when this node
     * has a state. */
    void (*elsewhere)(void *data, struct exchange_id id, struct request *r);
    /* After a true of host_frame(): what waited was taken. May be NULL when nobody calls that. */
    void (*room)(void *data);
    /* To a request of host_request(); takes *a. May be NULL when nobody calls that. */
    void (*answer)(void *data, struct answer *a);
    void (*ready)(void *data); /* once: the node serves */
    /* Once: the node has ended, after host_stop() with err NULL, or by itself because it failed. */
    void (*ended)(void *data, const struct error *err);
};

struct host_options {
    struct node_options node;
    struct notices_config notices;
    int readers; /* threads; 0: 2 */
    uint64_t seed;
};

/* Nothing runs yet: it is the data of the HTTP server, whose ports the node must know. */
struct host *host_new(void);
void host_set_owner(struct host *h, void *owner);
void *host_owner(const struct host *h);
/* Opens the node on the caller's thread, so that its errors come at once, and starts its thread.
 * Keeps the strings of options, `loop`, `server` and what deeds point to. */
int host_start(struct host *h, struct loop *loop, struct http_server *server,
               const struct host_options *options, const struct host_deeds *deeds,
               struct error *err) MUST_CHECK;
/* Answers what was taken in, refuses what comes now, ends the threads; `ended` follows. */
void host_stop(struct host *h);
void host_free(struct host *h); /* after `ended`, or never started; accepts NULL */

/* For http_server_new(), with the host as its data: requests go to the node or a reader. */
extern const struct http_server_events host_server_events;

/* A request that no client of `server` made; `id` is the caller's own, with EXCHANGE_ELSEWHERE.
 * Takes the request. Answered at deeds.answer(), maybe before this returns. */
void host_request(struct host *h, struct exchange_id id, struct request *request);
/* A frame of another node, copied. True: more than LIMIT_INBOX_BYTES of them wait by now, so
 * nothing more should be read from that node until deeds.room(). */
bool host_frame(struct host *h, int64_t node, struct slice frame) MUST_CHECK;
/* Its client has taken bytes of the answer; has left (http/exchange.h). */
void host_credit(struct host *h, struct exchange_id id, size_t bytes);
void host_gone(struct host *h, struct exchange_id id);
/* An event for the node, from the loop's thread; takes *e. */
void host_event(struct host *h, struct event *e);
/* Does the node lead the cluster, as far as it knows? Any thread. */
bool host_leads(const struct host *h);
/* A copy of the state for a backup, made on the pool (host/copies.h). `done` is called from the
 * loop, always; with NULL and why where it failed. The file is the owner's, who removes it. */
typedef void host_copied(void *data, const char *path, const struct replica_snapshot *s,
                         const struct error *err);
void host_copy(struct host *h, host_copied *done, void *data);
/* An answer to an exchange, from the loop's thread (sandbox doors); takes *a. */
void host_answer(struct host *h, struct answer *a);
