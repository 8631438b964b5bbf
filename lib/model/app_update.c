/* What lies on an agent can not be moved by an update (spec/marathon.md 4.6, 13.2). */
#include <string.h>

#include "base/str.h"
#include "model/pod_private.h"

struct update {
    const struct app *old;
    struct app *now;
    struct problems *problems;
};

/* ---- an app */

static bool same_host_ports(const struct app *a, const struct app *b)
{
    bool same = app_port_count(a) == app_port_count(b);
    for (size_t i = 0; same && i < app_port_count(a); i++)
        same = app_port(a, i).host_port == app_port(b, i).host_port;
    return same;
}

static void check_app(const struct update *u)
{
    const struct app *a = u->now, *old = u->old;
    const struct {
        const char *path;
        double got, need;
    } KEPT[] = {
        {"/cpus", a->cpus, old->cpus},
        {"/mem", a->mem, old->mem},
        {"/disk", a->disk, old->disk},
        {"/gpus", (double)a->gpus, (double)old->gpus},
    };
    if (a->container == NULL || !app_same_volumes(a, old))
        app_problem(u->problems, "/container/volumes",
                    "got others, need those of %s as they are: some are persistent", a->id);
    for (size_t i = 0; i < sizeof(KEPT) / sizeof(*KEPT); i++)
        if (KEPT[i].got != KEPT[i].need)
            app_problem(u->problems, KEPT[i].path, "got %g, need %g: %s has persistent volumes",
                        KEPT[i].got, KEPT[i].need, a->id);
    if (a->require_ports != old->require_ports)
        app_problem(u->problems, "/requirePorts", "got %s, need %s: %s has persistent volumes",
                    a->require_ports ? "true" : "false", old->require_ports ? "true" : "false",
                    a->id);
    if (!same_host_ports(a, old))
        app_problem(u->problems, "/",
                    "got other host ports, need those of %s as they are: it has persistent volumes",
                    a->id);
}

/* ---- a pod */

static bool same_kept(const struct pod *p, const struct pod *old)
{
    size_t n = 0, old_n = 0;
    for (size_t i = 0; i < old->volumes.n; i++)
        old_n += old->volumes.items[i].persistent != NULL;
    for (size_t i = 0; i < p->volumes.n; i++) {
        const struct pod_volume *v = &p->volumes.items[i];
        const struct pod_volume *before = pod_volume_named(old, v->name);
        if (v->persistent == NULL)
            continue;
        if (before == NULL || before->persistent == NULL ||
            !fields_equal(&APP_PERSISTENT_FIELDS, v->persistent, before->persistent))
            return false;
        n++;
    }
    return n == old_n;
}

static bool same_needs(const struct app *a, const struct app *old)
{
    struct resources now = app_needs(a), before = app_needs(old);
    bool same = now.cpus_milli == before.cpus_milli && now.mem_bytes == before.mem_bytes &&
                now.disk_bytes == before.disk_bytes && now.gpus == before.gpus;
    resources_close(&now);
    resources_close(&before);
    return same;
}

/* Host ports in the order in which instances have them. */
static size_t list_ports(const struct pod *p, int64_t *out)
{
    size_t n = 0;
    for (size_t c = 0; c < p->containers.n; c++) {
        for (size_t i = 0; i < p->containers.items[c].endpoints.n; i++) {
            int64_t port = p->containers.items[c].endpoints.items[i].host_port;
            if (port != NOT_GIVEN)
                out[n++] = port;
        }
    }
    return n;
}

static size_t count_endpoints(const struct pod *p)
{
    size_t n = 0;
    for (size_t c = 0; c < p->containers.n; c++)
        n += p->containers.items[c].endpoints.n;
    return n;
}

static bool same_ports(struct arena *arena, const struct pod *p, const struct pod *old)
{
    int64_t *now = arena_alloc(arena, (count_endpoints(p) + 1) * sizeof *now);
    int64_t *before = arena_alloc(arena, (count_endpoints(old) + 1) * sizeof *before);
    size_t n = list_ports(p, now);
    return n == list_ports(old, before) && memcmp(now, before, n * sizeof *now) == 0;
}

static void check_pod(const struct update *u)
{
    struct app *a = u->now;
    const struct app *old = u->old;
    if (!same_kept(a->pod, old->pod))
        app_problem(u->problems, "/volumes",
                    "got other persistent ones, need those of %s as they are", a->id);
    if (!same_needs(a, old))
        app_problem(u->problems, "/containers",
                    "got other resources, the executor's with them, need those of %s as they are: "
                    "it has persistent volumes",
                    a->id);
    if (!same_ports(&a->arena, a->pod, old->pod))
        app_problem(u->problems, "/containers",
                    "got other host ports, need those of %s as they are: it has persistent volumes",
                    a->id);
}

/* ---- both */

void app_check_update(const struct app *old, struct app *now, bool force, struct problems *problems)
{
    const struct update u = {.old = old, .now = now, .problems = problems};
    if (!app_is_resident(old))
        return;
    if ((old->pod != NULL) != (now->pod != NULL))
        app_problem(problems, "/", "got %s, need %s: %s has persistent volumes",
                    now->pod != NULL ? "a pod" : "an app", old->pod != NULL ? "a pod" : "an app",
                    now->id);
    else if (now->pod != NULL)
        check_pod(&u);
    else
        check_app(&u);
    if (!force && !str_eq(now->role, old->role))
        app_problem(problems, "/role",
                    "got %s, need \"%s\" or force=true: %s has persistent volumes",
                    app_quoted(now, now->role), old->role, now->id);
}
