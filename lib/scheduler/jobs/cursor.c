#include "scheduler/jobs/cursor.h"

#include "base/assert.h"

#define SPANS_LOOKED 20000   /* each of a day, or a part of one: 50 years of days */
#define RANGES_LOOKED 200000 /* of calendars, in all these: some ms, for each job of a request */
#define RANGES_TO_FIND 4     /* to find a day in a calendar is as good as to look at so many */
#define LOOKED_MS (SPANS_LOOKED * INT64_C(86400000)) /* however rare the targets are */

static bool has_count(const struct job_cursor *c)
{
    return c->remaining != COUNT_FOREVER;
}

/* j, or the last index that the count reaches. Not k + remaining first: that may overflow. */
static int64_t within_count(const struct job_cursor *c, int64_t j)
{
    return has_count(c) && j - c->index >= c->remaining ? c->index + c->remaining - 1 : j;
}

/* Targets `from` to `to`; none if that is nothing. */
static struct targets targets(const struct schedule *s, int64_t from, int64_t to)
{
    if (to < from)
        return (struct targets){0};
    return (struct targets){
        .first = schedule_skip(s, from, 0, to),
        .last = to,
        .n = schedule_count(s, from, to),
        .first_due = schedule_target(s, from),
        .last_due = schedule_target(s, to),
    };
}

/* The cursor passes the targets before the index `to`, of which `used` use up the count. */
static void pass(struct job_cursor *c, int64_t to, int64_t used)
{
    if (to == c->index)
        return;
    c->index = to;
    c->moved = true;
    if (has_count(c))
        c->remaining -= used;
}

struct aim aim_of_job(const struct job *job)
{
    return (struct aim){.schedule = &job->schedule,
                        .window_ms = job_window_ms(job),
                        .jitter_ms = job_jitter_max_ms(job),
                        .catchup_most = job_catchup_most(job),
                        .starts = job->starts,
                        .ends = job->ends};
}

struct job_cursor cursor_begin(const struct schedule *s, struct wall t)
{
    return (struct job_cursor){.index = schedule_begin(s, t), .remaining = s->count};
}

/* The cursor's index, or the first behind it whose target lies in the job's time. */
static int64_t first_in_time(const struct aim *a, const struct job_cursor *c)
{
    if (schedule_target(a->schedule, c->index).ms >= a->starts.ms)
        return c->index;
    return schedule_last_due(a->schedule, (struct wall){a->starts.ms - 1}) + 1;
}

struct wall cursor_next(const struct aim *a, const struct job_cursor *c)
{
    int64_t k = first_in_time(a, c);
    bool counted = c->remaining != 0 && (a->window_ms == WINDOW_CATCHUP || within_count(c, k) == k);
    struct wall target = counted ? schedule_target(a->schedule, k) : SCHEDULE_END;
    bool over = a->ends.ms != 0 && target.ms >= a->ends.ms;
    return over || target.ms == SCHEDULE_END.ms ? WALL_NEVER : target;
}

/* Targets before the index `to` are left without a record: CATCHUP costs no count. */
static void leave(const struct aim *a, struct job_cursor *c, int64_t to)
{
    bool used_up = a->window_ms != WINDOW_CATCHUP && has_count(c) && to - c->index > c->remaining;
    int64_t k = used_up ? c->index + c->remaining : to;
    pass(c, k, a->window_ms == WINDOW_CATCHUP ? 0 : k - c->index);
}

static struct calendar_span span_at(const struct aim *a, struct wall t)
{
    return calendar_at(a->rules, a->schedule->zone, t);
}

/* So many in one decision, for the leader does nothing else meanwhile: fewer, the more is looked at
 * for each. */
static int64_t spans_most(const struct aim *a)
{
    if (a->rules == NULL)
        return SPANS_LOOKED;
    size_t calendars = a->rules->excluded_n + a->rules->only_n;
    int64_t ranges = (int64_t)(calendars * RANGES_TO_FIND + calendar_ranges_looked(a->rules));
    return ranges < RANGES_LOOKED / SPANS_LOOKED ? SPANS_LOOKED : RANGES_LOOKED / ranges;
}

/* The first index whose target is not before t; one from which it is looked for, by cron: to find
 * the last one before t would be some forty searches. */
