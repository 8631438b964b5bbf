#include "scheduler/apps/apps.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"

#define LAUNCHES_AN_APP 500  /* in one turn, so that a large app does not starve the others */
#define LAUNCHES_A_TURN 2000 /* of all apps */
#define WAITING_RETRY_MS 50  /* how soon waiting apps are looked at again after something ended */
#define WAITING_LOOK_MS 1000 /* and although nothing did: an agent may have been away */
#define LAUNCH_TIMEOUT_MS 300000 /* task_launch_timeout (spec/marathon.md 9.3) */

/* What the mind remembers of an app or a deployment; all of it can be forgotten at any time. */
struct entry {
    int64_t id;
    bool dirty;      /* to be looked at in the next tick */
    bool waiting;    /* the last look found no place for an instance */
    bool over;       /* it is not in the state any more */
    unsigned marks;  /* commands in flight that concern it: not looked at until their outcome */
    struct mono due; /* to be looked at then although nothing happens */
};

/* The ids that one command in flight has marked. */
struct batch {
    uint64_t key;
    struct entry **marked;
    size_t n, cap;
};

struct apps {
    struct state *state;
    struct rng *rng;
    bool leading;
    struct map *entries;     /* app id -> struct entry */
    struct map *deployments; /* deployment id -> struct entry */
    struct map *batches;     /* key -> struct batch */
    uint64_t next_key;
    bool any_dirty;
    bool retry_waiting; /* something ended: waiting apps may find a place now */
    struct mono due;
};

struct apps *apps_new(struct state *state, struct rng *rng)
{
    struct apps *a = NEW(struct apps);
    a->state = state;
    a->rng = rng;
    a->entries = map_new();
    a->deployments = map_new();
    a->batches = map_new();
    a->due = MONO_NEVER;
    return a;
}

static void free_all(struct map *m)
{
    void *value;
    for (size_t cursor = 0; (value = map_each(m, &cursor)) != NULL;)
        mem_free(value);
    map_free(m);
}

static void forget(struct apps *a)
{
    struct batch *b;
    for (size_t cursor = 0; (b = map_each(a->batches, &cursor)) != NULL;)
        mem_free(b->marked);
    free_all(a->batches);
    free_all(a->entries);
    free_all(a->deployments);
}

void apps_free(struct apps *a)
{
    if (a == NULL)
        return;
    forget(a);
    mem_free(a);
}

/* ---- what to look at */

static struct entry *entry(struct map *m, int64_t id)
{
    struct entry *e = map_get(m, (uint64_t)id);
    if (e == NULL) {
        e = NEW(struct entry);
        e->id = id;
        e->due = MONO_NEVER;
        map_put(m, (uint64_t)id, e);
    }
    return e;
}

static void dirty(struct apps *a, struct map *m, int64_t id)
{
    if (a->leading && id != 0) {
        entry(m, id)->dirty = true;
        a->any_dirty = true;
    }
}

static void dirty_path(struct apps *a, const char *path)
{
    struct app_row row;
    if (state_app_by_path(a->state, path, &row))
        dirty(a, a->entries, row.id);
}

static void dirty_gone(struct apps *a)
{
    struct app_row row;
    struct stmt *q = state_apps_gone(a->state);
    while (state_app_next(q, &row))
        dirty(a, a->entries, row.id);
}

/* All apps that a plan's steps name. */
static void dirty_plan(struct apps *a, const char *plan)
{
    struct error err;
    struct json *root = json_parse_own(slice_of(plan), &err);
    JSON_EACH (step, json_get(root, "steps"))
        JSON_EACH (action, json_get(step, "actions"))
            dirty_path(a, json_str(json_get(action, "app"), ""));
    json_free(root);
    dirty_gone(a);
}

static void dirty_app(struct apps *a, int64_t id)
{
    struct app_row row;
    dirty(a, a->entries, id);
    if (state_app_by_id(a->state, id, &row))
        dirty(a, a->deployments, row.deployment);
}

