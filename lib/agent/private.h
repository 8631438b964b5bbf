/* lib/agent/private.h - what the files of this room share. */
#pragma once

#include "agent/agent.h"
#include "base/map.h"
#include "base/rng.h"
#include "db/statement.h"
#include "model/status.h"

#define STATEMENTS(X)                                                                        \
    X(IDENTITY, "select uid from identity")                                                  \
    X(CLUSTER, "select cluster from identity")                                               \
    X(CLUSTER_PUT, "update identity set cluster = :cluster")                                 \
    X(IDENTITY_PUT, "insert into identity(k, uid) values(0, :uid)")                          \
    X(TASK, "select state, seq, launched from tasks where task = :task")                     \
    X(TASK_ADD, "insert into tasks(task, run, name, spec, state, seq, launched) "            \
                "values(:task, :run, :name, :spec, 0, 0, :launched)")                        \
    X(TASK_OF_ATTEMPT, "select task from tasks where name = :name and run = :run "           \
                       "and state <> :dropped")                                              \
    X(TASK_REPORT, "update tasks set state = :state, seq = :seq where task = :task")         \
    X(TASKS_LAUNCHED, "update tasks set launched = 1 where launched = 0")                    \
    X(TASK_DROP, "delete from tasks where task = :task")                                     \
    X(TASKS, "select task, state, spec, launched, seq from tasks order by task")             \
    X(STATUS_PUT, "insert into statuses(task, seq, state, body) "                            \
                  "values(:task, :seq, :state, :body)")                                      \
    X(STATUS_REPLACE, "delete from statuses where task = :task and state = :state")          \
    X(STATUS_LAST, "select body from statuses where task = :task order by seq desc limit 1") \
    X(STATUSES, "select body, task, seq from statuses where task > :task or "                \
                "(task = :task and seq > :seq) order by task, seq limit :limit")             \
    X(STATUSES_ACK, "delete from statuses where task = :task and seq <= :seq")               \
    X(STATUSES_LEFT, "select count(*) from statuses where task = :task")
enum { DB_ENUM(STATEMENTS) N_STATEMENTS };

#define PONGS_REMEMBERED 64 /* when each was sent: more than any lease covers */

struct agent {
    struct agent_options options;
    struct stmts *stmts;
    bool dirty;
    int64_t uid, id;
    uint64_t term; /* of the leader it listens to */
    bool registered;
    bool docker_told; /* the newest registration names the docker that there is */
    char *docker, *docker_reason;
    int64_t pong;                        /* of the newest sent; counted up from a random number */
    struct mono pongs[PONGS_REMEMBERED]; /* when number n was sent, at n % PONGS_REMEMBERED */
    struct mono pong_due, repeat_due;
    int64_t sent_task, sent_seq; /* statuses: up to there they are on their way; 0: all are */
    int64_t routes_term, routes; /* the leader's, and its revision, that the proxy has */
    bool found_all;              /* what an earlier process left */
    bool joined;                 /* the record is of this cluster */
    bool recovered;              /* both: it launches */
    struct map *alive;           /* tasks in the record that nobody has reported since we began */
    struct map *doomed;          /* those of them that an earlier process was told to end */
    struct map *over;  /* task -> struct over: an order for it that still comes is an old one */
    struct map *early; /* task -> struct early: ordered before everything was found again */
};

struct over { /* a task whose record has gone */
    int64_t task;
    struct mono until; /* no order for it can be within its lease any more */
};

struct known { /* a task in the record */
    enum task_state state;
    int64_t seq; /* of its newest report */
    bool launched;
};

/* Every write of a turn is in one transaction, in FULL: an order must be on disk before anything is
 * started because of it. */
void begin_writing(struct agent *a);
struct stmt *write_stmt(struct agent *a, int which);
bool known_task(struct agent *a, int64_t task, struct known *out);
enum task_state state_at(struct stmt *q, int column); /* of a task; a word of nobody's: TASK_LOST */
void free_items(struct map *map);                     /* and the map */

/* ---- status_queue.c */
/* Numbers it, records it, sends it. Nothing if the task is not known. */
void agent_report(struct agent *a, struct status *st, struct outbox *out);
void report_state(struct agent *a, int64_t task, enum task_state state, struct wall at,
                  const char *message, struct outbox *out);
/* The end of a task that has no record here. */
void report_unknown(struct agent *a, int64_t task, struct wall at, struct outbox *out);
/* False: all of it is acknowledged. */
bool repeat_last(struct agent *a, int64_t task, struct outbox *out);
void send_statuses(struct agent *a, struct outbox *out); /* from the first one on */
void on_ack(struct agent *a, const struct json *body, struct now now, struct outbox *out);
void forget_over(struct agent *a, struct now now); /* those whose time is up */

/* ---- order.c */
void on_run(struct agent *a, const struct json *body, struct now now, struct outbox *out);
void on_wipe(struct agent *a, const struct json *body, struct outbox *out);
void on_kill(struct agent *a, const struct json *body, struct now now, struct outbox *out);
/* Starts those that were ordered before everything was found again, if they still may. */
void start_early(struct agent *a, struct now now, struct outbox *out);
