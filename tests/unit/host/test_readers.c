/* Asks on reader threads. Also built with ThreadSanitizer (tests/threads). */
#include "unit.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/limits.h"
#include "base/mem.h"
#include "db/swap.h"
#include "host/readers.h"
#include "master/master.h"
#include "replica/replica.h"
#include "support/tmp.h"

struct desk {
    char folder[TMP_PATH_SIZE], path[TMP_PATH_SIZE];
    struct api *api;
    struct readers *readers;
    uint64_t next;
    /* answers, by whatever thread */
    uv_mutex_t lock;
    uv_cond_t more;
    int ok, busy, failed;
    char last[256];
};

static struct desk d;

static void on_answer(void *data, struct answer *a)
{
    struct desk *desk = data;
    uv_mutex_lock(&desk->lock);
    desk->ok += a->status == 200;
    desk->busy += a->status == 503;
    desk->failed += a->status != 200 && a->status != 503;
    struct slice body = blob_slice(a->body);
    snprintf(desk->last, sizeof desk->last, "%d %.*s", a->status, (int)body.len, body.p);
    uv_cond_signal(&desk->more);
    uv_mutex_unlock(&desk->lock);
    answer_close(a);
}

static void wait_for_answers(int n)
{
    uv_mutex_lock(&d.lock);
    while (d.ok + d.busy + d.failed < n)
        uv_cond_wait(&d.more, &d.lock);
    uv_mutex_unlock(&d.lock);
}

static void start(int threads)
{
    const struct readers_options options = {
        .state_path = d.path, .threads = threads, .api = d.api, .answer = on_answer, .data = &d};
    d.readers = readers_start(&options);
}

static int begin(void **unused)
{
    (void)unused;
    d = (struct desk){0};
    tmp_make(d.folder);
    tmp_file(d.path, d.folder, "state.db");
    d.api = api_new();
    uv_mutex_init(&d.lock);
    uv_cond_init(&d.more);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    readers_stop(d.readers);
    api_free(d.api);
    uv_cond_destroy(&d.more);
    uv_mutex_destroy(&d.lock);
    tmp_remove(d.folder);
    return 0;
}

static void raise_to(struct db *db, int level)
{
    struct state *state;
    struct error err;
    struct outcome o;
    char text[32];
    snprintf(text, sizeof text, "{\"level\":%d}", level);
    struct json *args = json_parse(slice_of(text), &err);
    const struct command upgrade = {.kind = COMMAND_SCHEMA_UPGRADE, .rid = "", .args = args};
    assert_int_equal(state_open(db, false, &state, &err), 0);
    assert_int_equal(db_begin(db, DB_NORMAL, &err), 0);
    state_apply(state, 1, 1, &upgrade, &o);
    assert_int_equal(db_commit(db, &err), 0);
    outcome_close(&o);
    json_free(args);
    state_close(state);
}

/* A state of level 1, nothing in it. */
static void make_state(void)
{
    struct db *db;
    struct error err;
    const struct db_options options = {.fail_stop = true};
    assert_int_equal(db_open(d.path, &options, &db, &err), 0);
    assert_int_equal(replica_format(db, 1, 2, &err), 0);
    raise_to(db, 1);
    db_close(db);
}

static void set_level(int level)
{
    struct db *db;
    struct error err;
    char sql[64];
    assert_int_equal(db_open(d.path, NULL, &db, &err), 0);
    snprintf(sql, sizeof sql, "pragma user_version = %d", level);
    assert_int_equal(db_exec(db, sql, &err), 0);
    db_close(db);
}

static void give_facts(void)
{
    struct member_fact *members = mem_zalloc(2 * sizeof *members);
    struct agent_seen *agents = mem_zalloc(sizeof *agents);
    char *clocks = mem_strdup("[{\"node\":2,\"offset_ms\":900}]");
    const struct facts facts = {.version = "1",
                                .cluster = "c",
                                .name = "n",
                                .ports_refused = "[]",
                                .clocks = clocks,
                                .members = members,
                                .members_n = 2,
                                .agents = agents,
                                .agents_n = 1};
    readers_facts(d.readers, &facts);
    mem_free(members); /* they are the readers' own now */
    mem_free(clocks);
    mem_free(agents);
}

static bool ask(const char *target)
{
    struct request r = request_of(METHOD_GET, target);
    struct request *own = request_dup(&r);
    bool taken = readers_ask(d.readers, (struct exchange_id){++d.next}, own);
    if (!taken)
        request_free(own);
    return taken;
}

