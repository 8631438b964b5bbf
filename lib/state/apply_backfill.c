/* Runs for targets of the past, each told for when it is, in order and so many at once. */
#include "base/limits.h"
#include "state/private.h"

#define BACKFILL_PRIORITY (-1) /* behind all that is due now */

void wish_put(struct apply *a, int64_t run, const struct json *environment, int64_t backfill)
{
    struct buf text;
    struct json_writer w;
    if ((environment == NULL && backfill == 0) || a->s->level < LEVEL_BACKFILLS)
        return;
    struct stmt *q = change_use(a->s, WISH_PUT);
    stmt_bind_i64(q, ":run", run);
    buf_init(&text, LIMIT_ENTRY_BYTES);
    if (environment != NULL) {
        json_begin(&w, &text);
        json_put_value(&w, environment);
        stmt_bind_text(q, ":environment", buf_str(&text));
    }
    if (backfill != 0)
        stmt_bind_i64(q, ":backfill", backfill);
    stmt_run(q);
    buf_close(&text);
}

static void tell(struct apply *a, const struct backfill_row *b, const char *job, const char *what)
{
    char from[TIME_TEXT_SIZE], to[TIME_TEXT_SIZE];
    job_tell(a, b->job, job,
             event_put(a, NOUN_JOB, job, "backfill", "the backfill of job %s, %s to %s, %s", job,
                       wall_text(b->from, from), wall_text(b->to, to), what));
}

/* All its targets are decided and all its runs over. Looks no job up: callers hold its row. */
static void end_if_done(struct apply *a, int64_t id, const char *job)
{
    struct backfill_row b;
    if (!state_backfill(a->s, id, &b) || b.ended.ms != 0 || b.open > 0 || b.next.ms < b.to.ms)
        return;
    struct stmt *q = change_use(a->s, BACKFILL_END);
    stmt_bind_i64(q, ":id", id);
    stmt_bind_i64(q, ":at", a->c->at.ms);
    stmt_run(q);
    q = change_of_job(a, BACKFILLS_TRIM, b.job);
    stmt_bind_i64(q, ":keep", LIMIT_BACKFILLS);
    stmt_run(q);
    tell(a, &b, job, b.canceled ? "is canceled" : "is over");
}

void backfill_run_over(struct apply *a, const struct run_row *r, enum run_state state)
{
    struct wish_row wish;
    bool ran = state != RUN_CANCELLED || r->task != 0;
    if (r->cause != CAUSE_BACKFILL || !state_run_wish(a->s, r->id, &wish))
        return;
    struct stmt *q = change_use(a->s, BACKFILL_COUNT);
    stmt_bind_i64(q, ":id", wish.backfill);
    stmt_bind_i64(q, ":good", state == RUN_SUCCESS);
    stmt_bind_i64(q, ":bad", state != RUN_SUCCESS);
    stmt_run(q);
    if (ran) {
        q = change_of_job(a, FILLED_PUT, r->job);
        stmt_bind_i64(q, ":due", r->due.ms);
        stmt_run(q);
    }
    end_if_done(a, wish.backfill, r->job_name);
}

static bool has_open(struct apply *a, int64_t job)
{
    struct backfill_row b;
    bool open = false;
    struct stmt *q = state_backfills_of_job(a->s, job);
    while (state_backfill_next(q, &b))
        open = open || b.ended.ms == 0;
    return open;
}

