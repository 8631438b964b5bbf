/* Who there is, and who may speak here. A line's own business is in line.c. */
#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "cluster/peers_private.h"

struct peer *peers_find(const struct peers *all, int64_t id)
{
    return map_get(all->by_id, (uint64_t)id);
}

void peers_handle_gone(struct peers *all)
{
    if (--all->handles > 0)
        return;
    map_free(all->by_id);
    tls_unref(all->tls);
    all->stopped(all);
}

void peers_trouble(struct peers *all, int64_t id, const struct error *err)
{
    if (!peers_stopping(all) && all->events->on_trouble != NULL)
        all->events->on_trouble(all, id, err);
}

/* ---- a peer's life */
void peers_part_gone(struct peer *p)
{
    if (--p->handles > 0)
        return;
    struct peers *all = p->all;
    mem_free(p);
    peers_handle_gone(all);
}

static struct peer *peer_new(struct peers *all, int64_t id)
{
    struct peer *p = NEW(struct peer);
    p->id = id;
    p->all = all;
    p->reading = true;
    p->handles = 1;
    for (int i = 0; i < PEERS_LANES; i++)
        list_init(&p->lanes[i].queue);
    uv_timer_init(&all->loop->uv, &p->timer);
    p->timer.data = p;
    map_put(all->by_id, (uint64_t)id, p);
    all->handles++;
    return p;
}

static void on_timer_closed(uv_handle_t *timer)
{
    peers_part_gone(timer->data);
}

static void peer_end(struct peer *p)
{
    ASSERT(p->lines == 0);
    p->forgotten = true;
    map_remove(p->all->by_id, (uint64_t)p->id);
    peers_drop_queues(p, true);
    peers_cancel_dial(p);
    uv_close((uv_handle_t *)&p->timer, on_timer_closed);
}

/* Whom we have no address of is known for as long as it is connected. */
void peers_settle(struct peer *p)
{
    bool known = p->has_address && !peers_stopping(p->all);
    if (!known && p->line == NULL && !p->moving)
        peers_drop_queues(p, true);
    if (known || p->lines > 0 || p->moving)
        peers_arm(p);
    else
        peer_end(p);
}

void peers_went_down(struct peer *p, enum peers_end how, const struct error *err)
{
    struct peers *all = p->all;
    int64_t id = p->id;
    bool was_up = p->up;
    p->up = p->moving = p->redial = false;
    if (peers_now(all) - p->up_since >= LIMIT_PEER_BEAT_MS)
        p->failures = 0; /* it was a real one */
    peers_pause_dialling(p);
    peers_settle(p);
    if (was_up && !peers_stopping(all))
        all->events->on_down(all, id, how, err);
}

/* ---- who is it */
int64_t peers_identify(struct peers *all, const struct tls_peer *who, struct error *err)
{
    int64_t id;
    if (!str_to_i64(who->name, &id) || id <= 0) {
        error_set(err, ERR_INVALID, "its certificate does not name a node by its id");
        return 0;
    }
    if (id == all->self) {
        error_set(err, ERR_CONFLICT,
                  "it has the certificate of node %lld, which is this node itself", (long long)id);
        return 0;
    }
    return all->events->welcome(all, id, who, err) ? id : 0;
}

static void refuse(struct peers *all, struct stream *s, int64_t id, const struct error *why)
{
    struct line *l = peers_line_begin(all, NULL, s, false, all->generation);
    line_leave(l, WIRE_REFUSED, slice_of(why->text), LIMIT_TLS_LINGER_MS);
    peers_trouble(all, id, why);
}

static void on_stream(struct tls_listener *listener, struct stream *s)
{
    struct peers *all = listener->data;
    struct error err = {0};
    const struct tls_peer *who = tls_peer(s);
    int64_t id = peers_identify(all, who, &err);
    if (id == 0) {
        if (!str_to_i64(who->name, &id))
            id = 0;
        refuse(all, s, id, &err);
        return;
    }
    struct peer *p = peers_find(all, id);
    if (p == NULL)
        p = peer_new(all, id);
    peers_line_begin(all, p, s, false, all->generation);
}

static void on_stranger(struct tls_listener *listener, struct stream *s)
{
    struct peers *all = listener->data;
    all->events->on_stranger(all, s);
}

static void on_refused(struct tls_listener *listener, const struct error *err)
{
    peers_trouble(listener->data, 0, err);
}

static const struct tls_listener_events members_only = {.on_stream = on_stream,
                                                        .on_refused = on_refused};
