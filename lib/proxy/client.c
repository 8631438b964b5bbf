#include "proxy/client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "proxy/frame.h"

#define READ_BYTES 65536
#define DIAL_MS_MIN 10
#define DIAL_MS_MAX 500
#define SPAWN_MS_MIN 200 /* after one that ended at once; doubles */
#define SPAWN_MS_MAX 10000
#define SPAWNS_TOLD 3 /* of those that end at once; then it is known */
#define AGAIN_MS_MAX 30000
#define STEADY_MS                                                                        \
    (2 * AGAIN_MS_MAX)   /* up for so long: what was before is over. More than the pause \
                            of another node that fights for the proxy */
#define SHUTDOWN_MS 5000 /* for the proxy to hang up */
#define SILENCE_MS 3000

/* ---- handles: each has one count in c->handles until it is closed */

static void finish_stop(struct proxy_client *c)
{
    if (c->stopped == NULL || c->handles > 0)
        return;
    void (*stopped)(struct proxy_client *) = c->stopped;
    for (char **arg = c->command; *arg != NULL; arg++)
        mem_free(*arg);
    mem_free(c->command);
    mem_free(c->folder);
    mem_free(c->version);
    mem_free(c->program);
    mem_free(c->socket_path);
    arena_close(&c->settings_arena);
    proxy_routes_close(&c->routes);
    stopped(c);
}

static void handle_closed(struct proxy_client *c)
{
    c->handles--;
    finish_stop(c);
}

/* ---- pauses between tries */

/* *ms; the next one is twice as long. */
static int64_t next_pause(int64_t *ms, int64_t max)
{
    int64_t now = *ms;
    *ms = 2 * now < max ? 2 * now : max;
    return now;
}

/* ---- the process */

struct child {
    uv_process_t process;
    struct list link;
    struct proxy_client *client;
};

static void on_child_closed(uv_handle_t *handle)
{
    struct child *child = handle->data;
    struct proxy_client *c = child->client;
    mem_free(child);
    handle_closed(c);
}

static void end_when_over(struct proxy_client *c);

static void let_go_of_child(struct child *child)
{
    list_remove(&child->link);
    uv_close((uv_handle_t *)&child->process, on_child_closed);
}

static enum log_level level_of(const struct proxy_client *c, enum log_level level)
{
    return c->spawns > SPAWNS_TOLD ? LOG_DEBUG : level;
}

static void on_child_ended(uv_process_t *process, int64_t status, int signal)
{
    struct child *child = process->data;
    struct proxy_client *c = child->client;
    log_event(level_of(c, status == 0 && signal == 0 ? LOG_INFO : LOG_WARN), "proxy ended",
              "pid=%d status=%lld signal=%d log=%s/proxy.log", process->pid, (long long)status,
              signal, c->folder);
    let_go_of_child(child);
    if (c->shutting_down)
        end_when_over(c);
}

