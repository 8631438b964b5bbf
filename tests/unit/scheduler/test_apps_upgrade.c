/* The apps mind on virtual time: the new take the place of the old, when they are ready
 * (spec/marathon.md 8.5, 10.6). */
#include "apps.h"

#include <stdio.h>

#include "base/str.h"

/* ---- restarting and upgrading */

static void a_restart_replaces_every_instance(void **unused)
{
    int64_t before[64], after[64];
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok", 2, ""));
    fleet_run_ms(&f, 1000);
    fleet_tasks(&f, "/web", before);
    fleet_restart(&f, "/web");
    fleet_run_ms(&f, 1000);
    expect_list("2 running");
    assert_false(fleet_deploying(&f));
    fleet_tasks(&f, "/web", after);
    assert_true(after[0] > before[1]);
}

static void an_upgrade_never_has_fewer_healthy_than_asked(void **unused)
{
    static const struct {
        const char *strategy;
        int64_t least, most;
    } rows[] = {
        {UPGRADES(1, 1), 4, 8},     {UPGRADES(1, 0), 4, 5}, {UPGRADES(0.5, 0), 2, 4},
        {UPGRADES(0.5, 0.5), 2, 6}, {UPGRADES(0, 0), 0, 4}, {UPGRADES(0.75, 0.25), 3, 5},
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char body[512];
        static const char *const format =
            "{'id':'/web','cmd':'%s','instances':4,'cpus':0.1,'mem':32" CHECKED "%s}";
        fleet_close(&f);
        fleet_open(&f);
        fleet_agent(&f, "n1", "{}");
        snprintf(body, sizeof body, format, "stays 200", rows[i].strategy);
        fleet_put(&f, body);
        fleet_run_ms(&f, 1000);
        f.most = 0;
        snprintf(body, sizeof body, format, "slow 15", rows[i].strategy);
        fleet_put(&f, body);
        int64_t least = 4;
        for (int turns = 0; turns < 10000 && fleet_deploying(&f); turns++) {
            int64_t killed = 0;
            fleet_run_ms(&f, 1);
            struct task_row t;
            struct stmt *q = state_tasks_of_app(f.state, fleet_app(&f, "/web").id);
            while (state_task_next(q, &t))
                killed += t.state == TASK_KILLING && t.health == 1;
            int64_t healthy = fleet_app(&f, "/web").counts.healthy - killed;
            least = healthy < least ? healthy : least;
        }
        expect_list("4 running healthy");
        assert_int_equal(least, rows[i].least);
        assert_int_equal(f.most, rows[i].most);
    }
}

static void an_unhealthy_old_one_goes_first_and_once(void **unused)
{
    int64_t ids[64];
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("stays 5000", 3, CHECKED));
    fleet_run_ms(&f, 1000);
    fleet_tasks(&f, "/web", ids);
    fleet_health(&f, ids[0], 2); /* the oldest, which age alone would kill last */
    fleet_put(&f, WEB("slow 15", 3, CHECKED UPGRADES(0.5, 1)));
    fleet_run_ms(&f, 5);
    expect_list("3 staging; old 2 running healthy, 1 killing unhealthy");
    assert_int_equal(fleet_task(&f, ids[0]).state, TASK_KILLING);
    fleet_run_ms(&f, 100); /* the others go while the first is still going */
    expect_list("3 running healthy; old 2 killing healthy, 1 killing unhealthy");
    fleet_run_ms(&f, 10000);
    expect_list("3 running healthy");
    assert_false(fleet_deploying(&f));
}

static void an_upgrade_that_never_gets_healthy_waits_and_keeps_the_old(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok", 2, CHECKED));
    fleet_run_ms(&f, 1000);
    fleet_put(&f, WEB("sick", 2, CHECKED));
    fleet_run_ms(&f, 100000);
    expect_list("2 running unhealthy; old 2 running healthy");
    assert_true(fleet_deploying(&f));
    fleet_force(&f, WEB("ok", 2, CHECKED)); /* back: both others are old now */
    fleet_run_ms(&f, 10000);
    expect_list("2 running healthy");
    assert_false(fleet_deploying(&f));
}

