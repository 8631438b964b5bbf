/* Real sockets on loopback, on ports that the kernel gives. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/rng.h"
#include "proxy/forwarder.h"

#define PATIENCE_MS 10000 /* for what happens at once: only a failure waits so long */
#define DRAIN_MS 300

static struct forwarder f;
static struct service *service;
static struct proxy_listener *front;

/* ---- sockets */

static int listen_somewhere(uint16_t *port_out)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, size), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
    *port_out = ntohs(a.sin_port);
    return fd;
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    return fd;
}

static bool readable(int fd, int ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, ms) == 1;
}

static int accept_from(int listener)
{
    assert_true(readable(listener, PATIENCE_MS));
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* "END" for an end of file, "RESET" for a reset. */
static void expect(int fd, const char *text)
{
    char got[64] = "";
    assert_true(readable(fd, PATIENCE_MS));
    ssize_t n = recv(fd, got, sizeof(got) - 1, 0);
    if (n < 0)
        strcpy(got, errno == ECONNRESET ? "RESET" : strerror(errno));
    if (n == 0)
        strcpy(got, "END");
    assert_string_equal(got, text);
}

static uint16_t front_port(void)
{
    struct sockaddr_in a;
    socklen_t size = sizeof(a);
    assert_int_equal(getsockname(front->fd, (struct sockaddr *)&a, &size), 0);
    return ntohs(a.sin_port);
}

/* ---- the forwarder with one service */

struct target {
    const char *task;
    uint16_t port;
    bool draining;
};

static void route(const struct target *targets, size_t n)
{
    struct proxy_target all[8];
    struct proxy_route r = {
        .port = 10000, .app = "/web", .tcp = true, .targets = all, .n_targets = n};
    for (size_t i = 0; i < n; i++)
        all[i] = (struct proxy_target){.task = targets[i].task,
                                       .address = "127.0.0.1",
                                       .port = targets[i].port,
                                       .healthy = true,
                                       .draining = targets[i].draining};
    pthread_mutex_lock(&f.lock);
    service = balance_put(&f.balance, &r, proxy_now());
    pthread_mutex_unlock(&f.lock);
    forwarder_look(&f);
}

static void start(unsigned workers, unsigned connections)
{
    struct forwarder_limits limits = {.connect_ms = 200, .connections = connections};
    union proxy_address any_port;
    struct error err;
    bool again;
    assert_int_equal(forwarder_start(&f, workers, &limits, DRAIN_MS, &err), 0);
    route(NULL, 0);
    assert_int_equal(proxy_address_parse("127.0.0.1", 0, &any_port, &err), 0);
    front = proxy_listener_open(&any_port, &again, &err);
    assert_non_null(front);
    pthread_mutex_lock(&f.lock);
    front->service = service;
    service->listener = front;
    pthread_mutex_unlock(&f.lock);
    forwarder_listen(&f, front);
}

static void close_front(void)
{
    if (front == NULL)
        return;
    pthread_mutex_lock(&f.lock);
    front->service = NULL;
    service->listener = NULL;
    pthread_mutex_unlock(&f.lock);
    forwarder_unlisten(&f, front);
    proxy_listener_release(front);
    front = NULL;
}

static int begin(void **unused)
{
    (void)unused;
    start(2, 1000);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    close_front();
    forwarder_stop(&f);
    return 0;
}

static void until_connections_are(unsigned n)
{
    struct mono late = mono_after(proxy_now(), PATIENCE_MS);
    while (atomic_load(&f.connections) != n) {
        assert_true(proxy_now().ms < late.ms);
        poll(NULL, 0, 1);
    }
}

static struct backend *backend(const char *task)
{
    size_t cursor = 0;
    struct backend *be;
    while ((be = map_each(service->backends, &cursor)) != NULL)
        if (strcmp(be->task, task) == 0)
            return be;
    return NULL;
}

/* ---- tests */

static void bytes_go_both_ways(void **unused)
{
    (void)unused;
    uint16_t port;
    int listener = listen_somewhere(&port);
    route(&(struct target){"web.1", port, false}, 1);
    int client = connect_to(front_port());
    int server = accept_from(listener);
    say(client, "ping");
    expect(server, "ping");
    say(server, "pong");
    expect(client, "pong");
    assert_int_equal(atomic_load(&backend("web.1")->bytes_in), 4);
    assert_int_equal(atomic_load(&backend("web.1")->bytes_out), 4);
    close(client);
    expect(server, "END");
    close(server);
    close(listener);
    until_connections_are(0);
}

static void backends_may_be_on_ipv6(void **unused)
{
    (void)unused;
    struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    socklen_t size = sizeof(a);
    int listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&a, size) != 0)
        skip_because("this machine has no IPv6");
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &size), 0);
    struct proxy_target t = {
        .task = "six", .address = "::1", .port = ntohs(a.sin6_port), .healthy = true};
    struct proxy_route r = {
        .port = 10000, .app = "/web", .tcp = true, .targets = &t, .n_targets = 1};
    pthread_mutex_lock(&f.lock);
    balance_put(&f.balance, &r, proxy_now());
    pthread_mutex_unlock(&f.lock);
    int client = connect_to(front_port());
    int server = accept_from(listener);
    say(client, "six");
    expect(server, "six");
    close(client);
    close(server);
    close(listener);
}

