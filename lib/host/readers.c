#include "host/readers.h"

#include <stdatomic.h>
#include <string.h>

#include "api/facts.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "db/authorizer.h"
#include "net/loop.h"

#define READER_BUSY_MS 1000
#define OPEN_TRIES 3 /* an upgrade takes the levels one by one, in one transaction */
#define STOPPING "this node is stopping"
#define NOT_READY "not ready yet: try again"
#define UNFIT "the tables of this node are wrong, and it takes another's: ask another, or try again"

/* ---- facts: several threads look at them; counted, never changed */

struct shared_facts {
    atomic_int refs;
    struct arena text;
    struct facts f;
};

static struct shared_facts *facts_copy(const struct facts *f)
{
    struct shared_facts *s = NEW(struct shared_facts);
    atomic_init(&s->refs, 1);
    s->f = facts_keep(f, &s->text);
    return s;
}

static struct shared_facts *facts_ref(struct shared_facts *f)
{
    atomic_fetch_add(&f->refs, 1);
    return f;
}

static void facts_unref(struct shared_facts *f)
{
    if (f != NULL && atomic_fetch_sub(&f->refs, 1) == 1) {
        arena_close(&f->text);
        mem_free(f);
    }
}

/* ---- readers */

struct ask {
    struct exchange_id id;
    struct request *request;
};

struct queue { /* a ring */
    struct ask *asks;
    size_t room, first, n;
};

struct reader {
    struct readers *all;
    uv_thread_t thread;
    bool holding;  /* has the file open, or may be opening it */
    struct db *db; /* NULL: closed */
    struct state *state;
    struct stmts *own;
    struct clock clock;
    int64_t until_ms; /* of the ask at work */
};

struct readers {
    struct readers_options options;
    char *state_path;
    struct reader *readers;
    uv_mutex_t lock; /* of all below, and of `holding` */
    uv_cond_t work;  /* there is an ask, or the readers may go on, or must end */
    uv_cond_t idle;  /* a reader has let go of the file */
    /* What takes long is answered by the first reader only, so that nobody else waits for it. */
    struct queue asks, long_asks;
    struct shared_facts *facts;
    bool paused;
    atomic_bool ending; /* also read without the lock */
};

enum { APPLIED, LEVEL, N_OWN };
static const struct db_sql own_sql[] = {
    [APPLIED] = {"APPLIED", "select applied from raft_state"},
    [LEVEL] = {"LEVEL", "pragma user_version"},
};

static bool in_time(void *data)
{
    struct reader *r = data;
    return r->clock.mono(&r->clock).ms < r->until_ms && !r->all->ending;
}

static void close_file(struct reader *r)
{
    if (r->db == NULL)
        return;
    stmts_free(r->own);
    state_close(r->state);
    db_close(r->db);
    r->db = NULL;
    r->state = NULL;
    r->own = NULL;
}

/* In one snapshot: which statements there are is a question of its level. */
static int prepare(struct reader *r, struct error *err)
{
    if (db_begin(r->db, DB_READ, err) != 0)
        return -1;
    int rc = state_open(r->db, true, &r->state, err) == 0
                 ? db_prepare(r->db, own_sql, N_OWN, &r->own, err)
                 : -1;
    db_rollback(r->db);
    return rc;
}

static int open_state(struct reader *r, struct error *err)
{
    const struct db_options options = {.read_only = true, .busy_ms = READER_BUSY_MS};
    if (db_open(r->all->state_path, &options, &r->db, err) != 0 || prepare(r, err) != 0)
        return -1;
    if (state_level(r->state) == 0)
        return error_set(err, ERR_UNAVAILABLE, "the cluster has no state yet: try again");
    db_set_patience(r->db, in_time, r);
    return 0;
}

/* Open, and with a state; or closed. */
static int open_file(struct reader *r, struct error *err)
{
    if (r->db != NULL)
        return 0;
    if (open_state(r, err) == 0)
        return 0;
    close_file(r);
    return -1;
}

