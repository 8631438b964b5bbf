#include <stdio.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/str.h"
#include "model/app.h"
#include "state/private.h"

/* One element of app.put's `apps`, with what stands in the state. */
struct put {
    const char *path;
    const struct json *definition, *instances; /* the whole, or only how many; or remove it */
    bool restart;
    bool known;
    struct app_row old; /* texts live until the next state_app_by_path() */
};

static void read_put(struct apply *a, const struct json *item, struct put *p)
{
    *p = (struct put){
        .path = json_str(json_get(item, "path"), ""),
        .definition = json_get(item, "definition"),
        .instances = json_get(item, "instances"),
        .restart = json_bool(json_get(item, "restart"), false),
    };
    p->known = state_app_by_path(a->s, p->path, &p->old);
}

/* ---- refusing */

/* The decider saw version `base` of the app, 0 for none (spec/marathon.md 1.6, 3.4). */
static int check_base(struct apply *a, const struct json *item, const struct put *p)
{
    int64_t base = json_int(json_get(item, "base"), 0);
    if (base == 0 && p->known)
        return refuse(a, ERR_CONFLICT, "%s with id [%s] already exists.",
                      p->old.pod ? "A pod" : "An app", p->path);
    if (base != 0 && !p->known)
        return refuse(a, ERR_NOT_FOUND, "App '%s' does not exist", p->path);
    if (p->known && base != p->old.version.ms)
        return refuse_stale(a, "%s: was changed meanwhile", p->path);
    return 0;
}

/* spec/marathon.md 1.6: names the deployments in `detail`, and the cure. */
static int refuse_locked(struct apply *a, const char *path, int64_t deployment)
{
    struct deployment_row d;
    char text[UUID_TEXT_SIZE] = "";
    if (state_deployment_brief(a->s, deployment, &d))
        uuid_text(deployment_uuid(&d), text);
    struct json_writer w;
    json_begin(&w, &a->outcome->detail);
    json_object(&w);
    json_key(&w, "deployments");
    json_array(&w);
    json_object(&w);
    json_member_str(&w, "id", text);
    json_object_end(&w);
    json_array_end(&w);
    json_object_end(&w);
    return refuse(a, ERR_CONFLICT,
                  "App is locked by one or more deployments. Override with the option "
                  "'?force=true'. View details at '/v2/deployments/%s'. (app %s)",
                  text, path);
}

/* Names the limit in `detail`: a door may have a status of its own for it. */
static void name_limit(struct apply *a, const char *limit)
{
    struct json_writer w;
    json_begin(&w, &a->outcome->detail);
    json_object(&w);
    json_member_str(&w, "limit", limit);
    json_object_end(&w);
}

/* ---- deployments */

static void end_deployment(struct apply *a, const struct deployment_row *d, bool done,
                           const char *why)
{
    char name[UUID_TEXT_SIZE];
    uuid_text(deployment_uuid(d), name);
    changed(a,
            (struct change){
                .kind = CHANGE_DEPLOYMENT_END,
                .id = d->id,
                .name = name,
                .number = done,
                .step = d->step,
                .more = d->plan,
                .event = event_put(a, NOUN_DEPLOYMENT, name, done ? "done" : "cancelled",
                                   done ? "deployment %s is done" : "deployment %s: %s", name, why),
            });
    struct stmt *q = change_use(a->s, DEPLOYMENT_DELETE); /* its locks go with it */
    stmt_bind_i64(q, ":id", d->id);
    stmt_run(q);
}

static int64_t lock_holder(struct state *s, const char *path)
{
    struct stmt *q = change_use(s, DEPLOYMENT_OF_PATH);
    stmt_bind_text(q, ":path", path);
    return stmt_one_i64(q, 0);
}

/* Cancels what locks the app if forced, else refuses. */
static int take_lock(struct apply *a, const char *path, bool force)
{
    int64_t holder = lock_holder(a->s, path);
    if (holder == 0)
        return 0;
    if (!force)
        return refuse_locked(a, path, holder);
    struct deployment_row d;
    if (state_deployment_by_id(a->s, holder, &d))
        end_deployment(a, &d, false, "cancelled by a forced change");
    return 0;
}

