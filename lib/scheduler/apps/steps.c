/* The next step of one app: what it lacks is launched, what is too many dies (spec/marathon.md 8.4
 * to 8.6, 9). */
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
        if (t->state != TASK_UNREACHABLE || app->unreachable.disabled ||
            !state_agent_by_id(l->a->state, t->agent, &agent))
            continue;
        int64_t gone_ms = l->now.wall.ms - agent.since.ms;
        int64_t expunge_ms = app->unreachable.expunge_s * 1000;
        if (gone_ms >= expunge_ms)
            kill_task(l, e, t->id, "its agent was out of reach for too long");
        else if (!t->lost)
            apps_look_again(l, e, app->unreachable.inactive_s * 1000 - gone_ms);
        else
            apps_look_again(l, e, expunge_ms - gone_ms);
    }
}

/* ---- launching */

/* The host ports of one thing that asks: the exact ones as they are, the others from `any` on. */
static const uint16_t *put_port(int64_t wanted, const uint16_t *any, struct json_writer *w)
{
    if (wanted == 0)
        json_put_int(w, *any++);
    else if (wanted != NOT_GIVEN)
        json_put_int(w, wanted);
    return any;
}

static void write_amounts(const struct resources *r, struct json_writer *w)
{
    json_member_int(w, "cpus", r->cpus_milli);
    json_member_int(w, "mem", r->mem_bytes);
    json_member_int(w, "disk", r->disk_bytes);
}

static const uint16_t *put_endpoints(const struct pod_container *c, const uint16_t *any,
                                     struct json_writer *w)
{
    for (size_t i = 0; i < c->endpoints.n; i++)
        any = put_port(c->endpoints.items[i].host_port, any, w);
    return any;
}

static void write_pod_tasks(const struct pod *p, const uint16_t *any, struct json_writer *w)
{
    json_key(w, "tasks");
    json_array(w);
    for (size_t i = 0; i < p->containers.n; i++) {
        struct resources needs = pod_task_needs(p, i);
        json_object(w);
        json_member_str(w, "container", p->containers.items[i].name);
        write_amounts(&needs, w);
        json_key(w, "ports");
        json_array(w);
        any = put_endpoints(&p->containers.items[i], any, w);
        json_array_end(w);
        json_object_end(w);
    }
    json_array_end(w);
}

static void write_launch(struct look *l, struct entry *e, const struct app_row *row,
                         const struct app *app, const struct demand *d, const struct place *at,
                         int64_t cap, bool gated)
{
    struct json_writer w;
    apps_gather(l, GATHER_LAUNCHES, e, &w);
    json_object(&w);
    json_member_int(&w, "app", row->id);
    json_member_int(&w, "config", row->config.ms);
    json_member_int(&w, "cap", cap);
    json_member_int(&w, "salt", (int64_t)(rng_next(l->a->rng) >> 1));
    json_member_int(&w, "agent", at->agent);
    write_amounts(&d->needs, &w);
    if (gated)
        json_member_bool(&w, "ready", false);
    json_key(&w, "ports");
    json_array(&w);
    const uint16_t *first = at->ports + at->ports_n - d->any_ports, /* the exact ones come first */
        *any = first;
    for (size_t i = 0; i < app_port_count(app); i++)
        any = put_port(app_port(app, i).host_port, any, &w);
    for (size_t i = 0; app->pod != NULL && i < app->pod->containers.n; i++)
        any = put_endpoints(&app->pod->containers.items[i], any, &w);
    ASSERT(any == at->ports + at->ports_n);
    json_array_end(&w);
    if (app->pod != NULL)
        write_pod_tasks(app->pod, first, &w);
    json_object_end(&w);
}

static void wait_for_place(struct look *l, struct entry *e)
{
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

static void launch(struct look *l, struct entry *e, const struct app_row *row,
                   const struct app *app, const struct tasks *tasks, int64_t n)
{
    bool gated = is_gated(l, row, app, tasks);
    int64_t backoff = row->delay_ms == 0 ? 0 : row->delay_ref.ms + row->delay_ms - l->now.wall.ms;
    if (n <= 0)
        return;
    if (backoff > 0) { /* holds up all launches of this configuration (9.2) */
        apps_look_again(l, e, backoff);
        return;
    }
    if (n > LAUNCHES_AN_APP)
        n = LAUNCHES_AN_APP;
    struct demand d;
    struct ports fixed;
    struct funnel funnel;
    struct place at;
    demand_of_app(app, row, &d, &fixed);
    for (int64_t done = 0; done < n; done++) {
        if (l->launches_left == 0) {
            apps_look_again(l, e, 1);
            break;
        }
        if (!place(l->placement, &d, l->a->rng, &at, &funnel)) {
            wait_for_place(l, e);
            break;
        }
        write_launch(l, e, row, app, &d, &at, row->counts.live + n, gated);
        mem_free(at.ports);
        l->launches_left--;
    }
    ports_close(&fixed);
    resources_close(&d.needs);
}

/* What moves off a node does not wait for what failed before (9.2). */
static void drop_delay(struct look *l, const struct app_row *row)
{
    struct json_writer w;
    if (row->delay_ms == 0)
        return;
    outbox_draft(l->out, COMMAND_APP_DELAY_RESET, (struct origin){ORIGIN_APPS, 0}, &w);
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

static void stop_all(struct look *l, struct entry *e, const struct app_row *row,
                     const struct tasks *tasks)
{
    struct json_writer w;
    for (size_t i = 0; i < tasks->n; i++)
        if (!tasks->items[i].stopping)
            kill_task(l, e, tasks->items[i].id, "the app was deleted");
    if (tasks->n > 0)
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
                     struct wall now)
{
    int64_t n = 0;
    struct tasks tasks;
    struct upgrade_view v;
    tasks_gather(s, now, row, app, &tasks);
    enum action due = plan_due_now(s, row);
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
