#include "base/iso8601.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/str.h"

#define DIGITS "0123456789"
#define SECOND_MS INT64_C(1000)
#define MINUTE_MS INT64_C(60000)
#define HOUR_MS INT64_C(3600000)
#define DAY_MS INT64_C(86400000)

#define YEAR_FIRST 1970
#define YEAR_LAST 9999
#define START_FIRST_MS 1000 /* 1970-01-01T00:00:01Z: Chronos 3 refuses what starts earlier */
#define MONTH_AVERAGE_MS INT64_C(2629746000) /* 30.436875 days: 400 years have 4800 of them */
#define GOT_SIZE 48                          /* of a stranger's text in an error */

/* ---- scanning: p is moved on only over what was understood */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static bool skip(const char **p, char c)
{
    if (upper(**p) != c)
        return false;
    (*p)++;
    return true;
}

static const char *quoted(char dst[GOT_SIZE], const char *text)
{
    return str_quote(dst, GOT_SIZE, text, strlen(text));
}

/* A run of digits as a number; n of them were counted, and fit. */
static int64_t take_digits(const char **p, size_t n)
{
    int64_t v = 0;
    for (; n > 0; n--)
        v = v * 10 + (*(*p)++ - '0');
    return v;
}

struct part {
    const char *name;
    size_t digits_min, digits_max;
    int min, max;
};

static const struct part part_year = {"year", 4, 4, YEAR_FIRST, YEAR_LAST};
static const struct part part_month = {"month", 1, 2, 1, 12};
static const struct part part_day = {"day", 1, 2, 1, 31};
static const struct part part_year_day = {"day of the year", 3, 3, 1, 366};
static const struct part part_week = {"week", 1, 2, 1, 53};
static const struct part part_weekday = {"day of the week", 1, 1, 1, 7};
static const struct part part_offset_hour = {"hour of the offset", 2, 2, 0, 23};
static const struct part part_offset_minute = {"minute of the offset", 2, 2, 0, 59};
static const struct part part_offset_second = {"second of the offset", 2, 2, 0, 59};

static int out_of_range(const char *name, int64_t got, int min, int max, struct error *err)
{
    return error_set(err, ERR_INVALID, "%s: got %" PRId64 ", need %d to %d", name, got, min, max);
}

/* n: how many of the digits at p belong to the part. */
static int take_part(const char **p, const struct part *part, size_t n, int *out, struct error *err)
{
    if (n < part->digits_min || n > part->digits_max) {
        char got[GOT_SIZE];
        if (part->digits_min == part->digits_max)
            return error_set(err, ERR_INVALID, "%s: got %s, need %zu digits", part->name,
                             quoted(got, *p), part->digits_min);
        return error_set(err, ERR_INVALID, "%s: got %s, need %zu to %zu digits", part->name,
                         quoted(got, *p), part->digits_min, part->digits_max);
    }
    int64_t v = take_digits(p, n);
    if (v < part->min || v > part->max)
        return out_of_range(part->name, v, part->min, part->max, err);
    *out = (int)v;
    return 0;
}

static int take_number(const char **p, const struct part *part, int *out, struct error *err)
{
    return take_part(p, part, strspn(*p, DIGITS), out, err);
}

/* A fraction of a unit, cut to ms: ",5" of an hour is 1800000. None is 0. */
static int take_fraction(const char **p, int64_t unit_ms, int64_t *ms_out, struct error *err)
{
    *ms_out = 0;
    if (**p != '.' && **p != ',')
        return 0;
    size_t n = strspn(*p + 1, DIGITS);
    if (n < 1 || n > 9) {
        char got[GOT_SIZE];
        return error_set(err, ERR_INVALID, "fraction: got %s, need 1 to 9 digits", quoted(got, *p));
    }
    (*p)++;
    int64_t scale = 1;
    for (size_t i = 0; i < n; i++)
        scale *= 10;
    *ms_out = take_digits(p, n) * unit_ms / scale; /* at most 10^9 * 3.6 * 10^6 */
    return 0;
}

/* ---- the start: date, time, offset */

