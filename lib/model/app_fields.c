/* The app's members, one row each: name, where, default, bounds, when it is written. */

#include "model/app_private.h"

#include <string.h>

static const char *const NETWORK_MODES[] = {"host", "container/bridge", "container", NULL};
static const char *const PORT_PROTOCOLS[] = {"tcp", "udp", "udp,tcp", NULL};
static const char *const CONTAINER_TYPES[] = {"DOCKER", "MESOS", NULL};
static const char *const VOLUME_MODES[] = {"", "RO", "RW", NULL};
static const char *const DISK_TYPES[] = {"root", "path", "mount", NULL};
static const char *const CHECK_PROTOCOLS[] = {"HTTP",       "HTTPS",       "TCP",       "COMMAND",
                                              "MESOS_HTTP", "MESOS_HTTPS", "MESOS_TCP", NULL};
static const char *const SCHEMES[] = {"HTTP", "HTTPS", NULL};
static const char *const LOWER_SCHEMES[] = {"http", "https", NULL};
static const char *const IP_PROTOCOLS[] = {"IPv4", "IPv6", NULL};
static const char *const KILL_SELECTIONS[] = {"YOUNGEST_FIRST", "OLDEST_FIRST", NULL};
static const char *const TASK_LOST[] = {"WAIT_FOREVER", "RELAUNCH_AFTER_TIMEOUT", NULL};

const char *port_protocol_word(enum port_protocol p)
{
    return PORT_PROTOCOLS[p];
}

/* ---- forms of texts */

