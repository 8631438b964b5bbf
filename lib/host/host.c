#include "host/host.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "api/facts.h"
#include "base/assert.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "db/rowsum.h"
#include "host/bell.h"
#include "host/copies.h"
#include "host/mailbox.h"
#include "host/readers.h"

#define READERS 2
#define VERIFY_MS 3000        /* between two looks at every row, at least */
#define FETCH_MS 30000        /* so long may a snapshot be on its way */
#define VERIFY_SHARE 20       /* so much longer than a look is the pause behind it */
#define CHECKPOINT_LOCK_MS 20 /* so long may a checkpoint keep the writer waiting for readers */
#define TURN_AT_LEAST_MS 1000 /* a node looks around so often though nothing is due */
#define TOO_MANY "too many requests are waiting: try again"

/* What the node's thread or a reader wants done on the loop. */
enum deed_kind {
    DEED_ANSWER,
    DEED_PUBLISH,
    DEED_LAUNCH,
    DEED_KILL,
    DEED_FORGET,
    DEED_ROUTES,
    DEED_FACTS,
    DEED_SANDBOX,
    DEED_SEND,
    DEED_KNOW,
    DEED_ROOM,
    DEED_CHECKPOINT,
    DEED_SNAPSHOT_MAKE,
    DEED_SNAPSHOT_FETCH,
    DEED_READY,
    DEED_ENDED,
};

struct deed {
    enum deed_kind kind;
    struct answer answer;            /* ANSWER */
    unsigned topic;                  /* PUBLISH */
    char *type;                      /* PUBLISH */
    struct blob *event;              /* PUBLISH */
    int64_t id;                      /* a task, a node, a snapshot's token */
    struct buf body;                 /* LAUNCH, KILL, ROUTES, FACTS, SEND; KNOW: the address */
    struct known_node known;         /* KNOW */
    struct exchange_id exchange;     /* SANDBOX */
    struct sandbox_request *sandbox; /* SANDBOX */
    bool gives_up;                   /* SNAPSHOT_FETCH */
    struct replica_snapshot offer;   /* SNAPSHOT_FETCH; without its configuration */
    struct error err;                /* ENDED; code ERR_NONE: as was asked */
};

struct host {
    struct loop *loop;
    struct http_server *server;
    struct host_deeds deeds;
    struct node *node;
    struct hands hands;
    struct rng rng;
    struct clock clock;
    uv_thread_t thread;
    struct mailbox inbox, outbox; /* struct event to the node; struct deed to the loop */
    struct bell wake;             /* the loop looks into the outbox */
    bool wakes;                   /* not yet while the node opens */
    bool wants; /* the node's thread's: something is in the outbox that the loop was not told */
    struct readers *readers; /* NULL: not begun, or ended */
    char *state_path;
    struct verify *verify;
    uint64_t fetch_began; /* of a snapshot, last; 0: never */
    uint64_t backups;     /* so many were begun: their names */
    const struct api *api;
    struct error failure;
    _Atomic size_t frames_bytes;  /* of other nodes, in the inbox */
    _Atomic unsigned subscribing; /* subscriptions on their way to the loop */
    atomic_bool ending;           /* what takes long on the pool gives up */
    bool told_ready;              /* the node's thread's */
    bool stateless;               /* it is an agent, and nothing else */
    char *about; /* what it knows of itself, as other nodes are told; NULL: not yet. Owned */
    bool joined;
    void *owner;
};

/* ---------------- from the node's thread and the readers to the loop */

static void deed_close(struct deed *d)
{
    if (d->kind == DEED_ANSWER)
        answer_close(&d->answer);
    mem_free(d->type);
    blob_unref(d->event);
    buf_close(&d->body);
    sandbox_request_free(d->sandbox);
}

static bool subscribes(const struct deed *d)
{
    return d->kind == DEED_ANSWER && d->answer.kind == ANSWER_SUBSCRIBE;
}

static void put_deed(struct host *h, struct deed *d)
{
    h->subscribing += subscribes(d);
    if (!mailbox_put(&h->outbox, d, LANE_FREE))
        deed_close(d);
}

