#include "peer_port.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "cluster/wire.h"
#include "machine.h"
#include "model/command.h"
#include "model/frame.h"
#include "state/state.h"

#define STRANGER_LINES 20 /* in the log, within */
#define STRANGER_LINES_MS 10000
#define KNOCK_MS 2000
#define FOUND_PAUSE_MS 100 /* between attempts of the first node to be in the state */
#define FOUND_NODE_KEY UINT64_C(0xfffffff1)
#define FOUND_TOKEN_KEY UINT64_C(0xfffffff2)

/* ---------------- who there is */

struct peer_node {
    int64_t id, store; /* store 0: not known here */
    unsigned modes;
    bool gone;
    bool removed_us; /* so it said, and has not let us in since */
    char address[ADDRESS_SIZE];
};

static struct peer_node *find(const struct peer_port *p, int64_t id)
{
    return map_get(p->nodes, (uint64_t)id);
}

static bool is_server(unsigned modes)
{
    return (modes & (MODE_MASTER | MODE_SCHEDULER)) != 0;
}

static void save(struct peer_port *p);
static void found_next(struct peer_port *p, uint64_t ms);

/* Whom this node asks first when it starts again. */
static bool remember_members(struct peer_port *p)
{
    struct node_file *f = &p->options.folder->node;
    struct join_member now[LIMIT_SERVERS];
    const struct peer_node *n;
    size_t count = 0;
    memset(now, 0, sizeof now);
    for (size_t cursor = 0; (n = map_each(p->nodes, &cursor)) != NULL && count < LIMIT_SERVERS;) {
        if (n->gone || !is_server(n->modes) || n->id == f->id)
            continue;
        now[count].id = n->id;
        now[count].modes = n->modes;
        str_copy(now[count++].address, ADDRESS_SIZE, n->address);
    }
    if (count == f->n && memcmp(now, f->members, sizeof now) == 0)
        return false;
    memcpy(f->members, now, sizeof now);
    f->n = count;
    return true;
}

static void forget(struct peer_port *p, int64_t id)
{
    struct error why;
    error_set(&why, ERR_NOT_FOUND, "it was replaced or removed");
    peers_forget(&p->peers, id);
    exchanges_down(&p->options.elsewhere->exchanges, id, &why);
}

static void learn(struct peer_port *p, const struct known_node *k)
{
    struct peer_node *n = find(p, k->id);
    struct address where;
    struct error err;
    if (n == NULL) {
        n = NEW(struct peer_node);
        n->id = k->id;
        map_put(p->nodes, (uint64_t)k->id, n);
    }
    p->state_is_here = p->state_is_here || k->store != 0;
    n->store = k->store != 0 ? k->store : n->store;
    n->modes = k->modes;
    n->gone = k->gone;
    str_copy(n->address, sizeof n->address, k->address);
    if (!p->stopping && k->gone && k->id == p->identity.facts.id)
        p->options.on_removed(p, true);
    if (p->stopping || k->id == p->identity.facts.id)
        return;
    if (k->gone)
        forget(p, k->id);
    else if (address_parse(k->address, &where, &err) == 0)
        peers_know(&p->peers, k->id, &where);
    else
        log_warn("a node cannot be reached", "node=%lld why=\"%s\"", (long long)k->id, err.text);
}

void peer_port_know(struct peer_port *p, const struct known_node *k)
{
    learn(p, k);
    if (p->stopping)
        return;
    if (is_server(k->modes) && remember_members(p))
        save(p);
    renewal_look(&p->renewal);
}

/* A node with a state, one that we are connected to if there is any. */
static int64_t any_server(void *data)
{
    struct peer_port *p = data;
    const struct peer_node *n;
    int64_t found = 0;
    for (size_t cursor = 0; (n = map_each(p->nodes, &cursor)) != NULL;) {
        if (n->gone || !is_server(n->modes) || n->id == p->identity.facts.id)
            continue;
        found = n->id;
        if (peers_connected(&p->peers, n->id))
            break;
    }
    return found;
}

/* ---------------- node.json, on the pool */

