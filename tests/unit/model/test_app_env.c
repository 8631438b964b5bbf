#include "unit.h"

#include "apps.h"

/* NAME=value a line, a secret as NAME->secret. The caller frees. */
static char *env_of(const char *body, const char *ports, const char *prefix)
{
    struct app a = stamped_app(body, 1000);
    struct app_task_port list[8] = {{0}};
    struct app_task task = {
        .task_id = "web.instance-1._app.1", .host = "node1", .ports = list, .prefix = prefix};
    struct arena arena = {0};
    struct env_vars env;
    struct buf b;
    /* "31000>80 -" : host port, container port; "-" none */
    for (size_t i = 0; *ports != '\0' && i < 8; i++) {
        long long host = 0, container = 0;
        int used = 0;
        sscanf(ports, "%lld>%lld %n", &host, &container, &used);
        list[i] = (struct app_task_port){host, container};
        ports += used;
    }
    app_task_env(&a, &task, &arena, &env);
    buf_init(&b, 65536);
    for (size_t i = 0; i < env.n; i++)
        buf_printf(&b, "%s%s%s\n", env.items[i].name, env.items[i].secret != NULL ? "->" : "=",
                   env.items[i].secret != NULL ? env.items[i].secret : env.items[i].value);
    arena_close(&arena);
    app_close(&a);
    return buf_take(&b, NULL);
}

/* Each line of `lines` is there; one that begins with '!' says that no variable begins so. */
static void assert_lines(const char *got, const char *lines)
{
    while (*lines != '\0') {
        char line[128];
        size_t len = strcspn(lines, "\n");
        bool absent = lines[0] == '!';
        snprintf(line, sizeof(line), "\n%.*s%s", (int)(len - absent), lines + absent,
                 absent ? "" : "\n");
        struct buf all;
        buf_init(&all, 65536);
        buf_printf(&all, "\n%s", got);
        if ((strstr(buf_str(&all), line) == NULL) != absent)
            fail_msg("%s:%s\nin\n%s", absent ? "there is" : "there is no", line, got);
        buf_close(&all);
        lines += len + (lines[len] == '\n');
    }
}

static const struct {
    const char *body, *ports, *prefix, *lines;
} CASES[] = {
    {"{'id':'prod/web','cmd':'x','cpus':0.1,'mem':32,'disk':0}", "31000>0", NULL,
     "MESOS_TASK_ID=web.instance-1._app.1\nMARATHON_APP_ID=/prod/web\n"
     "MARATHON_APP_VERSION=1970-01-01T00:00:01.000Z\nMARATHON_APP_RESOURCE_CPUS=0.1\n"
     "MARATHON_APP_RESOURCE_MEM=32.0\nMARATHON_APP_RESOURCE_DISK=0.0\n"
     "MARATHON_APP_RESOURCE_GPUS=0\nMARATHON_APP_LABELS=\nMARATHON_APP_ENFORCE_GROUP_ROLE=FALSE\n"
     "HOST=node1\nPORT=31000\nPORT0=31000\nPORTS=31000\nPORT_0=31000\nPORT_DEFAULT=31000\n"
     "!MARATHON_APP_DOCKER_IMAGE"},
    {"{'id':'a','container':{'docker':{'image':'lib/nginx'}},'ports':[]}", "", NULL,
     "MARATHON_APP_DOCKER_IMAGE=lib/nginx\n!PORT"},
    {"{'id':'a','cmd':'x','container':{'type':'MESOS','docker':{'image':'i'}}}", "1>0", NULL,
     "!MARATHON_APP_DOCKER_IMAGE"},
    {"{'id':'a','cmd':'x','portDefinitions':[{'port':8080,'name':'my-web'},{'port':9090}]}",
     "31005>0 31002>0", NULL,
     "PORT0=31005\nPORT1=31002\nPORT=31005\nPORTS=31005,31002\nPORT_8080=31005\nPORT_9090=31002\n"
     "PORT_MY-WEB=31005"},
    {"{'id':'a','cmd':'x','networks':[{'mode':'container/bridge'}],'container':{'type':'MESOS',"
     "'portMappings':[{'containerPort':80},{'containerPort':0}]}}",
     "31005>80 31006>31006", NULL,
     "PORT_80=31005\nPORT_31006=31006\nPORTS=31005,31006\nPORT=31005"},
    {"{'id':'a','cmd':'x','networks':[{'name':'n'}],'container':{'type':'MESOS',"
     "'portMappings':[{'containerPort':80},{'containerPort':0},{'hostPort':0}]}}",
     "0>80 0>4711 31000>31000", NULL,
     "PORT0=80\nPORT1=4711\nPORT2=31000\nPORT_80=80\nPORT_4711=4711\nPORTS=31000,4711\nPORT=31000"},
    {"{'id':'a','cmd':'x','networks':[{'name':'n'}],'container':{'type':'MESOS',"
     "'portMappings':[{'containerPort':80}]}}",
     "0>80", NULL, "PORT0=80\nPORTS=\n!PORT="},
    {"{'id':'a','cmd':'x'}", "31000>0", "M_",
     "M_HOST=node1\nM_PORT=31000\nM_PORT0=31000\nM_PORTS=31000\nMARATHON_APP_ID=/a\n!HOST\n!PORT"},
    {"{'id':'a','cmd':'x','labels':{'a.b--c_d':'v','UP':'w'}}", "1>0", NULL,
     "MARATHON_APP_LABEL_A_B_C_D=v\nMARATHON_APP_LABEL_UP=w\nMARATHON_APP_LABELS=A_B_C_D UP"},
    {"{'id':'a','cmd':'x','env':{'HOST':'mine','X':'y'}}", "1>0", NULL,
     "HOST=mine\nX=y\n!HOST=node1"},
};

static void makes_the_environment_of_a_task(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof(CASES) / sizeof(*CASES); i++) {
        char *got = env_of(CASES[i].body, CASES[i].ports, CASES[i].prefix);
        assert_lines(got, CASES[i].lines);
        mem_free(got);
    }
}

static void leaves_out_labels_that_are_too_long(void **unused)
{
    (void)unused;
    char name[494] = {0}, value[513] = {0}, body[1200];
    memset(name, 'n', 493);
    memset(value, 'v', 512);
    snprintf(body, sizeof(body), "{'id':'a','cmd':'x','labels':{'%s':'v','k':'%s','ok':'1'}}", name,
             value);
    char *got = env_of(body, "1>0", NULL);
    assert_lines(got, "MARATHON_APP_LABELS=OK\n!MARATHON_APP_LABEL_K");
    mem_free(got);
}

static void leaves_secrets_open(void **unused)
{
    (void)unused;
    static const struct app_rules ON = {.features = FEATURE_SECRETS};
    struct app a = made_by(&ON, "{'id':'a','cmd':'x','ports':[],'env':{'PW':{'secret':'s'}},"
                                "'secrets':{'s':{'source':'/db'}}}");
    struct app_task task = {.task_id = "t", .host = "h"};
    struct arena arena = {0};
    struct env_vars env;
    app_task_env(&a, &task, &arena, &env);
    assert_string_equal(env.items[env.n - 1].name, "PW");
    assert_string_equal(env.items[env.n - 1].secret, "s");
    assert_null(env.items[env.n - 1].value);
    arena_close(&arena);
    app_close(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_the_environment_of_a_task),
        cmocka_unit_test(leaves_out_labels_that_are_too_long),
        cmocka_unit_test(leaves_secrets_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
