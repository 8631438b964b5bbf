/* Writes that the leader must decide, on their way to it and back (DESIGN 4, Reads; marathon 1.3).
 *
 * A request that cannot be done here now waits: until there is a leader, then for its answer, then
 * until this node has what the answer speaks of, so that who asked here sees it here. It is sent
 * again when the leader changes or keeps silent; a request id makes that harmless. */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/carry.h"
#include "model/frame.h"
#include "node/private.h"

#define NO_LEADER_MS 2500 /* wait for one */
#define ANSWER_MS 10000   /* for an answer of it */
#define AGAIN_MS 1000     /* it has kept silent */
#define BEHIND_MS 1000    /* wait to have what the answer speaks of */

#define VIA_SIZE 320
#define ELSEWHERE_MS 20 /* who was asked does not lead, or not yet */

enum verdict {
    VERDICT_ANSWERED,
    VERDICT_NOT_DONE, /* it does not lead */
    VERDICT_UNSURE,   /* it led no more before the outcome was known */
};

/* ---------------- frames */

static struct buf new_frame(enum frame_kind kind, uint64_t key)
{
    struct buf frame;
    buf_init(&frame, LIMIT_PEER_FRAME_BYTES);
    buf_putc(&frame, (char)kind);
    buf_put_u64(&frame, key);
    return frame;
}

/* This node, as one that a request came by (spec/marathon.md 1.3). */
static const char *via_text(const struct node *n, char dst[VIA_SIZE])
{
    const char *host = facts_host_of(n->options.facts.url_marathon);
    snprintf(dst, VIA_SIZE, "1.1 %.300s", host != NULL ? host : n->options.name);
    return dst;
}

bool forward_is_loop(const struct node *n, const struct pending *p)
{
    char own[VIA_SIZE];
    const char *via = p->tell.c.dialect->via;
    return via != NULL && header_has(p->request->headers, via, via_text(n, own));
}

/* Whoever does it, does it once, and sees where it came from, and whom it was for at first. */
static void name_request(struct node *n, struct pending *p, uint64_t term)
{
    char id[UUID_TEXT_SIZE], own[VIA_SIZE];
    struct request r = *p->request;
    struct buf headers;
    if (p->named)
        return;
    p->named = true;
    buf_init(&headers, LIMIT_HEADER_BYTES + 2048);
    buf_put_slice(&headers, r.headers);
    if (header_get(r.headers, "X-Request-Id").len == 0)
        header_put(&headers, "X-Request-Id", uuid_text(rng_uuid(n->hands->rng), id));
    header_printf(&headers, CALL_TERM, "%llu", (unsigned long long)term);
    if (p->tell.c.dialect->via != NULL) {
        header_put(&headers, p->tell.c.dialect->via, via_text(n, own));
        header_put(&headers, "X-Forwarded-For", r.remote);
    }
    r.headers = buf_slice(&headers);
    request_replace(n, p, &r);
    buf_close(&headers);
}

/* ---------------- here */

static void leave(struct node *n, struct pending *p)
{
    map_remove(n->away, p->key);
    list_remove(&p->in_away);
}

static void send_away(struct node *n, struct pending *p, uint64_t leader, uint64_t term)
{
    struct buf frame = new_frame(FRAME_REQUEST, p->key);
    name_request(n, p, term);
    carry_request(p->request, &frame);
    p->sent_to = leader;
    p->sent_term = term;
    p->again = mono_after(n->now.mono, AGAIN_MS);
    if (!p->sent)
        p->give_up = mono_after(n->now.mono, ANSWER_MS);
    p->doubted = p->unsure; /* an answer to this does not speak of what was sent before */
    p->sent = p->unsure = true;
    node_post(n, (int64_t)leader, &frame);
}

bool decides(const struct node *n)
{
    return n->leading && !n->stopping && !n->change.hands_over;
}

/* A read has waited long enough when there has been no leader for so long. */
void forward_wait(struct node *n, struct pending *p)
{
    struct mono from = n->now.mono;
    if (p->door_kind == DOOR_ASK_LINEAR && n->leaderless.ms != 0)
        from = n->leaderless;
    if (p->give_up.ms == 0)
        p->give_up = mono_after(from, NO_LEADER_MS);
    map_put(n->away, p->key, p);
    list_push(&n->waiting, &p->in_away);
}

static void give_up(struct node *n, struct pending *p)
{
    leave(n, p);
    if (p->unsure)
        request_fail(n, p, ERR_UNCERTAIN,
                     "the leader has not answered: the change may or may not have happened");
    else
        request_no_leader(n, p);
}

static bool must_be_sent(const struct node *n, const struct pending *p, uint64_t leader,
                         uint64_t term)
{
    return leader != 0 && leader != n->options.id &&
           (!p->sent || p->sent_to != leader || p->sent_term != term ||
            n->now.mono.ms >= p->again.ms);
}

/* A node that stops waits for the next leader, if there can be one. */
static bool stops(const struct node *n)
{
    return n->stopping && (n->alone || n->now.mono.ms >= n->stop_at.ms);
}

