/* What waits for a peer, and when it leaves. */
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "cluster/peers_private.h"

size_t peers_waiting(const struct peer *p)
{
    return p->lanes[PEERS_URGENT].n + p->lanes[PEERS_BULK].n;
}

static void unqueue(struct lane *lane, struct parcel *parcel)
{
    list_remove(&parcel->list);
    lane->n--;
    lane->bytes -= parcel->size;
}

void peers_drop_queues(struct peer *p, bool all)
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

void peers_on_idle(struct line *l)
{
    struct peer *p = l->peer;
    struct load load = {0};
    if (p == NULL || p->line != l)
        return;
    load_from(&p->lanes[PEERS_URGENT], LIMIT_PEER_WRITE - 1, l, &load);
    load_from(&p->lanes[PEERS_BULK], LIMIT_PEER_WRITE, l, &load);
    if (peers_stopping(l->all) && peers_waiting(p) == 0)
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

void peers_on_sent(struct line *l)
{
    struct peer *p = l->peer;
    if (p == NULL || peers_stopping(l->all))
        return;
    bool urgent = has_room_again(&p->lanes[PEERS_URGENT]);
    bool bulk = has_room_again(&p->lanes[PEERS_BULK]);
    if ((urgent || bulk) && l->all->events->on_room != NULL)
        l->all->events->on_room(l->all, p->id);
}

/* ---- when it leaves */
void peers_push_soon(struct line *l)
{
    if (list_empty(&l->dirty))
        list_push(&l->all->dirty, &l->dirty);
}

static void push_dirty(struct peers *all)
{
    struct list *item;
    while ((item = list_pop(&all->dirty)) != NULL) {
        struct line *l = LIST_ENTRY(item, struct line, dirty);
        line_push(l);
        if (l->peer != NULL && peers_waiting(l->peer) == 0)
            peers_on_sent(l); /* at once: no end of a write tells of it */
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

void peers_start_pushing(struct peers *all)
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
    peers_handle_gone(handle->data);
}

void peers_stop_pushing(struct peers *all)
{
    push_dirty(all);
    uv_close((uv_handle_t *)&all->check, on_pushing_closed);
    uv_close((uv_handle_t *)&all->prepare, on_pushing_closed);
}

int peers_send(struct peers *all, int64_t id, enum peers_lane lane, struct slice frame,
               enum peers_keep keep, struct error *err)
{
    struct peer *p = peers_find(all, id);
    if (peers_stopping(all))
        return error_set(err, ERR_CANCELED, "this node is stopping");
    if (frame.len > LIMIT_PEER_FRAME_BYTES)
        return error_set(err, ERR_LIMIT, "a frame of %zu bytes, need at most %d", frame.len,
                         LIMIT_PEER_FRAME_BYTES);
    if (p == NULL || (!p->has_address && !p->up))
        return error_set(err, ERR_NOT_FOUND, "node %lld: no address is known, and no connection",
                         (long long)id);
    struct lane *its = &p->lanes[lane];
    if (!make_room(its, WIRE_HEAD + frame.len)) {
        its->refused = true;
        if (p->line != NULL)
            peers_push_soon(p->line);
        return error_set(err, ERR_LIMIT, "node %lld: %zu frames, %zu bytes wait for it already",
                         (long long)id, its->n, its->bytes);
    }
    enqueue(its, frame, keep == PEERS_MAY_DROP);
    /* What comes together leaves together, in one write; but Raft's has no time to lose. */
    if (p->line != NULL && keep == PEERS_MAY_DROP)
        line_push(p->line);
    else if (p->line != NULL)
        peers_push_soon(p->line);
    else if (peers_waiting(p) == 1)
        peers_arm(p);
    return 0;
}