/* From the node's thread: the loop hears of it at the end of the turn. */
static void want(struct host *h, struct deed *d)
{
    put_deed(h, d);
    h->wants = true;
}

static void tell_loop(struct host *h)
{
    if (h->wants && h->wakes)
        bell_ring(&h->wake);
    h->wants = false;
}

static void want_bytes(struct host *h, enum deed_kind kind, int64_t id, struct slice bytes)
{
    struct deed d = {.kind = kind, .id = id};
    buf_init(&d.body, LIMIT_FRAME_BYTES);
    buf_put_slice(&d.body, bytes);
    want(h, &d);
}

static void answer_from_reader(void *data, struct answer *a)
{
    struct deed d = {.kind = DEED_ANSWER, .answer = *a};
    struct host *h = data;
    put_deed(h, &d);
    bell_ring(&h->wake);
}

static void hand_answer(struct hands *hands, struct answer *a)
{
    struct deed d = {.kind = DEED_ANSWER, .answer = *a};
    want(hands->data, &d);
}

static void hand_publish(struct hands *hands, const struct published *p)
{
    struct deed d = {
        .kind = DEED_PUBLISH,
        .topic = p->topic,
        .type = mem_strdup(p->type),
        .event = blob_of(p->text.p, p->text.len),
    };
    want(hands->data, &d);
}

/* A subscription on its way may be to any. It is counted until the server knows of it. */
static unsigned hand_topics(struct hands *hands)
{
    struct host *h = hands->data;
    return h->subscribing > 0 ? ~0u : http_server_topics(h->server);
}

static void hand_ask(struct hands *hands, struct exchange_id id, struct request *request,
                     uint64_t index)
{
    struct host *h = hands->data;
    (void)index; /* a snapshot that begins from now on holds it: it is committed */
    if (readers_ask(h->readers, id, request))
        return;
    struct answer a = answer_busy(id, TOO_MANY);
    request_free(request);
    hand_answer(hands, &a);
}

static void hand_launch(struct hands *hands, int64_t task, struct slice run_spec)
{
    want_bytes(hands->data, DEED_LAUNCH, task, run_spec);
}

static void hand_kill(struct hands *hands, int64_t task, const char *reason)
{
    want_bytes(hands->data, DEED_KILL, task, slice_of(reason));
}

static void hand_forget(struct hands *hands, int64_t task)
{
    struct deed d = {.kind = DEED_FORGET, .id = task};
    want(hands->data, &d);
}

static void hand_routes(struct hands *hands, struct slice message)
{
    want_bytes(hands->data, DEED_ROUTES, 0, message);
}

static void hand_sandbox(struct hands *hands, struct exchange_id id, struct sandbox_request *r)
{
    struct deed d = {.kind = DEED_SANDBOX, .exchange = id, .sandbox = r};
    want(hands->data, &d);
}

static void hand_secret(struct hands *hands, void *dst, size_t n)
{
    (void)hands;
    if (uv_random(NULL, NULL, dst, n, 0, NULL) != 0)
        abort(); /* never fails for so few bytes once the machine is up */
}

/* Other nodes wait for it: it leaves at once. */
static void hand_send(struct hands *hands, int64_t node, struct slice frame)
{
    want_bytes(hands->data, DEED_SEND, node, frame);
    tell_loop(hands->data);
}

static void hand_know(struct hands *hands, const struct known_node *k)
{
    struct deed d = {.kind = DEED_KNOW, .known = *k};
    buf_init(&d.body, LIMIT_FRAME_BYTES);
    buf_puts(&d.body, k->address);
    want(hands->data, &d);
}

static void hand_facts(struct hands *hands, const struct facts *f)
{
    struct host *h = hands->data;
    struct deed d = {.kind = DEED_FACTS};
    readers_facts(h->readers, f);
    if (!h->stateless)
        return;
    buf_init(&d.body, LIMIT_FRAME_BYTES);
    facts_write(f, &d.body);
    want(h, &d);
}

static void hand_readers_stop(struct hands *hands)
{
    struct host *h = hands->data;
    readers_pause(h->readers);
}

/* ---------------- file work on the pool */

