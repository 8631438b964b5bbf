/* Tasks are launched: of instances, new ones and residents again, and of runs. */
#include "base/assert.h"
#include "base/limits.h"
#include "base/str.h"
#include "model/app.h"
#include "state/private.h"

static bool is_ready(struct apply *a, int64_t agent, struct agent_row *out, const char **why_out)
{
    bool ready = state_agent_by_id(a->s, agent, out) && out->state == AGENT_READY;
    if (!ready)
        *why_out = "the agent is not ready";
    return ready;
}

/* Is there room on the agent for what the element asks? The decider saw it; it may be gone. */
static bool has_room(struct apply *a, const struct json *item, const char **why_out)
{
    struct agent_row g;
    int64_t agent = json_int(json_get(item, "agent"), -1);
    if (!is_ready(a, agent, &g, why_out))
        return false;
    if (g.used_cpus_milli + json_int(json_get(item, "cpus"), 0) > g.cpus_milli ||
        g.used_mem_bytes + json_int(json_get(item, "mem"), 0) > g.mem_bytes ||
        g.used_disk_bytes + json_int(json_get(item, "disk"), 0) > g.disk_bytes) {
        *why_out = "the agent has no room left";
        return false;
    }
    JSON_EACH (port, json_get(item, "ports")) {
        if (state_port_holder(a->s, agent, (int)json_int(port, 0)) != 0) {
            *why_out = "a port was taken meanwhile";
            return false;
        }
    }
    return true;
}

void ports_text_of(const struct json *item, struct buf *out)
{
    struct json_writer w;
    json_begin(&w, out);
    json_array(&w);
    JSON_EACH (port, json_get(item, "ports"))
        json_put_int(&w, json_int(port, 0));
    json_array_end(&w);
}

/* `kept`: what it holds is its instance's already. `run` NULL: it is no job's. */
static int64_t add_task(struct apply *a, int64_t agent, const struct json *item, enum owner owner,
                        int64_t owner_id, const char *name, int64_t version_ms, bool kept,
                        const struct run_row *run)
{
    struct state *s = a->s;
    struct resources needs = {.cpus_milli = json_int(json_get(item, "cpus"), 0),
                              .mem_bytes = json_int(json_get(item, "mem"), 0),
                              .disk_bytes = json_int(json_get(item, "disk"), 0)};
    struct buf ports;
    buf_init(&ports, PORTS_BYTES);
    ports_text_of(item, &ports);

    struct stmt *q = change_use(s, TASK_ADD);
    stmt_bind_i64(q, ":owner", owner);
    stmt_bind_i64(q, ":owner_id", owner_id);
    stmt_bind_text(q, ":name", name);
    stmt_bind_i64(q, ":agent", agent);
    stmt_bind_i64(q, ":cpus", needs.cpus_milli);
    stmt_bind_i64(q, ":mem", needs.mem_bytes);
    stmt_bind_i64(q, ":disk", needs.disk_bytes);
    stmt_bind_text(q, ":ports", buf_str(&ports));
    stmt_bind_i64(q, ":version", version_ms);
    stmt_bind_i64(q, ":pong", json_int(json_get(item, "pong"), 0));
    stmt_bind_i64(q, ":at", a->c->at.ms);
    stmt_run(q);
    int64_t task = db_last_id(s->db);
    if (run != NULL)
        task_known(s, &(struct task_row){.id = task,
                                         .owner_id = owner_id,
                                         .agent = agent,
                                         .owner = owner,
                                         .name = name,
                                         .state = TASK_STAGING,
                                         .cpus_milli = needs.cpus_milli,
                                         .mem_bytes = needs.mem_bytes,
                                         .disk_bytes = needs.disk_bytes,
                                         .ports = buf_str(&ports),
                                         .version = {version_ms},
                                         .staged = a->c->at,
                                         .pong = json_int(json_get(item, "pong"), 0),
                                         .message = "",
                                         .detail = "",
                                         .job = run->job,
                                         .run = owner_id,
                                         .of = run->job_name});
    if (kept) /* a port is the newest task's */
        ports_give(s, agent, buf_str(&ports));
    buf_close(&ports);
    agent_use(s, agent, 1, kept ? &(struct resources){0} : &needs, 1);
    JSON_EACH (port, json_get(item, "ports")) {
        q = change_use(s, PORT_TAKE);
        stmt_bind_i64(q, ":agent", agent);
        stmt_bind_i64(q, ":port", json_int(port, 0));
        stmt_bind_i64(q, ":task", task);
        stmt_run(q);
    }
    return task;
}

struct uuid instance_uuid(int64_t salt, int64_t id)
{
    struct uuid u;
    uint64_t low = (uint64_t)id | UINT64_C(1) << 63; /* variant 10, then the key */
    for (int i = 0; i < 8; i++) {
        u.b[i] = (uint8_t)((uint64_t)salt >> (56 - 8 * i));
        u.b[8 + i] = (uint8_t)(low >> (56 - 8 * i));
    }
    u.b[6] = (uint8_t)((u.b[6] & 0x0f) | 0x40); /* version 4 */
    return u;
}

static void told_launch(struct apply *a, int64_t task, const char *name, const char *of,
                        int64_t owner)
{
    const char *const parts[] = {of, ": task ", name, " is being started", NULL};
    changed(a, (struct change){
                   .kind = CHANGE_TASK,
                   .id = task,
                   .name = name,
                   .of = of,
                   .owner = owner,
                   .state = TASK_STAGING,
                   .before = -1,
                   .event = event_put_parts(a, NOUN_TASK, name, "staging", parts),
               });
}

/* All that one launch of an instance starts, {"container","ports","cpus","mem","disk"} each if it
 * is a pod's. Returns the first. */
