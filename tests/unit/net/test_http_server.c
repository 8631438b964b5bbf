#include "net/net_unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "net/http_server.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

/* ---- a server whose owner does what the path says, and remembers what it was told */
struct site {
    struct world world;
    struct http_server *server;
    uint16_t port;
    bool stopped;
    unsigned requests, gone;
    size_t credit;
    struct exchange_id last; /* that "/later" left open */
    char last_target[64];
    char from[64]; /* "listener scheme remote" of the last request */
};

static struct site site;

static void send_answer(struct answer a)
{
    http_server_answer(site.server, &a);
    answer_close(&a);
}

static struct buf buf_of(const char *text)
{
    struct buf b;
    buf_init(&b, strlen(text));
    buf_puts(&b, text);
    return b;
}

static void send_part(struct exchange_id id, const char *text)
{
    struct buf b = buf_of(text);
    send_answer(answer_part(id, &b));
}

static void answer_hello(struct exchange_id id, const struct request *r)
{
    (void)r;
    send_answer(answer_whole(id, 200, "text/plain", SLICE("hello")));
}

static void answer_echo(struct exchange_id id, const struct request *r)
{
    send_answer(answer_whole(id, 200, "text/plain", r->body));
}

static void answer_nothing(struct exchange_id id, const struct request *r)
{
    (void)r;
    send_answer(answer_whole(id, 204, NULL, SLICE("")));
}

static void answer_in_parts(struct exchange_id id, const struct request *r)
{
    (void)r;
    send_answer(answer_head(id, 200, "text/plain", ANSWER_LENGTH_UNKNOWN));
    send_part(id, "one ");
    send_part(id, "");
    send_part(id, "two");
    send_answer(answer_end(id));
}

static void answer_in_sized_parts(struct exchange_id id, const struct request *r)
{
    (void)r;
    send_answer(answer_head(id, 200, NULL, 7));
    send_part(id, "one ");
    send_part(id, "two");
    send_answer(answer_end(id));
}

static void answer_too_little(struct exchange_id id, const struct request *r)
{
    (void)r;
    send_answer(answer_head(id, 200, NULL, 7));
    send_part(id, "one ");
    send_answer(answer_end(id));
}

static void answer_too_much(struct exchange_id id, const struct request *r)
{
    (void)r;
    send_answer(answer_head(id, 200, NULL, 2));
    send_part(id, "one ");
}

static void answer_then_abort(struct exchange_id id, const struct request *r)
{
    (void)r;
    send_answer(answer_abort(id));
}

static void answer_later(struct exchange_id id, const struct request *r)
{
    (void)r;
    site.last = id;
}

static void answer_lasting(struct exchange_id id, const struct request *r)
{
    (void)r;
    struct answer a = answer_head(id, 200, "text/plain", ANSWER_LENGTH_UNKNOWN);
    a.lasting = true;
    site.last = id;
    send_answer(a);
}

static void answer_with_events(struct exchange_id id, const struct request *r)
{
    send_answer(answer_head(id, 200, "text/event-stream", ANSWER_LENGTH_UNKNOWN));
    struct answer a = answer_subscribe(id, 3, r->query.len > 0 ? "good\nbetter" : NULL);
    a.subscription.keep_alive_ms = slice_is(r->path, "/lively") ? 5 : 0;
    send_answer(a);
}

#define TEXT_LINE "all work and no play makes jack a dull boy\n"

static struct buf long_text(size_t lines)
{
    struct buf b;
    buf_init(&b, lines * strlen(TEXT_LINE));
    for (size_t i = 0; i < lines; i++)
        buf_puts(&b, TEXT_LINE);
    return b;
}

static void answer_long(struct exchange_id id, const struct request *r)
{
    (void)r;
    struct buf b = long_text(100);
    send_answer(answer_whole_take(id, 200, "application/json", &b));
}

static void answer_very_long(struct exchange_id id, const struct request *r)
{
    (void)r;
    struct buf b = long_text(10000);
    send_answer(answer_whole_take(id, 200, "application/json", &b));
}

static void answer_long_in_parts(struct exchange_id id, const struct request *r)
{
    struct buf b = long_text(100);
    send_answer(answer_head(id, 200, "application/json", ANSWER_LENGTH_UNKNOWN));
    send_part(id, "so: ");
    send_answer(answer_part(id, &b));
    send_answer(answer_end(id));
    (void)r;
}

