#include "unit.h"

#include <string.h>

#include "base/str.h"
#include "db/authorizer.h"
#include "db/statement.h"

static struct db *open_as(enum db_role role)
{
    struct db *db;
    struct error err;
    assert_int_equal(db_open(":memory:", NULL, &db, &err), 0);
    assert_int_equal(
        db_schema_step(db, "create table things(id integer primary key, t text) strict", 1, &err),
        0);
    db_authorize(db, role);
    return db;
}

static bool allowed(struct db *db, const char *sql)
{
    struct error err;
    struct db_sql table[] = {{"IT", sql}};
    struct stmts *stmts;
    if (db_prepare(db, table, 1, &stmts, &err) != 0) {
        if (strstr(err.text, "not authorized") == NULL && strstr(err.text, "need a select") == NULL)
            fail_msg("%s: %s", sql, err.text);
        return false;
    }
    stmts_free(stmts);
    return true;
}

static const struct {
    const char *sql;
    bool applying, reading;
} cases[] = {
    {"select id from things", true, true},
    {"select count(*), max(id), coalesce(t, '') from things", true, true},
    {"select value from things, json_each(t)", true, true},
    {"with recursive n(i) as (select 1 union all select i + 1 from n where i < 9) select i from n",
     true, true},
    {"insert into things(t) values('x')", true, false},
    {"update things set t = upper(t)", true, false},
    {"delete from things", true, false},
    {"select random()", false, true},
    {"insert into things(t) values(hex(randomblob(4)))", false, false},
    {"update things set id = abs(random())", false, false},
    {"select datetime('now')", false, true},
    {"select unixepoch()", false, true},
    {"select strftime('%s', 0)", false, true},
    {"insert into things(t) values(current_timestamp)", false, false},
    {"insert into things(t) values(current_date)", false, false},
    {"select julianday(t) from things", false, true},
    {"select last_insert_rowid()", false, true},
    {"select changes()", false, true},
    {"select sqlite_version()", false, true},
    {"select avg(id) from things", false, true},
    {"select sin(1)", false, true},
    {"select load_extension('x')", false, false},
    {"attach 'other.db' as other", false, false},
    {"pragma synchronous=off", false, false},
    {"pragma table_info(things)", false, true},
    {"pragma user_version", false, true},
    {"pragma user_version=7", false, false},
    {"pragma writable_schema=on", false, false},
    {"begin", false, false},
    {"savepoint x", false, false},
    {"create table more(id integer)", false, false},
    {"drop table things", false, false},
};

static void each_role_allows_its_own(void **unused)
{
    (void)unused;
    struct db *applying = open_as(DB_ROLE_APPLYING), *reading = open_as(DB_ROLE_READING);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (allowed(applying, cases[i].sql) != cases[i].applying)
            fail_msg("applying: %s", cases[i].sql);
        if (allowed(reading, cases[i].sql) != cases[i].reading)
            fail_msg("reading: %s", cases[i].sql);
    }
    db_close(applying);
    db_close(reading);
}

static void our_own_transactions_are_not_asked_about(void **unused)
{
    (void)unused;
    struct db *db = open_as(DB_ROLE_ANY);
    struct error err;
    assert_int_equal(db_begin(db, DB_FULL, &err), 0);
    assert_int_equal(db_commit(db, &err), 0);
    db_authorize(db, DB_ROLE_APPLYING); /* "commit" is prepared already and now expired */
    for (int i = 0; i < 2; i++) {
        assert_int_equal(db_begin(db, i == 0 ? DB_FULL : DB_NORMAL, &err), 0);
        db_savepoint(db);
        db_rollback_to(db);
        assert_int_equal(db_commit(db, &err), 0);
    }
    db_close(db);
}

static void a_stranger_gets_one_statement_and_plain_words(void **unused)
{
    (void)unused;
    static const struct {
        const char *sql;
        enum error_code code;
        const char *text;
    } queries[] = {
        {"select 1", ERR_NONE, NULL},
        {"select 1; -- and a remark\n ;", ERR_NONE, NULL},
        {"select 1; select 2", ERR_INVALID,
         "sql: got more than one statement, need exactly one statement"},
        {"select 1; rubbish", ERR_INVALID,
         "sql: got more than one statement, need exactly one statement"},
        {"  -- nothing", ERR_INVALID, "sql: got nothing, need exactly one statement"},
        {"selct 1", ERR_SYNTAX, "sql: near \"selct\": syntax error"},
        {"select x", ERR_SYNTAX, "sql: no such column: x"},
        {"select \"x\"", ERR_SYNTAX, "sql: no such column: x"},
        {"select fts3_tokenizer('simple')", ERR_SYNTAX, "sql: no such function: fts3_tokenizer"},
        {"select fts5_source_id()", ERR_SYNTAX, "sql: no such function: fts5_source_id"},
        {"select rtreedepth(x'00')", ERR_SYNTAX, "sql: no such function: rtreedepth"},
        {"delete from things", ERR_INVALID, "sql: it would change something, need a select"},
    };
    struct db *db = open_as(DB_ROLE_READING);
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        struct error err = {0};
        struct stmt *q = db_query(db, slice_of(queries[i].sql), &err);
        assert_int_equal(err.code, queries[i].code);
        assert_int_equal(q != NULL, err.code == ERR_NONE);
        if (queries[i].text != NULL)
            assert_string_equal(err.text, queries[i].text);
        stmt_free(q);
    }
    db_close(db);
}

