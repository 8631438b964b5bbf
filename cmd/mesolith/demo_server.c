/* The sample app.
 *
 * Behind the proxy a rolling upgrade must not lose a request, so TERM does not end it at once: for
 * LEAVE_MS it takes new connections still (the proxies are just hearing of it), and every answer
 * closes its connection; keep-alive clients that are silent may ask once more until IDLE_MS; what
 * is being answered may end until GRACE_MS. The agent sends KILL after 3 s unless the app says
 * otherwise, hence IDLE_MS below that. */
#include "demo_server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/list.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli_args.h"
#include "http/url.h"
#include "net/http_server.h"

#define CONNECTIONS 1000
#define LEAVE_MS 1000
#define IDLE_MS 2500
#define GRACE_MS 5000
#define LOOK_MS 20
#define HEARTBEAT_MS 5000
#define SLOW_MS_MAX 60000
#define PAGE_BYTES (64 << 10)
#define ENV_BYTES (1 << 20)

extern char **environ;

struct demo {
    struct loop loop;
    struct http_server *server;
    uint16_t port;
    bool sick;
    int64_t started_ms;
    uint64_t said; /* requests told in the log so far */
    struct list slow;
    uv_timer_t heartbeat;
    uv_signal_t term, interrupt;
    int64_t term_ms; /* when TERM came; 0: not yet */
};

static int64_t now_ms(const struct demo *d)
{
    return (int64_t)uv_now(&d->loop.uv);
}

static void answer(struct demo *d, struct answer a)
{
    a.plain = true;
    header_put(&a.headers, "Cache-Control", "no-store");
    http_server_answer(d->server, &a);
    answer_close(&a);
}

static void answer_text(struct demo *d, struct exchange_id id, int status, const char *text)
{
    answer(d, answer_whole(id, status, "text/plain; charset=utf-8", slice_of(text)));
}

/* ---- the page */

static const char page_head[] =
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">"
    "<meta name=\"viewport\" content=\"width=device-width\"><link rel=\"icon\" href=\"data:,\">"
    "<title>Hello from mesolith</title><style>"
    ":root{color-scheme:light dark}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:10vh auto;padding:0 1rem}"
    "h1{font-weight:600;margin:0}p{margin:.5rem 0 1.5rem;opacity:.75}"
    "table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}"
    "th{font-weight:400;opacity:.6;text-align:left;width:8rem}"
    "td{overflow-wrap:anywhere}th,td{padding:.35rem 0;border-top:1px solid #8884}"
    "code{font-size:.95em}</style>"
    "<h1>Hello</h1><p>This page was served by one instance of a sample app. Reload it, and another "
    "one may answer.</p><table>";

static const char page_tail[] =
    "</table><p>Try <code>/slow?ms=2000</code>, <code>/env</code>, and <code>/sick</code>, after "
    "which health checks fail until <code>/well</code>.</p></html>";

static void put_html(struct buf *b, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '<':
            buf_puts(b, "&lt;");
            break;
        case '&':
            buf_puts(b, "&amp;");
            break;
        default:
            buf_putc(b, *text);
        }
    }
}

static void put_row(struct buf *b, const char *head, const char *text)
{
    if (text == NULL || *text == '\0')
        return;
    buf_printf(b, "<tr><th>%s<td>", head);
    put_html(b, text);
}

static void put_number_row(struct buf *b, const char *head, uint64_t n, const char *unit)
{
    char text[64];
    snprintf(text, sizeof text, "%llu%s", (unsigned long long)n, unit);
    put_row(b, head, text);
}

static void show_page(struct demo *d, struct exchange_id id, const struct request *r)
{
    (void)r;
    struct buf b;
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    buf_init(&b, PAGE_BYTES);
    buf_puts(&b, page_head);
    put_row(&b, "App", getenv("MARATHON_APP_ID"));
    put_row(&b, "Version", getenv("MARATHON_APP_VERSION"));
    put_row(&b, "Task", getenv("MESOS_TASK_ID"));
    put_row(&b, "Host", getenv("HOST") != NULL ? getenv("HOST") : host);
    put_number_row(&b, "Port", d->port, "");
    put_number_row(&b, "Requests", http_server_counts(d->server)->requests, "");
    put_number_row(&b, "Up for", (uint64_t)(now_ms(d) - d->started_ms) / 1000, " s");
    put_row(&b, "Health", d->sick ? "sick" : "well");
    buf_puts(&b, page_tail);
    struct answer a = answer_whole_take(id, 200, "text/html; charset=utf-8", &b);
    header_put(&a.headers, "Content-Security-Policy",
               "default-src 'none'; style-src 'unsafe-inline'; img-src data:");
    answer(d, a);
}

/* ---- health */

