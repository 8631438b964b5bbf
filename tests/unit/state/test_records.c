/* What the record of a run says: how it ended, and of which targets it speaks. */
#include "runs.h"

#include <stdio.h>

#include "model/command.h"

static void what_was_cancelled_unassigned_may_be_excluded(void **data)
{
    struct fixture *f = *data;
    struct run_row r;
    char args[256];
    int64_t job = put_job(f, "j");
    static const char *const decided[] = {"'claims':[{'due_ms':1000}]",
                                          "'excluded':{'due_ms':1000,'covers':1,'reason':'c'}"};
    for (int k = 0; k < 2; k++) {
        if (k == 1) {
            snprintf(args, sizeof args, "{'jobs':[%lld]}", (long long)job);
            applied(f, "job.pause", args);
            assert_int_equal(state_of(f, newest_run(f)), RUN_CANCELLED);
            snprintf(args, sizeof args,
                     "{'set':[{'job':%lld,'generation':1,'at_k':1,'k':1,'remaining':-1}]}",
                     (long long)job);
            applied(f, "job.resume", args);
        }
        snprintf(args, sizeof args,
                 "{'set':[{'job':%lld,'generation':1,'at_k':%d,'k':%d,'remaining':-1,%s}]}",
                 (long long)job, k, k + 1, decided[k]);
        applied(f, "job.tick", args);
    }
    assert_int_equal(runs_of(f, job), 1);
    assert_true(state_run_by_id(f->state, newest_run(f), &r));
    assert_int_equal(r.state, RUN_EXCLUDED);
}

/* An agent says "killed" of what it has killed, however that ended. */
static void what_ended_before_it_could_be_killed_ended_so(void **data)
{
    struct fixture *f = *data;
    static const struct {
        const char *end;
        enum run_state is;
    } rows[] = {{"finished", RUN_SUCCESS}, {"failed", RUN_KILLED}, {"killed", RUN_KILLED}};
    put_job(f, "j");
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t run = trigger(f, "j"), task = launch_run(f, run);
        status(f, task, 1, "running");
        kill_task(f, task);
        assert_int_equal(task_of(f, task).state, TASK_KILLING);
        status(f, task, 2, rows[i].end);
        assert_int_equal(state_of(f, run), rows[i].is);
    }
}

static void below_its_level_who_was_to_end_was_killed(void **data)
{
    struct fixture *f = *data;
    upgrade(f, WELL_LEVEL - 1);
    put_job(f, "j");
    int64_t run = trigger(f, "j"), task = launch_run(f, run);
    status(f, task, 1, "running");
    kill_task(f, task);
    status(f, task, 2, "finished");
    assert_int_equal(task_of(f, task).state, TASK_KILLED);
    assert_int_equal(state_of(f, run), RUN_KILLED);
}

/* Excludes the target due then; `more` says which one was before it. How many records are there? */
static int64_t exclude(struct fixture *f, int64_t job, int k, int due, const char *more)
{
    char args[256];
    snprintf(args, sizeof args,
             "{'set':[{'job':%lld,'generation':1,'at_k':%d,'k':%d,'remaining':-1,"
             "'excluded':{'due_ms':%d,'covers':1,'reason':'c'%s}}]}",
             (long long)job, k, k + 1, due, more);
    applied(f, "job.tick", args);
    return runs_of(f, job);
}

static void a_record_of_excluded_targets_grows_by_the_next_one(void **data)
{
    struct fixture *f = *data;
    int64_t job = put_job(f, "j");
    assert_int_equal(exclude(f, job, 0, 1000, ""), 1);
    assert_int_equal(exclude(f, job, 1, 2000, ",'after_ms':1000"), 1);
    assert_int_equal(exclude(f, job, 2, 4000, ",'after_ms':3000"), 2); /* one was between them */
    assert_int_equal(exclude(f, job, 3, 5000, ""), 3); /* of a leader that did not say */
}

static void below_its_level_by_any_later_one(void **data)
{
    struct fixture *f = *data;
    struct run_row r;
    upgrade(f, WELL_LEVEL - 1);
    int64_t job = put_job(f, "j");
    assert_int_equal(exclude(f, job, 0, 1000, ""), 1);
    assert_int_equal(exclude(f, job, 1, 4000, ",'after_ms':3000"), 1);
    assert_int_equal(exclude(f, job, 2, 5000, ""), 1);
    assert_true(state_run_by_id(f->state, newest_run(f), &r));
    assert_int_equal(r.covers, 3);
}

/* Of a run for a target of an hour past: how long it took, and how many were late. */
static int64_t took(struct fixture *f, int64_t *late_out)
{
    char args[256];
    struct bucket b[JOB_BUCKETS];
    int64_t ms[LIMIT_JOB_SAMPLES], job = put_job(f, "j"), due = f->at - 3600000;
    snprintf(args, sizeof args, "{'name':'j','from_ms':%lld,'to_ms':%lld,'most':1}", (long long)due,
             (long long)due + 1);
    applied(f, "backfill.put", args);
    snprintf(args, sizeof args,
             "{'set':[{'job':%lld,'backfill':1,'at_ms':%lld,'next_ms':%lld,'dues':[%lld]}]}",
             (long long)job, (long long)due, (long long)due + 1, (long long)due);
    applied(f, "backfill.tick", args);
    int64_t task = launch_run(f, newest_run(f));
    status(f, task, 1, "running");
    f->at += 5000;
    status(f, task, 2, "finished");
    *late_out = state_job_days(f->state, job, DAY_LATE, 0, b);
    assert_int_equal(state_job_samples(f->state, job, ms), 1);
    return ms[0];
}

static void who_makes_up_for_the_past_is_not_late(void **data)
{
    struct fixture *f = *data;
    int64_t late;
    assert_in_range(took(f, &late), 5000, 6000);
    assert_int_equal(late, 0);
}

static void below_its_level_a_backfill_took_as_long_as_from_its_target(void **data)
{
    struct fixture *f = *data;
    int64_t late;
    upgrade(f, FILLS_LEVEL - 1);
    assert_in_range(took(f, &late), 3605000, 3606000);
    assert_int_equal(late, 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up_newest, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(what_was_cancelled_unassigned_may_be_excluded),
        T(what_ended_before_it_could_be_killed_ended_so),
        cmocka_unit_test_setup_teardown(below_its_level_who_was_to_end_was_killed, set_up,
                                        tear_down),
        T(a_record_of_excluded_targets_grows_by_the_next_one),
        cmocka_unit_test_setup_teardown(below_its_level_by_any_later_one, set_up, tear_down),
        T(who_makes_up_for_the_past_is_not_late),
        cmocka_unit_test_setup_teardown(below_its_level_a_backfill_took_as_long_as_from_its_target,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
