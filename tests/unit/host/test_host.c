/* The node on its thread, its readers, and the loop between them and the world. Also built with
 * ThreadSanitizer (tests/threads). Nobody listens: requests are put in as net would. */
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "host/host.h"
#include "model/status.h"
#include "support/tmp.h"

struct desk {
    char folder[TMP_PATH_SIZE], state_path[TMP_PATH_SIZE], agent_path[TMP_PATH_SIZE],
        left_over[TMP_PATH_SIZE];
    struct loop loop;
    struct http_server *server;
    struct host *host;
    void (*when_ready)(void);
    bool agent_only;
    int ready, ended, launched, killed, forgotten, elsewhere, refused, knows, rooms;
    struct error failure; /* of `ended` */
};

static struct desk d;

/* ---- deeds, on the loop */

static void report(int64_t task, enum task_state state)
{
    struct event e = {.kind = EVENT_STATUS};
    struct json_writer w;
    const struct status st = {.task = task, .state = state, .at = {1}};
    buf_init(&e.body, 4096);
    json_begin(&w, &e.body);
    status_write(&st, &w);
    host_event(d.host, &e);
}

static void request(enum method method, const char *target, const char *body);

static void do_launch(void *data, int64_t task, struct slice run_spec)
{
    (void)data;
    assert_true(run_spec.len > 0);
    d.launched++;
    report(task, TASK_RUNNING);
    if (d.launched == 2)
        request(METHOD_DELETE, "/v2/apps//web", "");
}

static void do_kill(void *data, int64_t task, const char *reason)
{
    (void)data;
    assert_non_null(reason);
    d.killed++;
    report(task, TASK_KILLED);
}

static void do_forget(void *data, int64_t task)
{
    (void)data;
    (void)task;
    if (++d.forgotten == 2)
        host_stop(d.host);
}

static void do_routes(void *data, struct slice message)
{
    (void)data;
    assert_true(message.len > 0);
}

static void do_sandbox(void *data, struct exchange_id id, struct sandbox_request *r)
{
    (void)data;
    (void)id;
    sandbox_request_free(r);
}

static void do_gone(void *data, struct exchange_id id)
{
    (void)data;
    (void)id;
}

static void do_credit(void *data, struct exchange_id id, size_t bytes)
{
    (void)data;
    (void)id;
    (void)bytes;
}

static void do_know(void *data, const struct known_node *k)
{
    (void)data;
    d.knows += k->id == 7 && str_eq(k->address, "127.0.0.7:5055");
}

static void do_room(void *data)
{
    (void)data;
    d.rooms++;
    host_stop(d.host);
}

static void do_elsewhere(void *data, struct exchange_id id, struct request *r)
{
    (void)data;
    assert_int_equal(id.v, 12345);
    assert_true(slice_is(r->path, "/state"));
    assert_non_null(strstr(r->node, "\"name\":\"n1\""));
    request_free(r);
    d.elsewhere++;
    host_stop(d.host);
}

static void do_answer(void *data, struct answer *a)
{
    (void)data;
    d.refused += a->status == 503;
    answer_close(a);
}

static void do_send(void *data, int64_t node, struct slice frame)
{
    (void)data;
    (void)node;
    (void)frame;
}

static void do_ready(void *data)
{
    (void)data;
    d.ready++;
    if (d.when_ready != NULL)
        d.when_ready();
}

static void on_server_stopped(struct http_server *server)
{
    (void)server;
}

static void do_ended(void *data, const struct error *err)
{
    (void)data;
    d.ended++;
    if (err != NULL)
        d.failure = *err;
    http_server_stop(d.server, 0, on_server_stopped);
}

/* ---- beginning and ending */

static int begin(void **unused)
{
    struct error err;
    const struct http_server_config config = http_server_config_default();
    (void)unused;
    d = (struct desk){0};
    tmp_make(d.folder);
    tmp_file(d.state_path, d.folder, "state.db");
    tmp_file(d.agent_path, d.folder, "agent.db");
    assert_int_equal(loop_init(&d.loop, &err), 0);
    d.host = host_new();
    d.server = http_server_new(&d.loop, &config, &host_server_events, d.host);
    return 0;
}

