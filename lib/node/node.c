#include "node/private.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#define CHECKPOINT_WAL_BYTES (4 << 20)
#define CHECKPOINT_WAIT_MS 10000 /* a slow disk's time to end one that locks the writer out */
#define UNREACHABLE_MS 5000
#define STOP_MS 500    /* for the answers to what was taken in before */
#define FRAME_RAFT 'R' /* first byte of what goes between nodes */
#define FRAME_AGENT 'A'
#define FRAME_LEADER 'L'

/* ---------------- opening and closing */

static void on_change(struct watch *w, const struct change *c);

static int open_view(struct node *n, struct error *err)
{
    if (state_open(n->db, false, &n->state, err) != 0)
        return -1;
    n->watch.changed = on_change;
    state_watch(n->state, &n->watch);
    return 0;
}

static int open_state(struct node *n, struct error *err)
{
    const struct db_options options = {
        .fail_stop = true,
        .busy_ms = CHECKPOINT_WAIT_MS,
        .reverse_unordered_selects = n->options.reverse_unordered,
        .vfs = n->options.vfs,
    };
    if (db_open(n->options.state_path, &options, &n->db, err) != 0)
        return -1;
    return open_view(n, err);
}

static struct replica_options replica_options_of(struct node *n)
{
    return (struct replica_options){
        .db = n->db,
        .id = n->options.id,
        .store = n->options.store,
        .address = n->options.address,
        .election_ms = (int)n->options.election_ms,
        .heartbeat_ms = (int)n->options.heartbeat_ms,
        .seed = rng_next(n->hands->rng),
        .machine = {n, apply_entry},
        .vfs = n->options.vfs,
    };
}

/* Of a disk that knows no cluster yet. */
static int bootstrap(struct node *n, struct error *err)
{
    const struct replica_server self = {n->options.id, n->options.address, REPLICA_VOTER};
    return replica_bootstrap(n->db, &self, 1, err);
}

/* A new disk gets its tables. */
static int open_or_format(struct node *n, struct now now, struct error *err)
{
    struct replica_options options = replica_options_of(n);
    if (replica_open(&options, now, &n->replica, err) == 0)
        return 0;
    if (err->code != ERR_NOT_FOUND)
        return -1;
    if (n->options.used)
        return error_set(err, ERR_CORRUPT,
                         "%s has lost what was in it: put it back, or start with an empty folder",
                         n->options.state_path);
    if (replica_format(n->db, n->options.id, n->options.store, err) != 0)
        return -1;
    return replica_open(&options, now, &n->replica, err);
}

/* With `bootstrap` a disk that knows nobody is a cluster of one at once: a new one, or one whose
 * first start ended in the middle. */
static int open_replica(struct node *n, struct now now, struct error *err)
{
    struct replica_member first;
    if (open_or_format(n, now, err) != 0)
        return -1;
    if (!n->options.bootstrap || replica_member(n->replica, 0, &first))
        return 0;
    replica_close(n->replica);
    n->replica = NULL;
    if (bootstrap(n, err) != 0)
        return -1;
    return open_or_format(n, now, err);
}

static int open_agent(struct node *n, struct error *err)
{
    if (n->options.agent_path == NULL)
        return 0;
    const struct db_options db_options = {.fail_stop = true, .vfs = n->options.vfs};
    if (db_open(n->options.agent_path, &db_options, &n->agent_db, err) != 0)
        return -1;
    const struct node_agent *a = &n->options.agent;
    const struct agent_options options = {
        .db = n->agent_db,
        .rng = n->hands->rng,
        .hostname = a->hostname,
        .address = a->address,
        .version = a->version,
        .boot = a->boot,
        .resources = a->resources,
        .attributes = a->attributes,
        .port = a->port,
    };
    return agent_open(&options, &n->agent, err);
}

static bool run_spec_of(struct state *state, const struct task_row *t, struct buf *out)
{
    return t->owner == OWNER_APP ? apps_run_spec(state, t, out) : jobs_run_spec(state, t, out);
}

