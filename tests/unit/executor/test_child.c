/* tests/unit/executor/test_child.c - what a program gets of its own before it starts: mounts, a
 * terminal; a program instead of the shell that would become it */
#include <sys/prctl.h>

#include <linux/capability.h>
#include <sys/syscall.h>

#include "executor/probes.h"
#include "executor/sandbox.h"
#include "world.h"

static struct world w;
static struct driver *driver;
static const struct sandbox_user SELF = {0};

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

/* ---- mounts */

static struct run_mount mounts[2];

/* A folder and a file of the machine, which the task may only read. */
static void init_mounting(struct task *t, int64_t number, const char *cmd)
{
    static char folder[512], file[600];
    struct error err;
    task_init(&w, t, number, cmd);
    snprintf(folder, sizeof(folder), "%s/shared", w.root);
    snprintf(file, sizeof(file), "%s/word", folder);
    mkdir(folder, 0777);
    FILE *f = fopen(file, "we");
    assert_non_null(f);
    fputs("well\n", f);
    fclose(f);
    mounts[0] =
        (struct run_mount){.container_path = "/in/data", .host_path = folder, .read_only = true};
    mounts[1] = (struct run_mount){.container_path = "one", .host_path = file, .read_only = true};
    t->spec.mounts = mounts;
    t->spec.mounts_n = 2;
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(sandbox_make_mount_point(t->sandbox, mounts[i].container_path,
                                                  mounts[i].host_path, &SELF, &err),
                         0);
}

static void launch(struct task *t)
{
    struct error err;
    if (driver->launch(driver, &t->run, &err) != 0)
        fail_msg("%s", err.text);
}

static bool may_mount(void)
{
    return geteuid() == 0 && prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) == 1;
}

static void what_is_mounted_read_only_can_be_read_and_not_written(void **unused)
{
    (void)unused;
    struct task t;
    if (!may_mount())
        skip_because("it takes root to mount anything");
    init_mounting(&t, 1, "cat in/data/word one; touch in/data/x; echo y >one; touch in/y");
    launch(&t);
    await_flag(&w, &t.has_ended);
    assert_file(&t, "stdout", "well\nwell\n");
    char *said = task_file(&t, "stderr");
    assert_non_null(strstr(said, "in/data/x"));
    assert_non_null(strstr(said, "cannot create one: Read-only file system"));
    free(said);
    assert_file(&t, "in/y", "");                       /* beside it he may */
    assert_file(&t, "in/data/word", "(no such file)"); /* and nobody else sees it */
    assert_file(&t, "../shared/x", "(no such file)");
}

static void what_is_not_there_cannot_be_mounted(void **unused)
{
    (void)unused;
    struct task t;
    struct error err;
    task_init(&w, &t, 1, "true");
    assert_int_equal(sandbox_make_mount_point(t.sandbox, "d", "/no/such", &SELF, &err), -1);
    assert_string_equal(err.text, "cannot mount /no/such: No such file or directory");
    if (!may_mount())
        skip_because("it takes root to mount anything");
    init_mounting(&t, 2, "true");
    mounts[1].host_path = "/no/such";
    launch(&t);
    await_flag(&w, &t.has_ended);
    assert_int_equal(t.run.end.how, END_NOT_STARTED);
    assert_string_equal(t.run.end.message,
                        "cannot mount read-only: \"/no/such\": No such file or directory");
}

/* The supervisor, and with it the program, as on a node that is not root's. */
static pid_t fork_without_admin(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct caps[2];
    pid_t pid = _Fork();
    if (pid == 0 && syscall(SYS_capget, &head, caps) == 0) {
        caps[0].effective &= ~(1u << CAP_SYS_ADMIN);
        (void)syscall(SYS_capset, &head, caps);
    }
    return pid;
}

/* Never writable instead. */
static void who_may_not_mount_says_so(void **unused)
{
    (void)unused;
    struct task t;
    world_agent_stop(&w);
    w.launching.fork = fork_without_admin;
    world_agent_start(&w);
    init_mounting(&t, 1, "touch in/data/x");
    launch(&t);
    await_flag(&w, &t.has_ended);
    assert_int_equal(t.run.end.how, END_NOT_STARTED);
    assert_string_equal(t.run.end.message,
                        "cannot mount anything read-only, which takes root or CAP_SYS_ADMIN: "
                        "Operation not permitted");
}

static void on_answer(struct probe *p, enum probe_answer a)
{
    *(enum probe_answer *)p->data = a;
    w.guard_over = true;
}

/* A health check's, say. */
static void a_command_beside_the_task_sees_its_mounts(void **unused)
{
    (void)unused;
    struct task t;
    enum probe_answer answer = PROBE_BAD;
    char *argv[] = {"/bin/sh", "-c", "cat in/data/word && ! touch in/data/x", NULL};
    struct command_probe p;
    if (!may_mount())
        skip_because("it takes root to mount anything");
    init_mounting(&t, 1, "exec sleep 1000");
    launch(&t);
    await_flag(&w, &t.has_started);
    struct order order = {.kind = ORDER_HELPER,
                          .cwd = t.sandbox,
                          .argv = argv,
                          .env = t.env,
                          .mounts_of = (pid_t)t.run.pid};
    command_probe_init(&p, &w.client, &order);
    p.probe.data = &answer;
    w.guard_over = false;
    p.probe.ask(&p.probe, on_answer);
    while (!w.guard_over)
        uv_run(&w.loop, UV_RUN_ONCE);
    assert_int_equal(answer, PROBE_GOOD);
    driver->kill(driver, &t.run, 0);
    await_flag(&w, &t.has_ended);
}

