/* One whole node, and a few of them: turns, requests, its agent, and what a bad disk does. */
#include "stage.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"

static struct stage s;

static int close_stage(void **unused)
{
    (void)unused;
    stage_close(&s);
    return 0;
}

static struct state *state(int i)
{
    return node_state(s.members[i].node);
}

static struct app_counts counts(int i, const char *path)
{
    struct app_row row;
    if (!state_app_by_path(state(i), path, &row))
        fail_msg("there is no %s", path);
    return row.counts;
}

/* ---- alone */

static void a_new_node_makes_itself_a_cluster_of_one(void **unused)
{
    struct node_row row;
    struct agent_row agent;
    (void)unused;
    stage_open(&s, 1);
    assert_int_equal(stage_up(&s, 0), 0);
    assert_false(node_ready(s.members[0].node));
    stage_ready(&s);
    assert_int_equal(state_level(state(0)), COMMAND_LEVEL);
    assert_int_equal(strlen(state_setting(state(0), "cluster", "")), 36);
    assert_true(state_node_by_id(state(0), 1, &row));
    assert_string_equal(row.name, "n1");
    assert_true(state_agent_by_id(state(0), 0, &agent));
    assert_string_equal(agent.hostname, "n1");
    assert_true(s.members[0].saw_leading);
    uint64_t applied = node_applied(s.members[0].node);
    stage_run_ms(&s, 10000);
    assert_int_equal(node_applied(s.members[0].node), applied); /* idle costs no log entry */
}

static void events_are_asked_for_at_a_listener_of_ours(void **unused)
{
    (void)unused;
    stage_open(&s, 1);
    stage_ready(&s);
    struct request r = request_of(METHOD_GET, "/v2/events?event_type=x");
    r.headers = SLICE("Accept: text/event-stream\r\n");
    struct event e = {
        .kind = EVENT_REQUEST,
        .exchange = exchange_elsewhere(EXCHANGE_OF_NODE, 1),
        .request = request_dup(&r),
    };
    uint64_t id = e.exchange.v;
    stage_event(&s, 0, &e);
    stage_run_ms(&s, 20);
    assert_int_equal(stage_status(&s, id), 307);
    assert_non_null(strstr(stage_given(&s, id)->headers,
                           "Location: http://127.0.0.1:8080/v2/events?event_type=x\r\n"));
}

/* A stream that begins hears of itself by what it is sent first; the others hear of it here. */
static void streams_hear_of_each_other(void **unused)
{
    (void)unused;
    stage_open(&s, 1);
    stage_ready(&s);
    struct request r = request_of(METHOD_GET, "/v2/events");
    r.headers = SLICE("Accept: text/event-stream\r\n");
    r.remote = "10.0.0.9";
    for (uint64_t id = 77; id < 79; id++) { /* both in one turn */
        struct event begins = {.kind = EVENT_REQUEST, .exchange = {id}, .request = request_dup(&r)};
        stage_event(&s, 0, &begins);
    }
    stage_run_ms(&s, 20);
    assert_string_equal(s.members[0].published, "event_stream_attached");
    assert_int_equal(s.members[0].published_behind, 77); /* the second's, once the first listens */
    struct event e = (struct event){.kind = EVENT_DETACHED, .topic = TOPIC_MARATHON};
    buf_init(&e.body, 64);
    buf_puts(&e.body, "10.0.0.9");
    stage_event(&s, 0, &e);
    stage_run_ms(&s, 20);
    assert_string_equal(s.members[0].published, "event_stream_detached");
}

static void what_is_answered_as_done_is_committed(void **unused)
{
    (void)unused;
    stage_open(&s, 1);
    stage_ready(&s);
    uint64_t put = stage_request(&s, 0, METHOD_POST, "/v2/apps", STAGE_APP(2));
    stage_run_ms(&s, 100); /* hand_answer looks into the file */
    assert_int_equal(stage_status(&s, put), 201);
    stage_run_ms(&s, 500);
    assert_int_equal(counts(0, "/web").running, 2);
    assert_int_equal(s.members[0].launched, 2);
    assert_int_equal(state_deployments_count(state(0)), 0);
}

