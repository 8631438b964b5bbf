/* Cron expressions as strangers write them: "EXPRESSION\nZONE\nJOB". What is accepted keeps its
 * promises: targets ascend, the last one before a time is the one that comes first from there on,
 * counting meets walking, and it is said in words. */
#include <string.h>

#include "base/assert.h"
#include "base/cron.h"
#include "base/explain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TARGETS_LOOKED 5

static const int64_t instants[] = {INT64_MIN,  -1,           0,
                                   1793514600, /* New York's overlap */
                                   1325239200, 253402300000, INT64_MAX};

static void check_from(const struct cron *c, struct zone z, int64_t from_s)
{
    int64_t s = cron_next(c, z, from_s);
    for (int i = 0; i < TARGETS_LOOKED && s != CRON_NEVER; i++) {
        int64_t next = cron_next(c, z, s + 1);
        ASSERT(s >= 0 && next > s);
        ASSERT(cron_next(c, z, s) == s && cron_last(c, z, s) == s);
        if (next != CRON_NEVER) {
            ASSERT(cron_last(c, z, next - 1) == s);
            ASSERT(cron_count(c, z, s, next) == 2);
        }
        s = next;
    }
}

static void check_words(const char *text, const char *zone, const char *job)
{
    struct schedule s;
    struct error err;
    struct buf out;
    const char *warnings[EXPLAIN_WARNINGS_MAX];
    if (schedule_parse_cron(text, zone, job, &s, &err) != 0)
        return; /* it has no target */
    buf_init(&out, 64 << 10);
    explain_schedule(&s, zone, (struct wall){0}, &out);
    ASSERT(out.len > 0 && !buf_full(&out) &&
           explain_warnings(&s, warnings) <= EXPLAIN_WARNINGS_MAX);
    buf_close(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[512], *parts[3] = {text, "", ""}, *rest = text;
    struct cron c;
    struct zone z = ZONE_UTC;
    struct error err;
    if (size >= sizeof(text))
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    for (size_t i = 0; i < 3 && rest != NULL; i++)
        parts[i] = strsep(&rest, "\n");

    if (cron_parse(parts[0], parts[2], &c, &err) != 0) {
        ASSERT(err.code == ERR_INVALID && err.text[0] != '\0');
        return 0;
    }
    if (*parts[1] != '\0' && zone_find(parts[1], &z, &err) != 0)
        return 0;
    for (size_t i = 0; i < sizeof(instants) / sizeof(instants[0]); i++)
        check_from(&c, z, instants[i]);
    check_words(parts[0], parts[1], parts[2]);
    return 0;
}
