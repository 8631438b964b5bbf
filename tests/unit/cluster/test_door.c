/* Both sides of joining in one process: a door behind a peer port, joiners that dial it, and a
 * cluster that says what the case wants. Frames of nodes come without a connection. */
#include "authority.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/str.h"
#include "cluster/door.h"
#include "cluster/joiner.h"
#include "cluster/peers.h"
#include "support/tmp.h"

#define PATIENCE_MS 10000
#define LIFE (7 * DAY)
#define HOST "127.83.9.1"
#define LEVEL 2

static struct scene {
    char data[TMP_PATH_SIZE];
    struct loop loop;
    struct rng rng;
    uv_timer_t patience;
    struct identity identity;
    struct peers peers;
    struct door *door;
    bool peers_stopped, door_stopped;
    /* the cluster */
    bool silent;
    int status;
    const char *answer;
    struct buf asked; /* path and body of what was asked */
    uint64_t key;
    unsigned asks, signs, refusals, keys;
    struct error refusal;
    struct certificate signed_for;
    /* its nodes, and what they were replied */
    bool knows_node;
    struct door_node node;
    struct buf reply;
    int64_t replied;
    /* who joins */
    struct joiner joiner;
    struct token token;
    struct key *joining_key;
    struct buf request, got;
    bool done;
    struct error why;
} s;

static struct wall wall(struct clock *c)
{
    (void)c;
    return NOW;
}

static void on_patience_over(uv_timer_t *timer)
{
    (void)timer;
    fail_msg("waited too long");
}

#define UNTIL(condition)                                               \
    do {                                                               \
        uv_timer_start(&s.patience, on_patience_over, PATIENCE_MS, 0); \
        while (!(condition))                                           \
            uv_run(&s.loop.uv, UV_RUN_ONCE);                           \
        uv_timer_stop(&s.patience);                                    \
    } while (0)

/* ---- the cluster */

static void ask(struct door *d, uint64_t key, const char *path, struct slice body,
                const char *remote)
{
    assert_true(*remote != '\0');
    buf_clear(&s.asked);
    buf_printf(&s.asked, "%s %.*s", path, (int)body.len, body.p);
    s.key = key;
    s.asks++;
    if (!s.silent)
        door_answer(d, key, s.status, slice_of(s.answer));
}

static void reply(struct door *d, int64_t id, struct slice frame)
{
    assert_ptr_equal(door_data(d), &s);
    assert_int_equal(frame.p[0], 'J');
    buf_clear(&s.reply);
    buf_put(&s.reply, frame.p + 1, frame.len - 1);
    s.replied = id;
}

static bool node(struct door *d, int64_t id, struct door_node *out)
{
    (void)d;
    (void)id;
    *out = s.node;
    return s.knows_node;
}

static void masters(struct door *d, struct buf *out)
{
    (void)d;
    buf_puts(out, "10.0.0.1:5055, 10.0.0.2:5055");
}

static void on_done(struct door *d, const char *who, const struct certificate *signed_for,
                    const struct error *err)
{
    (void)d;
    assert_true(*who != '\0');
    if (err != NULL) {
        s.refusals++;
        s.refusal = *err;
    } else if (signed_for != NULL) {
        s.signs++;
        s.signed_for = *signed_for;
    } else {
        s.keys++;
    }
}

static const struct door_events door_events = {
    .ask = ask, .reply = reply, .node = node, .masters = masters, .on_done = on_done};

/* ---- the port */

static void on_stranger(struct peers *p, struct stream *stream)
{
    (void)p;
    door_stranger(s.door, stream);
}

static void on_trouble(struct peers *p, int64_t id, const struct error *err)
{
    (void)p;
    (void)id;
    (void)err;
}

static const struct peers_events peers_events = {.on_stranger = on_stranger,
                                                 .on_trouble = on_trouble};

static void on_peers_stopped(struct peers *p)
{
    (void)p;
    s.peers_stopped = true;
}

static void on_door_stopped(void *data)
{
    assert_ptr_equal(data, &s);
    s.door_stopped = true;
}

