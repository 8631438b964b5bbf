/* Who is of the cluster: what the transport must know of them, what each node tells of itself, and
 * what the leader makes of them in Raft's configuration (DESIGN 5). */
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/node_facts.h"
#include "node/private.h"

#define ANNOUNCE_MS 1000
#define LOOK_MS 200     /* at the members, while leading */
#define LIVE_MS 1500    /* heard so lately, a member counts as there */
#define REMOVAL_MS 1000 /* by then it has been applied */
#define SETTLED_MS 1000 /* a leader has heard by then whose tables are wrong */
#define DOWN_MS 3000    /* unheard for so long, it is said to be down */
#define BEHIND_MAX 512  /* entries; who lacks fewer has caught up */
#define VOTERS_MAX 5

/* ---------------- what the transport must know */

/* What it has announced is newer than what it joined with. */
static const char *address_of(struct node *n, const struct identity_row *i)
{
    struct node_row row;
    bool newer = state_node_by_id(n->state, i->id, &row) && row.address[0] != '\0';
    return newer ? row.address : i->address;
}

static void know(struct node *n, const struct identity_row *i)
{
    const struct known_node k = {.id = i->id,
                                 .store = i->store,
                                 .modes = i->modes,
                                 .address = address_of(n, i),
                                 .gone = i->gone.ms != 0};
    n->hands->know(n->hands, &k);
}

static void know_all(struct node *n)
{
    struct identity_row row;
    struct stmt *q = state_identities(n->state);
    while (state_identity_next(q, &row))
        know(n, &row);
}

/* Of one that has announced itself and is not in the identities nothing is known: it may have been
 * admitted in an entry that is still to come. Who was removed stays there for long, as gone. True
 * if it serves. */
static bool know_one(struct node *n, int64_t id)
{
    struct identity_row row;
    bool known = state_identity_by_id(n->state, id, &row);
    if (known)
        know(n, &row);
    return known && modes_serve(row.modes);
}

static void read_servers(struct node *n, struct servers *s)
{
    struct identity_row row;
    s->n = 0;
    s->known = true;
    struct stmt *q = state_identities(n->state);
    while (state_identity_next(q, &row)) {
        if (row.gone.ms != 0 || !modes_serve(row.modes) || s->n == LIMIT_SERVERS)
            continue;
        struct server *server = &s->items[s->n++];
        *server = (struct server){.id = row.id, .modes = row.modes};
        server->may_vote = (row.modes & MODE_MASTER) != 0 && !state_node_is_held(n->state, row.id);
        str_copy(server->address, sizeof server->address, address_of(n, &row));
    }
}

/* Nodes are many and servers few: nobody looks through all nodes unless one has changed. */
const struct servers *members_servers(struct node *n)
{
    if (!n->servers.known)
        read_servers(n, &n->servers);
    return &n->servers;
}

void members_changed(struct node *n, int64_t id)
{
    n->servers.known = false;
    if (n->changed_n == n->changed_cap) {
        n->changed_cap = n->changed_cap == 0 ? 16 : n->changed_cap * 2;
        n->changed = mem_realloc(n->changed, n->changed_cap * sizeof n->changed[0]);
    }
    n->changed[n->changed_n++] = id;
}

/* The leader, when masters have come or gone: who waited to ask might know only those that went. */
static void tell_agents(struct node *n)
{
    struct identity_row row;
    members_servers(n); /* hint_answer() reads no identities then */
    struct stmt *q = state_identities(n->state);
    while (state_identity_next(q, &row))
        if (row.gone.ms == 0 && !modes_serve(row.modes))
            hint_answer(n, row.id);
}

void members_tell(struct node *n)
{
    bool server = false;
    if (n->know_all && state_level(n->state) > 0) {
        know_all(n);
        n->servers.known = false;
        n->know_all = false;
    }
    for (size_t i = 0; i < n->changed_n; i++)
        server |= know_one(n, n->changed[i]);
    n->changed_n = 0;
    if (server && n->minds_lead)
        tell_agents(n);
}

