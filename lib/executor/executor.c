#include "executor/executor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "executor/docker_hold.h"
#include "executor/fields.h"
#include "executor/private.h"
#include "executor/run_env.h"
#include "model/mesos_id.h"

#define HOUSEKEEPING_MS 60000
#define REPORTS_MS 200    /* for so long the report of a start may wait for others */
#define FIRST_LINE_MS 200 /* from exec(2) to what a program does first, when many begin */
#define GRACE_MS 3000     /* spec/mesos.md 3.9 */
#define GRACE_DOCKER_MS 5000
#define GC_DELAY_MS INT64_C(604800000) /* a week; spec/mesos.md 8.8 */
#define GC_LEAST_MS 600000
#define GC_HEADROOM_PERMILLE 100
#define DOCKER_REMOVE_MS 21600000 /* 6 h */
#define ENGINE_FILE "engine"      /* in the folder: where it is */

static void on_task_started(struct run *run);
static void on_task_ended(struct run *run);

/* ---- a task's record here */

static bool is_idle(const struct task_run *t)
{
    return !t->working && !t->fetching && !t->limited && !t->saving && t->checks == NULL &&
           t->readying == NULL;
}

static void task_free(struct task_run *t)
{
    list_remove(&t->in_tasks);
    map_remove(t->x->by_key, (uint64_t)t->run.number);
    run_spec_close(&t->spec);
    run_env_free(t->run.env);
    mem_free(t->spec_text);
    mem_free(t->user_name);
    mem_free(t->health);
    mem_free(t);
}

static void on_task_progress(struct run *run)
{
    report(run->owner);
}

struct task_run *task_new(struct executor *x, int64_t key)
{
    struct task_run *t = NEW(struct task_run);
    t->x = x;
    snprintf(t->folder, sizeof(t->folder), "%.1900s/%" PRId64, x->tasks_folder, key);
    t->run = (struct run){.owner = t,
                          .number = key,
                          .name = "",
                          .folder = t->folder,
                          .sandbox = t->sandbox,
                          .container = t->container,
                          .progress = on_task_progress,
                          .started = on_task_started,
                          .ended = on_task_ended};
    list_push(&x->tasks, &t->in_tasks);
    map_put(x->by_key, (uint64_t)key, t);
    return t;
}

struct task_run *task_find(struct executor *x, int64_t key)
{
    return map_get(x->by_key, (uint64_t)key);
}

int task_read_spec(struct task_run *t, struct slice text, struct error *err)
{
    struct json *json = json_parse_own(text, err);
    int rc = json != NULL ? run_spec_read(json, &t->spec, err) : -1;
    json_free(json);
    if (rc != 0)
        return -1;
    t->run.name = t->spec.name;
    t->run.spec = &t->spec;
    t->run.network = instance_network(t);
    t->driver = t->spec.image != NULL ? &t->x->docker.driver : &t->x->processes.driver;
    return 0;
}

/* A report that is due but not from inside a call, or waits for a lull. */
static void on_report_time(uv_timer_t *timer)
{
    struct executor *x = timer->data;
    LIST_EACH (it, &x->tasks) {
        struct task_run *t = LIST_ENTRY(it, struct task_run, in_tasks);
        if (t->report_due)
            report(t);
    }
}

static void report_later(struct task_run *t)
{
    t->report_due = true;
    uv_timer_start(&t->x->reports, on_report_time, 0, 0);
}

/* That others begin goes before the news that this one has. */
static void report_in_lull(struct task_run *t)
{
    struct executor *x = t->x;
    if (!x->busy) {
        report(t);
        return;
    }
    t->report_due = true;
    t->moved = x->loop->clock.wall(&x->loop->clock);
    if (!uv_is_active((uv_handle_t *)&x->reports))
        uv_timer_start(&x->reports, on_report_time, REPORTS_MS, 0);
}

