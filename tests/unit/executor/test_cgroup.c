/* tests/unit/executor/test_cgroup.c - limits as the kernel's files want them; and for real, where
 * this machine lets us make cgroups (else the test says why not) */
#include "world.h"

#include <sys/mman.h>

#include "executor/docker_usage.h"
#include "executor/fields.h"

static char root[TMP_PATH_SIZE];

static void make_file(const char *folder, const char *name)
{
    char path[600];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    close(open(path, O_WRONLY | O_CREAT, 0600));
}

static const char *read_text(const char *folder, const char *name)
{
    static char text[128];
    char path[600];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    int fd = open(path, O_RDONLY);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;
    text[n > 0 ? n : 0] = '\0';
    close(fd);
    return text;
}

struct expectation {
    int version;
    struct cgroup_limits limits;
    const char *files[5][2];
};

/* A folder of plain files stands for the kernel's. */
static void writes_what_the_kernel_wants(void **unused)
{
    (void)unused;
    static const struct expectation all[] = {
        {1,
         {.cpus_milli = 500, .mem_bytes = 64 << 20},
         {{"cpu.shares", "512"},
          {"memory.limit_in_bytes", "67108864"},
          {"cpu.cfs_quota_us", ""},
          {"pids.max", ""}}},
        {1,
         {.cpus_milli = 1, .quota_milli = 1, .mem_bytes = 1 << 20, .pids = 7},
         {{"cpu.shares", "2"},
          {"memory.limit_in_bytes", "33554432"},
          {"cpu.cfs_quota_us", "1000"},
          {"pids.max", "7"}}},
        {2,
         {.cpus_milli = 1500, .quota_milli = 1500, .mem_bytes = 64 << 20, .pids = 9},
         {{"cpu.weight", "150"},
          {"cpu.max", "150000 100000"},
          {"memory.max", "67108864"},
          {"memory.oom.group", "1"},
          {"pids.max", "9"}}},
        {2, {.cpus_milli = 1000000}, {{"cpu.weight", "10000"}, {"memory.max", ""}}},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        struct error err;
        struct cgroup g = {.version = all[i].version};
        tmp_make(root);
        for (int c = 0; c < CGROUP_CONTROLLERS; c++)
            snprintf(g.dir[c], sizeof(g.dir[c]), "%s", root);
        for (int f = 0; f < 5 && all[i].files[f][0] != NULL; f++)
            make_file(root, all[i].files[f][0]);
        if (cgroup_make(&g, &all[i].limits, &err) != 0)
            fail_msg("%zu: %s", i, err.text);
        for (int f = 0; f < 5 && all[i].files[f][0] != NULL; f++)
            assert_string_equal(read_text(root, all[i].files[f][0]), all[i].files[f][1]);
        tmp_remove(root);
    }
}

static void a_limit_that_cannot_be_set_is_an_error(void **unused)
{
    (void)unused;
    struct error err;
    struct cgroup g = {.version = 1};
    tmp_make(root);
    snprintf(g.dir[CGROUP_MEMORY], sizeof(g.dir[CGROUP_MEMORY]), "%s/task", root);
    struct cgroup_limits limits = {.mem_bytes = 64 << 20};
    assert_int_equal(cgroup_make(&g, &limits, &err), -1);
    assert_string_equal(err.text, "cannot write 67108864 to the cgroup's memory.limit_in_bytes: "
                                  "No such file or directory");
    assert_int_equal(access(g.dir[CGROUP_MEMORY], F_OK), -1); /* nothing is left */
    tmp_remove(root);
}

static void no_cgroup_does_nothing(void **unused)
{
    (void)unused;
    struct error err;
    struct cgroup none = {0}, named;
    cgroup_name(&none, "task", &named);
    assert_int_equal(cgroup_make(&named, &(struct cgroup_limits){.mem_bytes = 1}, &err), 0);
    assert_int_equal(cgroup_enter(&named), 0);
    assert_int_equal(cgroup_signal(&named, SIGKILL), 0);
    assert_false(cgroup_oom(&named));
    assert_true(cgroup_remove(&named));
}

