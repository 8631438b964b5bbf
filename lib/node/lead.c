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

/* ---- what people are told */

/* False: by no channel any more. */
static bool put_channels(struct node *n, int64_t notice, struct json_writer *w)
{
    bool any = false;
    struct notice_way_row way;
    struct stmt *q = state_notice_ways(n->state, notice);
    json_key(w, "channels");
    json_array(w);
    while (state_notice_way_next(q, &way)) {
        if (way.over.ms != 0)
            continue;
        json_put_str(w, way.channel);
        any = true;
    }
    json_array_end(w);
    return any;
}

static void hand_notice(struct node *n, const struct notice_row *row)
{
    struct buf text;
    struct json_writer w;
    buf_init(&text, LIMIT_FRAME_BYTES);
    json_begin(&w, &text);
    json_object(&w);
    json_member_int(&w, "notice", row->id);
    json_member_int(&w, "at_ms", row->at.ms);
    json_member_str(&w, "event", row->event);
    json_member_str(&w, "job", row->job);
    json_member_str(&w, "owners", row->owners);
    json_member_raw(&w, "facts", row->facts);
    json_member_str(&w, "cluster", state_setting(n->state, "cluster", ""));
    bool any = put_channels(n, row->id, &w);
    json_object_end(&w);
    if (any)
        n->hands->notice(n->hands, buf_slice(&text));
    buf_close(&text);
}

void lead_tell_notice(struct node *n, int64_t id)
{
    struct notice_row row;
    if (state_notice_by_id(n->state, id, &row))
        hand_notice(n, &row);
}

/* Who begins to lead sends what those before it have left. */
static void tell_notices(struct node *n)
{
    struct notice_row row;
    struct stmt *q = n->minds_lead ? state_notices_unsent(n->state) : NULL;
    n->hands->notice(n->hands, SLICE(""));
    while (state_notice_next(q, &row))
        hand_notice(n, &row);
}

/* What was not told before the leadership went, the next leader finds unsent, and sends again. */
void lead_take_told(struct node *n, struct slice item)
{
    struct json_writer w;
    if (!n->minds_lead)
        return;
    outbox_draft(&n->out, COMMAND_NOTICE_TOLD, (struct origin){.kind = ORIGIN_NOBODY}, &w);
    json_key(&w, "set");
    json_array(&w);
    json_put_raw(&w, item);
    json_array_end(&w);
    outbox_draft_end(&n->out, &w);
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
    tell_notices(n);
    if (lead)
        hint_tell_agents(n);
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
    outbox_draft(&n->out, kind, (struct origin){.kind = ORIGIN_NODE}, w);
}

static void put_setting(struct node *n, const char *key, const char *value)
{
    struct json_writer w;
    own_command(n, COMMAND_SETTING_PUT, &w);
    json_key(&w, "set");
    json_object(&w);
    json_member_str(&w, key, value);
    json_object_end(&w);
    outbox_draft_end(&n->out, &w);
}

static void name_cluster(struct node *n)
{
    char drawn[UUID_TEXT_SIZE];
    const char *cluster = n->options.cluster;
    if (cluster == NULL)
        cluster = uuid_text(rng_uuid(n->hands->rng), drawn);
    put_setting(n, "cluster", cluster);
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

/* The first of the configured settings that the cluster does not have yet; NULL: none. */
static const struct node_setting *setting_to_put(struct node *n)
{
    if (state_level(n->state) < NOTICES_LEVEL)
        return NULL;
    for (size_t i = 0; i < n->options.settings_n; i++) {
        const struct node_setting *s = &n->options.settings[i];
        if (!str_eq(state_setting(n->state, s->key, ""), s->value))
            return s;
    }
    return NULL;
}

/* What a leader sees to before anything else: the schema, the cluster's name, its own row. */
void lead_keep_house(struct node *n)
{
    uint64_t known = members_known(n);
    const struct node_setting *missing;
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
    else if ((missing = setting_to_put(n)) != NULL)
        put_setting(n, missing->key, missing->value);
    else
        n->house_known = known;
}
