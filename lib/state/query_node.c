/* Agents, and the nodes they are on: members, identities, and the tokens they came with. */
#include <string.h>

#include "state/private.h"

/* ---- agents */

bool state_agent_next(struct stmt *q, struct agent_row *out)
{
    if (!stmt_row(q))
        return false;
    *out = (struct agent_row){
        .id = stmt_i64(q, 0),
        .uid = stmt_i64(q, 1),
        .node = stmt_i64(q, 2),
        .hostname = stmt_str(q, 3),
        .address = stmt_str(q, 4),
        .boot = stmt_str(q, 5),
        .version = stmt_str(q, 6),
        .docker = stmt_str(q, 7),
        .docker_reason = stmt_str(q, 8),
        .attributes = stmt_str(q, 9),
        .port_ranges = stmt_str(q, 10),
        .port = (int)stmt_i64(q, 11),
        .state = (enum agent_state)stmt_word(q, 12, AGENT_GONE, AGENT_UNREACHABLE),
        .since = query_wall_at(q, 13),
        .registered = query_wall_at(q, 14),
        .cpus_milli = stmt_i64(q, 15),
        .mem_bytes = stmt_i64(q, 16),
        .disk_bytes = stmt_i64(q, 17),
        .used_cpus_milli = stmt_i64(q, 18),
        .used_mem_bytes = stmt_i64(q, 19),
        .used_disk_bytes = stmt_i64(q, 20),
        .tasks = stmt_i64(q, 21),
    };
    return true;
}

static bool agent_one(struct state *s, int which, struct stmt *q, struct agent_row *out)
{
    struct agent_row r;
    if (!state_agent_next(q, &r))
        return false;
    const char **texts[] = {&r.hostname, &r.address,       &r.boot,       &r.version,
                            &r.docker,   &r.docker_reason, &r.attributes, &r.port_ranges};
    size_t n = sizeof texts / sizeof texts[0];
    struct memo_row *kept = which == AGENT_BY_ID ? memo_take(s, MEMO_AGENT, r.id, texts, n) : NULL;
    struct arena *a = kept == NULL ? query_one(s, which) : NULL;
    for (size_t i = 0; i < n && a != NULL; i++)
        *texts[i] = arena_strdup(a, *texts[i]);
    stmt_end(q);
    if (kept != NULL)
        kept->agent = r;
    *out = r;
    return true;
}

/* What the command that is applied has taken there counts, and is in the row only at its end. */
static void add_used(struct state *s, struct agent_row *r)
{
    const struct agent_used *u = &s->used[(uint64_t)r->id % AGENTS_USED];
    if (u->any && u->agent == r->id)
        agent_add(r, &u->more, u->tasks);
}

bool state_agent_by_id(struct state *s, int64_t id, struct agent_row *out)
{
    struct memo_row *kept = memo_known(s, MEMO_AGENT, id);
    if (kept != NULL) {
        *out = kept->agent;
    } else {
        struct stmt *q = query_use(s, AGENT_BY_ID);
        stmt_bind_i64(q, ":id", id);
        if (!agent_one(s, AGENT_BY_ID, q, out))
            return false;
    }
    add_used(s, out);
    return true;
}

bool state_agent_by_uid(struct state *s, int64_t uid, struct agent_row *out)
{
    agents_use_all(s);
    struct stmt *q = query_use(s, AGENT_BY_UID);
    stmt_bind_i64(q, ":uid", uid);
    return agent_one(s, AGENT_BY_UID, q, out);
}

struct stmt *state_agents(struct state *s)
{
    agents_use_all(s);
    return query_use(s, AGENTS);
}

bool state_agent_as_large(struct state *s, const struct resources *r)
{
    struct stmt *q = query_use(s, AGENT_AS_LARGE);
    stmt_bind_i64(q, ":cpus", r->cpus_milli);
    stmt_bind_i64(q, ":mem", r->mem_bytes);
    stmt_bind_i64(q, ":disk", r->disk_bytes);
    return stmt_one_i64(q, 0) != 0;
}

bool state_agents_largest(struct state *s, struct resources *out)
{
    struct stmt *q = query_use(s, AGENTS_LARGEST);
    bool any = stmt_row(q) && !stmt_is_null(q, 0);
    if (any)
        *out = (struct resources){.cpus_milli = stmt_i64(q, 0),
                                  .mem_bytes = stmt_i64(q, 1),
                                  .disk_bytes = stmt_i64(q, 2)};
    stmt_end(q);
    return any;
}

