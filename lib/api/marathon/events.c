/* Events (spec/marathon.md 12): the stream's door, and what each change of the state means. */
#include <string.h>

#include "api/marathon/private.h"
#include "api/marathon/stored.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "http/negotiate.h"
#include "http/sse.h"

#define EVENT_BYTES (16 << 20) /* of one: a heavy plan holds its apps twice */
/* A longer heavy plan shows its roots without apps: a few such events would be more than a
 * subscriber may have waiting. */
#define HEAVY_BYTES (LIMIT_SUBSCRIBER_BYTES / 4)

/* ---- one event */

struct event {
    const char *type;
    struct buf data;
    struct json_writer w;
};

static void event_begin(struct event *e, const char *type, struct wall at)
{
    e->type = type;
    buf_init(&e->data, EVENT_BYTES);
    json_begin(&e->w, &e->data);
    json_object(&e->w);
    json_member_str(&e->w, "eventType", type);
    marathon_time(&e->w, "timestamp", at);
}

/* Appends the whole event, whose object has ended. */
static void event_put(const struct event *e, struct buf *out)
{
    sse_event(out, e->type, NULL, buf_slice(&e->data));
}

/* ---- GET /v2/events */

static void stream_event(bool attached, const char *remote, struct wall at, struct event *e)
{
    event_begin(e, attached ? "event_stream_attached" : "event_stream_detached", at);
    json_member_str(&e->w, "remoteAddress", remote);
}

static char *types_of(const struct query *q)
{
    struct buf types;
    const char *type;
    buf_init(&types, LIMIT_URL_BYTES);
    for (size_t cursor = 0; (type = query_each(q, "event_type", &cursor)) != NULL;) {
        if (types.len > 0)
            buf_putc(&types, '\n');
        buf_puts(&types, type);
    }
    if (types.len > 0)
        return buf_take(&types, NULL);
    buf_close(&types);
    return NULL;
}

static bool is_among(const struct query *q, const char *wanted)
{
    const char *type = query_get(q, "event_type");
    if (type == NULL)
        return true;
    for (size_t cursor = 0; (type = query_each(q, "event_type", &cursor)) != NULL;)
        if (str_eq(type, wanted))
            return true;
    return false;
}

void marathon_ask_events(struct call *c)
{
    /* The first takes all stars: a stream is only for those who name it. */
    static const char *const offers[] = {"application/octet-stream", SSE_CONTENT_TYPE};
    struct reply *r = c->reply;
    const char *format = query_get(&c->query, "plan-format");
    if (accept_best(header_get(c->request->headers, "Accept"), offers, 2) != 1) {
        marathon_message(c, 405, "Method Not Allowed");
        return;
    }
    call_text(c, 200, SSE_CONTENT_TYPE, "");
    r->plain = true;
    r->subscribe = true;
    r->topic = str_eq(format, "light") ? TOPIC_MARATHON_LIGHT : TOPIC_MARATHON;
    r->types = types_of(&c->query);
    if (!is_among(&c->query, "event_stream_attached"))
        return;
    struct event e;
    stream_event(true, c->request->remote, c->view->now.wall, &e);
    json_object_end(&e.w);
    event_put(&e, &r->body);
    buf_close(&e.data);
}

/* ---- what changes mean */

struct render {
    const struct change *c;
    const struct view *view;
    unsigned topics; /* bits of those that somebody hears */
    void *data;
    publish_fn *publish;
};

static void begin(const struct render *r, struct event *e, const char *type)
{
    event_begin(e, type, r->c->at);
}

static void publish_on(const struct render *r, enum topic topic, const struct event *e,
                       const struct buf *text)
{
    const struct published p = {topic, e->type, buf_slice(text)};
    if ((r->topics & 1u << topic) != 0)
        r->publish(r->data, &p);
}

#define HEAVY (1u << TOPIC_MARATHON | 1u << TOPIC_CALLBACKS)
#define LIGHT (1u << TOPIC_MARATHON_LIGHT)