static void show_health(struct demo *d, struct exchange_id id, const struct request *r)
{
    (void)r;
    answer_text(d, id, d->sick ? 503 : 200, d->sick ? "sick\n" : "well\n");
}

static void set_health(struct demo *d, struct exchange_id id, bool sick)
{
    if (d->sick != sick)
        printf("health: %s from now on\n", sick ? "sick" : "well");
    d->sick = sick;
    answer_text(d, id, 200, sick ? "sick from now on: /well makes it well\n" : "well again\n");
}

static void be_sick(struct demo *d, struct exchange_id id, const struct request *r)
{
    (void)r;
    set_health(d, id, true);
}

static void be_well(struct demo *d, struct exchange_id id, const struct request *r)
{
    (void)r;
    set_health(d, id, false);
}

/* ---- the environment */

static void show_env(struct demo *d, struct exchange_id id, const struct request *r)
{
    (void)r;
    struct buf b;
    buf_init(&b, ENV_BYTES);
    for (char **e = environ; *e != NULL; e++)
        buf_printf(&b, "%s\n", *e);
    answer(d, answer_whole_take(id, 200, "text/plain; charset=utf-8", &b));
}

/* ---- slow answers: each has a timer until it is answered or its client has gone */
struct slow {
    struct list member;
    uv_timer_t timer;
    struct demo *demo;
    struct exchange_id id;
};

static void on_slow_closed(uv_handle_t *timer)
{
    mem_free(timer->data);
}

static void end_slow(struct slow *w)
{
    list_remove(&w->member);
    uv_close((uv_handle_t *)&w->timer, on_slow_closed);
}

static void on_slow(uv_timer_t *timer)
{
    struct slow *w = timer->data;
    answer_text(w->demo, w->id, 200, "at last\n");
    end_slow(w);
}

static int64_t slow_ms(const struct request *r)
{
    struct query q = {0};
    struct error err;
    int64_t ms = 1000;
    if (query_parse(&q, r->query, &err) != 0)
        return -1;
    const char *text = query_get(&q, "ms");
    if (text != NULL && (!str_to_i64(text, &ms) || ms < 0 || ms > SLOW_MS_MAX))
        ms = -1;
    query_close(&q);
    return ms;
}

static void wait_first(struct demo *d, struct exchange_id id, const struct request *r)
{
    int64_t ms = slow_ms(r);
    if (ms < 0) {
        answer_text(d, id, 422, "ms: need a whole number 0 to 60000\n");
        return;
    }
    struct slow *w = NEW(struct slow);
    w->demo = d;
    w->id = id;
    w->timer.data = w;
    list_push(&d->slow, &w->member);
    uv_timer_init(&d->loop.uv, &w->timer);
    uv_timer_start(&w->timer, on_slow, (uint64_t)ms, 0);
}

static void on_gone(struct http_server *s, struct exchange_id id)
{
    struct demo *d = http_server_data(s);
    LIST_EACH (member, &d->slow) {
        struct slow *w = LIST_ENTRY(member, struct slow, member);
        if (w->id.v == id.v)
            end_slow(w);
    }
}

/* ---- requests */

static const struct {
    const char *path;
    void (*answer)(struct demo *d, struct exchange_id id, const struct request *r);
} doors[] = {
    {"/", show_page},   {"/health", show_health}, {"/env", show_env},
    {"/sick", be_sick}, {"/well", be_well},       {"/slow", wait_first},
};

static void on_request(struct http_server *s, struct exchange_id id, const struct request *r)
{
    struct demo *d = http_server_data(s);
    for (size_t i = 0; i < sizeof doors / sizeof doors[0]; i++) {
        if (slice_is(r->path, doors[i].path)) {
            doors[i].answer(d, id, r);
            return;
        }
    }
    answer_text(d, id, 404, "not here: try / /health /env /slow?ms=1000 /sick /well\n");
}

static const struct http_server_events server_events = {
    .on_request = on_request,
    .on_gone = on_gone,
};

/* ---- the log: what happens, and that it is alive */

static void on_heartbeat(uv_timer_t *timer)
{
    struct demo *d = timer->data;
    uint64_t requests = http_server_counts(d->server)->requests;
    printf("up for %lld s, %llu requests since the last line, %llu in all\n",
           (long long)(now_ms(d) - d->started_ms) / 1000, (unsigned long long)(requests - d->said),
           (unsigned long long)requests);
    d->said = requests;
}

/* ---- the end */

static void on_stopped(struct http_server *s)
{
    printf("stopped after %llu requests\n", (unsigned long long)http_server_counts(s)->requests);
    http_server_free(s);
}

