/* lib/model/outbox.h - what a turn's thinking wants done once it is over (style 2).
 *
 * A mind or a door only fills it. The node makes one Raft entry of all drafts, and carries out
 * the rest after the turn's COMMIT. Owns what is in it. Pure. */
#pragma once

#include "base/buf.h"
#include "base/time.h"
#include "model/command.h"
#include "model/message.h"

/* Who is told the outcome of a draft. */
enum origin_kind {
    ORIGIN_NOBODY,
    ORIGIN_APPS,
    ORIGIN_JOBS,
    ORIGIN_MASTER,
    ORIGIN_NODE,
    ORIGIN_DOOR
};
struct origin {
    enum origin_kind kind;
    uint64_t key;  /* the asker's own: an app, a job, a pending exchange */
    unsigned part; /* of one asker's several drafts: which */
};

enum out_kind {
    OUT_DRAFT,     /* a command to propose */
    OUT_MESSAGE,   /* to the leader or to an agent */
    OUT_LAUNCH,    /* the agent's: start this run_spec */
    OUT_KILL,      /* the agent's */
    OUT_FORGET,    /* the agent's: nobody will ask for this task's record again */
    OUT_WIPE,      /* the agent's: remove a persistent volume */
    OUT_ROUTES,    /* the agent's: what the proxy forwards, as MESSAGE_ROUTES has it */
    OUT_HAND_OVER, /* the leadership, to `node`, or to whoever has most */
};

struct out {
    enum out_kind kind;
    struct origin origin; /* DRAFT, HAND_OVER */
    struct draft draft;   /* DRAFT */
    int64_t agent;        /* MESSAGE: an agent's id in the state, or TO_LEADER */
    int64_t node;         /* HAND_OVER: a node's id; 0: anybody */
    int64_t task;         /* LAUNCH, KILL, FORGET; WIPE: the volume's number */
    struct buf body;      /* MESSAGE, ROUTES: the message; LAUNCH: the run_spec; KILL: the reason;
                           * WIPE: the volume's id */
};
#define TO_LEADER INT64_C(-1)

struct outbox {
    struct out *items;
    size_t n, cap;
    uint64_t epoch; /* the term, when its filler leads: goes into drafts of minds */
};

void outbox_init(struct outbox *o, uint64_t epoch);
void outbox_close(struct outbox *o);

/* Each hands out the writer of its body: the caller writes the members, then ends the object. The
 * item's address changes with the next call. */
void outbox_draft(struct outbox *o, enum command_kind kind, struct origin origin,
                  struct json_writer *w);
void outbox_draft_end(struct outbox *o, struct json_writer *w);
void outbox_drop_last(struct outbox *o); /* takes the last item out again */
void outbox_message(struct outbox *o, int64_t agent, enum message_kind kind, struct json_writer *w);
void outbox_message_end(struct outbox *o, struct json_writer *w);
void outbox_launch(struct outbox *o, int64_t task, struct slice run_spec);
void outbox_kill(struct outbox *o, int64_t task, const char *reason);
void outbox_forget(struct outbox *o, int64_t task);
void outbox_wipe(struct outbox *o, int64_t volume, const char *name);
void outbox_routes(struct outbox *o, struct slice message);
/* Its outcome is like a command's; done: another node leads. */
void outbox_hand_over(struct outbox *o, int64_t node, struct origin origin);
