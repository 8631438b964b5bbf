/* Where service ports go (DESIGN 7). */
#include "desk.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

static struct desk d;

static int begin(void **unused)
{
    (void)unused;
    desk_open(&d);
    desk_register(&d, 1, "");
    desk_register(&d, 2, "");
    desk_run_ms(&d, 100, 2);
    desk_routes(&d, 0);
    desk_routes(&d, 1);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    desk_close(&d);
    return 0;
}

/* "10000=10.0.0.1:31000+,10.0.0.2:31001": + healthy, ~ draining */
static const char *short_form(const char *routes)
{
    static char text[4096];
    struct error err;
    size_t len = 0;
    text[0] = '\0';
    if (routes[0] == '\0')
        return "nothing";
    struct json *v = json_parse(slice_of(routes), &err);
    JSON_EACH (r, v) {
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%d=", len > 0 ? " " : "",
                                (int)json_int(json_get(r, "port"), 0));
        JSON_EACH (b, json_get(r, "backends"))
            len += (size_t)snprintf(
                text + len, sizeof text - len, "%s%s:%d%s%s", text[len - 1] == '=' ? "" : ",",
                json_str(json_get(b, "address"), ""), (int)json_int(json_get(b, "port"), 0),
                json_bool(json_get(b, "healthy"), false) ? "+" : "",
                json_bool(json_get(b, "draining"), false) ? "~" : "");
    }
    json_free(v);
    return text;
}

/* Both agents were told the same, or nothing. */
static void expect_routes(const char *expected)
{
    desk_run_ms(&d, 20, 2);
    for (int i = 0; i < 2; i++)
        assert_string_equal(short_form(desk_routes(&d, i)), expected);
}

static int64_t run(int64_t app, int agent)
{
    int64_t task = desk_launch(&d, app, agent - 1);
    desk_status(&d, agent, task, 1, "running");
    return task;
}

static void a_running_task_gets_connections(void **unused)
{
    (void)unused;
    int64_t app = desk_app(&d, "/web", "");
    expect_routes("10000=");
    int64_t task = desk_launch(&d, app, 0);
    expect_routes("nothing"); /* it is only staged: nothing has changed */
    desk_status(&d, 1, task, 1, "running");
    expect_routes("10000=10.0.0.1:31000+");
    run(app, 2);
    expect_routes("10000=10.0.0.1:31000+,10.0.0.2:31001+");
}

static void a_checked_task_gets_none_before_it_is_healthy(void **unused)
{
    (void)unused;
    int64_t app = desk_app(&d, "/web", ",'healthChecks':[{'protocol':'TCP'}]");
    int64_t task = run(app, 1);
    expect_routes("10000=10.0.0.1:31000");
    for (int health = 1; health <= 2; health++) {
        char message[256];
        snprintf(
            message, sizeof message,
            "{'m':'status','uid':1,'statuses':[{'task':%lld,'seq':%d,'state':'running','health'"
            ":%d,'health_results':[]}]}",
            (long long)task, health + 1, health);
        desk_say(&d, 1, message);
        expect_routes(health == 1 ? "10000=10.0.0.1:31000+" : "10000=10.0.0.1:31000");
    }
}

static void a_task_that_ends_keeps_its_connections_for_a_while(void **unused)
{
    (void)unused;
    int64_t app = desk_app(&d, "/web", "");
    int64_t task = run(app, 1);
    run(app, 2);
    expect_routes("10000=10.0.0.1:31000+,10.0.0.2:31001+");
    desk_kill(&d, task);
    expect_routes("10000=10.0.0.1:31000~,10.0.0.2:31001+");
    desk_status(&d, 1, task, 2, "killed");
    expect_routes("10000=10.0.0.2:31001+");
}

static void udp_and_ports_without_a_service_have_no_route(void **unused)
{
    (void)unused;
    int64_t app = desk_app(&d, "/web",
                           ",'portDefinitions':[{'port':0,'protocol':'udp'},"
                           "{'port':0,'name':'http'}]");
    struct app_row row;
    char args[256];
    assert_true(state_app_by_id(d.state, app, &row));
    snprintf(args, sizeof args,
             "{'instances':[{'app':%lld,'config':%lld,'cap':9,'salt':5,'agent':0,'ports':[31500,"
             "31501],'cpus':1,'mem':1,'disk':0,'pong':7}]}",
             (long long)app, (long long)row.config.ms);
    desk_command(&d, COMMAND_TASK_LAUNCH, args);
    desk_status(&d, 1, 1, 1, "running");
    expect_routes("10001=10.0.0.1:31501+"); /* the second one's host port */
}

static void routes_of_several_apps_are_one_list(void **unused)
{
    (void)unused;
    int64_t a = desk_app(&d, "/a", ""), b = desk_app(&d, "/b", "");
    run(a, 1);
    run(b, 2);
    expect_routes("10000=10.0.0.1:31000+ 10001=10.0.0.2:31001+");
    desk_command(&d, COMMAND_APP_PUT, "{'apps':[]}");
    char args[128];
    struct app_row row;
    assert_true(state_app_by_path(d.state, "/a", &row));
    snprintf(args, sizeof args, "{'apps':[{'path':'/a','base':%lld}]}", (long long)row.version.ms);
    desk_command(&d, COMMAND_APP_PUT, args);
    expect_routes("10001=10.0.0.2:31001+");
}