static void make_minds(struct node *n)
{
    const struct master_options master = {
        .run_spec = run_spec_of,
        .unreachable_ms =
            n->options.unreachable_ms > 0 ? n->options.unreachable_ms : UNREACHABLE_MS,
    };
    n->master = master_new(n->state, &master);
    n->apps = apps_new(n->state, n->hands->rng);
    n->jobs = jobs_new(n->state, n->hands->rng);
}

static void free_minds(struct node *n)
{
    jobs_free(n->jobs);
    apps_free(n->apps);
    master_free(n->master);
}

/* The newest time in the log, as far as the feed knows. */
static struct wall newest_time(struct state *s)
{
    struct event_row e;
    struct wall at = {0};
    if (state_level(s) == 0)
        return at;
    struct stmt *q = state_events_before(s, INT64_MAX, 1);
    if (state_event_next(q, &e))
        at = e.at;
    stmt_end(q);
    return at;
}

int node_open(const struct node_options *options, struct hands *hands, struct now now,
              struct node **node_out, struct error *err)
{
    struct node *n = NEW(struct node);
    n->hands = hands;
    n->options = *options;
    n->now = now;
    n->api = api_new();
    n->pendings = map_new();
    n->reads = map_new();
    n->batches = map_new();
    n->refused = map_new();
    outbox_init(&n->out, 0);
    n->facts = options->facts;
    n->facts.node = (int64_t)options->id;
    n->facts.agent = -1;
    n->facts.ports_refused = "[]";
    if (open_state(n, err) != 0 || open_replica(n, now, err) != 0 || open_agent(n, err) != 0) {
        node_close(n);
        return -1;
    }
    make_minds(n);
    n->last_at = newest_time(n->state);
    *node_out = n;
    return 0;
}

void node_close(struct node *n)
{
    if (n == NULL)
        return;
    requests_drop(n);
    batches_drop(n);
    for (size_t i = 0; i < n->letters_n; i++)
        buf_close(&n->letters[i].body);
    mem_free(n->letters);
    outbox_close(&n->out);
    agent_close(n->agent);
    db_close(n->agent_db);
    free_minds(n);
    replica_close(n->replica);
    state_close(n->state);
    db_close(n->db);
    api_free(n->api);
    arena_close(&n->facts_text);
    mem_free(n->ports_refused);
    struct refused_port *r;
    for (size_t cursor = 0; (r = map_each(n->refused, &cursor)) != NULL;)
        mem_free(r);
    map_free(n->refused);
    mem_free(n);
}

void event_close(struct event *e)
{
    request_free(e->request);
    if (e->snapshot != NULL) {
        replica_snapshot_close(e->snapshot);
        mem_free(e->snapshot);
    }
    buf_close(&e->body);
    *e = (struct event){0};
}

/* ---------------- the feed */

static void publish(void *data, const struct published *p)
{
    struct node *n = data;
    n->hands->publish(n->hands, p);
}

static void on_change(struct watch *w, const struct change *c)
{
    struct node *n = LIST_ENTRY(w, struct node, watch);
    const struct view view = {n->state, &n->facts, n->now, replica_applied(n->replica)};
    apps_changed(n->apps, c);
    jobs_changed(n->jobs, c);
    master_changed(n->master, c);
    api_render(c, &view, n->hands->topics(n->hands), n, publish);
}

/* ---------------- messages between agents and the leader */

static void post(struct node *n, bool to_agent, struct slice body)
{
    if (n->letters_n == n->letters_cap) {
        n->letters_cap = n->letters_cap == 0 ? 16 : n->letters_cap * 2;
        n->letters = mem_realloc(n->letters, n->letters_cap * sizeof n->letters[0]);
    }
    struct letter *l = &n->letters[n->letters_n++];
    l->to_agent = to_agent;
    buf_init(&l->body, LIMIT_FRAME_BYTES);
    buf_put_slice(&l->body, body);
}

static void take_message(struct node *n, bool to_agent, int64_t from, struct slice body)
{
    enum message_kind kind;
    struct error err;
    struct json *v = message_parse(body, &kind, &err);
    if (v == NULL) {
        log_warn("message refused", "from=%lld why=%s", (long long)from, err.text);
        return;
    }
    if (to_agent && n->agent != NULL)
        agent_message(n->agent, kind, v, n->now, &n->out);
    else if (!to_agent && n->minds_lead)
        master_message(n->master, from, kind, v, n->now, &n->out);
    json_free(v);
}

