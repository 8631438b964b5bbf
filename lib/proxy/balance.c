#include "proxy/balance.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"

#define PAUSE_MS_MIN 100 /* after the first failure; doubles up to LIMIT_PROXY_ASIDE_MS */
#define LONELY_MS 50     /* the pause when no other backend is left */
#define KEY_SIZE 1200    /* an app or task and an address */

const char *service_state_word(enum service_state state)
{
    static const char *const words[] = {"unbound", "bound", "refused"};
    return words[state];
}

/* ---- heaps: the first item is the one to take */

typedef bool before_fn(const struct backend *a, const struct backend *b);

static bool less_busy(const struct backend *a, const struct backend *b)
{
    return a->active != b->active ? a->active < b->active : a->picked < b->picked;
}

static bool sooner(const struct backend *a, const struct backend *b)
{
    return a->retry.ms != b->retry.ms ? a->retry.ms < b->retry.ms : a->picked < b->picked;
}

static void put_at(struct backend_heap *h, size_t at, struct backend *be)
{
    h->items[at] = be;
    be->at = at;
}

/* Moves an item whose key has changed to where it belongs. */
static void heap_settle(struct backend_heap *h, struct backend *be, before_fn *before)
{
    size_t at = be->at, child;
    for (; at > 0 && before(be, h->items[(at - 1) / 2]); at = (at - 1) / 2)
        put_at(h, at, h->items[(at - 1) / 2]);
    for (; (child = 2 * at + 1) < h->n; at = child) {
        if (child + 1 < h->n && before(h->items[child + 1], h->items[child]))
            child++;
        if (!before(h->items[child], be))
            break;
        put_at(h, at, h->items[child]);
    }
    put_at(h, at, be);
}

static void heap_add(struct backend_heap *h, struct backend *be, before_fn *before)
{
    if (h->n == h->cap) {
        h->cap = h->cap == 0 ? 4 : 2 * h->cap;
        h->items = mem_realloc(h->items, h->cap * sizeof(struct backend *));
    }
    put_at(h, h->n++, be);
    heap_settle(h, be, before);
}

static void heap_remove(struct backend_heap *h, struct backend *be, before_fn *before)
{
    struct backend *last = h->items[--h->n];
    if (last == be)
        return;
    put_at(h, be->at, last);
    heap_settle(h, last, before);
}

static struct backend *heap_first(const struct backend_heap *h)
{
    return h->n == 0 ? NULL : h->items[0];
}

/* ---- places */

static void mark_dirty(struct service *s)
{
    if (s->dropped || !list_empty(&s->dirty))
        return;
    list_push(&s->balance->dirty, &s->dirty);
    if (s->balance->dirtied != NULL)
        s->balance->dirtied(s->balance);
}

static void move_to(struct backend *be, enum backend_place place, struct mono now)
{
    struct service *s = be->service;
    if (be->place == place)
        return;
    if (be->place == BACKEND_FIT)
        heap_remove(&s->by_load, be, less_busy);
    if (be->place == BACKEND_ASIDE)
        heap_remove(&s->by_retry, be, sooner);
    if (place == BACKEND_FIT)
        heap_add(&s->by_load, be, less_busy);
    if (place == BACKEND_ASIDE)
        heap_add(&s->by_retry, be, sooner);
    if (be->place == BACKEND_FIT || place == BACKEND_FIT)
        mark_dirty(s);
    be->place = place;
    be->changed = now;
}

static void set_active(struct backend *be, unsigned active)
{
    be->active = active;
    if (be->place == BACKEND_FIT)
        heap_settle(&be->service->by_load, be, less_busy);
}

/* ---- births and deaths */

static const char *service_key(char key[KEY_SIZE], uint16_t port, const char *app)
{
    snprintf(key, KEY_SIZE, "%u %s", port, app);
    return key;
}

static const char *backend_key(char key[KEY_SIZE], const char *task, const union proxy_address *a)
{
    char address[PROXY_ADDRESS_TEXT_SIZE];
    snprintf(key, KEY_SIZE, "%s %s", proxy_address_text(a, address), task);
    return key;
}

void balance_init(struct balance *b, int64_t drain_ms)
{
    *b = (struct balance){.drain_ms = drain_ms, .services = map_new()};
    list_init(&b->dirty);
}

static void backend_free(struct backend *be)
{
    ASSERT(be->active == 0 && be->place == BACKEND_OUT);
    mem_free(be->task);
    mem_free(be);
}

static void service_free(struct service *s)
{
    ASSERT(s->active == 0 && map_count(s->backends) == 0);
    list_remove(&s->dirty);
    map_free(s->backends);
    mem_free(s->by_load.items);
    mem_free(s->by_retry.items);
    mem_free(s->app);
    mem_free(s);
}

