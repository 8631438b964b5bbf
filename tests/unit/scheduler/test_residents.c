/* Residents are launched where their data is (spec/marathon.md 9.7). */
#include "fleet.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "scheduler/why/why.h"

static struct fleet f;

static int begin(void **unused)
{
    (void)unused;
    fleet_open(&f);
    fleet_upgrade(&f);
    fleet_agent(&f, "n1", "{}");
    fleet_agent(&f, "n2", "{}");
    fleet_agent(&f, "n3", "{}");
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    fleet_close(&f);
    return 0;
}

#define DB(instances, more)                                                                    \
    "{'id':'/db','cmd':'ok','instances':" instances ",'cpus':0.1,'mem':32,'backoffSeconds':0," \
    "'container':{'type':'MESOS','volumes':[{'containerPath':'data','mode':'RW',"              \
    "'persistent':{'size':10}}]}" more "}"

#define expect_list(text) assert_string_equal(fleet_list(&f, "/db"), text)

static int64_t only_task(void)
{
    int64_t ids[64];
    assert_int_equal(fleet_tasks(&f, "/db", ids), 1);
    return ids[0];
}

static int64_t instance_of(int64_t task)
{
    return fleet_task(&f, task).owner_id;
}

/* What is kept, whether it runs or not. */
static int64_t kept(void)
{
    int64_t n = 0;
    struct reservation_row r;
    struct stmt *q = state_reservations_of_app(f.state, fleet_app(&f, "/db").id);
    while (state_reservation_next(q, &r))
        n++;
    return n;
}

static void fails(int64_t task)
{
    fleet_fails(&f, task, "exited with status 1");
    fleet_run_ms(&f, 3000);
}

static void what_fails_starts_again_where_its_data_is(void **unused)
{
    (void)unused;
    fleet_put(&f, DB("1", ""));
    fleet_run_ms(&f, 1000);
    int64_t task = only_task(), instance = instance_of(task);
    for (int i = 0; i < 5; i++) {
        int64_t agent = fleet_task(&f, task).agent;
        fails(task);
        task = only_task();
        assert_int_equal(instance_of(task), instance);
        assert_int_equal(fleet_task(&f, task).agent, agent);
    }
    assert_true(str_ends(fleet_task(&f, task).name, "._app.6"));
    assert_int_equal(kept(), 1);
}

static void while_its_agent_is_away_it_waits(void **unused)
{
    struct why why;
    char so[512];
    (void)unused;
    fleet_put(&f, DB("1", ""));
    fleet_run_ms(&f, 1000);
    int64_t task = only_task(), agent = fleet_task(&f, task).agent;
    fleet_cut(&f, (size_t)agent);
    fleet_run_ms(&f, 7200000);
    assert_int_equal(only_task(), task);
    assert_int_equal(fleet_task(&f, task).state, TASK_UNREACHABLE);
    assert_true(why_app(f.state, ALL_HEARD, "/db", f.now.wall, &why));
    assert_string_equal(why.sentences[0].id, "waits-for-node");
    assert_non_null(
        strstr(why.sentences[0].because, "is unreachable, and has the volume db#data#"));
    snprintf(so, sizeof so, ": mesolith task kill %s --wipe", fleet_task(&f, task).name);
    assert_non_null(strstr(why.sentences[0].so, so));
    fleet_heal(&f, (size_t)agent);
    fleet_run_ms(&f, 1000);
    assert_int_equal(only_task(), task);
    expect_list("1 running");
}

static void its_timeout_over_another_starts_elsewhere_and_it_keeps_its_data(void **unused)
{
    (void)unused;
    fleet_put(&f, DB("1", ",'residency':{'taskLostBehavior':'RELAUNCH_AFTER_TIMEOUT',"
                          "'relaunchEscalationTimeoutSeconds':60}"));
    fleet_run_ms(&f, 1000);
    int64_t first = only_task(), agent = fleet_task(&f, first).agent;
    fleet_cut(&f, (size_t)agent);
    fleet_run_ms(&f, 50000);
    assert_int_equal(only_task(), first);
    fleet_run_ms(&f, 20000);
    expect_list("1 running, 1 unreachable");
    fleet_heal(&f, (size_t)agent);
    fleet_run_ms(&f, 5000);
    expect_list("1 running");
    assert_int_equal(kept(), 2);
}

