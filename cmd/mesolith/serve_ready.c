/* What a node listens at, and that it says so once all of it serves. */
#include <stdio.h>
#include <string.h>

#include "demo.h"
#include "net/tls.h"
#include "notify.h"
#include "serve_private.h"

/* ---------------- listeners */

bool serve_has_listener(const struct server *s, enum listening d)
{
    return listener_is_on(&s->config, s->modes, d);
}

void serve_set_url(struct server *s, enum listening d, uint16_t port)
{
    bool v6 = strchr(s->hostname, ':') != NULL;
    s->ports[d] = port;
    snprintf(s->urls[d], URL_SIZE, "%s://%s%.64s%s:%u", d == LISTEN_HTTPS ? "https" : "http",
             v6 ? "[" : "", s->hostname, v6 ? "]" : "", port);
}

const char *serve_listening(const struct server *s, enum listening d)
{
    const char *own = config_text(&s->config, SETTING_HTTPS_ADDRESS);
    return d == LISTEN_HTTPS && *own != '\0' ? own : s->address;
}

int serve_read_keystore(struct server *s, struct error *err)
{
    const struct config *c = &s->config;
    if (listener_check_tls(c, s->modes, err) != 0)
        return -1;
    if (!serve_has_listener(s, LISTEN_HTTPS))
        return 0;
    struct tls *fresh = tls_new_for_clients(config_text(c, SETTING_KEYSTORE_PATH),
                                            config_text(c, SETTING_KEYSTORE_PASSWORD), err);
    if (fresh == NULL)
        return error_wrap(err, "ssl-keystore-path");
    tls_unref(s->tls);
    s->tls = fresh;
    return 0;
}

void serve_renew_tls(struct server *s)
{
    struct error err;
    if (s->tls == NULL)
        return;
    if (serve_read_keystore(s, &err) == 0)
        http_server_use_tls(s->http, s->tls);
    else
        log_error("the certificate stays as it was", "why=%s", err.text);
}

static int listen_by_tls(struct server *s, uint16_t *port, struct error *err)
{
    if (http_server_listen_tls(s->http, listeners[LISTEN_HTTPS].door,
                               serve_listening(s, LISTEN_HTTPS), *port, s->tls, port, err) == 0)
        return 0;
    return error_wrap(err, "--https-port");
}

static int listen_by_http(struct server *s, enum listening d, uint16_t *port, struct error *err)
{
    if (http_server_listen(s->http, listeners[d].door, s->address, *port, port, err) == 0)
        return 0;
    return error_wrap(err, "--%s-port", listeners[d].name);
}

int serve_listen(struct server *s, struct error *err)
{
    if (listener_check_plain(&s->config, s->modes, err) != 0)
        return -1;
    for (int d = 0; d < LISTENERS; d++) {
        uint16_t port = (uint16_t)config_number(&s->config, listeners[d].port);
        if (!serve_has_listener(s, (enum listening)d))
            continue;
        int rc = d == LISTEN_STATS   ? 0
                 : d == LISTEN_HTTPS ? listen_by_tls(s, &port, err)
                                     : listen_by_http(s, (enum listening)d, &port, err);
        if (rc != 0)
            return -1;
        if (port != 0)
            serve_set_url(s, (enum listening)d, port);
    }
    return 0;
}

const char *serve_url(const struct server *s, enum listening d)
{
    return s->urls[d][0] != '\0' ? s->urls[d] : NULL;
}

/* ---------------- ready */

/* Whom the command line asks. */
static enum listening to_ask(const struct server *s)
{
    if (serve_has_listener(s, LISTEN_MARATHON))
        return LISTEN_MARATHON;
    return serve_has_listener(s, LISTEN_MESOS) ? LISTEN_MESOS : LISTEN_HTTPS;
}

static void write_address(struct server *s)
{
    char path[FOLDER_PATH_SIZE + 16];
    snprintf(path, sizeof path, "%s/address", s->folder.path);
    FILE *f = fopen(path, "we");
    if (f == NULL)
        return; /* only a convenience for the command line */
    fprintf(f, "%s\n", s->urls[to_ask(s)]);
    fclose(f);
}

/* Until the others of the cluster are there a start takes as long as it takes: the service manager
 * is asked for more time, and gives up only on a process that says nothing any more. */
void serve_tell_manager(struct server *s)
{
    if (s->manager_knows || s->stopping)
        return;
    if (s->told_ready)
        s->manager_knows = notify("READY=1\nSTATUS=serves");
    else
        notify("EXTEND_TIMEOUT_USEC=30000000\nSTATUS=waits for the cluster");
}

void serve_tell_ready(struct server *s)
{
    bool page_known = !serve_has_listener(s, LISTEN_STATS) || s->page_known || s->proxy_silent;
    bool founded = !s->peer_port_runs || peer_port_is_founded(&s->peer_port);
    if (s->told_ready || !s->node_ready || !page_known || !founded || s->stopping)
        return;
    s->told_ready = true;
    write_address(s); /* first: who reads the line may ask for it */
    printf("ready");
    for (int d = 0; d < LISTENERS; d++)
        if (s->urls[d][0] != '\0')
            printf(" %s=%s/", listeners[d].name, s->urls[d]);
    if (serve_has_listener(s, LISTEN_MARATHON))
        printf(" ui=%s/ui/", s->urls[LISTEN_MARATHON]);
    printf("\n");
    fflush(stdout);
    serve_tell_manager(s);
    if (config_switch(&s->config, SETTING_DEMO) && serve_has_listener(s, LISTEN_MARATHON))
        demo_put_in(&s->loop, s->urls[LISTEN_MARATHON],
                    config_text(&s->config, SETTING_HTTP_CREDENTIALS), s->service_address);
}
