#include "desk.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/app.h"

static struct json *parse_quoted(const char *body)
{
    struct error err;
    char *text = mem_strdup(body);
    for (char *at = text; *at != '\0'; at++)
        if (*at == '\'')
            *at = '"';
    struct json *v = json_parse(slice_of(text), &err);
    if (v == NULL)
        fail_msg("%s: %s", body, err.text);
    mem_free(text);
    return v;
}

/* ---- the state */

static void on_change(struct watch *w, const struct change *c)
{
    struct desk *d = LIST_ENTRY(w, struct desk, watch);
    master_changed(d->master, c);
}

void desk_command(struct desk *d, enum command_kind kind, const char *args)
{
    struct command c = {.kind = kind, .at = d->now.wall, .by = "", .from = "", .rid = ""};
    struct error err;
    struct outcome o;
    struct json *tree = parse_quoted(args);
    c.args = tree;
    assert_int_equal(db_begin(d->db, DB_NORMAL, &err), 0);
    state_apply(d->state, ++d->index, d->term, &c, &o);
    assert_int_equal(db_commit(d->db, &err), 0);
    state_committed(d->state);
    assert_string_equal(o.text, "");
    outcome_close(&o);
    json_free(tree);
}

static void apply(struct desk *d, struct desk_entry *e)
{
    struct json *root;
    struct error err;
    size_t i = 0;
    struct outcome *outcomes = mem_zalloc(e->n * sizeof *outcomes);
    assert_int_equal(command_entry_parse(buf_slice(&e->text), &root, &err), 0);
    assert_int_equal(db_begin(d->db, DB_NORMAL, &err), 0);
    d->index++;
    JSON_EACH (element, root) {
        struct command c;
        assert_int_equal(command_from_json(element, &c, &err), 0);
        state_apply(d->state, d->index, d->term, &c, &outcomes[i++]);
    }
    assert_int_equal(i, e->n);
    assert_int_equal(db_commit(d->db, &err), 0);
    state_committed(d->state);
    for (i = 0; i < e->n; i++) {
        if (e->origins[i].kind != ORIGIN_NOBODY) {
            assert_int_equal(e->origins[i].kind, ORIGIN_MASTER);
            master_outcome(d->master, e->origins[i].key, &outcomes[i], d->now, &d->out);
        }
        outcome_close(&outcomes[i]);
    }
    mem_free(outcomes);
    json_free(root);
    buf_close(&e->text);
    mem_free(e->origins);
}

/* ---- what goes out */

/* "1 kill 5 why", "0 ack 5:1 6:2" */
static void note_message(struct desk *d, const struct out *item)
{
    enum message_kind kind;
    struct error err;
    struct json *v = message_parse(buf_slice(&item->body), &kind, &err);
    assert_non_null(v);
    assert_int_equal(json_int(json_get(v, "term"), 0), d->term);
    if (kind != MESSAGE_ROUTES)
        buf_printf(&d->told, "%lld %s", (long long)item->agent, message_word(kind));
    if (kind == MESSAGE_WELCOME)
        buf_printf(&d->told, " id=%d", (int)json_int(json_get(v, "id"), -1));
    if (kind == MESSAGE_RUN)
        buf_printf(&d->told, " %d pong=%d", (int)json_int(json_get(json_get(v, "spec"), "task"), 0),
                   (int)json_int(json_get(v, "pong"), 0));
    if (kind == MESSAGE_KILL)
        buf_printf(&d->told, " %d %s", (int)json_int(json_get(v, "task"), 0),
                   json_str(json_get(v, "reason"), ""));
    JSON_EACH (ack, json_get(v, "statuses"))
        buf_printf(&d->told, " %lld:%lld", (long long)json_int(json_get(ack, "task"), 0),
                   (long long)json_int(json_get(ack, "seq"), 0));
    if (kind != MESSAGE_ROUTES)
        buf_putc(&d->told, '\n');
    json_free(v);
}

