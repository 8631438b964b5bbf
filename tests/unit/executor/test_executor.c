/* A task's life: it starts, it is well or not, it ends, and a later agent finds it. */
#include "front.h"

#include <sys/stat.h>

#include "support/https.h"

#include "base/limits.h"
#include "executor/private.h"

static void reports_a_tasks_life(void **unused)
{
    (void)unused;
    launch(7,
           "echo $GREETING $HOST $MESOS_TASK_ID $MESOS_FRAMEWORK_ID; pwd; echo $MESOS_SANDBOX;"
           " until [ -e go ]; do sleep 0.01; done; exit 3",
           NULL);
    AWAIT(is_running());
    let_go();
    AWAIT(has_ended());
    assert_int_equal(heard_n, 2);
    assert_int_equal(heard[0].state, TASK_RUNNING);
    assert_true(heard[0].pid > 0);
    assert_int_equal(strlen(heard[0].container), 36);
    assert_int_equal(heard[1].task, 7);
    assert_int_equal(heard[1].state, TASK_FAILED);
    assert_true(heard[1].exited);
    assert_int_equal(heard[1].exit_code, 3);
    assert_string_equal(heard[1].message, "Command exited with status 3");
    char want[4096], path[1024];
    snprintf(path, sizeof(path), "%s/slaves/A-S0/frameworks/F-0/executors/web.1/runs/%s", root,
             heard[0].container);
    snprintf(want, sizeof(want), "hello here web.1 F-0\n%s\n%s\n", path, path);
    assert_string_equal(sandbox_text("stdout"), want);
}

static void knows_good_from_bad_ends(void **unused)
{
    (void)unused;
    static const struct {
        const char *cmd, *more;
        enum task_state state;
        const char *reason, *message;
    } all[] = {
        {"exit 0", NULL, TASK_FINISHED, "", "Command exited with status 0"},
        {"kill -TERM $$", NULL, TASK_FAILED, "", "Command terminated with signal Terminated"},
        {"exit 0", "\"fetch\":[{\"uri\":\"/no/such/file\"}]", TASK_FAILED,
         "REASON_CONTAINER_LAUNCH_FAILED",
         "cannot fetch /no/such/file: cp: cannot stat '/no/such/file': No such file or directory"},
        {"exit 0", "\"image\":\"nginx\"", TASK_FAILED, "REASON_CONTAINER_LAUNCH_FAILED", NULL},
        {NULL, NULL, TASK_FAILED, "REASON_CONTAINER_LAUNCH_FAILED",
         "cmd: need it, args or an image"},
        {"sleep 1000", "\"max_ms\":1", TASK_FAILED, "REASON_MAX_COMPLETION_TIME_REACHED",
         "Maximum completion time of 0 s reached"},
    };
    AWAIT(docker_told);
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        heard_n = 0;
        launch((int64_t)i + 1, all[i].cmd, all[i].more);
        AWAIT(has_ended());
        assert_int_equal(last()->state, all[i].state);
        assert_string_equal(last()->reason, all[i].reason);
        if (all[i].message != NULL)
            assert_string_equal(last()->message, all[i].message);
        else
            assert_non_null(strstr(last()->message, "docker: no engine at unix:///"));
    }
}

static void runs_as_the_tasks_user(void **unused)
{
    (void)unused;
    launch(1, "id -un; touch mine && ls -l mine | cut -d' ' -f3; id -Gn", "\"user\":\"nobody\"");
    AWAIT(has_ended());
    if (geteuid() == 0)
        assert_string_equal(sandbox_text("stdout"), "nobody\nnobody\nnogroup\n");
    assert_int_equal(last()->state, TASK_FINISHED); /* who is not root runs it as himself */
    heard_n = 0;
    launch(2, "exit 0", "\"user\":\"no-such-user\"");
    AWAIT(has_ended());
    if (geteuid() == 0)
        assert_string_equal(last()->message,
                            "user: got \"no-such-user\", need a user of this machine");
}

