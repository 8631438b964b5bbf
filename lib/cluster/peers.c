/* Who there is, which line to use, when to dial. A line's own business is in line.c. */
#include "cluster/peers.h"

#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "cluster/line.h"

#define PAUSE_MS_MIN 20 /* on average, after the first failure */

struct attempt {
    struct dial dial;
    struct peer *peer;
    unsigned generation; /* of the certificate that it shows */
    bool canceled, late;
};

struct lane {
    struct list queue;
    size_t n, bytes;
    bool refused; /* somebody waits for on_room() */
};

struct peer {
    int64_t id;
    struct peers *all;
    bool has_address;
    struct address address;
    struct line *line;   /* what is sent goes there; NULL: none */
    struct line *asking; /* ours, not welcomed yet */
    struct line *spare;  /* the other side's dial, which yields to `line` */
    struct attempt *attempt;
    bool up;      /* on_up() was told, on_down() not yet */
    bool redial;  /* although there is a line */
    bool moving;  /* no line, but the other side has promised one */
    bool reading; /* the owner wants frames */
    bool forgotten;
    bool told;    /* that it cannot be reached */
    size_t lines; /* whose `peer` this is */
    uint64_t up_since;
    unsigned failures;
    uint64_t dial_at, gap_ends, attempt_ends;
    struct lane lanes[PEERS_LANES];
    uv_timer_t timer;
    int handles; /* the timer, an attempt */
};

static uint64_t now_of(const struct peers *all)
{
    return uv_now(&all->loop->uv);
}

static struct peer *find(const struct peers *all, int64_t id)
{
    return map_get(all->by_id, (uint64_t)id);
}

static bool stopping(const struct peers *all)
{
    return all->stopped != NULL;
}

static void handle_gone(struct peers *all)
{
    if (--all->handles > 0)
        return;
    map_free(all->by_id);
    tls_unref(all->tls);
    all->stopped(all);
}

/* ---- what waits */
static size_t waiting(const struct peer *p)
{
    return p->lanes[PEERS_URGENT].n + p->lanes[PEERS_BULK].n;
}

static void unqueue(struct lane *lane, struct parcel *parcel)
{
    list_remove(&parcel->list);
    lane->n--;
    lane->bytes -= parcel->size;
}

static void drop_queues(struct peer *p, bool all)
{
    for (int i = 0; i < PEERS_LANES; i++)
        LIST_EACH (item, &p->lanes[i].queue) {
            struct parcel *parcel = LIST_ENTRY(item, struct parcel, list);
            if (!all && !parcel->may_drop)
                continue;
            unqueue(&p->lanes[i], parcel);
            mem_free(parcel);
        }
}

static bool has_room(const struct lane *lane, size_t size)
{
    return lane->n < LIMIT_PEER_QUEUE && lane->bytes + size <= LIMIT_PEER_QUEUE_BYTES;
}

/* Drops the oldest of what may be dropped, as far as that is needed. */
static bool make_room(struct lane *lane, size_t size)
{
    LIST_EACH (item, &lane->queue) {
        struct parcel *parcel = LIST_ENTRY(item, struct parcel, list);
        if (has_room(lane, size))
            break;
        if (!parcel->may_drop)
            continue;
        unqueue(lane, parcel);
        mem_free(parcel);
    }
    return has_room(lane, size);
}

static void enqueue(struct lane *lane, struct slice frame, bool may_drop)
{
    struct wire_head head = wire_head(WIRE_DATA, frame.len);
    struct parcel *parcel = mem_alloc(sizeof(*parcel) + sizeof(head.bytes) + frame.len);
    parcel->may_drop = may_drop;
    parcel->size = sizeof(head.bytes) + frame.len;
    memcpy(parcel->bytes, head.bytes, sizeof(head.bytes));
    memcpy(parcel->bytes + sizeof(head.bytes), frame.p, frame.len);
    list_push(&lane->queue, &parcel->list);
    lane->n++;
    lane->bytes += parcel->size;
}

struct load { /* one write to the system */
    size_t n, bytes;
};

