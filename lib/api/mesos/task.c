/* Tasks as the old JSON shows them (spec/mesos.md 5.2, TASK and STATUS). */
#include <stdio.h>
#include <string.h>

#include "api/mesos/private.h"
#include "base/str.h"
#include "model/pod.h"
#include "model/status.h"

void mesos_show_init(struct mesos_show *s, const struct view *view)
{
    *s = (struct mesos_show){.view = view, .state = view->state};
    show_init(&s->names, view, 0);
}

static void forget_app(struct mesos_show *s)
{
    if (s->app_id != 0)
        app_close(&s->app);
    s->app_id = 0;
}

void mesos_show_close(struct mesos_show *s)
{
    forget_app(s);
    show_close(&s->names);
}

/* The definition of its app as it is now; NULL when that is gone. Tasks come app by app, so that
 * one is kept. */
static const struct app *app_of(struct mesos_show *s, const struct task_row *t)
{
    struct app_row row;
    struct error err;
    if (t->app != 0 && t->app == s->app_id)
        return &s->app;
    forget_app(s);
    if (t->app == 0 || !state_app_by_id(s->state, t->app, &row) ||
        app_load(row.definition, &s->app, &err) != 0)
        return NULL;
    s->app_id = t->app;
    return &s->app;
}

/* What Marathon and Chronos call it: "web.prod", "ChronosTask:report". */
#define NAME_SIZE (JOB_NAME_MAX + 16)
static const char *name_of(const struct task_row *t, char dst[NAME_SIZE])
{
    struct task_ref app;
    struct job_task_ref job;
    struct error err;
    char reversed[ID_SIZE];
    dst[0] = '\0';
    if (t->owner == OWNER_APP && task_id_parse(t->name, &app, &err) == 0)
        str_copy(dst, NAME_SIZE, id_reversed(app.app, reversed));
    else if (t->owner == OWNER_JOB && job_task_id_parse(t->name, &job, &err) == 0)
        snprintf(dst, NAME_SIZE, "ChronosTask:%s", job.name);
    return dst;
}

/* ---- the command in an executor's name */

static const char *shell_text(const char *command, char dst[MESOS_COMMAND_SIZE])
{
    bool cut = strlen(command) > 15;
    char clipped[16];
    str_copy(clipped, cut ? 13 : sizeof clipped, command);
    snprintf(dst, MESOS_COMMAND_SIZE, "sh -c '%s%s'", clipped, cut ? "..." : "");
    return dst;
}

const char *mesos_task_command(struct mesos_show *s, const struct task_row *t,
                               char dst[MESOS_COMMAND_SIZE])
{
    struct job_row row;
    struct job job;
    struct error err;
    const struct app *a = app_of(s, t);
    const struct pod_container *c =
        a != NULL && a->pod != NULL ? pod_container_of(a->pod, t->name) : NULL;
    if (a != NULL && a->cmd != NULL)
        return shell_text(a->cmd, dst);
    if (c != NULL && c->exec != NULL && c->exec->command.shell != NULL)
        return shell_text(c->exec->command.shell, dst);
    if (t->job != 0 && state_job_by_id(s->state, t->job, &row) &&
        job_load(row.definition, &job, &err) == 0) {
        shell_text(job.command, dst);
        job_close(&job);
        return dst;
    }
    return "NO COMMAND";
}

/* ---- one task */

static void put_container_status(struct mesos_show *s, const struct task_row *t,
                                 struct json_writer *w)
{
    json_key(w, "container_status");
    json_object(w);
    if (t->container != NULL && *t->container != '\0') {
        json_key(w, "container_id");
        json_object(w);
        json_member_str(w, "value", t->container);
        json_object_end(w);
    }
    json_key(w, "network_infos");
    json_array(w);
    json_object(w);
    json_key(w, "ip_addresses");
    json_array(w);
    json_object(w);
    json_member_str(w, "protocol", "IPv4");
    json_member_str(w, "ip_address", show_address(&s->names, t->agent));
    json_object_end(w);
    json_array_end(w);
    json_object_end(w);
    json_array_end(w);
    json_object_end(w);
}

