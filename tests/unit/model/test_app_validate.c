#include "unit.h"

#include "apps.h"

/* One row a rule: what is sent, and the one line that is answered. */
static const struct {
    const char *body, *problem;
} CASES[] = {
    /* schema (1.6): wrong types and bounds */
    {"null", "/: error.expected.jsobject: got null, need an object"},
    {"[]", "/: error.expected.jsobject: got an array, need an object"},
    {"{'cmd':'x'}", "/id: error.path.missing: need an id like \"/prod/web\""},
    {"{'id':7,'cmd':'x'}", "/id: error.expected.jsstring: got 7, need a string"},
    {"{'id':'a','cmd':'x','instances':'three'}",
     "/instances: error.expected.jsnumber: got \"three\", need a number"},
    {"{'id':'a','cmd':'x','instances':1.5}",
     "/instances: error.expected.int: got 1.5, need a whole number"},
    {"{'id':'a','cmd':'x','instances':-1}", "/instances: error.min: got -1, need at least 0"},
    {"{'id':'a','cmd':'x','instances':100001}",
     "/instances: error.max: got 100001, need at most 100000"},
    {"{'id':'a','cmd':'x','cpus':0}", "/cpus: error.min: got 0, need at least 0.001"},
    {"{'id':'a','cmd':'x','mem':-0.5}", "/mem: error.min: got -0.5, need at least 0"},
    {"{'id':'a','cmd':'x','disk':-1}", "/disk: error.min: got -1, need at least 0"},
    {"{'id':'a','cmd':'x','gpus':-1}", "/gpus: error.min: got -1, need at least 0"},
    {"{'id':'a','cmd':'x','backoffFactor':0.9}",
     "/backoffFactor: error.min: got 0.9, need at least 1"},
    {"{'id':'a','cmd':'x','backoffSeconds':-1}",
     "/backoffSeconds: error.min: got -1, need at least 0"},
    {"{'id':'a','cmd':'x','maxLaunchDelaySeconds':-1}",
     "/maxLaunchDelaySeconds: error.min: got -1, need at least 0"},
    {"{'id':'a','cmd':'x','taskKillGracePeriodSeconds':-1}",
     "/taskKillGracePeriodSeconds: error.min: got -1, need at least 0"},
    {"{'id':'a','cmd':'x','upgradeStrategy':{'minimumHealthCapacity':1.1}}",
     "/upgradeStrategy/minimumHealthCapacity: error.max: got 1.1, need at most 1"},
    {"{'id':'a','cmd':'x','requirePorts':'yes'}",
     "/requirePorts: error.expected.jsboolean: got \"yes\", need true or false"},
    {"{'id':'a','cmd':'x','env':{'A':1}}",
     "/env(A): error.expected.jsstring: got 1, need a string"},
    {"{'id':'a','cmd':'x','labels':['a']}",
     "/labels: error.expected.jsobject: got an array, need an object"},
    {"{'id':'a','args':['a',1]}", "/args(1): error.expected.jsstring: got 1, need a string"},
    {"{'id':'a','args':'a'}", "/args: error.expected.jsarray: got \"a\", need an array"},
    {"{'id':'a','cmd':'x','ports':[65536]}", "/ports(0): error.max: got 65536, need at most 65535"},
    {"{'id':'a','cmd':'x','killSelection':'OLDEST'}",
     "/killSelection: error.unknown.enum.literal: got \"OLDEST\", need one of YOUNGEST_FIRST, "
     "OLDEST_FIRST"},
    {"{'id':'a','cmd':'x','unreachableStrategy':'off'}",
     "/unreachableStrategy: error.unknown.enum.literal: got \"off\", need an object or "
     "\"disabled\""},
    {"{'id':'a','cmd':'x','healthChecks':[{},{'path':7}]}",
     "/healthChecks(1)/path: error.expected.jsstring: got 7, need a string"},
    {"{'id':'a','cmd':'x','fetch':[{}]}",
     "/fetch(0)/uri: error.path.missing: missing, need a value"},
    {"{'id':'a','cmd':'x','fetch':[{'uri':'a b'}]}",
     "/fetch(0)/uri: error.pattern: got \"a b\", need a URI"},
    {"{'id':'a','cmd':'x','portDefinitions':[{'name':'Web'}]}",
     "/portDefinitions(0)/name: error.pattern: got \"Web\", need 1 to 63 lower-case letters, "
     "digits and inner dashes"},
    {"{'id':'a','cmd':'x','networks':[{'mode':'bridge'}]}",
     "/networks(0)/mode: error.unknown.enum.literal: got \"bridge\", need one of host, "
     "container/bridge, container"},
    {"{'id':'a','cmd':'x','executor':'/'}",
     "/executor: error.pattern: got \"/\", need \"\", \"//cmd\" or a path"},
    {"{'id':'a','cmd':''}", "/cmd: error.minLength: got \"\", need text that is not empty"},

    /* /id */
    {"{'id':'/','cmd':'x'}", "/id: got \"/\", the root group; need the id of an app"},
    {"{'id':'','cmd':'x'}", "/id: got an empty id, need one like \"/prod/web\""},
    {"{'id':'Web','cmd':'x'}",
     "/id: got \"Web\", need lower-case letters, digits, dots and inner dashes between the "
     "slashes"},
    {"{'id':'a/restart','cmd':'x'}",
     "/id: got \"/a/restart\", need a last part other than \"restart\", \"tasks\" and "
     "\"versions\""},

    /* what runs */
    {"{'id':'a'}", "/: need \"cmd\", \"args\" or \"container.docker.image\""},
    {"{'id':'a','cmd':'x','args':['y']}", "/: got both \"cmd\" and \"args\", need one of them"},
    {"{'id':'a','cmd':'x','container':{'docker':{'image':''}}}",
     "/container/docker/image: need the name of an image"},
    {"{'id':'a','cmd':'x','container':{}}", "/container/docker/image: need the name of an image"},
    {"{'id':'a','container':{'type':'MESOS'}}",
     "/: need \"cmd\", \"args\" or \"container.docker.image\""},
    {"{'id':'a','container':{'docker':{'image':'i','credential':{}}}}",
     "/container/docker/credential: not supported since Marathon 1.5, need \"pullConfig\""},
    {"{'id':'a','cmd':'x','container':{'docker':{'image':'i'},'linuxInfo':{}}}",
     "/container/linuxInfo: only with the type MESOS"},

    /* older forms that contradict newer ones */
    {"{'id':'a','cmd':'x','uris':['u'],'fetch':[{'uri':'v'}]}",
     "/uris: \"fetch\" is there too and differs; need one of them alone, or both the same"},
    {"{'id':'a','cmd':'x','uris':['']}", "/uris(0): need a URI of 1 to 1024 characters"},
    {"{'id':'a','cmd':'x','ports':[80],'portDefinitions':[{'port':81}]}",
     "/ports: \"portDefinitions\" is there too and differs; need one of them alone, or both the "
     "same"},
    {"{'id':'a','container':{'docker':{'image':'i','network':'NONE'}}}",
     "/container/docker/network: got \"NONE\", which is not supported; need HOST, BRIDGE or USER"},
    {"{'id':'a','container':{'docker':{'image':'i','network':'bridge'}}}",
     "/container/docker/network: got \"bridge\", need HOST, BRIDGE or USER"},
    {"{'id':'a','networks':[{'mode':'host'}],'container':{'docker':{'image':'i',"
     "'network':'BRIDGE'}}}",
     "/networks: \"container.docker.network\" is there too and differs; need one of them alone, or "
     "both the same"},
    {"{'id':'a','cmd':'x','networks':[{'name':'m'}],'ipAddress':{'networkName':'n'}}",
     "/networks: \"ipAddress\" is there too and differs; need one of them alone, or both the same"},
    {"{'id':'a','networks':[{'mode':'container/bridge'}],'container':{'docker':{'image':'i',"
     "'portMappings':[{'containerPort':1}]},'portMappings':[{'containerPort':2}]}}",
     "/container/portMappings: \"container.docker.portMappings\" is there too and differs; need "
     "one "
     "of them alone, or both the same"},
    {"{'id':'a','cmd':'x','ports':[1],'ipAddress':{'networkName':'n'}}",
     "/ports: not with \"ipAddress\""},
    {"{'id':'a','cmd':'x','portDefinitions':[{'port':1}],'ipAddress':{'networkName':'n'}}",
     "/portDefinitions: not with \"ipAddress\""},
    {"{'id':'a','cmd':'x','container':{'type':'MESOS','docker':{'image':'i','network':'HOST'}}}",
     "/container/docker/network: not with the type MESOS"},
    {"{'id':'a','cmd':'x','container':{'type':'MESOS','docker':{'image':'i','parameters':["
     "{'key':'k','value':'v'}]}}}",
     "/container/docker/parameters: not with the type MESOS"},
    {"{'id':'a','container':{'docker':{'image':'i','parameters':[{'key':'env','value':'A=1'},"
     "{'key':'name','value':'web'}]}}}",
     "/container/docker/parameters(1): docker parameter name: containers get names of their own "
     "here: leave it out"},
    {"{'id':'a','ipAddress':{'networkName':'n','discovery':{'ports':[{'number':1,'name':'x'}]}},"
     "'container':{'docker':{'image':'i'}}}",
     "/ipAddress/discovery/ports: not with the container type DOCKER; need "
     "\"container.portMappings\""},

    /* networks and ports */
    {"{'id':'a','cmd':'x','networks':[{}]}",
     "/networks(0)/name: missing, and no default network is configured"},
    {"{'id':'a','cmd':'x','networks':[{'mode':'host'},{'name':'n'}]}",
     "/networks: need one of the mode \"host\", or one \"container/bridge\", or any number of "
     "\"container\""},
    {"{'id':'a','cmd':'x','networks':[{'mode':'host','name':'n'}]}",
     "/networks(0)/name: only with the mode \"container\""},
    {"{'id':'a','cmd':'x','networks':[{'mode':'host','labels':{'a':'b'}}]}",
     "/networks(0)/labels: not with the mode \"host\""},
    {"{'id':'a','cmd':'x','networks':[{'name':'n'},{'name':'n'}]}",
     "/networks(1)/name: got \"n\" twice, need different networks"},
    {"{'id':'a','networks':[{'name':'n'},{'name':'m'}],'container':{'docker':{'image':'i'}}}",
     "/networks: got 2, need one: the container type DOCKER can have no more"},
    {"{'id':'a','cmd':'x','ports':[80,80]}", "/ports: got 80 twice, need different ports"},
    {"{'id':'a','cmd':'x','portDefinitions':[{'name':'w'},{'name':'w'}]}",
     "/portDefinitions: the name \"w\" is there twice"},
    {"{'id':'a','cmd':'x','portDefinitions':[{'port':80},{'port':80}]}",
     "/portDefinitions: got the port 80 twice, need different ones"},
    {"{'id':'a','cmd':'x','networks':[{'name':'n'}],'container':{'type':'MESOS','portMappings':["
     "{'name':'w'},{'name':'w'}]}}",
     "/container/portMappings: the name \"w\" is there twice"},
    {"{'id':'a','cmd':'x','networks':[{'name':'n'}],'container':{'type':'MESOS','portMappings':["
     "{'networkNames':['m']}]}}",
     "/container/portMappings(0)/networkNames: \"m\" is none of the app's networks"},
    {"{'id':'a','cmd':'x','networks':[{'name':'n'},{'name':'m'}],'container':{'type':'MESOS',"
     "'portMappings':[{'hostPort':0}]}}",
     "/container/portMappings(0)/networkNames: got 0, need exactly one: there is a hostPort and "
     "several networks"},

    /* checks */
    {"{'id':'a','cmd':'x','healthChecks':[{'portIndex':1}]}",
     "/healthChecks(0): portIndex: got 1, but the app has 1 port"},
    {"{'id':'a','cmd':'x','ports':[],'healthChecks':[{}]}",
     "/healthChecks(0): need \"port\": the app has no ports"},
    {"{'id':'a','cmd':'x','healthChecks':[{'protocol':'COMMAND'}]}",
     "/healthChecks(0): command: need {\"value\": a command}"},
    {"{'id':'a','cmd':'x','healthChecks':[{'protocol':'MESOS_TCP'},{'protocol':'MESOS_HTTP'}]}",
     "/healthChecks: got 2 with a protocol MESOS_…, need at most one"},
    {"{'id':'a','cmd':'x','healthChecks':[{'protocol':'MESOS_TCP'},{'protocol':'COMMAND',"
     "'command':{'value':'true'}}]}",
     ""},
    {"{'id':'a','cmd':'x','healthChecks':[{'protocol':'MESOS_TCP','ipProtocol':'IPv6'}]}",
     "/healthChecks(0): ipProtocol: IPv6 needs the container type DOCKER and a protocol MESOS_…"},
    {"{'id':'a','container':{'docker':{'image':'i'}},'check':{'tcp':{}}}",
     "/check: not with the container type DOCKER"},
    {"{'id':'a','cmd':'x','check':{'tcp':{'portIndex':5}}}",
     "/check/tcp: portIndex: got 5, but the app has 1 port"},
    {"{'id':'a','cmd':'x','check':{}}", "/check: need exactly one of \"http\", \"tcp\", \"exec\""},
    {"{'id':'a','cmd':'x','readinessChecks':[{}]}",
     "/readinessChecks(0)/portName: no port has the name \"http-api\""},
    {"{'id':'a','cmd':'x','readinessChecks':[{'portName':'default'},{'portName':'default'}]}",
     "/readinessChecks: got 2, need at most one"},
    {"{'id':'a','cmd':'x','readinessChecks':[{'portName':'default','timeoutSeconds':30}]}",
     "/readinessChecks(0)/timeoutSeconds: got 30, need less than intervalSeconds, 30"},
    {"{'id':'a','cmd':'x','readinessChecks':[{'portName':'default','httpStatusCodesForReady':[]}]"
     "}",
     "/readinessChecks(0)/httpStatusCodesForReady: got none, need at least one"},

    /* constraints (11.2) */
    {"{'id':'a','cmd':'x','constraints':[['hostname']]}",
     "/constraints(0): need 2 or 3 elements, [field, operator, value]"},
    {"{'id':'a','cmd':'x','constraints':[['hostname','NEAR']]}",
     "/constraints(0): got the operator \"NEAR\", need UNIQUE, CLUSTER, GROUP_BY, MAX_PER, LIKE, "
     "UNLIKE or IS"},
    {"{'id':'a','cmd':'x','constraints':[['rack','GROUP_BY','x']]}",
     "/constraints(0): GROUP_BY: got \"x\", need a whole number as value"},

    /* how it is changed */
    {"{'id':'a','cmd':'x','instances':2,'labels':{'MARATHON_SINGLE_INSTANCE_APP':'true'}}",
     "/instances: got 2, need at most 1 with the label MARATHON_SINGLE_INSTANCE_APP"},
    {"{'id':'a','cmd':'x','upgradeStrategy':{'maximumOverCapacity':1},'labels':{"
     "'MARATHON_SINGLE_INSTANCE_APP':'true'}}",
     "/upgradeStrategy: need 0 and 0 with the label MARATHON_SINGLE_INSTANCE_APP"},
    {"{'id':'a','cmd':'x','unreachableStrategy':{'inactiveAfterSeconds':5,"
     "'expungeAfterSeconds':4}}",
     "/unreachableStrategy: inactiveAfterSeconds: got 5, need at most expungeAfterSeconds, 4"},

    /* volumes */
    {"{'id':'a','cmd':'x','container':{'type':'MESOS','volumes':[{'containerPath':'/a'}]}}",
     "/container/volumes(0): need exactly one of \"hostPath\", \"persistent\", \"external\", "
     "\"secret\""},
    {"{'id':'a','cmd':'x','container':{'type':'MESOS','volumes':[{'containerPath':'a/b','mode':"
     "'RW','persistent':{'size':1}}]}}",
     "/container/volumes(0)/containerPath: of a persistent volume: need a name without \"/\", not "
     "\".\" or \"..\""},
    {"{'id':'a','cmd':'x','container':{'type':'MESOS','volumes':[{'containerPath':'stderr','mode':"
     "'RW','persistent':{'size':1}}]}}",
     "/container/volumes(0)/containerPath: got \"stderr\", need another name: there lies what the "
     "task prints"},
    {"{'id':'a','cmd':'x','container':{'type':'MESOS','volumes':[{'containerPath':'a','mode':'RO',"
     "'persistent':{'size':1}}]}}",
     "/container/volumes(0)/mode: of a persistent volume: need RW"},
    {"{'id':'a','cmd':'x','container':{'type':'MESOS','volumes':[{'containerPath':'a','mode':'RW',"
     "'persistent':{'size':0}}]}}",
     "/container/volumes(0)/persistent/size: error.min: got 0, need at least 1"},
    {"{'id':'a','cmd':'x','container':{'type':'MESOS','volumes':[{'containerPath':'a','mode':'RW',"
     "'persistent':{'size':5,'type':'mount','maxSize':5}}]}}",
     "/container/volumes(0)/persistent: maxSize: got 5, need more than size, 5"},
    {"{'id':'a','cmd':'x','container':{'type':'MESOS','volumes':[{'containerPath':'a','mode':'RW',"
     "'external':{'name':'n','provider':'p'}}]}}",
     "/container/volumes(0)/external: the feature external_volumes is not switched on"},
    {"{'id':'a','cmd':'x','container':{'type':'MESOS','volumes':[{'containerPath':'a',"
     "'secret':'s'}]}}",
     "/container/volumes(0): secret: \"s\" is not declared in \"secrets\""},
    {"{'id':'a','cmd':'x','container':{'type':'MESOS','volumes':[{'containerPath':'a','mode':'RW',"
     "'persistent':{'size':5,'type':'mount','maxSize':9}}]}}",
     "/container/volumes(0)/persistent/type: need \"root\": agents keep volumes on their own disk; "
     "for another one use \"hostPath\" and a constraint on the hostname"},
    {"{'id':'a','cmd':'x','container':{'type':'MESOS','volumes':[{'containerPath':'a','mode':'RW',"
     "'persistent':{'size':5,'profileName':'fast'}}]}}",
     "/container/volumes(0)/persistent/profileName: agents know no disk profiles: leave it out"},
    {"{'id':'a','cmd':'x','container':{'type':'MESOS','volumes':[{'containerPath':'a','mode':'RW',"
     "'persistent':{'size':5}},{'containerPath':'a','mode':'RW','persistent':{'size':6}}]}}",
     "/container/volumes(1)/containerPath: got \"a\" twice, need different paths"},
    {"{'id':'a','cmd':'x','residency':{}}", "/residency: only with a persistent volume"},

    /* where files come to lie */
    {"{'id':'a','cmd':'x','fetch':[{'uri':'http://h/f','destPath':'../..'}]}",
     "/fetch(0)/destPath: got \"../..\", need a name for a file in the sandbox"},
    {"{'id':'a','cmd':'x','fetch':[{'uri':'http://h/f','destPath':'/etc/f'}]}",
     "/fetch(0)/destPath: got \"/etc/f\", need a name for a file in the sandbox"},
    {"{'id':'a','cmd':'x','uris':['http://h/']}",
     "/fetch(0)/uri: got \"http://h/\", need one that ends with a file's name, or \"destPath\""},
    {"{'id':'a','cmd':'x','fetch':[{'uri':'http://h/f','destPath':'stdout'}]}",
     "/fetch(0)/destPath: got \"stdout\", need another name: there lies what the task prints"},
    {"{'id':'a','cmd':'x','fetch':[{'uri':'http://h/f'},{'uri':'http://h/g','destPath':'f/g'}]}",
     "/fetch(1)/destPath: \"f/g\" lies inside \"f\", need places beside each other"},
    {"{'id':'a','cmd':'x','fetch':[{'uri':'http://h/f'},{'uri':'http://i/f'},"
     "{'uri':'http://h/g','destPath':'./stdout.x'}]}",
     ""},
    {"{'id':'a','cmd':'x','container':{'type':'MESOS','volumes':[{'containerPath':'../d',"
     "'hostPath':'/d','mode':'RW'}]}}",
     "/container/volumes(0)/containerPath: got \"../d\", need a path without \"..\""},
    {"{'id':'a','cmd':'x','container':{'type':'MESOS','volumes':[{'containerPath':'/d',"
     "'hostPath':'/d','mode':'RW'},{'containerPath':'d//e/','hostPath':'/d','mode':'RW'}]}}",
     "/container/volumes(1)/containerPath: \"d//e/\" lies inside \"/d\", need places beside each "
     "other"},
    {"{'id':'a','container':{'docker':{'image':'i'},'volumes':[{'containerPath':'/d',"
     "'hostPath':'/d','mode':'RW'},{'containerPath':'/d/e','hostPath':'/e','mode':'RW'}]}}",
     ""},
    {"{'id':'a','container':{'docker':{'image':'i'},'volumes':[{'containerPath':'/d',"
     "'hostPath':'/d','mode':'RW'},{'containerPath':'/d/.','hostPath':'/e','mode':'RW'}]}}",
     "/container/volumes(1)/containerPath: got \"/d/.\" twice, need different paths"},
    {"{'id':'a','container':{'docker':{'image':'i'},'volumes':[{'containerPath':"
     "'/mnt/mesos/sandbox','hostPath':'/d','mode':'RW'}]}}",
     "/container/volumes(0)/containerPath: got \"/mnt/mesos/sandbox\", need another place: the "
     "sandbox is mounted there"},

    /* what no agent can run */
    {"{'id':'a','args':['']}", "/args(0): got \"\", need the name of a program"},
    {"{'id':'a','container':{'docker':{'image':'a b'}}}",
     "/container/docker/image: got \"a b\", need the name of an image: less than 300 letters, "
     "digits and ./_-:@"},
    {"{'id':'a','cmd':'x','healthChecks':[{'path':'/a b'}]}",
     "/healthChecks(0)/path: got \"/a b\", need less than 900 characters without blanks"},
    {"{'id':'a','cmd':'x','readinessChecks':[{'portName':'default','path':'/a b'}]}",
     "/readinessChecks(0)/path: got \"/a b\", need less than 900 characters without blanks"},

    /* what Linux is to do otherwise */
    {"{'id':'a','container':{'type':'MESOS','docker':{'image':'i'},'linuxInfo':7}}",
     "/container/linuxInfo: error.expected.jsobject: got 7, need an object"},
    {"{'id':'a','container':{'type':'MESOS','docker':{'image':'i'},'linuxInfo':{'seccomp':{'"
     "unconfined':1}}}}",
     "/container/linuxInfo/seccomp/unconfined: need true or false"},
    {"{'id':'a','container':{'type':'MESOS','docker':{'image':'i'},'linuxInfo':{'seccomp':{'"
     "profileName':'p','unconfined':false}}}}",
     "/container/linuxInfo/seccomp/profileName: no profiles are kept here: leave it out for the "
     "engine's own, or need \"unconfined\": true"},
    {"{'id':'a','cmd':'x','container':{'type':'MESOS','linuxInfo':{'seccomp':{'unconfined':false}}}"
     "}",
     "/container/linuxInfo/seccomp/unconfined: need true, or an image: nothing confines a plain "
     "process"},
    {"{'id':'a','container':{'type':'MESOS','docker':{'image':'i'},'linuxInfo':{'ipcInfo':{}}}}",
     "/container/linuxInfo/ipcInfo/mode: need \"PRIVATE\" or \"SHARE_PARENT\""},
    {"{'id':'a','cmd':'x','container':{'type':'MESOS','linuxInfo':{'ipcInfo':{'mode':'PRIVATE'}}}}",
     "/container/linuxInfo/ipcInfo/mode: got \"PRIVATE\", need \"SHARE_PARENT\", or an image: a "
     "plain process shares the machine's"},
    {"{'id':'a','container':{'type':'MESOS','docker':{'image':'i'},'linuxInfo':{'ipcInfo':{'mode':'"
     "SHARE_PARENT','shmSize':1}}}}",
     "/container/linuxInfo/ipcInfo/shmSize: only with the mode \"PRIVATE\""},
    {"{'id':'a','container':{'type':'MESOS','docker':{'image':'i'},'linuxInfo':{'ipcInfo':{'mode':'"
     "PRIVATE','shmSize':0}}}}",
     "/container/linuxInfo/ipcInfo/shmSize: got 0, need 1 to 1048576 MiB"},
    {"{'id':'a','cmd':'x','container':{'type':'MESOS','linuxInfo':{'seccomp':{'unconfined':true},'"
     "ipcInfo':{'mode':'SHARE_PARENT'}}}}",
     ""},
    {"{'id':'a','container':{'type':'MESOS','docker':{'image':'i'},'linuxInfo':{'seccomp':{'"
     "unconfined':false},'ipcInfo':{'mode':'PRIVATE','shmSize':64}}}}",
     ""},

    /* features, roles, limits */
    {"{'id':'a','cmd':'x','secrets':{'s':{'source':'v'}}}",
     "/secrets: the feature secrets is not switched on"},
    {"{'id':'a','cmd':'x','env':{'A':{'secret':'s'}}}",
     "/env(A): the secret \"s\" is not declared in \"secrets\""},
    {"{'id':'a','cmd':'x','env':{'A':{'secret':'a\\n\u00e9'}}}",
     "/env(A): the secret \"a\\né\" is not declared in \"secrets\""},
    {"{'id':'a','cmd':'x','env':{'':'v'}}", "/env: got an empty name"},
    {"{'id':'a','cmd':'x','gpus':1}", "/gpus: got 1; the feature gpu_resources is not switched on"},
    {"{'id':'a','cmd':'x','acceptedResourceRoles':[]}",
     "/acceptedResourceRoles: got none, need at least one"},
    {"{'id':'a','cmd':'x','acceptedResourceRoles':['*','db']}",
     "/acceptedResourceRoles(1): got \"db\", need \"*\" or the app's role, \"*\""},
    {"{'id':'a','cmd':'x','role':'db'}", "/role: got \"db\", need \"*\""},
    {"{'id':'prod/a','cmd':'x','role':'prod'}", ""},
    {"{'id':'prod/a','cmd':'x','role':'test'}",
     "/role: got \"test\", need \"*\" or the name of the top group"},
    {"{'id':'a','cmd':'x','resourceLimits':{'cpus':0.5,'mem':'unlimited'}}",
     "/resourceLimits/cpus: got 0.5, need at least what is requested, 1, or \"unlimited\""},
    {"{'id':'a','cmd':'x','dependencies':['A']}",
     "/dependencies(0): got \"A\", need lower-case letters, digits, dots and inner dashes between "
     "the slashes"},
    {"{'id':'a','cmd':'x','labels':{'DCOS_MIGRATION_API_VERSION':'v2',"
     "'DCOS_PACKAGE_FRAMEWORK_NAME':'f','DCOS_MIGRATION_API_PATH':'/'}}",
     "/labels(DCOS_MIGRATION_API_VERSION): need \"v1\""},
    {"{'id':'a','cmd':'x','labels':{'DCOS_MIGRATION_API_VERSION':'v1',"
     "'DCOS_MIGRATION_API_PATH':'/'}}",
     "/labels(DCOS_PACKAGE_FRAMEWORK_NAME): missing, need it with the label "
     "DCOS_MIGRATION_API_VERSION"},
    {"{'id':'a','cmd':'x','labels':{'DCOS_MIGRATION_API_VERSION':'v1',"
     "'DCOS_PACKAGE_FRAMEWORK_NAME':'f','DCOS_MIGRATION_API_PATH':''}}",
     "/labels(DCOS_MIGRATION_API_PATH): missing, need it with the label "
     "DCOS_MIGRATION_API_VERSION"},
    {"{'id':'a','cmd':'x','labels':{'DCOS_MIGRATION_API_VERSION':'v1',"
     "'DCOS_PACKAGE_FRAMEWORK_NAME':'f','DCOS_MIGRATION_API_PATH':'/'}}",
     ""},
    {"{'id':'a','cmd':'x','labels':{'DCOS_MIGRATION_API_VERSION':''}}", ""},
};

