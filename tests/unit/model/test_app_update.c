#include "unit.h"

#include "apps.h"
#include "model/pod.h"

#define DB                                                                                       \
    "{'id':'db','cmd':'x','cpus':1,'container':{'type':'MESOS','volumes':[{'containerPath':'d'," \
    "'persistent':{'size':10}}]}}"
#define POD                                                                                  \
    "{'id':'db','containers':[{'name':'c','resources':{'cpus':1,'mem':8},'exec':{'command':" \
    "{'shell':'x'}},'volumeMounts':[{'name':'d','mountPath':'d'}]}],"                        \
    "'volumes':[{'name':'d','persistent':{'size':10}}]}"
#define HAS ": /db has persistent volumes"

/* What may not become of an app that is, in one line each. The caller frees. */
static char *refused(struct app *old, struct app *now, bool force)
{
    struct problems problems = {0};
    app_check_update(old, now, force, &problems);
    char *text = text_of_problems(&problems);
    problems_close(&problems);
    app_close(old);
    app_close(now);
    return text;
}

static struct app pod_of(const char *body)
{
    struct app a;
    struct problems problems = {0};
    struct json *tree = tree_of(body);
    if (pod_parse(&PLAIN, tree, "/", NULL, &a, &problems) != 0)
        fail_msg("%s: %s", body, text_of_problems(&problems));
    json_free(tree);
    return a;
}

/* spec/marathon.md 4.6, "resident update" */
static void keeps_what_lies_on_an_agent(void **unused)
{
    (void)unused;
    static const struct {
        const char *old, *patch, *problems;
    } ROWS[] = {
        {DB, "{'instances':3,'env':{'A':'b'}}", ""},
        {DB, "{'cpus':2,'requirePorts':true,'ports':[5432]}",
         "/cpus: got 2, need 1" HAS "\n/requirePorts: got true, need false" HAS
         "\n/: got other host ports, need those of /db as they are: it has persistent volumes"},
        {DB, "{'mem':16,'disk':1}", "/mem: got 16, need 128" HAS "\n/disk: got 1, need 0" HAS},
        {DB,
         "{'container':{'type':'MESOS','volumes':[{'containerPath':'e','mode':'RW','persistent':"
         "{'size':10}}]}}",
         "/container/volumes: got others, need those of /db as they are: some are persistent"},
        {"{'id':'db','cmd':'x'}",
         "{'cpus':2,'upgradeStrategy':{'maximumOverCapacity':0},'unreachableStrategy':'disabled',"
         "'container':{'type':'MESOS','volumes':[{'containerPath':'d','mode':'RW','persistent':"
         "{'size':10}}]}}",
         ""},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(*ROWS); i++) {
        struct app old = app_of(ROWS[i].old), now;
        struct problems problems = {0};
        struct json *tree = tree_of(ROWS[i].patch);
        if (app_patch(&PLAIN, tree, "/", &old, &now, &problems) != 0)
            fail_msg("%s: %s", ROWS[i].patch, text_of_problems(&problems));
        json_free(tree);
        char *text = refused(&old, &now, false);
        assert_string_equal(text, ROWS[i].problems);
        mem_free(text);
    }
}

static void another_role_is_forced(void **unused)
{
    (void)unused;
    for (int force = 0; force < 2; force++) {
        struct app old = app_of(DB), now = app_of(DB);
        now.role = "ops";
        char *text = refused(&old, &now, force);
        assert_string_equal(text, force ? "" : "/role: got \"ops\", need \"*\" or force=true" HAS);
        mem_free(text);
    }
}

static void is_the_same_kind_of_thing(void **unused)
{
    (void)unused;
    struct app old = pod_of(POD), now = app_of(DB);
    char *text = refused(&old, &now, true);
    assert_string_equal(text, "/: got an app, need a pod" HAS);
    mem_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_lies_on_an_agent),
        cmocka_unit_test(another_role_is_forced),
        cmocka_unit_test(is_the_same_kind_of_thing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
