/* The apps mind on virtual time: what is in flight, and leaders that come and go. */
#include "apps.h"

#include <stdio.h>
#include <string.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_leader_goes_on_where_the_old_one_was),
        TEST(nothing_is_decided_twice_while_it_is_in_flight),
        TEST(a_launch_names_what_it_saw),
        TEST(room_that_is_promised_is_not_promised_again),
        TEST(what_is_in_flight_is_waited_for_in_peace),
        TEST(marks_die_with_the_leadership),
        TEST(what_the_feed_says_of_jobs_is_not_taken_for_an_app),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
