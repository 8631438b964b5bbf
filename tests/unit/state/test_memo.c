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

#define SAME(field) assert_true(known.field == read.field)
#define SAME_TEXT(field)                                              \
    assert_string_equal(known.field != NULL ? known.field : "(null)", \
                        read.field != NULL ? read.field : "(null)")

/* A change that changes nothing lets the row be read again. */
static void touch(struct fixture *f, const char *sql)
{
    struct error err;
    assert_int_equal(db_begin(f->db, DB_NORMAL, &err), 0);
    assert_int_equal(db_exec(f->db, sql, &err), 0);
    assert_int_equal(db_commit(f->db, &err), 0);
}

static void same_task(struct fixture *f)
{
    struct task_row known = task_of(f, 1), read;
    touch(f, "update tasks set seq = seq");
    read = task_of(f, 1);
    SAME(id), SAME(owner_id), SAME(agent), SAME(owner), SAME(state), SAME(cpus_milli);
    SAME(mem_bytes), SAME(disk_bytes), SAME(version.ms), SAME(staged.ms), SAME(started.ms);
    SAME(ended.ms), SAME(killed.ms), SAME(pong), SAME(pid), SAME(has_started), SAME(exited);
    SAME(signaled), SAME(exit_code), SAME(signal), SAME(health), SAME(app), SAME(pod);
    SAME(stopping), SAME(ready), SAME(created.ms), SAME(salt), SAME(job), SAME(run), SAME(seq);
    SAME_TEXT(name), SAME_TEXT(ports), SAME_TEXT(kill_reason), SAME_TEXT(container);
    SAME_TEXT(reason), SAME_TEXT(message), SAME_TEXT(detail), SAME_TEXT(health_results);
    SAME_TEXT(of);
}

static void same_run(struct fixture *f, int64_t run)
{
    struct run_row known = run_of(f, run), read;
    touch(f, "update job_runs set state = state");
    read = run_of(f, run);
    SAME(id), SAME(job), SAME(generation), SAME(attempt), SAME(task), SAME(covers), SAME(cause);
    SAME(state), SAME(priority), SAME(due.ms), SAME(deadline.ms), SAME(not_before.ms);
    SAME(queued.ms), SAME(started.ms), SAME(ended.ms);
    SAME_TEXT(arguments), SAME_TEXT(reason), SAME_TEXT(job_name);
}

static void same_job(struct fixture *f)
{
    struct job_row known, read;
    assert_true(state_job_alone(f->state, 1, &known));
    touch(f, "update jobs set k = k");
    touch(f, "update job_ends set day = day");
    assert_true(state_job_alone(f->state, 1, &read));
    SAME(id), SAME(generation), SAME(disabled), SAME(k), SAME(remaining), SAME(next.ms);
    SAME(successes), SAME(errors), SAME(errors_since_success), SAME(last_success.ms);
    SAME(last_error.ms), SAME(queued), SAME(active);
    SAME_TEXT(name), SAME_TEXT(definition.p), SAME_TEXT(schedule);
}

static void same_agent(struct fixture *f)
{
    struct agent_row known, read;
    assert_true(state_agent_by_id(f->state, 0, &known));
    touch(f, "update agents set tasks = tasks");
    assert_true(state_agent_by_id(f->state, 0, &read));
    SAME(used_cpus_milli), SAME(used_mem_bytes), SAME(used_disk_bytes), SAME(tasks);
    SAME(state), SAME(since.ms);
}

/* Of each kind: just added, and after each change that brings what is known to what it is. */
static void what_was_written_is_known_as_it_is_read(void **data)
{
    static const struct {
        const char *kind, *args;
    } steps[] = {
        {"job.trigger", "{'name':'j','arguments':'-x','concurrent':true}"},
        {"job.tick", "{'set':[{'job':1,'generation':1,'at_k':1,'k':2,'remaining':7,'next_ms':90,"
                     "'schedule':'R7/b','priority':1,"
                     "'claims':[{'due_ms':80,'deadline_ms':99}]}]}"},
        {"task.launch", "{'runs':[{'run':1,'attempt':0,'name':'ct:1:0:j:','agent':0,'cpus':3,"
                        "'mem':5,'disk':7,'pong':9}]}"},
        {"task.update", "{'set':[{'task':1,'seq':1,'state':'starting','at':4,'detail':'10 %'}]}"},
        {"task.update", "{'set':[{'task':1,'seq':2,'state':'running','at':0,'pid':12}]}"},
        {"task.update", "{'set':[{'task':1,'seq':3,'state':'running','at':8,'container':'c',"
                        "'message':'well','reason':'r'}]}"},
        {"task.update", "{'set':[{'task':1,'seq':4,'state':'failed','at':9,'exit':3,"
                        "'message':'ill'}]}"},
        {"job.tick", "{'set':[{'job':1,'generation':1,'at_k':2,'k':3,'remaining':0}]}"},
    };
    struct fixture *f = *data;
    for (size_t i = 0; i < COUNT(steps); i++) {
        struct task_row t;
        applied(f, steps[i].kind, steps[i].args);
        if (state_task_by_id(f->state, 1, &t))
            same_task(f);
        same_run(f, 1);
        same_run(f, 2);
        same_job(f);
        same_agent(f);
    }
    same_run(f, 3);
    assert_int_equal(run_of(f, 3).deadline.ms, 99);
    assert_int_equal(task_of(f, 1).exit_code, 3);
    assert_int_equal(task_of(f, 1).started.ms, 0);
}

