/* The apps mind on virtual time: what is wanted comes to be (spec/marathon.md 8, 9). */
#include "fleet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/str.h"

static struct fleet f;

static int begin(void **unused)
{
    (void)unused;
    fleet_open(&f);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    fleet_close(&f);
    return 0;
}

/* An app's body with what a test wants to say about it. */
#define WEB(cmd, instances, more) \
    "{'id':'/web','cmd':'" cmd "','instances':" #instances ",'cpus':0.1,'mem':32" more "}"
#define CHECKED ",'healthChecks':[{'protocol':'TCP'}]"
#define UPGRADES(health, over) \
    ",'upgradeStrategy':{'minimumHealthCapacity':" #health ",'maximumOverCapacity':" #over "}"

#define expect_list(text) assert_string_equal(fleet_list(&f, "/web"), text)

/* ---- creating and scaling */

static void what_is_created_runs_and_its_deployment_ends(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok", 3, ""));
    assert_true(fleet_deploying(&f));
    fleet_turn(&f); /* its first step began with it */
    expect_list("3 staging");
    fleet_run_ms(&f, 20);
    expect_list("3 running");
    assert_false(fleet_deploying(&f));
    int64_t drafts = f.drafts;
    fleet_run_ms(&f, 600000);
    assert_int_equal(f.drafts, drafts); /* nothing to do costs nothing */
}

static void a_deployment_waits_for_health(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok", 2, CHECKED));
    fleet_run_ms(&f, 15);
    expect_list("2 running");
    assert_true(fleet_deploying(&f));
    fleet_run_ms(&f, 30);
    expect_list("2 running healthy");
    assert_false(fleet_deploying(&f));
}

static void what_never_gets_healthy_keeps_its_deployment(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("sick", 1, CHECKED));
    fleet_run_ms(&f, 600000);
    expect_list("1 running unhealthy");
    assert_true(fleet_deploying(&f));
}

static void an_agent_that_comes_later_gets_what_waits(void **unused)
{
    (void)unused;
    fleet_put(&f, WEB("ok", 2, ""));
    fleet_run_ms(&f, 10000);
    expect_list("");
    fleet_agent(&f, "n1", "{}");
    fleet_run_ms(&f, 200);
    expect_list("2 running");
}

static void what_finds_no_place_waits_for_one_that_ends(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{'cpus_milli':200}");
    fleet_put(&f, "{'id':'/other','cmd':'ok','instances':2,'cpus':0.1,'mem':32}");
    fleet_run_ms(&f, 1000);
    fleet_put(&f, WEB("ok", 1, ""));
    fleet_run_ms(&f, 1000);
    expect_list("");
    fleet_delete(&f, "/other");
    fleet_run_ms(&f, 200);
    expect_list("1 running");
}

static void scaling_up_adds_and_scaling_down_ends_when_they_have_ended(void **unused)
{
    int64_t before[64], after[64];
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok", 2, ""));
    fleet_run_ms(&f, 1000);
    fleet_put(&f, WEB("ok", 5, ""));
    fleet_run_ms(&f, 1000);
    expect_list("5 running");
    assert_int_equal(fleet_tasks(&f, "/web", before), 5);
    fleet_put(&f, WEB("ok", 3, ""));
    fleet_run_ms(&f, 5);
    expect_list("3 running, 2 killing");
    assert_true(fleet_deploying(&f));
    fleet_run_ms(&f, 100);
    expect_list("3 running");
    assert_false(fleet_deploying(&f));
    assert_int_equal(fleet_tasks(&f, "/web", after), 3);
    assert_memory_equal(before, after, 3 * sizeof before[0]); /* the youngest have died */
}

static void the_oldest_die_first_where_the_app_says_so(void **unused)
{
    int64_t before[64], after[64];
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok", 1, ",'killSelection':'OLDEST_FIRST'"));
    fleet_run_ms(&f, 1000);
    fleet_put(&f, WEB("ok", 3, ",'killSelection':'OLDEST_FIRST'"));
    fleet_run_ms(&f, 1000);
    fleet_tasks(&f, "/web", before);
    fleet_put(&f, WEB("ok", 1, ",'killSelection':'OLDEST_FIRST'"));
    fleet_run_ms(&f, 1000);
    assert_int_equal(fleet_tasks(&f, "/web", after), 1);
    assert_int_equal(after[0], before[2]);
}

