#include "unit.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "db/statement.h"
#include "support/faultvfs.h"
#include "support/tmp.h"

#define STATEMENTS(X)                                         \
    X(PUT, "insert into things(id, name) values(:id, :name)") \
    X(COUNT, "select count(*) from things")                   \
    X(ALL, "select id, name from things order by id")
enum { DB_ENUM(STATEMENTS) N_STATEMENTS };
static const struct db_sql table[] = {DB_TABLE(STATEMENTS)};
#define SCHEMA "create table things(id integer primary key, name text) strict;"

struct fixture {
    char folder[TMP_PATH_SIZE], path[TMP_PATH_SIZE];
    struct faultvfs *disk;
    struct db_options options;
    struct db *db;
    struct stmts *stmts;
};

static void open_it(struct fixture *f)
{
    struct error err;
    int version;
    if (db_open(f->path, &f->options, &f->db, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(db_schema_version(f->db, &version, &err), 0);
    if (version == 0 && db_schema_step(f->db, SCHEMA, 1, &err) != 0)
        fail_msg("%s", err.text);
    if (db_prepare(f->db, table, N_STATEMENTS, &f->stmts, &err) != 0)
        fail_msg("%s", err.text);
}

static void close_it(struct fixture *f)
{
    stmts_free(f->stmts);
    db_close(f->db);
    f->stmts = NULL;
    f->db = NULL;
}

static int set_up(void **state)
{
    static struct fixture f;
    f = (struct fixture){0};
    tmp_make(f.folder);
    tmp_file(f.path, f.folder, "state.db");
    f.disk = faultvfs_new("machine", 1);
    f.options = (struct db_options){.vfs = "machine", .fail_stop = true};
    open_it(&f);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    close_it(f);
    faultvfs_free(f->disk);
    tmp_remove(f->folder);
    return 0;
}

static void put(struct fixture *f, int64_t id)
{
    struct stmt *q = stmts_use(f->stmts, PUT);
    stmt_bind_i64(q, ":id", id);
    stmt_bind_text(q, ":name", "a thing");
    stmt_run(q);
}

static int64_t count(struct fixture *f)
{
    return stmt_one_i64(stmts_use(f->stmts, COUNT), -1);
}

static int put_durably(struct fixture *f, int64_t id, enum db_level level)
{
    struct error err;
    if (db_begin(f->db, level, &err) != 0)
        return -1;
    put(f, id);
    return db_commit(f->db, &err);
}

static void crash(struct fixture *f, enum fate fate)
{
    faultvfs_die(f->disk);
    close_it(f);
    faultvfs_revive(f->disk, fate);
    open_it(f);
}

static void what_full_commits_survives_the_machine(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put_durably(f, 1, DB_FULL), 0);
    crash(f, FATE_LOST);
    assert_int_equal(count(f), 1);
}

static void what_normal_commits_survives_the_process_but_not_the_machine(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put_durably(f, 1, DB_NORMAL), 0);
    crash(f, FATE_KEPT);
    assert_int_equal(count(f), 1);
    assert_int_equal(put_durably(f, 2, DB_FULL), 0);
    assert_int_equal(put_durably(f, 3, DB_NORMAL), 0);
    crash(f, FATE_LOST);
    assert_int_equal(count(f), 2);
}

static void only_full_commits_sync(void **state)
{
    struct fixture *f = *state;
    uint64_t before = faultvfs_count(f->disk, FAULT_SYNC);
    assert_int_equal(put_durably(f, 1, DB_NORMAL), 0);
    assert_int_equal(put_durably(f, 2, DB_NORMAL), 0);
    assert_int_equal(faultvfs_count(f->disk, FAULT_SYNC), before);
    assert_int_equal(put_durably(f, 3, DB_FULL), 0);
    assert_int_equal(faultvfs_count(f->disk, FAULT_SYNC), before + 1);
}

