/* What machines may start: what was ordered, there, then, and once. And that each target of a job
 * has its run (spec/chronos.md 10.6). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "db/statement.h"
#include "model/run_spec.h"
#include "sim/world.h"

#define SIGMA_MS 50    /* of clocks that nobody has set wrong */
#define PHI_MS 2000    /* forgiveness, and the start lease */
#define SETTLE_MS 5000 /* a target that recent may not be decided yet */

struct order {
    bool ordered, started;
    int ordered_on, started_on; /* positions */
};

/* Where and when a run's attempt was started first. */
struct start {
    int node;
    uint64_t id; /* of that node: with another disk it is another one */
    int64_t at;
};

static struct order *order_of(struct world *w, int64_t task)
{
    struct order *o = map_get(w->ordered, (uint64_t)task);
    if (o == NULL) {
        o = NEW(struct order);
        map_put(w->ordered, (uint64_t)task, o);
    }
    return o;
}

static void check_order(struct world *w, int64_t task, const struct order *o)
{
    if (o->ordered && o->started && o->ordered_on != o->started_on)
        fail_world(w, "task %" PRId64 " was ordered on %d and started on %d", task, o->ordered_on,
                   o->started_on);
}

void orders_seen(struct sim_node *n)
{
    struct world *w = n->w;
    struct error err;
    if (n->ordered == NULL)
        n->ordered = db_query(state_db(node_state(n->node)),
                              SLICE("select t.id, a.hostname from tasks t join agents a on a.id = "
                                    "t.agent where t.id > ?1 order by t.id"),
                              &err);
    stmt_bind_i64_at(n->ordered, 1, w->newest_task);
    while (stmt_row(n->ordered)) {
        int64_t task = stmt_i64(n->ordered, 0);
        struct order *o = order_of(w, task);
        o->ordered = true;
        o->ordered_on = atoi(stmt_str(n->ordered, 1) + 1); /* "n3" */
        w->newest_task = task;
        check_order(w, task, o);
    }
    stmt_end(n->ordered);
}

static bool clocks_are_right(const struct world *w)
{
    return w->options.faults.jump == 0 && w->options.faults.drift == 0;
}

/* S3: an attempt is started once. Only where its node could not be heard of may another one start
 * it, too (5.2, step 3: at least once). */
static void check_once(struct sim_node *n, const struct run_spec *spec)
{
    struct world *w = n->w;
    char attempt[TASK_ID_SIZE + 24];
    snprintf(attempt, sizeof attempt, "%" PRId64 " %s", spec->run, spec->name);
    struct start *first = map_get_str(w->started, attempt);
    if (first == NULL) {
        first = NEW(struct start);
        *first = (struct start){n->position, n->id, w->mono};
        map_put_str(w->started, attempt, first);
        return;
    }
    const struct sim_node *before = &w->nodes[first->node];
    bool gone = before->id != first->id;
    bool silent = w->options.faults.drop > 0 || before->unheard_ms >= first->at || gone;
    if (first->id == n->id || !silent)
        fail_world(w, "run %s was started on %d and again on %d", attempt, first->node,
                   n->position);
}

static struct name *name_of(struct world *w, const char *name)
{
    for (size_t i = 0; i < w->names_n; i++)
        if (str_eq(w->names[i].name, name))
            return &w->names[i];
    return NULL;
}

/* S4, S7: after it is due, and not after its job's end. */
static void check_time(struct sim_node *n, const struct run_spec *spec)
{
    struct world *w = n->w;
    const struct name *job = name_of(w, spec->of);
    int64_t due = strtoll(spec->name + 3, NULL, 10), now = w->wall0 + w->mono; /* "ct:1420843…" */
    if (clocks_are_right(w) && now < due - SIGMA_MS)
        fail_world(w, "%s was started %" PRId64 " ms before it was due", spec->name, due - now);
    if (job != NULL && job->values.n == 1 && job->values.v[0] == VALUE_NONE && !job->under_way &&
        w->mono > job->since_ms + PHI_MS + 2 * SIGMA_MS)
        fail_world(w, "%s was started %" PRId64 " ms after its end", spec->name,
                   w->mono - job->since_ms);
}

