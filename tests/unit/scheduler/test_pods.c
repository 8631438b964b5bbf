/* Pods on virtual time: what is said of instances of apps holds for instances of several containers
 * (spec/marathon.md 13). */
#include "one_fleet.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "model/run_spec.h"

static int begin_with_pods(void **unused)
{
    begin(unused);
    fleet_upgrade(&f);
    return 0;
}

#define CONTAINER(name, cmd, more)                                                          \
    "{'name':'" name "','resources':{'cpus':0.1,'mem':32},'exec':{'command':{'shell':'" cmd \
    "'}}" more "}"
#define POD(a, b, instances, more)                                     \
    "{'id':'/pod','containers':[" CONTAINER("a", a, "") "," CONTAINER( \
        "b", b, "") "],'scaling':{'kind':'fixed','instances':" #instances "}" more "}"
#define CHECKED(a, b, instances)                                                                \
    "{'id':'/pod','containers':[" CONTAINER("a", a, "") "," CONTAINER(                          \
        "b", b,                                                                                 \
        ",'healthCheck':{'exec':{'command':{'shell':'true'}}}") "],'scaling':{'kind':'fixed','" \
                                                                "instances':" #instances "}}"

#define expect_list(text) assert_string_equal(fleet_list(&f, "/pod"), text)

/* No instance that lives has lost a container, but to a good end; nor is one on two agents. */
static void expect_whole(size_t instances, size_t containers)
{
    int64_t ids[64];
    size_t n = fleet_tasks(&f, "/pod", ids);
    assert_int_equal(n, instances * containers);
    for (size_t i = 0; i < n; i++) {
        struct task_row first = fleet_task(&f, ids[i - i % containers]);
        int64_t owner = first.owner_id, agent = first.agent;
        assert_int_equal(fleet_task(&f, ids[i]).owner_id, owner);
        assert_int_equal(fleet_task(&f, ids[i]).agent, agent);
    }
}

static void an_instance_is_several_tasks_on_one_agent(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_agent(&f, "n2", "{}");
    fleet_put(&f, POD("ok", "slow 500", 2, ""));
    fleet_turn(&f);
    expect_list("4 staging");
    fleet_run_ms(&f, 100);
    expect_list("2 staging, 2 running");
    assert_true(fleet_deploying(&f)); /* an instance runs when all its containers do */
    assert_int_equal(fleet_app(&f, "/pod").counts.staged, 2);
    fleet_run_ms(&f, 1000);
    expect_list("4 running");
    expect_whole(2, 2);
    assert_false(fleet_deploying(&f));
    assert_int_equal(fleet_app(&f, "/pod").counts.running, 2);
    assert_int_equal(fleet_app(&f, "/pod").counts.live, 2);
    int64_t drafts = f.drafts;
    fleet_run_ms(&f, 600000);
    assert_int_equal(f.drafts, drafts);
}

static void it_takes_what_its_containers_and_its_executor_take(void **unused)
{
    struct agent_row a;
    (void)unused;
    int64_t agent = fleet_agent(&f, "n1", "{}");
    fleet_put(&f, POD("ok", "ok", 1, ""));
    fleet_run_ms(&f, 100);
    assert_true(state_agent_by_id(f.state, agent, &a));
    assert_int_equal(a.used_cpus_milli, 300);
    assert_int_equal(a.used_mem_bytes, (int64_t)96 << 20);
    assert_int_equal(a.tasks, 2);
    fleet_delete(&f, "/pod");
    fleet_run_ms(&f, 1000);
    assert_true(state_agent_by_id(f.state, agent, &a));
    assert_int_equal(a.used_cpus_milli + a.used_mem_bytes + a.tasks, 0);
    assert_false(state_app_next(state_apps_gone(f.state), &(struct app_row){0}));
}

static void it_is_scaled_by_whole_instances(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, POD("ok", "ok", 1, ""));
    fleet_run_ms(&f, 100);
    fleet_put(&f, POD("ok", "ok", 4, ""));
    fleet_run_ms(&f, 100);
    expect_whole(4, 2);
    fleet_put(&f, POD("ok", "ok", 2, ""));
    fleet_run_ms(&f, 1000);
    expect_list("4 running");
    expect_whole(2, 2);
    assert_int_equal(fleet_app(&f, "/pod").counts.live, 2);
    assert_false(fleet_deploying(&f));
}

static void an_upgrade_waits_for_the_health_of_each_container(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, CHECKED("ok", "ok", 2));
    fleet_run_ms(&f, 100);
    expect_list("2 running, 2 running healthy");
    fleet_put(&f, CHECKED("ok 2", "sick", 2));
    fleet_run_ms(&f, 60000);
    expect_list("2 running, 2 running unhealthy; old 2 running, 2 running healthy");
    assert_true(fleet_deploying(&f));
    assert_int_equal(fleet_app(&f, "/pod").counts.unhealthy, 2);
    fleet_force(&f, CHECKED("ok 3", "ok 3", 2));
    fleet_run_ms(&f, 60000);
    expect_list("2 running, 2 running healthy");
    expect_whole(2, 2);
    assert_false(fleet_deploying(&f));
}

