/* lib/base/calendar.h - days by their names, as calendars list them:
 *
 *   2026-12-25  2026-12-24/2027-01-02    a date; from one to another, both included
 *   12-25  12-24/01-02                   the same in every year
 *   SAT  MON-FRI                         days of the week, in any case
 *
 * Behind each a part of the day may stand, "SAT 08:00-18:30", and alone it means each day:
 * "22:00-24:00". Days and times are local, of whoever asks. Pure. */
#pragma once

#include "base/arena.h"
#include "base/zone.h"

enum calendar_kind { CALENDAR_DATES, CALENDAR_YEARLY, CALENDAR_WEEKDAYS, CALENDAR_KINDS };

struct calendar_entry {
    enum calendar_kind kind;
    int32_t first, last;    /* days since 1970; month * 100 + day, which may wrap; or Monday is 0 */
    int32_t from_ms, to_ms; /* of the day; to is not included */
};

/* ERR_INVALID saying what it is to look like. */
int calendar_parse(const char *text, struct calendar_entry *out, struct error *err) MUST_CHECK;

struct calendar_days { /* of one kind, the first ones first; none wraps */
    struct calendar_range {
        int32_t first, last, reach; /* reach: the greatest `last` up to this one */
        int32_t from_ms, to_ms;
    } * items;
    size_t n;
};

/* What the entries say, in an order in which a day is found quickly. Zeroed: of no day. */
struct calendar {
    struct calendar_days whole[CALENDAR_KINDS], parts[CALENDAR_KINDS]; /* whole: apart */
    size_t most; /* ranges that are looked at for one day */
};
/* `arena` has what it consists of. */
struct calendar calendar_of(const struct calendar_entry *entries, size_t n, struct arena *arena);

/* What keeps from running, and what lets run: borrowed. */
struct calendar_rules {
    const struct calendar *excluded, *only; /* any of these: not; none of those, if any: not */
    size_t excluded_n, only_n;
};
/* So many ranges are looked at to know about one instant. */
size_t calendar_ranges_looked(const struct calendar_rules *r);

struct calendar_span {
    struct wall from, to; /* what is said holds from the one until before the other */
    bool open;
    int by; /* if it is not open: which of `excluded`; -1: it is in none of `only` */
};
/* What the rules say of an instant. The span is within its day, and not longer than it may be known
 * to be at a change of the clock. */
struct calendar_span calendar_at(const struct calendar_rules *r, struct zone z, struct wall at);

#define CALENDAR_SHUT ((struct wall){INT64_MAX})
/* From `at` on nothing is open before the instant told: none ever before CALENDAR_SHUT; `at`
 * itself: that much is not known. So a range of years is passed in one step. */
struct wall calendar_shut_until(const struct calendar_rules *r, struct zone z, struct wall at);
