/* A node that ends leaves its tasks and its proxy running. To end those, this process becomes the
 * folder's only one, as a node that starts would, finds them as it would, and tells them to end.
 * What the cluster wants stays as it is: the next start runs it again. */
#include "stop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "config.h"
#include "executor/executor.h"
#include "folder.h"
#include "model/status.h"
#include "own_args.h"
#include "proxy/client.h"
#include "serve.h"

#define LOOK_MS 20
#define NODE_ENDS_MS 10000 /* it promises 5 s (DESIGN 10) */
#define PROXY_ENDS_MS 5000
#define TASKS_END_MS 120000 /* who has been given more time to end is left, and named */

/* ---- the node */

static void pause_ms(int ms)
{
    const struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&pause, NULL);
}

static int await_end(const char *data, pid_t pid, struct error *err)
{
    for (int waited = 0; folder_holder(data) == pid; waited += LOOK_MS) {
        if (waited >= NODE_ENDS_MS)
            return error_set(err, ERR_UNCERTAIN,
                             "process %d does not end: look at its log, or kill -9 %d", (int)pid,
                             (int)pid);
        pause_ms(LOOK_MS);
    }
    return 0;
}

static int end_node(const char *data, struct error *err)
{
    pid_t pid = folder_holder(data);
    if (pid == 0) {
        printf("no node of %s was running\n", data);
        return 0;
    }
    if (kill(pid, SIGTERM) != 0 && errno != ESRCH)
        return error_set(err, ERR_IO, "process %d: %m: end it as the user who started it",
                         (int)pid);
    if (await_end(data, pid, err) != 0)
        return -1;
    printf("the node of %s has ended, process %d\n", data, (int)pid);
    return 0;
}

/* ---- tasks and proxy */

struct ending {
    struct loop loop;
    struct folder folder;
    struct executor *executor;
    struct proxy_client proxy;
    uv_timer_t timer;  /* until the last task has ended: how long that may take */
    struct map *alive; /* struct task */
    size_t ended;
    bool found_all, engine_asked;
    bool over;        /* all have ended, but for containers without an engine */
    char engine[160]; /* why there is none */
};

struct task {
    int64_t key;
    bool over; /* before anybody told it to end */
};

static void on_proxy_stopped(struct proxy_client *c)
{
    (void)c; /* the loop has nothing left to do */
}

static void end_proxy(struct ending *e)
{
    static const struct proxy_client_events events = {0};
    const char *const command[] = {"mesolith", "proxy", e->folder.agent, NULL}; /* not started */
    struct proxy_client_options options = {
        .folder = e->folder.agent, .version = VERSION, .command = command};
    struct error err;
    proxy_settings_default(&options.settings);
    if (proxy_client_start(&e->proxy, &e->loop.uv, &options, &events, &err) == 0)
        proxy_client_shutdown(&e->proxy, on_proxy_stopped);
    /* else: nor could one have been started in this folder */
}

static void on_executor_stopped(void *data)
{
    end_proxy(data);
}

/* All have ended, or their time is over. */
static void on_time(uv_timer_t *timer)
{
    struct ending *e = timer->data;
    uv_close((uv_handle_t *)timer, NULL);
    executor_stop(e->executor, on_executor_stopped);
}

/* Without an engine its containers do not end. */
static bool can_end(const struct ending *e, const struct task *t)
{
    return !e->engine_asked || *e->engine == '\0' || !executor_is_container(e->executor, t->key);
}

static bool is_over(const struct ending *e)
{
    size_t cursor = 0;
    for (struct task *t; (t = map_each(e->alive, &cursor)) != NULL;)
        if (can_end(e, t))
            return false;
    return e->found_all;
}

static void look_whether_over(struct ending *e)
{
    if (uv_is_closing((uv_handle_t *)&e->timer))
        return;
    e->over = is_over(e);
    if (e->over)
        uv_timer_start(&e->timer, on_time, 0, 0);
}

/* Its supervisor has written how it ended; the next start tells the cluster. */
static bool has_ended(const struct ending *e, int64_t key)
{
    char path[FOLDER_PATH_SIZE + 48];
    snprintf(path, sizeof path, "%s/tasks/%lld/exit", e->folder.agent, (long long)key);
    return access(path, F_OK) == 0;
}

static void on_status(struct executor *x, const struct status *s)
{
    struct ending *e = executor_events_of(x)->data;
    struct task *known = map_get(e->alive, (uint64_t)s->task);
    if (task_ended(s->state) && known != NULL) {
        map_remove(e->alive, (uint64_t)s->task);
        e->ended += !known->over;
        mem_free(known);
    } else if (!task_ended(s->state) && known == NULL) {
        known = NEW(struct task);
        *known = (struct task){.key = s->task, .over = !e->found_all && has_ended(e, s->task)};
        map_put(e->alive, (uint64_t)s->task, known);
    }
    look_whether_over(e);
}

static void on_found_all(struct executor *x)
{
    struct ending *e = executor_events_of(x)->data;
    size_t cursor = 0;
    e->found_all = true;
    for (struct task *t; (t = map_each(e->alive, &cursor)) != NULL;)
        executor_kill(x, t->key, "mesolith stop --all");
    look_whether_over(e);
}

static void on_docker(struct executor *x, const char *version, const char *reason)
{
    struct ending *e = executor_events_of(x)->data;
    e->engine_asked = true;
    str_copy(e->engine, sizeof e->engine, *version == '\0' ? reason : "");
    look_whether_over(e);
}