#define MEMBERS                                                                              \
    "{\"cluster\":\"" CLUSTER "\",\"members\":[{\"id\":42,\"modes\":5,\"address\":\"10.0.0." \
    "2:5055\"}]}"

static void fill_token(void)
{
    s.token = (struct token){.modes = MODES_ALL, .id = 77};
    ca_fingerprint(s.identity.ca, s.token.ca);
    memset(s.token.secret, 0x5a, sizeof s.token.secret);
}

static int begin(void **unused)
{
    const struct certificate first = {.id = 42,
                                      .store = 43,
                                      .serial = 7,
                                      .modes = MODE_MASTER | MODE_AGENT,
                                      .n = 1,
                                      .hosts = {HOST}};
    struct error err;
    (void)unused;
    memset(&s, 0, sizeof s);
    tmp_make(s.data);
    assert_int_equal(loop_init(&s.loop, &err), 0);
    s.loop.clock.wall = wall;
    uv_timer_init(&s.loop.uv, &s.patience);
    rng_seed(&s.rng, 5);
    buf_init(&s.asked, 1 << 20);
    buf_init(&s.reply, 1 << 20);
    buf_init(&s.request, 1 << 20);
    buf_init(&s.got, 1 << 20);
    assert_int_equal(identity_found(s.data, CLUSTER, &first, NOW, LIFE, &err), 0);
    assert_int_equal(identity_open(s.data, 42, 43, &s.identity, &err), 0);
    assert_int_equal(key_make(&s.joining_key, &err), 0);
    key_request(s.joining_key, &s.request);
    fill_token();
    s.status = 200;
    s.answer = MEMBERS;
    const struct door_config door = {
        .loop = &s.loop, .rng = &s.rng, .identity = &s.identity, .level = LEVEL, .life_ms = LIFE};
    s.door = door_new(&door, &door_events, &s);
    const struct peers_config peers = {
        .loop = &s.loop, .rng = &s.rng, .self = 42, .address = HOST, .tls = s.identity.tls};
    assert_int_equal(peers_start(&s.peers, &peers, &peers_events, &err), 0);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    if (s.door != NULL)
        door_stop(s.door, on_door_stopped);
    peers_stop(&s.peers, on_peers_stopped);
    uv_close((uv_handle_t *)&s.patience, NULL);
    loop_run(&s.loop);
    assert_true(s.peers_stopped && s.door_stopped);
    loop_close(&s.loop);
    identity_close(&s.identity);
    key_free(s.joining_key);
    buf_close(&s.asked);
    buf_close(&s.reply);
    buf_close(&s.request);
    buf_close(&s.got);
    tmp_remove(s.data);
    return 0;
}

/* The same node with no key of the CA. */
static void lose_ca_key(void)
{
    struct buf pem;
    struct error err;
    buf_init(&pem, 65536);
    ca_write(s.identity.ca, &pem);
    ca_free(s.identity.ca);
    assert_int_equal(ca_read(buf_slice(&pem), (struct slice){NULL, 0}, &s.identity.ca, &err), 0);
    buf_close(&pem);
}

/* ---- who joins */

static void on_joined(struct joiner *j, struct slice answer, const struct error *err)
{
    assert_ptr_equal(j->data, &s);
    buf_clear(&s.got);
    buf_put_slice(&s.got, answer);
    s.why = err != NULL ? *err : (struct error){0};
    s.done = true;
}

static struct join_request asking(void)
{
    struct join_request r = {.ask = JOIN_NEW,
                             .request = buf_str(&s.request),
                             .token = s.token.id,
                             .id = 51,
                             .store = 52,
                             .name = "deck-3",
                             .version = "0.1.0",
                             .address = "10.0.0.3:5055",
                             .modes = MODE_AGENT,
                             .level = LEVEL};
    memcpy(r.secret, s.token.secret, sizeof r.secret);
    return r;
}

