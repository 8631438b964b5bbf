/* How a cluster grows, heals and shrinks: the leader makes Raft's configuration what the state says
 * (DESIGN 5). */
#include "node/stage.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/str.h"
#include "node/private.h"

static struct stage s;

static int close_stage(void **unused)
{
    (void)unused;
    stage_close(&s);
    return 0;
}

static struct state *state(int i)
{
    return node_state(s.members[i].node);
}

static int role(int i, bool *member_out)
{
    struct replica_member m;
    int leader = stage_leader(&s);
    *member_out = false;
    for (size_t k = 0; leader >= 0 && node_member(s.members[leader].node, k, &m); k++) {
        if (m.server.id != (uint64_t)i + 1)
            continue;
        *member_out = true;
        return m.server.role;
    }
    return REPLICA_STANDBY;
}

static bool votes(int i)
{
    bool member;
    return role(i, &member) == REPLICA_VOTER;
}

static bool stands_by(int i)
{
    bool member;
    return role(i, &member) == REPLICA_STANDBY && member;
}

static int voters(void)
{
    int n = 0;
    for (int i = 0; i < s.n; i++)
        n += votes(i);
    return n;
}

#define WAIT(condition, most_ms)                                      \
    do {                                                              \
        for (int64_t ms_ = 0; !(condition) && ms_ < (most_ms); ms_++) \
            stage_run_ms(&s, 1);                                      \
        assert_true(condition);                                       \
    } while (0)

/* The first node, which has admitted itself. */
static void begin(int nodes)
{
    stage_open(&s, nodes);
    s.growing = true;
    assert_int_equal(stage_up(&s, 0), 0);
    WAIT(node_ready(s.members[0].node), 3000);
    assert_int_equal(stage_join(&s, 0, 0), 200);
}

static void join(int i)
{
    assert_int_equal(stage_join(&s, stage_leader(&s), i), 200);
    assert_int_equal(stage_up(&s, i), 0);
}

static void grow_to(int nodes)
{
    for (int i = 1; i < nodes; i++)
        join(i);
    WAIT(voters() == (nodes | 1) - (nodes % 2 == 0 ? 2 : 0), 5000);
}

static int other_than(int i)
{
    return i == 0 ? 1 : 0;
}

static void hold(int i, bool hold)
{
    char target[64];
    snprintf(target, sizeof target, "/api/nodes/n%d/%s", i + 1, hold ? "demote" : "promote");
    uint64_t asked = stage_request(&s, stage_leader(&s), METHOD_POST, target, NULL);
    WAIT(stage_status(&s, asked) != 0, 3000);
    assert_int_equal(stage_status(&s, asked), 200);
}

/* ---- */

static void two_stay_one_voter_and_three_are_three(void **unused)
{
    (void)unused;
    begin(3);
    join(1);
    WAIT(stands_by(1) && node_ready(s.members[1].node), 3000);
    stage_run_ms(&s, 3000);
    assert_int_equal(voters(), 1);
    join(2);
    WAIT(voters() == 3, 3000);
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++)
            assert_string_equal(s.members[i].known[k], s.members[k].address);
}

static void five_are_five_and_a_sixth_stands_by(void **unused)
{
    (void)unused;
    begin(6);
    grow_to(5);
    assert_int_equal(voters(), 5);
    join(5);
    WAIT(stands_by(5), 3000);
    stage_run_ms(&s, 3000);
    assert_int_equal(voters(), 5);
}

static void a_scheduler_never_votes(void **unused)
{
    (void)unused;
    stage_open(&s, 3);
    s.growing = true;
    s.members[1].modes = MODE_SCHEDULER;
    assert_int_equal(stage_up(&s, 0), 0);
    WAIT(node_ready(s.members[0].node), 3000);
    assert_int_equal(stage_join(&s, 0, 0), 200);
    join(1);
    join(2);
    WAIT(stands_by(1) && stands_by(2), 3000);
    stage_run_ms(&s, 3000);
    assert_int_equal(voters(), 1);
}