void apps_changed(struct apps *a, const struct change *c)
{
    if (!a->leading)
        return;
    switch (c->kind) {
    case CHANGE_APP:
        dirty_app(a, c->id);
        break;
    case CHANGE_APP_GONE:
        a->any_dirty = true;
        break;
    case CHANGE_DEPLOYMENT_BEGIN:
    case CHANGE_DEPLOYMENT_STEP:
        dirty(a, a->deployments, c->id);
        dirty_plan(a, c->more);
        break;
    case CHANGE_DEPLOYMENT_END:
        dirty_plan(a, c->more);
        break;
    case CHANGE_TASK:
    case CHANGE_HEALTH:
        if (c->kind == CHANGE_TASK && task_ended((enum task_state)c->state))
            a->retry_waiting = true;
        dirty_app(a, c->owner);
        break;
    case CHANGE_AGENT:
        a->retry_waiting = true;
        break;
    case CHANGE_JOB:
    case CHANGE_JOB_GONE:
    case CHANGE_RUN:
    case CHANGE_NODE:
        break;
    }
}

void apps_lead(struct apps *a, bool leading, struct now now, struct outbox *out)
{
    (void)now;
    (void)out;
    forget(a);
    a->entries = map_new();
    a->deployments = map_new();
    a->batches = map_new();
    a->leading = leading;
    a->due = MONO_NEVER;
    if (!leading)
        return;
    struct app_row app;
    struct stmt *q = state_apps(a->state, "", "", INT64_MAX);
    while (state_app_next(q, &app))
        dirty(a, a->entries, app.id);
    dirty_gone(a);
    struct deployment_row d;
    q = state_deployments(a->state);
    while (state_deployment_next(q, &d))
        dirty(a, a->deployments, d.id);
}

/* ---- marks */

static void mark(struct batch *b, struct entry *e)
{
    if (b->n == b->cap) {
        b->cap = b->cap == 0 ? 16 : b->cap * 2;
        b->marked = mem_realloc(b->marked, b->cap * sizeof b->marked[0]);
    }
    b->marked[b->n++] = e;
    e->marks++;
}

/* Proposes what was gathered, if anything was: `items` hold the elements of one array. */
static void propose(struct apps *a, struct outbox *out, enum command_kind kind, const char *name,
                    struct buf *items, struct batch *b)
{
    if (items->len > 0) {
        struct json_writer w;
        b->key = ++a->next_key;
        outbox_draft(out, kind, (struct origin){ORIGIN_APPS, b->key}, &w);
        json_key(&w, name);
        json_array(&w);
        json_put_raw(&w, buf_slice(items)); /* elements, already with their commas */
        json_array_end(&w);
        outbox_draft_end(out, &w);
        map_put(a->batches, b->key, b);
    } else {
        ASSERT(b->n == 0);
        mem_free(b);
    }
    buf_close(items);
}

void apps_outcome(struct apps *a, uint64_t key, const struct outcome *o, struct now now,
                  struct outbox *out)
{
    (void)o; /* done or refused, the next look tells */
    (void)now;
    (void)out;
    struct batch *b = map_remove(a->batches, key);
    if (b == NULL)
        return; /* of an earlier leadership */
    for (size_t i = 0; i < b->n; i++) {
        b->marked[i]->marks--;
        b->marked[i]->dirty = true;
    }
    a->any_dirty = true;
    mem_free(b->marked);
    mem_free(b);
}

/* ---- one look at one app */

struct look { /* what one tick gathers */
    struct apps *a;
    struct placement *placement;
    struct now now;
    struct buf launches, kills, forgets, steps;
    struct batch *launched, *killed, *forgotten, *stepped;
    int64_t launches_left;
};

/* The tasks of one app, sorted out. */
struct tasks {
    struct task_view {
        int64_t id, since; /* staged or started */
        enum task_state state;
        bool stopping, old, healthy, ready, unhealthy;
    } * items;
    size_t n, cap;
};

static bool considered_healthy(const struct app *app, const struct task_row *t)
{
    if (app->health_checks.n > 0)
        return t->health == 1;
    return t->state == TASK_RUNNING;
}

static void gather(struct apps *a, const struct app_row *row, const struct app *app,
                   struct tasks *out)
{
    struct task_row t;
    *out = (struct tasks){0};
    struct stmt *q = state_tasks_of_app(a->state, row->id);
    while (state_task_next(q, &t)) {
        if (out->n == out->cap) {
            out->cap = out->cap == 0 ? 16 : out->cap * 2;
            out->items = mem_realloc(out->items, out->cap * sizeof out->items[0]);
        }
        bool healthy = considered_healthy(app, &t);
        out->items[out->n++] = (struct task_view){
            .id = t.id,
            .since = t.started.ms != 0 ? t.started.ms : t.staged.ms,
            .state = t.state,
            .stopping = t.stopping,
            .old = t.version.ms < row->config.ms,
            .healthy = healthy,
            .ready = healthy && t.ready && t.state == TASK_RUNNING,
            .unhealthy = t.health == 2,
        };
    }
}

