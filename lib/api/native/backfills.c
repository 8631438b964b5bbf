/* Having a job run for targets of the past. */
#include "api/native/private.h"
#include "scheduler/jobs/jobs.h"

#define MOST_AT_ONCE 50

struct wish {
    struct wall from, to;
    int64_t most, limit;
    bool again, dry_run;
};

/* ---- the body; each false after having failed the call */

static bool read_time(struct call *c, const struct json *body, const char *name, struct wall *out)
{
    struct error err;
    char got[80];
    const struct json *v = json_get(body, name);
    if (json_is(v, JSON_STRING) && wall_parse(json_str(v, ""), out, &err) == 0)
        return true;
    call_fail(c, ERR_INVALID, "%s: got %s, need a time like 2026-03-01T00:00:00Z", name,
              json_quote(got, sizeof got, v));
    return false;
}

static bool read_number(struct call *c, const struct json *body, const char *name,
                        int64_t otherwise, int64_t most, int64_t *out)
{
    const struct json *v = json_get(body, name);
    *out = otherwise;
    char got[80];
    if (v == NULL || (json_i64(v, out) && *out >= 1 && *out <= most))
        return true;
    call_fail(c, ERR_INVALID, "%s: got %s, need a whole number from 1 to %lld", name,
              json_quote(got, sizeof got, v), (long long)most);
    return false;
}

static bool read_flag(struct call *c, const struct json *body, const char *name, bool *out)
{
    char got[80];
    const struct json *v = json_get(body, name);
    *out = json_bool(v, false);
    if (v == NULL || json_is(v, JSON_BOOL))
        return true;
    call_fail(c, ERR_INVALID, "%s: got %s, need true or false", name,
              json_quote(got, sizeof got, v));
    return false;
}

/* Who names no limit is told when there are more targets than one backfill takes. */
static bool read_wish(struct call *c, struct wish *out)
{
    char from[TIME_TEXT_SIZE], to[TIME_TEXT_SIZE];
    const struct json *body = call_body(c);
    if (body == NULL || !read_time(c, body, "from", &out->from) ||
        !read_time(c, body, "to", &out->to) ||
        !read_number(c, body, "overlap", 1, MOST_AT_ONCE, &out->most) ||
        !read_number(c, body, "limit", LIMIT_BACKFILL_TARGETS + 1, LIMIT_BACKFILL_TARGETS,
                     &out->limit) ||
        !read_flag(c, body, "again", &out->again) || !read_flag(c, body, "dry_run", &out->dry_run))
        return false;
    if (out->from.ms >= out->to.ms)
        call_fail(c, ERR_INVALID, "to: got %s, need a time after \"from\", which is %s",
                  wall_text(out->to, to), wall_text(out->from, from));
    else if (out->to.ms > c->view->now.wall.ms)
        call_fail(c, ERR_INVALID,
                  "to: got %s, need a time in the past: what is to come is the schedule's",
                  wall_text(out->to, to));
    else
        return true;
    return false;
}

/* ---- answers */

static void put_plan(const struct backfill_plan *p, struct json_writer *w)
{
    json_member_int(w, "runs", p->runs);
    json_member_int(w, "passed", p->passed);
    native_time(w, "first", p->first);
    native_time(w, "last", p->last);
}

static void answer_plan(struct tell *t, const struct backfill_plan *p)
{
    struct json_writer w;
    call_json(&t->c, 200, &w);
    json_object(&w);
    json_member_int(&w, "index", (int64_t)t->c.view->index);
    put_plan(p, &w);
    json_object_end(&w);
}

static void answer_begun(struct tell *t, const struct outcome *o)
{
    native_made(t, o, "backfill");
}

/* ---- doors */

void native_backfill_job(struct tell *t)
{
    struct job_row row;
    struct wish wish;
    struct backfill_plan plan;
    struct error err;
    struct json_writer w;
    if (native_once(t, answer_begun) || !native_path_job(&t->c, &row) || !read_wish(&t->c, &wish))
        return;
    if (row.schedule == NULL) {
        call_fail(&t->c, ERR_INVALID, "job %.200s has parents and no times of its own", row.name);
        return;
    }
    if (jobs_plan_backfill(t->c.view->state, &row, wish.from, wish.to, wish.again, wish.limit,
                           &plan, &err) != 0) {
        call_error(&t->c, &err);
    } else if (wish.dry_run) {
        answer_plan(t, &plan);
    } else if (plan.runs == 0) {
        call_fail(&t->c, ERR_INVALID,
                  plan.passed == 0
                      ? "from: no time of the schedule is between \"from\" and \"to\""
                      : "from: all targets have run, or may have; \"again\": true runs them all");
    } else {
        tell_begin(t, COMMAND_BACKFILL_PUT, &w, answer_begun);
        json_member_str(&w, "name", row.name);
        json_member_int(&w, "from_ms", wish.from.ms);
        json_member_int(&w, "to_ms", plan.end.ms);
        json_member_int(&w, "most", wish.most);
        json_member_bool(&w, "again", wish.again);
        tell_end(t, &w);
    }
}

void native_cancel_backfill(struct tell *t)
{
    struct job_row row;
    struct json_writer w;
    if (native_once(t, native_written) || !native_path_job(&t->c, &row))
        return;
    tell_begin(t, COMMAND_BACKFILL_CANCEL, &w, native_written);
    json_member_str(&w, "name", row.name);
    tell_end(t, &w);
}

static const char *state_of(const struct backfill_row *b)
{
    if (b->ended.ms == 0)
        return b->canceled ? "canceling" : "running";
    return b->canceled ? "canceled" : "done";
}

static void put_backfill(const struct backfill_row *b, struct json_writer *w)
{
    json_object(w);
    json_member_int(w, "id", b->id);
    json_member_str(w, "state", state_of(b));
    native_time(w, "at", b->at);
    native_text(w, "by", b->by);
    native_time(w, "from", b->from);
    native_time(w, "to", b->to);
    native_time(w, "reached", b->next);
    json_member_int(w, "overlap", b->most);
    json_member_bool(w, "again", b->again);
    json_member_int(w, "made", b->made);
    json_member_int(w, "passed", b->passed);
    json_member_int(w, "good", b->good);
    json_member_int(w, "bad", b->bad);
    json_member_int(w, "open", b->open);
    native_time(w, "ended", b->ended);
    json_object_end(w);
}

void native_put_backfills(struct state *s, int64_t job, struct json_writer *w)
{
    struct backfill_row b;
    bool any = false;
    struct stmt *q = state_backfills_of_job(s, job);
    while (state_backfill_next(q, &b)) {
        if (!any) {
            json_key(w, "backfills");
            json_array(w);
        }
        any = true;
        put_backfill(&b, w);
    }
    if (any)
        json_array_end(w);
}
