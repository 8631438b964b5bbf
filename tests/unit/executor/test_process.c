/* tests/unit/executor/test_process.c - real processes under real supervisors */
#include "world.h"

#include <errno.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/limits.h"
#include "base/log.h"
#include "executor/fields.h"
#include "net/loop.h"

static struct world w;
static struct driver *driver;

static int open_world(void **unused)
{
    (void)unused;
    world_open(&w);
    world_agent_start(&w);
    driver = &w.processes.driver;
    return 0;
}

static int close_world(void **unused)
{
    (void)unused;
    world_agent_stop(&w);
    world_close(&w);
    return 0;
}

static void run_to_end(struct task *t, int64_t number, const char *cmd)
{
    task_launch(&w, t, number, cmd);
    await_flag(&w, &t->has_ended);
}

/* Counted by its cgroup, or else by the kernel when it was waited for. */
static void tells_what_a_task_used(void **unused)
{
    struct task t;
    (void)unused;
    run_to_end(&t, 90,
               "x=$(head -c 20000000 /dev/zero | tr '\\0' x); i=0; "
               "while [ $i -lt 20000 ]; do i=$((i+1)); done");
    assert_int_equal(t.run.end.code, 0);
    assert_in_range(t.run.end.used.mem_peak_bytes, 20000000, 200000000);
    assert_in_range(t.run.end.used.cpu_ms, 1, 60000);
}

static void await_file(const struct task *t, const char *name, const char *want)
{
    bool there = false;
    w.guard_over = false;
    uv_timer_start(&w.guard, on_guard, GUARD_MS, 0);
    while (!there && !w.guard_over) {
        char *got = task_file(t, name);
        there = strcmp(got, want) == 0;
        free(got);
        uv_run(&w.loop, UV_RUN_NOWAIT);
        sched_yield();
    }
    uv_timer_stop(&w.guard);
    assert_true(there);
}

static void await_death(struct process p)
{
    for (int i = 0; i < 1000 && process_alive(p); i++)
        usleep(10000);
    assert_false(process_alive(p));
}

/* ---- */

static void runs_a_command_and_keeps_its_output(void **unused)
{
    (void)unused;
    struct task t;
    run_to_end(&t, 1, "echo out; echo err >&2; pwd; exit 3");
    assert_true(t.has_started);
    assert_int_equal(t.run.end.how, END_EXITED);
    assert_int_equal(t.run.end.code, 3);
    assert_string_equal(t.run.end.message, "Command exited with status 3");
    assert_false(t.run.end.killed);
    char want[600];
    snprintf(want, sizeof(want), "out\n%s\n", t.sandbox);
    assert_file(&t, "stdout", want);
    assert_file(&t, "stderr", "err\n");
}

/* Nobody listens while it runs. */
static void what_has_ended_unheard_was_started(void **unused)
{
    (void)unused;
    struct task t;
    char path[600];
    task_launch(&w, &t, 1, "exit 3");
    snprintf(path, sizeof(path), "%s/exit", t.folder);
    for (int i = 0; i < 1000 && access(path, F_OK) != 0; i++)
        usleep(10000);
    await_flag(&w, &t.has_ended);
    assert_true(t.has_started);
    assert_int_equal(t.run.end.code, 3);
    assert_true(t.run.began.ms > 0);
}

static void runs_arguments_without_a_shell(void **unused)
{
    (void)unused;
    struct task t;
    struct error err;
    static const char *const args[] = {"printf", "%s|", "a b", "$HOME", ""};
    task_init(&w, &t, 1, NULL);
    t.spec.args = args;
    t.spec.args_n = 5;
    assert_int_equal(driver->launch(driver, &t.run, &err), 0);
    await_flag(&w, &t.has_ended);
    assert_file(&t, "stdout", "a b|$HOME||");
}

static void gives_nothing_but_what_it_should(void **unused)
{
    (void)unused;
    struct task t;
    run_to_end(&t, 1,
               "env | grep -v -e ^PWD -e ^_ -e ^SHLVL; ls /proc/self/fd | wc -l;"
               " umask; cat; trap | wc -l;"
               " [ $(cut -d' ' -f6 /proc/$$/stat) = $$ ] && echo leads its session");
    assert_file(&t, "stdout", "PATH=/usr/bin:/bin\n4\n0022\n0\nleads its session\n");
}