/* What this process wrote to itself in the last turn. */
static void read_letters(struct node *n)
{
    struct letter *letters = n->letters;
    size_t count = n->letters_n;
    n->letters = NULL;
    n->letters_n = n->letters_cap = 0;
    for (size_t i = 0; i < count; i++) {
        take_message(n, letters[i].to_agent, (int64_t)n->options.id, buf_slice(&letters[i].body));
        buf_close(&letters[i].body);
    }
    mem_free(letters);
}

static void send_message(struct node *n, bool to_agent, int64_t node, struct slice body)
{
    if (node == (int64_t)n->options.id) {
        post(n, to_agent, body);
        return;
    }
    struct buf frame;
    buf_init(&frame, LIMIT_FRAME_BYTES);
    buf_putc(&frame, to_agent ? FRAME_AGENT : FRAME_LEADER);
    buf_put_slice(&frame, body);
    n->hands->send(n->hands, node, buf_slice(&frame));
    buf_close(&frame);
}

static void send_out(struct node *n, const struct out *item)
{
    const char *address;
    if (item->agent == TO_LEADER) {
        uint64_t leader = replica_leader(n->replica, &address);
        if (leader != 0)
            send_message(n, false, (int64_t)leader, buf_slice(&item->body));
        return;
    }
    int64_t node =
        item->agent < TO_LEADER ? -2 - item->agent : master_node_of(n->master, item->agent);
    if (node != 0)
        send_message(n, true, node, buf_slice(&item->body));
}

/* ---------------- events */

static void take_frame(struct node *n, struct event *e)
{
    struct slice body = buf_slice(&e->body);
    struct error err;
    if (body.len < 2)
        return;
    struct slice rest = {body.p + 1, body.len - 1};
    const struct replica_peer from = {(uint64_t)e->node, ""};
    switch (body.p[0]) {
    case FRAME_RAFT:
        if (replica_receive(n->replica, &from, rest, &err) != 0)
            log_warn("frame refused", "from=%lld why=%s", (long long)e->node, err.text);
        break;
    case FRAME_AGENT:
    case FRAME_LEADER:
        take_message(n, body.p[0] == FRAME_AGENT, e->node, rest);
        break;
    default:
        log_warn("frame refused", "from=%lld why=unknown kind %d", (long long)e->node, body.p[0]);
    }
}

static struct json *body_of(struct event *e)
{
    struct error err;
    struct json *v = json_parse_own(buf_slice(&e->body), &err);
    if (v == NULL)
        log_error("report unreadable", "kind=%d why=%s", (int)e->kind, err.text);
    return v;
}

static void take_report(struct node *n, struct event *e)
{
    struct json *v = body_of(e);
    if (v == NULL || n->agent == NULL) {
        json_free(v);
        return;
    }
    if (e->kind == EVENT_STATUS)
        agent_status(n->agent, v, n->now, &n->out);
    else
        agent_docker(n->agent, json_str(json_get(v, "docker"), ""),
                     json_str(json_get(v, "docker_reason"), ""), n->now, &n->out);
    json_free(v);
}

static struct refused_port *refused_port_new(const struct json *v)
{
    struct refused_port *r = NEW(struct refused_port);
    r->port = (int)json_int(json_get(v, "port"), 0);
    str_copy(r->reason, sizeof r->reason, json_str(json_get(v, "reason"), ""));
    return r;
}

/* The proxy tells which ports it serves, those that have changed; what it does not is shown. */
static void take_routes(struct node *n, struct event *e)
{
    struct json *v = body_of(e);
    struct buf refused;
    struct json_writer w;
    JSON_EACH (port, json_get(v, "ports")) {
        uint64_t number = (uint64_t)json_int(json_get(port, "port"), 0);
        mem_free(map_remove(n->refused, number));
        if (!json_bool(json_get(port, "bound"), false))
            map_put(n->refused, number, refused_port_new(port));
    }
    json_free(v);

    struct refused_port *r;
    buf_init(&refused, 1 << 20);
    json_begin(&w, &refused);
    json_array(&w);
    for (size_t cursor = 0; (r = map_each(n->refused, &cursor)) != NULL;) {
        json_object(&w);
        json_member_int(&w, "port", r->port);
        json_member_str(&w, "reason", r->reason);
        json_object_end(&w);
    }
    json_array_end(&w);
    mem_free(n->ports_refused);
    n->ports_refused = buf_take(&refused, NULL);
}

