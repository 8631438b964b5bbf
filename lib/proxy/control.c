#include "proxy/control.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#define BACKLOG 16
#define READ_BYTES 65536
#define PEERS_MAX 32

enum peer_role { PEER_NEW, PEER_NODE, PEER_SUCCESSOR };

struct proxy_peer {
    uv_pipe_t pipe;
    struct list link;
    struct proxy_control *control;
    enum peer_role role;
    struct ucred who;
    struct buf in;
    bool closing;
    char chunk[READ_BYTES];
};

/* ---- hanging up */

static void finish_stop(struct proxy_control *c)
{
    if (c->stopped != NULL && list_empty(&c->peers) && !c->listening)
        c->stopped(c);
}

static void on_peer_closed(uv_handle_t *handle)
{
    struct proxy_peer *p = handle->data;
    struct proxy_control *c = p->control;
    list_remove(&p->link);
    c->n_peers--;
    buf_close(&p->in);
    mem_free(p);
    finish_stop(c);
}

static void hang_up(struct proxy_peer *p)
{
    if (p->closing)
        return;
    p->closing = true;
    if (p->control->node == p)
        p->control->node = NULL;
    uv_close((uv_handle_t *)&p->pipe, on_peer_closed);
    if (p->control->successor == p) {
        p->control->successor = NULL;
        p->control->events->on_successor_gone(p->control);
    }
}

/* ---- writing */

struct out {
    uv_write_t write;
    struct buf bytes;
};

static void on_written(uv_write_t *write, int status)
{
    struct out *o = write->data;
    struct proxy_peer *p = write->handle->data;
    buf_close(&o->bytes);
    mem_free(o);
    if (status != 0)
        hang_up(p);
}

static void send_bytes(struct proxy_peer *p, struct slice bytes)
{
    if (p->closing)
        return;
    if (uv_stream_get_write_queue_size((uv_stream_t *)&p->pipe) > LIMIT_PROXY_STATE_BYTES) {
        log_warn("proxy's peer does not read", "hung up");
        hang_up(p);
        return;
    }
    struct out *o = NEW(struct out);
    buf_init(&o->bytes, bytes.len);
    buf_put_slice(&o->bytes, bytes);
    o->write.data = o;
    uv_buf_t b = uv_buf_init(o->bytes.data, (unsigned)o->bytes.len);
    if (uv_write(&o->write, (uv_stream_t *)&p->pipe, &b, 1, on_written) != 0) {
        buf_close(&o->bytes);
        mem_free(o);
        hang_up(p);
    }
}

/* What is written goes out before the end does, as far as the socket takes it at once. */
static void refuse(struct proxy_peer *p, const struct error *why)
{
    struct buf out;
    log_warn("proxy turned a peer away", "reason=%s", why->text);
    buf_init(&out, LIMIT_PROXY_STATE_BYTES);
    proxy_message_error(&out, why);
    send_bytes(p, buf_slice(&out));
    buf_close(&out);
    hang_up(p);
}

/* ---- messages */

static void greet(struct proxy_peer *p)
{
    struct buf out;
    buf_init(&out, LIMIT_PROXY_STATE_BYTES);
    proxy_message_hello(&out, p->control->version, "proxy");
    send_bytes(p, buf_slice(&out));
    buf_close(&out);
}

static int on_hello(struct proxy_peer *p, const struct json *v, struct error *err)
{
    struct proxy_control *c = p->control;
    if (proxy_hello_check(v, err) != 0)
        return -1;
    greet(p);
    if (str_eq(json_str(json_get(v, "as"), ""), "successor")) {
        p->role = PEER_SUCCESSOR;
        return 0;
    }
    if (c->node != NULL) {
        error_set(err, ERR_CONFLICT,
                  "another node, process %d, has taken this proxy: of two nodes on one data folder "
                  "end one",
                  (int)p->who.pid);
        refuse(c->node, err);
    }
    p->role = PEER_NODE;
    c->node = p;
    c->events->on_node(c);
    return 0;
}

static int on_settings(struct proxy_peer *p, const struct json *v, struct error *err)
{
    return p->control->events->on_settings(p->control, v, err);
}

static int on_routes(struct proxy_peer *p, const struct json *v, struct error *err)
{
    return p->control->events->on_routes(p->control, v, err);
}

static int on_shutdown(struct proxy_peer *p, const struct json *v, struct error *err)
{
    (void)v;
    (void)err;
    p->control->events->on_shutdown(p->control);
    return 0;
}

static int on_take_over(struct proxy_peer *p, const struct json *v, struct error *err)
{
    (void)v;
    if (p->control->successor != NULL)
        return error_set(err, ERR_CONFLICT, "another successor is taking over");
    p->control->successor = p;
    p->control->events->on_take_over(p->control);
    return 0;
}

static int on_taken(struct proxy_peer *p, const struct json *v, struct error *err)
{
    (void)v;
    if (p->control->successor != p)
        return error_set(err, ERR_CONFLICT, "taken without take_over");
    p->control->events->on_taken(p->control);
    return 0;
}

static const struct {
    const char *type;
    enum peer_role from;
    int (*handle)(struct proxy_peer *p, const struct json *v, struct error *err);
} messages[] = {
    {"hello", PEER_NEW, on_hello},
    {"settings", PEER_NODE, on_settings},
    {"routes", PEER_NODE, on_routes},
    {"shutdown", PEER_NODE, on_shutdown},
    {"take_over", PEER_SUCCESSOR, on_take_over},
    {"taken", PEER_SUCCESSOR, on_taken},
};

