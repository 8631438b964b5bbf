#include "db/db.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "db/private.h"

#define WRITER_CACHE_KIB 16000
#define READER_CACHE_KIB 2000
#define PATIENCE_STEPS 400 /* of the engine, between two questions; one may move megabytes */
#define WAL_HEADER_BYTES 32
#define WAL_FRAME_BYTES (24 + 4096)
#define WAL_SMALL_BYTES (256 << 10) /* so long it grows by itself */
#define WAL_STEP_BYTES (4 << 20)

/* ---- errors */

static const struct {
    int rc;
    enum error_code code;
} codes[] = {
    {SQLITE_ERROR, ERR_SYNTAX},       {SQLITE_CORRUPT, ERR_CORRUPT},
    {SQLITE_NOTADB, ERR_CORRUPT},     {SQLITE_BUSY, ERR_UNAVAILABLE},
    {SQLITE_LOCKED, ERR_UNAVAILABLE}, {SQLITE_INTERRUPT, ERR_LIMIT},
    {SQLITE_TOOBIG, ERR_LIMIT},       {SQLITE_CONSTRAINT, ERR_CONFLICT},
    {SQLITE_AUTH, ERR_INVALID},       {SQLITE_READONLY, ERR_INVALID},
    {SQLITE_MISMATCH, ERR_INVALID},
};

static enum error_code code_of(int rc)
{
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i].rc == (rc & 0xff))
            return codes[i].code;
    return ERR_IO;
}

static void describe(struct db *db, int rc, const char *what, struct error *err)
{
    const char *text =
        sqlite3_errcode(db->sqlite) == rc || sqlite3_extended_errcode(db->sqlite) == rc
            ? sqlite3_errmsg(db->sqlite)
            : sqlite3_errstr(rc);
    if (db->role == DB_ROLE_READING && str_eq(text, "not authorized"))
        text = "it would change something, need a select";
    if ((rc & 0xff) == SQLITE_INTERRUPT) /* of one that somebody waits for */
        error_set(err, ERR_LIMIT, "it takes too long, or too much memory: ask for less at once");
    else if (str_eq(what, DB_SQL)) /* whose words they are */
        error_set(err, code_of(rc), "%s: %s", what, text);
    else
        error_set(err, code_of(rc), "%s: %s (SQLite %d)", what, text, rc);
}

int db_error(struct db *db, int rc, const char *what, struct error *err)
{
    describe(db, rc, what, err);
    if (db->fail_stop && db->failed.code == ERR_NONE)
        db->failed = *err;
    return -1;
}

void db_fail(struct db *db, int rc, const char *what)
{
    if (db->failed.code == ERR_NONE)
        describe(db, rc, what, &db->failed);
}

int db_refuse_failed(const struct db *db, struct error *err)
{
    if (db->failed.code == ERR_NONE)
        return 0;
    *err = db->failed;
    return -1;
}

int db_check(struct db *db, struct error *err)
{
    int rv = db_refuse_failed(db, err);
    if (!db->fail_stop)
        db->failed.code = ERR_NONE;
    return rv;
}

void db_stop(struct db *db, const struct error *err)
{
    if (db->failed.code == ERR_NONE)
        db->failed = *err;
}

bool db_failed(const struct db *db)
{
    return db->failed.code != ERR_NONE;
}

/* ---- our own SQL */

sqlite3_stmt *db_prepare_own(struct db *db, const char *sql, unsigned flags, struct error *err)
{
    sqlite3_stmt *q = NULL;
    db->trusted++;
    int rc = sqlite3_prepare_v3(db->sqlite, sql, -1, flags, &q, NULL);
    db->trusted--;
    if (rc != SQLITE_OK)
        db_error(db, rc, sql, err);
    return q;
}

int db_run_own(struct db *db, sqlite3_stmt *q, const char *what, struct error *err)
{
    db->trusted++; /* a step may prepare anew */
    int rc = sqlite3_step(q);
    db->trusted--;
    int rv = rc == SQLITE_DONE ? 0 : db_error(db, rc, what, err);
    sqlite3_reset(q);
    return rv;
}

int db_exec(struct db *db, const char *sql, struct error *err)
{
    if (db_refuse_failed(db, err) != 0)
        return -1;
    db->trusted++;
    int rc = sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL);
    db->trusted--;
    return rc == SQLITE_OK ? 0 : db_error(db, rc, sql, err);
}

