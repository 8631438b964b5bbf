#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "db/rowsum.h"
#include "db/statement.h"
#include "support/tmp.h"

static const char schema[] =
    "create table parents(id integer primary key, name text) strict;"
    "create table children(parent integer not null references parents(id) on delete cascade,"
    " n integer not null, weight real, data blob, primary key(parent, n)) strict, without rowid;"
    "create table others(id integer primary key, t text unique) strict;"
    "create table unwatched(id integer primary key) strict;";
static const char *const tables[] = {"parents", "children", "others"};

static struct db *open_watched(void)
{
    struct db *db;
    struct error err;
    assert_int_equal(db_open(":memory:", NULL, &db, &err), 0);
    assert_int_equal(db_schema_step(db, schema, 1, &err), 0);
    if (db_rowsums_start(db, tables, 3, &err) != 0)
        fail_msg("%s", err.text);
    return db;
}

static void run(struct db *db, const char *sql)
{
    struct error err;
    bool own = !db_in_transaction(db);
    if (own)
        assert_int_equal(db_begin(db, DB_NORMAL, &err), 0);
    if (db_exec(db, sql, &err) != 0)
        fail_msg("%s", err.text);
    if (own)
        assert_int_equal(db_commit(db, &err), 0);
}

static void verify(struct db *db)
{
    struct error err;
    if (db_rowsums_verify(db, &err) != 0)
        fail_msg("%s", err.text);
}

/* Every way for a row to come, change and go; in a database whose sums are compared with a scan
 * after each. */
static const char *const changes[] = {
    "insert into parents values(1, 'one'), (2, 'two'), (3, null)",
    "insert into children values(1, 1, 1.5, x'00ff'), (1, 2, 2.0, null), (2, 1, 3, x'')",
    "update parents set name = 'zwei' where id = 2",
    "update parents set id = 30 where id = 3",
    "update children set n = n + 10 where parent = 1",
    "update children set weight = 7 where parent = 2",
    "insert or replace into parents values(2, 'deux')", /* cascades, too */
    "insert into others values(1, 'a'), (2, 'b')",
    "insert or replace into others values(3, 'a')", /* by the unique column */
    "update or replace others set t = 'a' where id = 2",
    "insert into others values(2, 'z') on conflict(id) do update set t = excluded.t || '!'",
    "insert or ignore into others values(2, 'y')",
    "insert into unwatched values(1)",
    "update others set id = id",
    "delete from parents where id = 1",
    "delete from others", /* SQLite would clear it without looking at the rows */
    "delete from children",
};

static void sums_follow_every_change(void **unused)
{
    (void)unused;
    struct db *db = open_watched();
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        run(db, changes[i]);
        verify(db);
    }
    assert_int_equal(db_rowsum(db, "children"), 0);
    db_close(db);
}

static void a_wrong_sum_is_found(void **unused)
{
    (void)unused;
    struct error err;
    struct db *db = open_watched();
    run(db, changes[0]);
    /* the hook is told nothing of what happens to the schema */
    run(db, "alter table parents add column more integer not null default 1");
    assert_int_equal(db_rowsums_verify(db, &err), -1);
    assert_int_equal(err.code, ERR_CORRUPT);
    db_close(db);
}

static void rows_count_from_now_on(void **unused)
{
    (void)unused;
    struct error err;
    struct db *db = open_watched();
    run(db, changes[0]);
    run(db, "alter table parents add column more integer not null default 1");
    assert_int_equal(db_rowsums_recount(db, &err), 0);
    verify(db);
    assert_int_equal(db_begin(db, DB_NORMAL, &err), 0);
    db_rollback(db);
    verify(db); /* it is stored */
    db_close(db);
}

static void a_reader_finds_a_row_that_was_changed_behind_the_sums(void **unused)
{
    (void)unused;
    struct error err;
    struct db *db, *reader;
    char folder[TMP_PATH_SIZE], path[TMP_PATH_SIZE];
    tmp_make(folder);
    assert_int_equal(db_open(tmp_file(path, folder, "x.db"), NULL, &db, &err), 0);
    assert_int_equal(db_schema_step(db, schema, 1, &err), 0);
    assert_int_equal(db_rowsums_start(db, tables, 3, &err), 0);
    run(db, changes[0]);
    run(db, changes[1]);
    const struct db_options options = {.read_only = true};
    assert_int_equal(db_open(path, &options, &reader, &err), 0);
    assert_int_equal(db_rowsums_check(reader, &err), 0);
    db_close(db);
    assert_int_equal(db_open(path, NULL, &db, &err), 0); /* one that keeps no sums */
    run(db, "update children set weight = 8 where parent = 2");
    assert_int_equal(db_rowsums_check(reader, &err), -1);
    assert_int_equal(err.code, ERR_CORRUPT);
    assert_true(str_starts(err.text, "children: "));
    db_close(reader);
    db_close(db);
    tmp_remove(folder);
}

