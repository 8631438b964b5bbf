/* What of schedules is refused in words, and what is taken, on both of Chronos's faces and by our
 * own API: each row of the grammar (spec/chronos.md 3.1, 3.11), and what would never run. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "world.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
    const char *listener, *line, *headers;
    int refused;
} doors[] = {
    {"chronos", "POST /scheduler/iso8601", "Content-Type: application/json\r\n", 400},
    {"chronos", "POST /v1/scheduler/iso8601", "Content-Type: application/json\r\n", 400},
    {"marathon", "PUT /api/jobs/j", "", 422},
};

static int begin(void **data)
{
    static struct world w;
    world_open(&w);
    world_apply(&w, COMMAND_SCHEMA_UPGRADE, "{\"level\":29}", NULL);
    world_apply(&w, COMMAND_CALENDAR_PUT,
                "{\"name\":\"all\",\"description\":\"\",\"days\":[\"MON-SUN\"]}", NULL);
    world_apply(&w, COMMAND_CALENDAR_PUT,
                "{\"name\":\"past\",\"description\":\"\",\"days\":[\"2020-01-01/2024-04-30\"]}",
                NULL);
    *data = &w;
    return 0;
}

static int end(void **data)
{
    world_close(*data);
    return 0;
}

/* Of a good one nothing is left for the next row. */
static void asked(struct world *w, size_t door, const char *when, const char *says)
{
    char body[512];
    struct reply r;
    snprintf(body, sizeof body, "{\"name\":\"j\",\"command\":\"c\",%s}", when);
    world_play(w, doors[door].listener, doors[door].line, doors[door].headers, body, &r);
    bool refused = r.status == doors[door].refused, taken = r.status == 204 || r.status == 200;
    if (says == NULL ? !taken : !refused || strstr(buf_str(&r.body), says) == NULL)
        fail_msg("%s: %s: %d %s, wanted %s", doors[door].line, when, r.status, buf_str(&r.body),
                 says != NULL ? says : "it to be taken");
    reply_close(&r);
    if (says == NULL)
        world_apply(w, COMMAND_JOB_DELETE, "{\"name\":\"j\"}", NULL);
}

