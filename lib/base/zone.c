#include "base/zone.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/zone_data.h"

#define SECOND_MS INT64_C(1000)
#define DAY_MS INT64_C(86400000)

/* Java's three-letter ids, with the meanings that Chronos gave them. They outrank tz database ids
 * of the same name. "null" is what a client that sent JSON's null finds stored. */
static const struct alias {
    const char *name, *id;
} aliases[] = {
    {"ACT", "Australia/Darwin"},
    {"AET", "Australia/Sydney"},
    {"AGT", "America/Argentina/Buenos_Aires"},
    {"ART", "Africa/Cairo"},
    {"AST", "America/Anchorage"},
    {"BET", "America/Sao_Paulo"},
    {"BST", "Asia/Dhaka"},
    {"CAT", "Africa/Harare"},
    {"CNT", "America/St_Johns"},
    {"CST", "America/Chicago"},
    {"CTT", "Asia/Shanghai"},
    {"EAT", "Africa/Addis_Ababa"},
    {"ECT", "CET"},
    {"EST", "America/New_York"},
    {"GMT", "UTC"},
    {"HST", "Pacific/Honolulu"},
    {"IET", "America/Indiana/Indianapolis"},
    {"IST", "Asia/Kolkata"},
    {"JST", "Asia/Tokyo"},
    {"MET", "CET"},
    {"MIT", "Pacific/Apia"},
    {"MST", "America/Denver"},
    {"NET", "Asia/Yerevan"},
    {"NST", "Pacific/Auckland"},
    {"PLT", "Asia/Karachi"},
    {"PNT", "America/Phoenix"},
    {"PRT", "America/Puerto_Rico"},
    {"PST", "America/Los_Angeles"},
    {"SST", "Pacific/Guadalcanal"},
    {"VST", "Asia/Ho_Chi_Minh"},
    {"null", "UTC"},
};

static const char *id_of(const char *name)
{
    for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
        if (strcmp(aliases[i].name, name) == 0)
            return aliases[i].id;
    return name;
}

static int by_name(const void *name, const void *entry)
{
    return strcmp(name, *(const char *const *)entry);
}

/* "GMT+h" or "GMT+hh", then perhaps ":mm" or "mm", as Java reads them. */
static bool parse_gmt(const char *name, int32_t *offset_s_out)
{
    if (strncmp(name, "GMT", 3) != 0 || (name[3] != '+' && name[3] != '-'))
        return false;
    const char *p = name + 4;
    size_t n = strspn(p, "0123456789");
    if (n == 0 || n > 4)
        return false;

    bool joined = n > 2;
    int32_t hours = joined ? atoi(p) / 100 : atoi(p);
    int32_t minutes = joined ? atoi(p) % 100 : 0;
    p += n;
    if (!joined && *p == ':' && strspn(p + 1, "0123456789") == 2) {
        minutes = atoi(p + 1);
        p += 3;
    }
    if (*p != '\0' || hours > 23 || minutes > 59)
        return false;
    *offset_s_out = (hours * 3600 + minutes * 60) * (name[3] == '-' ? -1 : 1);
    return true;
}

/* "Berlin" for "Europe/Berlin", in any case, with blanks as well. */
static bool is_place_of(const char *name, const char *zone)
{
    const char *slash = strrchr(zone, '/'), *place = slash != NULL ? slash + 1 : zone;
    size_t i = 0;
    while (name[i] != '\0' && place[i] != '\0' &&
           (tolower((unsigned char)name[i]) == tolower((unsigned char)place[i]) ||
            (name[i] == ' ' && place[i] == '_')))
        i++;
    return name[i] == '\0' && place[i] == '\0';
}

/* What was meant, or NULL. */
static const char *likely(const char *name)
{
    for (size_t i = 0; i < zone_count; i++)
        if (is_place_of(name, zone_names[i]))
            return zone_names[i];
    return str_nearest(name, zone_names, zone_count);
}

int zone_find(const char *name, struct zone *out, struct error *err)
{
    int32_t fixed_s;
    const char *const *found =
        bsearch(id_of(name), zone_names, zone_count, sizeof(zone_names[0]), by_name);

    if (found != NULL) {
        *out = (struct zone){.data = zone_of_name[found - zone_names]};
        return 0;
    }
    if (parse_gmt(name, &fixed_s)) {
        *out = zone_fixed(fixed_s);
        return 0;
    }
    char got[64];
    str_quote(got, sizeof(got), name, strlen(name));
    const char *nearest = likely(name);
    if (nearest != NULL)
        return error_set(err, ERR_INVALID, "got %s, no such time zone; did you mean \"%s\"?", got,
                         nearest);
    return error_set(err, ERR_INVALID,
                     "got %s, need a tz database id as \"Europe/Paris\", or as \"GMT+5:30\"", got);
}

struct zone zone_fixed(int32_t offset_s)
{
    return (struct zone){.fixed_s = offset_s};
}

