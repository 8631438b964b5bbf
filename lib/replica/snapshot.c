/* lib/replica/snapshot.c - the log made shorter, and whole states between members. */
#include <string.h>

#include "base/assert.h"
#include "base/log.h"
#include "db/swap.h"
#include "replica/private.h"

#define INSTALL_PATIENCE_MS 10000 /* of a leader's silence */
#define REMAKE_MS 5000            /* before another attempt to make what could not be made */
#define OFFER_HEARTBEATS 4        /* between two offers to one member; it drops what it knows */
#define SETTLING_HEARTBEATS 20    /* after an offer, until the member follows the log again */
#define GONE_ELECTIONS 4          /* a member that is silent so long wants nothing */
#define MEND_AGAIN_MS 500         /* between two requests for the leader's tables */
#define MEND_WANTED_MS 3000       /* who has not asked for so long has them */
#define MEND_PATIENCE_MS 10000    /* by then another's have come, if anybody has any */
#define MEND_SILENT_MS 60000      /* and by then whoever is silent has come back */
#define HELD_BACK_TIMES 4         /* the log's limits, while somebody fetches */

void replica_snapshot_close(struct replica_snapshot *s)
{
    buf_close(&s->conf);
    *s = (struct replica_snapshot){0};
}

static void copy(struct replica_snapshot *to, const struct replica_snapshot *from)
{
    *to = *from;
    buf_init(&to->conf, from->conf.len);
    buf_put_slice(&to->conf, buf_slice(&from->conf));
}

/* ---------------- the leader's side */

/* Fetching takes a while; if the log went on being cut meanwhile, what was fetched would be too old
 * to go on from. */
static bool held_back(const struct replica *r)
{
    int64_t settling = (int64_t)SETTLING_HEARTBEATS * r->options.heartbeat_ms;
    for (size_t i = 0; i < r->n_peers; i++) {
        const struct peer *p = &r->peers[i];
        if (p->wants != 0 || p->mends != 0 ||
            (p->was_offered && r->now.ms - p->offered.ms < settling))
            return true;
    }
    return false;
}

/* Up to where the log may go now, with an eighth of slack so that it goes in pieces; 0: nowhere. */
static uint64_t cut(const struct replica *r)
{
    uint64_t times = held_back(r) ? HELD_BACK_TIMES : 1;
    uint64_t rows = r->options.log_rows * times;
    int64_t bytes = r->options.log_bytes * (int64_t)times;
    uint64_t applied = r->storage.applied.index, first = storage_first(&r->storage);
    if (applied < first || (applied - first + 1 <= rows + rows / 8 &&
                            storage_log_bytes(&r->storage) <= bytes + bytes / 8))
        return 0;
    return storage_compactable(&r->storage, rows, bytes);
}

bool snapshot_compaction_due(const struct replica *r)
{
    uint64_t upto = cut(r);
    return upto != 0 && r->install.state == INSTALL_NONE && upto <= r->raft.last_stored &&
           r->storage.applied.index > r->snapshot_index;
}

void snapshot_compact(struct replica *r)
{
    struct error err;
    const struct applied *applied = &r->storage.applied;
    if (r->failed.code != ERR_NONE || db_failed(r->db) || !snapshot_compaction_due(r))
        return;
    uint64_t upto = cut(r);
    struct raft_event event = event_of(RAFT_SNAPSHOT);
    event.snapshot.metadata.index = applied->index;
    event.snapshot.metadata.term = applied->term;
    event.snapshot.metadata.configuration_index = applied->conf_index;
    event.snapshot.trailing = (unsigned)(applied->index - upto);
    if (conf_decode(buf_slice(&applied->conf), &event.snapshot.metadata.configuration, &err) != 0) {
        replica_fail(r, &err);
        return;
    }
    replica_must_step(r, &event);
    storage_compact(&r->storage, upto);
    r->snapshot_index = applied->index;
}

/* The core asks once and then waits for long, so it is us who offer, again and again, until the
 * member has what the log goes on from. It may be a newer one than was asked for. */
void snapshot_asked(struct replica *r, const struct raft_message *m)
{
    struct peer *p = replica_peer(r, m->server_id, NULL);
    if (p->wants < m->install_snapshot.last_index)
        p->wants = m->install_snapshot.last_index;
}

static void offer(struct replica *r, struct peer *p)
{
    const struct replica_snapshot *s = &r->ready;
    struct frame f;
    memset(&f, 0, sizeof f);
    f.kind = p->wants != 0 ? FRAME_OFFER : FRAME_TABLES;
    f.sender = r->options.id;
    f.offer = (struct frame_offer){.term = replica_term(r),
                                   .index = s->index,
                                   .index_term = s->term,
                                   .conf_index = s->conf_index,
                                   .conf = buf_slice(&s->conf),
                                   .token = s->token,
                                   .size = s->size};
    memcpy(f.offer.hash, s->hash, sizeof f.offer.hash);
    p->offered = r->now;
    p->was_offered = true;
    send_frame(r, p->id, &f);
}

