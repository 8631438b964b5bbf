/* The turn. What it is made of is in the files beside. */
#include "node/private.h"

#include "base/log.h"
#include "base/mem.h"

#define CHECKPOINT_BYTES (8 << 20) /* so much has come to the state's log since the last one */
#define AGENT_CHECKPOINT_BYTES (4 << 20)

/* ---------------- thinking */

int64_t node_silence(const void *node, int64_t agent)
{
    const struct node *n = node;
    return master_is_live(n->master, agent, n->now) ? -1 : 0;
}

static int64_t newest_pong(const void *node, int64_t agent)
{
    const struct node *n = node;
    return master_pong(n->master, agent);
}

static int64_t patience_ms(const void *node, int64_t agent, bool hurried)
{
    const struct node *n = node;
    return master_patience_ms(n->master, agent, hurried, n->now);
}

static bool is_expected(const void *node, int64_t agent)
{
    const struct node *n = node;
    return master_expects(n->master, agent);
}

static bool is_due(struct mono due, struct now now)
{
    return due.ms <= now.mono.ms;
}

static void think(struct node *n)
{
    lead_keep_house(n);
    if (!n->minds_lead || n->stopping)
        return;
    master_tick(n->master, n->now, &n->out);
    bool jobs = !clocks_off(n) && is_due(jobs_due(n->jobs), n->now);
    if (!is_due(apps_due(n->apps), n->now) && !jobs)
        return;
    placement_turn(n->placement);
    if (!clocks_off(n)) /* else another leads soon, which knows what time it is */
        jobs_tick(n->jobs, n->placement,
                  &(struct jobs_ears){newest_pong, patience_ms, is_expected, n}, n->now, &n->out);
    apps_tick(n->apps, n->placement, n->now, &n->out);
}

int node_join(struct node *n, struct error *err)
{
    if (n->agent == NULL || n->joined)
        return 0;
    const char *cluster = n->options.cluster;
    if (cluster == NULL && state_level(n->state) > 0 && replica_applied(n->replica) >= n->named_at)
        cluster = state_setting(n->state, "cluster", NULL);
    if (cluster == NULL) /* its first leader is about to name it */
        return 0;
    if (agent_cluster(n->agent, cluster, n->now, &n->out, err) != 0)
        return -1;
    n->joined = true;
    return 0;
}

static void think_as_agent(struct node *n)
{
    uint64_t term, leader = node_leader(n, &term);
    if (!n->joined)
        return;
    bool usable = leader != 0 && (leader != n->options.id || n->minds_lead);
    if (!usable) {
        n->told_leader = 0;
        return;
    }
    if (leader != n->told_leader || term != n->told_term) {
        n->told_leader = leader;
        n->told_term = term;
        agent_leader(n->agent, term, n->now, &n->out);
    }
    agent_tick(n->agent, n->now, &n->out);
}

/* ---------------- carrying out */

static void give_answers(struct node *n)
{
    size_t begun = 0;
    for (size_t i = 0; i < n->answers_n; i++) {
        if (begun < n->begun_n && n->begun[begun].answer == i) {
            struct begun *b = &n->begun[begun++];
            node_publish_stream(n, b->topic, true, b->remote);
            mem_free(b->remote);
        }
        n->hands->answer(n->hands, &n->answers[i]);
    }
    n->answers_n = n->begun_n = 0;
}

/* All but drafts, which wait for the next proposal. */
static void carry_out(struct node *n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n->out.n; i++) {
        struct out *item = &n->out.items[i];
        switch (item->kind) {
        case OUT_DRAFT:
        case OUT_HAND_OVER:
            n->out.items[kept++] = *item;
            continue;
        case OUT_MESSAGE:
            mail_send(n, item);
            break;
        case OUT_LAUNCH:
            n->hands->launch(n->hands, item->task, buf_slice(&item->body));
            break;
        case OUT_KILL:
            n->hands->kill(n->hands, item->task, buf_str(&item->body));
            break;
        case OUT_FORGET:
            n->hands->forget(n->hands, item->task);
            break;
        case OUT_WIPE:
            n->hands->wipe(n->hands, item->task, buf_str(&item->body));
            break;
        case OUT_ROUTES:
            n->hands->routes(n->hands, buf_slice(&item->body));
            break;
        }
        buf_close(&item->body);
    }
    n->out.n = kept;
}

static void take_outcomes(struct node *n, const struct replica_out *out)
{
    for (size_t i = 0; i < out->n_outcomes; i++) {
        const struct replica_outcome *o = &out->outcomes[i];
        switch (o->what) {
        case REPLICA_PROPOSAL:
            if (o->code != ERR_NONE)
                batch_failed(n, o->ticket, o->code);
            break;
        case REPLICA_READ:
            request_readable(n, o->ticket, o);
            break;
        case REPLICA_CHANGE:
            members_outcome(n, o);
            break;
        }
    }
}

