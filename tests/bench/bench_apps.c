/* tests/bench/bench_apps.c - how long Marathon's lists take.
 *
 *     bench_apps [APPS]      10000 apps with one task each: the goal for GET /v2/apps is 100 ms */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "api/door.h"
#include "base/assert.h"
#include "base/limits.h"
#include "db/db.h"
#include "state/state.h"

#define ROUNDS 10
#define BATCH 500 /* apps in one command */

static struct db *db;
static struct state *state;
static uint64_t applied;
static struct wall at = {1714555800000};

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void apply(enum command_kind kind, const char *args)
{
    struct error err;
    struct outcome o;
    struct json *v = json_parse(slice_of(args), &err);
    const struct command c = {
        .kind = kind, .at = {++at.ms}, .by = "", .from = "", .rid = "", .args = v};
    ASSERT(v != NULL && db_begin(db, DB_NORMAL, &err) == 0);
    state_apply(state, ++applied, 1, &c, &o);
    if (o.code != ERR_NONE) {
        fprintf(stderr, "%s: %s\n", command_word(kind), o.text);
        exit(1);
    }
    ASSERT(db_commit(db, &err) == 0);
    outcome_close(&o);
    json_free(v);
}

static void put_definition(int i, struct json_writer *w)
{
    static const struct app_rules rules;
    struct app a;
    struct problems problems = {0};
    struct error err;
    char body[1024];
    snprintf(
        body, sizeof body,
        "{\"id\":\"/team-%d/service-%d\",\"cmd\":\"exec ./bin/server --port $PORT0\",\"cpus\":0.1,"
        "\"mem\":64,\"instances\":1,\"portDefinitions\":[{\"port\":%d,\"name\":\"http\"}],"
        "\"env\":{\"LEVEL\":\"info\",\"DATABASE\":\"db-%d.internal\"},"
        "\"labels\":{\"team\":\"%d\",\"HAPROXY_GROUP\":\"external\"},"
        "\"healthChecks\":[{\"protocol\":\"HTTP\",\"path\":\"/health\"}],"
        "\"constraints\":[[\"hostname\",\"UNIQUE\"]]}",
        i % 100, i, 20001 + i % 40000, i, i % 100);
    struct json *v = json_parse(slice_of(body), &err);
    if (v == NULL || app_parse(&rules, v, NULL, "/", NULL, &a, &problems) != 0)
        UNREACHABLE("the bench's app is right");
    json_object(w);
    json_member_str(w, "path", a.id);
    json_member_int(w, "base", 0);
    json_key(w, "definition");
    app_write(&a, w);
    json_object_end(w);
    app_close(&a);
    json_free(v);
}

static void put_apps(int from, int to)
{
    struct buf args;
    struct json_writer w;
    buf_init(&args, LIMIT_ENTRY_BYTES);
    json_begin(&w, &args);
    json_object(&w);
    json_key(&w, "apps");
    json_array(&w);
    for (int i = from; i < to; i++)
        put_definition(i, &w);
    json_array_end(&w);
    json_object_end(&w);
    apply(COMMAND_APP_PUT, buf_str(&args));
    buf_close(&args);
}

static void launch_all(void)
{
    struct buf args;
    struct json_writer w;
    struct app_row row;
    int port = 30000;
    buf_init(&args, 64 << 20);
    json_begin(&w, &args);
    json_object(&w);
    json_key(&w, "instances");
    json_array(&w);
    struct stmt *q = state_apps(state, "", "", INT64_MAX);
    while (state_app_next(q, &row)) {
        json_object(&w);
        json_member_int(&w, "app", row.id);
        json_member_int(&w, "config", row.config.ms);
        json_member_int(&w, "cap", 1);
        json_member_int(&w, "salt", row.id * 7919);
        json_member_int(&w, "agent", 0);
        json_member_int(&w, "cpus", 100);
        json_member_int(&w, "mem", 1 << 20);
        json_key(&w, "ports");
        json_array(&w);
        json_put_int(&w, port++);
        json_array_end(&w);
        json_object_end(&w);
    }
    json_array_end(&w);
    json_object_end(&w);
    apply(COMMAND_TASK_LAUNCH, buf_str(&args));
    buf_close(&args);
}

