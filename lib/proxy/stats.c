#include "proxy/stats.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"

/* ---- walking: services by port, each under the lock */

struct printer {
    const struct proxy_stats *stats;
    struct buf *out;
    struct json_writer w;
    void (*service)(struct printer *p, struct service *s);
};

static int by_port(const void *a, const void *b)
{
    const struct service *x = *(struct service *const *)a, *y = *(struct service *const *)b;
    return x->port != y->port ? (x->port < y->port ? -1 : 1) : strcmp(x->app, y->app);
}

/* The caller owns the set of services, so only their insides need the lock. */
static struct service **sorted(struct forwarder *f, size_t *n_out)
{
    size_t n = 0, cursor = 0;
    struct service *s;
    struct service **all = mem_alloc(balance_count(&f->balance) * sizeof(struct service *) + 1);
    while ((s = balance_each(&f->balance, &cursor)) != NULL)
        all[n++] = s;
    qsort(all, n, sizeof(struct service *), by_port);
    *n_out = n;
    return all;
}

static void print_services(struct printer *p, size_t from, size_t most, uint16_t port)
{
    struct forwarder *f = p->stats->forwarder;
    size_t n;
    struct service **all = sorted(f, &n);
    for (size_t i = from; i < n && i - from < most; i++) {
        if (port != 0 && all[i]->port != port)
            continue;
        pthread_mutex_lock(&f->lock);
        p->service(p, all[i]);
        pthread_mutex_unlock(&f->lock);
    }
    mem_free(all);
}

struct totals {
    uint64_t bytes_in, bytes_out, refused;
};

static struct totals totals_of(const struct service *s)
{
    struct totals t = {0};
    size_t cursor = 0;
    struct backend *be;
    while ((be = map_each(s->backends, &cursor)) != NULL) {
        t.bytes_in += atomic_load(&be->bytes_in);
        t.bytes_out += atomic_load(&be->bytes_out);
        t.refused += be->refused;
    }
    return t;
}

/* For people; "fit" and the like are the words of the JSON. */
static const char *backend_condition(const struct backend *be)
{
    if (be->removed)
        return "leaving";
    if (be->draining)
        return "draining";
    if (!be->healthy)
        return "unhealthy";
    switch (be->place) {
    case BACKEND_FIT:
        return "up";
    case BACKEND_ASIDE:
        return "aside";
    case BACKEND_TRIAL:
        return "on trial";
    case BACKEND_OUT:
        return "out";
    }
    return "";
}

static int64_t seconds_since(const struct printer *p, struct mono t)
{
    return (p->stats->now.ms - t.ms) / 1000;
}

/* ---- JSON */

static void json_backend(struct printer *p, struct backend *be)
{
    char ip[PROXY_ADDRESS_TEXT_SIZE];
    struct json_writer *w = &p->w;
    json_object(w);
    json_member_str(w, "task", be->task);
    json_member_str(w, "address", proxy_address_ip(&be->address, ip));
    json_member_int(w, "port", proxy_address_port(&be->address));
    json_member_str(w, "state", backend_condition(be));
    json_member_int(w, "current", be->active);
    json_member_int(w, "total", (int64_t)be->connected);
    json_member_int(w, "refused", (int64_t)be->refused);
    json_member_int(w, "bytesIn", (int64_t)atomic_load(&be->bytes_in));
    json_member_int(w, "bytesOut", (int64_t)atomic_load(&be->bytes_out));
    json_member_int(w, "lastChangeSeconds", seconds_since(p, be->changed));
    json_key(w, "error");
    json_put_str(w, be->error != 0 ? strerror(be->error) : NULL);
    json_object_end(w);
}

static void json_service(struct printer *p, struct service *s)
{
    struct totals t = totals_of(s);
    struct json_writer *w = &p->w;
    json_object(w);
    json_member_int(w, "port", s->port);
    json_member_str(w, "app", s->app);
    json_member_str(w, "state", service_state_word(s->state));
    json_member_str(w, "why", s->why);
    json_member_int(w, "current", s->active);
    json_member_int(w, "total", (int64_t)s->connections);
    json_member_int(w, "unserved", (int64_t)s->unserved);
    json_member_int(w, "retries", (int64_t)s->retried);
    json_member_int(w, "bytesIn", (int64_t)t.bytes_in);
    json_member_int(w, "bytesOut", (int64_t)t.bytes_out);
    json_key(w, "backends");
    json_array(w);
    size_t cursor = 0;
    struct backend *be;
    while ((be = map_each(s->backends, &cursor)) != NULL)
        json_backend(p, be);
    json_array_end(w);
    json_object_end(w);
}