static int run_own(struct db *db, enum db_own which, struct error *err)
{
    static const char *const sql[N_OWN] = {
        [OWN_BEGIN_READ] = "begin",
        [OWN_BEGIN_WRITE] = "begin immediate",
        [OWN_COMMIT] = "commit",
        [OWN_ROLLBACK] = "rollback",
        [OWN_SAVEPOINT] = "savepoint s",
        [OWN_RELEASE] = "release s",
        [OWN_ROLLBACK_TO] = "rollback to s",
    };
    if (db->own[which] == NULL)
        db->own[which] = db_prepare_own(db, sql[which], SQLITE_PREPARE_PERSISTENT, err);
    if (db->own[which] == NULL)
        return -1;
    db->in_own = true;
    int rv = db_run_own(db, db->own[which], sql[which], err);
    db->in_own = false;
    return rv;
}

/* ---- opening and closing */

/* A sync of a file that has grown waits for the file system's journal, and with it for what all
 * others have written; a sync of room that was there does not. If there is none to have, the log
 * grows as it did. */
static void make_room_in_wal(struct db *db)
{
    sqlite3_file *wal = NULL;
    int64_t need = db_wal_bytes(db) + WAL_SMALL_BYTES;
    if (db->wal_room == 0)
        db->wal_room = 2 * WAL_SMALL_BYTES;
    if (need <= db->wal_room)
        return;
    db->wal_room = need + WAL_STEP_BYTES;
    int rc = sqlite3_file_control(db->sqlite, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);
    if (rc != SQLITE_OK || wal == NULL || wal->pMethods == NULL)
        return;
    int step = WAL_STEP_BYTES;
    wal->pMethods->xFileControl(wal, SQLITE_FCNTL_CHUNK_SIZE, &step);
    wal->pMethods->xFileControl(wal, SQLITE_FCNTL_SIZE_HINT, &db->wal_room);
}

static int on_commit_to_wal(void *data, sqlite3 *sqlite, const char *schema, int pages)
{
    struct db *db = data;
    (void)sqlite;
    (void)schema;
    db->wal_pages = pages;
    make_room_in_wal(db);
    return SQLITE_OK;
}

static int set_journal(struct db *db, const char *mode, struct error *err)
{
    sqlite3_stmt *q = db_prepare_own(
        db, str_eq(mode, "wal") ? "pragma journal_mode=wal" : "pragma journal_mode=delete", 0, err);
    if (q == NULL)
        return -1;
    int rc = sqlite3_step(q), rv = 0;
    const char *got = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(q, 0) : NULL;
    if (rc != SQLITE_ROW)
        rv = db_error(db, rc, "setting the journal", err);
    else if (!str_eq(got, mode) && !str_eq(got, "memory"))
        rv = error_set(err, ERR_IO, "journal_mode: got %s, need %s", got, mode);
    sqlite3_finalize(q);
    return rv;
}

static int settle(struct db *db, const struct db_options *o, struct error *err)
{
    sqlite3_extended_result_codes(db->sqlite, 1);
    sqlite3_busy_timeout(db->sqlite, o->busy_ms);
    sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);

    if (!o->read_only && set_journal(db, o->rollback_journal ? "delete" : "wal", err) != 0)
        return -1;
    struct buf sql;
    int cache = o->cache_kib != 0 ? o->cache_kib
                : o->read_only    ? READER_CACHE_KIB
                                  : WRITER_CACHE_KIB;
    buf_init(&sql, 1024);
    buf_printf(&sql, "pragma cache_size=-%d;", cache);
    buf_puts(&sql, "pragma synchronous=full; pragma wal_autocheckpoint=0; pragma foreign_keys=on;"
                   "pragma temp_store=memory; pragma secure_delete=fast;");
    if (!o->read_only)
        buf_puts(&sql, "pragma journal_size_limit=67108864;");
    if (o->reverse_unordered_selects)
        buf_puts(&sql, "pragma reverse_unordered_selects=on;");
    int rv = db_exec(db, buf_str(&sql), err);
    buf_close(&sql);
    db->synchronous = DB_FULL;
    sqlite3_wal_hook(db->sqlite, on_commit_to_wal, db); /* takes autocheckpoint's place */
    return rv;
}

