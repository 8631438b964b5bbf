/* lib/api/marathon/private.h - what the files of Marathon's doors share (spec/marathon.md). */
#pragma once

#include "api/door.h"
#include "api/marathon/changes.h"
#include "model/mesos_id.h"

/* ---------------- errors.c: answers of 1.6 */

void marathon_fail(struct call *c, const struct error *err, const struct problems *problems,
                   const struct json *detail);
/* {"message": …} with a status of its own. */
void marathon_message(struct call *c, int status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The body as JSON: NULL after having failed the call. Borrowed from the call. */
const struct json *marathon_body(struct call *c);

/* ---------------- answer.c: what many doors answer with */

/* The {id...} of the path, absolute. False when no app can have it; then `out` is what to name it
 * by. */
bool marathon_path_id(const struct call *c, char out[ID_SIZE]);
/* The app of the path; false after having failed the call. */
bool marathon_path_app(struct call *c, struct app_row *out);
void marathon_no_app(struct call *c, const char *path);
void marathon_no_group(struct call *c, const char *path);
/* The group of the path, the root without {id...}; false after having failed the call. */
bool marathon_path_group(struct call *c, char out[ID_SIZE]);

/* 1.9: {"version", "deploymentId"} and its header. */
void marathon_result(struct call *c, int status, struct wall version, const char *deployment);
void marathon_outcome(struct tell *t, int status, const struct outcome *o);
/* What a tell answers when it is done: 200; 201 with the Location of what marathon_keep() named. */
outcome_fn marathon_done, marathon_created;
void marathon_keep(struct tell *t, const char *id);
/* Location: the id against the server's base. */
void marathon_location(struct call *c, const char *id);
void marathon_time(struct json_writer *w, const char *name, struct wall version);
struct wall marathon_later(struct wall a, struct wall b); /* of the two */

/* ---------------- show.c: apps and tasks as clients see them */

enum embed { /* 1.10; bits */
             EMBED_COUNTS = 1,
             EMBED_DEPLOYMENTS = 2,
             EMBED_TASKS = 4,
             EMBED_READINESS = 8,
             EMBED_FAILURE = 16,
             EMBED_STATS = 32,
             EMBED_GROUPS = 64,
             EMBED_GROUP_APPS = 128,
             EMBED_PODS = 256,
};
unsigned marathon_embed(const struct query *q);

/* What the parts of one answer share; looked up when first needed. */
struct show {
    const struct view *view;
    struct state *state;
    unsigned embed;
    /* private */
    struct agent_name {
        int64_t id;
        char *hostname, *address, *region, *zone; /* the last two may be NULL */
    } * agents;                                   /* by id */
    size_t agents_n;
    bool agents_read;
    struct deployment_name {
        int64_t id;
        char uuid[UUID_TEXT_SIZE];
    } * deployments; /* by id */
    size_t deployments_n;
    bool deployments_read;
};
void show_init(struct show *s, const struct view *view, unsigned embed);
void show_close(struct show *s);

/* One object: the definition, its versions, and what is embedded. */
void show_app(struct show *s, const struct app_row *a, struct json_writer *w);
/* The definition with its version alone, inside an open object. */
void show_definition(const struct app_row *a, struct json_writer *w);
void show_version_info(struct wall scaling, struct wall config, struct json_writer *w);
/* The same of a version that is kept; nothing, where what would tell is not kept any more. */
void marathon_put_times(struct state *s, int64_t app, struct wall version, struct json_writer *w);
/* The newest tasks of residents that do not run, which are listed although they have ended (6.1);
 * NULL: none. */
struct stmt *show_idle(struct show *s, const struct app_row *a);
/* "localVolumes" of an instance; 0: none. */
void show_volumes(struct state *s, const char *app, int64_t instance, struct json_writer *w);
/* `service_ports`: a JSON array for this task; NULL: []. */
void show_task(struct show *s, const struct app_row *a, const struct task_row *t,
               const char *service_ports, struct json_writer *w);
/* "readinessCheckResults" of the instances that a deployment of that version has started; none of
 * app 0. */
void show_readiness(struct state *s, int64_t app, struct wall since, struct json_writer *w);
const char *show_hostname(struct show *s, int64_t agent); /* "" for one that is not there */
const char *show_address(struct show *s, int64_t agent);
/* "ipAddresses" of a task: one, or none for "". */
void show_ip_addresses(const char *address, struct json_writer *w);
const char *slave_id(const struct view *view, int64_t agent, char dst[MESOS_ID_SIZE]);
/* "web.instance-<uuid>" of "web.instance-<uuid>._app.1", or of a container's. */
struct slice instance_of(const char *task_name);
/* What Marathon calls a state (6.6): "TASK_RUNNING", "Running". */
const char *marathon_task_status(enum task_state state);
const char *marathon_task_condition(enum task_state state);

/* ---- queue.c */
struct apps_kept; /* scheduler/apps/apps.h */
/* How many instances of it wait to be launched. */
int64_t marathon_waiting(const struct view *view, const struct app_row *row, const struct app *a,
                         struct apps_kept *kept);

/* ---- tasks.c */
bool marathon_wipes(const struct tell *t); /* it is to give up data */
/* Has the task not ended yet, or is it a resident's whose data is to go? */
bool marathon_can_end(struct tell *t, const struct task_row *task);

/* ---- pod_show.c: each an object */
void show_pod(const struct app_row *a, struct json_writer *w);
void show_pod_status(struct show *s, const struct app_row *row, struct json_writer *w);
/* The one of this task. False: what it was started with is not kept any more. */
bool show_pod_instance(struct show *s, const struct app_row *row, const struct task_row *task,
                       struct json_writer *w);

/* ---------------- info.c */

#define MARATHON_NO_LEADER "There is no leader" /* 14.4 */
/* Marathon's options, as members (14.10). */
void marathon_put_options(const struct facts *f, struct json_writer *w);

/* ---------------- subscriptions.c */

const char *marathon_callback_event(bool wanted); /* its type */

/* ---------------- doors */

ask_fn marathon_ask_apps, marathon_ask_app, marathon_ask_glob, marathon_ask_app_versions,
    marathon_ask_app_version;
tell_fn marathon_post_app, marathon_put_app, marathon_patch_app, marathon_put_apps,
    marathon_patch_apps, marathon_delete_app, marathon_restart_app;
ask_fn marathon_ask_tasks, marathon_ask_app_tasks, marathon_ask_glob_tasks;
tell_fn marathon_delete_app_tasks, marathon_delete_app_task, marathon_post_tasks_delete;
ask_fn marathon_ask_deployments;
tell_fn marathon_delete_deployment;
ask_fn marathon_ask_queue;
tell_fn marathon_delete_delay;
ask_fn marathon_ask_pods, marathon_ask_pods_status, marathon_ask_pod;
tell_fn marathon_post_pod, marathon_put_pod, marathon_delete_pod;
ask_fn marathon_ask_group, marathon_ask_group_apps, marathon_ask_group_versions,
    marathon_ask_group_version;
tell_fn marathon_post_group, marathon_put_group, marathon_put_group_version, marathon_patch_group,
    marathon_delete_group;
ask_fn marathon_ask_ping, marathon_ask_info, marathon_ask_leader, marathon_ask_events;
tell_fn marathon_delete_leader;
ask_fn marathon_ask_plugins, marathon_ask_plugin;
ask_fn marathon_ask_metrics, marathon_ask_prometheus;
ask_fn marathon_ask_logging, marathon_post_logging, marathon_ask_config;
ask_fn marathon_ask_subscriptions;
tell_fn marathon_post_subscription, marathon_delete_subscription;

/* Of each app and pod in a group, at any depth ("/": of all). */
struct stmt *marathon_apps_within(struct state *s, const char *group);
/* The next that is no pod. */
bool marathon_app_next(struct stmt *q, struct app_row *out);
/* The bare array of an app's or a pod's versions. */
void marathon_put_versions(struct state *s, int64_t app, struct json_writer *w);
