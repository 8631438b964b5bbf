#include "unit.h"

#include "base/iso8601.h"
#include "base/rng.h"

#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct wall at(const char *text)
{
    struct wall t;
    struct error err;
    assert_int_equal(wall_parse(text, &t, &err), 0);
    return t;
}

static struct schedule parsed(const char *text, const char *zone)
{
    struct schedule s;
    struct error err;
    if (schedule_parse(text, zone, &s, &err) != 0)
        fail_msg("%s: %s", text, err.text);
    return s;
}

static void assert_target(const struct schedule *s, int64_t k, const char *expected)
{
    char text[TIME_TEXT_SIZE];
    assert_string_equal(wall_text(schedule_target(s, k), text), expected);
}

/* ---- parsing: 3.1, 3.2, 3.11 */

static void reads_the_start_in_every_form(void **unused)
{
    (void)unused;
    static const struct {
        const char *start, *zone, *instant;
    } cases[] = {
        {"2008-03-01T13:00:00Z", NULL, "2008-03-01T13:00:00.000Z"},
        {"2008-03-01", "PST", "2008-03-01T08:00:00.000Z"},
        {"2008-03-01T13:00:00Z", "BST", "2008-03-01T07:00:00.000Z"},
        {"2008-03-01T13:00:00Z", "Europe/Paris", "2008-03-01T12:00:00.000Z"},
        {"2008-03-01T13:00:00-04:00", "PST", "2008-03-01T21:00:00.000Z"},
        {"2008-03-01T13:00:00-04:00", "", "2008-03-01T17:00:00.000Z"},
        {"2026-01-01T10.5Z", NULL, "2026-01-01T10:30:00.000Z"},
        {"2014-9-5T7:00:00+0200", NULL, "2014-09-05T05:00:00.000Z"},
        /* dates */
        {"2026", NULL, "2026-01-01T00:00:00.000Z"},
        {"2026-03", NULL, "2026-03-01T00:00:00.000Z"},
        {"2026-3-1", NULL, "2026-03-01T00:00:00.000Z"},
        {"2024-02-29", NULL, "2024-02-29T00:00:00.000Z"},
        {"2026-060", NULL, "2026-03-01T00:00:00.000Z"},
        {"2024-366T1", NULL, "2024-12-31T01:00:00.000Z"},
        {"2026-W01", NULL, "2025-12-29T00:00:00.000Z"},
        {"2026-W53-7", NULL, "2027-01-03T00:00:00.000Z"},
        {"2026-w1-1", NULL, "2025-12-29T00:00:00.000Z"},
        {"2020-W53-5", NULL, "2021-01-01T00:00:00.000Z"},
        {"1970-01-01T00:00:01Z", NULL, "1970-01-01T00:00:01.000Z"},
        {"1970-01-01T00:00:00-00:01", NULL, "1970-01-01T00:01:00.000Z"},
        {"9999-12-31T23:59:59Z", NULL, "9999-12-31T23:59:59.000Z"},
        /* times */
        {"2026-01-01T", NULL, "2026-01-01T00:00:00.000Z"},
        {"2026-01-01tz", NULL, "2026-01-01T00:00:00.000Z"},
        {"2026-01-01T-05:00", NULL, "2026-01-01T05:00:00.000Z"},
        {"2026-01-01T1:2:3,045Z", NULL, "2026-01-01T01:02:03.045Z"},
        {"2026-01-01T10:30.25", NULL, "2026-01-01T10:30:15.000Z"},
        {"2026-01-01T10.123456789", NULL, "2026-01-01T10:07:24.444Z"},
        {"2026-01-01T00:00:00.999999999Z", NULL, "2026-01-01T00:00:00.999Z"},
        /* offsets */
        {"2026-01-01T00:00:00+02", NULL, "2025-12-31T22:00:00.000Z"},
        {"2026-01-01T00:00:00-02:30", NULL, "2026-01-01T02:30:00.000Z"},
        {"2026-01-01T00:00:00-02:30:15", NULL, "2026-01-01T02:30:15.000Z"},
        {"2026-01-01T00:00:00-0230", NULL, "2026-01-01T02:30:00.000Z"},
        {"2026-01-01T00:00:00-023015", NULL, "2026-01-01T02:30:15.000Z"},
        {"2026-01-01T00:00:00-23:59:59", NULL, "2026-01-01T23:59:59.000Z"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[96];
        snprintf(text, sizeof(text), "R/%s/P1D", cases[i].start);
        struct schedule s = parsed(text, cases[i].zone);
        assert_target(&s, 0, cases[i].instant);
    }
}

static void reads_count_and_period(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        int64_t count;
        const char *period; /* canonical */
        int64_t fixed_ms;
    } cases[] = {
        {"R5/2008-03-01T13:00:00Z/P1D", 5, "P1D", 86400000},
        {"R/2008-03-01/P1D", COUNT_FOREVER, "P1D", 86400000},
        {"R1//P", 1, "PT0S", 0},
        {"R0//PT0S", 0, "PT0S", 0},
        {"R007//PT1H", 7, "PT1H", 3600000},
        {"R9223372036854775807//PT1H", INT64_MAX, "PT1H", 3600000},
        {"R//P1Y2M3W4DT5H6M7S", COUNT_FOREVER, "P1Y2M3W4DT5H6M7S", 38898367000},
        {"R//P1y2m3w4dt5h6m7s", COUNT_FOREVER, "P1Y2M3W4DT5H6M7S", 38898367000},
        {"R//PT60S", COUNT_FOREVER, "PT60S", 60000},
        {"R//P12M", COUNT_FOREVER, "P12M", 31104000000},
        {"R//PT1.5S", COUNT_FOREVER, "PT1.500S", 1500},
        {"R//PT1,0019S", COUNT_FOREVER, "PT1.001S", 1001},
        {"R//PT123456789.5S", COUNT_FOREVER, "PT123456789.500S", 123456789500},
        {"R//PT123456789.500S", COUNT_FOREVER, "PT123456789.500S", 123456789500},
        {"R//P1DT0.5S", COUNT_FOREVER, "P1DT0.500S", 86400500},
        {"R//P0Y1DT0H", COUNT_FOREVER, "P1D", 86400000},
        {"R//PT2147483647S", COUNT_FOREVER, "PT2147483647S", 2147483647000},
        {"R//PT0000000001S", COUNT_FOREVER, "PT1S", 1000},
        {"R//PT1.000000001S", COUNT_FOREVER, "PT1S", 1000},
        {"R//P2147483647Y2147483647M2147483647W2147483647DT2147483647H2147483647M2147483647S",
         COUNT_FOREVER,
         "P2147483647Y2147483647M2147483647W2147483647DT2147483647H2147483647M2147483647S",
         INT64_MAX},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char period[PERIOD_TEXT_SIZE];
        struct schedule s = parsed(cases[i].text, NULL);
        assert_int_equal(s.count, cases[i].count);
        assert_string_equal(period_text(&s.period, period), cases[i].period);
        assert_int_equal(period_fixed_ms(&s.period), cases[i].fixed_ms);
    }
}