struct saving {
    uv_work_t work;
    struct peer_port *port;
    char path[FOLDER_PATH_SIZE];
    struct node_file file;
    struct error err;
    int rc;
};

static void part_stopped(struct peer_port *p);

static void save_on_pool(uv_work_t *work)
{
    struct saving *s = work->data;
    s->rc = node_file_write(s->path, &s->file, &s->err);
}

static void saved(uv_work_t *work, int status)
{
    struct saving *s = work->data;
    struct peer_port *p = s->port;
    (void)status;
    if (s->rc != 0)
        log_error("node.json stays as it was", "why=\"%s\"", s->err.text);
    node_file_close(&s->file);
    mem_free(s);
    p->saving = false;
    if (p->save_again) {
        p->save_again = false;
        save(p);
    }
    part_stopped(p);
}

static void save(struct peer_port *p)
{
    if (p->saving) {
        p->save_again = true;
        return;
    }
    struct saving *s = NEW(struct saving);
    s->work.data = s;
    s->port = p;
    str_copy(s->path, sizeof s->path, p->options.folder->path);
    s->file = p->options.folder->node;
    s->file.settings = mem_strdup(s->file.settings);
    p->saving = true;
    p->parts++;
    uv_queue_work(&p->options.loop->uv, &s->work, save_on_pool, saved);
}

void peer_port_ready(struct peer_port *p)
{
    if (p->found != FOUND_ALL)
        found_next(p, 0);
    if (p->options.folder->node.started)
        return;
    p->options.folder->node.started = true;
    save(p);
}

/* ---------------- who is welcome */

static bool check_known(const struct peer_node *n, int64_t store, struct error *err)
{
    if (n->gone)
        error_set(err, ERR_CONFLICT,
                  WIRE_REMOVED
                  "node %lld was replaced or removed, its id is not used again: start it with an "
                  "empty data folder, as a new node",
                  (long long)n->id);
    else if (n->store != 0 && n->store != store)
        error_set(err, ERR_CONFLICT,
                  "store: got %lld, node %lld has %lld, and an id is for one disk: start it with "
                  "an empty data folder, as a new node",
                  (long long)store, (long long)n->id, (long long)n->store);
    else
        return true;
    return false;
}

/* A node without a state takes the CA's word for those who can give it one. */
static bool welcome(struct peers *peers, int64_t id, const struct tls_peer *who, struct error *err)
{
    struct peer_port *p = peers->data;
    const struct peer_node *n = find(p, id);
    unsigned modes;
    int64_t store;
    if (!str_to_i64(who->serial, &store) || !modes_parse(who->units, &modes)) {
        error_set(err, ERR_INVALID, "its certificate does not name its disk and its modes");
        return false;
    }
    if (n != NULL)
        return check_known(n, store, err);
    if (!p->state_is_here && is_server(modes))
        return true;
    error_set(err, ERR_NOT_FOUND,
              "node %lld is not of this cluster, or not known here yet: if that lasts, join it "
              "again with a token",
              (long long)id);
    return false;
}

/* ---------------- who welcomes us no more */

/* Nobody is believed alone: a node that was recovered while the others only could not be reached
 * says it, too. */
static bool most_have_removed_us(const struct peer_port *p)
{
    const struct peer_node *n;
    size_t masters = 0, say = 0;
    for (size_t cursor = 0; (n = map_each(p->nodes, &cursor)) != NULL;) {
        if (n->gone || (n->modes & MODE_MASTER) == 0 || n->id == p->identity.facts.id)
            continue;
        masters++;
        say += n->removed_us;
    }
    return say > masters / 2;
}

/* By its certificate it is a master of this cluster, and by what we know one that is there. */
static void on_refused(struct peers *peers, int64_t id, const struct tls_peer *who,
                       struct slice why)
{
    struct peer_port *p = peers->data;
    struct peer_node *n = find(p, id);
    const struct slice word = SLICE(WIRE_REMOVED);
    unsigned modes;
    if (p->stopping || n == NULL || n->gone || (n->modes & MODE_MASTER) == 0 ||
        !modes_parse(who->units, &modes) || (modes & MODE_MASTER) == 0 || why.len < word.len ||
        memcmp(why.p, word.p, word.len) != 0)
        return;
    if (!n->removed_us)
        log_warn("a master says that this node was removed", "node=%lld", (long long)id);
    n->removed_us = true;
    p->options.on_removed(p, most_have_removed_us(p));
}

