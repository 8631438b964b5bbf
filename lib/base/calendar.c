#include "base/calendar.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"

#define DAY_MS INT64_C(86400000)
#define MINUTE_MS INT64_C(60000)
#define TEXT_MAX 48
#define LEAP_YEAR 2000

static const char *const WEEKDAYS[] = {"MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"};

/* ---- reading */

/* So many digits; p is moved on only over them. */
static bool take_number(const char **p, int digits, int *out)
{
    int v = 0;
    for (int i = 0; i < digits; i++) {
        if ((*p)[i] < '0' || (*p)[i] > '9')
            return false;
        v = v * 10 + ((*p)[i] - '0');
    }
    *p += digits;
    *out = v;
    return true;
}

static bool take_sign(const char **p, char sign)
{
    if (**p != sign)
        return false;
    (*p)++;
    return true;
}

struct date {
    enum calendar_kind kind;
    int year, month, day;
};

/* "2026-12-25" or "12-25", whether there is such a day or not. */
static bool take_date(const char **p, struct date *d)
{
    *d = (struct date){.kind = strspn(*p, "0123456789") == 4 ? CALENDAR_DATES : CALENDAR_YEARLY,
                       .year = LEAP_YEAR};
    return (d->kind == CALENDAR_YEARLY || (take_number(p, 4, &d->year) && take_sign(p, '-'))) &&
           take_number(p, 2, &d->month) && take_sign(p, '-') && take_number(p, 2, &d->day);
}

static bool is_month(const struct date *d)
{
    return d->month >= 1 && d->month <= 12;
}

static bool is_in_month(const struct date *d)
{
    return is_month(d) && d->day >= 1 && d->day <= days_in_month(d->year, d->month);
}

static bool has_no_such_day(const char *text)
{
    struct date d;
    return take_date(&text, &d) && is_month(&d) && !is_in_month(&d);
}

static const char *last_of(const char *text)
{
    const char *slash = strchr(text, '/');
    return slash != NULL ? slash + 1 : text;
}

static int wrong(const char *text, struct error *err)
{
    char got[64];
    if (has_no_such_day(text) || has_no_such_day(last_of(text)))
        return error_set(err, ERR_INVALID, "got %s, need a day that there is in that month",
                         str_quote(got, sizeof got, text, strlen(text)));
    return error_set(err, ERR_INVALID,
                     "got %s, need a date (2026-12-25), a day of each year (12-25), from one to "
                     "another (12-24/12-26), weekdays (SAT, MON-FRI), or a part of one (SAT "
                     "08:00-18:00)",
                     str_quote(got, sizeof got, text, strlen(text)));
}

static bool take_day(const char **p, enum calendar_kind *kind, int64_t *out)
{
    struct date d;
    if (!take_date(p, &d) || !is_in_month(&d) || d.year < 1970)
        return false;
    *kind = d.kind;
    *out =
        d.kind == CALENDAR_DATES ? days_from_civil(d.year, d.month, d.day) : d.month * 100 + d.day;
    return true;
}

static bool take_days(const char **p, struct calendar_entry *out)
{
    enum calendar_kind kind;
    if (!take_day(p, &out->kind, &out->first))
        return false;
    out->last = out->first;
    if (!take_sign(p, '/'))
        return true;
    return take_day(p, &kind, &out->last) && kind == out->kind &&
           (kind == CALENDAR_YEARLY || out->last >= out->first);
}

static bool take_weekday(const char **p, int64_t *out)
{
    for (int i = 0; i < 7; i++)
        if (strncasecmp(*p, WEEKDAYS[i], 3) == 0) {
            *p += 3;
            *out = i;
            return true;
        }
    return false;
}

static bool take_weekdays(const char **p, struct calendar_entry *out)
{
    out->kind = CALENDAR_WEEKDAYS;
    if (!take_weekday(p, &out->first))
        return false;
    out->last = out->first;
    return !take_sign(p, '-') || take_weekday(p, &out->last);
}

static bool take_minute(const char **p, int64_t *ms_out)
{
    int hour, minute;
    if (!take_number(p, 2, &hour) || !take_sign(p, ':') || !take_number(p, 2, &minute) ||
        minute > 59 || hour * 60 + minute > 24 * 60)
        return false;
    *ms_out = (hour * 60 + minute) * MINUTE_MS;
    return true;
}

static bool take_part(const char **p, struct calendar_entry *out)
{
    return take_minute(p, &out->from_ms) && take_sign(p, '-') && take_minute(p, &out->to_ms) &&
           out->from_ms < out->to_ms;
}

int calendar_parse(const char *text, struct calendar_entry *out, struct error *err)
{
    const char *p = text;
    struct calendar_entry e = {.kind = CALENDAR_WEEKDAYS, .last = 6, .to_ms = DAY_MS};
    bool each_day = strlen(text) > 2 && text[2] == ':';
    bool day = each_day || (*p >= '0' && *p <= '9' ? take_days(&p, &e) : take_weekdays(&p, &e));
    if (!day || strlen(text) > TEXT_MAX)
        return wrong(text, err);
    bool part = each_day || take_sign(&p, ' ');
    if ((part && !take_part(&p, &e)) || *p != '\0')
        return part ? error_set(err, ERR_INVALID,
                                "got \"%.48s\", need a part of a day like 08:00-18:30, the second "
                                "time after the first; what goes on past midnight is two entries",
                                text)
                    : wrong(text, err);
    *out = e;
    return 0;
}

/* ---- asking */

static bool within(int64_t v, int64_t first, int64_t last)
{
    return first <= last ? v >= first && v <= last : v >= first || v <= last;
}

