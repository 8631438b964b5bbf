/* lib/replica/private.h - what the files of this room share. */
#pragma once

#include <raft.h>
#include <string.h>

#include "base/rng.h"
#include "replica/codec.h"
#include "replica/guards.h"
#include "replica/replica.h"
#include "replica/storage.h"

struct peer { /* anybody we have heard of; never forgotten, so addresses may be borrowed */
    uint64_t id;
    char *address;
    struct mono met, heard; /* met: since when it is known here; heard: 0: not yet */
    uint64_t acked;         /* the newest ping it has answered in this term of ours */
    uint64_t bulky; /* the last row of the bulky frames it was sent and has not missed; 0: none */
    uint64_t wants; /* a snapshot at this index or newer, says the core; 0: none */
    uint64_t mends; /* its tables are wrong: it wants ours, of this index or newer; 0: no */
    struct mono mend_asked;
    bool was_offered;    /* a snapshot, since we lead */
    struct mono offered; /* the last time */
};

struct proposal {
    uint64_t index, term, ticket;
};

/* A read on its way:
 *
 *   READ_LEADER --READ_RESULT--> READ_APPLY --applied--> done       asked on a follower
 *   READ_ROUND --majority answered--> READ_APPLY --applied--> done  asked on the leader
 *   READ_ROUND --majority answered--> READ_RESULT is sent           asked by a follower */
enum read_stage { READ_LEADER, READ_ROUND, READ_APPLY };
struct read {
    enum read_stage stage;
    uint64_t ticket; /* 0: asked by `from` */
    uint64_t from;
    uint64_t seq;   /* of the question between follower and leader */
    uint64_t round; /* READ_ROUND: of pings; 0: none yet, we do not lead yet */
    uint64_t index; /* to be applied first */
    struct mono deadline;
};

struct reads {
    struct read *items;
    size_t n, cap;
    uint64_t seq;             /* the last one used, for questions */
    uint64_t sent, confirmed; /* rounds */
    struct mono sent_at;
};

struct change { /* the membership change under way */
    bool active;
    enum replica_change_kind kind;
    uint64_t id, ticket;
    uint64_t index; /* of its entry; 0: not yet in the log */
    unsigned attempts;
};

enum install_state { INSTALL_NONE, INSTALL_FETCHING, INSTALL_SWAPPED };
struct install {
    enum install_state state;
    struct replica_snapshot snapshot;
    uint64_t from;
    struct mono heard; /* of that leader */
};

struct replica {
    struct raft raft;
    struct storage storage;
    struct db *db;
    struct replica_options options; /* its address is our own copy */
    struct rng rng;
    struct error failed; /* the first fatal error; its code is ERR_NONE while all is well */
    bool started;        /* raft is initialised */

    /* this turn */
    bool in_turn;
    struct mono now;
    bool dirty;    /* stepping wrote: the open transaction is in FULL */
    bool new_term; /* or vote, that a crash would still take back */
    bool put_off;  /* applying, in the last turn */
    uint64_t owed; /* rows up to here are to be told persisted after the COMMIT; 0: none */
    struct replica_frame *frames;
    size_t n_frames, cap_frames;
    size_t n_early; /* of them, the first: they have left */
    struct replica_outcome *outcomes;
    size_t n_outcomes, cap_outcomes;

    struct peer *peers;
    size_t n_peers, cap_peers;

    /* leading */
    bool was_leader;
    bool barrier_due;           /* G3: this term needs an entry of its own */
    uint64_t leading_since;     /* index from which entries are of our own term; 0: none yet */
    struct proposal *proposals; /* oldest first */
    size_t n_proposals, cap_proposals;
    struct change change;
    struct reads reads;

    /* following */
    struct mono append_heard; /* an append of a leader of our term */
    uint64_t request_term;    /* of the append or offer that is being stepped; 0: none */
    bool rejected;            /* that append was refused */
    uint64_t last_leader;
    bool removed;
    uint64_t forged_term; /* G2: the term for which a vote was forged last */
    struct mono timeout_stepped;
    struct mono hurry_until; /* the leader's process has died, and nobody has taken its place yet */
    raft_time hurried;       /* the timer that was shortened last */

    uint64_t commit; /* never goes back */
    struct install install;
    bool mending; /* the tables are wrong, and applied to no more, until another's have come */
    struct mono mend_since, mend_asked;
    uint64_t mend_leader; /* when it was asked last: another is told at once */
    uint64_t left_term;   /* while mending: in which another was asked to lead in our place */
    bool snapshot_wanted;
    struct mono snapshot_again;    /* after one could not be made: not before this */
    struct replica_snapshot ready; /* its index is 0: none */
    uint64_t snapshot_index;       /* up to which the core knows a snapshot */
};

