#include "net/tcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/private.h"

#define BACKLOG 1024
#define PEER_SILENT_MS 30000     /* unacknowledged bytes for so long: the other machine is gone */
#define UNSENT_BYTES (256 << 10) /* in the system: more would only be ahead of what is urgent */
#define KEEPALIVE_S 60           /* probes on idle connections, for the same reason */

/* ---- streams over TCP and Unix sockets */
struct plain {
    struct stream stream;
    union {
        uv_handle_t handle;
        uv_stream_t uv;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    };
    uv_connect_t connect;
    uv_write_t write;
    uv_shutdown_t shutdown;
    struct dial *dial; /* while it is being dialled */
    bool ended;        /* on_end has fired */
};

static struct plain *plain_of(struct stream *s)
{
    return LIST_ENTRY(s, struct plain, stream);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    (void)suggested;
    *out = uv_buf_init(loop_of(handle)->scratch, SCRATCH_BYTES);
}

static void tell_end(struct plain *p, int code)
{
    struct error err;
    p->ended = true;
    p->stream.reading = false;
    uv_read_stop(&p->uv);
    if (code != UV_EOF)
        error_set_uv(&err, ERR_IO, code, "reading from %s", p->stream.remote);
    p->stream.events->on_end(&p->stream, code == UV_EOF ? NULL : &err);
}

static void on_read(uv_stream_t *uv, ssize_t n, const uv_buf_t *buf)
{
    struct plain *p = uv->data;
    if (n > 0)
        p->stream.events->on_read(&p->stream, (struct slice){buf->base, (size_t)n});
    else if (n < 0)
        tell_end(p, (int)n);
}

static void plain_read_start(struct stream *s)
{
    struct plain *p = plain_of(s);
    if (!p->ended)
        uv_read_start(&p->uv, on_alloc, on_read);
}

static void plain_read_stop(struct stream *s)
{
    uv_read_stop(&plain_of(s)->uv);
}

static int plain_try_write(struct stream *s, const uv_buf_t *bufs, unsigned n)
{
    return uv_try_write(&plain_of(s)->uv, bufs, n);
}

static void on_written(uv_write_t *w, int code)
{
    struct plain *p = w->handle->data;
    struct error err;
    p->stream.writing = false;
    if (uv_is_closing(&p->handle))
        return;
    if (code != 0)
        error_set_uv(&err, ERR_IO, code, "writing to %s", p->stream.remote);
    p->stream.events->on_written(&p->stream, code != 0 ? &err : NULL);
}

static int plain_write(struct stream *s, const uv_buf_t *bufs, unsigned n)
{
    struct plain *p = plain_of(s);
    return uv_write(&p->write, &p->uv, bufs, n, on_written);
}

/* Should it fail, the connection is broken, and reading says so. */
static void plain_end(struct stream *s)
{
    struct plain *p = plain_of(s);
    uv_shutdown(&p->shutdown, &p->uv, NULL);
}

static void on_plain_closed(uv_handle_t *handle)
{
    struct plain *p = handle->data;
    if (p->stream.closed != NULL)
        p->stream.closed(&p->stream);
    mem_free(p);
}

static void plain_close(struct stream *s)
{
    uv_close(&plain_of(s)->handle, on_plain_closed);
}

static const struct stream_carrier plain_carrier = {
    .scheme = "http",
    .read_start = plain_read_start,
    .read_stop = plain_read_stop,
    .try_write = plain_try_write,
    .write = plain_write,
    .end = plain_end,
    .close = plain_close,
};

static struct plain *plain_new(void)
{
    struct plain *p = NEW(struct plain);
    p->stream.carrier = &plain_carrier;
    return p;
}

static struct plain *plain_new_tcp(struct loop *loop)
{
    struct plain *p = plain_new();
    uv_tcp_init(&loop->uv, &p->tcp); /* makes no socket yet: cannot fail */
    p->handle.data = p;
    return p;
}

static struct plain *plain_new_pipe(struct loop *loop)
{
    struct plain *p = plain_new();
    uv_pipe_init(&loop->uv, &p->pipe, 0);
    p->handle.data = p;
    str_copy(p->stream.remote, sizeof(p->stream.remote), "unix");
    return p;
}

static uint16_t text_of_address(const struct sockaddr_storage *a, char text[STREAM_ADDRESS_SIZE])
{
    if (a->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)a;
        uv_ip6_name(in6, text, STREAM_ADDRESS_SIZE);
        return ntohs(in6->sin6_port);
    }
    const struct sockaddr_in *in = (const struct sockaddr_in *)a;
    uv_ip4_name(in, text, STREAM_ADDRESS_SIZE);
    return ntohs(in->sin_port);
}

