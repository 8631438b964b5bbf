#include "base/assert.h"
#include "base/str.h"
#include "model/app_private.h"
#include "model/pod.h"

#include <string.h>

void app_problem(struct problems *problems, const char *path, const char *text, ...)
{
    struct buf b;
    va_list ap;
    buf_init(&b, 512);
    va_start(ap, text);
    buf_vprintf(&b, text, ap);
    va_end(ap);
    problems_add(problems, PROBLEM_RULE, path, "%s", buf_str(&b));
    buf_close(&b);
}

const char *app_quoted(struct app *a, const char *text)
{
    size_t size = 64;
    return str_quote(arena_alloc(&a->arena, size), size, text, strlen(text));
}

static size_t count(const struct problems *problems)
{
    return problems->n + problems->left_out;
}

void app_close(struct app *a)
{
    arena_close(&a->arena);
    *a = (struct app){0};
}

/* ---- beginning */

bool app_well_typed(const struct problems *problems, size_t before)
{
    for (size_t i = before; i < problems->n; i++)
        if (problems->items[i].kind == PROBLEM_SCHEMA)
            return false;
    return problems->left_out == 0;
}

/* Normalizes and checks what was read, and hands it out if nothing is wrong since `before`. */
static int finish(const struct app_input *in, size_t before, struct app *out)
{
    struct app *a = in->app;
    if (app_well_typed(in->problems, before)) {
        app_normalize(in);
        app_validate(in);
    }
    if (count(in->problems) != before) {
        app_close(a);
        return -1;
    }
    app_forget_legacy(a);
    *out = *a;
    return 0;
}

static bool has(const struct json *body, const char *name)
{
    return json_get(body, name) != NULL;
}

/* With a path the body's id does not matter, whatever it says. */
static void read_over(struct app *a, const struct json *body, bool has_path,
                      struct problems *problems)
{
    struct reader r = {.arena = &a->arena,
                       .problems = problems,
                       .schema_keys = true,
                       .ignored = has_path ? "id" : NULL};
    fields_read(&r, NULL, &APP_FIELDS, body, a);
}

void app_take_id(const struct app_input *in, const char *id)
{
    char absolute[ID_SIZE];
    struct error err;
    const char *text = id != NULL ? id : in->app->id;
    in->app->id = "/"; /* what is wrong with it does not hide what else is wrong */
    if (text == NULL)
        problems_add_coded(in->problems, "error.path.missing", "/id",
                           "need an id like \"/prod/web\"");
    else if (id_resolve(text, in->group, absolute, &err) != 0 || id_check_app(absolute, &err) != 0)
        app_problem(in->problems, "/id", "%s", err.text);
    else
        in->app->id = arena_strdup(&in->app->arena, absolute);
}

int app_parse(const struct app_rules *rules, const struct json *body, const char *id,
              const char *group, const struct app *old, struct app *out, struct problems *problems)
{
    struct app a = {0};
    size_t before = count(problems);
    struct app_input in = {
        .rules = rules, .group = group, .old = old, .app = &a, .problems = problems};
    if (old != NULL && old->pod != NULL) {
        app_problem(problems, "/id", "%s is a pod: need PUT /v2/pods%s", old->id, old->id);
        return -1;
    }
    fields_init(&APP_FIELDS, &a);
    read_over(&a, body, id != NULL, problems);
    if (json_is(body, JSON_OBJECT) && (id != NULL || a.id != NULL || json_get(body, "id") == NULL))
        app_take_id(&in, id);
    return finish(&in, before, out);
}

/* An older member in an update takes the place of its newer twin. */
static void make_way_for_legacy(struct app *a, const struct json *patch)
{
    const struct json *docker = json_get(json_get(patch, "container"), "docker");
    if (has(patch, "uris") && !has(patch, "fetch"))
        memset(&a->fetch, 0, sizeof(a->fetch));
    if (has(patch, "ports") && !has(patch, "portDefinitions"))
        memset(&a->port_definitions, 0, sizeof(a->port_definitions));
    if ((has(docker, "network") || has(patch, "ipAddress")) && !has(patch, "networks"))
        memset(&a->networks, 0, sizeof(a->networks));
}