struct file_work {
    uv_work_t work;
    struct host *h;
    int64_t wal_bytes;
};

/* What is long is done without holding up the writer. Only if readers kept the log from beginning
 * anew by itself for too long, the writer is locked out, until they let go or patience ends. */
static int checkpoint(struct db *db, int64_t wal_bytes, struct error *err)
{
    struct db_checkpoint done;
    if (db_checkpoint(db, DB_CHECKPOINT_PASSIVE, &done, err) != 0)
        return -1;
    return wal_bytes > LIMIT_LOG_BYTES ? db_checkpoint(db, DB_CHECKPOINT_RESTART, &done, err) : 0;
}

static void checkpoint_on_pool(uv_work_t *work)
{
    struct file_work *w = work->data;
    struct db *db;
    struct error err;
    const struct db_options options = {.busy_ms = CHECKPOINT_LOCK_MS};
    if (db_open(w->h->state_path, &options, &db, &err) != 0) {
        log_warn("no checkpoint", "why=%s", err.text);
        return;
    }
    if (checkpoint(db, w->wal_bytes, &err) != 0)
        log_debug("checkpoint put off", "why=%s", err.text);
    db_close(db);
}

static void checkpointed(uv_work_t *work, int status)
{
    struct file_work *w = work->data;
    struct event e = {.kind = EVENT_CHECKPOINTED};
    (void)status;
    host_event(w->h, &e);
    mem_free(w);
}

/* The pool is the loop's: the work is queued by a deed. */
static void hand_checkpoint(struct hands *hands, int64_t wal_bytes)
{
    struct deed d = {.kind = DEED_CHECKPOINT, .id = wal_bytes};
    want(hands->data, &d);
}

static void start_checkpoint(struct host *h, int64_t wal_bytes)
{
    struct file_work *w = NEW(struct file_work);
    w->h = h;
    w->wal_bytes = wal_bytes;
    w->work.data = w;
    uv_queue_work(&h->loop->uv, &w->work, checkpoint_on_pool, checkpointed);
}

/* ---- copies of the state, for members and for backups */

struct copy_work {
    uv_work_t work;
    struct host *h;
    enum copy_kind kind;
    uint64_t token;
    host_copied *done; /* BACKUP */
    void *data;
    bool made;
    struct replica_snapshot snapshot;
    struct error err;
};

static bool not_ending(void *host)
{
    return !((struct host *)host)->ending;
}

static void copy_on_pool(uv_work_t *work)
{
    struct copy_work *w = work->data;
    const struct copy_options options = {
        .state_path = w->h->state_path,
        .kind = w->kind,
        .token = w->token,
        .go_on = not_ending,
        .data = w->h,
    };
    w->made = copy_make(&options, &w->snapshot, &w->err) == 0;
    if (w->made && w->kind == COPY_SNAPSHOT)
        copies_clear(w->h->state_path, w->kind, w->token);
}

static void tell_snapshot(struct copy_work *w, const char *path)
{
    struct host *h = w->h;
    struct event e = {.kind = EVENT_SNAPSHOT_MADE};
    if (w->made) {
        if (h->deeds.snapshot_ready != NULL)
            h->deeds.snapshot_ready(h->deeds.data, w->token, path);
        e.snapshot = mem_dup(&w->snapshot, sizeof w->snapshot);
        w->snapshot = (struct replica_snapshot){0};
    } else if (w->err.code != ERR_CANCELED) {
        log_error("no snapshot for members that lag behind", "why=\"%s\"", w->err.text);
    }
    host_event(h, &e);
}

static void copied(uv_work_t *work, int status)
{
    struct copy_work *w = work->data;
    char path[COPY_PATH_SIZE];
    (void)status;
    copy_path(w->h->state_path, w->kind, w->token, path);
    if (w->kind == COPY_SNAPSHOT)
        tell_snapshot(w, path);
    else
        w->done(w->data, path, w->made ? &w->snapshot : NULL, &w->err);
    replica_snapshot_close(&w->snapshot);
    mem_free(w);
}

