/* Stories of several replicas without faults but those that the story tells. */
#include "unit.h"

#include <string.h>

#include "world.h"

static struct world w;

static void begin(unsigned founders)
{
    struct world_options o = {.seed = 1, .founders = founders, .calm = true};
    world_init(&w, &o);
    world_await_leader(&w, 5000);
    world_run(&w, 300);
}

static void expect_whole(void)
{
    for (int i = 0; i < 200 && !world_is_whole(&w); i++)
        world_run(&w, 50);
    assert_true(world_is_whole(&w));
}

static unsigned count(enum replica_role role)
{
    struct replica_member m;
    unsigned n = 0;
    for (size_t i = 0; replica_member(world_leader(&w)->m.r, i, &m); i++)
        n += m.server.role == role;
    return n;
}

static struct node *follower(void)
{
    for (unsigned i = 0; i < w.n; i++)
        if (w.nodes[i].formatted && &w.nodes[i] != world_leader(&w))
            return &w.nodes[i];
    return NULL;
}

static void three_elect_a_leader_and_keep_it(void **unused)
{
    (void)unused;
    begin(3);
    struct node *leader = world_leader(&w);
    uint64_t term = replica_term(leader->m.r);
    world_run(&w, 5000);
    assert_ptr_equal(world_leader(&w), leader);
    assert_true(replica_term(leader->m.r) == term);
    expect_whole();
    for (unsigned i = 0; i < 3; i++) {
        const char *address;
        assert_true(replica_leader(w.nodes[i].m.r, &address) == leader->m.id);
        assert_string_equal(address, leader->m.address);
    }
    world_close(&w);
}

/* A turn of so long; an even time has somebody beside it who says so. */
static void is_busy(struct node *n, int64_t ms, bool told)
{
    n->busy_until = (w.now + ms) / 2 * 2 + !told;
}

static void who_says_that_it_is_busy_is_borne_with(void **unused)
{
    (void)unused;
    begin(3);
    struct node *leader = world_leader(&w);
    uint64_t term = replica_term(leader->m.r);
    is_busy(leader, 3000, true);
    world_run(&w, 3500);
    assert_true(replica_term(follower()->m.r) == term);
    for (unsigned i = 0; i < w.n; i++) /* a leader that hears nobody steps down */
        if (w.nodes[i].formatted && &w.nodes[i] != leader)
            is_busy(&w.nodes[i], 3000, true);
    world_run(&w, 3500);
    assert_ptr_equal(world_leader(&w), leader);
    assert_true(replica_term(leader->m.r) == term);
    is_busy(leader, 3000, false);
    world_run(&w, 3500);
    assert_true(replica_term(follower()->m.r) > term);
    expect_whole();
    world_close(&w);
}

static void another_takes_over_when_the_leader_dies(void **unused)
{
    (void)unused;
    begin(3);
    struct node *old = world_leader(&w);
    size_t before = w.n_committed;
    member_crash(&old->m, FATE_LOST);
    old->up_at = w.now + 3000;
    world_run(&w, 1500);
    assert_ptr_not_equal(world_leader(&w), old);
    assert_true(w.n_committed > before + 10);
    world_run(&w, 2000);
    expect_whole();
    world_close(&w);
}

/* To all members in one turn, whatever was said to each of them meanwhile. */
static void heartbeats_are_due_together(void **unused)
{
    (void)unused;
    begin(3);
    struct replica *r = world_leader(&w)->m.r;
    int64_t step = r->options.heartbeat_ms / 4;
    for (int i = 0; i < 500; i++) {
        world_run(&w, 1);
        if (reads_due(r).ms == MONO_NEVER.ms)
            assert_int_equal(replica_due(r).ms % step, 0);
    }
    world_close(&w);
}

static void one_grows_to_three(void **unused)
{
    (void)unused;
    begin(1);
    assert_int_equal(world_change(&w, REPLICA_ADD, 2), ERR_NONE);
    assert_int_equal(world_change(&w, REPLICA_ADD, 3), ERR_NONE);
    expect_whole();
    assert_int_equal(count(REPLICA_STANDBY), 2);
    assert_int_equal(world_change(&w, REPLICA_PROMOTE, 2), ERR_NONE);
    assert_int_equal(world_change(&w, REPLICA_PROMOTE, 3), ERR_NONE);
    assert_int_equal(count(REPLICA_VOTER), 3);
    expect_whole();
    member_crash(&w.nodes[0].m, FATE_KEPT);
    w.nodes[0].up_at = INT64_MAX;
    world_run(&w, 3000);
    assert_non_null(world_leader(&w));
    world_close(&w);
}