/* The library wants every byte of them zero that is not said. */
static inline struct raft_event event_of(enum raft_event_type type)
{
    struct raft_event e;
    memset(&e, 0, sizeof e);
    e.type = type;
    return e;
}

static inline struct raft_message message_of(enum raft_message_type type)
{
    struct raft_message m;
    memset(&m, 0, sizeof m);
    m.type = type;
    return m;
}

/* ---- replica.c */
bool guarded(const struct replica *r, enum guard g);
void replica_fail(struct replica *r, const struct error *err); /* the first one counts */
bool replica_is_failed(const struct replica *r);               /* or its database */
bool replica_is_leader(const struct replica *r);
bool replica_knows_member(const struct replica *r, uint64_t id); /* the newest or the committed */

/* Made or updated; with a NULL address only looked for, and NULL if nobody knows it. */
struct peer *replica_peer(struct replica *r, uint64_t id, const char *address);
/* As the newest configuration has it, else as it was heard; "" if nobody knows. */
const char *replica_address(const struct replica *r, uint64_t id);

int replica_encode_servers(const struct replica_server *servers, size_t n, struct buf *out,
                           struct error *err) MUST_CHECK;

/* ---- start.c */
int replica_start(struct replica *r, struct error *err) MUST_CHECK;

/* ---- step.c */
void replica_begin(struct replica *r, enum db_level level); /* a transaction, unless one is open */
void replica_fail_from_core(struct replica *r, int rv);
/* One event, and what it brings about. The result is the core's. */
int replica_step(struct replica *r, struct raft_event *event);
/* The same for what may not fail. */
void replica_must_step(struct replica *r, struct raft_event *event);
void replica_lose_leadership(struct replica *r); /* tells whoever waited for it */
/* Appends one entry as the leader: 0, or the core's error. */
int replica_submit(struct replica *r, int type, struct slice data);

/* ---- turn.c */
void replica_outcome(struct replica *r, enum replica_what what, uint64_t ticket,
                     enum error_code code, uint64_t index);
void replica_clear_out(struct replica *r);

/* ---- busy.c */
void busy_receive(struct replica *r, uint64_t from, struct frame *f);

/* ---- hurry.c */
void hurry_turn(struct replica *r);

/* ---- send.c */
void send_messages(struct replica *r, const struct raft_update *update);
void send_frame(struct replica *r, uint64_t to, const struct frame *f);
void send_beat(struct replica *r, uint64_t to); /* the leader's; else nothing */
void send_number(struct replica *r, uint64_t to, enum frame_kind kind, struct frame_number number);

/* ---- receive.c is replica_receive() */

/* ---- reads.c */
void reads_receive(struct replica *r, uint64_t from, const struct frame *f);
void reads_turn(struct replica *r);   /* before the COMMIT: sends what is due */
void reads_finish(struct replica *r); /* after it: tells what is done */
void reads_lost(struct replica *r);   /* the leadership, or the leader, is another */
struct mono reads_due(const struct replica *r);
void reads_close(struct reads *s);

/* ---- change.c */
void change_turn(struct replica *r);
void change_applied(struct replica *r, uint64_t index, uint64_t term);
void change_lost(struct replica *r);
void change_leave(struct replica *r); /* another voter shall lead; asked again until one does */

/* ---- snapshot.c */
void snapshot_begin_install(struct replica *r, const struct raft_update *update);
/* By the core, for a member. */
void snapshot_asked(struct replica *r, const struct raft_message *m);
void snapshot_serve(struct replica *r); /* the leader's turn: offers what is wanted */
void snapshot_lost(struct replica *r);  /* the leadership */
void snapshot_turn(struct replica *r);  /* at its beginning: gives up an install without a leader */
bool snapshot_mends(const struct replica *r, const struct peer *p);
void snapshot_mend_asked(struct replica *r, uint64_t from, const struct frame_number *n);
/* While mending: they are taken; the core is not told. */
void snapshot_tables_offered(struct replica *r, uint64_t from, const struct frame_offer *o);
void snapshot_take_offer(struct replica *r, uint64_t from, const struct frame_offer *o);
bool snapshot_compaction_due(const struct replica *r);
void snapshot_compact(struct replica *r); /* in the open transaction, if it is time */
