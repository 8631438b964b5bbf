#include "api/facts.h"

#include <string.h>

#include "master/master.h"

#define REFUSED_BYTES_MAX (64 << 10) /* of ports_refused, which comes with each request */

#define NEW_LEADER_MS 2000 /* within it a new leader hears of all agents */

/* The texts that are a node's own, and what stands for one that it does not say; all else is its
 * cluster's, or its build's. */
#define TEXTS(X)           \
    X(name, "")            \
    X(hostname, "")        \
    X(address, "")         \
    X(work_dir, "")        \
    X(service_address, "") \
    X(url_marathon, NULL)  \
    X(url_chronos, NULL)   \
    X(url_mesos, NULL)     \
    X(url_agent, NULL)     \
    X(url_stats, NULL)

static const void *copy_of(const void *items, size_t bytes, struct arena *to)
{
    void *copy = arena_alloc(to, bytes + 1);
    if (bytes > 0)
        memcpy(copy, items, bytes);
    return copy;
}

struct facts facts_keep(const struct facts *f, struct arena *text)
{
    struct facts own = *f;
    const char **texts[] = {
        &own.version,       &own.cluster,         &own.name,           &own.leader_name,
        &own.clocks,        &own.leader_marathon, &own.leader_chronos, &own.leader_mesos,
        &own.url_marathon,  &own.url_chronos,     &own.url_mesos,      &own.url_agent,
        &own.url_stats,     &own.hostname,        &own.address,        &own.work_dir,
        &own.ports_refused, &own.service_address, &own.state_wrong,    &own.allow_origin,
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        *texts[i] = arena_strdup(text, *texts[i]);
    own.members = copy_of(f->members, f->members_n * sizeof f->members[0], text);
    own.agents = copy_of(f->agents, f->agents_n * sizeof f->agents[0], text);
    return own;
}

void facts_write(const struct facts *f, struct buf *out)
{
    struct json_writer w;
    json_begin(&w, out);
    json_object(&w);
#define X(name, otherwise) \
    if (f->name != NULL)   \
        json_member_str(&w, #name, f->name);
    TEXTS(X)
#undef X
    json_member_int(&w, "node", f->node);
    json_member_int(&w, "modes", f->modes);
    json_member_int(&w, "agent", f->agent);
    json_member_int(&w, "started", f->started.ms);
    if (f->ports_refused != NULL && strlen(f->ports_refused) <= REFUSED_BYTES_MAX)
        json_member_str(&w, "ports_refused", f->ports_refused);
    json_object_end(&w);
}

const struct facts *facts_for(const struct request *r, const struct facts *ours,
                              struct asked_facts *asked)
{
    struct error ignored;
    *asked = (struct asked_facts){0};
    struct json *v = r->node != NULL ? json_parse_own(slice_of(r->node), &ignored) : NULL;
    if (v == NULL) /* only a node of ours writes it */
        return ours;
    struct facts *f = &asked->f;
    *f = *ours;
    f->leading = false;
    f->feed = NULL;
    f->http = NULL;
    f->callbacks = NULL;
#define X(name, otherwise) \
    f->name = arena_strdup(&asked->text, json_str(json_get(v, #name), otherwise));
    TEXTS(X)
#undef X
    f->node = json_int(json_get(v, "node"), 0);
    f->modes = (unsigned)json_int(json_get(v, "modes"), 0);
    f->agent = json_int(json_get(v, "agent"), -1);
    f->started.ms = json_int(json_get(v, "started"), 0);
    f->ports_refused = arena_strdup(&asked->text, json_str(json_get(v, "ports_refused"), "[]"));
    json_free(v);
    return f;
}

const struct agent_seen *facts_agent_seen(const struct facts *f, int64_t agent)
{
    size_t low = 0, high = f->agents_n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (f->agents[middle].agent < agent)
            low = middle + 1;
        else
            high = middle;
    }
    return low < f->agents_n && f->agents[low].agent == agent ? &f->agents[low] : NULL;
}

static int64_t silence_of(const void *view, int64_t agent)
{
    const struct view *v = view;
    const struct agent_seen *seen = facts_agent_seen(v->facts, agent);
    if (seen == NULL || seen->silent.ms == 0)
        return -1;
    int64_t ms = v->now.wall.ms - seen->silent.ms;
    if (seen->closed.ms == 0 && ms < NEW_LEADER_MS)
        return -1;
    return ms > 0 ? ms : 0;
}

struct hearing facts_hearing(const struct view *view)
{
    return (struct hearing){silence_of, view};
}
