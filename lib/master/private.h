/* lib/master/private.h - what the files of this room share. */
#pragma once

#include "base/list.h"
#include "base/map.h"
#include "master/master.h"
#include "master/routes.h"

/*  expected -> registered <-> closed;  any of them -> silent for too long: unreachable, no session.
 *  It registers again when it is back. */
enum session_state {
    SESSION_EXPECTED,   /* the state knows it, this leader has not heard of it yet */
    SESSION_REGISTERED, /* its messages count */
    SESSION_CLOSED,     /* its stream was closed by a live host (DESIGN 6) */
};

struct session {
    int64_t id, uid, node; /* node: of the newest registration; 0: none */
    enum session_state state;
    struct mono heard;   /* its last message; of one that is expected: when leading began */
    int64_t pong;        /* the newest; 0: none since it registered */
    struct wall silent;  /* unless it is registered: since it was closed, or leading began */
    struct agent_clock { /* its wall clock against ours, by its pongs; what is late says too little
                          */
        int64_t best, best_before, shown;
        unsigned pongs;
        bool timed;
    } clock;
    int64_t *owed; /* tasks whose ends it had not told when it registered: no runs before */
    size_t owed_n;
    struct mono owed_until; /* what had to be told has been told by then, more than once */
    struct mono ask_again;  /* to register, and so to say all: are its strangers gone? what was it
                             * that could not be committed? MONO_NEVER: it need not */
    struct mono due;        /* an order is to be given or repeated then */
    struct mono wipe_again; /* it is told then what to remove of what was given up */
    struct map *told;       /* task -> struct told: what it was last ordered, and when */
    int64_t routes;         /* the revision that it was told last; ROUTES_NONE */
    struct mono routes_told, all_routes_told;
    struct list in_dirty; /* of master.dirty: its orders are to be looked at now */
};

/* A registration, or a set of statuses, that is being committed. */
struct waiting {
    uint64_t key;
    int64_t uid, node;
    struct json *reported; /* of a registration: its tasks */
    int64_t *agents;       /* of statuses: whose */
    struct buf *bodies;    /* of statuses: what to acknowledge to agents[i], elements {task, seq} */
    size_t n, ack_bytes;   /* of all bodies */
    struct alive *alive;   /* of statuses: the tasks that they say live */
    size_t alive_n, alive_cap;
};
struct alive {
    int64_t agent, task;
};

struct complaint { /* of a node: what was logged last, and until when it need not be again */
    struct mono until;
    char why[sizeof(((struct error *)0)->text)];
};

struct master {
    struct state *state;
    struct master_options options;
    bool leading;
    uint64_t term;
    uint64_t seen_version;
    struct map *sessions; /* agent id -> struct session */
    struct map *by_uid;   /* the same, by the agent's uid */
    struct list dirty;
    struct map *complaints; /* node -> struct complaint */
    struct map *waiting;    /* key -> struct waiting */
    uint64_t next_key;
    struct waiting *gathering; /* what is acknowledged once `statuses` are committed */
    struct buf statuses;       /* elements of task.update, reported since the last tick */
    bool liveness_in_flight;
    struct mono ticked;        /* the last tick: silence counts only while there are ticks */
    struct mono suspect_until; /* MONO_NEVER: the leader does not suspect itself */
    struct routes *routes;
    struct mono routes_due;
    bool routes_lost; /* by an agent */
    struct mono due;  /* no session is due earlier */
};

/* ---- master.c */
/* Begins a message to an agent; it names this leader's term. End: outbox_message_end(). */
void master_tell(struct master *m, int64_t agent, enum message_kind kind, struct json_writer *w,
                 struct outbox *out);
struct session *session_new(struct master *m, int64_t id, int64_t uid, struct now now);
void session_wake(struct master *m, struct session *s); /* the next tick looks at its orders */
void session_drop(struct master *m, struct session *s);
/* Logs what of a node was refused; once for a while, since it says it again every two seconds. */
void master_complain(struct master *m, const char *what, int64_t node, const char *why,
                     struct now now);
struct waiting *waiting_add(struct master *m, struct waiting *w);
void waiting_free(struct waiting *w); /* accepts NULL */
/* To each agent what it does not know yet. */
void send_routes(struct master *m, struct now now, struct outbox *out);

/* ---- register.c */
void on_register(struct master *m, int64_t node, const struct json *v, struct now now,
                 struct outbox *out);
void registered(struct master *m, const struct waiting *w, const struct outcome *o, struct now now,
                struct outbox *out);

/* It runs what is nobody's, and may not hear that it is to end it: it is told so, and asked again
 * what it runs, until that is gone. */
void end_stranger(struct master *m, struct session *s, int64_t task, const char *why,
                  struct now now, struct outbox *out);

/* ---- report.c */
/* A run that was given up as not started may have started: the state decides what becomes of it. */
static inline bool given_up(const struct task_brief *t)
{
    return t->owner == OWNER_JOB && t->state == TASK_DROPPED;
}
/* The task is the agent's, and what it says of it now is news. */
bool is_awaited(const struct master *m, const struct session *s, int64_t task);
void on_status(struct master *m, struct session *s, const struct json *v, struct now now,
               struct outbox *out);
/* What it runs lives on, though the state gave it up. */
void report_again(struct master *m, const struct json *reported, struct now now,
                  struct outbox *out);
void propose_statuses(struct master *m, struct now now, struct outbox *out);
void acknowledge(struct master *m, const struct waiting *w, struct now now, struct outbox *out);

/* ---- order.c */
/* The grace between TERM and KILL is its own: the agent has it with what it runs. */
void order_kill(struct master *m, const struct session *s, int64_t task, const char *reason,
                struct outbox *out);
void kill_heard(const struct session *s, int64_t task, struct now now); /* its agent says so */
void on_wiped(const struct session *s, const struct json *body, struct outbox *out);
void orders_look(struct master *m, struct session *s, struct now now, struct outbox *out);
void told_free(struct session *s);

/* ---- seen.c */
void take_clock(struct master *m, struct session *s, const struct json *body, struct now now);

/* ---- liveness.c */
#define CLOSED_MS 75000 /* a closed session of a live host */
void liveness_check(struct master *m, struct now now, struct outbox *out);
void liveness_outcome(struct master *m, struct now now);
