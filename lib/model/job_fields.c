/* The job's members, one row each: name, where, default, when it is printed. */

#include "base/limits.h"
#include "base/str.h"
#include "model/job_private.h"

#include <stdio.h>
#include <string.h>

/* Rows that are read as Chronos does. */
#define TEXT(name_, struct_, member_, emit_, ...) \
    ROW(name_, FIELD_TEXT, struct_, member_, emit_, .read = coerce_read_text, __VA_ARGS__)
#define TEXTS(name_, member_) \
    ROW(name_, FIELD_TEXTS, job, member_, ALWAYS, .read = coerce_read_texts)
#define BOOL(name_, struct_, member_, ...) \
    ROW(name_, FIELD_BOOL, struct_, member_, ALWAYS, .read = coerce_read_bool, __VA_ARGS__)
#define INT(name_, member_, emit_, ...) \
    ROW(name_, FIELD_INT, job, member_, emit_, .read = coerce_read_int, __VA_ARGS__)
#define NUMBER(name_, member_, emit_, ...) \
    ROW(name_, FIELD_DOUBLE, job, member_, emit_, .read = coerce_read_number, __VA_ARGS__)
#define ANY_INT .min = -9.2e18, .max = 9.2e18

static const char *const OVERLAPS[] = {"", "wait", "skip", "kill", "allow", NULL};
static const char *const MISSEDS[] = {"", "window", "catchup", NULL};
static const char *const CATCHUPS[] = {"", "latest", "all", "none", NULL};
static const char *const DEPENDS[] = {"", "all", "any", "round", NULL};
static const char *const UNCERTAINS[] = {"", "rerun", "hold", NULL};

/* ---- types of the job's own */

/* an instant, or "" */
static void instant_init(const struct field *f, void *to)
{
    (void)f;
    *(struct wall *)to = (struct wall){0};
}

static void instant_read(const struct reader *r, const struct path *at, const struct field *f,
                         const struct json *v, void *to)
{
    (void)f;
    struct error err;
    if (!coerce_expects_one(r, at, v))
        return;
    const char *text = coerce_text(v, r->arena);
    if (text[0] != '\0' && wall_parse(text, to, &err) != 0)
        reader_wrong(r, at, "", v, "\"\" or a time like 2026-03-01T10:08:01.212Z");
}

static void instant_write(const struct field *f, const void *from, struct json_writer *w)
{
    (void)f;
    char text[TIME_TEXT_SIZE];
    struct wall at = *(const struct wall *)from;
    json_put_str(w, at.ms == 0 ? "" : wall_text(at, text));
}

static bool instant_is_set(const struct field *f, const void *from)
{
    (void)f;
    return ((const struct wall *)from)->ms != 0;
}

static const struct field_type INSTANT = {
    .init = instant_init, .read = instant_read, .write = instant_write, .is_set = instant_is_set};

/* "" is none; so what is 0 could not be told from it. */
static void bound_read(const struct reader *r, const struct path *at, const struct field *f,
                       const struct json *v, void *to)
{
    (void)f;
    struct error err;
    struct wall t = {0};
    if (!coerce_expects_one(r, at, v))
        return;
    const char *text = coerce_text(v, r->arena);
    if (text[0] != '\0' && (wall_parse(text, &t, &err) != 0 || t.ms < 1))
        reader_wrong(r, at, "", v, "\"\" or a time after 1970 like 2026-03-01T10:00:00Z");
    *(struct wall *)to = t;
}

/* ports are printed as strings */
static void port_write(const struct field *f, const void *from, struct json_writer *w)
{
    (void)f;
    char text[24];
    snprintf(text, sizeof(text), "%lld", (long long)*(const int64_t *)from);
    json_put_str(w, text);
}

static void port_init(const struct field *f, void *to)
{
    (void)f;
    *(int64_t *)to = 0;
}

static const struct field_type PORT = {
    .init = port_init, .read = coerce_read_int, .write = port_write};

/* ---- forms */

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words != NULL; words++)
        if (slice_is_nocase(slice_of(text), *words))
            return true;
    return false;
}

/* A word in any case, kept as it was sent. */
static void read_word(const struct reader *r, const struct path *at, const struct field *f,
                      const struct json *v, void *to)
{
    const char *text = coerce_text(v, r->arena);
    if (is_one_of(text, f->words))
        *(const char **)to = text;
    else
        reader_wrong(r, at, "", v, "%s", f->form->need);
}

static const char *const TYPES[] = {"DOCKER", "MESOS", NULL};
static const char *const NETWORKS[] = {"HOST", "BRIDGE", "USER", NULL};
static const char *const MODES[] = {"RW", "RO", NULL};
static const char *const PROTOCOLS[] = {"IPv4", "IPv6", NULL};
static const struct field_form A_TYPE = {.need = "DOCKER or MESOS"};
static const struct field_form A_NETWORK = {.need = "HOST, BRIDGE or USER"};
static const struct field_form A_MODE = {.need = "RW or RO"};
static const struct field_form A_PROTOCOL = {.need = "IPv4 or IPv6"};
static const struct field_form SECONDS = {.need = "a whole number of seconds, as 300"};

