#include "executor/docker_options.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/assert.h"
#include "base/json.h"
#include "base/str.h"
#include "executor/docker_hold.h"
#include "model/docker_parameter.h"

#define MEM_BYTES_MIN (32ll << 20)

/* ---- options, in order; of a scalar the last one counts */

struct option {
    const char *key, *value;
};

struct options {
    struct arena arena;
    struct option *items;
    size_t n, room;
};

static void add(struct options *o, const char *key, const char *value)
{
    if (o->n == o->room) {
        size_t room = o->room == 0 ? 64 : 2 * o->room;
        struct option *items = arena_alloc(&o->arena, room * sizeof(*items));
        if (o->n > 0)
            memcpy(items, o->items, o->n * sizeof(*items));
        o->items = items;
        o->room = room;
    }
    o->items[o->n++] = (struct option){key, value};
}

static void add_int(struct options *o, const char *key, int64_t value)
{
    add(o, key, arena_printf(&o->arena, "%" PRId64, value));
}

static void add_pair(struct options *o, const char *key, const char *name, const char *value)
{
    add(o, key, arena_printf(&o->arena, "%s=%s", name, value));
}

/* Docker splits a volume at its colons, and the sandboxes of jobs have some in their paths: those
 * are written as mounts, which the engine does not make where they are missing. */
static void add_bind(struct options *o, const char *host, const char *inside, bool read_only)
{
    const char *mode = read_only ? "ro" : "rw";
    if (strchr(host, ':') != NULL)
        add(o, DOCKER_OWN_BIND, arena_printf(&o->arena, "%s:%s:%s", mode, inside, host));
    else
        add(o, "volume", arena_printf(&o->arena, "%s:%s:%s", host, inside, mode));
}

static void add_volumes(struct options *o, const struct run *run)
{
    add_bind(o, run->sandbox, SANDBOX_INSIDE, false);
    for (size_t i = 0; i < run->spec->mounts_n; i++) {
        const struct run_mount *m = &run->spec->mounts[i];
        const char *inside = m->container_path;
        const char *host = m->host_path != NULL && m->host_path[0] != '\0' ? m->host_path : inside;
        bool relative = host[0] != '/' || host == inside;
        add_bind(
            o,
            arena_printf(&o->arena, "%s%s%s", relative ? run->sandbox : "",
                         relative && host[0] != '/' ? "/" : "", host),
            arena_printf(&o->arena, "%s%s", inside[0] == '/' ? "" : SANDBOX_INSIDE "/", inside),
            m->read_only);
    }
}

static void add_ports(struct options *o, const struct run_spec *spec)
{
    if (spec->network != NETWORK_BRIDGE && spec->network != NETWORK_USER)
        return;
    for (size_t i = 0; i < spec->ports_n; i++) {
        const struct run_port *p = &spec->ports[i];
        const char *kind = p->udp ? "udp" : "tcp";
        int inside = p->container != 0 ? p->container : p->host;
        if (p->host != 0)
            add(o, "publish", arena_printf(&o->arena, "%d:%d/%s", p->host, inside, kind));
        else
            add(o, "expose", arena_printf(&o->arena, "%d/%s", inside, kind));
    }
}

static void add_limits(struct options *o, const struct run_spec *spec, bool cpu_quota)
{
    int64_t shares = spec->cpus_milli * 1024 / 1000;
    int64_t quota = run_spec_most_cpus_milli(spec, cpu_quota) * 100; /* of 100 ms, in us */
    int64_t mem = run_spec_most_mem_bytes(spec);
    add_int(o, "cpu-shares", shares > 2 ? shares : 2);
    if (quota > 0)
        add_int(o, "cpu-quota", quota > 1000 ? quota : 1000);
    if (mem > 0)
        add_int(o, "memory", mem > MEM_BYTES_MIN ? mem : MEM_BYTES_MIN);
    if (mem != spec->mem_bytes) /* what it asked for, when all have too little */
        add_int(o, "memory-reservation",
                spec->mem_bytes > MEM_BYTES_MIN ? spec->mem_bytes : MEM_BYTES_MIN);
}

static const char *parameter(const struct run_spec *spec, const char *key)
{
    const char *value = NULL;
    for (size_t i = 0; i < spec->parameters_n; i++)
        if (str_eq(spec->parameters[i].key, key))
            value = spec->parameters[i].value;
    return value;
}

/* Bounded, unlike the engine's own default: spec/mesos.md 10, 9. */
static void add_logging(struct options *o, const struct run_spec *spec, int64_t bytes)
{
    if (parameter(spec, "log-driver") != NULL)
        return;
    add(o, "log-driver", "json-file");
    add(o, "log-opt", arena_printf(&o->arena, "max-size=%" PRId64, bytes));
    add(o, "log-opt", "max-file=2");
}

