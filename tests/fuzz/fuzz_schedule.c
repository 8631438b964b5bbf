/* Schedules as strangers write them: "SCHEDULE\nZONE". What is accepted keeps its promises:
 * targets never decrease, schedule_last_due inverts schedule_target, and what is printed is read
 * back as the same instants. */
#include <string.h>

#include "base/assert.h"
#include "base/iso8601.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const int64_t indexes[] = {0, 1, 2, 11, 1000, 123456789, INT64_MAX - 1};

static void check_target(const struct schedule *s, int64_t k)
{
    struct wall at = schedule_target(s, k);
    ASSERT(at.ms <= schedule_target(s, k + 1).ms && at.ms <= SCHEDULE_END.ms);

    int64_t due = schedule_last_due(s, at);
    ASSERT(due >= k || at.ms == SCHEDULE_END.ms || period_is_zero(&s->period));
    ASSERT(due < 0 || schedule_target(s, due).ms <= at.ms);
    ASSERT(schedule_last_due(s, (struct wall){at.ms - 1}) < k || period_is_zero(&s->period) ||
           schedule_target(s, k > 0 ? k - 1 : 0).ms == at.ms);

    char text[SCHEDULE_TEXT_SIZE];
    struct schedule back;
    struct error err;
    ASSERT(schedule_parse(schedule_text(s, s->count, k, text), NULL, &back, &err) == 0);
    ASSERT(back.first.ms == at.ms && back.count == s->count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[512];
    struct schedule s;
    struct error err;
    if (size >= sizeof(text))
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    char *zone = strchr(text, '\n');
    if (zone != NULL)
        *zone++ = '\0';

    if (schedule_parse(text, zone, &s, &err) != 0) {
        ASSERT(err.code == ERR_INVALID && err.text[0] != '\0');
        return 0;
    }
    schedule_start_now(
        &s, (struct wall){1793514600000}); /* 2026-11-01T06:30Z: shown twice in New York */
    for (size_t i = 0; i < sizeof(indexes) / sizeof(indexes[0]); i++)
        check_target(&s, indexes[i]);
    return 0;
}
