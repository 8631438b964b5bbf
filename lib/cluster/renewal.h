/* lib/cluster/renewal.h - keeps an identity good: asks a master for the next certificate when half
 * of the life of ours is over, and for the CA's key while a master has none.
 *
 *     resting -> asking -> resting     asking: one master, then after a pause another one
 *
 * A master that has the CA's key asks itself, so that the cluster hears of it all the same. */
#pragma once

#include "base/rng.h"
#include "cluster/identity.h"

struct renewal;

/* Always from the loop. */
struct renewal_events {
    /* The masters of the cluster, ourselves too if we are one; how many. */
    size_t (*masters)(struct renewal *r, int64_t ids_out[LIMIT_SERVERS]);
    /* A frame to one of them, maybe ourselves; what becomes of it comes by renewal_frame(). */
    void (*send)(struct renewal *r, int64_t id, struct slice frame);
    void (*on_renewed)(struct renewal *r); /* the identity has another `tls` */
    void (*on_key)(struct renewal *r);     /* the identity's CA signs */
    void (*on_trouble)(struct renewal *r, int64_t id, const struct error *err);
};

struct renewal {
    void *data; /* the owner's, set before start */
    /* private */
    const struct renewal_events *events;
    struct loop *loop;
    struct rng *rng;
    struct identity *identity;
    enum join_ask ask; /* what was asked */
    int64_t asked;     /* whom; 0: nobody */
    size_t next;       /* of the masters */
    unsigned failures; /* in a row */
    uv_timer_t timer;
    void (*stopped)(struct renewal *r);
};

/* Keeps all. */
void renewal_start(struct renewal *r, struct loop *loop, struct rng *rng, struct identity *identity,
                   const struct renewal_events *events);
/* Other masters are known than before, or our certificate has changed: looks at once. */
void renewal_look(struct renewal *r);
/* An answer of a node (join_is_answer()), without the frame's first byte. */
void renewal_frame(struct renewal *r, int64_t id, struct slice body);
void renewal_stop(struct renewal *r, void (*stopped)(struct renewal *r));
