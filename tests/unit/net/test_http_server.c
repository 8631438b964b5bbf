#include "http/basic.h"
#include "site.h"

static void answers_byte_for_byte(void **unused)
{
    (void)unused;
    static const struct talk talks[] = {
        {"GET /hello HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 200 OK\r\n" HELLO "\r\nhello"},
        {"HEAD /hello HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 200 OK\r\n" HELLO "\r\n"},
        {"GET /hello HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n",
         "HTTP/1.1 200 OK\r\n" HELLO "Connection: close\r\n\r\nhello"},
        {"GET /hello HTTP/1.0\r\n\r\n",
         "HTTP/1.1 200 OK\r\n" HELLO "Connection: close\r\n\r\nhello"},
        {"GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
         "HTTP/1.1 200 OK\r\n" HELLO "Connection: keep-alive\r\n\r\nhello"},
        {"GET /nothing HTTP/1.1\r\n" HOST "\r\n", "HTTP/1.1 204 No Content\r\n\r\n"},
        {"GET /nowhere HTTP/1.1\r\n" HOST "\r\n",
         "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"},
        {"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello",
         "HTTP/1.1 200 OK\r\n" HELLO "\r\nhello"},
        {"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
         "2\r\nhe\r\n3;x\r\nllo\r\n0\r\nA: b\r\n\r\n",
         "HTTP/1.1 200 OK\r\n" HELLO "\r\nhello"},
        {"GET /hello HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n\"\"",
         "HTTP/1.1 200 OK\r\n" HELLO "\r\nhello"},
        {"GET /parts HTTP/1.1\r\n" HOST "\r\n",
         "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nVary: Accept-Encoding\r\n"
         "Transfer-Encoding: chunked\r\n\r\n4\r\none \r\n3\r\ntwo\r\n0\r\n\r\n"},
        {"GET /parts HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
         "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nVary: Accept-Encoding\r\n"
         "Connection: close\r\n\r\none two"},
        {"HEAD /parts HTTP/1.1\r\n" HOST "\r\n",
         "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nVary: Accept-Encoding\r\n\r\n"},
        {"GET /sized HTTP/1.1\r\n" HOST "\r\n",
         "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\none two"},
        {"HEAD /events HTTP/1.1\r\n" HOST "\r\n",
         "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"},
        {"", ""},
        {"GET /hel", ""},
    };
    for (size_t i = 0; i < LENGTH(talks); i++)
        check_talk(&talks[i]);
}

static void answers_pipelined_requests_in_order(void **unused)
{
    (void)unused;
    static const struct talk talk = {
        "GET /hello HTTP/1.1\r\n" HOST "\r\n"
        "GET /parts HTTP/1.1\r\n" HOST "\r\n"
        "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc"
        "GET /hello HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"
        "GET /hello HTTP/1.1\r\n" HOST "\r\n",
        "HTTP/1.1 200 OK\r\n" HELLO "\r\nhello"
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nVary: Accept-Encoding\r\n"
        "Transfer-Encoding: chunked\r\n\r\n4\r\none \r\n3\r\ntwo\r\n0\r\n\r\n"
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nabc"
        "HTTP/1.1 200 OK\r\n" HELLO "Connection: close\r\n\r\nhello"};
    check_talk(&talk);
    assert_int_equal(site.requests, 4); /* none after close */
}

