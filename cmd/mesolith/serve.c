#include "serve.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "api/web/bundle.h"
#include "backups.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "config.h"
#include "demo.h"
#include "elsewhere.h"
#include "folder.h"
#include "host/host.h"
#include "listeners.h"
#include "machine.h"
#include "notify.h"
#include "peer_port.h"
#include "proxy/client.h"
#include "stop.h"
#include "tasks.h"

#define STOP_GRACE_MS 1000 /* for answers that are under way */
#define TICK_MS 1000
#define DOUBT_MS 2000 /* for the other masters to say what one has said */
#define URL_SIZE 96
#define SETTING_BYTES_MAX (2 << 20) /* twice the largest file of settings */

struct launcher serve_launcher;

/* Which node: that of a newcomer's first steps, or what the folder says. */
enum verb { VERB_DEV, VERB_SERVE };

struct server {
    int argc;
    char **argv; /* HUP reads them again */
    struct config config;
    struct folder folder;
    struct loop loop;
    struct http_server *http;
    struct host *host;
    struct tasks tasks;
    struct elsewhere elsewhere;
    struct backups backups;
    struct proxy_client proxy;
    struct join_member members[LIMIT_SERVERS]; /* whom the node asks first; known: the same */
    struct known_node known[LIMIT_SERVERS];
    struct peer_port peer_port; /* of a node of a cluster; `dev` opens none */
    bool peer_port_runs, proxy_runs, proxy_silent, page_known, node_ready, told_ready, stopping,
        routes_refused, hears_others, displaced, /* its folder is not at its path any more */
        manager_knows;                           /* that it is ready */
    int parts; /* that run on the loop and have not said that they stopped */
    uint16_t ports[LISTENERS];
    char urls[LISTENERS][URL_SIZE];
    const char *address, *hostname, *service_address;
    char name[NODE_NAME_SIZE], boot[64], peer[ADDRESS_SIZE];
    struct buf resources, attributes;
    unsigned modes;
    uv_signal_t term, interrupt, hangup;
    uv_timer_t tick;
    /* A master that starts and is told by one other to be gone stops its node, and gives the rest
     * of them a moment to say so, too. */
    enum { REMOVAL_NONE, REMOVAL_DOUBTED, REMOVAL_SURE } removal;
    int exit_status;
};

/* ---------------- log lines */

