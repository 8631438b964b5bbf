/* lib/cluster/exchanges_private.h - what exchanges.c, exchanges_asked.c and exchanges_served.c
 * share. */
#pragma once

#include "base/map.h"
#include "cluster/exchange_frame.h"
#include "cluster/exchanges.h"

#define EXCHANGES_PIECE_BYTES (64 << 10) /* of a body in one frame */

struct neighbour {
    int64_t id;
    struct list in_all;
    struct list asked, served;
    struct map *numbers;   /* its number -> struct served */
    size_t waiting;        /* bytes of bodies that wait for its credit */
    uint64_t ours, theirs; /* how often each has begun anew; theirs 0: it has not said */
    size_t takes;          /* bytes of a frame, as it has said; else what all versions take */
    bool full, greets;     /* peers take nothing more for it, and so not our greeting either;
                              exchanges_room() follows */
};

struct asked {
    struct exchange_id id;
    uint64_t number;
    struct neighbour *node;
    struct list in_node;
    char *host; /* for people; NULL: a request, not a file */
    enum sandbox_shape shape;
    uint64_t since;   /* ms of the loop */
    uint64_t next;    /* the answer that comes next */
    struct map *held; /* count -> struct answer: came too early. NULL: none yet */
    size_t held_bytes;
    int64_t window; /* so much may still come */
    size_t owed;    /* credit that could not be told yet */
    bool has_head;
    bool gone; /* that, too, is still to be told */
};

struct served {
    struct exchange_id id;
    uint64_t number;
    struct neighbour *node;
    struct list in_node;
    struct list pieces;
    uint64_t next;
    int64_t credit;
    bool answered; /* the last of its answers is there: the owner knows it no more */
};

static inline bool exchanges_is_last(enum answer_kind kind)
{
    return kind == ANSWER_WHOLE || kind == ANSWER_END || kind == ANSWER_ABORT;
}

/* ---- exchanges.c */
struct neighbour *exchanges_neighbour(struct exchanges *x, int64_t id);
void exchanges_frame_init(struct buf *frame);
/* Closes the frame. */
int exchanges_post(struct exchanges *x, struct neighbour *n, struct buf *frame, struct error *err);
/* Of what waits by itself for another chance: true if it has left, or need not. */
bool exchanges_say(struct exchanges *x, struct neighbour *n, struct buf *frame);
bool exchanges_say_number(struct exchanges *x, struct neighbour *n, enum exchange_frame_kind kind,
                          uint64_t number, uint64_t count);

/* ---- exchanges_asked.c */
void exchanges_fail(struct exchanges *x, struct asked *a, const struct error *why);
/* What could not be said before. The exchange may end here. */
void exchanges_settle(struct exchanges *x, struct asked *a);
/* Takes the answer. */
int exchanges_take_answer(struct exchanges *x, struct neighbour *n, uint64_t number, uint64_t count,
                          struct answer *answer, struct error *err);

/* ---- exchanges_served.c: s NULL: all of it has left */
int exchanges_take_request(struct exchanges *x, struct neighbour *n, struct exchange_frame *f,
                           struct error *err);
/* Never more than was sent. */
void exchanges_take_credit(struct exchanges *x, struct served *s, uint64_t bytes);
void exchanges_take_gone(struct exchanges *x, struct served *s);
/* As much as credit and the connection allow. The exchange may end here. */
void exchanges_pump(struct exchanges *x, struct served *s);