static void write_version(struct json_writer *w, const char *path, struct slice definition,
                          struct wall version)
{
    char text[TIME_TEXT_SIZE];
    json_object(w);
    json_member_str(w, "id", path);
    json_member_str(w, "version", wall_text(version, text));
    json_member_raw(w, "definition", definition);
    json_object_end(w);
}

static size_t count_steps(const struct json *deployment)
{
    return json_count(json_get(deployment, "steps"));
}

/* What a deployment changes, for going back. */
struct diff {
    struct buf originals, targets; /* of apps */
    struct buf groups;             /* empty: none */
};

static void write_plan(struct buf *out, const struct json *steps, struct wall version,
                       const struct diff *d)
{
    struct json_writer w;
    json_begin(&w, out);
    json_object(&w);
    char text[TIME_TEXT_SIZE];
    json_member_str(&w, "version", wall_text(version, text));
    json_key(&w, "steps");
    json_put_value(&w, steps);
    json_member_raw(&w, "original", buf_slice(&d->originals));
    json_member_raw(&w, "target", buf_slice(&d->targets));
    if (d->groups.len > 0)
        json_member_raw(&w, "groups", buf_slice(&d->groups));
    json_object_end(&w);
}

/* With its first step, which needs no event of its own. */
static void begin_deployment(struct apply *a, const struct json *v, struct wall version,
                             const char *plan)
{
    struct uuid u;
    const char *uuid = json_str(json_get(v, "uuid"), "");
    if (!uuid_parse(uuid, &u))
        UNREACHABLE("a deployment's uuid is made by us");
    struct stmt *q = change_use(a->s, DEPLOYMENT_ADD);
    stmt_bind_blob(q, ":uuid", (struct slice){(const char *)u.b, sizeof u.b});
    stmt_bind_i64(q, ":version", version.ms);
    stmt_bind_i64(q, ":at", a->c->at.ms);
    stmt_bind_i64(q, ":steps", (int64_t)count_steps(v));
    stmt_bind_text(q, ":plan", plan);
    stmt_run(q);
    int64_t id = db_last_id(a->s->db);
    JSON_EACH (item, json_get(a->c->args, "apps")) {
        q = change_use(a->s, DEPLOYMENT_LOCK);
        stmt_bind_text(q, ":path", json_str(json_get(item, "path"), ""));
        stmt_bind_i64(q, ":id", id);
        stmt_run(q);
    }
    changed(a, (struct change){
                   .kind = CHANGE_DEPLOYMENT_BEGIN,
                   .id = id,
                   .name = uuid,
                   .of = json_str(json_get(a->c->args, "group"), "/"),
                   .more = plan,
                   .event = event_put(a, NOUN_DEPLOYMENT, uuid, "begin",
                                      "deployment %s begins: %zu step%s", uuid, count_steps(v),
                                      count_steps(v) == 1 ? "" : "s"),
               });
    changed(a,
            (struct change){
                .kind = CHANGE_DEPLOYMENT_STEP, .id = id, .name = uuid, .step = 1, .more = plan});
}

/* ---- apps */

static void speak_for(struct apply *a, int64_t port)
{
    if (port > 0)
        map_put(a->spoken_for, (uint64_t)port, a->spoken_for);
}

static void speak_for_each(struct apply *a, const struct json *list, const char *member)
{
    JSON_EACH (port, list)
        speak_for(a, json_int(json_get(port, member), 0));
}

/* What the command frees itself is not given again yet, nor what it names further on
 * (spec/marathon.md 7.3). */
static void speak_for_own(struct apply *a)
{
    JSON_EACH (item, json_get(a->c->args, "apps")) {
        struct put p;
        read_put(a, item, &p);
        struct stmt *q = p.known ? state_service_ports_of_app(a->s, p.old.id) : NULL;
        while (q != NULL && stmt_row(q))
            speak_for(a, stmt_i64(q, 0));
        speak_for_each(a, json_get(p.definition, "portDefinitions"), "port");
        speak_for_each(a, json_get(json_get(p.definition, "container"), "portMappings"),
                       "servicePort");
    }
}

