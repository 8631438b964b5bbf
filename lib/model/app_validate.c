/* The rules that a normalized app must keep (spec/marathon.md 4.6), one function a subject. */

#include "base/str.h"
#include "model/app_private.h"
#include "model/docker_parameter.h"
#include "model/linux_info.h"
#include "model/run_spec.h"

#include <string.h>

static bool has_feature(const struct app_input *in, enum app_feature feature)
{
    return (in->rules->features & feature) != 0;
}

static enum container_type type_of(const struct app *a)
{
    return a->container == NULL ? CONTAINER_MESOS : a->container->type;
}

/* ---- what runs */

/* More than that Linux starts no program with. `also`: bytes beside the text itself. */
void app_check_argument(const struct app_input *in, const char *path, const char *text, size_t also)
{
    size_t bytes = text == NULL ? 0 : strlen(text) + also;
    if (bytes > LIMIT_ARGUMENT_BYTES)
        app_problem(in->problems, path,
                    "got %zu bytes, need at most %d: put what is longer into a file that is "
                    "fetched",
                    bytes, LIMIT_ARGUMENT_BYTES);
}

void app_check_image(const struct app_input *in, const char *path, const char *image)
{
    if (!run_image_is_clean(image))
        app_problem(in->problems, path,
                    "got %s, need the name of an image: less than 300 letters, digits and "
                    "./_-:@",
                    app_quoted(in->app, image));
}

void app_check_http_path(const struct app_input *in, const char *path, const char *value)
{
    if (value != NULL && !run_check_path_is_clean(value))
        app_problem(in->problems, path, "got %s, need less than %d characters without blanks",
                    app_quoted(in->app, value), LIMIT_CHECK_PATH_BYTES);
}

static void check_command(const struct app_input *in)
{
    struct app *a = in->app;
    const struct app_docker *docker = a->container == NULL ? NULL : a->container->docker;
    bool image = docker != NULL && docker->image != NULL && docker->image[0] != '\0';
    if (a->cmd != NULL && a->args.n > 0)
        app_problem(in->problems, "/", "got both \"cmd\" and \"args\", need one of them");
    else if (a->cmd == NULL && a->args.n == 0 && !image)
        app_problem(in->problems, "/", "need \"cmd\", \"args\" or \"container.docker.image\"");
    if (!image && a->args.n > 0 && a->args.items[0][0] == '\0')
        app_problem(in->problems, "/args(0)", "got \"\", need the name of a program");
    app_check_argument(in, "/cmd", a->cmd, 0);
    for (size_t i = 0; i < a->args.n; i++)
        app_check_argument(in, app_path(a, "/args(%zu)", i), a->args.items[i], 0);
}

/* What no agent would hand on to the container engine. */
static void check_parameters(const struct app_input *in, const struct pairs *parameters)
{
    struct error err;
    for (size_t i = 0; i < parameters->n; i++)
        if (docker_parameter_check(parameters->items[i].name, parameters->items[i].value, &err) !=
            0)
            app_problem(in->problems, app_path(in->app, "/container/docker/parameters(%zu)", i),
                        "%s", err.text);
}

static void check_container(const struct app_input *in)
{
    const struct app *a = in->app;
    if (a->container == NULL)
        return;
    const struct app_docker *docker = a->container->docker;
    bool image = docker != NULL && docker->image != NULL && docker->image[0] != '\0';
    if (!image && a->container->type == CONTAINER_DOCKER)
        app_problem(in->problems, "/container/docker/image", "need the name of an image");
    else if (image)
        app_check_image(in, "/container/docker/image", docker->image);
    if (a->container->type == CONTAINER_MESOS) {
        linux_info_check(in, "/container/linuxInfo", a->container->linux_info, image);
        return;
    }
    if (docker != NULL && docker->pull_config != NULL)
        app_problem(in->problems, "/container/docker/pullConfig", "only with the type MESOS");
    if (docker != NULL)
        check_parameters(in, &docker->parameters);
    if (a->container->linux_info != NULL)
        app_problem(in->problems, "/container/linuxInfo", "only with the type MESOS");
}