void proxy_stats_json(const struct proxy_stats *s, uint16_t port, struct buf *out)
{
    struct printer p = {.stats = s, .out = out, .service = json_service};
    json_begin(&p.w, out);
    json_object(&p.w);
    json_member_str(&p.w, "version", s->version);
    json_member_int(&p.w, "uptimeSeconds", seconds_since(&p, s->started));
    json_member_int(&p.w, "revision", s->revision);
    json_member_int(&p.w, "connections", atomic_load(&s->forwarder->connections));
    json_member_int(&p.w, "connectionsMax", forwarder_connections_max(s->forwarder));
    json_key(&p.w, "services");
    json_array(&p.w);
    print_services(&p, 0, SIZE_MAX, port);
    json_array_end(&p.w);
    json_object_end(&p.w);
}

/* ---- CSV */

static void csv_text(struct buf *out, const char *text)
{
    bool plain = strpbrk(text, ",\"\r\n") == NULL;
    if (!plain)
        buf_putc(out, '"');
    for (; *text != '\0'; text++) {
        if (*text == '"')
            buf_putc(out, '"');
        buf_putc(out, *text);
    }
    if (!plain)
        buf_putc(out, '"');
}

struct csv_row {
    const char *server, *status;
    uint64_t current, total, bytes_in, bytes_out, refused, retries, unserved;
    int64_t changed_s;
};

static void csv_row(struct printer *p, const struct service *s, const struct csv_row *r)
{
    char name[1200];
    snprintf(name, sizeof(name), "%u_%s", s->port, s->app);
    csv_text(p->out, name);
    buf_putc(p->out, ',');
    csv_text(p->out, r->server);
    buf_printf(p->out,
               ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64
               ",%s,%" PRId64 ",\n",
               r->current, r->total, r->bytes_in, r->bytes_out, r->unserved, r->refused, r->retries,
               r->status, r->changed_s);
}

static const char *csv_status(const struct backend *be)
{
    if (be->place == BACKEND_FIT)
        return "UP";
    return be->draining || be->removed ? "DRAIN" : "DOWN";
}

static void csv_service(struct printer *p, struct service *s)
{
    struct totals t = totals_of(s);
    csv_row(p, s,
            &(struct csv_row){.server = "FRONTEND",
                              .status = s->state == SERVICE_BOUND ? "OPEN" : "STOP",
                              .current = s->active,
                              .total = s->connections,
                              .bytes_in = t.bytes_in,
                              .bytes_out = t.bytes_out,
                              .refused = t.refused,
                              .retries = s->retried,
                              .unserved = s->unserved});
    size_t cursor = 0;
    struct backend *be;
    while ((be = map_each(s->backends, &cursor)) != NULL)
        csv_row(p, s,
                &(struct csv_row){.server = be->task,
                                  .status = csv_status(be),
                                  .current = be->active,
                                  .total = be->connected,
                                  .bytes_in = atomic_load(&be->bytes_in),
                                  .bytes_out = atomic_load(&be->bytes_out),
                                  .refused = be->refused,
                                  .changed_s = seconds_since(p, be->changed)});
}

void proxy_stats_csv(const struct proxy_stats *s, struct buf *out)
{
    struct printer p = {.stats = s, .out = out, .service = csv_service};
    buf_puts(out, "# pxname,svname,scur,stot,bin,bout,dreq,econ,wretr,status,lastchg,\n");
    print_services(&p, 0, SIZE_MAX, 0);
}

/* ---- HTML */

static void html_text(struct buf *out, const char *text)
{
    static const struct {
        char c;
        const char *entity;
    } special[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}};
    for (; *text != '\0'; text++) {
        const char *entity = NULL;
        for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
            if (special[i].c == *text)
                entity = special[i].entity;
        if (entity != NULL)
            buf_puts(out, entity);
        else
            buf_putc(out, *text);
    }
}

