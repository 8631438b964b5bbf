/* Requests: found their door, run it, answered. */
#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "http/sse.h"
#include "node/private.h"

#define TRIES_BESIDE_OTHERS 2 /* of a tell that looks again: few enough for TELL_TRIES */

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
    answer_close(&p->answer);
    arena_close(&p->asked.text);
    mem_free(p);
}

/* What its door sees, as of this turn. */
static void look_at(struct node *n, struct pending *p)
{
    const struct facts *facts = &n->facts;
    if (p->request->node != NULL) {
        arena_close(&p->asked.text);
        facts = facts_for(p->request, facts, &p->asked);
    }
    p->view = (struct view){n->state, facts, n->now, replica_applied(n->replica)};
}

static void answer_whole_of(struct node *n, struct pending *p)
{
    struct reply *r = &p->reply;
    struct answer a = answer_whole_take(p->exchange, r->status, r->content_type, &r->body);
    buf_put_slice(&a.headers, buf_slice(&r->headers));
    a.plain = r->plain;
    if (p->from != 0) {
        forward_give_answer(n, p, &a);
        answer_close(&a);
    } else {
        give_answer(n, a);
    }
    pending_free(p);
}

/* Events are every node's own: who asks by another one is sent to a listener of ours. */
static void answer_elsewhere(struct node *n, struct pending *p)
{
    const struct facts *f = &n->facts;
    const char *url = f->url_marathon != NULL ? f->url_marathon : f->url_mesos;
    struct slice target = p->request->target;
    buf_clear(&p->reply.body);
    if (url == NULL) {
        call_fail(&p->tell.c, ERR_UNAVAILABLE, "%s",
                  "the node that was asked has no events, and the one that it knows no listener");
    } else {
        p->reply.status = 307;
        header_printf(&p->reply.headers, "Location", "%s%.*s", url, (int)target.len, target.p);
    }
    answer_whole_of(n, p);
}

static void note_begun(struct node *n, enum topic topic, const char *remote)
{
    if (n->begun_n == n->begun_cap) {
        n->begun_cap = n->begun_cap == 0 ? 16 : n->begun_cap * 2;
        n->begun = mem_realloc(n->begun, n->begun_cap * sizeof n->begun[0]);
    }
    n->begun[n->begun_n++] = (struct begun){n->answers_n, topic, mem_strdup(remote)};
}

