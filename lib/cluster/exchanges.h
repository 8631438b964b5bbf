/* lib/cluster/exchanges.h - exchanges that another node answers: files of the tasks there, and
 * whole requests of a node that has no state of its own.
 *
 *     asks:     exchanges_sandbox() or exchanges_request(); then events.answer(), as the id's
 *     answers:  events.sandbox() or events.request() with an id of EXCHANGE_OF_NODE;
 *               then exchanges_answer()
 *
 * The credit of the client goes all the way to who reads the file, so a slow client slows the
 * reading, and no more than the exchange's window is on its way. When a node cannot be reached, or
 * goes, those it was asked are answered, or cut if their head has left; those that it asked are
 * gone. All on the loop's thread. */
#pragma once

#include "api/door.h"
#include "cluster/peers.h"

/* May be called from inside of a call on exchanges, and may call it again. */
struct exchanges_events {
    /* To what was asked here; takes *a. */
    void (*answer)(void *data, struct answer *a);
    /* Another node asks; takes the request. Answered by exchanges_answer(), maybe at once. */
    void (*sandbox)(void *data, struct exchange_id id, struct sandbox_request *r);
    void (*request)(void *data, struct exchange_id id, struct request *r);
    /* Of these, as of a client (http/exchange.h). */
    void (*credit)(void *data, struct exchange_id id, size_t bytes);
    void (*gone)(void *data, struct exchange_id id);
};

struct exchanges {
    void *data; /* the owner's, set before start */
    /* private */
    struct peers *peers;
    const struct exchanges_events *events;
    struct list all;
    struct map *nodes;  /* id -> struct neighbour; NULL: not started, or stopped */
    struct map *asked;  /* exchange -> struct asked */
    struct map *named;  /* our number -> struct asked, those that are gone and not told so too */
    struct map *served; /* exchange -> struct served */
    uint64_t last_number, last_served, begun;
    uv_timer_t timer; /* while a node that was asked is not connected */
    void (*stopped)(struct exchanges *x);
};

/* Keeps `x`, `peers`, which has been started, and `events` until `stopped`. */
void exchanges_start(struct exchanges *x, struct peers *peers, struct rng *rng,
                     const struct exchanges_events *events);
/* Answers what was asked, and forgets what was asked by others. Before peers_stop(). */
void exchanges_stop(struct exchanges *x, void (*stopped)(struct exchanges *x));

/* ---- to ask */
void exchanges_sandbox(struct exchanges *x, struct exchange_id id,
                       struct sandbox_request *r); /* takes r; asks r->node */
void exchanges_request(struct exchanges *x, struct exchange_id id, int64_t node,
                       struct request *r); /* takes r */
/* The client of an exchange has taken bytes; has left. False: it was not asked here. These, and
 * exchanges_answer(), accept a zeroed struct. */
bool exchanges_credit(struct exchanges *x, struct exchange_id id, size_t bytes);
bool exchanges_gone(struct exchanges *x, struct exchange_id id);

/* ---- to answer; takes *a. Whose node has gone is dropped. */
void exchanges_answer(struct exchanges *x, struct answer *a);

/* ---- from peers (cluster/peers.h) */
/* ERR_SYNTAX: no node of ours sends that. */
int exchanges_frame(struct exchanges *x, int64_t node, struct slice frame,
                    struct error *err) MUST_CHECK;
void exchanges_up(struct exchanges *x, int64_t node);
/* Also after peers_forget(). */
void exchanges_down(struct exchanges *x, int64_t node, const struct error *why);
void exchanges_room(struct exchanges *x, int64_t node);
