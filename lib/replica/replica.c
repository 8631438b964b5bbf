#include "replica/replica.h"

#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "replica/private.h"

/* The library has no other sign of what it is: its structs are filled in by us. */
_Static_assert(sizeof(struct raft) == 992, "struct raft is not that of 0.22.1");
_Static_assert(sizeof(struct raft_event) == 80, "struct raft_event is not that of 0.22.1");
_Static_assert(sizeof(struct raft_update) == 120, "struct raft_update is not that of 0.22.1");
_Static_assert(sizeof(struct raft_message) == 96, "struct raft_message is not that of 0.22.1");
_Static_assert(sizeof(struct raft_entry) == 40, "struct raft_entry is not that of 0.22.1");
_Static_assert(sizeof(struct raft_snapshot_metadata) == 40, "metadata is not that of 0.22.1");
#define LIBRARY_VERSION 2201

#define ELECTION_MS 250
#define HEARTBEAT_MS 40
#define INSTALL_TIMEOUT_MS 30000
#define INFLIGHT_ENTRIES 4096

bool guarded(const struct replica *r, enum guard g)
{
    return !(r->options.guards_off >> g & 1);
}

void replica_fail(struct replica *r, const struct error *err)
{
    if (r->failed.code == ERR_NONE)
        r->failed = *err;
}

static void fail_from_core(struct replica *r, int rv)
{
    struct error err;
    error_set(&err, ERR_CORRUPT, "raft: %s: %s", raft_strerror(rv), raft_errmsg(&r->raft));
    replica_fail(r, &err);
}

static bool is_failed(const struct replica *r)
{
    return r->failed.code != ERR_NONE || db_failed(r->db);
}

bool replica_is_leader(const struct replica *r)
{
    return raft_state((struct raft *)&r->raft) == RAFT_LEADER;
}

/* ---------------- a new store */

int replica_format(struct db *db, uint64_t id, uint64_t store, struct error *err)
{
    return storage_format(db, id, store, err);
}

int replica_bootstrap(struct db *db, const struct replica_server *servers, size_t n,
                      struct error *err)
{
    static const int roles[] = {[REPLICA_STANDBY] = RAFT_STANDBY, [REPLICA_VOTER] = RAFT_VOTER};
    struct raft_configuration conf;
    raft_configuration_init(&conf);
    int rv = 0;
    for (size_t i = 0; i < n && rv == 0; i++)
        if (strlen(servers[i].address) > REPLICA_ADDRESS_MAX ||
            raft_configuration_add(&conf, servers[i].id, servers[i].address,
                                   roles[servers[i].role]) != 0)
            rv = error_set(err, ERR_INVALID, "founders: %s is too long or there twice",
                           servers[i].address);
    struct buf encoded;
    buf_init(&encoded, LIMIT_FRAME_BYTES);
    if (rv == 0) {
        conf_encode(&conf, &encoded);
        rv = storage_bootstrap(db, buf_slice(&encoded), err);
    }
    buf_close(&encoded);
    raft_configuration_close(&conf);
    return rv;
}

/* ---------------- stepping */

static void begin(struct replica *r, enum db_level level)
{
    struct error err;
    if (is_failed(r) || db_in_transaction(r->db))
        return;
    if (db_begin(r->db, level, &err) != 0)
        replica_fail(r, &err);
}

/* What is written now must be durable before anything leaves. */
static void begin_full(struct replica *r)
{
    begin(r, DB_FULL);
    ASSERT(is_failed(r) || db_level(r->db) == DB_FULL);
    r->dirty = true;
}

static void take_term(struct replica *r)
{
    begin_full(r);
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

static void lose_leadership(struct replica *r)
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
        r->peers[i].acked = 0;
    r->reads.confirmed = r->reads.sent;
    log_info("leadership gained", "term=%llu", (unsigned long long)r->storage.term);
}

