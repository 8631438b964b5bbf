#include "proxy/page.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "http/url.h"

#define CONNECTIONS_MAX 64
#define GRACE_MS 500 /* for answers under way when the page closes */

struct proxy_page {
    struct http_server *server;
    proxy_page_look *look;
    void *data;
    char *address;
    uint16_t wanted, port;
    struct error why;
};

/* ---- doors */

static int64_t query_number(struct slice text, const char *key)
{
    struct query q;
    struct error ignored; /* a query that makes no sense asks for nothing */
    int64_t n = 0;
    if (query_parse(&q, text, &ignored) != 0)
        return 0;
    const char *value = query_get(&q, key);
    if (value == NULL || !str_to_i64(value, &n) || n < 0)
        n = 0;
    query_close(&q);
    return n;
}

static void door_html(const struct proxy_stats *s, struct slice query, struct buf *out)
{
    proxy_stats_html(s, (size_t)query_number(query, "from"), out);
}

static void door_json(const struct proxy_stats *s, struct slice query, struct buf *out)
{
    int64_t port = query_number(query, "port");
    proxy_stats_json(s, port <= UINT16_MAX ? (uint16_t)port : 0, out);
}

static void door_csv(const struct proxy_stats *s, struct slice query, struct buf *out)
{
    (void)query;
    proxy_stats_csv(s, out);
}

static const struct {
    const char *path, *type;
    void (*print)(const struct proxy_stats *s, struct slice query, struct buf *out);
} doors[] = {
    {"/", "text/html; charset=utf-8", door_html},
    {"/stats.json", "application/json", door_json},
    {"/;csv", "text/plain; charset=utf-8", door_csv}, /* HAProxy's name for it */
};

static void fail(struct http_server *s, struct exchange_id id, int status, const char *text)
{
    struct answer a = answer_whole(id, status, "text/plain; charset=utf-8", slice_of(text));
    http_server_answer(s, &a);
    answer_close(&a);
}

static void answer(struct http_server *server, struct exchange_id id, const struct request *r,
                   size_t door)
{
    struct proxy_page *p = http_server_data(server);
    struct proxy_stats stats;
    struct buf out;
    p->look(p->data, &stats);
    buf_init(&out, LIMIT_ANSWER_BYTES);
    doors[door].print(&stats, r->query, &out);
    if (buf_full(&out)) {
        fail(server, id, 413, "too many services for one answer: ask for one by ?port=\n");
    } else {
        struct answer a = answer_whole_take(id, 200, doors[door].type, &out);
        header_put(&a.headers, "Cache-Control", "no-store");
        http_server_answer(server, &a);
        answer_close(&a);
    }
    buf_close(&out);
}

static void on_request(struct http_server *s, struct exchange_id id, const struct request *r)
{
    if (r->method != METHOD_GET && r->method != METHOD_HEAD) {
        fail(s, id, 405, "only GET and HEAD are of use here\n");
        return;
    }
    for (size_t i = 0; i < sizeof(doors) / sizeof(doors[0]); i++) {
        if (slice_is(r->path, doors[i].path)) {
            answer(s, id, r, i);
            return;
        }
    }
    fail(s, id, 404, "not found: there are /, /stats.json and /;csv\n");
}

/* ---- life */

bool proxy_page_retry(struct proxy_page *p)
{
    if (p->port != 0)
        return false;
    if (http_server_listen(p->server, "stats", p->address, p->wanted, &p->port, &p->why) != 0)
        return false;
    p->why.text[0] = '\0';
    return true;
}

struct proxy_page *proxy_page_new(struct loop *loop, const struct proxy_settings *settings,
                                  proxy_page_look *look, void *data)
{
    static const struct http_server_events events = {.on_request = on_request};
    struct http_server_config config = http_server_config_default();
    struct proxy_page *p = NEW(struct proxy_page);
    config.connections = CONNECTIONS_MAX;
    config.authorization = settings->authorization;
    config.realm = settings->realm;
    *p = (struct proxy_page){.look = look,
                             .data = data,
                             .address = mem_strdup(settings->stats_address),
                             .wanted = (uint16_t)settings->stats_port};
    p->server = http_server_new(loop, &config, &events, p);
    proxy_page_retry(p);
    return p;
}

static void on_stopped(struct http_server *s)
{
    struct proxy_page *p = http_server_data(s);
    http_server_free(s);
    mem_free(p->address);
    mem_free(p);
}

void proxy_page_free(struct proxy_page *p)
{
    if (p != NULL)
        http_server_stop(p->server, GRACE_MS, on_stopped);
}

uint16_t proxy_page_port(const struct proxy_page *p)
{
    return p != NULL ? p->port : 0;
}

const char *proxy_page_why(const struct proxy_page *p)
{
    return p != NULL ? p->why.text : "";
}
