/* What an agent does with orders, reports, a lost leader, and its own end (DESIGN 6). */
#include "post.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

static struct post p;

static int begin(void **unused)
{
    (void)unused;
    post_open(&p);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    post_close(&p);
    return 0;
}

#define expect_done(text) assert_string_equal(post_done(&p), text)

/* ---- registering */

static void it_registers_until_it_is_welcome(void **unused)
{
    (void)unused;
    post_leader(&p, 5);
    expect_done("register docker=\n");
    post_run_ms(&p, 4100);
    expect_done("register docker=\nregister docker=\n");
    assert_int_equal(agent_id(p.agent), -1);
    post_hear(&p, "{'m':'welcome','id':7}");
    assert_int_equal(agent_id(p.agent), 7);
    post_run_ms(&p, 10000);
    expect_done("");
}

static void its_uid_is_for_life(void **unused)
{
    int64_t uid = agent_uid(p.agent);
    (void)unused;
    assert_true(uid > 0);
    post_restart(&p);
    assert_int_equal(agent_uid(p.agent), uid);
}

static void it_pongs_at_least_once_a_second_and_counts_up(void **unused)
{
    (void)unused;
    post_settle(&p);
    for (int i = 0; i < 10; i++) {
        int64_t before = p.pong;
        post_run_ms(&p, 1000);
        assert_true(p.pong > before);
    }
}

static void no_pong_is_counted_like_one_of_an_earlier_process(void **unused)
{
    (void)unused;
    post_settle(&p);
    post_run_ms(&p, 30000);
    int64_t newest = p.pong;
    post_restart(&p);
    post_settle(&p);
    for (int i = 0; i < 100; i++) {
        post_run_ms(&p, 1000);
        assert_true(p.pong < newest - 1000 || p.pong > newest + 1000);
    }
}

static void asked_who_it_is_it_registers_anew(void **unused)
{
    (void)unused;
    post_settle(&p);
    post_run(&p, 1, 0, "");
    post_done(&p);
    post_hear(&p, "{'m':'again'}");
    expect_done("register docker= 1:staging:0\n");
}

static void docker_that_is_found_late_is_told(void **unused)
{
    (void)unused;
    post_leader(&p, 5);
    post_done(&p);
    post_docker(&p, "24.0", ""); /* the registration is on its way */
    expect_done("");
    post_welcome(&p);
    expect_done("register docker=24.0\n");
    post_welcome(&p);
    expect_done("");
    post_docker(&p, "24.0", "");
    expect_done("");
    post_docker(&p, "", "it was stopped");
    expect_done("register docker=\n");
}

static void a_leader_that_was_is_not_listened_to(void **unused)
{
    (void)unused;
    post_settle(&p);
    post_leader(&p, 9);
    post_done(&p);
    p.term = 8;
    post_welcome(&p);
    post_run(&p, 1, 0, "");
    post_hear(&p, "{'m':'kill','task':1,'reason':'x'}");
    post_hear(&p, "{'m':'routes','revision':1,'routes':[]}");
    expect_done("");
    p.term = 9;
    post_hear(&p, "{'m':'routes','revision':1,'routes':[]}");
    expect_done("routes\n");
}

static void a_change_to_other_routes_waits_for_all_of_them(void **unused)
{
    (void)unused;
    static const char seven[] = "{'m':'routes','revision':7,'since':6,'routes':[],'removed':[]}";
    post_settle(&p);
    post_hear(&p, "{'m':'routes','revision':5,'routes':[]}");
    expect_done("routes\n");
    post_hear(&p, "{'m':'routes','revision':6,'since':5,'routes':[],'removed':[]}");
    expect_done("routes\n");
    post_hear(&p, "{'m':'routes','revision':6,'since':5,'routes':[],'removed':[]}");
    expect_done(""); /* it came twice */
    agent_routes_refused(p.agent);
    post_hear(&p, seven);
    expect_done(""); /* the proxy has no revision 6 */
    post_hear(&p, "{'m':'routes','revision':7,'routes':[]}");
    expect_done("routes\n");
    p.term++; /* another leader counts from the beginning */
    post_leader(&p, p.term);
    post_welcome(&p);
    post_done(&p);
    post_hear(&p, "{'m':'routes','revision':8,'since':7,'routes':[],'removed':[]}");
    expect_done("");
}

