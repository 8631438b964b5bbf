#include "unit.h"

#include "apps.h"

#define NOON INT64_C(1714555800120) /* 2024-05-01T09:30:00.120Z */

static void assert_text(const struct app *a, const char *expected)
{
    char *got = text_of(a), *want = unquoted(expected);
    assert_string_equal(got, want);
    mem_free(got);
    mem_free(want);
}

static const char DEMO[] = "{'container':{'type':'DOCKER','docker':{'image':"
                           "'smarthall/example-nginx'}},'id':'nginx','instances':1,'cpus':0.1,"
                           "'mem':32,'uris':[],'ports':[8080]}";

static const char DEMO_STORED[] =
    "{'id':'/nginx','backoffFactor':1.15,'backoffSeconds':1,"
    "'container':{'type':'DOCKER','docker':{'forcePullImage':false,'image':"
    "'smarthall/example-nginx','parameters':[],'privileged':false},'volumes':[]},"
    "'cpus':0.1,'disk':0,'executor':'','instances':1,'labels':{},'maxLaunchDelaySeconds':300,"
    "'mem':32,'gpus':0,'networks':[{'mode':'host'}],"
    "'portDefinitions':[{'port':8080,'protocol':'tcp'}],'requirePorts':false,"
    "'upgradeStrategy':{'maximumOverCapacity':1,'minimumHealthCapacity':1},"
    "'killSelection':'YOUNGEST_FIRST','unreachableStrategy':{'inactiveAfterSeconds':0,"
    "'expungeAfterSeconds':0},'role':'*','version':'2024-05-01T09:30:00.120Z',"
    "'versionInfo':{'lastScalingAt':'2024-05-01T09:30:00.120Z','lastConfigChangeAt':"
    "'2024-05-01T09:30:00.120Z'},'ports':[8080],'uris':[]}";

static void writes_the_demo_as_marathon_does(void **unused)
{
    (void)unused;
    struct app a = stamped_app(DEMO, NOON);
    assert_text(&a, DEMO_STORED);
    app_close(&a);
}

static void the_demo_without_ports_has_none(void **unused)
{
    (void)unused;
    struct app a =
        app_of("{'container':{'type':'DOCKER','docker':{'image':'library/busybox:latest'}},"
               "'id':'date','cmd':'while sleep 10; do date -u +%T; done','instances':1,"
               "'cpus':0.1,'mem':32,'uris':[],'ports':[]}");
    char *text = text_of(&a);
    assert_members("date", text, "{'portDefinitions':[],'ports':[],'versionInfo':null}");
    assert_int_equal(app_port_count(&a), 0);
    mem_free(text);
    app_close(&a);
}

/* Every member there is, in canonical form. */
static const char EVERYTHING[] =
    "{'id':'/prod/web','acceptedResourceRoles':['*'],'args':['a','b'],'backoffFactor':2,"
    "'backoffSeconds':1.5,'check':{'http':{'portIndex':0,'path':'/c','scheme':'https'},"
    "'intervalSeconds':1,'timeoutSeconds':2,'delaySeconds':3},"
    "'constraints':[['rack','GROUP_BY','3'],['hostname','UNIQUE']],"
    "'container':{'type':'MESOS','docker':{'forcePullImage':true,'image':'i','parameters':[],"
    "'privileged':true,'pullConfig':{'secret':'s'}},"
    "'volumes':[{'containerPath':'/a','hostPath':'/b','mode':'RO'},"
    "{'containerPath':'/e','mode':'RW','external':{'size':5,'name':'n','provider':'p',"
    "'options':{'o':'v'},'shared':true}},{'containerPath':'/s','secret':'s'}],"
    "'portMappings':[{'containerPort':80,'hostPort':0,'labels':{'l':'v'},'name':'http',"
    "'protocol':'udp,tcp','servicePort':10000,'networkNames':['n1']},"
    "{'containerPort':81,'labels':{},'protocol':'udp','servicePort':0}],"
    "'linuxInfo':{'seccomp':{'unconfined':true}}},"
    "'cpus':0.25,'dependencies':['/db'],'disk':0.5,'env':{'A':'1','B':{'secret':'s'}},"
    "'executor':'//cmd','executorResources':{'cpus':0.1,'mem':1},"
    "'fetch':[{'uri':'http://h/f.tgz','extract':false,'executable':true,'cache':true,"
    "'destPath':'d'}],'healthChecks':[{'protocol':'HTTPS','path':'/h','portIndex':1,"
    "'gracePeriodSeconds':1,'intervalSeconds':2,'timeoutSeconds':3,'maxConsecutiveFailures':4,"
    "'delaySeconds':5,'ignoreHttp1xx':true,'ipProtocol':'IPv4'},{'protocol':'COMMAND',"
    "'command':{'value':'true'},'gracePeriodSeconds':1,'intervalSeconds':2,'timeoutSeconds':3,"
    "'maxConsecutiveFailures':0,'delaySeconds':5,'ipProtocol':'IPv4'}],"
    "'readinessChecks':[{'name':'r','protocol':'HTTPS','path':'/r','portName':'http',"
    "'intervalSeconds':9,'timeoutSeconds':8,'httpStatusCodesForReady':[200,204],"
    "'preserveLastResponse':true}],'instances':7,'labels':{'x':'y'},'maxLaunchDelaySeconds':60,"
    "'mem':33.5,'gpus':1,'networks':[{'mode':'container','name':'n1','labels':{'k':'v'}},"
    "{'mode':'container','name':'n2'}],'requirePorts':false,"
    "'resourceLimits':{'cpus':'unlimited','mem':64},'secrets':{'s':{'source':'/v'}},"
    "'taskKillGracePeriodSeconds':0,'upgradeStrategy':{'maximumOverCapacity':0.2,"
    "'minimumHealthCapacity':0.5},'user':'nobody','killSelection':'OLDEST_FIRST',"
    "'unreachableStrategy':{'inactiveAfterSeconds':1,'expungeAfterSeconds':2},'tty':false,"
    "'role':'prod','version':'2024-05-01T09:30:00.120Z','versionInfo':{'lastScalingAt':"
    "'2024-05-01T09:30:00.120Z','lastConfigChangeAt':'2024-05-01T09:30:00.000Z'},"
    "'ports':[10000,0],'uris':['http://h/f.tgz']}";