static void on_lull(uv_timer_t *timer)
{
    struct executor *x = timer->data;
    x->busy = false;
    x->begun = 0;
    launch_busy(&x->launcher, false);
    if (uv_is_active((uv_handle_t *)&x->reports))
        uv_timer_start(&x->reports, on_report_time, 0, 0);
}

/* Those that have just begun come to their first line. Those that have ended wait for a lull, each
 * as a process: so there is one now and then. */
static void look_for_lull(struct executor *x)
{
    bool begin = x->beginning > LIMIT_BEGINNING && x->begun < LIMIT_BEGUN;
    if (begin) {
        x->busy = true;
        launch_busy(&x->launcher, true);
        uv_timer_stop(&x->lull);
    } else if (x->busy && !uv_is_active((uv_handle_t *)&x->lull)) {
        uv_timer_start(&x->lull, on_lull, FIRST_LINE_MS, 0);
    }
}

void task_enter(struct task_run *t, enum phase phase)
{
    struct executor *x = t->x;
    bool begins = (phase == PREPARING || phase == STARTING) && t->driver == &x->processes.driver;
    t->phase = phase;
    x->beginning += begins;
    x->beginning -= t->beginning;
    x->begun += x->busy && phase == RUNNING && t->beginning;
    t->beginning = begins;
    look_for_lull(x);
}

/* ---- the end */

static void on_limit_closed(uv_handle_t *handle)
{
    struct task_run *t = handle->data;
    t->limited = false;
    task_advance(t);
}

static void limit_end(struct task_run *t)
{
    if (t->limited && !uv_is_closing((uv_handle_t *)&t->limit))
        uv_close((uv_handle_t *)&t->limit, on_limit_closed);
}

static void end(struct task_run *t)
{
    if (t->report_due && t->moved.ms != 0)
        report(t); /* that it began, before */
    task_enter(t, ENDED);
    t->report_due = false;
    t->run.detail[0] = '\0';
    checks_stop(t);
    limit_end(t);
    log_info("task ended", "task=%s message=\"%s\"", t->run.name, t->run.end.message);
    report(t);
    instance_moved(t);
    task_advance(t);
}

/* The driver, which has no container of it, does not see the end of the last that a network was
 * held for. */
static void end_before_start(struct task_run *t, enum end_how how, const char *why)
{
    struct executor *x = t->x;
    int64_t network = t->run.network;
    bool killed = t->why_killed != NOT_KILLED;
    t->run.end.killed = killed;
    run_end_text(&t->run.end, how, killed ? "Killed before it was started" : why);
    end(t);
    if (network != 0 && x->recovered && !instance_needs_network(x, network))
        docker_sweep(&x->docker);
}

void task_end_unstarted(struct task_run *t, const char *why)
{
    end_before_start(t, END_NOT_STARTED, why);
}

/* What this machine cannot hold, another one may: its disk is full, say. */
static void end_unprepared(struct task_run *t)
{
    bool ours = t->failure.code == ERR_IO;
    end_before_start(t, ours ? END_NEVER : END_NOT_STARTED, t->failure.text);
}

static void on_task_ended(struct run *run)
{
    end(run->owner);
}

/* On a thread: the folder goes, and the sandbox begins to age. */
static void on_forget(uv_work_t *work)
{
    struct task_run *t = work->data;
    struct error err;
    sandbox_touch(t->sandbox);
    if (str_starts(t->run.name, "ct:") && (t->run.end.how != END_EXITED || t->run.end.code != 0))
        sandbox_failed(t->sandbox);
    instance_touch(t);
    if (sandbox_remove_tree(t->folder, &err) != 0)
        log_warn("task folder not removed", "error=\"%s\"", err.text);
}

static void on_forgotten(uv_work_t *work, int status)
{
    struct task_run *t = work->data;
    struct executor *x = t->x;
    (void)status;
    task_free(t);
    executor_advance(x);
}

void task_advance(struct task_run *t)
{
    struct executor *x = t->x;
    if (x->stopped == NULL && t->phase == ENDED && t->forgotten && is_idle(t)) {
        t->working = true;
        t->work.data = t;
        int rc = uv_queue_work(&x->loop->uv, &t->work, on_forget, on_forgotten);
        ASSERT(rc == 0);
    }
    executor_advance(x);
}

