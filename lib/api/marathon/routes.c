/* Marathon's doors, a row each (spec/marathon.md 2), and what every answer of theirs carries. */
#include <string.h>
#include <strings.h>

#include "api/marathon/private.h"
#include "base/limits.h"
#include "base/str.h"

/* What they answer with (1.7): most with the first alone, some with what they please. */
static const char *const types[] = {"application/json", "text/plain"};
enum { JSON = 1, JSON_OR_TEXT = 2, ANYTHING = 0 };

#define ASK_AS(types_, method_, pattern_, right_, kind_, ask_, about_)                           \
    {                                                                                            \
        .method = METHOD_##method_, .pattern = pattern_, .right = MAY_##right_,                  \
        .kind = DOOR_##kind_, .ask = ask_, .about = about_, .types = types, .types_n = (types_), \
    }
#define ASK(...) ASK_AS(JSON, __VA_ARGS__)
#define TELL(method_, pattern_, right_, tell_, about_)                                             \
    {                                                                                              \
        .method = METHOD_##method_, .pattern = pattern_, .right = MAY_##right_, .kind = DOOR_TELL, \
        .tell = tell_, .about = about_, .types = types, .types_n = JSON                            \
    }

#define PLUGIN(method_)                                                        \
    ASK(method_, "/v2/plugins/{id}/{path...}", VIEW, ASK, marathon_ask_plugin, \
        "Says that there is no such plugin")

