#include "master/master.h"

#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "master/routes.h"
#include "model/app.h"
#include "model/resources.h"

#define RUN_REPEAT_MS 5000   /* an order that the agent has not answered by a status */
#define KILL_REPEAT_MS 30000 /* spec/marathon.md 9.5 */
#define CLOSED_MS 75000      /* a closed session of a live host (DESIGN 6) */
#define SUSPECT_MS 75000     /* so many silent at once that the leader suspects itself */
#define DRAIN_MS 100         /* from a task's last route to the order that it ends */
#define ROUTES_EVERY_MS 5    /* changes of routes are gathered for so long */

/* One agent that has registered with this leader, or is expected to come back. */
struct session {
    int64_t id, uid, node; /* node 0: has not registered with this leader */
    struct mono heard;     /* its last message; for one that is expected: when leading began */
    int64_t pong;
    bool closed;      /* its stream was closed by a live host */
    struct map *told; /* task -> struct told: when it was last ordered what */
};

struct told {
    int64_t task;
    struct mono again;    /* repeat the order then */
    enum task_state what; /* STAGING: run, KILLING: kill */
};

/* A registration, or a set of statuses, that is being committed. */
struct waiting {
    uint64_t key;
    int64_t uid, node;
    struct json *reported; /* of a registration: its tasks */
    int64_t *agents;       /* of statuses: whose */
    struct buf *bodies;    /* of statuses: what to acknowledge to agents[i], elements {task, seq} */
    size_t n;
};

struct master {
    struct state *state;
    struct master_options options;
    bool leading;
    uint64_t term;
    struct mono leading_since, suspect_until;
    struct map *sessions; /* agent id -> struct session */
    struct map *waiting;  /* key -> struct waiting */
    uint64_t next_key;
    struct waiting *gathering; /* statuses of this turn */
    struct buf statuses;       /* their elements */
    bool liveness_in_flight;
    struct routes *routes;
    struct mono routes_due;
    struct mono due;
};

/* ---------------- beginning and ending */

struct master *master_new(struct state *state, const struct master_options *options)
{
    struct master *m = NEW(struct master);
    m->state = state;
    m->options = *options;
    m->sessions = map_new();
    m->waiting = map_new();
    m->routes = routes_new(state);
    buf_init(&m->statuses, LIMIT_ENTRY_BYTES);
    return m;
}

static void told_free(struct session *s)
{
    struct told *t;
    for (size_t cursor = 0; (t = map_each(s->told, &cursor)) != NULL;)
        mem_free(t);
    map_free(s->told);
}

static void waiting_free(struct waiting *w)
{
    if (w == NULL)
        return;
    for (size_t i = 0; i < w->n; i++)
        buf_close(&w->bodies[i]);
    mem_free(w->bodies);
    mem_free(w->agents);
    json_free(w->reported);
    mem_free(w);
}

static void forget(struct master *m)
{
    struct session *s;
    struct waiting *w;
    for (size_t cursor = 0; (s = map_each(m->sessions, &cursor)) != NULL;) {
        told_free(s);
        mem_free(s);
    }
    for (size_t cursor = 0; (w = map_each(m->waiting, &cursor)) != NULL;)
        waiting_free(w);
    map_free(m->sessions);
    map_free(m->waiting);
    waiting_free(m->gathering);
    m->gathering = NULL;
    buf_clear(&m->statuses);
}

void master_free(struct master *m)
{
    if (m == NULL)
        return;
    forget(m);
    routes_free(m->routes);
    buf_close(&m->statuses);
    mem_free(m);
}

static struct session *session_new(struct master *m, int64_t id, int64_t uid, struct now now)
{
    struct session *s = NEW(struct session);
    *s = (struct session){.id = id, .uid = uid, .heard = now.mono, .told = map_new()};
    map_put(m->sessions, (uint64_t)id, s);
    return s;
}

void master_lead(struct master *m, bool leading, uint64_t term, struct now now, struct outbox *out)
{
    (void)out;
    forget(m);
    m->sessions = map_new();
    m->waiting = map_new();
    m->leading = leading;
    m->term = term;
    m->leading_since = now.mono;
    m->suspect_until = (struct mono){0};
    m->liveness_in_flight = false;
    m->due = now.mono;
    routes_forget(m->routes);
    if (!leading)
        return;
    struct agent_row row; /* those that ought to come: their silence counts from now on */
    struct stmt *q = state_agents(m->state);
    while (state_agent_next(q, &row))
        if (row.state != AGENT_GONE && row.state != AGENT_UNREACHABLE)
            session_new(m, row.id, row.uid, now);
}

