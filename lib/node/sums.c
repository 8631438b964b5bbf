/* Do all replicas arrive at the same tables? The leader compares their sums, always at the same
 * entries of the log; whoever differs from most of the voters takes another's tables (DESIGN 4,
 * Hash). What the sums do not see, rows changed behind their back, is found by reading all of them.
 */
#include "base/log.h"
#include "db/rowsum.h"
#include "model/frame.h"
#include "node/private.h"

#define SUM_EVERY 64 /* entries */
#define ASK_MS 2000

/* Frames: '?' index; '!' index, sum; 'x' index: yours is not what most have. */

static void send(struct node *n, int64_t to, char kind, uint64_t index, const uint64_t *sum)
{
    struct buf frame;
    buf_init(&frame, 32);
    buf_putc(&frame, FRAME_SUM);
    buf_putc(&frame, kind);
    buf_put_u64(&frame, index);
    if (sum != NULL)
        buf_put_u64(&frame, *sum);
    node_post(n, to, &frame);
}

/* ---- what this node has */

static struct sum_point *point_of(struct sums *s, uint64_t index)
{
    struct sum_point *p = &s->points[index / SUM_EVERY % SUM_POINTS];
    return p->index == index && index != 0 ? p : NULL;
}

void sums_applied(struct node *n, uint64_t index)
{
    if (index % SUM_EVERY != 0 || state_level(n->state) == 0)
        return;
    n->sums.points[index / SUM_EVERY % SUM_POINTS] =
        (struct sum_point){index, db_rowsum_all(state_db(n->state))};
    n->sums.newest = index;
}

/* ---- judging, by the leader */

static void note(struct sums *s, int64_t node, bool votes, uint64_t sum)
{
    for (size_t i = 0; i < s->told_n; i++)
        if (s->told[i].node == node)
            return;
    if (s->told_n < LIMIT_SERVERS)
        s->told[s->told_n++] = (struct sum_told){node, votes, sum};
}

static size_t count_voters(struct node *n, int64_t node, bool *votes_out)
{
    struct replica_member m;
    size_t voters = 0;
    *votes_out = false;
    for (size_t i = 0; replica_member(n->replica, i, &m); i++) {
        bool votes = m.server.role == REPLICA_VOTER;
        voters += votes;
        if ((int64_t)m.server.id == node)
            *votes_out = votes;
    }
    return voters;
}

/* The sum that more than half of the voters have. */
static bool majority(struct node *n, uint64_t *sum_out)
{
    struct sums *s = &n->sums;
    bool votes;
    size_t voters = count_voters(n, 0, &votes);
    for (size_t i = 0; i < s->told_n; i++) {
        size_t same = 0;
        for (size_t k = 0; k < s->told_n; k++)
            same += s->told[k].votes && s->told[k].sum == s->told[i].sum;
        *sum_out = s->told[i].sum;
        if (same * 2 > voters)
            return true;
    }
    return false;
}

/* With each answer: who differs is told once there is a majority that does not. */
static void judge(struct node *n)
{
    struct sums *s = &n->sums;
    uint64_t sum;
    if (!majority(n, &sum))
        return;
    for (size_t i = 0; i < s->told_n; i++) {
        if (s->told[i].sum == sum)
            continue;
        log_error("a replica differs", "node=%lld index=%llu", (long long)s->told[i].node,
                  (unsigned long long)s->asked);
        if (s->told[i].node == (int64_t)n->options.id)
            node_is_wrong(n, "most of the other replicas have different rows");
        else
            send(n, s->told[i].node, 'x', s->asked, NULL);
        s->told[i].sum = sum; /* said */
    }
}

static void ask_all(struct node *n)
{
    struct sums *s = &n->sums;
    struct replica_member m;
    struct sum_point *own = point_of(s, s->newest);
    bool votes;
    if (own == NULL || s->newest == s->asked)
        return;
    s->asked = s->newest;
    s->told_n = 0;
    count_voters(n, (int64_t)n->options.id, &votes);
    note(s, (int64_t)n->options.id, votes, own->sum);
    for (size_t i = 0; replica_member(n->replica, i, &m); i++)
        if (m.server.id != n->options.id)
            send(n, (int64_t)m.server.id, '?', s->asked, NULL);
}

/* ---- turns and frames */

void sums_look(struct node *n)
{
    if (!n->minds_lead || n->now.mono.ms < n->sums.ask_due.ms)
        return;
    n->sums.ask_due = mono_after(n->now.mono, ASK_MS);
    ask_all(n);
}

static void answer(struct node *n, int64_t to, uint64_t index)
{
    struct sum_point *p = point_of(&n->sums, index);
    if (p != NULL)
        send(n, to, '!', index, &p->sum);
    else if (index > replica_applied(n->replica)) /* it is behind: soon */
        n->sums.owed = (struct sum_owed){to, index};
}

/* What was asked before it was applied. */
void sums_settle(struct node *n)
{
    struct sum_owed owed = n->sums.owed;
    if (owed.to == 0 || replica_applied(n->replica) < owed.index)
        return;
    n->sums.owed = (struct sum_owed){0};
    answer(n, owed.to, owed.index);
}

void sums_take(struct node *n, int64_t from, struct slice body)
{
    bool votes;
    if (body.len < 9)
        return;
    uint64_t index = u64_at(body.p + 1);
    if (body.p[0] == '?') {
        answer(n, from, index);
    } else if (body.p[0] == '!' && body.len == 17 && n->minds_lead && index == n->sums.asked) {
        count_voters(n, from, &votes);
        note(&n->sums, from, votes, u64_at(body.p + 9));
        judge(n);
    } else if (body.p[0] == 'x' && point_of(&n->sums, index) != NULL &&
               from == (int64_t)replica_leader(n->replica, NULL)) {
        node_is_wrong(n, "most of the other replicas have different rows");
    }
}
