/* lib/model/app.h - an app: what Marathon's users ask to have running (spec/marathon.md 4).
 *
 * Foreign JSON of any age comes in by app_parse and app_patch, which default, normalize (4.5) and
 * check (4.6), so a struct app that they filled is canonical and right in itself; what needs the
 * rest of the cluster (is the id free, do the dependencies form a cycle, is a secret's source
 * there) is the state's to check. app_write prints the canonical form (4.2); that text is also
 * what the state stores, and app_load reads it back to the same struct.
 * One arena in the struct owns everything in it; strings live until app_close. Pure. */
#pragma once

#include <math.h>

#include "base/problems.h"
#include "base/time.h"
#include "model/constraint.h"
#include "model/id.h"
#include "model/resources.h"
#include "model/value.h"

/* ---- the parts */

enum app_network_mode { APP_NETWORK_HOST, APP_NETWORK_BRIDGE, APP_NETWORK_CONTAINER };

struct app_network {
    enum app_network_mode mode;
    const char *name; /* container mode: always there; else NULL */
    struct pairs labels;
};

enum port_protocol { PORT_TCP, PORT_UDP, PORT_UDP_TCP };

struct app_port { /* portDefinitions; host networking only */
    int64_t port; /* the service port; 0: to be assigned */
    enum port_protocol protocol;
    const char *name; /* or NULL */
    struct pairs labels;
};

struct app_mapping {        /* container.portMappings; never with host networking */
    int64_t container_port; /* 0: same as the host port */
    int64_t host_port;      /* 0: any; NOT_GIVEN: none */
    int64_t service_port;   /* 0: to be assigned */
    enum port_protocol protocol;
    const char *name; /* or NULL */
    struct pairs labels;
    struct strings network_names;
};

struct app_mappings {
    struct app_mapping *items;
    size_t n;
};

struct app_pull_config {
    const char *secret;
};

struct app_docker { /* the image, whichever containerizer runs it */
    const char *image;
    bool force_pull, privileged;
    struct pairs parameters;             /* names may repeat: --name value */
    struct app_pull_config *pull_config; /* or NULL */
    /* input only: gone once normalized */
    const char *legacy_network;
    struct app_mappings legacy_mappings;
};

enum disk_type { DISK_ROOT, DISK_PATH, DISK_MOUNT };

struct app_persistent {
    int64_t size_mib, max_size_mib; /* max: NOT_GIVEN without */
    enum disk_type type;
    const char *profile; /* or NULL */
    struct constraints constraints;
};

struct app_external {
    const char *name, *provider;
    int64_t size_gib; /* or NOT_GIVEN */
    struct pairs options;
    bool shared;
};

enum volume_mode { VOLUME_NO_MODE, VOLUME_RO, VOLUME_RW };

struct app_volume { /* exactly one of the four kinds */
    const char *container_path;
    enum volume_mode mode;
    const char *host_path;
    struct app_persistent *persistent;
    struct app_external *external;
    const char *secret;
};

enum container_type { CONTAINER_DOCKER, CONTAINER_MESOS };

struct app_container {
    enum container_type type;
    struct app_docker *docker; /* or NULL; always there for CONTAINER_DOCKER */
    struct {
        struct app_volume *items;
        size_t n;
    } volumes;
    struct app_mappings mappings;
    const char *linux_info; /* JSON text as given, or NULL */
};

struct app_fetch {
    const char *uri;
    bool extract, executable, cache;
    const char *dest_path; /* or NULL */
};

enum app_check_protocol {
    APP_CHECK_HTTP,
    APP_CHECK_HTTPS,
    APP_CHECK_TCP,
    APP_CHECK_COMMAND,
    APP_CHECK_MESOS_HTTP,
    APP_CHECK_MESOS_HTTPS,
    APP_CHECK_MESOS_TCP,
};

enum ip_protocol { IP_V4, IP_V6 };
enum app_scheme { APP_SCHEME_HTTP, APP_SCHEME_HTTPS };

struct app_command {
    const char *value;
};

struct app_health_check {
    enum app_check_protocol protocol;
    const char *path;   /* or NULL: "/" */
    int64_t port_index; /* or NOT_GIVEN */
    int64_t port;       /* wins over port_index; or NOT_GIVEN */
    struct app_command *command;
    int64_t grace_s, interval_s, timeout_s, delay_s;
    int64_t max_failures; /* 0: never kill */
    bool ignore_1xx;
    enum ip_protocol ip;
};

struct app_check_http {       /* of the generic check */
    int64_t port_index, port; /* or NOT_GIVEN */
    const char *path;
    enum app_scheme scheme;
};

struct app_check_tcp {
    int64_t port_index, port;
};

struct app_check_exec {
    struct app_command *command;
};