/* A snapshot whose schema is the one that the statements are made for. */
static int begin(struct reader *r, struct error *err)
{
    for (int tries = 0; tries < OPEN_TRIES; tries++) {
        if (open_file(r, err) != 0 || db_begin(r->db, DB_READ, err) != 0)
            return -1;
        if (stmt_one_i64(stmts_use(r->own, LEVEL), -1) == state_level(r->state))
            return 0;
        int failed = db_check(r->db, err);
        db_rollback(r->db);
        close_file(r); /* it was raised meanwhile: schema.upgrade */
        if (failed != 0)
            return -1;
    }
    return error_set(err, ERR_UNAVAILABLE, "the state's schema is changing: try again");
}

/* What a statement is called here says nothing to who asks. */
static void say_plainly(struct error *err)
{
    if (err->code != ERR_IO && err->code != ERR_CORRUPT)
        return;
    log_error("cannot read the state", "error=%s", err->text);
    error_set(err, err->code, "this node cannot read what it keeps; its log says why");
}

static void run_ask(struct reader *r, struct call *c, struct view *view)
{
    struct error err;
    r->until_ms = view->now.mono.ms + (c->door->read_ms != 0 ? c->door->read_ms : LIMIT_READ_MS);
    if (begin(r, &err) != 0) {
        call_error(c, &err);
        return;
    }
    view->state = r->state;
    view->index = (uint64_t)stmt_one_i64(stmts_use(r->own, APPLIED), 0);
    api_ask(c);
    if (db_check(r->db, &err) != 0) {
        if (r->all->ending)
            error_set(&err, ERR_CANCELED, "%s", STOPPING);
        say_plainly(&err);
        reply_close(c->reply);
        reply_init(c->reply);
        call_error(c, &err);
    }
    db_rollback(r->db);
}

static struct answer answer_of(struct exchange_id id, struct reply *reply)
{
    struct answer a = answer_whole_take(id, reply->status, reply->content_type, &reply->body);
    buf_put_slice(&a.headers, buf_slice(&reply->headers));
    a.plain = reply->plain;
    return a;
}

static void work(struct reader *r, struct ask *ask, const struct facts *facts)
{
    struct route_match match = {0};
    struct reply reply;
    struct asked_facts asked;
    struct view view = {
        .facts = facts_for(ask->request, facts, &asked),
        .now = {r->clock.mono(&r->clock), r->clock.wall(&r->clock)},
    };
    struct call c = {.request = ask->request, .match = &match, .view = &view, .reply = &reply};
    reply_init(&reply);
    const struct door *door = api_find(r->all->options.api, ask->request, &c);
    if (door != NULL && door->alone)
        api_ask(&c);
    else if (door != NULL)
        run_ask(r, &c, &view);
    struct answer a = answer_of(ask->id, &reply);
    r->all->options.answer(r->all->options.data, &a);
    call_close(&c);
    route_match_close(&match);
    reply_close(&reply);
    arena_close(&asked.text);
    request_free(ask->request);
}

static void queue_open(struct queue *q, size_t room)
{
    *q = (struct queue){.asks = mem_zalloc(room * sizeof q->asks[0]), .room = room};
}

static bool queue_put(struct queue *q, struct ask ask)
{
    if (q->n == q->room)
        return false;
    q->asks[(q->first + q->n++) % q->room] = ask;
    return true;
}

static struct ask queue_take(struct queue *q)
{
    struct ask ask = q->asks[q->first];
    q->first = (q->first + 1) % q->room;
    q->n--;
    return ask;
}

/* Where this reader finds something to do; NULL: nowhere. */
static struct queue *work_of(struct reader *r)
{
    struct readers *all = r->all;
    if (r == &all->readers[0] && all->long_asks.n > 0)
        return &all->long_asks;
    return all->asks.n > 0 ? &all->asks : NULL;
}

/* Waits for something to do; false when it is time to end. Lets go of the file while paused. */
static bool next_ask(struct reader *r, struct ask *ask, struct shared_facts **facts_out)
{
    struct readers *all = r->all;
    uv_mutex_lock(&all->lock);
    while (!all->ending && (all->paused || work_of(r) == NULL)) {
        if (all->paused && r->holding) {
            close_file(r);
            r->holding = false;
            uv_cond_broadcast(&all->idle);
        }
        uv_cond_wait(&all->work, &all->lock);
    }
    bool go_on = !all->ending;
    if (go_on) {
        *ask = queue_take(work_of(r));
        r->holding = true;
        *facts_out = all->facts != NULL ? facts_ref(all->facts) : NULL;
    }
    uv_mutex_unlock(&all->lock);
    return go_on;
}

