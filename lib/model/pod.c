#include "model/pod_private.h"

#include <string.h>

#include "base/assert.h"
#include "base/str.h"

/* ---- what a pod means in an app's words */

static void *copy(struct arena *arena, const void *from, size_t size)
{
    return memcpy(arena_alloc(arena, size), from, size);
}

static void fill_amounts(struct app *a)
{
    const struct pod *p = a->pod;
    a->cpus = a->mem = a->disk = 0;
    for (size_t i = 0; i < p->containers.n; i++) {
        const struct pod_resources *r = &p->containers.items[i].resources;
        a->cpus += r->cpus;
        a->mem += r->mem;
        a->disk += r->disk;
        a->gpus += r->gpus;
    }
    const struct app_amounts more = {p->executor.cpus, p->executor.mem, p->executor.disk};
    a->executor_resources = copy(&a->arena, &more, sizeof more);
}

static void fill_app(struct app *a)
{
    const struct pod *p = a->pod;
    const struct pod_scheduling *s = &p->scheduling;
    a->id = p->id;
    a->instances = p->scaling.instances;
    a->labels = p->labels;
    a->secrets = p->secrets;
    a->role = p->role;
    a->networks.items = p->networks.items;
    a->networks.n = p->networks.n;
    a->constraints = s->placement.constraints;
    a->accepted_roles = s->placement.accepted_roles;
    a->upgrade.minimum_health = s->upgrade.minimum_health;
    a->upgrade.maximum_over = s->upgrade.maximum_over;
    a->backoff_s = s->backoff.backoff_s;
    a->backoff_factor = s->backoff.factor;
    a->max_launch_delay_s = s->backoff.max_delay_s;
    a->kill_selection = s->kill_selection;
    a->unreachable = s->unreachable;
    a->kill_grace_s = NOT_GIVEN;
    a->executor = "";
    fill_amounts(a);
}

/* ---- reading */

static void default_networks(const struct app_input *in, struct pod *p)
{
    struct arena *arena = &in->app->arena;
    if (p->networks.n == 0) {
        p->networks.items = arena_alloc(arena, sizeof(*p->networks.items));
        p->networks.items[0].mode = APP_NETWORK_HOST;
        p->networks.n = 1;
    }
    for (size_t i = 0; i < p->networks.n; i++) {
        struct app_network *n = &p->networks.items[i];
        if (n->mode != APP_NETWORK_CONTAINER || n->name != NULL)
            continue;
        if (in->rules->network != NULL)
            n->name = arena_strdup(arena, in->rules->network);
        else
            app_problem(in->problems, app_path(in->app, "/networks(%zu)/name", i),
                        "need the name of a network: there is no default one");
    }
}

static void default_endpoints(struct app *a, struct pod *p)
{
    bool has_host_port = pod_networking(p) != APP_NETWORK_CONTAINER;
    for (size_t c = 0; c < p->containers.n; c++) {
        for (size_t i = 0; i < p->containers.items[c].endpoints.n; i++) {
            struct pod_endpoint *e = &p->containers.items[c].endpoints.items[i];
            if (e->host_port == NOT_GIVEN && has_host_port)
                e->host_port = 0;
            if (e->protocols.n > 0)
                continue;
            e->protocols.items = arena_alloc(&a->arena, sizeof(*e->protocols.items));
            e->protocols.items[0] = "tcp";
            e->protocols.n = 1;
        }
    }
}

static void normalize(const struct app_input *in, struct pod *p)
{
    struct pod_upgrade *upgrade = &p->scheduling.upgrade;
    default_networks(in, p);
    default_endpoints(in->app, p);
    app_default_upgrade(in->app, &upgrade->minimum_health, &upgrade->maximum_over);
    app_default_unreachable(in->app, &p->scheduling.unreachable);
    char top[ID_SIZE];
    if (p->role == NULL)
        p->role = arena_strdup(&in->app->arena, app_usual_role(in, top));
}

