/* Jobs with a cron expression: beside the schedule that is shown of it. */
#include "unit.h"

#include "cases.h"
#include "model/job.h"

/* Parsed, with its cursor at noon of 2026-03-28. */
static struct job job_of(const char *body)
{
    struct job_rules rules = job_rules_default();
    struct problems problems = {0};
    struct job j;
    struct json *tree = tree_of(body);
    if (job_parse(&rules, tree, JOB_FACE_3, JOB_SCHEDULED, false, &j, &problems) != 0)
        fail_msg("%s: %s", body, text_of_problems(&problems));
    json_free(tree);
    j.cursor.index = 1774699200;
    return j;
}

static void assert_shown(const struct job *j, const char *expected)
{
    char shown[SCHEDULE_TEXT_SIZE];
    assert_string_equal(job_schedule_shown(j, shown), expected);
}

#define BERLIN "'cron':'30 2 * * *','scheduleTimeZone':'Europe/Berlin','command':'x'"

static void shows_its_next_target(void **unused)
{
    (void)unused;
    static const struct {
        const char *body, *shown;
    } cases[] = {
        {"{'name':'j'," BERLIN "}", "R/2026-03-29T03:30:00.000+02:00/PT82800S"},
        {"{'name':'j','cron':'@hourly','command':'x'}", "R/2026-03-28T12:00:00.000Z/PT3600S"},
        {"{'name':'j','cron':'@hourly','parents':[],'command':'x','scheduleTimeZone':''}",
         "R/2026-03-28T12:00:00.000Z/PT3600S"},
        {"{'name':'backup','cron':'~ ~ * * *','command':'x'}",
         "R/2026-03-28T23:47:00.000Z/PT86400S"},
        {"{'name':'j','cron':'@every 90m','command':'x'}", "R/2026-03-28T12:00:00.000Z/PT5400S"},
        {"{'name':'j','cron':'','schedule':'R//PT1H','command':'x'}", "R//PT1H"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct job j = job_of(cases[i].body);
        assert_shown(&j, cases[i].shown);
        job_close(&j);
    }
}

static char *printed(const struct job *j, void write(const struct job *, struct json_writer *))
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, 1 << 16);
    json_begin(&w, &b);
    write(j, &w);
    return buf_take(&b, NULL);
}

static void write_plain(const struct job *j, struct json_writer *w)
{
    job_write(j, false, w);
}

static void reads_back_what_is_stored_and_shown(void **unused)
{
    (void)unused;
    struct job_rules rules = job_rules_default();
    struct problems problems = {0};
    struct error err;
    struct job j = job_of("{'name':'j'," BERLIN "}"), loaded, again;
    char *stored = printed(&j, job_store), *text = printed(&j, write_plain);
    assert_null(strstr(stored, "\"schedule\""));
    assert_non_null(strstr(text, "\"schedule\":\"R/2026-03-29T03:30:00.000+02:00/PT82800S\","
                                 "\"scheduleTimeZone\":\"Europe/Berlin\","
                                 "\"cron\":\"30 2 * * *\""));
    assert_int_equal(job_load(slice_of(stored), &loaded, &err), 0);
    assert_shown(&loaded, "R/2026-03-29T03:30:00.000+02:00/PT82800S");

    struct json *tree = json_parse(slice_of(text), &err);
    assert_int_equal(job_parse(&rules, tree, JOB_FACE_3, JOB_SCHEDULED, true, &again, &problems),
                     0);
    assert_int_equal(job_check_cron(&again, NULL, &err), 0);
    assert_int_equal(job_replacing(&again, &loaded), REPLACE_KEEPS);
    json_free(tree);
    mem_free(stored);
    mem_free(text);
    job_close(&j);
    job_close(&loaded);
    job_close(&again);
}

static void takes_beside_it_only_what_is_shown(void **unused)
{
    (void)unused;
    static const struct {
        const char *schedule;
        bool right;
    } cases[] = {
        {"R/2026-03-29T03:30:00.000+02:00/PT82800S", true},
        {"R/2025-03-28T02:30:00.000+01:00/PT86400S", true}, /* read long ago */
        {"R/2026-03-29T04:00:00.000+02:00/PT86400S", true}, /* what the old one has shown */
        {"R/2026-03-29T03:30:00.000+02:00/PT86400S", false},
        {"R/2026-03-29T03:31:00.000+02:00/PT86400S", false},
        {"R5/2026-03-29T03:30:00.000+02:00/PT82800S", false},
        {"R//PT24H", false},
        {"what", false},
    };
    struct job old = job_of("{'name':'j','cron':'0 4 * * *','scheduleTimeZone':'Europe/Berlin',"
                            "'command':'x'}");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err;
        struct job j = job_of("{'name':'j'," BERLIN "}");
        j.schedule_text = cases[i].schedule;
        int rc = job_check_cron(&j, &old, &err);
        if ((rc == 0) != cases[i].right)
            fail_msg("%s", cases[i].schedule);
        if (rc != 0)
            assert_int_equal(err.code, ERR_INVALID);
        job_close(&j);
    }
    struct error err;
    struct job j = job_of("{'name':'j','schedule':'R//PT1H'," BERLIN "}");
    assert_int_equal(job_check_cron(&j, NULL, &err), -1);
    assert_string_equal(err.text, "cron and schedule: got both, and the schedule \"R//PT1H\" is "
                                  "not what is shown of a cron expression; need one of them");
    job_close(&j);
    job_close(&old);
}

