/* cmd/mesolith/elsewhere.h - what this process has other nodes answer, and answers for them: files
 * of tasks, and whatever a node without a state is asked. */
#pragma once

#include "cluster/exchanges.h"
#include "tasks.h"

struct elsewhere {
    void *data; /* the owner's, set before start */
    /* private */
    struct exchanges exchanges; /* not started: this node knows no other */
    struct host *host;
    struct tasks *tasks;
    int64_t self;
    int64_t (*server)(void *data);
    void (*stopped)(struct elsewhere *e);
};

/* Here all files are this node's own, until elsewhere_start(). Keeps host and tasks. */
void elsewhere_init(struct elsewhere *e, struct host *host, struct tasks *tasks);
/* `server` names a node that has a state, if it can one that is connected; 0: none is known. Keeps
 * `peers`, which has been started. */
void elsewhere_start(struct elsewhere *e, int64_t self, struct peers *peers, struct rng *rng,
                     int64_t (*server)(void *data));
void elsewhere_stop(struct elsewhere *e, void (*stopped)(struct elsewhere *e));

/* The node's deeds (host/host.h). */
void elsewhere_sandbox(struct elsewhere *e, struct exchange_id id,
                       struct sandbox_request *r);                                     /* takes r */
void elsewhere_request(struct elsewhere *e, struct exchange_id id, struct request *r); /* takes r */
void elsewhere_credit(struct elsewhere *e, struct exchange_id id, size_t bytes);
void elsewhere_gone(struct elsewhere *e, struct exchange_id id);
void elsewhere_answer(struct elsewhere *e, struct answer *a); /* takes *a */
