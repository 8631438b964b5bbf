/* lib/scheduler/placement/constraints.h - does one agent meet an app's or a job's constraints
 * (spec/marathon.md 11.3, 11.4; spec/chronos.md 6.5)? Pure. */
#pragma once

#include "base/json.h"
#include "model/constraint.h"

/* Where the placed instances of an app are, by the value that an agent has for a field. */
struct crowd_value {
    char *value; /* owned by the crowd's maker */
    int64_t placed;
};
struct crowd {
    const struct crowd_value *values; /* only those with placed > 0, in the order first placed */
    size_t n;
};

#define FIELD_TEXT_SIZE 256
/* The agent's value for the constraint's field, as the dialect shows it; false when it has none.
 * `attributes` is a JSON object. */
bool constraint_value(const struct constraint *c, enum constraint_dialect dialect,
                      const char *hostname, const struct json *attributes,
                      char dst[FIELD_TEXT_SIZE]);

/* `value` NULL: the agent has none. `pattern` is LIKE's and UNLIKE's value, compiled; NULL when it
 * is none, and then nothing matches. `crowd`, and `wanted`, the instances of the app, are what
 * operators that count look at (constraint_counts); a job's do not. */
bool constraint_holds(const struct constraint *c, enum constraint_dialect dialect,
                      const char *value, const struct pattern *pattern, const struct crowd *crowd,
                      int64_t wanted);
bool constraint_counts(const struct constraint *c);
