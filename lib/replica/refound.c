/* lib/replica/refound.c - a member's file at rest: looked at, and made a cluster of one by force.
 */
#include <string.h>

#include "base/limits.h"
#include "base/str.h"
#include "replica/private.h"

/* Beyond what those that were left behind reach by themselves: they are not spoken to, but who sees
 * both in a log shall not wonder. */
#define TERMS_ABOVE 1000

/* The newest configuration, committed or not; empty if there is none. */
static struct slice newest_conf(struct storage *s)
{
    for (uint64_t i = storage_last(s); i > s->applied.conf_index; i--) {
        const struct log_row *row = storage_row(s, i);
        if (row != NULL && row->type == RAFT_CHANGE)
            return storage_data(s, i);
    }
    return buf_slice(&s->applied.conf);
}

static int fill_members(struct slice encoded, struct replica_stored *out, struct error *err)
{
    struct raft_configuration conf;
    if (encoded.len == 0)
        return 0;
    if (conf_decode(encoded, &conf, err) != 0)
        return -1;
    for (; out->n < conf.n && out->n < LIMIT_SERVERS; out->n++) {
        struct replica_stored_member *m = &out->members[out->n];
        m->id = conf.servers[out->n].id;
        m->role = conf.servers[out->n].role == RAFT_VOTER ? REPLICA_VOTER : REPLICA_STANDBY;
        str_copy(m->address, sizeof m->address, conf.servers[out->n].address);
    }
    raft_configuration_close(&conf);
    return 0;
}

static uint64_t newest_term(const struct storage *s)
{
    uint64_t term = storage_term_of(s, storage_last(s));
    if (s->applied.term > term)
        term = s->applied.term;
    return s->term > term ? s->term : term;
}

static int look(struct db *db, struct replica_stored *out, struct error *err)
{
    struct storage s;
    bool copy = out->id == 0;
    if (copy && storage_claim(db, 1, 1, err) != 0)
        return -1;
    if (storage_open(&s, db, copy ? 1 : out->id, copy ? 1 : out->store, err) != 0)
        return -1;
    out->term = newest_term(&s);
    out->applied = s.applied.index;
    out->last = storage_last(&s);
    int rv = fill_members(newest_conf(&s), out, err);
    storage_close(&s);
    return rv;
}

int replica_look(struct db *db, struct replica_stored *out, struct error *err)
{
    *out = (struct replica_stored){0};
    if (storage_identity(db, &out->id, &out->store, err) != 0 || db_begin(db, DB_NORMAL, err) != 0)
        return -1;
    int rv = look(db, out, err);
    db_rollback(db); /* a copy was given an identity only for that */
    return rv;
}

int replica_owner(struct db *db, uint64_t *id_out, struct error *err)
{
    uint64_t store;
    return storage_identity(db, id_out, &store, err);
}

static int refound(struct db *db, uint64_t id, uint64_t store, const char *address,
                   struct slice entry, struct error *err)
{
    const struct replica_server self = {id, address, REPLICA_VOTER};
    struct storage s;
    struct buf conf;
    uint64_t its_id, its_store;
    if (storage_identity(db, &its_id, &its_store, err) != 0 ||
        (its_id == 0 && storage_claim(db, id, store, err) != 0) ||
        storage_open(&s, db, id, store, err) != 0)
        return -1;
    buf_init(&conf, LIMIT_ENTRY_BYTES);
    int rv = replica_encode_servers(&self, 1, &conf, err);
    if (rv == 0 && storage_last(&s) == 0)
        rv = error_set(err, ERR_NOT_FOUND, "%s: this node was never of a cluster", db_path(db));
    if (rv == 0) {
        uint64_t term = newest_term(&s) + TERMS_ABOVE;
        storage_set_term(&s, term, 0);
        if (entry.len > 0)
            storage_append(&s, term, RAFT_COMMAND, entry);
        storage_append(&s, term, RAFT_CHANGE, buf_slice(&conf));
        rv = db_check(db, err);
    }
    buf_close(&conf);
    storage_close(&s);
    return rv;
}

int replica_refound(struct db *db, uint64_t id, uint64_t store, const char *address,
                    struct slice entry, struct error *err)
{
    if (db_begin(db, DB_FULL, err) != 0)
        return -1;
    if (refound(db, id, store, address, entry, err) == 0)
        return db_commit(db, err);
    db_rollback(db);
    return -1;
}
