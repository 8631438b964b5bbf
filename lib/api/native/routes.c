/* Our own API's doors: a row each. Held to openapi.json by a test. */
#include "api/native/private.h"

#define REST "/api/{rest...}"

#define ASK(pattern, right, fn, about)                           \
    {                                                            \
        METHOD_GET, pattern, right, DOOR_ASK, {.ask = fn}, about \
    }
#define LINEAR(pattern, right, fn, about)                               \
    {                                                                   \
        METHOD_GET, pattern, right, DOOR_ASK_LINEAR, {.ask = fn}, about \
    }
#define TELL(method, pattern, right, fn, about)                         \
    {                                                                   \
        METHOD_##method, pattern, right, DOOR_TELL, {.tell = fn}, about \
    }

static const struct door doors[] = {
    ASK("/api/status", MAY_VIEW, native_ask_status, "The cluster at a glance"),

    ASK("/api/apps", MAY_VIEW, native_ask_apps, "All apps"),
    TELL(POST, "/api/apps", MAY_DEPLOY, native_post_app, "Create an app"),
    LINEAR("/api/apps/{id}", MAY_VIEW, native_ask_app, "One app and all about it"),
    TELL(PUT, "/api/apps/{id}", MAY_DEPLOY, native_put_app, "Change an app, or create it"),
    TELL(DELETE, "/api/apps/{id}", MAY_DEPLOY, native_delete_app, "Delete an app"),
    TELL(POST, "/api/apps/{id}/scale", MAY_DEPLOY, native_scale_app, "Set how many instances run"),
    TELL(POST, "/api/apps/{id}/restart", MAY_DEPLOY, native_restart_app, "Replace all instances"),
    LINEAR("/api/apps/{id}/versions/{version}", MAY_VIEW, native_ask_app_version,
           "What an app was at a version"),

    ASK("/api/tasks", MAY_VIEW, native_ask_tasks, "All tasks, those that ended of late too"),
    LINEAR("/api/tasks/{id}", MAY_VIEW, native_ask_task, "One task"),
    TELL(DELETE, "/api/tasks/{id}", MAY_DEPLOY, native_delete_task, "Kill a task"),
    {METHOD_GET,
     "/api/tasks/{id}/logs",
     MAY_READ_FILES,
     DOOR_SANDBOX,
     {.ask = native_ask_log},
     "A file that a task writes, once or as it grows"},
    {METHOD_GET,
     "/api/tasks/{id}/files",
     MAY_READ_FILES,
     DOOR_SANDBOX,
     {.ask = native_ask_files},
     "A folder of a task's sandbox"},

    ASK("/api/jobs", MAY_VIEW, native_ask_jobs, "All jobs"),
    LINEAR("/api/jobs/{name}", MAY_VIEW, native_ask_job, "One job and all about it"),
    TELL(PUT, "/api/jobs/{name}", MAY_DEPLOY, native_put_job, "Create a job, or replace it"),
    TELL(DELETE, "/api/jobs/{name}", MAY_DEPLOY, native_delete_job, "Delete a job"),
    TELL(POST, "/api/jobs/{name}/run", MAY_RUN, native_run_job, "Run a job now"),
    ASK("/api/runs", MAY_VIEW, native_ask_runs, "Runs of one job, or the newest of all"),

    ASK("/api/nodes", MAY_VIEW, native_ask_nodes, "All nodes"),
    ASK("/api/nodes/{id}", MAY_VIEW, native_ask_node, "One node, by its id or name"),

    ASK("/api/deployments", MAY_VIEW, native_ask_deployments, "Deployments that go on"),
    TELL(DELETE, "/api/deployments/{id}", MAY_DEPLOY, native_delete_deployment,
         "Roll a deployment back, or only stop it"),

    ASK("/api/services", MAY_VIEW, native_ask_services, "Service ports and where they lead"),
    {METHOD_GET,
     "/api/events",
     MAY_VIEW,
     DOOR_STREAM,
     {.ask = native_ask_events},
     "What changes, as it happens"},
    ASK("/api/events/log", MAY_VIEW, native_ask_event_log, "What changed, newest first"),
    ASK("/api/why/{noun}/{name...}", MAY_VIEW, native_ask_why, "Why something is not as wanted"),
    {METHOD_POST, "/api/sql", MAY_VIEW, DOOR_ASK, {.ask = native_ask_sql}, "Ask the state in SQL"},
    ASK("/api/openapi.json", MAY_NOTHING, native_ask_openapi, "This API, as OpenAPI 3.1"),

    /* else a stranger's path would be answered in the listener's own shape */
    {METHOD_GET, REST, MAY_NOTHING, DOOR_ASK, {.ask = native_ask_nothing}, "No such path"},
    {METHOD_POST, REST, MAY_NOTHING, DOOR_ASK, {.ask = native_ask_nothing}, "No such path"},
    {METHOD_PUT, REST, MAY_NOTHING, DOOR_ASK, {.ask = native_ask_nothing}, "No such path"},
    {METHOD_DELETE, REST, MAY_NOTHING, DOOR_ASK, {.ask = native_ask_nothing}, "No such path"},
};

void native_ask_nothing(struct call *c)
{
    int len = c->request->path.len < 150 ? (int)c->request->path.len : 150;
    call_fail(c, ERR_NOT_FOUND, "there is no %.*s here: /api/openapi.json lists what there is", len,
              c->request->path.p);
}

const struct dialect native_dialect = {
    .name = "native",
    .doors = doors,
    .n = sizeof doors / sizeof doors[0],
    .dress = native_dress,
    .fail = native_fail,
    .no_leader_status = 503,
};
