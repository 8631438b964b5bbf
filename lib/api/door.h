/* lib/api/door.h - what a door is: one row of a table, a pure function behind it (DESIGN 3).
 *
 * An ask is a function of a read-only view and a request to a reply: it runs on a reader thread,
 * never waits and never writes. A tell runs in a node's turn on the leader: it answers at once, or
 * proposes one command and answers when the outcome is known. A stream runs in a node's turn too,
 * so that nothing is lost between what it reads and what is published afterwards. A sandbox door is
 * resolved to a file of a task, which the executor then serves.
 *
 * Errors are answered in the dialect's own shape (struct dialect). Pure. */
#pragma once

#include "base/json.h"
#include "base/problems.h"
#include "base/rng.h"
#include "http/counts.h"
#include "http/exchange.h"
#include "http/router.h"
#include "http/url.h"
#include "model/app.h"
#include "model/job.h"
#include "model/outbox.h"
#include "state/state.h"

/* What a caller must be allowed to do. Everybody is allowed everything yet; the rows say it. */
enum right {
    MAY_NOTHING,
    MAY_VIEW,
    MAY_DEPLOY,
    MAY_RUN,
    MAY_READ_FILES,
    MAY_ADMIN,
    MAY_PEER /* a node of the cluster only: of a private dialect */
};

enum door_kind {
    DOOR_ASK,        /* local and at once: lists, /state, the UI */
    DOOR_ASK_LINEAR, /* of one object: after the leader's read index */
    DOOR_TELL,
    DOOR_STREAM,
    DOOR_SANDBOX,
};

/* Topics of published events (http/exchange.h). */
enum topic {
    TOPIC_MARATHON,
    TOPIC_MARATHON_LIGHT,
    TOPIC_NATIVE,
    TOPIC_CALLBACKS, /* Marathon's heavy ones, as JSON alone: to be posted to URLs */
    TOPICS
};
#define TOPICS_OF_MARATHON \
    (1u << TOPIC_MARATHON | 1u << TOPIC_MARATHON_LIGHT | 1u << TOPIC_CALLBACKS)

/* One of Raft's configuration. */
struct member_fact {
    int64_t id;
    bool voter;
    bool live,
        ready;   /* it answers, and lacks little of the log; as the leader sees it, else true */
    bool rising; /* it is being made a voter just now; as the leader sees it */
};

/* Of the feed, since the node began. */
struct feed_counts {
    _Atomic uint64_t deployments, refused; /* begun; changes of apps that were not taken */
    _Atomic uint64_t launched;             /* tasks of apps */
};

/* What a node knows of itself and its cluster beside the state. Handed to readers by copy of the
 * pointer: never changed once it is published, so it may be read by any thread. */
struct facts {
    const char *version; /* "0.1.0" */
    const char *cluster; /* uuid */
    /* SHA-256 of the cluster's CA's key, as tokens name it (model/token.h); NULL: there is no CA,
     * nobody can join */
    const uint8_t *ca_hash;
    int64_t node;     /* Raft id */
    const char *name; /* of this node */
    unsigned modes;
    bool leading;
    int64_t leader;              /* its id; 0: none known, or it has not told of itself yet */
    const char *leader_name;     /* NULL: the same */
    struct mono led_since;       /* while it leads */
    struct mono leaderless;      /* since when there is none; 0: there is one */
    const char *leader_marathon; /* "host:8080": where the leader's doors are; NULL when none */
    const char *leader_chronos, *leader_mesos;
    uint64_t term;
    const struct member_fact *members;
    size_t members_n;
    const char *clocks;    /* [{"node","offset_ms"}]: other members' clocks against ours */
    int64_t clock_off_ms;  /* ours is so far ahead of the voters' median: too far; 0: it is right */
    int64_t clock_step_ms; /* it was set by so much, last; 0: it was not */
    /* Of who leads: the newest time in the log, when the clock is far behind it. No schedule goes
     * on before. 0: it is not. */
    struct wall clock_waits;
    /* master/master.h, by id; of a node that does not lead those that are silent, as the leader
     * has told it */
    const struct agent_seen *agents;
    size_t agents_n;
    struct wall started;
    /* own listeners as URLs without a trailing slash, "http://127.0.0.1:8080"; NULL: not open */
    const char *url_marathon, *url_chronos, *url_mesos, *url_agent, *url_stats;
    const char *hostname; /* the name told to others */
    const char *address;  /* IP of the listeners */
    int64_t agent;        /* id of the agent in this process, -1: none */
    const char *work_dir; /* "<data>/agent": where sandboxes begin; absolute */
    const char *service_address;
    const char
        *allow_origin; /* whose pages may read Marathon's API (spec/marathon.md 1.2); or NULL */
    /* What the node, its server and its callbacks have counted since it began: these change while
     * they are read. NULL: not counted */
    const struct feed_counts *feed;
    const struct http_counts *http;
    const struct callback_counts *callbacks;
    /* What is wrong with this node's tables; NULL: nothing. `unfit`: until they have been replaced
     * by another's, it answers nothing. */
    const char *state_wrong;
    bool unfit;
    /* Service ports of this node's proxy that are not served: [{"port","reason"}], or "[]". */
    const char *ports_refused;
    struct app_rules app_rules;
    struct job_rules job_rules;
    const struct bundle_file *ui; /* the front end (api/web/bundle.h), by path; NULL: none */
    size_t ui_n;
};

