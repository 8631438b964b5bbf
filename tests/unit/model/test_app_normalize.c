#include "unit.h"

#include "apps.h"

static const struct app_rules NAMED = {.network = "dcos", .bridge = "my-bridge"};

/* spec/marathon.md 4.5, row by row. `shows` are members of what comes out, null: not there. */
static const struct {
    const char *what, *body, *shows;
} CASES[] = {
    /* 1 */
    {"a relative id stands in the root", "{'id':'prod/web','cmd':'x'}", "{'id':'/prod/web'}"},
    {"slashes are collapsed", "{'id':'//prod///web/','cmd':'x'}", "{'id':'/prod/web'}"},
    {"dependencies become absolute", "{'id':'a/b','cmd':'x','dependencies':['db','/x/../c']}",
     "{'dependencies':['/db','/c']}"},

    /* 2 */
    {"uris become fetch, archives are unpacked",
     "{'id':'a','cmd':'x','uris':['http://h/a.tar.gz','http://h/a.txt','s3://b/c.zip?x=1']}",
     "{'fetch':[{'uri':'http://h/a.tar.gz','extract':true,'executable':false,'cache':false},"
     "{'uri':'http://h/a.txt','extract':false,'executable':false,'cache':false},"
     "{'uri':'s3://b/c.zip?x=1','extract':true,'executable':false,'cache':false}],"
     "'uris':['http://h/a.tar.gz','http://h/a.txt','s3://b/c.zip?x=1']}"},
    {"the same URIs in both: fetch stays",
     "{'id':'a','cmd':'x','uris':['u','v'],'fetch':[{'uri':'v','cache':true},{'uri':'u'}]}",
     "{'fetch':[{'uri':'v','extract':true,'executable':false,'cache':true},"
     "{'uri':'u','extract':true,'executable':false,'cache':false}],'uris':['v','u']}"},
    {"no uris: no fetch", "{'id':'a','cmd':'x','uris':[]}", "{'fetch':null,'uris':[]}"},

    /* 3: the table of networks */
    {"neither: host", "{'id':'a','cmd':'x'}", "{'networks':[{'mode':'host'}]}"},
    {"HOST", "{'id':'a','container':{'docker':{'image':'i','network':'HOST'}}}",
     "{'networks':[{'mode':'host'}]}"},
    {"BRIDGE", "{'id':'a','container':{'docker':{'image':'i','network':'BRIDGE'}}}",
     "{'networks':[{'mode':'container/bridge'}],'portDefinitions':null}"},
    {"USER", "{'id':'a','container':{'docker':{'image':'i','network':'USER'}}}",
     "{'networks':[{'mode':'container','name':'dcos'}]}"},
    {"ipAddress and HOST",
     "{'id':'a','ipAddress':{},'container':{'docker':{'image':'i','network':'HOST'}}}",
     "{'networks':[{'mode':'host'}]}"},
    {"ipAddress and BRIDGE",
     "{'id':'a','ipAddress':{'labels':{'k':'v'}},"
     "'container':{'docker':{'image':'i','network':'BRIDGE'}}}",
     "{'networks':[{'mode':'container/bridge','labels':{'k':'v'}}]}"},
    {"ipAddress and USER",
     "{'id':'a','ipAddress':{'networkName':'n','labels':{'k':'v'}},"
     "'container':{'docker':{'image':'i','network':'USER'}}}",
     "{'networks':[{'mode':'container','name':'n','labels':{'k':'v'}}]}"},
    {"ipAddress alone", "{'id':'a','cmd':'x','ipAddress':{'networkName':'n','labels':{'k':'v'}}}",
     "{'networks':[{'mode':'container','name':'n','labels':{'k':'v'}}]}"},
    {"ipAddress alone with the bridge's name",
     "{'id':'a','cmd':'x','ipAddress':{'networkName':'my-bridge'}}",
     "{'networks':[{'mode':'container/bridge'}]}"},
    {"docker.network that agrees with networks",
     "{'id':'a','networks':[{'mode':'container/bridge'}],"
     "'container':{'docker':{'image':'i','network':'BRIDGE'}}}",
     "{'networks':[{'mode':'container/bridge'}]}"},

    /* 4, 5 */
    {"ipAddress without a container", "{'id':'a','cmd':'x','ipAddress':{'networkName':'n'}}",
     "{'container':{'type':'MESOS','volumes':[],'portMappings':[{'containerPort':0,'labels':{},"
     "'name':'default','protocol':'tcp','servicePort':0}]}}"},
    {"docker.portMappings move up",
     "{'id':'a','container':{'docker':{'image':'i','network':'BRIDGE','portMappings':["
     "{'containerPort':80,'hostPort':0,'servicePort':9000,'protocol':'tcp'}]}}}",
     "{'container':{'type':'DOCKER','docker':{'forcePullImage':false,'image':'i','parameters':[],"
     "'privileged':false},'volumes':[],'portMappings':[{'containerPort':80,'hostPort':0,"
     "'labels':{},'protocol':'tcp','servicePort':9000}]},'ports':[9000]}"},
    {"the same mappings in both places",
     "{'id':'a','container':{'docker':{'image':'i','network':'BRIDGE','portMappings':["
     "{'containerPort':80}]},'portMappings':[{'containerPort':80}]}}",
     "{'ports':[0]}"},
    {"discovery ports",
     "{'id':'a','cmd':'x','ipAddress':{'networkName':'n','discovery':{'ports':["
     "{'number':80,'name':'http','protocol':'tcp'}]}}}",
     "{'container':{'type':'MESOS','volumes':[],'portMappings':[{'containerPort':80,'labels':{},"
     "'name':'http','protocol':'tcp','servicePort':0}]}}"},

    /* 6 */
    {"mappings mean nothing on the host's network",
     "{'id':'a','container':{'docker':{'image':'i'},'portMappings':[{'containerPort':80}]}}",
     "{'container':{'type':'DOCKER','docker':{'forcePullImage':false,'image':'i','parameters':[],"
     "'privileged':false},'volumes':[]},'portDefinitions':[{'port':0,'protocol':'tcp','name':"
     "'default'}]}"},

    /* 7 */
    {"ports become definitions", "{'id':'a','cmd':'x','ports':[80,0]}",
     "{'portDefinitions':[{'port':80,'protocol':'tcp'},{'port':0,'protocol':'tcp'}],"
     "'ports':[80,0]}"},
    {"both, and the same",
     "{'id':'a','cmd':'x','ports':[80],'portDefinitions':[{'port':80,'name':'w','labels':{}}]}",
     "{'portDefinitions':[{'port':80,'protocol':'tcp','name':'w'}]}"},

    /* 8 */
    {"no ports said: one", "{'id':'a','cmd':'x'}",
     "{'portDefinitions':[{'port':0,'protocol':'tcp','name':'default'}],'ports':[0]}"},
    {"none wanted", "{'id':'a','cmd':'x','portDefinitions':[]}",
     "{'portDefinitions':[],'ports':[]}"},
    {"null is as good as absent",
     "{'id':'a','cmd':'x','ports':null,'portDefinitions':null,'dependencies':null,'env':null}",
     "{'portDefinitions':[{'port':0,'protocol':'tcp','name':'default'}]}"},
    {"bridge without mappings: one",
     "{'id':'a','cmd':'x','networks':[{'mode':'container/bridge'}]}",
     "{'container':{'type':'MESOS','volumes':[],'portMappings':[{'containerPort':0,'hostPort':0,"
     "'labels':{},'name':'default','protocol':'tcp','servicePort':0}]},'portDefinitions':null}"},
    {"bridge and no mappings wanted",
     "{'id':'a','networks':[{'mode':'container/bridge'}],'container':{'docker':{'image':'i'},"
     "'portMappings':[]}}",
     "{'container':{'type':'DOCKER','docker':{'forcePullImage':false,'image':'i','parameters':[],"
     "'privileged':false},'volumes':[],'portMappings':[]},'ports':[]}"},
    {"ports say how many mappings there are, and their service ports",
     "{'id':'a','ports':[9000,9001],'networks':[{'mode':'container/bridge'}],"
     "'container':{'docker':{'image':'i'},'portMappings':[{'containerPort':80,"
     "'servicePort':7}]}}",
     "{'container':{'type':'DOCKER','docker':{'forcePullImage':false,'image':'i','parameters':[],"
     "'privileged':false},'volumes':[],'portMappings':["
     "{'containerPort':80,'hostPort':0,'labels':{},'protocol':'tcp','servicePort':7},"
     "{'containerPort':0,'hostPort':0,'labels':{},'protocol':'tcp','servicePort':9001}]},"
     "'portDefinitions':null,'ports':[7,9001]}"},
    {"a container network's mapping has no host port",
     "{'id':'a','networks':[{'name':'n'}],'container':{'docker':{'image':'i'},"
     "'portMappings':[{'containerPort':80}]}}",
     "{'networks':[{'mode':'container','name':'n'}],"
     "'container':{'type':'DOCKER','docker':{'forcePullImage':false,'image':'i','parameters':[],"
     "'privileged':false},'volumes':[],'portMappings':[{'containerPort':80,'labels':{},"
     "'protocol':'tcp','servicePort':0}]}}"},

    {"two mappings may have one service port, and the mirror says so",
     "{'id':'a','networks':[{'mode':'container/bridge'}],'container':{'docker':{'image':'i'},"
     "'portMappings':[{'servicePort':53},{'servicePort':53,'protocol':'udp'}]}}",
     "{'ports':[53,53]}"},

    /* 9 */
    {"a container network gets the usual name", "{'id':'a','cmd':'x','networks':[{}]}",
     "{'networks':[{'mode':'container','name':'dcos'}]}"},

    /* 10 */
    {"a check asks the first port", "{'id':'a','cmd':'x','healthChecks':[{}]}",
     "{'healthChecks':[{'protocol':'HTTP','portIndex':0,'gracePeriodSeconds':300,"
     "'intervalSeconds':60,'timeoutSeconds':20,'maxConsecutiveFailures':3,'delaySeconds':15,"
     "'ignoreHttp1xx':false,'ipProtocol':'IPv4'}]}"},
    {"but a command, or one with a port, does not",
     "{'id':'a','cmd':'x','healthChecks':[{'protocol':'COMMAND','command':{'value':'true'}},"
     "{'protocol':'TCP','port':80}]}",
     "{'healthChecks':[{'protocol':'COMMAND','command':{'value':'true'},"
     "'gracePeriodSeconds':300,'intervalSeconds':60,'timeoutSeconds':20,"
     "'maxConsecutiveFailures':3,'delaySeconds':15,'ipProtocol':'IPv4'},"
     "{'protocol':'TCP','port':80,'gracePeriodSeconds':300,'intervalSeconds':60,"
     "'timeoutSeconds':20,'maxConsecutiveFailures':3,'delaySeconds':15,'ipProtocol':'IPv4'}]}"},

    /* 11 */
    {"ready means 200",
     "{'id':'a','cmd':'x','portDefinitions':[{'name':'http-api'}],'readinessChecks':[{}]}",
     "{'readinessChecks':[{'name':'readinessCheck','protocol':'HTTP','path':'/','portName':"
     "'http-api','intervalSeconds':30,'timeoutSeconds':10,'httpStatusCodesForReady':[200],"
     "'preserveLastResponse':false}]}"},

    /* 12 */
    {"only the host's network has ports to require",
     "{'id':'a','cmd':'x','requirePorts':true,'networks':[{'name':'n'}]}",
     "{'requirePorts':false}"},
    {"what keeps data is treated with care",
     "{'id':'a','cmd':'x','container':{'type':'MESOS','volumes':[{'containerPath':'d','mode':'RW',"
     "'persistent':{'size':10}}]}}",
     "{'residency':{'relaunchEscalationTimeoutSeconds':3600,'taskLostBehavior':'WAIT_FOREVER'},"
     "'upgradeStrategy':{'maximumOverCapacity':0,'minimumHealthCapacity':0.5},"
     "'unreachableStrategy':'disabled'}"},
    {"a single instance is never doubled",
     "{'id':'a','cmd':'x','labels':{'MARATHON_SINGLE_INSTANCE_APP':'true'}}",
     "{'upgradeStrategy':{'maximumOverCapacity':0,'minimumHealthCapacity':0}}"},
    {"half an upgrade strategy", "{'id':'a','cmd':'x','upgradeStrategy':{'maximumOverCapacity':0}}",
     "{'upgradeStrategy':{'maximumOverCapacity':0,'minimumHealthCapacity':1}}"},
    {"a time to wait for what is unreachable",
     "{'id':'a','cmd':'x','unreachableStrategy':{'inactiveAfterSeconds':1,"
     "'expungeAfterSeconds':2}}",
     "{'unreachableStrategy':{'inactiveAfterSeconds':1,'expungeAfterSeconds':2}}"},

    /* 13, and other defaults of 4.1 */
    {"defaults", "{'id':'a','cmd':'x'}",
     "{'role':'*','cpus':1,'mem':128,'disk':0,'gpus':0,'instances':1,'executor':'','labels':{},"
     "'backoffSeconds':1,'backoffFactor':1.15,'maxLaunchDelaySeconds':300,'requirePorts':false,"
     "'killSelection':'YOUNGEST_FIRST','upgradeStrategy':{'minimumHealthCapacity':1,"
     "'maximumOverCapacity':1},'unreachableStrategy':{'inactiveAfterSeconds':0,"
     "'expungeAfterSeconds':0},'env':null,'args':null,'user':null,'constraints':null,"
     "'container':null,'dependencies':null,'fetch':null,'healthChecks':null,'residency':null,"
     "'secrets':null,'taskKillGracePeriodSeconds':null,'tty':null,'version':null,"
     "'versionInfo':null,'acceptedResourceRoles':null,'check':null,'readinessChecks':null,"
     "'executorResources':null,'resourceLimits':null,'ipAddress':null}"},
    {"what the server sets is passed over",
     "{'id':'a','cmd':'x','version':'2020-01-01T00:00:00.000Z','versionInfo':{},'tasksRunning':3,"
     "'deployments':[],'storeUrls':['u'],'taskRateLimit':1.0,'unknown':{'a':1}}",
     "{'version':null,'versionInfo':null,'tasksRunning':null,'storeUrls':null}"},
    {"numbers come back as they were given",
     "{'id':'a','cmd':'x','cpus':0.1,'mem':32.0,'disk':1e2,'instances':2.0,'backoffSeconds':1.5}",
     "{'cpus':0.1,'mem':32,'disk':100,'instances':2,'backoffSeconds':1.5}"},
    {"operators are shown in upper case, no value where it is empty",
     "{'id':'a','cmd':'x','constraints':[['hostname','unique',''],['rack','Group_By','2']]}",
     "{'constraints':[['hostname','UNIQUE'],['rack','GROUP_BY','2']]}"},
};

