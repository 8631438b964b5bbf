/* lib/replica/step.c - one event for the core, and all that it brings about. */
#include <string.h>

#include "base/assert.h"
#include "base/log.h"
#include "replica/private.h"

void replica_fail_from_core(struct replica *r, int rv)
{
    struct error err;
    error_set(&err, ERR_CORRUPT, "raft: %s: %s", raft_strerror(rv), raft_errmsg(&r->raft));
    replica_fail(r, &err);
}

void replica_begin(struct replica *r, enum db_level level)
{
    struct error err;
    if (replica_is_failed(r) || db_in_transaction(r->db))
        return;
    if (db_begin(r->db, level, &err) != 0)
        replica_fail(r, &err);
}

/* What is written now must be durable before anything leaves. */
static void begin_full(struct replica *r)
{
    replica_begin(r, DB_FULL);
    ASSERT(replica_is_failed(r) || db_level(r->db) == DB_FULL);
    r->dirty = true;
}

static void take_term(struct replica *r)
{
    begin_full(r);
    r->new_term = true;
    storage_set_term(&r->storage, raft_current_term(&r->raft), raft_voted_for(&r->raft));
}

static void take_entries(struct replica *r, const struct raft_update *u)
{
    begin_full(r);
    if (u->entries.index <= storage_last(&r->storage))
        storage_truncate(&r->storage, u->entries.index);
    ASSERT(u->entries.index == storage_last(&r->storage) + 1);
    for (unsigned i = 0; i < u->entries.n; i++) {
        const struct raft_entry *e = &u->entries.batch[i];
        storage_append(&r->storage, e->term, (uint8_t)e->type,
                       (struct slice){e->buf.base, e->buf.len});
    }
    r->owed = storage_last(&r->storage);
    raft_free(u->entries.batch[0].batch); /* ours again; there is one batch a step */
}

void replica_lose_leadership(struct replica *r)
{
    for (size_t i = 0; i < r->n_proposals; i++)
        replica_outcome(r, REPLICA_PROPOSAL, r->proposals[i].ticket, ERR_UNCERTAIN, 0);
    r->n_proposals = 0;
    r->barrier_due = false;
    r->leading_since = 0;
    snapshot_lost(r);
    change_lost(r);
    reads_lost(r);
    log_info("leadership lost", "term=%llu", (unsigned long long)r->storage.term);
}

/* A leader without an entry of its own term knows neither what is committed nor whether a change
 * of members is (G3). */
static void gain_leadership(struct replica *r, const struct raft_update *u)
{
    bool has_entry = (u->flags & (RAFT_UPDATE_ENTRIES)) != 0;
    r->leading_since = has_entry ? u->entries.index : 0;
    r->barrier_due = !has_entry;
    for (size_t i = 0; i < r->n_peers; i++)
        r->peers[i].acked = r->peers[i].bulky = 0;
    r->reads.confirmed = r->reads.sent;
    log_info("leadership gained", "term=%llu", (unsigned long long)r->storage.term);
}

static void take_state(struct replica *r, const struct raft_update *u)
{
    bool leader = replica_is_leader(r);
    if (r->was_leader && !leader)
        replica_lose_leadership(r);
    else if (!r->was_leader && leader)
        gain_leadership(r, u);
    r->was_leader = leader;
}

/* The order is binding: term and entries are written before what depends on them is said, and the
 * messages die at the next step. */
static void take_update(struct replica *r, const struct raft_update *u)
{
    if (u->flags & (RAFT_UPDATE_CURRENT_TERM | RAFT_UPDATE_VOTED_FOR))
        take_term(r);
    if (u->flags & (RAFT_UPDATE_SNAPSHOT))
        snapshot_begin_install(r, u);
    if (u->flags & (RAFT_UPDATE_ENTRIES))
        take_entries(r, u);
    if (u->flags & (RAFT_UPDATE_MESSAGES))
        send_messages(r, u);
    if (u->flags & (RAFT_UPDATE_STATE))
        take_state(r, u);
    if (r->commit < raft_commit_index(&r->raft))
        r->commit = raft_commit_index(&r->raft);
}

int replica_step(struct replica *r, struct raft_event *event)
{
    struct raft_update update;
    memset(&update, 0, sizeof update);
    event->time = (raft_time)r->now.ms;
    int rv = raft_step(&r->raft, event, &update);
    if (rv == 0)
        take_update(r, &update);
    return rv;
}

void replica_must_step(struct replica *r, struct raft_event *event)
{
    if (replica_is_failed(r))
        return;
    int rv = replica_step(r, event);
    if (rv != 0)
        replica_fail_from_core(r, rv);
}

int replica_submit(struct replica *r, int type, struct slice data)
{
    void *batch = raft_malloc(data.len + 1);
    ASSERT(batch != NULL);
    if (data.len > 0)
        memcpy(batch, data.p, data.len);
    struct raft_entry entry = {.term = raft_current_term(&r->raft),
                               .type = (enum raft_entry_type)type,
                               .buf = {batch, data.len},
                               .batch = batch};
    struct raft_event event = event_of(RAFT_SUBMIT);
    event.submit.entries = &entry;
    event.submit.n = 1;
    int rv = replica_step(r, &event);
    if (rv != 0)
        raft_free(batch); /* it is still ours */
    return rv;
}
