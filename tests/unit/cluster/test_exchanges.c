/* Two nodes in one process: one is asked, the other has the file. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "cluster/exchange_frame.h"
#include "cluster/exchanges.h"
#include "http/carry.h"
#include "support/ca.h"

#define PATIENCE_MS 10000
#define PART (64 << 10)

struct seat {
    struct peers peers;
    struct exchanges exchanges;
    int64_t id;
    struct address address;
    struct identity identity;
    struct tls *tls;
    int closing; /* parts that have not said that they stopped */
    bool up, refuses_frames;
    struct error refusal;
    /* answers to what was asked here */
    unsigned answers, wholes, heads, ends, aborts;
    int status;
    size_t bytes;
    struct buf body;
    struct buf headers;
    struct exchange_id last; /* exchange */
    /* what others ask */
    unsigned sandboxes, requests, goners;
    struct exchange_id asked;
    struct sandbox_request *question;
    struct request *request;
    size_t credit;
    size_t pours;  /* so many bytes of a file, as credit comes */
    size_t answer; /* bytes of a whole answer to everything, if not 0 */
};

static struct scene {
    struct loop loop;
    uv_timer_t patience;
    struct rng rng;
    struct ca ca;
    struct seat a, b;
} scene;

static void on_patience_over(uv_timer_t *timer)
{
    (void)timer;
    fail_msg("waited too long");
}

#define UNTIL(condition)                                                   \
    do {                                                                   \
        uv_timer_start(&scene.patience, on_patience_over, PATIENCE_MS, 0); \
        while (!(condition))                                               \
            uv_run(&scene.loop.uv, UV_RUN_ONCE);                           \
        uv_timer_stop(&scene.patience);                                    \
    } while (0)

/* ---- what a node does with its exchanges */
static void on_answer(void *data, struct answer *a)
{
    struct seat *s = data;
    s->answers++;
    s->wholes += a->kind == ANSWER_WHOLE;
    s->heads += a->kind == ANSWER_HEAD;
    s->ends += a->kind == ANSWER_END;
    s->aborts += a->kind == ANSWER_ABORT;
    s->last = a->id;
    s->bytes += blob_slice(a->body).len;
    buf_put_slice(&s->body, blob_slice(a->body));
    if (a->kind == ANSWER_WHOLE || a->kind == ANSWER_HEAD) {
        s->status = a->status;
        buf_clear(&s->headers);
        buf_put_slice(&s->headers, buf_slice(&a->headers));
    }
    answer_close(a);
}

static char letter(size_t at)
{
    return (char)('a' + at / 1000 % 26);
}

static struct answer whole(struct exchange_id id, size_t n)
{
    struct buf body;
    buf_init(&body, 64 << 20);
    for (size_t i = 0; i < n; i++)
        buf_putc(&body, letter(i));
    return answer_whole_take(id, 200, "text/plain", &body);
}

static void pour(struct seat *s, size_t n)
{
    struct buf body;
    buf_init(&body, n);
    for (size_t i = 0; i < n; i++)
        buf_putc(&body, 'x');
    struct answer part = answer_part(s->asked, &body);
    exchanges_answer(&s->exchanges, &part);
    s->pours -= n;
}

static void on_sandbox(void *data, struct exchange_id id, struct sandbox_request *r)
{
    struct seat *s = data;
    s->sandboxes++;
    s->asked = id;
    sandbox_request_free(s->question);
    s->question = r;
    assert_int_equal(exchange_owner(id), EXCHANGE_OF_NODE);
    if (s->answer > 0) {
        struct answer a = whole(id, s->answer);
        exchanges_answer(&s->exchanges, &a);
    }
}

static void on_request(void *data, struct exchange_id id, struct request *r)
{
    struct seat *s = data;
    s->requests++;
    s->asked = id;
    request_free(s->request);
    s->request = r;
}

static void on_credit(void *data, struct exchange_id id, size_t bytes)
{
    struct seat *s = data;
    assert_true(id.v == s->asked.v);
    s->credit += bytes;
    if (s->pours >= PART)
        pour(s, PART);
}

