/* Events posted to URLs, against a server that takes them, refuses, or is not there. */
#include "net/net_unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "api/door.h"
#include "base/limits.h"
#include "host/callbacks.h"
#include "net/http_server.h"
#include "support/https.h"

#define PAUSE_MS 1

static struct sink {
    struct world world;
    struct http_server *server;
    struct callbacks *callbacks;
    char url[64];
    int status;     /* of the next answers; 0: none */
    char got[1024]; /* all bodies, one a line, as far as they fit */
    char newest[16];
    struct exchange_id open;
    bool server_stopped, callbacks_stopped;
} s;

static void on_request(struct http_server *server, struct exchange_id id, const struct request *r)
{
    assert_int_equal(r->method, METHOD_POST);
    assert_true(slice_is(header_get(r->headers, "Content-Type"), "application/json"));
    assert_true(header_get(r->headers, CALL_EVENT).len > 0); /* so that no door of ours takes it */
    snprintf(s.got + strlen(s.got), sizeof s.got - strlen(s.got), "%s%.*s\n",
             slice_is(r->path, "/") ? "" : "elsewhere: ", (int)r->body.len, r->body.p);
    snprintf(s.newest, sizeof s.newest, "%.*s", (int)r->body.len, r->body.p);
    s.open = id;
    if (s.status == 0)
        return;
    struct answer a = answer_whole(id, s.status, "text/plain", SLICE("thanks"));
    http_server_answer(server, &a);
    answer_close(&a);
}

static const struct http_server_events events = {.on_request = on_request};

static void listen_at(uint16_t port)
{
    struct error err;
    const struct http_server_config config = http_server_config_default();
    s.server = http_server_new(&s.world.loop, &config, &events, NULL);
    assert_int_equal(http_server_listen(s.server, "sink", "127.0.0.1", port, &port, &err), 0);
    snprintf(s.url, sizeof s.url, "http://127.0.0.1:%d/", port);
}

static void on_server_stopped(struct http_server *server)
{
    (void)server;
    s.server_stopped = true;
}

static void stop_server(void)
{
    s.server_stopped = false;
    http_server_stop(s.server, 0, on_server_stopped);
    UNTIL(&s.world, s.server_stopped);
    http_server_free(s.server);
}

static int begin(void **unused)
{
    (void)unused;
    s = (struct sink){.status = 200};
    world_begin(&s.world);
    listen_at(0);
    s.callbacks = callbacks_new(&s.world.loop, PAUSE_MS);
    return 0;
}

static void on_callbacks_stopped(void *data)
{
    (void)data;
    s.callbacks_stopped = true;
}

static int end(void **unused)
{
    (void)unused;
    callbacks_stop(s.callbacks, on_callbacks_stopped, NULL);
    UNTIL(&s.world, s.callbacks_stopped);
    callbacks_free(s.callbacks);
    stop_server();
    world_end(&s.world);
    return 0;
}

static void post(const char *event)
{
    struct blob *b = blob_of(event, strlen(event));
    callbacks_post(s.callbacks, b);
    blob_unref(b);
}

static const struct callback_counts *counts(void)
{
    return callbacks_counts(s.callbacks);
}

static void events_arrive_in_their_order(void **unused)
{
    (void)unused;
    post("0"); /* nobody wants it yet */
    callbacks_set(s.callbacks, s.url);
    post("1");
    post("2");
    post("3");
    UNTIL(&s.world, counts()->posted == 3);
    assert_string_equal(s.got, "1\n2\n3\n");
    assert_int_equal(counts()->failed, 0);
}

static void whoever_signed_its_certificate(void **unused)
{
    (void)unused;
    char url[64];
    struct https_server server;
    https_start(&server, TLS1_2_VERSION, "HTTP/1.1 204 No Content\r\n\r\n");
    snprintf(url, sizeof url, "https://localhost:%u/", server.port);
    callbacks_set(s.callbacks, url);
    post("1");
    UNTIL(&s.world, counts()->posted == 1);
    https_stop(&server);
}

static void what_is_not_taken_is_sent_again(void **unused)
{
    (void)unused;
    s.status = 503;
    callbacks_set(s.callbacks, s.url);
    post("1");
    post("2");
    UNTIL(&s.world, counts()->failed == 3);
    assert_string_equal(s.got, "1\n1\n1\n");
    s.status = 404; /* its own affair */
    UNTIL(&s.world, counts()->posted == 2);
    assert_string_equal(s.got, "1\n1\n1\n1\n2\n");
}

static int64_t now_ms(void)
{
    struct clock *clock = &s.world.loop.clock;
    return clock->mono(clock).ms;
}