static bool has_grown(struct db *db, int64_t *checkpointed, int64_t by)
{
    int64_t wal = db_wal_bytes(db);
    if (wal < *checkpointed) /* it begins anew once all of it was moved */
        *checkpointed = 0;
    if (wal - *checkpointed <= by)
        return false;
    *checkpointed = wal;
    return true;
}

static void move_log(struct db *db, const char *whose)
{
    struct db_checkpoint done;
    struct error err;
    if (db_checkpoint(db, DB_CHECKPOINT_PASSIVE, &done, &err) == 0)
        return;
    if (err.code == ERR_UNAVAILABLE)
        log_debug("checkpoint put off", "of=%s why=%s", whose, err.text);
    else
        log_warn("no checkpoint", "of=%s why=%s", whose, err.text); /* its next COMMIT fails */
}

/* While the hands moved most of the log, some came to it: the last few pages are moved here, where
 * nobody adds to it, and the next writer begins it anew. Else a busy log would only grow, and a
 * sync of new room takes twice as long as of room that is used again. Where the hands could not
 * move most, for somebody reads or the disk is slow, we would stand still for it, and do not. */
static void look_after_log(struct node *n)
{
    if (n->mostly_moved) {
        n->mostly_moved = false;
        move_log(n->db, "the state");
    } else if (!n->checkpointing && has_grown(n->db, &n->checkpointed, CHECKPOINT_BYTES)) {
        n->checkpointing = true;
        n->hands->checkpoint(n->hands, db_wal_bytes(n->db));
    }
}

/* The agent's holds only what lives: its pages are few, and nobody reads beside us. */
static void look_after_agent_log(struct node *n)
{
    if (n->agent_db != NULL &&
        has_grown(n->agent_db, &n->agent_checkpointed, AGENT_CHECKPOINT_BYTES))
        move_log(n->agent_db, "the agent");
}

/* One at a time: another begins when the one that nobody wants has ended. */
static void look_after_fetching(struct node *n)
{
    uint64_t from;
    const struct replica_snapshot *offer = replica_install(n->replica, &from);
    bool wanted = offer != NULL && offer->token == n->fetching;
    if (n->fetching != 0 && !wanted && !n->fetch_dropped) {
        n->fetch_dropped = true;
        n->hands->snapshot_fetch(n->hands, 0, NULL);
    } else if (n->fetching == 0 && offer != NULL) {
        n->fetching = offer->token;
        n->hands->snapshot_fetch(n->hands, from, offer);
    }
}

static void look_after_files(struct node *n)
{
    look_after_log(n);
    look_after_agent_log(n);
    if (!n->snapshotting && replica_snapshot_wanted(n->replica)) {
        n->snapshotting = true;
        n->hands->snapshot_make(n->hands);
    }
    look_after_fetching(n);
}

/* ---------------- the turn */

static void note_leader(struct node *n)
{
    uint64_t term;
    if (node_leader(n, &term) != 0)
        n->leaderless = (struct mono){0};
    else if (n->leaderless.ms == 0)
        n->leaderless = n->now.mono;
}

/* What was taken in is answered first, and then another node leads, if that does not take too long.
 */
static bool has_answered(const struct node *n)
{
    return map_count(n->pendings) + map_count(n->reads) == 0 && list_empty(&n->held);
}

/* Those that wait for the next leader are sent on to it. */
static bool has_answered_all(const struct node *n)
{
    return has_answered(n) && map_count(n->away) == 0;
}

static bool must_hand_over(const struct node *n)
{
    return n->stopping && !n->handed_over && has_answered(n) && replica_leads(n->replica);
}

static void hand_over(struct node *n)
{
    struct error err;
    if (!must_hand_over(n) || n->change.ticket != 0)
        return;
    n->handed_over = true; /* tried: nobody may be there */
    n->alone = replica_change(n->replica, REPLICA_HAND_OVER, 0, NULL, ++n->next_key, &err) != 0;
    if (!n->alone)
        n->change = (struct member_change){.ticket = n->next_key, .hands_over = true};
}

static bool may_stop(const struct node *n)
{
    bool done = has_answered_all(n) && !must_hand_over(n) && n->change.ticket == 0;
    return n->stopping && (done || n->now.mono.ms >= n->stop_at.ms);
}

/* A database that has failed finds nothing, which is not to say that nothing is there: whatever was
 * concluded from it must not go out. */
