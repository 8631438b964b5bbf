/* The agent's state as one document: tools find sandboxes by it (spec/mesos.md 5.3). */
#include <stdio.h>

#include "api/mesos/private.h"

#define LOOKED_AT 20000 /* of what has ended anywhere, for what did here */

/* ---- executors: one a task */

static void put_directory(const struct facts *f, const struct task_row *t, struct json_writer *w)
{
    char path[1024], agent[MESOS_ID_SIZE], framework[MESOS_ID_SIZE], folder[MESOS_FOLDER_SIZE];
    bool known = t->container != NULL && *t->container != '\0';
    snprintf(path, sizeof path, "%.300s/slaves/%s/frameworks/%s/executors/%.255s/runs/%.64s",
             f->work_dir, mesos_agent_id(f->cluster, t->agent, agent),
             mesos_framework_id(f->cluster, t->owner, framework),
             mesos_executor_folder(t->name, folder), known ? t->container : "latest");
    json_member_str(w, "directory", path);
}

static void put_executor(struct mesos_show *s, const struct task_row *t, struct json_writer *w)
{
    char name[512], command[MESOS_COMMAND_SIZE];
    struct resources needs;
    bool ended = task_ended(t->state);
    snprintf(name, sizeof name, "Command Executor (Task: %.255s) (Command: %s)", t->name,
             mesos_task_command(s, t, command));
    json_object(w);
    json_member_str(w, "id", t->name);
    json_member_str(w, "name", name);
    json_member_str(w, "source", t->name);
    json_member_str(w, "container", t->container != NULL ? t->container : "");
    put_directory(s->view->facts, t, w);
    mesos_task_resources(t, &needs);
    mesos_res(w, "resources", &needs);
    resources_close(&needs);
    json_member_str(w, "role", "*");
    json_key(w, "tasks");
    json_array(w);
    if (!ended)
        mesos_task(s, t, w);
    json_array_end(w);
    json_key(w, "queued_tasks");
    json_array(w);
    json_array_end(w);
    json_key(w, "completed_tasks");
    json_array(w);
    if (ended)
        mesos_task(s, t, w);
    json_array_end(w);
    json_object_end(w);
}

static void put_executors(struct mesos_show *s, const struct agent_row *a, enum owner owner,
                          struct json_writer *w)
{
    struct task_row t;
    json_key(w, "executors");
    json_array(w);
    struct stmt *q = state_tasks_of_agent(s->state, a->id);
    while (state_task_next(q, &t))
        if (t.owner == owner)
            put_executor(s, &t, w);
    json_array_end(w);
    json_key(w, "completed_executors");
    json_array(w);
    q = state_tasks_ended_of(s->state, owner, LOOKED_AT);
    for (size_t n = 0; n < MESOS_COMPLETED_MAX && state_task_next(q, &t);)
        if (t.agent == a->id) {
            put_executor(s, &t, w);
            n++;
        }
    stmt_end(q);
    json_array_end(w);
}

static void put_framework(struct mesos_show *s, const struct agent_row *a, enum owner owner,
                          struct json_writer *w)
{
    const struct facts *f = s->view->facts;
    char id[MESOS_ID_SIZE];
    json_object(w);
    json_member_str(w, "id", mesos_framework_id(f->cluster, owner, id));
    json_member_str(w, "name", mesos_framework_name(owner));
    json_member_str(w, "user", "root");
    mesos_milli(w, "failover_timeout", 604800 * INT64_C(1000));
    json_member_bool(w, "checkpoint", true);
    json_member_str(w, "hostname", f->hostname);
    json_member_str(w, "role", "*");
    put_executors(s, a, owner, w);
    json_object_end(w);
}

/* ---- the document */

static void put_resources(struct mesos_show *s, const struct agent_row *a, struct json_writer *w)
{
    struct mesos_amounts m;
    mesos_agent_resources(s->state, a, &m);
    mesos_res(w, "resources", &m.total);
    mesos_res(w, "unreserved_resources", &m.unreserved);
    mesos_res(w, "unreserved_resources_allocated", &m.unreserved_used);
    mesos_full(w, "unreserved_resources_full", &m.unreserved);
    mesos_reserved(w, "reserved_resources", &m.reserved);
    mesos_reserved_full(w, "reserved_resources_full", &m.reserved);
    mesos_reserved(w, "reserved_resources_allocated", &m.reserved_used);
    mesos_amounts_close(&m);
}

static void put_empty(struct json_writer *w, const char *name)
{
    json_key(w, name);
    json_array(w);
    json_array_end(w);
}

static void put_self(struct mesos_show *s, const struct agent_row *a, struct json_writer *w)
{
    const struct facts *f = s->view->facts;
    char id[MESOS_ID_SIZE], pid[MESOS_PID_SIZE];
    mesos_version(w);
    mesos_seconds(w, "start_time", f->started);
    json_member_str(w, "id", mesos_agent_id(f->cluster, a->id, id));
    json_member_str(w, "pid", mesos_slave_pid(a, pid));
    json_member_str(w, "hostname", a->hostname);
    put_empty(w, "capabilities");
    put_resources(s, a, w);
    put_empty(w, "resource_providers");
    json_member_raw(w, "attributes", slice_of(a->attributes));
    if (f->leader_name != NULL)
        json_member_str(w, "master_hostname", f->leader_name);
    json_key(w, "flags");
    json_object(w);
    json_member_str(w, "work_dir", f->work_dir);
    json_object_end(w);
}

void mesos_agent_state(struct call *c)
{
    struct agent_row a;
    struct json_writer w;
    struct mesos_show s;
    if (!mesos_own_agent(c, &a) || !mesos_json(c, &w))
        return;
    mesos_show_init(&s, c->view);
    json_object(&w);
    put_self(&s, &a, &w);
    json_key(&w, "frameworks");
    json_array(&w);
    for (size_t i = 0; i < 2; i++)
        put_framework(&s, &a, mesos_frameworks[i], &w);
    json_array_end(&w);
    put_empty(&w, "completed_frameworks");
    json_object_end(&w);
    mesos_json_end(c);
    mesos_show_close(&s);
}