static void the_server_may_speak_first(void **unused)
{
    (void)unused;
    uint16_t port;
    int listener = listen_somewhere(&port);
    route(&(struct target){"web.1", port, false}, 1);
    int client = connect_to(front_port());
    int server = accept_from(listener);
    say(server, "220 ready");
    expect(client, "220 ready");
    close(server);
    expect(client, "END");
    close(client);
    close(listener);
}

static void each_side_may_end_first_and_still_hear_the_other(void **unused)
{
    (void)unused;
    uint16_t port;
    int listener = listen_somewhere(&port);
    route(&(struct target){"web.1", port, false}, 1);

    int client = connect_to(front_port());
    int server = accept_from(listener);
    say(client, "all of it");
    shutdown(client, SHUT_WR);
    expect(server, "all of it");
    expect(server, "END");
    say(server, "answer");
    expect(client, "answer");
    close(server);
    expect(client, "END");
    close(client);

    client = connect_to(front_port());
    server = accept_from(listener);
    say(server, "bye");
    shutdown(server, SHUT_WR);
    expect(client, "bye");
    expect(client, "END");
    say(client, "still here");
    expect(server, "still here");
    close(client);
    expect(server, "END");
    close(server);
    close(listener);
    until_connections_are(0);
}

static void reset(int fd)
{
    struct linger at_once = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(fd);
}

static void a_reset_is_passed_on_after_what_was_said(void **unused)
{
    (void)unused;
    uint16_t port;
    int listener = listen_somewhere(&port);
    route(&(struct target){"web.1", port, false}, 1);

    int client = connect_to(front_port());
    int server = accept_from(listener);
    say(server, "413 too large");
    expect(client, "413 too large");
    reset(server);
    expect(client, "RESET");
    close(client);

    client = connect_to(front_port());
    server = accept_from(listener);
    say(client, "x");
    expect(server, "x");
    reset(client);
    expect(server, "RESET");
    close(server);
    close(listener);
    until_connections_are(0);
}

/* Both sides write until nothing is taken any more, then both read all of it. */
static size_t fill(int fd)
{
    static char chunk[65536];
    size_t sent = 0;
    ssize_t n;
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    while (poll(&p, 1, 200) == 1 && (n = send(fd, chunk, sizeof(chunk), MSG_DONTWAIT)) > 0)
        sent += (size_t)n;
    return sent;
}

static void drain(int fd, size_t len)
{
    static char chunk[65536];
    while (len > 0) {
        assert_true(readable(fd, PATIENCE_MS));
        ssize_t n = recv(fd, chunk, sizeof(chunk), 0);
        assert_true(n > 0 && (size_t)n <= len);
        len -= (size_t)n;
    }
}

static void who_does_not_read_stops_the_other(void **unused)
{
    (void)unused;
    uint16_t port;
    int listener = listen_somewhere(&port);
    route(&(struct target){"web.1", port, false}, 1);
    int client = connect_to(front_port());
    int server = accept_from(listener);
    size_t up = fill(client), down = fill(server);
    assert_true(up > 65536 && down > 65536);
    drain(server, up);
    drain(client, down);
    say(client, "on");
    expect(server, "on");
    close(client);
    close(server);
    close(listener);
    until_connections_are(0);
}

