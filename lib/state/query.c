#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "model/id.h"
#include "model/job.h"
#include "state/private.h"

/* Rows of lists borrow from the statement. A row that was looked up alone is copied, so that the
 * statement has ended when its asker goes on (struct one). */

static struct wall wall_at(struct stmt *q, int column)
{
    return (struct wall){stmt_i64(q, column)};
}

static const char *copy_str(struct arena *a, const char *s)
{
    return arena_strdup(a, s);
}

static struct slice copy_slice(struct arena *a, struct slice s)
{
    return (struct slice){arena_strndup(a, s.p != NULL ? s.p : "", s.len), s.len};
}

/* The arena of the last row that query looked up alone, emptied. */
static struct arena *one(struct state *s, int which)
{
    arena_close(&s->ones[which]);
    return &s->ones[which];
}

/* ---- settings */

const char *state_setting(struct state *s, const char *key, const char *otherwise)
{
    if (s->level == 0)
        return otherwise;
    struct stmt *q = query_use(s, SETTING);
    stmt_bind_text(q, ":key", key);
    if (!stmt_row(q))
        return otherwise;
    snprintf(s->setting, sizeof s->setting, "%s", stmt_str(q, 0));
    stmt_end(q);
    return s->setting;
}

int64_t state_version_ms(struct state *s)
{
    int64_t version = 0;
    return str_to_i64(state_setting(s, "root_version_ms", "0"), &version) ? version : 0;
}

/* ---- agents */

bool state_agent_next(struct stmt *q, struct agent_row *out)
{
    if (!stmt_row(q))
        return false;
    *out = (struct agent_row){
        .id = stmt_i64(q, 0),
        .uid = stmt_i64(q, 1),
        .node = stmt_i64(q, 2),
        .hostname = stmt_str(q, 3),
        .address = stmt_str(q, 4),
        .boot = stmt_str(q, 5),
        .version = stmt_str(q, 6),
        .docker = stmt_str(q, 7),
        .docker_reason = stmt_str(q, 8),
        .attributes = stmt_str(q, 9),
        .port_ranges = stmt_str(q, 10),
        .port = (int)stmt_i64(q, 11),
        .state = (enum agent_state)stmt_i64(q, 12),
        .since = wall_at(q, 13),
        .registered = wall_at(q, 14),
        .cpus_milli = stmt_i64(q, 15),
        .mem_bytes = stmt_i64(q, 16),
        .disk_bytes = stmt_i64(q, 17),
        .used_cpus_milli = stmt_i64(q, 18),
        .used_mem_bytes = stmt_i64(q, 19),
        .used_disk_bytes = stmt_i64(q, 20),
        .tasks = stmt_i64(q, 21),
    };
    return true;
}

static bool agent_one(struct state *s, int which, struct stmt *q, struct agent_row *out)
{
    struct agent_row r;
    if (!state_agent_next(q, &r))
        return false;
    struct arena *a = one(s, which);
    r.hostname = copy_str(a, r.hostname);
    r.address = copy_str(a, r.address);
    r.boot = copy_str(a, r.boot);
    r.version = copy_str(a, r.version);
    r.docker = copy_str(a, r.docker);
    r.docker_reason = copy_str(a, r.docker_reason);
    r.attributes = copy_str(a, r.attributes);
    r.port_ranges = copy_str(a, r.port_ranges);
    stmt_end(q);
    *out = r;
    return true;
}

bool state_agent_by_id(struct state *s, int64_t id, struct agent_row *out)
{
    struct stmt *q = query_use(s, AGENT_BY_ID);
    stmt_bind_i64(q, ":id", id);
    return agent_one(s, AGENT_BY_ID, q, out);
}

bool state_agent_by_uid(struct state *s, int64_t uid, struct agent_row *out)
{
    struct stmt *q = query_use(s, AGENT_BY_UID);
    stmt_bind_i64(q, ":uid", uid);
    return agent_one(s, AGENT_BY_UID, q, out);
}

