/* tests/unit/executor/test_docker.c - the driver against an engine of the test's own, which speaks
 * HTTP over a Unix socket and has at most one container */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "executor/docker.h"
#include "executor/fields.h"
#include "http/parser.h"
#include "support/tmp.h"

#define GUARD_MS 20000

/* ---- the engine */

enum container_state { ABSENT, CREATED, RUNS, EXITED };

static struct engine_world {
    uv_pipe_t listener;
    char socket[TMP_PATH_SIZE], address[2 * TMP_PATH_SIZE];
    struct conn *conns[32];
    bool listening;
    /* what the test says about it */
    char owner[TMP_PATH_SIZE]; /* as the container's label has it */
    bool has_image, pull_fails, start_fails, ignores_term, no_logs, hold_start_fails;
    /* what has happened */
    enum container_state state;
    int code;
    bool oom;
    char body[8192], asked[8192]; /* of create; all questions so far */
    char output[4096];            /* frames so far */
    size_t output_n;
} engine;

struct conn {
    uv_pipe_t pipe;
    struct parser *parser;
    enum { TALKS, WAITS, FOLLOWS } what; /* the last two are answered when the container ends */
    size_t sent;                         /* of the output */
};

static struct http_limits limits;

static void on_conn_closed(uv_handle_t *handle)
{
    struct conn *c = handle->data;
    parser_free(c->parser);
    free(c);
}

static void conn_close(struct conn *c)
{
    for (size_t i = 0; i < 32; i++)
        if (engine.conns[i] == c)
            engine.conns[i] = NULL;
    if (!uv_is_closing((uv_handle_t *)&c->pipe))
        uv_close((uv_handle_t *)&c->pipe, on_conn_closed);
}

static void conn_say(struct conn *c, const void *bytes, size_t n)
{
    uv_buf_t out = uv_buf_init((char *)bytes, (unsigned)n);
    uv_try_write((uv_stream_t *)&c->pipe, &out, 1);
}

static void conn_answer(struct conn *c, const char *status, const char *body)
{
    char text[4096];
    int n = snprintf(text, sizeof(text), "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n%s", status,
                     strlen(body), body);
    conn_say(c, text, (size_t)n);
    conn_close(c);
}

static void follow_up(void)
{
    for (size_t i = 0; i < 32; i++) {
        struct conn *c = engine.conns[i];
        if (c == NULL)
            continue;
        if (c->what == FOLLOWS && c->sent < engine.output_n) {
            conn_say(c, engine.output + c->sent, engine.output_n - c->sent);
            c->sent = engine.output_n;
        }
        if (engine.state == RUNS)
            continue;
        if (c->what == FOLLOWS)
            conn_close(c);
        else if (c->what == WAITS)
            conn_answer(c, "200 OK", "{\"StatusCode\":0}");
    }
}

/* The container says a line on stdout, at second `second`. */
static void engine_prints(int second, const char *line)
{
    char text[256];
    int n = snprintf(text, sizeof(text), "2024-05-01T00:00:%02d.000000000Z %s\n", second, line);
    char head[8] = {1, 0, 0, 0, 0, 0, 0, (char)n};
    memcpy(engine.output + engine.output_n, head, 8);
    memcpy(engine.output + engine.output_n + 8, text, (size_t)n);
    engine.output_n += 8 + (size_t)n;
    follow_up();
}

static void engine_ends(int code)
{
    engine.state = EXITED;
    engine.code = code;
    follow_up();
}

