/* What the mind remembers, hears and proposes; what it decides is in the files beside. */
#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "scheduler/apps/private.h"

#define LAUNCHES_A_TURN 500 /* of all apps: a leader that thinks for long is taken for dead */
#define KEPT_A_TURN 2000    /* looks at places that residents wait for */
#define KILLS_A_TURN 10000
#define WAITING_WAKE_MS 50 /* how soon waiting apps are looked at after something ended */

/* ---- life */

static void begin(struct apps *a)
{
    a->entries = map_new();
    a->deployments = map_new();
    a->batches = map_new();
    list_init(&a->dirty);
    list_init(&a->waiting);
    a->freed = false;
    a->wake_at = MONO_NEVER;
    a->due = (struct heap){0};
}

struct apps *apps_new(struct state *state, struct rng *rng)
{
    struct apps *a = NEW(struct apps);
    a->state = state;
    a->rng = rng;
    begin(a);
    return a;
}

static void entry_free(struct entry *e)
{
    list_remove(&e->in_dirty);
    list_remove(&e->in_waiting);
    plan_free(e->plan);
    mem_free(e);
}

static void batch_free(struct batch *b)
{
    mem_free(b->marked);
    mem_free(b);
}

static void free_entries(struct map *m)
{
    struct entry *e;
    for (size_t cursor = 0; (e = map_each(m, &cursor)) != NULL;)
        entry_free(e);
    map_free(m);
}

static void forget(struct apps *a)
{
    struct batch *b;
    for (size_t cursor = 0; (b = map_each(a->batches, &cursor)) != NULL;)
        batch_free(b);
    map_free(a->batches);
    heap_close(&a->due);
    free_entries(a->entries);
    free_entries(a->deployments);
}

void apps_free(struct apps *a)
{
    if (a == NULL)
        return;
    forget(a);
    mem_free(a);
}

/* ---- what to look at */

static void dirty(struct apps *a, struct entry *e)
{
    e->dirty = true;
    if (e->marks == 0 && list_empty(&e->in_dirty))
        list_push(&a->dirty, &e->in_dirty);
}

void apps_dirty(struct apps *a, struct map *m, int64_t id)
{
    struct entry *e = map_get(m, (uint64_t)id);
    if (e == NULL) {
        e = NEW(struct entry);
        e->id = id;
        e->due.due = MONO_NEVER;
        list_init(&e->in_dirty);
        list_init(&e->in_waiting);
        map_put(m, (uint64_t)id, e);
    }
    dirty(a, e);
}

static void dirty_app(struct apps *a, int64_t id)
{
    struct app_row row;
    apps_dirty(a, a->entries, id);
    if (state_app_by_id(a->state, id, &row) && row.deployment != 0)
        apps_dirty(a, a->deployments, row.deployment);
}

/* Those that have instances on an agent. */
static void dirty_apps_on(struct apps *a, int64_t agent, bool begins_to_drain)
{
    struct task_row t;
    struct stmt *q = state_tasks_of_agent(a->state, agent);
    while (state_task_next(q, &t)) {
        if (t.app == 0)
            continue;
        dirty_app(a, t.app);
        struct entry *e = map_get(a->entries, (uint64_t)t.app);
        e->moves |= begins_to_drain;
    }
}

void apps_changed(struct apps *a, const struct change *c)
{
    if (!a->leading)
        return;
    switch (c->kind) {
    case CHANGE_APP:
        dirty_app(a, c->id);
        break;
    case CHANGE_DEPLOYMENT_BEGIN:
    case CHANGE_DEPLOYMENT_STEP:
    case CHANGE_DEPLOYMENT_END:
        plan_went_on(a, c);
        break;
    case CHANGE_TASK:
    case CHANGE_HEALTH:
    case CHANGE_READINESS:
        if (c->kind == CHANGE_HEALTH && c->number == c->before)
            break; /* only its results are others */
        if (c->kind == CHANGE_TASK && task_ended((enum task_state)c->state))
            a->freed = true;
        if (c->of != NULL && c->of[0] == '/') /* not a job's */
            dirty_app(a, c->owner);
        break;
    case CHANGE_VOLUME:
        a->freed = true;
        dirty_app(a, c->owner);
        break;
    case CHANGE_AGENT:
        a->freed = true;
        if (c->state == AGENT_DRAINING || c->before == AGENT_DRAINING)
            dirty_apps_on(a, c->id, c->before != AGENT_DRAINING);
        break;
    case CHANGE_APP_GONE:
    case CHANGE_JOB:
    case CHANGE_JOB_GONE:
    case CHANGE_RUN:
    case CHANGE_NODE:
    case CHANGE_CALENDAR:
    case CHANGE_TOKEN:
    case CHANGE_CALLBACK:
    case CHANGE_LATE_END:
    case CHANGE_NOTICE:
    case CHANGE_APPS_REFUSED:
    case CHANGE_GROUP:
        break;
    }
}

void apps_lead(struct apps *a, bool leading, struct now now, struct outbox *out)
{
    (void)now;
    (void)out;
    forget(a);
    begin(a);
    a->leading = leading;
    if (!leading)
        return;
    struct app_row app;
    struct stmt *q = state_apps(a->state, "", "", INT64_MAX);
    while (state_app_next(q, &app))
        apps_dirty(a, a->entries, app.id);
    q = state_apps_gone(a->state);
    while (state_app_next(q, &app))
        apps_dirty(a, a->entries, app.id);
    struct deployment_row d;
    q = state_deployments(a->state);
    while (state_deployment_next(q, &d))
        apps_dirty(a, a->deployments, d.id);
}

