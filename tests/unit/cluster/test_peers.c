/* Several nodes in one process, each at an address of its own, and one that says what it likes. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "cluster/line.h"
#include "cluster/peers.h"
#include "support/ca.h"

#define PATIENCE_MS 10000
#define SEATS 102

struct seat {
    struct peers peers;
    int64_t id;
    struct address address;
    struct identity identity;
    struct tls *tls;
    bool runs, stopped, unwelcoming, forgets, stops;
    struct buf texts; /* of the frames, one behind the other */
    struct buf refusal;
    int refused_by; /* id, as its certificate says */
    size_t frames, bytes;
    size_t before; /* frames before the newest text */
    unsigned ups, downs, rooms, troubles;
    enum peers_end how;
    struct error why, trouble;
};

static struct scene {
    struct loop loop;
    uv_timer_t patience;
    struct rng rng;
    struct ca ca;
    struct seat seats[SEATS];
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

/* ---- the owner */
static bool welcome(struct peers *p, int64_t id, const struct tls_peer *who, struct error *err)
{
    struct seat *s = p->data;
    assert_non_null(who);
    if (!s->unwelcoming)
        return true;
    error_set(err, ERR_INVALID, "node %lld was never admitted", (long long)id);
    return false;
}

static void on_stopped(struct peers *p)
{
    ((struct seat *)p->data)->stopped = true;
}

static void on_up(struct peers *p, int64_t id)
{
    struct seat *s = p->data;
    assert_true(peers_connected(p, id));
    s->ups++;
    if (s->stops)
        peers_stop(p, on_stopped);
}

static void on_frame(struct peers *p, int64_t id, struct slice frame)
{
    struct seat *s = p->data;
    if (frame.len < 100) {
        buf_put_slice(&s->texts, frame);
        s->before = s->frames;
    }
    s->frames++;
    s->bytes += frame.len;
    if (s->forgets)
        peers_forget(p, id);
}

static void on_down(struct peers *p, int64_t id, enum peers_end how, const struct error *err)
{
    struct seat *s = p->data;
    assert_false(peers_connected(p, id));
    s->downs++;
    s->how = how;
    s->why = *err;
}

static void on_room(struct peers *p, int64_t id)
{
    (void)id;
    ((struct seat *)p->data)->rooms++;
}

static void on_trouble(struct peers *p, int64_t id, const struct error *err)
{
    struct seat *s = p->data;
    (void)id;
    s->troubles++;
    s->trouble = *err;
}

static void on_refused(struct peers *p, int64_t id, const struct tls_peer *who, struct slice why)
{
    struct seat *s = p->data;
    (void)id;
    s->refused_by = atoi(who->name);
    buf_clear(&s->refusal);
    buf_put_slice(&s->refusal, why);
}

static const struct peers_events events = {.welcome = welcome,
                                           .on_up = on_up,
                                           .on_frame = on_frame,
                                           .on_down = on_down,
                                           .on_room = on_room,
                                           .on_refused = on_refused,
                                           .on_trouble = on_trouble};

/* ---- the scene */
static struct wall ca_wall(struct clock *c)
{
    (void)c;
    return (struct wall){CA_NOW_MS};
}

static struct tls *tls_of(const struct identity *id)
{
    struct error err;
    struct tls *t = tls_new(&(struct tls_config){.ca = slice_of(scene.ca.pem),
                                                 .certificate = slice_of(id->certificate),
                                                 .key = slice_of(id->key)},
                            &err);
    if (t == NULL)
        fail_msg("%s", err.text);
    return t;
}

static void seat_identity(struct seat *s)
{
    char name[24];
    tls_unref(s->tls);
    identity_end(&s->identity);
    snprintf(name, sizeof(name), "%lld", (long long)s->id);
    s->identity = ca_issue(&scene.ca, name, "master");
    s->tls = tls_of(&s->identity);
}

static void seat_start(struct seat *s, uint16_t port)
{
    struct error err;
    struct peers_config config = {.loop = &scene.loop,
                                  .rng = &scene.rng,
                                  .self = s->id,
                                  .address = s->address.host,
                                  .port = port,
                                  .tls = s->tls};
    s->peers.data = s;
    if (peers_start(&s->peers, &config, &events, &err) != 0)
        fail_msg("%s", err.text);
    s->address.port = s->peers.port;
    s->runs = true;
    s->stopped = false;
}

static struct seat *node(int64_t id)
{
    struct seat *s = &scene.seats[id];
    if (s->runs)
        return s;
    s->id = id;
    snprintf(s->address.host, sizeof(s->address.host), "127.83.7.%d", (int)id);
    buf_init(&s->texts, 1 << 20);
    buf_init(&s->refusal, 2048);
    seat_identity(s);
    seat_start(s, 0);
    return s;
}

static void seat_stop(struct seat *s)
{
    peers_stop(&s->peers, on_stopped);
    assert_false(s->stopped);
}

static int begin(void **unused)
{
    struct error err;
    (void)unused;
    memset(&scene, 0, sizeof(scene));
    assert_int_equal(loop_init(&scene.loop, &err), 0);
    scene.loop.clock.wall = ca_wall;
    uv_timer_init(&scene.loop.uv, &scene.patience);
    rng_seed(&scene.rng, 11);
    ca_begin(&scene.ca, "ours");
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < SEATS; i++)
        if (scene.seats[i].runs && scene.seats[i].peers.stopped == NULL)
            seat_stop(&scene.seats[i]);
    uv_close((uv_handle_t *)&scene.patience, NULL);
    loop_run(&scene.loop);
    for (size_t i = 0; i < SEATS; i++) {
        struct seat *s = &scene.seats[i];
        assert_int_equal(s->stopped, s->runs);
        tls_unref(s->tls);
        identity_end(&s->identity);
        buf_close(&s->texts);
        buf_close(&s->refusal);
    }
    loop_close(&scene.loop);
    ca_end(&scene.ca);
    return 0;
}

