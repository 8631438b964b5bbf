#include "unit.h"

#include "world.h"

#include <stdio.h>
#include <string.h>

#include "api/facts.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/str.h"
#include "db/private.h"
#include "model/status.h"
#include "state/private.h"

#define T0 INT64_C(1714555800000) /* 2024-05-01T09:30:00Z */
#define TERM 1
#define ROUNDS 1000 /* a world that has not settled by then never will */

static void need(int rc, const struct error *err)
{
    if (rc != 0)
        fail_msg("%s", err->text);
}

/* ---- the feed */

static void on_published(void *data, const struct published *p)
{
    struct world *w = data;
    buf_put_slice(&w->published[p->topic], p->text);
}

static struct view view_of(struct world *w)
{
    return (struct view){w->state, &w->facts, w->now, w->index};
}

static void on_change(struct watch *watch, const struct change *c)
{
    struct world *w = LIST_ENTRY(watch, struct world, watch);
    const struct view view = view_of(w);
    apps_changed(w->apps, c);
    jobs_changed(w->jobs, c);
    api_render(c, &view, ~0u, w, on_published);
}

/* ---- applying */

static void apply_command(struct world *w, const struct command *c, struct outcome *o)
{
    struct error err;
    need(db_begin(w->db, DB_NORMAL, &err), &err);
    state_apply(w->state, ++w->index, TERM, c, o);
    need(db_commit(w->db, &err), &err);
    state_committed(w->state);
}

/* Through the form that it has in the log. */
static void apply_draft(struct world *w, const struct draft *d, struct outcome *o)
{
    struct buf entry;
    struct json *root;
    struct command c;
    struct error err;
    buf_init(&entry, LIMIT_ENTRY_BYTES + 1024);
    command_entry_begin(&entry);
    command_entry_add(&entry, d, w->now.wall);
    command_entry_end(&entry);
    need(command_entry_parse(buf_slice(&entry), &root, &err), &err);
    need(command_from_json(json_first(root), &c, &err), &err);
    apply_command(w, &c, o);
    json_free(root);
    buf_close(&entry);
}

void world_apply(struct world *w, enum command_kind kind, const char *args, struct outcome *outcome)
{
    struct draft d = {.kind = kind};
    struct outcome own;
    buf_init(&d.args, LIMIT_ENTRY_BYTES);
    buf_puts(&d.args, args);
    apply_draft(w, &d, outcome != NULL ? outcome : &own);
    draft_close(&d);
    if (outcome != NULL)
        return;
    if (own.code != ERR_NONE)
        fail_msg("%s %s: %s", command_word(kind), args, own.text);
    outcome_close(&own);
}

/* ---- the world */

static const struct facts first_facts = {
    .version = "0.1.0",
    .cluster = WORLD_CLUSTER,
    .node = 1,
    .name = "n1",
    .modes = MODE_MASTER | MODE_SCHEDULER | MODE_AGENT,
    .leading = true,
    .leader_name = "n1",
    .leader_marathon = "10.0.0.1:8080",
    .leader_chronos = "10.0.0.1:4400",
    .leader_mesos = "10.0.0.1:5050",
    .term = TERM,
    .started = {T0},
    .url_marathon = "http://10.0.0.1:8080",
    .url_chronos = "http://10.0.0.1:4400",
    .url_mesos = "http://10.0.0.1:5050",
    .url_agent = "http://10.0.0.1:5051",
    .url_stats = "http://10.0.0.1:9090",
    .hostname = "10.0.0.1",
    .address = "10.0.0.1",
    .agent = 0,
    .work_dir = "/var/lib/mesolith/agent",
    .service_address = "10.0.0.1",
    .ports_refused = "[]",
};