static void a_dead_voter_gives_its_place_to_a_standby(void **unused)
{
    (void)unused;
    begin(4);
    grow_to(4);
    WAIT(stands_by(3), 3000);
    int dead = other_than(stage_leader(&s));
    stage_down(&s, dead);
    stage_run_ms(&s, 5000);
    assert_true(votes(dead)); /* it may be back at any moment */
    WAIT(!votes(dead) && votes(3), 10000);
    assert_int_equal(voters(), 3);
    assert_int_equal(stage_up(&s, dead), 0);
    stage_run_ms(&s, 3000);
    assert_true(stands_by(dead));
    assert_int_equal(voters(), 3);
}

static void without_a_standby_a_dead_voter_stays_one(void **unused)
{
    (void)unused;
    begin(3);
    grow_to(3);
    int dead = other_than(stage_leader(&s));
    stage_down(&s, dead);
    stage_run_ms(&s, 30000);
    assert_int_equal(voters(), 3);
}

static void who_is_held_votes_no_more_until_it_may(void **unused)
{
    (void)unused;
    begin(4);
    grow_to(4);
    WAIT(stands_by(3), 3000);
    int held = stage_leader(&s);
    hold(held, true);
    WAIT(stage_leader(&s) >= 0 && stage_leader(&s) != held && !votes(held), 10000);
    WAIT(voters() == 3, 5000);
    hold(held, false);
    stage_run_ms(&s, 2000);
    assert_int_equal(voters(), 3);
}

static void have_wrong_tables(int i)
{
    struct event e = {.kind = EVENT_STATE_WRONG};
    buf_init(&e.body, 64);
    buf_puts(&e.body, "a row was changed");
    stage_event(&s, i, &e);
}

/* Who mends would only give the leadership back. */
static void a_leader_that_is_held_asks_nobody_with_wrong_tables_to_lead(void **unused)
{
    (void)unused;
    begin(3);
    grow_to(3);
    s.slow_fetch = true;
    int held = stage_leader(&s), wrong = (held + 2) % 3, sound = (held + 1) % 3;
    stage_run_ms(&s, 2000);
    have_wrong_tables(wrong);
    stage_run_ms(&s, 600);
    uint64_t term = node_term(s.members[held].node);
    hold(held, true);
    WAIT(stage_leader(&s) == sound, 10000);
    assert_int_equal(node_term(s.members[sound].node), term + 1);
}

/* Of two nodes one votes; what the other has is as good. */
static void who_votes_alone_takes_a_standbys_tables(void **unused)
{
    (void)unused;
    begin(2);
    grow_to(2);
    WAIT(stands_by(1), 3000);
    int wrong = stage_leader(&s);
    have_wrong_tables(wrong);
    WAIT(s.members[wrong].fetched == 1, 5000);
    WAIT(stage_leader(&s) == wrong, 5000);
    have_wrong_tables(1 - wrong);
    WAIT(s.members[1 - wrong].fetched == 1, 5000);
    have_wrong_tables(0); /* both at once */
    have_wrong_tables(1);
    stage_run_ms(&s, 5);
    WAIT(stage_leader(&s) == wrong, 12000);
    assert_int_equal(s.members[wrong].fetched, 1);
    WAIT(s.members[1 - wrong].fetched == 2, 5000);
    stage_down(&s, 1 - wrong);
    have_wrong_tables(wrong);
    stage_run_ms(&s, 50000);
    assert_int_equal(stage_leader(&s), -1);
    WAIT(stage_leader(&s) == wrong, 20000);
}

/* Another one votes before it stops to, so there are never fewer. */
static void who_is_held_votes_until_another_does(void **unused)
{
    (void)unused;
    begin(4);
    grow_to(4);
    WAIT(stands_by(3), 3000);
    int held = other_than(stage_leader(&s));
    hold(held, true);
    for (int ms = 0; ms < 5000 && votes(held); ms++) {
        assert_true(voters() >= 3);
        stage_run_ms(&s, 1);
    }
    assert_int_equal(voters(), 3);
    assert_false(votes(held));
}

/* Two would stop when either does. */
static void of_two_that_are_left_one_votes(void **unused)
{
    (void)unused;
    begin(3);
    grow_to(3);
    hold(other_than(stage_leader(&s)), true);
    WAIT(voters() == 1, 5000);
    stage_run_ms(&s, 3000);
    assert_int_equal(voters(), 1);
    assert_true(votes(stage_leader(&s)));
}