static bool knows_connected_master(const struct peer_port *p)
{
    const struct peer_node *n;
    for (size_t cursor = 0; (n = map_each(p->nodes, &cursor)) != NULL;)
        if ((n->modes & MODE_MASTER) != 0 && peers_connected(&p->peers, n->id))
            return true;
    return false;
}

/* A replica that is no member any more has nothing to say to anybody, so nobody could tell it that.
 * At the start, too: before it looks for votes. */
static void on_knock(uv_timer_t *timer)
{
    static const char question[] = {FRAME_HINT, '?'};
    struct peer_port *p = timer->data;
    const struct peer_node *n;
    struct error ignored;
    if (p->stopping || knows_connected_master(p))
        return;
    for (size_t cursor = 0; (n = map_each(p->nodes, &cursor)) != NULL;)
        if (!n->gone && (n->modes & MODE_MASTER) != 0 && n->id != p->identity.facts.id &&
            peers_send(&p->peers, n->id, PEERS_URGENT, (struct slice){question, sizeof question},
                       PEERS_MAY_DROP, &ignored) != 0) {
            /* nobody knows where it is: nor can it say anything */
        }
}

/* ---------------- frames */

static void to_node(struct peer_port *p, int64_t id, struct slice frame)
{
    if (!host_frame(p->options.host, id, frame))
        return;
    struct peer_node *n = find(p, id);
    if (n == NULL || map_get(p->paused, (uint64_t)id) != NULL)
        return;
    map_put(p->paused, (uint64_t)id, n);
    peers_read(&p->peers, id, false);
}

void peer_port_room(struct peer_port *p)
{
    struct peer_node *n;
    for (size_t cursor = 0; (n = map_each(p->paused, &cursor)) != NULL; cursor = 0) {
        map_remove(p->paused, (uint64_t)n->id);
        if (!p->stopping)
            peers_read(&p->peers, n->id, true);
    }
}

static void to_identity(struct peer_port *p, int64_t id, struct slice body)
{
    if (join_is_answer(body))
        renewal_frame(&p->renewal, id, body);
    else
        door_frame(p->door, id, body);
}

static void to_exchanges(struct peer_port *p, int64_t id, struct slice frame)
{
    struct error err;
    if (exchanges_frame(&p->options.elsewhere->exchanges, id, frame, &err) != 0)
        log_warn("a frame was refused", "node=%lld why=\"%s\"", (long long)id, err.text);
}

static void to_snapshots(struct peer_port *p, int64_t id, struct slice frame)
{
    struct error err;
    if (snapshots_frame(&p->snapshots, id, frame, &err) != 0)
        log_warn("a frame was refused", "node=%lld why=\"%s\"", (long long)id, err.text);
}

/* Anybody can knock as often as he likes: so many lines of that are enough. */
static enum log_level stranger_level(struct peer_port *p)
{
    uint64_t now = uv_now(&p->options.loop->uv);
    if (now - p->lines_since > STRANGER_LINES_MS) {
        p->lines_since = now;
        p->lines = 0;
    }
    return p->lines++ < STRANGER_LINES ? LOG_WARN : LOG_DEBUG;
}

/* Whom nobody knows yet has the certificate of a server, or it would not be welcome. */
static bool may_say(struct peer_port *p, int64_t id, struct slice frame)
{
    const struct peer_node *n = find(p, id);
    if (n == NULL || is_server(n->modes) || frame_may_be_of_agent(frame))
        return true;
    log_event(stranger_level(p), "a frame was refused",
              "node=%lld why=\"it is neither master nor scheduler\" kind=%d", (long long)id,
              frame.p[0]);
    return false;
}