void world_open(struct world *w)
{
    struct error err;
    const struct db_options options = {.fail_stop = true};
    *w = (struct world){.now = {{1000000}, {T0}}, .facts = first_facts, .led_to = -1};
    w->facts.job_rules = job_rules_default();
    rng_seed(&w->rng, 42);
    rng_seed(&w->breaks, 43);
    for (size_t i = 0; i < TOPICS; i++)
        buf_init(&w->published[i], 64 << 20);
    need(db_open(":memory:", &options, &w->db, &err), &err);
    need(state_open(w->db, false, &w->state, &err), &err);
    world_apply(w, COMMAND_SCHEMA_UPGRADE, "{\"level\":1}", NULL);
    world_apply(w, COMMAND_SETTING_PUT, "{\"set\":{\"cluster\":\"" WORLD_CLUSTER "\"}}", NULL);
    w->api = api_new();
    w->apps = apps_new(w->state, &w->rng);
    w->jobs = jobs_new(w->state, &w->rng);
    w->watch.changed = on_change;
    state_watch(w->state, &w->watch);
    struct outbox out;
    outbox_init(&out, TERM);
    apps_lead(w->apps, true, w->now, &out);
    jobs_lead(w->jobs, true, w->now, &out);
    assert_int_equal(out.n, 0);
    outbox_close(&out);
}

void world_close(struct world *w)
{
    struct error err;
    need(db_check(w->db, &err), &err);
    apps_free(w->apps);
    jobs_free(w->jobs);
    api_free(w->api);
    state_close(w->state);
    db_close(w->db);
    for (size_t i = 0; i < TOPICS; i++)
        buf_close(&w->published[i]);
}

void world_pass(struct world *w, int64_t ms)
{
    w->now.mono.ms += ms;
    w->now.wall.ms += ms;
}

int64_t world_agent_in(struct world *w, const char *hostname, int64_t node)
{
    char args[1024];
    struct outcome o;
    struct error err;
    snprintf(args, sizeof args,
             "{\"uid\":%lld,\"node\":%lld,\"hostname\":\"%s\",\"address\":\"%s\",\"port\":5051,"
             "\"boot\":\"b\",\"version\":\"0.1.0\",\"docker\":\"24.0\",\"docker_reason\":\"\","
             "\"attributes\":{},\"ports\":\"31000-31999\",\"cpus_milli\":4000,"
             "\"mem_bytes\":%lld,\"disk_bytes\":%lld}",
             (long long)rng_id(&w->rng), (long long)node, hostname, hostname, 4LL << 30,
             10LL << 30);
    world_apply(w, COMMAND_AGENT_REGISTER, args, &o);
    assert_int_equal(o.code, ERR_NONE);
    struct json *detail = json_parse(buf_slice(&o.detail), &err);
    int64_t id = json_int(json_get(detail, "agent"), -1);
    json_free(detail);
    outcome_close(&o);
    return id;
}

int64_t world_agent(struct world *w, const char *hostname)
{
    return world_agent_in(w, hostname, 1);
}

/* ---- minds and agents */

static int64_t newest_pong(const void *data, int64_t agent)
{
    (void)data;
    (void)agent;
    return 1;
}

static int64_t patience_ms(const void *data, int64_t agent, bool hurried)
{
    (void)data;
    (void)agent;
    (void)hurried;
    return 5000;
}

static bool is_expected(const void *data, int64_t agent)
{
    (void)data;
    (void)agent;
    return false;
}

/* Applies what is in the outbox and tells its origins. */
static void carry_out(struct world *w, struct outbox *out)
{
    for (size_t i = 0; i < out->n; i++) { /* outcomes may add to it */
        struct out item = out->items[i];
        struct outcome o;
        if (item.kind != OUT_DRAFT)
            continue;
        apply_draft(w, &item.draft, &o);
        if (item.origin.kind == ORIGIN_APPS)
            apps_outcome(w->apps, item.origin.key, &o, w->now, out);
        else if (item.origin.kind == ORIGIN_JOBS)
            jobs_outcome(w->jobs, item.origin.key, &o, w->now, out);
        outcome_close(&o);
    }
}

