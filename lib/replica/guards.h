/* lib/replica/guards.h - what Raft's core must be protected from.
 *
 * Each is a known fault of version 0.22.1 that is kept away from outside, so that the packaged
 * library can be used as it is. A test of each fails without it. README.md says what goes wrong. */
#pragma once

#include <raft.h>

#include "replica/codec.h"
#include "replica/storage.h"

enum guard {
    GUARD_STALE_APPEND = 1,   /* G1 */
    GUARD_SOLE_VOTER = 2,     /* G2 */
    GUARD_BARRIER = 3,        /* G3 */
    GUARD_PRE_VOTE_TERM = 4,  /* G4 */
    GUARD_LATE_REJECTION = 5, /* G5 */
    GUARD_SECOND_OFFER = 6,   /* G6 */
    GUARD_STANDBY_VOTES = 7,  /* G7 */
    GUARD_VOTE_RESULT = 8,    /* G8 */
    GUARD_TIMEOUT_PACE = 9,   /* G9 */
    GUARD_SPLIT_CHANGES = 10, /* G10 */
    GUARD_TWO_CHANGES = 11,   /* G11 */
    GUARD_TIME = 12,          /* G12 */
};

/* G1: an append that begins below what is applied loses its head. Everything applied is committed,
 * so every leader has it. */
void guard_stale_append(const struct applied *applied, struct frame_append *a);

/* G2: a voter alone in its configuration becomes leader without a new term. */
bool guard_is_sole_voter(const struct raft_configuration *conf, uint64_t id);

/* G4: a denied pre-vote must show our term if it is the higher one. */
void guard_pre_vote_term(uint64_t term, struct raft_request_vote_result *v);

/* G5: true if the rejection is too late to be told; else it never points below what matches. */
bool guard_late_rejection(struct raft *raft, uint64_t from, struct raft_append_entries_result *a);

/* G7: lends a member without a vote one for the time of one step; returns the role to give back, or
 * -1. `silent`: no append came for an election timeout, then the leader it remembers is gone. */
int guard_lend_vote(struct raft *raft, bool silent, struct raft_request_vote *v);
void guard_take_vote_back(struct raft *raft, int role);

/* G10: how many entries from the i-th on may be stepped at once: a change begins its own step. */
unsigned guard_split_changes(const struct frame_append *a, unsigned i);

/* G11: true if the core must hear that its pending change is committed, before it gets another in
 * an append whose previous entry is this one. */
bool guard_two_changes(const struct raft *raft, const struct storage *s, uint64_t prev_index,
                       uint64_t prev_term, const struct frame_entry *first);