static void look_again(struct look *l, struct entry *e, int64_t in_ms)
{
    struct mono at = mono_after(l->now.mono, in_ms > 0 ? in_ms : 1);
    e->due = mono_earlier(e->due, at);
}

static void element(struct buf *items)
{
    if (items->len > 0)
        buf_putc(items, ',');
}

static void kill_task(struct look *l, struct entry *e, int64_t task, const char *reason)
{
    struct json_writer w;
    element(&l->kills);
    json_begin(&w, &l->kills);
    json_object(&w);
    json_member_int(&w, "task", task);
    json_member_str(&w, "reason", reason);
    json_object_end(&w);
    mark(l->killed, e);
}

/* Who dies first (spec/marathon.md 8.4): what is least along, then by age. */
static int weight(const struct task_view *t)
{
    switch (t->state) {
    case TASK_UNREACHABLE:
        return 1;
    case TASK_STAGING:
        return 2;
    case TASK_STARTING:
        return 3;
    case TASK_RUNNING:
        return 4;
    default:
        return 5;
    }
}

static int by_weight(const struct task_view *x, const struct task_view *y, bool youngest_first)
{
    if (x->unhealthy != y->unhealthy)
        return x->unhealthy ? -1 : 1;
    if (weight(x) != weight(y))
        return weight(x) - weight(y);
    if (x->since != y->since)
        return (x->since < y->since) == youngest_first ? 1 : -1;
    return (x->id < y->id) == youngest_first ? 1 : -1;
}

static int youngest_first(const void *x, const void *y)
{
    return by_weight(x, y, true);
}

static int oldest_first(const void *x, const void *y)
{
    return by_weight(x, y, false);
}

enum which { OLD_ONES, NEW_ONES, ALL_ONES };

static void kill_some(struct look *l, struct entry *e, const struct app *app, struct tasks *tasks,
                      enum which which, int64_t n, const char *reason)
{
    qsort(tasks->items, tasks->n, sizeof tasks->items[0],
          app->kill_selection == KILL_OLDEST_FIRST ? oldest_first : youngest_first);
    for (size_t i = 0; i < tasks->n && n > 0; i++) {
        const struct task_view *t = &tasks->items[i];
        bool chosen = which == ALL_ONES || t->old == (which == OLD_ONES);
        if (chosen && !t->stopping) {
            kill_task(l, e, t->id, reason);
            n--;
        }
    }
}

static void write_launch(struct look *l, const struct app_row *row, const struct app *app,
                         const struct demand *d, const struct place *at, int64_t cap)
{
    struct json_writer w;
    element(&l->launches);
    json_begin(&w, &l->launches);
    json_object(&w);
    json_member_int(&w, "app", row->id);
    json_member_int(&w, "config", row->config.ms);
    json_member_int(&w, "cap", cap);
    json_member_int(&w, "salt", (int64_t)(rng_next(l->a->rng) >> 1));
    json_member_int(&w, "agent", at->agent);
    json_member_int(&w, "cpus", d->needs.cpus_milli);
    json_member_int(&w, "mem", d->needs.mem_bytes);
    json_member_int(&w, "disk", d->needs.disk_bytes);
    json_key(&w, "ports");
    json_array(&w);
    size_t any = at->ports_n - d->any_ports; /* the exact ones come first in `at` */
    for (size_t i = 0; i < app_port_count(app); i++) {
        struct app_port_view p = app_port(app, i);
        if (p.host_port == 0)
            json_put_int(&w, at->ports[any++]);
        else if (p.host_port != NOT_GIVEN)
            json_put_int(&w, p.host_port);
    }
    ASSERT(any == at->ports_n);
    json_array_end(&w);
    json_object_end(&w);
}

