/* Input of any age to canonical form, in the order of spec/marathon.md 4.5. */

#include "base/log.h"
#include "base/str.h"
#include "model/app_private.h"

#include <string.h>

/* What the older members say must be what the newer ones say, when both are there. `path` is one of
 * them. */
static void contradicts(const struct app_input *in, const char *path, const char *other)
{
    app_problem(in->problems, path,
                "\"%s\" is there too and differs; need one of them alone, or both the same", other);
}

/* ---- ids */

static void resolve_dependencies(const struct app_input *in)
{
    struct app *a = in->app;
    for (size_t i = 0; i < a->dependencies.n; i++) {
        char id[ID_SIZE];
        struct error err;
        const char *text = a->dependencies.items[i];
        if (id_resolve(text, in->group, id, &err) != 0)
            app_problem(in->problems, app_path(a, "/dependencies(%zu)", i), "%s", err.text);
        else if (!str_eq(text, id))
            a->dependencies.items[i] = arena_strdup(&a->arena, id);
    }
}

/* ---- what to fetch */

static bool is_archive(const char *uri)
{
    static const char *const ENDINGS[] = {".tgz",    ".tar.gz", ".tbz2", ".tar.bz2", ".txz",
                                          ".tar.xz", ".tar",    ".gz",   ".zip"};
    char path[1025];
    str_copy(path, sizeof(path), uri);
    path[strcspn(path, "?#")] = '\0';
    for (size_t i = 0; i < sizeof(ENDINGS) / sizeof(*ENDINGS); i++)
        if (str_ends(path, ENDINGS[i]))
            return true;
    return false;
}

static bool fetches(const struct app *a, const char *uri)
{
    for (size_t i = 0; i < a->fetch.n; i++)
        if (str_eq(a->fetch.items[i].uri, uri))
            return true;
    return false;
}

static bool same_uris(const struct app *a)
{
    for (size_t i = 0; i < a->legacy.uris.n; i++)
        if (!fetches(a, a->legacy.uris.items[i]))
            return false;
    for (size_t i = 0; i < a->fetch.n; i++)
        if (!strings_have(&a->legacy.uris, a->fetch.items[i].uri))
            return false;
    return true;
}

static void normalize_uris(const struct app_input *in)
{
    struct app *a = in->app;
    struct strings uris = a->legacy.uris;
    if (uris.n == 0)
        return;
    if (a->fetch.n > 0) {
        if (!same_uris(a))
            contradicts(in, "/uris", "fetch");
        return;
    }
    a->fetch.items = arena_alloc(&a->arena, uris.n * sizeof(*a->fetch.items));
    a->fetch.n = uris.n;
    for (size_t i = 0; i < uris.n; i++) {
        if (!app_is_uri(uris.items[i]))
            app_problem(in->problems, app_path(a, "/uris(%zu)", i),
                        "need a URI of 1 to 1024 characters");
        a->fetch.items[i] =
            (struct app_fetch){.uri = uris.items[i], .extract = is_archive(uris.items[i])};
    }
}

/* ---- networks */

static const struct {
    const char *word;
    enum app_network_mode mode;
} LEGACY_NETWORKS[] = {
    {"HOST", APP_NETWORK_HOST},
    {"BRIDGE", APP_NETWORK_BRIDGE},
    {"USER", APP_NETWORK_CONTAINER},
};

static struct app_docker *docker_of(const struct app *a)
{
    return a->container == NULL ? NULL : a->container->docker;
}

static bool legacy_mode(const struct app_input *in, const char *word, enum app_network_mode *out)
{
    for (size_t i = 0; i < sizeof(LEGACY_NETWORKS) / sizeof(*LEGACY_NETWORKS); i++) {
        if (str_eq(word, LEGACY_NETWORKS[i].word)) {
            *out = LEGACY_NETWORKS[i].mode;
            return true;
        }
    }
    char quoted[64];
    app_problem(in->problems, "/container/docker/network",
                str_eq(word, "NONE") ? "got %s, which is not supported; need HOST, BRIDGE or USER"
                                     : "got %s, need HOST, BRIDGE or USER",
                str_quote(quoted, sizeof(quoted), word, strlen(word)));
    return false;
}

static const char *bridge_name(const struct app_rules *rules)
{
    return rules->bridge == NULL ? "mesos-bridge" : rules->bridge;
}

