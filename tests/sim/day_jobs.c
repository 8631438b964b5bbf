/* What the jobs of a simulated day are like: short intervals and long ones, zones in which the
 * clock is put on or back, counts that end, catching up, retries, chains and diamonds. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/str.h"
#include "sim/day.h"

/* Of each thousand, in their order. */
static const struct pace {
    size_t most; /* jobs with an index below it, per thousand */
    int64_t min_s, max_s;
} paces[] = {
    {2, 10, 20}, {10, 45, 150}, {70, 300, 1800}, {300, 3600, 6 * 3600}, {500, 0, 0},
};
#define CALENDAR 4    /* the last of those: days, in a zone */
#define FINITE 700    /* up to here: so many runs and no more; beyond: dependents */
#define FIRST_ROOT 10 /* groups of dependents hang on those of index 2 */
#define LAST_ROOT 70
#define GROUP 5
#define JITTER_MS (5 * MINUTE_MS)
#define LONG 2 /* index of a job whose runs take longer than until the next one is due */

static const char *const zones[] = {
    "Europe/Berlin",
    "Europe/London",
    "America/New_York",
    "America/Los_Angeles",
    "Europe/Dublin",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "Australia/Sydney",
    "America/Santiago",
    "Africa/Casablanca",
    "UTC",
    "America/St_Johns",
};
/* Parts of each day, and the second one days of the week too. */
static const char *const calendars[DAY_CALENDARS][2] = {
    {"pauses", "{\"days\":[\"00:20-00:40\",\"02:00-03:10\",\"11:45-13:15\",\"22:00-24:00\"]}"},
    {"shifts", "{\"days\":[\"MON-FRI 00:10-09:00\",\"MON-FRI 10:00-20:00\",\"SAT-SUN\"]}"},
};
static const char *const crons[] = {"*/7 * * * *", "13,43 * * * *", "*/20 */3 * * *",
                                    "5-25/10 1-23/2 * * *"};
static const char *const even_zones[] = {"UTC", "Asia/Kolkata"}; /* no clock is changed there */
static const char *const days[] = {"P1D", "P1D", "P1D", "PT24H", "PT12H", "P1DT1H", "P1W", "P1M"};

static int64_t between(struct day *d, int64_t least, int64_t most)
{
    return least + (int64_t)rng_below(&d->rng, (uint64_t)(most - least + 1));
}

static bool one_in(struct day *d, uint64_t n)
{
    return rng_below(&d->rng, n) == 0;
}

static size_t of_thousand(const struct day *d, const struct day_job *j)
{
    return j->index * 1000 / d->jobs_n;
}

static size_t first_at(const struct day *d, size_t per_thousand)
{
    return (per_thousand * d->jobs_n + 999) / 1000;
}

bool day_job_waits(const struct day *d, const struct day_job *j)
{
    return of_thousand(d, j) >= FINITE;
}

/* Each group of five hangs on a job that runs often enough to tell something. */
void day_jobs_init(struct day *d)
{
    d->jobs_n = (size_t)d->options->jobs;
    size_t roots = first_at(d, FIRST_ROOT), last = first_at(d, LAST_ROOT);
    size_t first = first_at(d, FINITE);
    d->jobs = mem_zalloc(d->jobs_n * sizeof d->jobs[0]);
    for (size_t i = 0; i < d->jobs_n; i++) {
        struct day_job *j = &d->jobs[i];
        j->index = i;
        j->group = -1;
        snprintf(j->name, sizeof j->name, "d%zu", i);
        buf_init(&j->body, LIMIT_BODY_BYTES);
    }
    for (size_t i = 0; i < DAY_CALENDARS; i++) {
        snprintf(d->calendars[i].name, sizeof d->calendars[i].name, "%s", calendars[i][0]);
        buf_init(&d->calendars[i].body, LIMIT_BODY_BYTES);
        buf_puts(&d->calendars[i].body, calendars[i][1]);
    }
    for (size_t i = first; i < d->jobs_n; i++) {
        struct day_job *j = &d->jobs[i];
        j->group = (int)(roots + (i - first) / GROUP % (last - roots));
        j->has_children = (i - first) % GROUP < 3;
        d->jobs[j->group].has_children = true;
    }
}

/* ---- when */