/* Puts the fetched file in the place of ours (replica/replica.h): statements are freed first, and
 * the minds, which are not leading, get the new state. */
static int swap_state(struct node *n, uint64_t token, const char *path, struct error *err)
{
    struct error swap;
    bool db_open;
    n->hands->readers_stop(n->hands);
    state_close(n->state);
    n->state = NULL;
    if (replica_install_swap(n->replica, token, path, &db_open, &swap) != 0)
        log_warn("snapshot not installed", "why=%s", swap.text);
    if (db_open) { /* nothing happened */
        if (open_view(n, err) != 0)
            return -1;
    } else {
        n->db = NULL;
        if (open_state(n, err) != 0 || replica_install_resume(n->replica, n->db, n->now, err) != 0)
            return -1;
    }
    free_minds(n);
    make_minds(n);
    n->minds_lead = false;
    n->hands->facts(n->hands, &n->facts); /* readers may open again */
    return 0;
}

static int take_snapshot(struct node *n, struct event *e, struct error *err)
{
    if (e->kind == EVENT_SNAPSHOT_MADE) {
        n->snapshotting = false;
        replica_snapshot_ready(n->replica, e->snapshot);
        return 0;
    }
    uint64_t token = n->fetching;
    n->fetching = 0;
    if (e->body.len > 0)
        return swap_state(n, token, buf_str(&e->body), err);
    if (replica_install(n->replica, NULL) != NULL)
        replica_install_abort(n->replica);
    return 0;
}

static int take_event(struct node *n, struct event *e, struct error *err)
{
    switch (e->kind) {
    case EVENT_REQUEST:
        request_begin(n, e->exchange, e->request);
        e->request = NULL;
        break;
    case EVENT_GONE: /* its command goes on; net drops the answer */
        break;
    case EVENT_FRAME:
        take_frame(n, e);
        break;
    case EVENT_STATUS:
    case EVENT_DOCKER:
        take_report(n, e);
        break;
    case EVENT_RECOVERED:
        n->recovered = true;
        if (n->agent != NULL)
            agent_recovered(n->agent, n->now, &n->out);
        break;
    case EVENT_ROUTES:
        take_routes(n, e);
        break;
    case EVENT_SNAPSHOT_MADE:
    case EVENT_SNAPSHOT_FETCHED:
        return take_snapshot(n, e, err);
    case EVENT_CHECKPOINTED:
        n->checkpointing = false;
        break;
    case EVENT_STOP:
        n->stopping = true;
        n->stop_at = mono_after(n->now.mono, STOP_MS);
        break;
    }
    return 0;
}

/* ---------------- leading */

/* The minds lead once there is a state to look at. */
static void tell_minds(struct node *n, bool lead)
{
    n->minds_lead = lead;
    master_lead(n->master, lead, n->leading_term, n->now, &n->out);
    apps_lead(n->apps, lead, n->now, &n->out);
    jobs_lead(n->jobs, lead, n->now, &n->out);
}

static void follow_leadership(struct node *n)
{
    bool leads = replica_leads(n->replica);
    uint64_t term = replica_term(n->replica);
    if (leads != n->leading || (leads && term != n->leading_term)) {
        n->leading = leads;
        n->leading_term = term;
        n->out.epoch = leads ? term : 0;
        n->housekeeping = false;
        log_info(leads ? "leading" : "not leading", "term=%llu", (unsigned long long)term);
        if (n->minds_lead)
            tell_minds(n, false);
    }
    if (leads && !n->minds_lead && state_level(n->state) > 0)
        tell_minds(n, true);
}

static void own_command(struct node *n, enum command_kind kind, struct json_writer *w)
{
    n->housekeeping = true;
    outbox_draft(&n->out, kind, (struct origin){ORIGIN_NODE, 0}, w);
}

