/* What must be run for one task of an app: its definition, as an agent understands it. */
#include <math.h>

#include <string.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/mesos_id.h"
#include "model/run_spec.h"
#include "scheduler/apps/private.h"

#define GENERATED_PORT_MIN 1025 /* for a mapping without host and container port (7.4) */
#define FIRST_CHECK_S 5         /* at most so long Marathon waits with its first (10.3) */

/* Host ports in the order of the app's ports; those without one get a number of their own. */
static size_t ports_of(const struct app *a, const struct task_row *t, struct arena *arena,
                       struct app_task_port **out)
{
    size_t n = app_port_count(a);
    struct app_task_port *ports = arena_alloc(arena, (n + 1) * sizeof *ports);
    struct error err;
    struct json *given = json_parse_own(slice_of(t->ports), &err);
    const struct json *next = json_first(given);
    for (size_t i = 0; i < n; i++) {
        struct app_port_view p = app_port(a, i);
        if (p.host_port != NOT_GIVEN && next != NULL) {
            ports[i].host = json_int(next, 0);
            next = json_next(next);
        }
        ports[i].container = p.container_port > 0 ? p.container_port : 0;
        if (ports[i].host == 0 && ports[i].container == 0)
            ports[i].container =
                GENERATED_PORT_MIN +
                (int64_t)((uint64_t)(t->id * 31 + (int64_t)i) % (65536 - GENERATED_PORT_MIN));
    }
    json_free(given);
    *out = ports;
    return n;
}

/* None at all is not the agent's own, which 0 stands for. */
int64_t spec_grace_ms(double grace_s)
{
    int64_t ms = llround(grace_s * 1000);
    return ms > 0 ? ms : 1;
}

/* But for secrets, which have no value. */
void spec_fill_env(const struct env_vars *vars, struct arena *arena, struct run_spec *s)
{
    struct run_env *env = arena_alloc(arena, (vars->n + 1) * sizeof *env);
    for (size_t i = 0; i < vars->n; i++)
        if (vars->items[i].value != NULL)
            env[s->env_n++] = (struct run_env){vars->items[i].name, vars->items[i].value};
    s->env = env;
}

static void fill_env(const struct app *a, const char *name, const char *hostname,
                     const struct app_task_port *ports, bool enforce_role, struct arena *arena,
                     struct run_spec *s)
{
    struct env_vars vars;
    const struct app_task t = {
        .task_id = name, .host = hostname, .ports = ports, .enforce_role = enforce_role};
    app_task_env(a, &t, arena, &vars);
    spec_fill_env(&vars, arena, s);
}

bool spec_enforces_role(struct state *state, const char *app)
{
    char path[ID_SIZE], above[ID_SIZE];
    struct group_row top;
    str_copy(path, sizeof path, app);
    while (!str_eq(id_parent(path, above), "/"))
        str_copy(path, sizeof path, above);
    return state_group_by_path(state, path, &top) && top.enforce_role == ENFORCE_YES;
}

void spec_fill_fetch(const struct app_fetch *items, size_t n, struct arena *arena,
                     struct run_spec *s)
{
    struct run_fetch *fetch = arena_alloc(arena, (n + 1) * sizeof *fetch);
    for (size_t i = 0; i < n; i++)
        fetch[i] = (struct run_fetch){.uri = items[i].uri,
                                      .dest = items[i].dest_path,
                                      .extract = items[i].extract,
                                      .executable = items[i].executable,
                                      .cache = items[i].cache};
    s->fetch = fetch;
    s->fetch_n = n;
}

static int64_t limit_of(double given, int64_t amount)
{
    return given == NOT_GIVEN ? 0 : given == UNLIMITED ? RUN_UNLIMITED : amount;
}

void spec_fill_limits(const struct app_resource_limits *limits, struct run_spec *s)
{
    if (limits == NULL)
        return;
    s->cpus_limit_milli = limit_of(limits->cpus, cpus_to_milli(limits->cpus));
    s->mem_limit_bytes = limit_of(limits->mem, mib_to_bytes(limits->mem));
}

