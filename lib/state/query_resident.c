/* Residents: what instances keep on their agents, and what agents are to remove. */
#include "state/private.h"

bool state_reservation_next(struct stmt *q, struct reservation_row *out)
{
    if (q == NULL || !stmt_row(q))
        return false;
    *out = (struct reservation_row){
        .instance = stmt_i64(q, 0),
        .app = stmt_i64(q, 1),
        .agent = stmt_i64(q, 2),
        .cpus_milli = stmt_i64(q, 3),
        .mem_bytes = stmt_i64(q, 4),
        .disk_bytes = stmt_i64(q, 5),
        .ports = stmt_str(q, 6),
        .incarnation = stmt_i64(q, 7),
        .first_task = stmt_i64(q, 8),
        .is_idle = !stmt_is_null(q, 9),
        .idle = query_wall_at(q, 9),
        .stopped = stmt_bool(q, 10),
        .wiped = stmt_bool(q, 11),
        .salt = stmt_i64(q, 12),
    };
    return true;
}

bool state_reservation(struct state *s, int64_t instance, struct reservation_row *out)
{
    if (s->level < LEVEL_RESIDENTS)
        return false;
    struct stmt *q = query_use(s, RESERVATION);
    stmt_bind_i64(q, ":instance", instance);
    if (!state_reservation_next(q, out))
        return false;
    out->ports = arena_strdup(query_one(s, RESERVATION), out->ports);
    stmt_end(q);
    return true;
}

static struct stmt *listed(struct state *s, int which, const char *by, int64_t id)
{
    if (s->level < LEVEL_RESIDENTS)
        return NULL;
    struct stmt *q = query_use(s, which);
    stmt_bind_i64(q, by, id);
    return q;
}

struct stmt *state_reservations_of_app(struct state *s, int64_t app)
{
    return listed(s, RESERVATIONS_OF_APP, ":app", app);
}

struct stmt *state_reservations_of_agent(struct state *s, int64_t agent)
{
    return listed(s, RESERVATIONS_OF_AGENT, ":agent", agent);
}

struct stmt *state_tasks_idle(struct state *s, int64_t app)
{
    return listed(s, TASKS_IDLE, ":app", app);
}

struct stmt *state_volumes_of_instance(struct state *s, int64_t instance)
{
    return listed(s, VOLUMES_OF_INSTANCE, ":instance", instance);
}

struct stmt *state_volumes_given_up(struct state *s, int64_t agent, int64_t limit)
{
    struct stmt *q = listed(s, VOLUMES_GIVEN_UP, ":agent", agent);
    if (q != NULL)
        stmt_bind_i64(q, ":limit", limit);
    return q;
}

bool state_volume_next(struct stmt *q, struct volume_row *out)
{
    if (q == NULL || !stmt_row(q))
        return false;
    *out = (struct volume_row){
        .id = stmt_i64(q, 0),
        .agent = stmt_i64(q, 1),
        .instance = stmt_i64(q, 2),
        .path = stmt_str(q, 3),
        .name = stmt_str(q, 4),
        .size_bytes = stmt_i64(q, 5),
    };
    return true;
}
