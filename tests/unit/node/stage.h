/* tests/unit/node/stage.h - whole nodes on files of their own and virtual time; their hands are the
 * test's. Frames take 1 ms. What a hand is called with is checked against what is committed. */
#pragma once

#include "unit.h"

#include "base/map.h"
#include "node/node.h"
#include "support/faultvfs.h"
#include "support/tmp.h"

#define STAGE_NODES 6
#define STAGE_WALL0 INT64_C(1767225600000)
#define STAGE_CLUSTER "11111111-2222-4333-8444-555555555555"

struct stage;

struct member {
    struct stage *s;
    int position;
    char folder[TMP_PATH_SIZE], state_path[TMP_PATH_SIZE], agent_path[TMP_PATH_SIZE];
    char vfs_name[48], name[16], address[32];
    struct faultvfs *vfs;
    struct node *node; /* NULL: down */
    struct hands hands;
    struct rng rng;
    struct event *inbox;
    size_t inbox_n;
    unsigned modes; /* all, unless set before it is up */
    int64_t wall_ahead_ms;
    bool cut;            /* nothing reaches it, nothing leaves it */
    struct error failed; /* of the turn that ended it */
    int launched, killed, forgotten, checkpoints, snapshots, fetched, dropped;
    int64_t asked_index;                   /* of the newest ask */
    int unconfirmed;                       /* asks whose answers may be of before */
    unsigned facts;                        /* how often they were told */
    char published[64];                    /* the newest event's type */
    uint64_t subscribed, published_behind; /* the newest stream; of when that was published */
    char callbacks[256];                   /* told last, one URL a line */
    char notice[2048];                     /* told last */
    bool saw_leading;                      /* in the newest facts */
    int silent, closed;                    /* agents, likewise */
    int hints;                             /* so often it was told who leads */
    int64_t clock_step_ms;
    struct wall clock_waits;
    int told_gone;               /* how often a node was */
    char known[STAGE_NODES][32]; /* by position: whose address it was told; "": gone, or nobody */
    char refused[512];           /* ports, likewise */
};

struct given { /* an answer */
    int status;
    char *body, *headers;
};

struct stage {
    struct member members[STAGE_NODES];
    int n;
    int64_t mono;
    struct map *given; /* exchange -> struct given */
    uint64_t next;
    bool growing;                /* only the first is a founder: set before any is up */
    bool silent_tasks;           /* launched tasks report nothing */
    bool deaf_tasks;             /* told to end they go on */
    bool slow_fetch;             /* a snapshot never arrives, until it is given up */
    unsigned log_rows;           /* node/node.h */
    struct node_setting setting; /* of the cluster; key NULL: none */
    uint64_t lone_id;            /* of a node alone; 0: 1 */
};

void stage_open(struct stage *s, int nodes); /* nobody is up yet */
void stage_close(struct stage *s);
/* Starts it, as a process would; -1 and m->failed. Everything on its machine is found again. */
int stage_up(struct stage *s, int i);
void stage_down(struct stage *s, int i); /* the process is gone, not what it wrote */
/* Turns of all that are up, until then. */
void stage_run_ms(struct stage *s, int64_t ms);
int stage_leader(struct stage *s); /* -1: none */
/* All up, and one leads with a state: within 10 s. */
void stage_ready(struct stage *s);

/* ' stands for " in the body; NULL: none. Returns the exchange. */
uint64_t stage_request(struct stage *s, int i, enum method method, const char *target,
                       const char *body);
uint64_t stage_named_request(struct stage *s, int i, enum method method, const char *target,
                             const char *body, const char *rid); /* NULL: none */
/* As the peer port does for who is joining: waits for the answer, and returns its status. */
int stage_join(struct stage *s, int at, int i);
/* The status of its answer, 0: none yet. */
int stage_status(struct stage *s, uint64_t exchange);
const struct given *stage_given(struct stage *s, uint64_t exchange);
void stage_event(struct stage *s, int i, struct event *e);
/* Is such an app committed in the file of that node? Asked by another connection. */
bool stage_committed(struct member *m, const char *path);
#define STAGE_APP(instances) \
    "{'id':'/web','cmd':'run','instances':" #instances ",'cpus':0.1,'mem':32}"
