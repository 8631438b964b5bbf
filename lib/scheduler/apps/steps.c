/* The next step of one app: what it lacks is launched, what is too many dies (spec/marathon.md 8.4
 * to 8.6, 9). */
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "model/pod.h"
#include "scheduler/apps/private.h"

#define LAUNCHES_AN_APP 200      /* in one turn, so that a large app does not starve the others */
#define WAITING_LOOK_MS 1000     /* nothing ended: an agent may have been away */
#define LAUNCH_TIMEOUT_MS 300000 /* task_launch_timeout (9.3) */

/* ---- killing */

static void kill_task(struct look *l, struct entry *e, int64_t task, const char *reason)
{
    struct json_writer w;
    if (l->kills_left-- <= 0) {
        apps_look_again(l, e, 1);
        return;
    }
    apps_gather(l, GATHER_KILLS, e, &w);
    json_object(&w);
    json_member_int(&w, "task", task);
    json_member_str(&w, "reason", reason);
    json_object_end(&w);
}

static void kill_some(struct look *l, struct entry *e, const struct app *app, struct tasks *tasks,
                      enum which which, int64_t n, const char *reason)
{
    size_t victims = tasks_victims(l, app, which, tasks, (size_t)n);
    for (size_t i = 0; i < victims; i++)
        kill_task(l, e, tasks->items[i].id, tasks->items[i].leaving ? "its node drains" : reason);
}

/* Staging or starting for too long: killed, and tried again (9.3). */
static void kill_slow_starts(struct look *l, struct entry *e, const struct tasks *tasks)
{
    for (size_t i = 0; i < tasks->n; i++) {
        const struct task_view *t = &tasks->items[i];
        if (t->state != TASK_STAGING && t->state != TASK_STARTING)
            continue;
        int64_t left = t->since + LAUNCH_TIMEOUT_MS - l->now.wall.ms;
        if (left > 0)
            apps_look_again(l, e, left);
        else
            kill_task(l, e, t->id, "took more than 300 s to start");
    }
}

/* What is out of reach is forgotten when its time is over, and looked at when it stops to count
 * (9.6). */
static void forget_lost(struct look *l, struct entry *e, const struct app *app,
                        const struct tasks *tasks)
{
    for (size_t i = 0; i < tasks->n; i++) {
        const struct task_view *t = &tasks->items[i];
        struct agent_row agent;
        int64_t after_ms = lost_after_ms(app);
        if (t->state != TASK_UNREACHABLE || after_ms == INT64_MAX ||
            !state_agent_by_id(l->a->state, t->agent, &agent))
            continue;
        int64_t gone_ms = l->now.wall.ms - agent.since.ms;
        int64_t expunge_ms =
            app->unreachable.disabled ? INT64_MAX : app->unreachable.expunge_s * 1000;
        if (gone_ms >= expunge_ms)
            kill_task(l, e, t->id, "its agent was out of reach for too long");
        else if (!t->lost)
            apps_look_again(l, e, after_ms - gone_ms);
        else if (expunge_ms != INT64_MAX)
            apps_look_again(l, e, expunge_ms - gone_ms);
    }
}

/* ---- launching */

/* The host ports of a launch, for those that ask for one: in their order all of them, or only those
 * that may be any. */
struct given {
    const uint16_t *next;
    bool all;
};

static void put_port(int64_t wanted, struct given *ports, struct json_writer *w)
{
    if (wanted != NOT_GIVEN)
        json_put_int(w, wanted == 0 || ports->all ? *ports->next++ : wanted);
}

static void write_amounts(const struct resources *r, struct json_writer *w)
{
    json_member_int(w, "cpus", r->cpus_milli);
    json_member_int(w, "mem", r->mem_bytes);
    json_member_int(w, "disk", r->disk_bytes);
}

