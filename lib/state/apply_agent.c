#include "base/assert.h"
#include "state/private.h"

enum { ATTRIBUTES_BYTES = 64 << 10 };

/* An agent's own facts, in the names of agent.register's arguments. */
static const struct {
    const char *name, *parameter;
} texts[] =
    {
        {"hostname", ":hostname"}, {"address", ":address"}, {"boot", ":boot"},
        {"version", ":version"},   {"docker", ":docker"},   {"docker_reason", ":docker_reason"},
        {"ports", ":port_ranges"},
},
  numbers[] = {
      {"uid", ":uid"},         {"node", ":node"},     {"port", ":port"},
      {"cpus_milli", ":cpus"}, {"mem_bytes", ":mem"}, {"disk_bytes", ":disk"},
};

static void put_listeners(struct apply *a)
{
    const struct json *v = a->c->args, *doors = json_get(v, "listeners");
    if (doors == NULL || a->s->level < LEVEL_NODES)
        return;
    struct stmt *q = change_use(a->s, LISTENERS_PUT);
    stmt_bind_i64(q, ":node", json_int(json_get(v, "id"), 0));
    stmt_bind_text(q, ":marathon", json_str(json_get(doors, "marathon"), ""));
    stmt_bind_text(q, ":chronos", json_str(json_get(doors, "chronos"), ""));
    stmt_bind_text(q, ":mesos", json_str(json_get(doors, "mesos"), ""));
    stmt_run(q);
}

static void put_region(struct apply *a)
{
    const char *region = json_str(json_get(a->c->args, "region"), "");
    if (a->s->level < ENDS_LEVEL)
        return;
    struct stmt *q = change_use(a->s, region[0] != '\0' ? NODE_REGION_PUT : NODE_REGION_DROP);
    stmt_bind_i64(q, ":node", json_int(json_get(a->c->args, "id"), 0));
    if (region[0] != '\0')
        stmt_bind_text(q, ":region", region);
    stmt_run(q);
}

int apply_node_put(struct apply *a)
{
    const struct json *v = a->c->args;
    if (node_was_removed(a, json_int(json_get(v, "id"), 0)))
        return refuse(a, ERR_CONFLICT, "node.put: it was removed from the cluster");
    put_listeners(a);
    put_region(a);
    struct stmt *q = change_use(a->s, NODE_PUT);
    stmt_bind_i64(q, ":id", json_int(json_get(v, "id"), 0));
    stmt_bind_text(q, ":name", json_str(json_get(v, "name"), ""));
    stmt_bind_text(q, ":address", json_str(json_get(v, "address"), ""));
    stmt_bind_i64(q, ":modes", json_int(json_get(v, "modes"), 0));
    stmt_bind_i64(q, ":level", json_int(json_get(v, "level"), 0));
    stmt_bind_text(q, ":version", json_str(json_get(v, "version"), ""));
    stmt_bind_i64(q, ":at", a->c->at.ms);
    stmt_run(q);
    const char *name = json_str(json_get(v, "name"), "");
    changed(a, (struct change){
                   .kind = CHANGE_NODE,
                   .id = json_int(json_get(v, "id"), 0),
                   .name = name,
                   .event = event_put(a, NOUN_NODE, name, "put", "node %s announced itself", name),
               });
    return 0;
}

static void write_attributes(const struct json *v, struct buf *out)
{
    struct json_writer w;
    json_begin(&w, out);
    if (json_is(json_get(v, "attributes"), JSON_OBJECT))
        json_put_value(&w, json_get(v, "attributes"));
    else
        json_put_raw(&w, SLICE("{}"));
}

static void bind_agent(struct apply *a, struct stmt *q, const char *attributes)
{
    const struct json *v = a->c->args;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        stmt_bind_text(q, texts[i].parameter, json_str(json_get(v, texts[i].name), ""));
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        stmt_bind_i64(q, numbers[i].parameter, json_int(json_get(v, numbers[i].name), 0));
    stmt_bind_text(q, ":attributes", attributes);
    stmt_bind_i64(q, ":at", a->c->at.ms);
    stmt_run(q);
}

static enum agent_state drained_by(int64_t tasks)
{
    return tasks == 0 ? AGENT_DRAINED : AGENT_DRAINING;
}