static bool is_silent(const struct replica *r, const struct peer *p)
{
    return r->now.ms - p->heard.ms >= (int64_t)GONE_ELECTIONS * r->options.election_ms;
}

static bool still_wants(const struct replica *r, const struct peer *p)
{
    raft_index match;
    if (p->wants == 0 || raft_match_index(&r->raft, p->id, &match) != 0)
        return false; /* it is no member any more */
    return match < p->wants && !is_silent(r, p);
}

bool snapshot_mends(const struct replica *r, const struct peer *p)
{
    return p->mends != 0 && r->now.ms - p->mend_asked.ms < MEND_WANTED_MS;
}

/* What the file holds, the member needs; where the file ends, our log goes on. */
static bool serves(const struct replica *r, const struct peer *p)
{
    return r->ready.index >= p->wants && r->ready.index >= p->mends &&
           r->ready.index + 1 >= storage_first(&r->storage);
}

static bool can_make(const struct replica *r, const struct peer *p)
{
    uint64_t applied = r->storage.applied.index;
    return applied >= p->wants && applied >= p->mends && r->now.ms >= r->snapshot_again.ms;
}

void snapshot_serve(struct replica *r)
{
    if (r->mending || r->install.state != INSTALL_NONE) /* tables that are wrong, or too old */
        return;
    for (size_t i = 0; i < r->n_peers; i++) {
        struct peer *p = &r->peers[i];
        if (!still_wants(r, p))
            p->wants = 0;
        if (!snapshot_mends(r, p))
            p->mends = 0;
        if (p->wants == 0 && p->mends == 0)
            continue;
        if (!serves(r, p))
            r->snapshot_wanted = r->snapshot_wanted || can_make(r, p);
        else if (!p->was_offered ||
                 r->now.ms - p->offered.ms >= (int64_t)OFFER_HEARTBEATS * r->options.heartbeat_ms)
            offer(r, p);
    }
}

void snapshot_lost(struct replica *r)
{
    r->snapshot_wanted = false;
    for (size_t i = 0; i < r->n_peers; i++) {
        r->peers[i].wants = 0;
        r->peers[i].was_offered = false;
    }
}

bool replica_snapshot_wanted(const struct replica *r)
{
    return r->snapshot_wanted;
}

int replica_snapshot_prune(const char *path, const char *vfs, struct replica_snapshot *out,
                           struct error *err)
{
    struct applied applied = {0};
    if (storage_prune_copy(path, vfs, &applied, err) != 0) {
        buf_close(&applied.conf);
        return -1;
    }
    *out = (struct replica_snapshot){.index = applied.index,
                                     .term = applied.term,
                                     .conf_index = applied.conf_index,
                                     .conf = applied.conf};
    return 0;
}

void replica_snapshot_ready(struct replica *r, const struct replica_snapshot *s)
{
    r->snapshot_wanted = false;
    replica_snapshot_close(&r->ready);
    if (s != NULL)
        copy(&r->ready, s);
    else
        r->snapshot_again = mono_after(r->now, REMAKE_MS);
}

void snapshot_mend_asked(struct replica *r, uint64_t from, const struct frame_number *n)
{
    struct peer *p = replica_peer(r, from, NULL);
    p->mends = n->index != 0 ? n->index : 1;
    p->mend_asked = r->now;
}

/* ---------------- the other side */

void snapshot_take_offer(struct replica *r, uint64_t from, const struct frame_offer *o)
{
    replica_snapshot_close(&r->install.snapshot);
    r->install.snapshot = (struct replica_snapshot){.index = o->index,
                                                    .term = o->index_term,
                                                    .conf_index = o->conf_index,
                                                    .token = o->token,
                                                    .size = o->size};
    memcpy(r->install.snapshot.hash, o->hash, sizeof o->hash);
    buf_init(&r->install.snapshot.conf, o->conf.len);
    buf_put_slice(&r->install.snapshot.conf, o->conf);
    r->install.from = from;
}

static void log_offer(const struct replica *r)
{
    log_info("snapshot offered", "from=%llu index=%llu size=%llu",
             (unsigned long long)r->install.from, (unsigned long long)r->install.snapshot.index,
             (unsigned long long)r->install.snapshot.size);
}

