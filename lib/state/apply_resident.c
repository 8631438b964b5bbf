/* Residents: instances that keep their place on an agent, and their data there. What such an
 * instance is given at its first launch stays its own until it is wiped: its tasks come and go, and
 * are always there. */
#include "base/limits.h"
#include "model/id.h"
#include "state/private.h"

static struct resources kept_by(const struct reservation_row *r)
{
    return (struct resources){
        .cpus_milli = r->cpus_milli, .mem_bytes = r->mem_bytes, .disk_bytes = r->disk_bytes};
}

/* ---- beginning */

static void add_volume(struct state *s, const struct app_row *app, int64_t agent, int64_t instance,
                       struct uuid uuid, const struct json *volume)
{
    char name[VOLUME_ID_SIZE];
    const char *path = json_str(json_get(volume, "path"), "");
    struct stmt *q = change_use(s, VOLUME_ADD);
    stmt_bind_i64(q, ":agent", agent);
    stmt_bind_i64(q, ":instance", instance);
    stmt_bind_text(q, ":path", path);
    stmt_bind_text(q, ":name", volume_id_text(app->path, path, uuid, name));
    stmt_bind_i64(q, ":size", json_int(json_get(volume, "size"), 0));
    stmt_run(q);
}

void resident_begin(struct apply *a, const struct app_row *app, const struct json *item,
                    int64_t instance, struct uuid uuid, int64_t first_task)
{
    const struct json *volumes = json_get(item, "volumes");
    int64_t agent = json_int(json_get(item, "agent"), 0);
    struct buf ports;
    if (volumes == NULL || a->s->level < LEVEL_RESIDENTS)
        return;
    buf_init(&ports, PORTS_BYTES);
    ports_text_of(item, &ports);
    struct stmt *q = change_use(a->s, RESERVATION_ADD);
    stmt_bind_i64(q, ":instance", instance);
    stmt_bind_i64(q, ":app", app->id);
    stmt_bind_i64(q, ":agent", agent);
    stmt_bind_i64(q, ":cpus", json_int(json_get(item, "cpus"), 0));
    stmt_bind_i64(q, ":mem", json_int(json_get(item, "mem"), 0));
    stmt_bind_i64(q, ":disk", json_int(json_get(item, "disk"), 0));
    stmt_bind_text(q, ":ports", buf_str(&ports));
    stmt_bind_i64(q, ":task", first_task);
    stmt_run(q);
    buf_close(&ports);
    JSON_EACH (volume, volumes)
        add_volume(a->s, app, agent, instance, uuid, volume);
}

void resident_again(struct apply *a, const struct app_row *app, int64_t instance, bool ready,
                    int64_t first_task)
{
    struct stmt *q = change_use(a->s, RESERVATION_USED);
    stmt_bind_i64(q, ":instance", instance);
    stmt_bind_i64(q, ":task", first_task);
    stmt_run(q);
    q = change_use(a->s, INSTANCE_AGAIN);
    stmt_bind_i64(q, ":id", instance);
    stmt_bind_i64(q, ":version", app->version.ms);
    stmt_bind_i64(q, ":ready", ready);
    stmt_run(q);
    q = change_use(a->s, READINESS_DROP);
    stmt_bind_i64(q, ":id", instance);
    stmt_run(q);
}

/* ---- ending */

static void tell_given_up(struct apply *a, const struct reservation_row *r, const char *how)
{
    struct app_row app;
    struct agent_row agent;
    char name[INSTANCE_ID_SIZE];
    const char *path = state_app_by_id(a->s, r->app, &app) ? app.path : "/";
    const char *hostname = state_agent_by_id(a->s, r->agent, &agent) ? agent.hostname : "?";
    instance_id_text(path, instance_uuid(r->salt, r->instance), name);
    changed(a, (struct change){
                   .kind = CHANGE_VOLUME,
                   .id = r->agent,
                   .name = name,
                   .of = path,
                   .owner = r->app,
                   .event = event_put(a, NOUN_APP, path, "volume", "%s: %s %s its data on %s", path,
                                      name, how, hostname),
               });
}

