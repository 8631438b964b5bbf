/* Requests a second and processor time a request through the proxy, and through HAProxy (Debian's
 * `haproxy`, mode tcp, leastconn) in the same run; `wrk` asks. Also memory a connection, and how
 * soon a change of routes is in force.
 *
 *     bench_proxy [SECONDS]        each measurement lasts that long; 6 when not said */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "proxy/client.h"
#include "proxy/proxy.h"

static char folder[] = "/tmp/bench-proxy-XXXXXX";

static void die(const char *what)
{
    fprintf(stderr, "bench_proxy: %s: %s\n", what, strerror(errno));
    exit(1);
}

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
}

static int listen_somewhere(uint16_t *port_out)
{
    struct sockaddr_in a = loopback(0);
    socklen_t size = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&a, size) != 0 || listen(fd, 4096) != 0 ||
        getsockname(fd, (struct sockaddr *)&a, &size) != 0)
        die("listening");
    *port_out = ntohs(a.sin_port);
    return fd;
}

static uint16_t free_port(void)
{
    uint16_t port;
    close(listen_somewhere(&port));
    return port;
}

/* ---- the origin: a process that answers every read with one response, as large as the path says
 * ("/1048576"), as fast as it can */

static char *body;
#define BODY_MAX (1 << 20)

static void send_all(int fd, const char *p, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
        struct pollfd wait = {.fd = fd, .events = POLLOUT};
        if (n < 0 && errno == EAGAIN)
            poll(&wait, 1, 1000);
        else if (n <= 0)
            return;
        else {
            p += n;
            len -= (size_t)n;
        }
    }
}

static bool answer(int fd)
{
    char request[4096], head[200];
    ssize_t n = recv(fd, request, sizeof(request) - 1, 0);
    if (n <= 0)
        return n < 0 && errno == EAGAIN;
    request[n] = '\0';
    bool close_after = strstr(request, "onnection: close") != NULL;
    long size = strtol(request + 5, NULL, 10);
    if (size < 1 || size > BODY_MAX)
        size = 100;
    int head_len = snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %ld\r\n%s\r\n",
                            size, close_after ? "Connection: close\r\n" : "");
    if (size < 3000) {
        memcpy(request, head, (size_t)head_len);
        memcpy(request + head_len, body, (size_t)size);
        send_all(fd, request, (size_t)head_len + (size_t)size);
    } else {
        send_all(fd, head, (size_t)head_len);
        send_all(fd, body, (size_t)size);
    }
    return !close_after;
}

static void origin_main(int listener)
{
    struct epoll_event events[256], want = {.events = EPOLLIN, .data.fd = listener};
    int epoll = epoll_create1(0), fd;
    body = mem_zalloc(BODY_MAX);
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &want);
    for (;;) {
        int n = epoll_wait(epoll, events, 256, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.fd != listener) {
                if (!answer(events[i].data.fd))
                    close(events[i].data.fd);
                continue;
            }
            while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                want.data.fd = fd;
                epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &want);
            }
        }
    }
}

static pid_t start_origin(uint16_t *port_out)
{
    int listener = listen_somewhere(port_out);
    pid_t pid = fork();
    if (pid == 0)
        origin_main(listener);
    close(listener);
    return pid;
}

/* ---- what is measured */

struct contestant {
    const char *name;
    pid_t pid;
    uint16_t port;
};

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in a = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
        return fd;
    close(fd);
    return -1;
}

static void wait_for_port(uint16_t port)
{
    int fd;
    for (int i = 0; (fd = connect_to(port)) < 0; i++) {
        if (i == 1000)
            die("nobody listens");
        poll(NULL, 0, 10);
    }
    close(fd);
}

