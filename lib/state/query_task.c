/* Tasks of apps and of jobs. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/str.h"
#include "model/id.h"
#include "model/job.h"
#include "state/private.h"

static int64_t uuid_key(struct uuid uuid)
{
    uint64_t low = 0;
    for (int i = 8; i < 16; i++)
        low = low << 8 | uuid.b[i];
    return (int64_t)(low & ~(UINT64_C(1) << 63));
}

bool state_task_next(struct stmt *q, struct task_row *out)
{
    if (q == NULL || !stmt_row(q))
        return false;
    enum owner owner = (enum owner)stmt_word(q, 3, OWNER_JOB, OWNER_APP);
    *out = (struct task_row){
        .id = stmt_i64(q, 0),
        .owner_id = stmt_i64(q, 1),
        .agent = stmt_i64(q, 2),
        .owner = owner,
        .name = stmt_str(q, 4),
        .state = (enum task_state)stmt_word(q, 5, TASK_LOST, TASK_LOST),
        .cpus_milli = stmt_i64(q, 6),
        .mem_bytes = stmt_i64(q, 7),
        .disk_bytes = stmt_i64(q, 8),
        .ports = stmt_str(q, 9),
        .version = query_wall_at(q, 10),
        .staged = query_wall_at(q, 11),
        .started = query_wall_at(q, 12),
        .has_started = !stmt_is_null(q, 12),
        .ended = query_wall_at(q, 13),
        .killed = query_wall_at(q, 14),
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
        .created = query_wall_at(q, 29),
        .salt = stmt_i64(q, 30),
        .job = stmt_i64(q, 31),
        .of = stmt_str(q, 32),
        .seq = stmt_i64(q, 33),
    };
    if (owner == OWNER_JOB)
        out->run = out->owner_id;
    out->pod = owner == OWNER_APP && strstr(out->name, "._app.") == NULL;
    return true;
}

struct stmt *state_doubles_of_job(struct state *s, int64_t job)
{
    struct stmt *q = query_use(s, DOUBLES);
    stmt_bind_i64(q, ":job", job);
    return q;
}

int64_t state_gone_newest(struct state *s, const char *name)
{
    if (s->level < PACKED_LEVEL)
        return 0;
    struct stmt *q = query_use(s, GONE_NEWEST);
    stmt_bind_text(q, ":name", name);
    return stmt_one_i64(q, 0);
}

struct stmt *state_tasks_gone(struct state *s, const char *name)
{
    ASSERT(s->level >= PACKED_LEVEL);
    struct stmt *q = query_use(s, GONE_ENDING);
    stmt_bind_text(q, ":name", name);
    return q;
}

bool state_name_is_ending(struct state *s, const char *name)
{
    bool reached = false;
    if (s->level < PACKED_LEVEL)
        return false;
    struct stmt *q = state_tasks_gone(s, name);
    while (!reached && stmt_row(q))
        reached = stmt_bool(q, 1);
    stmt_end(q);
    return reached;
}

#define TASK_TEXTS 9
#define TEXTS_OF_TASK(r)                                                                          \
    {                                                                                             \
        &(r)->name, &(r)->ports, &(r)->kill_reason, &(r)->container, &(r)->reason, &(r)->message, \
            &(r)->detail, &(r)->health_results, &(r)->of                                          \
    }

static bool keep_task(struct state *s, struct task_row *r)
{
    const char **texts[TASK_TEXTS] = TEXTS_OF_TASK(r);
    struct memo_row *kept = memo_take(s, MEMO_TASK, r->id, texts, TASK_TEXTS);
    if (kept != NULL)
        kept->task = *r;
    return kept != NULL;
}

void task_known(struct state *s, const struct task_row *t)
{
    struct task_row r = *t;
    keep_task(s, &r);
}

/* `memo`: it is kept, if it is a job's. */
static bool task_alone(struct state *s, int which, struct stmt *q, bool memo, struct task_row *out)
{
    struct task_row r;
    if (!state_task_next(q, &r))
        return false;
    bool kept = memo && r.owner == OWNER_JOB && keep_task(s, &r);
    const char **texts[TASK_TEXTS] = TEXTS_OF_TASK(&r);
    struct arena *a = kept ? NULL : query_one(s, which);
    for (size_t i = 0; i < TASK_TEXTS && a != NULL; i++)
        *texts[i] = arena_strdup(a, *texts[i]);
    stmt_end(q);
    *out = r;
    return true;
}

