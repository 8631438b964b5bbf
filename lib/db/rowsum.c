#include "db/rowsum.h"

#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/str.h"
#include "db/private.h"

#define EXACT_INTEGERS 9007199254740992.0 /* 2^53 */

/* What a row's hash was when it was written last: who changes it again, or deletes it, need not
 * read it for that. */
#define KNOWN_ROWS 16384
struct known_row {
    int64_t rowid;
    uint64_t hash; /* 0: not known */
};

struct rowsum {
    const char *table;
    bool has_rowids;
    struct known_row *known; /* NULL until a row is written */
    uint64_t seed;           /* of its rows: the table's name */
    uint64_t sum, stored;    /* now; as row_sums has it in the open transaction or outside of one */
    uint64_t begun;          /* at the start of the transaction, for a rollback */
    uint64_t saved[DB_SAVEPOINTS_MAX];
    void (*changes)(void *data, int64_t rowid); /* NULL: nobody watches */
    void *data;
};

#define NAMED 64

struct rowsums {
    struct db *db;
    sqlite3_stmt *store;
    struct named { /* tables by their names as SQLite passes them to the hook, which are the
                      schema's own: where they lie says which they are, until it is read anew */
        const char *name;
        struct rowsum *table;
    } named[NAMED];
    size_t n;
    struct rowsum items[];
};

static uint64_t seed_of(const char *table)
{
    return hash64(table, strlen(table), 0);
}

/* ---- the hash of one row */

/* Small values are gathered and hashed together; a long one is hashed where it lies. */
#define GATHERED_BYTES 256
#define LONG_BYTES 64

struct hashing {
    uint64_t h; /* of all that is not gathered any more */
    size_t n;
    uint8_t gathered[GATHERED_BYTES];
};

static void hash_begin(struct hashing *h, uint64_t seed)
{
    h->h = seed;
    h->n = 0;
}

static uint64_t hashed(struct hashing *h)
{
    if (h->n > 0)
        h->h = hash64(h->gathered, h->n, h->h);
    h->n = 0;
    return h->h;
}

/* The type and the length stand before the bytes, so that values do not run together. */
static void add(struct hashing *h, uint8_t type, const void *p, size_t len)
{
    uint64_t head = (uint64_t)len << 8 | type;
    size_t here = len < LONG_BYTES ? len : 0;
    if (h->n + sizeof head + here > GATHERED_BYTES)
        hashed(h);
    memcpy(h->gathered + h->n, &head, sizeof head);
    if (here > 0)
        memcpy(h->gathered + h->n + sizeof head, p, here);
    h->n += sizeof head + here;
    if (here < len)
        h->h = hash64(p, len, hashed(h));
}

static void add_real(struct hashing *h, double d)
{
    int64_t i = d > -EXACT_INTEGERS && d < EXACT_INTEGERS ? (int64_t)d : 0;
    if ((double)i == d)
        add(h, SQLITE_INTEGER, &i, sizeof i);
    else
        add(h, SQLITE_FLOAT, &d, sizeof d);
}

static void add_value(struct hashing *h, sqlite3_value *v)
{
    int type = sqlite3_value_type(v);
    int64_t i;
    const void *p;
    switch (type) {
    case SQLITE_INTEGER:
        i = sqlite3_value_int64(v);
        add(h, SQLITE_INTEGER, &i, sizeof i);
        break;
    case SQLITE_FLOAT:
        add_real(h, sqlite3_value_double(v));
        break;
    case SQLITE_TEXT:
    case SQLITE_BLOB: /* first the bytes, then their number: that is the order SQLite wants; of a
                       * text as they are, for a NUL behind them it would be copied */
        p = sqlite3_value_blob(v);
        add(h, (uint8_t)type, p, (size_t)sqlite3_value_bytes(v));
        break;
    default:
        add(h, SQLITE_NULL, NULL, 0);
    }
}

/* ---- as rows change */

static struct rowsum *find(struct rowsums *s, const char *table)
{
    for (size_t i = 0; i < s->n; i++)
        if (sqlite3_stricmp(s->items[i].table, table) == 0)
            return &s->items[i];
    return NULL;
}

static struct rowsum *find_named(struct rowsums *s, const char *name)
{
    struct named *place = &s->named[((uintptr_t)name >> 4) % NAMED];
    if (place->name != name)
        *place = (struct named){name, find(s, name)};
    return place->table;
}

static void forget_names(struct rowsums *s)
{
    memset(s->named, 0, sizeof s->named);
}

