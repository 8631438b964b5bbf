/* A member whose others are gone, and a copy of one, made a cluster of one by force. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "stage.h"

static struct db *open_db(struct member *m, const char *path)
{
    struct db *db;
    struct error err;
    const struct db_options options = {.fail_stop = true, .vfs = m->address};
    if (db_open(path, &options, &db, &err) != 0)
        fail_msg("%s", err.text);
    return db;
}

static void look(struct member *m, struct replica_stored *out)
{
    struct error err;
    struct db *db = open_db(m, m->path);
    if (replica_look(db, out, &err) != 0)
        fail_msg("%s", err.text);
    db_close(db);
}

static void refound(struct member *m, struct slice entry)
{
    struct error err;
    struct db *db = open_db(m, m->path);
    if (replica_refound(db, m->id, m->store, m->address, entry, &err) != 0)
        fail_msg("%s", err.text);
    db_close(db);
}

static struct {
    uint64_t n, last;
    char entry[64];
} heard;

static void on_applied(struct member *m, uint64_t index, uint64_t term, struct slice entry,
                       uint64_t ticket)
{
    (void)m;
    (void)term;
    (void)ticket;
    heard.n++;
    heard.last = index;
    snprintf(heard.entry, sizeof heard.entry, "%.*s", (int)entry.len, entry.p);
}

static void settle(struct stage *s)
{
    do
        stage_turn(s, 1);
    while (replica_restless(s->m.r));
}

/* Node 1 of three: rows 2 to 4 of term 3, of which 3 are known to be committed. */
static void begin(struct stage *s)
{
    memset(&heard, 0, sizeof heard);
    stage_init(s, "vvv", NULL);
    s->m.applied = on_applied;
    stage_append(s, 2, 3, 1, 1, "ccc", 3);
    assert_int_equal(heard.n, 2);
    member_stop(&s->m);
}

static void a_file_at_rest_says_what_it_holds(void **unused)
{
    static struct stage s;
    static struct replica_stored stored;
    (void)unused;
    begin(&s);
    look(&s.m, &stored);
    look(&s.m, &stored); /* it is as it was */
    assert_int_equal(stored.id, s.m.id);
    assert_int_equal(stored.store, s.m.store);
    assert_int_equal(stored.term, 3);
    assert_int_equal(stored.applied, 3);
    assert_int_equal(stored.last, 4);
    assert_int_equal(stored.n, 3);
    assert_int_equal(stored.members[2].id, 3);
    assert_int_equal(stored.members[2].role, REPLICA_VOTER);
    assert_true(stored.members[1].address[0] != '\0');
    assert_int_equal(member_open(&s.m, s.now), 0);
    stage_close(&s);
}

static void who_is_left_leads_with_all_it_has(void **unused)
{
    static struct stage s;
    struct replica_member member;
    (void)unused;
    begin(&s);
    refound(&s.m, SLICE("the others are gone"));
    assert_int_equal(member_open(&s.m, s.now), 0);
    settle(&s);
    assert_true(replica_leads(s.m.r));
    assert_true(replica_term(s.m.r) > 1000);
    assert_int_equal(heard.n, 4); /* what was not known to be committed, and the entry */
    assert_string_equal(heard.entry, "the others are gone");
    assert_true(replica_member(s.m.r, 0, &member));
    assert_int_equal(member.server.id, 1);
    assert_false(replica_member(s.m.r, 1, &member));
    stage_propose(&s, 1, "onwards");
    settle(&s);
    assert_string_equal(heard.entry, "onwards");
    uint64_t term = replica_term(s.m.r);
    stage_restart(&s);
    settle(&s);
    assert_true(replica_leads(s.m.r));
    assert_true(replica_term(s.m.r) > term);
    stage_close(&s);
}

static void a_change_that_was_under_way_is_over(void **unused)
{
    static struct stage s;
    struct replica_member member;
    (void)unused;
    memset(&heard, 0, sizeof heard);
    stage_init(&s, "vvv", NULL);
    s.m.applied = on_applied;
    stage_append(&s, 2, 3, 1, 1, "c2c", 2); /* 3 is to go, it seems */
    member_stop(&s.m);
    refound(&s.m, SLICE("the others are gone"));
    assert_int_equal(member_open(&s.m, s.now), 0);
    settle(&s);
    assert_true(replica_leads(s.m.r));
    assert_string_equal(heard.entry, "the others are gone");
    assert_true(replica_member(s.m.r, 0, &member));
    assert_false(replica_member(s.m.r, 1, &member));
    struct error err;
    replica_turn(s.m.r, &s.now);
    assert_int_equal(replica_change(s.m.r, REPLICA_ADD, 7, "n7", 9, &err),
                     0); /* another may begin */
    assert_int_equal(replica_commit(s.m.r, &err), 0);
    stage_close(&s);
}

