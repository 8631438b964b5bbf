/* Opening and closing: the state's file, the replica in it, the agent's, the minds over them. */
#include "node/private.h"

#include "base/assert.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "model/node_facts.h"
#include "node/refound.h"

#define CHECKPOINT_WAIT_MS 10000 /* a slow disk's time to end one that locks the writer out */
#define UNREACHABLE_MS 5000
#define REPLACE_MS 10000

/* ---- the feed */

static void publish(void *data, const struct published *p)
{
    struct node *n = data;
    n->hands->publish(n->hands, p);
}

static unsigned topics(struct node *n)
{
    return n->hands->topics(n->hands) | (n->calls_back ? 1u << TOPIC_CALLBACKS : 0);
}

void node_publish_stream(struct node *n, enum topic topic, bool attached, const char *remote)
{
    api_render_stream(topic, attached, remote, n->now.wall, topics(n), n, publish);
}

static void count(struct node *n, const struct change *c)
{
    n->feed.deployments += c->kind == CHANGE_DEPLOYMENT_BEGIN;
    n->feed.refused += c->kind == CHANGE_APPS_REFUSED;
    n->feed.launched += c->kind == CHANGE_TASK && c->state == TASK_STAGING;
}

static void on_change(struct watch *w, const struct change *c)
{
    struct node *n = LIST_ENTRY(w, struct node, watch);
    const struct view view = {n->state, &n->facts, n->now, replica_applied(n->replica)};
    apps_changed(n->apps, c);
    jobs_changed(n->jobs, c);
    master_changed(n->master, c);
    if (c->kind == CHANGE_NODE)
        members_changed(n, c->id);
    if (c->kind == CHANGE_CALLBACK && n->minds_lead)
        lead_tell_callbacks(n);
    if (c->kind == CHANGE_NOTICE && n->minds_lead)
        lead_tell_notice(n, c->id);
    count(n, c);
    api_render(c, &view, topics(n), n, publish);
}

/* ---- opening */

static int open_view(struct node *n, struct error *err)
{
    if (state_open(n->db, false, &n->state, err) != 0)
        return -1;
    n->watch.changed = on_change;
    state_watch(n->state, &n->watch);
    return 0;
}

static int open_state(struct node *n, struct error *err)
{
    const struct db_options options = {
        .fail_stop = true,
        .busy_ms = CHECKPOINT_WAIT_MS,
        .reverse_unordered_selects = n->options.reverse_unordered,
        .vfs = n->options.vfs,
    };
    if (db_open(n->options.state_path, &options, &n->db, err) != 0)
        return -1;
    return open_view(n, err);
}

static struct replica_options replica_options_of(struct node *n)
{
    return (struct replica_options){
        .db = n->db,
        .id = n->options.id,
        .store = n->options.store,
        .address = n->options.address,
        .election_ms = (int)n->options.election_ms,
        .heartbeat_ms = (int)n->options.heartbeat_ms,
        .seed = rng_next(n->hands->rng),
        .machine = {n, apply_entry},
        .log_rows = n->options.log_rows,
        .vfs = n->options.vfs,
    };
}

/* Of a disk that knows no cluster yet. */
static int bootstrap(struct node *n, struct error *err)
{
    const struct replica_server self = {n->options.id, n->options.address, REPLICA_VOTER};
    return replica_bootstrap(n->db, &self, 1, err);
}

/* A new disk gets its tables. */
static int open_or_format(struct node *n, struct now now, struct error *err)
{
    struct replica_options options = replica_options_of(n);
    if (replica_open(&options, now, &n->replica, err) == 0)
        return 0;
    if (err->code != ERR_NOT_FOUND)
        return -1;
    if (n->options.used)
        return error_set(err, ERR_CORRUPT,
                         "%s has lost what was in it: put it back, or start with an empty folder",
                         n->options.state_path);
    if (replica_format(n->db, n->options.id, n->options.store, err) != 0)
        return -1;
    return replica_open(&options, now, &n->replica, err);
}