static void put_endpoints(const struct pod_container *c, struct given *ports, struct json_writer *w)
{
    for (size_t i = 0; i < c->endpoints.n; i++)
        put_port(c->endpoints.items[i].host_port, ports, w);
}

static int64_t volume_bytes(const struct app *app)
{
    int64_t sum = 0;
    struct app_kept volume;
    for (size_t i = 0; app_kept_volume(app, i, &volume); i++)
        sum += volume.bytes;
    return sum;
}

/* The volumes are counted with the first of them. */
static void write_pod_tasks(const struct app *app, struct given ports, struct json_writer *w)
{
    const struct pod *p = app->pod;
    json_key(w, "tasks");
    json_array(w);
    for (size_t i = 0; i < p->containers.n; i++) {
        struct resources needs = pod_task_needs(p, i);
        if (i == 0)
            needs.disk_bytes += volume_bytes(app);
        json_object(w);
        json_member_str(w, "container", p->containers.items[i].name);
        write_amounts(&needs, w);
        json_key(w, "ports");
        json_array(w);
        put_endpoints(&p->containers.items[i], &ports, w);
        json_array_end(w);
        json_object_end(w);
    }
    json_array_end(w);
}

static void write_ports(const struct app *app, struct given ports, struct json_writer *w)
{
    json_key(w, "ports");
    json_array(w);
    for (size_t i = 0; i < app_port_count(app); i++)
        put_port(app_port(app, i).host_port, &ports, w);
    for (size_t i = 0; app->pod != NULL && i < app->pod->containers.n; i++)
        put_endpoints(&app->pod->containers.items[i], &ports, w);
    json_array_end(w);
}

struct launching {
    const struct app_row *row;
    const struct app *app;
    int64_t cap;
    bool gated; /* it is to say that it is ready */
};

static void write_launch(const struct launching *g, int64_t agent, const struct resources *amounts,
                         struct given ports, struct json_writer *w)
{
    json_member_int(w, "app", g->row->id);
    json_member_int(w, "config", g->row->config.ms);
    json_member_int(w, "cap", g->cap);
    json_member_int(w, "agent", agent);
    write_amounts(amounts, w);
    if (g->gated)
        json_member_bool(w, "ready", false);
    write_ports(g->app, ports, w);
    if (g->app->pod != NULL)
        write_pod_tasks(g->app, ports, w);
}

static void write_new(struct look *l, struct entry *e, const struct launching *g,
                      const struct demand *d, const struct place *at)
{
    struct json_writer w;
    struct app_kept volume;
    struct given ports = {at->ports + at->ports_n - d->any_ports, false}; /* the exact ones first */
    apps_gather(l, GATHER_LAUNCHES, e, &w);
    json_object(&w);
    json_member_int(&w, "salt", (int64_t)(rng_next(l->a->rng) >> 1));
    write_launch(g, at->agent, &d->needs, ports, &w);
    for (size_t i = 0; app_kept_volume(g->app, i, &volume); i++) {
        if (i == 0) {
            json_key(&w, "volumes");
            json_array(&w);
        }
        json_object(&w);
        json_member_str(&w, "path", volume.path);
        json_member_int(&w, "size", volume.bytes);
        json_object_end(&w);
    }
    if (app_is_resident(g->app))
        json_array_end(&w);
    json_object_end(&w);
}

/* A resident, with what it has kept. */
static void write_again(struct look *l, struct entry *e, const struct launching *g,
                        const struct reservation_row *r)
{
    struct json_writer w;
    struct error err;
    size_t n = 0;
    struct json *kept = json_parse_own(slice_of(r->ports), &err);
    uint16_t *ports = mem_zalloc((json_count(kept) + 1) * sizeof *ports);
    const struct resources amounts = {
        .cpus_milli = r->cpus_milli, .mem_bytes = r->mem_bytes, .disk_bytes = r->disk_bytes};
    JSON_EACH (port, kept)
        ports[n++] = (uint16_t)json_int(port, 0);
    apps_gather(l, GATHER_LAUNCHES, e, &w);
    json_object(&w);
    json_member_int(&w, "instance", r->instance);
    write_launch(g, r->agent, &amounts, (struct given){ports, true}, &w);
    json_object_end(&w);
    mem_free(ports);
    json_free(kept);
}

