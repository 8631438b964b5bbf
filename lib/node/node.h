/* lib/node/node.h - one whole node, thinking: the replica, the minds and the doors behind one set
 * of hands. Pure: time comes in, everything else goes out through the hands.
 *
 * A turn (DESIGN 2): take the events in; step Raft, in FULL; think; propose all drafts as one
 * entry; COMMIT; then apply what is committed, in NORMAL unless it rides along; tell the watchers;
 * only then answer, send, launch. After an error of the disk a turn returns -1: the process stops
 * and is restarted from its file. */
#pragma once

#include "node/hands.h"

struct node;

struct node_options {
    uint64_t id, store;         /* of the disk: node.json has them too (replica/replica.h) */
    const char *state_path;     /* "<data>/state.db" */
    const char *agent_path;     /* "<data>/agent/agent.db"; NULL: no agent mode */
    const char *vfs;            /* NULL; tests inject faults */
    bool reverse_unordered;     /* the simulator's */
    const char *name, *address; /* of this node: for people; "ip:peer port" */
    unsigned modes;
    const char *cluster; /* uuid of the certificate; NULL: the first leader draws one */
    /* Whom a node that is only an agent asks who leads; the others are told by the leader. */
    const struct known_node *members;
    size_t members_n;
    bool bootstrap; /* an empty file becomes a cluster of one; else it waits to be joined */
    bool used;      /* it ran on this disk before: an empty file has lost what it had */
    unsigned election_ms, heartbeat_ms;
    int64_t unreachable_ms; /* silent hosts: DESIGN 6; 0: 5 s */
    unsigned log_rows;      /* kept behind what is applied; 0: LIMIT_LOG_ROWS; tests keep few */
    int64_t replace_ms;     /* a voter silent for so long gives its place to a standby; 0: 10 s */
    /* What this process's agent tells the master. */
    struct node_agent {
        const char *hostname, *address, *version, *boot; /* boot: the machine's boot id */
        int port;
        const char *resources;  /* "cpus:2;mem:1024;disk:1000;ports:[31000-32000]" */
        const char *attributes; /* JSON object */
        const char *work_dir;   /* absolute: sandboxes and task folders */
    } agent;
    /* Of the whole cluster, put by who leads: SETTING_OF_... of state.h; "" is Chronos's default.
     */
    const struct node_setting {
        const char *key, *value;
    } * settings;
    size_t settings_n;
    struct facts facts; /* urls, version, rules: the node fills in the rest */
};

enum event_kind {
    EVENT_REQUEST,        /* an exchange's request, that is no plain ask */
    EVENT_FRAME,          /* from another node */
    EVENT_CLOSED,         /* there is no connection to another node any more */
    EVENT_STATUS,         /* from the executor: a status (model/status.h) with seq 0 */
    EVENT_RECOVERED,      /* from the executor: every task that was found again has been reported */
    EVENT_DOCKER,         /* from the executor: {"docker": version or "", "docker_reason": …} */
    EVENT_WIPED,          /* from the executor: a volume is not there any more */
    EVENT_ROUTES_REFUSED, /* hands.routes() failed */
    EVENT_ROUTES,         /* from the proxy: {"ports":[{"port","app","bound","reason"}]} */
    EVENT_SNAPSHOT_MADE,  /* snapshot: NULL if it could not be made */
    EVENT_SNAPSHOT_FETCHED, /* body: the path; empty if it could not be had */
    EVENT_DETACHED,         /* a stream of events has ended: its topic; body: of which address */
    EVENT_STATE_WRONG,      /* body: which table's rows are not those that were written */
    EVENT_CHECKPOINTED,
    EVENT_NOTICE_TOLD, /* body: an element of notice.told: a notice was sent, or fails */
    EVENT_STOP,        /* the process wants to end: nothing new begins; then node_stopped() */
};

struct event {
    enum event_kind kind;
    struct exchange_id exchange; /* REQUEST */
    struct request *request;     /* REQUEST: owned */
    int64_t node;                /* FRAME, CLOSED: which */
    int64_t volume;              /* WIPED: which */
    bool silent;    /* CLOSED: nothing was heard of it; else its host lives (DESIGN 6) */
    bool mostly;    /* CHECKPOINTED: but a few pages of the log were moved */
    unsigned topic; /* DETACHED */
    struct replica_snapshot *snapshot; /* SNAPSHOT_…: owned */
    struct buf body; /* FRAME, STATUS, DOCKER, ROUTES, DETACHED, NOTICE_TOLD: owned */
};
void event_close(struct event *e);

/* Keeps hands, and borrows the strings of options until node_close. */
int node_open(const struct node_options *options, struct hands *hands, struct now now,
              struct node **node_out, struct error *err) MUST_CHECK;
/* Takes the events. now.mono never goes back. */
int node_turn(struct node *n, struct event *events, size_t events_n, struct now now,
              struct error *err) MUST_CHECK;
struct mono node_due(struct node *n); /* when to turn although nothing happened */
/* What others are told if the next turn takes long (replica_busy()). */
struct node_busy {
    uint64_t to[LIMIT_SERVERS];
    size_t n;
    char frame[64];
    size_t frame_len;
};
struct node_busy node_busy(const struct node *n);
bool node_ready(const struct node *n);   /* has a state, a leader, and its own agent is known */
bool node_stopped(const struct node *n); /* after EVENT_STOP: may be closed now */
void node_close(struct node *n);         /* accepts NULL; tasks go on */

/* ---- for the simulator's and the tests' checks */
struct state *node_state(struct node *n);
uint64_t node_applied(const struct node *n);
uint64_t node_term(const struct node *n);
bool node_leading(const struct node *n);
bool node_disk_failed(const struct node *n); /* a database has: its next COMMIT fails the turn */
bool node_member(const struct node *n, size_t i, struct replica_member *out);
const struct api *node_api(const struct node *n);
