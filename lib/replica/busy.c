/* lib/replica/busy.c - a member in the middle of a long turn says nothing, though it is well: a
 * large entry is written, or applied. So somebody beside it says so for it, and who hears that
 * waits as after a heartbeat, or after an answer to one. For how long at most, the one beside it
 * decides.
 *
 * A follower answers its leader's word with its own: the leader has sent nothing else that could be
 * answered, and steps down when it hears nobody.
 *
 * Neither terms nor entries are spoken of, and when an election begins is never a matter of safety.
 */
#include "replica/private.h"

size_t replica_busy(const struct replica *r, uint64_t to[LIMIT_SERVERS], struct buf *out)
{
    struct frame f = {.kind = FRAME_BUSY,
                      .sender = r->options.id,
                      .number = {.term = raft_current_term((struct raft *)&r->raft)}};
    const struct raft_configuration *conf = &r->raft.configuration;
    bool leads = replica_is_leader(r);
    uint64_t leader = replica_leader(r, NULL);
    size_t n = 0;
    if (replica_is_failed(r) || r->mending || leader == 0)
        return 0;
    for (unsigned i = 0; i < conf->n; i++)
        if (conf->servers[i].id != r->options.id && (leads || conf->servers[i].id == leader))
            to[n++] = conf->servers[i].id;
    if (n > 0)
        frame_encode(&f, out);
    return n;
}

/* The core steps down unless most have answered it within an election timeout. */
static bool most_are_there(const struct replica *r)
{
    const struct raft_configuration *conf = &r->raft.configuration;
    unsigned voters = 0, there = 0;
    struct replica_member m;
    for (unsigned i = 0; i < conf->n && replica_member(r, i, &m); i++) {
        bool votes = m.server.role == REPLICA_VOTER;
        bool self = m.server.id == r->options.id;
        voters += votes;
        there += votes && (self || r->now.ms - m.heard.ms < r->options.election_ms);
    }
    return there > voters / 2;
}

void busy_receive(struct replica *r, uint64_t from, struct frame *f)
{
    /* of an earlier term: that one leads no more, and the leader was elected without it */
    if (f->number.term != replica_term(r))
        return;
    if (replica_is_leader(r)) {
        if (most_are_there(r))
            r->raft.election_timer_start = (raft_time)r->now.ms;
    } else if (raft_state(&r->raft) == RAFT_FOLLOWER && replica_leader(r, NULL) == from) {
        r->append_heard = r->now;
        r->raft.election_timer_start = (raft_time)r->now.ms;
        send_number(r, from, FRAME_BUSY, f->number);
    }
}
