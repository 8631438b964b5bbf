/* Who is let in, who is not, and what both sides are told. */
#include "tls_unit.h"

static void nodes_know_each_other_by_their_certificates(void **unused)
{
    (void)unused;
    struct peer p;
    site_listen(site.server, &members_only);
    struct peer *other = meet(&p, site.listener.port, site.client);
    assert_string_equal(tls_peer(p.stream)->name, "11");
    assert_string_equal(tls_peer(p.stream)->units, "master,scheduler");
    assert_int_equal(tls_peer(p.stream)->expires.ms, CA_NOW_MS + INT64_C(7) * CA_DAY_S * 1000);
    assert_string_equal(tls_peer(other->stream)->name, "22");
    assert_string_equal(tls_peer(other->stream)->units, "agent");
    assert_string_equal(tls_peer(other->stream)->serial, "4711");
    assert_memory_not_equal(tls_peer(p.stream)->key_hash, tls_peer(other->stream)->key_hash,
                            SHA256_SIZE);
    assert_string_equal(stream_scheme(p.stream), "https");
    assert_string_equal(other->stream->remote, "127.0.0.1");
    assert_int_equal(p.stream->remote_port, site.listener.port);
    assert_int_equal(other->stream->remote_port, p.stream->local_port);
    assert_int_equal(site.refused, 0);
    peer_end(&p);
    UNTIL(&site.world, other->ended);
    assert_false(other->broken); /* closing says that all was said */
    peer_end(other);
    site_stop();
}

/* ---- refused: what each side is told, from "ADDRESS:PORT: " on */
static const char *after_where(const struct error *err)
{
    assert_memory_equal(err->text, "127.0.0.1:", 10);
    return strstr(err->text, ": ") + 2;
}

static void check_refused(struct tls *client, const char *dialler_hears, const char *listener_hears)
{
    struct call c;
    unsigned before = site.refused;
    call_begin(&c, site.listener.port, client);
    UNTIL(&site.world, c.done && site.refused == before + 1);
    assert_null(c.stream);
    assert_string_equal(after_where(&c.err), dialler_hears);
    assert_string_equal(after_where(&site.why), listener_hears);
    assert_int_equal(site.n, 0);
}

#define OTHER_CLUSTER(name) "the certificate of \"" name "\" is of another cluster: not our CA's"
#define SAYS_OTHER_CLUSTER "it says that our certificate is of another cluster"

static void another_cluster_is_refused(void **unused)
{
    (void)unused;
    static const char *const names[] = {"theirs", "ours"}; /* a CA may have any name */
    for (size_t i = 0; i < COUNT(names); i++) {
        struct ca theirs;
        char both[8192];
        ca_begin(&theirs, names[i]);
        struct identity id = ca_issue(&theirs, "33", NULL);
        snprintf(both, sizeof(both), "%s%s", site.ca.pem, theirs.pem);
        struct tls *wary = tls_from(theirs.pem, &id), *trusting = tls_from(both, &id);
        site_listen(site.server, i == 0 ? &members_only : &strangers_too);
        check_refused(wary, OTHER_CLUSTER("11"), SAYS_OTHER_CLUSTER);
        check_refused(trusting, SAYS_OTHER_CLUSTER, OTHER_CLUSTER("33"));
        site_stop();
        tls_unref(wary);
        tls_unref(trusting);
        identity_end(&id);
        ca_end(&theirs);
    }
}

#define SAYS_CLOCKS "it says that our certificate is not valid, or not yet: compare the clocks"

static void certificates_of_another_time_are_refused_with_both_times(void **unused)
{
    (void)unused;
    static const struct {
        int from, until;
        const char *words, *other;
    } times[] = {
        {-9, -2,
         "the certificate of \"44\" was valid until 2027-01-13T08:00:00.000Z, and our clock says "
         "2027-01-15T08:00:00.000Z",
         "it says that our certificate has expired: compare the clocks"},
        {3, 9,
         "the certificate of \"44\" is valid from 2027-01-18T08:00:00.000Z, and our clock says "
         "2027-01-15T08:00:00.000Z",
         SAYS_CLOCKS},
    };
    for (size_t i = 0; i < COUNT(times); i++) {
        struct identity id =
            ca_issue_named(&site.ca, "44", -1, NULL, times[i].from, times[i].until);
        struct tls *t = tls_from(site.ca.pem, &id);
        site_listen(site.server, &members_only);
        check_refused(t, times[i].other, times[i].words);
        site_stop();
        site_listen(t, &members_only);
        check_refused(site.client, times[i].words, times[i].other);
        site_stop();
        tls_unref(t);
        identity_end(&id);
    }
}

