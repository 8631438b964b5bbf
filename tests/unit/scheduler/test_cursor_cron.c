/* The cursor of a cron expression: what 3.5 says of indexes, by instants. */
#include "unit.h"

#include <stdio.h>

#include "base/rng.h"
#include "scheduler/jobs/cursor.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MANY 100000 /* claims: more than any test has due */
#define DAY_MS INT64_C(86400000)

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
    if (schedule_parse_cron(text, zone, "job", &s, &err) != 0)
        fail_msg("%s: %s", text, err.text);
    return s;
}

#define TOLD_SIZE 512

static int tell(char *dst, int n, const char *what, const struct targets *t)
{
    char first[TIME_TEXT_SIZE], last[TIME_TEXT_SIZE];
    if (t->n == 0)
        return n;
    assert_int_equal(t->first * 1000, t->first_due.ms);
    assert_int_equal(t->last * 1000, t->last_due.ms);
    wall_text(t->first_due, first);
    wall_text(t->last_due, last);
    return n + snprintf(dst + n, TOLD_SIZE - (size_t)n, "%s %lld: %.14s to %.14s, ", what,
                        (long long)t->n, first + 5, last + 5);
}

static const char *told(const struct cursor_step *step, char dst[TOLD_SIZE])
{
    char next[TIME_TEXT_SIZE];
    int n = tell(dst, 0, "missed", &step->missed);
    n = tell(dst, n, "coalesced", &step->coalesced);
    n = tell(dst, n, "claimed", &step->claimed);
    assert_int_equal(step->cursor.remaining, COUNT_FOREVER);
    snprintf(dst + n, TOLD_SIZE - (size_t)n, "next %.14s", wall_text(step->next, next) + 5);
    return dst;
}

static void begins_when_it_is_posted(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        int64_t window_ms;
        const char *posted, *told;
    } cases[] = {
        /* no run of what passed before there was a job, in either mode */
        {"0 * * * *", 60000, "2026-01-01T10:00:30Z", "next 01-01T11:00:00"},
        {"0 * * * *", WINDOW_CATCHUP, "2026-01-01T10:00:30Z", "next 01-01T11:00:00"},
        {"0 * * * *", WINDOW_CATCHUP, "2026-01-01T10:00:00.001Z", "next 01-01T11:00:00"},
        {"0 * * * *", WINDOW_CATCHUP, "2026-01-01T10:00:00Z",
         "claimed 1: 01-01T10:00:00 to 01-01T10:00:00, next 01-01T11:00:00"},
        {"0 * * * *", 60000, "2026-01-01T10:00:00Z",
         "claimed 1: 01-01T10:00:00 to 01-01T10:00:00, next 01-01T11:00:00"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[TOLD_SIZE];
        struct schedule s = parsed(cases[i].text, NULL);
        struct job_cursor begin = cursor_begin(&s, at(cases[i].posted));
        const struct aim aim = {.schedule = &s, .window_ms = cases[i].window_ms, .catchup_most = 1};
        struct cursor_step step;
        cursor_accept(&aim, &begin, at(cases[i].posted), true, &step);
        assert_string_equal(told(&step, text), cases[i].told);
    }
}

