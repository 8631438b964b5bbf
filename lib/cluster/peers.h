/* lib/cluster/peers.h - the other nodes, as one can speak to them: a TLS connection to each that
 * there is something to say to, and frames both ways.
 *
 * Who has something to say dials, unless the two are connected already, with pauses that grow. Who
 * it is stands in the certificate; whether it is welcome says the owner. Two nodes keep one
 * connection: if both dialled, the one of the lower id, the other is read to its end.
 * - Frames of a node come whole and once. Those of one lane come in order, but for those around a
 *   change of connection. Lost is what was on its way when a connection broke, what had to be
 *   dropped, and what waits for a node that nobody knows an address of.
 * - What is urgent leaves first. Of what is bulky as much goes with each write to the system as
 *   there is room beside it, one frame at least, so that neither lane stands still.
 * - Each side says something every LIMIT_PEER_BEAT_MS; who was not heard for LIMIT_PEER_SILENT_MS
 *   is gone. Only while our own loop turns: after a standstill everybody gets that time anew. */
#pragma once

#include "base/list.h"
#include "base/map.h"
#include "base/rng.h"
#include "model/address.h"
#include "net/tls.h"

struct peers;

enum peers_end {
    PEERS_BYE,    /* it said that it stops */
    PEERS_CLOSED, /* FIN or RST of a live host, or we closed, for what it sent (DESIGN 6) */
    PEERS_SILENT, /* nothing was heard */
};

/* Always from the loop, never from inside a call on peers; none after peers_stop(). All calls may
 * be made from inside of them. */
struct peers_events {
    /* May it speak here? False with the reason, which the other side is told too. Asked of each
     * connection, whoever dialled. */
    bool (*welcome)(struct peers *p, int64_t id, const struct tls_peer *who, struct error *err);
    /* Connected, and each side lets the other in. */
    void (*on_up)(struct peers *p, int64_t id);
    /* Between on_up and on_down. `frame` is borrowed for the call. */
    void (*on_frame)(struct peers *p, int64_t id, struct slice frame);
    /* After on_up: there is no connection any more. A change of connection is not told. */
    void (*on_down)(struct peers *p, int64_t id, enum peers_end how, const struct error *err);
    /* After an ERR_LIMIT of peers_send(): half of that lane is free. May be NULL. */
    void (*on_room)(struct peers *p, int64_t id);
    /* As in net/tls.h: somebody who wants to join. NULL: refused like the others. */
    void (*on_stranger)(struct peers *p, struct stream *s);
    /* It lets us in no more: who that says, by its certificate, and why. May be NULL. */
    void (*on_refused)(struct peers *p, int64_t id, const struct tls_peer *who, struct slice why);
    /* For the log: who was sent away and why (id 0: not known who), or whom we cannot reach; that
     * once until it has been reached. */
    void (*on_trouble)(struct peers *p, int64_t id, const struct error *err);
};

struct peers_config {
    struct loop *loop;   /* kept */
    struct rng *rng;     /* kept */
    int64_t self;        /* our id */
    const char *address; /* to listen at, numeric */
    uint16_t port;       /* 0: a free one */
    struct tls *tls;     /* with a certificate; a reference of our own */
};

struct peers {
    void *data;    /* the owner's, set before start */
    uint16_t port; /* read only: the one it got */
    /* private */
    struct loop *loop;
    struct rng *rng;
    const struct peers_events *events;
    int64_t self;
    struct tls *tls;
    unsigned generation; /* of `tls` */
    struct tls_listener listener;
    struct map *by_id;
    struct list lines, dirty; /* dirty: lines that have more to send */
    uv_check_t check;         /* once the loop has heard all, they send it together */
    uv_prepare_t prepare;
    size_t handles; /* the listener, check, prepare, peers and lines */
    void (*stopped)(struct peers *p);
};

/* Keeps `p` and `events` until `stopped`. Fails as tls_listener_start() does. */
int peers_start(struct peers *p, const struct peers_config *config,
                const struct peers_events *events, struct error *err) MUST_CHECK;
/* Says what waits, for at most LIMIT_PEER_GOODBYE_MS, and goodbye. */
void peers_stop(struct peers *p, void (*stopped)(struct peers *p));

/* Where a node is reached, for the first time or now. Connects nobody. */
void peers_know(struct peers *p, int64_t id, const struct address *address);
/* Ends its connection with a goodbye and drops what waits; no on_down. Unknown ids are fine. */
void peers_forget(struct peers *p, int64_t id);

enum peers_lane {
    PEERS_URGENT, /* what others wait for or count on: Raft, agents, requests and answers */
    PEERS_BULK,   /* files, states: much, and it may take its time */
    PEERS_LANES
};
enum peers_keep {
    PEERS_MAY_DROP, /* dropped, the oldest first, when its lane is full or a dial has failed */
    PEERS_KEEP,     /* waits, unless its lane is full of such */
};
/* Copies. ERR_LIMIT for a frame longer than LIMIT_PEER_FRAME_BYTES or a full lane (then on_room()
 * says when to try again), ERR_NOT_FOUND when there is neither address nor connection, ERR_CANCELED
 * when stopping. A frame is not cut: a bulky one of more than LIMIT_PEER_WRITE_BYTES holds up
 * others. */
int peers_send(struct peers *p, int64_t id, enum peers_lane lane, struct slice frame,
               enum peers_keep keep, struct error *err) MUST_CHECK;
/* Off: nothing more is read from it, and so it cannot be found to be gone. On at first. */
void peers_read(struct peers *p, int64_t id, bool on);

/* A renewed certificate: for connections from now on; those that are there are replaced within
 * about LIMIT_PEER_RENEW_MS, without a gap. */
void peers_use(struct peers *p, struct tls *tls);

bool peers_connected(const struct peers *p, int64_t id);
