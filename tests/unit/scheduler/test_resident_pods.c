/* Pods with persistent volumes: an instance and all its containers stay where its data is
 * (spec/marathon.md 9.7, 13.2). */
#include "one_fleet.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

static int begin_on_two_nodes(void **unused)
{
    begin(unused);
    fleet_upgrade(&f);
    fleet_agent(&f, "n1", "{}");
    fleet_agent(&f, "n2", "{}");
    return 0;
}

#define CONTAINER(name, cmd, mount)                                                    \
    "{'name':'" name "','resources':{'cpus':0.1,'mem':32,'disk':1},'exec':{'command':" \
    "{'shell':'" cmd "'}},'endpoints':[{'name':'" name "'}],'volumeMounts':[" mount "]}"
#define KEPT "{'name':'kept','mountPath':'data'}"
#define READ "{'name':'kept','mountPath':'data','readOnly':true}"
#define POD(cmd, instances)                                                                       \
    "{'id':'/db','containers':[" CONTAINER("a", cmd, KEPT) "," CONTAINER(                         \
        "b", "ok",                                                                                \
        READ) "],'volumes':[{'name':'kept','persistent':{'size':10}}],'scaling':{'kind':'fixed'," \
              "'instances':" instances "},'scheduling':{'backoff':{'backoff':0}}}"

#define expect_list(text) assert_string_equal(fleet_list(&f, "/db"), text)

/* The tasks of the only instance, which run on one agent; the first one. */
static struct task_row only_instance(void)
{
    int64_t ids[64];
    expect_list("2 running");
    fleet_tasks(&f, "/db", ids);
    struct task_row a = fleet_task(&f, ids[0]), b = fleet_task(&f, ids[1]);
    assert_int_equal(a.owner_id, b.owner_id);
    assert_int_equal(a.agent, b.agent);
    return fleet_task(&f, ids[0]);
}

static struct reservation_row reservation_of(int64_t instance)
{
    struct reservation_row r;
    assert_true(state_reservation(f.state, instance, &r));
    return r;
}

static int64_t kept(void)
{
    int64_t n = 0;
    struct reservation_row r;
    struct stmt *q = state_reservations_of_app(f.state, fleet_app(&f, "/db").id);
    while (state_reservation_next(q, &r))
        n++;
    return n;
}

/* Its containers', its executor's, and its volume. */
static void it_keeps_what_all_of_it_takes(void **unused)
{
    struct agent_row agent;
    (void)unused;
    fleet_put(&f, POD("ok", "1"));
    fleet_run_ms(&f, 1000);
    struct task_row t = only_instance();
    int64_t place = t.agent;
    struct reservation_row r = reservation_of(t.owner_id);
    assert_int_equal(r.cpus_milli, 300);
    assert_int_equal(r.mem_bytes, (int64_t)96 << 20);
    assert_int_equal(r.disk_bytes, (int64_t)22 << 20);
    assert_non_null(strchr(r.ports, ',')); /* both */
    fleet_put(&f, POD("ok", "0"));
    fleet_run_ms(&f, 1000);
    expect_list("");
    assert_true(state_agent_by_id(f.state, place, &agent));
    assert_int_equal(agent.used_cpus_milli, 300);
    assert_int_equal(agent.used_disk_bytes, (int64_t)22 << 20);
    assert_int_equal(agent.tasks, 0);
    fleet_delete(&f, "/db");
    fleet_run_ms(&f, 1000);
    assert_true(state_agent_by_id(f.state, place, &agent));
    assert_int_equal(agent.used_cpus_milli + agent.used_disk_bytes, 0);
}

static void when_a_container_fails_the_whole_starts_again_there(void **unused)
{
    char ports[64];
    (void)unused;
    fleet_put(&f, POD("ok", "1"));
    fleet_run_ms(&f, 1000);
    struct task_row first = only_instance();
    int64_t instance = first.owner_id, agent = first.agent;
    str_copy(ports, sizeof ports, first.ports);
    for (int i = 0; i < 4; i++) {
        struct task_row t = only_instance();
        fleet_fails(&f, t.id + i % 2, "exited with status 1");
        fleet_run_ms(&f, 5000);
        t = only_instance();
        assert_int_equal(t.owner_id, instance);
        assert_int_equal(t.agent, agent);
        assert_string_equal(t.ports, ports);
    }
    assert_true(str_ends(only_instance().name, ".a.5"));
    assert_int_equal(kept(), 1);
}

static void a_new_version_starts_where_the_data_is(void **unused)
{
    (void)unused;
    fleet_put(&f, POD("ok", "1"));
    fleet_run_ms(&f, 1000);
    struct task_row before = only_instance();
    int64_t instance = before.owner_id, agent = before.agent;
    f.most = 0;
    fleet_put(&f, POD("ok 2", "1"));
    fleet_run_ms(&f, 5000);
    assert_false(fleet_deploying(&f));
    struct task_row after = only_instance();
    assert_int_equal(after.owner_id, instance);
    assert_int_equal(after.agent, agent);
    assert_int_equal(f.most, 1);
}

static void while_its_agent_is_away_it_waits(void **unused)
{
    (void)unused;
    fleet_put(&f, POD("ok", "1"));
    fleet_run_ms(&f, 1000);
    struct task_row t = only_instance();
    int64_t task = t.id, agent = t.agent;
    fleet_cut(&f, (size_t)agent);
    fleet_run_ms(&f, 7200000);
    expect_list("2 unreachable");
    fleet_heal(&f, (size_t)agent);
    fleet_run_ms(&f, 1000);
    assert_int_equal(only_instance().id, task);
}

static void wiped_it_begins_anew(void **unused)
{
    char args[96];
    (void)unused;
    fleet_put(&f, POD("ok", "1"));
    fleet_run_ms(&f, 1000);
    struct task_row t = only_instance();
    int64_t instance = t.owner_id;
    snprintf(args, sizeof args, "{'tasks':[{'task':%lld,'reason':'r','wipe':true}]}",
             (long long)t.id);
    fleet_command(&f, COMMAND_TASK_KILL, args);
    fleet_run_ms(&f, 2000);
    assert_int_not_equal(only_instance().owner_id, instance);
    assert_int_equal(kept(), 1);
}

/* Each container has it where it wants it, as the same volume of the agent's. */
static void its_containers_share_it(void **unused)
{
    (void)unused;
    fleet_put(&f, POD("ok", "1"));
    fleet_run_ms(&f, 1000);
    int64_t first = only_instance().id;
    char shared[256] = "";
    for (int i = 0; i < 2; i++) {
        struct run_spec spec = fleet_spec(&f, first + i);
        assert_int_equal(spec.mounts_n, 1);
        assert_string_equal(spec.mounts[0].container_path, "data");
        assert_null(spec.mounts[0].volume);
        assert_int_equal(spec.mounts[0].read_only, i == 1);
        assert_true(str_starts(spec.mounts[0].persistent, "db#kept#"));
        if (i == 0)
            str_copy(shared, sizeof shared, spec.mounts[0].persistent);
        assert_string_equal(spec.mounts[0].persistent, shared);
        run_spec_close(&spec);
    }
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_on_two_nodes, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_keeps_what_all_of_it_takes),
        TEST(when_a_container_fails_the_whole_starts_again_there),
        TEST(a_new_version_starts_where_the_data_is),
        TEST(while_its_agent_is_away_it_waits),
        TEST(wiped_it_begins_anew),
        TEST(its_containers_share_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