static void what_it_cannot_read_it_fails(void **unused)
{
    (void)unused;
    executor_launch(executor, 1, SLICE("{\"cmd\":12"));
    AWAIT(has_ended());
    assert_int_equal(last()->state, TASK_FAILED);
    executor_launch(executor, 2, SLICE("[]"));
    AWAIT(heard_n == 2);
    assert_int_equal(last()->state, TASK_FAILED);
}

static void launching_again_only_reports_again(void **unused)
{
    (void)unused;
    launch(1, "echo started >>marks; sleep 1000", NULL);
    AWAIT(is_running() && strcmp(sandbox_text("marks"), "started\n") == 0);
    int64_t pid = last()->pid;
    launch(1, "echo started >>marks; sleep 1000", NULL);
    AWAIT(heard_n == 2);
    assert_int_equal(last()->state, TASK_RUNNING);
    assert_int_equal(last()->pid, pid);
    executor_kill(executor, 1, "");
    AWAIT(has_ended());
    launch(1, "echo started >>marks; sleep 1000", NULL);
    size_t before = heard_n;
    AWAIT(heard_n > before);
    assert_int_equal(last()->state, TASK_KILLED);
    assert_string_equal(sandbox_text("marks"), "started\n");
}

/* The news of a start may wait, but not behind that of the end. */
static void tells_of_each_of_many_that_begin_at_once(void **unused)
{
    (void)unused;
    enum { MANY = LIMIT_BEGINNING + 8 };
    size_t ended[MANY + 1] = {0}, begun[MANY + 1] = {0}, over = 0;
    for (int64_t task = 1; task <= MANY; task++)
        launch(task, "true", NULL);
    for (size_t next = 0; over < MANY;) {
        AWAIT(heard_n > next);
        const struct heard *h = &heard[next++];
        begun[h->task] += h->state == TASK_RUNNING;
        assert_int_equal(begun[h->task], 1);
        ended[h->task] += h->state == TASK_FINISHED;
        over += h->state == TASK_FINISHED;
    }
    for (int task = 1; task <= MANY; task++)
        assert_int_equal(ended[task], 1);
}

static void what_is_killed_while_others_begin_is_told_to_have_begun(void **unused)
{
    (void)unused;
    enum { MANY = LIMIT_BEGINNING + 8 };
    bool ran[MANY + 1], begun[MANY + 1] = {false};
    size_t over = 0;
    for (int64_t task = 1; task <= MANY; task++)
        launch(task, "sleep 1000", NULL);
    AWAIT(task_find(executor, 1)->phase == RUNNING);
    for (int64_t task = 1; task <= MANY; task++) {
        ran[task] = task_find(executor, task)->phase == RUNNING;
        executor_kill(executor, task, "enough");
    }
    for (size_t next = 0; over < MANY;) {
        AWAIT(heard_n > next);
        const struct heard *h = &heard[next++];
        begun[h->task] = begun[h->task] || h->state == TASK_RUNNING;
        assert_true(h->state != TASK_KILLING || begun[h->task] || !ran[h->task]);
        over += task_ended(h->state);
    }
}

/* However many have begun in quiet times. */
static void that_many_begin_is_seen_late_too(void **unused)
{
    (void)unused;
    enum { MANY = LIMIT_BEGINNING + 8 };
    bool seen = false;
    executor->begun = LIMIT_BEGUN - 4;
    for (int64_t task = 1; task <= 8; task++)
        launch(task, "true", NULL);
    AWAIT(heard_n >= 2 * 8);
    heard_n = 0;
    for (int64_t task = 11; task <= 10 + MANY; task++)
        launch(task, "true", NULL);
    AWAIT((seen = seen || executor->busy, heard_n >= 2 * MANY));
    assert_true(seen);
}