static void names_that_do_not_fit_are_refused(void **unused)
{
    (void)unused;
    /* 32 characters of two bytes, and one more: what X.520 allows is more than we take */
    static const char wide[] = "éééééééééééééééééééééééééééééééééé";
    static const struct {
        const char *name;
        int len;
    } names[] = {{"1\0evil", 6}, {wide, sizeof(wide) - 1}};
    site_listen(site.server, &members_only);
    for (size_t i = 0; i < COUNT(names); i++) {
        struct call c;
        struct identity id = ca_issue_named(&site.ca, names[i].name, names[i].len, NULL, -1, 1);
        struct tls *t = tls_from(site.ca.pem, &id);
        call_begin(&c, site.listener.port, t);
        UNTIL(&site.world, c.done && site.refused == i + 1);
        assert_null(c.stream);
        assert_string_equal(after_where(&site.why),
                            "its certificate names it with a NUL or with more than 64 bytes");
        tls_unref(t);
        identity_end(&id);
    }
    site_stop();
}

static void who_shows_no_certificate_is_a_stranger_or_refused(void **unused)
{
    (void)unused;
    struct tls *nobody = tls_from(site.ca.pem, NULL);
    struct peer p;
    site_listen(site.server, &members_only);
    check_refused(nobody, "it wants a certificate, which a node gets by joining",
                  "it showed no certificate, which a node gets by joining");
    site_stop();

    site_listen(site.server, &strangers_too);
    struct peer *other = meet(&p, site.listener.port, nobody);
    assert_int_equal(site.strangers, 1);
    assert_string_equal(tls_peer(p.stream)->name, "11");
    peer_say(other, "welcome");
    UNTIL(&site.world, peer_has(&p, "welcome"));
    peer_end(&p);
    peer_end(other);
    struct peer *member = meet(&p, site.listener.port, site.client);
    assert_int_equal(site.strangers, 1);
    peer_end(&p);
    peer_end(member);
    site_stop();
    tls_unref(nobody);
}

static void who_joins_knows_the_ca_by_its_hash(void **unused)
{
    (void)unused;
    struct error err;
    struct peer p;
    uint8_t hash[SHA256_SIZE];
    char words[256], hex[2 * SHA256_SIZE + 1];
    assert_int_equal(tls_fingerprint(slice_of(site.ca.pem), hash, &err), 0);
    struct tls *joins = tls_new(&(struct tls_config){.ca_hash = hash}, &err);
    site_listen(site.server, &strangers_too);
    struct peer *other = meet(&p, site.listener.port, joins);
    assert_string_equal(tls_peer(p.stream)->name, "11");
    peer_end(&p);
    peer_end(other);
    tls_unref(joins);

    /* a node of the cluster is not its CA: the leaf's own hash will not do */
    assert_int_equal(tls_fingerprint(slice_of(site.listens.certificate), hash, &err), 0);
    joins = tls_new(&(struct tls_config){.ca_hash = hash}, &err);
    site.n = 0;
    uint8_t its[SHA256_SIZE];
    char its_hex[2 * SHA256_SIZE + 1];
    assert_int_equal(tls_fingerprint(slice_of(site.ca.pem), its, &err), 0);
    hex_encode(hex, hash, SHA256_SIZE);
    hex_encode(its_hex, its, SHA256_SIZE);
    snprintf(words, sizeof(words),
             "its CA has the hash %.16s…, the token is for %.16s…: another cluster's token, or "
             "another cluster's node",
             its_hex, hex);
    check_refused(joins, words, SAYS_OTHER_CLUSTER);
    tls_unref(joins);
    site_stop();
}

/* ---- who does not speak our TLS */
static void check_intruder(struct slice says, const char *hears, const char *words)
{
    struct peer p;
    unsigned before = site.refused;
    peer_begin(&p, &site.world, site.listener.port);
    peer_send(&p, says);
    UNTIL(&site.world, p.ended && site.refused == before + 1);
    assert_false(p.broken);
    assert_string_equal(after_where(&site.why), words);
    if (hears != NULL)
        assert_string_equal(buf_str(&p.got), hears);
    peer_end(&p);
    assert_int_equal(site.n, 0);
}