static void a_deleted_apps_tasks_are_killed_and_forgotten(void **unused)
{
    (void)unused;
    stage_open(&s, 1);
    stage_ready(&s);
    stage_request(&s, 0, METHOD_POST, "/v2/apps", STAGE_APP(2));
    stage_run_ms(&s, 500);
    uint64_t gone = stage_request(&s, 0, METHOD_DELETE, "/v2/apps//web", NULL);
    stage_run_ms(&s, 1000);
    assert_int_equal(stage_status(&s, gone), 200);
    assert_int_equal(s.members[0].killed, 2);
    assert_int_equal(s.members[0].forgotten, 2);
    assert_false(stage_committed(&s.members[0], "/web"));
}

/* The log's index of each app's creation is the same. */
static void requests_of_one_turn_are_one_entry(void **unused)
{
    static const struct {
        const char *body;
        int status;
    } rows[] = {
        {"{'id':'/a','cmd':'x','instances':0}", 201}, {"{'id':'/b','cmd':'x','instances':0}", 201},
        {"{'id':'/c','cmd':'x','instances':0}", 201}, {"{'id':'/a','cmd':'x','instances':0}", 409},
        {"{'id':'/e','instances':'no'}", 422},
    };
    uint64_t ids[COUNT(rows)];
    int64_t index = 0;
    struct event_row e;
    (void)unused;
    stage_open(&s, 1);
    stage_ready(&s);
    for (size_t i = 0; i < COUNT(rows); i++)
        ids[i] = stage_request(&s, 0, METHOD_POST, "/v2/apps", rows[i].body);
    stage_run_ms(&s, 100);
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(stage_status(&s, ids[i]), rows[i].status);
    struct events *q = state_events_after(state(0), 0, INT64_MAX);
    while (state_event_next(q, &e)) {
        if (e.noun != NOUN_APP)
            continue;
        assert_true(index == 0 || e.index == index);
        index = e.index;
    }
    assert_int_not_equal(index, 0);
}

static void whoever_insists_is_not_refused_for_the_others(void **unused)
{
    (void)unused;
    uint64_t puts[50];
    stage_open(&s, 1);
    stage_ready(&s);
    stage_request(&s, 0, METHOD_POST, "/v2/apps", STAGE_APP(0));
    stage_run_ms(&s, 500);
    for (int i = 0; i < 50; i++) {
        char app[80];
        snprintf(app, sizeof(app), "{'id':'/web','cmd':'run %d','instances':0}", i);
        puts[i] = stage_request(&s, 0, METHOD_PUT, "/v2/apps//web?force=true", app);
    }
    stage_run_ms(&s, 1000);
    for (int i = 0; i < 50; i++)
        assert_int_equal(stage_status(&s, puts[i]), 200);
}

static void an_ask_goes_to_a_reader_that_holds_what_was_applied(void **unused)
{
    (void)unused;
    stage_open(&s, 1);
    stage_ready(&s);
    uint64_t list = stage_request(&s, 0, METHOD_GET, "/v2/apps", NULL);
    stage_run_ms(&s, 5);
    assert_int_equal(stage_status(&s, list), 200);
    stage_request(&s, 0, METHOD_POST, "/v2/apps", STAGE_APP(1));
    stage_run_ms(&s, 50);
    uint64_t one = stage_request(&s, 0, METHOD_GET, "/v2/apps//web", NULL);
    int64_t applied = (int64_t)node_applied(s.members[0].node);
    stage_run_ms(&s, 50);
    assert_int_equal(stage_status(&s, one), 200);
    assert_true(s.members[0].asked_index >= applied);
}

