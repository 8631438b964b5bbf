/* Frames that hold up what follows them, and turns that take long: the leader of three stays. */
#include "unit.h"

#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "stage.h"
#include "world.h"

static struct stage s;

/* Leads, and node 2 has all that it has. */
static void begin(void)
{
    stage_init(&s, "vvv", NULL);
    stage_elect(&s);
    stage_turn(&s, 1);
}

static void answer(int64_t ms, uint64_t rejected, uint64_t last)
{
    struct frame f = {.kind = FRAME_APPEND_RESULT};
    f.append_result = (struct raft_append_entries_result){
        .version = 1, .term = replica_term(s.m.r), .rejected = rejected, .last_log_index = last};
    stage_feed(&s, ms, 2, f);
}

static int sent(void) /* entries to node 2, in the last turn */
{
    const struct frame *f = stage_frame(&s, FRAME_APPEND, 2);
    return f != NULL ? (int)f->append.n : 0;
}

/* Nothing is answered: heartbeats are all that follows, and whoever has not got what was sent has
 * to reject them. */
static void expect_beats(void)
{
    int beats = 0;
    for (int i = 0; i < 5; i++) {
        stage_turn(&s, 40);
        assert_int_equal(sent(), 0);
        const struct frame *f = stage_frame(&s, FRAME_APPEND, 2);
        if (f != NULL)
            assert_int_equal(f->append.prev_index, replica_last(s.m.r));
        beats += f != NULL;
    }
    assert_true(beats > 1);
}

static void expect_sent_soon(void) /* with the next heartbeat, or at once */
{
    for (int i = 0; i < 3 && sent() == 0; i++)
        stage_turn(&s, 20);
    assert_int_equal(sent(), 1);
}

static void propose_bulky(void)
{
    char *entry = mem_zalloc(LIMIT_PEER_WRITE_BYTES + 1);
    memset(entry, 'x', LIMIT_PEER_WRITE_BYTES);
    stage_propose(&s, 1, entry);
    mem_free(entry);
    assert_int_equal(sent(), 1);
}

static void what_is_bulky_is_sent_once(void **unused)
{
    (void)unused;
    begin();
    answer(1, 0, replica_last(s.m.r));
    propose_bulky();
    uint64_t last = replica_last(s.m.r);
    expect_beats();
    stage_propose(&s, 20, "small");
    expect_sent_soon();
    assert_int_equal(stage_frame(&s, FRAME_APPEND, 2)->append.prev_index, last);
    stage_close(&s);
}

static void what_is_bulky_and_was_lost_is_sent_again(void **unused)
{
    (void)unused;
    begin();
    uint64_t had = replica_last(s.m.r);
    answer(1, 0, had);
    propose_bulky();
    answer(1, 0, had);
    expect_beats();
    answer(1, had + 1, had);
    expect_sent_soon();
    stage_close(&s);
}

static void a_leaders_word_is_answered(void **unused)
{
    (void)unused;
    struct frame f = {.kind = FRAME_BUSY, .number = {.term = 2}};
    stage_init(&s, "vvv", NULL);
    stage_append(&s, 2, 2, 1, 1, "c", 2);
    stage_feed(&s, 1, 3, f);
    assert_null(stage_frame(&s, FRAME_BUSY, 3));
    stage_feed(&s, 1, 2, f);
    assert_non_null(stage_frame(&s, FRAME_BUSY, 2));
    stage_close(&s);
}

/* In each of them its heartbeats are late, and nobody has anything to answer. */
static void a_leader_stays_after_each_of_its_long_turns(void **unused)
{
    (void)unused;
    static struct world w;
    const struct world_options o = {.seed = 1, .founders = 3, .calm = true};
    world_init(&w, &o);
    struct node *leader = world_await_leader(&w, 5000);
    world_run(&w, 300);
    uint64_t term = replica_term(leader->m.r);
    for (int i = 0; i < 50; i++) {
        while (leader->n_held == 0)
            world_tick(&w);
        leader->busy_until = (w.now + 300 + i) / 2 * 2; /* even: somebody beside it says so */
        world_run(&w, 400 + i);
        assert_true(replica_term(leader->m.r) == term);
    }
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_bulky_is_sent_once),
        cmocka_unit_test(what_is_bulky_and_was_lost_is_sent_again),
        cmocka_unit_test(a_leaders_word_is_answered),
        cmocka_unit_test(a_leader_stays_after_each_of_its_long_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