static void kills_on_order_and_says_why(void **unused)
{
    (void)unused;
    launch(1, "sleep 1000", NULL);
    AWAIT(is_running());
    executor_kill(executor, 1, "scaled down");
    AWAIT(heard_n == 2);
    assert_int_equal(last()->state, TASK_KILLING);
    executor_kill(executor, 1, "repeated"); /* it was told already: a report is a write of all */
    AWAIT(has_ended());
    assert_int_equal(heard_n, 3);
    assert_int_equal(last()->state, TASK_KILLED);
    assert_string_equal(last()->message, "scaled down");
    size_t before = heard_n;
    executor_kill(executor, 1, "again");
    AWAIT(heard_n > before);
    assert_int_equal(last()->state, TASK_KILLED);
    executor_kill(executor, 99, "nobody"); /* unknown: nothing */
}

static void a_kill_comes_at_any_time(void **unused)
{
    (void)unused;
    int64_t task = 1;
    for (unsigned turns = 0; turns < 2000; turns = turns * 5 / 4 + 1, task++) {
        heard_n = 0;
        launch(task, "sleep 1000", "\"fetch\":[{\"uri\":\"/bin/true\"}]");
        for (unsigned i = 0; i < turns; i++)
            uv_run(&loop.uv, UV_RUN_NOWAIT);
        executor_kill(executor, task, "");
        AWAIT(has_ended());
        assert_int_equal(last()->state, TASK_KILLED);
    }
}

static bool folder_there(int64_t task)
{
    char path[TMP_PATH_SIZE + 64];
    snprintf(path, sizeof(path), "%s/tasks/%d", root, (int)task);
    return access(path, F_OK) == 0;
}

static void a_forgotten_task_leaves_its_sandbox_only(void **unused)
{
    (void)unused;
    launch(1, "echo still here", NULL);
    AWAIT(has_ended());
    assert_true(folder_there(1));
    executor_forget(executor, 1);
    AWAIT(!folder_there(1));
    assert_string_equal(sandbox_text("stdout"), "still here\n");
    executor_forget(executor, 1); /* unknown by now: nothing */
}

/* ---- an agent that comes again */

static void finds_its_tasks_again(void **unused)
{
    (void)unused;
    launch(1, "mkfifo go; echo up; read x <go; exit 4", NULL);
    AWAIT(is_running() && strcmp(sandbox_text("stdout"), "up\n") == 0);
    struct heard before = *last();
    end_executor();
    begin_executor();
    assert_int_equal(heard_n, 1); /* at once, before `recovered` */
    assert_int_equal(heard[0].state, TASK_RUNNING);
    assert_int_equal(heard[0].pid, before.pid);
    assert_string_equal(heard[0].container, before.container);
    AWAIT(heard_n == 2); /* seen */
    assert_int_equal(heard[1].pid, before.pid);
    char path[1024];
    snprintf(path, sizeof(path), "%s/slaves/latest/frameworks/F-0/executors/web.1/runs/latest/go",
             root);
    int go = open(path, O_WRONLY);
    close(go);
    AWAIT(has_ended());
    assert_int_equal(last()->exit_code, 4);
}

static const struct heard *ended(int64_t task)
{
    for (size_t i = 0; i < heard_n; i++)
        if (heard[i].task == task && task_ended(heard[i].state))
            return &heard[i];
    return NULL;
}

static void learns_of_ends_in_between(void **unused)
{
    (void)unused;
    launch(1, "exit 0", NULL);
    AWAIT(has_ended());
    launch(2, "sleep 1000", NULL);
    AWAIT(is_running());
    pid_t pid = (pid_t)last()->pid;
    end_executor();
    kill(pid, SIGKILL);
    begin_executor();
    AWAIT(ended(1) && ended(2)); /* 1 is told again until it is forgotten */
    assert_int_equal(ended(1)->state, TASK_FINISHED);
    assert_int_equal(ended(2)->state, TASK_FAILED);
}

