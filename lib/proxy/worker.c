/* A worker: a thread with an epoll set, the listeners it shares with the others, and the tunnels it
 * has. Only its inbox is touched from outside. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "proxy/private.h"

#define EVENTS_MAX 256        /* of one round */
#define ACCEPTS_MAX 64        /* of one listener in one round */
#define ACCEPT_PAUSE_MS 100   /* when connections or descriptors have run out */
#define SWEEP_MS 10000        /* looking for half-closed connections */
#define SWEEP_DRAINING_MS 100 /* while a backend is going away */

/* ---- mail to a worker */

struct letter {
    struct list link;
    enum letter_kind kind;
    struct proxy_listener *listener; /* held; ADOPT: fd came from it */
    int fd;
};

void worker_post(struct worker *w, enum letter_kind kind, struct proxy_listener *l, int fd)
{
    struct letter *letter = NEW(struct letter);
    *letter = (struct letter){.kind = kind, .listener = l, .fd = fd};
    if (l != NULL)
        proxy_listener_hold(l);
    pthread_mutex_lock(&w->inbox_lock);
    bool first = list_empty(&w->inbox);
    list_push(&w->inbox, &letter->link);
    pthread_mutex_unlock(&w->inbox_lock);
    if (first)
        eventfd_write(w->mail_fd, 1);
}

static struct letter *next_letter(struct worker *w)
{
    pthread_mutex_lock(&w->inbox_lock);
    struct list *first = list_pop(&w->inbox);
    pthread_mutex_unlock(&w->inbox_lock);
    return first != NULL ? LIST_ENTRY(first, struct letter, link) : NULL;
}

/* ---- accepting */

struct acceptor { /* a worker's share in a listener */
    struct watch watch;
    struct list link; /* in the worker's acceptors, or its dead ones */
    struct worker *worker;
    struct proxy_listener *listener; /* held */
    bool dead;
};

/* Of those that wait for one listener the kernel wakes one; level-triggered, so nobody needs to
 * accept all there is. */
static void watch_acceptor(struct acceptor *a)
{
    struct epoll_event want = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.ptr = &a->watch};
    if (epoll_ctl(a->worker->epoll, EPOLL_CTL_ADD, a->listener->fd, &want) != 0)
        log_error("proxy cannot accept", "fd=%d reason=%s", a->listener->fd, strerror(errno));
}

static void unwatch_acceptor(struct acceptor *a)
{
    epoll_ctl(a->worker->epoll, EPOLL_CTL_DEL, a->listener->fd, NULL);
}

static void pause_accepting(struct worker *w)
{
    w->accept_again = mono_after(w->now, ACCEPT_PAUSE_MS);
    if (!w->accepting)
        return;
    w->accepting = false;
    LIST_EACH (it, &w->acceptors)
        unwatch_acceptor(LIST_ENTRY(it, struct acceptor, link));
}

static bool take_place(struct forwarder *f)
{
    if (atomic_fetch_add(&f->connections, 1) < atomic_load(&f->connections_max))
        return true;
    atomic_fetch_sub(&f->connections, 1);
    return false;
}

static void resume_accepting(struct worker *w)
{
    struct forwarder *f = w->forwarder;
    if (atomic_load(&f->connections) >= atomic_load(&f->connections_max)) {
        w->accept_again = mono_after(w->now, ACCEPT_PAUSE_MS);
        return;
    }
    w->accepting = true;
    LIST_EACH (it, &w->acceptors)
        watch_acceptor(LIST_ENTRY(it, struct acceptor, link));
}

/* The kernel likes to wake the same worker again and again; long connections would pile up on it.
 */
static struct worker *worker_for_next(struct worker *self)
{
    struct forwarder *f = self->forwarder;
    struct worker *best = self;
    for (unsigned i = 0; i < f->n_workers; i++)
        if (atomic_load(&f->workers[i].load) < atomic_load(&best->load))
            best = &f->workers[i];
    unsigned mine = atomic_load(&self->load), least = atomic_load(&best->load);
    return mine > least + least / 4 + 8 ? best : self;
}

