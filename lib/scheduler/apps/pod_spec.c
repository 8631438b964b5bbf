/* What must be run for one container of a pod (spec/marathon.md 13.2). */
#include <string.h>

#include "base/str.h"
#include "model/pod.h"
#include "scheduler/apps/private.h"

struct part { /* one container, on its way to an agent */
    const struct app *app;
    const struct pod *pod;
    const struct pod_container *container;
    int64_t *host_ports; /* of each endpoint of the pod; 0: none */
    size_t endpoints_n;
    int64_t first; /* the task of the first container: where networks are shared, they are its */
    bool enforce_role;
    struct arena *arena;
};

static size_t count_endpoints(const struct pod *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->containers.n; i++)
        n += p->containers.items[i].endpoints.n;
    return n;
}

/* One container's, from the ports that its task got. */
static void read_ports(const struct pod_container *c, const char *ports, int64_t *out)
{
    struct error err;
    struct json *given = json_parse_own(slice_of(ports), &err);
    const struct json *next = json_first(given);
    for (size_t i = 0; i < c->endpoints.n && next != NULL; i++) {
        if (c->endpoints.items[i].host_port == NOT_GIVEN)
            continue;
        out[i] = json_int(next, 0);
        next = json_next(next);
    }
    json_free(given);
}

static void read_instance(struct state *s, const struct task_row *t, struct part *p)
{
    struct task_row other;
    p->endpoints_n = count_endpoints(p->pod);
    p->host_ports = arena_alloc(p->arena, (p->endpoints_n + 1) * sizeof *p->host_ports);
    struct stmt *q = state_tasks_of_instance(s, t->owner_id);
    while (state_task_next(q, &other)) {
        const struct pod_container *c = pod_container_of(p->pod, other.name);
        size_t before = 0;
        if (c == NULL)
            continue;
        for (const struct pod_container *k = p->pod->containers.items; k < c; k++)
            before += k->endpoints.n;
        read_ports(c, other.ports, p->host_ports + before);
        if (c == p->pod->containers.items)
            p->first = other.id;
    }
}

static int64_t host_port_of(const struct part *p, const struct pod_endpoint *e)
{
    size_t at = 0;
    for (size_t c = 0; c < p->pod->containers.n; c++) {
        const struct pod_container *k = &p->pod->containers.items[c];
        if (e >= k->endpoints.items && e < k->endpoints.items + k->endpoints.n)
            return p->host_ports[at + (size_t)(e - k->endpoints.items)];
        at += k->endpoints.n;
    }
    return 0;
}

static void fill_command(const struct part *p, struct run_spec *s)
{
    const struct pod_exec *e = p->container->exec;
    if (e == NULL)
        return;
    s->cmd = e->command.shell;
    s->args = (const char *const *)e->command.argv.items;
    s->args_n = e->command.argv.n;
    if (e->command.shell != NULL || p->container->image == NULL || !e->override_entrypoint)
        return;
    spec_add_parameter("entrypoint", e->command.argv.items[0], p->arena, s);
    s->args++;
    s->args_n--;
}

static void fill_user(const struct part *p, struct run_spec *s)
{
    s->user = p->container->user != NULL ? p->container->user : p->pod->user;
    if (s->user != NULL && p->container->image != NULL)
        spec_add_parameter("user", s->user, p->arena, s);
}

/* What the pod has is what its containers have that say nothing of it. */
static void fill_linux_info(const struct part *p, struct run_spec *s)
{
    if (p->container->image == NULL)
        return;
    struct linux_info own = linux_info_read(p->container->linux_info);
    struct linux_info pods = linux_info_read(p->pod->linux_info);
    spec_add_seccomp(own.has_seccomp ? &own : &pods, p->arena, s);
    spec_add_ipc(&own, p->arena, s);
}

static void fill_image(const struct part *p, struct run_spec *s)
{
    const struct pod_image *i = p->container->image;
    if (i == NULL)
        return;
    s->image = i->id;
    s->force_pull = i->force_pull;
}

static void fill_env(const struct part *p, const struct task_row *t, const struct agent_row *agent,
                     struct run_spec *s)
{
    struct env_vars vars;
    const struct pod_task task = {.task_id = t->name,
                                  .instance_id = s->instance,
                                  .host = agent->hostname,
                                  .enforce_role = p->enforce_role,
                                  .container = p->container,
                                  .host_ports = p->host_ports};
    pod_task_env(p->app, &task, p->arena, &vars);
    spec_fill_env(&vars, p->arena, s);
}

static void add_ports(const struct part *p, const struct pod_container *c, struct run_port *out,
                      struct run_spec *s)
{
    for (size_t i = 0; i < c->endpoints.n; i++) {
        const struct pod_endpoint *e = &c->endpoints.items[i];
        for (size_t k = 0; k < e->protocols.n && k < 2; k++)
            out[s->ports_n++] =
                (struct run_port){.host = (int)host_port_of(p, e),
                                  .container = e->container_port > 0 ? (int)e->container_port : 0,
                                  .udp = str_eq(e->protocols.items[k], "udp")};
    }
}