static void on_gone(void *data, struct exchange_id id)
{
    struct seat *s = data;
    assert_true(id.v != 0);
    s->goners++;
}

static const struct exchanges_events exchanges_events = {.answer = on_answer,
                                                         .sandbox = on_sandbox,
                                                         .request = on_request,
                                                         .credit = on_credit,
                                                         .gone = on_gone};

/* ---- and with its peers */
static bool welcome(struct peers *p, int64_t id, const struct tls_peer *who, struct error *err)
{
    (void)p;
    (void)id;
    (void)who;
    (void)err;
    return true;
}

static void on_up(struct peers *p, int64_t id)
{
    struct seat *s = p->data;
    s->up = true;
    exchanges_up(&s->exchanges, id);
}

static void on_frame(struct peers *p, int64_t id, struct slice frame)
{
    struct seat *s = p->data;
    if (exchanges_frame(&s->exchanges, id, frame, &s->refusal) == 0)
        return;
    if (!s->refuses_frames)
        fail_msg("%s", s->refusal.text);
}

static void on_down(struct peers *p, int64_t id, enum peers_end how, const struct error *err)
{
    struct seat *s = p->data;
    (void)how;
    s->up = false;
    exchanges_down(&s->exchanges, id, err);
}

static void on_room(struct peers *p, int64_t id)
{
    exchanges_room(&((struct seat *)p->data)->exchanges, id);
}

static void on_trouble(struct peers *p, int64_t id, const struct error *err)
{
    (void)p;
    (void)id;
    (void)err;
}

static const struct peers_events peers_events = {.welcome = welcome,
                                                 .on_up = on_up,
                                                 .on_frame = on_frame,
                                                 .on_down = on_down,
                                                 .on_room = on_room,
                                                 .on_trouble = on_trouble};

/* ---- the scene */
static struct wall ca_wall(struct clock *c)
{
    (void)c;
    return (struct wall){CA_NOW_MS};
}

static void seat_begin(struct seat *s, int64_t id)
{
    struct error err;
    char name[24];
    s->id = id;
    snprintf(s->address.host, sizeof s->address.host, "127.84.19.%d", (int)id);
    snprintf(name, sizeof name, "%lld", (long long)id);
    buf_init(&s->body, 64 << 20);
    buf_init(&s->headers, 64 << 10);
    s->identity = ca_issue(&scene.ca, name, "master");
    s->tls = tls_new(&(struct tls_config){.ca = slice_of(scene.ca.pem),
                                          .certificate = slice_of(s->identity.certificate),
                                          .key = slice_of(s->identity.key)},
                     &err);
    assert_non_null(s->tls);
    struct peers_config config = {.loop = &scene.loop,
                                  .rng = &scene.rng,
                                  .self = id,
                                  .address = s->address.host,
                                  .tls = s->tls};
    s->peers.data = s->exchanges.data = s;
    if (peers_start(&s->peers, &config, &peers_events, &err) != 0)
        fail_msg("%s", err.text);
    s->address.port = s->peers.port;
    exchanges_start(&s->exchanges, &s->peers, &scene.rng, &exchanges_events);
}

static void on_peers_stopped(struct peers *p)
{
    ((struct seat *)p->data)->closing--;
}

static void on_exchanges_stopped(struct exchanges *x)
{
    ((struct seat *)x->data)->closing--;
}

static void seat_stop(struct seat *s)
{
    s->closing = 2;
    exchanges_stop(&s->exchanges, on_exchanges_stopped);
    peers_stop(&s->peers, on_peers_stopped);
}

static int begin(void **unused)
{
    struct error err;
    (void)unused;
    memset(&scene, 0, sizeof scene);
    assert_int_equal(loop_init(&scene.loop, &err), 0);
    scene.loop.clock.wall = ca_wall;
    uv_timer_init(&scene.loop.uv, &scene.patience);
    rng_seed(&scene.rng, 11);
    ca_begin(&scene.ca, "ours");
    seat_begin(&scene.a, 1);
    seat_begin(&scene.b, 2);
    peers_know(&scene.a.peers, 2, &scene.b.address);
    return 0;
}