static void refuse(struct readers *all, struct ask *ask, const char *why)
{
    struct answer a = answer_busy(ask->id, all->ending ? STOPPING : why);
    all->options.answer(all->options.data, &a);
    request_free(ask->request);
}

static void reader_main(void *data)
{
    struct reader *r = data;
    struct ask ask;
    struct shared_facts *facts;
    while (next_ask(r, &ask, &facts)) {
        if (facts != NULL && !facts->f.unfit)
            work(r, &ask, &facts->f);
        else
            refuse(r->all, &ask, facts == NULL ? NOT_READY : UNFIT);
        facts_unref(facts);
    }
    close_file(r);
}

struct readers *readers_start(const struct readers_options *options)
{
    struct readers *all = NEW(struct readers);
    all->options = *options;
    all->state_path = mem_strdup(options->state_path);
    queue_open(&all->asks, LIMIT_INBOX);
    queue_open(&all->long_asks, LIMIT_LONG_ASKS);
    uv_mutex_init(&all->lock);
    uv_cond_init(&all->work);
    uv_cond_init(&all->idle);
    all->readers = mem_zalloc((size_t)options->threads * sizeof all->readers[0]);
    for (int i = 0; i < options->threads; i++) {
        all->readers[i] = (struct reader){.all = all, .clock = clock_system()};
        uv_thread_create(&all->readers[i].thread, reader_main, &all->readers[i]);
    }
    return all;
}

static void queue_close(struct readers *all, struct queue *q)
{
    while (q->n > 0) {
        struct ask ask = queue_take(q);
        refuse(all, &ask, NOT_READY);
    }
    mem_free(q->asks);
}

void readers_stop(struct readers *all)
{
    if (all == NULL)
        return;
    uv_mutex_lock(&all->lock);
    all->ending = true;
    uv_cond_broadcast(&all->work);
    uv_mutex_unlock(&all->lock);
    for (int i = 0; i < all->options.threads; i++)
        uv_thread_join(&all->readers[i].thread);
    queue_close(all, &all->asks);
    queue_close(all, &all->long_asks);
    facts_unref(all->facts);
    uv_cond_destroy(&all->idle);
    uv_cond_destroy(&all->work);
    uv_mutex_destroy(&all->lock);
    mem_free(all->readers);
    mem_free(all->state_path);
    mem_free(all);
}

bool readers_ask(struct readers *all, struct exchange_id id, struct request *request)
{
    bool is_long = api_takes_long(all->options.api, request);
    uv_mutex_lock(&all->lock);
    bool taken = !all->ending &&
                 queue_put(is_long ? &all->long_asks : &all->asks, (struct ask){id, request});
    if (is_long) /* whoever a signal wakes may not be the one */
        uv_cond_broadcast(&all->work);
    else
        uv_cond_signal(&all->work);
    uv_mutex_unlock(&all->lock);
    return taken;
}

void readers_facts(struct readers *all, const struct facts *f)
{
    struct shared_facts *fresh = facts_copy(f);
    uv_mutex_lock(&all->lock);
    struct shared_facts *old = all->facts;
    all->facts = fresh;
    all->paused = false;
    uv_cond_broadcast(&all->work);
    uv_mutex_unlock(&all->lock);
    facts_unref(old);
}

static bool any_holding(const struct readers *all)
{
    for (int i = 0; i < all->options.threads; i++)
        if (all->readers[i].holding)
            return true;
    return false;
}

void readers_pause(struct readers *all)
{
    uv_mutex_lock(&all->lock);
    all->paused = true;
    uv_cond_broadcast(&all->work);
    while (any_holding(all))
        uv_cond_wait(&all->idle, &all->lock);
    uv_mutex_unlock(&all->lock);
}
