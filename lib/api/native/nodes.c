/* Nodes: members of the cluster, each with the agent that lives in it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/facts.h"
#include "api/native/private.h"
#include "base/mem.h"
#include "base/str.h"
#include "master/master.h"

#define VOTERS_MAX 5 /* DESIGN 5 */

enum node_key { BY_ID, BY_NAME, BY_STATE, BY_ROLE, BY_TASKS, BY_CPUS, BY_MEM, BY_DISK };
static const char *const sorts[] = {
    [BY_ID] = "id",     [BY_NAME] = "name",   [BY_STATE] = "state",
    [BY_ROLE] = "role", [BY_TASKS] = "tasks", [BY_CPUS] = "cpus",
    [BY_MEM] = "mem",   [BY_DISK] = "disk",   [BY_DISK + 1] = NULL,
};
static const char *const states[] = {"ready",       "restarting", "draining", "drained",
                                     "unreachable", "gone",       NULL};

/* ---- names */

const char *native_node_id(int64_t node, char dst[NODE_ID_SIZE])
{
    snprintf(dst, NODE_ID_SIZE, "%016llx", (unsigned long long)node);
    return dst;
}

const char *native_agent_node_id(const struct agent_row *a, char dst[NODE_ID_SIZE])
{
    if (a->node != 0)
        return native_node_id(a->node, dst);
    snprintf(dst, NODE_ID_SIZE, "agent-%lld", (long long)a->id);
    return dst;
}

int64_t native_leader(const struct view *v)
{
    return v->facts->leading ? v->facts->node : v->facts->leader;
}

/* ---- all of them: nodes by id, then agents whose node has not announced itself */

struct member {
    int64_t node;  /* 0: not announced */
    int64_t agent; /* -1: none */
};

struct members {
    struct member *items;
    size_t n, cap;
};

static struct member *add_member(struct members *m, int64_t node, int64_t agent)
{
    if (m->n == m->cap) {
        m->cap = m->cap == 0 ? 64 : m->cap * 2;
        m->items = mem_realloc(m->items, m->cap * sizeof m->items[0]);
    }
    m->items[m->n] = (struct member){node, agent};
    return &m->items[m->n++];
}

/* By node, as they were read. */
static struct member *find_node(struct members *m, size_t n, int64_t node)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (m->items[middle].node < node)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && m->items[low].node == node ? &m->items[low] : NULL;
}

static int by_id(const void *a, const void *b)
{
    const struct member *x = a, *y = b;
    return (x->node > y->node) - (x->node < y->node);
}

/* Those that have announced themselves, and those that were admitted and have not. */
static void read_nodes(struct state *s, struct members *m)
{
    struct node_row n;
    struct identity_row i;
    struct stmt *q = state_nodes(s);
    while (state_node_next(q, &n))
        add_member(m, n.id, -1);
    size_t announced = m->n;
    q = state_identities(s);
    while (state_identity_next(q, &i))
        if (i.gone.ms == 0 && find_node(m, announced, i.id) == NULL)
            add_member(m, i.id, -1);
    if (m->n > announced)
        qsort(m->items, m->n, sizeof m->items[0], by_id);
}

/* Of several agents in a node (its agent.db was lost), the newest. */
static void read_members(struct state *s, struct members *m)
{
    struct agent_row a;
    *m = (struct members){0};
    read_nodes(s, m);
    size_t nodes = m->n;
    struct stmt *q = state_agents(s);
    while (state_agent_next(q, &a)) {
        struct member *its = a.node != 0 ? find_node(m, nodes, a.node) : NULL;
        if (its != NULL && (a.state != AGENT_GONE || its->agent < 0))
            its->agent = a.id;
        else if (its == NULL && a.state != AGENT_GONE) /* one whose node was removed */
            add_member(m, 0, a.id);
    }
}

/* ---- one of them */

struct shown {
    struct node_row node;   /* .id == 0: not announced */
    struct agent_row agent; /* .id < 0: none */
    char id[NODE_ID_SIZE];
    const char *name, *state, *role;
    const char *waits;             /* what it stays a standby for; NULL: it does not */
    const struct agent_seen *seen; /* NULL: nothing */
};

static const struct member_fact *member_of(const struct facts *f, int64_t node)
{
    for (size_t i = 0; i < f->members_n; i++)
        if (f->members[i].id == node)
            return &f->members[i];
    return NULL;
}

