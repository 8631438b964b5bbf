/* Whom a node asks, for what, and when; what it does with answers. */
#include "authority.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "cluster/renewal.h"
#include "support/tmp.h"

#define PATIENCE_MS 10000
#define LIFE (8 * DAY)

static struct scene {
    char data[TMP_PATH_SIZE];
    struct loop loop;
    struct wall now;
    struct rng rng;
    uv_timer_t patience;
    struct identity identity;
    struct ca *ca; /* the cluster's, with its key */
    struct renewal renewal;
    bool stopped;
    int64_t masters[4];
    size_t masters_n;
    struct buf asked;
    int64_t whom[16];
    unsigned asks, renewals, keys, troubles;
    struct error trouble;
} s;

static struct wall wall(struct clock *c)
{
    (void)c;
    return s.now;
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

static size_t masters(struct renewal *r, int64_t ids_out[LIMIT_SERVERS])
{
    (void)r;
    memcpy(ids_out, s.masters, s.masters_n * sizeof s.masters[0]);
    return s.masters_n;
}

static void on_send(struct renewal *r, int64_t id, struct slice frame)
{
    (void)r;
    assert_int_equal(frame.p[0], 'J');
    buf_clear(&s.asked);
    buf_put(&s.asked, frame.p + 1, frame.len - 1);
    s.whom[s.asks++ % COUNT(s.whom)] = id;
    uv_stop(&s.loop.uv); /* nothing but timers is on it: it would sleep until the next */
}

static void on_renewed(struct renewal *r)
{
    (void)r;
    s.renewals++;
}

static void on_key(struct renewal *r)
{
    (void)r;
    s.keys++;
}

static void on_trouble(struct renewal *r, int64_t id, const struct error *err)
{
    (void)r;
    (void)id;
    s.troubles++;
    s.trouble = *err;
}

static const struct renewal_events events = {.masters = masters,
                                             .send = on_send,
                                             .on_renewed = on_renewed,
                                             .on_key = on_key,
                                             .on_trouble = on_trouble};

static void on_stopped(struct renewal *r)
{
    (void)r;
    s.stopped = true;
}

/* ---- the scene: node 42, admitted by the CA, whose key it has not */

static void admitted(unsigned modes)
{
    struct certificate facts = {
        .id = 42, .store = 43, .serial = 7, .modes = modes, .n = 1, .hosts = {"10.0.0.2"}};
    struct buf request, pem, ca;
    struct key *key;
    struct error err;
    buf_init(&request, 65536);
    buf_init(&pem, 65536);
    buf_init(&ca, 65536);
    assert_int_equal(key_make(&key, &err), 0);
    key_request(key, &request);
    facts.until = ca_until(s.ca, NOW, LIFE);
    assert_int_equal(ca_sign(s.ca, buf_slice(&request), &facts, NOW, &pem, &err), 0);
    ca_write(s.ca, &ca);
    const struct join_answer a = {
        .certificate = buf_str(&pem), .ca = buf_str(&ca), .cluster = CLUSTER, .id = 42};
    assert_int_equal(identity_write(s.data, key, &a, &err), 0);
    assert_int_equal(identity_open(s.data, 42, 43, &s.identity, &err), 0);
    key_free(key);
    buf_close(&request);
    buf_close(&pem);
    buf_close(&ca);
}

static int begin(void **unused)
{
    struct error err;
    (void)unused;
    memset(&s, 0, sizeof s);
    tmp_make(s.data);
    s.now = NOW;
    s.ca = authority(CLUSTER);
    assert_int_equal(loop_init(&s.loop, &err), 0);
    s.loop.clock.wall = wall;
    uv_timer_init(&s.loop.uv, &s.patience);
    rng_seed(&s.rng, 5);
    buf_init(&s.asked, 1 << 20);
    s.masters[0] = 1;
    s.masters[1] = 2;
    s.masters_n = 2;
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    renewal_stop(&s.renewal, on_stopped);
    uv_close((uv_handle_t *)&s.patience, NULL);
    loop_run(&s.loop);
    assert_true(s.stopped);
    loop_close(&s.loop);
    identity_close(&s.identity);
    ca_free(s.ca);
    buf_close(&s.asked);
    tmp_remove(s.data);
    return 0;
}

static void start(unsigned modes)
{
    admitted(modes);
    renewal_start(&s.renewal, &s.loop, &s.rng, &s.identity, &events);
}

/* ---- what masters answer */

static void give_certificate(int64_t from, int64_t id)
{
    struct certificate facts = {
        .id = id, .store = 43, .serial = 8, .modes = MODE_AGENT, .n = 1, .hosts = {"10.0.0.2"}};
    struct join_request r;
    struct json *root;
    struct buf pem, ca, text;
    struct error err;
    buf_init(&pem, 65536);
    buf_init(&ca, 65536);
    buf_init(&text, 1 << 20);
    assert_int_equal(join_request_parse(buf_slice(&s.asked), &root, &r, &err), 0);
    assert_int_equal(r.ask, JOIN_RENEW);
    facts.until = ca_until(s.ca, s.now, LIFE);
    assert_int_equal(ca_sign(s.ca, slice_of(r.request), &facts, s.now, &pem, &err), 0);
    ca_write(s.ca, &ca);
    struct join_answer a = {.certificate = buf_str(&pem),
                            .ca = buf_str(&ca),
                            .cluster = CLUSTER,
                            .id = id,
                            .until = facts.until,
                            .n = 1};
    a.members[0] = (struct join_member){.id = 1, .modes = MODE_MASTER, .address = "10.0.0.1:5055"};
    join_answer_write(&a, &text);
    renewal_frame(&s.renewal, from, buf_slice(&text));
    json_free(root);
    buf_close(&pem);
    buf_close(&ca);
    buf_close(&text);
}

static void refuse(int64_t from)
{
    struct buf text;
    struct error why;
    buf_init(&text, 1 << 20);
    error_set(&why, ERR_UNAVAILABLE, "no leader");
    join_refusal_write(&why, &text);
    renewal_frame(&s.renewal, from, buf_slice(&text));
    buf_close(&text);
}

static void give_key(int64_t from, const struct ca *ca)
{
    struct buf key, text;
    buf_init(&key, 65536);
    buf_init(&text, 1 << 20);
    ca_write_key(ca, &key);
    join_key_write(buf_slice(&key), &text);
    renewal_frame(&s.renewal, from, buf_slice(&text));
    buf_close(&key);
    buf_close(&text);
}

static void half_of_its_life_is_over(void)
{
    s.now.ms += LIFE / 2;
    renewal_look(&s.renewal);
}

static int64_t last_asked(void)
{
    return s.whom[(s.asks - 1) % COUNT(s.whom)];
}

/* ---- */

static void a_fresh_certificate_is_left_alone(void **unused)
{
    (void)unused;
    start(MODE_AGENT);
    for (int i = 0; i < 10; i++)
        uv_run(&s.loop.uv, UV_RUN_NOWAIT);
    assert_int_equal(s.asks, 0);
}

static void at_half_of_its_life_it_is_renewed(void **unused)
{
    (void)unused;
    start(MODE_AGENT);
    half_of_its_life_is_over();
    UNTIL(s.asks == 1);
    give_certificate(last_asked(), 42);
    assert_int_equal(s.renewals, 1);
    assert_int_equal(s.identity.facts.serial, 8);
    assert_int_equal(s.identity.facts.until.ms, s.now.ms + LIFE);
    for (int i = 0; i < 10; i++)
        uv_run(&s.loop.uv, UV_RUN_NOWAIT);
    assert_int_equal(s.asks, 1);
}

static void who_was_refused_asks_another_master(void **unused)
{
    (void)unused;
    start(MODE_AGENT);
    half_of_its_life_is_over();
    UNTIL(s.asks == 1);
    int64_t first = last_asked();
    refuse(first);
    assert_int_equal(s.troubles, 1);
    assert_string_equal(s.trouble.text, "the cluster refused: no leader");
    UNTIL(s.asks == 2);
    assert_int_equal(first + last_asked(), 3);
    give_certificate(first, 42); /* it comes too late */
    assert_int_equal(s.renewals, 0);
    give_certificate(last_asked(), 42);
    assert_int_equal(s.renewals, 1);
}

static void what_is_not_ours_is_not_taken(void **unused)
{
    (void)unused;
    start(MODE_AGENT);
    half_of_its_life_is_over();
    UNTIL(s.asks == 1);
    give_certificate(last_asked(), 41);
    assert_int_equal(s.troubles, 1);
    UNTIL(s.asks == 2);
    give_key(last_asked(), s.ca); /* was not asked for */
    assert_int_equal(s.troubles, 2);
    assert_false(ca_can_sign(s.identity.ca));
    UNTIL(s.asks == 3);
    renewal_frame(&s.renewal, last_asked(), SLICE("hunter2"));
    assert_int_equal(s.troubles, 3);
    assert_int_equal(s.identity.facts.serial, 7);
}

static void who_knows_no_master_waits_for_one(void **unused)
{
    (void)unused;
    s.masters_n = 0;
    start(MODE_AGENT);
    half_of_its_life_is_over();
    for (int i = 0; i < 10; i++)
        uv_run(&s.loop.uv, UV_RUN_NOWAIT);
    assert_int_equal(s.asks, 0);
    s.masters_n = 1;
    renewal_look(&s.renewal);
    UNTIL(s.asks == 1);
    assert_int_equal(last_asked(), 1);
}

static void a_master_asks_for_the_cas_key_until_it_has_it(void **unused)
{
    struct ca *other = authority(CLUSTER);
    (void)unused;
    start(MODE_MASTER);
    UNTIL(s.asks == 1);
    assert_string_equal(buf_str(&s.asked), "{\"m\":\"key\",\"v\":1}");
    give_key(last_asked(), other);
    assert_int_equal(s.troubles, 1);
    UNTIL(s.asks == 2);
    give_key(last_asked(), s.ca);
    assert_int_equal(s.keys, 1);
    assert_true(ca_can_sign(s.identity.ca));
    half_of_its_life_is_over();
    UNTIL(s.asks == 3);
    assert_int_equal(last_asked(), 42); /* itself */
    ca_free(other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_fresh_certificate_is_left_alone),
        TEST(at_half_of_its_life_it_is_renewed),
        TEST(who_was_refused_asks_another_master),
        TEST(what_is_not_ours_is_not_taken),
        TEST(who_knows_no_master_waits_for_one),
        TEST(a_master_asks_for_the_cas_key_until_it_has_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
