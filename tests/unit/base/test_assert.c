#include "unit.h"

static void divide(int by)
{
    ASSERT(by != 0);
}

static void get_lost(void)
{
    UNREACHABLE("there is no way here");
}

static void a_test_can_expect_an_assertion_to_fail(void **unused)
{
    (void)unused;
    assert_breaks(divide(0));
    assert_breaks(get_lost());
    divide(1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_test_can_expect_an_assertion_to_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
