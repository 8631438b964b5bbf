#include "unit.h"

#include <math.h>

#include "http/counts.h"

static void near(double got, double wanted, double part)
{
    if (fabs(got - wanted) > wanted * part + 1e-9)
        fail_msg("%g, wanted %g", got, wanted);
}

static void a_steady_stream_has_its_rate(void **unused)
{
    (void)unused;
    struct http_counts c = {0};
    int64_t now = 5000;
    for (int i = 0; i < 100 * 3600; i++, now += 10)
        counts_answer(&c, i % 10 == 0 ? 503 : 200, 0.001, now);
    for (int i = 0; i < COUNT_RATES; i++) {
        near(meter_rate(&c.all, i, now), 100, 0.03);
        near(meter_rate(&c.answers[4], i, now), 10, 0.03);
    }
    assert_int_equal(c.all.count, 360000);
    assert_int_equal(c.answers[1].count, 324000);
    near(meter_rate(&c.all, 0, now + 60000), 100 / M_E, 0.03); /* and forgets it */
    near(meter_rate(&c.all, 1, now + 300000), 100 / M_E, 0.03);
}

static void nothing_has_no_rate_and_no_times(void **unused)
{
    (void)unused;
    struct http_counts c = {0};
    near(meter_rate(&c.all, 0, 1000000), 0, 0);
    near(counts_quantile(&c, 0.5), 0, 0);
}

static void times_are_known_by_their_shares(void **unused)
{
    (void)unused;
    struct http_counts c = {0};
    for (int i = 1; i <= 1000; i++)
        counts_answer(&c, 200, i / 1000.0, 0);
    near(counts_quantile(&c, 0.5), 0.5, 0.35);
    near(counts_quantile(&c, 0.99), 0.99, 0.35);
    near(counts_quantile(&c, 1), 1, 0);
    near(c.took_s, 500.5, 0.001);
    near(c.least_s, 0.001, 0.001);
    counts_answer(&c, 200, 1e9, 0); /* beyond the last step */
    near(counts_quantile(&c, 1), 50e-6 * pow(1.35, COUNT_STEPS - 1), 0.001);
    counts_answer(&c, 999, 0, 0); /* no status that there is */
    assert_int_equal(c.all.count, 1002);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_steady_stream_has_its_rate),
        cmocka_unit_test(nothing_has_no_rate_and_no_times),
        cmocka_unit_test(times_are_known_by_their_shares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