static void seat_end(struct seat *s)
{
    assert_int_equal(s->closing, 0);
    assert_null(s->exchanges.nodes);
    sandbox_request_free(s->question);
    request_free(s->request);
    tls_unref(s->tls);
    identity_end(&s->identity);
    buf_close(&s->body);
    buf_close(&s->headers);
}

static int end(void **unused)
{
    (void)unused;
    struct seat *seats[] = {&scene.a, &scene.b};
    for (size_t i = 0; i < 2; i++)
        if (seats[i]->exchanges.stopped == NULL)
            seat_stop(seats[i]);
    uv_close((uv_handle_t *)&scene.patience, NULL);
    loop_run(&scene.loop);
    seat_end(&scene.a);
    seat_end(&scene.b);
    loop_close(&scene.loop);
    ca_end(&scene.ca);
    return 0;
}

static void ask_node(uint64_t client, enum sandbox_op op, enum sandbox_shape shape, int64_t node)
{
    struct sandbox_request *r = NEW(struct sandbox_request);
    *r = (struct sandbox_request){.op = op,
                                  .shape = shape,
                                  .path = mem_strdup("/slaves/S1/stdout"),
                                  .offset = 5,
                                  .length = -1,
                                  .task = 9,
                                  .node = node,
                                  .host = mem_strdup("deck-2")};
    exchanges_sandbox(&scene.a.exchanges, (struct exchange_id){client}, r);
}

static void ask(uint64_t client, enum sandbox_op op)
{
    ask_node(client, op, SHAPE_NATIVE, 2);
}

/* Until the other node has the question; then its answer has begun. */
static void begin_stream(enum sandbox_op op)
{
    struct seat *a = &scene.a, *b = &scene.b;
    ask(77, op);
    UNTIL(b->sandboxes == 1);
    struct answer head = answer_head(b->asked, 200, "text/plain", ANSWER_LENGTH_UNKNOWN);
    exchanges_answer(&b->exchanges, &head);
    UNTIL(a->heads == 1);
}

/* ---- the stories */
static void a_file_is_read_at_the_node_that_has_it(void **unused)
{
    (void)unused;
    struct seat *a = &scene.a, *b = &scene.b;
    ask(77, SANDBOX_READ);
    UNTIL(b->sandboxes == 1);
    assert_string_equal(b->question->path, "/slaves/S1/stdout");
    assert_int_equal(b->question->offset, 5);
    struct answer answer = answer_whole(b->asked, 404, "text/plain", SLICE("no such file"));
    header_put(&answer.headers, "X-More", "1");
    exchanges_answer(&b->exchanges, &answer);
    UNTIL(a->answers == 1);
    assert_int_equal(a->wholes, 1);
    assert_int_equal(a->status, 404);
    assert_int_equal(a->last.v, 77);
    assert_string_equal(buf_str(&a->body), "no such file");
    assert_true(slice_is(header_get(buf_slice(&a->headers), "X-More"), "1"));
    assert_false(exchanges_gone(&a->exchanges, (struct exchange_id){77})); /* it has ended */
    assert_int_equal(b->goners, 0);
}

