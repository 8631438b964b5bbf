/* What the node knows of itself, as doors and readers show it. */
#include "node/private.h"

#include <stdio.h>
#include <string.h>

#include "api/facts.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"

#define LOOK_MS 200
#define REFUSED_UNASKED \
    1000 /* so many refusals are kept without a look whether they still matter */

/* ---- service ports that the proxy does not serve */

static struct refused_port *refused_port_new(const struct json *v)
{
    struct refused_port *r = NEW(struct refused_port);
    r->port = (int)json_int(json_get(v, "port"), 0);
    str_copy(r->app, sizeof r->app, json_str(json_get(v, "app"), ""));
    str_copy(r->reason, sizeof r->reason, json_str(json_get(v, "reason"), ""));
    return r;
}

/* "10000 /web": several apps may want one port, and each has its own refusal. */
static const char *refused_key(int64_t port, const char *app, char dst[ID_SIZE + 24])
{
    snprintf(dst, ID_SIZE + 24, "%lld %s", (long long)port, app);
    return dst;
}

/* One app has a port, another one wants it: that the one is served is no news of the other. */
static void take_port(struct node *n, const struct json *v)
{
    char key[ID_SIZE + 24];
    refused_key(json_int(json_get(v, "port"), 0), json_str(json_get(v, "app"), ""), key);
    if (!json_bool(json_get(v, "bound"), false))
        mem_free(map_put_str(n->refused, key, refused_port_new(v)));
    else
        mem_free(map_remove_str(n->refused, key));
}

/* Those of apps that have given their port up, once there are many. */
static void forget_given_up(struct node *n)
{
    struct refused_port *r;
    char key[ID_SIZE + 24];
    if (map_count(n->refused) <= REFUSED_UNASKED || state_level(n->state) == 0)
        return;
    struct map *kept = map_new();
    for (size_t cursor = 0; (r = map_each(n->refused, &cursor)) != NULL;)
        if (state_service_port_is_of(n->state, r->port, r->app))
            map_put_str(kept, refused_key(r->port, r->app, key), r);
        else
            mem_free(r);
    map_free(n->refused);
    n->refused = kept;
}

/* The proxy tells which ports it serves, those that have changed; what it does not is shown. Of a
 * port that was given up it does not tell: readers leave out what no app has any more. */
void facts_take_routes(struct node *n, struct event *e)
{
    struct json *v = event_body(e);
    struct buf refused;
    struct json_writer w;
    JSON_EACH (port, json_get(v, "ports"))
        take_port(n, port);
    json_free(v);
    forget_given_up(n);

    struct refused_port *r;
    buf_init(&refused, LIMIT_ANSWER_BYTES); /* every port there is, and why */
    json_begin(&w, &refused);
    json_array(&w);
    for (size_t cursor = 0; (r = map_each(n->refused, &cursor)) != NULL;) {
        json_object(&w);
        json_member_int(&w, "port", r->port);
        json_member_str(&w, "app", r->app);
        json_member_str(&w, "reason", r->reason);
        json_object_end(&w);
    }
    json_array_end(&w);
    mem_free(n->ports_refused);
    n->ports_refused = buf_take(&refused, NULL);
    n->facts_due = n->now.mono;
}

/* ---- all of it */

static bool members_differ(const struct facts *a, const struct facts *b)
{
    bool differ = a->members_n != b->members_n;
    for (size_t i = 0; i < a->members_n && !differ; i++) {
        const struct member_fact *x = &a->members[i], *y = &b->members[i];
        differ = x->id != y->id || x->voter != y->voter || x->live != y->live ||
                 x->ready != y->ready || x->rising != y->rising;
    }
    return differ;
}

static bool facts_differ(const struct node *n, const struct facts *f)
{
    return f->leading != n->facts.leading || f->term != n->facts.term ||
           f->agent != n->facts.agent || f->leader != n->facts.leader ||
           members_differ(f, &n->facts) || f->leaderless.ms != n->facts.leaderless.ms ||
           (f->clock_off_ms != 0) != (n->facts.clock_off_ms != 0) ||
           f->clock_step_ms != n->facts.clock_step_ms ||
           f->clock_waits.ms != n->facts.clock_waits.ms || !str_eq(f->clocks, n->facts.clocks) ||
           !str_eq(f->cluster, n->facts.cluster) || !str_eq(f->leader_name, n->facts.leader_name) ||
           !str_eq(f->leader_marathon, n->facts.leader_marathon) ||
           !str_eq(f->leader_chronos, n->facts.leader_chronos) ||
           !str_eq(f->leader_mesos, n->facts.leader_mesos) ||
           !str_eq(f->ports_refused, n->facts.ports_refused) || f->unfit != n->facts.unfit ||
           !str_eq(f->state_wrong, n->facts.state_wrong) || n->seen.news;
}