static void measure(const struct api *api, const char *target, const char *accept)
{
    static const struct facts facts = {.version = "0.1.0",
                                       .cluster = "c1c1c1c1-0000-4000-8000-000000000000"};
    const struct view view = {.state = state, .facts = &facts, .now = {{0}, at}};
    struct buf headers;
    double best = 1e9, sum = 0;
    size_t bytes = 0;
    buf_init(&headers, 1024);
    header_put(&headers, "Accept", accept);
    struct request r = request_of(METHOD_GET, target);
    r.headers = buf_slice(&headers);
    r.listener = "marathon";
    for (int i = 0; i < ROUNDS; i++) {
        struct route_match match = {0};
        struct reply reply;
        reply_init(&reply);
        struct call c = {.request = &r, .match = &match, .view = &view, .reply = &reply};
        double from = now_ms();
        if (api_find(api, &r, &c) == NULL)
            UNREACHABLE("the door is there");
        api_ask(&c);
        double took = now_ms() - from;
        ASSERT(reply.status == 200);
        sum += took;
        best = took < best ? took : best;
        bytes = reply.body.len;
        call_close(&c);
        route_match_close(&match);
        reply_close(&reply);
    }
    printf("%-34s %-18s %8.1f ms best %8.1f ms mean %7.1f MiB\n", target, accept, best,
           sum / ROUNDS, (double)bytes / 1048576);
    buf_close(&headers);
}

/* ---- what a change of a task costs in events */

static struct watch watch;
static double rendering;
static size_t rendered;

static void on_published(void *data, const struct published *p)
{
    (void)data;
    rendered += p->text.len;
}

static void on_change(struct watch *w, const struct change *c)
{
    static const struct facts facts = {.version = "0.1.0",
                                       .cluster = "c1c1c1c1-0000-4000-8000-000000000000"};
    const struct view view = {.state = state, .facts = &facts, .now = {{0}, at}};
    (void)w;
    double from = now_ms();
    marathon_render(c, &view, ~0u, NULL, on_published);
    rendering += now_ms() - from;
}

int main(int argc, char **argv)
{
    int apps = argc > 1 ? atoi(argv[1]) : 10000;
    const struct db_options options = {.fail_stop = true};
    struct error err;
    if (db_open(":memory:", &options, &db, &err) != 0 || state_open(db, false, &state, &err) != 0) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    apply(COMMAND_SCHEMA_UPGRADE, "{\"level\":1}");
    apply(COMMAND_AGENT_REGISTER,
          "{\"uid\":1,\"node\":1,\"hostname\":\"n1\",\"address\":\"10.0.0.7\",\"port\":5051,"
          "\"ports\":\"30000-65000\",\"cpus_milli\":1000000000,\"mem_bytes\":1000000000000000,"
          "\"disk_bytes\":1000000000}");
    for (int from = 0; from < apps; from += BATCH)
        put_apps(from, from + BATCH < apps ? from + BATCH : apps);
    watch.changed = on_change;
    state_watch(state, &watch);
    launch_all();
    state_committed(state);
    printf("%-53s %8.1f us a task %22.1f MiB\n", "events of a launch", rendering * 1e3 / apps,
           (double)rendered / 1048576);
    struct api *api = api_new();
    measure(api, "/v2/apps", "application/json");
    measure(api, "/v2/apps?embed=apps.tasks", "application/json");
    measure(api, "/v2/apps?label=team==7", "application/json");
    measure(api, "/v2/tasks", "application/json");
    measure(api, "/v2/tasks", "text/plain");
    measure(api, "/v2/groups", "application/json");
    measure(api, "/v2/queue", "application/json");
    api_free(api);
    state_close(state);
    db_close(db);
    return 0;
}