static void a_record_brings_it_back(void **unused)
{
    (void)unused;
    struct fields f = {0};
    struct cgroup g = {.version = 1, .dir = {"/c/cpu/a", "", "/c/pids/a"}}, back;
    cgroup_put(&g, &f);
    cgroup_take(&back, &f);
    assert_memory_equal(&g, &back, sizeof(g));
}

/* ---- for real */

/* Version 2 is mounted almost everywhere, if only without controllers. */
static int born[2]; /* a pipe */

static void say_where(void *data, bool inside)
{
    char places[4096];
    int fd = open("/proc/self/cgroup", O_RDONLY);
    ssize_t n = read(fd, places, sizeof(places));
    *(bool *)data = inside;
    _exit(write(born[1], places, (size_t)n) != n);
}

static void a_child_is_born_inside(void **unused)
{
    (void)unused;
    static const char *const mounts[] = {"/sys/fs/cgroup/unified", "/sys/fs/cgroup"};
    struct cgroup g = {.version = 2};
    bool made = false, inside = false;
    char places[4096] = "";
    for (int i = 0; i < 2 && !made; i++) {
        snprintf(g.dir[0], sizeof(g.dir[0]), "%s/mesolith-test-%d", mounts[i], (int)getpid());
        made = mkdir(g.dir[0], 0755) == 0;
    }
    if (!made) {
        print_message("[ SKIPPED  ] no cgroup of version 2 can be made\n");
        return;
    }
    assert_int_equal(pipe(born), 0);
    pid_t pid = cgroup_spawn(&g, say_where, &inside);
    assert_true(inside); /* it is over, and its memory was ours */
    waitpid(pid, NULL, 0);
    assert_true(read(born[0], places, sizeof(places) - 1) > 0);
    assert_non_null(strstr(places, strrchr(g.dir[0], '/')));
    close(born[0]);
    close(born[1]);
    assert_true(cgroup_remove(&g));
}

static void all_tasks_weigh_as_a_process_on_each_processor(void **unused)
{
    (void)unused;
    struct cgroup g;
    struct error err;
    char above[64], parent[32], wanted[32];
    snprintf(parent, sizeof(parent), "/mesolith-test-%d", (int)getpid());
    snprintf(above, sizeof(above), "/sys/fs/cgroup/cpu%s", parent);
    if (mkdir(above, 0755) != 0) {
        print_message("[ SKIPPED  ] no cgroup of version 1 for processors can be made: %s\n",
                      strerror(errno));
        return;
    }
    assert_int_equal(cgroup_probe(&g, parent, &err), 0);
    assert_int_equal(g.version, 1);
    snprintf(wanted, sizeof(wanted), "%ld\n", 1024 * sysconf(_SC_NPROCESSORS_ONLN));
    assert_string_equal(read_text(g.dir[CGROUP_CPU], "cpu.shares"), wanted);

    struct cgroup_limits limits = {.cpus_milli = 1};
    struct cgroup task;
    cgroup_name(&g, "task", &task);
    assert_true(cgroup_remove(&g)); /* somebody tidied */
    assert_int_equal(cgroup_make(&task, &limits, &err), 0);
    assert_string_equal(read_text(g.dir[CGROUP_CPU], "cpu.shares"), wanted);
    assert_true(cgroup_remove(&task));

    char file[CGROUP_PATH_SIZE + 16];
    snprintf(file, sizeof(file), "%s/cpu.shares", g.dir[CGROUP_CPU]);
    int fd = open(file, O_WRONLY);
    assert_int_equal(write(fd, "300", 3), 3); /* whoever knows better */
    close(fd);
    assert_int_equal(cgroup_probe(&g, parent, &err), 0);
    assert_string_equal(read_text(g.dir[CGROUP_CPU], "cpu.shares"), "300\n");
    assert_true(cgroup_remove(&g));
    assert_int_equal(rmdir(above), 0);
}

