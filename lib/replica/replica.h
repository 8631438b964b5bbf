/* lib/replica/replica.h - one member of the cluster: Raft's core stepped, its log, term and vote
 * in the same SQLite file as the state that the log makes.
 *
 * A turn has a beginning, any number of inputs, and one end that commits:
 *
 *     replica_turn(r, &now);
 *     replica_receive(r, &from, frame, &err);      any number, bad frames are only refused
 *     replica_propose(r, entry, ticket, &err);     one entry for all commands of the turn
 *     early = replica_early(r);                    frames to send now, if somebody wants to
 *     if (replica_commit(r, &err) != 0)            disk or core failed: close, stop, start again
 *         ...
 *     out = replica_out(r);                        frames to send, tickets to answer: now, not
 * before if (replica_restless(r)) ...                 a turn should follow at once
 *
 * Stepping comes first and writes in FULL; applying comes last, in the same transaction or, if
 * stepping wrote nothing, in one of its own in NORMAL: what it does can be done again from the log.
 * A follower that was given entries says first that it has them, and applies in the next turn.
 * Nothing leaves before the COMMIT of its turn, so nothing is promised that a crash could take
 * back. What a COMMIT made durable is applied in a turn that follows at once.
 *
 * Pure: no clock, no sockets; files only SQLite's. Errors of the disk and of the core end the
 * replica: every later commit fails with the first one. notes: README.md. */
#pragma once

#include "base/limits.h"
#include "base/time.h"
#include "db/swap.h"

struct replica; /* opaque: hides the library */

/* ---------------- a new store */

enum replica_role { REPLICA_STANDBY, REPLICA_VOTER }; /* a standby has everything and no vote */

struct replica_server {
    uint64_t id;         /* of a disk: a node that lost its file comes back under a new id */
    const char *address; /* as the others reach its peer port; at most REPLICA_ADDRESS_MAX bytes */
    enum replica_role role;
};
#define REPLICA_ADDRESS_MAX 255

/* Makes the tables of a node that will join: it knows nobody yet. id and store are random, 63 bits,
 * not 0; store stands beside the file too. ERR_CONFLICT if the file has them already. */
int replica_format(struct db *db, uint64_t id, uint64_t store, struct error *err) MUST_CHECK;
/* After replica_format(), on each of the n founders of a cluster, with the same servers in the same
 * order. ERR_CONFLICT unless the store is new. */
int replica_bootstrap(struct db *db, const struct replica_server *servers, size_t n,
                      struct error *err) MUST_CHECK;

/* ---------------- a file at rest */

struct replica_stored {           /* what a stopped member's file holds, or a copy of one */
    uint64_t id, store;           /* 0: a copy has none */
    uint64_t term, applied, last; /* last: of the log and the state together */
    size_t n;                     /* members, as the newest configuration has them; 0: none yet */
    struct replica_stored_member {
        uint64_t id;
        enum replica_role role;
        char address[REPLICA_ADDRESS_MAX + 1];
    } members[LIMIT_SERVERS];
};
/* ERR_NOT_FOUND: no tables. ERR_CORRUPT: holes. */
int replica_look(struct db *db, struct replica_stored *out, struct error *err) MUST_CHECK;

/* Only whose it is, at once. ERR_NOT_FOUND: no tables. */
int replica_owner(struct db *db, uint64_t *id_out, struct error *err) MUST_CHECK;

/* Makes a stopped member, or a pruned copy of one (replica_snapshot_prune), a cluster of one by
 * force, under `id` and `store` (of a member: its own). All that its log has stands, whether it was
 * committed or not; then comes `entry`, if it is not empty, and a configuration that has only this
 * node, in a term far above all that it has seen. One transaction. README.md says when that is
 * safe. */
int replica_refound(struct db *db, uint64_t id, uint64_t store, const char *address,
                    struct slice entry, struct error *err) MUST_CHECK;

/* ---------------- opening */

struct replica_machine { /* what the log is applied to */
    void *data;
    /* One entry, inside the open transaction; cannot fail, a disk error sticks to db. ticket: of
     * replica_propose() here in this term, else 0. Its outcome may leave when this turn's
     * replica_commit() has returned 0. */
    void (*apply)(void *data, uint64_t index, uint64_t term, struct slice entry, uint64_t ticket);
};

struct replica_options {
    struct db *db; /* the one writer, fail_stop; kept */
    uint64_t id, store;
    const char *address;
    int election_ms, heartbeat_ms; /* 0: 250 and 40 */
    uint64_t seed;                 /* of the election's chance */
    struct replica_machine machine;
    unsigned log_rows;   /* kept behind what is applied; 0: LIMIT_LOG_ROWS */
    int64_t log_bytes;   /* 0: LIMIT_LOG_BYTES */
    const char *vfs;     /* for files beside db; NULL: the system's */
    unsigned guards_off; /* for tests: bit n is guard n of README.md */
    bool (*swap_did)(void *data, enum swap_step step); /* for tests: db/swap.h */
    void *swap_data;
};

