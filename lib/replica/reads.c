/* lib/replica/reads.c - linearizable reads without a disk write: a majority that is still in the
 * leader's term, when asked after the read began, has not elected anybody newer before it. */
#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "replica/private.h"

#define PATIENCE_ELECTIONS 4 /* a read waits that many election timeouts */

void reads_close(struct reads *s)
{
    mem_free(s->items);
}

static struct read *push(struct replica *r, struct read read)
{
    struct reads *s = &r->reads;
    if (s->n == s->cap) {
        s->cap = s->cap == 0 ? 16 : 2 * s->cap;
        s->items = mem_realloc(s->items, s->cap * sizeof s->items[0]);
    }
    read.deadline = mono_after(r->now, (int64_t)PATIENCE_ELECTIONS * r->options.election_ms);
    s->items[s->n] = read;
    return &s->items[s->n++];
}

int replica_read(struct replica *r, uint64_t ticket, struct error *err)
{
    ASSERT(ticket != 0 && r->in_turn);
    if (r->reads.n >= LIMIT_READS)
        return error_set(err, ERR_LIMIT, "too many reads wait");
    uint64_t leader = replica_leader(r, NULL);
    if (replica_is_leader(r)) {
        push(r, (struct read){.stage = READ_ROUND, .ticket = ticket});
        return 0;
    }
    if (leader == 0)
        return error_set(err, ERR_UNAVAILABLE, "no leader is known");
    struct read *read =
        push(r, (struct read){.stage = READ_LEADER, .ticket = ticket, .seq = ++r->reads.seq});
    send_number(r, leader, FRAME_READ, (struct frame_number){.seq = read->seq});
    return 0;
}

/* ---- ending one */

static void end(struct replica *r, const struct read *read, enum error_code code)
{
    if (read->ticket != 0)
        replica_outcome(r, REPLICA_READ, read->ticket, code, read->index);
    else {
        if (code == ERR_NONE)
            send_beat(r, read->from); /* else it waits for the next heartbeat to apply that far */
        send_number(
            r, read->from, FRAME_READ_RESULT,
            (struct frame_number){.seq = read->seq, .index = code == ERR_NONE ? read->index : 0});
    }
}

/* Ends those that `judge` does not want to keep, in order. */
enum verdict { KEEP, DONE, FAILED };
static void sweep(struct replica *r, enum verdict (*judge)(struct replica *r, struct read *read))
{
    struct reads *s = &r->reads;
    size_t kept = 0;
    for (size_t i = 0; i < s->n; i++) {
        enum verdict v = judge(r, &s->items[i]);
        if (v == KEEP)
            s->items[kept++] = s->items[i];
        else
            end(r, &s->items[i], v == DONE ? ERR_NONE : ERR_UNAVAILABLE);
    }
    s->n = kept;
}

static enum verdict judge_lost(struct replica *r, struct read *read)
{
    (void)r;
    return read->stage == READ_APPLY ? KEEP : FAILED;
}

void reads_lost(struct replica *r)
{
    sweep(r, judge_lost);
}

/* ---- rounds of pings */

static void ping_voters(struct replica *r, const struct raft_configuration *conf,
                        const struct raft_configuration *but)
{
    for (unsigned i = 0; i < conf->n; i++) {
        const struct raft_server *s = &conf->servers[i];
        bool done = false;
        for (unsigned j = 0; but != NULL && j < but->n; j++)
            done = done || (but->servers[j].id == s->id && but->servers[j].role == RAFT_VOTER);
        if (s->role != RAFT_VOTER || s->id == r->options.id || done)
            continue;
        replica_peer(r, s->id, s->address);
        send_number(r, s->id, FRAME_PING,
                    (struct frame_number){.term = replica_term(r), .seq = r->reads.sent});
    }
}

static bool has_majority(struct replica *r, const struct raft_configuration *conf, uint64_t round)
{
    unsigned voters = 0, acked = 0;
    for (unsigned i = 0; i < conf->n; i++) {
        const struct raft_server *s = &conf->servers[i];
        if (s->role != RAFT_VOTER)
            continue;
        const struct peer *p = replica_peer(r, s->id, NULL);
        voters++;
        acked += s->id == r->options.id || (p != NULL && p->acked >= round);
    }
    return acked > voters / 2;
}

/* While a change is uncommitted, both configurations must agree. */
static void confirm_rounds(struct replica *r)
{
    bool changing = r->raft.configuration_uncommitted_index != 0;
    for (uint64_t round = r->reads.sent; round > r->reads.confirmed; round--)
        if (has_majority(r, &r->raft.configuration, round) &&
            (!changing || has_majority(r, &r->raft.configuration_committed, round))) {
            r->reads.confirmed = round;
            return;
        }
}

