/* tests/unit/net/site.h - a server whose owner does what the path says, and remembers what it was
 * told. */
#pragma once

#include "net/net_unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "net/http_server.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

struct site {
    struct world world;
    struct http_server *server;
    uint16_t port;
    bool stopped;
    unsigned requests, gone, unsubscribed;
    size_t credit;
    struct exchange_id last; /* that "/later" left open */
    char last_target[64];
    char from[64]; /* "listener scheme remote" of the last request */
};

static struct site site;

static inline void send_answer(struct answer a)
{
    http_server_answer(site.server, &a);
    answer_close(&a);
}

static inline struct buf buf_of(const char *text)
{
    struct buf b;
    buf_init(&b, strlen(text));
    buf_puts(&b, text);
    return b;
}

static inline void send_part(struct exchange_id id, const char *text)
{
    struct buf b = buf_of(text);
    send_answer(answer_part(id, &b));
}

static inline void answer_hello(struct exchange_id id, const struct request *r)
{
    (void)r;
    send_answer(answer_whole(id, 200, "text/plain", SLICE("hello")));
}

static inline void answer_echo(struct exchange_id id, const struct request *r)
{
    send_answer(answer_whole(id, 200, "text/plain", r->body));
}

static inline void answer_nothing(struct exchange_id id, const struct request *r)
{
    (void)r;
    send_answer(answer_whole(id, 204, NULL, SLICE("")));
}

static inline void answer_in_parts(struct exchange_id id, const struct request *r)
{
    (void)r;
    send_answer(answer_head(id, 200, "text/plain", ANSWER_LENGTH_UNKNOWN));
    send_part(id, "one ");
    send_part(id, "");
    send_part(id, "two");
    send_answer(answer_end(id));
}

static inline void answer_in_sized_parts(struct exchange_id id, const struct request *r)
{
    (void)r;
    send_answer(answer_head(id, 200, NULL, 7));
    send_part(id, "one ");
    send_part(id, "two");
    send_answer(answer_end(id));
}

static inline void answer_too_little(struct exchange_id id, const struct request *r)
{
    (void)r;
    send_answer(answer_head(id, 200, NULL, 7));
    send_part(id, "one ");
    send_answer(answer_end(id));
}

static inline void answer_too_much(struct exchange_id id, const struct request *r)
{
    (void)r;
    send_answer(answer_head(id, 200, NULL, 2));
    send_part(id, "one ");
}

static inline void answer_then_abort(struct exchange_id id, const struct request *r)
{
    (void)r;
    send_answer(answer_abort(id));
}

static inline void answer_later(struct exchange_id id, const struct request *r)
{
    (void)r;
    site.last = id;
}

static inline void answer_lasting(struct exchange_id id, const struct request *r)
{
    (void)r;
    struct answer a = answer_head(id, 200, "text/plain", ANSWER_LENGTH_UNKNOWN);
    a.lasting = true;
    site.last = id;
    send_answer(a);
}

static inline void answer_with_events(struct exchange_id id, const struct request *r)
{
    send_answer(answer_head(id, 200, "text/event-stream", ANSWER_LENGTH_UNKNOWN));
    struct answer a = answer_subscribe(id, 3, r->query.len > 0 ? "good\nbetter" : NULL);
    a.subscription.keep_alive_ms = slice_is(r->path, "/lively") ? 5 : 0;
    send_answer(a);
}

#define TEXT_LINE "all work and no play makes jack a dull boy\n"

static inline struct buf long_text(size_t lines)
{
    struct buf b;
    buf_init(&b, lines * strlen(TEXT_LINE));
    for (size_t i = 0; i < lines; i++)
        buf_puts(&b, TEXT_LINE);
    return b;
}

static inline void answer_long(struct exchange_id id, const struct request *r)
{
    (void)r;
    struct buf b = long_text(100);
    send_answer(answer_whole_take(id, 200, "application/json", &b));
}

static inline void answer_very_long(struct exchange_id id, const struct request *r)
{
    (void)r;
    struct buf b = long_text(10000);
    send_answer(answer_whole_take(id, 200, "application/json", &b));
}

static inline void answer_long_in_parts(struct exchange_id id, const struct request *r)
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

static inline void on_request(struct http_server *s, struct exchange_id id, const struct request *r)
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

static inline void on_credit(struct http_server *s, struct exchange_id id, size_t bytes)
{
    (void)s;
    assert_int_equal(id.v, site.last.v);
    site.credit += bytes;
}

static inline void on_gone(struct http_server *s, struct exchange_id id)
{
    (void)s;
    assert_int_not_equal(id.v, 0);
    site.gone++;
}

static inline void on_unsubscribed(struct http_server *s, unsigned topic, const char *remote)
{
    (void)s;
    assert_int_equal(topic, 3);
    assert_string_equal(remote, "127.0.0.1");
    site.unsubscribed++;
}

static const struct http_server_events site_events = {
    .on_request = on_request,
    .on_credit = on_credit,
    .on_gone = on_gone,
    .on_unsubscribed = on_unsubscribed,
};

static inline struct http_server_config small_config(void)
{
    struct http_server_config c = http_server_config_default();
    c.http =
        (struct http_limits){.header_bytes = 300, .headers = 5, .url_bytes = 40, .body_bytes = 20};
    return c;
}

static inline void site_begin(const struct http_server_config *config)
{
    struct error err;
    memset(&site, 0, sizeof(site));
    world_begin(&site.world);
    site.server = http_server_new(&site.world.loop, config, &site_events, &site);
    assert_int_equal(http_server_listen(site.server, "marathon", "127.0.0.1", 0, &site.port, &err),
                     0);
}

static inline void on_stopped(struct http_server *s)
{
    assert_ptr_equal(s, site.server);
    site.stopped = true;
}

static inline void site_end(void)
{
    if (!site.stopped) {
        http_server_stop(site.server, 0, on_stopped);
        assert_false(site.stopped); /* later, never from inside */
        UNTIL(&site.world, site.stopped);
    }
    assert_int_equal(http_server_counts(site.server)->connections, 0);
    assert_int_equal(http_server_counts(site.server)->subscribers, 0);
    http_server_free(site.server);
    world_end(&site.world);
}

static inline int begin(void **unused)
{
    (void)unused;
    struct http_server_config c = small_config();
    site_begin(&c);
    return 0;
}

static inline int end(void **unused)
{
    (void)unused;
    if (peers_open == 0)
        site_end();
    peers_open = 0;
    return 0;
}

/* ---- conversations */
static inline void drop_line(struct buf *text, const char *name)
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
static inline void check_talk(const struct talk *t)
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

static inline void listen_to_events(struct peer *p, const char *target)
{
    char text[128];
    size_t before = http_server_counts(site.server)->subscribers;
    peer_begin(p, &site.world, site.port);
    snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\n" HOST "Accept-Encoding: gzip\r\n\r\n",
             target);
    peer_say(p, text);
    UNTIL(&site.world, http_server_counts(site.server)->subscribers == before + 1);
}