/* What is known once it is connected, and what every TCP connection of ours is set to. */
static void plain_settle_tcp(struct plain *p)
{
    struct sockaddr_storage peer = {0}, own = {0};
    int len = sizeof(peer), own_len = sizeof(own), fd;
    unsigned silent_ms = PEER_SILENT_MS, unsent = UNSENT_BYTES;
    char unused[STREAM_ADDRESS_SIZE];

    uv_tcp_nodelay(&p->tcp, 1);
    uv_tcp_keepalive(&p->tcp, 1, KEEPALIVE_S);
    if (uv_fileno(&p->handle, &fd) == 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &silent_ms, sizeof(silent_ms));
        setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
    }
    if (uv_tcp_getpeername(&p->tcp, (struct sockaddr *)&peer, &len) == 0)
        p->stream.remote_port = text_of_address(&peer, p->stream.remote);
    if (uv_tcp_getsockname(&p->tcp, (struct sockaddr *)&own, &own_len) == 0)
        p->stream.local_port = text_of_address(&own, unused);
}

static bool parse_address(const char *text, uint16_t port, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof(*out));
    return uv_ip4_addr(text, port, (struct sockaddr_in *)out) == 0 ||
           uv_ip6_addr(text, port, (struct sockaddr_in6 *)out) == 0;
}

