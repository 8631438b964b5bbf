/* Jobs that wait for others: when they fire, and what becomes of that (spec/chronos.md 4). */
#include "harness.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"

static struct harness h;

static int begin(void **unused)
{
    (void)unused;
    harness_open(&h, "2026-03-01T10:00:00Z");
    harness_agent(&h, "n1", 64, 65536);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    harness_close(&h);
    return 0;
}

/* A job that runs only when it is told to. */
static void source(const char *name, const char *does)
{
    char body[512];
    snprintf(body, sizeof body,
             "{'name':'%s','command':'%s','retries':0,'schedule':'R/2099-01-01T00:00:00Z/P1D'}",
             name, does);
    harness_post(&h, JOB_FACE_2, body);
}

static void child(const char *name, const char *parents, const char *more)
{
    char body[512];
    snprintf(body, sizeof body, "{'name':'%s','command':'takes 100','retries':0,'parents':[%s]%s}",
             name, parents, more);
    harness_post(&h, JOB_FACE_2, body);
}

static void run(const char *name)
{
    harness_trigger(&h, name, "");
    harness_run_ms(&h, 3000);
}

static size_t starts_of(const char *name)
{
    size_t n = 0;
    for (size_t i = 0; i < h.starts_n; i++)
        n += strcmp(h.starts[i].name, name) == 0;
    return n;
}

/* Of which ends of the parent the job's definition speaks. */
static int ends_of(const char *name, const char *parent)
{
    struct job job;
    struct job_row row = harness_job(&h, name);
    jobs_load_any(&row, &job);
    int ends = job_parent_ends(&job, parent);
    job_close(&job);
    return ends;
}

/* ---- firing (4.1, 4.3) */

static void one_parent_fires_at_every_success(void **unused)
{
    (void)unused;
    source("a", "takes 100");
    child("c", "'a'", "");
    for (size_t i = 1; i <= 3; i++) {
        run("a");
        assert_int_equal(starts_of("c"), i);
    }
    struct run_row r;
    int64_t by, root;
    struct stmt *q = state_runs_of_job(h.state, harness_job(&h, "c").id, 1);
    assert_true(state_run_next(q, &r));
    stmt_end(q);
    assert_int_equal(r.cause, CAUSE_DEPENDENCY);
    assert_true(state_run_cause(h.state, r.id, &by, &root));
    assert_int_equal(by, root);
}

static void several_parents_fire_when_each_has_succeeded_since(void **unused)
{
    (void)unused;
    source("a", "takes 100");
    source("b", "takes 100");
    child("c", "'a','b'", "");
    run("a");
    run("a");
    assert_int_equal(starts_of("c"), 0);
    run("b");
    assert_int_equal(starts_of("c"), 1);
    run("b");
    assert_int_equal(starts_of("c"), 1);
    run("a");
    assert_int_equal(starts_of("c"), 2);
}

static void a_chain_goes_on_by_itself(void **unused)
{
    (void)unused;
    source("a", "takes 100");
    child("b", "'a'", "");
    child("c", "'b'", "");
    child("d", "'b','c'", "");
    run("a");
    assert_int_equal(starts_of("d"), 1);
}

static void a_firing_while_one_waits_is_coalesced(void **unused)
{
    (void)unused;
    source("a", "takes 100");
    harness_post(&h, JOB_FACE_2,
                 "{'name':'c','command':'takes 60000','retries':0,'parents':['a']}");
    for (int i = 0; i < 4; i++)
        run("a");
    assert_int_equal(starts_of("c"), 1); /* the second waits for it */
    assert_int_equal(harness_job(&h, "c").queued, 1);
    assert_non_null(strstr(harness_runs(&h, "c"), "later"));
    harness_run_ms(&h, 120000);
    assert_int_equal(starts_of("c"), 2);
}

static int64_t kept_of(const char *name)
{
    struct run_row r;
    int64_t n = 0;
    struct stmt *q = state_runs_of_job(h.state, harness_job(&h, name).id, INT64_MAX);
    while (state_run_next(q, &r))
        n++;
    return n;
}

static void of_firings_that_wait_long_the_oldest_go(void **unused)
{
    (void)unused;
    harness_command(&h, COMMAND_SETTING_PUT, "{\"set\":{\"history.bytes\":\"0\"}}");
    source("a", "takes 100");
    child("c", "'a'", ",'cpus':1000"); /* no agent has so many */
    for (int i = 0; i < 10 * LIMIT_JOB_RUNS; i++)
        harness_command(&h, COMMAND_JOB_MARK, "{\"name\":\"a\"}");
    assert_int_equal(harness_job(&h, "c").queued, 1);
    assert_in_range(kept_of("c"), 1, LIMIT_JOB_RUNS);
}