static void a_machine_is_replaced_under_load(void **unused)
{
    (void)unused;
    begin(3);
    uint64_t gone = follower()->m.id;
    assert_int_equal(world_change(&w, REPLICA_ADD, 4), ERR_NONE);
    assert_int_equal(world_change(&w, REPLICA_PROMOTE, 4), ERR_NONE);
    assert_int_equal(world_change(&w, REPLICA_REMOVE, gone), ERR_NONE);
    world_run(&w, 1000);
    assert_int_equal(count(REPLICA_VOTER), 3);
    assert_true(replica_removed(w.nodes[gone - 1].m.r)); /* it is told */
    expect_whole();
    world_close(&w);
}

static void who_was_away_when_removed_is_told_later(void **unused)
{
    (void)unused;
    begin(3);
    struct node *gone = follower();
    world_cut_off(&w, gone->m.id, true);
    assert_int_equal(world_change(&w, REPLICA_REMOVE, gone->m.id), ERR_NONE);
    assert_false(replica_removed(gone->m.r));
    uint64_t term = replica_term(world_leader(&w)->m.r);
    world_cut_off(&w, gone->m.id, false);
    world_run(&w, 2000);
    assert_true(replica_removed(gone->m.r));
    assert_true(replica_term(world_leader(&w)->m.r) == term); /* and disturbs nobody */
    world_close(&w);
}

static void the_leader_must_hand_over_before_it_goes(void **unused)
{
    (void)unused;
    begin(3);
    struct node *old = world_leader(&w);
    assert_int_equal(world_change(&w, REPLICA_REMOVE, old->m.id), ERR_CONFLICT);
    assert_int_equal(world_change(&w, REPLICA_DEMOTE, old->m.id), ERR_CONFLICT);
    int64_t at = w.now;
    assert_int_equal(world_change(&w, REPLICA_HAND_OVER, 0), ERR_NONE);
    struct node *leader = world_await_leader(&w, 1000);
    assert_true(w.now - at < 200); /* no election timeout passes */
    assert_ptr_not_equal(leader, old);
    assert_int_equal(world_change(&w, REPLICA_REMOVE, old->m.id), ERR_NONE);
    expect_whole();
    world_close(&w);
}

static void a_named_voter_gets_the_leadership(void **unused)
{
    (void)unused;
    begin(5);
    uint64_t to = follower()->m.id;
    assert_int_equal(world_change(&w, REPLICA_HAND_OVER, to), ERR_NONE);
    assert_true(world_await_leader(&w, 1000)->m.id == to);
    world_close(&w);
}

static void a_promotion_waits_until_it_has_caught_up(void **unused)
{
    (void)unused;
    begin(1);
    world_run(&w, 2000); /* so much that it needs a snapshot */
    assert_int_equal(world_change(&w, REPLICA_ADD, 2), ERR_NONE);
    assert_int_equal(world_change(&w, REPLICA_PROMOTE, 2), ERR_NONE);
    assert_true(w.n_installs > 0);
    assert_int_equal(count(REPLICA_VOTER), 2);
    expect_whole();
    world_close(&w);
}

static void a_promotion_of_the_dead_gives_up(void **unused)
{
    (void)unused;
    begin(3);
    assert_int_equal(world_change(&w, REPLICA_ADD, 4), ERR_NONE);
    member_crash(&w.nodes[3].m, FATE_KEPT);
    w.nodes[3].up_at = INT64_MAX;
    world_run(&w, 500);
    assert_int_equal(world_change(&w, REPLICA_PROMOTE, 4), ERR_UNAVAILABLE);
    assert_int_equal(world_change(&w, REPLICA_REMOVE, 4), ERR_NONE);
    world_close(&w);
}