static bool task_one(struct state *s, int which, struct stmt *q, struct task_row *out)
{
    return task_alone(s, which, q, false, out);
}

bool state_task_by_id(struct state *s, int64_t id, struct task_row *out)
{
    struct memo_row *kept = memo_known(s, MEMO_TASK, id);
    if (kept != NULL) {
        *out = kept->task;
        return true;
    }
    struct stmt *q = query_use(s, TASK_BY_ID);
    stmt_bind_i64(q, ":id", id);
    return task_alone(s, TASK_BY_ID, q, true, out);
}

bool state_task_brief(struct state *s, int64_t id, struct task_brief *out)
{
    const struct memo_row *kept = memo_known(s, MEMO_TASK, id);
    if (kept != NULL) {
        const struct task_row *t = &kept->task;
        *out = (struct task_brief){id, t->owner_id, t->agent, t->owner, t->state, t->started};
        return true;
    }
    struct stmt *q = query_use(s, TASK_IN_BRIEF);
    stmt_bind_i64_at(q, 1, id);
    if (!stmt_row(q))
        return false;
    *out = (struct task_brief){
        .id = id,
        .owner_id = stmt_i64(q, 0),
        .agent = stmt_i64(q, 1),
        .owner = (enum owner)stmt_word(q, 2, OWNER_JOB, OWNER_APP),
        .state = (enum task_state)stmt_word(q, 3, TASK_LOST, TASK_LOST),
        .started = query_wall_at(q, 4),
    };
    stmt_end(q);
    return true;
}

static bool task_of_job(struct state *s, const char *job, const char *name, struct wall due,
                        struct task_row *out)
{
    struct stmt *q = query_use(s, TASK_OF_JOB_DUE); /* mostly it is there */
    stmt_bind_text(q, ":job", job);
    stmt_bind_text(q, ":name", name);
    stmt_bind_i64(q, ":due", due.ms);
    if (task_one(s, TASK_OF_JOB_DUE, q, out))
        return true;
    q = query_use(s, TASK_OF_JOB_NAMED); /* a later attempt's name has the time of the retry */
    stmt_bind_text(q, ":job", job);
    stmt_bind_text(q, ":name", name);
    return task_one(s, TASK_OF_JOB_NAMED, q, out);
}

static bool job_task_by_name(struct state *s, const char *name, struct task_row *out)
{
    struct job_task_ref ref;
    struct error err;
    return job_task_id_parse(name, &ref, &err) == 0 && task_of_job(s, ref.name, name, ref.due, out);
}

bool state_task_of_gone(struct state *s, const char *name, struct task_row *out)
{
    struct job_task_ref ref;
    struct error err;
    struct gone_row gone;
    char called[JOB_CALLED_SIZE];
    bool found = false;
    if (job_task_id_parse(name, &ref, &err) != 0)
        return false;
    struct stmt *q = state_jobs_gone_named(s, ref.name);
    while (!found && state_job_gone_next(q, &gone)) {
        job_called(&gone, called);
        found = task_of_job(s, called, name, ref.due, out);
    }
    if (q != NULL)
        stmt_end(q);
    return found;
}

/* Of a container; without one the first that has not ended, or else the first of all. */
static bool pod_task_named(struct state *s, int64_t instance, const char *container,
                           struct task_row *out)
{
    struct task_row t;
    int64_t id = 0;
    bool ended = true;
    struct stmt *q = state_tasks_of_instance(s, instance);
    while (state_task_next(q, &t)) {
        struct task_ref ref;
        struct error err;
        if (task_id_parse(t.name, &ref, &err) != 0 ||
            (container[0] != '\0' && !str_eq(ref.container, container)))
            continue;
        if (id == 0 || (ended && !task_ended(t.state))) {
            id = t.id;
            ended = task_ended(t.state);
        }
    }
    return id != 0 && state_task_by_id(s, id, out);
}