/* What a check said that only informs. */
static void put_check_status(struct mesos_show *s, const struct task_row *t, struct json_writer *w)
{
    static const struct check_names names = {"status_code", "succeeded", "exit_code"};
    static const char *const types[] = {"HTTP", "HTTP", "TCP", "COMMAND"}; /* enum check_kind */
    struct check_result r;
    if (!state_check_of_task(s->state, t->id, &r))
        return;
    json_key(w, "check_status");
    json_object(w);
    json_member_str(w, "type", types[r.kind]);
    check_result_write(&r, &names, w);
    json_object_end(w);
}

static void put_status(struct mesos_show *s, const struct task_row *t, enum task_state state,
                       struct wall at, struct json_writer *w)
{
    json_object(w);
    json_member_str(w, "state", task_state_mesos(state));
    mesos_seconds(w, "timestamp", at);
    put_container_status(s, t, w);
    if (state == TASK_RUNNING && t->health != 0)
        json_member_bool(w, "healthy", t->health == 1);
    if (state == TASK_RUNNING)
        put_check_status(s, t, w);
    json_object_end(w);
}

/* One a state that it was in, ascending. */
static void put_statuses(struct mesos_show *s, const struct task_row *t, struct json_writer *w)
{
    json_key(w, "statuses");
    json_array(w);
    if (t->started.ms != 0)
        put_status(s, t, TASK_RUNNING, t->started, w);
    if (task_ended(t->state))
        put_status(s, t, t->state, t->ended, w);
    else if (t->state == TASK_KILLING)
        put_status(s, t, TASK_KILLING, t->killed, w);
    json_array_end(w);
}

static void put_labels(const struct pairs *labels, struct json_writer *w)
{
    if (labels->n == 0)
        return;
    json_key(w, "labels");
    json_array(w);
    for (size_t i = 0; i < labels->n; i++) {
        json_object(w);
        json_member_str(w, "key", labels->items[i].name);
        json_member_str(w, "value", labels->items[i].value);
        json_object_end(w);
    }
    json_array_end(w);
}

static void put_discovery_ports(const struct app *a, const struct task_row *t,
                                struct json_writer *w)
{
    struct error err;
    struct json *ports = json_parse_own(slice_of(t->ports), &err);
    const struct json *port = json_first(ports);
    json_key(w, "ports");
    json_object(w);
    json_key(w, "ports");
    json_array(w);
    for (size_t i = 0; i < app_port_count(a) && port != NULL; i++) {
        struct app_port_view view = app_port(a, i);
        if (view.host_port == NOT_GIVEN)
            continue;
        json_object(w);
        json_member_int(w, "number", json_int(port, 0));
        if (view.name != NULL)
            json_member_str(w, "name", view.name);
        json_member_str(w, "protocol", port_protocol_word(view.protocol));
        json_object_end(w);
        port = json_next(port);
    }
    json_array_end(w);
    json_object_end(w);
    json_free(ports);
}

static void put_discovery(const struct app *a, const struct task_row *t, const char *name,
                          struct json_writer *w)
{
    json_key(w, "discovery");
    json_object(w);
    json_member_str(w, "visibility", "FRAMEWORK");
    json_member_str(w, "name", name);
    put_discovery_ports(a, t, w);
    json_object_end(w);
}

void mesos_task(struct mesos_show *s, const struct task_row *t, struct json_writer *w)
{
    const char *cluster = s->view->facts->cluster;
    char framework[MESOS_ID_SIZE], agent[MESOS_ID_SIZE], name[NAME_SIZE];
    struct resources needs;
    const struct app *a = app_of(s, t);
    name_of(t, name);
    mesos_task_resources(t, &needs);
    json_object(w);
    json_member_str(w, "id", t->name);
    json_member_str(w, "name", name);
    json_member_str(w, "framework_id", mesos_framework_id(cluster, t->owner, framework));
    json_member_str(w, "executor_id", "");
    json_member_str(w, "slave_id", mesos_agent_id(cluster, t->agent, agent));
    json_member_str(w, "state", task_state_mesos(t->state));
    mesos_res(w, "resources", &needs);
    json_member_str(w, "role", a != NULL && a->role != NULL ? a->role : "*");
    put_statuses(s, t, w);
    if (a != NULL) {
        put_labels(&a->labels, w);
        put_discovery(a, t, name, w);
    }
    json_object_end(w);
    resources_close(&needs);
}
