/* lib/db/statement.h - SQL by name: every statement of a room is a row of one table, prepared when
 * the database opens, so that a typo fails in the first test.
 *
 *     #define STATEMENTS(X) X(APP_BY_ID, "select version from apps where id = :id")
 *     enum { DB_ENUM(STATEMENTS) N_STATEMENTS };
 *     static const struct db_sql table[] = {DB_TABLE(STATEMENTS)};
 *
 *     struct stmt *q = stmts_use(s->stmts, APP_BY_ID);
 *     stmt_bind_text(q, ":id", id);
 *     while (stmt_row(q))
 *         version = stmt_i64(q, 0);
 *     return db_check(db, err);
 *
 * Errors stick to the connection (db/db.h): stmt_row() is false at the end and after an error.
 * There is no way to bind a double: nothing that replicas must agree on is one. */
#pragma once

#include "db/db.h"

struct db_sql {
    const char *name, *text;
};
#define DB_ENUM_ROW_(name, text) name,
#define DB_TABLE_ROW_(name, text) {#name, text},
#define DB_ENUM(LIST) LIST(DB_ENUM_ROW_)
#define DB_TABLE(LIST) LIST(DB_TABLE_ROW_)

struct stmts; /* opaque: one prepared table */
struct stmt;  /* opaque: one statement of it */

/* Prepares all n rows; keeps `table`. The error names the row. */
int db_prepare(struct db *db, const struct db_sql *table, size_t n, struct stmts **out,
               struct error *err) MUST_CHECK;
void stmts_free(struct stmts *s); /* accepts NULL */

/* The statement, ready to bind: nothing is bound (NULL). It may not be in the middle of its rows:
 * asserted, so whoever leaves a loop early says stmt_end(). */
struct stmt *stmts_use(struct stmts *s, int which);

/* ---- binding, by the parameter's name with its colon. Unknown names are asserted. Text and blobs
 * are borrowed until the statement has ended. */
void stmt_bind_i64(struct stmt *q, const char *name, int64_t v);
void stmt_bind_text(struct stmt *q, const char *name, const char *text); /* NULL binds null */
void stmt_bind_slice(struct stmt *q, const char *name, struct slice text);
void stmt_bind_blob(struct stmt *q, const char *name, struct slice bytes);
void stmt_bind_null(struct stmt *q, const char *name);
/* The same by number, from 1, as :names appear or as ?n says. For the hottest statements. */
void stmt_bind_i64_at(struct stmt *q, int i, int64_t v);
void stmt_bind_slice_at(struct stmt *q, int i, struct slice text);
void stmt_bind_blob_at(struct stmt *q, int i, struct slice bytes);

/* ---- running */
bool stmt_row(struct stmt *q); /* the next row; false: ended (by itself, or by an error) */
void stmt_run(struct stmt *q); /* to the end, for statements without rows */
void stmt_end(struct stmt *q); /* before the last row; harmless after it */
/* The first column of the only row: for counts and look-ups. `otherwise` if there is no row or it
 * is null. Ends the statement. */
int64_t stmt_one_i64(struct stmt *q, int64_t otherwise);

/* ---- columns of the current row, from 0; slices and strings live until the next stmt_row() */
int64_t stmt_i64(struct stmt *q, int column); /* 0 for null */
/* A number that stands for a word, 0 to `last`. What is none, as in a row that somebody has
 * changed, is `otherwise`: no table is looked up with it. */
int stmt_word(struct stmt *q, int column, int last, int otherwise);
bool stmt_bool(struct stmt *q, int column);
const char *stmt_str(struct stmt *q, int column); /* NULL for null; ends with NUL */
struct slice stmt_text(struct stmt *q, int column);
struct slice stmt_blob(struct stmt *q, int column);
bool stmt_is_null(struct stmt *q, int column);
double stmt_double(struct stmt *q, int column);

/* ---- one statement from a stranger (`mesolith sql`), on a connection of its own that
 * db_authorize() allows only reading: ERR_SYNTAX or ERR_INVALID with SQLite's words; ERR_INVALID
 * also for nothing and for more than one statement. The caller frees it with stmt_free(). */
struct stmt *db_query(struct db *db, struct slice sql, struct error *err) MUST_CHECK;
/* The same where the connection itself may do more: this one statement only reads. */
struct stmt *db_query_reading(struct db *db, struct slice sql, struct error *err) MUST_CHECK;
void stmt_free(struct stmt *q); /* only those of db_query(); accepts NULL */
int stmt_columns(struct stmt *q);
const char *stmt_column_name(struct stmt *q, int column);
enum stmt_type { STMT_NULL, STMT_INTEGER, STMT_REAL, STMT_TEXT, STMT_BLOB };
enum stmt_type stmt_type(struct stmt *q, int column); /* of the value in the current row */