static void normalizes_every_form(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof(CASES) / sizeof(*CASES); i++) {
        struct app a = made_by(&NAMED, CASES[i].body);
        char *text = text_of(&a);
        assert_members(CASES[i].what, text, CASES[i].shows);
        mem_free(text);
        app_close(&a);
    }
}

/* What came out goes in again, and nothing changes. */
static void normalizing_twice_is_normalizing_once(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof(CASES) / sizeof(*CASES); i++) {
        struct app a = made_by(&NAMED, CASES[i].body), b;
        struct problems problems = {0};
        struct error err;
        char *text = text_of(&a);
        struct json *tree = json_parse(slice_of(text), &err);
        if (app_parse(&NAMED, tree, NULL, "/", NULL, &b, &problems) != 0)
            fail_msg("%s: %s: %s", CASES[i].what, text, text_of_problems(&problems));
        char *again = text_of(&b);
        assert_string_equal(text, again);
        assert_int_equal(app_compare(&a, &b), APP_SAME);
        json_free(tree);
        mem_free(text);
        mem_free(again);
        app_close(&a);
        app_close(&b);
    }
}

static void ids_in_a_group_are_relative_to_it(void **unused)
{
    (void)unused;
    struct app a;
    struct problems problems = {0};
    struct json *tree = tree_of("{'id':'web','cmd':'x','dependencies':['api','../db']}");
    assert_int_equal(app_parse(&PLAIN, tree, NULL, "/shop/svc", NULL, &a, &problems), 0);
    assert_string_equal(a.id, "/shop/svc/web");
    assert_string_equal(a.dependencies.items[0], "/shop/svc/api");
    assert_string_equal(a.dependencies.items[1], "/shop/db");
    json_free(tree);
    app_close(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normalizes_every_form),
        cmocka_unit_test(normalizing_twice_is_normalizing_once),
        cmocka_unit_test(ids_in_a_group_are_relative_to_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
