/* marathon-python throws on a member that it does not know: every name that it gets to see stands
 * in its lists (spec/marathon.md 17.1). */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "world.h"

#define NAMES_MAX 64

/* What may be in one kind of object, and what kinds its members are. NULL: anything. */
struct shape {
    const char *names; /* blank-separated */
    struct {
        const char *name;
        const struct shape *shape;
    } inner[12];
};

static const struct shape docker = {NULL, {{0}}};
static const struct shape mapping = {
    "name containerPort hostPort servicePort protocol labels networkNames", {{0}}};
static const struct shape volume = {"containerPath hostPath mode persistent external", {{0}}};
static const struct shape container = {
    "docker type portMappings volumes",
    {{"docker", &docker}, {"portMappings", &mapping}, {"volumes", &volume}}};
static const struct shape port = {"port protocol name labels", {{0}}};
static const struct shape upgrade = {"maximumOverCapacity minimumHealthCapacity", {{0}}};
static const struct shape unreachable = {"inactiveAfterSeconds expungeAfterSeconds", {{0}}};
static const struct shape health_result = {"alive consecutiveFailures firstSuccess instanceId "
                                           "lastFailure lastFailureCause lastSuccess taskId",
                                           {{0}}};
static const struct shape task = {
    "appId healthCheckResults host id ipAddresses localVolumes ports region role servicePorts "
    "slaveId stagedAt startedAt state version zone",
    {{"healthCheckResults", &health_result}}};
static const struct shape failure = {
    "appId host instanceId message slaveId state taskId timestamp version", {{0}}};
static const struct shape app = {
    "acceptedResourceRoles args backoffFactor backoffSeconds cmd constraints container cpus "
    "dependencies deployments disk env executor fetch gpus healthChecks id instances ipAddress "
    "killSelection labels lastTaskFailure maxLaunchDelaySeconds mem networks portDefinitions ports "
    "readinessChecks readinessCheckResults requirePorts residency role secrets storeUrls "
    "taskKillGracePeriodSeconds taskRateLimit taskStats tasks tasksHealthy tasksRunning "
    "tasksStaged "
    "tasksUnhealthy unreachableStrategy upgradeStrategy uris user version versionInfo",
    {{"container", &container},
     {"portDefinitions", &port},
     {"upgradeStrategy", &upgrade},
     {"unreachableStrategy", &unreachable},
     {"tasks", &task},
     {"lastTaskFailure", &failure}}};
static const struct shape action = {"action app apps pod readinessCheckResults type", {{0}}};
static const struct shape step = {"actions", {{"actions", &action}}};
static const struct shape deployment = {
    "affectedApps affectedPods currentActions currentStep id steps totalSteps version",
    {{"steps", &step}, {"currentActions", &action}}};
static const struct shape waiting = {
    "app count delay lastUnusedOffers overdue processedOffersSummary since", {{"app", &app}}};
static const struct shape group = {"apps dependencies enforceRole groups id pods version",
                                   {{"apps", &app}}};
static const struct shape groups = {"apps dependencies enforceRole groups id pods version",
                                    {{"apps", &app}, {"groups", &group}}};
static const struct shape config = {
    "access_control_allow_origin checkpoint decline_offer_duration default_network_name "
    "env_vars_prefix executor failover_timeout features framework_name ha hostname launch_token "
    "launch_token_refresh_interval leader_proxy_connection_timeout_ms "
    "leader_proxy_read_timeout_ms local_port_max local_port_min master max_instances_per_offer "
    "mesos_bridge_name mesos_heartbeat_failure_threshold mesos_heartbeat_interval "
    "mesos_leader_ui_url mesos_role mesos_user new_group_enforce_role min_revive_offers_interval "
    "offer_matching_timeout on_elected_prepare_timeout reconciliation_initial_delay "
    "reconciliation_interval scale_apps_initial_delay scale_apps_interval store_cache "
    "task_launch_confirm_timeout task_launch_timeout task_lost_expunge_initial_delay "
    "task_lost_expunge_interval task_reservation_timeout webui_url maintenance_mode",
    {{0}}};
static const struct shape zookeeper = {
    "zk zk_compression zk_compression_threshold zk_connection_timeout zk_max_node_size "
    "zk_max_versions zk_session_timeout zk_timeout",
    {{0}}};
static const struct shape http = {"http_port https_port", {{0}}};
static const struct shape info = {
    "name version buildref elected leader frameworkId marathon_config zookeeper_config "
    "http_config event_subscriber",
    {{"marathon_config", &config}, {"zookeeper_config", &zookeeper}, {"http_config", &http}}};

