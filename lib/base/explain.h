/* lib/base/explain.h - a schedule in words: "every day at 02:30 Europe/Berlin; when the clock skips
 * that time, as much later as it skips; when it shows it twice, the first time". Pure. */
#pragma once

#include "base/iso8601.h"

/* zone_name: as the schedule was parsed with, NULL or "" for none. What a change of the clock does
 * is told where the zone has one in the two years from `now` on. */
void explain_schedule(const struct schedule *s, const char *zone_name, struct wall now,
                      struct buf *out);

/* "; from 2026-03-01 00:00 Europe/Berlin until 2027-01-01 00:00 Europe/Berlin": when it is valid;
 * nothing for 0 and 0. */
void explain_bounds(const struct schedule *s, const char *zone_name, struct wall starts,
                    struct wall ends, struct buf *out);

/* What is right, but perhaps not what was meant; a sentence each. Returns how many. */
#define EXPLAIN_WARNINGS_MAX 4
size_t explain_warnings(const struct schedule *s, const char *warnings[EXPLAIN_WARNINGS_MAX]);
