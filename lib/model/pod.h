/* lib/model/pod.h - a pod: several containers that are placed, scaled and replaced as one
 * (spec/marathon.md 13).
 *
 * A pod is an app of another kind: pod_parse fills a struct app whose `pod` says what only pods
 * have, and whose other members (instances, upgrade, backoff, constraints, networks, …) are what
 * the pod means in an app's words, so that whoever scales and upgrades apps does so with pods.
 * app_load, app_write, app_compare and app_needs know both kinds. One instance has a task a
 * container. Pure. */
#pragma once

#include "model/app.h"

struct pod_command { /* exactly one of the two */
    const char *shell;
    struct strings argv;
};

struct pod_exec {
    struct pod_command command;
    bool override_entrypoint;
};

struct pod_image {
    enum pod_image_kind { POD_IMAGE_DOCKER } kind;
    const char *id;
    bool force_pull;
    struct app_pull_config *pull_config; /* or NULL */
};

struct pod_endpoint {
    const char *name;
    int64_t container_port; /* NOT_GIVEN with host networking */
    int64_t host_port;      /* 0: any; NOT_GIVEN: none */
    struct strings protocols;
    struct pairs labels;
    struct strings network_names;
};

struct pod_check_http {
    const char *endpoint, *path;
    enum app_scheme scheme;
};

struct pod_check_tcp {
    const char *endpoint;
};

struct pod_check_exec {
    struct pod_command command;
};

struct pod_check { /* a health check, or one that only informs; exactly one of the three */
    struct pod_check_http *http;
    struct pod_check_tcp *tcp;
    struct pod_check_exec *exec;
    int64_t grace_s, interval_s, timeout_s, delay_s;
    int64_t max_failures; /* 0: never kill */
};

struct pod_mount {
    const char *name, *path;
    bool read_only;
};

struct pod_resources {
    double cpus, mem, disk; /* MiB */
    int64_t gpus;
};

struct pod_lifecycle {
    double kill_grace_s; /* or NOT_GIVEN */
};

struct pod_container {
    const char *name;
    struct pod_resources resources;
    struct pod_exec *exec;   /* or NULL: the image's own */
    struct pod_image *image; /* or NULL: a plain process */
    struct {
        struct pod_endpoint *items;
        size_t n;
    } endpoints;
    struct env_vars env;
    const char *user;
    struct pod_check *health, *check; /* or NULL */
    struct {
        struct pod_mount *items;
        size_t n;
    } mounts;
    struct {
        struct app_fetch *items;
        size_t n;
    } artifacts;
    struct pairs labels;
    struct pod_lifecycle *lifecycle;    /* or NULL */
    struct app_resource_limits *limits; /* or NULL */
    enum tty tty;
    const char *linux_info; /* JSON text as given, or NULL */
};

struct pod_volume { /* neither host, persistent nor secret: a folder of the instance */
    const char *name;
    const char *host;
    struct app_persistent *persistent; /* or NULL */
    const char *secret;
};

struct pod {
    const char *id;
    struct {
        struct pod_container *items;
        size_t n;
    } containers;
    struct pairs labels;
    struct env_vars env;
    struct app_secrets secrets;
    const char *user;
    struct {
        struct pod_volume *items;
        size_t n;
    } volumes;
    struct {
        struct app_network *items;
        size_t n;
    } networks; /* empty: host */
    struct pod_scaling {
        enum pod_scaling_kind { POD_SCALING_FIXED } kind;
        int64_t instances;
    } scaling;
    struct pod_scheduling {
        struct pod_backoff {
            double backoff_s, factor;
            int64_t max_delay_s;
        } backoff;
        struct pod_upgrade {
            double minimum_health, maximum_over;
        } upgrade;
        struct pod_placement {
            struct constraints constraints;
            struct strings accepted_roles;
        } placement;
        enum kill_selection kill_selection;
        struct app_unreachable unreachable;
    } scheduling;
    struct pod_amounts {
        double cpus, mem, disk;
    } executor;
    const char *role;
    const char *linux_info; /* JSON text as given, or NULL */
    bool legacy_shared_cgroups;
};

/* A whole pod, new or in the place of `old`; an app's rules of ids (app_parse). There is no
 * partial update. Returns -1 with at least one problem, `out` untouched. */
int pod_parse(const struct app_rules *rules, const struct json *body, const char *group,
              const struct app *old, struct app *out, struct problems *problems) MUST_CHECK;

/* Of either kind: does a health check look at this task, or at any? */
bool app_task_has_check(const struct app *a, const char *task_name);
bool app_has_checks(const struct app *a);

/* Is this stored definition a pod's? Looks at its first members only. */
bool pod_is_stored(struct slice definition);

/* ---- what an instance of it needs and sees */

enum app_network_mode pod_networking(const struct pod *p);
/* What the i-th task holds: its container's amounts, the first one's the executor's too; ports are
 * not in it. Their sum is app_needs(). */
struct resources pod_task_needs(const struct pod *p, size_t container);
struct resources pod_container_needs(const struct pod_container *c); /* its own alone */
/* The container that a task of that name runs; NULL: none of this version. */
const struct pod_container *pod_container_of(const struct pod *p, const char *task_name);
bool pod_has_image(const struct pod *p);
/* A command as one that /bin/sh understands; in the arena. */
const char *pod_shell(const struct pod_command *c, struct arena *arena);

struct pod_task {
    const char *task_id, *instance_id, *host;
    const struct pod_container *container;
    bool enforce_role;         /* of the pod's top group */
    const int64_t *host_ports; /* one for each endpoint of the pod, in order; 0: none */
};
/* 13.2, each name once: a later one has replaced an earlier one. Variables that are secrets have no
 * value. */
void pod_task_env(const struct app *a, const struct pod_task *t, struct arena *arena,
                  struct env_vars *out);
