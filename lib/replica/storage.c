#include "replica/storage.h"

#include <raft.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"

static const char schema[] =
    "create table raft_node(k integer primary key check(k = 0), id integer not null,"
    " store integer not null) strict;"
    "create table raft_meta(k integer primary key check(k = 0), term integer not null,"
    " vote integer not null) strict;"
    "create table raft_log(idx integer primary key, term integer not null, type integer not null,"
    " data blob not null) strict;"
    "create table raft_state(k integer primary key check(k = 0), applied integer not null,"
    " applied_term integer not null, conf_index integer not null, conf blob) strict;";

#define STATEMENTS(X)                                                                        \
    X(SET_TERM, "update raft_meta set term = ?1, vote = ?2")                                 \
    X(TRUNCATE, "delete from raft_log where idx >= ?1")                                      \
    X(APPEND, "insert into raft_log values(?1, ?2, ?3, ?4)")                                 \
    X(DATA, "select data from raft_log where idx = ?1")                                      \
    X(COMPACT, "delete from raft_log where idx <= ?1")                                       \
    X(SET_APPLIED, "update raft_state set applied = ?1, applied_term = ?2, conf_index = ?3," \
                   " conf = ?4")                                                             \
    X(GET_NODE, "select id, store from raft_node")                                           \
    X(GET_TERM, "select term, vote from raft_meta")                                          \
    X(GET_APPLIED, "select applied, applied_term, conf_index, conf from raft_state")         \
    X(GET_LOG, "select idx, term, type, length(data) from raft_log order by idx")
enum { DB_ENUM(STATEMENTS) N_STATEMENTS };
static const struct db_sql statements[] = {DB_TABLE(STATEMENTS)};

static struct slice conf_slice(const struct applied *a)
{
    return buf_slice(&a->conf);
}

/* ---- making the tables */

static int has_tables(struct db *db, bool *out, struct error *err)
{
    struct stmt *q =
        db_query(db, SLICE("select count(*) from sqlite_schema where name = 'raft_meta'"), err);
    if (q == NULL)
        return -1;
    *out = stmt_one_i64(q, 0) != 0;
    stmt_free(q);
    return db_check(db, err);
}

/* Runs one statement with up to four numbers, for the rare paths that have no prepared table. */
static int run_once(struct db *db, const char *sql, const int64_t *values, int n, struct error *err)
{
    struct stmt *q = db_query(db, slice_of(sql), err);
    if (q == NULL)
        return -1;
    for (int i = 0; i < n; i++)
        stmt_bind_i64_at(q, i + 1, values[i]);
    stmt_run(q);
    stmt_free(q);
    return db_check(db, err);
}

static int write_identity(struct db *db, uint64_t id, uint64_t store, uint64_t term, uint64_t vote,
                          struct error *err)
{
    int64_t node[] = {(int64_t)id, (int64_t)store}, meta[] = {(int64_t)term, (int64_t)vote};
    if (run_once(db, "insert into raft_node values(0, ?1, ?2)", node, 2, err) != 0)
        return -1;
    return run_once(db, "insert into raft_meta values(0, ?1, ?2)", meta, 2, err);
}

static int format_in_transaction(struct db *db, uint64_t id, uint64_t store, struct error *err)
{
    bool there;
    if (has_tables(db, &there, err) != 0)
        return -1;
    if (there)
        return error_set(err, ERR_CONFLICT, "%s: got a node's data already, need a new file",
                         db_path(db));
    if (db_exec(db, schema, err) != 0 || write_identity(db, id, store, 0, 0, err) != 0)
        return -1;
    return db_exec(db, "insert into raft_state values(0, 0, 0, 0, null)", err);
}

static int end_transaction(struct db *db, int rv, struct error *err)
{
    if (rv == 0)
        return db_commit(db, err);
    db_rollback(db);
    return -1;
}

int storage_format(struct db *db, uint64_t id, uint64_t store, struct error *err)
{
    ASSERT(id != 0 && id <= INT64_MAX && store != 0 && store <= INT64_MAX);
    if (db_begin(db, DB_FULL, err) != 0)
        return -1;
    return end_transaction(db, format_in_transaction(db, id, store, err), err);
}

