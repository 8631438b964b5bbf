/* Two tables, `asked` here and `served` here, and for each node what it has of both. */
#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cluster/exchanges_private.h"

struct neighbour *exchanges_neighbour(struct exchanges *x, int64_t id)
{
    struct neighbour *n = map_get(x->nodes, (uint64_t)id);
    if (n != NULL)
        return n;
    n = NEW(struct neighbour);
    n->id = id;
    n->ours = x->begun;
    n->takes = LIMIT_FRAME_BYTES;
    n->numbers = map_new();
    list_init(&n->asked);
    list_init(&n->served);
    list_push(&x->all, &n->in_all);
    map_put(x->nodes, (uint64_t)id, n);
    return n;
}

/* ---------------- frames */

void exchanges_frame_init(struct buf *frame)
{
    buf_init(frame, LIMIT_PEER_FRAME_BYTES);
}

int exchanges_post(struct exchanges *x, struct neighbour *n, struct buf *frame, struct error *err)
{
    int rc;
    if (buf_full(frame))
        rc = error_set(err, ERR_LIMIT, "over %d bytes at once", LIMIT_PEER_FRAME_BYTES);
    else
        rc = peers_send(x->peers, n->id, PEERS_BULK, buf_slice(frame), PEERS_KEEP, err);
    buf_close(frame);
    return rc;
}

bool exchanges_say(struct exchanges *x, struct neighbour *n, struct buf *frame)
{
    struct error err;
    n->full = exchanges_post(x, n, frame, &err) != 0 && err.code == ERR_LIMIT;
    return !n->full; /* without a connection exchanges_down() settles all */
}

bool exchanges_say_number(struct exchanges *x, struct neighbour *n, enum exchange_frame_kind kind,
                          uint64_t number, uint64_t count)
{
    struct buf frame;
    exchanges_frame_init(&frame);
    exchange_frame_begin(&frame, kind, number, count);
    return exchanges_say(x, n, &frame);
}

/* ---------------- frames that come */

/* What is in the list now, and nothing that comes meanwhile. */
static void move_all(struct list *from, struct list *to)
{
    list_init(to);
    for (struct list *it; (it = list_pop(from)) != NULL;)
        list_push(to, it);
}

static void drop(struct exchanges *x, struct neighbour *n, const struct error *why)
{
    struct list asked, served;
    n->full = false;
    move_all(&n->asked, &asked);
    move_all(&n->served, &served);
    while (!list_empty(&asked))
        exchanges_fail(x, LIST_ENTRY(asked.next, struct asked, in_node), why);
    while (!list_empty(&served))
        exchanges_take_gone(x, LIST_ENTRY(served.next, struct served, in_node));
}

/* Of what was asked before it has begun anew it knows nothing, although the two of us may have been
 * connected all the time (cluster/peers.h). */
static void take_begun(struct exchanges *x, struct neighbour *n, uint64_t theirs, uint64_t takes)
{
    struct error err;
    bool anew = n->theirs != 0 && n->theirs != theirs;
    n->theirs = theirs;
    n->takes = takes > LIMIT_FRAME_BYTES ? (size_t)takes : LIMIT_FRAME_BYTES;
    error_set(&err, ERR_UNAVAILABLE, "it has lost its connection to this one");
    if (anew)
        drop(x, n, &err);
}

static int take(struct exchanges *x, struct neighbour *n, struct exchange_frame *f,
                struct error *err)
{
    switch (f->kind) {
    case EXCHANGE_SANDBOX:
    case EXCHANGE_REQUEST:
        return exchanges_take_request(x, n, f, err);
    case EXCHANGE_ANSWER: {
        struct answer a = f->answer;
        f->answer = (struct answer){0};
        return exchanges_take_answer(x, n, f->number, f->count, &a, err);
    }
    case EXCHANGE_CREDIT:
        exchanges_take_credit(x, map_get(n->numbers, f->number), f->count);
        return 0;
    case EXCHANGE_GONE:
        exchanges_take_gone(x, map_get(n->numbers, f->number));
        return 0;
    case EXCHANGE_BEGUN:
        take_begun(x, n, f->number, f->count);
        return 0;
    }
    UNREACHABLE("exchange_frame_read() knows these only");
}

int exchanges_frame(struct exchanges *x, int64_t node, struct slice frame, struct error *err)
{
    struct exchange_frame f;
    if (x->stopped != NULL)
        return 0;
    if (exchange_frame_read(frame, &f, err) != 0)
        return -1;
    int rc = take(x, exchanges_neighbour(x, node), &f, err);
    exchange_frame_close(&f);
    return rc;
}

/* ---------------- nodes that come and go */

static void greet(struct exchanges *x, struct neighbour *n)
{
    n->greets = !exchanges_say_number(x, n, EXCHANGE_BEGUN, n->ours, LIMIT_PEER_FRAME_BYTES);
}

void exchanges_up(struct exchanges *x, int64_t node)
{
    if (x->stopped == NULL)
        greet(x, exchanges_neighbour(x, node));
}

void exchanges_down(struct exchanges *x, int64_t node, const struct error *why)
{
    if (x->stopped != NULL)
        return;
    struct neighbour *n = exchanges_neighbour(x, node);
    n->ours++;
    n->theirs = 0;
    n->takes = LIMIT_FRAME_BYTES;
    n->full = n->greets = false;
    drop(x, n, why);
}

void exchanges_room(struct exchanges *x, int64_t node)
{
    if (x->stopped != NULL)
        return;
    struct neighbour *n = exchanges_neighbour(x, node);
    n->full = false;
    if (n->greets)
        greet(x, n);
    LIST_EACH (it, &n->asked)
        if (!n->full)
            exchanges_settle(x, LIST_ENTRY(it, struct asked, in_node));
    LIST_EACH (it, &n->served)
        if (!n->full)
            exchanges_pump(x, LIST_ENTRY(it, struct served, in_node));
}

/* ---------------- life */

void exchanges_start(struct exchanges *x, struct peers *peers, struct rng *rng,
                     const struct exchanges_events *events)
{
    *x = (struct exchanges){.data = x->data, .peers = peers, .events = events};
    list_init(&x->all);
    x->nodes = map_new();
    x->asked = map_new();
    x->named = map_new();
    x->served = map_new();
    /* by chance: a node may still answer what this one asked before it was started anew */
    x->last_number = rng_next(rng);
    x->begun = (uint64_t)rng_id(rng);
    uv_timer_init(&peers->loop->uv, &x->timer);
    x->timer.data = x;
}

static void on_timer_closed(uv_handle_t *timer)
{
    struct exchanges *x = timer->data;
    for (struct list *it; (it = list_pop(&x->all)) != NULL;) {
        struct neighbour *n = LIST_ENTRY(it, struct neighbour, in_all);
        map_free(n->numbers);
        mem_free(n);
    }
    map_free(x->nodes);
    map_free(x->asked);
    map_free(x->named);
    map_free(x->served);
    x->nodes = x->asked = x->named = x->served = NULL;
    x->stopped(x);
}

void exchanges_stop(struct exchanges *x, void (*stopped)(struct exchanges *x))
{
    struct error err;
    ASSERT(x->stopped == NULL && stopped != NULL);
    x->stopped = stopped;
    error_set(&err, ERR_CANCELED, "this node is stopping");
    LIST_EACH (it, &x->all)
        drop(x, LIST_ENTRY(it, struct neighbour, in_all), &err);
    uv_close((uv_handle_t *)&x->timer, on_timer_closed);
}