static void who_is_least_along_dies_first(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("slow 50", 1, ",'killSelection':'OLDEST_FIRST'"));
    fleet_run_ms(&f, 1000);
    fleet_put(&f, WEB("slow 50", 3, ",'killSelection':'OLDEST_FIRST'"));
    fleet_run_ms(&f, 20);
    expect_list("2 staging, 1 running");
    fleet_force(&f, WEB("slow 50", 1, ",'killSelection':'OLDEST_FIRST'"));
    fleet_run_ms(&f, 5);
    expect_list("1 running, 2 killing");
}

/* The two youngest are on one rack: by age alone they would both die. */
static void scaling_down_keeps_groups_even(void **unused)
{
    (void)unused;
    fleet_agent(&f, "a1", "{'attributes':{'rack':'a'}}");
    fleet_put(&f, WEB("ok", 2, ",'constraints':[['rack','GROUP_BY']]"));
    fleet_run_ms(&f, 1000);
    fleet_agent(&f, "b1", "{'attributes':{'rack':'b'}}");
    fleet_put(&f, WEB("ok", 4, ",'constraints':[['rack','GROUP_BY']]"));
    fleet_run_ms(&f, 1000);
    assert_string_equal(fleet_hosts(&f, "/web"), "a1 a1 b1 b1");
    fleet_put(&f, WEB("ok", 2, ",'constraints':[['rack','GROUP_BY']]"));
    fleet_run_ms(&f, 1000);
    assert_string_equal(fleet_hosts(&f, "/web"), "a1 b1");
}

static void groups_that_are_uneven_become_even(void **unused)
{
    (void)unused;
    fleet_agent(&f, "a1", "{'attributes':{'rack':'a'}}");
    fleet_put(&f,
              WEB("ok", 5, ",'killSelection':'OLDEST_FIRST','constraints':[['rack','GROUP_BY']]"));
    fleet_run_ms(&f, 1000);
    fleet_agent(&f, "b1", "{'attributes':{'rack':'b'}}");
    fleet_put(&f,
              WEB("ok", 7, ",'killSelection':'OLDEST_FIRST','constraints':[['rack','GROUP_BY']]"));
    fleet_run_ms(&f, 1000);
    assert_string_equal(fleet_hosts(&f, "/web"), "a1 a1 a1 a1 a1 b1 b1");
    fleet_put(&f,
              WEB("ok", 4, ",'killSelection':'OLDEST_FIRST','constraints':[['rack','GROUP_BY']]"));
    fleet_run_ms(&f, 1000);
    assert_string_equal(fleet_hosts(&f, "/web"), "a1 a1 b1 b1");
}

/* Racks: a 3, b 1. Zones: x 3, y 1. The youngest is in the fullest rack, but alone in its zone. */
static void a_victim_leaves_every_group_as_even_as_it_was(void **unused)
{
    int64_t victim_zone_x, ids[64];
    (void)unused;
    fleet_agent(&f, "ax", "{'attributes':{'rack':'a','zone':'x'}}");
    fleet_agent(&f, "bx", "{'attributes':{'rack':'b','zone':'x'}}");
    fleet_agent(&f, "ay", "{'attributes':{'rack':'a','zone':'y'}}");
#define TWO_GROUPS ",'portDefinitions':[],'constraints':[['rack','GROUP_BY'],['zone','GROUP_BY']]"
    fleet_put(&f, WEB("ok", 4, TWO_GROUPS));
    fleet_place(&f, "/web", 0);
    fleet_place(&f, "/web", 1);
    victim_zone_x = fleet_place(&f, "/web", 0);
    fleet_place(&f, "/web", 2);
    fleet_run_ms(&f, 1000);
    assert_string_equal(fleet_hosts(&f, "/web"), "ax bx ax ay");
    fleet_put(&f, WEB("ok", 3, TWO_GROUPS));
    fleet_run_ms(&f, 1000);
    assert_int_equal(fleet_tasks(&f, "/web", ids), 3);
    for (int i = 0; i < 3; i++)
        assert_int_not_equal(ids[i], victim_zone_x);
}

static void scaled_to_none_nothing_is_left(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok", 2, ""));
    fleet_run_ms(&f, 1000);
    fleet_put(&f, WEB("ok", 0, ""));
    fleet_run_ms(&f, 1000);
    expect_list("");
    assert_false(fleet_deploying(&f));
}

/* A scale of any size is many commands of bounded size, and comes to its end. */
static void a_thousand_come_and_go(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f,
              "{'id':'/web','cmd':'ok','instances':1200,'cpus':0.01,'mem':1,'portDefinitions':[]}");
    fleet_run_ms(&f, 2000);
    assert_int_equal(fleet_app(&f, "/web").counts.running, 1200);
    fleet_delete(&f, "/web");
    fleet_run_ms(&f, 2000);
    assert_int_equal(map_count(f.tasks), 1200);
    assert_int_equal(state_apps_count(f.state), 0);
    assert_false(state_app_next(state_apps_gone(f.state), &(struct app_row){0}));
}