static void write_line(void *data, enum log_level level, const char *line)
{
    static const char *const words[] = {"error", "warn", "info", "debug"};
    struct timespec now;
    char at[TIME_TEXT_SIZE];
    (void)data;
    clock_gettime(CLOCK_REALTIME, &now);
    struct wall wall = {(int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000};
    fprintf(stderr, "%s %s %s\n", wall_text(wall, at), words[level], line);
}

/* ---------------- what the configuration says */

static void read_settings(struct server *s)
{
    const struct config *c = &s->config;
    s->address = config_text(c, SETTING_ADDRESS);
    s->hostname =
        *config_text(c, SETTING_HOSTNAME) != '\0' ? config_text(c, SETTING_HOSTNAME) : s->address;
    s->service_address = *config_text(c, SETTING_SERVICE_ADDRESS) != '\0'
                             ? config_text(c, SETTING_SERVICE_ADDRESS)
                             : s->address;
    name_of(c, s->name, sizeof s->name);
    machine_boot_id(s->boot);
    buf_init(&s->resources, SETTING_BYTES_MAX);
    if (*config_text(c, SETTING_RESOURCES) != '\0')
        buf_puts(&s->resources, config_text(c, SETTING_RESOURCES));
    else
        machine_resources(s->folder.agent, &s->resources);
    buf_init(&s->attributes, SETTING_BYTES_MAX);
    config_attributes(c, &s->attributes);
}

/* ---------------- listeners */

static bool has_listener(const struct server *s, enum listening d)
{
    return listener_is_on(&s->config, s->modes, d);
}

static void set_url(struct server *s, enum listening d, uint16_t port)
{
    bool v6 = strchr(s->hostname, ':') != NULL;
    s->ports[d] = port;
    snprintf(s->urls[d], URL_SIZE, "http://%s%.64s%s:%u", v6 ? "[" : "", s->hostname, v6 ? "]" : "",
             port);
}

static int listen_all(struct server *s, struct error *err)
{
    if (listener_check_plain(&s->config, s->modes, err) != 0)
        return -1;
    for (int d = 0; d < LISTENERS; d++) {
        uint16_t port = (uint16_t)config_number(&s->config, listeners[d].port);
        if (!has_listener(s, (enum listening)d))
            continue;
        if (d != LISTEN_STATS &&
            http_server_listen(s->http, listeners[d].name, s->address, port, &port, err) != 0)
            return error_wrap(err, "--%s-port", listeners[d].name);
        if (port != 0)
            set_url(s, (enum listening)d, port);
    }
    return 0;
}

static const char *url_of(const struct server *s, enum listening d)
{
    return s->urls[d][0] != '\0' ? s->urls[d] : NULL;
}

/* ---------------- ready */

static void write_address(struct server *s)
{
    char path[FOLDER_PATH_SIZE + 16];
    snprintf(path, sizeof path, "%s/address", s->folder.path);
    FILE *f = fopen(path, "we");
    if (f == NULL)
        return; /* only a convenience for the command line */
    fprintf(f, "%s\n", s->urls[has_listener(s, LISTEN_MARATHON) ? LISTEN_MARATHON : LISTEN_MESOS]);
    fclose(f);
}

/* Until the others of the cluster are there a start takes as long as it takes: the service manager
 * is asked for more time, and gives up only on a process that says nothing any more. */
static void tell_manager(struct server *s)
{
    if (s->manager_knows || s->stopping)
        return;
    if (s->told_ready)
        s->manager_knows = notify("READY=1\nSTATUS=serves");
    else
        notify("EXTEND_TIMEOUT_USEC=30000000\nSTATUS=waits for the cluster");
}

/* One line on stdout: what serves, and where (DESIGN 10). */
static void tell_ready(struct server *s)
{
    bool page_known = !has_listener(s, LISTEN_STATS) || s->page_known || s->proxy_silent;
    bool founded = !s->peer_port_runs || peer_port_is_founded(&s->peer_port);
    if (s->told_ready || !s->node_ready || !page_known || !founded || s->stopping)
        return;
    s->told_ready = true;
    write_address(s); /* first: who reads the line may ask for it */
    printf("ready");
    for (int d = 0; d < LISTENERS; d++)
        if (s->urls[d][0] != '\0')
            printf(" %s=%s/", listeners[d].name, s->urls[d]);
    if (has_listener(s, LISTEN_MARATHON))
        printf(" ui=%s/ui/", s->urls[LISTEN_MARATHON]);
    printf("\n");
    fflush(stdout);
    tell_manager(s);
    if (config_switch(&s->config, SETTING_DEMO) && has_listener(s, LISTEN_MARATHON))
        demo_put_in(&s->loop, s->urls[LISTEN_MARATHON], s->service_address);
}

/* ---------------- the proxy */

/* Whether the proxy's page is served, said once. */
static void note_page(struct server *s, const struct proxy_status *st)
{
    bool refused = st->stats_port == 0 && *st->stats_why != '\0';
    if (s->page_known || (st->stats_port == 0 && !refused))
        return;
    s->page_known = true;
    if (!refused) {
        set_url(s, LISTEN_STATS, st->stats_port);
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
    tell_ready(s);
}

static void look_for_folder(struct server *s);

static void on_proxy_down(struct proxy_client *c, const struct error *why, bool again)
{
    struct server *s = c->data;
    log_event(again ? LOG_DEBUG : LOG_WARN, "no connection to the proxy", "why=\"%s\"", why->text);
    look_for_folder(s);
}

/* The node is as ready as it will be. */
static void on_proxy_silent(struct proxy_client *c, int pid)
{
    struct server *s = c->data;
    log_warn("the proxy does not answer", "pid=%d cure=\"if that lasts: kill -9 %d\"", pid, pid);
    s->proxy_silent = true;
    tell_ready(s);
}

static const struct proxy_client_events proxy_events = {
    .on_down = on_proxy_down,
    .on_status = on_proxy_status,
    .on_silent = on_proxy_silent,
};

static int start_proxy(struct server *s, struct error *err)
{
    struct proxy_reserved reserved[LISTENERS];
    const char *const command[] = {"mesolith", "proxy", s->folder.agent, NULL};
    struct proxy_client_options options = {
        .folder = s->folder.agent, .version = VERSION, .command = command};
    proxy_settings_default(&options.settings);
    options.settings.service_address = s->service_address;
    options.settings.stats_address = s->address;
    options.settings.stats_port =
        has_listener(s, LISTEN_STATS) ? (int)config_number(&s->config, SETTING_STATS_PORT) : -1;
    options.settings.connections =
        (unsigned)config_number(&s->config, SETTING_LIMIT_PROXY_CONNECTIONS);
    options.settings.connect_ms = config_number(&s->config, SETTING_LIMIT_PROXY_CONNECT_MS);
    options.settings.drain_ms = config_number(&s->config, SETTING_LIMIT_PROXY_DRAIN_MS);
    options.settings.reserved = reserved;
    for (int d = 0; d < LISTEN_STATS; d++) {
        static const char *const holders[] = {
            "this node's Marathon listener", "this node's Chronos listener",
            "this node's Mesos listener", "this node's agent listener"};
        if (s->ports[d] != 0)
            reserved[options.settings.n_reserved++] =
                (struct proxy_reserved){s->address, s->ports[d], holders[d]};
    }
    s->proxy.data = s;
    if (proxy_client_start(&s->proxy, &s->loop.uv, &options, &proxy_events, err) != 0)
        return -1;
    s->proxy_runs = true;
    s->parts++;
    return 0;
}

/* ---------------- the node's deeds */

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
    if (!peer_port_answer(&s->peer_port, a))
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
    tell_ready(s);
}

/* ---------------- stopping */

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

static void on_ended(void *data, const struct error *err)
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
    tell_manager(s);
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
static void on_tasks_lost(struct tasks *t)
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
static void look_for_folder(struct server *s)
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
static void on_removed(struct peer_port *p, bool sure)
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
    look_for_folder(timer->data);
    tell_manager(timer->data);
}