/* The agent died between making the folder and starting anything. */
static void what_was_never_started_is_dropped(void **unused)
{
    (void)unused;
    char path[TMP_PATH_SIZE + 64];
    end_executor();
    snprintf(path, sizeof(path), "%s/tasks/5", root);
    assert_int_equal(mkdir(path, 0700), 0);
    begin_executor();
    assert_int_equal(heard[0].task, 5); /* before `recovered`: what became of it is looked for */
    AWAIT(ended(5));
    assert_int_equal(ended(5)->state, TASK_DROPPED);
    assert_string_equal(ended(5)->reason, "REASON_AGENT_RESTARTED");
}

/* As on a disk that is full: not even the task's folder can be made. */
static void what_this_machine_cannot_hold_another_one_may_start(void **unused)
{
    (void)unused;
    char tasks[TMP_PATH_SIZE + 64], aside[TMP_PATH_SIZE + 64];
    snprintf(tasks, sizeof(tasks), "%s/tasks", root);
    snprintf(aside, sizeof(aside), "%s/aside", root);
    assert_int_equal(rename(tasks, aside), 0);
    launch(1, "exit 0", NULL);
    AWAIT(has_ended());
    assert_int_equal(rename(aside, tasks), 0);
    assert_int_equal(last()->state, TASK_DROPPED);
    assert_string_equal(last()->reason, "REASON_CONTAINER_LAUNCH_FAILED");
    assert_non_null(strstr(last()->message, "cannot make the task's folder"));
}

static void remove_files(int64_t task, const char *const *names)
{
    char path[TMP_PATH_SIZE + 64];
    for (; *names != NULL; names++) {
        snprintf(path, sizeof(path), "%s/tasks/%d/%s", root, (int)task, *names);
        assert_int_equal(unlink(path), 0);
    }
}

static void what_lost_its_supervisors_files_runs_on(void **unused)
{
    (void)unused;
    launch(1, "sleep 1000", NULL);
    AWAIT(is_running());
    pid_t pid = (pid_t)last()->pid;
    end_executor();
    remove_files(1, (const char *const[]){"sup.sock", "record", NULL});
    begin_executor();
    AWAIT(is_running());
    kill(pid, SIGKILL);
    AWAIT(ended(1));
    assert_int_equal(ended(1)->signal, SIGKILL);
    assert_string_equal(ended(1)->message, "Command terminated with signal Killed");
}

/* Nobody knows any more what it should be: it neither runs on unseen nor is it told as lost while
 * it does. */
static void what_lost_all_its_files_is_ended(void **unused)
{
    (void)unused;
    launch(1, "sleep 1000", NULL);
    AWAIT(is_running());
    pid_t pid = (pid_t)last()->pid;
    end_executor();
    remove_files(1, (const char *const[]){"spec", "task", "sup.sock", "record", NULL});
    begin_executor();
    AWAIT(ended(1));
    assert_int_equal(ended(1)->state, TASK_KILLED);
    assert_string_equal(
        ended(1)->message,
        "The files that say what this task is are gone from its folder: it was ended");
    assert_int_equal(kill(pid, 0), -1);
}

/* ---- health */

#define CHECK(command, more)                                   \
    "\"checks\":[{\"kind\":\"command\",\"command\":\"" command \
    "\",\"grace_ms\":0,\"interval_ms\":10,"                    \
    "\"timeout_ms\":10000,\"delay_ms\":0" more "}]"

static void tells_how_it_is(void **unused)
{
    (void)unused;
    launch(1, "touch well; sleep 1000", CHECK("[ -e well ]", ",\"max_failures\":0"));
    AWAIT(heard_n > 0 && last()->health == 1);
    assert_non_null(strstr(last()->results, "\"alive\":true,\"consecutiveFailures\":0,"
                                            "\"firstSuccess\":\"2"));
    char path[1024];
    snprintf(path, sizeof(path), "%s/slaves/latest/frameworks/F-0/executors/web.1/runs/latest/well",
             root);
    unlink(path);
    AWAIT(last()->health == 2);
    assert_non_null(
        strstr(last()->results, "\"lastFailureCause\":\"Command exited with status 1\""));
    close(open(path, O_WRONLY | O_CREAT, 0600));
    AWAIT(last()->health == 1);
}

