/* lib/replica/hurry.c - a leader whose process died closes its connections at once: nobody needs to
 * wait for its silence.
 *
 * When an election begins is never a matter of safety, only of calm. And calm it stays: a voter
 * that still hears the leader refuses the pre-vote, so a connection that broke on its way deposes
 * nobody. All voters see the end at about the same time: chance spreads their timers, as it always
 * does, but over a shorter time; who comes too early finds the others with their leader, and soon
 * tries again.
 */
#include "replica/private.h"

#define HURRY_MS 1000 /* for so long there is no other leader: then all is as usual */
#define FIRST_MS_MIN 10
#define FIRST_MS_MAX 50
#define AGAIN_MS_MIN 40 /* longer than a vote takes, with its sync */
#define AGAIN_MS_MAX 120

/* So that the timer, begun at `start`, ends that long from now, if it would last longer. */
static void shorten(struct replica *r, unsigned *timeout, unsigned least, unsigned most)
{
    raft_time start = r->raft.election_timer_start, now = (raft_time)r->now.ms;
    raft_time wanted = now + least + rng_below(&r->rng, most - least);
    if (wanted > start && wanted - start < *timeout)
        *timeout = (unsigned)(wanted - start);
}

void replica_leader_closed(struct replica *r, uint64_t id)
{
    uint64_t leader = replica_leader(r, NULL);
    if (replica_is_failed(r) || id == 0 || leader != id || raft_state(&r->raft) != RAFT_FOLLOWER ||
        !replica_votes(r, r->options.id))
        return;
    r->hurry_until = mono_after(r->now, HURRY_MS);
    shorten(r, &r->raft.follower_state.randomized_election_timeout, FIRST_MS_MIN, FIRST_MS_MAX);
}

/* A candidate's timer begins anew with each attempt. */
void hurry_turn(struct replica *r)
{
    if (r->now.ms >= r->hurry_until.ms || raft_state(&r->raft) != RAFT_CANDIDATE ||
        r->hurried == r->raft.election_timer_start)
        return;
    r->hurried = r->raft.election_timer_start;
    shorten(r, &r->raft.candidate_state.randomized_election_timeout, AGAIN_MS_MIN, AGAIN_MS_MAX);
}
