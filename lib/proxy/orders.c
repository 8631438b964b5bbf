#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/str.h"
#include "proxy/process.h"

#define REPORT_MS 50 /* backends that come and go are reported together */

/* ---- reporting to the node */

static void write_service(const struct service *s, struct json_writer *w)
{
    json_object(w);
    json_member_int(w, "port", s->port);
    json_member_str(w, "app", s->app);
    json_member_str(w, "state", service_state_word(s->state));
    json_member_str(w, "why", s->why);
    json_member_int(w, "wanted", (int64_t)s->n_wanted);
    json_member_int(w, "usable", (int64_t)service_usable(s));
    json_object_end(w);
}

static void write_status(struct proxy *p, struct json_writer *w)
{
    struct service *s;
    json_member_int(w, "revision", p->routes.revision);
    json_member_int(w, "stats_port", proxy_page_port(p->page));
    json_member_str(w, "stats_why", proxy_page_why(p->page));
    json_key(w, "services");
    json_array(w);
    pthread_mutex_lock(&p->forwarder.lock);
    while ((s = balance_next_dirty(&p->forwarder.balance)) != NULL)
        write_service(s, w);
    pthread_mutex_unlock(&p->forwarder.lock);
    json_array_end(w);
}

void proxy_report(struct proxy *p)
{
    struct proxy_message m;
    struct buf out;
    struct error err;
    if (!proxy_control_has_node(&p->control))
        return;
    write_status(p, proxy_message_begin(&m, "status"));
    buf_init(&out, LIMIT_PROXY_STATE_BYTES + sizeof(uint32_t));
    if (proxy_message_end(&m, &out, &err) != 0)
        log_error("status not sent", "reason=%s", err.text);
    else
        proxy_control_tell_node(&p->control, buf_slice(&out));
    buf_close(&out);
}

static void on_report(uv_timer_t *timer)
{
    proxy_report(timer->data);
}

void proxy_report_soon(struct proxy *p)
{
    if (!uv_is_active((uv_handle_t *)&p->report))
        uv_timer_start(&p->report, on_report, REPORT_MS, 0);
}

/* ---- settings */

static void look(void *data, struct proxy_stats *out)
{
    struct proxy *p = data;
    *out = (struct proxy_stats){.forwarder = &p->forwarder,
                                .version = p->options->version,
                                .revision = p->routes.revision,
                                .started = p->started,
                                .now = proxy_now()};
}

static void open_page(struct proxy *p)
{
    const struct proxy_settings *s = &p->settings;
    proxy_page_free(p->page);
    p->page = s->stats_port >= 0 ? proxy_page_new(&p->loop, s, look, p) : NULL;
}

static bool same_page(const struct proxy_settings *a, const struct proxy_settings *b)
{
    return a->stats_port == b->stats_port && str_eq(a->stats_address, b->stats_address) &&
           str_eq(a->authorization, b->authorization) && str_eq(a->realm, b->realm);
}

static void apply_settings(struct proxy *p)
{
    struct forwarder_limits limits = {.connect_ms = p->settings.connect_ms,
                                      .connections = p->settings.connections};
    forwarder_limit(&p->forwarder, &limits);
    pthread_mutex_lock(&p->forwarder.lock);
    p->forwarder.balance.drain_ms = p->settings.drain_ms;
    pthread_mutex_unlock(&p->forwarder.lock);
    proxy_ports_settle_all(&p->ports);
}

int proxy_take_settings(struct proxy *p, const struct json *v, struct error *err)
{
    struct arena arena = {0}, old_arena = p->settings_arena;
    struct proxy_settings s, old = p->settings;
    if (proxy_settings_parse(v, &arena, &s, err) != 0) {
        arena_close(&arena);
        return -1;
    }
    p->settings = s;
    p->settings_arena = arena;
    apply_settings(p);
    if (!same_page(&s, &old))
        open_page(p);
    arena_close(&old_arena);
    return 0;
}

/* ---- routes */

static void drop_removed(struct proxy *p, const struct proxy_change *c)
{
    struct balance *b = &p->forwarder.balance;
    for (size_t i = 0; i < c->n_removed; i++) {
        struct service *s = balance_find(b, c->removed[i].port, c->removed[i].app);
        proxy_ports_release(&p->ports, s);
        pthread_mutex_lock(&p->forwarder.lock);
        balance_drop(s, proxy_now());
        pthread_mutex_unlock(&p->forwarder.lock);
    }
}

static void put_routes(struct proxy *p, const struct proxy_change *c)
{
    struct balance *b = &p->forwarder.balance;
    struct mono now = proxy_now();
    pthread_mutex_lock(&p->forwarder.lock);
    for (size_t i = 0; i < c->n_routes; i++)
        balance_put(b, c->routes[i], now);
    pthread_mutex_unlock(&p->forwarder.lock);
    for (size_t i = 0; i < c->n_routes; i++)
        proxy_ports_settle(&p->ports, balance_find(b, c->routes[i]->port, c->routes[i]->app));
}

int proxy_take_routes(struct proxy *p, const struct json *v, struct error *err)
{
    struct proxy_change c;
    if (proxy_change_parse(v, &c, err) != 0)
        return -1;
    if (proxy_routes_reduce(&p->routes, &c, err) != 0) {
        proxy_change_close(&c);
        return -1;
    }
    drop_removed(p, &c);
    put_routes(p, &c);
    if (c.n_removed > 0 && p->ports.may_bind_later)
        proxy_ports_retry(&p->ports);
    forwarder_look(&p->forwarder);
    proxy_routes_apply(&p->routes, &c);
    proxy_change_close(&c);
    return 0;
}

/* ---- the state as text: for the disk and for a successor */

void proxy_write_state(struct proxy *p, struct json_writer *w)
{
    json_key(w, "settings");
    json_object(w);
    proxy_settings_write(&p->settings, w);
    json_object_end(w);
    proxy_routes_write(&p->routes, w);
}

int proxy_take_state(struct proxy *p, const struct json *v, struct error *err)
{
    if (proxy_take_settings(p, json_get(v, "settings"), err) != 0)
        return error_wrap(err, "settings");
    return proxy_take_routes(p, v, err);
}
