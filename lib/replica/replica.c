#include "replica/replica.h"

#include <string.h>

#include "base/limits.h"
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
#define SILENT_ELECTIONS 4 /* then a standby takes its leader for gone */

bool guarded(const struct replica *r, enum guard g)
{
    return !(r->options.guards_off >> g & 1);
}

void replica_fail(struct replica *r, const struct error *err)
{
    if (r->failed.code == ERR_NONE)
        r->failed = *err;
}

bool replica_is_failed(const struct replica *r)
{
    return r->failed.code != ERR_NONE || db_failed(r->db);
}

static bool has(const struct raft_configuration *conf, uint64_t id)
{
    for (unsigned i = 0; i < conf->n; i++)
        if (conf->servers[i].id == id)
            return true;
    return false;
}

bool replica_has_member(const struct replica *r, uint64_t id)
{
    return has(&r->raft.configuration, id);
}

bool replica_votes(const struct replica *r, uint64_t id)
{
    const struct raft_configuration *conf = &r->raft.configuration;
    for (unsigned i = 0; i < conf->n; i++)
        if (conf->servers[i].id == id)
            return conf->servers[i].role == RAFT_VOTER;
    return false;
}

bool replica_knows_member(const struct replica *r, uint64_t id)
{
    return has(&r->raft.configuration, id) || has(&r->raft.configuration_committed, id);
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

int replica_encode_servers(const struct replica_server *servers, size_t n, struct buf *out,
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
    if (rv == 0)
        conf_encode(&conf, out);
    raft_configuration_close(&conf);
    return rv;
}

int replica_bootstrap(struct db *db, const struct replica_server *servers, size_t n,
                      struct error *err)
{
    struct buf encoded;
    buf_init(&encoded, LIMIT_FRAME_BYTES);
    int rv = replica_encode_servers(servers, n, &encoded, err);
    if (rv == 0)
        rv = storage_bootstrap(db, buf_slice(&encoded), err);
    buf_close(&encoded);
    return rv;
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

void replica_close(struct replica *r)
{
    if (r == NULL)
        return;
    if (r->started)
        raft_close(&r->raft, NULL);
    if (r->db != NULL && db_in_transaction(r->db))
        db_rollback(r->db);
    storage_close(&r->storage);
    replica_clear_out(r);
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
        *p = (struct peer){.id = id, .address = mem_strdup(address), .met = r->now};
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

/* ---------------- asking */

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
uint64_t replica_configured(const struct replica *r)
{
    const struct raft *raft = &r->raft;
    return raft->configuration_uncommitted_index != 0 ? raft->configuration_uncommitted_index
                                                      : raft->configuration_committed_index;
}
bool replica_removed(const struct replica *r)
{
    return r->removed;
}

bool replica_leads(const struct replica *r)
{
    return replica_is_leader(r) && r->leading_since != 0 && !r->mending &&
           r->storage.applied.index >= r->leading_since;
}

/* Who calls no elections goes on believing in a leader that is gone: the core leaves it alone. */
static bool believes_in_vain(const struct replica *r)
{
    return !replica_votes(r, r->options.id) &&
           r->now.ms - r->append_heard.ms >= (int64_t)SILENT_ELECTIONS * r->options.election_ms;
}

uint64_t replica_leader(const struct replica *r, const char **address_out)
{
    raft_id id = 0;
    const char *address = NULL;
    raft_leader((struct raft *)&r->raft, &id, &address);
    if (id != 0 && !replica_is_leader(r) && believes_in_vain(r))
        id = 0;
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
        .met = p != NULL ? p->met : r->now,
        .heard = p != NULL ? p->heard : (struct mono){0},
        .mends = p != NULL && snapshot_mends(r, p),
    };
    return true;
}
