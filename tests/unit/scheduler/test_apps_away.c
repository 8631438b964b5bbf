/* The apps mind on virtual time: agents that are out of reach, nodes that drain (spec/marathon.md
 * 9.6). */
#include "apps.h"

#include <stdio.h>

/* ---- out of reach (9.6) */

static void a_lost_agents_instances_are_replaced_and_forgotten_at_once(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok", 2, ""));
    fleet_run_ms(&f, 1000);
    fleet_agent(&f, "n2", "{}");
    fleet_cut(&f, 0);
    fleet_run_ms(&f, 100);
    expect_list("2 running");
    assert_string_equal(fleet_hosts(&f, "/web"), "n2 n2");
    fleet_heal(&f, 0);
    fleet_run_ms(&f, 1000);
    expect_list("2 running");
}

#define PATIENT ",'unreachableStrategy':{'inactiveAfterSeconds':60,'expungeAfterSeconds':120}"

static void a_patient_app_waits_then_replaces_then_forgets(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok", 2, PATIENT));
    fleet_run_ms(&f, 1000);
    fleet_agent(&f, "n2", "{}");
    fleet_cut(&f, 0);
    fleet_run_ms(&f, 59000);
    expect_list("2 unreachable");
    fleet_run_ms(&f, 2000);
    expect_list("2 running, 2 unreachable");
    fleet_run_ms(&f, 60000);
    expect_list("2 running");
}

static void who_comes_back_before_that_goes_on(void **unused)
{
    int64_t before[64], after[64];
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok", 2, PATIENT));
    fleet_run_ms(&f, 1000);
    fleet_tasks(&f, "/web", before);
    fleet_agent(&f, "n2", "{}");
    fleet_cut(&f, 0);
    fleet_run_ms(&f, 30000);
    fleet_heal(&f, 0);
    fleet_run_ms(&f, 200000);
    expect_list("2 running");
    fleet_tasks(&f, "/web", after);
    assert_memory_equal(before, after, 2 * sizeof before[0]);
}

static void who_comes_back_after_its_replacement_is_one_too_many(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok", 2, PATIENT));
    fleet_run_ms(&f, 1000);
    fleet_agent(&f, "n2", "{}");
    fleet_cut(&f, 0);
    fleet_run_ms(&f, 70000);
    expect_list("2 running, 2 unreachable");
    fleet_heal(&f, 0);
    fleet_run_ms(&f, 1000);
    expect_list("2 running");
}

/* What does not count is not what scaling down takes (8.4: C). */
static void scaling_down_leaves_those_that_do_not_count(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok", 1, PATIENT));
    fleet_run_ms(&f, 1000);
    fleet_agent(&f, "n2", "{}");
    fleet_put(&f, WEB("ok", 3, PATIENT));
    fleet_run_ms(&f, 1000);
    fleet_cut(&f, 0);
    fleet_run_ms(&f, 70000);
    size_t lost = fleet_app(&f, "/web").counts.live - 3;
    assert_in_range(lost, 1, 3);
    fleet_put(&f, WEB("ok", 1, PATIENT));
    fleet_run_ms(&f, 1000);
    char expected[64];
    snprintf(expected, sizeof expected, "1 running, %zu unreachable", lost);
    expect_list(expected);
    assert_false(fleet_deploying(&f)); /* and no deployment waits for them */
}

static void an_upgrade_counts_a_new_one_that_is_briefly_away(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok", 1, PATIENT CHECKED));
    fleet_run_ms(&f, 1000);
    fleet_put(&f, WEB("sick", 1, PATIENT CHECKED));
    fleet_run_ms(&f, 1000);
    expect_list("1 running unhealthy; old 1 running healthy");
    fleet_agent(&f, "n2", "{}");
    fleet_cut(&f, 0);
    fleet_run_ms(&f, 30000);
    expect_list("1 unreachable unhealthy; old 1 unreachable healthy");
    fleet_run_ms(&f, 31000);
    expect_list("1 running unhealthy, 1 unreachable unhealthy; old 1 unreachable healthy");
    fleet_heal(&f, 0); /* now there is a new one too many */
    fleet_run_ms(&f, 1000);
    expect_list("1 running unhealthy; old 1 running healthy");
}

static void a_task_that_was_ending_on_a_lost_agent_has_ended(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok", 2, PATIENT));
    fleet_run_ms(&f, 1000);
    fleet_put(&f, WEB("ok", 1, PATIENT));
    fleet_run_ms(&f, 5);
    expect_list("1 running, 1 killing");
    fleet_cut(&f, 0);
    fleet_run_ms(&f, 1000);
    expect_list("1 unreachable");
}

/* ---- nodes that drain */

static void drain(int64_t agent, bool wanted)
{
    char args[64];
    fleet_command(&f, COMMAND_SCHEMA_UPGRADE, "{'level':4}");
    snprintf(args, sizeof args, "{'agent':%lld,'drain':%s}", (long long)agent,
             wanted ? "true" : "false");
    fleet_command(&f, COMMAND_AGENT_DRAIN, args);
    assert_int_equal(f.last.code, ERR_NONE);
}

