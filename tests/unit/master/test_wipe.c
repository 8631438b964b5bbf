/* What was given up is to be removed by its agent, which is told so until it has. */
#include "desk.h"

#include <stdio.h>
#include <string.h>

static struct desk d;

static int begin(void **unused)
{
    char args[32];
    (void)unused;
    desk_open(&d);
    snprintf(args, sizeof args, "{'level':%d}", COMMAND_LEVEL);
    desk_command(&d, COMMAND_SCHEMA_UPGRADE, args);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    desk_close(&d);
    return 0;
}

/* A resident of agent 0 that has run; its task. */
static int64_t resident(void)
{
    char args[512];
    struct app_row row;
    struct task_row t;
    desk_register(&d, 1, "");
    desk_turn(&d);
    int64_t app = desk_app(&d, "/db", "");
    assert_true(state_app_by_id(d.state, app, &row));
    snprintf(args, sizeof args,
             "{'instances':[{'app':%lld,'config':%lld,'cap':9,'salt':5,'agent':0,'ports':[],"
             "'cpus':100,'mem':100,'disk':10,'volumes':[{'path':'data','size':10}]}]}",
             (long long)app, (long long)row.config.ms);
    desk_command(&d, COMMAND_TASK_LAUNCH, args);
    struct stmt *q = state_tasks_of_app(d.state, app);
    assert_true(state_task_next(q, &t));
    stmt_end(q);
    desk_status(&d, 1, t.id, 1, "failed");
    desk_turn(&d);
    desk_told(&d);
    return t.id;
}

static void wipe(int64_t task)
{
    char args[96];
    snprintf(args, sizeof args, "{'tasks':[{'task':%lld,'reason':'r','wipe':true}]}",
             (long long)task);
    desk_command(&d, COMMAND_TASK_KILL, args);
}

static bool told_to_wipe(void)
{
    return strstr(desk_told(&d), "0 wipe") != NULL;
}

static void its_agent_is_told_until_it_has_removed_it(void **unused)
{
    (void)unused;
    int64_t task = resident();
    desk_run_ms(&d, 12000, 1);
    assert_false(told_to_wipe());
    wipe(task);
    desk_turn(&d);
    assert_true(told_to_wipe());
    desk_run_ms(&d, 4000, 1);
    assert_false(told_to_wipe());
    desk_run_ms(&d, 2000, 1);
    assert_true(told_to_wipe());
    desk_say(&d, 1, "{'m':'wiped','uid':1,'volumes':[1]}");
    desk_turn(&d);
    desk_told(&d);
    desk_run_ms(&d, 12000, 1);
    assert_false(told_to_wipe());
}

/* More than was ordered at once: the rest is said again when it is asked for again. */
static void an_answer_is_taken_in_no_further_than_an_order_goes(void **unused)
{
    (void)unused;
    struct buf said;
    wipe(resident());
    buf_init(&said, 4096);
    buf_printf(&said, "{'m':'wiped','uid':1,'volumes':[");
    for (int i = 0; i < 100; i++)
        buf_printf(&said, "%d,", 1000 + i);
    buf_printf(&said, "1]}");
    desk_say(&d, 1, buf_str(&said));
    buf_close(&said);
    desk_turn(&d);
    assert_true(told_to_wipe());
    desk_say(&d, 1, "{'m':'wiped','uid':1,'volumes':[1]}");
    desk_turn(&d);
    desk_told(&d);
    desk_run_ms(&d, 12000, 1);
    assert_false(told_to_wipe());
}

static void who_was_away_learns_it_when_it_is_back(void **unused)
{
    (void)unused;
    int64_t task = resident();
    desk_run_ms(&d, 20000, 0); /* nobody pongs */
    assert_int_equal(desk_agent(&d, 0), AGENT_UNREACHABLE);
    desk_told(&d);
    wipe(task);
    desk_run_ms(&d, 12000, 0);
    assert_false(told_to_wipe());
    desk_register(&d, 1, "");
    desk_turn(&d);
    assert_true(told_to_wipe());
}

static void a_new_leader_tells_it_too(void **unused)
{
    (void)unused;
    wipe(resident());
    desk_turn(&d);
    desk_lead(&d, false);
    desk_lead(&d, true);
    desk_told(&d);
    desk_register(&d, 1, "");
    desk_turn(&d);
    assert_true(told_to_wipe());
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(its_agent_is_told_until_it_has_removed_it),
        TEST(an_answer_is_taken_in_no_further_than_an_order_goes),
        TEST(who_was_away_learns_it_when_it_is_back),
        TEST(a_new_leader_tells_it_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
