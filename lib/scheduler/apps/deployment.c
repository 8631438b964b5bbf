/* A deployment: its steps, one after another (spec/marathon.md 8.2, 8.3). */
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/str.h"
#include "scheduler/apps/private.h"

struct planned {
    char *path;
    enum action action;
    int step;
};

/* A deployment's row, read once and kept up by the feed: its text can be megabytes. */
struct plan {
    int step, steps; /* the one at work, from 1 on */
    struct wall version;
    struct planned *items; /* what there is to do; "Start" is nothing (8.3) */
    size_t n;
    struct map *by_path; /* of items: an app has one */
    size_t waits_for;    /* the item that held up its step when it was looked at last */
};

static enum action action_of(const char *word)
{
    static const struct {
        const char *word;
        enum action action;
    } words[] = {
        {"StopApplication", ACTION_STOP},
        {"ScaleApplication", ACTION_SCALE},
        {"RestartApplication", ACTION_RESTART},
        {"StopPod", ACTION_STOP},
        {"ScalePod", ACTION_SCALE},
        {"RestartPod", ACTION_RESTART},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (str_eq(words[i].word, word))
            return words[i].action;
    return ACTION_NONE;
}

static size_t count_actions(const struct json *steps)
{
    size_t n = 0;
    JSON_EACH (step, steps)
        n += json_count(json_get(step, "actions"));
    return n;
}

static void read_actions(struct plan *p, const struct json *actions, int step)
{
    JSON_EACH (v, actions) {
        enum action action = action_of(json_str(json_get(v, "action"), ""));
        if (action == ACTION_NONE)
            continue;
        struct planned *item = &p->items[p->n++];
        const char *path = json_str(json_get(v, "app"), json_str(json_get(v, "pod"), ""));
        *item = (struct planned){mem_strdup(path), action, step};
        map_put_str(p->by_path, item->path, item);
    }
}

static struct plan *plan_new(const struct deployment_row *d)
{
    struct plan *p = NEW(struct plan);
    struct error err;
    int step = 0;
    struct json *root = json_parse_own(slice_of(d->plan), &err);
    const struct json *steps = json_get(root, "steps");
    *p = (struct plan){
        .step = d->step, .steps = d->steps, .version = d->version, .by_path = map_new()};
    p->items = mem_zalloc((count_actions(steps) + 1) * sizeof p->items[0]);
    JSON_EACH (v, steps)
        read_actions(p, json_get(v, "actions"), ++step);
    json_free(root);
    return p;
}

void plan_free(struct plan *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < p->n; i++)
        mem_free(p->items[i].path);
    mem_free(p->items);
    map_free(p->by_path);
    mem_free(p);
}

/* NULL: it is over. */
static struct plan *plan_of(struct apps *a, struct entry *e)
{
    struct deployment_row d;
    if (e->plan == NULL && !e->over) {
        if (state_deployment_by_id(a->state, e->id, &d))
            e->plan = plan_new(&d);
        else
            e->over = true;
    }
    return e->over ? NULL : e->plan;
}

static void dirty_actions(struct apps *a, const struct plan *p, int from, int to)
{
    struct app_row row;
    for (size_t i = 0; i < p->n; i++)
        if (p->items[i].step >= from && p->items[i].step <= to &&
            state_app_by_path(a->state, p->items[i].path, &row))
            apps_dirty(a, a->entries, row.id);
}

void plan_went_on(struct apps *a, const struct change *c)
{
    apps_dirty(a, a->deployments, c->id);
    struct entry *e = map_get(a->deployments, (uint64_t)c->id);
    struct plan *p = plan_of(a, e);
    if (c->kind == CHANGE_DEPLOYMENT_END)
        e->over = true;
    if (p == NULL)
        return;
    if (c->kind == CHANGE_DEPLOYMENT_STEP) {
        p->step = c->step;
        dirty_actions(a, p, c->step - 1, c->step);
    } else { /* all its apps have been locked, or are free again */
        dirty_actions(a, p, 0, p->steps);
    }
}

/* `p` NULL: nothing locks it. */
static enum action due(const struct plan *p, const char *path)
{
    const struct planned *item = p != NULL ? map_get_str(p->by_path, path) : NULL;
    if (item == NULL || p->step > item->step) /* not touched, or done: its number is kept */
        return ACTION_SCALE;
    return p->step == item->step ? item->action : ACTION_NONE;
}