static int databases_hold(struct node *n, struct error *err)
{
    if (db_check(n->db, err) != 0)
        return error_wrap(err, "%s", n->options.state_path);
    if (n->agent_db != NULL && db_check(n->agent_db, err) != 0)
        return error_wrap(err, "%s", n->options.agent_path);
    return 0;
}

static int commit(struct node *n, struct error *err)
{
    if (replica_commit(n->replica, err) != 0)
        return error_wrap(err, "%s", n->options.state_path);
    if (n->agent != NULL && agent_dirty(n->agent) && agent_commit(n->agent, err) != 0)
        return error_wrap(err, "%s", n->options.agent_path);
    return databases_hold(n, err);
}

int node_turn(struct node *n, struct event *events, size_t events_n, struct now now,
              struct error *err)
{
    n->now = (struct now){now.mono, clocks_now(n, now)};
    log_look(n->now.mono);
    replica_turn(n->replica, &n->now);
    int rc = 0;
    note_leader(n);
    mail_read(n);
    requests_let_in(n);
    for (size_t i = 0; i < events_n; i++) {
        if (rc == 0)
            rc = event_take(n, &events[i], err);
        event_close(&events[i]);
    }
    if (rc != 0 || node_mend(n, err) != 0)
        return -1;
    lead_follow(n);
    forwards_look(n);
    think(n);
    members_look(n);
    clocks_look(n);
    sums_look(n);
    seen_look(n);
    hint_tick(n);
    if (node_join(n, err) != 0)
        return -1;
    think_as_agent(n);
    hand_over(n);
    members_hand_over(n);
    /* Who waits for what is committed already, waits for no sync of what comes after it. */
    if (!replica_applies(n->replica) && propose_drafts(n, err) != 0)
        return -1;
    struct replica_out out = replica_early(n->replica);
    mail_send_frames(n, &out);
    if (commit(n, err) != 0)
        return -1;

    out = replica_out(n->replica);
    mail_send_frames(n, &out);
    mail_send_posts(n);
    give_answers(n); /* streams begin before what they then hear */
    state_committed(n->state);
    take_outcomes(n, &out);
    tell_outcomes(n);
    lead_follow(n);
    facts_show(n);
    members_tell(n);
    if (databases_hold(n, err) != 0)
        return -1;
    carry_out(n);
    sums_settle(n);
    forwards_applied(n);
    mail_send_posts(n);
    give_answers(n);
    look_after_files(n);
    n->stopped = may_stop(n);
    return 0;
}

/* Something to propose, to read, or to apply: the next turn is due at once. */
static bool restless(const struct node *n)
{
    return n->letters_n > 0 || n->out.n > 0 || n->dones_n > 0 || requests_may_come_in(n) ||
           replica_restless(n->replica);
}

struct mono node_due(struct node *n)
{
    if (restless(n) || must_hand_over(n))
        return (struct mono){0};
    struct mono due = replica_due(n->replica);
    due = mono_earlier(due, forwards_due(n));
    due = mono_earlier(due, hint_due(n));
    due = mono_earlier(due, members_due(n));
    due = mono_earlier(due, clocks_due(n));
    due = mono_earlier(due, seen_due(n));
    if (n->stopping)
        due = mono_earlier(due, n->stop_at);
    if (n->minds_lead && !n->stopping) {
        due = mono_earlier(due, master_due(n->master));
        due = mono_earlier(due, apps_due(n->apps));
        if (!clocks_off(n))
            due = mono_earlier(due, jobs_due(n->jobs));
    }
    if (n->agent != NULL && n->told_leader != 0)
        due = mono_earlier(due, agent_due(n->agent));
    return due;
}

bool node_ready(const struct node *n)
{
    uint64_t term;
    bool led = node_leader(n, &term) != 0 && n->facts.cluster != NULL &&
               n->facts.cluster[0] != '\0' &&
               (hint_needed(n) || (state_level(n->state) > 0 && n->facts.leader_name != NULL));
    return led && (n->agent == NULL || (agent_id(n->agent) >= 0 && n->recovered));
}

bool node_stopped(const struct node *n)
{
    return n->stopped;
}

struct state *node_state(struct node *n)
{
    return n->state;
}

uint64_t node_applied(const struct node *n)
{
    return replica_applied(n->replica);
}

uint64_t node_term(const struct node *n)
{
    return replica_term(n->replica);
}

bool node_member(const struct node *n, size_t i, struct replica_member *out)
{
    return replica_member(n->replica, i, out);
}

bool node_disk_failed(const struct node *n)
{
    return db_failed(n->db) || (n->agent_db != NULL && db_failed(n->agent_db));
}

bool node_leading(const struct node *n)
{
    return n->leading;
}

const struct api *node_api(const struct node *n)
{
    return n->api;
}