struct desk_book *desk_book(struct desk *d, int64_t agent)
{
    struct desk_book *b = map_get(d->routes, (uint64_t)agent + 1);
    if (b == NULL) {
        b = NEW(struct desk_book);
        *b = (struct desk_book){.revision = ROUTES_NONE, .routes = map_new()};
        map_put(d->routes, (uint64_t)agent + 1, b);
    }
    return b;
}

static void empty_book(struct desk_book *b)
{
    char *route;
    for (size_t cursor = 0; (route = map_each(b->routes, &cursor)) != NULL;)
        mem_free(route);
    map_free(b->routes);
    b->routes = map_new();
}

static const char *route_key(const struct json *route, char dst[300])
{
    snprintf(dst, 300, "%d %s", (int)json_int(json_get(route, "port"), 0),
             json_str(json_get(route, "app"), ""));
    return dst;
}

static void put_route(struct desk_book *b, const struct json *route)
{
    char key[300];
    struct buf text;
    struct json_writer w;
    buf_init(&text, LIMIT_FRAME_BYTES);
    json_begin(&w, &text);
    json_put_value(&w, route);
    mem_free(map_put_str(b->routes, route_key(route, key), buf_take(&text, NULL)));
}

static void take_routes(struct desk_book *b, const struct json *v)
{
    char key[300];
    int64_t since;
    bool change = json_i64(json_get(v, "since"), &since);
    if (change && since != b->revision) {
        b->revision = ROUTES_NONE;
        return;
    }
    if (change)
        b->changes++;
    else
        empty_book(b);
    JSON_EACH (route, json_get(v, "removed"))
        mem_free(map_remove_str(b->routes, route_key(route, key)));
    JSON_EACH (route, json_get(v, "routes"))
        put_route(b, route);
    b->revision = json_int(json_get(v, "revision"), 0);
    b->news = true;
}

static void note_routes(struct desk *d, const struct out *item)
{
    struct error err;
    struct json *v = json_parse(buf_slice(&item->body), &err);
    if (str_eq(json_str(json_get(v, "m"), ""), "routes") && !d->lose_routes)
        take_routes(desk_book(d, item->agent), v);
    json_free(v);
}

/* Drafts become an entry, or are refused; messages are noted. */
static void carry_out(struct desk *d)
{
    struct outbox out = d->out;
    outbox_init(&d->out, d->term);
    struct desk_entry e = {.origins = mem_zalloc((out.n + 1) * sizeof e.origins[0])};
    buf_init(&e.text, LIMIT_ENTRY_BYTES + 1024);
    command_entry_begin(&e.text);
    for (size_t i = 0; i < out.n; i++) {
        struct out *item = &out.items[i];
        if (item->kind == OUT_MESSAGE) {
            note_message(d, item);
            note_routes(d, item);
            continue;
        }
        assert_int_equal(item->kind, OUT_DRAFT);
        assert_false(buf_full(&item->draft.args));
        d->drafts++;
        if (d->refuse) {
            const struct outcome refused = {.code = ERR_UNAVAILABLE};
            master_outcome(d->master, item->origin.key, &refused, d->now, &d->out);
            continue;
        }
        assert_true(e.text.len + item->draft.args.len < LIMIT_ENTRY_BYTES);
        command_entry_add(&e.text, &item->draft, d->now.wall);
        e.origins[e.n++] = item->origin;
    }
    command_entry_end(&e.text);
    outbox_close(&out);
    if (e.n == 0) {
        buf_close(&e.text);
        mem_free(e.origins);
    } else if (d->held) {
        assert_true(d->entries_n < COUNT(d->entries));
        d->entries[d->entries_n++] = e;
    } else {
        apply(d, &e);
        carry_out(d);
    }
}

void desk_release(struct desk *d)
{
    d->held = false;
    for (size_t i = 0; i < d->entries_n; i++)
        apply(d, &d->entries[i]);
    d->entries_n = 0;
    carry_out(d);
}

const char *desk_told(struct desk *d)
{
    buf_clear(&d->shown);
    buf_put_slice(&d->shown, buf_slice(&d->told));
    buf_clear(&d->told);
    return buf_str(&d->shown);
}