enum job_network job_network_of(const struct job_container *c)
{
    if (slice_is_nocase(slice_of(c->network), "BRIDGE"))
        return JOB_NET_BRIDGE;
    return slice_is_nocase(slice_of(c->network), "USER") ? JOB_NET_USER : JOB_NET_HOST;
}

/* ---- tables, from the leaves up */

static const struct field PARAMETER_ROWS[] = {
    TEXT("key", pair, name, ALWAYS, .required = true),
    TEXT("value", pair, value, ALWAYS, .required = true),
};
static TABLE(PARAMETER, pair);

static const struct field VARIABLE_ROWS[] = {
    TEXT("name", pair, name, ALWAYS, .required = true),
    TEXT("value", pair, value, ALWAYS, .required = true),
};
static TABLE(VARIABLE, pair);

static const struct field FETCH_ROWS[] = {
    TEXT("uri", job_fetch, uri, ALWAYS, .text = ""),
    BOOL("executable", job_fetch, executable, ),
    BOOL("cache", job_fetch, cache, ),
    BOOL("extract", job_fetch, extract, .otherwise = true),
    TEXT("output_file", job_fetch, output_file, SET, .min = 1),
};
static TABLE(FETCH, job_fetch);

static const struct field PORT_MAPPING_ROWS[] = {
    ROW("hostPort", PORT, job_port_mapping, host_port, ALWAYS, .max = 65535),
    ROW("containerPort", PORT, job_port_mapping, container_port, ALWAYS, .max = 65535),
    TEXT("protocol", job_port_mapping, protocol, SET, .min = 1),
};
static TABLE(PORT_MAPPING, job_port_mapping);

static const struct field NETWORK_INFO_ROWS[] = {
    TEXT("name", job_network_info, name, SET, .min = 1),
    ROW("protocol", FIELD_TEXT, job_network_info, protocol, SET, .read = read_word,
        .words = PROTOCOLS, .form = &A_PROTOCOL),
    ROW("labels", FIELD_LIST, job_network_info, labels, ALWAYS, .table = &PARAMETER),
    ROW("portMappings", FIELD_LIST, job_network_info, mappings, ALWAYS, .table = &PORT_MAPPING),
};
static TABLE(NETWORK_INFO, job_network_info);

static const struct field EXTERNAL_ROWS[] = {
    TEXT("name", job_external, name, SET, .min = 1),
    TEXT("provider", job_external, provider, SET, .min = 1),
    ROW("options", FIELD_LIST, job_external, options, ALWAYS, .table = &PARAMETER),
};
static TABLE(EXTERNAL, job_external);

static const struct field VOLUME_ROWS[] = {
    TEXT("hostPath", job_volume, host_path, SET, .min = 1),
    TEXT("containerPath", job_volume, container_path, ALWAYS, .required = true),
    ROW("mode", FIELD_TEXT, job_volume, mode, SET, .read = read_word, .words = MODES,
        .form = &A_MODE),
    ROW("external", FIELD_OBJECT, job_volume, external, SET, .table = &EXTERNAL),
};
static TABLE(VOLUME, job_volume);

static const struct field CONTAINER_ROWS[] = {
    ROW("type", FIELD_TEXT, job_container, type, ALWAYS, .text = "DOCKER", .read = read_word,
        .words = TYPES, .form = &A_TYPE),
    TEXT("image", job_container, image, ALWAYS, .text = ""),
    ROW("network", FIELD_TEXT, job_container, network, ALWAYS, .text = "HOST", .read = read_word,
        .words = NETWORKS, .form = &A_NETWORK),
    TEXT("networkName", job_container, network_name, SET, .min = 1),
    ROW("networkInfos", FIELD_LIST, job_container, network_infos, ALWAYS, .table = &NETWORK_INFO),
    ROW("volumes", FIELD_LIST, job_container, volumes, ALWAYS, .table = &VOLUME),
    ROW("forcePullImage", FIELD_BOOL, job_container, force_pull, ALWAYS, .read = coerce_read_flag),
    ROW("parameters", FIELD_LIST, job_container, parameters, ALWAYS, .table = &PARAMETER),
};
static TABLE(CONTAINER, job_container);

static const struct field CATCHUP_ROWS[] = {
    ROW("policy", FIELD_WORD, job_catchup, policy, ALWAYS, .words = CATCHUPS, .required = true),
    ROW("limit", FIELD_INT, job_catchup, limit, SET, .read = coerce_read_int,
        .otherwise = NOT_GIVEN, .min = 1, .max = LIMIT_JOB_OPEN_RUNS),
};
static TABLE(CATCHUP, job_catchup);

