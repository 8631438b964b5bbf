/* tests/unit/executor/test_checker.c - a clock and a probe of the test's own, and a real loop */
#include "unit.h"

#include <string.h>

#include "executor/checker.h"

static uv_loop_t loop;
static struct checker checker;
static unsigned changes;
static bool stopped;

static int64_t now_ms;

static struct mono fake_mono(struct clock *c)
{
    (void)c;
    return (struct mono){now_ms};
}

static struct wall fake_wall(struct clock *c)
{
    (void)c;
    return (struct wall){1000000 + now_ms};
}

static struct clock fake_clock = {.mono = fake_mono, .wall = fake_wall};

/* Keeps the question until the test answers it. */
static struct fake_probe {
    struct probe probe;
    unsigned asked;
    void (*answered)(struct probe *p, enum probe_answer answer);
} fake;

static void fake_ask(struct probe *p, void (*answered)(struct probe *p, enum probe_answer answer))
{
    (void)p;
    fake.asked++;
    fake.answered = answered;
}

static void answer(enum probe_answer a)
{
    void (*answered)(struct probe * p, enum probe_answer answer) = fake.answered;
    fake.answered = NULL;
    answered(&fake.probe, a);
}

static void on_change(struct checker *c)
{
    (void)c;
    changes++;
}

static void on_stopped(struct checker *c)
{
    (void)c;
    stopped = true;
}

static const struct health_policy policy = {
    .grace_ms = 3000, .interval_ms = 1000, .early_ms = 100, .max_failures = 2};

static int begin(void **unused)
{
    (void)unused;
    struct error err;
    now_ms = 0;
    changes = 0;
    stopped = false;
    fake = (struct fake_probe){.probe.ask = fake_ask};
    uv_loop_init(&loop);
    return checker_start(&checker, &loop, &fake_clock, &fake.probe, &policy, 0, on_change, &err);
}

static int end(void **unused)
{
    (void)unused;
    assert_true(stopped);
    assert_int_equal(uv_loop_close(&loop), 0); /* nothing is left */
    return 0;
}

/* Lets the timer fire that is due at this time; the loop's own clock does not count. */
static void until_asked(unsigned times)
{
    while (fake.asked < times)
        uv_run(&loop, UV_RUN_ONCE);
}

static void stop_waits_for_the_answer_in_flight(void **unused)
{
    (void)unused;
    until_asked(1);
    checker_stop(&checker, on_stopped);
    uv_run(&loop, UV_RUN_NOWAIT);
    assert_false(stopped);
    answer(PROBE_BAD);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_true(stopped);
    assert_int_equal(changes, 0);
}

static void tells_changes_only(void **unused)
{
    (void)unused;
    until_asked(1);
    now_ms = 10;
    answer(PROBE_GOOD);
    assert_int_equal(changes, 1);
    assert_int_equal(checker.health.state, HEALTH_GOOD);
    assert_int_equal(checker.first_good.ms, 1000010);
    now_ms = 1010; /* due now: the loop need not wait */
    checker.health.due.ms = 0;
    uv_timer_stop(&checker.timer);
    checker_stop(&checker, on_stopped);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(changes, 1);
}

static void asks_again_until_doomed(void **unused)
{
    (void)unused;
    static const enum probe_answer story[] = {PROBE_GOOD, PROBE_BAD, PROBE_NEITHER, PROBE_BAD};
    static const enum health_state states[] = {HEALTH_GOOD, HEALTH_BAD, HEALTH_BAD, HEALTH_DOOMED};
    for (unsigned i = 0; i < 4; i++) {
        until_asked(i + 1);
        answer(story[i]);
        assert_int_equal(checker.health.state, states[i]);
        now_ms = checker.health.due.ms; /* its time has come */
        if (states[i] != HEALTH_DOOMED)
            uv_timer_start(&checker.timer, checker.timer.timer_cb, 0, 0);
    }
    assert_int_equal(changes, 3);
    assert_false(uv_is_active((uv_handle_t *)&checker.timer)); /* nobody asks for the doomed */
    checker_stop(&checker, on_stopped);
    uv_run(&loop, UV_RUN_DEFAULT);
}

