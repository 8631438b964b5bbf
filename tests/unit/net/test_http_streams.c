/* Answers that go on: credit, events, compression. */
#include "site.h"

#include <zlib.h>

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
    assert_int_equal(site.unsubscribed, 0);
    peer_end(&all);
    UNTIL(&site.world, site.gone == 1);
    assert_int_equal(site.unsubscribed, 1);
    assert_int_equal(http_server_counts(site.server)->subscribers, 1);
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
    assert_int_equal(http_server_counts(site.server)->subscribers_dropped, 1);
    assert_int_equal(http_server_counts(site.server)->subscribers, 1);
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
    assert_int_equal(http_server_counts(site.server)->answers_dropped, 0);
    ask_for_much(&other);
    assert_int_equal(http_server_counts(site.server)->answers_dropped, 1);
    UNTIL(&site.world, http_server_counts(site.server)->connections == 1);
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
    assert_int_equal(http_server_counts(site.server)->subscribers_dropped, 1);
    assert_int_equal(site.gone, 1);
    peer_end(&first);
    peer_end(&second);
    site_end();
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(credit_holds_back_an_owner_whose_client_does_not_read),
        TEST(events_go_to_all_who_want_them),
        cmocka_unit_test(a_slow_listener_is_dropped_and_the_others_hear_all),
        cmocka_unit_test(what_is_not_read_makes_room_for_others),
        TEST(a_quiet_stream_is_kept_alive),
        cmocka_unit_test(streams_beyond_the_limit_are_closed),
        TEST(compresses_long_texts_when_asked),
        TEST(compresses_part_by_part),
        TEST(leaves_alone_what_should_not_be_compressed),
        TEST(a_client_may_leave_while_its_answer_is_compressed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