static void a_large_app_does_not_starve_a_small_one(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f,
              "{'id':'/a','cmd':'ok','instances':3000,'cpus':0.001,'mem':1,'portDefinitions':[]}");
    fleet_put(&f, WEB("ok", 1, ""));
    fleet_turn(&f);
    fleet_turn(&f);
    fleet_turn(&f);
    expect_list("1 staging");
    assert_in_range(fleet_app(&f, "/a").counts.live, 1, 1500);
}

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

/* ---- failing */

static void a_failing_app_backs_off_longer_and_longer(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("fails 100", 1, ",'backoffSeconds':2,'backoffFactor':2"));
    static const struct {
        int64_t ms;
        const char *list;
        int64_t delay_ms;
    } rows[] = {
        {105, "1 running", 0}, {10, "", 2000},   {1900, "", 2000},         {110, "1 running", 2000},
        {100, "", 4000},       {3900, "", 4000}, {110, "1 running", 4000},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        fleet_run_ms(&f, rows[i].ms);
        expect_list(rows[i].list);
        assert_int_equal(fleet_app(&f, "/web").delay_ms, rows[i].delay_ms);
    }
    assert_true(fleet_deploying(&f) || fleet_app(&f, "/web").deployment == 0);
}

static void a_reset_of_the_delay_starts_it_at_once(void **unused)
{
    char args[64];
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("fails 100", 1, ",'backoffSeconds':100"));
    fleet_run_ms(&f, 1000);
    expect_list("");
    snprintf(args, sizeof args, "{'app':%lld}", (long long)fleet_app(&f, "/web").id);
    fleet_command(&f, COMMAND_APP_DELAY_RESET, args);
    fleet_run_ms(&f, 50);
    expect_list("1 running");
}

static void a_failure_long_ago_is_forgotten(void **unused)
{
    int64_t ids[64];
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok", 1, ",'backoffSeconds':2,'backoffFactor':2,'maxLaunchDelaySeconds':60"));
    fleet_run_ms(&f, 1000);
    fleet_tasks(&f, "/web", ids);
    fleet_status(&f, ids[0], TASK_FAILED);
    fleet_run_ms(&f, 5000);
    expect_list("1 running");
    fleet_run_ms(&f, 61000); /* maxLaunchDelay after it ran again (9.2) */
    fleet_tasks(&f, "/web", ids);
    fleet_status(&f, ids[0], TASK_FAILED);
    assert_int_equal(fleet_app(&f, "/web").delay_ms, 2000);
}

static void what_starts_too_slowly_is_tried_again(void **unused)
{
    int64_t before[64], after[64];
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("hangs", 1, ""));
    fleet_run_ms(&f, 299000);
    expect_list("1 staging");
    fleet_tasks(&f, "/web", before);
    fleet_run_ms(&f, 2000);
    expect_list("1 staging");
    fleet_tasks(&f, "/web", after);
    assert_int_not_equal(before[0], after[0]);
    assert_string_equal(fleet_task(&f, before[0]).kill_reason, "took more than 300 s to start");
}

static void a_killed_instance_is_replaced_at_once(void **unused)
{
    char args[64];
    int64_t before[64];
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok", 1, ""));
    fleet_run_ms(&f, 1000);
    fleet_tasks(&f, "/web", before);
    snprintf(args, sizeof args, "{'tasks':[{'task':%lld,'reason':'test'}]}", (long long)before[0]);
    fleet_command(&f, COMMAND_TASK_KILL, args);
    fleet_run_ms(&f, 5);
    expect_list("1 staging, 1 killing");
    fleet_run_ms(&f, 100);
    expect_list("1 running");
}

/* ---- deleting */

static void a_deleted_app_ends_and_is_forgotten(void **unused)
{
    struct app_row row;
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok", 3, ""));
    fleet_run_ms(&f, 1000);
    int64_t id = fleet_app(&f, "/web").id;
    fleet_delete(&f, "/web");
    fleet_run_ms(&f, 10);
    assert_true(state_app_by_id(f.state, id, &row));
    assert_int_equal(row.counts.stopping, 3);
    fleet_run_ms(&f, 1000);
    assert_false(state_app_by_id(f.state, id, &row));
    assert_false(fleet_deploying(&f));
    fleet_put(&f, WEB("ok", 1, "")); /* its name is free again */
    fleet_run_ms(&f, 1000);
    expect_list("1 running");
}