static void the_least_busy_backend_is_next(void **unused)
{
    (void)unused;
    struct target targets[2] = {{"web.1", 0, false}, {"web.2", 0, false}};
    int listeners[2], clients[4], servers[4];
    for (int i = 0; i < 2; i++)
        listeners[i] = listen_somewhere(&targets[i].port);
    route(targets, 2);
    for (int i = 0; i < 4; i++) {
        clients[i] = connect_to(front_port());
        servers[i] = accept_from(listeners[i % 2]);
    }
    close(clients[1]);
    expect(servers[1], "END");
    close(servers[1]);
    until_connections_are(3);
    clients[1] = connect_to(front_port());
    servers[1] = accept_from(listeners[1]);
    for (int i = 0; i < 4; i++) {
        close(clients[i]);
        close(servers[i]);
    }
    for (int i = 0; i < 2; i++)
        close(listeners[i]);
}

static int error_of(const char *task)
{
    pthread_mutex_lock(&f.lock);
    int error = backend(task)->error;
    pthread_mutex_unlock(&f.lock);
    return error;
}

static uint16_t port_that_refuses(void)
{
    uint16_t port;
    close(listen_somewhere(&port));
    return port;
}

static void who_refuses_costs_no_client_anything(void **unused)
{
    (void)unused;
    struct target targets[3] = {{"bad.1", port_that_refuses(), false},
                                {"bad.2", port_that_refuses(), false},
                                {"good", 0, false}};
    int listener = listen_somewhere(&targets[2].port);
    route(targets, 3);
    for (int i = 0; i < 5; i++) {
        int client = connect_to(front_port());
        int server = accept_from(listener);
        say(client, "hello");
        expect(server, "hello");
        close(client);
        close(server);
    }
    assert_int_equal(backend("bad.1")->place, BACKEND_ASIDE);
    assert_int_equal(error_of("bad.1"), ECONNREFUSED);
    close(listener);
}

/* A full backlog drops what knocks: nobody answers. */
static void who_is_silent_is_given_up_for_another(void **unused)
{
    (void)unused;
    struct target targets[2] = {{"silent", 0, false}, {"good", 0, false}};
    int silent = listen_somewhere(&targets[0].port), knocking[4];
    listen(silent, 0);
    for (int i = 0; i < 4; i++) {
        struct sockaddr_in a = {.sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                .sin_port = htons(targets[0].port)};
        knocking[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        connect(knocking[i], (struct sockaddr *)&a, sizeof(a));
    }
    int good = listen_somewhere(&targets[1].port);
    route(targets, 2);
    int client = connect_to(front_port());
    int server = accept_from(good);
    say(client, "hello");
    expect(server, "hello");
    assert_int_equal(error_of("silent"), ETIMEDOUT);
    close(client);
    close(server);
    for (int i = 0; i < 4; i++)
        close(knocking[i]);
    close(silent);
    close(good);
}

static void a_client_waits_for_its_only_backend_to_come_back(void **unused)
{
    (void)unused;
    uint16_t port = port_that_refuses();
    route(&(struct target){"web.1", port, false}, 1);
    int client = connect_to(front_port());
    say(client, "early");
    while (error_of("web.1") == 0)
        poll(NULL, 0, 1);
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(listener, 8), 0);
    int server = accept_from(listener);
    expect(server, "early");
    close(client);
    close(server);
    close(listener);
}

static void without_a_backend_the_client_is_reset(void **unused)
{
    (void)unused;
    int client = connect_to(front_port());
    expect(client, "RESET");
    close(client);
    until_connections_are(0);
    assert_int_equal(service->unserved, 1);
}

static void who_drains_keeps_a_busy_connection_until_it_ends(void **unused)
{
    (void)unused;
    struct target targets[2] = {{"old", 0, false}, {"new", 0, false}};
    int old = listen_somewhere(&targets[0].port), new = listen_somewhere(&targets[1].port);
    route(targets, 1);
    int client = connect_to(front_port());
    int server = accept_from(old);
    route(&targets[1], 1); /* old is removed */
    int client2 = connect_to(front_port());
    int server2 = accept_from(new);
    /* an answer is due, so it is not closed however long that takes */
    say(client, "slow request");
    expect(server, "slow request");
    assert_false(readable(client, DRAIN_MS * 3));
    say(server, "slow answer");
    expect(client, "slow answer");
    /* now it is quiet, and closed cleanly on both sides */
    expect(client, "END");
    expect(server, "END");
    close(client);
    close(server);
    say(client2, "unharmed");
    expect(server2, "unharmed");
    close(client2);
    close(server2);
    close(old);
    close(new);
    until_connections_are(0);
    assert_int_equal(map_count(service->backends), 1);
}

