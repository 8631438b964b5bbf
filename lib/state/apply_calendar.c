/* Calendars: what they hold, which jobs name them, and what became of targets that they exclude. */
#include "base/limits.h"
#include "base/str.h"
#include "state/private.h"

#define JOBS_NAMED 3 /* of those that a calendar is needed by, when it is not deleted */

static void tell(struct apply *a, const char *name, const char *what)
{
    changed(a, (struct change){
                   .kind = CHANGE_CALENDAR,
                   .name = name,
                   .event = event_put(a, NOUN_CALENDAR, name, what, "calendar %s was %s", name,
                                      str_eq(what, "delete") ? "deleted" : "changed"),
               });
}

/* {"name","description","days": [texts]} */
int apply_calendar_put(struct apply *a)
{
    const struct json *v = a->c->args;
    const char *name = json_str(json_get(v, "name"), "");
    struct buf days;
    struct json_writer w;
    if (state_calendar_id(a->s, name) == 0 &&
        stmt_one_i64(query_use(a->s, CALENDARS_COUNT), 0) >= LIMIT_CALENDARS)
        return refuse(a, ERR_LIMIT, "there are %d calendars, the most there may be",
                      LIMIT_CALENDARS);
    buf_init(&days, LIMIT_ENTRY_BYTES);
    json_begin(&w, &days);
    json_put_value(&w, json_get(v, "days"));
    struct stmt *q = change_use(a->s, CALENDAR_PUT);
    stmt_bind_text(q, ":name", name);
    stmt_bind_text(q, ":description", json_str(json_get(v, "description"), ""));
    stmt_bind_text(q, ":days", buf_str(&days));
    stmt_bind_i64(q, ":at", a->c->at.ms);
    stmt_bind_i64(q, ":idx", (int64_t)a->index);
    stmt_run(q);
    buf_close(&days);
    tell(a, name, "put");
    return 0;
}

/* "backup, load and 3 more"; 0: none. */
static int64_t name_jobs(struct apply *a, int64_t calendar, struct buf *out)
{
    int64_t n = 0;
    struct stmt *q = state_calendar_jobs(a->s, calendar);
    while (q != NULL && stmt_row(q))
        if (n++ < JOBS_NAMED)
            buf_printf(out, "%s%s", n > 1 ? ", " : "", stmt_str(q, 0));
    if (n > JOBS_NAMED)
        buf_printf(out, " and %lld more", (long long)(n - JOBS_NAMED));
    return n;
}

/* {"name"} */
int apply_calendar_delete(struct apply *a)
{
    const char *name = json_str(json_get(a->c->args, "name"), "");
    struct calendar_row row;
    struct buf jobs;
    if (!state_calendar(a->s, name, &row))
        return refuse(a, ERR_NOT_FOUND, "calendar '%s' not found", name);
    buf_init(&jobs, LIMIT_ENTRY_BYTES);
    bool used = name_jobs(a, row.id, &jobs) > 0;
    if (used)
        refuse(a, ERR_CONFLICT, "calendar '%s' is named by %s: take it out of them first", name,
               buf_str(&jobs));
    buf_close(&jobs);
    if (used)
        return -1;
    struct stmt *q = change_use(a->s, CALENDAR_DELETE);
    stmt_bind_i64(q, ":id", row.id);
    stmt_run(q);
    tell(a, name, "delete");
    return 0;
}

/* ---- jobs that name them */

bool calendars_hold(struct apply *a, const struct json *decision)
{
    const struct json *calendars = json_get(decision, "calendars");
    return calendars == NULL ||
           json_int(json_get(calendars, "version"), -1) == state_calendars_version(a->s);
}

int calendars_check(struct apply *a, const struct json *put)
{
    JSON_EACH (item, json_get(json_get(put, "calendars"), "names"))
        if (state_calendar_id(a->s, json_str(item, "")) == 0)
            return refuse(a, ERR_INVALID, "calendar '%s' does not exist", json_str(item, ""));
    return calendars_hold(a, put) ? 0 : refuse_stale(a, "a calendar was changed meanwhile");
}

void calendars_put(struct apply *a, int64_t job, const struct json *put)
{
    if (a->s->level < TIMES_LEVEL)
        return;
    stmt_run(change_of_job(a, JOB_CALENDARS_DROP, job));
    JSON_EACH (item, json_get(json_get(put, "calendars"), "names")) {
        int64_t calendar = state_calendar_id(a->s, json_str(item, ""));
        if (calendar == 0)
            continue;
        struct stmt *q = change_of_job(a, JOB_CALENDAR_PUT, job);
        stmt_bind_i64(q, ":calendar", calendar);
        stmt_run(q);
    }
}

void calendars_inherit(struct apply *a, int64_t job, int64_t from)
{
    if (a->s->level < TIMES_LEVEL)
        return;
    struct stmt *q = change_of_job(a, JOB_CALENDARS_INHERIT, job);
    stmt_bind_i64(q, ":from", from);
    stmt_run(q);
}

/* ---- targets that they exclude */

/* after_ms: the target before the first of them. Between it and the record's last may be those that
 * were due while the job was paused. */
static bool cover_more(struct apply *a, const struct job_row *job, const struct new_run *n,
                       int64_t after_ms)
{
    struct stmt *q = query_use(a->s, RUN_NEWEST);
    stmt_bind_i64(q, ":job", job->id);
    if (!stmt_row(q))
        return false;
    int64_t id = stmt_i64(q, 0), due_ms = stmt_i64(q, 4);
    bool same = stmt_i64(q, 1) == RUN_EXCLUDED && stmt_i64(q, 2) == job->generation &&
                str_eq(stmt_str(q, 3), n->reason) &&
                (a->s->level < WELL_LEVEL ? due_ms < n->due_ms : due_ms == after_ms);
    stmt_end(q);
    if (!same)
        return false;
    q = change_use(a->s, RUN_COVER_MORE);
    stmt_bind_i64(q, ":id", id);
    stmt_bind_i64(q, ":covers", n->covers);
    stmt_bind_i64(q, ":due", n->due_ms);
    stmt_bind_i64(q, ":at", a->c->at.ms);
    stmt_run(q);
    history_more(a, &(struct run_row){.id = id, .job = job->id, .due.ms = due_ms}, n);
    changed(a, (struct change){.kind = CHANGE_RUN,
                               .id = id,
                               .name = job->name,
                               .owner = job->id,
                               .state = RUN_EXCLUDED,
                               .before = RUN_EXCLUDED});
    return true;
}

void excluded_put(struct apply *a, const struct job_row *job, const struct json *excluded)
{
    struct new_run n = {.cause = CAUSE_SCHEDULE,
                        .state = RUN_EXCLUDED,
                        .due_ms = json_int(json_get(excluded, "due_ms"), 0),
                        .covers = json_int(json_get(excluded, "covers"), 1),
                        .reason = json_str(json_get(excluded, "reason"), "")};
    struct target t =
        n.covers == 1 ? target_of(a->s, job->id, n.due_ms) : (struct target){.unassigned = 0};
    if (t.claimed || cover_more(a, job, &n, json_int(json_get(excluded, "after_ms"), 0)))
        return;
    drop_unassigned(a, t.unassigned);
    const struct run_row r = {
        .id = run_add(a, job, 0, &n), .job = job->id, .due.ms = n.due_ms, .covers = n.covers};
    history_over(a, &r, n.state, a->c->at, NULL);
}
