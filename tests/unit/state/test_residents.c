/* Residents keep their place on an agent and their data there until they are wiped. */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "model/app.h"

#define DATA                                                                       \
    ",'container':{'type':'MESOS','volumes':[{'containerPath':'data','mode':'RW'," \
    "'persistent':{'size':10}}]}"

static int at_newest_level(void **data)
{
    char args[32];
    int rc = set_up(data);
    snprintf(args, sizeof args, "{'level':%d}", COMMAND_LEVEL);
    applied(*data, "schema.upgrade", args);
    return rc;
}

static void put_resident(struct fixture *f)
{
    put_app_with(f, "/db", 0, 1, "x", 0, "ScaleApplication", false, DATA);
    assert_string_equal(f->last.text, "");
    end_deployments(f);
}

/* A new instance on agent 0 that holds port 31000, and 10 MiB for its volume. */
static void order_first(struct fixture *f)
{
    char args[512];
    struct app_row a = app_of(f, "/db");
    snprintf(args, sizeof args,
             "{'instances':[{'app':%lld,'config':%lld,'cap':9,'salt':5,'agent':0,'ports':[31000],"
             "'cpus':100,'mem':32000,'disk':10000,'volumes':[{'path':'data','size':10000}]}]}",
             (long long)a.id, (long long)a.config.ms);
    applied(f, "task.launch", args);
}

static int64_t launch_first(struct fixture *f)
{
    order_first(f);
    return only_task(f, "/db");
}

static bool launch_again(struct fixture *f, int64_t instance, int64_t agent)
{
    char args[512];
    struct app_row a = app_of(f, "/db");
    snprintf(args, sizeof args,
             "{'instances':[{'app':%lld,'config':%lld,'cap':9,'instance':%lld,'agent':%lld,"
             "'ports':[31000],'cpus':100,'mem':32000,'disk':10000}]}",
             (long long)a.id, (long long)a.config.ms, (long long)instance, (long long)agent);
    applied(f, "task.launch", args);
    return strstr(buf_str(&f->last.detail), "why") == NULL;
}

static void kill_it(struct fixture *f, int64_t task, bool wipe)
{
    char args[128];
    snprintf(args, sizeof args, "{'tasks':[{'task':%lld,'reason':'r'%s}]}", (long long)task,
             wipe ? ",'wipe':true" : "");
    applied(f, "task.kill", args);
}

static void agent_is(struct fixture *f, int state)
{
    char args[128];
    snprintf(args, sizeof args, "{'set':[{'agent':0,'state':%d}]}", state);
    applied(f, "agent.state", args);
}

static struct reservation_row reservation_of(struct fixture *f, int64_t instance)
{
    struct reservation_row r;
    assert_true(state_reservation(f->state, instance, &r));
    return r;
}

static bool is_kept(struct fixture *f, int64_t instance)
{
    struct reservation_row r;
    return state_reservation(f->state, instance, &r);
}

static int64_t volumes(struct stmt *q)
{
    int64_t n = 0;
    struct volume_row v;
    while (state_volume_next(q, &v))
        n++;
    return n;
}

static int64_t given_up(struct fixture *f)
{
    return volumes(state_volumes_given_up(f->state, 0, 10));
}

/* What is in use on the agent. */
static void expect_use(struct fixture *f, int64_t cpus, int64_t disk, int64_t tasks)
{
    struct agent_row a;
    assert_true(state_agent_by_id(f->state, 0, &a));
    assert_int_equal(a.used_cpus_milli, cpus);
    assert_int_equal(a.used_disk_bytes, disk);
    assert_int_equal(a.tasks, tasks);
    assert_int_equal(state_port_holder(f->state, 0, 31000) != 0, cpus != 0);
}