static void a_schema_step_counts_anew(void **unused)
{
    (void)unused;
    struct error err;
    struct db *db = open_watched();
    run(db, changes[0]);
    assert_int_equal(
        db_schema_step(db,
                       "alter table parents add column more integer not null default 1;"
                       "update parents set more = 1",
                       2, &err),
        0);
    verify(db);
    run(db, "update parents set name = 'x'");
    verify(db);
    db_close(db);
}

static void order_and_history_do_not_count(void **unused)
{
    (void)unused;
    struct db *a = open_watched(), *b = open_watched();
    run(a, "insert into parents values(1, 'one'), (2, 'two')");
    run(b, "insert into parents values(2, 'zwei')");
    assert_true(db_rowsum_all(a) != db_rowsum_all(b));
    run(b, "insert into parents values(1, 'one')");
    run(b, "update parents set name = 'two' where id = 2");
    assert_true(db_rowsum_all(a) == db_rowsum_all(b));
    run(a, "insert into others values(1, 'x')");
    run(b, "insert into others values(1, 'y')");
    assert_true(db_rowsum_all(a) != db_rowsum_all(b));
    db_close(a);
    db_close(b);
}

static void values_do_not_run_together(void **unused)
{
    (void)unused;
    static const char *const rows[] = {
        "(1, 'ab')", "(1, 'b')", "(1, '')", "(1, null)", "(11, 'ab')", "(1, '1')", "(1, 'ab ')",
    };
    enum { N = sizeof rows / sizeof rows[0] };
    uint64_t sums[N];
    for (size_t i = 0; i < N; i++) {
        struct db *db = open_watched();
        char sql[100];
        snprintf(sql, sizeof sql, "insert into parents values%s", rows[i]);
        run(db, sql);
        sums[i] = db_rowsum_all(db);
        for (size_t j = 0; j < i; j++)
            assert_true(sums[i] != sums[j]);
        db_close(db);
    }
}

static void rollbacks_take_the_sums_along(void **unused)
{
    (void)unused;
    struct error err;
    struct db *db = open_watched();
    run(db, changes[0]);
    uint64_t before = db_rowsum_all(db);

    assert_int_equal(db_begin(db, DB_FULL, &err), 0);
    run(db, changes[1]);
    db_rollback(db);
    assert_true(db_rowsum_all(db) == before);

    assert_int_equal(db_begin(db, DB_FULL, &err), 0);
    db_savepoint(db);
    run(db, changes[1]);
    uint64_t inside = db_rowsum_all(db);
    db_savepoint(db);
    run(db, "delete from parents");
    db_rollback_to(db);
    assert_true(db_rowsum_all(db) == inside);
    db_rollback_to(db);
    assert_true(db_rowsum_all(db) == before);
    db_savepoint(db);
    run(db, changes[1]);
    db_release(db);
    assert_true(db_rowsum_all(db) == inside);
    assert_int_equal(db_commit(db, &err), 0);
    verify(db);
    db_close(db);
}

static void sums_are_stored_with_the_rows(void **unused)
{
    (void)unused;
    struct error err;
    struct db *db = open_watched();
    run(db, changes[0]);
    struct stmt *q = db_query(db, SLICE("select sum from row_sums where name = 'parents'"), &err);
    assert_true(stmt_row(q));
    assert_true((uint64_t)stmt_i64(q, 0) == db_rowsum(db, "parents"));
    stmt_free(q);
    db_close(db);
}

