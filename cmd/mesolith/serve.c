/* How a node starts. */
#include "serve.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "api/web/bundle.h"
#include "base/log.h"
#include "config.h"
#include "machine.h"
#include "model/address.h"
#include "model/notice.h"
#include "serve_private.h"
#include "state/state.h"
#include "stop.h"

#define SETTING_BYTES_MAX (2 << 20) /* twice the largest file of settings */

struct launcher serve_launcher;

/* Which node: that of a newcomer's first steps, or what the folder says. */
enum verb { VERB_DEV, VERB_SERVE };

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
        .url_marathon = serve_url(s, LISTEN_MARATHON),
        .url_chronos = serve_url(s, LISTEN_CHRONOS),
        .url_mesos = serve_url(s, LISTEN_MESOS),
        .url_agent = serve_url(s, LISTEN_AGENT),
        .url_stats = serve_url(s, LISTEN_STATS),
        .work_dir = s->folder.agent,
        .service_address = s->service_address,
        .app_rules = {.role = config_text(c, SETTING_ROLE)},
        .job_rules = job_rules_default(),
        .ui = bundle_files,
        .ui_n = bundle_files_n,
    };
    f.job_rules.lenient_zones = config_switch(c, SETTING_LENIENT_ZONES);
    f.job_rules.run_disabled = config_switch(c, SETTING_RUN_DISABLED);
    f.job_rules.user = config_text(c, SETTING_USER);
    f.job_rules.cpus = config_amount(c, SETTING_TASK_CPU);
    f.job_rules.mem = config_amount(c, SETTING_TASK_MEM);
    f.job_rules.disk = config_amount(c, SETTING_TASK_DISK);
    f.job_rules.epsilon_s = config_number(c, SETTING_TASK_EPSILON) / 1000;
    f.job_rules.history_shown = config_number(c, SETTING_JOB_HISTORY);
    if (s->peer_port_runs)
        f.ca_hash = peer_port_ca_hash(&s->peer_port);
    if (*config_text(c, SETTING_NETWORK) != '\0')
        f.app_rules.network = config_text(c, SETTING_NETWORK);
    if (*config_text(c, SETTING_ALLOW_ORIGIN) != '\0')
        f.allow_origin = config_text(c, SETTING_ALLOW_ORIGIN);
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

/* ---- what owners of jobs are told */

static struct notices_config notices_of(const struct server *s, struct address *mail)
{
    const struct config *c = &s->config;
    struct error ignored; /* checked when it was set; "" is none */
    bool mails = *config_text(c, SETTING_MAIL_FROM) != '\0' &&
                 address_parse(config_text(c, SETTING_MAIL_SERVER), mail, &ignored) == 0;
    return (struct notices_config){
        .cluster_name = config_text(c, SETTING_CLUSTER_NAME),
        .hello = s->hostname,
        .mail_host = mails ? mail->host : "",
        .mail_port = mail->port,
        .mail_from = config_text(c, SETTING_MAIL_FROM),
        .mail_domain = config_text(c, SETTING_MAIL_DOMAIN),
        .mail_user = config_text(c, SETTING_MAIL_USER),
        .mail_password = config_text(c, SETTING_MAIL_PASSWORD),
        .mail_tls = config_switch(c, SETTING_MAIL_SSL),
        .slack_url = config_text(c, SETTING_SLACK_URL),
        .mattermost_url = config_text(c, SETTING_MATTERMOST_URL),
        .http_url = config_text(c, SETTING_HTTP_NOTIFICATION_URL),
        .http_credentials = config_text(c, SETTING_HTTP_NOTIFICATION_CREDENTIALS),
        .sentry_dsn = config_text(c, SETTING_SENTRY_DSN),
    };
}

/* "mail,slack": what is configured. */
static void put_channels(const struct notices_config *n, struct buf *out)
{
    const char *targets[NOTICE_CHANNELS_N] = {[CHANNEL_MAIL] = n->mail_host,
                                              [CHANNEL_SLACK] = n->slack_url,
                                              [CHANNEL_MATTERMOST] = n->mattermost_url,
                                              [CHANNEL_HTTP] = n->http_url,
                                              [CHANNEL_SENTRY] = n->sentry_dsn};
    for (int i = 0; i < NOTICE_CHANNELS_N; i++)
        if (*targets[i] != '\0')
            buf_printf(out, "%s%s", out->len > 0 ? "," : "",
                       notice_channel_word((enum notice_channel)i));
}

static void number_unless(int64_t n, int64_t otherwise, char dst[24])
{
    dst[0] = '\0';
    if (n != otherwise)
        snprintf(dst, 24, "%lld", (long long)n);
}

static int start_host(struct server *s, struct host_options *options, struct error *err)
{
    const struct config *c = &s->config;
    struct address mail = {.port = 0};
    options->notices = notices_of(s, &mail);
    buf_init(&s->channels, 100);
    put_channels(&options->notices, &s->channels);
    number_unless(config_number(c, SETTING_FAILURE_RETRY), 60000, s->retry);
    number_unless(config_number(c, SETTING_DISABLE_AFTER), 0, s->disable_after);
    s->cluster[0] = (struct node_setting){SETTING_OF_CHANNELS, buf_str(&s->channels)};
    s->cluster[1] = (struct node_setting){SETTING_OF_RETRIES, s->retry};
    s->cluster[2] = (struct node_setting){SETTING_OF_DISABLING, s->disable_after};
    options->node.settings = s->cluster;
    options->node.settings_n = 3;
    const struct host_deeds deeds = serve_deeds(s);
    return host_start(s->host, &s->loop, s->http, options, &deeds, err);
}