static void names_what_is_wrong(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof(CASES) / sizeof(*CASES); i++) {
        char *got = problems_of(&PLAIN, CASES[i].body);
        if (!str_eq(got, CASES[i].problem))
            fail_msg("%s\n got  %s\n need %s", CASES[i].body, got, CASES[i].problem);
        mem_free(got);
    }
}

/* Linux takes no longer argument, and the variable's name and '=' count. */
static void what_no_program_can_be_started_with_is_refused(void **unused)
{
    static const struct {
        const char *before, *after;
        size_t beside; /* counted, too, and not in the value */
        const char *path;
    } PLACES[] = {
        {"{'id':'a','cmd':'", "'}", 0, "/cmd"},
        {"{'id':'a','args':['x','", "']}", 0, "/args(1)"},
        {"{'id':'a','cmd':'x','env':{'NAME':'", "'}}", 5, "/env(NAME)"},
        {"{'id':'a','cmd':'x','healthChecks':[{'protocol':'COMMAND','command':{'value':'", "'}}]}",
         0, "/healthChecks(0)/command/value"},
    };
    (void)unused;
    for (size_t i = 0; i < sizeof(PLACES) / sizeof(*PLACES); i++)
        for (size_t over = 0; over < 2; over++) {
            struct buf body, want;
            size_t n = LIMIT_ARGUMENT_BYTES - PLACES[i].beside + over;
            buf_init(&body, 1 << 20);
            buf_init(&want, 1 << 10);
            buf_puts(&body, PLACES[i].before);
            while (n-- > 0)
                buf_putc(&body, 'y');
            buf_puts(&body, PLACES[i].after);
            if (over > 0)
                buf_printf(&want,
                           "%s: got 131072 bytes, need at most 131071: put what is longer into a "
                           "file that is fetched",
                           PLACES[i].path);
            char *got = problems_of(&PLAIN, buf_str(&body));
            assert_string_equal(got, buf_str(&want));
            mem_free(got);
            buf_close(&body);
            buf_close(&want);
        }
}

