/* What passes once both sides are in: much, both ways, slowly; the end, and the cut. */
#include "tls_unit.h"

#define MUCH (20 << 20)
/* Gathering, or given to the system and not taken, in one direction of one stream. */
#define WAITS_MAX (2 * LIMIT_TLS_AHEAD_BYTES)

static struct secure *secure_of(const struct peer *p)
{
    return LIST_ENTRY(p->stream, struct secure, stream);
}

static void send_begin(struct peer *p, const struct buf *b)
{
    p->sending = mem_dup(b->data, b->len);
    uv_buf_t v = uv_buf_init(p->sending, (unsigned)b->len);
    assert_int_equal(stream_write(p->stream, &v, 1), 0);
}

static void check_memory(const struct peer *p)
{
    const struct secure *s = secure_of(p);
    assert_in_range(s->out.len, 0, WAITS_MAX);
    assert_in_range(s->sending.len, 0, WAITS_MAX);
    assert_in_range(s->kept.len, 0, 65536);
}

static void both_sides_end_in_their_own_time(void **unused)
{
    (void)unused;
    struct peer p;
    site_listen(site.server, &members_only);
    struct peer *other = meet(&p, site.listener.port, site.client);
    peer_say(&p, "question");
    stream_end(p.stream);
    UNTIL(&site.world, other->ended);
    assert_false(other->broken);
    assert_string_equal(buf_str(&other->got), "question");
    assert_false(p.ended);
    struct buf much = many_bytes(MUCH); /* the other half goes on for long */
    send_begin(other, &much);
    UNTIL(&site.world, other->sending == NULL);
    stream_end(other->stream);
    UNTIL(&site.world, p.ended);
    assert_false(p.broken);
    assert_true(has_many_bytes(&p.got, MUCH));
    buf_close(&much);
    peer_end(&p);
    peer_end(other);
    site_stop();
}

static void much_passes_both_ways_and_who_does_not_read_holds_it_back(void **unused)
{
    (void)unused;
    struct peer p;
    struct buf much = many_bytes(MUCH);
    site_listen(site.server, &members_only);
    struct peer *other = meet(&p, site.listener.port, site.client);
    stream_read(p.stream, false);
    stream_read(other->stream, false);
    send_begin(&p, &much);
    send_begin(other, &much);
    size_t before = SIZE_MAX, now = 0;
    for (int quiet = 0; quiet < 100; quiet++) { /* until the system's buffers are full */
        uv_run(&site.world.loop.uv, UV_RUN_NOWAIT);
        now = secure_of(&p)->pending.at_byte + secure_of(other)->pending.at_byte;
        quiet = now != before ? 0 : quiet;
        before = now;
        check_memory(&p);
        check_memory(other);
    }
    assert_non_null(p.sending);
    assert_non_null(other->sending);
    assert_int_equal(p.got.len + other->got.len, 0);
    for (unsigned turn = 0; p.got.len < MUCH || other->got.len < MUCH; turn++) {
        stream_read(p.stream, turn % 3 != 0); /* off and on, with something kept */
        stream_read(other->stream, turn % 5 != 0);
        uv_run(&site.world.loop.uv, UV_RUN_NOWAIT);
        check_memory(&p);
        check_memory(other);
    }
    assert_true(has_many_bytes(&p.got, MUCH));
    assert_true(has_many_bytes(&other->got, MUCH));
    UNTIL(&site.world, p.sending == NULL && other->sending == NULL);
    assert_null(secure_of(&p)->out.data); /* an idle stream keeps nothing */
    assert_null(secure_of(&p)->sending.data);
    assert_null(secure_of(&p)->kept.data);
    buf_close(&much);
    peer_end(&p);
    peer_end(other);
    site_stop();
}

/* Who reads a little at a time, and says so from inside on_read. */
static void on_sip(struct stream *s, struct slice data)
{
    struct peer *p = s->data;
    peer_on_read(s, data);
    stream_read(s, false);
    if (p->got.len % 3 == 0) { /* no, go on */
        stream_read(s, true);
        stream_read(s, false);
        stream_read(s, true);
    }
}

static const struct stream_events sips = {
    .on_read = on_sip, .on_end = peer_on_end, .on_written = peer_on_written};

