/* Two tables, `asked` here and `served` here, and for each node what it has of both. */
#include "cluster/exchanges.h"

#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "cluster/exchange_frame.h"
#include "http/carry.h"

#define PIECE_BYTES (64 << 10) /* of a body in one frame */
#define LOOK_MS 250            /* for nodes that cannot be reached */
#define HELD_MAX 4096          /* answers that overtook others */

struct neighbour {
    int64_t id;
    struct list in_all;
    struct list asked, served;
    struct map *numbers;   /* its number -> struct served */
    size_t waiting;        /* bytes of bodies that wait for its credit */
    uint64_t ours, theirs; /* how often each has begun anew; theirs 0: it has not said */
    bool full, greets;     /* peers take nothing more for it, and so not our greeting either;
                              exchanges_room() follows */
};

struct asked {
    struct exchange_id id;
    uint64_t number;
    struct neighbour *node;
    struct list in_node;
    char *host; /* for people; NULL: a request, not a file */
    enum sandbox_shape shape;
    uint64_t since;   /* ms of the loop */
    uint64_t next;    /* the answer that comes next */
    struct map *held; /* count -> struct answer: came too early. NULL: none yet */
    size_t held_bytes;
    int64_t window; /* so much may still come */
    size_t owed;    /* credit that could not be told yet */
    bool has_head;
    bool gone; /* that, too, is still to be told */
};

struct piece {
    struct list in_served;
    struct answer a;
    size_t at; /* so much of its body has left */
};

struct served {
    struct exchange_id id;
    uint64_t number;
    struct neighbour *node;
    struct list in_node;
    struct list pieces;
    uint64_t next;
    int64_t credit;
    bool answered; /* the last of its answers is there: the owner knows it no more */
};

static struct neighbour *neighbour_of(struct exchanges *x, int64_t id)
{
    struct neighbour *n = map_get(x->nodes, (uint64_t)id);
    if (n != NULL)
        return n;
    n = NEW(struct neighbour);
    n->id = id;
    n->ours = x->begun;
    n->numbers = map_new();
    list_init(&n->asked);
    list_init(&n->served);
    list_push(&x->all, &n->in_all);
    map_put(x->nodes, (uint64_t)id, n);
    return n;
}

/* ---------------- frames */

static void frame_init(struct buf *frame)
{
    buf_init(frame, LIMIT_FRAME_BYTES);
}

/* Closes the frame. */
static int post(struct exchanges *x, struct neighbour *n, struct buf *frame, struct error *err)
{
    int rc;
    if (buf_full(frame))
        rc = error_set(err, ERR_LIMIT, "over %d bytes at once", LIMIT_FRAME_BYTES);
    else
        rc = peers_send(x->peers, n->id, PEERS_BULK, buf_slice(frame), PEERS_KEEP, err);
    buf_close(frame);
    return rc;
}

/* Of what waits by itself for another chance: true if it has left, or need not. */
static bool say(struct exchanges *x, struct neighbour *n, struct buf *frame)
{
    struct error err;
    n->full = post(x, n, frame, &err) != 0 && err.code == ERR_LIMIT;
    return !n->full; /* without a connection exchanges_down() settles all */
}

static bool say_number(struct exchanges *x, struct neighbour *n, enum exchange_frame_kind kind,
                       uint64_t number, uint64_t count)
{
    struct buf frame;
    frame_init(&frame);
    exchange_frame_begin(&frame, kind, number, count);
    return say(x, n, &frame);
}

/* ---------------- asked here */

static void asked_free(struct exchanges *x, struct asked *a)
{
    struct answer *held;
    if (a->held != NULL)
        for (size_t cursor = 0; (held = map_each(a->held, &cursor)) != NULL;) {
            answer_close(held);
            mem_free(held);
        }
    map_free(a->held);
    if (!a->gone)
        map_remove(x->asked, a->id.v);
    map_remove(x->named, a->number);
    list_remove(&a->in_node);
    mem_free(a->host);
    mem_free(a);
}

/* The last answer: nothing of it is left when it is given. */
static void finish(struct exchanges *x, struct asked *a, struct answer *last)
{
    bool gone = a->gone;
    last->id = a->id;
    asked_free(x, a);
    if (gone)
        answer_close(last);
    else
        x->events->answer(x->data, last);
}