/* On a network of its own the first container has it, and publishes what all of them listen at. */
static void fill_network(const struct part *p, struct run_spec *s)
{
    struct run_port *ports = arena_alloc(p->arena, (2 * p->endpoints_n + 1) * sizeof *ports);
    enum app_network_mode mode = pod_networking(p->pod);
    s->ports = ports;
    if (mode == APP_NETWORK_HOST) {
        add_ports(p, p->container, ports, s);
        return;
    }
    if (p->container != p->pod->containers.items) {
        s->network = NETWORK_TASK;
        s->joins = p->first;
        return;
    }
    s->network = mode == APP_NETWORK_BRIDGE ? NETWORK_BRIDGE : NETWORK_USER;
    s->network_name = p->pod->networks.items[0].name;
    for (size_t i = 0; i < p->pod->containers.n; i++)
        add_ports(p, &p->pod->containers.items[i], ports, s);
}

static const struct pod_volume *volume_named(const struct pod *p, const char *name)
{
    for (size_t i = 0; i < p->volumes.n; i++)
        if (str_eq(p->volumes.items[i].name, name))
            return &p->volumes.items[i];
    return NULL;
}

static void fill_mounts(const struct part *p, const struct task_row *t, struct run_spec *s)
{
    const struct pod_container *c = p->container;
    struct run_mount *mounts = arena_alloc(p->arena, (c->mounts.n + 1) * sizeof *mounts);
    for (size_t i = 0; i < c->mounts.n; i++) {
        const struct pod_mount *m = &c->mounts.items[i];
        const struct pod_volume *v = volume_named(p->pod, m->name);
        if (v == NULL || v->secret != NULL)
            continue;
        struct run_mount *out = &mounts[s->mounts_n++];
        *out = (struct run_mount){
            .container_path = m->path, .host_path = v->host, .read_only = m->read_only};
        if (v->persistent != NULL)
            out->persistent = spec_volume(p->app, t, v->name, p->arena);
        else if (v->host == NULL)
            out->volume = v->name;
    }
    s->mounts = mounts;
}

static int port_to_ask(const struct part *p, const char *endpoint)
{
    for (size_t i = 0; i < p->container->endpoints.n; i++) {
        const struct pod_endpoint *e = &p->container->endpoints.items[i];
        if (str_eq(e->name, endpoint))
            return (int)(e->container_port > 0 ? e->container_port : host_port_of(p, e));
    }
    return 0;
}

/* Of health, or one that only informs; NULL: none. */
static struct run_check *check_of(const struct part *p, const struct pod_check *c)
{
    if (c == NULL)
        return NULL;
    struct run_check *out = arena_alloc(p->arena, sizeof *out);
    *out = (struct run_check){
        .kind = c->exec != NULL                       ? CHECK_COMMAND
                : c->tcp != NULL                      ? CHECK_TCP
                : c->http->scheme == APP_SCHEME_HTTPS ? CHECK_HTTPS
                                                      : CHECK_HTTP,
        .address = "127.0.0.1",
        .port = c->exec != NULL
                    ? 0
                    : port_to_ask(p, c->tcp != NULL ? c->tcp->endpoint : c->http->endpoint),
        .path = c->http != NULL && c->http->path != NULL ? c->http->path : "/",
        .command = c->exec != NULL ? pod_shell(&c->exec->command, p->arena) : NULL,
        .grace_ms = c->grace_s * 1000,
        .interval_ms = c->interval_s * 1000,
        .timeout_ms = c->timeout_s * 1000,
        .delay_ms = c->delay_s * 1000,
        .max_failures = (unsigned)c->max_failures,
        .kill_on_max = true,
    };
    return out;
}

bool pod_fill_spec(struct state *state, const struct app *a, const struct task_row *t,
                   const struct agent_row *agent, struct arena *arena, struct run_spec *s)
{
    char instance[INSTANCE_ID_SIZE];
    struct part p = {
        .app = a, .pod = a->pod, .container = pod_container_of(a->pod, t->name), .arena = arena};
    if (p.container == NULL)
        return false;
    read_instance(state, t, &p);
    struct resources needs = pod_container_needs(p.container);
    s->instance =
        arena_strdup(arena, instance_id_text(a->id, instance_uuid(t->salt, t->owner_id), instance));
    s->cpus_milli = needs.cpus_milli;
    s->mem_bytes = needs.mem_bytes;
    s->disk_bytes = needs.disk_bytes;
    spec_fill_limits(p.container->limits, s);
    s->tty = p.container->tty == TTY_ON;
    if (p.container->lifecycle != NULL && p.container->lifecycle->kill_grace_s != NOT_GIVEN)
        s->grace_ms = spec_grace_ms(p.container->lifecycle->kill_grace_s);
    fill_image(&p, s);
    fill_command(&p, s);
    fill_user(&p, s);
    fill_linux_info(&p, s);
    fill_env(&p, t, agent, s);
    spec_fill_fetch(p.container->artifacts.items, p.container->artifacts.n, arena, s);
    fill_network(&p, s);
    fill_mounts(&p, t, s);
    s->checks = check_of(&p, p.container->health);
    s->checks_n = s->checks != NULL;
    s->check = check_of(&p, p.container->check);
    return true;
}
