/* Readiness checks ask a server that says what the test wants, and counts. */
#include "front.h"

#include "server.h"
#include "support/https.h"

static const char *speech;
static size_t asked_n, others_n; /* for "/up", for something else */

static const char *count(struct slice question)
{
    bool up = question.len > 8 && memcmp(question.p, "GET /up ", 8) == 0;
    asked_n += up;
    others_n += !up;
    return speech;
}

static void serve(const char *says)
{
    speech = says;
    asked_n = others_n = 0;
    server_start(count);
}

static void launch_asked(const char *more)
{
    char text[512];
    snprintf(text, sizeof(text),
             "\"readiness\":[{\"name\":\"up\",\"port\":%u,\"path\":\"/up\",\"interval_ms\":5,"
             "\"timeout_ms\":10000,\"ready_codes\":[200,204]%s}]",
             door.port, more);
    launch(1, "sleep 1000", text);
}

#define SAYS(text) (heard_n > 0 && strcmp(last()->readiness, text) == 0)

static void is_asked_until_it_is_ready_and_then_never_again(void **unused)
{
    (void)unused;
    serve("HTTP/1.1 503 Not Yet\r\nContent-Length: 0\r\n\r\n");
    launch_asked("");
    AWAIT(SAYS("[{\"name\":\"up\",\"ready\":false,\"said\":\"HTTP 503\"}]"));
    size_t told = heard_n, asked_before = asked_n;
    AWAIT(asked_n > asked_before + 2);
    assert_int_equal(heard_n, told); /* the same again is no news */
    speech = "HTTP/1.1 204 Yes\r\n\r\n";
    AWAIT(SAYS("[{\"name\":\"up\",\"ready\":true,\"said\":\"HTTP 204\"}]"));
    asked_before = asked_n;
    speech = "HTTP/1.1 503 Not Any More\r\n\r\n";
    end_executor(); /* nor by the agent's next process, which says what is known */
    begin_executor();
    AWAIT(SAYS("[{\"name\":\"up\",\"ready\":true}]"));
    char other[256];
    snprintf(other, sizeof(other),
             "\"checks\":[{\"kind\":\"http\",\"port\":%u,\"path\":\"/other\",\"interval_ms\":5,"
             "\"timeout_ms\":10000}]",
             door.port);
    launch(2, "sleep 1000", other);
    AWAIT(others_n > 3);
    assert_int_equal(asked_n, asked_before);
    server_stop();
}

static void keeps_the_last_response_when_it_is_to(void **unused)
{
    (void)unused;
    serve("HTTP/1.1 500 No\r\nContent-Type: text/x\r\nContent-Length: 5\r\n\r\n\"no\"\n");
    launch_asked(",\"keep_response\":true");
    AWAIT(SAYS("[{\"name\":\"up\",\"ready\":false,\"said\":\"HTTP 500\",\"lastResponse\":{"
               "\"status\":500,\"contentType\":\"text/x\",\"body\":\"\\\"no\\\"\\n\"}}]"));
    server_stop();
    AWAIT(strstr(last()->readiness, "\"status\":504") != NULL);
    assert_non_null(strstr(last()->readiness, "\"contentType\":\"text/plain\",\"body\":\""));
    assert_non_null(strstr(last()->readiness, "connection refused"));
}

static void a_path_that_is_too_long_is_said(void **unused)
{
    (void)unused;
    char more[2048];
    snprintf(more, sizeof(more),
             "\"readiness\":[{\"name\":\"up\",\"port\":1,\"path\":\"/%01022d\",\"interval_ms\":5,"
             "\"timeout_ms\":10000,\"ready_codes\":[200]}]",
             0);
    launch(1, "sleep 1000", more);
    AWAIT(heard_n > 0 && strstr(last()->readiness, "connection refused") != NULL);
    snprintf(more, sizeof(more),
             "\"readiness\":[{\"name\":\"up\",\"port\":1,\"path\":\"/%01023d\",\"interval_ms\":5,"
             "\"timeout_ms\":10000,\"ready_codes\":[200]}]",
             0);
    launch(2, "sleep 1000", more);
    AWAIT(SAYS("[{\"name\":\"up\",\"ready\":false,\"said\":"
               "\"path: got 1024 characters, need less than 1024\"}]"));
}

static void is_asked_over_https(void **unused)
{
    (void)unused;
    struct https_server server;
    https_start(&server, TLS1_3_VERSION, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    door.port = server.port;
    launch_asked(",\"https\":true,\"keep_response\":true");
    AWAIT(heard_n > 0 && strstr(last()->readiness, "\"ready\":true") != NULL);
    assert_non_null(strstr(last()->readiness, "\"body\":\"hi\""));
    https_stop(&server);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end_with_server)
    const struct CMUnitTest tests[] = {
        T(is_asked_until_it_is_ready_and_then_never_again),
        T(keeps_the_last_response_when_it_is_to),
        T(a_path_that_is_too_long_is_said),
        T(is_asked_over_https),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
