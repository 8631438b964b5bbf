/* lib/host/hands.c - what the node's thread and the readers want of the loop: each a deed in the
 * outbox. */
#include <stdlib.h>

#include "api/facts.h"
#include "base/limits.h"
#include "base/mem.h"
#include "host/private.h"

void deed_close(struct deed *d)
{
    if (d->kind == DEED_ANSWER)
        answer_close(&d->answer);
    mem_free(d->type);
    blob_unref(d->event);
    buf_close(&d->body);
    sandbox_request_free(d->sandbox);
}

bool deed_subscribes(const struct deed *d)
{
    return d->kind == DEED_ANSWER && d->answer.kind == ANSWER_SUBSCRIBE;
}

static void put_deed(struct host *h, struct deed *d)
{
    h->subscribing += deed_subscribes(d);
    if (!mailbox_put(&h->outbox, d, LANE_FREE))
        deed_close(d);
}

/* From the node's thread: the loop hears of it at the end of the turn. */
void host_want(struct host *h, struct deed *d)
{
    put_deed(h, d);
    h->wants = true;
}

void host_tell_loop(struct host *h)
{
    if (h->wants && h->wakes)
        bell_ring(&h->wake);
    h->wants = false;
}

static void want_bytes(struct host *h, enum deed_kind kind, int64_t id, struct slice bytes)
{
    struct deed d = {.kind = kind, .id = id};
    buf_init(&d.body, LIMIT_PEER_FRAME_BYTES);
    buf_put_slice(&d.body, bytes);
    host_want(h, &d);
}

void host_answer_from_reader(void *data, struct answer *a)
{
    struct deed d = {.kind = DEED_ANSWER, .answer = *a};
    struct host *h = data;
    put_deed(h, &d);
    bell_ring(&h->wake);
}

static void hand_answer(struct hands *hands, struct answer *a)
{
    struct deed d = {.kind = DEED_ANSWER, .answer = *a};
    host_want(hands->data, &d);
}

static void hand_publish(struct hands *hands, const struct published *p)
{
    struct deed d = {
        .kind = DEED_PUBLISH,
        .topic = p->topic,
        .type = mem_strdup(p->type),
        .event = blob_of(p->text.p, p->text.len),
    };
    host_want(hands->data, &d);
}

static void hand_callbacks(struct hands *hands, const char *urls)
{
    struct deed d = {.kind = DEED_CALLBACKS};
    buf_init(&d.body, LIMIT_FRAME_BYTES);
    buf_puts(&d.body, urls);
    host_want(hands->data, &d);
}

static void hand_notice(struct hands *hands, struct slice notice)
{
    want_bytes(hands->data, DEED_NOTICE, 0, notice);
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
    host_want(hands->data, &d);
}

static void hand_wipe(struct hands *hands, int64_t volume, const char *name)
{
    want_bytes(hands->data, DEED_WIPE, volume, slice_of(name));
}

static void hand_routes(struct hands *hands, struct slice message)
{
    want_bytes(hands->data, DEED_ROUTES, 0, message);
}

static void hand_sandbox(struct hands *hands, struct exchange_id id, struct sandbox_request *r)
{
    struct deed d = {.kind = DEED_SANDBOX, .exchange = id, .sandbox = r};
    host_want(hands->data, &d);
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
    host_tell_loop(hands->data);
}

static void hand_know(struct hands *hands, const struct known_node *k)
{
    struct deed d = {.kind = DEED_KNOW, .known = *k};
    buf_init(&d.body, LIMIT_FRAME_BYTES);
    buf_puts(&d.body, k->address);
    host_want(hands->data, &d);
}

static void hand_facts(struct hands *hands, const struct facts *f)
{
    struct host *h = hands->data;
    struct deed d = {.kind = DEED_FACTS};
    readers_facts(h->readers, f);
    h->leads = f->leading;
    if (!h->stateless)
        return;
    buf_init(&d.body, LIMIT_FRAME_BYTES);
    facts_write(f, &d.body);
    host_want(h, &d);
}

static void hand_readers_stop(struct hands *hands)
{
    struct host *h = hands->data;
    readers_pause(h->readers);
}

/* The pool is the loop's: the work is queued by a deed. */
static void hand_checkpoint(struct hands *hands, int64_t wal_bytes)
{
    struct deed d = {.kind = DEED_CHECKPOINT, .id = wal_bytes};
    host_want(hands->data, &d);
}

static void hand_snapshot_make(struct hands *hands)
{
    struct deed d = {.kind = DEED_SNAPSHOT_MAKE, .id = rng_id(hands->rng)};
    host_want(hands->data, &d);
}

static void hand_snapshot_fetch(struct hands *hands, uint64_t from,
                                const struct replica_snapshot *s)
{
    struct deed d = {.kind = DEED_SNAPSHOT_FETCH, .id = (int64_t)from, .gives_up = s == NULL};
    if (s != NULL) {
        d.offer = *s;
        d.offer.conf = (struct buf){0};
    }
    host_want(hands->data, &d);
}

void host_fill_hands(struct host *h)
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
        .callbacks = hand_callbacks,
        .notice = hand_notice,
        .facts = hand_facts,
        .launch = hand_launch,
        .kill = hand_kill,
        .forget = hand_forget,
        .wipe = hand_wipe,
        .routes = hand_routes,
        .snapshot_make = hand_snapshot_make,
        .snapshot_fetch = hand_snapshot_fetch,
        .checkpoint = hand_checkpoint,
        .readers_stop = hand_readers_stop,
    };
}
