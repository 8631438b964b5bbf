/* Jobs and their runs. */
#include <stdio.h>

#include "base/assert.h"
#include "state/private.h"

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
        .gone = stmt_i64(q, 4) == JOB_IS_GONE,
        .schedule = stmt_str(q, 5),
        .k = stmt_i64(q, 6),
        .remaining = stmt_i64(q, 7),
        .next = query_wall_at(q, 8),
        .successes = stmt_i64(q, 9),
        .errors = stmt_i64(q, 10),
        .errors_since_success = stmt_i64(q, 11),
        .last_success = query_wall_at(q, 12),
        .last_error = query_wall_at(q, 13),
        .queued = stmt_i64(q, 14),
        .active = stmt_i64(q, 15),
    };
    return true;
}

static bool keep_job(struct state *s, struct job_row *r)
{
    const char **texts[] = {&r->name, &r->definition.p, &r->schedule};
    struct memo_row *kept = memo_take(s, MEMO_JOB, r->id, texts, 3);
    if (kept != NULL)
        kept->job = *r;
    return kept != NULL;
}

void job_known(struct state *s, const struct job_row *j)
{
    struct job_row r = *j;
    keep_job(s, &r);
}

void job_counted(struct state *s, const struct job_row *j, bool was_known)
{
    struct memo_row *now = memo_again(s, MEMO_JOB, j->id, was_known);
    if (now == NULL)
        return;
    now->job.successes = j->successes;
    now->job.errors = j->errors;
    now->job.errors_since_success = j->errors_since_success;
    now->job.last_success = j->last_success;
    now->job.last_error = j->last_error;
}

/* `memo`: it is kept. */
static bool job_row_alone(struct state *s, int which, struct stmt *q, bool memo,
                          struct job_row *out)
{
    struct job_row r;
    if (!state_job_next(q, &r))
        return false;
    if (!memo || !keep_job(s, &r)) {
        struct arena *a = query_one(s, which);
        r.name = arena_strdup(a, r.name);
        r.definition.p = arena_strdup(a, r.definition.p);
        r.schedule = arena_strdup(a, r.schedule);
    }
    stmt_end(q);
    *out = r;
    return true;
}

static bool job_one(struct state *s, int which, struct stmt *q, struct job_row *out)
{
    return job_row_alone(s, which, q, false, out);
}

bool state_job_by_id(struct state *s, int64_t id, struct job_row *out)
{
    struct stmt *q = query_use(s, JOB_BY_ID);
    stmt_bind_i64(q, ":id", id);
    return job_one(s, JOB_BY_ID, q, out);
}

bool state_job_alone(struct state *s, int64_t id, struct job_row *out)
{
    struct memo_row *kept = memo_known(s, MEMO_JOB, id);
    if (kept != NULL) {
        *out = kept->job;
        return true;
    }
    struct stmt *q = query_use(s, JOB_ALONE);
    stmt_bind_i64(q, ":id", id);
    return job_row_alone(s, JOB_ALONE, q, true, out);
}

struct stmt *state_job_text(struct state *s, int64_t id)
{
    struct stmt *q = query_use(s, JOB_TEXT);
    stmt_bind_i64(q, ":id", id);
    return q;
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
    stmt_bind_text(q, ":after", arena_strdup(query_one(s, JOBS), after)); /* as in state_apps() */
    stmt_bind_i64(q, ":limit", limit);
    return q;
}

struct stmt *state_jobs_created(struct state *s)
{
    return query_use(s, JOBS_CREATED);
}

struct stmt *state_jobs_brief(struct state *s)
{
    return query_use(s, JOBS_BRIEF);
}