static void take_state(struct replica *r, const struct raft_update *u)
{
    bool leader = replica_is_leader(r);
    if (r->was_leader && !leader)
        lose_leadership(r);
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
    if (is_failed(r))
        return;
    int rv = replica_step(r, event);
    if (rv != 0)
        fail_from_core(r, rv);
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
    struct raft_event event;
    memset(&event, 0, sizeof event);
    event.type = RAFT_SUBMIT;
    event.submit.entries = &entry;
    event.submit.n = 1;
    int rv = replica_step(r, &event);
    if (rv != 0)
        raft_free(batch); /* it is still ours */
    return rv;
}

/* ---------------- starting */

static struct raft_entry *load_entries(struct replica *r, unsigned *n_out)
{
    struct storage *s = &r->storage;
    uint64_t first = storage_first(s), last = storage_last(s);
    *n_out = (unsigned)(last + 1 - first);
    if (*n_out == 0)
        return NULL;
    struct raft_entry *entries = mem_zalloc(*n_out * sizeof entries[0]);
    void *batch = raft_malloc(1); /* the core wants one; only changes have their data loaded */
    for (unsigned i = 0; i < *n_out; i++) {
        const struct log_row *row = storage_row(s, first + i);
        entries[i] = (struct raft_entry){
            .term = row->term, .type = (enum raft_entry_type)row->type, .batch = batch};
        if (row->type != RAFT_CHANGE)
            continue;
        struct slice data = storage_data(s, first + i);
        entries[i].buf.base = mem_dup(data.p, data.len);
        entries[i].buf.len = data.len;
    }
    return entries;
}

static void free_entries(struct raft_entry *entries, unsigned n)
{
    if (n == 0)
        return;
    raft_free(entries[0].batch);
    for (unsigned i = 0; i < n; i++)
        mem_free(entries[i].buf.base);
    mem_free(entries);
}

/* The newest configuration, committed or not; false if there is none yet. */
static bool newest_conf(struct replica *r, struct raft_configuration *out, struct error *err)
{
    struct slice conf = buf_slice(&r->storage.applied.conf);
    for (uint64_t i = storage_last(&r->storage); i > r->storage.applied.conf_index; i--) {
        const struct log_row *row = storage_row(&r->storage, i);
        if (row == NULL || row->type != RAFT_CHANGE)
            continue;
        conf = storage_data(&r->storage, i);
        break;
    }
    if (conf.len == 0)
        return false;
    if (conf_decode(conf, out, err) == 0)
        return true;
    replica_fail(r, err);
    return false;
}

/* G2: whoever is alone becomes leader at once, and in the old term if nobody prevents it. */
static int begin_term_alone(struct replica *r, struct error *err)
{
    struct raft_configuration conf;
    if (!guarded(r, GUARD_SOLE_VOTER) || !newest_conf(r, &conf, err))
        return 0;
    bool alone = guard_is_sole_voter(&conf, r->options.id);
    raft_configuration_close(&conf);
    if (!alone)
        return 0;
    bool in_turn = db_in_transaction(r->db); /* then its COMMIT comes before anything leaves */
    if (!in_turn && db_begin(r->db, DB_FULL, err) != 0)
        return -1;
    storage_set_term(&r->storage, r->storage.term + 1, r->options.id);
    r->forged_term = r->storage.term;
    return in_turn ? 0 : db_commit(r->db, err);
}

static void init_core(struct replica *r)
{
    memset(&r->raft, 0, sizeof r->raft); /* raft_init() leaves some of it as it is */
    ASSERT(raft_init(&r->raft, NULL, NULL, r->options.id, r->options.address) == 0);
    r->started = true;
    r->raft.tracer = NULL; /* the library's own formats every step */
    raft_seed(&r->raft, (unsigned)rng_next(&r->rng));
    raft_set_election_timeout(&r->raft, (unsigned)r->options.election_ms);
    raft_set_heartbeat_timeout(&r->raft, (unsigned)r->options.heartbeat_ms);
    raft_set_pre_vote(&r->raft, true);
    raft_set_max_inflight_entries(&r->raft, INFLIGHT_ENTRIES);
    raft_set_install_snapshot_timeout(&r->raft, INSTALL_TIMEOUT_MS);
    r->was_leader = false;
    r->owed = 0;
    r->append_heard = r->now;
    r->snapshot_index = r->storage.applied.index;
    r->commit = r->storage.applied.index;
}