/* {"name","from_ms","to_ms","most","again"}; detail: {"backfill": id} */
int apply_backfill_put(struct apply *a)
{
    const struct json *v = a->c->args;
    const char *name = json_str(json_get(v, "name"), "");
    struct job_row job;
    struct backfill_row b;
    struct json_writer w;
    if (!state_job_by_name(a->s, name, &job))
        return refuse(a, ERR_NOT_FOUND, "job '%s' not found", name);
    if (has_open(a, job.id))
        return refuse(a, ERR_CONFLICT,
                      "job '%s' has a backfill already: wait for its end, or cancel it", name);
    if (state_filled_count(a->s, job.id) >= LIMIT_BACKFILL_TARGETS)
        return refuse(a, ERR_LIMIT,
                      "job '%s': %d of its targets were backfilled, the most there may be", name,
                      LIMIT_BACKFILL_TARGETS);
    struct stmt *q = change_of_job(a, BACKFILL_ADD, job.id);
    stmt_bind_i64(q, ":at", a->c->at.ms);
    stmt_bind_text(q, ":by", by_whom(a));
    stmt_bind_i64(q, ":from", json_int(json_get(v, "from_ms"), 0));
    stmt_bind_i64(q, ":to", json_int(json_get(v, "to_ms"), 0));
    stmt_bind_i64(q, ":most", json_int(json_get(v, "most"), 1));
    stmt_bind_i64(q, ":again", json_bool(json_get(v, "again"), false));
    stmt_run(q);
    int64_t id = db_last_id(a->s->db);
    if (state_backfill(a->s, id, &b))
        tell(a, &b, name, "begins");
    json_begin(&w, &a->outcome->detail);
    json_object(&w);
    json_member_int(&w, "backfill", id);
    json_object_end(&w);
    return 0;
}

static bool make(struct apply *a, const struct backfill_row *b, const struct job_row *job,
                 int64_t due_ms)
{
    struct new_run n = {
        .cause = CAUSE_BACKFILL, .state = RUN_QUEUED, .due_ms = due_ms, .covers = 1};
    if (!b->again && state_target_has_run(a->s, job->id, (struct wall){due_ms}))
        return false;
    wish_put(a, run_add(a, job, BACKFILL_PRIORITY, &n), NULL, b->id);
    return true;
}

/* {"set":[{"job","backfill","at_ms","next_ms","passed","dues":[…]}]}: an element whose backfill has
 * moved on is left out. `passed`: targets between that have run. */
int apply_backfill_tick(struct apply *a)
{
    JSON_EACH (item, json_get(a->c->args, "set")) {
        struct backfill_row b;
        struct job_row job;
        if (!state_backfill(a->s, json_int(json_get(item, "backfill"), 0), &b) || b.ended.ms != 0 ||
            b.next.ms != json_int(json_get(item, "at_ms"), -1) ||
            !state_job_alone(a->s, b.job, &job))
            continue;
        int64_t made = 0, all = 0;
        JSON_EACH (due, json_get(item, "dues")) {
            made += make(a, &b, &job, json_int(due, 0));
            all++;
        }
        struct stmt *q = change_use(a->s, BACKFILL_MOVE);
        stmt_bind_i64(q, ":id", b.id);
        stmt_bind_i64(q, ":next", json_int(json_get(item, "next_ms"), b.next.ms));
        stmt_bind_i64(q, ":made", made);
        stmt_bind_i64(q, ":passed", all - made + json_int(json_get(item, "passed"), 0));
        stmt_run(q);
        job_tell(a, job.id, job.name, 0);
        end_if_done(a, b.id, job.name);
    }
    return 0;
}

static void cancel_run(struct apply *a, const struct run_row *r)
{
    if (r->cause == CAUSE_BACKFILL && !run_active(r->state))
        run_cancel(a, r, "the backfill was canceled");
}

/* {"name"}: what waits of the job's backfill is cancelled; what runs goes on. */
int apply_backfill_cancel(struct apply *a)
{
    const char *name = json_str(json_get(a->c->args, "name"), "");
    struct job_row job;
    struct backfill_row b = {0}, open = {0};
    if (!state_job_by_name(a->s, name, &job))
        return refuse(a, ERR_NOT_FOUND, "job '%s' not found", name);
    struct stmt *q = state_backfills_of_job(a->s, job.id);
    while (state_backfill_next(q, &b))
        if (b.ended.ms == 0)
            open = b;
    if (open.id == 0)
        return refuse(a, ERR_NOT_FOUND, "job '%s' has no backfill that goes on", name);
    q = change_use(a->s, BACKFILL_CANCEL);
    stmt_bind_i64(q, ":id", open.id);
    stmt_run(q);
    each_open_run(a, job.id, cancel_run);
    end_if_done(a, open.id, name);
    return 0;
}