static void a_closed_port_keeps_its_connections(void **unused)
{
    (void)unused;
    uint16_t port, closed = front_port();
    int listener = listen_somewhere(&port);
    route(&(struct target){"web.1", port, false}, 1);
    int client = connect_to(closed);
    int server = accept_from(listener);
    close_front();
    pthread_mutex_lock(&f.lock);
    balance_drop(service, proxy_now());
    pthread_mutex_unlock(&f.lock);
    say(client, "still");
    expect(server, "still");
    close(client);
    expect(server, "END");
    close(server);
    close(listener);
    until_connections_are(0);
}

static void traffic_never_notices_changing_routes(void **unused)
{
    (void)unused;
    struct target targets[3] = {{"a", 0, false}, {"b", 0, false}, {"c", 0, false}};
    int listeners[3];
    for (int i = 0; i < 3; i++)
        listeners[i] = listen_somewhere(&targets[i].port);
    for (int i = 0; i < 300; i++) {
        const struct target *now = &targets[i % 3];
        struct mono before = proxy_now();
        route(now, 1);
        int client = connect_to(front_port());
        int server = accept_from(listeners[i % 3]); /* the very next connection */
        assert_true(proxy_now().ms - before.ms < PATIENCE_MS);
        say(client, "x");
        expect(server, "x");
        close(client);
        close(server);
    }
    for (int i = 0; i < 3; i++)
        close(listeners[i]);
}

/* ---- peers that behave badly: they say, hear, end, reset and leave in any order */

struct rude {
    struct rng rng;
    int fd;        /* a server's connection */
    uint16_t port; /* where a client calls */
    unsigned calls;
    pthread_t thread;
};

static void reset(int fd);

static void be_rude(struct rng *rng, int fd)
{
    static const char bytes[50000];
    static __thread char got[50000];
    struct pollfd p = {.fd = fd, .events = POLLIN};
    for (uint64_t steps = rng_below(rng, 6); steps > 0; steps--) {
        switch (rng_below(rng, 5)) {
        case 0:
        case 1:
            send(fd, bytes, rng_below(rng, sizeof(bytes)), MSG_NOSIGNAL | MSG_DONTWAIT);
            break;
        case 2:
        case 3:
            if (poll(&p, 1, 2) == 1)
                recv(fd, got, sizeof(got), MSG_DONTWAIT);
            break;
        case 4:
            shutdown(fd, SHUT_WR);
            break;
        }
    }
    if (rng_chance(rng, 0.3))
        reset(fd);
    else
        close(fd);
}

static void *rude_client(void *arg)
{
    struct rude *r = arg;
    for (; r->calls > 0; r->calls--)
        be_rude(&r->rng, connect_to(r->port));
    return NULL;
}

static void *rude_server(void *arg)
{
    struct rude *r = arg;
    be_rude(&r->rng, r->fd);
    mem_free(r);
    return NULL;
}

