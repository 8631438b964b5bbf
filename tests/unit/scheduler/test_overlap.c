#include "unit.h"

#include "scheduler/jobs/overlap.h"

static void judges_as_3_8_says(void **unused)
{
    (void)unused;
    static const struct overlap_others none = {0}, active = {.active = true},
                                       retry = {.retry_waiting = true}, both = {true, true, false};
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

/* Each policy with each cause, beside an active run: a row a policy. */
static void each_policy_answers_each_cause(void **unused)
{
    (void)unused;
    static const struct {
        enum job_overlap policy;
        enum overlap_verdict target, retry, manual, dependency;
    } rows[] = {
        {OVERLAP_WAIT, OVERLAP_WAITS, OVERLAP_WAITS, OVERLAP_WAITS, OVERLAP_WAITS},
        {OVERLAP_SKIP, OVERLAP_MISSES, OVERLAP_WAITS, OVERLAP_WAITS, OVERLAP_WAITS},
        {OVERLAP_KILL, OVERLAP_KILLS, OVERLAP_WAITS, OVERLAP_WAITS, OVERLAP_WAITS},
        {OVERLAP_ALLOW, OVERLAP_STARTS, OVERLAP_STARTS, OVERLAP_STARTS, OVERLAP_STARTS},
    };
    const struct overlap_others both = {.active = true, .retry_waiting = true};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct job j = {.overlap = rows[i].policy};
        assert_int_equal(overlap_judge(&j, CAUSE_SCHEDULE, 0, both), rows[i].target);
        assert_int_equal(overlap_judge(&j, CAUSE_SCHEDULE, 1, both), rows[i].retry);
        assert_int_equal(overlap_judge(&j, CAUSE_MANUAL, 0, both), rows[i].manual);
        assert_int_equal(overlap_judge(&j, CAUSE_DEPENDENCY, 0, both), rows[i].dependency);
    }
}

/* Whatever the policy: a backfill's run waits for others but for its own, and others for it. */
static void a_backfill_stands_behind(void **unused)
{
    (void)unused;
    static const struct {
        enum run_cause cause;
        struct overlap_others others;
        enum overlap_verdict verdict;
    } cases[] = {
        {CAUSE_BACKFILL, {0}, OVERLAP_STARTS},
        {CAUSE_BACKFILL, {.active = true}, OVERLAP_WAITS},
        {CAUSE_BACKFILL, {.filling = true}, OVERLAP_STARTS},
        {CAUSE_BACKFILL, {.retry_waiting = true}, OVERLAP_STARTS},
        {CAUSE_SCHEDULE, {.filling = true}, OVERLAP_WAITS},
        {CAUSE_SCHEDULE, {.filling = true, .retry_waiting = true}, OVERLAP_WAITS},
        {CAUSE_MANUAL, {.filling = true}, OVERLAP_WAITS},
        {CAUSE_DEPENDENCY, {.filling = true}, OVERLAP_WAITS},
    };
    for (int policy = OVERLAP_NOT_GIVEN; policy < OVERLAP_ALLOW; policy++)
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            struct job j = {.overlap = (enum job_overlap)policy};
            assert_int_equal(overlap_judge(&j, cases[i].cause, 0, cases[i].others),
                             cases[i].verdict);
        }
    const struct job any = {.overlap = OVERLAP_ALLOW};
    const struct overlap_others all = {true, true, true};
    assert_int_equal(overlap_judge(&any, CAUSE_BACKFILL, 0, all), OVERLAP_STARTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges_as_3_8_says),
        cmocka_unit_test(each_policy_answers_each_cause),
        cmocka_unit_test(a_backfill_stands_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