/* ---- running */

static void on_too_long(uv_timer_t *timer)
{
    struct task_run *t = timer->data;
    char reason[96];
    snprintf(reason, sizeof(reason), "Maximum completion time of %lld s reached",
             (long long)(t->spec.max_ms / 1000));
    task_end(t, KILLED_TOO_LONG, reason);
}

int64_t task_ran_ms(const struct task_run *t)
{
    struct clock *clock = &t->x->loop->clock;
    int64_t ran_ms = t->run.began.ms > 0 ? clock->wall(clock).ms - t->run.began.ms : 0;
    return ran_ms > 0 ? ran_ms : 0;
}

static void limit_start(struct task_run *t)
{
    if (t->spec.max_ms <= 0 || t->limited)
        return;
    int64_t left = t->spec.max_ms - task_ran_ms(t);
    uv_timer_init(&t->x->loop->uv, &t->limit);
    t->limit.data = t;
    t->limited = true;
    uv_timer_start(&t->limit, on_too_long, left > 0 ? (uint64_t)left : 0, 0);
}

static void on_task_started(struct run *run)
{
    struct task_run *t = run->owner;
    if (t->x->stopped != NULL)
        return;
    task_enter(t, RUNNING);
    t->run.detail[0] = '\0';
    limit_start(t);
    if (t->why_killed == NOT_KILLED && instance_is_reachable(t))
        checks_start(t);
    report_in_lull(t);
    instance_moved(t);
}

void task_launch(struct task_run *t)
{
    struct error err;
    task_enter(t, STARTING);
    if (t->driver->launch(t->driver, &t->run, &err) != 0)
        task_end_unstarted(t, err.text);
}

static void on_fetch_progress(struct fetch *f)
{
    struct task_run *t = f->data;
    if (t->x->stopped != NULL || f->next == t->spec.fetch_n)
        return;
    snprintf(t->run.detail, sizeof(t->run.detail), "fetching %zu of %zu", f->next + 1,
             t->spec.fetch_n);
    report(t);
}

static void on_fetched(struct fetch *f, const struct error *err)
{
    struct task_run *t = f->data;
    t->fetching = false;
    if (t->x->stopped != NULL) {
        task_advance(t);
        return;
    }
    if (err != NULL || t->why_killed != NOT_KILLED) {
        task_end_unstarted(t, err != NULL ? err->text : "");
        return;
    }
    t->run.detail[0] = '\0';
    instance_launch(t);
    if (t->phase == STARTING || t->phase == WAITING)
        report(t);
}

static void fetch_now(struct task_run *t)
{
    struct executor *x = t->x;
    struct fetch_options options = {.loop = x->loop,
                                    .launcher = &x->launcher,
                                    .sandbox = t->sandbox,
                                    .task = t->run.name,
                                    .user_name = t->user_name,
                                    .user = &t->user,
                                    .items = t->spec.fetch,
                                    .items_n = t->spec.fetch_n,
                                    .max_bytes = x->options.fetch_bytes};
    task_enter(t, FETCHING);
    t->fetching = true;
    t->fetch.data = t;
    fetch_start(&t->fetch, &options, on_fetch_progress, on_fetched);
    on_fetch_progress(&t->fetch);
}

/* ---- preparing: on a thread */

static int write_text(int folder, const char *name, const char *text, struct error *err)
{
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    size_t n = strlen(text);
    bool ok = fd >= 0 && write(fd, text, n) == (ssize_t)n;
    int why = errno;
    if (fd >= 0)
        close(fd);
    return ok ? 0 : error_set(err, ERR_IO, "cannot write %s: %s", name, strerror(why));
}

