/* The rules that a normalized pod must keep (spec/marathon.md 13.2), one function a subject. */

#include <string.h>

#include "base/str.h"
#include "model/linux_info.h"
#include "model/pod_private.h"

/* Both stand in a task's id: "p.instance-<uuid>.container.1", without the pod's first slash. */
enum { POD_NAMES_MAX = TASK_ID_SIZE - 1 - (10 + 36 + 1 + 2) + 1 };

struct at { /* one container */
    const struct app_input *in;
    const struct pod *pod;
    const struct pod_container *c;
    const char *path; /* "/containers(0)" */
};

#define AT(at_, ...) app_path((at_)->in->app, __VA_ARGS__)

static bool has_secret(const struct pod *p, const char *name)
{
    for (size_t i = 0; i < p->secrets.n; i++)
        if (str_eq(p->secrets.items[i].name, name))
            return true;
    return false;
}

const struct pod_volume *pod_volume_named(const struct pod *p, const char *name)
{
    for (size_t i = 0; i < p->volumes.n; i++)
        if (str_eq(p->volumes.items[i].name, name))
            return &p->volumes.items[i];
    return NULL;
}

/* ---- what runs */

static void check_command(const struct at *at, const struct pod_command *c, const char *path)
{
    if ((c->shell != NULL) + (c->argv.n > 0) != 1)
        app_problem(at->in->problems, path, "need exactly one of \"shell\" and \"argv\"");
    if (c->shell != NULL)
        app_check_argument(at->in, AT(at, "%s/shell", path), c->shell, 0);
    if (c->argv.n > 0 && c->argv.items[0][0] == '\0')
        app_problem(at->in->problems, AT(at, "%s/argv(0)", path),
                    "got \"\", need the name of a program");
    for (size_t i = 0; i < c->argv.n; i++)
        app_check_argument(at->in, AT(at, "%s/argv(%zu)", path, i), c->argv.items[i], 0);
}

static void check_run(const struct at *at)
{
    const struct app_input *in = at->in;
    const struct pod_container *c = at->c;
    if (c->exec == NULL && c->image == NULL)
        app_problem(in->problems, at->path, "need \"exec\" or \"image\"");
    if (c->exec != NULL)
        check_command(at, &c->exec->command, AT(at, "%s/exec/command", at->path));
    if (c->image == NULL && pod_networking(at->pod) != APP_NETWORK_HOST)
        app_problem(in->problems, AT(at, "%s/image", at->path),
                    "need an image: without one a container is on the host's network");
    if (c->image != NULL)
        app_check_image(in, AT(at, "%s/image/id", at->path), c->image->id);
    if (c->image != NULL && c->image->pull_config != NULL &&
        !has_secret(at->pod, c->image->pull_config->secret))
        app_problem(in->problems, AT(at, "%s/image/pullConfig/secret", at->path),
                    "%s is not declared in \"secrets\"",
                    app_quoted(in->app, c->image->pull_config->secret));
    if (c->resources.gpus > 0)
        app_check_gpus(in, AT(at, "%s/resources/gpus", at->path), c->resources.gpus,
                       c->image != NULL);
    linux_info_check(in, AT(at, "%s/linuxInfo", at->path), c->linux_info, c->image != NULL);
    if (c->limits != NULL)
        app_check_limits(in, at->path, c->limits, c->resources.cpus, c->resources.mem);
}

static void check_env(const struct app_input *in, const struct pod *p, const struct env_vars *env,
                      const char *path)
{
    for (size_t i = 0; i < env->n; i++) {
        const struct env_var *var = &env->items[i];
        if (var->name[0] == '\0')
            app_problem(in->problems, path, "got an empty name");
        app_check_argument(in, app_path(in->app, "%s(%s)", path, var->name), var->value,
                           strlen(var->name) + 1);
        if (var->secret != NULL && !has_secret(p, var->secret))
            app_problem(in->problems, app_path(in->app, "%s(%s)", path, var->name),
                        "the secret %s is not declared in \"secrets\"",
                        app_quoted(in->app, var->secret));
    }
}

/* ---- volumes */

static void check_places(const struct at *at)
{
    const struct pod_container *c = at->c;
    struct app_place *all =
        arena_alloc(&at->in->app->arena, (c->mounts.n + c->artifacts.n + 1) * sizeof *all);
    for (size_t i = 0; i < c->mounts.n; i++) {
        const struct pod_mount *m = &c->mounts.items[i];
        all[i] = (struct app_place){AT(at, "%s/volumeMounts(%zu)/mountPath", at->path, i), m->path,
                                    false};
        if (pod_volume_named(at->pod, m->name) == NULL)
            app_problem(at->in->problems, AT(at, "%s/volumeMounts(%zu)/name", at->path, i),
                        "no volume has the name %s", app_quoted(at->in->app, m->name));
    }
    size_t n =
        c->mounts.n + app_take_fetched(at->in, AT(at, "%s/artifacts", at->path), c->artifacts.items,
                                       c->artifacts.n, all + c->mounts.n);
    app_check_places(at->in, all, n, c->image != NULL);
}