static void each_is_refused_in_words(void **data)
{
    static const struct {
        const char *when, *says;
    } rows[] = {
        /* the whole */
        {"\"schedule\":\"FOO\"", "need R[n]/start/period"},
        {"\"schedule\":\"*/5 * * * *\"", "a cron expression: need that as \\\"cron\\\""},
        {"\"schedule\":\"@daily\"", "a cron expression: need that as \\\"cron\\\""},
        {"\"cron\":\"R//PT1H\"", "got \\\"R//PT1H\\\": need that as \\\"schedule\\\""},
        {"\"schedule\":\"\"", "need R[n]/start/period"},
        {"\"schedule\":\"r1//PT1H\"", "need R[n]/start/period"},
        {"\"schedule\":\"R-1//PT1H\"", "need R[n]/start/period"},
        {"\"schedule\":\" R1//PT1H\"", "need R[n]/start/period"},
        {"\"schedule\":\"R/2030-01-01T00:00:00Z\"", "need R[n]/start/period"},
        {"\"schedule\":\"2030-01-01/2030-01-02\"", "need R[n]/start/period"},
        {"\"schedule\":\"P1D/2030-01-02\"", "need R[n]/start/period"},
        {"\"schedule\":\"R1//pt1h\"", "need R[n]/start/period"},
        {"\"schedule\":\"R9223372036854775808//PT1H\"", "9223372036854775808"},
        /* the start */
        {"\"schedule\":\"R/0001-01-01T00:00:00Z/P1D\"", "year: got 1, need 1970 to 9999"},
        {"\"schedule\":\"R/1969-12-31T23:59:59Z/P1D\"", "year: got 1969"},
        {"\"schedule\":\"R/1970-01-01T00:00:00Z/P1D\"", "need 1970-01-01T00:00:01Z or later"},
        {"\"schedule\":\"R/10000-01-01T00:00:00Z/P1D\"", "year: got"},
        {"\"schedule\":\"R1/2026-13-01T00:00:00Z/P1D\"", "month: got 13, need 1 to 12"},
        {"\"schedule\":\"R1/2026-02-29T00:00:00Z/P1D\"", "day: got 29, need 1 to 28"},
        {"\"schedule\":\"R1/2026-001x/P1D\"", "cannot read from"},
        {"\"schedule\":\"R1/2026-366/P1D\"", "day of the year: got 366, need 1 to 365"},
        {"\"schedule\":\"R1/2026-W54/P1D\"", "week: got 54"},
        {"\"schedule\":\"R/20140925T172200Z/P1D\"", "year: got"},
        {"\"schedule\":\"R/T10:00/P1D\"", "year: got"},
        {"\"schedule\":\"R/2026-01-01T24:00:00Z/P1D\"", "hour: got 24, need 0 to 23"},
        {"\"schedule\":\"R/2026-01-01T10:60:00Z/P1D\"", "minute: got 60"},
        {"\"schedule\":\"R/2026-01-01T10:00:60Z/P1D\"", "second: got 60"},
        {"\"schedule\":\"R/2026-01-01T00:00:00.1234567890Z/P1D\"", "fraction: got"},
        {"\"schedule\":\"R/2026-01-01T00:00:00+2:00/P1D\"", "hour of the offset"},
        {"\"schedule\":\"R/2026-01-01T00:00:00+24:00/P1D\"", "hour of the offset"},
        {"\"schedule\":\"R//P1D\",\"scheduleTimeZone\":\"Europe/Berln\"", "did you mean"},
        /* the period */
        {"\"schedule\":\"R1//PT\"", "need something behind the T"},
        {"\"schedule\":\"R//PT-5S\"", "got \\\"-5S\\\""},
        {"\"schedule\":\"R//PT1.5H\"", "only seconds may have a fraction"},
        {"\"schedule\":\"R//P1D1Y\"", "in this order"},
        {"\"schedule\":\"R/2026-01-01T00:00:00Z/PT2147483648S\"", "up to 2147483647"},
        {"\"schedule\":\"R/2026-01-01T00:00:00Z/PT00000000001S\"", "at most 10 digits"},
        /* too often */
        {"\"schedule\":\"R//PT0S\"", "need at least one second, or R1 to run once"},
        {"\"schedule\":\"R2//P\"", "need at least one second, or R1 to run once"},
        {"\"schedule\":\"R/2026-01-01T00:00:00Z/PT0.001S\"", "need at least one second"},
        {"\"schedule\":\"R1/2026-01-01T00:00:00Z/PT0.5S\"", "need at least one second"},
        {"\"cron\":\"@every 1ms\"", "need a time as"},
        {"\"cron\":\"@every 0s\"", "need a time as"},
        /* never */
        {"\"cron\":\"0 0 31 2 *\"", "so it would never run"},
        {"\"cron\":\"0 0 30 FEB *\"", "so it would never run"},
        {"\"schedule\":\"R//P1D\",\"endsAt\":\"2024-05-01T09:00:00Z\"", "which is over"},
        {"\"schedule\":\"R//P1D\",\"endsAt\":\"0001-01-01T00:00:00Z\"", "endsAt: got"},
        {"\"schedule\":\"R//P1D\",\"startsAt\":\"2025-01-01T00:00:00Z\",\"endsAt\":\"2024-12-31T00:"
         "00:00Z\"",
         "need a time after startsAt"},
        {"\"cron\":\"0 0 24 12 "
         "*\",\"startsAt\":\"2025-01-01T00:00:00Z\",\"endsAt\":\"2025-12-24T00:"
         "00:00Z\"",
         "so it would never run"},
        {"\"schedule\":\"R/2024-05-01T00:00:00Z/PT1H\",\"excludeCalendars\":[\"all\"]",
         "so it would never run"},
        {"\"cron\":\"0 0 * * *\",\"onlyCalendars\":[\"past\"]", "so it would never run"},
        {"\"cron\":\"0 0 * * *\",\"onlyCalendars\":[\"all\"],\"excludeCalendars\":[\"all\"]",
         "so it would never run"},
        {"\"cron\":\"0 0 * * *\",\"excludeCalendars\":[\"nobody\"]", "does not exist"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (size_t door = 0; door < COUNT(doors); door++)
            asked(*data, door, rows[i].when, rows[i].says);
}

static void each_is_taken(void **data)
{
    static const char *const rows[] = {
        "\"schedule\":\"R1//P\"",
        "\"schedule\":\"R1//PT0S\"",
        "\"schedule\":\"R0//PT1H\"", /* which clients make, to run it by hand */
        "\"schedule\":\"R0/2014-01-01T00:00:00Z/PT60M\"",
        "\"schedule\":\"R9223372036854775807//PT1H\"",
        "\"schedule\":\"R\\/2030-01-01T00:00:00Z\\/P1D\"",
        "\"schedule\":\"R/2030/P1D\"",
        "\"schedule\":\"R/2030-1-1/P1D\"",
        "\"schedule\":\"R/2030-001/P1D\"",
        "\"schedule\":\"R/2030-W01-1/P1D\"",
        "\"schedule\":\"R/2030-01-01t10:00:00z/P1D\"",
        "\"schedule\":\"R/2030-01-01T10,5Z/PT1H\"",
        "\"schedule\":\"R/2030-01-01T10:00:00+0200/PT1H\"",
        "\"schedule\":\"R/2030-01-01T10:00:00+02:00:30/PT1H\"",
        "\"schedule\":\"R//P1y2m3w4dt5h6m7.5s\"",
        "\"schedule\":\"R//PT60S\"",
        "\"schedule\":\"R//P12M\"",
        "\"schedule\":\"R//PT1,5S\"",
        "\"schedule\":\"R//PT1S\"",
        "\"cron\":\"* * * * * *\"",
        "\"cron\":\"0 0 29 2 *\"",
        "\"schedule\":\"R//P1D\",\"startsAt\":\"\",\"endsAt\":\"\"",
        "\"cron\":\"0 0 * * *\",\"excludeCalendars\":[\"past\"],\"onlyCalendars\":[\"all\"]",
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (size_t door = 0; door < COUNT(doors); door++)
            asked(*data, door, rows[i], NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_is_refused_in_words, begin, end),
        cmocka_unit_test_setup_teardown(each_is_taken, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