/* But not of what is forgiven. */
static void remembers_why_it_was_bad(void **unused)
{
    (void)unused;
    static const struct {
        enum probe_answer answer;
        const char *said, *cause;
        int64_t last_bad;
    } story[] = {{PROBE_BAD, "not there yet", "", 0},
                 {PROBE_GOOD, "200 OK", "", 0},
                 {PROBE_BAD, "refused", "refused", 1000030},
                 {PROBE_GOOD, "200 OK", "refused", 1000030}};
    for (unsigned i = 0; i < 4; i++) {
        until_asked(i + 1);
        strcpy(fake.probe.cause, story[i].said);
        now_ms += 10;
        answer(story[i].answer);
        assert_string_equal(checker.cause, story[i].cause);
        assert_int_equal(checker.last_bad.ms, story[i].last_bad);
        uv_timer_start(&checker.timer, checker.timer.timer_cb, 0, 0); /* its time has come */
    }
    until_asked(5);
    checker_stop(&checker, on_stopped);
    answer(PROBE_GOOD);
    uv_run(&loop, UV_RUN_DEFAULT);
}

/* As long as failures are forgiven the next check comes sooner than the interval. */
static void is_eager_at_first(void **unused)
{
    (void)unused;
    static const int64_t waits[] = {100, 200, 400, 800, 1000};
    for (unsigned i = 0; i < 5; i++) {
        until_asked(i + 1);
        int64_t before = now_ms;
        answer(PROBE_BAD);
        assert_int_equal(checker.health.state, HEALTH_UNKNOWN);
        assert_int_equal(checker.health.due.ms - before, waits[i]);
        now_ms = checker.health.due.ms;
        uv_timer_start(&checker.timer, checker.timer.timer_cb, 0, 0);
    }
    checker_stop(&checker, on_stopped);
    uv_run(&loop, UV_RUN_DEFAULT);
}

/* One that informs tells of each other code, whatever it means, and of none that could not be asked
 * for. */
static void one_that_informs_tells_its_code(void **unused)
{
    (void)unused;
    static const struct {
        enum probe_answer answer;
        int says, code;
        unsigned changes;
    } story[] = {
        {PROBE_BAD, NO_RESULT, NO_RESULT, 0},
        {PROBE_GOOD, 200, 200, 1},
        {PROBE_GOOD, 200, 200, 1},
        {PROBE_GOOD, 204, 204, 2},
        {PROBE_BAD, 503, 503, 3},
        {PROBE_NEITHER, 7, 503, 3},
        {PROBE_BAD, NO_RESULT, NO_RESULT, 4},
    };
    checker.informs = true;
    for (unsigned i = 0; i < COUNT(story); i++) {
        until_asked(i + 1);
        assert_int_equal(fake.probe.code, NO_RESULT); /* nothing is left of the last answer */
        fake.probe.code = story[i].says;
        answer(story[i].answer);
        assert_int_equal(checker.code, story[i].code);
        assert_int_equal(changes, story[i].changes);
        if (checker.health.state == HEALTH_DOOMED)
            checker.health.state = HEALTH_BAD; /* this policy would kill */
        uv_timer_start(&checker.timer, checker.timer.timer_cb, 0, 0);
    }
    until_asked(COUNT(story) + 1);
    checker_stop(&checker, on_stopped);
    answer(PROBE_GOOD);
    uv_run(&loop, UV_RUN_DEFAULT);
}

static void refuses_a_policy_without_sense(void **unused)
{
    (void)unused;
    struct error err;
    struct health_policy never = {.interval_ms = 0};
    struct checker c = {0};
    assert_int_equal(checker_start(&c, &loop, &fake_clock, &fake.probe, &never, 0, on_change, &err),
                     -1);
    assert_int_equal(err.code, ERR_INVALID);
    fake.probe.data = &checker;
    checker_stop(&checker, on_stopped);
    uv_run(&loop, UV_RUN_DEFAULT);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(stop_waits_for_the_answer_in_flight),
        T(tells_changes_only),
        T(asks_again_until_doomed),
        T(remembers_why_it_was_bad),
        T(is_eager_at_first),
        T(one_that_informs_tells_its_code),
        T(refuses_a_policy_without_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