/* Its stderr: a file that it keeps below its limit itself while it runs. */
static int open_log(const struct proxy_client *c)
{
    char path[4096], old[4096];
    struct stat st;
    snprintf(path, sizeof(path), "%s/proxy.log", c->folder);
    snprintf(old, sizeof(old), "%s/proxy.log.1", c->folder);
    if (stat(path, &st) == 0 && st.st_size > LIMIT_LOG_FILE_BYTES / 2 && rename(path, old) != 0)
        log_warn("log not rotated", "path=%s", path);
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int spawn(struct proxy_client *c, struct child *child)
{
    int log = open_log(c);
    uv_stdio_container_t stdio[] = {
        {.flags = UV_IGNORE},
        {.flags = UV_IGNORE},
        {.flags = log >= 0 ? UV_INHERIT_FD : UV_IGNORE, .data.fd = log},
    };
    uv_process_options_t options = {.file = c->program,
                                    .args = c->command,
                                    .cwd = "/", /* keeps no folder busy */
                                    .flags = UV_PROCESS_DETACHED,
                                    .stdio = stdio,
                                    .stdio_count = 3,
                                    .exit_cb = on_child_ended};
    int rc = uv_spawn(c->loop, &child->process, &options);
    if (log >= 0)
        close(log);
    return rc;
}

static void start_proxy(struct proxy_client *c)
{
    struct child *child = NEW(struct child);
    child->client = c;
    child->process.data = child;
    list_push(&c->children, &child->link);
    c->handles++;
    c->spawn_at = uv_now(c->loop) + (uint64_t)next_pause(&c->spawn_ms, SPAWN_MS_MAX);
    c->spawns++;
    int rc = spawn(c, child);
    if (rc != 0) {
        log_event(level_of(c, LOG_ERROR), "proxy not started", "program=%s reason=%s", c->program,
                  uv_strerror(rc));
        let_go_of_child(child);
        return;
    }
    uv_unref((uv_handle_t *)&child->process);
    log_event(level_of(c, LOG_INFO), "proxy started", "pid=%d", child->process.pid);
}

/* ---- the connection */

struct connection_to_proxy {
    uv_pipe_t pipe;
    uv_connect_t connect;
    struct proxy_client *client;
    struct buf in;
    bool closing;
    char chunk[READ_BYTES];
};

static void dial_later(struct proxy_client *c, int64_t ms);

static void on_connection_closed(uv_handle_t *handle)
{
    struct connection_to_proxy *p = handle->data;
    struct proxy_client *c = p->client;
    buf_close(&p->in);
    mem_free(p);
    handle_closed(c);
}

static void drop(struct connection_to_proxy *p)
{
    if (p->closing)
        return;
    p->closing = true;
    p->client->connection = NULL;
    uv_close((uv_handle_t *)&p->pipe, on_connection_closed);
}

static void note_down(struct proxy_client *c)
{
    if (uv_now(c->loop) - c->up_at >= STEADY_MS) {
        c->again_ms = DIAL_MS_MIN;
        c->spawn_ms = SPAWN_MS_MIN;
        c->troubles = c->spawns = 0;
    }
    c->up = false;
    c->troubles++;
}

/* Was up, or tried to be. The last line of whoever calls it. */
static void lost(struct connection_to_proxy *p, const struct error *why)
{
    struct proxy_client *c = p->client;
    bool was_up = c->up;
    if (p->closing)
        return;
    drop(p);
    if (was_up)
        note_down(c);
    if (c->stopped != NULL) {
        end_when_over(c);
        return;
    }
    dial_later(c, was_up ? next_pause(&c->again_ms, AGAIN_MS_MAX)
                         : next_pause(&c->dial_ms, DIAL_MS_MAX));
    if (was_up && c->events->on_down != NULL)
        c->events->on_down(c, why, c->troubles > 1);
}

struct out {
    uv_write_t write;
    struct buf bytes;
};

static void on_written(uv_write_t *write, int status)
{
    struct out *o = write->data;
    struct connection_to_proxy *p = write->handle->data;
    struct error err;
    buf_close(&o->bytes);
    mem_free(o);
    if (status != 0) {
        error_set(&err, ERR_IO, "writing to the proxy: %s", uv_strerror(status));
        lost(p, &err);
    }
}

/* Takes the buffer. */
static void send_frames(struct proxy_client *c, struct buf *frames)
{
    struct connection_to_proxy *p = c->connection;
    struct out *o = NEW(struct out);
    o->bytes = *frames;
    o->write.data = o;
    uv_buf_t b = uv_buf_init(o->bytes.data, (unsigned)o->bytes.len);
    if (uv_write(&o->write, (uv_stream_t *)&p->pipe, &b, 1, on_written) == 0)
        return;
    buf_close(&o->bytes); /* reading will tell that it is broken */
    mem_free(o);
}

/* ---- telling */

static void frames_init(struct buf *out)
{
    buf_init(out, 3 * ((size_t)LIMIT_PROXY_STATE_BYTES + sizeof(uint32_t)));
}

static void put_settings(const struct proxy_client *c, struct buf *out)
{
    struct proxy_message m;
    struct error err;
    proxy_settings_write(&c->settings, proxy_message_begin(&m, "settings"));
    if (proxy_message_end(&m, out, &err) != 0)
        log_error("proxy not told its settings", "reason=%s", err.text);
}

static void put_all_routes(const struct proxy_client *c, struct buf *out)
{
    struct proxy_message m;
    struct error err;
    proxy_routes_write(&c->routes, proxy_message_begin(&m, "routes"));
    if (proxy_message_end(&m, out, &err) != 0)
        log_error("proxy not told its routes", "reason=%s", err.text);
}

static void tell_everything(struct proxy_client *c)
{
    struct buf out;
    frames_init(&out);
    put_settings(c, &out);
    if (c->has_routes)
        put_all_routes(c, &out);
    send_frames(c, &out);
}

static void tell_bare(struct proxy_client *c, const char *type)
{
    struct buf out;
    frames_init(&out);
    proxy_message_bare(&out, type);
    send_frames(c, &out);
}

/* ---- hearing */

static struct proxy_service_status read_service(const struct json *v)
{
    return (struct proxy_service_status){
        .port = (uint16_t)json_int(json_get(v, "port"), 0),
        .app = json_str(json_get(v, "app"), ""),
        .bound = str_eq(json_str(json_get(v, "state"), ""), "bound"),
        .why = json_str(json_get(v, "why"), ""),
        .wanted = (size_t)json_int(json_get(v, "wanted"), 0),
        .usable = (size_t)json_int(json_get(v, "usable"), 0),
    };
}

static int on_status(struct proxy_client *c, const struct json *v, struct error *err)
{
    const struct json *list = json_get(v, "services");
    struct proxy_service_status *services = mem_alloc(json_count(list) * sizeof(*services) + 1);
    struct proxy_status s = {.revision = json_int(json_get(v, "revision"), 0),
                             .stats_port = (uint16_t)json_int(json_get(v, "stats_port"), 0),
                             .stats_why = json_str(json_get(v, "stats_why"), ""),
                             .services = services};
    (void)err;
    JSON_EACH (it, list)
        services[s.n_services++] = read_service(it);
    if (c->events->on_status != NULL)
        c->events->on_status(c, &s);
    mem_free(services);
    return 0;
}

static int on_hello(struct proxy_client *c, const struct json *v, struct error *err)
{
    const char *version = json_str(json_get(v, "version"), "");
    if (proxy_hello_check(v, err) != 0)
        return -1;
    c->dial_ms = DIAL_MS_MIN;
    if (c->shutting_down) {
        tell_bare(c, "shutdown");
        return 0;
    }
    uv_timer_stop(&c->timer);
    if (!str_eq(version, c->version) && !c->replaced) {
        log_info("proxy of another version is replaced", "old=%s new=%s", version, c->version);
        c->replaced = true; /* once: if that fails, the old one serves on */
        start_proxy(c);
    }
    tell_everything(c);
    c->up = true;
    c->up_at = uv_now(c->loop);
    if (c->events->on_up != NULL)
        c->events->on_up(c);
    return 0;
}

static int on_moved(struct proxy_client *c, const struct json *v, struct error *err)
{
    (void)c;
    (void)v;
    return error_set(err, ERR_UNAVAILABLE, "another proxy has taken over");
}

static int on_error(struct proxy_client *c, const struct json *v, struct error *err)
{
    (void)c;
    return error_set(err, ERR_CONFLICT, "the proxy says: %s", json_str(json_get(v, "text"), ""));
}

static const struct {
    const char *type;
    int (*handle)(struct proxy_client *c, const struct json *v, struct error *err); /* -1: lost */
} messages[] = {
    {"hello", on_hello},
    {"status", on_status},
    {"moved", on_moved},
    {"error", on_error},
};

static int handle_frame(struct proxy_client *c, struct slice frame, struct error *err)
{
    const char *type;
    struct json *v = proxy_message_parse(frame, &type, err);
    int rc = v == NULL ? -1 : 0;
    for (size_t i = 0; rc == 0 && i < sizeof(messages) / sizeof(messages[0]); i++)
        if (str_eq(messages[i].type, type)) /* others are of a later proxy */
            rc = messages[i].handle(c, v, err);
    json_free(v);
    return rc;
}

static void handle_frames(struct connection_to_proxy *p)
{
    struct error err;
    struct slice frame;
    while (!p->closing) { /* events may stop the client */
        if (proxy_frame_first(&p->in, &frame, &err) != 0) {
            lost(p, &err);
            return;
        }
        if (frame.len == 0)
            return;
        if (handle_frame(p->client, frame, &err) != 0) {
            lost(p, &err);
            return;
        }
        proxy_frame_drop(&p->in, frame);
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    struct connection_to_proxy *p = handle->data;
    (void)suggested;
    *out = uv_buf_init(p->chunk, sizeof(p->chunk));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *chunk)
{
    struct connection_to_proxy *p = stream->data;
    struct error err;
    if (n < 0) {
        error_set(&err, ERR_UNAVAILABLE, "the proxy hung up");
        lost(p, &err);
        return;
    }
    buf_put(&p->in, chunk->base, (size_t)n);
    handle_frames(p);
}

/* ---- dialing */

static void say_hello(struct proxy_client *c)
{
    struct buf out;
    frames_init(&out);
    proxy_message_hello(&out, c->version, "node");
    send_frames(c, &out);
}

static void start_if_nobody_is_there(struct proxy_client *c)
{
    if (list_empty(&c->children) && uv_now(c->loop) >= c->spawn_at && c->stopped == NULL)
        start_proxy(c);
}

static void on_silence(uv_timer_t *timer)
{
    struct proxy_client *c = timer->data;
    struct ucred peer = {0};
    socklen_t len = sizeof(peer);
    uv_os_fd_t fd;
    if (uv_fileno((uv_handle_t *)&c->connection->pipe, &fd) == 0)
        (void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len);
    if (c->events->on_silent != NULL)
        c->events->on_silent(c, peer.pid);
}

static void on_connected(uv_connect_t *connect, int status)
{
    struct connection_to_proxy *p = connect->data;
    struct error err;
    if (p->closing)
        return;
    if (status != 0) {
        start_if_nobody_is_there(p->client);
        error_set(&err, ERR_UNAVAILABLE, "dialing the proxy: %s", uv_strerror(status));
        lost(p, &err);
        return;
    }
    if (!p->client->shutting_down)
        uv_timer_start(&p->client->timer, on_silence, (uint64_t)p->client->silence_ms, 0);
    say_hello(p->client);
    uv_read_start((uv_stream_t *)&p->pipe, on_alloc, on_read);
}

static void on_timer(uv_timer_t *timer)
{
    struct proxy_client *c = timer->data;
    struct connection_to_proxy *p = NEW(struct connection_to_proxy);
    ASSERT(c->connection == NULL);
    p->client = c;
    p->pipe.data = p->connect.data = p;
    buf_init(&p->in, sizeof(uint32_t) + LIMIT_PROXY_STATE_BYTES + READ_BYTES);
    c->connection = p;
    c->handles++;
    uv_pipe_init(c->loop, &p->pipe, 0);
    uv_pipe_connect(&p->connect, &p->pipe, c->socket_path, on_connected);
}

static void dial_later(struct proxy_client *c, int64_t ms)
{
    uv_timer_start(&c->timer, on_timer, (uint64_t)ms, 0);
}

/* ---- life */

static char **copy_command(const char *const *command)
{
    size_t n = 0;
    while (command[n] != NULL)
        n++;
    char **copy = mem_alloc((n + 1) * sizeof(char *));
    for (size_t i = 0; i <= n; i++)
        copy[i] = mem_strdup(command[i]);
    return copy;
}

/* Checks them, and makes the strings ours. */
static int copy_settings(const struct proxy_settings *s, struct arena *arena,
                         struct proxy_settings *out, struct error *err)
{
    struct buf text;
    struct json_writer w;
    buf_init(&text, LIMIT_PROXY_STATE_BYTES);
    json_begin(&w, &text);
    json_object(&w);
    proxy_settings_write(s, &w);
    json_object_end(&w);
    struct json *v = json_parse(buf_slice(&text), err);
    int rc = v == NULL ? -1 : proxy_settings_parse(v, arena, out, err);
    json_free(v);
    buf_close(&text);
    if (rc != 0)
        arena_close(arena);
    return rc;
}

static char *path_in(const char *folder, const char *name)
{
    struct buf b;
    buf_init(&b, 8192);
    buf_printf(&b, "%s/%s", folder, name);
    return buf_take(&b, NULL);
}

int proxy_client_start(struct proxy_client *c, uv_loop_t *loop,
                       const struct proxy_client_options *options,
                       const struct proxy_client_events *events, struct error *err)
{
    static const size_t path_max = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;
    size_t path_bytes = strlen(options->folder) + strlen("/proxy.sock");
    struct proxy_settings settings;
    struct arena arena = {0};
    if (path_bytes > path_max)
        return error_set(err, ERR_INVALID,
                         "data: a socket's path has at most %zu bytes, %.80s…/proxy.sock has %zu",
                         path_max, options->folder, path_bytes);
    if (copy_settings(&options->settings, &arena, &settings, err) != 0)
        return -1;
    *c = (struct proxy_client){
        .data = c->data,
        .loop = loop,
        .events = events,
        .folder = mem_strdup(options->folder),
        .version = mem_strdup(options->version),
        .program = mem_strdup(options->program != NULL ? options->program : "/proc/self/exe"),
        .socket_path = path_in(options->folder, "proxy.sock"),
        .command = copy_command(options->command),
        .settings = settings,
        .settings_arena = arena,
        .silence_ms = options->silence_ms > 0 ? options->silence_ms : SILENCE_MS,
        .dial_ms = DIAL_MS_MIN,
        .again_ms = DIAL_MS_MIN,
        .spawn_ms = SPAWN_MS_MIN,
    };
    proxy_routes_init(&c->routes);
    list_init(&c->children);
    uv_timer_init(loop, &c->timer);
    c->timer.data = c;
    c->handles = 1;
    dial_later(c, 0);
    return 0;
}

int proxy_client_settings(struct proxy_client *c, const struct proxy_settings *settings,
                          struct error *err)
{
    struct arena arena = {0};
    struct buf out;
    ASSERT(c->stopped == NULL);
    if (copy_settings(settings, &arena, &c->settings, err) != 0)
        return -1;
    arena_close(&c->settings_arena);
    c->settings_arena = arena;
    if (c->up) {
        frames_init(&out);
        put_settings(c, &out);
        send_frames(c, &out);
    }
    return 0;
}

static int tell_change(struct proxy_client *c, const struct proxy_change *change, struct error *err)
{
    struct proxy_message m;
    struct buf out;
    frames_init(&out);
    proxy_change_write(change, proxy_message_begin(&m, "routes"));
    if (proxy_message_end(&m, &out, err) != 0) {
        buf_close(&out);
        return -1;
    }
    send_frames(c, &out);
    return 0;
}

int proxy_client_routes(struct proxy_client *c, struct slice message, struct error *err)
{
    struct proxy_change change;
    ASSERT(c->stopped == NULL);
    struct json *v = json_parse(message, err);
    if (v == NULL)
        return -1;
    int rc = proxy_change_parse(v, &change, err);
    json_free(v);
    if (rc != 0)
        return -1;
    bool first = !c->has_routes;
    rc = proxy_routes_reduce(&c->routes, &change, err);
    if (rc == 0 && c->up && !first)
        rc = tell_change(c, &change, err);
    if (rc == 0) {
        proxy_routes_apply(&c->routes, &change);
        c->has_routes = true;
    }
    if (rc == 0 && c->up && first)
        tell_everything(c); /* the proxy may know others, from before */
    proxy_change_close(&change);
    return rc;
}

static void on_timer_closed(uv_handle_t *handle)
{
    handle_closed(handle->data);
}

static void end_client(struct proxy_client *c)
{
    if (c->connection != NULL)
        drop(c->connection);
    LIST_EACH (it, &c->children)
        let_go_of_child(LIST_ENTRY(it, struct child, link));
    if (!uv_is_closing((uv_handle_t *)&c->timer))
        uv_close((uv_handle_t *)&c->timer, on_timer_closed);
}

void proxy_client_stop(struct proxy_client *c, void (*stopped)(struct proxy_client *c))
{
    ASSERT(c->stopped == NULL && stopped != NULL);
    c->stopped = stopped;
    end_client(c);
}

/* While shutting down: the proxy has hung up, and if it was our child, has ended. */
static void end_when_over(struct proxy_client *c)
{
    if (c->connection == NULL && list_empty(&c->children))
        end_client(c);
}

static void on_shutdown_late(uv_timer_t *timer)
{
    log_warn("proxy does not end", "waited_ms=%d", SHUTDOWN_MS);
    end_client(timer->data);
}

void proxy_client_shutdown(struct proxy_client *c, void (*stopped)(struct proxy_client *c))
{
    ASSERT(c->stopped == NULL && stopped != NULL);
    c->stopped = stopped;
    c->shutting_down = true;
    if (c->connection == NULL)
        on_timer(&c->timer); /* it may be there all the same */
    uv_timer_start(&c->timer, on_shutdown_late, SHUTDOWN_MS, 0);
    if (c->up)
        tell_bare(c, "shutdown");
}