/* Of a resident instance, one that it has had before. */
static bool earlier_task(struct state *s, int64_t instance, const char *name, struct task_row *out)
{
    struct task_row t;
    int64_t id = 0;
    if (s->level < LEVEL_RESIDENTS)
        return false;
    struct stmt *q = query_use(s, TASKS_OF_INSTANCE);
    stmt_bind_i64(q, ":instance", instance);
    while (state_task_next(q, &t))
        if (str_eq(t.name, name))
            id = t.id;
    return id != 0 && state_task_by_id(s, id, out);
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
    if (str_eq(r.name, name) || (ref.incarnation > 0 && earlier_task(s, r.owner_id, name, out)))
        return true;
    return !r.pod || pod_task_named(s, r.owner_id, ref.container, out);
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

struct stmt *state_tasks_of_instance(struct state *s, int64_t instance)
{
    if (s->level < LEVEL_PODS)
        return NULL;
    struct stmt *q = query_use(s, s->level < LEVEL_RESIDENTS ? TASKS_OF_INSTANCE : TASKS_OF_LAUNCH);
    stmt_bind_i64(q, ":instance", instance);
    return q;
}

struct stmt *state_pod_ends(struct state *s, int64_t app)
{
    if (s->level < LEVEL_PODS)
        return NULL;
    struct stmt *q = query_use(s, POD_ENDS);
    stmt_bind_i64(q, ":app", app);
    return q;
}

bool state_pod_end_next(struct stmt *q, struct pod_end_row *out)
{
    if (q == NULL || !stmt_row(q))
        return false;
    *out = (struct pod_end_row){
        .name = stmt_str(q, 0),
        .created = query_wall_at(q, 1),
        .ended = query_wall_at(q, 2),
        .message = stmt_str(q, 3),
        .containers = stmt_str(q, 4),
    };
    return true;
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

struct stmt *state_readiness(struct state *s, int64_t app, struct wall since)
{
    if (s->level < READINESS_LEVEL)
        return NULL;
    struct stmt *q = query_use(s, READINESS);
    stmt_bind_i64(q, ":app", app);
    stmt_bind_i64(q, ":since", since.ms);
    return q;
}

bool state_readiness_next(struct stmt *q, struct readiness_row *out)
{
    if (q == NULL || !stmt_row(q))
        return false;
    *out = (struct readiness_row){
        .task = stmt_str(q, 0), .results = stmt_text(q, 1), .ready = stmt_bool(q, 2)};
    return true;
}

bool state_check_of_task(struct state *s, int64_t task, struct check_result *out)
{
    if (s->level < CHECK_LEVEL)
        return false;
    struct stmt *q = query_use(s, CHECK_OF_TASK);
    stmt_bind_i64(q, ":task", task);
    bool known = stmt_row(q);
    if (known)
        *out = (struct check_result){
            .kind = (enum check_kind)stmt_word(q, 0, CHECK_COMMAND, CHECK_COMMAND),
            .code = stmt_is_null(q, 1) ? NO_RESULT : (int)stmt_i64(q, 1)};
    stmt_end(q);
    return known;
}

struct wall state_last_end(struct state *s, const char *app)
{
    char safe[ID_SIZE], from[INSTANCE_ID_SIZE], below[INSTANCE_ID_SIZE];
    struct stmt *q = query_use(s, LAST_END);
    id_safe(app, safe);
    snprintf(from, sizeof from, "%s.instance-", safe);
    snprintf(below, sizeof below, "%s.instance.", safe); /* the sign after '-' */
    stmt_bind_text(q, ":from", from);
    stmt_bind_text(q, ":below", below);
    return (struct wall){stmt_one_i64(q, 0)};
}

struct stmt *state_ends_of_apps(struct state *s)
{
    return query_use(s, ENDS_OF_APPS);
}

bool state_end_next(struct stmt *q, const char **task_out, struct wall *ended_out)
{
    if (!stmt_row(q))
        return false;
    *task_out = stmt_str(q, 0);
    *ended_out = query_wall_at(q, 1);
    return true;
}

struct stmt *state_tasks_ended_of(struct state *s, enum owner owner, int64_t limit)
{
    struct stmt *q = query_use(s, owner == OWNER_APP ? TASKS_ENDED_OF_APPS : TASKS_ENDED_OF_JOBS);
    stmt_bind_i64(q, ":limit", limit);
    return q;
}

void state_count_ended(struct state *s, int64_t agent, int64_t n[TASK_STATES])
{
    struct stmt *q = query_use(s, TASKS_ENDED);
    stmt_bind_i64(q, ":agent", agent);
    while (stmt_row(q))
        n[stmt_word(q, 0, TASK_STATES - 1, TASK_LOST)]++;
    stmt_end(q);
}