static void says_why_it_could_not_start(void **unused)
{
    (void)unused;
    struct task t;
    struct error err;
    static const char *const args[] = {"./no-such-program"};
    task_init(&w, &t, 1, NULL);
    t.spec.args = args;
    t.spec.args_n = 1;
    assert_int_equal(driver->launch(driver, &t.run, &err), 0);
    await_flag(&w, &t.has_ended);
    assert_false(t.has_started);
    assert_int_equal(t.run.end.how, END_NOT_STARTED);
    assert_string_equal(t.run.end.message,
                        "cannot run \"./no-such-program\": No such file or directory");
}

static void names_the_signal(void **unused)
{
    (void)unused;
    struct task t;
    run_to_end(&t, 1, "kill -SEGV $$");
    assert_int_equal(t.run.end.how, END_SIGNALED);
    assert_int_equal(t.run.end.signal, SIGSEGV);
    assert_string_equal(t.run.end.message, "Command terminated with signal Segmentation fault");
}

static void ends_on_order_within_the_grace(void **unused)
{
    (void)unused;
    struct task t;
    task_launch(&w, &t, 1, "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.01; done");
    await_file(&t, "stdout", "up\n");
    driver->kill(driver, &t.run, 60000);
    await_flag(&w, &t.has_ended);
    assert_true(t.run.end.killed);
    assert_int_equal(t.run.end.how, END_EXITED);
    assert_file(&t, "stdout", "up\nbye\n");
}

static void kills_what_ignores_the_order(void **unused)
{
    (void)unused;
    struct task t;
    task_launch(&w, &t, 1, "trap '' TERM; echo up; while :; do sleep 0.01; done");
    await_file(&t, "stdout", "up\n");
    driver->kill(driver, &t.run, 50);
    await_flag(&w, &t.has_ended);
    assert_true(t.run.end.killed);
    assert_int_equal(t.run.end.signal, SIGKILL);
    assert_string_equal(t.run.end.message, "Command terminated with signal Killed");
}

static void a_second_order_shortens_the_grace(void **unused)
{
    (void)unused;
    struct task t;
    task_launch(&w, &t, 1, "trap '' TERM; echo up; while :; do sleep 0.01; done");
    await_file(&t, "stdout", "up\n");
    driver->kill(driver, &t.run, 3600000);
    driver->kill(driver, &t.run, 20);
    driver->kill(driver, &t.run, 3600000);
    await_flag(&w, &t.has_ended);
    assert_int_equal(t.run.end.signal, SIGKILL);
}

static void an_order_before_the_start_is_kept(void **unused)
{
    (void)unused;
    struct task t;
    task_launch(&w, &t, 1, "sleep 1000");
    driver->kill(driver, &t.run, 0);
    await_flag(&w, &t.has_ended);
    assert_true(t.run.end.killed);
}

/* What the program left behind ends with it, whatever session it is in. */
static void leaves_nobody_behind(void **unused)
{
    (void)unused;
    struct task t;
    run_to_end(&t, 1,
               "setsid sh -c 'sleep 1000 & echo $! >deep; wait' & "
               "while [ ! -s deep ]; do :; done; cat deep; exit 0");
    char *pid = task_file(&t, "stdout");
    assert_false(process_alive(process_of(atoi(pid))));
    free(pid);
    assert_int_equal(t.run.end.code, 0);
}