/* A pod can be scaled as an app is; for everything else it has a door of its own. Takes `a`. */
static int patch_pod(const struct json *patch, struct app *a, struct app *out,
                     struct problems *problems)
{
    int64_t wanted = json_int(json_get(patch, "instances"), -1);
    JSON_EACH (member, patch)
        if (!json_is(member, JSON_NULL) && !str_eq(json_name(member), "instances") &&
            !str_eq(json_name(member), "id"))
            wanted = -1;
    if (wanted < 0 || wanted > LIMIT_INSTANCES) {
        app_problem(problems, "/",
                    "this is a pod: need \"instances\" alone, 0 to %d, here, or "
                    "the whole pod by PUT /v2/pods%s",
                    LIMIT_INSTANCES, a->id);
        app_close(a);
        return -1;
    }
    app_set_instances(a, wanted);
    *out = *a;
    return 0;
}

int app_patch(const struct app_rules *rules, const struct json *patch, const char *group,
              const struct app *old, struct app *out, struct problems *problems)
{
    struct app a;
    size_t before = count(problems);
    app_copy(old, &a);
    if (old->pod != NULL)
        return patch_pod(patch, &a, out, problems);
    struct app_input in = {.rules = rules,
                           .group = group,
                           .old = old,
                           .app = &a,
                           .problems = problems,
                           .ports_inherited =
                               !has(patch, "ports") && !has(patch, "portDefinitions")};
    make_way_for_legacy(&a, patch);
    read_over(&a, patch, true, problems);
    a.version = old->version;
    a.last_scaling = old->last_scaling;
    a.last_config_change = old->last_config_change;
    return finish(&in, before, out);
}

static bool has_besides_version(const struct json *patch)
{
    JSON_EACH (member, patch)
        if (!json_is(member, JSON_NULL) && !str_eq(json_name(member), "version") &&
            !str_eq(json_name(member), "id"))
            return true;
    return false;
}

int app_wants_version(const struct json *patch, const struct app *old, struct wall *version_out,
                      struct problems *problems)
{
    const struct json *version = json_get(patch, "version");
    struct wall wanted;
    struct error err;
    if (version == NULL || old == NULL)
        return 0;
    if (!json_is(version, JSON_STRING)) {
        problems_add_coded(problems, "error.expected.jsstring", "/version",
                           "got %s, need a timestamp", json_kind_word(version));
        return -1;
    }
    if (wall_parse(json_str(version, ""), &wanted, &err) != 0) {
        app_problem(problems, "/version", "%s", err.text);
        return -1;
    }
    if (has_besides_version(patch)) {
        if (wanted.ms == old->version.ms)
            return 0;
        app_problem(problems, "/", "\"version\" rolls back, need it alone or not at all");
        return -1;
    }
    *version_out = wanted;
    return 1;
}

int app_load(struct slice stored, struct app *out, struct error *err)
{
    struct json *tree = json_parse_own(stored, err);
    if (tree == NULL) {
        error_wrap(err, "a stored app");
        err->code = ERR_CORRUPT;
        return -1;
    }
    struct app a = {0};
    struct problems problems = {0};
    struct reader r = {.arena = &a.arena, .problems = &problems, .stored = true};
    if (pod_is_stored(stored)) {
        (void)!pod_load(&r, tree, &a); /* what is missing is seen below */
    } else {
        fields_init(&APP_FIELDS, &a);
        fields_read(&r, NULL, &APP_FIELDS, tree, &a);
    }
    json_free(tree);
    int result = problems_error(&problems, err);
    problems_close(&problems);
    if (result != 0 || a.id == NULL || a.networks.n == 0 || a.role == NULL) {
        if (result == 0)
            error_set(err, ERR_CORRUPT, "members are missing");
        app_close(&a);
        error_wrap(err, "a stored app");
        err->code = ERR_CORRUPT;
        return -1;
    }
    *out = a;
    return 0;
}

void app_copy(const struct app *from, struct app *out)
{
    struct buf text;
    struct json_writer w;
    struct error err;
    buf_init(&text, LIMIT_ENTRY_BYTES);
    json_begin(&w, &text);
    app_write(from, &w);
    int result = app_load(buf_slice(&text), out, &err);
    ASSERT(result == 0); /* what we write, we read */
    buf_close(&text);
}

/* ---- text */

/* For scripts of old: the service ports, and the URIs alone. */
static void write_mirrors(const struct app *a, struct json_writer *w)
{
    json_key(w, "ports");
    json_array(w);
    for (size_t i = 0; i < app_port_count(a); i++)
        json_put_int(w, app_service_port(a, i));
    json_array_end(w);
    json_key(w, "uris");
    json_array(w);
    for (size_t i = 0; i < a->fetch.n; i++)
        json_put_str(w, a->fetch.items[i].uri);
    json_array_end(w);
}