static bool is_mounted(const struct pod *p, const char *volume)
{
    for (size_t c = 0; c < p->containers.n; c++)
        for (size_t i = 0; i < p->containers.items[c].mounts.n; i++)
            if (str_eq(p->containers.items[c].mounts.items[i].name, volume))
                return true;
    return false;
}

static void check_volumes(const struct app_input *in, const struct pod *p)
{
    for (size_t i = 0; i < p->volumes.n; i++) {
        const struct pod_volume *v = &p->volumes.items[i];
        const char *path = app_path(in->app, "/volumes(%zu)", i);
        if (pod_volume_named(p, v->name) != v)
            app_problem(in->problems, app_path(in->app, "%s/name", path),
                        "got \"%s\" twice, need different names", v->name);
        else if (!is_mounted(p, v->name))
            app_problem(in->problems, path, "no container mounts \"%s\"", v->name);
        if ((v->host != NULL) + (v->persistent != NULL) + (v->secret != NULL) > 1)
            app_problem(in->problems, path,
                        "need at most one of \"host\", \"persistent\", \"secret\"");
        if (v->host != NULL && strlen(v->host) > LIMIT_PLACE_BYTES)
            app_problem(in->problems, app_path(in->app, "%s/host", path),
                        "got %zu bytes, need at most %d", strlen(v->host), LIMIT_PLACE_BYTES);
        if (v->persistent != NULL)
            app_check_persistent(in, app_path(in->app, "%s/persistent", path), v->persistent);
        if (v->secret != NULL && !has_secret(p, v->secret))
            app_problem(in->problems, app_path(in->app, "%s/secret", path),
                        "%s is not declared in \"secrets\"", app_quoted(in->app, v->secret));
    }
}

/* ---- networks and endpoints */

static bool has_network(const struct pod *p, const char *name)
{
    for (size_t i = 0; i < p->networks.n; i++)
        if (str_eq(p->networks.items[i].name, name))
            return true;
    return false;
}

/* The endpoints of the whole pod before this one: is one equal? */
static void check_twice(const struct at *at, const struct pod_endpoint *e, const char *path)
{
    for (const struct pod_container *c = at->pod->containers.items; c <= at->c; c++) {
        for (const struct pod_endpoint *o = c->endpoints.items;
             o < c->endpoints.items + c->endpoints.n && o != e; o++) {
            if (str_eq(o->name, e->name))
                app_problem(at->in->problems, AT(at, "%s/name", path),
                            "got \"%s\" twice, need different names over the pod", e->name);
            if (e->container_port > 0 && o->container_port == e->container_port)
                app_problem(at->in->problems, AT(at, "%s/containerPort", path),
                            "got %lld twice, need different ports over the pod",
                            (long long)e->container_port);
            if (e->host_port > 0 && o->host_port == e->host_port)
                app_problem(at->in->problems, AT(at, "%s/hostPort", path),
                            "got %lld twice, need different ports over the pod",
                            (long long)e->host_port);
        }
    }
}

static void check_endpoint(const struct at *at, size_t i)
{
    const struct pod_endpoint *e = &at->c->endpoints.items[i];
    struct problems *problems = at->in->problems;
    const char *path = AT(at, "%s/endpoints(%zu)", at->path, i);
    check_twice(at, e, path);
    if (pod_networking(at->pod) == APP_NETWORK_HOST) {
        if (e->container_port != NOT_GIVEN)
            app_problem(problems, AT(at, "%s/containerPort", path), "not with host networking");
    } else if (e->container_port == NOT_GIVEN) {
        app_problem(problems, AT(at, "%s/containerPort", path),
                    "need it: the pod has a network of its own");
    }
    for (size_t k = 0; k < e->protocols.n; k++)
        if (!str_eq(e->protocols.items[k], "tcp") && !str_eq(e->protocols.items[k], "udp"))
            app_problem(problems, AT(at, "%s/protocol(%zu)", path, k),
                        "got %s, need \"tcp\" or \"udp\"",
                        app_quoted(at->in->app, e->protocols.items[k]));
    for (size_t k = 0; k < e->network_names.n; k++)
        if (!has_network(at->pod, e->network_names.items[k]))
            app_problem(problems, AT(at, "%s/networkNames", path),
                        "%s is none of the pod's networks",
                        app_quoted(at->in->app, e->network_names.items[k]));
    if (e->host_port != NOT_GIVEN && at->pod->networks.n > 1 && e->network_names.n != 1)
        app_problem(problems, AT(at, "%s/networkNames", path),
                    "got %zu, need exactly one: there is a hostPort and several networks",
                    e->network_names.n);
}

/* ---- checks */

static void check_has_endpoint(const struct at *at, const char *name, const char *path)
{
    for (size_t i = 0; i < at->c->endpoints.n; i++)
        if (str_eq(at->c->endpoints.items[i].name, name))
            return;
    app_problem(at->in->problems, AT(at, "%s/endpoint", path),
                "the container has no endpoint of the name %s", app_quoted(at->in->app, name));
}

