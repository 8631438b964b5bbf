/* Pods (spec/marathon.md 13). What follows a "::" in the path is a part of the pod: its status, its
 * versions, its instances. */
#include <stdio.h>
#include <string.h>

#include "api/marathon/private.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/pod.h"

#define KILLED_BY_USER "killed by a user"

/* ---- the path */

struct pod_path {
    char id[ID_SIZE]; /* absolute */
    const char *part; /* "", "status", "versions/2024-…"; borrowed from the call */
};

static void split_path(const struct call *c, struct pod_path *out)
{
    struct error err;
    char id[ID_SIZE];
    const char *text = call_param(c, "id"), *part = strstr(text, "::");
    size_t len = part != NULL ? (size_t)(part - text) : strlen(text);
    out->part = part != NULL ? part + 2 : "";
    snprintf(id, sizeof id, "%.*s", (int)(len < ID_SIZE ? len : ID_SIZE - 1), text);
    if (len >= ID_SIZE || id_resolve(id, "/", out->id, &err) != 0)
        snprintf(out->id, ID_SIZE, "/%.*s", ID_SIZE - 2, id);
}

/* What follows "name/" in the part, "" for the name alone; NULL: it is another part. */
static const char *below(const char *part, const char *name)
{
    size_t len = strlen(name);
    if (strncmp(part, name, len) != 0 || (part[len] != '\0' && part[len] != '/'))
        return NULL;
    return part[len] == '/' ? part + len + 1 : "";
}

static bool find_pod(struct call *c, const char *id, struct app_row *out)
{
    if (state_app_by_path(c->view->state, id, out) && out->pod)
        return true;
    marathon_message(c, 404, "Pod '%s' does not exist", id);
    return false;
}

static void no_such_part(struct call *c)
{
    marathon_message(c, 404, "URI not found: %.*s", (int)c->request->path.len, c->request->path.p);
}

/* ---- one pod */

static void put_members(const struct app_row *a, struct json_writer *w)
{
    json_put_members(w, a->definition);
    marathon_time(w, "version", a->version);
}

void show_pod(const struct app_row *a, struct json_writer *w)
{
    json_object(w);
    put_members(a, w);
    json_object_end(w);
}

void marathon_ask_pods(struct call *c)
{
    struct app_row row;
    struct json_writer w;
    call_json(c, 200, &w);
    json_array(&w);
    struct stmt *q = marathon_apps_within(c->view->state, "/");
    while (state_app_next(q, &row))
        if (row.pod)
            show_pod(&row, &w);
    json_array_end(&w);
}

/* ---- status (13.3) */

/* One instance: its tasks, those that have ended too, and what they are together. */
struct member {
    struct task_row first; /* without its texts, but for the name */
    char name[TASK_ID_SIZE];
    enum task_state state;
    struct wall since;
    bool unwell;  /* a container with a check is not known to be well */
    bool checked; /* one has a check */
    bool any;
};

static struct wall later(struct wall a, struct wall b)
{
    return a.ms > b.ms ? a : b;
}

static struct wall since_of(const struct task_row *t)
{
    return later(later(t->staged, t->started), later(t->killed, t->ended));
}

static void take_member(struct member *m, const struct app *a, const struct task_row *t)
{
    bool checked = app_task_has_check(a, t->name);
    if (!m->any) {
        m->first = *t;
        str_copy(m->name, sizeof m->name, t->name);
        m->state = t->state;
        m->any = true;
    }
    m->state = task_state_of_both(m->state, t->state);
    m->since = later(m->since, since_of(t));
    m->checked |= checked;
    m->unwell |= checked && t->started.ms != 0 && !task_ended(t->state) && t->health != 1;
}

static const char *status_of(const struct member *m)
{
    switch (m->state) {
    case TASK_STAGING:
    case TASK_STARTING:
        return "STAGING";
    case TASK_RUNNING:
        return m->unwell ? "DEGRADED" : "STABLE";
    case TASK_UNREACHABLE:
        return "DEGRADED";
    case TASK_KILLING:
    case TASK_FINISHED:
    case TASK_FAILED:
    case TASK_KILLED:
    case TASK_ERROR:
    case TASK_GONE:
    case TASK_DROPPED:
    case TASK_LOST:
        break;
    }
    return "TERMINAL";
}

