/* tests/unit/executor/test_probes.c - probes against a server of the test's own, on a free port */
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "executor/probes.h"
#include "support/https.h"

static struct loop loop;
static struct launcher launcher;
static struct launch_client client;
static bool client_stopped;

/* A server that says one line of words and closes. "" says nothing and waits. */
static struct listener listener;
static const char *speech;
static char heard[2048];
static struct stream *open_stream;

static void on_server_closed(struct stream *s)
{
    if (open_stream == s)
        open_stream = NULL;
}

static void on_server_read(struct stream *s, struct slice data)
{
    snprintf(heard, sizeof(heard), "%.*s", (int)data.len, data.p);
    if (speech[0] == '\0')
        return;
    uv_buf_t out = uv_buf_init((char *)speech, (unsigned)strlen(speech));
    stream_try_write(s, &out, 1);
    stream_close(s, on_server_closed);
}

static void on_server_end(struct stream *s, const struct error *err)
{
    (void)err;
    stream_close(s, on_server_closed);
}

static const struct stream_events server_events = {.on_read = on_server_read,
                                                   .on_end = on_server_end};

static void on_server_stream(struct listener *l, struct stream *s)
{
    (void)l;
    open_stream = s;
    s->events = &server_events;
    stream_read(s, true);
}

static void on_listener_stopped(struct listener *l)
{
    l->data = NULL;
}
static void on_client_stopped(struct launch_client *c)
{
    (void)c;
    client_stopped = true;
}

static int begin(void **unused)
{
    (void)unused;
    struct error err;
    client_stopped = false;
    if (launcher_fork(NULL, &launcher, &err) != 0 || loop_init(&loop, &err) != 0)
        return -1;
    if (launch_client_start(&client, &loop.uv, &launcher, &err) != 0)
        return -1;
    listener.data = &listener;
    return listener_start(&listener, &loop, "127.0.0.1", 0, on_server_stream, &err);
}

static void stop_listening(void)
{
    listener_stop(&listener, on_listener_stopped);
    while (listener.data != NULL)
        uv_run(&loop.uv, UV_RUN_ONCE);
}

static int end(void **unused)
{
    (void)unused;
    if (listener.data != NULL)
        listener_stop(&listener, on_listener_stopped);
    if (open_stream != NULL)
        stream_close(open_stream, on_server_closed);
    launch_client_stop(&client, on_client_stopped);
    loop_run(&loop);
    assert_true(client_stopped);
    loop_close(&loop);
    waitpid(launcher.pid, NULL, 0);
    return 0;
}

static int answer; /* -1: none yet */

static void on_answer(struct probe *p, enum probe_answer a)
{
    (void)p;
    answer = (int)a;
}

static int ask(struct probe *p)
{
    answer = -1;
    p->code = NO_RESULT;
    p->ask(p, on_answer);
    assert_int_equal(answer, -1); /* later, never from inside the call */
    while (answer < 0)
        uv_run(&loop.uv, UV_RUN_ONCE);
    return answer;
}

static int ask_http(const char *path, bool ignore_1xx, int64_t timeout_ms, struct net_probe *p)
{
    struct error err;
    const struct net_question q = {.address = "127.0.0.1",
                                   .port = listener.port,
                                   .path = path,
                                   .timeout_ms = timeout_ms,
                                   .ignore_1xx = ignore_1xx};
    assert_int_equal(net_probe_init(p, &loop, &q, &err), 0);
    return ask(&p->probe);
}

static void judges_by_the_status(void **unused)
{
    (void)unused;
    static const struct {
        const char *says;
        bool ignore_1xx;
        enum probe_answer answer;
        int code;
        const char *cause;
    } all[] = {
        {"HTTP/1.1 200 OK\r\n\r\n", false, PROBE_GOOD, 200, "HTTP/1.1 200 OK"},
        {"HTTP/1.0 399 Odd\n\n", false, PROBE_GOOD, 399, "HTTP/1.0 399 Odd"},
        {"HTTP/1.1 404 Not Found\r\n\r\n", false, PROBE_BAD, 404, "HTTP/1.1 404 Not Found"},
        {"HTTP/1.1 503", false, PROBE_BAD, 503, "HTTP/1.1 503"},
        {"HTTP/1.1 400 Bad Request\r\n\r\n", false, PROBE_BAD, 400, "HTTP/1.1 400 Bad Request"},
        {"HTTP/1.1 100 Continue\r\n\r\n", false, PROBE_BAD, 100, "HTTP/1.1 100 Continue"},
        {"HTTP/1.1 100 Continue\r\n\r\n", true, PROBE_NEITHER, 100, "HTTP/1.1 100 Continue"},
        {"SSH-2.0-OpenSSH\r\n", false, PROBE_BAD, NO_RESULT, "its answer is not HTTP"},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        struct net_probe p;
        speech = all[i].says;
        assert_int_equal(ask_http("/ping?a=b", all[i].ignore_1xx, 0, &p), all[i].answer);
        assert_int_equal(p.probe.code, all[i].code);
        assert_string_equal(p.probe.cause, all[i].cause);
    }
    char want[128];
    snprintf(want, sizeof(want), "GET /ping?a=b HTTP/1.0\r\nHost: 127.0.0.1:%u\r\n", listener.port);
    assert_int_equal(strncmp(heard, want, strlen(want)), 0);
}

static void does_not_wait_for_ever(void **unused)
{
    (void)unused;
    struct net_probe p;
    speech = "";
    assert_int_equal(ask_http("/", false, 20, &p), PROBE_BAD);
    assert_string_equal(p.probe.cause, "no answer within 20 ms");
    assert_int_equal(p.probe.code, NO_RESULT);
}

