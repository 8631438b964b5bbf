/* What other nodes ask, and our answers, as their credit allows. */
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "cluster/exchanges_private.h"
#include "http/carry.h"

struct piece {
    struct list in_served;
    struct answer a;
    size_t at; /* so much of its body has left */
};

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
    exchanges_frame_init(frame);
    exchange_frame_begin(frame, EXCHANGE_ANSWER, s->number, s->next);
    carry_answer(a, frame);
}

/* Whether that much of it has left; the last of it is its end. */
static bool say_part(struct exchanges *x, struct served *s, struct piece *p)
{
    struct buf frame;
    struct slice body = blob_slice(p->a.body);
    size_t len =
        body.len - p->at < EXCHANGES_PIECE_BYTES ? body.len - p->at : EXCHANGES_PIECE_BYTES;
    struct answer part = {.kind = ANSWER_PART, .body = blob_of(body.p + p->at, len)};
    write_answer(&frame, s, &part);
    answer_close(&part);
    if (!exchanges_say(x, s->node, &frame))
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
    return exchanges_say(x, s->node, &frame);
}

void exchanges_pump(struct exchanges *x, struct served *s)
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
        if (exchanges_is_last(kind)) {
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
    s->answered = s->answered || exchanges_is_last(a.kind);
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
    } else if (a->kind == ANSWER_WHOLE && len > EXCHANGES_PIECE_BYTES) {
        queue_in_parts(s, a);
    } else {
        queue(s, *a);
    }
    *a = (struct answer){0};
    exchanges_pump(x, s);
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

int exchanges_take_request(struct exchanges *x, struct neighbour *n, struct exchange_frame *f,
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

void exchanges_take_credit(struct exchanges *x, struct served *s, uint64_t bytes)
{
    if (s == NULL)
        return; /* all of it has left */
    struct exchange_id id = s->id;
    bool answered = s->answered;
    uint64_t spent = (uint64_t)(EXCHANGE_WINDOW - s->credit);
    bytes = bytes < spent ? bytes : spent;
    s->credit += (int64_t)bytes;
    exchanges_pump(x, s);
    if (!answered)
        x->events->credit(x->data, id, (size_t)bytes);
}

void exchanges_take_gone(struct exchanges *x, struct served *s)
{
    if (s == NULL)
        return;
    struct exchange_id id = s->id;
    bool answered = s->answered;
    served_free(x, s);
    if (!answered)
        x->events->gone(x->data, id);
}