static void of_an_answer_without_end_only_the_beginning_is_read(void **unused)
{
    (void)unused;
    static char piece[LIMIT_CALLBACK_ANSWER_BYTES + 1];
    int64_t began = now_ms();
    s.status = 0;
    callbacks_set(s.callbacks, s.url);
    post("1");
    UNTIL(&s.world, s.got[0] != '\0');
    struct answer head = answer_head(s.open, 200, "text/plain", ANSWER_LENGTH_UNKNOWN);
    struct buf body;
    buf_init(&body, sizeof piece);
    buf_put(&body, piece, sizeof piece);
    struct answer part = answer_part(s.open, &body);
    http_server_answer(s.server, &head);
    http_server_answer(s.server, &part);
    answer_close(&head);
    answer_close(&part);
    buf_close(&body);
    UNTIL(&s.world, counts()->posted == 1);
    assert_true(now_ms() - began < LIMIT_CALLBACK_MS);
}

static void who_is_not_there_gets_it_when_it_is(void **unused)
{
    (void)unused;
    char url[64];
    uint16_t port = (uint16_t)atoi(strrchr(s.url, ':') + 1);
    stop_server();
    snprintf(url, sizeof url, "%s", s.url);
    callbacks_set(s.callbacks, url);
    post("1");
    UNTIL(&s.world, counts()->failed > 1);
    listen_at(port);
    UNTIL(&s.world, counts()->posted == 1);
    assert_string_equal(s.got, "1\n");
}

static void one_that_fails_does_not_hold_up_the_others(void **unused)
{
    (void)unused;
    char urls[256];
    snprintf(urls, sizeof urls, "http://127.0.0.1:1/\n%s", s.url);
    callbacks_set(s.callbacks, urls);
    post("1");
    post("2");
    UNTIL(&s.world, counts()->posted == 2 && counts()->failed > 0);
    assert_string_equal(s.got, "1\n2\n");
}

static void of_those_that_stay_nothing_is_lost(void **unused)
{
    (void)unused;
    char urls[256];
    s.status = 0;
    callbacks_set(s.callbacks, s.url);
    post("1");
    post("2");
    UNTIL(&s.world, s.got[0] != '\0');
    snprintf(urls, sizeof urls, "%sb\n%s", s.url, s.url);
    callbacks_set(s.callbacks, urls);
    s.status = 200;
    struct answer a = answer_whole(s.open, 200, NULL, SLICE(""));
    http_server_answer(s.server, &a);
    answer_close(&a);
    post("3");
    UNTIL(&s.world, counts()->posted == 4);
    assert_non_null(strstr(s.got, "elsewhere: 3\n"));
    assert_non_null(strstr(s.got, "\n2\n"));
}

static void what_waits_is_bounded_and_the_newest_stays(void **unused)
{
    (void)unused;
    char *large = mem_alloc(LIMIT_CALLBACK_BYTES);
    memset(large, 'x', LIMIT_CALLBACK_BYTES);
    struct blob *b = blob_of(large, LIMIT_CALLBACK_BYTES / 2);
    s.status = 503;
    callbacks_set(s.callbacks, s.url);
    post("1");
    UNTIL(&s.world, counts()->failed == 1);
    callbacks_post(s.callbacks, b);
    callbacks_post(s.callbacks, b);
    post("4");
    assert_in_range(counts()->dropped, 1, 2);
    s.status = 200;
    UNTIL(&s.world, counts()->posted + counts()->dropped == 4);
    assert_string_equal(s.newest, "4");
    blob_unref(b);
    mem_free(large);
}

/* The teardown waits until nothing is on the loop any more. */
static void who_is_dropped_in_a_call_or_a_pause_is_left(void **unused)
{
    (void)unused;
    s.status = 0;
    callbacks_set(s.callbacks, s.url);
    post("1");
    UNTIL(&s.world, s.got[0] != '\0');
    callbacks_set(s.callbacks, "");
    callbacks_set(s.callbacks, "http://127.0.0.1:1/");
    post("2");
    UNTIL(&s.world, counts()->failed > 0);
    callbacks_set(s.callbacks, "");
    assert_int_equal(counts()->posted, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(events_arrive_in_their_order),
        TEST(whoever_signed_its_certificate),
        TEST(what_is_not_taken_is_sent_again),
        TEST(of_an_answer_without_end_only_the_beginning_is_read),
        TEST(who_is_not_there_gets_it_when_it_is),
        TEST(one_that_fails_does_not_hold_up_the_others),
        TEST(of_those_that_stay_nothing_is_lost),
        TEST(what_waits_is_bounded_and_the_newest_stays),
        TEST(who_is_dropped_in_a_call_or_a_pause_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