static void what_is_too_much_together_is_refused(void **unused)
{
    (void)unused;
    for (size_t n = 5; n <= 6; n++) {
        struct buf body;
        buf_init(&body, 1 << 20);
        buf_puts(&body, "{'id':'a','cmd':'x','env':{");
        for (size_t i = 0; i < n; i++)
            buf_printf(&body, "%s'V%zu':'%0100000d'", i > 0 ? "," : "", i, 0);
        buf_puts(&body, "}}");
        char *got = problems_of(&PLAIN, buf_str(&body));
        assert_string_equal(got, n == 5 ? ""
                                        : "/env: got 600013 bytes together with the command, need "
                                          "at most 524288: put what is longer into a file that is "
                                          "fetched");
        mem_free(got);
        buf_close(&body);
    }
}

static void names_all_that_is_wrong(void **unused)
{
    (void)unused;
    char *got = problems_of(&PLAIN, "{'id':'A','ports':[80,80],'gpus':2,'role':'x','constraints':"
                                    "[['a','b']]}");
    assert_string_equal(
        got, "/constraints(0): got the operator \"b\", need UNIQUE, CLUSTER, GROUP_BY, MAX_PER, "
             "LIKE, UNLIKE or IS\n"
             "/id: got \"A\", need lower-case letters, digits, dots and inner dashes between the "
             "slashes\n"
             "/ports: got 80 twice, need different ports\n"
             "/: need \"cmd\", \"args\" or \"container.docker.image\"\n"
             "/role: got \"x\", need \"*\"\n"
             "/gpus: got 2; the feature gpu_resources is not switched on");
    mem_free(got);
    got = problems_of(&PLAIN, "{'id':1,'cmd':2,'cpus':'0.1'}");
    assert_string_equal(got, "/id: error.expected.jsstring: got 1, need a string\n"
                             "/cmd: error.expected.jsstring: got 2, need a string\n"
                             "/cpus: error.expected.jsnumber: got \"0.1\", need a number");
    mem_free(got);
}

static void refuses_more_than_anybody_needs(void **unused)
{
    (void)unused;
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_puts(&b, "{'id':'a','args':['x'");
    for (int i = 0; i < LIMIT_ITEMS; i++)
        buf_puts(&b, ",'x'");
    buf_puts(&b, "]}");
    char *got = problems_of(&PLAIN, buf_str(&b));
    assert_string_equal(got, "/args: error.maxLength: got an array, need at most 2000 elements, "
                             "not 2001");
    mem_free(got);
    buf_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_what_is_wrong),
        cmocka_unit_test(what_no_program_can_be_started_with_is_refused),
        cmocka_unit_test(what_is_too_much_together_is_refused),
        cmocka_unit_test(names_all_that_is_wrong),
        cmocka_unit_test(refuses_more_than_anybody_needs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
