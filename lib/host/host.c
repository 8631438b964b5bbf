#include "host/host.h"

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "host/private.h"

#define READERS 2
#define CALLBACK_PAUSE_MS 1000 /* the first one */
#define NOTICE_PAUSE_MS 1000   /* the first one */
#define TURN_AT_LEAST_MS 1000  /* a node looks around so often though nothing is due */

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
        if (d->topic == TOPIC_CALLBACKS)
            callbacks_post(h->callbacks, d->event);
        else
            http_server_publish(h->server, d->topic, d->type, d->event);
        break;
    case DEED_CALLBACKS:
        callbacks_set(h->callbacks, buf_str(&d->body));
        break;
    case DEED_NOTICE:
        if (d->body.len == 0)
            notices_forget(h->notices);
        else
            notices_put(h->notices, buf_slice(&d->body));
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
    case DEED_WIPE:
        deeds->wipe(deeds->data, d->id, buf_str(&d->body));
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
        host_checkpoint(h, d->id);
        break;
    case DEED_SNAPSHOT_MAKE:
        host_copy_start(h, COPY_SNAPSHOT, (uint64_t)d->id, NULL, NULL);
        break;
    case DEED_SNAPSHOT_FETCH:
        host_fetch(h, d);
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
        bool subscription = deed_subscribes(&deeds[i]);
        do_deed(h, &deeds[i]);
        h->subscribing -= subscription;
        ended = ended || deeds[i].kind == DEED_ENDED;
        deed_close(&deeds[i]);
    }
    mem_free(deeds);
    return ended;
}

static void on_notices_stopped(void *data)
{
    struct host *h = data;
    bell_close(&h->wake, on_wake_closed);
}

static void on_callbacks_stopped(void *data)
{
    struct host *h = data;
    notices_stop(h->notices, on_notices_stopped, h);
}

static void on_told(void *data, int64_t notice, const char *channel, bool over, const char *error,
                    struct wall next)
{
    struct event e = {.kind = EVENT_NOTICE_TOLD};
    struct json_writer w;
    buf_init(&e.body, LIMIT_FRAME_BYTES);
    json_begin(&w, &e.body);
    json_object(&w);
    json_member_int(&w, "notice", notice);
    json_member_str(&w, "channel", channel);
    json_member_bool(&w, "over", over);
    json_member_str(&w, "error", error);
    json_member_int(&w, "next_ms", next.ms);
    json_object_end(&w);
    host_event(data, &e);
}

/* After the node's thread the readers end; their last answers are given. The mailbox to the node is
 * shut, so what is in there now is all that came too late. */
static void end(struct host *h)
{
    uv_thread_join(&h->thread);
    h->joined = true;
    h->ending = true;
    busy_stop(h->busy);
    verifier_stop(h->verifier);
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
    callbacks_stop(h->callbacks, on_callbacks_stopped, h);
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
        host_want(h, &room);
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
        const struct node_busy words = node_busy(h->node);
        busy_turn_begins(h->busy, &words, now.mono);
        rc = node_turn(h->node, events, n, now, &ended.err);
        busy_turn_ends(h->busy);
        mem_free(events);
        if (rc == 0 && !h->told_ready && node_ready(h->node)) {
            struct deed ready = {.kind = DEED_READY};
            h->told_ready = true;
            host_want(h, &ready);
        }
        host_tell_loop(h);
    }
    if (rc == 0)
        ended.err.code = ERR_NONE;
    mailbox_shut(&h->inbox);
    host_want(h, &ended);
    host_tell_loop(h);
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

static void on_unsubscribed(struct http_server *server, unsigned topic, const char *remote)
{
    struct event e = {.kind = EVENT_DETACHED, .topic = topic};
    buf_init(&e.body, LIMIT_HEADER_BYTES);
    buf_puts(&e.body, remote);
    host_event(http_server_data(server), &e);
}

const struct http_server_events host_server_events = {
    .on_request = on_request,
    .on_credit = on_credit,
    .on_gone = on_gone,
    .on_unsubscribed = on_unsubscribed,
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
    buf_init(&e.body, LIMIT_PEER_FRAME_BYTES);
    buf_put_slice(&e.body, frame);
    host_event(h, &e);
    return waiting > LIMIT_INBOX_BYTES;
}

bool host_leads(const struct host *h)
{
    return h->leads;
}

void host_answer(struct host *h, struct answer *a)
{
    answer(h, a);
}

/* ---------------- life */

struct host *host_new(void)
{
    struct host *h = NEW(struct host);
    h->clock = clock_system();
    h->joined = true;
    mailbox_init(&h->inbox, sizeof(struct event), LIMIT_INBOX);
    mailbox_init(&h->outbox, sizeof(struct deed), 0);
    host_fill_hands(h);
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
    h->stateless = !modes_serve(options->node.modes);
    copies_clear(h->state_path, COPY_SNAPSHOT, 0);
    copies_clear(h->state_path, COPY_BACKUP, 0);
    rng_seed(&h->rng, options->seed);
    struct now now = {h->clock.mono(&h->clock), h->clock.wall(&h->clock)};
    struct node_options node = options->node;
    h->callbacks = callbacks_new(loop, CALLBACK_PAUSE_MS);
    node.facts.http = http_server_counts(server);
    node.facts.callbacks = callbacks_counts(h->callbacks);
    if (node_open(&node, &h->hands, now, &h->node, err) != 0)
        return -1;
    h->api = node_api(h->node);
    h->wake.data = h;
    if (bell_open(&h->wake, &loop->uv, on_wake, err) != 0)
        return -1;
    struct notices_config notices = options->notices;
    notices.pause_ms = notices.pause_ms > 0 ? notices.pause_ms : NOTICE_PAUSE_MS;
    h->notices = notices_new(loop, &notices, on_told, h);
    h->wakes = true;
    host_tell_loop(h); /* what the node wanted while it opened */
    const struct readers_options readers = {
        .state_path = h->state_path,
        .threads = options->readers > 0 ? options->readers : READERS,
        .api = h->api,
        .answer = host_answer_from_reader,
        .data = h,
    };
    h->readers = readers_start(&readers);
    h->busy = busy_start(loop, h->deeds.send, h->deeds.data);
    h->joined = false;
    uv_thread_create(&h->thread, node_main, h);
    host_verify(h);
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
    callbacks_free(h->callbacks);
    notices_free(h->notices);
    mem_free(h->state_path);
    mem_free(h->about);
    mem_free(h);
}
