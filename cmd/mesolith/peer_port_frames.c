/* Who may speak here, and what the nodes say to each other. */
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "cluster/wire.h"
#include "model/frame.h"
#include "peer_port_private.h"

#define STRANGER_LINES 20 /* in the log, within */
#define STRANGER_LINES_MS 10000

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
    const struct peer_node *n = peer_port_find(p, id);
    unsigned modes;
    int64_t store;
    if (!str_to_i64(who->serial, &store) || !modes_parse(who->units, &modes)) {
        error_set(err, ERR_INVALID, "its certificate does not name its disk and its modes");
        return false;
    }
    if (n != NULL)
        return check_known(n, store, err);
    if (!p->state_is_here && modes_serve(modes))
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
    struct peer_node *n = peer_port_find(p, id);
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
void peer_port_on_knock(uv_timer_t *timer)
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
    struct peer_node *n = peer_port_find(p, id);
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

enum log_level peer_port_stranger_level(struct peer_port *p)
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
    const struct peer_node *n = peer_port_find(p, id);
    if (n == NULL || modes_serve(n->modes) || frame_may_be_of_agent(frame))
        return true;
    log_event(peer_port_stranger_level(p), "a frame was refused",
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
    struct peer_node *n = peer_port_find(p, id);
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
        log_event(peer_port_stranger_level(p), "refused at the peer port", "why=\"%s\"", err->text);
}

static void on_stranger(struct peers *peers, struct stream *s)
{
    struct peer_port *p = peers->data;
    door_stranger(p->door, s);
}

const struct peers_events peer_port_peers_events = {
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
    const struct peer_node *n = peer_port_find(s->data, id);
    return n != NULL && !n->gone && modes_serve(n->modes);
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

const struct snapshots_events peer_port_snapshots_events = {
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