static void who_stops_reading_in_the_middle_goes_on_where_he_was(void **unused)
{
    (void)unused;
    struct peer p;
    struct buf much = many_bytes(MUCH / 4);
    bool kept = false;
    site_listen(site.server, &members_only);
    struct peer *other = meet(&p, site.listener.port, site.client);
    p.stream->events = &sips;
    send_begin(other, &much);
    while (p.got.len < much.len) {
        size_t before = p.got.len;
        stream_read(p.stream, true);
        if (p.got.len % 2 == 0)
            stream_read(p.stream, false); /* and at once not */
        stream_read(p.stream, true);
        assert_int_equal(p.got.len, before); /* never from inside */
        /* not UNTIL: once the rest has been read nothing more may happen to wait for */
        for (unsigned turns = 0; p.got.len == before; turns++) {
            assert_in_range(turns, 0, 1000000);
            uv_run(&site.world.loop.uv, UV_RUN_NOWAIT);
        }
        kept |= secure_of(&p)->kept.len > 0;
        check_memory(&p);
    }
    UNTIL(&site.world, other->sending == NULL);
    assert_true(kept);
    assert_true(has_many_bytes(&p.got, much.len));
    assert_false(p.ended);
    peer_end(other);
    stream_read(p.stream, true);
    UNTIL(&site.world, p.ended);
    assert_false(p.broken);
    buf_close(&much);
    peer_end(&p);
    site_stop();
}

static void on_read_and_leave(struct stream *s, struct slice data)
{
    struct peer *p = s->data;
    assert_int_equal(p->got.len, 0); /* none after stream_close() */
    peer_on_read(s, data);
    stream_close(s, peer_on_closed);
}

static const struct stream_events leaves = {
    .on_read = on_read_and_leave, .on_end = peer_on_end, .on_written = peer_on_written};

static void who_closes_while_reading_hears_no_more(void **unused)
{
    (void)unused;
    struct peer p;
    struct buf much = many_bytes(MUCH / 4);
    site_listen(site.server, &members_only);
    struct peer *other = meet(&p, site.listener.port, site.client);
    p.stream->events = &leaves;
    send_begin(other, &much);
    UNTIL(&site.world, p.closed && other->sending == NULL);
    assert_true(other->cut);
    assert_false(p.ended);
    buf_close(&p.got);
    peers_open--;
    buf_close(&much);
    peer_end(other);
    site_stop();
}

static void keys_change_on_the_way(void **unused)
{
    (void)unused;
    struct peer p;
    struct buf much = many_bytes(MUCH);
    site_listen(site.server, &members_only);
    struct peer *other = meet(&p, site.listener.port, site.client);
    size_t sent = 0;
    for (; sent < LIMIT_TLS_KEY_BYTES + 2 * MUCH; sent += MUCH) {
        buf_clear(&other->got);
        send_begin(&p, &much);
        UNTIL(&site.world, p.sending == NULL && other->got.len == MUCH);
        assert_true(has_many_bytes(&other->got, MUCH));
    }
    assert_in_range(secure_of(&p)->sealed, 1, sent - LIMIT_TLS_KEY_BYTES);
    peer_say(other, "thanks");
    UNTIL(&site.world, peer_has(&p, "thanks"));
    buf_close(&much);
    peer_end(&p);
    peer_end(other);
    site_stop();
}

/* In many pieces of many sizes, by try_write as far as it goes: as output.c does. */
static void pieces_arrive_as_one(void **unused)
{
    (void)unused;
    struct peer p;
    struct buf much = many_bytes(MUCH);
    size_t at = 0, tried = 0;
    site_listen(site.server, &members_only);
    struct peer *other = meet(&p, site.listener.port, site.client);
    while (at < MUCH) {
        uv_buf_t v[20];
        unsigned n = 0;
        size_t bytes = 0;
        for (; n < COUNT(v) && at + bytes < MUCH; n++) {
            size_t len = n % 7 == 6 ? 40000 : (at + n * 37) % 3000;
            if (len > MUCH - at - bytes)
                len = MUCH - at - bytes;
            v[n] = uv_buf_init(much.data + at + bytes, (unsigned)len);
            bytes += len;
        }
        int64_t taken = stream_try_write(p.stream, v, n);
        assert_true(taken >= 0 && taken <= (int64_t)bytes);
        tried += (size_t)taken;
        at += (size_t)taken;
        check_memory(&p);
        if ((size_t)taken == bytes)
            continue;
        struct buf rest = {.data = much.data + at, .len = MUCH - at < 100000 ? MUCH - at : 100000};
        send_begin(&p, &rest);
        at += rest.len;
        UNTIL(&site.world, p.sending == NULL);
    }
    assert_true(tried > 0);
    UNTIL(&site.world, other->got.len == MUCH);
    assert_true(has_many_bytes(&other->got, MUCH));
    buf_close(&much);
    peer_end(&p);
    peer_end(other);
    site_stop();
}