static void what_has_ended_keeps_its_place_and_its_data(void **data)
{
    struct fixture *f = *data;
    put_resident(f);
    int64_t task = launch_first(f), instance = task_of(f, task).owner_id;
    expect_use(f, 100, 10000, 1);
    status(f, task, 1, "running");
    status(f, task, 2, "failed");
    expect_use(f, 100, 10000, 0);
    struct reservation_row r = reservation_of(f, instance);
    assert_true(r.is_idle);
    assert_false(r.stopped);
    assert_int_equal(app_of(f, "/db").counts.live, 0);
    assert_int_equal(volumes(state_volumes_of_instance(f->state, instance)), 1);
    assert_int_equal(given_up(f), 0);
    struct task_row t;
    struct stmt *q = state_tasks_idle(f->state, r.app);
    assert_true(state_task_next(q, &t));
    assert_int_equal(t.id, task);
    stmt_end(q);
}

static void it_is_launched_again_as_the_same_instance(void **data)
{
    struct fixture *f = *data;
    struct volume_row v;
    struct task_row named;
    char first[TASK_ID_SIZE], second[TASK_ID_SIZE];
    put_resident(f);
    int64_t task = launch_first(f), instance = task_of(f, task).owner_id;
    str_copy(first, sizeof first, task_of(f, task).name);
    status(f, task, 1, "failed");
    assert_true(launch_again(f, instance, 0));
    int64_t again = only_task(f, "/db");
    str_copy(second, sizeof second, task_of(f, again).name);
    assert_int_equal(task_of(f, again).owner_id, instance);
    assert_true(str_ends(first, "._app.1") && str_ends(second, "._app.2"));
    assert_memory_equal(first, second, strlen(first) - 1);
    expect_use(f, 100, 10000, 1);
    assert_int_equal(state_port_holder(f->state, 0, 31000), again);
    assert_true(state_task_by_name(f->state, first, &named));
    assert_int_equal(named.id, task);
    assert_true(state_task_by_name(f->state, second, &named));
    assert_int_equal(named.id, again);
    struct stmt *q = state_volumes_of_instance(f->state, instance);
    assert_true(state_volume_next(q, &v));
    assert_true(str_starts(v.name, "db#data#"));
    assert_non_null(strstr(first, v.name + strlen("db#data#")));
    stmt_end(q);
    assert_false(launch_again(f, instance, 0)); /* it runs */
}

static void nobody_else_gets_it_and_it_goes_nowhere_else(void **data)
{
    struct fixture *f = *data;
    put_resident(f);
    int64_t task = launch_first(f), instance = task_of(f, task).owner_id;
    status(f, task, 1, "failed");
    assert_false(launch_again(f, instance, 1));
    agent_is(f, AGENT_UNREACHABLE);
    assert_false(launch_again(f, instance, 0));
    agent_is(f, AGENT_READY);
    order_first(f); /* its port is taken */
    assert_non_null(strstr(buf_str(&f->last.detail), "a port was taken"));
}

static void a_stopped_one_says_that_it_was_told_to_end(void **data)
{
    struct fixture *f = *data;
    put_resident(f);
    int64_t task = launch_first(f), instance = task_of(f, task).owner_id;
    status(f, task, 1, "running");
    kill_it(f, task, false);
    status(f, task, 2, "killed");
    assert_true(reservation_of(f, instance).stopped);
    assert_true(launch_again(f, instance, 0));
    assert_false(reservation_of(f, instance).stopped);
    assert_false(task_of(f, only_task(f, "/db")).stopping);
}

static void a_wipe_gives_all_of_it_up(void **data)
{
    struct fixture *f = *data;
    put_resident(f);
    int64_t task = launch_first(f), instance = task_of(f, task).owner_id;
    status(f, task, 1, "running");
    kill_it(f, task, true);
    assert_true(is_kept(f, instance)); /* it may still write */
    assert_int_equal(given_up(f), 0);
    status(f, task, 2, "killed");
    assert_false(is_kept(f, instance));
    expect_use(f, 0, 0, 0);
    assert_int_equal(given_up(f), 1);
    applied(f, "volume.gone", "{'agent':1,'volumes':[1]}"); /* not its own */
    assert_int_equal(given_up(f), 1);
    applied(f, "volume.gone", "{'agent':0,'volumes':[1]}");
    assert_int_equal(given_up(f), 0);
}

