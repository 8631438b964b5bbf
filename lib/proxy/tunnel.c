/* One client's connection and the backend's.
 *
 *     WAITING <---> CONNECTING ---> OPEN
 *         \              |           |
 *          +-------------+-----------+---> DEAD
 *
 * Each direction: read once, write at once; what the other end does not take is held, and nothing
 * more is read until it is gone, so a tunnel holds at most one buffer a direction. An end of file
 * is passed on by ending the other side's writing only. A reset is passed on as a reset, after
 * what was read before it. */
#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "proxy/private.h"

#define ROUNDS_MAX 8   /* reads of one direction before others have their turn */
#define ATTEMPTS_MAX 8 /* backends that refuse at once, before others have their turn */
#define RETRY_MS 50    /* after trouble of our own: no descriptor, no local port */
#define QUIET_MS 250   /* without a byte: between two requests, most likely */

/* ---- ends and death */

static void end_close(struct tunnel_end *end)
{
    if (end->fd >= 0)
        close(end->fd);
    end->fd = -1;
    mem_free(end->held);
    end->held = NULL;
}

static void reset_on_close(int fd)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

static void move_to_list(struct tunnel *t, struct list *list)
{
    list_remove(&t->link);
    list_push(list, &t->link);
}

/* Whoever let go of the backend has set it to NULL. */
static void end_tunnel(struct tunnel *t)
{
    struct forwarder *f = t->worker->forwarder;
    ASSERT(t->state != TUNNEL_DEAD);
    pthread_mutex_lock(&f->lock);
    if (t->backend != NULL && t->state == TUNNEL_CONNECTING)
        backend_spared(t->backend, t->worker->now);
    else if (t->backend != NULL)
        backend_release(t->backend);
    service_leave(t->service);
    pthread_mutex_unlock(&f->lock);

    end_close(&t->client);
    end_close(&t->server);
    t->backend = NULL;
    t->state = TUNNEL_DEAD;
    move_to_list(t, &t->worker->dead);
    atomic_fetch_sub(&t->worker->load, 1);
    atomic_fetch_sub(&f->connections, 1);
}

void tunnel_reset(struct tunnel *t)
{
    reset_on_close(t->client.fd);
    reset_on_close(t->server.fd);
    end_tunnel(t);
}

void tunnel_free(struct tunnel *t)
{
    ASSERT(t->state == TUNNEL_DEAD);
    mem_free(t);
}

/* ---- passing on */

/* Keeps what `to` does not take in from->held. */
static void give(struct tunnel_end *from, struct tunnel_end *to, const uint8_t *p, size_t len)
{
    ssize_t n = send(to->fd, p, len, MSG_NOSIGNAL);
    if (n == (ssize_t)len)
        return;
    to->writable = false;
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        to->gone = true; /* what it still said before is read to the end */
        to->readable = to->closing = true;
        return;
    }
    size_t taken = n > 0 ? (size_t)n : 0;
    from->held = mem_dup(p + taken, len - taken);
    from->held_at = 0;
    from->held_len = len - taken;
}

static void give_held(struct tunnel_end *from, struct tunnel_end *to)
{
    uint8_t *held = from->held;
    size_t at = from->held_at, len = from->held_len;
    if (!to->gone && !to->writable)
        return;
    from->held = NULL;
    from->held_len = 0;
    if (!to->gone)
        give(from, to, held + at, len);
    mem_free(held);
}

/* Passes bytes from one end to the other. True if there is more to do at once. */
static bool flow(struct tunnel *t, struct tunnel_end *from, struct tunnel_end *to,
                 _Atomic uint64_t *bytes)
{
    uint8_t *scratch = t->worker->scratch;
    for (int round = 0; round < ROUNDS_MAX; round++) {
        if (from->held_len > 0)
            give_held(from, to);
        if (from->held_len > 0 || from->ended || to->gone || !from->readable || !to->writable)
            return false;
        ssize_t n = recv(from->fd, scratch, LIMIT_PROXY_BUFFER_BYTES, 0);
        if (n > 0) {
            /* less than asked for: all that was there, unless an end waits behind it */
            from->readable = n == LIMIT_PROXY_BUFFER_BYTES || from->closing;
            atomic_fetch_add_explicit(bytes, (uint64_t)n, memory_order_relaxed);
            t->last = t->worker->now;
            t->answer_due = from == &t->client;
            give(from, to, scratch, (size_t)n);
        } else if (n == 0) {
            from->ended = true;
        } else if (errno == EAGAIN) {
            from->readable = false;
        } else if (errno != EINTR) {
            from->ended = from->reset = true;
        }
    }
    return true;
}