static bool is_lower(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_name(const char *s, const char *inner)
{
    size_t len = strlen(s);
    for (size_t i = 0; i < len; i++)
        if (!is_lower(s[i]) && (i == 0 || i == len - 1 || strchr(inner, s[i]) == NULL))
            return false;
    return len >= 1 && len <= 63;
}

static bool is_port_name(const char *s)
{
    return is_name(s, "-");
}

static bool is_network_name(const char *s)
{
    return is_name(s, "-_");
}

bool app_is_uri(const char *s)
{
    if (s[0] == '\0' || strlen(s) > 1024)
        return false;
    for (; *s != '\0'; s++) {
        if ((unsigned char)*s <= ' ' || *s == 127 || strchr("<>\"{}|\\^`", *s) != NULL)
            return false;
        if (*s == '%' && (strspn(s + 1, "0123456789abcdefABCDEF") < 2))
            return false;
    }
    return true;
}

/* ^(//cmd)|(/?[^/]+(/[^/]+)*)|$ */
static bool is_executor(const char *s)
{
    if (s[0] == '\0' || strcmp(s, "//cmd") == 0)
        return true;
    return strstr(s, "//") == NULL && strcmp(s, "/") != 0 && s[strlen(s) - 1] != '/';
}

const struct field_form APP_NAME_FORM = {is_port_name,
                                         "1 to 63 lower-case letters, digits and inner dashes"};
static const struct field_form NETWORK_NAME = {
    is_network_name, "1 to 63 lower-case letters, digits, inner dashes and underscores"};
static const struct field_form URI = {app_is_uri, "a URI"};
static const struct field_form EXECUTOR = {is_executor, "\"\", \"//cmd\" or a path"};

/* ---- tables, from the leaves up */

static const struct field APP_NETWORK_FIELDS_ROWS[] = {
    ROW("mode", FIELD_WORD, app_network, mode, ALWAYS, .words = NETWORK_MODES,
        .otherwise = APP_NETWORK_CONTAINER),
    ROW("name", FIELD_TEXT, app_network, name, SET, .form = &NETWORK_NAME),
    ROW("labels", FIELD_PAIRS, app_network, labels, SET, ),
};
TABLE(APP_NETWORK_FIELDS, app_network);

static const struct field PORT_ROWS[] = {
    ROW("port", FIELD_INT, app_port, port, ALWAYS, .max = 65535),
    ROW("protocol", FIELD_WORD, app_port, protocol, ALWAYS, .words = PORT_PROTOCOLS),
    ROW("name", FIELD_TEXT, app_port, name, SET, .form = &APP_NAME_FORM),
    ROW("labels", FIELD_PAIRS, app_port, labels, SET, ),
};
static TABLE(PORT, app_port);

static const struct field APP_MAPPING_FIELDS_ROWS[] = {
    ROW("containerPort", FIELD_INT, app_mapping, container_port, ALWAYS, .max = 65535),
    ROW("hostPort", FIELD_INT, app_mapping, host_port, SET, .otherwise = NOT_GIVEN, .max = 65535),
    ROW("labels", FIELD_PAIRS, app_mapping, labels, ALWAYS, ),
    ROW("name", FIELD_TEXT, app_mapping, name, SET, .form = &APP_NAME_FORM),
    ROW("protocol", FIELD_WORD, app_mapping, protocol, ALWAYS, .words = PORT_PROTOCOLS),
    ROW("servicePort", FIELD_INT, app_mapping, service_port, ALWAYS, .max = 65535),
    ROW("networkNames", FIELD_TEXTS, app_mapping, network_names, SET, ),
};
TABLE(APP_MAPPING_FIELDS, app_mapping);

static const struct field PARAMETER_ROWS[] = {
    ROW("key", FIELD_TEXT, pair, name, ALWAYS, .required = true, .min = 1),
    ROW("value", FIELD_TEXT, pair, value, ALWAYS, .required = true),
};
static TABLE(PARAMETER, pair);

static const struct field APP_PULL_CONFIG_FIELDS_ROWS[] = {
    ROW("secret", FIELD_TEXT, app_pull_config, secret, ALWAYS, .required = true),
};
TABLE(APP_PULL_CONFIG_FIELDS, app_pull_config);

static const struct field DOCKER_ROWS[] = {
    ROW("forcePullImage", FIELD_BOOL, app_docker, force_pull, ALWAYS, ),
    ROW("image", FIELD_TEXT, app_docker, image, SET, ),
    ROW("parameters", FIELD_LIST, app_docker, parameters, ALWAYS, .table = &PARAMETER),
    ROW("privileged", FIELD_BOOL, app_docker, privileged, ALWAYS, ),
    ROW("pullConfig", FIELD_OBJECT, app_docker, pull_config, SET, .table = &APP_PULL_CONFIG_FIELDS),
    ROW("network", FIELD_TEXT, app_docker, legacy_network, NEVER, ),
    ROW("portMappings", FIELD_LIST, app_docker, legacy_mappings, NEVER,
        .table = &APP_MAPPING_FIELDS),
    ROW("credential", APP_REFUSED, app_docker, image, NEVER,
        .text = "not supported since Marathon 1.5, need \"pullConfig\""),
};
static TABLE(DOCKER, app_docker);

static const struct field APP_PERSISTENT_FIELDS_ROWS[] = {
    ROW("size", FIELD_INT, app_persistent, size_mib, ALWAYS, .required = true, .min = 1,
        .max = 1e12),
    ROW("type", FIELD_WORD, app_persistent, type, SET, .words = DISK_TYPES),
    ROW("maxSize", FIELD_INT, app_persistent, max_size_mib, SET, .otherwise = NOT_GIVEN,
        .max = 1e12),
    ROW("constraints", FIELD_CONSTRAINTS, app_persistent, constraints, SET, ),
    ROW("profileName", FIELD_TEXT, app_persistent, profile, SET, .min = 1),
};
TABLE(APP_PERSISTENT_FIELDS, app_persistent);

static const struct field EXTERNAL_ROWS[] = {
    ROW("size", FIELD_INT, app_external, size_gib, SET, .otherwise = NOT_GIVEN),
    ROW("name", FIELD_TEXT, app_external, name, SET, ),
    ROW("provider", FIELD_TEXT, app_external, provider, SET, ),
    ROW("options", FIELD_PAIRS, app_external, options, SET, ),
    ROW("shared", FIELD_BOOL, app_external, shared, SET, ),
};
static TABLE(EXTERNAL, app_external);

static const struct field APP_VOLUME_FIELDS_ROWS[] = {
    ROW("containerPath", FIELD_TEXT, app_volume, container_path, SET, .required = true),
    ROW("hostPath", FIELD_TEXT, app_volume, host_path, SET, ),
    ROW("mode", FIELD_WORD, app_volume, mode, SET, .words = VOLUME_MODES),
    ROW("persistent", FIELD_OBJECT, app_volume, persistent, SET, .table = &APP_PERSISTENT_FIELDS),
    ROW("external", FIELD_OBJECT, app_volume, external, SET, .table = &EXTERNAL),
    ROW("secret", FIELD_TEXT, app_volume, secret, SET, ),
};
TABLE(APP_VOLUME_FIELDS, app_volume);

static const struct field CONTAINER_ROWS[] = {
    ROW("type", FIELD_WORD, app_container, type, ALWAYS, .words = CONTAINER_TYPES),
    ROW("docker", FIELD_OBJECT, app_container, docker, SET, .table = &DOCKER),
    ROW("volumes", FIELD_LIST, app_container, volumes, ALWAYS, .table = &APP_VOLUME_FIELDS),
    ROW("portMappings", FIELD_LIST, app_container, mappings, GIVEN, .table = &APP_MAPPING_FIELDS),
    ROW("linuxInfo", FIELD_RAW, app_container, linux_info, SET, ),
};
static TABLE(CONTAINER, app_container);

static const struct field APP_FETCH_FIELDS_ROWS[] = {
    ROW("uri", FIELD_TEXT, app_fetch, uri, ALWAYS, .required = true, .min = 1, .max = 1024,
        .form = &URI),
    ROW("extract", FIELD_BOOL, app_fetch, extract, ALWAYS, .otherwise = true),
    ROW("executable", FIELD_BOOL, app_fetch, executable, ALWAYS, ),
    ROW("cache", FIELD_BOOL, app_fetch, cache, ALWAYS, ),
    ROW("destPath", FIELD_TEXT, app_fetch, dest_path, SET, .min = 1),
};
TABLE(APP_FETCH_FIELDS, app_fetch);

static const struct field COMMAND_ROWS[] = {
    ROW("value", FIELD_TEXT, app_command, value, ALWAYS, .required = true),
};
static TABLE(COMMAND, app_command);

/* Only Marathon itself knew how to pass over 1xx; its agents never did. */
static bool is_run_by_marathon_over_http(const void *check)
{
    enum app_check_protocol p = ((const struct app_health_check *)check)->protocol;
    return p == APP_CHECK_HTTP || p == APP_CHECK_HTTPS;
}

static const struct field APP_HEALTH_CHECK_FIELDS_ROWS[] = {
    ROW("protocol", FIELD_WORD, app_health_check, protocol, ALWAYS, .words = CHECK_PROTOCOLS),
    ROW("path", FIELD_TEXT, app_health_check, path, SET, ),
    ROW("portIndex", FIELD_INT, app_health_check, port_index, SET, .otherwise = NOT_GIVEN),
    ROW("port", FIELD_INT, app_health_check, port, SET, .otherwise = NOT_GIVEN, .min = 1,
        .max = 65535),
    ROW("command", FIELD_OBJECT, app_health_check, command, SET, .table = &COMMAND),
    ROW("gracePeriodSeconds", FIELD_INT, app_health_check, grace_s, ALWAYS, .otherwise = 300),
    ROW("intervalSeconds", FIELD_INT, app_health_check, interval_s, ALWAYS, .otherwise = 60),
    ROW("timeoutSeconds", FIELD_INT, app_health_check, timeout_s, ALWAYS, .otherwise = 20),
    ROW("maxConsecutiveFailures", FIELD_INT, app_health_check, max_failures, ALWAYS,
        .otherwise = 3),
    ROW("delaySeconds", FIELD_INT, app_health_check, delay_s, ALWAYS, .otherwise = 15),
    ROW("ignoreHttp1xx", FIELD_BOOL, app_health_check, ignore_1xx, ALWAYS,
        .when = is_run_by_marathon_over_http),
    ROW("ipProtocol", FIELD_WORD, app_health_check, ip, ALWAYS, .words = IP_PROTOCOLS),
};
TABLE(APP_HEALTH_CHECK_FIELDS, app_health_check);

static const struct field CHECK_HTTP_ROWS[] = {
    ROW("portIndex", FIELD_INT, app_check_http, port_index, SET, .otherwise = NOT_GIVEN),
    ROW("port", FIELD_INT, app_check_http, port, SET, .otherwise = NOT_GIVEN, .max = 65535),
    ROW("path", FIELD_TEXT, app_check_http, path, SET, ),
    ROW("scheme", FIELD_WORD, app_check_http, scheme, SET, .words = LOWER_SCHEMES),
};
static TABLE(CHECK_HTTP, app_check_http);

static const struct field CHECK_TCP_ROWS[] = {
    ROW("portIndex", FIELD_INT, app_check_tcp, port_index, SET, .otherwise = NOT_GIVEN),
    ROW("port", FIELD_INT, app_check_tcp, port, SET, .otherwise = NOT_GIVEN, .max = 65535),
};
static TABLE(CHECK_TCP, app_check_tcp);

static const struct field CHECK_EXEC_ROWS[] = {
    ROW("command", FIELD_OBJECT, app_check_exec, command, ALWAYS, .required = true,
        .table = &COMMAND),
};
static TABLE(CHECK_EXEC, app_check_exec);

static const struct field CHECK_ROWS[] = {
    ROW("http", FIELD_OBJECT, app_check, http, SET, .table = &CHECK_HTTP),
    ROW("tcp", FIELD_OBJECT, app_check, tcp, SET, .table = &CHECK_TCP),
    ROW("exec", FIELD_OBJECT, app_check, exec, SET, .table = &CHECK_EXEC),
    ROW("intervalSeconds", FIELD_INT, app_check, interval_s, ALWAYS, .otherwise = 60),
    ROW("timeoutSeconds", FIELD_INT, app_check, timeout_s, ALWAYS, .otherwise = 20),
    ROW("delaySeconds", FIELD_INT, app_check, delay_s, ALWAYS, .otherwise = 15),
};
static TABLE(CHECK, app_check);

static const struct field READINESS_ROWS[] = {
    ROW("name", FIELD_TEXT, app_readiness, name, ALWAYS, .text = "readinessCheck", .min = 1),
    ROW("protocol", FIELD_WORD, app_readiness, protocol, ALWAYS, .words = SCHEMES),
    ROW("path", FIELD_TEXT, app_readiness, path, ALWAYS, .text = "/", .min = 1),
    ROW("portName", FIELD_TEXT, app_readiness, port_name, ALWAYS, .text = "http-api", .min = 1),
    ROW("intervalSeconds", FIELD_INT, app_readiness, interval_s, ALWAYS, .otherwise = 30),
    ROW("timeoutSeconds", FIELD_INT, app_readiness, timeout_s, ALWAYS, .otherwise = 10, .min = 1),
    ROW("httpStatusCodesForReady", FIELD_INTS, app_readiness, ready_codes, ALWAYS, .min = 100,
        .max = 999),
    ROW("preserveLastResponse", FIELD_BOOL, app_readiness, preserve_last_response, ALWAYS, ),
};
static TABLE(READINESS, app_readiness);

static const struct field AMOUNTS_ROWS[] = {
    ROW("cpus", FIELD_NUMBER, app_amounts, cpus, SET, .otherwise = NOT_GIVEN, .max = 1e6),
    ROW("mem", FIELD_NUMBER, app_amounts, mem, SET, .otherwise = NOT_GIVEN, .max = 1e12),
    ROW("disk", FIELD_NUMBER, app_amounts, disk, SET, .otherwise = NOT_GIVEN, .max = 1e12),
};
static TABLE(AMOUNTS, app_amounts);

static const struct field APP_LIMITS_FIELDS_ROWS[] = {
    ROW("cpus", APP_LIMIT, app_resource_limits, cpus, SET, .max = 1e6),
    ROW("mem", APP_LIMIT, app_resource_limits, mem, SET, .max = 1e12),
};
TABLE(APP_LIMITS_FIELDS, app_resource_limits);

#define UPGRADE_PART(member_) \
    .offset = offsetof(struct app, upgrade.member_) - offsetof(struct app, upgrade)

static const struct field UPGRADE_ROWS[] = {
    {.name = "maximumOverCapacity",
     .type = &FIELD_NUMBER,
     UPGRADE_PART(maximum_over),
     .otherwise = NOT_GIVEN,
     .max = 1},
    {.name = "minimumHealthCapacity",
     .type = &FIELD_NUMBER,
     UPGRADE_PART(minimum_health),
     .otherwise = NOT_GIVEN,
     .max = 1},
};
static const struct field_table UPGRADE = {UPGRADE_ROWS, 2, 0};

static const struct field RESIDENCY_ROWS[] = {
    ROW("relaunchEscalationTimeoutSeconds", FIELD_INT, app_residency, relaunch_timeout_s, ALWAYS,
        .otherwise = 3600),
    ROW("taskLostBehavior", FIELD_WORD, app_residency, task_lost, ALWAYS, .words = TASK_LOST),
};
static TABLE(RESIDENCY, app_residency);

/* Both times lie one after the other, from last_scaling on. */
static const struct field VERSION_INFO_ROWS[] = {
    {.name = "lastScalingAt", .type = &APP_STAMP, .offset = 0},
    {.name = "lastConfigChangeAt", .type = &APP_STAMP, .offset = sizeof(struct wall)},
};
static const struct field_table VERSION_INFO = {VERSION_INFO_ROWS, 2, 2 * sizeof(struct wall)};
_Static_assert(offsetof(struct app, last_config_change) ==
                   offsetof(struct app, last_scaling) + sizeof(struct wall),
               "VERSION_INFO_ROWS reads both");

static bool was_deployed(const void *app)
{
    return ((const struct app *)app)->last_scaling.ms != 0;
}

/* ---- input forms of older Marathons */

static const struct field DISCOVERY_PORT_ROWS[] = {
    ROW("number", FIELD_INT, app_mapping, container_port, NEVER, .max = 65535),
    ROW("name", FIELD_TEXT, app_mapping, name, NEVER, .form = &APP_NAME_FORM),
    ROW("protocol", FIELD_WORD, app_mapping, protocol, NEVER, .words = PORT_PROTOCOLS),
    ROW("labels", FIELD_PAIRS, app_mapping, labels, NEVER, ),
};
static TABLE(DISCOVERY_PORT, app_mapping);

static const struct field DISCOVERY_ROWS[] = {
    {.name = "ports", .type = &FIELD_LIST, .emit = EMIT_NEVER, .table = &DISCOVERY_PORT},
};
static const struct field_table DISCOVERY = {DISCOVERY_ROWS, 1, sizeof(struct strings)};

static const struct field IP_ADDRESS_ROWS[] = {
    ROW("networkName", FIELD_TEXT, app_ip_address, network_name, NEVER, .form = &NETWORK_NAME),
    ROW("labels", FIELD_PAIRS, app_ip_address, labels, NEVER, ),
    ROW("discovery", FIELD_PART, app_ip_address, discovery_ports, NEVER, .table = &DISCOVERY),
};
static TABLE(IP_ADDRESS, app_ip_address);

/* ---- the app */

static const struct field APP_FIELDS_ROWS[] = {
    ROW("id", FIELD_TEXT, app, id, ALWAYS, .passed_by = true),
    ROW("acceptedResourceRoles", FIELD_TEXTS, app, accepted_roles, SET, .unordered = true),
    ROW("args", FIELD_TEXTS, app, args, SET, ),
    ROW("backoffFactor", FIELD_NUMBER, app, backoff_factor, ALWAYS, .otherwise = 1.15, .min = 1,
        .max = 1e6),
    ROW("backoffSeconds", FIELD_NUMBER, app, backoff_s, ALWAYS, .otherwise = 1),
    ROW("check", FIELD_OBJECT, app, check, SET, .table = &CHECK),
    ROW("cmd", FIELD_TEXT, app, cmd, SET, .min = 1),
    ROW("constraints", FIELD_CONSTRAINTS, app, constraints, SET, ),
    ROW("container", FIELD_OBJECT, app, container, SET, .table = &CONTAINER),
    ROW("cpus", FIELD_NUMBER, app, cpus, ALWAYS, .otherwise = 1, .min = 0.001, .max = 1e6),
    ROW("dependencies", FIELD_TEXTS, app, dependencies, SET, .unordered = true),
    ROW("disk", FIELD_NUMBER, app, disk, ALWAYS, .max = 1e12),
    ROW("env", APP_ENV, app, env, SET, ),
    ROW("executor", FIELD_TEXT, app, executor, ALWAYS, .text = "", .form = &EXECUTOR),
    ROW("executorResources", FIELD_OBJECT, app, executor_resources, SET, .table = &AMOUNTS),
    ROW("fetch", FIELD_LIST, app, fetch, SET, .table = &APP_FETCH_FIELDS),
    ROW("healthChecks", FIELD_LIST, app, health_checks, SET, .table = &APP_HEALTH_CHECK_FIELDS,
        .unordered = true, .max = 100),
    ROW("readinessChecks", FIELD_LIST, app, readiness_checks, SET, .table = &READINESS),
    ROW("instances", FIELD_INT, app, instances, ALWAYS, .otherwise = 1, .max = LIMIT_INSTANCES,
        .passed_by = true),
    ROW("labels", FIELD_PAIRS, app, labels, ALWAYS, ),
    ROW("maxLaunchDelaySeconds", FIELD_INT, app, max_launch_delay_s, ALWAYS, .otherwise = 300),
    ROW("mem", FIELD_NUMBER, app, mem, ALWAYS, .otherwise = 128, .max = 1e12),
    ROW("gpus", FIELD_INT, app, gpus, ALWAYS, .max = 1e6),
    ROW("ipAddress", FIELD_OBJECT, app, legacy.ip_address, NEVER, .table = &IP_ADDRESS),
    ROW("networks", FIELD_LIST, app, networks, ALWAYS, .table = &APP_NETWORK_FIELDS),
    ROW("ports", FIELD_INTS, app, legacy.ports, NEVER, .max = 65535),
    ROW("portDefinitions", FIELD_LIST, app, port_definitions, GIVEN, .table = &PORT),
    ROW("requirePorts", FIELD_BOOL, app, require_ports, ALWAYS, ),
    ROW("residency", FIELD_OBJECT, app, residency, SET, .table = &RESIDENCY),
    ROW("resourceLimits", FIELD_OBJECT, app, limits, SET, .table = &APP_LIMITS_FIELDS),
    ROW("secrets", APP_SECRETS, app, secrets, SET, ),
    ROW("taskKillGracePeriodSeconds", FIELD_INT, app, kill_grace_s, SET, .otherwise = NOT_GIVEN),
    ROW("upgradeStrategy", FIELD_PART, app, upgrade, ALWAYS, .table = &UPGRADE),
    ROW("uris", FIELD_TEXTS, app, legacy.uris, NEVER, ),
    ROW("user", FIELD_TEXT, app, user, SET, ),
    ROW("killSelection", FIELD_WORD, app, kill_selection, ALWAYS, .words = KILL_SELECTIONS),
    ROW("unreachableStrategy", APP_UNREACHABLE, app, unreachable, ALWAYS, ),
    ROW("tty", APP_TTY, app, tty, SET, ),
    ROW("role", FIELD_TEXT, app, role, ALWAYS, .min = 1),
    ROW("version", APP_STAMP, app, version, SET, .passed_by = true),
    ROW("versionInfo", FIELD_PART, app, last_scaling, ALWAYS, .table = &VERSION_INFO,
        .when = was_deployed, .passed_by = true),
};
TABLE(APP_FIELDS, app);
