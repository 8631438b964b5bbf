/* What people are told of jobs: decided with what became of them. */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/str.h"

static int at_newest(void **data)
{
    char args[64];
    set_up(data);
    snprintf(args, sizeof args, "{'level':%d}", COMMAND_LEVEL);
    applied(*data, "schema.upgrade", args);
    applied(*data, "setting.put", "{'set':{'notify':'mail,slack'}}");
    return 0;
}

/* `more` goes into the definition, `put` into the command. */
static void put_job(struct fixture *f, const char *more, const char *put)
{
    struct buf args;
    struct job_row job;
    int64_t base = state_job_by_name(f->state, "j", &job) ? job.generation : 0;
    buf_init(&args, LIMIT_ENTRY_BYTES);
    buf_printf(
        &args,
        "{'name':'j','base':%lld,'definition':{'name':'j','command':'false','runAsUser':'root',"
        "'owner':'a@x, b@x','retries':0,'schedule':'R/2026-01-01T00:00:00.000Z/PT1H'%s},"
        "'schedule':'R/2026-01-01T00:00:00.000Z/PT1H','k':0,'remaining':-1%s}",
        (long long)base, more, put);
    applied(f, "job.put", buf_str(&args));
    buf_close(&args);
}

static int64_t newest_run(struct fixture *f)
{
    struct run_row r;
    struct stmt *q = state_runs(f->state, 1);
    assert_true(state_run_next(q, &r));
    stmt_end(q);
    return r.id;
}

/* A run of the job, `cause` of it: ends as `how` says. */
static void run_job(struct fixture *f, bool by_hand, const char *how)
{
    char args[512];
    struct run_row r;
    if (by_hand) {
        applied(f, "job.trigger", "{'name':'j'}");
    } else {
        struct job_row job;
        assert_true(state_job_by_name(f->state, "j", &job));
        snprintf(args, sizeof args,
                 "{'set':[{'job':%lld,'generation':%lld,'at_k':%lld,'k':%lld,'remaining':-1,"
                 "'schedule':'R//PT1H','claims':[{'due_ms':%lld}]}]}",
                 (long long)job.id, (long long)job.generation, (long long)job.k,
                 (long long)job.k + 1,
                 (long long)(T0 - 100000 + job.generation * 10000 + job.k * 1000));
        applied(f, "job.tick", args);
    }
    int64_t run = newest_run(f);
    snprintf(args, sizeof args,
             "{'runs':[{'run':%lld,'attempt':0,'name':'ct:500:%lld:j:','agent':0,'cpus':10,'mem':1,"
             "'disk':0}]}",
             (long long)run, (long long)run);
    applied(f, "task.launch", args);
    assert_true(state_run_by_id(f->state, run, &r));
    int64_t task = r.task;
    status(f, task, 1, "running");
    status(f, task, 2, how);
}

/* "failed j, disabled j": the oldest first. */
static void told_are(struct fixture *f, const char *wanted)
{
    char all[512] = "";
    struct notice_row n;
    struct stmt *q = state_notices_unsent(f->state);
    while (state_notice_next(q, &n)) {
        size_t len = strlen(all);
        snprintf(all + len, sizeof all - len, "%s%s %s", len > 0 ? ", " : "", n.event, n.job);
    }
    assert_string_equal(all, wanted);
}

static struct notice_row newest(struct fixture *f)
{
    struct notice_row n;
    struct stmt *q = state_notices(f->state, 1);
    assert_true(state_notice_next(q, &n));
    int64_t id = n.id;
    stmt_end(q);
    assert_true(state_notice_by_id(f->state, id, &n));
    return n;
}

static void ways_are(struct fixture *f, int64_t notice, const char *wanted)
{
    char all[256] = "";
    struct notice_way_row way;
    struct stmt *q = state_notice_ways(f->state, notice);
    while (state_notice_way_next(q, &way)) {
        size_t len = strlen(all);
        snprintf(all + len, sizeof all - len, "%s%s%s%s%s", len > 0 ? ", " : "", way.channel,
                 way.over.ms > 0 ? " over" : "", *way.error != '\0' ? ": " : "", way.error);
    }
    assert_string_equal(all, wanted);
}

