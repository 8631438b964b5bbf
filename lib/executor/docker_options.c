#include "executor/docker_options.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/assert.h"
#include "base/json.h"
#include "base/str.h"
#include "executor/docker_hold.h"

#define MEM_BYTES_MIN (32ll << 20)
#define OWN_BIND "bind:" /* no parameter's name: of ours only */

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
        add(o, OWN_BIND, arena_printf(&o->arena, "%s:%s:%s", mode, inside, host));
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

/* ---- where they go */

enum place { TOP, HOST, ENDPOINT, NOWHERE };

enum form {
    TEXT,
    NUMBER,
    SIZE,
    FLAG,
    LIST,    /* of texts */
    ONE,     /* a list of the last one */
    PAIRS,   /* "a=b": members */
    TMPFS,   /* "path:options": members */
    PORTS,   /* "80/tcp": a member without content */
    PUBLISH, /* "31000:80/tcp" */
    DEVICE,
    ULIMIT,
    MOUNT,
    BIND, /* "ro:/inside:/host" */
    IP,
    IGNORED,
};

struct row {
    const char *key, *other; /* as `docker run` has it; another name of it, or NULL */
    enum place place;
    const char *member; /* rows of one member stand together */
    enum form form;
};

static const struct row rows[] = {
    {"domainname", NULL, TOP, "Domainname", TEXT},
    {"entrypoint", NULL, TOP, "Entrypoint", ONE},
    {"env", "e", TOP, "Env", LIST},
    {"expose", NULL, TOP, "ExposedPorts", PORTS},
    {"publish", "p", TOP, "ExposedPorts", PORTS},
    {"hostname", "h", TOP, "Hostname", TEXT},
    {"label", "l", TOP, "Labels", PAIRS},
    {"mac-address", NULL, TOP, "MacAddress", TEXT},
    {"stop-signal", NULL, TOP, "StopSignal", TEXT},
    {"stop-timeout", NULL, TOP, "StopTimeout", NUMBER},
    {"tty", "t", TOP, "Tty", FLAG},
    {"user", "u", TOP, "User", TEXT},
    {"workdir", "w", TOP, "WorkingDir", TEXT},
    {"volume", "v", HOST, "Binds", LIST},
    {"cap-add", NULL, HOST, "CapAdd", LIST},
    {"cap-drop", NULL, HOST, "CapDrop", LIST},
    {"cgroup-parent", NULL, HOST, "CgroupParent", TEXT},
    {"cpu-period", NULL, HOST, "CpuPeriod", NUMBER},
    {"cpu-quota", NULL, HOST, "CpuQuota", NUMBER},
    {"cpu-shares", "c", HOST, "CpuShares", NUMBER},
    {"cpuset-cpus", NULL, HOST, "CpusetCpus", TEXT},
    {"device", NULL, HOST, "Devices", DEVICE},
    {"dns", NULL, HOST, "Dns", LIST},
    {"dns-opt", "dns-option", HOST, "DnsOptions", LIST},
    {"dns-search", NULL, HOST, "DnsSearch", LIST},
    {"add-host", NULL, HOST, "ExtraHosts", LIST},
    {"group-add", NULL, HOST, "GroupAdd", LIST},
    {"init", NULL, HOST, "Init", FLAG},
    {"ipc", NULL, HOST, "IpcMode", TEXT},
    {"link", NULL, HOST, "Links", LIST},
    {"memory", "m", HOST, "Memory", SIZE},
    {"memory-reservation", NULL, HOST, "MemoryReservation", SIZE},
    {"memory-swap", NULL, HOST, "MemorySwap", SIZE},
    {"memory-swappiness", NULL, HOST, "MemorySwappiness", NUMBER},
    {"mount", NULL, HOST, "Mounts", MOUNT},
    {OWN_BIND, NULL, HOST, "Mounts", BIND},
    {"network", "net", HOST, "NetworkMode", TEXT},
    {"oom-kill-disable", NULL, HOST, "OomKillDisable", FLAG},
    {"oom-score-adj", NULL, HOST, "OomScoreAdj", NUMBER},
    {"pid", NULL, HOST, "PidMode", TEXT},
    {"pids-limit", NULL, HOST, "PidsLimit", NUMBER},
    {"publish", "p", HOST, "PortBindings", PUBLISH},
    {"privileged", NULL, HOST, "Privileged", FLAG},
    {"read-only", NULL, HOST, "ReadonlyRootfs", FLAG},
    {"runtime", NULL, HOST, "Runtime", TEXT},
    {"security-opt", NULL, HOST, "SecurityOpt", LIST},
    {"shm-size", NULL, HOST, "ShmSize", SIZE},
    {"storage-opt", NULL, HOST, "StorageOpt", PAIRS},
    {"sysctl", NULL, HOST, "Sysctls", PAIRS},
    {"tmpfs", NULL, HOST, "Tmpfs", TMPFS},
    {"ulimit", NULL, HOST, "Ulimits", ULIMIT},
    {"userns", NULL, HOST, "UsernsMode", TEXT},
    {"uts", NULL, HOST, "UTSMode", TEXT},
    {"volume-driver", NULL, HOST, "VolumeDriver", TEXT},
    {"volumes-from", NULL, HOST, "VolumesFrom", LIST},
    {"network-alias", "net-alias", ENDPOINT, "Aliases", LIST},
    {"ip", NULL, ENDPOINT, "IPAMConfig", IP},
    {"log-driver", NULL, NOWHERE, NULL, TEXT}, /* both in LogConfig, written apart */
    {"log-opt", NULL, NOWHERE, NULL, PAIRS},
    {"restart", NULL, NOWHERE, NULL, IGNORED}, /* ours to do, or not to do */
    {"rm", NULL, NOWHERE, NULL, IGNORED},
};
#define ROWS (sizeof(rows) / sizeof(*rows))

