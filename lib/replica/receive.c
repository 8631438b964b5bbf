/* lib/replica/receive.c - frames in: decoded, guarded, stepped. */
#include <string.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "replica/private.h"

static void step_message(struct replica *r, uint64_t from, struct raft_message *m)
{
    struct raft_event event = event_of(RAFT_RECEIVE);
    event.receive.message = m;
    m->server_id = from;
    m->server_address = replica_peer(r, from, NULL)->address;
    replica_must_step(r, &event);
}

/* A removed server is not told by the core; whoever still asks for votes does not know. */
static bool tell_stranger(struct replica *r, uint64_t from)
{
    if (!replica_leads(r) || replica_knows_member(r, from))
        return false;
    send_number(r, from, FRAME_REMOVED, (struct frame_number){.term = replica_term(r)});
    return true;
}

/* ---- appends */

/* The entries of one step, with their data in one block that the core takes. */
static struct raft_entry *make_entries(const struct frame_entry *from, unsigned n)
{
    size_t bytes = 1;
    for (unsigned i = 0; i < n; i++)
        bytes += from[i].data.len;
    char *batch = raft_malloc(bytes);
    ASSERT(batch != NULL);
    struct raft_entry *entries = mem_zalloc(n * sizeof entries[0]);
    char *p = batch;
    for (unsigned i = 0; i < n; i++) {
        struct slice data = from[i].data;
        entries[i] = (struct raft_entry){.term = from[i].term,
                                         .type = (enum raft_entry_type)from[i].type,
                                         .buf = {p, data.len},
                                         .batch = batch};
        if (data.len > 0)
            memcpy(p, data.p, data.len);
        p += data.len;
    }
    return entries;
}

static void step_append(struct replica *r, uint64_t from, const struct frame_append *a, unsigned i,
                        unsigned n)
{
    struct raft_message m = message_of(RAFT_APPEND_ENTRIES);
    m.append_entries.term = a->term;
    m.append_entries.prev_log_index = a->prev_index + i;
    m.append_entries.prev_log_term = i == 0 ? a->prev_term : a->entries[i - 1].term;
    m.append_entries.leader_commit = a->leader_commit;
    m.append_entries.n_entries = n;
    struct raft_entry *entries = n == 0 ? NULL : make_entries(&a->entries[i], n);
    m.append_entries.entries = entries;
    step_message(r, from, &m);
    mem_free(entries);
}

/* G11: the older of two changes is committed, or the leader could not have made the newer one. */
static void commit_pending_change(struct replica *r, const struct frame_append *a, unsigned i)
{
    uint64_t prev = a->prev_index + i, pending = r->raft.configuration_uncommitted_index;
    uint64_t prev_term = i == 0 ? a->prev_term : a->entries[i - 1].term;
    if (!guarded(r, GUARD_TWO_CHANGES) ||
        !guard_two_changes(&r->raft, &r->storage, prev, prev_term, &a->entries[i]))
        return;
    struct error err;
    struct raft_event event = event_of(RAFT_CONFIGURATION);
    event.configuration.index = pending;
    if (conf_decode(storage_data(&r->storage, pending), &event.configuration.conf, &err) != 0)
        replica_fail(r, &err);
    else
        replica_must_step(r, &event);
}

static void step_appends(struct replica *r, uint64_t from, const struct frame_append *a)
{
    unsigned i = 0;
    do {
        unsigned n = a->n - i;
        if (n > 0 && guarded(r, GUARD_SPLIT_CHANGES))
            n = guard_split_changes(a, i);
        if (n > 0)
            commit_pending_change(r, a, i);
        r->rejected = false;
        step_append(r, from, a, i, n);
        i += n;
    } while (i < a->n && !r->rejected && r->failed.code == ERR_NONE);
}

static bool has_rival(const struct replica *r, uint64_t from, uint64_t term)
{
    if (!replica_is_leader(r) || term != replica_term(r))
        return false;
    log_error("two leaders in one term", "term=%llu other=%llu", (unsigned long long)term,
              (unsigned long long)from);
    return true;
}

static void receive_append(struct replica *r, uint64_t from, struct frame *f)
{
    struct frame_append *a = &f->append;
    if (has_rival(r, from, a->term))
        return;
    if (a->term >= replica_term(r)) {
        r->append_heard = r->now;
        r->removed = false;
        if (r->install.state != INSTALL_NONE && from == r->install.from)
            r->install.heard = r->now;
        if (!r->raft.snapshot.installing && guarded(r, GUARD_STALE_APPEND))
            guard_stale_append(&r->storage.applied, a);
    }
    r->request_term = a->term;
    step_appends(r, from, a);
    r->request_term = 0;
}

static void receive_append_result(struct replica *r, uint64_t from, struct frame *f)
{
    if (!replica_knows_member(r, from))
        return;
    if (f->append_result.rejected != 0)
        replica_peer(r, from, NULL)->bulky = 0;
    if (guarded(r, GUARD_LATE_REJECTION) && guard_late_rejection(&r->raft, from, &f->append_result))
        return;
    struct raft_message m = message_of(RAFT_APPEND_ENTRIES_RESULT);
    m.append_entries_result = f->append_result;
    step_message(r, from, &m);
}