static void knows(struct seat *a, struct seat *b)
{
    peers_know(&a->peers, b->id, &b->address);
}

static int try_say(struct seat *a, int64_t to, const char *text, struct error *err)
{
    return peers_send(&a->peers, to, PEERS_URGENT, slice_of(text), PEERS_KEEP, err);
}

static void say(struct seat *a, struct seat *b, const char *text)
{
    struct error err;
    if (try_say(a, b->id, text, &err) != 0)
        fail_msg("%s", err.text);
}

static bool heard(const struct seat *s, const char *text)
{
    return str_eq(buf_str(&s->texts), text);
}

static void connect_both(struct seat *a, struct seat *b)
{
    knows(a, b);
    say(a, b, "x");
    UNTIL(b->frames == 1 && a->ups == 1);
    buf_clear(&b->texts);
}

static size_t lines_of(const struct seat *s)
{
    size_t n = 0;
    LIST_EACH (item, &s->peers.lines)
        n++;
    return n;
}

static struct line *line_of(const struct seat *s)
{
    return LIST_ENTRY(s->peers.lines.next, struct line, list);
}

/* ---- one that says what it likes */
struct rogue {
    struct dial dial;
    struct stream *stream;
    struct tls *tls;
    struct identity identity;
    struct buf got;
    bool ended, closed;
};

static void on_rogue_read(struct stream *s, struct slice data)
{
    buf_put_slice(&((struct rogue *)s->data)->got, data);
}

static void on_rogue_end(struct stream *s, const struct error *err)
{
    (void)err;
    ((struct rogue *)s->data)->ended = true;
}

static void on_rogue_closed(struct stream *s)
{
    ((struct rogue *)s->data)->closed = true;
}

static const struct stream_events rogue_events = {.on_read = on_rogue_read, .on_end = on_rogue_end};

static void on_rogue_dialled(struct dial *d, struct stream *s, const struct error *err)
{
    struct rogue *r = d->data;
    if (s == NULL)
        fail_msg("%s", err->text);
    r->stream = s;
    s->data = r;
    s->events = &rogue_events;
    stream_read(s, true);
}

static void rogue_say(struct rogue *r, const void *bytes, size_t n)
{
    uv_buf_t b = uv_buf_init((char *)bytes, (unsigned)n);
    assert_int_equal(stream_try_write(r->stream, &b, 1), n);
}

static void rogue_say_kind(struct rogue *r, enum wire_kind kind)
{
    struct wire_head head = wire_head(kind, 0);
    rogue_say(r, head.bytes, sizeof(head.bytes));
}