static void finish_for(const struct render *r, struct event *e, unsigned topics)
{
    struct buf text;
    json_object_end(&e->w);
    buf_init(&text, EVENT_BYTES + 1024);
    event_put(e, &text);
    if ((topics & HEAVY) != 0)
        publish_on(r, TOPIC_MARATHON, e, &text);
    if ((topics & LIGHT) != 0)
        publish_on(r, TOPIC_MARATHON_LIGHT, e, &text);
    if ((topics & HEAVY) != 0)
        publish_on(r, TOPIC_CALLBACKS, e, &e->data);
    buf_close(&text);
    buf_close(&e->data);
}

/* To all topics: only plans differ between them. */
static void finish(const struct render *r, struct event *e)
{
    finish_for(r, e, HEAVY | LIGHT);
}

/* ---- apps */

static void render_pod(const struct render *r)
{
    struct event e;
    if (r->c->more == NULL)
        return;
    begin(r, &e,
          r->c->state != 0    ? "pod_deleted_event"
          : r->c->before != 0 ? "pod_updated_event"
                              : "pod_created_event");
    json_member_str(&e.w, "clientIp", r->c->from);
    json_member_str(&e.w, "uri", r->c->more);
    finish(r, &e);
}

static void render_app(const struct render *r)
{
    struct app_row row;
    struct event e;
    if (r->c->number != 0) {
        render_pod(r);
        return;
    }
    if (r->c->more == NULL || !state_app_by_id(r->view->state, r->c->id, &row))
        return;
    begin(r, &e, "api_post_event");
    json_member_str(&e.w, "clientIp", r->c->from);
    json_member_str(&e.w, "uri", r->c->more);
    json_key(&e.w, "appDefinition");
    json_object(&e.w);
    show_definition(&row, &e.w);
    json_object_end(&e.w);
    finish(r, &e);
}

static void render_app_gone(const struct render *r)
{
    struct event e;
    begin(r, &e, "app_terminated_event");
    json_member_str(&e.w, "appId", r->c->name);
    finish(r, &e);
}

/* ---- deployments */

static void put_definitions(const char *name, const char *version, const struct json *apps,
                            bool pods, struct json_writer *w)
{
    json_key(w, name);
    json_array(w);
    JSON_EACH (app, apps) {
        if ((json_get(json_get(app, "definition"), "containers") != NULL) != pods)
            continue;
        json_object(w);
        JSON_EACH (member, json_get(app, "definition")) {
            json_key(w, json_name(member));
            json_put_value(w, member);
        }
        json_member_str(w, "version", json_str(json_get(app, "version"), version));
        json_object_end(w);
    }
    json_array_end(w);
}

/* The root group, trimmed to the apps that the deployment touches. */
static void put_root(const char *name, const char *version, const struct json *apps,
                     struct json_writer *w)
{
    json_key(w, name);
    json_object(w);
    json_member_str(w, "id", "/");
    json_member_str(w, "version", version);
    put_definitions("apps", version, apps, false, w);
    put_definitions("pods", version, apps, true, w);
    static const char *const empty[] = {"groups", "dependencies"};
    for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++) {
        json_key(w, empty[i]);
        json_array(w);
        json_array_end(w);
    }
    json_object_end(w);
}

/* Of the root before: the newest of the apps that are shown of it. */
static const char *newest(const struct json *apps)
{
    const char *version = "1970-01-01T00:00:00.000Z";
    JSON_EACH (app, apps) {
        const char *its = json_str(json_get(app, "version"), "");
        if (strcmp(its, version) > 0)
            version = its;
    }
    return version;
}

static const struct json *step_at(const struct json *plan, int step)
{
    int at = 0;
    JSON_EACH (s, json_get(plan, "steps"))
        if (++at == step)
            return s;
    return NULL;
}

struct deployment_event {
    const char *type;
    int step;           /* 0: without currentStep */
    bool id;            /* also on the top */
    const char *reason; /* or NULL */
};

