#include "db/statement.h"

#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "db/private.h"

struct stmt {
    struct db *db;
    sqlite3_stmt *sqlite;
    const char *name;
    bool running; /* between its first row and its end */
    int last;     /* parameter that was bound by its name; 0: none */
    int parameters;
    char **names; /* of the parameters, of ?1 NULL: SQLite walks a list, which a new schema moves */
};

struct stmts {
    size_t n;
    struct stmt items[];
};

static void name_parameters(struct stmt *q)
{
    q->parameters = sqlite3_bind_parameter_count(q->sqlite);
    q->names = mem_zalloc((size_t)q->parameters * sizeof q->names[0] + 1);
    for (int i = 0; i < q->parameters; i++)
        q->names[i] = mem_strdup(sqlite3_bind_parameter_name(q->sqlite, i + 1));
}

int db_prepare(struct db *db, const struct db_sql *table, size_t n, struct stmts **out,
               struct error *err)
{
    if (db_refuse_failed(db, err) != 0)
        return -1;
    struct stmts *s = mem_zalloc(sizeof *s + n * sizeof s->items[0]);
    for (; s->n < n; s->n++) {
        struct stmt *q = &s->items[s->n];
        *q = (struct stmt){.db = db, .name = table[s->n].name};
        const char *tail;
        int rc = sqlite3_prepare_v3(db->sqlite, table[s->n].text, -1, SQLITE_PREPARE_PERSISTENT,
                                    &q->sqlite, &tail);
        if (rc != SQLITE_OK) {
            db_error(db, rc, q->name, err);
            stmts_free(s);
            return -1;
        }
        ASSERT(q->sqlite != NULL && *tail == '\0'); /* one row, one statement */
        name_parameters(q);
    }
    *out = s;
    return 0;
}

static void not_running(struct stmt *q)
{
    q->db->running -= q->running;
    q->running = false;
}

static void finalize(struct stmt *q)
{
    not_running(q);
    sqlite3_finalize(q->sqlite);
    for (int i = 0; i < q->parameters; i++)
        mem_free(q->names[i]);
    mem_free(q->names);
}

void stmts_free(struct stmts *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->n; i++)
        finalize(&s->items[i]);
    mem_free(s);
}

struct stmt *stmts_use(struct stmts *s, int which)
{
    ASSERT(which >= 0 && (size_t)which < s->n);
    struct stmt *q = &s->items[which];
    ASSERT(!q->running);
    return q;
}

/* ---- binding */

static void bound(struct stmt *q, int rc)
{
    ASSERT(!q->running);
    ASSERT(rc != SQLITE_RANGE && rc != SQLITE_MISUSE);
    if (rc != SQLITE_OK)
        db_fail(q->db, rc, q->name);
}

/* Mostly they come in the order of the statement: the next one is not looked for among all. */
static int parameter(struct stmt *q, const char *name)
{
    const char *next = q->last < q->parameters ? q->names[q->last] : NULL;
    q->last = next != NULL && strcmp(next, name) == 0
                  ? q->last + 1
                  : sqlite3_bind_parameter_index(q->sqlite, name);
    ASSERT(q->last != 0);
    return q->last;
}

void stmt_bind_i64_at(struct stmt *q, int i, int64_t v)
{
    bound(q, sqlite3_bind_int64(q->sqlite, i, v));
}

void stmt_bind_slice_at(struct stmt *q, int i, struct slice text)
{
    const char *p = text.p != NULL ? text.p : "";
    bound(q, sqlite3_bind_text64(q->sqlite, i, p, text.len, SQLITE_STATIC, SQLITE_UTF8));
}

void stmt_bind_blob_at(struct stmt *q, int i, struct slice bytes)
{
    const char *p = bytes.p != NULL ? bytes.p : "";
    bound(q, sqlite3_bind_blob64(q->sqlite, i, p, bytes.len, SQLITE_STATIC));
}

void stmt_bind_i64(struct stmt *q, const char *name, int64_t v)
{
    stmt_bind_i64_at(q, parameter(q, name), v);
}

void stmt_bind_text(struct stmt *q, const char *name, const char *text)
{
    if (text == NULL)
        stmt_bind_null(q, name);
    else
        stmt_bind_slice_at(q, parameter(q, name), slice_of(text));
}

void stmt_bind_slice(struct stmt *q, const char *name, struct slice text)
{
    stmt_bind_slice_at(q, parameter(q, name), text);
}

void stmt_bind_blob(struct stmt *q, const char *name, struct slice bytes)
{
    stmt_bind_blob_at(q, parameter(q, name), bytes);
}

void stmt_bind_null(struct stmt *q, const char *name)
{
    bound(q, sqlite3_bind_null(q->sqlite, parameter(q, name)));
}

/* ---- running */

