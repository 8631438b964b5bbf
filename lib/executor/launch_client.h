/* lib/executor/launch_client.h - the agent's end of the launcher, on the loop. */
#pragma once

#include <uv.h>

#include "base/list.h"
#include "executor/launcher.h"
#include "executor/order.h"

struct launch_request;
/* reply.kind REPLY_FAILED also when the launcher is gone or the client stops. Takes reply.fd. */
typedef void launch_cb(struct launch_request *r, const struct reply *reply);

struct launch_request { /* the asker's memory, until the callback */
    void *data;         /* the asker's */
    /* private */
    launch_cb *done; /* NULL: not under way */
    uint32_t id;
    struct list in_waiting;
};

struct launch_client {
    void *data;                            /* the owner's, set before start */
    void (*lost)(struct launch_client *c); /* the same; NULL: none. The launcher is gone */
    pid_t launcher;                        /* read only */
    /* private */
    uv_pipe_t orders;
    uv_poll_t replies; /* the same socket once more: a pipe takes no descriptors of our kind */
    int replies_fd, lull_fd;
    bool busy; /* there is no lull */
    struct list waiting;
    uint32_t last_id;
    bool gone; /* the launcher has closed its end */
    size_t have;
    struct reply reply; /* being read, */
    int fd;             /* and what has come with it; or -1 */
    void (*stopped)(struct launch_client *c);
};

/* Takes the launcher's descriptors when it succeeds. Keeps `c` until `stopped` has fired; that ends
 * the launcher.
 */
int launch_client_start(struct launch_client *c, uv_loop_t *loop, const struct launcher *launcher,
                        struct error *err) MUST_CHECK;
void launch_client_stop(struct launch_client *c, void (*stopped)(struct launch_client *c));

/* Sends the order; its id is set here. Keeps `r` until `done`. ERR_LIMIT when the order is too big,
 * ERR_UNAVAILABLE when the launcher is gone. */
int launch_order(struct launch_client *c, struct launch_request *r, struct order *o,
                 launch_cb *done, struct error *err) MUST_CHECK;
/* Whether many programs are about to begin: what has ended waits meanwhile (executor/launcher.h).
 */
void launch_busy(struct launch_client *c, bool busy);
/* A helper under way is killed; `done` still fires, once it is dead. */
void launch_cancel(struct launch_client *c, struct launch_request *r);