static void rogue_begin(struct rogue *r, const char *name, struct seat *to)
{
    struct error err;
    *r = (struct rogue){.dial.data = r, .identity = ca_issue(&scene.ca, name, "agent")};
    buf_init(&r->got, 1 << 20);
    r->tls = tls_of(&r->identity);
    assert_int_equal(dial_tls(&r->dial, &scene.loop, to->address.host, to->address.port, r->tls,
                              on_rogue_dialled, &err),
                     0);
    UNTIL(r->stream != NULL);
}

static void rogue_end(struct rogue *r)
{
    stream_close(r->stream, on_rogue_closed);
    UNTIL(r->closed);
    tls_unref(r->tls);
    identity_end(&r->identity);
    buf_close(&r->got);
}

/* ---- the stories */
static void two_speak_over_the_connection_of_one(void **unused)
{
    (void)unused;
    struct seat *a = node(1), *b = node(2);
    struct error err;
    assert_int_equal(try_say(b, 1, "?", &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    knows(a, b);
    say(a, b, "one ");
    say(a, b, "two");
    UNTIL(heard(b, "one two"));
    say(b, a, "three");
    UNTIL(heard(a, "three"));
    assert_int_equal(a->ups, 1);
    assert_int_equal(b->ups, 1);
    assert_int_equal(lines_of(a), 1);
}

static void the_largest_frame_passes_and_a_larger_one_is_refused(void **unused)
{
    (void)unused;
    struct seat *a = node(1), *b = node(2);
    struct error err;
    char *bytes = mem_zalloc(LIMIT_PEER_FRAME_BYTES + 1);
    knows(a, b);
    assert_int_equal(peers_send(&a->peers, 2, PEERS_URGENT,
                                (struct slice){bytes, LIMIT_PEER_FRAME_BYTES + 1}, PEERS_KEEP,
                                &err),
                     -1);
    assert_int_equal(err.code, ERR_LIMIT);
    assert_int_equal(peers_send(&a->peers, 2, PEERS_URGENT,
                                (struct slice){bytes, LIMIT_PEER_FRAME_BYTES}, PEERS_KEEP, &err),
                     0);
    say(a, b, "");
    say(a, b, "end");
    UNTIL(heard(b, "end"));
    assert_int_equal(b->frames, 3);
    assert_int_equal(b->bytes, LIMIT_PEER_FRAME_BYTES + 3);
    mem_free(bytes);
}

/* Each frame comes once, none is lost, and the lower one's connection stays. */
static void both_dial_at_once(void **unused)
{
    (void)unused;
    for (int64_t round = 0; round < 20; round++) {
        struct seat *a = node(1 + 2 * round), *b = node(2 + 2 * round);
        knows(a, b);
        knows(b, a);
        for (int i = 0; i < 200; i++) {
            say(a, b, "a");
            say(b, a, "b");
            if (i > 10)
                uv_run(&scene.loop.uv, UV_RUN_NOWAIT);
        }
        UNTIL(a->frames >= 200 && b->frames >= 200);
        UNTIL(lines_of(a) == 1 && lines_of(b) == 1);
        say(a, b, "a");
        say(b, a, "b");
        UNTIL(a->frames >= 201 && b->frames >= 201);
        assert_int_equal(a->frames + b->frames, 402);
        assert_int_equal(a->ups + b->ups, 2);
        assert_int_equal(a->downs + b->downs, 0);
        assert_true(line_of(a)->dialled);
        assert_false(line_of(b)->dialled);
    }
}

static void a_goodbye_is_told_and_the_node_found_again(void **unused)
{
    (void)unused;
    struct seat *a = node(1), *b = node(2);
    connect_both(a, b);
    say(b, a, "last words");
    seat_stop(b);
    UNTIL(b->stopped && a->downs == 1);
    assert_true(heard(a, "last words"));
    assert_int_equal(a->how, PEERS_BYE);
    say(a, b, "again");
    UNTIL(a->troubles == 1); /* nobody there */
    seat_start(b, b->address.port);
    UNTIL(heard(b, "again"));
    assert_int_equal(a->ups, 2);
    assert_int_equal(a->troubles, 1);
}

static void what_waits_leaves_before_the_goodbye(void **unused)
{
    (void)unused;
    struct seat *a = node(1), *b = node(2);
    struct error err;
    char *bytes = mem_zalloc(1 << 20);
    connect_both(a, b);
    for (int i = 0; i < 4; i++)
        assert_int_equal(peers_send(&a->peers, 2, PEERS_URGENT, (struct slice){bytes, 1 << 20},
                                    PEERS_KEEP, &err),
                         0);
    for (int i = 0; i < 200; i++)
        say(a, b, "x");
    seat_stop(a);
    UNTIL(a->stopped && b->downs == 1);
    assert_int_equal(b->frames, 205);
    assert_int_equal(b->how, PEERS_BYE);
    mem_free(bytes);
}

static void a_frame_cut_in_the_middle_is_none(void **unused)
{
    (void)unused;
    struct seat *a = node(5);
    struct rogue r;
    struct wire_head head = wire_head(WIRE_DATA, 100);
    rogue_begin(&r, "7", a);
    rogue_say_kind(&r, WIRE_WELCOME);
    UNTIL(a->ups == 1);
    rogue_say(&r, head.bytes, sizeof(head.bytes));
    rogue_say(&r, "half", 4);
    rogue_end(&r);
    UNTIL(a->downs == 1);
    assert_int_equal(a->how, PEERS_CLOSED);
    assert_int_equal(a->frames, 0);
}

static void nonsense_ends_the_connection(void **unused)
{
    (void)unused;
    static const struct {
        struct wire_head head;
        const char *why;
    } cases[] = {
        {{{'G', 'E', 'T', ' ', '/'}},
         "it sent a frame of kind 47, which this version does not know"},
        {{{0, 0, 0, 0, WIRE_DATA}}, "it sent a frame of 0 bytes, need at least 1"},
        {{{0, 0x7f, (char)0xff, (char)0xff, 99}},
         "it sent a frame of kind 99, which this version does not know"},
        {{{1, (char)0x80, 0, 2, WIRE_DATA}},
         "it sent a frame of 25165825 bytes, need at most 25165824"},
        {{{(char)0xff, (char)0xff, (char)0xff, (char)0xff, WIRE_DATA}},
         "it sent a frame of 4294967294 bytes, need at most 25165824"},
        {{{0, 0, 0, 2, WIRE_BEAT}}, "it sent a frame of 1 bytes, need at most 0"},
    };
    struct seat *a = node(5);
    for (unsigned i = 0; i < COUNT(cases); i++) {
        struct rogue r;
        rogue_begin(&r, "7", a);
        rogue_say_kind(&r, WIRE_WELCOME);
        rogue_say(&r, cases[i].head.bytes, WIRE_HEAD);
        UNTIL(a->downs == i + 1 && r.ended);
        assert_string_equal(a->why.text, cases[i].why);
        assert_non_null(memmem(r.got.data, r.got.len, a->why.text, strlen(a->why.text)));
        assert_int_equal(a->how, PEERS_CLOSED);
        rogue_end(&r);
    }
    assert_int_equal(a->frames, 0);
}

/* Who dials sees whom it has reached; until it says so nothing is sent and nothing counts. */
static void nothing_is_taken_before_the_welcome(void **unused)
{
    (void)unused;
    struct seat *a = node(5);
    struct rogue r;
    struct wire_head head = wire_head(WIRE_DATA, 4);
    rogue_begin(&r, "7", a);
    rogue_say(&r, head.bytes, sizeof(head.bytes));
    rogue_say(&r, "frog", 4);
    UNTIL(r.got.len > 0);
    rogue_end(&r);
    UNTIL(lines_of(a) == 0);
    assert_int_equal(a->frames + a->ups + a->downs, 0);
}

/* Beats keep up a connection over which nothing else is said. */
static void a_silent_node_is_gone_and_a_quiet_one_is_not(void **unused)
{
    (void)unused;
    struct seat *a = node(1), *b = node(2);
    struct rogue r;
    connect_both(a, b);
    rogue_begin(&r, "7", a);
    rogue_say_kind(&r, WIRE_WELCOME);
    UNTIL(a->downs == 1);
    assert_int_equal(a->how, PEERS_SILENT);
    assert_true(r.got.len >= 3 * WIRE_HEAD); /* its welcome, its beats */
    assert_true(peers_connected(&a->peers, 2));
    assert_int_equal(a->ups, 2);
    assert_int_equal(b->downs, 0);
    rogue_end(&r);
}

/* A process that was stopped for a while must not take everybody for dead. */
static void after_a_standstill_of_our_own_nobody_is_gone(void **unused)
{
    (void)unused;
    struct seat *a = node(5);
    struct rogue r;
    uint64_t still = 10 * LIMIT_PEER_SILENT_MS;
    rogue_begin(&r, "7", a);
    rogue_say_kind(&r, WIRE_WELCOME);
    UNTIL(a->ups == 1);
    struct line *l = line_of(a);
    uint64_t due = l->due - still;
    l->heard -= still; /* as if all had happened so much earlier */
    l->due = due;
    UNTIL(l->due != due || a->downs > 0);
    assert_int_equal(a->downs, 0);
    l->heard -= still; /* and now nobody stood still */
    UNTIL(a->downs == 1);
    assert_int_equal(a->how, PEERS_SILENT);
    rogue_end(&r);
}

static void a_slow_reader_holds_up_only_its_own_queue(void **unused)
{
    (void)unused;
    struct seat *a = node(1), *b = node(2), *c = node(3);
    struct error err;
    size_t sent = 0, size = 1 << 20;
    char *bytes = mem_zalloc(size);
    connect_both(a, b);
    connect_both(c, a);
    peers_read(&b->peers, 1, false);
    while (peers_send(&a->peers, 2, PEERS_URGENT, (struct slice){bytes, size}, PEERS_KEEP, &err) ==
           0) {
        sent++;
        uv_run(&scene.loop.uv, UV_RUN_NOWAIT);
    }
    assert_int_equal(err.code, ERR_LIMIT);
    assert_in_range(sent, 16, 200);
    say(a, c, "you?");
    UNTIL(heard(c, "you?"));
    assert_int_equal(b->frames, 1);
    assert_int_equal(a->rooms, 0);
    peers_read(&b->peers, 1, true);
    UNTIL(b->frames == sent + 1 && a->rooms == 1);
    mem_free(bytes);
}

/* Nothing of it waits for the system then, so no end of a write tells. */
static void who_filled_the_queue_hears_of_room_though_all_leaves_at_once(void **unused)
{
    (void)unused;
    struct seat *a = node(1), *b = node(2);
    struct error err;
    connect_both(a, b);
    size_t sent = 0, before = b->frames;
    while (peers_send(&a->peers, 2, PEERS_URGENT, SLICE("."), PEERS_KEEP, &err) == 0)
        sent++;
    assert_int_equal(sent, LIMIT_PEER_QUEUE);
    assert_int_equal(a->rooms, 0);
    UNTIL(b->frames == before + sent && a->rooms == 1);
}

/* As a heartbeat must, which comes while files and states are under way. */
static void what_is_urgent_overtakes_all_that_is_bulky(void **unused)
{
    (void)unused;
    struct seat *a = node(1), *b = node(2);
    struct error err;
    size_t sent = 0, size = 128 << 10;
    struct slice piece = {mem_zalloc(size), size};
    connect_both(a, b);
    peers_read(&b->peers, 1, false);
    while (peers_send(&a->peers, 2, PEERS_BULK, piece, PEERS_KEEP, &err) == 0) {
        sent++;
        uv_run(&scene.loop.uv, UV_RUN_NOWAIT);
    }
    assert_int_equal(err.code, ERR_LIMIT);
    size_t waits = LIMIT_PEER_QUEUE_BYTES / (size + WIRE_HEAD);
    say(a, b, "beat"); /* in a lane that is not full */
    peers_read(&b->peers, 1, true);
    UNTIL(heard(b, "beat"));
    assert_in_range(b->before, 1, 1 + sent - waits);
    UNTIL(b->frames == 1 + sent + 1 && a->rooms == 1);
    mem_free((char *)piece.p);
}

static void what_is_bulky_does_not_stand_still(void **unused)
{
    (void)unused;
    struct seat *a = node(1), *b = node(2);
    struct error err;
    char expected[256];
    knows(a, b);
    for (int i = 0; i < 3; i++)
        assert_int_equal(peers_send(&a->peers, 2, PEERS_BULK, SLICE("B"), PEERS_KEEP, &err), 0);
    for (int i = 0; i < 3 * LIMIT_PEER_WRITE; i++)
        say(a, b, "u");
    UNTIL(b->frames == 3 * LIMIT_PEER_WRITE + 3);
    memset(expected, 'u', sizeof(expected));
    for (int i = 1; i <= 3; i++)
        expected[i * LIMIT_PEER_WRITE - 1] = 'B';
    expected[3 * LIMIT_PEER_WRITE + 3] = '\0';
    assert_string_equal(buf_str(&b->texts), expected);
}

static void the_oldest_that_may_be_dropped_go_first(void **unused)
{
    (void)unused;
    struct seat *a = node(1), *b = node(2);
    struct error err;
    char text[16];
    knows(a, b);
    say(a, b, "kept ");
    for (int i = 0; i < LIMIT_PEER_QUEUE + 10; i++) {
        snprintf(text, sizeof(text), "%d ", i);
        assert_int_equal(
            peers_send(&a->peers, 2, PEERS_URGENT, slice_of(text), PEERS_MAY_DROP, &err), 0);
    }
    UNTIL(b->frames == LIMIT_PEER_QUEUE);
    assert_true(str_starts(buf_str(&b->texts), "kept 11 12 "));
}

static void what_may_be_dropped_does_not_wait_for_the_dead(void **unused)
{
    (void)unused;
    struct seat *a = node(1), *b = node(2);
    struct error err;
    seat_stop(b);
    UNTIL(b->stopped);
    knows(a, b);
    assert_int_equal(peers_send(&a->peers, 2, PEERS_URGENT, SLICE("stale "), PEERS_MAY_DROP, &err),
                     0);
    say(a, b, "kept");
    UNTIL(a->troubles == 1);
    seat_start(b, b->address.port);
    UNTIL(b->frames == 1);
    assert_true(heard(b, "kept"));
}

static void who_is_not_welcome_is_told_why(void **unused)
{
    (void)unused;
    struct seat *a = node(1), *b = node(2);
    b->unwelcoming = true;
    knows(a, b);
    say(a, b, "let me in");
    UNTIL(a->troubles == 1 && b->troubles > 0);
    assert_string_equal(b->trouble.text, "node 1 was never admitted");
    assert_string_equal(a->trouble.text, "it refused us: \"node 1 was never admitted\"");
    assert_int_equal(a->refused_by, 2);
    assert_string_equal(buf_str(&a->refusal), "node 1 was never admitted");
    assert_int_equal(b->refused_by, 0);
    assert_int_equal(a->ups + b->ups, 0);
    b->unwelcoming = false; /* it was admitted meanwhile: nothing that is kept was lost */
    UNTIL(heard(b, "let me in"));
}

static void ones_own_id_is_a_mistake(void **unused)
{
    (void)unused;
    struct seat *a = node(5);
    struct rogue r;
    peers_know(&a->peers, 6, &a->address); /* an address of its own */
    say(a, &(struct seat){.id = 6}, "me?");
    UNTIL(a->troubles >= 1);
    assert_non_null(strstr(a->trouble.text, "node 5, which is this node itself"));
    peers_forget(&a->peers, 6);
    rogue_begin(&r, "5", a);
    UNTIL(r.ended);
    assert_non_null(memmem(r.got.data, r.got.len, "this node itself", 16));
    rogue_end(&r);
    rogue_begin(&r, "frog", a);
    UNTIL(r.ended);
    assert_non_null(memmem(r.got.data, r.got.len, "does not name a node", 20));
    rogue_end(&r);
    assert_int_equal(a->ups, 0);
}

static void the_wrong_node_at_an_address_is_left_alone(void **unused)
{
    (void)unused;
    struct seat *a = node(1), *b = node(2);
    connect_both(a, b);
    peers_know(&a->peers, 9, &b->address);
    say(a, &(struct seat){.id = 9}, "you?");
    UNTIL(a->troubles == 1);
    assert_non_null(strstr(a->trouble.text, "node 2 answers there"));
    say(a, b, "still here");
    UNTIL(heard(b, "still here"));
    assert_int_equal(a->downs + b->downs, 0);
    assert_int_equal(b->ups, 1);
}

/* The higher one has lost the connection, of which the lower one heard nothing. */
static void a_dial_that_lost_is_there_when_the_other_connection_was_dead(void **unused)
{
    (void)unused;
    struct seat *a = node(1), *b = node(2);
    connect_both(a, b);
    struct line *dead = line_of(a);
    stream_read(dead->stream, false);
    peers_forget(&b->peers, 1);
    knows(b, a);
    say(b, a, "new");
    UNTIL(heard(a, "new"));
    assert_true(dead->state == LINE_OPEN && line_of(a) == dead);
    say(a, b, "lost on its way");
    UNTIL(line_of(a) != dead);
    say(a, b, "arrived");
    UNTIL(heard(b, "arrived"));
    assert_int_equal(a->downs + b->downs, 0);
    assert_int_equal(a->ups, 1);
}

static bool shows(const struct seat *at, const struct line *was)
{
    return lines_of(at) == 1 && line_of(at) != was && peers_connected(&at->peers, 3 - at->id);
}

/* Whoever renews, who dialled dials again; nothing is lost and nobody was gone. */
static void a_renewed_certificate_replaces_the_connection(void **unused)
{
    (void)unused;
    struct seat *a = node(1), *b = node(2);
    connect_both(a, b);
    for (int i = 0; i < 2; i++) {
        struct seat *renews = i == 0 ? a : b;
        struct line *at_a = line_of(a), *at_b = line_of(b);
        size_t sent = 1;
        b->frames = 1;
        seat_identity(renews);
        peers_use(&renews->peers, renews->tls);
        while (!shows(a, at_a) || !shows(b, at_b)) {
            say(a, b, ".");
            sent++;
            uv_run(&scene.loop.uv, UV_RUN_ONCE);
        }
        UNTIL(b->frames == sent);
        at_a = line_of(a);
        for (; sent < 100; sent++) { /* once is enough */
            say(a, b, ".");
            UNTIL(b->frames == sent + 1);
            assert_ptr_equal(line_of(a), at_a);
        }
        assert_int_equal(a->downs + b->downs, 0);
        assert_int_equal(a->ups + b->ups, 2);
    }
}

static void a_hundred_nodes_each_with_one(void **unused)
{
    (void)unused;
    struct seat *a = node(101);
    for (int64_t id = 1; id <= 100; id++) {
        knows(a, node(id));
        knows(node(id), a);
        say(node(id), a, "n");
        say(a, node(id), "m");
    }
    UNTIL(a->frames == 100);
    for (int64_t id = 1; id <= 100; id++)
        UNTIL(heard(node(id), "m") && lines_of(node(id)) == 1);
    UNTIL(lines_of(a) == 100);
    assert_int_equal(a->ups, 100);
    assert_int_equal(a->downs, 0);
}

static void forgetting_says_goodbye(void **unused)
{
    (void)unused;
    struct seat *a = node(1), *b = node(2);
    struct error err;
    connect_both(a, b);
    peers_forget(&a->peers, 2);
    assert_int_equal(try_say(a, 2, "?", &err), -1);
    UNTIL(b->downs == 1 && lines_of(a) == 0);
    assert_int_equal(b->how, PEERS_BYE);
    assert_int_equal(a->downs, 0);
}

static void an_owner_may_end_it_from_inside(void **unused)
{
    (void)unused;
    struct seat *a = node(1), *b = node(2), *c = node(3);
    b->forgets = true;
    c->stops = true;
    knows(a, b);
    knows(a, c);
    say(a, b, "one");
    say(a, b, "two");
    say(a, c, "three");
    UNTIL(a->downs == 2 && c->stopped);
    assert_int_equal(b->frames, 1);
    assert_int_equal(b->downs + c->downs + c->frames, 0);
}

static void after_its_last_word_a_connection_is_not_taken_up(void **unused)
{
    (void)unused;
    struct seat *a = node(5);
    struct rogue r;
    rogue_begin(&r, "7", a);
    rogue_say_kind(&r, WIRE_MOVED);
    rogue_say_kind(&r, WIRE_WELCOME);
    UNTIL(r.ended);
    rogue_end(&r);
    UNTIL(lines_of(a) == 0);
    assert_int_equal(a->ups, 0);
}

static void on_mute(struct listener *l, struct stream *s)
{
    *(struct stream **)l->data = s;
}

static bool mute_stopped;

static void on_mute_stopped(struct listener *l)
{
    (void)l;
    mute_stopped = true;
}

static void stopping_while_dialling(void **unused)
{
    (void)unused;
    struct seat *a = node(1), *b = node(2);
    struct stream *held = NULL;
    struct listener mute = {.data = &held};
    struct error err;
    assert_int_equal(listener_start(&mute, &scene.loop, "127.83.8.1", 0, on_mute, &err), 0);
    struct address where = {.host = "127.83.8.1", .port = mute.port};
    peers_know(&a->peers, 9, &where); /* in the middle of a handshake */
    say(a, &(struct seat){.id = 9}, "hello");
    UNTIL(held != NULL);
    knows(a, b); /* just begun */
    say(a, b, "hello");
    uv_run(&scene.loop.uv, UV_RUN_NOWAIT);
    uint64_t began = uv_now(&scene.loop.uv);
    seat_stop(a);
    assert_int_equal(try_say(a, 2, "?", &err), -1);
    assert_int_equal(err.code, ERR_CANCELED);
    UNTIL(a->stopped);
    assert_in_range(uv_now(&scene.loop.uv) - began, 0, LIMIT_HANDSHAKE_MS / 2);
    stream_close(held, NULL);
    mute_stopped = false;
    listener_stop(&mute, on_mute_stopped);
    UNTIL(mute_stopped);
}

static void stopping_at_every_step(void **unused)
{
    (void)unused;
    for (int steps = 0; steps < 30; steps++) {
        struct seat *a = node(1 + 2 * steps), *b = node(2 + 2 * steps);
        knows(a, b);
        knows(b, a);
        say(a, b, "a");
        say(b, a, "b");
        for (int i = 0; i < steps; i++)
            uv_run(&scene.loop.uv, UV_RUN_NOWAIT);
        seat_stop(a);
        UNTIL(a->stopped);
        seat_stop(b);
        UNTIL(b->stopped);
    }
}

static void a_reader_that_never_reads_does_not_hold_up_the_end(void **unused)
{
    (void)unused;
    struct seat *a = node(1), *b = node(2);
    struct error err;
    char *bytes = mem_zalloc(1 << 20);
    connect_both(a, b);
    peers_read(&b->peers, 1, false);
    while (peers_send(&a->peers, 2, PEERS_URGENT, (struct slice){bytes, 1 << 20}, PEERS_KEEP,
                      &err) == 0)
        uv_run(&scene.loop.uv, UV_RUN_NOWAIT);
    seat_stop(a);
    UNTIL(a->stopped);
    mem_free(bytes);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(two_speak_over_the_connection_of_one),
        TEST(the_largest_frame_passes_and_a_larger_one_is_refused),
        TEST(both_dial_at_once),
        TEST(a_goodbye_is_told_and_the_node_found_again),
        TEST(what_waits_leaves_before_the_goodbye),
        TEST(a_frame_cut_in_the_middle_is_none),
        TEST(nonsense_ends_the_connection),
        TEST(nothing_is_taken_before_the_welcome),
        TEST(a_silent_node_is_gone_and_a_quiet_one_is_not),
        TEST(after_a_standstill_of_our_own_nobody_is_gone),
        TEST(a_slow_reader_holds_up_only_its_own_queue),
        TEST(who_filled_the_queue_hears_of_room_though_all_leaves_at_once),
        TEST(what_is_urgent_overtakes_all_that_is_bulky),
        TEST(what_is_bulky_does_not_stand_still),
        TEST(the_oldest_that_may_be_dropped_go_first),
        TEST(what_may_be_dropped_does_not_wait_for_the_dead),
        TEST(who_is_not_welcome_is_told_why),
        TEST(ones_own_id_is_a_mistake),
        TEST(the_wrong_node_at_an_address_is_left_alone),
        TEST(a_dial_that_lost_is_there_when_the_other_connection_was_dead),
        TEST(a_renewed_certificate_replaces_the_connection),
        TEST(a_hundred_nodes_each_with_one),
        TEST(forgetting_says_goodbye),
        TEST(an_owner_may_end_it_from_inside),
        TEST(after_its_last_word_a_connection_is_not_taken_up),
        TEST(stopping_while_dialling),
        TEST(stopping_at_every_step),
        TEST(a_reader_that_never_reads_does_not_hold_up_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