void spec_add_parameter(const char *key, const char *value, struct arena *arena, struct run_spec *s)
{
    struct run_parameter *all = arena_alloc(arena, (s->parameters_n + 1) * sizeof *all);
    if (s->parameters_n > 0)
        memcpy(all, s->parameters, s->parameters_n * sizeof *all);
    all[s->parameters_n++] = (struct run_parameter){key, value};
    s->parameters = all;
}

void spec_add_seccomp(const struct linux_info *info, struct arena *arena, struct run_spec *s)
{
    if (info->unconfined)
        spec_add_parameter("security-opt", "seccomp=unconfined", arena, s);
}

/* Above the container there is the machine. */
void spec_add_ipc(const struct linux_info *info, struct arena *arena, struct run_spec *s)
{
    if (info->ipc != IPC_NOT_GIVEN)
        spec_add_parameter("ipc", info->ipc == IPC_PRIVATE ? "private" : "host", arena, s);
    if (info->shm_mib != NOT_GIVEN)
        spec_add_parameter("shm-size", arena_printf(arena, "%lldm", (long long)info->shm_mib),
                           arena, s);
}

static void fill_ports(const struct app *a, const struct app_task_port *ports, size_t n,
                       struct arena *arena, struct run_spec *s)
{
    struct run_port *out = arena_alloc(arena, (n + 1) * sizeof *out);
    for (size_t i = 0; i < n; i++)
        out[i] = (struct run_port){.host = (int)ports[i].host,
                                   .container = (int)ports[i].container,
                                   .udp = app_port(a, i).protocol == PORT_UDP};
    s->ports = out;
    s->ports_n = n;
}

const char *spec_volume(const struct app *a, const struct task_row *t, const char *path,
                        struct arena *arena)
{
    char name[VOLUME_ID_SIZE];
    return arena_strdup(arena,
                        volume_id_text(a->id, path, instance_uuid(t->salt, t->owner_id), name));
}

static void fill_container(const struct app *a, const struct task_row *t, struct arena *arena,
                           struct run_spec *s)
{
    static const enum run_network networks[] = {
        [APP_NETWORK_HOST] = NETWORK_HOST,
        [APP_NETWORK_BRIDGE] = NETWORK_BRIDGE,
        [APP_NETWORK_CONTAINER] = NETWORK_USER,
    };
    s->network = networks[app_networking(a)];
    if (s->network == NETWORK_USER)
        s->network_name = a->networks.items[0].name;
    const struct app_container *c = a->container;
    if (c == NULL)
        return;
    struct run_mount *mounts = arena_alloc(arena, (c->volumes.n + 1) * sizeof *mounts);
    for (size_t i = 0; i < c->volumes.n; i++) {
        const struct app_volume *v = &c->volumes.items[i];
        if (v->host_path != NULL)
            mounts[s->mounts_n++] = (struct run_mount){.container_path = v->container_path,
                                                       .host_path = v->host_path,
                                                       .read_only = v->mode == VOLUME_RO};
        else if (v->persistent != NULL)
            mounts[s->mounts_n++] =
                (struct run_mount){.container_path = v->container_path,
                                   .persistent = spec_volume(a, t, v->container_path, arena)};
    }
    s->mounts = mounts;
    if (c->docker == NULL)
        return;
    s->image = c->docker->image;
    s->force_pull = c->docker->force_pull;
    s->privileged = c->docker->privileged;
    const struct pairs *parameters = &c->docker->parameters;
    struct run_parameter *p = arena_alloc(arena, (parameters->n + 1) * sizeof *p);
    for (size_t i = 0; i < parameters->n; i++)
        p[i] = (struct run_parameter){parameters->items[i].name, parameters->items[i].value};
    s->parameters = p;
    s->parameters_n = parameters->n;
    struct linux_info info = linux_info_read(c->linux_info);
    spec_add_seccomp(&info, arena, s);
    spec_add_ipc(&info, arena, s);
}