static void refuses_and_says_what_to_do(void **unused)
{
    (void)unused;
#define FORM ", need R[n]/start/period, as in R5/2026-03-01T00:00:00Z/P1D"
#define NUMBER ", need a number of at most 10 digits, up to 2147483647"
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"", "got \"\"" FORM},
        {"FOO", "got \"FOO\"" FORM},
        {"R", "got \"R\"" FORM},
        {"R/", "got \"R/\"" FORM},
        {"R/P1D", "got \"R/P1D\"" FORM},
        {"r1//PT1H", "got \"r1//PT1H\"" FORM},
        {"R-1//PT1H", "got \"R-1//PT1H\"" FORM},
        {" R1//PT1H", "got \" R1//PT1H\"" FORM},
        {"R1//pt1h", "got \"R1//pt1h\"" FORM},
        {"R/2008-03-01T13:00:00Z", "got \"R/2008-03-01T13:00:00Z\"" FORM},
        {"2008-03-01T13:00:00Z/P1D", "got \"2008-03-01T13:00:00Z/P1D\"" FORM},
        {"R/2026-01-01/2026-01-02", "got \"R/2026-01-01/2026-01-02\"" FORM},
        {"R9223372036854775808//PT1H",
         "repeat: got R9223372036854775808, need at most R9223372036854775807"},
        /* start */
        {"R1/2026-13-01T00:00:00Z/P1D",
         "start \"2026-13-01T00:00:00Z\": month: got 13, need 1 to 12"},
        {"R/2026-0-01/P1D", "start \"2026-0-01\": month: got 0, need 1 to 12"},
        {"R/2025-02-29/P1D", "start \"2025-02-29\": day: got 29, need 1 to 28"},
        {"R/2025-366/P1D", "start \"2025-366\": day of the year: got 366, need 1 to 365"},
        {"R/2025-W53/P1D", "start \"2025-W53\": week: got 53, need 1 to 52"},
        {"R/2025-W01-8/P1D", "start \"2025-W01-8\": day of the week: got 8, need 1 to 7"},
        {"R/2026-1234/P1D", "start \"2026-1234\": month: got \"1234\", need 1 to 2 digits"},
        {"R/20140925/P1D", "start \"20140925\": year: got \"20140925\", need 4 digits"},
        {"R/20140925T172200Z/P1D",
         "start \"20140925T172200Z\": year: got \"20140925T172200Z\", need 4 digits"},
        {"R/1969-12-31/P1D", "start \"1969-12-31\": year: got 1969, need 1970 to 9999"},
        {"R/T10:00/P1D", "start \"T10:00\": year: got \"T10:00\", need 4 digits"},
        {"R/1970-01-01T00:00:00Z/P1D", "start \"1970-01-01T00:00:00Z\": need "
                                       "1970-01-01T00:00:01Z or later, and a year up to 9999"},
        {"R/9999-W52-7/P1D", "start \"9999-W52-7\": need "
                             "1970-01-01T00:00:01Z or later, and a year up to 9999"},
        {"R/2026-01-01T24:00/P1D", "start \"2026-01-01T24:00\": hour: got 24, need 0 to 23"},
        {"R/2026-01-01T10:60/P1D", "start \"2026-01-01T10:60\": minute: got 60, need 0 to 59"},
        {"R/2026-01-01T10:00:60/P1D",
         "start \"2026-01-01T10:00:60\": second: got 60, need 0 to 59"},
        {"R/2026-01-01T10:/P1D", "start \"2026-01-01T10:\": minute: got \"\", need 1 to 2 digits"},
        {"R/2026-01-01T1000/P1D",
         "start \"2026-01-01T1000\": hour: got \"1000\", need 1 to 2 digits"},
        {"R/2026-01-01T10.0:30/P1D", "start \"2026-01-01T10.0:30\": cannot read from \":30\" on, "
                                     "need YYYY-MM-DDThh:mm:ss.mmmZ"},
        {"R/2026-01-01T00:00:00.1234567890Z/P1D",
         "start \"2026-01-01T00:00:00.1234567890Z\": "
         "fraction: got \".1234567890Z\", need 1 to 9 digits"},
        {"R/2026-01-01T00:00:00.Z/P1D",
         "start \"2026-01-01T00:00:00.Z\": fraction: got \".Z\", need 1 to 9 digits"},
        {"R/2026-01-01Z/P1D", "start \"2026-01-01Z\": cannot read from \"Z\" on, "
                              "need YYYY-MM-DDThh:mm:ss.mmmZ"},
        {"R/2026-01-01T00:00:00Zulu/P1D", "start \"2026-01-01T00:00:00Zulu\": cannot read from "
                                          "\"ulu\" on, need YYYY-MM-DDThh:mm:ss.mmmZ"},
        {"R/2026-01-01/PT1H/P1D", "start \"2026-01-01/PT1H\": cannot read from \"/PT1H\" on, "
                                  "need YYYY-MM-DDThh:mm:ss.mmmZ"},
        {"R/2026-01-01T00:00:00+2:00/P1D", "start \"2026-01-01T00:00:00+2:00\": hour of the "
                                           "offset: got \"2:00\", need 2 digits"},
        {"R/2026-01-01T00:00:00+24/P1D",
         "start \"2026-01-01T00:00:00+24\": hour of the offset: got 24, need 0 to 23"},
        {"R/2026-01-01T00:00:00+02:60/P1D",
         "start \"2026-01-01T00:00:00+02:60\": minute of the offset: got 60, need 0 to 59"},
        {"R/2026-01-01T00:00:00+02:00:/P1D",
         "start \"2026-01-01T00:00:00+02:00:\": second of the offset: got \"\", need 2 digits"},
        {"R/2026-01-01T00:00:00+02000/P1D",
         "start \"2026-01-01T00:00:00+02000\": hour of the offset: got \"02000\", need 2 digits"},
        /* period */
        {"R1//PT", "period \"PT\": need something behind the T, as in PT12H"},
        {"R1//P1DT", "period \"P1DT\": need something behind the T, as in PT12H"},
        {"R1//P1", "period \"P1\": got \"1\", need one of Y M W D in this order behind the number"},
        {"R1//P1H",
         "period \"P1H\": got \"1H\", need one of Y M W D in this order behind the number"},
        {"R1//P1D1D",
         "period \"P1D1D\": got \"1D\", need one of Y M W D in this order behind the number"},
        {"R1//P1D1M",
         "period \"P1D1M\": got \"1M\", need one of Y M W D in this order behind the number"},
        {"R1//PT1S1M",
         "period \"PT1S1M\": got \"1M\", need one of H M S in this order behind the number"},
        {"R1//PT1HT1M", "period \"PT1HT1M\": got \"T1M\"" NUMBER},
        {"R1//PT-5S", "period \"PT-5S\": got \"-5S\"" NUMBER},
        {"R1//P-1D", "period \"P-1D\": got \"-1D\"" NUMBER},
        {"R1//P1D ", "period \"P1D \": got \" \"" NUMBER},
        {"R1//PT.5S", "period \"PT.5S\": got \".5S\"" NUMBER},
        {"R1//PT1.S", "period \"PT1.S\": got \"1.S\"" NUMBER},
        {"R1//PT00000000001S", "period \"PT00000000001S\": got \"00000000001S\"" NUMBER},
        {"R1//PT1.0000000000S", "period \"PT1.0000000000S\": got \"1.0000000000S\"" NUMBER},
        {"R/2026-01-01T00:00:00Z/PT2147483648S",
         "period \"PT2147483648S\": got \"2147483648S\"" NUMBER},
        {"R1//PT0.5H", "period \"PT0.5H\": got \"0.5H\", only seconds may have a fraction"},
        {"R1//P0.5D", "period \"P0.5D\": got \"0.5D\", only seconds may have a fraction"},
        {"R//PT0S", "period PT0S: need at least one second, or R1 to run once"},
        {"R2//P", "period PT0S: need at least one second, or R1 to run once"},
        {"R/2026-01-01T00:00:00Z/PT0.5S", "period PT0.500S: need at least one second"},
        {"R1//PT0.999S", "period PT0.999S: need at least one second"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct schedule s = {.count = 77};
        struct error err = {0};
        if (schedule_parse(cases[i].text, NULL, &s, &err) == 0)
            fail_msg("%s was accepted", cases[i].text);
        assert_string_equal(err.text, cases[i].error);
        assert_int_equal(err.code, ERR_INVALID);
        assert_int_equal(s.count, 77); /* untouched */
    }
}