static void before_there_is_a_leader_a_write_is_refused(void **unused)
{
    (void)unused;
    stage_open(&s, 2);
    assert_int_equal(stage_up(&s, 0), 0); /* the other is down: no majority */
    uint64_t put = stage_request(&s, 0, METHOD_POST, "/v2/apps", STAGE_APP(1));
    stage_run_ms(&s, 50);
    const struct given *g = stage_given(&s, put);
    assert_non_null(g);
    assert_in_range(g->status, 502, 503);
    assert_non_null(strstr(g->headers, "Retry-After: 1"));
}

static void unknown_paths_and_methods_are_answered_at_once(void **unused)
{
    (void)unused;
    stage_open(&s, 1);
    stage_ready(&s);
    uint64_t none = stage_request(&s, 0, METHOD_GET, "/v2/nothing", NULL);
    uint64_t method = stage_request(&s, 0, METHOD_PATCH, "/v2/info", NULL);
    stage_run_ms(&s, 2);
    assert_int_equal(stage_status(&s, none), 404);
    assert_int_equal(stage_status(&s, method), 405);
}

static void what_is_too_large_for_one_entry_is_refused(void **unused)
{
    struct buf body;
    (void)unused;
    stage_open(&s, 1);
    stage_ready(&s);
    buf_init(&body, LIMIT_ENTRY_BYTES + (1 << 20));
    buf_puts(&body, "{'id':'/web','instances':0,'cmd':'x','labels':{'a':'");
    while (body.len < LIMIT_ENTRY_BYTES + 4096)
        buf_puts(&body, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
    buf_puts(&body, "'}}");
    uint64_t put = stage_request(&s, 0, METHOD_POST, "/v2/apps", buf_str(&body));
    stage_run_ms(&s, 200);
    assert_int_equal(stage_status(&s, put), 413);
    uint64_t next = stage_request(&s, 0, METHOD_POST, "/v2/apps", STAGE_APP(1));
    stage_run_ms(&s, 200);
    assert_int_equal(stage_status(&s, next), 201); /* and nothing else suffers */
    buf_close(&body);
}

/* Of the log, after a checkpoint of that kind and another write. */
static int64_t pages_after(bool mostly)
{
    struct event e = {.kind = EVENT_CHECKPOINTED, .mostly = mostly};
    const struct db_options options = {.vfs = s.members[0].vfs_name};
    struct db_checkpoint log;
    struct error err;
    struct db *db;
    stage_open(&s, 1);
    stage_ready(&s);
    stage_request(&s, 0, METHOD_POST, "/v2/apps", STAGE_APP(1));
    stage_run_ms(&s, 500);
    stage_event(&s, 0, &e);
    stage_run_ms(&s, 5);
    uint64_t put = stage_request(&s, 0, METHOD_PUT, "/v2/apps//web?force=true", "{'mem':33}");
    stage_run_ms(&s, 20);
    assert_int_equal(stage_status(&s, put), 200);
    assert_int_equal(db_open(s.members[0].state_path, &options, &db, &err), 0);
    assert_int_equal(db_checkpoint(db, DB_CHECKPOINT_PASSIVE, &log, &err), 0);
    db_close(db);
    return log.frames;
}

/* Where much is left to move, that would take long here, and all else would wait for it. */
static void the_log_is_begun_anew_once_little_of_it_is_left_to_move(void **unused)
{
    (void)unused;
    int64_t whole = pages_after(false);
    stage_close(&s);
    int64_t anew = pages_after(true);
    assert_in_range(anew, 1, whole / 2);
}

static void strange_events_change_nothing(void **unused)
{
    static const struct {
        enum event_kind kind;
        const char *body;
    } rows[] = {
        {EVENT_FRAME, ""},
        {EVENT_FRAME, "R"},
        {EVENT_FRAME, "Rubbish"},
        {EVENT_FRAME, "A{\"m\":\"run\"}"},
        {EVENT_FRAME, "Axx"},
        {EVENT_FRAME, "L{\"m\":\"pong\",\"uid\":1}"},
        {EVENT_FRAME, "Z"},
        {EVENT_FRAME, "Zz"},
        {EVENT_STATUS, "x"},
        {EVENT_STATUS, "{}"},
        {EVENT_DOCKER, "[]"},
        {EVENT_ROUTES, "{\"ports\":[7,{}]}"},
        {EVENT_ROUTES, ""},
        {EVENT_CHECKPOINTED, ""},
        {EVENT_SNAPSHOT_FETCHED, ""},
        {EVENT_SNAPSHOT_MADE, ""},
    };
    (void)unused;
    stage_open(&s, 1);
    stage_ready(&s);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct event e = {.kind = rows[i].kind, .node = 9, .exchange = {12345}};
        buf_init(&e.body, 256);
        buf_puts(&e.body, rows[i].body);
        stage_event(&s, 0, &e);
        stage_run_ms(&s, 5);
        assert_non_null(s.members[0].node);
    }
    uint64_t put = stage_request(&s, 0, METHOD_POST, "/v2/apps", STAGE_APP(1));
    stage_run_ms(&s, 200);
    assert_int_equal(stage_status(&s, put), 201);
}