/* ---- volumes */

static bool is_kept_name(const char *path)
{
    return strchr(path, '/') == NULL && !str_is_dots(path);
}

void app_check_persistent(const struct app_input *in, const char *path,
                          const struct app_persistent *p)
{
    if (p->max_size_mib != NOT_GIVEN && p->type != DISK_MOUNT)
        app_problem(in->problems, path, "maxSize: only with the type mount");
    else if (p->max_size_mib != NOT_GIVEN && p->max_size_mib <= p->size_mib)
        app_problem(in->problems, path, "maxSize: got %lld, need more than size, %lld",
                    (long long)p->max_size_mib, (long long)p->size_mib);
    if (p->constraints.n > 0 && p->type == DISK_ROOT)
        app_problem(in->problems, path, "constraints: not with the type root");
    for (size_t c = 0; c < p->constraints.n; c++)
        if (!str_eq(p->constraints.items[c].field, "path") ||
            (p->constraints.items[c].op != OP_LIKE && p->constraints.items[c].op != OP_UNLIKE))
            app_problem(in->problems, path,
                        "constraints: need [\"path\", \"LIKE\" or \"UNLIKE\", pattern]");
}

static void check_persistent(const struct app_input *in, size_t i)
{
    struct app *a = in->app;
    const struct app_volume *v = &a->container->volumes.items[i];
    const char *path = v->container_path;
    if (!is_kept_name(path))
        app_problem(in->problems, app_path(a, "/container/volumes(%zu)/containerPath", i),
                    "of a persistent volume: need a name without \"/\", not \".\" or \"..\"");
    else if (strlen(path) > VOLUME_PATH_MAX)
        app_problem(in->problems, app_path(a, "/container/volumes(%zu)/containerPath", i),
                    "of a persistent volume: got %zu bytes, need at most %d", strlen(path),
                    VOLUME_PATH_MAX);
    if (v->mode != VOLUME_RW)
        app_problem(in->problems, app_path(a, "/container/volumes(%zu)/mode", i),
                    "of a persistent volume: need RW");
    app_check_persistent(in, app_path(a, "/container/volumes(%zu)/persistent", i), v->persistent);
}

static void check_external(const struct app_input *in, size_t i)
{
    struct app *a = in->app;
    const struct app_external *e = a->container->volumes.items[i].external;
    const char *here = app_path(a, "/container/volumes(%zu)/external", i);
    if (!has_feature(in, FEATURE_EXTERNAL_VOLUMES))
        app_problem(in->problems, here, "the feature external_volumes is not switched on");
    if (e->name == NULL || e->name[0] == '\0' || e->provider == NULL || e->provider[0] == '\0')
        app_problem(in->problems, here, "need \"name\" and \"provider\"");
    for (size_t k = 0; k < i; k++) {
        const struct app_external *other = a->container->volumes.items[k].external;
        if (other != NULL && str_eq(other->name, e->name) && !e->shared)
            app_problem(in->problems, here, "name: got %s twice, need different ones",
                        app_quoted(a, e->name));
    }
}

static bool has_secret(const struct app *a, const char *name)
{
    for (size_t i = 0; i < a->secrets.n; i++)
        if (str_eq(a->secrets.items[i].name, name))
            return true;
    return false;
}