static void refuses_in_plain_words(void **unused)
{
    (void)unused;
#define FORTY "0123456789012345678901234567890123456789"
    static const struct {
        const char *asked, *status, *message;
    } cases[] = {
        {"\x16\x03\x01", "400 Bad Request", "HTTP: Invalid method encountered"},
        {"GET / HTTP/1.1\r\n\r\n", "400 Bad Request", "Host: missing, HTTP/1.1 needs it"},
        {"POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n2\r\nabc0\r\n\r\n",
         "400 Bad Request", "HTTP: Expected CRLF after chunk"},
        {"POST /echo HTTP/1.1\r\n" HOST "Content-Length: 21\r\n\r\n", "413 Payload Too Large",
         "bytes of the body: more than 20, which is the limit: send less at once"},
        {"GET /" FORTY " HTTP/1.1\r\n" HOST "\r\n", "414 URI Too Long",
         "bytes of the request's target: more than 40, which is the limit: send less at once"},
        {"GET / HTTP/1.1\r\nA: 1\r\nA: 2\r\nA: 3\r\nA: 4\r\nA: 5\r\nA: 6\r\n\r\n",
         "431 Request Header Fields Too Large",
         "headers: more than 5, which is the limit: send less at once"},
        {"GET / HTTP/2.0\r\n" HOST "\r\n", "505 HTTP Version Not Supported",
         "HTTP version: need HTTP/1.0 or HTTP/1.1"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        char body[200], expected[400];
        snprintf(body, sizeof(body), "{\"status\":\"%s\",\"message\":\"%s\"}", cases[i].status + 4,
                 cases[i].message);
        snprintf(expected, sizeof(expected),
                 "HTTP/1.1 %s\r\nContent-Type: application/json\r\nConnection: close\r\n"
                 "Content-Length: %zu\r\n\r\n%s",
                 cases[i].status, strlen(body), body);
        check_talk(&(struct talk){cases[i].asked, expected});
    }
    assert_int_equal(site.requests, 0);
}

static void a_refusal_reaches_a_client_that_goes_on_sending(void **unused)
{
    (void)unused;
    struct peer p;
    struct buf flood = long_text(20000);
    peer_begin(&p, &site.world, site.port);
    peer_say(&p, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 860000\r\n\r\n");
    UNTIL(&site.world, p.ended);
    for (int i = 0; i < 5; i++)
        peer_send(&p, buf_slice(&flood));
    assert_false(p.cut || p.broken);
    assert_true(peer_has(&p, "413 Payload Too Large"));
    buf_close(&flood);
    peer_end(&p);
}

static void asks_for_the_body_that_a_client_holds_back(void **unused)
{
    (void)unused;
    struct peer p;
    peer_begin(&p, &site.world, site.port);
    peer_say(&p,
             "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    UNTIL(&site.world, peer_has(&p, "\r\n\r\n"));
    assert_string_equal(buf_str(&p.got), "HTTP/1.1 100 Continue\r\n\r\n");
    peer_say(&p, "hi");
    UNTIL(&site.world, peer_has(&p, "\r\n\r\nhi"));
    peer_end(&p);
}

/* spec/chronos.md G-10; of a body nothing is waited for, whatever the client has promised. */
static void who_does_not_say_who_he_is_is_denied(void **unused)
{
    (void)unused;
    static const char *const denied[] = {
        "GET /hello HTTP/1.1\r\n" HOST "\r\n",
        "GET /hello HTTP/1.1\r\n" HOST "Authorization: Basic bWU6d3Jvbmc=\r\n\r\n",
        "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n",
        "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n",
    };
    static const char head[] =
        "HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nConnection: close\r\n"
        "WWW-Authenticate: Basic realm=\"here\"\r\nContent-Length: 105\r\n\r\n";
    static const char body[] = "{\"status\":\"Unauthorized\",\"message\":\"Authorization: need the "
                               "user and password of this "
                               "node (HTTP Basic)\"}";
    char hash[BASIC_HASH_SIZE], whole[600];
    struct http_server_config config = small_config();
    config.authorization = basic_hash("me:pw", hash);
    config.realm = "here";
    site_begin(&config);
    snprintf(whole, sizeof(whole), "%s%s", head, body);
    for (size_t i = 0; i < LENGTH(denied); i++)
        check_talk(&(struct talk){denied[i], whole});
    check_talk(&(struct talk){"HEAD /hello HTTP/1.1\r\n" HOST "\r\n", head});
    assert_int_equal(site.requests, 0);
    check_talk(&(struct talk){
        "GET /hello HTTP/1.1\r\n" HOST "Authorization: Basic bWU6cHc=\r\n\r\n"
        "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\nAuthorization: Basic bWU6cHc=\r\n\r\n"
        "hello",
        "HTTP/1.1 200 OK\r\n" HELLO "\r\nhelloHTTP/1.1 200 OK\r\n" HELLO "\r\nhello"});
    site_end();
}

static void requests_say_where_they_came_in(void **unused)
{
    (void)unused;
    struct peer p;
    struct error err;
    uint16_t other;
    assert_int_equal(http_server_listen(site.server, "mesos", "127.0.0.1", 0, &other, &err), 0);
    peer_begin(&p, &site.world, other);
    peer_say(&p, "GET /hello?a=b HTTP/1.1\r\n" HOST "\r\n");
    UNTIL(&site.world, site.requests == 1);
    assert_string_equal(site.from, "mesos http 127.0.0.1");
    assert_string_equal(site.last_target, "/hello?a=b");
    peer_end(&p);
}

static void a_taken_port_is_named(void **unused)
{
    (void)unused;
    struct error err;
    char expected[128];
    snprintf(expected, sizeof(expected),
             "mesos: listening on 127.0.0.1:%u: the port is in use; stop what uses it, or pick "
             "another one",
             site.port);
    assert_int_equal(http_server_listen(site.server, "mesos", "127.0.0.1", site.port, NULL, &err),
                     -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_string_equal(err.text, expected);
    assert_int_equal(http_server_listen(site.server, "mesos", "localhost", 0, NULL, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_int_equal(http_server_listen(site.server, "mesos", "192.0.2.1", 0, NULL, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
}

/* ---- time */
static void slow_clients_are_answered_408(void **unused)
{
    (void)unused;
    static const char *const beginnings[] = {
        "GET /hello HTTP/1.1\r\nX: ",
        "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhel",
    };
    struct http_server_config c = small_config();
    c.header_ms = c.body_ms = 20;
    site_begin(&c);
    for (size_t i = 0; i < LENGTH(beginnings); i++) {
        struct peer p;
        peer_begin(&p, &site.world, site.port);
        for (const char *at = beginnings[i]; *at != '\0'; at++)
            peer_send(&p, (struct slice){at, 1});
        UNTIL(&site.world, p.ended);
        assert_true(peer_has(&p, "HTTP/1.1 408 Request Timeout\r\n"));
        peer_end(&p);
    }
    assert_int_equal(site.requests, 0);
    site_end();
}

static void idle_connections_are_closed_without_a_word(void **unused)
{
    (void)unused;
    struct http_server_config c = small_config();
    struct peer fresh, used;
    c.idle_ms = 20;
    site_begin(&c);
    peer_begin(&fresh, &site.world, site.port);
    peer_begin(&used, &site.world, site.port);
    peer_say(&used, "GET /nothing HTTP/1.1\r\n" HOST "\r\n");
    UNTIL(&site.world, fresh.ended && used.ended);
    assert_int_equal(fresh.got.len, 0);
    assert_true(peer_has(&used, "204"));
    assert_true(strstr(buf_str(&used.got), "408") == NULL);
    peer_end(&fresh);
    peer_end(&used);
    site_end();
}

static void whoever_does_not_read_its_answer_is_cut_off(void **unused)
{
    (void)unused;
    struct http_server_config c = small_config();
    struct peer p;
    c.body_ms = 20;
    site_begin(&c);
    peer_begin(&p, &site.world, site.port);
    stream_read(p.stream, false);
    peer_say(&p, "GET /later HTTP/1.1\r\n" HOST "\r\n");
    UNTIL(&site.world, site.requests == 1);
    struct buf much = long_text(400000); /* 17 MB: more than the system's buffers take */
    struct answer a = answer_head(site.last, 200, NULL, ANSWER_LENGTH_UNKNOWN);
    send_answer(a);
    send_answer(answer_part(site.last, &much));
    UNTIL(&site.world, site.gone == 1);
    peer_end(&p);
    site_end();
}

/* ---- answers that take their time */
static void the_next_request_waits_for_a_late_answer(void **unused)
{
    (void)unused;
    struct peer p;
    peer_begin(&p, &site.world, site.port);
    peer_say(&p, "GET /later?1 HTTP/1.1\r\n" HOST "\r\nGET /later?2 HTTP/1.1\r\n" HOST "\r\n");
    UNTIL(&site.world, site.requests == 1);
    struct exchange_id first = site.last;
    send_answer(answer_whole(first, 200, NULL, SLICE("first")));
    assert_string_equal(site.last_target, "/later?1"); /* nothing is called back from inside */
    UNTIL(&site.world, site.requests == 2);
    assert_string_equal(site.last_target, "/later?2");
    send_answer(answer_whole(first, 200, NULL, SLICE("late"))); /* that exchange is over */
    send_answer(answer_whole(site.last, 200, NULL, SLICE("second")));
    UNTIL(&site.world, peer_has(&p, "second"));
    assert_true(peer_has(&p, "first"));
    assert_false(peer_has(&p, "late"));
    peer_end(&p);
}

static void a_client_that_ended_its_side_still_gets_its_answer(void **unused)
{
    (void)unused;
    struct peer p;
    peer_begin(&p, &site.world, site.port);
    peer_say(&p, "GET /later HTTP/1.1\r\n" HOST "\r\n");
    stream_end(p.stream);
    UNTIL(&site.world, site.requests == 1);
    for (int i = 0; i < 5; i++)
        uv_run(&site.world.loop.uv, UV_RUN_NOWAIT);
    assert_int_equal(site.gone, 0);
    send_answer(answer_whole(site.last, 200, NULL, SLICE("at last")));
    UNTIL(&site.world, p.ended);
    assert_true(peer_has(&p, "at last"));
    peer_end(&p);
}

static void a_lasting_answer_is_over_when_the_client_ends_its_side(void **unused)
{
    (void)unused;
    struct peer p;
    peer_begin(&p, &site.world, site.port);
    peer_say(&p, "GET /lasting HTTP/1.1\r\n" HOST "\r\n");
    UNTIL(&site.world, peer_has(&p, "\r\n\r\n"));
    stream_end(p.stream);
    UNTIL(&site.world, site.gone == 1);
    peer_end(&p);
}

static void the_owner_hears_when_a_client_is_gone(void **unused)
{
    (void)unused;
    static const bool reset[] = {false, true};
    for (size_t i = 0; i < LENGTH(reset); i++) {
        struct peer p;
        site.gone = 0;
        peer_begin(&p, &site.world, site.port);
        peer_say(&p, "GET /later HTTP/1.1\r\n" HOST "\r\n");
        UNTIL(&site.world, site.last.v != 0);
        send_answer(answer_head(site.last, 200, NULL, ANSWER_LENGTH_UNKNOWN));
        send_part(site.last, "some");
        if (!reset[i])
            UNTIL(&site.world, peer_has(&p, "some"));
        peer_end(&p); /* with unread bytes this resets */
        while (site.gone == 0) {
            send_part(site.last, "more");
            uv_run(&site.world.loop.uv, UV_RUN_NOWAIT);
        }
        send_answer(answer_end(site.last));
        assert_int_equal(site.gone, 1);
        site.last.v = 0;
    }
}

static void an_answer_that_cannot_go_on_is_cut(void **unused)
{
    (void)unused;
    static const struct {
        const char *asked, *seen;
        unsigned gone;
    } cases[] = {
        {"GET /abort HTTP/1.1\r\n" HOST "\r\n", "", 0},
        {"GET /too-little HTTP/1.1\r\n" HOST "\r\n", "", 1},
        {"GET /too-much HTTP/1.1\r\n" HOST "\r\n", "", 1},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct peer p;
        site.gone = 0;
        peer_begin(&p, &site.world, site.port);
        peer_say(&p, cases[i].asked);
        UNTIL(&site.world, p.ended);
        assert_string_equal(buf_str(&p.got), cases[i].seen);
        assert_int_equal(site.gone, cases[i].gone);
        peer_end(&p);
    }
}

/* ---- limits and stopping */
static void connections_beyond_the_limit_are_answered_503(void **unused)
{
    (void)unused;
    struct http_server_config c = small_config();
    struct peer first, second;
    c.connections = 1;
    site_begin(&c);
    peer_begin(&first, &site.world, site.port);
    UNTIL(&site.world, http_server_counts(site.server)->connections == 1);
    peer_begin(&second, &site.world, site.port);
    peer_say(&second, "GET /hello HTTP/1.1\r\n" HOST "\r\n");
    UNTIL(&site.world, second.ended);
    assert_true(peer_has(&second, "HTTP/1.1 503 Service Unavailable\r\n"));
    assert_true(peer_has(&second, "Retry-After: 1\r\n"));
    assert_int_equal(http_server_counts(site.server)->refused, 1);
    assert_int_equal(site.requests, 0);
    peer_end(&second);
    UNTIL(&site.world, http_server_counts(site.server)->connections == 1);
    peer_say(&first, "GET /hello HTTP/1.1\r\n" HOST "\r\n");
    UNTIL(&site.world, peer_has(&first, "hello"));
    peer_end(&first);
    site_end();
}

static void begin_large(struct peer *p, const char *path, size_t whole, size_t sent)
{
    char head[128];
    struct buf body;
    peer_begin(p, &site.world, site.port);
    snprintf(head, sizeof(head), "POST %s HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n", path,
             whole);
    peer_say(p, head);
    buf_init(&body, sent);
    while (body.len < sent)
        buf_putc(&body, 'x');
    peer_send(p, buf_slice(&body));
    buf_close(&body);
}

static void large_bodies_share_the_memory(void **unused)
{
    (void)unused;
    struct http_server_config c = http_server_config_default();
    struct peer first, second, small, third;
    c.bodies_bytes = 300000;
    site_begin(&c);
    begin_large(&first, "/later", 200000, 200000); /* whole, and not answered yet */
    UNTIL(&site.world, site.requests == 1);
    begin_large(&second, "/echo", 200000, 199999);
    UNTIL(&site.world, peer_has(&second, "too many large requests at once"));
    assert_true(peer_has(&second, "HTTP/1.1 503 Service Unavailable"));
    begin_large(&small, "/nothing", 1000, 1000);
    UNTIL(&site.world, peer_has(&small, "HTTP/1.1 204"));
    peer_end(&second);
    send_answer(answer_whole(site.last, 200, NULL, SLICE("")));
    UNTIL(&site.world, peer_has(&first, "HTTP/1.1 200"));
    begin_large(&third, "/nothing", 250000, 250000); /* there is room again */
    UNTIL(&site.world, peer_has(&third, "HTTP/1.1 204"));
    peer_end(&first);
    peer_end(&small);
    peer_end(&third);
    site_end();
}

static void leaving_answers_all_that_comes_and_keeps_nothing_alive(void **unused)
{
    (void)unused;
    struct peer old, fresh;
    peer_begin(&old, &site.world, site.port);
    peer_say(&old, "GET /hello HTTP/1.1\r\n" HOST "\r\n");
    UNTIL(&site.world, peer_has(&old, "hello"));
    http_server_leave(site.server);
    peer_begin(&fresh, &site.world, site.port);
    peer_say(&fresh, "GET /hello HTTP/1.1\r\n" HOST "\r\n");
    UNTIL(&site.world, fresh.ended);
    assert_true(peer_has(&fresh, "Connection: close\r\n\r\nhello"));
    assert_false(old.ended); /* it may ask once more */
    peer_say(&old, "GET /hello HTTP/1.1\r\n" HOST "\r\n");
    UNTIL(&site.world, old.ended);
    assert_true(peer_has(&old, "Connection: close\r\n\r\nhello"));
    peer_end(&fresh);
    peer_end(&old);
}

static void stopping_lets_answers_end_and_closes_the_rest(void **unused)
{
    (void)unused;
    struct peer idle, waiting, listening;
    peer_begin(&idle, &site.world, site.port);
    listen_to_events(&listening, "/events");
    peer_begin(&waiting, &site.world, site.port);
    peer_say(&waiting, "GET /later HTTP/1.1\r\n" HOST "\r\n");
    UNTIL(&site.world, site.requests == 2);

    http_server_stop(site.server, PATIENCE_MS, on_stopped);
    assert_int_equal(site.gone, 0);
    UNTIL(&site.world, idle.ended && listening.ended);
    assert_int_equal(idle.got.len, 0);
    assert_true(peer_has(&listening, "\r\n0\r\n\r\n"));
    assert_int_equal(site.gone, 1); /* the stream */
    assert_false(site.stopped);
    peer_end(&listening);

    send_answer(answer_whole(site.last, 200, NULL, SLICE("done")));
    UNTIL(&site.world, waiting.ended);
    assert_true(peer_has(&waiting, "Connection: close\r\n\r\ndone"));
    peer_end(&idle);
    peer_end(&waiting);
    UNTIL(&site.world, site.stopped);
}

static void the_grace_ends_what_was_not_answered(void **unused)
{
    (void)unused;
    struct peer p;
    peer_begin(&p, &site.world, site.port);
    peer_say(&p, "GET /later HTTP/1.1\r\n" HOST "\r\n");
    UNTIL(&site.world, site.requests == 1);
    http_server_stop(site.server, 5, on_stopped);
    UNTIL(&site.world, site.stopped);
    assert_int_equal(site.gone, 1);
    UNTIL(&site.world, p.ended);
    peer_end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(answers_byte_for_byte),
        TEST(answers_pipelined_requests_in_order),
        TEST(refuses_in_plain_words),
        TEST(a_refusal_reaches_a_client_that_goes_on_sending),
        TEST(asks_for_the_body_that_a_client_holds_back),
        TEST(requests_say_where_they_came_in),
        TEST(a_taken_port_is_named),
        cmocka_unit_test(slow_clients_are_answered_408),
        cmocka_unit_test(idle_connections_are_closed_without_a_word),
        cmocka_unit_test(whoever_does_not_read_its_answer_is_cut_off),
        TEST(the_next_request_waits_for_a_late_answer),
        TEST(a_client_that_ended_its_side_still_gets_its_answer),
        TEST(a_lasting_answer_is_over_when_the_client_ends_its_side),
        TEST(the_owner_hears_when_a_client_is_gone),
        TEST(an_answer_that_cannot_go_on_is_cut),
        cmocka_unit_test(who_does_not_say_who_he_is_is_denied),
        cmocka_unit_test(connections_beyond_the_limit_are_answered_503),
        cmocka_unit_test(large_bodies_share_the_memory),
        TEST(leaving_answers_all_that_comes_and_keeps_nothing_alive),
        TEST(stopping_lets_answers_end_and_closes_the_rest),
        TEST(the_grace_ends_what_was_not_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
