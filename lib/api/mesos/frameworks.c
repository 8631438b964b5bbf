/* The two frameworks that live here, as the master's old JSON shows them (spec/mesos.md 5.2). */
#include <stdio.h>

#include "api/mesos/private.h"
#include "base/str.h"

#define FAILOVER_MILLI (604800 * INT64_C(1000))

const enum owner mesos_frameworks[2] = {OWNER_APP, OWNER_JOB};

const char *mesos_framework_name(enum owner owner)
{
    return owner == OWNER_APP ? "marathon" : "chronos";
}

static const char *url_of(const struct facts *f, enum owner owner)
{
    const char *url = owner == OWNER_APP ? f->url_marathon : f->url_chronos;
    return url != NULL ? url : "";
}

static void put_capabilities(struct json_writer *w)
{
    json_key(w, "capabilities");
    json_array(w);
    json_put_str(w, "TASK_KILLING_STATE");
    json_put_str(w, "PARTITION_AWARE");
    json_array_end(w);
}

void mesos_framework_members(const struct view *v, enum owner owner, struct json_writer *w)
{
    const struct facts *f = v->facts;
    char id[MESOS_ID_SIZE];
    json_member_str(w, "id", mesos_framework_id(f->cluster, owner, id));
    json_member_str(w, "name", mesos_framework_name(owner));
    json_member_str(w, "hostname", f->hostname);
    json_member_str(w, "webui_url", url_of(f, owner));
    put_capabilities(w);
    json_member_bool(w, "active", true);
    json_member_bool(w, "connected", true);
    json_member_bool(w, "recovered", false);
}

/* ---- tasks */

static bool is_in(const struct task_row *t, bool unreachable)
{
    return (t->state == TASK_UNREACHABLE) == unreachable;
}

/* App by app, so that each definition is read once. */
static void put_app_tasks(struct mesos_show *s, bool unreachable, struct json_writer *w)
{
    struct app_row row;
    struct task_row t;
    for (int gone = 0; gone < 2; gone++) {
        struct stmt *apps =
            gone ? state_apps_gone(s->state) : state_apps(s->state, "", "", INT64_MAX);
        while (state_app_next(apps, &row)) {
            struct stmt *q = row.counts.live > 0 ? state_tasks_of_app(s->state, row.id) : NULL;
            while (q != NULL && state_task_next(q, &t))
                if (is_in(&t, unreachable))
                    mesos_task(s, &t, w);
        }
    }
}

static void put_job_tasks(struct mesos_show *s, bool unreachable, struct json_writer *w)
{
    struct run_row r;
    struct task_row t;
    struct stmt *q = state_runs_active(s->state);
    while (state_run_next(q, &r))
        if (state_task_by_id(s->state, r.task, &t) && !task_ended(t.state) &&
            is_in(&t, unreachable))
            mesos_task(s, &t, w);
}

static void put_live(struct mesos_show *s, enum owner owner, bool unreachable, const char *name,
                     struct json_writer *w)
{
    json_key(w, name);
    json_array(w);
    if (owner == OWNER_APP)
        put_app_tasks(s, unreachable, w);
    else
        put_job_tasks(s, unreachable, w);
    json_array_end(w);
}

static void put_completed(struct mesos_show *s, enum owner owner, struct json_writer *w)
{
    struct task_row t;
    json_key(w, "completed_tasks");
    json_array(w);
    struct stmt *q = state_tasks_ended_of(s->state, owner, MESOS_COMPLETED_MAX);
    while (state_task_next(q, &t))
        mesos_task(s, &t, w);
    json_array_end(w);
}

/* ---- what they use */

static void sum_used(struct state *s, enum owner owner, struct resources *out)
{
    struct task_row t;
    struct resources needs;
    *out = (struct resources){0};
    struct stmt *q = state_tasks(s);
    while (state_task_next(q, &t)) {
        if (t.owner != owner)
            continue;
        mesos_task_resources(&t, &needs);
        ports_close(&needs.ports); /* of several machines: they do not add up */
        resources_add(out, &needs);
        resources_close(&needs);
    }
}

static void put_empty(struct json_writer *w, const char *name)
{
    json_key(w, name);
    json_array(w);
    json_array_end(w);
}

void mesos_put_framework(struct mesos_show *s, enum owner owner, struct json_writer *w)
{
    struct resources used;
    sum_used(s->state, owner, &used);
    json_object(w);
    mesos_framework_members(s->view, owner, w);
    mesos_res(w, "used_resources", &used);
    mesos_no_res(w, "offered_resources");
    mesos_res(w, "resources", &used);
    json_member_str(w, "user", "root");
    mesos_milli(w, "failover_timeout", FAILOVER_MILLI);
    json_member_bool(w, "checkpoint", true);
    mesos_seconds(w, "registered_time", s->view->facts->started);
    mesos_milli(w, "unregistered_time", 0);
    json_member_str(w, "role", "*");
    put_live(s, owner, false, "tasks", w);
    put_live(s, owner, true, "unreachable_tasks", w);
    put_completed(s, owner, w);
    put_empty(w, "offers");
    put_empty(w, "executors");
    json_key(w, "offer_constraints");
    json_object(w);
    json_object_end(w);
    json_object_end(w);
    resources_close(&used);
}

void mesos_ask_frameworks(struct call *c)
{
    struct json_writer w;
    struct mesos_show s;
    char id[MESOS_ID_SIZE];
    const char *wanted = query_get(&c->query, "framework_id");
    if (!mesos_json(c, &w))
        return;
    mesos_show_init(&s, c->view);
    json_object(&w);
    json_key(&w, "frameworks");
    json_array(&w);
    for (size_t i = 0; i < 2; i++)
        if (wanted == NULL ||
            str_eq(wanted, mesos_framework_id(c->view->facts->cluster, mesos_frameworks[i], id)))
            mesos_put_framework(&s, mesos_frameworks[i], &w);
    json_array_end(&w);
    put_empty(&w, "completed_frameworks");
    put_empty(&w, "unregistered_frameworks");
    json_object_end(&w);
    mesos_json_end(c);
    mesos_show_close(&s);
}
