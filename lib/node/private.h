/* lib/node/private.h - a node's insides, shared by the files of this room. */
#pragma once

#include "agent/agent.h"
#include "api/facts.h"
#include "base/list.h"
#include "base/map.h"
#include "master/master.h"
#include "node/node.h"
#include "replica/replica.h"
#include "scheduler/apps/apps.h"
#include "scheduler/jobs/jobs.h"

/* A request that a door of this node works on, from its event to its answer. */
struct pending {
    uint64_t key;
    struct exchange_id exchange;
    struct request *request;
    struct route_match match;
    struct reply reply;
    struct tell tell;
    struct view view;
    struct asked_facts asked; /* of another node, if that was asked */
    struct list in_stale;     /* while it waits to look again, or to look at all */
    struct outcome stale;     /* why; without detail */
    enum door_kind door_kind;
    bool confirms; /* it is answered, once a majority says that this node still leads */
    /* of one that was asked at another node */
    int64_t from;      /* 0: here */
    uint64_t from_key; /* that node's name for it */
    /* of one that waits for a leader, or for its answer (forward.c) */
    struct list in_away;
    struct mono give_up; /* 0: it has not waited yet */
    bool named, sent, answered;
    bool unsure, doubted; /* it may have been done; also by what was sent before the last time */
    uint64_t sent_to, sent_term;
    struct mono again;    /* it is sent again */
    struct answer answer; /* the leader's */
    uint64_t index;       /* and what it speaks of */
};

/* An entry that was proposed: who is told what of its commands, in their order. */
struct batch {
    uint64_t ticket;
    struct origin *origins;
    size_t n, next;
    uint64_t proposed; /* its places (scheduler/placement) */
};

struct done { /* an outcome on its way to its origin */
    struct origin origin;
    struct outcome outcome;
    bool lost; /* nobody has decided it */
};

struct refused_port { /* a service port that the proxy does not serve, at least not for `app` */
    int port;
    char app[ID_SIZE];
    char reason[256];
};

struct letter { /* a message inside this process: it arrives in the next turn */
    bool to_agent;
    struct buf body;
};

#define CLOSED_MAX 64

struct beaten { /* a member that was told how far all is applied */
    int64_t to;
    uint64_t index;
};

struct post { /* a frame that leaves after the COMMIT */
    int64_t to;
    struct buf frame;
};

struct master_known {
    int64_t id;
    unsigned modes;
    char address[REPLICA_ADDRESS_MAX + 1];
};

struct servers { /* masters and schedulers, as the state has them */
    struct server {
        int64_t id;
        unsigned modes;
        bool may_vote;
        char address[REPLICA_ADDRESS_MAX + 1];
    } items[LIMIT_SERVERS];
    size_t n;
    bool known; /* else to be read anew */
};

struct hint { /* who leads, as a node that is only an agent was told */
    uint64_t leader, term;
    struct master_known masters[LIMIT_SERVERS];
    size_t masters_n, next; /* next: whom to ask */
    int64_t ask_ms;
    struct mono ask_due, learn_due;
};

struct member_change { /* of Raft's configuration; ticket 0: none is under way */
    uint64_t ticket;
    struct origin origin; /* NOBODY: our own */
    bool hands_over;      /* the leadership: meanwhile nothing is decided here */
    int64_t promotes;     /* whom; 0: nobody */
};

struct clock_seen {         /* of another member */
    int64_t node, apart_ms; /* its wall clock against our monotonic one */
    int64_t unsure_ms;      /* or so much more or less: who is in a long turn answers late */
    struct mono heard;
    bool shown;
    int64_t shown_ms;
};

struct clocks {
    struct clock_seen seen[LIMIT_SERVERS];
    size_t n;
    struct mono ask_due, hand_over_due;
    bool off;        /* ours, from the median of the voters */
    int64_t off_ms;  /* ahead of it */
    int64_t apart;   /* wall - mono, at the last look */
    int64_t step_ms; /* by which the wall clock was set last; 0: it was not */
    bool waits;      /* for the newest time in the log, as was logged */
    char *text;
};

#define SUM_POINTS 64