/* Draining is an operator's wish and outlives a restart; unreachable does not. */
static enum agent_state state_on_return(struct state *s, const struct agent_row *a)
{
    struct drain_row wish;
    if (state_agent_drain(s, a->id, &wish))
        return drained_by(a->tasks);
    return a->state == AGENT_DRAINING || a->state == AGENT_DRAINED ? a->state : AGENT_READY;
}

static int register_agent(struct apply *a, int64_t uid, const char *attributes)
{
    struct state *s = a->s;
    const char *hostname = json_str(json_get(a->c->args, "hostname"), "");
    struct agent_row row;
    bool known = state_agent_by_uid(s, uid, &row);
    int64_t id = known ? row.id : -1;
    enum agent_state before = known ? row.state : AGENT_GONE;
    enum agent_state now = known ? state_on_return(s, &row) : AGENT_READY;
    struct stmt *q = change_use(s, known ? AGENT_AGAIN : AGENT_ADD);
    if (known)
        stmt_bind_i64(q, ":state", now);
    bind_agent(a, q, attributes);
    if (!known)
        id = db_last_id(s->db);

    struct json_writer w;
    json_begin(&w, &a->outcome->detail);
    json_object(&w);
    json_member_int(&w, "agent", id);
    json_object_end(&w);
    changed(a, (struct change){
                   .kind = CHANGE_AGENT,
                   .id = id,
                   .name = hostname,
                   .state = (int)now,
                   .before = (int)before,
                   .event = event_put(a, NOUN_NODE, hostname, agent_state_word(now),
                                      known ? "agent %s is back" : "agent %s joined", hostname),
               });
    return 0;
}

/* Any node's certificate is good for registering; it is not good for another's agent. */
static bool is_anothers(struct apply *a, int64_t uid, int64_t node, struct agent_row *row)
{
    struct identity_row its;
    return a->s->level >= LEVEL_KEYS && state_agent_by_uid(a->s, uid, row) && row->node != node &&
           state_identity_by_id(a->s, row->node, &its) && its.gone.ms == 0;
}

int apply_agent_register(struct apply *a)
{
    int64_t uid = json_int(json_get(a->c->args, "uid"), 0);
    int64_t node = json_int(json_get(a->c->args, "node"), 0);
    struct agent_row row;
    if (uid <= 0)
        return refuse(a, ERR_INVALID, "agent.register: uid: need a positive number");
    if (node_was_removed(a, node))
        return refuse(a, ERR_CONFLICT, "agent.register: its node was removed from the cluster");
    if (is_anothers(a, uid, node, &row))
        return refuse(
            a, ERR_CONFLICT,
            "agent.register: uid: got %lld, which is the agent of node %lld (%.40s): start "
            "node %lld with an empty data folder, as a new node",
            (long long)uid, (long long)row.node, row.hostname, (long long)node);
    struct buf attributes;
    buf_init(&attributes, ATTRIBUTES_BYTES);
    write_attributes(a->c->args, &attributes);
    int rc = buf_full(&attributes)
                 ? refuse(a, ERR_LIMIT, "agent.register: attributes: need at most %d bytes",
                          ATTRIBUTES_BYTES)
                 : register_agent(a, uid, buf_str(&attributes));
    buf_close(&attributes);
    return rc;
}

/* Each of its tasks that has not ended. */
static void each_task(struct apply *a, int64_t agent, const char *reason,
                      void (*act)(struct apply *a, int64_t task, const char *reason))
{
    struct task_row t;
    struct arena arena = {0};
    struct agent_row row;
    size_t n = 0;
    if (!state_agent_by_id(a->s, agent, &row))
        return;
    int64_t *found = arena_alloc(&arena, ((size_t)row.tasks + 1) * sizeof *found);
    struct stmt *q = state_tasks_of_agent(a->s, agent);
    while (state_task_next(q, &t)) {
        ASSERT(n < (size_t)row.tasks); /* agents.tasks counts them */
        found[n++] = t.id;
    }
    for (size_t i = 0; i < n; i++)
        act(a, found[i], reason);
    arena_close(&arena);
}

/* Of an agent that nobody can reach; when it is back it tells what they are. */
static void lose(struct apply *a, int64_t task, const char *reason)
{
    (void)reason;
    task_unreachable(a, task);
}