static void put_resources(const struct resources *r, struct json_writer *w)
{
    json_key(w, "resources");
    json_object(w);
    json_member_double(w, "cpus", milli_to_cpus(r->cpus_milli));
    json_member_double(w, "mem", (double)r->mem_bytes / (1 << 20));
    json_member_double(w, "disk", (double)r->disk_bytes / (1 << 20));
    json_member_int(w, "gpus", r->gpus);
    json_object_end(w);
}

static void put_endpoints(const struct pod_container *c, const struct task_row *t,
                          struct json_writer *w)
{
    struct error err;
    struct json *ports = json_parse_own(slice_of(t->ports), &err);
    const struct json *next = json_first(ports);
    json_key(w, "endpoints");
    json_array(w);
    for (size_t i = 0; i < c->endpoints.n; i++) {
        json_object(w);
        json_member_str(w, "name", c->endpoints.items[i].name);
        if (c->endpoints.items[i].host_port != NOT_GIVEN && next != NULL) {
            json_member_int(w, "allocatedHostPort", json_int(next, 0));
            next = json_next(next);
        }
        if (c->health != NULL)
            json_member_bool(w, "healthy", t->health == 1);
        json_object_end(w);
    }
    json_array_end(w);
    json_free(ports);
}

static void put_conditions(const struct pod_container *c, const struct task_row *t,
                           struct json_writer *w)
{
    json_key(w, "conditions");
    json_array(w);
    if (c->health != NULL && t->started.ms != 0) {
        json_object(w);
        json_member_str(w, "name", "healthy");
        json_member_str(w, "value", t->health == 1 ? "true" : "false");
        json_member_str(w, "reason",
                        t->health == 0 ? "health-unreported-by-mesos" : "health-reported-by-mesos");
        marathon_time(w, "lastChanged", since_of(t));
        marathon_time(w, "lastUpdated", since_of(t));
        json_object_end(w);
    }
    json_array_end(w);
}

static void put_container(const struct app *a, const struct task_row *t, struct json_writer *w)
{
    const struct pod_container *c = pod_container_of(a->pod, t->name);
    if (c == NULL)
        return;
    struct resources needs = pod_container_needs(c);
    json_object(w);
    json_member_str(w, "name", c->name);
    json_member_str(w, "status", marathon_task_status(t->state));
    marathon_time(w, "statusSince", since_of(t));
    json_member_str(w, "containerId", t->name);
    put_endpoints(c, t, w);
    put_conditions(c, t, w);
    put_resources(&needs, w);
    if (t->message != NULL && t->message[0] != '\0')
        json_member_str(w, "message", t->message);
    marathon_time(w, "lastUpdated", since_of(t));
    marathon_time(w, "lastChanged", since_of(t));
    json_object_end(w);
}

static void put_networks(struct show *s, const struct app *a, int64_t agent, struct json_writer *w)
{
    const struct app_network *n = &a->networks.items[0];
    const char *address = show_address(s, agent);
    json_key(w, "networks");
    json_array(w);
    json_object(w);
    if (n->name != NULL)
        json_member_str(w, "name", n->name);
    json_key(w, "addresses");
    json_array(w);
    if (n->mode != APP_NETWORK_CONTAINER && address[0] != '\0') /* else it is not told */
        json_put_str(w, address);
    json_array_end(w);
    json_object_end(w);
    json_array_end(w);
}

static void put_instance_id(const struct member *m, const char *key, struct json_writer *w)
{
    json_key(w, key);
    json_put_slice(w, instance_of(m->name));
}

static void gather_member(struct state *s, const struct app *a, int64_t instance,
                          struct member *out)
{
    struct task_row t;
    *out = (struct member){0};
    struct stmt *q = state_tasks_of_instance(s, instance);
    while (state_task_next(q, &t))
        take_member(out, a, &t);
}