/* An event stream: its head, what it begins with, then what is published. */
static void answer_stream(struct node *n, struct pending *p)
{
    struct reply *r = &p->reply;
    if (!r->subscribe) {
        answer_whole_of(n, p);
        return;
    }
    if (exchange_owner(p->exchange) != EXCHANGE_OF_CLIENT) {
        answer_elsewhere(n, p);
        return;
    }
    note_begun(n, r->topic, p->request->remote);
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

/* `own`: the status that an ERR_UNAVAILABLE has at this door alone; or 0. */
static void fail_with(struct node *n, struct pending *p, enum error_code code, int own,
                      const char *why)
{
    struct call *c = &p->tell.c;
    look_at(n, p); /* it may have waited, and the facts have changed */
    call_fail(c, code, "%s", why);
    if (code == ERR_UNAVAILABLE) { /* what may have happened is not simply sent again */
        p->reply.status = own != 0 ? own : c->dialect->no_leader_status;
        header_put(&p->reply.headers, "Retry-After", "1");
    }
    if (c->dialect->dress != NULL)
        c->dialect->dress(c);
    answer_whole_of(n, p);
}

void request_fail(struct node *n, struct pending *p, enum error_code code, const char *why)
{
    fail_with(n, p, code, 0, why);
}

/* What one node knows is better than nothing, where the dialect allows that or it was asked for:
 * the answer says that it is stale. */
static bool may_be_stale(const struct pending *p)
{
    const struct call *c = &p->tell.c;
    const char *stale = query_get(&c->query, "stale");
    return p->door_kind == DOOR_ASK_LINEAR &&
           (!c->dialect->needs_quorum || (stale != NULL && str_eq(stale, "1")));
}

static void ask_here(struct node *n, struct pending *p, uint64_t index)
{
    n->hands->ask(n->hands, p->exchange, p->request, index);
    p->request = NULL;
    pending_free(p);
}

static void fail_without_leader(struct node *n, struct pending *p)
{
    const struct door *door = p->tell.c.door;
    if (n->stopping)
        request_fail(n, p, ERR_UNAVAILABLE, "this node is stopping: ask another");
    else if (door != NULL && door->no_leader != NULL)
        fail_with(n, p, ERR_UNAVAILABLE, door->no_leader_status, door->no_leader);
    else
        request_fail(n, p, ERR_UNAVAILABLE,
                     "the leader could not be determined: there is none, or it has no majority; "
                     "try again");
}

void request_no_leader(struct node *n, struct pending *p)
{
    if (p->from != 0) {
        forward_give_back(n, p, false);
        pending_free(p);
    } else if (may_be_stale(p) && state_level(n->state) > 0) {
        p->request->unconfirmed = true;
        ask_here(n, p, replica_applied(n->replica));
    } else {
        fail_without_leader(n, p);
    }
}

/* What is done about it is forgotten; it is done again, here or by the next leader. */
static void begin_anew(struct node *n, struct pending *p, bool unsure)
{
    if (p->from != 0) {
        forward_give_back(n, p, unsure);
        pending_free(p);
        return;
    }
    p->unsure = p->unsure || unsure;
    tell_forget(&p->tell);
    reply_close(&p->reply);
    reply_init(&p->reply);
    forward_wait(n, p);
}

/* Who refuses, or has nothing to do, has only read, and perhaps another one leads already and knows
 * better: the answer waits as a read does. */
static void confirm(struct node *n, struct pending *p)
{
    p->confirms = request_read_again(n, p);
    if (!p->confirms)
        begin_anew(n, p, false);
}

/* Where changes come in without end, one that looks at much never finds that as it was. After a few
 * times those that come wait until it is through: once what was under way is applied, nothing can
 * come between. */
static bool one_is_let_through(const struct node *n)
{
    const struct pending *p = n->looking != 0 ? map_get(n->pendings, n->looking) : NULL;
    return p != NULL && p->tell.tries >= TRIES_BESIDE_OTHERS;
}

void request_tell_here(struct node *n, struct pending *p)
{
    p->key = ++n->next_key;
    if (one_is_let_through(n)) {
        list_push(&n->held, &p->in_stale);
        return;
    }
    p->tell.pending = p->key;
    look_at(n, p);
    map_put(n->pendings, p->key, p);
    if (api_tell(&p->tell)) {
        map_remove(n->pendings, p->key);
        confirm(n, p);
    }
}

static void begin_tell(struct node *n, struct pending *p)
{
    if (decides(n)) {
        request_tell_here(n, p);
    } else if (p->from != 0) {
        request_no_leader(n, p);
    } else if (forward_is_loop(n, p)) {
        request_fail(n, p, ERR_UNAVAILABLE,
                     "a proxy loop: this request has come by this node before");
    } else {
        p->key = ++n->next_key;
        forward_wait(n, p);
    }
}

bool request_read_again(struct node *n, struct pending *p)
{
    struct error err;
    if (replica_read(n->replica, p->key, &err) != 0)
        return false;
    map_put(n->reads, p->key, p);
    return true;
}

static void begin_read(struct node *n, struct pending *p)
{
    p->key = ++n->next_key;
    if (!request_read_again(n, p))
        forward_wait(n, p);
}

/* The leader has answered for us. */
void request_answer_with(struct node *n, struct pending *p)
{
    struct answer a = p->answer;
    p->answer = (struct answer){0};
    a.id = p->exchange;
    give_answer(n, a);
    pending_free(p);
}

void request_drop(struct pending *p)
{
    pending_free(p);
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

/* Finds its door: NULL, it has none, or is no request. */
static const struct door *find_door(struct node *n, struct pending *p)
{
    p->tell = (struct tell){
        .c = {.request = p->request, .match = &p->match, .view = &p->view, .reply = &p->reply},
        .out = &n->out,
        .rng = n->hands->rng,
        .secret = draw_secret,
        .secret_data = n->hands,
    };
    return api_find(n->api, p->request, &p->tell.c);
}

static struct pending *pending_new(struct node *n, struct request *request)
{
    struct pending *p = NEW(struct pending);
    p->request = request;
    look_at(n, p);
    list_init(&p->in_stale);
    list_init(&p->in_away);
    reply_init(&p->reply);
    return p;
}

void request_replace(struct node *n, struct pending *p, const struct request *r)
{
    struct request *old = p->request;
    p->request = request_dup(r);
    tell_close(&p->tell); /* what was found borrows from the request */
    route_match_close(&p->match);
    request_free(old);
    if (find_door(n, p) == NULL)
        UNREACHABLE("it had a door");
}

/* Another node was asked, which sends on nothing but what is to be told a leader. */
void request_begin_for(struct node *n, int64_t from, uint64_t key, struct request *request)
{
    struct pending *p = pending_new(n, request);
    p->from = from;
    p->from_key = key;
    const struct door *door = find_door(n, p);
    if (door != NULL && door->kind == DOOR_TELL) {
        p->door_kind = door->kind;
        begin_tell(n, p);
        return;
    }
    reply_close(&p->reply); /* that there is no such door, which there is in a newer build */
    reply_init(&p->reply);
    call_fail(&p->tell.c, ERR_UNAVAILABLE,
              "the leader does not know this yet: wait until each master runs this version");
    answer_whole_of(n, p);
}

void request_begin(struct node *n, struct exchange_id exchange, struct request *request)
{
    struct pending *p = pending_new(n, request);
    p->exchange = exchange;
    const struct door *door = find_door(n, p);
    if (door == NULL) {
        answer_whole_of(n, p);
        return;
    }
    p->door_kind = door->kind;
    if (replica_mending(n->replica)) {
        request_fail(n, p, ERR_UNAVAILABLE,
                     "the tables of this node are being replaced by another's: ask another node");
        return;
    }
    if (state_level(n->state) == 0) {
        request_no_leader(n, p);
        return;
    }
    switch (door->kind) {
    case DOOR_ASK:
        ask_here(n, p, replica_applied(n->replica));
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
    look_at(n, p);
    bool several = p->tell.open > 0;
    if (!api_outcome(&p->tell, o))
        return !several;
    map_remove(n->pendings, p->key);
    answer_whole_of(n, p);
    return false;
}

/* Those that waited to, one at a time. */
static void look_again(struct node *n)
{
    for (struct list *next; n->looking == 0 && (next = list_pop(&n->stale)) != NULL;) {
        struct pending *p = LIST_ENTRY(next, struct pending, in_stale);
        uint64_t key = p->key;
        if (tell_outcome(n, p, &p->stale))
            n->looking = key;
    }
}

/* Nobody has decided it: the leadership went, or the log was full. It is done again, here or by the
 * next leader, if it is certain that it has not been done, or harmless. */
void request_lost(struct node *n, struct origin origin, const struct outcome *o)
{
    uint64_t key = origin.key;
    struct pending *p = map_get(n->pendings, key);
    bool unsure = o->code == ERR_UNCERTAIN;
    if (p == NULL)
        return;
    if (n->looking == key)
        n->looking = 0;
    bool nameless = p->from == 0 && header_get(p->request->headers, "X-Request-Id").len == 0;
    if ((replica_leads(n->replica) && !n->change.hands_over) ||
        (nameless && (unsure || p->tell.parts > 1))) { /* of several parts some may be done */
        request_outcome(n, origin, o);
        return;
    }
    map_remove(n->pendings, key);
    begin_anew(n, p, unsure);
    look_again(n);
}

void request_outcome(struct node *n, struct origin origin, const struct outcome *o)
{
    uint64_t key = origin.key;
    struct pending *p = map_get(n->pendings, key);
    if (p == NULL)
        return;
    p->tell.part = origin.part;
    if (o->stale && p->tell.open == 0 && n->looking != 0 && n->looking != key) {
        p->stale = (struct outcome){.code = o->code, .stale = true};
        str_copy(p->stale.text, sizeof p->stale.text, o->text);
        list_push(&n->stale, &p->in_stale);
        return;
    }
    if (n->looking == key)
        n->looking = 0;
    if (tell_outcome(n, p, o))
        n->looking = key;
    look_again(n);
}

bool requests_may_come_in(const struct node *n)
{
    return !list_empty(&n->held) && !one_is_let_through(n);
}

void requests_let_in(struct node *n)
{
    while (requests_may_come_in(n)) {
        struct pending *p = LIST_ENTRY(list_pop(&n->held), struct pending, in_stale);
        if (decides(n))
            request_tell_here(n, p);
        else
            begin_anew(n, p, false);
    }
}

void request_readable(struct node *n, uint64_t ticket, const struct replica_outcome *o)
{
    struct pending *p = map_remove(n->reads, ticket);
    if (p == NULL)
        return;
    bool confirms = p->confirms;
    p->confirms = false;
    if (confirms && o->code == ERR_NONE)
        answer_whole_of(n, p);
    else if (confirms)
        begin_anew(n, p, false);
    else if (o->code != ERR_NONE)
        forward_wait(n, p);
    else
        ask_here(n, p, o->index);
}

void requests_drop(struct node *n)
{
    struct pending *p;
    for (size_t cursor = 0; (p = map_each(n->pendings, &cursor)) != NULL;)
        pending_free(p);
    for (size_t cursor = 0; (p = map_each(n->reads, &cursor)) != NULL;)
        pending_free(p);
    for (struct list *next; (next = list_pop(&n->held)) != NULL;)
        pending_free(LIST_ENTRY(next, struct pending, in_stale));
    map_free(n->pendings);
    map_free(n->reads);
    for (size_t i = 0; i < n->answers_n; i++)
        answer_close(&n->answers[i]);
    mem_free(n->answers);
    for (size_t i = 0; i < n->begun_n; i++)
        mem_free(n->begun[i].remote);
    mem_free(n->begun);
}