static void what_is_to_go_of_a_history_goes_by_steps(void **unused)
{
    (void)unused;
    source("a", "takes 100");
    child("c", "'a'", ",'cpus':1000");
    for (int i = 0; i < 1000; i++)
        harness_command(&h, COMMAND_JOB_MARK, "{\"name\":\"a\"}");
    assert_int_equal(kept_of("c"), 1000);
    harness_command(&h, COMMAND_SETTING_PUT,
                    "{\"set\":{\"history.runs\":\"1\",\"history.most\":\"1\"}}");
    harness_command(&h, COMMAND_JOB_MARK, "{\"name\":\"a\"}");
    assert_in_range(kept_of("c"), 700, 800);
    harness_run_ms(&h, 1000);
    assert_int_equal(kept_of("c"), 1); /* the one that waits */
    assert_false(state_any_to_trim(h.state));
}

/* ---- what does and does not count (the table of 4.3) */

static void a_failure_counts_only_when_it_is_soft(void **unused)
{
    (void)unused;
    source("a", "takes 100 exits 1");
    child("c", "'a'", "");
    run("a");
    assert_int_equal(starts_of("c"), 0);
    harness_post(&h, JOB_FACE_2,
                 "{'name':'a','command':'takes 100 exits 1','retries':0,'softError':true,"
                 "'schedule':'R/2099-01-01T00:00:00Z/P1D'}");
    run("a");
    assert_int_equal(starts_of("c"), 1);
}

static void a_failed_attempt_that_is_tried_again_decides_nothing(void **unused)
{
    (void)unused;
    harness_post(&h, JOB_FACE_2,
                 "{'name':'a','command':'takes 100 exits 1,0','retries':1,'softError':true,"
                 "'retryDelaySeconds':10,'schedule':'R/2099-01-01T00:00:00Z/P1D'}");
    child("c", "'a'", "");
    run("a");
    assert_int_equal(starts_of("c"), 0);
    harness_run_ms(&h, 15000);
    assert_int_equal(starts_of("c"), 1);
}

static void a_disabled_child_keeps_its_flags_and_fires_at_the_next_success(void **unused)
{
    (void)unused;
    source("a", "takes 100");
    source("b", "takes 100");
    child("c", "'a','b'", ",'disabled':true");
    run("a");
    run("b");
    assert_int_equal(starts_of("c"), 0);
    child("c", "'a','b'", "");
    harness_run_ms(&h, 5000);
    assert_int_equal(starts_of("c"), 0); /* nothing fires by itself */
    run("a");
    assert_int_equal(starts_of("c"), 1);
}

static void other_parents_leave_the_flags_of_those_that_stay(void **unused)
{
    (void)unused;
    source("a", "takes 100");
    source("b", "takes 100");
    source("d", "takes 100");
    child("c", "'a','b'", "");
    run("a");
    child("c", "'a','d'", "");
    harness_run_ms(&h, 1000);
    assert_int_equal(starts_of("c"), 0);
    run("d");
    assert_int_equal(starts_of("c"), 1);
}

static void a_run_by_hand_touches_no_flag(void **unused)
{
    (void)unused;
    source("a", "takes 100");
    source("b", "takes 100");
    child("c", "'a','b'", "");
    run("a");
    run("c");
    assert_int_equal(starts_of("c"), 1);
    run("b");
    assert_int_equal(starts_of("c"), 2);
}

static void a_mark_counts_for_the_children_and_clears_the_own_flags(void **unused)
{
    (void)unused;
    source("a", "takes 100");
    source("b", "takes 100");
    child("c", "'a','b'", "");
    child("d", "'c'", "");
    run("a");
    harness_command(&h, COMMAND_JOB_MARK, "{\"name\":\"c\"}");
    harness_run_ms(&h, 1000);
    assert_int_equal(harness_job(&h, "c").successes, 1);
    assert_int_equal(starts_of("d"), 1);
    run("b");
    assert_int_equal(starts_of("c"), 0); /* a's was cleared */
}

