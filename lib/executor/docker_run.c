#include "executor/docker_private.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "executor/docker_auth.h"
#include "executor/docker_hold.h"
#include "executor/docker_log.h"
#include "executor/docker_pull.h"
#include "executor/docker_usage.h"
#include "executor/fields.h"

#define ASK_MS 30000        /* one question */
#define CREATE_MS 120000    /* a slow disk may take long to make a container's layers */
#define RETRY_MS 1000       /* after the engine has broken off */
#define OUTPUT_MS_MAX 60000 /* the longest pause before output that we cannot read is asked for */
#define KILL_AGAIN_MS 5000  /* a container that lives on after SIGKILL */
#define OUTPUT_MS 10000     /* after its end: for the rest of its output */
#define LOGS_TRIES 3

/*  IMAGE --not here, or forced--> AUTH --> PULL
 *    \_here_____________________________________\--> MARK --> CREATE --> START --> LOOK --runs-->
 * RUNNING \   ^--wait ends--' recovered --> LOOK                              '--ended--> OVER Each
 * arrow may instead be a failure, which leaves. OVER waits for the rest of the output. Leaving
 * cancels what is under way and waits until nothing is; then `ended`. The first one of a pod's that
 * share a network makes and starts the container that holds it, between MARK and CREATE; the last
 * one to leave removes that. */
enum step { IMAGE, AUTH, PULL, MARK, HOLD, HOLD_START, CREATE, START, LOOK, RUNNING, OVER };

struct contained {
    struct docker_driver *d;
    struct run *run;
    struct list in_runs;
    enum step step;
    bool found;   /* by recover */
    bool created; /* the engine may have a container */
    bool told;    /* `started` */
    bool leaving, marking, reading;
    char name[DOCKER_NAME_SIZE];
    struct docker_pull pull;
    char hold[DOCKER_NAME_SIZE]; /* the container whose network it shares; "": none, or not known */
    struct engine_call ask, wait, logs, kill, held;
    uv_fs_t mark;
    uv_work_t work;
    struct buf auth; /* the header line for the registry */
    char *owner;     /* the folder of tasks that the container's label names, if it is not ours */
    bool asked_owner, foreign;
    /* output */
    struct docker_log log;
    bool tty;
    bool logs_before_end; /* the stream had ended before we knew of the container's end */
    bool no_logs;         /* the engine keeps none of it */
    unsigned logs_tries;
    int64_t output_ms; /* the next pause; RETRY_MS unless it was not understood */
    /* killing: grace_ms -1: nobody wants it */
    int64_t grace_ms;
    char stop_signal[24];
    bool term_sent, kill_refused;
    uv_timer_t kill_timer, retry_timer;
    unsigned timers; /* open; the handles of `usage` count among them */
    bool looks;      /* at what it uses */
    struct docker_usage usage;
};

static void go(struct contained *c, enum step step);
static void leave(struct contained *c);
static void open_output(struct contained *c);

const char *docker_name(const char *container, char dst[DOCKER_NAME_SIZE])
{
    snprintf(dst, DOCKER_NAME_SIZE, "mesos-%.64s", container);
    return dst;
}

/* ---- asking */

static void ask(struct contained *c, struct engine_call *call, enum method method,
                struct slice body, int64_t ms, engine_cb *done, const char *fmt, ...)
    __attribute__((format(printf, 7, 8)));

/* What cannot even be asked fails as an answer would: later, by the retry timer. */
static void on_unasked(uv_timer_t *timer)
{
    struct contained *c = timer->data;
    run_end_text(&c->run->end, END_NOT_STARTED, "docker: the engine's address is of no use");
    leave(c);
}

static void ask(struct contained *c, struct engine_call *call, enum method method,
                struct slice body, int64_t ms, engine_cb *done, const char *fmt, ...)
{
    char target[512];
    struct error err;
    va_list args;
    va_start(args, fmt);
    vsnprintf(target, sizeof(target), fmt, args);
    va_end(args);
    struct engine_ask question = {.method = method, .target = target, .body = body, .total_ms = ms};
    call->data = c;
    if (engine_start(&c->d->engine, call, &question, done, &err) != 0)
        uv_timer_start(&c->retry_timer, on_unasked, 0, 0);
}