static void set_state(struct apply *a, const struct agent_row *row, enum agent_state state,
                      const char *reason)
{
    bool why = reason != NULL && *reason != '\0';
    struct stmt *q = change_use(a->s, AGENT_STATE_SET);
    stmt_bind_i64(q, ":id", row->id);
    stmt_bind_i64(q, ":state", state);
    stmt_bind_i64(q, ":at", a->c->at.ms);
    stmt_run(q);
    changed(a, (struct change){
                   .kind = CHANGE_AGENT,
                   .id = row->id,
                   .name = row->hostname,
                   .state = (int)state,
                   .before = (int)row->state,
                   .event = event_put(a, NOUN_NODE, row->hostname, agent_state_word(state),
                                      "agent %s is %s%s%s", row->hostname, agent_state_word(state),
                                      why ? ": " : "", why ? reason : ""),
               });
}

int apply_agent_state(struct apply *a)
{
    JSON_EACH (item, json_get(a->c->args, "set")) {
        struct agent_row row;
        int64_t id = json_int(json_get(item, "agent"), -1);
        enum agent_state state = (enum agent_state)json_int(json_get(item, "state"), AGENT_READY);
        if (!state_agent_by_id(a->s, id, &row) || row.state == state ||
            (row.state == AGENT_GONE && a->s->level >= AWAY_LEVEL))
            continue;
        set_state(a, &row, state, json_str(json_get(item, "reason"), ""));
        if (state == AGENT_UNREACHABLE || state == AGENT_GONE)
            each_task(a, id, NULL, lose);
    }
    return 0;
}

/* ---- draining */

static void put_wish(struct apply *a, int64_t agent, bool drain)
{
    struct stmt *q = change_use(a->s, drain ? DRAIN : DRAIN_END);
    stmt_bind_i64(q, ":agent", agent);
    if (drain) {
        stmt_bind_i64(q, ":at", a->c->at.ms);
        stmt_bind_text(q, ":by", a->c->by);
    }
    stmt_run(q);
}

/* {"agent","drain"} */
int apply_agent_drain(struct apply *a)
{
    struct agent_row row;
    struct drain_row wish;
    int64_t id = json_int(json_get(a->c->args, "agent"), -1);
    bool drain = json_bool(json_get(a->c->args, "drain"), false);
    if (!state_agent_by_id(a->s, id, &row) || row.state == AGENT_GONE)
        return refuse(a, ERR_NOT_FOUND, "agent.drain: there is no agent %lld", (long long)id);
    bool draining = row.state == AGENT_DRAINING || row.state == AGENT_DRAINED;
    if (state_agent_drain(a->s, id, &wish) != drain)
        put_wish(a, id, drain);
    else if (drain || !draining)
        return 0; /* it was told already */
    if (row.state == AGENT_UNREACHABLE)
        event_put(a, NOUN_NODE, row.hostname, drain ? "draining" : "ready",
                  drain ? "agent %s is to drain when it is back" : "agent %s is to drain no more",
                  row.hostname);
    else
        set_state(a, &row, drain ? drained_by(row.tasks) : AGENT_READY, "");
    return 0;
}

void agent_counted(struct apply *a, int64_t agent)
{
    struct agent_row row;
    struct drain_row wish;
    if (!state_agent_drain(a->s, agent, &wish) || !state_agent_by_id(a->s, agent, &row))
        return;
    bool draining = row.state == AGENT_DRAINING || row.state == AGENT_DRAINED;
    if (draining && row.state != drained_by(row.tasks))
        set_state(a, &row, drained_by(row.tasks), "");
}

/* ---- nodes that are removed */

void agents_gone(struct apply *a, int64_t node, const char *reason)
{
    struct agent_row row;
    for (;;) { /* one at a time: each changes what the list reads */
        struct stmt *q = change_use(a->s, AGENTS_OF_NODE);
        stmt_bind_i64(q, ":node", node);
        int64_t id = stmt_one_i64(q, -1);
        if (id < 0 || !state_agent_by_id(a->s, id, &row))
            return;
        put_wish(a, id, false);
        set_state(a, &row, AGENT_GONE, reason);
        each_task(a, id, reason, task_gone);
        residents_lost(a, id);
    }
}

bool node_was_removed(struct apply *a, int64_t node)
{
    struct identity_row row;
    return a->s->level >= LEVEL_DRAINS && node != 0 && state_identity_by_id(a->s, node, &row) &&
           row.gone.ms != 0;
}