static int start(struct ending *e, const struct config *config, struct error *err)
{
    const char *docker = config_text(config, SETTING_DOCKER);
    const struct executor_options options = {
        .folder = e->folder.agent,
        .launcher = serve_launcher,
        .docker = *docker != '\0' ? docker : NULL,
        .docker_as_before = true,
        .no_limits = true, /* none is started */
    };
    const struct executor_events events = {
        .data = e,
        .status = on_status,
        .recovered = on_found_all,
        .docker = on_docker,
    };
    if (executor_start(&e->loop, &options, &events, &e->executor, err) != 0)
        return -1;
    uv_timer_init(&e->loop.uv, &e->timer);
    e->timer.data = e;
    uv_timer_start(&e->timer, on_time, TASKS_END_MS, 0);
    return 0;
}

/* It has hung up; it holds its lock as long as it lives. */
static int await_proxy(const struct ending *e, struct error *err)
{
    char lock[FOLDER_PATH_SIZE + 16];
    snprintf(lock, sizeof lock, "%s/proxy.lock", e->folder.agent);
    int fd = open(lock, O_RDONLY | O_CLOEXEC), waited = 0;
    while (fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0 && waited < PROXY_ENDS_MS) {
        pause_ms(LOOK_MS);
        waited += LOOK_MS;
    }
    if (fd >= 0)
        close(fd);
    if (waited < PROXY_ENDS_MS)
        return 0;
    return error_set(err, ERR_UNCERTAIN, "the proxy of %s does not end", e->folder.agent);
}

static int tell(const struct ending *e, struct error *err)
{
    size_t left = map_count(e->alive);
    if (e->ended == 0 && left == 0)
        printf("nothing of it goes on; the next start runs what is wanted again\n");
    else
        printf("%zu task%s and the proxy have ended; the next start runs what is wanted again\n",
               e->ended, e->ended == 1 ? "" : "s");
    if (left == 0)
        return 0;
    const char *plural = left == 1 ? " has" : "s have";
    if (e->over)
        return error_set(err, ERR_UNAVAILABLE,
                         "%zu container%s not ended: %s: start that engine and say this again, or "
                         "name another one with --docker unix:///PATH",
                         left, plural, e->engine);
    return error_set(err, ERR_UNCERTAIN, "%zu task%s not ended within %d s%s%s", left, plural,
                     TASKS_END_MS / 1000, *e->engine != '\0' ? ": " : "", e->engine);
}

static int end_what_goes_on(const struct config *config, struct error *err)
{
    static struct ending e;
    if (folder_open(config_text(config, SETTING_DATA), &e.folder, err) != 0)
        return -1;
    e.alive = map_new();
    int rc = loop_init(&e.loop, err);
    if (rc == 0 && (rc = start(&e, config, err)) == 0) {
        loop_run(&e.loop);
        rc = await_proxy(&e, err);
        if (rc == 0)
            rc = tell(&e, err);
    }
    loop_close(&e.loop);
    size_t cursor = 0;
    for (struct task *t; (t = map_each(e.alive, &cursor)) != NULL;)
        mem_free(t);
    map_free(e.alive);
    folder_close(&e.folder);
    return rc;
}

/* ---- the verb */

static int stop(const struct config *config, bool all, struct error *err)
{
    const char *data = config_text(config, SETTING_DATA);
    if (!folder_has_node(data))
        return error_set(err, ERR_NOT_FOUND,
                         "data: %s: there is no node in this folder: name its folder with --data",
                         data);
    if (end_node(data, err) != 0)
        return -1;
    fflush(stdout);
    if (all)
        return end_what_goes_on(config, err);
    printf("what it started goes on, service ports too, until mesolith stop --all --data %s\n",
           data);
    return 0;
}

void stop_what_goes_on(int argc, char **argv)
{
    char **words = mem_alloc(((size_t)argc + 4) * sizeof words[0]);
    posix_spawn_file_actions_t files;
    pid_t pid;
    int status = 0;
    words[0] = "mesolith";
    words[1] = "stop";
    words[2] = "--all";
    for (int i = 0; i <= argc; i++)
        words[i + 3] = i < argc ? argv[i] : NULL;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO); /* it goes to the log */
    unsetenv("NOTIFY_SOCKET"); /* it is this process that the service is */
    int rc = posix_spawn(&pid, "/proc/self/exe", &files, NULL, words, environ);
    pid_t ended = -1;
    while (rc == 0 && (ended = waitpid(pid, &status, 0)) < 0 && errno == EINTR)
        ;
    if (rc == 0 && (ended != pid || status != 0))
        rc = ECHILD;
    if (rc != 0)
        log_error("tasks may go on", "cure=\"mesolith stop --all\"");
    posix_spawn_file_actions_destroy(&files);
    mem_free(words);
}

int stop_main(int argc, char **argv)
{
    struct config config;
    struct error err;
    bool all = own_switch(&argc, argv, "--all");
    int rc = config_read(&config, argc, argv, &err);
    if (rc == 0) {
        rc = stop(&config, all, &err);
        config_close(&config);
    }
    if (rc == 0)
        return 0;
    fflush(stdout);
    fprintf(stderr, "error: %s\n", err.text);
    return error_exit_status(err.code);
}