/* Each leader counts them anew: by chance it may have come to the same number. */
static void another_leaders_routes_are_none_of_this_ones(void **unused)
{
    (void)unused;
    post_settle(&p);
    post_hear(&p, "{'m':'routes','revision':5,'routes':[]}");
    post_run_ms(&p, 500);
    assert_int_equal(p.routes, 5);
    post_leader(&p, p.term); /* the same one */
    post_welcome(&p);
    post_run_ms(&p, 500);
    assert_int_equal(p.routes, 5);
    post_leader(&p, p.term + 1);
    post_welcome(&p);
    post_run_ms(&p, 500);
    assert_int_equal(p.routes, ROUTES_NONE);
}

/* ---- running */

static void a_task_lives_from_order_to_acknowledged_end(void **unused)
{
    (void)unused;
    post_settle(&p);
    post_run(&p, 5, 0, "");
    expect_done("launch 5\n");
    post_report(&p, "{'task':5,'seq':0,'state':'starting','at':1}");
    post_report(&p, "{'task':5,'seq':0,'state':'running','at':2,'pid':7}");
    expect_done("status 5:1 starting\nstatus 5:2 running\n");
    post_hear(&p, "{'m':'ack','statuses':[{'task':5,'seq':2}]}");
    post_report(&p, "{'task':5,'seq':0,'state':'finished','at':3,'exit':0}");
    expect_done("status 5:3 finished\n");
    assert_int_equal(post_rows(&p, "tasks"), 1);
    post_hear(&p, "{'m':'ack','statuses':[{'task':5,'seq':3}]}");
    expect_done("forget 5\n");
    assert_int_equal(post_rows(&p, "tasks"), 0);
    assert_int_equal(post_rows(&p, "statuses"), 0);
}

static void an_order_that_comes_twice_starts_once(void **unused)
{
    (void)unused;
    post_settle(&p);
    post_run(&p, 5, 0, "");
    post_run(&p, 5, 0, "");
    expect_done("launch 5\n");
    post_report(&p, "{'task':5,'seq':0,'state':'running','at':2}");
    post_done(&p);
    post_run(&p, 5, 0, "");
    expect_done("status 5:1 running\n");
    post_report(&p, "{'task':5,'seq':0,'state':'failed','at':3}");
    post_done(&p);
    post_run(&p, 5, 0, "");
    expect_done("status 5:2 failed\n");
}

/* Its leader gave the first order up, since it heard nothing of it (spec/chronos.md 5.2). */
/* It was long under way: by the time its lease is over, it is too late anyway. */
static void an_order_that_comes_after_the_end_starts_nothing(void **unused)
{
    (void)unused;
    post_settle(&p);
    int64_t pong = p.pong;
    post_run(&p, 5, pong, ",'once':true");
    post_report(&p, "{'task':5,'seq':0,'state':'running','at':1}");
    post_report(&p, "{'task':5,'seq':0,'state':'finished','at':2}");
    post_hear(&p, "{'m':'ack','statuses':[{'task':5,'seq':9}]}");
    assert_non_null(strstr(post_done(&p), "forget 5"));
    post_run(&p, 5, pong, ",'once':true");
    assert_string_equal(post_done(&p), "");
    post_run_ms(&p, 2500);
    post_done(&p);
    post_run(&p, 5, pong, ",'once':true");
    assert_null(strstr(post_done(&p), "launch"));
}

static void an_attempt_of_a_run_is_started_once_whatever_its_task(void **unused)
{
    (void)unused;
    post_settle(&p);
    post_run(&p, 5, 0, ",'run':1");
    post_report(&p, "{'task':5,'seq':0,'state':'finished','at':2,'exit':0}");
    post_done(&p);
    post_run(&p, 6, 0, ",'run':1");
    expect_done("status 5:1 finished\nstatus 6:1 dropped\n");
    post_run(&p, 7, 0, ",'run':1,'name':'other'");
    expect_done("launch 7\n");
    post_run(&p, 10, 0, ",'run':2"); /* its job was deleted and made again */
    expect_done("launch 10\n");
    post_run(&p, 8, 0, "");
    post_run(&p, 9, 0, ""); /* an app's instance has a name of its own: nothing is looked up */
    expect_done("launch 8\nlaunch 9\n");
}