void world_tick(struct world *w)
{
    const struct view view = view_of(w);
    for (int round = 0; round < ROUNDS; round++) {
        struct outbox out;
        outbox_init(&out, TERM);
        struct placement *p = placement_new(w->state, facts_hearing(&view));
        jobs_tick(w->jobs, p, &(struct jobs_ears){newest_pong, patience_ms, is_expected, w}, w->now,
                  &out);
        apps_tick(w->apps, p, w->now, &out);
        placement_free(p);
        size_t n = out.n;
        carry_out(w, &out);
        outbox_close(&out);
        if (n == 0)
            return;
    }
    fail_msg("the minds do not come to rest");
}

static void report(struct world *w, const struct status *s)
{
    struct buf args;
    struct json_writer jw;
    buf_init(&args, LIMIT_ENTRY_BYTES);
    json_begin(&jw, &args);
    json_object(&jw);
    json_key(&jw, "set");
    json_array(&jw);
    status_write(s, &jw);
    json_array_end(&jw);
    json_object_end(&jw);
    world_apply(w, COMMAND_TASK_UPDATE, buf_str(&args), NULL);
    buf_close(&args);
}

void world_status(struct world *w, int64_t task, enum task_state state, const char *message)
{
    const struct status s = {
        .task = task, .seq = ++w->seq, .state = state, .at = w->now.wall, .message = message};
    report(w, &s);
}

void world_health(struct world *w, int64_t task, int health, const char *results)
{
    struct slice own = health == 1 ? SLICE("[{\"alive\":true,\"consecutiveFailures\":0}]")
                                   : SLICE("[{\"alive\":false,\"consecutiveFailures\":1}]");
    const struct status s = {
        .task = task,
        .seq = ++w->seq,
        .state = TASK_RUNNING,
        .at = w->now.wall,
        .health = health,
        .health_raw = results != NULL ? slice_of(results) : own,
    };
    report(w, &s);
}

void world_readiness(struct world *w, int64_t task, const char *results)
{
    const struct status s = {.task = task,
                             .seq = ++w->seq,
                             .state = TASK_RUNNING,
                             .at = w->now.wall,
                             .readiness_raw = slice_of(results)};
    report(w, &s);
}

void world_check(struct world *w, int64_t task, struct check_result said)
{
    const struct status s = {.task = task,
                             .seq = ++w->seq,
                             .state = TASK_RUNNING,
                             .at = w->now.wall,
                             .informs = true,
                             .check = said};
    report(w, &s);
}

bool world_agents_work(struct world *w)
{
    struct {
        int64_t task;
        enum task_state state;
    } todo[4096];
    size_t n = 0;
    struct task_row t;
    struct stmt *q = state_tasks(w->state);
    while (n < COUNT(todo) && state_task_next(q, &t)) {
        bool starts = t.state == TASK_STAGING || t.state == TASK_STARTING;
        if (!starts && t.state != TASK_KILLING)
            continue;
        todo[n].task = t.id;
        todo[n++].state = starts ? TASK_RUNNING : TASK_KILLED;
    }
    stmt_end(q);
    for (size_t i = 0; i < n; i++)
        world_status(w, todo[i].task, todo[i].state, NULL);
    return n > 0;
}

void world_settle(struct world *w)
{
    for (int round = 0; round < ROUNDS; round++) {
        world_tick(w);
        if (!world_agents_work(w))
            return;
    }
    fail_msg("the world does not settle");
}

/* ---- requests */