static void a_new_agent_gets_what_stands(void **unused)
{
    (void)unused;
    run(desk_app(&d, "/web", ""), 1);
    expect_routes("10000=10.0.0.1:31000+");
    desk_register(&d, 3, "");
    assert_string_equal(short_form(desk_routes(&d, 2)), "10000=10.0.0.1:31000+");
    expect_routes("nothing"); /* the others have it */
}

/* What has changed just before somebody came is told to all, not to the newcomer alone. */
static void a_newcomer_takes_no_news_from_the_others(void **unused)
{
    (void)unused;
    int64_t app = desk_app(&d, "/web", "");
    expect_routes("10000=");
    run(app, 1);
    desk_turn(&d); /* committed, and not yet told */
    desk_register(&d, 3, "");
    assert_string_equal(short_form(desk_routes(&d, 2)), "10000=10.0.0.1:31000+");
    expect_routes("10000=10.0.0.1:31000+");
}

static void a_new_leader_tells_all_that_come(void **unused)
{
    (void)unused;
    run(desk_app(&d, "/web", ""), 1);
    expect_routes("10000=10.0.0.1:31000+");
    desk_lead(&d, true);
    desk_register(&d, 1, "{'task':1,'state':'running','seq':1}");
    assert_string_equal(short_form(desk_routes(&d, 0)), "10000=10.0.0.1:31000+");
}

static void a_burst_of_changes_is_told_once(void **unused)
{
    (void)unused;
    int64_t app = desk_app(&d, "/web", "");
    expect_routes("10000=");
    int told = 0;
    for (int i = 0; i < 20; i++) { /* all within the time that changes are gathered */
        run(app, 1);
        desk_turn(&d);
        told += desk_routes(&d, 0)[0] != '\0';
    }
    assert_in_range(told, 0, 1);
    desk_run_ms(&d, 10, 2);
    assert_non_null(strstr(desk_routes(&d, 0), "31019"));
}

/* However many routes there are, a change costs what it changes. */
static void who_knows_the_routes_is_told_what_changes(void **unused)
{
    (void)unused;
    char args[128];
    struct app_row row;
    int64_t a = desk_app(&d, "/a", ""), b = desk_app(&d, "/b", "");
    run(a, 1);
    run(b, 2);
    expect_routes("10000=10.0.0.1:31000+ 10001=10.0.0.2:31001+");
    size_t changes = desk_book(&d, 0)->changes;
    run(b, 1);
    expect_routes("10000=10.0.0.1:31000+ 10001=10.0.0.2:31001+,10.0.0.1:31002+");
    assert_true(state_app_by_path(d.state, "/a", &row));
    snprintf(args, sizeof args, "{'apps':[{'path':'/a','base':%lld}]}", (long long)row.version.ms);
    desk_command(&d, COMMAND_APP_PUT, args);
    expect_routes("10001=10.0.0.2:31001+,10.0.0.1:31002+");
    assert_int_equal(desk_book(&d, 0)->changes, changes + 2);
}

static void what_an_agent_has_lost_it_is_told_again(void **unused)
{
    (void)unused;
    int64_t app = desk_app(&d, "/web", "");
    expect_routes("10000=");
    d.lose_routes = true;
    run(app, 1);
    desk_run_ms(&d, 100, 2);
    d.lose_routes = false;
    desk_run_ms(&d, 1000, 2);
    assert_string_equal(desk_routes(&d, 0), ""); /* it may be on its way still */
    desk_run_ms(&d, 2000, 2);
    expect_routes("10000=10.0.0.1:31000+");
    desk_run_ms(&d, 5000, 2);
    expect_routes("nothing");
}

static void what_was_lost_is_told_again_though_routes_change_all_the_time(void **unused)
{
    (void)unused;
    char path[16];
    d.lose_routes = true;
    desk_app(&d, "/lost", "");
    desk_run_ms(&d, 100, 2);
    d.lose_routes = false;
    for (int i = 0; i < 10; i++) {
        snprintf(path, sizeof path, "/app%d", i);
        desk_app(&d, path, "");
        desk_run_ms(&d, 500, 2);
    }
    for (int i = 0; i < 2; i++)
        assert_int_equal(map_count(desk_book(&d, i)->routes), 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(a_running_task_gets_connections),
        TEST(a_checked_task_gets_none_before_it_is_healthy),
        TEST(a_task_that_ends_keeps_its_connections_for_a_while),
        TEST(udp_and_ports_without_a_service_have_no_route),
        TEST(routes_of_several_apps_are_one_list),
        TEST(a_new_agent_gets_what_stands),
        TEST(a_newcomer_takes_no_news_from_the_others),
        TEST(a_new_leader_tells_all_that_come),
        TEST(a_burst_of_changes_is_told_once),
        TEST(who_knows_the_routes_is_told_what_changes),
        TEST(what_an_agent_has_lost_it_is_told_again),
        TEST(what_was_lost_is_told_again_though_routes_change_all_the_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