/* What may_launch() allowed was not used. */
static void wait_for_place(struct look *l, struct entry *e)
{
    l->launches_left++;
    if (list_empty(&e->in_waiting))
        list_push(&l->a->waiting, &e->in_waiting);
    apps_look_again(l, e, WAITING_LOOK_MS);
}

/* Is somebody waiting for what is launched now to say that it is ready (10.6)? */
static bool is_gated(struct look *l, const struct app_row *row, const struct app *app,
                     const struct tasks *tasks)
{
    return app->readiness_checks.n > 0 && (row->deployment != 0 || tasks->leaving > 0) &&
           state_level(l->a->state) >= READINESS_LEVEL;
}

/* One more of these in this turn; else the app goes on in the next. */
static bool take_one(struct look *l, struct entry *e, int64_t *left)
{
    if ((*left)-- > 0)
        return true;
    *left = 0;
    apps_look_again(l, e, 1);
    return false;
}

static bool may_launch(struct look *l, struct entry *e)
{
    return take_one(l, e, &l->launches_left);
}

/* Where the instance's data is; that is its place, even while nobody can be launched there. */
static void launch_kept(struct look *l, struct entry *e, const struct launching *g,
                        const struct resident *kept)
{
    struct reservation_row r;
    struct place at;
    struct funnel funnel;
    const struct demand d = {.app = g->row->id, .kept = &kept->agent};
    if (!state_reservation(l->a->state, kept->instance, &r) ||
        !place(l->placement, &d, l->a->rng, &at, &funnel)) {
        wait_for_place(l, e);
        return;
    }
    mem_free(at.ports);
    write_again(l, e, g, &r);
}

/* Of n instances those that have run before. Returns how many are left. */
static int64_t launch_residents(struct look *l, struct entry *e, const struct launching *g,
                                int64_t n)
{
    struct residents all;
    residents_gather(l->a->state, l->now.wall, g->row, g->app, &all);
    size_t i = 0;
    while (i < all.n && (int64_t)i < n && take_one(l, e, &l->kept_left) && may_launch(l, e))
        launch_kept(l, e, g, &all.items[i++]);
    int64_t left = n - (int64_t)all.n - all.ending;
    residents_close(&all);
    return left > 0 ? left : 0;
}

static void launch_new(struct look *l, struct entry *e, const struct launching *g, int64_t n)
{
    struct demand d;
    struct ports fixed;
    struct funnel funnel;
    struct place at;
    demand_of_app(g->app, g->row, &d, &fixed);
    while (n-- > 0 && may_launch(l, e)) {
        if (!place(l->placement, &d, l->a->rng, &at, &funnel)) {
            wait_for_place(l, e);
            break;
        }
        write_new(l, e, g, &d, &at);
        mem_free(at.ports);
    }
    ports_close(&fixed);
    resources_close(&d.needs);
}

static void launch(struct look *l, struct entry *e, const struct app_row *row,
                   const struct app *app, const struct tasks *tasks, int64_t n)
{
    int64_t backoff = row->delay_ms == 0 ? 0 : row->delay_ref.ms + row->delay_ms - l->now.wall.ms;
    if (n <= 0)
        return;
    if (backoff > 0) { /* holds up all launches of this configuration (9.2) */
        apps_look_again(l, e, backoff);
        return;
    }
    if (n > LAUNCHES_AN_APP)
        n = LAUNCHES_AN_APP;
    const struct launching g = {
        .row = row, .app = app, .cap = row->counts.live + n, .gated = is_gated(l, row, app, tasks)};
    if (app_is_resident(app))
        n = launch_residents(l, e, &g, n);
    launch_new(l, e, &g, n);
}