static void hear_of_ports(const char *ports)
{
    struct event e = {.kind = EVENT_ROUTES};
    buf_init(&e.body, 512);
    buf_printf(&e.body, "{\"ports\":[%s]}", ports);
    stage_event(&s, 0, &e);
    stage_run_ms(&s, 5);
}

#define HELD "{\"port\":10000,\"app\":\"/late\",\"reason\":\"held by /web\"}"

/* Two apps want one port: that it is served for the one does not make the other's refusal go. */
static void a_refused_port_is_of_one_app(void **unused)
{
    (void)unused;
    stage_open(&s, 1);
    stage_ready(&s);
    hear_of_ports("{\"port\":10000,\"app\":\"/late\",\"bound\":false,\"reason\":\"held by /web\"}");
    assert_string_equal(s.members[0].refused, "[" HELD "]");
    hear_of_ports("{\"port\":10000,\"app\":\"/web\",\"bound\":true}");
    assert_string_equal(s.members[0].refused, "[" HELD "]");
    hear_of_ports("{\"port\":10000,\"app\":\"/late\",\"bound\":true}");
    assert_string_equal(s.members[0].refused, "[]");
}

static void every_app_on_a_port_has_its_refusal(void **unused)
{
    (void)unused;
    stage_open(&s, 1);
    stage_ready(&s);
    hear_of_ports(
        "{\"port\":10000,\"app\":\"/late\",\"bound\":false,\"reason\":\"held by /web\"},"
        "{\"port\":10000,\"app\":\"/later\",\"bound\":false,\"reason\":\"held by /web\"}");
#define LATER "{\"port\":10000,\"app\":\"/later\",\"reason\":\"held by /web\"}"
    assert_string_equal(s.members[0].refused, "[" HELD "," LATER "]");
    hear_of_ports("{\"port\":10000,\"app\":\"/late\",\"bound\":true}");
    assert_string_equal(s.members[0].refused, "[" LATER "]");
}

/* An app that is gone, of whose port nobody will ever tell again. */
static void refusals_of_ports_given_up_are_forgotten(void **unused)
{
    char one[128];
    (void)unused;
    stage_open(&s, 1);
    stage_ready(&s);
    for (int i = 0; i < 1001; i++) {
        snprintf(one, sizeof one, "{\"port\":%d,\"app\":\"/a%d\",\"bound\":false,\"reason\":\"\"}",
                 10000 + i, i);
        hear_of_ports(one);
    }
    assert_string_equal(s.members[0].refused, "[]");
}

static void a_restarted_node_goes_on(void **unused)
{
    (void)unused;
    stage_open(&s, 1);
    stage_ready(&s);
    stage_request(&s, 0, METHOD_POST, "/v2/apps", STAGE_APP(2));
    stage_run_ms(&s, 500);
    stage_down(&s, 0);
    s.members[0].launched = 0;
    assert_int_equal(stage_up(&s, 0), 0);
    stage_run_ms(&s, 3000);
    assert_int_equal(counts(0, "/web").running, 2); /* the lost ones were replaced */
    assert_int_equal(s.members[0].launched, 2);
}