static bool is_of(const struct row *r, const char *key)
{
    return str_eq(r->key, key) || (r->other != NULL && str_eq(r->other, key));
}

bool docker_parameter_known(const char *key)
{
    for (size_t i = 0; i < ROWS; i++)
        if (rows[i].form != BIND && is_of(&rows[i], key))
            return true;
    return false;
}

/* ---- values */

bool docker_size(const char *text, int64_t *out)
{
    static const char units[] = "bkmgt";
    char *end;
    double value = strtod(text, &end);
    const char *unit = *end != '\0' ? strchr(units, *end | 0x20) : units;
    if (end == text || unit == NULL || (value < 0 && !str_eq(text, "-1")))
        return false;
    end += *end != '\0';
    if (*end != '\0' && !str_eq(end, "b") && !str_eq(end, "B"))
        return false;
    for (long i = unit - units; i > 0; i--)
        value *= 1024;
    if (value > 1e18)
        return false;
    *out = (int64_t)value;
    return true;
}

static bool flag(const char *text, bool *out)
{
    *out = text[0] == '\0' || str_eq(text, "true") || str_eq(text, "1");
    return *out || str_eq(text, "false") || str_eq(text, "0");
}

/* The part before the first `c`, and what follows it (NULL when there is no such). */
static struct slice cut(const char *text, char c, const char **rest)
{
    size_t n = strcspn(text, (char[]){c, '\0'});
    *rest = text[n] == c ? text + n + 1 : NULL;
    return (struct slice){text, n};
}

static void key_of(struct json_writer *w, struct slice name)
{
    char text[512];
    snprintf(text, sizeof(text), "%.*s", (int)name.len, name.p);
    json_key(w, text);
}

static void put_pair(struct json_writer *w, const char *value, char mark)
{
    const char *rest;
    key_of(w, cut(value, mark, &rest));
    json_put_str(w, rest != NULL ? rest : "");
}

/* "[31000:]80[/tcp]": "80/tcp" */
static const char *inner_port(const char *value, char dst[32])
{
    const char *colon = strrchr(value, ':');
    const char *port = colon != NULL ? colon + 1 : value;
    snprintf(dst, 32, "%.20s%s", port, strchr(port, '/') != NULL ? "" : "/tcp");
    return dst;
}

static void put_device(struct json_writer *w, const char *value)
{
    const char *inside, *permissions = NULL;
    struct slice host = cut(value, ':', &inside), in = host;
    if (inside != NULL)
        in = cut(inside, ':', &permissions);
    json_object(w);
    json_key(w, "PathOnHost");
    json_put_slice(w, host);
    json_key(w, "PathInContainer");
    json_put_slice(w, in);
    json_member_str(w, "CgroupPermissions", permissions != NULL ? permissions : "rwm");
    json_object_end(w);
}

static bool put_ulimit(struct json_writer *w, const char *value)
{
    const char *limits, *hard_text;
    char soft_text[32];
    struct slice name = cut(value, '=', &limits);
    if (limits == NULL)
        return false;
    struct slice soft_slice = cut(limits, ':', &hard_text);
    snprintf(soft_text, sizeof(soft_text), "%.*s", (int)soft_slice.len, soft_slice.p);
    int64_t soft, hard;
    if (!str_to_i64(soft_text, &soft) ||
        !str_to_i64(hard_text != NULL ? hard_text : soft_text, &hard))
        return false;
    json_object(w);
    json_key(w, "Name");
    json_put_slice(w, name);
    json_member_int(w, "Soft", soft);
    json_member_int(w, "Hard", hard);
    json_object_end(w);
    return true;
}

static const struct {
    const char *key, *member;
} mount_keys[] = {
    {"type", "Type"},          {"source", "Source"}, {"src", "Source"},        {"target", "Target"},
    {"destination", "Target"}, {"dst", "Target"},    {"readonly", "ReadOnly"}, {"ro", "ReadOnly"},
};