struct stmt *state_agent_ports(struct state *s, int64_t agent)
{
    struct stmt *q = query_use(s, AGENT_PORTS);
    stmt_bind_i64(q, ":agent", agent);
    return q;
}

int64_t state_port_holder(struct state *s, int64_t agent, int port)
{
    struct stmt *q = query_use(s, PORT_HOLDER);
    stmt_bind_i64(q, ":agent", agent);
    stmt_bind_i64(q, ":port", port);
    return stmt_one_i64(q, 0);
}

/* ---- nodes */

bool state_node_next(struct stmt *q, struct node_row *out)
{
    if (!stmt_row(q))
        return false;
    *out = (struct node_row){
        .id = stmt_i64(q, 0),
        .name = stmt_str(q, 1),
        .address = stmt_str(q, 2),
        .version = stmt_str(q, 3),
        .modes = (unsigned)stmt_i64(q, 4),
        .level = (int)stmt_i64(q, 5),
        .seen = query_wall_at(q, 6),
    };
    return true;
}

bool state_node_by_id(struct state *s, int64_t id, struct node_row *out)
{
    struct node_row r;
    struct stmt *q = query_use(s, NODE_BY_ID);
    stmt_bind_i64(q, ":id", id);
    if (!state_node_next(q, &r))
        return false;
    struct arena *a = query_one(s, NODE_BY_ID);
    r.name = arena_strdup(a, r.name);
    r.address = arena_strdup(a, r.address);
    r.version = arena_strdup(a, r.version);
    stmt_end(q);
    *out = r;
    return true;
}

struct stmt *state_nodes(struct state *s)
{
    return query_use(s, NODES);
}

bool state_any_drain(struct state *s)
{
    return s->level >= LEVEL_DRAINS && stmt_one_i64(query_use(s, DRAINS_ANY), 0) != 0;
}

bool state_agent_drain(struct state *s, int64_t agent, struct drain_row *out)
{
    if (s->level < LEVEL_DRAINS)
        return false;
    struct stmt *q = query_use(s, DRAIN_OF);
    stmt_bind_i64(q, ":agent", agent);
    if (!stmt_row(q))
        return false;
    *out =
        (struct drain_row){{stmt_i64(q, 0)}, arena_strdup(query_one(s, DRAIN_OF), stmt_str(q, 1))};
    stmt_end(q);
    return true;
}

bool state_listeners_of(struct state *s, int64_t node, struct listeners_row *out)
{
    if (s->level < LEVEL_NODES)
        return false;
    struct stmt *q = query_use(s, LISTENERS_OF);
    stmt_bind_i64(q, ":node", node);
    if (!stmt_row(q))
        return false;
    struct arena *a = query_one(s, LISTENERS_OF);
    *out = (struct listeners_row){arena_strdup(a, stmt_str(q, 0)), arena_strdup(a, stmt_str(q, 1)),
                                  arena_strdup(a, stmt_str(q, 2))};
    stmt_end(q);
    return true;
}

static const char *region_one(struct state *s, int which, struct stmt *q)
{
    if (!stmt_row(q))
        return "";
    const char *region = arena_strdup(query_one(s, which), stmt_str(q, 0));
    stmt_end(q);
    return region;
}

const char *state_node_region(struct state *s, int64_t node)
{
    if (s->level < ENDS_LEVEL)
        return "";
    struct stmt *q = query_use(s, NODE_REGION);
    stmt_bind_i64(q, ":node", node);
    return region_one(s, NODE_REGION, q);
}

const char *state_masters_region(struct state *s)
{
    if (s->level < ENDS_LEVEL)
        return "";
    struct stmt *q = query_use(s, MASTERS_REGION);
    stmt_bind_i64(q, ":master", MODE_MASTER);
    return region_one(s, MASTERS_REGION, q);
}

bool state_member(struct state *s, int64_t node, struct member_row *out)
{
    if (s->level < LEVEL_MEMBERS)
        return false;
    struct stmt *q = query_use(s, MEMBER);
    stmt_bind_i64(q, ":node", node);
    if (!stmt_row(q))
        return false;
    *out = (struct member_row){stmt_bool(q, 0), stmt_bool(q, 1), query_wall_at(q, 2)};
    stmt_end(q);
    return true;
}

int64_t state_voters_leaving(struct state *s)
{
    return s->level < LEVEL_MEMBERS ? 0 : stmt_one_i64(query_use(s, VOTERS_LEAVING), 0);
}