static const struct {
    const char *path;
    void (*answer)(struct exchange_id id, const struct request *r);
} pages[] = {
    {"/hello", answer_hello},
    {"/echo", answer_echo},
    {"/nothing", answer_nothing},
    {"/parts", answer_in_parts},
    {"/sized", answer_in_sized_parts},
    {"/too-little", answer_too_little},
    {"/too-much", answer_too_much},
    {"/abort", answer_then_abort},
    {"/later", answer_later},
    {"/lasting", answer_lasting},
    {"/events", answer_with_events},
    {"/lively", answer_with_events},
    {"/long", answer_long},
    {"/very-long", answer_very_long},
    {"/long-parts", answer_long_in_parts},
};

static void on_request(struct http_server *s, struct exchange_id id, const struct request *r)
{
    assert_ptr_equal(http_server_data(s), &site);
    site.requests++;
    snprintf(site.last_target, sizeof(site.last_target), "%.*s", (int)r->target.len, r->target.p);
    snprintf(site.from, sizeof(site.from), "%s %s %s", r->listener, r->scheme, r->remote);
    for (size_t i = 0; i < LENGTH(pages); i++)
        if (slice_is(r->path, pages[i].path)) {
            pages[i].answer(id, r);
            return;
        }
    send_answer(answer_whole(id, 404, NULL, SLICE("")));
}

static void on_credit(struct http_server *s, struct exchange_id id, size_t bytes)
{
    (void)s;
    assert_int_equal(id.v, site.last.v);
    site.credit += bytes;
}

static void on_gone(struct http_server *s, struct exchange_id id)
{
    (void)s;
    assert_int_not_equal(id.v, 0);
    site.gone++;
}

static const struct http_server_events site_events = {
    .on_request = on_request,
    .on_credit = on_credit,
    .on_gone = on_gone,
};

static struct http_server_config small_config(void)
{
    struct http_server_config c = http_server_config_default();
    c.http =
        (struct http_limits){.header_bytes = 300, .headers = 5, .url_bytes = 40, .body_bytes = 20};
    return c;
}

static void site_begin(const struct http_server_config *config)
{
    struct error err;
    memset(&site, 0, sizeof(site));
    world_begin(&site.world);
    site.server = http_server_new(&site.world.loop, config, &site_events, &site);
    assert_int_equal(http_server_listen(site.server, "marathon", "127.0.0.1", 0, &site.port, &err),
                     0);
}

static void on_stopped(struct http_server *s)
{
    assert_ptr_equal(s, site.server);
    site.stopped = true;
}

static void site_end(void)
{
    if (!site.stopped) {
        http_server_stop(site.server, 0, on_stopped);
        assert_false(site.stopped); /* later, never from inside */
        UNTIL(&site.world, site.stopped);
    }
    assert_int_equal(http_server_stats(site.server)->connections, 0);
    assert_int_equal(http_server_stats(site.server)->subscribers, 0);
    http_server_free(site.server);
    world_end(&site.world);
}

static int begin(void **unused)
{
    (void)unused;
    struct http_server_config c = small_config();
    site_begin(&c);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    if (peers_open == 0)
        site_end();
    peers_open = 0;
    return 0;
}

/* ---- conversations */
static void drop_line(struct buf *text, const char *name)
{
    for (char *at = text->data; at != NULL && (at = strstr(at, name)) != NULL;) {
        char *after = strstr(at, "\r\n") + 2;
        memmove(at, after, strlen(after) + 1);
    }
    text->len = text->data != NULL ? strlen(text->data) : 0;
}

struct talk {
    const char *asked, *answered;
};

/* Says it all, ends its side, and reads until the server has closed. Dates are left out. */
static void check_talk(const struct talk *t)
{
    struct peer p;
    peer_begin(&p, &site.world, site.port);
    peer_say(&p, t->asked);
    stream_end(p.stream);
    UNTIL(&site.world, p.ended);
    drop_line(&p.got, "Date: ");
    if (strcmp(buf_str(&p.got), t->answered) != 0)
        print_message("asked:\n%s\n", t->asked);
    assert_string_equal(buf_str(&p.got), t->answered);
    peer_end(&p);
}

#define HOST "Host: x\r\n"
#define HELLO "Content-Type: text/plain\r\nContent-Length: 5\r\n"
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
         "bytes of the body: more than 20, which is the limit"},
        {"GET /" FORTY " HTTP/1.1\r\n" HOST "\r\n", "414 URI Too Long",
         "bytes of the request's target: more than 40, which is the limit"},
        {"GET / HTTP/1.1\r\nA: 1\r\nA: 2\r\nA: 3\r\nA: 4\r\nA: 5\r\nA: 6\r\n\r\n",
         "431 Request Header Fields Too Large", "headers: more than 5, which is the limit"},
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