static void many_deleted_at_once_are_all_forgotten(void **unused)
{
    char path[16], body[128];
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    for (int i = 0; i < 5; i++) {
        snprintf(body, sizeof body, "{'id':'/a%d','cmd':'ok','instances':1,'cpus':0.1,'mem':32}",
                 i);
        fleet_put(&f, body);
    }
    fleet_run_ms(&f, 1000);
    for (int i = 0; i < 5; i++) {
        snprintf(path, sizeof path, "/a%d", i);
        fleet_delete(&f, path);
    }
    fleet_run_ms(&f, 1000);
    assert_false(state_app_next(state_apps_gone(f.state), &(struct app_row){0}));
    assert_false(fleet_deploying(&f));
}

/* ---- out of reach (9.6) */

static void a_lost_agents_instances_are_replaced_and_forgotten_at_once(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok", 2, ""));
    fleet_run_ms(&f, 1000);
    fleet_agent(&f, "n2", "{}");
    fleet_cut(&f, 0);
    fleet_run_ms(&f, 100);
    expect_list("2 running");
    assert_string_equal(fleet_hosts(&f, "/web"), "n2 n2");
    fleet_heal(&f, 0);
    fleet_run_ms(&f, 1000);
    expect_list("2 running");
}

#define PATIENT ",'unreachableStrategy':{'inactiveAfterSeconds':60,'expungeAfterSeconds':120}"

static void a_patient_app_waits_then_replaces_then_forgets(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok", 2, PATIENT));
    fleet_run_ms(&f, 1000);
    fleet_agent(&f, "n2", "{}");
    fleet_cut(&f, 0);
    fleet_run_ms(&f, 59000);
    expect_list("2 unreachable");
    fleet_run_ms(&f, 2000);
    expect_list("2 running, 2 unreachable");
    fleet_run_ms(&f, 60000);
    expect_list("2 running");
}

static void who_comes_back_before_that_goes_on(void **unused)
{
    int64_t before[64], after[64];
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok", 2, PATIENT));
    fleet_run_ms(&f, 1000);
    fleet_tasks(&f, "/web", before);
    fleet_agent(&f, "n2", "{}");
    fleet_cut(&f, 0);
    fleet_run_ms(&f, 30000);
    fleet_heal(&f, 0);
    fleet_run_ms(&f, 200000);
    expect_list("2 running");
    fleet_tasks(&f, "/web", after);
    assert_memory_equal(before, after, 2 * sizeof before[0]);
}

static void who_comes_back_after_its_replacement_is_one_too_many(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok", 2, PATIENT));
    fleet_run_ms(&f, 1000);
    fleet_agent(&f, "n2", "{}");
    fleet_cut(&f, 0);
    fleet_run_ms(&f, 70000);
    expect_list("2 running, 2 unreachable");
    fleet_heal(&f, 0);
    fleet_run_ms(&f, 1000);
    expect_list("2 running");
}

/* What does not count is not what scaling down takes (8.4: C). */
static void scaling_down_leaves_those_that_do_not_count(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok", 1, PATIENT));
    fleet_run_ms(&f, 1000);
    fleet_agent(&f, "n2", "{}");
    fleet_put(&f, WEB("ok", 3, PATIENT));
    fleet_run_ms(&f, 1000);
    fleet_cut(&f, 0);
    fleet_run_ms(&f, 70000);
    size_t lost = fleet_app(&f, "/web").counts.live - 3;
    assert_in_range(lost, 1, 3);
    fleet_put(&f, WEB("ok", 1, PATIENT));
    fleet_run_ms(&f, 1000);
    char expected[64];
    snprintf(expected, sizeof expected, "1 running, %zu unreachable", lost);
    expect_list(expected);
    assert_false(fleet_deploying(&f)); /* and no deployment waits for them */
}

static void an_upgrade_counts_a_new_one_that_is_briefly_away(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok", 1, PATIENT CHECKED));
    fleet_run_ms(&f, 1000);
    fleet_put(&f, WEB("sick", 1, PATIENT CHECKED));
    fleet_run_ms(&f, 1000);
    expect_list("1 running unhealthy; old 1 running healthy");
    fleet_agent(&f, "n2", "{}");
    fleet_cut(&f, 0);
    fleet_run_ms(&f, 30000);
    expect_list("1 unreachable unhealthy; old 1 unreachable healthy");
    fleet_run_ms(&f, 31000);
    expect_list("1 running unhealthy, 1 unreachable unhealthy; old 1 unreachable healthy");
    fleet_heal(&f, 0); /* now there is a new one too many */
    fleet_run_ms(&f, 1000);
    expect_list("1 running unhealthy; old 1 running healthy");
}