static enum agent_state agent_now(int64_t agent)
{
    struct agent_row row;
    assert_true(state_agent_by_id(f.state, agent, &row));
    return row.state;
}

static void what_runs_on_a_node_that_drains_moves_first_and_ends_then(void **unused)
{
    (void)unused;
    int64_t n1 = fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok", 3, CHECKED));
    fleet_run_ms(&f, 1000);
    fleet_agent(&f, "n2", "{}");
    drain(n1, true);
    fleet_run_ms(&f, 5);
    expect_list("3 staging, 3 running healthy");
    int64_t least = 3;
    for (int i = 0; i < 500; i++) {
        struct app_row app = fleet_app(&f, "/web");
        least = app.counts.healthy < least ? app.counts.healthy : least;
        fleet_run_ms(&f, 1);
    }
    assert_int_equal(least, 3); /* minimumHealthCapacity is 1 */
    expect_list("3 running healthy");
    assert_string_equal(fleet_hosts(&f, "/web"), "n2 n2 n2");
    assert_int_equal(agent_now(n1), AGENT_DRAINED);
    int64_t drafts = f.drafts;
    fleet_run_ms(&f, 600000);
    assert_int_equal(f.drafts, drafts);
}

static void a_drain_ends_the_backoff_of_what_moves(void **unused)
{
    int64_t ids[64];
    (void)unused;
    int64_t n1 = fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok", 2, ",'backoffSeconds':100"));
    fleet_run_ms(&f, 1000);
    fleet_agent(&f, "n2", "{}");
    fleet_tasks(&f, "/web", ids);
    fleet_status(&f, ids[0], TASK_FAILED);
    fleet_run_ms(&f, 1000);
    expect_list("1 running");
    drain(n1, true);
    fleet_run_ms(&f, 1000);
    expect_list("2 running");
    assert_string_equal(fleet_hosts(&f, "/web"), "n2 n2");
    assert_int_equal(fleet_app(&f, "/web").delay_ms, 0);
}

static void moving_keeps_within_what_the_app_allows(void **unused)
{
    (void)unused;
    int64_t n1 = fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok stays 100", 4, CHECKED UPGRADES(0.5, 0)));
    fleet_run_ms(&f, 1000);
    fleet_agent(&f, "n2", "{}");
    f.most = 0;
    drain(n1, true);
    fleet_run_ms(&f, 5000);
    assert_int_equal(f.most, 4);
    assert_string_equal(fleet_hosts(&f, "/web"), "n2 n2 n2 n2");
}

static void what_finds_no_other_place_stays_until_there_is_one(void **unused)
{
    (void)unused;
    int64_t n1 = fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok", 2, ""));
    fleet_run_ms(&f, 1000);
    drain(n1, true);
    fleet_run_ms(&f, 10000);
    assert_string_equal(fleet_hosts(&f, "/web"), "n1 n1");
    assert_int_equal(agent_now(n1), AGENT_DRAINING);
    fleet_agent(&f, "n2", "{'cpus_milli':100}"); /* for one of them */
    fleet_run_ms(&f, 10000);
    assert_string_equal(fleet_hosts(&f, "/web"), "n1 n2");
    drain(n1, false);
    fleet_run_ms(&f, 10000);
    assert_string_equal(fleet_hosts(&f, "/web"), "n1 n2");
    assert_int_equal(agent_now(n1), AGENT_READY);
}

static void what_a_removed_node_ran_is_replaced(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}"); /* of node 1 */
    fleet_put(&f, WEB("ok", 2, ""));
    fleet_run_ms(&f, 1000);
    fleet_agent(&f, "n2", "{'node':2}");
    fleet_command(&f, COMMAND_SCHEMA_UPGRADE, "{'level':4}");
    fleet_command(&f, COMMAND_NODE_JOIN,
                  "{'id':1,'store':1,'name':'n1','address':'10.0.0.1:5055','modes':4,'serial':1,"
                  "'until':9999999999999}");
    fleet_command(&f, COMMAND_NODE_REMOVE, "{'id':1}");
    assert_int_equal(f.last.code, ERR_NONE);
    fleet_run_ms(&f, 100);
    expect_list("2 running");
    assert_string_equal(fleet_hosts(&f, "/web"), "n2 n2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_lost_agents_instances_are_replaced_and_forgotten_at_once),
        TEST(a_patient_app_waits_then_replaces_then_forgets),
        TEST(who_comes_back_before_that_goes_on),
        TEST(who_comes_back_after_its_replacement_is_one_too_many),
        TEST(scaling_down_leaves_those_that_do_not_count),
        TEST(an_upgrade_counts_a_new_one_that_is_briefly_away),
        TEST(a_task_that_was_ending_on_a_lost_agent_has_ended),
        TEST(what_runs_on_a_node_that_drains_moves_first_and_ends_then),
        TEST(a_drain_ends_the_backoff_of_what_moves),
        TEST(moving_keeps_within_what_the_app_allows),
        TEST(what_finds_no_other_place_stays_until_there_is_one),
        TEST(what_a_removed_node_ran_is_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