/* The definition that an instance was started with. False: it is not kept any more. */
static bool load_version(struct state *s, const struct app_row *row, struct wall version,
                         struct app *out)
{
    struct error err;
    struct slice definition = state_app_version(s, row->id, version);
    return definition.len > 0 && app_load(definition, out, &err) == 0;
}

static void put_instance(struct show *s, const struct app_row *row, const struct app *a,
                         const struct member *m, struct json_writer *w)
{
    char slave[MESOS_ID_SIZE], version[TIME_TEXT_SIZE], reference[ID_SIZE + TIME_TEXT_SIZE + 32];
    struct resources needs = app_needs(a);
    struct task_row t;
    json_object(w);
    put_instance_id(m, "id", w);
    json_member_str(w, "status", status_of(m));
    marathon_time(w, "statusSince", m->since);
    json_member_str(w, "agentHostname", show_hostname(s, m->first.agent));
    json_member_str(w, "agentId", slave_id(s->view, m->first.agent, slave));
    put_resources(&needs, w);
    put_networks(s, a, m->first.agent, w);
    json_key(w, "containers");
    json_array(w);
    struct stmt *q = state_tasks_of_instance(s->state, m->first.owner_id);
    while (state_task_next(q, &t))
        put_container(a, &t, w);
    json_array_end(w);
    snprintf(reference, sizeof reference, "/v2/pods%s::versions/%s", row->path,
             wall_text(m->first.version, version));
    json_member_str(w, "specReference", reference);
    json_key(w, "localVolumes");
    json_array(w);
    json_array_end(w);
    json_member_str(w, "role", a->role);
    marathon_time(w, "lastUpdated", m->since);
    marathon_time(w, "lastChanged", m->since);
    json_object_end(w);
    resources_close(&needs);
}

struct instances { /* of a pod, that have not ended, each once */
    struct {
        int64_t id;
        struct wall version;
    } * items;
    size_t n;
};

static void list_instances(struct state *s, int64_t app, struct instances *out)
{
    struct task_row t;
    size_t cap = 0;
    *out = (struct instances){0};
    struct stmt *q = state_tasks_of_app(s, app);
    while (state_task_next(q, &t)) {
        if (out->n > 0 && out->items[out->n - 1].id == t.owner_id)
            continue;
        if (out->n == cap) {
            cap = cap == 0 ? 8 : cap * 2;
            out->items = mem_realloc(out->items, cap * sizeof out->items[0]);
        }
        out->items[out->n].id = t.owner_id;
        out->items[out->n++].version = t.version;
    }
}

static void put_history(struct state *s, int64_t app, struct json_writer *w)
{
    struct pod_end_row row;
    json_key(w, "terminationHistory");
    json_array(w);
    struct stmt *q = state_pod_ends(s, app);
    while (state_pod_end_next(q, &row)) {
        json_object(w);
        json_member_str(w, "instanceID", row.name);
        marathon_time(w, "startedAt", row.created);
        marathon_time(w, "terminatedAt", row.ended);
        json_member_str(w, "message", row.message);
        json_member_raw(w, "containers", slice_of(row.containers));
        json_object_end(w);
    }
    json_array_end(w);
}

static void put_status(struct show *s, const struct app_row *row, struct json_writer *w)
{
    struct instances all;
    struct wall since = row->version;
    int64_t stable = 0;
    list_instances(s->state, row->id, &all);
    json_object(w);
    json_member_str(w, "id", row->path);
    json_key(w, "spec");
    show_pod(row, w);
    json_key(w, "instances");
    json_array(w);
    for (size_t i = 0; i < all.n; i++) {
        struct app a;
        struct member m;
        if (!load_version(s->state, row, all.items[i].version, &a))
            continue;
        gather_member(s->state, &a, all.items[i].id, &m);
        put_instance(s, row, &a, &m, w);
        stable += str_eq(status_of(&m), "STABLE");
        since = later(since, m.since);
        app_close(&a);
    }
    json_array_end(w);
    json_member_str(w, "status", stable >= row->instances ? "STABLE" : "DEGRADED");
    marathon_time(w, "statusSince", since);
    put_history(s->state, row->id, w);
    marathon_time(w, "lastUpdated", s->view->now.wall);
    marathon_time(w, "lastChanged", since);
    json_object_end(w);
    mem_free(all.items);
}

