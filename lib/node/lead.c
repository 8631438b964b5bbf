/* Leading: the minds are told, and the house is kept before anything else. */
#include "node/private.h"

#include "base/limits.h"
#include "base/log.h"
#include "base/str.h"

/* The minds lead once there is a state to look at. */
/* The leader's process that has died is rather the rule than the exception. */
static void tell_closed(struct node *n)
{
    for (size_t i = 0; i < n->closed_n; i++)
        master_closed(n->master, n->closed[i], n->now, &n->out);
}

void lead_note_closed(struct node *n, int64_t node, bool closed)
{
    size_t kept = 0;
    for (size_t i = 0; i < n->closed_n; i++)
        if (n->closed[i] != node)
            n->closed[kept++] = n->closed[i];
    n->closed_n = kept;
    if (closed && kept < CLOSED_MAX)
        n->closed[n->closed_n++] = node;
}

/* The URLs are one a line: the door takes none with an end of line in it. */
void lead_tell_callbacks(struct node *n)
{
    struct buf urls;
    struct stmt *q = n->minds_lead ? state_callbacks(n->state) : NULL;
    buf_init(&urls, LIMIT_CALLBACKS * (LIMIT_URL_BYTES + 1));
    while (q != NULL && stmt_row(q)) {
        buf_puts(&urls, stmt_str(q, 0));
        buf_putc(&urls, '\n');
    }
    n->calls_back = urls.len > 0;
    n->hands->callbacks(n->hands, buf_str(&urls));
    buf_close(&urls);
}

static void tell_minds(struct node *n, bool lead)
{
    n->minds_lead = lead;
    master_lead(n->master, lead, n->leading_term, n->now, &n->out);
    if (lead)
        tell_closed(n);
    apps_lead(n->apps, lead, n->now, &n->out);
    jobs_lead(n->jobs, lead, n->now, &n->out);
    lead_tell_callbacks(n);
}

void lead_follow(struct node *n)
{
    bool leads = replica_leads(n->replica);
    uint64_t term = replica_term(n->replica);
    if (leads != n->leading || (leads && term != n->leading_term)) {
        n->leading = leads;
        n->leading_term = term;
        n->out.epoch = leads ? term : 0;
        n->led_since = n->now.mono;
        n->housekeeping = false;
        n->house_known = 0;
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
    char drawn[UUID_TEXT_SIZE];
    const char *cluster = n->options.cluster;
    struct json_writer w;
    if (cluster == NULL)
        cluster = uuid_text(rng_uuid(n->hands->rng), drawn);
    own_command(n, COMMAND_SETTING_PUT, &w);
    json_key(&w, "set");
    json_object(&w);
    json_member_str(&w, "cluster", cluster);
    json_object_end(&w);
    outbox_draft_end(&n->out, &w);
}

static void announce(struct node *n)
{
    struct json_writer w;
    own_command(n, COMMAND_NODE_PUT, &w);
    json_member_int(&w, "id", (int64_t)n->options.id);
    members_write_own(n, &w);
    outbox_draft_end(&n->out, &w);
}

static void upgrade(struct node *n, int level)
{
    struct json_writer w;
    own_command(n, COMMAND_SCHEMA_UPGRADE, &w);
    json_member_int(&w, "level", level);
    outbox_draft_end(&n->out, &w);
}

/* What a leader sees to before anything else: the schema, the cluster's name, its own row. */
void lead_keep_house(struct node *n)
{
    uint64_t known = members_known(n);
    if (!n->leading || n->housekeeping || n->house_known == known)
        return;
    if (state_level(n->state) == 0) /* its founders are of one build */
        upgrade(n, COMMAND_LEVEL);
    else if (state_setting(n->state, "cluster", NULL) == NULL)
        name_cluster(n);
    else if (!members_announced(n))
        announce(n);
    else if (members_level(n) > state_level(n->state))
        upgrade(n, members_level(n));
    else
        n->house_known = known;
}