static void on_frame(struct peers *peers, int64_t id, struct slice frame)
{
    struct peer_port *p = peers->data;
    if (p->stopping || frame.len == 0 || !may_say(p, id, frame))
        return;
    struct slice body = {frame.p + 1, frame.len - 1};
    switch (frame.p[0]) {
    case FRAME_RENEW:
        to_identity(p, id, body);
        break;
    case FRAME_EXCHANGE:
        to_exchanges(p, id, frame);
        break;
    case FRAME_SNAPSHOT:
        to_snapshots(p, id, frame);
        break;
    default:
        to_node(p, id, frame);
    }
}

void peer_port_send(struct peer_port *p, int64_t node, struct slice frame)
{
    struct error err;
    bool raft = frame.len > 0 && frame.p[0] == FRAME_RAFT;
    if (!p->stopping && peers_send(&p->peers, node, PEERS_URGENT, frame,
                                   raft ? PEERS_MAY_DROP : PEERS_KEEP, &err) != 0)
        log_debug("frame not sent", "node=%lld why=\"%s\"", (long long)node, err.text);
}

static void on_up(struct peers *peers, int64_t id)
{
    struct peer_port *p = peers->data;
    struct peer_node *n = find(p, id);
    if (n != NULL)
        n->removed_us = false;
    exchanges_up(&p->options.elsewhere->exchanges, id);
    log_info("connected", "node=%lld", (long long)id);
    snapshots_up(&p->snapshots, id);
}

static void on_down(struct peers *peers, int64_t id, enum peers_end how, const struct error *err)
{
    struct peer_port *p = peers->data;
    struct event e = {.kind = EVENT_CLOSED, .node = id, .silent = how == PEERS_SILENT};
    log_info("disconnected", "node=%lld why=\"%s\"", (long long)id, err->text);
    exchanges_down(&p->options.elsewhere->exchanges, id, err);
    host_event(p->options.host, &e);
}

static void on_room(struct peers *peers, int64_t id)
{
    struct peer_port *p = peers->data;
    exchanges_room(&p->options.elsewhere->exchanges, id);
}

/* Who cannot be reached is not waited for. */
static void on_trouble(struct peers *peers, int64_t id, const struct error *err)
{
    struct peer_port *p = peers->data;
    if (id != 0 && !peers_connected(peers, id))
        exchanges_down(&p->options.elsewhere->exchanges, id, err);
    if (id != 0)
        log_warn("no connection", "node=%lld why=\"%s\"", (long long)id, err->text);
    else
        log_event(stranger_level(p), "refused at the peer port", "why=\"%s\"", err->text);
}

static void on_stranger(struct peers *peers, struct stream *s)
{
    struct peer_port *p = peers->data;
    door_stranger(p->door, s);
}

static const struct peers_events peers_events = {
    .welcome = welcome,
    .on_up = on_up,
    .on_frame = on_frame,
    .on_down = on_down,
    .on_room = on_room,
    .on_stranger = on_stranger,
    .on_refused = on_refused,
    .on_trouble = on_trouble,
};

/* ---------------- states of members that lag behind */

static void snapshots_send(struct snapshots *s, int64_t to, struct slice frame)
{
    struct peer_port *p = s->data;
    struct error err;
    if (!p->stopping && peers_send(&p->peers, to, PEERS_BULK, frame, PEERS_MAY_DROP, &err) != 0)
        log_debug("frame not sent", "node=%lld why=\"%s\"", (long long)to, err.text);
}

/* Who is only an agent has no business with what the cluster knows. */
static bool may_have_state(struct snapshots *s, int64_t id)
{
    const struct peer_node *n = find(s->data, id);
    return n != NULL && !n->gone && is_server(n->modes);
}

static void on_fetched(struct snapshots *s, uint64_t token, const char *path,
                       const struct error *err)
{
    struct peer_port *p = s->data;
    struct event e = {.kind = EVENT_SNAPSHOT_FETCHED};
    buf_init(&e.body, FOLDER_PATH_SIZE);
    if (path != NULL)
        buf_puts(&e.body, path);
    else if (err->code != ERR_CANCELED)
        log_warn("snapshot not fetched", "token=%llu why=\"%s\"", (unsigned long long)token,
                 err->text);
    host_event(p->options.host, &e);
}

static const struct snapshots_events snapshots_events = {
    .send = snapshots_send, .may_have = may_have_state, .on_fetched = on_fetched};

