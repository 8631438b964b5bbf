#include "unit.h"

#include "scheduler/jobs/overlap.h"

static void judges_as_3_8_says(void **unused)
{
    (void)unused;
    static const struct overlap_others none = {0}, active = {.active = true},
                                       retry = {.retry_waiting = true}, both = {true, true};
    static const struct {
        bool concurrent;
        enum job_overlap policy;
        enum run_cause cause;
        int64_t attempt;
        struct overlap_others others;
        enum overlap_verdict verdict;
    } cases[] = {
        {false, OVERLAP_NOT_GIVEN, CAUSE_SCHEDULE, 0, none, OVERLAP_STARTS},
        {false, OVERLAP_NOT_GIVEN, CAUSE_SCHEDULE, 0, active, OVERLAP_WAITS},
        {false, OVERLAP_WAIT, CAUSE_SCHEDULE, 0, active, OVERLAP_WAITS},
        {false, OVERLAP_SKIP, CAUSE_SCHEDULE, 0, active, OVERLAP_MISSES},
        {false, OVERLAP_KILL, CAUSE_SCHEDULE, 0, active, OVERLAP_KILLS},
        /* concurrent jobs start whatever the others do */
        {true, OVERLAP_SKIP, CAUSE_SCHEDULE, 0, both, OVERLAP_STARTS},
        {true, OVERLAP_NOT_GIVEN, CAUSE_MANUAL, 0, both, OVERLAP_STARTS},
        {true, OVERLAP_NOT_GIVEN, CAUSE_SCHEDULE, 0, retry, OVERLAP_STARTS},
        /* a target takes the place of a retry, once nothing is active; nothing else does */
        {false, OVERLAP_NOT_GIVEN, CAUSE_SCHEDULE, 0, retry, OVERLAP_SUPERSEDES},
        {false, OVERLAP_SKIP, CAUSE_SCHEDULE, 0, retry, OVERLAP_SUPERSEDES},
        {false, OVERLAP_NOT_GIVEN, CAUSE_SCHEDULE, 0, both, OVERLAP_WAITS},
        {false, OVERLAP_NOT_GIVEN, CAUSE_MANUAL, 0, retry, OVERLAP_STARTS},
        {false, OVERLAP_NOT_GIVEN, CAUSE_DEPENDENCY, 0, retry, OVERLAP_STARTS},
        /* manual runs, firings and retries wait, whatever the policy */
        {false, OVERLAP_SKIP, CAUSE_MANUAL, 0, active, OVERLAP_WAITS},
        {false, OVERLAP_KILL, CAUSE_MANUAL, 0, active, OVERLAP_WAITS},
        {false, OVERLAP_KILL, CAUSE_DEPENDENCY, 0, active, OVERLAP_WAITS},
        {false, OVERLAP_KILL, CAUSE_SCHEDULE, 1, active, OVERLAP_WAITS},
        {false, OVERLAP_SKIP, CAUSE_SCHEDULE, 2, active, OVERLAP_WAITS},
        {false, OVERLAP_NOT_GIVEN, CAUSE_SCHEDULE, 1, none, OVERLAP_STARTS},
        {false, OVERLAP_NOT_GIVEN, CAUSE_SCHEDULE, 1, retry, OVERLAP_STARTS},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct job j = {.concurrent = cases[i].concurrent, .overlap = cases[i].policy};
        assert_int_equal(overlap_judge(&j, cases[i].cause, cases[i].attempt, cases[i].others),
                         cases[i].verdict);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges_as_3_8_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