static struct world w;

static bool open_limited_world(void)
{
    struct error err;
    world_open(&w);
    world_agent_start(&w);
    if (cgroup_probe(&w.options.cgroups, NULL, &err) != 0) {
        print_message("[ SKIPPED  ] %s\n", err.text);
        world_agent_stop(&w);
        world_close(&w);
        return false;
    }
    w.processes.options = w.options;
    return true;
}

static void close_limited_world(void)
{
    world_agent_stop(&w);
    cgroup_remove(&w.options.cgroups); /* not while another test uses it */
    world_close(&w);
}

static bool open_memory_world(void)
{
    if (!open_limited_world())
        return false;
    if (w.options.cgroups.dir[CGROUP_MEMORY][0] != '\0')
        return true;
    print_message("[ SKIPPED  ] no memory cgroup can be written\n");
    close_limited_world();
    return false;
}

/* Unlike the sandboxes of two tests that run at once, their cgroups lie side by side. */
static void launch_limited(struct task *t, const char *cmd, struct cgroup *own)
{
    static char name[64];
    struct error err;
    task_init(&w, t, 1, cmd);
    snprintf(name, sizeof(name), "test-%d", (int)getpid());
    t->run.container = name;
    t->spec.mem_bytes = 40 << 20;
    cgroup_name(&w.options.cgroups, name, own);
    assert_int_equal(w.processes.driver.launch(&w.processes.driver, &t->run, &err), 0);
}

static void assert_gone(const struct cgroup *g)
{
    for (int c = 0; c < CGROUP_CONTROLLERS; c++)
        if (g->dir[c][0] != '\0')
            assert_int_equal(access(g->dir[c], F_OK), -1);
}

static void a_task_runs_within_its_limits(void **unused)
{
    (void)unused;
    struct task t;
    struct cgroup own;
    if (!open_limited_world())
        return;
    w.processes.options.pids = 77;
    cgroup_remove(&w.options.cgroups); /* somebody tidied */
    launch_limited(&t, "while read line; do echo $line; done </proc/self/cgroup", &own);
    await_flag(&w, &t.has_ended);
    assert_int_equal(t.run.end.how, END_EXITED);
    char *places = task_file(&t, "stdout");
    assert_non_null(strstr(places, t.run.container));
    free(places);
    assert_gone(&own);
    close_limited_world();
}

#define EATS "tail /dev/zero; echo the shell lives on; exec sleep 1000"

static void out_of_memory_is_called_so(void **unused)
{
    (void)unused;
    struct task t;
    struct cgroup own;
    if (!open_memory_world())
        return;
    launch_limited(&t, EATS, &own);
    await_flag(&w, &t.has_ended);
    assert_int_equal(t.run.end.how, END_OUT_OF_MEMORY);
    assert_int_equal(
        strncmp(t.run.end.message, "Memory limit exceeded: Requested: 40MB Maximum Used: ", 53), 0);
    assert_gone(&own);
    close_limited_world();
}

/* While others begin nobody listens for it yet. */
static void out_of_memory_in_no_lull_is_seen_in_the_next(void **unused)
{
    (void)unused;
    struct task t;
    struct cgroup own;
    if (!open_memory_world())
        return;
    launch_busy(&w.client, true);
    launch_limited(&t, EATS, &own);
    await_flag(&w, &t.has_started);
    while (cgroup_oom(&own) == 0)
        uv_run(&w.loop, UV_RUN_NOWAIT);
    launch_busy(&w.client, false);
    await_flag(&w, &t.has_ended);
    assert_int_equal(t.run.end.how, END_OUT_OF_MEMORY);
    assert_gone(&own);
    close_limited_world();
}

static unsigned closed;