struct sums { /* of the tables, at entries that all nodes choose alike */
    struct sum_point {
        uint64_t index, sum;
    } points[SUM_POINTS];
    uint64_t newest;
    struct sum_owed { /* to be told when it has been applied; `to` 0: nothing */
        int64_t to;
        uint64_t index;
    } owed;
    /* the leader's: what it was told of the entry that it asked for last */
    uint64_t asked;
    struct sum_told {
        int64_t node;
        bool votes;
        uint64_t sum;
    } told[LIMIT_SERVERS];
    size_t told_n;
    struct mono ask_due;
};

/* What the leader knows of agents beside the state: its own, all of it; the other members' who is
 * silent. */
struct seen {
    struct agent_seen *items; /* by id; owned */
    size_t n;
    uint64_t term, version; /* the leader's, of that; term 0: nothing is known */
    bool news;              /* since the facts were made */
    struct mono ask_due;
};

/* A stream of events whose head is that answer: those that have begun before hear of it. */
struct begun {
    size_t answer;
    enum topic topic;
    char *remote; /* owned */
};

struct node {
    struct hands *hands;
    struct node_options options; /* strings are owned below, in `facts_text` */
    struct api *api;

    struct db *db;
    struct replica *replica;
    struct state *state;
    struct watch watch;
    struct master *master;
    struct apps *apps;
    struct jobs *jobs;
    struct placement *placement;
    struct db *agent_db; /* NULL: no agent mode */
    struct agent *agent;

    struct now now;
    struct wall last_at;  /* newest time in the log: it never goes back */
    struct wall raw_wall; /* of the machine's clock; now.wall is what is taken for the time */
    struct clocks clocks;
    struct sums sums;
    bool leading;    /* as of the last look */
    bool minds_lead; /* and there is a state: what the minds were told */
    bool calls_back; /* events are posted somewhere */
    uint64_t leading_term;
    bool joined;          /* the agent knows the cluster */
    uint64_t named_at;    /* before this is applied the cluster may still have an older name */
    uint64_t told_leader; /* whom the agent was told of, and in which term */
    uint64_t told_term;
    bool housekeeping; /* a command of the node's own is in flight */
    bool stopping, stopped, recovered;
    bool handed_over, alone; /* the leadership, while stopping: it was tried; nobody took it */
    struct member_change change;
    int64_t closed[CLOSED_MAX]; /* nodes whose process has ended, on a host that lives */
    size_t closed_n;
    struct mono led_since, leaderless; /* leaderless 0: there is a leader */
    struct mono look_due, announce_due;
    struct hint hint;
    struct servers servers;
    uint64_t nodes_sum;       /* state_nodes_sum(), as of nodes_index */
    uint64_t nodes_index;     /* applied; 0: not looked yet */
    char *region;             /* that it tells; NULL: none */
    bool announced;           /* as of announced_known */
    uint64_t announced_known; /* members_known(); 0: not looked yet */
    uint64_t house_known;     /* the same, when the house was found in order; 0: it was not */
    struct mono facts_due;    /* though nothing seems to have changed */
    struct facts_key { /* what the facts were made from, as far as that is cheap to compare */
        uint64_t known, leader, term;
        int64_t promotes;
        int64_t leaderless_ms, clock_off_ms, clock_step_ms, clock_waits_ms;
        int64_t agent;
        const char *clocks, *wrong;
        bool leading, unfit;
    } facts_key;
    bool has_identities; /* else it is a cluster of one without certificates */
    bool know_all;       /* the transport is to be told of every node */
    int64_t *changed;    /* those that it is to be told of */
    size_t changed_n, changed_cap;
    struct mono stop_at; /* when it stops though not all is answered */
    bool checkpointing, snapshotting;
    bool mostly_moved; /* a checkpoint has ended; only a few pages are still in the log alone */
    int64_t checkpointed, agent_checkpointed; /* size of the logs at their last checkpoints */
    char *wrong;           /* what is or was wrong with the tables, owned; NULL: nothing */
    struct mono wrong_due; /* when it is said that no others have come; NEVER: it has been */
    uint64_t fetching;     /* token of the snapshot on its way; 0: none */
    bool fetch_dropped;    /* it is not wanted any more, and was told so */