struct stmt *state_agents(struct state *s)
{
    return query_use(s, AGENTS);
}

bool state_agents_largest(struct state *s, struct resources *out)
{
    struct stmt *q = query_use(s, AGENTS_LARGEST);
    bool any = stmt_row(q) && !stmt_is_null(q, 0);
    if (any)
        *out = (struct resources){.cpus_milli = stmt_i64(q, 0),
                                  .mem_bytes = stmt_i64(q, 1),
                                  .disk_bytes = stmt_i64(q, 2)};
    stmt_end(q);
    return any;
}

struct stmt *state_agent_ports(struct state *s, int64_t agent)
{
    struct stmt *q = query_use(s, AGENT_PORTS);
    stmt_bind_i64(q, ":agent", agent);
    return q;
}

int64_t state_port_holder(struct state *s, int64_t agent, int port)
{
    struct stmt *q = query_use(s, PORT_HOLDER);
    stmt_bind_i64(q, ":agent", agent);
    stmt_bind_i64(q, ":port", port);
    return stmt_one_i64(q, 0);
}

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
        .version = wall_at(q, 5),
        .scaling = wall_at(q, 6),
        .config = wall_at(q, 7),
        .delay_ms = stmt_i64(q, 8),
        .delay_ref = wall_at(q, 9),
        .failure = stmt_text(q, 10),
        .deployment = stmt_i64(q, 11),
        .counts = {.live = stmt_i64(q, 12),
                   .staged = stmt_i64(q, 13),
                   .running = stmt_i64(q, 14),
                   .healthy = stmt_i64(q, 15),
                   .unhealthy = stmt_i64(q, 16),
                   .stopping = stmt_i64(q, 17)},
    };
    return true;
}

