/* The tasks of one app: what each is to a step, and who dies first (spec/marathon.md 8.4, 11.6). */
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/pod.h"
#include "scheduler/apps/private.h"
#include "scheduler/placement/constraints.h"

/* Since when its agent is out of reach. */
static int64_t lost_since(struct state *s, int64_t agent)
{
    struct agent_row row;
    return state_agent_by_id(s, agent, &row) ? row.since.ms : 0;
}

static bool is_lost(struct state *s, struct wall now, const struct app *app,
                    const struct task_row *t)
{
    return t->state == TASK_UNREACHABLE && now.ms - lost_since(s, t->agent) >= lost_after_ms(app);
}

/* Without checks every one counts as well, running or not; but nobody out of reach (8.5). */
static bool is_healthy(const struct app *app, const struct task_row *t)
{
    if (t->state == TASK_UNREACHABLE)
        return false;
    return !app_task_has_check(app, t->name) || t->health == 1;
}

/* Is its node to become empty? What has its data there stays. */
static bool is_leaving(struct state *s, const struct app *app, const struct task_row *t)
{
    struct agent_row row;
    return !app_is_resident(app) && t->state != TASK_UNREACHABLE &&
           state_agent_by_id(s, t->agent, &row) && row.state == AGENT_DRAINING;
}

static struct task_view *add(struct tasks *t)
{
    if (t->n == t->cap) {
        t->cap = t->cap == 0 ? 16 : t->cap * 2;
        t->items = mem_realloc(t->items, t->cap * sizeof t->items[0]);
    }
    return &t->items[t->n++];
}

/* Another container of an instance: together they are one (spec/marathon.md 6.6). One that has
 * ended well is not among them. */
static void join(struct task_view *v, const struct task_row *t, bool healthy)
{
    bool was_ready = v->ready;
    int64_t since = t->started.ms != 0 ? t->started.ms : t->staged.ms;
    v->state = task_state_of_both(v->state, t->state);
    v->healthy = v->healthy && healthy;
    v->ready = was_ready && healthy && t->ready && t->state == TASK_RUNNING;
    v->since = since > v->since ? since : v->since;
}

void tasks_gather(struct state *s, struct wall now, const struct app_row *row,
                  const struct app *app, struct tasks *out)
{
    struct task_row t;
    bool drains = state_any_drain(s);
    *out = (struct tasks){0};
    struct stmt *q = state_tasks_of_app(s, row->id);
    while (state_task_next(q, &t)) {
        bool healthy = is_healthy(app, &t), leaving = drains && is_leaving(s, app, &t);
        if (t.pod && out->n > 0 && out->items[out->n - 1].instance == t.owner_id) {
            join(&out->items[out->n - 1], &t, healthy);
            continue;
        }
        out->leaving += leaving;
        *add(out) = (struct task_view){
            .id = t.id,
            .instance = t.owner_id,
            .agent = t.agent,
            .since = t.started.ms != 0 ? t.started.ms : t.staged.ms,
            .version = t.version,
            .state = t.state,
            .stopping = t.stopping,
            .old = t.version.ms < row->config.ms || leaving,
            .lost = is_lost(s, now, app, &t),
            .leaving = leaving,
            .healthy = healthy,
            .ready = healthy && t.ready && t.state == TASK_RUNNING,
        };
    }
}

void tasks_close(struct tasks *t)
{
    mem_free(t->items);
}

/* ---- who dies first */

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
    case TASK_KILLING:
    case TASK_FINISHED:
    case TASK_FAILED:
    case TASK_KILLED:
    case TASK_ERROR:
    case TASK_GONE:
    case TASK_DROPPED:
    case TASK_LOST: /* none of these is a candidate */
        return 5;
    }
    UNREACHABLE("every state is above");
}

struct order {
    bool sick_first; /* of an upgrade's old ones */
    bool youngest_first;
};

static int by_order(const struct task_view *x, const struct task_view *y, const struct order *o)
{
    if (o->sick_first && x->healthy != y->healthy)
        return x->healthy ? 1 : -1;
    if (weight(x) != weight(y))
        return weight(x) - weight(y);
    if (x->since != y->since)
        return (x->since < y->since) == o->youngest_first ? 1 : -1;
    return (x->id < y->id) == o->youngest_first ? 1 : -1;
}

static int compare(const void *x, const void *y, void *order)
{
    return by_order(x, y, order);
}

/* Those of the kind that are to live: to the front. Returns how many. */
static size_t pick(struct tasks *t, enum which which)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++) {
        const struct task_view *v = &t->items[i];
        bool of_kind = which == ALL_ONES || v->old == (which == OLD_ONES);
        bool counts = which == OLD_ONES || !v->lost; /* a lost old one must not come back */
        if (of_kind && counts && !v->stopping) {
            struct task_view picked = *v;
            t->items[i] = t->items[n];
            t->items[n++] = picked;
        }
    }
    return n;
}

/* ---- keeping groups even */

struct grouping { /* one GROUP_BY constraint over the candidates */
    const struct constraint *c;
    size_t *group; /* of each candidate; their number is that of the first with its value */
    size_t *size;  /* of each group, by that number; 0: no group */
    size_t spread_at_first;
};