/* ---- the end of a run here */

static void on_timer_closed(uv_handle_t *handle)
{
    struct contained *c = handle->data;
    struct docker_driver *d = c->d;
    struct run *run = c->run;
    if (--c->timers > 0)
        return;
    list_remove(&c->in_runs);
    run->state = NULL;
    docker_pull_close(&c->pull);
    buf_close(&c->auth);
    mem_free(c->owner);
    mem_free(c);
    if (d->stopped == NULL)
        run->ended(run);
    else if (list_empty(&d->runs))
        docker_stop(d, d->stopped);
}

static void on_output_closed(struct docker_log *l);

static void leave_when_idle(struct contained *c);

static void on_released(struct engine_call *call, const struct error *err)
{
    struct contained *c = call->data;
    if (err != NULL && err->code != ERR_NOT_FOUND && err->code != ERR_CANCELED)
        log_warn("network not removed", "task=%s error=\"%s\"", c->run->name, err->text);
    leave_when_idle(c);
}

/* Its ports are to be free when the last end is told. True: that is under way. What fails here is
 * swept later. */
static bool release_network(struct contained *c)
{
    char target[DOCKER_NAME_SIZE + 64];
    struct error err;
    struct engine_ask question = {.method = METHOD_DELETE, .target = target, .total_ms = CREATE_MS};
    if (c->hold[0] == '\0' || c->run->let_go || c->d->stopped != NULL)
        return false;
    c->run->let_go = true;
    if (c->d->options.needed(c->d, c->run->network))
        return false;
    snprintf(target, sizeof(target), "/containers/%s?force=1&v=1", c->hold);
    c->held.data = c;
    return engine_start(&c->d->engine, &c->held, &question, on_released, &err) == 0;
}

static void leave_when_idle(struct contained *c)
{
    bool busy = engine_busy(&c->ask) || engine_busy(&c->wait) || engine_busy(&c->logs) ||
                engine_busy(&c->kill) || engine_busy(&c->held) || c->marking || c->reading ||
                c->log.state != LOG_CLOSED;
    if (busy || uv_is_closing((uv_handle_t *)&c->kill_timer) || release_network(c))
        return;
    uv_close((uv_handle_t *)&c->kill_timer, on_timer_closed);
    uv_close((uv_handle_t *)&c->retry_timer, on_timer_closed);
    if (c->looks)
        docker_usage_close(&c->usage, on_timer_closed, c);
}

static void leave(struct contained *c)
{
    c->leaving = true;
    c->run->end.killed = c->grace_ms >= 0;
    uv_timer_stop(&c->kill_timer);
    uv_timer_stop(&c->retry_timer);
    engine_cancel(&c->ask);
    engine_cancel(&c->wait);
    engine_cancel(&c->logs);
    engine_cancel(&c->kill);
    engine_cancel(&c->held);
    if (c->log.state != LOG_CLOSED && c->log.closed == NULL)
        docker_log_close(&c->log, on_output_closed);
    leave_when_idle(c);
}

/* Every callback begins with this: true when there is nothing more for it to do. */
static bool is_leaving(struct contained *c)
{
    if (c->leaving)
        leave_when_idle(c);
    return c->leaving;
}

static void on_removed(struct engine_call *call, const struct error *err)
{
    struct contained *c = call->data;
    if (err != NULL && err->code != ERR_NOT_FOUND && err->code != ERR_CANCELED)
        log_warn("container not removed", "task=%s error=\"%s\"", c->run->name, err->text);
    if (!is_leaving(c))
        leave(c);
}

static void remove_and_leave(struct contained *c)
{
    if (c->created)
        ask(c, &c->ask, METHOD_DELETE, (struct slice){0}, CREATE_MS, on_removed,
            "/containers/%s?force=1&v=1", c->name);
    else
        leave(c);
}