/* What moves off a node does not wait for what failed before (9.2). */
static void drop_delay(struct look *l, const struct app_row *row)
{
    struct json_writer w;
    if (row->delay_ms == 0)
        return;
    outbox_draft(l->out, COMMAND_APP_DELAY_RESET, (struct origin){.kind = ORIGIN_APPS}, &w);
    json_member_int(&w, "app", row->id);
    outbox_draft_end(l->out, &w);
}

/* ---- the actions */

/* How many more there ought to be; below 0: too many. */
static int64_t lacking(const struct app_row *row, const struct tasks *tasks)
{
    int64_t counted = 0;
    for (size_t i = 0; i < tasks->n; i++)
        counted += !tasks->items[i].stopping && !tasks->items[i].lost;
    return row->instances - counted;
}

static void scale(struct look *l, struct entry *e, const struct app_row *row, const struct app *app,
                  struct tasks *tasks)
{
    int64_t more = lacking(row, tasks);
    if (more < 0)
        kill_some(l, e, app, tasks, ALL_ONES, -more, "scaled down");
    else
        launch(l, e, row, app, tasks, more);
}

void upgrade_see(const struct app_row *row, const struct app *app, const struct tasks *tasks,
                 struct upgrade_view *v)
{
    *v = (struct upgrade_view){
        .wanted = row->instances,
        .minimum_health = app->upgrade.minimum_health,
        .maximum_over = app->upgrade.maximum_over,
        .resident = app_is_resident(app),
    };
    for (size_t i = 0; i < tasks->n; i++) {
        const struct task_view *t = &tasks->items[i];
        if (t->old) {
            v->old_alive++;
            v->old_keep += !t->stopping;
            v->old_keep_healthy += !t->stopping && t->healthy;
        } else if (!t->stopping && !t->lost) {
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
    upgrade_see(row, app, tasks, &v);
    struct upgrade_step step = upgrade_next(&v);
    if (v.new_live > v.wanted)
        kill_some(l, e, app, tasks, NEW_ONES, v.new_live - v.wanted, "scaled down");
    if (step.kill > 0)
        kill_some(l, e, app, tasks, OLD_ONES, step.kill, "replaced by a new version");
    launch(l, e, row, app, tasks, step.launch);
}

/* With an app its instances' places and data go: deleting it asks for no `wipe` (3.7, 8.6). Returns
 * how many are there. */
static size_t wipe_residents(struct look *l, struct entry *e, const struct app_row *row)
{
    struct reservation_row r;
    struct json_writer w;
    size_t n = 0;
    struct stmt *q = state_reservations_of_app(l->a->state, row->id);
    for (; state_reservation_next(q, &r); n++) {
        if (r.wiped)
            continue;
        apps_gather(l, GATHER_KILLS, e, &w);
        json_object(&w);
        json_member_int(&w, "instance", r.instance);
        json_member_str(&w, "reason", "the app was deleted");
        json_object_end(&w);
    }
    return n;
}

static void stop_all(struct look *l, struct entry *e, const struct app_row *row,
                     const struct tasks *tasks)
{
    struct json_writer w;
    size_t residents = wipe_residents(l, e, row);
    for (size_t i = 0; i < tasks->n; i++)
        if (!tasks->items[i].stopping)
            kill_task(l, e, tasks->items[i].id, "the app was deleted");
    if (tasks->n > 0 || residents > 0)
        return;
    apps_gather(l, GATHER_FORGETS, e, &w);
    json_put_int(&w, row->id);
}

static void take_step(struct look *l, struct entry *e, const struct app_row *row,
                      const struct app *app, struct tasks *tasks)
{
    kill_slow_starts(l, e, tasks);
    forget_lost(l, e, app, tasks);
    switch (plan_due(l->a, row)) {
    case ACTION_SCALE:
        if (tasks->leaving > 0) /* off a node that drains, step by step as to a new version */
            upgrade(l, e, row, app, tasks);
        else
            scale(l, e, row, app, tasks);
        break;
    case ACTION_RESTART:
        upgrade(l, e, row, app, tasks);
        break;
    case ACTION_NONE: /* its step has not come */
    case ACTION_STOP: /* of an app of that name before it */
        break;
    }
}

void look_at_app(struct look *l, struct entry *e)
{
    struct app_row row;
    struct app app;
    struct error err;
    struct tasks tasks;
    e->over = !state_app_by_id(l->a->state, e->id, &row);
    if (e->over)
        return;
    if (app_load(row.definition, &app, &err) != 0)
        UNREACHABLE("a stored definition reads back");
    tasks_gather(l->a->state, l->now.wall, &row, &app, &tasks);
    if (e->moves)
        drop_delay(l, &row);
    e->moves = false;
    if (row.gone)
        stop_all(l, e, &row, &tasks);
    else
        take_step(l, e, &row, &app, &tasks);
    tasks_close(&tasks);
    app_close(&app);
}

int64_t apps_waiting(struct state *s, const struct app_row *row, const struct app *app,
                     struct wall now, struct apps_kept *kept)
{
    int64_t n = 0;
    struct tasks tasks;
    struct upgrade_view v;
    tasks_gather(s, now, row, app, &tasks);
    enum action due = plan_due_now(s, row, kept);
    if (due == ACTION_SCALE && tasks.leaving > 0)
        due = ACTION_RESTART;
    switch (due) {
    case ACTION_SCALE:
        n = lacking(row, &tasks);
        break;
    case ACTION_RESTART:
        upgrade_see(row, app, &tasks, &v);
        n = upgrade_next(&v).launch;
        break;
    case ACTION_NONE:
    case ACTION_STOP:
        break;
    }
    tasks_close(&tasks);
    return n > 0 ? n : 0;
}

/* The newest of each app. */
static struct map *read_ends(struct state *s, struct arena *arena)
{
    const char *task;
    struct wall ended;
    struct map *ends = map_new();
    struct stmt *q = state_ends_of_apps(s);
    while (state_end_next(q, &task, &ended)) {
        const char *dot = strstr(task, ".instance-");
        char *app = dot != NULL ? arena_strndup(arena, task, (size_t)(dot - task)) : NULL;
        if (app == NULL || map_get_str(ends, app) != NULL)
            continue;
        struct wall *kept = arena_alloc(arena, sizeof *kept);
        *kept = ended;
        map_put_str(ends, app, kept);
    }
    return ends;
}

static struct wall last_end(struct state *s, const char *path, struct apps_kept *kept)
{
    char safe[ID_SIZE];
    if (kept == NULL)
        return state_last_end(s, path);
    if (kept->ends == NULL)
        kept->ends = read_ends(s, &kept->arena);
    const struct wall *at = map_get_str(kept->ends, id_safe(path, safe));
    return at != NULL ? *at : (struct wall){0};
}

/* It was asked for, failed, or one before it ended or stopped to count (9.6). */
struct wall apps_waiting_since(struct state *s, const struct app_row *row, const struct app *app,
                               struct wall now, struct apps_kept *kept)
{
    struct tasks tasks;
    struct agent_row agent;
    struct wall ended = last_end(s, row->path, kept);
    int64_t since = row->version.ms > row->delay_ref.ms ? row->version.ms : row->delay_ref.ms;
    if (ended.ms > since)
        since = ended.ms;
    tasks_gather(s, now, row, app, &tasks);
    for (size_t i = 0; i < tasks.n; i++) {
        if (!tasks.items[i].lost || !state_agent_by_id(s, tasks.items[i].agent, &agent))
            continue;
        int64_t lost = agent.since.ms + lost_after_ms(app);
        since = lost > since ? lost : since;
    }
    tasks_close(&tasks);
    return (struct wall){since};
}
