/* The network that the containers of a pod share goes with the last of them. */
#include "server.h"

static bool removed;

/* An engine where such a network is held. */
static const char *engine_says(struct slice question)
{
    static char answer[1024];
    static const struct {
        const char *question, *body;
    } ROWS[] = {
        {"GET /version", "{\"Version\":\"99.1\",\"ApiVersion\":\"1.41\"}"},
        {"GET /containers/json", "[{\"Id\":\"held\",\"Labels\":{\"mesolith.network\":\"1\"}}]"},
        {"GET /containers/held/json", "{\"Id\":\"held\",\"State\":{\"Running\":true}}"},
        {"DELETE /containers/held", "{}"},
    };
    for (size_t i = 0; i < COUNT(ROWS); i++) {
        size_t n = strlen(ROWS[i].question);
        if (question.len < n || memcmp(question.p, ROWS[i].question, n) != 0)
            continue;
        removed |= question.p[0] == 'D';
        snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
                 strlen(ROWS[i].body), ROWS[i].body);
        return answer;
    }
    return "HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}";
}

static int begin_with_engine(void **unused)
{
    static char where[64];
    begin(unused);
    server_start(engine_says);
    snprintf(where, sizeof(where), "tcp://127.0.0.1:%u", door.port);
    docker_where = where;
    end_executor();
    begin_executor();
    return 0;
}

static int end_with_engine(void **unused)
{
    docker_where = NULL;
    return end_with_server(unused);
}

static void it_goes_also_when_the_last_never_started(void **unused)
{
    (void)unused;
    static const char JOINS[] =
        "\"image\":\"x\",\"network\":\"task\",\"joins\":1,\"instance\":\"db\"";
    AWAIT(docker_told);
    launch(2, NULL, JOINS);
    launch(3, NULL, JOINS);
    removed = false;
    executor_kill(executor, 2, "");
    AWAIT(has_ended());
    assert_false(removed);
    executor_kill(executor, 3, "");
    AWAIT(removed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_goes_also_when_the_last_never_started, begin_with_engine,
                                        end_with_engine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