void peer_port_snapshot_ready(struct peer_port *p, uint64_t token, const char *path)
{
    struct error err;
    if (!p->stopping && snapshots_give(&p->snapshots, token, path, &err) != 0)
        log_error("a snapshot for members that lag behind is lost", "why=\"%s\"", err.text);
}

void peer_port_snapshot_fetch(struct peer_port *p, uint64_t from, const struct replica_snapshot *s)
{
    if (p->stopping)
        return;
    if (s == NULL) {
        snapshots_drop(&p->snapshots);
        return;
    }
    struct snapshot_file file = {.token = s->token, .size = s->size};
    memcpy(file.hash, s->hash, SHA256_SIZE);
    snapshots_fetch(&p->snapshots, (int64_t)from, &file);
}

/* ---------------- the door: what the cluster decides */

static void post(struct peer_port *p, uint64_t key, const char *path, struct slice body,
                 const char *remote)
{
    struct request r = request_of(METHOD_POST, path);
    r.headers = SLICE("Content-Type: application/json\r\n");
    r.body = body;
    r.scheme = "https";
    r.listener = "peer";
    r.remote = remote;
    host_request(p->options.host, exchange_elsewhere(EXCHANGE_OF_DOOR, key), request_dup(&r));
}

/* Until the first token is in the state nobody can be told that his is none of this cluster. */
static void on_door_asks(struct door *d, uint64_t key, const char *path, struct slice body,
                         const char *remote)
{
    struct peer_port *p = door_data(d);
    if (p->found == FOUND_ALL)
        post(p, key, path, body, remote);
    else
        door_answer(d, key, 503,
                    SLICE("{\"message\":\"the cluster is just being made: try again\"}"));
}

static void reply(struct peer_port *p, int64_t id, struct slice frame)
{
    if (id == p->identity.facts.id)
        renewal_frame(&p->renewal, id, (struct slice){frame.p + 1, frame.len - 1});
    else
        peer_port_send(p, id, frame);
}

static void on_door_replies(struct door *d, int64_t id, struct slice frame)
{
    reply(door_data(d), id, frame);
}

static bool door_node(struct door *d, int64_t id, struct door_node *out)
{
    struct peer_port *p = door_data(d);
    const struct peer_node *n = find(p, id);
    if (n == NULL || n->gone || n->store == 0)
        return false;
    *out = (struct door_node){.store = n->store, .modes = n->modes};
    str_copy(out->address, sizeof out->address, n->address);
    return true;
}

static void door_masters(struct door *d, struct buf *out)
{
    struct peer_port *p = door_data(d);
    const struct peer_node *n;
    for (size_t cursor = 0; (n = map_each(p->nodes, &cursor)) != NULL;)
        if (!n->gone && (n->modes & MODE_MASTER) != 0 && n->id != p->identity.facts.id)
            buf_printf(out, "%s%s", out->len > 0 ? ", " : "", n->address);
}

/* While a node has just joined, or there is no leader. */
static bool passes(const struct error *err)
{
    return err->code == ERR_UNAVAILABLE;
}

static void on_door_done(struct door *d, const char *who, const struct certificate *signed_for,
                         const struct error *err)
{
    char until[TIME_TEXT_SIZE];
    struct peer_port *p = door_data(d);
    if (err != NULL)
        log_event(passes(err) ? LOG_DEBUG : stranger_level(p), "no certificate",
                  "for=\"%s\" why=\"%s\"", who, err->text);
    else if (signed_for != NULL)
        log_info("certificate", "for=\"%s\" node=%lld until=%s", who, (long long)signed_for->id,
                 wall_text(signed_for->until, until));
    else
        log_info("the CA's key was given to a master", "to=\"%s\"", who);
}

static const struct door_events door_events = {
    .ask = on_door_asks,
    .reply = on_door_replies,
    .node = door_node,
    .masters = door_masters,
    .on_done = on_door_done,
};

/* ---------------- our own certificate */