struct app_check { /* informs only; exactly one of the three */
    struct app_check_http *http;
    struct app_check_tcp *tcp;
    struct app_check_exec *exec;
    int64_t interval_s, timeout_s, delay_s;
};

struct app_readiness {
    const char *name, *path, *port_name;
    enum app_scheme protocol;
    bool preserve_last_response;
    int64_t interval_s, timeout_s;
    struct numbers ready_codes;
};

struct app_secret {
    const char *name, *source;
};

struct app_secrets {
    struct app_secret *items;
    size_t n;
};

struct app_unreachable {
    bool disabled;
    int64_t inactive_s, expunge_s;
};

struct app_residency {
    int64_t relaunch_timeout_s;
    enum task_lost_behavior { LOST_WAIT_FOREVER, LOST_RELAUNCH } task_lost;
};

struct app_amounts {        /* executorResources */
    double cpus, mem, disk; /* MiB; NOT_GIVEN */
};

#define UNLIMITED INFINITY
struct app_resource_limits {
    double cpus, mem; /* MiB; UNLIMITED; NOT_GIVEN */
};

enum kill_selection { KILL_YOUNGEST_FIRST, KILL_OLDEST_FIRST };
enum tty { TTY_NOT_GIVEN, TTY_OFF, TTY_ON };

/* Input forms of older Marathons; empty once normalized. */
struct app_ip_address {
    const char *network_name;
    struct pairs labels;
    struct {
        struct app_mapping *items;
        size_t n;
    } discovery_ports;
};

struct app_legacy {
    struct strings uris;
    struct numbers ports;
    struct app_ip_address *ip_address;
};

/* ---- the app */

struct pod;

struct app {
    const char *id;  /* absolute */
    struct pod *pod; /* NULL: not one (model/pod.h) */

    /* what runs: cmd, or args, or neither (then the image's own) */
    const char *cmd;
    struct strings args;
    const char *user;
    struct env_vars env;
    struct {
        struct app_fetch *items;
        size_t n;
    } fetch;
    struct app_container *container; /* or NULL */
    struct app_secrets secrets;
    enum tty tty;
    const char *executor;

    /* how many, and what each needs */
    int64_t instances;
    double cpus, mem, disk; /* as given (mem, disk in MiB), for output; to reckon with: app_needs */
    int64_t gpus;
    struct app_amounts *executor_resources; /* or NULL */
    struct app_resource_limits *limits;     /* or NULL */

    /* where */
    struct constraints constraints;
    struct strings accepted_roles;
    const char *role;

    /* network and ports */
    struct {
        struct app_network *items;
        size_t n; /* at least 1 */
    } networks;
    struct {
        struct app_port *items;
        size_t n;
    } port_definitions; /* host networking only */
    bool require_ports;

    /* is it well */
    struct {
        struct app_health_check *items;
        size_t n;
    } health_checks;
    struct {
        struct app_readiness *items;
        size_t n; /* at most 1 */
    } readiness_checks;
    struct app_check *check; /* or NULL */

    /* how it is changed */
    struct strings dependencies; /* absolute */
    struct {
        double minimum_health, maximum_over; /* each 0..1 */
    } upgrade;
    double backoff_s, backoff_factor;
    int64_t max_launch_delay_s;
    int64_t kill_grace_s; /* or NOT_GIVEN: the agent's default */
    enum kill_selection kill_selection;
    struct app_unreachable unreachable;
    struct app_residency *residency; /* or NULL: not resident */

    struct pairs labels;

    /* set by the server; .ms == 0: not yet */
    struct wall version, last_scaling, last_config_change;

    struct app_legacy legacy; /* input only: empty once normalized */
    /* private */
    struct arena arena;
};

/* ---- what the cluster's configuration says about apps */

enum app_feature {
    FEATURE_SECRETS = 1,
    FEATURE_EXTERNAL_VOLUMES = 2,
    FEATURE_GPU_RESOURCES = 4,
};

struct app_rules {
    const char *role;    /* "*" when NULL */
    const char *network; /* name that container networks get by default, or NULL */
    const char *bridge;  /* "mesos-bridge" when NULL */
    unsigned features;   /* enum app_feature */
    /* Is its name the role of all that is made in this top-level group? NULL: of none */
    bool (*enforces_role)(void *data, const char *group);
    void *data;
};

/* ---- beginning and ending */

/* A new app, or with `old` one that replaces it whole (partialUpdate=false). `id` is the path's,
 * which then wins, or NULL: the body's. `group` is what relative ids stand in ("/" for
 * /v2/apps). Relative dependencies too. Returns -1 with at least one problem, `out` untouched.
 * The version is not set: applying does that. Service ports of 0 stay 0:
 * app_assign_service_ports. */