/* ---- a terminal */

static void a_terminal_is_one_for_all_three(void **unused)
{
    (void)unused;
    struct task t;
    task_init(&w, &t, 1,
              "[ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo all three; echo err >&2;"
              " echo its own >/dev/tty; seq 2000 | tail -n 1; exit 4");
    t.spec.tty = true;
    launch(&t);
    await_flag(&w, &t.has_ended);
    assert_int_equal(t.run.end.how, END_EXITED);
    assert_int_equal(t.run.end.code, 4);
    assert_file(&t, "stdout", "all three\r\nerr\r\nits own\r\n2000\r\n");
    assert_file(&t, "stderr", "");
}

static void a_terminal_can_be_opened_again_by_its_user(void **unused)
{
    (void)unused;
    struct task t;
    if (geteuid() != 0)
        skip_because("it takes root to run as another user");
    task_init(&w, &t, 1, "echo well >$(readlink /proc/self/fd/2)");
    assert_int_equal(chmod(w.root, 0755), 0);
    assert_int_equal(chmod(t.sandbox, 0755), 0);
    t.spec.tty = t.run.switch_user = true;
    t.run.uid = t.run.gid = 65534;
    launch(&t);
    await_flag(&w, &t.has_ended);
    assert_file(&t, "stdout", "well\r\n");
}

/* ---- a line that only becomes another program */

static void init_exec_with(struct task *t, int64_t number, const char *cmd, const char *pwd,
                           char *variable)
{
    static char way[600];
    task_init(&w, t, number, cmd);
    snprintf(way, sizeof(way), "PWD=%s", pwd != NULL ? pwd : t->sandbox);
    t->env[1] = way;
    t->env[2] = variable;
    launch(t);
    await_flag(&w, &t->has_ended);
}

static void init_exec(struct task *t, int64_t number, const char *cmd, const char *pwd)
{
    init_exec_with(t, number, cmd, pwd, "no-name-for-a-shell=1");
}

static void assert_way_is_sandbox(const struct task *t)
{
    char *env = task_file(t, "stdout"), want[600];
    snprintf(want, sizeof(want), "PWD=%s\n", t->sandbox);
    assert_non_null(strstr(env, want));
    free(env);
}

static void what_a_shell_would_only_become_is_begun_without_one(void **unused)
{
    (void)unused;
    struct task t, shells;
    init_exec(&t, 1, "exec env", NULL);
    char *env = task_file(&t, "stdout");
    assert_non_null(strstr(env, "no-name-for-a-shell=1\n")); /* dash drops it */
    free(env);
    assert_way_is_sandbox(&t);
    init_exec(&shells, 2, "exec env;", NULL);
    assert_way_is_sandbox(&shells);
}

static void what_a_shell_would_put_right_or_say_is_left_to_it(void **unused)
{
    (void)unused;
    struct task t;
    init_exec(&t, 1, "exec env", "/");
    assert_way_is_sandbox(&t);
    init_exec(&t, 2, "exec no-such-program", NULL);
    assert_int_equal(t.run.end.how, END_EXITED);
    assert_int_equal(t.run.end.code, 127);
    char *said = task_file(&t, "stderr");
    assert_non_null(strstr(said, "no-such-program: not found"));
    free(said);
}

/* As a program for another machine is, too. */
static void what_the_kernel_does_not_know_is_left_to_it(void **unused)
{
    (void)unused;
    struct task t;
    char path[600];
    const char garbage[] = "\177ELF\1\0\0\n";
    task_init(&w, &t, 1, "exec ./garbage");
    snprintf(path, sizeof(path), "%s/garbage", t.sandbox);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    assert_int_equal(write(fd, garbage, sizeof(garbage)), sizeof(garbage));
    close(fd);
    init_exec(&t, 1, "exec ./garbage", NULL);
    assert_int_equal(t.run.end.code, 126);
    char *said = task_file(&t, "stderr");
    assert_non_null(strstr(said, "Exec format error"));
    free(said);
}

static void what_a_shell_sets_for_itself_is_left_to_it(void **unused)
{
    (void)unused;
    static char *const own[] = {"IFS=x", "OPTIND=x", "PPID=x"};
    for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++) {
        struct task t;
        init_exec_with(&t, (int64_t)i + 1, "exec env", NULL, own[i]);
        char *env = task_file(&t, "stdout");
        assert_null(strstr(env, own[i]));
        free(env);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)
    const struct CMUnitTest tests[] = {
        T(what_is_mounted_read_only_can_be_read_and_not_written),
        T(what_is_not_there_cannot_be_mounted),
        T(who_may_not_mount_says_so),
        T(a_command_beside_the_task_sees_its_mounts),
        T(a_terminal_is_one_for_all_three),
        T(a_terminal_can_be_opened_again_by_its_user),
        T(what_a_shell_would_only_become_is_begun_without_one),
        T(what_a_shell_would_put_right_or_say_is_left_to_it),
        T(what_the_kernel_does_not_know_is_left_to_it),
        T(what_a_shell_sets_for_itself_is_left_to_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