/* As the door that was asked says it (cmd/mesolith/files.c does so too). */
static struct answer refusal(const struct asked *a, const char *why)
{
    struct buf body;
    struct json_writer w;
    if (a->host == NULL)
        return answer_busy(a->id, why);
    buf_init(&body, 4096);
    if (a->shape == SHAPE_MESOS) {
        buf_printf(&body, "%s", why);
        return answer_whole_take(a->id, 503, "text/plain", &body);
    }
    json_begin(&w, &body);
    json_object(&w);
    json_key(&w, "error");
    json_object(&w);
    json_member_str(&w, "code", error_name(ERR_UNAVAILABLE));
    json_member_str(&w, "message", why);
    json_object_end(&w);
    json_object_end(&w);
    return answer_whole_take(a->id, 503, "application/json", &body);
}

static void fail(struct exchanges *x, struct asked *a, const struct error *why)
{
    struct buf text;
    buf_init(&text, 2048);
    if (a->host != NULL)
        buf_printf(&text, "node %lld (%.200s) has the file, and cannot be asked: %s",
                   (long long)a->node->id, a->host, why->text);
    else
        buf_printf(&text, "this node has no state of its own, and node %lld cannot be asked: %s",
                   (long long)a->node->id, why->text);
    struct answer last = a->has_head ? answer_abort(a->id) : refusal(a, buf_str(&text));
    buf_close(&text);
    finish(x, a, &last);
}

/* What could not be said before. The exchange may end here. */
static void settle(struct exchanges *x, struct asked *a)
{
    if (a->gone) {
        if (say_number(x, a->node, EXCHANGE_GONE, a->number, 0))
            asked_free(x, a);
    } else if (a->owed > 0 && say_number(x, a->node, EXCHANGE_CREDIT, a->number, a->owed)) {
        a->owed = 0;
    }
}

static void on_look(uv_timer_t *timer);

/* Closes the frame. */
static void ask(struct exchanges *x, struct asked *a, struct buf *frame)
{
    struct error err;
    a->since = uv_now(&x->peers->loop->uv);
    a->window = EXCHANGE_WINDOW;
    map_put(x->named, a->number, a);
    map_put(x->asked, a->id.v, a);
    list_push(&a->node->asked, &a->in_node);
    if (post(x, a->node, frame, &err) != 0)
        fail(x, a, &err);
    else if (!peers_connected(x->peers, a->node->id) && !uv_is_active((uv_handle_t *)&x->timer))
        uv_timer_start(&x->timer, on_look, LOOK_MS, LOOK_MS);
}

static bool refused(struct exchanges *x, struct exchange_id id)
{
    struct answer busy;
    if (x->stopped == NULL)
        return false;
    busy = answer_busy(id, "this node is stopping");
    x->events->answer(x->data, &busy);
    return true;
}

static struct asked *asked_new(struct exchanges *x, struct exchange_id id, int64_t node)
{
    struct asked *a = NEW(struct asked);
    a->id = id;
    a->number = ++x->last_number;
    a->node = neighbour_of(x, node);
    return a;
}

void exchanges_sandbox(struct exchanges *x, struct exchange_id id, struct sandbox_request *r)
{
    struct buf frame;
    if (refused(x, id)) {
        sandbox_request_free(r);
        return;
    }
    struct asked *a = asked_new(x, id, r->node);
    a->host = mem_strdup(r->host != NULL ? r->host : "?");
    a->shape = r->shape;
    frame_init(&frame);
    exchange_frame_begin(&frame, EXCHANGE_SANDBOX, a->number, 0);
    exchange_frame_sandbox(&frame, r);
    sandbox_request_free(r);
    ask(x, a, &frame);
}

void exchanges_request(struct exchanges *x, struct exchange_id id, int64_t node, struct request *r)
{
    struct buf frame;
    if (refused(x, id)) {
        request_free(r);
        return;
    }
    struct asked *a = asked_new(x, id, node);
    frame_init(&frame);
    exchange_frame_begin(&frame, EXCHANGE_REQUEST, a->number, 0);
    carry_request(r, &frame);
    request_free(r);
    ask(x, a, &frame);
}

bool exchanges_credit(struct exchanges *x, struct exchange_id id, size_t bytes)
{
    struct asked *a = x->asked != NULL ? map_get(x->asked, id.v) : NULL;
    if (a == NULL)
        return false;
    a->window += (int64_t)bytes;
    a->owed += bytes;
    if (!a->node->full)
        settle(x, a);
    return true;
}

bool exchanges_gone(struct exchanges *x, struct exchange_id id)
{
    struct asked *a = x->asked != NULL ? map_remove(x->asked, id.v) : NULL;
    if (a == NULL)
        return false;
    a->gone = true;
    if (!a->node->full)
        settle(x, a);
    return true;
}