static int take_week_date(const char **p, int year, int64_t *day_out, struct error *err)
{
    int week, weekday = 1;
    if (take_number(p, &part_week, &week, err) != 0)
        return -1;
    if (skip(p, '-') && take_number(p, &part_weekday, &weekday, err) != 0)
        return -1;
    /* Week 1 is the one with 4 January; 1970-01-01 was a Thursday. */
    int64_t monday[2];
    for (int i = 0; i < 2; i++) {
        int64_t fourth = days_from_civil(year + i, 1, 4);
        monday[i] = fourth - (fourth + 3) % 7;
    }
    int weeks = (int)(monday[1] - monday[0]) / 7;
    if (week > weeks)
        return out_of_range(part_week.name, week, 1, weeks, err);
    *day_out = monday[0] + (week - 1) * 7 + weekday - 1;
    return 0;
}

static int take_year_day(const char **p, int year, int64_t *day_out, struct error *err)
{
    int day, days = 337 + days_in_month(year, 2);
    if (take_number(p, &part_year_day, &day, err) != 0)
        return -1;
    if (day > days)
        return out_of_range(part_year_day.name, day, 1, days, err);
    *day_out = days_from_civil(year, 1, 1) + day - 1;
    return 0;
}

static int take_month_date(const char **p, int year, int64_t *day_out, struct error *err)
{
    int month, day = 1;
    if (take_number(p, &part_month, &month, err) != 0)
        return -1;
    if (skip(p, '-') && take_number(p, &part_day, &day, err) != 0)
        return -1;
    if (day > days_in_month(year, month))
        return out_of_range(part_day.name, day, 1, days_in_month(year, month), err);
    *day_out = days_from_civil(year, month, day);
    return 0;
}

static int take_date(const char **p, int64_t *day_out, struct error *err)
{
    int year;
    if (take_number(p, &part_year, &year, err) != 0)
        return -1;
    if (!skip(p, '-')) {
        *day_out = days_from_civil(year, 1, 1);
        return 0;
    }
    if (skip(p, 'W'))
        return take_week_date(p, year, day_out, err);
    if (strspn(*p, DIGITS) == 3)
        return take_year_day(p, year, day_out, err);
    return take_month_date(p, year, day_out, err);
}

/* hh, hh:mm or hh:mm:ss, perhaps a fraction of the last one written. */
static int take_time(const char **p, int64_t *ms_out, struct error *err)
{
    static const struct {
        struct part part;
        int64_t unit_ms;
    } clock[] = {
        {{"hour", 1, 2, 0, 23}, HOUR_MS},
        {{"minute", 1, 2, 0, 59}, MINUTE_MS},
        {{"second", 1, 2, 0, 59}, SECOND_MS},
    };
    const size_t n = sizeof(clock) / sizeof(clock[0]);
    int64_t ms = 0, fraction_ms = 0;
    size_t i = 0;
    do {
        int v;
        if (take_number(p, &clock[i].part, &v, err) != 0)
            return -1;
        ms += v * clock[i++].unit_ms;
    } while (i < n && skip(p, ':'));
    if (take_fraction(p, clock[i - 1].unit_ms, &fraction_ms, err) != 0)
        return -1;
    *ms_out = ms + fraction_ms;
    return 0;
}

/* Z, +hh, +hh:mm, +hh:mm:ss, +hhmm or +hhmmss; none leaves it 0. */
static int take_offset(const char **p, int32_t *seconds_out, struct error *err)
{
    int hours, minutes = 0, seconds = 0;
    *seconds_out = 0;
    if (skip(p, 'Z') || (**p != '+' && **p != '-'))
        return 0;
    int sign = **p == '-' ? -1 : 1;
    (*p)++;

    size_t run = strspn(*p, DIGITS);
    bool joined = run == 4 || run == 6;
    if (take_part(p, &part_offset_hour, joined ? 2 : run, &hours, err) != 0)
        return -1;
    if (joined || skip(p, ':')) {
        if (take_part(p, &part_offset_minute, joined ? 2 : strspn(*p, DIGITS), &minutes, err) != 0)
            return -1;
        if ((joined ? run == 6 : skip(p, ':')) &&
            take_number(p, &part_offset_second, &seconds, err) != 0)
            return -1;
    }
    *seconds_out = sign * (hours * 3600 + minutes * 60 + seconds);
    return 0;
}

