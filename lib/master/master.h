/* lib/master/master.h - the leader's side of its agents: who is there, what they must run and end,
 * what they report, where service ports go. A mind: it fills an outbox. Pure.
 *
 * Level-triggered: what an agent ought to have been told is read from the state each time (tasks
 * that are staging but not reported, tasks being killed), so a lost message is only late. */
#pragma once

#include "model/outbox.h"
#include "state/state.h"

struct master;

struct master_options {
    /* Writes what an agent must run for a task (model/run_spec.h), whoever owns it; false when its
     * definition is gone. */
    bool (*run_spec)(void *data, const struct task_row *t, struct buf *out);
    void *data;
    int64_t unreachable_ms; /* a silent host's tasks are unreachable after that */
};

struct master *master_new(struct state *state, const struct master_options *options);
void master_free(struct master *m); /* accepts NULL */

/* Leading begins or ends: sessions start anew, marks are forgotten. */
void master_lead(struct master *m, bool leading, uint64_t term, struct now now, struct outbox *out);
/* A message of an agent, from the node it lives in (0: this process). The answer, if any, goes out
 * as a message to the agent's id, or to -2 - node for one that has no id yet. */
void master_message(struct master *m, int64_t node, enum message_kind kind, const struct json *body,
                    struct now now, struct outbox *out);
/* The session's stream was closed by a live host (DESIGN 6), now or before we led: its agent, come
 * or still expected, has the longer time to come back. */
void master_closed(struct master *m, int64_t node, struct now now, struct outbox *out);
/* Where messages to an agent go: the node that its newest registration came from. */
int64_t master_node_of(const struct master *m, int64_t agent);
/* What was committed: new tasks to run, tasks to end, routes. From the state's feed. */
void master_changed(struct master *m, const struct change *c);
void master_outcome(struct master *m, uint64_t key, const struct outcome *o, struct now now,
                    struct outbox *out);
/* Sends what is due; called once a turn while leading. */
void master_tick(struct master *m, struct now now, struct outbox *out);
struct mono master_due(const struct master *m);
/* What is known of agents beside the state, for people to see. */
struct agent_seen {
    int64_t agent;
    struct wall silent; /* since when nothing is heard of it: its session was closed, or we began to
                         * lead; 0: it is heard */
    struct wall closed, kept_until; /* its session was closed, its tasks are kept; 0: it was not */
    bool timed;
    int64_t offset_ms; /* of its wall clock against ours */
};
/* Appends those of whom there is something, the caller's; returns how many, by id. */
size_t master_seen(const struct master *m, struct agent_seen **out);
/* Another number whenever that may differ. */
uint64_t master_seen_version(const struct master *m);
/* The newest pong of an agent, for the start lease (DESIGN 6); 0: none. */
int64_t master_pong(const struct master *m, int64_t agent);
/* So many ms more it may be silent, 0 if it was for too long, though the leader may suspect itself.
 * Who is hurried does not wait for a closed session to come back. */
int64_t master_patience_ms(const struct master *m, int64_t agent, bool hurried, struct now now);
bool master_is_live(const struct master *m, int64_t agent, struct now now);
/* The state knows it, and nothing is heard of it since we began to lead. */
bool master_expects(const struct master *m, int64_t agent);
