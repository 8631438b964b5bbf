/* lib/base/iso8601.h - repeating intervals "R5/2026-03-01T00:00:00Z/P1D": grammar, the instants
 * they mean, and their text (spec/chronos.md 3.1, 3.2, 3.4, 3.6).
 *
 * A schedule's targets never decrease; two neighbours are equal only where a zone skips a whole
 * day. Everything here takes constant time, however far k or now lies from the start. Pure; the
 * structs are values that own nothing.
 *
 * A schedule may be a cron expression instead (cron.h): for ever, with targets that ascend, and no
 * start. Its indexes are seconds since 1970, and an index without a target stands for the next one
 * that has; so there an index is stepped by the functions below only, and times are cron.h's. */
#pragma once

#include "base/cron.h"
#include "base/zone.h"

/* Each field 0 to 2147483647, as written: "PT60S" stays 60 seconds. */
struct period {
    int64_t years, months, weeks, days, hours, minutes, seconds;
    int64_t millis; /* 0 to 999; a fraction of the seconds, cut */
};

/* "P1Y2M3W4DT5H6M7.5S". ERR_INVALID saying what is wrong at which place. */
int period_parse(const char *text, struct period *out, struct error *err) MUST_CHECK;
bool period_is_zero(const struct period *p);
/* With fixed lengths: a day 24 h, a week 7, a month 30, a year 365 days. Saturates. */
int64_t period_fixed_ms(const struct period *p);
#define PERIOD_TEXT_SIZE 96
const char *period_text(const struct period *p, char dst[PERIOD_TEXT_SIZE]); /* 3.6, canonical */

#define COUNT_FOREVER (-1)

struct schedule {
    bool by_cron; /* then only count, cron and zone are set */
    struct cron cron;
    int64_t count;     /* runs in total, or COUNT_FOREVER */
    bool start_empty;  /* the start was left empty: first and anchor wait for schedule_start_now */
    struct wall first; /* target 0 */
    struct local anchor; /* first in the zone; what months and days are added to */
    struct zone zone;
    struct period period;
};

/* zone_name NULL or "": the start's offset, else UTC; otherwise the start's offset is dropped and
 * its fields are meant in that zone (3.2). ERR_INVALID naming the part, the value and the cure. */
int schedule_parse(const char *text, const char *zone_name, struct schedule *out,
                   struct error *err) MUST_CHECK;
/* A cron expression, which the job's name completes (cron.h). */
int schedule_parse_cron(const char *text, const char *zone_name, const char *name,
                        struct schedule *out, struct error *err) MUST_CHECK;
/* Gives an empty start its instant; whoever keeps the text keeps t beside it, because a local time
 * that is shown twice would read back as the earlier. Without effect on others. */
void schedule_start_now(struct schedule *s, struct wall t);

/* 9999-12-31T23:59:59.999Z: what a target beyond it, or beyond its zone's year 9999, becomes. Never
 * due. */
#define SCHEDULE_END ((struct wall){253402300799999})

/* Always computed from the anchor (3.4). k >= 0; the count does not matter here. */
struct wall schedule_target(const struct schedule *s, int64_t k);
/* The greatest k whose target is at or before now, or -1; 0 at most for a zero period. */
int64_t schedule_last_due(const struct schedule *s, struct wall now);

/* The index of the next target of which nothing was decided yet, when the schedule begins at t. */
int64_t schedule_begin(const struct schedule *s, struct wall t);
/* The n-th index with a target behind that of k, but none beyond `last`. */
int64_t schedule_skip(const struct schedule *s, int64_t k, int64_t n, int64_t last);
/* The n-th before that of k, but none before `first`. */
int64_t schedule_back(const struct schedule *s, int64_t k, int64_t n, int64_t first);
/* How many targets the indexes `from` to `to` have. */
int64_t schedule_count(const struct schedule *s, int64_t from, int64_t to);

/* What clients see when `remaining` runs are left, of which k is the next (3.6):
 * "R5/2026-03-01T00:00:00.000Z/P1D". Of a cron expression its next target, and as the period how
 * long after that the following one comes. */
#define SCHEDULE_TEXT_SIZE 192
const char *schedule_text(const struct schedule *s, int64_t remaining, int64_t k,
                          char dst[SCHEDULE_TEXT_SIZE]);