static void write_members(const struct app *a, struct json_writer *w)
{
    if (a->pod != NULL) {
        pod_write(a->pod, w);
        return;
    }
    fields_write(&APP_FIELDS, a, w);
    write_mirrors(a, w);
}

void app_write(const struct app *a, struct json_writer *w)
{
    json_object(w);
    write_members(a, w);
    json_object_end(w);
}

void app_write_lean(const struct app *a, struct json_writer *w)
{
    struct app defaults = {0};
    if (a->pod != NULL) { /* there are few of them */
        app_write(a, w);
        return;
    }
    fields_init(&APP_FIELDS, &defaults);
    json_object(w);
    fields_write_but(&APP_FIELDS, a, &defaults, w);
    json_object_end(w);
    app_close(&defaults);
}

void app_write_health_check(const struct app_health_check *c, struct json_writer *w)
{
    fields_write_object(&APP_HEALTH_CHECK_FIELDS, c, w);
}

/* ---- change */

static bool equal_config(const struct app *a, const struct app *b)
{
    if (a->pod != NULL || b->pod != NULL)
        return a->pod != NULL && b->pod != NULL && pod_equal(a->pod, b->pod);
    return fields_equal(&APP_FIELDS, a, b);
}

enum app_change app_compare(const struct app *a, const struct app *b)
{
    if (!equal_config(a, b))
        return APP_CHANGED;
    return a->instances == b->instances ? APP_SAME : APP_SCALED;
}

void app_set_instances(struct app *a, int64_t instances)
{
    ASSERT(instances >= 0 && instances <= LIMIT_INSTANCES);
    a->instances = instances;
    if (a->pod != NULL)
        a->pod->scaling.instances = instances;
}

/* ---- what a task of it needs */

static struct resources pod_needs(const struct pod *p)
{
    struct resources sum = {0};
    for (size_t i = 0; i < p->containers.n; i++) {
        struct resources r = pod_task_needs(p, i);
        resources_add(&sum, &r);
    }
    return sum;
}

struct resources app_needs(const struct app *a)
{
    if (a->pod != NULL)
        return pod_needs(a->pod);
    struct resources r = {.cpus_milli = cpus_to_milli(a->cpus),
                          .mem_bytes = mib_to_bytes(a->mem),
                          .disk_bytes = mib_to_bytes(a->disk),
                          .gpus = a->gpus};
    const struct app_amounts *more = a->executor_resources;
    if (more == NULL)
        return r;
    if (more->cpus != NOT_GIVEN)
        r.cpus_milli += cpus_to_milli(more->cpus);
    if (more->mem != NOT_GIVEN)
        r.mem_bytes += mib_to_bytes(more->mem);
    if (more->disk != NOT_GIVEN)
        r.disk_bytes += mib_to_bytes(more->disk);
    return r;
}

bool app_is_resident(const struct app *a)
{
    struct app_kept first;
    return app_kept_volume(a, 0, &first);
}

static size_t volume_count(const struct app *a)
{
    if (a->pod != NULL)
        return a->pod->volumes.n;
    return a->container != NULL ? a->container->volumes.n : 0;
}

/* NULL: the k-th volume is of another kind. */
static const struct app_persistent *persistent_at(const struct app *a, size_t k,
                                                  const char **path_out)
{
    if (a->pod != NULL) {
        *path_out = a->pod->volumes.items[k].name;
        return a->pod->volumes.items[k].persistent;
    }
    *path_out = a->container->volumes.items[k].container_path;
    return a->container->volumes.items[k].persistent;
}

bool app_kept_volume(const struct app *a, size_t i, struct app_kept *out)
{
    size_t n = volume_count(a);
    for (size_t k = 0; k < n; k++) {
        const char *path;
        const struct app_persistent *p = persistent_at(a, k, &path);
        if (p == NULL || i-- > 0)
            continue;
        *out = (struct app_kept){path, p->size_mib << 20};
        return true;
    }
    return false;
}

bool app_is_single_instance(const struct app *a)
{
    const char *label = pairs_get(&a->labels, "MARATHON_SINGLE_INSTANCE_APP");
    return label != NULL && str_eq(label, "true");
}

bool app_same_volumes(const struct app *a, const struct app *b)
{
    if (a->container->volumes.n != b->container->volumes.n)
        return false;
    for (size_t i = 0; i < a->container->volumes.n; i++)
        if (!fields_equal(&APP_VOLUME_FIELDS, &a->container->volumes.items[i],
                          &b->container->volumes.items[i]))
            return false;
    return true;
}

int64_t app_backoff_ms(const struct app *a)
{
    return llround(a->backoff_s * 1000);
}
