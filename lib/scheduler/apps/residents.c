/* Residents that do not run: which of them are launched next, each where its data is. */
#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "model/pod.h"
#include "scheduler/apps/private.h"

int64_t lost_after_ms(const struct app *app)
{
    if (!app->unreachable.disabled)
        return app->unreachable.inactive_s * 1000;
    bool relaunched = app->residency != NULL && app->residency->task_lost == LOST_RELAUNCH;
    return relaunched ? app->residency->relaunch_timeout_s * 1000 : INT64_MAX;
}

/* Is its agent away for so long that another instance, with data of its own, takes its place? */
static bool is_given_up(const struct agent_row *agent, const struct app *app, struct wall now)
{
    return agent->state == AGENT_UNREACHABLE && now.ms - agent->since.ms >= lost_after_ms(app);
}

static void add(struct residents *out, const struct reservation_row *r, bool is_ready)
{
    if (out->n == out->cap) {
        out->cap = out->cap == 0 ? 8 : out->cap * 2;
        out->items = mem_realloc(out->items, out->cap * sizeof out->items[0]);
    }
    out->items[out->n++] = (struct resident){.instance = r->instance,
                                             .agent = r->agent,
                                             .idle = r->idle,
                                             .stopped = r->stopped,
                                             .ready = is_ready};
}

/* Who has failed before who was stopped, who ran last before who ran long ago; of those that were
 * stopped who can start at once. */
static int compare(const void *x, const void *y)
{
    const struct resident *a = x, *b = y;
    if (a->stopped != b->stopped)
        return a->stopped ? 1 : -1;
    if (a->stopped && a->ready != b->ready)
        return a->ready ? -1 : 1;
    if (a->idle.ms != b->idle.ms)
        return a->idle.ms > b->idle.ms ? -1 : 1;
    return a->instance < b->instance ? -1 : a->instance > b->instance;
}

/* Is it told to end, and will start again when it has? */
static bool is_ending(struct state *s, const struct reservation_row *r)
{
    struct task_row t;
    return !r->wiped && state_task_by_id(s, r->first_task, &t) && t.stopping;
}

static bool asks_for(const struct app *app, const char *volume)
{
    struct app_kept wanted;
    for (size_t i = 0; app_kept_volume(app, i, &wanted); i++)
        if (str_eq(wanted.path, volume))
            return true;
    return false;
}

static bool has_volumes(struct state *s, int64_t instance, const struct app *app)
{
    struct volume_row v;
    struct app_kept wanted;
    size_t n = 0;
    bool same = true;
    struct stmt *q = state_volumes_of_instance(s, instance);
    for (; state_volume_next(q, &v); n++)
        same = same && asks_for(app, v.path);
    return same && !app_kept_volume(app, n, &wanted); /* it asks for no more */
}

static size_t count_ports(const struct app *app)
{
    size_t n = 0;
    for (size_t i = 0; i < app_port_count(app); i++)
        n += app_port(app, i).host_port != NOT_GIVEN;
    for (size_t i = 0; app->pod != NULL && i < app->pod->containers.n; i++) {
        const struct pod_container *c = &app->pod->containers.items[i];
        for (size_t k = 0; k < c->endpoints.n; k++)
            n += c->endpoints.items[k].host_port != NOT_GIVEN;
    }
    return n;
}

static bool has_ports(const struct reservation_row *r, const struct app *app)
{
    struct error err;
    struct json *ports = json_parse_own(slice_of(r->ports), &err);
    bool same = json_count(ports) == count_ports(app);
    json_free(ports);
    return same;
}

/* An app that went back to a version of before it had volumes, when that was allowed, has left
 * places that are not what it asks for when it has some again. */
static bool is_of_use(struct state *s, const struct reservation_row *r, const struct app *app)
{
    return has_ports(r, app) && has_volumes(s, r->instance, app);
}

void residents_gather(struct state *s, struct wall now, const struct app_row *row,
                      const struct app *app, struct residents *out)
{
    struct reservation_row r;
    struct agent_row agent;
    *out = (struct residents){0};
    struct stmt *q = state_reservations_of_app(s, row->id);
    while (state_reservation_next(q, &r)) {
        if (!state_agent_by_id(s, r.agent, &agent) || is_given_up(&agent, app, now) ||
            !is_of_use(s, &r, app))
            continue;
        if (r.is_idle)
            add(out, &r, agent.state == AGENT_READY);
        else
            out->ending += is_ending(s, &r);
    }
    if (out->n > 1)
        qsort(out->items, out->n, sizeof out->items[0], compare);
}

void residents_close(struct residents *r)
{
    mem_free(r->items);
}

size_t apps_waiting_kept(struct state *s, const struct app_row *row, const struct app *app,
                         int64_t n, struct wall now, int64_t *out)
{
    struct residents all;
    residents_gather(s, now, row, app, &all);
    size_t kept = 0;
    for (; kept < all.n && (int64_t)kept < n; kept++)
        out[kept] = all.items[kept].instance;
    residents_close(&all);
    return kept;
}

void apps_demand(struct state *s, const struct app_row *row, const struct app *app, int64_t n,
                 struct wall now, struct demand *out, struct ports *fixed, int64_t *kept_out)
{
    struct residents all;
    demand_of_app(app, row, out, fixed);
    residents_gather(s, now, row, app, &all);
    for (size_t i = 0; i < all.n && (int64_t)i < n && out->kept == NULL; i++) {
        if (all.items[i].ready && (int64_t)i + 1 < n)
            continue; /* it is launched now: others may have to wait */
        *kept_out = all.items[i].agent;
        out->kept = kept_out;
    }
    residents_close(&all);
}
