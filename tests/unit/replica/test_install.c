/* A snapshot from one disk to another, with a crash after each step, and the order of what is
 * written and what is said. */
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "stage.h"

/* Another member, only as a source of a snapshot of node 2: it has applied some entries. */
struct source {
    struct member m;
    struct replica_snapshot snapshot;
    char path[TMP_PATH_SIZE];
};

static void commit(struct member *m, struct now now)
{
    struct error err;
    do {
        replica_turn(m->r, &now);
        assert_int_equal(replica_commit(m->r, &err), 0);
    } while (replica_restless(m->r));
}

static void make_source(struct source *src, struct stage *s)
{
    struct error err;
    struct replica_server servers[] = {{2, "n2", REPLICA_VOTER}, {1, "n1", REPLICA_STANDBY}};
    memset(src, 0, sizeof *src);
    member_init(&src->m, s->folder, 2, 2);
    member_bootstrap(&src->m, servers, 2);
    assert_int_equal(member_open(&src->m, s->now), 0);
    commit(&src->m, s->now);
    for (uint64_t i = 1; i <= 20; i++) {
        replica_turn(src->m.r, &s->now);
        assert_int_equal(replica_propose(src->m.r, SLICE("an entry"), i, &err), 0);
        assert_int_equal(replica_commit(src->m.r, &err), 0);
    }
    commit(&src->m, s->now);
    assert_int_equal(member_make_snapshot(&src->m, 77, src->path), 0);
    src->snapshot = src->m.r->ready;
}

static void offer(struct stage *s, const struct source *src)
{
    const struct replica_snapshot *snap = &src->snapshot;
    struct frame f = {.kind = FRAME_OFFER};
    f.offer = (struct frame_offer){.term = 3,
                                   .index = snap->index,
                                   .index_term = snap->term,
                                   .conf_index = snap->conf_index,
                                   .conf = buf_slice(&snap->conf),
                                   .token = snap->token};
    stage_feed(s, 1, 2, f);
}

static void copy_file(const char *from, const char *to)
{
    char block[1 << 16];
    FILE *in = fopen(from, "r"), *out = fopen(to, "w");
    assert_true(in != NULL && out != NULL);
    for (size_t n; (n = fread(block, 1, sizeof block, in)) > 0;)
        assert_int_equal(fwrite(block, 1, n, out), n);
    fclose(in);
    fclose(out);
}

static void begin(struct stage *s, struct source *src, char received[TMP_PATH_SIZE])
{
    stage_init(s, "sv", NULL);
    stage_append(s, 2, 2, 1, 1, "cc", 3);
    make_source(src, s);
    offer(s, src);
    uint64_t from;
    const struct replica_snapshot *wanted = replica_install(s->m.r, &from);
    assert_non_null(wanted);
    assert_int_equal(from, 2);
    assert_true(wanted->token == 77 && wanted->index == src->snapshot.index);
    copy_file(src->path, tmp_file(received, s->folder, "received"));
}

static void end(struct stage *s, struct source *src)
{
    member_close(&src->m);
    stage_close(s);
}

static void it_goes_on_from_the_snapshot(void **unused)
{
    (void)unused;
    static struct stage s;
    static struct source src;
    char received[TMP_PATH_SIZE];
    begin(&s, &src, received);
    stage_append(&s, 2, 3, src.snapshot.index, src.snapshot.term, "", 2); /* heartbeats go on */
    assert_int_equal(member_install(&s.m, 77, received, s.now), 0);
    assert_true(replica_applied(s.m.r) == src.snapshot.index);
    assert_true(member_chain(&s.m) == member_chain(&src.m));
    assert_null(replica_install(s.m.r, NULL));
    stage_turn(&s, 1);
    stage_append(&s, 2, 3, src.snapshot.index, src.snapshot.term, "cc", src.snapshot.index + 2);
    const struct frame *f = stage_frame(&s, FRAME_APPEND_RESULT, 2);
    assert_non_null(f);
    assert_int_equal(f->append_result.rejected, 0);
    assert_true(replica_applied(s.m.r) == src.snapshot.index + 2);
    stage_restart(&s);
    assert_true(replica_applied(s.m.r) == src.snapshot.index + 2);
    assert_int_equal(replica_term(s.m.r), 3); /* its own, not that of the file */
    end(&s, &src);
}