void snapshot_begin_install(struct replica *r, const struct raft_update *update)
{
    struct raft_snapshot_metadata md = update->snapshot.metadata;
    raft_configuration_close(&md.configuration); /* ours again; the offer has it too */
    raft_free(update->snapshot.chunk.base);
    r->install.state = INSTALL_FETCHING;
    r->install.heard = r->now;
    r->owed = 0; /* those rows are of a log that ends here */
    log_offer(r);
}

const struct replica_snapshot *replica_install(const struct replica *r, uint64_t *from)
{
    if (r->install.state != INSTALL_FETCHING)
        return NULL;
    if (from != NULL)
        *from = r->install.from;
    return &r->install.snapshot;
}

static void end_install(struct replica *r)
{
    r->install.state = INSTALL_NONE;
    replica_snapshot_close(&r->install.snapshot);
}

/* The core has no event for an install that failed, nor for tables that were replaced: it starts
 * anew from the file. */
static int restart(struct replica *r, struct error *err)
{
    if (r->was_leader)
        replica_lose_leadership(r);
    end_install(r);
    raft_close(&r->raft, NULL);
    r->started = false;
    return replica_start(r, err);
}

void replica_install_abort(struct replica *r)
{
    struct error err;
    if (r->install.state != INSTALL_FETCHING || r->failed.code != ERR_NONE)
        return;
    log_warn("snapshot given up", "from=%llu", (unsigned long long)r->install.from);
    if (r->mending) /* the core knows nothing of it */
        end_install(r);
    else if (restart(r, &err) != 0)
        replica_fail(r, &err);
}

/* ---- tables that are wrong (README.md) */

static bool is_alone(const struct replica *r)
{
    const struct raft_configuration *conf = &r->raft.configuration;
    return conf->n == 1 && conf->servers[0].id == r->options.id;
}

bool replica_mend(struct replica *r)
{
    if (r->mending || r->install.state != INSTALL_NONE) /* they are about to be replaced */
        return true;
    r->mending = true;
    r->mend_since = r->now;
    r->mend_asked.ms = INT64_MIN / 2;
    if (is_alone(r))
        return false;
    log_warn("the tables are to be replaced by the leader's", "applied=%llu",
             (unsigned long long)r->storage.applied.index);
    return true;
}

bool replica_mending(const struct replica *r)
{
    return r->mending;
}

/* Its tables are wrong too, or so old that it waits for ours. Who is silent may have some, and is
 * waited for, but not for ever. */
static bool has_none(struct replica *r, const struct replica_member *m)
{
    struct peer *p = replica_peer(r, m->server.id, m->server.address);
    return snapshot_mends(r, p) || still_wants(r, p) ||
           (is_silent(r, p) && r->now.ms - r->mend_since.ms >= MEND_SILENT_MS);
}

/* As the leader hears it: it is asked by whoever mends. */
static bool nobody_has_any(struct replica *r)
{
    struct replica_member m;
    for (size_t i = 0; replica_member(r, i, &m); i++)
        if (m.server.id != r->options.id && !has_none(r, &m))
            return false;
    return true;
}

bool replica_mend_in_vain(struct replica *r)
{
    if (!r->mending || r->install.state != INSTALL_NONE || !replica_is_leader(r) ||
        !(is_alone(r) || r->now.ms - r->mend_since.ms >= MEND_PATIENCE_MS) || !nobody_has_any(r))
        return false;
    r->mending = false;
    return true;
}

/* What anybody has applied is committed, and stays so whatever we or they vote for. A term beyond
 * ours cannot be put into our file: its leader will tell us of it. */
void snapshot_tables_offered(struct replica *r, uint64_t from, const struct frame_offer *o)
{
    if (r->install.state != INSTALL_NONE) {
        if (from == r->install.from)
            r->install.heard = r->now;
        return;
    }
    if (o->index_term > replica_term(r) || o->index < r->storage.applied.index)
        return;
    snapshot_take_offer(r, from, o);
    r->install.state = INSTALL_FETCHING;
    r->install.heard = r->now;
    log_offer(r);
}

static void ask_for_tables(struct replica *r, uint64_t of)
{
    send_number(r, of, FRAME_MEND,
                (struct frame_number){.term = replica_term(r), .index = r->storage.applied.index});
}

/* Whoever is being removed gets no appends any more: it hears here what is committed, or tells us
 * of its term. */
static void ask_all_for_tables(struct replica *r, const struct raft_configuration *conf)
{
    for (unsigned i = 0; i < conf->n; i++) {
        uint64_t id = conf->servers[i].id;
        if (id == r->options.id)
            continue;
        replica_peer(r, id, conf->servers[i].address);
        send_beat(r, id);
        ask_for_tables(r, id);
    }
}