static void a_new_leader_remembers(void **unused)
{
    (void)unused;
    source("a", "takes 100");
    source("b", "takes 100");
    child("c", "'a','b'", "");
    run("a");
    harness_new_leader(&h);
    run("b");
    assert_int_equal(starts_of("c"), 1);
}

/* ---- beyond Chronos */

static void any_parent_is_enough_in_that_mode(void **unused)
{
    (void)unused;
    source("a", "takes 100");
    source("b", "takes 100");
    child("c", "'a','b'", ",'dependencyMode':'any'");
    run("b");
    assert_int_equal(starts_of("c"), 1);
    run("b");
    assert_int_equal(starts_of("c"), 2);
}

static void an_edge_may_want_a_failure_or_any_end(void **unused)
{
    (void)unused;
    source("a", "takes 100 exits 1");
    child("alarm", "'a'", ",'parentConditions':{'a':'failure'}");
    child("after", "'a'", ",'parentConditions':{'a':'always'}");
    run("a");
    assert_int_equal(starts_of("alarm"), 1);
    assert_int_equal(starts_of("after"), 1);
    source("a", "takes 100");
    run("a");
    assert_int_equal(starts_of("alarm"), 1);
    assert_int_equal(starts_of("after"), 2);
}

static void in_round_mode_all_must_stem_from_one_run(void **unused)
{
    (void)unused;
    source("root", "takes 100");
    harness_post(&h, JOB_FACE_2,
                 "{'name':'left','command':'takes 100','retries':0,'parents':['root']}");
    harness_post(&h, JOB_FACE_2,
                 "{'name':'right','command':'takes 100 exits 1','retries':0,'parents':['root']}");
    child("sink", "'left','right'", ",'dependencyMode':'round'");
    run("root"); /* right fails */
    harness_post(&h, JOB_FACE_2,
                 "{'name':'right','command':'takes 100','retries':0,'parents':['root']}");
    harness_trigger(&h, "right", ""); /* a round of its own */
    harness_run_ms(&h, 3000);
    assert_int_equal(starts_of("sink"), 0);
    run("root");
    assert_int_equal(starts_of("sink"), 1);
}

/* ---- the graph stays sound (4.6, 4.7) */

static void a_cycle_is_refused_by_name(void **unused)
{
    (void)unused;
    source("a", "takes 100");
    child("b", "'a'", "");
    child("c", "'b'", "");
    child("a", "'c'", "");
    assert_string_equal(h.refused, "parents: the job would wait for itself: a -> b -> c -> a");
    child("b", "'nobody'", "");
    assert_string_equal(h.refused, "parents: job 'nobody' does not exist");
    run("a");
    assert_int_equal(starts_of("c"), 1);
}

static void a_deleted_link_hands_its_parents_on(void **unused)
{
    (void)unused;
    source("a", "takes 100");
    source("b", "takes 100");
    child("m", "'a','b'", "");
    child("c", "'m'", "");
    harness_delete(&h, "m");
    run("a");
    assert_int_equal(starts_of("c"), 0);
    run("b");
    assert_int_equal(starts_of("c"), 1);
}

/* Its definition says of each parent what its edge wants. */
static void what_is_said_of_a_deleted_parent_is_said_of_no_other_that_there_was(void **unused)
{
    (void)unused;
    source("a", "takes 100");
    child("m", "'a'", "");
    child("both", "'m','a'", ",'parentConditions':{'m':'failure'}");
    child("one", "'m'", ",'parentConditions':{'m':'failure'}");
    harness_delete(&h, "m");
    assert_int_equal(ends_of("both", "a"), JOB_ENDS_SUCCESS);
    assert_int_equal(ends_of("one", "a"), JOB_ENDS_FAILURE);
    run("a");
    assert_int_equal(starts_of("both"), 1);
    assert_int_equal(starts_of("one"), 0);
}

#define LONG_NAMES 50

/* Parents with long names; so many bytes of a constraint, which is not told its agent. */
static void post_large(const char *name, const char *parents, size_t bytes)
{
    struct buf body;
    buf_init(&body, LIMIT_ENTRY_BYTES);
    buf_printf(&body, "{'name':'%s','command':'x','parents':[%s],'constraints':[['rack','EQUALS','",
               name, parents);
    while (bytes-- > 0)
        buf_putc(&body, 'r');
    buf_puts(&body, "']]}");
    harness_post(&h, JOB_FACE_2, buf_str(&body));
    buf_close(&body);
}

