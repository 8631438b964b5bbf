#include "unit.h"

#include "db/statement.h"
#include "db/swap.h"
#include "support/tmp.h"

struct fixture {
    char folder[TMP_PATH_SIZE], path[TMP_PATH_SIZE], other[TMP_PATH_SIZE];
    struct db *db;
};

static struct db *make(const char *path, const char *sql, bool rollback_journal)
{
    struct error err;
    struct db *db;
    struct db_options options = {.rollback_journal = rollback_journal};
    if (db_open(path, &options, &db, &err) != 0 || db_exec(db, sql, &err) != 0)
        fail_msg("%s", err.text);
    return db;
}

static int64_t content(struct db *db)
{
    struct error err;
    struct stmt *q = db_query(db, SLICE("select x from t"), &err);
    assert_non_null(q);
    assert_true(stmt_row(q));
    int64_t x = stmt_i64(q, 0);
    stmt_free(q);
    return x;
}

static int set_up(void **state)
{
    static struct fixture f;
    tmp_make(f.folder);
    f.db = make(tmp_file(f.path, f.folder, "state.db"),
                "create table t(x); insert into t values(1)", false);
    tmp_file(f.other, f.folder, "received.db");
    db_close(make(f.other, "create table t(x); insert into t values(2)", true));
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    db_close(f->db);
    tmp_remove(f->folder);
    return 0;
}

static void the_new_file_takes_the_name(void **state)
{
    struct fixture *f = *state;
    struct error err;
    assert_int_equal(db_swap(&f->db, f->other, NULL, NULL, &err), 0);
    assert_null(f->db);
    f->db = make(f->path, "", false);
    assert_int_equal(content(f->db), 2);
}

static bool unless(void *data, enum swap_step step)
{
    return step != *(enum swap_step *)data;
}

static void a_crash_leaves_the_one_or_the_other(void **state)
{
    struct fixture *f = *state;
    struct error err;
    for (enum swap_step last = SWAP_CHECKPOINTED; last <= SWAP_DIR_SYNCED; last++) {
        assert_int_equal(db_swap(&f->db, f->other, unless, &last, &err), -1);
        assert_int_equal(err.code, ERR_CANCELED);
        assert_null(f->db);
        f->db = make(f->path, "", false);
        bool swapped = last >= SWAP_RENAMED;
        assert_int_equal(content(f->db), swapped ? 2 : 1);
        if (swapped) {
            assert_int_equal(db_exec(f->db, "update t set x = 1", &err), 0);
            db_close(make(f->other, "create table t(x); insert into t values(2)", true));
        }
    }
}

static void a_reader_refuses_it(void **state)
{
    struct fixture *f = *state;
    struct error err;
    struct db *reader;
    struct db_options options = {.read_only = true};
    assert_int_equal(db_open(f->path, &options, &reader, &err), 0);
    struct stmt *q = db_query(reader, SLICE("select x from t"), &err);
    assert_true(stmt_row(q));
    assert_int_equal(db_swap(&f->db, f->other, NULL, NULL, &err), -1);
    assert_int_equal(err.code, ERR_UNAVAILABLE);
    assert_non_null(f->db);
    assert_int_equal(content(f->db), 1);
    stmt_free(q);
    db_close(reader);
    assert_int_equal(db_swap(&f->db, f->other, NULL, NULL, &err), 0);
    f->db = make(f->path, "", false);
}

static void a_missing_file_is_named(void **state)
{
    struct fixture *f = *state;
    struct error err;
    assert_int_equal(db_swap(&f->db, "/nowhere.db", NULL, NULL, &err), -1);
    assert_string_equal(err.text, "opening /nowhere.db: No such file or directory");
    f->db = make(f->path, "", false);
    assert_int_equal(content(f->db), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_new_file_takes_the_name),
        TEST(a_crash_leaves_the_one_or_the_other),
        TEST(a_reader_refuses_it),
        TEST(a_missing_file_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
