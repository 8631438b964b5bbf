#include "base/time.h"

#include <ctype.h>
#include <string.h>

#include "base/assert.h"
#include "base/str.h"

#define DAY_MS ((int64_t)86400000)
#define FIRST_MS ((int64_t)-62135596800000) /* 0001-01-01T00:00:00.000Z */
#define LAST_MS ((int64_t)253402300799999)  /* 9999-12-31T23:59:59.999Z */

struct wall wall_earlier(struct wall a, struct wall b)
{
    return a.ms < b.ms ? a : b;
}

struct wall wall_later(struct wall a, struct wall b)
{
    return a.ms > b.ms ? a : b;
}

struct mono mono_earlier(struct mono a, struct mono b)
{
    return a.ms <= b.ms ? a : b;
}

struct mono mono_after(struct mono t, int64_t ms)
{
    if (__builtin_add_overflow(t.ms, ms, &t.ms))
        t.ms = ms > 0 ? INT64_MAX : INT64_MIN;
    return t;
}

/* The calendar runs in eras of 400 years from the 1st of March, so that the leap day comes last
 * (Hinnant: "chrono-compatible low-level date algorithms"). */
#define ERA_DAYS 146097
#define EPOCH_DAYS 719468 /* from 0000-03-01 to 1970-01-01 */

int64_t days_from_civil(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * ERA_DAYS + day_of_era - EPOCH_DAYS;
}

void civil_from_days(int64_t days, int64_t *year, int *month, int *day)
{
    days += EPOCH_DAYS;
    int64_t era = (days >= 0 ? days : days - (ERA_DAYS - 1)) / ERA_DAYS;
    int64_t day_of_era = days - era * ERA_DAYS;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t march_month = (5 * day_of_year + 2) / 153;
    *day = (int)(day_of_year - (153 * march_month + 2) / 5 + 1);
    *month = (int)(march_month < 10 ? march_month + 3 : march_month - 9);
    *year = year_of_era + era * 400 + (*month <= 2);
}

int days_in_month(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    ASSERT(month >= 1 && month <= 12);
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

static char *put_digits(char *at, int64_t v, int n)
{
    for (int i = n; i-- > 0; v /= 10)
        at[i] = (char)('0' + v % 10);
    return at + n;
}

const char *wall_text(struct wall t, char dst[TIME_TEXT_SIZE])
{
    int64_t ms = t.ms < FIRST_MS ? FIRST_MS : t.ms > LAST_MS ? LAST_MS : t.ms;
    int64_t days = (ms - FIRST_MS) / DAY_MS + FIRST_MS / DAY_MS; /* rounded down */
    int64_t rest = ms - days * DAY_MS;
    int64_t year;
    int month, day;
    civil_from_days(days, &year, &month, &day);

    const struct {
        int64_t value;
        int digits;
        char after;
    } parts[] = {
        {year, 4, '-'},
        {month, 2, '-'},
        {day, 2, 'T'},
        {rest / 3600000, 2, ':'},
        {rest / 60000 % 60, 2, ':'},
        {rest / 1000 % 60, 2, '.'},
        {rest % 1000, 3, 'Z'},
    };
    char *at = dst;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        at = put_digits(at, parts[i].value, parts[i].digits);
        *at++ = parts[i].after;
    }
    *at = '\0';
    return dst;
}

/* Each of these moves *p past what it has read. */

static bool take_char(const char **p, const char *any_of)
{
    if (**p == '\0' || strchr(any_of, **p) == NULL)
        return false;
    (*p)++;
    return true;
}

static bool take_digits(const char **p, int n, int64_t min, int64_t max, int64_t *out)
{
    *out = 0;
    for (int i = 0; i < n; i++, (*p)++) {
        if (!isdigit((unsigned char)**p))
            return false;
        *out = *out * 10 + (**p - '0');
    }
    return *out >= min && *out <= max;
}

static bool take_fraction(const char **p, int64_t *ms_out)
{
    int64_t unit = 100;
    *ms_out = 0;
    if (!take_char(p, ".,"))
        return true;
    if (!isdigit((unsigned char)**p))
        return false;
    for (; isdigit((unsigned char)**p); (*p)++, unit /= 10)
        *ms_out += (**p - '0') * unit;
    return true;
}

static bool take_offset(const char **p, int64_t *ms_out)
{
    int64_t hours, minutes = 0;
    if (take_char(p, "Zz")) {
        *ms_out = 0;
        return true;
    }
    int sign = **p == '-' ? -1 : 1;
    if (!take_char(p, "+-") || !take_digits(p, 2, 0, 23, &hours))
        return false;
    if ((take_char(p, ":") || **p != '\0') && !take_digits(p, 2, 0, 59, &minutes))
        return false;
    *ms_out = sign * (hours * 60 + minutes) * 60000;
    return true;
}

static bool parse(const char *p, int64_t *ms_out)
{
    int64_t year, month, day, hour, minute, second = 0, ms = 0, offset_ms;
    bool date = take_digits(&p, 4, 0, 9999, &year) && take_char(&p, "-") &&
                take_digits(&p, 2, 1, 12, &month) && take_char(&p, "-") &&
                take_digits(&p, 2, 1, days_in_month(year, (int)month), &day);
    bool time = date && take_char(&p, "Tt") && take_digits(&p, 2, 0, 23, &hour) &&
                take_char(&p, ":") && take_digits(&p, 2, 0, 59, &minute);
    if (!time)
        return false;
    if (take_char(&p, ":") && !(take_digits(&p, 2, 0, 59, &second) && take_fraction(&p, &ms)))
        return false;
    if (!take_offset(&p, &offset_ms) || *p != '\0')
        return false;
    *ms_out = days_from_civil(year, (int)month, (int)day) * DAY_MS + hour * 3600000 +
              minute * 60000 + second * 1000 + ms - offset_ms;
    return true;
}

int wall_parse(const char *text, struct wall *out, struct error *err)
{
    char quoted[64];
    int64_t ms;
    if (!parse(text, &ms))
        return error_set(err, ERR_INVALID, "got %s, need a time like 2024-05-01T09:30:00.120Z",
                         str_quote(quoted, sizeof(quoted), text, strlen(text)));
    out->ms = ms;
    return 0;
}
