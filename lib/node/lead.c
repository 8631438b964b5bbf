/* Leading: the minds are told, and the house is kept before anything else. */
#include "node/private.h"

#include "base/log.h"
#include "base/str.h"

/* The minds lead once there is a state to look at. */
static void tell_minds(struct node *n, bool lead)
{
    n->minds_lead = lead;
    master_lead(n->master, lead, n->leading_term, n->now, &n->out);
    apps_lead(n->apps, lead, n->now, &n->out);
    jobs_lead(n->jobs, lead, n->now, &n->out);
}

void lead_follow(struct node *n)
{
    bool leads = replica_leads(n->replica);
    uint64_t term = replica_term(n->replica);
    if (leads != n->leading || (leads && term != n->leading_term)) {
        n->leading = leads;
        n->leading_term = term;
        n->out.epoch = leads ? term : 0;
        n->housekeeping = false;
        log_info(leads ? "leading" : "not leading", "term=%llu", (unsigned long long)term);
        if (n->minds_lead)
            tell_minds(n, false);
    }
    if (leads && !n->minds_lead && state_level(n->state) > 0)
        tell_minds(n, true);
}

static void own_command(struct node *n, enum command_kind kind, struct json_writer *w)
{
    n->housekeeping = true;
    outbox_draft(&n->out, kind, (struct origin){ORIGIN_NODE, 0}, w);
}

static void name_cluster(struct node *n)
{
    char cluster[UUID_TEXT_SIZE];
    struct json_writer w;
    own_command(n, COMMAND_SETTING_PUT, &w);
    json_key(&w, "set");
    json_object(&w);
    json_member_str(&w, "cluster", uuid_text(rng_uuid(n->hands->rng), cluster));
    json_object_end(&w);
    outbox_draft_end(&n->out, &w);
}

static void announce(struct node *n)
{
    struct json_writer w;
    own_command(n, COMMAND_NODE_PUT, &w);
    json_member_int(&w, "id", (int64_t)n->options.id);
    json_member_str(&w, "name", n->options.name);
    json_member_str(&w, "address", n->options.address);
    json_member_int(&w, "modes", n->options.modes);
    json_member_int(&w, "level", COMMAND_LEVEL);
    json_member_str(&w, "version", n->options.facts.version);
    outbox_draft_end(&n->out, &w);
}

static bool announced(struct node *n)
{
    struct node_row row;
    return state_node_by_id(n->state, (int64_t)n->options.id, &row) &&
           str_eq(row.name, n->options.name) && str_eq(row.address, n->options.address) &&
           row.modes == n->options.modes && row.level == COMMAND_LEVEL &&
           str_eq(row.version, n->options.facts.version);
}

/* What a leader sees to before anything else: the schema, the cluster's name, its own row. */
void lead_keep_house(struct node *n)
{
    struct json_writer w;
    if (!n->leading || n->housekeeping)
        return;
    if (state_level(n->state) < COMMAND_LEVEL) {
        own_command(n, COMMAND_SCHEMA_UPGRADE, &w);
        json_member_int(&w, "level", COMMAND_LEVEL);
        outbox_draft_end(&n->out, &w);
    } else if (state_setting(n->state, "cluster", NULL) == NULL) {
        name_cluster(n);
    } else if (!announced(n)) {
        announce(n);
    }
}