/* The wall clock is set back: versions and the log's times go on. */
static void time_in_the_log_never_goes_back(void **unused)
{
    struct app_row row;
    (void)unused;
    stage_open(&s, 1);
    stage_ready(&s);
    stage_request(&s, 0, METHOD_POST, "/v2/apps", STAGE_APP(0));
    stage_run_ms(&s, 200);
    assert_true(state_app_by_path(state(0), "/web", &row));
    int64_t version = row.version.ms;
    s.members[0].wall_ahead_ms = -3600000;
    stage_request(&s, 0, METHOD_PUT, "/v2/apps//web", "{'cmd':'other'}");
    stage_run_ms(&s, 200);
    assert_true(state_app_by_path(state(0), "/web", &row));
    assert_true(row.version.ms > version);
    version = row.version.ms;
    stage_down(&s, 0); /* nor after a restart */
    stage_ready(&s);
    stage_request(&s, 0, METHOD_PUT, "/v2/apps//web", "{'cmd':'third'}");
    stage_run_ms(&s, 200);
    assert_true(state_app_by_path(state(0), "/web", &row));
    assert_true(row.version.ms > version);
}

static void stopping_answers_what_was_taken_in_and_refuses_the_rest(void **unused)
{
    struct event stop = {.kind = EVENT_STOP};
    (void)unused;
    stage_open(&s, 1);
    stage_ready(&s);
    uint64_t before = stage_request(&s, 0, METHOD_POST, "/v2/apps", STAGE_APP(0));
    stage_event(&s, 0, &stop);
    uint64_t after = stage_request(&s, 0, METHOD_POST, "/v2/apps", STAGE_APP(0));
    for (int i = 0; i < 2000 && !node_stopped(s.members[0].node); i++)
        stage_run_ms(&s, 1);
    assert_true(node_stopped(s.members[0].node));
    assert_int_equal(stage_status(&s, before), 201);
    assert_in_range(stage_status(&s, after), 502, 503);
}

/* ---- a bad disk */

#define STRIDE(n) (1 + (n) / 6) /* the first ones all, later ones here and there */

/* The nth operation of its kind fails while an app is created. False: so many were not needed. */
static bool disk_fails(enum fault kind, unsigned n, bool dies, enum fate fate)
{
    stage_open(&s, 1);
    stage_ready(&s);
    struct member *m = &s.members[0];
    if (dies)
        faultvfs_die_at(m->vfs, kind, n);
    else
        faultvfs_fail(m->vfs, kind, n);
    uint64_t put = stage_request(&s, 0, METHOD_POST, "/v2/apps", STAGE_APP(1));
    stage_run_ms(&s, 300);
    bool failed = m->node == NULL;
    bool answered = stage_status(&s, put) == 201;
    if (failed && !answered) /* nothing was promised */
        assert_int_equal(stage_status(&s, put), 0);
    if (failed)
        assert_true(m->failed.code != ERR_NONE && m->failed.text[0] != '\0');
    else
        stage_down(&s, 0);
    faultvfs_fail(m->vfs, kind, 0);
    if (dies)
        faultvfs_die(m->vfs);
    if (faultvfs_dead(m->vfs))
        faultvfs_revive(m->vfs, fate);
    stage_ready(&s);
    struct app_row row;
    if (answered) /* what was answered as done is there */
        assert_true(state_app_by_path(state(0), "/web", &row));
    bool there = state_app_by_path(state(0), "/web", &row);
    uint64_t again = stage_request(&s, 0, METHOD_POST, "/v2/apps", STAGE_APP(1));
    stage_run_ms(&s, 3000);
    assert_int_equal(stage_status(&s, again), there ? 409 : 201);
    assert_int_equal(counts(0, "/web").running, 1);
    stage_close(&s);
    return failed;
}