static const struct door doors[] = {
    ASK_AS(ANYTHING, GET, "/ping", NOTHING, ASK, marathon_ask_ping, "Says pong"),
    ASK(GET, "/v2/info", VIEW, ASK, marathon_ask_info, "What this server is, and its settings"),
    ASK(GET, "/v2/leader", VIEW, ASK, marathon_ask_leader, "Where the leader is"),
    {.method = METHOD_DELETE,
     .pattern = "/v2/leader",
     .right = MAY_ADMIN,
     .kind = DOOR_TELL,
     .tell = marathon_delete_leader,
     .about = "Has another node lead",
     .types = types,
     .types_n = JSON,
     .no_leader_status = 404,
     .no_leader = MARATHON_NO_LEADER},
    ASK(GET, "/metrics", VIEW, ASK, marathon_ask_metrics, "Numbers"),
    ASK_AS(ANYTHING, GET, "/metrics/prometheus", VIEW, ASK, marathon_ask_prometheus,
           "The same as Prometheus reads them"),
    ASK(GET, "/logging", VIEW, ASK, marathon_ask_logging, "How much this node logs"),
    ASK(POST, "/logging", ADMIN, ASK, marathon_post_logging,
        "Has it log more or less, for a while or for good"),
    ASK(GET, "/config", VIEW, ASK, marathon_ask_config, "Marathon's options as they are here"),
    ASK(GET, "/v2/plugins", VIEW, ASK, marathon_ask_plugins, "Says that there are no plugins"),
    PLUGIN(GET),
    PLUGIN(POST),
    PLUGIN(PUT),
    PLUGIN(PATCH),
    PLUGIN(DELETE),

    ASK(GET, "/v2/apps", VIEW, ASK, marathon_ask_apps, "Lists apps"),
    TELL(POST, "/v2/apps", DEPLOY, marathon_post_app, "Creates an app"),
    TELL(PUT, "/v2/apps", DEPLOY, marathon_put_apps, "Changes or creates several apps at once"),
    TELL(PATCH, "/v2/apps", DEPLOY, marathon_patch_apps, "Changes several apps at once"),
    ASK(GET, "/v2/apps/*", VIEW, ASK, marathon_ask_glob, "Lists all apps"),
    ASK(GET, "/v2/apps/{id...}/*", VIEW, ASK, marathon_ask_glob, "Lists the apps of a group"),
    ASK(GET, "/v2/apps/{id...}", VIEW, ASK_LINEAR, marathon_ask_app, "Shows an app"),
    TELL(PUT, "/v2/apps/{id...}", DEPLOY, marathon_put_app, "Changes or creates an app"),
    TELL(PATCH, "/v2/apps/{id...}", DEPLOY, marathon_patch_app, "Changes an app"),
    TELL(DELETE, "/v2/apps/{id...}", DEPLOY, marathon_delete_app, "Deletes an app"),
    TELL(POST, "/v2/apps/{id...}/restart", DEPLOY, marathon_restart_app,
         "Replaces all tasks of an app"),
    ASK(GET, "/v2/apps/{id...}/versions", VIEW, ASK_LINEAR, marathon_ask_app_versions,
        "Lists an app's versions"),
    ASK(GET, "/v2/apps/{id...}/versions/{version}", VIEW, ASK_LINEAR, marathon_ask_app_version,
        "Shows one version of an app"),

    ASK(GET, "/v2/apps/*/tasks", VIEW, ASK, marathon_ask_glob_tasks, "Lists the tasks of all apps"),
    ASK(GET, "/v2/apps/{id...}/*/tasks", VIEW, ASK, marathon_ask_glob_tasks,
        "Lists the tasks of a group"),
    ASK_AS(JSON_OR_TEXT, GET, "/v2/apps/{id...}/tasks", VIEW, ASK_LINEAR, marathon_ask_app_tasks,
           "Lists an app's tasks"),
    TELL(DELETE, "/v2/apps/{id...}/tasks", DEPLOY, marathon_delete_app_tasks,
         "Kills tasks of an app"),
    TELL(DELETE, "/v2/apps/{id...}/tasks/{task}", DEPLOY, marathon_delete_app_task, "Kills a task"),
    ASK_AS(JSON_OR_TEXT, GET, "/v2/tasks", VIEW, ASK, marathon_ask_tasks,
           "Lists tasks, as JSON or as text for proxies"),
    TELL(POST, "/v2/tasks/delete", DEPLOY, marathon_post_tasks_delete, "Kills tasks by their ids"),

    ASK(GET, "/v2/deployments", VIEW, ASK, marathon_ask_deployments, "Lists running deployments"),
    TELL(DELETE, "/v2/deployments/{id}", DEPLOY, marathon_delete_deployment,
         "Rolls a deployment back, or cancels it"),

    ASK(GET, "/v2/queue", VIEW, ASK, marathon_ask_queue,
        "Lists what waits to be launched, and why"),
    TELL(DELETE, "/v2/queue/{id...}/delay", DEPLOY, marathon_delete_delay,
         "Drops an app's backoff"),

    ASK(GET, "/v2/pods", VIEW, ASK, marathon_ask_pods, "Lists pods; HEAD says that there are such"),
    TELL(POST, "/v2/pods", DEPLOY, marathon_post_pod, "Creates a pod"),
    ASK(GET, "/v2/pods::status", VIEW, ASK, marathon_ask_pods_status, "Shows how all pods are"),
    ASK(GET, "/v2/pods/{id...}", VIEW, ASK_LINEAR, marathon_ask_pod,
        "Shows a pod, its ::status, its ::versions or one of them"),
    TELL(PUT, "/v2/pods/{id...}", DEPLOY, marathon_put_pod, "Changes a pod"),
    TELL(DELETE, "/v2/pods/{id...}", DEPLOY, marathon_delete_pod,
         "Deletes a pod, or kills its ::instances"),

    ASK(GET, "/v2/groups", VIEW, ASK, marathon_ask_group, "Shows the root group"),
    ASK(GET, "/v2/groups/{id...}", VIEW, ASK_LINEAR, marathon_ask_group, "Shows a group"),
    ASK(GET, "/v2/groups/{id...}/apps", VIEW, ASK, marathon_ask_group_apps,
        "Lists the apps of a group"),
    ASK(GET, "/v2/groups/versions", VIEW, ASK_LINEAR, marathon_ask_group_versions,
        "Lists the versions of the whole tree"),
    ASK(GET, "/v2/groups/{id...}/versions", VIEW, ASK_LINEAR, marathon_ask_group_versions,
        "Lists a group's versions"),
    ASK(GET, "/v2/groups/versions/{version}", VIEW, ASK_LINEAR, marathon_ask_group_version,
        "Shows the whole tree as it was"),
    ASK(GET, "/v2/groups/{id...}/versions/{version}", VIEW, ASK_LINEAR, marathon_ask_group_version,
        "Shows a group as it was"),
    TELL(POST, "/v2/groups", DEPLOY, marathon_post_group, "Creates a group with all that is in it"),
    TELL(POST, "/v2/groups/{id...}", DEPLOY, marathon_post_group, "Creates a group in a group"),
    TELL(PUT, "/v2/groups", DEPLOY, marathon_put_group, "Changes or creates a group as a whole"),
    TELL(PUT, "/v2/groups/{id...}", DEPLOY, marathon_put_group,
         "Changes, scales or rolls back a group as a whole"),
    TELL(PUT, "/v2/groups/versions/{version}", DEPLOY, marathon_put_group_version,
         "Rolls the whole tree back"),
    TELL(PUT, "/v2/groups/{id...}/versions/{version}", DEPLOY, marathon_put_group_version,
         "Rolls a group back"),
    TELL(PATCH, "/v2/groups/{id...}", DEPLOY, marathon_patch_group,
         "Says whether a group's role is enforced"),
    TELL(DELETE, "/v2/groups", DEPLOY, marathon_delete_group, "Deletes everything"),
    TELL(DELETE, "/v2/groups/{id...}", DEPLOY, marathon_delete_group,
         "Deletes a group with all that is in it"),

    ASK_AS(ANYTHING, GET, "/v2/events", VIEW, STREAM, marathon_ask_events, "Streams events"),
    ASK(GET, "/v2/eventSubscriptions", VIEW, ASK, marathon_ask_subscriptions,
        "Lists the URLs that events are posted to"),
    TELL(POST, "/v2/eventSubscriptions", DEPLOY, marathon_post_subscription,
         "Has events posted to a URL"),
    TELL(DELETE, "/v2/eventSubscriptions", DEPLOY, marathon_delete_subscription,
         "Has them posted there no more"),
};