static const char *put_time(char dst[40], int64_t wall, bool utc)
{
    time_t s = (time_t)(wall / 1000);
    struct tm tm;
    gmtime_r(&s, &tm);
    size_t n = strftime(dst, 30, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(dst + n, 40 - n, ".%03d%s", (int)(wall % 1000), utc ? "Z" : "");
    return dst;
}

/* A day's hours, so that the ones that happen twice or not at all come up. */
static int64_t calendar_start(struct day *d, int64_t wall)
{
    int64_t day = wall / (24 * HOUR_MS) - between(d, 0, 2);
    int64_t hour = one_in(d, 2) ? between(d, 1, 3) : between(d, 0, 23);
    return day * 24 * HOUR_MS + hour * HOUR_MS + between(d, 0, 3) * 15 * MINUTE_MS;
}

/* The interval in ms; 0: that of a calendar. */
static int64_t put_schedule(struct day *d, const struct day_job *j, int64_t wall, struct buf *out)
{
    char start[40];
    size_t pace = 0, share = of_thousand(d, j);
    if (share >= paces[CALENDAR].most) {
        int64_t interval = between(d, 20, 600) * 1000;
        put_time(start, wall + between(d, -interval, 4 * HOUR_MS), true);
        buf_printf(out, "\"schedule\":\"R%d/%s/PT%dS\"", (int)between(d, 1, 30), start,
                   (int)(interval / 1000));
        return interval;
    }
    while (share >= paces[pace].most)
        pace++;
    if (pace == CALENDAR) {
        put_time(start, calendar_start(d, wall), false);
        buf_printf(out, "\"schedule\":\"R/%s/%s\",\"scheduleTimeZone\":\"%s\"", start,
                   days[rng_below(&d->rng, sizeof days / sizeof days[0])],
                   zones[rng_below(&d->rng, sizeof zones / sizeof zones[0])]);
        return 0;
    }
    if (one_in(d, 6))
        buf_printf(out, "\"%s\":[\"%s\"],", one_in(d, 3) ? "onlyCalendars" : "excludeCalendars",
                   calendars[rng_below(&d->rng, DAY_CALENDARS)][0]);
    int64_t interval = between(d, paces[pace].min_s, paces[pace].max_s) * 1000;
    if (pace > 0 && one_in(d, 8)) {
        buf_printf(out, "\"cron\":\"%s\",\"scheduleTimeZone\":\"%s\"",
                   crons[rng_below(&d->rng, sizeof crons / sizeof crons[0])],
                   even_zones[rng_below(&d->rng, sizeof even_zones / sizeof even_zones[0])]);
        return 5 * MINUTE_MS;
    }
    put_time(start, wall + between(d, -interval, interval), true);
    buf_printf(out, "\"schedule\":\"R/%s/PT%dS\"", start, (int)(interval / 1000));
    return interval;
}

/* ---- for whom: root -> 0, 1; 0 and 1 -> 2; 2 and the root -> 3; and an alarm, 4 */

static void put_parents(struct day *d, const struct day_job *j, struct buf *out)
{
    static const char *const modes[] = {"all", "any", "round"};
    size_t first = first_at(d, FINITE), place = (j->index - first) % GROUP;
    const struct day_job *root = &d->jobs[j->group], *g = j - place;
    if (place < 2)
        buf_printf(out, "\"parents\":[\"%s\"]", root->name);
    else if (place == 3 && one_in(d, 3))
        buf_printf(out, "\"parents\":[\"%s\"]", g[2].name);
    else if (place == 3)
        buf_printf(out, "\"parents\":[\"%s\",\"%s\"]", g[2].name, root->name);
    else
        buf_printf(out, "\"parents\":[\"%s\",\"%s\"]", g[0].name, g[1].name);
    if (place >= 2)
        buf_printf(out, ",\"dependencyMode\":\"%s\"", modes[rng_below(&d->rng, 3)]);
    if (place == 4)
        buf_printf(out, ",\"parentConditions\":{\"%s\":\"failure\",\"%s\":\"always\"}", g[0].name,
                   g[1].name);
}

/* ---- how */

/* Most are over long before the next one is due; of a few the next ones are due meanwhile. */
static int64_t draw_duration(struct day *d, const struct day_job *j, int64_t interval)
{
    static const int64_t durations[] = {100, 300, 1000, 3000, 10000, 40000};
    int64_t ms = durations[rng_below(&d->rng, sizeof durations / sizeof durations[0])];
    bool outlasts = j->index == LONG || (interval <= 10 * MINUTE_MS && one_in(d, 20));
    if (outlasts && interval > 0)
        ms = 3 * interval;
    else if (interval > 0 && ms > interval / 3 && !one_in(d, 4))
        ms = interval / 3;
    return ms;
}

/* Of some the starts are spread, up to half of the way to the next target. */
static void put_jitter(struct day *d, int64_t interval, struct buf *out)
{
    int64_t most = interval > 0 && interval < 2 * JITTER_MS ? interval / 2 : JITTER_MS;
    if (one_in(d, 6))
        buf_printf(out, ",\"jitterSeconds\":%d", (int)between(d, 1, most / 1000));
}

static void put_overlap(struct day *d, struct buf *out)
{
    static const char *const policies[] = {"wait", "skip", "kill"};
    bool overlaps = one_in(d, 5);
    buf_printf(out, ",\"concurrent\":%s", overlaps ? "true" : "false");
    if (!overlaps && one_in(d, 3))
        buf_printf(out, ",\"overlap\":\"%s\"", policies[rng_below(&d->rng, 3)]);
}

void day_job_draw(struct day *d, struct day_job *j, int64_t wall)
{
    static const int epsilons[] = {10, 10, 20, 60, 300};
    struct buf *out = &j->body;
    int64_t interval = 0;
    buf_clear(out);
    buf_printf(out, "{\"name\":\"%s\",", j->name);
    if (day_job_waits(d, j))
        put_parents(d, j, out);
    else
        interval = put_schedule(d, j, wall, out);
    j->period_ms = interval > 0 ? interval : 12 * HOUR_MS;
    if (!day_job_waits(d, j)) {
        buf_printf(out, ",\"epsilon\":\"PT%dS\",\"missed\":\"%s\"",
                   epsilons[rng_below(&d->rng, sizeof epsilons / sizeof epsilons[0])],
                   one_in(d, 4) ? "catchup" : "window");
        put_jitter(d, interval, out);
    }
    buf_printf(out, ",\"command\":\"run %d %d\"", (int)draw_duration(d, j, interval),
               one_in(d, 3) ? (int)between(d, 20, 300) : 0);
    buf_printf(out, ",\"retries\":%d,\"retryDelaySeconds\":%d", (int)between(d, 0, 3),
               (int)between(d, 1, 60));
    put_overlap(d, out);
    buf_puts(out, ",\"cpus\":0.01,\"mem\":1,\"disk\":1");
}

void day_task_drawn(struct day *d, const char *command, int64_t *takes_ms, int *exit_code)
{
    int most = 0, fail = 0;
    if (command != NULL)
        sscanf(command, "run %d %d", &most, &fail);
    *takes_ms = between(d, most / 4, most) + 1;
    *exit_code = (int)rng_below(&d->rng, 1000) < fail ? 1 : 0;
}
