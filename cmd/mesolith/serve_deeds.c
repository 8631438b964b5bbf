/* What the node has done. */
#include "base/log.h"
#include "serve_private.h"

static void do_launch(void *data, int64_t task, struct slice run_spec)
{
    tasks_launch(&((struct server *)data)->tasks, task, run_spec);
}

static void do_kill(void *data, int64_t task, const char *reason)
{
    tasks_kill(&((struct server *)data)->tasks, task, reason);
}

static void do_forget(void *data, int64_t task)
{
    tasks_forget(&((struct server *)data)->tasks, task);
}

static void do_wipe(void *data, int64_t volume, const char *name)
{
    tasks_wipe(&((struct server *)data)->tasks, volume, name);
}

static void do_sandbox(void *data, struct exchange_id id, struct sandbox_request *r)
{
    struct server *s = data;
    if (r->op != SANDBOX_BACKUP) {
        elsewhere_sandbox(&s->elsewhere, id, r);
        return;
    }
    sandbox_request_free(r);
    backups_serve(&s->backups, id);
}

static void do_elsewhere(void *data, struct exchange_id id, struct request *r)
{
    elsewhere_request(&((struct server *)data)->elsewhere, id, r);
}

static void do_gone(void *data, struct exchange_id id)
{
    struct server *s = data;
    backups_gone(&s->backups, id);
    elsewhere_gone(&s->elsewhere, id);
}

static void do_credit(void *data, struct exchange_id id, size_t bytes)
{
    struct server *s = data;
    backups_credit(&s->backups, id, bytes);
    elsewhere_credit(&s->elsewhere, id, bytes);
}

static void do_routes(void *data, struct slice message)
{
    struct server *s = data;
    struct error err;
    struct event e = {.kind = EVENT_ROUTES_REFUSED};
    if (!s->proxy_runs || s->stopping)
        return;
    bool refused = proxy_client_routes(&s->proxy, message, &err) != 0;
    if (refused) { /* all of them come again, until they are taken */
        log_event(s->routes_refused ? LOG_DEBUG : LOG_ERROR, "routes refused", "why=%s", err.text);
        host_event(s->host, &e);
    }
    s->routes_refused = refused;
}

static void do_send(void *data, int64_t node, struct slice frame)
{
    struct server *s = data;
    if (s->peer_port_runs)
        peer_port_send(&s->peer_port, node, frame);
}

static void do_room(void *data)
{
    peer_port_room(&((struct server *)data)->peer_port);
}

static void do_answer(void *data, struct answer *a)
{
    struct server *s = data;
    if (!peer_port_answer(&s->peer_port, a) && !graphite_answer(&s->graphite, a))
        elsewhere_answer(&s->elsewhere, a);
}

static void do_snapshot_ready(void *data, uint64_t token, const char *path)
{
    struct server *s = data;
    if (s->peer_port_runs)
        peer_port_snapshot_ready(&s->peer_port, token, path);
}

static void do_snapshot_fetch(void *data, uint64_t from, const struct replica_snapshot *snapshot)
{
    struct server *s = data;
    if (s->peer_port_runs)
        peer_port_snapshot_fetch(&s->peer_port, from, snapshot);
}

static void do_know(void *data, const struct known_node *k)
{
    struct server *s = data;
    if (s->peer_port_runs)
        peer_port_know(&s->peer_port, k);
}

static void on_ready(void *data)
{
    struct server *s = data;
    s->node_ready = true;
    if (s->peer_port_runs)
        peer_port_ready(&s->peer_port);
    serve_tell_ready(s);
}

struct host_deeds serve_deeds(struct server *s)
{
    return (struct host_deeds){
        .data = s,
        .launch = do_launch,
        .kill = do_kill,
        .forget = do_forget,
        .wipe = do_wipe,
        .routes = do_routes,
        .sandbox = do_sandbox,
        .elsewhere = do_elsewhere,
        .gone = do_gone,
        .credit = do_credit,
        .send = do_send,
        .know = do_know,
        .snapshot_ready = do_snapshot_ready,
        .snapshot_fetch = do_snapshot_fetch,
        .room = do_room,
        .answer = do_answer,
        .ready = on_ready,
        .ended = serve_on_ended,
    };
}