static void look_at(struct node *n, struct pending *p, uint64_t leader, uint64_t term)
{
    struct error err;
    bool over = n->now.mono.ms >= p->give_up.ms || stops(n);
    if (p->answered) {
        if (replica_applied(n->replica) < p->index && !over)
            return;
        leave(n, p);
        request_answer_with(n, p);
    } else if (p->door_kind != DOOR_ASK_LINEAR && decides(n)) {
        leave(n, p);
        request_tell_here(n, p);
    } else if (over) {
        give_up(n, p);
    } else if (p->door_kind == DOOR_ASK_LINEAR) {
        if (leader != 0 && request_read_again(n, p))
            leave(n, p);
    } else if (p->request->body.len > entry_bytes_max(n)) { /* an older leader would hang up */
        error_set(&err, ERR_LIMIT,
                  "the body: got %zu bytes, need at most %zu as long as a node of the cluster is "
                  "older: update it, or change less at once",
                  p->request->body.len, entry_bytes_max(n));
        leave(n, p);
        request_fail(n, p, err.code, err.text);
    } else if (must_be_sent(n, p, leader, term)) {
        send_away(n, p, leader, term);
    }
}

void forwards_look(struct node *n)
{
    uint64_t term, leader = node_leader(n, &term);
    LIST_EACH (it, &n->waiting)
        look_at(n, LIST_ENTRY(it, struct pending, in_away), leader, term);
}

void forwards_applied(struct node *n)
{
    LIST_EACH (it, &n->waiting) {
        struct pending *p = LIST_ENTRY(it, struct pending, in_away);
        if (p->answered)
            look_at(n, p, 0, 0);
    }
}

struct mono forwards_due(const struct node *n)
{
    uint64_t term, leader = node_leader(n, &term);
    bool sends = leader != 0 && leader != n->options.id;
    struct mono due = MONO_NEVER;
    LIST_EACH (it, &n->waiting) {
        const struct pending *p = LIST_ENTRY(it, struct pending, in_away);
        due = mono_earlier(due, p->give_up);
        if (sends && p->sent && !p->answered)
            due = mono_earlier(due, p->again);
    }
    return due;
}

/* FRAME_ANSWER: key, verdict, index, the answer. */
void forward_take_answer(struct node *n, int64_t from, struct slice body)
{
    struct error err;
    struct answer a;
    if (body.len < 17)
        return;
    struct pending *p = map_get(n->away, u64_at(body.p));
    if (p == NULL || !p->sent || p->answered || p->sent_to != (uint64_t)from)
        return;                          /* given up, or a second answer */
    if (body.p[8] != VERDICT_ANSWERED) { /* who leads is known soon */
        p->unsure = p->doubted || body.p[8] == VERDICT_UNSURE;
        p->again = mono_after(n->now.mono, ELSEWHERE_MS);
        return;
    }
    if (carry_answer_read((struct slice){body.p + 17, body.len - 17}, &a, &err) != 0) {
        log_warn("answer refused", "from=%lld why=%s", (long long)from, err.text);
        return;
    }
    if (a.kind != ANSWER_WHOLE) {
        log_warn("answer refused", "from=%lld why=it is none that stands alone", (long long)from);
        answer_close(&a);
        return;
    }
    char own[VIA_SIZE];
    if (p->tell.c.dialect->via != NULL)
        header_put(&a.headers, p->tell.c.dialect->via, via_text(n, own));
    p->answered = true;
    p->index = u64_at(body.p + 9);
    p->give_up = mono_after(n->now.mono, BEHIND_MS);
    p->answer = a;
}

/* ---------------- at the leader */

static void send_back(struct node *n, int64_t to, uint64_t key, enum verdict verdict)
{
    struct buf frame = new_frame(FRAME_ANSWER, key);
    buf_putc(&frame, (char)verdict);
    buf_put_u64(&frame, 0);
    node_post(n, to, &frame);
}

/* FRAME_REQUEST: key, the request. */
void forward_take_request(struct node *n, int64_t from, struct slice body)
{
    struct error err;
    struct request *r;
    if (body.len < 8)
        return;
    uint64_t key = u64_at(body.p);
    if (!n->minds_lead || !decides(n)) {
        send_back(n, from, key, VERDICT_NOT_DONE);
        return;
    }
    if (carry_request_read((struct slice){body.p + 8, body.len - 8}, &r, &err) != 0) {
        log_warn("request refused", "from=%lld why=%s", (long long)from, err.text);
        return;
    }
    request_begin_for(n, from, key, r);
}

/* So that it has what the answer speaks of. */
static void send_beat(struct node *n, int64_t to)
{
    struct buf frame;
    uint64_t index = replica_applied(n->replica);
    if (n->beaten.to == to && n->beaten.index == index)
        return;
    n->beaten = (struct beaten){to, index};
    buf_init(&frame, LIMIT_PEER_FRAME_BYTES);
    buf_putc(&frame, FRAME_RAFT);
    if (replica_beat(n->replica, (uint64_t)to, &frame))
        node_post(n, to, &frame);
    else
        buf_close(&frame);
}

void forward_give_answer(struct node *n, const struct pending *p, const struct answer *a)
{
    struct buf frame = new_frame(FRAME_ANSWER, p->from_key);
    buf_putc(&frame, VERDICT_ANSWERED);
    buf_put_u64(&frame, replica_applied(n->replica));
    carry_answer(a, &frame);
    send_beat(n, p->from);
    node_post(n, p->from, &frame);
}

void forward_give_back(struct node *n, const struct pending *p, bool unsure)
{
    send_back(n, p->from, p->from_key, unsure ? VERDICT_UNSURE : VERDICT_NOT_DONE);
}

void forwards_drop(struct node *n)
{
    struct list *it;
    while ((it = list_pop(&n->waiting)) != NULL)
        request_drop(LIST_ENTRY(it, struct pending, in_away));
    map_free(n->away);
}
