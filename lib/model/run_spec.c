#include "model/run_spec.h"

#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/str.h"

#define COUNT_MAX 1000000000

static const char *const check_words[] = {"http", "https", "tcp", "command"};
static const char *const network_words[] = {"host", "bridge", "user", "none", "task"};

/* ---- writing */

static void member_if(struct json_writer *w, const char *name, const char *text)
{
    if (text != NULL)
        json_member_str(w, name, text);
}

static void int_if(struct json_writer *w, const char *name, int64_t v)
{
    if (v != 0)
        json_member_int(w, name, v);
}

static void bool_if(struct json_writer *w, const char *name, bool v)
{
    if (v)
        json_member_bool(w, name, true);
}

static void write_env(const struct run_env *e, struct json_writer *w)
{
    json_array(w);
    json_put_str(w, e->name);
    json_put_str(w, e->value);
    json_array_end(w);
}

static void write_fetch(const struct run_fetch *f, struct json_writer *w)
{
    json_object(w);
    json_member_str(w, "uri", f->uri);
    member_if(w, "dest", f->dest);
    bool_if(w, "extract", f->extract);
    bool_if(w, "executable", f->executable);
    bool_if(w, "cache", f->cache);
    json_object_end(w);
}

static void write_port(const struct run_port *p, struct json_writer *w)
{
    json_object(w);
    int_if(w, "host", p->host);
    int_if(w, "container", p->container);
    bool_if(w, "udp", p->udp);
    json_object_end(w);
}

static void write_parameter(const struct run_parameter *p, struct json_writer *w)
{
    json_array(w);
    json_put_str(w, p->key);
    json_put_str(w, p->value);
    json_array_end(w);
}

static void write_mount(const struct run_mount *m, struct json_writer *w)
{
    json_object(w);
    json_member_str(w, "container", m->container_path);
    member_if(w, "host", m->host_path);
    member_if(w, "volume", m->volume);
    member_if(w, "persistent", m->persistent);
    bool_if(w, "read_only", m->read_only);
    json_object_end(w);
}

static void write_check(const struct run_check *c, struct json_writer *w)
{
    json_object(w);
    json_member_str(w, "kind", check_words[c->kind]);
    member_if(w, "address", c->address);
    int_if(w, "port", c->port);
    member_if(w, "path", c->path);
    member_if(w, "command", c->command);
    json_member_int(w, "grace_ms", c->grace_ms);
    json_member_int(w, "interval_ms", c->interval_ms);
    json_member_int(w, "timeout_ms", c->timeout_ms);
    json_member_int(w, "delay_ms", c->delay_ms);
    json_member_int(w, "max_failures", c->max_failures);
    bool_if(w, "ignore_1xx", c->ignore_1xx);
    bool_if(w, "kill_on_max", c->kill_on_max);
    bool_if(w, "ipv6", c->ipv6);
    json_object_end(w);
}

static void write_readiness(const struct run_readiness *r, struct json_writer *w)
{
    json_object(w);
    json_member_str(w, "name", r->name);
    member_if(w, "address", r->address);
    int_if(w, "port", r->port);
    json_member_str(w, "path", r->path);
    bool_if(w, "https", r->https);
    bool_if(w, "keep_response", r->keep_response);
    json_member_int(w, "interval_ms", r->interval_ms);
    json_member_int(w, "timeout_ms", r->timeout_ms);
    json_key(w, "ready_codes");
    json_array(w);
    for (size_t i = 0; i < r->ready_codes_n; i++)
        json_put_int(w, r->ready_codes[i]);
    json_array_end(w);
    json_object_end(w);
}

#define WRITE_LIST(w, name, items, n, write) \
    do {                                     \
        if ((n) > 0) {                       \
            json_key(w, name);               \
            json_array(w);                   \
            for (size_t i = 0; i < (n); i++) \
                write(&(items)[i], w);       \
            json_array_end(w);               \
        }                                    \
    } while (0)