static void a_port_that_opens_is_good(void **unused)
{
    (void)unused;
    struct net_probe p;
    speech = "";
    assert_int_equal(ask_http(NULL, false, 1000, &p), PROBE_GOOD);
    assert_int_equal(p.probe.code, 1);
    uint16_t port = listener.port;
    stop_listening();
    listener.port = port;
    assert_int_equal(ask_http(NULL, false, 1000, &p), PROBE_BAD);
    assert_non_null(strstr(p.probe.cause, "connection refused"));
    assert_int_equal(p.probe.code, 0);
}

static void refuses_a_path_that_cannot_be_asked_for(void **unused)
{
    (void)unused;
    struct net_probe p;
    struct error err;
    const struct net_question q = {.address = "127.0.0.1", .port = 80, .path = "/a b\r\nX: y"};
    assert_int_equal(net_probe_init(&p, &loop, &q, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
}

static void asks_over_ipv6(void **unused)
{
    (void)unused;
    static const char *const paths[] = {"/", NULL};
    struct error err;
    stop_listening();
    listener.data = &listener;
    if (listener_start(&listener, &loop, "::1", 0, on_server_stream, &err) != 0)
        skip_because(err.text);
    speech = "HTTP/1.1 204 Fine\r\n\r\n";
    for (size_t i = 0; i < COUNT(paths); i++) {
        struct net_probe p;
        const struct net_question q = {
            .address = "::1", .port = listener.port, .path = paths[i], .timeout_ms = 60000};
        assert_int_equal(net_probe_init(&p, &loop, &q, &err), 0);
        assert_int_equal(ask(&p.probe), PROBE_GOOD);
    }
    assert_non_null(strstr(heard, "Host: [::1]:"));
}

/* Whoever signed its certificate, and however old its TLS is (10.2). */
static void asks_over_https(void **unused)
{
    (void)unused;
    static const struct {
        int newest;
        const char *says;
        enum probe_answer answer;
        const char *cause;
    } all[] = {
        {TLS1_3_VERSION, "HTTP/1.1 200 OK\r\n\r\n", PROBE_GOOD, "HTTP/1.1 200 OK"},
        {TLS1_2_VERSION, "HTTP/1.1 302 Found\r\n\r\n", PROBE_GOOD, "HTTP/1.1 302 Found"},
        {TLS1_2_VERSION, "HTTP/1.1 500 Oh\r\n\r\n", PROBE_BAD, "HTTP/1.1 500 Oh"},
    };
    struct tls *tls = tls_new_for_anybody();
    struct error err;
    for (size_t i = 0; i < COUNT(all); i++) {
        struct net_probe p;
        struct https_server server;
        https_start(&server, all[i].newest, all[i].says);
        const struct net_question q = {.address = "127.0.0.1",
                                       .port = server.port,
                                       .path = "/",
                                       .tls = tls,
                                       .timeout_ms = 60000};
        assert_int_equal(net_probe_init(&p, &loop, &q, &err), 0);
        assert_int_equal(ask(&p.probe), all[i].answer);
        assert_string_equal(p.probe.cause, all[i].cause);
        https_stop(&server);
    }
    struct net_probe plain;
    const struct net_question q = {
        .address = "127.0.0.1", .port = listener.port, .path = "/", .tls = tls};
    speech = "HTTP/1.1 400 Bad Request\r\n\r\n";
    assert_int_equal(net_probe_init(&plain, &loop, &q, &err), 0);
    assert_int_equal(ask(&plain.probe), PROBE_BAD);
    assert_non_null(strstr(plain.probe.cause, "plain HTTP came"));
    tls_unref(tls);
}

static void a_command_is_judged_by_its_end(void **unused)
{
    (void)unused;
    static const struct {
        const char *command;
        enum probe_answer answer;
        int code;
        const char *cause;
    } all[] = {
        {"exit 0", PROBE_GOOD, 0, "Command exited with status 0"},
        {"[ $WORD = yes ] && [ $(pwd) = /tmp ] && exit 4", PROBE_BAD, 4,
         "Command exited with status 4"},
        {"kill -KILL $$", PROBE_BAD, NO_RESULT, "Command terminated with signal Killed"},
        {"sleep 1000 & sleep 1000", PROBE_BAD, NO_RESULT, "no answer within 50 ms"},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        char *argv[] = {"/bin/sh", "-c", (char *)all[i].command, NULL};
        char *env[] = {"PATH=/bin:/usr/bin", "WORD=yes", NULL};
        struct order order = {.kind = ORDER_HELPER,
                              .cwd = "/tmp",
                              .argv = argv,
                              .env = env,
                              .timeout_ms = i == 3 ? 50 : 60000};
        struct command_probe p;
        command_probe_init(&p, &client, &order);
        assert_int_equal(ask(&p.probe), all[i].answer);
        assert_int_equal(p.probe.code, all[i].code);
        assert_string_equal(p.probe.cause, all[i].cause);
    }
}

static void a_command_without_a_launcher_is_bad(void **unused)
{
    (void)unused;
    char *argv[] = {"/bin/true", NULL};
    struct order order = {.kind = ORDER_HELPER, .cwd = "/tmp", .argv = argv};
    struct command_probe p;
    kill(launcher.pid, SIGKILL);
    while (!client.gone)
        uv_run(&loop.uv, UV_RUN_ONCE);
    command_probe_init(&p, &client, &order);
    assert_int_equal(ask(&p.probe), PROBE_BAD);
    assert_string_equal(p.probe.cause, "the launcher process is gone");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(judges_by_the_status),
        T(does_not_wait_for_ever),
        T(a_port_that_opens_is_good),
        T(refuses_a_path_that_cannot_be_asked_for),
        T(asks_over_ipv6),
        T(asks_over_https),
        T(a_command_is_judged_by_its_end),
        T(a_command_without_a_launcher_is_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