int replica_start(struct replica *r, struct error *err)
{
    if (begin_term_alone(r, err) != 0)
        return -1;
    if (is_failed(r))
        return replica_commit(r, err);
    init_core(r);

    const struct applied *applied = &r->storage.applied;
    struct raft_snapshot_metadata md = {
        .index = applied->index, .term = applied->term, .configuration_index = applied->conf_index};
    if (applied->index != 0 && conf_decode(buf_slice(&applied->conf), &md.configuration, err) != 0)
        return error_wrap(err, "the stored configuration");
    struct raft_event event;
    memset(&event, 0, sizeof event);
    event.type = RAFT_START;
    event.start.term = r->storage.term;
    event.start.voted_for = r->storage.vote;
    event.start.metadata = applied->index != 0 ? &md : NULL;
    event.start.start_index = storage_first(&r->storage);
    event.start.entries = load_entries(r, &event.start.n_entries);
    int rv = replica_step(r, &event);
    if (rv != 0) /* the core has freed what it should not have: leaked, the process stops */
        return error_set(err, ERR_CORRUPT, "raft: %s: %s", raft_strerror(rv),
                         raft_errmsg(&r->raft));
    free_entries(event.start.entries, event.start.n_entries);
    return 0;
}

static int check_library(struct error *err)
{
    if (raft_version_number() == LIBRARY_VERSION)
        return 0;
    return error_set(err, ERR_CORRUPT, "libraft: got version %d, need %d", raft_version_number(),
                     LIBRARY_VERSION);
}

int replica_open(const struct replica_options *options, struct now now,
                 struct replica **replica_out, struct error *err)
{
    if (check_library(err) != 0)
        return -1;
    struct replica *r = NEW(struct replica);
    r->options = *options;
    r->options.address = mem_strdup(options->address);
    r->options.election_ms = options->election_ms != 0 ? options->election_ms : ELECTION_MS;
    r->options.heartbeat_ms = options->heartbeat_ms != 0 ? options->heartbeat_ms : HEARTBEAT_MS;
    r->options.log_rows = options->log_rows != 0 ? options->log_rows : LIMIT_LOG_ROWS;
    r->options.log_bytes = options->log_bytes != 0 ? options->log_bytes : LIMIT_LOG_BYTES;
    r->db = options->db;
    r->now = now.mono;
    r->timeout_stepped.ms = -1;
    rng_seed(&r->rng, options->seed);
    r->reads.seq =
        rng_next(&r->rng) >> 8; /* answers to an earlier life's questions match nothing */
    if (storage_open(&r->storage, r->db, options->id, options->store, err) != 0 ||
        replica_start(r, err) != 0) {
        replica_close(r);
        return -1;
    }
    *replica_out = r;
    return 0;
}

static void clear_out(struct replica *r)
{
    for (size_t i = 0; i < r->n_frames; i++)
        mem_free((char *)(uintptr_t)r->frames[i].bytes.p);
    r->n_frames = r->n_outcomes = 0;
}

void replica_close(struct replica *r)
{
    if (r == NULL)
        return;
    if (r->started)
        raft_close(&r->raft, NULL);
    if (r->db != NULL && db_in_transaction(r->db))
        db_rollback(r->db);
    storage_close(&r->storage);
    clear_out(r);
    for (size_t i = 0; i < r->n_peers; i++)
        mem_free(r->peers[i].address);
    reads_close(&r->reads);
    replica_snapshot_close(&r->install.snapshot);
    replica_snapshot_close(&r->ready);
    mem_free(r->frames);
    mem_free(r->outcomes);
    mem_free(r->peers);
    mem_free(r->proposals);
    mem_free((char *)(uintptr_t)r->options.address);
    mem_free(r);
}

/* ---------------- a turn */

void replica_turn(struct replica *r, const struct now *now)
{
    clear_out(r);
    r->in_turn = true;
    if (now->mono.ms > r->now.ms || !guarded(r, GUARD_TIME))
        r->now = now->mono;
    snapshot_turn(r);
}