static int bootstrap_in_transaction(struct db *db, struct slice conf, struct error *err)
{
    struct stmt *q = db_query(db, SLICE("select term from raft_meta"), err);
    if (q == NULL)
        return -1;
    int64_t term = stmt_one_i64(q, -1);
    stmt_free(q);
    if (db_check(db, err) != 0)
        return -1;
    if (term != 0)
        return error_set(err, ERR_CONFLICT, "%s: got a member of a cluster, need a new node",
                         db_path(db));
    q = db_query(db, SLICE("insert into raft_log values(1, 1, ?1, ?2)"), err);
    if (q == NULL)
        return -1;
    stmt_bind_i64_at(q, 1, RAFT_CHANGE);
    stmt_bind_blob_at(q, 2, conf);
    stmt_run(q);
    stmt_free(q);
    if (db_check(db, err) != 0)
        return -1;
    return db_exec(db, "update raft_meta set term = 1, vote = 0", err);
}

int storage_bootstrap(struct db *db, struct slice conf, struct error *err)
{
    if (db_begin(db, DB_FULL, err) != 0)
        return -1;
    return end_transaction(db, bootstrap_in_transaction(db, conf, err), err);
}

/* ---- the rows in memory */

static struct log_row *row(const struct storage *s, uint64_t index)
{
    return index >= s->first && index - s->first < s->n_rows ? &s->rows[index - s->first] : NULL;
}

static void forget_data(struct storage *s, struct log_row *r)
{
    if (r->data == NULL)
        return;
    s->memory_bytes -= r->len;
    mem_free(r->data);
    r->data = NULL;
}

static void push_row(struct storage *s, uint64_t term, uint8_t type, uint32_t len)
{
    if (s->n_rows == s->cap_rows) {
        s->cap_rows = s->cap_rows == 0 ? 64 : 2 * s->cap_rows;
        s->rows = mem_realloc(s->rows, s->cap_rows * sizeof s->rows[0]);
    }
    s->rows[s->n_rows++] = (struct log_row){.term = term, .type = type, .len = len};
    s->log_bytes += len;
}

static void remember_data(struct storage *s, struct slice data)
{
    struct log_row *r = &s->rows[s->n_rows - 1];
    r->data = mem_alloc(data.len + 1);
    if (data.len > 0)
        memcpy(r->data, data.p, data.len);
    s->memory_bytes += r->len;
    while (s->memory_bytes > LIMIT_TAIL_BYTES && s->in_memory < s->first + s->n_rows - 1)
        forget_data(s, row(s, s->in_memory++));
}

/* ---- opening */

static int check_identity(struct storage *s, uint64_t id, uint64_t store, struct error *err)
{
    struct stmt *q = stmts_use(s->stmts, GET_NODE);
    uint64_t its_id = 0, its_store = 0;
    if (stmt_row(q)) {
        its_id = (uint64_t)stmt_i64(q, 0);
        its_store = (uint64_t)stmt_i64(q, 1);
    }
    stmt_end(q);
    if (db_check(s->db, err) != 0)
        return -1;
    if (its_id != id || its_store != store)
        return error_set(err, ERR_CONFLICT,
                         "%s: got the file of node %llu, store %llu, need %llu, %llu",
                         db_path(s->db), (unsigned long long)its_id, (unsigned long long)its_store,
                         (unsigned long long)id, (unsigned long long)store);
    return 0;
}

static void load_applied(struct stmt *q, struct applied *out)
{
    out->index = (uint64_t)stmt_i64(q, 0);
    out->term = (uint64_t)stmt_i64(q, 1);
    out->conf_index = (uint64_t)stmt_i64(q, 2);
    buf_init(&out->conf, LIMIT_PEER_FRAME_BYTES);
    buf_put_slice(&out->conf, stmt_blob(q, 3));
}