static socklen_t address_len(const struct sockaddr_storage *a)
{
    return a->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

/* ---- listening */
static int listen_error(const char *address, uint16_t port, int code, struct error *err)
{
    switch (code) {
    case EADDRINUSE:
        return error_set(err, ERR_CONFLICT,
                         "listening on %s:%u: the port is in use; stop what uses it, or pick "
                         "another one",
                         address, port);
    case EADDRNOTAVAIL:
        return error_set(err, ERR_INVALID,
                         "listening on %s:%u: no network interface of this machine has that "
                         "address",
                         address, port);
    case EACCES:
        return error_set(err, ERR_INVALID,
                         "listening on %s:%u: not allowed; ports below 1024 need root or "
                         "CAP_NET_BIND_SERVICE",
                         address, port);
    default:
        return error_set(err, ERR_IO, "listening on %s:%u: %s", address, port, strerror(code));
    }
}

/* A socket of its own, before libuv has it: so a failure leaves no handle that wants closing. */
static int open_listening(const char *address, uint16_t port, int *fd_out, struct error *err)
{
    struct sockaddr_storage a;
    int on = 1;
    if (!parse_address(address, port, &a))
        return error_set(err, ERR_INVALID,
                         "listening: got address %s, need a numeric one like "
                         "127.0.0.1 or ::1",
                         address);
    int fd = socket(a.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return listen_error(address, port, errno, err);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (a.ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&a, address_len(&a)) != 0 || listen(fd, BACKLOG) != 0) {
        listen_error(address, port, errno, err);
        close(fd);
        return -1;
    }
    *fd_out = fd;
    return 0;
}

/* Out of file descriptors and the like are logged by nobody: libuv drops the connection and the
 * client sees it close; the limit on connections lies below that on descriptors. */
static void on_connection(uv_stream_t *server, int code)
{
    struct listener *l = server->data;
    if (code != 0)
        return;
    struct plain *p = plain_new_tcp(loop_of((uv_handle_t *)server));
    if (uv_accept(server, &p->uv) != 0) {
        stream_close(&p->stream, NULL);
        return;
    }
    plain_settle_tcp(p);
    l->on_stream(l, &p->stream);
}

int listener_start(struct listener *l, struct loop *loop, const char *address, uint16_t port,
                   void (*on_stream)(struct listener *l, struct stream *s), struct error *err)
{
    struct sockaddr_storage own = {0};
    int fd = -1, len = sizeof(own);
    char unused[STREAM_ADDRESS_SIZE];

    if (open_listening(address, port, &fd, err) != 0)
        return -1;
    *l = (struct listener){.data = l->data, .on_stream = on_stream};
    uv_tcp_init(&loop->uv, &l->tcp);
    l->tcp.data = l;
    int code = uv_tcp_open(&l->tcp, fd);
    ASSERT(code == 0); /* it is a fresh socket */
    code = uv_listen((uv_stream_t *)&l->tcp, BACKLOG, on_connection);
    ASSERT(code == 0); /* it is listening already */
    uv_tcp_getsockname(&l->tcp, (struct sockaddr *)&own, &len);
    l->port = text_of_address(&own, unused);
    return 0;
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct listener *l = handle->data;
    l->stopped(l);
}

void listener_stop(struct listener *l, listener_cb *stopped)
{
    ASSERT(l->stopped == NULL && stopped != NULL);
    l->stopped = stopped;
    uv_close((uv_handle_t *)&l->tcp, on_listener_closed);
}

/* ---- dialling
 *
 *     looking up --addresses--> trying the first --refused--> trying the next … --> done
 *
 * Each try has a stream of its own. The look-up runs on libuv's pool and may take as long as the
 * resolver likes; a canceled dial leaves it behind. */
struct lookup {
    uv_getaddrinfo_t request;
    struct dial *dial; /* NULL: left behind */
};

static void finish(struct dial *d, struct stream *s)
{
    if (d->addresses != NULL)
        uv_freeaddrinfo(d->addresses);
    d->addresses = d->next = NULL;
    d->done(d, s, s != NULL ? NULL : &d->failure);
}

static bool try_next(struct dial *d);

static void on_try_closed(struct stream *s)
{
    struct dial *d = s->data;
    d->trying = NULL;
    if (d->canceled || !try_next(d))
        finish(d, NULL);
}

static void on_connect(uv_connect_t *request, int code)
{
    struct plain *p = request->handle->data;
    struct dial *d = p->dial;
    if (uv_is_closing(&p->handle))
        return; /* canceled: on_try_closed follows */
    if (code != 0) {
        error_set_uv(&d->failure, ERR_UNAVAILABLE, code, "connecting to %s", d->where);
        p->stream.data = d;
        stream_close(&p->stream, on_try_closed);
        return;
    }
    d->trying = NULL;
    p->dial = NULL;
    if (p->handle.type == UV_TCP)
        plain_settle_tcp(p);
    finish(d, &p->stream);
}

/* libuv tells almost every failure later; the rest is told the same way, by closing. */
static void try_address(struct dial *d, const struct sockaddr *address)
{
    struct plain *p = plain_new_tcp(d->loop);
    p->dial = d;
    d->trying = p;
    int code = uv_tcp_connect(&p->connect, &p->tcp, address, on_connect);
    if (code == 0)
        return;
    error_set_uv(&d->failure, ERR_UNAVAILABLE, code, "connecting to %s", d->where);
    p->stream.data = d;
    stream_close(&p->stream, on_try_closed);
}

static bool try_next(struct dial *d)
{
    if (d->next == NULL)
        return false;
    const struct sockaddr *address = d->next->ai_addr;
    d->next = d->next->ai_next;
    try_address(d, address);
    return true;
}

static void on_lookup(uv_getaddrinfo_t *request, int code, struct addrinfo *found)
{
    struct lookup *lookup = request->data;
    struct dial *d = lookup->dial;
    mem_free(lookup);
    if (d == NULL) {
        uv_freeaddrinfo(found);
        return;
    }
    d->lookup = NULL;
    d->addresses = d->next = found;
    if (code != 0)
        error_set_uv(&d->failure, ERR_UNAVAILABLE, code, "looking up the address of %s", d->where);
    if (d->canceled || !try_next(d))
        finish(d, NULL);
}

static int look_up(struct dial *d, const char *host, uint16_t port, struct error *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    char service[8];
    snprintf(service, sizeof(service), "%u", port);
    struct lookup *lookup = NEW(struct lookup);
    lookup->request.data = lookup;
    lookup->dial = d;
    int code = uv_getaddrinfo(&d->loop->uv, &lookup->request, on_lookup, host, service, &hints);
    if (code != 0) {
        mem_free(lookup);
        return error_set_uv(err, ERR_INVALID, code, "looking up the address of %s", d->where);
    }
    d->lookup = lookup;
    return 0;
}

static void dial_begin(struct dial *d, struct loop *loop, dial_cb *done)
{
    *d = (struct dial){.data = d->data, .loop = loop, .done = done};
    error_set(&d->failure, ERR_CANCELED, "connecting: stopped");
}

int dial_tcp(struct dial *d, struct loop *loop, const char *host, uint16_t port, dial_cb *done,
             struct error *err)
{
    struct sockaddr_storage address;
    dial_begin(d, loop, done);
    snprintf(d->where, sizeof(d->where), strchr(host, ':') != NULL ? "[%s]:%u" : "%s:%u", host,
             port);
    if (!parse_address(host, port, &address))
        return look_up(d, host, port, err);
    try_address(d, (struct sockaddr *)&address);
    return 0;
}

int dial_unix(struct dial *d, struct loop *loop, const char *path, dial_cb *done, struct error *err)
{
    struct sockaddr_un limit;
    if (strlen(path) >= sizeof(limit.sun_path))
        return error_set(err, ERR_INVALID,
                         "socket %s: the path is too long, need at most %zu bytes", path,
                         sizeof(limit.sun_path) - 1);
    dial_begin(d, loop, done);
    str_copy(d->where, sizeof(d->where), path);
    d->trying = plain_new_pipe(loop);
    d->trying->dial = d;
    uv_pipe_connect(&d->trying->connect, &d->trying->pipe, path, on_connect);
    return 0;
}

static void on_canceled(uv_handle_t *handle)
{
    struct dial *d = handle->data;
    mem_free(handle);
    finish(d, NULL);
}

/* Nothing is open while a name is looked up: a timer that is closed at once brings `done` later. */
static void leave_lookup_behind(struct dial *d)
{
    uv_timer_t *later = NEW(uv_timer_t);
    d->lookup->dial = NULL;
    uv_cancel((uv_req_t *)&d->lookup->request);
    d->lookup = NULL;
    uv_timer_init(&d->loop->uv, later);
    later->data = d;
    uv_close((uv_handle_t *)later, on_canceled);
}

void dial_cancel(struct dial *d)
{
    if (d->canceled)
        return;
    d->canceled = true;
    error_set(&d->failure, ERR_CANCELED, "connecting to %s: stopped", d->where);
    if (d->lookup != NULL) {
        leave_lookup_behind(d);
    } else if (d->over.secure != NULL) {
        d->over.cancel(d);
    } else if (d->trying != NULL && !uv_is_closing(&d->trying->handle)) {
        d->trying->stream.data = d;
        stream_close(&d->trying->stream, on_try_closed);
    }
}
