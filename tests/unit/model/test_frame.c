#include "unit.h"

#include "model/frame.h"

static void an_agent_may_report_and_ask_and_nothing_else(void **unused)
{
    (void)unused;
    static const char *const may[] = {"L{}", "H?", "X", "J{}"};
    static const char *const may_not[] = {"R",  "A{}", "Q",  "P", "H!{}", "H",
                                          "T?", "T!",  "U!", "S", "?",    ""};
    for (size_t i = 0; i < sizeof may / sizeof may[0]; i++)
        assert_true(frame_may_be_of_agent(slice_of(may[i])));
    for (size_t i = 0; i < sizeof may_not / sizeof may_not[0]; i++)
        assert_false(frame_may_be_of_agent(slice_of(may_not[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_agent_may_report_and_ask_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