int app_parse(const struct app_rules *rules, const struct json *body, const char *id,
              const char *group, const struct app *old, struct app *out,
              struct problems *problems) MUST_CHECK;
/* Partial update (3.5): what `patch` has and is not null replaces that member whole. */
int app_patch(const struct app_rules *rules, const struct json *patch, const char *group,
              const struct app *old, struct app *out, struct problems *problems) MUST_CHECK;
/* Is this update a rollback, {"version": …} and perhaps "id"? 1: yes, to *version_out; 0: no (a
 * version beside other members is ignored when it is old's); -1: with a problem. */
int app_wants_version(const struct json *patch, const struct app *old, struct wall *version_out,
                      struct problems *problems) MUST_CHECK;
/* From what app_write wrote. ERR_CORRUPT. Does not check the rules again. */
int app_load(struct slice stored, struct app *out, struct error *err) MUST_CHECK;
void app_copy(const struct app *from, struct app *out);
void app_close(struct app *a); /* accepts a zeroed struct */

/* ---- text */

/* Canonical form, one object; versionInfo only when last_scaling is set. */
void app_write(const struct app *a, struct json_writer *w);
/* For app_load alone: without what is by default, which therefore may never change. Half as long.
 */
void app_write_lean(const struct app *a, struct json_writer *w);
void app_write_health_check(const struct app_health_check *c, struct json_writer *w);

const char *port_protocol_word(enum port_protocol p); /* "udp,tcp" */

/* ---- change */

enum app_change { APP_SAME, APP_SCALED, APP_CHANGED };
/* What of the definition differs (4.7): nothing, only `instances`, or more. Versions do not
 * count, nor does the order of sets. */
enum app_change app_compare(const struct app *a, const struct app *b);

void app_set_instances(struct app *a, int64_t instances);
/* May `old` become `now`? Where persistent volumes lie, what they need there stays as it is (4.6);
 * the role too, unless it is forced. */
void app_check_update(const struct app *old, struct app *now, bool force,
                      struct problems *problems);

/* ---- ports (7.2): one view over definitions and mappings */

struct app_port_view {
    const char *name; /* or NULL */
    enum port_protocol protocol;
    const struct pairs *labels;
    int64_t service_port;   /* 0: not assigned yet */
    int64_t host_port;      /* exactly this one; 0: any; NOT_GIVEN: none */
    int64_t container_port; /* 0: same as the host port; NOT_GIVEN with host networking */
};

enum app_network_mode app_networking(const struct app *a);
size_t app_port_count(const struct app *a);
struct app_port_view app_port(const struct app *a, size_t i);
int64_t app_service_port(const struct app *a, size_t i);
/* How many host ports a task needs that may be any; those that must be exact are put into `fixed`
 * (owned by the caller: ports_close). */
size_t app_host_ports_needed(const struct app *a, struct ports *fixed);

#define SERVICE_PORT_MIN 10000
#define SERVICE_PORT_MAX 20000
struct service_ports { /* who has a service port, in the old and in the new cluster */
    void *data;
    bool (*taken)(void *data, int64_t port);
    int64_t min, max; /* both ends belong to the range */
};
/* 7.3: each 0 gets one of old's (NULL: none) or the lowest that is free. ERR_UNAVAILABLE when the
 * range is exhausted, `a` untouched. */
int app_assign_service_ports(struct app *a, const struct app *old,
                             const struct service_ports *range, struct error *err) MUST_CHECK;

/* ---- what a task of it needs and sees */

/* Processors, memory, disk and gpus, executorResources included; ports are not in it. */
struct resources app_needs(const struct app *a);
bool app_is_resident(const struct app *a);
/* The i-th persistent volume: what it is called, of an app where its tasks find it, and how much
 * disk it takes. False: there is none. */
struct app_kept {
    const char *path;
    int64_t bytes;
};
bool app_kept_volume(const struct app *a, size_t i, struct app_kept *out);
int64_t app_backoff_ms(const struct app *a);

struct app_task_port { /* one for each port of the app, in order */
    int64_t host;      /* the host port; 0: none */
    int64_t container; /* the container port; generated when it was 0 and there is no host port */
};

struct app_task {
    const char *task_id;
    const char *host;                  /* the agent's host name */
    const struct app_task_port *ports; /* app_port_count() of them */
    bool enforce_role;                 /* of the app's top group */
    const char *prefix;                /* of HOST and the PORT family; NULL: none */
};
/* 7.4, in order, each name once: a later one has replaced an earlier one. Variables that are
 * secrets have no value. `out` and what it points to live in `arena` and in the inputs. */
void app_task_env(const struct app *a, const struct app_task *t, struct arena *arena,
                  struct env_vars *out);