const char *desk_routes(struct desk *d, int64_t agent)
{
    struct desk_book *b = desk_book(d, agent);
    char *route;
    buf_clear(&d->shown);
    if (!b->news)
        return "";
    for (size_t cursor = 0; (route = map_each(b->routes, &cursor)) != NULL;)
        buf_printf(&d->shown, "%c%s", d->shown.len == 0 ? '[' : ',', route);
    buf_puts(&d->shown, d->shown.len == 0 ? "[]" : "]");
    b->news = false;
    return buf_str(&d->shown);
}

/* ---- beginning and ending */

static bool write_spec(void *unused, const struct task_row *t, struct buf *out)
{
    (void)unused;
    buf_printf(out, "{\"task\":%lld}", (long long)t->id);
    return !str_eq(t->of, "/gone");
}

void desk_open(struct desk *d)
{
    struct error err;
    const struct db_options options = {.fail_stop = true};
    const struct master_options master = {.run_spec = write_spec, .unreachable_ms = 5000};
    *d = (struct desk){.term = 3, .now = {{1000000}, {INT64_C(1767225600000)}}};
    assert_int_equal(db_open(":memory:", &options, &d->db, &err), 0);
    assert_int_equal(state_open(d->db, false, &d->state, &err), 0);
    outbox_init(&d->out, d->term);
    d->routes = map_new();
    buf_init(&d->told, 16 << 20);
    buf_init(&d->shown, 16 << 20);
    d->master = master_new(d->state, &master);
    d->watch.changed = on_change;
    state_watch(d->state, &d->watch);
    desk_command(d, COMMAND_SCHEMA_UPGRADE, "{'level':1}");
    desk_lead(d, true);
}

void desk_lead(struct desk *d, bool leading)
{
    d->term++;
    outbox_close(&d->out);
    outbox_init(&d->out, d->term);
    master_lead(d->master, leading, d->term, d->now, &d->out);
}

void desk_close(struct desk *d)
{
    struct desk_book *b;
    for (size_t cursor = 0; (b = map_each(d->routes, &cursor)) != NULL;) {
        empty_book(b);
        map_free(b->routes);
        mem_free(b);
    }
    map_free(d->routes);
    buf_close(&d->told);
    buf_close(&d->shown);
    for (size_t i = 0; i < d->entries_n; i++) {
        buf_close(&d->entries[i].text);
        mem_free(d->entries[i].origins);
    }
    outbox_close(&d->out);
    master_free(d->master);
    state_close(d->state);
    db_close(d->db);
}

/* ---- agents */

void desk_say(struct desk *d, int agent, const char *message)
{
    enum message_kind kind;
    struct error err;
    struct json *quoted = parse_quoted(message);
    struct buf text;
    struct json_writer w;
    buf_init(&text, LIMIT_FRAME_BYTES);
    json_begin(&w, &text);
    json_put_value(&w, quoted);
    struct json *v = message_parse(buf_slice(&text), &kind, &err);
    if (v == NULL)
        fail_msg("%s", err.text);
    master_message(d->master, agent * 10, kind, v, d->now, &d->out);
    carry_out(d);
    json_free(v);
    json_free(quoted);
    buf_close(&text);
}

void desk_register(struct desk *d, int agent, const char *tasks)
{
    char message[4096];
    snprintf(message, sizeof message,
             "{'m':'register','uid':%d,'boot':'b','hostname':'n%d','address':'10.0.0.%d','port':"
             "5051,'version':'1','resources':'cpus:64;mem:65536;disk:65536;ports:[31000-32000]',"
             "'attributes':{},'docker':'24','docker_reason':'','tasks':[%s]}",
             agent, agent, agent, tasks);
    desk_say(d, agent, message);
}

void desk_pong(struct desk *d, int agent, int64_t seq)
{
    char message[96];
    snprintf(message, sizeof message, "{'m':'pong','uid':%d,'seq':%lld,'routes':%lld}", agent,
             (long long)seq, (long long)desk_book(d, agent - 1)->revision);
    desk_say(d, agent, message);
}