static void answer_status(struct call *c, const struct app_row *row)
{
    struct show s;
    struct json_writer w;
    show_init(&s, c->view, 0);
    call_json(c, 200, &w);
    put_status(&s, row, &w);
    show_close(&s);
}

void marathon_ask_pods_status(struct call *c)
{
    struct app_row row;
    struct show s;
    struct json_writer w;
    show_init(&s, c->view, 0);
    call_json(c, 200, &w);
    json_array(&w);
    struct stmt *q = marathon_apps_within(c->view->state, "/");
    while (state_app_next(q, &row))
        if (row.pod)
            put_status(&s, &row, &w);
    json_array_end(&w);
    show_close(&s);
}

/* ---- versions */

static void answer_version(struct call *c, const struct app_row *row, const char *text)
{
    struct wall version;
    struct error err;
    struct json_writer w;
    if (wall_parse(text, &version, &err) != 0) {
        call_error(c, &err);
        return;
    }
    struct app_row then = *row;
    then.version = version;
    then.definition = state_app_version(c->view->state, row->id, version);
    if (then.definition.len == 0) {
        marathon_message(c, 404, "Pod '%s' does not exist in version %s", row->path, text);
        return;
    }
    call_json(c, 200, &w);
    show_pod(&then, &w);
}

void marathon_ask_pod(struct call *c)
{
    struct pod_path path;
    struct app_row row;
    struct json_writer w;
    split_path(c, &path);
    const char *version = below(path.part, "versions");
    if (path.part[0] != '\0' && version == NULL && !str_eq(path.part, "status")) {
        no_such_part(c);
        return;
    }
    if (!find_pod(c, path.id, &row))
        return;
    if (str_eq(path.part, "status")) {
        answer_status(c, &row);
    } else if (version != NULL && version[0] != '\0') {
        answer_version(c, &row, version);
    } else {
        call_json(c, 200, &w);
        if (version != NULL)
            marathon_put_versions(c->view->state, row.id, &w);
        else
            show_pod(&row, &w);
    }
}

/* ---- changing */

static void keep(struct tell *t, const char *text)
{
    mem_free(t->kept);
    t->kept = mem_strdup(text);
}

static void put_deployment_header(struct tell *t, const struct outcome *o)
{
    struct error err;
    struct json *detail = json_parse(buf_slice(&o->detail), &err);
    header_put(&t->c.reply->headers, "Marathon-Deployment-Id",
               json_str(json_get(detail, "deployment"), ""));
    json_free(detail);
}

/* The pod as it stands now. */
static void answer_pod(struct tell *t, int status)
{
    struct app_row row;
    struct json_writer w;
    if (!find_pod(&t->c, t->kept, &row)) /* deleted in the same turn */
        return;
    call_json(&t->c, status, &w);
    show_pod(&row, &w);
}

static void answer_created(struct tell *t, const struct outcome *o)
{
    answer_pod(t, 201);
    put_deployment_header(t, o);
    marathon_location(&t->c, t->kept);
}

static void answer_changed(struct tell *t, const struct outcome *o)
{
    answer_pod(t, 200);
    put_deployment_header(t, o);
}

static void answer_deleted(struct tell *t, const struct outcome *o)
{
    struct error err;
    char location[UUID_TEXT_SIZE + 1];
    struct json *detail = json_parse(buf_slice(&o->detail), &err);
    snprintf(location, sizeof location, "/%s", json_str(json_get(detail, "deployment"), ""));
    json_free(detail);
    call_text(&t->c, 202, NULL, "");
    put_deployment_header(t, o);
    marathon_location(&t->c, location);
}

/* Nothing would change: as if a deployment without steps had ended at once (1.9). */
static void answer_unchanged(struct tell *t)
{
    char uuid[UUID_TEXT_SIZE];
    answer_pod(t, 200);
    header_put(&t->c.reply->headers, "Marathon-Deployment-Id", uuid_text(rng_uuid(t->rng), uuid));
}

