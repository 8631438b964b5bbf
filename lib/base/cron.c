#include "base/cron.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"

#define DAY_S INT64_C(86400)
#define END_S (INT64_C(253402300799) - 2 * DAY_S) /* no zone's year 9999 is over by then */
#define DAYS_LOOKED 146097                        /* 400 years, in which the calendar repeats */
#define GOT_SIZE 48                               /* of a stranger's text in an error */

/* ---- parsing */

enum part { PART_SECOND, PART_MINUTE, PART_HOUR, PART_DAY, PART_MONTH, PART_WEEKDAY, PARTS };

static const char *const MONTHS[] = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL",
                                     "AUG", "SEP", "OCT", "NOV", "DEC", NULL};
static const char *const WEEKDAYS[] = {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", NULL};
static const char *const NONE[] = {NULL};

static const struct field {
    const char *name;
    int min, max;
    int all_max, spread_max;  /* what "*" and "~" reach: each month has 28 days */
    const char *const *words; /* of min and those after it */
    const char *sample;
} fields[PARTS] = {
    [PART_SECOND] = {"second", 0, 59, 59, 59, NONE, "\"*\", \"30\", \"0-29\", \"*/10\" or \"~\""},
    [PART_MINUTE] = {"minute", 0, 59, 59, 59, NONE, "\"*\", \"30\", \"0-29\", \"*/10\" or \"~\""},
    [PART_HOUR] = {"hour", 0, 23, 23, 23, NONE, "\"*\", \"2\", \"8-17\", \"*/6\" or \"~\""},
    [PART_DAY] = {"day", 1, 31, 31, 28, NONE, "\"*\", \"15\", \"1-7\", \"L\", \"15W\" or \"~\""},
    [PART_MONTH] = {"month", 1, 12, 12, 12, MONTHS, "\"*\", \"3\", \"MAR\", \"1-6\" or \"*/3\""},
    [PART_WEEKDAY] = {"weekday", 0, 7, 6, 6, WEEKDAYS,
                      "\"*\", \"1\", \"MON-FRI\", \"FRI#2\" or \"FRIL\""},
};

struct taking {
    enum part part;
    const struct field *field;
    const char *item; /* the one of the field's list that is read */
    const char *job;  /* its name */
    struct cron *cron;
    uint64_t bits;
    struct error *err;
};

static const char *quoted(char dst[GOT_SIZE], const char *text)
{
    return str_quote(dst, GOT_SIZE, text, strlen(text));
}

static int wrong(const struct taking *t)
{
    char got[GOT_SIZE];
    return error_set(t->err, ERR_INVALID, "%s: got %s, need %d to %d as in %s", t->field->name,
                     quoted(got, t->item), t->field->min, t->field->max, t->field->sample);
}

static bool take_number(const char **p, int *out)
{
    size_t n = strspn(*p, "0123456789");
    if (n < 1 || n > 4)
        return false;
    *out = atoi(*p);
    *p += n;
    return true;
}

/* A number or a word; whether it fits is looked at when all is read. */
static bool take_value(const struct taking *t, const char **p, int *out)
{
    for (int i = 0; t->field->words[i] != NULL; i++)
        if (strncasecmp(*p, t->field->words[i], strlen(t->field->words[i])) == 0) {
            *p += strlen(t->field->words[i]);
            *out = (t->part == PART_MONTH ? 1 : 0) + i;
            return true;
        }
    return take_number(p, out);
}

static bool take_sign(const char **p, char sign)
{
    if (**p != sign && !(sign >= 'A' && **p == sign - 'A' + 'a'))
        return false;
    (*p)++;
    return true;
}

/* 64-bit FNV-1a over the name and the field, stirred as MurmurHash3 ends. Jobs are stored without
 * what was chosen, so this may never change. */
static uint64_t chance_of(const char *name, enum part part)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (; *name != '\0'; name++)
        h = (h ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
    h = (h ^ (uint64_t)part) * UINT64_C(0x100000001b3);
    h = (h ^ (h >> 33)) * UINT64_C(0xff51afd7ed558ccd);
    h = (h ^ (h >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
    return h ^ (h >> 33);
}

/* "L" and "LW" of days. */
static bool take_last_day(const struct taking *t)
{
    const char *p = t->item;
    if (t->part != PART_DAY || !take_sign(&p, 'L'))
        return false;
    bool working = take_sign(&p, 'W');
    if (*p != '\0')
        return false;
    if (working)
        t->cron->day_last_working = true;
    else
        t->cron->day_last = true;
    return true;
}

/* "15W", "FRI#2", "FRIL". */
static bool take_special(const struct taking *t)
{
    const char *p = t->item;
    int value, nth = 0;
    if (take_last_day(t))
        return true;
    if (!take_value(t, &p, &value) || value < t->field->min || value > t->field->max)
        return false;
    if (t->part == PART_DAY && take_sign(&p, 'W') && *p == '\0') {
        t->cron->days_nearest |= UINT32_C(1) << value;
        return true;
    }
    if (t->part != PART_WEEKDAY ||
        !(take_sign(&p, 'L') || (take_sign(&p, '#') && take_number(&p, &nth) && nth > 0)))
        return false;
    if (*p != '\0' || nth > 5)
        return false;
    t->cron->nth[value % 7] |= (uint8_t)(1U << nth);
    return true;
}

struct range {
    int low, high, step; /* step 0: none was given */
    bool spread;
};

static int check_range(const struct taking *t, const struct range *r)
{
    const struct field *f = t->field;
    char got[GOT_SIZE];
    if (r->low < f->min || r->low > f->max || r->high < f->min || r->high > f->max)
        return wrong(t);
    if (r->low > r->high)
        return error_set(t->err, ERR_INVALID, "%s: got %s, need the smaller first: %d-%d,%d-%d",
                         f->name, quoted(got, t->item), f->min, r->high, r->low, f->all_max);
    if (r->step > f->all_max - f->min)
        return error_set(t->err, ERR_INVALID, "%s: got the step %d in %s, need 1 to %d", f->name,
                         r->step, quoted(got, t->item), f->all_max - f->min);
    return 0;
}

/* "*", "7", "1-5", "~", "10~20", "10~", "~20", each perhaps with "/15". */
static int take_range(const struct taking *t, struct range *r)
{
    const char *p = t->item;
    *r = (struct range){.low = t->field->min, .high = t->field->all_max};
    if (!take_sign(&p, '*') && !take_sign(&p, '?')) {
        bool given = take_value(t, &p, &r->low);
        r->spread = take_sign(&p, '~');
        if (r->spread) {
            r->high = t->field->spread_max;
            take_value(t, &p, &r->high);
        } else if (!given) {
            return wrong(t);
        } else if (take_sign(&p, '-')) {
            if (!take_value(t, &p, &r->high))
                return wrong(t);
            if (t->part == PART_WEEKDAY && r->high == 0 && r->low > 0)
                r->high = 7; /* FRI-SUN */
        } else if (*p != '/') {
            r->high = r->low;
        }
    }
    if (take_sign(&p, '/') && (!take_number(&p, &r->step) || r->step == 0))
        return wrong(t);
    return *p != '\0' ? wrong(t) : check_range(t, r);
}

static int take_item(struct taking *t)
{
    struct range r;
    if (take_special(t))
        return 0;
    if (take_range(t, &r) != 0)
        return -1;
    if (r.spread) {
        int width = r.high - r.low + 1;
        if (r.step > 0 && r.step < width)
            width = r.step;
        r.low += (int)(chance_of(t->job, t->part) % (uint64_t)width);
        if (r.step == 0)
            r.high = r.low;
        t->cron->spread = true;
    }
    for (int v = r.low; v <= r.high; v += r.step > 0 ? r.step : 1)
        t->bits |= UINT64_C(1) << v;
    return 0;
}

/* Cuts `list` into its items. */
static int take_field(enum part part, char *list, const char *job, struct cron *c,
                      struct error *err)
{
    struct taking t = {part, &fields[part], list, job, c, 0, err};
    bool all = *list == '*' || *list == '?';
    while ((t.item = strsep(&list, ",")) != NULL)
        if (take_item(&t) != 0)
            return -1;
    switch (part) {
    case PART_SECOND:
        c->seconds = t.bits;
        break;
    case PART_MINUTE:
        c->minutes = t.bits;
        break;
    case PART_HOUR:
        c->hours = (uint32_t)t.bits;
        c->follows_clock = all;
        break;
    case PART_DAY:
        c->days = (uint32_t)t.bits;
        c->days_all = all;
        break;
    case PART_MONTH:
        c->months = (uint32_t)t.bits;
        break;
    case PART_WEEKDAY:
        c->weekdays = (uint32_t)((t.bits | t.bits >> 7) & 0x7f);
        c->weekdays_all = all;
        break;
    case PARTS:
        break;
    }
    return 0;
}

static int take_fields(const char *text, const char *job, struct cron *c, struct error *err)
{
    char copy[CRON_TEXT_MAX + 1], *rest = copy, *word, *words[PARTS];
    char got[GOT_SIZE];
    int n = 0;
    str_copy(copy, sizeof copy, text);
    while ((word = strsep(&rest, " \t")) != NULL)
        if (*word != '\0' && n++ < PARTS)
            words[n - 1] = word;
    if (n != PARTS && n != PARTS - 1)
        return error_set(err, ERR_INVALID,
                         "got %d fields in %s, need 5 (minute hour day month weekday), or 6 with "
                         "the second first, as in \"30 2 * * MON-FRI\"",
                         n, quoted(got, text));
    c->seconds = 1;
    for (int i = 0; i < n; i++)
        if (take_field((enum part)(PARTS - n + i), words[i], job, c, err) != 0)
            return -1;
    return 0;
}

/* "1h30m", "90s", "2d" */
static int take_every(const char *text, struct cron *c, struct error *err)
{
    static const struct {
        char letter;
        int64_t s;
    } units[] = {{'d', DAY_S}, {'h', 3600}, {'m', 60}, {'s', 1}};
    const char *p = text;
    int64_t s = 0;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        size_t digits = strspn(p, "0123456789");
        if (digits < 1 || digits > 9 || p[digits] != units[i].letter)
            continue;
        s += atoi(p) * units[i].s;
        p += digits + 1;
    }
    if (*p != '\0' || s < 1 || s > INT32_MAX) {
        char got[GOT_SIZE];
        return error_set(err, ERR_INVALID,
                         "@every: got %s, need a time as \"90s\", \"1h30m\" or "
                         "\"2d\", of one second to 68 years",
                         quoted(got, text));
    }
    c->every_s = s;
    return 0;
}

static const struct word {
    const char *word, *fields;
} words[] = {
    {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"},
    {"@weekly", "0 0 * * 0"}, {"@daily", "0 0 * * *"},    {"@midnight", "0 0 * * *"},
    {"@hourly", "0 * * * *"},
};

static int take_word(const char *text, const char *job, struct cron *c, struct error *err)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcasecmp(words[i].word, text) == 0)
            return take_fields(words[i].fields, job, c, err);
    if (strncasecmp(text, "@every ", 7) == 0)
        return take_every(text + 7 + strspn(text + 7, " "), c, err);
    char got[GOT_SIZE];
    return error_set(err, ERR_INVALID,
                     "got %s, need @yearly, @annually, @monthly, @weekly, "
                     "@daily, @midnight, @hourly or @every 90s",
                     quoted(got, text));
}

int cron_parse(const char *text, const char *name, struct cron *out, struct error *err)
{
    struct cron c = {0};
    char got[GOT_SIZE];
    if (strlen(text) > CRON_TEXT_MAX)
        return error_set(err, ERR_INVALID, "got %zu bytes, need at most %d", strlen(text),
                         CRON_TEXT_MAX);
    if (strstr(text, "TZ=") != NULL)
        return error_set(err, ERR_INVALID, "got %s, need the time zone in scheduleTimeZone",
                         quoted(got, text));
    if ((*text == '@' ? take_word(text, name, &c, err) : take_fields(text, name, &c, err)) != 0)
        return -1;
    *out = c;
    return 0;
}

int cron_check(const struct cron *c, const char *text, struct error *err)
{
    char got[GOT_SIZE];
    if (cron_next(c, ZONE_UTC, 0) != CRON_NEVER)
        return 0;
    return error_set(err, ERR_INVALID,
                     "day: no year has that day of that month in %s, so it would never run",
                     quoted(got, text));
}

/* ---- the calendar: what matches of local time, in seconds */

/* The first set bit from `from` on, or -1. */
static int bit_from(uint64_t bits, int from)
{
    bits = from < 64 ? bits >> from : 0;
    return bits != 0 ? from + __builtin_ctzll(bits) : -1;
}

/* Whether a working day is the one nearest to the n-th, within its month. */
static bool is_nearest(int n, int day, int weekday, int days)
{
    bool working = weekday >= 1 && weekday <= 5;
    if (!working || n > days)
        return false;
    if (n == day)
        return true;
    if (weekday == 1) /* a Sunday's, and that of a Saturday that begins the month */
        return n == day - 1 || (n == 1 && day == 3);
    /* a Saturday's, and that of a Sunday that ends the month */
    return weekday == 5 && (n == day + 1 || (n == days && day == days - 2));
}

static bool day_of_month_matches(const struct cron *c, int day, int weekday, int days)
{
    if ((c->days >> day & 1) != 0 || (c->day_last && day == days) ||
        (c->day_last_working && is_nearest(days, day, weekday, days)))
        return true;
    for (int n = bit_from(c->days_nearest, 1); n > 0; n = bit_from(c->days_nearest, n + 1))
        if (is_nearest(n, day, weekday, days))
            return true;
    return false;
}

static bool weekday_matches(const struct cron *c, int day, int weekday, int days)
{
    unsigned nth = c->nth[weekday];
    return (c->weekdays >> weekday & 1) != 0 || (nth >> ((day - 1) / 7 + 1) & 1) != 0 ||
           ((nth & 1) != 0 && day + 7 > days);
}

/* 0 if the day matches; else after how many days the next one that may comes. */
static int days_off(const struct cron *c, int64_t days_since_1970)
{
    int64_t year;
    int month, day;
    civil_from_days(days_since_1970, &year, &month, &day);
    int days = days_in_month(year, month);
    if ((c->months >> month & 1) == 0)
        return days - day + 1;
    int weekday = (int)((days_since_1970 % 7 + 11) % 7); /* 1970-01-01 was a Thursday */
    bool by_month = day_of_month_matches(c, day, weekday, days);
    bool by_week = weekday_matches(c, day, weekday, days);
    bool both = c->days_all || c->weekdays_all;
    return (both ? by_month && by_week : by_month || by_week) ? 0 : 1;
}

/* The first matching time of a day at or after that one; DAY_S if there is none. */
static int64_t time_from(const struct cron *c, int64_t time)
{
    int hour = (int)(time / 3600), minute = (int)(time / 60 % 60);
    int s = bit_from(c->seconds, (int)(time % 60));
    int m = bit_from(c->minutes, s < 0 ? minute + 1 : minute);
    if (s < 0 || m != minute)
        s = bit_from(c->seconds, 0);
    int h = bit_from(c->hours, m < 0 ? hour + 1 : hour);
    if (h < 0)
        return DAY_S;
    if (m < 0 || h != hour) {
        m = bit_from(c->minutes, 0);
        s = bit_from(c->seconds, 0);
    }
    return h * 3600 + m * 60 + s;
}

static int64_t bits_below(uint64_t bits, int n)
{
    return __builtin_popcountll(bits & ((UINT64_C(1) << n) - 1));
}

/* How many times of a day that match lie before that one. */
static int64_t times_below(const struct cron *c, int64_t time)
{
    int h = (int)(time / 3600), m = (int)(time / 60 % 60), s = (int)(time % 60);
    int64_t seconds = __builtin_popcountll(c->seconds);
    int64_t n = bits_below(c->hours, h) * __builtin_popcountll(c->minutes) * seconds;
    if ((c->hours >> h & 1) == 0)
        return n;
    n += bits_below(c->minutes, m) * seconds;
    return (c->minutes >> m & 1) == 0 ? n : n + bits_below(c->seconds, s);
}

static int64_t day_of(int64_t local_s, int64_t *time_out)
{
    int64_t ms;
    int64_t day = local_day((struct local){local_s * 1000}, &ms);
    *time_out = ms / 1000;
    return day;
}

/* The first match at or after a local time, or CRON_NEVER: there is none at all. */
static int64_t local_next(const struct cron *c, int64_t local_s)
{
    int64_t time, day = day_of(local_s, &time), end = day + DAYS_LOOKED;
    while (day <= end) {
        int off = days_off(c, day);
        int64_t found = off == 0 ? time_from(c, time) : DAY_S;
        if (found < DAY_S)
            return day * DAY_S + found;
        day += off > 0 ? off : 1;
        time = 0;
    }
    return CRON_NEVER;
}

/* Matches from `from` on and before `end`. */
static int64_t local_count(const struct cron *c, int64_t from, int64_t end)
{
    int64_t n = 0;
    while (from < end) {
        int64_t time, day = day_of(from, &time), next = (day + 1) * DAY_S;
        if (days_off(c, day) == 0) {
            bool whole = next <= end;
            int64_t upto =
                whole ? times_below(c, DAY_S - 1) + (time_from(c, DAY_S - 1) < DAY_S ? 1 : 0)
                      : times_below(c, end - day * DAY_S);
            n += upto - times_below(c, time);
        }
        from = next;
    }
    return n;
}

/* ---- the clock: what is a target of what matches */

static int64_t offset_at(struct zone z, int64_t s)
{
    return zone_offset_s(z, (struct wall){s * 1000});
}

/* The first second of the offset after the change between them. */
static int64_t change_between(struct zone z, int64_t before, int64_t after)
{
    int64_t was = offset_at(z, before);
    while (after - before > 1) {
        int64_t middle = before + (after - before) / 2;
        if (offset_at(z, middle) == was)
            before = middle;
        else
            after = middle;
    }
    return after;
}

/* From some instant to `end` a target is what matches by one of the n offsets. */
struct piece {
    int64_t end;
    int n;
    int64_t offset_s[2];
    bool quiet; /* no change of the clock lies within it or at its end */
};

/* Changes are at least two days apart, and none is by more than a day (zone.c). */
static struct piece piece_from(const struct cron *c, struct zone z, int64_t s)
{
    int64_t is = offset_at(z, s), was = offset_at(z, s - DAY_S), will = offset_at(z, s + DAY_S);
    if (was != is && !c->follows_clock) {
        int64_t change = change_between(z, s - DAY_S, s);
        if (is > was && s < change + (is - was)) /* beside the clock's what it has skipped */
            return (struct piece){change + (is - was), 2, {is, was}, false};
        if (is < was && s < change + (was - is)) /* shown for the second time */
            return (struct piece){change + (was - is), 0, {0}, false};
    }
    if (will != is)
        return (struct piece){change_between(z, s, s + DAY_S), 1, {is}, false};
    return (struct piece){s + DAY_S, 1, {is}, true};
}

static int64_t every_next(const struct cron *c, int64_t from_s)
{
    return from_s <= 0 ? 0 : (from_s + c->every_s - 1) / c->every_s * c->every_s;
}

static int64_t min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t cron_next(const struct cron *c, struct zone z, int64_t from_s)
{
    int64_t s = from_s > 0 ? from_s : 0;
    if (c->every_s > 0 && s <= END_S) {
        s = every_next(c, s);
        return s <= END_S ? s : CRON_NEVER;
    }
    while (s <= END_S) {
        const struct piece piece = piece_from(c, z, s);
        int64_t found = CRON_NEVER;
        for (int i = 0; i < piece.n; i++) {
            int64_t local_s = local_next(c, s + piece.offset_s[i]);
            if (local_s == CRON_NEVER)
                return CRON_NEVER;
            found = min(found, local_s - piece.offset_s[i]);
        }
        if (found < piece.end && found <= END_S)
            return found;
        s = piece.end;
        /* Offsets differ by less than two days; behind a change a clock may show once more what it
         * has shown before it. */
        if (piece.quiet && found - 2 * DAY_S > s)
            s = found - 2 * DAY_S;
    }
    return CRON_NEVER;
}

/* The greatest second whose next target is not beyond to_s is that target. */
int64_t cron_last(const struct cron *c, struct zone z, int64_t to_s)
{
    int64_t back = 60, low, high = to_s, found;
    if (cron_next(c, z, 0) > to_s)
        return -1;
    while ((found = cron_next(c, z, to_s - back)) > to_s) {
        high = to_s - back - 1;
        back *= 4;
    }
    low = found;
    while (low < high) {
        int64_t middle = low + (high - low + 1) / 2;
        found = cron_next(c, z, middle);
        if (found <= to_s)
            low = found;
        else
            high = middle - 1;
    }
    return low;
}

int64_t cron_count(const struct cron *c, struct zone z, int64_t from_s, int64_t to_s)
{
    int64_t n = 0, s = from_s > 0 ? from_s : 0, end = min(to_s, END_S) + 1;
    if (c->every_s > 0)
        return end <= s ? 0 : (end - 1) / c->every_s - (every_next(c, s) / c->every_s) + 1;
    while (s < end) {
        const struct piece piece = piece_from(c, z, s);
        int64_t until = min(piece.end, end);
        if (piece.n == 1)
            n += local_count(c, s + piece.offset_s[0], until + piece.offset_s[0]);
        else if (piece.n == 2) /* the same instant may be both: one by one */
            for (int64_t at = cron_next(c, z, s); at < until; at = cron_next(c, z, at + 1))
                n++;
        s = until;
    }
    return n;
}