void stmt_end(struct stmt *q)
{
    sqlite3_reset(q->sqlite);
    sqlite3_clear_bindings(q->sqlite);
    q->last = 0;
    not_running(q);
}

bool stmt_row(struct stmt *q)
{
    int rc = SQLITE_DONE;
    if (!db_failed(q->db)) {
        rc = sqlite3_step(q->sqlite);
        if (rc == SQLITE_ROW) {
            q->db->running += !q->running;
            q->running = true;
            return true;
        }
        if (rc != SQLITE_DONE)
            db_fail(q->db, rc, q->name);
    }
    stmt_end(q);
    return false;
}

void stmt_run(struct stmt *q)
{
    while (stmt_row(q))
        ;
}

int64_t stmt_one_i64(struct stmt *q, int64_t otherwise)
{
    int64_t v = otherwise;
    if (stmt_row(q) && !stmt_is_null(q, 0))
        v = stmt_i64(q, 0);
    stmt_end(q);
    return v;
}

/* ---- columns */

int64_t stmt_i64(struct stmt *q, int column)
{
    return sqlite3_column_int64(q->sqlite, column);
}
int stmt_word(struct stmt *q, int column, int last, int otherwise)
{
    int64_t v = stmt_i64(q, column);
    return v >= 0 && v <= last ? (int)v : otherwise;
}

bool stmt_bool(struct stmt *q, int column)
{
    return stmt_i64(q, column) != 0;
}
double stmt_double(struct stmt *q, int column)
{
    return sqlite3_column_double(q->sqlite, column);
}

const char *stmt_str(struct stmt *q, int column)
{
    return (const char *)sqlite3_column_text(q->sqlite, column);
}

struct slice stmt_text(struct stmt *q, int column)
{
    const char *p = stmt_str(q, column);
    return (struct slice){p, (size_t)sqlite3_column_bytes(q->sqlite, column)};
}

struct slice stmt_blob(struct stmt *q, int column)
{
    const char *p = sqlite3_column_blob(q->sqlite, column);
    return (struct slice){p, (size_t)sqlite3_column_bytes(q->sqlite, column)};
}

bool stmt_is_null(struct stmt *q, int column)
{
    return sqlite3_column_type(q->sqlite, column) == SQLITE_NULL;
}

/* ---- a stranger's statement */

/* Comments and semicolons may follow; what does not even parse counts as a second statement. */
static bool has_statement(struct db *db, const char *p, const char *end)
{
    while (p < end) {
        sqlite3_stmt *more = NULL;
        const char *tail;
        int rc = sqlite3_prepare_v3(db->sqlite, p, (int)(end - p), 0, &more, &tail);
        sqlite3_finalize(more);
        if (rc != SQLITE_OK || more != NULL)
            return true;
        p = tail;
    }
    return false;
}

struct stmt *db_query(struct db *db, struct slice sql, struct error *err)
{
    if (db_refuse_failed(db, err) != 0)
        return NULL;
    if (sql.len > LIMIT_BODY_BYTES) {
        error_set(err, ERR_LIMIT, "sql: got %zu bytes, need at most %d", sql.len, LIMIT_BODY_BYTES);
        return NULL;
    }
    sqlite3_stmt *sqlite = NULL;
    const char *tail = NULL;
    int rc = sqlite3_prepare_v3(db->sqlite, sql.p, (int)sql.len, 0, &sqlite, &tail);
    if (rc != SQLITE_OK) {
        db_error(db, rc, DB_SQL, err);
        return NULL;
    }
    if (sqlite == NULL || has_statement(db, tail, sql.p + sql.len)) {
        sqlite3_finalize(sqlite);
        error_set(err, ERR_INVALID, "sql: got %s, need exactly one statement",
                  sqlite == NULL ? "nothing" : "more than one statement");
        return NULL;
    }
    struct stmt *q = NEW(struct stmt);
    *q = (struct stmt){.db = db, .sqlite = sqlite, .name = DB_SQL};
    return q;
}

void stmt_free(struct stmt *q)
{
    if (q == NULL)
        return;
    finalize(q);
    mem_free(q);
}

int stmt_columns(struct stmt *q)
{
    return sqlite3_column_count(q->sqlite);
}
const char *stmt_column_name(struct stmt *q, int column)
{
    return sqlite3_column_name(q->sqlite, column);
}

enum stmt_type stmt_type(struct stmt *q, int column)
{
    switch (sqlite3_column_type(q->sqlite, column)) {
    case SQLITE_INTEGER:
        return STMT_INTEGER;
    case SQLITE_FLOAT:
        return STMT_REAL;
    case SQLITE_TEXT:
        return STMT_TEXT;
    case SQLITE_BLOB:
        return STMT_BLOB;
    default:
        return STMT_NULL;
    }
}
