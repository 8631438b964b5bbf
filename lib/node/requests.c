/* Requests: found their door, run it, answered. */
#include "base/assert.h"
#include "base/mem.h"
#include "base/str.h"
#include "http/sse.h"
#include "node/private.h"

void give_answer(struct node *n, struct answer a)
{
    if (n->answers_n == n->answers_cap) {
        n->answers_cap = n->answers_cap == 0 ? 64 : n->answers_cap * 2;
        n->answers = mem_realloc(n->answers, n->answers_cap * sizeof n->answers[0]);
    }
    n->answers[n->answers_n++] = a;
}

static void pending_free(struct pending *p)
{
    tell_close(&p->tell);
    route_match_close(&p->match);
    reply_close(&p->reply);
    request_free(p->request);
    mem_free(p);
}

static void answer_whole_of(struct node *n, struct pending *p)
{
    struct reply *r = &p->reply;
    struct answer a = answer_whole_take(p->exchange, r->status, r->content_type, &r->body);
    buf_put_slice(&a.headers, buf_slice(&r->headers));
    a.plain = r->plain;
    give_answer(n, a);
    pending_free(p);
}

/* An event stream: its head, what it begins with, then what is published. */
static void answer_stream(struct node *n, struct pending *p)
{
    struct reply *r = &p->reply;
    if (!r->subscribe) {
        answer_whole_of(n, p);
        return;
    }
    struct answer head =
        answer_head(p->exchange, r->status, r->content_type, ANSWER_LENGTH_UNKNOWN);
    buf_put_slice(&head.headers, buf_slice(&r->headers));
    head.plain = true;
    give_answer(n, head);
    if (r->body.len > 0)
        give_answer(n, answer_part(p->exchange, &r->body));
    give_answer(n, answer_subscribe(p->exchange, r->topic, r->types));
    pending_free(p);
}

static void no_leader(struct node *n, struct pending *p)
{
    struct call *c = &p->tell.c;
    call_fail(c, ERR_UNAVAILABLE, "%s",
              n->stopping ? "this node is stopping: ask another"
                          : "the leader could not be determined: there is none, or it has no "
                            "majority; try again");
    p->reply.status = c->dialect->no_leader_status;
    header_put(&p->reply.headers, "Retry-After", "1");
    if (c->dialect->dress != NULL)
        c->dialect->dress(c);
    answer_whole_of(n, p);
}

static void begin_tell(struct node *n, struct pending *p)
{
    if (!n->leading || n->stopping) {
        no_leader(n, p);
        return;
    }
    p->key = ++n->next_key;
    p->tell.pending = p->key;
    map_put(n->pendings, p->key, p);
    if (api_tell(&p->tell)) {
        map_remove(n->pendings, p->key);
        answer_whole_of(n, p);
    }
}

static void begin_read(struct node *n, struct pending *p)
{
    struct error err;
    p->key = ++n->next_key;
    map_put(n->reads, p->key, p);
    if (replica_read(n->replica, p->key, &err) != 0) {
        map_remove(n->reads, p->key);
        no_leader(n, p);
    }
}

static void begin_sandbox(struct node *n, struct pending *p)
{
    api_ask(&p->tell.c);
    if (p->reply.sandbox == NULL) {
        answer_whole_of(n, p);
        return;
    }
    n->hands->sandbox(n->hands, p->exchange, p->reply.sandbox);
    p->reply.sandbox = NULL;
    pending_free(p);
}

static void draw_secret(void *hands, void *dst, size_t size)
{
    struct hands *h = hands;
    h->secret(h, dst, size);
}

void request_begin(struct node *n, struct exchange_id exchange, struct request *request)
{
    struct pending *p = NEW(struct pending);
    p->exchange = exchange;
    p->request = request;
    p->view = (struct view){n->state, &n->facts, n->now, replica_applied(n->replica)};
    reply_init(&p->reply);
    p->tell = (struct tell){
        .c = {.request = request, .match = &p->match, .view = &p->view, .reply = &p->reply},
        .out = &n->out,
        .rng = n->hands->rng,
        .secret = draw_secret,
        .secret_data = n->hands,
    };
    const struct door *door = api_find(n->api, request, &p->tell.c);
    if (door == NULL) {
        answer_whole_of(n, p);
        return;
    }
    if (state_level(n->state) == 0) {
        no_leader(n, p);
        return;
    }
    switch (door->kind) {
    case DOOR_ASK:
        n->hands->ask(n->hands, exchange, p->request, replica_applied(n->replica));
        p->request = NULL;
        pending_free(p);
        break;
    case DOOR_ASK_LINEAR:
        begin_read(n, p);
        break;
    case DOOR_TELL:
        begin_tell(n, p);
        break;
    case DOOR_STREAM:
        api_ask(&p->tell.c);
        answer_stream(n, p);
        break;
    case DOOR_SANDBOX:
        begin_sandbox(n, p);
        break;
    }
}

/* Whether it looks again, and so waits for another outcome. */
static bool tell_outcome(struct node *n, struct pending *p, const struct outcome *o)
{
    p->view = (struct view){n->state, &n->facts, n->now, replica_applied(n->replica)};
    if (!api_outcome(&p->tell, o))
        return true;
    map_remove(n->pendings, p->key);
    answer_whole_of(n, p);
    return false;
}

void request_outcome(struct node *n, uint64_t key, const struct outcome *o)
{
    struct pending *p = map_get(n->pendings, key);
    if (p == NULL)
        return;
    if (o->stale && n->looking != 0 && n->looking != key) {
        p->stale = (struct outcome){.code = o->code, .stale = true};
        str_copy(p->stale.text, sizeof p->stale.text, o->text);
        list_push(&n->stale, &p->in_stale);
        return;
    }
    if (n->looking == key)
        n->looking = 0;
    if (tell_outcome(n, p, o))
        n->looking = key;
    for (struct list *next; n->looking == 0 && (next = list_pop(&n->stale)) != NULL;) {
        p = LIST_ENTRY(next, struct pending, in_stale);
        key = p->key;
        if (tell_outcome(n, p, &p->stale))
            n->looking = key;
    }
}

void request_readable(struct node *n, uint64_t ticket, const struct replica_outcome *o)
{
    struct pending *p = map_remove(n->reads, ticket);
    if (p == NULL)
        return;
    if (o->code != ERR_NONE) {
        no_leader(n, p);
        return;
    }
    n->hands->ask(n->hands, p->exchange, p->request, o->index);
    p->request = NULL;
    pending_free(p);
}

void requests_drop(struct node *n)
{
    struct pending *p;
    for (size_t cursor = 0; (p = map_each(n->pendings, &cursor)) != NULL;)
        pending_free(p);
    for (size_t cursor = 0; (p = map_each(n->reads, &cursor)) != NULL;)
        pending_free(p);
    map_free(n->pendings);
    map_free(n->reads);
    for (size_t i = 0; i < n->answers_n; i++)
        answer_close(&n->answers[i]);
    mem_free(n->answers);
}