typedef int get_value(sqlite3 *sqlite, int column, sqlite3_value **value);

static uint64_t hash_changed(struct rowsums *s, const struct rowsum *t, get_value *get)
{
    struct hashing h;
    hash_begin(&h, t->seed);
    int n = sqlite3_preupdate_count(s->db->sqlite);
    for (int i = 0; i < n; i++) {
        sqlite3_value *v = NULL;
        int rc = get(s->db->sqlite, i, &v);
        if (rc != SQLITE_OK) {
            db_fail(s->db, rc, "hashing a row");
            return 0;
        }
        add_value(&h, v);
    }
    return hashed(&h);
}

static struct known_row *known_place(struct rowsum *t, int64_t rowid)
{
    if (!t->has_rowids)
        return NULL;
    if (t->known == NULL)
        t->known = mem_zalloc(KNOWN_ROWS * sizeof t->known[0]);
    return &t->known[(uint64_t)rowid % KNOWN_ROWS];
}

static uint64_t hash_old(struct rowsums *s, struct rowsum *t, int64_t rowid)
{
    struct known_row *k = known_place(t, rowid);
    if (k == NULL || k->rowid != rowid || k->hash == 0)
        return hash_changed(s, t, sqlite3_preupdate_old);
    uint64_t hash = k->hash;
    k->hash = 0;
    return hash;
}

static uint64_t hash_new(struct rowsums *s, struct rowsum *t, int64_t rowid)
{
    uint64_t hash = hash_changed(s, t, sqlite3_preupdate_new);
    struct known_row *k = known_place(t, rowid);
    bool may_be_undone = s->db->savepoints > 0; /* and then all others still hold */
    if (k != NULL)
        *k = (struct known_row){rowid, may_be_undone ? 0 : hash};
    return hash;
}

static void forget_known(struct rowsum *t)
{
    mem_free(t->known);
    t->known = NULL;
}

static void on_change(void *data, sqlite3 *sqlite, int op, const char *schema, const char *table,
                      sqlite3_int64 old_rowid, sqlite3_int64 new_rowid)
{
    (void)sqlite;
    (void)schema;
    struct rowsums *s = data;
    ASSERT(db_in_transaction(s->db)); /* else nobody would store the sum */
    struct rowsum *t = find_named(s, table);
    if (t == NULL)
        return;
    if (t->changes != NULL && op != SQLITE_INSERT)
        t->changes(t->data, old_rowid);
    if (t->changes != NULL && op != SQLITE_DELETE)
        t->changes(t->data, new_rowid);
    if (op != SQLITE_INSERT)
        t->sum -= hash_old(s, t, old_rowid);
    if (op != SQLITE_DELETE)
        t->sum += hash_new(s, t, new_rowid);
}

/* ---- transactions */

void rowsums_free(struct rowsums *s)
{
    if (s == NULL)
        return;
    sqlite3_finalize(s->store);
    for (size_t i = 0; i < s->n; i++)
        forget_known(&s->items[i]);
    mem_free(s);
}

void rowsums_begin(struct rowsums *s)
{
    forget_names(s); /* the schema may have been read anew */
    for (size_t i = 0; i < s->n; i++)
        s->items[i].begun = s->items[i].sum;
}

static int store(struct db *db, struct rowsum *t, struct error *err)
{
    sqlite3_stmt *q = db->sums->store;
    sqlite3_bind_text(q, 1, t->table, -1, SQLITE_STATIC);
    sqlite3_bind_int64(q, 2, (int64_t)t->sum);
    if (db_run_own(db, q, "storing a table's sum", err) != 0)
        return -1;
    t->stored = t->sum;
    return 0;
}

int rowsums_commit(struct db *db, struct error *err)
{
    for (size_t i = 0; i < db->sums->n; i++) {
        struct rowsum *t = &db->sums->items[i];
        if (t->sum != t->stored && store(db, t, err) != 0)
            return -1;
    }
    return 0;
}

static void tell_undone(const struct rowsums *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->items[i].changes != NULL)
            s->items[i].changes(s->items[i].data, 0);
}

void rowsums_rollback(struct rowsums *s)
{
    forget_names(s);
    tell_undone(s);
    for (size_t i = 0; i < s->n; i++) {
        s->items[i].sum = s->items[i].stored = s->items[i].begun;
        forget_known(&s->items[i]);
    }
}