static int start(struct error *err)
{
    const unsigned modes = d.agent_only ? MODE_AGENT : MODE_MASTER | MODE_SCHEDULER | MODE_AGENT;
    const struct known_node master = {.id = 7, .modes = MODE_MASTER, .address = "127.0.0.7:5055"};
    const struct host_options options = {
        .seed = 7,
        .readers = 2,
        .node = {.id = 1,
                 .store = 2,
                 .state_path = d.state_path,
                 .agent_path = d.agent_path,
                 .name = "n1",
                 .address = "127.0.0.1:5055",
                 .modes = modes,
                 .bootstrap = !d.agent_only,
                 .members = &master,
                 .members_n = d.agent_only ? 1 : 0,
                 .election_ms = 30,
                 .heartbeat_ms = 10,
                 .agent = {.hostname = "n1",
                           .address = "127.0.0.1",
                           .version = "1",
                           .boot = "b",
                           .port = 5051,
                           .resources = "cpus:8;mem:8192;disk:8192;ports:[31000-31100]",
                           .attributes = "{}",
                           .work_dir = "/"},
                 .facts = {.version = "1",
                           .name = "n1",
                           .modes = modes,
                           .hostname = "n1",
                           .address = "127.0.0.1",
                           .job_rules = job_rules_default()}}};
    const struct host_deeds deeds = {
        .data = &d,
        .launch = do_launch,
        .kill = do_kill,
        .forget = do_forget,
        .routes = do_routes,
        .sandbox = do_sandbox,
        .gone = do_gone,
        .credit = do_credit,
        .send = do_send,
        .know = do_know,
        .room = do_room,
        .elsewhere = do_elsewhere,
        .answer = do_answer,
        .ready = do_ready,
        .ended = do_ended,
    };
    return host_start(d.host, &d.loop, d.server, &options, &deeds, err);
}

static int end(void **unused)
{
    (void)unused;
    host_free(d.host);
    http_server_free(d.server);
    loop_close(&d.loop);
    tmp_remove(d.folder);
    return 0;
}

static void run(void)
{
    struct error err;
    if (start(&err) != 0)
        fail_msg("%s", err.text);
    struct event recovered = {.kind = EVENT_RECOVERED};
    host_event(d.host, &recovered);
    loop_run(&d.loop);
}

/* As net would; the answer is dropped, since nobody has that exchange. */
static void request(enum method method, const char *target, const char *body)
{
    struct request r = request_of(method, target);
    r.body = slice_of(body);
    r.listener = "marathon";
    host_server_events.on_request(d.server, (struct exchange_id){12345}, &r);
}

/* ---- */

static void stop_now(void)
{
    host_stop(d.host);
}

static void it_gets_ready_and_stops(void **unused)
{
    (void)unused;
    d.when_ready = stop_now;
    run();
    assert_int_equal(d.ready, 1);
    assert_int_equal(d.ended, 1);
    assert_int_equal(d.failure.code, ERR_NONE);
}

#define APP "{\"id\":\"/web\",\"cmd\":\"x\",\"instances\":2,\"cpus\":0.1,\"mem\":32}"

static void create_and_ask(void)
{
    request(METHOD_POST, "/v2/apps", APP);
    for (int i = 0; i < 200; i++) {
        request(METHOD_GET, "/v2/apps", "");
        request(METHOD_GET, "/v2/apps//web", "");
    }
}

static void tasks_live_and_end_while_many_ask(void **unused)
{
    (void)unused;
    d.when_ready = create_and_ask;
    run();
    assert_int_equal(d.ended, 1);
    assert_int_equal(d.failure.code, ERR_NONE);
    assert_int_equal(d.launched, 2);
    assert_int_equal(d.killed, 2);
}

static void flood_and_stop(void)
{
    for (int i = 0; i < 300; i++)
        request(METHOD_GET, "/v2/apps", "");
    host_stop(d.host);
    for (int i = 0; i < 300; i++)
        request(i % 2 == 0 ? METHOD_GET : METHOD_POST, "/v2/apps", APP);
}

