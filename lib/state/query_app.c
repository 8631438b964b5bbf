/* Apps, their versions and service ports, and deployments. */
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "model/pod.h"
#include "state/private.h"

/* ---- apps */

bool state_app_next(struct stmt *q, struct app_row *out)
{
    if (!stmt_row(q))
        return false;
    *out = (struct app_row){
        .id = stmt_i64(q, 0),
        .path = stmt_str(q, 1),
        .gone = stmt_bool(q, 2),
        .definition = stmt_text(q, 3),
        .instances = stmt_i64(q, 4),
        .version = query_wall_at(q, 5),
        .scaling = query_wall_at(q, 6),
        .config = query_wall_at(q, 7),
        .delay_ms = stmt_i64(q, 8),
        .delay_ref = query_wall_at(q, 9),
        .failure = stmt_text(q, 10),
        .deployment = stmt_i64(q, 11),
        .counts = {.live = stmt_i64(q, 12),
                   .staged = stmt_i64(q, 13),
                   .running = stmt_i64(q, 14),
                   .healthy = stmt_i64(q, 15),
                   .unhealthy = stmt_i64(q, 16),
                   .stopping = stmt_i64(q, 17)},
    };
    out->pod = pod_is_stored(out->definition);
    return true;
}

static bool app_one(struct state *s, int which, struct stmt *q, struct app_row *out)
{
    struct app_row r;
    if (!state_app_next(q, &r))
        return false;
    struct arena *a = query_one(s, which);
    r.path = arena_strdup(a, r.path);
    r.definition = query_copy(a, r.definition);
    r.failure = query_copy(a, r.failure);
    stmt_end(q);
    *out = r;
    return true;
}

bool state_app_by_id(struct state *s, int64_t id, struct app_row *out)
{
    struct stmt *q = query_use(s, APP_BY_ID);
    stmt_bind_i64(q, ":id", id);
    return app_one(s, APP_BY_ID, q, out);
}

bool state_app_by_path(struct state *s, const char *path, struct app_row *out)
{
    struct stmt *q = query_use(s, APP_BY_PATH);
    stmt_bind_text(q, ":path", path);
    return app_one(s, APP_BY_PATH, q, out);
}

void bind_below(struct stmt *q, struct arena *kept, const char *prefix)
{
    size_t len = strlen(prefix);
    char *beyond = arena_strdup(kept, len > 0 ? prefix : "/");
    ASSERT(len == 0 || prefix[len - 1] == '/');
    beyond[len > 0 ? len - 1 : 0] = '0'; /* "/shop/" ends before "/shop0", all paths before "0" */
    stmt_bind_text(q, ":prefix", arena_strdup(kept, prefix));
    stmt_bind_text(q, ":beyond", beyond);
}

struct stmt *state_apps(struct state *s, const char *prefix, const char *after, int64_t limit)
{
    struct stmt *q = query_use(s, APPS);
    struct arena *kept =
        query_one(s, APPS); /* the caller's texts may go before the list has ended */
    bind_below(q, kept, prefix);
    stmt_bind_text(q, ":after", arena_strdup(kept, after));
    stmt_bind_i64(q, ":limit", limit);
    return q;
}

struct stmt *state_apps_brief(struct state *s)
{
    return query_use(s, APPS_BRIEF);
}

struct stmt *state_apps_gone(struct state *s)
{
    return query_use(s, APPS_GONE);
}

int64_t state_gone_live(struct state *s, const char *path)
{
    struct stmt *q = query_use(s, GONE_LIVE);
    stmt_bind_text(q, ":path", path);
    return stmt_one_i64(q, 0);
}

int64_t state_apps_count(struct state *s)
{
    return stmt_one_i64(query_use(s, APPS_COUNT), 0);
}

struct slice state_app_end(struct state *s, const struct app_row *app)
{
    if (s->level < ENDS_LEVEL)
        return app->failure;
    struct stmt *q = query_use(s, APP_END);
    stmt_bind_i64(q, ":app", app->id);
    if (!stmt_row(q))
        return (struct slice){0};
    struct slice end = query_copy(query_one(s, APP_END), stmt_text(q, 0));
    stmt_end(q);
    return end;
}