static int found_again(struct node *n, struct now now, struct error *err)
{
    char drawn[UUID_TEXT_SIZE];
    int64_t *gone;
    size_t n_gone = node_refound_all(n->state, &gone);
    const struct refounding how = {
        .id = n->options.id,
        .store = n->options.store,
        .address = n->options.address,
        .cluster = n->options.cluster != NULL ? n->options.cluster
                                              : uuid_text(rng_uuid(n->hands->rng), drawn),
        .gone = gone,
        .n = n_gone,
        .reason = "it was of the cluster before the backup was restored",
        .now = now.wall,
    };
    int rv = node_refound(n->state, &how, err);
    mem_free(gone);
    if (rv == 0)
        log_info("a new cluster of a restored backup", "cluster=%s nodes_before=%zu", how.cluster,
                 n_gone);
    return rv;
}

/* A backup that was restored is nobody's yet: whoever starts it first makes a new cluster of it. */
static int take_over_backup(struct node *n, struct now now, struct error *err)
{
    uint64_t owner;
    if (replica_owner(n->db, &owner, err) != 0)
        return err->code == ERR_NOT_FOUND ? 0 : -1;
    if (owner != 0)
        return 0;
    if (!n->options.bootstrap)
        return error_set(err, ERR_CONFLICT,
                         "%s is a restored backup: a node that joins a cluster needs an empty "
                         "folder",
                         n->options.state_path);
    return found_again(n, now, err);
}

/* With `bootstrap` a disk that knows nobody is a cluster of one at once: a new one, or one whose
 * first start ended in the middle. */
static int open_replica(struct node *n, struct now now, struct error *err)
{
    struct replica_member first;
    if (take_over_backup(n, now, err) != 0 || open_or_format(n, now, err) != 0)
        return -1;
    if (!n->options.bootstrap || replica_member(n->replica, 0, &first))
        return 0;
    replica_close(n->replica);
    n->replica = NULL;
    if (bootstrap(n, err) != 0)
        return -1;
    return open_or_format(n, now, err);
}

/* What a cluster of one has in its log will be applied at once: with a restored backup, also the
 * cluster's new name. */
static uint64_t named_at(const struct node *n)
{
    struct replica_member m;
    return replica_member(n->replica, 0, &m) && !replica_member(n->replica, 1, &m)
               ? replica_last(n->replica)
               : 0;
}

static int open_agent(struct node *n, struct error *err)
{
    if (n->options.agent_path == NULL)
        return 0;
    const struct db_options db_options = {.fail_stop = true, .vfs = n->options.vfs};
    if (db_open(n->options.agent_path, &db_options, &n->agent_db, err) != 0)
        return -1;
    const struct node_agent *a = &n->options.agent;
    const struct agent_options options = {
        .db = n->agent_db,
        .rng = n->hands->rng,
        .hostname = a->hostname,
        .address = a->address,
        .version = a->version,
        .boot = a->boot,
        .resources = a->resources,
        .attributes = a->attributes,
        .port = a->port,
    };
    return agent_open(&options, &n->agent, err);
}

static bool run_spec_of(void *data, const struct task_row *t, struct buf *out)
{
    struct node *n = data;
    return t->owner == OWNER_APP ? apps_run_spec(n->state, t, out) : jobs_run_spec(n->jobs, t, out);
}

static void make_minds(struct node *n)
{
    const struct master_options master = {
        .run_spec = run_spec_of,
        .data = n,
        .unreachable_ms =
            n->options.unreachable_ms > 0 ? n->options.unreachable_ms : UNREACHABLE_MS,
    };
    n->master = master_new(n->state, &master);
    n->apps = apps_new(n->state, n->hands->rng);
    n->jobs = jobs_new(n->state, n->hands->rng);
    n->placement = placement_new(n->state, (struct hearing){node_silence, n});
}

static void free_minds(struct node *n)
{
    placement_free(n->placement);
    jobs_free(n->jobs);
    apps_free(n->apps);
    master_free(n->master);
}