void desk_status(struct desk *d, int agent, int64_t task, int64_t seq, const char *state)
{
    char message[256];
    snprintf(message, sizeof message,
             "{'m':'status','uid':%d,'statuses':[{'task':%lld,'seq':%lld,'state':'%s','at':1}]}",
             agent, (long long)task, (long long)seq, state);
    desk_say(d, agent, message);
}

/* ---- time */

void desk_turn(struct desk *d)
{
    master_tick(d->master, d->now, &d->out);
    carry_out(d);
}

void desk_run_ms(struct desk *d, int64_t ms, int alive)
{
    int64_t until = d->now.mono.ms + ms, pong = d->now.mono.ms;
    int idle = 0;
    while (d->now.mono.ms < until) {
        for (int i = 1; i <= alive && d->now.mono.ms >= pong; i++)
            desk_pong(d, i, d->now.mono.ms);
        if (d->now.mono.ms >= pong)
            pong += 500;
        desk_turn(d);
        int64_t due = master_due(d->master).ms;
        due = due < pong ? due : pong;
        due = due < until ? due : until;
        idle = due > d->now.mono.ms ? 0 : idle + 1;
        if (idle > 20)
            fail_msg("it spins");
        if (due > d->now.mono.ms) {
            d->now.wall.ms += due - d->now.mono.ms;
            d->now.mono.ms = due;
        }
    }
    desk_turn(d);
}

/* ---- apps and tasks */

int64_t desk_app(struct desk *d, const char *path, const char *more)
{
    const struct app_rules rules = {0};
    struct problems problems = {0};
    struct app app;
    struct app_row row;
    struct buf text, args;
    struct json_writer w;
    char body[512];
    snprintf(body, sizeof body, "{'id':'%s','cmd':'run','instances':9,'cpus':0.1,'mem':32%s}", path,
             more);
    struct json *v = parse_quoted(body);
    assert_int_equal(app_parse(&rules, v, NULL, "/", NULL, &app, &problems), 0);
    int64_t base = state_app_by_path(d->state, path, &row) ? row.version.ms : 0;
    buf_init(&text, 65536);
    buf_init(&args, 65536);
    json_begin(&w, &text);
    app_write(&app, &w);
    buf_printf(&args, "{\"apps\":[{\"path\":\"%s\",\"base\":%lld,\"definition\":%s}]}", path,
               (long long)base, buf_str(&text));
    desk_command(d, COMMAND_APP_PUT, buf_str(&args));
    buf_close(&text);
    buf_close(&args);
    app_close(&app);
    json_free(v);
    assert_true(state_app_by_path(d->state, path, &row));
    return row.id;
}

int64_t desk_launch(struct desk *d, int64_t app, int64_t agent)
{
    char args[512];
    struct app_row row;
    struct task_row t;
    int64_t newest = 0;
    assert_true(state_app_by_id(d->state, app, &row));
    snprintf(args, sizeof args,
             "{'instances':[{'app':%lld,'config':%lld,'cap':99,'salt':5,'agent':%lld,'ports':[%d],"
             "'cpus':100,'mem':1,'disk':0,'pong':7}]}",
             (long long)app, (long long)row.config.ms, (long long)agent,
             31000 + (int)d->launched++);
    desk_command(d, COMMAND_TASK_LAUNCH, args);
    struct stmt *q = state_tasks_of_app(d->state, app);
    while (state_task_next(q, &t))
        newest = t.id;
    return newest;
}

void desk_kill(struct desk *d, int64_t task)
{
    char args[128];
    snprintf(args, sizeof args, "{'tasks':[{'task':%lld,'reason':'test'}]}", (long long)task);
    desk_command(d, COMMAND_TASK_KILL, args);
}

enum task_state desk_state(struct desk *d, int64_t task)
{
    struct task_row t;
    assert_true(state_task_by_id(d->state, task, &t));
    return t.state;
}

enum agent_state desk_agent(struct desk *d, int64_t agent)
{
    struct agent_row a;
    assert_true(state_agent_by_id(d->state, agent, &a));
    return a.state;
}