static void launch(struct look *l, struct entry *e, const struct app_row *row,
                   const struct app *app, int64_t n)
{
    int64_t backoff = row->delay_ms == 0 ? 0 : row->delay_ref.ms + row->delay_ms - l->now.wall.ms;
    if (n <= 0)
        return;
    if (backoff > 0) { /* holds up all launches of this configuration (9.2) */
        look_again(l, e, backoff);
        return;
    }
    if (n > LAUNCHES_AN_APP)
        n = LAUNCHES_AN_APP;
    struct demand d;
    struct ports fixed;
    struct funnel funnel;
    demand_of_app(app, row->id, &d, &fixed);
    int64_t done = 0;
    for (; done < n && l->launches_left > 0; done++) {
        struct place at;
        if (!place(l->placement, &d, l->a->rng, &at, &funnel)) {
            e->waiting = true;
            look_again(l, e, WAITING_LOOK_MS);
            break;
        }
        write_launch(l, row, app, &d, &at, row->counts.live + n);
        mem_free(at.ports);
        mark(l->launched, e);
        l->launches_left--;
    }
    if (l->launches_left == 0)
        look_again(l, e, 1);
    ports_close(&fixed);
    resources_close(&d.needs);
}

/* Staging or starting for too long: killed, and tried again (9.3). */
static void kill_slow_starts(struct look *l, struct entry *e, const struct tasks *tasks)
{
    for (size_t i = 0; i < tasks->n; i++) {
        const struct task_view *t = &tasks->items[i];
        if (t->stopping || (t->state != TASK_STAGING && t->state != TASK_STARTING))
            continue;
        int64_t left = t->since + LAUNCH_TIMEOUT_MS - l->now.wall.ms;
        if (left > 0)
            look_again(l, e, left);
        else
            kill_task(l, e, t->id, "took more than 300 s to start");
    }
}

/* What out of reach for too long is: not counted any more, then forgotten (9.6). */
static int64_t lost_since(struct apps *a, int64_t task)
{
    struct task_row t;
    struct agent_row agent;
    if (!state_task_by_id(a->state, task, &t) || !state_agent_by_id(a->state, t.agent, &agent))
        return 0;
    return agent.since.ms;
}

/* How many unreachable ones count as lost; forgets those past their time. */
static int64_t count_lost(struct look *l, struct entry *e, const struct app *app,
                          const struct tasks *tasks)
{
    int64_t lost = 0;
    for (size_t i = 0; i < tasks->n; i++) {
        const struct task_view *t = &tasks->items[i];
        if (t->state != TASK_UNREACHABLE || t->stopping || app->unreachable.disabled)
            continue;
        int64_t gone_ms = l->now.wall.ms - lost_since(l->a, t->id);
        int64_t inactive_ms = app->unreachable.inactive_s * 1000;
        int64_t expunge_ms = app->unreachable.expunge_s * 1000;
        if (gone_ms >= inactive_ms)
            lost++;
        else
            look_again(l, e, inactive_ms - gone_ms);
        if (gone_ms >= expunge_ms)
            kill_task(l, e, t->id, "its agent was out of reach for too long");
        else
            look_again(l, e, expunge_ms - gone_ms);
    }
    return lost;
}

static void scale(struct look *l, struct entry *e, const struct app_row *row, const struct app *app,
                  struct tasks *tasks)
{
    int64_t keep = 0;
    for (size_t i = 0; i < tasks->n; i++)
        keep += !tasks->items[i].stopping;
    keep -= count_lost(l, e, app, tasks);
    if (keep > row->instances)
        kill_some(l, e, app, tasks, ALL_ONES, keep - row->instances, "scaled down");
    else
        launch(l, e, row, app, row->instances - keep);
}

static void view_upgrade(const struct app_row *row, const struct app *app,
                         const struct tasks *tasks, struct upgrade_view *v)
{
    *v = (struct upgrade_view){
        .wanted = row->instances,
        .minimum_health = app->upgrade.minimum_health,
        .maximum_over = app->upgrade.maximum_over,
        .has_checks = app->health_checks.n > 0,
        .resident = app_is_resident(app),
    };
    for (size_t i = 0; i < tasks->n; i++) {
        const struct task_view *t = &tasks->items[i];
        bool lost = t->state == TASK_UNREACHABLE;
        if (t->old) {
            v->old_alive++;
            v->old_keep += !t->stopping;
            v->old_keep_healthy += !t->stopping && (t->healthy || !v->has_checks);
        } else if (!t->stopping && !lost) {
            v->new_live++;
            v->new_ready += t->ready;
            v->starting += !t->ready;
        }
    }
}

static void upgrade(struct look *l, struct entry *e, const struct app_row *row,
                    const struct app *app, struct tasks *tasks)
{
    struct upgrade_view v;
    count_lost(l, e, app, tasks);
    view_upgrade(row, app, tasks, &v);
    struct upgrade_step step = upgrade_next(&v);
    if (v.new_live > v.wanted)
        kill_some(l, e, app, tasks, NEW_ONES, v.new_live - v.wanted, "scaled down");
    if (step.kill > 0)
        kill_some(l, e, app, tasks, OLD_ONES, step.kill, "replaced by a new version");
    launch(l, e, row, app, step.launch);
}

