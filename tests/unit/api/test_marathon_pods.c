/* What is wrong with a pod is said by path, in the shapes of spec/marathon.md 1.6. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "world.h"

static int set_up(void **data)
{
    struct world *w = NEW(struct world);
    char args[32];
    world_open(w);
    snprintf(args, sizeof args, "{\"level\":%d}", COMMAND_LEVEL);
    world_apply(w, COMMAND_SCHEMA_UPGRADE, args, NULL);
    *data = w;
    return 0;
}

static int tear_down(void **data)
{
    world_close(*data);
    mem_free(*data);
    return 0;
}

#define SCHEMA "Invalid JSON"
#define RULE "Object is not valid"

/* A container with room for more members, and with what a valid one needs. */
#define C(more) "{'name':'c','resources':{},'exec':{'command':{'shell':'x'}}" more "}"
#define POD(containers, more) "{'id':'/p','containers':[" containers "]" more "}"
#define ENDPOINTS(list) C(",'endpoints':[" list "]")
#define CHECK(check) C(",'endpoints':[{'name':'http'}],'healthCheck':" check)
#define IMAGE ",'image':{'kind':'DOCKER','id':'busybox'}"
#define BRIDGE ",'networks':[{'mode':'container/bridge'}]"
#define MOUNT(path) C(",'volumeMounts':[{'name':'v','mountPath':'" path "'}]")
#define KEPT ",'volumes':[{'name':'v','persistent':{'size':5}}]"
#define MOUNTS(a, b) \
    C(",'volumeMounts':[{'name':'v','mountPath':'" a "'},{'name':'v','mountPath':'" b "'}]")
#define LONG16 "abcdefghijklmnop"
#define LONG64 LONG16 LONG16 LONG16 LONG16
#define LONG LONG64 LONG64 LONG64 LONG64

