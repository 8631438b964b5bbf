/* What a job says of its targets and runs beside when they are. */
#include "unit.h"

#include <stdio.h>

#include "base/str.h"
#include "cases.h"
#include "model/command.h"
#include "model/job.h"

static int parse(const char *more, enum job_kind kind, struct job *out, char **problems_out)
{
    char body[512];
    struct job_rules rules = job_rules_default();
    struct problems problems = {0};
    snprintf(body, sizeof body, "{'name':'j','command':'c',%s%s}",
             kind == JOB_SCHEDULED ? "'schedule':'R/2026-03-01T10:00:00Z/PT1H'" : "'parents':['p']",
             more);
    struct json *tree = tree_of(body);
    int rc = job_parse(&rules, tree, JOB_FACE_2, kind, false, out, &problems);
    *problems_out = text_of_problems(&problems);
    problems_close(&problems);
    json_free(tree);
    return rc;
}

static void keeps_what_it_is_told(void **unused)
{
    (void)unused;
    static const struct {
        const char *more, *printed;
        int64_t window_ms, most;
        bool overlaps;
        const char *needs;
    } cases[] = {
        {",'overlap':'allow'", "\"overlap\":\"allow\"", 60000, 1, true, "overlap"},
        {",'catchup':{'policy':'latest'}", "\"catchup\":{\"policy\":\"latest\"}", -1, 1, false,
         "catchup"},
        {",'catchup':{'policy':'all'},'missed':'catchup'",
         "\"missed\":\"catchup\",\"catchup\":{\"policy\":\"all\"}", -1, 100, false, "catchup"},
        {",'catchup':{'policy':'all','limit':'7'}", "\"catchup\":{\"policy\":\"all\",\"limit\":7}",
         -1, 7, false, "catchup"},
        {",'catchup':{'policy':'none'}", "\"catchup\":{\"policy\":\"none\"}", 60000, 1, false,
         "catchup"},
        {",'jitterSeconds':30", "\"jitterSeconds\":30", 60000, 1, false, "jitterSeconds"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct job j, again;
        struct buf b;
        struct json_writer w;
        struct error err;
        char *problems;
        const char *member = "";
        if (parse(cases[i].more, JOB_SCHEDULED, &j, &problems) != 0)
            fail_msg("%s: %s", cases[i].more, problems);
        buf_init(&b, 1 << 20);
        json_begin(&w, &b);
        job_write(&j, false, &w);
        assert_non_null(strstr(buf_str(&b), cases[i].printed));
        buf_clear(&b);
        json_begin(&w, &b);
        job_store(&j, &w);
        assert_int_equal(job_load(buf_slice(&b), &again, &err), 0);
        assert_int_equal(job_window_ms(&again), cases[i].window_ms);
        assert_int_equal(job_catchup_most(&again), cases[i].most);
        assert_int_equal(job_overlaps(&again), cases[i].overlaps);
        assert_int_equal(job_level(&again, &member), POLICIES_LEVEL);
        assert_string_equal(member, cases[i].needs);
        buf_close(&b);
        mem_free(problems);
        job_close(&j);
        job_close(&again);
    }
}

/* On the face where nobody must say how late is too late. */
static void what_never_catches_up_starts_before_its_next_target(void **unused)
{
    (void)unused;
    static const struct {
        const char *time;
        int64_t window_ms;
    } cases[] = {
        {"'cron':'@daily'", 60000},         {"'cron':'*/2 * * * * *'", 2000},
        {"'cron':'0,50 * * * * *'", 10000}, {"'schedule':'R/2026-03-01T10:00:00Z/PT5S'", 5000},
        {"'schedule':'R1//PT5S'", 5000},    {"'cron':'*/2 * * * * *','epsilon':'PT9S'", 9000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char body[256];
        struct job j;
        struct job_rules rules = job_rules_default();
        struct problems problems = {0};
        snprintf(body, sizeof body, "{'name':'j','command':'c','catchup':{'policy':'none'},%s}",
                 cases[i].time);
        struct json *tree = tree_of(body);
        assert_int_equal(job_parse(&rules, tree, JOB_FACE_3, JOB_SCHEDULED, false, &j, &problems),
                         0);
        assert_int_equal(job_window_ms(&j), cases[i].window_ms);
        job_close(&j);
        problems_close(&problems);
        json_free(tree);
    }
}

static void names_what_does_not_fit(void **unused)
{
    (void)unused;
    static const struct {
        enum job_kind kind;
        const char *more, *problem;
    } cases[] = {
        {JOB_SCHEDULED, ",'overlap':'both'", "/overlap"},
        {JOB_SCHEDULED, ",'catchup':{}", "/catchup/policy"},
        {JOB_SCHEDULED, ",'catchup':{'policy':'some'}", "/catchup/policy"},
        {JOB_SCHEDULED, ",'catchup':{'policy':'all','limit':0}", "/catchup/limit"},
        {JOB_SCHEDULED, ",'catchup':{'policy':'all','limit':101}", "/catchup/limit"},
        {JOB_SCHEDULED, ",'catchup':{'policy':'latest','limit':2}",
         "/catchup/limit: got 2, need none of it but with the policy \"all\""},
        {JOB_SCHEDULED, ",'catchup':{'policy':'none'},'missed':'catchup'", "/catchup/policy"},
        {JOB_SCHEDULED, ",'catchup':{'policy':'all'},'missed':'window'", "/catchup/policy"},
        {JOB_SCHEDULED, ",'jitterSeconds':-2", "/jitterSeconds"},
        {JOB_SCHEDULED, ",'jitterSeconds':3600",
         "/jitterSeconds: got 3600, need less than from one target to the next"},
        {JOB_DEPENDENT, ",'catchup':{'policy':'all'}", "/catchup"},
        {JOB_DEPENDENT, ",'jitterSeconds':3", "/jitterSeconds"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct job j = {0};
        char *problems;
        assert_int_equal(parse(cases[i].more, cases[i].kind, &j, &problems), -1);
        if (!str_starts(problems, cases[i].problem))
            fail_msg("%s: %s", cases[i].more, problems);
        mem_free(problems);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_it_is_told),
        cmocka_unit_test(what_never_catches_up_starts_before_its_next_target),
        cmocka_unit_test(names_what_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