/* Its row stays, and has another name, which its runs and tasks then have too. */
static void what_is_gone_is_known_by_its_other_name(void **data)
{
    struct fixture *f = *data;
    struct job_row job;
    applied(f, "task.launch",
            "{'runs':[{'run':1,'attempt':0,'name':'ct:1:0:j:','agent':0,'cpus':1,'mem':1}]}");
    assert_string_equal(task_of(f, 1).of, "j");
    assert_int_equal(run_of(f, 1).job, 1);
    assert_int_equal(job_k(f), 1);
    applied(f, "job.delete", "{'name':'j'}");
    assert_true(state_job_alone(f->state, 1, &job));
    assert_true(job.gone);
    assert_string_not_equal(job.name, "j");
    assert_string_equal(run_of(f, 1).job_name, job.name);
    assert_int_equal(run_of(f, 1).state, RUN_KILLED);
    assert_string_equal(task_of(f, 1).of, job.name); /* its end is waited for */
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

static int64_t successes(struct fixture *f)
{
    struct job_row job;
    assert_true(state_job_alone(f->state, 1, &job));
    return job.successes;
}

static void counters_are_those_of_the_ends_as_they_are_now(void **data)
{
    struct fixture *f = *data;
    struct error err;
    assert_int_equal(successes(f), 0);
    applied(f, "job.mark", "{'name':'j'}");
    assert_int_equal(successes(f), 1);
    assert_int_equal(db_begin(f->db, DB_NORMAL, &err), 0);
    assert_int_equal(db_exec(f->db, "update job_ends set successes = 7", &err), 0);
    assert_int_equal(successes(f), 7);
    db_rollback(f->db);
    assert_int_equal(successes(f), 1);
    applied(f, "job.put",
            "{'name':'j','base':1,'definition':{'name':'j'},'counters':{'successes':4}}");
    assert_int_equal(successes(f), 4);
}

static void a_setting_is_as_it_was_put_last(void **data)
{
    struct fixture *f = *data;
    struct error err;
    assert_string_equal(state_setting(f->state, "x", "none"), "none");
    assert_string_equal(state_setting(f->state, "x", "other"), "other");
    applied(f, "setting.put", "{'set':{'x':'1'}}");
    assert_string_equal(state_setting(f->state, "x", "none"), "1");
    assert_int_equal(db_begin(f->db, DB_NORMAL, &err), 0);
    assert_int_equal(db_exec(f->db, "update settings set value = '2' where key = 'x'", &err), 0);
    assert_string_equal(state_setting(f->state, "x", "none"), "2");
    db_rollback(f->db);
    assert_string_equal(state_setting(f->state, "x", "none"), "1");
    for (int i = 0; i < 40; i++) { /* more than are kept */
        char key[64];
        snprintf(key, sizeof key, "a setting with a rather long name %d", i);
        assert_string_equal(state_setting(f->state, i % 2 == 0 ? key : key + 20, "-"), "-");
    }
    assert_string_equal(state_setting(f->state, "x", "none"), "1");
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
        cmocka_unit_test_setup_teardown(what_was_written_is_known_as_it_is_read, begin, tear_down),
        cmocka_unit_test_setup_teardown(what_is_gone_is_known_by_its_other_name, begin, tear_down),
        cmocka_unit_test_setup_teardown(what_was_undone_is_as_before, begin, tear_down),
        cmocka_unit_test_setup_teardown(counters_are_those_of_the_ends_as_they_are_now, begin,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_setting_is_as_it_was_put_last, begin, tear_down),
        cmocka_unit_test_setup_teardown(what_a_command_takes_counts_within_it, begin, tear_down),
        cmocka_unit_test_setup_teardown(rules_of_the_history_are_those_of_now, begin, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
