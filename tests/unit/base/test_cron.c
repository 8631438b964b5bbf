#include "unit.h"

#include "base/cron.h"
#include "base/rng.h"

#include <stdio.h>
#include <string.h>

#define TARGETS_LOOKED 30
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int64_t at(const char *text)
{
    struct wall t;
    struct error err;
    if (wall_parse(text, &t, &err) != 0)
        fail_msg("%s", err.text);
    return t.ms / 1000;
}

static struct zone zone(const char *name)
{
    struct zone z;
    struct error err;
    if (zone_find(name, &z, &err) != 0)
        fail_msg("%s", err.text);
    return z;
}

static struct cron parsed(const char *text, const char *job)
{
    struct cron c;
    struct error err;
    if (cron_parse(text, job, &c, &err) != 0)
        fail_msg("%s: %s", text, err.text);
    return c;
}

/* The targets from an instant on, "MM-DDThh:mm:ss" in UTC; as many as are expected. */
static void assert_targets(const char *text, const char *zone_name, const char *from,
                           const char *expected)
{
    struct cron c = parsed(text, "job");
    struct zone z = zone(zone_name);
    char got[512] = "", one[TIME_TEXT_SIZE];
    size_t len = 0;
    int64_t s = at(from);
    while (len < strlen(expected)) {
        s = cron_next(&c, z, s);
        wall_text((struct wall){s * 1000}, one);
        len += (size_t)sprintf(got + len, "%s%.14s", len > 0 ? " " : "", one + 5);
        s++;
    }
    if (strcmp(got, expected) != 0)
        fail_msg("%s: got %s", text, got);
}

/* ---- what matches */