static const struct {
    enum check_kind kind;
    bool by_agent; /* runs inside, and the max-th failure kills (10.4) */
} check_kinds[] = {
    [APP_CHECK_HTTP] = {CHECK_HTTP, false},      [APP_CHECK_HTTPS] = {CHECK_HTTPS, false},
    [APP_CHECK_TCP] = {CHECK_TCP, false},        [APP_CHECK_COMMAND] = {CHECK_COMMAND, true},
    [APP_CHECK_MESOS_HTTP] = {CHECK_HTTP, true}, [APP_CHECK_MESOS_HTTPS] = {CHECK_HTTPS, true},
    [APP_CHECK_MESOS_TCP] = {CHECK_TCP, true},
};

/* Where something asks for the app's i-th port: from inside, or as everybody else. */
static int port_to_ask(const struct app_task_port *p, enum run_network network, bool inside)
{
    bool use_host = network == NETWORK_HOST || (network == NETWORK_BRIDGE && !inside);
    return (int)(use_host || p->container == 0 ? p->host : p->container);
}

static const char *address_to_ask(const char *agent, enum run_network network, bool inside,
                                  bool ipv6)
{
    if (!inside && (network == NETWORK_HOST || network == NETWORK_BRIDGE))
        return agent;
    return ipv6 ? "::1" : "127.0.0.1";
}

/* What Marathon would not have asked yet is no failure either (10.3). */
static int64_t grace_of(const struct app_health_check *c, bool by_agent)
{
    int64_t first_s = c->interval_s < FIRST_CHECK_S ? c->interval_s : FIRST_CHECK_S;
    return (by_agent || c->grace_s > first_s ? c->grace_s : first_s) * 1000;
}

/* What is asked for as `port` or, without one, as the port of that index. */
static int port_of_check(int64_t port, int64_t index, const struct app_task_port *ports, size_t n,
                         enum run_network network, bool inside)
{
    if (port != NOT_GIVEN && port != 0)
        return (int)port;
    bool known = index != NOT_GIVEN && (size_t)index < n;
    return known ? port_to_ask(&ports[index], network, inside) : 0;
}

static void fill_checks(const struct app *a, const struct app_task_port *ports, size_t n,
                        const char *address, struct arena *arena, struct run_spec *s)
{
    struct run_check *out = arena_alloc(arena, (a->health_checks.n + 1) * sizeof *out);
    for (size_t i = 0; i < a->health_checks.n; i++) {
        const struct app_health_check *c = &a->health_checks.items[i];
        bool inside = check_kinds[c->protocol].by_agent, ipv6 = c->ip == IP_V6;
        out[i] = (struct run_check){
            .kind = check_kinds[c->protocol].kind,
            .address = address_to_ask(address, s->network, inside, ipv6),
            .port = port_of_check(c->port, c->port_index, ports, n, s->network, inside),
            .path = c->path != NULL ? c->path : "/",
            .command = c->command != NULL ? c->command->value : NULL,
            .grace_ms = grace_of(c, inside),
            .interval_ms = c->interval_s * 1000,
            .timeout_ms = c->timeout_s * 1000,
            .delay_ms = inside ? c->delay_s * 1000 : 0,
            .max_failures = (unsigned)c->max_failures,
            .ignore_1xx = c->ignore_1xx,
            .kill_on_max = inside,
            .ipv6 = ipv6,
        };
    }
    s->checks = out;
    s->checks_n = a->health_checks.n;
}

static int64_t or_first(int64_t index)
{
    return index != NOT_GIVEN ? index : 0;
}

/* Asked as the agent's own health checks are, and never a reason to kill. */
static void fill_check(const struct app *a, const struct app_task_port *ports, size_t n,
                       struct arena *arena, struct run_spec *s)
{
    const struct app_check *c = a->check;
    if (c == NULL)
        return;
    struct run_check *out = arena_alloc(arena, sizeof *out);
    *out = (struct run_check){
        .address = address_to_ask(NULL, s->network, true, false),
        .interval_ms = c->interval_s * 1000,
        .timeout_ms = c->timeout_s * 1000,
        .delay_ms = c->delay_s * 1000,
        .kill_on_max = true,
    };
    if (c->exec != NULL) {
        out->kind = CHECK_COMMAND;
        out->command = c->exec->command->value;
    } else if (c->tcp != NULL) {
        out->kind = CHECK_TCP;
        out->port =
            port_of_check(c->tcp->port, or_first(c->tcp->port_index), ports, n, s->network, true);
    } else {
        out->kind = c->http->scheme == APP_SCHEME_HTTPS ? CHECK_HTTPS : CHECK_HTTP;
        out->port =
            port_of_check(c->http->port, or_first(c->http->port_index), ports, n, s->network, true);
        out->path = c->http->path;
    }
    s->check = out;
}