/* Else it would be ordered again at once, and again, until there is news of the first. */
static void the_leader_hears_of_an_attempt_that_it_ordered_twice(void **unused)
{
    (void)unused;
    post_settle(&p);
    post_run(&p, 5, p.pong, ",'run':1,'once':true");
    post_hear(&p, "{'m':'ack','statuses':[{'task':5,'seq':1}]}");
    post_done(&p);
    post_run(&p, 6, p.pong, ",'run':1,'once':true");
    expect_done("status 5:2 starting\nstatus 6:1 dropped\n");
}

static void an_attempt_that_came_too_late_may_be_ordered_again(void **unused)
{
    (void)unused;
    post_settle(&p);
    post_run(&p, 5, p.pong - 70, ",'run':1,'once':true");
    expect_done("status 5:1 dropped\n");
    post_run(&p, 6, p.pong, ",'run':1,'once':true");
    expect_done("launch 6\nstatus 6:1 starting\n");
}

static void orders_that_make_no_sense_are_left(void **unused)
{
    static const char *const orders[] = {
        "{'m':'run'}",
        "{'m':'run','spec':7}",
        "{'m':'run','spec':{'task':-1}}",
        "{'m':'run','spec':{'task':1,'name':'t','of':'/w','agent':'a','framework':'f'}}",
        "{'m':'kill','reason':7,'task':'x'}",
        "{'m':'ack','statuses':7}",
        "{'m':'ack','statuses':[7,{},{'task':'x'}]}",
        "{'m':'register'}",
        "{'m':'pong'}",
    };
    (void)unused;
    post_settle(&p);
    for (size_t i = 0; i < COUNT(orders); i++) {
        post_hear(&p, orders[i]);
        assert_null(strstr(post_done(&p), "launch"));
    }
    assert_int_equal(post_rows(&p, "tasks"), 0);
}

/* ---- reporting */

static void a_status_is_repeated_until_it_is_acknowledged(void **unused)
{
    (void)unused;
    post_settle(&p);
    post_run(&p, 5, 0, "");
    post_report(&p, "{'task':5,'seq':0,'state':'running','at':2}");
    post_done(&p);
    post_run_ms(&p, 4100);
    expect_done("status 5:1 running\nstatus 5:1 running\n");
    post_hear(&p, "{'m':'ack','statuses':[{'task':5,'seq':1},{'task':77,'seq':1}]}");
    post_run_ms(&p, 10000);
    expect_done("");
}

static void an_old_acknowledgement_leaves_what_is_newer(void **unused)
{
    (void)unused;
    post_settle(&p);
    post_run(&p, 5, 0, "");
    post_report(&p, "{'task':5,'seq':0,'state':'running','at':2}");
    post_report(&p, "{'task':5,'seq':0,'state':'failed','at':2}");
    post_hear(&p, "{'m':'ack','statuses':[{'task':5,'seq':1}]}");
    post_done(&p);
    post_run_ms(&p, 2100);
    expect_done("status 5:2 failed\n");
}

static void what_happened_without_a_leader_is_told_to_the_next(void **unused)
{
    (void)unused;
    post_settle(&p);
    post_run(&p, 5, 0, "");
    post_leader(&p, 6);
    post_done(&p);
    post_report(&p, "{'task':5,'seq':0,'state':'running','at':2}");
    post_report(&p, "{'task':5,'seq':0,'state':'failed','at':3}");
    expect_done("");
    post_welcome(&p);
    expect_done("status 5:1 running\nstatus 5:2 failed\n");
}

static void the_first_end_counts(void **unused)
{
    (void)unused;
    post_settle(&p);
    post_run(&p, 5, 0, "");
    post_report(&p, "{'task':5,'seq':0,'state':'failed','at':3}");
    post_done(&p);
    post_report(&p, "{'task':5,'seq':0,'state':'finished','at':4}");
    post_report(&p, "{'task':5,'seq':0,'state':'running','at':4}");
    expect_done("");
}