static void a_disk_that_fails_stops_the_node_before_it_promises(void **unused)
{
    static const enum fault kinds[] = {FAULT_WRITE, FAULT_FULL, FAULT_SYNC};
    (void)unused;
    for (size_t k = 0; k < COUNT(kinds); k++)
        for (unsigned n = 1; n < 200 && disk_fails(kinds[k], n, false, FATE_KEPT); n += STRIDE(n))
            ;
    stage_open(&s, 1); /* for the teardown */
}

static void a_machine_that_dies_at_any_write_loses_nothing_that_was_promised(void **unused)
{
    static const enum fate fates[] = {FATE_KEPT, FATE_LOST, FATE_TORN, FATE_FLIPPED};
    (void)unused;
    for (size_t k = 0; k < COUNT(fates); k++)
        for (unsigned n = 1; n < 200 && disk_fails(FAULT_WRITE, n, true, fates[k]); n += STRIDE(n))
            ;
    stage_open(&s, 1);
}

/* From an empty folder to a cluster of one, with a death at every write in between. */
static void a_first_start_that_dies_anywhere_can_be_begun_again(void **unused)
{
    (void)unused;
    for (unsigned n = 1; n < 400; n += STRIDE(n)) {
        stage_open(&s, 1);
        struct member *m = &s.members[0];
        faultvfs_die_at(m->vfs, FAULT_WRITE, n);
        if (stage_up(&s, 0) == 0)
            stage_run_ms(&s, 1000);
        bool died = faultvfs_dead(m->vfs);
        stage_down(&s, 0);
        if (died) {
            faultvfs_revive(m->vfs, n % 2 == 0 ? FATE_KEPT : FATE_LOST);
            stage_ready(&s);
            assert_int_equal(strlen(state_setting(state(0), "cluster", "")), 36);
        }
        stage_close(&s);
        if (!died)
            break;
    }
    stage_open(&s, 1);
}

/* ---- several */

static void three_agree_and_each_has_it_all(void **unused)
{
    (void)unused;
    stage_open(&s, 3);
    stage_ready(&s);
    uint64_t put = stage_request(&s, stage_leader(&s), METHOD_POST, "/v2/apps", STAGE_APP(3));
    stage_run_ms(&s, 2000);
    assert_int_equal(stage_status(&s, put), 201);
    for (int i = 0; i < 3; i++)
        assert_int_equal(counts(i, "/web").running, 3);
    int launched = s.members[0].launched + s.members[1].launched + s.members[2].launched;
    assert_int_equal(launched, 3);
}

/* It has written it down, and nobody else has: whether it happened is not known here. */
static void a_leader_cut_off_says_that_it_does_not_know(void **unused)
{
    struct app_row row;
    (void)unused;
    stage_open(&s, 3);
    stage_ready(&s);
    int old = stage_leader(&s);
    s.members[old].cut = true;
    uint64_t put = stage_request(&s, old, METHOD_POST, "/v2/apps", STAGE_APP(1));
    stage_run_ms(&s, 2000);
    assert_int_equal(stage_status(&s, put), 504);
    assert_non_null(strstr(stage_given(&s, put)->body, "may or may not have happened"));
    int new = stage_leader(&s);
    assert_true(new >= 0 && new != old);
    s.members[old].cut = false;
    stage_run_ms(&s, 2000);
    for (int i = 0; i < 3; i++) /* the others went on without it */
        assert_false(state_app_by_path(state(i), "/web", &row));
}

static void tasks_live_through_the_end_of_the_leader(void **unused)
{
    (void)unused;
    stage_open(&s, 3);
    stage_ready(&s);
    stage_request(&s, stage_leader(&s), METHOD_POST, "/v2/apps", STAGE_APP(3));
    stage_run_ms(&s, 2000);
    int old = stage_leader(&s);
    s.members[old].cut = true; /* its machine too: its instances are replaced in 5 s */
    stage_run_ms(&s, 8000);
    int new = stage_leader(&s);
    assert_true(new >= 0);
    assert_int_equal(counts(new, "/web").running, 3);
    s.members[old].cut = false;
    stage_run_ms(&s, 4000);
    assert_int_equal(counts(old, "/web").running, 3);
    int alive = 0;
    for (int i = 0; i < 3; i++)
        alive += s.members[i].launched - s.members[i].killed;
    assert_int_equal(alive, 3); /* what was replaced was ended */
}