static void finds_the_targets(void **unused)
{
    (void)unused;
    static const struct {
        const char *text, *from, *expected;
    } cases[] = {
        {"30 2 * * *", "2026-01-30T12:00:00Z", "01-31T02:30:00 02-01T02:30:00"},
        {"30 2 * * *", "2026-01-30T02:30:00Z", "01-30T02:30:00 01-31T02:30:00"},
        {"*/20 * * * *", "2026-01-30T23:30:00Z", "01-30T23:40:00 01-31T00:00:00 01-31T00:20:00"},
        {"5/20 * * * *", "2026-01-30T23:30:00Z", "01-30T23:45:00 01-31T00:05:00"},
        {"15 */10 * * * *", "2026-01-30T23:55:16Z", "01-31T00:00:15 01-31T00:10:15"},
        {"* * * * * *", "2026-12-31T23:59:58Z", "12-31T23:59:58 12-31T23:59:59 01-01T00:00:00"},
        {"0 8-10,20 * * *", "2026-01-30T09:30:00Z", "01-30T10:00:00 01-30T20:00:00 01-31T08:00:00"},
        {"  0\t0 1 jan,Jul ?  ", "2026-01-30T00:00:00Z", "07-01T00:00:00 01-01T00:00:00"},
        {"0 0 * * mon-WED", "2026-01-01T00:00:00Z",
         "01-05T00:00:00 01-06T00:00:00 01-07T00:00:00 01-12T00:00:00"},
        {"0 0 * * 7", "2026-01-01T00:00:00Z", "01-04T00:00:00 01-11T00:00:00"},
        {"0 0 * * 0", "2026-01-01T00:00:00Z", "01-04T00:00:00 01-11T00:00:00"},
        {"0 0 * * 0-0", "2026-01-01T00:00:00Z", "01-04T00:00:00 01-11T00:00:00"},
        {"0 0 * * SAT-SUN", "2026-01-01T00:00:00Z", "01-03T00:00:00 01-04T00:00:00 01-10T00:00:00"},
        {"0 0 29 2 *", "2026-01-01T00:00:00Z", "02-29T00:00:00 02-29T00:00:00"},
        {"0 0 L * *", "2026-01-31T01:00:00Z", "02-28T00:00:00 03-31T00:00:00"},
        {"0 0 LW * *", "2026-01-01T00:00:00Z", "01-30T00:00:00 02-27T00:00:00 03-31T00:00:00"},
        {"0 0 1W * *", "2026-08-01T00:00:00Z", "08-03T00:00:00 09-01T00:00:00"},
        {"0 0 15w * *", "2026-02-01T00:00:00Z", "02-16T00:00:00 03-16T00:00:00 04-15T00:00:00"},
        {"0 0 31W * *", "2026-04-01T00:00:00Z", "05-29T00:00:00 07-31T00:00:00"},
        {"0 0 * * FRI#2", "2026-01-01T00:00:00Z", "01-09T00:00:00 02-13T00:00:00"},
        {"0 0 * * 5#5", "2026-01-01T00:00:00Z", "01-30T00:00:00 05-29T00:00:00"},
        {"0 0 * * 1L", "2026-01-01T00:00:00Z", "01-26T00:00:00 02-23T00:00:00"},
        /* both restricted: either; one of them a star with a step: both */
        {"0 0 13 * FRI", "2026-01-01T00:00:00Z", "01-02T00:00:00 01-09T00:00:00 01-13T00:00:00"},
        {"0 0 */2 * MON", "2026-01-01T00:00:00Z", "01-05T00:00:00 01-19T00:00:00 02-09T00:00:00"},
        {"0 0 13 * */5", "2026-01-01T00:00:00Z", "02-13T00:00:00 03-13T00:00:00 09-13T00:00:00"},
        {"@yearly", "2026-01-02T00:00:00Z", "01-01T00:00:00"},
        {"@ANNUALLY", "2026-01-02T00:00:00Z", "01-01T00:00:00"},
        {"@monthly", "2026-01-02T00:00:00Z", "02-01T00:00:00"},
        {"@weekly", "2026-01-02T00:00:00Z", "01-04T00:00:00"},
        {"@daily", "2026-01-02T00:00:01Z", "01-03T00:00:00"},
        {"@midnight", "2026-01-02T00:00:01Z", "01-03T00:00:00"},
        {"@hourly", "2026-01-02T00:00:01Z", "01-02T01:00:00"},
        {"@every 90s", "2026-01-02T00:00:01Z", "01-02T00:01:30 01-02T00:03:00"},
        {"@every 1h30m", "2026-01-02T00:00:01Z", "01-02T01:30:00 01-02T03:00:00"},
        {"@every 1d", "2026-01-02T00:00:01Z", "01-03T00:00:00"},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_targets(cases[i].text, "UTC", cases[i].from, cases[i].expected);
}

/* ---- when the clock is changed */

static void follows_its_zone(void **unused)
{
    (void)unused;
    static const struct {
        const char *text, *zone, *from, *expected;
    } cases[] = {
        /* a gap: as zone_resolve shifts it, and as R/2026-03-07T02:30:00/P1D does */
        {"30 2 * * *", "America/Los_Angeles", "2026-03-07T00:00:00Z",
         "03-07T10:30:00 03-08T10:30:00 03-09T09:30:00"},
        {"30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z",
         "03-28T01:30:00 03-29T01:30:00 03-30T00:30:00"},
        /* an overlap: the first of the two */
        {"30 1 * * *", "America/Los_Angeles", "2026-10-31T00:00:00Z",
         "10-31T08:30:00 11-01T08:30:00 11-02T09:30:00"},
        {"30 1 * * *", "Europe/Dublin", "2026-10-24T00:00:00Z",
         "10-24T00:30:00 10-25T00:30:00 10-26T01:30:00"},
        {"15 2 * * *", "Australia/Lord_Howe", "2026-10-02T00:00:00Z",
         "10-02T15:45:00 10-03T15:45:00 10-04T15:15:00"},
        {"45 1 * * *", "Australia/Lord_Howe", "2026-04-03T00:00:00Z",
         "04-03T14:45:00 04-04T14:45:00 04-05T15:15:00"},
        /* a whole day that is skipped: the next one has its targets once */
        {"0 10 * * *", "Pacific/Apia", "2011-12-28T12:00:00Z",
         "12-28T20:00:00 12-29T20:00:00 12-30T20:00:00 12-31T20:00:00"},
        {"0 10 30 12 *", "Pacific/Apia", "2011-01-01T00:00:00Z", "12-30T20:00:00 12-29T20:00:00"},
        {"0 10 30 12 *", "Pacific/Apia", "2011-12-30T20:00:01Z", "12-29T20:00:00"},
        /* what the gap shifts meets what is there: one target, and they ascend */
        {"30 2,3 * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", "03-29T01:30:00 03-30T00:30:00"},
        {"0,30 2 * * *", "Europe/Berlin", "2026-03-29T00:00:00Z",
         "03-29T01:00:00 03-29T01:30:00 03-30T00:00:00"},
        {"15,45 2,3 * * *", "Europe/Berlin", "2026-03-29T00:00:00Z",
         "03-29T01:15:00 03-29T01:45:00 03-30T00:15:00"},
        /* a gap at midnight */
        {"30 0 * * *", "America/Havana", "2026-03-07T12:00:00Z", "03-08T05:30:00 03-09T04:30:00"},
        /* hours that begin with a star follow the clock */
        {"30 * * * *", "America/New_York", "2026-03-08T06:00:00Z", "03-08T06:30:00 03-08T07:30:00"},
        {"30 * * * *", "America/New_York", "2026-11-01T05:00:00Z",
         "11-01T05:30:00 11-01T06:30:00 11-01T07:30:00"},
        {"30 */2 * * *", "America/New_York", "2026-03-08T05:00:00Z",
         "03-08T05:30:00 03-08T08:30:00"},
        {"30 */1 * * *", "America/New_York", "2026-11-01T05:00:00Z",
         "11-01T05:30:00 11-01T06:30:00"},
        {"0 * * * *", "Australia/Lord_Howe", "2026-10-03T14:00:00Z",
         "10-03T14:30:00 10-03T16:00:00"},
        {"45 * * * *", "Australia/Lord_Howe", "2026-04-04T14:00:00Z",
         "04-04T14:45:00 04-04T15:15:00 04-04T16:15:00"},
        {"0 */12 * * *", "Pacific/Apia", "2011-12-29T21:00:00Z", "12-29T22:00:00 12-30T10:00:00"},
        {"30 23 * * *", "Europe/Berlin", "2026-01-01T00:00:00Z", "01-01T22:30:00"},
        {"@every 1d", "Europe/Berlin", "2026-03-28T01:00:00Z", "03-29T00:00:00 03-30T00:00:00"},
        /* the last hour before an overlap, and a match far away: it is shown again first */
        {"30 */23 24 10 *", "America/Scoresbysund", "2026-10-24T23:45:00Z", "10-25T00:30:00"},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_targets(cases[i].text, cases[i].zone, cases[i].from, cases[i].expected);
}

/* ---- what the name chooses */

/* Jobs are stored without what was chosen: a vector that no longer holds moves people's jobs. */
static void spreads_by_name_for_ever(void **unused)
{
    (void)unused;
    static const struct {
        const char *text, *job, *same;
    } cases[] = {
        {"~ ~ ~ ~ ~ ~", "backup", "3 47 23 7 2 1"},
        {"~ ~ ~ ~ ~ ~", "date", "35 21 4 25 8 3"},
        {"~ ~ ~ ~ ~ ~", "a", "1 0 14 13 7 3"},
        {"~ ~ ~ ~ ~ ~", "", "27 0 17 2 9 0"},
        {"~ ~ ~ ~ ~ ~", "Große Datei #2", "10 39 4 8 6 0"},
        {"~ 1~5 * * *", "backup", "47 5 * * *"},
        {"~10 20~ * * *", "backup", "5 23 * * *"},
        {"~/15 * * * *", "backup", "2-59/15 * * * *"},
        {"0 3 * * MON~FRI", "backup", "0 3 * * 4"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cron c = parsed(cases[i].text, cases[i].job), same = parsed(cases[i].same, "");
        assert_true(c.spread && !same.spread);
        if (c.seconds != same.seconds || c.minutes != same.minutes || c.hours != same.hours ||
            c.days != same.days || c.months != same.months || c.weekdays != same.weekdays)
            fail_msg("%s of %s: second %d minute %d hour %d day %d month %d weekday %d",
                     cases[i].text, cases[i].job, __builtin_ctzll(c.seconds),
                     __builtin_ctzll(c.minutes), __builtin_ctz(c.hours), __builtin_ctz(c.days),
                     __builtin_ctz(c.months), __builtin_ctz(c.weekdays));
    }
}

static void spreads_evenly_and_within_its_bounds(void **unused)
{
    (void)unused;
    int seen[60] = {0}, days[32] = {0};
    for (int i = 0; i < 6000; i++) {
        char job[16];
        sprintf(job, "job-%d", i);
        struct cron c = parsed("~ 10~12 ~ * ~", job), step = parsed("~/15 * * * *", job);
        seen[__builtin_ctzll(c.minutes)]++;
        days[__builtin_ctz(c.days)]++;
        assert_true(c.hours == 1U << 10 || c.hours == 1U << 11 || c.hours == 1U << 12);
        assert_int_equal(__builtin_popcount(c.weekdays), 1);
        assert_int_equal(__builtin_popcountll(step.minutes), 4);
        assert_true(__builtin_ctzll(step.minutes) < 15);
    }
    for (int i = 0; i < 60; i++)
        assert_in_range(seen[i], 50, 150);
    for (int i = 1; i <= 28; i++) /* so that each month has it */
        assert_in_range(days[i], 120, 320);
    assert_int_equal(days[29] + days[30] + days[31], 0);
}

/* ---- what is wrong */

static void names_what_is_wrong(void **unused)
{
    (void)unused;
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"", "got 0 fields in \"\", need 5 (minute hour day month weekday), or 6 with the second "
             "first, as in \"30 2 * * MON-FRI\""},
        {"0 0 1 1", "got 4 fields in \"0 0 1 1\", need 5 (minute hour day month weekday), or 6 "
                    "with the second first, as in \"30 2 * * MON-FRI\""},
        {"0 0 0 1 1 ? 2026",
         "got 7 fields in \"0 0 0 1 1 ? 2026\", need 5 (minute hour day month weekday), or 6 with "
         "the second first, as in \"30 2 * * MON-FRI\""},
        {"60 * * * *",
         "minute: got \"60\", need 0 to 59 as in \"*\", \"30\", \"0-29\", \"*/10\" or \"~\""},
        {"* 24 * * *",
         "hour: got \"24\", need 0 to 23 as in \"*\", \"2\", \"8-17\", \"*/6\" or \"~\""},
        {"* 1-x * * *",
         "hour: got \"1-x\", need 0 to 23 as in \"*\", \"2\", \"8-17\", \"*/6\" or \"~\""},
        {"* * 0 * *",
         "day: got \"0\", need 1 to 31 as in \"*\", \"15\", \"1-7\", \"L\", \"15W\" or \"~\""},
        {"* * L-3 * *",
         "day: got \"L-3\", need 1 to 31 as in \"*\", \"15\", \"1-7\", \"L\", \"15W\" or \"~\""},
        {"* * * MAI *",
         "month: got \"MAI\", need 1 to 12 as in \"*\", \"3\", \"MAR\", \"1-6\" or \"*/3\""},
        {"* * * * 8", "weekday: got \"8\", need 0 to 7 as in \"*\", \"1\", \"MON-FRI\", "
                      "\"FRI#2\" or \"FRIL\""},
        {"* * * * L", "weekday: got \"L\", need 0 to 7 as in \"*\", \"1\", \"MON-FRI\", "
                      "\"FRI#2\" or \"FRIL\""},
        {"* * * * MON#6", "weekday: got \"MON#6\", need 0 to 7 as in \"*\", \"1\", \"MON-FRI\", "
                          "\"FRI#2\" or \"FRIL\""},
        {"1,,2 * * * *",
         "minute: got \"\", need 0 to 59 as in \"*\", \"30\", \"0-29\", \"*/10\" or \"~\""},
        {"*/0 * * * *",
         "minute: got \"*/0\", need 0 to 59 as in \"*\", \"30\", \"0-29\", \"*/10\" or \"~\""},
        {"-5 * * * *",
         "minute: got \"-5\", need 0 to 59 as in \"*\", \"30\", \"0-29\", \"*/10\" or \"~\""},
        {"*/90 * * * *", "minute: got the step 90 in \"*/90\", need 1 to 59"},
        {"0 22-2 * * *", "hour: got \"22-2\", need the smaller first: 0-2,22-23"},
        {"@fortnightly", "got \"@fortnightly\", need @yearly, @annually, @monthly, @weekly, "
                         "@daily, @midnight, @hourly or @every 90s"},
        {"@every 90", "@every: got \"90\", need a time as \"90s\", \"1h30m\" or \"2d\", of one "
                      "second to 68 years"},
        {"@every 5s3h", "@every: got \"5s3h\", need a time as \"90s\", \"1h30m\" or \"2d\", of one "
                        "second to 68 years"},
        {"@every 0s", "@every: got \"0s\", need a time as \"90s\", \"1h30m\" or \"2d\", of one "
                      "second to 68 years"},
        {"CRON_TZ=Asia/Tokyo 0 0 * * *", "got \"CRON_TZ=Asia/Tokyo 0 0 * * *\", need the time zone "
                                         "in scheduleTimeZone"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cron c = {.every_s = 7};
        struct error err;
        assert_int_equal(cron_parse(cases[i].text, "job", &c, &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
        assert_string_equal(err.text, cases[i].error);
        assert_int_equal(c.every_s, 7);
    }
    char long_text[400];
    struct cron c;
    struct error err;
    memset(long_text, '1', sizeof long_text);
    long_text[sizeof long_text - 1] = '\0';
    assert_int_equal(cron_parse(long_text, "job", &c, &err), -1);
    assert_string_equal(err.text, "got 399 bytes, need at most 255");
}

/* What one name has chosen of it another one may inherit. */
static void refuses_what_never_runs_but_reads_it(void **unused)
{
    (void)unused;
    static const struct {
        const char *text, *job;
        bool runs;
    } cases[] = {
        {"0 0 30 FEB *", "job", false},  {"0 0 31W 4,6 ?", "job", false},
        {"0 0 29 FEB *", "job", true},   {"0 0 30 FEB MON", "job", true},
        {"0 0 30~31 4 *", "job", false}, {"0 0 30~31 4 *", "backup", true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cron c = parsed(cases[i].text, cases[i].job);
        struct zone z = zone("Europe/Berlin");
        struct error err;
        int rc = cron_check(&c, cases[i].text, &err);
        if ((rc == 0) != cases[i].runs)
            fail_msg("%s of %s", cases[i].text, cases[i].job);
        if (rc == 0)
            continue;
        assert_int_equal(err.code, ERR_INVALID);
        assert_true(cron_next(&c, z, 0) == CRON_NEVER);
        assert_int_equal(cron_last(&c, z, at("2026-01-01T00:00:00Z")), -1);
        assert_int_equal(cron_count(&c, z, 0, at("2026-01-01T00:00:00Z")), 0);
    }
}

/* ---- backwards, and counted */

static const char *random_of(struct rng *r, const char *const *texts, size_t n)
{
    return texts[rng_below(r, n)];
}

static void goes_back_as_it_goes_forth(void **unused)
{
    (void)unused;
    static const char *const texts[] = {
        "*/5 * * * *",    "30 2 * * *",  "15,45 1-3 * * *", "0 0 29 2 *",     "7 */6 L * *",
        "*/17 * * * * *", "0 3 * * SUN", "@every 90s",      "30 1 1-7 * MON", "0 0 LW 3,10 *",
    };
    static const char *const zones[] = {"UTC", "Europe/Dublin", "Australia/Lord_Howe",
                                        "Pacific/Apia", "America/New_York"};
    struct rng r;
    rng_seed(&r, 8);
    for (int i = 0; i < 100; i++) {
        struct cron c = parsed(random_of(&r, texts, COUNT(texts)), "job");
        struct zone z = zone(random_of(&r, zones, COUNT(zones)));
        int64_t first = cron_next(
            &c, z, at("2011-12-25T00:00:00Z") + (int64_t)rng_below(&r, 20ULL * 365 * 86400));
        int64_t s = first;
        for (int n = 1; n < TARGETS_LOOKED; n++) {
            int64_t next = cron_next(&c, z, s + 1);
            assert_true(next > s);
            assert_int_equal(cron_last(&c, z, next - 1), s);
            assert_int_equal(cron_last(&c, z, next), next);
            assert_int_equal(cron_count(&c, z, s, next - 1), 1);
            assert_int_equal(cron_count(&c, z, s + 1, next), 1);
            s = next;
        }
        assert_int_equal(cron_count(&c, z, first, s), TARGETS_LOOKED);
    }
}

static void ends_with_the_calendar(void **unused)
{
    (void)unused;
    static const char *const texts[] = {"* * * * * *", "0 0 29 2 *", "@every 3s", "0 2 * * *"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct cron c = parsed(texts[i], "job");
        struct zone z = zone("Pacific/Kiritimati");
        assert_true(cron_next(&c, z, INT64_MAX) == CRON_NEVER);
        assert_true(cron_next(&c, z, INT64_MIN) < at("1972-03-01T00:00:00Z"));
        assert_true(cron_next(&c, z, at("9999-12-30T12:00:00Z")) == CRON_NEVER);
        assert_true(cron_next(&c, z, at("9995-12-30T12:00:00Z")) < at("9999-12-30T00:00:00Z"));
        assert_int_equal(cron_last(&c, z, -1), -1);
        assert_int_equal(cron_last(&c, z, INT64_MIN), -1);
        assert_int_equal(cron_count(&c, z, 5, 4), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_targets),
        cmocka_unit_test(follows_its_zone),
        cmocka_unit_test(spreads_by_name_for_ever),
        cmocka_unit_test(spreads_evenly_and_within_its_bounds),
        cmocka_unit_test(names_what_is_wrong),
        cmocka_unit_test(refuses_what_never_runs_but_reads_it),
        cmocka_unit_test(goes_back_as_it_goes_forth),
        cmocka_unit_test(ends_with_the_calendar),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
