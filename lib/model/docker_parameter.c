#include "model/docker_parameter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/str.h"

const struct docker_parameter docker_parameters[] = {
    {"domainname", NULL, DOCKER_TOP, "Domainname", DOCKER_TEXT},
    {"entrypoint", NULL, DOCKER_TOP, "Entrypoint", DOCKER_ONE},
    {"env", "e", DOCKER_TOP, "Env", DOCKER_LIST},
    {"expose", NULL, DOCKER_TOP, "ExposedPorts", DOCKER_PORTS},
    {"publish", "p", DOCKER_TOP, "ExposedPorts", DOCKER_PORTS},
    {"hostname", "h", DOCKER_TOP, "Hostname", DOCKER_TEXT},
    {"label", "l", DOCKER_TOP, "Labels", DOCKER_PAIRS},
    {"mac-address", NULL, DOCKER_TOP, "MacAddress", DOCKER_TEXT},
    {"stop-signal", NULL, DOCKER_TOP, "StopSignal", DOCKER_TEXT},
    {"stop-timeout", NULL, DOCKER_TOP, "StopTimeout", DOCKER_NUMBER},
    {"tty", "t", DOCKER_TOP, "Tty", DOCKER_FLAG},
    {"user", "u", DOCKER_TOP, "User", DOCKER_TEXT},
    {"workdir", "w", DOCKER_TOP, "WorkingDir", DOCKER_TEXT},
    {"volume", "v", DOCKER_HOST, "Binds", DOCKER_LIST},
    {"cap-add", NULL, DOCKER_HOST, "CapAdd", DOCKER_LIST},
    {"cap-drop", NULL, DOCKER_HOST, "CapDrop", DOCKER_LIST},
    {"cgroup-parent", NULL, DOCKER_HOST, "CgroupParent", DOCKER_TEXT},
    {"cpu-period", NULL, DOCKER_HOST, "CpuPeriod", DOCKER_NUMBER},
    {"cpu-quota", NULL, DOCKER_HOST, "CpuQuota", DOCKER_NUMBER},
    {"cpu-shares", "c", DOCKER_HOST, "CpuShares", DOCKER_NUMBER},
    {"cpuset-cpus", NULL, DOCKER_HOST, "CpusetCpus", DOCKER_TEXT},
    {"device", NULL, DOCKER_HOST, "Devices", DOCKER_DEVICE},
    {"dns", NULL, DOCKER_HOST, "Dns", DOCKER_LIST},
    {"dns-opt", "dns-option", DOCKER_HOST, "DnsOptions", DOCKER_LIST},
    {"dns-search", NULL, DOCKER_HOST, "DnsSearch", DOCKER_LIST},
    {"add-host", NULL, DOCKER_HOST, "ExtraHosts", DOCKER_LIST},
    {"group-add", NULL, DOCKER_HOST, "GroupAdd", DOCKER_LIST},
    {"init", NULL, DOCKER_HOST, "Init", DOCKER_FLAG},
    {"ipc", NULL, DOCKER_HOST, "IpcMode", DOCKER_TEXT},
    {"link", NULL, DOCKER_HOST, "Links", DOCKER_LIST},
    {"memory", "m", DOCKER_HOST, "Memory", DOCKER_SIZE},
    {"memory-reservation", NULL, DOCKER_HOST, "MemoryReservation", DOCKER_SIZE},
    {"memory-swap", NULL, DOCKER_HOST, "MemorySwap", DOCKER_SIZE},
    {"memory-swappiness", NULL, DOCKER_HOST, "MemorySwappiness", DOCKER_NUMBER},
    {"mount", NULL, DOCKER_HOST, "Mounts", DOCKER_MOUNT},
    {DOCKER_OWN_BIND, NULL, DOCKER_HOST, "Mounts", DOCKER_BIND},
    {"network", "net", DOCKER_HOST, "NetworkMode", DOCKER_TEXT},
    {"oom-kill-disable", NULL, DOCKER_HOST, "OomKillDisable", DOCKER_FLAG},
    {"oom-score-adj", NULL, DOCKER_HOST, "OomScoreAdj", DOCKER_NUMBER},
    {"pid", NULL, DOCKER_HOST, "PidMode", DOCKER_TEXT},
    {"pids-limit", NULL, DOCKER_HOST, "PidsLimit", DOCKER_NUMBER},
    {"publish", "p", DOCKER_HOST, "PortBindings", DOCKER_PUBLISH},
    {"privileged", NULL, DOCKER_HOST, "Privileged", DOCKER_FLAG},
    {"read-only", NULL, DOCKER_HOST, "ReadonlyRootfs", DOCKER_FLAG},
    {"runtime", NULL, DOCKER_HOST, "Runtime", DOCKER_TEXT},
    {"security-opt", NULL, DOCKER_HOST, "SecurityOpt", DOCKER_LIST},
    {"shm-size", NULL, DOCKER_HOST, "ShmSize", DOCKER_SIZE},
    {"storage-opt", NULL, DOCKER_HOST, "StorageOpt", DOCKER_PAIRS},
    {"sysctl", NULL, DOCKER_HOST, "Sysctls", DOCKER_PAIRS},
    {"tmpfs", NULL, DOCKER_HOST, "Tmpfs", DOCKER_TMPFS},
    {"ulimit", NULL, DOCKER_HOST, "Ulimits", DOCKER_ULIMIT},
    {"userns", NULL, DOCKER_HOST, "UsernsMode", DOCKER_TEXT},
    {"uts", NULL, DOCKER_HOST, "UTSMode", DOCKER_TEXT},
    {"volume-driver", NULL, DOCKER_HOST, "VolumeDriver", DOCKER_TEXT},
    {"volumes-from", NULL, DOCKER_HOST, "VolumesFrom", DOCKER_LIST},
    {"network-alias", "net-alias", DOCKER_ENDPOINT, "Aliases", DOCKER_LIST},
    {"ip", NULL, DOCKER_ENDPOINT, "IPAMConfig", DOCKER_IP},
    {"log-driver", NULL, DOCKER_NOWHERE, NULL, DOCKER_TEXT}, /* both in LogConfig, written apart */
    {"log-opt", NULL, DOCKER_NOWHERE, NULL, DOCKER_PAIRS},
    {"restart", NULL, DOCKER_NOWHERE, NULL, DOCKER_IGNORED}, /* ours to do, or not to do */
    {"rm", NULL, DOCKER_NOWHERE, NULL, DOCKER_IGNORED},
};
const size_t docker_parameters_n = sizeof(docker_parameters) / sizeof(*docker_parameters);