static const struct tls_listener_events strangers_too = {
    .on_stream = on_stream, .on_stranger = on_stranger, .on_refused = on_refused};

/* ---- the doors */
int peers_start(struct peers *all, const struct peers_config *config,
                const struct peers_events *events, struct error *err)
{
    *all = (struct peers){.data = all->data,
                          .loop = config->loop,
                          .rng = config->rng,
                          .events = events,
                          .self = config->self,
                          .handles = 3};
    all->listener.data = all;
    if (tls_listener_start(&all->listener, config->loop, config->address, config->port, config->tls,
                           events->on_stranger != NULL ? &strangers_too : &members_only, err) != 0)
        return -1;
    all->port = all->listener.port;
    all->tls = tls_ref(config->tls);
    all->by_id = map_new();
    list_init(&all->lines);
    peers_start_pushing(all);
    return 0;
}

static void on_listener_stopped(struct tls_listener *listener)
{
    peers_handle_gone(listener->data);
}

static void say_goodbye(struct line *l)
{
    struct peer *p = l->peer;
    line_read(l, true); /* to hear that it has ended */
    line_limit(l, LIMIT_PEER_GOODBYE_MS);
    if (p != NULL && p->line == l && peers_waiting(p) > 0) {
        line_push(l);
        return;
    }
    line_leave(l, WIRE_BYE, (struct slice){0}, LIMIT_PEER_GOODBYE_MS);
}

void peers_stop(struct peers *all, void (*stopped)(struct peers *all))
{
    ASSERT(all->stopped == NULL && stopped != NULL);
    size_t cursor = 0, n = 0;
    struct peer *p, **every = mem_alloc(map_count(all->by_id) * sizeof(struct peer *) + 1);
    all->stopped = stopped;
    peers_stop_pushing(all);
    tls_listener_stop(&all->listener, on_listener_stopped);
    LIST_EACH (item, &all->lines)
        say_goodbye(LIST_ENTRY(item, struct line, list));
    while ((p = map_each(all->by_id, &cursor)) != NULL)
        every[n++] = p;
    while (n > 0) {
        p = every[--n];
        peers_cancel_dial(p);
        p->moving = false;
        peers_settle(p);
    }
    mem_free(every);
}

void peers_know(struct peers *all, int64_t id, const struct address *address)
{
    struct peer *p = peers_find(all, id);
    if (peers_stopping(all) || id == all->self)
        return;
    if (p == NULL)
        p = peer_new(all, id);
    if (p->has_address && p->address.port == address->port &&
        str_eq(p->address.host, address->host))
        return;
    p->has_address = true;
    p->address = *address;
    p->failures = 0;
    p->dial_at = 0;
    peers_cancel_dial(p);
    peers_arm(p);
}

void peers_forget(struct peers *all, int64_t id)
{
    struct peer *p = peers_find(all, id);
    if (p == NULL || peers_stopping(all))
        return;
    LIST_EACH (item, &all->lines) {
        struct line *l = LIST_ENTRY(item, struct line, list);
        if (l->peer != p)
            continue;
        l->peer = NULL;
        p->lines--;
        line_leave(l, WIRE_BYE, (struct slice){0}, LIMIT_PEER_GOODBYE_MS);
    }
    peer_end(p);
}

void peers_read(struct peers *all, int64_t id, bool on)
{
    struct peer *p = peers_find(all, id);
    if (p == NULL || peers_stopping(all))
        return;
    p->reading = on;
    LIST_EACH (item, &all->lines) {
        struct line *l = LIST_ENTRY(item, struct line, list);
        if (l->peer == p)
            line_read(l, on);
    }
}

static void renew(struct line *l)
{
    struct peer *p = l->peer;
    if (p == NULL || p->line != l)
        return;
    if (!l->dialled) {
        line_say(l, WIRE_REDIAL, (struct slice){0});
        return;
    }
    p->redial = true;
    p->dial_at = peers_now(p->all) + rng_below(p->all->rng, LIMIT_PEER_RENEW_MS);
    peers_arm(p);
}

void peers_use(struct peers *all, struct tls *tls)
{
    struct tls *old = all->tls;
    all->tls = tls_ref(tls);
    tls_unref(old);
    all->generation++;
    if (peers_stopping(all))
        return;
    tls_listener_use(&all->listener, tls);
    LIST_EACH (item, &all->lines)
        renew(LIST_ENTRY(item, struct line, list));
}

bool peers_connected(const struct peers *all, int64_t id)
{
    const struct peer *p = peers_find(all, id);
    return p != NULL && p->line != NULL;
}