static void an_upgrade_may_scale_too(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok", 4, ""));
    fleet_run_ms(&f, 1000);
    fleet_put(&f, WEB("slow 15", 2, ""));
    fleet_run_ms(&f, 1000);
    expect_list("2 running");
    fleet_put(&f, WEB("ok", 5, ""));
    fleet_run_ms(&f, 1000);
    expect_list("5 running");
    assert_false(fleet_deploying(&f));
}

static void a_unique_app_is_upgraded_in_place(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_agent(&f, "n2", "{}");
    fleet_put(&f, WEB("ok", 2, ",'constraints':[['hostname','UNIQUE']]"));
    fleet_run_ms(&f, 1000);
    fleet_put(&f, WEB("slow 15", 2, ",'constraints':[['hostname','UNIQUE']]"));
    fleet_run_ms(&f, 1000);
    expect_list("2 running");
    const char *hosts = fleet_hosts(&f, "/web");
    assert_true(str_eq(hosts, "n1 n2") || str_eq(hosts, "n2 n1"));
}

static void a_forced_change_cancels_and_starts_from_what_is_there(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok", 2, CHECKED));
    fleet_run_ms(&f, 1000);
    fleet_put(&f, WEB("sick", 2, CHECKED));
    fleet_run_ms(&f, 1000);
    fleet_force(&f, WEB("slow 15", 3, CHECKED));
    assert_int_equal(state_deployments_count(f.state), 1);
    fleet_run_ms(&f, 10000);
    expect_list("3 running healthy");
    assert_false(fleet_deploying(&f));
}

static void a_cancelled_upgrade_stays_half_way(void **unused)
{
    struct deployment_row d;
    char args[128];
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok", 2, CHECKED));
    fleet_run_ms(&f, 1000);
    fleet_put(&f, WEB("sick", 2, CHECKED UPGRADES(1, 0.5)));
    fleet_run_ms(&f, 1000);
    struct stmt *q = state_deployments(f.state);
    assert_true(state_deployment_next(q, &d));
    snprintf(args, sizeof args, "{'set':[{'deployment':%lld,'end':false,'reason':'x'}]}",
             (long long)d.id);
    stmt_end(q);
    fleet_command(&f, COMMAND_DEPLOYMENT_STEP, args);
    fleet_run_ms(&f, 10000);
    assert_int_equal(fleet_app(&f, "/web").counts.live, 2); /* as many as wanted, old or new */
}

static void the_steps_of_a_deployment_come_one_after_another(void **unused)
{
    static const char *const bodies[] = {
        "{'id':'/db','cmd':'slow 100','instances':1,'cpus':0.1,'mem':32" CHECKED "}",
        "{'id':'/web','cmd':'ok','instances':1,'cpus':0.1,'mem':32}",
    };
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put_in_steps(&f, bodies, 2);
    fleet_run_ms(&f, 110);
    expect_list("");
    fleet_run_ms(&f, 100);
    expect_list("1 running");
    assert_false(fleet_deploying(&f));
}

/* What others depend on must be well before they are touched (spec/marathon.md 5.7, 8.3). */
static void what_depends_on_a_sick_app_waits_until_it_is_well(void **unused)
{
    static const char *const bodies[] = {
        "{'id':'/shop/db','cmd':'sick','instances':1,'cpus':0.1,'mem':32" CHECKED "}",
        "{'id':'/web','cmd':'ok','instances':1,'cpus':0.1,'mem':32,'dependencies':['/shop']}",
    };
    int64_t ids[64];
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put_in_steps(&f, bodies, 2);
    fleet_run_ms(&f, 60000);
    assert_string_equal(fleet_list(&f, "/shop/db"), "1 running unhealthy");
    expect_list("");
    fleet_tasks(&f, "/shop/db", ids);
    fleet_health(&f, ids[0], 1);
    fleet_run_ms(&f, 100);
    expect_list("1 running");
    assert_false(fleet_deploying(&f));
}