static void fail(struct contained *c, const char *why)
{
    bool killed = c->grace_ms >= 0;
    run_end_text(&c->run->end, END_NOT_STARTED, killed ? "Killed before it was started" : why);
    remove_and_leave(c);
}

static void on_retry(uv_timer_t *timer)
{
    struct contained *c = timer->data;
    go(c, LOOK);
}

static void look_later(struct contained *c)
{
    c->step = LOOK;
    uv_timer_start(&c->retry_timer, on_retry, RETRY_MS, 0);
}

/* ---- the way to a running container */

static const char *with_tag(const char *image)
{
    const char *slash = strrchr(image, '/');
    bool tagged = strchr(slash != NULL ? slash : image, ':') != NULL || strchr(image, '@') != NULL;
    return tagged ? "" : ":latest"; /* without one the engine pulls them all */
}

static void on_image(struct engine_call *call, const struct error *err)
{
    struct contained *c = call->data;
    if (is_leaving(c))
        return;
    if (err == NULL)
        go(c, MARK);
    else if (err->code == ERR_NOT_FOUND)
        go(c, AUTH);
    else
        fail(c, err->text);
}

static void ask_image(struct contained *c)
{
    ask(c, &c->ask, METHOD_GET, (struct slice){0}, ASK_MS, on_image, "/images/%s%s/json",
        c->run->spec->image, with_tag(c->run->spec->image));
}

static void on_read_auth(uv_work_t *work)
{
    struct contained *c = work->data;
    docker_auth_find(c->run->sandbox, c->run->spec->image, &c->auth);
}

static void on_auth_read(uv_work_t *work, int status)
{
    struct contained *c = work->data;
    (void)status;
    c->reading = false;
    if (!is_leaving(c))
        go(c, PULL);
}

static void read_auth(struct contained *c)
{
    buf_init(&c->auth, LIMIT_HEADER_BYTES / 2);
    c->work.data = c;
    c->reading = true;
    int rc = uv_queue_work(&c->d->engine.loop->uv, &c->work, on_read_auth, on_auth_read);
    ASSERT(rc == 0);
}

static void on_pull_part(struct engine_call *call, struct slice piece)
{
    struct contained *c = call->data;
    int before = c->pull.percent;
    docker_pull_feed(&c->pull, piece);
    if (c->pull.percent == before)
        return;
    snprintf(c->run->detail, sizeof(c->run->detail), "pulling %d %%", c->pull.percent);
    c->run->progress(c->run);
}

static void on_pulled(struct engine_call *call, const struct error *err)
{
    struct contained *c = call->data;
    char why[256];
    if (is_leaving(c))
        return;
    snprintf(why, sizeof(why), "docker: %s", c->pull.failure);
    if (err != NULL)
        fail(c, err->text);
    else if (c->pull.failure[0] != '\0')
        fail(c, why);
    else
        go(c, MARK);
}

static void ask_pull(struct contained *c)
{
    const char *image = c->run->spec->image;
    char target[512];
    struct error err;
    struct buf encoded;
    buf_init(&encoded, 2048);
    url_encode(slice_of(image), &encoded);
    snprintf(target, sizeof(target), "/images/create?fromImage=%.400s%s", buf_str(&encoded),
             with_tag(image)[0] != '\0' ? "&tag=latest" : "");
    buf_close(&encoded);
    struct engine_ask question = {.method = METHOD_POST,
                                  .target = target,
                                  .header = c->auth.len > 0 ? buf_str(&c->auth) : NULL,
                                  .on_part = on_pull_part};
    c->ask.data = c;
    str_copy(c->run->detail, sizeof(c->run->detail), "pulling");
    if (engine_start(&c->d->engine, &c->ask, &question, on_pulled, &err) != 0)
        uv_timer_start(&c->retry_timer, on_unasked, 0, 0);
    else
        c->run->progress(c->run);
}