static bool fact_is(struct notice_row n, const char *name, const char *wanted)
{
    struct error err;
    struct json *v = json_parse_own(n.facts, &err);
    assert_non_null(v);
    bool is = str_eq(json_str(json_get(v, name), NULL), wanted);
    json_free(v);
    return is;
}

static void owners_hear_that_a_job_failed(void **data)
{
    struct fixture *f = *data;
    put_job(f, "", "");
    run_job(f, false, "failed");
    told_are(f, "failed j");
    struct notice_row n = newest(f);
    assert_string_equal(n.owners, "a@x, b@x");
    assert_true(fact_is(n, "errorCount", "1") && fact_is(n, "errorsSinceLastSuccess", "1") &&
                fact_is(n, "command", "false") && fact_is(n, "retries", "0") &&
                fact_is(n, "softError", "false") && fact_is(n, "lastSuccess", ""));
    assert_non_null(strstr(n.facts.p, "Task id: ct:500:1:j:"));
    assert_non_null(strstr(n.facts.p, "Retries: 0 of 0"));
    ways_are(f, n.id, "mail, slack");
}

static void not_while_it_is_tried_again(void **data)
{
    struct fixture *f = *data;
    put_job(f, ",'retries':1", "");
    run_job(f, false, "failed");
    told_are(f, "");
}

static void nobody_is_told_without_a_channel(void **data)
{
    struct fixture *f = *data;
    applied(f, "setting.put", "{'set':{'notify':''}}");
    put_job(f, "", "");
    run_job(f, false, "failed");
    told_are(f, "");
    apply(f, "notice.test", "{'channel':'','to':'a@x'}");
    assert_int_equal(f->last.code, ERR_CONFLICT);
}

static void a_job_says_what_its_owners_want_to_hear(void **data)
{
    struct fixture *f = *data;
    put_job(f, ",'notify':['recovered']", "");
    run_job(f, false, "finished");
    run_job(f, false, "failed");
    run_job(f, false, "failed");
    run_job(f, false, "finished");
    run_job(f, false, "finished");
    applied(f, "job.delete", "{'name':'j'}");
    told_are(f, "recovered j");
    assert_true(fact_is(newest(f), "errorsSinceLastSuccess", "0"));
}

static void a_deleted_one_has_no_message(void **data)
{
    struct fixture *f = *data;
    put_job(f, "", "");
    applied(f, "job.delete", "{'name':'j'}");
    told_are(f, "deleted j");
    assert_true(fact_is(newest(f), "message", NULL));
}

/* Of such characters each is six in JSON. */
static void whatever_the_texts_of_a_job_are_they_fit(void **data)
{
    static const char *const before[] = {",'command':'", "','executor':'", "','executorFlags':'",
                                         "','uris':['"};
    struct fixture *f = *data;
    struct buf more;
    buf_init(&more, LIMIT_ENTRY_BYTES);
    for (size_t i = 0; i < COUNT(before); i++) {
        buf_puts(&more, before[i]);
        for (int k = 0; k < LIMIT_NOTICE_TEXT_BYTES; k++)
            buf_puts(&more, "\\u0001");
    }
    buf_puts(&more, "']");
    put_job(f, buf_str(&more), "");
    buf_close(&more);
    run_job(f, false, "failed");
    told_are(f, "failed j");
    struct error err;
    struct json *v = json_parse_own(newest(f).facts, &err);
    assert_int_equal(strlen(json_str(json_get(v, "uris"), "")), LIMIT_NOTICE_TEXT_BYTES - 1);
    json_free(v);
}

static void a_missed_run_is_told(void **data)
{
    struct fixture *f = *data;
    put_job(f, ",'notify':['missed']", ",'missed':{'due_ms':500,'covers':3,'reason':'window'}");
    told_are(f, "missed j");
    assert_non_null(strstr(newest(f).facts.p, "window"));
}