static struct contestant start_haproxy(uint16_t origin)
{
    struct contestant c = {.name = "haproxy", .port = free_port()};
    char path[100];
    snprintf(path, sizeof(path), "%s/haproxy.cfg", folder);
    FILE *f = fopen(path, "w");
    fprintf(f,
            "global\n  maxconn 9000\ndefaults\n  mode tcp\n  timeout connect 5s\n"
            "  timeout client 60s\n  timeout server 60s\nlisten web\n"
            "  bind 127.0.0.1:%u\n  balance leastconn\n  server a 127.0.0.1:%u\n",
            c.port, origin);
    fclose(f);
    c.pid = fork();
    if (c.pid == 0) {
        execlp("haproxy", "haproxy", "-db", "-q", "-f", path, (char *)NULL);
        _exit(127);
    }
    poll(NULL, 0, 300);
    if (waitpid(c.pid, NULL, WNOHANG) == c.pid) {
        printf("haproxy is not here: apt-get install haproxy\n");
        c.pid = 0;
        return c;
    }
    wait_for_port(c.port);
    return c;
}

static uv_loop_t loop;
static struct proxy_client client;
static int64_t in_force;

static void on_status(struct proxy_client *c, const struct proxy_status *s)
{
    (void)c;
    in_force = s->revision;
}

static void route(int64_t revision, uint16_t port, uint16_t origin)
{
    char text[300];
    struct error err;
    snprintf(text, sizeof(text),
             "{\"revision\":%lld,\"routes\":[{\"port\":%u,\"app\":\"/web\",\"backends\":[{\"task\":"
             "\"web.%lld\",\"address\":\"127.0.0.1\",\"port\":%u}]}]}",
             (long long)revision, port, (long long)revision, origin);
    if (proxy_client_routes(&client, slice_of(text), &err) != 0) {
        fprintf(stderr, "bench_proxy: %s\n", err.text);
        exit(1);
    }
    while (in_force < revision)
        uv_run(&loop, UV_RUN_ONCE);
}

static void start_client(void)
{
    static const struct proxy_client_events events = {.on_status = on_status};
    const char *command[] = {"false", NULL}; /* never needed: the proxy is there */
    struct proxy_client_options options = {
        .folder = folder, .version = "1", .program = "/bin/false", .command = command};
    struct error err;
    proxy_settings_default(&options.settings);
    uv_loop_init(&loop);
    if (proxy_client_start(&client, &loop, &options, &events, &err) != 0) {
        fprintf(stderr, "bench_proxy: %s\n", err.text);
        exit(1);
    }
}

static struct contestant start_mesolith(uint16_t origin)
{
    struct contestant c = {.name = "mesolith", .port = free_port()};
    char path[100];
    snprintf(path, sizeof(path), "%s/proxy.sock", folder);
    c.pid = fork();
    if (c.pid == 0) {
        struct proxy_options options = {.folder = folder, .version = "1"};
        _exit(proxy_main(&options));
    }
    while (access(path, F_OK) != 0)
        poll(NULL, 0, 1);
    start_client();
    route(1, c.port, origin);
    return c;
}

static double processor_s(pid_t pid)
{
    char path[64], text[1024];
    long user = 0, system = 0;
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "r");
    size_t n = f != NULL ? fread(text, 1, sizeof(text) - 1, f) : 0;
    text[n] = '\0';
    if (f != NULL)
        fclose(f);
    const char *rest = strrchr(text, ')');
    if (rest != NULL)
        sscanf(rest, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld", &user, &system);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static long private_kib(pid_t pid)
{
    char path[64], line[256];
    long kib, sum = 0;
    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
    FILE *f = fopen(path, "r");
    while (f != NULL && fgets(line, sizeof(line), f) != NULL)
        if (sscanf(line, "Private_Dirty: %ld", &kib) == 1 ||
            sscanf(line, "Private_Clean: %ld", &kib) == 1)
            sum += kib;
    if (f != NULL)
        fclose(f);
    return sum;
}

struct measured {
    double requests, errors;
};

static struct measured wrk(const char *command)
{
    struct measured m = {0};
    char line[512];
    double value;
    FILE *f = popen(command, "r");
    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        double a, b, c, d;
        if (sscanf(line, " %lf requests in", &value) == 1)
            m.requests = value;
        if (sscanf(line, " Socket errors: connect %lf, read %lf, write %lf, timeout %lf", &a, &b,
                   &c, &d) == 4)
            m.errors += a + b + c + d;
        if (sscanf(line, " Non-2xx or 3xx responses: %lf", &value) == 1)
            m.errors += value;
    }
    if (f != NULL && pclose(f) == 127)
        die("wrk is not here: apt-get install wrk");
    return m;
}

