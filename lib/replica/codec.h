/* lib/replica/codec.h - what members say to each other, as bytes.
 *
 * A frame is: u8 kind, u8 version, u64 sender, body; integers are little-endian. The transport puts
 * a length before it. Decoding checks everything that Raft's core takes on trust, because a wrong
 * field there is not an error but corruption. Pure. */
#pragma once

#include <raft.h>

#include "base/buf.h"
#include "base/error.h"

#define FRAME_VERSION 1

enum frame_kind { /* up to 6 they are the core's own codes */
                  FRAME_APPEND = RAFT_APPEND_ENTRIES,
                  FRAME_APPEND_RESULT = RAFT_APPEND_ENTRIES_RESULT,
                  FRAME_VOTE = RAFT_REQUEST_VOTE,
                  FRAME_VOTE_RESULT = RAFT_REQUEST_VOTE_RESULT,
                  FRAME_OFFER = RAFT_INSTALL_SNAPSHOT,
                  FRAME_TIMEOUT_NOW = RAFT_TIMEOUT_NOW,
                  FRAME_PING = 16,   /* are you still in my term? */
                  FRAME_PONG,        /* my term */
                  FRAME_READ,        /* to the leader: from which index may I read? */
                  FRAME_READ_RESULT, /* index 0: no idea */
                  FRAME_REMOVED,     /* you are no member any more */
                  FRAME_MEND,   /* my tables are wrong, give me yours, of this index or newer */
                  FRAME_TABLES, /* here they are, as in an offer; not only the leader says so */
                  FRAME_BUSY,   /* I am here, in the middle of a long turn */
};

struct frame_entry {
    uint64_t term;
    uint8_t type; /* enum raft_entry_type */
    struct slice data;
};

struct frame_append {
    uint64_t term, prev_index, prev_term, leader_commit;
    unsigned n;
    struct frame_entry *entries; /* the data is borrowed from the frame's bytes */
};

struct frame_offer { /* a snapshot that lies ready on the sender */
    uint64_t term, index, index_term, conf_index;
    struct slice conf; /* encoded; borrowed */
    uint64_t token, size;
    uint8_t hash[32];
};

struct frame_number { /* PING, PONG, READ, READ_RESULT, REMOVED, MEND, BUSY */
    uint64_t term, seq, index;
};

struct frame {
    enum frame_kind kind;
    uint64_t sender;
    union {
        struct frame_append append;
        struct raft_append_entries_result append_result;
        struct raft_request_vote vote;
        struct raft_request_vote_result vote_result;
        struct frame_offer offer;
        struct raft_timeout_now timeout_now;
        struct frame_number number;
    };
};

/* ERR_SYNTAX naming the field. The result borrows from `bytes`. */
int frame_decode(struct slice bytes, struct frame *out, struct error *err) MUST_CHECK;
void frame_close(struct frame *f); /* what frame_decode() has allocated */

/* Appends one frame to out. */
void frame_encode(const struct frame *f, struct buf *out);
/* An APPEND piece by piece: its head says a->n, then come as many entries. */
void frame_encode_append_head(uint64_t sender, const struct frame_append *a, struct buf *out);
void frame_encode_entry(const struct frame_entry *e, struct buf *out);

/* A configuration within its bounds: servers, ids and addresses that differ, known roles. The
 * core's own decoder does not look where it reads. ERR_SYNTAX. */
int conf_decode(struct slice bytes, struct raft_configuration *out, struct error *err) MUST_CHECK;
void conf_encode(const struct raft_configuration *conf, struct buf *out); /* appends */
