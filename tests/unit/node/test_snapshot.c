/* A member that was away for so long that the log does not go back to where it stopped. */
#include "stage.h"

#include <stdio.h>

#include "base/str.h"
#include "db/authorizer.h"
#include "db/rowsum.h"

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

static void have_wrong_tables(int i)
{
    struct event e = {.kind = EVENT_STATE_WRONG};
    buf_init(&e.body, 100);
    buf_puts(&e.body, "settings: its kept sum is another");
    stage_event(&s, i, &e);
}

/* Behind the sums, as people do it. */
static void change_by_hand(int i, const char *value)
{
    struct error err;
    struct db *db;
    char sql[128];
    const struct db_options options = {.vfs = s.members[i].vfs_name};
    snprintf(sql, sizeof sql, "update settings set value = '%s' where key = 'cluster'", value);
    assert_int_equal(db_open(s.members[i].state_path, &options, &db, &err), 0);
    assert_int_equal(db_exec(db, sql, &err), 0);
    db_close(db);
    have_wrong_tables(i);
}

static struct db *db_of(int i)
{
    return state_db(node_state(s.members[i].node));
}

static void expect_sound(const char *value)
{
    struct error err;
    for (int i = 0; i < s.n; i++) {
        run_until_caught_up(i, stage_leader(&s));
        assert_int_equal(db_rowsums_verify(db_of(i), &err), 0);
        assert_int_equal(db_rowsum_all(db_of(i)), db_rowsum_all(db_of(0)));
        assert_string_equal(state_setting(node_state(s.members[i].node), "cluster", "?"), value);
    }
}

/* In 10 ms; -1: it took longer than that. */
static int run_until_led(int64_t ms_max)
{
    int64_t began = s.mono;
    while (stage_leader(&s) < 0 && s.mono - began < ms_max)
        stage_run_ms(&s, 10);
    return stage_leader(&s) < 0 ? -1 : (int)((s.mono - began) / 10);
}

static void where_all_have_wrong_tables_those_of_one_count(void **unused)
{
    (void)unused;
    for (int n = 1; n <= 3; n++) {
        if (n > 1)
            stage_close(&s);
        stage_open(&s, n);
        stage_ready(&s);
        write_apps(stage_leader(&s), 3);
        for (int i = 0; i < n; i++)
            change_by_hand(i, "by hand");
        stage_run_ms(&s, 5);
        uint64_t term = node_term(s.members[0].node);
        assert_in_range(run_until_led(20000), 0, 1500);
        stage_run_ms(&s, 3000);
        assert_in_range(node_term(s.members[0].node), term, term + 4); /* they do not wrangle */
        for (int i = 0; i < n; i++)
            write_apps(i, 1);
        expect_sound("by hand");
    }
}

/* It may have sound ones; but not for ever. */
static void who_is_silent_is_waited_for(void **unused)
{
    (void)unused;
    for (int comes = 0; comes < 2; comes++) {
        if (comes > 0)
            stage_close(&s);
        stage_open(&s, 3);
        stage_ready(&s);
        write_apps(stage_leader(&s), 3);
        char was[64];
        str_copy(was, sizeof was, state_setting(node_state(s.members[0].node), "cluster", "?"));
        int away = (stage_leader(&s) + 1) % 3;
        stage_down(&s, away);
        for (int i = 0; i < 3; i++)
            if (i != away)
                change_by_hand(i, "by hand");
        stage_run_ms(&s, 5);
        assert_int_equal(run_until_led(comes ? 40000 : 50000), -1);
        if (comes)
            assert_int_equal(stage_up(&s, away), 0);
        assert_in_range(run_until_led(20000), 0, 2000);
        if (!comes)
            assert_int_equal(stage_up(&s, away), 0);
        stage_run_ms(&s, 3000);
        write_apps(stage_leader(&s), 70); /* so many that their sums are compared */
        stage_run_ms(&s, 10000);
        expect_sound(comes ? was : "by hand");
    }
}

static void lead_again(void)
{
    assert_in_range(run_until_led(20000), 0, 1500);
    stage_run_ms(&s, 1000);
    write_apps(stage_leader(&s), 1);
}

/* What the one fetches is the other's, which are wrong by then. */
static void two_may_stop_while_they_fetch(void **unused)
{
    (void)unused;
    for (int restarts = 0; restarts < 2; restarts++) {
        if (restarts > 0)
            stage_close(&s);
        stage_open(&s, 2);
        stage_ready(&s);
        write_apps(stage_leader(&s), 3);
        char was[64];
        str_copy(was, sizeof was, state_setting(node_state(s.members[0].node), "cluster", "?"));
        int last = stage_leader(&s), first = 1 - last;
        s.slow_fetch = true;
        have_wrong_tables(first);
        for (int ms = 0; ms < 5000 && s.members[first].fetched == 0; ms++)
            stage_run_ms(&s, 1);
        assert_int_equal(s.members[first].fetched, 1);
        have_wrong_tables(last);
        stage_run_ms(&s, 200);
        s.slow_fetch = false;
        stage_down(&s, last);
        struct event broken = {.kind = EVENT_SNAPSHOT_FETCHED};
        if (!restarts)
            stage_event(&s, first, &broken);
        else
            stage_down(&s, first);
        if (restarts)
            assert_int_equal(stage_up(&s, first), 0);
        stage_run_ms(&s, 100);
        assert_int_equal(stage_up(&s, last), 0);
        lead_again();
        stage_run_ms(&s, 20000);
        expect_sound(was);
    }
}

static void two_may_have_full_disks_at_once(void **unused)
{
    (void)unused;
    stage_open(&s, 2);
    stage_ready(&s);
    write_apps(stage_leader(&s), 3);
    char was[64];
    str_copy(was, sizeof was, state_setting(node_state(s.members[0].node), "cluster", "?"));
    uint64_t applied = node_applied(s.members[stage_leader(&s)].node);
    for (int i = 0; i < 2; i++)
        faultvfs_full(s.members[i].vfs, true);
    stage_request(&s, stage_leader(&s), METHOD_POST, "/v2/apps", STAGE_APP(0));
    stage_run_ms(&s, 5000);
    for (int i = 0; i < 2; i++) {
        assert_null(s.members[i].node);
        assert_int_equal(s.members[i].failed.code, ERR_IO);
        faultvfs_full(s.members[i].vfs, false);
    }
    for (int i = 0; i < 2; i++)
        assert_int_equal(stage_up(&s, i), 0);
    lead_again();
    expect_sound(was);
    assert_in_range(node_applied(s.members[0].node), applied + 1, INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(who_was_away_for_long_takes_the_others_state, close_stage),
        cmocka_unit_test_teardown(who_has_wrong_tables_takes_anothers, close_stage),
        cmocka_unit_test_teardown(who_differs_from_most_takes_the_others_tables, close_stage),
        cmocka_unit_test_teardown(who_has_taken_tables_is_not_judged_by_those_it_had, close_stage),
        cmocka_unit_test_teardown(where_all_have_wrong_tables_those_of_one_count, close_stage),
        cmocka_unit_test_teardown(who_is_silent_is_waited_for, close_stage),
        cmocka_unit_test_teardown(two_may_stop_while_they_fetch, close_stage),
        cmocka_unit_test_teardown(two_may_have_full_disks_at_once, close_stage),
        cmocka_unit_test_teardown(what_nobody_wants_any_more_is_not_fetched_on, close_stage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