static const struct {
    const char *what, *options, *path;
} workloads[] = {
    {"keep-alive, 100 B", "-c64", "/100"},
    {"connection a request", "-c64 -H 'Connection: close'", "/100"},
    {"keep-alive, 64 KiB", "-c16", "/65536"},
    {"keep-alive, 1 MiB", "-c8", "/1048576"},
};

struct sum {
    double requests, errors, cpu_s, took_s;
};

static void measure(const struct contestant *c, size_t i, double seconds, struct sum *sum)
{
    char command[300];
    snprintf(command, sizeof(command), "wrk -t1 -d%.0fs %s http://127.0.0.1:%u%s", seconds,
             workloads[i].options, c->port, workloads[i].path);
    double cpu = processor_s(c->pid), began = now_s();
    struct measured m = wrk(command);
    sum->took_s += now_s() - began;
    sum->cpu_s += processor_s(c->pid) - cpu;
    sum->requests += m.requests;
    sum->errors += m.errors;
}

#define ROUNDS 3 /* in turn, so that what else the machine does hits both */

static void compare(const struct contestant *contestants, size_t n, size_t workload, int seconds)
{
    struct sum sums[2] = {{0}};
    double each = seconds > ROUNDS ? (double)seconds / ROUNDS : 1;
    for (int round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < n; i++)
            measure(&contestants[i], workload, each, &sums[i]);
    for (size_t i = 0; i < n; i++)
        printf("%-22s %-10s %10.0f requests/s %8.2f us/request %6.0f errors\n",
               workloads[workload].what, contestants[i].name, sums[i].requests / sums[i].took_s,
               sums[i].requests > 0 ? sums[i].cpu_s / sums[i].requests * 1e6 : 0, sums[i].errors);
    fflush(stdout);
}

/* Idle connections that have spoken once. */
static void measure_memory(const struct contestant *c)
{
    enum { N = 2000 };
    static int fds[N];
    long before = private_kib(c->pid);
    char got[400];
    for (int i = 0; i < N; i++) {
        fds[i] = connect_to(c->port);
        send_all(fds[i], "GET / HTTP/1.1\r\n\r\n", 18);
        if (recv(fds[i], got, sizeof(got), 0) <= 0)
            die("no answer");
    }
    long after = private_kib(c->pid);
    printf("%-22s %-10s %10ld KiB idle %10.2f KiB a connection\n", "memory", c->name, before,
           (double)(after - before) / N);
    for (int i = 0; i < N; i++)
        close(fds[i]);
}

/* From the change to the acknowledgement, and the very next connection must go by it. */
static void measure_changes(const struct contestant *c, uint16_t origin, uint16_t other)
{
    enum { N = 200 };
    double worst = 0, sum = 0;
    for (int i = 0; i < N; i++) {
        double began = now_s();
        route(in_force + 1, c->port, i % 2 ? origin : other);
        double took = now_s() - began;
        sum += took;
        worst = took > worst ? took : worst;
        close(connect_to(c->port));
    }
    printf("%-22s %-10s %10.2f ms mean %10.2f ms worst\n", "change of routes", c->name,
           sum / N * 1e3, worst * 1e3);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

int main(int argc, char **argv)
{
    int seconds = argc > 1 ? atoi(argv[1]) : 6;
    uint16_t origin, other;
    struct rlimit files = {0};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    signal(SIGPIPE, SIG_IGN);
    if (mkdtemp(folder) == NULL)
        die(folder);
    pid_t origins[] = {start_origin(&origin), start_origin(&other)};
    struct contestant contestants[] = {start_mesolith(origin), start_haproxy(origin)};
    size_t n = contestants[1].pid != 0 ? 2 : 1;
    for (size_t w = 0; w < sizeof(workloads) / sizeof(workloads[0]); w++)
        compare(contestants, n, w, seconds);
    for (size_t i = 0; i < n; i++)
        measure_memory(&contestants[i]);
    measure_changes(&contestants[0], origin, other);
    for (size_t i = 0; i < n; i++)
        kill(contestants[i].pid, SIGKILL);
    for (size_t i = 0; i < 2; i++)
        kill(origins[i], SIGKILL);
    while (wait(NULL) > 0)
        continue;
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return 0;
}