/* "type=bind,source=/a,target=/b,readonly" */
static bool put_mount(struct json_writer *w, const char *value)
{
    json_object(w);
    for (const char *rest = value; rest != NULL;) {
        char text[512], *equals;
        const char *member = NULL, *next;
        struct slice part = cut(rest, ',', &next);
        snprintf(text, sizeof(text), "%.*s", (int)part.len, part.p);
        equals = strchr(text, '=');
        if (equals != NULL)
            *equals++ = '\0';
        for (size_t i = 0; i < sizeof(mount_keys) / sizeof(*mount_keys); i++)
            if (str_eq(mount_keys[i].key, text))
                member = mount_keys[i].member;
        bool on;
        if (member != NULL && str_eq(member, "ReadOnly") && flag(equals != NULL ? equals : "", &on))
            json_member_bool(w, member, on);
        else if (member != NULL && equals != NULL)
            json_member_str(w, member, equals);
        else
            return false;
        rest = next;
    }
    json_object_end(w);
    return true;
}

static void put_bind(struct json_writer *w, const char *value)
{
    const char *rest, *host;
    struct slice mode = cut(value, ':', &rest), inside = cut(rest, ':', &host);
    json_object(w);
    json_member_str(w, "Type", "bind");
    json_member_str(w, "Source", host);
    json_key(w, "Target");
    json_put_slice(w, inside);
    json_member_bool(w, "ReadOnly", slice_is(mode, "ro"));
    json_object_end(w);
}

/* One option's value inside what its form opens. False: not a value of that form. */
static bool put_value(struct json_writer *w, const struct row *r, const char *value)
{
    char port[32];
    int64_t number;
    bool on;
    switch (r->form) {
    case TEXT:
    case LIST:
    case ONE:
        json_put_str(w, value);
        return true;
    case NUMBER:
        if (!str_to_i64(value, &number))
            return false;
        json_put_int(w, number);
        return true;
    case SIZE:
        if (!docker_size(value, &number))
            return false;
        json_put_int(w, number);
        return true;
    case FLAG:
        if (!flag(value, &on))
            return false;
        json_put_bool(w, on);
        return true;
    case PAIRS:
        put_pair(w, value, '=');
        return true;
    case TMPFS:
        put_pair(w, value, ':');
        return true;
    case PORTS:
        json_key(w, inner_port(value, port));
        json_object(w);
        json_object_end(w);
        return true;
    case DEVICE:
        put_device(w, value);
        return true;
    case ULIMIT:
        return put_ulimit(w, value);
    case MOUNT:
        return put_mount(w, value);
    case BIND:
        put_bind(w, value);
        return true;
    case IP:
        json_object(w);
        json_member_str(w, "IPv4Address", value);
        json_object_end(w);
        return true;
    case PUBLISH:
    case IGNORED:
        return true;
    }
    UNREACHABLE("a form without a case");
}

enum brackets { BARE, ARRAY, OBJECT };

