#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "scheduler/jobs/cursor.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MANY 1000 /* claims: more than any test has due */

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

#define TOLD_SIZE 512

static int tell(char *dst, int n, const char *what, const struct schedule *s,
                const struct targets *t)
{
    char due[TIME_TEXT_SIZE];
    if (t->n == 0)
        return n;
    assert_int_equal(t->first_due.ms, schedule_target(s, t->first).ms);
    assert_int_equal(t->last_due.ms, schedule_target(s, t->first + t->n - 1).ms);
    return n + snprintf(dst + n, TOLD_SIZE - (size_t)n, "%s %lld+%lld from %s, ", what,
                        (long long)t->first, (long long)t->n, wall_text(t->first_due, due));
}

/* "missed 0+2 from …, claimed 2+1 from …, shows R7/…": first index + how many. */
static const char *told(const struct schedule *s, const struct cursor_step *step,
                        char dst[TOLD_SIZE])
{
    const struct job_cursor *c = &step->cursor;
    char text[SCHEDULE_TEXT_SIZE];
    int n = tell(dst, 0, "missed", s, &step->missed);
    n = tell(dst, n, "coalesced", s, &step->coalesced);
    n = tell(dst, n, "claimed", s, &step->claimed);
    if (c->moved)
        n += snprintf(dst + n, TOLD_SIZE - (size_t)n, "shows %s",
                      schedule_text(s, c->remaining, c->index, text));
    else
        n += snprintf(dst + n, TOLD_SIZE - (size_t)n, "as posted");
    if (step->next.ms == WALL_NEVER.ms)
        snprintf(dst + n, TOLD_SIZE - (size_t)n, ", never again");
    else
        assert_int_equal(step->next.ms, schedule_target(s, c->index).ms);
    return dst;
}

/* ---- posting: 3.11 and the rules of step A */

