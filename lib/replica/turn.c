/* lib/replica/turn.c - a turn from its beginning to its COMMIT. */
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "replica/private.h"

#define HEARTBEAT_STEPS 4 /* between two heartbeats: one is late by less than a step */

void replica_clear_out(struct replica *r)
{
    for (size_t i = 0; i < r->n_frames; i++)
        mem_free((char *)(uintptr_t)r->frames[i].bytes.p);
    r->n_frames = r->n_early = r->n_outcomes = 0;
}

void replica_turn(struct replica *r, const struct now *now)
{
    replica_clear_out(r);
    r->in_turn = true;
    if (now->mono.ms > r->now.ms || !guarded(r, GUARD_TIME))
        r->now = now->mono;
    snapshot_turn(r);
}

struct replica_out replica_out(const struct replica *r)
{
    return (struct replica_out){r->frames + r->n_early, r->n_frames - r->n_early, r->outcomes,
                                r->n_outcomes};
}

void replica_outcome(struct replica *r, enum replica_what what, uint64_t ticket,
                     enum error_code code, uint64_t index)
{
    if (r->n_outcomes == r->cap_outcomes) {
        r->cap_outcomes = r->cap_outcomes == 0 ? 16 : 2 * r->cap_outcomes;
        r->outcomes = mem_realloc(r->outcomes, r->cap_outcomes * sizeof r->outcomes[0]);
    }
    r->outcomes[r->n_outcomes++] = (struct replica_outcome){what, ticket, code, index};
}

static void push_proposal(struct replica *r, uint64_t index, uint64_t term, uint64_t ticket)
{
    if (r->n_proposals == r->cap_proposals) {
        r->cap_proposals = r->cap_proposals == 0 ? 16 : 2 * r->cap_proposals;
        r->proposals = mem_realloc(r->proposals, r->cap_proposals * sizeof r->proposals[0]);
    }
    r->proposals[r->n_proposals++] = (struct proposal){index, term, ticket};
}

int replica_propose(struct replica *r, struct slice entry, uint64_t ticket, struct error *err)
{
    ASSERT(ticket != 0 && r->in_turn);
    if (entry.len > LIMIT_ENTRY_BYTES)
        return error_set(err, ERR_LIMIT, "entry: got %zu bytes, need at most %d", entry.len,
                         LIMIT_ENTRY_BYTES);
    if (r->n_proposals >= LIMIT_PROPOSALS)
        return error_set(err, ERR_LIMIT, "too many entries wait to be committed");
    if (replica_is_failed(r) || !replica_is_leader(r))
        return error_set(err, ERR_UNAVAILABLE, "this node is not the leader");
    if (r->change.active && r->change.kind == REPLICA_HAND_OVER)
        return error_set(err, ERR_UNAVAILABLE, "the leadership is being handed over");
    uint64_t index = raft_last_index(&r->raft) + 1, term = raft_current_term(&r->raft);
    int rv = replica_submit(r, RAFT_COMMAND, entry);
    if (rv != 0)
        return error_set(err, ERR_UNAVAILABLE, "raft: %s", raft_strerror(rv));
    push_proposal(r, index, term, ticket);
    return 0;
}

/* ---- the end of a turn */

static bool forge_vote_due(struct replica *r)
{
    return guarded(r, GUARD_SOLE_VOTER) && raft_state(&r->raft) == RAFT_FOLLOWER &&
           r->forged_term != raft_current_term(&r->raft) && !r->raft.snapshot.installing &&
           r->raft.last_stored == raft_last_index(&r->raft) &&
           guard_is_sole_voter(&r->raft.configuration, r->options.id);
}

/* G2 again: a vote for ourselves in the next term, as if we had asked; the election comes one
 * timeout later, in that term. */
static void forge_vote(struct replica *r)
{
    uint64_t last = raft_last_index(&r->raft);
    struct raft_message m = message_of(RAFT_REQUEST_VOTE);
    m.server_id = r->options.id;
    m.server_address = r->options.address;
    m.request_vote = (struct raft_request_vote){.version = 2,
                                                .term = raft_current_term(&r->raft) + 1,
                                                .candidate_id = r->options.id,
                                                .last_log_index = last,
                                                .last_log_term = storage_term_of(&r->storage, last),
                                                .disrupt_leader = true};
    struct raft_event event = event_of(RAFT_RECEIVE);
    event.receive.message = &m;
    replica_must_step(r, &event);
    r->forged_term = raft_current_term(&r->raft);
}

/* Who is of no configuration has nothing to wait for. A leader's heartbeats are due apart from each
 * other, as its last words to each member were, and leave together. */
static struct mono timeout_of(const struct replica *r)
{
    if (r->raft.configuration.n == 0)
        return MONO_NEVER;
    int64_t due = (int64_t)raft_timeout(&r->raft), step = r->options.heartbeat_ms / HEARTBEAT_STEPS;
    if (replica_is_leader(r) && step > 1)
        due += (step - due % step) % step;
    return (struct mono){due};
}

static void step_timeout(struct replica *r)
{
    if (r->now.ms < timeout_of(r).ms)
        return;
    if (guarded(r, GUARD_TIMEOUT_PACE) && r->timeout_stepped.ms == r->now.ms)
        return;
    r->timeout_stepped = r->now;
    if (forge_vote_due(r)) {
        forge_vote(r);
        return;
    }
    struct raft_event event = event_of(RAFT_TIMEOUT);
    replica_must_step(r, &event);
}

