#include "base/explain.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DAY_MS INT64_C(86400000)
#define YEARS_LOOKED 2
#define TIMES_TOLD 4 /* clock times of a day that are told one by one */

static const char *const MONTHS[] = {"",        "January",  "February", "March",  "April",
                                     "May",     "June",     "July",     "August", "September",
                                     "October", "November", "December"};
static const char *const WEEKDAYS[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                       "Thursday", "Friday", "Saturday"};
static const char *const NTH[] = {"last", "first", "second", "third", "fourth", "fifth"};

/* ---- lists: "1, 2 and 5", "Monday to Friday" */

struct list {
    struct buf *out;
    int n, of;
};

static void begin_next(struct list *l)
{
    if (l->n > 0)
        buf_puts(l->out, l->n + 1 == l->of ? " and " : ", ");
    l->n++;
}

static void put_value(struct buf *out, int v, const char *const *words)
{
    if (words != NULL)
        buf_puts(out, words[v]);
    else
        buf_printf(out, "%d", v);
}

/* Of none there is no first one. */
static int first_of(uint64_t bits)
{
    return __builtin_ctzll(bits);
}

static int last_of(uint64_t bits)
{
    return 63 - __builtin_clzll(bits);
}

/* Three neighbours or more are "8 to 17", if there is nothing else. */
static void put_values(struct buf *out, uint64_t bits, const char *const *words)
{
    int n = __builtin_popcountll(bits), first = first_of(bits), last = last_of(bits);
    struct list list = {out, 0, n};
    if (n > 2 && last - first + 1 == n) {
        put_value(out, first, words);
        buf_puts(out, " to ");
        put_value(out, last, words);
        return;
    }
    for (int v = first; v <= last; v++)
        if ((bits >> v & 1) != 0) {
            begin_next(&list);
            put_value(out, v, words);
        }
}

static bool is_all(uint64_t bits, int from, int to)
{
    return bits == (UINT64_MAX >> (63 - to) & UINT64_MAX << from);
}

/* The step of what is evenly apart in 60, 2 values at least; else 0. */
static int even_step(uint64_t bits)
{
    int first = first_of(bits), n = __builtin_popcountll(bits);
    if (n < 2 || 60 % n != 0 || first >= 60 / n)
        return 0;
    for (int v = first; v < 60; v += 60 / n)
        if ((bits >> v & 1) == 0)
            return 0;
    return 60 / n;
}

/* ---- times of the day by cron */

/* "every 5 minutes", "at minutes 0 and 7" */
static void put_sixtieth(struct buf *out, uint64_t bits, const char *unit)
{
    int step = even_step(bits), first = first_of(bits);
    if (step == 1) {
        buf_printf(out, "every %s", unit);
    } else if (step > 1 && step < 30) {
        buf_printf(out, "every %d %ss", step, unit);
        if (first > 0)
            buf_printf(out, " from %s %d on", unit, first);
    } else {
        buf_printf(out, "at %s%s ", unit, (bits & (bits - 1)) != 0 ? "s" : "");
        put_values(out, bits, NULL);
    }
}

static void put_hours(struct buf *out, uint32_t hours, bool even)
{
    if (is_all(hours, 0, 23)) {
        if (!even)
            buf_puts(out, " of every hour");
        return;
    }
    buf_puts(out, (hours & (hours - 1)) != 0 ? " of the hours " : " of hour ");
    put_values(out, hours, NULL);
}

/* "every 5 minutes of the hours 8 to 17" */
static void put_frequent(struct buf *out, const struct cron *c)
{
    bool even = even_step(c->minutes) > 0;
    if (c->seconds != 1) {
        put_sixtieth(out, c->seconds, "second");
        if (even_step(c->seconds) > 0 && is_all(c->minutes, 0, 59)) {
            put_hours(out, c->hours, true);
            return;
        }
        buf_puts(out, even && even_step(c->minutes) == 1 ? " of " : ", ");
    }
    put_sixtieth(out, c->minutes, "minute");
    put_hours(out, c->hours, even);
}

static uint64_t without_first(uint64_t bits)
{
    return bits & (bits - 1);
}

static void put_clock(struct buf *out, const struct cron *c, int n)
{
    struct list list = {out, 0, n};
    for (uint64_t h = c->hours; h != 0; h = without_first(h))
        for (uint64_t m = c->minutes; m != 0; m = without_first(m))
            for (uint64_t s = c->seconds; s != 0; s = without_first(s)) {
                begin_next(&list);
                buf_printf(out, "%02d:%02d", first_of(h), first_of(m));
                if (c->seconds != 1)
                    buf_printf(out, ":%02d", first_of(s));
            }
}

/* ---- days by cron */

