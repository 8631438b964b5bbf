/* Who there is, what of it is kept, and how all of it starts and stops. */
#include "peer_port.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "machine.h"
#include "model/command.h"
#include "peer_port_private.h"

#define KNOCK_MS 2000

/* ---------------- who there is */

struct peer_node *peer_port_find(const struct peer_port *p, int64_t id)
{
    return map_get(p->nodes, (uint64_t)id);
}

/* Whom this node asks first when it starts again. */
static bool remember_members(struct peer_port *p)
{
    struct node_file *f = &p->options.folder->node;
    struct join_member now[LIMIT_SERVERS];
    const struct peer_node *n;
    size_t count = 0;
    memset(now, 0, sizeof now);
    for (size_t cursor = 0; (n = map_each(p->nodes, &cursor)) != NULL && count < LIMIT_SERVERS;) {
        if (n->gone || !modes_serve(n->modes) || n->id == f->id)
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
    struct peer_node *n = peer_port_find(p, k->id);
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
    if (modes_serve(k->modes) && remember_members(p))
        peer_port_save(p);
    renewal_look(&p->renewal);
}

/* A node with a state, one that we are connected to if there is any. */
static int64_t any_server(void *data)
{
    struct peer_port *p = data;
    const struct peer_node *n;
    int64_t found = 0;
    for (size_t cursor = 0; (n = map_each(p->nodes, &cursor)) != NULL;) {
        if (n->gone || !modes_serve(n->modes) || n->id == p->identity.facts.id)
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
        peer_port_save(p);
    }
    part_stopped(p);
}

void peer_port_save(struct peer_port *p)
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
        peer_port_found_next(p, 0);
    if (p->options.folder->node.started)
        return;
    p->options.folder->node.started = true;
    peer_port_save(p);
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

static int at_another_place(const char *got, const char *admitted, struct error *err)
{
    return error_set(err, ERR_CONFLICT,
                     "address: got %.60s, this node was admitted at %.60s: if this is a copy, give "
                     "it an empty folder; if it has moved, mesolith join ADDRESS --token TOKEN",
                     got, admitted);
}

/* A copy of a folder, started somewhere else, would be a second node with the same id: also at
 * another port of the same address. Who knows no other master has nobody who could admit it. */
static int check_place(const struct peer_port *p, struct error *err)
{
    const struct certificate *c = &p->identity.facts;
    const struct node_file *f = &p->options.folder->node;
    char here[ADDRESS_SIZE];
    address_text(&p->options.address, here);
    if (!certificate_names(c, p->options.address.host))
        return at_another_place(p->options.address.host, c->hosts[0], err);
    if (f->n > 0 && f->address[0] != '\0' && !str_eq(here, f->address))
        return at_another_place(here, f->address, err);
    return 0;
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
    if (peers_start(&p->peers, &config, &peer_port_peers_events, err) != 0)
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
    p->door = door_new(&door, &peer_port_door_events, p);
    o->elsewhere->data = p;
    elsewhere_start(o->elsewhere, p->identity.facts.id, &p->peers, &p->rng, any_server);
    p->renewal.data = p;
    renewal_start(&p->renewal, o->loop, &p->rng, &p->identity, &peer_port_renewal_events);
    uv_timer_init(&o->loop->uv, &p->found_timer);
    p->found_timer.data = p;
    p->found = f->founding.token != 0 ? FOUND_NODE : FOUND_ALL;
    peer_port_found_next(p, 0);
    char incoming[FOLDER_PATH_SIZE + 16];
    snprintf(incoming, sizeof incoming, "%s.incoming", o->folder->state);
    p->snapshots.data = p;
    snapshots_start(&p->snapshots, o->loop, incoming, &peer_port_snapshots_events);
    p->parts += 7;
    for (size_t i = 0; i < f->n; i++)
        learn(p, &(struct known_node){.id = f->members[i].id,
                                      .modes = f->members[i].modes,
                                      .address = f->members[i].address});
    uv_timer_init(&o->loop->uv, &p->knock_timer);
    p->knock_timer.data = p;
    if (modes_serve(p->identity.facts.modes)) /* an agent asks for the leader by itself */
        uv_timer_start(&p->knock_timer, peer_port_on_knock, 0, KNOCK_MS);
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