/* Often enough the clock has not moved on meanwhile, and nothing is asked. */
static void who_was_just_born_is_known_without_asking(void **unused)
{
    (void)unused;
    processes_try_ticks(0);
    for (int i = 0; i < 20; i++) {
        uint64_t before = processes_tick();
        pid_t pid = fork();
        if (pid == 0)
            _exit(pause());
        assert_int_equal(process_born(pid, before).started, process_of(pid).started);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
}

/* ---- others are about to begin */

static int64_t now_ms(void)
{
    struct clock clock = clock_system();
    return clock.mono(&clock).ms;
}

/* Its program has ended, and for a moment nothing comes of it. */
static void end_in_no_lull(struct task *t, int64_t number, const char *cmd)
{
    launch_busy(&w.client, true);
    task_launch(&w, t, number, cmd);
    await_flag(&w, &t->has_started);
    await_death(process_of((pid_t)t->run.pid));
    uv_timer_start(&w.guard, on_guard, 100, 0);
    for (w.guard_over = false; !w.guard_over;)
        uv_run(&w.loop, UV_RUN_ONCE);
    assert_false(t->has_ended);
}

static void what_has_ended_waits_for_a_lull(void **unused)
{
    (void)unused;
    struct task t;
    end_in_no_lull(&t, 120, "exit 3");
    struct clock clock = clock_system();
    struct wall lull = clock.wall(&clock);
    launch_busy(&w.client, false);
    await_flag(&w, &t.has_ended);
    assert_int_equal(t.run.end.code, 3);
    assert_true(t.run.end.ended.ms < lull.ms);
}

static void what_has_ended_waits_for_a_lull_and_not_for_long(void **unused)
{
    (void)unused;
    struct task t;
    end_in_no_lull(&t, 121, "exit 3");
    await_flag(&w, &t.has_ended);
    assert_int_equal(t.run.end.code, 3);
}

static void an_order_ends_without_a_lull_what_is_left(void **unused)
{
    (void)unused;
    struct task t;
    int64_t began = now_ms();
    end_in_no_lull(&t, 122, "sleep 1000 & exit 3");
    driver->kill(driver, &t.run, 0);
    await_flag(&w, &t.has_ended);
    assert_int_equal(t.run.end.code, 3);
    assert_true(now_ms() - began < LIMIT_LULL_MS);
}

static bool is_there(const struct task *t, const char *name)
{
    char path[600];
    snprintf(path, sizeof(path), "%s/%s", t->folder, name);
    return access(path, F_OK) == 0;
}

/* Nobody listens for it before others have begun, but as soon as the first agent is gone. */
static void a_later_agent_is_heard_before_there_is_a_lull(void **unused)
{
    (void)unused;
    struct task t, found;
    launch_busy(&w.client, true);
    int64_t began = now_ms();
    task_launch(&w, &t, 124, "exec sleep 1000");
    await_flag(&w, &t.has_started);
    process_stop(&w.processes, on_processes_stopped);
    await_flag(&w, &w.processes_stopped);
    while (!is_there(&t, "sup.sock"))
        usleep(1000);
    assert_true(now_ms() - began < LIMIT_LULL_MS);
    process_start(&w.processes, &w.loop, &w.client, &w.options);
    task_known(&w, &found, 124);
    driver->recover(driver, &found.run);
    await_flag(&w, &found.has_started);
    assert_int_equal(found.run.pid, t.run.pid);
    driver->kill(driver, &found.run, 0);
    await_flag(&w, &found.has_ended);
    assert_true(found.run.end.killed);
    launch_busy(&w.client, false);
}

/* Else it might seem to have taken too long. */
static void what_has_a_time_limit_waits_for_no_lull(void **unused)
{
    (void)unused;
    struct task t;
    struct error err;
    launch_busy(&w.client, true);
    int64_t began = now_ms();
    task_init(&w, &t, 123, "exit 3");
    t.spec.max_ms = 60000;
    assert_int_equal(driver->launch(driver, &t.run, &err), 0);
    await_flag(&w, &t.has_ended);
    assert_int_equal(t.run.end.code, 3);
    assert_true(now_ms() - began < LIMIT_LULL_MS);
    launch_busy(&w.client, false);
}

static void rotates_by_size_at_the_end_of_lines(void **unused)
{
    (void)unused;
    struct task t;
    w.options.log_bytes = 100;
    w.processes.options.log_bytes = 100;
    run_to_end(&t, 1,
               "for i in 1 2 3 4 5 6 7 8 9; do echo \"line $i 012345678901234567890123456789\";"
               " done");
    assert_file(&t, "stdout", "line 9 012345678901234567890123456789\n");
    assert_file(&t, "stdout.1",
                "line 7 012345678901234567890123456789\n"
                "line 8 012345678901234567890123456789\n");
    assert_file(&t, "stdout.2",
                "line 5 012345678901234567890123456789\n"
                "line 6 012345678901234567890123456789\n");
    assert_file(&t, "stdout.3", "(no such file)");
}

/* ---- the agent comes and goes */

static void a_new_agent_finds_the_same_process(void **unused)
{
    (void)unused;
    struct task old, found;
    task_launch(&w, &old, 1, "mkfifo go; echo up; read x <go; echo $x; exit 7");
    await_file(&old, "stdout", "up\n");
    await_flag(&w, &old.has_started);
    struct process before = process_of((pid_t)old.run.pid);
    world_agent_stop(&w);
    assert_false(old.has_ended);
    assert_true(process_alive(before));

    world_agent_start(&w);
    task_known(&w, &found, 1);
    driver->recover(driver, &found.run);
    await_flag(&w, &found.has_started);
    assert_int_equal(found.run.pid, before.pid);
    char path[600];
    snprintf(path, sizeof(path), "%s/go", old.sandbox);
    int go = open(path, O_WRONLY);
    assert_int_equal(write(go, "later\n", 6), 6);
    close(go);
    await_flag(&w, &found.has_ended);
    assert_int_equal(found.run.end.code, 7);
    assert_file(&found, "stdout", "up\nlater\n");
}

static void a_new_agent_learns_how_it_ended(void **unused)
{
    (void)unused;
    struct task old, found;
    task_launch(&w, &old, 1, "exit 7");
    await_flag(&w, &old.has_started);
    world_agent_stop(&w);
    struct error err;
    struct fields f;
    int folder = open(old.folder, O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < 1000 && fields_load(&f, folder, "exit", &err) != 0; i++)
        usleep(10000);
    close(folder);

    world_agent_start(&w);
    task_known(&w, &found, 1);
    driver->recover(driver, &found.run);
    await_flag(&w, &found.has_ended);
    assert_int_equal(found.run.end.how, END_EXITED);
    assert_int_equal(found.run.end.code, 7);
    assert_true(found.run.end.ended.ms > 0);
}

static struct process supervisor_of(const struct task *t)
{
    struct fields f = {0};
    struct error err;
    int folder = open(t->folder, O_RDONLY | O_DIRECTORY);
    assert_int_equal(fields_load(&f, folder, "record", &err), 0);
    close(folder);
    return (struct process){.pid = (pid_t)fields_int(&f, "supervisor", 0),
                            .started = (uint64_t)fields_int(&f, "supervisor_started", 0)};
}

static void a_killed_supervisor_takes_its_task_along(void **unused)
{
    (void)unused;
    struct task t;
    task_launch(&w, &t, 1, "sleep 1000 & echo $!; wait");
    await_flag(&w, &t.has_started);
    char *text;
    while (text = task_file(&t, "stdout"), strchr(text, '\n') == NULL) {
        free(text);
        uv_run(&w.loop, UV_RUN_NOWAIT);
    }
    struct process grandchild = process_of(atoi(text)), child = process_of((pid_t)t.run.pid);
    free(text);
    assert_true(process_alive(child) && process_alive(grandchild));
    kill(supervisor_of(&t).pid, SIGKILL);
    await_flag(&w, &t.has_ended);
    assert_int_equal(t.run.end.how, END_LOST);
    assert_string_equal(t.run.end.message,
                        "The task's supervisor was killed, and the task with it");
    await_death(child);
    await_death(grandchild);
}

static void a_supervisor_shows_whose_it_is(void **unused)
{
    (void)unused;
    struct task t;
    char path[64], text[4096] = "";
    task_launch(&w, &t, 1, "sleep 1000");
    await_flag(&w, &t.has_started);
    snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)supervisor_of(&t).pid);
    int fd = open(path, O_RDONLY);
    assert_true(read(fd, text, sizeof(text) - 1) > 0);
    close(fd);
    /* as much of it as the arguments of this program have left room for */
    assert_int_equal(strncmp("mesolith: task task.1", text, strlen(text)), 0);
    driver->kill(driver, &t.run, 1);
    await_flag(&w, &t.has_ended);
}