static const struct {
    const char *name, *value;
} headers[] = {
    {"Cache-Control", "no-cache, no-store, must-revalidate"},
    {"Pragma", "no-cache"},
    {"Expires", "0"},
    {"X-Frame-Options", "DENY"},
    {"X-XSS-Protection", "1; mode=block"},
};

/* CORS (1.2), and what a browser means to send. */
static void allow_origin(struct call *c)
{
    static const char asks[] = "Access-Control-Request-Headers";
    struct buf *out = &c->reply->headers, names;
    struct slice name, value;
    size_t at = 0;
    buf_init(&names, LIMIT_HEADER_BYTES);
    while (header_each(c->request->headers, &at, &name, &value))
        if (name.len == strlen(asks) && strncasecmp(name.p, asks, name.len) == 0)
            buf_printf(&names, "%s%.*s", names.len > 0 ? ", " : "", (int)value.len, value.p);
    header_put(out, "Access-Control-Allow-Origin", c->view->facts->allow_origin);
    header_put_slice(out, "Access-Control-Allow-Headers", buf_slice(&names));
    buf_close(&names);
    header_put(out, "Access-Control-Allow-Methods", "GET, HEAD, OPTIONS");
    header_put(out, "Access-Control-Max-Age", "86400");
}

/* 1.2. What is answered from this replica says how far that is. */
static void dress(struct call *c)
{
    struct buf *out = &c->reply->headers;
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
        header_put(out, headers[i].name, headers[i].value);
    if (c->door != NULL && c->door->kind == DOOR_ASK)
        header_printf(out, "X-Mesolith-Index", "%llu", (unsigned long long)c->view->index);
    if (c->view->facts->allow_origin != NULL)
        allow_origin(c);
    call_name_leader(c);
}

static void repeated(struct tell *t, const struct outcome *o)
{
    marathon_outcome(t, 200, o);
}

const struct dialect marathon_dialect = {
    .name = "marathon",
    .doors = doors,
    .n = sizeof doors / sizeof doors[0],
    .dress = dress,
    .fail = marathon_fail,
    .no_leader_status = 502,
    .via = "X-Marathon-Via",
    .repeated = repeated,
};