static const char *network_of(const struct run_spec *spec)
{
    switch (spec->network) {
    case NETWORK_HOST:
        return "host";
    case NETWORK_NONE:
        return "none";
    case NETWORK_USER:
        return spec->network_name != NULL ? spec->network_name : "bridge";
    case NETWORK_BRIDGE:
    case NETWORK_TASK: /* joins another */
        break;
    }
    return "bridge";
}

static void add_network(struct options *o, const struct run *run)
{
    char name[DOCKER_NAME_SIZE];
    if (run->joins != NULL) {
        add(o, "network",
            arena_printf(&o->arena, "container:%s", docker_hold_name(run->joins, name)));
        return;
    }
    add(o, "network", network_of(run->spec));
    add_ports(o, run->spec);
}

static void add_all(struct options *o, const struct run *run, const struct docker_defaults *d)
{
    const struct run_spec *spec = run->spec;
    add_network(o, run);
    add(o, "privileged", spec->privileged ? "true" : "false");
    add(o, "tty", spec->tty ? "true" : "false");
    add_limits(o, spec, d->cpu_quota);
    for (size_t i = 0; run->env != NULL && run->env[i] != NULL; i++)
        add(o, "env", run->env[i]);
    add_volumes(o, run);
    add_logging(o, spec, d->log_bytes);
    if (spec->cmd != NULL)
        add(o, "entrypoint", "/bin/sh");
    for (size_t i = 0; i < spec->parameters_n; i++)
        add(o, spec->parameters[i].key, spec->parameters[i].value);
    add_pair(o, "label", "MESOS_TASK_ID", run->name);
    add_pair(o, "label", DOCKER_LABEL_TASK, run->name);
    add_pair(o, "label", DOCKER_LABEL_OWNER, d->owner);
    add_pair(o, "label", DOCKER_LABEL_NUMBER, arena_printf(&o->arena, "%" PRId64, run->number));
}

#define HOLD_INSIDE "/mesolith-hold"

static void add_hold(struct options *o, const struct run *run, const struct docker_defaults *d)
{
    add(o, "network", network_of(run->spec));
    add_ports(o, run->spec);
    add_bind(o, d->hold, HOLD_INSIDE, true);
    add(o, "entrypoint", HOLD_INSIDE);
    add(o, "user", "0");
    add(o, "log-driver", "none");
    add_pair(o, "label", DOCKER_LABEL_OWNER, d->owner);
    add_pair(o, "label", DOCKER_LABEL_NETWORK, arena_printf(&o->arena, "%" PRId64, run->network));
}

/* ---- members */

static const struct option *last_of(const struct options *o, const char *key)
{
    const struct option *found = NULL;
    for (size_t i = 0; i < o->n; i++)
        if (str_eq(o->items[i].key, key))
            found = &o->items[i];
    return found;
}

/* It was looked at before. */
static void put_value(struct json_writer *w, const struct docker_parameter *r,
                      const struct option *option)
{
    bool good = docker_value_put(w, r, option->value);
    ASSERT(good);
}

/* {"80/tcp": [{"HostPort": "31000"}, …], …} */
static void put_bindings(struct json_writer *w, const struct options *o,
                         const struct docker_parameter *r)
{
    char port[32], other[32];
    for (size_t i = 0; i < o->n; i++) {
        bool seen = false;
        if (!docker_parameter_is(r, o->items[i].key))
            continue;
        docker_port_inside(o->items[i].value, port);
        for (size_t j = 0; j < i && !seen; j++)
            seen = docker_parameter_is(r, o->items[j].key) &&
                   str_eq(docker_port_inside(o->items[j].value, other), port);
        if (seen)
            continue;
        json_key(w, port);
        json_array(w);
        for (size_t j = i; j < o->n; j++) {
            const char *inside;
            if (!docker_parameter_is(r, o->items[j].key) ||
                !str_eq(docker_port_inside(o->items[j].value, other), port))
                continue;
            struct slice host = docker_cut(o->items[j].value, ':', &inside);
            json_object(w);
            json_key(w, "HostPort");
            json_put_slice(w, inside != NULL ? host : SLICE(""));
            json_object_end(w);
        }
        json_array_end(w);
    }
}

/* The last option of a scalar, all of a list. */
static void put_options(struct json_writer *w, const struct options *o,
                        const struct docker_parameter *r, bool only_last)
{
    const struct option *last = NULL;
    for (size_t i = 0; i < o->n; i++) {
        if (!docker_parameter_is(r, o->items[i].key))
            continue;
        last = &o->items[i];
        if (!only_last)
            put_value(w, r, last);
    }
    if (only_last && last != NULL)
        put_value(w, r, last);
}

