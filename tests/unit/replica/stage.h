/* tests/unit/replica/stage.h - one replica, and a test that plays everybody else: it hands frames
 * in and looks at those that come out. */
#pragma once

#include "member.h"

#define STAGE_SERVERS 3
#define STAGE_FRAMES 64

struct stage {
    char folder[TMP_PATH_SIZE];
    struct member m; /* node 1 of the founders 1, 2 and 3, or alone with a standby 2 */
    struct now now;
    struct frame out[STAGE_FRAMES]; /* of the last turn */
    uint64_t to[STAGE_FRAMES];
    char *bytes[STAGE_FRAMES];
    size_t n_out;
    size_t n_outcomes;
    struct replica_outcome outcomes[STAGE_FRAMES];
};

/* Opens it at 1000 ms. roles: one letter a founder, 'v' or 's', e.g. "vvv". */
void stage_init(struct stage *s, const char *roles, const struct replica_options *options);
void stage_close(struct stage *s);
void stage_restart(struct stage *s);

/* One turn with one frame of `from` (NULL: none), `ms` after the last one; a second turn follows at
 * once if there is something to do. */
void stage_feed(struct stage *s, int64_t ms, uint64_t from, struct frame f);
void stage_turn(struct stage *s, int64_t ms);
void stage_propose(struct stage *s, int64_t ms, const char *entry);
/* The first frame of this kind to that node in the last turn, or NULL. */
const struct frame *stage_frame(const struct stage *s, enum frame_kind kind, uint64_t to);

/* ---- what the others may say */
#define STAGE_ENTRIES 16
struct stage_entries { /* n entries of one term; a letter each: c command, b barrier, and changes to
                        * these members: 1 to {1}, 2 to {1,2}, 3 to {1,2,3}, all voters */
    struct frame_entry items[STAGE_ENTRIES];
    struct buf conf[STAGE_ENTRIES];
    unsigned n;
};
void stage_entries(struct stage_entries *e, uint64_t term, const char *letters);
void stage_entries_close(struct stage_entries *e);
/* An append of node `from`, its entries spelt. */
void stage_append(struct stage *s, uint64_t from, uint64_t term, uint64_t prev_index,
                  uint64_t prev_term, const char *letters, uint64_t commit);
/* Node 1 becomes the leader: by its timeout, pre-votes and votes of node 2. */
void stage_elect(struct stage *s);