/* ---------------- what a node tells of itself */

static const char *text_of(const char *url)
{
    const char *host = facts_host_of(url);
    return host != NULL ? host : "";
}

static struct listeners_row own_listeners(const struct node *n)
{
    const struct facts *f = &n->options.facts;
    return (struct listeners_row){text_of(f->url_marathon), text_of(f->url_chronos),
                                  text_of(f->url_mesos)};
}

static bool listeners_told(const struct node *n)
{
    struct listeners_row told, own = own_listeners(n);
    return state_level(n->state) < command_level(COMMAND_NODE_HOLD) || /* listeners came with it */
           (state_listeners_of(n->state, (int64_t)n->options.id, &told) &&
            str_eq(told.marathon, own.marathon) && str_eq(told.chronos, own.chronos) &&
            str_eq(told.mesos, own.mesos));
}

static const char *own_region(const struct node *n)
{
    return n->region != NULL ? n->region : "";
}

static bool region_told(const struct node *n)
{
    return state_level(n->state) < ENDS_LEVEL ||
           str_eq(state_node_region(n->state, (int64_t)n->options.id), own_region(n));
}

static bool is_announced(const struct node *n)
{
    struct node_row row;
    return state_node_by_id(n->state, (int64_t)n->options.id, &row) &&
           str_eq(row.name, n->options.name) && str_eq(row.address, n->options.address) &&
           row.modes == n->options.modes && row.level == COMMAND_LEVEL &&
           str_eq(row.version, n->options.facts.version) && listeners_told(n) && region_told(n);
}

uint64_t members_known(struct node *n)
{
    uint64_t applied = replica_applied(n->replica);
    if (n->nodes_index != applied) {
        n->nodes_sum = state_nodes_sum(n->state);
        n->nodes_index = applied;
    }
    return n->nodes_sum + replica_configured(n->replica);
}

/* It stays so while nothing is known anew. */
bool members_announced(struct node *n)
{
    uint64_t known = members_known(n);
    if (n->announced_known != known) {
        n->announced = is_announced(n);
        n->announced_known = known;
    }
    return n->announced;
}

static struct node_facts own_facts(const struct node *n)
{
    struct listeners_row own = own_listeners(n);
    return (struct node_facts){.name = n->options.name,
                               .version = n->options.facts.version,
                               .address = n->options.address,
                               .modes = n->options.modes,
                               .level = COMMAND_LEVEL,
                               .marathon = own.marathon,
                               .chronos = own.chronos,
                               .mesos = own.mesos,
                               .region = own_region(n)};
}

/* The members of node.put, but for the id. */
void members_write_own(struct node *n, struct json_writer *w)
{
    struct node_facts own = own_facts(n);
    node_facts_write(&own, w);
}

/* A follower's: until the state has it. */
static void announce(struct node *n)
{
    struct node_facts own = own_facts(n);
    struct json_writer w;
    struct error err;
    if (n->leading || n->stopping || replica_leader(n->replica, NULL) == 0 ||
        state_level(n->state) == 0 || n->now.mono.ms < n->announce_due.ms || members_announced(n))
        return;
    n->announce_due = mono_after(n->now.mono, ANNOUNCE_MS);
    if (node_facts_check(&own, &err) != 0) {
        log_error("this node cannot tell the cluster of itself", "why=\"%s\"", err.text);
        n->announce_due = (struct mono){INT64_MAX};
        return;
    }
    outbox_message(&n->out, TO_LEADER, MESSAGE_NODE, &w);
    node_facts_write(&own, &w);
    outbox_message_end(&n->out, &w);
}

/* It is what it was admitted as, and nobody else. One of whom the state knows nothing yet may be
 * admitted in an entry that is still to come. */
