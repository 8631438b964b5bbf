/* lib/model/pattern.h - patterns as people write them for Java: literals, `.`, classes, \d \w \s
 * and their opposites, groups, alternation, * + ? {m,n}, ^ and $ at the ends.
 *
 * Anything else is refused rather than misread. The whole text must match. Bytes, not characters:
 * `.` is one byte. A pattern is compiled once and kept by its user; many threads may match with
 * one. Pure. */
#pragma once

#include "base/error.h"

#define PATTERN_LENGTH_MAX 512
#define PATTERN_REPEAT_MAX 255
#define PATTERN_GROWN_MAX                                                   \
    2048 /* characters that all {m,n} multiply out to: libc does, in memory \
          */

struct pattern; /* opaque: hides libc's */

/* ERR_INVALID naming the pattern, what is wrong, and where. */
int pattern_new(const char *text, struct pattern **out, struct error *err) MUST_CHECK;
bool pattern_matches(const struct pattern *p, const char *text);
void pattern_free(struct pattern *p); /* accepts NULL */