/* The same name, the same target: but it is another run. */
static void make_again_beside_its_last_run(const char *job, int launched)
{
    stage_open(&s, 1);
    stage_ready(&s);
    s.deaf_tasks = true;
    uint64_t put = stage_request(&s, 0, METHOD_PUT, "/api/jobs/j", job);
    stage_run_ms(&s, 1000);
    assert_int_equal(stage_status(&s, put), 200);
    assert_int_equal(s.members[0].launched, 1);
    uint64_t gone = stage_request(&s, 0, METHOD_DELETE, "/api/jobs/j", NULL);
    stage_run_ms(&s, 1000);
    assert_int_equal(stage_status(&s, gone), 200);
    stage_request(&s, 0, METHOD_PUT, "/api/jobs/j", job);
    stage_run_ms(&s, 1000);
    assert_int_equal(s.members[0].launched, launched);
}

static void a_job_that_is_made_again_runs_though_its_last_run_has_not_ended(void **unused)
{
    (void)unused;
    make_again_beside_its_last_run("{'schedule':'R1/2026-01-01T00:00:00Z/PT1H','command':'x',"
                                   "'epsilon':'PT1H','concurrent':true}",
                                   2);
}

static void it_waits_for_that_if_its_runs_may_not_overlap(void **unused)
{
    (void)unused;
    make_again_beside_its_last_run("{'schedule':'R1/2026-01-01T00:00:00Z/PT1H','command':'x',"
                                   "'epsilon':'PT1H'}",
                                   1);
}

/* To its agent, whose clock is ahead, the window is over already; of two clocks nobody knows which
 * is right. */
static void a_run_that_is_given_back_is_ordered_again_more_and_more_seldom(void **unused)
{
    char job[256];
    (void)unused;
    stage_open(&s, 2);
    stage_ready(&s);
    int leader = stage_leader(&s), other = 1 - leader;
    s.members[other].wall_ahead_ms = 3600000;
    snprintf(job, sizeof(job),
             "{'schedule':'R1//PT1H','command':'x','epsilon':'PT5M','constraints':[['hostname',"
             "'EQUALS','%s']]}",
             s.members[other].name);
    stage_run_ms(&s, 2000);
    uint64_t put = stage_request(&s, leader, METHOD_PUT, "/api/jobs/j", job);
    uint64_t before = node_applied(s.members[leader].node);
    stage_run_ms(&s, 10000);
    assert_int_equal(stage_status(&s, put), 200);
    assert_in_range(node_applied(s.members[leader].node) - before, 5, 50);
}

/* Whoever leads posts events, and nobody else. */
static void the_leader_alone_calls_back(void **unused)
{
    (void)unused;
    stage_open(&s, 3);
    stage_ready(&s);
    int first = stage_leader(&s);
    uint64_t put = stage_request(&s, (first + 1) % 3, METHOD_POST,
                                 "/v2/eventSubscriptions?callbackUrl=http://10.0.0.9/", NULL);
    stage_run_ms(&s, 1000);
    assert_int_equal(stage_status(&s, put), 200);
    for (int i = 0; i < 3; i++)
        assert_string_equal(s.members[i].callbacks, i == first ? "http://10.0.0.9/\n" : "");
    s.members[first].cut = true;
    stage_run_ms(&s, 5000);
    assert_in_range(stage_leader(&s), 0, 2); /* another: the first is cut off */
    assert_string_equal(s.members[stage_leader(&s)].callbacks, "http://10.0.0.9/\n");
    s.members[first].cut = false;
    stage_run_ms(&s, 1000);
    assert_string_equal(s.members[first].callbacks, "");
}