static int check_admitted(struct node *n, int64_t from, const struct node_facts *f,
                          struct error *err)
{
    struct identity_row own, holder;
    char says[MODES_TEXT_SIZE], is[MODES_TEXT_SIZE];
    if (state_identity_by_id(n->state, from, &own) && (f->modes & ~own.modes) != 0)
        return error_set(err, ERR_INVALID, "modes: got %s, it was admitted as %s: join it anew",
                         modes_text(f->modes, says), modes_text(own.modes, is));
    if (state_identity_by_address(n->state, f->address, &holder) && holder.id != from)
        return error_set(err, ERR_CONFLICT, "address: %.100s is that of node %lld (%.40s)",
                         f->address, (long long)holder.id, holder.name);
    return 0;
}

/* It came over the peer port: who it is says its certificate, not the message. */
void members_take(struct node *n, int64_t from, const struct json *body)
{
    struct node_facts f;
    struct json_writer w;
    struct error err;
    if (!n->minds_lead)
        return;
    if (node_facts_read(body, &f, &err) != 0 || check_admitted(n, from, &f, &err) != 0) {
        log_warn("what a node tells of itself was refused", "node=%lld why=\"%s\"", (long long)from,
                 err.text);
        return;
    }
    outbox_draft(&n->out, COMMAND_NODE_PUT, (struct origin){.kind = ORIGIN_NOBODY}, &w);
    json_member_int(&w, "id", from);
    node_facts_write(&f, &w);
    outbox_draft_end(&n->out, &w);
}

/* ---------------- Raft's configuration, by the leader */

/* What is known of one member, or of a node that ought to be one. */
struct seat {
    int64_t id;
    bool self, member, voter, wanted, may_vote, live, dead, ready, mends;
    int64_t silent_ms;
    const char *sits_at;                   /* of a member: as Raft's configuration has it */
    char address[REPLICA_ADDRESS_MAX + 1]; /* as the state has it */
};

struct seats {
    struct seat items[LIMIT_SERVERS];
    size_t n;
    bool settled; /* the leader has led for a while */
};

static struct seat *find_seat(struct seats *s, int64_t id)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->items[i].id == id)
            return &s->items[i];
    return NULL;
}

static struct seat *seat_of(struct seats *s, int64_t id)
{
    struct seat *known = find_seat(s, id);
    if (known != NULL)
        return known;
    if (s->n == LIMIT_SERVERS)
        return NULL;
    s->items[s->n] = (struct seat){.id = id};
    return &s->items[s->n++];
}

/* Who has only just come is not silent. */
static int64_t newest_of(const struct replica_member *m)
{
    return m->heard.ms > m->met.ms ? m->heard.ms : m->met.ms;
}

static void look_at_members(struct node *n, struct seats *s)
{
    struct replica_member m;
    uint64_t last = replica_last(n->replica);
    s->settled = n->now.mono.ms - n->led_since.ms >= SETTLED_MS;
    for (size_t i = 0; replica_member(n->replica, i, &m); i++) {
        struct seat *seat = seat_of(s, (int64_t)m.server.id);
        if (seat == NULL)
            return;
        int64_t heard = newest_of(&m), led = n->led_since.ms;
        int64_t silent_ms = n->now.mono.ms - (heard > led ? heard : led);
        seat->self = m.server.id == n->options.id;
        seat->member = true;
        seat->sits_at = m.server.address;
        seat->voter = m.server.role == REPLICA_VOTER;
        /* who was heard before we led may have gone with the leader */
        seat->live = seat->self || (seat->wanted && m.heard.ms >= n->led_since.ms &&
                                    n->now.mono.ms - m.heard.ms < LIVE_MS);
        seat->silent_ms = silent_ms;
        seat->dead = !seat->self && silent_ms >= n->options.replace_ms;
        seat->ready = m.match + BEHIND_MAX >= last;
        seat->mends = m.mends;
    }
}