int db_open(const char *path, const struct db_options *options, struct db **db_out,
            struct error *err)
{
    static const struct db_options none;
    const struct db_options *o = options != NULL ? options : &none;
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE |
                (o->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    struct db *db = NEW(struct db);
    db->path = mem_strdup(path);
    const char *vfs = o->vfs != NULL ? o->vfs : "unix-excl"; /* this process's alone */
    int rc = sqlite3_open_v2(path, &db->sqlite, flags, vfs), rv = 0;
    if (rc != SQLITE_OK)
        rv = db_error(db, rc, "opening", err);
    else
        rv = settle(db, o, err);
    if (rv != 0) {
        error_wrap(err, "%s", path);
        db_close(db);
        return -1;
    }
    db->fail_stop = o->fail_stop;
    *db_out = db;
    return 0;
}

void db_close(struct db *db)
{
    if (db == NULL)
        return;
    if (db->sqlite != NULL && db_in_transaction(db))
        db_rollback(db);
    for (size_t i = 0; i < N_OWN; i++)
        sqlite3_finalize(db->own[i]);
    rowsums_free(db->sums);
    int rc = sqlite3_close(db->sqlite);
    ASSERT(rc == SQLITE_OK); /* else: a statement was not freed */
    mem_free(db->path);
    mem_free(db);
}

const char *db_path(const struct db *db)
{
    return db->path;
}

/* ---- transactions */

bool db_in_transaction(const struct db *db)
{
    return !sqlite3_get_autocommit(db->sqlite);
}

enum db_level db_level(const struct db *db)
{
    ASSERT(db_in_transaction(db));
    return db->level;
}

/* The pragma acts when it is prepared, and has nothing to run; inside a transaction SQLite refuses
 * it. */
static int set_synchronous(struct db *db, enum db_level level, struct error *err)
{
    if (db->synchronous == level)
        return 0;
    sqlite3_stmt *q = db_prepare_own(
        db, level == DB_FULL ? "pragma synchronous=full" : "pragma synchronous=normal", 0, err);
    if (q == NULL)
        return -1;
    sqlite3_finalize(q);
    db->synchronous = level;
    return 0;
}

int db_begin(struct db *db, enum db_level level, struct error *err)
{
    ASSERT(!db_in_transaction(db));
    if (db_refuse_failed(db, err) != 0)
        return -1;
    if (level != DB_READ && set_synchronous(db, level, err) != 0)
        return -1;
    if (run_own(db, level == DB_READ ? OWN_BEGIN_READ : OWN_BEGIN_WRITE, err) != 0)
        return -1;
    db->level = level;
    if (db->sums != NULL)
        rowsums_begin(db->sums);
    return 0;
}

int db_commit(struct db *db, struct error *err)
{
    ASSERT(db_in_transaction(db) || db_failed(db)); /* some errors roll back by themselves */
    ASSERT(db->savepoints == 0);
    ASSERT(db->running == 0);
    if (db_check(db, err) == 0 && (db->sums == NULL || rowsums_commit(db, err) == 0) &&
        run_own(db, OWN_COMMIT, err) == 0)
        return 0;
    db_rollback(db);
    return -1;
}

void db_rollback(struct db *db)
{
    struct error ignored; /* a rollback that fails leaves a connection that fails again */
    db->savepoints = 0;
    if (db->sums != NULL)
        rowsums_rollback(db->sums);
    if (db_in_transaction(db) && run_own(db, OWN_ROLLBACK, &ignored) != 0)
        return;
}

static void run_sticky(struct db *db, enum db_own which)
{
    struct error err;
    if (!db_failed(db) && run_own(db, which, &err) != 0 && !db_failed(db))
        db->failed = err;
}

void db_savepoint(struct db *db)
{
    ASSERT(db_in_transaction(db) || db_failed(db));
    ASSERT(db->savepoints < DB_SAVEPOINTS_MAX);
    if (db->sums != NULL)
        rowsums_savepoint(db->sums, db->savepoints);
    db->savepoints++;
    run_sticky(db, OWN_SAVEPOINT);
}

void db_release(struct db *db)
{
    ASSERT(db->savepoints > 0);
    db->savepoints--;
    run_sticky(db, OWN_RELEASE);
}

void db_rollback_to(struct db *db)
{
    ASSERT(db->savepoints > 0);
    db->savepoints--;
    if (db->sums != NULL)
        rowsums_rollback_to(db->sums, db->savepoints);
    run_sticky(db, OWN_ROLLBACK_TO);
    run_sticky(db, OWN_RELEASE);
}

int64_t db_last_id(const struct db *db)
{
    return sqlite3_last_insert_rowid(db->sqlite);
}
int64_t db_changes(const struct db *db)
{
    return sqlite3_changes64(db->sqlite);
}
int64_t db_changes_all(const struct db *db)
{
    return sqlite3_total_changes64(db->sqlite);
}

/* ---- schema */

int db_schema_version(struct db *db, int *version_out, struct error *err)
{
    if (db_refuse_failed(db, err) != 0)
        return -1;
    sqlite3_stmt *q = db_prepare_own(db, "pragma user_version", 0, err);
    if (q == NULL)
        return -1;
    int rc = sqlite3_step(q);
    int version = rc == SQLITE_ROW ? sqlite3_column_int(q, 0) : 0;
    sqlite3_finalize(q);
    if (rc != SQLITE_ROW)
        return db_error(db, rc, "reading the schema's version", err);
    *version_out = version;
    return 0;
}

static int take_step(struct db *db, const char *sql, int version, struct error *err)
{
    char set[64];
    snprintf(set, sizeof set, "pragma user_version=%d", version);
    if (db_exec(db, sql, err) != 0 || db_exec(db, set, err) != 0)
        return error_wrap(err, "schema step %d", version);
    return db->sums == NULL ? 0 : rowsums_count_anew(db, err);
}

int db_schema_step(struct db *db, const char *sql, int version, struct error *err)
{
    int at;
    if (db_schema_version(db, &at, err) != 0)
        return -1;
    if (at != version - 1)
        return error_set(err, ERR_CONFLICT,
                         "schema: it stands at step %d, so step %d cannot follow", at, version);
    if (db_in_transaction(db))
        return take_step(db, sql, version, err);
    if (db_begin(db, DB_FULL, err) != 0)
        return -1;
    if (take_step(db, sql, version, err) != 0) {
        db_rollback(db);
        return -1;
    }
    return db_commit(db, err);
}

/* ---- the write-ahead log */

int64_t db_wal_bytes(const struct db *db)
{
    return db->wal_pages == 0 ? 0 : WAL_HEADER_BYTES + db->wal_pages * WAL_FRAME_BYTES;
}

int db_checkpoint(struct db *db, enum db_checkpoint_mode mode, struct db_checkpoint *out,
                  struct error *err)
{
    static const int modes[] = {[DB_CHECKPOINT_PASSIVE] = SQLITE_CHECKPOINT_PASSIVE,
                                [DB_CHECKPOINT_RESTART] = SQLITE_CHECKPOINT_RESTART,
                                [DB_CHECKPOINT_TRUNCATE] = SQLITE_CHECKPOINT_TRUNCATE};
    int frames = 0, moved = 0;
    int rc = sqlite3_wal_checkpoint_v2(db->sqlite, NULL, modes[mode], &frames, &moved);
    if (rc == SQLITE_BUSY) /* somebody reads: that is no failure of the connection */
        return error_set(err, ERR_UNAVAILABLE, "checkpoint: the database is being read");
    if (rc != SQLITE_OK)
        return db_error(db, rc, "checkpoint", err);
    *out = (struct db_checkpoint){frames, moved};
    return 0;
}

int db_copy_to(struct db *db, const char *path, struct error *err)
{
    sqlite3_stmt *q = db_prepare_own(db, "vacuum into ?1", 0, err);
    if (q == NULL)
        return -1;
    sqlite3_bind_text(q, 1, path, -1, SQLITE_STATIC);
    int rv = db_run_own(db, q, "copying the database", err);
    sqlite3_finalize(q);
    return rv;
}

/* ---- limits of a reader */

static int on_progress(void *data)
{
    struct db *db = data;
    if (db->in_own)
        return 0;
    return db_thread_bytes() > LIMIT_SQL_BYTES || (db->go_on != NULL && !db->go_on(db->go_on_data));
}

void db_set_patience(struct db *db, bool (*go_on)(void *data), void *data)
{
    db->go_on = go_on;
    db->go_on_data = data;
    sqlite3_progress_handler(db->sqlite, go_on != NULL ? PATIENCE_STEPS : 0, on_progress, db);
}
