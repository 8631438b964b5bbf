/* The pod's members, one row each: name, where, default, bounds, when it is written. */

#include "base/assert.h"
#include "model/pod_private.h"

static const char *const IMAGE_KINDS[] = {"DOCKER", NULL};
static const char *const SCALING_KINDS[] = {"fixed", NULL};
static const char *const SCHEMES[] = {"HTTP", "HTTPS", NULL};
static const char *const KILL_SELECTIONS[] = {"YOUNGEST_FIRST", "OLDEST_FIRST", NULL};

/* ---- constraints: {"fieldName", "operator", "value"}, else as an app's */

/* As an app writes it. */
static struct json *as_triple(const struct json *v)
{
    struct buf b;
    struct json_writer w;
    struct error err;
    buf_init(&b, LIMIT_BODY_BYTES);
    json_begin(&w, &b);
    json_array(&w);
    json_put_str(&w, json_str(json_get(v, "fieldName"), ""));
    json_put_str(&w, json_str(json_get(v, "operator"), ""));
    if (json_str(json_get(v, "value"), NULL) != NULL)
        json_put_str(&w, json_str(json_get(v, "value"), ""));
    json_array_end(&w);
    struct json *triple = json_parse_own(buf_slice(&b), &err);
    ASSERT(triple != NULL);
    buf_close(&b);
    return triple;
}

static bool has_text(const struct reader *r, const struct path *at, const struct json *v,
                     const char *name)
{
    struct path here = {.up = at, .name = name};
    const struct json *member = json_get(v, name);
    if (member != NULL)
        return reader_expects(r, &here, member, JSON_STRING);
    reader_wrong(r, &here, "error.path.missing", NULL, "a text");
    return false;
}

static void constraints_read(const struct reader *r, const struct path *at, const struct field *f,
                             const struct json *v, void *to)
{
    if (!reader_expects_items(r, at, v, JSON_ARRAY, f))
        return;
    struct constraints *list = to;
    list->items = arena_alloc(r->arena, json_count(v) * sizeof(*list->items));
    list->n = 0;
    size_t index = 0;
    JSON_EACH (element, v) {
        struct path here = {.up = at, .index = index++};
        if (!reader_expects(r, &here, element, JSON_OBJECT) ||
            !has_text(r, &here, element, "fieldName") || !has_text(r, &here, element, "operator"))
            continue;
        struct json *triple = as_triple(element);
        struct constraint *c = &list->items[list->n++];
        if (r->stored)
            constraint_load(triple, r->arena, c);
        else
            constraint_read(triple, CONSTRAINT_OF_APP, path_text(r, &here), r->arena, c,
                            r->problems);
        json_free(triple);
    }
}

static void constraints_write(const struct field *f, const void *from, struct json_writer *w)
{
    (void)f;
    const struct constraints *list = from;
    json_array(w);
    for (size_t i = 0; i < list->n; i++) {
        json_object(w);
        json_member_str(w, "fieldName", list->items[i].field);
        json_member_str(w, "operator", constraint_op_word(list->items[i].op));
        if (list->items[i].value != NULL)
            json_member_str(w, "value", list->items[i].value);
        json_object_end(w);
    }
    json_array_end(w);
}

static void constraints_init(const struct field *f, void *to)
{
    FIELD_CONSTRAINTS.init(f, to);
}

static bool constraints_are_set(const struct field *f, const void *from)
{
    return FIELD_CONSTRAINTS.is_set(f, from);
}

static bool constraints_equal(const struct field *f, const void *a, const void *b)
{
    return FIELD_CONSTRAINTS.equal(f, a, b);
}

static const struct field_type POD_CONSTRAINTS = {
    constraints_init, constraints_read, constraints_write, constraints_are_set, constraints_equal};

/* ---- tables, from the leaves up */

static const struct field COMMAND_ROWS[] = {
    ROW("shell", FIELD_TEXT, pod_command, shell, SET, .min = 1),
    ROW("argv", FIELD_TEXTS, pod_command, argv, SET, ),
};
static TABLE(COMMAND, pod_command);

