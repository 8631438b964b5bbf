#include "fleet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/pod.h"
#include "model/status.h"

#define SPIN_TURNS 50 /* in a row without anything to do: it waits by turning */

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
    struct fleet *f = LIST_ENTRY(w, struct fleet, watch);
    apps_changed(f->apps, c);
}

void fleet_command(struct fleet *f, enum command_kind kind, const char *args)
{
    struct command c = {.kind = kind, .at = f->now.wall, .by = "", .from = "", .rid = ""};
    struct error err;
    struct json *tree = parse_quoted(args);
    c.args = tree;
    outcome_close(&f->last);
    assert_int_equal(db_begin(f->db, DB_NORMAL, &err), 0);
    state_apply(f->state, ++f->index, f->term, &c, &f->last);
    assert_int_equal(db_commit(f->db, &err), 0);
    state_committed(f->state);
    json_free(tree);
}

static void apply(struct fleet *f, struct fleet_entry *e)
{
    struct json *root;
    struct error err;
    size_t i = 0;
    struct outcome *outcomes = mem_zalloc(e->n * sizeof *outcomes);
    assert_int_equal(command_entry_parse(buf_slice(&e->text), &root, &err), 0);
    assert_int_equal(db_begin(f->db, DB_NORMAL, &err), 0);
    f->index++;
    JSON_EACH (element, root) {
        struct command c;
        assert_int_equal(command_from_json(element, &c, &err), 0);
        state_apply(f->state, f->index, e->term, &c, &outcomes[i++]);
    }
    assert_int_equal(i, e->n);
    if (db_commit(f->db, &err) != 0)
        fail_msg("%s", err.text);
    state_committed(f->state);
    placement_settled(f->placement, e->proposed);
    for (i = 0; i < e->n; i++) {
        if (e->origins[i].kind == ORIGIN_APPS)
            apps_outcome(f->apps, e->origins[i].key, &outcomes[i], f->now, &f->out);
        outcome_close(&outcomes[i]);
    }
    mem_free(outcomes);
    json_free(root);
}

static void drop(struct fleet_entry *e)
{
    buf_close(&e->text);
    mem_free(e->origins);
}

/* What is in the outbox becomes an entry. */
static void propose(struct fleet *f)
{
    if (f->out.n == 0)
        return;
    assert_true(f->entries_n < COUNT(f->entries));
    struct fleet_entry *e = &f->entries[f->entries_n++];
    *e = (struct fleet_entry){.term = f->term, .proposed = placement_proposed(f->placement)};
    buf_init(&e->text, LIMIT_ENTRY_BYTES + 1024);
    e->origins = mem_zalloc(f->out.n * sizeof e->origins[0]);
    command_entry_begin(&e->text);
    for (size_t i = 0; i < f->out.n; i++) {
        assert_int_equal(f->out.items[i].kind, OUT_DRAFT);
        assert_false(buf_full(&f->out.items[i].draft.args));
        command_entry_add(&e->text, &f->out.items[i].draft, f->now.wall);
        e->origins[e->n++] = f->out.items[i].origin;
        f->drafts++;
    }
    command_entry_end(&e->text);
    outbox_close(&f->out);
    outbox_init(&f->out, f->term);
}

static void apply_all(struct fleet *f)
{
    struct fleet_entry entries[COUNT(f->entries)];
    size_t n = f->entries_n;
    memcpy(entries, f->entries, sizeof entries);
    f->entries_n = 0;
    for (size_t i = 0; i < n; i++) {
        apply(f, &entries[i]);
        drop(&entries[i]);
    }
}

void fleet_release(struct fleet *f)
{
    f->held = false;
    apply_all(f);
}

static const struct fleet_agent *agent_of(const struct fleet *f, int64_t id)
{
    for (size_t i = 0; i < f->agents_n; i++)
        if (f->agents[i].id == id)
            return &f->agents[i];
    return NULL;
}

static int64_t silence_of(const void *fleet, int64_t agent)
{
    return agent_of(fleet, agent)->cut ? 0 : -1;
}

static struct placement *new_placement(struct fleet *f)
{
    return placement_new(f->state, (struct hearing){silence_of, f});
}

/* ---- beginning and ending */