static enum brackets brackets_of(enum form form)
{
    switch (form) {
    case LIST:
    case ONE:
    case DEVICE:
    case ULIMIT:
    case MOUNT:
    case BIND:
        return ARRAY;
    case PAIRS:
    case TMPFS:
    case PORTS:
    case PUBLISH:
        return OBJECT;
    case TEXT:
    case NUMBER:
    case SIZE:
    case FLAG:
    case IP:
    case IGNORED:
        return BARE;
    }
    UNREACHABLE("a form without a case");
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

/* {"80/tcp": [{"HostPort": "31000"}, …], …} */
static void put_bindings(struct json_writer *w, const struct options *o, const struct row *r)
{
    char port[32], other[32];
    for (size_t i = 0; i < o->n; i++) {
        bool seen = false;
        if (!is_of(r, o->items[i].key))
            continue;
        inner_port(o->items[i].value, port);
        for (size_t j = 0; j < i && !seen; j++)
            seen = is_of(r, o->items[j].key) && str_eq(inner_port(o->items[j].value, other), port);
        if (seen)
            continue;
        json_key(w, port);
        json_array(w);
        for (size_t j = i; j < o->n; j++) {
            const char *inside;
            if (!is_of(r, o->items[j].key) || !str_eq(inner_port(o->items[j].value, other), port))
                continue;
            struct slice host = cut(o->items[j].value, ':', &inside);
            json_object(w);
            json_key(w, "HostPort");
            json_put_slice(w, inside != NULL ? host : SLICE(""));
            json_object_end(w);
        }
        json_array_end(w);
    }
}

static int bad_value(const struct option *option, struct error *err)
{
    char got[96];
    return error_set(err, ERR_INVALID, "docker parameter %.64s: got %s, which is no value for it",
                     option->key,
                     str_quote(got, sizeof(got), option->value, strlen(option->value)));
}

/* The last option of a scalar, all of a list. */
static int put_options(struct json_writer *w, const struct options *o, const struct row *r,
                       bool only_last, struct error *err)
{
    const struct option *last = NULL;
    for (size_t i = 0; i < o->n; i++) {
        if (!is_of(r, o->items[i].key))
            continue;
        last = &o->items[i];
        if (!only_last && !put_value(w, r, last->value))
            return bad_value(last, err);
    }
    if (only_last && last != NULL && !put_value(w, r, last->value))
        return bad_value(last, err);
    return 0;
}

static bool any_of(const struct options *o, const struct row *first, size_t n)
{
    for (size_t i = 0; i < o->n; i++)
        for (size_t r = 0; r < n; r++)
            if (is_of(&first[r], o->items[i].key))
                return true;
    return false;
}

/* One member from the rows (side by side) that belong to it. */
static int put_member(struct json_writer *w, const struct options *o, const struct row *first,
                      size_t n, struct error *err)
{
    enum brackets brackets = brackets_of(first->form);
    if (!any_of(o, first, n))
        return 0;
    json_key(w, first->member);
    if (brackets == ARRAY)
        json_array(w);
    else if (brackets == OBJECT)
        json_object(w);
    if (first->form == PUBLISH)
        put_bindings(w, o, first);
    for (size_t r = 0; r < n; r++)
        if (put_options(w, o, &first[r], brackets == BARE || first->form == ONE, err) != 0)
            return -1;
    if (brackets == ARRAY)
        json_array_end(w);
    else if (brackets == OBJECT)
        json_object_end(w);
    return 0;
}

static int put_place(struct json_writer *w, const struct options *o, enum place place,
                     struct error *err)
{
    for (size_t i = 0, n; i < ROWS; i += n) {
        n = 1;
        while (rows[i].member != NULL && i + n < ROWS && rows[i + n].place == rows[i].place &&
               str_eq(rows[i + n].member, rows[i].member))
            n++;
        if (rows[i].place == place && put_member(w, o, &rows[i], n, err) != 0)
            return -1;
    }
    return 0;
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
            put_pair(w, o->items[i].value, '=');
    json_object_end(w);
    json_object_end(w);
}

static int put_networking(struct json_writer *w, const struct options *o, struct error *err)
{
    const struct option *network = last_of(o, "network"), *net = last_of(o, "net");
    if (net != NULL && net > network)
        network = net;
    if (last_of(o, "ip") == NULL && last_of(o, "network-alias") == NULL &&
        last_of(o, "net-alias") == NULL)
        return 0;
    json_key(w, "NetworkingConfig");
    json_object(w);
    json_key(w, "EndpointsConfig");
    json_object(w);
    json_key(w, network->value);
    json_object(w);
    if (put_place(w, o, ENDPOINT, err) != 0)
        return -1;
    json_object_end(w);
    json_object_end(w);
    json_object_end(w);
    return 0;
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

static int put_body(struct json_writer *w, const struct run_spec *spec, bool command,
                    const struct options *o, struct error *err)
{
    json_object(w);
    put_program(w, spec, command);
    if (put_place(w, o, TOP, err) != 0)
        return -1;
    json_key(w, "HostConfig");
    json_object(w);
    if (put_place(w, o, HOST, err) != 0)
        return -1;
    put_logging(w, o);
    json_object_end(w);
    if (put_networking(w, o, err) != 0)
        return -1;
    json_object_end(w);
    return 0;
}

static int check_parameters(const struct run_spec *spec, struct error *err)
{
    for (size_t i = 0; i < spec->parameters_n; i++) {
        const char *key = spec->parameters[i].key;
        if (str_eq(key, "name"))
            return error_set(err, ERR_INVALID,
                             "docker parameter name: containers get names of their own here");
        if (!docker_parameter_known(key))
            return error_set(err, ERR_INVALID, "docker parameter %.64s: not known here", key);
    }
    return 0;
}

int docker_create_body(const struct run *run, const struct docker_defaults *defaults,
                       struct buf *out, struct error *err)
{
    struct options o = {0};
    struct json_writer w;
    if (check_parameters(run->spec, err) != 0)
        return -1;
    add_all(&o, run, defaults);
    json_begin(&w, out);
    int rc = put_body(&w, run->spec, true, &o, err);
    arena_close(&o.arena);
    return rc;
}

int docker_hold_body(const struct run *run, const struct docker_defaults *defaults, struct buf *out,
                     struct error *err)
{
    struct options o = {0};
    struct json_writer w;
    add_hold(&o, run, defaults);
    json_begin(&w, out);
    int rc = put_body(&w, run->spec, false, &o, err);
    arena_close(&o.arena);
    return rc;
}