/* ---------------- asking */

static struct session *session_by_uid(const struct master *m, int64_t uid)
{
    struct session *s;
    for (size_t cursor = 0; (s = map_each(m->sessions, &cursor)) != NULL;)
        if (s->uid == uid)
            return s;
    return NULL;
}

int64_t master_node_of(const struct master *m, int64_t agent)
{
    const struct session *s = map_get(m->sessions, (uint64_t)agent);
    return s != NULL ? s->node : 0;
}

int64_t master_pong(const struct master *m, int64_t agent)
{
    const struct session *s = map_get(m->sessions, (uint64_t)agent);
    return s != NULL ? s->pong : 0;
}

bool master_is_live(const struct master *m, int64_t agent, struct now now)
{
    const struct session *s = map_get(m->sessions, (uint64_t)agent);
    return s != NULL && s->node != 0 && !s->closed &&
           now.mono.ms - s->heard.ms < m->options.unreachable_ms;
}

/* ---------------- registering */

/* The agent's row says the same already: nothing to commit. */
static bool known_as_is(struct master *m, const struct json *v, int64_t node,
                        const struct resources *r, int64_t *id_out)
{
    struct agent_row row;
    if (!state_agent_by_uid(m->state, json_int(json_get(v, "uid"), 0), &row) ||
        row.state == AGENT_UNREACHABLE || row.state == AGENT_GONE)
        return false;
    *id_out = row.id;
    return row.node == node && str_eq(row.hostname, json_str(json_get(v, "hostname"), "")) &&
           str_eq(row.address, json_str(json_get(v, "address"), "")) &&
           str_eq(row.boot, json_str(json_get(v, "boot"), "")) &&
           str_eq(row.version, json_str(json_get(v, "version"), "")) &&
           str_eq(row.docker, json_str(json_get(v, "docker"), "")) &&
           str_eq(row.docker_reason, json_str(json_get(v, "docker_reason"), "")) &&
           row.port == json_int(json_get(v, "port"), 0) && row.cpus_milli == r->cpus_milli &&
           row.mem_bytes == r->mem_bytes && row.disk_bytes == r->disk_bytes;
}

static void kill_message(struct session *s, int64_t task, int64_t grace_ms, const char *reason,
                         struct outbox *out)
{
    struct json_writer w;
    outbox_message(out, s->id, MESSAGE_KILL, &w);
    json_member_int(&w, "task", task);
    json_member_int(&w, "grace_ms", grace_ms);
    json_member_str(&w, "reason", reason);
    outbox_message_end(out, &w);
}

/* It runs what has ended here, or belongs elsewhere: a late order, an agent that was given up. */
static bool is_stranger(struct master *m, const struct session *s, int64_t task)
{
    struct task_row t;
    return !state_task_by_id(m->state, task, &t) || t.agent != s->id || task_ended(t.state);
}

/* What it runs and should not: tasks that have ended here, or were given to somebody else. */
static void end_strangers(struct master *m, struct session *s, const struct json *reported,
                          struct outbox *out)
{
    JSON_EACH (item, reported) {
        int64_t task = json_int(json_get(item, "task"), 0);
        if (is_stranger(m, s, task))
            kill_message(s, task, 0, "it was replaced while its agent was away", out);
    }
}

static void send_routes(struct master *m, int64_t agent, bool even_if_same, struct outbox *out);

static void welcome(struct master *m, int64_t id, int64_t uid, int64_t node,
                    const struct json *reported, struct now now, struct outbox *out)
{
    struct session *s = map_get(m->sessions, (uint64_t)id);
    if (s == NULL)
        s = session_new(m, id, uid, now);
    s->node = node;
    s->heard = now.mono;
    s->closed = false;
    s->pong = 0;
    struct json_writer w;
    outbox_message(out, id, MESSAGE_WELCOME, &w);
    json_member_int(&w, "id", id);
    json_member_int(&w, "term", (int64_t)m->term);
    outbox_message_end(out, &w);
    end_strangers(m, s, reported, out);
    send_routes(m, id, true, out);
    m->due = now.mono;
}