static void on_look(uv_timer_t *timer)
{
    struct demo *d = timer->data;
    int64_t waited = now_ms(d) - d->term_ms;
    bool idle = http_server_counts(d->server)->connections == 0;
    if (waited < (idle ? LEAVE_MS : IDLE_MS))
        return;
    uv_close((uv_handle_t *)timer, NULL);
    http_server_stop(d->server, GRACE_MS - waited, on_stopped);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct demo *d = handle->data;
    printf("stopping (signal %d): answering what still comes\n", number);
    d->term_ms = now_ms(d);
    http_server_leave(d->server);
    uv_close((uv_handle_t *)&d->term, NULL);
    uv_close((uv_handle_t *)&d->interrupt, NULL);
    uv_timer_start(&d->heartbeat, on_look, 0, LOOK_MS);
}

/* ---- the verb */

enum { PORT, ADDRESS, HELP, ROWS_N };
static const struct flag_row rows[ROWS_N] = {
    [PORT] = {"port", 'p', FLAG_IS_NUMBER, "N", NULL, "where to listen ($PORT0; 0: a free one)"},
    [ADDRESS] = {"address", 'a', FLAG_IS_TEXT, "IP", NULL, "on which address ($HOST or 127.0.0.1)"},
    [HELP] = {"help", 'h', FLAG_IS_SWITCH, NULL, NULL, "this text"},
};

static int help(void)
{
    printf("Serves a small web page: the sample app.\n\nusage: mesolith demo-server [--flags]\n\n");
    for (size_t i = 0; i < ROWS_N; i++)
        printf("  -%c, --%s %-*s %s\n", rows[i].letter, rows[i].name,
               (int)(10 - strlen(rows[i].name)), rows[i].operand != NULL ? rows[i].operand : "",
               rows[i].what);
    printf("\n  /             a page that says which instance served it\n"
           "  /health       200, or 503 between /sick and /well\n"
           "  /env          the environment it was started with\n"
           "  /slow?ms=N    an answer that takes so long\n"
           "\nexamples:\n  mesolith demo-server --port 7000\n"
           "  mesolith demo-server --port 0 --address 127.0.0.2\n");
    return 0;
}

/* The agent's $HOST may be a name: then every address is meant. */
static const char *choose_address(const struct args *a)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    const char *host = getenv("HOST");
    if (args_given(a, ADDRESS))
        return args_text(a, ADDRESS);
    if (host == NULL)
        return "127.0.0.1";
    return uv_ip4_addr(host, 0, &v4) == 0 || uv_ip6_addr(host, 0, &v6) == 0 ? host : "0.0.0.0";
}

static int choose_port(const struct args *a, uint16_t *out, struct error *err)
{
    const char *text = args_given(a, PORT) ? args_text(a, PORT) : getenv("PORT0");
    int64_t port = 8000;
    if (text != NULL && (!str_to_i64(text, &port) || port < 0 || port > 65535))
        return error_set(err, ERR_INVALID, "port: got \"%s\", need a number 0 to 65535", text);
    *out = (uint16_t)port;
    return 0;
}

static void start_signal(struct demo *d, uv_signal_t *handle, int number)
{
    uv_signal_init(&d->loop.uv, handle);
    handle->data = d;
    uv_signal_start(handle, on_signal, number);
}

static int serve(struct demo *d, const char *address, struct error *err)
{
    struct http_server_config config = http_server_config_default();
    config.connections = CONNECTIONS;
    if (loop_init(&d->loop, err) != 0)
        return -1;
    d->server = http_server_new(&d->loop, &config, &server_events, d);
    if (http_server_listen(d->server, "demo", address, d->port, &d->port, err) != 0)
        return -1; /* the process ends */
    list_init(&d->slow);
    d->started_ms = now_ms(d);
    uv_timer_init(&d->loop.uv, &d->heartbeat);
    d->heartbeat.data = d;
    uv_timer_start(&d->heartbeat, on_heartbeat, HEARTBEAT_MS, HEARTBEAT_MS);
    start_signal(d, &d->term, SIGTERM);
    start_signal(d, &d->interrupt, SIGINT);
    printf("started on %s port %u\n", address, d->port);
    loop_run(&d->loop);
    loop_close(&d->loop);
    return 0;
}

int demo_server_main(int argc, char **argv)
{
    struct demo d = {0};
    struct args a;
    struct error err;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (args_parse(rows, ROWS_N, UINT32_MAX, argc, argv, &a, &err) != 0)
        goto failed;
    if (args_on(&a, HELP))
        return help();
    if (a.n > 0) {
        error_set(&err, ERR_SYNTAX, "%s: need flags only, as --port 7000", a.names[0]);
        goto failed;
    }
    if (choose_port(&a, &d.port, &err) == 0 && serve(&d, choose_address(&a), &err) == 0)
        return 0;
failed:
    fprintf(stderr, "error: %s\n", err.text);
    return error_exit_status(err.code);
}