static const struct app_rules ALL_ON = {.features = FEATURE_SECRETS | FEATURE_EXTERNAL_VOLUMES |
                                                    FEATURE_GPU_RESOURCES};

static void reads_back_everything_it_writes(void **unused)
{
    (void)unused;
    struct app a;
    struct error err;
    char *stored = unquoted(EVERYTHING);
    if (app_load(slice_of(stored), &a, &err) != 0)
        fail_msg("%s", err.text);
    assert_text(&a, EVERYTHING);
    mem_free(stored);
    app_close(&a);
}

static void takes_back_what_get_showed(void **unused)
{
    (void)unused;
    struct app a = made_by(&ALL_ON, EVERYTHING), b;
    struct problems problems = {0};
    char *shown = text_of(&a);
    struct error err;
    struct json *tree = json_parse(slice_of(shown), &err);
    if (app_patch(&ALL_ON, tree, "/", &a, &b, &problems) != 0)
        fail_msg("%s", text_of_problems(&problems));
    assert_int_equal(app_compare(&a, &b), APP_SAME);
    char *again = text_of(&b);
    assert_string_equal(shown, again);
    mem_free(shown);
    mem_free(again);
    json_free(tree);
    app_close(&a);
    app_close(&b);
}

/* What stands by default is not worth its place in the log. */
static void writes_lean_what_is_not_by_default(void **unused)
{
    (void)unused;
    static const char *const BODIES[] = {
        "{'id':'/web','cmd':'x'}", "{'id':'/web','cmd':'x','ports':[]}",
        "{'id':'/web','cmd':'x','cpus':2,'instances':0,'backoffFactor':2,'killSelection':"
        "'OLDEST_FIRST','labels':{'a':'b'},'unreachableStrategy':'disabled'}"};
    for (size_t i = 0; i < sizeof(BODIES) / sizeof(*BODIES); i++) {
        struct app a = app_of(BODIES[i]), b;
        struct buf lean, whole, again;
        struct json_writer w;
        struct error err;
        buf_init(&lean, 1 << 20);
        buf_init(&whole, 1 << 20);
        buf_init(&again, 1 << 20);
        json_begin(&w, &lean);
        app_write_lean(&a, &w);
        json_begin(&w, &whole);
        app_write(&a, &w);
        assert_int_equal(app_load(buf_slice(&lean), &b, &err), 0);
        json_begin(&w, &again);
        app_write(&b, &w);
        assert_string_equal(buf_str(&again), buf_str(&whole));
        assert_true(lean.len < whole.len * 4 / 5);
        app_close(&a);
        app_close(&b);
        buf_close(&lean);
        buf_close(&whole);
        buf_close(&again);
    }
}

