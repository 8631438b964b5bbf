/* A member that was away for so long that the log does not go back to where it stopped. */
#include "stage.h"

#include <stdio.h>

#include "base/str.h"
#include "db/authorizer.h"

#define FEW 20

static struct stage s;

static int close_stage(void **unused)
{
    (void)unused;
    stage_close(&s);
    return 0;
}

static void write_apps(int leader, int n)
{
    static int serial;
    for (int i = 0; i < n; i++) {
        char body[128];
        snprintf(body, sizeof body, "{'id':'/a%d','cmd':'x','instances':0}", serial++);
        uint64_t put = stage_request(&s, leader, METHOD_POST, "/v2/apps", body);
        for (int ms = 0; ms < 2000 && stage_status(&s, put) == 0; ms += 5)
            stage_run_ms(&s, 5);
        assert_int_equal(stage_status(&s, put), 201);
    }
}

/* The leader; *away has missed more than the log holds, and is up again. */
static int leave_behind(int *away)
{
    stage_open(&s, 3);
    s.log_rows = FEW;
    stage_ready(&s);
    int leader = stage_leader(&s);
    *away = (leader + 1) % 3;
    stage_down(&s, *away);
    write_apps(leader, 3 * FEW);
    assert_int_equal(stage_up(&s, *away), 0);
    return leader;
}

static bool caught_up(int i, int leader)
{
    const struct node *n = s.members[i].node;
    return n != NULL && node_applied(n) == node_applied(s.members[leader].node);
}

static void run_until_caught_up(int i, int leader)
{
    for (int ms = 0; ms < 20000 && !caught_up(i, leader); ms += 10)
        stage_run_ms(&s, 10);
    assert_true(caught_up(i, leader));
}

static void who_was_away_for_long_takes_the_others_state(void **unused)
{
    int away;
    (void)unused;
    int leader = leave_behind(&away);
    run_until_caught_up(away, leader);
    assert_int_equal(s.members[leader].snapshots, 1);
    assert_int_equal(s.members[away].fetched, 1);
    assert_int_equal(s.members[away].dropped, 0);
    write_apps(leader, 1); /* and hears what follows */
    run_until_caught_up(away, leader);
    assert_true(str_eq(state_setting(node_state(s.members[away].node), "cluster", "none"),
                       state_setting(node_state(s.members[leader].node), "cluster", "?")));
}

static void what_nobody_wants_any_more_is_not_fetched_on(void **unused)
{
    int away;
    (void)unused;
    s.slow_fetch = false;
    int leader = leave_behind(&away);
    s.slow_fetch = true;
    for (int ms = 0; ms < 20000 && s.members[away].fetched == 0; ms += 10)
        stage_run_ms(&s, 10);
    assert_int_equal(s.members[away].fetched, 1);
    s.members[leader].cut = true; /* its leader is silent: the install is given up */
    for (int ms = 0; ms < 20000 && s.members[away].dropped == 0; ms += 10)
        stage_run_ms(&s, 10);
    assert_int_equal(s.members[away].dropped, 1);
    s.members[leader].cut = false;
    s.slow_fetch = false;
    for (int ms = 0; ms < 5000 && stage_leader(&s) < 0; ms += 10)
        stage_run_ms(&s, 10);
    run_until_caught_up(away, stage_leader(&s));
    assert_int_equal(s.members[away].fetched, 2);
}

/* Its rows are not what was written: it answers nothing until it has another's tables. */
static void who_has_wrong_tables_takes_anothers(void **unused)
{
    (void)unused;
    stage_open(&s, 3);
    stage_ready(&s);
    write_apps(stage_leader(&s), 3);
    int wrong = stage_leader(&s); /* which then leads no more */
    struct event e = {.kind = EVENT_STATE_WRONG};
    buf_init(&e.body, 100);
    buf_puts(&e.body, "apps: its kept sum is another");
    stage_event(&s, wrong, &e);
    stage_run_ms(&s, 2);
    uint64_t asked = stage_request(&s, wrong, METHOD_POST, "/v2/apps", STAGE_APP(0));
    stage_run_ms(&s, 5);
    assert_int_equal(stage_status(&s, asked), 502); /* in Marathon's words */
    for (int ms = 0; ms < 20000 && s.members[wrong].fetched == 0; ms += 10)
        stage_run_ms(&s, 10);
    assert_int_equal(s.members[wrong].fetched, 1);
    stage_run_ms(&s, 1000);
    int leader = stage_leader(&s);
    assert_int_not_equal(leader, wrong);
    run_until_caught_up(wrong, leader);
    write_apps(wrong, 1);
}

