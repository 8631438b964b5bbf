/* lib/base/zone.h - time zones: names, offsets from UTC, and what a clock on the wall shows.
 *
 * Every id of the tz database of the machine that built us is compiled in (cmd/zones.c writes the
 * tables), so no file is read and all nodes of one build agree. Only total offsets matter, never
 * a zone's "is summer time". Exact from 1970 on; before, the offset of 1970 holds. Pure. */
#pragma once

#include "base/time.h"

/* A date and time without a zone: ms since 1970-01-01T00:00:00 as a clock on the wall counts. */
struct local {
    int64_t ms;
};

/* A value to copy; zeroed it is UTC. Borrows nothing that ends. */
struct zone {
    /* private */
    const struct zone_data *data; /* NULL: the fixed offset */
    int32_t fixed_s;
};

#define ZONE_UTC ((struct zone){0})
struct zone zone_fixed(int32_t offset_s); /* east of UTC is positive */

/* A tz database id, "GMT+h[:mm]", or one of Chronos's three-letter aliases, which come first
 * (spec/chronos.md 3.2). ERR_INVALID naming it and the nearest id. */
int zone_find(const char *name, struct zone *out, struct error *err) MUST_CHECK;

int32_t zone_offset_s(struct zone z, struct wall at);
struct local zone_local(struct zone z, struct wall at);
/* A local time that a gap swallows is shifted forward by the gap's length; one that an overlap
 * shows twice is the earlier (spec/chronos.md 3.4, step 3). */
struct wall zone_resolve(struct zone z, struct local l);

/* "2026-03-29T03:30:00.000+02:00"; "Z" for an offset of 0, seconds only in one that has some. */
#define ZONE_TEXT_SIZE 48
const char *zone_text(struct zone z, struct wall at, char dst[ZONE_TEXT_SIZE]);

/* Days since 1970-01-01, and the milliseconds into that day. */
int64_t local_day(struct local l, int64_t *ms_of_day_out);