static void check_volume(const struct app_input *in, size_t i)
{
    struct app *a = in->app;
    const struct app_volume *v = &a->container->volumes.items[i];
    const char *here = app_path(a, "/container/volumes(%zu)", i);
    int kinds = (v->host_path != NULL) + (v->persistent != NULL) + (v->external != NULL) +
                (v->secret != NULL);
    if (v->container_path[0] == '\0')
        app_problem(in->problems, here, "containerPath: need a path");
    if (kinds != 1)
        app_problem(in->problems, here,
                    "need exactly one of \"hostPath\", \"persistent\", \"external\", \"secret\"");
    else if (v->host_path != NULL && v->host_path[0] == '\0')
        app_problem(in->problems, here, "hostPath: need a path");
    else if (v->host_path != NULL && strlen(v->host_path) > LIMIT_PLACE_BYTES)
        app_problem(in->problems, here, "hostPath: got %zu bytes, need at most %d",
                    strlen(v->host_path), LIMIT_PLACE_BYTES);
    else if (v->persistent != NULL)
        check_persistent(in, i);
    else if (v->external != NULL)
        check_external(in, i);
    else if (v->secret != NULL && !has_secret(a, v->secret))
        app_problem(in->problems, here, "secret: %s is not declared in \"secrets\"",
                    app_quoted(a, v->secret));
}

static void check_volumes(const struct app_input *in)
{
    const struct app *a = in->app;
    for (size_t i = 0; a->container != NULL && i < a->container->volumes.n; i++)
        check_volume(in, i);
    if (a->residency != NULL && !app_is_resident(a))
        app_problem(in->problems, "/residency", "only with a persistent volume");
}

static void check_places(const struct app_input *in)
{
    struct app *a = in->app;
    const struct app_container *c = a->container;
    size_t volumes = c != NULL ? c->volumes.n : 0, n = 0;
    struct app_place *all = arena_alloc(&a->arena, (volumes + a->fetch.n + 1) * sizeof *all);
    for (size_t i = 0; i < volumes; i++) {
        const struct app_volume *v = &c->volumes.items[i];
        bool kept = v->persistent != NULL && is_kept_name(v->container_path);
        if ((kept || v->host_path != NULL) && v->container_path[0] != '\0')
            all[n++] = (struct app_place){app_path(a, "/container/volumes(%zu)/containerPath", i),
                                          v->container_path, false};
    }
    n += app_take_fetched(in, "/fetch", a->fetch.items, a->fetch.n, all + n);
    app_check_places(in, all, n, c != NULL && c->docker != NULL);
}

/* ---- networks and ports */

void app_check_networks(const struct app_input *in)
{
    struct app *a = in->app;
    size_t containers = 0;
    for (size_t i = 0; i < a->networks.n; i++) {
        const struct app_network *n = &a->networks.items[i];
        containers += n->mode == APP_NETWORK_CONTAINER;
        if (n->mode != APP_NETWORK_CONTAINER && n->name != NULL)
            app_problem(in->problems, app_path(a, "/networks(%zu)/name", i),
                        "only with the mode \"container\"");
        if (n->mode == APP_NETWORK_HOST && n->labels.n > 0)
            app_problem(in->problems, app_path(a, "/networks(%zu)/labels", i),
                        "not with the mode \"host\"");
        for (size_t k = 0; k < i; k++)
            if (n->name != NULL && str_eq(n->name, a->networks.items[k].name))
                app_problem(in->problems, app_path(a, "/networks(%zu)/name", i),
                            "got %s twice, need different networks", app_quoted(a, n->name));
    }
    if (a->networks.n > 1 && containers < a->networks.n)
        app_problem(in->problems, "/networks",
                    "need one of the mode \"host\", or one \"container/bridge\", or any number of "
                    "\"container\"");
    else if (containers > 1 && type_of(a) == CONTAINER_DOCKER)
        app_problem(in->problems, "/networks",
                    "got %zu, need one: the container type DOCKER can have no more", containers);
}

static void check_port_names(const struct app_input *in, const char *path)
{
    const struct app *a = in->app;
    for (size_t i = 0; i < app_port_count(a); i++) {
        const char *name = app_port(a, i).name;
        for (size_t k = 0; name != NULL && k < i; k++)
            if (str_eq(name, app_port(a, k).name))
                app_problem(in->problems, path, "the name \"%s\" is there twice", name);
    }
}