/* The network that `docker.network` and `ipAddress` together mean; false: they say nothing. */
static bool legacy_network(const struct app_input *in, struct app_network *out)
{
    const struct app_docker *docker = docker_of(in->app);
    const struct app_ip_address *ip = in->app->legacy.ip_address;
    const char *word = docker == NULL ? NULL : docker->legacy_network;
    struct app_network network = {.mode = APP_NETWORK_CONTAINER};
    if (word == NULL && ip == NULL)
        return false;
    if (word != NULL && !legacy_mode(in, word, &network.mode))
        return false;
    if (word == NULL && ip->network_name != NULL &&
        str_eq(ip->network_name, bridge_name(in->rules)))
        network.mode = APP_NETWORK_BRIDGE;
    if (ip != NULL && network.mode != APP_NETWORK_HOST)
        network.labels = ip->labels;
    if (ip != NULL && network.mode == APP_NETWORK_CONTAINER)
        network.name = ip->network_name;
    *out = network;
    return true;
}

static void normalize_networks(const struct app_input *in)
{
    struct app *a = in->app;
    struct app_network old;
    if (!legacy_network(in, &old))
        return;
    if (a->networks.n == 0) {
        a->networks.items = arena_alloc(&a->arena, sizeof(old));
        a->networks.items[0] = old;
        a->networks.n = 1;
        return;
    }
    const struct app_network *now = &a->networks.items[0];
    bool same = a->networks.n == 1 && now->mode == old.mode &&
                (old.name == NULL || now->name == NULL || str_eq(now->name, old.name));
    if (!same)
        contradicts(in, "/networks",
                    a->legacy.ip_address != NULL ? "ipAddress" : "container.docker.network");
}

static void check_ip_address(const struct app_input *in)
{
    const struct app *a = in->app;
    if (a->legacy.ip_address == NULL || in->ports_inherited)
        return;
    if (a->legacy.ports.n > 0)
        app_problem(in->problems, "/ports", "not with \"ipAddress\"");
    if (a->port_definitions.n > 0)
        app_problem(in->problems, "/portDefinitions", "not with \"ipAddress\"");
}

/* ---- the container, and its mappings from where they used to be */

static struct app_container *new_container(struct app *a)
{
    struct app_container *c = arena_alloc(&a->arena, sizeof(*c));
    c->type = CONTAINER_MESOS;
    return c;
}

static void check_legacy_docker(const struct app_input *in)
{
    const struct app_docker *docker = docker_of(in->app);
    if (docker == NULL || in->app->container->type != CONTAINER_MESOS)
        return;
    if (docker->legacy_network != NULL)
        app_problem(in->problems, "/container/docker/network", "not with the type MESOS");
    if (docker->parameters.n > 0)
        app_problem(in->problems, "/container/docker/parameters", "not with the type MESOS");
    if (docker->legacy_mappings.n > 0)
        app_problem(in->problems, "/container/docker/portMappings", "not with the type MESOS");
}

static bool same_mappings(const struct app_mappings *x, const struct app_mappings *y)
{
    if (x->n != y->n)
        return false;
    for (size_t i = 0; i < x->n; i++)
        if (!fields_equal(&APP_MAPPING_FIELDS, &x->items[i], &y->items[i]))
            return false;
    return true;
}

static void normalize_docker_mappings(const struct app_input *in)
{
    struct app_docker *docker = docker_of(in->app);
    struct app_mappings *now = &in->app->container->mappings;
    if (docker == NULL || docker->legacy_mappings.items == NULL)
        return;
    if (now->items == NULL)
        *now = docker->legacy_mappings;
    else if (!same_mappings(now, &docker->legacy_mappings))
        contradicts(in, "/container/portMappings", "container.docker.portMappings");
}

static void normalize_discovery(const struct app_input *in)
{
    struct app *a = in->app;
    const struct app_ip_address *ip = a->legacy.ip_address;
    struct app_mappings *now = &a->container->mappings;
    if (ip == NULL || ip->discovery_ports.n == 0)
        return;
    if (a->container->type == CONTAINER_DOCKER) {
        app_problem(in->problems, "/ipAddress/discovery/ports",
                    "not with the container type DOCKER; need \"container.portMappings\"");
        return;
    }
    if (now->items != NULL)
        return;
    now->items = ip->discovery_ports.items;
    now->n = ip->discovery_ports.n;
    for (size_t i = 0; i < now->n; i++)
        now->items[i].host_port = NOT_GIVEN;
}