static int take_start(const char *p, struct local *anchor_out, int32_t *offset_s_out,
                      struct error *err)
{
    int64_t day = 0, ms = 0;
    *offset_s_out = 0;
    if (take_date(&p, &day, err) != 0)
        return -1;
    if (skip(&p, 'T')) {
        if (is_digit(*p) && take_time(&p, &ms, err) != 0)
            return -1;
        if (take_offset(&p, offset_s_out, err) != 0)
            return -1;
    }
    if (*p != '\0') {
        char got[GOT_SIZE];
        return error_set(err, ERR_INVALID, "cannot read from %s on, need YYYY-MM-DDThh:mm:ss.mmmZ",
                         quoted(got, p));
    }
    anchor_out->ms = day * DAY_MS + ms;
    return 0;
}

/* ---- periods */

#define PERIOD_DIGITS_MAX 10 /* of one number, its fraction included */

static const struct unit {
    char letter;
    bool in_time; /* stands behind the T */
    size_t field; /* in struct period */
    int64_t fixed_ms;
} units[] = {
    {'Y', false, offsetof(struct period, years), 365 * DAY_MS},
    {'M', false, offsetof(struct period, months), 30 * DAY_MS},
    {'W', false, offsetof(struct period, weeks), 7 * DAY_MS},
    {'D', false, offsetof(struct period, days), DAY_MS},
    {'H', true, offsetof(struct period, hours), HOUR_MS},
    {'M', true, offsetof(struct period, minutes), MINUTE_MS},
    {'S', true, offsetof(struct period, seconds), SECOND_MS},
};
#define UNITS (sizeof(units) / sizeof(units[0]))
#define UNIT_SECONDS (UNITS - 1)

static int64_t field(const struct period *p, const struct unit *u)
{
    return *(const int64_t *)((const char *)p + u->field);
}

static int number_error(const char *at, struct error *err)
{
    char got[GOT_SIZE];
    return error_set(err, ERR_INVALID,
                     "got %s, need a number of at most 10 digits, up to 2147483647",
                     quoted(got, at));
}

/* One "12D" or "1.5S"; *next is the first unit that may still come. */
static int take_amount(const char **p, bool in_time, size_t *next, struct period *out,
                       struct error *err)
{
    const char *at = *p;
    char got[GOT_SIZE];
    int64_t fraction_ms = 0;
    size_t whole = strspn(at, DIGITS), fraction = 0;

    if (whole < 1 || whole > PERIOD_DIGITS_MAX)
        return number_error(at, err);
    int64_t v = take_digits(p, whole);
    bool has_fraction = **p == '.' || **p == ',';
    if (has_fraction) {
        fraction = strspn(*p + 1, DIGITS);
        bool canonical = fraction == 3; /* what period_text prints is read back */
        if (fraction < 1 || (whole + fraction > PERIOD_DIGITS_MAX && !canonical))
            return number_error(at, err);
        if (take_fraction(p, SECOND_MS, &fraction_ms, err) != 0)
            return -1;
    }
    if (v > INT32_MAX)
        return number_error(at, err);

    size_t i = *next;
    while (i < UNITS && (units[i].letter != upper(**p) || units[i].in_time != in_time))
        i++;
    if (i == UNITS)
        return error_set(err, ERR_INVALID, "got %s, need one of %s in this order behind the number",
                         quoted(got, at), in_time ? "H M S" : "Y M W D");
    if (has_fraction && i != UNIT_SECONDS)
        return error_set(err, ERR_INVALID, "got %s, only seconds may have a fraction",
                         quoted(got, at));
    (*p)++;
    *(int64_t *)((char *)out + units[i].field) = v;
    out->millis = fraction_ms;
    *next = i + 1;
    return 0;
}