/* `container` in the task's folder: from here on the engine may have one. */
static void on_marked(uv_fs_t *req)
{
    struct contained *c = req->data;
    int fd = (int)req->result;
    uv_fs_req_cleanup(req);
    c->marking = false;
    if (fd >= 0)
        close(fd);
    if (is_leaving(c))
        return;
    if (fd < 0)
        fail(c, "cannot write to the task's folder");
    else
        go(c, c->run->network == c->run->number ? HOLD : CREATE);
}

static void mark(struct contained *c)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/container", c->run->folder);
    c->mark.data = c;
    c->marking = true;
    int rc = uv_fs_open(&c->d->engine.loop->uv, &c->mark, path, O_WRONLY | O_CREAT | O_CLOEXEC,
                        0600, on_marked);
    ASSERT(rc == 0);
}

/* The engine has done what it was asked, or says why not. */
static void go_on(struct engine_call *call, const struct error *err, enum step next)
{
    struct contained *c = call->data;
    if (is_leaving(c))
        return;
    if (err != NULL)
        fail(c, err->text);
    else
        go(c, next);
}

static void on_created(struct engine_call *call, const struct error *err)
{
    go_on(call, err, START);
}

typedef int body_fn(const struct run *run, const struct docker_defaults *defaults, struct buf *out,
                    struct error *err);

/* False after having failed. */
static bool ask_create(struct contained *c, const char *name, body_fn *write, engine_cb *done)
{
    struct docker_defaults defaults = {.owner = c->d->options.owner,
                                       .hold = c->d->options.hold,
                                       .log_bytes = c->d->options.log_bytes,
                                       .cpu_quota = c->d->options.cpu_quota};
    struct buf body;
    struct error err;
    buf_init(&body, LIMIT_ORDER_BYTES);
    bool good = write(c->run, &defaults, &body, &err) == 0;
    if (good)
        ask(c, &c->ask, METHOD_POST, buf_slice(&body), CREATE_MS, done,
            "/containers/create?name=%s", name);
    buf_close(&body);
    if (!good)
        fail(c, err.text);
    return good;
}

static void create(struct contained *c)
{
    c->created = ask_create(c, c->name, docker_create_body, on_created) || c->created;
}

static void on_hold_created(struct engine_call *call, const struct error *err)
{
    go_on(call, err, HOLD_START);
}

static void hold(struct contained *c)
{
    (void)ask_create(c, c->hold, docker_hold_body, on_hold_created);
}

static void on_hold_started(struct engine_call *call, const struct error *err)
{
    go_on(call, err, CREATE);
}

static void hold_start(struct contained *c)
{
    ask(c, &c->ask, METHOD_POST, (struct slice){0}, CREATE_MS, on_hold_started,
        "/containers/%s/start", c->hold);
}

static void on_started(struct engine_call *call, const struct error *err)
{
    struct contained *c = call->data;
    if (is_leaving(c))
        return;
    if (err != NULL && err->code == ERR_UNCERTAIN)
        look_later(c);
    else if (err != NULL)
        fail(c, err->text);
    else
        go(c, LOOK);
}

static void start(struct contained *c)
{
    ask(c, &c->ask, METHOD_POST, (struct slice){0}, CREATE_MS, on_started, "/containers/%s/start",
        c->name);
}

/* ---- killing */

static void on_kill_time(uv_timer_t *timer);

static void on_killed(struct engine_call *call, const struct error *err)
{
    struct contained *c = call->data;
    if (is_leaving(c))
        return;
    if (err == NULL || err->code == ERR_CONFLICT || err->code == ERR_NOT_FOUND)
        return;
    log_event(c->kill_refused ? LOG_DEBUG : LOG_WARN, "kill not taken",
              "task=%s error=\"%s\" and=\"it is sent again and again\"", c->run->name, err->text);
    c->kill_refused = true;
}

static void send_signal(struct contained *c, const char *signal)
{
    if (!engine_busy(&c->kill))
        ask(c, &c->kill, METHOD_POST, (struct slice){0}, ASK_MS, on_killed,
            "/containers/%s/kill?signal=%s", c->name, signal);
}

