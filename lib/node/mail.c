/* What goes between nodes, and what this one writes to itself: frames of Raft, messages of agents
 * and of the leader. */
#include <string.h>

#include "node/private.h"

#include "base/assert.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "model/frame.h"

static void post(struct node *n, bool to_agent, struct slice body)
{
    if (n->letters_n == n->letters_cap) {
        n->letters_cap = n->letters_cap == 0 ? 16 : n->letters_cap * 2;
        n->letters = mem_realloc(n->letters, n->letters_cap * sizeof n->letters[0]);
    }
    struct letter *l = &n->letters[n->letters_n++];
    l->to_agent = to_agent;
    buf_init(&l->body, LIMIT_PEER_FRAME_BYTES);
    buf_put_slice(&l->body, body);
}

static void take_message(struct node *n, bool to_agent, int64_t from, struct slice body)
{
    enum message_kind kind;
    struct error err;
    struct json *v = message_parse(body, &kind, &err);
    if (v == NULL) {
        log_warn("message refused", "from=%lld why=%s", (long long)from, err.text);
        return;
    }
    if (to_agent && n->agent != NULL)
        agent_message(n->agent, kind, v, n->now, &n->out);
    else if (!to_agent && kind == MESSAGE_NODE)
        members_take(n, from, v);
    else if (!to_agent && n->minds_lead)
        master_message(n->master, from, kind, v, n->now, &n->out);
    else if (!to_agent && from != (int64_t)n->options.id)
        hint_answer(n, from);
    json_free(v);
}

/* What this process wrote to itself in the last turn. */
void mail_read(struct node *n)
{
    struct letter *letters = n->letters;
    size_t count = n->letters_n;
    n->letters = NULL;
    n->letters_n = n->letters_cap = 0;
    for (size_t i = 0; i < count; i++) {
        take_message(n, letters[i].to_agent, (int64_t)n->options.id, buf_slice(&letters[i].body));
        buf_close(&letters[i].body);
    }
    mem_free(letters);
}

static void send_message(struct node *n, bool to_agent, int64_t node, struct slice body)
{
    if (node == (int64_t)n->options.id) {
        post(n, to_agent, body);
        return;
    }
    struct buf frame;
    buf_init(&frame, LIMIT_PEER_FRAME_BYTES);
    buf_putc(&frame, to_agent ? FRAME_AGENT : FRAME_LEADER);
    buf_put_slice(&frame, body);
    n->hands->send(n->hands, node, buf_slice(&frame));
    buf_close(&frame);
}

void mail_send(struct node *n, const struct out *item)
{
    uint64_t term;
    if (item->agent == TO_LEADER) {
        uint64_t leader = node_leader(n, &term);
        if (leader != 0)
            send_message(n, false, (int64_t)leader, buf_slice(&item->body));
        return;
    }
    int64_t node =
        item->agent < TO_LEADER ? -2 - item->agent : master_node_of(n->master, item->agent);
    if (node != 0)
        send_message(n, true, node, buf_slice(&item->body));
}

void mail_take_frame(struct node *n, struct event *e)
{
    struct slice body = buf_slice(&e->body);
    struct error err;
    if (body.len < 2)
        return;
    struct slice rest = {body.p + 1, body.len - 1};
    if (n->closed_n > 0)
        lead_note_closed(n, e->node, false);
    const struct replica_peer from = {(uint64_t)e->node, ""};
    switch (body.p[0]) {
    case FRAME_RAFT:
        if (replica_receive(n->replica, &from, rest, &err) != 0)
            log_warn("frame refused", "from=%lld why=%s", (long long)e->node, err.text);
        break;
    case FRAME_REQUEST:
        forward_take_request(n, e->node, rest);
        break;
    case FRAME_ANSWER:
        forward_take_answer(n, e->node, rest);
        break;
    case FRAME_CLOCK:
        clocks_take(n, e->node, rest);
        break;
    case FRAME_SUM:
        sums_take(n, e->node, rest);
        break;
    case FRAME_SEEN:
        seen_take(n, e->node, rest);
        break;
    case FRAME_HINT:
        hint_take(n, e->node, rest);
        break;
    case FRAME_AGENT:
    case FRAME_LEADER:
        take_message(n, body.p[0] == FRAME_AGENT, e->node, rest);
        break;
    default:
        log_warn("frame refused", "from=%lld why=unknown kind %d", (long long)e->node, body.p[0]);
    }
}

/* Older nodes would close the connection. */
struct node_busy node_busy(const struct node *n)
{
    struct node_busy b = {0};
    struct buf frame;
    if (state_level(n->state) < LARGE_LEVEL)
        return b;
    buf_init(&frame, sizeof b.frame);
    buf_putc(&frame, FRAME_RAFT);
    b.n = replica_busy(n->replica, b.to, &frame);
    ASSERT(!buf_full(&frame));
    memcpy(b.frame, frame.data, frame.len);
    b.frame_len = frame.len;
    buf_close(&frame);
    return b;
}

void mail_send_frames(struct node *n, const struct replica_out *out)
{
    for (size_t i = 0; i < out->n_frames; i++) {
        struct buf frame;
        buf_init(&frame, LIMIT_PEER_FRAME_BYTES);
        buf_putc(&frame, FRAME_RAFT);
        buf_put_slice(&frame, out->frames[i].bytes);
        n->hands->send(n->hands, (int64_t)out->frames[i].to, buf_slice(&frame));
        buf_close(&frame);
    }
}

void node_post(struct node *n, int64_t to, struct buf *frame)
{
    if (n->posts_n == n->posts_cap) {
        n->posts_cap = n->posts_cap == 0 ? 16 : n->posts_cap * 2;
        n->posts = mem_realloc(n->posts, n->posts_cap * sizeof n->posts[0]);
    }
    n->posts[n->posts_n++] = (struct post){to, *frame};
    *frame = (struct buf){0};
}

void mail_send_posts(struct node *n)
{
    for (size_t i = 0; i < n->posts_n; i++) {
        struct post *p = &n->posts[i];
        if (!buf_full(&p->frame))
            n->hands->send(n->hands, p->to, buf_slice(&p->frame));
        else
            log_error("a frame is too long", "to=%lld", (long long)p->to);
        buf_close(&p->frame);
    }
    n->posts_n = 0;
}
