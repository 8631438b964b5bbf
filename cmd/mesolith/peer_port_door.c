/* What the cluster decides: who joins, who gets a certificate, who was the first of all. */
#include "base/log.h"
#include "base/str.h"
#include "peer_port_private.h"
#include "state/state.h"

#define FOUND_PAUSE_MS 100 /* between attempts of the first node to be in the state */
#define FOUND_NODE_KEY UINT64_C(0xfffffff1)
#define FOUND_TOKEN_KEY UINT64_C(0xfffffff2)

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
    const struct peer_node *n = peer_port_find(p, id);
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
        log_event(passes(err) ? LOG_DEBUG : peer_port_stranger_level(p), "no certificate",
                  "for=\"%s\" why=\"%s\"", who, err->text);
    else if (signed_for != NULL)
        log_info("certificate", "for=\"%s\" node=%lld until=%s", who, (long long)signed_for->id,
                 wall_text(signed_for->until, until));
    else
        log_info("the CA's key was given to a master", "to=\"%s\"", who);
}

const struct door_events peer_port_door_events = {
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

const struct renewal_events peer_port_renewal_events = {
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

void peer_port_found_next(struct peer_port *p, uint64_t ms)
{
    if (!p->stopping)
        uv_timer_start(&p->found_timer, on_found_due, ms, 0);
}

/* A refusal means that it is in the state already, or is over: both are as good as done. What was
 * told twice, at the start and when the node was ready, is answered twice: only the first counts,
 * else the second would pass for the next step's answer, and the token be in no state. */
static void on_found_answer(struct peer_port *p, uint64_t key, int status, struct slice body)
{
    uint64_t awaited = p->found == FOUND_NODE ? FOUND_NODE_KEY : FOUND_TOKEN_KEY;
    if (p->stopping || p->found == FOUND_ALL || key != awaited)
        return;
    if (status >= 500) {
        peer_port_found_next(p, FOUND_PAUSE_MS);
        return;
    }
    if (status != 200)
        log_debug("the state has it already", "answer=\"%.*s\"", (int)body.len, body.p);
    p->found = p->found == FOUND_NODE ? FOUND_TOKEN : FOUND_ALL;
    if (p->found != FOUND_ALL) {
        peer_port_found_next(p, 0);
        return;
    }
    p->options.folder->node.founding = (struct founding){0};
    p->options.folder->node.started = true;
    peer_port_save(p);
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
        on_found_answer(p, key, status, body);
    else if (!p->stopping)
        door_answer(p->door, key, status, body);
    answer_close(a);
    return true;
}