/* "http://127.0.0.1:8080" without its scheme. */
const char *facts_host_of(const char *url)
{
    return url != NULL && str_starts(url, "http://") ? url + 7 : url;
}

/* Where the leader's doors are. */
static struct listeners_row leader_listeners(struct node *n, uint64_t leader)
{
    struct listeners_row row = {NULL, NULL, NULL};
    const struct facts *f = &n->facts;
    if (leader == n->options.id)
        return (struct listeners_row){facts_host_of(f->url_marathon), facts_host_of(f->url_chronos),
                                      facts_host_of(f->url_mesos)};
    if (leader != 0 && state_listeners_of(n->state, (int64_t)leader, &row)) {
        row.marathon = row.marathon[0] != '\0' ? row.marathon : NULL;
        row.chronos = row.chronos[0] != '\0' ? row.chronos : NULL;
        row.mesos = row.mesos[0] != '\0' ? row.mesos : NULL;
    }
    return row;
}

/* Whether there can be news, without asking the state: turns are many. */
static bool has_news(struct node *n)
{
    struct facts_key key;
    memset(&key, 0, sizeof key);
    key.known = members_known(n);
    key.leader = replica_leader(n->replica, NULL);
    key.term = replica_term(n->replica);
    key.leaderless_ms = n->leaderless.ms;
    key.clock_off_ms = n->clocks.off_ms;
    key.clock_step_ms = n->clocks.step_ms;
    key.clock_waits_ms = clocks_waits(n).ms;
    key.agent = n->agent != NULL ? agent_id(n->agent) : -1;
    key.clocks = clocks_text(n);
    key.wrong = n->wrong;
    key.leading = n->leading;
    key.promotes = n->change.promotes;
    key.unfit = replica_mending(n->replica);
    if (memcmp(&key, &n->facts_key, sizeof key) == 0 && n->now.mono.ms < n->facts_due.ms)
        return false;
    n->facts_key = key;
    /* at members and agents, who fall silent */
    n->facts_due = n->leading ? mono_after(n->now.mono, LOOK_MS) : MONO_NEVER;
    return true;
}

void facts_show(struct node *n)
{
    struct node_row leader;
    if (!has_news(n))
        return;
    uint64_t id = replica_leader(n->replica, NULL);
    struct facts f = n->facts;
    bool level = state_level(n->state) > 0;
    f.leading = n->leading;
    f.led_since = n->led_since;
    f.feed = &n->feed;
    f.term = replica_term(n->replica);
    f.leaderless = n->leaderless;
    f.agent = n->agent != NULL ? agent_id(n->agent) : -1;
    f.cluster = hint_needed(n) && n->options.cluster != NULL
                    ? n->options.cluster
                    : state_setting(n->state, "cluster", "");
    bool known = id != 0 && level && state_node_by_id(n->state, (int64_t)id, &leader);
    f.leader_name = known ? leader.name : NULL;
    f.leader = known ? (int64_t)id : 0;
    f.ports_refused = n->ports_refused != NULL ? n->ports_refused : "[]";
    f.state_wrong = n->wrong;
    f.unfit = replica_mending(n->replica);
    f.clocks = clocks_text(n);
    f.clock_off_ms = n->clocks.off_ms;
    f.clock_step_ms = n->clocks.step_ms;
    f.clock_waits = clocks_waits(n);
    struct listeners_row doors = leader_listeners(n, known ? id : 0);
    f.leader_marathon = doors.marathon;
    f.leader_chronos = doors.chronos;
    f.leader_mesos = doors.mesos;
    struct member_fact members[LIMIT_SERVERS];
    f.members = members;
    f.members_n = members_show(n, members);
    seen_read(n);
    if (!facts_differ(n, &f))
        return;
    n->seen.news = false;
    f.agents = n->seen.items;
    f.agents_n = n->seen.n;
    struct arena text = {0};
    n->facts = facts_keep(&f, &text);
    n->hands->facts(n->hands, &n->facts); /* the old texts live until this has returned */
    arena_close(&n->facts_text);
    n->facts_text = text;
}