int64_t local_day(struct local l, int64_t *ms_of_day_out)
{
    int64_t day = l.ms / DAY_MS, rest = l.ms % DAY_MS;
    if (rest < 0) {
        day--;
        rest += DAY_MS;
    }
    *ms_of_day_out = rest;
    return day;
}

static bool is_leap(int64_t year)
{
    return days_in_month(year, 2) == 29;
}

static int64_t month_week_day(const struct zone_day *d, int64_t year)
{
    int64_t first = days_from_civil(year, d->month, 1);
    int64_t weekday = (first + 4) % 7; /* 1970-01-01 was a Thursday; years before it do not come */
    int64_t day = (d->day - weekday + 7) % 7 + 7 * (d->week - 1);
    if (day >= days_in_month(year, d->month))
        day -= 7; /* the last week is the fourth */
    return first + day;
}

/* When the clock on the wall shows day d's time in that year. */
static struct local day_of_year(const struct zone_day *d, int64_t year)
{
    int64_t day = 0;
    switch ((enum zone_day_kind)d->kind) {
    case ZONE_DAY_OF_MONTH_WEEK:
        day = month_week_day(d, year);
        break;
    case ZONE_DAY_JULIAN:
        day = days_from_civil(year, 1, 1) + d->day - 1 + (is_leap(year) && d->day >= 60);
        break;
    case ZONE_DAY_OF_YEAR:
        day = days_from_civil(year, 1, 1) + d->day;
        break;
    }
    return (struct local){day * DAY_MS + d->time_s * SECOND_MS};
}

static int32_t rule_offset_s(const struct zone_rule *r, struct wall at)
{
    if (r->std_s == r->dst_s)
        return r->std_s;
    int64_t year, ms_of_day;
    int month, day;
    struct local standard = {at.ms + r->std_s * SECOND_MS};
    civil_from_days(local_day(standard, &ms_of_day), &year, &month, &day);

    int64_t begins_ms = day_of_year(&r->to_dst, year).ms - r->std_s * SECOND_MS;
    int64_t ends_ms = day_of_year(&r->to_std, year).ms - r->dst_s * SECOND_MS;
    bool begun = at.ms >= begins_ms, ended = at.ms >= ends_ms;
    bool dst = begins_ms < ends_ms ? begun && !ended : begun || !ended;
    return dst ? r->dst_s : r->std_s;
}

/* How many of the zone's steps have been taken at that instant. */
static size_t steps_taken(const struct zone_data *d, struct wall at)
{
    size_t low = 0, high = d->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (d->steps[middle].at * SECOND_MS <= at.ms)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int32_t zone_offset_s(struct zone z, struct wall at)
{
    if (z.data == NULL)
        return z.fixed_s;
    size_t taken = steps_taken(z.data, at);
    if (taken == 0 && z.data->n > 0)
        return z.data->first_s;
    if (taken < z.data->n)
        return z.data->steps[taken - 1].offset_s;
    return rule_offset_s(&z.data->rule, at);
}

struct local zone_local(struct zone z, struct wall at)
{
    return (struct local){at.ms + zone_offset_s(z, at) * SECOND_MS};
}

/* Offsets are less than a day and steps at least two days apart, so within a day of l there is
 * one step at most: l belongs to the offset before it, to the one after it, to both or to none. */
struct wall zone_resolve(struct zone z, struct local l)
{
    int32_t before_s = zone_offset_s(z, (struct wall){l.ms - DAY_MS});
    int32_t after_s = zone_offset_s(z, (struct wall){l.ms + DAY_MS});
    struct wall by_before = {l.ms - before_s * SECOND_MS};
    struct wall by_after = {l.ms - after_s * SECOND_MS};

    if (before_s == after_s || zone_offset_s(z, by_before) == before_s)
        return by_before; /* in an overlap this is the earlier one */
    if (zone_offset_s(z, by_after) == after_s)
        return by_after;
    return by_before; /* in a gap it shows l plus the gap's length */
}

/* "Z", "+hh:mm", "-hh:mm:ss" */
static void offset_text(int32_t offset_s, char *dst)
{
    int s = offset_s < 0 ? -offset_s : offset_s;
    if (offset_s == 0)
        strcpy(dst, "Z");
    else if (s % 60 == 0)
        sprintf(dst, "%c%02d:%02d", offset_s < 0 ? '-' : '+', s / 3600, s / 60 % 60);
    else
        sprintf(dst, "%c%02d:%02d:%02d", offset_s < 0 ? '-' : '+', s / 3600, s / 60 % 60, s % 60);
}

const char *zone_text(struct zone z, struct wall at, char dst[ZONE_TEXT_SIZE])
{
    int32_t offset_s = zone_offset_s(z, at);
    wall_text((struct wall){at.ms + offset_s * SECOND_MS}, dst);
    offset_text(offset_s, dst + strlen(dst) - 1); /* for its Z */
    return dst;
}