/* ---- the supervisor's files are removed by somebody */

static void remove_file(const struct task *t, const char *name)
{
    char path[600];
    snprintf(path, sizeof(path), "%s/%s", t->folder, name);
    assert_int_equal(unlink(path), 0);
}

/* An agent that begins without the files finds the same process all the same. */
static void find_without(struct task *old, struct task *found, const char *const *names)
{
    task_launch(&w, old, 1, "trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.01; done");
    await_file(old, "stdout", "up\n");
    await_flag(&w, &old->has_started);
    struct process before = process_of((pid_t)old->run.pid);
    world_agent_stop(&w);
    for (; *names != NULL; names++)
        remove_file(old, *names);
    world_agent_start(&w);
    task_known(&w, found, 1);
    driver->recover(driver, &found->run);
    await_flag(&w, &found->has_started);
    assert_false(found->has_ended);
    assert_true(process_alive(before));
}

static void without_its_socket_a_task_is_found_and_ended_on_order(void **unused)
{
    (void)unused;
    struct task old, found;
    find_without(&old, &found, (const char *const[]){"sup.sock", NULL});
    assert_int_equal(found.run.pid, old.run.pid);
    driver->kill(driver, &found.run, 60000);
    await_flag(&w, &found.has_ended);
    assert_true(found.run.end.killed);
    assert_int_equal(found.run.end.code, 7);
    assert_file(&found, "stdout", "up\nbye\n");
}

static void without_its_socket_its_end_is_learned(void **unused)
{
    (void)unused;
    struct task old, found;
    find_without(&old, &found, (const char *const[]){"sup.sock", NULL});
    kill((pid_t)old.run.pid, SIGSEGV);
    await_flag(&w, &found.has_ended);
    assert_int_equal(found.run.end.how, END_SIGNALED);
    assert_int_equal(found.run.end.signal, SIGSEGV);
}