static void a_torn_commit_is_all_or_nothing(void **state)
{
    struct fixture *f = *state;
    for (int64_t round = 0; round < 50; round++) {
        int64_t before = count(f);
        struct error err;
        faultvfs_die_at(f->disk, FAULT_SYNC, 1);
        assert_int_equal(db_begin(f->db, DB_FULL, &err), 0);
        for (int64_t i = 0; i < 200; i++)
            put(f, round * 1000 + i);
        assert_int_equal(db_commit(f->db, &err), -1);
        crash(f, round % 2 == 0 ? FATE_TORN : FATE_FLIPPED);
        int64_t after = count(f);
        assert_true(after == before || after == before + 200);
        assert_int_equal(put_durably(f, round * 1000 + 500, DB_FULL), 0);
    }
}

static void an_error_sticks_to_a_fail_stop_connection(void **state)
{
    struct fixture *f = *state;
    struct error err;
    assert_int_equal(db_begin(f->db, DB_FULL, &err), 0);
    put(f, 1);
    put(f, 1); /* the key is taken */
    put(f, 2);
    assert_int_equal(count(f), -1);
    assert_int_equal(db_commit(f->db, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_non_null(strstr(err.text, "PUT: UNIQUE constraint failed: things.id"));
    assert_int_equal(db_begin(f->db, DB_FULL, &err), -1);
    assert_int_equal(db_check(f->db, &err), -1);
    assert_int_equal(db_check(f->db, &err), -1);
}

static void an_error_ends_at_the_check_of_another(void **state)
{
    struct fixture *f = *state;
    struct error err;
    close_it(f);
    f->options.fail_stop = false;
    open_it(f);
    put(f, 1);
    put(f, 1);
    assert_int_equal(count(f), -1);
    assert_int_equal(db_check(f->db, &err), -1);
    assert_int_equal(db_check(f->db, &err), 0);
    assert_int_equal(count(f), 1);
}

static void each_operation_of_the_disk_may_fail(void **state)
{
    struct fixture *f = *state;
    static const enum fault faults[] = {FAULT_WRITE, FAULT_FULL, FAULT_SYNC};
    int64_t id = 0, kept = 0;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        for (unsigned n = 1; n < 6; n++) {
            faultvfs_fail(f->disk, faults[i], n);
            struct error err;
            int rv = put_durably(f, ++id, DB_FULL);
            kept += rv == 0;
            assert_int_equal(db_check(f->db, &err), rv);
            close_it(f); /* whoever fails starts again from the file */
            faultvfs_fail(f->disk, faults[i], 0);
            open_it(f);
            int64_t now = count(f);
            /* a failed sync leaves the frames there: not acknowledged, and yet perhaps kept */
            assert_true(now == kept || (rv != 0 && now == kept + 1));
            kept = now;
        }
}

static void a_savepoint_leaves_nothing_when_rolled_back(void **state)
{
    struct fixture *f = *state;
    struct error err;
    assert_int_equal(db_begin(f->db, DB_NORMAL, &err), 0);
    put(f, 1);
    db_savepoint(f->db);
    put(f, 2);
    db_savepoint(f->db);
    put(f, 3);
    db_release(f->db);
    db_rollback_to(f->db);
    db_savepoint(f->db);
    put(f, 4);
    db_release(f->db);
    assert_int_equal(db_commit(f->db, &err), 0);
    struct stmt *q = stmts_use(f->stmts, ALL);
    assert_true(stmt_row(q));
    assert_int_equal(stmt_i64(q, 0), 1);
    assert_true(stmt_row(q));
    assert_int_equal(stmt_i64(q, 0), 4);
    assert_string_equal(stmt_str(q, 1), "a thing");
    assert_false(stmt_row(q));
}

static void commits_nothing_while_a_statement_is_in_its_rows(void **state)
{
    struct fixture *f = *state;
    struct error err;
    int ignored;
    assert_int_equal(db_begin(f->db, DB_NORMAL, &err), 0);
    put(f, 1);
    struct stmt *q = db_query(f->db, SLICE("select 1 union select 2"), &err);
    assert_true(stmt_row(q));
    assert_true(stmt_row(q));
    assert_breaks(ignored = db_commit(f->db, &err));
    (void)ignored;
    stmt_free(q); /* which ends it as well */
    assert_int_equal(db_commit(f->db, &err), 0);
}

static void readers_see_what_is_committed(void **state)
{
    struct fixture *f = *state;
    struct error err;
    struct db *reader;
    struct stmts *stmts;
    static const struct db_sql one[] = {{"COUNT", "select count(*) from things"}};
    struct db_options options = {.read_only = true, .busy_ms = 100, .vfs = "machine"};
    assert_int_equal(db_open(f->path, &options, &reader, &err), 0);
    assert_int_equal(db_prepare(reader, one, 1, &stmts, &err), 0);

    assert_int_equal(put_durably(f, 1, DB_NORMAL), 0);
    assert_int_equal(db_begin(reader, DB_READ, &err), 0);
    assert_int_equal(stmt_one_i64(stmts_use(stmts, 0), -1), 1);
    assert_int_equal(put_durably(f, 2, DB_NORMAL), 0);
    assert_int_equal(stmt_one_i64(stmts_use(stmts, 0), -1), 1); /* one snapshot */
    assert_int_equal(db_commit(reader, &err), 0);
    assert_int_equal(stmt_one_i64(stmts_use(stmts, 0), -1), 2);

    assert_int_equal(db_exec(reader, "delete from things", &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    stmts_free(stmts);
    db_close(reader);
}

static void *commit_later(void *holder)
{
    struct error err;
    return db_commit(holder, &err) == 0 ? NULL : holder;
}

/* A checkpoint that makes the log begin anew holds the same lock. */
static void a_writer_waits_for_who_holds_the_lock(void **state)
{
    (void)state;
    struct error err;
    struct db *holder, *hasty, *patient;
    pthread_t thread;
    void *trouble;
    char folder[TMP_PATH_SIZE], path[TMP_PATH_SIZE];
    const struct db_options options = {.fail_stop = true, .busy_ms = 30000};
    tmp_make(folder);
    tmp_file(path, folder, "locked.db");
    assert_int_equal(db_open(path, &options, &holder, &err), 0);
    assert_int_equal(db_open(path, &options, &patient, &err), 0);
    assert_int_equal(db_open(path, NULL, &hasty, &err), 0);
    assert_int_equal(db_begin(holder, DB_FULL, &err), 0);
    assert_int_equal(db_begin(hasty, DB_FULL, &err), -1);
    assert_int_equal(err.code, ERR_UNAVAILABLE);

    assert_int_equal(pthread_create(&thread, NULL, commit_later, holder), 0);
    assert_int_equal(db_begin(patient, DB_FULL, &err), 0);
    assert_int_equal(db_commit(patient, &err), 0);
    assert_int_equal(pthread_join(thread, &trouble), 0);
    assert_null(trouble);
    db_close(hasty);
    db_close(patient);
    db_close(holder);
    tmp_remove(folder);
}

static bool give_up(void *data)
{
    return --*(int *)data > 0;
}

static void a_reader_can_lose_patience(void **state)
{
    struct fixture *f = *state;
    struct error err;
    int questions = 10;
    struct db *reader;
    struct db_options options = {.read_only = true, .vfs = "machine"};
    assert_int_equal(db_open(f->path, &options, &reader, &err), 0);
    db_set_patience(reader, give_up, &questions);
    struct stmt *q = db_query(
        reader,
        SLICE("with recursive n(i) as (select 1 union all select i+1 from n) select sum(i) from n"),
        &err);
    assert_non_null(q);
    assert_false(stmt_row(q));
    assert_int_equal(db_check(reader, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    assert_string_equal(err.text, "it takes too long, or too much memory: ask for less at once");
    assert_int_equal(questions, 0);
    stmt_free(q);
    db_close(reader);
}

static bool never(void *data)
{
    (void)data;
    return false;
}

/* SQLite asks after so many steps of a statement, of all the times that it ran. */
static void a_transaction_ends_whose_reader_has_no_patience_left(void **state)
{
    struct fixture *f = *state;
    struct error err;
    struct db *reader;
    struct db_options options = {.read_only = true, .vfs = "machine"};
    assert_int_equal(db_open(f->path, &options, &reader, &err), 0);
    db_set_patience(reader, never, NULL);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(db_begin(reader, DB_READ, &err), 0);
        db_rollback(reader);
        assert_false(db_in_transaction(reader));
    }
    db_close(reader);
}

static void a_copy_is_given_up(void **state)
{
    struct fixture *f = *state;
    struct error err;
    struct db *reader;
    char path[512];
    struct db_options options = {.read_only = true, .vfs = "machine"};
    assert_int_equal(db_exec(f->db,
                             "create table many as with recursive n(i) as (select 1 union all "
                             "select i + 1 from n where i < 1000) select i from n",
                             &err),
                     0);
    assert_int_equal(db_open(f->path, &options, &reader, &err), 0);
    snprintf(path, sizeof path, "%s.copy", f->path);
    db_set_patience(reader, never, NULL);
    assert_int_equal(db_copy_to(reader, path, &err), -1);
    db_set_patience(reader, NULL, NULL);
    assert_int_equal(db_copy_to(reader, path, &err), 0);
    db_close(reader);
    unlink(path);
}

static bool go_on(void *data)
{
    (void)data;
    return true;
}

static void a_reader_is_ended_that_takes_too_much_memory(void **state)
{
    struct fixture *f = *state;
    struct error err;
    struct db *reader;
    struct db_options options = {.read_only = true, .vfs = "machine"};
    assert_int_equal(db_open(f->path, &options, &reader, &err), 0);
    db_set_patience(reader, go_on, NULL);
    struct stmt *q = db_query(
        reader,
        SLICE("with recursive n(i) as (select 1 union all select i+1 from n limit 200)"
              " select count(*) over (), i from (select i, zeroblob(4000000) z from n order by z)"),
        &err);
    assert_non_null(q);
    assert_false(stmt_row(q));
    assert_int_equal(db_check(reader, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    stmt_free(q);
    db_close(reader);
}

static void the_log_is_checkpointed_by_hands_only(void **state)
{
    struct fixture *f = *state;
    struct error err;
    struct db *other;
    struct db_checkpoint done;
    for (int64_t i = 0; i < 1200; i++)
        assert_int_equal(put_durably(f, i, DB_NORMAL), 0);
    assert_true(db_wal_bytes(f->db) > 1000 * 4096); /* more than SQLite's own limit */
    int64_t before = db_wal_bytes(f->db);

    struct db_options options = {.vfs = "machine"};
    assert_int_equal(db_open(f->path, &options, &other, &err), 0);
    assert_int_equal(db_checkpoint(other, DB_CHECKPOINT_PASSIVE, &done, &err), 0);
    assert_int_equal(done.frames, done.moved);
    assert_true(done.moved > 1000);
    assert_int_equal(put_durably(f, 1200, DB_FULL), 0);
    assert_true(db_wal_bytes(f->db) < before); /* it began anew */
    assert_int_equal(db_checkpoint(other, DB_CHECKPOINT_TRUNCATE, &done, &err), 0);
    db_close(other);
    crash(f, FATE_LOST);
    assert_int_equal(count(f), 1201);
}

static int64_t size_of_log(const struct fixture *f)
{
    char path[TMP_PATH_SIZE + 8];
    struct stat st;
    snprintf(path, sizeof path, "%s-wal", f->path);
    return stat(path, &st) == 0 ? (int64_t)st.st_size : -1;
}

/* A sync that has only filled room is faster than one of a file that has grown. */
static void the_log_has_room_before_it_needs_it(void **state)
{
    struct fixture *f = *state;
    unsigned grown = 0;
    int64_t i = 0, room = 0;
    while (db_wal_bytes(f->db) < 1 << 20)
        assert_int_equal(put_durably(f, i++, DB_NORMAL), 0);
    for (int64_t end = i + 1000; i < end; i++) {
        assert_int_equal(put_durably(f, i, DB_NORMAL), 0);
        assert_true(size_of_log(f) > db_wal_bytes(f->db));
        grown += size_of_log(f) != room;
        room = size_of_log(f);
    }
    assert_in_range(grown, 1, 3);
    assert_int_equal(put_durably(f, i++, DB_FULL), 0);
    crash(f, FATE_LOST); /* behind the last row there is nothing */
    assert_int_equal(count(f), i);
}

static void a_reader_in_its_rows_holds_truncation_up(void **state)
{
    struct fixture *f = *state;
    struct error err;
    struct db *reader;
    struct db_checkpoint done;
    struct db_options options = {.read_only = true, .vfs = "machine"};
    assert_int_equal(db_open(f->path, &options, &reader, &err), 0);
    assert_int_equal(put_durably(f, 1, DB_FULL), 0);
    assert_int_equal(db_begin(reader, DB_READ, &err), 0);
    struct stmt *q = db_query(reader, SLICE("select * from things"), &err);
    assert_true(stmt_row(q));
    assert_int_equal(db_checkpoint(f->db, DB_CHECKPOINT_TRUNCATE, &done, &err), -1);
    assert_int_equal(err.code, ERR_UNAVAILABLE);
    stmt_free(q);
    db_close(reader);
    assert_int_equal(db_checkpoint(f->db, DB_CHECKPOINT_TRUNCATE, &done, &err), 0);
}

static void a_copy_is_one_file_with_everything(void **state)
{
    struct fixture *f = *state;
    struct error err;
    struct db *reader, *copy;
    char path[TMP_PATH_SIZE], wal[TMP_PATH_SIZE];
    struct stat st;
    assert_int_equal(put_durably(f, 7, DB_NORMAL), 0);
    struct db_options options = {.read_only = true, .vfs = "machine"};
    assert_int_equal(db_open(f->path, &options, &reader, &err), 0);
    if (db_copy_to(reader, tmp_file(path, f->folder, "copy.db"), &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(db_copy_to(reader, path, &err), -1); /* it is there already */
    db_close(reader);

    options = (struct db_options){.rollback_journal = true, .vfs = "machine"};
    assert_int_equal(db_open(path, &options, &copy, &err), 0);
    struct stmt *q = db_query(copy, SLICE("select id from things"), &err);
    assert_true(stmt_row(q));
    assert_int_equal(stmt_i64(q, 0), 7);
    stmt_free(q);
    assert_int_equal(stat(tmp_file(wal, f->folder, "copy.db-wal"), &st), -1);
    db_close(copy);
}

static void schema_steps_follow_each_other(void **state)
{
    struct fixture *f = *state;
    struct error err;
    int version;
    close_it(f);
    f->options.fail_stop = false;
    open_it(f);
    assert_int_equal(db_schema_step(f->db, "create table more(id integer) strict", 3, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_string_equal(err.text, "schema: it stands at step 1, so step 3 cannot follow");
    assert_int_equal(
        db_schema_step(f->db, "create table more(id integer) strict; syntax!", 2, &err), -1);
    assert_int_equal(db_schema_step(f->db, "create table more(id integer) strict", 2, &err), 0);
    assert_int_equal(db_schema_version(f->db, &version, &err), 0);
    assert_int_equal(version, 2);

    assert_int_equal(db_begin(f->db, DB_NORMAL, &err), 0); /* as the command schema.upgrade does */
    assert_int_equal(db_schema_step(f->db, "create table most(id integer) strict", 3, &err), 0);
    db_rollback(f->db);
    assert_int_equal(db_schema_version(f->db, &version, &err), 0);
    assert_int_equal(version, 2);
}

static void a_file_that_is_no_database_is_refused(void **state)
{
    struct fixture *f = *state;
    struct error err;
    struct db *db;
    char path[TMP_PATH_SIZE];
    FILE *file = fopen(tmp_file(path, f->folder, "junk.db"), "w");
    for (int i = 0; i < 1000; i++)
        fputs("this is no database\n", file);
    fclose(file);
    assert_int_equal(db_open(path, NULL, &db, &err), -1);
    assert_int_equal(err.code, ERR_CORRUPT);
    assert_int_equal(db_open("/nowhere/at/all.db", NULL, &db, &err), -1);
    assert_int_equal(err.code, ERR_IO);
    assert_true(str_starts(err.text, "/nowhere/at/all.db: opening: "));
}

/* Of another process: 0 once it was refused. */
static int open_when_told(const char *path, int told)
{
    struct error err;
    struct db *db;
    char byte;
    int version;
    if (read(told, &byte, 1) != 1)
        return 1;
    if (db_open(path, NULL, &db, &err) == 0 && db_schema_version(db, &version, &err) == 0)
        return 2;
    return err.code == ERR_UNAVAILABLE ? 0 : 3;
}

static void a_file_is_one_processs_alone(void **state)
{
    struct fixture *f = *state;
    struct error err;
    struct db *db, *again;
    char path[TMP_PATH_SIZE];
    int pipes[2], status;
    tmp_file(path, f->folder, "alone.db");
    assert_int_equal(pipe(pipes), 0);
    pid_t pid = fork(); /* before the file is open: SQLite counts by process */
    if (pid == 0)
        _exit(open_when_told(path, pipes[0]));
    assert_int_equal(db_open(path, NULL, &db, &err), 0);
    assert_int_equal(db_schema_step(db, SCHEMA, 1, &err), 0);
    assert_int_equal(db_open(path, NULL, &again, &err), 0);
    assert_int_equal(write(pipes[1], "!", 1), 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    close(pipes[0]);
    close(pipes[1]);
    db_close(again);
    db_close(db);
}

static void memory_will_do_for_tests(void **state)
{
    (void)state;
    struct error err;
    struct db *db;
    assert_int_equal(db_open(":memory:", NULL, &db, &err), 0);
    assert_int_equal(db_schema_step(db, SCHEMA, 1, &err), 0);
    db_close(db);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_full_commits_survives_the_machine),
        TEST(what_normal_commits_survives_the_process_but_not_the_machine),
        TEST(only_full_commits_sync),
        TEST(a_torn_commit_is_all_or_nothing),
        TEST(an_error_sticks_to_a_fail_stop_connection),
        TEST(an_error_ends_at_the_check_of_another),
        TEST(each_operation_of_the_disk_may_fail),
        TEST(a_savepoint_leaves_nothing_when_rolled_back),
        TEST(commits_nothing_while_a_statement_is_in_its_rows),
        TEST(readers_see_what_is_committed),
        cmocka_unit_test(a_writer_waits_for_who_holds_the_lock),
        TEST(a_reader_can_lose_patience),
        TEST(a_transaction_ends_whose_reader_has_no_patience_left),
        TEST(a_copy_is_given_up),
        TEST(a_reader_is_ended_that_takes_too_much_memory),
        TEST(the_log_is_checkpointed_by_hands_only),
        TEST(the_log_has_room_before_it_needs_it),
        TEST(a_reader_in_its_rows_holds_truncation_up),
        TEST(a_copy_is_one_file_with_everything),
        TEST(schema_steps_follow_each_other),
        TEST(a_file_that_is_no_database_is_refused),
        TEST(a_file_is_one_processs_alone),
        cmocka_unit_test(memory_will_do_for_tests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