static void start_joining(const struct join_request *r)
{
    struct address to = {.host = HOST, .port = s.peers.port};
    struct error err;
    s.done = false;
    s.joiner.data = &s;
    assert_int_equal(joiner_start(&s.joiner, &s.loop, &to, &s.token, r, on_joined, &err), 0);
    assert_false(s.done);
}

static void join(const struct join_request *r)
{
    start_joining(r);
    UNTIL(s.done);
}

/* What the answer says, as who asked reads it. */
static void refused(struct slice text, const char *why)
{
    struct join_answer a;
    struct json *root;
    struct error err;
    assert_int_equal(join_answer_parse(text, &root, &a, &err), -1);
    if (strstr(err.text, why) == NULL)
        fail_msg("got %s, need %s", err.text, why);
    assert_int_equal(s.signs, 0);
    assert_int_equal(s.refusals, 1);
    s.refusals = 0;
}

/* ---- joining */

static void a_node_that_was_invited_gets_its_certificate(void **unused)
{
    struct join_request r = asking();
    struct join_answer a;
    struct json *root;
    struct error err;
    char wanted[400], hash[2 * SHA256_SIZE + 1], known_by[2 * SHA256_SIZE + 1];
    uint8_t hashed[SHA256_SIZE];
    (void)unused;
    join(&r);
    assert_int_equal(s.why.code, ERR_NONE);
    assert_int_equal(join_answer_parse(buf_slice(&s.got), &root, &a, &err), 0);
    assert_int_equal(identity_check_answer(&a, s.token.ca, s.joining_key, 51, 52, NOW, &err), 0);
    assert_int_equal(a.n, 1);
    assert_string_equal(a.members[0].address, "10.0.0.2:5055");
    assert_int_equal(a.until.ms, NOW.ms + LIFE);
    assert_int_equal(s.signs, 1);
    assert_int_equal(s.signed_for.modes, MODE_AGENT);
    assert_string_equal(s.signed_for.hosts[0], "10.0.0.3");
    token_hash(s.token.id, s.token.secret, hashed);
    hex_encode(hash, hashed, SHA256_SIZE);
    key_hash(s.joining_key, hashed);
    hex_encode(known_by, hashed, SHA256_SIZE);
    snprintf(wanted, sizeof wanted,
             "/api/peer/join {\"id\":51,\"store\":52,\"name\":\"deck-3\",\"address\":"
             "\"10.0.0.3:5055\",\"modes\":4,\"serial\":%lld,\"until\":%lld,\"token\":77,"
             "\"hash\":\"%s\",\"key\":\"%s\"}",
             (long long)s.signed_for.serial, (long long)a.until.ms, hash, known_by);
    assert_string_equal(buf_str(&s.asked), wanted);
    json_free(root);
}

/* Else it could be known by a key that nobody has shown. */
static void who_has_not_the_key_is_refused_before_the_cluster_is_asked(void **unused)
{
    struct join_request r = asking();
    char forged[4096];
    (void)unused;
    snprintf(forged, sizeof forged, "%s", r.request);
    char *last = strrchr(forged, '=') != NULL ? strchr(forged, '=') : strstr(forged, "\n-----END");
    last[-6] = last[-6] == 'A' ? 'B' : 'A'; /* in its signature */
    r.request = forged;
    join(&r);
    refused(buf_slice(&s.got), "request: ");
    assert_int_equal(s.asked.len, 0);
}

static void what_the_cluster_refuses_is_refused_in_its_words(void **unused)
{
    struct join_request r = asking();
    (void)unused;
    s.status = 422;
    s.answer = "{\"error\":{\"code\":\"ERR_INVALID\",\"message\":\"token: 0000004d was revoked\"}}";
    join(&r);
    refused(buf_slice(&s.got), "the cluster refused: token: 0000004d was revoked");
    assert_int_equal(s.refusal.code, ERR_INVALID);
    s.status = 503;
    s.answer = "{\"message\":\"too many requests are waiting: try again\"}";
    join(&r);
    refused(buf_slice(&s.got), "too many requests are waiting");
    assert_int_equal(s.refusal.code, ERR_UNAVAILABLE);
    s.status = 500;
    s.answer = "";
    join(&r);
    refused(buf_slice(&s.got), "the cluster answered 500");
}