static void start_copy(struct host *h, enum copy_kind kind, uint64_t token, host_copied *done,
                       void *data)
{
    struct copy_work *w = NEW(struct copy_work);
    w->h = h;
    w->kind = kind;
    w->token = token;
    w->done = done;
    w->data = data;
    w->work.data = w;
    uv_queue_work(&h->loop->uv, &w->work, copy_on_pool, copied);
}

void host_copy(struct host *h, host_copied *done, void *data)
{
    start_copy(h, COPY_BACKUP, ++h->backups, done, data);
}

static void hand_snapshot_make(struct hands *hands)
{
    struct deed d = {.kind = DEED_SNAPSHOT_MAKE, .id = rng_id(hands->rng)};
    want(hands->data, &d);
}

static void hand_snapshot_fetch(struct hands *hands, uint64_t from,
                                const struct replica_snapshot *s)
{
    struct deed d = {.kind = DEED_SNAPSHOT_FETCH, .id = (int64_t)from, .gives_up = s == NULL};
    if (s != NULL) {
        d.offer = *s;
        d.offer.conf = (struct buf){0};
    }
    want(hands->data, &d);
}

static void start_fetch(struct host *h, const struct deed *d)
{
    struct event nothing = {.kind = EVENT_SNAPSHOT_FETCHED};
    h->fetch_began = uv_now(&h->loop->uv);
    if (h->deeds.snapshot_fetch != NULL)
        h->deeds.snapshot_fetch(h->deeds.data, (uint64_t)d->id, d->gives_up ? NULL : &d->offer);
    else if (!d->gives_up)
        host_event(h, &nothing);
}

/* ---- every row of the state, round and round: is it what was written? */

struct verify {
    uv_timer_t timer;
    uv_work_t work;
    struct host *h; /* NULL: nobody wants to know any more */
    char *path;
    bool working, closed;
    int64_t took_ms;
    bool wrong;
    struct error err;
};

static void verify_on_pool(uv_work_t *work)
{
    struct verify *v = work->data;
    struct db *db;
    const struct db_options options = {.read_only = true, .busy_ms = CHECKPOINT_LOCK_MS};
    struct clock clock = clock_system();
    int64_t began = clock.mono(&clock).ms;
    v->wrong = false;
    if (db_open(v->path, &options, &db, &v->err) == 0) {
        int level;
        bool there = db_schema_version(db, &level, &v->err) == 0 && level > 0;
        v->wrong = there && db_rowsums_check(db, &v->err) != 0 && v->err.code == ERR_CORRUPT;
        db_close(db);
    }
    v->took_ms = clock.mono(&clock).ms - began;
}

static void on_verify_closed(uv_handle_t *timer)
{
    struct verify *v = timer->data;
    mem_free(v->path);
    mem_free(v);
}

static void verify_close_when_idle(struct verify *v)
{
    if (v->h != NULL || v->working || v->closed)
        return;
    v->closed = true;
    uv_close((uv_handle_t *)&v->timer, on_verify_closed);
}

static void on_verify_due(uv_timer_t *timer);

static void verified(uv_work_t *work, int status)
{
    struct verify *v = work->data;
    (void)status;
    v->working = false;
    if (v->h == NULL) {
        verify_close_when_idle(v);
        return;
    }
    if (v->wrong) {
        struct event e = {.kind = EVENT_STATE_WRONG};
        buf_init(&e.body, sizeof v->err.text);
        buf_puts(&e.body, v->err.text);
        host_event(v->h, &e);
    }
    int64_t pause = v->took_ms * VERIFY_SHARE > VERIFY_MS ? v->took_ms * VERIFY_SHARE : VERIFY_MS;
    uv_timer_start(&v->timer, on_verify_due, (uint64_t)pause, 0);
}

/* While another file is on its way here, nobody shall hold this one open. */
static bool is_fetching(const struct host *h)
{
    return h->fetch_began != 0 && uv_now(&h->loop->uv) - h->fetch_began < FETCH_MS;
}

static void on_verify_due(uv_timer_t *timer)
{
    struct verify *v = timer->data;
    if (is_fetching(v->h)) {
        uv_timer_start(timer, on_verify_due, VERIFY_MS, 0);
        return;
    }
    v->working = true;
    v->work.data = v;
    uv_queue_work(timer->loop, &v->work, verify_on_pool, verified);
}