static void normalize_container(const struct app_input *in)
{
    struct app *a = in->app;
    if (a->container == NULL && a->legacy.ip_address != NULL)
        a->container = new_container(a);
    if (a->container == NULL)
        return;
    check_legacy_docker(in);
    normalize_docker_mappings(in);
    normalize_discovery(in);
    for (size_t i = 0; i < a->container->volumes.n; i++) {
        struct app_volume *v = &a->container->volumes.items[i];
        if (v->mode == VOLUME_NO_MODE && v->secret == NULL)
            v->mode = VOLUME_RW;
    }
}

/* ---- ports */

static bool same_ports(const struct app *a)
{
    if (a->legacy.ports.n != a->port_definitions.n)
        return false;
    for (size_t i = 0; i < a->legacy.ports.n; i++)
        if (a->legacy.ports.items[i] != a->port_definitions.items[i].port)
            return false;
    return true;
}

/* Of mappings two may have one service port, for TCP and for UDP; the mirror shows it twice. */
static void check_different(const struct app_input *in, struct numbers ports)
{
    for (size_t i = 0; i < ports.n; i++)
        for (size_t k = 0; k < i; k++)
            if (ports.items[i] != 0 && ports.items[i] == ports.items[k])
                app_problem(in->problems, "/ports", "got %lld twice, need different ports",
                            (long long)ports.items[i]);
}

static void normalize_legacy_ports(const struct app_input *in)
{
    struct app *a = in->app;
    struct numbers ports = a->legacy.ports;
    if (ports.items == NULL)
        return;
    if (app_networking(a) == APP_NETWORK_HOST)
        check_different(in, ports);
    if (a->port_definitions.items != NULL) {
        if (!same_ports(a))
            contradicts(in, "/ports", "portDefinitions");
        return;
    }
    a->port_definitions.items = arena_alloc(&a->arena, ports.n * sizeof(struct app_port));
    a->port_definitions.n = ports.n;
    for (size_t i = 0; i < ports.n; i++)
        a->port_definitions.items[i].port = ports.items[i];
}

/* Host networking: the container's mappings mean nothing. Marathon loses them in silence. */
static void normalize_host_ports(struct app *a)
{
    if (a->container != NULL && a->container->mappings.n > 0)
        log_info("port mappings dropped: host networking", "app=%s", a->id);
    if (a->container != NULL)
        a->container->mappings = (struct app_mappings){0};
    if (a->port_definitions.items != NULL)
        return;
    a->port_definitions.items = arena_alloc(&a->arena, sizeof(struct app_port));
    a->port_definitions.items[0] = (struct app_port){.name = "default"};
    a->port_definitions.n = 1;
}

/* Appends mappings to any port until there are `n`. */
static void grow_mappings(struct app *a, size_t n)
{
    struct app_mappings *m = &a->container->mappings;
    if (m->items != NULL && m->n >= n)
        return;
    struct app_mapping *items = arena_alloc(&a->arena, n * sizeof(*items));
    if (m->n > 0)
        memcpy(items, m->items, m->n * sizeof(*items));
    for (size_t i = m->n; i < n; i++)
        items[i].host_port = NOT_GIVEN;
    *m = (struct app_mappings){items, n};
}

/* Any other networking: port definitions only say how many mappings there are, and which service
 * ports they have. */
static void normalize_mappings(const struct app_input *in)
{
    struct app *a = in->app;
    if (a->container == NULL)
        a->container = new_container(a);
    struct app_mappings *m = &a->container->mappings;
    if (m->items == NULL) {
        grow_mappings(a, 1);
        m->items[0].name = "default";
    }
    size_t defined = in->ports_inherited ? 0 : a->port_definitions.n;
    grow_mappings(a, defined);
    for (size_t i = 0; i < defined; i++)
        if (m->items[i].service_port == 0)
            m->items[i].service_port = a->port_definitions.items[i].port;
    if (app_networking(a) == APP_NETWORK_BRIDGE)
        for (size_t i = 0; i < m->n; i++)
            if (m->items[i].host_port == NOT_GIVEN)
                m->items[i].host_port = 0;
    a->port_definitions.items = NULL;
    a->port_definitions.n = 0;
}

/* ---- defaults that depend on other members */

