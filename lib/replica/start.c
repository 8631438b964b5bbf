/* lib/replica/start.c - the core begun from what is stored. */
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "replica/private.h"

#define INSTALL_TIMEOUT_MS 30000
#define INFLIGHT_ENTRIES 4096 /* the library's own 32 throttles a busy leader */

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
    if (replica_is_failed(r))
        return replica_commit(r, err);
    init_core(r);

    const struct applied *applied = &r->storage.applied;
    struct raft_snapshot_metadata md = {
        .index = applied->index, .term = applied->term, .configuration_index = applied->conf_index};
    if (applied->index != 0 && conf_decode(buf_slice(&applied->conf), &md.configuration, err) != 0)
        return error_wrap(err, "the stored configuration");
    struct raft_event event = event_of(RAFT_START);
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
