/* tests/unit/executor/test_executor.c - the front: real processes, real files, no engine */
#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "executor/executor.h"
#include "model/run_spec.h"
#include "net/tcp.h"
#include "support/https.h"
#include "support/tmp.h"

#define GUARD_MS 20000
#define TICK_MS 5 /* what a timer has done is seen by then: the loop runs them before it waits */
#define HEARD_MAX 64

static char root[TMP_PATH_SIZE];
static struct loop loop;
static struct launcher launcher;
static struct executor *executor;
static uv_timer_t guard;
static unsigned guard_ticks;
static bool guard_over, recovered, stopped, docker_told;

/* Everything that was reported, in order. */
static struct heard {
    int64_t task;
    enum task_state state;
    int64_t pid;
    int health, exit_code, signal;
    bool oom, exited, signaled, informs;
    struct check_result check;
    char reason[64], message[256], detail[64], container[64], results[512], readiness[512];
} heard[HEARD_MAX];
static size_t heard_n;

static void copy(char *dst, size_t size, const char *src)
{
    str_copy(dst, size, src != NULL ? src : "");
}

static void on_status(struct executor *x, const struct status *s)
{
    (void)x;
    assert_true(heard_n < HEARD_MAX);
    struct heard *h = &heard[heard_n++];
    *h = (struct heard){.task = s->task,
                        .state = s->state,
                        .pid = s->pid,
                        .health = s->health,
                        .exit_code = s->exit_code,
                        .signal = s->signal,
                        .oom = s->oom,
                        .exited = s->exited,
                        .signaled = s->signaled,
                        .informs = s->informs,
                        .check = s->check};
    copy(h->reason, sizeof(h->reason), s->reason);
    copy(h->message, sizeof(h->message), s->message);
    copy(h->detail, sizeof(h->detail), s->detail);
    copy(h->container, sizeof(h->container), s->container);
    snprintf(h->results, sizeof(h->results), "%.*s", (int)s->health_raw.len,
             s->health_raw.p != NULL ? s->health_raw.p : "");
    snprintf(h->readiness, sizeof(h->readiness), "%.*s", (int)s->readiness_raw.len,
             s->readiness_raw.p != NULL ? s->readiness_raw.p : "");
    assert_true(s->at.ms > 0);
}

static void on_recovered(struct executor *x)
{
    (void)x;
    recovered = true;
}

static int64_t wiped; /* the volume that was last said to be gone */

static void on_wiped(struct executor *x, int64_t volume)
{
    (void)x;
    wiped = volume;
}

static void on_docker(struct executor *x, const char *version, const char *reason)
{
    (void)x;
    assert_string_equal(version, "");
    assert_int_equal(strncmp(reason, "docker: no engine at unix:///", 29), 0);
    docker_told = true;
}

static void on_stopped(void *data)
{
    (void)data;
    stopped = true;
}

static void on_guard(uv_timer_t *timer)
{
    (void)timer;
    guard_over = ++guard_ticks > GUARD_MS / TICK_MS;
}

static void turn(void)
{
    uv_run(&loop.uv, UV_RUN_ONCE);
}

#define AWAIT(condition)                                    \
    do {                                                    \
        guard_over = false;                                 \
        guard_ticks = 0;                                    \
        uv_timer_start(&guard, on_guard, TICK_MS, TICK_MS); \
        while (!(condition) && !guard_over)                 \
            turn();                                         \
        uv_timer_stop(&guard);                              \
        assert_true(condition);                             \
    } while (0)

static void begin_executor(void)
{
    static const char *const env[] = {"HOST=here", "MESOS_AGENT_ENDPOINT=10.0.0.1:5051", NULL};
    char docker[2 * TMP_PATH_SIZE];
    struct error err;
    snprintf(docker, sizeof(docker), "unix://%s/no.sock", root);
    recovered = docker_told = false;
    heard_n = 0;
    assert_int_equal(launcher_fork(NULL, &launcher, &err), 0);
    struct executor_options options = {.folder = root,
                                       .launcher = launcher,
                                       .docker = docker,
                                       .env = env,
                                       .no_limits = true,
                                       .log_bytes = 1 << 20};
    struct executor_events events = {
        .status = on_status, .recovered = on_recovered, .wiped = on_wiped, .docker = on_docker};
    if (executor_start(&loop, &options, &events, &executor, &err) != 0)
        fail_msg("%s", err.text);
    assert_false(recovered);
    AWAIT(recovered);
}

