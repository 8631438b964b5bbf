/* Prints what base/iso8601, base/zone and base/cron reckon for N random cases, for
 * compare_schedules.py to reckon again: schedules SEED N. One case a line, fields separated by
 * tabs:
 *
 *   offset    ZONE  at_ms  offset_s
 *   local     ZONE  local_ms  instant_ms
 *   schedule  TEXT  ZONE  k  target_ms  now_ms  last_due  shown-at-k
 *   cron      TEXT  ZONE  from_s  to_s  how-many  last-at-or-before-to_s  the-first-of-them
 *
 * Instants lie at and around the changes of their zones more often than chance would have it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cron.h"
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

/* zic of Debian 12 makes slim files of which the rule says otherwise at the last step than that
 * step does. RFC 8536 has the rule from there on, Python from a second later. */
static bool contradicts_itself(const char *name)
{
    struct zone z = find(name);
    if (z.data == NULL || z.data->n == 0)
        return false;
    const struct zone_step *last = &z.data->steps[z.data->n - 1];
    return zone_offset_s(z, (struct wall){(int64_t)last->at * 1000}) != last->offset_s;
}

static const char *random_zone(struct rng *r)
{
    const char *name;
    if (rng_chance(r, 0.2))
        return special[below(r, sizeof(special) / sizeof(special[0]))];
    do
        name = zone_names[below(r, (int64_t)zone_count)];
    while (contradicts_itself(name));
    return name;
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

/* ---- cron expressions */

#define CRON_SHOWN 30
#define PART_HOUR 2
#define CRON_EVERY 40 /* cases: somebody else's reckoning of one takes long */
#define DAY_S (DAY_MS / 1000)

struct part {
    int min, max;
    double all; /* how often it is "*" */
    const char *const *words;
};

static const char *const none[] = {NULL};
static const char *const days[] = {"L", "LW", "1W", "15W", "31W", "30w", NULL};
static const char *const months[] = {"jan", "FEB", "Mar-may", "OCT", "6-OCT/2", NULL};
static const char *const weekdays[] = {"SUN", "mon-fri", "SAT-SUN", "FRI#2", "5#5",
                                       "1L",  "7",       "6-7",     "0",     NULL};

static void print_part(struct rng *r, const struct part *p, struct buf *out)
{
    int width = p->max - p->min + 1, low = p->min + (int)below(r, width), n = 0;
    while (p->words[n] != NULL)
        n++;
    if (rng_chance(r, p->all))
        buf_puts(out, "*");
    else if (n > 0 && rng_chance(r, 0.5))
        buf_puts(out, p->words[below(r, n)]);
    else if (rng_chance(r, 0.25))
        buf_printf(out, "*/%d", 1 + (int)below(r, width - 1));
    else if (rng_chance(r, 0.3))
        buf_printf(out, "%d-%d", low, low + (int)below(r, p->max - low + 1));
    else if (rng_chance(r, 0.3))
        buf_printf(out, "%d,%d", low, p->min + (int)below(r, width));
    else if (rng_chance(r, 0.1))
        buf_printf(out, "%d/%d", low, 1 + (int)below(r, width - 1));
    else
        buf_printf(out, "%d", low);
    buf_puts(out, " ");
}

/* Often with hours about that one. */
static void random_cron(struct rng *r, int hour, char dst[CRON_TEXT_MAX + 1])
{
    static const struct part parts[] = {
        {0, 59, 0.05, none}, {0, 59, 0.2, none},   {0, 23, 0.4, none},
        {1, 31, 0.6, days},  {1, 12, 0.7, months}, {0, 6, 0.6, weekdays},
    };
    struct buf text;
    bool every_day = rng_chance(r, 0.5);
    buf_init(&text, CRON_TEXT_MAX);
    for (size_t i = rng_chance(r, 0.2) ? 0 : 1; i < sizeof parts / sizeof parts[0]; i++)
        if (i > PART_HOUR && every_day)
            buf_puts(&text, "* ");
        else if (i == PART_HOUR && rng_chance(r, 0.5))
            buf_printf(&text, "%d-%d ", hour > 0 ? hour - 1 : 0, hour < 23 ? hour + 1 : 23);
        else
            print_part(r, &parts[i], &text);
    snprintf(dst, CRON_TEXT_MAX + 1, "%s", buf_str(&text));
    buf_close(&text);
}

/* What is seldom is looked at for longer. */
static int64_t cron_window(const struct cron *c, struct zone z, int64_t from_s)
{
    static const int64_t spans[] = {400 * DAY_S, 40 * DAY_S};
    for (size_t i = 0; i < sizeof spans / sizeof spans[0]; i++)
        if (cron_count(c, z, from_s, from_s + spans[i]) <= CRON_SHOWN)
            return spans[i];
    return 3 * DAY_S;
}

static void print_cron(struct rng *r)
{
    char text[CRON_TEXT_MAX + 1];
    struct cron c;
    struct error err;
    int64_t near_s, ms_of_day;
    const char *name;
    struct zone z;
    int tries = 8; /* for a zone that has a change there */
    do {
        name = random_zone(r);
        z = find(name);
        near_s = near_change(r, z) / 1000;
    } while (near_s < 4 * DAY_S || near_s > 100 * YEAR_MS / 1000 ||
             (tries-- > 0 && zone_offset_s(z, (struct wall){near_s * 1000}) ==
                                 zone_offset_s(z, (struct wall){near_s * 1000 - 1})));
    local_day(zone_local(z, (struct wall){near_s * 1000}), &ms_of_day);
    do
        random_cron(r, (int)(ms_of_day / HOUR_MS), text);
    while (cron_parse(text, "", &c, &err) != 0 || cron_check(&c, text, &err) != 0);
    int64_t from_s = near_s - below(r, 2 * DAY_S);
    int64_t to_s = from_s + cron_window(&c, z, from_s), at = from_s;
    printf("cron\t%s\t%s\t%" PRId64 "\t%" PRId64 "\t%" PRId64 "\t%" PRId64 "\t", text, name, from_s,
           to_s, cron_count(&c, z, from_s, to_s), cron_last(&c, z, to_s));
    for (int i = 0; i < CRON_SHOWN && (at = cron_next(&c, z, at)) <= to_s; i++)
        printf("%s%" PRId64, i > 0 ? " " : "", at++);
    printf("\n");
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
        (n % CRON_EVERY == 0 ? print_cron : kinds[n % 3])(&r);
    return 0;
}