/* False after having failed the call. */
static bool read_pod(struct tell *t, const struct app *old, struct app *out)
{
    struct problems problems = {0};
    const struct json *body = marathon_body(&t->c);
    if (body == NULL)
        return false;
    if (pod_parse(&t->c.view->facts->app_rules, body, "/", old, out, &problems) == 0)
        return true;
    call_problems(&t->c, &problems);
    return false;
}

static void propose(struct tell *t, struct app *a, const struct app_row *old, outcome_fn *then)
{
    char group[ID_SIZE];
    struct changes ch = {
        .group = id_parent(a->id, group), .force = query_true(&t->c.query, "force"), .told = true};
    keep(t, a->id);
    changes_put(&ch, a, old);
    if (changes_matter(&ch))
        changes_propose(t, &ch, then);
    else
        answer_unchanged(t);
    changes_close(&ch);
}

/* That the id is free is the state's to say, as for apps. */
void marathon_post_pod(struct tell *t)
{
    struct app a;
    if (read_pod(t, NULL, &a))
        propose(t, &a, NULL, answer_created);
}

/* Another id than the path's is a mistake; one that is none, pod_parse() will name. */
static bool has_other_id(struct tell *t, const char *id)
{
    char absolute[ID_SIZE];
    struct error err;
    const struct json *body = marathon_body(&t->c);
    const char *own = json_str(json_get(body, "id"), NULL);
    if (body == NULL)
        return true;
    if (own == NULL || id_resolve(own, "/", absolute, &err) != 0 || str_eq(absolute, id))
        return false;
    marathon_message(&t->c, 400, "the path names pod %s, the body pod %s: need the same", id,
                     absolute);
    return true;
}

void marathon_put_pod(struct tell *t)
{
    struct pod_path path;
    struct app_row row;
    struct app old, a;
    split_path(&t->c, &path);
    if (path.part[0] != '\0') {
        no_such_part(&t->c);
        return;
    }
    if (!find_pod(&t->c, path.id, &row) || has_other_id(t, path.id))
        return;
    load_app(&row, &old);
    if (read_pod(t, &old, &a))
        propose(t, &a, &row, answer_changed);
    app_close(&old);
}

/* ---- killing instances */

static void put_unreachable(const struct app *a, struct json_writer *w)
{
    json_key(w, "unreachableStrategy");
    if (a->unreachable.disabled) {
        json_put_str(w, "disabled");
        return;
    }
    json_object(w);
    json_member_int(w, "inactiveAfterSeconds", a->unreachable.inactive_s);
    json_member_int(w, "expungeAfterSeconds", a->unreachable.expunge_s);
    json_object_end(w);
}

static void put_killed(struct show *s, const struct app *a, const struct member *m,
                       struct json_writer *w)
{
    char slave[MESOS_ID_SIZE];
    json_object(w);
    put_instance_id(m, "instanceId", w);
    json_key(w, "state");
    json_object(w);
    json_member_str(w, "condition", marathon_task_condition(m->state));
    marathon_time(w, "since", m->since);
    if (m->first.started.ms != 0)
        marathon_time(w, "activeSince", m->first.started);
    if (m->checked)
        json_member_bool(w, "healthy", !m->unwell);
    json_member_str(w, "goal", m->first.stopping ? "Decommissioned" : "Running");
    json_object_end(w);
    json_key(w, "agentInfo");
    json_object(w);
    json_member_str(w, "host", show_hostname(s, m->first.agent));
    json_member_str(w, "agentId", slave_id(s->view, m->first.agent, slave));
    json_key(w, "attributes");
    json_array(w);
    json_array_end(w);
    json_object_end(w);
    marathon_time(w, "runSpecVersion", m->first.version);
    put_unreachable(a, w);
    json_object_end(w);
}

static void answer_killed(struct tell *t, const struct outcome *o)
{
    (void)o;
    call_text(&t->c, 200, "application/json", t->kept);
}

/* Those of the pod that have been named. */
struct doomed {
    int64_t *tasks; /* one of each instance: the others go with it */
    size_t n;
};