/* A command of a thousand apps asks a thousand times from the first port on. */
static bool port_taken(void *data, int64_t port)
{
    struct apply *a = data;
    int64_t first = a->full_below != 0 ? a->full_below : SERVICE_PORT_MIN;
    if (port < first)
        return true;
    bool taken =
        map_get(a->spoken_for, (uint64_t)port) != NULL || state_service_port_taken(a->s, port);
    if (taken && port == first)
        a->full_below = port + 1;
    return taken;
}

static void put_service_ports(struct state *s, int64_t app, const struct app *definition)
{
    struct stmt *q = change_use(s, SERVICE_PORTS_DROP);
    stmt_bind_i64(q, ":app", app);
    stmt_run(q);
    for (size_t i = 0; i < app_port_count(definition); i++) {
        q = change_use(s, SERVICE_PORT_PUT);
        stmt_bind_i64(q, ":app", app);
        stmt_bind_i64(q, ":position", (int64_t)i);
        stmt_bind_i64(q, ":port", app_service_port(definition, i));
        stmt_run(q);
    }
}

static void keep_version(struct state *s, const struct app_row *old)
{
    struct stmt *q = change_use(s, VERSION_PUT);
    stmt_bind_i64(q, ":app", old->id);
    stmt_bind_i64(q, ":version", old->version.ms);
    stmt_bind_slice(q, ":definition", old->definition);
    stmt_run(q);
    q = change_use(s, VERSIONS_TRIM);
    stmt_bind_i64(q, ":app", old->id);
    stmt_bind_i64(q, ":keep", state_app_versions_kept(s) - 1);
    stmt_run(q);
}

bool put_removes(const struct json *item)
{
    return json_get(item, "definition") == NULL && json_get(item, "instances") == NULL;
}

static int load_scaled(struct apply *a, const struct put *p, struct app *out)
{
    struct error err;
    int64_t instances = json_int(p->instances, -1);
    if (!p->known || instances < 0 || instances > LIMIT_INSTANCES)
        return refuse(a, ERR_INVALID, "%s: got %lld instances, need at most %d of an app", p->path,
                      (long long)instances, LIMIT_INSTANCES);
    if (app_load(p->old.definition, out, &err) != 0)
        UNREACHABLE("a stored definition reads back");
    app_set_instances(out, instances);
    return 0;
}

/* The definition as it will stand: zeros among its service ports get numbers (7.3). */
static int load_new(struct apply *a, const struct put *p, struct app *out)
{
    struct buf text;
    buf_init(&text, LIMIT_ENTRY_BYTES);
    struct json_writer w;
    json_begin(&w, &text);
    json_put_value(&w, p->definition);
    struct error err;
    struct app old = {0};
    int rc = app_load(buf_slice(&text), out, &err);
    buf_close(&text);
    if (rc != 0)
        return refuse(a, ERR_INVALID, "%s: %s", p->path, err.text);
    if (p->known && app_load(p->old.definition, &old, &err) != 0)
        UNREACHABLE("a stored definition reads back");
    const struct service_ports range = {
        .data = a, .taken = port_taken, .min = SERVICE_PORT_MIN, .max = SERVICE_PORT_MAX};
    rc = app_assign_service_ports(out, p->known ? &old : NULL, &range, &err);
    app_close(&old);
    if (rc != 0) {
        app_close(out);
        name_limit(a, "service_ports");
        return refuse(a, err.code, "%s: %s", p->path, err.text);
    }
    return 0;
}

static int64_t add_app(struct apply *a, const struct put *p, struct slice definition,
                       int64_t instances, struct wall version)
{
    struct stmt *q = change_use(a->s, APP_ADD);
    stmt_bind_text(q, ":path", p->path);
    stmt_bind_slice(q, ":definition", definition);
    stmt_bind_i64(q, ":instances", instances);
    stmt_bind_i64(q, ":at", version.ms);
    stmt_run(q);
    int64_t id = db_last_id(a->s->db);
    q = change_use(a->s, APP_COUNTS_ADD);
    stmt_bind_i64(q, ":app", id);
    stmt_run(q);
    return id;
}