/* What it applied came out differently: its own sums know nothing of that. */
static void who_differs_from_most_takes_the_others_tables(void **unused)
{
    struct error err;
    (void)unused;
    for (int leads = 0; leads < 2; leads++) {
        if (leads > 0)
            stage_close(&s);
        stage_open(&s, 3);
        stage_ready(&s);
        write_apps(stage_leader(&s), 3);
        int wrong = (stage_leader(&s) + (leads ? 0 : 1)) % 3;
        struct db *db = state_db(node_state(s.members[wrong].node));
        db_authorize(db, DB_ROLE_ANY);
        assert_int_equal(db_begin(db, DB_FULL, &err), 0);
        assert_int_equal(db_exec(db, "update settings set value = 'x' where key = 'cluster'", &err),
                         0);
        assert_int_equal(db_commit(db, &err), 0);
        for (int i = 0; i < 100 && s.members[wrong].fetched == 0; i++) {
            write_apps((wrong + 1) % 3, 3);
            stage_run_ms(&s, 500);
        }
        assert_int_equal(s.members[wrong].fetched, 1);
        run_until_caught_up(wrong, stage_leader(&s));
        assert_string_not_equal(state_setting(node_state(s.members[wrong].node), "cluster", "x"),
                                "x");
        for (int i = 0; i < 3; i++)
            assert_int_equal(s.members[i].fetched, i == wrong);
    }
}

static void transfer_to(int i)
{
    char body[32];
    snprintf(body, sizeof body, "{'node':'n%d'}", i + 1);
    uint64_t asked = stage_request(&s, stage_leader(&s), METHOD_POST, "/api/leader/transfer", body);
    for (int ms = 0; ms < 5000 && (stage_status(&s, asked) == 0 || stage_leader(&s) != i); ms++)
        stage_run_ms(&s, 1);
    assert_int_equal(stage_leader(&s), i);
}

/* The next leader asks for the same entry's sums again. */
static void who_has_taken_tables_is_not_judged_by_those_it_had(void **unused)
{
    struct error err;
    (void)unused;
    stage_open(&s, 3);
    stage_ready(&s);
    write_apps(stage_leader(&s), 3);
    int wrong = (stage_leader(&s) + 1) % 3, next = (stage_leader(&s) + 2) % 3;
    struct db *db = state_db(node_state(s.members[wrong].node));
    db_authorize(db, DB_ROLE_ANY);
    assert_int_equal(db_begin(db, DB_FULL, &err), 0);
    assert_int_equal(db_exec(db, "update settings set value = 'x' where key = 'cluster'", &err), 0);
    assert_int_equal(db_commit(db, &err), 0);
    for (int i = 0; i < 300 && s.members[wrong].fetched == 0; i++) {
        write_apps(next, 1);
        stage_run_ms(&s, node_applied(s.members[next].node) % 64 < 4 ? 2500 : 1);
    }
    assert_int_equal(s.members[wrong].fetched, 1);
    run_until_caught_up(wrong, stage_leader(&s));
    transfer_to(next);
    stage_run_ms(&s, 5000);
    assert_int_equal(s.members[wrong].fetched, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(who_was_away_for_long_takes_the_others_state, close_stage),
        cmocka_unit_test_teardown(who_has_wrong_tables_takes_anothers, close_stage),
        cmocka_unit_test_teardown(who_differs_from_most_takes_the_others_tables, close_stage),
        cmocka_unit_test_teardown(who_has_taken_tables_is_not_judged_by_those_it_had, close_stage),
        cmocka_unit_test_teardown(what_nobody_wants_any_more_is_not_fetched_on, close_stage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