static struct json *copy_json(const struct json *v)
{
    struct buf text;
    struct json_writer w;
    struct error err;
    buf_init(&text, LIMIT_FRAME_BYTES);
    json_begin(&w, &text);
    json_put_value(&w, v);
    struct json *copy = json_parse_own(buf_slice(&text), &err);
    buf_close(&text);
    return copy;
}

static void propose_register(struct master *m, int64_t node, const struct json *v,
                             const struct resources *r, struct outbox *out)
{
    static const char *const texts[] = {"hostname", "address", "boot",
                                        "version",  "docker",  "docker_reason"};
    struct waiting *wait = NEW(struct waiting);
    wait->key = ++m->next_key;
    wait->uid = json_int(json_get(v, "uid"), 0);
    wait->node = node;
    wait->reported = copy_json(json_get(v, "tasks"));
    map_put(m->waiting, wait->key, wait);

    struct json_writer w;
    struct buf ports;
    buf_init(&ports, 2048);
    ports_text(&r->ports, &ports);
    struct slice inside = buf_slice(&ports); /* "[31000-32000]" */
    outbox_draft(out, COMMAND_AGENT_REGISTER, (struct origin){ORIGIN_MASTER, wait->key}, &w);
    json_member_int(&w, "uid", wait->uid);
    json_member_int(&w, "node", node);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        json_member_str(&w, texts[i], json_str(json_get(v, texts[i]), ""));
    json_member_int(&w, "port", json_int(json_get(v, "port"), 0));
    json_key(&w, "attributes");
    json_put_value(&w, json_get(v, "attributes"));
    json_key(&w, "ports");
    json_put_slice(&w, inside.len > 2 ? (struct slice){inside.p + 1, inside.len - 2} : SLICE(""));
    json_member_int(&w, "cpus_milli", r->cpus_milli);
    json_member_int(&w, "mem_bytes", r->mem_bytes);
    json_member_int(&w, "disk_bytes", r->disk_bytes);
    outbox_draft_end(out, &w);
    buf_close(&ports);
}

static void on_register(struct master *m, int64_t node, const struct json *v, struct now now,
                        struct outbox *out)
{
    struct resources r = {0};
    struct error err;
    unsigned named;
    int64_t id;
    if (resources_parse(json_str(json_get(v, "resources"), ""), &r, &named, &err) != 0)
        log_warn("agent refused", "node=%lld why=resources: %s", (long long)node, err.text);
    else if (known_as_is(m, v, node, &r, &id))
        welcome(m, id, json_int(json_get(v, "uid"), 0), node, json_get(v, "tasks"), now, out);
    else
        propose_register(m, node, v, &r, out);
    resources_close(&r);
}

/* ---------------- statuses */

static struct buf *acks_of(struct waiting *w, int64_t agent)
{
    for (size_t i = 0; i < w->n; i++)
        if (w->agents[i] == agent)
            return &w->bodies[i];
    w->agents = mem_realloc(w->agents, (w->n + 1) * sizeof w->agents[0]);
    w->bodies = mem_realloc(w->bodies, (w->n + 1) * sizeof w->bodies[0]);
    w->agents[w->n] = agent;
    buf_init(&w->bodies[w->n], LIMIT_FRAME_BYTES);
    return &w->bodies[w->n++];
}

/* Gathers them: all of a turn are one command, acknowledged when it is committed. */
static void on_status(struct master *m, struct session *s, const struct json *v, struct outbox *out)
{
    if (m->gathering == NULL)
        m->gathering = NEW(struct waiting);
    JSON_EACH (status, json_get(v, "statuses")) {
        struct json_writer w;
        enum task_state state;
        int64_t task = json_int(json_get(status, "task"), 0);
        if (task_state_parse(json_str(json_get(status, "state"), ""), &state) &&
            !task_ended(state) && is_stranger(m, s, task))
            kill_message(s, task, 0, "it was replaced", out);
        if (m->statuses.len > 0)
            buf_putc(&m->statuses, ',');
        json_begin(&w, &m->statuses);
        json_put_value(&w, status);
        struct buf *acks = acks_of(m->gathering, s->id);
        if (acks->len > 0)
            buf_putc(acks, ',');
        json_begin(&w, acks);
        json_object(&w);
        json_member_int(&w, "task", task);
        json_member_int(&w, "seq", json_int(json_get(status, "seq"), 0));
        json_object_end(&w);
    }
}

