/* tests/bench/bench_tls.c - what TLS costs beside plain TCP: connections a second, bytes a second,
 * memory a connection. Both sides run on one thread, and a second is one of processor time: each
 * figure is the work of both, system included, whatever else the machine does.
 *
 *     bench_tls [SECONDS]      of each measurement; 2 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../unit/support/ca.h"
#include "net/tls.h"

#define PIECE (256 << 10) /* of one write */
#define IDLE 400          /* connections that only exist */

static struct loop loop;
static struct tls *tls;
static struct tls_listener tls_listener;
static struct listener plain_listener;
static bool over_tls;

static struct wall ca_wall(struct clock *c)
{
    (void)c;
    return (struct wall){CA_NOW_MS};
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void stop_at(const char *what)
{
    fprintf(stderr, "bench_tls: %s\n", what);
    exit(1);
}

/* ---- two ends */
static struct stream *ends[2]; /* who dialled, who listened: of the newest connection */
static uint64_t bytes;
static char piece[PIECE];
static bool sending;

static void on_read(struct stream *s, struct slice data)
{
    (void)s;
    bytes += data.len;
}

static void on_end(struct stream *s, const struct error *err)
{
    (void)s;
    if (err != NULL && sending)
        stop_at(err->text);
}

static void on_written(struct stream *s, const struct error *err)
{
    if (err != NULL)
        stop_at(err->text);
    uv_buf_t b = uv_buf_init(piece, sizeof(piece));
    if (sending && stream_write(s, &b, 1) != 0)
        stop_at("a write failed");
}

static const struct stream_events events = {
    .on_read = on_read, .on_end = on_end, .on_written = on_written};

static void take(int side, struct stream *s)
{
    ends[side] = s;
    s->events = &events;
    stream_read(s, true);
}

static void on_tls_stream(struct tls_listener *l, struct stream *s)
{
    (void)l;
    take(1, s);
}

static void on_plain_stream(struct listener *l, struct stream *s)
{
    (void)l;
    take(1, s);
}

static const struct tls_listener_events tls_events = {.on_stream = on_tls_stream};

static void on_dialled(struct dial *d, struct stream *s, const struct error *err)
{
    (void)d;
    if (err != NULL)
        stop_at(err->text);
    take(0, s);
}

static void meet(void)
{
    struct dial dial = {0};
    struct error err;
    ends[0] = ends[1] = NULL;
    int code = over_tls
                   ? dial_tls(&dial, &loop, "127.0.0.1", tls_listener.port, tls, on_dialled, &err)
                   : dial_tcp(&dial, &loop, "127.0.0.1", plain_listener.port, on_dialled, &err);
    if (code != 0)
        stop_at(err.text);
    while (ends[0] == NULL || ends[1] == NULL)
        uv_run(&loop.uv, UV_RUN_ONCE);
}

static unsigned closed;

static void on_closed(struct stream *s)
{
    (void)s;
    closed++;
}

static void part(void)
{
    closed = 0;
    sending = false;
    stream_close(ends[0], on_closed);
    stream_close(ends[1], on_closed);
    while (closed < 2)
        uv_run(&loop.uv, UV_RUN_ONCE);
}

/* ---- measuring */
static double connections_a_second(double duration)
{
    double begun = seconds();
    unsigned n = 0;
    for (; seconds() - begun < duration; n++) {
        meet();
        part();
    }
    return n / (seconds() - begun);
}

static double megabytes_a_second(double duration)
{
    uv_buf_t b = uv_buf_init(piece, sizeof(piece));
    meet();
    double begun = seconds();
    bytes = 0;
    sending = true;
    if (stream_write(ends[0], &b, 1) != 0)
        stop_at("a write failed");
    while (seconds() - begun < duration)
        uv_run(&loop.uv, UV_RUN_ONCE);
    double figure = (double)bytes / 1e6 / (seconds() - begun);
    part();
    return figure;
}

static double resident_kib(void)
{
    long all, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f == NULL || fscanf(f, "%ld %ld", &all, &resident) != 2)
        stop_at("/proc/self/statm cannot be read");
    fclose(f);
    return (double)resident * (double)sysconf(_SC_PAGESIZE) / 1024;
}

static double kib_an_end(void)
{
    double before = resident_kib();
    for (int i = 0; i < IDLE; i++)
        meet(); /* and leaves it open */
    return (resident_kib() - before) / (2.0 * IDLE);
}

static void print(const char *what, const char *unit, double plain, double encrypted)
{
    printf("%-28s plain %10.1f  TLS %10.1f %s\n", what, plain, encrypted, unit);
}

static void measure(const char *what, const char *unit, double (*figure)(double), double duration)
{
    over_tls = false;
    double plain = figure(duration);
    over_tls = true;
    print(what, unit, plain, figure(duration));
}

int main(int argc, char **argv)
{
    double duration = argc > 1 ? atof(argv[1]) : 2;
    struct error err;
    struct ca ca;
    if (loop_init(&loop, &err) != 0)
        stop_at(err.text);
    loop.clock.wall = ca_wall;
    ca_begin(&ca, "ours");
    struct identity id = ca_issue(&ca, "11", "master");
    struct tls_config config = {
        .ca = slice_of(ca.pem), .certificate = slice_of(id.certificate), .key = slice_of(id.key)};
    tls = tls_new(&config, &err);
    if (tls == NULL ||
        tls_listener_start(&tls_listener, &loop, "127.0.0.1", 0, tls, &tls_events, &err) != 0 ||
        listener_start(&plain_listener, &loop, "127.0.0.1", 0, on_plain_stream, &err) != 0)
        stop_at(err.text);
    measure("connections, one by one", "a second", connections_a_second, duration);
    measure("one stream, one direction", "MB a second", megabytes_a_second, duration);
    over_tls = false;
    double plain = kib_an_end();
    over_tls = true;
    print("an idle end of a stream", "KiB", plain, kib_an_end());
    identity_end(&id);
    ca_end(&ca);
    return 0; /* what is open stays open: the process ends */
}