static void tells_each_failure_that_counts(void **unused)
{
    (void)unused;
    launch(1, "sleep 1000", CHECK("exit 9", ",\"max_failures\":0"));
    AWAIT(heard_n > 0 && strstr(last()->results, "\"consecutiveFailures\":3") != NULL);
    assert_int_equal(last()->state, TASK_RUNNING);
    assert_int_equal(last()->health, 2);
}

/* With a most of 2 the third failure in a row kills; of a check that agents always ran, the second
 * (10.4). */
static void kills_what_stays_unwell(void **unused)
{
    static const struct {
        const char *more, *message;
    } rows[] = {
        {CHECK("exit 9", ",\"max_failures\":2"),
         "Task was killed since its health check failed 3 times in a row: Command exited with "
         "status 9"},
        {CHECK("exit 9", ",\"max_failures\":2,\"kill_on_max\":true"),
         "Task was killed since its health check failed 2 times in a row: Command exited with "
         "status 9"},
    };
    (void)unused;
    for (size_t i = 0; i < COUNT(rows); i++) {
        launch((int64_t)i + 1, "sleep 1000", rows[i].more);
        AWAIT(ended((int64_t)i + 1));
        assert_int_equal(last()->state, TASK_KILLED);
        assert_int_equal(last()->health, 2);
        assert_string_equal(last()->message, rows[i].message);
    }
    size_t kills = 0;
    for (size_t i = 0; i < heard_n; i++) {
        if (heard[i].state != TASK_KILLING)
            continue;
        kills++; /* the failure is told before what it brings about */
        assert_int_equal(heard[i - 1].state, TASK_RUNNING);
        assert_string_equal(heard[i - 1].results, heard[i].results);
    }
    assert_int_equal(kills, COUNT(rows));
}

static void a_check_that_cannot_be_made_says_so(void **unused)
{
    (void)unused;
    launch(1, "sleep 1000",
           "\"checks\":[{\"kind\":\"http\",\"port\":1,\"path\":\"/a b\",\"interval_ms\":10,"
           "\"timeout_ms\":10}]");
    AWAIT(heard_n > 0 && last()->health == 2);
    assert_non_null(strstr(last()->results, "need less than 900 characters without blanks"));
}

static void asks_over_https_whoever_signed_it(void **unused)
{
    (void)unused;
    struct https_server server;
    char more[256];
    https_start(&server, TLS1_2_VERSION, "HTTP/1.1 200 OK\r\n\r\n");
    snprintf(more, sizeof(more),
             "\"checks\":[{\"kind\":\"https\",\"port\":%u,\"interval_ms\":10,"
             "\"timeout_ms\":10000}]",
             server.port);
    launch(1, "sleep 1000", more);
    AWAIT(heard_n > 0 && last()->health == 1);
    executor_kill(executor, 1, "");
    AWAIT(has_ended());
    https_stop(&server);
}

/* ---- an hour later */

static struct wall (*true_wall)(struct clock *c);

static struct wall later_wall(struct clock *c)
{
    return (struct wall){true_wall(c).ms + 3600000};
}

/* A new agent comes when the task has run for an hour. */
static void restart_later(void)
{
    end_executor();
    true_wall = loop.clock.wall;
    loop.clock.wall = later_wall;
    begin_executor();
}

static void the_grace_counts_from_the_tasks_start(void **unused)
{
    (void)unused;
    launch(1, "sleep 1000",
           "\"checks\":[{\"kind\":\"command\",\"command\":\"exit 1\",\"grace_ms\":3000000,"
           "\"interval_ms\":10,\"timeout_ms\":10000,\"delay_ms\":3000000}]");
    AWAIT(is_running());
    restart_later();
    AWAIT(last()->health == 2);
}

static void the_time_limit_counts_from_the_tasks_start(void **unused)
{
    (void)unused;
    launch(1, "sleep 1000", "\"max_ms\":3000000");
    AWAIT(is_running());
    restart_later();
    AWAIT(ended(1));
    assert_string_equal(ended(1)->reason, "REASON_MAX_COMPLETION_TIME_REACHED");
}

