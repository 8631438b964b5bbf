/* The whole thing: this program is also the proxy that the client starts, `test_proxy proxy FOLDER
 * VERSION`. */
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "proxy/client.h"
#include "proxy/forwarder.h"
#include "proxy/frame.h"
#include "proxy/handover.h"
#include "proxy/proxy.h"

#define PATIENCE_MS 20000 /* for what happens at once: only a failure waits so long */

static uv_loop_t loop;
static char folder[64];

/* ---- sockets */

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
}

static int listen_at(uint16_t port, uint16_t *port_out)
{
    struct sockaddr_in a = loopback(port);
    socklen_t size = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    assert_int_equal(bind(fd, (struct sockaddr *)&a, size), 0);
    assert_int_equal(listen(fd, 1024), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
    if (port_out != NULL)
        *port_out = ntohs(a.sin_port);
    return fd;
}

/* Not one of those that the kernel gives to others meanwhile. */
static uint16_t free_port(void)
{
    static unsigned next;
    for (int tries = 0; tries < 1000; tries++) {
        uint16_t port = (uint16_t)(10000 + ((unsigned)getpid() * 31 + next++) % 20000);
        struct sockaddr_in a = loopback(port);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int rc = bind(fd, (struct sockaddr *)&a, sizeof(a));
        close(fd);
        if (rc == 0)
            return port;
    }
    fail_msg("no free port");
    return 0;
}

static int dial(uint16_t port)
{
    struct sockaddr_in a = loopback(port);
    struct timeval limit = {.tv_sec = PATIENCE_MS / 1000};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
        return fd;
    close(fd);
    return -1;
}

static bool refuses(uint16_t port)
{
    int fd = dial(port);
    if (fd >= 0)
        close(fd);
    return fd < 0;
}

/* ---- an instance: answers each connection's every byte with its name, on a thread */

struct instance {
    char name;
    uint16_t port;
    int fd;
    pthread_t thread;
};

static void *answer(void *arg)
{
    int fd = (int)((intptr_t)arg >> 8);
    char name = (char)(intptr_t)arg, byte;
    while (recv(fd, &byte, 1, 0) == 1)
        if (send(fd, &name, 1, MSG_NOSIGNAL) != 1)
            break;
    close(fd);
    return NULL;
}

static void *instance_main(void *arg)
{
    struct instance *in = arg;
    pthread_t thread;
    int fd;
    while ((fd = accept4(in->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        pthread_create(&thread, NULL, answer,
                       (void *)(((intptr_t)fd << 8) | (unsigned char)in->name));
        pthread_detach(thread);
    }
    return NULL;
}

static void instance_start(struct instance *in, char name)
{
    in->name = name;
    in->fd = listen_at(0, &in->port);
    pthread_create(&in->thread, NULL, instance_main, in);
}

static void instance_stop(struct instance *in)
{
    shutdown(in->fd, SHUT_RDWR);
    pthread_join(in->thread, NULL);
    close(in->fd);
}

/* The name of who answers on this connection; '!' when nobody does. Children that end interrupt. */
static char ask_on(int fd)
{
    char name;
    ssize_t n;
    if (fd < 0 || send(fd, "?", 1, MSG_NOSIGNAL) != 1)
        return '!';
    do
        n = recv(fd, &name, 1, 0);
    while (n < 0 && errno == EINTR);
    return n == 1 ? name : '!';
}

static char ask(uint16_t port)
{
    int fd = dial(port);
    char name = ask_on(fd);
    if (fd >= 0)
        close(fd);
    return name;
}

/* ---- the client, and what it has heard */

static struct {
    struct proxy_client client;
    bool running, up, stopped;
    unsigned downs, told; /* told: not again */
    int silent;           /* who was */
    int64_t revision;
    uint16_t stats_port, port; /* the service that is looked at */
    char app[32], why[200];
    struct error lost; /* the last time it went down */
    bool bound;
    size_t usable;
} node;

static void on_up(struct proxy_client *c)
{
    (void)c;
    node.up = true;
}

static void on_down(struct proxy_client *c, const struct error *why, bool again)
{
    (void)c;
    assert_true(why->text[0] != '\0');
    node.up = false;
    node.downs++;
    node.told += !again;
    node.lost = *why;
}

static void on_status(struct proxy_client *c, const struct proxy_status *s)
{
    (void)c;
    node.revision = s->revision;
    node.stats_port = s->stats_port;
    for (size_t i = 0; i < s->n_services; i++) {
        const struct proxy_service_status *service = &s->services[i];
        if (service->port != node.port || strcmp(service->app, node.app) != 0)
            continue;
        node.bound = service->bound;
        node.usable = service->usable;
        snprintf(node.why, sizeof(node.why), "%s", service->why);
    }
}

static void on_stopped(struct proxy_client *c)
{
    (void)c;
    node.stopped = true;
}

static void on_silent(struct proxy_client *c, int pid)
{
    (void)c;
    node.silent = pid;
}

static const struct proxy_client_events events = {on_up, on_down, on_status, on_silent};

static int64_t silence_ms; /* the default's; a sanitizer is slow */

static void start_node_with(const char *version, const struct proxy_settings *settings)
{
    const char *command[] = {"mesolith", "proxy", folder, version, NULL};
    struct proxy_client_options options = {
        .folder = folder, .version = version, .command = command, .settings = *settings};
    options.silence_ms = silence_ms;
    struct error err;
    node.stopped = node.up = false;
    node.downs = node.told = 0;
    assert_int_equal(proxy_client_start(&node.client, &loop, &options, &events, &err), 0);
    node.running = true;
}

static void start_node(const char *version)
{
    struct proxy_settings settings;
    proxy_settings_default(&settings);
    settings.stats_port = 0;
    start_node_with(version, &settings);
}

static void on_alarm(uv_timer_t *timer)
{
    (void)timer;
}

/* Prints it, or, quietly, only looks for what a sanitizer or an ASSERT would have said. */
static bool read_log(bool print)
{
    char path[100], line[1000];
    bool sound = true;
    snprintf(path, sizeof(path), "%s/proxy.log", folder);
    FILE *log = fopen(path, "r");
    while (log != NULL && fgets(line, sizeof(line), log) != NULL) {
        if (print)
            fputs(line, stderr);
        if (strstr(line, "Sanitizer") != NULL || strstr(line, "runtime error") != NULL ||
            strstr(line, "broken invariant") != NULL)
            sound = false;
    }
    if (log != NULL)
        fclose(log);
    return sound;
}

#define UNTIL(cond)                                                                           \
    do {                                                                                      \
        struct mono late_ = mono_after(proxy_now(), PATIENCE_MS);                             \
        uv_timer_t alarm_;                                                                    \
        uv_timer_init(&loop, &alarm_);                                                        \
        uv_timer_start(&alarm_, on_alarm, 5, 5);                                              \
        bool ok_;                                                                             \
        while (!(ok_ = (cond)) && proxy_now().ms < late_.ms)                                  \
            uv_run(&loop, UV_RUN_ONCE);                                                       \
        uv_close((uv_handle_t *)&alarm_, NULL);                                               \
        uv_run(&loop, UV_RUN_NOWAIT);                                                         \
        if (!ok_) {                                                                           \
            read_log(true);                                                                   \
            fail_msg("not in time: %s (up %d, bound %d, why %s)", #cond, node.up, node.bound, \
                     node.why);                                                               \
        }                                                                                     \
    } while (0)

static void stop_node(void)
{
    proxy_client_stop(&node.client, on_stopped);
    UNTIL(node.stopped);
    node.running = false;
}

static void shut_down(void)
{
    if (!node.running)
        start_node("1");
    proxy_client_shutdown(&node.client, on_stopped);
    UNTIL(node.stopped);
    node.running = false;
}

static int64_t last_revision;

/* Looks at the first of the services from now on. */
static void route(const char *routes)
{
    struct buf b;
    struct error err;
    buf_init(&b, 65536);
    buf_printf(&b, "{\"revision\":%lld,\"routes\":[%s]}", (long long)++last_revision, routes);
    assert_int_equal(proxy_client_routes(&node.client, buf_slice(&b), &err), 0);
    buf_close(&b);
}

static const char *service(uint16_t port, const char *app, const struct instance *in)
{
    static char text[2][512];
    static int which;
    char *dst = text[which++ % 2];
    int n = snprintf(dst, sizeof(text[0]), "{\"port\":%u,\"app\":\"%s\",\"backends\":[", port, app);
    if (in != NULL)
        n +=
            snprintf(dst + n, sizeof(text[0]) - (size_t)n,
                     "{\"task\":\"%c\",\"address\":\"127.0.0.1\",\"port\":%u}", in->name, in->port);
    snprintf(dst + n, sizeof(text[0]) - (size_t)n, "]}");
    return dst;
}

static void look_at(uint16_t port, const char *app)
{
    node.port = port;
    snprintf(node.app, sizeof(node.app), "%s", app);
    node.bound = false;
    node.why[0] = '\0';
}

/* A proxy that forwards a port to one instance. */
static uint16_t serve(const struct instance *in)
{
    uint16_t port = free_port();
    if (!node.running)
        start_node("1");
    look_at(port, "/web");
    route(service(port, "/web", in));
    UNTIL(node.bound && node.revision == last_revision);
    return port;
}

/* ---- processes */

static pid_t proxy_pid(void) /* who holds the lock, by who answers on the socket */
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct ucred who = {0};
    socklen_t size = sizeof(who);
    snprintf(a.sun_path, sizeof(a.sun_path), "%s/proxy.sock", folder);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size);
    close(fd);
    return who.pid;
}

static pid_t start_alone(const char *version)
{
    pid_t pid = fork();
    if (pid == 0) {
        execl("/proc/self/exe", "mesolith", "proxy", folder, version, (char *)NULL);
        _exit(127);
    }
    return pid;
}

static bool is_gone(pid_t pid)
{
    return waitpid(pid, NULL, WNOHANG) == pid || (kill(pid, 0) != 0 && errno == ESRCH);
}

/* ---- set up */

static int begin(void **unused)
{
    (void)unused;
    memset(&node, 0, sizeof(node));
    last_revision = 0;
    snprintf(folder, sizeof(folder), "/tmp/proxy-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
    assert_int_equal(uv_loop_init(&loop), 0);
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int end(void **unused)
{
    (void)unused;
    shut_down();
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    if (!read_log(false)) {
        read_log(true);
        fail_msg("a proxy was not sound");
    }
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return 0;
}

/* ---- tests */

static void starts_a_proxy_and_says_when_routes_are_in_force(void **unused)
{
    (void)unused;
    struct instance a, b;
    instance_start(&a, 'a');
    instance_start(&b, 'b');
    uint16_t port = serve(&a);
    assert_int_equal(node.usable, 1);
    assert_int_equal(ask(port), 'a');
    for (int i = 0; i < 50; i++) { /* the first connection after the acknowledgement */
        route(service(port, "/web", i % 2 ? &a : &b));
        UNTIL(node.revision == last_revision);
        assert_int_equal(ask(port), i % 2 ? 'a' : 'b');
    }
    route("");
    UNTIL(node.revision == last_revision);
    UNTIL(refuses(port)); /* closed, as soon as the workers have let go */
    instance_stop(&a);
    instance_stop(&b);
}

static void goes_on_when_its_node_is_gone(void **unused)
{
    (void)unused;
    struct instance a;
    instance_start(&a, 'a');
    uint16_t port = serve(&a);
    pid_t pid = proxy_pid();
    int open = dial(port);
    assert_int_equal(ask_on(open), 'a');
    stop_node();
    assert_int_equal(ask(port), 'a');
    assert_int_equal(ask_on(open), 'a');
    start_node("1"); /* finds it, and leaves its routes alone until it knows better */
    UNTIL(node.up);
    assert_int_equal(proxy_pid(), pid);
    UNTIL(node.bound);
    assert_int_equal(ask_on(open), 'a');
    assert_int_equal(ask(port), 'a');
    close(open);
    instance_stop(&a);
}

static void is_started_again_when_it_died(void **unused)
{
    (void)unused;
    struct instance a;
    instance_start(&a, 'a');
    uint16_t port = serve(&a);
    kill(proxy_pid(), SIGKILL);
    UNTIL(node.downs == 1 && !node.up);
    UNTIL(node.up && ask(port) == 'a');
    instance_stop(&a);
}

static void is_waited_for_when_it_hangs(void **unused)
{
    (void)unused;
    struct instance a;
    instance_start(&a, 'a');
    uint16_t port = serve(&a);
    pid_t pid = proxy_pid();
    stop_node();
    kill(pid, SIGSTOP);
    silence_ms = 10;
    start_node("1");
    silence_ms = 0;
    UNTIL(node.silent == pid);
    assert_false(node.up);
    kill(pid, SIGCONT);
    UNTIL(node.up);
    assert_int_equal(node.downs, 0);
    assert_int_equal(proxy_pid(), pid);
    assert_int_equal(ask(port), 'a');
    instance_stop(&a);
}

/* A second node on the same folder: each takes the proxy from the other, more and more seldom, and
 * says so once. */
static void two_nodes_do_not_fight_for_it(void **unused)
{
    (void)unused;
    static const struct proxy_client_events none = {0};
    static struct proxy_client other;
    const char *command[] = {"mesolith", "proxy", folder, "1", NULL};
    struct proxy_client_options options = {.folder = folder, .version = "1", .command = command};
    struct error err;
    char expected[80];
    start_node("1");
    UNTIL(node.up);
    proxy_settings_default(&options.settings);
    options.settings.stats_port = 0;
    assert_int_equal(proxy_client_start(&other, &loop, &options, &none, &err), 0);
    UNTIL(node.downs == 4);
    assert_int_equal(node.told, 1);
    assert_int_equal(node.client.again_ms, 160); /* 10, 20, 40, 80 */
    snprintf(expected, sizeof(expected), "another node, process %d, has taken", (int)getpid());
    assert_non_null(strstr(node.lost.text, expected));
    node.stopped = false;
    proxy_client_stop(&other, on_stopped);
    UNTIL(node.stopped && node.up);
}

static void starts_from_disk_when_it_is_alone(void **unused)
{
    (void)unused;
    struct instance a;
    instance_start(&a, 'a');
    uint16_t port = serve(&a);
    char path[100];
    snprintf(path, sizeof(path), "%s/routes", folder);
    UNTIL(access(path, R_OK) == 0);
    route(service(port, "/web", &a)); /* says nothing new, and is kept all the same */
    UNTIL(node.revision == last_revision);
    poll(NULL, 0, 100);
    pid_t old = proxy_pid();
    stop_node();
    kill(old, SIGKILL);
    UNTIL(is_gone(old));
    pid_t pid = start_alone("1");
    UNTIL(ask(port) == 'a');
    UNTIL(proxy_pid() == pid);
    start_node("1");
    look_at(port, "/web");
    UNTIL(node.bound);
    shut_down();
    UNTIL(is_gone(pid));
    instance_stop(&a);
}

static void a_broken_file_is_said_and_left(void **unused)
{
    (void)unused;
    struct instance a;
    char path[100];
    snprintf(path, sizeof(path), "%s/routes", folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "{\"settings\":", 12), 12);
    close(fd);
    instance_start(&a, 'a');
    assert_int_equal(ask(serve(&a)), 'a');
    instance_stop(&a);
}

/* ---- hand-over */

struct traffic {
    uint16_t port;
    atomic_bool stop;
    unsigned asked, failed;
    pthread_t thread;
};

static void *traffic_main(void *arg)
{
    struct traffic *t = arg;
    while (!atomic_load(&t->stop)) {
        t->asked++;
        t->failed += ask(t->port) == '!';
    }
    return NULL;
}

static void hand_over_loses_no_connection(void **unused)
{
    (void)unused;
    struct instance a;
    struct traffic traffic[4];
    instance_start(&a, 'a');
    uint16_t port = serve(&a);
    int open = dial(port);
    assert_int_equal(ask_on(open), 'a');
    for (int i = 0; i < 4; i++) {
        traffic[i] = (struct traffic){.port = port};
        pthread_create(&traffic[i].thread, NULL, traffic_main, &traffic[i]);
    }
    for (int version = 2; version <= 5; version++) {
        char text[16];
        pid_t before = proxy_pid();
        snprintf(text, sizeof(text), "%d", version);
        stop_node();
        start_node(text);
        look_at(port, "/web");
        UNTIL(node.up && node.bound && proxy_pid() != before && proxy_pid() != 0);
        assert_int_equal(ask_on(open), 'a'); /* by the first of them */
        if (version > 2)
            UNTIL(is_gone(before)); /* it has no connection left */
    }
    for (int i = 0; i < 4; i++) {
        atomic_store(&traffic[i].stop, true);
        pthread_join(traffic[i].thread, NULL);
        assert_int_equal(traffic[i].failed, 0);
        assert_true(traffic[i].asked > 0);
    }
    close(open);
    instance_stop(&a);
}

static void a_successor_that_dies_changes_nothing(void **unused)
{
    (void)unused;
    struct instance a;
    struct proxy_taken taken;
    struct error err;
    char path[100];
    instance_start(&a, 'a');
    uint16_t port = serve(&a);
    snprintf(path, sizeof(path), "%s/proxy.sock", folder);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(proxy_handover_take(path, "2", &taken, &err), 0);
        assert_int_equal(taken.n, 3); /* control, lock and one port */
        for (size_t k = 0; k < taken.n; k++)
            close(taken.passed[k].fd);
        proxy_taken_close(&taken);
        assert_int_equal(ask(port), 'a');
    }
    route(service(port, "/web", NULL));
    UNTIL(node.revision == last_revision);
    assert_int_equal(ask(port), '!');
    instance_stop(&a);
}

/* ---- ports that cannot be had */

static void says_why_a_port_is_not_bound(void **unused)
{
    (void)unused;
    struct instance a;
    struct proxy_settings settings;
    struct error err;
    char expected[100];
    uint16_t taken, port = free_port();
    int fd = listen_at(0, &taken);
    instance_start(&a, 'a');
    start_node("1");

    look_at(taken, "/web");
    route(service(taken, "/web", &a));
    snprintf(expected, sizeof(expected),
             "127.0.0.1:%u is in use by another program on this machine", taken);
    UNTIL(strcmp(node.why, expected) == 0);
    close(fd);
    UNTIL(node.bound); /* by itself */
    assert_int_equal(ask(taken), 'a');

    struct proxy_reserved reserved = {"0.0.0.0", port, "this node's marathon listener"};
    proxy_settings_default(&settings);
    settings.reserved = &reserved;
    settings.n_reserved = 1;
    assert_int_equal(proxy_client_settings(&node.client, &settings, &err), 0);
    look_at(port, "/web");
    route(service(port, "/web", &a));
    snprintf(expected, sizeof(expected), "127.0.0.1:%u is held by this node's marathon listener",
             port);
    UNTIL(strcmp(node.why, expected) == 0);
    settings.n_reserved = 0;
    assert_int_equal(proxy_client_settings(&node.client, &settings, &err), 0);
    UNTIL(node.bound);

    look_at(a.port, "/self");
    route(service(a.port, "/self", &a));
    snprintf(expected, sizeof(expected), "127.0.0.1:%u is where task a itself listens", a.port);
    UNTIL(strcmp(node.why, expected) == 0);

    look_at(port, "/dns");
    snprintf(expected, sizeof(expected),
             "{\"port\":%u,\"app\":\"/dns\",\"protocol\":\"udp\",\"backends\":[]}", port);
    route(expected);
    UNTIL(strcmp(node.why, "only TCP is forwarded, not UDP") == 0);
    instance_stop(&a);
}

static void of_two_apps_on_one_port_the_first_has_it(void **unused)
{
    (void)unused;
    struct instance a, b;
    struct buf both;
    char expected[100];
    instance_start(&a, 'a');
    instance_start(&b, 'b');
    uint16_t port = serve(&a);
    look_at(port, "/other");
    buf_init(&both, 2048);
    buf_printf(&both, "%s,%s", service(port, "/other", &b), service(port, "/web", &a));
    route(buf_str(&both));
    buf_close(&both);
    snprintf(expected, sizeof(expected), "service port %u is held by app /web", port);
    UNTIL(strcmp(node.why, expected) == 0);
    assert_int_equal(ask(port), 'a');
    route(service(port, "/other", &b));
    UNTIL(node.bound);
    UNTIL(ask(port) == 'b');
    instance_stop(&a);
    instance_stop(&b);
}

static void follows_its_service_address(void **unused)
{
    (void)unused;
    struct instance a;
    struct proxy_settings settings;
    struct error err;
    instance_start(&a, 'a');
    uint16_t port = serve(&a);
    proxy_settings_default(&settings);
    settings.service_address = "127.0.0.2";
    assert_int_equal(proxy_client_settings(&node.client, &settings, &err), 0);
    UNTIL(ask(port) == '!');
    settings.service_address = "0.0.0.0";
    assert_int_equal(proxy_client_settings(&node.client, &settings, &err), 0);
    UNTIL(ask(port) == 'a');
    settings.service_address = "nowhere";
    assert_int_equal(proxy_client_settings(&node.client, &settings, &err), -1);
    assert_string_equal(err.text, "service_address: got \"nowhere\", need an IPv4 or IPv6 address");
    instance_stop(&a);
}

/* ---- strangers on the control socket */

static void tell_socket(const char *bytes, size_t len, const char *expected)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct timeval limit = {.tv_sec = PATIENCE_MS / 1000};
    char got[1024];
    size_t n = 0;
    ssize_t r;
    snprintf(a.sun_path, sizeof(a.sun_path), "%s/proxy.sock", folder);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
    while ((r = recv(fd, got + n, sizeof(got) - 1 - n, 0)) > 0 || (r < 0 && errno == EINTR))
        n += r > 0 ? (size_t)r : 0;
    assert_true(r == 0 || errno == ECONNRESET); /* hung up on */
    got[n] = '\0';
    assert_true(n > 4);
    if (strstr(got + 4, expected) == NULL)
        fail_msg("expected %s in %s", expected, got + 4);
    close(fd);
}