/* What the client has not taken waits where it was made. */
static void a_long_answer_comes_as_its_client_takes_it(void **unused)
{
    (void)unused;
    struct seat *a = &scene.a, *b = &scene.b;
    const size_t all = 3 * EXCHANGE_WINDOW + 12345;
    b->answer = all;
    ask(77, SANDBOX_BROWSE);
    UNTIL(a->bytes >= EXCHANGE_WINDOW);
    ask(78, SANDBOX_BROWSE); /* another one is not held up */
    UNTIL(a->bytes >= 2 * EXCHANGE_WINDOW);
    assert_int_equal(a->bytes, 2 * EXCHANGE_WINDOW);
    assert_int_equal(a->heads, 2);
    buf_clear(&a->body);
    exchanges_gone(&a->exchanges, (struct exchange_id){78});
    for (size_t got = a->bytes = EXCHANGE_WINDOW; a->ends == 0; got = a->bytes) {
        assert_true(exchanges_credit(&a->exchanges, (struct exchange_id){77}, got / 2));
        UNTIL(a->bytes > got || a->ends == 1);
    }
    assert_int_equal(a->bytes, all);
    for (size_t i = 0; i < a->body.len; i++)
        assert_int_equal(a->body.data[i], letter(EXCHANGE_WINDOW + i));
    assert_int_equal(b->goners, 0); /* who made it has been done for long */
}

static void a_slow_client_slows_the_reader_of_the_file(void **unused)
{
    (void)unused;
    struct seat *a = &scene.a, *b = &scene.b;
    begin_stream(SANDBOX_DOWNLOAD);
    b->pours = 16 * PART;
    while (b->pours > 12 * PART)
        pour(b, PART);
    UNTIL(a->bytes == EXCHANGE_WINDOW);
    assert_int_equal(b->credit, 0);
    for (size_t got = 0; a->bytes < 16 * PART; got += PART) {
        exchanges_credit(&a->exchanges, (struct exchange_id){77}, PART);
        UNTIL(b->credit == got + PART);
    }
    struct answer last = answer_end(b->asked);
    exchanges_answer(&b->exchanges, &last);
    UNTIL(a->ends == 1);
    assert_int_equal(a->bytes, 16 * PART);
}

static void a_client_that_leaves_ends_it_on_the_other_side(void **unused)
{
    (void)unused;
    struct seat *a = &scene.a, *b = &scene.b;
    begin_stream(SANDBOX_FOLLOW);
    assert_true(exchanges_gone(&a->exchanges, (struct exchange_id){77}));
    assert_false(exchanges_gone(&a->exchanges, (struct exchange_id){77}));
    UNTIL(b->goners == 1);
    struct answer late = answer_end(b->asked);
    exchanges_answer(&b->exchanges, &late);
    ask(78, SANDBOX_READ);
    UNTIL(b->sandboxes == 2);
    assert_int_equal(a->answers, 1);
}

static void a_node_that_goes_ends_what_it_was_asked(void **unused)
{
    (void)unused;
    struct seat *a = &scene.a, *b = &scene.b;
    begin_stream(SANDBOX_FOLLOW);
    ask(78, SANDBOX_READ);
    UNTIL(b->sandboxes == 2);
    seat_stop(b);
    assert_int_equal(b->goners, 2);
    UNTIL(a->answers == 3);
    assert_int_equal(a->aborts, 1); /* its head had left */
    assert_int_equal(a->wholes, 1);
    assert_int_equal(a->status, 503);
    assert_non_null(strstr(buf_str(&a->body), "\"message\":\"node 2 (deck-2) has the file"));
}

static void a_node_that_asked_and_goes_is_no_client_any_more(void **unused)
{
    (void)unused;
    struct seat *a = &scene.a, *b = &scene.b;
    begin_stream(SANDBOX_FOLLOW);
    seat_stop(a);
    assert_int_equal(a->aborts, 1); /* its own client hears that it stops */
    UNTIL(b->goners == 1);
}

static void a_node_without_an_address_is_named(void **unused)
{
    (void)unused;
    struct seat *a = &scene.a;
    ask_node(77, SANDBOX_READ, SHAPE_MESOS, 33);
    assert_int_equal(a->wholes, 1);
    assert_int_equal(a->status, 503);
    assert_string_equal(buf_str(&a->body),
                        "node 33 (deck-2) has the file, and cannot be asked: node 33: no address "
                        "is known, and no connection");
}