void put_delay(struct state *s, int64_t app, int64_t delay_ms, int64_t ref_ms)
{
    struct stmt *q = change_use(s, APP_DELAY);
    stmt_bind_i64(q, ":id", app);
    stmt_bind_i64(q, ":delay", delay_ms);
    stmt_bind_i64(q, ":ref", ref_ms);
    stmt_run(q);
}

/* Versions by spec/marathon.md 4.7. */
static void change_app(struct apply *a, const struct put *p, struct slice definition,
                       int64_t instances, bool only_scaled, struct wall version)
{
    keep_version(a->s, &p->old);
    struct stmt *q = change_use(a->s, APP_CHANGE);
    stmt_bind_i64(q, ":id", p->old.id);
    stmt_bind_slice(q, ":definition", definition);
    stmt_bind_i64(q, ":instances", instances);
    stmt_bind_i64(q, ":version", version.ms);
    stmt_bind_i64(q, ":scaling", p->restart ? p->old.scaling.ms : version.ms);
    stmt_bind_i64(q, ":config", only_scaled ? p->old.config.ms : version.ms);
    stmt_run(q);
    if (!only_scaled) /* the backoff is that of a configuration (9.2) */
        put_delay(a->s, p->old.id, 0, 0);
}

static enum app_change compare(const struct put *p, const struct app *new)
{
    struct app old;
    struct error err;
    if (!p->known)
        return APP_CHANGED;
    if (app_load(p->old.definition, &old, &err) != 0)
        UNREACHABLE("a stored definition reads back");
    enum app_change change = app_compare(&old, new);
    app_close(&old);
    return change;
}

static int put_one(struct apply *a, const struct put *p, struct wall version, struct json_writer *w)
{
    struct app new = {0};
    if ((p->definition != NULL ? load_new(a, p, &new) : load_scaled(a, p, &new)) != 0)
        return -1;
    enum app_change what = compare(p, &new);
    struct buf text;
    buf_init(&text, LIMIT_ENTRY_BYTES);
    struct json_writer dw;
    json_begin(&dw, &text);
    app_write(&new, &dw);

    int64_t id = p->old.id;
    bool same = what == APP_SAME && !p->restart;
    if (!p->known)
        id = add_app(a, p, buf_slice(&text), new.instances, version);
    else if (!same)
        change_app(a, p, buf_slice(&text), new.instances, what == APP_SCALED && !p->restart,
                   version);
    if (!same)
        put_service_ports(a->s, id, &new);
    write_version(w, p->path, buf_slice(&text), same ? p->old.version : version);
    changed(a, (struct change){
                   .kind = CHANGE_APP,
                   .id = id,
                   .name = p->path,
                   .more = json_str(json_get(a->c->args, "uri"), NULL),
                   .number = new.pod != NULL,
                   .before = p->known,
                   .event = same ? 0
                                 : event_put(a, NOUN_APP, p->path, "put",
                                             !p->known    ? "%s %s was created"
                                             : p->restart ? "%s %s is restarted"
                                                          : "%s %s was changed",
                                             new.pod != NULL ? "pod" : "app", p->path),
               });
    buf_close(&text);
    app_close(&new);
    return 0;
}

/* Groups may go back to when it was there. */
static void keep_removed(struct apply *a, const struct put *p, struct wall version)
{
    if (a->s->level < LEVEL_GROUPS)
        return;
    keep_version(a->s, &p->old);
    struct stmt *q = change_use(a->s, REMOVED_PUT);
    stmt_bind_i64(q, ":app", p->old.id);
    stmt_bind_text(q, ":path", p->path);
    stmt_bind_i64(q, ":at", version.ms);
    stmt_run(q);
}

static void remove_one(struct apply *a, const struct put *p, struct wall version)
{
    keep_removed(a, p, version);
    struct stmt *q = change_use(a->s, APP_GONE);
    stmt_bind_i64(q, ":id", p->old.id);
    stmt_bind_i64(q, ":version", version.ms);
    stmt_run(q);
    q = change_use(a->s, SERVICE_PORTS_DROP);
    stmt_bind_i64(q, ":app", p->old.id);
    stmt_run(q);
    changed(a, (struct change){
                   .kind = CHANGE_APP,
                   .id = p->old.id,
                   .name = p->path,
                   .state = 1, /* gone */
                   .more = p->old.pod ? json_str(json_get(a->c->args, "uri"), NULL) : NULL,
                   .number = p->old.pod,
                   .before = 1,
                   .event = event_put(a, NOUN_APP, p->path, "delete", "%s %s was deleted",
                                      p->old.pod ? "pod" : "app", p->path),
               });
}

