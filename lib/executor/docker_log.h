/* lib/executor/docker_log.h - a container's output from the engine's log stream into its sandbox.
 *
 * Nothing is doubled and nothing left out when the stream, or this process, breaks off and begins
 * anew: the file `logs` in the task's folder says which message was the last whole one of each
 * output, and how long the sandbox's file was then. Beginning again first cuts the file back to
 * there and then skips what the engine repeats. The disk is waited for by a thread of the pool. */
#pragma once

#include <uv.h>

#include "executor/docker_stream.h"
#include "executor/rotate.h"

struct docker_log;
typedef void docker_log_cb(struct docker_log *l);

struct docker_log_place { /* the last whole message of one output */
    int64_t ns;
    int64_t count; /* messages of that very time */
    uint64_t inode;
    int64_t size;
};

struct docker_log_options {
    const char *folder, *sandbox; /* kept until `closed` */
    bool tty;
    int64_t log_bytes;
    unsigned log_files;
};

struct docker_log {
    void *data; /* the owner's, set before open */
    /* private */
    uv_loop_t *loop;
    struct docker_log_options options;
    docker_log_cb *ready, *drained, *closed;
    enum { LOG_CLOSED, LOG_OPENING, LOG_IDLE, LOG_WRITING, LOG_CLOSING } state;
    uv_work_t work;
    struct docker_stream stream;
    struct docker_log_place skip[DOCKER_OUTPUTS]; /* what the engine may repeat */
    bool skipping[DOCKER_OUTPUTS];                /* the message at work is one of them */
    bool inside[DOCKER_OUTPUTS];                  /* a message at work */
    struct buf pending, writing;                  /* records: see docker_log.c */
    /* the thread's while there is work */
    struct docker_log_place places[DOCKER_OUTPUTS];
    int64_t seen_ns; /* the latest of all */
    struct rotate files[DOCKER_OUTPUTS];
    int folder_fd, sandbox_fd;
    struct error failure;
};

/* Reads where it was; `ready` says that docker_log_since() and docker_log_feed() may be called.
 * Keeps `l` until docker_log_close() has called back. Zeroed before the first time. */
void docker_log_open(struct docker_log *l, uv_loop_t *loop,
                     const struct docker_log_options *options, docker_log_cb *ready);
/* What to ask the engine for: "1714555800.000000000", or "0" for all. */
const char *docker_log_since(const struct docker_log *l, char dst[32]);
/* Takes the stream's bytes; the caller then holds the stream back until `drained`. ERR_SYNTAX when
 * it is no such stream. */
int docker_log_feed(struct docker_log *l, struct slice bytes, docker_log_cb *drained,
                    struct error *err) MUST_CHECK;
/* After what was taken is written. Then it may be opened again. */
void docker_log_close(struct docker_log *l, docker_log_cb *closed);