static void name_cluster(struct node *n)
{
    char cluster[UUID_TEXT_SIZE];
    struct json_writer w;
    own_command(n, COMMAND_SETTING_PUT, &w);
    json_key(&w, "set");
    json_object(&w);
    json_member_str(&w, "cluster", uuid_text(rng_uuid(n->hands->rng), cluster));
    json_object_end(&w);
    outbox_draft_end(&n->out, &w);
}

static void announce(struct node *n)
{
    struct json_writer w;
    own_command(n, COMMAND_NODE_PUT, &w);
    json_member_int(&w, "id", (int64_t)n->options.id);
    json_member_str(&w, "name", n->options.name);
    json_member_str(&w, "address", n->options.address);
    json_member_int(&w, "modes", n->options.modes);
    json_member_int(&w, "level", COMMAND_LEVEL);
    json_member_str(&w, "version", n->options.facts.version);
    outbox_draft_end(&n->out, &w);
}

static bool announced(struct node *n)
{
    struct node_row row;
    return state_node_by_id(n->state, (int64_t)n->options.id, &row) &&
           str_eq(row.name, n->options.name) && str_eq(row.address, n->options.address) &&
           row.modes == n->options.modes && row.level == COMMAND_LEVEL &&
           str_eq(row.version, n->options.facts.version);
}

/* What a leader sees to before anything else: the schema, the cluster's name, its own row. */
static void keep_house(struct node *n)
{
    struct json_writer w;
    if (!n->leading || n->housekeeping)
        return;
    if (state_level(n->state) < COMMAND_LEVEL) {
        own_command(n, COMMAND_SCHEMA_UPGRADE, &w);
        json_member_int(&w, "level", COMMAND_LEVEL);
        outbox_draft_end(&n->out, &w);
    } else if (state_setting(n->state, "cluster", NULL) == NULL) {
        name_cluster(n);
    } else if (!announced(n)) {
        announce(n);
    }
}

static bool is_live(void *data, int64_t agent)
{
    struct node *n = data;
    return master_is_live(n->master, agent, n->now);
}

static int64_t newest_pong(void *data, int64_t agent)
{
    struct node *n = data;
    return master_pong(n->master, agent);
}

static bool is_due(struct mono due, struct now now)
{
    return due.ms <= now.mono.ms;
}

static void think(struct node *n)
{
    keep_house(n);
    if (!n->minds_lead || n->stopping)
        return;
    master_tick(n->master, n->now, &n->out);
    if (!is_due(apps_due(n->apps), n->now) && !is_due(jobs_due(n->jobs), n->now))
        return;
    struct placement *p = placement_new(n->state, is_live, n);
    jobs_tick(n->jobs, p, newest_pong, n, n->now, &n->out);
    apps_tick(n->apps, p, n->now, &n->out);
    placement_free(p);
}

static void think_as_agent(struct node *n)
{
    const char *address;
    if (n->agent == NULL)
        return;
    uint64_t leader = replica_leader(n->replica, &address), term = replica_term(n->replica);
    bool usable = leader != 0 && (leader != n->options.id || n->minds_lead);
    if (!usable) {
        n->told_leader = 0;
        return;
    }
    if (leader != n->told_leader || term != n->told_term) {
        n->told_leader = leader;
        n->told_term = term;
        agent_leader(n->agent, term, n->now, &n->out);
    }
    agent_tick(n->agent, n->now, &n->out);
}

/* ---------------- facts */

static bool facts_differ(const struct node *n, const struct facts *f)
{
    return f->leading != n->facts.leading || f->term != n->facts.term ||
           f->agent != n->facts.agent || !str_eq(f->cluster, n->facts.cluster) ||
           !str_eq(f->leader_name, n->facts.leader_name) ||
           !str_eq(f->ports_refused, n->facts.ports_refused);
}

/* "http://127.0.0.1:8080" without its scheme. */
static const char *host_of(const char *url)
{
    return url != NULL && str_starts(url, "http://") ? url + 7 : url;
}