/* Posted at noon of 1 January, looked at once more later. */
static void decides_what_has_become_due(void **unused)
{
    (void)unused;
    static const struct {
        const char *text, *zone;
        int64_t window_ms, claims_max, most;
        const char *now, *told;
    } cases[] = {
        {"*/10 * * * *", NULL, 60000, MANY, 1, "2026-01-01T12:00:00Z",
         "claimed 1: 01-01T12:00:00 to 01-01T12:00:00, next 01-01T12:10:00"},
        {"*/10 * * * *", NULL, 60000, MANY, 1, "2026-01-01T12:45:00Z",
         "missed 5: 01-01T12:00:00 to 01-01T12:40:00, next 01-01T12:50:00"},
        {"*/10 * * * *", NULL, 1200000, MANY, 1, "2026-01-01T12:45:00Z",
         "missed 3: 01-01T12:00:00 to 01-01T12:20:00, "
         "claimed 2: 01-01T12:30:00 to 01-01T12:40:00, next 01-01T12:50:00"},
        {"*/10 * * * *", NULL, 1200000, 1, 1, "2026-01-01T12:45:00Z",
         "missed 3: 01-01T12:00:00 to 01-01T12:20:00, "
         "claimed 1: 01-01T12:30:00 to 01-01T12:30:00, next 01-01T12:40:00"},
        {"*/10 * * * *", NULL, 1200000, 0, 1, "2026-01-01T12:45:00Z",
         "missed 3: 01-01T12:00:00 to 01-01T12:20:00, next 01-01T12:30:00"},
        {"*/10 * * * *", NULL, WINDOW_CATCHUP, MANY, 1, "2026-01-01T12:45:00Z",
         "coalesced 4: 01-01T12:00:00 to 01-01T12:30:00, "
         "claimed 1: 01-01T12:40:00 to 01-01T12:40:00, next 01-01T12:50:00"},
        {"*/10 * * * *", NULL, WINDOW_CATCHUP, 0, 1, "2026-01-01T12:45:00Z", "next 01-01T12:00:00"},
        {"*/10 * * * *", NULL, WINDOW_CATCHUP, MANY, 3, "2026-01-01T12:45:00Z",
         "coalesced 2: 01-01T12:00:00 to 01-01T12:10:00, "
         "claimed 3: 01-01T12:20:00 to 01-01T12:40:00, next 01-01T12:50:00"},
        {"*/10 * * * *", NULL, WINDOW_CATCHUP, 2, 3, "2026-01-01T12:45:00Z",
         "coalesced 2: 01-01T12:00:00 to 01-01T12:10:00, "
         "claimed 2: 01-01T12:20:00 to 01-01T12:30:00, next 01-01T12:40:00"},
        {"*/10 * * * *", NULL, WINDOW_CATCHUP, MANY, 9, "2026-01-01T12:45:00Z",
         "claimed 5: 01-01T12:00:00 to 01-01T12:40:00, next 01-01T12:50:00"},
        {"5 * * * *", NULL, WINDOW_CATCHUP, MANY, 1, "2026-01-01T12:04:59.999Z",
         "next 01-01T12:05:00"},
        /* ten years that nobody looked, each second */
        {"* * * * * *", "Europe/Dublin", 1000, MANY, 1, "2036-01-01T12:00:00Z",
         "missed 315532799: 01-01T12:00:00 to 01-01T11:59:58, "
         "claimed 2: 01-01T11:59:59 to 01-01T12:00:00, next 01-01T12:00:01"},
        {"30 2 * * *", "Europe/Berlin", WINDOW_CATCHUP, MANY, 1, "2026-03-29T02:00:00Z",
         "coalesced 86: 01-02T01:30:00 to 03-28T01:30:00, "
         "claimed 1: 03-29T01:30:00 to 03-29T01:30:00, next 03-30T00:30:00"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[TOLD_SIZE];
        struct schedule s = parsed(cases[i].text, cases[i].zone);
        struct job_cursor begin = cursor_begin(&s, at("2026-01-01T12:00:00Z"));
        const struct aim aim = {
            .schedule = &s, .window_ms = cases[i].window_ms, .catchup_most = cases[i].most};
        struct cursor_step step;
        cursor_tick(&aim, &begin, at(cases[i].now), cases[i].claims_max, &step);
        assert_string_equal(told(&step, text), cases[i].told);
    }
}

/* ---- the same, one target at a time */

struct slow {
    int64_t claimed, missed, coalesced;
    struct wall first_claimed, next;
};

static struct slow slow_tick(const struct schedule *s, int64_t window_ms,
                             const struct job_cursor *from, struct wall now)
{
    struct slow slow = {.next = schedule_target(s, from->index)};
    while (slow.next.ms <= now.ms) {
        struct wall due = slow.next;
        slow.next = schedule_target(s, due.ms / 1000 + 1);
        if (window_ms == WINDOW_CATCHUP && slow.next.ms <= now.ms) {
            slow.coalesced++;
        } else if (window_ms != WINDOW_CATCHUP && now.ms > due.ms + window_ms) {
            slow.missed++;
        } else if (slow.claimed++ == 0) {
            slow.first_claimed = due;
        }
    }
    return slow;
}

static void decides_each_target_once_as_the_slow_way_does(void **unused)
{
    (void)unused;
    static const char *const texts[] = {"*/7 * * * *",     "30 2 * * *",       "15,45 1-3 * * *",
                                        "*/20 * * * * *",  "0 3 * * MON-FRI",  "@every 50m",
                                        "10 */6 1,15 * 1", "45 23,0,1,2 * * *"};
    static const char *const zones[] = {"", "America/New_York", "Pacific/Apia",
                                        "Australia/Lord_Howe"};
    struct rng r;
    rng_seed(&r, 20);
    for (int round = 0; round < 300; round++) {
        struct schedule s =
            parsed(texts[rng_below(&r, COUNT(texts))], zones[rng_below(&r, COUNT(zones))]);
        int64_t window_ms =
            rng_chance(&r, 0.4) ? WINDOW_CATCHUP : 1000 + (int64_t)rng_below(&r, DAY_MS);
        struct wall now = {at("2011-12-20T00:00:00Z").ms + (int64_t)rng_below(&r, 700) * DAY_MS};
        const struct aim aim = {.schedule = &s, .window_ms = window_ms, .catchup_most = 1};
        struct job_cursor c = cursor_begin(&s, now);
        for (int tick = 0; tick < 10; tick++) {
            now.ms += (int64_t)rng_below(&r, tick % 5 == 0 ? 3 * DAY_MS : DAY_MS / 24);
            struct cursor_step step;
            struct slow slow = slow_tick(&s, window_ms, &c, now);
            cursor_tick(&aim, &c, now, MANY, &step);
            assert_int_equal(step.claimed.n, slow.claimed);
            assert_int_equal(step.missed.n, slow.missed);
            assert_int_equal(step.coalesced.n, slow.coalesced);
            if (slow.claimed > 0)
                assert_int_equal(step.claimed.first_due.ms, slow.first_claimed.ms);
            assert_int_equal(step.next.ms, slow.next.ms);
            assert_true(step.next.ms > now.ms);
            c = step.cursor;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(begins_when_it_is_posted),
        cmocka_unit_test(decides_what_has_become_due),
        cmocka_unit_test(decides_each_target_once_as_the_slow_way_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
