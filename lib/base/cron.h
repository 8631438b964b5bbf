/* lib/base/cron.h - cron expressions: grammar, and the instants they mean.
 *
 *   minute hour day month weekday          "30 2 * * MON-FRI"; with six fields seconds come first
 *   @yearly @annually @monthly @weekly @daily @midnight @hourly
 *   @every 1h30m                           elapsed time, counted from 1970-01-01T00:00:00Z
 *
 * A field is a list of "*", "?" (the same), 7, 1-5, any of these with a step behind a slash, "7/15"
 * being 7 up to the end; names of months and weekdays in any case, 0 and 7 being Sunday. Days have
 * "L" (the month's last), "15W" (the weekday nearest to the 15th) and "LW", weekdays "FRI#2" (the
 * second Friday) and "FRIL" (the last one). "~" and "10~20" are one value that the job's name
 * chooses, "~/15" every 15 from where the name chooses.
 *
 * If neither days nor weekdays begin with "*" or "?" either may match, else both must: as Vixie's
 * cron has it.
 *
 * When a zone's clock is changed: if the hours begin with "*" or "?", the expression follows the
 * clock on the wall: what it skips does not run, what it shows twice runs twice. Any other names
 * hours, and has one target for each local time that it names: one that the clock skips is shifted
 * as zone_resolve shifts it, one that is shown twice is the first. Targets ascend strictly.
 *
 * Instants are whole seconds since 1970-01-01T00:00:00Z. What is asked takes a time that grows with
 * the days between an instant and the target nearest to it, for cron_count with the days between
 * both, never with the number of targets. Pure; the structs are values that own nothing. */
#pragma once

#include "base/zone.h"

struct cron {
    int64_t every_s;           /* of "@every": all else is 0 then; else 0 */
    uint64_t seconds, minutes; /* bit n: the value n */
    uint32_t hours, months, days;
    uint32_t days_nearest; /* "15W" */
    uint32_t weekdays;     /* bit 0: Sunday */
    uint8_t nth[7];        /* of each weekday; bit 1 to 5: that one in the month, bit 0: the last */
    bool day_last, day_last_working; /* "L", "LW" */
    bool days_all, weekdays_all;     /* begins with "*" or "?" */
    bool follows_clock;              /* the hours do */
    bool spread;                     /* something was chosen by the name */
};

#define CRON_TEXT_MAX 255 /* bytes */

/* `name` chooses what "~" leaves open: always the same for the same text and name, in every build,
 * for that is what jobs are stored with. ERR_INVALID naming the field, the value and the cure. What
 * is right for one name is so for any other. */
int cron_parse(const char *text, const char *name, struct cron *out, struct error *err) MUST_CHECK;

/* Of an expression that has no target at all, as 30 February: that may be the name's doing. `text`:
 * as it was parsed from. */
int cron_check(const struct cron *c, const char *text, struct error *err) MUST_CHECK;

#define CRON_NEVER INT64_MAX
/* The first target at or after that second; CRON_NEVER in the last days of the year 9999, and where
 * there is none. */
int64_t cron_next(const struct cron *c, struct zone z, int64_t from_s);
/* The last target at or before it, from 1970 on; -1 if there is none. */
int64_t cron_last(const struct cron *c, struct zone z, int64_t to_s);
/* How many there are from `from_s` to `to_s`, both included. */
int64_t cron_count(const struct cron *c, struct zone z, int64_t from_s, int64_t to_s);