/* S5: no two runs of a job at once, but where the other's machine was not heard of. */
static void check_alone(struct sim_node *n, int64_t task, const struct run_spec *spec)
{
    struct world *w = n->w;
    const struct name *job = name_of(w, spec->of);
    if (n->place == LEAVING) /* its runs were given to others, whether it has begun them or not */
        return;
    for (int i = 0; i < w->n; i++) {
        const struct sim_node *other = &w->nodes[i];
        for (size_t k = 0; k < other->tasks_n; k++) {
            const struct sim_task *t = &other->tasks[k];
            if (t->id != task && str_eq(t->of, spec->of) && !task_ended(t->state) &&
                other->unheard_ms < t->started_ms && job != NULL &&
                job->remade_ms + PHI_MS < t->started_ms) /* else it may be of an earlier job */
                fail_world(w, "%s was started on %d while another, %s, runs on %d", spec->name,
                           n->position, t->name, i);
        }
    }
}

void check_start(struct sim_node *n, int64_t task, const struct run_spec *spec)
{
    struct world *w = n->w;
    struct order *o = order_of(w, task);
    w->starts += spec->owner == OWNER_APP;
    if (spec->owner == OWNER_JOB && w->day == NULL) { /* a day's judge looks at these */
        check_once(n, spec);
        check_time(n, spec);
        check_alone(n, task, spec);
    }
    if (o->started && o->started_on != n->position)
        fail_world(w, "task %" PRId64 " lives on %d and was started on %d", task, o->started_on,
                   n->position);
    o->started = true;
    o->started_on = n->position;
    check_order(w, task, o);
}

/* ---- the end */

static bool all_ordered(struct world *w)
{
    const struct order *o;
    for (size_t cursor = 0; (o = map_each(w->ordered, &cursor)) != NULL;)
        if (o->started && !o->ordered)
            return fail_world(w, "a task was started on %d that nobody ordered", o->started_on);
    return true;
}

struct record { /* of one job */
    int64_t due, covers;
    enum run_state state;
};

/* Those of the schedule, newest due first; at most `max`. */
static size_t records_of(struct state *s, int64_t job, struct record *out, size_t max)
{
    struct run_row r;
    size_t n = 0;
    struct stmt *q = state_runs_of_job(s, job, (int64_t)max);
    while (state_run_next(q, &r))
        if (r.cause == CAUSE_SCHEDULE && n < max)
            out[n++] = (struct record){r.due.ms, r.covers, r.state};
    stmt_end(q);
    return n;
}

static const struct record *covering(const struct record *records, size_t n, int64_t period_ms,
                                     int64_t target)
{
    for (size_t i = 0; i < n; i++)
        if (target <= records[i].due &&
            target >= records[i].due - (records[i].covers - 1) * period_ms &&
            (records[i].due - target) % period_ms == 0)
            return &records[i];
    return NULL;
}

/* S1, S14: from when the job is as it is, each target has a run, or at least a reason for none. A
 * write under way may have given it other targets already.
 * With clocks that are right and deadlines that no trouble outlasts, it has a run. */
static bool check_targets(struct world *w, const struct name *job, struct state *s)
{
    enum { RECORDS = 400 };
    static struct record records[RECORDS];
    struct job_row row;
    if (!state_job_by_name(s, job->name, &row) || job->period_ms == 0)
        return true;
    size_t n = records_of(s, row.id, records, RECORDS);
    int64_t since = w->wall0 + job->since_ms + 1000, until = w->wall0 + w->mono - SETTLE_MS;
    if (n == 0)
        return job->anchor == 0 || until - since < job->period_ms ||
               fail_world(w, "%s has no record of any target", job->name);
    if (since < records[n - 1].due) /* older records may have been trimmed */
        since = records[n - 1].due;
    int64_t anchor = job->anchor != 0 ? job->anchor : records[0].due;
    int64_t first = since + ((anchor - since) % job->period_ms + job->period_ms) % job->period_ms;
    for (int64_t target = first; target < until; target += job->period_ms) {
        const struct record *r = covering(records, n, job->period_ms, target);
        if (r == NULL)
            return fail_world(w, "target %" PRId64 " of %s has no record", target, job->name);
        if (r->state == RUN_MISSED && w->options.faults.host == 0 && w->council.lost_ms == 0)
            return fail_world(w, "target %" PRId64 " of %s was missed", target, job->name);
    }
    return true;
}

bool check_runs(struct world *w)
{
    struct sim_node *l = leader_of(w);
    bool fine = all_ordered(w);
    for (size_t i = 0; i < w->names_n && fine && l != NULL && clocks_are_right(w); i++)
        if (w->names[i].job && w->names[i].values.n == 1 && !w->names[i].under_way)
            fine = check_targets(w, &w->names[i], node_state(l->node));
    return fine;
}