    struct outbox out;    /* filled all turn long; drafts leave with the next proposal */
    struct map *pendings; /* key -> struct pending */
    struct map *reads;    /* ticket -> struct pending, waiting for the read index */
    struct map *batches;  /* ticket -> struct batch */
    uint64_t next_key;
    struct map *away;     /* key -> struct pending that waits for a leader, or its answer */
    struct list waiting;  /* the same, in the order they came */
    struct beaten beaten; /* told last */
    struct post *posts;
    size_t posts_n, posts_cap;
    struct list stale; /* struct pending: they look again one by one, or all but one would fail */
    uint64_t looking;  /* key of the one that does; 0: none */
    struct list held;  /* struct pending, by in_stale: they wait until that one is through */
    struct done *dones;
    size_t dones_n, dones_cap;
    struct answer *answers; /* to be given after the COMMIT */
    size_t answers_n, answers_cap;
    struct begun *begun; /* streams among them */
    size_t begun_n, begun_cap;
    struct letter *letters;
    size_t letters_n, letters_cap;

    struct facts facts; /* as published */
    struct feed_counts feed;
    struct arena facts_text;
    struct seen seen;
    struct map *refused; /* "port app" -> struct refused_port */
    char *ports_refused; /* the same as JSON, owned */
};

/* ---- node.c */
int64_t node_silence(const void *node, int64_t agent); /* may it get tasks? (struct hearing) */
/* Tells the agent which cluster it is of, once that is known. ERR_CONFLICT: its record is
 * another's. */
int node_join(struct node *n, struct error *err) MUST_CHECK;

/* ---- start.c */
/* That a stream of events began or ended. */
void node_publish_stream(struct node *n, enum topic topic, bool attached, const char *remote);
/* Puts the fetched file in the place of ours (replica/replica.h). -1: the node has no state. */
int node_swap_state(struct node *n, uint64_t token, const char *path, struct error *err) MUST_CHECK;

/* ---- mail.c */
void mail_read(struct node *n); /* what this process wrote to itself in the last turn */
void mail_take_frame(struct node *n, struct event *e);
void mail_send(struct node *n, const struct out *item); /* an OUT_MESSAGE */
void mail_send_frames(struct node *n, const struct replica_out *out);
void node_post(struct node *n, int64_t to, struct buf *frame); /* after the COMMIT; takes it */
void mail_send_posts(struct node *n);

/* ---- members.c */
void members_changed(struct node *n, int64_t id); /* from the feed */
const struct servers *members_servers(struct node *n);
void members_tell(struct node *n); /* to the transport */
/* Another number whenever the state's nodes and settings, or Raft's configuration, may be other
 * ones than before. */
uint64_t members_known(struct node *n);
bool members_announced(struct node *n);
void members_write_own(struct node *n, struct json_writer *w);
void members_take(struct node *n, int64_t from, const struct json *body);
void members_hand_over(struct node *n); /* what doors have asked for */
void members_outcome(struct node *n, const struct replica_outcome *o);
void members_look(struct node *n);
struct mono members_due(struct node *n);
/* Fills in Raft's configuration as doors show it; returns how many. */
size_t members_show(const struct node *n, struct member_fact out[LIMIT_SERVERS]);
int members_level(struct node *n); /* the newest that all of them know */

/* ---- hint.c */
bool hint_needed(const struct node *n); /* only an agent: it has no replica */
uint64_t node_leader(const struct node *n, uint64_t *term_out); /* 0: none is known */
void hint_begin(struct node *n);
void hint_lost(struct node *n, int64_t node); /* it leads no more */
void hint_tick(struct node *n);
struct mono hint_due(const struct node *n);
void hint_answer(struct node *n, int64_t to);
void hint_tell_agents(struct node *n); /* that we lead */
void hint_take(struct node *n, int64_t from, struct slice body);

/* ---- clocks.c */
struct wall clocks_now(struct node *n, struct now now); /* what is taken for the time */
void clocks_take(struct node *n, int64_t from, struct slice body);
void clocks_look(struct node *n);
bool clocks_off(const struct node *n); /* ours is wrong */
/* We lead, and our clock, though nobody says that it is wrong, is far behind the newest time in the
 * log, which is told: time stands still until then. 0: it is not. */