/* The newest time in the log, as far as the feed knows: time does not go back in it. */
static void note_newest_time(struct node *n)
{
    struct event_row e;
    if (state_level(n->state) == 0)
        return;
    struct events *q = state_events_before(n->state, INT64_MAX, 1);
    if (state_event_next(q, &e) && e.at.ms > n->last_at.ms)
        n->last_at = e.at;
    state_events_end(q);
}

int node_open(const struct node_options *options, struct hands *hands, struct now now,
              struct node **node_out, struct error *err)
{
    struct node *n = NEW(struct node);
    n->hands = hands;
    n->options = *options;
    n->now = now;
    n->raw_wall = now.wall;
    n->api = api_new();
    n->pendings = map_new();
    list_init(&n->stale);
    list_init(&n->held);
    list_init(&n->waiting);
    n->away = map_new();
    n->know_all = true;
    n->leaderless = now.mono;
    if (n->options.replace_ms == 0)
        n->options.replace_ms = REPLACE_MS;
    n->reads = map_new();
    n->batches = map_new();
    n->refused = map_new();
    outbox_init(&n->out, 0);
    n->facts = options->facts;
    n->facts.node = (int64_t)options->id;
    n->facts.agent = -1;
    n->facts.ports_refused = "[]";
    n->region = node_region(options->agent.attributes);
    if (open_state(n, err) != 0 || open_replica(n, now, err) != 0) {
        node_close(n);
        return -1;
    }
    n->named_at = named_at(n);
    if (open_agent(n, err) != 0 || node_join(n, err) != 0) {
        node_close(n);
        return -1;
    }
    make_minds(n);
    note_newest_time(n);
    hint_begin(n);
    *node_out = n;
    return 0;
}

void node_close(struct node *n)
{
    if (n == NULL)
        return;
    requests_drop(n);
    forwards_drop(n);
    batches_drop(n);
    for (size_t i = 0; i < n->posts_n; i++)
        buf_close(&n->posts[i].frame);
    mem_free(n->posts);
    mem_free(n->clocks.text);
    mem_free(n->seen.items);
    mem_free(n->changed);
    for (size_t i = 0; i < n->letters_n; i++)
        buf_close(&n->letters[i].body);
    mem_free(n->letters);
    outbox_close(&n->out);
    agent_close(n->agent);
    db_close(n->agent_db);
    free_minds(n);
    replica_close(n->replica);
    state_close(n->state);
    db_close(n->db);
    api_free(n->api);
    arena_close(&n->facts_text);
    mem_free(n->region);
    mem_free(n->ports_refused);
    mem_free(n->wrong);
    struct refused_port *r;
    for (size_t cursor = 0; (r = map_each(n->refused, &cursor)) != NULL;)
        mem_free(r);
    map_free(n->refused);
    mem_free(n);
}

/* ---- another state */

/* Puts the fetched file in the place of ours (replica/replica.h): statements are freed first, and
 * the minds, which are not leading, get the new state. */
int node_swap_state(struct node *n, uint64_t token, const char *path, struct error *err)
{
    struct error swap;
    bool db_open;
    n->hands->readers_stop(n->hands);
    state_close(n->state);
    n->state = NULL;
    if (replica_install_swap(n->replica, token, path, &db_open, &swap) != 0)
        log_warn("snapshot not installed", "why=%s", swap.text);
    if (db_open) { /* nothing happened */
        if (open_view(n, err) != 0)
            return -1;
    } else {
        n->db = NULL;
        if (open_state(n, err) != 0 || replica_install_resume(n->replica, n->db, n->now, err) != 0)
            return -1;
    }
    if (n->wrong != NULL && !db_open) {
        log_info("the tables of this node were replaced", "applied=%llu",
                 (unsigned long long)replica_applied(n->replica));
        mem_free(n->wrong);
        n->wrong = NULL;
    }
    free_minds(n);
    make_minds(n);
    n->minds_lead = false;
    n->sums = (struct sums){0}; /* of the tables that are gone */
    n->nodes_index = 0;
    n->facts_due = n->now.mono;
    n->know_all = true;
    note_newest_time(n);
    n->hands->facts(n->hands, &n->facts); /* readers may open again */
    return 0;
}