/* Somebody has removed the executor's files: it cannot know better. */
static void what_has_run_was_started(void **unused)
{
    (void)unused;
    post_settle(&p);
    post_run(&p, 5, 0, "");
    post_report(&p, "{'task':5,'seq':0,'state':'running','at':3}");
    post_restart(&p);
    post_done(&p);
    post_report(&p, "{'task':5,'seq':0,'state':'staging','at':4}");
    expect_done("");
    post_report(&p, "{'task':5,'seq':0,'state':'dropped','at':5}");
    post_leader(&p, 5);
    post_welcome(&p);
    expect_done("register docker= 5:lost:2\nstatus 5:1 running\nstatus 5:2 lost\n");
}

/* Health that changes every second through a night without a leader. */
static void a_long_silence_of_the_leader_costs_a_few_rows(void **unused)
{
    char status[128];
    (void)unused;
    post_settle(&p);
    post_run(&p, 5, 0, "");
    post_leader(&p, 6);
    post_report(&p, "{'task':5,'seq':0,'state':'starting','at':1}");
    for (int i = 0; i < 2000; i++) {
        snprintf(status, sizeof status,
                 "{'task':5,'seq':0,'state':'running','at':2,'health':%d,'health_results':[%d]}",
                 1 + i % 2, i);
        post_report(&p, status);
    }
    assert_int_equal(post_rows(&p, "statuses"), 2);
    post_done(&p);
    post_welcome(&p);
    expect_done("status 5:1 starting\nstatus 5:2001 running\n");
}

static void many_statuses_go_one_message_after_another(void **unused)
{
    (void)unused;
    post_settle(&p);
    post_leader(&p, 6);
    for (int i = 1; i <= 1300; i++) {
        char status[96];
        post_run(&p, i, 0, "");
        snprintf(status, sizeof status, "{'task':%d,'seq':0,'state':'running','at':2}", i);
        post_report(&p, status);
    }
    post_done(&p);
    post_welcome(&p);
    int rounds = 0;
    for (const char *told = post_done(&p); told[0] != '\0'; told = post_done(&p), rounds++) {
        struct buf ack;
        buf_init(&ack, 1 << 20);
        buf_puts(&ack, "{'m':'ack','statuses':[");
        for (const char *at = told; *at != '\0'; at = strchr(at, '\n') + 1) {
            int task, seq;
            assert_int_equal(sscanf(at, "status %d:%d", &task, &seq), 2);
            buf_printf(&ack, "%s{'task':%d,'seq':%d}", at > told ? "," : "", task, seq);
        }
        buf_puts(&ack, "]}");
        post_hear(&p, buf_str(&ack));
        buf_close(&ack);
    }
    assert_int_equal(rounds, 3);
    assert_int_equal(post_rows(&p, "statuses"), 0);
}

static void what_nobody_ordered_is_ended(void **unused)
{
    (void)unused;
    post_settle(&p);
    post_report(&p, "{'task':9,'seq':0,'state':'running','at':2}");
    expect_done("kill 9 nobody knows this task any more\n");
    post_report(&p, "{'task':9,'seq':0,'state':'killed','at':2}");
    expect_done("forget 9\n");
}

/* ---- ending */

static void a_kill_goes_to_the_executor_and_a_second_one_too(void **unused)
{
    (void)unused;
    post_settle(&p);
    post_run(&p, 5, 0, "");
    post_done(&p);
    post_hear(&p, "{'m':'kill','task':5,'reason':'scaled down'}");
    post_hear(&p, "{'m':'kill','task':5,'reason':'scaled down'}");
    expect_done("kill 5 scaled down\nkill 5 scaled down\n");
    post_report(&p, "{'task':5,'seq':0,'state':'killed','at':3}");
    post_done(&p);
    post_hear(&p, "{'m':'kill','task':5,'reason':'scaled down'}");
    expect_done("status 5:1 killed\n"); /* it has ended: that is told again */
}

static void a_kill_of_what_is_not_known_is_answered(void **unused)
{
    (void)unused;
    post_settle(&p);
    post_hear(&p, "{'m':'kill','task':5,'reason':'x'}");
    expect_done("status 5:1099511627776 killed\n");
    assert_int_equal(post_rows(&p, "statuses"), 0);
    post_hear(&p, "{'m':'ack','statuses':[{'task':5,'seq':1099511627776}]}");
    expect_done("");
}

/* ---- the start lease */