static void propose_statuses(struct master *m, struct outbox *out)
{
    struct json_writer w;
    struct waiting *wait = m->gathering;
    if (wait == NULL)
        return;
    m->gathering = NULL;
    wait->key = ++m->next_key;
    map_put(m->waiting, wait->key, wait);
    outbox_draft(out, COMMAND_TASK_UPDATE, (struct origin){ORIGIN_MASTER, wait->key}, &w);
    json_key(&w, "set");
    json_array(&w);
    json_put_raw(&w, buf_slice(&m->statuses));
    json_array_end(&w);
    outbox_draft_end(out, &w);
    buf_clear(&m->statuses);
}

static void acknowledge(const struct waiting *wait, struct outbox *out)
{
    for (size_t i = 0; i < wait->n; i++) {
        struct json_writer w;
        outbox_message(out, wait->agents[i], MESSAGE_ACK, &w);
        json_key(&w, "statuses");
        json_array(&w);
        json_put_raw(&w, buf_slice(&wait->bodies[i]));
        json_array_end(&w);
        outbox_message_end(out, &w);
    }
}

/* ---------------- messages and outcomes */

void master_message(struct master *m, int64_t node, enum message_kind kind, const struct json *body,
                    struct now now, struct outbox *out)
{
    if (kind == MESSAGE_REGISTER) {
        on_register(m, node, body, now, out);
        return;
    }
    struct session *s = session_by_uid(m, json_int(json_get(body, "uid"), 0));
    if (s == NULL || s->node != node) { /* one that was given up, or of an earlier leader */
        struct json_writer w;
        outbox_message(out, -2 - node, MESSAGE_AGAIN, &w);
        outbox_message_end(out, &w);
        return;
    }
    s->heard = now.mono;
    if (kind == MESSAGE_PONG)
        s->pong = json_int(json_get(body, "seq"), 0);
    else if (kind == MESSAGE_STATUS)
        on_status(m, s, body, out);
    else
        log_warn("message refused", "node=%lld why=a leader gets no %s", (long long)node,
                 message_word(kind));
}

void master_closed(struct master *m, int64_t node, struct now now, struct outbox *out)
{
    struct session *s;
    (void)out;
    for (size_t cursor = 0; (s = map_each(m->sessions, &cursor)) != NULL;) {
        if (s->node == node) {
            s->closed = true;
            s->heard = now.mono;
        }
    }
}

void master_outcome(struct master *m, uint64_t key, const struct outcome *o, struct now now,
                    struct outbox *out)
{
    if (key == 0) {
        m->liveness_in_flight = false;
        return;
    }
    struct waiting *wait = map_remove(m->waiting, key);
    if (wait == NULL)
        return; /* of an earlier leadership */
    if (o->code == ERR_NONE && wait->n > 0) {
        acknowledge(wait, out);
    } else if (o->code == ERR_NONE) {
        struct error err;
        struct json *detail = json_parse_own(buf_slice(&o->detail), &err);
        welcome(m, json_int(json_get(detail, "agent"), -1), wait->uid, wait->node, wait->reported,
                now, out);
        json_free(detail);
    }
    waiting_free(wait);
}

/* ---------------- orders */

void master_changed(struct master *m, const struct change *c)
{
    struct task_row t;
    if (!m->leading)
        return;
    if (c->kind == CHANGE_APP || c->kind == CHANGE_APP_GONE)
        routes_dirty(m->routes, c->id);
    if ((c->kind == CHANGE_TASK || c->kind == CHANGE_HEALTH) && c->of != NULL && c->of[0] == '/')
        routes_dirty(m->routes, c->owner);
    if (c->kind != CHANGE_TASK || (c->state != TASK_STAGING && c->state != TASK_KILLING))
        return;
    if (!state_task_by_id(m->state, c->id, &t))
        return;
    struct session *s = map_get(m->sessions, (uint64_t)t.agent);
    if (s != NULL)
        m->due = (struct mono){0};
}