void run_spec_write(const struct run_spec *s, struct json_writer *w)
{
    json_object(w);
    json_member_int(w, "task", s->task);
    json_member_str(w, "name", s->name);
    json_member_int(w, "owner", s->owner);
    json_member_str(w, "of", s->of);
    int_if(w, "run", s->run);
    member_if(w, "agent", s->agent);
    member_if(w, "framework", s->framework);
    member_if(w, "source", s->source);
    member_if(w, "cmd", s->cmd);
    if (s->args != NULL) {
        json_key(w, "args");
        json_array(w);
        for (size_t i = 0; i < s->args_n; i++)
            json_put_str(w, s->args[i]);
        json_array_end(w);
    }
    member_if(w, "user", s->user);
    WRITE_LIST(w, "env", s->env, s->env_n, write_env);
    WRITE_LIST(w, "fetch", s->fetch, s->fetch_n, write_fetch);
    json_member_int(w, "cpus_milli", s->cpus_milli);
    json_member_int(w, "mem_bytes", s->mem_bytes);
    json_member_int(w, "disk_bytes", s->disk_bytes);
    int_if(w, "cpus_limit_milli", s->cpus_limit_milli);
    int_if(w, "mem_limit_bytes", s->mem_limit_bytes);
    WRITE_LIST(w, "ports", s->ports, s->ports_n, write_port);
    member_if(w, "image", s->image);
    bool_if(w, "force_pull", s->force_pull);
    bool_if(w, "privileged", s->privileged);
    bool_if(w, "tty", s->tty);
    json_member_str(w, "network", network_words[s->network]);
    member_if(w, "network_name", s->network_name);
    int_if(w, "joins", s->joins);
    member_if(w, "instance", s->instance);
    WRITE_LIST(w, "parameters", s->parameters, s->parameters_n, write_parameter);
    WRITE_LIST(w, "mounts", s->mounts, s->mounts_n, write_mount);
    WRITE_LIST(w, "checks", s->checks, s->checks_n, write_check);
    if (s->check != NULL) {
        json_key(w, "check");
        write_check(s->check, w);
    }
    WRITE_LIST(w, "readiness", s->readiness, s->readiness_n, write_readiness);
    int_if(w, "grace_ms", s->grace_ms);
    int_if(w, "max_ms", s->max_ms);
    bool_if(w, "once", s->once);
    int_if(w, "start_before_ms", s->start_before_ms);
    json_object_end(w);
}

/* ---- reading */

struct reader {
    struct arena *arena;
    struct error *err;
    bool failed;
};

static void fail(struct reader *r, const char *name, const char *need)
{
    if (!r->failed)
        error_set(r->err, ERR_INVALID, "run spec: %s: need %s", name, need);
    r->failed = true;
}

static const char *text(struct reader *r, const struct json *v, const char *name, bool required)
{
    const char *s = json_str(json_get(v, name), NULL);
    if (s == NULL && required)
        fail(r, name, "text");
    return arena_strdup(r->arena, s);
}

static unsigned word(struct reader *r, const struct json *v, const char *name,
                     const char *const *words, unsigned n)
{
    const char *s = json_str(json_get(v, name), "");
    for (unsigned i = 0; i < n; i++)
        if (str_eq(s, words[i]))
            return i;
    fail(r, name, "one of the known words");
    return 0;
}

static int port(struct reader *r, const struct json *v, const char *name)
{
    int64_t p = json_int(json_get(v, name), 0);
    if (p < 0 || p > 65535)
        fail(r, name, "0 to 65535");
    return (int)p;
}

/* An amount: of milliseconds, of bytes. */
static int64_t amount(struct reader *r, const struct json *v, const char *name)
{
    int64_t n = json_int(json_get(v, name), 0);
    if (n < 0)
        fail(r, name, "0 or more");
    return n;
}

static unsigned count(struct reader *r, const struct json *v, const char *name)
{
    int64_t n = json_int(json_get(v, name), 0);
    if (n < 0 || n > COUNT_MAX)
        fail(r, name, "0 to 1000000000");
    return (unsigned)n;
}

