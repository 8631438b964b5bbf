/* A node that goes on alone, and a backup that becomes a cluster. */
#include "stage.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "node/refound.h"

static struct stage s, again;

static int close_stage(void **unused)
{
    (void)unused;
    stage_close(&s);
    return 0;
}

static int close_stages(void **unused)
{
    stage_close(&again);
    return close_stage(unused);
}

static struct state *state_of(struct stage *stage, int i)
{
    return node_state(stage->members[i].node);
}

static struct app_counts counts(struct stage *stage, int i)
{
    struct app_row row;
    if (!state_app_by_path(state_of(stage, i), "/web", &row))
        fail_msg("there is no /web");
    return row.counts;
}

static void run_until_running(struct stage *stage, int i, int64_t running)
{
    for (int ms = 0; ms < 30000; ms += 50) {
        stage_run_ms(stage, 50);
        if (stage->members[i].node == NULL)
            fail_msg("%s", stage->members[i].failed.text);
        if (node_leading(stage->members[i].node) && state_level(state_of(stage, i)) > 0 &&
            node_ready(stage->members[i].node) && counts(stage, i).running == running)
            return;
    }
    fail_msg("%lld run", (long long)counts(stage, i).running);
}

static void put_app(int i)
{
    uint64_t put = stage_request(&s, i, METHOD_POST, "/v2/apps", STAGE_APP(6));
    for (int ms = 0; ms < 2000 && stage_status(&s, put) == 0; ms += 10)
        stage_run_ms(&s, 10);
    assert_int_equal(stage_status(&s, put), 201);
    run_until_running(&s, i, 6);
}

static struct db *open_file(struct member *m, const char *path)
{
    struct db *db;
    struct error err;
    const struct db_options options = {.fail_stop = true, .vfs = m->vfs_name};
    if (db_open(path, &options, &db, &err) != 0)
        fail_msg("%s", err.text);
    return db;
}

/* As mesolith recover does. */
static void recover(struct member *m, const int64_t *gone, size_t n)
{
    struct state *state;
    struct error err;
    struct db *db = open_file(m, m->state_path);
    const struct refounding how = {.id = (uint64_t)m->position + 1,
                                   .store = 77 + (uint64_t)m->position,
                                   .address = m->address,
                                   .gone = gone,
                                   .n = n,
                                   .reason = "the cluster was recovered without it",
                                   .now = {1767225600000}};
    assert_int_equal(state_open(db, false, &state, &err), 0);
    if (node_refound(state, &how, &err) != 0)
        fail_msg("%s", err.text);
    state_close(state);
    db_close(db);
}

static size_t agents_in(struct state *state, enum agent_state wanted)
{
    struct agent_row row;
    size_t n = 0;
    struct stmt *q = state_agents(state);
    while (state_agent_next(q, &row))
        n += row.state == wanted;
    return n;
}

static void who_is_left_runs_what_the_others_ran(void **unused)
{
    struct node_row row;
    char cluster[64];
    (void)unused;
    stage_open(&s, 3);
    stage_ready(&s);
    put_app(stage_leader(&s));
    int left = (stage_leader(&s) + 1) % 3;
    stage_run_ms(&s, 500);
    str_copy(cluster, sizeof cluster, state_setting(state_of(&s, left), "cluster", ""));
    for (int i = 0; i < 3; i++)
        stage_down(&s, i);
    int64_t gone[] = {(left + 1) % 3 + 1, (left + 2) % 3 + 1};
    recover(&s.members[left], gone, 2);
    assert_int_equal(stage_up(&s, left), 0);
    run_until_running(&s, left, 6);
    assert_true(node_term(s.members[left].node) > 1000);
    assert_string_equal(state_setting(state_of(&s, left), "cluster", ""), cluster);
    assert_false(state_node_by_id(state_of(&s, left), gone[0], &row));
    assert_false(state_node_by_id(state_of(&s, left), gone[1], &row));
    assert_true(state_node_by_id(state_of(&s, left), left + 1, &row));
    assert_int_equal(agents_in(state_of(&s, left), AGENT_GONE), 2);
    assert_int_equal(agents_in(state_of(&s, left), AGENT_READY), 1);
    stage_run_ms(&s, 1000);
    assert_int_equal(counts(&s, left).running, 6);
}

/* A pruned copy of the only node's file, at the path of another one. */
static void back_up_to(const char *path)
{
    struct replica_snapshot snapshot;
    struct error err;
    struct member *m = &s.members[0];
    struct db *db = open_file(m, m->state_path);
    assert_int_equal(db_copy_to(db, path, &err), 0);
    db_close(db);
    assert_int_equal(replica_snapshot_prune(path, m->vfs_name, &snapshot, &err), 0);
    replica_snapshot_close(&snapshot);
}

static void up(struct stage *stage)
{
    if (stage_up(stage, 0) != 0)
        fail_msg("%s", stage->members[0].failed.text);
}

static void a_backup_becomes_a_cluster_of_its_own(void **unused)
{
    struct node_row row;
    char cluster[64];
    (void)unused;
    stage_open(&s, 1);
    stage_ready(&s);
    put_app(0);
    str_copy(cluster, sizeof cluster, state_setting(state_of(&s, 0), "cluster", ""));
    stage_open(&again, 1);
    again.lone_id = 6;
    back_up_to(again.members[0].state_path);
    again.mono = s.mono + 1000;
    up(&again);
    run_until_running(&again, 0, 6);
    assert_string_not_equal(state_setting(state_of(&again, 0), "cluster", ""), cluster);
    assert_false(state_node_by_id(state_of(&again, 0), 1, &row));
    assert_true(state_node_by_id(state_of(&again, 0), 6, &row));
    assert_int_equal(agents_in(state_of(&again, 0), AGENT_GONE), 1);
    assert_int_equal(again.members[0].launched, 6); /* none of the old ones is taken for ours */
    stage_down(&again, 0);
    up(&again); /* it is a node like any other from now on */
    run_until_running(&again, 0, 6);
}

static void a_backup_joins_nothing(void **unused)
{
    (void)unused;
    stage_open(&s, 1);
    stage_ready(&s);
    stage_open(&again, 2); /* it is not to found itself */
    back_up_to(again.members[0].state_path);
    assert_int_equal(stage_up(&again, 0), -1);
    assert_int_equal(again.members[0].failed.code, ERR_CONFLICT);
    assert_non_null(strstr(again.members[0].failed.text, "restored backup"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(who_is_left_runs_what_the_others_ran, close_stage),
        cmocka_unit_test_teardown(a_backup_becomes_a_cluster_of_its_own, close_stages),
        cmocka_unit_test_teardown(a_backup_joins_nothing, close_stages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
