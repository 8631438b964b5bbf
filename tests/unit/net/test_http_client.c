#include "net/net_unit.h"

#include <stdio.h>

#include "net/http_client.h"
#include "support/tmp.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

/* ---- a server of few words: it reads a whole question and says what the test wants */
struct host {
    struct world world;
    struct listener listener;
    uv_pipe_t pipe; /* in the tests about Unix sockets */
    struct stream *stream;
    struct buf asked;
    const char *answer; /* NULL: never */
    bool hang;          /* leaves the connection open after the answer */
    bool stopped;
    size_t writing_left; /* of a flood */
};

static struct host host;

static void host_close_stream(void)
{
    if (host.stream != NULL)
        stream_close(host.stream, NULL);
    host.stream = NULL;
}

static void host_on_read(struct stream *s, struct slice data)
{
    buf_put_slice(&host.asked, data);
    if (host.answer == NULL || strstr(buf_str(&host.asked), "\r\n\r\n") == NULL)
        return;
    uv_buf_t b = uv_buf_init((char *)host.answer, (unsigned)strlen(host.answer));
    stream_try_write(s, &b, 1);
    if (!host.hang)
        host_close_stream();
}

static void host_on_end(struct stream *s, const struct error *err)
{
    (void)s;
    (void)err;
    host_close_stream();
}

static char flood[1 << 20];

static void host_on_written(struct stream *s, const struct error *err)
{
    if (err != NULL || host.writing_left == 0)
        return;
    host.writing_left--;
    uv_buf_t b = uv_buf_init(flood, sizeof(flood));
    stream_write(s, &b, 1);
}

static const struct stream_events host_events = {
    .on_read = host_on_read,
    .on_end = host_on_end,
    .on_written = host_on_written,
};

static void host_on_stream(struct listener *l, struct stream *s)
{
    (void)l;
    host_close_stream();
    buf_clear(&host.asked);
    host.stream = s;
    s->events = &host_events;
    stream_read(s, true);
}

static void host_on_stopped(struct listener *l)
{
    (void)l;
    host.stopped = true;
}

/* ---- the one call that is under way */
struct asked {
    struct http_call call;
    unsigned heads, done;
    struct buf parts;
    bool failed;
    struct error err;
    enum { LEAVE, CANCEL_AT_HEAD, CANCEL_AT_PART, PAUSE_AT_HEAD } habit;
};

static struct asked asked;
static struct url to;

static void on_done(struct http_call *c, const struct error *err)
{
    assert_ptr_equal(c->data, &asked);
    asked.done++;
    asked.failed = err != NULL;
    if (err != NULL)
        asked.err = *err;
}

static void on_head(struct http_call *c)
{
    asked.heads++;
    assert_non_null(c->response);
    if (asked.habit == CANCEL_AT_HEAD)
        http_call_cancel(c);
    if (asked.habit == PAUSE_AT_HEAD)
        http_call_pause(c, true);
}

static void on_part(struct http_call *c, struct slice piece)
{
    assert_int_equal(asked.heads, 1);
    buf_put_slice(&asked.parts, piece);
    if (asked.habit == CANCEL_AT_PART)
        http_call_cancel(c);
}

static int begin(void **unused)
{
    struct error err;
    (void)unused;
    memset(&host, 0, sizeof(host));
    memset(&asked, 0, sizeof(asked));
    world_begin(&host.world);
    buf_init(&host.asked, 1 << 20);
    buf_init(&asked.parts, 256 << 20);
    asked.call.data = &asked;
    assert_int_equal(
        listener_start(&host.listener, &host.world.loop, "127.0.0.1", 0, host_on_stream, &err), 0);
    to = (struct url){.host = "127.0.0.1", .port = host.listener.port, .target = "/x?y"};
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    http_call_close(&asked.call);
    host_close_stream();
    listener_stop(&host.listener, host_on_stopped);
    UNTIL(&host.world, host.stopped);
    buf_close(&host.asked);
    buf_close(&asked.parts);
    world_end(&host.world);
    return 0;
}

static void start(const struct http_ask *ask)
{
    struct error err;
    http_call_close(&asked.call);
    asked.done = asked.heads = 0;
    buf_clear(&asked.parts);
    assert_int_equal(http_call_start(&asked.call, &host.world.loop, ask, on_done, &err), 0);
    assert_int_equal(asked.done, 0); /* later, never from inside */
}

static void ask_and_wait(const struct http_ask *ask)
{
    start(ask);
    UNTIL(&host.world, asked.done > 0);
    for (int i = 0; i < 3; i++)
        uv_run(&host.world.loop.uv, UV_RUN_NOWAIT);
    assert_int_equal(asked.done, 1);
}

