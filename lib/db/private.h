/* lib/db/private.h - what the files of this room share. */
#pragma once

#define SQLITE_ENABLE_PREUPDATE_HOOK
#include <sqlite3.h>

#include "db/authorizer.h"
#include "db/db.h"

struct rowsums;

#define DB_SQL "sql" /* the name of a stranger's statement */

enum db_own { /* our own statements, prepared on first use */
              OWN_BEGIN_READ,
              OWN_BEGIN_WRITE,
              OWN_COMMIT,
              OWN_ROLLBACK,
              OWN_SAVEPOINT,
              OWN_RELEASE,
              OWN_ROLLBACK_TO,
              N_OWN,
};

struct db {
    sqlite3 *sqlite;
    char *path;
    bool fail_stop;
    struct error failed;       /* the sticky one; its code is ERR_NONE while all is well */
    enum db_level level;       /* of the open transaction */
    enum db_level synchronous; /* what the pragma says now: DB_NORMAL or DB_FULL */
    unsigned savepoints;
    unsigned running; /* statements between their first row and their end */
    sqlite3_stmt *own[N_OWN];
    enum db_role role;
    unsigned trusted; /* above 0: our own SQL is being prepared, the authorizer says yes */
    int64_t wal_pages;
    int64_t wal_room;     /* so long its file is, or longer */
    struct rowsums *sums; /* NULL: none are kept */
    bool (*go_on)(void *data);
    void *go_on_data;
    bool in_own; /* a transaction begins or ends: not given up, however long what it was for took */
};

int64_t db_thread_bytes(void); /* that SQLite holds for this thread */

/* Describes SQLite's result `rc` of doing `what` in err; on a fail_stop connection it sticks.
 * Returns -1. */
int db_error(struct db *db, int rc, const char *what, struct error *err);
/* The same where there is nobody to tell yet: it sticks on every connection, the first one wins. */
void db_fail(struct db *db, int rc, const char *what);
/* 0, or -1 with the sticky error, which stays. */
int db_refuse_failed(const struct db *db, struct error *err);

/* Prepares trusted SQL; NULL with err. */
sqlite3_stmt *db_prepare_own(struct db *db, const char *sql, unsigned flags, struct error *err);

/* Runs one to its end and resets it. */
int db_run_own(struct db *db, sqlite3_stmt *q, const char *what, struct error *err);

/* ---- rowsum.c for db.c: sums follow the transaction */
void rowsums_free(struct rowsums *s); /* accepts NULL */
void rowsums_begin(struct rowsums *s);
int rowsums_commit(struct db *db, struct error *err); /* writes what changed; before COMMIT */
void rowsums_rollback(struct rowsums *s);
void rowsums_savepoint(struct rowsums *s, unsigned depth);
void rowsums_rollback_to(struct rowsums *s, unsigned depth);
int rowsums_count_anew(struct db *db, struct error *err); /* all tables, by scanning */