static void free_if_over(struct service *s)
{
    if (s->dropped && s->active == 0 && map_count(s->backends) == 0)
        service_free(s);
}

static void forget_if_over(struct backend *be)
{
    char key[KEY_SIZE];
    if (!be->removed || be->active > 0)
        return;
    map_remove_str(be->service->backends, backend_key(key, be->task, &be->address));
    backend_free(be);
}

void balance_close(struct balance *b)
{
    size_t cursor = 0;
    struct service *s;
    while ((s = map_each(b->services, &cursor)) != NULL) {
        balance_drop(s, (struct mono){0});
        cursor = 0;
    }
    map_free(b->services);
}

static struct service *service_new(struct balance *b, uint16_t port, const char *app)
{
    char key[KEY_SIZE];
    struct service *s = NEW(struct service);
    *s = (struct service){.port = port, .app = mem_strdup(app), .balance = b};
    s->backends = map_new();
    list_init(&s->dirty);
    map_put_str(b->services, service_key(key, port, app), s);
    return s;
}

static struct backend *backend_new(struct service *s, const struct proxy_target *t,
                                   const union proxy_address *address, const char *key,
                                   struct mono now)
{
    struct backend *be = NEW(struct backend);
    *be = (struct backend){
        .service = s,
        .task = mem_strdup(t->task),
        .address = *address,
        .changed = now,
        .drain_by_ms = INT64_MAX,
        .removed = true,
    };
    map_put_str(s->backends, key, be);
    return be;
}

/* ---- routes */

static void retire(struct backend *be, struct mono now)
{
    move_to(be, BACKEND_OUT, now);
    if (atomic_load(&be->drain_by_ms) == INT64_MAX)
        atomic_store(&be->drain_by_ms, mono_after(now, be->service->balance->drain_ms).ms);
}

static void revive(struct backend *be, struct mono now)
{
    atomic_store(&be->drain_by_ms, INT64_MAX);
    if (!be->healthy)
        move_to(be, BACKEND_OUT, now);
    else if (be->place == BACKEND_OUT)
        move_to(be, BACKEND_FIT, now);
}

static void put_target(struct service *s, const struct proxy_target *t, struct mono now)
{
    union proxy_address address;
    struct error err;
    char key[KEY_SIZE];
    if (proxy_address_parse(t->address, t->port, &address, &err) != 0)
        UNREACHABLE("routes hold IP addresses only");
    struct backend *be = map_get_str(s->backends, backend_key(key, t->task, &address));
    if (be == NULL)
        be = backend_new(s, t, &address, key, now);
    if (be->removed)
        s->n_wanted++;
    be->removed = false;
    be->healthy = t->healthy;
    be->draining = t->draining;
    if (t->draining)
        retire(be, now);
    else
        revive(be, now);
}

/* Removing while walking is not allowed, so those to forget are gathered first. */
static void forget_removed(struct service *s)
{
    size_t n = 0, cursor = 0;
    struct backend **over = mem_alloc(map_count(s->backends) * sizeof(struct backend *) + 1), *be;
    while ((be = map_each(s->backends, &cursor)) != NULL)
        if (be->removed)
            over[n++] = be;
    for (size_t i = 0; i < n; i++)
        forget_if_over(over[i]);
    mem_free(over);
}

static void mark_all_removed(struct service *s)
{
    size_t cursor = 0;
    struct backend *be;
    while ((be = map_each(s->backends, &cursor)) != NULL)
        be->removed = true;
    s->n_wanted = 0;
}

static void retire_removed(struct service *s, struct mono now)
{
    size_t cursor = 0;
    struct backend *be;
    while ((be = map_each(s->backends, &cursor)) != NULL)
        if (be->removed)
            retire(be, now);
    forget_removed(s);
}

struct service *balance_put(struct balance *b, const struct proxy_route *r, struct mono now)
{
    struct service *s = balance_find(b, r->port, r->app);
    if (s == NULL)
        s = service_new(b, r->port, r->app);
    s->tcp = r->tcp;
    s->udp = r->udp;
    mark_all_removed(s);
    for (size_t i = 0; i < r->n_targets; i++)
        put_target(s, &r->targets[i], now);
    retire_removed(s, now);
    mark_dirty(s);
    return s;
}

struct service *balance_find(struct balance *b, uint16_t port, const char *app)
{
    char key[KEY_SIZE];
    return map_get_str(b->services, service_key(key, port, app));
}