static bool may_go(const char *name, struct error *err)
{
    struct job_row row = harness_job(&h, name);
    return jobs_check_delete(h.state, &row, err) == 0;
}

/* It ended each process that applied it. */
static void a_deletion_that_makes_a_child_too_large_is_refused(void **unused)
{
    (void)unused;
    struct buf parents;
    struct error err;
    buf_init(&parents, LIMIT_BODY_BYTES);
    for (int i = 0; i < LONG_NAMES; i++) {
        char name[128];
        snprintf(name, sizeof name, "%0100d", i);
        source(name, "takes 100");
        buf_printf(&parents, "%s'%s'", i > 0 ? "," : "", name);
    }
    post_large("m", buf_str(&parents), 1);
    buf_close(&parents);
    post_large("c", "'m'", 1);
    assert_true(may_go("m", &err));
    post_large("c", "'m'", LIMIT_BODY_BYTES - 4000);
    assert_false(may_go("m", &err));
    assert_int_equal(err.code, ERR_LIMIT);
    post_large("c", "'m'", LIMIT_ENTRY_BYTES - 4000);
    harness_delete(&h, "m");
    assert_string_equal(h.refused, "job 'c' would be larger than a job may be without 'm': give it "
                                   "other parents first");
    assert_int_equal(state_jobs_count(h.state), LONG_NAMES + 2);
}

static void a_deleted_schedule_goes_to_the_child_that_had_it_alone(void **unused)
{
    (void)unused;
    harness_post(&h, JOB_FACE_2,
                 "{'name':'a','command':'takes 100','scheduleTimeZone':'Europe/Berlin',"
                 "'schedule':'R5/2026-03-01T11:01:00/PT1M'}");
    source("b", "takes 100");
    child("alone", "'a'", ",'cpus':0.5");
    child("both", "'a','b'", "");
    harness_run(&h, "2026-03-01T10:02:30Z");
    assert_int_equal(starts_of("alone"), 2);
    harness_delete(&h, "a");
    assert_string_equal(harness_shown(&h, "alone"), "R3/2026-03-01T11:03:00.000+01:00/PT1M");
    harness_run(&h, "2026-03-01T10:10:00Z");
    assert_int_equal(starts_of("alone"), 5);
    assert_true(harness_job(&h, "alone").disabled);
    run("b");
    assert_int_equal(starts_of("both"), 1);
}

/* What is due next by the schedule alone is none of an heir's targets before its time. */
static void an_heir_has_its_own_time(void **unused)
{
    (void)unused;
    harness_post(&h, JOB_FACE_2,
                 "{'name':'a','command':'takes 100','schedule':'R/2026-03-01T10:01:00Z/PT1M'}");
    child("heir", "'a'", ",'startsAt':'2026-03-01T10:05:00Z'");
    harness_run(&h, "2026-03-01T10:01:30Z");
    harness_delete(&h, "a");
    int64_t turns = h.turns;
    harness_run(&h, "2026-03-01T10:02:30Z");
    assert_int_equal(harness_job(&h, "heir").next.ms, harness_wall("2026-03-01T10:05:00Z").ms);
    assert_in_range(h.turns - turns, 0, 100);
    harness_run(&h, "2026-03-01T10:06:30Z");
    assert_string_equal(harness_runs(&h, "heir"), "10:05:00 ok, 10:06:00 ok");
}

static void orphans_may_be_refused(void **unused)
{
    (void)unused;
    source("a", "takes 100");
    child("c", "'a'", "");
    harness_command(&h, COMMAND_JOB_DELETE, "{\"name\":\"a\",\"refuse_orphans\":true}");
    assert_string_equal(h.refused, "orphans: job 'c' has no other parent than 'a'");
    assert_int_equal(harness_job(&h, "c").generation, 1);
}

static void a_job_may_change_its_kind(void **unused)
{
    (void)unused;
    source("a", "takes 100");
    harness_post(&h, JOB_FACE_2,
                 "{'name':'c','command':'takes 100','schedule':'R/2026-03-01T10:01:00Z/PT1M'}");
    harness_run(&h, "2026-03-01T10:01:30Z");
    assert_int_equal(starts_of("c"), 1);
    child("c", "'a'", "");
    harness_run(&h, "2026-03-01T10:03:30Z");
    assert_int_equal(starts_of("c"), 1);
    run("a");
    assert_int_equal(starts_of("c"), 2);
    source("c", "takes 100");
    run("a");
    assert_int_equal(starts_of("c"), 2);
}