static void more_tables_can_be_taken_in(void **unused)
{
    (void)unused;
    static const char *const more[] = {"parents", "fresh"};
    struct error err;
    struct db *db = open_watched();
    assert_int_equal(db_begin(db, DB_NORMAL, &err), 0);
    run(db, changes[0]);
    uint64_t before = db_rowsum(db, "parents");
    assert_int_equal(db_exec(db, "create table fresh(a integer primary key) strict", &err), 0);
    assert_int_equal(db_rowsums_stop(db, &err), 0);
    assert_int_equal(db_rowsums_start(db, more, 2, &err), 0);
    assert_true(db_rowsum(db, "parents") == before);
    assert_int_equal(db_exec(db, "insert into fresh values(7)", &err), 0);
    assert_int_equal(db_commit(db, &err), 0);
    assert_int_not_equal(db_rowsum(db, "fresh"), 0);
    verify(db);
    db_close(db);
}

static void odd_tables_are_refused(void **unused)
{
    (void)unused;
    static const char *const one[] = {"nothing"}, *const generated[] = {"g"};
    struct error err;
    struct db *db;
    assert_int_equal(db_open(":memory:", NULL, &db, &err), 0);
    assert_int_equal(db_exec(db, "create table g(a integer, b integer as (a + 1))", &err), 0);
    assert_int_equal(db_rowsums_start(db, one, 1, &err), -1);
    assert_string_equal(err.text, "nothing: got nothing, need a table of plain columns");
    assert_int_equal(db_rowsums_start(db, generated, 1, &err), -1);
    assert_string_equal(err.text, "g: got generated columns, need a table of plain columns");
    db_close(db);
}

/* A row's hash is remembered with its rowid; what was undone may not be. */
static void what_was_undone_is_hashed_anew(void **unused)
{
    (void)unused;
    struct db *db = open_watched();
    struct error err;
    run(db, "insert into parents values(1, 'one'), (2, 'two')");
    assert_int_equal(db_begin(db, DB_NORMAL, &err), 0);
    run(db, "update parents set name = 'eins' where id = 1");
    db_savepoint(db);
    run(db, "update parents set name = 'un' where id = 1; delete from parents where id = 2;"
            "insert into parents values(3, 'trois')");
    db_rollback_to(db);
    run(db, "update parents set name = 'uno' where id = 1; delete from parents where id = 2;"
            "insert into parents values(3, 'tres')");
    verify(db);
    db_rollback(db);
    verify(db);
    run(db, "update parents set name = '1' where id < 9");
    verify(db);
    run(db, "delete from parents");
    assert_int_equal(db_rowsum(db, "parents"), 0);
    db_close(db);
}

static void on_row(void *data, int64_t rowid)
{
    char *told = data;
    snprintf(told + strlen(told), 64 - strlen(told), " %lld", (long long)rowid);
}

static void who_watches_a_table_hears_of_its_rows(void **unused)
{
    (void)unused;
    struct db *db = open_watched();
    struct error err;
    char told[64] = "";
    db_rowsums_watch(db, "parents", on_row, told);
    run(db, "insert into parents values(1, 'one'), (2, 'two')");
    run(db, "insert into others values(5, 'a')");
    run(db, "update parents set name = 'zwei' where id = 2");
    run(db, "delete from parents where id = 1");
    assert_string_equal(told, " 1 2 2 2 1");
    assert_int_equal(db_begin(db, DB_NORMAL, &err), 0);
    db_savepoint(db);
    db_rollback_to(db);
    db_rollback(db);
    assert_string_equal(told, " 1 2 2 2 1 0 0");
    db_rowsums_watch(db, "parents", NULL, NULL);
    run(db, "insert into parents values(3, 'three')");
    assert_string_equal(told, " 1 2 2 2 1 0 0");
    db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_follow_every_change),
        cmocka_unit_test(a_wrong_sum_is_found),
        cmocka_unit_test(rows_count_from_now_on),
        cmocka_unit_test(a_reader_finds_a_row_that_was_changed_behind_the_sums),
        cmocka_unit_test(a_schema_step_counts_anew),
        cmocka_unit_test(order_and_history_do_not_count),
        cmocka_unit_test(values_do_not_run_together),
        cmocka_unit_test(rollbacks_take_the_sums_along),
        cmocka_unit_test(sums_are_stored_with_the_rows),
        cmocka_unit_test(more_tables_can_be_taken_in),
        cmocka_unit_test(odd_tables_are_refused),
        cmocka_unit_test(what_was_undone_is_hashed_anew),
        cmocka_unit_test(who_watches_a_table_hears_of_its_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