static int keep_record(struct task_run *t, struct error *err)
{
    struct fields f = {0};
    int folder = open(t->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return error_set(err, ERR_IO, "cannot open the task's folder: %s", strerror(errno));
    fields_put(&f, "sandbox", t->sandbox);
    fields_put(&f, "container", t->container);
    fields_put(&f, "user", t->user_name);
    fields_put_int(&f, "uid", t->user.uid);
    fields_put_int(&f, "gid", t->user.gid);
    fields_put_int(&f, "change", t->user.change);
    fields_put(&f, "home", t->user.home);
    int rc = write_text(folder, "spec", t->spec_text, err);
    if (rc == 0)
        rc = fields_write_in_place(&f, folder, "task", err);
    close(folder);
    return rc;
}

static int find_user(struct task_run *t, struct error *err)
{
    if (t->user_name != NULL && t->user_name[0] != '\0')
        return sandbox_user_find(t->user_name, &t->user, err);
    t->user = t->x->self;
    return 0;
}

static int prepare(struct task_run *t, struct error *err)
{
    char executor[MESOS_FOLDER_SIZE];
    struct sandbox_ids ids = {t->spec.agent, t->spec.framework,
                              mesos_executor_folder(t->spec.name, executor), t->container};
    const char *root = t->x->folder;
    if (mkdir(t->folder, 0700) != 0)
        return error_set(err, errno == EEXIST ? ERR_CONFLICT : ERR_IO,
                         "cannot make the task's folder: %s", strerror(errno));
    if (find_user(t, err) != 0 || sandbox_path(root, &ids, t->sandbox, err) != 0 ||
        sandbox_create(root, &ids, &t->user, err) != 0 || instance_make_volumes(t, err) != 0)
        return -1;
    return keep_record(t, err);
}

static void on_prepare(uv_work_t *work)
{
    struct task_run *t = work->data;
    t->failure.code = ERR_NONE;
    (void)!prepare(t, &t->failure);
}

void task_fill_run(struct task_run *t)
{
    bool plain = t->spec.image == NULL;
    t->run.user = t->user_name;
    t->run.uid = t->user.uid;
    t->run.gid = t->user.gid;
    t->run.switch_user = t->user.change;
    t->run.env = run_env_make(&t->spec, (const char *const *)t->x->env, t->container, t->sandbox,
                              plain ? t->user.home : NULL);
}

static void on_prepared(uv_work_t *work, int status)
{
    struct task_run *t = work->data;
    (void)status;
    t->working = false;
    if (t->x->stopped != NULL) {
        task_advance(t);
        return;
    }
    if (t->failure.code != ERR_NONE || t->why_killed != NOT_KILLED) {
        end_unprepared(t);
        return;
    }
    task_fill_run(t);
    if (t->spec.fetch_n > 0)
        fetch_now(t);
    else
        instance_launch(t);
}

static int check_spec(struct task_run *t, struct error *err)
{
    const struct run_spec *s = &t->spec;
    if (s->image == NULL && s->cmd == NULL && s->args_n == 0)
        return error_set(err, ERR_INVALID, "cmd: need it, args or an image");
    return 0;
}

void executor_launch(struct executor *x, int64_t task, struct slice run_spec)
{
    ASSERT(x->recovered);
    struct error err;
    struct task_run *t = task_find(x, task);
    if (x->stopped != NULL)
        return;
    if (t != NULL) {
        report_later(t);
        return;
    }
    t = task_new(x, task);
    t->spec_text = slice_dup(run_spec);
    uuid_text(rng_uuid(&x->rng), t->container);
    if (task_read_spec(t, run_spec, &err) != 0 || check_spec(t, &err) != 0) {
        task_enter(t, ENDED);
        run_end_text(&t->run.end, END_NOT_STARTED, err.text);
        report_later(t);
        return;
    }
    if (t->spec.image == NULL)
        t->user_name = mem_strdup(t->spec.user);
    task_enter(t, PREPARING);
    t->working = true;
    t->work.data = t;
    int rc = uv_queue_work(&x->loop->uv, &t->work, on_prepare, on_prepared);
    ASSERT(rc == 0);
}

/* ---- killing and forgetting */

static int64_t grace_of(const struct task_run *t)
{
    if (t->spec.grace_ms > 0)
        return t->spec.grace_ms;
    return t->spec.image != NULL ? GRACE_DOCKER_MS : GRACE_MS;
}

void task_end(struct task_run *t, enum why_killed why, const char *reason)
{
    bool first = t->why_killed == NOT_KILLED;
    if (t->phase != ENDED && first) {
        t->why_killed = why;
        str_copy(t->reason, sizeof(t->reason), reason != NULL ? reason : "");
    }
    if (first || t->phase == ENDED) /* else it was told, and the order came again */
        report_later(t);
    switch (t->phase) {
    case PREPARING:
    case ENDED:
        return;
    case FETCHING:
        fetch_cancel(&t->fetch);
        return;
    case WAITING:
        task_end_unstarted(t, "");
        return;
    case FOUND:
    case STARTING:
    case RUNNING:
        checks_stop(t);
        t->driver->kill(t->driver, &t->run, grace_of(t));
        return;
    }
    UNREACHABLE("a phase without a case");
}

void executor_kill(struct executor *x, int64_t task, const char *reason)
{
    struct task_run *t = task_find(x, task);
    if (t != NULL && x->stopped == NULL)
        task_end(t, KILLED_BY_ORDER, reason);
}

bool executor_is_container(struct executor *x, int64_t task)
{
    struct task_run *t = task_find(x, task);
    return t != NULL && t->driver == &x->docker.driver;
}

void executor_forget(struct executor *x, int64_t task)
{
    struct task_run *t = task_find(x, task);
    if (t == NULL)
        return;
    t->forgotten = true;
    task_advance(t);
}

/* ---- life */

static void on_housekeeping(uv_timer_t *timer)
{
    struct executor *x = timer->data;
    if (!x->recovered)
        return;
    docker_sweep(&x->docker);
    if (!x->collecting)
        collect_start(x);
}

const struct executor_events *executor_events_of(const struct executor *x)
{
    return &x->events;
}

static void on_docker_changed(struct docker_driver *d)
{
    struct executor *x = d->data;
    if (x->stopped == NULL)
        x->events.docker(x, d->version, d->reason);
}

static void fill_defaults(struct executor_options *o)
{
    const struct {
        int64_t *value, otherwise;
    } all[] = {
        {&o->log_bytes, LIMIT_LOG_FILE_BYTES}, {&o->pids, LIMIT_TASK_PIDS},
        {&o->fetch_bytes, LIMIT_FETCH_BYTES},  {&o->gc_delay_ms, GC_DELAY_MS},
        {&o->gc_least_ms, GC_LEAST_MS},        {&o->docker_remove_ms, DOCKER_REMOVE_MS},
        {&o->outputs_ms, LIMIT_OUTPUTS_MS},    {&o->outputs_bytes, LIMIT_OUTPUTS_BYTES},
        {&o->outputs_runs, LIMIT_OUTPUTS},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        if (*all[i].value == 0)
            *all[i].value = all[i].otherwise;
    if (o->log_files == 0)
        o->log_files = LIMIT_LOG_FILES;
    if (o->gc_headroom_permille == 0)
        o->gc_headroom_permille = GC_HEADROOM_PERMILLE;
}

static void find_cgroups(const struct executor *x, struct cgroup *root)
{
    struct error err;
    *root = (struct cgroup){0};
    if (x->options.no_limits)
        return;
    if (cgroup_probe(root, x->cgroup_parent, &err) != 0)
        log_warn("tasks run without limits", "reason=\"%s\"", err.text);
    for (int c = 0; c < CGROUP_CONTROLLERS; c++)
        if (root->version != 0)
            log_debug("cgroup", "folder=%s", root->dir[c]);
}

/* The launcher, who has no working folder of ours, needs whole paths. */
static int make_folders(struct executor *x, struct error *err)
{
    struct buf tasks;
    if (mkdir(x->folder, 0711) != 0 && errno != EEXIST)
        return error_set(err, ERR_IO, "cannot make %s: %s", x->folder, strerror(errno));
    char *whole = realpath(x->folder, NULL);
    if (whole == NULL)
        return error_set(err, ERR_IO, "cannot find %s: %s", x->folder, strerror(errno));
    mem_free(x->folder);
    x->folder = mem_strdup(whole);
    free(whole);
    buf_init(&tasks, SANDBOX_PATH_SIZE);
    buf_printf(&tasks, "%s/tasks", x->folder);
    x->tasks_folder = buf_take(&tasks, NULL);
    if (mkdir(x->tasks_folder, 0700) != 0 && errno != EEXIST)
        return error_set(err, ERR_IO, "cannot make %s: %s", x->tasks_folder, strerror(errno));
    return 0;
}

static char **copy_env(const char *const *env)
{
    size_t n = 0;
    while (env != NULL && env[n] != NULL)
        n++;
    char **copy = mem_zalloc((n + 1) * sizeof(*copy));
    for (size_t i = 0; i < n; i++)
        copy[i] = mem_strdup(env[i]);
    return copy;
}

static void executor_free(struct executor *x)
{
    while (!list_empty(&x->tasks))
        task_free(LIST_ENTRY(x->tasks.next, struct task_run, in_tasks));
    map_free(x->by_key);
    wipes_free(x);
    run_env_free(x->env);
    tls_unref(x->tls);
    mem_free(x->folder);
    mem_free(x->tasks_folder);
    mem_free(x->docker_where);
    mem_free(x->cgroup_parent);
    mem_free(x->hold);
    mem_free(x);
}

static struct executor *executor_new(struct loop *loop, const struct executor_options *options,
                                     const struct executor_events *events)
{
    struct executor *x = NEW(struct executor);
    uint64_t seed = 0;
    x->loop = loop;
    x->options = *options;
    x->events = *events;
    x->folder = mem_strdup(options->folder);
    x->docker_where = mem_strdup(options->docker);
    x->cgroup_parent = mem_strdup(options->cgroup_parent);
    x->env = copy_env(options->env);
    x->by_key = map_new();
    x->wiping = map_new();
    x->tls = tls_new_for_anybody();
    list_init(&x->tasks);
    fill_defaults(&x->options);
    (void)!getrandom(&seed, sizeof(seed), 0);
    rng_seed(&x->rng, seed);
    return x;
}

static bool is_network_needed(struct docker_driver *d, int64_t network)
{
    return instance_needs_network(d->data, network);
}

/* Whoever ends the tasks later finds their containers, whatever it is told. */
static void remember_engine(const struct executor *x, int folder)
{
    struct fields f = {0}, old;
    struct error err;
    fields_put(&f, "where", engine_address(x->docker_where));
    bool same = fields_load(&old, folder, ENGINE_FILE, &err) == 0 && str_eq(old.text, f.text);
    if (!same && fields_save(&f, folder, ENGINE_FILE, true, &err) != 0)
        log_warn("stop --all will not know where the containers are", "reason=\"%s\"", err.text);
}

static void recall_engine(struct executor *x, int folder)
{
    char where[FIELDS_SIZE];
    struct fields f;
    struct error ignored; /* no start before has written one */
    if (x->docker_where == NULL && fields_load(&f, folder, ENGINE_FILE, &ignored) == 0)
        x->docker_where = mem_strdup(fields_get(&f, "where", where, sizeof(where)));
}

static void agree_on_engine(struct executor *x)
{
    int folder = open(x->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return;
    if (x->options.docker_as_before)
        recall_engine(x, folder);
    else
        remember_engine(x, folder);
    close(folder);
}

static int start_docker(struct executor *x, struct error *err)
{
    if (docker_hold_write(x->folder, &x->hold, err) != 0)
        return -1;
    agree_on_engine(x);
    struct docker_options options = {.where = x->docker_where,
                                     .owner = x->tasks_folder,
                                     .log_bytes = x->options.log_bytes,
                                     .log_files = x->options.log_files,
                                     .cpu_quota = x->options.cpu_quota,
                                     .hold = x->hold,
                                     .needed = is_network_needed,
                                     .remove_ms = x->options.docker_remove_ms};
    x->docker.data = x;
    return docker_start(&x->docker, x->loop, &options, on_docker_changed, err);
}

static void start_processes(struct executor *x)
{
    struct process_options options = {.cpu_quota = x->options.cpu_quota,
                                      .log_bytes = x->options.log_bytes,
                                      .log_files = x->options.log_files,
                                      .pids = x->options.pids};
    find_cgroups(x, &options.cgroups);
    x->processes.data = x;
    process_start(&x->processes, &x->loop->uv, &x->launcher, &options);
}

static void on_launcher_lost(struct launch_client *c)
{
    struct executor *x = c->data;
    if (x->events.lost != NULL)
        x->events.lost(x);
}

int executor_start(struct loop *loop, const struct executor_options *options,
                   const struct executor_events *events, struct executor **executor_out,
                   struct error *err)
{
    struct executor *x = executor_new(loop, options, events);
    x->launcher.data = x;
    x->launcher.lost = on_launcher_lost;
    /* What may fail before what would have to be stopped again. */
    if (sandbox_user_find(NULL, &x->self, err) != 0 || make_folders(x, err) != 0 ||
        start_docker(x, err) != 0) {
        executor_free(x);
        return -1;
    }
    int rc = launch_client_start(&x->launcher, &loop->uv, &options->launcher, err);
    ASSERT(rc == 0); /* the socket is our own */
    start_processes(x);
    uv_timer_init(&loop->uv, &x->reports);
    uv_timer_init(&loop->uv, &x->housekeeping);
    uv_timer_init(&loop->uv, &x->lull);
    x->reports.data = x->housekeeping.data = x->lull.data = x;
    uv_timer_start(&x->housekeeping, on_housekeeping, HOUSEKEEPING_MS, HOUSEKEEPING_MS);
    find_start(x);
    *executor_out = x;
    return 0;
}

void executor_advance(struct executor *x)
{
    if (x->stopped == NULL || x->scanning || x->collecting || x->asks > 0 || x->open > 0 ||
        x->wipes > 0)
        return;
    LIST_EACH (it, &x->tasks) {
        if (!is_idle(LIST_ENTRY(it, struct task_run, in_tasks)))
            return;
    }
    void (*stopped)(void *data) = x->stopped;
    void *data = x->events.data;
    executor_free(x);
    stopped(data);
}

static void part_stopped(struct executor *x)
{
    x->open--;
    executor_advance(x);
}

static void on_timer_closed(uv_handle_t *handle)
{
    part_stopped(handle->data);
}
static void on_docker_stopped(struct docker_driver *d)
{
    part_stopped(d->data);
}
static void on_processes_stopped(struct process_driver *p)
{
    part_stopped(p->data);
}
static void on_launcher_stopped(struct launch_client *c)
{
    part_stopped(c->data);
}

void executor_stop(struct executor *x, void (*stopped)(void *data))
{
    ASSERT(x->stopped == NULL && stopped != NULL);
    x->stopped = stopped;
    x->open = 6;
    LIST_EACH (it, &x->tasks) {
        struct task_run *t = LIST_ENTRY(it, struct task_run, in_tasks);
        if (t->fetching)
            fetch_cancel(&t->fetch);
        checks_stop(t);
        limit_end(t);
    }
    docker_stop(&x->docker, on_docker_stopped);
    process_stop(&x->processes, on_processes_stopped);
    launch_client_stop(&x->launcher, on_launcher_stopped);
    uv_close((uv_handle_t *)&x->reports, on_timer_closed);
    uv_close((uv_handle_t *)&x->lull, on_timer_closed);
    uv_close((uv_handle_t *)&x->housekeeping, on_timer_closed);
}