static void *rude_listener(void *arg)
{
    struct rude *r = arg;
    pthread_t thread;
    int fd;
    while ((fd = accept4(r->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        struct rude *server = NEW(struct rude);
        rng_seed(&server->rng, rng_next(&r->rng));
        server->fd = fd;
        pthread_create(&thread, NULL, rude_server, server);
        pthread_detach(thread);
    }
    return NULL;
}

static void rude_peers_leave_nothing_behind(void **unused)
{
    (void)unused;
    struct target targets[2] = {{"a", 0, false}, {"b", 0, false}};
    struct rude clients[4], listeners[2];
    for (unsigned i = 0; i < 2; i++) {
        listeners[i].fd = listen_somewhere(&targets[i].port);
        rng_seed(&listeners[i].rng, 100 + i);
        pthread_create(&listeners[i].thread, NULL, rude_listener, &listeners[i]);
    }
    route(targets, 2);
    for (unsigned i = 0; i < 4; i++) {
        clients[i] = (struct rude){.port = front_port(), .calls = 150};
        rng_seed(&clients[i].rng, i);
        pthread_create(&clients[i].thread, NULL, rude_client, &clients[i]);
    }
    for (int i = 0; i < 50; i++) { /* and backends that come and go meanwhile */
        route(&targets[i % 2], 1);
        poll(NULL, 0, 2);
        route(targets, 2);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(clients[i].thread, NULL);
    until_connections_are(0);
    pthread_mutex_lock(&f.lock);
    assert_int_equal(service->active, 0);
    assert_int_equal(service->connections, 600);
    assert_int_equal(backend("a")->active + backend("b")->active, 0);
    pthread_mutex_unlock(&f.lock);
    for (int i = 0; i < 2; i++) {
        shutdown(listeners[i].fd, SHUT_RDWR);
        pthread_join(listeners[i].thread, NULL);
        close(listeners[i].fd);
    }
}

/* Processor time of this process, in ms. */
static long busy_ms(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000 +
           (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1000;
}

/* Which client a connection is of, by what it said first: workers bring them in any order. */
static int client_of(int server)
{
    char digit;
    assert_true(readable(server, PATIENCE_MS));
    assert_int_equal(recv(server, &digit, 1, 0), 1);
    return digit - '0';
}

static void over_the_limit_clients_queue_and_no_processor_burns(void **unused)
{
    (void)unused;
    uint16_t port;
    int listener = listen_somewhere(&port), clients[4], servers[4];
    start(2, 2);
    route(&(struct target){"web.1", port, false}, 1);
    for (int i = 0; i < 4; i++) {
        clients[i] = connect_to(front_port());
        say(clients[i], (const char[]){(char)('0' + i), '\0'});
    }
    for (int i = 0; i < 2; i++)
        servers[i] = accept_from(listener);
    long before = busy_ms();
    assert_false(readable(listener, 400));
    assert_true(busy_ms() - before < 150);
    for (int i = 0; i < 2; i++) {
        close(clients[client_of(servers[i])]);
        close(servers[i]);
        servers[2 + i] = accept_from(listener);
    }
    for (int i = 2; i < 4; i++) {
        close(clients[client_of(servers[i])]);
        close(servers[i]);
    }
    close(listener);
    end(NULL);
}

/* Descriptors run out below the limit of connections: the rest of the program took them. */
static void without_descriptors_clients_queue_and_no_processor_burns(void **unused)
{
    (void)unused;
    uint16_t port;
    int listener = listen_somewhere(&port), clients[8], fillers[512], n = 0;
    start(2, 100);
    route(&(struct target){"web.1", port, false}, 1);
    for (int i = 0; i < 8; i++)
        clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct rlimit was, tight;
    getrlimit(RLIMIT_NOFILE, &was);
    tight = (struct rlimit){.rlim_cur = 200, .rlim_max = was.rlim_max};
    setrlimit(RLIMIT_NOFILE, &tight);
    while ((fillers[n] = dup(0)) >= 0)
        n++;
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                            .sin_port = htons(front_port())};
    for (int i = 0; i < 8; i++)
        assert_int_equal(connect(clients[i], (struct sockaddr *)&a, sizeof(a)), 0);
    long before = busy_ms();
    assert_false(readable(listener, 500));
    assert_true(busy_ms() - before < 200);
    while (n > 0)
        close(fillers[--n]);
    for (int i = 0; i < 8; i++) { /* all of them are served now */
        int server = accept_from(listener);
        say(server, "welcome");
        close(server);
    }
    for (int i = 0; i < 8; i++) {
        expect(clients[i], "welcome");
        close(clients[i]);
    }
    setrlimit(RLIMIT_NOFILE, &was);
    close(listener);
    end(NULL);
}

static void stopping_resets_what_is_open(void **unused)
{
    (void)unused;
    uint16_t port;
    int listener = listen_somewhere(&port);
    start(2, 100);
    route(&(struct target){"web.1", port, false}, 1);
    int client = connect_to(front_port());
    int server = accept_from(listener);
    say(client, "x");
    expect(server, "x");
    end(NULL);
    expect(client, "RESET");
    expect(server, "RESET");
    close(client);
    close(server);
    close(listener);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bytes_go_both_ways),
        TEST(backends_may_be_on_ipv6),
        TEST(the_server_may_speak_first),
        TEST(each_side_may_end_first_and_still_hear_the_other),
        TEST(a_reset_is_passed_on_after_what_was_said),
        TEST(who_does_not_read_stops_the_other),
        TEST(the_least_busy_backend_is_next),
        TEST(who_refuses_costs_no_client_anything),
        TEST(who_is_silent_is_given_up_for_another),
        TEST(a_client_waits_for_its_only_backend_to_come_back),
        TEST(without_a_backend_the_client_is_reset),
        TEST(who_drains_keeps_a_busy_connection_until_it_ends),
        TEST(a_closed_port_keeps_its_connections),
        TEST(traffic_never_notices_changing_routes),
        TEST(rude_peers_leave_nothing_behind),
        cmocka_unit_test(over_the_limit_clients_queue_and_no_processor_burns),
        cmocka_unit_test(without_descriptors_clients_queue_and_no_processor_burns),
        cmocka_unit_test(stopping_resets_what_is_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
