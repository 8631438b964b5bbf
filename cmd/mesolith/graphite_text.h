/* cmd/mesolith/graphite_text.h - Chronos's numbers as lines for Graphite (spec/chronos.md 7.5, 14).
 * Pure. */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/time.h"

/* One line a number of what GET /metrics answers, "PREFIX.NAME.FIELD VALUE SECONDS\n", as the
 * library that Chronos used wrote them: a gauge has no FIELD, blanks become '-', what has a
 * fraction has two digits of it. With "" there is no PREFIX. ERR_SYNTAX: `metrics` is no such
 * answer; ERR_LIMIT: the lines have no room in `out`. */
int graphite_write(struct slice metrics, const char *prefix, struct wall at, struct buf *out,
                   struct error *err) MUST_CHECK;
