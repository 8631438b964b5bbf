/* What is asked here, and the answers that come. */
#include "base/limits.h"
#include "base/mem.h"
#include "cluster/exchanges_private.h"
#include "http/carry.h"

#define LOOK_MS 250   /* for nodes that cannot be reached */
#define HELD_MAX 4096 /* answers that overtook others */

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

void exchanges_fail(struct exchanges *x, struct asked *a, const struct error *why)
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

void exchanges_settle(struct exchanges *x, struct asked *a)
{
    if (a->gone) {
        if (exchanges_say_number(x, a->node, EXCHANGE_GONE, a->number, 0))
            asked_free(x, a);
    } else if (a->owed > 0 &&
               exchanges_say_number(x, a->node, EXCHANGE_CREDIT, a->number, a->owed)) {
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
    if (exchanges_post(x, a->node, frame, &err) != 0)
        exchanges_fail(x, a, &err);
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
    a->node = exchanges_neighbour(x, node);
    list_init(&a->in_node);
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
    exchanges_frame_init(&frame);
    exchange_frame_begin(&frame, EXCHANGE_SANDBOX, a->number, 0);
    exchange_frame_sandbox(&frame, r);
    sandbox_request_free(r);
    ask(x, a, &frame);
}

/* An older node would close the connection. */
static void refuse_large(struct exchanges *x, struct asked *a, size_t bytes)
{
    struct buf text, body;
    struct json_writer w;
    buf_init(&text, 2048);
    buf_init(&body, 4096);
    buf_printf(&text,
               "the request: got %zu bytes, and this node has no state of its own: node %lld, "
               "which it asks, takes at most %zu: send less at once, or update that node",
               bytes, (long long)a->node->id, a->node->takes);
    json_begin(&w, &body);
    json_object(&w);
    json_member_str(&w, "message", buf_str(&text));
    json_object_end(&w);
    struct answer last = answer_whole_take(a->id, 413, "application/json", &body);
    buf_close(&text);
    finish(x, a, &last);
}

void exchanges_request(struct exchanges *x, struct exchange_id id, int64_t node, struct request *r)
{
    struct buf frame;
    if (refused(x, id)) {
        request_free(r);
        return;
    }
    struct asked *a = asked_new(x, id, node);
    exchanges_frame_init(&frame);
    exchange_frame_begin(&frame, EXCHANGE_REQUEST, a->number, 0);
    carry_request(r, &frame);
    request_free(r);
    if (frame.len <= a->node->takes) {
        ask(x, a, &frame);
        return;
    }
    refuse_large(x, a, frame.len);
    buf_close(&frame);
}

bool exchanges_credit(struct exchanges *x, struct exchange_id id, size_t bytes)
{
    struct asked *a = x->asked != NULL ? map_get(x->asked, id.v) : NULL;
    if (a == NULL)
        return false;
    a->window += (int64_t)bytes;
    a->owed += bytes;
    if (!a->node->full)
        exchanges_settle(x, a);
    return true;
}

bool exchanges_gone(struct exchanges *x, struct exchange_id id)
{
    struct asked *a = x->asked != NULL ? map_remove(x->asked, id.v) : NULL;
    if (a == NULL)
        return false;
    a->gone = true;
    if (!a->node->full)
        exchanges_settle(x, a);
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
        exchanges_fail(x, a, &err);
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

static bool is_in_place(const struct asked *a, const struct answer *answer)
{
    bool begins = answer->kind == ANSWER_WHOLE || answer->kind == ANSWER_HEAD;
    return answer->kind == ANSWER_ABORT || begins == !a->has_head;
}

/* The node that was asked is told, and the client that there is no more. */
static int cut(struct exchanges *x, struct asked *a, struct error *err)
{
    error_set(err, ERR_SYNTAX, "it answered what was not asked");
    exchanges_say_number(x, a->node, EXCHANGE_GONE, a->number, 0);
    exchanges_fail(x, a, err);
    return -1;
}

/* Takes the answer, which is the next one. */
static int give(struct exchanges *x, struct asked *a, struct answer *answer, struct error *err)
{
    if (answer->kind == ANSWER_PART)
        a->window -= (int64_t)blob_slice(answer->body).len;
    if (!is_in_place(a, answer) || a->window < -EXCHANGES_PIECE_BYTES) {
        answer_close(answer);
        return cut(x, a, err);
    }
    a->next++;
    a->has_head = a->has_head || answer->kind == ANSWER_HEAD;
    answer->id = a->id;
    if (exchanges_is_last(answer->kind))
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
    if (a->held_bytes > EXCHANGE_WINDOW + EXCHANGES_PIECE_BYTES) {
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
    if (!exchanges_is_last(kind))
        exchanges_say_number(x, n, EXCHANGE_GONE, number, 0);
}

int exchanges_take_answer(struct exchanges *x, struct neighbour *n, uint64_t number, uint64_t count,
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