static int start_node(struct server *s, bool bootstrap, struct error *err)
{
    const struct config *c = &s->config;
    struct host_options options = {
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
    return start_host(s, &options, err);
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

static struct http_server_config http_config_of(struct server *s)
{
    const struct config *c = &s->config;
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
    http.authorization = basic_hash(config_text(c, SETTING_HTTP_CREDENTIALS), s->authorization);
    http.realm = config_text(c, SETTING_HTTP_REALM);
    http.plain = !config_switch(c, SETTING_HTTP_COMPRESSION);
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
    serve_tell_ready(p->data);
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
                                  .on_removed = serve_on_removed};
    if (s->folder.node.cluster[0] == '\0') { /* a cluster of one for itself */
        snprintf(s->peer, sizeof s->peer, "%.64s:%d", s->address, (int)o.port);
        return 0;
    }
    if (peer_address_of(&s->config, &o.address, err) != 0)
        return -1;
    address_text(&o.address, s->peer);
    s->peer_port.data = s;
    if (peer_port_start(&s->peer_port, &o, err) != 0) /* a conflict is one of the place */
        return err->code == ERR_CONFLICT ? config_blame(&s->config, SETTING_ADDRESS, err) : -1;
    s->peer_port_runs = true;
    s->parts++;
    return 0;
}

/* What was said and comes to nothing. */
static void tell_passed_over(const struct config *c)
{
    for (size_t i = 0; i < c->passed_over_n; i++)
        log_warn("a setting of Chronos means nothing here", "setting=%s why=\"%s\"",
                 c->passed_over[i].name, c->passed_over[i].why);
    bool server = *config_text(c, SETTING_MAIL_SERVER) != '\0';
    bool from = *config_text(c, SETTING_MAIL_FROM) != '\0';
    if (server != from)
        log_warn("owners of jobs get no mail", "missing=%s", server ? "mail-from" : "mail-server");
}

static void start_graphite(struct server *s)
{
    const struct config *c = &s->config;
    struct error ignored; /* checked when it was set; "" is none */
    struct graphite_options o = {.loop = &s->loop,
                                 .host = s->host,
                                 .interval_ms = config_number(c, SETTING_GRAPHITE_INTERVAL),
                                 .prefix = config_text(c, SETTING_GRAPHITE_PREFIX)};
    if (address_parse(config_text(c, SETTING_GRAPHITE), &o.to, &ignored) != 0)
        return;
    s->graphite.data = s;
    graphite_start(&s->graphite, &o);
    s->graphite_runs = true;
    s->parts++;
}

static int start(struct server *s, enum verb verb, struct error *err)
{
    log_set_sink(write_line, NULL, config_level(&s->config));
    tell_passed_over(&s->config);
    s->modes = config_modes(&s->config);
    if (serve_read_keystore(s, err) != 0 || open_folder(s, verb, err) != 0)
        return -1;
    const struct http_server_config http = http_config_of(s);
    read_settings(s);
    if (loop_init(&s->loop, err) != 0)
        return -1;
    s->host = host_new();
    host_set_owner(s->host, s);
    elsewhere_init(&s->elsewhere, s->host, &s->tasks);
    s->http = http_server_new(&s->loop, &http, &host_server_events, s->host);
    if (start_peer_port(s, err) != 0) /* first: who is at another's place learns that */
        return -1;
    if (serve_listen(s, err) != 0)
        return config_blame(&s->config, SETTING_ADDRESS, err);
    bool bootstrap = verb == VERB_DEV || s->folder.node.founded;
    s->tasks.data = s;
    s->tasks.lost = serve_on_tasks_lost;
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
        .outputs_runs = config_number(&s->config, SETTING_LIMIT_OUTPUTS),
        .outputs_ms = config_number(&s->config, SETTING_LIMIT_OUTPUTS_MS),
        .outputs_bytes = config_number(&s->config, SETTING_LIMIT_OUTPUTS_BYTES),
    };
    if (start_node(s, bootstrap, err) != 0 || tasks_start(&s->tasks, &tasks, err) != 0 ||
        ((s->modes & MODE_AGENT) != 0 && serve_start_proxy(s, err) != 0))
        return -1;
    s->backups.data = s;
    backups_start(&s->backups, &s->loop, s->host);
    s->parts += 4; /* the node, the server, the tasks, backups */
    start_graphite(s);
    serve_watch_signals(s);
    serve_start_tick(s);
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
    tls_unref(s.tls);
    host_free(s.host);
    loop_close(&s.loop);
    folder_close(&s.folder);
    if (s.removal == REMOVAL_SURE)
        stop_what_goes_on(argc, argv);
    buf_close(&s.resources);
    buf_close(&s.attributes);
    buf_close(&s.channels);
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