enum plan_form { PLAN_LIGHT, PLAN_HEAVY, PLAN_HEAVY_EMPTY };

static void put_plan(const struct render *r, const struct json *plan, enum plan_form form,
                     struct json_writer *w)
{
    const char *version = json_str(json_get(plan, "version"), "");
    json_key(w, "plan");
    json_object(w);
    json_member_str(w, "id", r->c->name);
    json_member_str(w, "version", version);
    json_key(w, "steps");
    json_put_value(w, json_get(plan, "steps"));
    if (form != PLAN_LIGHT) {
        const struct json *original = json_get(plan, "original");
        bool empty = form == PLAN_HEAVY_EMPTY;
        put_root("original", newest(original), empty ? NULL : original, w);
        put_root("target", version, empty ? NULL : json_get(plan, "target"), w);
    }
    json_object_end(w);
}

static void write_deployment(const struct render *r, const struct json *plan,
                             const struct deployment_event *d, enum plan_form form, struct event *e)
{
    begin(r, e, d->type);
    if (d->id)
        json_member_str(&e->w, "id", r->c->name);
    put_plan(r, plan, form, &e->w);
    if (d->step > 0) {
        json_key(&e->w, "currentStep");
        json_put_value(&e->w, step_at(plan, d->step));
    }
    if (d->reason != NULL)
        json_member_str(&e->w, "reason", d->reason);
}

static void publish_deployment(const struct render *r, const struct json *plan,
                               const struct deployment_event *d, enum plan_form form)
{
    struct event e;
    unsigned topics = form == PLAN_LIGHT ? LIGHT : HEAVY;
    if ((r->topics & topics) == 0)
        return;
    write_deployment(r, plan, d, form, &e);
    if (form == PLAN_HEAVY && e.data.len > HEAVY_BYTES) {
        buf_close(&e.data);
        write_deployment(r, plan, d, PLAN_HEAVY_EMPTY, &e);
    }
    finish_for(r, &e, topics);
}

static void deployment_event(const struct render *r, const struct json *plan, const char *type,
                             int step, bool id, const char *reason)
{
    const struct deployment_event d = {type, step, id, reason};
    publish_deployment(r, plan, &d, PLAN_HEAVY);
    publish_deployment(r, plan, &d, PLAN_LIGHT);
}

static void group_event(const struct render *r, const char *version)
{
    struct event e;
    begin(r, &e, "group_change_success");
    json_member_str(&e.w, "groupId", r->c->of != NULL ? r->c->of : "/");
    json_member_str(&e.w, "version", version);
    finish(r, &e);
}

static void render_refused(const struct render *r)
{
    struct event e;
    begin(r, &e, "group_change_failed");
    json_member_str(&e.w, "groupId", r->c->of);
    marathon_time(&e.w, "version", r->c->at);
    json_member_str(&e.w, "reason", r->c->more);
    finish(r, &e);
}

static void render_group(const struct render *r)
{
    char version[TIME_TEXT_SIZE];
    group_event(r, wall_text((struct wall){r->c->id}, version));
}

static void add_checks(const struct render *r, const struct app_row *row)
{
    struct app a;
    load_app(row, &a);
    for (size_t i = 0; i < a.health_checks.n; i++) {
        struct event e;
        begin(r, &e, "add_health_check_event");
        json_member_str(&e.w, "appId", row->path);
        marathon_time(&e.w, "version", row->version);
        json_key(&e.w, "healthCheck");
        app_write_health_check(&a.health_checks.items[i], &e.w);
        finish(r, &e);
    }
    app_close(&a);
}

static void remove_checks(const struct render *r, const struct json *plan, const char *path)
{
    struct event e;
    JSON_EACH (app, json_get(plan, "original"))
        if (str_eq(json_str(json_get(app, "id"), ""), path) &&
            json_count(json_get(json_get(app, "definition"), "healthChecks")) > 0) {
            begin(r, &e, "remove_health_check_event");
            json_member_str(&e.w, "appId", path);
            finish(r, &e);
        }
}