static void read_value(struct look *l, const struct constraint *c, int64_t agent,
                       char dst[FIELD_TEXT_SIZE])
{
    struct agent_row row;
    struct error err;
    dst[0] = '\0';
    if (!state_agent_by_id(l->a->state, agent, &row))
        return;
    struct json *attributes = json_parse(slice_of(row.attributes), &err);
    constraint_value(c, CONSTRAINT_OF_APP, row.hostname, attributes, dst);
    json_free(attributes);
}

static size_t spread(const struct grouping *g, size_t n)
{
    size_t least = SIZE_MAX, most = 0;
    for (size_t i = 0; i < n; i++) {
        if (g->group[i] != i) /* not a group's first */
            continue;
        least = g->size[i] < least ? g->size[i] : least;
        most = g->size[i] > most ? g->size[i] : most;
    }
    return most - least;
}

static void grouping_begin(struct look *l, const struct constraint *c, const struct task_view *v,
                           size_t n, struct grouping *out)
{
    struct map *firsts = map_new(); /* value -> number of its first candidate, plus one */
    *out = (struct grouping){.c = c,
                             .group = mem_zalloc(n * sizeof out->group[0]),
                             .size = mem_zalloc(n * sizeof out->size[0])};
    for (size_t i = 0; i < n; i++) {
        char value[FIELD_TEXT_SIZE];
        read_value(l, c, v[i].agent, value);
        size_t first = (size_t)(uintptr_t)map_get_str(firsts, value);
        if (first == 0) {
            map_put_str(firsts, value, (void *)(uintptr_t)(i + 1));
            first = i + 1;
        }
        out->group[i] = first - 1;
        out->size[first - 1]++;
    }
    map_free(firsts);
    out->spread_at_first = spread(out, n);
}

static void grouping_end(struct grouping *g)
{
    mem_free(g->group);
    mem_free(g->size);
}

/* Would every constraint stay even, or become more so, without candidate i? */
static bool may_go(struct grouping *groupings, size_t groupings_n, size_t i, size_t n)
{
    bool fine = true;
    for (size_t k = 0; k < groupings_n && fine; k++) {
        struct grouping *g = &groupings[k];
        g->size[g->group[i]]--;
        size_t after = spread(g, n);
        g->size[g->group[i]]++;
        fine = after <= 1 || after < g->spread_at_first;
    }
    return fine;
}

/* The first candidate of a largest group that is not chosen yet; n: none. */
static size_t propose(const struct grouping *g, const bool *chosen, size_t n)
{
    size_t best = n;
    for (size_t i = 0; i < n; i++)
        if (!chosen[i] && (best == n || g->size[g->group[i]] > g->size[g->group[best]]))
            best = i;
    return best;
}

static int wider_first(const void *x, const void *y)
{
    const struct grouping *a = x, *b = y;
    return (a->spread_at_first < b->spread_at_first) - (a->spread_at_first > b->spread_at_first);
}

static bool choose_one(struct grouping *groupings, size_t groupings_n, bool *chosen, size_t n)
{
    for (size_t k = 0; k < groupings_n; k++) {
        size_t i = propose(&groupings[k], chosen, n);
        if (i == n || !may_go(groupings, groupings_n, i, n))
            continue;
        chosen[i] = true;
        for (size_t j = 0; j < groupings_n; j++)
            groupings[j].size[groupings[j].group[i]]--;
        return true;
    }
    return false;
}

/* Puts up to `wanted` of the n candidates first, so that what stays is even. */
static void even_first(struct look *l, const struct app *app, struct task_view *v, size_t n,
                       size_t wanted)
{
    struct grouping *groupings = mem_zalloc((app->constraints.n + 1) * sizeof *groupings);
    size_t groupings_n = 0, front = 0;
    for (size_t i = 0; i < app->constraints.n; i++)
        if (app->constraints.items[i].op == OP_GROUP_BY)
            grouping_begin(l, &app->constraints.items[i], v, n, &groupings[groupings_n++]);
    if (groupings_n > 1)
        qsort(groupings, groupings_n, sizeof groupings[0], wider_first);
    bool *chosen = mem_zalloc((n + 1) * sizeof *chosen);
    for (size_t k = 0; k < wanted && choose_one(groupings, groupings_n, chosen, n);)
        k++;
    struct task_view *sorted = mem_alloc((n + 1) * sizeof *sorted);
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < n; i++)
            if (chosen[i] == (pass == 0))
                sorted[front++] = v[i];
    for (size_t i = 0; i < n; i++)
        v[i] = sorted[i];
    mem_free(sorted);
    mem_free(chosen);
    for (size_t i = 0; i < groupings_n; i++)
        grouping_end(&groupings[i]);
    mem_free(groupings);
}

static bool groups(const struct app *app)
{
    for (size_t i = 0; i < app->constraints.n; i++)
        if (app->constraints.items[i].op == OP_GROUP_BY)
            return true;
    return false;
}

size_t tasks_victims(struct look *l, const struct app *app, enum which which, struct tasks *t,
                     size_t wanted)
{
    size_t n = pick(t, which);
    struct order order = {.sick_first = which == OLD_ONES,
                          .youngest_first = app->kill_selection == KILL_YOUNGEST_FIRST};
    if (n > 1)
        qsort_r(t->items, n, sizeof t->items[0], compare, &order);
    if (which == ALL_ONES && wanted < n && groups(app))
        even_first(l, app, t->items, n, wanted);
    return wanted < n ? wanted : n;
}
