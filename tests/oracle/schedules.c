/* Prints what base/iso8601 and base/zone reckon for N random cases, for compare_schedules.py to
 * reckon again: schedules SEED N. One case a line, fields separated by tabs:
 *
 *   offset    ZONE  at_ms  offset_s
 *   local     ZONE  local_ms  instant_ms
 *   schedule  TEXT  ZONE  k  target_ms  now_ms  last_due  shown-at-k
 *
 * Instants lie at and around the changes of their zones more often than chance would have it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/iso8601.h"
#include "base/rng.h"
#include "base/zone_data.h"

#define HOUR_MS INT64_C(3600000)
#define DAY_MS (24 * HOUR_MS)
#define YEAR_MS (365 * DAY_MS)
#define FIRST_MS (2 * DAY_MS) /* before 1970 zones are not exact; both sides look a day back */

static const char *const special[] = {
    "",    "UTC", "PST", "BST",      "EST",       "HST",    "MST",       "ECT",
    "IST", "MIT", "VST", "GMT+5:45", "GMT-03:30", "GMT+14", "Etc/GMT+5", "MET",
};

static int64_t below(struct rng *r, int64_t n)
{
    return (int64_t)rng_below(r, (uint64_t)n);
}

static const char *random_zone(struct rng *r)
{
    if (rng_chance(r, 0.2))
        return special[below(r, sizeof(special) / sizeof(special[0]))];
    return zone_names[below(r, (int64_t)zone_count)];
}

static struct zone find(const char *name)
{
    struct zone z = ZONE_UTC;
    struct error err;
    if (*name != '\0' && zone_find(name, &z, &err) != 0) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    return z;
}

static int64_t random_ms(struct rng *r)
{
    if (rng_chance(r, 0.5)) /* where tables end and rules begin */
        return 48 * YEAR_MS + below(r, 24 * YEAR_MS);
    bool far = rng_chance(r, 0.3);
    return FIRST_MS + below(r, far ? SCHEDULE_END.ms - 2 * YEAR_MS : 150 * YEAR_MS);
}

/* A change of the zone within half a year of some instant, or that instant. */
static int64_t near_change(struct rng *r, struct zone z)
{
    int64_t low = random_ms(r), high = low + YEAR_MS / 2;
    int32_t before_s = zone_offset_s(z, (struct wall){low});
    if (zone_offset_s(z, (struct wall){high}) == before_s)
        return low;
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (zone_offset_s(z, (struct wall){middle}) == before_s)
            low = middle;
        else
            high = middle;
    }
    return high;
}

static void print_offset(struct rng *r)
{
    const char *name = random_zone(r);
    struct zone z = find(name);
    struct wall at = {near_change(r, z) - below(r, 2)};
    printf("offset\t%s\t%" PRId64 "\t%d\n", name, at.ms, (int)zone_offset_s(z, at));
}

static void print_local(struct rng *r)
{
    const char *name = random_zone(r);
    struct zone z = find(name);
    struct local l = zone_local(z, (struct wall){near_change(r, z)});
    l.ms += below(r, 6 * HOUR_MS) - 3 * HOUR_MS;
    printf("local\t%s\t%" PRId64 "\t%" PRId64 "\n", name, l.ms, zone_resolve(z, l).ms);
}

static void random_period(struct rng *r, char dst[PERIOD_TEXT_SIZE])
{
    struct period p = {0};
    int64_t *fields[] = {&p.years, &p.months, &p.weeks, &p.days, &p.hours, &p.minutes, &p.seconds};
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        if (rng_chance(r, 0.25))
            *fields[i] = below(r, 30);
    if (rng_chance(r, 0.1))
        p.millis = below(r, 1000);
    if (period_fixed_ms(&p) < 1000)
        p.days = 1;
    period_text(&p, dst);
}

static void print_schedule(struct rng *r)
{
    static const char *const offsets[] = {"", "Z", "-04:00", "+05:45"};
    char text[SCHEDULE_TEXT_SIZE], shown[SCHEDULE_TEXT_SIZE], period[PERIOD_TEXT_SIZE];
    char start[TIME_TEXT_SIZE];
    const char *name = random_zone(r);
    struct zone z = find(name);
    struct schedule s;
    struct error err;

    random_period(r, period);
    struct local l = zone_local(z, (struct wall){near_change(r, z)});
    l.ms += below(r, 4 * DAY_MS) - 2 * DAY_MS;
    wall_text((struct wall){l.ms < FIRST_MS ? FIRST_MS : l.ms}, start);
    snprintf(text, sizeof(text), "R/%.23s%s/%s", start,
             offsets[below(r, sizeof(offsets) / sizeof(offsets[0]))], period);
    if (schedule_parse(text, name, &s, &err) != 0) {
        fprintf(stderr, "%s: %s\n", text, err.text);
        exit(1);
    }
    int64_t k = below(r, rng_chance(r, 0.5) ? 10 : 2000);
    struct wall target = schedule_target(&s, k);
    struct wall now = {rng_chance(r, 0.5) ? target.ms - below(r, 2)
                                          : s.first.ms - DAY_MS + below(r, 100 * YEAR_MS)};
    printf("schedule\t%s\t%s\t%" PRId64 "\t%" PRId64 "\t%" PRId64 "\t%" PRId64 "\t%s\n", text, name,
           k, target.ms, now.ms, schedule_last_due(&s, now),
           schedule_text(&s, COUNT_FOREVER, k, shown));
}

int main(int argc, char **argv)
{
    static void (*const kinds[])(struct rng *) = {print_offset, print_local, print_schedule};
    struct rng r;
    if (argc != 3) {
        fprintf(stderr, "usage: schedules SEED N\n");
        return 2;
    }
    rng_seed(&r, strtoull(argv[1], NULL, 10));
    for (long n = strtol(argv[2], NULL, 10); n > 0; n--)
        kinds[n % 3](&r);
    return 0;
}