void fleet_open(struct fleet *f)
{
    struct error err;
    const struct db_options options = {.fail_stop = true};
    *f = (struct fleet){.term = 1, .now = {{1000000}, {INT64_C(1767225600000)}}};
    rng_seed(&f->rng, 7);
    assert_int_equal(db_open(":memory:", &options, &f->db, &err), 0);
    assert_int_equal(state_open(f->db, false, &f->state, &err), 0);
    outbox_init(&f->out, f->term);
    f->tasks = map_new();
    f->apps = apps_new(f->state, &f->rng);
    f->placement = new_placement(f);
    f->watch.changed = on_change;
    state_watch(f->state, &f->watch);
    fleet_command(f, COMMAND_SCHEMA_UPGRADE, "{'level':1}");
    apps_lead(f->apps, true, f->now, &f->out);
}

void fleet_close(struct fleet *f)
{
    struct fleet_task *t;
    for (size_t cursor = 0; (t = map_each(f->tasks, &cursor)) != NULL;)
        mem_free(t);
    for (size_t i = 0; i < f->entries_n; i++)
        drop(&f->entries[i]);
    map_free(f->tasks);
    outcome_close(&f->last);
    outbox_close(&f->out);
    apps_free(f->apps);
    placement_free(f->placement);
    state_close(f->state);
    db_close(f->db);
}

void fleet_new_leader(struct fleet *f)
{
    f->term++;
    for (size_t i = 0; i < f->entries_n; i++)
        f->entries[i].proposed = 0;
    placement_free(f->placement);
    f->placement = new_placement(f);
    outbox_close(&f->out);
    outbox_init(&f->out, f->term);
    apps_lead(f->apps, false, f->now, &f->out);
    apps_lead(f->apps, true, f->now, &f->out);
}

/* ---- agents */

static const struct json *member(const struct json *over, const struct json *plain,
                                 const char *name)
{
    const struct json *v = json_get(over, name);
    return v != NULL ? v : json_get(plain, name);
}

int64_t fleet_agent(struct fleet *f, const char *hostname, const char *members)
{
    static const char *const names[] = {"address",    "port",          "boot",       "version",
                                        "docker",     "docker_reason", "attributes", "ports",
                                        "cpus_milli", "mem_bytes",     "disk_bytes"};
    struct agent_row row;
    struct fleet_agent *a = &f->agents[f->agents_n];
    struct json
        *over = parse_quoted(members),
        *plain = parse_quoted(
            "{'address':'127.0.0.1','port':5051,'boot':'b','version':'1','docker':'24','docker_"
            "reason':"
            "'','attributes':{},'ports':'31000-32000','cpus_milli':64000,'mem_bytes':68719476736,"
            "'disk_bytes':68719476736}");
    struct buf args;
    struct json_writer w;
    *a = (struct fleet_agent){.uid = 100 + (int64_t)f->agents_n++};
    buf_init(&args, 16384);
    json_begin(&w, &args);
    json_object(&w);
    json_member_int(&w, "uid", a->uid);
    json_member_int(&w, "node", json_int(json_get(over, "node"), 1));
    json_member_str(&w, "hostname", hostname);
    for (size_t i = 0; i < COUNT(names); i++) {
        json_key(&w, names[i]);
        json_put_value(&w, member(over, plain, names[i]));
    }
    json_object_end(&w);
    fleet_command(f, COMMAND_AGENT_REGISTER, buf_str(&args));
    assert_int_equal(f->last.code, ERR_NONE);
    assert_true(state_agent_by_uid(f->state, a->uid, &row));
    a->id = row.id;
    buf_close(&args);
    json_free(over);
    json_free(plain);
    return a->id;
}

static void set_agent(struct fleet *f, const struct fleet_agent *a, enum agent_state state)
{
    char args[128];
    snprintf(args, sizeof args, "{'set':[{'agent':%lld,'state':%d}]}", (long long)a->id, state);
    fleet_command(f, COMMAND_AGENT_STATE, args);
}

void fleet_cut(struct fleet *f, size_t agent)
{
    f->agents[agent].cut = true;
    set_agent(f, &f->agents[agent], AGENT_UNREACHABLE);
}

static void report_all(struct fleet *f, struct fleet_task *t, enum task_state state, int health,
                       struct slice readiness)
{
    struct json_writer w;
    const struct status st = {.task = t->id,
                              .seq = ++t->seq,
                              .state = state,
                              .at = f->now.wall,
                              .health = health,
                              .health_raw = health != 0 ? SLICE("[]") : SLICE(""),
                              .readiness_raw = readiness,
                              .message = state == TASK_FINISHED ? "exited with status 0"
                                         : state != TASK_FAILED ? NULL
                                         : t->said != NULL      ? t->said
                                                                : "exited with status 1"};
    struct buf text;
    buf_init(&text, 4096);
    buf_puts(&text, "{\"set\":[");
    json_begin(&w, &text);
    status_write(&st, &w);
    buf_puts(&text, "]}");
    fleet_command(f, COMMAND_TASK_UPDATE, buf_str(&text));
    buf_close(&text);
}

