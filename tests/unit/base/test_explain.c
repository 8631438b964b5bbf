#include "unit.h"

#include "base/explain.h"
#include "base/str.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NOW ((struct wall){INT64_C(1774699200000)}) /* 2026-03-28T12:00:00Z */

static void assert_words(const struct schedule *s, const char *zone, const char *expected)
{
    struct buf words;
    buf_init(&words, 4096);
    explain_schedule(s, zone, NOW, &words);
    assert_string_equal(buf_str(&words), expected);
    buf_close(&words);
}

#define NAMED                                                                               \
    "; when the clock skips that time, as much later as it skips; when it shows it twice, " \
    "the first time"
#define FOLLOWS "; what the clock skips does not run, what it shows twice runs twice"

static void says_when_a_cron_expression_runs(void **unused)
{
    (void)unused;
    static const struct {
        const char *text, *zone, *words;
    } cases[] = {
        {"30 2 * * *", "Europe/Berlin", "every day at 02:30 Europe/Berlin" NAMED},
        {"30 2 * * *", "", "every day at 02:30 UTC"},
        {"30 2 * * *", "Asia/Tokyo", "every day at 02:30 Asia/Tokyo"},
        {"30 2,14 * * *", NULL, "every day at 02:30 and 14:30 UTC"},
        {"15 30 2 * * *", NULL, "every day at 02:30:15 UTC"},
        {"0 */6 * * *", "Europe/Berlin",
         "every day at 00:00, 06:00, 12:00 and 18:00 Europe/Berlin" FOLLOWS},
        {"0 9 * * MON-FRI", NULL, "on Monday to Friday at 09:00 UTC"},
        {"0 9 * * 6,7", NULL, "on Sunday and Saturday at 09:00 UTC"},
        {"0 0 1 * *", NULL, "on day 1 of the month at 00:00 UTC"},
        {"0 0 1,15 * *", NULL, "on days 1 and 15 of the month at 00:00 UTC"},
        {"0 0 L * *", NULL, "on the last day of the month at 00:00 UTC"},
        {"0 0 1,15W,LW * *", NULL,
         "on day 1, the working day nearest to day 15 and the last working day of the month at "
         "00:00 UTC"},
        {"0 0 13 * FRI", NULL, "on day 13 of the month or on Friday at 00:00 UTC"},
        {"0 0 13 * */5", NULL, "on day 13 of the month, if that is Sunday and Friday at 00:00 UTC"},
        {"0 0 * * FRI#2,1L", NULL,
         "on the last Monday of the month and the second Friday of the month at 00:00 UTC"},
        {"0 0 1 1,7 *", NULL, "on day 1 of the month, in January and July at 00:00 UTC"},
        {"0 0 * jun-aug *", NULL, "in June to August at 00:00 UTC"},
        {"* * * * *", NULL, "every minute"},
        {"*/5 * * * *", "Europe/Berlin", "every 5 minutes Europe/Berlin" FOLLOWS},
        {"3/5 * * * *", NULL, "every 5 minutes from minute 3 on"},
        {"*/7 * * * *", NULL, "at minutes 0, 7, 14, 21, 28, 35, 42, 49 and 56 of every hour"},
        {"0 * * * *", NULL, "at minute 0 of every hour"},
        {"*/5 8-17 * * MON-FRI", NULL,
         "every 5 minutes of the hours 8 to 17 UTC, on Monday to Friday"},
        {"15 */2 * * *", NULL,
         "at minute 15 of the hours 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20 and 22 UTC"},
        {"* 2 * * *", NULL, "every minute of hour 2 UTC"},
        {"* * * * * *", NULL, "every second"},
        {"*/10 * * * * *", NULL, "every 10 seconds"},
        {"30 * * * * *", NULL, "at second 30 of every minute"},
        {"0,20 7 * * * *", NULL, "at seconds 0 and 20, at minute 7 of every hour"},
        {"@every 90s", "Europe/Berlin",
         "every 1 minute and 30 seconds, counted from 1970-01-01 00:00 UTC"},
        {"@every 1h", NULL, "every hour, counted from 1970-01-01 00:00 UTC"},
        {"~ 2 * * *", NULL,
         "every day at 02:14 UTC; what \"~\" leaves open the job's name has chosen"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct schedule s;
        struct error err;
        assert_int_equal(schedule_parse_cron(cases[i].text, cases[i].zone, "job", &s, &err), 0);
        assert_words(&s, cases[i].zone, cases[i].words);
    }
}

static void says_when_an_interval_runs(void **unused)
{
    (void)unused;
    static const struct {
        const char *text, *zone, *words;
    } cases[] = {
        {"R/2026-03-01T02:30:00/P1D", "Europe/Berlin",
         "every day from 2026-03-01 02:30 Europe/Berlin on" NAMED},
        {"R/2026-03-01T02:30:00/PT24H", "Europe/Berlin",
         "every 24 hours from 2026-03-01 02:30 Europe/Berlin on; of elapsed time, whatever the "
         "clock shows"},
        {"R5/2026-03-01T02:30:15Z/PT1H30M", NULL,
         "5 times, every 1 hour and 30 minutes from 2026-03-01 02:30:15 UTC on"},
        {"R/2026-03-01T02:30:00-03:30/P1M", "", "every month from 2026-03-01 02:30 -03:30 on"},
        {"R1/2026-03-01T02:30:00Z/P1D", "", "once: 2026-03-01 02:30 UTC"},
        {"R//P2W", "", "every 2 weeks from now on"},
        {"R0//P2W", "", "never"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct schedule s;
        struct error err;
        assert_int_equal(schedule_parse(cases[i].text, cases[i].zone, &s, &err), 0);
        assert_words(&s, cases[i].zone, cases[i].words);
    }
}

static void warns_of_what_may_not_be_meant(void **unused)
{
    (void)unused;
    static const struct {
        const char *text, *warnings;
    } cases[] = {
        {"0 2 * * *", ""},
        {"0 2 13 * FRI", "day and weekday are both given: it runs when either matches"},
        {"0 2 31 * *", "not every month has these days: \"L\" is the last one of each"},
        {"0 2 29 2 *", "not every month has these days: \"L\" is the last one of each"},
        {"0 2 31 1,12 *", ""},
        {"0 2 30,31 4 *", ""},
        {"0 2 31,LW * *", ""},
        {"0 2 L * *", ""},
        {"0 2 15W * *", ""},
        {"0 2 1,31 * *", ""},
        {"*/7 * * * *", "the step of the minutes does not divide 60: the last one is shorter"},
        {"*/40 * * * * *", ""},
        {"*/25 * * * * *", "the step of the seconds does not divide 60: the last one is shorter"},
        {"*/15 * * * *", ""},
        {"@every 7m", ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct schedule s;
        struct error err;
        const char *warnings[EXPLAIN_WARNINGS_MAX];
        assert_int_equal(schedule_parse_cron(cases[i].text, NULL, "job", &s, &err), 0);
        size_t n = explain_warnings(&s, warnings);
        assert_int_equal(n, cases[i].warnings[0] == '\0' ? 0 : 1);
        if (n > 0)
            assert_string_equal(warnings[0], cases[i].warnings);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_when_a_cron_expression_runs),
        cmocka_unit_test(says_when_an_interval_runs),
        cmocka_unit_test(warns_of_what_may_not_be_meant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
