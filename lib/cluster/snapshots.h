/* lib/cluster/snapshots.h - whole states between nodes: who lags behind fetches the file that a
 * leader has made, piece by piece, over the connection that the two have anyway.
 *
 * The fetcher asks for a few pieces ahead of what is written, so nobody holds more than
 * LIMIT_PIECES_AHEAD of them, and Raft's frames never wait behind more. Pieces that do not come are
 * asked for again: what is lost with a connection, or was too much for the sender, costs a second,
 * and not the file. It gives up when nothing comes for LIMIT_SNAPSHOT_MS. Only a file of the right
 * size and SHA-256, and durable, is handed out.
 *
 * A file is given to those that were offered its token, until the next one lies ready and nobody
 * has asked for a while: it is open here, its name may be gone. Files are read and written on
 * libuv's pool. No path is ever made of what a node says. */
#pragma once

#include "base/hash.h"
#include "cluster/piece.h"
#include "net/loop.h"

struct snapshots;

struct snapshot_file { /* as it was offered */
    uint64_t token, size;
    uint8_t hash[SHA256_SIZE];
};

/* From the loop, never from inside a call; none after snapshots_stop(). */
struct snapshots_events {
    /* A frame to a node; it may be lost. This one may be called from inside of any call. */
    void (*send)(struct snapshots *s, int64_t to, struct slice frame);
    /* May that node have the state? NULL: all may that can ask. */
    bool (*may_have)(struct snapshots *s, int64_t id);
    /* The fetch has ended: the file lies at `path`; NULL: it does not, and why. */
    void (*on_fetched)(struct snapshots *s, uint64_t token, const char *path,
                       const struct error *err);
};

#define SNAPSHOTS_KEPT 4 /* the newest, and some that are still being read */

struct served {
    uint64_t token; /* 0: none */
    int fd;
    uint64_t size, asked_ms;
    bool reading;
};

struct question {
    int64_t from;
    uint64_t token, offset;
    uint32_t size;
};

struct snapshots {
    void *data;           /* the owner's, set before start */
    uint64_t patience_ms; /* LIMIT_SNAPSHOT_MS; a test has less */
    /* private */
    struct loop *loop;
    const struct snapshots_events *events;
    char *incoming;
    uv_timer_t timer;
    /* giving */
    struct served served[SNAPSHOTS_KEPT]; /* [0] is the newest */
    struct question *questions;           /* a ring */
    size_t first, n;
    struct give *giving; /* on the pool; NULL: nothing */
    /* fetching */
    struct fetch *fetch; /* NULL: nothing */
    void (*stopped)(struct snapshots *s);
    bool closed;
};

/* `incoming` is where a fetched file comes to lie, and is copied; what is there is removed. Keeps
 * `s`, `loop` and `events` until `stopped`. */
void snapshots_start(struct snapshots *s, struct loop *loop, const char *incoming,
                     const struct snapshots_events *events);
void snapshots_stop(struct snapshots *s, void (*stopped)(struct snapshots *s));

/* The file at `path` is given to who asks for that token; it may lose its name. */
int snapshots_give(struct snapshots *s, uint64_t token, const char *path,
                   struct error *err) MUST_CHECK;

/* One at a time: asserted. Ends in on_fetched(). */
void snapshots_fetch(struct snapshots *s, int64_t from, const struct snapshot_file *file);
/* What is being fetched is not wanted any more; on_fetched() follows all the same. */
void snapshots_drop(struct snapshots *s);

/* A frame that begins with FRAME_SNAPSHOT. ERR_SYNTAX: who sends this is none of us. */
int snapshots_frame(struct snapshots *s, int64_t from, struct slice frame,
                    struct error *err) MUST_CHECK;
/* That node is connected: what was lost meanwhile is asked for at once. */
void snapshots_up(struct snapshots *s, int64_t id);
