/* What is written before what is said, and what a crash leaves of it. */
#include "unit.h"

#include "stage.h"

static void a_success_is_told_only_after_the_sync(void **unused)
{
    (void)unused;
    static struct stage s;
    struct stage_entries e;
    struct error err;
    struct buf bytes;
    struct replica_peer from = {2, "n2"};
    struct frame f = {.kind = FRAME_APPEND, .sender = 2};
    stage_init(&s, "vvv", NULL);
    stage_entries(&e, 2, "cc");
    f.append = (struct frame_append){2, 1, 1, 1, e.n, e.items};
    buf_init(&bytes, 10000);
    frame_encode(&f, &bytes);

    replica_turn(s.m.r, &s.now);
    assert_int_equal(replica_receive(s.m.r, &from, buf_slice(&bytes), &err), 0);
    assert_int_equal(s.m.r->raft.last_stored, 1); /* the core does not believe it yet */
    assert_int_equal(replica_out(s.m.r).n_frames, 0);
    faultvfs_die_at(s.m.disk, FAULT_SYNC, 1);
    assert_int_equal(replica_commit(s.m.r, &err), -1);
    assert_int_equal(replica_out(s.m.r).n_frames, 0);

    member_crash(&s.m, FATE_LOST);
    assert_int_equal(member_open(&s.m, s.now), 0);
    assert_int_equal(replica_term(s.m.r), 1);
    replica_turn(s.m.r, &s.now);
    assert_int_equal(replica_receive(s.m.r, &from, buf_slice(&bytes), &err), 0);
    assert_int_equal(replica_commit(s.m.r, &err), 0);
    assert_int_equal(s.m.r->raft.last_stored, 3);
    assert_int_equal(replica_out(s.m.r).n_frames, 1);
    buf_close(&bytes);
    stage_entries_close(&e);
    stage_close(&s);
}

/* Who is known to follow is sent entries as they come. */
static void lead_two_followers(struct stage *s)
{
    stage_init(s, "vvv", NULL);
    stage_elect(s);
    for (uint64_t from = 2; from <= 3; from++) {
        struct frame f = {.kind = FRAME_APPEND_RESULT};
        f.append_result.version = 1;
        f.append_result.term = replica_term(s->m.r);
        f.append_result.last_log_index = replica_last(s->m.r);
        stage_feed(s, 1, from, f);
    }
}

static void a_leaders_entries_may_leave_before_its_sync(void **unused)
{
    (void)unused;
    static struct stage s;
    struct error err;
    lead_two_followers(&s);
    replica_turn(s.m.r, &s.now);
    assert_int_equal(replica_propose(s.m.r, SLICE("a"), 1, &err), 0);
    uint64_t index = replica_last(s.m.r);
    struct replica_out early = replica_early(s.m.r);
    assert_int_equal(early.n_frames, 2);
    assert_string_equal(early.frames[0].address, "n2");
    assert_true(s.m.r->raft.last_stored < index); /* and do not count as its own */
    assert_int_equal(replica_commit(s.m.r, &err), 0);
    assert_true(s.m.r->raft.last_stored == index);
    assert_int_equal(replica_out(s.m.r).n_frames, 0); /* once is enough */
    stage_close(&s);
}

static void nothing_leaves_early_in_a_term_that_a_crash_takes_back(void **unused)
{
    (void)unused;
    static struct stage s;
    struct error err;
    lead_two_followers(&s);
    replica_turn(s.m.r, &s.now);
    s.m.r->new_term = true;
    assert_int_equal(replica_propose(s.m.r, SLICE("a"), 1, &err), 0);
    assert_int_equal(replica_early(s.m.r).n_frames, 0);
    assert_int_equal(replica_commit(s.m.r, &err), 0);
    assert_int_equal(replica_out(s.m.r).n_frames, 2);
    stage_close(&s);
}

static void a_follower_has_entries_before_it_applies(void **unused)
{
    (void)unused;
    static struct stage s;
    struct stage_entries e;
    struct error err;
    struct replica_peer from = {2, "n2"};
    stage_init(&s, "vvv", NULL);
    stage_entries(&e, 2, "c");
    /* Every other turn, though entries keep coming; each is committed when the next one comes. */
    static const uint64_t applied[] = {0, 0, 2, 2, 4, 4, 6};
    for (uint64_t i = 1; i < 7; i++) {
        struct frame f = {.kind = FRAME_APPEND, .sender = 2};
        struct buf bytes;
        f.append = (struct frame_append){2, i, i == 1 ? 1 : 2, i, e.n, e.items};
        buf_init(&bytes, 10000);
        frame_encode(&f, &bytes);
        replica_turn(s.m.r, &s.now);
        assert_int_equal(replica_receive(s.m.r, &from, buf_slice(&bytes), &err), 0);
        assert_int_equal(replica_commit(s.m.r, &err), 0);
        assert_int_equal(replica_out(s.m.r).n_frames, 1);
        assert_true(replica_applied(s.m.r) == applied[i]);
        assert_true(replica_restless(s.m.r) == (i % 2 != 0));
        buf_close(&bytes);
    }
    stage_entries_close(&e);
    stage_close(&s);
}