static const struct field EXEC_ROWS[] = {
    ROW("command", FIELD_PART, pod_exec, command, ALWAYS, .table = &COMMAND, .required = true),
    ROW("overrideEntrypoint", FIELD_BOOL, pod_exec, override_entrypoint, SET, ),
};
static TABLE(EXEC, pod_exec);

static const struct field IMAGE_ROWS[] = {
    ROW("kind", FIELD_WORD, pod_image, kind, ALWAYS, .words = IMAGE_KINDS, .required = true),
    ROW("id", FIELD_TEXT, pod_image, id, ALWAYS, .required = true, .min = 1),
    ROW("forcePull", FIELD_BOOL, pod_image, force_pull, SET, ),
    ROW("pullConfig", FIELD_OBJECT, pod_image, pull_config, SET, .table = &APP_PULL_CONFIG_FIELDS),
};
static TABLE(IMAGE, pod_image);

static const struct field ENDPOINT_ROWS[] = {
    ROW("name", FIELD_TEXT, pod_endpoint, name, ALWAYS, .required = true, .form = &APP_NAME_FORM),
    ROW("containerPort", FIELD_INT, pod_endpoint, container_port, SET, .otherwise = NOT_GIVEN,
        .max = 65535),
    ROW("hostPort", FIELD_INT, pod_endpoint, host_port, SET, .otherwise = NOT_GIVEN, .max = 65535),
    ROW("protocol", FIELD_TEXTS, pod_endpoint, protocols, SET, ),
    ROW("labels", FIELD_PAIRS, pod_endpoint, labels, SET, ),
    ROW("networkNames", FIELD_TEXTS, pod_endpoint, network_names, SET, ),
};
static TABLE(ENDPOINT, pod_endpoint);

static const struct field CHECK_HTTP_ROWS[] = {
    ROW("endpoint", FIELD_TEXT, pod_check_http, endpoint, ALWAYS, .required = true),
    ROW("path", FIELD_TEXT, pod_check_http, path, SET, ),
    ROW("scheme", FIELD_WORD, pod_check_http, scheme, ALWAYS, .words = SCHEMES),
};
static TABLE(CHECK_HTTP, pod_check_http);

static const struct field CHECK_TCP_ROWS[] = {
    ROW("endpoint", FIELD_TEXT, pod_check_tcp, endpoint, ALWAYS, .required = true),
};
static TABLE(CHECK_TCP, pod_check_tcp);

static const struct field CHECK_EXEC_ROWS[] = {
    ROW("command", FIELD_PART, pod_check_exec, command, ALWAYS, .table = &COMMAND,
        .required = true),
};
static TABLE(CHECK_EXEC, pod_check_exec);

#define CHECK_KINDS                                                         \
    ROW("http", FIELD_OBJECT, pod_check, http, SET, .table = &CHECK_HTTP),  \
        ROW("tcp", FIELD_OBJECT, pod_check, tcp, SET, .table = &CHECK_TCP), \
        ROW("exec", FIELD_OBJECT, pod_check, exec, SET, .table = &CHECK_EXEC)
#define CHECK_TIMES                                                                      \
    ROW("intervalSeconds", FIELD_INT, pod_check, interval_s, ALWAYS, .otherwise = 60),   \
        ROW("timeoutSeconds", FIELD_INT, pod_check, timeout_s, ALWAYS, .otherwise = 20), \
        ROW("delaySeconds", FIELD_INT, pod_check, delay_s, ALWAYS, .otherwise = 15)

static const struct field HEALTH_ROWS[] = {
    CHECK_KINDS,
    ROW("gracePeriodSeconds", FIELD_INT, pod_check, grace_s, ALWAYS, .otherwise = 300),
    ROW("maxConsecutiveFailures", FIELD_INT, pod_check, max_failures, ALWAYS, .otherwise = 3),
    CHECK_TIMES,
};
static TABLE(HEALTH, pod_check);

static const struct field CHECK_ROWS[] = {CHECK_KINDS, CHECK_TIMES};
static TABLE(CHECK, pod_check);