/* One frame at least, and of all of them no more than `most` and LIMIT_PEER_WRITE_BYTES. */
static void load_from(struct lane *lane, size_t most, struct line *l, struct load *load)
{
    for (size_t taken = 0; !list_empty(&lane->queue) && load->n < most; taken++) {
        struct parcel *parcel = LIST_ENTRY(lane->queue.next, struct parcel, list);
        if (taken > 0 && load->bytes + parcel->size > LIMIT_PEER_WRITE_BYTES)
            break;
        unqueue(lane, parcel);
        list_push(&l->sending, &parcel->list);
        load->n++;
        load->bytes += parcel->size;
    }
}

static void on_line_idle(struct line *l)
{
    struct peer *p = l->peer;
    struct load load = {0};
    if (p == NULL || p->line != l)
        return;
    load_from(&p->lanes[PEERS_URGENT], LIMIT_PEER_WRITE - 1, l, &load);
    load_from(&p->lanes[PEERS_BULK], LIMIT_PEER_WRITE, l, &load);
    if (stopping(l->all) && waiting(p) == 0)
        line_leave(l, WIRE_BYE, (struct slice){0}, LIMIT_PEER_GOODBYE_MS);
}

static bool has_room_again(struct lane *lane)
{
    if (!lane->refused || lane->n > LIMIT_PEER_QUEUE / 2 ||
        lane->bytes > LIMIT_PEER_QUEUE_BYTES / 2)
        return false;
    lane->refused = false;
    return true;
}

static void on_line_sent(struct line *l)
{
    struct peer *p = l->peer;
    if (p == NULL || stopping(l->all))
        return;
    bool urgent = has_room_again(&p->lanes[PEERS_URGENT]);
    bool bulk = has_room_again(&p->lanes[PEERS_BULK]);
    if ((urgent || bulk) && l->all->events->on_room != NULL)
        l->all->events->on_room(l->all, p->id);
}

/* ---- a peer's life */
static void on_due(uv_timer_t *timer);