static void of_a_failed_container_the_others_end_and_the_instance_is_replaced(void **unused)
{
    int64_t ids[64], other[64];
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, POD("ok", "ok", 2, ""));
    fleet_run_ms(&f, 1000);
    fleet_tasks(&f, "/pod", ids);
    int64_t instance = fleet_task(&f, ids[0]).owner_id;
    fleet_status(&f, ids[1], TASK_FAILED);
    fleet_turn(&f);
    assert_int_equal(fleet_task(&f, ids[0]).state, TASK_KILLING);
    assert_int_equal(fleet_app(&f, "/pod").delay_ms, 1000); /* one failure, not two */
    fleet_run_ms(&f, 500);
    expect_list("2 running"); /* its replacement is held up by the backoff */
    fleet_run_ms(&f, 1000);
    expect_list("4 running");
    expect_whole(2, 2);
    fleet_tasks(&f, "/pod", other);
    assert_int_equal(other[0], ids[2]); /* the other one was not touched */
    struct pod_end_row ended;
    struct stmt *q = state_pod_ends(f.state, fleet_app(&f, "/pod").id);
    assert_true(state_pod_end_next(q, &ended));
    assert_non_null(strstr(ended.containers, "TASK_FAILED"));
    assert_false(state_pod_end_next(q, &ended));
    assert_int_not_equal(fleet_task(&f, other[2]).owner_id, instance);
}

static void a_container_that_ends_well_leaves_the_others(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, POD("ok", "ends 500", 1, ""));
    fleet_run_ms(&f, 100);
    assert_false(fleet_deploying(&f));
    fleet_run_ms(&f, 600000);
    expect_list("1 running");
    assert_int_equal(fleet_app(&f, "/pod").counts.running, 1);
    assert_int_equal(fleet_app(&f, "/pod").delay_ms, 0);
}

static void when_all_have_ended_it_is_started_again_with_backoff(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, POD("ends 300", "ends 600", 1, ""));
    fleet_run_ms(&f, 800);
    expect_list("");
    assert_int_equal(fleet_app(&f, "/pod").delay_ms, 1000);
    fleet_run_ms(&f, 1100);
    assert_string_not_equal(fleet_list(&f, "/pod"), "");
}

static void lost_with_its_agent_it_is_replaced_as_a_whole(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, POD("ok", "ok", 2, ""));
    fleet_run_ms(&f, 1000);
    fleet_agent(&f, "n2", "{}");
    fleet_cut(&f, 0);
    fleet_run_ms(&f, 100);
    expect_list("4 running");
    assert_string_equal(fleet_hosts(&f, "/pod"), "n2 n2 n2 n2");
    fleet_heal(&f, 0);
    fleet_run_ms(&f, 1000);
    expect_list("4 running");
    expect_whole(2, 2);
}

#define PATIENT \
    ",'scheduling':{'unreachableStrategy':{'inactiveAfterSeconds':60,'expungeAfterSeconds':120}}"

static void a_patient_pod_that_comes_back_is_one_too_many(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, POD("ok", "ok", 1, PATIENT));
    fleet_run_ms(&f, 1000);
    fleet_agent(&f, "n2", "{}");
    fleet_cut(&f, 0);
    fleet_run_ms(&f, 70000);
    expect_list("2 running, 2 unreachable");
    fleet_heal(&f, 0);
    fleet_run_ms(&f, 1000);
    expect_list("2 running");
    expect_whole(1, 2);
}

static void a_new_leader_goes_on(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, POD("ok", "ok", 2, ""));
    fleet_run_ms(&f, 100);
    fleet_put(&f, POD("ok 2", "slow 300", 3, ""));
    fleet_turn(&f);
    fleet_new_leader(&f);
    fleet_run_ms(&f, 150);
    fleet_new_leader(&f);
    fleet_run_ms(&f, 60000);
    expect_list("6 running");
    expect_whole(3, 2);
    assert_false(fleet_deploying(&f));
}

static void constraints_count_instances(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_agent(&f, "n2", "{}");
    fleet_put(&f, POD("ok", "ok", 4,
                      ",'scheduling':{'placement':{'constraints':["
                      "{'fieldName':'hostname','operator':'MAX_PER','value':'2'}]}}"));
    fleet_run_ms(&f, 1000);
    expect_list("8 running");
    expect_whole(4, 2);
}

/* ---- what an agent gets */

static const char *env_of(const struct run_spec *s, const char *name)
{
    for (size_t i = 0; i < s->env_n; i++)
        if (str_eq(s->env[i].name, name))
            return s->env[i].value;
    return NULL;
}

