#include "unit.h"

#include "cases.h"
#include "model/job.h"

static struct job job_of(const char *members)
{
    struct job_rules rules = job_rules_default();
    struct problems problems = {0};
    struct job j;
    char body[1024];
    snprintf(body, sizeof(body), "{'name':'sample-name',%s}", members);
    struct json *tree = tree_of(body);
    if (job_parse(&rules, tree, JOB_FACE_2, JOB_SCHEDULED, false, &j, &problems) != 0)
        fail_msg("%s: %s", body, text_of_problems(&problems));
    json_free(tree);
    return j;
}

#define LONG60 "012345678901234567890123456789012345678901234567890123456789"

static void names_tasks_as_chronos_does(void **unused)
{
    (void)unused;
    static const struct {
        const char *members, *arguments, *id;
    } ROWS[] = {
        {"'command':'x'", NULL, "ct:1420843781398:0:sample-name:"},
        {"'command':'x','arguments':['-a','1','-b','2']", NULL,
         "ct:1420843781398:0:sample-name:-a 1 -b 2"},
        {"'command':'x','arguments':['-a']", "  ", "ct:1420843781398:0:sample-name:-a"},
        {"'command':'x','arguments':['-a']", "-z 9", "ct:1420843781398:0:sample-name:-z 9"},
        {"'command':'x'", "a;b;;c", "ct:1420843781398:0:sample-name:abc"},
        {"'command':'x'", LONG60 "abcdef", "ct:1420843781398:0:sample-name:" LONG60 "abcd"},
        {"'command':'x'", LONG60 "abcé", "ct:1420843781398:0:sample-name:" LONG60 "abc"},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(*ROWS); i++) {
        struct job j = job_of(ROWS[i].members);
        struct job_run run = {.due = {1420843781398}, .arguments = ROWS[i].arguments};
        struct job_task_ref ref;
        struct error err;
        char id[JOB_TASK_ID_SIZE];
        assert_string_equal(job_task_id(&j, &run, id), ROWS[i].id);
        assert_int_equal(job_task_id_parse(id, &ref, &err), 0);
        assert_int_equal(ref.due.ms, 1420843781398);
        assert_int_equal(ref.attempt, 0);
        assert_string_equal(ref.name, "sample-name");
        job_close(&j);
    }
}

static void reads_task_ids_or_says_why_not(void **unused)
{
    (void)unused;
    struct job_task_ref ref;
    struct error err;
    assert_int_equal(job_task_id_parse("ct:5:2:a b.c#d:x:y", &ref, &err), 0);
    assert_int_equal(ref.due.ms, 5);
    assert_int_equal(ref.attempt, 2);
    assert_string_equal(ref.name, "a b.c#d");
    assert_string_equal(ref.arguments, "x:y");
    assert_int_equal(job_task_id_parse("ct:5:2:name", &ref, &err), 0); /* the last colon may lack */
    static const char *const BAD[] = {
        "",           "ct:",      "ct:1:2:",   "ct:x:2:n:",
        "ct:1:-2:n:", "ct:1::n:", "xx:1:2:n:", "ct:99999999999999999999:0:n:"};
    for (size_t i = 0; i < sizeof(BAD) / sizeof(*BAD); i++) {
        if (job_task_id_parse(BAD[i], &ref, &err) != -1)
            fail_msg("%s", BAD[i]);
        assert_int_equal(err.code, ERR_SYNTAX);
    }
}

static void builds_what_is_executed(void **unused)
{
    (void)unused;
    static const struct {
        const char *members, *arguments, *argv; /* with | between */
    } ROWS[] = {
        {"'command':'echo hi; date'", NULL, "/bin/sh|-c|echo hi; date"},
        {"'command':'echo','arguments':['a b','c;d']", NULL, "/bin/sh|-c|echo a b cd"},
        {"'command':'echo','arguments':['a']", "x;y", "/bin/sh|-c|echo xy"},
        {"'command':'/bin/echo','shell':false,'arguments':['a b','c;d']", NULL,
         "/bin/echo|a b|c;d"},
        {"'command':'/bin/echo','shell':false,'arguments':['a']", "  x  y;z ", "/bin/echo|x|y;z"},
        {"'command':'/bin/echo','shell':false", NULL, "/bin/echo"},
        {"'container':{'image':'i'},'arguments':['a']", NULL, ""},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(*ROWS); i++) {
        struct job j = job_of(ROWS[i].members);
        struct job_run run = {.arguments = ROWS[i].arguments};
        struct arena arena = {0};
        struct strings argv;
        struct buf b;
        buf_init(&b, 4096);
        job_argv(&j, &run, &arena, &argv);
        for (size_t k = 0; k < argv.n; k++)
            buf_printf(&b, "%s%s", k == 0 ? "" : "|", argv.items[k]);
        assert_string_equal(buf_str(&b), ROWS[i].argv);
        buf_close(&b);
        arena_close(&arena);
        job_close(&j);
    }
}