static void tell_frame(const char *json, const char *expected)
{
    struct buf b;
    buf_init(&b, 4096);
    proxy_frame_put(&b, slice_of(json));
    tell_socket(b.data, b.len, expected);
    buf_close(&b);
}

static void strangers_are_told_what_is_wrong(void **unused)
{
    (void)unused;
    struct instance a;
    instance_start(&a, 'a');
    uint16_t port = serve(&a);
    tell_socket("GET / HTTP/1.1\r\n\r\n", 18, "a frame of 1195725856 bytes");
    tell_frame("nonsense", "\"type\":\"error\"");
    tell_frame("{\"type\":\"shutdown\"}", "message \\\"shutdown\\\" does not belong here");
    tell_frame("{\"type\":\"taken\"}", "message \\\"taken\\\" does not belong here");
    tell_frame("{\"type\":\"hello\",\"protocol\":2,\"version\":\"9\",\"as\":\"node\"}",
               "the other side speaks version 2 of the proxy's protocol, this one 1");
    assert_int_equal(node.downs, 0);
    assert_int_equal(ask(port), 'a');
    instance_stop(&a);
}

/* ---- statistics */

static void get(uint16_t port, const char *path, const char *expected)
{
    static char got[65536];
    char request[200];
    size_t n = 0;
    ssize_t r;
    int fd = dial(port);
    assert_true(fd >= 0);
    snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\n\r\n", path);
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), (ssize_t)strlen(request));
    while ((r = recv(fd, got + n, sizeof(got) - 1 - n, 0)) > 0 || (r < 0 && errno == EINTR))
        n += r > 0 ? (size_t)r : 0;
    got[n] = '\0';
    close(fd);
    if (strstr(got, expected) == NULL)
        fail_msg("expected %s in %s", expected, got);
}

