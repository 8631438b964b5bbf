/* lib/agent/agent.h - what an agent knows, kept in agent.db: its identity, its tasks, statuses that
 * nobody has acknowledged. A mind: it fills an outbox, which is carried out after agent.db's own
 * COMMIT in FULL. Pure but for SQLite.
 *
 * All messages are idempotent: `run` of a task that is known changes nothing and reports it again;
 * `kill` of one that has ended repeats its end. A status is repeated until it is acknowledged. */
#pragma once

#include "db/db.h"
#include "model/outbox.h"

struct agent;

struct agent_options {
    struct db *db; /* agent.db, opened by the caller; kept. agent begins and commits */
    struct rng *rng;
    const char *hostname, *address, *version, *boot, *resources,
        *attributes; /* borrowed for life */
    int port;
    int64_t lease_ms; /* start lease; 0: 2 s */
};

int agent_open(const struct agent_options *options, struct agent **agent_out,
               struct error *err) MUST_CHECK;
void agent_close(struct agent *a); /* accepts NULL; tasks go on */

/* The cluster's id, as soon as it is known, and before agent_leader(): its record is of that
 * cluster from then on. ERR_CONFLICT when it is of another one, whose tasks have the same numbers.
 */
int agent_cluster(struct agent *a, const char *cluster, struct now now, struct outbox *out,
                  struct error *err) MUST_CHECK;

int64_t agent_uid(const struct agent *a);
int64_t agent_id(const struct agent *a);      /* in the state; -1 before the first welcome */
bool agent_registered(const struct agent *a); /* with the leader that it was told of last */

/* A message of the leader (or from who claims to be: an older term is ignored). */
void agent_message(struct agent *a, enum message_kind kind, const struct json *body, struct now now,
                   struct outbox *out);
/* The executor reports (model/status.h, seq is set here). */
void agent_status(struct agent *a, const struct json *status, struct now now, struct outbox *out);
/* The executor has reported every task it found again: what the record knows as alive and nobody
 * reported has been lost. Until then, and before the cluster is known, nothing is launched. */
void agent_recovered(struct agent *a, struct now now, struct outbox *out);
/* A volume that its leader gave up is not there any more. */
void agent_wiped(struct agent *a, int64_t volume, struct outbox *out);
void agent_docker(struct agent *a, const char *version, const char *reason, struct now now,
                  struct outbox *out);
/* The proxy did not take what it was told last: soon it is told all. */
void agent_routes_refused(struct agent *a);
/* There is a leader to talk to (again): registers. Called whenever it changes. */
void agent_leader(struct agent *a, uint64_t term, struct now now, struct outbox *out);
void agent_tick(struct agent *a, struct now now,
                struct outbox *out); /* pongs, repeats, re-registers */
struct mono agent_due(const struct agent *a);

/* Whether the turn wrote anything: then agent_commit() must come before its outbox is carried out.
 */
bool agent_dirty(const struct agent *a);
int agent_commit(struct agent *a, struct error *err) MUST_CHECK;