static void who_is_never_reached_is_given_up(void **unused)
{
    (void)unused;
    struct seat *a = &scene.a;
    struct address nobody = {.host = "127.84.19.99", .port = 1};
    peers_know(&a->peers, 33, &nobody);
    ask_node(77, SANDBOX_READ, SHAPE_MESOS, 33);
    assert_int_equal(a->answers, 0);
    UNTIL(a->answers == 1);
    assert_int_equal(a->status, 503);
    assert_non_null(strstr(buf_str(&a->body), "it was not reached within"));
}

/* The connection takes no more, then the other side reads on. */
static void what_the_connection_does_not_take_waits_for_room(void **unused)
{
    (void)unused;
    struct seat *a = &scene.a, *b = &scene.b;
    enum { N = 1000 };
    b->answer = PART;
    ask(1, SANDBOX_READ);
    UNTIL(a->wholes == 1);
    peers_read(&a->peers, 2, false);
    for (uint64_t i = 2; i <= N; i++)
        ask(i, SANDBOX_READ);
    UNTIL(b->sandboxes == N);
    assert_true(map_count(b->exchanges.served) > 0); /* they wait */
    peers_read(&a->peers, 2, true);
    UNTIL(a->wholes == N);
    assert_int_equal(a->bytes, N * PART);
    assert_int_equal(map_count(b->exchanges.served), 0);
}

static void more_than_a_node_may_ask_is_refused(void **unused)
{
    (void)unused;
    struct seat *a = &scene.a, *b = &scene.b;
    for (uint64_t i = 0; i < LIMIT_EXCHANGES + 5; i++)
        ask(i + 1, SANDBOX_FOLLOW);
    UNTIL(a->wholes == 5);
    assert_int_equal(b->sandboxes, LIMIT_EXCHANGES);
    assert_int_equal(a->status, 503);
}

/* ---- whole requests */
static void a_request_is_answered_by_another_node(void **unused)
{
    (void)unused;
    struct seat *a = &scene.a, *b = &scene.b;
    struct request r = request_of(METHOD_GET, "/slave(1)/state");
    r.listener = "agent";
    exchanges_request(&a->exchanges, (struct exchange_id){5}, 2, request_dup(&r));
    UNTIL(b->requests == 1);
    assert_true(slice_is(b->request->target, "/slave(1)/state"));
    assert_string_equal(b->request->listener, "agent");
    struct answer answer = answer_whole(b->asked, 200, "application/json", SLICE("{}"));
    exchanges_answer(&b->exchanges, &answer);
    UNTIL(a->wholes == 1);
    assert_int_equal(a->last.v, 5);
}

/* An older one would close the connection. */
static void what_a_node_does_not_take_is_not_sent(void **unused)
{
    (void)unused;
    struct seat *a = &scene.a, *b = &scene.b;
    struct request r = request_of(METHOD_PUT, "/v2/groups");
    struct buf body, old;
    struct error err;
    buf_init(&body, 2 * LIMIT_FRAME_BYTES);
    buf_printf(&body, "%0*d", LIMIT_FRAME_BYTES, 0);
    a_request_is_answered_by_another_node(NULL); /* so it has said what it takes */
    r.body = buf_slice(&body);
    exchanges_request(&a->exchanges, (struct exchange_id){7}, 2, request_dup(&r));
    UNTIL(b->requests == 2);
    buf_init(&old, 64);
    exchange_frame_begin(&old, EXCHANGE_BEGUN, b->exchanges.begun, 0);
    assert_int_equal(exchanges_frame(&a->exchanges, 2, buf_slice(&old), &err), 0);
    exchanges_request(&a->exchanges, (struct exchange_id){6}, 2, request_dup(&r));
    assert_int_equal(a->status, 413);
    assert_int_equal(a->last.v, 6);
    exchanges_gone(&a->exchanges, (struct exchange_id){7});
    UNTIL(b->goners == 1);
    assert_int_equal(b->requests, 2);
    buf_close(&old);
    buf_close(&body);
}