static int take_period(const char *p, struct period *out, struct error *err)
{
    bool in_time = false;
    size_t next = 0;
    if (*p++ != 'P')
        return error_set(err, ERR_INVALID, "need a P and numbers with units, as in P1DT12H");
    while (*p != '\0') {
        if (!in_time && skip(&p, 'T')) {
            in_time = true;
            if (*p == '\0')
                return error_set(err, ERR_INVALID, "need something behind the T, as in PT12H");
        } else if (take_amount(&p, in_time, &next, out, err) != 0) {
            return -1;
        }
    }
    return 0;
}

int period_parse(const char *text, struct period *out, struct error *err)
{
    struct period p = {0};
    char got[GOT_SIZE];
    if (take_period(text, &p, err) != 0)
        return error_wrap(err, "period %s", quoted(got, text));
    *out = p;
    return 0;
}

bool period_is_zero(const struct period *p)
{
    for (size_t i = 0; i < UNITS; i++)
        if (field(p, &units[i]) != 0)
            return false;
    return p->millis == 0;
}

int64_t period_fixed_ms(const struct period *p)
{
    int64_t ms = p->millis, part;
    for (size_t i = 0; i < UNITS; i++)
        if (__builtin_mul_overflow(field(p, &units[i]), units[i].fixed_ms, &part) ||
            __builtin_add_overflow(ms, part, &ms))
            return INT64_MAX;
    return ms;
}

const char *period_text(const struct period *p, char dst[PERIOD_TEXT_SIZE])
{
    char *at = dst;
    bool in_time = false;
    *at++ = 'P';
    for (size_t i = 0; i < UNITS; i++) {
        int64_t millis = i == UNIT_SECONDS ? p->millis : 0;
        if (field(p, &units[i]) == 0 && millis == 0)
            continue;
        if (units[i].in_time && !in_time)
            *at++ = 'T';
        in_time = units[i].in_time;
        at += sprintf(at, "%" PRId64, field(p, &units[i]));
        if (millis != 0)
            at += sprintf(at, ".%03d", (int)millis);
        *at++ = units[i].letter;
    }
    *at = '\0';
    return at - dst > 1 ? dst : strcpy(dst, "PT0S");
}

/* ---- schedules */

/* What one index adds: months and days on the calendar, then elapsed milliseconds. */
struct step {
    int64_t months, days, ms;
};

static struct step step_of(const struct period *p)
{
    return (struct step){
        .months = p->years * 12 + p->months,
        .days = p->weeks * 7 + p->days,
        .ms = p->hours * HOUR_MS + p->minutes * MINUTE_MS + p->seconds * SECOND_MS + p->millis,
    };
}

static int check_period(const struct period *p, int64_t count, struct error *err)
{
    char text[PERIOD_TEXT_SIZE];
    bool once = count == 0 || count == 1;
    int64_t ms = period_fixed_ms(p);
    if (ms >= SECOND_MS || (ms == 0 && once))
        return 0;
    return error_set(err, ERR_INVALID, "period %s: need at least one second%s",
                     period_text(p, text), ms == 0 ? ", or R1 to run once" : "");
}

static int parse_start(const char *start, const char *zone_name, struct schedule *s,
                       struct error *err)
{
    int32_t offset_s = 0;
    if (zone_name != NULL && *zone_name != '\0' && zone_find(zone_name, &s->zone, err) != 0)
        return error_wrap(err, "time zone");

    s->start_empty = *start == '\0';
    if (s->start_empty)
        return 0;
    char got[GOT_SIZE];
    if (take_start(start, &s->anchor, &offset_s, err) != 0)
        return error_wrap(err, "start %s", quoted(got, start));
    if (zone_name == NULL || *zone_name == '\0')
        s->zone = zone_fixed(offset_s);
    s->first = zone_resolve(s->zone, s->anchor);
    if (s->first.ms < START_FIRST_MS || s->anchor.ms > SCHEDULE_END.ms)
        return error_set(err, ERR_INVALID,
                         "start %s: need 1970-01-01T00:00:01Z or later, and a year up to 9999",
                         quoted(got, start));
    return 0;
}