int state_app_versions_kept(const struct state *s)
{
    return s->level < VERSIONS_LEVEL ? LIMIT_VERSIONS_OLD + 1 : LIMIT_APP_VERSIONS;
}

struct stmt *state_app_versions(struct state *s, int64_t app)
{
    struct stmt *q = query_use(s, APP_VERSIONS);
    stmt_bind_i64(q, ":app", app);
    return q;
}

struct slice state_app_version(struct state *s, int64_t app, struct wall version)
{
    struct stmt *q = query_use(s, APP_VERSION);
    stmt_bind_i64(q, ":app", app);
    stmt_bind_i64(q, ":version", version.ms);
    if (!stmt_row(q))
        return (struct slice){0};
    struct slice found = query_copy(query_one(s, APP_VERSION), stmt_text(q, 0));
    stmt_end(q);
    return found;
}

struct stmt *state_service_ports_of_app(struct state *s, int64_t app)
{
    struct stmt *q = query_use(s, SERVICE_PORTS_OF_APP);
    stmt_bind_i64(q, ":app", app);
    return q;
}

bool state_service_port_taken(struct state *s, int64_t port)
{
    struct stmt *q = query_use(s, SERVICE_PORT_TAKEN);
    stmt_bind_i64(q, ":port", port);
    return stmt_one_i64(q, 0) > 0;
}

bool state_service_port_is_of(struct state *s, int64_t port, const char *path)
{
    struct app_row app;
    if (!state_app_by_path(s, path, &app))
        return false;
    bool found = false;
    struct stmt *q = state_service_ports_of_app(s, app.id);
    while (stmt_row(q))
        found |= stmt_i64(q, 0) == port;
    return found;
}

/* ---- deployments */

bool state_deployment_next(struct stmt *q, struct deployment_row *out)
{
    if (!stmt_row(q))
        return false;
    *out = (struct deployment_row){
        .id = stmt_i64(q, 0),
        .uuid = stmt_blob(q, 1),
        .version = query_wall_at(q, 2),
        .started = query_wall_at(q, 3),
        .step = (int)stmt_i64(q, 4),
        .steps = (int)stmt_i64(q, 5),
        .plan = stmt_str(q, 6),
    };
    return true;
}

static bool deployment_one(struct state *s, int which, struct stmt *q, struct deployment_row *out)
{
    struct deployment_row r;
    if (!state_deployment_next(q, &r))
        return false;
    struct arena *a = query_one(s, which);
    r.uuid = query_copy(a, r.uuid);
    r.plan = arena_strdup(a, r.plan);
    stmt_end(q);
    *out = r;
    return true;
}

bool state_deployment_by_id(struct state *s, int64_t id, struct deployment_row *out)
{
    struct stmt *q = query_use(s, DEPLOYMENT_BY_ID);
    stmt_bind_i64(q, ":id", id);
    return deployment_one(s, DEPLOYMENT_BY_ID, q, out);
}

bool state_deployment_brief(struct state *s, int64_t id, struct deployment_row *out)
{
    struct stmt *q = query_use(s, DEPLOYMENT_BRIEF);
    stmt_bind_i64(q, ":id", id);
    return deployment_one(s, DEPLOYMENT_BRIEF, q, out);
}

bool state_deployment_by_uuid(struct state *s, struct uuid uuid, struct deployment_row *out)
{
    struct stmt *q = query_use(s, DEPLOYMENT_BY_UUID);
    stmt_bind_blob(q, ":uuid", (struct slice){(const char *)uuid.b, sizeof uuid.b});
    return deployment_one(s, DEPLOYMENT_BY_UUID, q, out);
}

struct uuid deployment_uuid(const struct deployment_row *d)
{
    struct uuid u;
    ASSERT(d->uuid.len == sizeof u.b);
    memcpy(u.b, d->uuid.p, sizeof u.b);
    return u;
}

struct stmt *state_deployments(struct state *s)
{
    return query_use(s, DEPLOYMENTS);
}

int64_t state_deployments_count(struct state *s)
{
    return stmt_one_i64(query_use(s, DEPLOYMENTS_COUNT), 0);
}

struct stmt *state_deployment_apps(struct state *s, int64_t deployment)
{
    struct stmt *q = query_use(s, DEPLOYMENT_APPS);
    stmt_bind_i64(q, ":id", deployment);
    return q;
}