static void check_definitions(const struct app_input *in)
{
    const struct app *a = in->app;
    check_port_names(in, "/portDefinitions");
    if (a->legacy.ports.items != NULL) /* then it was said of those */
        return;
    for (size_t i = 0; i < a->port_definitions.n; i++) {
        int64_t port = a->port_definitions.items[i].port;
        for (size_t k = 0; port != 0 && k < i; k++)
            if (a->port_definitions.items[k].port == port)
                app_problem(in->problems, "/portDefinitions",
                            "got the port %lld twice, need different ones", (long long)port);
    }
}

static bool has_network(const struct app *a, const char *name)
{
    for (size_t i = 0; i < a->networks.n; i++)
        if (str_eq(a->networks.items[i].name, name))
            return true;
    return false;
}

static void check_mappings(const struct app_input *in)
{
    struct app *a = in->app;
    check_port_names(in, "/container/portMappings");
    for (size_t i = 0; i < a->container->mappings.n; i++) {
        const struct app_mapping *m = &a->container->mappings.items[i];
        const char *here = app_path(a, "/container/portMappings(%zu)/networkNames", i);
        for (size_t k = 0; k < m->network_names.n; k++)
            if (!has_network(a, m->network_names.items[k]))
                app_problem(in->problems, here, "%s is none of the app's networks",
                            app_quoted(a, m->network_names.items[k]));
        if (m->host_port != NOT_GIVEN && a->networks.n > 1 && m->network_names.n != 1)
            app_problem(in->problems, here,
                        "got %zu, need exactly one: there is a hostPort and several networks",
                        m->network_names.n);
    }
}

static void check_ports(const struct app_input *in)
{
    if (app_networking(in->app) == APP_NETWORK_HOST)
        check_definitions(in);
    else
        check_mappings(in);
}

/* ---- checks */

static bool is_agent_run(enum app_check_protocol p)
{
    return p == APP_CHECK_MESOS_HTTP || p == APP_CHECK_MESOS_HTTPS || p == APP_CHECK_MESOS_TCP;
}

static void check_port_index(const struct app_input *in, const char *path, int64_t index)
{
    size_t ports = app_port_count(in->app);
    if (index == NOT_GIVEN || (uint64_t)index < ports)
        return;
    app_problem(in->problems, path, "portIndex: got %lld, but the app has %zu port%s",
                (long long)index, ports, ports == 1 ? "" : "s");
}

static void check_health_check(const struct app_input *in, size_t i)
{
    struct app *a = in->app;
    const struct app_health_check *c = &a->health_checks.items[i];
    const char *here = app_path(a, "/healthChecks(%zu)", i);
    if (c->protocol == APP_CHECK_COMMAND) {
        if (c->command == NULL || c->command->value == NULL || c->command->value[0] == '\0')
            app_problem(in->problems, here, "command: need {\"value\": a command}");
        else
            app_check_argument(in, app_path(a, "%s/command/value", here), c->command->value, 0);
    } else if (c->port == NOT_GIVEN) {
        if (c->port_index == NOT_GIVEN)
            app_problem(in->problems, here, "need \"port\": the app has no ports");
        check_port_index(in, here, c->port_index);
        app_check_http_path(in, app_path(a, "%s/path", here), c->path);
    }
    if (c->ip == IP_V6 && (type_of(a) != CONTAINER_DOCKER || !is_agent_run(c->protocol)))
        app_problem(in->problems, here,
                    "ipProtocol: IPv6 needs the container type DOCKER and a protocol MESOS_…");
}

static void check_health_checks(const struct app_input *in)
{
    const struct app *a = in->app;
    size_t agent_run = 0;
    for (size_t i = 0; i < a->health_checks.n; i++) {
        check_health_check(in, i);
        agent_run += is_agent_run(a->health_checks.items[i].protocol);
    }
    if (agent_run > 1)
        app_problem(in->problems, "/healthChecks",
                    "got %zu with a protocol MESOS_…, need at most one", agent_run);
}

