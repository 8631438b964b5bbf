#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/calendar.h"
#include "base/rng.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct wall at(const char *text)
{
    struct wall t;
    struct error err;
    assert_int_equal(wall_parse(text, &t, &err), 0);
    return t;
}

static struct zone zone(const char *name)
{
    struct zone z = ZONE_UTC;
    struct error err;
    if (*name != '\0')
        assert_int_equal(zone_find(name, &z, &err), 0);
    return z;
}

static struct calendar_entry entry(const char *text)
{
    struct calendar_entry e;
    struct error err;
    if (calendar_parse(text, &e, &err) != 0)
        fail_msg("%s: %s", text, err.text);
    return e;
}

static struct calendar_span excluded_at(const char *day, const char *zone_name, struct wall t)
{
    struct arena arena = {0};
    struct calendar_entry e = entry(day);
    const struct calendar c = calendar_of(&e, 1, &arena);
    const struct calendar_rules r = {.excluded = &c, .excluded_n = 1};
    struct calendar_span span = calendar_at(&r, zone(zone_name), t);
    arena_close(&arena);
    return span;
}

static void knows_days_by_their_names(void **unused)
{
    (void)unused;
    static const struct {
        const char *day, *at;
        bool has;
    } cases[] = {
        {"2026-12-25", "2026-12-25T00:00:00Z", true},
        {"2026-12-25", "2026-12-25T23:59:59.999Z", true},
        {"2026-12-25", "2026-12-26T00:00:00Z", false},
        {"2026-12-25", "2027-12-25T00:00:00Z", false},
        {"2026-12-24/2027-01-02", "2026-12-23T23:59:59Z", false},
        {"2026-12-24/2027-01-02", "2027-01-02T23:59:59Z", true},
        {"2026-12-24/2027-01-02", "2027-01-03T00:00:00Z", false},
        {"12-25", "1999-12-25T10:00:00Z", true},
        {"12-25", "2031-12-24T10:00:00Z", false},
        {"02-29", "2028-02-29T10:00:00Z", true},
        {"12-24/01-02", "2026-12-31T10:00:00Z", true},
        {"12-24/01-02", "2027-01-02T10:00:00Z", true},
        {"12-24/01-02", "2027-01-03T10:00:00Z", false},
        {"05-01/05-03", "2027-05-02T10:00:00Z", true},
        {"SAT", "2026-11-28T10:00:00Z", true},
        {"sat", "2026-11-27T10:00:00Z", false},
        {"MON-FRI", "2026-11-27T10:00:00Z", true},
        {"MON-FRI", "2026-11-28T10:00:00Z", false},
        {"FRI-MON", "2026-11-30T10:00:00Z", true},
        {"FRI-MON", "2026-12-01T10:00:00Z", false},
        {"THU", "1970-01-01T00:00:01Z", true},
        {"SAT 08:00-18:30", "2026-11-28T08:00:00Z", true},
        {"SAT 08:00-18:30", "2026-11-28T18:29:59Z", true},
        {"SAT 08:00-18:30", "2026-11-28T18:30:00Z", false},
        {"12-24 12:00-24:00", "2026-12-24T23:59:59Z", true},
        {"22:00-24:00", "2026-03-03T22:00:00Z", true},
        {"22:00-24:00", "2026-03-03T21:59:59Z", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        if (excluded_at(cases[i].day, "", at(cases[i].at)).open == cases[i].has)
            fail_msg("%s at %s", cases[i].day, cases[i].at);
}

static void refuses_what_is_no_day(void **unused)
{
    (void)unused;
    static const char *const texts[] = {
        "",
        "2026",
        "2026-13-01",
        "2026-02-30",
        "2027-02-29",
        "02-30",
        "1969-12-31",
        "2026-12-25/12-26",
        "12-25/",
        "2026-12-26/2026-12-25",
        "XMAS",
        "SATURDAY",
        "SAT-",
        "SAT,SUN",
        "2026-12-25T00:00",
        "SAT 8-10",
        "SAT 10:00",
        "SAT 10:00-09:00",
        "SAT 10:00-10:00",
        "SAT 10:00-25:00",
        "22:00-06:00",
        "24:00-24:00",
        " SAT",
        "SAT ",
        "0001-01-01",
        "2026-12-25 00:00-00:60",
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct calendar_entry e;
        struct error err;
        if (calendar_parse(texts[i], &e, &err) == 0)
            fail_msg("%s was taken", texts[i]);
        assert_int_equal(err.code, ERR_INVALID);
        assert_non_null(strstr(err.text, "got "));
    }
}

static void says_how_long_that_holds(void **unused)
{
    (void)unused;
    static const struct {
        const char *day, *zone, *at, *from, *to;
        bool open;
    } cases[] = {
        {"2026-12-25", "", "2026-12-25T10:00:00Z", "2026-12-25T00:00:00Z", "2026-12-26T00:00:00Z",
         false},
        {"2026-12-25", "Asia/Kolkata", "2026-12-24T20:00:00Z", "2026-12-24T18:30:00Z",
         "2026-12-25T18:30:00Z", false},
        {"SAT 08:00-18:30", "", "2026-11-28T07:00:00Z", "2026-11-28T00:00:00Z",
         "2026-11-28T08:00:00Z", true},
        {"SAT 08:00-18:30", "", "2026-11-28T08:00:00Z", "2026-11-28T08:00:00Z",
         "2026-11-28T18:30:00Z", false},
        {"SAT 08:00-18:30", "", "2026-11-28T20:00:00Z", "2026-11-28T18:30:00Z",
         "2026-11-29T00:00:00Z", true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct calendar_span s = excluded_at(cases[i].day, cases[i].zone, at(cases[i].at));
        assert_int_equal(s.open, cases[i].open);
        assert_int_equal(s.from.ms, at(cases[i].from).ms);
        assert_int_equal(s.to.ms, at(cases[i].to).ms);
    }
}

/* Also where a clock is changed, within the day or at its end. */
static void what_is_said_of_a_span_is_right_all_through_it(void **unused)
{
    (void)unused;
    static const char *const zones[] = {"Europe/Berlin",       "America/Santiago", "Africa/Cairo",
                                        "Australia/Lord_Howe", "Asia/Beirut",      "Pacific/Apia"};
    static const char *const days[] = {
        "SAT", "12-30", "03-29/04-05", "10-25 02:00-03:00", "00:00-00:30", "SUN 01:30-03:30"};
    struct rng r;
    rng_seed(&r, 5);
    for (int i = 0; i < 20000; i++) {
        const char *day = days[rng_below(&r, COUNT(days))];
        const char *z = zones[rng_below(&r, COUNT(zones))];
        struct wall t = {at("2011-01-01T00:00:00Z").ms +
                         (int64_t)rng_below(&r, 10 * 366) * 86400000 +
                         (int64_t)rng_below(&r, 86400000)};
        struct calendar_span s = excluded_at(day, z, t);
        assert_true(s.from.ms <= t.ms && s.to.ms > t.ms);
        struct wall other = {s.from.ms + (int64_t)rng_below(&r, (uint64_t)(s.to.ms - s.from.ms))};
        if (excluded_at(day, z, other).open != s.open)
            fail_msg("%s in %s: at %lld, and at %lld", day, z, (long long)t.ms,
                     (long long)other.ms);
    }
}

/* Some of the days. */
static size_t some_days(struct rng *r, struct calendar_entry *items, size_t most)
{
    static const char *const days[] = {"SAT",
                                       "MON-FRI",
                                       "MON-SUN",
                                       "01-01/12-31",
                                       "12-30",
                                       "03-29/11-05",
                                       "11-20/02-10",
                                       "02-29",
                                       "2012-03-01/2013-04-01",
                                       "2015-10-25",
                                       "2011-12-30",
                                       "00:00-24:00",
                                       "10:00-24:00",
                                       "2016-01-01/9999-12-31",
                                       "SUN-MON 00:00-12:00"};
    size_t n = 1 + rng_below(r, most);
    for (size_t i = 0; i < n; i++)
        items[i] = entry(days[rng_below(r, COUNT(days))]);
    return n;
}

static void nothing_is_open_while_it_is_shut(void **unused)
{
    (void)unused;
    static const char *const zones[] = {"",
                                        "Europe/Berlin",
                                        "Asia/Beirut",
                                        "Australia/Lord_Howe",
                                        "America/Havana",
                                        "Pacific/Apia"};
    enum { DAY = 86400000 };
    int shut = 0, for_ever = 0;
    struct rng r;
    rng_seed(&r, 6);
    for (int i = 0; i < 20000; i++) {
        struct arena arena = {0};
        struct calendar_entry days[3];
        const struct calendar excluded = calendar_of(days, some_days(&r, days, 3), &arena);
        const struct calendar only = calendar_of(days, some_days(&r, days, 3), &arena);
        const struct calendar_rules rules = {.excluded = &excluded,
                                             .excluded_n = rng_below(&r, 2),
                                             .only = &only,
                                             .only_n = rng_below(&r, 2)};
        struct zone z = zone(zones[rng_below(&r, COUNT(zones))]);
        struct wall t = {at("2011-01-01T00:00:00Z").ms + (int64_t)rng_below(&r, 10 * 366) * DAY +
                         (int64_t)rng_below(&r, DAY)};
        struct wall until = calendar_shut_until(&rules, z, t);
        assert_true(until.ms >= t.ms);
        shut += until.ms > t.ms;
        for_ever += until.ms == CALENDAR_SHUT.ms;
        int64_t ms = until.ms == CALENDAR_SHUT.ms ? 20000 * (int64_t)DAY : until.ms - t.ms;
        for (int k = 0; k < 20 && ms > 0; k++) {
            struct wall in = {t.ms + (int64_t)rng_below(&r, (uint64_t)ms)};
            assert_false(calendar_at(&rules, z, in).open);
        }
        arena_close(&arena);
    }
    assert_true(shut > 5000 && for_ever > 1000 && shut > for_ever);
}

static void says_for_how_long_it_is_shut(void **unused)
{
    (void)unused;
    static const struct {
        const char *day, *until; /* from noon of 2026-11-28, a Saturday; NULL: for ever; "": ? */
        bool only;
    } cases[] = {
        {"2026-11-01/2027-03-31", "2027-04-01T00:00:00Z", false},
        {"2026-11-01/9999-12-31", NULL, false},
        {"MON-SUN", NULL, false},
        {"2026-11-28/2027-03-31", "", false}, /* from the day after on */
        {"2026-11-01/2027-03-31 08:00-24:00", "", false},
        {"2026-11-20", NULL, true},
        {"2027-01-01", "2027-01-01T00:00:00Z", true},
        {"12-24/12-26", "2026-12-24T00:00:00Z", true},
        {"TUE", "2026-12-01T00:00:00Z", true},
        {"SAT", "", true},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct arena arena = {0};
        struct calendar_entry e = entry(cases[i].day);
        const struct calendar c = calendar_of(&e, 1, &arena);
        const struct calendar_rules r = {
            .excluded = &c, .excluded_n = !cases[i].only, .only = &c, .only_n = cases[i].only};
        struct wall noon = at("2026-11-28T12:00:00Z");
        struct wall until = cases[i].until == NULL      ? CALENDAR_SHUT
                            : cases[i].until[0] == '\0' ? noon
                                                        : at(cases[i].until);
        if (calendar_shut_until(&r, ZONE_UTC, noon).ms != until.ms)
            fail_msg("%s", cases[i].day);
        arena_close(&arena);
    }
}

/* ---- the same, one entry after the other */

struct day {
    int64_t day, of_year, weekday, ms;
};

static struct day day_at(struct zone z, struct wall t)
{
    struct day d;
    int64_t year;
    int month, day;
    d.day = local_day(zone_local(z, t), &d.ms);
    civil_from_days(d.day, &year, &month, &day);
    d.of_year = month * 100 + day;
    d.weekday = (d.day + 3) % 7;
    return d;
}

static bool slow_has_day(const struct calendar_entry *e, const struct day *d)
{
    int64_t v = e->kind == CALENDAR_DATES    ? d->day
                : e->kind == CALENDAR_YEARLY ? d->of_year
                                             : d->weekday;
    return e->first <= e->last ? v >= e->first && v <= e->last : v >= e->first || v <= e->last;
}

/* Whether one has it; and how much of that day is the same, as far as they say. */
static bool slow_has(const struct calendar_entry *entries, size_t n, const struct day *d,
                     int64_t edges[2])
{
    bool in = false;
    for (size_t i = 0; i < n; i++) {
        const struct calendar_entry *e = &entries[i];
        const int64_t ends[] = {e->from_ms, e->to_ms};
        if (!slow_has_day(e, d))
            continue;
        in = in || (d->ms >= e->from_ms && d->ms < e->to_ms);
        for (int k = 0; k < 2; k++)
            if (ends[k] <= d->ms && ends[k] > edges[0])
                edges[0] = ends[k];
            else if (ends[k] > d->ms && ends[k] < edges[1])
                edges[1] = ends[k];
    }
    return in;
}

/* Beside the days with names, dates that come close to each other, some of them a part. */
static size_t many_days(struct rng *r, int64_t about, struct calendar_entry *items, size_t most)
{
    size_t n = some_days(r, items, most);
    for (size_t i = 0; i < n; i++) {
        struct calendar_entry *e = &items[i];
        if (rng_chance(r, 0.2))
            continue;
        int64_t first = about + (int64_t)rng_below(r, 60) - 30;
        *e = (struct calendar_entry){
            .first = (int32_t)first, .last = (int32_t)first, .to_ms = 86400000};
        if (rng_chance(r, 0.3))
            e->last += (int32_t)rng_below(r, 20);
        if (rng_chance(r, 0.3))
            e->from_ms = (int32_t)rng_below(r, 24) * 3600000;
    }
    return n;
}

static void finds_what_the_slow_way_finds(void **unused)
{
    (void)unused;
    int in = 0;
    struct rng r;
    rng_seed(&r, 7);
    for (int i = 0; i < 20000; i++) {
        struct arena arena = {0};
        struct calendar_entry entries[40];
        int64_t edges[] = {0, 86400000};
        struct wall t = {at("2012-01-01T00:00:00Z").ms +
                         (int64_t)rng_below(&r, 4 * 366) * 86400000 +
                         (int64_t)rng_below(&r, 86400000)};
        struct day d = day_at(ZONE_UTC, t);
        size_t n = many_days(&r, d.day, entries, i % 2 == 0 ? 40 : 3);
        bool has = slow_has(entries, n, &d, edges);
        const struct calendar c = calendar_of(entries, n, &arena);
        const struct calendar_rules rules = {.excluded = &c, .excluded_n = 1};
        struct calendar_span span = calendar_at(&rules, ZONE_UTC, t);
        assert_int_equal(span.open, !has);
        assert_int_equal(span.from.ms, t.ms - d.ms + edges[0]);
        assert_int_equal(span.to.ms, t.ms - d.ms + edges[1]);
        assert_true(calendar_ranges_looked(&rules) <= 2 * n);
        in += has;
        arena_close(&arena);
    }
    assert_true(in > 4000 && in < 16000);
}

/* Days of which one follows on the other, whoever has them, are passed in one step. */
static void what_is_shut_day_by_day_is_passed_at_once(void **unused)
{
    (void)unused;
    struct arena arena = {0};
    struct calendar_entry days[2][500];
    struct wall noon = at("2026-11-28T12:00:00Z");
    for (int i = 0; i < 1000; i++) {
        int32_t day = (int32_t)(noon.ms / 86400000) - 1 + i;
        days[i / 500][(i + 250) % 500] =
            (struct calendar_entry){.first = day, .last = day, .to_ms = 86400000};
    }
    const struct calendar excluded[] = {calendar_of(days[0], 500, &arena),
                                        calendar_of(days[1], 500, &arena)};
    const struct calendar_rules r = {.excluded = excluded, .excluded_n = 2};
    assert_int_equal(calendar_shut_until(&r, ZONE_UTC, noon).ms, at("2029-08-23T00:00:00Z").ms);
    assert_int_equal(calendar_ranges_looked(&r), 2);
    arena_close(&arena);
}

static void names_who_excludes(void **unused)
{
    (void)unused;
    struct calendar_entry sat = entry("SAT"), eve = entry("12-24"), work = entry("MON-FRI");
    struct arena arena = {0};
    const struct calendar excluded[] = {calendar_of(&sat, 1, &arena), calendar_of(&eve, 1, &arena)};
    const struct calendar only = calendar_of(&work, 1, &arena);
    const struct calendar_rules r = {excluded, &only, 2, 1};
    assert_true(calendar_at(&r, ZONE_UTC, at("2026-11-27T10:00:00Z")).open);
    assert_int_equal(calendar_at(&r, ZONE_UTC, at("2026-12-24T10:00:00Z")).by, 1);
    assert_int_equal(calendar_at(&r, ZONE_UTC, at("2026-11-29T10:00:00Z")).by, -1);
    assert_false(calendar_at(&r, ZONE_UTC, at("2026-11-28T10:00:00Z")).open);
    arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_days_by_their_names),
        cmocka_unit_test(refuses_what_is_no_day),
        cmocka_unit_test(says_how_long_that_holds),
        cmocka_unit_test(what_is_said_of_a_span_is_right_all_through_it),
        cmocka_unit_test(nothing_is_open_while_it_is_shut),
        cmocka_unit_test(says_for_how_long_it_is_shut),
        cmocka_unit_test(finds_what_the_slow_way_finds),
        cmocka_unit_test(what_is_shut_day_by_day_is_passed_at_once),
        cmocka_unit_test(names_who_excludes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