bool native_is_away(const struct view *v, int64_t node)
{
    const struct member_fact *m = member_of(v->facts, node);
    return m != NULL && !m->live;
}

static const char *role_of(const struct view *v, const struct node_row *n, int64_t leader)
{
    const struct member_fact *m = member_of(v->facts, n->id);
    if (n->id != 0 && n->id == leader)
        return "leader";
    if (m != NULL)
        return m->voter ? "voter" : "standby";
    return modes_serve(n->modes) ? "standby" : "none";
}

/* What is the same for all nodes. */
struct council {
    int64_t leader;
    size_t voters, willing; /* willing: masters that do not vote, and would */
};

static struct council council_of(const struct view *v)
{
    struct council c = {.leader = native_leader(v)};
    for (size_t i = 0; i < v->facts->members_n; i++) {
        const struct member_fact *m = &v->facts->members[i];
        struct node_row row;
        c.voters += m->voter;
        c.willing += !m->voter && m->live && m->ready && state_node_by_id(v->state, m->id, &row) &&
                     (row.modes & MODE_MASTER) != 0 && !state_node_is_held(v->state, m->id);
    }
    return c;
}

/* Why a standby does not vote (DESIGN 5: one, three or five do). */
static const char *waits_for(const struct view *v, const struct council *c,
                             const struct node_row *n, const char *role)
{
    const struct member_fact *m = member_of(v->facts, n->id);
    if (!str_eq(role, "standby") || (n->modes & MODE_MASTER) == 0)
        return NULL;
    if (state_node_is_held(v->state, n->id))
        return "stays a standby until it is promoted";
    if (m == NULL || !m->ready)
        return "stays a standby until it has caught up";
    if (c->voters >= VOTERS_MAX)
        return "stays a standby until one of the five that vote is lost";
    if (c->willing > 1 || c->voters % 2 == 0)
        return "votes in a moment";
    return c->voters == 1 ? "stays a standby until a third master has caught up"
                          : "stays a standby until one that votes is lost, or a fifth master has "
                            "caught up";
}

/* Who has no state does not announce itself: what is known of it says its certificate. */
static bool node_of(struct state *s, int64_t node, struct node_row *out)
{
    struct identity_row i;
    if (state_node_by_id(s, node, out))
        return true;
    if (!state_identity_by_id(s, node, &i) || i.gone.ms != 0)
        return false;
    *out = (struct node_row){.id = i.id,
                             .name = i.name,
                             .address = i.address,
                             .version = "",
                             .modes = i.modes,
                             .seen = i.joined};
    return true;
}

/* Its texts live until the next call. */
static void look_up(const struct view *v, const struct member *m, const struct council *c,
                    struct shown *out)
{
    struct state *s = v->state;
    *out = (struct shown){.agent.id = -1};
    bool known = m->node != 0 && node_of(s, m->node, &out->node);
    bool runs = m->agent >= 0 && state_agent_by_id(s, m->agent, &out->agent);
    if (!runs)
        out->agent.id = -1;
    if (known)
        native_node_id(out->node.id, out->id);
    else
        native_agent_node_id(&out->agent, out->id);
    out->name = known ? out->node.name : runs ? out->agent.hostname : ""; /* broken off */
    /* an agent whose process is gone is given time to come back; its node is out of reach already
     */
    const struct member_fact *fact = member_of(v->facts, m->node);
    bool silent = known && out->node.level == 0 && (fact == NULL || !fact->live);
    enum agent_state state = runs     ? out->agent.state
                             : silent ? AGENT_UNREACHABLE /* it was admitted, and is not heard */
                                      : AGENT_READY;
    bool lost = fact != NULL && !fact->live && state == AGENT_READY;
    out->state = agent_state_word(lost ? AGENT_UNREACHABLE : state);
    out->seen = runs ? facts_agent_seen(v->facts, m->agent) : NULL;
    if (!lost && state == AGENT_READY && out->seen != NULL && out->seen->closed.ms != 0)
        out->state = "restarting";
    out->role = role_of(v, &out->node, c->leader);
    out->waits = waits_for(v, c, &out->node, out->role);
}