static const struct field JOB_FIELDS_ROWS[] = {
    TEXT("name", job, name, ALWAYS, ),
    TEXT("command", job, command, ALWAYS, .text = ""),
    BOOL("shell", job, shell, .otherwise = true),
    TEXT("epsilon", job, epsilon, SET, .min = 1),
    TEXT("executor", job, executor, ALWAYS, .text = ""),
    TEXT("executorFlags", job, executor_flags, ALWAYS, .text = ""),
    TEXT("taskInfoData", job, task_info_data, ALWAYS, .text = ""),
    INT("retries", retries, ALWAYS, .otherwise = 2, .min = -2147483648.0),
    TEXT("owner", job, owner, ALWAYS, .text = ""),
    TEXT("ownerName", job, owner_name, ALWAYS, .text = ""),
    TEXT("description", job, description, ALWAYS, .text = ""),
    BOOL("async", job, async, ),
    INT("successCount", success_count, ALWAYS, ANY_INT),
    INT("errorCount", error_count, ALWAYS, ANY_INT),
    ROW("lastSuccess", INSTANT, job, last_success, ALWAYS, ),
    ROW("lastError", INSTANT, job, last_error, ALWAYS, ),
    NUMBER("cpus", cpus, ALWAYS, .max = 1e6),
    NUMBER("disk", disk, ALWAYS, .max = 1e12),
    NUMBER("mem", mem, ALWAYS, .max = 1e12),
    BOOL("disabled", job, disabled, ),
    BOOL("softError", job, soft_error, ),
    BOOL("dataProcessingJobType", job, data_processing, ),
    INT("errorsSinceLastSuccess", errors_since_success, ALWAYS, ANY_INT),
    ROW("fetch", FIELD_LIST, job, fetch, ALWAYS, .table = &FETCH),
    TEXTS("uris", uris),
    ROW("environmentVariables", FIELD_LIST, job, env, ALWAYS, .table = &VARIABLE),
    TEXTS("arguments", arguments),
    BOOL("highPriority", job, high_priority, ),
    TEXT("runAsUser", job, user, ALWAYS, .min = 1),
    BOOL("concurrent", job, concurrent, ),
    INT("maxCompletionTime", max_completion_s, ALWAYS, ANY_INT, .form = &SECONDS),
    INT("timeoutSeconds", max_completion_s, NEVER, ANY_INT, .form = &SECONDS),
    ROW("container", FIELD_OBJECT, job, container, SET, .table = &CONTAINER),
    ROW("constraints", FIELD_CONSTRAINTS, job, constraints, ALWAYS, .otherwise = CONSTRAINT_OF_JOB),
};
TABLE(JOB_FIELDS, job);

static const struct field JOB_EXTENSION_FIELDS_ROWS[] = {
    INT("retryDelaySeconds", retry_delay_s, SET, .otherwise = NOT_GIVEN, .form = &SECONDS),
    NUMBER("retryBackoff", retry_backoff, SET, .otherwise = NOT_GIVEN, .min = 1, .max = 1e6),
    TEXT("cron", job, cron, SET, .min = 1),
    ROW("overlap", FIELD_WORD, job, overlap, SET, .words = OVERLAPS),
    ROW("missed", FIELD_WORD, job, missed, SET, .words = MISSEDS),
    ROW("catchup", FIELD_OBJECT, job, catchup, SET, .table = &CATCHUP),
    INT("jitterSeconds", jitter_s, SET, .otherwise = NOT_GIVEN, .max = 86400, .form = &SECONDS),
    ROW("startsAt", INSTANT, job, starts, SET, .read = bound_read),
    ROW("endsAt", INSTANT, job, ends, SET, .read = bound_read),
    ROW("excludeCalendars", FIELD_TEXTS, job, exclude_calendars, SET, .read = coerce_read_texts),
    ROW("onlyCalendars", FIELD_TEXTS, job, only_calendars, SET, .read = coerce_read_texts),
    ROW("startUncertain", FIELD_WORD, job, uncertain, SET, .words = UNCERTAINS),
    ROW("dependencyMode", FIELD_WORD, job, depends, SET, .words = DEPENDS),
    ROW("parentConditions", FIELD_PAIRS, job, parent_conditions, SET, ),
    ROW("notify", FIELD_NOTICES, job, notices, SET, ),
    INT("notifyLateSeconds", late_s, SET, .otherwise = NOT_GIVEN, .form = &SECONDS),
};
TABLE(JOB_EXTENSION_FIELDS, job);

static bool has_row(const struct field_table *t, const char *name)
{
    for (size_t i = 0; i < t->n; i++)
        if (str_eq(t->rows[i].name, name))
            return true;
    return false;
}

bool job_knows(const char *member)
{
    static const char *const timing[] = {"schedule", "scheduleTimeZone", "parents"};
    for (size_t i = 0; i < sizeof(timing) / sizeof(*timing); i++)
        if (str_eq(member, timing[i]))
            return true;
    return has_row(&JOB_FIELDS, member) || job_is_extension(member);
}

bool job_is_extension(const char *member)
{
    return has_row(&JOB_EXTENSION_FIELDS, member);
}