static void on_closed(uv_handle_t *handle)
{
    assert_ptr_equal(handle->data, &closed);
    closed++;
}

/* Enters the cgroup, says so, and takes memory when it is told to. */
static pid_t eat(const struct cgroup *g, int told[2], int tells[2])
{
    enum { EATEN = 15000000 };
    char c = 0;
    assert_int_equal(pipe(told), 0);
    assert_int_equal(pipe(tells), 0);
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    if (cgroup_enter(g) != 0 || write(tells[1], &c, 1) != 1 || read(told[0], &c, 1) != 1)
        _exit(1);
    void *p = mmap(NULL, EATEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(p, 1, EATEN);
    _exit(0);
}

/* A container's cgroup is somebody else's; this one stays until it was read. */
static void what_a_process_used_is_known_at_its_end(void **unused)
{
    (void)unused;
    struct docker_usage usage = {0}, none = {0};
    struct cgroup own;
    struct error err;
    char name[64], c;
    int told[2], tells[2];
    const struct cgroup_limits limits = {.mem_bytes = 40 << 20};
    if (!open_limited_world())
        return;
    snprintf(name, sizeof(name), "eats-%d", (int)getpid());
    cgroup_name(&w.options.cgroups, name, &own);
    if (own.dir[CGROUP_MEMORY][0] != '\0') {
        assert_int_equal(cgroup_make(&own, &limits, &err), 0);
        pid_t pid = eat(&own, told, tells);
        assert_int_equal(read(tells[0], &c, 1), 1);
        assert_false(docker_usage_start(&none, &w.loop, pid, "another"));
        assert_true(docker_usage_start(&usage, &w.loop, pid, name));
        assert_int_equal(write(told[1], "", 1), 1);
        while (usage.peak_bytes < 15000000)
            uv_run(&w.loop, UV_RUN_ONCE);
        assert_in_range(usage.peak_bytes, 15000000, 40 << 20);
        closed = 0;
        docker_usage_close(&usage, on_closed, &closed);
        while (closed < 2)
            uv_run(&w.loop, UV_RUN_ONCE);
        waitpid(pid, NULL, 0);
        for (int i = 0; i < 2; i++) {
            close(told[i]);
            close(tells[i]);
        }
        cgroup_remove(&own);
        assert_gone(&own);
    } else {
        print_message("[ SKIPPED  ] no memory cgroup can be written\n");
    }
    close_limited_world();
}

static void a_killed_supervisors_cgroup_is_swept(void **unused)
{
    (void)unused;
    struct task t;
    struct cgroup own;
    struct fields f = {0};
    struct error err;
    if (!open_limited_world())
        return;
    launch_limited(&t, "setsid sleep 1000 & setsid sleep 1000", &own);
    await_flag(&w, &t.has_started);
    int folder = open(t.folder, O_RDONLY | O_DIRECTORY);
    assert_int_equal(fields_load(&f, folder, "record", &err), 0);
    close(folder);
    kill((pid_t)fields_int(&f, "supervisor", 0), SIGKILL);
    await_flag(&w, &t.has_ended);
    assert_int_equal(t.run.end.how, END_LOST);
    assert_gone(&own);
    close_limited_world();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_what_the_kernel_wants),
        cmocka_unit_test(a_limit_that_cannot_be_set_is_an_error),
        cmocka_unit_test(no_cgroup_does_nothing),
        cmocka_unit_test(a_record_brings_it_back),
        cmocka_unit_test(a_child_is_born_inside),
        cmocka_unit_test(all_tasks_weigh_as_a_process_on_each_processor),
        cmocka_unit_test(a_task_runs_within_its_limits),
        cmocka_unit_test(out_of_memory_is_called_so),
        cmocka_unit_test(out_of_memory_in_no_lull_is_seen_in_the_next),
        cmocka_unit_test(what_a_process_used_is_known_at_its_end),
        cmocka_unit_test(a_killed_supervisors_cgroup_is_swept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