static void an_ask_is_answered(void **unused)
{
    (void)unused;
    make_state();
    start(1);
    give_facts();
    assert_true(ask("/v2/apps"));
    wait_for_answers(1);
    assert_string_equal(d.last, "200 {\"apps\":[]}");
    assert_true(ask("/api/nodes"));
    wait_for_answers(2);
    assert_true(ask("/api/status")); /* which looks at nearly all facts */
    wait_for_answers(3);
    assert_int_equal(d.ok, 3);
}

static void an_ask_for_another_node_shows_that_one(void **unused)
{
    (void)unused;
    struct request r = request_of(METHOD_GET, "/flags");
    r.listener = "agent";
    r.node = "{\"hostname\":\"deck-2\",\"modes\":4}";
    make_state();
    start(1);
    give_facts();
    assert_true(readers_ask(d.readers, (struct exchange_id){++d.next}, request_dup(&r)));
    wait_for_answers(1);
    assert_non_null(strstr(d.last, "\"hostname\":\"deck-2\""));
}

static void what_needs_no_state_is_answered_without_one(void **unused)
{
    (void)unused;
    start(1);
    give_facts();
    assert_true(ask("/health"));
    wait_for_answers(1);
    assert_string_equal(d.last, "200 ");
    assert_true(ask("/flags"));
    wait_for_answers(2);
    assert_true(ask("/state"));
    wait_for_answers(3);
    assert_int_equal(d.ok, 2);
}

static void before_the_node_has_said_who_it_is_nothing_is_answered(void **unused)
{
    (void)unused;
    make_state();
    start(2);
    assert_true(ask("/v2/apps"));
    wait_for_answers(1);
    assert_int_equal(d.busy, 1);
    give_facts();
    assert_true(ask("/v2/apps"));
    wait_for_answers(2);
    assert_int_equal(d.ok, 1);
}

/* The file can not be read: each ask says so, until it can. */
static void a_file_that_can_not_be_read_fails_each_ask_and_nothing_else(void **unused)
{
    (void)unused;
    start(1);
    give_facts();
    for (int i = 1; i <= 3; i++) { /* it is not there yet */
        assert_true(ask("/v2/apps"));
        wait_for_answers(i);
    }
    assert_int_equal(d.ok, 0);
    make_state();
    set_level(99); /* of a newer build */
    for (int i = 4; i <= 6; i++) {
        assert_true(ask("/v2/apps"));
        wait_for_answers(i);
    }
    assert_int_equal(d.ok, 0);
    set_level(1);
    assert_true(ask("/v2/apps"));
    wait_for_answers(7);
    assert_int_equal(d.ok, 1);
}

/* One that a question about tokens shows, at level 2. */
static void put_token(void)
{
    struct db *db;
    struct error err;
    assert_int_equal(db_open(d.path, NULL, &db, &err), 0);
    assert_int_equal(db_exec(db,
                             "insert into tokens(id, modes, hash, made_by, made_ms, until_ms)"
                             " values(7, 1, x'00', 'somebody', 1, 4102444800000)",
                             &err),
                     0);
    db_close(db);
}

static void who_has_it_open_sees_a_raised_level(void **unused)
{
    struct db *db;
    struct error err;
    (void)unused;
    make_state();
    start(1);
    give_facts();
    assert_true(ask("/api/tokens"));
    wait_for_answers(1);
    assert_null(strstr(d.last, "somebody"));
    assert_int_equal(db_open(d.path, &(struct db_options){.fail_stop = true}, &db, &err), 0);
    raise_to(db, 2);
    db_close(db);
    put_token();
    assert_true(ask("/api/tokens"));
    wait_for_answers(2);
    assert_int_equal(d.ok, 2);
    assert_non_null(strstr(d.last, "somebody"));
}

static void who_let_it_go_reads_the_file_that_took_its_place(void **unused)
{
    struct db *db;
    struct error err;
    char other[TMP_PATH_SIZE];
    const struct db_options whole = {.fail_stop = true, .rollback_journal = true};
    (void)unused;
    make_state();
    start(2);
    give_facts();
    assert_true(ask("/api/tokens"));
    wait_for_answers(1);
    readers_pause(d.readers);
    assert_int_equal(db_open(tmp_file(other, d.folder, "other"), &whole, &db, &err), 0);
    assert_int_equal(replica_format(db, 1, 2, &err), 0);
    raise_to(db, 2);
    db_close(db);
    assert_int_equal(db_open(d.path, NULL, &db, &err), 0);
    assert_int_equal(db_swap(&db, other, NULL, NULL, &err), 0);
    put_token();
    give_facts();
    assert_true(ask("/api/tokens"));
    wait_for_answers(2);
    assert_int_equal(d.ok, 2);
    assert_non_null(strstr(d.last, "somebody"));
}