static void start_tick(struct server *s)
{
    uv_timer_init(&s->loop.uv, &s->tick);
    s->tick.data = s;
    uv_timer_start(&s->tick, on_tick, 0, TICK_MS);
}

static void watch_signals(struct server *s)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    uv_signal_t *handles[] = {&s->term, &s->interrupt, &s->hangup};
    for (int i = 0; i < 3; i++) {
        uv_signal_init(&s->loop.uv, handles[i]);
        handles[i]->data = s;
        uv_signal_start(handles[i], on_signal, numbers[i]);
    }
}

/* ---------------- starting */

static struct facts facts_of(struct server *s)
{
    const struct config *c = &s->config;
    struct facts f = {
        .version = VERSION,
        .name = s->name,
        .modes = s->modes,
        .hostname = s->hostname,
        .address = s->address,
        .url_marathon = url_of(s, LISTEN_MARATHON),
        .url_chronos = url_of(s, LISTEN_CHRONOS),
        .url_mesos = url_of(s, LISTEN_MESOS),
        .url_agent = url_of(s, LISTEN_AGENT),
        .url_stats = url_of(s, LISTEN_STATS),
        .work_dir = s->folder.agent,
        .service_address = s->service_address,
        .app_rules = {.role = config_text(c, SETTING_ROLE)},
        .job_rules = job_rules_default(),
        .ui = bundle_files,
        .ui_n = bundle_files_n,
    };
    f.job_rules.lenient_zones = config_switch(c, SETTING_LENIENT_ZONES);
    if (s->peer_port_runs)
        f.ca_hash = peer_port_ca_hash(&s->peer_port);
    if (*config_text(c, SETTING_NETWORK) != '\0')
        f.app_rules.network = config_text(c, SETTING_NETWORK);
    f.started = s->loop.clock.wall(&s->loop.clock);
    return f;
}

/* Whom node.json names: copied, for that changes. */
static size_t known_at_start(struct server *s)
{
    const struct node_file *f = &s->folder.node;
    memcpy(s->members, f->members, sizeof s->members);
    for (size_t i = 0; i < f->n; i++)
        s->known[i] = (struct known_node){
            .id = s->members[i].id, .modes = s->members[i].modes, .address = s->members[i].address};
    return f->n;
}