static void check_readiness(const struct app_input *in)
{
    struct app *a = in->app;
    if (a->readiness_checks.n > 1)
        app_problem(in->problems, "/readinessChecks", "got %zu, need at most one",
                    a->readiness_checks.n);
    for (size_t i = 0; i < a->readiness_checks.n; i++) {
        const struct app_readiness *c = &a->readiness_checks.items[i];
        bool named = false;
        for (size_t k = 0; k < app_port_count(a); k++)
            named = named || str_eq(app_port(a, k).name, c->port_name);
        if (!named)
            app_problem(in->problems, app_path(a, "/readinessChecks(%zu)/portName", i),
                        "no port has the name %s", app_quoted(a, c->port_name));
        app_check_http_path(in, app_path(a, "/readinessChecks(%zu)/path", i), c->path);
        if (c->timeout_s >= c->interval_s)
            app_problem(in->problems, app_path(a, "/readinessChecks(%zu)/timeoutSeconds", i),
                        "got %lld, need less than intervalSeconds, %lld", (long long)c->timeout_s,
                        (long long)c->interval_s);
        if (c->ready_codes.n == 0)
            app_problem(in->problems,
                        app_path(a, "/readinessChecks(%zu)/httpStatusCodesForReady", i),
                        "got none, need at least one");
    }
}

static void check_generic_check(const struct app_input *in)
{
    const struct app *a = in->app;
    const struct app_check *c = a->check;
    if (c == NULL)
        return;
    if (type_of(a) == CONTAINER_DOCKER)
        app_problem(in->problems, "/check", "not with the container type DOCKER");
    if ((c->http != NULL) + (c->tcp != NULL) + (c->exec != NULL) != 1)
        app_problem(in->problems, "/check", "need exactly one of \"http\", \"tcp\", \"exec\"");
    if (c->http != NULL)
        check_port_index(in, "/check/http", c->http->port_index);
    if (c->tcp != NULL)
        check_port_index(in, "/check/tcp", c->tcp->port_index);
}

/* ---- how it is changed */

void app_check_over_capacity(const struct app_input *in, const char *path)
{
    const struct app *a = in->app;
    if (app_is_resident(a) && a->upgrade.maximum_over != 0)
        app_problem(in->problems, path,
                    "maximumOverCapacity: got %g, need 0 with persistent volumes",
                    a->upgrade.maximum_over);
}

static void check_upgrade(const struct app_input *in)
{
    const struct app *a = in->app;
    app_check_over_capacity(in, "/upgradeStrategy");
    if (!app_is_single_instance(a))
        return;
    if (a->upgrade.maximum_over != 0 || a->upgrade.minimum_health != 0)
        app_problem(in->problems, "/upgradeStrategy",
                    "need 0 and 0 with the label MARATHON_SINGLE_INSTANCE_APP");
    if (a->instances > 1)
        app_problem(in->problems, "/instances",
                    "got %lld, need at most 1 with the label MARATHON_SINGLE_INSTANCE_APP",
                    (long long)a->instances);
}

void app_check_unreachable(const struct app_input *in, const char *path)
{
    const struct app_unreachable *u = &in->app->unreachable;
    if (app_is_resident(in->app) && !u->disabled)
        app_problem(in->problems, path, "need \"disabled\" with persistent volumes");
    else if (u->inactive_s > u->expunge_s)
        app_problem(in->problems, path,
                    "inactiveAfterSeconds: got %lld, need at most expungeAfterSeconds, %lld",
                    (long long)u->inactive_s, (long long)u->expunge_s);
}

static void check_unreachable(const struct app_input *in)
{
    app_check_unreachable(in, "/unreachableStrategy");
}

/* ---- who may, and who is asked for what */