static const struct field MOUNT_ROWS[] = {
    ROW("name", FIELD_TEXT, pod_mount, name, ALWAYS, .required = true, .min = 1),
    ROW("mountPath", FIELD_TEXT, pod_mount, path, ALWAYS, .required = true, .min = 1, .max = 1024),
    ROW("readOnly", FIELD_BOOL, pod_mount, read_only, SET, ),
};
static TABLE(MOUNT, pod_mount);

static const struct field RESOURCES_ROWS[] = {
    ROW("cpus", FIELD_NUMBER, pod_resources, cpus, ALWAYS, .otherwise = 1, .min = 0.001,
        .max = 1e6),
    ROW("mem", FIELD_NUMBER, pod_resources, mem, ALWAYS, .otherwise = 128, .max = 1e12),
    ROW("disk", FIELD_NUMBER, pod_resources, disk, ALWAYS, .max = 1e12),
    ROW("gpus", FIELD_INT, pod_resources, gpus, ALWAYS, .max = 1e6),
};
static TABLE(RESOURCES, pod_resources);

static const struct field LIFECYCLE_ROWS[] = {
    ROW("killGracePeriodSeconds", FIELD_NUMBER, pod_lifecycle, kill_grace_s, SET,
        .otherwise = NOT_GIVEN, .max = 1e6),
};
static TABLE(LIFECYCLE, pod_lifecycle);

static const struct field CONTAINER_ROWS[] = {
    ROW("name", FIELD_TEXT, pod_container, name, ALWAYS, .required = true, .form = &APP_NAME_FORM),
    ROW("resources", FIELD_PART, pod_container, resources, ALWAYS, .table = &RESOURCES,
        .required = true),
    ROW("exec", FIELD_OBJECT, pod_container, exec, SET, .table = &EXEC),
    ROW("image", FIELD_OBJECT, pod_container, image, SET, .table = &IMAGE),
    ROW("endpoints", FIELD_LIST, pod_container, endpoints, SET, .table = &ENDPOINT),
    ROW("environment", APP_ENV, pod_container, env, SET, ),
    ROW("user", FIELD_TEXT, pod_container, user, SET, .min = 1),
    ROW("healthCheck", FIELD_OBJECT, pod_container, health, SET, .table = &HEALTH),
    ROW("check", FIELD_OBJECT, pod_container, check, SET, .table = &CHECK),
    ROW("volumeMounts", FIELD_LIST, pod_container, mounts, SET, .table = &MOUNT),
    ROW("artifacts", FIELD_LIST, pod_container, artifacts, SET, .table = &APP_FETCH_FIELDS),
    ROW("labels", FIELD_PAIRS, pod_container, labels, SET, ),
    ROW("lifecycle", FIELD_OBJECT, pod_container, lifecycle, SET, .table = &LIFECYCLE),
    ROW("resourceLimits", FIELD_OBJECT, pod_container, limits, SET, .table = &APP_LIMITS_FIELDS),
    ROW("tty", APP_TTY, pod_container, tty, SET, ),
    ROW("linuxInfo", FIELD_RAW, pod_container, linux_info, SET, ),
};
static TABLE(CONTAINER, pod_container);

static const struct field VOLUME_ROWS[] = {
    ROW("name", FIELD_TEXT, pod_volume, name, ALWAYS, .required = true, .form = &APP_NAME_FORM),
    ROW("host", FIELD_TEXT, pod_volume, host, SET, .min = 1),
    ROW("persistent", FIELD_OBJECT, pod_volume, persistent, SET, .table = &APP_PERSISTENT_FIELDS),
    ROW("secret", FIELD_TEXT, pod_volume, secret, SET, ),
};
static TABLE(VOLUME, pod_volume);

static const struct field SCALING_ROWS[] = {
    ROW("kind", FIELD_WORD, pod_scaling, kind, ALWAYS, .words = SCALING_KINDS),
    ROW("instances", FIELD_INT, pod_scaling, instances, ALWAYS, .otherwise = 1,
        .max = LIMIT_INSTANCES, .passed_by = true),
};
static TABLE(SCALING, pod_scaling);

