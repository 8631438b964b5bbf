#include "unit.h"

#include "apps.h"

/* What comes out when `body` is put over `old`; problems instead, when there are any. */
static char *patched(const char *old, const char *body, enum app_change *change)
{
    struct app before = stamped_app(old, 1000), after = {0};
    struct problems problems = {0};
    struct json *tree = tree_of(body);
    char *text;
    if (app_patch(&PLAIN, tree, "/", &before, &after, &problems) != 0) {
        text = text_of_problems(&problems);
        *change = APP_SAME;
    } else {
        *change = app_compare(&before, &after);
        text = text_of(&after);
    }
    problems_close(&problems);
    json_free(tree);
    app_close(&before);
    app_close(&after);
    return text;
}

#define WEB "{'id':'web','cmd':'x','env':{'A':'1','B':'2'},'labels':{'l':'v'},'uris':['u']}"
#define PORTS \
    "{'id':'web','cmd':'x','portDefinitions':[{'port':10001,'name':'http','labels':{'a':'b'}}]}"
#define BRIDGE                                                                                  \
    "{'id':'web','networks':[{'mode':'container/bridge'}],'container':{'docker':{'image':'i'}," \
    "'portMappings':[{'containerPort':80,'servicePort':9000}]}}"

/* spec/marathon.md 3.5 */
static const struct {
    const char *what, *old, *body, *shows;
    enum app_change change;
} CASES[] = {
    {"instances", WEB, "{'instances':5}", "{'instances':5,'env':{'A':'1','B':'2'}}", APP_SCALED},
    {"nulls change nothing", WEB, "{'instances':5,'ports':null,'dependencies':null,'env':null}",
     "{'instances':5,'env':{'A':'1','B':'2'}}", APP_SCALED},
    {"env is replaced whole", WEB, "{'env':{'A':'1'}}", "{'env':{'A':'1'},'labels':{'l':'v'}}",
     APP_CHANGED},
    {"an empty env clears", WEB, "{'env':{}}", "{'env':null}", APP_CHANGED},
    {"both", WEB, "{'cmd':'sleep 9','instances':2}", "{'cmd':'sleep 9','instances':2}",
     APP_CHANGED},
    {"ports lose names and labels", PORTS, "{'ports':[0]}",
     "{'portDefinitions':[{'port':0,'protocol':'tcp'}]}", APP_CHANGED},
    {"no uris: no fetch", WEB, "{'uris':[]}", "{'fetch':null,'uris':[]}", APP_CHANGED},
    {"uris take the place of fetch", WEB, "{'uris':['v']}", "{'uris':['v']}", APP_CHANGED},
    {"the id and the version are the server's", WEB,
     "{'id':'/other','versionInfo':{'lastScalingAt':'2020-01-01T00:00:00.000Z'}}",
     "{'id':'/web','version':'1970-01-01T00:00:01.000Z','versionInfo':{'lastScalingAt':"
     "'1970-01-01T00:00:01.000Z','lastConfigChangeAt':'1970-01-01T00:00:01.000Z'}}",
     APP_SAME},
    {"whatever the id says", WEB, "{'id':7,'instances':2}", "{'id':'/web'}", APP_SCALED},
    {"nothing", WEB, "{}", "{'id':'/web'}", APP_SAME},
    {"half an upgrade strategy is replaced whole",
     "{'id':'web','cmd':'x','upgradeStrategy':{'minimumHealthCapacity':0.5,'maximumOverCapacity':"
     "0.2}}",
     "{'upgradeStrategy':{'minimumHealthCapacity':0.5}}",
     "{'upgradeStrategy':{'minimumHealthCapacity':0.5,'maximumOverCapacity':1}}", APP_CHANGED},
    {"docker.network takes the place of networks", "{'id':'web','cmd':'x'}",
     "{'container':{'docker':{'image':'i','network':'BRIDGE','portMappings':[{'containerPort':80}]"
     "}}}",
     "{'networks':[{'mode':'container/bridge'}],'portDefinitions':null,'ports':[0]}", APP_CHANGED},
    {"the other way round", BRIDGE, "{'container':{'docker':{'image':'i','network':'HOST'}}}",
     "{'networks':[{'mode':'host'}],'portDefinitions':[{'port':0,'protocol':'tcp','name':"
     "'default'}]}",
     APP_CHANGED},
    {"old port definitions make no mappings", "{'id':'web','cmd':'x','ports':[1,2,3]}",
     "{'networks':[{'mode':'container/bridge'}]}", "{'ports':[0]}", APP_CHANGED},
    {"a new image keeps the network", BRIDGE,
     "{'container':{'docker':{'image':'j'},'portMappings':[{'containerPort':80}]}}",
     "{'networks':[{'mode':'container/bridge'}],'ports':[0]}", APP_CHANGED},
    {"a number of the wrong type", WEB, "{'cpus':'1'}", NULL, APP_SAME},
    {"cmd and args", WEB, "{'args':['x']}", NULL, APP_SAME},
    {"no roles", WEB, "{'acceptedResourceRoles':[]}", NULL, APP_SAME},
};

static void puts_members_over_what_is_there(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof(CASES) / sizeof(*CASES); i++) {
        enum app_change change;
        char *text = patched(CASES[i].old, CASES[i].body, &change);
        if (CASES[i].shows != NULL)
            assert_members(CASES[i].what, text, CASES[i].shows);
        else
            assert_int_equal(text[0], '/'); /* a problem */
        if (change != CASES[i].change)
            fail_msg("%s: change %d", CASES[i].what, (int)change);
        mem_free(text);
    }
}

