/* What an agent gets to run for an app's task (spec/marathon.md 7.2, 7.4, 10.2; model/run_spec.h).
 */
#include "fleet.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/run_spec.h"

static struct fleet f;

static int begin(void **unused)
{
    (void)unused;
    fleet_open(&f);
    fleet_command(&f, COMMAND_SETTING_PUT, "{'set':{'cluster':'c1'}}");
    fleet_agent(&f, "node1", "{'address':'10.0.0.1','ports':'31000-31002'}");
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    fleet_close(&f);
    return 0;
}

/* The spec of the only task of an app with these members besides its id. */
static void spec_of(const char *members, struct run_spec *out)
{
    char body[2048];
    int64_t ids[64];
    struct error err;
    struct buf text;
    snprintf(body, sizeof body, "{'id':'/prod/web','cpus':0.1,'mem':32,'instances':1,%s}", members);
    fleet_put(&f, body);
    fleet_run_ms(&f, 5);
    if (fleet_tasks(&f, "/prod/web", ids) != 1)
        fail_msg("%s: no place", members);
    struct task_row t = fleet_task(&f, ids[0]);
    buf_init(&text, LIMIT_FRAME_BYTES);
    assert_true(apps_run_spec(f.state, &t, &text));
    struct json *v = json_parse_own(buf_slice(&text), &err);
    assert_non_null(v);
    if (run_spec_read(v, out, &err) != 0)
        fail_msg("%s", err.text);
    json_free(v);
    buf_close(&text);
}

static const char *env(const struct run_spec *s, const char *name)
{
    for (size_t i = 0; i < s->env_n; i++)
        if (str_eq(s->env[i].name, name))
            return s->env[i].value;
    return "none";
}

static void a_plain_command_gets_its_surroundings(void **unused)
{
    struct run_spec s;
    (void)unused;
    spec_of("'cmd':'run it','user':'bob','env':{'A':'1'},'taskKillGracePeriodSeconds':7,'fetch':[{"
            "'uri':'http://x/a.tgz','extract':false,'destPath':'d'}]",
            &s);
    assert_string_equal(s.of, "/prod/web");
    assert_true(str_starts(s.name, "prod_web.instance-"));
    assert_string_equal(s.source, "web.prod");
    assert_string_equal(s.agent, "c1-S0");
    assert_string_equal(s.framework, "c1-0000");
    assert_string_equal(s.cmd, "run it");
    assert_null(s.args);
    assert_string_equal(s.user, "bob");
    assert_int_equal(s.cpus_milli, 100);
    assert_int_equal(s.mem_bytes, 32 * MIB);
    assert_int_equal(s.grace_ms, 7000);
    assert_int_equal(s.network, NETWORK_HOST);
    assert_null(s.image);
    assert_false(s.once);
    assert_string_equal(env(&s, "A"), "1");
    assert_string_equal(env(&s, "HOST"), "node1");
    assert_string_equal(env(&s, "MESOS_TASK_ID"), s.name);
    assert_string_equal(env(&s, "MARATHON_APP_ID"), "/prod/web");
    assert_int_equal(s.fetch_n, 1);
    assert_string_equal(s.fetch[0].dest, "d");
    assert_false(s.fetch[0].extract);
    assert_int_equal(s.ports_n, 1);
    assert_in_range(s.ports[0].host, 31000, 31002);
    char port[8];
    snprintf(port, sizeof port, "%d", s.ports[0].host);
    assert_string_equal(env(&s, "PORT0"), port);
    run_spec_close(&s);
}

static void arguments_stay_arguments(void **unused)
{
    struct run_spec s;
    (void)unused;
    spec_of("'args':['a b',''],'taskKillGracePeriodSeconds':0", &s);
    assert_null(s.cmd);
    assert_int_equal(s.args_n, 2);
    assert_string_equal(s.args[0], "a b");
    assert_int_equal(s.grace_ms, 1); /* 0 would be the agent's own */
    run_spec_close(&s);
}

#define MAPPED                                                                             \
    "'container':{'type':'DOCKER','docker':{'image':'nginx','forcePullImage':true,"        \
    "'privileged':true,'parameters':[{'key':'user','value':'x'}]},'volumes':[{"            \
    "'containerPath':'/c','hostPath':'/h','mode':'RO'}],'portMappings':[{'containerPort':" \
    "80,'hostPort':0},{'containerPort':53,'hostPort':31001,'protocol':'udp'},{"            \
    "'containerPort':9}]}"