static void one_change_at_a_time(void **unused)
{
    (void)unused;
    begin(3);
    struct node *leader = world_leader(&w);
    world_cut_off(&w, leader->m.id, true); /* so that nothing commits */
    uint64_t first = world_begin_change(&w, leader, REPLICA_ADD, 4);
    world_run(&w, 50);
    assert_int_equal(world_change(&w, REPLICA_ADD, 5), ERR_CONFLICT);
    world_run(&w, 2000); /* it steps down; what became of the change it does not know */
    assert_true(w.changed.ticket == first);
    assert_int_equal(w.changed.code, ERR_UNCERTAIN);
    world_cut_off(&w, leader->m.id, false);
    world_run(&w, 1000);
    assert_int_equal(count(REPLICA_VOTER), 3); /* it was taken back */
    assert_int_equal(count(REPLICA_STANDBY), 0);
    expect_whole();
    world_close(&w);
}

static void proposals_of_a_leader_that_is_cut_off_are_in_doubt(void **unused)
{
    (void)unused;
    begin(3);
    struct node *old = world_leader(&w);
    world_cut_off(&w, old->m.id, true);
    world_run(&w, 100);
    unsigned waiting = (unsigned)old->m.r->n_proposals;
    assert_true(waiting > 0);
    for (int i = 0; i < 2000 && w.n_in_doubt == 0; i++)
        world_tick(&w);
    assert_true(w.n_in_doubt >= waiting);
    world_cut_off(&w, old->m.id, false);
    expect_whole();
    world_close(&w);
}

/* ---------------- reads */

static void everybody_reads_what_was_acknowledged(void **unused)
{
    (void)unused;
    begin(3);
    assert_int_equal(world_change(&w, REPLICA_ADD, 4), ERR_NONE);
    expect_whole();
    for (unsigned i = 0; i < 4; i++) {
        uint64_t least = w.acknowledged;
        struct replica_outcome o = world_read(&w, &w.nodes[i]);
        assert_int_equal(o.code, ERR_NONE);
        assert_true(o.index >= least);
        assert_true(replica_applied(w.nodes[i].m.r) >= o.index);
    }
    world_close(&w);
}

static void reads_write_nothing(void **unused)
{
    (void)unused;
    struct error err;
    begin(3);
    struct node *leader = world_leader(&w);
    uint64_t syncs = faultvfs_count(leader->m.disk, FAULT_SYNC), last = replica_last(leader->m.r);
    struct now now = {{leader->clock_ms}, {0}};
    replica_turn(leader->m.r, &now);
    assert_int_equal(replica_read(leader->m.r, 1, &err), 0);
    assert_int_equal(replica_read(leader->m.r, 2, &err), 0);
    assert_int_equal(replica_commit(leader->m.r, &err), 0);
    struct replica_out out = replica_out(leader->m.r);
    unsigned pings = 0;
    for (size_t i = 0; i < out.n_frames; i++)
        pings += (uint8_t)out.frames[i].bytes.p[0] == FRAME_PING;
    assert_int_equal(pings, 2); /* one round for both reads */
    assert_int_equal(faultvfs_count(leader->m.disk, FAULT_SYNC), syncs);
    assert_true(replica_last(leader->m.r) == last);
    world_close(&w);
}

/* It hears nobody, but its own words still arrive: so it does not know that it is deposed. */
static void a_deposed_leader_does_not_answer(void **unused)
{
    (void)unused;
    begin(3);
    struct node *old = world_leader(&w);
    for (uint64_t id = 1; id <= 3; id++)
        if (id != old->m.id)
            world_cut_link(&w, id, old->m.id, true);
    struct replica_outcome o = world_read(&w, old);
    assert_int_equal(o.code, ERR_UNAVAILABLE);
    world_run(&w, 2000);
    assert_ptr_not_equal(world_leader(&w), old);
    world_close(&w);
}

static void without_a_majority_nobody_answers(void **unused)
{
    (void)unused;
    begin(3);
    struct node *one = follower();
    world_cut_off(&w, one->m.id, true);
    world_run(&w, 1000);
    assert_int_equal(world_read(&w, one).code, ERR_UNAVAILABLE);
    assert_int_equal(world_read(&w, world_leader(&w)).code, ERR_NONE); /* the others go on */
    world_close(&w);
}