static struct told *told_of(struct session *s, int64_t task)
{
    struct told *t = map_get(s->told, (uint64_t)task);
    if (t == NULL) {
        t = NEW(struct told);
        t->task = task;
        t->what = TASK_LOST; /* nothing yet */
        map_put(s->told, (uint64_t)task, t);
    }
    return t;
}

static void order_run(struct master *m, struct session *s, const struct task_row *t,
                      struct outbox *out)
{
    struct buf spec;
    struct json_writer w;
    buf_init(&spec, LIMIT_FRAME_BYTES);
    if (m->options.run_spec(m->state, t, &spec)) {
        outbox_message(out, s->id, MESSAGE_RUN, &w);
        json_member_int(&w, "pong", t->pong);
        json_member_raw(&w, "spec", buf_slice(&spec));
        outbox_message_end(out, &w);
    } else { /* what it was is gone: it must not stay as if it were to start */
        kill_message(s, t->id, 0, "its definition is gone", out);
    }
    buf_close(&spec);
}

static int64_t grace_of(struct master *m, const struct task_row *t)
{
    struct app app;
    struct error err;
    struct slice stored;
    if (t->owner != OWNER_APP)
        return 10000; /* spec/chronos.md 5.6 */
    stored = state_app_version(m->state, t->app, t->version);
    if (stored.len == 0 || app_load(stored, &app, &err) != 0)
        return 0;
    int64_t grace_ms = app.kill_grace_s != NOT_GIVEN ? app.kill_grace_s * 1000 : 0;
    app_close(&app);
    return grace_ms;
}

struct task_ids {
    int64_t *items;
    size_t n, cap;
};

static void tasks_to_order(struct master *m, int64_t agent, struct task_ids *ids)
{
    struct stmt *q = state_tasks_to_order(m->state, agent);
    while (stmt_row(q)) {
        if (ids->n == ids->cap) {
            ids->cap = ids->cap == 0 ? 64 : ids->cap * 2;
            ids->items = mem_realloc(ids->items, ids->cap * sizeof ids->items[0]);
        }
        ids->items[ids->n++] = stmt_i64(q, 0);
    }
}

static bool has_ports(const struct task_row *t)
{
    return t->owner == OWNER_APP && !str_eq(t->ports, "[]");
}

/* Tells an agent what it must run and end, and has not been told lately. */
static void look_at(struct master *m, struct session *s, struct now now, struct outbox *out)
{
    struct task_ids ids = {0};
    tasks_to_order(m, s->id, &ids);
    for (size_t i = 0; i < ids.n; i++) {
        struct task_row t;
        if (!state_task_by_id(m->state, ids.items[i], &t))
            continue;
        struct told *told = told_of(s, t.id);
        struct mono drained = mono_after(now.mono, t.killed.ms + DRAIN_MS - now.wall.ms);
        if (t.state == TASK_KILLING && has_ports(&t) && drained.ms > now.mono.ms &&
            drained.ms <= now.mono.ms + DRAIN_MS) { /* proxies stop sending to it first */
            m->due = mono_earlier(m->due, drained);
            continue;
        }
        if (told->what == t.state && now.mono.ms < told->again.ms) {
            m->due = mono_earlier(m->due, told->again);
            continue;
        }
        told->what = t.state;
        told->again =
            mono_after(now.mono, t.state == TASK_STAGING ? RUN_REPEAT_MS : KILL_REPEAT_MS);
        m->due = mono_earlier(m->due, told->again);
        if (t.state == TASK_STAGING)
            order_run(m, s, &t, out);
        else
            kill_message(s, t.id, grace_of(m, &t), t.kill_reason != NULL ? t.kill_reason : "", out);
    }
    if (ids.n == 0 && map_count(s->told) > 0) { /* all answered: start the memory anew */
        told_free(s);
        s->told = map_new();
    }
    mem_free(ids.items);
}

/* ---------------- liveness */

static int64_t silence_allowed(const struct master *m, const struct session *s)
{
    return s->closed || s->node == 0 ? CLOSED_MS : m->options.unreachable_ms;
}