static void step_barrier(struct replica *r)
{
    if (!r->barrier_due || replica_is_failed(r))
        return;
    r->barrier_due = false;
    if (!guarded(r, GUARD_BARRIER)) {
        r->leading_since = r->storage.applied.index;
        return;
    }
    uint64_t index = raft_last_index(&r->raft) + 1;
    int rv = replica_submit(r, RAFT_BARRIER, (struct slice){"", 0});
    if (rv != 0)
        replica_fail_from_core(r, rv);
    r->leading_since = index;
}

static uint64_t take_ticket(struct replica *r, uint64_t index, uint64_t term)
{
    if (r->n_proposals == 0 || r->proposals[0].index != index || r->proposals[0].term != term)
        return 0;
    uint64_t ticket = r->proposals[0].ticket;
    r->n_proposals--;
    memmove(r->proposals, r->proposals + 1, r->n_proposals * sizeof r->proposals[0]);
    return ticket;
}

static void apply_change(struct replica *r, uint64_t index, struct slice data)
{
    struct applied *applied = &r->storage.applied;
    struct error err;
    struct raft_event event = event_of(RAFT_CONFIGURATION);
    event.configuration.index = index;
    if (conf_decode(data, &event.configuration.conf, &err) != 0) {
        replica_fail(r, &err);
        return;
    }
    applied->conf_index = index;
    buf_clear(&applied->conf);
    buf_put_slice(&applied->conf, data);
    replica_must_step(r, &event);
}

static void apply_one(struct replica *r)
{
    struct applied *applied = &r->storage.applied;
    uint64_t index = applied->index + 1;
    const struct log_row *row = storage_row(&r->storage, index);
    ASSERT(row != NULL);
    uint64_t term = row->term;
    int type = row->type;
    struct slice data = storage_data(&r->storage, index);
    if (db_failed(r->db))
        return;
    if (type == RAFT_COMMAND)
        r->options.machine.apply(r->options.machine.data, index, term, data,
                                 take_ticket(r, index, term));
    else if (type == RAFT_CHANGE)
        apply_change(r, index, data);
    applied->index = index;
    applied->term = term;
    if (type == RAFT_CHANGE)
        change_applied(r, index, term);
}

static uint64_t applicable(const struct replica *r)
{
    uint64_t last = storage_last(&r->storage);
    if (r->install.state != INSTALL_NONE || r->mending)
        return r->storage.applied.index;
    return r->commit < last ? r->commit : last;
}

/* The leader waits for a follower's word that it has the entries, and nobody for their being
 * applied there; so that comes next, if entries keep coming every other turn. */
static bool put_off(struct replica *r)
{
    r->put_off = !r->put_off && r->owed != 0 && !replica_is_leader(r) &&
                 applicable(r) > r->storage.applied.index;
    return r->put_off;
}

static void apply(struct replica *r)
{
    uint64_t from = r->storage.applied.index, to = applicable(r);
    if (replica_is_failed(r) || (to <= from && !snapshot_compaction_due(r)))
        return;
    if (to > from + LIMIT_TURN_APPLY)
        to = from + LIMIT_TURN_APPLY;
    replica_begin(r, DB_NORMAL);
    while (!replica_is_failed(r) && r->storage.applied.index < to)
        apply_one(r);
    if (!replica_is_failed(r) && r->storage.applied.index > from)
        storage_store_applied(&r->storage);
    snapshot_compact(r);
}

/* The core may hear only of rows that are still there: a later step of the same turn may have taken
 * some of them back, or begun an install. */
static void step_persisted(struct replica *r)
{
    uint64_t owed = r->owed;
    r->owed = 0;
    r->dirty = r->new_term = false;
    if (owed == 0 || r->raft.snapshot.installing || owed <= r->raft.last_stored)
        return;
    ASSERT(owed <= raft_last_index(&r->raft));
    struct raft_event event = event_of(RAFT_PERSISTED_ENTRIES);
    event.persisted_entries.index = owed;
    replica_must_step(r, &event);
}

static void commit_transaction(struct replica *r)
{
    struct error err;
    if (!replica_is_failed(r) && db_in_transaction(r->db) && db_commit(r->db, &err) != 0)
        replica_fail(r, &err);
}

int replica_commit(struct replica *r, struct error *err)
{
    r->in_turn = false;
    if (!replica_is_failed(r)) {
        step_timeout(r);
        hurry_turn(r);
        step_barrier(r);
        change_turn(r);
        reads_turn(r);
        snapshot_serve(r);
        if (!put_off(r))
            apply(r);
        commit_transaction(r);
    }
    if (!replica_is_failed(r)) {
        step_persisted(r);
        reads_finish(r);
        ASSERT(replica_is_failed(r) || !db_in_transaction(r->db));
    }
    if (!replica_is_failed(r)) {
        for (size_t i = 0; i < r->n_frames; i++)
            r->frames[i].address = replica_address(r, r->frames[i].to);
        return 0;
    }
    if (r->failed.code == ERR_NONE && db_check(r->db, &r->failed) == 0)
        UNREACHABLE("the database forgot its error");
    replica_clear_out(r); /* nothing of this turn may be promised */
    *err = r->failed;
    return -1;
}

bool replica_restless(const struct replica *r)
{
    return !replica_is_failed(r) &&
           (applicable(r) > r->storage.applied.index || snapshot_compaction_due(r));
}

bool replica_applies(const struct replica *r)
{
    return !r->dirty && !replica_is_failed(r) && applicable(r) > r->storage.applied.index;
}

struct mono replica_due(const struct replica *r)
{
    struct mono due = timeout_of(r);
    if (guarded(r, GUARD_TIMEOUT_PACE) && due.ms <= r->timeout_stepped.ms)
        due.ms = r->timeout_stepped.ms + 1;
    return mono_earlier(due, reads_due(r));
}
