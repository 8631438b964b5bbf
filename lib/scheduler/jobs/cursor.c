#include "scheduler/jobs/cursor.h"

#include "base/assert.h"

static bool has_count(const struct job_cursor *c)
{
    return c->remaining != COUNT_FOREVER;
}

static int64_t min(int64_t a, int64_t b)
{
    return a < b ? a : b;
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
        .first = from,
        .n = to - from + 1,
        .first_due = schedule_target(s, from),
        .last_due = schedule_target(s, to),
    };
}

/* The cursor passes n targets, of which `used` use up the count. */
static void pass(struct job_cursor *c, int64_t n, int64_t used)
{
    if (n == 0)
        return;
    c->index += n;
    c->moved = true;
    if (has_count(c))
        c->remaining -= used;
}

struct job_cursor cursor_begin(const struct schedule *s)
{
    return (struct job_cursor){.remaining = s->count};
}

struct wall cursor_next(const struct schedule *s, const struct job_cursor *c)
{
    struct wall target = c->remaining == 0 ? SCHEDULE_END : schedule_target(s, c->index);
    return target.ms == SCHEDULE_END.ms ? WALL_NEVER : target;
}

static void tick_window(const struct schedule *s, int64_t window_ms, struct wall now,
                        int64_t claims_max, struct cursor_step *step)
{
    struct job_cursor *c = &step->cursor;
    int64_t over = schedule_last_due(s, (struct wall){now.ms - window_ms - 1});
    step->missed = targets(s, c->index, within_count(c, over));
    pass(c, step->missed.n, step->missed.n);

    int64_t due = within_count(c, schedule_last_due(s, now));
    step->claimed = targets(s, c->index, min(due, c->index + claims_max - 1));
    pass(c, step->claimed.n, step->claimed.n);
}

/* Of targets with one due none is coalesced into the other: they are one run already. */
static int64_t last_before(const struct schedule *s, int64_t first, int64_t k)
{
    struct wall due = schedule_target(s, k);
    do
        k--;
    while (k >= first && schedule_target(s, k).ms == due.ms);
    return k;
}

static void tick_catchup(const struct schedule *s, int64_t most, struct wall now,
                         int64_t claims_max, struct cursor_step *step)
{
    struct job_cursor *c = &step->cursor;
    int64_t due = schedule_last_due(s, now);
    if (due < c->index)
        return;
    int64_t first = due - c->index < most ? c->index : due - most + 1;
    if (first > c->index) {
        step->coalesced = targets(s, c->index, last_before(s, c->index, first));
        pass(c, first - c->index, 0);
    }
    step->claimed = targets(s, first, within_count(c, min(due, first + claims_max - 1)));
    pass(c, step->claimed.n, step->claimed.n);
}

void cursor_tick(const struct schedule *s, int64_t window_ms, int64_t catchup_most,
                 const struct job_cursor *from, struct wall now, int64_t claims_max,
                 struct cursor_step *out)
{
    ASSERT(window_ms > 0 || window_ms == WINDOW_CATCHUP);
    ASSERT(claims_max >= 0 && catchup_most > 0);
    *out = (struct cursor_step){.cursor = *from};
    if (from->remaining != 0 && window_ms != WINDOW_CATCHUP)
        tick_window(s, window_ms, now, claims_max, out);
    else if (from->remaining != 0 && claims_max > 0)
        tick_catchup(s, catchup_most, now, claims_max, out);
    out->next = cursor_next(s, &out->cursor);
}

/* How many of the targets that are due at t are left behind. */
static int64_t left_behind(const struct schedule *s, int64_t window_ms, const struct job_cursor *c,
                           struct wall t)
{
    int64_t due = schedule_last_due(s, t);
    if (due < c->index)
        return 0;
    if (window_ms == WINDOW_CATCHUP)
        return due - c->index;
    due = within_count(c, due);
    bool open = t.ms <= schedule_target(s, due).ms + window_ms;
    return due - c->index + (open ? 0 : 1);
}

void cursor_accept(const struct schedule *s, int64_t window_ms, const struct job_cursor *from,
                   struct wall t, bool enabled, struct cursor_step *out)
{
    struct job_cursor c = *from;
    if (c.remaining != 0) {
        int64_t n = left_behind(s, window_ms, &c, t);
        pass(&c, n, window_ms == WINDOW_CATCHUP ? 0 : n);
    }
    *out = (struct cursor_step){.cursor = c, .next = cursor_next(s, &c)};
    if (enabled)
        cursor_tick(s, window_ms, 1, &c, t, 1, out);
}

void cursor_give_back(struct job_cursor *c)
{
    if (has_count(c))
        c->remaining++;
}