/* Those that have been silent for too long; more than a third and at least three of them at once:
 * it is rather the leader that hears nothing (DESIGN 6). */
static void check_liveness(struct master *m, struct now now, struct outbox *out)
{
    struct session *s;
    size_t silent = 0, all = map_count(m->sessions);
    for (size_t cursor = 0; (s = map_each(m->sessions, &cursor)) != NULL;) {
        struct mono until = mono_after(s->heard, silence_allowed(m, s));
        silent += now.mono.ms >= until.ms;
        if (now.mono.ms < until.ms)
            m->due = mono_earlier(m->due, until);
    }
    if (silent == 0 || m->liveness_in_flight)
        return;
    if (silent >= 3 && silent * 3 > all) {
        if (m->suspect_until.ms == 0) {
            m->suspect_until = mono_after(now.mono, SUSPECT_MS);
            log_warn("many agents silent at once", "silent=%zu of=%zu waiting_ms=%d", silent, all,
                     SUSPECT_MS);
        }
        if (now.mono.ms < m->suspect_until.ms) {
            m->due = mono_earlier(m->due, m->suspect_until);
            return;
        }
    }
    m->suspect_until = (struct mono){0};
    m->liveness_in_flight = true;
    struct json_writer w;
    outbox_draft(out, COMMAND_AGENT_STATE, (struct origin){ORIGIN_MASTER, 0}, &w);
    json_key(&w, "set");
    json_array(&w);
    for (size_t cursor = 0; (s = map_each(m->sessions, &cursor)) != NULL;) {
        if (now.mono.ms - s->heard.ms < silence_allowed(m, s))
            continue;
        json_object(&w);
        json_member_int(&w, "agent", s->id);
        json_member_int(&w, "state", AGENT_UNREACHABLE);
        json_member_str(&w, "reason", "nothing heard from it");
        json_object_end(&w);
    }
    json_array_end(&w);
    outbox_draft_end(out, &w);
}

/* A session whose agent is unreachable is over: the agent registers again when it is back. */
static void drop_lost(struct master *m)
{
    struct session *s, *lost = NULL;
    struct agent_row row;
    for (size_t cursor = 0; (s = map_each(m->sessions, &cursor)) != NULL;)
        if (state_agent_by_id(m->state, s->id, &row) && row.state == AGENT_UNREACHABLE)
            lost = s;
    if (lost != NULL) {
        map_remove(m->sessions, (uint64_t)lost->id);
        told_free(lost);
        mem_free(lost);
    }
}

/* ---------------- routes */

/* To one agent, or to all of them when it is -1. */
static void send_routes(struct master *m, int64_t agent, bool even_if_same, struct outbox *out)
{
    struct buf routes;
    struct session *s;
    buf_init(&routes, LIMIT_FRAME_BYTES);
    int64_t revision;
    bool any = routes_list(m->routes, &routes, &revision) || even_if_same;
    for (size_t cursor = 0; any && (s = map_each(m->sessions, &cursor)) != NULL;) {
        struct json_writer w;
        if (s->node == 0 || (agent >= 0 && s->id != agent))
            continue;
        outbox_message(out, s->id, MESSAGE_ROUTES, &w);
        json_member_int(&w, "revision", revision);
        json_member_raw(&w, "routes", buf_slice(&routes));
        outbox_message_end(out, &w);
    }
    buf_close(&routes);
}

/* ---------------- the tick */

void master_tick(struct master *m, struct now now, struct outbox *out)
{
    struct session *s;
    propose_statuses(m, out);
    if (routes_are_dirty(m->routes) && now.mono.ms >= m->routes_due.ms) {
        m->routes_due = mono_after(now.mono, ROUTES_EVERY_MS);
        send_routes(m, -1, false, out);
    }
    if (now.mono.ms < m->due.ms)
        return;
    m->due = MONO_NEVER;
    drop_lost(m);
    check_liveness(m, now, out);
    for (size_t cursor = 0; (s = map_each(m->sessions, &cursor)) != NULL;)
        if (s->node != 0)
            look_at(m, s, now, out);
}

struct mono master_due(const struct master *m)
{
    if (m->gathering != NULL)
        return (struct mono){0};
    return routes_are_dirty(m->routes) ? mono_earlier(m->due, m->routes_due) : m->due;
}
