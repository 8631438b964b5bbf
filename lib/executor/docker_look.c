#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "executor/docker_contained.h"
#include "executor/fields.h"

#define OUTPUT_MS 10000 /* after its end: for the rest of its output */

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
    if (contained_is_leaving(c))
        return;
    if (err == NULL)
        contained_go(c, LOOK);
    else
        contained_look_later(c);
}

static void on_hold_looked(struct engine_call *call, const struct error *err)
{
    struct contained *c = call->data;
    if (contained_is_leaving(c))
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
        contained_ask(c, &c->held, METHOD_GET, (struct slice){0}, ASK_MS, on_hold_looked,
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
    contained_ask(c, &c->wait, METHOD_POST, (struct slice){0}, 0, on_waited, "/containers/%s/wait",
                  c->name);
    if (c->log.state == LOG_CLOSED && !c->no_logs)
        contained_open_output(c);
    if (c->grace_ms >= 0)
        contained_begin_killing(c);
    if (!c->told)
        tell_started(c, container);
}

static void on_output_time(uv_timer_t *timer)
{
    struct contained *c = timer->data;
    log_warn("output not complete", "task=%s", c->run->name);
    contained_leave(c);
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
        contained_leave(c);
    else if (c->log.state == LOG_CLOSED)
        contained_open_output(c);
}

/* Made, but not started: nobody has told the engine, or it was told by an agent that is no more. */
static void be_unstarted(struct contained *c)
{
    run_end_text(&c->run->end, END_NEVER, "The container was never started");
    c->created = true;
    contained_remove(c);
}

static void be_gone(struct contained *c)
{
    bool never = c->found && !c->run->begun;
    run_end_text(&c->run->end, never ? END_NEVER : END_LOST,
                 never ? "The task was never started" : "Its container was removed");
    contained_leave(c);
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
    if (contained_is_leaving(c))
        return;
    if (!c->foreign) {
        contained_go(c, LOOK);
        return;
    }
    run_end_text(&c->run->end, END_LOST,
                 "The task's folder is a copy: the container is that of the other folder, and goes "
                 "on there if it runs");
    contained_leave(c);
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
    if (contained_is_leaving(c))
        return;
    const struct json *state = json_get(call->json, "State");
    const char *status = json_str(json_get(state, "Status"), "");
    if (err != NULL && err->code == ERR_NOT_FOUND)
        be_gone(c);
    else if (err != NULL || state == NULL)
        contained_look_later(c);
    else if (look_at_owner(c, call->json))
        return;
    else if (json_bool(json_get(state, "Running"), false) || str_eq(status, "paused"))
        follow(c, call->json);
    else if (str_eq(status, "created") || str_eq(status, "configured"))
        be_unstarted(c);
    else
        be_over(c, call->json);
}

void contained_look(struct contained *c)
{
    contained_ask(c, &c->ask, METHOD_GET, (struct slice){0}, ASK_MS, on_looked,
                  "/containers/%s/json", c->name);
}