static struct wall next_version(struct apply *a)
{
    int64_t last = state_version_ms(a->s);
    int64_t version = a->c->at.ms > last ? a->c->at.ms : last + 1;
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)version);
    put_setting(a->s, "root_version_ms", text);
    if (json_get(a->c->args, "depends") != NULL && a->s->level >= DEPENDS_LEVEL)
        put_setting(a->s, "depends_version_ms", text);
    return (struct wall){version};
}

static int put_each(struct apply *a, struct wall version, struct diff *d)
{
    struct json_writer ow, tw;
    json_begin(&ow, &d->originals);
    json_array(&ow);
    json_begin(&tw, &d->targets);
    json_array(&tw);
    JSON_EACH (item, json_get(a->c->args, "apps")) {
        struct put p;
        read_put(a, item, &p);
        if (p.known)
            write_version(&ow, p.path, p.old.definition, p.old.version);
        if (put_removes(item))
            remove_one(a, &p, version);
        else if (put_one(a, &p, version, &tw) != 0)
            return -1;
    }
    json_array_end(&ow);
    json_array_end(&tw);
    return 0;
}

static int plan_bytes_max(const struct apply *a)
{
    return a->s->level < LARGE_LEVEL ? LIMIT_PLAN_BYTES_OLD : LIMIT_PLAN_BYTES;
}

static int deploy(struct apply *a, const struct json *deployment, struct wall version,
                  const struct diff *d)
{
    struct buf plan;
    int rc = 0;
    buf_init(&plan, plan_bytes_max(a));
    write_plan(&plan, json_get(deployment, "steps"), version, d);
    if (buf_full(&d->originals) || buf_full(&d->targets) || buf_full(&d->groups) || buf_full(&plan))
        rc = refuse(a, ERR_LIMIT,
                    "the definitions that a deployment keeps need at most %d bytes: change "
                    "fewer apps at once",
                    plan_bytes_max(a));
    else
        begin_deployment(a, deployment, version, buf_str(&plan));
    buf_close(&plan);
    return rc;
}

/* Changes the apps and groups, and begins the deployment that is to make it so, if that takes any
 * step. */
static int put_all(struct apply *a, struct wall version)
{
    const struct json *deployment = json_get(a->c->args, "deployment");
    struct diff d = {0};
    buf_init(&d.originals, LIMIT_PLAN_BYTES);
    buf_init(&d.targets, LIMIT_PLAN_BYTES);
    buf_init(&d.groups, LIMIT_PLAN_BYTES);
    a->spoken_for = map_new();
    if (a->s->level >= PORTS_LEVEL)
        speak_for_own(a);
    int rc = put_each(a, version, &d);
    map_free(a->spoken_for);
    if (rc == 0)
        rc = groups_change(a, version, &d.groups);
    if (rc == 0 && count_steps(deployment) > 0)
        rc = deploy(a, deployment, version, &d);
    else if (rc == 0 && a->c->kind == COMMAND_GROUP_PUT)
        changed(a, (struct change){.kind = CHANGE_GROUP,
                                   .id = version.ms,
                                   .of = json_str(json_get(a->c->args, "group"), "/")});
    buf_close(&d.originals);
    buf_close(&d.targets);
    buf_close(&d.groups);
    return rc;
}

/* Scaling down by naming the victims (6.3): they end whatever the deployment does. */
static void kill_sentenced(struct apply *a)
{
    JSON_EACH (item, json_get(a->c->args, "kill")) {
        struct task_row t;
        if (state_task_by_id(a->s, json_int(item, 0), &t))
            task_kill(a, &t, "scaled down");
    }
}

/* Each app once: their order would decide what becomes of it. */
static int check_once(struct apply *a)
{
    struct map *seen = map_new();
    const char *twice = NULL;
    JSON_EACH (item, json_get(a->c->args, "apps")) {
        const char *path = json_str(json_get(item, "path"), "");
        if (map_put_str(seen, path, seen) != NULL)
            twice = path;
    }
    map_free(seen);
    return twice == NULL ? 0 : refuse(a, ERR_INVALID, "%s: named twice", twice);
}