/* The others may still be there: what they say is of an old term. */
static void an_old_leader_is_not_followed(void **unused)
{
    static struct stage s;
    (void)unused;
    begin(&s);
    refound(&s.m, SLICE(""));
    assert_int_equal(member_open(&s.m, s.now), 0);
    settle(&s);
    uint64_t term = replica_term(s.m.r);
    stage_append(&s, 2, 4, 4, 3, "cc", 6);
    assert_true(replica_leads(s.m.r));
    assert_int_equal(replica_term(s.m.r), term);
    stage_close(&s);
}

static void a_crash_in_it_changes_nothing(void **unused)
{
    static struct stage s;
    static struct replica_stored stored;
    struct error err;
    (void)unused;
    begin(&s);
    struct db *db = open_db(&s.m, s.m.path);
    faultvfs_die_at(s.m.disk, FAULT_SYNC, 1);
    assert_int_equal(replica_refound(db, s.m.id, s.m.store, s.m.address, SLICE("an entry"), &err),
                     -1);
    db_close(db);
    faultvfs_revive(s.m.disk, FATE_LOST);
    look(&s.m, &stored);
    assert_int_equal(stored.n, 3);
    assert_int_equal(stored.last, 4);
    assert_int_equal(member_open(&s.m, s.now), 0);
    stage_close(&s);
}

static void a_node_of_no_cluster_and_another_ones_file_are_refused(void **unused)
{
    static struct stage s;
    static struct replica_stored stored;
    struct error err;
    char path[TMP_PATH_SIZE];
    (void)unused;
    begin(&s);
    struct db *db = open_db(&s.m, s.m.path);
    assert_int_equal(replica_refound(db, 9, s.m.store, "n9", SLICE(""), &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    db_close(db);
    db = open_db(&s.m, tmp_file(path, s.folder, "new"));
    assert_int_equal(replica_look(db, &stored, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_int_equal(replica_format(db, 5, 6, &err), 0);
    assert_int_equal(replica_look(db, &stored, &err), 0);
    assert_int_equal(stored.last, 0);
    assert_int_equal(replica_refound(db, 5, 6, "n5", SLICE(""), &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    db_close(db);
    assert_int_equal(member_open(&s.m, s.now), 0);
    stage_close(&s);
}

/* A backup: pruned, so it is nobody's. */
static void a_copy_becomes_another_nodes(void **unused)
{
    static struct stage s;
    static struct replica_stored stored;
    struct replica_snapshot snapshot;
    struct replica *r;
    struct error err;
    char path[TMP_PATH_SIZE];
    (void)unused;
    begin(&s);
    struct db *db = open_db(&s.m, s.m.path);
    assert_int_equal(db_copy_to(db, tmp_file(path, s.folder, "copy"), &err), 0);
    db_close(db);
    assert_int_equal(replica_snapshot_prune(path, s.m.address, &snapshot, &err), 0);
    replica_snapshot_close(&snapshot);
    db = open_db(&s.m, path);
    assert_int_equal(replica_look(db, &stored, &err), 0);
    assert_int_equal(stored.id, 0);
    assert_int_equal(stored.applied, 3);
    assert_int_equal(stored.n, 3);
    assert_int_equal(replica_refound(db, 77, 78, "n77", SLICE("new"), &err), 0);
    assert_int_equal(replica_look(db, &stored, &err), 0);
    assert_int_equal(stored.id, 77);
    assert_int_equal(stored.applied, 3);
    assert_int_equal(stored.last, 5); /* row 4 was not applied: it is not in the copy */
    assert_int_equal(stored.n, 1);
    const struct replica_options options = {.db = db,
                                            .id = 77,
                                            .store = 78,
                                            .address = "n77",
                                            .machine = s.m.options.machine,
                                            .vfs = s.m.address};
    assert_int_equal(replica_open(&options, s.now, &r, &err), 0);
    assert_int_equal(replica_last(r), 5);
    replica_close(r);
    db_close(db);
    assert_int_equal(member_open(&s.m, s.now), 0);
    stage_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_at_rest_says_what_it_holds),
        cmocka_unit_test(who_is_left_leads_with_all_it_has),
        cmocka_unit_test(a_change_that_was_under_way_is_over),
        cmocka_unit_test(an_old_leader_is_not_followed),
        cmocka_unit_test(a_crash_in_it_changes_nothing),
        cmocka_unit_test(a_node_of_no_cluster_and_another_ones_file_are_refused),
        cmocka_unit_test(a_copy_becomes_another_nodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
