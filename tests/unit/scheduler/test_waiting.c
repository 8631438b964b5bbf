/* How many instances wait for a machine, since when, and for how long yet (spec/marathon.md 9). */
#include "fleet.h"

static struct fleet f;

static int begin(void **unused)
{
    (void)unused;
    fleet_open(&f);
    fleet_agent(&f, "n1", "{}");
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    fleet_close(&f);
    return 0;
}

#define WEB(instances, more)                                                           \
    "{'id':'/prod/web','cmd':'ok','instances':" #instances ",'cpus':0.1,'mem':32" more \
    ",'constraints':[['hostname','IS','n1']]}"

static int64_t waiting(struct wall *since)
{
    struct app_row row = fleet_app(&f, "/prod/web");
    struct app app;
    struct error err;
    assert_int_equal(app_load(row.definition, &app, &err), 0);
    struct apps_kept kept = {0};
    int64_t n = apps_waiting(f.state, &row, &app, f.now.wall, NULL);
    *since = apps_waiting_since(f.state, &row, &app, f.now.wall, NULL);
    for (int i = 0; i < 2; i++) { /* read for all, and again */
        assert_int_equal(apps_waiting(f.state, &row, &app, f.now.wall, &kept), n);
        assert_int_equal(apps_waiting_since(f.state, &row, &app, f.now.wall, &kept).ms, since->ms);
    }
    apps_kept_close(&kept);
    app_close(&app);
    return n;
}

static void what_is_asked_for_waits_from_then_on(void **unused)
{
    struct wall since;
    (void)unused;
    fleet_cut(&f, 0);
    struct wall asked = f.now.wall;
    fleet_put(&f, WEB(2, ""));
    fleet_run_ms(&f, 5000);
    assert_int_equal(waiting(&since), 2);
    assert_int_equal(since.ms, asked.ms);
}

/* However long the one before it ran. */
static void what_replaces_one_waits_since_its_end(void **unused)
{
    int64_t ids[64];
    struct wall since;
    (void)unused;
    fleet_put(&f, WEB(2, ""));
    fleet_run_ms(&f, 100000);
    assert_int_equal(fleet_tasks(&f, "/prod/web", ids), 2);
    struct wall ended = f.now.wall;
    fleet_status(&f, ids[1], TASK_KILLED);
    f.now.wall.ms += 3000; /* the mind has not looked */
    assert_int_equal(waiting(&since), 1);
    assert_int_equal(since.ms, ended.ms);
}

static void what_is_lost_is_waited_for_when_it_stops_to_count(void **unused)
{
    struct wall since;
    (void)unused;
    fleet_put(&f, WEB(2, ",'unreachableStrategy':{'inactiveAfterSeconds':60,"
                         "'expungeAfterSeconds':120}"));
    fleet_run_ms(&f, 100000);
    struct wall lost = f.now.wall;
    fleet_cut(&f, 0);
    fleet_run_ms(&f, 50000);
    assert_int_equal(waiting(&since), 0);
    fleet_run_ms(&f, 20000);
    assert_int_equal(waiting(&since), 2);
    assert_int_equal(since.ms, lost.ms + 60000);
}

/* No constraint counts it any more (11.3). */
static void what_is_lost_stands_in_nobodys_way(void **unused)
{
    (void)unused;
    fleet_agent(&f, "n2", "{'attributes':{'rack':'b'}}");
    fleet_put(&f, "{'id':'/prod/web','cmd':'ok','instances':1,'cpus':0.1,'mem':32,"
                  "'constraints':[['rack','UNIQUE']],"
                  "'unreachableStrategy':{'inactiveAfterSeconds':60,'expungeAfterSeconds':120}}");
    fleet_run_ms(&f, 1000);
    fleet_agent(&f, "n3", "{'attributes':{'rack':'b'}}");
    fleet_cut(&f, 1);
    fleet_run_ms(&f, 70000);
    assert_string_equal(fleet_list(&f, "/prod/web"), "1 running, 1 unreachable");
}

static void what_may_never_be_given_up_is_waited_for(void **unused)
{
    struct wall since;
    (void)unused;
    fleet_put(&f, WEB(2, ",'unreachableStrategy':'disabled'"));
    fleet_run_ms(&f, 1000);
    fleet_cut(&f, 0);
    fleet_run_ms(&f, 10000000);
    assert_string_equal(fleet_list(&f, "/prod/web"), "2 unreachable");
    assert_int_equal(waiting(&since), 0);
}

/* Of a changed configuration the delay ends, of a scaled one it does not (9.2). */
static void scaling_does_not_end_the_backoff(void **unused)
{
    int64_t ids[64];
    (void)unused;
    fleet_put(&f, WEB(1, ",'backoffSeconds':100"));
    fleet_run_ms(&f, 1000);
    fleet_tasks(&f, "/prod/web", ids);
    fleet_status(&f, ids[0], TASK_FAILED);
    fleet_force(&f, WEB(3, ",'backoffSeconds':100"));
    fleet_run_ms(&f, 90000);
    assert_string_equal(fleet_list(&f, "/prod/web"), "");
    fleet_force(&f, WEB(3, ",'backoffSeconds':99"));
    fleet_run_ms(&f, 1000);
    assert_string_equal(fleet_list(&f, "/prod/web"), "3 running");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(what_is_asked_for_waits_from_then_on),
        TEST(what_replaces_one_waits_since_its_end),
        TEST(what_is_lost_is_waited_for_when_it_stops_to_count),
        TEST(what_is_lost_stands_in_nobodys_way),
        TEST(what_may_never_be_given_up_is_waited_for),
        TEST(scaling_does_not_end_the_backoff),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