int pod_parse(const struct app_rules *rules, const struct json *body, const char *group,
              const struct app *old, struct app *out, struct problems *problems)
{
    struct app a = {0};
    struct pod *p = arena_alloc(&a.arena, sizeof *p);
    size_t before = problems->n + problems->left_out;
    struct app_input in = {
        .rules = rules, .group = group, .old = old, .app = &a, .problems = problems};
    struct reader r = {.arena = &a.arena, .problems = problems, .schema_keys = true};
    fields_init(&POD_FIELDS, p);
    fields_read(&r, NULL, &POD_FIELDS, body, p);
    a.pod = p;
    a.id = p->id;
    if (json_is(body, JSON_OBJECT) && (p->id != NULL || json_get(body, "id") == NULL))
        app_take_id(&in, NULL);
    p->id = a.id;
    if (app_well_typed(problems, before)) {
        normalize(&in, p);
        fill_app(&a);
        pod_validate(&in);
    }
    if (problems->n + problems->left_out != before) {
        app_close(&a);
        return -1;
    }
    *out = a;
    return 0;
}

bool pod_is_stored(struct slice definition)
{
    static const char first[] = "{\"id\":\"", second[] = "\",\"containers\":[";
    const size_t skip = sizeof first - 1, need = sizeof second - 1;
    if (definition.len < skip || memcmp(definition.p, first, skip) != 0)
        return false;
    const char *id = definition.p + skip, *end = definition.p + definition.len;
    const char *quote = memchr(id, '"', (size_t)(end - id)); /* ids need no escapes */
    return quote != NULL && (size_t)(end - quote) >= need && memcmp(quote, second, need) == 0;
}

bool pod_load(const struct reader *r, const struct json *tree, struct app *out)
{
    struct pod *p = arena_alloc(&out->arena, sizeof *p);
    fields_init(&POD_FIELDS, p);
    fields_read(r, NULL, &POD_FIELDS, tree, p);
    out->pod = p;
    if (p->id == NULL || p->role == NULL || p->networks.n == 0 || p->containers.n == 0)
        return false;
    fill_app(out);
    return true;
}

void pod_write(const struct pod *p, struct json_writer *w)
{
    fields_write(&POD_FIELDS, p, w);
}

bool pod_equal(const struct pod *a, const struct pod *b)
{
    return fields_equal(&POD_FIELDS, a, b);
}

/* ---- what an instance needs */

enum app_network_mode pod_networking(const struct pod *p)
{
    return p->networks.n == 0 ? APP_NETWORK_HOST : p->networks.items[0].mode;
}

struct resources pod_container_needs(const struct pod_container *c)
{
    return (struct resources){.cpus_milli = cpus_to_milli(c->resources.cpus),
                              .mem_bytes = mib_to_bytes(c->resources.mem),
                              .disk_bytes = mib_to_bytes(c->resources.disk),
                              .gpus = c->resources.gpus};
}

struct resources pod_task_needs(const struct pod *p, size_t container)
{
    struct resources r = pod_container_needs(&p->containers.items[container]);
    if (container == 0) {
        r.cpus_milli += cpus_to_milli(p->executor.cpus);
        r.mem_bytes += mib_to_bytes(p->executor.mem);
        r.disk_bytes += mib_to_bytes(p->executor.disk);
    }
    return r;
}

const struct pod_container *pod_container_of(const struct pod *p, const char *task_name)
{
    struct task_ref ref;
    struct error err;
    if (task_id_parse(task_name, &ref, &err) != 0 || ref.kind != ID_OF_POD_TASK)
        return NULL;
    for (size_t i = 0; i < p->containers.n; i++)
        if (str_eq(p->containers.items[i].name, ref.container))
            return &p->containers.items[i];
    return NULL;
}

bool pod_has_image(const struct pod *p)
{
    for (size_t i = 0; i < p->containers.n; i++)
        if (p->containers.items[i].image != NULL)
            return true;
    return false;
}

bool app_task_has_check(const struct app *a, const char *task_name)
{
    const struct pod_container *c = a->pod != NULL ? pod_container_of(a->pod, task_name) : NULL;
    return a->pod != NULL ? c != NULL && c->health != NULL : a->health_checks.n > 0;
}

bool app_has_checks(const struct app *a)
{
    for (size_t i = 0; a->pod != NULL && i < a->pod->containers.n; i++)
        if (a->pod->containers.items[i].health != NULL)
            return true;
    return a->health_checks.n > 0;
}

/* In single quotes, of which a text has its own written as '\''. */
static void put_quoted(struct buf *b, const char *text)
{
    buf_putc(b, '\'');
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            buf_puts(b, "'\\''");
        else
            buf_putc(b, *text);
    }
    buf_putc(b, '\'');
}

