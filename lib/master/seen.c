/* What people are shown of agents beside the state: who is silent, whose session was closed, whose
 * clock is off. */
#include <stdlib.h>

#include "base/mem.h"
#include "master/private.h"

#define CLOCK_PONGS 8      /* of so many the one that came soonest counts */
#define CLOCK_SHOWN_MS 100 /* smaller differences are no news */

static void show_clock(struct master *m, struct agent_clock *c, int64_t offset_ms)
{
    if (c->timed && llabs(offset_ms - c->shown) < CLOCK_SHOWN_MS)
        return;
    c->timed = true;
    c->shown = offset_ms;
    m->seen_version++;
}

/* The longer a pong was under way, the more its clock seems to be behind. */
void take_clock(struct master *m, struct session *s, const struct json *body, struct now now)
{
    int64_t wall;
    struct agent_clock *c = &s->clock;
    if (!json_i64(json_get(body, "wall"), &wall) || llabs(wall) > INT64_MAX / 2)
        return;
    int64_t offset = wall - now.wall.ms;
    c->best = c->pongs == 0 || offset > c->best ? offset : c->best;
    if (!c->timed)
        c->best_before = c->best;
    if (++c->pongs < CLOCK_PONGS && c->timed)
        return;
    show_clock(m, c, c->best > c->best_before ? c->best : c->best_before);
    if (c->pongs < CLOCK_PONGS)
        return;
    c->best_before = c->best;
    c->pongs = 0;
}

static int by_agent(const void *a, const void *b)
{
    const struct agent_seen *x = a, *y = b;
    return (x->agent > y->agent) - (x->agent < y->agent);
}

size_t master_seen(const struct master *m, struct agent_seen **out)
{
    const struct session *s;
    size_t n = 0;
    *out = mem_zalloc((map_count(m->sessions) + 1) * sizeof **out);
    for (size_t cursor = 0; (s = map_each(m->sessions, &cursor)) != NULL;) {
        bool closed = s->state == SESSION_CLOSED, heard = s->state == SESSION_REGISTERED;
        if (heard && !s->clock.timed)
            continue;
        (*out)[n++] = (struct agent_seen){
            .agent = s->id,
            .silent = heard ? (struct wall){0} : s->silent,
            .closed = closed ? s->silent : (struct wall){0},
            .kept_until = {closed ? s->silent.ms + CLOSED_MS : 0},
            .timed = s->clock.timed,
            .offset_ms = s->clock.shown,
        };
    }
    qsort(*out, n, sizeof **out, by_agent);
    return n;
}

uint64_t master_seen_version(const struct master *m)
{
    return m->seen_version;
}
