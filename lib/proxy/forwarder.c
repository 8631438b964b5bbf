#include "proxy/forwarder.h"

#include <sys/resource.h>
#include <time.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "proxy/private.h"

#define FILES_SPARE 256 /* descriptors for all but connections */

struct mono proxy_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (struct mono){(int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000};
}

/* Every connection needs two descriptors, every listener has one. */
static unsigned files_allow(unsigned listeners)
{
    struct rlimit files;
    rlim_t others = (rlim_t)FILES_SPARE + listeners;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == RLIM_INFINITY)
        return UINT32_MAX;
    if (files.rlim_cur <= others + 2)
        return 1;
    rlim_t pairs = (files.rlim_cur - others) / 2;
    return pairs < UINT32_MAX ? (unsigned)pairs : UINT32_MAX;
}

static void set_connections_max(struct forwarder *f)
{
    unsigned most = files_allow(f->listeners);
    atomic_store(&f->connections_max, f->wanted_max < most ? f->wanted_max : most);
}

void forwarder_limit(struct forwarder *f, const struct forwarder_limits *limits)
{
    atomic_store(&f->connect_ms, limits->connect_ms);
    f->wanted_max = limits->connections;
    set_connections_max(f);
}

unsigned forwarder_connections_max(const struct forwarder *f)
{
    return atomic_load(&f->connections_max);
}

static int start_workers(struct forwarder *f, unsigned n, struct error *err)
{
    for (; f->n_workers < n; f->n_workers++)
        if (worker_init(&f->workers[f->n_workers], f, err) != 0)
            return -1;
    for (unsigned i = 0; i < n; i++)
        if (worker_start(&f->workers[i], err) != 0)
            return -1;
    return 0;
}

int forwarder_start(struct forwarder *f, unsigned n_workers, const struct forwarder_limits *limits,
                    int64_t drain_ms, struct error *err)
{
    ASSERT(n_workers >= 1 && n_workers <= LIMIT_PROXY_WORKERS);
    *f = (struct forwarder){0};
    pthread_mutex_init(&f->lock, NULL);
    balance_init(&f->balance, drain_ms);
    forwarder_limit(f, limits);
    f->workers = mem_zalloc(n_workers * sizeof(struct worker));
    if (start_workers(f, n_workers, err) != 0) {
        forwarder_stop(f);
        return -1;
    }
    return 0;
}

void forwarder_stop(struct forwarder *f)
{
    for (unsigned i = 0; i < f->n_workers; i++)
        worker_join(&f->workers[i]);
    for (unsigned i = 0; i < f->n_workers; i++)
        worker_close(&f->workers[i]);
    mem_free(f->workers);
    balance_close(&f->balance);
    pthread_mutex_destroy(&f->lock);
}

static void post_all(struct forwarder *f, enum letter_kind kind, struct proxy_listener *l)
{
    for (unsigned i = 0; i < f->n_workers; i++)
        worker_post(&f->workers[i], kind, l, -1);
}

void forwarder_listen(struct forwarder *f, struct proxy_listener *l)
{
    f->listeners++;
    set_connections_max(f);
    atomic_fetch_add(&f->acceptors, f->n_workers);
    post_all(f, LETTER_LISTEN, l);
}

void forwarder_unlisten(struct forwarder *f, struct proxy_listener *l)
{
    f->listeners--;
    set_connections_max(f);
    post_all(f, LETTER_UNLISTEN, l);
}

/* In this order: once nobody accepts, connections only become fewer. */
bool forwarder_idle(const struct forwarder *f)
{
    return atomic_load(&f->acceptors) == 0 && atomic_load(&f->connections) == 0;
}

void forwarder_look(struct forwarder *f)
{
    post_all(f, LETTER_LOOK, NULL);
}