static int load_single_rows(struct storage *s, struct error *err)
{
    struct stmt *q = stmts_use(s->stmts, GET_TERM);
    bool found = stmt_row(q);
    if (found) {
        s->term = (uint64_t)stmt_i64(q, 0);
        s->vote = (uint64_t)stmt_i64(q, 1);
    }
    stmt_end(q);
    q = stmts_use(s->stmts, GET_APPLIED);
    found = stmt_row(q) && found;
    if (found)
        load_applied(q, &s->applied);
    stmt_end(q);
    if (db_check(s->db, err) != 0)
        return -1;
    return found ? 0 : error_set(err, ERR_CORRUPT, "%s: rows of Raft are missing", db_path(s->db));
}

static int load_log(struct storage *s, struct error *err)
{
    struct stmt *q = stmts_use(s->stmts, GET_LOG);
    s->first = s->applied.index + 1;
    bool hole = false;
    while (!hole && stmt_row(q)) {
        uint64_t index = (uint64_t)stmt_i64(q, 0);
        if (s->n_rows == 0)
            s->first = index;
        hole = index != s->first + s->n_rows;
        push_row(s, (uint64_t)stmt_i64(q, 1), (uint8_t)stmt_i64(q, 2), (uint32_t)stmt_i64(q, 3));
    }
    stmt_end(q);
    if (db_check(s->db, err) != 0)
        return -1;
    s->in_memory = s->first + s->n_rows;
    if (hole || s->first > s->applied.index + 1 || s->in_memory < s->applied.index + 1)
        return error_set(err, ERR_CORRUPT, "%s: the log has rows %llu to %llu with %llu applied",
                         db_path(s->db), (unsigned long long)s->first,
                         (unsigned long long)s->in_memory - 1,
                         (unsigned long long)s->applied.index);
    return 0;
}

static int no_data(struct db *db, struct error *err)
{
    return error_set(err, ERR_NOT_FOUND,
                     "%s: got no node's data, need a file that init or join made", db_path(db));
}

int storage_identity(struct db *db, uint64_t *id_out, uint64_t *store_out, struct error *err)
{
    bool there;
    if (has_tables(db, &there, err) != 0)
        return -1;
    if (!there)
        return no_data(db, err);
    struct stmt *q = db_query(db, SLICE("select id, store from raft_node"), err);
    if (q == NULL)
        return -1;
    bool found = stmt_row(q);
    *id_out = found ? (uint64_t)stmt_i64(q, 0) : 0;
    *store_out = found ? (uint64_t)stmt_i64(q, 1) : 0;
    stmt_free(q);
    return db_check(db, err);
}

int storage_claim(struct db *db, uint64_t id, uint64_t store, struct error *err)
{
    struct stmt *q = db_query(db, SLICE("select applied_term from raft_state"), err);
    if (q == NULL)
        return -1;
    uint64_t term = (uint64_t)stmt_one_i64(q, 0);
    stmt_free(q);
    return db_check(db, err) != 0 ? -1 : write_identity(db, id, store, term, 0, err);
}

int storage_open(struct storage *s, struct db *db, uint64_t id, uint64_t store, struct error *err)
{
    bool there;
    if (has_tables(db, &there, err) != 0)
        return -1;
    if (!there)
        return no_data(db, err);
    *s = (struct storage){.db = db};
    buf_init(&s->scratch, LIMIT_PEER_FRAME_BYTES);
    if (db_prepare(db, statements, N_STATEMENTS, &s->stmts, err) == 0 &&
        check_identity(s, id, store, err) == 0 && load_single_rows(s, err) == 0 &&
        load_log(s, err) == 0)
        return 0;
    storage_close(s);
    return -1;
}

void storage_close(struct storage *s)
{
    for (size_t i = 0; i < s->n_rows; i++)
        mem_free(s->rows[i].data);
    mem_free(s->rows);
    buf_close(&s->applied.conf);
    buf_close(&s->scratch);
    stmts_free(s->stmts);
    *s = (struct storage){0};
}

/* ---- writing */