/* ERR_NOT_FOUND: never formatted. ERR_CONFLICT: the file belongs to another node or store.
 * ERR_CORRUPT: holes in the log, or another version of the library than we were made for. */
int replica_open(const struct replica_options *options, struct now now,
                 struct replica **replica_out, struct error *err) MUST_CHECK;
/* An open transaction is rolled back; db stays the caller's. Accepts NULL. */
void replica_close(struct replica *r);

/* ---------------- a turn */

struct replica_peer { /* as the authenticated stream says */
    uint64_t id;
    const char *address; /* "" or NULL: not known; the configuration may know it */
};

/* Begins a turn; `now` does not run backwards. Empties what replica_out() showed. */
void replica_turn(struct replica *r, const struct now *now);

/* Takes in one frame. ERR_SYNTAX: refused, nothing happened, the stream deserves to be closed. */
int replica_receive(struct replica *r, const struct replica_peer *from, struct slice frame,
                    struct error *err) MUST_CHECK;

/* The transport says that this node closed our connection: if it led, its process has probably
 * died, and another leads within a tenth of the usual time. Wrongly told, nothing changes. In a
 * turn. */
void replica_leader_closed(struct replica *r, uint64_t id);

/* Appends one entry (copied). ticket is the caller's, not 0. It ends in the machine's apply() or in
 * an outcome ERR_UNCERTAIN: the leadership went before that, it may yet be applied.
 * ERR_UNAVAILABLE: not the leader, or handing over; certainly not applied. ERR_LIMIT: too long, or
 * too many waiting. */
int replica_propose(struct replica *r, struct slice entry, uint64_t ticket,
                    struct error *err) MUST_CHECK;

/* Asks for the index from which a read begun now is linearizable; from any node. Ends in an
 * outcome: done, this node has applied that index and its readers can see it; or ERR_UNAVAILABLE.
 * ERR_UNAVAILABLE at once without a leader; ERR_LIMIT: too many waiting. */
int replica_read(struct replica *r, uint64_t ticket, struct error *err) MUST_CHECK;

/* Steps what is due, applies, commits. -1: the replica has failed for good. */
int replica_commit(struct replica *r, struct error *err) MUST_CHECK;

/* Appends a frame that says how far all is applied here, for a member that is told so by other
 * means at the same time and shall not wait for the next heartbeat. False, and nothing: not
 * leading, or it is no member. */
bool replica_beat(struct replica *r, uint64_t to, struct buf *out);

/* Appends a frame that somebody beside this member may send in a turn that takes long: who gets it
 * bears with the silence. Returns to how many, 0: nobody, and nothing is appended. */
size_t replica_busy(const struct replica *r, uint64_t to[LIMIT_SERVERS], struct buf *out);

bool replica_restless(const struct replica *r); /* there is more to do right now */
/* This turn will apply, and has written nothing yet: whoever waits for what is applied is answered
 * sooner if nothing is proposed in this turn. */
bool replica_applies(const struct replica *r);
struct mono replica_due(const struct replica *r); /* the next turn is due then, input or not */

/* ---------------- what a turn yields */

struct replica_frame {
    uint64_t to;
    const char *address;
    struct slice bytes; /* to be framed by the transport: in order, once, or not at all */
    bool is_append;
};

enum replica_what { REPLICA_PROPOSAL, REPLICA_READ, REPLICA_CHANGE };
struct replica_outcome {
    enum replica_what what;
    uint64_t ticket;
    enum error_code code; /* ERR_NONE: done (of a PROPOSAL, the machine was told) */
    uint64_t index;       /* READ: at least this is applied */
};

struct replica_out {
    const struct replica_frame *frames;
    size_t n_frames;
    const struct replica_outcome *outcomes;
    size_t n_outcomes;
};
/* Of the turn that replica_commit() has ended; borrowed until the next replica_turn(). */
struct replica_out replica_out(const struct replica *r);
/* Before replica_commit(), after all input: frames with a leader's entries, which may leave
 * although its COMMIT is still to come, so that all members write at the same time. replica_out()
 * does not show them again. Borrowed until the next replica_turn(). */
struct replica_out replica_early(struct replica *r);

/* ---------------- asking */

uint64_t replica_term(const struct replica *r); /* the epoch of what is proposed now */
uint64_t replica_applied(const struct replica *r);
uint64_t replica_committed(const struct replica *r);  /* as far as this node knows */
uint64_t replica_last(const struct replica *r);       /* of the log */
uint64_t replica_configured(const struct replica *r); /* the entry that has the members; 0: none */
/* Leader, and has applied an entry of its own term: now its state is nobody's past. Not while it
 * mends: what it would decide then, it would decide by wrong tables. */