static struct buf first_message(int version, const char *protocol)
{
    struct buf b;
    char *bytes;
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    SSL_CTX_set_max_proto_version(ctx, version);
    SSL *ssl = SSL_new(ctx);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl, in, out);
    if (protocol != NULL)
        SSL_set_alpn_protos(ssl, (const unsigned char *)protocol, (unsigned)strlen(protocol));
    SSL_connect(ssl);
    size_t len = (size_t)BIO_get_mem_data(out, &bytes);
    buf_init(&b, len);
    buf_put(&b, bytes, len);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    return b;
}

static void who_speaks_no_tls_is_answered_in_plain_words(void **unused)
{
    (void)unused;
    site_listen(site.server, &members_only);
    check_intruder(SLICE("GET /v2/apps HTTP/1.1\r\nHost: x\r\n\r\n"),
                   "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n"
                   "Connection: close\r\n\r\nThis port is for mesolith's nodes, with TLS. The API "
                   "is at another port: see `mesolith status`.\n",
                   "plain HTTP came (\"GET /v2/apps HTTP/1.1\"), and this port is for nodes, "
                   "with TLS");
    check_intruder(SLICE("\xff"), "", "got \"\\xff\", which is no TLS");
    check_intruder(SLICE("SSH-2.0-OpenSSH_9.2p1\r\n"), "",
                   "got \"SSH-2.0-OpenSSH_9.2p1\", which is no TLS");
    check_intruder(SLICE("\x16\x02\x00\x00"), "", "got \"\\x16\\x02\\x00\\x00\", which is no TLS");
    check_intruder(SLICE("\x16\x03\x01\x00\x04zzzz"), NULL,
                   "it broke the rules of TLS: unexpected message");
    struct buf old = first_message(TLS1_2_VERSION, "\x08mesolith");
    check_intruder(buf_slice(&old), NULL, "it speaks no TLS 1.3");
    buf_close(&old);
    struct buf web = first_message(TLS1_3_VERSION, "\x02h2\x08http/1.1");
    check_intruder(buf_slice(&web), NULL, "it speaks TLS, but is no mesolith");
    buf_close(&web);
    site_stop();
}

static void who_asks_for_no_protocol_is_no_node(void **unused)
{
    (void)unused;
    SSL_CTX_set_alpn_protos(site.client->ctx, NULL, 0);
    site_listen(site.server, &members_only);
    check_refused(site.client, "it speaks TLS, but is no mesolith",
                  "it speaks TLS, but is no mesolith");
    site_stop();
}

static void who_sends_without_end_is_cut(void **unused)
{
    (void)unused;
    struct peer p;
    char record[5 + 1000] = "\x16\x03\x01\x03\xe8\x01\x01\xff\xff"; /* of a hello of 131,071 */
    struct buf all;
    buf_init(&all, 200 * sizeof(record));
    for (int i = 0; i < 131; i++) {
        buf_put(&all, record, sizeof(record));
        memset(record + 5, 'x', sizeof(record) - 5);
    }
    site_listen(site.server, &members_only);
    peer_begin(&p, &site.world, site.listener.port);
    char *sending = p.sending = mem_dup(all.data, all.len);
    uv_buf_t b = uv_buf_init(sending, (unsigned)all.len);
    assert_int_equal(stream_write(p.stream, &b, 1), 0);
    UNTIL(&site.world, site.refused == 1);
    assert_string_equal(after_where(&site.why),
                        "it sent 65536 bytes and the handshake is not over");
    peer_end(&p);
    buf_close(&all);
    site_stop();
}

static void check_answerer(const char *says, const char *words)
{
    struct wire nobody;
    struct call c;
    wire_begin(&nobody, 0);
    call_begin(&c, nobody.listener.port, site.client);
    UNTIL(&site.world, nobody.passing[0].len > 0);
    if (says != NULL) {
        uv_buf_t b = uv_buf_init((char *)says, (unsigned)strlen(says));
        assert_int_equal(stream_try_write(nobody.ends[0], &b, 1), (int)strlen(says));
    }
    stream_end(nobody.ends[0]);
    UNTIL(&site.world, c.done);
    assert_string_equal(after_where(&c.err), words);
    wire_end(&nobody);
}

static void who_dials_another_server_is_told_what_came(void **unused)
{
    (void)unused;
    check_answerer("HTTP/1.1 400 Bad Request\r\n\r\n",
                   "plain HTTP came (\"HTTP/1.1 400 Bad Request\"), and TLS was asked for");
    check_answerer("220 smtp\r\n", "got \"220 smtp\", which is no TLS");
    check_answerer("\x15\x03\x01\x01", "it closed the connection in the middle of the handshake");
    check_answerer(NULL, "it closed the connection in the middle of the handshake");
}

