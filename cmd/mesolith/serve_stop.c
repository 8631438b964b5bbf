/* How a node ends, and what makes it: a signal, its own end, its removal, its folder's. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include "base/log.h"
#include "base/str.h"
#include "notify.h"
#include "serve_private.h"

#define STOP_GRACE_MS 1000 /* for answers that are under way */
#define TICK_MS 1000
#define DOUBT_MS 2000 /* for the other masters to say what one has said */

static void part_stopped(struct server *s)
{
    if (--s->parts > 0)
        return;
    uv_close((uv_handle_t *)&s->term, NULL);
    uv_close((uv_handle_t *)&s->interrupt, NULL);
    uv_close((uv_handle_t *)&s->hangup, NULL);
    uv_close((uv_handle_t *)&s->tick, NULL);
}

static void on_http_stopped(struct http_server *http)
{
    struct host *h = http_server_data(http);
    part_stopped(host_owner(h));
}

static void on_tasks_stopped(struct tasks *t)
{
    part_stopped(t->data);
}

static void on_backups_stopped(struct backups *b)
{
    part_stopped(b->data);
}

static void on_graphite_stopped(struct graphite *g)
{
    part_stopped(g->data);
}

static void on_proxy_stopped(struct proxy_client *c)
{
    part_stopped(c->data);
}

static void on_peer_port_stopped(struct peer_port *p)
{
    part_stopped(p->data);
}

/* What the node stood on ends too. Tasks and the proxy go on. */
static void stop_parts(struct server *s)
{
    http_server_stop(s->http, STOP_GRACE_MS, on_http_stopped);
    tasks_stop(&s->tasks, on_tasks_stopped);
    backups_stop(&s->backups, on_backups_stopped);
    if (s->graphite_runs)
        graphite_stop(&s->graphite, on_graphite_stopped);
    if (s->proxy_runs)
        proxy_client_stop(&s->proxy, on_proxy_stopped);
    if (s->peer_port_runs)
        peer_port_stop(&s->peer_port, on_peer_port_stopped);
    part_stopped(s); /* the node */
}

static void tell_removed(const struct server *s)
{
    if (s->removal == REMOVAL_SURE)
        log_error(
            "this node was removed from its cluster: it ends its tasks and stops",
            "cure=\"mesolith join ADDRESS --token TOKEN with an empty data folder makes a new "
            "node of it\"");
    else
        log_error("a master says that this node was removed from its cluster: it stops before it "
                  "leads others, its tasks go on",
                  "cure=\"if the cluster was recovered without it: mesolith stop --all --data %s, "
                  "and mesolith join with an empty data folder\"",
                  s->folder.path);
}

static void on_heard(uv_timer_t *timer)
{
    struct server *s = timer->data;
    s->hears_others = false;
    uv_timer_stop(timer);
    tell_removed(s);
    stop_parts(s);
}

void serve_on_ended(void *data, const struct error *err)
{
    struct server *s = data;
    if (err != NULL) {
        log_error("the node has stopped", "why=%s", err->text);
        s->exit_status = error_exit_status(err->code);
    }
    s->stopping = true;
    if (s->removal == REMOVAL_NONE) {
        stop_parts(s);
        return;
    }
    s->hears_others = true;
    uv_timer_start(&s->tick, on_heard, s->removal == REMOVAL_SURE ? 0 : DOUBT_MS, 0);
}

/* HUP: how much is logged changes at once; what else has changed needs a start, and is named. */
static void read_again(struct server *s)
{
    struct config fresh;
    struct error err;
    if (config_read(&fresh, s->argc, s->argv, &err) != 0) {
        log_error("the configuration stays as it was", "why=%s", err.text);
        return;
    }
    log_set_level(config_level(&fresh));
    serve_renew_tls(s);
    log_info("the configuration was read again", "log=%s", config_text(&fresh, SETTING_LOG));
    for (int i = 0; i < SETTINGS_N; i++)
        if (i != SETTING_LOG &&
            !str_eq(config_text(&fresh, (enum setting)i), config_text(&s->config, (enum setting)i)))
            log_warn("a setting takes effect at the next start", "setting=%s",
                     config_key((enum setting)i));
    config_close(&fresh);
}

static void reload(struct server *s)
{
    char lines[64];
    snprintf(lines, sizeof lines, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, uv_hrtime() / 1000);
    if (s->manager_knows)
        s->manager_knows = !notify(lines);
    read_again(s);
    serve_tell_manager(s);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct server *s = handle->data;
    if (number == SIGHUP) {
        reload(s);
        return;
    }
    if (s->stopping)
        return;
    s->stopping = true;
    notify("STOPPING=1\nSTATUS=stops; tasks and service ports go on");
    log_info("stopping", "signal=%d", number);
    host_stop(s->host);
}

/* A node that takes tasks and can start none is worse than none: whoever watches over it starts it
 * again, and it finds what runs. */
void serve_on_tasks_lost(struct tasks *t)
{
    struct server *s = t->data;
    if (s->stopping)
        return;
    s->stopping = true;
    s->exit_status = error_exit_status(ERR_IO);
    log_error("the node stops", "why=\"its launcher was killed\" cure=\"start it again\"");
    host_stop(s->host);
}

/* Tasks and the proxy are found by paths: in another's folder they would be another's. */
void serve_look_for_folder(struct server *s)
{
    if (s->stopping || folder_is_there(&s->folder))
        return;
    s->stopping = true;
    s->displaced = true;
    s->exit_status = error_exit_status(ERR_CONFLICT);
    log_error("the data folder was removed or replaced under this node: it stops",
              "folder=%s cure=\"put the folder back and start the node again\"", s->folder.path);
    host_stop(s->host);
}

/* What it ran was replaced: two of one are wrong. One master's word is enough not to look for
 * votes, and not to end anything: it may be one that was recovered by mistake. */
void serve_on_removed(struct peer_port *p, bool sure)
{
    struct server *s = p->data;
    bool doubted = s->removal == REMOVAL_DOUBTED;
    bool may_doubt = !s->node_ready && (s->modes & MODE_MASTER) != 0;
    if ((s->stopping && !doubted) || s->removal == REMOVAL_SURE ||
        (!sure && (doubted || !may_doubt)))
        return;
    s->stopping = true;
    s->removal = sure ? REMOVAL_SURE : REMOVAL_DOUBTED;
    s->exit_status = error_exit_status(ERR_INVALID); /* another start changes nothing */
    if (!doubted)
        host_stop(s->host);
    else if (s->hears_others)
        uv_timer_start(&s->tick, on_heard, 0, 0);
}

static void on_tick(uv_timer_t *timer)
{
    serve_look_for_folder(timer->data);
    serve_tell_manager(timer->data);
}

void serve_start_tick(struct server *s)
{
    uv_timer_init(&s->loop.uv, &s->tick);
    s->tick.data = s;
    uv_timer_start(&s->tick, on_tick, 0, TICK_MS);
}

void serve_watch_signals(struct server *s)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    uv_signal_t *handles[] = {&s->term, &s->interrupt, &s->hangup};
    for (int i = 0; i < 3; i++) {
        uv_signal_init(&s->loop.uv, handles[i]);
        handles[i]->data = s;
        uv_signal_start(handles[i], on_signal, numbers[i]);
    }
}