static void what_was_stopped_is_used_again_before_there_is_a_new_one(void **unused)
{
    (void)unused;
    fleet_put(&f, DB("3", ""));
    fleet_run_ms(&f, 1000);
    fleet_put(&f, DB("1", ""));
    fleet_run_ms(&f, 1000);
    expect_list("1 running");
    assert_int_equal(kept(), 3);
    fleet_put(&f, DB("4", ""));
    fleet_run_ms(&f, 1000);
    expect_list("4 running");
    assert_int_equal(kept(), 4);
}

static void an_upgrade_makes_no_new_instances(void **unused)
{
    int64_t before[64], after[64];
    (void)unused;
    fleet_put(&f, DB("3", ""));
    fleet_run_ms(&f, 1000);
    f.most = 0;
    assert_int_equal(fleet_tasks(&f, "/db", before), 3);
    fleet_put(&f, DB("3", ",'env':{'V':'2'}"));
    fleet_run_ms(&f, 10000);
    assert_false(fleet_deploying(&f));
    expect_list("3 running");
    assert_int_equal(fleet_tasks(&f, "/db", after), 3);
    assert_int_equal(kept(), 3);
    assert_true(f.most <= 3);
    for (int i = 0; i < 3; i++) {
        int same = 0;
        for (int k = 0; k < 3; k++)
            same += instance_of(before[i]) == instance_of(after[k]) &&
                    fleet_task(&f, before[i]).agent == fleet_task(&f, after[k]).agent;
        assert_int_equal(same, 1);
    }
}

static void a_place_that_it_does_not_ask_for_any_more_is_not_used(void **unused)
{
    static const char three[] = ",'portDefinitions':[{'port':0},{'port':0},{'port':0}]";
    char with[1024];
    (void)unused;
    fleet_put(&f, DB("1", ",'portDefinitions':[{'port':0}]"));
    fleet_run_ms(&f, 1000);
    int64_t first = instance_of(only_task());
    fleet_put(&f, "{'id':'/db','cmd':'ok','instances':0,'cpus':0.1,'mem':32,'backoffSeconds':0}");
    fleet_run_ms(&f, 5000);
    assert_int_equal(kept(), 1);
    snprintf(with, sizeof with, DB("1", "%s"), three);
    fleet_put(&f, with);
    fleet_run_ms(&f, 5000);
    expect_list("1 running");
    assert_int_not_equal(instance_of(only_task()), first);
    assert_int_equal(kept(), 2);
}

/* It is told to end, and no other takes its place meanwhile: it will be there again. */
static void who_is_killed_is_waited_for(void **unused)
{
    char args[96];
    (void)unused;
    fleet_put(&f, DB("1", ""));
    fleet_run_ms(&f, 1000);
    int64_t task = only_task(), instance = instance_of(task);
    snprintf(args, sizeof args, "{'tasks':[{'task':%lld,'reason':'r'}]}", (long long)task);
    fleet_command(&f, COMMAND_TASK_KILL, args);
    fleet_run_ms(&f, 2000);
    expect_list("1 running");
    assert_int_equal(instance_of(only_task()), instance);
    assert_int_equal(kept(), 1);
}

static void nobody_else_is_placed_on_what_it_keeps(void **unused)
{
    (void)unused;
    fleet_put(&f, DB("1", ""));
    fleet_run_ms(&f, 1000);
    int64_t agent = fleet_task(&f, only_task()).agent;
    fleet_put(&f, DB("0", ""));
    fleet_run_ms(&f, 1000);
    struct agent_row row;
    assert_true(state_agent_by_id(f.state, agent, &row));
    assert_int_equal(row.used_cpus_milli, 100);
    assert_int_equal(row.used_disk_bytes, 10 << 20);
    assert_int_equal(row.tasks, 0);
}

static void deleted_it_leaves_nothing_running_or_not(void **unused)
{
    (void)unused;
    fleet_put(&f, DB("3", ""));
    fleet_run_ms(&f, 1000);
    fleet_put(&f, DB("2", ""));
    fleet_run_ms(&f, 1000);
    int64_t ids[64], app = fleet_app(&f, "/db").id;
    fleet_tasks(&f, "/db", ids);
    fleet_cut(&f, (size_t)fleet_task(&f, ids[0]).agent);
    fleet_delete(&f, "/db");
    fleet_run_ms(&f, 2000);
    struct app_row row;
    assert_false(state_app_by_id(f.state, app, &row));
    assert_false(fleet_deploying(&f));
    for (size_t i = 0; i < f.agents_n; i++) {
        struct agent_row agent;
        assert_true(state_agent_by_id(f.state, f.agents[i].id, &agent));
        assert_int_equal(agent.used_disk_bytes, 0);
    }
}

