/* Who comes and who goes: people let nodes join, hold and release them, have another one lead,
 * remove nodes, and put new disks into machines that have lost theirs. */
#include <inttypes.h>
#include <stdio.h>

#include "base/str.h"
#include "sim/world.h"

#define ANSWER_MS 4000
#define BETWEEN_MS 400 /* two looks of theirs, at most */
#define DEAD_MS 3000   /* so long down: no leader can take it for alive */
#define REMOVALS_MAX 2
#define LEARN_MS 8000 /* an agent has heard of the master that came last */
#define HOUR_MS 3600000

/* ---- what has become of a node: what any state says of it was committed */

static bool identity_of(struct world *w, int64_t id, bool *gone)
{
    struct identity_row row;
    bool known = false;
    *gone = false;
    for (int i = 0; i < w->n; i++) {
        struct node *node = w->nodes[i].node;
        if (node == NULL || state_level(node_state(node)) == 0 ||
            !state_identity_by_id(node_state(node), id, &row))
            continue;
        known = true;
        *gone = *gone || row.gone.ms != 0;
    }
    return known;
}

static bool is_gone(struct world *w, int64_t id)
{
    bool gone;
    return identity_of(w, id, &gone) && gone;
}

static bool is_admitted(struct world *w, int64_t id)
{
    bool gone;
    return identity_of(w, id, &gone) && !gone;
}

static void look_at(struct sim_node *n)
{
    struct world *w = n->w;
    if (n->place == OUTSIDE && is_admitted(w, (int64_t)n->id)) {
        trace(w, "node %d is admitted", n->position);
        n->place = INSIDE;
        n->replaces = 0;
        n->up_at = w->mono;
    } else if (n->place != GONE && is_gone(w, (int64_t)n->id)) {
        trace(w, "node %d is gone", n->position);
        n->place = GONE;
        kill_host(n, FOREVER_MS);
    }
    if (n->place == LEAVING) /* its tasks were not moved before, and are held for lost */
        unheard(n, w->mono + 1000);
}

/* ---- asking */

static struct sim_node *somebody(struct world *w)
{
    struct sim_node *l = leader_of(w);
    if (l != NULL && chance(w, 700))
        return l;
    struct sim_node *n = &w->nodes[rng_below(&w->rng, (uint64_t)w->options.nodes)];
    return n->node != NULL ? n : NULL;
}

static void ask(struct world *w, struct sim_node *at, const struct request *r)
{
    trace(w, "ask %d: %s %.*s", at->position, method_text(r->method), (int)r->target.len,
          r->target.p);
    w->council.exchange = client_send(w, at->position, r);
    w->council.until = w->mono + ANSWER_MS;
}

static void ask_about(struct world *w, struct sim_node *at, enum method method, int64_t id,
                      const char *verb)
{
    char target[64];
    snprintf(target, sizeof target, "/api/nodes/%016" PRIx64 "%s", (uint64_t)id, verb);
    struct request r = request_of(method, target);
    r.listener = "marathon";
    ask(w, at, &r);
}

static void ask_token(struct world *w, struct sim_node *at)
{
    struct request r = request_of(METHOD_POST, "/api/tokens");
    r.listener = "marathon";
    r.body = SLICE("{\"modes\":[\"master\",\"scheduler\",\"agent\"],\"hours\":1}");
    ask(w, at, &r);
    w->council.asks_token = true;
}

void members_answer(struct world *w, const struct answer *a)
{
    struct council *c = &w->council;
    struct error err;
    trace(w, "answer %d about members", a->status);
    c->exchange = 0;
    if (c->asks_token && a->status < 300) {
        struct json *v = json_parse_own(blob_slice(a->body), &err);
        c->has_token = token_parse(json_str(json_get(v, "token"), ""), &c->token, &err) == 0;
        json_free(v);
    }
    c->asks_token = false;
    for (int i = 0; i < w->n && a->status == 409; i++)
        if (w->nodes[i].place == LEAVING) /* the others cannot do without it */
            w->nodes[i].place = INSIDE;
}