#define OK_HEAD "HTTP/1.1 200 OK\r\n"

static void asks_byte_for_byte(void **unused)
{
    (void)unused;
    char expected[256];
    host.answer = OK_HEAD "Content-Length: 0\r\n\r\n";
    ask_and_wait(&(struct http_ask){.to = &to,
                                    .method = METHOD_POST,
                                    .headers = SLICE("Accept: text/plain\r\n"),
                                    .body = SLICE("{}")});
    assert_false(asked.failed);
    snprintf(expected, sizeof(expected),
             "POST /x?y HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nAccept: text/plain\r\n"
             "Content-Length: 2\r\nConnection: close\r\n\r\n{}",
             to.port);
    assert_string_equal(buf_str(&host.asked), expected);

    ask_and_wait(&(struct http_ask){.to = &to, .method = METHOD_GET, .target = "/other"});
    snprintf(expected, sizeof(expected),
             "GET /other HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nConnection: close\r\n\r\n", to.port);
    assert_string_equal(buf_str(&host.asked), expected);
}

static void understands_answers_of_every_kind(void **unused)
{
    (void)unused;
    static const struct {
        const char *answer;
        int status; /* 0: it fails */
        const char *body;
        enum error_code code;
    } cases[] = {
        {OK_HEAD "Content-Length: 5\r\n\r\nhello", 200, "hello", ERR_NONE},
        {OK_HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 200, "hello",
         ERR_NONE},
        {OK_HEAD "\r\nuntil the end", 200, "until the end", ERR_NONE},
        {"HTTP/1.0 404 Nope\r\n\r\n", 404, "", ERR_NONE},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\n\r\n", 204, "", ERR_NONE},
        {OK_HEAD "Content-Length: 6\r\n\r\nhello", 0, NULL, ERR_UNCERTAIN},
        {OK_HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\nhel", 0, NULL, ERR_UNCERTAIN},
        {"HTTP/1.1 2", 0, NULL, ERR_UNCERTAIN},
        {"", 0, NULL, ERR_UNCERTAIN},
        {"SSH-2.0-OpenSSH_9.2\r\n", 0, NULL, ERR_SYNTAX},
        {OK_HEAD "Content-Length: 14\r\n\r\n", 0, NULL, ERR_LIMIT},
        {OK_HEAD "\r\n01234567890123", 0, NULL, ERR_LIMIT},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        host.answer = cases[i].answer;
        ask_and_wait(&(struct http_ask){
            .to = &to, .method = METHOD_GET, .body_max = 13, .on_head = on_head});
        assert_int_equal(asked.failed, cases[i].status == 0);
        if (asked.failed) {
            assert_int_equal(asked.err.code, cases[i].code);
            continue;
        }
        assert_int_equal(asked.heads, 1);
        assert_int_equal(asked.call.response->status, cases[i].status);
        assert_true(slice_is(asked.call.body, cases[i].body));
    }
}

static void an_answer_to_head_has_no_body(void **unused)
{
    (void)unused;
    host.answer = OK_HEAD "Content-Length: 5\r\n\r\n";
    host.hang = true;
    ask_and_wait(&(struct http_ask){.to = &to, .method = METHOD_HEAD});
    assert_false(asked.failed);
    assert_true(slice_is(header_get(asked.call.response->headers, "content-length"), "5"));
}

static void a_body_can_be_told_in_pieces(void **unused)
{
    (void)unused;
    host.answer = OK_HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n";
    ask_and_wait(&(struct http_ask){.to = &to,
                                    .method = METHOD_GET,
                                    .body_max = 1, /* bounds collected bodies only */
                                    .on_head = on_head,
                                    .on_part = on_part});
    assert_false(asked.failed);
    assert_string_equal(buf_str(&asked.parts), "hello");
    assert_int_equal(asked.call.body.len, 0);
}

static void says_why_nobody_answered(void **unused)
{
    (void)unused;
    struct listener taken = {0};
    struct error err;
    char expected[100];
    struct url nobody = to;

    assert_int_equal(listener_start(&taken, &host.world.loop, "127.0.0.1", 0, host_on_stream, &err),
                     0);
    nobody.port = taken.port;
    listener_stop(&taken, host_on_stopped);
    UNTIL(&host.world, host.stopped);
    host.stopped = false;
    ask_and_wait(&(struct http_ask){.to = &nobody, .method = METHOD_GET});
    assert_int_equal(asked.err.code, ERR_UNAVAILABLE);
    snprintf(expected, sizeof(expected), "connecting to 127.0.0.1:%u: connection refused",
             nobody.port);
    assert_string_equal(asked.err.text, expected);
}

static void does_not_wait_for_ever(void **unused)
{
    (void)unused;
    char expected[100];
    ask_and_wait(&(struct http_ask){
        .to = &to, .method = METHOD_GET, .connect_ms = PATIENCE_MS, .total_ms = 20});
    assert_int_equal(asked.err.code, ERR_UNCERTAIN);
    snprintf(expected, sizeof(expected), "127.0.0.1:%u: no whole answer in 20 ms", to.port);
    assert_string_equal(asked.err.text, expected);

    host.answer = OK_HEAD "Content-Length: 5\r\n\r\nhel";
    host.hang = true;
    ask_and_wait(&(struct http_ask){.to = &to, .method = METHOD_GET, .total_ms = 20});
    assert_int_equal(asked.err.code, ERR_UNCERTAIN);
}

static void can_be_canceled_in_every_state(void **unused)
{
    (void)unused;
    struct http_ask ask = {.to = &to, .method = METHOD_GET, .on_head = on_head, .on_part = on_part};
    host.answer = OK_HEAD "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n";
    host.hang = true;

    start(&ask); /* while dialling */
    http_call_cancel(&asked.call);
    assert_int_equal(asked.done, 0);
    UNTIL(&host.world, asked.done == 1);
    assert_int_equal(asked.err.code, ERR_CANCELED);
    http_call_cancel(&asked.call); /* once over it is no matter */

    asked.habit = CANCEL_AT_HEAD;
    ask_and_wait(&ask);
    assert_int_equal(asked.err.code, ERR_CANCELED);
    assert_int_equal(asked.parts.len, 0);

    asked.habit = CANCEL_AT_PART;
    ask_and_wait(&ask);
    assert_int_equal(asked.err.code, ERR_CANCELED);
    assert_string_equal(buf_str(&asked.parts), "a");

    asked.habit = LEAVE; /* while waiting */
    host.answer = NULL;
    start(&ask);
    UNTIL(&host.world, host.stream != NULL && host.asked.len > 0);
    http_call_cancel(&asked.call);
    UNTIL(&host.world, asked.done == 1);
    assert_int_equal(asked.err.code, ERR_CANCELED);
}

static void a_paused_call_holds_the_other_side_back(void **unused)
{
    (void)unused;
    enum { MEBIBYTES = 40 };
    char head[100];
    snprintf(head, sizeof(head), OK_HEAD "Content-Length: %d\r\n\r\n", MEBIBYTES << 20);
    host.answer = head;
    host.hang = true;
    host.writing_left = MEBIBYTES;
    asked.habit = PAUSE_AT_HEAD;
    start(&(struct http_ask){
        .to = &to, .method = METHOD_GET, .on_head = on_head, .on_part = on_part});
    UNTIL(&host.world, asked.heads == 1);
    host_on_written(host.stream, NULL);
    for (int i = 0; i < 1000; i++)
        uv_run(&host.world.loop.uv, UV_RUN_NOWAIT);
    assert_true(asked.parts.len <= 65536); /* a read may have brought some with the head */
    assert_true(host.writing_left > 0);
    http_call_pause(&asked.call, false);
    UNTIL(&host.world, asked.done == 1);
    assert_false(asked.failed);
    assert_int_equal(asked.parts.len, MEBIBYTES << 20);
}

static void finds_names(void **unused)
{
    (void)unused;
    struct url named = to;
    named.host = "localhost"; /* perhaps ::1 first, where nobody listens */
    host.answer = OK_HEAD "Content-Length: 0\r\n\r\n";
    ask_and_wait(&(struct http_ask){.to = &named, .method = METHOD_GET});
    assert_false(asked.failed);

    start(&(struct http_ask){.to = &named, .method = METHOD_GET});
    http_call_cancel(&asked.call);
    UNTIL(&host.world, asked.done == 1);
    assert_int_equal(asked.err.code, ERR_CANCELED);
}

static void refuses_what_it_cannot_ask(void **unused)
{
    (void)unused;
    struct error err;
    struct url tls = to, deep = to;
    char path[200];
    memset(path, 'a', sizeof(path));
    path[0] = '/';
    path[sizeof(path) - 1] = '\0';
    tls.tls = true;
    deep.unix_path = path;
    const struct http_ask cases[] = {
        {.to = &tls, .method = METHOD_GET},
        {.to = &deep, .method = METHOD_GET},
        {.to = &to, .method = METHOD_GET, .target = "no-slash"},
        {.to = &to, .method = METHOD_GET, .target = "/a HTTP/1.1\r\nX: y"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        assert_int_equal(http_call_start(&asked.call, &host.world.loop, &cases[i], on_done, &err),
                         -1);
        assert_int_equal(err.code, ERR_INVALID);
    }
    assert_int_equal(asked.done, 0);
}

/* ---- Unix sockets */
static void on_pipe_alloc(uv_handle_t *h, size_t n, uv_buf_t *out)
{
    static char memory[4096];
    (void)h;
    (void)n;
    *out = uv_buf_init(memory, sizeof(memory));
}

static uv_pipe_t pipe_client;

static void on_pipe_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
    if (n > 0) {
        uv_buf_t answer = uv_buf_init((char *)host.answer, (unsigned)strlen(host.answer));
        buf_put(&host.asked, b->base, (size_t)n);
        uv_try_write(s, &answer, 1);
    }
    if (!uv_is_closing((uv_handle_t *)s))
        uv_close((uv_handle_t *)s, NULL);
}

static void on_pipe_connection(uv_stream_t *server, int code)
{
    assert_int_equal(code, 0);
    uv_pipe_init(server->loop, &pipe_client, 0);
    uv_accept(server, (uv_stream_t *)&pipe_client);
    uv_read_start((uv_stream_t *)&pipe_client, on_pipe_alloc, on_pipe_read);
}

static void asks_over_a_unix_socket(void **unused)
{
    (void)unused;
    char folder[TMP_PATH_SIZE], path[TMP_PATH_SIZE];
    tmp_make(folder);
    tmp_file(path, folder, "sock");
    struct url docker = {.unix_path = path, .host = "localhost", .target = "/version"};

    ask_and_wait(&(struct http_ask){.to = &docker, .method = METHOD_GET});
    assert_int_equal(asked.err.code, ERR_UNAVAILABLE); /* nobody has made it yet */

    uv_pipe_init(&host.world.loop.uv, &host.pipe, 0);
    assert_int_equal(uv_pipe_bind(&host.pipe, path), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&host.pipe, 8, on_pipe_connection), 0);
    host.answer = OK_HEAD "Content-Length: 2\r\n\r\nhi";
    ask_and_wait(&(struct http_ask){.to = &docker, .method = METHOD_GET});
    assert_false(asked.failed);
    assert_true(slice_is(asked.call.body, "hi"));
    assert_string_equal(buf_str(&host.asked), "GET /version HTTP/1.1\r\nHost: localhost\r\n"
                                              "Connection: close\r\n\r\n");
    uv_close((uv_handle_t *)&host.pipe, NULL);
    tmp_remove(folder);
}