static void on_kill_time(uv_timer_t *timer)
{
    struct contained *c = timer->data;
    send_signal(c, "SIGKILL");
    uv_timer_start(&c->kill_timer, on_kill_time, KILL_AGAIN_MS, 0);
}

static void begin_killing(struct contained *c)
{
    if (c->grace_ms <= 0) {
        on_kill_time(&c->kill_timer);
        return;
    }
    if (!c->term_sent)
        send_signal(c, c->stop_signal[0] != '\0' ? c->stop_signal : "SIGTERM");
    c->term_sent = true;
    uint64_t left = uv_timer_get_due_in(&c->kill_timer);
    if (!uv_is_active((uv_handle_t *)&c->kill_timer) || (uint64_t)c->grace_ms < left)
        uv_timer_start(&c->kill_timer, on_kill_time, (uint64_t)c->grace_ms, 0);
}

void docker_kill(struct driver *driver, struct run *run, int64_t grace_ms)
{
    struct contained *c = run->state;
    (void)driver;
    if (c == NULL || c->leaving || c->step == OVER || (c->grace_ms >= 0 && grace_ms >= c->grace_ms))
        return;
    c->grace_ms = grace_ms;
    if (c->step == RUNNING || (c->step == LOOK && c->told))
        begin_killing(c);
    else if (c->step == IMAGE || c->step == PULL)
        engine_cancel(&c->ask); /* its callback fails */
}

/* ---- looking */

/* The first that is given, of its one network or of several. */
static const char *address_in(const struct json *settings, const char *member)
{
    const char *address = json_str(json_get(settings, member), "");
    JSON_EACH (network, json_get(settings, "Networks"))
        if (address[0] == '\0')
            address = json_str(json_get(network, member), "");
    return address;
}

static void fill_address(struct run *run, const struct json *container)
{
    const struct json *settings = json_get(container, "NetworkSettings");
    str_copy(run->address, sizeof(run->address), address_in(settings, "IPAddress"));
    str_copy(run->address6, sizeof(run->address6), address_in(settings, "GlobalIPv6Address"));
}

static void on_waited(struct engine_call *call, const struct error *err)
{
    struct contained *c = call->data;
    if (is_leaving(c))
        return;
    if (err == NULL)
        go(c, LOOK);
    else
        look_later(c);
}

static void on_hold_looked(struct engine_call *call, const struct error *err)
{
    struct contained *c = call->data;
    if (is_leaving(c))
        return;
    if (err == NULL)
        fill_address(c->run, call->json);
    c->run->started(c->run);
}

/* Where its network is another's, that one knows the address. */
static void tell_started(struct contained *c, const struct json *container)
{
    struct run *run = c->run;
    const struct json *state = json_get(container, "State");
    int64_t began_ns = docker_time_ns(json_slice(json_get(state, "StartedAt")));
    c->told = true;
    run->pid = json_int(json_get(state, "Pid"), 0);
    run->began.ms = began_ns > 0 ? began_ns / 1000000 : 0;
    if (c->hold[0] != '\0' && c->step == RUNNING) {
        ask(c, &c->held, METHOD_GET, (struct slice){0}, ASK_MS, on_hold_looked,
            "/containers/%s/json", c->hold);
        return;
    }
    fill_address(run, container);
    run->started(run);
}

/* Of one that was found again. */
static void note_hold(struct contained *c, const struct json *container)
{
    const char *mode = json_str(json_get(json_get(container, "HostConfig"), "NetworkMode"), "");
    if (c->run->network != 0 && c->hold[0] == '\0' && str_starts(mode, "container:"))
        str_copy(c->hold, sizeof(c->hold), mode + strlen("container:"));
}

static void look_at_usage(struct contained *c, const struct json *container)
{
    int64_t pid = json_int(json_get(json_get(container, "State"), "Pid"), 0);
    const char *id = json_str(json_get(container, "Id"), "");
    if (c->looks || *id == '\0')
        return;
    c->looks = docker_usage_start(&c->usage, &c->d->engine.loop->uv, pid, id);
    c->timers += c->looks ? 2 : 0;
}