static bool is_out_of_something(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* False when there is nothing more to accept for now. */
static bool accept_one(struct worker *w, struct proxy_listener *l)
{
    if (!take_place(w->forwarder)) {
        pause_accepting(w);
        return false;
    }
    int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        int error = errno;
        atomic_fetch_sub(&w->forwarder->connections, 1);
        if (is_out_of_something(error))
            pause_accepting(w);
        return error == ECONNABORTED || error == EINTR;
    }
    struct worker *owner = worker_for_next(w);
    if (owner == w)
        tunnel_begin(w, fd, l);
    else
        worker_post(owner, LETTER_ADOPT, l, fd);
    return true;
}

static void on_acceptable(struct watch *watch, uint32_t events)
{
    (void)events;
    struct acceptor *a = (struct acceptor *)(void *)watch; /* its first member */
    for (int i = 0; i < ACCEPTS_MAX && !a->dead && a->worker->accepting; i++)
        if (!accept_one(a->worker, a->listener))
            return;
}

static void add_acceptor(struct worker *w, struct proxy_listener *l)
{
    struct acceptor *a = NEW(struct acceptor);
    *a = (struct acceptor){.watch.ready = on_acceptable, .worker = w, .listener = l};
    list_push(&w->acceptors, &a->link);
    map_put(w->by_listener, (uintptr_t)l, a);
    if (w->accepting)
        watch_acceptor(a);
}

static void end_acceptor(struct acceptor *a)
{
    if (a->worker->accepting)
        unwatch_acceptor(a);
    map_remove(a->worker->by_listener, (uintptr_t)a->listener);
    proxy_listener_release(a->listener);
    atomic_fetch_sub(&a->worker->forwarder->acceptors, 1);
    a->listener = NULL;
    a->dead = true;
    list_remove(&a->link);
    list_push(&a->worker->dead_acceptors, &a->link);
}

static void remove_acceptor(struct worker *w, const struct proxy_listener *l)
{
    struct acceptor *a = map_get(w->by_listener, (uintptr_t)l);
    if (a != NULL)
        end_acceptor(a);
}

/* ---- a worker's rounds */

static void open_letter(struct worker *w, struct letter *letter)
{
    switch (letter->kind) {
    case LETTER_LISTEN: /* passes the hold on */
        add_acceptor(w, letter->listener);
        letter->listener = NULL;
        break;
    case LETTER_UNLISTEN:
        remove_acceptor(w, letter->listener);
        break;
    case LETTER_ADOPT:
        tunnel_begin(w, letter->fd, letter->listener);
        break;
    case LETTER_LOOK:
        w->sweep = w->now;
        break;
    case LETTER_STOP:
        w->stopping = true;
        break;
    }
    proxy_listener_release(letter->listener);
    mem_free(letter);
}

static void on_mail(struct watch *watch, uint32_t events)
{
    struct worker *w = LIST_ENTRY(watch, struct worker, mail);
    eventfd_t ignored;
    struct letter *letter;
    (void)events;
    eventfd_read(w->mail_fd, &ignored);
    while ((letter = next_letter(w)) != NULL)
        open_letter(w, letter);
}

static struct tunnel *first_due(const struct worker *w, const struct list *list)
{
    if (list_empty(list))
        return NULL;
    struct tunnel *t = LIST_ENTRY(list->next, struct tunnel, link);
    return t->due.ms <= w->now.ms ? t : NULL;
}

static void sweep(struct worker *w)
{
    bool draining = false;
    LIST_EACH (it, &w->open)
        draining |= tunnel_sweep(LIST_ENTRY(it, struct tunnel, link));
    bool idle = list_empty(&w->open);
    w->sweep = idle ? MONO_NEVER : mono_after(w->now, draining ? SWEEP_DRAINING_MS : SWEEP_MS);
}

static void do_what_is_due(struct worker *w)
{
    struct tunnel *t;
    struct list hungry;
    while ((t = first_due(w, &w->connecting)) != NULL)
        tunnel_time_out(t);
    while ((t = first_due(w, &w->waiting)) != NULL)
        tunnel_retry(t);
    list_init(&hungry);
    LIST_EACH (it, &w->hungry) {
        list_remove(it);
        list_push(&hungry, it);
    }
    LIST_EACH (it, &hungry)
        tunnel_go_on(LIST_ENTRY(it, struct tunnel, link));
    if (!w->accepting && w->accept_again.ms <= w->now.ms)
        resume_accepting(w);
    if (w->sweep.ms <= w->now.ms)
        sweep(w);
    else if (w->sweep.ms == INT64_MAX && !list_empty(&w->open))
        w->sweep = mono_after(w->now, SWEEP_MS);
}