static const struct wrong {
    const char *body, *message, *path, *text;
} wrongs[] = {
    /* the schema */
    {"[]", SCHEMA, "/", "error.expected.jsobject: got an array, need an object"},
    {"{'containers':[" C("") "]}", SCHEMA, "/id",
     "error.path.missing: need an id like \\\"/prod/web\\\""},
    {"{'id':'/p'}", SCHEMA, "/containers", "error.path.missing: missing, need a value"},
    {POD("", ""), SCHEMA, "/containers", "error.minLength: got 0, need 1 to 32"},
    {POD(C(",'user':1"), ""), SCHEMA, "/containers(0)/user",
     "error.expected.jsstring: got 1, need a string"},
    {POD("{'name':'c','exec':{'command':{'shell':'x'}}}", ""), SCHEMA, "/containers(0)/resources",
     "error.path.missing: missing, need a value"},
    {POD("{'name':'C','resources':{},'exec':{'command':{'shell':'x'}}}", ""), SCHEMA,
     "/containers(0)/name",
     "error.pattern: got \\\"C\\\", need 1 to 63 lower-case letters, digits and inner dashes"},
    {POD("{'name':'c','resources':{'cpus':0},'exec':{'command':{'shell':'x'}}}", ""), SCHEMA,
     "/containers(0)/resources/cpus", "error.min: got 0, need at least 0.001"},
    {POD(C(",'image':{'kind':'APPC','id':'x'}"), ""), SCHEMA, "/containers(0)/image/kind",
     "error.unknown.enum.literal: got \\\"APPC\\\", need one of DOCKER"},
    {POD(C(""), ",'scaling':{'kind':'fixed','instances':-1}"), SCHEMA, "/scaling/instances",
     "error.min: got -1, need at least 0"},
    {POD(C(""), ",'scheduling':{'upgrade':{'minimumHealthCapacity':2}}"), SCHEMA,
     "/scheduling/upgrade/minimumHealthCapacity", "error.max: got 2, need at most 1"},
    {POD(C(""), ",'scheduling':{'placement':{'constraints':[{'operator':'UNIQUE'}]}}"), SCHEMA,
     "/scheduling/placement/constraints(0)/fieldName", "error.path.missing: missing, need a text"},
    /* containers */
    {POD(C("") "," C(""), ""), RULE, "/containers(1)/name",
     "got \\\"c\\\" twice, need different names"},
    {POD("{'name':'c','resources':{}}", ""), RULE, "/containers(0)",
     "need \\\"exec\\\" or \\\"image\\\""},
    {POD("{'name':'c','resources':{},'exec':{'command':{'shell':'x','argv':['y']}}}", ""), RULE,
     "/containers(0)/exec/command", "need exactly one of \\\"shell\\\" and \\\"argv\\\""},
    {POD("{'name':'c','resources':{},'exec':{'command':{}}}", ""), RULE,
     "/containers(0)/exec/command", "need exactly one of \\\"shell\\\" and \\\"argv\\\""},
    {POD("{'name':'c','resources':{'gpus':1},'exec':{'command':{'shell':'x'}}}", ""), RULE,
     "/containers(0)/resources/gpus", "got 1; the feature gpu_resources is not switched on"},
    {POD(C(",'resourceLimits':{'cpus':0.5}"), ""), RULE, "/containers(0)/resourceLimits/cpus",
     "got 0.5, need at least what is requested, 1, or \\\"unlimited\\\""},
    {POD(C(",'environment':{'':'x'}"), ""), RULE, "/containers(0)/environment",
     "got an empty name"},
    {POD(C(",'environment':{'A':{'secret':'s'}}"), ""), RULE, "/containers(0)/environment(A)",
     "the secret \\\"s\\\" is not declared in \\\"secrets\\\""},
    {POD(C(""), ",'environment':{'A':{'secret':'s'}}"), RULE, "/environment(A)",
     "the secret \\\"s\\\" is not declared in \\\"secrets\\\""},
    {POD(C(""), ",'secrets':{'s':{'source':'/x'}}"), RULE, "/secrets",
     "the feature secrets is not switched on"},
    {POD("{'name':'c','resources':{},'exec':{'command':{'argv':['']}}}", ""), RULE,
     "/containers(0)/exec/command/argv(0)", "got \\\"\\\", need the name of a program"},
    {POD(C(",'image':{'kind':'DOCKER','id':'a b'}"), ""), RULE, "/containers(0)/image/id",
     "got \\\"a b\\\", need the name of an image: less than 300 letters, digits and ./_-:@"},
    {POD(C(",'linuxInfo':{'ipcInfo':{'mode':'PRIVATE'}}"), ""), RULE,
     "/containers(0)/linuxInfo/ipcInfo/mode",
     "got \\\"PRIVATE\\\", need \\\"SHARE_PARENT\\\", or an image: a plain process shares the "
     "machine's"},
    {POD(C(IMAGE), ",'linuxInfo':{'ipcInfo':{'mode':'PRIVATE'}}"), RULE, "/linuxInfo/ipcInfo",
     "need it in the \\\"linuxInfo\\\" of each container: they share no memory here"},
    /* volumes */
    {POD(C(""), ",'volumes':[{'name':'v'}]"), RULE, "/volumes(0)", "no container mounts \\\"v\\\""},
    {POD(MOUNT("d"), ",'volumes':[{'name':'v'},{'name':'v'}]"), RULE, "/volumes(1)/name",
     "got \\\"v\\\" twice, need different names"},
    {POD(MOUNT("d"), ""), RULE, "/containers(0)/volumeMounts(0)/name",
     "no volume has the name \\\"v\\\""},
    {POD(MOUNT("a/../../b"), ",'volumes':[{'name':'v'}]"), RULE,
     "/containers(0)/volumeMounts(0)/mountPath",
     "got \\\"a/../../b\\\", need a path without \\\"..\\\""},
    {POD(MOUNT("/"), ",'volumes':[{'name':'v'}]"), RULE, "/containers(0)/volumeMounts(0)/mountPath",
     "got \\\"/\\\", need a name below the uppermost folder"},
    {POD(MOUNT("stderr"), ",'volumes':[{'name':'v'}]"), RULE,
     "/containers(0)/volumeMounts(0)/mountPath",
     "got \\\"stderr\\\", need another name: there lies what the task prints"},
    {POD(MOUNT("stdout.3/x"), ",'volumes':[{'name':'v'}]"), RULE,
     "/containers(0)/volumeMounts(0)/mountPath",
     "got \\\"stdout.3/x\\\", need another name: there lies what the task prints"},
    {POD(MOUNT("d/" LONG), ",'volumes':[{'name':'v'}]"), RULE,
     "/containers(0)/volumeMounts(0)/mountPath", "got a name of 256 bytes, need at most 255"},
    {POD(MOUNTS("d", "/./d"), ",'volumes':[{'name':'v'}]"), RULE,
     "/containers(0)/volumeMounts(1)/mountPath", "got \\\"/./d\\\" twice, need different paths"},
    {POD(MOUNTS("d/e", "d"), ",'volumes':[{'name':'v'}]"), RULE,
     "/containers(0)/volumeMounts(1)/mountPath",
     "\\\"d/e\\\" lies inside \\\"d\\\", need places beside each other"},
    {POD(C(",'volumeMounts':[{'name':'v','mountPath':'d'}],'artifacts':[{'uri':'http://h/f',"
           "'destPath':'d/f'}]"),
         ",'volumes':[{'name':'v'}]"),
     RULE, "/containers(0)/artifacts(0)/destPath",
     "\\\"d/f\\\" lies inside \\\"d\\\", need places beside each other"},
    {POD(C(",'artifacts':[{'uri':'http://h/f','destPath':'../..'}]"), ""), RULE,
     "/containers(0)/artifacts(0)/destPath",
     "got \\\"../..\\\", need a name for a file in the sandbox"},
    {POD(C(""), ",'volumes':[{'name':'v','persistent':{'size':1}}]"), RULE, "/volumes(0)",
     "no container mounts \\\"v\\\""},
    {POD(MOUNT("d"), ",'volumes':[{'name':'v','persistent':{'size':0}}]"), SCHEMA,
     "/volumes(0)/persistent/size", "error.min: got 0, need at least 1"},
    {POD(MOUNT("d"), ",'volumes':[{'name':'v','persistent':{'size':5,'maxSize':9}}]"), RULE,
     "/volumes(0)/persistent", "maxSize: only with the type mount"},
    {POD(MOUNT("d"), ",'volumes':[{'name':'v','persistent':{'size':5,'type':'path'}}]"), RULE,
     "/volumes(0)/persistent/type",
     "need \\\"root\\\": agents keep volumes on their own disk; for another one use \\\"host\\\" "
     "and a constraint on the hostname"},
    {POD(MOUNT("d"), KEPT ",'scheduling':{'upgrade':{'maximumOverCapacity':0.5}}"), RULE,
     "/scheduling/upgrade", "maximumOverCapacity: got 0.5, need 0 with persistent volumes"},
    {POD(MOUNT("d"), KEPT ",'scheduling':{'unreachableStrategy':{'inactiveAfterSeconds':1,"
                          "'expungeAfterSeconds':2}}"),
     RULE, "/scheduling/unreachableStrategy", "need \\\"disabled\\\" with persistent volumes"},
    {POD(MOUNT("d"), ",'volumes':[{'name':'v','host':'/x','secret':'s'}]"), RULE, "/volumes(0)",
     "need at most one of \\\"host\\\", \\\"persistent\\\", \\\"secret\\\"\"]},"
     "{\"path\":\"/volumes(0)/secret\",\"errors\":[\"\\\"s\\\" is not declared in \\\"secrets\\\""},
    {POD(MOUNT("d"), ",'volumes':[{'name':'v','secret':'s'}]"), RULE, "/volumes(0)/secret",
     "\\\"s\\\" is not declared in \\\"secrets\\\""},
    /* networks and endpoints */
    {POD(C(""), ",'networks':[{'mode':'host'},{'mode':'host'}]"), RULE, "/networks",
     "need one of the mode \\\"host\\\", or one \\\"container/bridge\\\", or any number of "
     "\\\"container\\\""},
    {POD(C(""), BRIDGE), RULE, "/containers(0)/image",
     "need an image: without one a container is on the host's network"},
    {POD(C(IMAGE), ",'networks':[{'mode':'container'}]"), RULE, "/networks(0)/name",
     "need the name of a network: there is no default one"},
    {POD(C(IMAGE ",'endpoints':[{'name':'a'}]"), BRIDGE), RULE,
     "/containers(0)/endpoints(0)/containerPort", "need it: the pod has a network of its own"},
    {POD(ENDPOINTS("{'name':'a','containerPort':80}"), ""), RULE,
     "/containers(0)/endpoints(0)/containerPort", "not with host networking"},
    {POD(ENDPOINTS("{'name':'a'},{'name':'a'}"), ""), RULE, "/containers(0)/endpoints(1)/name",
     "got \\\"a\\\" twice, need different names over the pod"},
    {POD(ENDPOINTS("{'name':'a','hostPort':31000},{'name':'b','hostPort':31000}"), ""), RULE,
     "/containers(0)/endpoints(1)/hostPort", "got 31000 twice, need different ports over the pod"},
    {POD(C(IMAGE ",'endpoints':[{'name':'a','containerPort':80},{'name':'b','containerPort':80}]"),
         BRIDGE),
     RULE, "/containers(0)/endpoints(1)/containerPort",
     "got 80 twice, need different ports over the pod"},
    {POD(ENDPOINTS("{'name':'a','protocol':['sctp']}"), ""), RULE,
     "/containers(0)/endpoints(0)/protocol(0)",
     "got \\\"sctp\\\", need \\\"tcp\\\" or \\\"udp\\\""},
    {POD(ENDPOINTS("{'name':'a','networkNames':['n']}"), ""), RULE,
     "/containers(0)/endpoints(0)/networkNames", "\\\"n\\\" is none of the pod's networks"},
    /* checks */
    {POD(CHECK("{}"), ""), RULE, "/containers(0)/healthCheck",
     "need exactly one of \\\"http\\\", \\\"tcp\\\", \\\"exec\\\""},
    {POD(CHECK("{'http':{'endpoint':'http','path':'/a b'}}"), ""), RULE,
     "/containers(0)/healthCheck/http/path",
     "got \\\"/a b\\\", need less than 900 characters without blanks"},
    {POD(CHECK("{'tcp':{'endpoint':'x'}}"), ""), RULE, "/containers(0)/healthCheck/tcp/endpoint",
     "the container has no endpoint of the name \\\"x\\\""},
    {POD(CHECK("{'tcp':{'endpoint':'http'},'intervalSeconds':5,'timeoutSeconds':5}"), ""), RULE,
     "/containers(0)/healthCheck/timeoutSeconds", "got 5, need less than intervalSeconds, 5"},
    {POD(C(",'check':{'exec':{'command':{}}}"), ""), RULE, "/containers(0)/check/exec/command",
     "need exactly one of \\\"shell\\\" and \\\"argv\\\""},
    /* scheduling */
    {POD(C(""), ",'scheduling':{'unreachableStrategy':{'inactiveAfterSeconds':2,"
                "'expungeAfterSeconds':1}}"),
     RULE, "/scheduling/unreachableStrategy",
     "inactiveAfterSeconds: got 2, need at most expungeAfterSeconds, 1"},
    {POD(C(""), ",'scheduling':{'placement':{'acceptedResourceRoles':['x']}}"), RULE,
     "/scheduling/placement/acceptedResourceRoles(0)",
     "got \\\"x\\\", need \\\"*\\\" or the pod's role, \\\"*\\\""},
    {POD(C(""), ",'role':'x'"), RULE, "/role", "got \\\"x\\\", need \\\"*\\\""},
};