static bool any_of(const struct options *o, const struct docker_parameter *first, size_t n)
{
    for (size_t i = 0; i < o->n; i++)
        for (size_t r = 0; r < n; r++)
            if (docker_parameter_is(&first[r], o->items[i].key))
                return true;
    return false;
}

/* One member from the rows (side by side) that belong to it. */
static void put_member(struct json_writer *w, const struct options *o,
                       const struct docker_parameter *first, size_t n)
{
    if (!any_of(o, first, n))
        return;
    json_key(w, first->member);
    docker_value_open(w, first);
    if (first->form == DOCKER_PUBLISH)
        put_bindings(w, o, first);
    for (size_t r = 0; r < n; r++)
        put_options(w, o, &first[r], docker_is_scalar(first));
    docker_value_close(w, first);
}

static void put_place(struct json_writer *w, const struct options *o, enum docker_place place)
{
    const struct docker_parameter *all = docker_parameters;
    for (size_t i = 0, n; i < docker_parameters_n; i += n) {
        n = 1;
        while (all[i].member != NULL && i + n < docker_parameters_n &&
               all[i + n].place == all[i].place && str_eq(all[i + n].member, all[i].member))
            n++;
        if (all[i].place == place)
            put_member(w, o, &all[i], n);
    }
}

static void put_logging(struct json_writer *w, const struct options *o)
{
    const struct option *driver = last_of(o, "log-driver");
    json_key(w, "LogConfig");
    json_object(w);
    json_member_str(w, "Type", driver != NULL ? driver->value : "json-file");
    json_key(w, "Config");
    json_object(w);
    for (size_t i = 0; i < o->n; i++)
        if (str_eq(o->items[i].key, "log-opt"))
            docker_pair_put(w, o->items[i].value, '=');
    json_object_end(w);
    json_object_end(w);
}

static void put_networking(struct json_writer *w, const struct options *o)
{
    const struct option *network = last_of(o, "network"), *net = last_of(o, "net");
    if (net != NULL && net > network)
        network = net;
    if (last_of(o, "ip") == NULL && last_of(o, "network-alias") == NULL &&
        last_of(o, "net-alias") == NULL)
        return;
    json_key(w, "NetworkingConfig");
    json_object(w);
    json_key(w, "EndpointsConfig");
    json_object(w);
    json_key(w, network->value);
    json_object(w);
    put_place(w, o, DOCKER_ENDPOINT);
    json_object_end(w);
    json_object_end(w);
    json_object_end(w);
}

static void put_command(struct json_writer *w, const struct run_spec *spec)
{
    if (spec->cmd == NULL && spec->args_n == 0)
        return; /* the image's own */
    json_key(w, "Cmd");
    json_array(w);
    if (spec->cmd != NULL) {
        json_put_str(w, "-c");
        json_put_str(w, spec->cmd);
    }
    for (size_t i = 0; spec->cmd == NULL && i < spec->args_n; i++)
        json_put_str(w, spec->args[i]);
    json_array_end(w);
}

/* Without `command` what the image has is not run either: not its health check. */
static void put_program(struct json_writer *w, const struct run_spec *spec, bool command)
{
    json_member_str(w, "Image", spec->image);
    if (command) {
        put_command(w, spec);
        return;
    }
    json_key(w, "Healthcheck");
    json_object(w);
    json_key(w, "Test");
    json_array(w);
    json_put_str(w, "NONE");
    json_array_end(w);
    json_object_end(w);
}

static void put_body(struct json_writer *w, const struct run_spec *spec, bool command,
                     const struct options *o)
{
    json_object(w);
    put_program(w, spec, command);
    put_place(w, o, DOCKER_TOP);
    json_key(w, "HostConfig");
    json_object(w);
    put_place(w, o, DOCKER_HOST);
    put_logging(w, o);
    json_object_end(w);
    put_networking(w, o);
    json_object_end(w);
}

int docker_create_body(const struct run *run, const struct docker_defaults *defaults,
                       struct buf *out, struct error *err)
{
    struct options o = {0};
    struct json_writer w;
    for (size_t i = 0; i < run->spec->parameters_n; i++)
        if (docker_parameter_check(run->spec->parameters[i].key, run->spec->parameters[i].value,
                                   err) != 0)
            return -1;
    add_all(&o, run, defaults);
    json_begin(&w, out);
    put_body(&w, run->spec, true, &o);
    arena_close(&o.arena);
    return 0;
}

int docker_hold_body(const struct run *run, const struct docker_defaults *defaults, struct buf *out,
                     struct error *err)
{
    struct options o = {0};
    struct json_writer w;
    (void)err;
    add_hold(&o, run, defaults);
    json_begin(&w, out);
    put_body(&w, run->spec, false, &o);
    arena_close(&o.arena);
    return 0;
}
