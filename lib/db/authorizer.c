#include "db/authorizer.h"

#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/str.h"
#include "db/private.h"
#include "db/statement.h"

/* What may be asked of SQLite's functions: the same answer on every replica, at any time, whatever
 * the build. What is not named here is refused: chance, clocks, the connection's own counters,
 * floating point beyond arithmetic. Sorted. */
static const char *const same_everywhere[] = {
    "->",
    "->>",
    "abs",
    "char",
    "coalesce",
    "count",
    "dense_rank",
    "exists",
    "first_value",
    "glob",
    "group_concat",
    "hex",
    "ifnull",
    "iif",
    "instr",
    "json",
    "json_array",
    "json_array_length",
    "json_each",
    "json_extract",
    "json_group_array",
    "json_group_object",
    "json_insert",
    "json_object",
    "json_patch",
    "json_quote",
    "json_remove",
    "json_replace",
    "json_set",
    "json_tree",
    "json_type",
    "json_valid",
    "lag",
    "last_value",
    "lead",
    "length",
    "like",
    "likelihood",
    "likely",
    "lower",
    "ltrim",
    "max",
    "min",
    "nth_value",
    "ntile",
    "nullif",
    "quote",
    "rank",
    "replace",
    "row_number",
    "rtrim",
    "sign",
    "substr",
    "substring",
    "sum",
    "trim",
    "typeof",
    "unicode",
    "unlikely",
    "upper",
    "zeroblob",
};

/* Of these a reader may ask; the rest of the pragmas changes something or shows the machine. */
static const char *const harmless_pragmas[] = {
    "foreign_key_list", "index_info", "index_list",  "index_xinfo",
    "table_info",       "table_list", "table_xinfo", "user_version",
};

/* The engine calls these of each database that it opens. Where they stand here its own are not
 * linked, nor the full-text search and the R-tree behind them: nobody uses those, and a third of a
 * megabyte of parsers is out of a reader's reach. */
#define LEAVE_OUT(init)    \
    int init(sqlite3 *db); \
    int init(sqlite3 *db)  \
    {                      \
        (void)db;          \
        return SQLITE_OK;  \
    }
LEAVE_OUT(sqlite3Fts3Init)
LEAVE_OUT(sqlite3Fts5Init)
LEAVE_OUT(sqlite3RtreeInit)

static bool among(const char *name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (sqlite3_stricmp(name, names[i]) == 0)
            return true;
    return false;
}
#define AMONG(name, names) among(name, names, sizeof names / sizeof names[0])

static int applying(int action, const char *b)
{
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_RECURSIVE:
    case SQLITE_INSERT:
    case SQLITE_UPDATE:
    case SQLITE_DELETE:
        return SQLITE_OK;
    case SQLITE_FUNCTION:
        return AMONG(b, same_everywhere) ? SQLITE_OK : SQLITE_DENY;
    default:
        return SQLITE_DENY; /* schema, transactions and settings are db's business */
    }
}

static int reading(int action, const char *a, const char *b)
{
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_RECURSIVE:
        return SQLITE_OK;
    case SQLITE_UPDATE: /* what a table-valued function such as json_each() declares itself with;
                         * SQLite refuses to change sqlite_master anyway */
        return str_eq(a, "sqlite_master") ? SQLITE_OK : SQLITE_DENY;
    case SQLITE_FUNCTION:
        return sqlite3_stricmp(b, "load_extension") == 0 ? SQLITE_DENY : SQLITE_OK;
    case SQLITE_PRAGMA:
        return AMONG(a, harmless_pragmas) && (b == NULL || !str_eq(a, "user_version"))
                   ? SQLITE_OK
                   : SQLITE_DENY;
    default:
        return SQLITE_DENY;
    }
}

static int on_authorize(void *data, int action, const char *a, const char *b, const char *schema,
                        const char *trigger)
{
    (void)schema;
    (void)trigger;
    struct db *db = data;
    if (db->trusted != 0)
        return SQLITE_OK;
    switch (db->role) {
    case DB_ROLE_ANY:
        return SQLITE_OK;
    case DB_ROLE_APPLYING:
        return applying(action, b);
    case DB_ROLE_READING:
        return reading(action, a, b);
    }
    UNREACHABLE("no such role");
}

static void limit_strangers(sqlite3 *sqlite)
{
    static const struct {
        int what, most;
    } limits[] = {
        {SQLITE_LIMIT_EXPR_DEPTH, 100},
        {SQLITE_LIMIT_COMPOUND_SELECT, 50},
        {SQLITE_LIMIT_LENGTH, LIMIT_PLAN_BYTES + (1 << 20)}, /* a row: with the largest there is */
        {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000},
        {SQLITE_LIMIT_ATTACHED, 0},
        {SQLITE_LIMIT_VDBE_OP, 100000},
    };
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        sqlite3_limit(sqlite, limits[i].what, limits[i].most);
}

void db_authorize(struct db *db, enum db_role role)
{
    db->role = role;
    sqlite3_set_authorizer(db->sqlite, role == DB_ROLE_ANY ? NULL : on_authorize, db);
    if (role == DB_ROLE_READING)
        limit_strangers(db->sqlite);
}

/* Changing SQLite's callback would make it prepare every statement anew: where it is set, only the
 * role changes. What a stranger wrote wrongly is no failure of the connection. */
struct stmt *db_query_reading(struct db *db, struct slice sql, struct error *err)
{
    enum db_role before = db->role;
    const struct error failed = db->failed;
    db->role = DB_ROLE_READING;
    if (before == DB_ROLE_ANY)
        sqlite3_set_authorizer(db->sqlite, on_authorize, db);
    struct stmt *q = db_query(db, sql, err);
    if (before == DB_ROLE_ANY)
        sqlite3_set_authorizer(db->sqlite, NULL, NULL);
    db->role = before;
    db->failed = failed;
    return q;
}

/* ---- column defaults */

/* dflt_value is the text as written: a literal, or an expression that is evaluated at each insert.
 */
static bool is_constant(const char *text)
{
    size_t len = strlen(text);
    bool quoted = text[0] == '\'' && len > 1 && text[len - 1] == '\'';
    bool blob = (text[0] == 'x' || text[0] == 'X') && text[1] == '\'';
    bool number = strspn(text, "+-0123456789") == len;
    return quoted || blob || number || sqlite3_stricmp(text, "null") == 0 ||
           sqlite3_stricmp(text, "true") == 0 || sqlite3_stricmp(text, "false") == 0;
}

int db_defaults_are_constant(struct db *db, struct error *err)
{
    sqlite3_stmt *q = db_prepare_own(db,
                                     "select t.name, c.name, c.dflt_value from sqlite_schema t, "
                                     "pragma_table_xinfo(t.name) c "
                                     "where t.type = 'table' and c.dflt_value is not null "
                                     "order by t.name, c.cid",
                                     0, err);
    if (q == NULL)
        return -1;
    int rc, rv = 0;
    while (rv == 0 && (rc = sqlite3_step(q)) == SQLITE_ROW) {
        const char *value = (const char *)sqlite3_column_text(q, 2);
        if (!is_constant(value))
            rv = error_set(err, ERR_INVALID, "%s.%s: got default %s, need a literal",
                           sqlite3_column_text(q, 0), sqlite3_column_text(q, 1), value);
    }
    if (rv == 0 && rc != SQLITE_DONE)
        rv = db_error(db, rc, "reading the schema", err);
    sqlite3_finalize(q);
    return rv;
}