static void default_networks(const struct app_input *in)
{
    struct app *a = in->app;
    if (a->networks.n == 0) {
        a->networks.items = arena_alloc(&a->arena, sizeof(struct app_network));
        a->networks.items[0].mode = APP_NETWORK_HOST;
        a->networks.n = 1;
    }
    for (size_t i = 0; i < a->networks.n; i++) {
        struct app_network *n = &a->networks.items[i];
        if (n->mode != APP_NETWORK_CONTAINER || n->name != NULL)
            continue;
        n->name = arena_strdup(&a->arena, in->rules->network);
        if (n->name == NULL)
            app_problem(in->problems, app_path(a, "/networks(%zu)/name", i),
                        "missing, and no default network is configured");
    }
}

static void default_checks(struct app *a)
{
    for (size_t i = 0; i < a->health_checks.n; i++) {
        struct app_health_check *c = &a->health_checks.items[i];
        if (c->protocol != APP_CHECK_COMMAND && c->port == NOT_GIVEN &&
            c->port_index == NOT_GIVEN && app_port_count(a) > 0)
            c->port_index = 0;
    }
    for (size_t i = 0; i < a->readiness_checks.n; i++) {
        struct app_readiness *c = &a->readiness_checks.items[i];
        if (c->ready_codes.items != NULL)
            continue;
        c->ready_codes.items = arena_alloc(&a->arena, sizeof(int64_t));
        c->ready_codes.items[0] = 200;
        c->ready_codes.n = 1;
    }
}

static bool has_external_volume(const struct app *a)
{
    for (size_t i = 0; a->container != NULL && i < a->container->volumes.n; i++)
        if (a->container->volumes.items[i].external != NULL)
            return true;
    return false;
}

void app_default_upgrade(const struct app *a, double *minimum_health, double *maximum_over)
{
    bool stateful = app_is_resident(a) || has_external_volume(a);
    bool single = app_is_single_instance(a);
    double minimum = single ? 0 : stateful ? 0.5 : 1;
    double over = single || stateful ? 0 : 1;
    bool half_given = *minimum_health != NOT_GIVEN || *maximum_over != NOT_GIVEN;
    if (*minimum_health == NOT_GIVEN)
        *minimum_health = half_given ? 1 : minimum;
    if (*maximum_over == NOT_GIVEN)
        *maximum_over = half_given ? 1 : over;
}

static void default_residency(struct app *a)
{
    if (!app_is_resident(a) || a->residency != NULL)
        return;
    a->residency = arena_alloc(&a->arena, sizeof(*a->residency));
    a->residency->relaunch_timeout_s = 3600;
}

void app_default_unreachable(const struct app *a, struct app_unreachable *u)
{
    if (!u->disabled && u->inactive_s == NOT_GIVEN)
        *u = (struct app_unreachable){.disabled = app_is_resident(a)};
}

const char *app_usual_role(const struct app_input *in, char top[ID_SIZE])
{
    const struct app_rules *rules = in->rules;
    const char *id = in->app->id, *usual = rules->role != NULL ? rules->role : "*";
    bool in_group = id != NULL && strchr(id + 1, '/') != NULL;
    if (!in_group || rules->enforces_role == NULL)
        return usual;
    return rules->enforces_role(rules->data, id_top(id, top)) ? top : usual;
}

static void default_role(const struct app_input *in)
{
    char top[ID_SIZE];
    if (in->app->role == NULL)
        in->app->role = arena_strdup(&in->app->arena, app_usual_role(in, top));
}

void app_forget_legacy(struct app *a)
{
    struct app_docker *docker = docker_of(a);
    a->legacy = (struct app_legacy){0};
    if (docker != NULL) {
        docker->legacy_network = NULL;
        docker->legacy_mappings = (struct app_mappings){0};
    }
}

void app_normalize(const struct app_input *in)
{
    struct app *a = in->app;
    resolve_dependencies(in);
    normalize_uris(in);
    check_ip_address(in);
    normalize_networks(in);
    normalize_container(in);
    normalize_legacy_ports(in);
    if (app_networking(a) == APP_NETWORK_HOST)
        normalize_host_ports(a);
    else
        normalize_mappings(in);
    default_networks(in);
    default_checks(a);
    if (app_networking(a) != APP_NETWORK_HOST)
        a->require_ports = false;
    default_residency(a);
    app_default_upgrade(a, &a->upgrade.minimum_health, &a->upgrade.maximum_over);
    app_default_unreachable(a, &a->unreachable);
    default_role(in);
}