static void names_an_unknown_zone(void **unused)
{
    (void)unused;
    struct schedule s;
    struct error err;
    assert_int_equal(schedule_parse("R//P1D", "Europe/Pari", &s, &err), -1);
    assert_string_equal(err.text, "time zone: got \"Europe/Pari\", no such time zone; did you mean "
                                  "\"Europe/Paris\"?");
    s = parsed("R/2026-01-01T00:00:00+05:00/P1D", "null");
    assert_target(&s, 0, "2026-01-01T00:00:00.000Z");
}

/* ---- targets: 3.4 */

static void reckons_targets_from_the_anchor(void **unused)
{
    (void)unused;
    static const struct {
        const char *text, *zone;
        const char *targets[6];
    } cases[] = {
        {"R/2026-01-31T00:00:00Z/P1M",
         NULL,
         {"2026-01-31T00:00:00.000Z", "2026-02-28T00:00:00.000Z", "2026-03-31T00:00:00.000Z",
          "2026-04-30T00:00:00.000Z"}},
        {"R/2024-02-29T12:00:00Z/P1Y",
         NULL,
         {"2024-02-29T12:00:00.000Z", "2025-02-28T12:00:00.000Z", "2026-02-28T12:00:00.000Z",
          "2027-02-28T12:00:00.000Z", "2028-02-29T12:00:00.000Z"}},
        {"R/2026-03-07T02:30:00/P1D",
         "America/Los_Angeles",
         {"2026-03-07T10:30:00.000Z", "2026-03-08T10:30:00.000Z", "2026-03-09T09:30:00.000Z"}},
        {"R/2026-03-07T12:00:00/PT24H",
         "America/Los_Angeles",
         {"2026-03-07T20:00:00.000Z", "2026-03-08T20:00:00.000Z", "2026-03-09T20:00:00.000Z"}},
        {"R/2026-10-31T01:30:00/P1D",
         "America/Los_Angeles",
         {"2026-10-31T08:30:00.000Z", "2026-11-01T08:30:00.000Z", "2026-11-02T09:30:00.000Z"}},
        {"R/2026-10-03T02:15:00/P1D",
         "Australia/Lord_Howe",
         {"2026-10-02T15:45:00.000Z", "2026-10-03T15:45:00.000Z", "2026-10-04T15:15:00.000Z"}},
        {"R/2026-10-24T01:30:00/P1D",
         "Europe/Dublin",
         {"2026-10-24T00:30:00.000Z", "2026-10-25T00:30:00.000Z", "2026-10-26T01:30:00.000Z"}},
        {"R/2011-12-28T10:00:00/P1D",
         "Pacific/Apia",
         {"2011-12-28T20:00:00.000Z", "2011-12-29T20:00:00.000Z", "2011-12-30T20:00:00.000Z",
          "2011-12-30T20:00:00.000Z", "2011-12-31T20:00:00.000Z"}},
        {"R/2026-11-01T00:30:00/PT1H",
         "America/New_York",
         {"2026-11-01T04:30:00.000Z", "2026-11-01T05:30:00.000Z", "2026-11-01T06:30:00.000Z",
          "2026-11-01T07:30:00.000Z"}},
        {"R/2026-01-31T00:00:00Z/P1M1DT1H", /* months, then days, then hours */
         NULL,
         {"2026-01-31T00:00:00.000Z", "2026-03-01T01:00:00.000Z", "2026-04-02T02:00:00.000Z"}},
        {"R/9999-12-31T00:00:00Z/P1D",
         NULL,
         {"9999-12-31T00:00:00.000Z", "9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct schedule s = parsed(cases[i].text, cases[i].zone);
        for (int64_t k = 0; cases[i].targets[k] != NULL; k++)
            assert_target(&s, k, cases[i].targets[k]);
    }
}

static void starts_now_even_in_the_second_hour_of_an_overlap(void **unused)
{
    (void)unused;
    char text[SCHEDULE_TEXT_SIZE];
    struct wall now = at("2026-11-01T06:30:00Z"); /* the second 01:30 in New York */
    struct schedule s = parsed("R//P1D", "America/New_York");
    assert_true(s.start_empty);
    schedule_start_now(&s, now);
    assert_false(s.start_empty);
    assert_target(&s, 0, "2026-11-01T06:30:00.000Z");
    assert_target(&s, 1, "2026-11-02T06:30:00.000Z");
    assert_string_equal(schedule_text(&s, COUNT_FOREVER, 0, text),
                        "R/2026-11-01T01:30:00.000-05:00/P1D");

    s = parsed("R//PT1H", "America/New_York");
    schedule_start_now(&s, now);
    assert_target(&s, 1, "2026-11-01T07:30:00.000Z");

    s = parsed("R1/2026-01-01T00:00:00Z/P1D", NULL);
    schedule_start_now(&s, now);
    assert_target(&s, 0, "2026-01-01T00:00:00.000Z");

    s = parsed("R1//P", NULL);
    schedule_start_now(&s, now);
    assert_target(&s, 0, "2026-11-01T06:30:00.000Z");
    assert_string_equal(schedule_text(&s, 1, 0, text), "R1/2026-11-01T06:30:00.000Z/PT0S");
}

static void stays_within_the_year_9999(void **unused)
{
    (void)unused;
    static const struct {
        const char *text, *zone;
        int64_t k;
        bool ends;
    } cases[] = {
        {"R/2026-01-01T00:00:00Z/P1Y", NULL, 7973, false},
        {"R/2026-01-01T00:00:00Z/P1Y", NULL, 7974, true},
        {"R/2026-01-01T00:00:00Z/P1Y", NULL, INT64_MAX, true},
        {"R/2026-01-01T00:00:00Z/P1D", NULL, INT64_MAX, true},
        {"R/2026-01-01T00:00:00Z/PT1S", NULL, INT64_MAX, true},
        {"R/2026-01-01T00:00:00Z/PT1S", NULL, 251635075199, false},
        {"R/2026-01-01T00:00:00Z/PT1S", NULL, 251635075200, true},
        {"R/2026-01-01T00:00:00Z/P2147483647Y2147483647M2147483647W2147483647DT2147483647H", NULL,
         1, true},
        {"R/2026-01-01T00:00:00Z/P2147483647Y2147483647M2147483647W2147483647DT2147483647H", NULL,
         INT64_MAX, true},
        {"R/2026-01-01T00:00:00Z/P8000YT1S", NULL, 1, true},
        {"R1/2026-01-01T00:00:00Z/P", NULL, INT64_MAX, false},
        {"R/1970-01-01T00:00:01Z/P1D", NULL, 2932896, false},
        {"R/1970-01-01T00:00:01Z/P1D", NULL, 2932897, true},
        {"R/9999-12-31T23:59:59.999+14:00/PT1H", NULL, 0, true},
        {"R/9999-12-31T23:59:59.998Z/PT1S", NULL, 0, false},
        {"R/9999-12-31T23:59:59.999Z/PT1S", NULL, 0, true},
        {"R/9999-12-31T20:00:00-05:00/PT1S", NULL, 0, true}, /* past the end in UTC */
        {"R/9999-12-31T23:00:00+14:00/PT1H", NULL, 1, true}, /* past the year in its zone */
        {"R/9999-12-31T23:00:00/PT1H", "Pacific/Kiritimati", 1, true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct schedule s = parsed(cases[i].text, cases[i].zone);
        assert_int_equal(schedule_target(&s, cases[i].k).ms == SCHEDULE_END.ms, cases[i].ends);
        assert_true(schedule_last_due(&s, SCHEDULE_END) < cases[i].k || !cases[i].ends);
        assert_true(schedule_last_due(&s, SCHEDULE_END) >= cases[i].k || cases[i].ends ||
                    period_is_zero(&s.period));
    }
}

static void shows_what_is_left_from_the_next_target(void **unused)
{
    (void)unused;
    static const struct {
        const char *text, *zone;
        int64_t remaining, k;
        const char *shown;
    } cases[] = {
        {"R3/2026-03-01T00:00:00Z/P1D", NULL, 2, 1, "R2/2026-03-02T00:00:00.000Z/P1D"},
        {"R3/2026-03-01T00:00:00Z/P1D", NULL, 0, 3, "R0/2026-03-04T00:00:00.000Z/P1D"},
        {"R/2014-9-5T7:00:00+0200/PT1H", NULL, COUNT_FOREVER, 1,
         "R/2014-09-05T08:00:00.000+02:00/PT1H"},
        {"R2/9999-12-31T00:00:00Z/P1D", NULL, 1, 1, "R1/9999-12-31T23:59:59.999Z/P1D"},
        {"R/9999-12-31T00:00:00Z/P1D", "Asia/Tokyo", COUNT_FOREVER, 1,
         "R/9999-12-31T23:59:59.999Z/P1D"},
        {"R/2026-11-01T00:30:00/PT1H", "America/New_York", COUNT_FOREVER, 1,
         "R/2026-11-01T01:30:00.000-04:00/PT1H"},
        {"R/2026-11-01T00:30:00/PT1H", "America/New_York", COUNT_FOREVER, 2,
         "R/2026-11-01T01:30:00.000-05:00/PT1H"},
        {"R/1971-06-01T00:00:00/P1DT1.5S", "Africa/Monrovia", COUNT_FOREVER, 0,
         "R/1971-06-01T00:00:00.000-00:44:30/P1DT1.500S"},
        {"R/2026-06-01T00:00:00/P1D", "Europe/London", 9223372036854775807, 0,
         "R9223372036854775807/2026-06-01T00:00:00.000+01:00/P1D"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[SCHEDULE_TEXT_SIZE];
        struct schedule s = parsed(cases[i].text, cases[i].zone);
        assert_string_equal(schedule_text(&s, cases[i].remaining, cases[i].k, text),
                            cases[i].shown);
    }
}

/* ---- properties of random schedules */

static const char *const zones[] = {
    "",
    "UTC",
    "America/New_York",
    "Europe/Paris",
    "Australia/Lord_Howe",
    "GMT+5:45",
    "Europe/Dublin",
    "Pacific/Apia",
    "Asia/Gaza",
    "Africa/Casablanca",
    "Asia/Kolkata",
    "America/Nuuk",
    "Pacific/Kwajalein",
    "Asia/Tehran",
    "Antarctica/Troll",
};

static int64_t below(struct rng *r, int64_t n)
{
    return (int64_t)rng_below(r, (uint64_t)n);
}

static struct schedule random_schedule(struct rng *r)
{
    char text[SCHEDULE_TEXT_SIZE], count[24] = "", period[PERIOD_TEXT_SIZE];
    struct period p = {0};
    bool huge = rng_chance(r, 0.1);
    int64_t *fields[] = {&p.years, &p.months, &p.weeks, &p.days, &p.hours, &p.minutes, &p.seconds};
    for (size_t i = 0; i < COUNT(fields); i++)
        if (rng_chance(r, 0.3))
            *fields[i] = below(r, huge ? INT64_C(2147483648) : 40);
    if (rng_chance(r, 0.1))
        p.millis = below(r, 1000);
    if (period_fixed_ms(&p) < 1000)
        p.days = 1;
    if (rng_chance(r, 0.5))
        snprintf(count, sizeof(count), "%lld", (long long)below(r, 100));
    int64_t year = huge ? 1971 + below(r, 8029) : 1971 + below(r, 130);
    int month = 1 + (int)below(r, 12);
    snprintf(text, sizeof(text), "R%s/%04d-%02d-%02dT%02d:%02d:%02d.%03d%s/%s", count, (int)year,
             month, 1 + (int)below(r, days_in_month(year, month)), (int)below(r, 24),
             (int)below(r, 60), (int)below(r, 60), (int)below(r, 1000),
             rng_chance(r, 0.3) ? "-03:30" : "", period_text(&p, period));
    return parsed(text, zones[below(r, COUNT(zones))]);
}

#define ROUNDS 20000

static void never_decreases_and_inverts(void **unused)
{
    (void)unused;
    struct rng r;
    rng_seed(&r, 8601);
    for (int i = 0; i < ROUNDS; i++) {
        struct schedule s = random_schedule(&r);
        int64_t k = rng_chance(&r, 0.2) ? below(&r, INT64_MAX - 1) : below(&r, 5000);
        struct wall target = schedule_target(&s, k), next = schedule_target(&s, k + 1);
        assert_true(target.ms <= next.ms);

        /* the greatest k at or before now, for now on and around targets */
        struct wall now = {target.ms + below(&r, 3) - 1};
        if (rng_chance(&r, 0.3))
            now.ms = below(&r, SCHEDULE_END.ms * 2);
        int64_t due = schedule_last_due(&s, now);
        assert_true(due >= -1);
        if (due >= 0) {
            assert_true(schedule_target(&s, due).ms <= now.ms);
            assert_true(schedule_target(&s, due).ms < SCHEDULE_END.ms);
        }
        struct wall after = schedule_target(&s, due + 1);
        assert_true(after.ms > now.ms || after.ms == SCHEDULE_END.ms);
    }
}

static void reads_back_what_it_shows(void **unused)
{
    (void)unused;
    struct rng r;
    rng_seed(&r, 86010);
    for (int i = 0; i < ROUNDS; i++) {
        char shown[SCHEDULE_TEXT_SIZE], again[SCHEDULE_TEXT_SIZE];
        struct schedule s = random_schedule(&r);
        int64_t k = below(&r, 5000), remaining = below(&r, 100);
        struct schedule back = parsed(schedule_text(&s, remaining, k, shown), NULL);
        assert_int_equal(back.first.ms, schedule_target(&s, k).ms);
        assert_int_equal(back.count, remaining);
        assert_string_equal(schedule_text(&back, remaining, 0, again), shown);
    }
}

static void a_zero_period_is_due_once(void **unused)
{
    (void)unused;
    struct schedule s = parsed("R1/2026-01-01T00:00:00Z/PT0S", NULL);
    assert_int_equal(schedule_last_due(&s, at("2025-12-31T23:59:59.999Z")), -1);
    assert_int_equal(schedule_last_due(&s, at("2026-01-01T00:00:00Z")), 0);
    assert_int_equal(schedule_last_due(&s, at("3026-01-01T00:00:00Z")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_start_in_every_form),
        cmocka_unit_test(reads_count_and_period),
        cmocka_unit_test(refuses_and_says_what_to_do),
        cmocka_unit_test(names_an_unknown_zone),
        cmocka_unit_test(reckons_targets_from_the_anchor),
        cmocka_unit_test(starts_now_even_in_the_second_hour_of_an_overlap),
        cmocka_unit_test(stays_within_the_year_9999),
        cmocka_unit_test(shows_what_is_left_from_the_next_target),
        cmocka_unit_test(never_decreases_and_inverts),
        cmocka_unit_test(reads_back_what_it_shows),
        cmocka_unit_test(a_zero_period_is_due_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
