#include "unit.h"

#include <string.h>

#include "base/limits.h"
#include "base/str.h"
#include "member.h"

struct fixture {
    char folder[TMP_PATH_SIZE];
    struct member m;
    struct now now;
    uint64_t applied, ticket; /* the last ones the machine was told */
};

static void on_applied(struct member *m, uint64_t index, uint64_t term, struct slice entry,
                       uint64_t ticket)
{
    (void)term;
    (void)entry;
    struct fixture *f = m->data;
    f->applied = index;
    f->ticket = ticket;
}

static int set_up(void **state)
{
    static struct fixture f;
    memset(&f, 0, sizeof f);
    tmp_make(f.folder);
    member_init(&f.m, f.folder, 1, 1);
    f.m.applied = on_applied;
    f.m.data = &f;
    f.now.mono.ms = 1000;
    struct replica_server self = {1, "n1", REPLICA_VOTER};
    member_bootstrap(&f.m, &self, 1);
    assert_int_equal(member_open(&f.m, f.now), 0);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    member_close(&f->m);
    tmp_remove(f->folder);
    return 0;
}

static void commit(struct fixture *f)
{
    struct error err;
    if (replica_commit(f->m.r, &err) != 0)
        fail_msg("%s", err.text);
}

static void turn(struct fixture *f)
{
    replica_turn(f->m.r, &f->now);
    commit(f);
}

/* Turns until nothing is left to do; the clock stands. */
static void settle(struct fixture *f)
{
    do
        turn(f);
    while (replica_restless(f->m.r));
}

static void propose(struct fixture *f, const char *entry, uint64_t ticket)
{
    struct error err;
    if (replica_propose(f->m.r, slice_of(entry), ticket, &err) != 0)
        fail_msg("%s", err.text);
}

static void it_leads_at_once(void **state)
{
    struct fixture *f = *state;
    assert_false(replica_leads(f->m.r));
    settle(f);
    assert_true(replica_leads(f->m.r));
    assert_int_equal(replica_leader(f->m.r, NULL), 1);
    assert_int_equal(replica_term(f->m.r), 2); /* founding was 1; a start alone begins a term */
}

static void an_entry_is_applied_once_it_is_durable(void **state)
{
    struct fixture *f = *state;
    settle(f);
    replica_turn(f->m.r, &f->now);
    propose(f, "hello", 7);
    uint64_t syncs = faultvfs_count(f->m.disk, FAULT_SYNC);
    commit(f);
    assert_int_equal(faultvfs_count(f->m.disk, FAULT_SYNC), syncs + 1);
    assert_int_equal(f->ticket, 0);
    assert_true(replica_restless(f->m.r)); /* what was made durable is applied at once */
    turn(f);
    assert_int_equal(f->ticket, 7);
    assert_int_equal(faultvfs_count(f->m.disk, FAULT_SYNC), syncs + 1); /* without another fsync */
    assert_false(replica_restless(f->m.r));
    assert_int_equal(replica_applied(f->m.r), replica_last(f->m.r));
}

static void what_is_proposed_meanwhile_takes_the_applying_along(void **state)
{
    struct fixture *f = *state;
    settle(f);
    replica_turn(f->m.r, &f->now);
    propose(f, "one", 1);
    commit(f);
    replica_turn(f->m.r, &f->now);
    propose(f, "two", 2);
    uint64_t syncs = faultvfs_count(f->m.disk, FAULT_SYNC);
    commit(f);
    assert_int_equal(f->ticket, 1);
    assert_int_equal(faultvfs_count(f->m.disk, FAULT_SYNC), syncs + 1);
}

static void it_goes_on_after_a_restart(void **state)
{
    struct fixture *f = *state;
    settle(f);
    for (uint64_t i = 1; i <= 10; i++) {
        replica_turn(f->m.r, &f->now);
        propose(f, "entry", i);
        commit(f);
    }
    settle(f);
    uint64_t chain = member_chain(&f->m), applied = replica_applied(f->m.r);
    member_stop(&f->m);
    assert_int_equal(member_open(&f->m, f->now), 0);
    assert_int_equal(replica_applied(f->m.r), applied);
    assert_true(member_chain(&f->m) == chain);
    settle(f);
    assert_int_equal(replica_term(f->m.r), 3);
    assert_true(replica_leads(f->m.r));
}

static void a_crash_takes_back_only_what_was_not_promised(void **state)
{
    struct fixture *f = *state;
    static const enum fate fates[] = {FATE_KEPT, FATE_LOST, FATE_TORN, FATE_FLIPPED};
    settle(f);
    for (unsigned round = 0; round < 40; round++) {
        struct error err;
        replica_turn(f->m.r, &f->now);
        propose(f, "promised", 1);
        commit(f);
        settle(f);
        assert_int_equal(f->ticket, 1);
        uint64_t applied = f->applied;

        replica_turn(f->m.r, &f->now);
        propose(f, "in doubt", 2);
        faultvfs_die_at(f->m.disk, FAULT_SYNC, 1);
        assert_int_equal(replica_commit(f->m.r, &err), -1);
        assert_int_equal(replica_out(f->m.r).n_outcomes, 0);
        member_crash(&f->m, fates[round % 4]);

        assert_int_equal(member_open(&f->m, f->now), 0);
        assert_true(replica_last(f->m.r) >= applied);
        f->applied = 0;
        settle(f);
        assert_true(replica_applied(f->m.r) >= applied);
        assert_true(replica_leads(f->m.r));
    }
}