void balance_drop(struct service *s, struct mono now)
{
    char key[KEY_SIZE];
    ASSERT(s->listener == NULL && !s->dropped);
    map_remove_str(s->balance->services, service_key(key, s->port, s->app));
    list_remove(&s->dirty);
    s->dropped = true;
    mark_all_removed(s);
    retire_removed(s, now);
    free_if_over(s);
}

struct service *balance_each(struct balance *b, size_t *cursor)
{
    return map_each(b->services, cursor);
}

size_t balance_count(const struct balance *b)
{
    return map_count(b->services);
}

void service_set_state(struct service *s, enum service_state state, const char *why)
{
    const char *text = why != NULL ? why : "";
    if (s->state == state && str_eq(s->why, text))
        return;
    s->state = state;
    str_copy(s->why, sizeof(s->why), text);
    mark_dirty(s);
}

size_t service_usable(const struct service *s)
{
    return s->by_load.n;
}

struct service *balance_next_dirty(struct balance *b)
{
    struct list *first = list_pop(&b->dirty);
    return first != NULL ? LIST_ENTRY(first, struct service, dirty) : NULL;
}

void balance_all_dirty(struct balance *b)
{
    size_t cursor = 0;
    struct service *s;
    while ((s = balance_each(b, &cursor)) != NULL)
        mark_dirty(s);
}

/* ---- connections */

void service_enter(struct service *s)
{
    s->active++;
    s->connections++;
}

void service_leave(struct service *s)
{
    ASSERT(s->active > 0);
    s->active--;
    free_if_over(s);
}

static struct backend *choose(struct service *s, struct mono now)
{
    struct backend *aside = heap_first(&s->by_retry), *fit = heap_first(&s->by_load);
    if (aside != NULL && now.ms >= aside->retry.ms)
        return aside;
    if (fit != NULL)
        return fit;
    return aside != NULL && now.ms >= aside->failed.ms + LONELY_MS ? aside : NULL;
}

static bool somebody_may_recover(const struct service *s)
{
    size_t cursor = 0;
    const struct backend *be;
    if (s->by_retry.n > 0)
        return true;
    while ((be = map_each(s->backends, &cursor)) != NULL)
        if (be->place == BACKEND_TRIAL)
            return true;
    return false;
}

struct backend *balance_pick(struct service *s, struct mono now, int64_t *wait_ms_out)
{
    struct backend *be = choose(s, now);
    if (be == NULL) {
        *wait_ms_out = somebody_may_recover(s) ? LONELY_MS : -1;
        return NULL;
    }
    be->picked = ++s->balance->picks;
    set_active(be, be->active + 1);
    if (be->place == BACKEND_ASIDE)
        move_to(be, BACKEND_TRIAL, now);
    return be;
}

void backend_connected(struct backend *be, struct mono now)
{
    be->connected++;
    if (be->error == 0)
        return;
    be->error = 0;
    be->failures = 0;
    if (be->place == BACKEND_OUT)
        return;
    move_to(be, BACKEND_FIT, now);
    log_info("backend back", "app=%s port=%u task=%s", be->service->app, be->service->port,
             be->task);
}

static int64_t pause_ms(unsigned failures)
{
    int64_t pause = PAUSE_MS_MIN;
    for (unsigned i = 1; i < failures && pause < LIMIT_PROXY_ASIDE_MS; i++)
        pause *= 2;
    return pause < LIMIT_PROXY_ASIDE_MS ? pause : LIMIT_PROXY_ASIDE_MS;
}

/* Connections that were begun together fail together: that counts once. */
static void put_aside(struct backend *be, int error, struct mono now)
{
    char address[PROXY_ADDRESS_TEXT_SIZE];
    if (be->place != BACKEND_FIT && be->place != BACKEND_TRIAL)
        return;
    be->failures++;
    be->failed = now;
    be->retry = mono_after(now, pause_ms(be->failures));
    move_to(be, BACKEND_ASIDE, now);
    if (be->failures == 1)
        log_warn("backend aside", "app=%s port=%u task=%s address=%s reason=%s", be->service->app,
                 be->service->port, be->task, proxy_address_text(&be->address, address),
                 strerror(error));
}

void backend_failed(struct backend *be, int error, struct mono now)
{
    be->refused++;
    be->error = error;
    put_aside(be, error, now);
    backend_release(be);
}

void backend_spared(struct backend *be, struct mono now)
{
    if (be->place == BACKEND_TRIAL)
        move_to(be, BACKEND_ASIDE, now);
    backend_release(be);
}

void backend_release(struct backend *be)
{
    ASSERT(be->active > 0);
    set_active(be, be->active - 1);
    forget_if_over(be);
}