static void end_executor(void)
{
    stopped = false;
    executor_stop(executor, on_stopped);
    assert_false(stopped);
    AWAIT(stopped);
    int status;
    assert_int_equal(waitpid(launcher.pid, &status, 0), launcher.pid);
}

static int begin(void **unused)
{
    (void)unused;
    struct error err;
    tmp_make(root);
    if (loop_init(&loop, &err) != 0)
        return -1;
    uv_timer_init(&loop.uv, &guard);
    begin_executor();
    return 0;
}

/* Kills what a test has left, and counts what is not over yet. */
static size_t kill_rest(bool order)
{
    char path[TMP_PATH_SIZE + 300];
    size_t alive = 0;
    snprintf(path, sizeof(path), "%s/tasks", root);
    DIR *dir = opendir(path);
    for (struct dirent *d; (d = readdir(dir)) != NULL;) {
        snprintf(path, sizeof(path), "%s/tasks/%s/record", root, d->d_name);
        bool begun = access(path, F_OK) == 0;
        snprintf(path, sizeof(path), "%s/tasks/%s/exit", root, d->d_name);
        alive += begun && access(path, F_OK) != 0;
        if (order)
            executor_kill(executor, atoi(d->d_name), "");
    }
    closedir(dir);
    return alive;
}

static int end(void **unused)
{
    (void)unused;
    heard_n = 0;
    kill_rest(true);
    AWAIT(kill_rest(false) == 0);
    end_executor();
    uv_close((uv_handle_t *)&guard, NULL);
    loop_run(&loop);
    loop_close(&loop);
    tmp_remove(root);
    return 0;
}

/* ---- */

/* A run_spec as the scheduler writes it; `more` are further members. */
static void launch(int64_t task, const char *cmd, const char *more)
{
    struct run_spec spec = {.task = task,
                            .name = "web.1",
                            .owner = OWNER_APP,
                            .of = "/web",
                            .agent = "A-S0",
                            .framework = "F-0",
                            .source = "web",
                            .cmd = cmd,
                            .cpus_milli = 100,
                            .grace_ms = 100};
    struct run_env env = {"GREETING", "hello"};
    struct buf text;
    struct json_writer w;
    spec.env = &env;
    spec.env_n = 1;
    buf_init(&text, 1 << 16);
    json_begin(&w, &text);
    run_spec_write(&spec, &w);
    if (more != NULL) { /* before the last brace */
        text.data[--text.len] = '\0';
        buf_printf(&text, ",%s}", more);
    }
    size_t before = heard_n;
    executor_launch(executor, task, buf_slice(&text));
    assert_int_equal(heard_n, before); /* later, never from inside the call */
    buf_close(&text);
}

static const struct heard *last(void)
{
    return &heard[heard_n - 1];
}

static bool has_ended(void)
{
    return heard_n > 0 && task_ended(last()->state);
}

static bool is_running(void)
{
    return heard_n > 0 && last()->state == TASK_RUNNING;
}