static void bury(struct worker *w)
{
    struct list *item;
    while ((item = list_pop(&w->dead)) != NULL)
        tunnel_free(LIST_ENTRY(item, struct tunnel, link));
    while ((item = list_pop(&w->dead_acceptors)) != NULL)
        mem_free(LIST_ENTRY(item, struct acceptor, link));
}

static struct mono due_of(const struct list *list)
{
    return list_empty(list) ? MONO_NEVER : LIST_ENTRY(list->next, struct tunnel, link)->due;
}

static int round_ms(const struct worker *w)
{
    if (!list_empty(&w->hungry))
        return 0;
    struct mono due = mono_earlier(due_of(&w->connecting), due_of(&w->waiting));
    due = mono_earlier(due, w->sweep);
    if (!w->accepting)
        due = mono_earlier(due, w->accept_again);
    if (due.ms == INT64_MAX)
        return -1;
    int64_t wait = due.ms - proxy_now().ms;
    return wait < 0 ? 0 : wait > SWEEP_MS ? SWEEP_MS : (int)wait;
}

static void reset_all(struct list *list)
{
    LIST_EACH (it, list)
        tunnel_reset(LIST_ENTRY(it, struct tunnel, link));
}

static void end_all(struct worker *w)
{
    reset_all(&w->connecting);
    reset_all(&w->waiting);
    reset_all(&w->hungry);
    reset_all(&w->open);
    LIST_EACH (it, &w->acceptors)
        end_acceptor(LIST_ENTRY(it, struct acceptor, link));
    bury(w);
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    struct epoll_event events[EVENTS_MAX];
    while (!w->stopping) {
        int n = epoll_wait(w->epoll, events, EVENTS_MAX, round_ms(w));
        w->now = proxy_now();
        for (int i = 0; i < n; i++) {
            struct watch *watch = events[i].data.ptr;
            watch->ready(watch, events[i].events);
        }
        do_what_is_due(w);
        bury(w);
    }
    end_all(w);
    return NULL;
}

/* ---- a worker's life */

int worker_init(struct worker *w, struct forwarder *f, struct error *err)
{
    *w = (struct worker){.forwarder = f, .accepting = true, .sweep = MONO_NEVER};
    w->now = proxy_now();
    w->mail.ready = on_mail;
    struct list *lists[] = {&w->connecting, &w->waiting,   &w->open,           &w->hungry,
                            &w->dead,       &w->acceptors, &w->dead_acceptors, &w->inbox};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        list_init(lists[i]);
    pthread_mutex_init(&w->inbox_lock, NULL);
    w->by_listener = map_new();
    w->scratch = mem_alloc(LIMIT_PROXY_BUFFER_BYTES);
    w->epoll = epoll_create1(EPOLL_CLOEXEC);
    w->mail_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    struct epoll_event want = {.events = EPOLLIN, .data.ptr = &w->mail};
    if (w->epoll < 0 || w->mail_fd < 0 ||
        epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->mail_fd, &want) != 0) {
        error_set(err, ERR_IO, "an epoll set for a worker: %s", strerror(errno));
        worker_close(w);
        return -1;
    }
    return 0;
}

int worker_start(struct worker *w, struct error *err)
{
    int failed = pthread_create(&w->thread, NULL, worker_main, w);
    if (failed != 0)
        return error_set(err, ERR_IO, "a thread for a worker: %s", strerror(failed));
    w->started = true;
    return 0;
}

void worker_join(struct worker *w)
{
    if (!w->started)
        return;
    worker_post(w, LETTER_STOP, NULL, -1);
    pthread_join(w->thread, NULL);
}

void worker_close(struct worker *w)
{
    struct letter *letter;
    while ((letter = next_letter(w)) != NULL) {
        if (letter->kind == LETTER_ADOPT)
            close(letter->fd);
        proxy_listener_release(letter->listener);
        mem_free(letter);
    }
    if (w->epoll >= 0)
        close(w->epoll);
    if (w->mail_fd >= 0)
        close(w->mail_fd);
    pthread_mutex_destroy(&w->inbox_lock);
    map_free(w->by_listener);
    mem_free(w->scratch);
}