static int64_t first_from(const struct schedule *s, struct wall t)
{
    return s->by_cron ? schedule_begin(s, t) : schedule_last_due(s, (struct wall){t.ms - 1}) + 1;
}

struct wall cursor_next_run(const struct aim *a, struct job_cursor *c)
{
    struct wall t = cursor_next(a, c), first = t;
    for (int64_t left = spans_most(a); left > 0; left--) {
        if (t.ms == WALL_NEVER.ms || a->rules == NULL)
            return t;
        struct calendar_span span = span_at(a, t);
        if (span.open)
            return t;
        struct wall shut = calendar_shut_until(a->rules, a->schedule->zone, span.to);
        if (shut.ms == CALENDAR_SHUT.ms)
            break;
        leave(a, c, first_from(a->schedule, shut));
        t = cursor_next(a, c);
        if (t.ms - first.ms > LOOKED_MS)
            break;
    }
    return WALL_NEVER;
}

void cursor_skip(const struct aim *a, struct job_cursor *c)
{
    leave(a, c, first_in_time(a, c));
    pass(c, schedule_skip(a->schedule, c->index, 1, INT64_MAX), 1);
}

static void pass_all(struct job_cursor *c, const struct targets *t)
{
    if (t->n > 0)
        pass(c, t->last + 1, t->n);
}

/* The last target at or before t in the job's time. */
static int64_t last_due(const struct aim *a, struct wall t)
{
    bool over = a->ends.ms != 0 && t.ms >= a->ends.ms;
    return schedule_last_due(a->schedule, over ? (struct wall){a->ends.ms - 1} : t);
}

/* Decides what is due at `until`, as it looks at `now`. */
static void tick_window(const struct aim *a, struct wall now, struct wall until, int64_t claims_max,
                        struct cursor_step *step)
{
    const struct schedule *s = a->schedule;
    struct job_cursor *c = &step->cursor;
    int64_t lasts_ms = a->jitter_ms + a->window_ms;
    int64_t over = last_due(a, wall_earlier((struct wall){now.ms - lasts_ms - 1}, until));
    step->missed = targets(s, c->index, within_count(c, over));
    pass_all(c, &step->missed);

    int64_t due = within_count(c, last_due(a, until));
    if (claims_max > 0 && due >= c->index)
        step->claimed = targets(s, c->index, schedule_skip(s, c->index, claims_max - 1, due));
    pass_all(c, &step->claimed);
}

/* Of targets with one due none is coalesced into the other: they are one run already. */
static int64_t last_before(const struct schedule *s, int64_t k)
{
    return schedule_last_due(s, (struct wall){schedule_target(s, k).ms - 1});
}

/* The first of the newest so many targets that may run, not before the cursor, which stands at one;
 * nor behind more that is excluded than is looked at. */
static int64_t first_of_newest(const struct aim *a, const struct job_cursor *c, int64_t due)
{
    int64_t first = c->index, k = due, left = spans_most(a);
    if (a->rules == NULL)
        return schedule_back(a->schedule, due, a->catchup_most - 1, c->index);
    for (int64_t n = 0; k > c->index && n < a->catchup_most;) {
        struct wall t = schedule_target(a->schedule, k);
        struct calendar_span span = span_at(a, t);
        if (span.open && ++n == a->catchup_most)
            first = k;
        else if (!span.open && --left == 0)
            return schedule_last_due(a->schedule, (struct wall){span.from.ms - 1}) + 1;
        k = schedule_last_due(a->schedule, (struct wall){(span.open ? t : span.from).ms - 1});
    }
    return first;
}

static void tick_catchup(const struct aim *a, struct wall now, struct wall until,
                         int64_t claims_max, struct cursor_step *step)
{
    const struct schedule *s = a->schedule;
    struct job_cursor *c = &step->cursor;
    int64_t due = last_due(a, until);
    if (due < c->index)
        return;
    int64_t first = first_of_newest(a, c, last_due(a, now));
    if (first > due) { /* those that run lie behind what is excluded */
        step->coalesced = targets(s, c->index, due);
        pass(c, due + 1, 0);
        return;
    }
    step->coalesced = targets(s, c->index, last_before(s, first));
    if (first > c->index)
        pass(c, first, 0);
    step->claimed =
        targets(s, first, within_count(c, schedule_skip(s, first, claims_max - 1, due)));
    pass_all(c, &step->claimed);
}

