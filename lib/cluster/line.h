/* lib/cluster/line.h - one connection to a node, for peers.h: frames in and out, the beats that
 * show both sides that the other is there, and an end that loses nothing.
 *
 *     open -> leaving -> closed      leaving: our last word is said or on its way; still reading,
 *        \________________^          until the other side has ended or LIMIT_PEER_SILENT_MS */
#pragma once

#include "base/list.h"
#include "cluster/peers.h"
#include "cluster/wire.h"

/* A frame that waits, with its head. */
struct parcel {
    struct list list;
    bool may_drop;
    size_t size;
    char bytes[];
};

struct peer; /* peers_private.h */
struct line;

/* From the loop, or from line_push(). */
struct line_events {
    /* Nothing is under way: move what is to be sent now to l->sending, or line_leave(). */
    void (*on_idle)(struct line *l);
    void (*on_sent)(struct line *l);
    /* All kinds but beats; `f` is borrowed. */
    void (*on_frame)(struct line *l, const struct wire_frame *f);
    /* It is closed. */
    void (*on_lost)(struct line *l, enum peers_end how, const struct error *err);
    void (*on_closed)(struct line *l); /* the last; then `l` is gone */
};

enum line_state { LINE_OPEN, LINE_LEAVING, LINE_CLOSED };

struct line {
    /* the owner's */
    struct list list;
    struct peers *all;
    struct peer *peer; /* NULL: nobody's any more */
    bool dialled;      /* by us */
    bool welcome;      /* each side lets the other in */
    struct list dirty; /* in the owner's list of those that have more to send */
    unsigned generation;

    enum line_state state; /* read only */
    struct list sending;   /* given to the system */
    /* private */
    const struct line_events *events;
    struct stream *stream;
    struct buf in, words, saying; /* words: of ours, that wait; saying: given to the system */
    bool reading, writing, gathering, broken;
    bool ended, other_ended;
    uint64_t heard, said; /* when */
    uint64_t until;       /* it may last */
    uint64_t due;         /* of the timer */
    uv_timer_t timer;
    int handles;
};

/* Takes `s`. */
struct line *line_new(struct loop *loop, struct stream *s, const struct line_events *events);
/* There may be something to send. */
void line_push(struct line *l);
/* A word with the next frames. */
void line_say(struct line *l, enum wire_kind kind, struct slice body);
/* The last one, within `ms`; what is under way leaves before. */
void line_leave(struct line *l, enum wire_kind kind, struct slice body, uint64_t ms);
/* It is closed then at the latest. */
void line_limit(struct line *l, uint64_t ms);
void line_read(struct line *l, bool on);
void line_close(struct line *l);