static void look_at_servers(struct node *n, struct seats *s)
{
    const struct servers *all = members_servers(n);
    for (size_t i = 0; i < all->n; i++) {
        struct seat *seat = seat_of(s, all->items[i].id);
        if (seat == NULL)
            return;
        str_copy(seat->address, sizeof seat->address, all->items[i].address);
        seat->wanted = true;
        seat->may_vote = all->items[i].may_vote;
    }
}

struct step {
    enum replica_change_kind kind;
    int64_t id; /* 0: nothing to do */
    const char *address, *why;
};

static struct step step_of(enum replica_change_kind kind, const struct seat *s, const char *why)
{
    return (struct step){kind, s->id, s->address, why};
}

static bool can_be_promoted(const struct seat *s)
{
    return s->member && !s->voter && s->may_vote && s->live && s->ready;
}

struct census {
    const struct seat *candidate, *dead, *unwilling, *other; /* one of each; other: a live voter */
    size_t voters, live, candidates;
    bool settled;
};

static struct census count_seats(const struct seats *s)
{
    struct census c = {.settled = s->settled};
    for (size_t i = 0; i < s->n; i++) {
        const struct seat *seat = &s->items[i];
        if (can_be_promoted(seat)) {
            c.candidate = c.candidate == NULL ? seat : c.candidate;
            c.candidates++;
        }
        if (!seat->voter)
            continue;
        c.voters++;
        c.live += seat->live;
        if (seat->dead)
            c.dead = seat;
        if (seat->live && !seat->self && seat->may_vote && !seat->mends)
            c.other = seat;
        if (!seat->may_vote && (c.unwilling == NULL || c.unwilling->self))
            c.unwilling = seat;
    }
    return c;
}

/* By a member: one that was replaced goes before its successor comes. */
static bool is_taken(const struct seats *s, const char *address)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->items[i].member && str_eq(s->items[i].sits_at, address))
            return true;
    return false;
}

/* Would the voters that are left without it have a live majority? */
static bool can_go(const struct census *c, const struct seat *s)
{
    return !s->voter || (c->voters > 1 && c->live - s->live > (c->voters - 1) / 2);
}

/* Who comes and who goes. */
static struct step step_of_members(const struct seats *s, const struct census *c)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct seat *seat = &s->items[i];
        if (seat->member && !seat->wanted && !seat->self && can_go(c, seat))
            return step_of(REPLICA_REMOVE, seat, "it is not of the cluster any more");
    }
    for (size_t i = 0; i < s->n; i++) {
        const struct seat *seat = &s->items[i];
        if (!seat->member && seat->wanted && !is_taken(s, seat->address))
            return step_of(REPLICA_ADD, seat, "it has joined");
    }
    return (struct step){0};
}

/* Who votes. */
static struct step step_of_voters(const struct census *census)
{
    const struct census c = *census;
    const struct step nothing = {0};
    bool even = c.voters % 2 == 0;
    if (c.unwilling != NULL && c.candidate != NULL && !even)
        return step_of(REPLICA_PROMOTE, c.candidate, "in the place of one that is to vote no more");
    if (c.unwilling != NULL && c.unwilling->self)
        return c.other != NULL && c.settled
                   ? step_of(REPLICA_HAND_OVER, c.other, "the leader is to vote no more")
                   : nothing;
    if (c.unwilling != NULL && can_go(&c, c.unwilling))
        return step_of(REPLICA_DEMOTE, c.unwilling, "people wanted it so");
    if (even && c.dead != NULL && can_go(&c, c.dead))
        return step_of(REPLICA_DEMOTE, c.dead, "it is silent, and another votes in its place");
    if (c.candidate != NULL && even)
        return step_of(REPLICA_PROMOTE, c.candidate, "so that the voters are odd");
    if (even && c.other != NULL && can_go(&c, c.other))
        return step_of(REPLICA_DEMOTE, c.other, "so that the voters are odd");
    if (c.candidate != NULL && c.dead != NULL)
        return step_of(REPLICA_PROMOTE, c.candidate, "in the place of one that is silent");
    if (c.candidates >= 2 && c.voters + 2 <= VOTERS_MAX)
        return step_of(REPLICA_PROMOTE, c.candidate, "the first of two");
    return nothing;
}

