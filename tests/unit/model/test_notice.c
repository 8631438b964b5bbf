#include "unit.h"

#include <string.h>

#include "cases.h"
#include "model/job.h"

static void subjects_are_chronos(void **unused)
{
    (void)unused;
    static const struct {
        enum notice n;
        const char *cluster, *subject;
    } rows[] = {
        {NOTICE_DELETED, "", " [Chronos] Your job 'a b' was deleted!"},
        {NOTICE_DISABLED, "", " [Chronos] job 'a b' disabled"},
        {NOTICE_FAILED, "prod", "[prod] [Chronos] job 'a b' failed!"},
        {NOTICE_RECOVERED, "prod", "[prod] [Chronos] job 'a b' works again"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct buf b;
        buf_init(&b, 1000);
        notice_subject(rows[i].n, rows[i].cluster, "a b", &b);
        assert_string_equal(buf_str(&b), rows[i].subject);
        buf_close(&b);
    }
}

static void owners_are_told_one_by_one(void **unused)
{
    (void)unused;
    static const struct {
        const char *owners, *one_by_one;
    } rows[] = {
        {"a@x", "<a@x>"},     {" a@x , b@x,c ", "<a@x><b@x><c>"}, {"", "<>"}, {" , ,", "<>"},
        {",a,,b,", "<a><b>"}, {"Ann B <a@x>", "<Ann B <a@x>>"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char all[100] = "";
        const char *rest = rows[i].owners;
        while (rest != NULL) {
            struct slice owner = notice_owner_next(&rest);
            strncat(strcat(all, "<"), owner.p, owner.len);
            strcat(all, ">");
        }
        assert_string_equal(all, rows[i].one_by_one);
    }
}

static void channels_are_whole_words(void **unused)
{
    (void)unused;
    assert_true(notice_channels_have("mail,slack", "mail"));
    assert_true(notice_channels_have("mail,slack", "slack"));
    assert_false(notice_channels_have("mail,slack", "sla"));
    assert_false(notice_channels_have("mail,slack", "mattermost"));
    assert_false(notice_channels_have("", "mail"));
}

#define JOB "{'name':'n','command':'c','schedule':'R/2026-01-01T00:00:00.000Z/PT1H'"

static int parse(const char *body, struct job *out, char **problems_out)
{
    struct job_rules rules = job_rules_default();
    struct problems problems = {0};
    struct json *tree = tree_of(body);
    int result = job_parse(&rules, tree, JOB_FACE_3, JOB_SCHEDULED, false, out, &problems);
    *problems_out = text_of_problems(&problems);
    problems_close(&problems);
    json_free(tree);
    return result;
}

/* The words that it asks for, as it is printed; NULL: it says nothing of them. */
static void asks_for(const char *member, const char *printed, const char *heard)
{
    char body[500], *problems, told[200] = "";
    struct job j;
    struct buf b;
    struct json_writer w;
    snprintf(body, sizeof body, JOB "%s}", member);
    assert_int_equal(parse(body, &j, &problems), 0);
    mem_free(problems);
    for (int n = 0; n < NOTICE_KINDS; n++)
        if (job_notifies(&j, (enum notice)n))
            strcat(strcat(told, notice_word((enum notice)n)), " ");
    assert_string_equal(told, heard);
    buf_init(&b, 10000);
    json_begin(&w, &b);
    job_write(&j, false, &w);
    if (printed == NULL)
        assert_null(strstr(buf_str(&b), "notify"));
    else
        assert_non_null(strstr(buf_str(&b), printed));
    buf_close(&b);
    job_close(&j);
}

static void a_job_asks_for_what_its_owners_hear(void **unused)
{
    (void)unused;
    asks_for("", NULL, "failed disabled deleted test ");
    asks_for(",'notify':[]", "\"notify\":[]", "test ");
    asks_for(",'notify':['late','failed','late']", "\"notify\":[\"failed\",\"late\"]",
             "failed late test ");
    asks_for(",'notifyLateSeconds':30", "\"notifyLateSeconds\":30",
             "failed disabled deleted late test ");
}

static void other_words_are_refused(void **unused)
{
    (void)unused;
    struct job j = {0};
    char *problems;
    assert_int_equal(parse(JOB ",'notify':['failed','test']}", &j, &problems), -1);
    assert_non_null(strstr(problems, "notify"));
    assert_non_null(strstr(problems, "\"test\""));
    assert_non_null(strstr(problems, "recovered"));
    mem_free(problems);
    job_close(&j);
}

static void all_that_is_told_is_text(void **unused)
{
    (void)unused;
    char *problems;
    struct job j;
    struct buf b;
    struct json_writer w;
    assert_int_equal(parse(JOB ",'cpus':0.5,'mem':64,'uris':['http://a/1','http://a/2'],"
                               "'softError':true,'retries':3}",
                           &j, &problems),
                     0);
    mem_free(problems);
    buf_init(&b, 100000);
    json_begin(&w, &b);
    json_object(&w);
    job_write_notice(&j, &w);
    json_object_end(&w);
    assert_string_equal(
        buf_str(&b),
        "{\"job\":\"n\",\"command\":\"c\",\"cpus\":\"0.5\",\"softError\":\"true\","
        "\"errorCount\":\"0\",\"errorsSinceLastSuccess\":\"0\",\"executor\":\"\","
        "\"executorFlags\":\"\",\"lastError\":\"\",\"lastSuccess\":\"\",\"mem\":\"64.0\","
        "\"retries\":\"3\",\"successCount\":\"0\",\"uris\":\"http://a/1,http://a/2\","
        "\"async\":\"false\",\"epsilon\":\"\"}");
    buf_close(&b);
    job_close(&j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(subjects_are_chronos),
        cmocka_unit_test(owners_are_told_one_by_one),
        cmocka_unit_test(channels_are_whole_words),
        cmocka_unit_test(a_job_asks_for_what_its_owners_hear),
        cmocka_unit_test(other_words_are_refused),
        cmocka_unit_test(all_that_is_told_is_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