/* Those of a node that has not been reached for too long: they were asked in this order. */
static void give_up(struct exchanges *x, struct neighbour *n)
{
    struct error err;
    uint64_t now = uv_now(&x->peers->loop->uv);
    error_set(&err, ERR_UNAVAILABLE, "it was not reached within %d ms", LIMIT_EXCHANGE_REACH_MS);
    while (!list_empty(&n->asked)) {
        struct asked *a = LIST_ENTRY(n->asked.next, struct asked, in_node);
        if (now - a->since < LIMIT_EXCHANGE_REACH_MS)
            return;
        fail(x, a, &err);
    }
}

static void on_look(uv_timer_t *timer)
{
    struct exchanges *x = timer->data;
    bool waiting = false;
    LIST_EACH (it, &x->all) {
        struct neighbour *n = LIST_ENTRY(it, struct neighbour, in_all);
        if (list_empty(&n->asked) || peers_connected(x->peers, n->id))
            continue;
        waiting = true;
        give_up(x, n);
    }
    if (!waiting)
        uv_timer_stop(timer);
}

/* ---------------- answers that come */

static bool is_last(enum answer_kind kind)
{
    return kind == ANSWER_WHOLE || kind == ANSWER_END || kind == ANSWER_ABORT;
}

static bool is_in_place(const struct asked *a, const struct answer *answer)
{
    bool begins = answer->kind == ANSWER_WHOLE || answer->kind == ANSWER_HEAD;
    return answer->kind == ANSWER_ABORT || begins == !a->has_head;
}

/* The node that was asked is told, and the client that there is no more. */
static int cut(struct exchanges *x, struct asked *a, struct error *err)
{
    error_set(err, ERR_SYNTAX, "it answered what was not asked");
    say_number(x, a->node, EXCHANGE_GONE, a->number, 0);
    fail(x, a, err);
    return -1;
}

/* Takes the answer, which is the next one. */
static int give(struct exchanges *x, struct asked *a, struct answer *answer, struct error *err)
{
    if (answer->kind == ANSWER_PART)
        a->window -= (int64_t)blob_slice(answer->body).len;
    if (!is_in_place(a, answer) || a->window < -PIECE_BYTES) {
        answer_close(answer);
        return cut(x, a, err);
    }
    a->next++;
    a->has_head = a->has_head || answer->kind == ANSWER_HEAD;
    answer->id = a->id;
    if (is_last(answer->kind))
        finish(x, a, answer);
    else if (a->gone)
        answer_close(answer);
    else
        x->events->answer(x->data, answer);
    return 0;
}

/* Takes the answer. What is held is on its way, so it is within the window too. */
static int hold(struct exchanges *x, struct asked *a, uint64_t count, struct answer *answer,
                struct error *err)
{
    a->held_bytes += blob_slice(answer->body).len;
    if (a->held_bytes > EXCHANGE_WINDOW + PIECE_BYTES) {
        answer_close(answer);
        return cut(x, a, err);
    }
    struct answer *copy = mem_dup(answer, sizeof *answer);
    *answer = (struct answer){0};
    if (a->held == NULL)
        a->held = map_new();
    struct answer *before = map_put(a->held, count, copy);
    if (before == NULL)
        return 0;
    a->held_bytes -= blob_slice(before->body).len;
    answer_close(before);
    mem_free(before);
    return error_set(err, ERR_SYNTAX, "exchange: one answer twice");
}

/* Nobody here knows the number: it ended here, and the other side has not heard of it, or the
 * client left before its request had arrived there. */
static void answer_unknown(struct exchanges *x, struct neighbour *n, uint64_t number,
                           enum answer_kind kind)
{
    if (!is_last(kind))
        say_number(x, n, EXCHANGE_GONE, number, 0);
}

/* Takes the answer. */
static int take_answer(struct exchanges *x, struct neighbour *n, uint64_t number, uint64_t count,
                       struct answer *answer, struct error *err)
{
    struct asked *a = map_get(x->named, number);
    if (a == NULL) {
        answer_unknown(x, n, number, answer->kind);
        answer_close(answer);
        return 0;
    }
    if (a->node != n || count < a->next || count - a->next > HELD_MAX) {
        answer_close(answer);
        return error_set(err, ERR_SYNTAX, "exchange: an answer of another time or node");
    }
    if (count > a->next)
        return hold(x, a, count, answer, err);
    if (give(x, a, answer, err) != 0)
        return -1;
    /* each call may have ended it */
    while ((a = map_get(x->named, number)) != NULL && a->held != NULL) {
        struct answer *next = map_remove(a->held, a->next);
        if (next == NULL)
            break;
        a->held_bytes -= blob_slice(next->body).len;
        int rc = give(x, a, next, err);
        mem_free(next);
        if (rc != 0)
            return -1;
    }
    return 0;
}