/* ---------------- how they are, for everybody to see */

static bool is_up(const struct seat *s, const struct member_row *known)
{
    return s->self || s->live || (known->up && s->silent_ms < DOWN_MS);
}

static void put_state(struct json_writer *w, int64_t node, int role, bool up)
{
    json_object(w);
    json_member_int(w, "node", node);
    json_member_int(w, "role", role);
    json_member_bool(w, "up", up);
    json_object_end(w);
}

/* Returns how many have changed; with a writer they are written. */
static size_t put_changed(struct node *n, struct seats *s, struct json_writer *w)
{
    size_t changed = 0;
    struct stmt *q = state_members(n->state);
    while (q != NULL && stmt_row(q)) {
        const struct seat *seat = find_seat(s, stmt_i64(q, 0));
        if (seat != NULL && seat->member)
            continue;
        changed++;
        if (w != NULL)
            put_state(w, stmt_i64(q, 0), -1, false);
    }
    for (size_t i = 0; i < s->n; i++) {
        const struct seat *seat = &s->items[i];
        struct member_row known = {.up = true};
        bool there = state_member(n->state, seat->id, &known), up = is_up(seat, &known);
        if (!seat->member || (there && known.votes == seat->voter && known.up == up))
            continue;
        changed++;
        if (w != NULL)
            put_state(w, seat->id, seat->voter, up);
    }
    return changed;
}

static void tell_states(struct node *n, struct seats *s)
{
    struct json_writer w;
    if (n->housekeeping || state_level(n->state) < command_level(COMMAND_NODE_STATE) ||
        put_changed(n, s, NULL) == 0)
        return;
    n->housekeeping = true;
    outbox_draft(&n->out, COMMAND_NODE_STATE, (struct origin){.kind = ORIGIN_NODE}, &w);
    json_key(&w, "set");
    json_array(&w);
    put_changed(n, s, &w);
    json_array_end(&w);
    outbox_draft_end(&n->out, &w);
}

/* The next step towards what is wanted; never one that leaves the voters without a live majority,
 * and never one that makes fewer of them because one is silent, unless another takes its place. */
static struct step next_step(const struct seats *s)
{
    const struct census c = count_seats(s);
    const struct step step = step_of_members(s, &c);
    return step.id != 0 ? step : step_of_voters(&c);
}

static void change_members(struct node *n)
{
    struct seats seats = {0};
    struct error err;
    look_at_servers(n, &seats);
    n->has_identities = seats.n > 0;
    if (seats.n == 0)
        return; /* a cluster of one without certificates */
    look_at_members(n, &seats);
    tell_states(n, &seats);
    if (n->change.ticket != 0)
        return;
    const struct step step = next_step(&seats);
    if (step.id == 0)
        return;
    static const char *const words[] = {
        [REPLICA_ADD] = "added as a standby", [REPLICA_PROMOTE] = "promoted",
        [REPLICA_DEMOTE] = "demoted",         [REPLICA_REMOVE] = "removed",
        [REPLICA_HAND_OVER] = "told to lead",
    };
    if (replica_change(n->replica, step.kind, (uint64_t)step.id, step.address, ++n->next_key,
                       &err) != 0) {
        log_debug("members stay as they are", "why=%s", err.text);
        return;
    }
    n->change = (struct member_change){.ticket = n->next_key,
                                       .hands_over = step.kind == REPLICA_HAND_OVER,
                                       .promotes = step.kind == REPLICA_PROMOTE ? step.id : 0};
    log_info("members change", "node=%lld what=\"%s\" why=\"%s\"", (long long)step.id,
             words[step.kind], step.why);
}

/* ---------------- what was asked for directly */