static void on_inspect(struct conn *c, const struct request *r)
{
    static const char *const words[] = {"", "created", "running", "exited"};
    char text[2048];
    (void)r;
    if (engine.state == ABSENT) {
        conn_answer(c, "404 Not Found", "{\"message\":\"No such container: x\"}");
        return;
    }
    snprintf(
        text, sizeof(text),
        "{\"Id\":\"abc\",\"State\":{\"Status\":\"%s\",\"Running\":%s,\"Pid\":%d,\"ExitCode\":%d,"
        "\"OOMKilled\":%s,\"StartedAt\":\"2024-05-01T00:00:00.5Z\",\"FinishedAt\":"
        "\"2024-05-01T00:01:00Z\"},\"Config\":{\"Tty\":false,\"StopSignal\":\"SIGQUIT\",\"Labels\":"
        "{"
        "\"mesolith.owner\":\"%s\"}},"
        "\"HostConfig\":{\"Memory\":67108864},\"NetworkSettings\":{\"IPAddress\":\"\","
        "\"Networks\":{\"bridge\":{\"IPAddress\":\"172.17.0.2\",\"GlobalIPv6Address\":\"fd00::2\"}}"
        "}}",
        words[engine.state], engine.state == RUNS ? "true" : "false",
        engine.state == RUNS ? 4242 : 0, engine.code, engine.oom ? "true" : "false", engine.owner);
    conn_answer(c, "200 OK", text);
}

static void on_version(struct conn *c, const struct request *r)
{
    (void)r;
    conn_answer(c, "200 OK", "{\"Version\":\"99.1\",\"ApiVersion\":\"1.41\"}");
}

static void on_image(struct conn *c, const struct request *r)
{
    (void)r;
    conn_answer(c, engine.has_image ? "200 OK" : "404 Not Found",
                "{\"message\":\"No such image\"}");
}

static void on_pull(struct conn *c, const struct request *r)
{
    static const char good[] = "HTTP/1.1 200 OK\r\n\r\n{\"status\":\"Pulling from nginx\"}\r\n"
                               "{\"status\":\"Downloading\",\"id\":\"a\",\"progressDetail\":{"
                               "\"current\":40,\"total\":100}}\r\n";
    static const char bad[] =
        "HTTP/1.1 200 OK\r\n\r\n{\"errorDetail\":{},\"error\":\"manifest unknown\"}\r\n";
    (void)r;
    engine.has_image = !engine.pull_fails;
    if (engine.pull_fails)
        conn_say(c, bad, sizeof(bad) - 1);
    else
        conn_say(c, good, sizeof(good) - 1);
    conn_close(c);
}

static void on_create(struct conn *c, const struct request *r)
{
    (void)r;
    struct slice body = parser_body(c->parser);
    snprintf(engine.body, sizeof(engine.body), "%.*s", (int)body.len, body.p);
    engine.state = CREATED;
    conn_answer(c, "201 Created", "{\"Id\":\"abc\"}");
}

static void on_start(struct conn *c, const struct request *r)
{
    (void)r;
    if (engine.start_fails) {
        conn_answer(c, "500 Internal Server Error", "{\"message\":\"exec: \\\"x\\\": not found\"}");
        return;
    }
    engine.state = RUNS;
    conn_answer(c, "204 No Content", "");
}

static void on_wait(struct conn *c, const struct request *r)
{
    (void)r;
    c->what = WAITS;
    follow_up();
}

static void on_logs(struct conn *c, const struct request *r)
{
    static const char head[] = "HTTP/1.1 200 OK\r\n\r\n";
    (void)r;
    if (engine.no_logs) {
        conn_answer(c, "501 Not Implemented",
                    "{\"message\":\"configured logging driver does not support reading\"}");
        return;
    }
    c->what = FOLLOWS;
    conn_say(c, head, sizeof(head) - 1);
    follow_up();
}

static void on_signal(struct conn *c, const struct request *r)
{
    bool kills = memmem(r->target.p, r->target.len, "SIGKILL", 7) != NULL;
    conn_answer(c, "204 No Content", "");
    if (kills || !engine.ignores_term)
        engine_ends(kills ? 137 : 0);
}