static size_t renewal_masters(struct renewal *r, int64_t ids_out[LIMIT_SERVERS])
{
    struct peer_port *p = r->data;
    const struct peer_node *n;
    size_t count = 0;
    for (size_t cursor = 0; (n = map_each(p->nodes, &cursor)) != NULL && count < LIMIT_SERVERS;)
        if (!n->gone && (n->modes & MODE_MASTER) != 0)
            ids_out[count++] = n->id;
    return count;
}

static void renewal_send(struct renewal *r, int64_t id, struct slice frame)
{
    struct peer_port *p = r->data;
    if (id == p->identity.facts.id)
        door_frame(p->door, id, (struct slice){frame.p + 1, frame.len - 1});
    else
        peer_port_send(p, id, frame);
}

static void on_renewed(struct renewal *r)
{
    struct peer_port *p = r->data;
    char until[TIME_TEXT_SIZE];
    log_info("our certificate was renewed", "until=%s", wall_text(p->identity.facts.until, until));
    peers_use(&p->peers, p->identity.tls);
}

static void on_key(struct renewal *r)
{
    (void)r;
    log_info("the CA's key has come", "");
}

static void on_renewal_trouble(struct renewal *r, int64_t id, const struct error *err)
{
    struct peer_port *p = r->data;
    const struct certificate *c = &p->identity.facts;
    struct wall now = p->options.loop->clock.wall(&p->options.loop->clock);
    bool over = certificate_age(c->from, c->until, now) == CERTIFICATE_OVER;
    log_event(over          ? LOG_ERROR
              : passes(err) ? LOG_DEBUG
                            : LOG_WARN,
              "asked about our certificate in vain", "node=%lld why=\"%s\"%s", (long long)id,
              err->text,
              over ? " cure=\"end this node, and mesolith join ADDRESS --token TOKEN\"" : "");
}

static const struct renewal_events renewal_events = {
    .masters = renewal_masters,
    .send = renewal_send,
    .on_renewed = on_renewed,
    .on_key = on_key,
    .on_trouble = on_renewal_trouble,
};

/* ---------------- the first node of all tells the state who it is, and its first token */

static void found_node(struct peer_port *p)
{
    const struct certificate *c = &p->identity.facts;
    char address[ADDRESS_SIZE];
    struct joining j = {.id = c->id,
                        .store = c->store,
                        .name = p->options.name,
                        .address = address_text(&p->options.address, address),
                        .modes = c->modes,
                        .serial = c->serial,
                        .until = c->until,
                        .has_key = true};
    struct json_writer w;
    struct buf body;
    buf_init(&body, LIMIT_JOIN_BYTES);
    key_hash(p->identity.key, j.key);
    json_begin(&w, &body);
    joining_write(&j, &w);
    post(p, FOUND_NODE_KEY, "/api/peer/join", buf_slice(&body), "127.0.0.1");
    buf_close(&body);
}

static void found_token(struct peer_port *p)
{
    const struct founding *f = &p->options.folder->node.founding;
    char hash[2 * SHA256_SIZE + 1];
    struct json_writer w;
    struct buf body;
    buf_init(&body, LIMIT_JOIN_BYTES);
    hex_encode(hash, f->hash, SHA256_SIZE);
    json_begin(&w, &body);
    json_object(&w);
    json_member_int(&w, "id", f->token);
    json_member_int(&w, "modes", f->modes);
    json_member_str(&w, "hash", hash);
    json_member_int(&w, "until", f->until.ms);
    json_object_end(&w);
    post(p, FOUND_TOKEN_KEY, "/api/peer/token", buf_slice(&body), "127.0.0.1");
    buf_close(&body);
}

static void on_found_due(uv_timer_t *timer)
{
    struct peer_port *p = timer->data;
    if (p->found == FOUND_NODE)
        found_node(p);
    else if (p->found == FOUND_TOKEN)
        found_token(p);
}

static void found_next(struct peer_port *p, uint64_t ms)
{
    if (!p->stopping)
        uv_timer_start(&p->found_timer, on_found_due, ms, 0);
}

