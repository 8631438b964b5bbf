#include "unit.h"

#include "cases.h"
#include "model/job_selector.h"

static void means_the_jobs_that_all_its_terms_fit(void **unused)
{
    (void)unused;
    struct job_rules rules = job_rules_default();
    struct problems problems = {0};
    struct job j;
    struct error err;
    struct json *tree =
        tree_of("{'name':'backup-db','command':'c','owner':'ann@example.org, bob@example.org',"
                "'ownerName':'Ops','description':'d','environmentVariables':[{'name':'TEAM',"
                "'value':'data'}]}");
    assert_int_equal(job_parse(&rules, tree, JOB_FACE_3, JOB_SCHEDULED, false, &j, &problems), 0);
    static const struct {
        const char *selector;
        bool matches;
    } cases[] = {
        {"name=backup-db", true},
        {"name=backup-*", true},
        {"name=backup", false},
        {"name=*-??", true},
        {"name=*", true},
        {"name=**b*", true},
        {"name=*b*-*k", false},
        {"name=*-*-*", false},
        {"name=?", false},
        {"name=backup-*,ownerName=Ops", true},
        {"name=backup-*,ownerName=Dev", false},
        {"owner=bob@example.org", true},
        {"owner=ann@*", true},
        {"owner=eve@example.org", false},
        {"description=d", true},
        {"env.TEAM=da*", true},
        {"env.TEAM=web", false},
        {"env.OTHER=*", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct job_selector s;
        assert_int_equal(job_selector_parse(cases[i].selector, &s, &err), 0);
        if (job_selector_matches(&s, &j) != cases[i].matches)
            fail_msg("%s", cases[i].selector);
        job_selector_close(&s);
    }
    json_free(tree);
    job_close(&j);
}

static void names_the_term_that_is_wrong(void **unused)
{
    (void)unused;
    static const struct {
        const char *selector, *problem;
    } cases[] = {
        {"", "selector: got \"\", need a key, = and a pattern"},
        {"name", "selector: got \"name\", need a key, = and a pattern"},
        {"name=", "selector: got \"name=\", need a key, = and a pattern"},
        {"name=a,", "selector: got \"\", need a key, = and a pattern"},
        {"colour=red",
         "selector: got \"colour=red\", need name, owner, ownerName, description or env.NAME"},
        {"env.=red",
         "selector: got \"env.=red\", need name, owner, ownerName, description or env.NAME"},
        {"name=a,name=a,name=a,name=a,name=a,name=a,name=a,name=a,name=a,name=a,name=a,name=a,"
         "name=a,name=a,name=a,name=a",
         "selector: need fewer than 16 terms"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct job_selector s;
        struct error err;
        assert_int_equal(job_selector_parse(cases[i].selector, &s, &err), -1);
        assert_string_equal(err.text, cases[i].problem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(means_the_jobs_that_all_its_terms_fit),
        cmocka_unit_test(names_the_term_that_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