static void a_run_that_must_not_come_late_starts_within_its_lease_only(void **unused)
{
    static const struct {
        int64_t age, wait_ms; /* of the pong that is named; ms since it was sent */
        const char *done;
    } rows[] = {
        {0, 0, "launch 5\nstatus 5:1 starting\n"},
        {0, 400, "launch 5\nstatus 5:1 starting\n"},
        {3, 400, "launch 5\nstatus 5:1 starting\n"},
        {4, 0, "status 5:1 dropped\n"}, /* 2 s old */
        {60, 0, "status 5:1 dropped\n"},
        {64, 0, "status 5:1 dropped\n"}, /* longer ago than is remembered */
        {-1, 0, "status 5:1 dropped\n"}, /* not sent yet */
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        post_close(&p);
        post_open(&p);
        post_settle(&p);
        post_run_ms(&p, 60000 - 1); /* a pong has just been sent */
        int64_t named = p.pong - rows[i].age;
        post_run_ms(&p, rows[i].wait_ms);
        post_done(&p);
        post_run(&p, 5, named, ",'once':true");
        expect_done(rows[i].done);
    }
}

static void a_run_of_an_earlier_processs_pong_is_dropped(void **unused)
{
    (void)unused;
    post_settle(&p);
    post_run_ms(&p, 1000);
    int64_t named = p.pong;
    post_restart(&p);
    post_settle(&p);
    post_run(&p, 5, named, ",'once':true");
    expect_done("status 5:1 dropped\n");
}

static void what_may_not_start_after_a_time_does_not(void **unused)
{
    char more[64];
    (void)unused;
    post_settle(&p);
    snprintf(more, sizeof more, ",'start_before_ms':%lld", (long long)p.now.wall.ms + 10);
    post_run(&p, 5, 0, more);
    expect_done("launch 5\n");
    post_run_ms(&p, 11);
    post_run(&p, 6, 0, more);
    expect_done("status 6:1 dropped\n");
}

/* ---- coming back */

static void nothing_is_launched_before_everything_was_found_again(void **unused)
{
    (void)unused;
    post_leader(&p, 5);
    post_welcome(&p);
    post_done(&p);
    post_run(&p, 5, 0, "");
    post_run(&p, 6, 0, "");
    post_hear(&p, "{'m':'kill','task':6,'reason':'x'}");
    expect_done("status 6:1 killed\n");
    post_recovered(&p);
    expect_done("launch 5\n");
    post_run(&p, 5, 0, "");
    expect_done("");
}

static void a_lease_ends_also_while_things_are_found_again(void **unused)
{
    (void)unused;
    post_leader(&p, 5);
    post_welcome(&p);
    post_run_ms(&p, 1);
    post_done(&p);
    post_run(&p, 5, p.pong, ",'once':true");
    expect_done("status 5:1 starting\n");
    post_run_ms(&p, 1000);
    post_run(&p, 6, p.pong, ",'once':true");
    post_run_ms(&p, 1500);
    post_done(&p);
    post_recovered(&p);
    expect_done("status 5:2 dropped\nlaunch 6\n");
}

static void an_order_that_an_earlier_process_kept_starts_only_if_it_may_be_late(void **unused)
{
    (void)unused;
    post_leader(&p, 5);
    post_welcome(&p);
    post_run_ms(&p, 1);
    post_run(&p, 5, p.pong, ",'once':true");
    post_run(&p, 6, 0, "");
    post_restart(&p);
    post_done(&p);
    post_recovered(&p);
    expect_done("launch 6\n");
    post_leader(&p, 5);
    expect_done("register docker= 5:dropped:2 6:staging:0\n");
}

static void what_is_not_found_again_is_lost_or_was_never_begun(void **unused)
{
    (void)unused;
    post_settle(&p);
    post_run(&p, 5, 0, ""); /* the process dies before it is started */
    post_run(&p, 6, 0, "");
    post_report(&p, "{'task':6,'seq':0,'state':'running','at':2}");
    post_run(&p, 7, 0, "");
    post_report(&p, "{'task':7,'seq':0,'state':'running','at':2}");
    post_run(&p, 8, 0, "");
    post_report(&p, "{'task':8,'seq':0,'state':'failed','at':2}");
    post_run(&p, 9, p.pong, ",'once':true"); /* taken on, and no more */
    post_restart(&p);
    post_report(&p, "{'task':7,'seq':0,'state':'running','at':2}"); /* found */
    post_recovered(&p);
    post_done(&p);
    post_leader(&p, 5);
    expect_done("register docker= 5:dropped:1 6:lost:2 7:running:2 8:failed:1 9:dropped:2\n");
}