/* What one reply is made of. The asker of the function owns it. */
struct reply {
    int status; /* 200 unless set */
    const char *content_type;
    struct buf headers; /* header_put() lines, but for Content-Type */
    struct buf body;
    bool plain; /* not to be compressed */
    /* of a DOOR_STREAM: what follows the body */
    bool subscribe;
    enum topic topic;
    char *types; /* event types, one a line; NULL: all. Owned */
    /* of a DOOR_SANDBOX */
    struct sandbox_request *sandbox; /* owned; NULL: the reply itself is the answer */
};
void reply_init(struct reply *r);
void reply_close(struct reply *r); /* accepts a zeroed struct */

struct view {
    struct state *state; /* read-only; at level 0 doors are not asked */
    const struct facts *facts;
    struct now now;
    uint64_t index; /* of the last applied entry that the view holds */
};

struct door;
struct dialect;
struct tell;

struct call {
    const struct request *request;
    const struct door *door;
    const struct dialect *dialect;
    struct route_match *match; /* route_param(c->match, "id") */
    struct query query;
    const struct view *view;
    struct reply *reply;
    struct json *body; /* parsed by call_body() */
};

/* A tell's call, and what it may do beyond asking. */
typedef void outcome_fn(struct tell *t, const struct outcome *o); /* o->code is ERR_NONE */
struct tell {
    struct call c; /* c.view->state is the writer's: reads see all that is applied */
    struct outbox *out;
    struct rng *rng;
    /* Bytes that nobody can guess, which rng's are not */
    void (*secret)(void *data, void *dst, size_t n);
    void *secret_data;
    /* set by tell_begin() */
    outcome_fn *then;
    unsigned parts, open; /* of several commands: how many, and those whose outcome is not known */
    unsigned part;        /* whose outcome is told; set by who calls api_outcome() */
    uint64_t pending;     /* the node's name for it, put into the draft's origin */
    int tries;            /* how often it looked again */
    uint64_t digest;      /* of its request; 0: nobody has asked for it yet */
    char *kept;           /* owned: the door's own, from the proposal to the outcome */
};

typedef void ask_fn(struct call *c);
typedef void tell_fn(struct tell *t);

struct door {
    enum method method;
    const char *pattern;
    enum right right;
    enum door_kind kind;
    union {
        ask_fn *ask;   /* ASK, ASK_LINEAR, STREAM, SANDBOX */
        tell_fn *tell; /* TELL */
    };
    const char *about;     /* one line for people */
    int no_leader_status;  /* of a tell; 0: the dialect's */
    const char *no_leader; /* what it says then; NULL: what all say */
    int64_t read_ms;       /* of an ask: time with its snapshot; 0: LIMIT_READ_MS */
    bool alone;            /* an ask that needs no state: its view has none (NULL) */
    /* Media types of its answers, the usual one first: who accepts none of them gets 406. None:
     * Accept is the door's own to read. */
    const char *const *types;
    size_t types_n;
    /* The names of its parameters in the query, with blanks between: any other is refused. NULL:
     * others are passed over, as the originals do. */
    const char *query;
    /* The same of the members of its body, an object. */
    const char *members;
    /* Of its body, which is read in the leader's turn; 0: what all may have, of any number. */
    size_t body_bytes, body_values;
};

