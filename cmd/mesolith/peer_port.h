/* cmd/mesolith/peer_port.h - this process among the nodes of its cluster: it shows the identity of
 * certs/, keeps it good, is connected to the others, knows who is welcome, and lets new ones in.
 * Frames go to whom their first byte says (model/frame.h). */
#pragma once

#include "base/map.h"
#include "cluster/door.h"
#include "cluster/identity.h"
#include "cluster/peers.h"
#include "cluster/renewal.h"
#include "cluster/snapshots.h"
#include "elsewhere.h"
#include "folder.h"
#include "host/host.h"

struct peer_port;

struct peer_port_options {
    struct loop *loop;           /* kept */
    struct host *host;           /* kept; not started yet */
    struct elsewhere *elsewhere; /* kept; what the nodes ask each other */
    struct folder *folder;       /* kept */
    const char *listen;          /* numeric address */
    uint16_t port;
    struct address address; /* where the others reach us */
    const char *name;       /* kept */
    unsigned modes;         /* not more than the certificate says */
    int64_t life_ms;        /* of certificates that we give */
    /* Once, later: peer_port_is_founded(). */
    void (*on_founded)(struct peer_port *p);
    /* This node is of the cluster no more. `sure`: our own state says it, or most of the masters
     * that we know; else one of them does, as after `mesolith recover`. From the loop; again and
     * again. */
    void (*on_removed)(struct peer_port *p, bool sure);
};

struct peer_port {
    void *data; /* the owner's, set before start */
    /* private */
    struct peer_port_options options;
    struct rng rng;
    struct identity identity;
    uint8_t ca_hash[SHA256_SIZE];
    struct peers peers;
    struct door *door;
    struct renewal renewal;
    struct snapshots snapshots;
    struct map *nodes;  /* id -> struct peer_node */
    bool state_is_here; /* the state has told of nodes */
    struct map *paused; /* id -> struct peer_node: nothing is read of them */
    uint64_t lines_since;
    unsigned lines; /* in the log about strangers, since then */
    uv_timer_t found_timer;
    uv_timer_t knock_timer;                            /* while no master is connected */
    enum { FOUND_NODE, FOUND_TOKEN, FOUND_ALL } found; /* what the state is to be told next */
    bool saving, save_again;
    int parts;
    bool stopping;
    void (*stopped)(struct peer_port *p);
};

/* Keeps `p` until `stopped`. Errors name what is wrong with certs/, the address or the port. */
int peer_port_start(struct peer_port *p, const struct peer_port_options *options,
                    struct error *err) MUST_CHECK;
void peer_port_stop(struct peer_port *p, void (*stopped)(struct peer_port *p));

/* The state knows the first node, and the token that `init` has printed. */
bool peer_port_is_founded(const struct peer_port *p);
const char *peer_port_cluster(const struct peer_port *p);    /* uuid */
const uint8_t *peer_port_ca_hash(const struct peer_port *p); /* as tokens name the CA */

/* Deeds of the host. */
void peer_port_send(struct peer_port *p, int64_t node, struct slice frame);
void peer_port_know(struct peer_port *p, const struct known_node *k);
void peer_port_room(struct peer_port *p);
/* Of snapshots, as the deeds of the same names (host/host.h). */
void peer_port_snapshot_ready(struct peer_port *p, uint64_t token, const char *path);
void peer_port_snapshot_fetch(struct peer_port *p, uint64_t from, const struct replica_snapshot *s);
bool peer_port_answer(struct peer_port *p, struct answer *a); /* takes *a if it is the door's */
void peer_port_ready(struct peer_port *p); /* the node has a state, or a leader */
