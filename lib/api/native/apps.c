/* Reading apps. */
#include <stdio.h>

#include "api/facts.h"
#include "api/marathon/changes.h"
#include "api/native/member.h"
#include "api/native/private.h"
#include "base/str.h"

#define WHY_ROWS 20      /* of one page whose reason is looked for: each looks at all agents */
#define ENDED_LOOKED 200 /* newest ended tasks of apps among which an app's are looked for */
#define ENDED_SHOWN 20

enum app_key {
    BY_ID,
    BY_STATE,
    BY_INSTANCES,
    BY_RUNNING,
    BY_HEALTHY,
    BY_UNHEALTHY,
    BY_STAGING,
    BY_CPUS,
    BY_MEM,
    BY_VERSION,
};
static const char *const sorts[] = {
    [BY_ID] = "id",           [BY_STATE] = "state",     [BY_INSTANCES] = "instances",
    [BY_RUNNING] = "running", [BY_HEALTHY] = "healthy", [BY_UNHEALTHY] = "unhealthy",
    [BY_STAGING] = "staging", [BY_CPUS] = "cpus",       [BY_MEM] = "mem",
    [BY_VERSION] = "version", [BY_VERSION + 1] = NULL,
};
static const char *const states[] = {"running",   "deploying", "waiting",
                                     "unhealthy", "suspended", NULL};

/* ---- one item */

static struct slice member_or(const struct app_row *a, const char *name, const char *otherwise)
{
    struct slice found = member_of(a->definition, name);
    return found.len > 0 ? found : slice_of(otherwise);
}

static void put_service_ports(struct state *s, int64_t app, struct json_writer *w)
{
    json_key(w, "servicePorts");
    json_array(w);
    struct stmt *q = state_service_ports_of_app(s, app);
    while (stmt_row(q))
        json_put_int(w, stmt_i64(q, 0));
    json_array_end(w);
}

static void put_reason(const struct view *v, const struct app_row *a, struct json_writer *w)
{
    struct why why;
    if (why_app(v->state, facts_hearing(v), a->path, v->now.wall, &why) && why.n > 0)
        json_member_str(w, "why", why.sentences[0].what);
}

/* What all containers of a pod take together stands nowhere in its definition. */
static struct resources pod_needs(const struct app_row *row)
{
    struct app a;
    load_app(row, &a);
    struct resources needs = app_needs(&a);
    app_close(&a);
    return needs;
}

static void put_summary(const struct view *v, struct placement *p, const struct app_row *a,
                        bool reason, struct json_writer *w)
{
    const char *word = app_state_word(v->state, p, a, v->now.wall);
    struct deployment_row d;
    char uuid[UUID_TEXT_SIZE];
    json_object(w);
    json_member_str(w, "id", a->path);
    json_member_str(w, "state", word);
    if (reason && (str_eq(word, "waiting") || str_eq(word, "unhealthy")))
        put_reason(v, a, w);
    json_member_int(w, "instances", a->instances);
    json_member_int(w, "running", a->counts.running);
    json_member_int(w, "healthy", a->counts.healthy);
    json_member_int(w, "unhealthy", a->counts.unhealthy);
    json_member_int(w, "staging", a->counts.staged);
    if (a->pod) {
        struct resources needs = pod_needs(a);
        json_member_double(w, "cpus", milli_to_cpus(needs.cpus_milli));
        json_member_double(w, "mem", (double)needs.mem_bytes / (1 << 20));
        resources_close(&needs);
    } else {
        json_member_raw(w, "cpus", member_or(a, "cpus", "0"));
        json_member_raw(w, "mem", member_or(a, "mem", "0"));
    }
    native_time(w, "version", a->version);
    put_service_ports(v->state, a->id, w);
    json_member_raw(w, "labels", member_or(a, "labels", "{}"));
    if (a->deployment != 0 && state_deployment_brief(v->state, a->deployment, &d))
        json_member_str(w, "deployment", uuid_text(deployment_uuid(&d), uuid));
    json_object_end(w);
}

/* ---- the list */

/* Of a number as the definition has it, in thousandths. */
static int64_t milli(const struct app_row *a, const char *name)
{
    char text[40];
    double value = 0;
    if (a->pod) {
        struct resources needs = pod_needs(a);
        int64_t mem_milli = needs.mem_bytes * 1000 / (1 << 20);
        resources_close(&needs);
        return str_eq(name, "cpus") ? needs.cpus_milli : mem_milli;
    }
    struct slice raw = member_or(a, name, "0");
    snprintf(text, sizeof text, "%.*s", (int)raw.len, raw.p);
    return str_to_double(text, &value) ? (int64_t)(value * 1000) : 0;
}