static void stopping_in_the_middle_of_a_flood_ends(void **unused)
{
    (void)unused;
    d.when_ready = flood_and_stop;
    run();
    assert_int_equal(d.ended, 1);
}

/* Until it has said who it is, and then once more. */
static void ask_again(uv_timer_t *timer)
{
    struct request r = request_of(METHOD_GET, "/state");
    if (d.elsewhere > 0) {
        uv_close((uv_handle_t *)timer, NULL);
        return;
    }
    host_request(d.host, exchange_elsewhere(EXCHANGE_OF_NODE, 5), request_dup(&r));
    request(METHOD_GET, "/health", ""); /* is not asked elsewhere */
    host_server_events.on_request(d.server, (struct exchange_id){12345}, &r);
}

static void a_node_without_a_state_asks_another_but_for_none(void **unused)
{
    uv_timer_t again;
    (void)unused;
    d.agent_only = true;
    uv_timer_init(&d.loop.uv, &again);
    uv_timer_start(&again, ask_again, 0, 1);
    run();
    assert_int_equal(d.elsewhere, 1);
    assert_true(d.refused > 0);
    assert_int_equal(d.knows, 1); /* whom it asks first */
    assert_int_equal(d.failure.code, ERR_NONE);
}

static void on_copied(void *data, const char *path, const struct replica_snapshot *s,
                      const struct error *err)
{
    struct stat st;
    if (s == NULL)
        fail_msg("%s", err->text);
    assert_ptr_equal(data, &d);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(s->size, st.st_size);
    assert_true(s->index > 0);
    host_stop(d.host);
}

static void copy_it(void)
{
    assert_int_not_equal(access(d.left_over, F_OK), 0);
    host_copy(d.host, on_copied, &d);
}

static void a_copy_is_made_while_it_runs_and_old_ones_are_gone(void **unused)
{
    (void)unused;
    tmp_file(d.left_over, d.folder, "state.db.snapshot-0000000000000007");
    FILE *f = fopen(d.left_over, "w");
    assert_non_null(f);
    fclose(f);
    d.when_ready = copy_it;
    run();
    assert_int_equal(d.ended, 1);
    assert_int_equal(d.failure.code, ERR_NONE);
}

/* The node has something to write and cannot, so its frames wait. */
static void flood_with_frames(void)
{
    static char frame[LIMIT_FRAME_BYTES] = "A";
    struct error err;
    struct db *other;
    bool full = false;
    assert_int_equal(db_open(d.state_path, &(struct db_options){.busy_ms = 5000}, &other, &err), 0);
    assert_int_equal(db_begin(other, DB_FULL, &err), 0);
    request(METHOD_POST, "/v2/apps", APP);
    while (!full)
        full = host_frame(d.host, 7, (struct slice){frame, sizeof frame});
    assert_int_equal(d.rooms, 0);
    db_rollback(other);
    db_close(other);
}

static void who_sends_too_much_is_told_when_it_was_taken(void **unused)
{
    (void)unused;
    d.when_ready = flood_with_frames;
    run();
    assert_int_equal(d.rooms, 1);
    assert_int_equal(d.failure.code, ERR_NONE);
}

static void what_can_not_be_opened_is_said_at_once(void **unused)
{
    struct error err;
    (void)unused;
    str_copy(d.state_path, sizeof d.state_path, "/nowhere/at/all/state.db");
    assert_int_equal(start(&err), -1);
    assert_non_null(strstr(err.text, "/nowhere/at/all/state.db"));
    http_server_stop(d.server, 0, on_server_stopped);
    loop_run(&d.loop);
    assert_int_equal(d.ended, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(it_gets_ready_and_stops),
        TEST(tasks_live_and_end_while_many_ask),
        TEST(stopping_in_the_middle_of_a_flood_ends),
        TEST(a_node_without_a_state_asks_another_but_for_none),
        TEST(a_copy_is_made_while_it_runs_and_old_ones_are_gone),
        TEST(who_sends_too_much_is_told_when_it_was_taken),
        TEST(what_can_not_be_opened_is_said_at_once),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    uv_library_shutdown(); /* the pool's threads end before libcrypto does */
    return failed;
}