static void report(struct fleet *f, struct fleet_task *t, enum task_state state, int health)
{
    report_all(f, t, state, health, SLICE(""));
}

void fleet_readiness(struct fleet *f, int64_t task, bool ready)
{
    struct fleet_task *t = map_get(f->tasks, (uint64_t)task);
    assert_non_null(t);
    report_all(f, t, TASK_RUNNING, 0,
               ready ? SLICE("[{\"name\":\"up\",\"ready\":true,\"said\":\"HTTP 200\"}]")
                     : SLICE("[{\"name\":\"up\",\"ready\":false,\"said\":\"HTTP 503\"}]"));
}

void fleet_upgrade(struct fleet *f)
{
    char args[32];
    snprintf(args, sizeof args, "{'level':%d}", COMMAND_LEVEL);
    fleet_command(f, COMMAND_SCHEMA_UPGRADE, args);
}

void fleet_status(struct fleet *f, int64_t task, enum task_state state)
{
    struct fleet_task *t = map_get(f->tasks, (uint64_t)task);
    assert_non_null(t);
    t->ended = task_ended(state);
    report(f, t, state, 0);
}

void fleet_fails(struct fleet *f, int64_t task, const char *said)
{
    struct fleet_task *t = map_get(f->tasks, (uint64_t)task);
    assert_non_null(t);
    t->said = said;
    fleet_status(f, task, TASK_FAILED);
}

void fleet_health(struct fleet *f, int64_t task, int health)
{
    struct fleet_task *t = map_get(f->tasks, (uint64_t)task);
    assert_non_null(t);
    report(f, t, TASK_RUNNING, health);
}

int64_t fleet_place(struct fleet *f, const char *path, int64_t agent)
{
    char args[256];
    struct task_row t;
    struct app_row app = fleet_app(f, path);
    int64_t newest = 0;
    snprintf(args, sizeof args,
             "{'instances':[{'app':%lld,'config':%lld,'cap':99,'salt':5,'agent':%lld,'ports':[],"
             "'cpus':100,'mem':1,'disk':0}]}",
             (long long)app.id, (long long)app.config.ms, (long long)agent);
    fleet_command(f, COMMAND_TASK_LAUNCH, args);
    struct stmt *q = state_tasks_of_app(f->state, app.id);
    while (state_task_next(q, &t))
        newest = t.id;
    return newest;
}

void fleet_heal(struct fleet *f, size_t agent)
{
    struct fleet_task *t;
    struct task_row row;
    f->agents[agent].cut = false;
    set_agent(f, &f->agents[agent], AGENT_READY);
    for (size_t cursor = 0; (t = map_each(f->tasks, &cursor)) != NULL;) {
        if (t->agent != f->agents[agent].id)
            continue;
        if (!state_task_by_id(f->state, t->id, &row) || task_ended(row.state))
            t->ended = true; /* it was given up, so it is killed */
        else if (t->started && !t->ended)
            report(f, t, TASK_RUNNING, 0);
    }
}

static int64_t after(const struct fleet *f, int64_t ms)
{
    return f->now.mono.ms + ms;
}

/* "stays 500" in "sick stays 500"; `otherwise` if the word is not there. */
static int64_t word_ms(const char *cmd, const char *word, int64_t otherwise)
{
    const char *at = strstr(cmd, word);
    return at != NULL ? atoll(at + strlen(word)) : otherwise;
}

/* An app's command, or a container's. */
static const char *command_of(const struct app *app, const struct task_row *row)
{
    const char *cmd =
        app->pod != NULL ? pod_container_of(app->pod, row->name)->exec->command.shell : app->cmd;
    return cmd != NULL ? cmd : "ok";
}