static void late_is_what_the_job_says(void **data)
{
    struct fixture *f = *data;
    put_job(f, ",'notifyLateSeconds':3600,'notify':['late']", "");
    run_job(f, false, "finished");
    told_are(f, "");
    put_job(f, ",'notifyLateSeconds':0", "");
    run_job(f, true, "finished"); /* somebody asked for it */
    told_are(f, "");
    run_job(f, false, "finished");
    told_are(f, "late j");
}

/* Its delay is part of when it was to start; below that level it was not. */
static void late_is_counted_from_where_the_delay_ends(void **data)
{
    struct fixture *f = *data;
    put_job(f, ",'notifyLateSeconds':0,'jitterSeconds':86400", "");
    run_job(f, false, "finished");
    told_are(f, "");
}

static void after_so_many_failures_it_is_disabled(void **data)
{
    struct fixture *f = *data;
    struct job_row job;
    applied(f, "setting.put", "{'set':{'disable_after_failures':'2'}}");
    put_job(f, "", "");
    run_job(f, false, "failed");
    run_job(f, true, "failed"); /* never by one that somebody asked for */
    told_are(f, "failed j, failed j");
    assert_true(state_job_by_name(f->state, "j", &job) && !job.disabled);
    run_job(f, false, "failed");
    told_are(f, "failed j, failed j, disabled j");
    assert_true(state_job_by_name(f->state, "j", &job) && job.disabled);
    assert_int_equal(job.errors, 3);
}

static void the_delay_before_a_retry_is_the_clusters(void **data)
{
    struct fixture *f = *data;
    struct run_row r;
    applied(f, "setting.put", "{'set':{'failure_retry_ms':'1234'}}");
    put_job(f, ",'retries':1", "");
    run_job(f, false, "failed");
    assert_true(state_run_by_id(f->state, newest_run(f), &r));
    assert_int_equal(r.not_before.ms, f->at - 1 + 1234);
    put_job(f, ",'retries':1,'retryDelaySeconds':7", "");
    run_job(f, true, "failed");
    assert_true(state_run_by_id(f->state, newest_run(f), &r));
    assert_int_equal(r.not_before.ms, f->at - 1 + 7000);
}

static void each_way_is_over_for_itself(void **data)
{
    struct fixture *f = *data;
    put_job(f, "", "");
    run_job(f, false, "failed");
    applied(f, "notice.told",
            "{'set':[{'notice':1,'channel':'mail','over':true},"
            "{'notice':1,'channel':'slack','error':'no'},"
            "{'notice':1,'channel':'http','over':true},"
            "{'notice':9,'channel':'mail','over':true}]}");
    ways_are(f, 1, "mail over, slack: no");
    told_are(f, "failed j");
    applied(f, "notice.told",
            "{'set':[{'notice':1,'channel':'mail','error':'late word'},"
            "{'notice':1,'channel':'slack','over':true,'error':'for a day'}]}");
    ways_are(f, 1, "mail over, slack over: for a day");
    told_are(f, "");
    struct event_row event, last = {0};
    struct events *q = state_events_after(f->state, 0, 1000);
    char text[200] = "";
    while (state_event_next(q, &event)) {
        last = event;
        snprintf(text, sizeof text, "%s", last.text);
    }
    assert_string_equal(text, "job j: that it is failed is not told by slack: for a day");
}

/* Of each way: that it fails, once, and what became of it. */
static void the_job_has_events_of_it(void **data)
{
    struct fixture *f = *data;
    put_job(f, "", "");
    run_job(f, false, "failed");
    int changes = f->changes;
    for (int i = 0; i < 2; i++)
        applied(f, "notice.told",
                "{'set':[{'notice':1,'channel':'mail','over':false,'error':'no','next_ms':1}]}");
    applied(f, "notice.told", "{'set':[{'notice':1,'channel':'mail','over':true,'error':''}]}");
    assert_int_equal(f->changes, changes + 2); /* who looks hears of both */
    struct event_row event;
    struct events *q = state_events_after(f->state, 0, 1000);
    char texts[400] = "";
    while (state_event_next(q, &event))
        if (str_eq(event.what, "notice"))
            snprintf(texts + strlen(texts), sizeof texts - strlen(texts), "%s\n", event.text);
    assert_string_equal(texts, "job j: that it is failed is not told by mail yet: no\n"
                               "job j: that it is failed is told by mail\n");
}