static void put_days(struct buf *out, const struct cron *c)
{
    int nearest = __builtin_popcount(c->days_nearest);
    struct list list = {out, 0, (c->days != 0) + nearest + c->day_last + c->day_last_working};
    buf_puts(out, "on ");
    if (c->days != 0) {
        begin_next(&list);
        buf_puts(out, (c->days & (c->days - 1)) != 0 ? "days " : "day ");
        put_values(out, c->days, NULL);
    }
    for (int day = 1; day <= 31; day++)
        if ((c->days_nearest >> day & 1) != 0) {
            begin_next(&list);
            buf_printf(out, "the working day nearest to day %d", day);
        }
    if (c->day_last) {
        begin_next(&list);
        buf_puts(out, "the last day");
    }
    if (c->day_last_working) {
        begin_next(&list);
        buf_puts(out, "the last working day");
    }
    buf_puts(out, " of the month");
}

static void put_weekdays(struct buf *out, const struct cron *c)
{
    struct list list = {out, 0, c->weekdays != 0};
    for (int day = 0; day < 7; day++)
        list.of += __builtin_popcount(c->nth[day]);
    if (c->weekdays != 0) {
        begin_next(&list);
        put_values(out, c->weekdays, WEEKDAYS);
    }
    for (int day = 0; day < 7; day++)
        for (int nth = 0; nth < 6; nth++)
            if ((c->nth[day] >> nth & 1) != 0) {
                begin_next(&list);
                buf_printf(out, "the %s %s of the month", NTH[nth], WEEKDAYS[day]);
            }
}

/* "on day 13 of the month or on Friday, in May"; nothing if it is every day. */
static bool put_date(struct buf *out, const struct cron *c)
{
    bool days = !is_all(c->days, 1, 31), weekdays = !is_all(c->weekdays, 0, 6);
    bool months = !is_all(c->months, 1, 12);
    if (days)
        put_days(out, c);
    if (days && weekdays)
        buf_puts(out, c->days_all || c->weekdays_all ? ", if that is " : " or on ");
    else if (weekdays)
        buf_puts(out, "on ");
    if (weekdays)
        put_weekdays(out, c);
    if (months) {
        buf_puts(out, days || weekdays ? ", in " : "in ");
        put_values(out, c->months, MONTHS);
    }
    return days || weekdays || months;
}

/* ---- periods and zones */

static void put_period(struct buf *out, const struct period *p)
{
    const struct {
        int64_t n;
        const char *unit;
    } parts[] = {{p->years, "year"},     {p->months, "month"},      {p->weeks, "week"},
                 {p->days, "day"},       {p->hours, "hour"},        {p->minutes, "minute"},
                 {p->seconds, "second"}, {p->millis, "millisecond"}};
    struct list list = {out, 0, 0};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        list.of += parts[i].n != 0;
    buf_puts(out, "every ");
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (parts[i].n == 0)
            continue;
        begin_next(&list);
        if (parts[i].n == 1 && list.of == 1)
            buf_puts(out, parts[i].unit);
        else
            buf_printf(out, "%" PRId64 " %s%s", parts[i].n, parts[i].unit,
                       parts[i].n == 1 ? "" : "s");
    }
}

static void put_zone(struct buf *out, const struct schedule *s, const char *zone_name)
{
    int32_t offset_s = zone_offset_s(s->zone, (struct wall){0});
    int east_s = offset_s < 0 ? -offset_s : offset_s;
    if (zone_name != NULL && *zone_name != '\0')
        buf_printf(out, " %s", zone_name);
    else if (offset_s == 0)
        buf_puts(out, " UTC");
    else
        buf_printf(out, " %c%02d:%02d", offset_s < 0 ? '-' : '+', east_s / 3600, east_s / 60 % 60);
}

static bool zone_changes(struct zone z, struct wall now)
{
    int32_t offset_s = zone_offset_s(z, now);
    for (int week = 1; week <= YEARS_LOOKED * 52; week++)
        if (zone_offset_s(z, (struct wall){now.ms + week * 7 * DAY_MS}) != offset_s)
            return true;
    return false;
}

static const char named[] = "; when the clock skips that time, as much later as it skips; when it "
                            "shows it twice, the first time";
static const char follows[] = "; what the clock skips does not run, what it shows twice runs twice";
static const char elapsed[] = "; of elapsed time, whatever the clock shows";

/* ---- all together */

static void put_cron(struct buf *out, const struct cron *c, const struct schedule *s,
                     const char *zone_name, bool changes)
{
    int n = __builtin_popcount(c->hours) * __builtin_popcountll(c->minutes) *
            __builtin_popcountll(c->seconds);
    if (n <= TIMES_TOLD) {
        if (!put_date(out, c))
            buf_puts(out, "every day");
        buf_puts(out, " at ");
        put_clock(out, c, n);
        put_zone(out, s, zone_name);
    } else {
        struct buf date;
        buf_init(&date, 4096);
        put_frequent(out, c);
        bool some_days = put_date(&date, c);
        bool given = zone_name != NULL && *zone_name != '\0';
        if (given || some_days || !is_all(c->hours, 0, 23))
            put_zone(out, s, zone_name);
        if (some_days)
            buf_printf(out, ", %s", buf_str(&date));
        buf_close(&date);
    }
    if (c->spread)
        buf_puts(out, "; what \"~\" leaves open the job's name has chosen");
    if (changes)
        buf_puts(out, c->follows_clock ? follows : named);
}