static void ask_to_join(struct sim_node *n, struct sim_node *at)
{
    struct world *w = n->w;
    struct json_writer writer;
    struct buf body;
    struct joining j = {
        .id = (int64_t)n->id,
        .store = (int64_t)n->store,
        .name = n->name,
        .address = n->address,
        .modes = sim_modes(n),
        .serial = n->position + 1 + WORLD_NODES_MAX * n->disks,
        .until = {now_of(at).wall.ms + 24 * HOUR_MS},
        .replaces = n->by_hand ? 0 : n->replaces,
    };
    if (n->position > 0 || n->disks > 1) {
        j.token = w->council.token.id;
        token_hash(w->council.token.id, w->council.token.secret, j.hash);
    }
    buf_init(&body, 65536);
    json_begin(&writer, &body);
    joining_write(&j, &writer);
    struct request r = request_of(METHOD_POST, "/api/peer/join");
    r.listener = "peer";
    r.body = buf_slice(&body);
    ask(w, at, &r);
    buf_close(&body);
}

/* ---- what they want */

/* True: it is being seen to, so that somebody can join. */
static bool let_in(struct world *w, struct sim_node *at)
{
    if (!is_admitted(w, (int64_t)w->nodes[0].id) && w->nodes[0].disks == 1 &&
        w->nodes[0].place == INSIDE) {
        ask_to_join(&w->nodes[0], at); /* the first node admits itself */
        return true;
    }
    for (int i = 0; i < w->n; i++) {
        struct sim_node *n = &w->nodes[i];
        if (n->place != OUTSIDE || (in_trouble(w) && !chance(w, 300)))
            continue;
        if (!w->council.has_token)
            ask_token(w, at);
        else if (n->by_hand && n->replaces != 0 && is_admitted(w, n->replaces))
            ask_about(w, at, METHOD_DELETE, n->replaces, "");
        else
            ask_to_join(n, at);
        return true;
    }
    for (int i = 0; i < w->n; i++)
        if (w->nodes[i].place == LEAVING) {
            ask_about(w, at, METHOD_DELETE, (int64_t)w->nodes[i].id, "");
            return true;
        }
    return false;
}

static void hold(struct world *w, struct sim_node *at, struct sim_node *n)
{
    if (n->position < w->options.nodes)
        ask_about(w, at, METHOD_POST, (int64_t)n->id, chance(w, 500) ? "/demote" : "/promote");
}

static void have_another_lead(struct world *w, struct sim_node *at, struct sim_node *n)
{
    char body[64];
    struct request r = request_of(METHOD_POST, "/api/leader/transfer");
    r.listener = "marathon";
    snprintf(body, sizeof body, "{\"node\":\"%016" PRIx64 "\"}", n->id);
    if (chance(w, 700))
        r.body = slice_of(body);
    ask(w, at, &r);
}

static int masters_in(const struct world *w)
{
    int n = 0;
    for (int i = 0; i < w->options.nodes; i++)
        n += w->nodes[i].place == INSIDE;
    return n;
}

/* It leaves once it is not of the cluster; a leader does not go, and seldom the third of three. */
static void remove_it(struct world *w, struct sim_node *at, struct sim_node *n)
{
    bool few = n->position < w->options.nodes && masters_in(w) <= 3;
    if (n == leader_of(w) || w->council.removals == REMOVALS_MAX || (few && !chance(w, 50)))
        return;
    w->council.removals++;
    n->place = LEAVING;
    unheard(n, w->mono + 1000);
    ask_about(w, at, METHOD_DELETE, (int64_t)n->id, "");
}

/* For good, so only where the others can do without it, and nobody is asked meanwhile for what
 * needs to know that. */
static void lose_disk(struct world *w, struct sim_node *at, struct sim_node *n)
{
    struct sim_node *l = leader_of(w);
    (void)at;
    bool lately = w->council.lost_ms > 0 && w->mono < w->council.lost_ms + LEARN_MS;
    if (l == NULL || n == l || lately || !members_settled(w, l) || l->voters.n == 2)
        return;
    bool votes = false;
    for (int i = 0; i < l->voters.n; i++)
        votes = votes || l->voters.ids[i] == n->id;
    if (votes && l->voters.n < 3)
        return;
    trace(w, "node %d loses its disk", n->position);
    kill_host(n, FOREVER_MS);
    new_disk(n);
    n->by_hand = chance(w, 500);
    w->council.lost_ms = w->mono;
    w->council.calm_until = w->mono + DEAD_MS;
}

