/* Copies of a state's file beside it, on a disk that fails. */
#include "unit.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/str.h"
#include "host/copies.h"
#include "support/faultvfs.h"
#include "support/tmp.h"

static struct desk {
    char folder[TMP_PATH_SIZE], path[TMP_PATH_SIZE];
} d;

static int begin(void **unused)
{
    struct db *db;
    struct error err;
    const struct replica_server self = {7, "127.0.0.1:5055", REPLICA_VOTER};
    (void)unused;
    tmp_make(d.folder);
    tmp_file(d.path, d.folder, "state.db");
    assert_int_equal(db_open(d.path, NULL, &db, &err), 0);
    assert_int_equal(replica_format(db, 7, 8, &err), 0);
    assert_int_equal(replica_bootstrap(db, &self, 1, &err), 0);
    assert_int_equal(db_exec(db,
                             "create table words(k integer primary key, word text) strict;"
                             "with recursive n(i) as (select 1 union all select i + 1 from n"
                             " where i < 3000)"
                             " insert into words select i, printf('%0100d', i) from n",
                             &err),
                     0);
    /* as if the first entry were applied */
    assert_int_equal(db_exec(db,
                             "update raft_state set applied = 1, applied_term = 1, conf_index = 1,"
                             " conf = (select data from raft_log)",
                             &err),
                     0);
    db_close(db);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    tmp_remove(d.folder);
    return 0;
}

/* Files of the folder whose names begin so. */
static int files(const char *prefix)
{
    int n = 0;
    DIR *dir = opendir(d.folder);
    assert_non_null(dir);
    struct dirent *e;
    while ((e = readdir(dir)) != NULL)
        n += str_starts(e->d_name, prefix);
    closedir(dir);
    return n;
}

static bool never(void *data)
{
    (void)data;
    return false;
}

static void hash_of(const char *path, uint8_t out[SHA256_SIZE])
{
    char chunk[4096];
    size_t n;
    struct sha256 *hash = sha256_new();
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
        sha256_add(hash, chunk, n);
    fclose(f);
    sha256_end(hash, out);
}

static void a_copy_says_what_it_holds(void **unused)
{
    struct error err;
    struct replica_snapshot s;
    struct stat st;
    struct db *db;
    char path[COPY_PATH_SIZE];
    uint8_t hash[SHA256_SIZE];
    (void)unused;
    const struct copy_options options = {.state_path = d.path, .token = 0x4d2};
    if (copy_make(&options, &s, &err) != 0)
        fail_msg("%s", err.text);
    copy_path(d.path, COPY_SNAPSHOT, 0x4d2, path);
    assert_true(str_ends(path, "state.db.snapshot-00000000000004d2"));
    assert_int_equal(stat(path, &st), 0);
    hash_of(path, hash);
    assert_int_equal(s.token, 0x4d2);
    assert_int_equal(s.size, st.st_size);
    assert_memory_equal(s.hash, hash, SHA256_SIZE);
    assert_int_equal(s.index, 1);
    assert_int_equal(s.term, 1);
    assert_int_equal(s.conf_index, 1);
    assert_true(s.conf.len > 0);
    replica_snapshot_close(&s);
    assert_int_equal(files("state.db.snapshot"), 1); /* no journal, no log */
    const struct db_options alone = {.rollback_journal = true};
    assert_int_equal(db_open(path, &alone, &db, &err), 0);
    assert_int_equal(db_exec(db, "insert into words values(0, 'more')", &err), 0);
    db_close(db);
}

static void a_disk_that_fails_leaves_nothing_half_made(void **unused)
{
    static const enum fault faults[] = {FAULT_FULL, FAULT_WRITE, FAULT_SYNC};
    struct error err;
    struct replica_snapshot s;
    (void)unused;
    struct faultvfs *disk = faultvfs_new("copies", 1);
    const struct copy_options options = {.state_path = d.path, .vfs = "copies", .token = 5};
    for (size_t i = 0; i < COUNT(faults); i++)
        for (unsigned n = 1; n < 400; n += 13) {
            uint64_t before = faultvfs_count(disk, faults[i]);
            faultvfs_fail(disk, faults[i], n);
            int rv = copy_make(&options, &s, &err);
            faultvfs_fail(disk, faults[i], 0);
            if (rv == 0) { /* it does not take so many */
                assert_true(faultvfs_count(disk, faults[i]) - before < n);
                replica_snapshot_close(&s);
                break;
            }
            assert_int_equal(err.code, ERR_IO);
            assert_int_equal(files("state.db.snapshot"), 0);
        }
    faultvfs_free(disk);
}

static void one_that_is_not_to_go_on_leaves_nothing(void **unused)
{
    struct error err;
    struct replica_snapshot s;
    (void)unused;
    const struct copy_options options = {.state_path = d.path, .token = 6, .go_on = never};
    assert_int_equal(copy_make(&options, &s, &err), -1);
    assert_int_equal(err.code, ERR_CANCELED);
    assert_int_equal(files("state.db.snapshot"), 0);
}

static void touch(const char *name)
{
    char path[TMP_PATH_SIZE];
    FILE *f = fopen(tmp_file(path, d.folder, name), "w");
    assert_non_null(f);
    fclose(f);
}

static void old_ones_are_cleared_away_and_nothing_else(void **unused)
{
    (void)unused;
    touch("state.db.snapshot-0000000000000001");
    touch("state.db.snapshot-0000000000000001-journal");
    touch("state.db.snapshot-0000000000000002");
    touch("state.db.backup-0000000000000003");
    touch("mystate.db.snapshot-0000000000000001");
    copies_clear(d.path, COPY_SNAPSHOT, 2);
    assert_int_equal(files("state.db.snapshot-"), 1);
    assert_int_equal(files("state.db.backup-"), 1);
    copies_clear(d.path, COPY_SNAPSHOT, 0);
    copies_clear(d.path, COPY_BACKUP, 0);
    assert_int_equal(files("state.db.snapshot-"), 0);
    assert_int_equal(files("state.db.backup-"), 0);
    assert_int_equal(files("mystate.db.snapshot-"), 1);
    assert_int_equal(files("state.db"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(a_copy_says_what_it_holds),
        TEST(a_disk_that_fails_leaves_nothing_half_made),
        TEST(one_that_is_not_to_go_on_leaves_nothing),
        TEST(old_ones_are_cleared_away_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