static void ours_win_over_the_users_and_the_users_first_over_its_second(void **unused)
{
    (void)unused;
    struct job j = job_of("'command':'x','owner':'me@x','cpus':1,'environmentVariables':["
                          "{'name':'A','value':'1'},{'name':'A','value':'2'},"
                          "{'name':'HOST','value':'mine'},{'name':'B','value':''},"
                          "{'name':'mesos_task_id','value':'mine'},"
                          "{'name':'MESOS_TASK_ID','value':'mine'},"
                          "{'name':'CHRONOS_JOB_NAME','value':'mine'},"
                          "{'name':'CHRONOS_JOB_OWNER','value':'mine'},"
                          "{'name':'CHRONOS_RESOURCE_CPU','value':'mine'},"
                          "{'name':'CHRONOS_RESOURCE_MEM','value':'mine'},"
                          "{'name':'CHRONOS_RESOURCE_DISK','value':'mine'},"
                          "{'name':'CHRONOS_JOB_RUN_TIME','value':'mine'},"
                          "{'name':'CHRONOS_JOB_RUN_ATTEMPT','value':'mine'},"
                          "{'name':'CHRONOS_RUN_ID','value':'mine'},"
                          "{'name':'MESOS_SANDBOX','value':'mine'}]"); /* the agent's */
    struct job_run run = {.due = {1420843781398}, .attempt = 2, .run_id = "r-1", .host = "node1"};
    struct arena arena = {0};
    struct env_vars env;
    job_task_env(&j, &run, &arena, &env);
    static const char *const WANT[][2] = {
        {"A", "1"},
        {"B", ""},
        {"mesos_task_id", "ct:1420843781398:2:sample-name:"},
        {"MESOS_TASK_ID", "ct:1420843781398:2:sample-name:"},
        {"CHRONOS_JOB_NAME", "sample-name"},
        {"CHRONOS_JOB_OWNER", "me@x"},
        {"HOST", "node1"},
        {"CHRONOS_RESOURCE_CPU", "1.0"},
        {"CHRONOS_RESOURCE_MEM", "128.0"},
        {"CHRONOS_RESOURCE_DISK", "256.0"},
        {"CHRONOS_JOB_RUN_TIME", "1420843781398"},
        {"CHRONOS_JOB_RUN_ATTEMPT", "2"},
        {"CHRONOS_RUN_ID", "r-1"},
    };
    assert_int_equal(env.n, sizeof(WANT) / sizeof(*WANT));
    for (size_t i = 0; i < env.n; i++) {
        size_t k = 0;
        while (k < env.n && !str_eq(WANT[k][0], env.items[i].name))
            k++;
        assert_true(k < env.n);
        assert_string_equal(env.items[i].value, WANT[k][1]);
    }
    arena_close(&arena);
    job_close(&j);
}

static void knows_what_a_run_needs(void **unused)
{
    (void)unused;
    struct job j = job_of("'command':'x','cpus':'0.1','mem':'64'");
    struct resources r = job_needs(&j);
    assert_int_equal(r.cpus_milli, 100);
    assert_int_equal(r.mem_bytes, 64 * MIB);
    assert_int_equal(r.disk_bytes, 256 * MIB);
    job_close(&j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_tasks_as_chronos_does),
        cmocka_unit_test(reads_task_ids_or_says_why_not),
        cmocka_unit_test(builds_what_is_executed),
        cmocka_unit_test(ours_win_over_the_users_and_the_users_first_over_its_second),
        cmocka_unit_test(knows_what_a_run_needs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
