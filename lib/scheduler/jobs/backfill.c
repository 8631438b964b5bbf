/* Targets of the past that are to run: which they are, and when the next runs are made. */
#include "base/assert.h"
#include "base/limits.h"
#include "scheduler/jobs/private.h"

#define TARGETS_A_LOOK 1000 /* of one backfill, most of which may have run */

struct walk { /* over the targets of an interval */
    const struct job *job;
    const struct aim *aim;
    struct state *state;
    int64_t row; /* the job's id */
    struct wall known;
    bool again;
    int64_t k;
    struct wall at, to; /* at: the next target */
};

static void walk_see(struct walk *w)
{
    const struct schedule *s = &w->job->schedule;
    bool counted = s->by_cron || s->count == COUNT_FOREVER || w->k < s->count;
    struct wall at = counted ? schedule_target(s, w->k) : SCHEDULE_END;
    w->at = at.ms < w->to.ms ? at : w->to;
}

static struct walk walk_from(struct state *state, int64_t row, const struct job *job,
                             const struct aim *aim, struct wall from, struct wall to, bool again)
{
    struct walk w = {.job = job,
                     .aim = aim,
                     .state = state,
                     .row = row,
                     .known = state_targets_known(state, row),
                     .again = again,
                     .to = to};
    int64_t before = schedule_last_due(&job->schedule, (struct wall){from.ms - 1});
    w.k = schedule_skip(&job->schedule, before + 1, 0, INT64_MAX);
    walk_see(&w);
    return w;
}

static bool walk_ends(const struct walk *w)
{
    return w->at.ms >= w->to.ms;
}

/* The job's time does not have it, or a calendar excludes it. */
static bool is_barred(const struct aim *a, struct wall at)
{
    return at.ms < a->starts.ms || (a->ends.ms != 0 && at.ms >= a->ends.ms) ||
           (a->rules != NULL && !calendar_at(a->rules, a->schedule->zone, at).open);
}

/* The target that it stands at has run, or may have; or it is none of the job's. */
static bool walk_passes(const struct walk *w)
{
    if (is_barred(w->aim, w->at))
        return true;
    return !w->again && (w->at.ms < w->known.ms || state_target_has_run(w->state, w->row, w->at));
}

static void walk_on(struct walk *w)
{
    struct wall was = w->at;
    do {
        w->k = schedule_skip(&w->job->schedule, w->k, 1, INT64_MAX);
        walk_see(w);
    } while (w->at.ms == was.ms); /* two with one due are one run */
}

/* The state keeps no more: it would not take another. */
static int check_known(struct state *state, const struct job_row *row, struct error *err)
{
    if (state_filled_count(state, row->id) < LIMIT_BACKFILL_TARGETS)
        return 0;
    return error_set(err, ERR_LIMIT,
                     "job %.80s: %d of its targets were backfilled, the most that are kept: delete "
                     "it and make it again; then none of them counts as run",
                     row->name, LIMIT_BACKFILL_TARGETS);
}

/* With a limit it is those that are passed that are too many. */
static int refuse_many(int64_t limit, const struct backfill_plan *seen, struct error *err)
{
    if (limit > LIMIT_BACKFILL_TARGETS)
        return error_set(err, ERR_LIMIT,
                         "to: more than %d times of the schedule are between \"from\" and \"to\": "
                         "need a time nearer to \"from\", or a limit",
                         LIMIT_BACKFILL_TARGETS);
    return error_set(err, ERR_LIMIT,
                     "from: of the first %d targets behind it %lld have run, or may have, or are "
                     "none of the job's, so %lld are not found: need a later time",
                     LIMIT_BACKFILL_TARGETS + 1, (long long)seen->passed, (long long)limit);
}

int jobs_plan_backfill(struct state *state, const struct job_row *row, struct wall from,
                       struct wall to, bool again, int64_t limit, struct backfill_plan *out,
                       struct error *err)
{
    struct job job;
    struct job_aim aim;
    int64_t n = 0;
    if (check_known(state, row, err) != 0 || jobs_load(row, &job, err) != 0)
        return -1;
    job_aim_load(state, &job, &aim);
    *out = (struct backfill_plan){.end = to};
    struct walk w = walk_from(state, row->id, &job, &aim.aim, from, to, again);
    for (; !walk_ends(&w) && n <= LIMIT_BACKFILL_TARGETS; walk_on(&w), n++) {
        if (walk_passes(&w)) {
            out->passed++;
            continue;
        }
        if (out->runs == limit) {
            out->end = w.at;
            break;
        }
        out->first = out->runs++ == 0 ? w.at : out->first;
        out->last = w.at;
    }
    bool enough = limit <= LIMIT_BACKFILL_TARGETS && out->runs == limit;
    if (enough && n > LIMIT_BACKFILL_TARGETS) /* the last one that is looked at was the last one */
        out->end = w.at;
    job_aim_close(&aim);
    job_close(&job);
    return n <= LIMIT_BACKFILL_TARGETS || enough ? 0 : refuse_many(limit, out, err);
}

/* How many targets it has looked at. */
static int64_t fill(struct look *l, const struct backfill_row *b, const struct job_row *row,
                    int64_t room)
{
    const struct job *job = look_definition(l, row->id, row->generation);
    struct job_aim aim;
    struct json_writer w;
    int64_t passed = 0, made = 0, seen = 0;
    if (job == NULL || job->broken != NULL)
        return 0;
    job_aim_load(l->state, job, &aim);
    struct walk walk = walk_from(l->state, row->id, job, &aim.aim, b->next, b->to, b->again);
    look_put(l, GATHER_FILL, look_entry(l, row->id), &w);
    json_object(&w);
    json_member_int(&w, "backfill", b->id);
    json_member_int(&w, "at_ms", b->next.ms);
    json_key(&w, "dues");
    json_array(&w);
    for (; !walk_ends(&walk) && made < room && seen < TARGETS_A_LOOK; walk_on(&walk), seen++) {
        if (walk_passes(&walk)) {
            passed++;
        } else {
            json_put_int(&w, walk.at.ms);
            made++;
        }
    }
    json_array_end(&w);
    json_member_int(&w, "passed", passed);
    json_member_int(&w, "next_ms", walk.at.ms);
    json_object_end(&w);
    job_aim_close(&aim);
    return seen;
}

static int64_t fill_next(struct look *l, const struct backfill_row *b)
{
    struct job_row row;
    int64_t room = LIMIT_JOB_OPEN_RUNS / 2 - state_runs_open_count(l->state, b->job);
    if (b->most - b->open < room)
        room = b->most - b->open;
    if (room <= 0 || b->next.ms >= b->to.ms || look_is_marked(l, b->job) ||
        !state_job_alone(l->state, b->job, &row))
        return 0;
    return fill(l, b, &row, room);
}

/* Of those behind that one, up to the other. */
static void fill_between(struct look *l, int64_t after, int64_t last)
{
    struct backfill_row b;
    struct stmt *q = state_backfills_open(l->state);
    if (q == NULL) /* the state does not know of any yet */
        return;
    while (l->fills_left > 0 && look_has_room(l) && state_backfill_next(q, &b)) {
        if (b.id <= after || b.id > last)
            continue;
        l->fills_left -= fill_next(l, &b);
        l->filled = b.id;
    }
    stmt_end(q);
}

/* In turns, and all of them if there is time for it: what one made comes back as an outcome, but
 * one that had nothing to do would wake nobody. */
void fill_all(struct look *l)
{
    int64_t last = l->filled;
    fill_between(l, last, INT64_MAX);
    fill_between(l, 0, last);
}