static size_t count_ports(const char *ranges)
{
    char text[4096];
    struct resources r;
    unsigned named;
    struct error err;
    snprintf(text, sizeof text, "ports:[%s]", ranges);
    if (resources_parse(text, &r, &named, &err) != 0)
        return 0;
    size_t n = ports_count(&r.ports);
    resources_close(&r);
    return n;
}

static int64_t count_used_ports(struct state *s, int64_t agent)
{
    int64_t n = 0;
    struct stmt *q = state_agent_ports(s, agent);
    while (stmt_row(q))
        n++;
    return n;
}

void native_add_capacity(struct state *s, const struct agent_row *a, struct capacity *to)
{
    const struct capacity more = {
        .cpus_milli = {a->used_cpus_milli, a->cpus_milli},
        .mem = {a->used_mem_bytes, a->mem_bytes},
        .disk = {a->used_disk_bytes, a->disk_bytes},
        .ports = {count_used_ports(s, a->id), (int64_t)count_ports(a->port_ranges)},
    };
    struct amount *sums[] = {&to->cpus_milli, &to->mem, &to->disk, &to->ports};
    const struct amount *parts[] = {&more.cpus_milli, &more.mem, &more.disk, &more.ports};
    for (size_t i = 0; i < sizeof sums / sizeof sums[0]; i++) {
        sums[i]->used += parts[i]->used;
        sums[i]->total += parts[i]->total;
    }
}

static void put_amount(const char *name, const struct amount *a, struct json_writer *w)
{
    json_key(w, name);
    json_object(w);
    json_member_int(w, "used", a->used);
    json_member_int(w, "total", a->total);
    json_object_end(w);
}

void native_put_capacity(const struct capacity *c, struct json_writer *w)
{
    json_key(w, "cpus");
    json_object(w);
    json_member_double(w, "used", milli_to_cpus(c->cpus_milli.used));
    json_member_double(w, "total", milli_to_cpus(c->cpus_milli.total));
    json_object_end(w);
    put_amount("mem", &c->mem, w);
    put_amount("disk", &c->disk, w);
    put_amount("ports", &c->ports, w);
}

void native_put_docker(const struct agent_row *a, struct json_writer *w)
{
    bool available = *a->docker != '\0';
    json_key(w, "docker");
    json_object(w);
    json_member_bool(w, "available", available);
    json_member_str(w, available ? "version" : "reason", available ? a->docker : a->docker_reason);
    json_object_end(w);
}

static void put_agent(const struct view *v, const struct agent_row *a, struct json_writer *w)
{
    struct capacity capacity = {0};
    bool runs = a->id >= 0;
    json_member_int(w, "tasks", runs ? a->tasks : 0);
    if (runs)
        native_add_capacity(v->state, a, &capacity);
    native_put_capacity(&capacity, w);
    if (runs)
        native_put_docker(a, w);
    if (runs && !str_eq(a->attributes, "{}"))
        json_member_raw(w, "attributes", slice_of(a->attributes));
}

/* A node that is well is seen all the time; one that is not, was until it became so. */
static struct wall last_seen(const struct view *v, const struct shown *s)
{
    struct member_row member;
    if (s->seen != NULL && s->seen->closed.ms != 0)
        return s->seen->closed;
    if (native_is_away(v, s->node.id) && state_member(v->state, s->node.id, &member) && !member.up)
        return member.since;
    if (!str_eq(s->state, agent_state_word(AGENT_UNREACHABLE)))
        return v->now.wall;
    return s->agent.id < 0 ? s->node.seen : s->agent.since;
}

static void put_node(const struct view *v, const struct shown *s, struct json_writer *w)
{
    bool runs = s->agent.id >= 0, own = s->node.id != 0 && s->node.id == v->facts->node;
    json_object(w);
    json_member_str(w, "id", s->id);
    json_member_str(w, "name", s->name);
    json_member_str(w, "address", runs ? s->agent.address : s->node.address);
    native_words(w, "modes", s->node.id != 0 ? s->node.modes : MODE_AGENT);
    json_member_str(w, "state", s->state);
    json_member_str(w, "role", s->role);
    native_text(w, "waits", s->waits);
    put_agent(v, &s->agent, w);
    native_time(w, "seen", last_seen(v, s));
    if (s->seen != NULL && s->seen->closed.ms != 0) {
        native_time(w, "closed", s->seen->closed);
        native_time(w, "kept_until", s->seen->kept_until);
    }
    if (s->seen != NULL && s->seen->timed)
        json_member_int(w, "clock_offset_ms", s->seen->offset_ms);
    bool told = s->node.id != 0 && s->node.version[0] != '\0';
    native_text(w, "version", told ? s->node.version : s->agent.version);
    if (own)
        json_member_int(w, "uptime_s", (v->now.wall.ms - v->facts->started.ms) / 1000);
    json_object_end(w);
}