/* A whole life, with the end of the process after any step. */
static void the_process_may_end_after_every_step(void **unused)
{
    enum { ORDER, RUNNING, SEEN, KILL, ENDED, STEPS };
    (void)unused;
    for (int dies_after = 0; dies_after < STEPS; dies_after++) {
        bool launched = false;
        post_close(&p);
        post_open(&p);
        post_settle(&p);
        for (int step = 0; step < STEPS; step++) {
            switch (step) {
            case ORDER:
                post_run(&p, 5, 0, "");
                launched = true;
                break;
            case RUNNING:
                post_report(&p, "{'task':5,'seq':0,'state':'running','at':2}");
                break;
            case SEEN:
                post_hear(&p, "{'m':'ack','statuses':[{'task':5,'seq':1}]}");
                break;
            case KILL:
                post_hear(&p, "{'m':'kill','task':5,'reason':'x'}");
                break;
            case ENDED:
                post_report(&p, "{'task':5,'seq':0,'state':'killed','at':3}");
                break;
            }
            if (step != dies_after)
                continue;
            post_restart(&p);
            if (step < ENDED) /* the supervisor has outlived it */
                post_report(&p, "{'task':5,'seq':0,'state':'running','at':2}");
            post_recovered(&p);
            post_leader(&p, 5);
            post_welcome(&p);
        }
        assert_true(launched);
        const char *done = post_done(&p);
        const char *first = strstr(done, "launch 5");
        assert_non_null(first);
        assert_null(strstr(first + 1, "launch 5"));
        assert_non_null(strstr(done, "killed"));
        post_hear(&p, "{'m':'ack','statuses':[{'task':5,'seq':99}]}");
        expect_done("forget 5\n");
        assert_int_equal(post_rows(&p, "tasks"), 0);
    }
}

/* Of a container nobody else knows that its end was an answer to an order. */
static void what_an_earlier_process_was_told_to_end_was_killed(void **unused)
{
    (void)unused;
    post_settle(&p);
    post_run(&p, 5, 0, "");
    post_report(&p, "{'task':5,'seq':0,'state':'running','at':1}");
    post_report(&p, "{'task':5,'seq':0,'state':'killing','at':2}");
    post_done(&p);
    for (int i = 0; i < 2; i++) {
        post_restart(&p);
        post_report(&p, "{'task':5,'seq':0,'state':'running','at':3}");
        post_recovered(&p);
    }
    post_done(&p);
    post_leader(&p, 5);
    post_welcome(&p);
    post_report(&p, "{'task':5,'seq':0,'state':'finished','at':4,'exit':0}");
    const char *done = post_done(&p);
    assert_null(strstr(done, "finished"));
    assert_non_null(strstr(done, " killed\n"));
}

/* ---- whose tasks these are: numbers of tasks begin anew in each cluster */