/* Has this process any descriptor on the state's files? */
static bool is_open(void)
{
    DIR *fds = opendir("/proc/self/fd");
    bool found = false;
    assert_non_null(fds);
    for (struct dirent *e = readdir(fds); e != NULL; e = readdir(fds)) {
        char link[64], target[512];
        snprintf(link, sizeof link, "/proc/self/fd/%.30s", e->d_name);
        ssize_t n = readlink(link, target, sizeof target - 1);
        if (n < 0)
            continue;
        target[n] = '\0';
        found = found || strncmp(target, d.path, strlen(d.path)) == 0;
    }
    closedir(fds);
    return found;
}

static void while_paused_nobody_has_the_file_open(void **unused)
{
    (void)unused;
    make_state();
    start(3);
    give_facts();
    int asked = 0;
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 20; i++, asked++)
            assert_true(ask("/v2/apps"));
        readers_pause(d.readers); /* while they are at work */
        assert_false(is_open());
        for (int i = 0; i < 5; i++, asked++)
            assert_true(ask("/v2/apps")); /* these wait */
        assert_false(is_open());
        give_facts();
    }
    wait_for_answers(asked);
    assert_int_equal(d.ok, asked);
    readers_pause(d.readers);
    readers_pause(d.readers); /* twice is once */
}

static void ask_for_ever(void)
{
    struct request r = request_of(METHOD_POST, "/api/sql");
    r.body = SLICE("{\"query\":\"with recursive n(x) as (select 1 union all select x + 1 from n)"
                   " select count(*) from n\"}");
    struct request *own = request_dup(&r);
    if (!readers_ask(d.readers, (struct exchange_id){++d.next}, own))
        request_free(own);
}

static void what_takes_long_holds_up_nobody_else(void **unused)
{
    (void)unused;
    make_state();
    start(2);
    give_facts();
    for (int i = 0; i < 2 * LIMIT_LONG_ASKS; i++)
        ask_for_ever();
    for (int i = 1; i <= 100; i++) {
        assert_true(ask("/v2/apps"));
        wait_for_answers(i);
    }
    assert_int_equal(d.ok, 100); /* stopping ends the rest */
}

static void a_flood_is_refused_at_the_door(void **unused)
{
    int taken = 0;
    (void)unused;
    make_state();
    start(1);
    readers_pause(d.readers);
    while (ask("/v2/apps"))
        taken++;
    assert_int_equal(taken, LIMIT_INBOX);
    readers_stop(d.readers); /* each of them is answered */
    d.readers = NULL;
    assert_int_equal(d.busy, taken);
}

struct asker {
    uv_thread_t thread;
    int taken;
};

static void ask_often(void *data)
{
    struct asker *a = data;
    for (int i = 0; i < 300; i++) {
        struct request r = request_of(METHOD_GET, i % 2 == 0 ? "/v2/apps" : "/v2/info");
        struct request *own = request_dup(&r);
        if (readers_ask(d.readers, (struct exchange_id){1}, own))
            a->taken++;
        else
            request_free(own);
    }
}

static void many_ask_while_facts_change_and_the_file_is_let_go(void **unused)
{
    struct asker askers[3] = {0};
    int taken = 0;
    (void)unused;
    make_state();
    start(3);
    give_facts();
    for (size_t i = 0; i < COUNT(askers); i++)
        assert_int_equal(uv_thread_create(&askers[i].thread, ask_often, &askers[i]), 0);
    for (int i = 0; i < 30; i++) {
        if (i % 3 == 0)
            readers_pause(d.readers);
        give_facts();
    }
    for (size_t i = 0; i < COUNT(askers); i++) {
        uv_thread_join(&askers[i].thread);
        taken += askers[i].taken;
    }
    wait_for_answers(taken);
    assert_int_equal(d.failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(an_ask_is_answered),
        TEST(what_needs_no_state_is_answered_without_one),
        TEST(an_ask_for_another_node_shows_that_one),
        TEST(before_the_node_has_said_who_it_is_nothing_is_answered),
        TEST(a_file_that_can_not_be_read_fails_each_ask_and_nothing_else),
        TEST(who_has_it_open_sees_a_raised_level),
        TEST(who_let_it_go_reads_the_file_that_took_its_place),
        TEST(while_paused_nobody_has_the_file_open),
        TEST(what_takes_long_holds_up_nobody_else),
        TEST(a_flood_is_refused_at_the_door),
        TEST(many_ask_while_facts_change_and_the_file_is_let_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