/* While they come, too: so the giver's silence is noticed, and its log is held back.
 *
 * If it is us who lead, by the others' votes, for our log is sound, then another shall. But all the
 * other voters may lag behind where our log begins, and need tables that we must not give. Then
 * anybody's will do that has applied what we have: of a standby, or of a voter that is just being
 * removed. */
static void ask_to_mend(struct replica *r)
{
    bool leads = replica_is_leader(r);
    uint64_t leader = replica_leader(r, NULL), term = replica_term(r);
    bool is_new = !leads && leader != 0 && leader != r->mend_leader;
    if (!r->mending || (r->now.ms - r->mend_asked.ms < MEND_AGAIN_MS && !is_new))
        return;
    r->mend_asked = r->now;
    r->mend_leader = leader;
    if (r->install.state != INSTALL_NONE) {
        ask_for_tables(r, r->install.from);
    } else if (!leads && leader != 0) {
        ask_for_tables(r, leader);
    } else if (leads && r->left_term == term) {
        ask_all_for_tables(r, &r->raft.configuration);
        ask_all_for_tables(r, &r->raft.configuration_committed);
    }
    if (!leads)
        return;
    r->left_term = term;
    if (!nobody_has_any(r)) /* they would only give it back */
        change_leave(r);
}

void snapshot_turn(struct replica *r)
{
    ask_to_mend(r);
    if (r->install.state == INSTALL_FETCHING &&
        r->now.ms - r->install.heard.ms >= INSTALL_PATIENCE_MS)
        replica_install_abort(r);
}

/* Makes the fetched file ours, if it is what was offered. */
static int adopt(struct replica *r, const char *path, struct error *err)
{
    struct applied got = {0};
    const struct replica_snapshot *want = &r->install.snapshot;
    int rv = storage_adopt(path, r->options.vfs, &r->storage, r->options.id, r->options.store,
                           r->mending, &got, err);
    bool same = got.index == want->index && got.term == want->term;
    buf_close(&got.conf);
    if (rv == 0 && !same)
        rv = error_set(err, ERR_CORRUPT, "the snapshot holds index %llu, not %llu",
                       (unsigned long long)got.index, (unsigned long long)want->index);
    return rv;
}

int replica_install_swap(struct replica *r, uint64_t token, const char *path, bool *db_open_out,
                         struct error *err)
{
    *db_open_out = true;
    if (r->install.state != INSTALL_FETCHING || r->install.snapshot.token != token)
        return error_set(err, ERR_CONFLICT, "that snapshot is not being installed any more");
    if (adopt(r, path, err) != 0)
        return -1;
    /* What this turn has written is a term, a vote, or rows of a log that is kept; that is in the
     * new file as well. */
    if (db_in_transaction(r->db) && db_commit(r->db, err) != 0) {
        replica_fail(r, err);
        return -1;
    }
    storage_close(&r->storage);
    r->install.state = INSTALL_SWAPPED;
    int rv = db_swap(&r->db, path, r->options.swap_did, r->options.swap_data, err);
    *db_open_out = r->db != NULL;
    if (r->db == NULL)
        return rv;
    struct error again;
    r->install.state = INSTALL_FETCHING;
    if (storage_open(&r->storage, r->db, r->options.id, r->options.store, &again) != 0)
        replica_fail(r, &again);
    return -1;
}

static int go_on_from_snapshot(struct replica *r, struct error *err)
{
    const struct applied *applied = &r->storage.applied;
    struct raft_event event = event_of(RAFT_PERSISTED_SNAPSHOT);
    event.persisted_snapshot.metadata.index = applied->index;
    event.persisted_snapshot.metadata.term = applied->term;
    event.persisted_snapshot.metadata.configuration_index = applied->conf_index;
    event.persisted_snapshot.last = true;
    if (conf_decode(buf_slice(&applied->conf), &event.persisted_snapshot.metadata.configuration,
                    err) != 0)
        return -1;
    r->snapshot_index = applied->index;
    end_install(r);
    replica_must_step(r, &event);
    return 0;
}

int replica_install_resume(struct replica *r, struct db *db, struct now now, struct error *err)
{
    ASSERT(r->install.state == INSTALL_SWAPPED);
    r->db = db;
    r->now = now.mono;
    if (storage_open(&r->storage, db, r->options.id, r->options.store, err) != 0)
        return -1;
    bool swapped = r->storage.applied.index == r->install.snapshot.index &&
                   r->storage.applied.term == r->install.snapshot.term;
    bool mended = swapped && r->mending;
    r->mending = r->mending && !swapped;
    int rv = swapped && !mended ? go_on_from_snapshot(r, err) : restart(r, err);
    if (rv != 0)
        replica_fail(r, err);
    return rv;
}