static void run_tell(struct world *w, struct tell *t, struct view *view)
{
    bool answered = api_tell(t);
    while (!answered) {
        struct outcome o;
        assert_int_equal(t->out->n, t->open > 0 ? t->open : 1);
        struct out item = t->out->items[0];
        t->out->n--;
        memmove(t->out->items, t->out->items + 1, t->out->n * sizeof item);
        t->part = item.origin.part;
        if (item.kind == OUT_HAND_OVER) {
            const struct outcome done = {.code = ERR_NONE};
            w->led_to = item.node;
            answered = api_outcome(t, &done);
            continue;
        }
        assert_int_equal(item.kind, OUT_DRAFT);
        if (w->meanwhile != NULL) {
            void (*meanwhile)(struct world *) = w->meanwhile;
            w->meanwhile = NULL;
            meanwhile(w);
        }
        apply_draft(w, &item.draft, &o);
        *view = view_of(w);
        answered = api_outcome(t, &o);
        outcome_close(&o);
        draft_close(&item.draft);
        buf_close(&item.body);
    }
}

static void draw_secret(void *data, void *dst, size_t n)
{
    struct world *w = data;
    rng_fill(&w->rng, dst, n);
}

static void request_once(struct world *w, const struct request *r, struct reply *out)
{
    struct route_match match = {0};
    struct view view = view_of(w);
    struct asked_facts asked;
    struct outbox outbox;
    outbox_init(&outbox, 0);
    reply_init(out);
    view.facts = facts_for(r, &w->facts, &asked);
    struct tell t = {
        .c = {.request = r, .match = &match, .view = &view, .reply = out},
        .out = &outbox,
        .rng = &w->rng,
        .secret = draw_secret,
        .secret_data = w,
        .pending = 1,
    };
    const struct door *door = api_find(w->api, r, &t.c);
    if (door != NULL && door->kind == DOOR_TELL) {
        run_tell(w, &t, &view);
    } else if (door != NULL) {
        view.state = door->alone ? NULL : view.state;
        api_ask(&t.c);
    }
    tell_close(&t);
    outbox_close(&outbox);
    route_match_close(&match);
    arena_close(&asked.text);
}

/* ---- reading that is broken off */

static int break_off(void *data)
{
    int *steps_left = data;
    return (*steps_left)-- <= 0;
}

/* As a reader whose time is over (host/readers.c), each time a little later, until there is time
 * enough: what is answered is thrown away then, but nothing else may happen. */
static void question_broken_off(struct world *w, const struct request *r)
{
    struct memo *memo = w->state->memo;
    bool whole = false;
    w->db->fail_stop = false;
    w->state->memo = NULL; /* a reader has none */
    for (int steps = 1 + (int)rng_below(&w->breaks, 4); !whole; steps += 1 + steps / 4) {
        struct reply reply;
        struct error err;
        int left = steps;
        sqlite3_progress_handler(w->db->sqlite, 1, break_off, &left);
        request_once(w, r, &reply);
        reply_close(&reply);
        whole = db_check(w->db, &err) == 0;
    }
    sqlite3_progress_handler(w->db->sqlite, 0, NULL, NULL);
    w->state->memo = memo;
    w->db->fail_stop = true;
}

void world_request(struct world *w, const struct request *r, struct reply *out)
{
    if (r->method == METHOD_GET)
        question_broken_off(w, r);
    request_once(w, r, out);
}

void world_play(struct world *w, const char *listener, const char *line, const char *headers,
                const char *body, struct reply *out)
{
    char word[16] = "";
    struct buf lines;
    const char *target = strchr(line, ' ');
    assert_non_null(target);
    snprintf(word, sizeof word, "%.*s", (int)(target - line), line);
    struct request r = request_of(method_of(word), target + 1);
    buf_init(&lines, LIMIT_HEADER_BYTES);
    if (header_get(slice_of(headers), "Host").len == 0)
        header_put(&lines, "Host", "10.0.0.1:8080");
    buf_puts(&lines, headers);
    r.headers = buf_slice(&lines);
    r.body = slice_of(body);
    r.scheme = "http";
    r.listener = listener;
    r.local_port = 8080;
    r.remote = "10.0.0.9";
    r.user = "ann";
    world_request(w, &r, out);
    buf_close(&lines);
}
