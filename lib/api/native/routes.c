/* Our own API's doors: a row each. Held to openapi.json by a test. */
#include "api/native/private.h"
#include "base/limits.h"
#include "base/str.h"

#define REST "/api/{rest...}"

#define NONE "" /* parameters in the query */
#define LIST "offset limit q state sort"

#define ROW(method_, path_, query_, right_, kind_, member, fn, about_)                        \
    {                                                                                         \
        .method = METHOD_##method_, .pattern = path_, .query = query_, .right = MAY_##right_, \
        .kind = DOOR_##kind_, .member = fn, .about = about_                                   \
    }
#define ASK(path, query, right, kind, fn, about) ROW(GET, path, query, right, kind, ask, fn, about)
#define TELL(method, path, query, right, fn, about) \
    ROW(method, path, query, right, TELL, tell, fn, about)
#define TELL_MOST(method_, path_, query_, members_, bytes, right_, fn, about_)              \
    {                                                                                       \
        .method = METHOD_##method_, .pattern = path_, .query = query_, .members = members_, \
        .body_bytes = bytes, .body_values = LIMIT_ASKED_VALUES, .right = MAY_##right_,      \
        .kind = DOOR_TELL, .tell = fn, .about = about_                                      \
    }
#define TELL_OF(method, path, query, members, right, fn, about) \
    TELL_MOST(method, path, query, members, LIMIT_ASKED_BYTES, right, fn, about)
#define TELL_JOB(method, path, query, bytes, right, fn, about) \
    TELL_MOST(method, path, query, NULL, bytes, right, fn, about)
#define NOTHING(method) \
    ROW(method, REST, NULL, NOTHING, ASK, ask, native_ask_nothing, "No such path")