void app_check_role(const struct app_input *in)
{
    struct app *a = in->app;
    char top[ID_SIZE], enforced[ID_SIZE];
    const char *usual = app_usual_role(in, enforced);
    bool in_group = strchr(a->id + 1, '/') != NULL && str_eq(a->role, id_top(a->id, top));
    if (str_eq(a->role, usual) || in_group || (in->old != NULL && str_eq(a->role, in->old->role)))
        return;
    app_problem(
        in->problems, "/role", "got %s, need \"%s\"%s", app_quoted(a, a->role), usual,
        usual != enforced && strchr(a->id + 1, '/') != NULL ? " or the name of the top group" : "");
}

static void check_accepted_roles(const struct app_input *in)
{
    struct app *a = in->app;
    const struct strings *roles = &a->accepted_roles;
    if (roles->items != NULL && roles->n == 0)
        app_problem(in->problems, "/acceptedResourceRoles", "got none, need at least one");
    for (size_t i = 0; i < roles->n; i++)
        if (!str_eq(roles->items[i], "*") && !str_eq(roles->items[i], a->role))
            app_problem(in->problems, app_path(a, "/acceptedResourceRoles(%zu)", i),
                        "got %s, need \"*\" or the app's role, %s", app_quoted(a, roles->items[i]),
                        app_quoted(a, a->role));
    if (app_is_resident(a) && roles->n > 0 && (roles->n > 1 || !str_eq(roles->items[0], "*")))
        app_problem(in->problems, "/acceptedResourceRoles",
                    "need exactly [\"*\"] with persistent volumes");
}

static void check_env(const struct app_input *in)
{
    struct app *a = in->app;
    for (size_t i = 0; i < a->env.n; i++) {
        const struct env_var *var = &a->env.items[i];
        if (var->name[0] == '\0')
            app_problem(in->problems, "/env", "got an empty name");
        app_check_argument(in, app_path(a, "/env(%s)", var->name), var->value,
                           strlen(var->name) + 1);
        if (var->secret != NULL && !has_secret(a, var->secret))
            app_problem(in->problems, app_path(a, "/env(%s)", var->name),
                        "the secret %s is not declared in \"secrets\"", app_quoted(a, var->secret));
    }
}

/* All of it is copied to the program: there a limit counts that is far away for each of them. */
static void check_sum(const struct app_input *in)
{
    const struct app *a = in->app;
    size_t bytes = a->cmd != NULL ? strlen(a->cmd) : 0;
    for (size_t i = 0; i < a->args.n; i++)
        bytes += strlen(a->args.items[i]);
    for (size_t i = 0; i < a->env.n; i++)
        bytes += strlen(a->env.items[i].name) +
                 (a->env.items[i].value != NULL ? strlen(a->env.items[i].value) : 0);
    if (bytes > LIMIT_TASK_BYTES)
        app_problem(in->problems, "/env",
                    "got %zu bytes together with the command, need at most %d: put what is longer "
                    "into a file that is fetched",
                    bytes, LIMIT_TASK_BYTES);
}

void app_check_secrets(const struct app_input *in)
{
    struct app *a = in->app;
    const struct app_docker *docker = a->container == NULL ? NULL : a->container->docker;
    if (a->secrets.n > 0 && !has_feature(in, FEATURE_SECRETS))
        app_problem(in->problems, "/secrets", "the feature secrets is not switched on");
    for (size_t i = 0; i < a->secrets.n; i++) {
        if (a->secrets.items[i].name[0] == '\0')
            app_problem(in->problems, "/secrets", "got an empty name");
        if (a->secrets.items[i].source[0] == '\0')
            app_problem(in->problems, app_path(a, "/secrets(%s)/source", a->secrets.items[i].name),
                        "need where the secret is kept");
    }
    if (docker != NULL && docker->pull_config != NULL &&
        !has_secret(a, docker->pull_config->secret))
        app_problem(in->problems, "/container/docker/pullConfig/secret",
                    "%s is not declared in \"secrets\"",
                    app_quoted(a, docker->pull_config->secret));
}

void app_check_gpus(const struct app_input *in, const char *path, int64_t gpus, bool docker)
{
    if (!has_feature(in, FEATURE_GPU_RESOURCES))
        app_problem(in->problems, path, "got %lld; the feature gpu_resources is not switched on",
                    (long long)gpus);
    if (docker)
        app_problem(in->problems, path, "not with the container type DOCKER");
}