static void a_task_that_was_ending_on_a_lost_agent_has_ended(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok", 2, PATIENT));
    fleet_run_ms(&f, 1000);
    fleet_put(&f, WEB("ok", 1, PATIENT));
    fleet_run_ms(&f, 5);
    expect_list("1 running, 1 killing");
    fleet_cut(&f, 0);
    fleet_run_ms(&f, 1000);
    expect_list("1 unreachable");
}

/* ---- constraints, from the definition to the place (11) */

/* n1 and n2 in rack a, n3 in rack b, n4 in none. */
static void four_nodes(void)
{
    fleet_agent(&f, "n1", "{'attributes':{'rack':'a','size':1}}");
    fleet_agent(&f, "n2", "{'attributes':{'rack':'a','size':2.5}}");
    fleet_agent(&f, "n3", "{'attributes':{'rack':'b'}}");
    fleet_agent(&f, "n4", "{}");
}

static int by_name(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/* How many are at each: "n1:2 n3:1". */
static const char *spread_of(const char *hosts, char dst[static 64])
{
    char copy[2048], *names[64], *rest = copy;
    size_t n = 0, len = 0;
    str_copy(copy, sizeof copy, hosts);
    for (char *name; n < 64 && (name = strsep(&rest, " ")) != NULL;)
        if (*name != '\0')
            names[n++] = name;
    if (n > 0)
        qsort(names, n, sizeof names[0], by_name);
    dst[0] = '\0';
    for (size_t i = 0, k; i < n; i = k) {
        for (k = i; k < n && strcmp(names[k], names[i]) == 0;)
            k++;
        len +=
            (size_t)snprintf(dst + len, 64 - len, "%s%s:%zu", len > 0 ? " " : "", names[i], k - i);
    }
    return dst;
}

static void each_operator_chooses_among_nodes_with_and_without_the_attribute(void **unused)
{
    static const struct {
        const char *constraints;
        int instances;
        const char *spread;
    } rows[] = {
        {"[['hostname','UNIQUE']]", 6, "n1:1 n2:1 n3:1 n4:1"},
        {"[['@hostname','UNIQUE']]", 6, "n1:1 n2:1 n3:1 n4:1"},
        {"[['rack','CLUSTER','b']]", 3, "n3:3"},
        {"[['rack','IS','b']]", 3, "n3:3"},
        {"[['size','IS','1.0']]", 2, "n1:2"},
        {"[['size','IS','2.50']]", 2, "n2:2"},
        {"[['rack','LIKE','[b-z]']]", 2, "n3:2"},
        {"[['rack','LIKE','.*']]", 3, "n1:1 n2:1 n3:1"},
        {"[['rack','UNLIKE','a']]", 2, "n3:1 n4:1"}, /* who has none is not unlike */
        {"[['hostname','UNLIKE','n[1-3]']]", 2, "n4:2"},
        {"[['rack','MAX_PER','1'],['hostname','LIKE','n[13]']]", 5, "n1:1 n3:1"},
        {"[['rack','GROUP_BY'],['hostname','UNLIKE','n2']]", 4, "n1:2 n3:2"},
        {"[['rack','GROUP_BY','2'],['hostname','UNLIKE','n2']]", 4, "n1:2 n3:2"},
        /* a third of 6 each: two wait for a third rack */
        {"[['rack','GROUP_BY','3'],['hostname','UNLIKE','n2']]", 6, "n1:2 n3:2"},
        {"[['nothing','UNIQUE']]", 1, ""},
        {"[['nothing','CLUSTER']]", 1, ""},
        {"[['nothing','GROUP_BY']]", 1, ""},
        {"[['nothing','MAX_PER','9']]", 1, ""},
        {"[['nothing','LIKE','.*']]", 1, ""},
        {"[['nothing','UNLIKE','.*'],['hostname','IS','n1']]", 1, "n1:1"},
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char body[512], spread[64];
        end(NULL);
        begin(NULL);
        four_nodes();
        snprintf(body, sizeof body,
                 "{'id':'/web','cmd':'ok','instances':%d,'cpus':0.1,'mem':32,'constraints':%s}",
                 rows[i].instances, rows[i].constraints);
        fleet_put(&f, body);
        fleet_run_ms(&f, 5000);
        if (strcmp(spread_of(fleet_hosts(&f, "/web"), spread), rows[i].spread) != 0)
            fail_msg("%s: got %s, want %s", rows[i].constraints, spread, rows[i].spread);
    }
}

/* All end up where the first is. */
static void a_cluster_without_a_value_stays_together(void **unused)
{
    char spread[64];
    (void)unused;
    four_nodes();
    fleet_put(&f, WEB("ok", 3, ",'constraints':[['hostname','CLUSTER']]"));
    fleet_run_ms(&f, 1000);
    assert_non_null(strstr(spread_of(fleet_hosts(&f, "/web"), spread), ":3"));
}

/* 11.5: who names no region stays in the masters', or where there is none. */
static void an_app_stays_in_its_masters_region_unless_it_says_so(void **unused)
{
    char spread[64];
    (void)unused;
    fleet_command(&f, COMMAND_NODE_PUT,
                  "{'id':1,'name':'m','address':'127.0.0.1','version':'1','modes':7,'level':1}");
    assert_int_equal(f.last.code, ERR_NONE);
    fleet_agent(&f, "away", "{'node':2,'attributes':{'@region':'us','@zone':'us-1'}}");
    fleet_agent(&f, "home", "{'attributes':{'@region':'eu','@zone':'eu-1'}}");
    fleet_agent(&f, "none", "{'node':3}");
    fleet_put(&f, WEB("ok", 4, ",'constraints':[['hostname','GROUP_BY']]"));
    fleet_run_ms(&f, 1000);
    assert_string_equal(spread_of(fleet_hosts(&f, "/web"), spread), "home:2 none:2");
    fleet_put(&f, "{'id':'/far','cmd':'ok','instances':2,'cpus':0.1,'mem':32,"
                  "'constraints':[['@region','IS','us']]}");
    fleet_put(&f, "{'id':'/zone','cmd':'ok','instances':2,'cpus':0.1,'mem':32,"
                  "'constraints':[['@zone','LIKE','us-.*']]}");
    fleet_run_ms(&f, 1000);
    assert_string_equal(spread_of(fleet_hosts(&f, "/far"), spread), "away:2");
    assert_string_equal(spread_of(fleet_hosts(&f, "/zone"), spread), "away:2");
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

/* ---- leaders */

static void a_new_leader_goes_on_where_the_old_one_was(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok", 4, CHECKED));
    fleet_run_ms(&f, 1000);
    fleet_put(&f, WEB("slow 15", 4, CHECKED UPGRADES(0.5, 0)));
    for (int i = 0; i < 400 && fleet_deploying(&f); i++) {
        fleet_run_ms(&f, 3);
        fleet_new_leader(&f);
    }
    expect_list("4 running healthy");
    assert_false(fleet_deploying(&f));
    assert_in_range(f.most, 4, 4);
}

static void nothing_is_decided_twice_while_it_is_in_flight(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok", 3, ""));
    fleet_run_ms(&f, 0);
    f.held = true;
    fleet_run_ms(&f, 5000);
    int64_t drafts = f.drafts;
    fleet_run_ms(&f, 5000);
    assert_int_equal(f.drafts, drafts);
    fleet_release(&f);
    fleet_run_ms(&f, 1000);
    expect_list("3 running");
    assert_int_equal(f.most, 3);
}

/* What was decided on is named, so that the state can refuse it when that has moved. */
static void a_launch_names_what_it_saw(void **unused)
{
    char expected[128];
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok", 2, ""));
    fleet_run_ms(&f, 1000);
    fleet_put(&f, WEB("ok", 3, ""));
    f.held = true;
    fleet_turn(&f);
    assert_int_equal(f.entries_n, 1);
    struct app_row app = fleet_app(&f, "/web");
    snprintf(expected, sizeof expected, "\"app\":%lld,\"config\":%lld,\"cap\":3,",
             (long long)app.id, (long long)app.config.ms);
    assert_non_null(strstr(buf_str(&f.entries[0].text), expected));
    fleet_release(&f);
}

/* There is room for one. It is on its way to /web when /other's backoff is over. */
static void room_that_is_promised_is_not_promised_again(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{'cpus_milli':100}");
    fleet_put(&f, "{'id':'/other','cmd':'fails 10','instances':1,'cpus':0.1,'mem':32}");
    fleet_run_ms(&f, 500);
    fleet_put(&f, WEB("ok", 1, ""));
    f.held = true;
    fleet_turn(&f);
    assert_int_equal(f.entries_n, 1);
    fleet_run_ms(&f, 3000);
    assert_int_equal(f.entries_n, 1);
    fleet_release(&f);
    fleet_run_ms(&f, 1000);
    expect_list("1 running");
}

/* Something is due while its commands are in flight: it is not waited for by turning. */
static void what_is_in_flight_is_waited_for_in_peace(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{'cpus_milli':200}");
    fleet_put(&f, WEB("ok", 3, "")); /* two are launched, one waits for a place */
    fleet_run_ms(&f, 0);
    f.held = true;
    fleet_run_ms(&f, 10000);
    int64_t turns = f.turns;
    fleet_run_ms(&f, 10000);
    assert_in_range(f.turns - turns, 0, 20);
}

/* What an old leader had in flight was committed before the new term began: it counts. */
static void marks_die_with_the_leadership(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok", 3, ""));
    f.held = true;
    fleet_turn(&f);
    assert_true(f.entries_n > 0);
    fleet_new_leader(&f);
    fleet_release(&f);
    fleet_run_ms(&f, 1000);
    expect_list("3 running");
    assert_int_equal(f.most, 3);
}

static void what_the_feed_says_of_jobs_is_not_taken_for_an_app(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}");
    const struct change c = {
        .kind = CHANGE_TASK, .id = 1, .owner = 1, .of = "job", .state = TASK_RUNNING};
    fleet_run_ms(&f, 10);
    apps_changed(f.apps, &c);
    assert_int_equal(apps_due(f.apps).ms, INT64_MAX);
}

/* ---- nodes that drain */

static void drain(int64_t agent, bool wanted)
{
    char args[64];
    fleet_command(&f, COMMAND_SCHEMA_UPGRADE, "{'level':4}");
    snprintf(args, sizeof args, "{'agent':%lld,'drain':%s}", (long long)agent,
             wanted ? "true" : "false");
    fleet_command(&f, COMMAND_AGENT_DRAIN, args);
    assert_int_equal(f.last.code, ERR_NONE);
}

static enum agent_state agent_now(int64_t agent)
{
    struct agent_row row;
    assert_true(state_agent_by_id(f.state, agent, &row));
    return row.state;
}

static void what_runs_on_a_node_that_drains_moves_first_and_ends_then(void **unused)
{
    (void)unused;
    int64_t n1 = fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok", 3, CHECKED));
    fleet_run_ms(&f, 1000);
    fleet_agent(&f, "n2", "{}");
    drain(n1, true);
    fleet_run_ms(&f, 5);
    expect_list("3 staging, 3 running healthy");
    int64_t least = 3;
    for (int i = 0; i < 500; i++) {
        struct app_row app = fleet_app(&f, "/web");
        least = app.counts.healthy < least ? app.counts.healthy : least;
        fleet_run_ms(&f, 1);
    }
    assert_int_equal(least, 3); /* minimumHealthCapacity is 1 */
    expect_list("3 running healthy");
    assert_string_equal(fleet_hosts(&f, "/web"), "n2 n2 n2");
    assert_int_equal(agent_now(n1), AGENT_DRAINED);
    int64_t drafts = f.drafts;
    fleet_run_ms(&f, 600000);
    assert_int_equal(f.drafts, drafts);
}

static void a_drain_ends_the_backoff_of_what_moves(void **unused)
{
    int64_t ids[64];
    (void)unused;
    int64_t n1 = fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok", 2, ",'backoffSeconds':100"));
    fleet_run_ms(&f, 1000);
    fleet_agent(&f, "n2", "{}");
    fleet_tasks(&f, "/web", ids);
    fleet_status(&f, ids[0], TASK_FAILED);
    fleet_run_ms(&f, 1000);
    expect_list("1 running");
    drain(n1, true);
    fleet_run_ms(&f, 1000);
    expect_list("2 running");
    assert_string_equal(fleet_hosts(&f, "/web"), "n2 n2");
    assert_int_equal(fleet_app(&f, "/web").delay_ms, 0);
}

static void moving_keeps_within_what_the_app_allows(void **unused)
{
    (void)unused;
    int64_t n1 = fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok stays 100", 4, CHECKED UPGRADES(0.5, 0)));
    fleet_run_ms(&f, 1000);
    fleet_agent(&f, "n2", "{}");
    f.most = 0;
    drain(n1, true);
    fleet_run_ms(&f, 5000);
    assert_int_equal(f.most, 4);
    assert_string_equal(fleet_hosts(&f, "/web"), "n2 n2 n2 n2");
}

static void what_finds_no_other_place_stays_until_there_is_one(void **unused)
{
    (void)unused;
    int64_t n1 = fleet_agent(&f, "n1", "{}");
    fleet_put(&f, WEB("ok", 2, ""));
    fleet_run_ms(&f, 1000);
    drain(n1, true);
    fleet_run_ms(&f, 10000);
    assert_string_equal(fleet_hosts(&f, "/web"), "n1 n1");
    assert_int_equal(agent_now(n1), AGENT_DRAINING);
    fleet_agent(&f, "n2", "{'cpus_milli':100}"); /* for one of them */
    fleet_run_ms(&f, 10000);
    assert_string_equal(fleet_hosts(&f, "/web"), "n1 n2");
    drain(n1, false);
    fleet_run_ms(&f, 10000);
    assert_string_equal(fleet_hosts(&f, "/web"), "n1 n2");
    assert_int_equal(agent_now(n1), AGENT_READY);
}

static void what_a_removed_node_ran_is_replaced(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n1", "{}"); /* of node 1 */
    fleet_put(&f, WEB("ok", 2, ""));
    fleet_run_ms(&f, 1000);
    fleet_agent(&f, "n2", "{'node':2}");
    fleet_command(&f, COMMAND_SCHEMA_UPGRADE, "{'level':4}");
    fleet_command(&f, COMMAND_NODE_JOIN,
                  "{'id':1,'store':1,'name':'n1','address':'10.0.0.1:5055','modes':4,'serial':1,"
                  "'until':9999999999999}");
    fleet_command(&f, COMMAND_NODE_REMOVE, "{'id':1}");
    assert_int_equal(f.last.code, ERR_NONE);
    fleet_run_ms(&f, 100);
    expect_list("2 running");
    assert_string_equal(fleet_hosts(&f, "/web"), "n2 n2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(what_is_created_runs_and_its_deployment_ends),
        TEST(a_deployment_waits_for_health),
        TEST(what_never_gets_healthy_keeps_its_deployment),
        TEST(an_agent_that_comes_later_gets_what_waits),
        TEST(what_finds_no_place_waits_for_one_that_ends),
        TEST(scaling_up_adds_and_scaling_down_ends_when_they_have_ended),
        TEST(the_oldest_die_first_where_the_app_says_so),
        TEST(who_is_least_along_dies_first),
        TEST(scaling_down_keeps_groups_even),
        TEST(groups_that_are_uneven_become_even),
        TEST(a_victim_leaves_every_group_as_even_as_it_was),
        TEST(scaled_to_none_nothing_is_left),
        TEST(a_thousand_come_and_go),
        TEST(a_large_app_does_not_starve_a_small_one),
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
        TEST(a_failing_app_backs_off_longer_and_longer),
        TEST(a_reset_of_the_delay_starts_it_at_once),
        TEST(a_failure_long_ago_is_forgotten),
        TEST(what_starts_too_slowly_is_tried_again),
        TEST(a_killed_instance_is_replaced_at_once),
        TEST(a_deleted_app_ends_and_is_forgotten),
        TEST(many_deleted_at_once_are_all_forgotten),
        TEST(a_lost_agents_instances_are_replaced_and_forgotten_at_once),
        TEST(a_patient_app_waits_then_replaces_then_forgets),
        TEST(who_comes_back_before_that_goes_on),
        TEST(who_comes_back_after_its_replacement_is_one_too_many),
        TEST(scaling_down_leaves_those_that_do_not_count),
        TEST(an_upgrade_counts_a_new_one_that_is_briefly_away),
        TEST(a_task_that_was_ending_on_a_lost_agent_has_ended),
        TEST(each_operator_chooses_among_nodes_with_and_without_the_attribute),
        TEST(a_cluster_without_a_value_stays_together),
        TEST(an_app_stays_in_its_masters_region_unless_it_says_so),
        TEST(a_deployment_waits_until_what_it_started_is_ready),
        TEST(the_next_old_one_dies_when_a_new_one_is_ready),
        TEST(what_is_ready_stays_so),
        TEST(a_replacement_is_not_asked),
        TEST(below_its_level_nobody_waits_for_readiness),
        TEST(what_moves_off_a_node_moves_as_it_gets_ready),
        TEST(a_new_leader_goes_on_where_the_old_one_was),
        TEST(nothing_is_decided_twice_while_it_is_in_flight),
        TEST(a_launch_names_what_it_saw),
        TEST(room_that_is_promised_is_not_promised_again),
        TEST(what_is_in_flight_is_waited_for_in_peace),
        TEST(marks_die_with_the_leadership),
        TEST(what_the_feed_says_of_jobs_is_not_taken_for_an_app),
        TEST(what_runs_on_a_node_that_drains_moves_first_and_ends_then),
        TEST(a_drain_ends_the_backoff_of_what_moves),
        TEST(moving_keeps_within_what_the_app_allows),
        TEST(what_finds_no_other_place_stays_until_there_is_one),
        TEST(what_a_removed_node_ran_is_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