static void take_order(struct fleet *f, const struct task_row *row)
{
    struct app app;
    struct error err;
    struct fleet_task *t = NEW(struct fleet_task);
    assert_int_equal(app_load(state_app_version(f->state, row->app, row->version), &app, &err), 0);
    const char *cmd = command_of(&app, row);
    *t = (struct fleet_task){.id = row->id,
                             .agent = row->agent,
                             .sick = strstr(cmd, "sick") != NULL,
                             .start_at = after(f, word_ms(cmd, "slow ", FLEET_START_MS)),
                             .health_at = INT64_MAX,
                             .end_at = INT64_MAX,
                             .stays_ms = word_ms(cmd, "stays ", FLEET_END_MS)};
    if (strstr(cmd, "hangs") != NULL)
        t->start_at = INT64_MAX;
    if (app_task_has_check(&app, row->name) && t->start_at != INT64_MAX)
        t->health_at = t->start_at + FLEET_HEALTH_MS;
    if (strstr(cmd, "fails ") != NULL)
        t->end_at = t->start_at + word_ms(cmd, "fails ", 0);
    t->well = strstr(cmd, "ends ") != NULL;
    if (t->well)
        t->end_at = t->start_at + word_ms(cmd, "ends ", 0);
    map_put(f->tasks, (uint64_t)t->id, t);
    app_close(&app);
}

static void live_on(struct fleet *f, struct fleet_task *t)
{
    int64_t now = f->now.mono.ms;
    if (agent_of(f, t->agent)->cut || t->ended)
        return;
    if (!t->started && !t->killed && now >= t->start_at) {
        t->started = true;
        report(f, t, TASK_RUNNING, 0);
    }
    if (t->started && !t->checked && now >= t->health_at) {
        t->checked = true;
        report(f, t, TASK_RUNNING, t->sick ? 2 : 1);
    }
    if (now >= t->end_at) {
        t->ended = true;
        report(f, t, t->killed ? TASK_KILLED : t->well ? TASK_FINISHED : TASK_FAILED, 0);
    }
}

static void agents_turn(struct fleet *f)
{
    int64_t ids[4096];
    size_t n = 0;
    struct task_row row;
    struct stmt *q = state_tasks(f->state);
    while (state_task_next(q, &row)) {
        assert_true(n < COUNT(ids));
        ids[n++] = row.id;
    }
    for (size_t i = 0; i < n; i++) {
        struct fleet_task *t = map_get(f->tasks, (uint64_t)ids[i]);
        assert_true(state_task_by_id(f->state, ids[i], &row));
        if (agent_of(f, row.agent)->cut)
            continue;
        if (t == NULL)
            take_order(f, &row);
        t = map_get(f->tasks, (uint64_t)ids[i]);
        if (row.state == TASK_KILLING && !t->killed) {
            t->killed = true;
            t->end_at = after(f, t->stays_ms);
        }
        live_on(f, t);
    }
}

static int64_t agents_due(struct fleet *f)
{
    int64_t due = INT64_MAX;
    struct fleet_task *t;
    for (size_t cursor = 0; (t = map_each(f->tasks, &cursor)) != NULL;) {
        if (t->ended || agent_of(f, t->agent)->cut)
            continue;
        int64_t at[] = {t->started ? INT64_MAX : t->start_at, t->checked ? INT64_MAX : t->health_at,
                        t->end_at};
        for (size_t i = 0; i < COUNT(at); i++)
            due = at[i] < due ? at[i] : due;
    }
    return due;
}

/* ---- turns */

static void note_most(struct fleet *f)
{
    struct app_row row;
    struct stmt *q = state_apps(f->state, "", "", INT64_MAX);
    while (state_app_next(q, &row))
        if (row.counts.live > f->most)
            f->most = row.counts.live;
}

void fleet_turn(struct fleet *f)
{
    f->turns++;
    agents_turn(f);
    placement_turn(f->placement);
    apps_tick(f->apps, f->placement, f->now, &f->out);
    propose(f);
    if (!f->held)
        apply_all(f);
    note_most(f);
}

void fleet_run_ms(struct fleet *f, int64_t ms)
{
    int64_t until = after(f, ms);
    for (int idle = 0; f->now.mono.ms < until;) {
        int64_t before = f->drafts, turn_at = f->now.mono.ms;
        fleet_turn(f);
        int64_t due = apps_due(f->apps).ms, agents = agents_due(f);
        due = due < agents ? due : agents;
        due = due < until ? due : until;
        if (due > f->now.mono.ms) {
            f->now.wall.ms += due - f->now.mono.ms;
            f->now.mono.ms = due;
        }
        idle = f->now.mono.ms > turn_at || f->drafts > before ? 0 : idle + 1;
        if (idle > SPIN_TURNS)
            fail_msg("it spins at %lld ms", (long long)f->now.mono.ms);
    }
    fleet_turn(f);
}