static void each_rule_names_what_breaks_it(void **data)
{
    struct world *w = *data;
    size_t failed = 0;
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        char *body = mem_strdup(wrongs[i].body), wanted[1024];
        struct reply r;
        for (char *c = body; *c != '\0'; c++)
            *c = *c == '\'' ? '"' : *c;
        snprintf(wanted, sizeof wanted,
                 "{\"message\":\"%s\",\"details\":[{\"path\":\"%s\",\"errors\":[\"%s\"]}]}",
                 wrongs[i].message, wrongs[i].path, wrongs[i].text);
        world_play(w, "marathon", "POST /v2/pods", "", body, &r);
        if (r.status != 422 || !str_eq(buf_str(&r.body), wanted)) {
            print_error("%s\n got %d %s\nneed     %s\n", body, r.status, buf_str(&r.body), wanted);
            failed++;
        }
        reply_close(&r);
        mem_free(body);
    }
    assert_int_equal(failed, 0);
}

/* All that a pod can say comes back as it was sent. */
static void a_whole_pod_comes_back(void **data)
{
    static const char pod[] =
        "{\"id\":\"/p\",\"containers\":[{\"name\":\"a\",\"resources\":{\"cpus\":0.1,\"mem\":32,"
        "\"disk\":1,\"gpus\":0},\"exec\":{\"command\":{\"argv\":[\"it's\"]},"
        "\"overrideEntrypoint\":true},\"image\":{\"kind\":\"DOCKER\",\"id\":\"busybox\","
        "\"forcePull\":true},\"endpoints\":[{\"name\":\"http\",\"containerPort\":80,"
        "\"hostPort\":31000,\"protocol\":[\"tcp\",\"udp\"],\"labels\":{\"l\":\"1\"}}],"
        "\"environment\":{\"A\":\"1\"},\"user\":\"nobody\",\"healthCheck\":{\"exec\":{\"command\":{"
        "\"shell\":\"true\"}},\"gracePeriodSeconds\":1,\"maxConsecutiveFailures\":2,"
        "\"intervalSeconds\":3,\"timeoutSeconds\":2,\"delaySeconds\":4},\"volumeMounts\":[{"
        "\"name\":\"h\",\"mountPath\":\"/h\",\"readOnly\":true}],\"artifacts\":[{"
        "\"uri\":\"http://x/y\",\"extract\":true,\"executable\":false,\"cache\":false}],"
        "\"labels\":{\"c\":\"2\"},\"lifecycle\":{\"killGracePeriodSeconds\":2.5},"
        "\"resourceLimits\":{\"cpus\":\"unlimited\"},\"tty\":true}],\"labels\":{\"p\":\"3\"},"
        "\"environment\":{\"B\":\"2\"},\"user\":\"root\",\"volumes\":[{\"name\":\"h\","
        "\"host\":\"/srv\"}],\"networks\":[{\"mode\":\"container/bridge\"}],\"scaling\":{"
        "\"kind\":\"fixed\",\"instances\":0},\"scheduling\":{\"backoff\":{\"backoff\":2,"
        "\"backoffFactor\":1.5,\"maxLaunchDelay\":60},\"upgrade\":{\"minimumHealthCapacity\":0.5,"
        "\"maximumOverCapacity\":0.25},\"placement\":{\"constraints\":[{\"fieldName\":\"hostname\","
        "\"operator\":\"MAX_PER\",\"value\":\"2\"}],\"acceptedResourceRoles\":[\"*\"]},"
        "\"killSelection\":\"OLDEST_FIRST\",\"unreachableStrategy\":\"disabled\"},"
        "\"executorResources\":{\"cpus\":0.2,\"mem\":16,\"disk\":5},\"role\":\"*\"";
    char sent[sizeof pod + 2];
    struct reply r;
    snprintf(sent, sizeof sent, "%s}", pod);
    world_play(*data, "marathon", "POST /v2/pods", "", sent, &r);
    assert_int_equal(r.status, 201);
    reply_close(&r);
    world_play(*data, "marathon", "GET /v2/pods/p", "", NULL, &r);
    assert_int_equal(r.status, 200);
    assert_memory_equal(buf_str(&r.body), pod, sizeof pod - 1);
    reply_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_rule_names_what_breaks_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_whole_pod_comes_back, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
