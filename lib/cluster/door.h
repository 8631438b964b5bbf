/* lib/cluster/door.h - lets nodes in: the side of a cluster's node that somebody who wants to join
 * has dialled, or whom a node asks for its next certificate.
 *
 * A stranger says one line, a request to join (model/join.h), and reads one, the answer; then both
 * ends are closed. A node says the same in frames (FRAME_RENEW), and so does our own. What the
 * cluster must decide goes to the owner, who has the doors of /api/peer (api/native/peer.c); what
 * is decided is signed here, so only where the CA's key is. Anything else is refused in a sentence,
 * which both sides can show. */
#pragma once

#include "base/rng.h"
#include "cluster/identity.h"
#include "net/stream.h"

struct door;

/* A node of the cluster, as far as our replica of the state knows. */
struct door_node {
    int64_t store;
    unsigned modes;
    char address[ADDRESS_SIZE];
};

/* Always from the loop, or from inside door_frame() and door_answer(). */
struct door_events {
    /* POST this to the cluster; door_answer() follows, maybe before this returns. `remote` is who
     * asks. */
    void (*ask)(struct door *d, uint64_t key, const char *path, struct slice body,
                const char *remote);
    /* To the node that asked in a frame, ourselves included: a frame. */
    void (*reply)(struct door *d, int64_t id, struct slice frame);
    /* False: it is none of this cluster, or not any more. */
    bool (*node)(struct door *d, int64_t id, struct door_node *out);
    /* Appends the addresses of the masters, for who was told to ask one: "10.0.0.1:5055, …". */
    void (*masters)(struct door *d, struct buf *out);
    /* For the log: who asked (an address, or a node), and what was signed, or why not (err); with
     * neither it was given the CA's key. */
    void (*on_done)(struct door *d, const char *who, const struct certificate *signed_for,
                    const struct error *err);
};

struct door_config {
    struct loop *loop;         /* kept */
    struct rng *rng;           /* kept; for serial numbers */
    struct identity *identity; /* kept */
    int level;                 /* of the state: model/command.h */
    int64_t life_ms;           /* of certificates */
};

/* Keeps `events`. */
struct door *door_new(const struct door_config *config, const struct door_events *events,
                      void *data);
void *door_data(const struct door *d);
/* Ends all that is under way: answers of the owner may still come and are dropped. Frees it before
 * `stopped`. */
void door_stop(struct door *d, void (*stopped)(void *data));

/* For peers_events.on_stranger. Takes the stream. LIMIT_JOINS at once, the others are refused. */
void door_stranger(struct door *d, struct stream *s);
/* A request in a frame of a node whom the owner knows, without the frame's first byte. */
void door_frame(struct door *d, int64_t id, struct slice body);
/* To ask(): HTTP status and body. Keys that are not known any more are fine. */
void door_answer(struct door *d, uint64_t key, int status, struct slice body);