static void a_container_gets_its_mappings(void **unused)
{
    struct run_spec s;
    (void)unused;
    spec_of("'networks':[{'mode':'container/bridge'}]," MAPPED, &s);
    assert_string_equal(s.image, "nginx");
    assert_true(s.force_pull && s.privileged);
    assert_int_equal(s.network, NETWORK_BRIDGE);
    assert_int_equal(s.parameters_n, 1);
    assert_int_equal(s.mounts_n, 1);
    assert_true(s.mounts[0].read_only);
    assert_int_equal(s.ports_n, 3);
    assert_true(s.ports[0].host == 31000 || s.ports[0].host == 31002);
    assert_int_equal(s.ports[0].container, 80);
    assert_int_equal(s.ports[1].host, 31001);
    assert_true(s.ports[1].udp);
    run_spec_close(&s);
}

/* Where each kind of check looks: who asks from outside sees host ports, who asks inside the
 * container its own. */
static void a_check_asks_where_the_task_listens(void **unused)
{
    static const struct {
        const char *app, *check;
        enum check_kind kind;
        const char *address;
        int port; /* 1: the first host port */
        bool kill_on_max;
    } rows[] = {
        {"'cmd':'x'", "'protocol':'HTTP'", CHECK_HTTP, "10.0.0.1", 1, false},
        {"'cmd':'x'", "'protocol':'TCP','port':4000", CHECK_TCP, "10.0.0.1", 4000, false},
        {"'cmd':'x'", "'protocol':'HTTPS','portIndex':0", CHECK_HTTPS, "10.0.0.1", 1, false},
        {"'cmd':'x'", "'protocol':'MESOS_HTTPS','port':1234,'portIndex':0", CHECK_HTTPS,
         "127.0.0.1", 1234, true},
        {"'container':{'type':'DOCKER','docker':{'image':'i'}}",
         "'protocol':'MESOS_HTTP','ipProtocol':'IPv6'", CHECK_HTTP, "::1", 1, true},
        {"'networks':[{'mode':'container/bridge'}]," MAPPED,
         "'protocol':'MESOS_TCP','ipProtocol':'IPv6'", CHECK_TCP, "::1", 80, true},
        {"'cmd':'x'", "'protocol':'MESOS_TCP'", CHECK_TCP, "127.0.0.1", 1, true},
        {"'networks':[{'mode':'container/bridge'}]," MAPPED, "'protocol':'HTTP'", CHECK_HTTP,
         "10.0.0.1", 1, false},
        {"'networks':[{'mode':'container/bridge'}]," MAPPED, "'protocol':'MESOS_HTTP'", CHECK_HTTP,
         "127.0.0.1", 80, true},
        {"'cmd':'x'", "'protocol':'COMMAND','command':{'value':'true'}", CHECK_COMMAND, NULL, 0,
         true},
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char members[1500];
        struct run_spec s;
        end(NULL);
        begin(NULL);
        snprintf(members, sizeof members,
                 "%s,'healthChecks':[{%s,'intervalSeconds':7,'maxConsecutiveFailures':4,"
                 "'timeoutSeconds':3,'delaySeconds':2,'ignoreHttp1xx':true}]",
                 rows[i].app, rows[i].check);
        spec_of(members, &s);
        assert_int_equal(s.checks_n, 1);
        assert_int_equal(s.checks[0].kind, rows[i].kind);
        if (rows[i].address != NULL)
            assert_string_equal(s.checks[0].address, rows[i].address);
        if (rows[i].port != 0)
            assert_int_equal(s.checks[0].port, rows[i].port == 1 ? s.ports[0].host : rows[i].port);
        assert_int_equal(s.checks[0].interval_ms, 7000);
        assert_int_equal(s.checks[0].timeout_ms, 3000);
        assert_int_equal(s.checks[0].delay_ms, rows[i].kill_on_max ? 2000 : 0); /* agent-run */
        assert_int_equal(s.checks[0].ignore_1xx, strstr(rows[i].check, "'HTTP") != NULL);
        assert_int_equal(s.checks[0].max_failures, 4);
        assert_int_equal(s.checks[0].kill_on_max, rows[i].kill_on_max);
        assert_int_equal(s.checks[0].ipv6, strstr(rows[i].check, "IPv6") != NULL);
        run_spec_close(&s);
    }
}

/* Marathon's own first question comes after an interval, at most 5 s; agents say when theirs does.
 */