static void part_gone(struct peer *p)
{
    if (--p->handles > 0)
        return;
    struct peers *all = p->all;
    mem_free(p);
    handle_gone(all);
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

static void cancel_attempt(struct peer *p)
{
    if (p->attempt == NULL || p->attempt->canceled)
        return;
    p->attempt->canceled = true;
    dial_cancel(&p->attempt->dial);
}

static void on_timer_closed(uv_handle_t *timer)
{
    part_gone(timer->data);
}

static void peer_end(struct peer *p)
{
    ASSERT(p->lines == 0);
    p->forgotten = true;
    map_remove(p->all->by_id, (uint64_t)p->id);
    drop_queues(p, true);
    cancel_attempt(p);
    uv_close((uv_handle_t *)&p->timer, on_timer_closed);
}

/* ---- when to do what */
static bool wants_line(const struct peer *p)
{
    return p->has_address && p->attempt == NULL && p->asking == NULL && !stopping(p->all) &&
           (p->redial || (p->line == NULL && waiting(p) > 0));
}

static void arm(struct peer *p)
{
    uint64_t now = now_of(p->all), due = UINT64_MAX;
    if (wants_line(p))
        due = p->dial_at;
    if (p->attempt != NULL && !p->attempt->canceled)
        due = p->attempt_ends;
    if (p->moving && p->gap_ends < due)
        due = p->gap_ends;
    if (due == UINT64_MAX)
        uv_timer_stop(&p->timer);
    else
        uv_timer_start(&p->timer, on_due, due > now ? due - now : 0, 0);
}

/* Between the half and the whole of a pause that doubles. */
static void pause_dialling(struct peer *p)
{
    unsigned doublings = p->failures < 16 ? p->failures : 16;
    uint64_t pause = (uint64_t)PAUSE_MS_MIN << doublings;
    if (pause > LIMIT_PEER_PAUSE_MS)
        pause = LIMIT_PEER_PAUSE_MS;
    p->failures++;
    p->dial_at = now_of(p->all) + pause / 2 + rng_below(p->all->rng, pause / 2 + 1);
}

static void trouble(struct peers *all, int64_t id, const struct error *err)
{
    if (!stopping(all) && all->events->on_trouble != NULL)
        all->events->on_trouble(all, id, err);
}

static void dial_failed(struct peer *p, const struct error *err)
{
    bool first = !p->told;
    p->told = true;
    pause_dialling(p);
    if (p->line == NULL)
        drop_queues(p, false);
    arm(p);
    if (first)
        trouble(p->all, p->id, err);
}

/* Whom we have no address of is known for as long as it is connected. */
static void settle(struct peer *p)
{
    bool known = p->has_address && !stopping(p->all);
    if (!known && p->line == NULL && !p->moving)
        drop_queues(p, true);
    if (known || p->lines > 0 || p->moving)
        arm(p);
    else
        peer_end(p);
}

static void went_down(struct peer *p, enum peers_end how, const struct error *err)
{
    struct peers *all = p->all;
    int64_t id = p->id;
    bool was_up = p->up;
    p->up = p->moving = p->redial = false;
    if (now_of(all) - p->up_since >= LIMIT_PEER_BEAT_MS)
        p->failures = 0; /* it was a real one */
    pause_dialling(p);
    settle(p);
    if (was_up && !stopping(all))
        all->events->on_down(all, id, how, err);
}

/* ---- which line */
static const struct line_events line_events; /* below */

/* Before the loop waits again it sends what it has, and who waits for room is told. */
static void push_soon(struct line *l)
{
    if (list_empty(&l->dirty))
        list_push(&l->all->dirty, &l->dirty);
}

static struct line *line_begin(struct peers *all, struct peer *p, struct stream *s, bool dialled,
                               unsigned generation)
{
    struct line *l = line_new(all->loop, s, &line_events);
    l->all = all;
    l->peer = p;
    l->dialled = dialled;
    l->generation = generation;
    list_push(&all->lines, &l->list);
    list_init(&l->dirty);
    all->handles++;
    if (p == NULL)
        return l;
    p->lines++;
    line_read(l, p->reading);
    line_say(l, WIRE_WELCOME, (struct slice){0});
    return l;
}

/* The other side is told that what follows comes over another one; what it has sent is read. */
static void retire(struct line *l)
{
    if (l != NULL)
        line_leave(l, WIRE_MOVED, (struct slice){0}, LIMIT_PEER_SILENT_MS);
}

/* Of two lines, does the newer win? Else its owner must see for itself that the older is there. */
static bool newer_wins(const struct peer *p, const struct line *newer)
{
    bool ours_is_lower = p->all->self < p->id;
    return newer->dialled == p->line->dialled || newer->dialled == ours_is_lower;
}

static void use(struct peer *p, struct line *l)
{
    struct line *old = p->line;
    p->line = l;
    p->moving = false;
    if (l->generation == p->all->generation)
        p->redial = false;
    retire(old);
    line_push(l);
    push_soon(l);
    arm(p);
}

/* A line over which both sides let each other in. */
static void take(struct peer *p, struct line *l)
{
    struct peers *all = p->all;
    bool first = !p->up;
    l->welcome = true;
    p->told = false;
    if (first)
        p->up_since = now_of(all);
    if (!l->dialled && p->id < all->self)
        cancel_attempt(p);
    if (p->line == NULL || newer_wins(p, l)) {
        use(p, l);
    } else if (l->dialled) {
        retire(l); /* the lower one's is here */
    } else {
        /* It had not seen our dial yet, or it has lost that line and we do not know: then the next
         * byte tells. */
        retire(p->spare);
        p->spare = l;
        line_say(p->line, WIRE_BEAT, (struct slice){0});
    }
    p->up = true;
    if (first)
        all->events->on_up(all, p->id);
}

/* True if it was the one in use and there is no other. */
static bool unlink_line(struct peer *p, struct line *l)
{
    if (p->spare == l)
        p->spare = NULL;
    if (p->asking == l)
        p->asking = NULL;
    if (p->line != l)
        return false;
    p->line = p->spare;
    p->spare = NULL;
    if (p->line == NULL)
        return true;
    line_push(p->line);
    push_soon(p->line);
    return false;
}

static void on_line_lost(struct line *l, enum peers_end how, const struct error *err)
{
    struct peer *p = l->peer;
    if (p == NULL)
        return;
    bool asked = p->asking == l;
    l->peer = NULL;
    p->lines--;
    bool down = unlink_line(p, l);
    if (asked && !stopping(p->all))
        dial_failed(p, err);
    else if (down)
        went_down(p, how, err);
    else
        settle(p);
}

static void on_line_closed(struct line *l)
{
    list_remove(&l->list);
    list_remove(&l->dirty);
    handle_gone(l->all);
}

static void on_moved(struct line *l)
{
    struct peer *p = l->peer;
    if (unlink_line(p, l)) {
        p->moving = true;
        p->gap_ends = now_of(p->all) + LIMIT_PEER_SILENT_MS;
        p->dial_at = now_of(p->all);
    }
    retire(l);
    arm(p);
}

/* ---- frames */
static void on_welcome(struct line *l)
{
    struct peer *p = l->peer;
    if (l->welcome || l->state != LINE_OPEN)
        return;
    if (p->asking == l)
        p->asking = NULL;
    take(p, l);
}

static void on_refused_us(struct line *l, struct slice why)
{
    struct error err;
    char text[160];
    struct peers *all = l->all;
    int64_t id = l->peer->id;
    struct tls_peer who = *tls_peer(l->stream);
    struct buf said;
    buf_init(&said, WIRE_TEXT_MAX + 1);
    buf_put_slice(&said, why); /* the line's own goes with it */
    error_set(&err, ERR_INVALID, "it refused us: %s",
              str_quote(text, sizeof(text), why.p, why.len));
    line_close(l);
    on_line_lost(l, PEERS_CLOSED, &err);
    if (all->events->on_refused != NULL && !stopping(all))
        all->events->on_refused(all, id, &who, buf_slice(&said));
    buf_close(&said);
}

static void on_bye(struct line *l)
{
    struct error err;
    error_set(&err, ERR_UNAVAILABLE, "it has stopped");
    line_close(l);
    on_line_lost(l, PEERS_BYE, &err);
}

static void on_redial(struct line *l)
{
    struct peer *p = l->peer;
    if (!l->dialled || p->line != l || p->redial)
        return;
    p->redial = true;
    p->dial_at = now_of(p->all) + rng_below(p->all->rng, LIMIT_PEER_RENEW_MS);
    arm(p);
}

static void on_line_frame(struct line *l, const struct wire_frame *f)
{
    if (l->peer == NULL || stopping(l->all))
        return;
    switch (f->kind) {
    case WIRE_DATA:
        if (l->welcome && l->peer->up)
            l->all->events->on_frame(l->all, l->peer->id, f->body);
        return;
    case WIRE_WELCOME:
        on_welcome(l);
        return;
    case WIRE_REFUSED:
        on_refused_us(l, f->body);
        return;
    case WIRE_MOVED:
        on_moved(l);
        return;
    case WIRE_REDIAL:
        on_redial(l);
        return;
    case WIRE_BYE:
        on_bye(l);
        return;
    case WIRE_BEAT:
        return;
    }
    UNREACHABLE("wire_read() lets no other kind in");
}

static const struct line_events line_events = {.on_idle = on_line_idle,
                                               .on_sent = on_line_sent,
                                               .on_frame = on_line_frame,
                                               .on_lost = on_line_lost,
                                               .on_closed = on_line_closed};

/* ---- who is it */
/* Its id, or 0 and the reason why it cannot stay. */
static int64_t identify(struct peers *all, const struct tls_peer *who, struct error *err)
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
    struct line *l = line_begin(all, NULL, s, false, all->generation);
    line_leave(l, WIRE_REFUSED, slice_of(why->text), LIMIT_TLS_LINGER_MS);
    trouble(all, id, why);
}