/* The container that holds a network: it has no state here. */
static void on_hold(struct conn *c, const struct request *r)
{
    bool starts = memmem(r->target.p, r->target.len, "/start", 6) != NULL;
    if (starts && engine.hold_start_fails)
        conn_answer(c, "500 Internal Server Error", "{\"message\":\"port is taken\"}");
    else
        conn_answer(c, "200 OK",
                    "{\"Id\":\"h\",\"NetworkSettings\":{\"IPAddress\":\"172.18.0.9\"}}");
}

static void on_delete(struct conn *c, const struct request *r)
{
    (void)r;
    engine.state = ABSENT;
    conn_answer(c, "204 No Content", "");
    follow_up();
}

static void on_list(struct conn *c, const struct request *r)
{
    (void)r;
    conn_answer(c, "200 OK",
                engine.state == ABSENT
                    ? "[]"
                    : "[{\"Id\":\"abc\",\"Labels\":{\"mesolith.number\":\"1\"}}]");
}

static const struct {
    const char *method, *target; /* "*": anything */
    void (*answer)(struct conn *c, const struct request *r);
} doors[] = {
    {"GET", "/version", on_version},
    {"GET", "/images/*", on_image},
    {"POST", "/images/create?fromImage=*", on_pull},
    {"POST", "/containers/create?name=mesos-c0ffee", on_create},
    {"POST", "/containers/mesos-c0ffee/start", on_start},
    {"POST", "/containers/mesos-c0ffee/wait", on_wait},
    {"POST", "/containers/mesos-c0ffee/kill?signal=*", on_signal},
    {"GET", "/containers/mesos-c0ffee/logs?follow=1&stdout=1&stderr=1&timestamps=1&since=*",
     on_logs},
    {"GET", "/containers/mesos-c0ffee/json", on_inspect},
    {"GET", "/containers/abc/json", on_inspect},
    {"GET", "/containers/json?all=1&filters=*", on_list},
    {"POST", "/containers/create?name=mesos-c0ffee.net", on_hold},
    {"POST", "/containers/mesos-c0ffee.net/start", on_hold},
    {"GET", "/containers/mesos-c0ffee.net/json", on_hold},
    {"DELETE", "/containers/mesos-c0ffee.net?force=1&v=1", on_hold},
    {"DELETE", "/containers/*", on_delete},
};

static bool matches(const char *pattern, struct slice target)
{
    size_t n = strlen(pattern);
    if (pattern[n - 1] == '*')
        return target.len >= n - 1 && memcmp(target.p, pattern, n - 1) == 0;
    return slice_is(target, pattern);
}

static void answer(struct conn *c)
{
    const struct request *r = parser_request(c->parser);
    size_t n = strlen(engine.asked);
    if (!slice_is(r->target, "/version"))
        snprintf(engine.asked + n, sizeof(engine.asked) - n, "%s %.*s\n", r->method_text,
                 (int)strcspn(r->target.p, " \r"), r->target.p);
    for (size_t i = 0; i < sizeof(doors) / sizeof(*doors); i++) {
        if (str_eq(doors[i].method, r->method_text) && matches(doors[i].target, r->target)) {
            doors[i].answer(c, r);
            return;
        }
    }
    conn_answer(c, "400 Bad Request", "{\"message\":\"the test knows no such door\"}");
}

static void on_conn_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    static char bytes[65536];
    (void)handle;
    (void)suggested;
    *buf = uv_buf_init(bytes, sizeof(bytes));
}

static void on_conn_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct conn *c = stream->data;
    struct slice in = {buf->base, n > 0 ? (size_t)n : 0};
    struct error err;
    if (n < 0) {
        conn_close(c);
        return;
    }
    enum parse_result result = parser_feed(c->parser, &in, &err);
    if (result == PARSE_HEAD)
        result = parser_feed(c->parser, &in, &err);
    if (result == PARSE_DONE)
        answer(c);
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct conn *c = calloc(1, sizeof(*c));
    (void)status;
    uv_pipe_init(listener->loop, &c->pipe, 0);
    c->pipe.data = c;
    c->parser = parser_new(PARSER_REQUESTS, &limits);
    uv_accept(listener, (uv_stream_t *)&c->pipe);
    uv_read_start((uv_stream_t *)&c->pipe, on_conn_alloc, on_conn_read);
    size_t i = 0;
    while (engine.conns[i] != NULL)
        i++;
    engine.conns[i] = c;
}