/* A dialect: its rows and the shape of its errors. */
struct dialect {
    const char *name;
    const struct door *doors;
    size_t n;
    bool private; /* is met on the listener of its name only: elsewhere there is no such path */
    /* Headers that every answer of it carries; after the door has run. May be NULL. */
    void (*dress)(struct call *c);
    /* Writes status and body for an error; `problems` may be NULL, `detail` too (an outcome's). */
    void (*fail)(struct call *c, const struct error *err, const struct problems *problems,
                 const struct json *detail);
    int no_leader_status; /* 502 for Marathon, 503 for the others */
    const char *via;      /* header that says by which nodes a write came to the leader; or NULL */
    bool needs_quorum;    /* reads without a leader only with ?stale=1 (spec/chronos.md 1.5) */
    /* Answers a write that was done already, by its first outcome; NULL: its doors see to it. */
    void (*repeated)(struct tell *t, const struct outcome *o);
};
extern const struct dialect marathon_dialect, chronos_dialect, mesos_dialect, native_dialect,
    web_dialect, peer_dialect;

/* ---- for doors */

/* The body as JSON: NULL after having failed the call (empty, not JSON). Borrowed from the call. */
const struct json *call_body(struct call *c);
const char *call_param(const struct call *c, const char *name); /* of the pattern; never NULL */
/* The rules that apps and pods are made by, and which groups enforce their role. Borrows the view.
 */