static void start_verifying(struct host *h)
{
    struct verify *v = NEW(struct verify);
    v->h = h;
    v->path = mem_strdup(h->state_path);
    uv_timer_init(&h->loop->uv, &v->timer);
    v->timer.data = v;
    uv_timer_start(&v->timer, on_verify_due, 0, 0);
    h->verify = v;
}

static void stop_verifying(struct host *h)
{
    h->verify->h = NULL;
    verify_close_when_idle(h->verify);
    h->verify = NULL;
}

/* ---------------- on the loop */

/* Takes what it points to. */
static void answer(struct host *h, struct answer *a)
{
    if ((a->id.v & EXCHANGE_ELSEWHERE) != 0) {
        h->deeds.answer(h->deeds.data, a);
    } else {
        http_server_answer(h->server, a);
        answer_close(a);
    }
    *a = (struct answer){0};
}

static void do_deed(struct host *h, struct deed *d)
{
    const struct host_deeds *deeds = &h->deeds;
    switch (d->kind) {
    case DEED_ANSWER:
        answer(h, &d->answer);
        break;
    case DEED_PUBLISH:
        http_server_publish(h->server, d->topic, d->type, d->event);
        break;
    case DEED_LAUNCH:
        deeds->launch(deeds->data, d->id, buf_slice(&d->body));
        break;
    case DEED_KILL:
        deeds->kill(deeds->data, d->id, buf_str(&d->body));
        break;
    case DEED_FORGET:
        deeds->forget(deeds->data, d->id);
        break;
    case DEED_ROUTES:
        deeds->routes(deeds->data, buf_slice(&d->body));
        break;
    case DEED_FACTS:
        mem_free(h->about);
        h->about = buf_take(&d->body, NULL);
        break;
    case DEED_SANDBOX:
        deeds->sandbox(deeds->data, d->exchange, d->sandbox);
        d->sandbox = NULL;
        break;
    case DEED_SEND:
        deeds->send(deeds->data, d->id, buf_slice(&d->body));
        break;
    case DEED_KNOW:
        d->known.address = buf_str(&d->body);
        deeds->know(deeds->data, &d->known);
        break;
    case DEED_ROOM:
        deeds->room(deeds->data);
        break;
    case DEED_CHECKPOINT:
        start_checkpoint(h, d->id);
        break;
    case DEED_SNAPSHOT_MAKE:
        start_copy(h, COPY_SNAPSHOT, (uint64_t)d->id, NULL, NULL);
        break;
    case DEED_SNAPSHOT_FETCH:
        start_fetch(h, d);
        break;
    case DEED_READY:
        deeds->ready(deeds->data);
        break;
    case DEED_ENDED:
        h->failure = d->err;
        break;
    }
}

static void on_wake_closed(struct bell *wake)
{
    struct host *h = wake->data;
    h->deeds.ended(h->deeds.data, h->failure.code != ERR_NONE ? &h->failure : NULL);
}

static void refuse(struct host *h, struct exchange_id id)
{
    struct answer a = answer_busy(id, h->readers == NULL ? "this node is stopping" : TOO_MANY);
    answer(h, &a);
}

/* True if the node's thread has said its last word. */
static bool do_all(struct host *h)
{
    struct deed *deeds;
    bool ended = false;
    size_t n = mailbox_take(&h->outbox, 0, (void **)&deeds);
    for (size_t i = 0; i < n; i++) {
        bool subscription = subscribes(&deeds[i]);
        do_deed(h, &deeds[i]);
        h->subscribing -= subscription;
        ended = ended || deeds[i].kind == DEED_ENDED;
        deed_close(&deeds[i]);
    }
    mem_free(deeds);
    return ended;
}

/* After the node's thread the readers end; their last answers are given. The mailbox to the node is
 * shut, so what is in there now is all that came too late. */