static void a_state_of_another_cluster_signs_nothing(void **unused)
{
    struct join_request r = asking();
    (void)unused;
    s.answer = "{\"cluster\":\"" OTHER_CLUSTER "\",\"members\":[]}";
    join(&r);
    refused(buf_slice(&s.got), "CA: is that of cluster " CLUSTER);
}

static void another_clusters_ca_hears_no_secret(void **unused)
{
    struct join_request r = asking();
    (void)unused;
    s.token.ca[3] ^= 1;
    join(&r);
    assert_int_equal(s.got.len, 0);
    assert_true(s.why.code != ERR_NONE);
    assert_non_null(strstr(s.why.text, "cluster"));
    assert_int_equal(s.asks, 0);
}

static void who_cannot_be_admitted_here_is_told_where(void **unused)
{
    struct join_request r = asking();
    (void)unused;
    lose_ca_key();
    join(&r);
    refused(buf_slice(&s.got), "this master has not got the CA's key yet: try again");
    s.identity.facts.modes = MODE_SCHEDULER;
    join(&r);
    refused(buf_slice(&s.got), "only a master can: ask 10.0.0.1:5055, 10.0.0.2:5055");
    assert_int_equal(s.asks, 0);
}

static void a_build_that_is_too_old_is_told_so_at_once(void **unused)
{
    struct join_request r = asking();
    (void)unused;
    r.level = LEVEL - 1;
    join(&r);
    refused(buf_slice(&s.got), "level: the cluster's state is at level 2");
    r.level = LEVEL;
    r.ask = JOIN_RENEW;
    join(&r);
    refused(buf_slice(&s.got), "without a certificate one can only join");
    assert_int_equal(s.asks, 0);
}

static void a_door_that_stops_hangs_up(void **unused)
{
    struct join_request r = asking();
    (void)unused;
    s.silent = true;
    start_joining(&r);
    UNTIL(s.asks == 1);
    door_stop(s.door, on_door_stopped);
    s.door = NULL;
    UNTIL(s.done && s.door_stopped);
    assert_int_equal(s.why.code, ERR_UNCERTAIN);
}

static void who_asks_a_port_where_nobody_listens_is_told(void **unused)
{
    struct join_request r = asking();
    struct address nowhere = {.host = HOST, .port = 1};
    struct error err;
    (void)unused;
    s.joiner.data = &s;
    assert_int_equal(joiner_start(&s.joiner, &s.loop, &nowhere, &s.token, &r, on_joined, &err), 0);
    UNTIL(s.done);
    assert_int_equal(s.why.code, ERR_UNAVAILABLE);
}

/* ---- what strangers say that are none of ours */

struct talker {
    struct dial dial;
    struct stream *stream;
    struct buf text;
    bool ends, ended, closed;
    uv_buf_t out;
};

static void on_talker_read(struct stream *stream, struct slice data)
{
    struct talker *t = stream->data;
    buf_put_slice(&t->text, data);
}

static void on_talker_end(struct stream *stream, const struct error *err)
{
    struct talker *t = stream->data;
    (void)err;
    t->ended = true;
}

static void on_talker_written(struct stream *stream, const struct error *err)
{
    struct talker *t = stream->data;
    if (err == NULL && t->ends)
        stream_end(stream);
}

static const struct stream_events talker_events = {
    .on_read = on_talker_read, .on_end = on_talker_end, .on_written = on_talker_written};

static void on_talker_dialled(struct dial *d, struct stream *stream, const struct error *err)
{
    struct talker *t = d->data;
    assert_null(err);
    t->stream = stream;
    stream->data = t;
    stream->events = &talker_events;
    stream_read(stream, true);
    if (t->out.len > 0)
        assert_int_equal(stream_write(stream, &t->out, 1), 0);
    else if (t->ends)
        stream_end(stream);
}

static void on_talker_closed(struct stream *stream)
{
    ((struct talker *)stream->data)->closed = true;
}