/* ---- slow, silent, too many, and those who have changed their minds */
static struct secure *oldest(void)
{
    assert_false(list_empty(&site.listener.crowd.all));
    return LIST_ENTRY(site.listener.crowd.all.next, struct secure, in_crowd);
}

/* Instead of waiting: as if its time were up. */
static void time_is_up(struct secure *s)
{
    assert_in_range(uv_timer_get_due_in(&s->timer), 1, LIMIT_HANDSHAKE_MS);
    uv_timer_start(&s->timer, s->timer.timer_cb, 0, 0);
}

static void who_is_silent_costs_little_and_is_cut_in_time(void **unused)
{
    (void)unused;
    struct peer p;
    struct wire nobody;
    struct call c;
    site_listen(site.server, &members_only);
    peer_begin(&p, &site.world, site.listener.port);
    UNTIL(&site.world, site.listener.crowd.n == 1);
    assert_null(oldest()->ssl);
    time_is_up(oldest());
    UNTIL(&site.world, site.refused == 1 && p.ended);
    assert_string_equal(after_where(&site.why), "it said nothing for 5000 ms");
    peer_end(&p);

    peer_begin(&p, &site.world, site.listener.port);
    peer_say(&p, "\x16\x03\x01");
    UNTIL(&site.world, site.listener.crowd.n == 1 && oldest()->got == 3);
    time_is_up(oldest());
    UNTIL(&site.world, site.refused == 2 && p.ended);
    assert_string_equal(after_where(&site.why), "its handshake was not over after 5000 ms");
    peer_end(&p);
    assert_int_equal(site.listener.crowd.n, 0);
    site_stop();

    wire_begin(&nobody, 0);
    call_begin(&c, nobody.listener.port, site.client);
    UNTIL(&site.world, nobody.passing[0].len > 0);
    time_is_up(c.dial.over.secure);
    UNTIL(&site.world, c.done);
    assert_string_equal(after_where(&c.err), "it said nothing for 5000 ms");
    assert_int_equal(c.err.code, ERR_UNAVAILABLE);
    wire_end(&nobody);
}

static void of_too_many_the_oldest_is_dropped(void **unused)
{
    (void)unused;
    struct peer first, second;
    site_listen(site.server, &members_only);
    site.listener.crowd.n += LIMIT_HANDSHAKES - 1;
    peer_begin(&first, &site.world, site.listener.port);
    UNTIL(&site.world, site.listener.crowd.n == LIMIT_HANDSHAKES);
    peer_begin(&second, &site.world, site.listener.port);
    UNTIL(&site.world, first.ended);
    assert_int_equal(site.refused, 1);
    assert_int_equal(site.why.code, ERR_LIMIT);
    assert_false(second.ended);
    assert_int_equal(site.listener.crowd.n, LIMIT_HANDSHAKES);
    site.listener.crowd.n -= LIMIT_HANDSHAKES - 1;
    peer_end(&first);
    peer_end(&second);
    site_stop();
}

static void a_slow_wire_delays_and_no_more(void **unused)
{
    (void)unused;
    struct wire slow;
    struct peer p;
    site_listen(site.server, &members_only);
    wire_begin(&slow, site.listener.port);
    slow.step = 1;
    struct peer *other = meet(&p, slow.listener.port, site.client);
    peer_say(&p, "hello");
    UNTIL(&site.world, peer_has(other, "hello"));
    peer_end(&p);
    peer_end(other);
    wire_end(&slow);
    site_stop();
}

static void a_dial_can_be_canceled_at_any_time(void **unused)
{
    (void)unused;
    struct call c;
    site_listen(site.server, &members_only);
    call_begin(&c, site.listener.port, site.client);
    dial_cancel(&c.dial); /* not even connected */
    UNTIL(&site.world, c.done);
    assert_int_equal(c.err.code, ERR_CANCELED);
    UNTIL(&site.world, site.listener.crowd.n == 0);

    call_begin(&c, site.listener.port, site.client);
    UNTIL(&site.world, c.dial.over.secure != NULL);
    dial_cancel(&c.dial);
    assert_false(c.done);
    UNTIL(&site.world, c.done);
    assert_int_equal(c.err.code, ERR_CANCELED);
    assert_string_equal(after_where(&c.err), "stopped in the middle of the handshake");
    UNTIL(&site.world, site.listener.crowd.n == 0);
    site_stop();

    call_begin(&c, site.listener.port, site.client); /* nobody listens any more */
    UNTIL(&site.world, c.done);
    assert_int_equal(c.err.code, ERR_UNAVAILABLE);
}