static int start_node(struct server *s, bool bootstrap, struct error *err)
{
    const struct config *c = &s->config;
    const struct host_options options = {
        .seed = machine_random(),
        .node =
            {
                .id = s->folder.id,
                .store = s->folder.store,
                .state_path = s->folder.state,
                .agent_path = (s->modes & MODE_AGENT) != 0 ? s->folder.agent_db : NULL,
                .name = s->name,
                .address = s->peer,
                .modes = s->modes,
                .cluster = s->peer_port_runs ? peer_port_cluster(&s->peer_port) : NULL,
                .members = s->known,
                .members_n = known_at_start(s),
                .bootstrap = bootstrap,
                .used = s->folder.used,
                .election_ms = (unsigned)config_number(c, SETTING_ELECTION),
                .heartbeat_ms = (unsigned)config_number(c, SETTING_HEARTBEAT),
                .unreachable_ms = config_number(c, SETTING_UNREACHABLE),
                .log_rows = (unsigned)config_number(c, SETTING_LIMIT_LOG_ROWS),
                .agent = {.hostname = s->hostname,
                          .address = s->address,
                          .version = VERSION,
                          .boot = s->boot,
                          .port = s->ports[LISTEN_AGENT],
                          .resources = buf_str(&s->resources),
                          .attributes = buf_str(&s->attributes),
                          .work_dir = s->folder.agent},
                .facts = facts_of(s),
            },
    };
    const struct host_deeds deeds = {
        .data = s,
        .launch = do_launch,
        .kill = do_kill,
        .forget = do_forget,
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
        .ended = on_ended,
    };
    return host_start(s->host, &s->loop, s->http, &options, &deeds, err);
}

/* Ending a node ends nobody's service: who wants that is told how. */
static void tell_what_goes_on(const struct server *s)
{
    if (s->proxy_runs && !s->displaced && s->removal != REMOVAL_SURE)
        log_info("stopped; tasks and service ports go on",
                 "to_end_them=\"mesolith stop --all --data %s\"", s->folder.path);
}

/* Many connections and tasks: as many files as the system allows. How many that are. */
static rlim_t raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return RLIM_INFINITY;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_max : RLIM_INFINITY;
}

/* Clients get half of the files at most: tasks, checks and databases need theirs. */
static size_t connections_of(const struct config *c)
{
    size_t wanted = (size_t)config_number(c, SETTING_LIMIT_CONNECTIONS);
    rlim_t files = raise_file_limit();
    if (files == RLIM_INFINITY || wanted <= files / 2)
        return wanted;
    log_warn("fewer HTTP connections than max-connections",
             "connections=%zu max-connections=%zu cure=\"ulimit -n %zu\"", (size_t)files / 2,
             wanted, 2 * wanted);
    return (size_t)files / 2;
}

static struct http_server_config http_config_of(const struct config *c)
{
    struct http_server_config http = http_server_config_default();
    http.http.body_bytes = (size_t)config_number(c, SETTING_LIMIT_BODY_BYTES);
    http.http.header_bytes = (size_t)config_number(c, SETTING_LIMIT_HEADER_BYTES);
    http.connections = connections_of(c);
    http.subscribers = (size_t)config_number(c, SETTING_LIMIT_SUBSCRIBERS);
    http.subscriber_bytes = (size_t)config_number(c, SETTING_LIMIT_SUBSCRIBER_BYTES);
    http.bodies_bytes = (size_t)config_number(c, SETTING_LIMIT_BODIES_BYTES);
    http.answers_bytes = (size_t)config_number(c, SETTING_LIMIT_ANSWERS_BYTES);
    http.header_ms = config_number(c, SETTING_LIMIT_HEADER_MS);
    http.body_ms = config_number(c, SETTING_LIMIT_BODY_MS);
    http.idle_ms = config_number(c, SETTING_LIMIT_IDLE_MS);
    return http;
}

/* Is what the folder holds what this verb is for? */
static int check_folder(const struct server *s, enum verb verb, struct error *err)
{
    const struct folder *f = &s->folder;
    bool in_cluster = f->node.cluster[0] != '\0';
    if (verb == VERB_DEV && (in_cluster || identity_is_there(f->path)))
        return error_set(err, ERR_CONFLICT,
                         "data: %s holds a node of a cluster: mesolith serve --data %s starts it",
                         f->path, f->path);
    if (!in_cluster && identity_is_there(f->path))
        return error_set(err, ERR_CONFLICT,
                         "data: mesolith init was interrupted in %s: say that again", f->path);
    if (in_cluster && !f->node.founded && !identity_is_there(f->path))
        return error_set(err, ERR_CONFLICT,
                         "data: mesolith join was interrupted in %s: say that again", f->path);
    return 0;
}

static int open_folder(struct server *s, enum verb verb, struct error *err)
{
    const char *data = config_text(&s->config, SETTING_DATA);
    if (verb == VERB_SERVE && !folder_has_node(data))
        return error_set(err, ERR_NOT_FOUND,
                         "%s: there is no node in this folder: make one with mesolith dev --data "
                         "%s, or one of a cluster with mesolith init or mesolith join",
                         data, data);
    return folder_open(data, &s->folder, err) != 0 || check_folder(s, verb, err) != 0 ? -1 : 0;
}