/* True if what is due next is excluded, with what one calendar excludes behind it; else `until_out`
 * says up to when nothing is. */
static bool exclude(const struct aim *a, struct wall now, struct wall *until_out,
                    struct cursor_step *step)
{
    struct job_cursor *c = &step->cursor;
    struct wall due = schedule_target(a->schedule, c->index);
    *until_out = now;
    if (a->rules == NULL || due.ms > now.ms)
        return false;
    struct calendar_span span = span_at(a, due), next = span;
    for (int64_t left = spans_most(a);
         left > 0 && next.to.ms <= now.ms && next.open == span.open && next.by == span.by; left--) {
        span.to = next.to;
        next = span_at(a, span.to);
    }
    if (next.open == span.open && next.by == span.by)
        span.to = next.to;
    *until_out = wall_earlier(now, (struct wall){span.to.ms - 1});
    if (span.open)
        return false;
    bool catches_up = a->window_ms == WINDOW_CATCHUP;
    int64_t last = last_due(a, *until_out);
    step->excluded = targets(a->schedule, c->index, catches_up ? last : within_count(c, last));
    step->excluded_by = span.by;
    if (step->excluded.n > 0)
        pass(c, step->excluded.last + 1, catches_up ? 0 : step->excluded.n);
    return true;
}

static void decide(const struct aim *a, struct wall now, int64_t claims_max,
                   struct cursor_step *step)
{
    struct wall until;
    leave(a, &step->cursor, first_in_time(a, &step->cursor));
    if (step->cursor.remaining == 0 || exclude(a, now, &until, step))
        return;
    if (a->window_ms != WINDOW_CATCHUP)
        tick_window(a, now, until, claims_max, step);
    else if (claims_max > 0)
        tick_catchup(a, now, until, claims_max, step);
}

void cursor_tick(const struct aim *a, const struct job_cursor *from, struct wall now,
                 int64_t claims_max, struct cursor_step *out)
{
    ASSERT(a->window_ms > 0 || a->window_ms == WINDOW_CATCHUP);
    ASSERT(claims_max >= 0 && a->catchup_most > 0);
    *out = (struct cursor_step){.cursor = *from};
    if (now.ms >= a->starts.ms && from->remaining != 0)
        decide(a, now, claims_max, out);
    out->next = cursor_next(a, &out->cursor);
}

/* The newest target up to that one that may run, not before the cursor; that one if none is found.
 */
static int64_t newest_open(const struct aim *a, const struct job_cursor *c, int64_t due)
{
    int64_t left = spans_most(a);
    for (int64_t k = due; a->rules != NULL && k >= c->index && left > 0; left--) {
        struct calendar_span span = span_at(a, schedule_target(a->schedule, k));
        if (span.open)
            return k;
        k = schedule_last_due(a->schedule, (struct wall){span.from.ms - 1});
    }
    return due;
}

/* The first index that is not left behind at t. */
static int64_t first_kept(const struct aim *a, const struct job_cursor *c, struct wall t)
{
    int64_t due = last_due(a, t);
    bool over = a->ends.ms != 0 && t.ms >= a->ends.ms;
    if (due < c->index)
        return c->index;
    if (a->window_ms == WINDOW_CATCHUP)
        return over ? due + 1 : newest_open(a, c, due);
    due = within_count(c, due);
    int64_t closes_ms = schedule_target(a->schedule, due).ms + a->jitter_ms + a->window_ms;
    bool open = !over && t.ms <= closes_ms;
    return open ? due : due + 1;
}

void cursor_accept(const struct aim *a, const struct job_cursor *from, struct wall t, bool enabled,
                   struct cursor_step *out)
{
    struct job_cursor c = *from;
    if (t.ms >= a->starts.ms && c.remaining != 0)
        leave(a, &c, first_in_time(a, &c));
    if (t.ms >= a->starts.ms && c.remaining != 0)
        leave(a, &c, first_kept(a, &c, t));
    *out = (struct cursor_step){.cursor = c, .next = cursor_next(a, &c)};
    if (enabled)
        cursor_tick(a, &c, t, 1, out);
}

void cursor_give_back(struct job_cursor *c)
{
    if (has_count(c))
        c->remaining++;
}