static void what_is_idle_is_wiped_at_once(void **data)
{
    struct fixture *f = *data;
    put_resident(f);
    int64_t task = launch_first(f), instance = task_of(f, task).owner_id;
    status(f, task, 1, "failed");
    applied(f, "volume.gone", "{'agent':0,'volumes':[1]}"); /* it was not given up */
    assert_int_equal(volumes(state_volumes_of_instance(f->state, instance)), 1);
    kill_it(f, task, true);
    assert_false(is_kept(f, instance));
    assert_int_equal(given_up(f), 1);
    expect_use(f, 0, 0, 0);
}

static void out_of_reach_it_is_waited_for_but_for_a_wipe(void **data)
{
    struct fixture *f = *data;
    put_resident(f);
    int64_t task = launch_first(f), instance = task_of(f, task).owner_id;
    status(f, task, 1, "running");
    agent_is(f, AGENT_UNREACHABLE);
    assert_int_equal(task_of(f, task).state, TASK_UNREACHABLE);
    kill_it(f, task, false);
    assert_int_equal(task_of(f, task).state, TASK_KILLING);
    assert_int_equal(app_of(f, "/db").counts.stopping, 1);
    kill_it(f, task, true);
    assert_int_equal(task_of(f, task).state, TASK_LOST);
    assert_false(is_kept(f, instance));
    assert_int_equal(given_up(f), 1); /* its agent learns of it when it is back */
    expect_use(f, 0, 0, 0);
}

static void an_order_to_end_outlives_that_its_agent_is_lost(void **data)
{
    struct fixture *f = *data;
    put_resident(f);
    int64_t task = launch_first(f);
    status(f, task, 1, "running");
    kill_it(f, task, false);
    agent_is(f, AGENT_UNREACHABLE);
    assert_int_equal(task_of(f, task).state, TASK_KILLING);
    agent_is(f, AGENT_READY);
    status(f, task, 2, "killed");
    assert_true(reservation_of(f, task_of(f, task).owner_id).stopped);
}

static void an_instance_that_does_not_run_is_wiped_by_its_number(void **data)
{
    struct fixture *f = *data;
    char args[96];
    put_resident(f);
    int64_t task = launch_first(f), instance = task_of(f, task).owner_id;
    status(f, task, 1, "failed");
    snprintf(args, sizeof args, "{'tasks':[{'instance':%lld,'reason':'r'}]}", (long long)instance);
    applied(f, "task.kill", args);
    assert_false(is_kept(f, instance));
    assert_int_equal(given_up(f), 1);
}

static void a_removed_node_takes_the_data_with_it(void **data)
{
    struct fixture *f = *data;
    put_resident(f);
    int64_t task = launch_first(f), instance = task_of(f, task).owner_id;
    status(f, task, 1, "running");
    applied(f, "node.join",
            "{'id':1,'store':101,'name':'n1','address':'10.0.0.1:5055','modes':7,"
            "'serial':1,'until':9999999999999}");
    applied(f, "node.remove", "{'id':1}");
    assert_false(is_kept(f, instance));
    assert_int_equal(given_up(f), 0);
    expect_use(f, 0, 0, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, at_newest_level, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_has_ended_keeps_its_place_and_its_data),
        TEST(it_is_launched_again_as_the_same_instance),
        TEST(nobody_else_gets_it_and_it_goes_nowhere_else),
        TEST(a_stopped_one_says_that_it_was_told_to_end),
        TEST(a_wipe_gives_all_of_it_up),
        TEST(what_is_idle_is_wiped_at_once),
        TEST(out_of_reach_it_is_waited_for_but_for_a_wipe),
        TEST(an_order_to_end_outlives_that_its_agent_is_lost),
        TEST(an_instance_that_does_not_run_is_wiped_by_its_number),
        TEST(a_removed_node_takes_the_data_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
