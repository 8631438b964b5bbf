/* tests/bench/bench_launch.c - from the agent's command to the program's first instruction, tasks a
 * second, and the memory that a task's supervisor has of its own.
 *
 *     bench_launch [TASKS]
 *
 * The goals are DESIGN 11's: 2 ms in the median, 500 processes a second, 300 KiB a task. A task is
 * this program itself, which writes down when it began. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "executor/executor.h"
#include "model/run_spec.h"

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

static struct loop loop;
static struct executor *executor;
static char root[] = "/tmp/bench-launch-XXXXXX", self[4096];
static bool recovered;
static size_t running, ended;
static char (*containers)[64];

static void on_status(struct executor *x, const struct status *s)
{
    (void)x;
    running += s->state == TASK_RUNNING;
    ended += task_ended(s->state);
    if (s->container != NULL)
        snprintf(containers[s->task], sizeof(containers[0]), "%s", s->container);
    if (task_ended(s->state) && s->state != TASK_FINISHED && s->state != TASK_KILLED)
        printf("task %d: %s\n", (int)s->task, s->message != NULL ? s->message : "");
}

static void on_recovered(struct executor *x)
{
    (void)x;
    recovered = true;
}

static void on_docker(struct executor *x, const char *version, const char *reason)
{
    (void)x;
    (void)version;
    (void)reason;
}

static void on_stopped(void *data)
{
    (void)data;
    executor = NULL;
}

static void launch(int64_t task, const char *mode)
{
    const char *args[] = {self, mode};
    struct run_spec spec = {.task = task,
                            .name = "bench",
                            .owner = OWNER_JOB,
                            .of = "bench",
                            .agent = "A",
                            .framework = "F",
                            .source = "bench",
                            .args = args,
                            .args_n = 2,
                            .cpus_milli = 100,
                            .mem_bytes = 64 << 20};
    struct buf text;
    struct json_writer w;
    buf_init(&text, 1 << 16);
    json_begin(&w, &text);
    run_spec_write(&spec, &w);
    executor_launch(executor, task, buf_slice(&text));
    buf_close(&text);
}

/* When the program began, as it wrote it. */
static int64_t stamp_of(int64_t task)
{
    char path[512], text[32] = "";
    snprintf(path, sizeof(path), "%s/slaves/A/frameworks/F/executors/bench/runs/%s/stdout", root,
             containers[task]);
    int fd = open(path, O_RDONLY);
    if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
        perror(path);
    close(fd);
    return strtoll(text, NULL, 10);
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int64_t task_key; /* the last one used */

static void one_by_one(const char *what, size_t n, unsigned pause_us)
{
    int64_t *took = mem_alloc(n * sizeof(*took));
    for (size_t i = 0; i < n; i++) {
        int64_t begun = now_us(), key = ++task_key;
        ended = 0;
        launch(key, "--stamp");
        while (ended == 0)
            uv_run(&loop.uv, UV_RUN_ONCE);
        took[i] = stamp_of(key) - begun;
        executor_forget(executor, key);
        usleep(pause_us);
    }
    qsort(took, n, sizeof(*took), compare);
    printf("%-34s median %6.2f ms   90 %% %6.2f ms   worst %6.2f ms\n", what,
           (double)took[n / 2] / 1000, (double)took[n * 9 / 10] / 1000, (double)took[n - 1] / 1000);
    mem_free(took);
}

static void at_once(size_t n)
{
    int64_t begun = now_us(), first = task_key + 1, last = 0;
    ended = 0;
    for (size_t i = 0; i < n; i++)
        launch(++task_key, "--stamp");
    while (ended < n)
        uv_run(&loop.uv, UV_RUN_ONCE);
    int64_t all = now_us();
    for (int64_t key = first; key <= task_key; key++) {
        int64_t stamp = stamp_of(key);
        last = stamp > last ? stamp : last;
        executor_forget(executor, key);
    }
    printf("%-34s all began after %.2f s, all over and told after %.2f s: %.0f a second\n",
           "many at one instant", (double)(last - begun) / 1e6, (double)(all - begun) / 1e6,
           (double)n * 1e6 / (double)(all - begun));
}

static long private_kib(pid_t pid)
{
    char path[64], line[256];
    long kib = 0, value;
    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
    FILE *f = fopen(path, "re");
    while (f != NULL && fgets(line, sizeof(line), f) != NULL)
        if (sscanf(line, "Private_%*[a-zA-Z]: %ld", &value) == 1)
            kib += value;
    if (f != NULL)
        fclose(f);
    return kib;
}

static pid_t supervisor_of(int64_t task)
{
    char path[512], line[256];
    int pid = 0;
    snprintf(path, sizeof(path), "%s/tasks/%d/record", root, (int)task);
    FILE *f = fopen(path, "re");
    while (f != NULL && fgets(line, sizeof(line), f) != NULL)
        (void)!sscanf(line, "supervisor=%d", &pid);
    if (f != NULL)
        fclose(f);
    return pid;
}

static void memory(size_t n)
{
    int64_t first = task_key + 1;
    long kib = 0;
    running = ended = 0;
    for (size_t i = 0; i < n; i++)
        launch(++task_key, "--sleep");
    while (running < n)
        uv_run(&loop.uv, UV_RUN_ONCE);
    for (int64_t key = first; key <= task_key; key++)
        kib += private_kib(supervisor_of(key));
    printf("%-34s %ld KiB private each, of %zu\n", "a supervisor", kib / (long)n, n);
    for (int64_t key = first; key <= task_key; key++)
        executor_kill(executor, key, "");
    while (ended < n)
        uv_run(&loop.uv, UV_RUN_ONCE);
    for (int64_t key = first; key <= task_key; key++)
        executor_forget(executor, key);
}

static double fork_ms(size_t n)
{
    int64_t begun = now_us();
    for (size_t i = 0; i < n; i++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(0);
        waitpid(pid, NULL, 0);
    }
    return (double)(now_us() - begun) / 1000 / (double)n;
}

/* The same program without us: what a fork and an exec cost until it writes its stamp. */
static void plain_exec(size_t n)
{
    int64_t *took = mem_alloc(n * sizeof(*took));
    for (size_t i = 0; i < n; i++) {
        int ends[2];
        char text[32] = "";
        int64_t begun = now_us();
        if (pipe(ends) != 0)
            exit(1);
        pid_t pid = fork();
        if (pid == 0) {
            dup2(ends[1], 1);
            execl(self, self, "--stamp", NULL);
            _exit(127);
        }
        close(ends[1]);
        waitpid(pid, NULL, 0);
        (void)!read(ends[0], text, sizeof(text) - 1);
        close(ends[0]);
        took[i] = strtoll(text, NULL, 10) - begun;
    }
    qsort(took, n, sizeof(*took), compare);
    printf("%-34s median %6.2f ms\n", "a bare fork and exec", (double)took[n / 2] / 1000);
    mem_free(took);
}

static void begin(bool no_limits)
{
    struct launcher launcher;
    struct error err;
    recovered = false;
    if (launcher_fork(NULL, &launcher, &err) != 0) {
        printf("%s\n", err.text);
        exit(1);
    }
    struct executor_options options = {
        .folder = root, .launcher = launcher, .docker = "/none", .no_limits = no_limits};
    struct executor_events events = {
        .status = on_status, .recovered = on_recovered, .docker = on_docker};
    if (executor_start(&loop, &options, &events, &executor, &err) != 0) {
        printf("%s\n", err.text);
        exit(1);
    }
    while (!recovered)
        uv_run(&loop.uv, UV_RUN_ONCE);
}

static void end(void)
{
    for (int i = 0; i < 1000; i++)
        uv_run(&loop.uv, UV_RUN_NOWAIT); /* forgetting */
    executor_stop(executor, on_stopped);
    while (executor != NULL)
        uv_run(&loop.uv, UV_RUN_ONCE);
    while (waitpid(-1, NULL, 0) > 0)
        ;
}

int main(int argc, char **argv)
{
    struct error err;
    if (argc > 1 && strcmp(argv[1], "--stamp") == 0) {
        printf("%lld\n", (long long)now_us());
        return 0;
    }
    if (argc > 1 && strcmp(argv[1], "--sleep") == 0)
        return (int)sleep(1000);
    size_t n = argc > 1 ? (size_t)atoi(argv[1]) : 1000;
    printf("%-34s %.2f ms\n", "a fork of a small process", fork_ms(200));
    if (mkdtemp(root) == NULL || realpath("/proc/self/exe", self) == NULL ||
        loop_init(&loop, &err) != 0)
        return 1;
    plain_exec(200);
    containers = mem_zalloc((4 * n + 4000) * sizeof(*containers));
    for (int limits = 0; limits < 2; limits++) {
        printf("---- %s\n", limits ? "with cgroups" : "without cgroups");
        begin(!limits);
        one_by_one("one after another", 300, 0);
        one_by_one("one every 20 ms", 100, 20000);
        at_once(n);
        memory(100);
        end();
    }
    size_t gib = (size_t)1 << 30;
    memset(mem_alloc(gib), 1, gib);
    printf("%-34s %.2f ms\n", "a fork of a process of 1 GiB", fork_ms(20));
    return sandbox_remove_tree(root, &err) != 0;
}