void rowsums_savepoint(struct rowsums *s, unsigned depth)
{
    for (size_t i = 0; i < s->n; i++)
        s->items[i].saved[depth] = s->items[i].sum;
}

void rowsums_rollback_to(struct rowsums *s, unsigned depth)
{
    forget_names(s);
    tell_undone(s);
    for (size_t i = 0; i < s->n; i++)
        s->items[i].sum = s->items[i].saved[depth];
}

/* ---- by scanning */

static int scan(struct db *db, const char *table, uint64_t seed, uint64_t *sum_out,
                struct error *err)
{
    char *sql = sqlite3_mprintf("select * from \"%w\"", table);
    sqlite3_stmt *q = db_prepare_own(db, sql, 0, err);
    sqlite3_free(sql);
    if (q == NULL)
        return -1;
    int rc, columns = sqlite3_column_count(q);
    uint64_t sum = 0;
    while ((rc = sqlite3_step(q)) == SQLITE_ROW) {
        struct hashing h;
        hash_begin(&h, seed);
        for (int i = 0; i < columns; i++)
            add_value(&h, sqlite3_column_value(q, i));
        sum += hashed(&h);
    }
    sqlite3_finalize(q);
    if (rc != SQLITE_DONE)
        return db_error(db, rc, "hashing a table", err);
    *sum_out = sum;
    return 0;
}

static int differs(const char *table, uint64_t kept, uint64_t sum, struct error *err)
{
    return error_set(err, ERR_CORRUPT, "%s: its kept sum is %016llx, that of its rows %016llx",
                     table, (unsigned long long)kept, (unsigned long long)sum);
}

int db_rowsums_verify(struct db *db, struct error *err)
{
    ASSERT(db->sums != NULL);
    for (size_t i = 0; i < db->sums->n; i++) {
        const struct rowsum *t = &db->sums->items[i];
        uint64_t sum;
        if (scan(db, t->table, t->seed, &sum, err) != 0)
            return -1;
        if (sum != t->sum)
            return differs(t->table, t->sum, sum, err);
    }
    return 0;
}

static int check_stored(struct db *db, sqlite3_stmt *q, struct error *err)
{
    int rc;
    while ((rc = sqlite3_step(q)) == SQLITE_ROW) {
        const char *table = (const char *)sqlite3_column_text(q, 0);
        uint64_t sum, kept = (uint64_t)sqlite3_column_int64(q, 1);
        if (scan(db, table, seed_of(table), &sum, err) != 0)
            return -1;
        if (sum != kept)
            return differs(table, kept, sum, err);
    }
    return rc == SQLITE_DONE ? 0 : db_error(db, rc, "reading row_sums", err);
}

int db_rowsums_check(struct db *db, struct error *err)
{
    ASSERT(db->sums == NULL);
    if (db_begin(db, DB_READ, err) != 0)
        return -1;
    sqlite3_stmt *q = db_prepare_own(db, "select name, sum from row_sums order by name", 0, err);
    int rv = q != NULL ? check_stored(db, q, err) : -1;
    sqlite3_finalize(q);
    db_rollback(db);
    return rv;
}

int rowsums_count_anew(struct db *db, struct error *err)
{
    forget_names(db->sums);
    for (size_t i = 0; i < db->sums->n; i++) {
        struct rowsum *t = &db->sums->items[i];
        forget_known(t);
        if (scan(db, t->table, t->seed, &t->sum, err) != 0)
            return -1;
    }
    return 0;
}

/* ---- asking */

void db_rowsums_watch(struct db *db, const char *table, void (*changes)(void *data, int64_t rowid),
                      void *data)
{
    ASSERT(db->sums != NULL);
    struct rowsum *t = find(db->sums, table);
    ASSERT(t != NULL && (t->changes == NULL || changes == NULL));
    t->changes = changes;
    t->data = data;
}

uint64_t db_rowsum(const struct db *db, const char *table)
{
    ASSERT(db->sums != NULL);
    const struct rowsum *t = find(db->sums, table);
    ASSERT(t != NULL);
    return t->sum;
}

uint64_t db_rowsum_all(const struct db *db)
{
    ASSERT(db->sums != NULL);
    uint64_t all = 0;
    for (size_t i = 0; i < db->sums->n; i++) {
        const struct rowsum *t = &db->sums->items[i];
        all += hash64(&t->sum, sizeof t->sum, t->seed);
    }
    return all;
}

/* ---- starting */

