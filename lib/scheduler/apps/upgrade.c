#include <math.h>

#include "scheduler/apps/apps.h"

static int64_t at_least(int64_t v, int64_t least)
{
    return v > least ? v : least;
}

static int64_t at_most(int64_t v, int64_t most)
{
    return v < most ? v : most;
}

struct upgrade_step upgrade_next(const struct upgrade_view *v)
{
    int64_t n = v->wanted;
    if (v->new_ready == n && v->new_live == n && v->old_alive == 0)
        return (struct upgrade_step){.done = true};

    int64_t min_healthy = (int64_t)ceil((double)n * v->minimum_health);
    int64_t max_capacity = (int64_t)floor((double)n * (1 + v->maximum_over));
    bool no_room = min_healthy == max_capacity; /* neither may one go nor one come: give a place */
    if (no_room && !v->resident)
        max_capacity++;

    struct upgrade_step step = {0};
    step.launch = at_least(at_most(n - v->new_live, max_capacity - v->old_alive - v->new_live), 0);

    int64_t unhealthy = v->old_keep - v->old_keep_healthy;
    if (v->new_ready >= n) {
        step.kill = v->old_keep;
    } else {
        int64_t spare = v->old_keep_healthy + v->new_ready - min_healthy;
        if (no_room && v->resident)
            spare++;
        if (spare >= 0)
            step.kill = unhealthy + at_most(spare, v->old_keep_healthy);
        else /* each new one that is ready takes an unhealthy old one's place */
            step.kill = at_least(at_most(v->old_keep + v->new_ready - n, unhealthy), 0);
    }
    bool stuck =
        step.launch == 0 && step.kill == 0 && v->starting == 0 && v->old_alive == v->old_keep;
    if (stuck && unhealthy > 0)
        step.kill = 1;
    return step;
}