static void end(struct host *h)
{
    uv_thread_join(&h->thread);
    h->joined = true;
    h->ending = true;
    stop_verifying(h);
    readers_stop(h->readers);
    h->readers = NULL;
    do_all(h);
    struct event *late;
    size_t n = mailbox_take(&h->inbox, 0, (void **)&late);
    for (size_t i = 0; i < n; i++) {
        if (late[i].kind == EVENT_REQUEST)
            refuse(h, late[i].exchange);
        event_close(&late[i]);
    }
    mem_free(late);
    bell_close(&h->wake, on_wake_closed);
}

static void on_wake(struct bell *wake)
{
    struct host *h = wake->data;
    if (do_all(h))
        end(h);
}

/* ---------------- the node's thread */

static int64_t wait_ms(struct host *h)
{
    int64_t due = node_due(h->node).ms - h->clock.mono(&h->clock).ms;
    if (due < 0)
        return 0;
    return due < TURN_AT_LEAST_MS ? due : TURN_AT_LEAST_MS;
}

/* Of frames that came while others were taken a few bytes may be forgotten. */
static void note_room(struct host *h)
{
    struct deed room = {.kind = DEED_ROOM};
    if (atomic_exchange(&h->frames_bytes, 0) > LIMIT_INBOX_BYTES)
        want(h, &room);
}

static void node_main(void *data)
{
    struct host *h = data;
    struct deed ended = {.kind = DEED_ENDED};
    int rc = 0;
    while (rc == 0 && !node_stopped(h->node)) {
        struct event *events;
        size_t n = mailbox_take(&h->inbox, wait_ms(h), (void **)&events);
        note_room(h);
        struct now now = {h->clock.mono(&h->clock), h->clock.wall(&h->clock)};
        rc = node_turn(h->node, events, n, now, &ended.err);
        mem_free(events);
        if (rc == 0 && !h->told_ready && node_ready(h->node)) {
            struct deed ready = {.kind = DEED_READY};
            h->told_ready = true;
            want(h, &ready);
        }
        tell_loop(h);
    }
    if (rc == 0)
        ended.err.code = ERR_NONE;
    mailbox_shut(&h->inbox);
    want(h, &ended);
    tell_loop(h);
}

/* ---------------- requests, on the loop */

/* Takes the request. What nodes ask is not sent on: each might hold the other for the one that
 * knows. */
static void request_elsewhere(struct host *h, struct exchange_id id, struct request *r)
{
    struct request known = *r;
    known.node = h->about;
    bool asks = exchange_owner(id) == EXCHANGE_OF_CLIENT && h->about != NULL && !h->ending;
    if (asks) {
        h->deeds.elsewhere(h->deeds.data, id, request_dup(&known));
    } else {
        struct answer a = answer_busy(id, "this node has no state of its own: ask another");
        answer(h, &a);
    }
    request_free(r);
}

void host_request(struct host *h, struct exchange_id id, struct request *r)
{
    if (h->stateless && exchange_owner(id) != EXCHANGE_OF_DOOR && !api_is_alone(h->api, r)) {
        request_elsewhere(h, id, r);
        return;
    }
    struct event e = {.kind = EVENT_REQUEST, .exchange = id, .request = r};
    bool taken = !api_is_ask(h->api, r) ? mailbox_put(&h->inbox, &e, LANE_BOUNDED)
                                        : h->readers != NULL && readers_ask(h->readers, id, r);
    if (!taken) {
        request_free(r);
        refuse(h, id);
    }
}

static void on_request(struct http_server *server, struct exchange_id id, const struct request *r)
{
    host_request(http_server_data(server), id, request_dup(r));
}

/* What the node was asked goes on: the answer is dropped. */
void host_gone(struct host *h, struct exchange_id id)
{
    h->deeds.gone(h->deeds.data, id);
}

void host_credit(struct host *h, struct exchange_id id, size_t bytes)
{
    h->deeds.credit(h->deeds.data, id, bytes);
}

static void on_gone(struct http_server *server, struct exchange_id id)
{
    host_gone(http_server_data(server), id);
}

static void on_credit(struct http_server *server, struct exchange_id id, size_t bytes)
{
    host_credit(http_server_data(server), id, bytes);
}

const struct http_server_events host_server_events = {
    .on_request = on_request,
    .on_credit = on_credit,
    .on_gone = on_gone,
};