struct replica_out replica_out(const struct replica *r)
{
    return (struct replica_out){r->frames, r->n_frames, r->outcomes, r->n_outcomes};
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

struct peer *replica_peer(struct replica *r, uint64_t id, const char *address)
{
    struct peer *p = NULL;
    for (size_t i = 0; i < r->n_peers && p == NULL; i++)
        if (r->peers[i].id == id)
            p = &r->peers[i];
    if (address == NULL)
        return p;
    if (p == NULL) {
        if (r->n_peers == r->cap_peers) {
            r->cap_peers = r->cap_peers == 0 ? 8 : 2 * r->cap_peers;
            r->peers = mem_realloc(r->peers, r->cap_peers * sizeof r->peers[0]);
        }
        p = &r->peers[r->n_peers++];
        *p = (struct peer){.id = id, .address = mem_strdup(address)};
    } else if (strcmp(p->address, address) != 0) {
        char *old = p->address;
        p->address = mem_strdup(address);
        mem_free(old);
    }
    return p;
}

const char *replica_address(const struct replica *r, uint64_t id)
{
    const struct raft_configuration *conf = &r->raft.configuration;
    for (unsigned i = 0; i < conf->n; i++)
        if (conf->servers[i].id == id)
            return conf->servers[i].address;
    const struct peer *p = replica_peer((struct replica *)r, id, NULL);
    return p != NULL ? p->address : "";
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
    if (is_failed(r) || !replica_is_leader(r))
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
    struct raft_message m;
    memset(&m, 0, sizeof m);
    m.type = RAFT_REQUEST_VOTE;
    m.server_id = r->options.id;
    m.server_address = r->options.address;
    m.request_vote = (struct raft_request_vote){.version = 2,
                                                .term = raft_current_term(&r->raft) + 1,
                                                .candidate_id = r->options.id,
                                                .last_log_index = last,
                                                .last_log_term = storage_term_of(&r->storage, last),
                                                .disrupt_leader = true};
    struct raft_event event;
    memset(&event, 0, sizeof event);
    event.type = RAFT_RECEIVE;
    event.receive.message = &m;
    replica_must_step(r, &event);
    r->forged_term = raft_current_term(&r->raft);
}

static void step_timeout(struct replica *r)
{
    if ((raft_time)r->now.ms < raft_timeout(&r->raft))
        return;
    if (guarded(r, GUARD_TIMEOUT_PACE) && r->timeout_stepped.ms == r->now.ms)
        return;
    r->timeout_stepped = r->now;
    if (forge_vote_due(r)) {
        forge_vote(r);
        return;
    }
    struct raft_event event;
    memset(&event, 0, sizeof event);
    event.type = RAFT_TIMEOUT;
    replica_must_step(r, &event);
}

static void step_barrier(struct replica *r)
{
    if (!r->barrier_due || is_failed(r))
        return;
    r->barrier_due = false;
    if (!guarded(r, GUARD_BARRIER)) {
        r->leading_since = r->storage.applied.index;
        return;
    }
    uint64_t index = raft_last_index(&r->raft) + 1;
    int rv = replica_submit(r, RAFT_BARRIER, (struct slice){"", 0});
    if (rv != 0)
        fail_from_core(r, rv);
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
    struct raft_event event;
    memset(&event, 0, sizeof event);
    event.type = RAFT_CONFIGURATION;
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
    if (r->install.state != INSTALL_NONE)
        return r->storage.applied.index;
    return r->commit < last ? r->commit : last;
}

static void apply(struct replica *r)
{
    uint64_t from = r->storage.applied.index, to = applicable(r);
    if (is_failed(r) || (to <= from && !snapshot_compaction_due(r)))
        return;
    if (to > from + LIMIT_TURN_APPLY)
        to = from + LIMIT_TURN_APPLY;
    begin(r, DB_NORMAL);
    while (!is_failed(r) && r->storage.applied.index < to)
        apply_one(r);
    if (!is_failed(r) && r->storage.applied.index > from)
        storage_store_applied(&r->storage);
    snapshot_compact(r);
}

/* The core may hear only of rows that are still there: a later step of the same turn may have taken
 * some of them back, or begun an install. */
static void step_persisted(struct replica *r)
{
    uint64_t owed = r->owed;
    r->owed = 0;
    r->dirty = false;
    if (owed == 0 || r->raft.snapshot.installing || owed <= r->raft.last_stored)
        return;
    ASSERT(owed <= raft_last_index(&r->raft));
    struct raft_event event;
    memset(&event, 0, sizeof event);
    event.type = RAFT_PERSISTED_ENTRIES;
    event.persisted_entries.index = owed;
    replica_must_step(r, &event);
}

static void commit_transaction(struct replica *r)
{
    struct error err;
    if (!is_failed(r) && db_in_transaction(r->db) && db_commit(r->db, &err) != 0)
        replica_fail(r, &err);
}

int replica_commit(struct replica *r, struct error *err)
{
    r->in_turn = false;
    if (!is_failed(r)) {
        step_timeout(r);
        step_barrier(r);
        change_turn(r);
        reads_turn(r);
        snapshot_serve(r);
        apply(r);
        commit_transaction(r);
    }
    if (!is_failed(r)) {
        step_persisted(r);
        reads_finish(r);
        ASSERT(is_failed(r) || !db_in_transaction(r->db));
    }
    if (!is_failed(r)) {
        for (size_t i = 0; i < r->n_frames; i++)
            r->frames[i].address = replica_address(r, r->frames[i].to);
        return 0;
    }
    if (r->failed.code == ERR_NONE && db_check(r->db, &r->failed) == 0)
        UNREACHABLE("the database forgot its error");
    clear_out(r); /* nothing of this turn may be promised */
    *err = r->failed;
    return -1;
}

bool replica_restless(const struct replica *r)
{
    return !is_failed(r) &&
           (applicable(r) > r->storage.applied.index || snapshot_compaction_due(r));
}

struct mono replica_due(const struct replica *r)
{
    struct mono due = {(int64_t)raft_timeout(&r->raft)};
    if (guarded(r, GUARD_TIMEOUT_PACE) && due.ms <= r->timeout_stepped.ms)
        due.ms = r->timeout_stepped.ms + 1;
    return mono_earlier(due, reads_due(r));
}

/* ---------------- asking */

uint64_t replica_id(const struct replica *r)
{
    return r->options.id;
}
uint64_t replica_term(const struct replica *r)
{
    return raft_current_term(&r->raft);
}
uint64_t replica_applied(const struct replica *r)
{
    return r->storage.applied.index;
}
uint64_t replica_committed(const struct replica *r)
{
    return r->commit;
}
uint64_t replica_last(const struct replica *r)
{
    return storage_last(&r->storage);
}
bool replica_removed(const struct replica *r)
{
    return r->removed;
}

bool replica_leads(const struct replica *r)
{
    return replica_is_leader(r) && r->leading_since != 0 &&
           r->storage.applied.index >= r->leading_since;
}

uint64_t replica_leader(const struct replica *r, const char **address_out)
{
    raft_id id = 0;
    const char *address = NULL;
    raft_leader((struct raft *)&r->raft, &id, &address);
    if (address_out != NULL)
        *address_out = id != 0 ? replica_address(r, id) : NULL;
    return id;
}

bool replica_member(const struct replica *r, size_t i, struct replica_member *out)
{
    const struct raft_configuration *conf = &r->raft.configuration;
    if (i >= conf->n)
        return false;
    const struct raft_server *s = &conf->servers[i];
    const struct peer *p = replica_peer((struct replica *)r, s->id, NULL);
    raft_index match = 0;
    if (raft_match_index(&r->raft, s->id, &match) != 0)
        match = 0;
    *out = (struct replica_member){
        .server = {s->id, s->address, s->role == RAFT_VOTER ? REPLICA_VOTER : REPLICA_STANDBY},
        .match = match,
        .heard = p != NULL ? p->heard : (struct mono){0},
    };
    return true;
}