void storage_set_term(struct storage *s, uint64_t term, uint64_t vote)
{
    s->term = term;
    s->vote = vote;
    struct stmt *q = stmts_use(s->stmts, SET_TERM);
    stmt_bind_i64_at(q, 1, (int64_t)term);
    stmt_bind_i64_at(q, 2, (int64_t)vote);
    stmt_run(q);
}

void storage_truncate(struct storage *s, uint64_t from)
{
    ASSERT(from > s->applied.index);
    while (s->n_rows > 0 && s->first + s->n_rows > from) {
        struct log_row *last = &s->rows[--s->n_rows];
        forget_data(s, last);
        s->log_bytes -= last->len;
    }
    if (s->in_memory > s->first + s->n_rows)
        s->in_memory = s->first + s->n_rows;
    struct stmt *q = stmts_use(s->stmts, TRUNCATE);
    stmt_bind_i64_at(q, 1, (int64_t)from);
    stmt_run(q);
}

void storage_append(struct storage *s, uint64_t term, uint8_t type, struct slice data)
{
    uint64_t index = s->first + s->n_rows;
    struct stmt *q = stmts_use(s->stmts, APPEND);
    stmt_bind_i64_at(q, 1, (int64_t)index);
    stmt_bind_i64_at(q, 2, (int64_t)term);
    stmt_bind_i64_at(q, 3, type);
    stmt_bind_blob_at(q, 4, data);
    stmt_run(q);
    push_row(s, term, type, (uint32_t)data.len);
    remember_data(s, data);
}

void storage_store_applied(struct storage *s)
{
    struct stmt *q = stmts_use(s->stmts, SET_APPLIED);
    stmt_bind_i64_at(q, 1, (int64_t)s->applied.index);
    stmt_bind_i64_at(q, 2, (int64_t)s->applied.term);
    stmt_bind_i64_at(q, 3, (int64_t)s->applied.conf_index);
    stmt_bind_blob_at(q, 4, conf_slice(&s->applied));
    stmt_run(q);
}

void storage_compact(struct storage *s, uint64_t upto)
{
    ASSERT(upto <= s->applied.index && upto >= s->first);
    size_t n = (size_t)(upto - s->first) + 1;
    ASSERT(n <= s->n_rows);
    for (size_t i = 0; i < n; i++) {
        forget_data(s, &s->rows[i]);
        s->log_bytes -= s->rows[i].len;
    }
    s->n_rows -= n;
    s->first = upto + 1;
    memmove(s->rows, s->rows + n, s->n_rows * sizeof s->rows[0]);
    if (s->in_memory < s->first)
        s->in_memory = s->first;
    struct stmt *q = stmts_use(s->stmts, COMPACT);
    stmt_bind_i64_at(q, 1, (int64_t)upto);
    stmt_run(q);
}

/* ---- reading */

uint64_t storage_first(const struct storage *s)
{
    return s->first;
}
uint64_t storage_last(const struct storage *s)
{
    return s->first + s->n_rows - 1;
}
int64_t storage_log_bytes(const struct storage *s)
{
    return s->log_bytes;
}
const struct log_row *storage_row(const struct storage *s, uint64_t index)
{
    return row(s, index);
}

uint64_t storage_term_of(const struct storage *s, uint64_t index)
{
    const struct log_row *r = row(s, index);
    return r != NULL ? r->term : index == s->applied.index ? s->applied.term : 0;
}

struct slice storage_data(struct storage *s, uint64_t index)
{
    const struct log_row *r = row(s, index);
    ASSERT(r != NULL);
    if (r->data != NULL)
        return (struct slice){r->data, r->len};
    struct stmt *q = stmts_use(s->stmts, DATA);
    stmt_bind_i64_at(q, 1, (int64_t)index);
    buf_clear(&s->scratch);
    if (stmt_row(q))
        buf_put_slice(&s->scratch, stmt_blob(q, 0));
    stmt_end(q);
    return buf_slice(&s->scratch);
}

uint64_t storage_compactable(const struct storage *s, uint64_t rows, int64_t bytes)
{
    uint64_t keep_from = s->applied.index + 1; /* the first applied row that may stay */
    while (keep_from > s->first && rows > 0) {
        const struct log_row *r = row(s, keep_from - 1);
        bytes -= r->len;
        if (bytes < 0)
            break;
        keep_from--;
        rows--;
    }
    return keep_from > s->first ? keep_from - 1 : 0;
}

