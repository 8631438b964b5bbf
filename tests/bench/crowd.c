/* crowd - so many event streams, in one thread: when each heard of each event.
 *
 *     crowd ADDRESS PORT STREAMS       prints "ready" once all are greeted, and each other's
 *                                      greetings heard
 *
 * A line on its stdin begins the counting, which it answers with "counting"; the next one ends it:
 * once all have heard as much as the first, it prints
 *
 *     EVENTS BYTES                     of one stream
 *     MEDIAN 99% LONGEST               ms after the event's own timestamp
 *     MEDIAN 99% LONGEST               ms after the first stream that heard of it
 */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_MAX 20000
#define READ_BYTES (256 << 10)
#define HEAD "timestamp\":\""

static const char mark[] = "\ndata: {\"eventType\":\"";

struct listener {
    int fd;
    size_t matched; /* bytes of the mark that the last read ended with */
    size_t n;
    double *heard; /* ms, wall clock */
    size_t bytes;
};

static struct listener *all;
static size_t streams;
static double *said; /* the events' own timestamps, as the first stream heard them */
static size_t said_n;
static char *text; /* of the first stream, since the counting began */
static size_t text_len;
static bool counting;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec * 1000 + (double)t.tv_nsec / 1e6;
}

static void begin(struct listener *l, const struct sockaddr_in *to)
{
    static const char ask[] = "GET /v2/events HTTP/1.1\r\nHost: x\r\n"
                              "Accept: text/event-stream\r\n\r\n";
    l->fd = socket(AF_INET, SOCK_STREAM, 0);
    l->heard = malloc(EVENTS_MAX * sizeof l->heard[0]);
    if (connect(l->fd, (const struct sockaddr *)to, sizeof *to) != 0)
        die("connect");
    if (write(l->fd, ask, sizeof ask - 1) != sizeof ask - 1)
        die("write");
}

/* The mark's first byte is there once: a mismatch begins anew at most with that. */
static void count(struct listener *l, const char *p, size_t len, double at)
{
    const char *end = p + len;
    while (p < end) {
        if (l->matched == 0) {
            p = memchr(p, '\n', (size_t)(end - p));
            if (p == NULL)
                return;
        }
        l->matched = *p == mark[l->matched] ? l->matched + 1 : *p == mark[0];
        p++;
        if (l->matched < sizeof mark - 1)
            continue;
        l->matched = 0;
        if (l->n < EVENTS_MAX)
            l->heard[l->n++] = at;
    }
}

static void take(struct listener *l)
{
    static char buf[READ_BYTES];
    ssize_t n = recv(l->fd, buf, sizeof buf, 0);
    if (n <= 0)
        die("a stream was closed");
    l->bytes += (size_t)n;
    count(l, buf, (size_t)n, now_ms());
    if (l != &all[0] || !counting)
        return;
    text = realloc(text, text_len + (size_t)n + 1);
    memcpy(text + text_len, buf, (size_t)n);
    text_len += (size_t)n;
    text[text_len] = '\0';
}

static void read_stamps(void)
{
    said = malloc(EVENTS_MAX * sizeof said[0]);
    for (const char *p = text; p != NULL && (p = strstr(p, mark)) != NULL; p++) {
        struct tm tm = {0};
        int ms;
        const char *at = strstr(p, HEAD);
        if (at == NULL || sscanf(at + strlen(HEAD), "%d-%d-%dT%d:%d:%d.%d", &tm.tm_year, &tm.tm_mon,
                                 &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &ms) != 7)
            continue;
        tm.tm_year -= 1900;
        tm.tm_mon--;
        said[said_n++] = (double)timegm(&tm) * 1000 + ms;
    }
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void tell(double *late, size_t n)
{
    qsort(late, n, sizeof late[0], by_size);
    printf("%.1f %.1f %.1f\n", late[n / 2], late[n * 99 / 100], late[n - 1]);
}

static void report(void)
{
    size_t events = all[0].n, n = 0;
    read_stamps();
    if (said_n != events || events == 0)
        die("the first stream's events have other timestamps");
    printf("%zu %zu\n", events, all[0].bytes);
    double *late = malloc(events * streams * sizeof late[0]);
    for (size_t i = 0; i < streams; i++)
        for (size_t e = 0; e < events; e++)
            late[n++] = all[i].heard[e] - said[e];
    tell(late, n);
    n = 0;
    for (size_t e = 0; e < events; e++) {
        double first = all[0].heard[e];
        for (size_t i = 1; i < streams; i++)
            first = all[i].heard[e] < first ? all[i].heard[e] : first;
        for (size_t i = 0; i < streams; i++)
            late[n++] = all[i].heard[e] - first;
    }
    tell(late, n);
}

static bool alike(void)
{
    for (size_t i = 1; i < streams; i++)
        if (all[i].n != all[0].n)
            return false;
    return true;
}

/* Each is greeted once, and hears of those that come later. */
static bool greeted(void)
{
    size_t n = 0;
    for (size_t i = 0; i < streams; i++)
        n += all[i].n;
    return n >= streams * (streams + 1) / 2;
}

/* What it is told: 1 begins, 2 ends. */
static int read_line(void)
{
    static int lines;
    char line[16];
    if (read(0, line, sizeof line) <= 0)
        exit(0);
    return ++lines;
}

static void start_counting(void)
{
    for (size_t i = 0; i < streams; i++)
        all[i].n = all[i].bytes = 0;
    counting = true;
    puts("counting");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct epoll_event ready[1024];
    struct epoll_event input = {.events = EPOLLIN};
    bool told = false, ending = false;
    if (argc != 4)
        return 2;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2]))};
    inet_pton(AF_INET, argv[1], &to.sin_addr);
    streams = (size_t)atol(argv[3]);
    all = calloc(streams, sizeof all[0]);
    int poll = epoll_create1(0);
    epoll_ctl(poll, EPOLL_CTL_ADD, 0, &input);
    for (size_t i = 0; i < streams; i++) {
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = &all[i]};
        begin(&all[i], &to);
        epoll_ctl(poll, EPOLL_CTL_ADD, all[i].fd, &e);
    }
    while (!ending || !alike()) {
        int n = epoll_wait(poll, ready, 1024, -1);
        for (int i = 0; i < n; i++) {
            if (ready[i].data.ptr != NULL)
                take(ready[i].data.ptr);
            else if (read_line() == 1)
                start_counting();
            else
                ending = true;
        }
        if (!told && greeted()) {
            told = true;
            puts("ready");
            fflush(stdout);
        }
    }
    report();
    return 0;
}