/* Generated columns are counted differently by the hook and by a scan. */
static int refuse_odd_table(struct db *db, const char *table, struct error *err)
{
    sqlite3_stmt *q =
        db_prepare_own(db, "select count(*), sum(hidden) from pragma_table_xinfo(?1)", 0, err);
    if (q == NULL)
        return -1;
    sqlite3_bind_text(q, 1, table, -1, SQLITE_STATIC);
    int rc = sqlite3_step(q), rv = 0;
    if (rc != SQLITE_ROW)
        rv = db_error(db, rc, table, err);
    else if (sqlite3_column_int(q, 0) == 0 || sqlite3_column_int(q, 1) != 0)
        rv = error_set(err, ERR_INVALID, "%s: got %s, need a table of plain columns", table,
                       sqlite3_column_int(q, 0) == 0 ? "nothing" : "generated columns");
    sqlite3_finalize(q);
    return rv;
}

/* The stored sum if there is one, else a count; false in *found_out says which. */
static int load_stored(struct db *db, struct rowsum *t, bool *found_out, struct error *err)
{
    sqlite3_stmt *q = db_prepare_own(db, "select sum from row_sums where name = ?1", 0, err);
    if (q == NULL)
        return -1;
    sqlite3_bind_text(q, 1, t->table, -1, SQLITE_STATIC);
    int rc = sqlite3_step(q);
    *found_out = rc == SQLITE_ROW;
    if (rc == SQLITE_ROW)
        t->sum = t->stored = (uint64_t)sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : db_error(db, rc, "reading row_sums", err);
}

static int start_one(struct db *db, struct rowsum *t, struct error *err)
{
    bool found;
    if (refuse_odd_table(db, t->table, err) != 0 || load_stored(db, t, &found, err) != 0)
        return -1;
    t->has_rowids = sqlite3_table_column_metadata(db->sqlite, "main", t->table, "rowid", NULL, NULL,
                                                  NULL, NULL, NULL) == SQLITE_OK;
    if (found)
        return 0;
    return scan(db, t->table, t->seed, &t->sum, err) != 0 ? -1 : store(db, t, err);
}

static int start_all(struct db *db, struct error *err)
{
    struct rowsums *s = db->sums;
    if (db_exec(db,
                "create table if not exists row_sums("
                "name text primary key, sum integer not null) strict, without rowid",
                err) != 0)
        return -1;
    s->store = db_prepare_own(db, "insert or replace into row_sums values(?1, ?2)",
                              SQLITE_PREPARE_PERSISTENT, err);
    if (s->store == NULL)
        return -1;
    for (size_t i = 0; i < s->n; i++)
        if (start_one(db, &s->items[i], err) != 0)
            return -1;
    return 0;
}

static int end_own(struct db *db, bool own, int rv, struct error *err)
{
    if (rv == 0)
        return own ? db_commit(db, err) : 0;
    if (own)
        db_rollback(db);
    return -1;
}

int db_rowsums_start(struct db *db, const char *const *tables, size_t n, struct error *err)
{
    ASSERT(db->sums == NULL);
    bool own = !db_in_transaction(db);
    if (own && db_begin(db, DB_FULL, err) != 0)
        return -1;
    struct rowsums *s = mem_zalloc(sizeof *s + n * sizeof s->items[0]);
    s->db = db;
    s->n = n;
    for (size_t i = 0; i < n; i++)
        s->items[i] = (struct rowsum){.table = tables[i], .seed = seed_of(tables[i])};
    db->sums = s;
    int rv = end_own(db, own, start_all(db, err), err);
    if (rv != 0) {
        db->sums = NULL;
        rowsums_free(s);
        return -1;
    }
    rowsums_begin(s);
    sqlite3_preupdate_hook(db->sqlite, on_change, s);
    return 0;
}

int db_rowsums_recount(struct db *db, struct error *err)
{
    if (db->sums == NULL)
        return 0;
    bool own = !db_in_transaction(db);
    if (own && db_begin(db, DB_FULL, err) != 0)
        return -1;
    tell_undone(db->sums);
    return end_own(db, own, rowsums_count_anew(db, err), err);
}

int db_rowsums_stop(struct db *db, struct error *err)
{
    ASSERT(db->sums != NULL && db_in_transaction(db));
    db_rowsums_drop(db);
    return db_exec(db, "drop table row_sums", err);
}

void db_rowsums_drop(struct db *db)
{
    sqlite3_preupdate_hook(db->sqlite, NULL, NULL);
    rowsums_free(db->sums);
    db->sums = NULL;
}