/* ---- snapshots */

static int prune_in_transaction(struct db *db, struct applied *out, struct error *err)
{
    struct stmt *q =
        db_query(db, SLICE("select applied, applied_term, conf_index, conf from raft_state"), err);
    if (q == NULL)
        return -1;
    bool found = stmt_row(q);
    if (found)
        load_applied(q, out);
    stmt_free(q);
    if (db_check(db, err) != 0)
        return -1;
    if (!found || out->conf_index == 0)
        return error_set(err, ERR_CORRUPT, "%s: nothing is applied there", db_path(db));
    return db_exec(db, "delete from raft_log; delete from raft_meta; delete from raft_node", err);
}

/* More than an eighth of it is free now: the log may have been most of it. */
static int is_sparse(struct db *db, bool *out, struct error *err)
{
    struct stmt *q = db_query(
        db,
        SLICE(
            "select freelist_count * 8 > page_count from pragma_freelist_count, pragma_page_count"),
        err);
    if (q == NULL)
        return -1;
    *out = stmt_one_i64(q, 0) != 0;
    stmt_free(q);
    return db_check(db, err);
}

static int prune(struct db *db, struct applied *out, struct error *err)
{
    if (db_begin(db, DB_NORMAL, err) != 0 ||
        end_transaction(db, prune_in_transaction(db, out, err), err) != 0)
        return -1;
    bool sparse;
    if (is_sparse(db, &sparse, err) != 0)
        return -1;
    return sparse ? db_exec(db, "vacuum", err) : 0;
}

int storage_prune_copy(const char *path, const char *vfs, struct applied *out, struct error *err)
{
    struct db *db;
    struct db_options options = {.rollback_journal = true, .vfs = vfs};
    if (db_open(path, &options, &db, err) != 0)
        return -1;
    int rv = prune(db, out, err);
    db_close(db);
    return rv;
}

/* What we have promised to have is in it, or behind it. A row at its end that is another one than
 * ours says that ours were never committed from there on. */
static int copy_rows(struct storage *ours, struct db *db, const struct applied *from,
                     struct error *err)
{
    if (storage_term_of(ours, from->index) != from->term)
        return 0;
    struct stmt *q = db_query(db, SLICE("insert into raft_log values(?1, ?2, ?3, ?4)"), err);
    if (q == NULL)
        return -1;
    for (uint64_t i = from->index + 1; i <= storage_last(ours); i++) {
        const struct log_row *r = row(ours, i);
        stmt_bind_i64_at(q, 1, (int64_t)i);
        stmt_bind_i64_at(q, 2, (int64_t)r->term);
        stmt_bind_i64_at(q, 3, r->type);
        stmt_bind_blob_at(q, 4, storage_data(ours, i));
        stmt_run(q);
    }
    stmt_free(q);
    return db_check(db, err) != 0 || db_check(ours->db, err) != 0 ? -1 : 0;
}

static int adopt(struct db *db, struct storage *ours, uint64_t id, uint64_t store, bool keep_log,
                 struct applied *out, struct error *err)
{
    /* it is pruned already, and may be adopted twice */
    if (prune_in_transaction(db, out, err) != 0 ||
        write_identity(db, id, store, ours->term, ours->vote, err) != 0)
        return -1;
    return keep_log ? copy_rows(ours, db, out, err) : 0;
}

int storage_adopt(const char *path, const char *vfs, struct storage *ours, uint64_t id,
                  uint64_t store, bool keep_log, struct applied *out, struct error *err)
{
    struct db *db;
    struct db_options options = {.rollback_journal = true, .vfs = vfs};
    if (db_open(path, &options, &db, err) != 0)
        return -1;
    int rv = db_begin(db, DB_FULL, err);
    if (rv == 0)
        rv = end_transaction(db, adopt(db, ours, id, store, keep_log, out, err), err);
    db_close(db);
    return rv;
}