/* ---------------- served here */

static void piece_free(struct served *s, struct piece *p)
{
    s->node->waiting -= blob_slice(p->a.body).len;
    list_remove(&p->in_served);
    answer_close(&p->a);
    mem_free(p);
}

static void served_free(struct exchanges *x, struct served *s)
{
    while (!list_empty(&s->pieces))
        piece_free(s, LIST_ENTRY(s->pieces.next, struct piece, in_served));
    map_remove(x->served, s->id.v);
    map_remove(s->node->numbers, s->number);
    list_remove(&s->in_node);
    mem_free(s);
}

static void write_answer(struct buf *frame, struct served *s, struct answer *a)
{
    frame_init(frame);
    exchange_frame_begin(frame, EXCHANGE_ANSWER, s->number, s->next);
    carry_answer(a, frame);
}

/* Whether that much of it has left; the last of it is its end. */
static bool say_part(struct exchanges *x, struct served *s, struct piece *p)
{
    struct buf frame;
    struct slice body = blob_slice(p->a.body);
    size_t len = body.len - p->at < PIECE_BYTES ? body.len - p->at : PIECE_BYTES;
    struct answer part = {.kind = ANSWER_PART, .body = blob_of(body.p + p->at, len)};
    write_answer(&frame, s, &part);
    answer_close(&part);
    if (!say(x, s->node, &frame))
        return false;
    s->credit -= (int64_t)len;
    p->at += len;
    return true;
}

static bool say_piece(struct exchanges *x, struct served *s, struct piece *p)
{
    struct buf frame;
    if (p->a.kind == ANSWER_PART)
        return say_part(x, s, p);
    write_answer(&frame, s, &p->a);
    return say(x, s->node, &frame);
}

/* As much as credit and the connection allow. The exchange may end here. */
static void pump(struct exchanges *x, struct served *s)
{
    while (!list_empty(&s->pieces) && !s->node->full) {
        struct piece *p = LIST_ENTRY(s->pieces.next, struct piece, in_served);
        enum answer_kind kind = p->a.kind;
        if ((kind == ANSWER_PART && s->credit <= 0) || !say_piece(x, s, p))
            return;
        s->next++;
        if (kind == ANSWER_PART && p->at < blob_slice(p->a.body).len)
            continue;
        piece_free(s, p);
        if (is_last(kind)) {
            served_free(x, s);
            return;
        }
    }
}

/* Takes the answer. */
static void queue(struct served *s, struct answer a)
{
    struct piece *p = NEW(struct piece);
    p->a = a;
    s->node->waiting += blob_slice(a.body).len;
    s->answered = s->answered || is_last(a.kind);
    list_push(&s->pieces, &p->in_served);
}

/* A long answer goes in parts, so that it waits for credit here, and not on the way. */
static void queue_in_parts(struct served *s, struct answer *a)
{
    struct answer part = {.kind = ANSWER_PART, .body = a->body};
    a->kind = ANSWER_HEAD;
    a->length = (int64_t)blob_slice(a->body).len;
    a->body = NULL;
    queue(s, *a);
    queue(s, part);
    queue(s, answer_end(s->id));
}

/* The node that asked takes less than it asks for. */
static void queue_too_much(struct served *s, struct answer *a)
{
    bool begins = a->kind == ANSWER_WHOLE || a->kind == ANSWER_HEAD;
    answer_close(a);
    queue(s, begins ? answer_busy(s->id, "too much waits for the node that asked: try again")
                    : answer_abort(s->id));
}

void exchanges_answer(struct exchanges *x, struct answer *a)
{
    struct served *s = x->served != NULL ? map_get(x->served, a->id.v) : NULL;
    size_t len = blob_slice(a->body).len;
    if (s == NULL || s->answered) {
        answer_close(a);
        return;
    }
    if (a->kind == ANSWER_SUBSCRIBE) { /* events are every node's own */
        answer_close(a);
        queue(s, answer_end(s->id));
    } else if (len > LIMIT_EXCHANGE_BYTES - s->node->waiting) {
        queue_too_much(s, a);
    } else if (a->kind == ANSWER_WHOLE && len > PIECE_BYTES) {
        queue_in_parts(s, a);
    } else {
        queue(s, *a);
    }
    *a = (struct answer){0};
    pump(x, s);
}

/* ---------------- frames that come */