struct wall clocks_waits(const struct node *n);
struct mono clocks_due(const struct node *n);
const char *clocks_text(struct node *n);

/* ---- sums.c */
void sums_applied(struct node *n, uint64_t index);
void sums_look(struct node *n);
void sums_settle(struct node *n); /* what was asked before it was applied */
void sums_take(struct node *n, int64_t from, struct slice body);

/* ---- seen.c */
void seen_read(struct node *n); /* by whoever leads: what its master knows by now */
void seen_look(struct node *n);
struct mono seen_due(const struct node *n);
void seen_take(struct node *n, int64_t from, struct slice body);

/* ---- forward.c */
bool decides(const struct node *n); /* tells are done here */
bool forward_is_loop(const struct node *n, const struct pending *p);
void forward_wait(struct node *n, struct pending *p);
void forwards_applied(struct node *n); /* behind the COMMIT: what was waited for may be there now */
void forwards_look(struct node *n);
struct mono forwards_due(const struct node *n);
void forward_take_request(struct node *n, int64_t from, struct slice body);
void forward_take_answer(struct node *n, int64_t from, struct slice body);
void forward_give_answer(struct node *n, const struct pending *p, const struct answer *a);
void forward_give_back(struct node *n, const struct pending *p, bool unsure);
void forwards_drop(struct node *n);

/* ---- events.c */
void node_is_wrong(struct node *n, const char *why); /* its tables are: it takes another's */
int node_mend(struct node *n, struct error *err) MUST_CHECK; /* without any it keeps its own */
int event_take(struct node *n, struct event *e, struct error *err) MUST_CHECK;
struct json *event_body(struct event *e); /* NULL, and said in the log: it is no JSON */

/* ---- lead.c */
void lead_note_closed(struct node *n, int64_t node, bool closed); /* or heard again */
void lead_follow(struct node *n);                                 /* does it lead now? */
void lead_keep_house(struct node *n);
void lead_tell_callbacks(struct node *n);          /* the list of them has changed */
void lead_tell_notice(struct node *n, int64_t id); /* there is a new one */
void lead_take_told(struct node *n, struct slice item);

/* ---- facts.c */
void facts_take_routes(struct node *n, struct event *e);
void facts_show(struct node *n);            /* to readers, if they have changed */
const char *facts_host_of(const char *url); /* "127.0.0.1:8080"; NULL for NULL */

/* ---- requests.c */
void request_begin(struct node *n, struct exchange_id exchange, struct request *request);
void request_begin_for(struct node *n, int64_t from, uint64_t key, struct request *request);
void request_outcome(struct node *n, struct origin origin, const struct outcome *o);
void request_lost(struct node *n, struct origin origin, const struct outcome *o);
void request_readable(struct node *n, uint64_t ticket, const struct replica_outcome *o);
/* Who waited for one to be let through comes in with the next turn: it may refuse at once, and only
 * a turn may then ask who leads. */
bool requests_may_come_in(const struct node *n);
void requests_let_in(struct node *n);
/* What forward.c does with one that has to wait, or has waited. */
void request_replace(struct node *n, struct pending *p, const struct request *r); /* copies */
void request_tell_here(struct node *n, struct pending *p);
bool request_read_again(struct node *n, struct pending *p);
void request_answer_with(struct node *n, struct pending *p);
void request_no_leader(struct node *n, struct pending *p);
void request_fail(struct node *n, struct pending *p, enum error_code code, const char *why);
void request_drop(struct pending *p);
void requests_drop(struct node *n);
void give_answer(struct node *n, struct answer a); /* after the COMMIT */

/* ---- entries.c */
size_t entry_bytes_max(const struct node *n);
int propose_drafts(struct node *n, struct error *err) MUST_CHECK;
void apply_entry(void *data, uint64_t index, uint64_t term, struct slice entry, uint64_t ticket);
void entry_done(struct node *n, struct origin origin);
void entry_failed(struct node *n, struct origin origin, enum error_code code, const char *text);
void batch_failed(struct node *n, uint64_t ticket, enum error_code code);
void tell_outcomes(struct node *n);
void batches_drop(struct node *n);