static void refuses_a_stored_app_that_is_none(void **unused)
{
    (void)unused;
    static const char *const BAD[] = {"", "{", "[]", "{}", "{\"id\":1}", "{\"id\":\"/a\"}"};
    for (size_t i = 0; i < sizeof(BAD) / sizeof(*BAD); i++) {
        struct app a;
        struct error err;
        assert_int_equal(app_load(slice_of(BAD[i]), &a, &err), -1);
        assert_int_equal(err.code, ERR_CORRUPT);
    }
}

static void a_copy_is_the_same_and_its_own(void **unused)
{
    (void)unused;
    struct app a = made_by(&ALL_ON, EVERYTHING), b;
    app_copy(&a, &b);
    char *before = text_of(&a);
    app_close(&a);
    char *after = text_of(&b);
    assert_string_equal(after, before);
    mem_free(after);
    mem_free(before);
    app_close(&b);
}

/* ---- change */

static void tells_scaling_from_change(void **unused)
{
    (void)unused;
    static const struct {
        const char *a, *b;
        enum app_change change;
    } CASES[] = {
        {"{'id':'a','cmd':'x'}", "{'id':'a','cmd':'x'}", APP_SAME},
        {"{'id':'a','cmd':'x'}", "{'id':'a','cmd':'x','instances':3}", APP_SCALED},
        {"{'id':'a','cmd':'x'}", "{'id':'a','cmd':'y','instances':3}", APP_CHANGED},
        {"{'id':'a','cmd':'x','env':{'A':'1','B':'2'}}",
         "{'id':'a','cmd':'x','env':{'B':'2','A':'1'}}", APP_SAME},
        {"{'id':'a','cmd':'x','env':{'A':'1'}}", "{'id':'a','cmd':'x','env':{'A':'2'}}",
         APP_CHANGED},
        {"{'id':'a','cmd':'x','constraints':[['h','UNIQUE'],['r','CLUSTER','x']]}",
         "{'id':'a','cmd':'x','constraints':[['r','CLUSTER','x'],['h','unique']]}", APP_SAME},
        {"{'id':'a','cmd':'x','constraints':[['h','UNIQUE'],['h','UNIQUE'],['r','CLUSTER']]}",
         "{'id':'a','cmd':'x','constraints':[['h','UNIQUE'],['r','CLUSTER'],['r','CLUSTER']]}",
         APP_CHANGED},
        {"{'id':'a','cmd':'x','dependencies':['/b','/c']}",
         "{'id':'a','cmd':'x','dependencies':['c','b']}", APP_SAME},
        {"{'id':'a','cmd':'x','healthChecks':[{'path':'/1'},{'path':'/2'}]}",
         "{'id':'a','cmd':'x','healthChecks':[{'path':'/2'},{'path':'/1'}]}", APP_SAME},
        {"{'id':'a','args':['1','2']}", "{'id':'a','args':['2','1']}", APP_CHANGED},
        {"{'id':'a','cmd':'x','labels':{'a':'b'}}", "{'id':'a','cmd':'x'}", APP_CHANGED},
        {"{'id':'a','cmd':'x','unreachableStrategy':'disabled'}", "{'id':'a','cmd':'x'}",
         APP_CHANGED},
        {"{'id':'a','cmd':'x','fetch':[{'uri':'u'}]}",
         "{'id':'a','cmd':'x','fetch':[{'uri':'u','cache':true}]}", APP_CHANGED},
        {"{'id':'a','cmd':'x','executorResources':{'cpus':1}}", "{'id':'a','cmd':'x'}",
         APP_CHANGED},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(*CASES); i++) {
        struct app a = app_of(CASES[i].a), b = app_of(CASES[i].b);
        if (app_compare(&a, &b) != CASES[i].change || app_compare(&b, &a) != CASES[i].change)
            fail_msg("%s against %s: got %d", CASES[i].a, CASES[i].b, (int)app_compare(&a, &b));
        app_close(&a);
        app_close(&b);
    }
}

static void knows_what_a_task_needs(void **unused)
{
    (void)unused;
    struct app a = app_of("{'id':'a','cmd':'x','cpus':0.1,'mem':32,'disk':1.5,"
                          "'executorResources':{'cpus':0.2,'mem':8},'backoffSeconds':0.25}");
    struct resources r = app_needs(&a);
    assert_int_equal(r.cpus_milli, 300);
    assert_int_equal(r.mem_bytes, 40 * MIB);
    assert_int_equal(r.disk_bytes, 3 * MIB / 2);
    assert_int_equal(app_backoff_ms(&a), 250);
    app_close(&a);
}

/* ---- ports */

static bool is_taken(void *data, int64_t port)
{
    for (const int64_t *taken = data; *taken != 0; taken++)
        if (*taken == port)
            return true;
    return false;
}