static void show_facts(struct node *n)
{
    const char *address;
    struct node_row leader;
    uint64_t id = replica_leader(n->replica, &address);
    struct facts f = n->facts;
    bool level = state_level(n->state) > 0;
    f.leading = n->leading;
    f.term = replica_term(n->replica);
    f.agent = n->agent != NULL ? agent_id(n->agent) : -1;
    f.cluster = state_setting(n->state, "cluster", "");
    bool known = id != 0 && level && state_node_by_id(n->state, (int64_t)id, &leader);
    f.leader_name = known ? leader.name : NULL;
    f.ports_refused = n->ports_refused != NULL ? n->ports_refused : "[]";
    if (!facts_differ(n, &f))
        return;
    struct arena text = {0};
    f.cluster = arena_strdup(&text, f.cluster);
    f.leader_name = arena_strdup(&text, f.leader_name);
    f.ports_refused = arena_strdup(&text, f.ports_refused);
    bool self = id == n->options.id;
    f.leader_marathon = self ? host_of(f.url_marathon) : NULL;
    f.leader_chronos = self ? host_of(f.url_chronos) : NULL;
    f.leader_mesos = self ? host_of(f.url_mesos) : NULL;
    n->facts = f;
    n->hands->facts(n->hands, &n->facts); /* the old texts live until this has returned */
    arena_close(&n->facts_text);
    n->facts_text = text;
}

/* ---------------- carrying out */

static void send_frames(struct node *n, const struct replica_out *out)
{
    for (size_t i = 0; i < out->n_frames; i++) {
        struct buf frame;
        buf_init(&frame, LIMIT_FRAME_BYTES);
        buf_putc(&frame, FRAME_RAFT);
        buf_put_slice(&frame, out->frames[i].bytes);
        n->hands->send(n->hands, (int64_t)out->frames[i].to, buf_slice(&frame));
        buf_close(&frame);
    }
}

static void give_answers(struct node *n)
{
    for (size_t i = 0; i < n->answers_n; i++)
        n->hands->answer(n->hands, &n->answers[i]);
    n->answers_n = 0;
}

/* All but drafts, which wait for the next proposal. */
static void carry_out(struct node *n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n->out.n; i++) {
        struct out *item = &n->out.items[i];
        switch (item->kind) {
        case OUT_DRAFT:
            n->out.items[kept++] = *item;
            continue;
        case OUT_MESSAGE:
            send_out(n, item);
            break;
        case OUT_LAUNCH:
            n->hands->launch(n->hands, item->task, buf_slice(&item->body));
            break;
        case OUT_KILL:
            n->hands->kill(n->hands, item->task, item->grace_ms, buf_str(&item->body));
            break;
        case OUT_FORGET:
            n->hands->forget(n->hands, item->task);
            break;
        case OUT_ROUTES:
            n->hands->routes(n->hands, buf_slice(&item->body));
            break;
        }
        buf_close(&item->body);
    }
    n->out.n = kept;
}

static void take_outcomes(struct node *n, const struct replica_out *out)
{
    for (size_t i = 0; i < out->n_outcomes; i++) {
        const struct replica_outcome *o = &out->outcomes[i];
        switch (o->what) {
        case REPLICA_PROPOSAL:
            if (o->code != ERR_NONE)
                batch_failed(n, o->ticket, o->code);
            break;
        case REPLICA_READ:
            request_readable(n, o->ticket, o);
            break;
        case REPLICA_CHANGE:
            break; /* membership is not driven from here yet */
        }
    }
}

static bool has_grown(struct db *db, int64_t *checkpointed)
{
    int64_t wal = db_wal_bytes(db);
    if (wal < *checkpointed) /* it begins anew once all of it was moved */
        *checkpointed = 0;
    if (wal - *checkpointed <= CHECKPOINT_WAL_BYTES)
        return false;
    *checkpointed = wal;
    return true;
}

/* The agent's holds only what lives: its pages are few, and nobody reads beside us. */
static void look_after_agent_log(struct node *n)
{
    struct db_checkpoint done;
    struct error err;
    if (n->agent_db != NULL && has_grown(n->agent_db, &n->agent_checkpointed) &&
        db_checkpoint(n->agent_db, DB_CHECKPOINT_PASSIVE, &done, &err) != 0)
        log_warn("no checkpoint of the agent's log", "why=%s",
                 err.text); /* its next COMMIT fails */
}

