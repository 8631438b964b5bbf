/* Rows that were looked up by their key are as they are now, however they have changed since. */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include "model/command.h"

static int begin(void **data)
{
    int rv = set_up(data);
    char args[64];
    snprintf(args, sizeof args, "{'level':%d}", COMMAND_LEVEL);
    applied(*data, "schema.upgrade", args);
    applied(*data, "job.put",
            "{'name':'j','base':0,'definition':'{\\'name\\':\\'j\\'}','schedule':'R/a','k':1,"
            "'remaining':-1}");
    applied(*data, "job.trigger", "{'name':'j'}"); /* run 1 */
    return rv;
}

static struct run_row run_of(struct fixture *f, int64_t id)
{
    struct run_row r;
    assert_true(state_run_by_id(f->state, id, &r));
    return r;
}

static int64_t job_k(struct fixture *f)
{
    struct job_row job;
    assert_true(state_job_alone(f->state, 1, &job));
    assert_string_equal(job.name, "j");
    return job.k;
}

static void what_is_looked_up_again_is_as_it_is_now(void **data)
{
    struct fixture *f = *data;
    struct task_row t;
    assert_int_equal(run_of(f, 1).state, RUN_QUEUED);
    assert_int_equal(job_k(f), 1);
    assert_false(state_task_by_id(f->state, 1, &t));
    applied(f, "task.launch",
            "{'runs':[{'run':1,'attempt':0,'name':'ct:1:0:j:','agent':0,'cpus':1,'mem':1}]}");
    assert_int_equal(run_of(f, 1).state, RUN_ASSIGNED);
    assert_int_equal(task_of(f, 1).state, TASK_STAGING);
    status(f, 1, 1, "running");
    assert_int_equal(run_of(f, 1).state, RUN_RUNNING);
    t = task_of(f, 1);
    assert_int_equal(t.state, TASK_RUNNING);
    assert_string_equal(t.of, "j");
    assert_string_equal(t.name, "ct:1:0:j:");
    applied(f, "job.tick", "{'set':[{'job':1,'generation':1,'at_k':1,'k':2,'remaining':-1}]}");
    assert_int_equal(job_k(f), 2);
    assert_int_equal(task_of(f, 1).state, TASK_RUNNING); /* what has not changed, too */
}

static void what_is_gone_is_not_found(void **data)
{
    struct fixture *f = *data;
    struct run_row r;
    struct job_row job;
    applied(f, "task.launch",
            "{'runs':[{'run':1,'attempt':0,'name':'ct:1:0:j:','agent':0,'cpus':1,'mem':1}]}");
    assert_string_equal(task_of(f, 1).of, "j");
    assert_int_equal(run_of(f, 1).job, 1);
    assert_int_equal(job_k(f), 1);
    applied(f, "job.delete", "{'name':'j'}");
    assert_false(state_run_by_id(f->state, 1, &r));
    assert_false(state_job_alone(f->state, 1, &job));
    struct task_row t = task_of(f, 1); /* its end is waited for */
    assert_null(t.of);
    assert_int_equal(t.job, 0);
}

static void what_was_undone_is_as_before(void **data)
{
    struct fixture *f = *data;
    struct run_row r;
    struct error err;
    assert_int_equal(db_begin(f->db, DB_NORMAL, &err), 0);
    db_savepoint(f->db);
    assert_int_equal(db_exec(f->db, "update job_runs set priority = 7 where id = 1", &err), 0);
    assert_int_equal(run_of(f, 1).priority, 7);
    db_rollback_to(f->db);
    assert_int_equal(run_of(f, 1).priority, 0);
    assert_int_equal(db_exec(f->db, "update job_runs set id = 9 where id = 1", &err), 0);
    assert_false(state_run_by_id(f->state, 1, &r));
    assert_int_equal(run_of(f, 9).id, 9);
    db_rollback(f->db);
    assert_false(state_run_by_id(f->state, 9, &r));
    assert_int_equal(run_of(f, 1).id, 1);
}

/* The agent has 2000: what the command itself has taken counts for what comes after. */
static void what_a_command_takes_counts_within_it(void **data)
{
    struct fixture *f = *data;
    struct agent_row agent;
    for (int i = 0; i < 2; i++)
        applied(f, "job.trigger", "{'name':'j','concurrent':true}");
    applied(f, "task.launch",
            "{'runs':[{'run':1,'attempt':0,'name':'ct:1:0:j:','agent':0,'cpus':900,'mem':1},"
            "{'run':2,'attempt':0,'name':'ct:2:0:j:','agent':0,'cpus':900,'mem':2},"
            "{'run':3,'attempt':0,'name':'ct:3:0:j:','agent':0,'cpus':900,'mem':4}]}");
    assert_string_equal(buf_str(&f->last.detail),
                        "{\"refused\":[{\"runs\":2,\"why\":\"the agent has no room left\"}]}");
    assert_true(state_agent_by_uid(f->state, 77, &agent));
    assert_int_equal(agent.used_cpus_milli, 1800);
    assert_int_equal(agent.used_mem_bytes, 3);
    assert_int_equal(agent.tasks, 2);
    applied(f, "task.update",
            "{'set':[{'task':1,'seq':1,'state':'finished','at':1},"
            "{'task':2,'seq':1,'state':'running','at':1}]}");
    assert_true(state_agent_by_id(f->state, 0, &agent));
    assert_int_equal(agent.used_cpus_milli, 900);
    assert_int_equal(agent.tasks, 1);
}

static void rules_of_the_history_are_those_of_now(void **data)
{
    struct fixture *f = *data;
    assert_int_equal(state_history_rules(f->state).days, 30);
    applied(f, "setting.put", "{'set':{'history.days':'7'}}");
    assert_int_equal(state_history_rules(f->state).days, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_looked_up_again_is_as_it_is_now, begin, tear_down),
        cmocka_unit_test_setup_teardown(what_is_gone_is_not_found, begin, tear_down),
        cmocka_unit_test_setup_teardown(what_was_undone_is_as_before, begin, tear_down),
        cmocka_unit_test_setup_teardown(what_a_command_takes_counts_within_it, begin, tear_down),
        cmocka_unit_test_setup_teardown(rules_of_the_history_are_those_of_now, begin, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
