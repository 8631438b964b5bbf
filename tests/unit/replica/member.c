#include "unit.h"

#include "member.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"

#define STATEMENTS(X)                  \
    X(CHAIN, "select hash from chain") \
    X(LINK, "update chain set n = ?1, hash = ?2 where k = 0")
enum { DB_ENUM(STATEMENTS) N_STATEMENTS };
static const struct db_sql table[] = {DB_TABLE(STATEMENTS)};
#define SCHEMA                                                                   \
    "create table chain(k integer primary key, n integer, hash integer) strict;" \
    "insert into chain values(0, 0, 0)"

void member_init(struct member *m, const char *folder, uint64_t id, uint64_t seed)
{
    char name[48];
    memset(m, 0, sizeof *m);
    m->id = id;
    m->store = id + 1000;
    snprintf(m->address, sizeof m->address, "n%llu", (unsigned long long)id);
    snprintf(name, sizeof name, "n%llu.db", (unsigned long long)id);
    snprintf(m->folder, sizeof m->folder, "%s", folder);
    tmp_file(m->path, folder, name);
    m->disk = faultvfs_new(m->address, seed);
}

void member_close(struct member *m)
{
    member_stop(m);
    faultvfs_free(m->disk);
    m->disk = NULL;
}

static int open_db(struct member *m)
{
    struct error err;
    struct db_options options = {.vfs = m->address, .fail_stop = true, .cache_kib = 1000};
    if (db_open(m->path, &options, &m->db, &err) == 0)
        return 0;
    m->db = NULL;
    if (!faultvfs_dead(m->disk))
        fail_msg("%s", err.text);
    return -1;
}

static void close_db(struct member *m)
{
    stmts_free(m->stmts);
    db_close(m->db);
    m->stmts = NULL;
    m->db = NULL;
}

static void on_apply(void *data, uint64_t index, uint64_t term, struct slice entry, uint64_t ticket)
{
    struct member *m = data;
    uint64_t before = (uint64_t)stmt_one_i64(stmts_use(m->stmts, CHAIN), 0);
    struct stmt *q = stmts_use(m->stmts, LINK);
    stmt_bind_i64_at(q, 1, (int64_t)index);
    stmt_bind_i64_at(q, 2, (int64_t)hash64(entry.p, entry.len, before ^ index));
    stmt_run(q);
    if (m->applied != NULL)
        m->applied(m, index, term, entry, ticket);
}

static void need(int rv, const struct error *err)
{
    if (rv != 0)
        fail_msg("%s", err->text);
}

void member_format(struct member *m)
{
    struct error err;
    need(open_db(m), &err);
    need(db_schema_step(m->db, SCHEMA, 1, &err), &err);
    need(replica_format(m->db, m->id, m->store, &err), &err);
    close_db(m);
}

void member_bootstrap(struct member *m, const struct replica_server *servers, size_t n)
{
    struct error err;
    member_format(m);
    need(open_db(m), &err);
    need(replica_bootstrap(m->db, servers, n, &err), &err);
    close_db(m);
}

static int open_machine(struct member *m, struct error *err)
{
    return db_prepare(m->db, table, N_STATEMENTS, &m->stmts, err);
}

int member_open(struct member *m, struct now now)
{
    struct error err;
    if (open_db(m) != 0)
        return -1;
    struct replica_options o = m->options;
    o.db = m->db;
    o.id = m->id;
    o.store = m->store;
    o.address = m->address;
    o.vfs = m->address;
    o.machine = (struct replica_machine){m, on_apply};
    if (open_machine(m, &err) == 0 && replica_open(&o, now, &m->r, &err) == 0)
        return 0;
    if (!faultvfs_dead(m->disk))
        fail_msg("%s", err.text);
    close_db(m);
    return -1;
}

void member_stop(struct member *m)
{
    replica_close(m->r);
    m->r = NULL;
    close_db(m);
}

void member_crash(struct member *m, enum fate fate)
{
    faultvfs_die(m->disk);
    member_stop(m);
    faultvfs_revive(m->disk, fate);
}

uint64_t member_chain(struct member *m)
{
    return (uint64_t)stmt_one_i64(stmts_use(m->stmts, CHAIN), 0);
}

int member_install(struct member *m, uint64_t token, const char *path, struct now now)
{
    struct error err;
    bool open;
    stmts_free(m->stmts);
    m->stmts = NULL;
    int rv = replica_install_swap(m->r, token, path, &open, &err);
    if (open && rv != 0 && !faultvfs_dead(m->disk))
        fail_msg("%s", err.text);
    if (!open)
        m->db = NULL;
    if (rv != 0)
        return -1;
    if (open_db(m) != 0)
        return -1;
    rv = open_machine(m, &err);
    if (rv == 0)
        rv = replica_install_resume(m->r, m->db, now, &err);
    if (rv != 0 && !faultvfs_dead(m->disk))
        fail_msg("%s", err.text);
    return rv;
}

int member_make_snapshot(struct member *m, uint64_t token, char path_out[TMP_PATH_SIZE])
{
    struct error err;
    struct db *db;
    char name[64];
    struct replica_snapshot s = {0};
    struct db_options options = {.vfs = m->address, .read_only = true, .busy_ms = 100};
    snprintf(name, sizeof name, "n%llu-%llu.snapshot", (unsigned long long)m->id,
             (unsigned long long)token);
    tmp_file(path_out, m->folder, name);
    unlink(path_out);
    int rv = db_open(m->path, &options, &db, &err);
    if (rv == 0) {
        rv = db_copy_to(db, path_out, &err);
        db_close(db);
    }
    if (rv == 0)
        rv = replica_snapshot_prune(path_out, m->address, &s, &err);
    if (rv != 0 && !faultvfs_dead(m->disk))
        fail_msg("%s", err.text);
    s.token = token;
    replica_snapshot_ready(m->r, rv == 0 ? &s : NULL);
    replica_snapshot_close(&s);
    return rv;
}