struct part {                      /* of one day; what was found holds in it */
    int64_t day, of_year, weekday; /* as the entries have them */
    int64_t ms, from_ms, to_ms;
};

static struct part whole_day(int64_t days_since_1970)
{
    struct part p = {.day = days_since_1970, .to_ms = DAY_MS};
    int64_t year;
    int month, day;
    civil_from_days(p.day, &year, &month, &day);
    p.of_year = month * 100 + day;
    p.weekday = (p.day % 7 + 10) % 7; /* 1970-01-01 was a Thursday */
    return p;
}

static struct part part_at(struct zone z, struct wall at)
{
    int64_t ms;
    struct part p = whole_day(local_day(zone_local(z, at), &ms));
    p.ms = ms;
    return p;
}

static bool has_day(const struct calendar_entry *e, const struct part *p)
{
    switch (e->kind) {
    case CALENDAR_DATES:
        return p->day >= e->first && p->day <= e->last;
    case CALENDAR_YEARLY:
        return within(p->of_year, e->first, e->last);
    case CALENDAR_WEEKDAYS:
        return within(p->weekday, e->first, e->last);
    }
    return false;
}

static void narrow(struct part *p, int64_t edge_ms)
{
    if (edge_ms <= p->ms && edge_ms > p->from_ms)
        p->from_ms = edge_ms;
    else if (edge_ms > p->ms && edge_ms < p->to_ms)
        p->to_ms = edge_ms;
}

static bool has(const struct calendar *c, struct part *p)
{
    bool in = false;
    for (size_t i = 0; i < c->n; i++) {
        const struct calendar_entry *e = &c->items[i];
        if (!has_day(e, p))
            continue;
        narrow(p, e->from_ms);
        narrow(p, e->to_ms);
        in = in || (p->ms >= e->from_ms && p->ms < e->to_ms);
    }
    return in;
}

/* An instant that lies so far off, or, where the clock is changed on the way, nearer. */
static struct wall off_by(struct zone z, struct wall at, int64_t ms)
{
    int32_t offset_s = zone_offset_s(z, at);
    while (zone_offset_s(z, (struct wall){at.ms + (ms > 0 ? ms - 1 : ms)}) != offset_s)
        ms /= 2;
    return (struct wall){at.ms + ms};
}

struct calendar_span calendar_at(const struct calendar_rules *r, struct zone z, struct wall at)
{
    struct part p = part_at(z, at);
    struct calendar_span span = {.open = r->only_n == 0, .by = -1};
    for (size_t i = 0; i < r->only_n; i++)
        span.open = has(&r->only[i], &p) || span.open;
    for (size_t i = 0; i < r->excluded_n; i++)
        if (has(&r->excluded[i], &p) && span.open) {
            span.open = false;
            span.by = (int)i;
        }
    span.from = p.from_ms < p.ms ? off_by(z, at, p.from_ms - p.ms) : at;
    span.to = off_by(z, at, p.to_ms - p.ms);
    return span;
}

/* ---- asking for how long */

#define NO_DAY INT64_MAX

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* The first day of those from `p` on that may have it, or an earlier one: in a year without it
 * 02-29 is the day behind. */
static int64_t next_day(const struct calendar_entry *e, const struct part *p)
{
    int64_t year, first;
    int month, day;
    if (has_day(e, p))
        return p->day;
    switch (e->kind) {
    case CALENDAR_DATES:
        return p->day < e->first ? e->first : NO_DAY;
    case CALENDAR_YEARLY:
        civil_from_days(p->day, &year, &month, &day);
        first = days_from_civil(year, (int)(e->first / 100), (int)(e->first % 100));
        return p->of_year < e->first
                   ? first
                   : days_from_civil(year + 1, (int)(e->first / 100), (int)(e->first % 100));
    case CALENDAR_WEEKDAYS:
        return p->day + (e->first - p->weekday + 7) % 7;
    }
    return p->day;
}

static int64_t first_of_only(const struct calendar_rules *r, const struct part *p)
{
    int64_t first = r->only_n == 0 ? p->day : NO_DAY;
    for (size_t i = 0; i < r->only_n; i++)
        for (size_t k = 0; k < r->only[i].n; k++) {
            int64_t next = next_day(&r->only[i].items[k], p);
            first = next < first ? next : first;
        }
    return first;
}

/* The day from which on this one says nothing, if it has all of each day from `p` to then. */
static int64_t behind(const struct calendar_entry *e, const struct part *p)
{
    bool whole = e->from_ms == 0 && e->to_ms == DAY_MS && has_day(e, p);
    if (whole && e->kind == CALENDAR_DATES)
        return e->last + 1;
    bool each = (e->kind == CALENDAR_YEARLY && e->first == 101 && e->last == 1231) ||
                (e->kind == CALENDAR_WEEKDAYS && (e->last + 1) % 7 == e->first);
    return whole && each ? NO_DAY : p->day;
}

static int64_t last_of_excluded(const struct calendar_rules *r, const struct part *p)
{
    int64_t last = p->day;
    for (size_t i = 0; i < r->excluded_n; i++)
        for (size_t k = 0; k < r->excluded[i].n; k++)
            last = later(last, behind(&r->excluded[i].items[k], p));
    return last;
}

/* As of the day before, which may come back when the clock is set back at midnight. */
struct wall calendar_shut_until(const struct calendar_rules *r, struct zone z, struct wall at)
{
    struct part now = part_at(z, at), p = whole_day(now.day - 1);
    int64_t day = later(first_of_only(r, &p), last_of_excluded(r, &p));
    if (day > days_from_civil(9999, 12, 31))
        return CALENDAR_SHUT;
    return day > now.day ? zone_resolve(z, (struct local){day * DAY_MS}) : at;
}