/* ---- what a look gathers */

static void mark(struct batch *b, struct entry *e)
{
    if (b->n == b->cap) {
        b->cap = b->cap == 0 ? 16 : b->cap * 2;
        b->marked = mem_realloc(b->marked, b->cap * sizeof b->marked[0]);
    }
    b->marked[b->n++] = e;
    e->marks++;
}

void apps_gather(struct look *l, enum gathered what, struct entry *e, struct json_writer *w)
{
    struct buf *items = &l->items[what];
    if (items->len > 0)
        buf_putc(items, ',');
    json_begin(w, items);
    mark(l->batches[what], e);
}

void apps_look_again(struct look *l, struct entry *e, int64_t in_ms)
{
    struct mono at = mono_after(l->now.mono, in_ms > 0 ? in_ms : 1);
    heap_set(&l->a->due, &e->due, mono_earlier(e->due.due, at));
}

/* Proposes what was gathered, if anything was. */
static void propose(struct look *l, enum gathered what, enum command_kind kind, const char *name,
                    struct outbox *out)
{
    struct apps *a = l->a;
    struct buf *items = &l->items[what];
    struct batch *b = l->batches[what];
    struct json_writer w;
    if (items->len > 0) {
        b->key = ++a->next_key;
        outbox_draft(out, kind, (struct origin){.kind = ORIGIN_APPS, .key = b->key}, &w);
        json_key(&w, name);
        json_array(&w);
        json_put_raw(&w, buf_slice(items)); /* elements, already with their commas */
        json_array_end(&w);
        outbox_draft_end(out, &w);
        map_put(a->batches, b->key, b);
    } else {
        ASSERT(b->n == 0);
        batch_free(b);
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
        dirty(a, b->marked[i]);
    }
    batch_free(b);
}

/* ---- the tick */

/* Those that wait for a place, once something has ended; several ends are one awakening. */
static void wake_waiting(struct apps *a, struct now now)
{
    if (a->freed && !list_empty(&a->waiting) && a->wake_at.ms == INT64_MAX)
        a->wake_at = mono_after(now.mono, WAITING_WAKE_MS);
    a->freed = false;
    if (now.mono.ms < a->wake_at.ms)
        return;
    a->wake_at = MONO_NEVER;
    LIST_EACH (item, &a->waiting)
        dirty(a, LIST_ENTRY(item, struct entry, in_waiting));
}

/* Those whose time has come. */
static void wake_due(struct apps *a, struct now now)
{
    while (heap_due(&a->due).ms <= now.mono.ms) {
        struct heap_item *first = heap_first(&a->due);
        heap_remove(&a->due, first);
        dirty(a, LIST_ENTRY(first, struct entry, due));
    }
}

/* Looks at those that are dirty now: apps before deployments, which see what became of them. */
static void look_at_all(struct look *l, struct map *m,
                        void (*look)(struct look *l, struct entry *e))
{
    struct apps *a = l->a;
    LIST_EACH (item, &a->dirty) {
        struct entry *e = LIST_ENTRY(item, struct entry, in_dirty);
        if (map_get(m, (uint64_t)e->id) != e)
            continue;
        list_remove(&e->in_dirty);
        if (e->marks > 0) /* stays dirty until its outcome */
            continue;
        list_remove(&e->in_waiting);
        e->dirty = false;
        heap_remove(&a->due, &e->due);
        look(l, e);
        if (e->over || e->marks > 0) /* a marked one is looked at after its outcome */
            heap_remove(&a->due, &e->due);
        if (e->over)
            entry_free(map_remove(m, (uint64_t)e->id));
    }
}

void apps_tick(struct apps *a, struct placement *p, struct now now, struct outbox *out)
{
    if (!a->leading)
        return;
    wake_waiting(a, now);
    wake_due(a, now);
    if (list_empty(&a->dirty))
        return;
    struct look l = {.a = a,
                     .placement = p,
                     .now = now,
                     .out = out,
                     .launches_left = LAUNCHES_A_TURN,
                     .kept_left = KEPT_A_TURN,
                     .kills_left = KILLS_A_TURN};
    for (int i = 0; i < GATHERED; i++) {
        buf_init(&l.items[i], LIMIT_ENTRY_BYTES);
        l.batches[i] = NEW(struct batch);
    }
    look_at_all(&l, a->entries, look_at_app);
    look_at_all(&l, a->deployments, look_at_deployment);
    /* in the order in which events tell it (spec/marathon.md 12.5): an app is gone before the step
     * that stopped it is done, and a step has begun before its tasks change */
    propose(&l, GATHER_FORGETS, COMMAND_APP_FORGET, "apps", out);
    propose(&l, GATHER_STEPS, COMMAND_DEPLOYMENT_STEP, "set", out);
    propose(&l, GATHER_KILLS, COMMAND_TASK_KILL, "tasks", out);
    propose(&l, GATHER_LAUNCHES, COMMAND_TASK_LAUNCH, "instances", out);
}

struct mono apps_due(const struct apps *a)
{
    if (!a->leading)
        return MONO_NEVER;
    if (!list_empty(&a->dirty) || a->freed)
        return (struct mono){0};
    return mono_earlier(heap_due(&a->due), a->wake_at);
}