/* Somebody has changed the tables of one by hand; its log goes further than those of the leader. */
static void wrong_tables_are_replaced_and_the_log_is_kept(void **unused)
{
    struct error err;
    (void)unused;
    begin(3);
    struct node *n = follower();
    assert_int_equal(db_exec(n->m.db, "update chain set hash = hash + 1", &err), 0);
    uint64_t applied = replica_applied(n->m.r), last = replica_last(n->m.r);
    assert_true(replica_mend(n->m.r));
    assert_true(replica_mending(n->m.r));
    for (int i = 0; i < 100 && replica_mending(n->m.r); i++) {
        world_run(&w, 50);
        assert_true(replica_last(n->m.r) >= last); /* it goes on acknowledging */
        last = replica_last(n->m.r);
    }
    assert_false(replica_mending(n->m.r));
    assert_true(replica_applied(n->m.r) >= applied);
    world_run(&w, 500);
    expect_whole(); /* and what it applies then is what the others have */
    assert_int_equal(w.n_installs, 1);
    world_close(&w);
}

static void a_leader_with_wrong_tables_lets_another_lead(void **unused)
{
    struct error err;
    (void)unused;
    begin(3);
    struct node *n = world_leader(&w);
    assert_int_equal(db_exec(n->m.db, "update chain set hash = hash + 1", &err), 0);
    assert_true(replica_mend(n->m.r));
    for (int i = 0; i < 200 && replica_mending(n->m.r); i++)
        world_run(&w, 50);
    assert_false(replica_mending(n->m.r));
    assert_ptr_not_equal(world_leader(&w), n);
    world_run(&w, 500);
    expect_whole();
    world_close(&w);
}

/* The log of the leader begins beyond what one voter has, and the other is about to lose its vote;
 * nothing can be committed without the first, and the leader's tables are wrong. */
static void play_nobody_else_can_lead(enum replica_change_kind kind)
{
    struct error err;
    begin(3);
    struct node *n = world_leader(&w), *near = follower(), *far = NULL;
    for (unsigned i = 0; i < 3; i++)
        if (&w.nodes[i] != n && &w.nodes[i] != near)
            far = &w.nodes[i];
    world_cut_off(&w, far->m.id, true);
    while (storage_first(&n->m.r->storage) <= replica_last(far->m.r) + 1)
        world_run(&w, 50);
    world_begin_change(&w, n, kind, near->m.id);
    world_run(&w, 100);
    assert_true(n->m.r->raft.configuration_uncommitted_index != 0);
    assert_int_equal(db_exec(n->m.db, "update chain set hash = hash + 1", &err), 0);
    assert_true(replica_mend(n->m.r));
    world_cut_off(&w, far->m.id, false);
    expect_whole();
    assert_false(replica_mending(n->m.r));
    world_close(&w);
}

static void a_standby_gives_its_tables_to_who_must_lead(void **unused)
{
    (void)unused;
    play_nobody_else_can_lead(REPLICA_DEMOTE);
}

static void who_is_being_removed_gives_its_tables_first(void **unused)
{
    (void)unused;
    play_nobody_else_can_lead(REPLICA_REMOVE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_tables_are_replaced_and_the_log_is_kept),
        cmocka_unit_test(a_leader_with_wrong_tables_lets_another_lead),
        cmocka_unit_test(a_standby_gives_its_tables_to_who_must_lead),
        cmocka_unit_test(who_is_being_removed_gives_its_tables_first),
        cmocka_unit_test(three_elect_a_leader_and_keep_it),
        cmocka_unit_test(who_says_that_it_is_busy_is_borne_with),
        cmocka_unit_test(another_takes_over_when_the_leader_dies),
        cmocka_unit_test(heartbeats_are_due_together),
        cmocka_unit_test(one_grows_to_three),
        cmocka_unit_test(a_machine_is_replaced_under_load),
        cmocka_unit_test(who_was_away_when_removed_is_told_later),
        cmocka_unit_test(the_leader_must_hand_over_before_it_goes),
        cmocka_unit_test(a_named_voter_gets_the_leadership),
        cmocka_unit_test(a_promotion_waits_until_it_has_caught_up),
        cmocka_unit_test(a_promotion_of_the_dead_gives_up),
        cmocka_unit_test(one_change_at_a_time),
        cmocka_unit_test(proposals_of_a_leader_that_is_cut_off_are_in_doubt),
        cmocka_unit_test(everybody_reads_what_was_acknowledged),
        cmocka_unit_test(reads_write_nothing),
        cmocka_unit_test(a_deposed_leader_does_not_answer),
        cmocka_unit_test(without_a_majority_nobody_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