/* As `cp -a` does it; the socket of the copy has nobody behind it. */
static void copy_folder(const struct task *from, const struct task *to)
{
    char command[1400];
    snprintf(command, sizeof command, "mkdir -p '%.400s' && cp -a '%.400s/record' '%.400s'",
             to->folder, from->folder, to->folder);
    assert_int_equal(system(command), 0);
}

static void a_copied_folder_does_not_end_the_task_of_the_original(void **unused)
{
    (void)unused;
    struct task old, copy;
    task_launch(&w, &old, 1, "trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.01; done");
    await_file(&old, "stdout", "up\n");
    task_known(&w, &copy, 2);
    copy_folder(&old, &copy);
    driver->recover(driver, &copy.run);
    driver->kill(driver, &copy.run, 60000);
    await_flag(&w, &copy.has_ended);
    assert_int_equal(copy.run.end.how, END_LOST);
    assert_non_null(strstr(copy.run.end.message, "is a copy"));
    assert_int_equal(kill((pid_t)old.run.pid, 0), 0);
    driver->kill(driver, &old.run, 60000);
    await_flag(&w, &old.has_ended);
    assert_int_equal(old.run.end.code, 7);
    assert_file(&old, "stdout", "up\nbye\n");
}

/* Nor when the supervisor is dead, and what it left is swept. */
static void a_copied_record_sweeps_nobody(void **unused)
{
    (void)unused;
    struct task old, copy;
    char text[FIELDS_SIZE];
    struct fields record = {0};
    struct error err;
    pid_t bystander = fork();
    if (bystander == 0) {
        setsid();
        pause();
        _exit(0);
    }
    while (getsid(bystander) != bystander)
        usleep(1000);
    task_launch(&w, &old, 1, "echo up; while :; do sleep 0.01; done");
    await_flag(&w, &old.has_started);
    driver->kill(driver, &old.run, 0);
    await_flag(&w, &old.has_ended);
    task_known(&w, &copy, 2);
    copy_folder(&old, &copy);
    int folder = open(copy.folder, O_RDONLY | O_DIRECTORY);
    assert_int_equal(fields_load(&record, folder, "record", &err), 0);
    fields_get(&record, "boot", text, sizeof text);
    struct fields changed = {0};
    struct process victim = process_of(bystander);
    fields_put(&changed, "boot", text);
    fields_put_int(&changed, "pid", victim.pid);
    fields_put_int(&changed, "pid_started", (int64_t)victim.started);
    fields_put_int(&changed, "folder_dev", fields_int(&record, "folder_dev", 0));
    fields_put_int(&changed, "folder_ino", fields_int(&record, "folder_ino", 0));
    assert_int_equal(fields_save(&changed, folder, "record", false, &err), 0);
    close(folder);
    driver->recover(driver, &copy.run);
    await_flag(&w, &copy.has_ended);
    assert_non_null(strstr(copy.run.end.message, "is a copy"));
    assert_int_equal(waitpid(bystander, NULL, WNOHANG), 0); /* it lives */
    kill(bystander, SIGKILL);
    waitpid(bystander, NULL, 0);
}

/* The grace of the order counts, not the one that the task was started with. */
static void without_its_socket_the_grace_is_kept(void **unused)
{
    (void)unused;
    struct task old, found;
    task_launch(&w, &old, 1, "trap '' TERM; echo up; while :; do sleep 0.01; done");
    await_file(&old, "stdout", "up\n");
    world_agent_stop(&w);
    remove_file(&old, "sup.sock");
    world_agent_start(&w);
    task_known(&w, &found, 1);
    driver->recover(driver, &found.run);
    driver->kill(driver, &found.run, 3600000); /* before anybody has looked for it */
    await_flag(&w, &found.has_started);
    driver->kill(driver, &found.run, 20);
    await_flag(&w, &found.has_ended);
    assert_int_equal(found.run.end.signal, SIGKILL);
}

static void without_its_record_a_task_is_found_by_what_it_holds(void **unused)
{
    (void)unused;
    struct task old, found;
    find_without(&old, &found, (const char *const[]){"sup.sock", "record", NULL});
    assert_int_equal(found.run.pid, 0); /* nobody says any more */
    driver->kill(driver, &found.run, 60000);
    await_flag(&w, &found.has_ended);
    assert_int_equal(found.run.end.code, 7);
}

static bool noted;