static void fill_readiness(const struct app *a, const struct app_task_port *ports, size_t n,
                           const char *address, struct arena *arena, struct run_spec *s)
{
    struct run_readiness *out = arena_alloc(arena, (a->readiness_checks.n + 1) * sizeof *out);
    for (size_t i = 0; i < a->readiness_checks.n; i++) {
        const struct app_readiness *c = &a->readiness_checks.items[i];
        out[i] = (struct run_readiness){
            .name = c->name,
            .address = address_to_ask(address, s->network, false, false),
            .path = c->path,
            .https = c->protocol == APP_SCHEME_HTTPS,
            .keep_response = c->preserve_last_response,
            .interval_ms = c->interval_s * 1000,
            .timeout_ms = c->timeout_s * 1000,
            .ready_codes = c->ready_codes.items,
            .ready_codes_n = c->ready_codes.n,
        };
        for (size_t k = 0; k < n; k++)
            if (str_eq(app_port(a, k).name, c->port_name))
                out[i].port = port_to_ask(&ports[k], s->network, false);
    }
    s->readiness = out;
    s->readiness_n = a->readiness_checks.n;
}

static void fill_spec(struct state *state, const struct app *a, const struct task_row *t,
                      const struct agent_row *agent, struct arena *arena, struct run_spec *s)
{
    struct resources needs = app_needs(a);
    struct app_task_port *ports;
    size_t n = ports_of(a, t, arena, &ports);
    s->cmd = a->cmd;
    s->args = a->args.items != NULL ? (const char *const *)a->args.items : NULL;
    s->args_n = a->args.n;
    s->user = a->user;
    s->cpus_milli = needs.cpus_milli;
    s->mem_bytes = needs.mem_bytes;
    s->disk_bytes = needs.disk_bytes;
    spec_fill_limits(a->limits, s);
    s->tty = a->tty == TTY_ON;
    if (a->kill_grace_s != NOT_GIVEN)
        s->grace_ms = spec_grace_ms((double)a->kill_grace_s);
    fill_env(a, t->name, agent->hostname, ports, spec_enforces_role(state, a->id), arena, s);
    spec_fill_fetch(a->fetch.items, a->fetch.n, arena, s);
    fill_ports(a, ports, n, arena, s);
    fill_container(a, t, arena, s);
    fill_checks(a, ports, n, agent->address, arena, s);
    fill_check(a, ports, n, arena, s);
    if (!t->ready)
        fill_readiness(a, ports, n, agent->address, arena, s);
    resources_close(&needs);
}

bool apps_run_spec(struct state *state, const struct task_row *t, struct buf *out)
{
    struct agent_row agent;
    struct slice stored = state_app_version(state, t->app, t->version);
    struct app a;
    struct error err;
    if (stored.len == 0 || !state_agent_by_id(state, t->agent, &agent) ||
        app_load(stored, &a, &err) != 0)
        return false;
    a.version = t->version;

    struct arena arena = {0};
    const char *cluster = state_setting(state, "cluster", "");
    char source[ID_SIZE], agent_id[MESOS_ID_SIZE], framework[MESOS_ID_SIZE];
    struct run_spec s = {
        .task = t->id,
        .name = t->name,
        .owner = OWNER_APP,
        .of = a.id,
        .agent = mesos_agent_id(cluster, t->agent, agent_id),
        .framework = mesos_framework_id(cluster, OWNER_APP, framework),
        .source = id_reversed(a.id, source),
    };
    bool known = true;
    if (a.pod != NULL)
        known = pod_fill_spec(state, &a, t, &agent, &arena, &s);
    else
        fill_spec(state, &a, t, &agent, &arena, &s);
    if (known) {
        struct json_writer w;
        json_begin(&w, out);
        run_spec_write(&s, &w);
    }
    arena_close(&arena);
    app_close(&a);
    return known;
}
