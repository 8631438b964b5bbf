/* What is broken on purpose in a simulated day: for each property something that the judge must
 * find. */
#include <string.h>

#include "sim/day.h"

const char *day_plant_name(enum day_plant plant)
{
    static const char *const names[] = {"none",
#define X(name, about) about,
                                        DAY_PLANTS(X)
#undef X
    };
    return names[plant];
}

enum day_plant day_plant_of(const char *text)
{
    for (enum day_plant p = DAY_PLANT_NONE + 1; text != NULL && p < N_DAY_PLANTS; p++)
        if (strstr(day_plant_name(p), text) != NULL)
            return p;
    return DAY_PLANT_NONE;
}

bool day_planted(const struct world *w, enum day_plant plant)
{
    return w->day != NULL && w->options.day->plant == plant;
}

static void change_everywhere(struct world *w, const char *sql)
{
    for (int i = 0; i < w->options.nodes; i++)
        plant_change(&w->nodes[i], sql);
}

void day_plant_now(struct world *w)
{
    if (day_planted(w, DAY_PLANT_COUNT))
        change_everywhere(w, "update jobs set remaining = remaining + 2 where remaining > 0");
    if (day_planted(w, DAY_PLANT_EDGES))
        change_everywhere(w, "update job_edges set met = 0");
    if (day_planted(w, DAY_PLANT_EMPTIED))
        change_everywhere(w, "update calendars set days = '[]', changed_idx = changed_idx + 1 "
                             "where days <> '[]'");
    if (day_planted(w, DAY_PLANT_FORGOTTEN))
        change_everywhere(w, "delete from job_runs where job in (select job from jobs_gone)");
    if (day_planted(w, DAY_PLANT_UNRECORDED))
        change_everywhere(w, "delete from job_runs where state in (7, 9) and cause = 0");
}

void day_plant_clocks(struct world *w)
{
    for (int i = 0; i < w->n && day_planted(w, DAY_PLANT_EARLY); i++)
        w->nodes[i].wall_ahead_ms = 3000;
}