/* ---- doors */

static void add(struct list *l, const struct shown *s, int64_t at)
{
    const struct agent_row *a = &s->agent;
    switch ((enum node_key)l->sort) {
    case BY_ID:
        list_add_text(l, at, s->id);
        break;
    case BY_NAME:
        list_add_text(l, at, s->name);
        break;
    case BY_STATE:
        list_add_text(l, at, s->state);
        break;
    case BY_ROLE:
        list_add_text(l, at, s->role);
        break;
    case BY_TASKS:
        list_add_number(l, at, a->tasks);
        break;
    case BY_CPUS:
        list_add_number(l, at, a->used_cpus_milli);
        break;
    case BY_MEM:
        list_add_number(l, at, a->used_mem_bytes);
        break;
    case BY_DISK:
        list_add_number(l, at, a->used_disk_bytes);
        break;
    }
}

void native_ask_nodes(struct call *c)
{
    struct list l;
    struct members all;
    struct shown shown;
    struct json_writer w;
    struct state *s = c->view->state;
    if (list_begin(c, &l, sorts, states) != 0)
        return;
    const struct council council = council_of(c->view);
    read_members(s, &all);
    for (size_t i = 0; i < all.n; i++) {
        look_up(c->view, &all.items[i], &council, &shown);
        if (list_wants(&l, shown.state, shown.name, shown.id))
            add(&l, &shown, (int64_t)i);
    }
    list_head(c, &l, &w);
    for (size_t i = 0; i < list_size(&l); i++) {
        look_up(c->view, &all.items[list_id(&l, i)], &council, &shown);
        put_node(c->view, &shown, &w);
    }
    list_end(&w);
    list_close(&l);
    mem_free(all.items);
}

/* By its id, else by its name. *same_out: how many have that name. */
static bool find(const struct view *v, const char *text, struct shown *out, unsigned *same_out)
{
    struct members all;
    bool by_id = false;
    const struct council council = council_of(v);
    size_t found;
    *same_out = 0;
    read_members(v->state, &all);
    found = all.n;
    for (size_t i = 0; i < all.n && !by_id; i++) {
        look_up(v, &all.items[i], &council, out);
        bool by_name = str_eq(out->name, text);
        by_id = str_eq(out->id, text);
        *same_out = by_id ? 1 : *same_out + by_name;
        if (by_id || (found == all.n && by_name))
            found = i;
    }
    bool any = found < all.n;
    if (any)
        look_up(v, &all.items[found], &council, out);
    mem_free(all.items);
    return any;
}

bool native_find(const struct view *v, const char *text, struct native_node *out)
{
    struct shown shown;
    unsigned same;
    if (!find(v, text, &shown, &same))
        return false;
    *out = (struct native_node){.node = shown.node.id,
                                .agent = shown.agent.id,
                                .modes = shown.node.id != 0 ? shown.node.modes : MODE_AGENT,
                                .same = same,
                                .state = shown.state};
    str_copy(out->name, sizeof out->name, shown.name);
    return true;
}

bool native_path_node(struct call *c, struct native_node *out)
{
    const char *id = call_param(c, "id");
    bool found = native_find(c->view, id, out);
    if (found && out->same == 1)
        return true;
    if (found)
        call_fail(c, ERR_CONFLICT, "node: %u are called %.200s, need the id of one", out->same, id);
    else
        call_fail(c, ERR_NOT_FOUND, "node %.200s does not exist", id);
    return false;
}

void native_ask_node(struct call *c)
{
    struct shown shown;
    struct json_writer w;
    unsigned same;
    if (!find(c->view, call_param(c, "id"), &shown, &same)) {
        call_fail(c, ERR_NOT_FOUND, "node %.200s does not exist", call_param(c, "id"));
        return;
    }
    call_json(c, 200, &w);
    put_node(c->view, &shown, &w);
}