/* ---- waiting for it */
static void serve_one(void *unused)
{
    (void)unused;
    UNTIL(&host.world, host.stream != NULL);
    UNTIL(&host.world, host.stream == NULL);
}

static void a_program_can_simply_wait(void **unused)
{
    (void)unused;
    struct http_result result;
    struct error err;
    uv_thread_t server;
    host.answer = "HTTP/1.1 418 Teapot\r\nA: b\r\nContent-Length: 5\r\n\r\nshort";
    uv_thread_create(&server, serve_one, NULL);
    int code = http_fetch(&(struct http_ask){.to = &to, .method = METHOD_GET}, &result, &err);
    uv_thread_join(&server);
    assert_int_equal(code, 0);
    assert_int_equal(result.status, 418);
    assert_string_equal(result.headers, "A: b\r\nContent-Length: 5\r\n");
    assert_string_equal(result.body, "short");
    assert_int_equal(result.body_len, 5);
    http_result_close(&result);
    http_result_close(&result);

    struct url tls = to;
    tls.tls = true;
    assert_int_equal(
        http_fetch(&(struct http_ask){.to = &tls, .method = METHOD_GET}, &result, &err), -1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(asks_byte_for_byte),
        TEST(understands_answers_of_every_kind),
        TEST(an_answer_to_head_has_no_body),
        TEST(a_body_can_be_told_in_pieces),
        TEST(says_why_nobody_answered),
        TEST(does_not_wait_for_ever),
        TEST(can_be_canceled_in_every_state),
        TEST(a_paused_call_holds_the_other_side_back),
        TEST(finds_names),
        TEST(refuses_what_it_cannot_ask),
        TEST(asks_over_a_unix_socket),
        TEST(a_program_can_simply_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
