/* lib/agent/health.h - is one task well?
 *
 * Counts check results as Marathon does: failures within the grace period are
 * forgiven until the first success; max_failures in a row doom the task.
 * Pure: the owner says what happened and when. Owns no memory. */
#pragma once

#include "base/error.h"
#include "base/time.h" /* base brings stdint and stdbool */

enum health_state { HEALTH_UNKNOWN, HEALTH_GOOD, HEALTH_BAD, HEALTH_DOOMED };

struct health_policy {
    int64_t grace_ms, interval_ms;
    /* A task that starts is asked more often at first: after early_ms, then twice that, up to the
     * interval, as long as failures are forgiven. 0: not. */
    int64_t early_ms;
    unsigned max_failures; /* in a row; 0 = never doom */
};

struct health {
    struct health_policy policy;
    struct mono started, due; /* due: when the next check should begin */
    int64_t pause_ms;         /* until the next early one */
    unsigned failures;        /* in a row */
    enum health_state state;
};

/* ERR_INVALID, naming the field, when the policy makes no sense. */
int health_init(struct health *h, const struct health_policy *policy, struct mono now,
                struct error *err);

/* Takes in one result; true if `state` changed. Not to be called once DOOMED. */
bool health_result(struct health *h, bool ok, struct mono now);