bool replica_leads(const struct replica *r);
uint64_t replica_leader(const struct replica *r, const char **address_out); /* 0: nobody known */
bool replica_removed(const struct replica *r); /* the leader has told us so */

struct replica_member {
    struct replica_server server;
    uint64_t match;    /* what it is known to have, when we lead; else 0 */
    struct mono met;   /* since when it is known here, be it heard or not */
    struct mono heard; /* its last frame here; 0: none */
    bool mends;        /* it has asked us for tables in the place of its wrong ones */
};
/* The newest configuration, committed or not, in its own order: false past the end. */
bool replica_member(const struct replica *r, size_t i, struct replica_member *out);
bool replica_has_member(const struct replica *r, uint64_t id);
bool replica_votes(const struct replica *r, uint64_t id); /* a member that is no standby */

/* ---------------- membership: by the leader, one change at a time
 *
 * Each ends in an outcome CHANGE: done when applied; ERR_UNCERTAIN with the leadership;
 * ERR_UNAVAILABLE when a promotion or a hand-over has given up. At once: ERR_UNAVAILABLE not
 * leading, ERR_CONFLICT another change is under way, or it would take the leader's own vote: hand
 * over first; ERR_NOT_FOUND, ERR_INVALID. */

enum replica_change_kind {
    REPLICA_ADD,      /* as a standby; address needed */
    REPLICA_PROMOTE,  /* to voter, once it has caught up */
    REPLICA_DEMOTE,   /* to standby */
    REPLICA_REMOVE,   /* it is told */
    REPLICA_HAND_OVER /* the leadership; id 0: to whoever has most */
};
int replica_change(struct replica *r, enum replica_change_kind kind, uint64_t id,
                   const char *address, uint64_t ticket, struct error *err) MUST_CHECK;

/* ---------------- snapshots
 *
 * The state tables are the snapshot. When a member needs one and none is ready, the leader wants
 * it made: a thread copies the database (db_copy_to), replica_snapshot_prune() takes out what is
 * only ours and says what it holds, the thread adds size and hash, and the node tells replica. */

struct replica_snapshot {
    uint64_t index, term, conf_index;
    struct buf conf; /* the encoded configuration */
    uint64_t token;  /* the file's name among the leader's */
    uint64_t size;
    uint8_t hash[32]; /* SHA-256 */
};
void replica_snapshot_close(struct replica_snapshot *s); /* accepts a zeroed struct */

bool replica_snapshot_wanted(const struct replica *r);
/* In the copy: from any thread. Fills index, term, conf_index, conf. */
int replica_snapshot_prune(const char *path, const char *vfs, struct replica_snapshot *out,
                           struct error *err) MUST_CHECK;
/* Copies s; NULL: the file is gone, or could not be made. */
void replica_snapshot_ready(struct replica *r, const struct replica_snapshot *s);

/* The tables of this node are not what the log makes of them; its log, term and vote are sound.
 * From now on nothing is applied, the leadership is left to others, and the leader's tables are
 * fetched in place of ours, or, if we must lead, any member's, by the same calls as below;
 * README.md says why that is safe. False: it is the only member, and will give it up. */
bool replica_mend(struct replica *r);
bool replica_mending(const struct replica *r); /* until they are in place, or it is in vain */
/* To be asked each turn: true, once, when we lead and no other member has any to give, for each
 * mends, too, or waits for ours. Then it has been given up, ours are applied to and given as
 * before, and the caller sees to it that they count as sound. */
bool replica_mend_in_vain(struct replica *r);

/* The other side. While this is not NULL, the node fetches that file from `*from`; heartbeats go
 * on, nothing is applied. Borrowed until the install ends. */
const struct replica_snapshot *replica_install(const struct replica *r, uint64_t *from);
/* Gives up, and goes on from the old file. Also happens by itself when the leader is silent. */
void replica_install_abort(struct replica *r);
/* When no reader has the file open and the machine's statements are freed: puts the fetched
 * and verified file at `path` in db's place, and closes db. Where it fails before that, db stays
 * open and the install waits for another attempt or an abort: ERR_CONFLICT no such install any
 * more, ERR_UNAVAILABLE a reader, ERR_CORRUPT not the snapshot that was offered. *db_open_out says
 * whether db is still open; if not, replica_install_resume() follows. In a turn: who leads with
 * wrong tables leads no more after it, and that has outcomes. */
int replica_install_swap(struct replica *r, uint64_t token, const char *path, bool *db_open_out,
                         struct error *err) MUST_CHECK;
/* After that, with the file opened again: goes on from the new file, or from the old one if the
 * swap failed. Keeps db. */
int replica_install_resume(struct replica *r, struct db *db, struct now now,
                           struct error *err) MUST_CHECK;