static void note_line(void *data, enum log_level level, const char *line)
{
    (void)data;
    (void)level;
    noted = noted || strstr(line, "what became of a task cannot be seen") != NULL;
}

/* What cannot be looked at is not dead. */
static void without_files_to_open_a_task_is_looked_at_again(void **unused)
{
    (void)unused;
    struct task old, found;
    int hogs[4096];
    size_t n = 0;
    struct rlimit before, few = {64, 64};
    task_launch(&w, &old, 1, "echo up; while :; do sleep 0.01; done");
    await_flag(&w, &old.has_started);
    world_agent_stop(&w);
    remove_file(&old, "sup.sock");
    world_agent_start(&w);
    task_known(&w, &found, 1);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    while (n < COUNT(hogs) && (hogs[n] = dup(0)) >= 0)
        n++;
    noted = false;
    driver->recover(driver, &found.run);
    log_set_sink(note_line, NULL, LOG_WARN);
    await_flag(&w, &noted);
    log_set_sink(NULL, NULL, LOG_WARN);
    assert_false(found.has_started || found.has_ended);
    while (n > 0)
        close(hogs[--n]);
    setrlimit(RLIMIT_NOFILE, &before);
    await_flag(&w, &found.has_started);
    driver->kill(driver, &found.run, 60000);
    await_flag(&w, &found.has_ended);
    assert_int_equal(found.run.end.how, END_SIGNALED);
}

/* The descriptor that leads to its supervisor is lost on the way: it is found otherwise. */
static void without_a_descriptor_its_supervisor_is_found(void **unused)
{
    (void)unused;
    struct task t;
    struct error err;
    struct rlimit files, few;
    task_init(&w, &t, 125, "echo up; while :; do sleep 0.01; done");
    assert_int_equal(driver->launch(driver, &t.run, &err), 0);
    int next = dup(0); /* the first that is free */
    close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    few = (struct rlimit){(rlim_t)next, files.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    noted = false;
    log_set_sink(note_line, NULL, LOG_WARN);
    await_flag(&w, &noted);
    log_set_sink(NULL, NULL, LOG_WARN);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
    await_flag(&w, &t.has_started);
    driver->kill(driver, &t.run, 60000);
    await_flag(&w, &t.has_ended);
    assert_int_equal(t.run.end.signal, SIGTERM);
}

static void a_socket_that_goes_while_the_agent_runs_is_not_missed(void **unused)
{
    (void)unused;
    struct task t;
    task_launch(&w, &t, 1, "echo up; while :; do sleep 0.01; done");
    await_flag(&w, &t.has_started);
    remove_file(&t, "sup.sock");
    remove_file(&t, "record");
    driver->kill(driver, &t.run, 60000);
    await_flag(&w, &t.has_ended);
    assert_true(t.run.end.killed);
    assert_int_equal(t.run.end.signal, SIGTERM);
}

static int dial_supervisor(const struct task *t)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof(at.sun_path), "%.90s/sup.sock", t->folder);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    return fd;
}

/* The supervisor lets go of an old client when too many new ones come: that is no death. */
static void a_connection_that_is_lost_is_not_the_end(void **unused)
{
    (void)unused;
    struct task old, found;
    char record[FIELDS_SIZE];
    int others[12];
    task_launch(&w, &old, 1, "echo up; while :; do sleep 0.01; done");
    await_flag(&w, &old.has_started);
    for (int i = 0; i < 3; i++) /* with the agent's, all places are taken */
        others[i] = dial_supervisor(&old);
    world_agent_stop(&w);
    world_agent_start(&w);
    task_known(&w, &found, 1);
    driver->recover(driver, &found.run);
    await_flag(&w, &found.has_started);
    for (int i = 3; i < 12; i++) { /* each takes the newest one's place */
        others[i] = dial_supervisor(&old);
        assert_true(recv(others[i], record, sizeof(record), 0) > 0);
    }
    driver->kill(driver, &found.run, 60000);
    await_flag(&w, &found.has_ended);
    assert_int_equal(found.run.end.how, END_SIGNALED);
    assert_true(found.run.end.killed);
    for (int i = 0; i < 12; i++)
        close(others[i]);
}

static void a_task_whose_record_is_gone_with_its_supervisor_says_so(void **unused)
{
    (void)unused;
    struct task t;
    task_launch(&w, &t, 1, "sleep 1000");
    await_flag(&w, &t.has_started);
    struct process supervisor = supervisor_of(&t);
    remove_file(&t, "record");
    kill(supervisor.pid, SIGKILL);
    await_flag(&w, &t.has_ended);
    assert_int_equal(t.run.end.how, END_LOST);
    assert_string_equal(t.run.end.message, "The task's record was removed and its supervisor is "
                                           "dead: how the task ended is not known");
}