int apply_app_put(struct apply *a)
{
    const struct json *v = a->c->args, *deployment = json_get(v, "deployment");
    bool force = json_bool(json_get(v, "force"), false);
    if (check_once(a) != 0 || groups_check(a) != 0)
        return -1;
    JSON_EACH (item, json_get(v, "apps")) {
        struct put p;
        read_put(a, item, &p);
        if (check_base(a, item, &p) != 0 || take_lock(a, p.path, force) != 0)
            return -1;
    }
    if (count_steps(deployment) > 0 && state_deployments_count(a->s) >= LIMIT_DEPLOYMENTS) {
        name_limit(a, "deployments");
        return refuse(a, ERR_LIMIT,
                      "%d deployments are running, the most there may be: wait for one to end",
                      LIMIT_DEPLOYMENTS);
    }

    struct wall version = next_version(a);
    if (put_all(a, version) != 0)
        return -1;
    kill_sentenced(a);
    struct json_writer w;
    json_begin(&w, &a->outcome->detail);
    json_object(&w);
    json_member_int(&w, "version_ms", version.ms);
    json_member_str(&w, "deployment", json_str(json_get(deployment, "uuid"), ""));
    json_object_end(&w);
    return 0;
}

int apply_app_delay_reset(struct apply *a)
{
    struct app_row row;
    int64_t id = json_int(json_get(a->c->args, "app"), 0);
    if (!state_app_by_id(a->s, id, &row))
        return refuse(a, ERR_NOT_FOUND, "app %lld is not there any more", (long long)id);
    put_delay(a->s, id, 0, 0);
    changed(a, (struct change){.kind = CHANGE_APP, .id = id, .name = row.path});
    return 0;
}

int apply_app_forget(struct apply *a)
{
    JSON_EACH (item, json_get(a->c->args, "apps")) {
        struct app_row row;
        int64_t id = json_int(item, 0);
        struct stmt *q = change_use(a->s, INSTANCES_OF_APP);
        stmt_bind_i64(q, ":app", id);
        if (stmt_one_i64(q, 0) != 0 || !state_app_by_id(a->s, id, &row) || !row.gone)
            continue;
        q = change_use(a->s, APP_DELETE);
        stmt_bind_i64(q, ":id", id);
        stmt_run(q);
        changed(a, (struct change){.kind = CHANGE_APP_GONE, .id = id, .name = row.path});
    }
    return 0;
}

static void go_on(struct apply *a, const struct deployment_row *d, int step)
{
    char uuid[UUID_TEXT_SIZE];
    struct stmt *q = change_use(a->s, DEPLOYMENT_GO);
    stmt_bind_i64(q, ":id", d->id);
    stmt_bind_i64(q, ":step", step);
    stmt_run(q);
    uuid_text(deployment_uuid(d), uuid);
    changed(a, (struct change){
                   .kind = CHANGE_DEPLOYMENT_STEP,
                   .id = d->id,
                   .name = uuid,
                   .step = step,
                   .more = d->plan,
                   .event = event_put(a, NOUN_DEPLOYMENT, uuid, "step",
                                      "deployment %s: step %d of %d", uuid, step, d->steps),
               });
}

/* {"set":[{"deployment":id,"step":n} | {"deployment":id,"end":true|false,"reason":"…"}]} */
int apply_deployment_step(struct apply *a)
{
    JSON_EACH (item, json_get(a->c->args, "set")) {
        struct deployment_row d;
        if (!state_deployment_by_id(a->s, json_int(json_get(item, "deployment"), 0), &d))
            continue; /* cancelled meanwhile */
        const struct json *end = json_get(item, "end");
        int step = (int)json_int(json_get(item, "step"), 0);
        if (end != NULL)
            end_deployment(a, &d, json_bool(end, false), json_str(json_get(item, "reason"), ""));
        else if (step == d.step + 1 && step <= d.steps)
            go_on(a, &d, step);
    }
    return 0;
}