/* What its step has brought about is kept while later steps go on. */
static void an_app_whose_step_is_over_is_looked_after(void **unused)
{
    static const char *const bodies[] = {
        "{'id':'/db','cmd':'ok','instances':1,'cpus':0.1,'mem':32}",
        "{'id':'/web','cmd':'slow 60000','instances':1,'cpus':0.1,'mem':32}",
    };
    int64_t ids[64];
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put_in_steps(&f, bodies, 2);
    fleet_run_ms(&f, 1000);
    expect_list("1 staging");
    fleet_tasks(&f, "/db", ids);
    fleet_status(&f, ids[0], TASK_FAILED);
    fleet_run_ms(&f, 5000);
    assert_true(fleet_deploying(&f));
    assert_string_equal(fleet_list(&f, "/db"), "1 running");
}

/* Scaling waits for those that it has started; the others may be as they are (8.4, step 5). */
static void scaling_does_not_wait_for_an_old_sickness(void **unused)
{
    int64_t ids[64];
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok", 1, CHECKED));
    fleet_run_ms(&f, 1000);
    fleet_tasks(&f, "/web", ids);
    fleet_health(&f, ids[0], 2);
    fleet_put(&f, WEB("ok", 2, CHECKED));
    fleet_run_ms(&f, 1000);
    expect_list("1 running healthy, 1 running unhealthy");
    assert_false(fleet_deploying(&f));
}

/* ---- readiness (10.6) */

#define ASKED                                        \
    ",'portDefinitions':[{'port':0,'name':'http'}]," \
    "'readinessChecks':[{'name':'up','portName':'http'}]"

/* Of those that live and are to, the first that is not ready; 0: none. */
static int64_t first_unready(void)
{
    int64_t ids[64];
    size_t n = fleet_tasks(&f, "/web", ids);
    for (size_t i = 0; i < n; i++)
        if (!fleet_task(&f, ids[i]).ready && fleet_task(&f, ids[i]).state == TASK_RUNNING)
            return ids[i];
    return 0;
}

static void get_ready(void)
{
    for (int64_t id; (id = first_unready()) != 0;)
        fleet_readiness(&f, id, true);
    fleet_run_ms(&f, 1000);
}

static void a_deployment_waits_until_what_it_started_is_ready(void **unused)
{
    (void)unused;
    fleet_upgrade(&f);
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok", 2, ASKED));
    fleet_run_ms(&f, 600000);
    expect_list("2 running");
    assert_true(fleet_deploying(&f));
    fleet_readiness(&f, first_unready(), false);
    fleet_readiness(&f, first_unready(), true);
    fleet_run_ms(&f, 1000);
    assert_true(fleet_deploying(&f));
    get_ready();
    assert_false(fleet_deploying(&f));
    fleet_put(&f, WEB("ok", 3, ASKED)); /* of a scaling, those that it has started */
    fleet_run_ms(&f, 1000);
    assert_true(fleet_deploying(&f));
    get_ready();
    expect_list("3 running");
    assert_false(fleet_deploying(&f));
}

/* Of a rolling upgrade each new one must be healthy and ready before the next old one dies,
 * whoever leads meanwhile. */