static void add(struct list *l, const struct app_row *a, const char *state)
{
    switch ((enum app_key)l->sort) {
    case BY_ID:
        list_add_text(l, a->id, a->path);
        break;
    case BY_STATE:
        list_add_text(l, a->id, state);
        break;
    case BY_INSTANCES:
        list_add_number(l, a->id, a->instances);
        break;
    case BY_RUNNING:
        list_add_number(l, a->id, a->counts.running);
        break;
    case BY_HEALTHY:
        list_add_number(l, a->id, a->counts.healthy);
        break;
    case BY_UNHEALTHY:
        list_add_number(l, a->id, a->counts.unhealthy);
        break;
    case BY_STAGING:
        list_add_number(l, a->id, a->counts.staged);
        break;
    case BY_CPUS:
        list_add_number(l, a->id, milli(a, "cpus"));
        break;
    case BY_MEM:
        list_add_number(l, a->id, milli(a, "mem"));
        break;
    case BY_VERSION:
        list_add_number(l, a->id, a->version.ms);
        break;
    }
}

void native_ask_apps(struct call *c)
{
    struct list l;
    struct app_row a;
    struct json_writer w;
    struct state *s = c->view->state;
    if (list_begin(c, &l, sorts, states) != 0)
        return;
    struct placement *p = placement_new(s, facts_hearing(c->view));
    bool by_state = l.state != NULL || l.sort == BY_STATE;
    bool whole = l.sort == BY_CPUS || l.sort == BY_MEM;
    struct stmt *q = whole ? state_apps(s, "", "", INT64_MAX) : state_apps_brief(s);
    while (state_app_next(q, &a)) {
        const char *state = by_state ? app_state_word(s, p, &a, c->view->now.wall) : NULL;
        if (list_wants(&l, state, a.path, NULL))
            add(&l, &a, state);
    }
    list_head(c, &l, &w);
    for (size_t i = 0; i < list_size(&l); i++)
        if (state_app_by_id(s, list_id(&l, i), &a))
            put_summary(c->view, p, &a, i < WHY_ROWS, &w);
    list_end(&w);
    placement_free(p);
    list_close(&l);
}

/* ---- one app */

static void put_definition(const struct app_row *row, struct json_writer *w)
{
    struct app a;
    load_app(row, &a);
    json_key(w, "app");
    app_write(&a, w);
    app_close(&a);
}

/* An ended task has only its name to say whose it was. */
static bool was_of(const struct task_row *t, const char *path)
{
    struct task_ref ref;
    struct error err;
    return t->owner == OWNER_APP && task_id_parse(t->name, &ref, &err) == 0 &&
           str_eq(ref.app, path);
}

static void put_tasks(const struct view *v, const struct app_row *a, struct json_writer *w)
{
    struct task_row t;
    json_key(w, "tasks");
    json_array(w);
    struct stmt *q = state_tasks_of_app(v->state, a->id);
    while (state_task_next(q, &t))
        native_put_task(v, &t, w);
    int shown = 0;
    q = state_tasks_ended_of(v->state, OWNER_APP, ENDED_LOOKED);
    while (state_task_next(q, &t))
        if (shown < ENDED_SHOWN && was_of(&t, a->path)) {
            native_put_task(v, &t, w);
            shown++;
        }
    json_array_end(w);
}

static void put_deployments(const struct view *v, const struct app_row *a, struct json_writer *w)
{
    struct deployment_row d;
    json_key(w, "deployments");
    json_array(w);
    if (a->deployment != 0 && state_deployment_by_id(v->state, a->deployment, &d))
        native_put_deployment(v, &d, w);
    json_array_end(w);
}

static void put_versions(struct state *s, int64_t app, struct json_writer *w)
{
    char text[TIME_TEXT_SIZE];
    json_key(w, "versions");
    json_array(w);
    struct stmt *q = state_app_versions(s, app);
    while (stmt_row(q))
        json_put_str(w, wall_text((struct wall){stmt_i64(q, 0)}, text));
    json_array_end(w);
}

void native_ask_app(struct call *c)
{
    struct app_row a;
    struct why why;
    struct json_writer w;
    const struct view *v = c->view;
    if (!native_path_app(c, &a))
        return;
    call_json(c, 200, &w);
    json_object(&w);
    put_definition(&a, &w);
    json_key(&w, "summary");
    struct placement *p = placement_new(v->state, facts_hearing(v));
    put_summary(v, p, &a, true, &w);
    placement_free(p);
    put_tasks(v, &a, &w);
    put_deployments(v, &a, &w);
    put_versions(v->state, a.id, &w);
    struct slice end = state_app_end(v->state, &a);
    if (end.len > 0)
        json_member_raw(&w, "lastFailure", end);
    if (native_why_app(v, a.path, &why)) {
        json_key(&w, "why");
        native_put_sentences(&why, &w);
    }
    json_member_int(&w, "index", (int64_t)v->index);
    json_object_end(&w);
}

void native_ask_app_version(struct call *c)
{
    struct app_row a;
    struct wall version;
    struct error err;
    struct app app;
    struct json_writer w;
    if (!native_path_app(c, &a))
        return;
    if (wall_parse(call_param(c, "version"), &version, &err) != 0) {
        call_error(c, &err);
        return;
    }
    struct slice definition = state_app_version(c->view->state, a.id, version);
    if (definition.len == 0 || app_load(definition, &app, &err) != 0) {
        char text[TIME_TEXT_SIZE];
        call_fail(c, ERR_NOT_FOUND, "app %s has no version %s (any more)", a.path,
                  wall_text(version, text));
        return;
    }
    app.version = version;
    call_json(c, 200, &w);
    app_write(&app, &w);
    app_close(&app);
}
