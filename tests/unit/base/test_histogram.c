#include "unit.h"

#include "base/histogram.h"

static void a_bucket_is_where_its_numbers_are(void **unused)
{
    (void)unused;
    int before = -1;
    for (int64_t v = 0; v < 5000; v++) {
        int b = bucket_of(v);
        int64_t off = bucket_middle(b) - v;
        assert_true(b == before || b == before + 1);
        assert_true((off < 0 ? -off : off) * 32 <= v);
        before = b;
    }
    assert_int_equal(bucket_of(-5), 0);
    assert_in_range(bucket_middle(bucket_of(INT64_MAX)), INT64_MAX / 32 * 31, INT64_MAX);
}

static void a_share_lies_at_or_below(void **unused)
{
    (void)unused;
    const struct bucket b[] = {{1, 50}, {2, 45}, {20, 4}, {31, 1}};
    assert_int_equal(histogram_count(b, COUNT(b)), 100);
    assert_int_equal(histogram_at(b, COUNT(b), 0), 1);
    assert_int_equal(histogram_at(b, COUNT(b), 500), 1);
    assert_int_equal(histogram_at(b, COUNT(b), 501), 2);
    assert_int_equal(histogram_at(b, COUNT(b), 950), 2);
    assert_int_equal(histogram_at(b, COUNT(b), 990), 20);
    assert_int_equal(histogram_at(b, COUNT(b), 1000), 31);
    assert_int_equal(histogram_at(b, 0, 500), 0);
    assert_int_equal(histogram_at(b, 1, 999), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bucket_is_where_its_numbers_are),
        cmocka_unit_test(a_share_lies_at_or_below),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
