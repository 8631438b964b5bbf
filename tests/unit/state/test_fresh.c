/* Which of a job's runs that are over are looked at whether they are old, and when: what counts
 * them (level 43) decides as the index before did. */
#include "runs.h"

#include <stdio.h>

#include "base/rng.h"
#include "db/statement.h"
#include "model/command.h"
#include "state/private.h"

static int64_t number(struct fixture *f, const char *sql)
{
    struct error err;
    struct stmt *q = db_query(f->db, slice_of(sql), &err);
    assert_non_null(q);
    int64_t n = stmt_one_i64(q, -1);
    stmt_free(q);
    return n;
}

static bool is_old(struct fixture *f, int64_t run)
{
    char sql[80];
    snprintf(sql, sizeof sql, "select old_bytes is not null from job_runs where id = %lld",
             (long long)run);
    return number(f, sql) == 1;
}

/* A run that is on its way: its task. */
static int64_t begin_run(struct fixture *f, const char *job, int64_t *run_out)
{
    char args[96];
    snprintf(args, sizeof args, "{'name':'%s','concurrent':true}", job);
    applied(f, "job.trigger", args);
    *run_out = newest_run(f);
    int64_t task = launch_run(f, *run_out);
    status(f, task, 1, "running");
    return task;
}

/* Its task goes on. */
static void complete(struct fixture *f, int64_t task)
{
    char args[64];
    snprintf(args, sizeof args, "{'task':%lld,'code':0}", (long long)task);
    applied(f, "run.complete", args);
}

static void what_ends_late_has_its_place_by_its_due(void **data)
{
    struct fixture *f = *data;
    int64_t runs[2], tasks[2];
    put_job(f, "j");
    set_history(f, "runs", 5);
    pass_often(f, 1, 0, 40, "missed");
    f->at += 1000;
    for (int i = 0; i < 2; i++)
        tasks[i] = begin_run(f, "j", &runs[i]);
    status(f, tasks[0], 2, "finished");
    set_history(f, "runs", 5);
    trim_to_the_end(f, 0);
    assert_int_equal(number(f, "select fresh from job_ends"), 5);
    assert_false(is_old(f, runs[0]));
    run_often(f, "j", 40);
    set_history(f, "runs", 5);
    trim_to_the_end(f, 0);
    assert_true(is_old(f, runs[0]));
    set_history(f, "runs", 50); /* there is room among the newest again */
    trim_to_the_end(f, 0);
    status(f, tasks[1], 2, "finished");
    set_history(f, "runs", 50);
    trim_to_the_end(f, 0);
    assert_false(is_old(f, runs[1]));
    set_history(f, "runs", 5);
    trim_to_the_end(f, 0);
    assert_true(is_old(f, runs[1]));
    assert_int_equal(number(f, "select fresh from job_ends"), 5);
}

/* Where its task lives its run is passed, and is not looked at again before that has ended. */
static void who_is_held_stands_in_nobodys_way(void **data)
{
    struct fixture *f = *data;
    int64_t run;
    put_job(f, "j");
    set_history(f, "runs", 5);
    int64_t task = begin_run(f, "j", &run);
    complete(f, task);
    run_often(f, "j", 40);
    set_history(f, "runs", 5);
    trim_to_the_end(f, 0);
    assert_int_equal(number(f, "select id from job_runs where held is not null"), run);
    assert_int_equal(number(f, "select count(*) from job_runs where old_bytes is null"), 6);
    assert_true(number(f, "select mark_ms > (select due_ms from job_runs where held is not null) "
                          "from job_ends") == 1);
    status(f, task, 2, "finished");
    assert_true(is_old(f, run));
    assert_int_equal(number(f, "select count(*) from job_runs where held is not null"), 0);
}

/* Be it held, or not looked at yet. */
static void a_name_waits_for_a_task_of_long_ago(void **data)
{
    struct fixture *f = *data;
    int64_t run;
    for (int i = 0; i < 2; i++) {
        put_job(f, "j");
        set_history(f, "runs", i == 0 ? 5 : 1000);
        int64_t task = begin_run(f, "j", &run);
        complete(f, task);
        run_often(f, "j", 100);
        trim_to_the_end(f, 0);
        applied(f, "job.delete", "{'name':'j'}");
        assert_true(state_name_is_ending(f->state, "j"));
        trim_to_the_end(f, 0);
        assert_true(state_name_is_ending(f->state, "j"));
        status(f, task, 2, "finished");
        assert_false(state_name_is_ending(f->state, "j"));
        assert_true(is_old(f, run));
    }
}

/* ---- the same at the level before, and from an upgrade on */

struct twins {
    struct fixture f[2]; /* the second is upgraded meanwhile */
    struct rng rng;
    int64_t job, k, keep, tasks[32];
    size_t tasks_n;
};

static void both(struct twins *t, const char *word, const char *args)
{
    for (int i = 0; i < 2; i++)
        apply(&t->f[i], word, args);
    assert_int_equal(t->f[0].last.code, t->f[1].last.code);
}

static void twins_keep(struct twins *t, int64_t keep)
{
    t->keep = keep;
    for (int i = 0; i < 2; i++)
        set_history(&t->f[i], "runs", keep);
}

static void twins_begin(struct twins *t)
{
    char args[192];
    struct run_row r;
    if (t->tasks_n == COUNT(t->tasks))
        return;
    snprintf(args, sizeof args, "{'name':'j','concurrent':true,'due_ms':%lld}",
             (long long)(T0 + 1000 * (int64_t)rng_below(&t->rng, 300)));
    both(t, "job.trigger", args);
    int64_t run = newest_run(&t->f[0]);
    assert_int_equal(newest_run(&t->f[1]), run);
    snprintf(args, sizeof args,
             "{'runs':[{'run':%lld,'attempt':0,'name':'t%lld','agent':0,'cpus':0.01,'mem':1,"
             "'disk':0}]}",
             (long long)run, (long long)run);
    both(t, "task.launch", args);
    assert_true(state_run_by_id(t->f[0].state, run, &r));
    snprintf(args, sizeof args, "{'set':[{'task':%lld,'seq':1,'state':'running'}]}",
             (long long)r.task);
    both(t, "task.update", args);
    t->tasks[t->tasks_n++] = r.task;
}