static const struct field BACKOFF_ROWS[] = {
    ROW("backoff", FIELD_NUMBER, pod_backoff, backoff_s, ALWAYS, .otherwise = 1),
    ROW("backoffFactor", FIELD_NUMBER, pod_backoff, factor, ALWAYS, .otherwise = 1.15, .min = 1,
        .max = 1e6),
    ROW("maxLaunchDelay", FIELD_INT, pod_backoff, max_delay_s, ALWAYS, .otherwise = 300),
};
static TABLE(BACKOFF, pod_backoff);

static const struct field UPGRADE_ROWS[] = {
    ROW("minimumHealthCapacity", FIELD_NUMBER, pod_upgrade, minimum_health, ALWAYS,
        .otherwise = NOT_GIVEN, .max = 1),
    ROW("maximumOverCapacity", FIELD_NUMBER, pod_upgrade, maximum_over, ALWAYS,
        .otherwise = NOT_GIVEN, .max = 1),
};
static TABLE(UPGRADE, pod_upgrade);

static const struct field PLACEMENT_ROWS[] = {
    ROW("constraints", POD_CONSTRAINTS, pod_placement, constraints, ALWAYS, ),
    ROW("acceptedResourceRoles", FIELD_TEXTS, pod_placement, accepted_roles, ALWAYS,
        .unordered = true),
};
static TABLE(PLACEMENT, pod_placement);

static const struct field SCHEDULING_ROWS[] = {
    ROW("backoff", FIELD_PART, pod_scheduling, backoff, ALWAYS, .table = &BACKOFF),
    ROW("upgrade", FIELD_PART, pod_scheduling, upgrade, ALWAYS, .table = &UPGRADE),
    ROW("placement", FIELD_PART, pod_scheduling, placement, ALWAYS, .table = &PLACEMENT),
    ROW("killSelection", FIELD_WORD, pod_scheduling, kill_selection, ALWAYS,
        .words = KILL_SELECTIONS),
    ROW("unreachableStrategy", APP_UNREACHABLE, pod_scheduling, unreachable, ALWAYS, ),
};
static TABLE(SCHEDULING, pod_scheduling);

static const struct field EXECUTOR_ROWS[] = {
    ROW("cpus", FIELD_NUMBER, pod_amounts, cpus, ALWAYS, .otherwise = 0.1, .max = 1e6),
    ROW("mem", FIELD_NUMBER, pod_amounts, mem, ALWAYS, .otherwise = 32, .max = 1e12),
    ROW("disk", FIELD_NUMBER, pod_amounts, disk, ALWAYS, .otherwise = 10, .max = 1e12),
};
static TABLE(EXECUTOR, pod_amounts);

/* pod_is_stored() knows a pod by its first two members. */
static const struct field POD_FIELDS_ROWS[] = {
    ROW("id", FIELD_TEXT, pod, id, ALWAYS, .passed_by = true),
    ROW("containers", FIELD_LIST, pod, containers, ALWAYS, .table = &CONTAINER, .required = true),
    ROW("labels", FIELD_PAIRS, pod, labels, ALWAYS, ),
    ROW("environment", APP_ENV, pod, env, SET, ),
    ROW("secrets", APP_SECRETS, pod, secrets, SET, ),
    ROW("user", FIELD_TEXT, pod, user, SET, .min = 1),
    ROW("volumes", FIELD_LIST, pod, volumes, ALWAYS, .table = &VOLUME),
    ROW("networks", FIELD_LIST, pod, networks, ALWAYS, .table = &APP_NETWORK_FIELDS),
    ROW("scaling", FIELD_PART, pod, scaling, ALWAYS, .table = &SCALING),
    ROW("scheduling", FIELD_PART, pod, scheduling, ALWAYS, .table = &SCHEDULING),
    ROW("executorResources", FIELD_PART, pod, executor, ALWAYS, .table = &EXECUTOR),
    ROW("role", FIELD_TEXT, pod, role, ALWAYS, .min = 1),
    ROW("linuxInfo", FIELD_RAW, pod, linux_info, SET, ),
    ROW("legacySharedCgroups", FIELD_BOOL, pod, legacy_shared_cgroups, SET, ),
};
TABLE(POD_FIELDS, pod);