static void credit_holds_back_an_owner_whose_client_does_not_read(void **unused)
{
    (void)unused;
    enum { LINES = 1000, PARTS = 1000 };
    const size_t part = LINES * strlen(TEXT_LINE);
    struct peer p;
    size_t sent = 0, credit = EXCHANGE_WINDOW;
    bool reading = false;

    peer_begin(&p, &site.world, site.port);
    stream_read(p.stream, false);
    peer_say(&p, "GET /later HTTP/1.1\r\n" HOST "\r\n");
    UNTIL(&site.world, site.requests == 1);
    send_answer(answer_head(site.last, 200, "application/x", ANSWER_LENGTH_UNKNOWN));
    for (int quiet = 0; sent < PARTS; quiet++) {
        while (credit >= part && sent < PARTS) {
            struct buf b = long_text(LINES);
            send_answer(answer_part(site.last, &b));
            credit -= part;
            sent++;
            quiet = 0;
        }
        uv_run(&site.world.loop.uv, UV_RUN_NOWAIT);
        credit += site.credit;
        site.credit = 0;
        if (quiet == 1000 && !reading) { /* the system's buffers are full, nothing moves */
            reading = true;
            stream_read(p.stream, true);
        }
    }
    assert_true(reading);
    send_answer(answer_end(site.last));
    UNTIL(&site.world,
          p.got.len > PARTS * part && strcmp(p.got.data + p.got.len - 5, "0\r\n\r\n") == 0);
    peer_end(&p);
}

/* ---- event streams */
static void publish(const char *type, const char *text)
{
    struct blob *event = blob_of(text, strlen(text));
    http_server_publish(site.server, 3, type, event);
    blob_unref(event);
}

static void listen_to_events(struct peer *p, const char *target)
{
    char text[128];
    size_t before = http_server_stats(site.server)->subscribers;
    peer_begin(p, &site.world, site.port);
    snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\n" HOST "Accept-Encoding: gzip\r\n\r\n",
             target);
    peer_say(p, text);
    UNTIL(&site.world, http_server_stats(site.server)->subscribers == before + 1);
}

static void events_go_to_all_who_want_them(void **unused)
{
    (void)unused;
    struct peer all, some;
    assert_int_equal(http_server_topics(site.server), 0);
    listen_to_events(&all, "/events");
    listen_to_events(&some, "/events?filter");
    assert_int_equal(http_server_topics(site.server), 1u << 3);
    publish("good", "[1]");
    publish("bad", "[2]");
    publish("bet", "[3]");
    publish("better", "[4]");
    publish(NULL, "[5]");
    http_server_publish(site.server, 4, "good", NULL); /* another topic: nobody */
    UNTIL(&site.world, peer_has(&all, "[5]") && peer_has(&some, "[5]"));
    drop_line(&all.got, "Date: ");
    assert_string_equal(buf_str(&all.got),
                        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                        "Transfer-Encoding: chunked\r\n\r\n"
                        "3\r\n[1]\r\n3\r\n[2]\r\n3\r\n[3]\r\n3\r\n[4]\r\n3\r\n[5]\r\n");
    assert_true(peer_has(&some, "3\r\n[1]\r\n3\r\n[4]\r\n3\r\n[5]\r\n"));
    peer_end(&all);
    UNTIL(&site.world, site.gone == 1);
    assert_int_equal(http_server_stats(site.server)->subscribers, 1);
    assert_int_equal(http_server_topics(site.server), 1u << 3);
    stream_end(some.stream); /* a listener that ends its side has left, too */
    UNTIL(&site.world, site.gone == 2);
    assert_int_equal(http_server_topics(site.server), 0);
    peer_end(&some);
}

static void a_slow_listener_is_dropped_and_the_others_hear_all(void **unused)
{
    (void)unused;
    struct http_server_config c = small_config();
    struct peer fast, slow;
    c.subscriber_bytes = 100000;
    site_begin(&c);
    listen_to_events(&fast, "/events");
    listen_to_events(&slow, "/events");
    stream_read(slow.stream, false);

    struct buf text = long_text(2000); /* 86 kB */
    struct blob *event = blob_take(&text);
    for (int i = 0; i < 300; i++) {
        size_t before = fast.got.len;
        http_server_publish(site.server, 3, NULL, event);
        UNTIL(&site.world, fast.got.len >= before + blob_slice(event).len);
    }
    UNTIL(&site.world, site.gone == 1);
    assert_int_equal(http_server_stats(site.server)->subscribers_dropped, 1);
    assert_int_equal(http_server_stats(site.server)->subscribers, 1);
    assert_false(fast.ended);
    assert_true(fast.got.len > 300 * blob_slice(event).len);
    blob_unref(event);
    peer_end(&fast);
    peer_end(&slow);
    site_end();
}

