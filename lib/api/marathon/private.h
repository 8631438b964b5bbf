/* lib/api/marathon/private.h - what the files of Marathon's doors share (spec/marathon.md). */
#pragma once

#include "api/door.h"
#include "api/marathon/plan.h"
#include "model/mesos_id.h"

/* ---------------- errors.c: answers of 1.6 */

void marathon_fail(struct call *c, const struct error *err, const struct problems *problems,
                   const struct json *detail);
/* {"message": …} with a status of its own. */
void answer_message(struct call *c, int status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The body as JSON: NULL after having failed the call. Borrowed from the call. */
const struct json *marathon_body(struct call *c);

/* ---------------- answer.c: what many doors answer with */

/* The {id...} of the path, absolute. False when no app can have it; then `out` is what to name it
 * by. */
bool path_id(const struct call *c, char out[ID_SIZE]);
/* The app of the path; false after having failed the call. */
bool path_app(struct call *c, struct app_row *out);
void answer_no_app(struct call *c, const char *path);
/* The group of the path, the root without {id...}; false after having failed the call. */
bool path_group(struct call *c, char out[ID_SIZE]);

/* 1.9: {"version", "deploymentId"} and its header. */
void answer_result(struct call *c, int status, struct wall version, const char *deployment);
void answer_outcome(struct tell *t, int status, const struct outcome *o);
/* Location: the id against the server's base. */
void put_location(struct call *c, const char *id);
void put_version(struct json_writer *w, const char *name, struct wall version);

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
unsigned embed_of(const struct query *q);

/* What the parts of one answer share; looked up when first needed. */
struct show {
    const struct view *view;
    struct state *state;
    unsigned embed;
    /* private */
    struct agent_name {
        int64_t id;
        char *hostname, *address;
    } * agents; /* by id */
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
void show_deployments(struct show *s, int64_t deployment, struct json_writer *w);
/* `service_ports`: a JSON array for this task; NULL: []. */
void show_task(struct show *s, const struct app_row *a, const struct task_row *t,
               const char *service_ports, struct json_writer *w);
const char *show_hostname(struct show *s, int64_t agent); /* "" for one that is not there */
const char *show_address(struct show *s, int64_t agent);
/* "ipAddresses" of a task: one, or none for "". */
void put_address(const char *address, struct json_writer *w);
const char *slave_id(const struct view *view, int64_t agent, char dst[MESOS_ID_SIZE]);
/* "web.instance-<uuid>" of "web.instance-<uuid>._app.1". */
struct slice instance_of(const char *task_name);
/* What Marathon calls a state (6.6): "TASK_RUNNING", "Running". */
const char *task_status(enum task_state state);
const char *task_condition(enum task_state state);

/* ---------------- changes.c: from what a request wants to one command */

struct changes {
    struct planned *items;
    size_t n, cap;
    int64_t *kills; /* ids of tasks that are to end (6.3) */
    size_t kills_n;
    const char *group; /* that the request worked on (12.3); borrowed */
    bool force;
    bool told; /* one app, sent by a person: api_post_event */
};
void changes_close(struct changes *ch);

/* Each adds one app. They take `a`, whose service ports of 0 the state will assign. */
void changes_put(struct changes *ch, struct app *a, const struct app_row *old);
void changes_restart(struct changes *ch, struct app *a, const struct app_row *old);
void changes_remove(struct changes *ch, const struct app_row *old);
bool changes_have(const struct changes *ch, const char *path);
bool changes_matter(const struct changes *ch); /* false: nothing would change */

/* Proposes them; `then` answers with the outcome. Answers at once when nothing changes (1.9), or
 * when the apps together are not right (4.6: a cycle, an id that is a group's too). */
void changes_propose(struct tell *t, struct changes *ch, outcome_fn *then);
/* A stored app, with its versions. */
void load_app(const struct app_row *row, struct app *out);

/* ---------------- doors */

ask_fn ask_apps, ask_app, ask_glob, ask_app_versions, ask_app_version;
tell_fn post_app, put_app, patch_app, put_apps, patch_apps, delete_app, restart_app;
ask_fn ask_tasks, ask_app_tasks, ask_glob_tasks;
tell_fn delete_app_tasks, delete_app_task, post_tasks_delete;
ask_fn ask_deployments;
tell_fn delete_deployment;
ask_fn ask_queue;
tell_fn delete_delay;
ask_fn ask_groups, ask_group, ask_group_apps;
ask_fn ask_ping, ask_info, ask_leader, ask_events, ask_no_subscriptions;

/* Of each app in a group, at any depth ("/": of all). */
struct stmt *apps_within(struct state *s, const char *group);
