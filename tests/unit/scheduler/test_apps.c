/* The apps mind on virtual time: what is wanted comes to be (spec/marathon.md 8, 9). */
#include "apps.h"

#include <stdio.h>
#include <stdlib.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
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
        TEST(a_failing_app_backs_off_longer_and_longer),
        TEST(a_reset_of_the_delay_starts_it_at_once),
        TEST(a_failure_long_ago_is_forgotten),
        TEST(what_starts_too_slowly_is_tried_again),
        TEST(a_killed_instance_is_replaced_at_once),
        TEST(a_deleted_app_ends_and_is_forgotten),
        TEST(many_deleted_at_once_are_all_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