static void a_disk_error_ends_it(void **state)
{
    struct fixture *f = *state;
    struct error err;
    settle(f);
    replica_turn(f->m.r, &f->now);
    propose(f, "hello", 1);
    faultvfs_fail(f->m.disk, FAULT_WRITE, 1);
    assert_int_equal(replica_commit(f->m.r, &err), -1);
    assert_int_equal(err.code, ERR_IO);
    replica_turn(f->m.r, &f->now);
    assert_int_equal(replica_propose(f->m.r, SLICE("more"), 2, &err), -1);
    assert_int_equal(replica_commit(f->m.r, &err), -1);
    assert_int_equal(err.code, ERR_IO);
}

static void reads_need_nobody_else(void **state)
{
    struct fixture *f = *state;
    struct error err;
    settle(f);
    replica_turn(f->m.r, &f->now);
    assert_int_equal(replica_read(f->m.r, 9, &err), 0);
    commit(f);
    struct replica_out out = replica_out(f->m.r);
    assert_int_equal(out.n_outcomes, 1);
    assert_int_equal(out.outcomes[0].what, REPLICA_READ);
    assert_int_equal(out.outcomes[0].ticket, 9);
    assert_int_equal(out.outcomes[0].code, ERR_NONE);
    assert_int_equal(out.outcomes[0].index, replica_applied(f->m.r));
    assert_int_equal(out.n_frames, 0);
}

static void the_log_stays_short(void **state)
{
    struct fixture *f = *state;
    member_stop(&f->m);
    f->m.options.log_rows = 16;
    assert_int_equal(member_open(&f->m, f->now), 0);
    settle(f);
    for (uint64_t i = 1; i <= 200; i++) {
        replica_turn(f->m.r, &f->now);
        propose(f, "entry", i);
        commit(f);
        settle(f);
        assert_true(replica_last(f->m.r) - storage_first(&f->m.r->storage) < 20);
    }
    member_stop(&f->m);
    f->m.options.log_rows = 0;
    f->m.options.log_bytes = 100;
    assert_int_equal(member_open(&f->m, f->now), 0);
    settle(f);
    for (uint64_t i = 1; i <= 50; i++) {
        replica_turn(f->m.r, &f->now);
        propose(f, "ten bytes.", i);
        commit(f);
        settle(f);
    }
    assert_in_range(storage_log_bytes(&f->m.r->storage), 1, 112);
}

static void who_is_of_no_cluster_waits_for_nothing(void **state)
{
    struct fixture *f = *state;
    struct member lonely;
    member_init(&lonely, f->folder, 2, 2);
    member_format(&lonely);
    assert_int_equal(member_open(&lonely, f->now), 0);
    assert_true(replica_due(lonely.r).ms == MONO_NEVER.ms);
    assert_true(replica_due(f->m.r).ms < MONO_NEVER.ms);
    member_close(&lonely);
}

static void another_file_is_refused(void **state)
{
    struct fixture *f = *state;
    struct error err;
    struct replica *r;
    member_stop(&f->m);
    struct db_options db_options = {.vfs = "n1"};
    assert_int_equal(db_open(f->m.path, &db_options, &f->m.db, &err), 0);
    struct replica_options o = {.db = f->m.db, .id = 1, .store = 5, .address = "n1"};
    assert_int_equal(replica_open(&o, f->now, &r, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_true(str_ends(err.text, "got the file of node 1, store 1001, need 1, 5"));
    assert_int_equal(replica_format(f->m.db, 1, 5, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    struct replica_server self = {1, "n1", REPLICA_VOTER};
    assert_int_equal(replica_bootstrap(f->m.db, &self, 1, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
}

static void limits_have_words(void **state)
{
    struct fixture *f = *state;
    struct error err;
    static char big[LIMIT_ENTRY_BYTES + 1];
    settle(f);
    replica_turn(f->m.r, &f->now);
    assert_int_equal(replica_propose(f->m.r, (struct slice){big, sizeof big}, 1, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    assert_int_equal(replica_propose(f->m.r, (struct slice){big, sizeof big - 1}, 1, &err), 0);
    commit(f);
    settle(f);
    assert_int_equal(f->ticket, 1);
}

static void the_leader_alone_may_not_leave(void **state)
{
    struct fixture *f = *state;
    struct error err;
    settle(f);
    replica_turn(f->m.r, &f->now);
    assert_int_equal(replica_change(f->m.r, REPLICA_REMOVE, 1, NULL, 1, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_int_equal(replica_change(f->m.r, REPLICA_DEMOTE, 1, NULL, 1, &err), -1);
    assert_int_equal(replica_change(f->m.r, REPLICA_HAND_OVER, 0, NULL, 1, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_int_equal(replica_change(f->m.r, REPLICA_ADD, 2, "n2", 1, &err), 0);
    assert_int_equal(replica_change(f->m.r, REPLICA_ADD, 3, "n3", 2, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    commit(f);
    turn(f);
    struct replica_out out = replica_out(f->m.r);
    assert_int_equal(out.n_outcomes, 1);
    assert_int_equal(out.outcomes[0].what, REPLICA_CHANGE);
    assert_int_equal(out.outcomes[0].code, ERR_NONE);
    struct replica_member member;
    assert_true(replica_member(f->m.r, 1, &member));
    assert_int_equal(member.server.id, 2);
    assert_int_equal(member.server.role, REPLICA_STANDBY);
    assert_false(replica_member(f->m.r, 2, &member));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(it_leads_at_once),
        TEST(an_entry_is_applied_once_it_is_durable),
        TEST(what_is_proposed_meanwhile_takes_the_applying_along),
        TEST(it_goes_on_after_a_restart),
        TEST(a_crash_takes_back_only_what_was_not_promised),
        TEST(a_disk_error_ends_it),
        TEST(reads_need_nobody_else),
        TEST(the_log_stays_short),
        TEST(who_is_of_no_cluster_waits_for_nothing),
        TEST(another_file_is_refused),
        TEST(limits_have_words),
        TEST(the_leader_alone_may_not_leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