/* The record names a pid that now belongs to somebody else: he is left alone. */
static void a_reused_pid_is_left_alone(void **unused)
{
    (void)unused;
    struct task t;
    struct error err;
    char boot[BOOT_ID_SIZE];
    pid_t bystander = fork();
    if (bystander == 0) {
        setsid();
        pause();
        _exit(0);
    }
    task_known(&w, &t, 1);
    mkdir(t.folder, 0700);
    struct fields f = {0};
    fields_put(&f, "boot", boot_id(boot));
    fields_put_int(&f, "pid", bystander);
    fields_put_int(&f, "pid_started", (int64_t)process_of(bystander).started - 1);
    int folder = open(t.folder, O_RDONLY | O_DIRECTORY);
    assert_int_equal(fields_save(&f, folder, "record", false, &err), 0);
    close(folder);

    driver->recover(driver, &t.run);
    await_flag(&w, &t.has_ended);
    assert_int_equal(t.run.end.how, END_LOST);
    int status;
    assert_int_equal(waitpid(bystander, &status, WNOHANG), 0);
    kill(bystander, SIGKILL);
    waitpid(bystander, &status, 0);
}

static void a_restart_of_the_machine_is_told(void **unused)
{
    (void)unused;
    struct task t;
    struct error err;
    task_known(&w, &t, 1);
    mkdir(t.folder, 0700);
    struct fields f = {0};
    fields_put(&f, "boot", "00000000-0000-0000-0000-000000000000");
    fields_put_int(&f, "pid", 1);
    int folder = open(t.folder, O_RDONLY | O_DIRECTORY);
    assert_int_equal(fields_save(&f, folder, "record", false, &err), 0);
    close(folder);
    driver->recover(driver, &t.run);
    await_flag(&w, &t.has_ended);
    assert_string_equal(t.run.end.message, "The machine was restarted while the task ran");
}

/* The agent died after it had sent the order: whoever comes first, it or the launcher, wins. */
static void a_late_order_starts_nothing(void **unused)
{
    (void)unused;
    struct task never, late;
    task_known(&w, &never, 1);
    mkdir(never.folder, 0700);
    driver->recover(driver, &never.run);
    await_flag(&w, &never.has_ended);
    assert_int_equal(never.run.end.how, END_NEVER);
    assert_string_equal(never.run.end.message,
                        "There is no record that the task was started, and no supervisor of it");

    run_to_end(&late, 1, "echo started");
    assert_int_equal(late.run.end.how, END_NOT_STARTED);
    assert_string_equal(late.run.end.message,
                        "The agent had given this task up before it was started");
    assert_file(&late, "stdout", "");
}

/* A launcher that is told twice does nothing the second time. */
static void a_folder_is_used_once(void **unused)
{
    (void)unused;
    struct task t;
    run_to_end(&t, 1, "echo started");
    run_to_end(&t, 1, "echo started");
    assert_file(&t, "stdout", "started\n");
    assert_string_equal(t.run.end.message, "The task was started before");
}

/* ---- forks that fail: the launcher's for the supervisor, the supervisor's for the task */

static int *forks_left;

static bool is_last_fork(void)
{
    errno = EAGAIN;
    return __atomic_fetch_sub(forks_left, 1, __ATOMIC_SEQ_CST) == 1;
}

static pid_t failing_fork(void)
{
    return is_last_fork() ? -1 : _Fork();
}

static pid_t failing_spawn(const struct cgroup *g, cgroup_child *child, void *data)
{
    return is_last_fork() ? -1 : cgroup_spawn(g, child, data);
}