static void what_only_nodes_may_ask_for_themselves_is_not_carried(void **unused)
{
    (void)unused;
    struct seat *a = &scene.a, *b = &scene.b;
    struct request r = request_of(METHOD_POST, "/api/peer/join");
    r.listener = "peer";
    b->refuses_frames = true;
    exchanges_request(&a->exchanges, (struct exchange_id){5}, 2, request_dup(&r));
    UNTIL(b->refusal.code == ERR_SYNTAX);
    assert_int_equal(b->requests, 0);
    exchanges_gone(&a->exchanges, (struct exchange_id){5});
}

/* ---- what no node of ours sends, and what overtakes */
static void put_part(struct buf *frame, uint64_t number, uint64_t count, const char *text)
{
    struct answer part = {.kind = ANSWER_PART, .body = blob_of(text, strlen(text))};
    buf_clear(frame);
    exchange_frame_begin(frame, EXCHANGE_ANSWER, number, count);
    carry_answer(&part, frame);
    answer_close(&part);
}

static void answers_that_overtake_each_other_are_put_in_order(void **unused)
{
    (void)unused;
    struct seat *a = &scene.a;
    struct buf frame;
    struct error err;
    static const struct {
        uint64_t count;
        const char *text;
    } parts[] = {{3, "three "}, {4, "four"}, {2, "two "}, {1, "one "}};
    buf_init(&frame, 1 << 20);
    begin_stream(SANDBOX_DOWNLOAD);
    uint64_t number = a->exchanges.last_number;
    for (size_t i = 0; i < COUNT(parts); i++) {
        assert_string_equal(buf_str(&a->body), "");
        put_part(&frame, number, parts[i].count, parts[i].text);
        assert_int_equal(exchanges_frame(&a->exchanges, 2, buf_slice(&frame), &err), 0);
    }
    assert_string_equal(buf_str(&a->body), "one two three four");
    put_part(&frame, number, 6, "six");
    assert_int_equal(exchanges_frame(&a->exchanges, 2, buf_slice(&frame), &err), 0);
    assert_int_equal(exchanges_frame(&a->exchanges, 2, buf_slice(&frame), &err), -1); /* twice */
    put_part(&frame, number, 4, "four");
    assert_int_equal(exchanges_frame(&a->exchanges, 2, buf_slice(&frame), &err), -1); /* again */
    put_part(&frame, number, 5, "");
    assert_int_equal(exchanges_frame(&a->exchanges, 33, buf_slice(&frame), &err), -1); /* who? */
    buf_close(&frame);
}

static void more_than_there_is_credit_for_cuts_the_exchange(void **unused)
{
    (void)unused;
    struct seat *a = &scene.a, *b = &scene.b;
    struct buf frame;
    struct error err;
    char *text = mem_zalloc(EXCHANGE_WINDOW + PART + 2);
    buf_init(&frame, 1 << 20);
    memset(text, 'x', EXCHANGE_WINDOW + PART + 1);
    begin_stream(SANDBOX_DOWNLOAD);
    put_part(&frame, a->exchanges.last_number, 1, text);
    assert_int_equal(exchanges_frame(&a->exchanges, 2, buf_slice(&frame), &err), -1);
    assert_int_equal(a->aborts, 1);
    UNTIL(b->goners == 1);
    buf_close(&frame);
    mem_free(text);
}

/* What came too early is held, and counts as well. */
static void no_more_is_held_than_there_is_credit_for(void **unused)
{
    (void)unused;
    struct seat *a = &scene.a, *b = &scene.b;
    struct buf frame;
    struct error err;
    char *text = mem_zalloc(PART + 1);
    int rc = 0;
    buf_init(&frame, 1 << 20);
    memset(text, 'x', PART);
    begin_stream(SANDBOX_DOWNLOAD);
    for (uint64_t i = 0; i <= EXCHANGE_WINDOW / PART + 1 && rc == 0; i++) {
        assert_int_equal(a->aborts, 0);
        put_part(&frame, a->exchanges.last_number, 2 + i, text);
        rc = exchanges_frame(&a->exchanges, 2, buf_slice(&frame), &err);
    }
    assert_int_equal(rc, -1);
    assert_int_equal(a->aborts, 1);
    UNTIL(b->goners == 1);
    buf_close(&frame);
    mem_free(text);
}