static void hand_over(struct node *n, struct out *item)
{
    struct error err;
    if (n->change.ticket != 0) {
        entry_failed(n, item->origin, ERR_CONFLICT,
                     "the members are being changed just now: try again");
        return;
    }
    if (replica_change(n->replica, REPLICA_HAND_OVER, (uint64_t)item->node, NULL, ++n->next_key,
                       &err) != 0) {
        entry_failed(n, item->origin, err.code, err.text);
        return;
    }
    n->change =
        (struct member_change){.ticket = n->next_key, .origin = item->origin, .hands_over = true};
}

void members_hand_over(struct node *n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n->out.n; i++) {
        struct out *item = &n->out.items[i];
        if (item->kind == OUT_HAND_OVER) {
            hand_over(n, item);
            buf_close(&item->body);
        } else {
            n->out.items[kept++] = *item;
        }
    }
    n->out.n = kept;
}

void members_outcome(struct node *n, const struct replica_outcome *o)
{
    if (o->ticket != n->change.ticket)
        return;
    struct origin origin = n->change.origin;
    n->change = (struct member_change){0};
    n->look_due = n->now.mono;
    n->alone = n->stopping && o->code != ERR_NONE;
    if (origin.kind == ORIGIN_NOBODY)
        return;
    if (o->code == ERR_NONE)
        entry_done(n, origin);
    else
        entry_failed(n, origin, ERR_UNAVAILABLE,
                     "no other node took the leadership over: is one of the voters up?");
}

/* ---------------- what doors show of them */

size_t members_show(const struct node *n, struct member_fact out[LIMIT_SERVERS])
{
    struct replica_member m;
    size_t i = 0;
    uint64_t last = replica_last(n->replica);
    for (; i < LIMIT_SERVERS && replica_member(n->replica, i, &m); i++) {
        struct member_row seen = {.up = true};
        bool self = m.server.id == n->options.id, others = n->leading && !self;
        bool heard = others ? n->now.mono.ms - newest_of(&m) < LIVE_MS
                            : !state_member(n->state, (int64_t)m.server.id, &seen) || seen.up;
        out[i] = (struct member_fact){
            .id = (int64_t)m.server.id,
            .voter = m.server.role == REPLICA_VOTER,
            .live = self || heard,
            .rising = n->change.promotes == (int64_t)m.server.id,
            .ready = !others || m.server.role == REPLICA_VOTER || m.match + BEHIND_MAX >= last,
        };
    }
    return i;
}

/* ---------------- the level */

/* Nothing may stand in the log that one of them cannot read. */
int members_level(struct node *n)
{
    struct replica_member m;
    struct node_row row;
    int level = COMMAND_LEVEL;
    for (size_t i = 0; replica_member(n->replica, i, &m); i++) {
        if (!state_node_by_id(n->state, (int64_t)m.server.id, &row))
            return state_level(n->state); /* it has not told yet */
        level = row.level < level ? row.level : level;
    }
    return level;
}

/* ---------------- each turn */

/* Who is to be removed is not made a voter meanwhile: it may be switched off as soon as that is
 * answered, and then its vote would be missed. */
static bool removal_waits(const struct node *n)
{
    for (size_t i = 0; i < n->out.n; i++)
        if (n->out.items[i].kind == OUT_DRAFT && n->out.items[i].draft.kind == COMMAND_NODE_REMOVE)
            return true;
    return false;
}

void members_look(struct node *n)
{
    announce(n);
    if (removal_waits(n))
        n->look_due = mono_after(n->now.mono, REMOVAL_MS);
    if (!n->minds_lead || n->stopping || n->now.mono.ms < n->look_due.ms)
        return;
    n->look_due = mono_after(n->now.mono, LOOK_MS);
    change_members(n);
}

struct mono members_due(struct node *n)
{
    if (n->stopping || state_level(n->state) == 0)
        return MONO_NEVER;
    if (n->minds_lead)
        return n->has_identities ? n->look_due : MONO_NEVER;
    bool tells = replica_leader(n->replica, NULL) != 0 && !members_announced(n);
    return tells ? n->announce_due : MONO_NEVER;
}
