/* tests/unit/replica/world.h - a cluster of replicas in one process, on virtual time, with every
 * fault that a seed can think of, and the invariants of Raft checked after every step.
 *
 * A tick is a millisecond. A COMMIT takes a few; meanwhile the node is deaf, as its thread would
 * be, and what it has to say waits. The first broken invariant ends the test and prints the seed.
 */
#pragma once

#include "base/map.h"
#include "member.h"

#define WORLD_NODES 6
#define WORLD_CLIENT_READS 512

struct world_options {
    uint64_t seed;
    unsigned founders; /* voters from the start; 0: drawn, 1 to 5 */
    int64_t faults_ms; /* time with faults, then it must heal */
    unsigned guards_off;
    bool calm;         /* no faults but those of the caller */
    bool ordered;      /* frames of a link stay in order and come once */
    bool members_stay; /* no changes of membership */
};

struct wire { /* a frame on its way */
    int64_t at;
    uint64_t seq; /* among those of one time: as they were sent */
    unsigned from, to;
    struct slice bytes; /* owned */
};

struct fetch { /* a snapshot on its way to this node */
    bool active;
    uint64_t token;
    int64_t done_at;
};

struct node {
    struct member m;
    bool formatted, founder;
    int64_t up_at;              /* while down: when it comes back */
    int64_t busy_until;         /* deaf until then: a COMMIT, or a pause */
    struct replica_frame *held; /* owned; leave when it is not busy any more */
    size_t n_held;
    int64_t next_link; /* ordered: no frame to i arrives before this */
    int64_t last_arrival[WORLD_NODES];
    double drift;
    int64_t clock_ms; /* its own */
    uint64_t closed;  /* whose end its transport has to tell; 0: nobody's */
    double clock_rest;
    int64_t snapshot_at; /* when the snapshot it makes is ready; 0: none */
    struct fetch fetch;
    int die_at_swap; /* the step of the next swap after which it dies; -1: none */
    /* of the script, in its next turn */
    bool asks, changes;
    struct replica_outcome read; /* its ticket, then what became of it */
    enum replica_change_kind change_kind;
    uint64_t change_id, change_ticket;
    uint64_t led_term; /* the last term whose leadership was checked */
    /* what was applied in the turn that is not committed yet */
    uint64_t acked_from, acked_to;
};

struct client_read {
    uint64_t ticket, least; /* the newest acknowledged index when it was asked */
};

struct world {
    struct world_options o;
    struct rng rng;
    int64_t now;
    char folder[TMP_PATH_SIZE];
    struct node nodes[WORLD_NODES];
    unsigned n; /* nodes that may ever take part */
    struct wire *wires;
    size_t n_wires, cap_wires;
    uint64_t wire_seq;
    bool cut[WORLD_NODES][WORLD_NODES];
    double loss, duplicates, late, crash, pause, slow_commit; /* drawn */
    unsigned log_rows; /* few, so that snapshots are the rule */
    bool healing;

    uint64_t trace; /* hash of all that happened */
    uint64_t next_ticket;

    /* what must stay true */
    uint64_t leaders[4096]; /* of a term */
    struct committed {      /* of an index */
        uint64_t term, hash, chain;
        uint64_t seen; /* the lowest term of a node that knew it to be committed */
    } * committed;
    size_t n_committed, cap_committed;
    uint64_t acknowledged; /* the newest index a client was told of */
    struct client_read reads[WORLD_CLIENT_READS];
    size_t n_reads;
    struct replica_outcome changed; /* of the last change of members that ended */
    /* how much happened */
    unsigned n_entries, n_crashes, n_installs, n_changes, n_answered, n_failed_reads, n_elections,
        n_in_doubt, n_mends, n_kept;
};

void world_init(struct world *w, const struct world_options *o);
void world_close(struct world *w);
void world_tick(struct world *w);
/* Faults for o.faults_ms, then none; fails the test unless the cluster is whole again soon. */
void world_play(struct world *w);

/* ---- for scripted tests */
void world_run(struct world *w, int64_t ms);
struct node *world_leader(struct world *w); /* the one that leads with the highest term, or NULL */
struct node *world_await_leader(struct world *w, int64_t ms); /* fails the test without one */
bool world_is_whole(struct world *w); /* a leader, and everybody has everything */
/* By the leader, with a new node started if need be; waits for the outcome. */
enum error_code world_change(struct world *w, enum replica_change_kind kind, uint64_t id);
/* The same, not waited for: its ticket, for w->changed. */
uint64_t world_begin_change(struct world *w, struct node *n, enum replica_change_kind kind,
                            uint64_t id);
/* A read on this node, waited for. */
struct replica_outcome world_read(struct world *w, struct node *n);
/* Both ways, or what `to` hears from `from`. */
void world_cut_off(struct world *w, uint64_t id, bool cut);
void world_cut_link(struct world *w, uint64_t from, uint64_t to, bool cut);