static void has_a_page_with_statistics(void **unused)
{
    (void)unused;
    struct instance a;
    char expected[200];
    instance_start(&a, 'a');
    uint16_t port = serve(&a);
    assert_int_equal(ask(port), 'a');
    UNTIL(node.stats_port != 0);
    get(node.stats_port, "/", "<td class=l colspan=2>/web");
    snprintf(expected, sizeof(expected),
             "\"services\":[{\"port\":%u,\"app\":\"/web\",\"state\":\"bound\",\"why\":\"\"", port);
    get(node.stats_port, "/stats.json", expected);
    get(node.stats_port, "/stats.json?port=1", "\"services\":[]");
    snprintf(expected, sizeof(expected), "%u_/web,FRONTEND,", port);
    get(node.stats_port, "/;csv", expected);
    get(node.stats_port, "/else", "404 Not Found");
    instance_stop(&a);
}

/* ---- ending */

static void sigterm_lets_connections_end(void **unused)
{
    (void)unused;
    struct instance a;
    instance_start(&a, 'a');
    uint16_t port = serve(&a);
    int open = dial(port);
    assert_int_equal(ask_on(open), 'a');
    pid_t pid = proxy_pid();
    stop_node();
    kill(pid, SIGTERM);
    UNTIL(refuses(port));
    assert_int_equal(ask_on(open), 'a');
    assert_false(is_gone(pid));
    close(open);
    UNTIL(is_gone(pid));
    instance_stop(&a);
}