/* The machine of a node that lost its disk comes again under another id. */
static void who_was_removed_gives_its_address_to_another(void **unused)
{
    (void)unused;
    begin(4);
    for (int i = 1; i < 3; i++)
        join(i);
    WAIT(voters() == 3, 5000);
    stage_run_ms(&s, 500);
    int leader = stage_leader(&s), lost = other_than(leader);
    stage_down(&s, lost);
    str_copy(s.members[3].address, sizeof s.members[3].address, s.members[lost].address);
    char target[64];
    snprintf(target, sizeof target, "/api/nodes/n%d", lost + 1);
    uint64_t asked = stage_request(&s, leader, METHOD_DELETE, target, NULL);
    WAIT(stage_status(&s, asked) != 0, 3000);
    assert_int_equal(stage_status(&s, asked), 200);
    join(3);
    WAIT(voters() == 3 && votes(3), 10000);
}

/* What it told of itself is known to all, and where its doors are. */
static void each_node_announces_itself(void **unused)
{
    struct node_row row;
    (void)unused;
    begin(3);
    grow_to(3);
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++)
            WAIT(state_node_by_id(state(i), k + 1, &row) && str_eq(row.name, s.members[k].name) &&
                     str_eq(state_node_region(state(i), k + 1), "eu"),
                 3000);
}

/* What the leader sees of the members is seen at every node, and when it changed. */
static void who_is_not_heard_is_down_for_everybody(void **unused)
{
    struct member_row row;
    (void)unused;
    begin(3);
    grow_to(3);
    int leader = stage_leader(&s), dead = other_than(leader), third = 3 - leader - dead;
    WAIT(state_member(state(third), dead + 1, &row) && row.up && row.votes, 3000);
    stage_run_ms(&s, 2000);
    uint64_t before = node_applied(s.members[leader].node);
    stage_run_ms(&s, 10000);
    assert_int_equal(node_applied(s.members[leader].node), before); /* calm costs nothing */
    stage_down(&s, dead);
    WAIT(state_member(state(third), dead + 1, &row) && !row.up, 5000);
    assert_int_equal(stage_up(&s, dead), 0);
    WAIT(state_member(state(third), dead + 1, &row) && row.up, 5000);
    stage_down(&s, leader);
    WAIT(state_member(state(third), leader + 1, &row) && !row.up, 8000);
}

/* An announcement may be applied before the entry that admits who has made it. */
static void who_is_not_in_the_state_yet_is_not_gone(void **unused)
{
    (void)unused;
    stage_open(&s, 2);
    s.growing = true;
    assert_int_equal(stage_up(&s, 0), 0);
    WAIT(node_ready(s.members[0].node), 3000); /* it has announced itself */
    assert_int_equal(s.members[0].told_gone, 0);
    assert_int_equal(stage_join(&s, 0, 0), 200);
    WAIT(str_eq(s.members[0].known[0], s.members[0].address), 1000);
}

/* ---- nodes that are only agents */

static void begin_with_agent(int nodes)
{
    stage_open(&s, nodes);
    s.growing = true;
    s.members[nodes - 1].modes = MODE_AGENT;
    assert_int_equal(stage_up(&s, 0), 0);
    WAIT(node_ready(s.members[0].node), 3000);
    assert_int_equal(stage_join(&s, 0, 0), 200);
    for (int i = 1; i < nodes; i++)
        join(i);
    WAIT(node_ready(s.members[nodes - 1].node), 5000);
}

static void an_agent_finds_the_leader_through_any_master(void **unused)
{
    (void)unused;
    begin_with_agent(4);
    WAIT(voters() == 3, 5000);
    struct agent_row row;
    WAIT(state_agent_by_id(state(0), 3, &row) || state_agent_by_id(state(0), 1, &row), 3000);
    bool member;
    role(3, &member);
    assert_false(member); /* it has no replica */
    assert_string_equal(s.members[3].known[2], s.members[2].address);
}