/* A refusal means that it is in the state already, or is over: both are as good as done. */
static void on_found_answer(struct peer_port *p, int status, struct slice body)
{
    if (p->stopping || p->found == FOUND_ALL)
        return;
    if (status >= 500) {
        found_next(p, FOUND_PAUSE_MS);
        return;
    }
    if (status != 200)
        log_debug("the state has it already", "answer=\"%.*s\"", (int)body.len, body.p);
    p->found = p->found == FOUND_NODE ? FOUND_TOKEN : FOUND_ALL;
    if (p->found != FOUND_ALL) {
        found_next(p, 0);
        return;
    }
    p->options.folder->node.founding = (struct founding){0};
    p->options.folder->node.started = true;
    save(p);
    p->options.on_founded(p);
}

bool peer_port_answer(struct peer_port *p, struct answer *a)
{
    uint64_t key = a->id.v & UINT32_MAX;
    if (exchange_owner(a->id) != EXCHANGE_OF_DOOR)
        return false;
    bool whole = a->kind == ANSWER_WHOLE;
    int status = whole ? a->status : 500;
    struct slice body = whole ? blob_slice(a->body) : (struct slice){0};
    if (key == FOUND_NODE_KEY || key == FOUND_TOKEN_KEY)
        on_found_answer(p, status, body);
    else if (!p->stopping)
        door_answer(p->door, key, status, body);
    answer_close(a);
    return true;
}

/* ---------------- life */

/* A master can do that by itself, and must, when the whole cluster has been off for days. */
static int make_good(struct peer_port *p, struct error *err)
{
    struct identity *i = &p->identity;
    struct wall now = p->options.loop->clock.wall(&p->options.loop->clock);
    if (certificate_age(i->facts.from, i->facts.until, now) == CERTIFICATE_OVER &&
        ca_can_sign(i->ca)) {
        log_warn("our certificate was over: signed another one by ourselves", "");
        return identity_renew_self(i, rng_id(&p->rng), now, p->options.life_ms, err);
    }
    return identity_check_age(i, now, err);
}

static int check_modes(const struct peer_port *p, struct error *err)
{
    char wants[MODES_TEXT_SIZE], has[MODES_TEXT_SIZE];
    unsigned modes = p->options.modes, admitted = p->identity.facts.modes;
    if ((modes & ~admitted) == 0)
        return 0;
    return error_set(err, ERR_INVALID,
                     "modes: got %s, this node was admitted as %s: join it anew with an empty data "
                     "folder and a token for these",
                     modes_text(modes, wants), modes_text(admitted, has));
}

/* A copy of a folder, started somewhere else, would be a second node with the same id. */
static int check_place(const struct peer_port *p, struct error *err)
{
    const struct certificate *c = &p->identity.facts;
    if (certificate_names(c, p->options.address.host))
        return 0;
    return error_set(err, ERR_CONFLICT,
                     "address: got %.60s, this node was admitted at %.60s: if this is a copy, give "
                     "it an empty folder; if it has moved, mesolith join ADDRESS --token TOKEN",
                     p->options.address.host, c->hosts[0]);
}

static int start_peers(struct peer_port *p, struct error *err)
{
    const struct peer_port_options *o = &p->options;
    const struct peers_config config = {.loop = o->loop,
                                        .rng = &p->rng,
                                        .self = p->identity.facts.id,
                                        .address = o->listen,
                                        .port = o->port,
                                        .tls = p->identity.tls};
    p->peers.data = p;
    if (peers_start(&p->peers, &config, &peers_events, err) != 0)
        return error_wrap(err, "--peer-port");
    return 0;
}