static void nothing_that_try_write_took_is_lost_by_closing(void **unused)
{
    (void)unused;
    struct peer p;
    struct buf much = many_bytes(MUCH);
    size_t at = 0;
    int64_t taken;
    site_listen(site.server, &members_only);
    struct peer *other = meet(&p, site.listener.port, site.client);
    stream_read(other->stream, false);
    do {
        uv_buf_t v = uv_buf_init(much.data + at, (unsigned)(MUCH - at));
        taken = stream_try_write(p.stream, &v, 1);
        assert_true(taken >= 0);
        at += (size_t)taken;
    } while (taken > 0);
    assert_in_range(at, 1, MUCH - 1);
    stream_close(p.stream, peer_on_closed);
    stream_read(other->stream, true);
    UNTIL(&site.world, p.closed && other->ended);
    assert_false(other->broken);
    assert_true(has_many_bytes(&other->got, at));
    buf_close(&much);
    buf_close(&p.got);
    peers_open--;
    peer_end(other);
    site_stop();
}

static void a_closed_stream_lingers_only_so_long(void **unused)
{
    (void)unused;
    struct peer p;
    struct buf much = many_bytes(MUCH);
    uv_buf_t v = uv_buf_init(much.data, MUCH);
    site_listen(site.server, &members_only);
    struct peer *other = meet(&p, site.listener.port, site.client);
    stream_read(other->stream, false);
    while (stream_try_write(p.stream, &v, 1) > 0)
        ;
    struct secure *s = secure_of(&p);
    stream_close(p.stream, peer_on_closed);
    assert_in_range(uv_timer_get_due_in(&s->timer), 1, LIMIT_TLS_LINGER_MS);
    uv_timer_start(&s->timer, s->timer.timer_cb, 0, 0);
    UNTIL(&site.world, p.closed);
    stream_read(other->stream, true);
    UNTIL(&site.world, other->ended);
    assert_true(other->broken);
    buf_close(&much);
    buf_close(&p.got);
    peers_open--;
    peer_end(other);
    site_stop();
}

/* ---- the cut */
static void who_closes_in_the_middle_of_a_write_has_cut_it_off(void **unused)
{
    (void)unused;
    struct peer p;
    struct buf much = many_bytes(MUCH);
    site_listen(site.server, &members_only);
    struct peer *other = meet(&p, site.listener.port, site.client);
    send_begin(&p, &much);
    UNTIL(&site.world, other->got.len > MUCH / 4);
    peer_end(&p);
    UNTIL(&site.world, other->ended);
    assert_true(other->broken);
    assert_int_equal(other->why.code, ERR_IO);
    assert_non_null(strstr(other->why.text, ": cut off: the connection ended without a word"));
    assert_true(other->got.len < MUCH);
    buf_close(&much);
    peer_end(other);
    site_stop();
}

static void a_cut_wire_is_told_to_who_reads_and_to_who_writes(void **unused)
{
    (void)unused;
    struct peer p;
    struct wire wire;
    struct buf much = many_bytes(MUCH);
    site_listen(site.server, &members_only);
    wire_begin(&wire, site.listener.port);
    struct peer *other = meet(&p, wire.listener.port, site.client);
    stream_read(p.stream, false);
    stream_read(other->stream, false);
    send_begin(&p, &much);
    send_begin(other, &much);
    UNTIL(&site.world, wire.passed[0] > 100000);
    wire_cut(&wire);
    UNTIL(&site.world, p.cut && other->cut);
    uv_buf_t v = uv_buf_init(much.data, 1);
    assert_true(stream_try_write(p.stream, &v, 1) < 0);
    assert_int_equal(stream_write(p.stream, &v, 1), -1);
    stream_end(p.stream);  /* no harm */
    assert_false(p.ended); /* nothing is told while reading is off */
    stream_read(p.stream, true);
    stream_read(other->stream, true);
    UNTIL(&site.world, p.ended && other->ended);
    assert_true(p.broken && other->broken);
    buf_close(&much);
    wire_end(&wire);
    peer_end(&p);
    peer_end(other);
    site_stop();
}