struct app_rules call_app_rules(const struct call *c);
/* Says which node has the files of an agent: this one, if there is no such agent. */
void call_place(const struct call *c, int64_t agent, struct sandbox_request *r);
/* Begins a JSON body: the caller writes one value. */
void call_json(struct call *c, int status, struct json_writer *w);
void call_text(struct call *c, int status, const char *content_type, const char *text);
void call_fail(struct call *c, enum error_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void call_error(struct call *c, const struct error *err);
void call_too_large(struct call *c); /* the answer: over LIMIT_ANSWER_BYTES */
/* X-Marathon-Leader (spec/marathon.md 1.2): its Mesos port if it opens no Marathon port. */
void call_name_leader(struct call *c);
void call_problems(struct call *c, struct problems *problems); /* closes them */
/* Begins the one command of a tell; write the members, then tell_end(). `then` is called in a later
 * turn, once, with the outcome and a fresh view; a stale refusal (outcome.stale) runs the tell anew
 * by itself instead, a few times; any other refusal fails the call by itself. `then` NULL: 200 {}.
 */
void tell_begin(struct tell *t, enum command_kind kind, struct json_writer *w, outcome_fn *then);
void tell_end(struct tell *t, struct json_writer *w);
/* The same for a step of several, all of which do no harm when they are done again: nothing is
 * remembered of it by its request's id, and `then` may begin the next. */
void tell_end_step(struct tell *t, struct json_writer *w);
/* One of several commands of a tell, the `part`s 0, 1, …; each is done or refused on its own.
 * `each` is called with each outcome, refused and stale ones too, in any order; t->open is 0 at the
 * last of them, and the tell must have answered then. */
void tell_begin_part(struct tell *t, enum command_kind kind, struct json_writer *w,
                     outcome_fn *each);
/* `which` names it for a request that is sent again: of tell_part_known() it says what became of it
 * the first time. The caller closes the outcome. */
void tell_end_part(struct tell *t, struct json_writer *w, unsigned which);
bool tell_part_known(struct tell *t, unsigned which, struct outcome *out);
/* Nothing of what it proposed is waited for any more. */
void tell_forget(struct tell *t);
/* Of a request that another node sent on: in which term it was sent first. */
#define CALL_TERM "X-Mesolith-Term"
/* Was this for the leader of another term? It is sent again to the next one, so what it wants of
 * whoever leads may be done. */
bool call_is_for_another_term(const struct call *c);
/* Carried by the events that we post to URLs: such a one changes nothing here, or an event of it
 * would be posted again, and so on (spec/marathon.md 12.6). */
#define CALL_EVENT "X-Mesolith-Event"
/* Instead of a command: another node is to lead (0: whoever has most). `then` as there. */
void tell_hand_over(struct tell *t, int64_t node, outcome_fn *then);

/* ---- sandbox requests, carried out by the executor's side of the host */
enum sandbox_op {
    SANDBOX_READ,
    SANDBOX_BROWSE,
    SANDBOX_DOWNLOAD,
    SANDBOX_FOLLOW,
    SANDBOX_BACKUP, /* no file of a task: a copy of the node's state; has none of what follows */
};
enum sandbox_shape { SHAPE_MESOS, SHAPE_NATIVE }; /* spec/mesos.md 7.1; /api/tasks/{id}/logs */
struct sandbox_request {
    enum sandbox_op op;
    enum sandbox_shape shape;
    char *path;  /* owned; as Mesos's clients name files (model/mesos_id.h); checked when opened */
    char *jsonp; /* owned; or NULL */
    int64_t offset; /* READ: -1 asks for the size only. FOLLOW: where to go on. Both in the native
                       shape: -1 is where the last `tail` lines begin */
    int64_t length; /* -1: what the limit allows; not of FOLLOW, which never ends by it */
    int64_t tail;   /* 0: the end */
    int64_t task;   /* FOLLOW: ends when this task has ended; 0: never */
    int64_t begins_within_ms; /* FOLLOW: so long may that task take to begin; 0: it has begun */
    int64_t node;             /* Raft id: whose disk the file is on */
    char *host;               /* owned: what people call that node; NULL: it is this one */
};
void sandbox_request_free(struct sandbox_request *r); /* accepts NULL */

/* ---- for the node and its readers */

struct api; /* the router over all dialects; never changed once made, shared by all threads */
struct api *api_new(void);
void api_free(struct api *a);

/* Whether any reader can answer at once: an ask, or a request that meets no door. */
bool api_is_ask(const struct api *a, const struct request *r);
/* Whether that needs no state. */
bool api_is_alone(const struct api *a, const struct request *r);
/* Whether its door may take longer than others. */
bool api_takes_long(const struct api *a, const struct request *r);
/* Which door a request meets, by path and by the listener it came in by (spec/mesos.md 0.4). NULL:
 * none; then `reply` is filled (404, 405, 406, OPTIONS, a bad path). The match is the call's. */
const struct door *api_find(const struct api *a, const struct request *r, struct call *c);
/* Runs an ask, stream or sandbox door and dresses the reply. */
void api_ask(struct call *c);
/* Runs a tell: true when it has answered, false when it waits for the outcome. */
bool api_tell(struct tell *t);
/* Goes on with a tell whose outcome is known: true when it has answered, false when it looked again
 * and proposed anew. */
bool api_outcome(struct tell *t, const struct outcome *o);
void call_close(struct call *c); /* not the reply, the request or the view */
void tell_close(struct tell *t);

/* ---- published events: rendered once a topic, on the node's thread after a COMMIT */
struct published {
    enum topic topic;
    const char *type;  /* the event's type, for filters */
    struct slice text; /* a whole server-sent event, or its JSON; borrowed for the callback */
};
typedef void publish_fn(void *data, const struct published *p);
/* Renders what a change means to each dialect of which somebody hears: `topics` has their bits.
 * Calls `publish` for each event, in order. */
void api_render(const struct change *c, const struct view *view, unsigned topics, void *data,
                publish_fn *publish);
/* That a stream of such a topic began or ended, to the others. */
void api_render_stream(enum topic topic, bool attached, const char *remote, struct wall at,
                       unsigned topics, void *data, publish_fn *publish);
/* Of the dialects that have events. */
void marathon_render(const struct change *c, const struct view *view, unsigned topics, void *data,
                     publish_fn *publish);
void marathon_render_stream(bool attached, const char *remote, struct wall at, unsigned topics,
                            void *data, publish_fn *publish);
void native_render(const struct change *c, const struct view *view, void *data,
                   publish_fn *publish);