/* ---- wishes */

static void write_action(struct json_writer *w, const char *action, const char *path)
{
    json_object(w);
    json_key(w, "actions");
    json_array(w);
    json_object(w);
    json_member_str(w, "action", action);
    json_member_str(w, "app", path);
    json_object_end(w);
    json_array_end(w);
    json_object_end(w);
}

/* The step that leads from what is there to the new definition (spec/marathon.md 8.3). */
static const char *action_of(const struct app *old, const struct app *new, bool restart)
{
    if (old == NULL || new->instances == 0)
        return "ScaleApplication";
    return restart || app_compare(old, new) == APP_CHANGED ? "RestartApplication"
                                                           : "ScaleApplication";
}

static bool port_taken(void *data, int64_t port)
{
    return state_service_port_taken(data, port);
}

/* Of the service ports that it leaves open, those that it had: else it would have changed. */
static void assign_ports(struct fleet *f, struct app *new, const struct app *old)
{
    struct error err;
    const struct service_ports range = {
        .data = f->state, .taken = port_taken, .min = SERVICE_PORT_MIN, .max = SERVICE_PORT_MAX};
    assert_int_equal(app_assign_service_ports(new, old, &range, &err), 0);
}

struct wish {
    struct app new;
    int64_t base;
    const char *action;
};

static void read_wish(struct fleet *f, const char *body, struct wish *out)
{
    const struct app_rules rules = {0};
    struct problems problems = {0};
    struct error err;
    struct app_row row;
    struct app old;
    struct json *v = parse_quoted(body);
    *out = (struct wish){0};
    int rc = json_get(v, "containers") != NULL
                 ? pod_parse(&rules, v, "/", NULL, &out->new, &problems)
                 : app_parse(&rules, v, NULL, "/", NULL, &out->new, &problems);
    if (rc != 0)
        fail_msg("%s: %s %s", body, problems.items[0].path, problems.items[0].text);
    json_free(v);
    bool known = state_app_by_path(f->state, out->new.id, &row);
    if (known) {
        out->base = row.version.ms;
        assert_int_equal(app_load(row.definition, &old, &err), 0);
    }
    assign_ports(f, &out->new, known ? &old : NULL);
    out->action = action_of(known ? &old : NULL, &out->new, false);
    if (known)
        app_close(&old);
}

static void begin_put(struct fleet *f, bool force, struct buf *args, struct json_writer *w)
{
    char uuid[UUID_TEXT_SIZE];
    buf_init(args, LIMIT_ENTRY_BYTES);
    json_begin(w, args);
    json_object(w);
    json_member_bool(w, "force", force);
    json_key(w, "deployment");
    json_object(w);
    json_member_str(w, "uuid", uuid_text(rng_uuid(&f->rng), uuid));
    json_key(w, "steps");
    json_array(w);
}

static void end_put(struct fleet *f, struct buf *args, struct json_writer *w)
{
    json_array_end(w);
    json_object_end(w);
    fleet_command(f, COMMAND_APP_PUT, buf_str(args));
    buf_close(args);
}

static void end_steps(struct json_writer *w)
{
    json_array_end(w);
    json_object_end(w);
    json_key(w, "apps");
    json_array(w);
}

static void write_app(struct json_writer *w, const char *path, int64_t base, const struct app *app,
                      bool restart)
{
    json_object(w);
    json_member_str(w, "path", path);
    json_member_int(w, "base", base);
    json_member_bool(w, "restart", restart);
    if (app != NULL) {
        json_key(w, "definition");
        app_write(app, w);
    }
    json_object_end(w);
}

static void put(struct fleet *f, const char *const *bodies, size_t n, bool force)
{
    struct wish wishes[8];
    struct buf args;
    struct json_writer w;
    assert_true(n <= COUNT(wishes));
    begin_put(f, force, &args, &w);
    for (size_t i = 0; i < n; i++) {
        read_wish(f, bodies[i], &wishes[i]);
        write_action(&w, wishes[i].action, wishes[i].new.id);
    }
    end_steps(&w);
    for (size_t i = 0; i < n; i++) {
        write_app(&w, wishes[i].new.id, wishes[i].base, &wishes[i].new, false);
        app_close(&wishes[i].new);
    }
    end_put(f, &args, &w);
}