/* An app's checks begin with the step that starts its configuration, and end with it. */
static void check_events(const struct render *r, const struct json *plan, int step)
{
    JSON_EACH (action, json_get(step_at(plan, step), "actions")) {
        const char *word = json_str(json_get(action, "action"), "");
        const char *path = json_str(json_get(action, "app"), "");
        char version[TIME_TEXT_SIZE];
        struct app_row row;
        if (str_eq(word, "StopApplication"))
            remove_checks(r, plan, path);
        else if (!str_eq(word, "StartApplication") &&
                 state_app_by_path(r->view->state, path, &row) &&
                 str_eq(wall_text(row.config, version), json_str(json_get(plan, "version"), "")))
            add_checks(r, &row);
    }
}

static void render_deployment(const struct render *r)
{
    struct error err;
    const struct change *c = r->c;
    struct json *plan = json_parse_own(slice_of(c->more), &err);
    if (c->kind == CHANGE_DEPLOYMENT_BEGIN) {
        group_event(r, json_str(json_get(plan, "version"), ""));
    } else if (c->kind == CHANGE_DEPLOYMENT_STEP) {
        if (c->step > 1)
            deployment_event(r, plan, "deployment_step_success", c->step - 1, false, NULL);
        deployment_event(r, plan, "deployment_info", c->step, false, NULL);
        check_events(r, plan, c->step);
    } else if (c->number != 0) {
        deployment_event(r, plan, "deployment_step_success", c->step, false, NULL);
        deployment_event(r, plan, "deployment_success", 0, true, NULL);
    } else {
        deployment_event(r, plan, "deployment_step_failure", c->step, false, NULL);
        deployment_event(r, plan, "deployment_failed", 0, true, "cancelled");
    }
    json_free(plan);
}

/* ---- tasks */

/* What a change of an app's task is about; looked up once for all its events. */
struct subject {
    struct task_row task;
    char slave[MESOS_ID_SIZE];
    const char *host, *address; /* "" when it is not known */
};

static bool look_up(const struct render *r, struct subject *s)
{
    struct agent_row agent;
    struct app_row app;
    if (r->c->of == NULL || !state_task_by_id(r->view->state, r->c->id, &s->task) ||
        s->task.owner != OWNER_APP)
        return false;
    bool known = state_agent_by_id(r->view->state, s->task.agent, &agent);
    bool own_network = state_app_by_id(r->view->state, r->c->owner, &app) &&
                       stored_on_container_network(app.definition);
    slave_id(r->view, s->task.agent, s->slave);
    s->host = known ? agent.hostname : "";
    s->address = known && !own_network ? agent.address : "";
    return true;
}

static void put_instance(const struct render *r, const char *key, struct json_writer *w)
{
    json_key(w, key);
    json_put_slice(w, instance_of(r->c->name));
}

static void kill_event(const struct render *r, const struct subject *s)
{
    struct event e;
    begin(r, &e, "unhealthy_instance_kill_event");
    json_member_str(&e.w, "appId", r->c->of);
    json_member_str(&e.w, "taskId", r->c->name);
    put_instance(r, "instanceId", &e.w);
    marathon_time(&e.w, "version", s->task.version);
    json_member_str(&e.w, "reason", s->task.message);
    json_member_str(&e.w, "host", s->host);
    json_member_str(&e.w, "slaveId", s->slave);
    finish(r, &e);
}

static void status_event(const struct render *r, const struct subject *s)
{
    struct event e;
    begin(r, &e, "status_update_event");
    json_member_str(&e.w, "slaveId", s->slave);
    json_member_str(&e.w, "taskId", r->c->name);
    json_member_str(&e.w, "taskStatus", marathon_task_status((enum task_state)r->c->state));
    json_member_str(&e.w, "message", s->task.message != NULL ? s->task.message : "");
    json_member_str(&e.w, "appId", r->c->of);
    json_member_str(&e.w, "host", s->host);
    show_ip_addresses(s->address, &e.w);
    json_member_raw(&e.w, "ports", slice_of(s->task.ports));
    marathon_time(&e.w, "version", s->task.version);
    finish(r, &e);
}

