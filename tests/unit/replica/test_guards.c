/* One script for each guard: good with it, bad without it. Bad may also be an assertion of the
 * library or of ours, so each script runs in a process of its own. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stage.h"

typedef bool script(struct stage *s); /* true: all is well */

static bool good(script *play, const char *roles, unsigned guards_off)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        static struct stage s;
        struct replica_options o = {.guards_off = guards_off, .log_rows = 2};
        if (guards_off != 0) /* what happens now is wanted, and nobody's business */
            assert_true(freopen("/dev/null", "w", stderr) != NULL);
        stage_init(&s, roles, &o);
        bool well = play(&s);
        stage_close(&s);
        _exit(well ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void guards(enum guard g, script *play, const char *roles)
{
    assert_true(good(play, roles, 0));
    assert_false(good(play, roles, 1u << g));
}

/* G1: entries 2 to 9 are applied, the log is cut; then an append of long ago comes by. */
static bool play_stale_append(struct stage *s)
{
    stage_append(s, 2, 2, 1, 1, "cccccccc", 9);
    if (storage_first(&s->m.r->storage) < 5)
        fail_msg("the log is not cut");
    stage_append(s, 2, 2, 0, 0, "3cc", 1);
    stage_append(s, 2, 2, 9, 2, "c", 10);
    return replica_last(s->m.r) == 10 && replica_applied(s->m.r) == 10;
}
static void a_stale_append_does_not_wipe_the_log(void **unused)
{
    (void)unused;
    guards(GUARD_STALE_APPEND, play_stale_append, "vvv");
}

/* G2: it leads as soon as it starts, and again after a restart. */
static bool play_alone_at_start(struct stage *s)
{
    stage_turn(s, 1);
    uint64_t term = replica_term(s->m.r);
    stage_restart(s);
    stage_turn(s, 1);
    return replica_leads(s->m.r) && replica_term(s->m.r) > term;
}
/* A leader takes itself out of a pair: who is left leads in another term. */
static bool play_alone_later(struct stage *s)
{
    stage_append(s, 2, 5, 1, 1, "c1", 3);
    for (int i = 0; i < 100 && !replica_is_leader(s->m.r); i++)
        stage_turn(s, 20);
    return replica_is_leader(s->m.r) && replica_term(s->m.r) > 5;
}
static void who_is_alone_begins_a_new_term(void **unused)
{
    (void)unused;
    guards(GUARD_SOLE_VOTER, play_alone_at_start, "v");
    guards(GUARD_SOLE_VOTER, play_alone_later, "vv");
}

/* G3: everything was committed when it was elected. */
static bool play_barrier(struct stage *s)
{
    stage_append(s, 2, 2, 1, 1, "cc", 3);
    stage_elect(s);
    stage_turn(s, 1);
    return storage_term_of(&s->m.r->storage, replica_last(s->m.r)) == replica_term(s->m.r);
}
static void a_leader_gets_an_entry_of_its_own_term(void **unused)
{
    (void)unused;
    guards(GUARD_BARRIER, play_barrier, "vvv");
}

static struct frame vote(uint64_t term, uint64_t candidate, uint64_t last, uint64_t last_term,
                         bool pre_vote)
{
    struct frame f = {.kind = FRAME_VOTE};
    f.vote = (struct raft_request_vote){.version = 2,
                                        .term = term,
                                        .candidate_id = candidate,
                                        .last_log_index = last,
                                        .last_log_term = last_term,
                                        .pre_vote = pre_vote};
    return f;
}

/* G4: our term is 8; a better log asks in term 4. */
static bool play_pre_vote_term(struct stage *s)
{
    stage_feed(s, 1, 2, vote(8, 2, 1, 1, false));
    stage_feed(s, 1, 3, vote(4, 3, 50, 3, true));
    const struct frame *f = stage_frame(s, FRAME_VOTE_RESULT, 3);
    return f != NULL && !f->vote_result.vote_granted && f->vote_result.term == 8;
}
static void a_denied_pre_vote_shows_the_higher_term(void **unused)
{
    (void)unused;
    guards(GUARD_PRE_VOTE_TERM, play_pre_vote_term, "vvv");
}

static struct frame append_result(uint64_t term, uint64_t rejected, uint64_t last)
{
    struct frame f = {.kind = FRAME_APPEND_RESULT};
    f.append_result = (struct raft_append_entries_result){
        .version = 2, .term = term, .rejected = rejected, .last_log_index = last};
    return f;
}

/* G5: node 2 is known to have 5; then a rejection from when it had 2. */
static bool play_late_rejection(struct stage *s)
{
    s->m.r->options.log_rows = 1000;
    stage_append(s, 2, 2, 1, 1, "cccc", 5);
    stage_elect(s);
    uint64_t term = replica_term(s->m.r);
    stage_turn(s, 1);
    stage_feed(s, 1, 2, append_result(term, 0, 5));
    stage_propose(s, 60, "more");
    stage_feed(s, 60, 3, append_result(term, 0, 5)); /* node 2 is silent: the core probes it */
    stage_turn(s, 60);
    stage_feed(s, 1, 2, append_result(term, 5, 2));
    for (int i = 0; i < 4; i++) {
        stage_feed(s, 30, 3, append_result(term, 0, 5));
        const struct frame *f = stage_frame(s, FRAME_APPEND, 2);
        if (f != NULL && f->append.n > 0)
            return f->append.prev_index >= 5;
    }
    return false;
}
static void a_late_rejection_does_not_push_next_below_match(void **unused)
{
    (void)unused;
    guards(GUARD_LATE_REJECTION, play_late_rejection, "vvv");
}

/* G6: the blocks of the library's heap are counted. */
static long blocks;
static void *count_malloc(void *data, size_t n)
{
    (void)data;
    blocks++;
    return malloc(n);
}
static void count_free(void *data, void *p)
{
    (void)data;
    blocks -= p != NULL;
    free(p);
}
static void *count_calloc(void *data, size_t n, size_t size)
{
    (void)data;
    blocks++;
    return calloc(n, size);
}
static void *count_realloc(void *data, void *p, size_t n)
{
    (void)data;
    blocks += p == NULL;
    return realloc(p, n);
}

static bool play_second_offer(struct stage *s)
{
    static struct raft_heap heap = {.malloc = count_malloc,
                                    .free = count_free,
                                    .calloc = count_calloc,
                                    .realloc = count_realloc};
    struct stage_entries e;
    struct frame f = {.kind = FRAME_OFFER};
    member_stop(&s->m);
    raft_heap_set(&heap);
    stage_restart(s);
    stage_entries(&e, 3, "3");
    f.offer = (struct frame_offer){3, 20, 3, 1, e.items[0].data, 7, 0, {0}};
    stage_feed(s, 1, 2, f);
    if (replica_install(s->m.r, &(uint64_t){0}) == NULL)
        fail_msg("no install");
    stage_feed(s, 1, 2, f);
    stage_entries_close(&e);
    member_stop(&s->m);
    return blocks == 0;
}
static void a_second_offer_does_not_leak(void **unused)
{
    (void)unused;
    guards(GUARD_SECOND_OFFER, play_second_offer, "vvv");
}

/* G7: node 2 was promoting us when it died; now it asks for the vote that it needs. */
static bool play_standby_votes(struct stage *s)
{
    stage_append(s, 2, 2, 1, 1, "c", 2);
    stage_feed(s, 400, 2, vote(3, 2, 3, 2, true));
    const struct frame *f = stage_frame(s, FRAME_VOTE_RESULT, 2);
    if (f == NULL || !f->vote_result.vote_granted)
        return false;
    stage_feed(s, 1, 2, vote(3, 2, 3, 2, false));
    f = stage_frame(s, FRAME_VOTE_RESULT, 2);
    struct replica_member self;
    return f->vote_result.vote_granted && replica_member(s->m.r, 0, &self) &&
           self.server.role == REPLICA_STANDBY;
}
static void a_standby_votes_if_asked(void **unused)
{
    (void)unused;
    guards(GUARD_STANDBY_VOTES, play_standby_votes, "sv");
}

/* G8: a vote that nobody has asked for. */
static bool play_vote_result(struct stage *s)
{
    struct frame f = {.kind = FRAME_VOTE_RESULT};
    f.vote_result = (struct raft_request_vote_result){.version = 2, .term = 9};
    uint64_t term = replica_term(s->m.r);
    stage_feed(s, 1, 2, f);
    return replica_term(s->m.r) == term;
}
/* It calls no election, so nothing in the core takes its leader from it. */
static void a_standby_does_not_believe_in_a_silent_leader_for_ever(void **unused)
{
    struct stage s;
    (void)unused;
    stage_init(&s, "svv", NULL);
    stage_append(&s, 2, 2, 1, 1, "c", 1);
    assert_int_equal(replica_leader(s.m.r, NULL), 2);
    stage_turn(&s, 1000);
    assert_int_equal(replica_leader(s.m.r, NULL), 2);
    stage_turn(&s, 200);
    assert_int_equal(replica_leader(s.m.r, NULL), 0);
    stage_append(&s, 2, 2, 2, 2, "c", 1);
    assert_int_equal(replica_leader(s.m.r, NULL), 2);
    stage_close(&s);
}

static void a_vote_counts_only_for_a_candidate(void **unused)
{
    (void)unused;
    guards(GUARD_VOTE_RESULT, play_vote_result, "vvv");
}

/* G9: a spare gets no heartbeats, and the core wants to send one at once, for ever. */
static bool play_timeout_pace(struct stage *s)
{
    stage_turn(s, 1);
    stage_turn(s, 60);
    s->m.r->raft.configuration.servers[1].role = RAFT_SPARE;
    stage_turn(s, 60);
    stage_turn(s, 1000);
    return replica_due(s->m.r).ms > s->now.mono.ms;
}
static void a_timeout_in_the_past_does_not_spin(void **unused)
{
    (void)unused;
    guards(GUARD_TIMEOUT_PACE, play_timeout_pace, "vs");
}

/* G10: the change is the third entry after 1, so it stands at 4. */
static bool play_split_changes(struct stage *s)
{
    stage_append(s, 2, 2, 1, 1, "cc2c", 1);
    if (s->m.r->raft.configuration_uncommitted_index != 4 || replica_last(s->m.r) != 5)
        return false;
    stage_append(s, 2, 2, 5, 2, "", 5);
    return s->m.r->raft.configuration_uncommitted_index == 0 && s->m.r->raft.configuration.n == 2;
}
static void a_change_gets_its_own_index(void **unused)
{
    (void)unused;
    guards(GUARD_SPLIT_CHANGES, play_split_changes, "vvv");
}

/* G11: changes at 2 and 3, nothing is known to be committed; then another leader takes 3 back. */
static bool play_two_changes(struct stage *s)
{
    stage_append(s, 2, 2, 1, 1, "2", 1);
    stage_append(s, 2, 2, 2, 2, "1", 1);
    stage_append(s, 3, 3, 2, 2, "c", 1);
    return replica_last(s->m.r) == 3 && s->m.r->raft.configuration.n == 2;
}
static void of_two_changes_only_the_newer_is_taken_back(void **unused)
{
    (void)unused;
    guards(GUARD_TWO_CHANGES, play_two_changes, "vvv");
}

/* G12 */
static bool play_time(struct stage *s)
{
    stage_turn(s, 500);
    stage_turn(s, 500);
    raft_time before = s->m.r->raft.now;
    s->now.mono.ms -= 900;
    stage_append(s, 2, 2, 1, 1, "c", 1);
    return s->m.r->raft.now >= before;
}
static void time_does_not_run_back(void **unused)
{
    (void)unused;
    guards(GUARD_TIME, play_time, "vvv");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stale_append_does_not_wipe_the_log),
        cmocka_unit_test(who_is_alone_begins_a_new_term),
        cmocka_unit_test(a_leader_gets_an_entry_of_its_own_term),
        cmocka_unit_test(a_denied_pre_vote_shows_the_higher_term),
        cmocka_unit_test(a_late_rejection_does_not_push_next_below_match),
        cmocka_unit_test(a_second_offer_does_not_leak),
        cmocka_unit_test(a_standby_votes_if_asked),
        cmocka_unit_test(a_standby_does_not_believe_in_a_silent_leader_for_ever),
        cmocka_unit_test(a_vote_counts_only_for_a_candidate),
        cmocka_unit_test(a_timeout_in_the_past_does_not_spin),
        cmocka_unit_test(a_change_gets_its_own_index),
        cmocka_unit_test(of_two_changes_only_the_newer_is_taken_back),
        cmocka_unit_test(time_does_not_run_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