/* ---- votes */

static void receive_vote(struct replica *r, uint64_t from, struct frame *f)
{
    struct raft_message m = message_of(RAFT_REQUEST_VOTE);
    m.request_vote = f->vote;
    if (tell_stranger(r, from))
        return;
    bool silent = r->now.ms - r->append_heard.ms >= r->options.election_ms;
    int role =
        guarded(r, GUARD_STANDBY_VOTES) ? guard_lend_vote(&r->raft, silent, &m.request_vote) : -1;
    step_message(r, from, &m);
    guard_take_vote_back(&r->raft, role);
}

static void receive_vote_result(struct replica *r, uint64_t from, struct frame *f)
{
    if (!replica_has_member(r, from))
        return;
    if (guarded(r, GUARD_VOTE_RESULT) && raft_state(&r->raft) != RAFT_CANDIDATE)
        return;
    struct raft_message m = message_of(RAFT_REQUEST_VOTE_RESULT);
    m.request_vote_result = f->vote_result;
    step_message(r, from, &m);
}

static void receive_timeout_now(struct replica *r, uint64_t from, struct frame *f)
{
    struct raft_message m = message_of(RAFT_TIMEOUT_NOW);
    m.timeout_now = f->timeout_now;
    step_message(r, from, &m);
}

/* ---- snapshots */

static void receive_offer(struct replica *r, uint64_t from, struct frame *f)
{
    const struct frame_offer *o = &f->offer;
    struct error err;
    struct raft_message m = message_of(RAFT_INSTALL_SNAPSHOT);
    m.install_snapshot.term = o->term;
    m.install_snapshot.last_index = o->index;
    m.install_snapshot.last_term = o->index_term;
    m.install_snapshot.conf_index = o->conf_index;
    if (has_rival(r, from, o->term))
        return;
    if (o->term >= replica_term(r))
        r->append_heard = r->now;
    if (r->mending) {
        snapshot_tables_offered(r, from, o);
        return;
    }
    if (r->raft.snapshot.installing && guarded(r, GUARD_SECOND_OFFER))
        return;
    if (conf_decode(o->conf, &m.install_snapshot.conf, &err) != 0)
        UNREACHABLE("the decoder has seen it");
    snapshot_take_offer(r, from, o);
    r->request_term = o->term;
    step_message(r, from, &m);
    r->request_term = 0;
}

static void receive_mend(struct replica *r, uint64_t from, struct frame *f)
{
    if (replica_has_member(r, from))
        snapshot_mend_asked(r, from, &f->number);
}

static void receive_tables(struct replica *r, uint64_t from, struct frame *f)
{
    if (r->mending && replica_knows_member(r, from))
        snapshot_tables_offered(r, from, &f->offer);
}

static void receive_removed(struct replica *r, uint64_t from, struct frame *f)
{
    (void)from;
    if (f->number.term >= replica_term(r))
        r->removed = true;
}

/* ---- all */

static void receive_number(struct replica *r, uint64_t from, struct frame *f)
{
    reads_receive(r, from, f);
}

typedef void receive_frame(struct replica *r, uint64_t from, struct frame *f);
static receive_frame *const receivers[] = {
    [FRAME_APPEND] = receive_append,   [FRAME_APPEND_RESULT] = receive_append_result,
    [FRAME_VOTE] = receive_vote,       [FRAME_VOTE_RESULT] = receive_vote_result,
    [FRAME_OFFER] = receive_offer,     [FRAME_TIMEOUT_NOW] = receive_timeout_now,
    [FRAME_PING] = receive_number,     [FRAME_PONG] = receive_number,
    [FRAME_READ] = receive_number,     [FRAME_READ_RESULT] = receive_number,
    [FRAME_REMOVED] = receive_removed, [FRAME_MEND] = receive_mend,
    [FRAME_TABLES] = receive_tables,   [FRAME_BUSY] = busy_receive,
};

int replica_receive(struct replica *r, const struct replica_peer *from, struct slice frame,
                    struct error *err)
{
    struct frame f;
    ASSERT(r->in_turn);
    if (frame_decode(frame, &f, err) != 0)
        return -1;
    if (f.sender != from->id || from->id == r->options.id) {
        frame_close(&f);
        return error_set(err, ERR_SYNTAX, "frame: got sender %llu on the stream of %llu",
                         (unsigned long long)f.sender, (unsigned long long)from->id);
    }
    bool told = from->address != NULL && from->address[0] != '\0';
    replica_peer(r, from->id, told ? from->address : replica_address(r, from->id))->heard = r->now;
    if (r->failed.code == ERR_NONE && !db_failed(r->db))
        receivers[f.kind](r, from->id, &f);
    frame_close(&f);
    return 0;
}
