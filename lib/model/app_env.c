/* The environment of a task (spec/marathon.md 7.4). */

#include "model/app_private.h"

#include <ctype.h>
#include <string.h>

#define LABEL_NAME_MAX 493 /* bytes; longer labels are left out, as Marathon does */
#define LABEL_VALUE_MAX 512

struct making {
    const struct app *app;
    const struct app_task *task;
    struct arena *arena;
    struct env_builder env;
};

static void put_double(struct making *m, const char *name, double value)
{
    char text[DOUBLE_TEXT_SIZE];
    env_put(&m->env, name, arena_strdup(m->arena, double_text(value, text)));
}

/* ---- the app */

static void put_app(struct making *m)
{
    const struct app *a = m->app;
    char version[TIME_TEXT_SIZE];
    env_put(&m->env, "MESOS_TASK_ID", m->task->task_id);
    env_put(&m->env, "MARATHON_APP_ID", a->id);
    env_put(&m->env, "MARATHON_APP_VERSION",
            arena_strdup(m->arena, wall_text(a->version, version)));
    if (a->container != NULL && a->container->type == CONTAINER_DOCKER &&
        a->container->docker != NULL)
        env_put(&m->env, "MARATHON_APP_DOCKER_IMAGE", a->container->docker->image);
    put_double(m, "MARATHON_APP_RESOURCE_CPUS", a->cpus);
    put_double(m, "MARATHON_APP_RESOURCE_MEM", a->mem);
    put_double(m, "MARATHON_APP_RESOURCE_DISK", a->disk);
    env_put(&m->env, "MARATHON_APP_RESOURCE_GPUS",
            arena_printf(m->arena, "%lld", (long long)a->gpus));
}

/* Upper case; every run of anything but letters, digits and '_' becomes one '_'. */
static void put_label_name(struct buf *b, const char *label)
{
    for (bool other = false; *label != '\0'; label++) {
        bool kept = isalnum((unsigned char)*label) || *label == '_';
        if (kept)
            buf_putc(b, (char)toupper((unsigned char)*label));
        else if (!other)
            buf_putc(b, '_');
        other = !kept;
    }
}

static void put_labels(struct making *m)
{
    static const char PREFIX[] = "MARATHON_APP_LABEL_", ALL[] = "MARATHON_APP_LABELS";
    const struct pairs *labels = &m->app->labels;
    struct buf all, name;
    buf_init(&all, LIMIT_ARGUMENT_BYTES);
    buf_init(&name, sizeof(PREFIX) + LABEL_NAME_MAX);
    for (size_t i = 0; i < labels->n; i++) {
        const struct pair *label = &labels->items[i];
        if (strlen(label->name) >= LABEL_NAME_MAX || strlen(label->value) >= LABEL_VALUE_MAX)
            continue;
        buf_clear(&name);
        buf_puts(&name, PREFIX);
        put_label_name(&name, label->name);
        if (all.len + sizeof(ALL) + name.len < LIMIT_ARGUMENT_BYTES) /* else it is too much */
            buf_printf(&all, "%s%s", all.len == 0 ? "" : " ", buf_str(&name) + sizeof(PREFIX) - 1);
        env_put(&m->env, arena_strdup(m->arena, buf_str(&name)), label->value);
    }
    env_put(&m->env, ALL, arena_strdup(m->arena, buf_str(&all)));
    buf_close(&all);
    buf_close(&name);
}

/* ---- the ports */

static const char *prefixed(struct making *m, const char *name)
{
    return m->task->prefix == NULL ? name : arena_printf(m->arena, "%s%s", m->task->prefix, name);
}

static int64_t port_value(const struct app_task_port *p)
{
    return p->host != 0 ? p->host : p->container;
}

/* The number in PORT_<n>. */
static int64_t port_number(const struct making *m, size_t i)
{
    struct app_port_view view = app_port(m->app, i);
    if (view.container_port == NOT_GIVEN)
        return view.service_port;
    return view.container_port != 0 ? view.container_port : port_value(&m->task->ports[i]);
}

static void put_port(struct making *m, size_t i)
{
    const char *value = arena_printf(m->arena, "%lld", (long long)port_value(&m->task->ports[i]));
    const char *name = app_port(m->app, i).name;
    env_put(&m->env, prefixed(m, arena_printf(m->arena, "PORT%zu", i)), value);
    env_put(&m->env, prefixed(m, arena_printf(m->arena, "PORT_%lld", (long long)port_number(m, i))),
            value);
    if (name == NULL)
        return;
    char *upper = arena_printf(m->arena, "PORT_%s", name);
    for (char *c = upper; *c != '\0'; c++)
        *c = (char)toupper((unsigned char)*c);
    env_put(&m->env, prefixed(m, upper), value);
}

static void add_to_ports(struct buf *all, int64_t port)
{
    buf_printf(all, "%s%lld", all->len == 0 ? "" : ",", (long long)port);
}

static bool is_generated(const struct making *m, size_t i)
{
    return m->task->ports[i].host == 0 && app_port(m->app, i).container_port == 0;
}

static void put_ports(struct making *m)
{
    struct buf all;
    size_t n = app_port_count(m->app);
    if (n == 0)
        return;
    buf_init(&all, LIMIT_ITEMS * 8);
    for (size_t i = 0; i < n; i++) {
        put_port(m, i);
        if (m->task->ports[i].host != 0)
            add_to_ports(&all, m->task->ports[i].host);
    }
    for (size_t i = 0; i < n; i++)
        if (is_generated(m, i))
            add_to_ports(&all, m->task->ports[i].container);
    const char *ports = arena_strdup(m->arena, buf_str(&all));
    if (ports[0] != '\0')
        env_put(&m->env, prefixed(m, "PORT"), arena_strndup(m->arena, ports, strcspn(ports, ",")));
    env_put(&m->env, prefixed(m, "PORTS"), ports);
    buf_close(&all);
}

void app_task_env(const struct app *a, const struct app_task *t, struct arena *arena,
                  struct env_vars *out)
{
    struct making m = {.app = a, .task = t, .arena = arena};
    env_begin(&m.env, arena);
    put_app(&m);
    put_labels(&m);
    env_put(&m.env, "MARATHON_APP_ENFORCE_GROUP_ROLE", t->enforce_role ? "TRUE" : "FALSE");
    env_put(&m.env, prefixed(&m, "HOST"), t->host);
    put_ports(&m);
    for (size_t i = 0; i < a->env.n; i++)
        env_put_var(&m.env, a->env.items[i]);
    *out = env_end(&m.env);
}