static enum owner owner(struct reader *r, const struct json *v)
{
    int64_t n = json_int(json_get(v, "owner"), OWNER_APP);
    if (n != OWNER_APP && n != OWNER_JOB)
        fail(r, "owner", "0 or 1");
    return (enum owner)n;
}

/* The n elements of the list, each `size` bytes; read() fills one. */
static const void *list(struct reader *r, const struct json *v, const char *name, size_t size,
                        size_t *n_out,
                        void (*read)(struct reader *r, const struct json *v, void *out))
{
    const struct json *items = json_get(v, name);
    *n_out = json_count(items);
    if (items == NULL)
        return NULL;
    char *out = arena_alloc(r->arena, size * *n_out), *at = out;
    JSON_EACH (item, items) {
        read(r, item, at);
        at += size;
    }
    return out;
}

static void read_arg(struct reader *r, const struct json *v, void *out)
{
    const char **arg = out;
    *arg = arena_strdup(r->arena, json_str(v, ""));
}

static void read_pair(struct reader *r, const struct json *v, const char **name, const char **value)
{
    const struct json *first = json_first(v);
    *name = arena_strdup(r->arena, json_str(first, ""));
    *value = arena_strdup(r->arena, first == NULL ? "" : json_str(json_next(first), ""));
}

static void read_env(struct reader *r, const struct json *v, void *out)
{
    struct run_env *e = out;
    read_pair(r, v, &e->name, &e->value);
}

static void read_parameter(struct reader *r, const struct json *v, void *out)
{
    struct run_parameter *p = out;
    read_pair(r, v, &p->key, &p->value);
}

static void read_fetch(struct reader *r, const struct json *v, void *out)
{
    *(struct run_fetch *)out = (struct run_fetch){
        .uri = text(r, v, "uri", true),
        .dest = text(r, v, "dest", false),
        .extract = json_bool(json_get(v, "extract"), false),
        .executable = json_bool(json_get(v, "executable"), false),
        .cache = json_bool(json_get(v, "cache"), false),
    };
}

static void read_port(struct reader *r, const struct json *v, void *out)
{
    *(struct run_port *)out = (struct run_port){
        .host = port(r, v, "host"),
        .container = port(r, v, "container"),
        .udp = json_bool(json_get(v, "udp"), false),
    };
}

static void read_mount(struct reader *r, const struct json *v, void *out)
{
    *(struct run_mount *)out = (struct run_mount){
        .container_path = text(r, v, "container", true),
        .host_path = text(r, v, "host", false),
        .volume = text(r, v, "volume", false),
        .persistent = text(r, v, "persistent", false),
        .read_only = json_bool(json_get(v, "read_only"), false),
    };
}

static void read_check(struct reader *r, const struct json *v, void *out)
{
    *(struct run_check *)out = (struct run_check){
        .kind = (enum check_kind)word(r, v, "kind", check_words, 4),
        .address = text(r, v, "address", false),
        .port = port(r, v, "port"),
        .path = text(r, v, "path", false),
        .command = text(r, v, "command", false),
        .grace_ms = amount(r, v, "grace_ms"),
        .interval_ms = amount(r, v, "interval_ms"),
        .timeout_ms = amount(r, v, "timeout_ms"),
        .delay_ms = amount(r, v, "delay_ms"),
        .max_failures = count(r, v, "max_failures"),
        .ignore_1xx = json_bool(json_get(v, "ignore_1xx"), false),
        .kill_on_max = json_bool(json_get(v, "kill_on_max"), false),
        .ipv6 = json_bool(json_get(v, "ipv6"), false),
    };
}

static const struct run_check *read_one_check(struct reader *r, const struct json *v)
{
    if (v == NULL)
        return NULL;
    struct run_check *out = arena_alloc(r->arena, sizeof *out);
    read_check(r, v, out);
    return out;
}

static void read_code(struct reader *r, const struct json *v, void *out)
{
    (void)r;
    *(int64_t *)out = json_int(v, 0);
}