static void on_stream(struct tls_listener *listener, struct stream *s)
{
    struct peers *all = listener->data;
    struct error err = {0};
    const struct tls_peer *who = tls_peer(s);
    int64_t id = identify(all, who, &err);
    if (id == 0) {
        if (!str_to_i64(who->name, &id))
            id = 0;
        refuse(all, s, id, &err);
        return;
    }
    struct peer *p = find(all, id);
    if (p == NULL)
        p = peer_new(all, id);
    line_begin(all, p, s, false, all->generation);
}

static void on_stranger(struct tls_listener *listener, struct stream *s)
{
    struct peers *all = listener->data;
    all->events->on_stranger(all, s);
}

static void on_refused(struct tls_listener *listener, const struct error *err)
{
    trouble(listener->data, 0, err);
}

static const struct tls_listener_events members_only = {.on_stream = on_stream,
                                                        .on_refused = on_refused};
static const struct tls_listener_events strangers_too = {
    .on_stream = on_stream, .on_stranger = on_stranger, .on_refused = on_refused};

/* ---- dialling */
static int check_dialled(struct peer *p, struct stream *s, struct error *err)
{
    char where[ADDRESS_SIZE];
    int64_t id = identify(p->all, tls_peer(s), err);
    if (id == p->id)
        return 0;
    if (id != 0)
        error_set(err, ERR_CONFLICT, "node %lld answers there", (long long)id);
    return error_wrap(err, "dialling node %lld at %.100s", (long long)p->id,
                      address_text(&p->address, where));
}

