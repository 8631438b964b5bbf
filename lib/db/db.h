/* lib/db/db.h - one SQLite connection, kept in order: the same settings everywhere, transactions
 * with a level of durability, schema steps.
 *
 * Errors stick, as with struct buf: the first one is kept, from then on every statement of the
 * connection yields nothing, and whoever ends the work asks db_check() once. On a fail_stop
 * connection (the one that applies the log) the error stays for good and no transaction commits
 * any more: its owner stops and starts again from the file.
 *
 * A file is one process's alone, however many connections that has: it is locked once, not for
 * every transaction, and the log's index is in memory of its own.
 *
 * A connection belongs to one thread at a time. Pure but for SQLite's own files: no clock. */
#pragma once

#include "base/buf.h"
#include "base/error.h"

struct db; /* opaque: hides SQLite's connection */

struct db_options {
    bool read_only;                 /* a reader: never writes */
    bool fail_stop;                 /* errors stay for good */
    bool rollback_journal;          /* not WAL: for a received file, which must stay one file */
    bool reverse_unordered_selects; /* the simulator's: finds a forgotten ORDER BY */
    int busy_ms;     /* waits so long for a lock: a writer for the end of a checkpoint */
    int cache_kib;   /* 0: 16 MiB for a writer, 2 MiB for a reader */
    const char *vfs; /* NULL: the system's, which locks as said above; tests inject faults here */
};

/* path ":memory:" gives a private database that is gone at the end. NULL options: all zero, a
 * writer. ERR_IO, ERR_CORRUPT, ERR_UNAVAILABLE (locked by somebody else). */
int db_open(const char *path, const struct db_options *options, struct db **db_out,
            struct error *err) MUST_CHECK;
/* Statements (db/statement.h) must be freed before. Rolls back what is open. Accepts NULL. */
void db_close(struct db *db);

const char *db_path(const struct db *db);

/* 0, or -1 with the first error since the last check; then the connection is as new, unless it is
 * fail_stop. */
int db_check(struct db *db, struct error *err) MUST_CHECK;
bool db_failed(const struct db *db); /* looks, and clears nothing */
/* It fails with this from now on, as if SQLite had: nothing commits that its user must not go past.
 * The first error wins. */
void db_stop(struct db *db, const struct error *err);

/* Runs trusted SQL without results: schema, pragmas. One or many statements. */
int db_exec(struct db *db, const char *sql, struct error *err) MUST_CHECK;

/* ---- transactions */

enum db_level {
    DB_READ,   /* one snapshot for several statements */
    DB_NORMAL, /* no fsync: what can be done again from the log */
    DB_FULL,   /* durable once db_commit() returns 0 */
};
int db_begin(struct db *db, enum db_level level, struct error *err) MUST_CHECK;
/* Fails with the sticky error if there is one, and rolls back then. No statement may be in the
 * middle of its rows: asserted. */
int db_commit(struct db *db, struct error *err) MUST_CHECK;
void db_rollback(struct db *db);
bool db_in_transaction(const struct db *db);
enum db_level db_level(const struct db *db); /* of the open transaction */

/* One command each: a refused one leaves nothing. They nest up to DB_SAVEPOINTS_MAX. */
#define DB_SAVEPOINTS_MAX 4
void db_savepoint(struct db *db);
void db_release(struct db *db);     /* keeps what was done since */
void db_rollback_to(struct db *db); /* undoes it, and ends the savepoint too */

int64_t db_last_id(const struct db *db);     /* the rowid of the last insert */
int64_t db_changes(const struct db *db);     /* rows the last statement changed */
int64_t db_changes_all(const struct db *db); /* rows that were changed since it was opened */

/* ---- schema */

int db_schema_version(struct db *db, int *version_out, struct error *err) MUST_CHECK;
/* Runs `sql` and sets user_version, in the open transaction or in a durable one of its own.
 * ERR_CONFLICT unless the database stands at version - 1. */
int db_schema_step(struct db *db, const char *sql, int version, struct error *err) MUST_CHECK;

/* ---- the write-ahead log, by hands: nothing checkpoints by itself */

int64_t db_wal_bytes(const struct db *db); /* as of this connection's last commit */

enum db_checkpoint_mode {
    DB_CHECKPOINT_PASSIVE,  /* what is possible without waiting */
    DB_CHECKPOINT_RESTART,  /* and the next writer starts the log from its beginning */
    DB_CHECKPOINT_TRUNCATE, /* and the log is empty: ERR_UNAVAILABLE while a reader holds on */
};
struct db_checkpoint {
    int64_t frames, moved; /* in the log; of these, safely in the database */
};
/* To be called on a connection of its own, off the writer's thread; there, if little is left. */
int db_checkpoint(struct db *db, enum db_checkpoint_mode mode, struct db_checkpoint *out,
                  struct error *err) MUST_CHECK;
/* A consistent, compact copy of the database as of now, in a new file without a log. The file is
 * not yet synced. Takes long: on a read-only connection of its own. */
int db_copy_to(struct db *db, const char *path, struct error *err) MUST_CHECK;

/* ---- limits of a reader */

/* `go_on` is asked every few hundred steps of the engine; false ends the statement with ERR_LIMIT,
 * and so does it when SQLite holds more than LIMIT_SQL_BYTES for this thread.
 * NULL takes it off. */
void db_set_patience(struct db *db, bool (*go_on)(void *data), void *data);