enum action plan_due(struct apps *a, const struct app_row *row)
{
    struct entry *e = map_get(a->deployments, (uint64_t)row->deployment);
    return due(e != NULL ? plan_of(a, e) : NULL, row->path);
}

/* NULL: there is none. */
static struct plan *read_plan(struct state *s, int64_t deployment)
{
    struct deployment_row d;
    return state_deployment_by_id(s, deployment, &d) ? plan_new(&d) : NULL;
}

static struct plan *kept_plan(struct state *s, int64_t deployment, struct apps_kept *kept)
{
    if (kept->plans == NULL)
        kept->plans = map_new();
    struct plan *p = map_get(kept->plans, (uint64_t)deployment);
    if (p == NULL && (p = read_plan(s, deployment)) != NULL)
        map_put(kept->plans, (uint64_t)deployment, p);
    return p;
}

enum action plan_due_now(struct state *s, const struct app_row *row, struct apps_kept *kept)
{
    if (row->deployment == 0)
        return due(NULL, row->path);
    if (kept != NULL)
        return due(kept_plan(s, row->deployment, kept), row->path);
    struct plan *p = read_plan(s, row->deployment);
    enum action action = due(p, row->path);
    plan_free(p);
    return action;
}

void apps_kept_close(struct apps_kept *kept)
{
    struct plan *p;
    for (size_t cursor = 0; kept->plans != NULL && (p = map_each(kept->plans, &cursor)) != NULL;)
        plan_free(p);
    map_free(kept->plans);
    map_free(kept->ends);
    arena_close(&kept->arena);
    *kept = (struct apps_kept){0};
}

/* ---- is a step done? */

/* The victims have ended, and the new ones are well; what does not count is not waited for (8.4).
 */
static bool is_scaled(const struct app_row *row, const struct tasks *tasks, struct wall since)
{
    int64_t counted = 0;
    for (size_t i = 0; i < tasks->n; i++) {
        const struct task_view *t = &tasks->items[i];
        if (t->lost)
            continue;
        if (t->stopping || (!t->ready && t->version.ms >= since.ms))
            return false;
        counted++;
    }
    return counted == row->instances;
}

static bool app_done(struct look *l, const struct app_row *row, enum action action,
                     struct wall since)
{
    struct app app;
    struct error err;
    struct tasks tasks;
    if (row->counts.live < row->instances || row->counts.stopping > 0)
        return false; /* without looking at each: most looks end here */
    if (app_load(row->definition, &app, &err) != 0)
        UNREACHABLE("a stored definition reads back");
    tasks_gather(l->a->state, l->now.wall, row, &app, &tasks);
    bool done;
    if (action == ACTION_RESTART) {
        struct upgrade_view v;
        upgrade_see(row, &app, &tasks, &v);
        done = upgrade_next(&v).done;
    } else {
        done = is_scaled(row, &tasks, since);
    }
    tasks_close(&tasks);
    app_close(&app);
    return done;
}

static bool has_stopped(struct look *l, const char *path)
{
    return state_gone_live(l->a->state, path) == 0;
}

static bool action_done(struct look *l, const struct plan *p, const struct planned *item)
{
    struct app_row row;
    if (item->action == ACTION_STOP)
        return has_stopped(l, item->path);
    return !state_app_by_path(l->a->state, item->path, &row) ||
           app_done(l, &row, item->action, p->version);
}

/* Once round, from the one that was not done last time: most looks end there. */
static bool step_done(struct look *l, struct plan *p)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct planned *item = &p->items[p->waits_for];
        if (item->step == p->step && !action_done(l, p, item))
            return false;
        p->waits_for = (p->waits_for + 1) % p->n;
    }
    return true;
}

void look_at_deployment(struct look *l, struct entry *e)
{
    struct json_writer w;
    struct plan *p = plan_of(l->a, e);
    if (p == NULL || !step_done(l, p))
        return;
    apps_gather(l, GATHER_STEPS, e, &w);
    json_object(&w);
    json_member_int(&w, "deployment", e->id);
    if (p->step == p->steps)
        json_member_bool(&w, "end", true);
    else
        json_member_int(&w, "step", p->step + 1);
    json_object_end(&w);
}