static void expect_done(const struct fleet *f)
{
    assert_string_equal(f->last.text, "");
    assert_int_equal(f->last.code, ERR_NONE);
}

void fleet_put(struct fleet *f, const char *body)
{
    put(f, &body, 1, false);
    expect_done(f);
}

void fleet_force(struct fleet *f, const char *body)
{
    put(f, &body, 1, true);
    expect_done(f);
}

void fleet_put_in_steps(struct fleet *f, const char *const *bodies, size_t n)
{
    put(f, bodies, n, false);
    expect_done(f);
}

void fleet_restart(struct fleet *f, const char *path)
{
    struct app_row row = fleet_app(f, path);
    struct app app;
    struct error err;
    struct buf args;
    struct json_writer w;
    assert_int_equal(app_load(row.definition, &app, &err), 0);
    begin_put(f, false, &args, &w);
    write_action(&w, "RestartApplication", path);
    end_steps(&w);
    write_app(&w, path, row.version.ms, &app, true);
    end_put(f, &args, &w);
    app_close(&app);
    expect_done(f);
}

void fleet_delete(struct fleet *f, const char *path)
{
    struct buf args;
    struct json_writer w;
    int64_t base = fleet_app(f, path).version.ms;
    begin_put(f, true, &args, &w);
    write_action(&w, "StopApplication", path);
    end_steps(&w);
    write_app(&w, path, base, NULL, false);
    end_put(f, &args, &w);
    expect_done(f);
}

/* ---- looking */

struct app_row fleet_app(struct fleet *f, const char *path)
{
    struct app_row row;
    assert_true(state_app_by_path(f->state, path, &row));
    return row;
}

bool fleet_deploying(struct fleet *f)
{
    return state_deployments_count(f->state) > 0;
}

size_t fleet_tasks(struct fleet *f, const char *path, int64_t ids[static 64])
{
    struct task_row t;
    size_t n = 0;
    struct stmt *q = state_tasks_of_app(f->state, fleet_app(f, path).id);
    while (state_task_next(q, &t)) {
        assert_true(n < 64);
        ids[n++] = t.id;
    }
    return n;
}

struct task_row fleet_task(struct fleet *f, int64_t id)
{
    struct task_row t;
    assert_true(state_task_by_id(f->state, id, &t));
    return t;
}

const char *fleet_list(struct fleet *f, const char *path)
{
    static const char *const health[] = {"", " healthy", " unhealthy"};
    int counts[2][TASK_STATES][3] = {0};
    struct app_row row = fleet_app(f, path);
    struct task_row t;
    struct stmt *q = state_tasks_of_app(f->state, row.id);
    while (state_task_next(q, &t))
        counts[t.version.ms < row.config.ms][t.state][t.health]++;
    size_t len = 0;
    f->text[0] = '\0';
    for (int old = 0; old < 2; old++) {
        const char *sep = old ? (len > 0 ? "; old " : "old ") : "";
        for (int s = 0; s < TASK_STATES; s++) {
            for (int h = 0; h < 3; h++) {
                if (counts[old][s][h] == 0)
                    continue;
                len += (size_t)snprintf(f->text + len, sizeof f->text - len, "%s%d %s%s", sep,
                                        counts[old][s][h], task_state_word((enum task_state)s),
                                        health[h]);
                sep = ", ";
            }
        }
    }
    return f->text;
}

const char *fleet_hosts(struct fleet *f, const char *path)
{
    struct task_row t;
    struct agent_row a;
    size_t len = 0;
    f->text[0] = '\0';
    struct stmt *q = state_tasks_of_app(f->state, fleet_app(f, path).id);
    while (state_task_next(q, &t)) {
        assert_true(state_agent_by_id(f->state, t.agent, &a));
        len += (size_t)snprintf(f->text + len, sizeof f->text - len, "%s%s", len > 0 ? " " : "",
                                a.hostname);
    }
    return f->text;
}

struct run_spec fleet_spec(struct fleet *f, int64_t task)
{
    struct buf text;
    struct error err;
    struct run_spec spec;
    struct task_row t = fleet_task(f, task);
    buf_init(&text, 1 << 20);
    assert_true(apps_run_spec(f->state, &t, &text));
    struct json *v = json_parse_own(buf_slice(&text), &err);
    assert_int_equal(run_spec_read(v, &spec, &err), 0);
    json_free(v);
    buf_close(&text);
    return spec;
}