/* ---- the world around */

static struct loop loop;
static uv_timer_t guard;
static bool guard_over;
static char root[TMP_PATH_SIZE], folder[TMP_PATH_SIZE], sandbox[TMP_PATH_SIZE];
static struct docker_driver docker;
static struct driver *driver;
static bool stopped, changed;

static void on_guard(uv_timer_t *timer)
{
    (void)timer;
    guard_over = true;
}

static void await_flag(bool *flag)
{
    guard_over = false;
    uv_timer_start(&guard, on_guard, GUARD_MS, 0);
    while (!*flag && !guard_over)
        uv_run(&loop.uv, UV_RUN_ONCE);
    uv_timer_stop(&guard);
    if (!*flag)
        fail_msg("waited in vain; asked:\n%s", engine.asked);
    *flag = false;
}

static void engine_listens(void)
{
    uv_pipe_init(&loop.uv, &engine.listener, 0);
    assert_int_equal(uv_pipe_bind(&engine.listener, engine.socket), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&engine.listener, 16, on_connection), 0);
    engine.listening = true;
}

static void engine_leaves(void)
{
    for (size_t i = 0; i < 32; i++)
        if (engine.conns[i] != NULL)
            conn_close(engine.conns[i]);
    if (engine.listening)
        uv_close((uv_handle_t *)&engine.listener, NULL);
    engine.listening = false;
    unlink(engine.socket);
}

static void on_changed(struct docker_driver *d)
{
    (void)d;
    changed = true;
}

static void on_stopped(struct docker_driver *d)
{
    (void)d;
    stopped = true;
}

static bool network_is_needed;

static bool is_needed(struct docker_driver *d, int64_t network)
{
    (void)d;
    (void)network;
    return network_is_needed;
}

static void begin_driver(void)
{
    struct docker_options options = {.where = engine.address,
                                     .owner = root,
                                     .log_bytes = 1 << 20,
                                     .log_files = 2,
                                     .hold = "/data/hold",
                                     .needed = is_needed};
    struct error err;
    docker.data = NULL;
    if (docker_start(&docker, &loop, &options, on_changed, &err) != 0)
        fail_msg("%s", err.text);
    driver = &docker.driver;
    await_flag(&changed);
}

static void end_driver(void)
{
    docker_stop(&docker, on_stopped);
    await_flag(&stopped);
}

static int begin(void **unused)
{
    (void)unused;
    struct error err;
    tmp_make(root);
    snprintf(folder, sizeof(folder), "%.200s/N", root);
    snprintf(sandbox, sizeof(sandbox), "%.200s/S", root);
    mkdir(folder, 0700);
    mkdir(sandbox, 0700);
    limits = http_limits_default();
    engine = (struct engine_world){.has_image = true};
    snprintf(engine.socket, sizeof(engine.socket), "%.200s/docker.sock", root);
    snprintf(engine.owner, sizeof(engine.owner), "%s", root);
    snprintf(engine.address, sizeof(engine.address), "unix://%s", engine.socket);
    changed = stopped = false;
    if (loop_init(&loop, &err) != 0)
        return -1;
    uv_timer_init(&loop.uv, &guard);
    engine_listens();
    begin_driver();
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    end_driver();
    engine_leaves();
    uv_close((uv_handle_t *)&guard, NULL);
    loop_run(&loop);
    loop_close(&loop);
    tmp_remove(root);
    return 0;
}

/* ---- one task */

static struct run_spec spec;
static struct run run;
static bool started, ended, progressed;
static char details[256];

static void on_run_started(struct run *r)
{
    (void)r;
    started = true;
}

static void on_run_ended(struct run *r)
{
    (void)r;
    ended = true;
}