void host_event(struct host *h, struct event *e)
{
    if (!mailbox_put(&h->inbox, e, LANE_FREE))
        event_close(e);
}

bool host_frame(struct host *h, int64_t node, struct slice frame)
{
    struct event e = {.kind = EVENT_FRAME, .node = node};
    size_t waiting = atomic_fetch_add(&h->frames_bytes, frame.len) + frame.len;
    buf_init(&e.body, LIMIT_FRAME_BYTES);
    buf_put_slice(&e.body, frame);
    host_event(h, &e);
    return waiting > LIMIT_INBOX_BYTES;
}

void host_answer(struct host *h, struct answer *a)
{
    answer(h, a);
}

/* ---------------- life */

static void fill_hands(struct host *h)
{
    h->hands = (struct hands){
        .data = h,
        .rng = &h->rng,
        .secret = hand_secret,
        .send = hand_send,
        .know = hand_know,
        .answer = hand_answer,
        .ask = hand_ask,
        .sandbox = hand_sandbox,
        .topics = hand_topics,
        .publish = hand_publish,
        .facts = hand_facts,
        .launch = hand_launch,
        .kill = hand_kill,
        .forget = hand_forget,
        .routes = hand_routes,
        .snapshot_make = hand_snapshot_make,
        .snapshot_fetch = hand_snapshot_fetch,
        .checkpoint = hand_checkpoint,
        .readers_stop = hand_readers_stop,
    };
}

struct host *host_new(void)
{
    struct host *h = NEW(struct host);
    h->clock = clock_system();
    h->joined = true;
    mailbox_init(&h->inbox, sizeof(struct event), LIMIT_INBOX);
    mailbox_init(&h->outbox, sizeof(struct deed), 0);
    fill_hands(h);
    return h;
}

void host_set_owner(struct host *h, void *owner)
{
    h->owner = owner;
}

void *host_owner(const struct host *h)
{
    return h->owner;
}

int host_start(struct host *h, struct loop *loop, struct http_server *server,
               const struct host_options *options, const struct host_deeds *deeds,
               struct error *err)
{
    h->loop = loop;
    h->server = server;
    h->deeds = *deeds;
    h->state_path = mem_strdup(options->node.state_path);
    h->stateless = (options->node.modes & (MODE_MASTER | MODE_SCHEDULER)) == 0;
    copies_clear(h->state_path, COPY_SNAPSHOT, 0);
    copies_clear(h->state_path, COPY_BACKUP, 0);
    rng_seed(&h->rng, options->seed);
    struct now now = {h->clock.mono(&h->clock), h->clock.wall(&h->clock)};
    if (node_open(&options->node, &h->hands, now, &h->node, err) != 0)
        return -1;
    h->api = node_api(h->node);
    h->wake.data = h;
    if (bell_open(&h->wake, &loop->uv, on_wake, err) != 0)
        return -1;
    h->wakes = true;
    tell_loop(h); /* what the node wanted while it opened */
    const struct readers_options readers = {
        .state_path = h->state_path,
        .threads = options->readers > 0 ? options->readers : READERS,
        .api = h->api,
        .answer = answer_from_reader,
        .data = h,
    };
    h->readers = readers_start(&readers);
    h->joined = false;
    uv_thread_create(&h->thread, node_main, h);
    start_verifying(h);
    return 0;
}

void host_stop(struct host *h)
{
    struct event e = {.kind = EVENT_STOP};
    h->ending = true;
    host_event(h, &e);
}

void host_free(struct host *h)
{
    if (h == NULL)
        return;
    ASSERT(h->joined);
    struct event *events;
    size_t n = mailbox_take(&h->inbox, 0, (void **)&events);
    for (size_t i = 0; i < n; i++)
        event_close(&events[i]);
    mem_free(events);
    struct deed *deeds;
    n = mailbox_take(&h->outbox, 0, (void **)&deeds);
    for (size_t i = 0; i < n; i++)
        deed_close(&deeds[i]);
    mem_free(deeds);
    node_close(h->node);
    mailbox_close(&h->inbox);
    mailbox_close(&h->outbox);
    mem_free(h->state_path);
    mem_free(h->about);
    mem_free(h);
}
