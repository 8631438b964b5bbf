/* lib/cluster/peers_private.h - between peers.c, peers_queue.c, peers_line.c and peers_dial.c: one
 * peer. */
#pragma once

#include "cluster/line.h"

struct attempt {
    struct dial dial;
    struct peer *peer;
    unsigned generation; /* of the certificate that it shows */
    bool canceled, late;
};

struct lane {
    struct list queue;
    size_t n, bytes;
    bool refused; /* somebody waits for on_room() */
};

struct peer {
    int64_t id;
    struct peers *all;
    bool has_address;
    struct address address;
    struct line *line;   /* what is sent goes there; NULL: none */
    struct line *asking; /* ours, not welcomed yet */
    struct line *spare;  /* the other side's dial, which yields to `line` */
    struct attempt *attempt;
    bool up;      /* on_up() was told, on_down() not yet */
    bool redial;  /* although there is a line */
    bool moving;  /* no line, but the other side has promised one */
    bool reading; /* the owner wants frames */
    bool forgotten;
    bool told;    /* that it cannot be reached */
    size_t lines; /* whose `peer` this is */
    uint64_t up_since;
    unsigned failures;
    uint64_t dial_at, gap_ends, attempt_ends;
    struct lane lanes[PEERS_LANES];
    uv_timer_t timer;
    int handles; /* the timer, an attempt */
};

static inline uint64_t peers_now(const struct peers *all)
{
    return uv_now(&all->loop->uv);
}

static inline bool peers_stopping(const struct peers *all)
{
    return all->stopped != NULL;
}

/* ---- peers.c */
struct peer *peers_find(const struct peers *all, int64_t id); /* NULL: none */
void peers_handle_gone(struct peers *all);                    /* one of all->handles */
void peers_part_gone(struct peer *p);                         /* one of p->handles */
/* Ends a peer that nobody knows and that has no line; else arms its timer. */
void peers_settle(struct peer *p);
void peers_went_down(struct peer *p, enum peers_end how, const struct error *err);
void peers_trouble(struct peers *all, int64_t id, const struct error *err);
/* Its id, or 0 and the reason why it cannot stay. */
int64_t peers_identify(struct peers *all, const struct tls_peer *who, struct error *err);

/* ---- peers_queue.c */
size_t peers_waiting(const struct peer *p);
void peers_drop_queues(struct peer *p, bool all); /* all: also what may not be dropped */
void peers_on_idle(struct line *l);
void peers_on_sent(struct line *l);
/* Before the loop waits again it sends what it has, and who waits for room is told. */
void peers_push_soon(struct line *l);
void peers_start_pushing(struct peers *all);
void peers_stop_pushing(struct peers *all);

/* ---- peers_line.c */
/* Takes `s`. p NULL: only to say something on it. */
struct line *peers_line_begin(struct peers *all, struct peer *p, struct stream *s, bool dialled,
                              unsigned generation);

/* ---- peers_dial.c */
void peers_arm(struct peer *p); /* the timer: for what is due next */
void peers_pause_dialling(struct peer *p);
void peers_dial_failed(struct peer *p, const struct error *err);
void peers_cancel_dial(struct peer *p);