/* No connection has ended: by itself it would look for another much later. */
static void who_begins_to_lead_tells_those_who_are_only_agents(void **unused)
{
    (void)unused;
    begin_with_agent(4);
    WAIT(voters() == 3, 5000);
    int old = stage_leader(&s), told = 0;
    const struct member *one = &s.members[(old + 1) % 3], *other = &s.members[(old + 2) % 3];
    stage_run_ms(&s, 3000);
    s.members[old].cut = true;
    for (int ms = 0; ms < 9000 && !one->saw_leading && !other->saw_leading; ms++) {
        told = s.members[3].hints;
        stage_run_ms(&s, 1);
    }
    stage_run_ms(&s, 1);
    assert_true(s.members[3].hints > told);
}

/* Another master knows who leads before that can register anybody: its agent has spoken in vain. */
static void who_begins_to_lead_hears_the_agents_of_the_others_at_once(void **unused)
{
    (void)unused;
    begin_with_agent(4);
    WAIT(voters() == 3, 5000);
    int old = stage_leader(&s);
    struct member *one = &s.members[(old + 1) % 3], *other = &s.members[(old + 2) % 3];
    stage_run_ms(&s, 3000);
    s.members[old].cut = true;
    WAIT(one->saw_leading || other->saw_leading, 9000);
    WAIT(agent_registered(one->node->agent) && agent_registered(other->node->agent) &&
             agent_registered(s.members[3].node->agent),
         100);
}

static void an_agent_that_asks_again_is_told_of_masters_that_came_since(void **unused)
{
    (void)unused;
    stage_open(&s, 3);
    s.growing = true;
    s.members[1].modes = MODE_AGENT;
    assert_int_equal(stage_up(&s, 0), 0);
    WAIT(node_ready(s.members[0].node), 3000);
    assert_int_equal(stage_join(&s, 0, 0), 200);
    join(1);
    WAIT(node_ready(s.members[1].node), 5000);
    join(2);
    stage_event(&s, 1, &(struct event){.kind = EVENT_CLOSED, .node = 1});
    WAIT(str_eq(s.members[1].known[2], s.members[2].address), 5000);
}

/* All whom it knew when it came may be gone when it needs another leader. */
/* At once: the only one that it knew may be removed before it asks again. */
static void an_agent_learns_of_masters_that_come_later(void **unused)
{
    (void)unused;
    stage_open(&s, 4);
    s.growing = true;
    s.members[1].modes = MODE_AGENT;
    assert_int_equal(stage_up(&s, 0), 0);
    WAIT(node_ready(s.members[0].node), 3000);
    assert_int_equal(stage_join(&s, 0, 0), 200);
    join(1);
    WAIT(node_ready(s.members[1].node), 5000);
    join(2);
    join(3);
    WAIT(str_eq(s.members[1].known[2], s.members[2].address) &&
             str_eq(s.members[1].known[3], s.members[3].address),
         100);
}

static bool agent_is(int agent_node, enum agent_state wanted)
{
    struct agent_row row;
    int leader = stage_leader(&s);
    if (leader < 0)
        return false;
    struct stmt *q = state_agents(state(leader));
    bool is = false;
    while (state_agent_next(q, &row))
        is = is || (row.node == agent_node + 1 && row.state == wanted);
    return is;
}

static void an_agent_follows_the_leadership(void **unused)
{
    (void)unused;
    begin_with_agent(4);
    WAIT(voters() == 3 && agent_is(3, AGENT_READY), 5000);
    for (int round = 0; round < 3; round++) {
        int old = stage_leader(&s);
        struct event gone = {.kind = EVENT_CLOSED, .node = old + 1};
        stage_down(&s, old);
        stage_event(&s, 3, &gone);
        WAIT(stage_leader(&s) >= 0 && stage_leader(&s) != old, 5000);
        stage_run_ms(&s, 7000); /* longer than an unheard one is believed in */
        assert_true(agent_is(3, AGENT_READY));
        assert_int_equal(stage_up(&s, old), 0);
        stage_run_ms(&s, 500);
    }
}