static bool said_everything(const struct tunnel_end *end)
{
    return end->ended && end->held_len == 0;
}

static bool broken(const struct tunnel_end *end)
{
    return said_everything(end) && (end->reset || end->gone);
}

static void pass_end(struct tunnel_end *from, struct tunnel_end *to)
{
    if (!said_everything(from) || to->shut)
        return;
    shutdown(to->fd, SHUT_WR);
    to->shut = true;
}

static void run(struct tunnel *t)
{
    struct tunnel_end *c = &t->client, *s = &t->server;
    bool was_gone = c->gone;
    bool more = flow(t, c, s, &t->backend->bytes_in);
    more |= flow(t, s, c, &t->backend->bytes_out);
    if (c->gone && !was_gone)
        more = true;
    if (broken(c) || broken(s) || (c->gone && s->gone)) {
        tunnel_reset(t);
        return;
    }
    pass_end(c, s);
    pass_end(s, c);
    if (said_everything(c) && said_everything(s))
        end_tunnel(t);
    else
        move_to_list(t, more ? &t->worker->hungry : &t->worker->open);
}

void tunnel_go_on(struct tunnel *t)
{
    run(t);
}

static void note(struct tunnel_end *end, uint32_t events)
{
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        end->closing = true;
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        end->readable = true;
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        end->writable = true; /* broken: the call will say so */
    if ((events & EPOLLERR) && end->ended)
        end->reset = true;
}

/* ---- finding a backend */

static bool is_trouble_of_ours(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM ||
           error == EADDRNOTAVAIL || error == EAGAIN;
}

static void wait_for_backend(struct tunnel *t, int64_t ms)
{
    t->state = TUNNEL_WAITING;
    t->due = mono_after(t->worker->now, ms);
    move_to_list(t, &t->worker->waiting);
}

/* Nobody will answer: a reset says so at once, and no client takes it for an empty answer. */
static void give_up(struct tunnel *t)
{
    pthread_mutex_lock(&t->worker->forwarder->lock);
    t->service->unserved++;
    pthread_mutex_unlock(&t->worker->forwarder->lock);
    tunnel_reset(t);
}

static int watch_end(struct tunnel_end *end)
{
    struct epoll_event want = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                               .data.ptr = &end->watch};
    return epoll_ctl(end->tunnel->worker->epoll, EPOLL_CTL_ADD, end->fd, &want);
}

static void open_tunnel(struct tunnel *t)
{
    struct forwarder *f = t->worker->forwarder;
    pthread_mutex_lock(&f->lock);
    backend_connected(t->backend, t->worker->now);
    pthread_mutex_unlock(&f->lock);
    t->state = TUNNEL_OPEN;
    t->last = t->worker->now;
    t->server.writable = true;
    move_to_list(t, &t->worker->open);
    if (watch_end(&t->client) != 0)
        tunnel_reset(t);
}

/* Starts to connect. 0, EINPROGRESS or why not. */
static int dial(struct tunnel *t)
{
    const union proxy_address *a = &t->backend->address;
    int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    proxy_socket_tune(fd);
    int error = connect(fd, &a->any, proxy_address_size(a)) == 0 ? 0 : errno;
    t->server.fd = fd;
    if ((error == 0 || error == EINPROGRESS) && watch_end(&t->server) != 0)
        error = ENOMEM;
    if (error != 0 && error != EINPROGRESS)
        end_close(&t->server);
    return error;
}

static struct backend *pick(struct tunnel *t, int64_t *wait_ms)
{
    struct forwarder *f = t->worker->forwarder;
    pthread_mutex_lock(&f->lock);
    struct backend *be = balance_pick(t->service, t->worker->now, wait_ms);
    pthread_mutex_unlock(&f->lock);
    return be;
}

static void blame_backend(struct tunnel *t, int error)
{
    struct forwarder *f = t->worker->forwarder;
    pthread_mutex_lock(&f->lock);
    if (is_trouble_of_ours(error))
        backend_spared(t->backend, t->worker->now);
    else
        backend_failed(t->backend, error, t->worker->now);
    t->service->retried++;
    pthread_mutex_unlock(&f->lock);
    t->backend = NULL;
}