static void stop_all(struct look *l, struct entry *e, const struct app_row *row,
                     const struct app *app, struct tasks *tasks)
{
    if (tasks->n > 0) {
        kill_some(l, e, app, tasks, ALL_ONES, INT64_MAX, "the app was deleted");
        return;
    }
    element(&l->forgets);
    buf_printf(&l->forgets, "%lld", (long long)row->id);
    mark(l->forgotten, e);
}

/* ---- deployments */

enum action { ACTION_NONE, ACTION_START, ACTION_STOP, ACTION_SCALE, ACTION_RESTART };

static enum action action_of(const char *word)
{
    static const char *const words[] = {"", "StartApplication", "StopApplication",
                                        "ScaleApplication", "RestartApplication"};
    for (size_t i = 1; i < sizeof words / sizeof words[0]; i++)
        if (str_eq(words[i], word))
            return (enum action)i;
    return ACTION_NONE;
}

/* What a deployment does with an app: its action, and at which step. */
static enum action planned(const struct json *plan, const char *path, int *step_out)
{
    int step = 0;
    enum action found = ACTION_NONE;
    JSON_EACH (s, json_get(plan, "steps")) {
        step++;
        JSON_EACH (action, json_get(s, "actions")) {
            enum action kind = action_of(json_str(json_get(action, "action"), ""));
            if (kind == ACTION_START || !str_eq(json_str(json_get(action, "app"), ""), path))
                continue;
            found = kind;
            *step_out = step;
        }
    }
    return found;
}

/* What is to be done with an app now. */
static enum action due_action(struct apps *a, const struct app_row *row)
{
    struct deployment_row d;
    struct error err;
    if (row->deployment == 0 || !state_deployment_by_id(a->state, row->deployment, &d))
        return ACTION_SCALE;
    struct json *plan = json_parse_own(slice_of(d.plan), &err);
    int step = 0;
    enum action kind = planned(plan, row->path, &step);
    json_free(plan);
    if (kind == ACTION_NONE || d.step > step) /* not touched, or done: keep the number */
        return ACTION_SCALE;
    return d.step == step ? kind : ACTION_NONE;
}

static bool app_done(struct apps *a, const struct app_row *row, enum action kind, struct wall since)
{
    struct app app;
    struct error err;
    if (app_load(row->definition, &app, &err) != 0)
        UNREACHABLE("a stored definition reads back");
    struct tasks tasks;
    gather(a, row, &app, &tasks);
    bool done;
    if (kind == ACTION_RESTART) {
        struct upgrade_view v;
        view_upgrade(row, &app, &tasks, &v);
        done = upgrade_next(&v).done;
    } else { /* scaled: the victims have ended, the new ones are well (8.4) */
        done = (int64_t)tasks.n == row->instances;
        struct task_row t;
        for (size_t i = 0; i < tasks.n && done; i++)
            done = !tasks.items[i].stopping &&
                   (tasks.items[i].ready || !state_task_by_id(a->state, tasks.items[i].id, &t) ||
                    t.version.ms < since.ms);
    }
    mem_free(tasks.items);
    app_close(&app);
    return done;
}

static bool stopped(struct apps *a, const char *path)
{
    struct app_row row;
    struct stmt *q = state_apps_gone(a->state);
    while (state_app_next(q, &row)) {
        if (str_eq(row.path, path) && row.counts.live > 0) {
            stmt_end(q);
            return false;
        }
    }
    return true;
}

static bool step_done(struct apps *a, const struct deployment_row *d)
{
    struct error err;
    struct json *plan = json_parse_own(slice_of(d->plan), &err);
    bool done = true;
    int at = 0;
    JSON_EACH (step, json_get(plan, "steps")) {
        if (++at != d->step)
            continue;
        JSON_EACH (action, json_get(step, "actions")) {
            enum action kind = action_of(json_str(json_get(action, "action"), ""));
            const char *path = json_str(json_get(action, "app"), "");
            struct app_row row;
            if (kind == ACTION_STOP)
                done = done && stopped(a, path);
            else if (kind != ACTION_START && state_app_by_path(a->state, path, &row))
                done = done && app_done(a, &row, kind, d->version);
        }
    }
    json_free(plan);
    return done;
}