static void a_failure_before_marathon_would_ask_is_none(void **unused)
{
    static const struct {
        const char *check;
        int64_t grace_ms;
    } rows[] = {
        {"'protocol':'HTTP','gracePeriodSeconds':0,'intervalSeconds':60", 5000},
        {"'protocol':'TCP','gracePeriodSeconds':0,'intervalSeconds':2,'timeoutSeconds':1", 2000},
        {"'protocol':'HTTP','gracePeriodSeconds':30,'intervalSeconds':60", 30000},
        {"'protocol':'MESOS_HTTP','gracePeriodSeconds':0,'intervalSeconds':60", 0},
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char members[512];
        struct run_spec s;
        end(NULL);
        begin(NULL);
        snprintf(members, sizeof members, "'cmd':'x','healthChecks':[{%s}]", rows[i].check);
        spec_of(members, &s);
        assert_int_equal(s.checks[0].grace_ms, rows[i].grace_ms);
        run_spec_close(&s);
    }
}

/* It is asked as the agent's own checks are, and can never kill. */
static void a_check_that_informs_is_the_agents(void **unused)
{
    static const struct {
        const char *app, *check;
        enum check_kind kind;
        int port; /* 1: the first host port, 2: the second */
    } rows[] = {
        {"'cmd':'x'", "'http':{'path':'/a','scheme':'https'}", CHECK_HTTPS, 1},
        {"'cmd':'x'", "'http':{'port':4000,'portIndex':0}", CHECK_HTTP, 4000},
        {"'cmd':'x','portDefinitions':[{'port':0},{'port':0}]", "'tcp':{'portIndex':1}", CHECK_TCP,
         2},
        {"'networks':[{'mode':'container','name':'net'}],'container':{'type':'MESOS',"
         "'docker':{'image':'i'},'portMappings':[{'containerPort':80}]}",
         "'tcp':{}", CHECK_TCP, 80},
        {"'cmd':'x'", "'exec':{'command':{'value':'true'}}", CHECK_COMMAND, 0},
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char members[1500];
        struct run_spec s;
        end(NULL);
        begin(NULL);
        snprintf(members, sizeof members, "%s,'check':{%s,'delaySeconds':3}", rows[i].app,
                 rows[i].check);
        spec_of(members, &s);
        assert_int_equal(s.checks_n, 0);
        assert_non_null(s.check);
        assert_int_equal(s.check->kind, rows[i].kind);
        assert_string_equal(s.check->address, "127.0.0.1");
        assert_int_equal(s.check->port, rows[i].port == 1 || rows[i].port == 2
                                            ? s.ports[rows[i].port - 1].host
                                            : rows[i].port);
        assert_int_equal(s.check->interval_ms, 60000);
        assert_int_equal(s.check->timeout_ms, 20000);
        assert_int_equal(s.check->delay_ms, 3000);
        assert_int_equal(s.check->max_failures, 0);
        run_spec_close(&s);
    }
}

/* While somebody waits for it, and where everybody reaches the port of that name. */
static void a_readiness_check_asks_the_port_of_its_name(void **unused)
{
    static const struct {
        const char *app;
        bool https;
        int port; /* 1: the second host port */
    } rows[] = {
        {"'cmd':'x','portDefinitions':[{'port':0},{'port':0,'name':'up'}],"
         "'readinessChecks':[{'portName':'up','path':'/ok','preserveLastResponse':true}]",
         false, 1},
        {"'networks':[{'mode':'container','name':'net'}],'container':{'type':'DOCKER',"
         "'docker':{'image':'i'},'portMappings':[{'containerPort':7},"
         "{'containerPort':80,'name':'up'}]},'readinessChecks':[{'portName':'up','path':'/ok',"
         "'protocol':'HTTPS','preserveLastResponse':true}]",
         true, 80},
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct run_spec s;
        end(NULL);
        begin(NULL);
        spec_of(rows[i].app, &s);
        assert_int_equal(s.readiness_n, 0); /* nobody waits below level 8 */
        run_spec_close(&s);
        end(NULL);
        begin(NULL);
        fleet_upgrade(&f);
        spec_of(rows[i].app, &s);
        assert_int_equal(s.readiness_n, 1);
        const struct run_readiness *r = &s.readiness[0];
        assert_string_equal(r->name, "readinessCheck");
        assert_string_equal(r->path, "/ok");
        assert_int_equal(r->https, rows[i].https);
        assert_true(r->keep_response);
        assert_int_equal(r->interval_ms, 30000);
        assert_int_equal(r->timeout_ms, 10000);
        assert_int_equal(r->ready_codes_n, 1);
        assert_int_equal(r->ready_codes[0], 200);
        assert_int_equal(r->port, rows[i].port == 1 ? s.ports[1].host : rows[i].port);
        run_spec_close(&s);
    }
}