static void a_listener_that_stops_drops_handshakes_and_keeps_streams(void **unused)
{
    (void)unused;
    struct peer p, silent;
    site_listen(site.server, &members_only);
    struct peer *other = meet(&p, site.listener.port, site.client);
    peer_begin(&silent, &site.world, site.listener.port);
    UNTIL(&site.world, site.listener.crowd.n == 1);
    site_stop();
    UNTIL(&site.world, silent.ended);
    peer_say(&p, "still here");
    UNTIL(&site.world, peer_has(other, "still here"));
    assert_int_equal(site.refused, 0);
    peer_end(&silent);
    peer_end(&p);
    peer_end(other);
}

static void a_thousand_handshakes_leave_nothing_behind(void **unused)
{
    (void)unused;
    struct peer p;
    site_listen(site.server, &members_only);
    for (int i = 0; i < 1000; i++) {
        site.n = 0;
        struct peer *other = meet(&p, site.listener.port, site.client);
        peer_end(i % 2 == 0 ? &p : other);
        peer_end(i % 2 == 0 ? other : &p);
    }
    assert_int_equal(site.listener.crowd.n, 0);
    site_stop();
}

/* ---- what cannot be used at all */
static void a_wrong_configuration_names_the_field(void **unused)
{
    (void)unused;
    struct ca theirs;
    ca_begin(&theirs, "theirs");
    struct identity stranger = ca_issue(&theirs, "33", NULL);
    const char *ca = site.ca.pem, *certificate = site.listens.certificate, *key = site.listens.key;
    char cut[256], half[4096];
    snprintf(cut, sizeof(cut), "%.150s", certificate);
    snprintf(half, sizeof(half), "%s%.28s!!!\n-----END CERTIFICATE-----\n", ca, ca);
    const struct {
        const char *ca, *certificate, *key, *words;
    } wrong[] = {
        {"", "", "", "ca: got no certificate, need PEM"},
        {"hello", "", "", "ca: got no certificate, need PEM"},
        {key, "", "", "ca: got no certificate, need PEM"},
        {half, "", "", "ca: certificate 2 cannot be read: bad base64 decode"},
        {ca, cut, key, "certificate: certificate 1 cannot be read: bad end line"},
        {ca, certificate, "", "key: got no private key, need PEM without a pass phrase"},
        {ca, certificate, ca, "key: got no private key, need PEM without a pass phrase"},
        {ca, certificate, site.dials.key, "key: it does not belong to the certificate"},
        {ca, stranger.certificate, stranger.key,
         "certificate: it is none of this CA's: unable to get local issuer certificate"},
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct error err;
        struct tls_config config = {.ca = slice_of(wrong[i].ca),
                                    .certificate = slice_of(wrong[i].certificate),
                                    .key = slice_of(wrong[i].key)};
        assert_null(tls_new(&config, &err));
        assert_string_equal(err.text, wrong[i].words);
        assert_int_equal(err.code, ERR_INVALID);
    }
    struct error err;
    uint8_t hash[SHA256_SIZE];
    assert_int_equal(tls_fingerprint(SLICE("hello"), hash, &err), -1);
    identity_end(&stranger);
    ca_end(&theirs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nodes_know_each_other_by_their_certificates),
        TEST(another_cluster_is_refused),
        TEST(certificates_of_another_time_are_refused_with_both_times),
        TEST(names_that_do_not_fit_are_refused),
        TEST(who_shows_no_certificate_is_a_stranger_or_refused),
        TEST(who_joins_knows_the_ca_by_its_hash),
        TEST(who_speaks_no_tls_is_answered_in_plain_words),
        TEST(who_asks_for_no_protocol_is_no_node),
        TEST(who_sends_without_end_is_cut),
        TEST(who_dials_another_server_is_told_what_came),
        TEST(who_is_silent_costs_little_and_is_cut_in_time),
        TEST(of_too_many_the_oldest_is_dropped),
        TEST(a_slow_wire_delays_and_no_more),
        TEST(a_dial_can_be_canceled_at_any_time),
        TEST(a_listener_that_stops_drops_handshakes_and_keeps_streams),
        TEST(a_thousand_handshakes_leave_nothing_behind),
        TEST(a_wrong_configuration_names_the_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
