#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "http/parser.h"

#define ALL_AT_ONCE ((size_t)-1)

/* What came out, one line a message: "GET /x 1.1 keep body=abc", the failure as "400 text". */
struct story {
    struct buf text;
};

static void tell_request(struct story *s, struct parser *p)
{
    const struct request *r = parser_request(p);
    buf_printf(&s->text, "%s %.*s 1.%d %s", r->method_text, (int)r->target.len, r->target.p,
               r->minor, r->keep_alive ? "keep" : "close");
    if (r->body.len > 0)
        buf_printf(&s->text, " body=%.*s", (int)r->body.len, r->body.p);
    buf_puts(&s->text, "\n");
}

static void tell_response(struct story *s, struct parser *p)
{
    const struct response *r = parser_response(p);
    struct slice body = parser_body(p);
    buf_printf(&s->text, "%d", r->status);
    if (body.len > 0)
        buf_printf(&s->text, " body=%.*s", (int)body.len, body.p);
    buf_puts(&s->text, "\n");
}

/* False once it has failed. */
static bool feed(struct story *s, struct parser *p, enum parser_kind kind, struct slice piece)
{
    struct error err;
    for (;;) {
        switch (parser_feed(p, &piece, &err)) {
        case PARSE_MORE:
            assert_int_equal(piece.len, 0);
            return true;
        case PARSE_HEAD:
            break;
        case PARSE_DONE:
            assert_true(parser_idle(p));
            if (kind == PARSER_REQUESTS)
                tell_request(s, p);
            else
                tell_response(s, p);
            parser_trim(p);
            break;
        case PARSE_FAILED:
            buf_printf(&s->text, "%d %s\n", parser_status(p), err.text);
            return false;
        }
    }
}

static void finish(struct story *s, struct parser *p)
{
    struct error err;
    enum parse_result end = parser_finish(p, &err);
    if (end == PARSE_DONE)
        tell_response(s, p);
    else if (end == PARSE_FAILED)
        buf_printf(&s->text, "%d %s\n", parser_status(p), err.text);
}

static const struct http_limits small = {
    .header_bytes = 200, .headers = 5, .url_bytes = 40, .body_bytes = 20};

/* The bytes are handed over in pieces of `step`; each piece in memory of its own, so that
 * AddressSanitizer sees a look beyond its end. The caller closes the buffer. */
static struct buf played(enum parser_kind kind, const char *bytes, size_t step, bool no_body)
{
    struct parser *p = parser_new(kind, &small);
    struct story s;
    size_t len = strlen(bytes);
    bool sound = true;
    buf_init(&s.text, 4096);
    if (no_body)
        parser_expect_no_body(p);
    for (size_t at = 0; at < len && sound; at += step) {
        size_t n = step < len - at ? step : len - at;
        char *piece = mem_dup(bytes + at, n);
        sound = feed(&s, p, kind, (struct slice){piece, n});
        mem_free(piece);
        step = step == ALL_AT_ONCE ? len : step;
    }
    if (sound)
        finish(&s, p);
    parser_free(p);
    return s.text;
}

struct parse_case {
    const char *bytes, *expected;
};

static void check_cases(enum parser_kind kind, const struct parse_case *cases, size_t n)
{
    static const size_t steps[] = {ALL_AT_ONCE, 1, 2, 3, 7, 19};
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < sizeof(steps) / sizeof(steps[0]); k++) {
            struct buf got = played(kind, cases[i].bytes, steps[k], false);
            if (strcmp(buf_str(&got), cases[i].expected) != 0)
                print_message("in pieces of %zd:\n%s\n", (ssize_t)steps[k], cases[i].bytes);
            assert_string_equal(buf_str(&got), cases[i].expected);
            buf_close(&got);
        }
}
#define CHECK_CASES(kind, cases) check_cases(kind, cases, sizeof(cases) / sizeof((cases)[0]))

#define HOST "Host: x\r\n"