static void the_next_old_one_dies_when_a_new_one_is_ready(void **unused)
{
    (void)unused;
    fleet_upgrade(&f);
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok", 3, CHECKED ASKED));
    fleet_run_ms(&f, 1000);
    get_ready();
    assert_false(fleet_deploying(&f));
    fleet_put(&f, WEB("ok now", 3, CHECKED ASKED UPGRADES(1, 0)));
    static const char *const lists[] = {"1 running healthy; old 3 running healthy",
                                        "2 running healthy; old 2 running healthy",
                                        "3 running healthy; old 1 running healthy"};
    for (size_t i = 0; i < COUNT(lists); i++) {
        fleet_run_ms(&f, 600000); /* as long as it is not ready, nothing more happens */
        expect_list(lists[i]);
        fleet_readiness(&f, first_unready(), false);
        fleet_new_leader(&f);
        fleet_run_ms(&f, 600000);
        expect_list(lists[i]);
        fleet_readiness(&f, first_unready(), true);
        fleet_new_leader(&f); /* what was said before counts */
        fleet_run_ms(&f, 1000);
    }
    expect_list("3 running healthy");
    assert_false(fleet_deploying(&f));
}

static void what_is_ready_stays_so(void **unused)
{
    (void)unused;
    fleet_upgrade(&f);
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok", 1, ASKED));
    fleet_run_ms(&f, 1000);
    int64_t task = first_unready();
    fleet_readiness(&f, task, true);
    fleet_readiness(&f, task, false);
    assert_true(fleet_task(&f, task).ready);
}

/* Outside of deployments nobody waits, so nobody is asked. */
static void a_replacement_is_not_asked(void **unused)
{
    int64_t ids[64];
    (void)unused;
    fleet_upgrade(&f);
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok", 1, ASKED));
    fleet_run_ms(&f, 1000);
    get_ready();
    fleet_tasks(&f, "/web", ids);
    fleet_fails(&f, ids[0], "it failed");
    fleet_run_ms(&f, 10000);
    expect_list("1 running");
    assert_int_equal(first_unready(), 0);
}

static void below_its_level_nobody_waits_for_readiness(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok", 2, ASKED));
    fleet_run_ms(&f, 1000);
    assert_int_equal(first_unready(), 0);
    assert_false(fleet_deploying(&f));
}

static void what_moves_off_a_node_moves_as_it_gets_ready(void **unused)
{
    char args[64];
    (void)unused;
    fleet_upgrade(&f);
    int64_t n1 = fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok", 2, ASKED UPGRADES(1, 0)));
    fleet_run_ms(&f, 1000);
    get_ready();
    fleet_agent(&f, "n2", "{}");
    snprintf(args, sizeof args, "{'agent':%lld,'drain':true}", (long long)n1);
    fleet_command(&f, COMMAND_AGENT_DRAIN, args);
    fleet_run_ms(&f, 600000);
    assert_string_equal(fleet_hosts(&f, "/web"), "n1 n1 n2");
    get_ready();
    assert_string_equal(fleet_hosts(&f, "/web"), "n1 n2 n2");
    get_ready();
    assert_string_equal(fleet_hosts(&f, "/web"), "n2 n2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_restart_replaces_every_instance),
        TEST(an_upgrade_never_has_fewer_healthy_than_asked),
        TEST(an_unhealthy_old_one_goes_first_and_once),
        TEST(an_upgrade_that_never_gets_healthy_waits_and_keeps_the_old),
        TEST(an_upgrade_may_scale_too),
        TEST(a_unique_app_is_upgraded_in_place),
        TEST(a_forced_change_cancels_and_starts_from_what_is_there),
        TEST(a_cancelled_upgrade_stays_half_way),
        TEST(the_steps_of_a_deployment_come_one_after_another),
        TEST(what_depends_on_a_sick_app_waits_until_it_is_well),
        TEST(an_app_whose_step_is_over_is_looked_after),
        TEST(scaling_does_not_wait_for_an_old_sickness),
        TEST(a_deployment_waits_until_what_it_started_is_ready),
        TEST(the_next_old_one_dies_when_a_new_one_is_ready),
        TEST(what_is_ready_stays_so),
        TEST(a_replacement_is_not_asked),
        TEST(below_its_level_nobody_waits_for_readiness),
        TEST(what_moves_off_a_node_moves_as_it_gets_ready),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