static int last_step;
static bool until(void *data, enum swap_step step)
{
    struct member *m = data;
    if ((int)step != last_step)
        return true;
    faultvfs_die(m->disk);
    return false;
}

static void a_crash_at_any_step_leaves_the_old_or_the_new(void **unused)
{
    (void)unused;
    for (last_step = SWAP_CHECKPOINTED; last_step <= SWAP_DIR_SYNCED; last_step++) {
        static struct stage s;
        static struct source src;
        char received[TMP_PATH_SIZE];
        begin(&s, &src, received);
        s.m.r->options.swap_did = until;
        s.m.r->options.swap_data = &s.m;
        assert_int_equal(member_install(&s.m, 77, received, s.now), -1);
        member_crash(&s.m, FATE_LOST);
        assert_int_equal(member_open(&s.m, s.now), 0);
        assert_int_equal(replica_term(s.m.r), 3);
        bool swapped = last_step >= SWAP_RENAMED;
        assert_true(replica_applied(s.m.r) == (swapped ? src.snapshot.index : 3));
        if (swapped)
            assert_true(member_chain(&s.m) == member_chain(&src.m));
        end(&s, &src);
    }
}

static void another_file_is_not_installed(void **unused)
{
    (void)unused;
    static struct stage s;
    static struct source src;
    struct error err;
    bool open;
    char received[TMP_PATH_SIZE];
    begin(&s, &src, received);
    assert_int_equal(replica_install_swap(s.m.r, 78, received, &open, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_true(open);
    FILE *file = fopen(received, "w");
    fputs("this is no database, it only has the name of one", file);
    fclose(file);
    assert_int_equal(replica_install_swap(s.m.r, 77, received, &open, &err), -1);
    assert_int_equal(err.code, ERR_CORRUPT);
    assert_true(open);
    replica_turn(s.m.r, &s.now);
    replica_install_abort(s.m.r);
    assert_null(replica_install(s.m.r, NULL));
    stage_turn(&s, 1);
    stage_append(&s, 2, 3, 3, 2, "c", 4); /* it goes on from its own log */
    assert_int_equal(replica_applied(s.m.r), 4);
    end(&s, &src);
}

static void a_silent_leader_ends_the_install(void **unused)
{
    (void)unused;
    static struct stage s;
    static struct source src;
    char received[TMP_PATH_SIZE];
    begin(&s, &src, received);
    for (int i = 0; i < 30; i++)
        stage_append(&s, 2, 3, src.snapshot.index, src.snapshot.term, "", 2);
    assert_non_null(replica_install(s.m.r, NULL));
    stage_turn(&s, 9000);
    assert_non_null(replica_install(s.m.r, NULL));
    stage_turn(&s, 2000);
    assert_null(replica_install(s.m.r, NULL));
    end(&s, &src);
}

static void the_copy_has_nothing_that_is_only_ours(void **unused)
{
    (void)unused;
    static struct stage s;
    static struct source src;
    struct error err;
    struct db *db;
    char received[TMP_PATH_SIZE];
    begin(&s, &src, received);
    assert_int_equal(db_open(received, NULL, &db, &err), 0);
    static const char *const tables[] = {"raft_log", "raft_meta", "raft_node"};
    for (size_t i = 0; i < 3; i++) {
        char sql[100];
        snprintf(sql, sizeof sql, "select count(*) from %s", tables[i]);
        struct stmt *q = db_query(db, slice_of(sql), &err);
        assert_int_equal(stmt_one_i64(q, -1), 0);
        stmt_free(q);
    }
    db_close(db);
    end(&s, &src);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_goes_on_from_the_snapshot),
        cmocka_unit_test(a_crash_at_any_step_leaves_the_old_or_the_new),
        cmocka_unit_test(another_file_is_not_installed),
        cmocka_unit_test(a_silent_leader_ends_the_install),
        cmocka_unit_test(the_copy_has_nothing_that_is_only_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