/* The 2.x UI sends the members that it knows. */
static void keeps_it_for_who_does_not_know_it(void **unused)
{
    (void)unused;
    struct job old = job_of("{'name':'j'," BERLIN "}");
    static const struct {
        const char *body;
        bool kept;
    } cases[] = {
        {"{'name':'j','schedule':'R/2026-03-29T03:30:00.000+02:00/PT82800S','command':'y',"
         "'scheduleTimeZone':'Europe/Berlin'}",
         true},
        {"{'name':'j','schedule':'R/2026-03-29T03:30:00.000+02:00/PT24H','command':'y',"
         "'scheduleTimeZone':'Europe/Berlin'}",
         false},
        {"{'name':'j','schedule':'R/2026-03-29T03:30:00.000+02:00/PT82800S','command':'y'}", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct job j = job_of(cases[i].body);
        job_keep_cron(&j, &old);
        assert_int_equal(j.cron != NULL, cases[i].kept);
        assert_int_equal(job_replacing(&j, &old) == REPLACE_KEEPS, cases[i].kept);
        job_close(&j);
    }
    job_close(&old);
}

static void another_expression_begins_anew(void **unused)
{
    (void)unused;
    static const struct {
        const char *body;
        enum job_replacing how;
    } cases[] = {
        {"{'name':'j'," BERLIN "}", REPLACE_KEEPS},
        {"{'name':'j','cron':'30 2 * * *','command':'x'}", REPLACE_BEGINS},
        {"{'name':'j','cron':'31 2 * * *','scheduleTimeZone':'Europe/Berlin','command':'x'}",
         REPLACE_BEGINS},
        {"{'name':'j','schedule':'R//PT1H','scheduleTimeZone':'Europe/Berlin','command':'x'}",
         REPLACE_BEGINS},
    };
    struct job old = job_of("{'name':'j'," BERLIN "}");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct job j = job_of(cases[i].body);
        assert_int_equal(job_replacing(&j, &old), cases[i].how);
        job_close(&j);
    }
    old.disabled = true;
    struct job j = job_of("{'name':'j'," BERLIN "}");
    assert_int_equal(job_replacing(&j, &old), REPLACE_RESUMES);
    job_close(&j);
    job_close(&old);
}

static void says_what_is_wrong(void **unused)
{
    (void)unused;
    static const struct {
        const char *body;
        enum job_kind kind;
        const char *problem;
    } cases[] = {
        {"{'name':'j','cron':'60 2 * * *','command':'x'}", JOB_SCHEDULED,
         "/cron: minute: got \"60\", need 0 to 59 as in \"*\", \"30\", \"0-29\", \"*/10\" or "
         "\"~\""},
        {"{'name':'j','cron':'0 2 30 2 *','command':'x'}", JOB_SCHEDULED,
         "/cron: day: no year has that day of that month in \"0 2 30 2 *\", so it would never "
         "run"},
        {"{'name':'j','cron':'@daily','scheduleTimeZone':'Europe/Berln','command':'x'}",
         JOB_SCHEDULED,
         "/scheduleTimeZone: got \"Europe/Berln\", no such time zone; did you mean "
         "\"Europe/Berlin\"?"},
        {"{'name':'j','cron':'0,50 * * * *','jitterSeconds':600,'command':'x'}", JOB_SCHEDULED,
         "/jitterSeconds: got 600, need less than from one target to the next"},
        {"{'name':'j','cron':'@daily','command':'x'}", JOB_DEPENDENT,
         "/cron: a job with a schedule belongs to \"iso8601\", not to \"dependency\": use "
         "iso8601"},
        {"{'name':'j','cron':'@daily','parents':['a'],'command':'x'}", JOB_DEPENDENT,
         "/cron: got a cron expression and parents, need one of them"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct job_rules rules = job_rules_default();
        struct problems problems = {0};
        struct job j;
        struct json *tree = tree_of(cases[i].body);
        assert_int_equal(job_parse(&rules, tree, JOB_FACE_2, cases[i].kind, false, &j, &problems),
                         -1);
        char *text = text_of_problems(&problems);
        assert_string_equal(text, cases[i].problem);
        mem_free(text);
        problems_close(&problems);
        json_free(tree);
    }
}

static void spreads_as_far_as_its_targets_allow(void **unused)
{
    (void)unused;
    static const char *const bodies[] = {
        "{'name':'j','cron':'0,50 * * * *','jitterSeconds':599,'command':'x'}",
        "{'name':'j','cron':'@weekly','jitterSeconds':86400,'command':'x'}",
        "{'name':'j','schedule':'R//PT1H','jitterSeconds':3599,'command':'x'}",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct job j = job_of(bodies[i]);
        assert_true(j.jitter_s > 0);
        job_close(&j);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_its_next_target),
        cmocka_unit_test(reads_back_what_is_stored_and_shown),
        cmocka_unit_test(takes_beside_it_only_what_is_shown),
        cmocka_unit_test(keeps_it_for_who_does_not_know_it),
        cmocka_unit_test(another_expression_begins_anew),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(spreads_as_far_as_its_targets_allow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
