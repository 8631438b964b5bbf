/* One view over the two ways of writing ports, and service ports (spec/marathon.md 7.1-7.3). */

#include "base/assert.h"
#include "model/app_private.h"
#include "model/pod.h"

enum app_network_mode app_networking(const struct app *a)
{
    return a->networks.n == 0 ? APP_NETWORK_HOST : a->networks.items[0].mode;
}

static bool on_host(const struct app *a)
{
    return app_networking(a) == APP_NETWORK_HOST;
}

size_t app_port_count(const struct app *a)
{
    if (on_host(a))
        return a->port_definitions.n;
    return a->container == NULL ? 0 : a->container->mappings.n;
}

struct app_port_view app_port(const struct app *a, size_t i)
{
    ASSERT(i < app_port_count(a));
    if (on_host(a)) {
        const struct app_port *p = &a->port_definitions.items[i];
        return (struct app_port_view){.name = p->name,
                                      .protocol = p->protocol,
                                      .labels = &p->labels,
                                      .service_port = p->port,
                                      .host_port = a->require_ports ? p->port : 0,
                                      .container_port = NOT_GIVEN};
    }
    const struct app_mapping *m = &a->container->mappings.items[i];
    return (struct app_port_view){.name = m->name,
                                  .protocol = m->protocol,
                                  .labels = &m->labels,
                                  .service_port = m->service_port,
                                  .host_port = m->host_port,
                                  .container_port = m->container_port};
}

int64_t app_service_port(const struct app *a, size_t i)
{
    return app_port(a, i).service_port;
}

static void set_service_port(struct app *a, size_t i, int64_t port)
{
    ASSERT(i < app_port_count(a));
    if (on_host(a))
        a->port_definitions.items[i].port = port;
    else
        a->container->mappings.items[i].service_port = port;
}

/* Of a port or an endpoint: 1 if it may be any. */
static size_t need_port(int64_t port, struct ports *fixed)
{
    if (port > 0)
        ports_add(fixed, (uint16_t)port, (uint16_t)port);
    return port == 0;
}

size_t app_host_ports_needed(const struct app *a, struct ports *fixed)
{
    size_t any = 0;
    for (size_t i = 0; i < app_port_count(a); i++)
        any += need_port(app_port(a, i).host_port, fixed);
    for (size_t c = 0; a->pod != NULL && c < a->pod->containers.n; c++)
        for (size_t i = 0; i < a->pod->containers.items[c].endpoints.n; i++)
            any += need_port(a->pod->containers.items[c].endpoints.items[i].host_port, fixed);
    return any;
}

/* ---- assigning service ports */

struct assigning {
    const struct service_ports *range;
    const struct app *old;
    size_t next_old;   /* of old's ports, the next to try */
    int64_t next_new;  /* of the range */
    struct ports mine; /* named by the app, or given to it */
};

static bool in_range(const struct service_ports *range, int64_t port)
{
    return port >= range->min && port <= range->max;
}

/* The next port that the app may have; 0: none is left. */
static int64_t next_port(struct assigning *g)
{
    while (g->old != NULL && g->next_old < app_port_count(g->old)) {
        int64_t port = app_service_port(g->old, g->next_old++);
        if (in_range(g->range, port) && !ports_have(&g->mine, (uint16_t)port))
            return port;
    }
    while (g->next_new <= g->range->max) {
        int64_t port = g->next_new++;
        if (!ports_have(&g->mine, (uint16_t)port) && !g->range->taken(g->range->data, port))
            return port;
    }
    return 0;
}

static size_t count_open(const struct app *a)
{
    size_t open = 0;
    for (size_t i = 0; i < app_port_count(a); i++)
        open += app_service_port(a, i) == 0;
    return open;
}

int app_assign_service_ports(struct app *a, const struct app *old,
                             const struct service_ports *range, struct error *err)
{
    ASSERT(range->min >= 1 && range->max <= UINT16_MAX);
    struct assigning g = {.range = range, .old = old, .next_new = range->min};
    struct arena scratch = {0};
    size_t n = app_port_count(a), given = 0, open = count_open(a);
    int64_t *ports = arena_alloc(&scratch, open * sizeof(*ports));
    for (size_t i = 0; i < n; i++) {
        int64_t port = app_service_port(a, i);
        if (port != 0)
            ports_add(&g.mine, (uint16_t)port, (uint16_t)port);
    }
    for (; given < open; given++) {
        ports[given] = next_port(&g);
        if (ports[given] == 0)
            break;
        ports_add(&g.mine, (uint16_t)ports[given], (uint16_t)ports[given]);
    }
    int result = 0;
    if (given < open)
        result = error_set(err, ERR_UNAVAILABLE, "no service port is free in %lld-%lld",
                           (long long)range->min, (long long)range->max);
    for (size_t i = 0, k = 0; result == 0 && i < n; i++)
        if (app_service_port(a, i) == 0)
            set_service_port(a, i, ports[k++]);
    ports_close(&g.mine);
    arena_close(&scratch);
    return result;
}