static void want_something(struct world *w, struct sim_node *at)
{
    static void (*const wants[])(struct world *, struct sim_node *, struct sim_node *) = {
        hold, hold, have_another_lead, have_another_lead, remove_it, lose_disk};
    struct sim_node *n = &w->nodes[rng_below(&w->rng, (uint64_t)w->n)];
    uint64_t what = rng_below(&w->rng, sizeof wants / sizeof wants[0]);
    if (n->place == INSIDE && chance(w, 500))
        wants[what](w, at, n);
}

void members_act(struct world *w)
{
    struct council *c = &w->council;
    if (!w->options.grows || w->mono < c->due)
        return;
    c->due = w->mono + 1 + (int64_t)rng_below(&w->rng, BETWEEN_MS);
    for (int i = 0; i < w->n; i++)
        look_at(&w->nodes[i]);
    if ((c->exchange != 0 && w->mono < c->until) || w->mono < c->calm_until)
        return;
    c->exchange = 0;
    struct sim_node *at = somebody(w);
    if (at != NULL && !let_in(w, at) && in_trouble(w))
        want_something(w, at);
}

/* ---- what must hold */

static struct voters voters_of(struct sim_node *n)
{
    struct voters v = {.term = node_term(n->node)};
    struct replica_member m;
    for (size_t i = 0; node_member(n->node, i, &m); i++)
        if (m.server.role == REPLICA_VOTER)
            v.ids[v.n++] = m.server.id;
    return v;
}

static bool is_dead(struct world *w, uint64_t id)
{
    for (int i = 0; i < w->n; i++)
        if (w->nodes[i].id == id)
            return w->nodes[i].node == NULL && w->mono - w->nodes[i].down_since > DEAD_MS;
    return w->mono - w->council.lost_ms > DEAD_MS; /* its disk is lost */
}

static bool can_live(struct world *w, const struct voters *v)
{
    int dead = 0;
    for (int i = 0; i < v->n; i++)
        dead += is_dead(w, v->ids[i]);
    return dead < (v->n + 1) / 2;
}

/* A leader's own steps never leave the voters without a majority that lives. */
bool check_members(struct world *w, struct sim_node *n)
{
    if (!w->options.grows || !node_leading(n->node))
        return true;
    const struct voters before = n->voters, v = voters_of(n);
    n->voters = v;
    if (before.term != v.term || before.n == 0 || !can_live(w, &before) || can_live(w, &v))
        return true;
    return fail_world(w, "node %d gave up a majority that lived: %d voted, %d do", n->position,
                      before.n, v.n);
}

static bool is_inside(struct world *w, uint64_t id)
{
    for (int i = 0; i < w->n; i++)
        if (w->nodes[i].id == id)
            return w->nodes[i].place == INSIDE;
    return false; /* its disk is lost */
}

/* One, three or five vote: as many as there are masters that may, and nobody who is gone, or is to
 * vote no more: another is about to vote in its place, and must not be lost in that moment. */
bool members_settled(struct world *w, struct sim_node *leader)
{
    int may = 0;
    if (!w->options.grows)
        return true;
    for (int i = 0; i < w->n; i++) {
        struct sim_node *n = &w->nodes[i];
        snprintf(w->unsettled, sizeof w->unsettled, "node %d has not %s", i,
                 n->place == OUTSIDE ? "joined" : "gone");
        if (n->place == OUTSIDE || n->place == LEAVING)
            return false;
        may += i < w->options.nodes && n->place == INSIDE &&
               !state_node_is_held(node_state(leader->node), (int64_t)n->id);
    }
    const struct voters v = voters_of(leader);
    int wanted = may >= 5 ? 5 : may >= 3 ? 3 : 1;
    snprintf(w->unsettled, sizeof w->unsettled, "%d masters vote, %d should: %d may", v.n, wanted,
             may);
    if (v.n != wanted)
        return false;
    for (int i = 0; i < v.n; i++) {
        snprintf(w->unsettled, sizeof w->unsettled, "node %llu votes, but is gone",
                 (unsigned long long)v.ids[i]);
        if (!is_inside(w, v.ids[i]))
            return false;
        snprintf(w->unsettled, sizeof w->unsettled, "node %llu votes, but is a standby by hand",
                 (unsigned long long)v.ids[i]);
        if (may > 0 && state_node_is_held(node_state(leader->node), (int64_t)v.ids[i]))
            return false;
    }
    return true;
}
