/* Who is silent: the leader hears it, and whoever is asked knows it. */
#include "node/stage.h"

static struct stage s;

static int close_stage(void **unused)
{
    (void)unused;
    stage_close(&s);
    return 0;
}

#define WAIT(condition, most_ms)                                          \
    do {                                                                  \
        for (int64_t ms_ = 0; !(condition) && ms_ < (most_ms); ms_ += 10) \
            stage_run_ms(&s, 10);                                         \
        assert_true(condition);                                           \
    } while (0)

static void of_three(int *leader_out, int *follower_out, int *third_out)
{
    stage_open(&s, 3);
    stage_ready(&s);
    *leader_out = stage_leader(&s);
    *follower_out = (*leader_out + 1) % 3;
    *third_out = (*leader_out + 2) % 3;
    WAIT(s.members[*leader_out].saw_leading && s.members[*leader_out].silent == 0, 3000);
}

static void stop(int i)
{
    stage_down(&s, i);
    for (int k = 0; k < 3; k++) {
        struct event e = {.kind = EVENT_CLOSED, .node = i + 1};
        if (k != i)
            stage_event(&s, k, &e);
    }
}

static void an_agent_whose_process_ended_is_silent_wherever_one_asks(void **unused)
{
    (void)unused;
    int leader, follower, third;
    of_three(&leader, &follower, &third);
    stop(third);
    WAIT(s.members[leader].closed == 1 && s.members[leader].silent == 1, 1000);
    WAIT(s.members[follower].closed == 1 && s.members[follower].silent == 1, 2000);
    assert_int_equal(stage_up(&s, third), 0);
    WAIT(s.members[leader].silent == 0, 5000);
    WAIT(s.members[follower].silent == 0, 2000);
    assert_int_equal(s.members[follower].closed, 0);
}

static void what_is_silent_is_known_of_the_next_leader_too(void **unused)
{
    (void)unused;
    int leader, follower, third, next;
    of_three(&leader, &follower, &third);
    stop(leader);
    WAIT((next = stage_leader(&s)) >= 0 && next != leader && s.members[next].silent == 1, 9000);
    WAIT(s.members[next == third ? follower : third].silent == 1, 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(an_agent_whose_process_ended_is_silent_wherever_one_asks,
                                  close_stage),
        cmocka_unit_test_teardown(what_is_silent_is_known_of_the_next_leader_too, close_stage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