static void counts_are(struct fixture *f, const char *channel, int64_t sent, int64_t given_up)
{
    struct notice_counts n = state_notice_counts(f->state, channel);
    assert_int_equal(n.sent, sent);
    assert_int_equal(n.given_up, given_up);
}

static void what_became_of_them_is_kept(void **data)
{
    struct fixture *f = *data;
    put_job(f, "", "");
    run_job(f, false, "failed");
    applied(f, "notice.told",
            "{'set':[{'notice':1,'channel':'mail','over':false,'error':'no','next_ms':77}]}");
    applied(f, "notice.told",
            "{'set':[{'notice':1,'channel':'mail','over':false,'error':'no','next_ms':99}]}");
    struct notice_tries t = state_notice_tries(f->state, 1, "mail");
    assert_int_equal(t.failed, 2);
    assert_int_equal(t.next.ms, 99);
    counts_are(f, "mail", 0, 0);
    applied(f, "notice.told",
            "{'set':[{'notice':1,'channel':'mail','over':true,'error':''},"
            "{'notice':1,'channel':'slack','over':true,'error':'gone','next_ms':5}]}");
    assert_int_equal(state_notice_tries(f->state, 1, "slack").next.ms, 0);
    counts_are(f, "mail", 1, 0);
    counts_are(f, "slack", 0, 1);
    applied(f, "notice.told", "{'set':[{'notice':1,'channel':'mail','over':true,'error':''}]}");
    counts_are(f, "mail", 1, 0); /* told twice, counted once */
}

/* It goes on to wait, and that is told once. */
static void a_run_without_a_place_is_told(void **data)
{
    struct fixture *f = *data;
    put_job(f, ",'notify':['unplaced']", "");
    applied(f, "job.trigger", "{'name':'j'}");
    for (int i = 0; i < 2; i++)
        applied(f, "run.update",
                "{'set':[{'run':1,'attempt':0,'to':'unplaced','reason':'no room'}]}");
    told_are(f, "unplaced j");
    struct run_row r;
    assert_true(state_run_by_id(f->state, 1, &r));
    assert_int_equal(r.state, RUN_QUEUED);
}

static void a_test_goes_by_one_channel_or_by_all(void **data)
{
    struct fixture *f = *data;
    applied(f, "notice.test", "{'channel':'mail','to':'me@x'}");
    assert_non_null(strstr(buf_str(&f->last.detail), "\"notice\":1"));
    ways_are(f, 1, "mail");
    assert_string_equal(newest(f).owners, "me@x");
    applied(f, "notice.test", "{'channel':'','to':'a@x'}");
    ways_are(f, 2, "mail, slack");
    apply(f, "notice.test", "{'channel':'http','to':'a@x'}");
    assert_int_equal(f->last.code, ERR_CONFLICT);
    assert_non_null(strstr(f->last.text, "mail,slack"));
}

static void they_are_bounded(void **data)
{
    struct fixture *f = *data;
    for (int i = 0; i < LIMIT_NOTICES + 3; i++)
        applied(f, "notice.test", "{'channel':'mail','to':'a@x'}");
    assert_int_equal(state_notices_unsent_count(f->state), LIMIT_NOTICES);
    for (int i = 4; i <= LIMIT_NOTICES + 3; i++) {
        char args[128];
        snprintf(args, sizeof args, "{'set':[{'notice':%d,'channel':'mail','over':true}]}", i);
        applied(f, "notice.told", args);
    }
    applied(f, "notice.test", "{'channel':'mail','to':'a@x'}");
    struct notice_row n;
    int kept = 0;
    struct stmt *q = state_notices(f->state, 10 * LIMIT_NOTICES);
    while (state_notice_next(q, &n))
        kept++;
    assert_int_equal(kept, LIMIT_NOTICES_OLD);
}