static void gives_out_service_ports(void **unused)
{
    (void)unused;
    int64_t others[] = {10000, 10002, 0};
    struct service_ports range = {others, is_taken, 10000, 10005};
    static const struct {
        const char *old, *body, *ports;
    } CASES[] = {
        {NULL, "{'id':'a','cmd':'x','ports':[0,0]}", "{'ports':[10001,10003]}"},
        {NULL, "{'id':'a','cmd':'x','ports':[0,10001]}", "{'ports':[10003,10001]}"},
        {NULL, "{'id':'a','cmd':'x','ports':[99,0]}", "{'ports':[99,10001]}"},
        {NULL, "{'id':'a','cmd':'x','ports':[10000]}", "{'ports':[10000]}"}, /* not checked */
        {"{'id':'a','cmd':'x','ports':[10004,10005]}", "{'id':'a','cmd':'x','ports':[0,0,0]}",
         "{'ports':[10004,10005,10001]}"},
        {"{'id':'a','cmd':'x','ports':[10004,10005]}", "{'id':'a','cmd':'x','ports':[0,10004]}",
         "{'ports':[10005,10004]}"},
        {"{'id':'a','cmd':'x','ports':[80]}", "{'id':'a','cmd':'x','ports':[0]}",
         "{'ports':[10001]}"}, /* out of the range */
        {NULL,
         "{'id':'a','cmd':'x','networks':[{'mode':'container/bridge'}],'container':{'type':'MESOS',"
         "'portMappings':[{'containerPort':80}]}}",
         "{'ports':[10001]}"},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(*CASES); i++) {
        struct app a = app_of(CASES[i].body), old = {0};
        struct error err;
        if (CASES[i].old != NULL)
            old = app_of(CASES[i].old);
        int result = app_assign_service_ports(&a, CASES[i].old == NULL ? NULL : &old, &range, &err);
        assert_int_equal(result, 0);
        char *text = text_of(&a);
        assert_members(CASES[i].body, text, CASES[i].ports);
        mem_free(text);
        app_close(&a);
        app_close(&old);
    }
}

static void says_when_service_ports_run_out(void **unused)
{
    (void)unused;
    int64_t others[] = {10000, 0};
    struct service_ports range = {others, is_taken, 10000, 10002};
    struct app a = app_of("{'id':'a','cmd':'x','ports':[0,0,0]}");
    struct error err;
    assert_int_equal(app_assign_service_ports(&a, NULL, &range, &err), -1);
    assert_string_equal(err.text, "no service port is free in 10000-10002");
    assert_int_equal(app_service_port(&a, 0), 0); /* nothing half done */
    app_close(&a);
}

static void counts_the_host_ports(void **unused)
{
    (void)unused;
    static const struct {
        const char *body;
        size_t any, fixed;
    } CASES[] = {
        {"{'id':'a','cmd':'x','ports':[80,0]}", 2, 0},
        {"{'id':'a','cmd':'x','ports':[80,0],'requirePorts':true}", 1, 1},
        {"{'id':'a','cmd':'x','networks':[{'mode':'container/bridge'}],'container':{'type':'MESOS',"
         "'portMappings':[{'containerPort':80},{'hostPort':31000},{'hostPort':0}]}}",
         2, 1},
        {"{'id':'a','cmd':'x','networks':[{'name':'n'}],'container':{'type':'MESOS',"
         "'portMappings':[{'containerPort':80},{'hostPort':31000},{'hostPort':0}]}}",
         1, 1},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(*CASES); i++) {
        struct app a = app_of(CASES[i].body);
        struct ports fixed = {0};
        assert_int_equal(app_host_ports_needed(&a, &fixed), CASES[i].any);
        assert_int_equal(ports_count(&fixed), CASES[i].fixed);
        ports_close(&fixed);
        app_close(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_the_demo_as_marathon_does),
        cmocka_unit_test(the_demo_without_ports_has_none),
        cmocka_unit_test(reads_back_everything_it_writes),
        cmocka_unit_test(takes_back_what_get_showed),
        cmocka_unit_test(writes_lean_what_is_not_by_default),
        cmocka_unit_test(refuses_a_stored_app_that_is_none),
        cmocka_unit_test(a_copy_is_the_same_and_its_own),
        cmocka_unit_test(tells_scaling_from_change),
        cmocka_unit_test(knows_what_a_task_needs),
        cmocka_unit_test(gives_out_service_ports),
        cmocka_unit_test(says_when_service_ports_run_out),
        cmocka_unit_test(counts_the_host_ports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