static void on_run_progress(struct run *r)
{
    size_t n = strlen(details);
    snprintf(details + n, sizeof(details) - n, "%s|", r->detail);
    progressed = true;
}

static void know_task(void)
{
    started = ended = progressed = false;
    details[0] = '\0';
    run = (struct run){.number = 1,
                       .name = "web.1",
                       .folder = folder,
                       .sandbox = sandbox,
                       .container = "c0ffee",
                       .started = on_run_started,
                       .ended = on_run_ended,
                       .progress = on_run_progress};
}

static bool shares; /* it is the first of a pod's containers that share a network */

static void launch(void)
{
    static char *env[] = {"A=1", NULL};
    struct error err;
    know_task();
    spec = (struct run_spec){.image = "nginx", .cpus_milli = 100, .force_pull = false};
    run.network = shares ? run.number : 0;
    run.joins = shares ? run.container : NULL;
    run.spec = &spec;
    run.env = env;
    if (driver->launch(driver, &run, &err) != 0)
        fail_msg("%s", err.text);
    assert_false(started || ended);
}

static const char *text_of(const char *name)
{
    static char text[1024];
    char path[2 * TMP_PATH_SIZE];
    snprintf(path, sizeof(path), "%s/%s", sandbox, name);
    int fd = open(path, O_RDONLY);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static void await_output(const char *want)
{
    guard_over = false;
    uv_timer_start(&guard, on_guard, GUARD_MS, 0);
    while (strcmp(text_of("stdout"), want) != 0 && !guard_over)
        uv_run(&loop.uv, UV_RUN_ONCE);
    uv_timer_stop(&guard);
    assert_string_equal(text_of("stdout"), want);
}

static void runs_a_container_to_its_end(void **unused)
{
    (void)unused;
    launch();
    await_flag(&started);
    assert_int_equal(run.pid, 4242);
    assert_string_equal(run.address, "172.17.0.2");
    assert_string_equal(run.address6, "fd00::2");
    assert_int_equal(run.began.ms % 1000, 500);
    assert_non_null(strstr(engine.body, "\"mesolith.task=web.1\"") != NULL
                        ? engine.body
                        : strstr(engine.body, "\"mesolith.task\":\"web.1\""));
    engine_prints(1, "hello");
    await_output("hello\n");
    engine_prints(2, "last words");
    engine_ends(3);
    await_flag(&ended);
    assert_int_equal(run.end.how, END_EXITED);
    assert_int_equal(run.end.code, 3);
    assert_string_equal(run.end.message, "Container exited with status 3");
    assert_false(run.end.killed);
    assert_true(run.end.ended.ms > 0);
    assert_string_equal(text_of("stdout"), "hello\nlast words\n");
    assert_int_equal(engine.state, EXITED); /* may still be looked at */
}

static void pulls_what_is_not_there(void **unused)
{
    (void)unused;
    engine.has_image = false;
    launch();
    await_flag(&started);
    assert_string_equal(details, "pulling|pulling 40 %|");
    assert_non_null(strstr(engine.asked, "fromImage=nginx&tag=latest\n"));
    engine_ends(0);
    await_flag(&ended);
}

static void says_the_engines_words_when_it_cannot(void **unused)
{
    (void)unused;
    engine.has_image = false;
    engine.pull_fails = true;
    launch();
    await_flag(&ended);
    assert_int_equal(run.end.how, END_NOT_STARTED);
    assert_string_equal(run.end.message, "docker: manifest unknown");
    engine.has_image = engine.start_fails = true;
    launch();
    await_flag(&ended);
    assert_int_equal(run.end.how, END_NOT_STARTED);
    assert_string_equal(run.end.message, "docker: exec: \"x\": not found");
    assert_int_equal(engine.state, ABSENT); /* nothing is left behind */
}

static void refuses_before_it_asks(void **unused)
{
    (void)unused;
    struct error err;
    know_task();
    spec = (struct run_spec){.image = "../containers/x/json?", .cpus_milli = 100};
    run.spec = &spec;
    assert_int_equal(driver->launch(driver, &run, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
}

static void stops_with_the_images_signal(void **unused)
{
    (void)unused;
    launch();
    await_flag(&started);
    driver->kill(driver, &run, 60000);
    await_flag(&ended);
    assert_true(run.end.killed);
    assert_int_equal(run.end.code, 0);
    assert_non_null(strstr(engine.asked, "kill?signal=SIGQUIT"));
    assert_null(strstr(engine.asked, "SIGKILL"));
}

static void kills_after_the_grace(void **unused)
{
    (void)unused;
    engine.ignores_term = true;
    launch();
    await_flag(&started);
    driver->kill(driver, &run, 3600000);
    driver->kill(driver, &run, 20);
    await_flag(&ended);
    assert_true(run.end.killed);
    assert_int_equal(run.end.code, 137);
}

static void a_kill_comes_at_any_time(void **unused)
{
    (void)unused;
    for (unsigned turns = 0; turns < 2000; turns = turns * 5 / 4 + 1) {
        engine.has_image = false;
        engine.state = ABSENT;
        launch();
        for (unsigned i = 0; i < turns && !ended; i++)
            uv_run(&loop.uv, UV_RUN_NOWAIT);
        driver->kill(driver, &run, 5);
        await_flag(&ended);
        assert_true(run.end.killed);
        assert_int_not_equal(engine.state, RUNS);
    }
}

static void out_of_memory_is_called_so(void **unused)
{
    (void)unused;
    launch();
    await_flag(&started);
    engine.oom = true;
    engine_ends(137);
    await_flag(&ended);
    assert_int_equal(run.end.how, END_OUT_OF_MEMORY);
    assert_string_equal(run.end.message, "Memory limit exceeded: Requested: 64MB");
}

static void count_warnings(void *data, enum log_level level, const char *line)
{
    if (level == LOG_WARN && strstr(line, "output not understood") != NULL)
        ++*(int *)data;
}

static int times_asked(const char *what)
{
    int n = 0;
    for (const char *at = engine.asked; (at = strstr(at, what)) != NULL; at++)
        n++;
    return n;
}

static void output_that_is_not_understood_is_told_once(void **unused)
{
    int warnings = 0;
    (void)unused;
    log_set_sink(count_warnings, &warnings, LOG_WARN);
    memcpy(engine.output, "\011\0\0\0\0\0\0\001x", 9); /* there is no output 9 */
    engine.output_n = 9;
    launch();
    await_flag(&started);
    guard_over = false;
    uv_timer_start(&guard, on_guard, GUARD_MS, 0);
    while (times_asked("/logs?") < 3 && !guard_over) /* the second a while later, the third … */
        uv_run(&loop.uv, UV_RUN_ONCE);
    uv_timer_stop(&guard);
    assert_int_equal(times_asked("/logs?"), 3);
    assert_int_equal(warnings, 1);
    log_set_sink(NULL, NULL, LOG_ERROR);
    engine_ends(0);
    await_flag(&ended);
}

static void output_that_cannot_be_had_stops_nothing(void **unused)
{
    (void)unused;
    engine.no_logs = true;
    launch();
    await_flag(&started);
    engine_ends(0);
    await_flag(&ended);
    assert_int_equal(run.end.code, 0);
}

/* ---- agents and engines come and go */

static void a_new_agent_finds_the_container(void **unused)
{
    (void)unused;
    launch();
    await_flag(&started);
    engine_prints(1, "one");
    await_output("one\n");
    end_driver();
    assert_false(ended);
    engine_prints(2, "two");
    begin_driver();
    know_task();
    run.begun = true;
    driver->recover(driver, &run);
    await_flag(&started);
    assert_int_equal(run.pid, 4242);
    engine_prints(3, "three");
    await_output("one\ntwo\nthree\n");
    engine_ends(5);
    await_flag(&ended);
    assert_int_equal(run.end.code, 5);
    assert_string_equal(text_of("stdout"), "one\ntwo\nthree\n");
}

static void a_new_agent_learns_of_the_end(void **unused)
{
    (void)unused;
    launch();
    await_flag(&started);
    end_driver();
    engine_prints(1, "in between");
    engine_ends(7);
    begin_driver();
    know_task();
    run.begun = true;
    driver->recover(driver, &run);
    await_flag(&ended);
    assert_false(started);
    assert_int_equal(run.end.code, 7);
    assert_string_equal(text_of("stdout"), "in between\n");
}

static void tells_never_from_lost(void **unused)
{
    (void)unused;
    know_task();
    driver->recover(driver, &run);
    await_flag(&ended);
    assert_int_equal(run.end.how, END_NEVER);
    know_task();
    run.begun = true;
    driver->recover(driver, &run);
    await_flag(&ended);
    assert_int_equal(run.end.how, END_LOST);
    assert_string_equal(run.end.message, "Its container was removed");
    know_task();
    run.begun = true;
    engine.state = CREATED;
    driver->recover(driver, &run);
    await_flag(&ended);
    assert_int_equal(run.end.how, END_NEVER);
    assert_int_equal(engine.state, ABSENT);
}

/* The container's label names the folder of tasks where it was begun. */
static void recover_of(const char *tasks, const char *container)
{
    struct fields task = {0};
    struct error err;
    char path[300];
    str_copy(engine.owner, sizeof engine.owner, tasks);
    snprintf(path, sizeof path, "%.200s/1", tasks);
    mkdir(tasks, 0700);
    mkdir(path, 0700);
    int original = open(path, O_RDONLY | O_DIRECTORY);
    fields_put(&task, "container", container);
    assert_int_equal(fields_save(&task, original, "task", false, &err), 0);
    close(original);
    know_task();
    run.begun = true;
    driver->recover(driver, &run);
    driver->kill(driver, &run, 0);
    await_flag(&ended);
}

static void a_copied_folder_does_not_end_the_container_of_the_original(void **unused)
{
    (void)unused;
    char original[280];
    launch();
    await_flag(&started);
    end_driver();
    begin_driver();
    snprintf(original, sizeof original, "%.200s/tasks", root);
    recover_of(original, "c0ffee");
    assert_int_equal(run.end.how, END_LOST);
    assert_non_null(strstr(run.end.message, "is a copy"));
    assert_int_equal(engine.state, RUNS);
    recover_of(original, "another"); /* that was moved away, and another is there now */
    assert_true(run.end.killed);
    assert_int_not_equal(engine.state, RUNS);
}

static void a_restarted_engine_changes_nothing(void **unused)
{
    (void)unused;
    launch();
    await_flag(&started);
    engine_prints(1, "before");
    await_output("before\n");
    engine_leaves();
    uv_run(&loop.uv, UV_RUN_NOWAIT);
    engine_listens();
    engine_prints(2, "after");
    await_output("before\nafter\n");
    assert_false(ended);
    engine_ends(0);
    await_flag(&ended);
    assert_int_equal(run.end.how, END_EXITED);
}

static void says_that_there_is_no_engine(void **unused)
{
    (void)unused;
    struct error err;
    assert_string_equal(docker.version, "99.1");
    end_driver();
    engine_leaves();
    begin_driver();
    char want[4 * TMP_PATH_SIZE];
    snprintf(want, sizeof(want), "docker: no engine at %s", engine.address);
    assert_string_equal(docker.version, "");
    assert_string_equal(docker.reason, want);
    know_task();
    spec = (struct run_spec){.image = "nginx"};
    run.spec = &spec;
    assert_int_equal(driver->launch(driver, &run, &err), -1);
    assert_string_equal(err.text, want);
    engine_listens();
    uv_timer_start(&docker.timer, docker.timer.timer_cb, 0, 0); /* its time has come */
    await_flag(&changed);
    assert_string_equal(docker.version, "99.1");
}

static bool was_asked(const char *question)
{
    return strstr(engine.asked, question) != NULL;
}

#define REMOVES_HOLD "DELETE /containers/mesos-c0ffee.net?force=1&v=1\n"

static void a_network_is_held_until_the_last_has_ended(void **unused)
{
    (void)unused;
    for (int needed = 0; needed < 2; needed++) {
        engine.asked[0] = '\0';
        shares = true;
        network_is_needed = needed;
        launch();
        shares = false;
        await_flag(&started);
        assert_string_equal(run.address, "172.18.0.9");
        assert_true(was_asked("POST /containers/create?name=mesos-c0ffee.net\n"
                              "POST /containers/mesos-c0ffee.net/start\n"
                              "POST /containers/create?name=mesos-c0ffee\n"));
        engine_ends(0);
        await_flag(&ended);
        assert_true(run.let_go);
        assert_int_equal(was_asked(REMOVES_HOLD), !needed);
    }
}

static void a_network_that_cannot_be_had_is_no_start_and_leaves_nothing(void **unused)
{
    (void)unused;
    engine.hold_start_fails = shares = true;
    network_is_needed = false;
    launch();
    shares = false;
    await_flag(&ended);
    assert_int_equal(run.end.how, END_NOT_STARTED);
    assert_string_equal(run.end.message, "docker: port is taken");
    assert_true(was_asked(REMOVES_HOLD));
    assert_false(was_asked("create?name=mesos-c0ffee\n"));
}

/* Whoever stops the agent stops no pod. */
static void a_driver_that_stops_removes_no_network(void **unused)
{
    (void)unused;
    shares = true;
    network_is_needed = false;
    launch();
    shares = false;
    await_flag(&started);
    end_driver();
    assert_false(was_asked(REMOVES_HOLD));
    begin_driver();
}

static void sweeps_what_nobody_follows(void **unused)
{
    (void)unused;
    launch();
    await_flag(&started);
    docker_sweep(&docker);
    while (engine_busy(&docker.sweep))
        uv_run(&loop.uv, UV_RUN_ONCE);
    assert_int_equal(engine.state, RUNS); /* ours */
    end_driver();
    begin_driver();
    docker_sweep(&docker);
    while (engine_busy(&docker.sweep))
        uv_run(&loop.uv, UV_RUN_ONCE);
    assert_int_equal(engine.state, ABSENT); /* an orphan */
}

static void stops_at_any_time(void **unused)
{
    (void)unused;
    for (unsigned turns = 0; turns < 2000; turns = turns * 5 / 4 + 1) {
        engine.has_image = false;
        engine.state = ABSENT;
        launch();
        for (unsigned i = 0; i < turns && !started; i++)
            uv_run(&loop.uv, UV_RUN_NOWAIT);
        end_driver();
        assert_false(ended);
        begin_driver();
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(runs_a_container_to_its_end),
        T(pulls_what_is_not_there),
        T(says_the_engines_words_when_it_cannot),
        T(refuses_before_it_asks),
        T(stops_with_the_images_signal),
        T(kills_after_the_grace),
        T(a_kill_comes_at_any_time),
        T(out_of_memory_is_called_so),
        T(output_that_is_not_understood_is_told_once),
        T(output_that_cannot_be_had_stops_nothing),
        T(a_new_agent_finds_the_container),
        T(a_new_agent_learns_of_the_end),
        T(tells_never_from_lost),
        T(a_copied_folder_does_not_end_the_container_of_the_original),
        T(a_restarted_engine_changes_nothing),
        T(says_that_there_is_no_engine),
        T(a_network_is_held_until_the_last_has_ended),
        T(a_network_that_cannot_be_had_is_no_start_and_leaves_nothing),
        T(a_driver_that_stops_removes_no_network),
        T(sweeps_what_nobody_follows),
        T(stops_at_any_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