bool docker_parameter_is(const struct docker_parameter *p, const char *key)
{
    return str_eq(p->key, key) || (p->other != NULL && str_eq(p->other, key));
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

struct slice docker_cut(const char *text, char c, const char **rest)
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

void docker_pair_put(struct json_writer *w, const char *value, char mark)
{
    const char *rest;
    key_of(w, docker_cut(value, mark, &rest));
    json_put_str(w, rest != NULL ? rest : "");
}

const char *docker_port_inside(const char *value, char dst[32])
{
    const char *colon = strrchr(value, ':');
    const char *port = colon != NULL ? colon + 1 : value;
    snprintf(dst, 32, "%.20s%s", port, strchr(port, '/') != NULL ? "" : "/tcp");
    return dst;
}

static void put_device(struct json_writer *w, const char *value)
{
    const char *inside, *permissions = NULL;
    struct slice host = docker_cut(value, ':', &inside), in = host;
    if (inside != NULL)
        in = docker_cut(inside, ':', &permissions);
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
    struct slice name = docker_cut(value, '=', &limits);
    if (limits == NULL)
        return false;
    struct slice soft_slice = docker_cut(limits, ':', &hard_text);
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
        struct slice part = docker_cut(rest, ',', &next);
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
    struct slice mode = docker_cut(value, ':', &rest), inside = docker_cut(rest, ':', &host);
    json_object(w);
    json_member_str(w, "Type", "bind");
    json_member_str(w, "Source", host);
    json_key(w, "Target");
    json_put_slice(w, inside);
    json_member_bool(w, "ReadOnly", slice_is(mode, "ro"));
    json_object_end(w);
}

bool docker_value_put(struct json_writer *w, const struct docker_parameter *p, const char *value)
{
    char port[32];
    int64_t number;
    bool on;
    switch (p->form) {
    case DOCKER_TEXT:
    case DOCKER_LIST:
    case DOCKER_ONE:
        json_put_str(w, value);
        return true;
    case DOCKER_NUMBER:
        if (!str_to_i64(value, &number))
            return false;
        json_put_int(w, number);
        return true;
    case DOCKER_SIZE:
        if (!docker_size(value, &number))
            return false;
        json_put_int(w, number);
        return true;
    case DOCKER_FLAG:
        if (!flag(value, &on))
            return false;
        json_put_bool(w, on);
        return true;
    case DOCKER_PAIRS:
        docker_pair_put(w, value, '=');
        return true;
    case DOCKER_TMPFS:
        docker_pair_put(w, value, ':');
        return true;
    case DOCKER_PORTS:
        json_key(w, docker_port_inside(value, port));
        json_object(w);
        json_object_end(w);
        return true;
    case DOCKER_DEVICE:
        put_device(w, value);
        return true;
    case DOCKER_ULIMIT:
        return put_ulimit(w, value);
    case DOCKER_MOUNT:
        return put_mount(w, value);
    case DOCKER_BIND:
        put_bind(w, value);
        return true;
    case DOCKER_IP:
        json_object(w);
        json_member_str(w, "IPv4Address", value);
        json_object_end(w);
        return true;
    case DOCKER_PUBLISH:
    case DOCKER_IGNORED:
        return true;
    }
    UNREACHABLE("a form without a case");
}

enum brackets { BARE, ARRAY, OBJECT };

static enum brackets brackets_of(enum docker_form form)
{
    switch (form) {
    case DOCKER_LIST:
    case DOCKER_ONE:
    case DOCKER_DEVICE:
    case DOCKER_ULIMIT:
    case DOCKER_MOUNT:
    case DOCKER_BIND:
        return ARRAY;
    case DOCKER_PAIRS:
    case DOCKER_TMPFS:
    case DOCKER_PORTS:
    case DOCKER_PUBLISH:
        return OBJECT;
    case DOCKER_TEXT:
    case DOCKER_NUMBER:
    case DOCKER_SIZE:
    case DOCKER_FLAG:
    case DOCKER_IP:
    case DOCKER_IGNORED:
        return BARE;
    }
    UNREACHABLE("a form without a case");
}

bool docker_is_scalar(const struct docker_parameter *p)
{
    return brackets_of(p->form) == BARE || p->form == DOCKER_ONE;
}

void docker_value_open(struct json_writer *w, const struct docker_parameter *p)
{
    enum brackets brackets = brackets_of(p->form);
    if (brackets == ARRAY)
        json_array(w);
    else if (brackets == OBJECT)
        json_object(w);
}

void docker_value_close(struct json_writer *w, const struct docker_parameter *p)
{
    enum brackets brackets = brackets_of(p->form);
    if (brackets == ARRAY)
        json_array_end(w);
    else if (brackets == OBJECT)
        json_object_end(w);
}

/* ---- what is given */

static const struct docker_parameter *parameter_of(const char *key)
{
    for (size_t i = 0; i < docker_parameters_n; i++)
        if (docker_parameters[i].form != DOCKER_BIND &&
            docker_parameter_is(&docker_parameters[i], key))
            return &docker_parameters[i];
    return NULL;
}

/* It is one that can be written. */
static bool is_value(const struct docker_parameter *p, const char *value)
{
    struct buf written;
    struct json_writer w;
    buf_init(&written, LIMIT_BODY_BYTES);
    json_begin(&w, &written);
    docker_value_open(&w, p);
    bool is = docker_value_put(&w, p, value);
    buf_close(&written);
    return is;
}

int docker_parameter_check(const char *key, const char *value, struct error *err)
{
    char got[96];
    const struct docker_parameter *p = parameter_of(key);
    if (str_eq(key, "name"))
        return error_set(err, ERR_INVALID,
                         "docker parameter name: containers get names of their own here: "
                         "leave it out");
    if (p == NULL)
        return error_set(err, ERR_INVALID,
                         "docker parameter %s: none that is handed to the container engine here: "
                         "leave it out",
                         str_quote(got, sizeof(got), key, strlen(key)));
    if (!is_value(p, value))
        return error_set(err, ERR_INVALID, "docker parameter %s: got %s, which is no value for it",
                         key, str_quote(got, sizeof(got), value, strlen(value)));
    return 0;
}