/* ---- many */

static void a_wide_diamond_fires_once_whoever_leads(void **unused)
{
    enum { WIDTH = 1200 };
    (void)unused;
    struct buf parents;
    buf_init(&parents, 1 << 20);
    harness_agent(&h, "n2", 1000, 1000000);
    source("root", "takes 100");
    for (int i = 0; i < WIDTH; i++) {
        char name[16];
        snprintf(name, sizeof name, "m%d", i);
        child(name, "'root'", ",'cpus':0.01,'mem':1,'disk':1");
        buf_printf(&parents, "%s'%s'", i > 0 ? "," : "", name);
    }
    struct buf body;
    buf_init(&body, 1 << 20);
    buf_printf(&body, "{'name':'sink','command':'takes 100','parents':[%s]}", buf_str(&parents));
    harness_post(&h, JOB_FACE_2, buf_str(&body));
    buf_close(&body);
    buf_close(&parents);
    harness_trigger(&h, "root", "");
    for (int i = 0; i < 3; i++) {
        harness_run_ms(&h, 107 + 3 * i);
        harness_new_leader(&h);
    }
    harness_run_ms(&h, 60000);
    assert_int_equal(h.starts_n, WIDTH + 2);
    assert_int_equal(starts_of("sink"), 1);
}

/* A thousand parents times a thousand children took each replica 3.4 s, in which nothing else went
 * on. */
static void a_link_of_very_many_is_not_deleted_at_once(void **unused)
{
    (void)unused;
    enum { MANY = 317 }; /* squared it is over the limit */
    struct error err;
    struct buf body;
    char name[32];
    buf_init(&body, LIMIT_BODY_BYTES);
    buf_puts(&body, "{'name':'hub','command':'x','parents':[");
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "p%d", i);
        source(name, "x");
        buf_printf(&body, "%s'%s'", i == 0 ? "" : ",", name);
    }
    buf_puts(&body, "]}");
    harness_post(&h, JOB_FACE_2, buf_str(&body));
    buf_close(&body);
    for (int i = 0; i < MANY - 2; i++) {
        snprintf(name, sizeof name, "c%d", i);
        child(name, "'hub'", "");
    }
    struct job_row hub = harness_job(&h, "hub");
    assert_int_equal(jobs_check_delete(h.state, &hub, &err), 0);
    child("c", "'hub'", "");
    hub = harness_job(&h, "hub");
    assert_int_equal(jobs_check_delete(h.state, &hub, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    assert_string_equal(err.text,
                        "job hub: 316 jobs wait for it and would wait for each of its 317 "
                        "parents instead: give them others first, or it fewer");
    struct job_row parent = harness_job(&h, "p0");
    assert_int_equal(jobs_check_delete(h.state, &parent, &err), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(one_parent_fires_at_every_success),
        TEST(several_parents_fire_when_each_has_succeeded_since),
        TEST(a_chain_goes_on_by_itself),
        TEST(a_firing_while_one_waits_is_coalesced),
        TEST(of_firings_that_wait_long_the_oldest_go),
        TEST(what_is_to_go_of_a_history_goes_by_steps),
        TEST(a_failure_counts_only_when_it_is_soft),
        TEST(a_failed_attempt_that_is_tried_again_decides_nothing),
        TEST(a_disabled_child_keeps_its_flags_and_fires_at_the_next_success),
        TEST(other_parents_leave_the_flags_of_those_that_stay),
        TEST(a_run_by_hand_touches_no_flag),
        TEST(a_mark_counts_for_the_children_and_clears_the_own_flags),
        TEST(a_new_leader_remembers),
        TEST(any_parent_is_enough_in_that_mode),
        TEST(an_edge_may_want_a_failure_or_any_end),
        TEST(in_round_mode_all_must_stem_from_one_run),
        TEST(a_cycle_is_refused_by_name),
        TEST(a_deleted_link_hands_its_parents_on),
        TEST(a_link_of_very_many_is_not_deleted_at_once),
        TEST(what_is_said_of_a_deleted_parent_is_said_of_no_other_that_there_was),
        TEST(a_deletion_that_makes_a_child_too_large_is_refused),
        TEST(a_deleted_schedule_goes_to_the_child_that_had_it_alone),
        TEST(an_heir_has_its_own_time),
        TEST(orphans_may_be_refused),
        TEST(a_job_may_change_its_kind),
        TEST(a_wide_diamond_fires_once_whoever_leads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