/* A pod's instance is what its containers are together. */
static enum task_state state_of_instance(const struct render *r, const struct subject *s)
{
    enum task_state state = (enum task_state)r->c->state;
    struct task_row t;
    struct stmt *q = s->task.pod ? state_tasks_of_instance(r->view->state, s->task.owner_id) : NULL;
    while (state_task_next(q, &t))
        state = t.id == s->task.id ? state : task_state_of_both(state, t.state);
    return state;
}

static void instance_event(const struct render *r, const struct subject *s)
{
    struct event e;
    begin(r, &e, "instance_changed_event");
    put_instance(r, "instanceId", &e.w);
    json_member_str(&e.w, "condition", marathon_task_condition(state_of_instance(r, s)));
    json_member_str(&e.w, "runSpecId", r->c->of);
    json_member_str(&e.w, "agentId", s->slave);
    json_member_str(&e.w, "host", s->host);
    marathon_time(&e.w, "runSpecVersion", s->task.version);
    finish(r, &e);
}

/* Its agent has begun to, as it is not well; where that was not told, it is known at the end. */
static bool agent_kills(const struct render *r, const struct subject *s)
{
    bool begins = r->c->state == TASK_KILLING,
         ends = r->c->state == TASK_KILLED && r->c->before != TASK_KILLING;
    return s->task.kill_reason == NULL && (begins || ends);
}

static void render_task(const struct render *r)
{
    struct subject s;
    if (!look_up(r, &s))
        return;
    if (agent_kills(r, &s))
        kill_event(r, &s);
    status_event(r, &s);
    instance_event(r, &s);
}

/* Its instance is forgotten, and perhaps its app. */
static void render_late_end(const struct render *r)
{
    struct task_ref ref;
    struct error err;
    struct event e;
    if (task_id_parse(r->c->name, &ref, &err) != 0)
        return;
    begin(r, &e, "unknown_instance_terminated_event");
    put_instance(r, "instanceId", &e.w);
    json_member_str(&e.w, "runSpecId", ref.app);
    json_member_str(&e.w, "condition", marathon_task_condition((enum task_state)r->c->state));
    finish(r, &e);
}

/* ---- health */

/* Of the app's check of that number; NULL: it has none. An older agent's have no numbers: they are
 * in the order of the app's. */
static const struct json *result_of(const struct json *results, int64_t check)
{
    int64_t at = 0;
    JSON_EACH (result, results)
        if (json_int(json_get(result, "check"), at++) == check)
            return result;
    return NULL;
}

static bool is_alive(const struct json *result)
{
    return json_bool(json_get(result, "alive"), false);
}

static void alive_event(const struct render *r, const struct subject *s, bool alive)
{
    struct event e;
    begin(r, &e, "health_status_changed_event");
    json_member_str(&e.w, "appId", r->c->of);
    put_instance(r, "instanceId", &e.w);
    json_member_str(&e.w, "taskId", r->c->name);
    marathon_time(&e.w, "version", s->task.version);
    json_member_bool(&e.w, "alive", alive);
    finish(r, &e);
}

/* Of each check that is alive now and was not, or the other way round (10.4). */
static void alive_events(const struct render *r, const struct subject *s,
                         const struct json *results, const struct json *before)
{
    int64_t at = 0;
    JSON_EACH (result, results) {
        bool alive = is_alive(result);
        if (alive != is_alive(result_of(before, json_int(json_get(result, "check"), at++))))
            alive_event(r, s, alive);
    }
}