static void on_connected(struct peer *p, struct attempt *a, struct stream *s)
{
    struct error err = {0};
    if (check_dialled(p, s, &err) == 0) {
        p->asking = line_begin(p->all, p, s, true, a->generation);
        arm(p);
        return;
    }
    struct line *l = line_begin(p->all, NULL, s, true, a->generation);
    line_leave(l, WIRE_BYE, (struct slice){0}, LIMIT_TLS_LINGER_MS);
    dial_failed(p, &err);
}

static void on_dialled(struct dial *d, struct stream *s, const struct error *err)
{
    struct attempt *a = d->data;
    struct peer *p = a->peer;
    struct error why = err != NULL ? *err : (struct error){0};
    p->attempt = NULL;
    if (a->late)
        error_set(&why, ERR_UNAVAILABLE, "no connection after %d ms", LIMIT_PEER_DIAL_MS);
    if (s != NULL && (a->canceled || p->forgotten || stopping(p->all))) {
        stream_close(s, NULL);
        s = NULL;
    }
    if (p->forgotten || (a->canceled && !a->late))
        ; /* nobody waits for it any more */
    else if (s != NULL)
        on_connected(p, a, s);
    else
        dial_failed(p, &why);
    if (!p->forgotten)
        arm(p);
    mem_free(a);
    part_gone(p);
}

static void dial(struct peer *p)
{
    struct error err;
    struct attempt *a = NEW(struct attempt);
    a->dial.data = a;
    a->peer = p;
    a->generation = p->all->generation;
    if (dial_tls(&a->dial, p->all->loop, p->address.host, p->address.port, p->all->tls, on_dialled,
                 &err) != 0) {
        mem_free(a);
        dial_failed(p, &err);
        return;
    }
    p->attempt = a;
    p->attempt_ends = now_of(p->all) + LIMIT_PEER_DIAL_MS;
    p->handles++;
    arm(p);
}

static void on_gap_over(struct peer *p)
{
    struct error err;
    error_set(&err, ERR_UNAVAILABLE, "it did not come back over another connection");
    went_down(p, PEERS_SILENT, &err);
}

static void on_due(uv_timer_t *timer)
{
    struct peer *p = timer->data;
    uint64_t now = now_of(p->all);
    if (p->attempt != NULL && !p->attempt->canceled && now >= p->attempt_ends) {
        p->attempt->late = true;
        cancel_attempt(p);
    }
    if (p->moving && now >= p->gap_ends)
        on_gap_over(p);
    else if (wants_line(p) && now >= p->dial_at)
        dial(p);
    else
        arm(p);
}

/* ---- the doors */
static void push_dirty(struct peers *all)
{
    struct list *item;
    while ((item = list_pop(&all->dirty)) != NULL) {
        struct line *l = LIST_ENTRY(item, struct line, dirty);
        line_push(l);
        if (l->peer != NULL && waiting(l->peer) == 0)
            on_line_sent(l); /* at once: no end of a write tells of it */
    }
}

static void on_check(uv_check_t *check)
{
    push_dirty(check->data);
}

static void on_prepare(uv_prepare_t *prepare)
{
    push_dirty(prepare->data);
}