static void a_failed_fork_is_told_and_the_next_one_works(void **unused)
{
    (void)unused;
    forks_left = mmap(NULL, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    world_agent_stop(&w);
    w.launching.fork = failing_fork;
    w.launching.spawn = failing_spawn;
    world_agent_start(&w);
    for (int nth = 1; nth <= 3; nth++) {
        struct task t;
        *forks_left = nth;
        run_to_end(&t, nth, "exit 0");
        if (nth == 3) {
            assert_int_equal(t.run.end.how, END_EXITED);
            break;
        }
        assert_int_equal(t.run.end.how, END_NOT_STARTED);
        assert_string_equal(t.run.end.message, "cannot fork: Resource temporarily unavailable");
    }
    munmap(forks_left, sizeof(int));
}

static void a_dead_launcher_is_told(void **unused)
{
    (void)unused;
    struct task t;
    struct error err;
    kill(w.launcher.pid, SIGKILL);
    task_init(&w, &t, 1, "exit 0");
    if (driver->launch(driver, &t.run, &err) == 0) {
        await_flag(&w, &t.has_ended);
        assert_int_equal(t.run.end.how, END_NOT_STARTED);
    }
    await_flag(&w, &w.client.gone);
    assert_int_equal(driver->launch(driver, &t.run, &err), -1);
    assert_int_equal(err.code, ERR_UNAVAILABLE);
    process_stop(&w.processes, on_processes_stopped);
    launch_client_stop(&w.client, on_client_stopped);
    await_flag(&w, &w.processes_stopped);
    await_flag(&w, &w.client_stopped);
    waitpid(w.launcher.pid, NULL, 0);
    world_agent_start(&w);
}

static void refuses_what_no_exec_would_take(void **unused)
{
    (void)unused;
    struct task t;
    struct error err;
    char *big = malloc(LIMIT_ORDER_BYTES + 10);
    memset(big, 'x', LIMIT_ORDER_BYTES + 9);
    big[LIMIT_ORDER_BYTES + 9] = '\0';
    task_init(&w, &t, 1, big);
    assert_int_equal(driver->launch(driver, &t.run, &err), -1);
    assert_int_equal(err.code, ERR_LIMIT);
    free(big);
}

/* ---- many */

#define MANY 1000
#define AT_ONCE 20

static void a_thousand_quick_tasks_leave_nothing(void **unused)
{
    (void)unused;
    struct task *tasks = calloc(AT_ONCE, sizeof(*tasks));
    for (int done = 0; done < MANY; done += AT_ONCE) {
        for (int i = 0; i < AT_ONCE; i++)
            task_launch(&w, &tasks[i], done + i, "exit 5");
        for (int i = 0; i < AT_ONCE; i++) {
            await_flag(&w, &tasks[i].has_ended);
            assert_int_equal(tasks[i].run.end.how, END_EXITED);
            assert_int_equal(tasks[i].run.end.code, 5);
        }
    }
    free(tasks);
    for (int i = 0; i < 1000 && processes_signal_below(w.launcher.pid, 0) > 0; i++)
        usleep(10000); /* the last supervisors are just going */
    assert_int_equal(processes_signal_below(w.launcher.pid, 0), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)
    const struct CMUnitTest tests[] = {
        T(runs_a_command_and_keeps_its_output),
        T(what_has_ended_unheard_was_started),
        T(tells_what_a_task_used),
        T(runs_arguments_without_a_shell),
        T(gives_nothing_but_what_it_should),
        T(says_why_it_could_not_start),
        T(names_the_signal),
        T(ends_on_order_within_the_grace),
        T(kills_what_ignores_the_order),
        T(a_second_order_shortens_the_grace),
        T(an_order_before_the_start_is_kept),
        T(leaves_nobody_behind),
        T(who_was_just_born_is_known_without_asking),
        T(what_has_ended_waits_for_a_lull),
        T(what_has_ended_waits_for_a_lull_and_not_for_long),
        T(an_order_ends_without_a_lull_what_is_left),
        T(a_later_agent_is_heard_before_there_is_a_lull),
        T(what_has_a_time_limit_waits_for_no_lull),
        T(rotates_by_size_at_the_end_of_lines),
        T(a_new_agent_finds_the_same_process),
        T(a_new_agent_learns_how_it_ended),
        T(a_killed_supervisor_takes_its_task_along),
        T(a_supervisor_shows_whose_it_is),
        T(without_its_socket_a_task_is_found_and_ended_on_order),
        T(without_its_socket_its_end_is_learned),
        T(without_its_socket_the_grace_is_kept),
        T(a_copied_folder_does_not_end_the_task_of_the_original),
        T(a_copied_record_sweeps_nobody),
        T(without_its_record_a_task_is_found_by_what_it_holds),
        T(without_files_to_open_a_task_is_looked_at_again),
        T(without_a_descriptor_its_supervisor_is_found),
        T(a_socket_that_goes_while_the_agent_runs_is_not_missed),
        T(a_connection_that_is_lost_is_not_the_end),
        T(a_task_whose_record_is_gone_with_its_supervisor_says_so),
        T(a_reused_pid_is_left_alone),
        T(a_restart_of_the_machine_is_told),
        T(a_late_order_starts_nothing),
        T(a_folder_is_used_once),
        T(a_failed_fork_is_told_and_the_next_one_works),
        T(a_dead_launcher_is_told),
        T(refuses_what_no_exec_would_take),
        T(a_thousand_quick_tasks_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