static void look_after_files(struct node *n)
{
    uint64_t from;
    if (!n->checkpointing && has_grown(n->db, &n->checkpointed)) {
        n->checkpointing = true;
        n->hands->checkpoint(n->hands, db_wal_bytes(n->db));
    }
    look_after_agent_log(n);
    if (!n->snapshotting && replica_snapshot_wanted(n->replica)) {
        n->snapshotting = true;
        n->hands->snapshot_make(n->hands);
    }
    const struct replica_snapshot *offer = replica_install(n->replica, &from);
    if (offer != NULL && n->fetching == 0) {
        n->fetching = offer->token;
        n->hands->snapshot_fetch(n->hands, from, offer);
    }
}

/* ---------------- the turn */

/* What was taken in is answered first, if that does not take too long. */
static bool may_stop(const struct node *n)
{
    size_t unanswered = map_count(n->pendings) + map_count(n->reads);
    return n->stopping && (unanswered == 0 || n->now.mono.ms >= n->stop_at.ms);
}

static int commit(struct node *n, struct error *err)
{
    if (replica_commit(n->replica, err) != 0)
        return error_wrap(err, "%s", n->options.state_path);
    if (n->agent != NULL && agent_dirty(n->agent) && agent_commit(n->agent, err) != 0)
        return error_wrap(err, "%s", n->options.agent_path);
    return 0;
}

int node_turn(struct node *n, struct event *events, size_t events_n, struct now now,
              struct error *err)
{
    n->now = now;
    replica_turn(n->replica, &now);
    int rc = 0;
    read_letters(n);
    for (size_t i = 0; i < events_n; i++) {
        if (rc == 0)
            rc = take_event(n, &events[i], err);
        event_close(&events[i]);
    }
    if (rc != 0)
        return rc;
    follow_leadership(n);
    think(n);
    think_as_agent(n);
    if (propose_drafts(n, err) != 0 || commit(n, err) != 0)
        return -1;

    struct replica_out out = replica_out(n->replica);
    send_frames(n, &out);
    give_answers(n); /* streams begin before what they then hear */
    state_committed(n->state);
    take_outcomes(n, &out);
    tell_outcomes(n);
    follow_leadership(n);
    show_facts(n);
    carry_out(n);
    give_answers(n);
    look_after_files(n);
    n->stopped = may_stop(n);
    return 0;
}

/* Something to propose, to read, or to apply: the next turn is due at once. */
static bool restless(const struct node *n)
{
    return n->letters_n > 0 || n->out.n > 0 || n->dones_n > 0 || replica_restless(n->replica);
}

struct mono node_due(const struct node *n)
{
    if (restless(n))
        return (struct mono){0};
    struct mono due = replica_due(n->replica);
    if (n->stopping)
        due = mono_earlier(due, n->stop_at);
    if (n->minds_lead && !n->stopping) {
        due = mono_earlier(due, master_due(n->master));
        due = mono_earlier(due, apps_due(n->apps));
        due = mono_earlier(due, jobs_due(n->jobs));
    }
    if (n->agent != NULL && n->told_leader != 0)
        due = mono_earlier(due, agent_due(n->agent));
    return due;
}

bool node_ready(const struct node *n)
{
    const char *address;
    bool led = replica_leader(n->replica, &address) != 0 && state_level(n->state) > 0 &&
               n->facts.cluster != NULL && n->facts.cluster[0] != '\0' && n->facts.leader_name;
    return led && (n->agent == NULL || (agent_id(n->agent) >= 0 && n->recovered));
}

bool node_stopped(const struct node *n)
{
    return n->stopped;
}

struct state *node_state(struct node *n)
{
    return n->state;
}

uint64_t node_applied(const struct node *n)
{
    return replica_applied(n->replica);
}

uint64_t node_term(const struct node *n)
{
    return replica_term(n->replica);
}

bool node_leading(const struct node *n)
{
    return n->leading;
}

int64_t node_id(const struct node *n)
{
    return (int64_t)n->options.id;
}

const struct api *node_api(const struct node *n)
{
    return n->api;
}