/* A new agent neither forgets that a task is well nor says so of itself. */
static void health_outlives_the_agent(void **unused)
{
    (void)unused;
    launch(1, "touch well; sleep 1000", CHECK("[ -e well ]", ""));
    AWAIT(heard_n > 0 && last()->health == 1);
    end_executor();
    begin_executor();
    assert_int_equal(heard[0].health, 1);
    assert_non_null(strstr(heard[0].results, "\"alive\":true"));
}

/* Whatever a check that only informs says, the task is neither unwell nor killed; a new agent knows
 * what it said. */
static void a_check_that_informs_changes_nothing_else(void **unused)
{
    (void)unused;
    launch(1, "sleep 1000",
           "\"check\":{\"kind\":\"command\",\"command\":\"[ -e go ] || exit 9\","
           "\"interval_ms\":10,\"timeout_ms\":10000,\"kill_on_max\":true}");
    AWAIT(is_running());
    assert_true(last()->informs);
    assert_int_equal(last()->check.kind, CHECK_COMMAND);
    AWAIT(last()->check.code == 9);
    assert_int_equal(last()->health, 0);
    let_go();
    AWAIT(last()->check.code == 0);
    end_executor();
    begin_executor();
    assert_true(heard[0].informs);
    assert_int_equal(heard[0].check.code, 0);
    assert_int_equal(last()->state, TASK_RUNNING);
    assert_string_equal(last()->results, "");
    executor_kill(executor, 1, "");
    AWAIT(ended(1));
    assert_int_equal(ended(1)->check.code, 0);
}

static void knows_the_engine_of_the_start_before(void **unused)
{
    (void)unused;
    end_executor();
    docker_as_before = true;
    for (int again = 0; again < 2; again++) {
        begin_executor();
        AWAIT(docker_told);
        assert_non_null(strstr(docker_reason, "/no.sock"));
        end_executor();
    }
    docker_as_before = false;
    begin_executor();
}

static void stops_at_any_time(void **unused)
{
    (void)unused;
    int64_t task = 1;
    for (unsigned turns = 0; turns < 1000; turns = turns * 3 / 2 + 1, task++) {
        launch(task, "sleep 1000", "\"fetch\":[{\"uri\":\"/bin/true\"}]," CHECK("true", ""));
        for (unsigned i = 0; i < turns; i++)
            uv_run(&loop.uv, UV_RUN_NOWAIT);
        end_executor();
        begin_executor();
        AWAIT(heard_n >= (size_t)task);
        kill_rest(true);
        AWAIT(kill_rest(false) == 0);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(reports_a_tasks_life),
        T(knows_good_from_bad_ends),
        T(runs_as_the_tasks_user),
        T(what_it_cannot_read_it_fails),
        T(launching_again_only_reports_again),
        T(tells_of_each_of_many_that_begin_at_once),
        T(that_many_begin_is_seen_late_too),
        T(what_is_killed_while_others_begin_is_told_to_have_begun),
        T(kills_on_order_and_says_why),
        T(a_kill_comes_at_any_time),
        T(a_forgotten_task_leaves_its_sandbox_only),
        T(finds_its_tasks_again),
        T(learns_of_ends_in_between),
        T(what_was_never_started_is_dropped),
        T(what_this_machine_cannot_hold_another_one_may_start),
        T(what_lost_its_supervisors_files_runs_on),
        T(what_lost_all_its_files_is_ended),
        T(tells_how_it_is),
        T(tells_each_failure_that_counts),
        T(kills_what_stays_unwell),
        T(a_check_that_cannot_be_made_says_so),
        T(the_grace_counts_from_the_tasks_start),
        T(the_time_limit_counts_from_the_tasks_start),
        T(asks_over_https_whoever_signed_it),
        T(health_outlives_the_agent),
        T(a_check_that_informs_changes_nothing_else),
        T(knows_the_engine_of_the_start_before),
        T(stops_at_any_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