static void ask_for_much(struct peer *p)
{
    unsigned before = site.requests;
    peer_begin(p, &site.world, site.port);
    stream_read(p->stream, false);
    peer_say(p, "GET /later HTTP/1.1\r\n" HOST "\r\n");
    UNTIL(&site.world, site.requests == before + 1);
    struct buf much = long_text(400000); /* 17 MB: more than the system's buffers take */
    send_answer(answer_whole_take(site.last, 200, "text/plain", &much));
}

static void what_is_not_read_makes_room_for_others(void **unused)
{
    (void)unused;
    struct http_server_config c = small_config();
    struct peer deaf, other;
    c.answers_bytes = 20 << 20;
    site_begin(&c);
    ask_for_much(&deaf);
    assert_int_equal(http_server_stats(site.server)->answers_dropped, 0);
    ask_for_much(&other);
    assert_int_equal(http_server_stats(site.server)->answers_dropped, 1);
    UNTIL(&site.world, http_server_stats(site.server)->connections == 1);
    stream_read(other.stream, true);
    UNTIL(&site.world, other.got.len > 400000 * strlen(TEXT_LINE));
    assert_false(other.ended);
    peer_end(&other);
    peer_end(&deaf);
    site_end();
}

static void a_quiet_stream_is_kept_alive(void **unused)
{
    (void)unused;
    struct peer p;
    listen_to_events(&p, "/lively");
    UNTIL(&site.world, peer_has(&p, "2\r\n\r\n\r\n2\r\n\r\n\r\n"));
    peer_end(&p);
}

static void streams_beyond_the_limit_are_closed(void **unused)
{
    (void)unused;
    struct http_server_config c = small_config();
    struct peer first, second;
    c.subscribers = 1;
    site_begin(&c);
    listen_to_events(&first, "/events");
    peer_begin(&second, &site.world, site.port);
    peer_say(&second, "GET /events HTTP/1.1\r\n" HOST "\r\n");
    UNTIL(&site.world, second.ended);
    assert_int_equal(http_server_stats(site.server)->subscribers_dropped, 1);
    assert_int_equal(site.gone, 1);
    peer_end(&first);
    peer_end(&second);
    site_end();
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
    UNTIL(&site.world, http_server_stats(site.server)->connections == 1);
    peer_begin(&second, &site.world, site.port);
    peer_say(&second, "GET /hello HTTP/1.1\r\n" HOST "\r\n");
    UNTIL(&site.world, second.ended);
    assert_true(peer_has(&second, "HTTP/1.1 503 Service Unavailable\r\n"));
    assert_true(peer_has(&second, "Retry-After: 1\r\n"));
    assert_int_equal(http_server_stats(site.server)->refused, 1);
    assert_int_equal(site.requests, 0);
    peer_end(&second);
    UNTIL(&site.world, http_server_stats(site.server)->connections == 1);
    peer_say(&first, "GET /hello HTTP/1.1\r\n" HOST "\r\n");
    UNTIL(&site.world, peer_has(&first, "hello"));
    peer_end(&first);
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

/* ---- compression */
static struct buf gunzip(struct slice in)
{
    struct buf out;
    char piece[4096];
    z_stream z = {.next_in = (unsigned char *)in.p, .avail_in = (unsigned)in.len};
    int code;
    buf_init(&out, 1 << 20);
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    do {
        z.next_out = (unsigned char *)piece;
        z.avail_out = sizeof(piece);
        code = inflate(&z, Z_NO_FLUSH);
        buf_put(&out, piece, sizeof(piece) - z.avail_out);
    } while (code == Z_OK);
    assert_int_equal(code, Z_STREAM_END);
    assert_int_equal(z.avail_in, 0);
    inflateEnd(&z);
    return out;
}

static struct buf unchunk(struct slice in)
{
    struct buf out;
    buf_init(&out, in.len);
    for (const char *at = in.p;;) {
        char *data;
        size_t n = strtoul(at, &data, 16);
        if (n == 0)
            return out;
        buf_put(&out, data + 2, n);
        at = data + 2 + n + 2;
    }
}

/* The body of the answer to `target`, asked with `accept` and a closing connection. */
static struct buf fetch(const char *target, const char *accept, struct buf *head_out)
{
    struct peer p;
    struct buf body;
    char text[256];
    peer_begin(&p, &site.world, site.port);
    snprintf(text, sizeof(text),
             "GET %s HTTP/1.1\r\n" HOST "Accept-Encoding: %s\r\nConnection: close\r\n\r\n", target,
             accept);
    peer_say(&p, text);
    UNTIL(&site.world, p.ended);
    size_t head = (size_t)(strstr(p.got.data, "\r\n\r\n") + 4 - p.got.data);
    buf_init(head_out, head);
    buf_put(head_out, p.got.data, head);
    buf_init(&body, p.got.len);
    buf_put(&body, p.got.data + head, p.got.len - head);
    peer_end(&p);
    return body;
}

static void compresses_long_texts_when_asked(void **unused)
{
    (void)unused;
    static const struct {
        const char *target;
        size_t lines;
    } cases[] = {{"/long", 100}, {"/very-long", 10000}};
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct buf head, small, text = long_text(cases[i].lines), unpacked;
        char length[64];
        small = fetch(cases[i].target, "gzip", &head);
        snprintf(length, sizeof(length), "Content-Length: %zu\r\n", small.len);
        assert_non_null(strstr(buf_str(&head), length));
        assert_non_null(strstr(buf_str(&head), "Content-Encoding: gzip\r\n"));
        assert_non_null(strstr(buf_str(&head), "Vary: Accept-Encoding\r\n"));
        unpacked = gunzip(buf_slice(&small));
        assert_string_equal(buf_str(&unpacked), buf_str(&text));
        assert_true(small.len < text.len / 4);
        buf_close(&head);
        buf_close(&small);
        buf_close(&text);
        buf_close(&unpacked);
    }
}

