/* The proxy, and what it says of its ports. */
#include "base/json.h"
#include "base/log.h"
#include "serve.h"
#include "serve_private.h"

/* Whether the proxy's page is served, said once. */
static void note_page(struct server *s, const struct proxy_status *st)
{
    bool refused = st->stats_port == 0 && *st->stats_why != '\0';
    if (s->page_known || (st->stats_port == 0 && !refused))
        return;
    s->page_known = true;
    if (!refused) {
        serve_set_url(s, LISTEN_STATS, st->stats_port);
        return;
    }
    s->urls[LISTEN_STATS][0] = '\0';
    log_warn("the proxy's page is not served", "why=\"%s\" or=\"--stats-port\"", st->stats_why);
}

static void on_proxy_status(struct proxy_client *c, const struct proxy_status *st)
{
    struct server *s = c->data;
    struct event e = {.kind = EVENT_ROUTES};
    struct json_writer w;
    buf_init(&e.body, LIMIT_FRAME_BYTES);
    json_begin(&w, &e.body);
    json_object(&w);
    json_key(&w, "ports");
    json_array(&w);
    for (size_t i = 0; i < st->n_services; i++) {
        json_object(&w);
        json_member_int(&w, "port", st->services[i].port);
        json_member_str(&w, "app", st->services[i].app);
        json_member_bool(&w, "bound", st->services[i].bound);
        json_member_str(&w, "reason", st->services[i].why);
        json_object_end(&w);
    }
    json_array_end(&w);
    json_object_end(&w);
    host_event(s->host, &e);
    note_page(s, st);
    serve_tell_ready(s);
}

static void on_proxy_down(struct proxy_client *c, const struct error *why, bool again)
{
    struct server *s = c->data;
    log_event(again ? LOG_DEBUG : LOG_WARN, "no connection to the proxy", "why=\"%s\"", why->text);
    serve_look_for_folder(s);
}

/* The node is as ready as it will be. */
static void on_proxy_silent(struct proxy_client *c, int pid)
{
    struct server *s = c->data;
    log_warn("the proxy does not answer", "pid=%d cure=\"if that lasts: kill -9 %d\"", pid, pid);
    s->proxy_silent = true;
    serve_tell_ready(s);
}

static const struct proxy_client_events proxy_events = {
    .on_down = on_proxy_down,
    .on_status = on_proxy_status,
    .on_silent = on_proxy_silent,
};

int serve_start_proxy(struct server *s, struct error *err)
{
    struct proxy_reserved reserved[LISTENERS];
    const char *const command[] = {"mesolith", "proxy", s->folder.agent, NULL};
    struct proxy_client_options options = {
        .folder = s->folder.agent, .version = VERSION, .command = command};
    proxy_settings_default(&options.settings);
    options.settings.service_address = s->service_address;
    options.settings.stats_address = s->address;
    options.settings.stats_port = serve_has_listener(s, LISTEN_STATS)
                                      ? (int)config_number(&s->config, SETTING_STATS_PORT)
                                      : -1;
    options.settings.authorization = s->authorization;
    options.settings.realm = config_text(&s->config, SETTING_HTTP_REALM);
    options.settings.connections =
        (unsigned)config_number(&s->config, SETTING_LIMIT_PROXY_CONNECTIONS);
    options.settings.connect_ms = config_number(&s->config, SETTING_LIMIT_PROXY_CONNECT_MS);
    options.settings.drain_ms = config_number(&s->config, SETTING_LIMIT_PROXY_DRAIN_MS);
    options.settings.reserved = reserved;
    for (int d = 0; d < LISTEN_STATS; d++) {
        static const char *const holders[] = {
            "this node's Marathon listener", "this node's Chronos listener",
            "this node's Mesos listener", "this node's agent listener",
            "this node's HTTPS listener"};
        if (s->ports[d] != 0)
            reserved[options.settings.n_reserved++] = (struct proxy_reserved){
                serve_listening(s, (enum listening)d), s->ports[d], holders[d]};
    }
    s->proxy.data = s;
    if (proxy_client_start(&s->proxy, &s->loop.uv, &options, &proxy_events, err) != 0)
        return -1;
    s->proxy_runs = true;
    s->parts++;
    return 0;
}
