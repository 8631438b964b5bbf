/* What is shown of pods and of their instances (spec/marathon.md 13.2, 13.3). */
#include <stdio.h>

#include "api/facts.h"
#include "api/marathon/private.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/pod.h"
#include "scheduler/apps/apps.h"
#include "scheduler/why/why.h"

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

/* ---- instances */

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

static struct wall since_of(const struct task_row *t)
{
    return marathon_later(marathon_later(t->staged, t->started),
                          marathon_later(t->killed, t->ended));
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
    m->since = marathon_later(m->since, since_of(t));
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

/* What an instance of that version ends with; 0: it has not been placed. */
static void put_reference(struct state *s, const struct app *a, int64_t instance,
                          struct wall version, struct wall since, struct json_writer *w)
{
    char text[TIME_TEXT_SIZE], reference[ID_SIZE + TIME_TEXT_SIZE + 32];
    snprintf(reference, sizeof reference, "/v2/pods%s::versions/%s", a->id,
             wall_text(version, text));
    json_member_str(w, "specReference", reference);
    show_volumes(s, a->id, app_is_resident(a) ? instance : 0, w);
    json_member_str(w, "role", a->role);
    marathon_time(w, "lastUpdated", since);
    marathon_time(w, "lastChanged", since);
}

static void put_needs(const struct app *a, struct json_writer *w)
{
    struct resources needs = app_needs(a);
    put_resources(&needs, w);
    resources_close(&needs);
}

static void put_instance(struct show *s, const struct app *a, const struct member *m,
                         const char *status, struct json_writer *w)
{
    char slave[MESOS_ID_SIZE];
    struct task_row t;
    json_object(w);
    put_instance_id(m, "id", w);
    json_member_str(w, "status", status);
    marathon_time(w, "statusSince", m->since);
    json_member_str(w, "agentHostname", show_hostname(s, m->first.agent));
    json_member_str(w, "agentId", slave_id(s->view, m->first.agent, slave));
    put_needs(a, w);
    put_networks(s, a, m->first.agent, w);
    json_key(w, "containers");
    json_array(w);
    struct stmt *q = state_tasks_of_instance(s->state, m->first.owner_id);
    while (state_task_next(q, &t))
        put_container(a, &t, w);
    json_array_end(w);
    put_reference(s->state, a, m->first.owner_id, m->first.version, m->since, w);
    json_object_end(w);
}

/* ---- instances that wait: the state knows their number, and no more. To ask it why takes the
 * row's texts away. */

/* Why they wait, in `why`; or NULL. What passes by itself is worth the least. */
static const char *reason_of(const struct view *view, const struct app *a, struct why *why)
{
    size_t i = 0;
    if (!why_app(view->state, facts_hearing(view), a->id, view->now.wall, why) || why->n == 0)
        return NULL;
    while (i + 1 < why->n && why_passes(&why->sentences[i]))
        i++;
    return why->sentences[i].because;
}

/* It gets its id when it is placed; until then it has one that no placed one has. */
static void put_pending_id(const char *pod, struct wall version, int64_t place,
                           struct json_writer *w)
{
    char id[INSTANCE_ID_SIZE];
    struct uuid own = instance_uuid(version.ms, -1 - place);
    json_member_str(w, "id", instance_id_text(pod, own, id));
}

struct waiting {
    int64_t n, *kept; /* kept: instances that wait for their place */
    size_t kept_n;
};

static void count_waiting(struct show *s, const struct app_row *row, struct waiting *out)
{
    struct app a;
    load_app(row, &a);
    *out = (struct waiting){.n = marathon_waiting(s->view, row, &a, NULL)};
    if (out->n > 0 && app_is_resident(&a)) {
        out->kept = mem_zalloc((size_t)out->n * sizeof out->kept[0]);
        out->kept_n = apps_waiting_kept(s->state, row, &a, out->n, s->view->now.wall, out->kept);
    }
    app_close(&a);
}

static bool waits(const struct waiting *w, int64_t instance)
{
    for (size_t i = 0; i < w->kept_n; i++)
        if (w->kept[i] == instance)
            return true;
    return false;
}

static void put_pending(struct show *s, const struct app_row *row, int64_t n, struct json_writer *w)
{
    struct app a;
    struct why why;
    load_app(row, &a);
    struct wall since = apps_waiting_since(s->state, row, &a, s->view->now.wall, NULL);
    const char *reason = n > 0 ? reason_of(s->view, &a, &why) : NULL;
    for (int64_t i = 0; i < n; i++) {
        json_object(w);
        put_pending_id(a.id, row->version, i, w);
        json_member_str(w, "status", "PENDING");
        marathon_time(w, "statusSince", since);
        if (reason != NULL)
            json_member_str(w, "message", reason);
        put_needs(&a, w);
        json_key(w, "networks");
        json_array(w);
        json_array_end(w);
        json_key(w, "containers");
        json_array(w);
        json_array_end(w);
        put_reference(s->state, &a, 0, row->version, since, w);
        json_object_end(w);
    }
    app_close(&a);
}

struct instances { /* of a pod, each once; first those that have not ended */
    struct {
        int64_t id;
        struct wall version;
    } * items;
    size_t n, cap;
};

static void take_instances(struct stmt *tasks, struct instances *out)
{
    struct task_row t;
    while (state_task_next(tasks, &t)) {
        if (out->n > 0 && out->items[out->n - 1].id == t.owner_id)
            continue;
        if (out->n == out->cap) {
            out->cap = out->cap == 0 ? 8 : out->cap * 2;
            out->items = mem_realloc(out->items, out->cap * sizeof out->items[0]);
        }
        out->items[out->n].id = t.owner_id;
        out->items[out->n++].version = t.version;
    }
}

static void list_instances(struct show *s, const struct app_row *row, struct instances *out)
{
    *out = (struct instances){0};
    take_instances(state_tasks_of_app(s->state, row->id), out);
    take_instances(show_idle(s, row), out);
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

void show_pod_status(struct show *s, const struct app_row *row, struct json_writer *w)
{
    struct instances all;
    struct wall since = row->version;
    struct waiting waiting;
    int64_t stable = 0;
    count_waiting(s, row, &waiting);
    list_instances(s, row, &all);
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
        bool pending = waits(&waiting, all.items[i].id);
        put_instance(s, &a, &m, pending ? "PENDING" : status_of(&m), w);
        stable += str_eq(status_of(&m), "STABLE");
        since = marathon_later(since, m.since);
        app_close(&a);
    }
    put_pending(s, row, waiting.n - (int64_t)waiting.kept_n, w);
    json_array_end(w);
    json_member_str(w, "status", stable >= row->instances ? "STABLE" : "DEGRADED");
    marathon_time(w, "statusSince", since);
    put_history(s->state, row->id, w);
    marathon_time(w, "lastUpdated", s->view->now.wall);
    marathon_time(w, "lastChanged", since);
    json_object_end(w);
    mem_free(all.items);
    mem_free(waiting.kept);
}

/* ---- as an instance is shown that is to be killed (13.3) */

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

bool show_pod_instance(struct show *s, const struct app_row *row, const struct task_row *task,
                       struct json_writer *w)
{
    struct member m;
    struct app a;
    int64_t instance = task->owner_id;
    if (!load_version(s->state, row, task->version, &a))
        return false;
    gather_member(s->state, &a, instance, &m);
    put_killed(s, &a, &m, w);
    app_close(&a);
    return true;
}