static void compresses_part_by_part(void **unused)
{
    (void)unused;
    struct buf head, chunks, small, text, expected = long_text(100);
    chunks = fetch("/long-parts", "gzip", &head);
    small = unchunk(buf_slice(&chunks));
    text = gunzip(buf_slice(&small));
    assert_int_equal(text.len, 4 + expected.len);
    assert_string_equal(buf_str(&text) + 4, buf_str(&expected));
    buf_close(&head);
    buf_close(&chunks);
    buf_close(&small);
    buf_close(&text);
    buf_close(&expected);
}

static void leaves_alone_what_should_not_be_compressed(void **unused)
{
    (void)unused;
    struct buf head, body, text = long_text(100);
    body = fetch("/long", "gzip;q=0", &head);
    assert_string_equal(buf_str(&body), buf_str(&text));
    assert_null(strstr(buf_str(&head), "Content-Encoding"));
    buf_close(&head);
    buf_close(&body);
    body = fetch("/hello", "gzip", &head);
    assert_string_equal(buf_str(&body), "hello");
    buf_close(&head);
    buf_close(&body);
    buf_close(&text);
}

static void a_client_may_leave_while_its_answer_is_compressed(void **unused)
{
    (void)unused;
    struct peer p;
    peer_begin(&p, &site.world, site.port);
    peer_say(&p, "GET /very-long HTTP/1.1\r\n" HOST "Accept-Encoding: gzip\r\n\r\n");
    UNTIL(&site.world, site.requests == 1);
    peer_end(&p);
    /* the teardown stops the server: it waits for the pool */
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

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
        TEST(credit_holds_back_an_owner_whose_client_does_not_read),
        TEST(events_go_to_all_who_want_them),
        cmocka_unit_test(a_slow_listener_is_dropped_and_the_others_hear_all),
        cmocka_unit_test(what_is_not_read_makes_room_for_others),
        TEST(a_quiet_stream_is_kept_alive),
        cmocka_unit_test(streams_beyond_the_limit_are_closed),
        cmocka_unit_test(connections_beyond_the_limit_are_answered_503),
        TEST(leaving_answers_all_that_comes_and_keeps_nothing_alive),
        TEST(stopping_lets_answers_end_and_closes_the_rest),
        TEST(the_grace_ends_what_was_not_answered),
        TEST(compresses_long_texts_when_asked),
        TEST(compresses_part_by_part),
        TEST(leaves_alone_what_should_not_be_compressed),
        TEST(a_client_may_leave_while_its_answer_is_compressed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