static void look_at_deployment(struct look *l, struct entry *e)
{
    struct deployment_row d;
    e->over = !state_deployment_by_id(l->a->state, e->id, &d);
    if (e->over)
        return;
    if (d.step > 0 && !step_done(l->a, &d))
        return;
    struct json_writer w;
    element(&l->steps);
    json_begin(&w, &l->steps);
    json_object(&w);
    json_member_int(&w, "deployment", d.id);
    if (d.step == d.steps)
        json_member_bool(&w, "end", true);
    else
        json_member_int(&w, "step", d.step + 1);
    json_object_end(&w);
    mark(l->stepped, e);
}

static void look_at_app(struct look *l, struct entry *e)
{
    struct app_row row;
    struct app app;
    struct error err;
    e->over = !state_app_by_id(l->a->state, e->id, &row);
    if (e->over)
        return;
    if (app_load(row.definition, &app, &err) != 0)
        UNREACHABLE("a stored definition reads back");
    struct tasks tasks;
    gather(l->a, &row, &app, &tasks);
    kill_slow_starts(l, e, &tasks);
    if (row.gone) {
        stop_all(l, e, &row, &app, &tasks);
    } else {
        switch (due_action(l->a, &row)) {
        case ACTION_SCALE:
            scale(l, e, &row, &app, &tasks);
            break;
        case ACTION_RESTART:
            upgrade(l, e, &row, &app, &tasks);
            break;
        case ACTION_NONE:
        case ACTION_START:
        case ACTION_STOP:
            break;
        }
    }
    mem_free(tasks.items);
    app_close(&app);
}

/* ---- the tick */

static void wake_waiting(struct apps *a, struct now now)
{
    struct entry *e;
    if (!a->retry_waiting)
        return;
    a->retry_waiting = false;
    for (size_t cursor = 0; (e = map_each(a->entries, &cursor)) != NULL;)
        if (e->waiting)
            e->due = mono_earlier(e->due, mono_after(now.mono, WAITING_RETRY_MS));
}

/* Looks at what is dirty or due, and says when the next one will be. */
static void look_at_all(struct look *l, struct map *m, void (*look)(struct look *, struct entry *))
{
    struct entry *e, *over = NULL;
    struct apps *a = l->a;
    for (size_t cursor = 0; (e = map_each(m, &cursor)) != NULL;) {
        if ((e->dirty || e->due.ms <= l->now.mono.ms) && e->marks == 0) {
            e->dirty = e->waiting = false;
            e->due = MONO_NEVER;
            look(l, e);
        }
        a->due = mono_earlier(a->due, e->due);
        if (e->over)
            over = e;
    }
    if (over != NULL) { /* one a tick: more than ever end in one */
        mem_free(map_remove(m, (uint64_t)over->id));
    }
}

static struct batch *batch_new(struct buf *items)
{
    buf_init(items, LIMIT_ENTRY_BYTES);
    return NEW(struct batch);
}

void apps_tick(struct apps *a, struct placement *p, struct now now, struct outbox *out)
{
    wake_waiting(a, now);
    if (!a->leading || (!a->any_dirty && a->due.ms > now.mono.ms))
        return;
    a->any_dirty = false;
    a->due = MONO_NEVER;
    struct look l = {.a = a, .placement = p, .now = now, .launches_left = LAUNCHES_A_TURN};
    l.launched = batch_new(&l.launches);
    l.killed = batch_new(&l.kills);
    l.forgotten = batch_new(&l.forgets);
    l.stepped = batch_new(&l.steps);
    look_at_all(&l, a->entries, look_at_app);
    look_at_all(&l, a->deployments, look_at_deployment);
    /* in the order in which events tell it (spec/marathon.md 12.5): an app is gone before the step
     * that stopped it is done, and a step has begun before its tasks change */
    propose(a, out, COMMAND_APP_FORGET, "apps", &l.forgets, l.forgotten);
    propose(a, out, COMMAND_DEPLOYMENT_STEP, "set", &l.steps, l.stepped);
    propose(a, out, COMMAND_TASK_KILL, "tasks", &l.kills, l.killed);
    propose(a, out, COMMAND_TASK_LAUNCH, "instances", &l.launches, l.launched);
}

struct mono apps_due(const struct apps *a)
{
    if (!a->leading)
        return MONO_NEVER;
    return a->any_dirty || a->retry_waiting ? (struct mono){0} : a->due;
}