static void put_every(struct buf *out, int64_t every_s)
{
    const struct period p = {.days = every_s / 86400,
                             .hours = every_s / 3600 % 24,
                             .minutes = every_s / 60 % 60,
                             .seconds = every_s % 60};
    put_period(out, &p);
    buf_puts(out, ", counted from 1970-01-01 00:00 UTC");
}

static void put_instant(struct buf *out, const struct schedule *s, struct wall at,
                        const char *zone_name)
{
    char text[TIME_TEXT_SIZE];
    struct wall local = {zone_local(s->zone, at).ms};
    wall_text(local, text);
    bool seconds = local.ms % 60000 != 0;
    buf_printf(out, "%.10s %.*s", text, seconds ? 8 : 5, text + 11);
    put_zone(out, s, zone_name);
}

static void put_start(struct buf *out, const struct schedule *s, const char *zone_name)
{
    if (s->start_empty)
        buf_puts(out, "now");
    else
        put_instant(out, s, s->first, zone_name);
}

static void put_iso(struct buf *out, const struct schedule *s, const char *zone_name, bool changes)
{
    const struct period *p = &s->period;
    bool by_calendar = p->years + p->months + p->weeks + p->days > 0;
    if (s->count == 0) {
        buf_puts(out, "never");
        return;
    }
    if (s->count == 1) {
        buf_puts(out, "once: ");
        put_start(out, s, zone_name);
        return;
    }
    if (s->count != COUNT_FOREVER)
        buf_printf(out, "%" PRId64 " times, ", s->count);
    put_period(out, p);
    buf_puts(out, " from ");
    put_start(out, s, zone_name);
    buf_puts(out, " on");
    if (changes)
        buf_puts(out, by_calendar ? named : elapsed);
}

void explain_schedule(const struct schedule *s, const char *zone_name, struct wall now,
                      struct buf *out)
{
    bool changes = zone_changes(s->zone, now);
    if (!s->by_cron)
        put_iso(out, s, zone_name, changes);
    else if (s->cron.every_s > 0)
        put_every(out, s->cron.every_s);
    else
        put_cron(out, &s->cron, s, zone_name, changes);
}

void explain_bounds(const struct schedule *s, const char *zone_name, struct wall starts,
                    struct wall ends, struct buf *out)
{
    if (starts.ms != 0 || ends.ms != 0)
        buf_putc(out, ';');
    if (starts.ms != 0) {
        buf_puts(out, " from ");
        put_instant(out, s, starts, zone_name);
    }
    if (ends.ms != 0) {
        buf_puts(out, " until ");
        put_instant(out, s, ends, zone_name);
    }
}

/* ---- warnings */

/* "*" with a step that does not meet its begin again. */
static bool is_uneven(uint64_t bits)
{
    int n = __builtin_popcountll(bits);
    if (n < 3 || (bits & 1) == 0 || even_step(bits) > 0)
        return false;
    int step = first_of(bits & (bits - 1));
    for (int v = 0; v < 60; v++)
        if ((bits >> v & 1) != (v % step == 0))
            return false;
    return true;
}

/* Has one of its months, in most years, none of its days? They are all late ones. */
static bool passes_months(const struct cron *c)
{
    bool others = c->day_last || c->day_last_working || c->days_nearest != 0;
    if (others || c->days == 0)
        return false;
    bool passes = false;
    int first = first_of(c->days);
    for (int month = 1; first > 28 && month <= 12; month++)
        passes = passes || ((c->months >> month & 1) != 0 && days_in_month(2001, month) < first);
    return passes;
}

size_t explain_warnings(const struct schedule *s, const char *warnings[EXPLAIN_WARNINGS_MAX])
{
    size_t n = 0;
    const struct cron *c = &s->cron;
    if (!s->by_cron || c->every_s > 0)
        return 0;
    if (!c->days_all && !c->weekdays_all)
        warnings[n++] = "day and weekday are both given: it runs when either matches";
    if (passes_months(c))
        warnings[n++] = "not every month has these days: \"L\" is the last one of each";
    if (is_uneven(c->minutes))
        warnings[n++] = "the step of the minutes does not divide 60: the last one is shorter";
    if (is_uneven(c->seconds))
        warnings[n++] = "the step of the seconds does not divide 60: the last one is shorter";
    return n;
}
