#include "node/refound.h"

#include "base/limits.h"
#include "base/mem.h"
#include "model/outbox.h"
#include "replica/replica.h"

/* ---- which nodes there are */

struct ids {
    int64_t *items;
    size_t n, cap;
};

static bool has(const struct ids *l, int64_t id)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->items[i] == id)
            return true;
    return false;
}

static void add(struct ids *l, int64_t id)
{
    if (id == 0 || has(l, id))
        return;
    if (l->n == l->cap) {
        l->cap = l->cap == 0 ? 16 : l->cap * 2;
        l->items = mem_realloc(l->items, l->cap * sizeof l->items[0]);
    }
    l->items[l->n++] = id;
}

size_t node_refound_all(struct state *s, int64_t **ids_out)
{
    struct ids l = {0};
    struct node_row node;
    struct identity_row identity;
    struct agent_row agent;
    struct stmt *q = state_nodes(s);
    while (state_node_next(q, &node))
        add(&l, node.id);
    q = state_identities(s);
    while (state_identity_next(q, &identity))
        if (identity.gone.ms == 0)
            add(&l, identity.id);
    q = state_agents(s);
    while (state_agent_next(q, &agent))
        if (agent.state != AGENT_GONE)
            add(&l, agent.node);
    *ids_out = l.items;
    return l.n;
}

/* ---- what is put into the log */

static void begin(struct outbox *out, enum command_kind kind, struct json_writer *w)
{
    outbox_draft(out, kind, (struct origin){.kind = ORIGIN_NOBODY}, w);
}

/* Its schema first: an older one does not know all that follows. */
static void upgrade(struct outbox *out)
{
    struct json_writer w;
    begin(out, COMMAND_SCHEMA_UPGRADE, &w);
    json_member_int(&w, "level", COMMAND_LEVEL);
    outbox_draft_end(out, &w);
}

static void name(struct outbox *out, const char *cluster)
{
    struct json_writer w;
    begin(out, COMMAND_SETTING_PUT, &w);
    json_key(&w, "set");
    json_object(&w);
    json_member_str(&w, "cluster", cluster);
    json_object_end(&w);
    outbox_draft_end(out, &w);
}

static void remove_nodes(struct outbox *out, const struct refounding *r)
{
    for (size_t i = 0; i < r->n; i++) {
        struct json_writer w;
        begin(out, COMMAND_NODE_REMOVE, &w);
        json_member_int(&w, "id", r->gone[i]);
        json_member_str(&w, "reason", r->reason);
        outbox_draft_end(out, &w);
    }
}

/* The newest time in the log: it does not go back. */
static struct wall time_of(struct state *s, struct wall now)
{
    struct event_row e;
    struct events *q = state_events_before(s, INT64_MAX, 1);
    if (state_event_next(q, &e) && e.at.ms > now.ms)
        now = e.at;
    state_events_end(q);
    return now;
}

static void write_entry(const struct outbox *out, struct wall at, struct buf *entry)
{
    buf_init(entry, LIMIT_ENTRY_BYTES);
    command_entry_begin(entry);
    for (size_t i = 0; i < out->n; i++)
        command_entry_add(entry, &out->items[i].draft, at);
    command_entry_end(entry);
}

int node_refound(struct state *s, const struct refounding *r, struct error *err)
{
    struct outbox out;
    struct buf entry;
    if (state_level(s) == 0)
        return error_set(err, ERR_CORRUPT, "%s: there is no state in it", db_path(state_db(s)));
    outbox_init(&out, 0);
    upgrade(&out);
    if (r->cluster != NULL)
        name(&out, r->cluster);
    remove_nodes(&out, r);
    write_entry(&out, time_of(s, r->now), &entry);
    int rv = buf_full(&entry) ? error_set(err, ERR_LIMIT, "there are too many nodes in it")
                              : replica_refound(state_db(s), r->id, r->store, r->address,
                                                buf_slice(&entry), err);
    buf_close(&entry);
    outbox_close(&out);
    return rv;
}