static void understands_requests_in_pieces_of_any_size(void **unused)
{
    (void)unused;
    static const struct parse_case cases[] = {
        {"GET / HTTP/1.1\r\n" HOST "\r\n", "GET / 1.1 keep\n"},
        {"\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", "GET / 1.1 keep\n"},
        {"GET / HTTP/1.0\r\n\r\n", "GET / 1.0 close\n"},
        {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET / 1.0 keep\n"},
        {"GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", "GET / 1.1 close\n"},
        {"POST /a HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", "POST /a 1.1 keep body=abc\n"},
        {"POST /a HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", "POST /a 1.1 keep\n"},
        {"GET /a HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n\"\"", "GET /a 1.1 keep body=\"\"\n"},
        {"PUT /a HTTP/1.1\r\n" HOST "Transfer-Encoding: Chunked\r\n\r\n"
         "2;x=y\r\nab\r\n1\r\nc\r\n0\r\nTrailer: t\r\n\r\n",
         "PUT /a 1.1 keep body=abc\n"},
        {"PUT /a HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         "PUT /a 1.1 keep\n"},
        {"GET /1 HTTP/1.1\r\n" HOST "\r\nPOST /2 HTTP/1.1\r\n" HOST
         "Content-Length: 1\r\n\r\nxGET /3 HTTP/1.1\r\n" HOST "\r\n",
         "GET /1 1.1 keep\nPOST /2 1.1 keep body=x\nGET /3 1.1 keep\n"},
        {"PROPFIND /a HTTP/1.1\r\n" HOST "\r\n", "PROPFIND /a 1.1 keep\n"},
        {"GET /a HTTP/1.1\r\n" HOST "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
         "GET /b HTTP/1.1\r\n" HOST "\r\n",
         "GET /a 1.1 keep\nGET /b 1.1 keep\n"},
        {"CONNECT a:80 HTTP/1.1\r\n" HOST "\r\n", "CONNECT a:80 1.1 close\n"},
        {"OPTIONS * HTTP/1.1\r\n" HOST "\r\n", "OPTIONS * 1.1 keep\n"},
    };
    CHECK_CASES(PARSER_REQUESTS, cases);
}

static void refuses_what_two_readers_could_read_in_two_ways(void **unused)
{
    (void)unused;
    static const struct parse_case cases[] = {
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
         "400 HTTP: Content-Length can't be present with Transfer-Encoding\n"},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc",
         "400 HTTP: Content-Length can't be present with Transfer-Encoding\n"},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
         "400 HTTP: Duplicate Content-Length\n"},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: +3\r\n\r\nabc",
         "400 HTTP: Invalid character in Content-Length\n"},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 3,3\r\n\r\nabc",
         "400 HTTP: Invalid character in Content-Length\n"},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
         "501 Transfer-Encoding: need chunked, or none\n"},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, identity\r\n\r\n",
         "400 HTTP: Invalid `Transfer-Encoding` header value\n"},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n",
         "501 Transfer-Encoding: need chunked, or none\n"},
        {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         "400 Transfer-Encoding: HTTP/1.0 has none\n"},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
         "400 HTTP: Invalid header field char\n"},
        {"GET / HTTP/1.1\r\n" HOST "A: b\r\n c\r\n\r\n",
         "400 headers: need lines that end with CR LF, none folded\n"},
        {"GET / HTTP/1.1\r\n" HOST "A:\r\n\tc\r\n\r\n",
         "400 headers: need lines that end with CR LF, none folded\n"},
        {"GET / HTTP/1.0\n\n", "400 headers: need lines that end with CR LF, none folded\n"},
        {"GET / HTTP/1.1\r\n" HOST "A: b\r\n\n",
         "400 headers: need lines that end with CR LF, none folded\n"},
        {"GET / HTTP/1.1\r\n" HOST ": b\r\n\r\n", "400 headers: got one without a name\n"},
        {"GET / HTTP/1.1\r\n" HOST HOST "\r\n", "400 Host: got it more than once\n"},
        {"GET / HTTP/1.1\r\n\r\n", "400 Host: missing, HTTP/1.1 needs it\n"},
        {"GET / HTTP/2.0\r\n" HOST "\r\n", "505 HTTP version: need HTTP/1.0 or HTTP/1.1\n"},
        {"GET /\r\n\r\n", "505 HTTP version: need HTTP/1.0 or HTTP/1.1\n"},
        {"SETUP / RTSP/1.0\r\n\r\n", "400 method: need one of HTTP's\n"},
        {"GET a HTTP/1.1\r\n" HOST "\r\n", "400 HTTP: Invalid characters in url\n"},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
         "400 HTTP: Invalid character in chunk size\n"},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
         "400 HTTP: Expected CRLF after chunk\n"},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\naXX0\r\n\r\n",
         "400 HTTP: Expected CRLF after chunk\n"},
        {"GET /\xc3\xa4 HTTP/1.1\r\n" HOST "\r\n", "400 HTTP: Invalid char in url path\n"},
    };
    CHECK_CASES(PARSER_REQUESTS, cases);
}

static void bounds_everything_a_stranger_can_send(void **unused)
{
    (void)unused;
#define TEN "0123456789"
#define FIFTY TEN TEN TEN TEN TEN
    static const struct parse_case cases[] = {
        {"GET /" FIFTY " HTTP/1.1\r\n" HOST "\r\n", "414 bytes of the request's target: more than "
                                                    "40, which is the limit: send less at once\n"},
        {"GET / HTTP/1.1\r\n" HOST "A: " FIFTY FIFTY FIFTY FIFTY "\r\n\r\n",
         "431 bytes of the first line and the headers: more than 200, which is the limit: send "
         "less at once\n"},
        {"GET / HTTP/1.1\r\nA: \r\nA: \r\nA: \r\nA: \r\nA: \r\nA: \r\n\r\n",
         "431 headers: more than 5, which is the limit: send less at once\n"},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 21\r\n\r\n",
         "413 bytes of the body: more than 20, which is the limit: send less at once\n"},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 20\r\n\r\n" TEN TEN,
         "POST / 1.1 keep body=" TEN TEN "\n"},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
         "a\r\n" TEN "\r\na\r\n" TEN "\r\n1\r\nx\r\n0\r\n\r\n",
         "413 bytes of the body: more than 20, which is the limit: send less at once\n"},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
         "0\r\nA: " FIFTY FIFTY FIFTY FIFTY "\r\n\r\n",
         "431 bytes of trailers and chunk extensions: more than 200, which is the limit: send less "
         "at once\n"},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
         "1;" FIFTY FIFTY FIFTY FIFTY TEN "\r\n",
         "431 bytes of trailers and chunk extensions: more than 200, which is the limit: send less "
         "at once\n"},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
         "400 HTTP: Chunk size overflow\n"},
    };
    CHECK_CASES(PARSER_REQUESTS, cases);
}