static void a_vote_is_cast_once_across_crashes(void **unused)
{
    (void)unused;
    static struct stage s;
    struct error err;
    struct buf bytes;
    struct replica_peer from = {2, "n2"};
    stage_init(&s, "vvv", NULL);
    for (uint64_t term = 5; term < 25; term++) {
        struct frame f = {.kind = FRAME_VOTE, .sender = 2};
        f.vote = (struct raft_request_vote){2, term, 2, 1, 1, false, false};
        buf_init(&bytes, 10000);
        frame_encode(&f, &bytes);
        replica_turn(s.m.r, &s.now);
        assert_int_equal(replica_receive(s.m.r, &from, buf_slice(&bytes), &err), 0);
        bool dies = term % 2 == 0;
        if (dies)
            faultvfs_die_at(s.m.disk, FAULT_SYNC, 1);
        assert_int_equal(replica_commit(s.m.r, &err), dies ? -1 : 0);
        bool granted = replica_out(s.m.r).n_frames > 0;
        assert_true(granted == !dies);
        member_crash(&s.m, FATE_LOST); /* the machine, even after the COMMIT */
        assert_int_equal(member_open(&s.m, s.now), 0);
        if (granted) {
            assert_true(replica_term(s.m.r) == term);
            f.vote.candidate_id = 3;
            stage_feed(&s, 1, 3, f);
            const struct frame *answer = stage_frame(&s, FRAME_VOTE_RESULT, 3);
            assert_non_null(answer);
            assert_false(answer->vote_result.vote_granted);
        }
        buf_close(&bytes);
    }
    stage_close(&s);
}

/* Each sync of a story fails in turn: whatever is left on the disk can be started from, and leads
 * to the same end. */
static uint64_t tell(struct stage *s)
{
    stage_append(s, 2, 2, 1, 1, "ccc", 2);
    stage_append(s, 2, 2, 4, 2, "2c", 4);
    stage_append(s, 3, 3, 4, 2, "cccc", 6); /* takes 5 and 6 back */
    stage_append(s, 3, 3, 8, 3, "3cccc", 13);
    return member_chain(&s->m);
}

static bool feed_until_death(struct stage *s)
{
    static const struct {
        uint64_t from, term, prev, prev_term;
        const char *letters;
        uint64_t commit;
    } story[] = {
        {2, 2, 1, 1, "ccc", 2},
        {2, 2, 4, 2, "2c", 4},
        {3, 3, 4, 2, "cccc", 6},
        {3, 3, 8, 3, "3cccc", 13},
    };
    for (size_t i = 0; i < 4; i++) {
        struct stage_entries e;
        struct error err;
        struct buf bytes;
        struct replica_peer from = {story[i].from, story[i].from == 2 ? "n2" : "n3"};
        struct frame f = {.kind = FRAME_APPEND, .sender = story[i].from};
        stage_entries(&e, story[i].term, story[i].letters);
        f.append = (struct frame_append){story[i].term,   story[i].prev, story[i].prev_term,
                                         story[i].commit, e.n,           e.items};
        buf_init(&bytes, 10000);
        frame_encode(&f, &bytes);
        replica_turn(s->m.r, &s->now);
        assert_int_equal(replica_receive(s->m.r, &from, buf_slice(&bytes), &err), 0);
        int rv = replica_commit(s->m.r, &err);
        buf_close(&bytes);
        stage_entries_close(&e);
        if (rv != 0)
            return false;
    }
    return true;
}

static void every_prefix_of_a_history_can_be_started_from(void **unused)
{
    (void)unused;
    static struct stage s;
    static const enum fate fates[] = {FATE_KEPT, FATE_LOST, FATE_TORN, FATE_FLIPPED};
    struct replica_options o = {.log_rows = 3};
    stage_init(&s, "vvv", &o);
    uint64_t chain = tell(&s);
    stage_close(&s);
    unsigned deaths = 0;
    for (unsigned n = 1; n < 12; n++)
        for (unsigned fate = 0; fate < 4; fate++) {
            stage_init(&s, "vvv", &o);
            faultvfs_die_at(s.m.disk, n % 2 == 0 ? FAULT_SYNC : FAULT_WRITE, (n + 1) / 2);
            bool lived = feed_until_death(&s);
            deaths += !lived;
            member_crash(&s.m, fates[fate]);
            assert_int_equal(member_open(&s.m, s.now), 0);
            assert_true(tell(&s) == chain);
            stage_close(&s);
        }
    assert_true(deaths > 20);
}

static void the_library_is_the_one_we_know(void **unused)
{
    (void)unused;
    assert_int_equal(raft_version_number(), 2201);
    assert_int_equal(sizeof(struct raft), 992);
    assert_int_equal(sizeof(struct raft_event), 80);
    assert_int_equal(sizeof(struct raft_update), 120);
    assert_int_equal(sizeof(struct raft_message), 96);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_success_is_told_only_after_the_sync),
        cmocka_unit_test(a_leaders_entries_may_leave_before_its_sync),
        cmocka_unit_test(nothing_leaves_early_in_a_term_that_a_crash_takes_back),
        cmocka_unit_test(a_follower_has_entries_before_it_applies),
        cmocka_unit_test(a_vote_is_cast_once_across_crashes),
        cmocka_unit_test(every_prefix_of_a_history_can_be_started_from),
        cmocka_unit_test(the_library_is_the_one_we_know),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
