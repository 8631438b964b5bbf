/* What a client of a node gets to hear when the node stops: on a server with a free port. */
#include "net/net_unit.h"

#include <stdio.h>

#include "base/limits.h"
#include "base/str.h"
#include "host/host.h"
#include "support/tmp.h"

#define APP "{\"id\":\"/web\",\"cmd\":\"sleep 1000\",\"instances\":0}"

/* A node of its own behind a server on a free port. */
struct house {
    struct world world;
    struct http_server *http;
    struct host *host;
    uint16_t port;
    char folder[TMP_PATH_SIZE], state[TMP_PATH_SIZE];
    bool ready, ended, http_stopped;
    struct peer peer;
};

static void on_ready(void *data)
{
    ((struct house *)data)->ready = true;
}

static void on_ended(void *data, const struct error *err)
{
    struct house *h = data;
    assert_null(err);
    h->ended = true;
}

static void on_know(void *data, const struct known_node *k)
{
    (void)data;
    (void)k;
}

static void on_gone(void *data, struct exchange_id id)
{
    (void)data;
    (void)id;
}

static void on_credit(void *data, struct exchange_id id, size_t bytes)
{
    (void)data;
    (void)id;
    (void)bytes;
}

static void begin(struct house *h)
{
    struct error err;
    *h = (struct house){.port = 0};
    world_begin(&h->world);
    tmp_make(h->folder);
    tmp_file(h->state, h->folder, "state.db");
    const struct http_server_config config = http_server_config_default();
    h->host = host_new();
    h->http = http_server_new(&h->world.loop, &config, &host_server_events, h->host);
    assert_int_equal(http_server_listen(h->http, "marathon", "127.0.0.1", 0, &h->port, &err), 0);
    const struct host_options options = {
        .seed = 1,
        .node = {.id = 1,
                 .store = 2,
                 .state_path = h->state,
                 .name = "n",
                 .address = "127.0.0.1:0",
                 .modes = MODE_MASTER | MODE_SCHEDULER,
                 .bootstrap = true,
                 .facts = {.version = "0", .name = "n", .job_rules = job_rules_default()}},
    };
    const struct host_deeds deeds = {.data = h,
                                     .ready = on_ready,
                                     .ended = on_ended,
                                     .know = on_know,
                                     .gone = on_gone,
                                     .credit = on_credit};
    assert_int_equal(host_start(h->host, &h->world.loop, h->http, &options, &deeds, &err), 0);
    UNTIL(&h->world, h->ready);
    peer_begin(&h->peer, &h->world, h->port);
}

static struct house *stopping;

static void on_http_stopped(struct http_server *s)
{
    (void)s;
    stopping->http_stopped = true;
}

static void end(struct house *h)
{
    if (!h->ended)
        host_stop(h->host);
    UNTIL(&h->world, h->ended);
    peer_end(&h->peer);
    stopping = h;
    http_server_stop(h->http, 0, on_http_stopped);
    UNTIL(&h->world, h->http_stopped);
    http_server_free(h->http);
    host_free(h->host);
    world_end(&h->world);
    tmp_remove(h->folder);
}

static void post_app(struct house *h)
{
    char text[512];
    snprintf(text, sizeof text,
             "POST /v2/apps HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
             "Content-Length: %zu\r\n\r\n%s",
             strlen(APP), APP);
    peer_say(&h->peer, text);
}

static void get(struct house *h, const char *path)
{
    char text[512];
    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
    peer_say(&h->peer, text);
}

static void a_write_is_seen_by_who_reads_after_it(void **unused)
{
    (void)unused;
    struct house h;
    begin(&h);
    post_app(&h);
    UNTIL(&h.world, peer_has(&h.peer, "HTTP/1.1 201"));
    buf_clear(&h.peer.got);
    get(&h, "/v2/apps");
    UNTIL(&h.world, peer_has(&h.peer, "\"/web\""));
    end(&h);
}

/* The write and the stop reach the node in one turn; the write is committed in that turn, and
 * applied in the next. */
static void what_was_taken_in_is_answered_before_the_end(void **unused)
{
    (void)unused;
    struct house h;
    begin(&h);
    uint64_t before = http_server_counts(h.http)->requests;
    post_app(&h);
    UNTIL(&h.world, http_server_counts(h.http)->requests > before);
    host_stop(h.host);
    UNTIL(&h.world, h.ended);
    UNTIL(&h.world, peer_has(&h.peer, "HTTP/1.1 201"));
    end(&h);
}

static void what_comes_after_the_end_is_refused(void **unused)
{
    (void)unused;
    static const char *const paths[] = {"/v2/apps", "/v2/apps//web"}; /* a reader's, the node's */
    struct house h;
    begin(&h);
    host_stop(h.host);
    UNTIL(&h.world, h.ended);
    for (size_t i = 0; i < COUNT(paths); i++) {
        get(&h, paths[i]);
        UNTIL(&h.world, peer_has(&h.peer, "this node is stopping\"}"));
        assert_true(peer_has(&h.peer, "HTTP/1.1 503"));
        buf_clear(&h.peer.got);
    }
    end(&h);
}

/* Two readers are at work on what takes long; the others wait behind them. */
static void each_who_asked_is_answered_before_the_end(void **unused)
{
    static const char slow[] =
        "{\"query\":\"with recursive n(i) as (select 1 union all select i + 1 "
        "from n) select max(i) from n\"}";
    (void)unused;
    struct house h;
    struct peer peers[8];
    char text[512];
    begin(&h);
    uint64_t before = http_server_counts(h.http)->requests;
    snprintf(text, sizeof text,
             "POST /api/sql HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n%s", strlen(slow),
             slow);
    for (size_t i = 0; i < COUNT(peers); i++) {
        peer_begin(&peers[i], &h.world, h.port);
        peer_say(&peers[i], text);
    }
    UNTIL(&h.world, http_server_counts(h.http)->requests == before + COUNT(peers));
    host_stop(h.host);
    UNTIL(&h.world, h.ended);
    for (size_t i = 0; i < COUNT(peers); i++) {
        UNTIL(&h.world, peer_has(&peers[i], "this node is stopping"));
        assert_true(peer_has(&peers[i], "HTTP/1.1 503"));
        peer_end(&peers[i]);
    }
    end(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_write_is_seen_by_who_reads_after_it),
        cmocka_unit_test(what_was_taken_in_is_answered_before_the_end),
        cmocka_unit_test(what_comes_after_the_end_is_refused),
        cmocka_unit_test(each_who_asked_is_answered_before_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