static void follow(struct contained *c, const struct json *container)
{
    const struct json *config = json_get(container, "Config");
    c->step = RUNNING;
    note_hold(c, container);
    look_at_usage(c, container);
    c->tty = json_bool(json_get(config, "Tty"), false);
    str_copy(c->stop_signal, sizeof(c->stop_signal),
             json_str(json_get(config, "StopSignal"), "SIGTERM"));
    ask(c, &c->wait, METHOD_POST, (struct slice){0}, 0, on_waited, "/containers/%s/wait", c->name);
    if (c->log.state == LOG_CLOSED && !c->no_logs)
        open_output(c);
    if (c->grace_ms >= 0)
        begin_killing(c);
    if (!c->told)
        tell_started(c, container);
}

static void on_output_time(uv_timer_t *timer)
{
    struct contained *c = timer->data;
    log_warn("output not complete", "task=%s", c->run->name);
    leave(c);
}

static void note_end(struct contained *c, const struct json *container)
{
    const struct json *state = json_get(container, "State");
    struct run_end *end = &c->run->end;
    const char *why = json_str(json_get(state, "Error"), "");
    int64_t memory = json_int(json_get(json_get(container, "HostConfig"), "Memory"), 0);
    int64_t ended = docker_time_ns(json_slice(json_get(state, "FinishedAt")));
    int code = (int)json_int(json_get(state, "ExitCode"), 0);
    run_end_exited(end, "Container", code);
    if (json_bool(json_get(state, "OOMKilled"), false)) {
        end->how = END_OUT_OF_MEMORY;
        snprintf(end->message, sizeof(end->message),
                 "Memory limit exceeded: Requested: %" PRId64 "MB", memory >> 20);
    } else if (why[0] != '\0' && !c->told) {
        snprintf(end->message, sizeof(end->message), "docker: %s", why);
        end->how = END_NOT_STARTED;
    }
    end->ended.ms = ended > 0 ? ended / 1000000 : 0;
    end->used.mem_peak_bytes = c->usage.peak_bytes;
}

static void be_over(struct contained *c, const struct json *container)
{
    bool quick = !c->told && !c->found; /* it was over before we had looked */
    note_end(c, container);
    note_hold(c, container);
    if (quick && c->run->end.how == END_EXITED)
        tell_started(c, container);
    c->step = OVER;
    c->tty = json_bool(json_get(json_get(container, "Config"), "Tty"), false);
    uv_timer_stop(&c->retry_timer);
    uv_timer_start(&c->kill_timer, on_output_time, OUTPUT_MS, 0);
    if (c->no_logs)
        leave(c);
    else if (c->log.state == LOG_CLOSED)
        open_output(c);
}

/* Made, but not started: nobody has told the engine, or it was told by an agent that is no more. */
static void be_unstarted(struct contained *c)
{
    run_end_text(&c->run->end, END_NEVER, "The container was never started");
    c->created = true;
    remove_and_leave(c);
}

static void be_gone(struct contained *c)
{
    bool never = c->found && !c->run->begun;
    run_end_text(&c->run->end, never ? END_NEVER : END_LOST,
                 never ? "The task was never started" : "Its container was removed");
    leave(c);
}

/* ---- whose it is: a folder that was copied names the containers of the original */

/* If the task is in the folder that the label names, still, and that is not this one by another
 * path, it is that one's; if not, this one was moved. On a thread. */