const char *pod_shell(const struct pod_command *c, struct arena *arena)
{
    if (c->shell != NULL)
        return c->shell;
    struct buf b;
    buf_init(&b, 4 * LIMIT_TASK_BYTES);
    for (size_t i = 0; i < c->argv.n; i++) {
        if (i > 0)
            buf_putc(&b, ' ');
        put_quoted(&b, c->argv.items[i]);
    }
    const char *text = arena_strdup(arena, buf_str(&b));
    buf_close(&b);
    return text;
}

/* ---- the environment */

struct making {
    struct arena *arena;
    struct env_builder env;
};

static void put_double(struct making *m, const char *name, double value)
{
    char text[DOUBLE_TEXT_SIZE];
    env_put(&m->env, name, arena_strdup(m->arena, double_text(value, text)));
}

static void put_int(struct making *m, const char *name, int64_t value)
{
    env_put(&m->env, name, arena_printf(m->arena, "%lld", (long long)value));
}

static const char *upper_name(struct making *m, const char *prefix, const char *name)
{
    char *text = arena_printf(m->arena, "%s%s", prefix, name);
    for (char *c = text; *c != '\0'; c++) {
        if (*c >= 'a' && *c <= 'z')
            *c = (char)(*c - 'a' + 'A');
        else if ((*c < 'A' || *c > 'Z') && (*c < '0' || *c > '9'))
            *c = '_';
    }
    return text;
}

static void put_endpoint(struct making *m, const struct pod_endpoint *e, bool on_host, int64_t host)
{
    int64_t inside = on_host ? NOT_GIVEN : e->container_port != 0 ? e->container_port : host;
    put_int(m, upper_name(m, "ENDPOINT_", e->name), on_host ? host : inside);
    if (host != 0)
        put_int(m, upper_name(m, "EP_HOST_", e->name), host);
    if (inside != NOT_GIVEN)
        put_int(m, upper_name(m, "EP_CONTAINER_", e->name), inside);
}

static void put_server_made(struct making *m, const struct app *a, const struct pod_task *t)
{
    char version[TIME_TEXT_SIZE], safe[ID_SIZE];
    const struct pod_resources *r = &t->container->resources;
    const char *uuid = strstr(t->instance_id, ".instance-");
    env_put(&m->env, "MESOS_TASK_ID", t->task_id);
    if (uuid != NULL)
        env_put(&m->env, "MESOS_EXECUTOR_ID",
                arena_printf(m->arena, "instance-%s.%s", id_safe(a->id, safe),
                             uuid + strlen(".instance-")));
    env_put(&m->env, "MARATHON_APP_ID", a->id);
    env_put(&m->env, "MARATHON_APP_VERSION",
            arena_strdup(m->arena, wall_text(a->version, version)));
    env_put(&m->env, "MARATHON_CONTAINER_ID", t->container->name);
    put_double(m, "MARATHON_CONTAINER_RESOURCE_CPUS", r->cpus);
    put_double(m, "MARATHON_CONTAINER_RESOURCE_MEM", r->mem);
    put_double(m, "MARATHON_CONTAINER_RESOURCE_DISK", r->disk);
    put_int(m, "MARATHON_CONTAINER_RESOURCE_GPUS", r->gpus);
    env_put(&m->env, "MARATHON_APP_ENFORCE_GROUP_ROLE", t->enforce_role ? "TRUE" : "FALSE");
    env_put(&m->env, "HOST", t->host);
}

void pod_task_env(const struct app *a, const struct pod_task *t, struct arena *arena,
                  struct env_vars *out)
{
    const struct pod *p = a->pod;
    struct making m = {.arena = arena};
    bool on_host = pod_networking(p) == APP_NETWORK_HOST;
    size_t next = 0;
    env_begin(&m.env, arena);
    put_server_made(&m, a, t);
    for (size_t c = 0; c < p->containers.n; c++)
        for (size_t i = 0; i < p->containers.items[c].endpoints.n; i++)
            put_endpoint(&m, &p->containers.items[c].endpoints.items[i], on_host,
                         t->host_ports[next++]);
    for (size_t i = 0; i < p->env.n; i++)
        env_put_var(&m.env, p->env.items[i]);
    for (size_t i = 0; i < t->container->env.n; i++)
        env_put_var(&m.env, t->container->env.items[i]);
    *out = env_end(&m.env);
}