static bool was_handed(int member, const char *event)
{
    const char *notice = s.members[member].notice;
    return strstr(notice, event) != NULL && strstr(notice, "\"channels\":[\"slack\"]") != NULL;
}

static void told_over(int member)
{
    struct event e = {.kind = EVENT_NOTICE_TOLD};
    buf_init(&e.body, 100);
    buf_puts(&e.body, "{\"notice\":1,\"channel\":\"slack\",\"over\":true,\"error\":\"\"}");
    stage_event(&s, member, &e);
}

/* What one leader has not sent the next one does, and what it has sent nobody sends again. */
static void whoever_leads_sends_what_waits(void **unused)
{
    (void)unused;
    stage_open(&s, 3);
    s.setting = (struct node_setting){SETTING_OF_CHANNELS, "slack"};
    stage_ready(&s);
    stage_run_ms(&s, 1000);
    int first = stage_leader(&s);
    assert_string_equal(state_setting(node_state(s.members[first].node), SETTING_OF_CHANNELS, ""),
                        "slack");
    stage_request(&s, first, METHOD_PUT, "/api/jobs/j",
                  "{'schedule':'R/2099-01-01T00:00:00Z/PT1H','command':'x'}");
    stage_run_ms(&s, 500);
    stage_request(&s, first, METHOD_DELETE, "/api/jobs/j", NULL);
    stage_run_ms(&s, 500);
    for (int i = 0; i < 3; i++)
        assert_int_equal(was_handed(i, "\"event\":\"deleted\""), i == first);

    s.members[first].cut = true;
    stage_run_ms(&s, 5000);
    int second = stage_leader(&s);
    assert_true(second != first && was_handed(second, "\"notice\":1,"));
    told_over(second);
    stage_run_ms(&s, 500);
    s.members[first].cut = false;
    stage_run_ms(&s, 1000);
    assert_string_equal(s.members[first].notice, ""); /* it leads no more */
    for (int i = 0; i < 3; i++)
        assert_int_equal(state_notices_unsent_count(node_state(s.members[i].node)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_teardown(name, close_stage)
        TEST(whoever_leads_sends_what_waits),
        TEST(a_new_node_makes_itself_a_cluster_of_one),
        TEST(events_are_asked_for_at_a_listener_of_ours),
        TEST(streams_hear_of_each_other),
        TEST(what_is_answered_as_done_is_committed),
        TEST(a_deleted_apps_tasks_are_killed_and_forgotten),
        TEST(requests_of_one_turn_are_one_entry),
        TEST(whoever_insists_is_not_refused_for_the_others),
        TEST(an_ask_goes_to_a_reader_that_holds_what_was_applied),
        TEST(before_there_is_a_leader_a_write_is_refused),
        TEST(unknown_paths_and_methods_are_answered_at_once),
        TEST(what_is_too_large_for_one_entry_is_refused),
        TEST(the_log_is_begun_anew_once_little_of_it_is_left_to_move),
        TEST(strange_events_change_nothing),
        TEST(a_refused_port_is_of_one_app),
        TEST(every_app_on_a_port_has_its_refusal),
        TEST(refusals_of_ports_given_up_are_forgotten),
        TEST(a_restarted_node_goes_on),
        TEST(time_in_the_log_never_goes_back),
        TEST(stopping_answers_what_was_taken_in_and_refuses_the_rest),
        TEST(a_disk_that_fails_stops_the_node_before_it_promises),
        TEST(a_machine_that_dies_at_any_write_loses_nothing_that_was_promised),
        TEST(a_first_start_that_dies_anywhere_can_be_begun_again),
        TEST(three_agree_and_each_has_it_all),
        TEST(the_leader_alone_calls_back),
        TEST(a_leader_cut_off_says_that_it_does_not_know),
        TEST(tasks_live_through_the_end_of_the_leader),
        TEST(a_job_that_is_made_again_runs_though_its_last_run_has_not_ended),
        TEST(it_waits_for_that_if_its_runs_may_not_overlap),
        TEST(a_run_that_is_given_back_is_ordered_again_more_and_more_seldom),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