/* Its folder was moved, and another one is at its path now. */
static void it_takes_nobody_elses_socket_along(void **unused)
{
    (void)unused;
    struct instance a;
    char moved[128], other[128];
    instance_start(&a, 'a');
    serve(&a);
    pid_t pid = proxy_pid();
    stop_node();
    snprintf(moved, sizeof moved, "%s.moved", folder);
    snprintf(other, sizeof other, "%s/proxy.sock", folder);
    assert_int_equal(rename(folder, moved), 0);
    assert_int_equal(mkdir(folder, 0700), 0);
    close(open(other, O_WRONLY | O_CREAT, 0600));
    kill(pid, SIGTERM);
    UNTIL(is_gone(pid));
    assert_int_equal(unlink(other), 0); /* it is there */
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(rename(moved, folder), 0);
    instance_stop(&a);
}

static void to_stderr(void *data, enum log_level level, const char *line)
{
    (void)data;
    (void)level;
    fprintf(stderr, "%d: %s\n", (int)getpid(), line);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "proxy") == 0) {
        struct proxy_options options = {.folder = argv[2], .version = argv[3]};
        log_set_sink(to_stderr, NULL, LOG_DEBUG);
        return proxy_main(&options);
    }
    const struct CMUnitTest tests[] = {
        TEST(starts_a_proxy_and_says_when_routes_are_in_force),
        TEST(goes_on_when_its_node_is_gone),
        TEST(is_started_again_when_it_died),
        TEST(is_waited_for_when_it_hangs),
        TEST(two_nodes_do_not_fight_for_it),
        TEST(starts_from_disk_when_it_is_alone),
        TEST(a_broken_file_is_said_and_left),
        TEST(hand_over_loses_no_connection),
        TEST(a_successor_that_dies_changes_nothing),
        TEST(says_why_a_port_is_not_bound),
        TEST(of_two_apps_on_one_port_the_first_has_it),
        TEST(follows_its_service_address),
        TEST(strangers_are_told_what_is_wrong),
        TEST(has_a_page_with_statistics),
        TEST(sigterm_lets_connections_end),
        TEST(it_takes_nobody_elses_socket_along),
    };
    signal(SIGPIPE, SIG_IGN);
    if (argc == 2)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