static void check_gpus(const struct app_input *in)
{
    if (in->app->gpus > 0)
        app_check_gpus(in, "/gpus", in->app->gpus, type_of(in->app) == CONTAINER_DOCKER);
}

void app_check_limits(const struct app_input *in, const char *above,
                      const struct app_resource_limits *limits, double cpus, double mem)
{
    const struct {
        const char *name;
        double limit, request;
    } ROWS[] = {
        {"cpus", limits->cpus, cpus},
        {"mem", limits->mem, mem},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(*ROWS); i++)
        if (ROWS[i].limit != NOT_GIVEN && ROWS[i].limit < ROWS[i].request)
            app_problem(in->problems,
                        app_path(in->app, "%s/resourceLimits/%s", above, ROWS[i].name),
                        "got %.15g, need at least what is requested, %.15g, or \"unlimited\"",
                        ROWS[i].limit, ROWS[i].request);
}

static void check_limits(const struct app_input *in)
{
    const struct app *a = in->app;
    if (a->limits != NULL)
        app_check_limits(in, "", a->limits, a->cpus, a->mem);
}

static bool has_label(const struct app *a, const char *name)
{
    const char *value = pairs_get(&a->labels, name);
    return value != NULL && value[0] != '\0';
}

/* What a scheduler says of itself, it says whole. */
static void check_labels(const struct app_input *in)
{
    static const char VERSION[] = "DCOS_MIGRATION_API_VERSION";
    static const char *const SIBLINGS[] = {"DCOS_PACKAGE_FRAMEWORK_NAME",
                                           "DCOS_MIGRATION_API_PATH"};
    struct app *a = in->app;
    if (!has_label(a, VERSION))
        return;
    if (!str_eq(pairs_get(&a->labels, VERSION), "v1"))
        app_problem(in->problems, app_path(a, "/labels(%s)", VERSION), "need \"v1\"");
    for (size_t i = 0; i < sizeof(SIBLINGS) / sizeof(*SIBLINGS); i++)
        if (!has_label(a, SIBLINGS[i]))
            app_problem(in->problems, app_path(a, "/labels(%s)", SIBLINGS[i]),
                        "missing, need it with the label %s", VERSION);
}

void app_check_disk(const struct app_input *in, const char *path, const struct app_persistent *p)
{
    if (p->type != DISK_ROOT)
        app_problem(in->problems, app_path(in->app, "%s/type", path),
                    "need \"root\": agents keep volumes on their own disk; for another one use "
                    "\"%s\" and a constraint on the hostname",
                    in->app->pod != NULL ? "host" : "hostPath");
    else if (p->profile != NULL)
        app_problem(in->problems, app_path(in->app, "%s/profileName", path),
                    "agents know no disk profiles: leave it out");
}

static void check_disks(const struct app_input *in)
{
    size_t n =
        in->problems->n == 0 && in->app->container != NULL ? in->app->container->volumes.n : 0;
    for (size_t i = 0; i < n; i++) {
        const struct app_persistent *p = in->app->container->volumes.items[i].persistent;
        if (p != NULL)
            app_check_disk(in, app_path(in->app, "/container/volumes(%zu)/persistent", i), p);
    }
}

void app_validate(const struct app_input *in)
{
    static void (*const CHECKS[])(const struct app_input *in) = {
        check_command,        check_container, app_check_networks,  check_ports,
        check_health_checks,  check_readiness, check_generic_check, check_volumes,
        check_places,         check_upgrade,   check_unreachable,   app_check_role,
        check_accepted_roles, check_env,       check_sum,           app_check_secrets,
        check_gpus,           check_limits,    check_labels,        check_disks,
    };
    for (size_t i = 0; i < sizeof(CHECKS) / sizeof(*CHECKS); i++)
        CHECKS[i](in);
}