static void on_founded(struct peer_port *p)
{
    tell_ready(p->data);
}

/* The node's address is where the others reach it. */
static int start_peer_port(struct server *s, struct error *err)
{
    struct peer_port_options o = {.loop = &s->loop,
                                  .host = s->host,
                                  .elsewhere = &s->elsewhere,
                                  .folder = &s->folder,
                                  .listen = s->address,
                                  .port = (uint16_t)config_number(&s->config, SETTING_PEER_PORT),
                                  .name = s->name,
                                  .modes = s->modes,
                                  .life_ms =
                                      config_number(&s->config, SETTING_LIMIT_CERTIFICATE_MS),
                                  .on_founded = on_founded,
                                  .on_removed = on_removed};
    if (s->folder.node.cluster[0] == '\0') { /* a cluster of one for itself */
        snprintf(s->peer, sizeof s->peer, "%.64s:%d", s->address, (int)o.port);
        return 0;
    }
    if (peer_address_of(&s->config, &o.address, err) != 0)
        return -1;
    address_text(&o.address, s->peer);
    s->peer_port.data = s;
    if (peer_port_start(&s->peer_port, &o, err) != 0)
        return -1;
    s->peer_port_runs = true;
    s->parts++;
    return 0;
}

static int start(struct server *s, enum verb verb, struct error *err)
{
    log_set_sink(write_line, NULL, config_level(&s->config));
    s->modes = config_modes(&s->config);
    if (open_folder(s, verb, err) != 0)
        return -1;
    const struct http_server_config http = http_config_of(&s->config);
    read_settings(s);
    if (loop_init(&s->loop, err) != 0)
        return -1;
    s->host = host_new();
    host_set_owner(s->host, s);
    elsewhere_init(&s->elsewhere, s->host, &s->tasks);
    s->http = http_server_new(&s->loop, &http, &host_server_events, s->host);
    if (listen_all(s, err) != 0 || start_peer_port(s, err) != 0)
        return -1;
    bool bootstrap = verb == VERB_DEV || s->folder.node.founded;
    s->tasks.data = s;
    s->tasks.lost = on_tasks_lost;
    const struct tasks_options tasks = {
        .loop = &s->loop,
        .host = s->host,
        .folder = s->folder.agent,
        .launcher = &serve_launcher,
        .docker = config_text(&s->config, SETTING_DOCKER),
        .log_bytes = config_number(&s->config, SETTING_LIMIT_LOG_FILE_BYTES),
        .log_files = (unsigned)config_number(&s->config, SETTING_LIMIT_LOG_FILES),
        .pids = config_number(&s->config, SETTING_LIMIT_TASK_PIDS),
        .fetch_bytes = config_number(&s->config, SETTING_LIMIT_FETCH_BYTES),
    };
    if (start_node(s, bootstrap, err) != 0 || tasks_start(&s->tasks, &tasks, err) != 0 ||
        ((s->modes & MODE_AGENT) != 0 && start_proxy(s, err) != 0))
        return -1;
    s->backups.data = s;
    backups_start(&s->backups, &s->loop, s->host);
    s->parts += 4; /* the node, the server, the tasks, backups */
    watch_signals(s);
    start_tick(s);
    return 0;
}

static int run(int argc, char **argv, enum verb verb)
{
    static struct server s;
    struct error err;
    s.argc = argc;
    s.argv = argv;
    s.folder.lock_fd = -1;
    if (config_read(&s.config, argc, argv, &err) != 0 || start(&s, verb, &err) != 0) {
        /* Nothing was promised yet; what was started ends with the process. */
        fprintf(stderr, "error: %s\n", err.text);
        return error_exit_status(err.code);
    }
    loop_run(&s.loop);
    tell_what_goes_on(&s);
    http_server_free(s.http);
    host_free(s.host);
    loop_close(&s.loop);
    folder_close(&s.folder);
    if (s.removal == REMOVAL_SURE)
        stop_what_goes_on(argc, argv);
    buf_close(&s.resources);
    buf_close(&s.attributes);
    config_close(&s.config);
    uv_library_shutdown(); /* the pool's threads end before libcrypto does */
    return s.exit_status;
}

int dev_main(int argc, char **argv)
{
    return run(argc, argv, VERB_DEV);
}

int serve_main(int argc, char **argv)
{
    return run(argc, argv, VERB_SERVE);
}