static void on_look_at_owner(uv_work_t *work)
{
    struct contained *c = work->data;
    struct fields task = {0};
    struct stat there, here;
    struct error ignored;
    struct buf path;
    char container[80];
    buf_init(&path, PATH_MAX);
    buf_printf(&path, "%s/%" PRId64, c->owner, c->run->number);
    int folder = open(buf_str(&path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    buf_close(&path);
    if (folder < 0)
        return;
    bool same = fstat(folder, &there) != 0 || stat(c->run->folder, &here) != 0 ||
                (there.st_dev == here.st_dev && there.st_ino == here.st_ino);
    if (!same && fields_load(&task, folder, "task", &ignored) == 0)
        c->foreign =
            str_eq(fields_get(&task, "container", container, sizeof(container)), c->run->container);
    close(folder);
}

static void on_owner_looked_at(uv_work_t *work, int status)
{
    struct contained *c = work->data;
    (void)status;
    c->reading = false;
    if (is_leaving(c))
        return;
    if (!c->foreign) {
        go(c, LOOK);
        return;
    }
    run_end_text(&c->run->end, END_LOST,
                 "The task's folder is a copy: the container is that of the other folder, and goes "
                 "on there if it runs");
    leave(c);
}

/* False: it is ours, or we know by now that it is. */
static bool look_at_owner(struct contained *c, const struct json *container)
{
    const struct json *labels = json_get(json_get(container, "Config"), "Labels");
    const char *owner = json_str(json_get(labels, DOCKER_LABEL_OWNER), NULL);
    if (!c->found || c->asked_owner || owner == NULL || str_eq(owner, c->d->options.owner))
        return false;
    c->asked_owner = c->reading = true;
    c->owner = mem_strdup(owner);
    c->work.data = c;
    int rc = uv_queue_work(&c->d->engine.loop->uv, &c->work, on_look_at_owner, on_owner_looked_at);
    ASSERT(rc == 0);
    return true;
}

static void on_looked(struct engine_call *call, const struct error *err)
{
    struct contained *c = call->data;
    if (is_leaving(c))
        return;
    const struct json *state = json_get(call->json, "State");
    const char *status = json_str(json_get(state, "Status"), "");
    if (err != NULL && err->code == ERR_NOT_FOUND)
        be_gone(c);
    else if (err != NULL || state == NULL)
        look_later(c);
    else if (look_at_owner(c, call->json))
        return;
    else if (json_bool(json_get(state, "Running"), false) || str_eq(status, "paused"))
        follow(c, call->json);
    else if (str_eq(status, "created") || str_eq(status, "configured"))
        be_unstarted(c);
    else
        be_over(c, call->json);
}

static void look(struct contained *c)
{
    ask(c, &c->ask, METHOD_GET, (struct slice){0}, ASK_MS, on_looked, "/containers/%s/json",
        c->name);
}

/* ---- output */

static void on_output_again(uv_timer_t *timer)
{
    struct contained *c = timer->data;
    if (c->log.state == LOG_CLOSED)
        open_output(c);
}

static void on_output_closed(struct docker_log *l)
{
    struct contained *c = l->data;
    if (is_leaving(c))
        return;
    bool whole = !c->logs_before_end || c->no_logs;
    if (c->step == OVER && (whole || ++c->logs_tries >= LOGS_TRIES))
        leave(c);
    else if (c->step == OVER)
        open_output(c);
    else if (!c->no_logs && !uv_is_active((uv_handle_t *)&c->retry_timer))
        uv_timer_start(&c->retry_timer, on_output_again, (uint64_t)c->output_ms, 0);
}

static void on_output_written(struct docker_log *l)
{
    struct contained *c = l->data;
    engine_pause(&c->logs, false);
}

static void on_logs_part(struct engine_call *call, struct slice piece)
{
    struct contained *c = call->data;
    struct error err;
    if (c->leaving || c->log.closed != NULL)
        return;
    if (docker_log_feed(&c->log, piece, on_output_written, &err) != 0) {
        log_event(c->output_ms > RETRY_MS ? LOG_DEBUG : LOG_WARN, "output not understood",
                  "task=%s error=\"%s\"", c->run->name, err.text);
        c->output_ms = 2 * c->output_ms < OUTPUT_MS_MAX ? 2 * c->output_ms : OUTPUT_MS_MAX;
        engine_cancel(call);
        return;
    }
    engine_pause(call, true);
}

/* The stream has ended: because the container has, or because the engine is restarted. A stream
 * that began before we knew of the end, and broke, is asked for once more. */
static void on_logs_done(struct engine_call *call, const struct error *err)
{
    struct contained *c = call->data;
    if (c->leaving) {
        leave_when_idle(c);
        return;
    }
    c->logs_before_end = c->step != OVER || err != NULL;
    if (call->status >= 400 && call->status != 404) {
        log_warn("output not to be had", "task=%s error=\"%s\"", c->run->name, err->text);
        c->no_logs = true;
    }
    docker_log_close(&c->log, on_output_closed);
}

static void on_output_ready(struct docker_log *l)
{
    struct contained *c = l->data;
    char since[32], target[256];
    struct error err;
    if (is_leaving(c))
        return;
    snprintf(target, sizeof(target),
             "/containers/%s/logs?follow=1&stdout=1&stderr=1&timestamps=1&since=%s", c->name,
             docker_log_since(l, since));
    struct engine_ask question = {.method = METHOD_GET, .target = target, .on_part = on_logs_part};
    c->logs.data = c;
    if (engine_start(&c->d->engine, &c->logs, &question, on_logs_done, &err) != 0)
        docker_log_close(l, on_output_closed);
}

static void open_output(struct contained *c)
{
    struct docker_log_options options = {.folder = c->run->folder,
                                         .sandbox = c->run->sandbox,
                                         .tty = c->tty,
                                         .log_bytes = c->d->options.log_bytes,
                                         .log_files = c->d->options.log_files};
    c->log.data = c;
    docker_log_open(&c->log, &c->d->engine.loop->uv, &options, on_output_ready);
}

/* ---- steps */

static void (*const steps[])(struct contained *c) = {
    [IMAGE] = ask_image,       [AUTH] = read_auth, [PULL] = ask_pull, [MARK] = mark, [HOLD] = hold,
    [HOLD_START] = hold_start, [CREATE] = create,  [START] = start,   [LOOK] = look,
};

static void go(struct contained *c, enum step step)
{
    c->step = step;
    if (c->grace_ms >= 0 && step <= CREATE)
        fail(c, "");
    else
        steps[step](c);
}

static struct contained *track(struct docker_driver *d, struct run *run)
{
    struct contained *c = NEW(struct contained);
    c->d = d;
    c->run = run;
    c->grace_ms = -1;
    c->output_ms = RETRY_MS;
    c->timers = 2;
    docker_name(run->container, c->name);
    if (run->network != 0 && run->network == run->number)
        docker_hold_name(run->container, c->hold);
    else if (run->joins != NULL)
        docker_hold_name(run->joins, c->hold);
    uv_timer_init(&d->engine.loop->uv, &c->kill_timer);
    uv_timer_init(&d->engine.loop->uv, &c->retry_timer);
    c->kill_timer.data = c->retry_timer.data = c;
    run->state = c;
    list_push(&d->runs, &c->in_runs);
    return c;
}

int docker_launch(struct driver *driver, struct run *run, struct error *err)
{
    struct docker_driver *d = (struct docker_driver *)driver;
    char got[96];
    const char *image = run->spec->image;
    if (d->asked && d->version[0] == '\0')
        return error_set(err, ERR_UNAVAILABLE, "%s", d->reason);
    if (!run_image_is_clean(image))
        return error_set(err, ERR_INVALID, "image: got %s, need the name of an image",
                         str_quote(got, sizeof(got), image, strlen(image)));
    go(track(d, run), run->spec->force_pull ? AUTH : IMAGE);
    return 0;
}

void docker_recover(struct driver *driver, struct run *run)
{
    struct contained *c = track((struct docker_driver *)driver, run);
    c->found = true;
    go(c, LOOK);
}

void docker_let_go(struct docker_driver *d)
{
    LIST_EACH (it, &d->runs) {
        struct contained *c = LIST_ENTRY(it, struct contained, in_runs);
        if (!c->leaving)
            leave(c);
        else
            engine_cancel(&c->held);
    }
}

bool docker_follows(struct docker_driver *d, int64_t number)
{
    LIST_EACH (it, &d->runs) {
        if (LIST_ENTRY(it, struct contained, in_runs)->run->number == number)
            return true;
    }
    return false;
}
