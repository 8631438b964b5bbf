/* Each event to whom it is for. */
#include "node/private.h"

#include "base/log.h"
#include "base/mem.h"
#include "db/rowsum.h"

#define STOP_MS 500       /* for the answers to what was taken in before */
#define UNMENDED_MS 30000 /* without tables in the place of wrong ones: people are told */

void event_close(struct event *e)
{
    request_free(e->request);
    if (e->snapshot != NULL) {
        replica_snapshot_close(e->snapshot);
        mem_free(e->snapshot);
    }
    buf_close(&e->body);
    *e = (struct event){0};
}

struct json *event_body(struct event *e)
{
    struct error err;
    struct json *v = json_parse_own(buf_slice(&e->body), &err);
    if (v == NULL)
        log_error("report unreadable", "kind=%d why=%s", (int)e->kind, err.text);
    return v;
}

static void take_report(struct node *n, struct event *e)
{
    struct json *v = event_body(e);
    if (v == NULL || n->agent == NULL) {
        json_free(v);
        return;
    }
    if (e->kind == EVENT_STATUS)
        agent_status(n->agent, v, n->now, &n->out);
    else
        agent_docker(n->agent, json_str(json_get(v, "docker"), ""),
                     json_str(json_get(v, "docker_reason"), ""), n->now, &n->out);
    json_free(v);
}

/* A fetch has ended, by itself or because it was dropped; meanwhile another may be wanted. */
static int take_fetched(struct node *n, struct event *e, struct error *err)
{
    const struct replica_snapshot *offer = replica_install(n->replica, NULL);
    uint64_t token = n->fetching;
    n->fetching = 0;
    n->fetch_dropped = false;
    if (offer == NULL || offer->token != token)
        return 0;
    if (e->body.len > 0)
        return node_swap_state(n, token, buf_str(&e->body), err);
    replica_install_abort(n->replica);
    return 0;
}

/* Who has another to take them from answers nothing until that is done. */
void node_is_wrong(struct node *n, const char *why)
{
    if (replica_mending(n->replica) || replica_install(n->replica, NULL) != NULL)
        return;
    mem_free(n->wrong);
    n->wrong = mem_strdup(why);
    n->wrong_due = mono_after(n->now.mono, UNMENDED_MS);
    n->facts_due = n->now.mono;
    if (replica_mend(n->replica))
        log_error("the tables of this node are wrong: it takes another's", "why=\"%s\"", why);
}

/* A row may be another than was written, but all else is there, and the log is sound. */
static int keep_tables(struct node *n, struct error *err)
{
    if (db_rowsums_recount(n->db, err) != 0)
        return -1;
    n->sums = (struct sums){0};
    log_error(
        "the tables of this node are wrong, and no other node has any: they count from now on",
        "why=\"%s\" cure=\"look for what was changed, in the newest backup that is whole: "
        "mesolith backup restore\"",
        n->wrong);
    return 0;
}

int node_mend(struct node *n, struct error *err)
{
    if (!replica_mending(n->replica))
        return 0;
    if (replica_mend_in_vain(n->replica))
        return keep_tables(n, err);
    if (replica_install(n->replica, NULL) == NULL && n->now.mono.ms >= n->wrong_due.ms) {
        n->wrong_due = MONO_NEVER;
        log_error("no other node has given its tables in the place of this one's wrong ones",
                  "why=\"%s\" cure=\"start all masters: who is silent may have sound ones\"",
                  n->wrong);
    }
    return 0;
}

int event_take(struct node *n, struct event *e, struct error *err)
{
    switch (e->kind) {
    case EVENT_REQUEST:
        request_begin(n, e->exchange, e->request);
        e->request = NULL;
        break;
    case EVENT_FRAME:
        mail_take_frame(n, e);
        break;
    case EVENT_CLOSED:
        hint_lost(n, e->node);
        lead_note_closed(n, e->node, !e->silent);
        if (!e->silent)
            replica_leader_closed(n->replica, (uint64_t)e->node);
        if (n->minds_lead && !e->silent)
            master_closed(n->master, e->node, n->now, &n->out);
        break;
    case EVENT_STATUS:
    case EVENT_DOCKER:
        take_report(n, e);
        break;
    case EVENT_RECOVERED:
        n->recovered = true;
        if (n->agent != NULL)
            agent_recovered(n->agent, n->now, &n->out);
        break;
    case EVENT_WIPED:
        if (n->agent != NULL)
            agent_wiped(n->agent, e->volume, &n->out);
        break;
    case EVENT_ROUTES_REFUSED:
        if (n->agent != NULL)
            agent_routes_refused(n->agent);
        break;
    case EVENT_ROUTES:
        facts_take_routes(n, e);
        break;
    case EVENT_SNAPSHOT_MADE:
        n->snapshotting = false;
        replica_snapshot_ready(n->replica, e->snapshot);
        break;
    case EVENT_SNAPSHOT_FETCHED:
        return take_fetched(n, e, err);
    case EVENT_DETACHED:
        node_publish_stream(n, e->topic, false, buf_str(&e->body));
        break;
    case EVENT_STATE_WRONG:
        node_is_wrong(n, buf_str(&e->body));
        break;
    case EVENT_CHECKPOINTED:
        n->checkpointing = false;
        n->mostly_moved = e->mostly;
        break;
    case EVENT_NOTICE_TOLD:
        lead_take_told(n, buf_slice(&e->body));
        break;
    case EVENT_STOP:
        n->stopping = true;
        n->stop_at = mono_after(n->now.mono, STOP_MS);
        break;
    }
    return 0;
}
