#include "unit.h"

#include "base/zone.h"
#include "base/zone_data.h"

#include <string.h>

static struct wall at(const char *text)
{
    struct wall t;
    struct error err;
    assert_int_equal(wall_parse(text, &t, &err), 0);
    return t;
}

static struct zone zone(const char *name)
{
    struct zone z;
    struct error err;
    if (zone_find(name, &z, &err) != 0)
        fail_msg("%s: %s", name, err.text);
    return z;
}

static void knows_every_id_in_order(void **unused)
{
    (void)unused;
    assert_true(zone_count > 400);
    for (size_t i = 0; i < zone_count; i++) {
        zone(zone_names[i]);
        if (i > 0)
            assert_true(strcmp(zone_names[i - 1], zone_names[i]) < 0);
        assert_null(strstr(zone_names[i], "posix"));
        assert_null(strstr(zone_names[i], "right"));
    }
}

static void knows_offsets_past_present_and_far_ahead(void **unused)
{
    (void)unused;
    static const struct {
        const char *zone, *at;
        int32_t offset_s;
    } cases[] = {
        {"UTC", "2026-01-01T00:00:00Z", 0},
        {"Europe/Paris", "2026-01-01T00:00:00Z", 3600},
        {"Europe/Paris", "2026-07-01T00:00:00Z", 7200},
        {"Europe/Paris", "1970-01-01T00:00:00Z", 3600},
        {"Europe/Paris", "1969-07-01T00:00:00Z", 3600}, /* before 1970: as then */
        {"Europe/Dublin", "2026-01-01T00:00:00Z", 0},   /* summer time below zero */
        {"Europe/Dublin", "2026-07-01T00:00:00Z", 3600},
        {"Africa/Monrovia", "1971-06-01T00:00:00Z", -2670}, /* with seconds */
        {"Africa/Monrovia", "1973-06-01T00:00:00Z", 0},
        {"Asia/Kathmandu", "2026-06-01T00:00:00Z", 20700},
        {"Australia/Lord_Howe", "2026-01-01T00:00:00Z", 39600},
        {"Australia/Lord_Howe", "2026-07-01T00:00:00Z", 37800},
        {"Pacific/Apia", "2011-12-30T09:59:59.999Z", -36000},
        {"Pacific/Apia", "2011-12-30T10:00:00Z", 50400},
        {"Africa/Casablanca", "2087-05-11T02:00:00Z", 3600}, /* tabled until 2087 */
        /* the rule behind the tables */
        {"America/New_York", "2100-03-14T06:59:59.999Z", -18000},
        {"America/New_York", "2100-03-14T07:00:00Z", -14400},
        {"America/New_York", "2100-11-07T05:59:59.999Z", -14400},
        {"America/New_York", "2100-11-07T06:00:00Z", -18000},
        {"Australia/Sydney", "9999-12-31T23:59:59.999Z", 39600},
        {"Australia/Sydney", "9999-06-30T00:00:00Z", 36000},
        {"America/Nuuk", "2050-03-27T00:59:59Z", -7200}, /* rule at -1 o'clock */
        {"America/Nuuk", "2050-03-27T01:00:00Z", -3600},
        {"Asia/Gaza", "2100-03-26T23:59:59Z", 7200}, /* rule at 50 o'clock */
        {"Asia/Gaza", "2100-03-27T00:00:00Z", 10800},
        {"Europe/Dublin", "2100-07-01T00:00:00Z", 3600},
        {"Europe/Dublin", "2100-12-01T00:00:00Z", 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (zone_offset_s(zone(cases[i].zone), at(cases[i].at)) != cases[i].offset_s)
            fail_msg("%s at %s: %d", cases[i].zone, cases[i].at,
                     (int)zone_offset_s(zone(cases[i].zone), at(cases[i].at)));
}

static void reads_chronos_aliases_before_ids(void **unused)
{
    (void)unused;
    static const char *const same[][2] = {
        {"ACT", "Australia/Darwin"},
        {"AET", "Australia/Sydney"},
        {"AGT", "America/Argentina/Buenos_Aires"},
        {"ART", "Africa/Cairo"},
        {"AST", "America/Anchorage"},
        {"BET", "America/Sao_Paulo"},
        {"BST", "Asia/Dhaka"},
        {"CAT", "Africa/Harare"},
        {"CNT", "America/St_Johns"},
        {"CST", "America/Chicago"},
        {"CTT", "Asia/Shanghai"},
        {"EAT", "Africa/Addis_Ababa"},
        {"ECT", "CET"},
        {"EST", "America/New_York"},
        {"GMT", "UTC"},
        {"HST", "Pacific/Honolulu"},
        {"IET", "America/Indiana/Indianapolis"},
        {"IST", "Asia/Kolkata"},
        {"JST", "Asia/Tokyo"},
        {"MET", "CET"},
        {"MIT", "Pacific/Apia"},
        {"MST", "America/Denver"},
        {"NET", "Asia/Yerevan"},
        {"NST", "Pacific/Auckland"},
        {"PLT", "Asia/Karachi"},
        {"PNT", "America/Phoenix"},
        {"PRT", "America/Puerto_Rico"},
        {"PST", "America/Los_Angeles"},
        {"SST", "Pacific/Guadalcanal"},
        {"UTC", "Etc/UTC"},
        {"VST", "Asia/Ho_Chi_Minh"},
        {"null", "UTC"},
    };
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
        assert_ptr_equal(zone(same[i][0]).data, zone(same[i][1]).data);
}

static void reads_fixed_offsets_as_java_does(void **unused)
{
    (void)unused;
    static const struct {
        const char *name;
        int32_t offset_s;
    } cases[] = {
        {"GMT+2", 7200},      {"GMT-2", -7200},      {"GMT+02", 7200},      {"GMT+2:30", 9000},
        {"GMT-02:30", -9000}, {"GMT+230", 9000},     {"GMT+0230", 9000},    {"GMT+23:59", 86340},
        {"GMT+0", 0},         {"Etc/GMT+5", -18000}, {"Etc/GMT-14", 50400},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(zone_offset_s(zone(cases[i].name), (struct wall){0}), cases[i].offset_s);
    static const char *const wrong[] = {"GMT+",   "GMT+24",    "GMT+2:60", "GMT+2:3", "GMT+2:300",
                                        "GMT+2:", "GMT+12345", "GMT+2h",   "GMT 2",   "gmt+2",
                                        "GMT+-2", "GMT+2:-1",  "GMT++2",   "UTC+2"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct zone z;
        struct error err;
        assert_int_equal(zone_find(wrong[i], &z, &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
    }
}

static void says_which_zone_was_meant(void **unused)
{
    (void)unused;
    struct zone z = zone_fixed(7);
    struct error err;
    assert_int_equal(zone_find("Europe/Pari", &z, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_string_equal(err.text,
                        "got \"Europe/Pari\", no such time zone; did you mean \"Europe/Paris\"?");
    static const char *const places[][2] = {
        {"Berlin", "Europe/Berlin"}, {"new york", "America/New_York"}, {"utc", "UTC"}};
    for (size_t i = 0; i < COUNT(places); i++) {
        assert_int_equal(zone_find(places[i][0], &z, &err), -1);
        assert_non_null(strstr(err.text, places[i][1]));
    }
    assert_int_equal(zone_find("Middle-earth/Shire", &z, &err), -1);
    assert_string_equal(err.text, "got \"Middle-earth/Shire\", need a tz database id as "
                                  "\"Europe/Paris\", or as \"GMT+5:30\"");
    assert_int_equal(z.fixed_s, 7);
}

static void resolves_gaps_forward_and_overlaps_early(void **unused)
{
    (void)unused;
    static const struct {
        const char *zone, *local, *instant; /* local written as if it were UTC */
    } cases[] = {
        {"America/Los_Angeles", "2026-03-08T01:59:59.999Z", "2026-03-08T09:59:59.999Z"},
        {"America/Los_Angeles", "2026-03-08T02:00:00Z", "2026-03-08T10:00:00.000Z"},
        {"America/Los_Angeles", "2026-03-08T02:30:00Z", "2026-03-08T10:30:00.000Z"},
        {"America/Los_Angeles", "2026-03-08T03:00:00Z", "2026-03-08T10:00:00.000Z"},
        {"America/Los_Angeles", "2026-11-01T00:59:59Z", "2026-11-01T07:59:59.000Z"},
        {"America/Los_Angeles", "2026-11-01T01:30:00Z", "2026-11-01T08:30:00.000Z"},
        {"America/Los_Angeles", "2026-11-01T02:00:00Z", "2026-11-01T10:00:00.000Z"},
        {"America/Los_Angeles", "2126-11-03T01:30:00Z", "2126-11-03T08:30:00.000Z"},
        {"Australia/Lord_Howe", "2026-10-04T02:15:00Z", "2026-10-03T15:45:00.000Z"},
        {"Europe/Dublin", "2026-10-25T01:30:00Z", "2026-10-25T00:30:00.000Z"},
        {"Pacific/Apia", "2011-12-29T23:59:00Z", "2011-12-30T09:59:00.000Z"},
        {"Pacific/Apia", "2011-12-30T00:00:00Z", "2011-12-30T10:00:00.000Z"},
        {"Pacific/Apia", "2011-12-30T23:59:00Z", "2011-12-31T09:59:00.000Z"},
        {"Pacific/Apia", "2011-12-31T00:00:00Z", "2011-12-30T10:00:00.000Z"},
        {"Africa/Monrovia", "1972-01-07T00:00:00Z", "1972-01-07T00:44:30.000Z"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[TIME_TEXT_SIZE];
        struct local l = {at(cases[i].local).ms};
        assert_string_equal(wall_text(zone_resolve(zone(cases[i].zone), l), text),
                            cases[i].instant);
    }
}

/* No zone of today's database counts days like this; the one of the build machine may. */
static void follows_rules_that_count_days(void **unused)
{
    (void)unused;
    static const struct zone_data by_julian = {
        .rule = {0, 3600, {ZONE_DAY_JULIAN, 0, 0, 60, 0}, {ZONE_DAY_JULIAN, 0, 0, 300, 3600}}};
    static const struct zone_data by_day = {
        .rule = {0, 3600, {ZONE_DAY_OF_YEAR, 0, 0, 59, 0}, {ZONE_DAY_OF_YEAR, 0, 0, 300, 3600}}};
    static const struct zone_data always = {
        .rule = {0, 3600, {ZONE_DAY_OF_YEAR, 0, 0, 0, 0}, {ZONE_DAY_JULIAN, 0, 0, 365, 90000}}};
    static const struct {
        const struct zone_data *data;
        const char *at;
        int32_t offset_s;
    } cases[] = {
        {&by_julian, "2026-02-28T23:59:59Z", 0},    {&by_julian, "2026-03-01T00:00:00Z", 3600},
        {&by_julian, "2028-02-29T23:59:59Z", 0},    {&by_julian, "2028-03-01T00:00:00Z", 3600},
        {&by_julian, "2028-10-26T23:59:59Z", 3600}, {&by_julian, "2028-10-27T00:00:00Z", 0},
        {&by_day, "2026-02-28T23:59:59Z", 0},       {&by_day, "2026-03-01T00:00:00Z", 3600},
        {&by_day, "2028-02-28T23:59:59Z", 0},       {&by_day, "2028-02-29T00:00:00Z", 3600},
        {&always, "2027-12-31T23:59:59Z", 3600},    {&always, "2028-01-01T00:00:00Z", 3600},
        {&always, "2028-12-31T23:59:59Z", 3600},    {&always, "2028-06-01T00:00:00Z", 3600},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(zone_offset_s((struct zone){.data = cases[i].data}, at(cases[i].at)),
                         cases[i].offset_s);
}

/* Every hour of a year that has changes of every kind, in every zone: what a clock shows is read
 * back, or an hour that is shown twice gives the earlier. */
static void reads_back_what_the_clock_shows(void **unused)
{
    (void)unused;
    const int64_t hour_ms = 3600000;
    for (size_t i = 0; i < zone_count; i++) {
        struct zone z = zone(zone_names[i]);
        for (int64_t ms = at("2011-01-01T00:17:00Z").ms; ms < at("2012-01-31T00:00:00Z").ms;
             ms += hour_ms) {
            struct local shown = zone_local(z, (struct wall){ms});
            struct wall back = zone_resolve(z, shown);
            assert_true(back.ms <= ms);
            assert_int_equal(zone_local(z, back).ms, shown.ms);
            assert_true(back.ms >= ms - 3 * hour_ms);
        }
    }
}

static void counts_days_before_1970_downwards(void **unused)
{
    (void)unused;
    int64_t ms;
    assert_int_equal(local_day((struct local){-1}, &ms), -1);
    assert_int_equal(ms, 86399999);
    assert_int_equal(local_day((struct local){86400000}, &ms), 1);
    assert_int_equal(ms, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_every_id_in_order),
        cmocka_unit_test(knows_offsets_past_present_and_far_ahead),
        cmocka_unit_test(reads_chronos_aliases_before_ids),
        cmocka_unit_test(reads_fixed_offsets_as_java_does),
        cmocka_unit_test(says_which_zone_was_meant),
        cmocka_unit_test(resolves_gaps_forward_and_overlaps_early),
        cmocka_unit_test(follows_rules_that_count_days),
        cmocka_unit_test(reads_back_what_the_clock_shows),
        cmocka_unit_test(counts_days_before_1970_downwards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