static void check_http(const struct at *at, const struct pod_check_http *c, const char *path)
{
    check_has_endpoint(at, c->endpoint, path);
    app_check_http_path(at->in, AT(at, "%s/path", path), c->path);
}

static void check_check(const struct at *at, const struct pod_check *c, const char *name)
{
    if (c == NULL)
        return;
    const char *path = AT(at, "%s/%s", at->path, name);
    if ((c->http != NULL) + (c->tcp != NULL) + (c->exec != NULL) != 1)
        app_problem(at->in->problems, path, "need exactly one of \"http\", \"tcp\", \"exec\"");
    if (c->http != NULL)
        check_http(at, c->http, AT(at, "%s/http", path));
    if (c->tcp != NULL)
        check_has_endpoint(at, c->tcp->endpoint, AT(at, "%s/tcp", path));
    if (c->exec != NULL)
        check_command(at, &c->exec->command, AT(at, "%s/exec/command", path));
    if (c->timeout_s >= c->interval_s)
        app_problem(at->in->problems, AT(at, "%s/timeoutSeconds", path),
                    "got %lld, need less than intervalSeconds, %lld", (long long)c->timeout_s,
                    (long long)c->interval_s);
}

/* ---- a container */

static void check_container(const struct app_input *in, const struct pod *p, size_t i)
{
    const struct at at = {in, p, &p->containers.items[i], app_path(in->app, "/containers(%zu)", i)};
    for (size_t k = 0; k < i; k++)
        if (str_eq(p->containers.items[k].name, at.c->name))
            app_problem(in->problems, app_path(in->app, "%s/name", at.path),
                        "got \"%s\" twice, need different names", at.c->name);
    size_t bytes = strlen(in->app->id) + strlen(at.c->name);
    if (bytes > POD_NAMES_MAX)
        app_problem(in->problems, app_path(in->app, "%s/name", at.path),
                    "got %zu bytes together with the pod's id, need at most %d", bytes,
                    POD_NAMES_MAX);
    check_run(&at);
    check_env(in, p, &at.c->env, app_path(in->app, "%s/environment", at.path));
    check_places(&at);
    for (size_t k = 0; k < at.c->endpoints.n; k++)
        check_endpoint(&at, k);
    check_check(&at, at.c->health, "healthCheck");
    check_check(&at, at.c->check, "check");
}

/* It is what its containers have that say nothing of their own. */
static void check_linux_info(const struct app_input *in, const struct pod *p)
{
    bool images = true;
    for (size_t i = 0; i < p->containers.n; i++)
        images = images && p->containers.items[i].image != NULL;
    linux_info_check(in, "/linuxInfo", p->linux_info, images);
    if (linux_info_read(p->linux_info).has_ipc)
        app_problem(in->problems, "/linuxInfo/ipcInfo",
                    "need it in the \"linuxInfo\" of each container: they share no memory here");
}

static void check_scheduling(const struct app_input *in, const struct pod *p)
{
    const struct strings *roles = &p->scheduling.placement.accepted_roles;
    app_check_over_capacity(in, "/scheduling/upgrade");
    app_check_unreachable(in, "/scheduling/unreachableStrategy");
    for (size_t i = 0; i < roles->n; i++)
        if (!str_eq(roles->items[i], "*") && !str_eq(roles->items[i], p->role))
            app_problem(in->problems,
                        app_path(in->app, "/scheduling/placement/acceptedResourceRoles(%zu)", i),
                        "got %s, need \"*\" or the pod's role, %s",
                        app_quoted(in->app, roles->items[i]), app_quoted(in->app, p->role));
}

/* ---- the whole */

/* The last: what else is wrong with it is worth more. */
static void check_disks(const struct app_input *in, const struct pod *p)
{
    size_t n = in->problems->n == 0 ? p->volumes.n : 0;
    for (size_t i = 0; i < n; i++)
        if (p->volumes.items[i].persistent != NULL)
            app_check_disk(in, app_path(in->app, "/volumes(%zu)/persistent", i),
                           p->volumes.items[i].persistent);
}

void pod_validate(const struct app_input *in)
{
    const struct pod *p = in->app->pod;
    if (p->containers.n == 0 || p->containers.n > LIMIT_POD_CONTAINERS) {
        problems_add_coded(
            in->problems, p->containers.n == 0 ? "error.minLength" : "error.maxLength",
            "/containers", "got %zu, need 1 to %d", p->containers.n, LIMIT_POD_CONTAINERS);
        return;
    }
    for (size_t i = 0; i < p->containers.n; i++)
        check_container(in, p, i);
    check_env(in, p, &p->env, "/environment");
    check_volumes(in, p);
    check_linux_info(in, p);
    check_scheduling(in, p);
    app_check_networks(in);
    if (p->networks.n > 1 && pod_has_image(p))
        app_problem(in->problems, "/networks", "got %zu, need one: an image can have no more",
                    p->networks.n);
    app_check_role(in);
    app_check_secrets(in);
    check_disks(in, p);
}
