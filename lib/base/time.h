/* lib/base/time.h - two kinds of time that do not mix, and their text.
 *
 * mono: milliseconds that never run backwards, for durations and due times.
 * wall: milliseconds since 1970-01-01T00:00:00Z, for people and for the state.
 * Nobody below the waterline asks for the time: it comes in as struct now. */
#pragma once

#include "base/buf.h"
#include "base/error.h"

struct mono {
    int64_t ms;
};
struct wall {
    int64_t ms;
};
struct now {
    struct mono mono;
    struct wall wall;
};

#define MONO_NEVER ((struct mono){INT64_MAX})
struct mono mono_earlier(struct mono a, struct mono b);
struct wall wall_earlier(struct wall a, struct wall b);
struct wall wall_later(struct wall a, struct wall b);
struct mono mono_after(struct mono t, int64_t ms); /* saturates */

/* A settable source of time for hands: the system's above the waterline, a test's own. */
struct clock {
    void *data;
    struct mono (*mono)(struct clock *c);
    struct wall (*wall)(struct clock *c);
};

#define TIME_TEXT_SIZE 32
/* "2024-05-01T09:30:00.120Z" (spec/marathon.md 1.5); years 0001 to 9999, else clamped. */
const char *wall_text(struct wall t, char dst[TIME_TEXT_SIZE]);
/* Any ISO 8601 date-time with offset or Z and any number of fraction digits (cut to ms). */
int wall_parse(const char *text, struct wall *out, struct error *err) MUST_CHECK;

/* Proleptic Gregorian calendar. month 1..12, day 1..31. */
int64_t days_from_civil(int64_t year, int month, int day); /* since 1970-01-01 */
void civil_from_days(int64_t days, int64_t *year, int *month, int *day);
int days_in_month(int64_t year, int month);
