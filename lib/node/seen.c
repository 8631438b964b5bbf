/* Which agents are silent: only the leader hears them, the other members ask it, so that whoever is
 * asked can say why something is not started. */
#include "base/mem.h"
#include "master/master.h"
#include "model/frame.h"
#include "node/private.h"

#define ASK_MS 1000
#define ITEM_BYTES 24

/* Frames: '?' and '!', then term and version of what is known or told; of '!' then the agents that
 * are silent, by id: each one's id, since when, and until when its tasks are kept. */

static struct buf new_frame(char kind, uint64_t term, uint64_t version)
{
    struct buf frame;
    buf_init(&frame, LIMIT_PEER_FRAME_BYTES);
    buf_putc(&frame, FRAME_SEEN);
    buf_putc(&frame, kind);
    buf_put_u64(&frame, term);
    buf_put_u64(&frame, version);
    return frame;
}

/* ---- whoever leads */

void seen_read(struct node *n)
{
    struct seen *s = &n->seen;
    uint64_t term = replica_term(n->replica), version = master_seen_version(n->master);
    if (!n->leading || (s->term == term && s->version == version))
        return;
    mem_free(s->items);
    s->n = master_seen(n->master, &s->items);
    s->term = term;
    s->version = version;
    s->news = true;
}

static void answer(struct node *n, int64_t to, uint64_t term, uint64_t version)
{
    const struct seen *s = &n->seen;
    if (!n->leading || (s->term == term && s->version == version))
        return;
    struct buf frame = new_frame('!', s->term, s->version);
    for (size_t i = 0; i < s->n; i++) {
        const struct agent_seen *a = &s->items[i];
        if (a->silent.ms == 0)
            continue;
        buf_put_u64(&frame, (uint64_t)a->agent);
        buf_put_u64(&frame, (uint64_t)a->silent.ms);
        buf_put_u64(&frame, (uint64_t)a->kept_until.ms);
    }
    node_post(n, to, &frame);
}

/* ---- the others */

static bool asks(const struct node *n)
{
    uint64_t leader = replica_leader(n->replica, NULL);
    return !hint_needed(n) && leader != 0 && leader != n->options.id;
}

static void show(struct node *n)
{
    n->seen.news = true;
    n->facts_due = n->now.mono;
}

static void forget(struct node *n)
{
    struct seen *s = &n->seen;
    if (s->n > 0)
        show(n);
    s->n = 0;
    s->term = s->version = 0;
    s->ask_due = n->now.mono;
}

/* Older nodes do not know the question. */
static bool understands(struct node *n, uint64_t leader)
{
    struct node_row row;
    return state_level(n->state) > 0 && state_node_by_id(n->state, (int64_t)leader, &row) &&
           row.level >= TIMES_LEVEL;
}

void seen_look(struct node *n)
{
    struct seen *s = &n->seen;
    if (!asks(n))
        return;
    if (s->term != 0 && s->term != replica_term(n->replica))
        forget(n);
    if (n->now.mono.ms < s->ask_due.ms)
        return;
    s->ask_due = mono_after(n->now.mono, ASK_MS);
    uint64_t leader = replica_leader(n->replica, NULL);
    if (!understands(n, leader))
        return;
    struct buf frame = new_frame('?', s->term, s->version);
    node_post(n, (int64_t)leader, &frame);
}

struct mono seen_due(const struct node *n)
{
    return asks(n) ? n->seen.ask_due : MONO_NEVER;
}

static void take_answer(struct node *n, uint64_t term, uint64_t version, struct slice agents)
{
    struct seen *s = &n->seen;
    size_t old_n = s->n;
    s->items = mem_realloc(s->items, (agents.len / ITEM_BYTES + 1) * sizeof s->items[0]);
    s->n = agents.len / ITEM_BYTES;
    s->term = term;
    s->version = version;
    for (size_t i = 0; i < s->n; i++) {
        const char *at = agents.p + i * ITEM_BYTES;
        struct agent_seen *a = &s->items[i];
        *a = (struct agent_seen){.agent = (int64_t)u64_at(at),
                                 .silent = {(int64_t)u64_at(at + 8)},
                                 .kept_until = {(int64_t)u64_at(at + 16)}};
        if (a->kept_until.ms != 0)
            a->closed = a->silent;
    }
    if (old_n + s->n > 0)
        show(n);
}

void seen_take(struct node *n, int64_t from, struct slice body)
{
    if (body.len < 17)
        return;
    uint64_t term = u64_at(body.p + 1), version = u64_at(body.p + 9);
    struct slice agents = {body.p + 17, body.len - 17};
    if (body.p[0] == '?')
        answer(n, from, term, version);
    else if (body.p[0] == '!' && asks(n) && agents.len % ITEM_BYTES == 0 &&
             from == (int64_t)replica_leader(n->replica, NULL) && term == replica_term(n->replica))
        take_answer(n, term, version, agents);
}