static void twins_end(struct twins *t, size_t which)
{
    char args[96];
    snprintf(args, sizeof args, "{'set':[{'task':%lld,'seq':2,'state':'finished'}]}",
             (long long)t->tasks[which]);
    t->tasks[which] = t->tasks[--t->tasks_n];
    both(t, "task.update", args);
}

/* Missed, coalesced or excluded, of which some are one record that goes on. */
static void twins_pass(struct twins *t)
{
    char args[256];
    static const char *const how[] = {"missed", "coalesced", "excluded"};
    snprintf(args, sizeof args,
             "{'set':[{'job':%lld,'generation':1,'at_k':%lld,'k':%lld,'remaining':-1,"
             "'%s':{'due_ms':%lld,'covers':2,'reason':'x'}}]}",
             (long long)t->job, (long long)t->k, (long long)t->k + 1, how[rng_below(&t->rng, 3)],
             (long long)(T0 + 1000 * (t->k % 300)));
    t->k++;
    both(t, "job.tick", args);
}

static void twins_tell(struct twins *t, bool kill)
{
    char args[128];
    struct task_row task;
    if (t->tasks_n == 0)
        return;
    assert_true(state_task_by_id(t->f[0].state, t->tasks[rng_below(&t->rng, t->tasks_n)], &task));
    if (kill)
        snprintf(args, sizeof args, "{'set':[{'run':%lld,'attempt':0,'to':'kill','reason':'x'}]}",
                 (long long)task.run);
    else
        snprintf(args, sizeof args, "{'task':%lld,'code':0}", (long long)task.id);
    both(t, kill ? "run.update" : "run.complete", args);
}

static void twins_are_equal(struct twins *t)
{
    static const char *const same[] = {
        "select sum(id * id) from job_runs where old_bytes is not null",
        "select sum(id * id) from job_runs where old_bytes is null",
        "select sum(old_bytes) from job_runs",
        "select bytes from runs_old_size",
    };
    for (size_t i = 0; i < COUNT(same); i++)
        assert_int_equal(number(&t->f[0], same[i]), number(&t->f[1], same[i]));
}

/* All has ended, and is trimmed. What was held while a larger bound came is old all the same. */
static void twins_rest(struct twins *t, int64_t keep)
{
    while (t->tasks_n > 0)
        twins_end(t, t->tasks_n - 1);
    twins_keep(t, t->keep); /* visits all */
    while (state_any_to_trim(t->f[0].state) || state_any_to_trim(t->f[1].state))
        both(t, "job.trim", "{}");
    twins_are_equal(t);
    twins_keep(t, keep);
}

static void twins_put(struct twins *t)
{
    if (t->job != 0)
        both(t, "job.delete", "{'name':'j'}");
    for (int i = 0; i < 2; i++)
        t->job = put_job(&t->f[i], "j");
    t->k = 0;
}

static void twins_do(struct twins *t)
{
    switch (rng_below(&t->rng, 40)) {
    case 0:
        twins_keep(t, 1 + (int64_t)rng_below(&t->rng, (uint64_t)t->keep));
        break;
    case 1:
        twins_rest(t, 1 + (int64_t)rng_below(&t->rng, 60));
        break;
    case 2:
        both(t, "job.trim", "{}");
        break;
    case 3:
        twins_tell(t, true);
        break;
    case 4:
        if (rng_below(&t->rng, 4) == 0)
            twins_put(t);
        break;
    case 5 ... 8:
        twins_tell(t, false);
        break;
    case 9 ... 18:
        twins_pass(t);
        break;
    case 19 ... 28:
        twins_begin(t);
        break;
    default:
        if (t->tasks_n > 0)
            twins_end(t, rng_below(&t->rng, t->tasks_n));
    }
}

static void what_is_old_is_what_the_level_before_makes_old(void **unused)
{
    (void)unused;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        static struct twins t;
        t = (struct twins){0};
        rng_seed(&t.rng, seed);
        for (int i = 0; i < 2; i++) {
            begin_state(&t.f[i]);
            upgrade(&t.f[i], FRESH_LEVEL - 1);
        }
        twins_put(&t);
        twins_keep(&t, 20);
        for (int i = 0; i < 600; i++) {
            if (i == 300)
                for (int k = 0; k < 2; k++)
                    upgrade(&t.f[k], FRESH_LEVEL - 1 + k);
            twins_do(&t);
            assert_int_equal(state_name_is_ending(t.f[0].state, "j"),
                             state_name_is_ending(t.f[1].state, "j"));
            if (i % 8 == 0)
                counts_are_right(&t.f[1]);
        }
        twins_rest(&t, 5);
        for (int i = 0; i < 2; i++)
            set_history(&t.f[i], "bytes", 0);
        twins_rest(&t, 5);
        for (int i = 0; i < 2; i++)
            tear_down((void *[]){&t.f[i]});
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_ends_late_has_its_place_by_its_due, set_up_newest,
                                        tear_down),
        cmocka_unit_test_setup_teardown(who_is_held_stands_in_nobodys_way, set_up_newest,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_name_waits_for_a_task_of_long_ago, set_up_newest,
                                        tear_down),
        cmocka_unit_test(what_is_old_is_what_the_level_before_makes_old),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