static void talker_start(struct talker *t, const char *text, size_t len, bool ends)
{
    struct error err;
    struct tls *tls = tls_new(&(struct tls_config){.ca_hash = s.token.ca}, &err);
    memset(t, 0, sizeof *t);
    buf_init(&t->text, 1 << 20);
    t->out = uv_buf_init((char *)(uintptr_t)text, (unsigned)len);
    t->ends = ends;
    t->dial.data = t;
    assert_int_equal(dial_tls(&t->dial, &s.loop, HOST, s.peers.port, tls, on_talker_dialled, &err),
                     0);
    tls_unref(tls);
}

static void talker_end(struct talker *t)
{
    stream_close(t->stream, on_talker_closed);
    UNTIL(t->closed);
    buf_close(&t->text);
}

static void talks(const char *text, size_t len, bool ends, const char *why)
{
    struct talker t;
    talker_start(&t, text, len, ends);
    UNTIL(t.ended);
    assert_true(t.text.len > 1 && t.text.data[t.text.len - 1] == '\n');
    t.text.len--;
    refused(buf_slice(&t.text), why);
    talker_end(&t);
}

static void who_has_left_meanwhile_harms_nobody(void **unused)
{
    struct join_request r = asking();
    struct talker t;
    struct buf line;
    (void)unused;
    buf_init(&line, 1 << 20);
    join_request_write(&r, &line);
    buf_putc(&line, '\n');
    s.silent = true;
    talker_start(&t, line.data, line.len, false);
    UNTIL(s.asks == 1);
    uint64_t first = s.key;
    talker_end(&t);
    door_answer(s.door, first, 200, slice_of(MEMBERS));
    assert_int_equal(s.signs, 1);
    door_answer(s.door, first, 200, slice_of(MEMBERS)); /* a key that is not known any more */
    door_answer(s.door, 999, 200, slice_of(MEMBERS));
    assert_int_equal(s.signs, 1);
    s.silent = false;
    join(&r); /* it asks again, with the same id */
    assert_int_equal(s.why.code, ERR_NONE);
    assert_int_equal(s.signs, 2);
    buf_close(&line);
}

static void nonsense_is_answered_by_a_sentence(void **unused)
{
    static char much[LIMIT_JOIN_BYTES + 10];
    (void)unused;
    talks("hello\n", 6, false, "join request: line 1, column 1");
    talks("\n", 1, false, "join request");
    talks("{\"m\":\"join\",\"v\":7}\n", 19, false, "speaks version 7 of joining");
    talks("{\"m\":", 5, true, "it ended in its middle");
    talks("", 0, true, "it ended in its middle");
    memset(much, 'x', sizeof much);
    talks(much, sizeof much, false, "need at most");
    assert_int_equal(s.asks, 0);
}

static void many_at_once_are_bounded(void **unused)
{
    static struct talker crowd[LIMIT_JOINS], late;
    (void)unused;
    for (size_t i = 0; i < LIMIT_JOINS; i++) {
        talker_start(&crowd[i], "{", 1, false);
        UNTIL(crowd[i].stream != NULL);
    }
    talker_start(&late, "{", 1, false);
    UNTIL(late.text.len > 0 && late.text.data[late.text.len - 1] == '\n');
    assert_non_null(strstr(buf_str(&late.text), "64 nodes are joining here already"));
    s.refusals = 0;
    talker_end(&late);
    for (size_t i = 0; i < LIMIT_JOINS; i++)
        talker_end(&crowd[i]);
    struct join_request r = asking();
    do /* the door hears of their end a little later */
        join(&r);
    while (s.signs == 0);
}

/* ---- what nodes say */

static void frame(int64_t id, enum join_ask what)
{
    const struct join_request r = {.ask = what, .request = buf_str(&s.request)};
    struct buf text;
    buf_init(&text, 1 << 20);
    join_request_write(&r, &text);
    door_frame(s.door, id, buf_slice(&text));
    buf_close(&text);
}