static int64_t add_tasks(struct apply *a, const struct app_row *app, const struct json *item,
                         int64_t instance, struct uuid uuid, int64_t incarnation)
{
    int64_t first = 0, agent = json_int(json_get(item, "agent"), 0);
    char name[TASK_ID_SIZE];
    bool kept = incarnation > 1;
    count_staged(a->s, app->id);
    note_progress(a, app->id);
    if (!app->pod) {
        task_id_text(app->path, uuid, incarnation, name);
        first = add_task(a, agent, item, OWNER_APP, instance, name, app->version.ms, kept, NULL);
        told_launch(a, first, name, app->path, app->id);
        return first;
    }
    JSON_EACH (one, json_get(item, "tasks")) {
        pod_task_id_text(app->path, uuid, json_str(json_get(one, "container"), ""), incarnation,
                         name);
        int64_t task =
            add_task(a, agent, one, OWNER_APP, instance, name, app->version.ms, kept, NULL);
        first = first == 0 ? task : first;
        told_launch(a, task, name, app->path, app->id);
    }
    return first;
}

/* A resident's, where its data is. */
static bool launch_again(struct apply *a, const struct app_row *app, const struct json *item,
                         const char **why_out)
{
    struct agent_row agent;
    struct reservation_row r;
    if (!state_reservation(a->s, json_int(json_get(item, "instance"), 0), &r) || !r.is_idle ||
        r.app != app->id || r.agent != json_int(json_get(item, "agent"), -1)) {
        *why_out = "the instance is not there, or has been started";
        return false;
    }
    if (!is_ready(a, r.agent, &agent, why_out))
        return false;
    int64_t first =
        add_tasks(a, app, item, r.instance, instance_uuid(r.salt, r.instance), r.incarnation + 1);
    resident_again(a, app, r.instance, json_bool(json_get(item, "ready"), true), first);
    return true;
}

static void launch_new(struct apply *a, const struct app_row *app, const struct json *item)
{
    int64_t salt = json_int(json_get(item, "salt"), 0);
    struct stmt *q = change_use(a->s, INSTANCE_ADD);
    stmt_bind_i64(q, ":salt", salt);
    stmt_bind_i64(q, ":app", app->id);
    stmt_bind_i64(q, ":version", app->version.ms);
    stmt_bind_i64(q, ":agent", json_int(json_get(item, "agent"), 0));
    stmt_bind_i64(q, ":at", a->c->at.ms);
    stmt_bind_i64(q, ":ready", json_bool(json_get(item, "ready"), true));
    stmt_run(q);
    int64_t instance = db_last_id(a->s->db);
    struct uuid uuid = instance_uuid(salt, instance);
    int64_t first = add_tasks(a, app, item, instance, uuid, 1);
    resident_begin(a, app, item, instance, uuid, first);
}

/* {"app","config","cap","salt","agent","ports","cpus","mem","disk","pong","ready"}, of a pod also
 * "tasks", of which the others are the sums; of a resident "volumes", {"path","size"} each, the
 * first time, then "instance": refused when the app has changed, or has `cap` live instances
 * already. */
static bool launch_instance(struct apply *a, const struct json *item, const char **why_out)
{
    struct app_row app;
    if (!state_app_by_id(a->s, json_int(json_get(item, "app"), 0), &app) || app.gone ||
        app.config.ms != json_int(json_get(item, "config"), 0)) {
        *why_out = "the app was changed meanwhile";
        return false;
    }
    if (app.counts.live >= json_int(json_get(item, "cap"), 0)) {
        *why_out = "the app has enough instances";
        return false;
    }
    if (json_get(item, "instance") != NULL)
        return launch_again(a, &app, item, why_out);
    if (!has_room(a, item, why_out))
        return false;
    launch_new(a, &app, item);
    return true;
}

/* {"run","attempt","name","agent","async",…}: refused when the run is not waiting any more. */
static bool launch_run(struct apply *a, const struct json *item, const char **why_out)
{
    struct run_row run;
    if (!state_run_by_id(a->s, json_int(json_get(item, "run"), 0), &run) ||
        run.state != RUN_QUEUED || run.attempt != json_int(json_get(item, "attempt"), -1)) {
        *why_out = "the run does not wait any more";
        return false;
    }
    if (!has_room(a, item, why_out))
        return false;
    const char *name = json_str(json_get(item, "name"), "");
    int64_t agent = json_int(json_get(item, "agent"), 0);
    int64_t task = add_task(a, agent, item, OWNER_JOB, run.id, name, 0, false, &run);
    if (json_bool(json_get(item, "async"), false))
        job_task_async(a, task);
    run_assign(a, run.id, task);
    told_launch(a, task, name, run.job_name, run.job);
    return true;
}

static void launch_set(struct apply *a, const char *what, struct json_writer *w,
                       bool (*launch)(struct apply *, const struct json *, const char **))
{
    int64_t i = 0;
    JSON_EACH (item, json_get(a->c->args, what)) {
        const char *why = "";
        if (!launch(a, item, &why)) {
            json_object(w);
            json_member_int(w, what, i);
            json_member_str(w, "why", why);
            json_object_end(w);
        }
        i++;
    }
}

/* {"instances":[…],"runs":[…]}; detail: {"refused":[{"instances"|"runs": position,"why"}]} */
int apply_task_launch(struct apply *a)
{
    struct json_writer w;
    json_begin(&w, &a->outcome->detail);
    json_object(&w);
    json_key(&w, "refused");
    json_array(&w);
    launch_set(a, "instances", &w, launch_instance);
    launch_set(a, "runs", &w, launch_run);
    json_array_end(&w);
    json_object_end(&w);
    return 0;
}