/* What node 2, an agent, tells the first of itself. */
static void tell_of_itself(const char *name, const char *address, int modes)
{
    struct event e = {.kind = EVENT_FRAME, .node = 2};
    buf_init(&e.body, 1024);
    buf_printf(&e.body,
               "L{\"m\":\"node\",\"name\":\"%s\",\"address\":\"%s\",\"modes\":%d,\"level\":6,"
               "\"version\":\"1\"}",
               name, address, modes);
    stage_event(&s, 0, &e);
    stage_run_ms(&s, 1000);
}

/* Its certificate makes it one of us, and nothing that it likes. */
static void a_node_is_what_it_was_admitted_as_whatever_it_tells(void **unused)
{
    struct node_row row;
    (void)unused;
    begin_with_agent(2);
    tell_of_itself("deck", s.members[1].address, MODES_ALL);
    assert_false(state_node_by_id(state(0), 2, &row));
    tell_of_itself("deck", s.members[0].address, MODE_AGENT);
    assert_false(state_node_by_id(state(0), 2, &row));
    tell_of_itself("", s.members[1].address, MODE_AGENT);
    assert_false(state_node_by_id(state(0), 2, &row));
    tell_of_itself("deck", s.members[1].address, MODE_AGENT);
    assert_true(state_node_by_id(state(0), 2, &row));
    assert_string_equal(row.name, "deck");
}

/* As the leader says it: there is no other master. */
static void hear_of_one_master(int at, int leader)
{
    struct event e = {.kind = EVENT_FRAME, .node = leader + 1};
    buf_init(&e.body, 1024);
    buf_printf(&e.body,
               "H!{\"leader\":%d,\"term\":%llu,\"masters\":[{\"id\":%d,\"modes\":1,"
               "\"address\":\"%s\"}]}",
               leader + 1, (unsigned long long)node_term(s.members[leader].node), leader + 1,
               s.members[leader].address);
    stage_event(&s, at, &e);
}

/* It asks only the one that is left of those it knew, who is down: the next leader finds it. */
static void an_agent_that_knows_no_other_master_is_told_by_the_next_leader(void **unused)
{
    (void)unused;
    begin_with_agent(4);
    WAIT(voters() == 3 && agent_is(3, AGENT_READY), 5000);
    int old = stage_leader(&s);
    hear_of_one_master(3, old);
    stage_run_ms(&s, 1);
    stage_down(&s, old);
    struct event gone = {.kind = EVENT_CLOSED, .node = old + 1};
    stage_event(&s, 3, &gone);
    WAIT(stage_leader(&s) >= 0 && agent_is(3, AGENT_READY) && node_ready(s.members[3].node), 10000);
}

/* ---- a leader that dies */

static void tell_closed(int gone)
{
    for (int i = 0; i < s.n; i++) {
        struct event e = {.kind = EVENT_CLOSED, .node = gone + 1};
        if (i != gone && s.members[i].node != NULL)
            stage_event(&s, i, &e);
    }
}

static int64_t ms_to_the_next_leader(bool told)
{
    int old = stage_leader(&s);
    stage_down(&s, old);
    if (told)
        tell_closed(old);
    int64_t began = s.mono;
    WAIT(stage_leader(&s) >= 0, 5000);
    int64_t took = s.mono - began;
    assert_int_equal(stage_up(&s, old), 0);
    stage_run_ms(&s, 1000);
    return took;
}

/* Their timers are spread over some ten milliseconds; one more attempt may be needed. */
static void a_leader_whose_process_died_is_replaced_at_once(void **unused)
{
    int64_t sum = 0, silent = 0;
    (void)unused;
    begin(3);
    grow_to(3);
    for (int i = 0; i < 20; i++)
        sum += ms_to_the_next_leader(true);
    for (int i = 0; i < 20; i++)
        silent += ms_to_the_next_leader(false);
    assert_in_range(sum / 20, 1, 110);
    assert_in_range(silent / 20, 250, 600);
}

/* Its process may be back any moment, its tasks live: only a host that is silent has lost them. */
static void the_tasks_of_a_leader_whose_process_died_are_kept(void **unused)
{
    (void)unused;
    begin(3);
    grow_to(3);
    for (int i = 0; i < 3; i++)
        WAIT(agent_is(i, AGENT_READY), 5000);
    int old = stage_leader(&s);
    stage_down(&s, old);
    tell_closed(old);
    WAIT(stage_leader(&s) >= 0, 5000);
    stage_run_ms(&s, 20000);
    assert_false(agent_is(old, AGENT_UNREACHABLE));
    stage_run_ms(&s, 60000);
    assert_true(agent_is(old, AGENT_UNREACHABLE)); /* it has had its time */
}