static bool app_one(struct state *s, int which, struct stmt *q, struct app_row *out)
{
    struct app_row r;
    if (!state_app_next(q, &r))
        return false;
    struct arena *a = one(s, which);
    r.path = copy_str(a, r.path);
    r.definition = copy_slice(a, r.definition);
    r.failure = copy_slice(a, r.failure);
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

struct stmt *state_apps(struct state *s, const char *prefix, const char *after, int64_t limit)
{
    struct stmt *q = query_use(s, APPS);
    struct arena *kept = one(s, APPS); /* the caller's texts may go before the list has ended */
    size_t len = strlen(prefix);
    char *beyond = arena_strdup(kept, len > 0 ? prefix : "/");
    ASSERT(len == 0 || prefix[len - 1] == '/');
    beyond[len > 0 ? len - 1 : 0] = '0'; /* "/shop/" ends before "/shop0", all paths before "0" */
    stmt_bind_text(q, ":prefix", arena_strdup(kept, prefix));
    stmt_bind_text(q, ":after", arena_strdup(kept, after));
    stmt_bind_text(q, ":beyond", beyond);
    stmt_bind_i64(q, ":limit", limit);
    return q;
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
    struct slice found = copy_slice(one(s, APP_VERSION), stmt_text(q, 0));
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

/* ---- instances */

static int64_t uuid_key(struct uuid uuid)
{
    uint64_t low = 0;
    for (int i = 8; i < 16; i++)
        low = low << 8 | uuid.b[i];
    return (int64_t)(low & ~(UINT64_C(1) << 63));
}

/* ---- tasks */

bool state_task_next(struct stmt *q, struct task_row *out)
{
    if (!stmt_row(q))
        return false;
    enum owner owner = (enum owner)stmt_i64(q, 3);
    *out = (struct task_row){
        .id = stmt_i64(q, 0),
        .owner_id = stmt_i64(q, 1),
        .agent = stmt_i64(q, 2),
        .owner = owner,
        .name = stmt_str(q, 4),
        .state = (enum task_state)stmt_i64(q, 5),
        .cpus_milli = stmt_i64(q, 6),
        .mem_bytes = stmt_i64(q, 7),
        .disk_bytes = stmt_i64(q, 8),
        .ports = stmt_str(q, 9),
        .version = wall_at(q, 10),
        .staged = wall_at(q, 11),
        .started = wall_at(q, 12),
        .ended = wall_at(q, 13),
        .killed = wall_at(q, 14),
        .pong = stmt_i64(q, 15),
        .pid = stmt_i64(q, 16),
        .exited = !stmt_is_null(q, 17),
        .exit_code = (int)stmt_i64(q, 17),
        .signaled = !stmt_is_null(q, 18),
        .signal = (int)stmt_i64(q, 18),
        .kill_reason = stmt_str(q, 19),
        .container = stmt_str(q, 20),
        .reason = stmt_str(q, 21),
        .message = stmt_str(q, 22),
        .detail = stmt_str(q, 23),
        .health = (int)stmt_i64(q, 24),
        .health_results = stmt_str(q, 25),
        .app = stmt_i64(q, 26),
        .stopping = stmt_bool(q, 27),
        .ready = stmt_bool(q, 28),
        .created = wall_at(q, 29),
        .salt = stmt_i64(q, 30),
        .job = stmt_i64(q, 31),
        .of = stmt_str(q, 32),
    };
    if (owner == OWNER_JOB)
        out->run = out->owner_id;
    return true;
}

static bool task_one(struct state *s, int which, struct stmt *q, struct task_row *out)
{
    struct task_row r;
    if (!state_task_next(q, &r))
        return false;
    struct arena *a = one(s, which);
    const char **texts[] = {&r.name,    &r.ports,  &r.kill_reason,    &r.container, &r.reason,
                            &r.message, &r.detail, &r.health_results, &r.of};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        *texts[i] = copy_str(a, *texts[i]);
    stmt_end(q);
    *out = r;
    return true;
}

bool state_task_by_id(struct state *s, int64_t id, struct task_row *out)
{
    struct stmt *q = query_use(s, TASK_BY_ID);
    stmt_bind_i64(q, ":id", id);
    return task_one(s, TASK_BY_ID, q, out);
}

static bool job_task_by_name(struct state *s, const char *name, struct task_row *out)
{
    struct job_task_ref ref;
    struct error err;
    if (job_task_id_parse(name, &ref, &err) != 0)
        return false;
    struct stmt *q = query_use(s, TASK_OF_JOB_NAMED);
    stmt_bind_text(q, ":job", ref.name);
    stmt_bind_text(q, ":name", name);
    return task_one(s, TASK_OF_JOB_NAMED, q, out);
}

bool state_task_by_name(struct state *s, const char *name, struct task_row *out)
{
    struct task_ref ref;
    struct error err;
    if (str_starts(name, "ct:"))
        return job_task_by_name(s, name, out);
    if (task_id_parse(name, &ref, &err) != 0)
        return false;
    struct stmt *q = query_use(s, TASK_OF_OWNER);
    stmt_bind_i64(q, ":owner", OWNER_APP);
    stmt_bind_i64(q, ":owner_id", uuid_key(ref.instance));
    struct task_row r;
    char text[UUID_TEXT_SIZE];
    if (!task_one(s, TASK_OF_OWNER, q, &r) || strstr(r.name, uuid_text(ref.instance, text)) == NULL)
        return false;
    *out = r;
    return true;
}

struct stmt *state_tasks(struct state *s)
{
    return query_use(s, TASKS);
}

struct stmt *state_tasks_of_app(struct state *s, int64_t app)
{
    struct stmt *q = query_use(s, TASKS_OF_APP);
    stmt_bind_i64(q, ":app", app);
    return q;
}

struct stmt *state_tasks_of_agent(struct state *s, int64_t agent)
{
    struct stmt *q = query_use(s, TASKS_OF_AGENT);
    stmt_bind_i64(q, ":agent", agent);
    return q;
}

struct stmt *state_tasks_to_order(struct state *s, int64_t agent)
{
    struct stmt *q = query_use(s, TASKS_TO_ORDER);
    stmt_bind_i64(q, ":agent", agent);
    return q;
}

struct stmt *state_tasks_of_run(struct state *s, int64_t run)
{
    struct stmt *q = query_use(s, TASKS_OF_RUN);
    stmt_bind_i64(q, ":run", run);
    return q;
}

struct stmt *state_tasks_ended(struct state *s, int64_t limit)
{
    struct stmt *q = query_use(s, TASKS_ENDED);
    stmt_bind_i64(q, ":limit", limit);
    return q;
}

/* ---- deployments */

bool state_deployment_next(struct stmt *q, struct deployment_row *out)
{
    if (!stmt_row(q))
        return false;
    *out = (struct deployment_row){
        .id = stmt_i64(q, 0),
        .uuid = stmt_blob(q, 1),
        .version = wall_at(q, 2),
        .started = wall_at(q, 3),
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
    struct arena *a = one(s, which);
    r.uuid = copy_slice(a, r.uuid);
    r.plan = copy_str(a, r.plan);
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

/* ---- jobs */

bool state_job_next(struct stmt *q, struct job_row *out)
{
    if (!stmt_row(q))
        return false;
    *out = (struct job_row){
        .id = stmt_i64(q, 0),
        .name = stmt_str(q, 1),
        .definition = stmt_text(q, 2),
        .generation = stmt_i64(q, 3),
        .disabled = stmt_bool(q, 4),
        .schedule = stmt_str(q, 5),
        .k = stmt_i64(q, 6),
        .remaining = stmt_i64(q, 7),
        .next = wall_at(q, 8),
        .successes = stmt_i64(q, 9),
        .errors = stmt_i64(q, 10),
        .errors_since_success = stmt_i64(q, 11),
        .last_success = wall_at(q, 12),
        .last_error = wall_at(q, 13),
        .queued = stmt_i64(q, 14),
        .active = stmt_i64(q, 15),
    };
    return true;
}

static bool job_one(struct state *s, int which, struct stmt *q, struct job_row *out)
{
    struct job_row r;
    if (!state_job_next(q, &r))
        return false;
    struct arena *a = one(s, which);
    r.name = copy_str(a, r.name);
    r.definition = copy_slice(a, r.definition);
    r.schedule = copy_str(a, r.schedule);
    stmt_end(q);
    *out = r;
    return true;
}

bool state_job_by_id(struct state *s, int64_t id, struct job_row *out)
{
    struct stmt *q = query_use(s, JOB_BY_ID);
    stmt_bind_i64(q, ":id", id);
    return job_one(s, JOB_BY_ID, q, out);
}

bool state_job_by_name(struct state *s, const char *name, struct job_row *out)
{
    struct stmt *q = query_use(s, JOB_BY_NAME);
    stmt_bind_text(q, ":name", name);
    return job_one(s, JOB_BY_NAME, q, out);
}

struct stmt *state_jobs(struct state *s, const char *after, int64_t limit)
{
    struct stmt *q = query_use(s, JOBS);
    stmt_bind_text(q, ":after", arena_strdup(one(s, JOBS), after)); /* as above */
    stmt_bind_i64(q, ":limit", limit);
    return q;
}

struct stmt *state_jobs_created(struct state *s)
{
    return query_use(s, JOBS_CREATED);
}

struct stmt *state_jobs_due(struct state *s, struct wall now, int64_t limit)
{
    struct stmt *q = query_use(s, JOBS_DUE);
    stmt_bind_i64(q, ":now", now.ms);
    stmt_bind_i64(q, ":limit", limit);
    return q;
}

struct wall state_jobs_next(struct state *s)
{
    return (struct wall){stmt_one_i64(query_use(s, JOBS_NEXT), INT64_MAX)};
}

int64_t state_jobs_count(struct state *s)
{
    return stmt_one_i64(query_use(s, JOBS_COUNT), 0);
}

/* ---- runs */

bool state_run_next(struct stmt *q, struct run_row *out)
{
    if (!stmt_row(q))
        return false;
    *out = (struct run_row){
        .id = stmt_i64(q, 0),
        .job = stmt_i64(q, 1),
        .generation = stmt_i64(q, 2),
        .attempt = stmt_i64(q, 3),
        .task = stmt_i64(q, 4),
        .covers = stmt_i64(q, 5),
        .cause = (enum run_cause)stmt_i64(q, 6),
        .state = (enum run_state)stmt_i64(q, 7),
        .priority = (int)stmt_i64(q, 8),
        .due = wall_at(q, 9),
        .deadline = wall_at(q, 10),
        .not_before = wall_at(q, 11),
        .queued = wall_at(q, 12),
        .started = wall_at(q, 13),
        .ended = wall_at(q, 14),
        .arguments = stmt_str(q, 15),
        .reason = stmt_str(q, 16),
        .job_name = stmt_str(q, 17),
    };
    return true;
}

bool state_run_by_id(struct state *s, int64_t id, struct run_row *out)
{
    struct run_row r;
    struct stmt *q = query_use(s, RUN_BY_ID);
    stmt_bind_i64(q, ":id", id);
    if (!state_run_next(q, &r))
        return false;
    struct arena *a = one(s, RUN_BY_ID);
    r.arguments = copy_str(a, r.arguments);
    r.reason = copy_str(a, r.reason);
    r.job_name = copy_str(a, r.job_name);
    stmt_end(q);
    *out = r;
    return true;
}

struct stmt *state_runs(struct state *s, int64_t limit)
{
    struct stmt *q = query_use(s, RUNS);
    stmt_bind_i64(q, ":limit", limit);
    return q;
}

struct stmt *state_runs_of_job(struct state *s, int64_t job, int64_t limit)
{
    struct stmt *q = query_use(s, RUNS_OF_JOB);
    stmt_bind_i64(q, ":job", job);
    stmt_bind_i64(q, ":limit", limit);
    return q;
}

struct stmt *state_runs_open(struct state *s, int64_t job)
{
    struct stmt *q = query_use(s, RUNS_OPEN);
    stmt_bind_i64(q, ":job", job);
    return q;
}

int64_t state_runs_open_count(struct state *s, int64_t job)
{
    struct stmt *q = query_use(s, RUNS_OPEN_COUNT);
    stmt_bind_i64(q, ":job", job);
    return stmt_one_i64(q, 0);
}

struct stmt *state_runs_waiting(struct state *s, int64_t limit)
{
    struct stmt *q = query_use(s, RUNS_WAITING);
    stmt_bind_i64(q, ":limit", limit);
    return q;
}

struct stmt *state_runs_retrying(struct state *s, struct wall now, int64_t limit)
{
    struct stmt *q = query_use(s, RUNS_RETRYING);
    stmt_bind_i64(q, ":now", now.ms);
    stmt_bind_i64(q, ":limit", limit);
    return q;
}

struct stmt *state_runs_active(struct state *s)
{
    return query_use(s, RUNS_ACTIVE);
}

bool state_run_claimed(struct state *s, int64_t job, struct wall due)
{
    struct stmt *q = query_use(s, RUN_CLAIMED);
    stmt_bind_i64(q, ":job", job);
    stmt_bind_i64(q, ":due", due.ms);
    return stmt_one_i64(q, 0) > 0;
}

/* ---- nodes */

bool state_node_next(struct stmt *q, struct node_row *out)
{
    if (!stmt_row(q))
        return false;
    *out = (struct node_row){
        .id = stmt_i64(q, 0),
        .name = stmt_str(q, 1),
        .address = stmt_str(q, 2),
        .version = stmt_str(q, 3),
        .modes = (unsigned)stmt_i64(q, 4),
        .level = (int)stmt_i64(q, 5),
        .seen = wall_at(q, 6),
    };
    return true;
}

bool state_node_by_id(struct state *s, int64_t id, struct node_row *out)
{
    struct node_row r;
    struct stmt *q = query_use(s, NODE_BY_ID);
    stmt_bind_i64(q, ":id", id);
    if (!state_node_next(q, &r))
        return false;
    struct arena *a = one(s, NODE_BY_ID);
    r.name = copy_str(a, r.name);
    r.address = copy_str(a, r.address);
    r.version = copy_str(a, r.version);
    stmt_end(q);
    *out = r;
    return true;
}

struct stmt *state_nodes(struct state *s)
{
    return query_use(s, NODES);
}

bool state_any_drain(struct state *s)
{
    return s->level >= LEVEL_DRAINS && stmt_one_i64(query_use(s, DRAINS_ANY), 0) != 0;
}

bool state_agent_drain(struct state *s, int64_t agent, struct drain_row *out)
{
    if (s->level < LEVEL_DRAINS)
        return false;
    struct stmt *q = query_use(s, DRAIN_OF);
    stmt_bind_i64(q, ":agent", agent);
    if (!stmt_row(q))
        return false;
    *out = (struct drain_row){{stmt_i64(q, 0)}, copy_str(one(s, DRAIN_OF), stmt_str(q, 1))};
    stmt_end(q);
    return true;
}

bool state_listeners_of(struct state *s, int64_t node, struct listeners_row *out)
{
    if (s->level < LEVEL_NODES)
        return false;
    struct stmt *q = query_use(s, LISTENERS_OF);
    stmt_bind_i64(q, ":node", node);
    if (!stmt_row(q))
        return false;
    struct arena *a = one(s, LISTENERS_OF);
    *out = (struct listeners_row){copy_str(a, stmt_str(q, 0)), copy_str(a, stmt_str(q, 1)),
                                  copy_str(a, stmt_str(q, 2))};
    stmt_end(q);
    return true;
}

bool state_member(struct state *s, int64_t node, struct member_row *out)
{
    if (s->level < LEVEL_MEMBERS)
        return false;
    struct stmt *q = query_use(s, MEMBER);
    stmt_bind_i64(q, ":node", node);
    if (!stmt_row(q))
        return false;
    *out = (struct member_row){stmt_bool(q, 0), stmt_bool(q, 1), wall_at(q, 2)};
    stmt_end(q);
    return true;
}

int64_t state_voters_leaving(struct state *s)
{
    return s->level < LEVEL_MEMBERS ? 0 : stmt_one_i64(query_use(s, VOTERS_LEAVING), 0);
}

struct stmt *state_members(struct state *s)
{
    return s->level < LEVEL_MEMBERS ? NULL : query_use(s, MEMBERS);
}

bool state_node_is_held(struct state *s, int64_t node)
{
    if (s->level < LEVEL_NODES)
        return false;
    struct stmt *q = query_use(s, HELD);
    stmt_bind_i64(q, ":node", node);
    bool held = stmt_row(q);
    stmt_end(q);
    return held;
}

/* ---- tokens and identities */

bool state_token_next(struct stmt *q, struct token_row *out)
{
    if (q == NULL || !stmt_row(q))
        return false;
    *out = (struct token_row){
        .id = stmt_i64(q, 0),
        .modes = (unsigned)stmt_i64(q, 1),
        .made_by = stmt_str(q, 2),
        .made = wall_at(q, 3),
        .until = wall_at(q, 4),
        .revoked = wall_at(q, 5),
        .used = stmt_i64(q, 6),
        .last_used = wall_at(q, 7),
    };
    return true;
}

bool state_token_by_id(struct state *s, int64_t id, struct token_row *out)
{
    struct token_row r;
    if (s->level < LEVEL_IDENTITY)
        return false;
    struct stmt *q = query_use(s, TOKEN_BY_ID);
    stmt_bind_i64(q, ":id", id);
    if (!state_token_next(q, &r))
        return false;
    r.made_by = copy_str(one(s, TOKEN_BY_ID), r.made_by);
    stmt_end(q);
    *out = r;
    return true;
}

struct stmt *state_tokens(struct state *s)
{
    return s->level < LEVEL_IDENTITY ? NULL : query_use(s, TOKENS);
}

bool state_identity_next(struct stmt *q, struct identity_row *out)
{
    if (q == NULL || !stmt_row(q))
        return false;
    *out = (struct identity_row){
        .id = stmt_i64(q, 0),
        .store = stmt_i64(q, 1),
        .name = stmt_str(q, 2),
        .address = stmt_str(q, 3),
        .modes = (unsigned)stmt_i64(q, 4),
        .serial = stmt_i64(q, 5),
        .until = wall_at(q, 6),
        .joined = wall_at(q, 7),
        .token = stmt_i64(q, 8),
        .gone = wall_at(q, 9),
    };
    return true;
}

static bool identity_one(struct state *s, int which, struct stmt *q, struct identity_row *out)
{
    struct identity_row r;
    if (!state_identity_next(q, &r))
        return false;
    struct arena *a = one(s, which);
    r.name = copy_str(a, r.name);
    r.address = copy_str(a, r.address);
    stmt_end(q);
    *out = r;
    return true;
}

bool state_identity_by_id(struct state *s, int64_t id, struct identity_row *out)
{
    if (s->level < LEVEL_IDENTITY)
        return false;
    struct stmt *q = query_use(s, IDENTITY_BY_ID);
    stmt_bind_i64(q, ":id", id);
    return identity_one(s, IDENTITY_BY_ID, q, out);
}

bool identity_by_store(struct state *s, int64_t store, struct identity_row *out)
{
    struct stmt *q = query_use(s, IDENTITY_BY_STORE);
    stmt_bind_i64(q, ":store", store);
    return identity_one(s, IDENTITY_BY_STORE, q, out);
}

bool state_identity_by_address(struct state *s, const char *address, struct identity_row *out)
{
    if (s->level < LEVEL_IDENTITY)
        return false;
    struct stmt *q = query_use(s, IDENTITY_BY_ADDRESS);
    stmt_bind_text(q, ":address", address);
    return identity_one(s, IDENTITY_BY_ADDRESS, q, out);
}

bool state_identity_key(struct state *s, int64_t id, uint8_t out[SHA256_SIZE])
{
    if (s->level < LEVEL_KEYS)
        return false;
    struct stmt *q = query_use(s, IDENTITY_KEY);
    stmt_bind_i64(q, ":node", id);
    if (!stmt_row(q))
        return false;
    struct slice kept = stmt_blob(q, 0);
    bool whole = kept.len == SHA256_SIZE;
    if (whole)
        memcpy(out, kept.p, SHA256_SIZE);
    stmt_end(q);
    return whole;
}

struct stmt *state_identities(struct state *s)
{
    return s->level < LEVEL_IDENTITY ? NULL : query_use(s, IDENTITIES);
}

/* ---- events */

bool state_event_next(struct stmt *q, struct event_row *out)
{
    if (!stmt_row(q))
        return false;
    *out = (struct event_row){
        .id = stmt_i64(q, 0),
        .at = wall_at(q, 1),
        .index = stmt_i64(q, 2),
        .noun = (enum noun)stmt_i64(q, 3),
        .name = stmt_str(q, 4),
        .what = stmt_str(q, 5),
        .text = stmt_str(q, 6),
    };
    return true;
}

struct stmt *state_events_after(struct state *s, int64_t id, int64_t limit)
{
    struct stmt *q = query_use(s, EVENTS_AFTER);
    stmt_bind_i64(q, ":id", id);
    stmt_bind_i64(q, ":limit", limit);
    return q;
}

struct stmt *state_events_before(struct state *s, int64_t id, int64_t limit)
{
    struct stmt *q = query_use(s, EVENTS_BEFORE);
    stmt_bind_i64(q, ":id", id);
    stmt_bind_i64(q, ":limit", limit);
    return q;
}

int64_t state_events_oldest(struct state *s)
{
    return stmt_one_i64(query_use(s, EVENTS_OLDEST), 0);
}