static void start_parts(struct peer_port *p)
{
    const struct peer_port_options *o = &p->options;
    const struct node_file *f = &o->folder->node;
    const struct door_config door = {.loop = o->loop,
                                     .rng = &p->rng,
                                     .identity = &p->identity,
                                     .level = COMMAND_LEVEL,
                                     .life_ms = o->life_ms};
    p->door = door_new(&door, &door_events, p);
    o->elsewhere->data = p;
    elsewhere_start(o->elsewhere, p->identity.facts.id, &p->peers, &p->rng, any_server);
    p->renewal.data = p;
    renewal_start(&p->renewal, o->loop, &p->rng, &p->identity, &renewal_events);
    uv_timer_init(&o->loop->uv, &p->found_timer);
    p->found_timer.data = p;
    p->found = f->founding.token != 0 ? FOUND_NODE : FOUND_ALL;
    found_next(p, 0);
    char incoming[FOLDER_PATH_SIZE + 16];
    snprintf(incoming, sizeof incoming, "%s.incoming", o->folder->state);
    p->snapshots.data = p;
    snapshots_start(&p->snapshots, o->loop, incoming, &snapshots_events);
    p->parts += 7;
    for (size_t i = 0; i < f->n; i++)
        learn(p, &(struct known_node){.id = f->members[i].id,
                                      .modes = f->members[i].modes,
                                      .address = f->members[i].address});
    uv_timer_init(&o->loop->uv, &p->knock_timer);
    p->knock_timer.data = p;
    if (is_server(p->identity.facts.modes)) /* an agent asks for the leader by itself */
        uv_timer_start(&p->knock_timer, on_knock, 0, KNOCK_MS);
}

static void tell_who(const struct peer_port *p)
{
    const struct certificate *c = &p->identity.facts;
    char at[ADDRESS_SIZE], until[TIME_TEXT_SIZE];
    log_info("a node of a cluster", "cluster=%s node=%lld at=%s certificate=\"until %s\"",
             c->cluster, (long long)c->id, address_text(&p->options.address, at),
             wall_text(c->until, until));
}

int peer_port_start(struct peer_port *p, const struct peer_port_options *options, struct error *err)
{
    const struct folder *f = options->folder;
    *p = (struct peer_port){.data = p->data, .options = *options};
    rng_seed(&p->rng, machine_random());
    if (identity_open(f->path, f->node.id, f->node.store, &p->identity, err) != 0)
        return -1;
    if (make_good(p, err) != 0 || check_modes(p, err) != 0 || check_place(p, err) != 0 ||
        start_peers(p, err) != 0) {
        identity_close(&p->identity);
        return -1;
    }
    ca_fingerprint(p->identity.ca, p->ca_hash);
    tell_who(p);
    p->nodes = map_new();
    p->paused = map_new();
    start_parts(p);
    return 0;
}

const char *peer_port_cluster(const struct peer_port *p)
{
    return p->identity.facts.cluster;
}

bool peer_port_is_founded(const struct peer_port *p)
{
    return p->found == FOUND_ALL;
}

const uint8_t *peer_port_ca_hash(const struct peer_port *p)
{
    return p->ca_hash;
}

static void part_stopped(struct peer_port *p)
{
    struct peer_node *n;
    if (--p->parts > 0)
        return;
    for (size_t cursor = 0; (n = map_each(p->nodes, &cursor)) != NULL;)
        mem_free(n);
    map_free(p->nodes);
    map_free(p->paused);
    identity_close(&p->identity);
    p->stopped(p);
}

static void on_peers_stopped(struct peers *peers)
{
    part_stopped(peers->data);
}

static void on_elsewhere_stopped(struct elsewhere *e)
{
    part_stopped(e->data);
}

static void on_door_stopped(void *data)
{
    part_stopped(data);
}

static void on_renewal_stopped(struct renewal *r)
{
    part_stopped(r->data);
}

static void on_snapshots_stopped(struct snapshots *s)
{
    part_stopped(s->data);
}

static void on_knock_closed(uv_handle_t *timer)
{
    part_stopped(timer->data);
}

static void on_found_closed(uv_handle_t *timer)
{
    part_stopped(timer->data);
}

void peer_port_stop(struct peer_port *p, void (*stopped)(struct peer_port *p))
{
    p->stopping = true;
    p->stopped = stopped;
    uv_close((uv_handle_t *)&p->found_timer, on_found_closed);
    uv_close((uv_handle_t *)&p->knock_timer, on_knock_closed);
    renewal_stop(&p->renewal, on_renewal_stopped);
    snapshots_stop(&p->snapshots, on_snapshots_stopped);
    elsewhere_stop(p->options.elsewhere, on_elsewhere_stopped);
    peers_stop(&p->peers, on_peers_stopped);
    door_stop(p->door, on_door_stopped);
}