/* It stays on a node that drains, and the node says so. */
static void it_does_not_move_off(void **unused)
{
    char args[64];
    struct why why;
    (void)unused;
    fleet_put(&f, DB("1", ""));
    fleet_run_ms(&f, 1000);
    int64_t task = only_task(), agent = fleet_task(&f, task).agent;
    snprintf(args, sizeof args, "{'agent':%lld,'drain':true}", (long long)agent);
    fleet_command(&f, COMMAND_AGENT_DRAIN, args);
    fleet_run_ms(&f, 5000);
    assert_int_equal(only_task(), task);
    assert_true(why_node(f.state, agent, "n", f.now.wall, &why));
    assert_non_null(strstr(why.sentences[0].because, "; 1 has its data here, and stays"));
    fails(task);
    assert_string_equal(fleet_list(&f, "/db"), "");
    assert_true(why_app(f.state, ALL_HEARD, "/db", f.now.wall, &why));
    assert_string_equal(why.sentences[0].id, "waits-for-node");
    assert_non_null(strstr(why.sentences[0].because, " is drained, and has the volume"));
    snprintf(args, sizeof args, "{'agent':%lld,'drain':false}", (long long)agent);
    fleet_command(&f, COMMAND_AGENT_DRAIN, args);
    fleet_run_ms(&f, 3000);
    assert_int_equal(fleet_task(&f, only_task()).agent, agent);
}

static void scale(int app, int instances)
{
    char body[512];
    snprintf(body, sizeof body,
             "{'id':'/r%d','cmd':'ok','instances':%d,'cpus':0.001,'mem':1,'portDefinitions':[],"
             "'container':{'type':'MESOS','volumes':[{'containerPath':'data','mode':'RW',"
             "'persistent':{'size':1}}]}}",
             app, instances);
    fleet_put(&f, body);
}

/* A turn has launches for some hundred: they are for those that there is a place for. */
static void who_waits_for_its_place_takes_no_launch_from_others(void **unused)
{
    (void)unused;
    for (int app = 0; app < 3; app++)
        scale(app, 200);
    fleet_run_ms(&f, 5000);
    for (int app = 0; app < 3; app++)
        scale(app, 0);
    fleet_run_ms(&f, 5000);
    for (size_t i = 0; i < 3; i++)
        fleet_cut(&f, i);
    fleet_agent(&f, "n4", "{}");
    fleet_run_ms(&f, 5000);
    for (int app = 0; app < 3; app++)
        scale(app, 200);
    fleet_put(&f, DB("1", ""));
    fleet_turn(&f);
    expect_list("1 staging");
    assert_string_equal(fleet_list(&f, "/r0"), "");
}

static void a_new_leader_goes_on(void **unused)
{
    (void)unused;
    fleet_put(&f, DB("1", ""));
    fleet_run_ms(&f, 1000);
    int64_t task = only_task(), instance = instance_of(task);
    fleet_fails(&f, task, "exited with status 1");
    fleet_new_leader(&f);
    fleet_run_ms(&f, 2000);
    assert_int_equal(instance_of(only_task()), instance);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_fails_starts_again_where_its_data_is),
        TEST(while_its_agent_is_away_it_waits),
        TEST(its_timeout_over_another_starts_elsewhere_and_it_keeps_its_data),
        TEST(what_was_stopped_is_used_again_before_there_is_a_new_one),
        TEST(an_upgrade_makes_no_new_instances),
        TEST(a_place_that_it_does_not_ask_for_any_more_is_not_used),
        TEST(who_is_killed_is_waited_for),
        TEST(nobody_else_is_placed_on_what_it_keeps),
        TEST(deleted_it_leaves_nothing_running_or_not),
        TEST(it_does_not_move_off),
        TEST(who_waits_for_its_place_takes_no_launch_from_others),
        TEST(a_new_leader_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
