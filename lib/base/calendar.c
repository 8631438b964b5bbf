#include "base/calendar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"

#define DAY_MS INT64_C(86400000)
#define MINUTE_MS 60000
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

static bool take_day(const char **p, enum calendar_kind *kind, int32_t *out)
{
    struct date d;
    if (!take_date(p, &d) || !is_in_month(&d) || d.year < 1970)
        return false;
    *kind = d.kind;
    *out = d.kind == CALENDAR_DATES ? (int32_t)days_from_civil(d.year, d.month, d.day)
                                    : d.month * 100 + d.day;
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

static bool take_weekday(const char **p, int32_t *out)
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

static bool take_minute(const char **p, int32_t *ms_out)
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

/* ---- ordering */

#define FIRST_OF_YEAR 101
#define LAST_OF_YEAR 1231

static bool is_whole(const struct calendar_entry *e)
{
    return e->from_ms == 0 && e->to_ms == DAY_MS;
}

/* What wraps is two: up to the end, and from the beginning on. */
static size_t add_ranges(const struct calendar_entry *e, struct calendar_range *out)
{
    bool yearly = e->kind == CALENDAR_YEARLY;
    *out = (struct calendar_range){
        .first = e->first, .last = e->last, .from_ms = e->from_ms, .to_ms = e->to_ms};
    if (e->first <= e->last)
        return 1;
    out[1] = out[0];
    out[0].last = yearly ? LAST_OF_YEAR : 6;
    out[1].first = yearly ? FIRST_OF_YEAR : 0;
    return 2;
}

static int compare_ranges(const void *a, const void *b)
{
    const struct calendar_range *x = a, *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

/* Sorted whole days, those that touch as one. */
static size_t join_ranges(struct calendar_range *items, size_t n)
{
    size_t joined = 0;
    for (size_t i = 0; i < n; i++) {
        struct calendar_range *last = joined > 0 ? &items[joined - 1] : NULL;
        if (last == NULL || items[i].first > last->last + 1)
            items[joined++] = items[i];
        else if (items[i].last > last->last)
            last->last = items[i].last;
    }
    return joined;
}

/* The greatest last day up to each; and how many are looked at, at most, for one day. */
static size_t set_reaches(struct calendar_days *d)
{
    size_t most = 0;
    for (size_t i = 0, from = 0; i < d->n; i++) {
        struct calendar_range *r = &d->items[i];
        r->reach = i > 0 && r[-1].reach > r->last ? r[-1].reach : r->last;
        while (d->items[from].reach < r->first)
            from++;
        most = i - from + 1 > most ? i - from + 1 : most;
    }
    return most;
}

/* Those entries that are of one kind, whole days or parts. */
static size_t order_days(const struct calendar_entry *entries, size_t n, enum calendar_kind kind,
                         bool whole, struct arena *arena, struct calendar_days *out)
{
    size_t room = 0;
    for (size_t i = 0; i < n; i++)
        if (entries[i].kind == kind && is_whole(&entries[i]) == whole)
            room += 2;
    if (room == 0)
        return 0;
    out->items = arena_alloc(arena, room * sizeof out->items[0]);
    for (size_t i = 0; i < n; i++)
        if (entries[i].kind == kind && is_whole(&entries[i]) == whole)
            out->n += add_ranges(&entries[i], &out->items[out->n]);
    qsort(out->items, out->n, sizeof out->items[0], compare_ranges);
    if (whole)
        out->n = join_ranges(out->items, out->n);
    return set_reaches(out);
}

struct calendar calendar_of(const struct calendar_entry *entries, size_t n, struct arena *arena)
{
    struct calendar c = {0};
    for (int kind = 0; kind < CALENDAR_KINDS; kind++) {
        c.most += order_days(entries, n, kind, true, arena, &c.whole[kind]);
        c.most += order_days(entries, n, kind, false, arena, &c.parts[kind]);
    }
    return c;
}

size_t calendar_ranges_looked(const struct calendar_rules *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->excluded_n; i++)
        n += r->excluded[i].most;
    for (size_t i = 0; i < r->only_n; i++)
        n += r->only[i].most;
    return n;
}

/* ---- asking */

struct part { /* of one day; what was found holds in it */
    int64_t day;
    int32_t as[CALENDAR_KINDS]; /* the day, as the entries have it */
    int64_t ms, from_ms, to_ms;
};

static struct part whole_day(int64_t days_since_1970)
{
    struct part p = {.day = days_since_1970, .to_ms = DAY_MS};
    int64_t year;
    int month, day;
    civil_from_days(p.day, &year, &month, &day);
    p.as[CALENDAR_DATES] = (int32_t)p.day;
    p.as[CALENDAR_YEARLY] = month * 100 + day;
    p.as[CALENDAR_WEEKDAYS] = (int32_t)((p.day % 7 + 10) % 7); /* 1970-01-01 was a Thursday */
    return p;
}

static struct part part_at(struct zone z, struct wall at)
{
    int64_t ms;
    struct part p = whole_day(local_day(zone_local(z, at), &ms));
    p.ms = ms;
    return p;
}

/* How many begin on that day, or before. */
static size_t begun_on(const struct calendar_days *d, int32_t day)
{
    size_t low = 0, high = d->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (d->items[middle].first <= day)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void narrow(struct part *p, int64_t edge_ms)
{
    if (edge_ms <= p->ms && edge_ms > p->from_ms)
        p->from_ms = edge_ms;
    else if (edge_ms > p->ms && edge_ms < p->to_ms)
        p->to_ms = edge_ms;
}

static bool days_have(const struct calendar_days *d, int32_t day, struct part *p)
{
    bool in = false;
    for (size_t i = begun_on(d, day); i > 0 && d->items[i - 1].reach >= day; i--) {
        const struct calendar_range *r = &d->items[i - 1];
        if (r->last < day)
            continue;
        narrow(p, r->from_ms);
        narrow(p, r->to_ms);
        in = in || (p->ms >= r->from_ms && p->ms < r->to_ms);
    }
    return in;
}

static bool has(const struct calendar *c, struct part *p)
{
    bool in = false;
    for (int kind = 0; kind < CALENDAR_KINDS; kind++) {
        in = days_have(&c->whole[kind], p->as[kind], p) || in;
        in = days_have(&c->parts[kind], p->as[kind], p) || in;
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

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The first day behind `p` that the entries have as that one; in a year without it 02-29 is the day
 * behind. */
static int64_t first_on(enum calendar_kind kind, const struct part *p, int32_t first)
{
    int64_t year;
    int month, day;
    switch (kind) {
    case CALENDAR_YEARLY:
        civil_from_days(p->day, &year, &month, &day);
        year += first <= p->as[CALENDAR_YEARLY];
        return days_from_civil(year, first / 100, first % 100);
    case CALENDAR_WEEKDAYS:
        return p->day + (first - p->as[CALENDAR_WEEKDAYS] + 7) % 7;
    case CALENDAR_DATES:
    case CALENDAR_KINDS:
        break;
    }
    return first > p->day ? first : NO_DAY;
}

/* The first day of those from `p` on that may be one of these, or an earlier one. */
static int64_t next_of(const struct calendar_days *d, enum calendar_kind kind, const struct part *p)
{
    if (d->n == 0)
        return NO_DAY;
    size_t i = begun_on(d, p->as[kind]);
    if (i > 0 && d->items[i - 1].reach >= p->as[kind])
        return p->day;
    return first_on(kind, p, d->items[i < d->n ? i : 0].first);
}

static int64_t first_of_only(const struct calendar_rules *r, const struct part *p)
{
    int64_t first = r->only_n == 0 ? p->day : NO_DAY;
    for (size_t i = 0; i < r->only_n; i++)
        for (int kind = 0; kind < CALENDAR_KINDS; kind++) {
            first = earlier(first, next_of(&r->only[i].whole[kind], kind, p));
            first = earlier(first, next_of(&r->only[i].parts[kind], kind, p));
        }
    return first;
}

static bool is_always(const struct calendar_days *whole, int32_t first, int32_t last)
{
    return whole->n == 1 && whole->items[0].first == first && whole->items[0].last == last;
}

/* The day from which on this one says nothing, if it has all of each day from that one to then. */
static int64_t behind(const struct calendar *c, int64_t day)
{
    const struct calendar_days *d = &c->whole[CALENDAR_DATES];
    size_t i = begun_on(d, (int32_t)day);
    if (is_always(&c->whole[CALENDAR_YEARLY], FIRST_OF_YEAR, LAST_OF_YEAR) ||
        is_always(&c->whole[CALENDAR_WEEKDAYS], 0, 6))
        return NO_DAY;
    return i > 0 && d->items[i - 1].last >= day ? d->items[i - 1].last + 1 : day;
}

/* One may go on where another ends. */
static int64_t last_of_excluded(const struct calendar_rules *r, const struct part *p)
{
    int64_t day = p->day;
    for (size_t i = 0; i < r->excluded_n && day != NO_DAY; i++)
        day = behind(&r->excluded[i], day);
    return day;
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