static void the_tasks_of_a_leader_whose_host_fell_silent_are_not(void **unused)
{
    (void)unused;
    begin(3);
    grow_to(3);
    for (int i = 0; i < 3; i++)
        WAIT(agent_is(i, AGENT_READY), 5000);
    int old = stage_leader(&s);
    stage_down(&s, old);
    WAIT(agent_is(old, AGENT_UNREACHABLE), 9000);
}

static void a_connection_that_broke_deposes_nobody(void **unused)
{
    (void)unused;
    begin(3);
    grow_to(3);
    int leader = stage_leader(&s), told = other_than(leader);
    uint64_t term = node_term(s.members[leader].node);
    for (int i = 0; i < 20; i++) {
        struct event e = {.kind = EVENT_CLOSED, .node = leader + 1};
        stage_event(&s, told, &e);
        stage_run_ms(&s, 150);
    }
    assert_int_equal(stage_leader(&s), leader);
    assert_int_equal(node_term(s.members[leader].node), term);
}

/* ---- clocks */

static int64_t newest_time(int i)
{
    struct event_row e;
    struct events *q = state_events_before(state(i), INT64_MAX, 1);
    int64_t at = state_event_next(q, &e) ? e.at.ms : 0;
    state_events_end(q);
    return at;
}

static void put_app(int at)
{
    uint64_t put = stage_request(&s, at, METHOD_PUT, "/v2/apps//web", STAGE_APP(0));
    WAIT(stage_status(&s, put) != 0, 3000);
    assert_in_range(stage_status(&s, put), 200, 201);
}

static void a_leader_whose_clock_is_wrong_steps_aside(void **unused)
{
    (void)unused;
    for (int round = 0; round < 2; round++) {
        if (round > 0)
            stage_close(&s);
        begin(3);
        grow_to(3);
        stage_run_ms(&s, 3000);
        int old = stage_leader(&s), other = other_than(old);
        s.members[old].wall_ahead_ms = round == 0 ? 60000 : -60000;
        WAIT(stage_leader(&s) >= 0 && stage_leader(&s) != old, 5000);
        put_app(other);
        int64_t right = STAGE_WALL0 + s.mono;
        assert_in_range(newest_time(other), right - 5000, right + 1000);
        stage_run_ms(&s, 20000);
        assert_true(stage_leader(&s) != old);
        s.members[old].wall_ahead_ms = 0;
    }
}

static void hear_time(int at, int64_t from, int64_t asked, int64_t wall)
{
    struct event e = {.kind = EVENT_FRAME, .node = from};
    buf_init(&e.body, 32);
    buf_puts(&e.body, "T!");
    buf_put_u64(&e.body, (uint64_t)asked);
    buf_put_u64(&e.body, (uint64_t)wall);
    stage_event(&s, at, &e);
}

/* Who is no member has no say, and takes nobody's place; nor has who tells nonsense. */
static void only_members_tell_the_time(void **unused)
{
    (void)unused;
    begin(3);
    grow_to(3);
    int old = stage_leader(&s);
    for (int64_t stranger = 100; stranger < 100 + LIMIT_SERVERS; stranger++)
        for (int i = 0; i < s.n; i++)
            hear_time(i, stranger, s.mono, STAGE_WALL0);
    hear_time(old, other_than(old) + 1, INT64_MIN, INT64_MAX);
    hear_time(old, other_than(old) + 1, s.mono, INT64_MAX);
    stage_run_ms(&s, 3000);
    assert_int_equal(stage_leader(&s), old);
    s.members[old].wall_ahead_ms = 60000;
    WAIT(stage_leader(&s) >= 0 && stage_leader(&s) != old, 5000);
}