static void a_false_byte_is_noticed_on_both_sides(void **unused)
{
    (void)unused;
    struct peer p;
    struct wire wire;
    struct buf much = many_bytes(MUCH);
    site_listen(site.server, &members_only);
    wire_begin(&wire, site.listener.port);
    struct peer *other = meet(&p, wire.listener.port, site.client);
    wire.flip = wire.passed[1] + 1000000;
    send_begin(other, &much);
    UNTIL(&site.world, p.ended);
    assert_true(p.broken);
    assert_non_null(
        strstr(p.why.text, "it broke the rules of TLS: decryption failed or bad record mac"));
    assert_in_range(p.got.len, 1, 1000000);
    peer_end(&p);
    UNTIL(&site.world, other->ended);
    assert_true(other->broken);
    buf_close(&much);
    wire_end(&wire);
    peer_end(other);
    site_stop();
}

/* New keys are answered with new keys: who asks without end, and does not read, is cut. */
static void who_has_us_answer_and_does_not_read_is_cut(void **unused)
{
    (void)unused;
    struct peer p;
    struct buf much = many_bytes(MUCH);
    uv_buf_t v = uv_buf_init(much.data, 1);
    site_listen(site.server, &members_only);
    struct peer *other = meet(&p, site.listener.port, site.client);
    stream_read(p.stream, false);
    send_begin(other, &much);
    while (!other->ended) {
        SSL_key_update(secure_of(&p)->ssl, SSL_KEY_UPDATE_REQUESTED);
        if (stream_try_write(p.stream, &v, 1) < 0)
            break; /* it was cut */
        uv_run(&site.world.loop.uv, UV_RUN_NOWAIT);
        check_memory(other);
    }
    UNTIL(&site.world, other->ended);
    assert_true(other->broken);
    assert_int_equal(other->why.code, ERR_LIMIT);
    assert_non_null(strstr(other->why.text, ": it has us answer more than it reads"));
    buf_close(&much);
    peer_end(&p);
    peer_end(other);
    site_stop();
}

/* ---- renewal */
static void new_certificates_are_for_new_connections_and_old_ones_go_on(void **unused)
{
    (void)unused;
    struct peer old, fresh;
    struct buf much = many_bytes(MUCH);
    site_listen(site.server, &members_only);
    struct peer *other = meet(&old, site.listener.port, site.client);
    send_begin(&old, &much);
    send_begin(other, &much);
    UNTIL(&site.world, old.got.len > MUCH / 8 && other->got.len > MUCH / 8);

    struct identity id = ca_issue(&site.ca, "11", "master");
    struct tls *renewed = tls_from(site.ca.pem, &id);
    tls_listener_use(&site.listener, renewed);
    tls_unref(renewed); /* the listener has it */
    tls_unref(site.server);
    site.server = NULL;
    struct peer *fresh_other = meet(&fresh, site.listener.port, site.client);
    tls_unref(site.client);
    site.client = NULL;
    assert_string_equal(tls_peer(fresh.stream)->units, "master");
    assert_string_equal(tls_peer(old.stream)->units, "master,scheduler");
    assert_memory_not_equal(tls_peer(fresh.stream)->key_hash, tls_peer(old.stream)->key_hash,
                            SHA256_SIZE);
    peer_say(&fresh, "hello");
    UNTIL(&site.world, peer_has(fresh_other, "hello"));
    UNTIL(&site.world, old.got.len == MUCH && other->got.len == MUCH && old.sending == NULL &&
                           other->sending == NULL);
    assert_true(has_many_bytes(&old.got, MUCH));
    assert_true(has_many_bytes(&other->got, MUCH));
    buf_close(&much);
    identity_end(&id);
    peer_end(&old);
    peer_end(other);
    peer_end(&fresh);
    peer_end(fresh_other);
    site_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(both_sides_end_in_their_own_time),
        TEST(much_passes_both_ways_and_who_does_not_read_holds_it_back),
        TEST(who_stops_reading_in_the_middle_goes_on_where_he_was),
        TEST(who_closes_while_reading_hears_no_more),
        TEST(keys_change_on_the_way),
        TEST(pieces_arrive_as_one),
        TEST(nothing_that_try_write_took_is_lost_by_closing),
        TEST(a_closed_stream_lingers_only_so_long),
        TEST(who_closes_in_the_middle_of_a_write_has_cut_it_off),
        TEST(a_cut_wire_is_told_to_who_reads_and_to_who_writes),
        TEST(a_false_byte_is_noticed_on_both_sides),
        TEST(who_has_us_answer_and_does_not_read_is_cut),
        TEST(new_certificates_are_for_new_connections_and_old_ones_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