static void replaces_a_whole_app_at_its_path(void **unused)
{
    (void)unused;
    struct app old = stamped_app("{'id':'prod/web','args':['x'],'role':'prod'}", 1000), a;
    struct problems problems = {0};
    struct json *tree = tree_of("{'id':'/ignored','cmd':'y','role':'prod','version':'nonsense'}");
    assert_int_equal(app_parse(&PLAIN, tree, "/prod/web", "/", &old, &a, &problems), 0);
    assert_string_equal(a.id, "/prod/web");
    assert_int_equal(a.args.n, 0);
    assert_int_equal(a.version.ms, 0);
    json_free(tree);
    app_close(&a);
    tree = tree_of("{'id':[],'cmd':'y'}");
    assert_int_equal(app_parse(&PLAIN, tree, "/prod/web", "/", NULL, &a, &problems), 0);
    assert_string_equal(a.id, "/prod/web");
    json_free(tree);
    app_close(&a);
    app_close(&old);
}

static void knows_a_rollback(void **unused)
{
    (void)unused;
    struct app old = stamped_app("{'id':'web','cmd':'x'}", 1000);
    static const struct {
        const char *body;
        int answer;
        const char *problem;
    } ROWS[] = {
        {"{'cmd':'x'}", 0, ""},
        {"{'version':null,'cmd':'x'}", 0, ""},
        {"{'version':'1970-01-01T00:00:05.000Z'}", 1, ""},
        {"{'version':'1970-01-01T00:00:05.000Z','id':'/web','cmd':null}", 1, ""},
        {"{'version':'1970-01-01T00:00:05.000Z','cmd':'x'}", -1,
         "/: \"version\" rolls back, need it alone or not at all"},
        {"{'version':'1970-01-01T00:00:01.000Z','cmd':'x'}", 0, ""}, /* the current one */
        {"{'version':7}", -1, "/version: error.expected.jsstring: got a number, need a timestamp"},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(*ROWS); i++) {
        struct wall version = {0};
        struct problems problems = {0};
        struct json *tree = tree_of(ROWS[i].body);
        int answer = app_wants_version(tree, &old, &version, &problems);
        char *text = text_of_problems(&problems);
        assert_int_equal(answer, ROWS[i].answer);
        assert_string_equal(text, ROWS[i].problem);
        assert_int_equal(version.ms, answer == 1 ? 5000 : 0);
        mem_free(text);
        problems_close(&problems);
        json_free(tree);
    }
    app_close(&old);
}

/* spec/marathon.md 17.1, 17.2: bodies as the clients make them */
static void takes_what_clients_send(void **unused)
{
    (void)unused;
    static const struct {
        const char *what, *body, *shows;
    } ROWS[] = {
        {"marathon-python, a whole app",
         "{'acceptedResourceRoles':null,'args':[],'backoffFactor':1.15,'backoffSeconds':1,'cmd':"
         "'python3 -m http.server','constraints':[['hostname','UNIQUE']],'container':{'docker':{"
         "'image':'python:3','network':'BRIDGE','portMappings':[{'containerPort':8080,'hostPort':0,"
         "'servicePort':0,'protocol':'tcp','labels':{}}],'parameters':[],'forcePullImage':false,"
         "'privileged':false},'type':'DOCKER','volumes':[{'containerPath':'/etc/a','hostPath':"
         "'/var/data/a','mode':'RO'}]},'cpus':0.5,'dependencies':[],'disk':0.0,'env':{},"
         "'executor':'','healthChecks':[{'gracePeriodSeconds':3,'ignoreHttp1xx':null,"
         "'intervalSeconds':10,'maxConsecutiveFailures':3,'path':'/','portIndex':0,'protocol':"
         "'HTTP','timeoutSeconds':5,'command':null}],'id':'/web','instances':2,'labels':{},"
         "'maxLaunchDelaySeconds':3600,'mem':64.0,'ports':[0],'requirePorts':false,'storeUrls':[],"
         "'tasks':[],'upgradeStrategy':{'maximumOverCapacity':1.0,'minimumHealthCapacity':1.0},"
         "'uris':[],'user':null,'version':null}",
         "{'id':'/web','networks':[{'mode':'container/bridge'}],'ports':[0],'mem':64}"},
        {"go-marathon, with floats and nulls",
         "{'id':'/"
         "web','cmd':'x','args':null,'cpus':0.1,'mem':64,'instances':1,'backoffSeconds':1.0,"
         "'backoffFactor':1.15,'maxLaunchDelaySeconds':3600.0,'ports':null,'uris':null,'fetch':"
         "null,"
         "'dependencies':null,'container':null,'env':{},'healthChecks':null}",
         "{'maxLaunchDelaySeconds':3600,'ports':[0],'container':null}"},
        {"go-marathon's docker with MESOS's networks",
         "{'id':'/web','container':{'type':'DOCKER','docker':{'image':'i','forcePullImage':true},"
         "'portMappings':[{'containerPort':80,'hostPort':0,'servicePort':10001,'protocol':'tcp',"
         "'name':'web','labels':{'VIP_0':'/web:80'}}],'volumes':[]},'networks':[{'mode':"
         "'container/bridge'}]}",
         "{'ports':[10001],'networks':[{'mode':'container/bridge'}]}"},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(*ROWS); i++) {
        struct app a = app_of(ROWS[i].body);
        char *text = text_of(&a);
        assert_members(ROWS[i].what, text, ROWS[i].shows);
        mem_free(text);
        app_close(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(puts_members_over_what_is_there),
        cmocka_unit_test(replaces_a_whole_app_at_its_path),
        cmocka_unit_test(knows_a_rollback),
        cmocka_unit_test(takes_what_clients_send),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
