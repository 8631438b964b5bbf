#include "agent/health.h"
#include "base/assert.h"

int health_init(struct health *h, const struct health_policy *policy, struct mono now,
                struct error *err)
{
    if (policy->interval_ms < 1)
        return error_set(err, ERR_INVALID, "intervalSeconds: got %lld ms, need at least 1",
                         (long long)policy->interval_ms);
    *h = (struct health){
        .policy = *policy, .started = now, .due = now, .pause_ms = policy->early_ms};
    return 0;
}

bool health_result(struct health *h, bool ok, struct mono now)
{
    ASSERT(h->state != HEALTH_DOOMED);
    ASSERT(now.ms >= h->started.ms); /* mono never runs backwards */

    enum health_state before = h->state;
    bool in_grace = now.ms - h->started.ms < h->policy.grace_ms;
    unsigned max = h->policy.max_failures;

    h->due.ms = now.ms + h->policy.interval_ms;
    if (!ok && before == HEALTH_UNKNOWN && in_grace && h->pause_ms > 0 &&
        h->pause_ms < h->policy.interval_ms) {
        h->due.ms = now.ms + h->pause_ms;
        h->pause_ms *= 2;
    } else if (ok) {
        h->failures = 0;
        h->state = HEALTH_GOOD;
    } else if (before != HEALTH_UNKNOWN || !in_grace) {
        h->failures++;
        h->state = max != 0 && h->failures >= max ? HEALTH_DOOMED : HEALTH_BAD;
    }
    return h->state != before;
}