static void one_statement_only_reads_where_others_may_write(void **unused)
{
    (void)unused;
    static const enum db_role roles[] = {DB_ROLE_ANY, DB_ROLE_APPLYING, DB_ROLE_READING};
    for (size_t i = 0; i < COUNT(roles); i++) {
        struct error err;
        struct db *db = open_as(roles[i]);
        assert_null(db_query_reading(db, SLICE("delete from things"), &err));
        assert_string_equal(err.text, "sql: it would change something, need a select");
        assert_null(db_query_reading(db, SLICE("attach 'x' as y"), &err));
        assert_null(db_query_reading(db, SLICE("selct"), &err));
        struct stmt *q = db_query_reading(db, SLICE("select datetime(0, 'unixepoch')"), &err);
        assert_true(stmt_row(q));
        assert_string_equal(stmt_str(q, 0), "1970-01-01 00:00:00");
        stmt_free(q);
        q = db_query(db, SLICE("insert into things(t) values('x')"), &err);
        assert_int_equal(q != NULL, roles[i] != DB_ROLE_READING);
        stmt_free(q);
        db_close(db);
    }
}

static void a_strangers_rows_have_names_and_types(void **unused)
{
    (void)unused;
    static const enum stmt_type types[] = {STMT_NULL, STMT_INTEGER, STMT_REAL, STMT_TEXT,
                                           STMT_BLOB};
    struct db *db = open_as(DB_ROLE_READING);
    struct error err;
    struct stmt *q = db_query(db, SLICE("select null as a, 1, 1.5, 'x', x'00'"), &err);
    assert_int_equal(stmt_columns(q), 5);
    assert_string_equal(stmt_column_name(q, 0), "a");
    assert_true(stmt_row(q));
    for (int i = 0; i < 5; i++)
        assert_int_equal(stmt_type(q, i), types[i]);
    assert_int_equal(stmt_blob(q, 4).len, 1);
    assert_false(stmt_row(q));
    stmt_free(q);
    db_close(db);
}

static void depth_is_limited_for_strangers(void **unused)
{
    (void)unused;
    struct db *db = open_as(DB_ROLE_READING);
    struct error err;
    struct buf sql;
    buf_init(&sql, 10000);
    buf_puts(&sql, "select ");
    for (int i = 0; i < 200; i++)
        buf_puts(&sql, "(1+");
    buf_puts(&sql, "1");
    for (int i = 0; i < 200; i++)
        buf_puts(&sql, ")");
    assert_null(db_query(db, buf_slice(&sql), &err));
    assert_non_null(err.text);
    buf_close(&sql);
    db_close(db);
}

static void defaults_must_be_literals(void **unused)
{
    (void)unused;
    static const struct {
        const char *column;
        bool good;
    } columns[] = {
        {"a integer default 7", true},
        {"a integer default -7", true},
        {"a text default 'x'", true},
        {"a blob default x'00'", true},
        {"a integer default null", true},
        {"a integer default true", true},
        {"a text default current_timestamp", false},
        {"a text default CURRENT_DATE", false},
        {"a integer default (random())", false},
        {"a text default (datetime('now'))", false},
    };
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        struct db *db = open_as(DB_ROLE_ANY);
        struct error err;
        struct buf sql;
        buf_init(&sql, 1000);
        buf_printf(&sql, "create table t(id integer primary key, %s)", columns[i].column);
        assert_int_equal(db_exec(db, buf_str(&sql), &err), 0);
        if ((db_defaults_are_constant(db, &err) == 0) != columns[i].good)
            fail_msg("%s", columns[i].column);
        if (!columns[i].good)
            assert_true(str_starts(err.text, "t.a: got default "));
        buf_close(&sql);
        db_close(db);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_role_allows_its_own),
        cmocka_unit_test(our_own_transactions_are_not_asked_about),
        cmocka_unit_test(a_stranger_gets_one_statement_and_plain_words),
        cmocka_unit_test(one_statement_only_reads_where_others_may_write),
        cmocka_unit_test(a_strangers_rows_have_names_and_types),
        cmocka_unit_test(depth_is_limited_for_strangers),
        cmocka_unit_test(defaults_must_be_literals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