static void says_when_the_connection_ended_too_early(void **unused)
{
    (void)unused;
    static const char *const cases[] = {
        "GET / HT",
        "GET / HTTP/1.1\r\n" HOST,
        "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nab",
        "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf got = played(PARSER_REQUESTS, cases[i], ALL_AT_ONCE, false);
        assert_string_equal(buf_str(&got),
                            "400 HTTP: the connection ended in the middle of a message\n");
        buf_close(&got);
    }
}

static void understands_responses(void **unused)
{
    (void)unused;
    static const struct parse_case cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "200 body=hi\n"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
         "200 body=hi\n"},
        {"HTTP/1.0 200 OK\r\n\r\nuntil the end", "200 body=until the end\n"},
        {"HTTP/1.1 204 No Content\r\n\r\n", "204\n"},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", "201\n"},
        {"HTTP/1.1 102 Wait\r\nContent-Length: 5\r\n\r\nHTTP/1.1 204 No\r\n\r\n", "204\n"},
#define INTERIM "HTTP/1.1 100 Continue\r\n\r\n"
        {INTERIM INTERIM INTERIM INTERIM INTERIM INTERIM INTERIM INTERIM INTERIM,
         "431 bytes of the first line and the headers: more than 200, which is the limit: send "
         "less at once\n"},
        {"HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n", "200\n"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n",
         "413 bytes of the body: more than 20, which is the limit: send less at once\n"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi",
         "400 HTTP: the connection ended in the middle of a message\n"},
    };
    CHECK_CASES(PARSER_RESPONSES, cases);
}

static void an_answer_to_head_has_no_body(void **unused)
{
    (void)unused;
    struct buf got = played(PARSER_RESPONSES, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n",
                            ALL_AT_ONCE, true);
    assert_string_equal(buf_str(&got), "200\n");
    buf_close(&got);
}

static void collect(void *data, struct slice piece)
{
    buf_put_slice(data, piece);
}

static void a_sink_gets_the_body_and_no_limit_holds(void **unused)
{
    (void)unused;
    struct parser *p = parser_new(PARSER_RESPONSES, &small);
    struct error err;
    struct buf got;
    struct slice in = SLICE("HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n" TEN TEN TEN);
    buf_init(&got, 100);
    parser_set_sink(p, collect, &got);
    assert_int_equal(parser_feed(p, &in, &err), PARSE_HEAD);
    assert_int_equal(got.len, 0);
    assert_int_equal(parser_feed(p, &in, &err), PARSE_DONE);
    assert_string_equal(buf_str(&got), TEN TEN TEN);
    assert_int_equal(parser_body(p).len, 0);
    buf_close(&got);
    parser_free(p);
}

static void knows_who_waits_for_100_continue(void **unused)
{
    (void)unused;
    static const struct {
        const char *head;
        bool waits;
    } cases[] = {
        {"POST / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n", true},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\n", false},
        {"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct parser *p = parser_new(PARSER_REQUESTS, &small);
        struct slice in = slice_of(cases[i].head);
        struct error err;
        assert_int_equal(parser_feed(p, &in, &err), PARSE_HEAD);
        assert_int_equal(parser_wants_continue(p), cases[i].waits);
        parser_free(p);
    }
}

static void stays_failed(void **unused)
{
    (void)unused;
    struct parser *p = parser_new(PARSER_REQUESTS, &small);
    struct slice bad = SLICE("\x16\x03\x01 a TLS hello"), good = SLICE("GET / HTTP/1.0\r\n\r\n");
    struct error err;
    assert_int_equal(parser_feed(p, &bad, &err), PARSE_FAILED);
    assert_int_equal(parser_feed(p, &good, &err), PARSE_FAILED);
    assert_int_equal(parser_finish(p, &err), PARSE_FAILED);
    assert_int_equal(parser_status(p), 400);
    assert_int_equal(err.code, ERR_SYNTAX);
    parser_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(understands_requests_in_pieces_of_any_size),
        cmocka_unit_test(refuses_what_two_readers_could_read_in_two_ways),
        cmocka_unit_test(bounds_everything_a_stranger_can_send),
        cmocka_unit_test(says_when_the_connection_ended_too_early),
        cmocka_unit_test(understands_responses),
        cmocka_unit_test(an_answer_to_head_has_no_body),
        cmocka_unit_test(a_sink_gets_the_body_and_no_limit_holds),
        cmocka_unit_test(knows_who_waits_for_100_continue),
        cmocka_unit_test(stays_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