struct stmt *state_members(struct state *s)
{
    return s->level < LEVEL_MEMBERS ? NULL : query_use(s, MEMBERS);
}

bool state_node_is_held(struct state *s, int64_t node)
{
    if (s->level < LEVEL_NODES)
        return false;
    struct stmt *q = query_use(s, HELD);
    stmt_bind_i64(q, ":node", node);
    bool held = stmt_row(q);
    stmt_end(q);
    return held;
}

/* ---- tokens and identities */

bool state_token_next(struct stmt *q, struct token_row *out)
{
    if (q == NULL || !stmt_row(q))
        return false;
    *out = (struct token_row){
        .id = stmt_i64(q, 0),
        .modes = (unsigned)stmt_i64(q, 1),
        .made_by = stmt_str(q, 2),
        .made = query_wall_at(q, 3),
        .until = query_wall_at(q, 4),
        .revoked = query_wall_at(q, 5),
        .used = stmt_i64(q, 6),
        .last_used = query_wall_at(q, 7),
    };
    return true;
}

bool state_token_by_id(struct state *s, int64_t id, struct token_row *out)
{
    struct token_row r;
    if (s->level < LEVEL_IDENTITY)
        return false;
    struct stmt *q = query_use(s, TOKEN_BY_ID);
    stmt_bind_i64(q, ":id", id);
    if (!state_token_next(q, &r))
        return false;
    r.made_by = arena_strdup(query_one(s, TOKEN_BY_ID), r.made_by);
    stmt_end(q);
    *out = r;
    return true;
}

struct stmt *state_tokens(struct state *s)
{
    return s->level < LEVEL_IDENTITY ? NULL : query_use(s, TOKENS);
}

bool state_identity_next(struct stmt *q, struct identity_row *out)
{
    if (q == NULL || !stmt_row(q))
        return false;
    *out = (struct identity_row){
        .id = stmt_i64(q, 0),
        .store = stmt_i64(q, 1),
        .name = stmt_str(q, 2),
        .address = stmt_str(q, 3),
        .modes = (unsigned)stmt_i64(q, 4),
        .serial = stmt_i64(q, 5),
        .until = query_wall_at(q, 6),
        .joined = query_wall_at(q, 7),
        .token = stmt_i64(q, 8),
        .gone = query_wall_at(q, 9),
    };
    return true;
}

static bool identity_one(struct state *s, int which, struct stmt *q, struct identity_row *out)
{
    struct identity_row r;
    if (!state_identity_next(q, &r))
        return false;
    struct arena *a = query_one(s, which);
    r.name = arena_strdup(a, r.name);
    r.address = arena_strdup(a, r.address);
    stmt_end(q);
    *out = r;
    return true;
}

bool state_identity_by_id(struct state *s, int64_t id, struct identity_row *out)
{
    if (s->level < LEVEL_IDENTITY)
        return false;
    struct stmt *q = query_use(s, IDENTITY_BY_ID);
    stmt_bind_i64(q, ":id", id);
    return identity_one(s, IDENTITY_BY_ID, q, out);
}

bool identity_by_store(struct state *s, int64_t store, struct identity_row *out)
{
    struct stmt *q = query_use(s, IDENTITY_BY_STORE);
    stmt_bind_i64(q, ":store", store);
    return identity_one(s, IDENTITY_BY_STORE, q, out);
}

bool state_identity_by_address(struct state *s, const char *address, struct identity_row *out)
{
    if (s->level < LEVEL_IDENTITY)
        return false;
    struct stmt *q = query_use(s, IDENTITY_BY_ADDRESS);
    stmt_bind_text(q, ":address", address);
    return identity_one(s, IDENTITY_BY_ADDRESS, q, out);
}

bool state_identity_key(struct state *s, int64_t id, uint8_t out[SHA256_SIZE])
{
    if (s->level < LEVEL_KEYS)
        return false;
    struct stmt *q = query_use(s, IDENTITY_KEY);
    stmt_bind_i64(q, ":node", id);
    if (!stmt_row(q))
        return false;
    struct slice kept = stmt_blob(q, 0);
    bool whole = kept.len == SHA256_SIZE;
    if (whole)
        memcpy(out, kept.p, SHA256_SIZE);
    stmt_end(q);
    return whole;
}

struct stmt *state_identities(struct state *s)
{
    return s->level < LEVEL_IDENTITY ? NULL : query_use(s, IDENTITIES);
}