/* Its place is free, and it is forgotten; its volumes are what its agent has still to remove. */
static void give_up(struct apply *a, const struct reservation_row *r, const char *how)
{
    const struct resources kept = kept_by(r);
    tell_given_up(a, r, how);
    agent_use(a->s, r->agent, -1, &kept, 0);
    ports_give(a->s, r->agent, r->ports);
    struct stmt *q = change_use(a->s, VOLUMES_GIVE_UP);
    stmt_bind_i64(q, ":instance", r->instance);
    stmt_run(q);
    q = change_use(a->s, INSTANCE_DELETE); /* its reservation goes with it */
    stmt_bind_i64(q, ":id", r->instance);
    stmt_run(q);
}

bool resident_ended(struct apply *a, const struct task_row *t)
{
    struct reservation_row r;
    if (!state_reservation(a->s, t->owner_id, &r))
        return false;
    struct stmt *q = change_use(a->s, RESERVATION_IDLE);
    stmt_bind_i64(q, ":instance", r.instance);
    stmt_bind_i64(q, ":at", a->c->at.ms);
    stmt_bind_i64(q, ":stopped", t->stopping);
    stmt_run(q);
    q = change_use(a->s, INSTANCE_IDLE);
    stmt_bind_i64(q, ":id", r.instance);
    stmt_run(q);
    if (r.wiped)
        give_up(a, &r, "gave up");
    return true;
}

static bool is_away(struct state *s, int64_t agent)
{
    struct agent_row row;
    return !state_agent_by_id(s, agent, &row) || row.state == AGENT_UNREACHABLE ||
           row.state == AGENT_GONE;
}

static void end_tasks(struct apply *a, int64_t instance, const char *reason)
{
    int64_t ids[LIMIT_POD_CONTAINERS];
    struct task_row t;
    size_t n = instance_alive(a->s, instance, ids);
    for (size_t i = 0; i < n; i++) {
        if (!state_task_by_id(a->s, ids[i], &t) || task_ended(t.state))
            continue; /* with another of them */
        if (is_away(a->s, t.agent))
            task_abandon(a, &t, reason);
        else
            task_kill(a, &t, reason);
    }
}

void resident_wipe(struct apply *a, int64_t instance, const char *reason)
{
    struct reservation_row r;
    if (!state_reservation(a->s, instance, &r))
        return;
    struct stmt *q = change_use(a->s, RESERVATION_WIPE);
    stmt_bind_i64(q, ":instance", instance);
    stmt_run(q);
    if (r.is_idle)
        give_up(a, &r, "gave up");
    else
        end_tasks(a, instance, reason);
}

void residents_lost(struct apply *a, int64_t agent)
{
    struct reservation_row r;
    if (a->s->level < LEVEL_RESIDENTS)
        return;
    for (;;) { /* one at a time: each changes what the list reads */
        struct stmt *q = state_reservations_of_agent(a->s, agent);
        bool any = state_reservation_next(q, &r);
        stmt_end(q);
        if (!any || !state_reservation(a->s, r.instance, &r))
            break;
        give_up(a, &r, "has lost");
    }
    struct stmt *q = change_use(a->s, VOLUMES_OF_AGENT_DELETE);
    stmt_bind_i64(q, ":agent", agent);
    stmt_run(q);
}

/* {"agent","volumes":[id]} */
int apply_volume_gone(struct apply *a)
{
    int64_t agent = json_int(json_get(a->c->args, "agent"), -1);
    JSON_EACH (volume, json_get(a->c->args, "volumes")) {
        struct stmt *q = change_use(a->s, VOLUME_DELETE);
        stmt_bind_i64(q, ":id", json_int(volume, 0));
        stmt_bind_i64(q, ":agent", agent);
        stmt_run(q);
    }
    return 0;
}