/* It, or who was asked, was in a long turn: that its clock is wrong does not follow. */
static void a_late_answer_is_no_proof(void **unused)
{
    (void)unused;
    begin(3);
    grow_to(3);
    stage_run_ms(&s, 3000);
    int old = stage_leader(&s);
    for (int i = 0; i < s.n; i++)
        hear_time(old, i + 1, s.mono - 1800, STAGE_WALL0 + s.mono);
    stage_run_ms(&s, 500);
    assert_int_equal(stage_leader(&s), old);
}

/* Its time is not believed, so nothing is dated to a future that nobody can wait for. */
static void a_time_far_ahead_of_the_others_is_not_written(void **unused)
{
    (void)unused;
    begin(3);
    grow_to(3);
    stage_run_ms(&s, 3000);
    int leader = stage_leader(&s);
    s.members[leader].wall_ahead_ms = 3600000;
    put_app(leader);
    int64_t right = STAGE_WALL0 + s.mono;
    assert_in_range(newest_time(leader), right - 5000, right + 1000);
}

static void alone_a_step_is_noticed(void **unused)
{
    (void)unused;
    begin(1);
    stage_run_ms(&s, 1000);
    s.members[0].wall_ahead_ms = 60000;
    stage_run_ms(&s, 1000);
    assert_int_equal(s.members[0].clock_step_ms, 60000);
    assert_int_equal(stage_leader(&s), 0);
}

/* What was dated to it stays, so time stands still until then: at least that is said, and by the
 * next process, too. */
static void alone_a_clock_that_was_ahead_is_waited_for_in_sight(void **unused)
{
    (void)unused;
    begin(1);
    stage_run_ms(&s, 1000);
    s.members[0].wall_ahead_ms = 60000;
    stage_run_ms(&s, 1000);
    put_app(0);
    stage_run_ms(&s, 1000);
    assert_int_equal(s.members[0].clock_waits.ms, 0);
    int64_t newest = newest_time(0);
    s.members[0].wall_ahead_ms = 0;
    stage_run_ms(&s, 1000);
    assert_in_range(s.members[0].clock_waits.ms, newest, newest + 2000);
    stage_run_ms(&s, 62000);
    assert_int_equal(s.members[0].clock_waits.ms, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_teardown(name, close_stage)
        TEST(two_stay_one_voter_and_three_are_three),
        TEST(five_are_five_and_a_sixth_stands_by),
        TEST(a_scheduler_never_votes),
        TEST(a_dead_voter_gives_its_place_to_a_standby),
        TEST(without_a_standby_a_dead_voter_stays_one),
        TEST(who_is_held_votes_no_more_until_it_may),
        TEST(a_leader_that_is_held_asks_nobody_with_wrong_tables_to_lead),
        TEST(who_votes_alone_takes_a_standbys_tables),
        TEST(who_is_held_votes_until_another_does),
        TEST(of_two_that_are_left_one_votes),
        TEST(who_was_removed_gives_its_address_to_another),
        TEST(each_node_announces_itself),
        TEST(a_node_is_what_it_was_admitted_as_whatever_it_tells),
        TEST(who_is_not_heard_is_down_for_everybody),
        TEST(who_is_not_in_the_state_yet_is_not_gone),
        TEST(a_leader_whose_process_died_is_replaced_at_once),
        TEST(the_tasks_of_a_leader_whose_process_died_are_kept),
        TEST(the_tasks_of_a_leader_whose_host_fell_silent_are_not),
        TEST(a_connection_that_broke_deposes_nobody),
        TEST(a_leader_whose_clock_is_wrong_steps_aside),
        TEST(only_members_tell_the_time),
        TEST(a_late_answer_is_no_proof),
        TEST(a_time_far_ahead_of_the_others_is_not_written),
        TEST(alone_a_step_is_noticed),
        TEST(alone_a_clock_that_was_ahead_is_waited_for_in_sight),
        TEST(an_agent_finds_the_leader_through_any_master),
        TEST(who_begins_to_lead_tells_those_who_are_only_agents),
        TEST(who_begins_to_lead_hears_the_agents_of_the_others_at_once),
        TEST(an_agent_that_asks_again_is_told_of_masters_that_came_since),
        TEST(an_agent_learns_of_masters_that_come_later),
        TEST(an_agent_follows_the_leadership),
        TEST(an_agent_that_knows_no_other_master_is_told_by_the_next_leader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
