/* tests/bench/bench_http.c - how many small requests a second one core serves over keep-alive.
 *
 *     bench_http [SECONDS [CONNECTIONS]]     measures itself: server and clients in two processes
 *     bench_http --serve PORT                serves until it is killed, for wrk by hand:
 *                                            wrk -t1 -c64 -d5 http://127.0.0.1:PORT/
 *
 * The figure counts the server's processor time, so the clients on the other core do not matter. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/http_server.h"
#include "net/tcp.h"

static const char question[] = "GET /v2/apps?embed=apps.tasks HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                               "Accept: application/json\r\nUser-Agent: bench\r\n\r\n";

/* ---- the server: answers at once, from the callback */
static void on_request(struct http_server *s, struct exchange_id id, const struct request *r)
{
    (void)r;
    struct answer a = answer_whole(id, 200, "application/json", SLICE("{\"apps\":[]}"));
    http_server_answer(s, &a);
    answer_close(&a);
}

static const struct http_server_events events = {.on_request = on_request};

static struct loop loop;
static struct http_server *server;
static uv_signal_t on_term;

static void on_stopped(struct http_server *s)
{
    http_server_free(s);
}

static void on_signal(uv_signal_t *handle, int number)
{
    (void)number;
    uv_close((uv_handle_t *)handle, NULL);
    http_server_stop(server, 0, on_stopped);
}

/* Writes the port to `fd` when it listens (fd < 0: nowhere), serves until SIGTERM, then says what
 * it took. */
static int serve(uint16_t port, int fd)
{
    struct http_server_config config = http_server_config_default();
    struct error err;
    if (loop_init(&loop, &err) != 0)
        goto failed;
    server = http_server_new(&loop, &config, &events, NULL);
    if (http_server_listen(server, "bench", "127.0.0.1", port, &port, &err) != 0)
        goto failed;
    uv_signal_init(&loop.uv, &on_term);
    uv_signal_start(&on_term, on_signal, SIGTERM);
    if (fd >= 0 && write(fd, &port, sizeof(port)) != sizeof(port))
        return 1;
    loop_run(&loop);
    loop_close(&loop);
    return 0;
failed:
    fprintf(stderr, "bench_http: %s\n", err.text);
    return 1;
}

/* ---- the clients: each asks again as soon as it is answered */
static uint64_t answers;

static void ask(struct stream *s)
{
    uv_buf_t b = uv_buf_init((char *)question, sizeof(question) - 1);
    if (stream_try_write(s, &b, 1) != (int64_t)b.len)
        abort(); /* a question always fits */
}

static void on_read(struct stream *s, struct slice data)
{
    (void)data; /* an answer is small: it comes whole */
    answers++;
    ask(s);
}

static void on_end(struct stream *s, const struct error *err)
{
    (void)s;
    fprintf(stderr, "bench_http: the server closed: %s\n", err != NULL ? err->text : "");
    exit(1);
}

static const struct stream_events client_events = {.on_read = on_read, .on_end = on_end};

static void on_dialled(struct dial *d, struct stream *s, const struct error *err)
{
    (void)d;
    if (err != NULL) {
        fprintf(stderr, "bench_http: %s\n", err->text);
        exit(1);
    }
    s->events = &client_events;
    stream_read(s, true);
    ask(s);
}

static void on_time(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

static void ask_for(double seconds, int connections, uint16_t port)
{
    struct error err;
    struct dial *dials = calloc((size_t)connections, sizeof(*dials));
    uv_timer_t timer;
    if (dials == NULL || loop_init(&loop, &err) != 0)
        exit(1);
    for (int i = 0; i < connections; i++)
        if (dial_tcp(&dials[i], &loop, "127.0.0.1", port, on_dialled, &err) != 0)
            exit(1);
    uv_timer_init(&loop.uv, &timer);
    uv_timer_start(&timer, on_time, (uint64_t)(seconds * 1000), 0);
    loop_run(&loop); /* and what is open stays open: the process ends */
    free(dials);
}

static int measure(double seconds, int connections)
{
    int pipe_fds[2];
    uint16_t port;
    struct rusage used;
    if (pipe(pipe_fds) != 0)
        return 1;
    pid_t pid = fork();
    if (pid == 0)
        _exit(serve(0, pipe_fds[1]));
    if (pid < 0 || read(pipe_fds[0], &port, sizeof(port)) != sizeof(port))
        return 1;
    ask_for(seconds, connections, port);
    kill(pid, SIGTERM);
    wait4(pid, NULL, 0, &used);
    double cpu = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                 (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    printf("http: %.0f requests a second over %d connections, %.1f us of the server's processor "
           "time each: %.0f a second on one core\n",
           (double)answers / seconds, connections, cpu / (double)answers * 1e6,
           (double)answers / cpu);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--serve") == 0)
        return serve((uint16_t)atoi(argv[2]), -1);
    return measure(argc > 1 ? atof(argv[1]) : 3, argc > 2 ? atoi(argv[2]) : 64);
}