static void another_clusters_record_is_refused(void **unused)
{
    struct error err;
    char expected[512];
    (void)unused;
    post_settle(&p);
    post_run(&p, 5, 0, "");
    post_restart_alone(&p);
    post_done(&p);
    assert_int_equal(post_cluster(&p, "99999999-2222-4333-8444-555555555555", &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    snprintf(expected, sizeof expected,
             "%s is of cluster 11111111, this node of cluster 99999999: put its own agent folder "
             "back, or end what this one runs with mesolith stop --all and remove it",
             p.path);
    assert_string_equal(err.text, expected);
    expect_done("");
    assert_int_equal(post_cluster(&p, CLUSTER, &err), 0);
}

static void nothing_is_done_before_the_cluster_is_known(void **unused)
{
    struct error err;
    (void)unused;
    post_leader(&p, 5);
    post_run(&p, 5, 0, ""); /* not launched: nothing was found again yet */
    post_restart_alone(&p);
    post_done(&p);
    post_recovered(&p);
    expect_done("");
    assert_int_equal(post_cluster(&p, CLUSTER, &err), 0);
    expect_done("launch 5\n");
}

static void a_record_of_before_is_of_the_cluster_that_opens_it(void **unused)
{
    struct error err;
    (void)unused;
    post_settle(&p);
    post_run(&p, 5, 0, "");
    assert_int_equal(
        db_exec(p.db,
                "alter table identity drop column cluster; alter table tasks drop column run;"
                "pragma user_version = 2",
                &err),
        0);
    post_restart_alone(&p);
    assert_int_equal(post_rows(&p, "tasks"), 1);
    assert_int_equal(post_cluster(&p, "99999999-2222-4333-8444-555555555555", &err), 0);
    post_restart_alone(&p);
    assert_int_equal(post_cluster(&p, CLUSTER, &err), -1);
    assert_int_equal(post_cluster(&p, "99999999-2222-4333-8444-555555555555", &err), 0);
}

static void a_record_of_a_newer_build_is_refused(void **unused)
{
    struct error err;
    struct agent *agent;
    char back[40];
    int known;
    (void)unused;
    agent_close(p.agent);
    assert_int_equal(db_schema_version(p.db, &known, &err), 0);
    snprintf(back, sizeof back, "pragma user_version = %d", known);
    assert_int_equal(db_exec(p.db, "pragma user_version = 99", &err), 0);
    const struct agent_options options = {.db = p.db, .rng = &p.rng};
    assert_int_equal(agent_open(&options, &agent, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_non_null(strstr(err.text, "level 99, this build knows"));
    assert_non_null(strstr(err.text, "start a newer mesolith"));
    assert_int_equal(db_exec(p.db, back, &err), 0);
    assert_int_equal(agent_open(&options, &p.agent, &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(it_registers_until_it_is_welcome),
        TEST(its_uid_is_for_life),
        TEST(it_pongs_at_least_once_a_second_and_counts_up),
        TEST(no_pong_is_counted_like_one_of_an_earlier_process),
        TEST(asked_who_it_is_it_registers_anew),
        TEST(docker_that_is_found_late_is_told),
        TEST(a_leader_that_was_is_not_listened_to),
        TEST(a_change_to_other_routes_waits_for_all_of_them),
        TEST(another_leaders_routes_are_none_of_this_ones),
        TEST(a_task_lives_from_order_to_acknowledged_end),
        TEST(an_order_that_comes_twice_starts_once),
        TEST(an_order_that_comes_after_the_end_starts_nothing),
        TEST(an_attempt_of_a_run_is_started_once_whatever_its_task),
        TEST(the_leader_hears_of_an_attempt_that_it_ordered_twice),
        TEST(an_attempt_that_came_too_late_may_be_ordered_again),
        TEST(orders_that_make_no_sense_are_left),
        TEST(a_status_is_repeated_until_it_is_acknowledged),
        TEST(an_old_acknowledgement_leaves_what_is_newer),
        TEST(what_happened_without_a_leader_is_told_to_the_next),
        TEST(the_first_end_counts),
        TEST(what_has_run_was_started),
        TEST(a_long_silence_of_the_leader_costs_a_few_rows),
        TEST(many_statuses_go_one_message_after_another),
        TEST(what_nobody_ordered_is_ended),
        TEST(a_kill_goes_to_the_executor_and_a_second_one_too),
        TEST(a_kill_of_what_is_not_known_is_answered),
        TEST(a_run_that_must_not_come_late_starts_within_its_lease_only),
        TEST(a_run_of_an_earlier_processs_pong_is_dropped),
        TEST(what_may_not_start_after_a_time_does_not),
        TEST(nothing_is_launched_before_everything_was_found_again),
        TEST(a_lease_ends_also_while_things_are_found_again),
        TEST(an_order_that_an_earlier_process_kept_starts_only_if_it_may_be_late),
        TEST(what_is_not_found_again_is_lost_or_was_never_begun),
        TEST(the_process_may_end_after_every_step),
        TEST(what_an_earlier_process_was_told_to_end_was_killed),
        TEST(another_clusters_record_is_refused),
        TEST(nothing_is_done_before_the_cluster_is_known),
        TEST(a_record_of_before_is_of_the_cluster_that_opens_it),
        TEST(a_record_of_a_newer_build_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