static int handle(struct proxy_peer *p, const char *type, const struct json *v, struct error *err)
{
    char quoted[60];
    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++)
        if (str_eq(messages[i].type, type) && messages[i].from == p->role)
            return messages[i].handle(p, v, err);
    return error_set(err, ERR_INVALID, "message %s does not belong here",
                     str_quote(quoted, sizeof(quoted), type, strlen(type)));
}

static int handle_frame(struct proxy_peer *p, struct slice frame, struct error *err)
{
    const char *type;
    struct json *v = proxy_message_parse(frame, &type, err);
    if (v == NULL)
        return -1;
    int rc = handle(p, type, v, err);
    json_free(v);
    return rc;
}

static void handle_frames(struct proxy_peer *p)
{
    struct error err;
    struct slice frame;
    while (!p->closing) {
        if (proxy_frame_first(&p->in, &frame, &err) != 0) {
            refuse(p, &err);
            return;
        }
        if (frame.len == 0)
            return;
        if (handle_frame(p, frame, &err) != 0)
            refuse(p, &err);
        proxy_frame_drop(&p->in, frame);
    }
}

/* ---- peers */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    struct proxy_peer *p = handle->data;
    (void)suggested;
    *out = uv_buf_init(p->chunk, sizeof(p->chunk));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *chunk)
{
    struct proxy_peer *p = stream->data;
    if (n < 0) {
        hang_up(p);
        return;
    }
    buf_put(&p->in, chunk->base, (size_t)n);
    handle_frames(p);
}

/* Ourselves, or root. */
static bool may_speak(struct proxy_peer *p)
{
    socklen_t size = sizeof(p->who);
    uv_os_fd_t fd;
    return uv_fileno((uv_handle_t *)&p->pipe, &fd) == 0 &&
           getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &p->who, &size) == 0 &&
           (p->who.uid == geteuid() || p->who.uid == 0);
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct proxy_control *c = listener->data;
    if (status != 0)
        return;
    struct proxy_peer *p = NEW(struct proxy_peer);
    p->control = c;
    p->pipe.data = p;
    buf_init(&p->in, sizeof(uint32_t) + LIMIT_PROXY_STATE_BYTES + READ_BYTES);
    list_push(&c->peers, &p->link);
    c->n_peers++;
    uv_pipe_init(listener->loop, &p->pipe, 0);
    if (uv_accept(listener, (uv_stream_t *)&p->pipe) != 0 || c->n_peers > PEERS_MAX ||
        !may_speak(p) || uv_read_start((uv_stream_t *)&p->pipe, on_alloc, on_read) != 0)
        hang_up(p);
}

/* ---- life */

int proxy_control_bind(const char *path, int *fd_out, struct error *err)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(a.sun_path))
        return error_set(err, ERR_INVALID, "%.80s…: the path has %zu bytes, a socket's at most %zu",
                         path, strlen(path), sizeof(a.sun_path) - 1);
    str_copy(a.sun_path, sizeof(a.sun_path), path);
    unlink(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return error_set(err, ERR_IO, "a socket: %s", strerror(errno));
    mode_t mask = umask(0077);
    int rc = bind(fd, (struct sockaddr *)&a, sizeof(a));
    umask(mask);
    if (rc != 0 || listen(fd, BACKLOG) != 0) {
        error_set(err, ERR_IO, "listening on %s: %s", path, strerror(errno));
        close(fd);
        return -1;
    }
    *fd_out = fd;
    return 0;
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct proxy_control *c = handle->data;
    c->listening = false;
    finish_stop(c);
}

int proxy_control_start(struct proxy_control *c, uv_loop_t *loop, int fd, const char *version,
                        const struct proxy_control_events *events, struct error *err)
{
    *c = (struct proxy_control){.data = c->data, .version = version, .events = events};
    list_init(&c->peers);
    uv_pipe_init(loop, &c->listener, 0);
    c->listener.data = c;
    int rc = uv_pipe_open(&c->listener, fd);
    if (rc == 0)
        rc = uv_listen((uv_stream_t *)&c->listener, BACKLOG, on_connection);
    if (rc != 0) {
        uv_close((uv_handle_t *)&c->listener, NULL);
        return error_set(err, ERR_IO, "the control socket: %s", uv_strerror(rc));
    }
    c->listening = true;
    return 0;
}

void proxy_control_stop(struct proxy_control *c, const char *farewell,
                        void (*stopped)(struct proxy_control *c))
{
    struct buf out;
    ASSERT(c->stopped == NULL && stopped != NULL);
    c->stopped = stopped;
    if (c->node != NULL && farewell != NULL) {
        buf_init(&out, LIMIT_PROXY_STATE_BYTES);
        proxy_message_bare(&out, farewell);
        send_bytes(c->node, buf_slice(&out));
        buf_close(&out);
    }
    LIST_EACH (it, &c->peers)
        hang_up(LIST_ENTRY(it, struct proxy_peer, link));
    uv_close((uv_handle_t *)&c->listener, on_listener_closed);
}

bool proxy_control_has_node(const struct proxy_control *c)
{
    return c->node != NULL;
}

void proxy_control_tell_node(struct proxy_control *c, struct slice frames)
{
    if (c->node != NULL)
        send_bytes(c->node, frames);
}

static int descriptor(const uv_pipe_t *pipe)
{
    uv_os_fd_t fd;
    return uv_fileno((const uv_handle_t *)pipe, &fd) == 0 ? fd : -1;
}

int proxy_control_successor(const struct proxy_control *c)
{
    return c->successor != NULL ? descriptor(&c->successor->pipe) : -1;
}

int proxy_control_fd(const struct proxy_control *c)
{
    return descriptor(&c->listener);
}

void proxy_control_refuse_successor(struct proxy_control *c, const struct error *why)
{
    if (c->successor != NULL)
        refuse(c->successor, why);
}