struct stmt *state_job_names(struct state *s)
{
    return query_use(s, JOB_NAMES);
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

/* ---- deleted ones */

bool state_job_gone_next(struct stmt *q, struct gone_row *out)
{
    if (q == NULL || !stmt_row(q))
        return false;
    *out = (struct gone_row){stmt_i64(q, 0), stmt_str(q, 1), query_wall_at(q, 2), stmt_str(q, 3)};
    return true;
}

static bool gone_one(struct state *s, int which, struct stmt *q, struct gone_row *out)
{
    if (!state_job_gone_next(q, out))
        return false;
    struct arena *a = query_one(s, which);
    out->name = arena_strdup(a, out->name);
    out->by = arena_strdup(a, out->by);
    stmt_end(q);
    return true;
}

bool state_job_gone(struct state *s, int64_t job, struct gone_row *out)
{
    if (s->level < GONE_LEVEL)
        return false;
    struct stmt *q = query_use(s, JOB_GONE);
    stmt_bind_i64(q, ":job", job);
    return gone_one(s, JOB_GONE, q, out);
}

bool state_job_is_gone(struct state *s, int64_t job)
{
    struct gone_row row;
    return state_job_gone(s, job, &row);
}

struct stmt *state_jobs_gone_named(struct state *s, const char *name)
{
    if (s->level < GONE_LEVEL)
        return NULL;
    struct stmt *q = query_use(s, JOB_GONE_NAMED);
    stmt_bind_text(q, ":name", name);
    return q;
}

bool state_job_gone_named(struct state *s, const char *name, struct gone_row *out)
{
    return gone_one(s, JOB_GONE_NAMED, state_jobs_gone_named(s, name), out);
}

const char *job_called(const struct gone_row *gone, char dst[JOB_CALLED_SIZE])
{
    snprintf(dst, JOB_CALLED_SIZE, "%s:%lld", gone->name, (long long)gone->job);
    return dst;
}

bool state_job_called(struct state *s, const char *called, struct job_row *out)
{
    if (s->level < GONE_LEVEL)
        return false;
    struct stmt *q = query_use(s, JOB_GONE_CALLED);
    stmt_bind_text(q, ":name", called);
    return job_one(s, JOB_GONE_CALLED, q, out);
}

struct stmt *state_jobs_gone(struct state *s)
{
    return s->level < GONE_LEVEL ? NULL : query_use(s, JOBS_GONE);
}

/* ---- */

bool state_job_pause(struct state *s, int64_t job, struct pause_row *out)
{
    if (s->level < LEVEL_PAUSES)
        return false;
    struct stmt *q = query_use(s, JOB_PAUSE);
    stmt_bind_i64(q, ":job", job);
    if (!stmt_row(q))
        return false;
    struct arena *a = query_one(s, JOB_PAUSE);
    *out = (struct pause_row){
        .at = query_wall_at(q, 0),
        .by = arena_strdup(a, stmt_str(q, 1)),
        .reason = arena_strdup(a, stmt_str(q, 2)),
    };
    stmt_end(q);
    return true;
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
        .cause = (enum run_cause)stmt_word(q, 6, RUN_CAUSE_LAST, CAUSE_SCHEDULE),
        .state = (enum run_state)stmt_word(q, 7, RUN_STATE_LAST, RUN_LOST),
        .priority = (int)stmt_i64(q, 8),
        .due = query_wall_at(q, 9),
        .deadline = query_wall_at(q, 10),
        .not_before = query_wall_at(q, 11),
        .queued = query_wall_at(q, 12),
        .started = query_wall_at(q, 13),
        .ended = query_wall_at(q, 14),
        .arguments = stmt_str(q, 15),
        .reason = stmt_str(q, 16),
        .job_name = stmt_str(q, 17),
    };
    return true;
}

static bool keep_run(struct state *s, struct run_row *r)
{
    const char **texts[] = {&r->arguments, &r->reason, &r->job_name};
    struct memo_row *kept = memo_take(s, MEMO_RUN, r->id, texts, 3);
    if (kept != NULL)
        kept->run = *r;
    return kept != NULL;
}

void run_known(struct state *s, const struct run_row *r)
{
    struct run_row now = *r;
    keep_run(s, &now);
}

bool state_run_by_id(struct state *s, int64_t id, struct run_row *out)
{
    const struct memo_row *kept = memo_known(s, MEMO_RUN, id);
    if (kept != NULL) {
        *out = kept->run;
        return true;
    }
    struct run_row r;
    struct stmt *q = query_use(s, RUN_BY_ID);
    stmt_bind_i64(q, ":id", id);
    if (!state_run_next(q, &r))
        return false;
    if (!keep_run(s, &r)) {
        struct arena *a = query_one(s, RUN_BY_ID);
        r.arguments = arena_strdup(a, r.arguments);
        r.reason = arena_strdup(a, r.reason);
        r.job_name = arena_strdup(a, r.job_name);
    }
    stmt_end(q);
    *out = r;
    return true;
}

