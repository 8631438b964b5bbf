#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/time.h"

static void adding_to_mono_saturates(void **unused)
{
    (void)unused;
    assert_true(mono_after((struct mono){5}, 10).ms == 15);
    assert_true(mono_after((struct mono){5}, INT64_MAX).ms == INT64_MAX);
    assert_true(mono_after(MONO_NEVER, 1).ms == INT64_MAX);
    assert_true(mono_after((struct mono){-5}, INT64_MIN).ms == INT64_MIN);
    assert_true(mono_earlier((struct mono){1}, MONO_NEVER).ms == 1);
    assert_true(mono_earlier(MONO_NEVER, (struct mono){1}).ms == 1);
}

static void the_calendar_agrees_with_libc(void **unused)
{
    (void)unused;
    for (int64_t days = -719000; days < 2900000; days += 13) { /* years 1 to 9900 */
        time_t s = (time_t)(days * 86400);
        struct tm tm;
        int64_t year;
        int month, day;
        gmtime_r(&s, &tm);
        civil_from_days(days, &year, &month, &day);
        assert_int_equal(year, tm.tm_year + 1900);
        assert_int_equal(month, tm.tm_mon + 1);
        assert_int_equal(day, tm.tm_mday);
        assert_true(days_from_civil(year, month, day) == days);
        assert_true(day <= days_in_month(year, month));
    }
    assert_int_equal(days_in_month(2000, 2), 29);
    assert_int_equal(days_in_month(1900, 2), 28);
    assert_int_equal(days_in_month(2024, 2), 29);
    assert_int_equal(days_in_month(2023, 12), 31);
    assert_breaks(days_in_month(2023, 13));
}

static void a_wall_time_has_one_text(void **unused)
{
    (void)unused;
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {1714555800120, "2024-05-01T09:30:00.120Z"},
        {951782399999, "2000-02-28T23:59:59.999Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {-86400000, "1969-12-31T00:00:00.000Z"},
        {-62135596800000, "0001-01-01T00:00:00.000Z"},
        {253402300799999, "9999-12-31T23:59:59.999Z"},
        {INT64_MIN, "0001-01-01T00:00:00.000Z"},
        {INT64_MAX, "9999-12-31T23:59:59.999Z"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[TIME_TEXT_SIZE];
        assert_string_equal(wall_text((struct wall){cases[i].ms}, text), cases[i].text);
    }
}

static void any_date_time_with_an_offset_is_read(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"2024-05-01T09:30:00.120Z", 1714555800120},
        {"2024-05-01T09:30:00.120456Z", 1714555800120}, /* marathon-python sends six digits */
        {"2024-05-01T09:30:00.999999999Z", 1714555800999},
        {"2024-05-01T09:30:00,1Z", 1714555800100},
        {"2024-05-01T09:30:00Z", 1714555800000},
        {"2024-05-01T09:30Z", 1714555800000},
        {"2024-05-01t09:30:00z", 1714555800000},
        {"2024-05-01T11:30:00+02:00", 1714555800000},
        {"2024-05-01T11:30:00+0200", 1714555800000},
        {"2024-05-01T11:30:00+02", 1714555800000},
        {"2024-05-01T04:00:00-05:30", 1714555800000},
        {"2024-02-29T00:00:00Z", 1709164800000},
        {"1969-12-31T23:59:59.999Z", -1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct wall t;
        struct error err;
        assert_int_equal(wall_parse(cases[i].text, &t, &err), 0);
        assert_true(t.ms == cases[i].ms);
    }
}

static void another_text_is_refused_and_named(void **unused)
{
    (void)unused;
    static const char *const bad[] = {
        "",
        "2024",
        "2024-05-01",
        "2024-05-01T09:30:00", /* which zone? */
        "2024-05-01 09:30:00Z",
        "2024-13-01T09:30:00Z",
        "2024-00-01T09:30:00Z",
        "2023-02-29T09:30:00Z",
        "2024-05-01T24:00:00Z",
        "2024-05-01T09:60:00Z",
        "2024-05-01T09:30:60Z",
        "2024-05-01T09:30:00.Z",
        "2024-05-01T09:30:00Zjunk",
        "2024-05-01T09:30:00+2",
        "2024-05-01T09:30:00+02:",
        "2024-05-01T09:30:00+24:00",
        "24-05-01T09:30:00Z",
        "+2024-05-01T09:30:00Z",
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct wall t = {77};
        struct error err;
        char want[128];
        assert_int_equal(wall_parse(bad[i], &t, &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
        snprintf(want, sizeof(want), "got \"%s\", need a time like 2024-05-01T09:30:00.120Z",
                 bad[i]);
        assert_string_equal(err.text, want);
        assert_true(t.ms == 77);
    }
}

static void what_is_written_reads_back(void **unused)
{
    (void)unused;
    for (int64_t ms = -62135596800000; ms < 253402300799999; ms += 98765432101) {
        char text[TIME_TEXT_SIZE];
        struct wall back;
        struct error err;
        assert_int_equal(wall_parse(wall_text((struct wall){ms}, text), &back, &err), 0);
        assert_true(back.ms == ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adding_to_mono_saturates),
        cmocka_unit_test(the_calendar_agrees_with_libc),
        cmocka_unit_test(a_wall_time_has_one_text),
        cmocka_unit_test(any_date_time_with_an_offset_is_read),
        cmocka_unit_test(another_text_is_refused_and_named),
        cmocka_unit_test(what_is_written_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