static void start_pushing(struct peers *all)
{
    list_init(&all->dirty);
    uv_check_init(&all->loop->uv, &all->check);
    uv_prepare_init(&all->loop->uv, &all->prepare);
    all->check.data = all->prepare.data = all;
    uv_check_start(&all->check, on_check);
    uv_prepare_start(&all->prepare, on_prepare);
}

static void on_pushing_closed(uv_handle_t *handle)
{
    handle_gone(handle->data);
}

static void stop_pushing(struct peers *all)
{
    push_dirty(all);
    uv_close((uv_handle_t *)&all->check, on_pushing_closed);
    uv_close((uv_handle_t *)&all->prepare, on_pushing_closed);
}

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
    start_pushing(all);
    return 0;
}

static void on_listener_stopped(struct tls_listener *listener)
{
    handle_gone(listener->data);
}

static void say_goodbye(struct line *l)
{
    struct peer *p = l->peer;
    line_read(l, true); /* to hear that it has ended */
    line_limit(l, LIMIT_PEER_GOODBYE_MS);
    if (p != NULL && p->line == l && waiting(p) > 0) {
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
    stop_pushing(all);
    tls_listener_stop(&all->listener, on_listener_stopped);
    LIST_EACH (item, &all->lines)
        say_goodbye(LIST_ENTRY(item, struct line, list));
    while ((p = map_each(all->by_id, &cursor)) != NULL)
        every[n++] = p;
    while (n > 0) {
        p = every[--n];
        cancel_attempt(p);
        p->moving = false;
        settle(p);
    }
    mem_free(every);
}

void peers_know(struct peers *all, int64_t id, const struct address *address)
{
    struct peer *p = find(all, id);
    if (stopping(all) || id == all->self)
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
    cancel_attempt(p);
    arm(p);
}

void peers_forget(struct peers *all, int64_t id)
{
    struct peer *p = find(all, id);
    if (p == NULL || stopping(all))
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

int peers_send(struct peers *all, int64_t id, enum peers_lane lane, struct slice frame,
               enum peers_keep keep, struct error *err)
{
    struct peer *p = find(all, id);
    if (stopping(all))
        return error_set(err, ERR_CANCELED, "this node is stopping");
    if (frame.len > LIMIT_FRAME_BYTES)
        return error_set(err, ERR_LIMIT, "a frame of %zu bytes, need at most %d", frame.len,
                         LIMIT_FRAME_BYTES);
    if (p == NULL || (!p->has_address && !p->up))
        return error_set(err, ERR_NOT_FOUND, "node %lld: no address is known, and no connection",
                         (long long)id);
    struct lane *its = &p->lanes[lane];
    if (!make_room(its, WIRE_HEAD + frame.len)) {
        its->refused = true;
        if (p->line != NULL)
            push_soon(p->line);
        return error_set(err, ERR_LIMIT, "node %lld: %zu frames, %zu bytes wait for it already",
                         (long long)id, its->n, its->bytes);
    }
    enqueue(its, frame, keep == PEERS_MAY_DROP);
    /* What comes together leaves together, in one write; but Raft's has no time to lose. */
    if (p->line != NULL && keep == PEERS_MAY_DROP)
        line_push(p->line);
    else if (p->line != NULL)
        push_soon(p->line);
    else if (waiting(p) == 1)
        arm(p);
    return 0;
}

void peers_read(struct peers *all, int64_t id, bool on)
{
    struct peer *p = find(all, id);
    if (p == NULL || stopping(all))
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
    p->dial_at = now_of(p->all) + rng_below(p->all->rng, LIMIT_PEER_RENEW_MS);
    arm(p);
}

void peers_use(struct peers *all, struct tls *tls)
{
    struct tls *old = all->tls;
    all->tls = tls_ref(tls);
    tls_unref(old);
    all->generation++;
    if (stopping(all))
        return;
    tls_listener_use(&all->listener, tls);
    LIST_EACH (item, &all->lines)
        renew(LIST_ENTRY(item, struct line, list));
}

bool peers_connected(const struct peers *all, int64_t id)
{
    const struct peer *p = find(all, id);
    return p != NULL && p->line != NULL;
}