static void read_readiness(struct reader *r, const struct json *v, void *out)
{
    struct run_readiness c = {
        .name = text(r, v, "name", true),
        .address = text(r, v, "address", false),
        .port = port(r, v, "port"),
        .path = text(r, v, "path", true),
        .https = json_bool(json_get(v, "https"), false),
        .keep_response = json_bool(json_get(v, "keep_response"), false),
        .interval_ms = amount(r, v, "interval_ms"),
        .timeout_ms = amount(r, v, "timeout_ms"),
    };
    c.ready_codes = list(r, v, "ready_codes", sizeof *c.ready_codes, &c.ready_codes_n, read_code);
    *(struct run_readiness *)out = c;
}

int run_spec_read(const struct json *v, struct run_spec *out, struct error *err)
{
    struct arena *arena = NEW(struct arena);
    struct reader r = {.arena = arena, .err = err};
    struct run_spec s = {
        .arena = arena,
        .task = json_int(json_get(v, "task"), 0),
        .name = text(&r, v, "name", true),
        .owner = owner(&r, v),
        .of = text(&r, v, "of", true),
        .run = amount(&r, v, "run"),
        .agent = text(&r, v, "agent", true),
        .framework = text(&r, v, "framework", true),
        .source = text(&r, v, "source", false),
        .cmd = text(&r, v, "cmd", false),
        .user = text(&r, v, "user", false),
        .cpus_milli = amount(&r, v, "cpus_milli"),
        .mem_bytes = amount(&r, v, "mem_bytes"),
        .disk_bytes = amount(&r, v, "disk_bytes"),
        .cpus_limit_milli = amount(&r, v, "cpus_limit_milli"),
        .mem_limit_bytes = amount(&r, v, "mem_limit_bytes"),
        .image = text(&r, v, "image", false),
        .force_pull = json_bool(json_get(v, "force_pull"), false),
        .privileged = json_bool(json_get(v, "privileged"), false),
        .tty = json_bool(json_get(v, "tty"), false),
        .network = (enum run_network)word(&r, v, "network", network_words, 5),
        .network_name = text(&r, v, "network_name", false),
        .joins = amount(&r, v, "joins"),
        .instance = text(&r, v, "instance", false),
        .grace_ms = amount(&r, v, "grace_ms"),
        .max_ms = amount(&r, v, "max_ms"),
        .once = json_bool(json_get(v, "once"), false),
        .start_before_ms = amount(&r, v, "start_before_ms"),
    };
    s.args = list(&r, v, "args", sizeof(char *), &s.args_n, read_arg);
    s.env = list(&r, v, "env", sizeof *s.env, &s.env_n, read_env);
    s.fetch = list(&r, v, "fetch", sizeof *s.fetch, &s.fetch_n, read_fetch);
    s.ports = list(&r, v, "ports", sizeof *s.ports, &s.ports_n, read_port);
    s.parameters = list(&r, v, "parameters", sizeof *s.parameters, &s.parameters_n, read_parameter);
    s.mounts = list(&r, v, "mounts", sizeof *s.mounts, &s.mounts_n, read_mount);
    s.checks = list(&r, v, "checks", sizeof *s.checks, &s.checks_n, read_check);
    s.check = read_one_check(&r, json_get(v, "check"));
    s.readiness = list(&r, v, "readiness", sizeof *s.readiness, &s.readiness_n, read_readiness);
    if (s.task <= 0)
        fail(&r, "task", "a positive number");
    if (r.failed) {
        run_spec_close(&s);
        return -1;
    }
    *out = s;
    return 0;
}

static int64_t most(int64_t limit, int64_t otherwise)
{
    return limit == 0 ? otherwise : limit == RUN_UNLIMITED ? 0 : limit;
}

int64_t run_spec_most_cpus_milli(const struct run_spec *s, bool by_default)
{
    return most(s->cpus_limit_milli, by_default ? s->cpus_milli : 0);
}

int64_t run_spec_most_mem_bytes(const struct run_spec *s)
{
    return most(s->mem_limit_bytes, s->mem_bytes);
}

void run_spec_close(struct run_spec *s)
{
    if (s->arena != NULL) {
        arena_close(s->arena);
        mem_free(s->arena);
    }
    *s = (struct run_spec){0};
}
