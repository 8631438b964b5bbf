#include "scheduler/jobs/cursor.h"

#include "base/assert.h"

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

struct job_cursor cursor_begin(const struct schedule *s, struct wall t)
{
    return (struct job_cursor){.index = schedule_begin(s, t), .remaining = s->count};
}

struct wall cursor_next(const struct schedule *s, const struct job_cursor *c)
{
    struct wall target = c->remaining == 0 ? SCHEDULE_END : schedule_target(s, c->index);
    return target.ms == SCHEDULE_END.ms ? WALL_NEVER : target;
}

static void pass_all(struct job_cursor *c, const struct targets *t)
{
    if (t->n > 0)
        pass(c, t->last + 1, t->n);
}

static void tick_window(const struct schedule *s, int64_t window_ms, struct wall now,
                        int64_t claims_max, struct cursor_step *step)
{
    struct job_cursor *c = &step->cursor;
    int64_t over = schedule_last_due(s, (struct wall){now.ms - window_ms - 1});
    step->missed = targets(s, c->index, within_count(c, over));
    pass_all(c, &step->missed);

    int64_t due = within_count(c, schedule_last_due(s, now));
    if (claims_max > 0 && due >= c->index)
        step->claimed = targets(s, c->index, schedule_skip(s, c->index, claims_max - 1, due));
    pass_all(c, &step->claimed);
}

/* Of targets with one due none is coalesced into the other: they are one run already. */
static int64_t last_before(const struct schedule *s, int64_t k)
{
    return schedule_last_due(s, (struct wall){schedule_target(s, k).ms - 1});
}

static void tick_catchup(const struct schedule *s, int64_t most, struct wall now,
                         int64_t claims_max, struct cursor_step *step)
{
    struct job_cursor *c = &step->cursor;
    int64_t due = schedule_last_due(s, now);
    if (due < c->index)
        return;
    int64_t first = schedule_back(s, due, most - 1, c->index);
    if (first > c->index) {
        step->coalesced = targets(s, c->index, last_before(s, first));
        pass(c, first, 0);
    }
    step->claimed =
        targets(s, first, within_count(c, schedule_skip(s, first, claims_max - 1, due)));
    pass_all(c, &step->claimed);
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

/* The first index that is not left behind at t. */
static int64_t first_kept(const struct schedule *s, int64_t window_ms, const struct job_cursor *c,
                          struct wall t)
{
    int64_t due = schedule_last_due(s, t);
    if (due < c->index)
        return c->index;
    if (window_ms == WINDOW_CATCHUP)
        return due;
    due = within_count(c, due);
    bool open = t.ms <= schedule_target(s, due).ms + window_ms;
    return open ? due : due + 1;
}

void cursor_accept(const struct schedule *s, int64_t window_ms, const struct job_cursor *from,
                   struct wall t, bool enabled, struct cursor_step *out)
{
    struct job_cursor c = *from;
    if (c.remaining != 0) {
        int64_t k = first_kept(s, window_ms, &c, t);
        pass(&c, k, window_ms == WINDOW_CATCHUP ? 0 : k - c.index);
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