static void html_bytes(struct buf *out, uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    double v = (double)bytes;
    size_t unit = 0;
    for (; v >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
        v /= 1024;
    buf_printf(out, "<td>%.*f %s", unit == 0 || v >= 100 ? 0 : 1, v, units[unit]);
}

static void html_duration(struct buf *out, int64_t s)
{
    if (s < 120)
        buf_printf(out, "%" PRId64 " s", s);
    else if (s < 2 * 3600)
        buf_printf(out, "%" PRId64 " min", s / 60);
    else if (s < 2 * 86400)
        buf_printf(out, "%" PRId64 " h", s / 3600);
    else
        buf_printf(out, "%" PRId64 " d", s / 86400);
}

static void html_backend(struct printer *p, struct backend *be)
{
    char address[PROXY_ADDRESS_TEXT_SIZE];
    const char *condition = backend_condition(be);
    buf_puts(p->out, "<tr><td><td class=l>");
    html_text(p->out, be->task);
    buf_printf(p->out, "<td class=l>%s<td class=\"l %s\">%s<td>%u<td>%" PRIu64,
               proxy_address_text(&be->address, address), str_eq(condition, "up") ? "good" : "bad",
               condition, be->active, be->connected);
    html_bytes(p->out, atomic_load(&be->bytes_in));
    html_bytes(p->out, atomic_load(&be->bytes_out));
    buf_printf(p->out, "<td>%" PRIu64 "<td><td>", be->refused);
    html_duration(p->out, seconds_since(p, be->changed));
    buf_puts(p->out, "<td class=l>");
    if (be->error != 0)
        html_text(p->out, strerror(be->error));
    buf_putc(p->out, '\n');
}

static void html_service(struct printer *p, struct service *s)
{
    struct totals t = totals_of(s);
    buf_printf(p->out, "<tr class=s><td>%u<td class=l colspan=2>", s->port);
    html_text(p->out, s->app);
    buf_printf(p->out, "<td class=\"l %s\">%s, %zu of %zu up<td>%u<td>%" PRIu64,
               s->state == SERVICE_BOUND && service_usable(s) > 0 ? "good" : "bad",
               service_state_word(s->state), service_usable(s), s->n_wanted, s->active,
               s->connections);
    html_bytes(p->out, t.bytes_in);
    html_bytes(p->out, t.bytes_out);
    buf_printf(p->out, "<td>%" PRIu64 "<td>%" PRIu64 "<td><td class=l>", s->unserved, s->retried);
    html_text(p->out, s->why);
    buf_putc(p->out, '\n');
    size_t cursor = 0;
    struct backend *be;
    while ((be = map_each(s->backends, &cursor)) != NULL)
        html_backend(p, be);
}

static const char page_head[] =
    "<!doctype html><html lang=en><meta charset=utf-8><title>Service ports</title>"
    "<meta name=viewport content=\"width=device-width\"><style>"
    "body{font:14px/1.45 system-ui,sans-serif;margin:1.5rem;color:#1b1f24;background:#fff}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:right;padding:.2rem .5rem;"
    "border-bottom:1px solid #8883;white-space:nowrap}th.l,td.l{text-align:left}"
    "tr.s td{background:#8881}tr.s "
    "td:nth-child(-n+3){font-weight:600}.good{color:#1a7f37}.bad{color:#b35900}"
    "p{color:#667}td:last-child{white-space:normal;min-width:11rem}div{overflow-x:auto}"
    "@media(prefers-color-scheme:dark){body{color:#e6e6e6;background:#16181c}"
    ".good{color:#57c472}.bad{color:#f0a04b}p{color:#99a}a{color:#8ab4f8}}</style>"
    "<h1>Service ports</h1>";

static const char table_head[] =
    "<div><table><thead><tr><th>Port<th class=l>App, task<th class=l>Address<th class=l>State"
    "<th>Now<th>Connections<th>In<th>Out<th>Failed<th>Retries<th>Changed<th class=l>"
    "Remark</thead><tbody>\n";

static void html_links(struct buf *out, size_t from, size_t n)
{
    if (n <= STATS_PAGE_SERVICES)
        return;
    buf_puts(out, "<p>");
    for (size_t at = 0; at < n; at += STATS_PAGE_SERVICES)
        if (at == from)
            buf_printf(out, "%zu ", at + 1);
        else
            buf_printf(out, "<a href=\"/?from=%zu\">%zu</a> ", at, at + 1);
    buf_puts(out, "</p>");
}

void proxy_stats_html(const struct proxy_stats *s, size_t from, struct buf *out)
{
    struct printer p = {.stats = s, .out = out, .service = html_service};
    size_t n = balance_count(&s->forwarder->balance);
    buf_puts(out, page_head);
    buf_puts(out, "<p>mesolith ");
    html_text(out, s->version);
    buf_puts(out, ", up for ");
    html_duration(out, seconds_since(&p, s->started));
    buf_printf(out,
               ", %u of at most %u connections, %zu service ports. Also as "
               "<a href=\"/stats.json\">JSON</a> and <a href=\"/;csv\">CSV</a>.</p>",
               atomic_load(&s->forwarder->connections), forwarder_connections_max(s->forwarder), n);
    html_links(out, from, n);
    buf_puts(out, table_head);
    print_services(&p, from, STATS_PAGE_SERVICES, 0);
    buf_puts(out, "</tbody></table></div>");
    html_links(out, from, n);
}
