/* lib/base/zone_data.h - the shape of the tables that cmd/zones.c writes; for it and zone.c. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* From `at` on the zone is offset_s east of UTC. */
struct zone_step {
    uint32_t at; /* seconds since 1970-01-01T00:00:00Z: enough until 2106 */
    int32_t offset_s;
};

/* A day of any year, as POSIX TZ strings name it, and a local time on it. */
enum zone_day_kind {
    ZONE_DAY_OF_MONTH_WEEK, /* Mm.w.d: weekday d (0 is Sunday) of week w (5: the last) of month m */
    ZONE_DAY_JULIAN,        /* Jn: day 1 to 365, 29 February is never counted */
    ZONE_DAY_OF_YEAR,       /* n: day 0 to 365, 29 February is counted */
};
struct zone_day {
    uint8_t kind, month, week;
    uint16_t day;
    int32_t time_s; /* may be negative or more than a day */
};

/* What holds from the last step on, for ever. */
struct zone_rule {
    int32_t std_s, dst_s; /* equal: the days do not count */
    struct zone_day to_dst, to_std;
};

struct zone_data {
    int32_t first_s; /* the offset before the first step */
    size_t n;
    const struct zone_step *steps; /* ascending, at least two days apart */
    struct zone_rule rule;
};

/* Sorted by strcmp. Links are separate names of the same data. */
extern const size_t zone_count;
extern const char *const zone_names[];
extern const struct zone_data *const zone_of_name[];