static void a_version_that_is_not_kept_any_more_has_no_spec(void **unused)
{
    int64_t ids[64];
    struct buf text;
    (void)unused;
    fleet_put(&f, "{'id':'/web','cmd':'ok','instances':1,'cpus':0.1,'mem':32}");
    fleet_run_ms(&f, 5);
    fleet_tasks(&f, "/web", ids);
    struct task_row t = fleet_task(&f, ids[0]);
    t.version.ms = 1;
    buf_init(&text, 65536);
    assert_false(apps_run_spec(f.state, &t, &text));
    buf_close(&text);
}

/* An old instance that is ordered again runs what it was launched as. */
static void an_old_instance_gets_its_own_version(void **unused)
{
    int64_t ids[64];
    struct buf text;
    (void)unused;
    fleet_put(&f, "{'id':'/web','cmd':'hangs','instances':1,'cpus':0.1,'mem':32}");
    fleet_run_ms(&f, 5);
    fleet_force(&f, "{'id':'/web','cmd':'other','instances':1,'cpus':0.1,'mem':32}");
    fleet_tasks(&f, "/web", ids);
    struct task_row t = fleet_task(&f, ids[0]);
    buf_init(&text, 65536);
    assert_true(apps_run_spec(f.state, &t, &text));
    assert_non_null(strstr(buf_str(&text), "\"cmd\":\"hangs\""));
    buf_close(&text);
}

static void a_group_says_whether_its_role_is_enforced(void **unused)
{
    (void)unused;
    struct run_spec s;
    spec_of("'cmd':'ok'", &s);
    assert_string_equal(env(&s, "MARATHON_APP_ENFORCE_GROUP_ROLE"), "FALSE");
    run_spec_close(&s);
    fleet_run_ms(&f, 1000);
    fleet_delete(&f, "/prod/web");
    fleet_run_ms(&f, 1000);
    fleet_command(&f, COMMAND_SCHEMA_UPGRADE, "{'level':9}");
    fleet_command(&f, COMMAND_GROUP_PUT,
                  "{'apps':[],'groups':[{'path':'/prod','dependencies':[],'enforceRole':true}],"
                  "'deployment':{'uuid':'00000000-0000-4000-8000-000000000001','steps':[]}}");
    spec_of("'cmd':'ok'", &s);
    assert_string_equal(env(&s, "MARATHON_APP_ENFORCE_GROUP_ROLE"), "TRUE");
    run_spec_close(&s);
}

static const char *parameters_of(const struct run_spec *s)
{
    static char text[256];
    size_t len = 0;
    text[0] = '\0';
    for (size_t i = 0; i < s->parameters_n; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "--%s=%s ", s->parameters[i].key,
                                s->parameters[i].value);
    return text;
}

static void limits_are_told_apart_from_what_is_asked_for(void **unused)
{
    (void)unused;
    struct run_spec s;
    spec_of("'cmd':'ok','resourceLimits':{'cpus':0.5,'mem':'unlimited'}", &s);
    assert_int_equal(s.cpus_milli, 100);
    assert_int_equal(s.mem_bytes, 32 << 20);
    assert_int_equal(s.cpus_limit_milli, 500);
    assert_int_equal(s.mem_limit_bytes, RUN_UNLIMITED);
    run_spec_close(&s);
}

static void what_linux_is_to_do_otherwise_an_engine_is_told(void **unused)
{
    (void)unused;
    struct run_spec s;
    spec_of("'container':{'type':'MESOS','docker':{'image':'i'},'linuxInfo':{'seccomp':{"
            "'unconfined':true},'ipcInfo':{'mode':'PRIVATE','shmSize':64}}}",
            &s);
    assert_string_equal(parameters_of(&s),
                        "--security-opt=seccomp=unconfined --ipc=private --shm-size=64m ");
    run_spec_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(a_plain_command_gets_its_surroundings),
        TEST(arguments_stay_arguments),
        TEST(limits_are_told_apart_from_what_is_asked_for),
        TEST(what_linux_is_to_do_otherwise_an_engine_is_told),
        TEST(a_container_gets_its_mappings),
        TEST(a_check_asks_where_the_task_listens),
        TEST(a_failure_before_marathon_would_ask_is_none),
        TEST(a_check_that_informs_is_the_agents),
        TEST(a_readiness_check_asks_the_port_of_its_name),
        TEST(a_version_that_is_not_kept_any_more_has_no_spec),
        TEST(an_old_instance_gets_its_own_version),
        TEST(a_group_says_whether_its_role_is_enforced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