int schedule_parse_cron(const char *text, const char *zone_name, const char *name,
                        struct schedule *out, struct error *err)
{
    struct schedule s = {.by_cron = true, .count = COUNT_FOREVER};
    if (cron_parse(text, name, &s.cron, err) != 0)
        return -1;
    if (zone_name != NULL && *zone_name != '\0' && zone_find(zone_name, &s.zone, err) != 0)
        return error_wrap(err, "time zone");
    *out = s;
    return 0;
}

static int parse_count(const char *text, size_t n, int64_t *out, struct error *err)
{
    *out = n == 0 ? COUNT_FOREVER : 0;
    for (size_t i = 0; i < n; i++)
        if (__builtin_mul_overflow(*out, 10, out) ||
            __builtin_add_overflow(*out, text[i] - '0', out))
            return error_set(err, ERR_INVALID, "repeat: got R%.*s, need at most R%" PRId64,
                             n < 40 ? (int)n : 40, text, INT64_MAX);
    return 0;
}

int schedule_parse(const char *text, const char *zone_name, struct schedule *out, struct error *err)
{
    struct schedule s = {0};
    char got[GOT_SIZE], start[64];
    const char *period = strrchr(text, '/');
    size_t digits = *text == 'R' ? strspn(text + 1, DIGITS) : 0;
    const char *slash = text + 1 + digits; /* the one before the start */

    if (*text != 'R' || *slash != '/' || period == slash || period[1] != 'P')
        return error_set(err, ERR_INVALID,
                         "got %s, need R[n]/start/period, as in R5/2026-03-01T00:00:00Z/P1D",
                         quoted(got, text));
    size_t start_len = (size_t)(period - slash - 1);
    if (start_len >= sizeof(start))
        return error_set(err, ERR_INVALID, "start %s: need YYYY-MM-DDThh:mm:ss.mmmZ",
                         quoted(got, slash + 1));
    memcpy(start, slash + 1, start_len);
    start[start_len] = '\0';

    if (parse_count(text + 1, digits, &s.count, err) != 0 ||
        parse_start(start, zone_name, &s, err) != 0 ||
        period_parse(period + 1, &s.period, err) != 0 || check_period(&s.period, s.count, err) != 0)
        return -1;
    *out = s;
    return 0;
}

void schedule_start_now(struct schedule *s, struct wall t)
{
    if (!s->start_empty)
        return;
    s->start_empty = false;
    s->first = t;
    s->anchor = zone_local(s->zone, t);
}

/* From here on a target counts as SCHEDULE_END, so that all others have four digits of year in
 * their zone. */
static int64_t end_ms(const struct schedule *s)
{
    int32_t offset_s = zone_offset_s(s->zone, SCHEDULE_END);
    return SCHEDULE_END.ms - (offset_s > 0 ? offset_s * SECOND_MS : 0);
}

static struct local add_months(struct local l, int64_t months)
{
    int64_t ms_of_day, year;
    int month, day;
    civil_from_days(local_day(l, &ms_of_day), &year, &month, &day);
    int64_t total = year * 12 + (month - 1) + months;
    year = total / 12;
    month = (int)(total % 12) + 1;
    if (day > days_in_month(year, month))
        day = days_in_month(year, month);
    return (struct local){days_from_civil(year, month, day) * DAY_MS + ms_of_day};
}

/* Whether k steps of this size lead beyond the year 9999 from wherever they start. */
static bool beyond(int64_t k, int64_t step, int64_t limit)
{
    return step > 0 && k > limit / step;
}

static struct wall cron_target(const struct schedule *s, int64_t k)
{
    int64_t at_s = cron_next(&s->cron, s->zone, k);
    return at_s == CRON_NEVER ? SCHEDULE_END : (struct wall){at_s * SECOND_MS};
}