static void instance_health_event(const struct render *r, const struct subject *s)
{
    struct event e;
    begin(r, &e, "instance_health_changed_event");
    put_instance(r, "instanceId", &e.w);
    json_member_str(&e.w, "runSpecId", r->c->of);
    marathon_time(&e.w, "runSpecVersion", s->task.version);
    json_key(&e.w, "healthy");
    if (r->c->number == 0)
        json_put_null(&e.w);
    else
        json_put_bool(&e.w, r->c->number == 1);
    finish(r, &e);
}

static int64_t failures(const struct json *result)
{
    return json_int(json_get(result, "consecutiveFailures"), 0);
}

/* Of each check that has failed once more. */
static void failed_events(const struct render *r, const struct subject *s,
                          const struct json *results, const struct json *before)
{
    struct app a;
    struct error err;
    struct slice stored = state_app_version(r->view->state, r->c->owner, s->task.version);
    if (stored.len == 0 || app_load(stored, &a, &err) != 0)
        return;
    for (size_t check = 0; check < a.health_checks.n; check++) {
        struct event e;
        if (failures(result_of(results, (int64_t)check)) <=
            failures(result_of(before, (int64_t)check)))
            continue;
        begin(r, &e, "failed_health_check_event");
        json_member_str(&e.w, "appId", r->c->of);
        put_instance(r, "taskId", &e.w);
        json_key(&e.w, "healthCheck");
        app_write_health_check(&a.health_checks.items[check], &e.w);
        finish(r, &e);
    }
    app_close(&a);
}

static struct json *read_results(const char *text)
{
    struct error err;
    return text != NULL ? json_parse_own(slice_of(text), &err) : NULL;
}

static void render_health(const struct render *r)
{
    struct subject s;
    if (!look_up(r, &s))
        return;
    struct json *results = read_results(s.task.health_results), *before = read_results(r->c->more);
    if (r->c->number == 2)
        failed_events(r, &s, results, before);
    alive_events(r, &s, results, before);
    json_free(before);
    json_free(results);
    if (r->c->number != r->c->before)
        instance_health_event(r, &s);
}

/* ---- streams and callbacks */

void marathon_render_stream(bool attached, const char *remote, struct wall at, unsigned topics,
                            void *data, publish_fn *publish)
{
    const struct render r = {.topics = topics, .data = data, .publish = publish};
    struct event e;
    stream_event(attached, remote, at, &e);
    finish(&r, &e);
}

static void render_callback(const struct render *r)
{
    struct event e;
    begin(r, &e, marathon_callback_event(r->c->number != 0));
    json_member_str(&e.w, "clientIp", r->c->from);
    json_member_str(&e.w, "callbackUrl", r->c->name);
    finish(r, &e);
}

void marathon_render(const struct change *c, const struct view *view, unsigned topics, void *data,
                     publish_fn *publish)
{
    const struct render r = {c, view, topics, data, publish};
    switch (c->kind) {
    case CHANGE_APP:
        render_app(&r);
        break;
    case CHANGE_APP_GONE:
        render_app_gone(&r);
        break;
    case CHANGE_DEPLOYMENT_BEGIN:
    case CHANGE_DEPLOYMENT_STEP:
    case CHANGE_DEPLOYMENT_END:
        render_deployment(&r);
        break;
    case CHANGE_APPS_REFUSED:
        render_refused(&r);
        break;
    case CHANGE_GROUP:
        render_group(&r);
        break;
    case CHANGE_TASK:
        render_task(&r);
        break;
    case CHANGE_LATE_END:
        render_late_end(&r);
        break;
    case CHANGE_HEALTH:
        render_health(&r);
        break;
    case CHANGE_READINESS:
    case CHANGE_JOB:
    case CHANGE_JOB_GONE:
    case CHANGE_RUN:
    case CHANGE_AGENT:
    case CHANGE_NODE:
    case CHANGE_CALENDAR:
    case CHANGE_TOKEN:
    case CHANGE_VOLUME:
    case CHANGE_NOTICE:
        break;
    case CHANGE_CALLBACK:
        render_callback(&r);
        break;
    }
}