static void a_node_gets_its_next_certificate(void **unused)
{
    struct join_answer a;
    struct json *root;
    struct error err;
    char wanted[300], known_by[2 * SHA256_SIZE + 1];
    uint8_t hash[SHA256_SIZE];
    (void)unused;
    s.knows_node = true;
    s.node = (struct door_node){.store = 52, .modes = MODE_AGENT, .address = "[fd00::3]:5055"};
    s.answer = "{}";
    frame(51, JOIN_RENEW);
    assert_int_equal(s.replied, 51);
    assert_int_equal(join_answer_parse(buf_slice(&s.reply), &root, &a, &err), 0);
    assert_int_equal(identity_check_answer(&a, s.token.ca, s.joining_key, 51, 52, NOW, &err), 0);
    assert_string_equal(s.signed_for.hosts[0], "fd00::3");
    key_hash(s.joining_key, hash);
    hex_encode(known_by, hash, SHA256_SIZE);
    snprintf(wanted, sizeof wanted,
             "/api/peer/renew {\"id\":51,\"store\":52,\"serial\":%lld,\"until\":%lld,"
             "\"key\":\"%s\"}",
             (long long)s.signed_for.serial, (long long)(NOW.ms + LIFE), known_by);
    assert_string_equal(buf_str(&s.asked), wanted);
    json_free(root);
}

static void a_node_that_is_none_of_ours_gets_none(void **unused)
{
    (void)unused;
    frame(51, JOIN_RENEW);
    refused(buf_slice(&s.reply), "node 51 is not known here yet");
    s.knows_node = true;
    s.node = (struct door_node){.store = 52, .modes = MODE_AGENT, .address = "10.0.0.3:5055"};
    s.status = 409;
    s.answer = "{\"error\":{\"message\":\"node 51 was replaced\"}}";
    frame(51, JOIN_RENEW);
    refused(buf_slice(&s.reply), "node 51 was replaced");
    door_frame(s.door, 51, SLICE("hunter2"));
    refused(buf_slice(&s.reply), "join request: line 1");
    lose_ca_key();
    frame(51, JOIN_RENEW);
    refused(buf_slice(&s.reply), "has not got the CA's key yet");
}

static void the_cas_key_is_for_masters(void **unused)
{
    struct join_answer a;
    struct json *root;
    struct error err;
    struct buf key;
    (void)unused;
    frame(51, JOIN_KEY);
    refused(buf_slice(&s.reply), "node 51 is not known here yet");
    s.knows_node = true;
    s.node = (struct door_node){
        .store = 52, .modes = MODE_AGENT | MODE_SCHEDULER, .address = "10.0.0.3:5055"};
    frame(51, JOIN_KEY);
    refused(buf_slice(&s.reply), "node 51 has not the mode master");
    s.node.modes = MODE_MASTER;
    frame(51, JOIN_KEY);
    assert_int_equal(s.keys, 1);
    assert_int_equal(join_answer_parse(buf_slice(&s.reply), &root, &a, &err), 0);
    buf_init(&key, 65536);
    ca_write_key(s.identity.ca, &key);
    assert_string_equal(a.key, buf_str(&key));
    buf_close(&key);
    json_free(root);
    assert_int_equal(s.asks, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_node_that_was_invited_gets_its_certificate),
        TEST(who_has_not_the_key_is_refused_before_the_cluster_is_asked),
        TEST(what_the_cluster_refuses_is_refused_in_its_words),
        TEST(a_state_of_another_cluster_signs_nothing),
        TEST(another_clusters_ca_hears_no_secret),
        TEST(who_cannot_be_admitted_here_is_told_where),
        TEST(a_build_that_is_too_old_is_told_so_at_once),
        TEST(who_has_left_meanwhile_harms_nobody),
        TEST(a_door_that_stops_hangs_up),
        TEST(who_asks_a_port_where_nobody_listens_is_told),
        TEST(nonsense_is_answered_by_a_sentence),
        TEST(many_at_once_are_bounded),
        TEST(a_node_gets_its_next_certificate),
        TEST(a_node_that_is_none_of_ours_gets_none),
        TEST(the_cas_key_is_for_masters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