#define IMAGE ",'image':{'kind':'DOCKER','id':'busybox'}"
#define BRIDGED                                                                                                                                    \
    "{'id':'/pod','environment':{'A':'pod','B':'pod'},'containers':[" CONTAINER(                                                                   \
        "a", "ok",                                                                                                                                 \
        IMAGE                                                                                                                                      \
        ",'endpoints':[{'name':'http-api','containerPort':80}],"                                                                                   \
        "'environment':{'B':'own'},'volumeMounts':[{'name':'v','mountPath':'d'}]") "," CONTAINER("b",                                              \
                                                                                                 "ok",                                             \
                                                                                                 IMAGE                                             \
                                                                                                 ",'endpoints':[{'name':'dns','containerPort':53," \
                                                                                                 "'protocol':['udp']}],'healthCheck':{'tcp':{'endpoint':'dns'}},'check':{'exec':{'command':{'shell':'look'}},'delaySeconds':0}") "],'volumes':[{'name':'v'}],'networks':[{'mode':'container/bridge'}]}"

static void the_first_container_has_the_network_and_publishes_all(void **unused)
{
    int64_t ids[64];
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, BRIDGED);
    fleet_run_ms(&f, 1000);
    assert_int_equal(fleet_tasks(&f, "/pod", ids), 2);
    struct run_spec a = fleet_spec(&f, ids[0]), b = fleet_spec(&f, ids[1]);
    assert_int_equal(a.network, NETWORK_BRIDGE);
    assert_int_equal(a.ports_n, 2);
    assert_int_equal(a.ports[0].container, 80);
    assert_true(a.ports[0].host > 0 && a.ports[1].host > 0 && a.ports[1].udp);
    assert_int_equal(b.network, NETWORK_TASK);
    assert_int_equal(b.joins, ids[0]);
    assert_int_equal(b.ports_n, 0);
    assert_int_equal(b.checks_n, 1);
    assert_int_equal(b.checks[0].port, 53);
    assert_null(a.check);
    assert_int_equal(b.check->kind, CHECK_COMMAND);
    assert_string_equal(b.check->command, "look");
    assert_int_equal(b.check->delay_ms, 0);
    assert_int_equal(b.check->max_failures, 0);
    assert_string_equal(a.instance, b.instance);
    assert_string_equal(a.mounts[0].volume, "v");
    assert_int_equal(a.cpus_milli, 100); /* without the executor's */
    assert_string_equal(env_of(&a, "A"), "pod");
    assert_string_equal(env_of(&a, "B"), "own");
    assert_string_equal(env_of(&b, "B"), "pod");
    assert_string_equal(env_of(&b, "MARATHON_CONTAINER_ID"), "b");
    assert_string_equal(env_of(&b, "ENDPOINT_HTTP_API"), "80");
    assert_string_equal(env_of(&b, "EP_CONTAINER_HTTP_API"), "80");
    assert_int_equal(atoi(env_of(&b, "EP_HOST_HTTP_API")), a.ports[0].host);
    assert_true(str_starts(env_of(&b, "MESOS_EXECUTOR_ID"), "instance-pod."));
    run_spec_close(&a);
    run_spec_close(&b);
}

/* Of the pod what no container says of its own; of a plain process nothing, which Linux does not
 * confine. */
static void what_linux_is_to_do_otherwise_is_the_containers_or_the_pods(void **unused)
{
    int64_t ids[64];
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f,
              "{'id':'/pod','linuxInfo':{'seccomp':{'unconfined':true}},'containers':[" CONTAINER(
                  "a", "ok",
                  IMAGE ",'user':'bob','resourceLimits':{'mem':64},'linuxInfo':{'ipcInfo':{"
                        "'mode':'SHARE_PARENT'}}") "," CONTAINER("b", "ok", "") "]}");
    fleet_run_ms(&f, 1000);
    assert_int_equal(fleet_tasks(&f, "/pod", ids), 2);
    struct run_spec a = fleet_spec(&f, ids[0]), b = fleet_spec(&f, ids[1]);
    assert_int_equal(a.parameters_n, 3);
    assert_string_equal(a.parameters[0].value, "bob");
    assert_string_equal(a.parameters[1].value, "seccomp=unconfined");
    assert_string_equal(a.parameters[2].key, "ipc");
    assert_string_equal(a.parameters[2].value, "host");
    assert_int_equal(a.mem_limit_bytes, 64 << 20);
    assert_int_equal(a.cpus_limit_milli, 0);
    assert_int_equal(b.parameters_n, 0);
    run_spec_close(&a);
    run_spec_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define POD_TEST(name) cmocka_unit_test_setup_teardown(name, begin_with_pods, end)
        POD_TEST(an_instance_is_several_tasks_on_one_agent),
        POD_TEST(it_takes_what_its_containers_and_its_executor_take),
        POD_TEST(it_is_scaled_by_whole_instances),
        POD_TEST(an_upgrade_waits_for_the_health_of_each_container),
        POD_TEST(of_a_failed_container_the_others_end_and_the_instance_is_replaced),
        POD_TEST(a_container_that_ends_well_leaves_the_others),
        POD_TEST(when_all_have_ended_it_is_started_again_with_backoff),
        POD_TEST(lost_with_its_agent_it_is_replaced_as_a_whole),
        POD_TEST(a_patient_pod_that_comes_back_is_one_too_many),
        POD_TEST(a_new_leader_goes_on),
        POD_TEST(constraints_count_instances),
        POD_TEST(the_first_container_has_the_network_and_publishes_all),
        POD_TEST(what_linux_is_to_do_otherwise_is_the_containers_or_the_pods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