static const char *sandbox_text(const char *name)
{
    static char text[4096];
    char path[1024];
    snprintf(path, sizeof(path), "%s/slaves/A-S0/frameworks/F-0/executors/web.1/runs/latest/%s",
             root, name);
    int fd = open(path, O_RDONLY);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

/* Lets a command go on that waits for a file `go`: what is so short may end before it is told. */
static void let_go(void)
{
    char path[1024];
    snprintf(path, sizeof(path), "%s/slaves/A-S0/frameworks/F-0/executors/web.1/runs/latest/go",
             root);
    int fd = open(path, O_WRONLY | O_CREAT, 0644);
    assert_true(fd >= 0);
    close(fd);
}

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

static void kills_on_order_and_says_why(void **unused)
{
    (void)unused;
    launch(1, "sleep 1000", NULL);
    AWAIT(is_running());
    executor_kill(executor, 1, "scaled down");
    AWAIT(heard_n == 2);
    assert_int_equal(last()->state, TASK_KILLING);
    AWAIT(has_ended());
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
    bool told_bad = false;
    for (size_t i = 0; i < heard_n; i++)
        told_bad |= heard[i].state == TASK_RUNNING && heard[i].health == 2;
    assert_true(told_bad);
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

/* ---- readiness: a server that says what the test wants, and counts */

static struct listener listener;
static const char *speech;
static size_t asked_n, others_n; /* for "/up", for something else */
static struct stream *visitor;

static void on_visitor_gone(struct stream *s)
{
    (void)s;
    visitor = NULL;
}

static void on_visitor_read(struct stream *s, struct slice data)
{
    bool up = data.len > 8 && memcmp(data.p, "GET /up ", 8) == 0;
    asked_n += up;
    others_n += !up;
    uv_buf_t out = uv_buf_init((char *)speech, (unsigned)strlen(speech));
    stream_try_write(s, &out, 1);
    stream_close(s, on_visitor_gone);
}

static void on_visitor_end(struct stream *s, const struct error *err)
{
    (void)err;
    stream_close(s, on_visitor_gone);
}

static const struct stream_events visitor_events = {.on_read = on_visitor_read,
                                                    .on_end = on_visitor_end};

static void on_visitor(struct listener *l, struct stream *s)
{
    (void)l;
    visitor = s;
    s->events = &visitor_events;
    stream_read(s, true);
}

static void on_listener_stopped(struct listener *l)
{
    l->data = NULL;
}

static void serve(const char *says)
{
    struct error err;
    speech = says;
    asked_n = others_n = 0;
    listener.data = &listener;
    assert_int_equal(listener_start(&listener, &loop, "127.0.0.1", 0, on_visitor, &err), 0);
}

static void serve_no_more(void)
{
    listener_stop(&listener, on_listener_stopped);
    AWAIT(listener.data == NULL && visitor == NULL);
}

static void launch_asked(const char *more)
{
    char text[512];
    snprintf(text, sizeof(text),
             "\"readiness\":[{\"name\":\"up\",\"port\":%u,\"path\":\"/up\",\"interval_ms\":5,"
             "\"timeout_ms\":10000,\"ready_codes\":[200,204]%s}]",
             listener.port, more);
    launch(1, "sleep 1000", text);
}

#define SAYS(text) (heard_n > 0 && strcmp(last()->readiness, text) == 0)

static void is_asked_until_it_is_ready_and_then_never_again(void **unused)
{
    (void)unused;
    serve("HTTP/1.1 503 Not Yet\r\nContent-Length: 0\r\n\r\n");
    launch_asked("");
    AWAIT(SAYS("[{\"name\":\"up\",\"ready\":false,\"said\":\"HTTP 503\"}]"));
    size_t told = heard_n, asked_before = asked_n;
    AWAIT(asked_n > asked_before + 2);
    assert_int_equal(heard_n, told); /* the same again is no news */
    speech = "HTTP/1.1 204 Yes\r\n\r\n";
    AWAIT(SAYS("[{\"name\":\"up\",\"ready\":true,\"said\":\"HTTP 204\"}]"));
    asked_before = asked_n;
    speech = "HTTP/1.1 503 Not Any More\r\n\r\n";
    end_executor(); /* nor by the agent's next process, which says what is known */
    begin_executor();
    AWAIT(SAYS("[{\"name\":\"up\",\"ready\":true}]"));
    char other[256];
    snprintf(other, sizeof(other),
             "\"checks\":[{\"kind\":\"http\",\"port\":%u,\"path\":\"/other\",\"interval_ms\":5,"
             "\"timeout_ms\":10000}]",
             listener.port);
    launch(2, "sleep 1000", other);
    AWAIT(others_n > 3);
    assert_int_equal(asked_n, asked_before);
    serve_no_more();
}

static void keeps_the_last_response_when_it_is_to(void **unused)
{
    (void)unused;
    serve("HTTP/1.1 500 No\r\nContent-Type: text/x\r\nContent-Length: 5\r\n\r\n\"no\"\n");
    launch_asked(",\"keep_response\":true");
    AWAIT(SAYS("[{\"name\":\"up\",\"ready\":false,\"said\":\"HTTP 500\",\"lastResponse\":{"
               "\"status\":500,\"contentType\":\"text/x\",\"body\":\"\\\"no\\\"\\n\"}}]"));
    serve_no_more();
    AWAIT(strstr(last()->readiness, "\"status\":504") != NULL);
    assert_non_null(strstr(last()->readiness, "\"contentType\":\"text/plain\",\"body\":\""));
    assert_non_null(strstr(last()->readiness, "connection refused"));
}

static void a_path_that_is_too_long_is_said(void **unused)
{
    (void)unused;
    char more[2048];
    snprintf(more, sizeof(more),
             "\"readiness\":[{\"name\":\"up\",\"port\":1,\"path\":\"/%01022d\",\"interval_ms\":5,"
             "\"timeout_ms\":10000,\"ready_codes\":[200]}]",
             0);
    launch(1, "sleep 1000", more);
    AWAIT(heard_n > 0 && strstr(last()->readiness, "connection refused") != NULL);
    snprintf(more, sizeof(more),
             "\"readiness\":[{\"name\":\"up\",\"port\":1,\"path\":\"/%01023d\",\"interval_ms\":5,"
             "\"timeout_ms\":10000,\"ready_codes\":[200]}]",
             0);
    launch(2, "sleep 1000", more);
    AWAIT(SAYS("[{\"name\":\"up\",\"ready\":false,\"said\":"
               "\"path: got 1024 characters, need less than 1024\"}]"));
}

static void is_asked_over_https(void **unused)
{
    (void)unused;
    struct https_server server;
    https_start(&server, TLS1_3_VERSION, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    listener.port = server.port;
    launch_asked(",\"https\":true,\"keep_response\":true");
    AWAIT(heard_n > 0 && strstr(last()->readiness, "\"ready\":true") != NULL);
    assert_non_null(strstr(last()->readiness, "\"body\":\"hi\""));
    https_stop(&server);
}

/* ---- files */

static struct sandbox_ask ask_;
static bool asked;

static void on_asked(struct sandbox_ask *a)
{
    (void)a;
    asked = true;
}

static void answers_questions_about_files(void **unused)
{
    (void)unused;
    launch(1, "echo some text", NULL);
    AWAIT(has_ended());
    ask_ = (struct sandbox_ask){
        .question = ASK_READ,
        .path = "/frameworks/F-0/executors/web.1/runs/latest/stdout",
        .offset = 5,
        .length = 4,
    };
    asked = false;
    executor_ask(executor, &ask_, on_asked);
    assert_false(asked);
    AWAIT(asked);
    assert_int_equal(ask_.err.code, ERR_NONE);
    assert_string_equal(buf_str(&ask_.text), "text");
    sandbox_ask_close(&ask_);
    ask_ = (struct sandbox_ask){.question = ASK_BROWSE,
                                .path = "/frameworks/F-0/executors/web.1/runs/latest"};
    asked = false;
    executor_ask(executor, &ask_, on_asked);
    AWAIT(asked);
    assert_int_equal(ask_.entries_n, 2);
    sandbox_ask_close(&ask_);
    ask_ = (struct sandbox_ask){.question = ASK_OPEN, .path = "/etc/passwd"};
    asked = false;
    executor_ask(executor, &ask_, on_asked);
    AWAIT(asked);
    assert_int_equal(ask_.err.code, ERR_NOT_FOUND);
    sandbox_ask_close(&ask_);
}

/* Counts itself in its volume, and says how far it is by its end. */
#define COUNTS "echo x >> data/n; exit $(wc -l < data/n)"
#define VOLUME "\"mounts\":[{\"container\":\"data\",\"persistent\":\"db#data#u\"}]"

static void a_volume_outlives_its_tasks_and_is_removed_by_order(void **unused)
{
    (void)unused;
    for (int task = 1; task <= 3; task++) {
        launch(task, COUNTS, VOLUME);
        AWAIT(has_ended() && last()->task == task);
        assert_int_equal(last()->exit_code, task);
        executor_forget(executor, task);
        end_executor();
        begin_executor();
    }
    wiped = 0;
    executor_wipe(executor, 7, "db#data#u");
    executor_wipe(executor, 7, "db#data#u"); /* is under way */
    AWAIT(wiped == 7);
    wiped = 0;
    executor_wipe(executor, 7, "db#data#u"); /* it is not there: that is what was asked */
    AWAIT(wiped == 7);
    launch(4, COUNTS, VOLUME);
    AWAIT(has_ended());
    assert_int_equal(last()->exit_code, 1);
}

static void a_volume_in_use_is_not_removed(void **unused)
{
    (void)unused;
    launch(1, "echo x > data/n; sleep 1000", VOLUME);
    AWAIT(is_running());
    end_executor();
    begin_executor();
    wiped = 0;
    executor_wipe(executor, 7, "db#data#u");
    executor_wipe(executor, 8, "other#data#u");
    AWAIT(wiped == 8);
    executor_kill(executor, 1, "");
    AWAIT(has_ended());
    assert_int_equal(wiped, 8);
    executor_wipe(executor, 7, "db#data#u");
    AWAIT(wiped == 7);
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
        T(is_asked_until_it_is_ready_and_then_never_again),
        T(keeps_the_last_response_when_it_is_to),
        T(a_path_that_is_too_long_is_said),
        T(is_asked_over_https),
        T(health_outlives_the_agent),
        T(a_check_that_informs_changes_nothing_else),
        T(answers_questions_about_files),
        T(a_volume_outlives_its_tasks_and_is_removed_by_order),
        T(a_volume_in_use_is_not_removed),
        T(stops_at_any_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