static const struct shape apps = {"apps", {{"apps", &app}}};
static const struct shape one_app = {"app", {{"app", &app}}};
static const struct shape tasks = {"tasks", {{"tasks", &task}}};
static const struct shape queue = {"queue", {{"queue", &waiting}}};

static bool is_named(const char *names, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = names; (at = strstr(at, name)) != NULL; at++)
        if ((at == names || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
            return true;
    return false;
}

static void fits(const char *where, const struct json *v, const struct shape *s)
{
    if (s == NULL || s->names == NULL)
        return;
    if (json_is(v, JSON_ARRAY)) {
        JSON_EACH (element, v)
            fits(where, element, s);
        return;
    }
    JSON_EACH (member, json_is(v, JSON_OBJECT) ? v : NULL) {
        const char *name = json_name(member);
        if (!is_named(s->names, name))
            fail_msg("%s: %s is not known there", where, name);
        for (size_t i = 0; i < COUNT(s->inner); i++)
            if (str_eq(s->inner[i].name, name))
                fits(where, member, s->inner[i].shape);
    }
}

static void ask(struct world *w, const char *line, const struct shape *s)
{
    struct reply r;
    struct error err;
    world_play(w, "marathon", line, "", NULL, &r);
    assert_int_equal(r.status, 200);
    struct json *v = json_parse(buf_slice(&r.body), &err);
    assert_non_null(v);
    fits(line, v, s);
    json_free(v);
    reply_close(&r);
}

static void post(struct world *w, const char *line, const char *body, int status)
{
    struct reply r;
    world_pass(w, 1000);
    world_play(w, "marathon", line, "", body, &r);
    if (r.status != status)
        fail_msg("%s: %s", line, buf_str(&r.body));
    struct error err;
    struct json *v = json_parse(buf_slice(&r.body), &err);
    if (status == 201)
        fits(line, v, &app);
    json_free(v);
    reply_close(&r);
}

static void no_answer_has_a_member_that_a_strict_client_throws_on(void **unused)
{
    (void)unused;
    struct world *w = NEW(struct world);
    world_open(w);
    world_agent(w, "10.0.0.7");
    post(w, "POST /v2/apps",
         "{\"id\":\"/a/full\",\"cmd\":\"x\",\"cpus\":0.1,\"mem\":8,\"user\":\"www\","
         "\"uris\":[\"http://h/x.tgz\"],\"env\":{\"A\":\"1\"},\"labels\":{\"l\":\"1\"},"
         "\"constraints\":[[\"hostname\",\"LIKE\",\".*\"]],\"acceptedResourceRoles\":[\"*\"],"
         "\"healthChecks\":[{}],\"dependencies\":[\"/a/docker\"],"
         "\"readinessChecks\":[{\"portName\":\"http\"}],\"taskKillGracePeriodSeconds\":5,"
         "\"portDefinitions\":[{\"port\":0,\"name\":\"http\",\"labels\":{\"v\":\"1\"}}]}",
         201);
    world_settle(w);
    post(w, "POST /v2/apps",
         "{\"id\":\"/a/docker\",\"cpus\":0.1,\"mem\":8,\"container\":{\"type\":\"DOCKER\","
         "\"docker\":{\"image\":\"x\",\"network\":\"BRIDGE\",\"portMappings\":[{\"containerPort\":"
         "80}]},"
         "\"volumes\":[{\"containerPath\":\"/a\",\"hostPath\":\"/b\",\"mode\":\"RO\"}]}}",
         201);
    post(w, "POST /v2/apps", "{\"id\":\"/a/huge\",\"cmd\":\"x\",\"cpus\":900}", 201);
    world_settle(w);
    world_health(w, 1, 1, NULL);
    world_status(w, 2, TASK_FAILED, "exit 1");

    ask(w,
        "GET /v2/apps?embed=apps.tasks&embed=apps.failures&embed=apps.taskStats&"
        "embed=apps.readiness",
        &apps);
    ask(w, "GET /v2/apps/a/full?embed=app.taskStats&embed=app.readiness", &one_app);
    ask(w, "GET /v2/apps/a/docker", &one_app);
    ask(w, "GET /v2/tasks", &tasks);
    ask(w, "GET /v2/apps/a/full/tasks", &tasks);
    ask(w, "GET /v2/deployments", &deployment);
    ask(w, "GET /v2/queue?embed=lastUnusedOffers", &queue);
    ask(w, "GET /v2/groups", &groups);
    ask(w, "GET /v2/info", &info);
    world_close(w);
    mem_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_answer_has_a_member_that_a_strict_client_throws_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