static void find_backend(struct tunnel *t)
{
    int64_t wait_ms = RETRY_MS;
    for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        t->backend = pick(t, &wait_ms);
        if (t->backend == NULL)
            break;
        int error = dial(t);
        if (error == 0) {
            open_tunnel(t);
            return;
        }
        if (error == EINPROGRESS) {
            t->state = TUNNEL_CONNECTING;
            t->due = mono_after(t->worker->now, atomic_load(&t->worker->forwarder->connect_ms));
            move_to_list(t, &t->worker->connecting);
            return;
        }
        blame_backend(t, error);
        if (is_trouble_of_ours(error))
            break;
    }
    if (wait_ms < 0 || t->worker->now.ms >= t->give_up.ms)
        give_up(t);
    else
        wait_for_backend(t, wait_ms);
}

static void try_another(struct tunnel *t, int error)
{
    end_close(&t->server);
    blame_backend(t, error);
    find_backend(t);
}

void tunnel_retry(struct tunnel *t)
{
    ASSERT(t->state == TUNNEL_WAITING);
    find_backend(t);
}

void tunnel_time_out(struct tunnel *t)
{
    ASSERT(t->state == TUNNEL_CONNECTING);
    try_another(t, ETIMEDOUT);
}

static int dialed(const struct tunnel *t)
{
    int error = 0;
    socklen_t size = sizeof(error);
    getsockopt(t->server.fd, SOL_SOCKET, SO_ERROR, &error, &size);
    return error;
}

/* ---- events */

static void end_ready(struct tunnel_end *end, uint32_t events)
{
    struct tunnel *t = end->tunnel;
    if (end->fd < 0)
        return; /* closed earlier in this round */
    if (t->state == TUNNEL_CONNECTING) {
        int error = dialed(t);
        if (error != 0) {
            try_another(t, error);
            return;
        }
        open_tunnel(t);
    }
    note(end, events);
    if (t->state == TUNNEL_OPEN)
        run(t);
}

static void on_ready(struct watch *w, uint32_t events)
{
    end_ready((struct tunnel_end *)(void *)((char *)w - offsetof(struct tunnel_end, watch)),
              events);
}

static void end_init(struct tunnel_end *end, struct tunnel *t, int fd)
{
    *end = (struct tunnel_end){.watch.ready = on_ready, .tunnel = t, .fd = fd};
}

void tunnel_begin(struct worker *w, int fd, struct proxy_listener *l)
{
    struct forwarder *f = w->forwarder;
    pthread_mutex_lock(&f->lock);
    struct service *service = l->service;
    if (service != NULL)
        service_enter(service);
    pthread_mutex_unlock(&f->lock);
    if (service == NULL) { /* the port was closed while the client knocked */
        reset_on_close(fd);
        close(fd);
        atomic_fetch_sub(&f->connections, 1);
        return;
    }
    struct tunnel *t = NEW(struct tunnel);
    t->worker = w;
    t->service = service;
    t->give_up = mono_after(w->now, LIMIT_PROXY_WAIT_MS);
    list_init(&t->link);
    end_init(&t->client, t, fd);
    end_init(&t->server, t, -1);
    atomic_fetch_add(&w->load, 1);
    find_backend(t);
}

/* ---- sweeping */

static bool between_requests(const struct tunnel *t)
{
    bool quiet = t->worker->now.ms - t->last.ms >= QUIET_MS;
    return quiet && !t->answer_due && t->client.held_len == 0 && t->server.held_len == 0;
}

static void close_cleanly(struct tunnel *t)
{
    shutdown(t->client.fd, SHUT_WR);
    shutdown(t->server.fd, SHUT_WR);
    end_tunnel(t);
}

bool tunnel_sweep(struct tunnel *t)
{
    struct mono now = t->worker->now;
    int64_t drain_by_ms = atomic_load(&t->backend->drain_by_ms);
    bool half_closed = t->client.ended || t->server.ended;
    if (half_closed && now.ms - t->last.ms >= LIMIT_PROXY_HALF_CLOSED_MS) {
        tunnel_reset(t);
        return false;
    }
    if (now.ms < drain_by_ms)
        return drain_by_ms != INT64_MAX;
    if (between_requests(t))
        close_cleanly(t);
    else if (now.ms - drain_by_ms >= LIMIT_PROXY_OVERDUE_MS)
        tunnel_reset(t);
    return true;
}