static void send_round(struct replica *r)
{
    r->reads.sent++;
    r->reads.sent_at = r->now;
    ping_voters(r, &r->raft.configuration, NULL);
    if (r->raft.configuration_uncommitted_index != 0)
        ping_voters(r, &r->raft.configuration_committed, &r->raft.configuration);
    confirm_rounds(r); /* we may be alone */
}

static bool waits_for_round(const struct read *read)
{
    return read->stage == READ_ROUND && read->round != 0;
}

/* Reads that came since the last round share the next one. */
static bool join_next_round(struct replica *r)
{
    bool any = false;
    for (size_t i = 0; i < r->reads.n; i++) {
        struct read *read = &r->reads.items[i];
        if (read->stage != READ_ROUND)
            continue;
        if (read->round == 0) {
            read->round = r->reads.sent + 1;
            read->index = r->commit;
        }
        any = any || read->round > r->reads.confirmed;
    }
    return any;
}

static bool round_under_way(const struct replica *r)
{
    return r->reads.confirmed < r->reads.sent &&
           r->now.ms - r->reads.sent_at.ms < r->options.heartbeat_ms;
}

static enum verdict judge_deadline(struct replica *r, struct read *read)
{
    return read->deadline.ms <= r->now.ms ? FAILED : KEEP;
}

void reads_turn(struct replica *r)
{
    uint64_t leader = replica_leader(r, NULL);
    if (leader != r->last_leader) {
        r->last_leader = leader;
        if (!replica_is_leader(r))
            reads_lost(r);
    }
    if (r->reads.n == 0)
        return;
    sweep(r, judge_deadline);
    if (replica_leads(r) && join_next_round(r) && !round_under_way(r))
        send_round(r);
}

/* ---- what has been confirmed, applied and committed */

static enum verdict judge_confirmed(struct replica *r, struct read *read)
{
    if (waits_for_round(read) && read->round <= r->reads.confirmed) {
        if (read->ticket == 0)
            return DONE;
        read->stage = READ_APPLY;
    }
    return read->stage == READ_APPLY && read->index <= r->storage.applied.index ? DONE : KEEP;
}

void reads_finish(struct replica *r)
{
    if (r->reads.n > 0)
        sweep(r, judge_confirmed);
}

struct mono reads_due(const struct replica *r)
{
    struct mono due = MONO_NEVER;
    bool rounds = false;
    for (size_t i = 0; i < r->reads.n; i++) {
        due = mono_earlier(due, r->reads.items[i].deadline);
        rounds = rounds || waits_for_round(&r->reads.items[i]);
    }
    return rounds ? mono_earlier(due, mono_after(r->reads.sent_at, r->options.heartbeat_ms)) : due;
}

/* ---- frames */

static void receive_pong(struct replica *r, uint64_t from, const struct frame_number *n)
{
    struct peer *p = replica_peer(r, from, NULL);
    /* its own term may be lower, then it has not voted for anybody newer either */
    if (replica_is_leader(r) && n->index == replica_term(r) && n->term <= replica_term(r) &&
        n->seq <= r->reads.sent && n->seq > p->acked) {
        p->acked = n->seq;
        confirm_rounds(r);
    }
}

static void receive_read(struct replica *r, uint64_t from, const struct frame_number *n)
{
    struct read read = {.stage = READ_ROUND, .from = from, .seq = n->seq};
    if (replica_is_leader(r) && r->reads.n < LIMIT_READS)
        push(r, read);
    else
        end(r, &read, ERR_UNAVAILABLE);
}

static void receive_read_result(struct replica *r, const struct frame_number *n)
{
    for (size_t i = 0; i < r->reads.n; i++) {
        struct read *read = &r->reads.items[i];
        if (read->stage != READ_LEADER || read->seq != n->seq)
            continue;
        read->index = n->index;
        if (n->index != 0)
            read->stage = READ_APPLY;
        else
            read->deadline = r->now; /* the other one does not lead */
        return;
    }
}

void reads_receive(struct replica *r, uint64_t from, const struct frame *f)
{
    switch (f->kind) {
    case FRAME_PING: /* our term leaves after the COMMIT, so it is durable by then */
        send_number(r, from, FRAME_PONG,
                    (struct frame_number){
                        .term = replica_term(r), .seq = f->number.seq, .index = f->number.term});
        break;
    case FRAME_PONG:
        receive_pong(r, from, &f->number);
        break;
    case FRAME_READ:
        receive_read(r, from, &f->number);
        break;
    case FRAME_READ_RESULT:
        receive_read_result(r, &f->number);
        break;
    case FRAME_APPEND:
    case FRAME_APPEND_RESULT:
    case FRAME_VOTE:
    case FRAME_VOTE_RESULT:
    case FRAME_OFFER:
    case FRAME_TIMEOUT_NOW:
    case FRAME_REMOVED:
    case FRAME_MEND:
    case FRAME_TABLES:
    case FRAME_BUSY:
        UNREACHABLE("not a frame about reads");
    }
}