static void decides_when_a_job_is_posted(void **unused)
{
    (void)unused;
    static const struct {
        const char *schedule;
        int64_t window_ms;
        const char *posted, *told;
    } cases[] = {
        /* spec/chronos.md 3.11 */
        {"R2/2026-01-01T00:00:00Z/PT10S", 30000, "2026-01-01T00:00:25Z",
         "claimed 1+1 from 2026-01-01T00:00:10.000Z, shows R0/2026-01-01T00:00:20.000Z/PT10S, "
         "never again"},
        {"R2/2026-01-01T00:00:00Z/PT10S", 30000, "2026-01-01T00:00:45Z",
         "shows R0/2026-01-01T00:00:20.000Z/PT10S, never again"},
        {"R9/2026-01-01T00:00:00Z/PT10S", 5000, "2026-01-01T00:00:27Z",
         "shows R6/2026-01-01T00:00:30.000Z/PT10S"},
        {"R9/2026-01-01T00:00:00Z/PT10S", 8000, "2026-01-01T00:00:27Z",
         "claimed 2+1 from 2026-01-01T00:00:20.000Z, shows R6/2026-01-01T00:00:30.000Z/PT10S"},
        {"R1/2026-03-01T10:00:00Z/P1D", 60000, "2026-03-01T10:00:05Z",
         "claimed 0+1 from 2026-03-01T10:00:00.000Z, shows R0/2026-03-02T10:00:00.000Z/P1D, "
         "never again"},
        {"R2/9999-12-31T00:00:00Z/P1D", 60000, "9999-12-31T00:00:00Z",
         "claimed 0+1 from 9999-12-31T00:00:00.000Z, shows R1/9999-12-31T23:59:59.999Z/P1D, "
         "never again"},
        {"R1/2016-01-01T00:00:00Z/PT24H", WINDOW_CATCHUP, "2026-03-01T10:00:00Z",
         "claimed 3712+1 from 2026-03-01T00:00:00.000Z, shows "
         "R0/2026-03-02T00:00:00.000Z/PT24H, never again"},
        /* to come: nothing is decided */
        {"R5/2026-01-01T00:00:00Z/PT10S", 5000, "2025-12-31T23:59:59.999Z", "as posted"},
        {"R5/2026-01-01T00:00:00Z/PT10S", WINDOW_CATCHUP, "2025-12-31T23:59:59.999Z", "as posted"},
        /* R0 is not touched */
        {"R0/2026-01-01T00:00:00Z/PT10S", 5000, "2026-01-01T00:00:00Z", "as posted, never again"},
        {"R0/2026-01-01T00:00:00Z/PT10S", WINDOW_CATCHUP, "2026-01-01T00:00:00Z",
         "as posted, never again"},
        /* the edge of the window is on time */
        {"R/2026-01-01T00:00:00Z/PT1H", 5000, "2026-01-01T00:00:05Z",
         "claimed 0+1 from 2026-01-01T00:00:00.000Z, shows R/2026-01-01T01:00:00.000Z/PT1H"},
        {"R/2026-01-01T00:00:00Z/PT1H", 5000, "2026-01-01T00:00:05.001Z",
         "shows R/2026-01-01T01:00:00.000Z/PT1H"},
        /* a window over many targets starts no burst */
        {"R/2026-01-01T00:00:00Z/PT10S", 3600000, "2026-01-01T00:30:00Z",
         "claimed 180+1 from 2026-01-01T00:30:00.000Z, shows R/2026-01-01T00:30:10.000Z/PT10S"},
        /* catching up uses no count for what it skips */
        {"R3/2026-01-01T00:00:00Z/PT10S", WINDOW_CATCHUP, "2026-01-01T01:00:00Z",
         "claimed 360+1 from 2026-01-01T01:00:00.000Z, shows R2/2026-01-01T01:00:10.000Z/PT10S"},
        {"R9223372036854775807/2026-01-01T00:00:00Z/PT10S", 5000, "2026-01-01T01:00:06Z",
         "shows R9223372036854775446/2026-01-01T01:00:10.000Z/PT10S"},
        {"R1/2026-01-01T00:00:00Z/P", 60000, "2026-01-01T00:00:30Z",
         "claimed 0+1 from 2026-01-01T00:00:00.000Z, shows R0/2026-01-01T00:00:00.000Z/PT0S, "
         "never again"},
        {"R1/2026-01-01T00:00:00Z/P", WINDOW_CATCHUP, "2027-01-01T00:00:00Z",
         "claimed 0+1 from 2026-01-01T00:00:00.000Z, shows R0/2026-01-01T00:00:00.000Z/PT0S, "
         "never again"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[TOLD_SIZE];
        struct schedule s = parsed(cases[i].schedule, NULL);
        struct job_cursor begin = cursor_begin(&s, (struct wall){0});
        const struct aim aim = {.schedule = &s, .window_ms = cases[i].window_ms, .catchup_most = 1};
        struct cursor_step step;
        cursor_accept(&aim, &begin, at(cases[i].posted), true, &step);
        assert_string_equal(told(&s, &step, text), cases[i].told);
    }
}

static void a_disabled_job_is_only_moved(void **unused)
{
    (void)unused;
    static const struct {
        const char *schedule;
        int64_t window_ms;
        const char *told;
    } cases[] = {
        {"R9/2026-01-01T00:00:00Z/PT10S", 8000, "shows R7/2026-01-01T00:00:20.000Z/PT10S"},
        {"R9/2026-01-01T00:00:00Z/PT10S", 5000, "shows R6/2026-01-01T00:00:30.000Z/PT10S"},
        {"R9/2026-01-01T00:00:00Z/PT10S", WINDOW_CATCHUP,
         "shows R9/2026-01-01T00:00:20.000Z/PT10S"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[TOLD_SIZE];
        struct schedule s = parsed(cases[i].schedule, NULL);
        struct job_cursor begin = cursor_begin(&s, (struct wall){0});
        const struct aim aim = {.schedule = &s, .window_ms = cases[i].window_ms, .catchup_most = 1};
        struct cursor_step step;
        cursor_accept(&aim, &begin, at("2026-01-01T00:00:27Z"), false, &step);
        assert_string_equal(told(&s, &step, text), cases[i].told);
    }
}

/* 2.6, rule 2: from the index where it was disabled, the anchor kept. */
static void counts_on_when_enabled_again(void **unused)
{
    (void)unused;
    static const struct {
        int64_t index, remaining, window_ms;
        const char *enabled, *told;
    } cases[] = {
        {3, 6, 5000, "2026-01-01T00:00:27Z", "shows R6/2026-01-01T00:00:30.000Z/PT10S"},
        {3, 6, 5000, "2026-01-01T00:00:32Z",
         "claimed 3+1 from 2026-01-01T00:00:30.000Z, shows R5/2026-01-01T00:00:40.000Z/PT10S"},
        {3, 6, 5000, "2026-01-01T00:00:47Z", "shows R4/2026-01-01T00:00:50.000Z/PT10S"},
        {3, 6, 5000, "2026-01-01T01:00:00Z",
         "shows R0/2026-01-01T00:01:30.000Z/PT10S, never again"},
        {3, 6, WINDOW_CATCHUP, "2026-01-01T00:00:47Z",
         "claimed 4+1 from 2026-01-01T00:00:40.000Z, shows R5/2026-01-01T00:00:50.000Z/PT10S"},
        {3, 0, WINDOW_CATCHUP, "2026-01-01T00:00:47Z",
         "shows R0/2026-01-01T00:00:30.000Z/PT10S, never again"},
        {3, COUNT_FOREVER, 5000, "2026-01-01T00:00:47Z", "shows R/2026-01-01T00:00:50.000Z/PT10S"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[TOLD_SIZE];
        struct schedule s = parsed("R9/2026-01-01T00:00:00Z/PT10S", NULL);
        struct job_cursor from = {cases[i].index, cases[i].remaining, true};
        const struct aim aim = {.schedule = &s, .window_ms = cases[i].window_ms, .catchup_most = 1};
        struct cursor_step step;
        cursor_accept(&aim, &from, at(cases[i].enabled), true, &step);
        assert_string_equal(told(&s, &step, text), cases[i].told);
    }
}

/* ---- ticking: steps B and C, from the beginning of the schedule */

static void decides_what_has_become_due(void **unused)
{
    (void)unused;
    static const struct {
        const char *schedule, *zone;
        int64_t window_ms, claims_max;
        const char *now, *told;
    } cases[] = {
        {"R/2026-01-01T00:00:00Z/PT10S", NULL, 5000, MANY, "2025-12-31T23:59:59.999Z", "as posted"},
        {"R/2026-01-01T00:00:00Z/PT10S", NULL, 5000, MANY, "2026-01-01T00:00:00Z",
         "claimed 0+1 from 2026-01-01T00:00:00.000Z, shows R/2026-01-01T00:00:10.000Z/PT10S"},
        {"R3/2026-03-01T00:00:00Z/P1D", NULL, 60000, MANY, "2026-03-01T00:00:00Z",
         "claimed 0+1 from 2026-03-01T00:00:00.000Z, shows R2/2026-03-02T00:00:00.000Z/P1D"},
        /* windows that overlap are all claimed, in order */
        {"R/2026-01-01T00:00:00Z/PT10S", NULL, 25000, MANY, "2026-01-01T00:00:45Z",
         "missed 0+2 from 2026-01-01T00:00:00.000Z, claimed 2+3 from 2026-01-01T00:00:20.000Z, "
         "shows R/2026-01-01T00:00:50.000Z/PT10S"},
        /* the edge of a window is in it */
        {"R/2026-01-01T00:00:00Z/PT10S", NULL, 5000, MANY, "2026-01-01T00:00:05Z",
         "claimed 0+1 from 2026-01-01T00:00:00.000Z, shows R/2026-01-01T00:00:10.000Z/PT10S"},
        {"R/2026-01-01T00:00:00Z/PT10S", NULL, 5000, MANY, "2026-01-01T00:00:05.001Z",
         "missed 0+1 from 2026-01-01T00:00:00.000Z, shows R/2026-01-01T00:00:10.000Z/PT10S"},
        /* the count is used up by claims and by misses */
        {"R3/2026-01-01T00:00:00Z/PT10S", NULL, 15000, MANY, "2026-01-01T00:00:30Z",
         "missed 0+2 from 2026-01-01T00:00:00.000Z, claimed 2+1 from 2026-01-01T00:00:20.000Z, "
         "shows R0/2026-01-01T00:00:30.000Z/PT10S, never again"},
        {"R3/2026-01-01T00:00:00Z/PT10S", NULL, 5000, MANY, "2027-01-01T00:00:00Z",
         "missed 0+3 from 2026-01-01T00:00:00.000Z, "
         "shows R0/2026-01-01T00:00:30.000Z/PT10S, never again"},
        /* years of outage: one record */
        {"R/2016-01-01T00:00:00Z/PT1S", NULL, 3000, MANY, "2026-01-01T00:00:00.500Z",
         "missed 0+315619198 from 2016-01-01T00:00:00.000Z, claimed 315619198+3 from "
         "2025-12-31T23:59:58.000Z, shows R/2026-01-01T00:00:01.000Z/PT1S"},
        {"R5/2016-01-01T00:00:00Z/PT1S", NULL, WINDOW_CATCHUP, MANY, "2026-01-01T00:00:00.500Z",
         "coalesced 0+315619200 from 2016-01-01T00:00:00.000Z, claimed 315619200+1 from "
         "2026-01-01T00:00:00.000Z, shows R4/2026-01-01T00:00:01.000Z/PT1S"},
        /* room for two now: the others stay due */
        {"R/2026-01-01T00:00:00Z/PT10S", NULL, 25000, 2, "2026-01-01T00:00:45Z",
         "missed 0+2 from 2026-01-01T00:00:00.000Z, claimed 2+2 from 2026-01-01T00:00:20.000Z, "
         "shows R/2026-01-01T00:00:40.000Z/PT10S"},
        {"R/2026-01-01T00:00:00Z/PT10S", NULL, 25000, 0, "2026-01-01T00:00:45Z",
         "missed 0+2 from 2026-01-01T00:00:00.000Z, shows R/2026-01-01T00:00:20.000Z/PT10S"},
        {"R/2026-01-01T00:00:00Z/PT10S", NULL, WINDOW_CATCHUP, 0, "2026-01-01T00:00:45Z",
         "as posted"},
        {"R0/2026-01-01T00:00:00Z/PT10S", NULL, 5000, MANY, "2026-01-01T00:00:45Z",
         "as posted, never again"},
        {"R9223372036854775807/2026-01-01T00:00:00Z/PT10S", NULL, 5000, MANY,
         "2026-01-01T00:00:10Z",
         "missed 0+1 from 2026-01-01T00:00:00.000Z, claimed 1+1 from 2026-01-01T00:00:10.000Z, "
         "shows R9223372036854775805/2026-01-01T00:00:20.000Z/PT10S"},
        {"R/9999-12-30T00:00:00Z/P1D", NULL, 5000, MANY, "9999-12-31T23:59:59.999Z",
         "missed 0+2 from 9999-12-30T00:00:00.000Z, "
         "shows R/9999-12-31T23:59:59.999Z/P1D, never again"},
        /* a day that the zone skips: two targets with one due. Not coalesced: that would be a
         * record of the due that is claimed */
        {"R/2011-12-30T10:00:00/P1D", "Pacific/Apia", WINDOW_CATCHUP, MANY, "2011-12-30T20:00:00Z",
         "claimed 1+1 from 2011-12-30T20:00:00.000Z, "
         "shows R/2012-01-01T10:00:00.000+14:00/P1D"},
        {"R/2011-12-30T10:00:00/P1D", "Pacific/Apia", 5000, MANY, "2011-12-30T20:00:00Z",
         "claimed 0+2 from 2011-12-30T20:00:00.000Z, "
         "shows R/2012-01-01T10:00:00.000+14:00/P1D"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[TOLD_SIZE];
        struct schedule s = parsed(cases[i].schedule, cases[i].zone);
        struct job_cursor begin = cursor_begin(&s, (struct wall){0});
        const struct aim aim = {.schedule = &s, .window_ms = cases[i].window_ms, .catchup_most = 1};
        struct cursor_step step;
        cursor_tick(&aim, &begin, at(cases[i].now), cases[i].claims_max, &step);
        assert_string_equal(told(&s, &step, text), cases[i].told);
    }
}

static void gives_a_count_back(void **unused)
{
    (void)unused;
    struct job_cursor finite = {7, 0, true}, forever = {7, COUNT_FOREVER, true};
    cursor_give_back(&finite);
    cursor_give_back(&forever);
    assert_int_equal(finite.remaining, 1);
    assert_int_equal(forever.remaining, COUNT_FOREVER);
    struct schedule s = parsed("R8/2026-01-01T00:00:00Z/PT10S", NULL);
    const struct aim aim = {.schedule = &s, .window_ms = WINDOW_CATCHUP, .catchup_most = 1};
    assert_int_equal(cursor_next(&aim, &finite).ms, at("2026-01-01T00:01:10Z").ms);
}

/* ---- calendars */

#define MINUTES 1440

/* Each minute of each day is excluded, by turns or by the first alone: nothing looks at all that
 * has passed since 1970, nor at all to come. */
static void what_is_excluded_for_ages_is_not_looked_through(void **unused)
{
    (void)unused;
    struct calendar_entry minutes[MINUTES];
    struct arena arena = {0};
    for (int32_t i = 0; i < MINUTES; i++) { /* the even ones first */
        int32_t minute = i < MINUTES / 2 ? 2 * i : 2 * (i - MINUTES / 2) + 1;
        minutes[i] = (struct calendar_entry){.kind = CALENDAR_WEEKDAYS,
                                             .last = 6,
                                             .from_ms = minute * 60000,
                                             .to_ms = (minute + 1) * 60000};
    }
    const struct calendar by_turns[] = {calendar_of(minutes, MINUTES / 2, &arena),
                                        calendar_of(minutes + MINUTES / 2, MINUTES / 2, &arena)};
    const struct calendar alone[] = {calendar_of(minutes, MINUTES, &arena)};
    const struct calendar_rules rules[] = {{.excluded = by_turns, .excluded_n = 2},
                                           {.excluded = alone, .excluded_n = 1}};
    static const int64_t windows[] = {WINDOW_CATCHUP, 1000};
    struct schedule s = parsed("R/1970-01-02T00:00:00Z/PT1S", NULL);
    for (size_t i = 0; i < COUNT(rules) * COUNT(windows); i++) {
        const struct aim aim = {.schedule = &s,
                                .window_ms = windows[i % COUNT(windows)],
                                .catchup_most = 1,
                                .rules = &rules[i / COUNT(windows)]};
        struct job_cursor begin = cursor_begin(&s, at("1970-01-02T00:00:00Z")), c;
        struct cursor_step step;
        cursor_accept(&aim, &begin, at("2026-01-01T00:00:00Z"), true, &step);
        assert_int_equal(step.claimed.n + step.missed.n + step.coalesced.n, 0);
        cursor_tick(&aim, &begin, at("2026-01-01T00:00:00Z"), MANY, &step);
        assert_int_equal(step.claimed.n + step.missed.n + step.coalesced.n, 0);
        assert_true(step.excluded.n >= 60);
        assert_true(step.cursor.moved);
        c = begin;
        assert_int_equal(cursor_next_run(&aim, &c).ms, WALL_NEVER.ms);
    }
    /* the day that may run lies further back than is looked: it is passed, not run */
    struct calendar_entry first_day = {.first = 1, .last = 1, .to_ms = 86400000};
    const struct calendar once[] = {calendar_of(&first_day, 1, &arena)};
    const struct calendar_rules on_one_day = {.only = once, .only_n = 1};
    const struct aim aim = {
        .schedule = &s, .window_ms = WINDOW_CATCHUP, .catchup_most = 1, .rules = &on_one_day};
    struct job_cursor begin = cursor_begin(&s, at("1970-01-02T00:00:00Z"));
    struct cursor_step step;
    cursor_tick(&aim, &begin, at("2026-01-01T12:00:00Z"), MANY, &step);
    assert_int_equal(step.coalesced.n, 86400);
    assert_int_equal(step.claimed.n, 0);
    arena_close(&arena);
}

#define CLOSED 500 /* every other day, so one span each */

/* When it runs next if so many entries exclude the first days, the last of them in so many parts.
 */
static struct wall next_behind(size_t entries, bool parts)
{
    static struct calendar_entry days[20000];
    struct arena arena = {0};
    struct schedule s = parsed("R/2026-01-01T12:00:00Z/P2D", "");
    int32_t first = (int32_t)(s.first.ms / 86400000);
    assert_in_range(entries, CLOSED, COUNT(days));
    for (size_t i = 0; i < entries; i++) {
        int32_t day = first + 2 * (int32_t)(i < CLOSED ? i : CLOSED - 1);
        days[i] = (struct calendar_entry){CALENDAR_DATES, day, day, 0, parts ? 86399999 : 86400000};
    }
    const struct calendar closed = calendar_of(days, entries, &arena);
    const struct calendar_rules rules = {.excluded = &closed, .excluded_n = 1};
    struct aim a = {
        .schedule = &s, .window_ms = WINDOW_CATCHUP, .catchup_most = 1, .rules = &rules};
    struct job_cursor c = {.remaining = COUNT_FOREVER};
    struct wall next = cursor_next_run(&a, &c);
    arena_close(&arena);
    return next;
}

/* The leader does nothing else meanwhile, and one request may have it look for 250 jobs. */
static void the_more_calendars_say_of_a_day_the_less_far_it_looks(void **unused)
{
    (void)unused;
    struct wall behind = at("2028-09-27T12:00:00Z");
    assert_int_equal(next_behind(CLOSED, false).ms, behind.ms);
    assert_int_equal(next_behind(20000, false).ms, behind.ms);
    assert_int_equal(next_behind(CLOSED, true).ms, behind.ms);
    assert_int_equal(next_behind(20000, true).ms, WALL_NEVER.ms);
}

/* A leap day is looked for within decades as each day is: the leader does nothing else meanwhile.
 */
static void a_rare_target_is_looked_for_no_further_than_others(void **unused)
{
    (void)unused;
    static const struct {
        const char *day, *runs; /* or NULL: not within the next decades */
    } rows[] = {
        {"2028-02-29", "2028-02-29T00:00:00Z"},
        {"2072-02-29", "2072-02-29T00:00:00Z"},
        {"2088-02-29", NULL},
        {"2072-03-01", NULL},
    };
    struct schedule s;
    struct error err;
    assert_int_equal(schedule_parse_cron("0 0 29 2 *", NULL, "a", &s, &err), 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct calendar_entry day;
        assert_int_equal(calendar_parse(rows[i].day, &day, &err), 0);
        struct arena arena = {0};
        const struct calendar only[] = {calendar_of(&day, 1, &arena)};
        const struct calendar_rules rules = {.only = only, .only_n = 1};
        const struct aim aim = {.schedule = &s, .window_ms = 1000, .rules = &rules};
        struct job_cursor c = cursor_begin(&s, at("2026-01-01T00:00:00Z"));
        struct wall runs = rows[i].runs != NULL ? at(rows[i].runs) : WALL_NEVER;
        assert_int_equal(cursor_next_run(&aim, &c).ms, runs.ms);
        if (rows[i].runs != NULL)
            assert_int_equal(cursor_next(&aim, &c).ms, runs.ms);
        arena_close(&arena);
    }
}

/* ---- the same, one target at a time: what 3.5 says before it is made constant in time */

static struct cursor_step slow_tick(const struct schedule *s, int64_t window_ms,
                                    const struct job_cursor *from, struct wall now)
{
    struct cursor_step step = {.cursor = *from};
    struct job_cursor *c = &step.cursor;
    while (c->remaining != 0 && schedule_target(s, c->index).ms <= now.ms) {
        int64_t k = c->index++, due_ms = schedule_target(s, k).ms;
        bool newest = schedule_target(s, k + 1).ms > now.ms;
        struct targets *t = &step.claimed;
        if (window_ms == WINDOW_CATCHUP && !newest)
            t = &step.coalesced;
        else if (window_ms != WINDOW_CATCHUP && now.ms > due_ms + window_ms)
            t = &step.missed;
        if (t->n++ == 0)
            t->first = k;
        if (c->remaining != COUNT_FOREVER && t != &step.coalesced)
            c->remaining--;
        c->moved = true;
    }
    return step;
}

static void assert_same_targets(const struct targets *a, const struct targets *b)
{
    assert_int_equal(a->n, b->n);
    if (a->n > 0)
        assert_int_equal(a->first, b->first);
}

static void decides_each_target_once_as_the_slow_way_does(void **unused)
{
    (void)unused;
    static const char *const periods[] = {"PT7S", "PT90S", "P1D", "P1M", "P1M1DT3S", "P1WT1H"};
    static const int64_t period_ms[] = {7000, 90000, 86400000, 2600000000, 2700000000, 608400000};
    struct rng r;
    rng_seed(&r, 35);
    for (int round = 0; round < 2000; round++) {
        size_t p = rng_below(&r, COUNT(periods));
        char text[SCHEDULE_TEXT_SIZE], count[8] = "";
        if (rng_chance(&r, 0.7))
            snprintf(count, sizeof(count), "%d", (int)rng_below(&r, 60));
        snprintf(text, sizeof(text), "R%s/2026-03-0%dT01:30:00/%s", count,
                 1 + (int)rng_below(&r, 9), periods[p]);
        struct schedule s = parsed(text, rng_chance(&r, 0.5) ? "America/New_York" : NULL);
        int64_t window_ms = rng_chance(&r, 0.4)
                                ? WINDOW_CATCHUP
                                : 1000 + (int64_t)rng_below(&r, (uint64_t)period_ms[p] * 4);
        const struct aim aim = {.schedule = &s, .window_ms = window_ms, .catchup_most = 1};
        struct job_cursor c = cursor_begin(&s, (struct wall){0});
        struct wall now = {s.first.ms - 10000};
        for (int tick = 0; tick < 10; tick++) {
            now.ms += (int64_t)rng_below(&r, (uint64_t)period_ms[p] * (tick % 3 == 0 ? 20 : 2));
            struct cursor_step step, slow = slow_tick(&s, window_ms, &c, now);
            cursor_tick(&aim, &c, now, MANY, &step);
            assert_same_targets(&step.claimed, &slow.claimed);
            assert_same_targets(&step.missed, &slow.missed);
            assert_same_targets(&step.coalesced, &slow.coalesced);
            assert_int_equal(step.cursor.index, slow.cursor.index);
            assert_int_equal(step.cursor.remaining, slow.cursor.remaining);
            assert_int_equal(step.cursor.moved, slow.cursor.moved);
            assert_int_equal(step.cursor.index - c.index,
                             step.claimed.n + step.missed.n + step.coalesced.n);
            assert_true(step.next.ms > now.ms);
            c = step.cursor;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decides_when_a_job_is_posted),
        cmocka_unit_test(a_disabled_job_is_only_moved),
        cmocka_unit_test(counts_on_when_enabled_again),
        cmocka_unit_test(decides_what_has_become_due),
        cmocka_unit_test(gives_a_count_back),
        cmocka_unit_test(decides_each_target_once_as_the_slow_way_does),
        cmocka_unit_test(what_is_excluded_for_ages_is_not_looked_through),
        cmocka_unit_test(the_more_calendars_say_of_a_day_the_less_far_it_looks),
        cmocka_unit_test(a_rare_target_is_looked_for_no_further_than_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
