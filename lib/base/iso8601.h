/* lib/base/iso8601.h - repeating intervals, periods and zones as schedules need them
 * (spec/chronos.md 3.1, 3.2, 3.4, 3.6). Pure; zones come compiled in from the build machine's tz
 * database. */
#pragma once

#include "base/time.h"

struct zone; /* a named zone, a fixed offset or UTC; lives as long as the program, or in the caller's zone_fixed */

/* A tz database id, "GMT+h[:mm]" or one of the three-letter aliases; ERR_INVALID naming it. */
const struct zone *zone_find(const char *name, struct error *err) MUST_CHECK;
const struct zone *zone_utc(void);
/* Seconds east of UTC at an instant. */
int zone_offset_s(const struct zone *z, struct wall at);

struct local { /* a date-time without a zone: ms since 1970-01-01T00:00:00 as a clock on the wall shows it */
    int64_t ms;
};
/* In a gap: shifted forward by its length; in an overlap: the earlier instant (3.4 step 3). */
struct wall zone_resolve(const struct zone *z, struct local l);
struct local zone_local(const struct zone *z, struct wall at);

struct period {
    int64_t years, months, weeks, days, hours, minutes, seconds, millis; /* as written; not converted */
};
int period_parse(const char *text, struct period *out, struct error *err) MUST_CHECK;
#define PERIOD_TEXT_SIZE 192
const char *period_text(const struct period *p, char dst[PERIOD_TEXT_SIZE]); /* canonical, 3.6 */
bool period_is_zero(const struct period *p);
/* With fixed lengths D = 24 h, W = 7 D, M = 30 D, Y = 365 D; saturates. For epsilon (3.5). */
int64_t period_fixed_ms(const struct period *p);

struct schedule { /* one parsed `R[n]/start/period` */
    int64_t count;      /* -1: for ever */
    bool start_empty;   /* then anchor is set by schedule_start_now() */
    struct local anchor;
    const struct zone *zone; /* NULL: the fixed offset */
    int fixed_offset_s;
    struct period period;
};
/* zone_name "" or NULL: none (3.2). ERR_INVALID naming the part, the value and the grammar. */
int schedule_parse(const char *text, const char *zone_name, struct schedule *out,
                   struct error *err) MUST_CHECK;
void schedule_start_now(struct schedule *s, struct wall t);
/* 3.4: computed from the anchor each time. SCHEDULE_END is never due. */
#define SCHEDULE_END ((struct wall){253402300799999})
struct wall schedule_target(const struct schedule *s, int64_t k); /* k >= 0 */
int64_t schedule_last_due(const struct schedule *s, struct wall now); /* greatest k, or -1; constant time */
/* "R5/2026-03-01T00:00:00.000Z/P1D" (3.6); remaining -1: for ever. */
#define SCHEDULE_TEXT_SIZE 256
const char *schedule_text(const struct schedule *s, int64_t remaining, int64_t k,
                          char dst[SCHEDULE_TEXT_SIZE]);