/* The client left before its question had arrived, or saying so was lost with a connection. */
static void an_answer_to_nothing_is_told_to_be_gone(void **unused)
{
    (void)unused;
    struct seat *a = &scene.a, *b = &scene.b;
    struct buf frame;
    struct error err;
    begin_stream(SANDBOX_FOLLOW);
    buf_init(&frame, 4096);
    exchange_frame_begin(&frame, EXCHANGE_SANDBOX, a->exchanges.last_number + 1, 0);
    exchange_frame_sandbox(&frame, b->question);
    assert_int_equal(exchanges_frame(&b->exchanges, 1, buf_slice(&frame), &err), 0);
    assert_int_equal(exchanges_frame(&b->exchanges, 1, buf_slice(&frame), &err), -1); /* twice */
    struct answer head = answer_head(b->asked, 200, "text/plain", ANSWER_LENGTH_UNKNOWN);
    exchanges_answer(&b->exchanges, &head);
    UNTIL(b->goners == 1);
    assert_int_equal(a->answers, 1);
    buf_close(&frame);
}

/* It was started anew and nobody noticed: it knows nothing of what it was asked. */
static void who_has_begun_anew_has_forgotten_what_it_was_asked(void **unused)
{
    (void)unused;
    struct seat *a = &scene.a, *b = &scene.b;
    struct buf frame;
    struct error err;
    buf_init(&frame, 4096);
    begin_stream(SANDBOX_FOLLOW);
    exchange_frame_begin(&frame, EXCHANGE_BEGUN, b->exchanges.begun, 0);
    assert_int_equal(exchanges_frame(&a->exchanges, 2, buf_slice(&frame), &err), 0);
    assert_int_equal(a->aborts, 0);
    buf_clear(&frame);
    exchange_frame_begin(&frame, EXCHANGE_BEGUN, b->exchanges.begun + 1, 0);
    assert_int_equal(exchanges_frame(&a->exchanges, 2, buf_slice(&frame), &err), 0);
    assert_int_equal(a->aborts, 1);
    buf_close(&frame);
}

static void nothing_was_asked_where_nothing_was_started(void **unused)
{
    (void)unused;
    struct exchanges none = {0};
    struct answer late = answer_end((struct exchange_id){1});
    assert_false(exchanges_credit(&none, (struct exchange_id){1}, 5));
    assert_false(exchanges_gone(&none, (struct exchange_id){1}));
    exchanges_answer(&none, &late);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_file_is_read_at_the_node_that_has_it),
        CASE(a_long_answer_comes_as_its_client_takes_it),
        CASE(a_slow_client_slows_the_reader_of_the_file),
        CASE(a_client_that_leaves_ends_it_on_the_other_side),
        CASE(a_node_that_goes_ends_what_it_was_asked),
        CASE(a_node_that_asked_and_goes_is_no_client_any_more),
        CASE(a_node_without_an_address_is_named),
        CASE(who_is_never_reached_is_given_up),
        CASE(what_the_connection_does_not_take_waits_for_room),
        CASE(more_than_a_node_may_ask_is_refused),
        CASE(a_request_is_answered_by_another_node),
        CASE(what_a_node_does_not_take_is_not_sent),
        CASE(what_only_nodes_may_ask_for_themselves_is_not_carried),
        CASE(answers_that_overtake_each_other_are_put_in_order),
        CASE(no_more_is_held_than_there_is_credit_for),
        CASE(more_than_there_is_credit_for_cuts_the_exchange),
        CASE(an_answer_to_nothing_is_told_to_be_gone),
        CASE(who_has_begun_anew_has_forgotten_what_it_was_asked),
        cmocka_unit_test(nothing_was_asked_where_nothing_was_started),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