static void doom(struct show *s, const struct app_row *row, const char *name, struct json_writer *w,
                 struct doomed *d)
{
    struct task_row task;
    struct member m;
    struct app a;
    if (!state_task_by_name(s->state, name, &task) || task.app != row->id || task_ended(task.state))
        return;
    for (size_t i = 0; i < d->n; i++)
        if (d->tasks[i] == task.id)
            return;
    if (!load_version(s->state, row, task.version, &a))
        return;
    d->tasks[d->n++] = task.id;
    gather_member(s->state, &a, task.owner_id, &m);
    put_killed(s, &a, &m, w);
    app_close(&a);
}

static void propose_kills(struct tell *t, const struct doomed *d)
{
    struct json_writer w;
    if (d->n == 0) {
        answer_killed(t, NULL);
        return;
    }
    tell_begin(t, COMMAND_TASK_KILL, &w, answer_killed);
    json_key(&w, "tasks");
    json_array(&w);
    for (size_t i = 0; i < d->n; i++) {
        json_object(&w);
        json_member_int(&w, "task", d->tasks[i]);
        json_member_str(&w, "reason", KILLED_BY_USER);
        json_object_end(&w);
    }
    json_array_end(&w);
    tell_end(t, &w);
}

/* `ids` or the one `name`; the answer shows the instances as they were. */
static void kill_instances(struct tell *t, const struct app_row *row, const struct json *ids,
                           const char *name)
{
    struct show s;
    struct buf text;
    struct json_writer w;
    struct doomed d = {.tasks = mem_zalloc((json_count(ids) + 1) * sizeof(int64_t))};
    show_init(&s, t->c.view, 0);
    buf_init(&text, LIMIT_ANSWER_BYTES);
    json_begin(&w, &text);
    if (name == NULL)
        json_array(&w);
    JSON_EACH (id, ids)
        doom(&s, row, json_str(id, ""), &w, &d);
    if (name != NULL)
        doom(&s, row, name, &w, &d);
    if (name == NULL)
        json_array_end(&w);
    mem_free(t->kept);
    t->kept = buf_take(&text, NULL);
    show_close(&s);
    if (name != NULL && d.n == 0)
        marathon_message(&t->c, 404, "Instance '%s' does not exist", name);
    else
        propose_kills(t, &d);
    mem_free(d.tasks);
}

/* NULL after having failed the call. */
static const struct json *read_ids(struct tell *t)
{
    struct problems problems = {0};
    const struct json *body = marathon_body(&t->c);
    size_t i = 0;
    if (body == NULL)
        return NULL;
    if (!json_is(body, JSON_ARRAY))
        problems_add_coded(&problems, "error.expected.jsarray", "/",
                           "got %s, need an array of instance ids", json_kind_word(body));
    JSON_EACH (id, json_is(body, JSON_ARRAY) ? body : NULL) {
        char path[32];
        snprintf(path, sizeof path, "/(%zu)", i++);
        if (!json_is(id, JSON_STRING))
            problems_add_coded(&problems, "error.expected.jsstring", path, "got %s, need a text",
                               json_kind_word(id));
    }
    if (problems.n == 0)
        return body;
    call_problems(&t->c, &problems);
    return NULL;
}

void marathon_delete_pod(struct tell *t)
{
    struct pod_path path;
    struct app_row row;
    char group[ID_SIZE];
    split_path(&t->c, &path);
    const char *instance = below(path.part, "instances");
    if (path.part[0] != '\0' && instance == NULL) {
        no_such_part(&t->c);
        return;
    }
    if (!find_pod(&t->c, path.id, &row))
        return;
    if (instance != NULL && instance[0] != '\0') {
        kill_instances(t, &row, NULL, instance);
    } else if (instance != NULL) {
        const struct json *ids = read_ids(t);
        if (ids != NULL)
            kill_instances(t, &row, ids, NULL);
    } else {
        struct changes ch = {.group = id_parent(row.path, group),
                             .force = query_true(&t->c.query, "force"),
                             .told = true};
        changes_remove(&ch, &row);
        changes_propose(t, &ch, answer_deleted);
        changes_close(&ch);
    }
}