struct wall schedule_target(const struct schedule *s, int64_t k)
{
    ASSERT(k >= 0 && !s->start_empty);
    if (s->by_cron)
        return cron_target(s, k);
    const struct step step = step_of(&s->period);
    if (beyond(k, step.months, (YEAR_LAST - YEAR_FIRST + 1) * 12) ||
        beyond(k, step.days, SCHEDULE_END.ms / DAY_MS) || beyond(k, step.ms, SCHEDULE_END.ms))
        return SCHEDULE_END;

    struct wall at = s->first;
    if (k > 0 && (step.months > 0 || step.days > 0)) {
        struct local l = add_months(s->anchor, k * step.months);
        at = zone_resolve(s->zone, (struct local){l.ms + k * step.days * DAY_MS});
    }
    at.ms += k * step.ms;
    return at.ms >= end_ms(s) ? SCHEDULE_END : at;
}

/* The average step leads within a few indexes of the right one: months and zones stray from the
 * average by a few days, and a step that strays is at least a day long. */
int64_t schedule_last_due(const struct schedule *s, struct wall now)
{
    if (s->by_cron)
        return now.ms < 0 ? -1 : cron_last(&s->cron, s->zone, now.ms / SECOND_MS);
    const struct step step = step_of(&s->period);
    int64_t limit = end_ms(s) - 1;
    int64_t now_ms = now.ms < limit ? now.ms : limit;
    int64_t from_ms = schedule_target(s, 0).ms;
    if (now_ms < from_ms)
        return -1;
    if (period_is_zero(&s->period) || schedule_target(s, 1).ms > now_ms)
        return 0; /* so a step is less than 8030 years: the average does not overflow */

    int64_t average_ms = step.months * MONTH_AVERAGE_MS + step.days * DAY_MS + step.ms;
    int64_t k = (now_ms - from_ms) / average_ms;
    while (schedule_target(s, k).ms > now_ms)
        k--;
    while (schedule_target(s, k + 1).ms <= now_ms)
        k++;
    return k;
}

int64_t schedule_begin(const struct schedule *s, struct wall t)
{
    return s->by_cron && t.ms > 0 ? (t.ms + SECOND_MS - 1) / SECOND_MS : 0;
}

int64_t schedule_skip(const struct schedule *s, int64_t k, int64_t n, int64_t last)
{
    if (!s->by_cron)
        return last - k < n ? last : k + n;
    for (k = cron_next(&s->cron, s->zone, k); n > 0 && k < last; n--)
        k = cron_next(&s->cron, s->zone, k + 1);
    return k < last ? k : last;
}

int64_t schedule_back(const struct schedule *s, int64_t k, int64_t n, int64_t first)
{
    if (!s->by_cron)
        return k - first < n ? first : k - n;
    int64_t before = k;
    for (; n > 0 && (before = cron_last(&s->cron, s->zone, k - 1)) >= first; n--)
        k = before;
    return k;
}

int64_t schedule_count(const struct schedule *s, int64_t from, int64_t to)
{
    if (s->by_cron)
        return cron_count(&s->cron, s->zone, from, to);
    return to < from ? 0 : to - from + 1;
}

static struct period period_at(const struct schedule *s, struct wall at)
{
    if (!s->by_cron)
        return s->period;
    struct wall following = schedule_target(s, at.ms / SECOND_MS + 1);
    int64_t seconds = (following.ms - at.ms) / SECOND_MS;
    return (struct period){.seconds = seconds > 0 ? seconds : 1};
}

const char *schedule_text(const struct schedule *s, int64_t remaining, int64_t k,
                          char dst[SCHEDULE_TEXT_SIZE])
{
    char count[24] = "", start[ZONE_TEXT_SIZE], period[PERIOD_TEXT_SIZE];
    struct wall at = schedule_target(s, k);
    struct period step = period_at(s, at);
    struct zone zone = at.ms == SCHEDULE_END.ms ? ZONE_UTC : s->zone;

    if (remaining != COUNT_FOREVER)
        sprintf(count, "%" PRId64, remaining);
    snprintf(dst, SCHEDULE_TEXT_SIZE, "R%s/%s/%s", count, zone_text(zone, at, start),
             period_text(&step, period));
    return dst;
}