static struct served *serve(struct exchanges *x, struct neighbour *n, uint64_t number)
{
    struct served *s = NEW(struct served);
    s->id = exchange_elsewhere(EXCHANGE_OF_NODE, ++x->last_served);
    s->number = number;
    s->node = n;
    s->credit = EXCHANGE_WINDOW;
    list_init(&s->pieces);
    list_push(&n->served, &s->in_node);
    map_put(x->served, s->id.v, s);
    map_put(n->numbers, number, s);
    return s;
}

static int take_request(struct exchanges *x, struct neighbour *n, struct exchange_frame *f,
                        struct error *err)
{
    if (map_get(n->numbers, f->number) != NULL)
        return error_set(err, ERR_SYNTAX, "exchange: one number for two");
    if (f->request != NULL && str_eq(f->request->listener, "peer"))
        return error_set(err, ERR_SYNTAX, "exchange: a request of nobody's client");
    bool many = map_count(n->numbers) >= LIMIT_EXCHANGES;
    struct served *s = serve(x, n, f->number);
    struct exchange_id id = s->id;
    if (many) {
        struct answer busy = answer_busy(id, "too many requests of one node are waiting");
        exchanges_answer(x, &busy);
    } else if (f->sandbox != NULL) {
        struct sandbox_request *r = f->sandbox;
        f->sandbox = NULL;
        x->events->sandbox(x->data, id, r);
    } else {
        struct request *r = f->request;
        f->request = NULL;
        x->events->request(x->data, id, r);
    }
    return 0;
}

/* Never more than was sent. */
static void take_credit(struct exchanges *x, struct served *s, uint64_t bytes)
{
    if (s == NULL)
        return; /* all of it has left */
    struct exchange_id id = s->id;
    bool answered = s->answered;
    uint64_t spent = (uint64_t)(EXCHANGE_WINDOW - s->credit);
    bytes = bytes < spent ? bytes : spent;
    s->credit += (int64_t)bytes;
    pump(x, s);
    if (!answered)
        x->events->credit(x->data, id, (size_t)bytes);
}

static void take_gone(struct exchanges *x, struct served *s)
{
    if (s == NULL)
        return;
    struct exchange_id id = s->id;
    bool answered = s->answered;
    served_free(x, s);
    if (!answered)
        x->events->gone(x->data, id);
}

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
        fail(x, LIST_ENTRY(asked.next, struct asked, in_node), why);
    while (!list_empty(&served))
        take_gone(x, LIST_ENTRY(served.next, struct served, in_node));
}

/* Of what was asked before it has begun anew it knows nothing, although the two of us may have been
 * connected all the time (cluster/peers.h). */
static void take_begun(struct exchanges *x, struct neighbour *n, uint64_t theirs)
{
    struct error err;
    bool anew = n->theirs != 0 && n->theirs != theirs;
    n->theirs = theirs;
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
        return take_request(x, n, f, err);
    case EXCHANGE_ANSWER: {
        struct answer a = f->answer;
        f->answer = (struct answer){0};
        return take_answer(x, n, f->number, f->count, &a, err);
    }
    case EXCHANGE_CREDIT:
        take_credit(x, map_get(n->numbers, f->number), f->count);
        return 0;
    case EXCHANGE_GONE:
        take_gone(x, map_get(n->numbers, f->number));
        return 0;
    case EXCHANGE_BEGUN:
        take_begun(x, n, f->number);
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
    int rc = take(x, neighbour_of(x, node), &f, err);
    exchange_frame_close(&f);
    return rc;
}

/* ---------------- nodes that come and go */

static void greet(struct exchanges *x, struct neighbour *n)
{
    n->greets = !say_number(x, n, EXCHANGE_BEGUN, n->ours, 0);
}

void exchanges_up(struct exchanges *x, int64_t node)
{
    if (x->stopped == NULL)
        greet(x, neighbour_of(x, node));
}

void exchanges_down(struct exchanges *x, int64_t node, const struct error *why)
{
    if (x->stopped != NULL)
        return;
    struct neighbour *n = neighbour_of(x, node);
    n->ours++;
    n->theirs = 0;
    n->full = n->greets = false;
    drop(x, n, why);
}

void exchanges_room(struct exchanges *x, int64_t node)
{
    if (x->stopped != NULL)
        return;
    struct neighbour *n = neighbour_of(x, node);
    n->full = false;
    if (n->greets)
        greet(x, n);
    LIST_EACH (it, &n->asked)
        if (!n->full)
            settle(x, LIST_ENTRY(it, struct asked, in_node));
    LIST_EACH (it, &n->served)
        if (!n->full)
            pump(x, LIST_ENTRY(it, struct served, in_node));
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