static void without_an_owner_nobody_is_mailed(void **data)
{
    struct fixture *f = *data;
    put_job(f, ",'owner':' , '", "");
    run_job(f, false, "failed");
    ways_are(f, newest(f).id, "mail over: no owner, so nobody to mail, slack");
    applied(f, "setting.put", "{'set':{'notify':'mail'}}");
    run_job(f, false, "failed");
    ways_are(f, newest(f).id, "mail over: no owner, so nobody to mail");
    assert_int_equal(state_notice_counts(f->state, "mail").sent, 0);
    assert_int_equal(state_notice_counts(f->state, "mail").given_up, 0);
}

/* As a cluster under upgrade: its mail waits for who leads. */
static void below_its_level_it_waits(void **data)
{
    struct fixture *f = *data;
    applied(f, "schema.upgrade", "{'level':43}");
    applied(f, "setting.put", "{'set':{'notify':'mail'}}");
    put_job(f, ",'owner':''", "");
    run_job(f, false, "failed");
    ways_are(f, newest(f).id, "mail");
}

static void below_its_level_sentry_is_not_told(void **data)
{
    struct fixture *f = *data;
    applied(f, "schema.upgrade", "{'level':47}");
    applied(f, "setting.put", "{'set':{'notify':'slack,sentry'}}");
    put_job(f, "", "");
    run_job(f, false, "failed");
    ways_are(f, newest(f).id, "slack");
    applied(f, "schema.upgrade", "{'level':48}");
    run_job(f, false, "failed");
    ways_are(f, newest(f).id, "sentry, slack");
}

/* As a cluster under upgrade: what an older build does with the same commands, and nothing more. */
static void below_its_level_there_are_none(void **data)
{
    struct fixture *f = *data;
    struct job_row job;
    applied(f, "setting.put", "{'set':{'notify':'mail','disable_after_failures':'1'}}");
    put_job(f, "", "");
    run_job(f, false, "failed");
    assert_true(state_job_by_name(f->state, "j", &job) && !job.disabled);
    assert_null(state_notices_unsent(f->state));
    assert_int_equal(state_notices_unsent_count(f->state), 0);
    apply(f, "notice.test", "{'channel':'mail','to':''}");
    assert_int_not_equal(f->last.code, ERR_NONE);
}

#define AT_NEWEST(name) cmocka_unit_test_setup_teardown(name, at_newest, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        AT_NEWEST(owners_hear_that_a_job_failed),
        AT_NEWEST(not_while_it_is_tried_again),
        AT_NEWEST(nobody_is_told_without_a_channel),
        AT_NEWEST(a_job_says_what_its_owners_want_to_hear),
        AT_NEWEST(a_deleted_one_has_no_message),
        AT_NEWEST(whatever_the_texts_of_a_job_are_they_fit),
        AT_NEWEST(a_missed_run_is_told),
        AT_NEWEST(late_is_what_the_job_says),
        AT_NEWEST(late_is_counted_from_where_the_delay_ends),
        AT_NEWEST(after_so_many_failures_it_is_disabled),
        AT_NEWEST(the_delay_before_a_retry_is_the_clusters),
        AT_NEWEST(each_way_is_over_for_itself),
        AT_NEWEST(the_job_has_events_of_it),
        AT_NEWEST(what_became_of_them_is_kept),
        AT_NEWEST(a_run_without_a_place_is_told),
        AT_NEWEST(a_test_goes_by_one_channel_or_by_all),
        AT_NEWEST(they_are_bounded),
        AT_NEWEST(without_an_owner_nobody_is_mailed),
        cmocka_unit_test_setup_teardown(below_its_level_it_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(below_its_level_sentry_is_not_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(below_its_level_there_are_none, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