static const struct door doors[] = {
    ASK("/api/status", NONE, VIEW, ASK, native_ask_status, "The cluster at a glance"),

    ASK("/api/apps", LIST, VIEW, ASK, native_ask_apps, "All apps"),
    TELL(POST, "/api/apps", NONE, DEPLOY, native_post_app, "Create an app or a pod"),
    ASK("/api/apps/{id}", NONE, VIEW, ASK_LINEAR, native_ask_app, "One app and all about it"),
    TELL(PUT, "/api/apps/{id}", "force partialUpdate", DEPLOY, native_put_app,
         "Change an app, or create it"),
    TELL(DELETE, "/api/apps/{id}", "force", DEPLOY, native_delete_app, "Delete an app"),
    TELL_OF(POST, "/api/apps/{id}/scale", "force", "instances", DEPLOY, native_scale_app,
            "Set how many instances run"),
    TELL(POST, "/api/apps/{id}/restart", "force", DEPLOY, native_restart_app,
         "Replace all instances"),
    ASK("/api/apps/{id}/versions/{version}", NONE, VIEW, ASK_LINEAR, native_ask_app_version,
        "What an app was at a version"),

    ASK("/api/tasks", LIST " app job node", VIEW, ASK, native_ask_tasks,
        "All tasks, those that ended of late too"),
    ASK("/api/tasks/{id}", NONE, VIEW, ASK_LINEAR, native_ask_task, "One task"),
    TELL(DELETE, "/api/tasks/{id}", "scale wipe force", DEPLOY, native_delete_task, "Kill a task"),
    ASK("/api/tasks/{id}/logs", "file offset length tail follow", READ_FILES, SANDBOX,
        native_ask_log, "A file that a task writes, once or as it grows"),
    ASK("/api/tasks/{id}/files", "path", READ_FILES, SANDBOX, native_ask_files,
        "A folder of a task's sandbox"),

    ASK("/api/jobs", LIST, VIEW, ASK, native_ask_jobs, "All jobs"),
    TELL_JOB(POST, "/api/jobs", "dry_run face", LIMIT_MANY_JOBS_BYTES, DEPLOY, native_post_jobs,
             "Create many jobs, or replace them"),
    ASK("/api/jobs/{name}", NONE, VIEW, ASK_LINEAR, native_ask_job, "One job and all about it"),
    TELL_JOB(PUT, "/api/jobs/{name}", "dry_run face", LIMIT_JOB_BYTES, DEPLOY, native_put_job,
             "Create a job, or replace it"),
    TELL(DELETE, "/api/jobs/{name}", "force", DEPLOY, native_delete_job, "Delete a job"),
    TELL_OF(POST, "/api/jobs/{name}/run", NONE, "arguments environment", RUN, native_run_job,
            "Run a job now"),
    TELL_OF(POST, "/api/jobs/{name}/pause", NONE, "reason", DEPLOY, native_pause_job,
            "Keep a job from running"),
    TELL_OF(POST, "/api/jobs/{name}/resume", NONE, "reason", DEPLOY, native_resume_job,
            "Let a job run again"),
    TELL_OF(POST, "/api/jobs/{name}/backfill", NONE, "from to overlap limit again dry_run", RUN,
            native_backfill_job, "Have a job run for targets of the past"),
    TELL(DELETE, "/api/jobs/{name}/backfill", NONE, RUN, native_cancel_backfill,
         "Cancel a backfill"),
    TELL_OF(POST, "/api/pause/jobs", NONE, "selector names reason", DEPLOY, native_pause_jobs,
            "Keep many jobs from running"),
    TELL_OF(POST, "/api/resume/jobs", NONE, "selector names reason", DEPLOY, native_resume_jobs,
            "Let many jobs run again"),
    ASK("/api/jobs/{name}/stats", "days", VIEW, ASK, native_ask_job_stats,
        "How long its runs took"),
    ASK("/api/runs", LIST " job", VIEW, ASK, native_ask_runs,
        "Runs of one job, or the newest of all"),
    ASK("/api/runs/{id}", NONE, VIEW, ASK_LINEAR, native_ask_run, "One run and its attempts"),
    ASK("/api/runs/{id}/log", "stream attempt offset length tail follow", READ_FILES, SANDBOX,
        native_ask_run_log, "What a run has written, once or as it writes"),
    ASK("/api/history", NONE, VIEW, ASK, native_ask_history, "How long runs are kept"),
    TELL_OF(PUT, "/api/history", NONE, "days runs most bytes", ADMIN, native_put_history,
            "Set how long runs are kept"),
    ASK("/api/history/export", "format job after limit", VIEW, ASK, native_ask_export,
        "What became of runs, a row an event"),

    ASK("/api/graph", "around", VIEW, ASK, native_ask_graph, "Which job waits for which"),

    ASK("/api/schedules/explain",
        "schedule cron zone name startsAt endsAt excludeCalendars onlyCalendars", VIEW, ASK,
        native_ask_explain, "When a schedule runs: in words, and the next times"),

    ASK("/api/calendars", LIST, VIEW, ASK, native_ask_calendars, "All calendars"),
    ASK("/api/calendars/{name}", NONE, VIEW, ASK_LINEAR, native_ask_calendar,
        "One calendar, and the jobs that name it"),
    TELL_OF(PUT, "/api/calendars/{name}", NONE, "name description days", DEPLOY,
            native_put_calendar, "Make a calendar, or replace it"),
    TELL(DELETE, "/api/calendars/{name}", NONE, DEPLOY, native_delete_calendar,
         "Delete a calendar that no job names"),

    ASK("/api/notices", LIST, VIEW, ASK, native_ask_notices,
        "What owners of jobs are told, newest first"),
    ASK("/api/notices/{id}", NONE, VIEW, ASK_LINEAR, native_ask_notice,
        "What became of one notice"),
    TELL_OF(POST, "/api/notices/test", NONE, "channel to", DEPLOY, native_test_notice,
            "Send a notice to see it arrive"),
    ASK("/api/channels", NONE, VIEW, ASK, native_ask_channels, "By what owners of jobs are told"),

    ASK("/api/nodes", LIST, VIEW, ASK, native_ask_nodes, "All nodes"),
    ASK("/api/nodes/{id}", NONE, VIEW, ASK, native_ask_node, "One node, by its id or name"),
    TELL(DELETE, "/api/nodes/{id}", NONE, ADMIN, native_delete_node,
         "Remove a node from the cluster"),
    TELL(POST, "/api/nodes/{id}/drain", NONE, ADMIN, native_drain_node,
         "Let a node become empty: its tasks move off, its runs finish"),
    TELL(POST, "/api/nodes/{id}/undrain", NONE, ADMIN, native_undrain_node,
         "Let a node run tasks again"),
    TELL(POST, "/api/nodes/{id}/promote", NONE, ADMIN, native_promote_node,
         "Let a master vote again"),
    TELL(POST, "/api/nodes/{id}/demote", NONE, ADMIN, native_demote_node,
         "Let a master stay a standby"),
    TELL_OF(POST, "/api/leader/transfer", NONE, "node", ADMIN, native_transfer_leader,
            "Have another node lead"),

    ASK("/api/tokens", LIST, ADMIN, ASK, native_ask_tokens, "All tokens that let nodes join"),
    TELL_OF(POST, "/api/tokens", NONE, "modes hours until", ADMIN, native_post_token,
            "Make a token that nodes can join with"),
    TELL(DELETE, "/api/tokens/{id}", NONE, ADMIN, native_delete_token, "Make a token worthless"),

    ASK("/api/backup", NONE, ADMIN, SANDBOX, native_ask_backup,
        "All that the cluster knows, as a file"),

    ASK("/api/deployments", "offset limit q sort", VIEW, ASK, native_ask_deployments,
        "Deployments that go on"),
    TELL(DELETE, "/api/deployments/{id}", "force", DEPLOY, native_delete_deployment,
         "Roll a deployment back, or only stop it"),

    ASK("/api/services", "offset limit q sort", VIEW, ASK, native_ask_services,
        "Service ports and where they lead"),
    ASK("/api/events", "topics after", VIEW, STREAM, native_ask_events,
        "What changes, as it happens"),
    ASK("/api/events/log", "offset limit q before topics", VIEW, ASK, native_ask_event_log,
        "What changed, newest first"),
    ASK("/api/why/{noun}/{name...}", NONE, VIEW, ASK, native_ask_why,
        "Why something is not as wanted"),
    {.method = METHOD_POST,
     .pattern = "/api/sql",
     .query = NONE,
     .members = "query",
     .body_bytes = LIMIT_ASKED_BYTES,
     .right = MAY_VIEW,
     .kind = DOOR_ASK,
     .ask = native_ask_sql,
     .about = "Ask the state in SQL",
     .read_ms = LIMIT_SQL_MS},
    ASK("/api/openapi.json", NONE, NOTHING, ASK, native_ask_openapi, "This API, as OpenAPI 3.1"),
    ASK("/api", NONE, NOTHING, ASK, native_ask_doors, "All that can be asked and told here"),

    /* else a stranger's path would be answered in the listener's own shape */
    NOTHING(GET),
    NOTHING(POST),
    NOTHING(PUT),
    NOTHING(DELETE),
};

void native_ask_nothing(struct call *c)
{
    int len = c->request->path.len < 150 ? (int)c->request->path.len : 150;
    call_fail(c, ERR_NOT_FOUND, "there is no %.*s here: /api/openapi.json lists what there is", len,
              c->request->path.p);
}

void native_ask_doors(struct call *c)
{
    struct json_writer w;
    call_json(c, 200, &w);
    json_object(&w);
    json_member_str(&w, "version", c->view->facts->version);
    json_member_str(&w, "described", "/api/openapi.json");
    json_key(&w, "items");
    json_array(&w);
    for (size_t i = 0; i < native_dialect.n; i++) {
        if (str_eq(doors[i].pattern, REST))
            continue;
        json_object(&w);
        json_member_str(&w, "method", method_text(doors[i].method));
        json_member_str(&w, "path", doors[i].pattern);
        json_member_str(&w, "about", doors[i].about);
        json_object_end(&w);
    }
    json_array_end(&w);
    json_object_end(&w);
}

const struct dialect native_dialect = {
    .name = "native",
    .doors = doors,
    .n = sizeof doors / sizeof doors[0],
    .dress = native_dress,
    .fail = native_fail,
    .no_leader_status = 503,
};