bool state_start_heard(struct state *s, const struct run_row *r)
{
    struct task_row t;
    return r->state != RUN_SUCCESS || r->started.ms != r->ended.ms ||
           !state_task_by_id(s, r->task, &t) || t.started.ms != 0;
}

bool state_run_to_start(struct state *s, int64_t run, int64_t agent, struct run_to_start *out)
{
    struct job_row job;
    struct agent_row of;
    if (!state_run_by_id(s, run, &out->run) || !state_job_alone(s, out->run.job, &job) ||
        job.gone || !state_agent_by_id(s, agent, &of))
        return false;
    out->job_generation = job.generation;
    out->hostname = of.hostname;
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

struct stmt *state_runs_to_look_at(struct state *s, int64_t job)
{
    struct stmt *q = query_use(s, RUNS_TO_LOOK_AT);
    stmt_bind_i64_at(q, 1, job);
    return q;
}

/* Its rows are asked for alone: mostly they are known. */
bool state_run_to_look_at_next(struct state *s, struct stmt *q, struct run_to_look_at *out)
{
    if (!stmt_row(q))
        return false;
    *out = (struct run_to_look_at){0};
    bool found = state_run_by_id(s, stmt_i64(q, 0), &out->run) &&
                 state_job_alone(s, out->run.job, &out->job);
    if (!found)
        stmt_end(q);
    ASSERT(found || db_failed(s->db)); /* a run has a job */
    if (found && out->run.task != 0)
        state_task_brief(s, out->run.task, &out->task);
    return found;
}

int64_t state_run_asked_for(struct state *s, int64_t job)
{
    struct run_row r;
    int64_t waits = 0;
    struct stmt *q = state_runs_open(s, job);
    while (state_run_next(q, &r))
        waits = r.cause == CAUSE_MANUAL && r.state == RUN_QUEUED ? r.id : waits;
    return waits;
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

/* ---- backfills */

bool state_run_wish(struct state *s, int64_t run, struct wish_row *out)
{
    if (s->level < LEVEL_BACKFILLS)
        return false;
    struct stmt *q = query_use(s, RUN_WISH);
    stmt_bind_i64(q, ":run", run);
    if (!stmt_row(q))
        return false;
    struct arena *a = query_one(s, RUN_WISH);
    *out = (struct wish_row){arena_strdup(a, stmt_str(q, 0)), stmt_i64(q, 1)};
    stmt_end(q);
    return true;
}

bool state_backfill_next(struct stmt *q, struct backfill_row *out)
{
    if (q == NULL || !stmt_row(q))
        return false;
    *out = (struct backfill_row){
        .id = stmt_i64(q, 0),
        .job = stmt_i64(q, 1),
        .at = query_wall_at(q, 2),
        .by = stmt_str(q, 3),
        .from = query_wall_at(q, 4),
        .to = query_wall_at(q, 5),
        .next = query_wall_at(q, 6),
        .most = stmt_i64(q, 7),
        .again = stmt_bool(q, 8),
        .made = stmt_i64(q, 9),
        .passed = stmt_i64(q, 10),
        .good = stmt_i64(q, 11),
        .bad = stmt_i64(q, 12),
        .canceled = stmt_bool(q, 13),
        .ended = query_wall_at(q, 14),
        .open = stmt_i64(q, 15),
    };
    return true;
}

bool state_backfill(struct state *s, int64_t id, struct backfill_row *out)
{
    if (s->level < LEVEL_BACKFILLS)
        return false;
    struct stmt *q = query_use(s, BACKFILL);
    stmt_bind_i64(q, ":id", id);
    if (!state_backfill_next(q, out))
        return false;
    out->by = arena_strdup(query_one(s, BACKFILL), out->by);
    stmt_end(q);
    return true;
}

struct stmt *state_backfills_open(struct state *s)
{
    return s->level < LEVEL_BACKFILLS ? NULL : query_use(s, BACKFILLS_OPEN);
}

struct stmt *state_backfills_of_job(struct state *s, int64_t job)
{
    if (s->level < LEVEL_BACKFILLS)
        return NULL;
    struct stmt *q = query_use(s, BACKFILLS_OF_JOB);
    stmt_bind_i64(q, ":job", job);
    return q;
}

static int64_t of_job(struct state *s, int which, int64_t job, int64_t none)
{
    struct stmt *q = query_use(s, which);
    stmt_bind_i64(q, ":job", job);
    return stmt_one_i64(q, none);
}

struct wall state_targets_known(struct state *s, int64_t job)
{
    return (struct wall){s->level < LEVEL_BACKFILLS ? 0 : of_job(s, FORGOTTEN, job, -1) + 1};
}

int64_t state_filled_count(struct state *s, int64_t job)
{
    return s->level < LEVEL_BACKFILLS ? 0 : of_job(s, FILLED_COUNT, job, 0);
}

static bool any_of_target(struct state *s, int which, int64_t job, int64_t due_ms)
{
    if (s->level < LEVEL_BACKFILLS)
        return false;
    struct stmt *q = query_use(s, which);
    stmt_bind_i64(q, ":job", job);
    stmt_bind_i64(q, ":due", due_ms);
    return stmt_one_i64(q, 0) > 0;
}

bool target_filled(struct state *s, int64_t job, int64_t due_ms)
{
    return any_of_target(s, FILLED, job, due_ms);
}

bool state_target_has_run(struct state *s, int64_t job, struct wall due)
{
    return any_of_target(s, RUN_OF_TARGET, job, due.ms) || target_filled(s, job, due.ms);
}

/* ---- dependent jobs */

bool state_run_cause(struct state *s, int64_t run, int64_t *by_run, int64_t *root)
{
    if (s->level < LEVEL_DEPENDENTS)
        return false;
    struct stmt *q = query_use(s, RUN_CAUSE);
    stmt_bind_i64(q, ":run", run);
    if (!stmt_row(q))
        return false;
    *by_run = stmt_i64(q, 0);
    *root = stmt_i64(q, 1);
    stmt_end(q);
    return true;
}

struct stmt *state_edges_of(struct state *s, int64_t child)
{
    if (s->level < LEVEL_DEPENDENTS)
        return NULL;
    struct stmt *q = query_use(s, EDGES_OF_CHILD);
    stmt_bind_i64(q, ":child", child);
    return q;
}

bool state_edge_next(struct stmt *q, struct edge_row *out)
{
    if (q == NULL || !stmt_row(q))
        return false;
    *out = (struct edge_row){
        .parent = stmt_i64(q, 0),
        .ends = (int)stmt_i64(q, 1),
        .met = stmt_i64(q, 2),
        .parent_name = stmt_str(q, 3),
    };
    return true;
}

struct stmt *state_children(struct state *s, int64_t parent)
{
    if (s->level < LEVEL_DEPENDENTS)
        return NULL;
    struct stmt *q = query_use(s, CHILDREN);
    stmt_bind_i64(q, ":parent", parent);
    return q;
}

struct stmt *state_lone_children(struct state *s, int64_t parent)
{
    if (s->level < LEVEL_DEPENDENTS)
        return NULL;
    struct stmt *q = query_use(s, CHILDREN_ALONE);
    stmt_bind_i64(q, ":parent", parent);
    return q;
}

struct stmt *state_graph_roots(struct state *s)
{
    return s->level < LEVEL_DEPENDENTS ? NULL : query_use(s, GRAPH_ROOTS);
}

enum job_depends state_job_depends(struct state *s, int64_t job)
{
    if (s->level < LEVEL_DEPENDENTS)
        return DEPENDS_NOT_GIVEN;
    struct stmt *q = query_use(s, DEPENDENT);
    stmt_bind_i64(q, ":job", job);
    return (enum job_depends)stmt_one_i64(q, DEPENDS_NOT_GIVEN);
}

bool state_any_fired(struct state *s)
{
    return s->level >= LEVEL_DEPENDENTS && stmt_one_i64(query_use(s, DEPENDENTS_FIRED), 0) != 0;
}

struct job_task_row state_job_task(struct state *s, int64_t task)
{
    struct job_task_row row = {0};
    if (s->level < LEVEL_JOB_TASKS)
        return row;
    struct stmt *q = query_use(s, JOB_TASK);
    stmt_bind_i64(q, ":task", task);
    if (!stmt_row(q))
        return row;
    row = (struct job_task_row){.async = stmt_bool(q, 0), .elements = stmt_i64(q, 1)};
    stmt_end(q);
    return row;
}
