/* From drafts to an entry of the log, and from an entry to outcomes. */
#include "base/assert.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "node/private.h"

#define ENVELOPE_BYTES 1024 /* of one command, beside its arguments */
#define BRACKETS_BYTES 3    /* of an entry: its version and its brackets */

static void add_done(struct node *n, struct origin origin, struct outcome outcome)
{
    if (n->dones_n == n->dones_cap) {
        n->dones_cap = n->dones_cap == 0 ? 64 : n->dones_cap * 2;
        n->dones = mem_realloc(n->dones, n->dones_cap * sizeof n->dones[0]);
    }
    n->dones[n->dones_n++] = (struct done){.origin = origin, .outcome = outcome};
}

void entry_done(struct node *n, struct origin origin)
{
    add_done(n, origin, (struct outcome){.code = ERR_NONE});
}

void entry_failed(struct node *n, struct origin origin, enum error_code code, const char *text)
{
    struct outcome o = {.code = code};
    str_copy(o.text, sizeof o.text, text);
    add_done(n, origin, o);
}

static void lose_draft(struct node *n, struct origin origin, enum error_code code, const char *text)
{
    entry_failed(n, origin, code, text);
    n->dones[n->dones_n - 1].lost = true;
}

/* ---- proposing */

static void take_out(struct out *item)
{
    draft_close(&item->draft);
    buf_close(&item->body);
}

size_t entry_bytes_max(const struct node *n)
{
    return state_level(n->state) < LARGE_LEVEL ? LIMIT_ENTRY_BYTES_OLD : LIMIT_ENTRY_BYTES;
}

/* Takes the drafts out of the outbox, in order: as many as are soon applied, since a node that does
 * so for long is taken for dead. The rest stay for the next turn. Returns how many there were. */
static size_t gather(struct node *n, struct buf *entry, struct batch *b)
{
    size_t most = entry_bytes_max(n), taken = 0, kept = 0, room = most;
    struct error err;
    command_entry_begin(entry);
    for (size_t i = 0; i < n->out.n; i++) {
        struct out *item = &n->out.items[i];
        size_t size = item->draft.args.len + ENVELOPE_BYTES;
        if (item->kind != OUT_DRAFT) {
            n->out.items[kept++] = *item;
        } else if (BRACKETS_BYTES + size > most || buf_full(&item->draft.args)) {
            error_set(&err, ERR_LIMIT,
                      "the change: got %zu bytes or more, need at most %zu: "
                      "change less at once",
                      BRACKETS_BYTES + size, most);
            entry_failed(n, item->origin, err.code, err.text);
            take_out(item);
        } else if (entry->len + size <= room && taken < LIMIT_TURN_COMMANDS) {
            command_entry_add(entry, &item->draft, n->last_at);
            b->origins[taken++] = item->origin;
            take_out(item);
            room = LIMIT_TURN_BYTES;
        } else {
            room = 0;
            n->out.items[kept++] = *item;
        }
    }
    n->out.n = kept;
    command_entry_end(entry);
    return taken;
}

static void batch_free(struct batch *b)
{
    mem_free(b->origins);
    mem_free(b);
}

/* Its outcomes are known: the places that it took are in the state, or were not taken. */
static void batch_end(struct node *n, struct batch *b)
{
    placement_settled(n->placement, b->proposed);
    batch_free(b);
}

int propose_drafts(struct node *n, struct error *err)
{
    size_t drafts = 0;
    for (size_t i = 0; i < n->out.n; i++)
        drafts += n->out.items[i].kind == OUT_DRAFT;
    if (drafts == 0)
        return 0;
    if (n->now.wall.ms > n->last_at.ms)
        n->last_at = n->now.wall;

    struct batch *b = NEW(struct batch);
    struct buf entry;
    buf_init(&entry, LIMIT_ENTRY_BYTES + BRACKETS_BYTES);
    b->origins = mem_zalloc(drafts * sizeof b->origins[0]);
    b->n = gather(n, &entry, b);
    int rc = 0;
    if (b->n == 0) {
        batch_free(b);
    } else {
        b->ticket = ++n->next_key;
        b->proposed = placement_proposed(n->placement);
        map_put(n->batches, b->ticket, b);
        struct error refused;
        if (replica_propose(n->replica, buf_slice(&entry), b->ticket, &refused) != 0) {
            if (refused.code == ERR_UNAVAILABLE || refused.code == ERR_LIMIT)
                batch_failed(n, b->ticket, refused.code);
            else
                rc = error_set(err, refused.code, "%s", refused.text);
        }
    }
    buf_close(&entry);
    return rc;
}

/* ---- applying */

void apply_entry(void *data, uint64_t index, uint64_t term, struct slice entry, uint64_t ticket)
{
    struct node *n = data;
    struct batch *b = ticket != 0 ? map_remove(n->batches, ticket) : NULL;
    struct json *root;
    struct error err;
    if (command_entry_parse(entry, &root, &err) != 0) {
        log_error("log entry unreadable", "index=%llu why=%s", (unsigned long long)index, err.text);
        UNREACHABLE("a committed entry that this build cannot read stops the replica");
    }
    JSON_EACH (element, root) {
        struct command c;
        struct outcome o;
        if (command_from_json(element, &c, &err) != 0) {
            log_error("log entry unreadable", "index=%llu why=%s", (unsigned long long)index,
                      err.text);
            UNREACHABLE("an unknown command stops the replica");
        }
        if (c.at.ms > n->last_at.ms)
            n->last_at = c.at;
        state_apply(n->state, index, term, &c, &o);
        if (b != NULL && b->next < b->n)
            add_done(n, b->origins[b->next++], o);
        else
            outcome_close(&o);
    }
    json_free(root);
    sums_applied(n, index);
    if (b != NULL)
        batch_end(n, b);
}

void batch_failed(struct node *n, uint64_t ticket, enum error_code code)
{
    struct batch *b = map_remove(n->batches, ticket);
    if (b == NULL)
        return;
    const char *text = code == ERR_UNCERTAIN
                           ? "the leadership changed: the change may or may not have happened"
                       : code == ERR_LIMIT
                           ? "too many changes wait to be committed: nothing was changed, try again"
                           : "there is no leader: nothing was changed, try again";
    if (code == ERR_LIMIT) /* of the node, not of what was asked for */
        code = ERR_UNAVAILABLE;
    for (; b->next < b->n; b->next++)
        lose_draft(n, b->origins[b->next], code, text);
    batch_end(n, b);
}

/* Each outcome to who asked for it. What that makes them want goes out with the next turn. */
void tell_outcomes(struct node *n)
{
    for (size_t i = 0; i < n->dones_n; i++) { /* the list may grow meanwhile */
        struct done d = n->dones[i];
        switch (d.origin.kind) {
        case ORIGIN_NOBODY:
            break;
        case ORIGIN_APPS:
            apps_outcome(n->apps, d.origin.key, &d.outcome, n->now, &n->out);
            break;
        case ORIGIN_JOBS:
            jobs_outcome(n->jobs, d.origin.key, &d.outcome, n->now, &n->out);
            break;
        case ORIGIN_MASTER:
            master_outcome(n->master, d.origin.key, &d.outcome, n->now, &n->out);
            break;
        case ORIGIN_NODE:
            n->housekeeping = false;
            break;
        case ORIGIN_DOOR:
            if (d.lost)
                request_lost(n, d.origin, &d.outcome);
            else
                request_outcome(n, d.origin, &d.outcome);
            break;
        }
        outcome_close(&d.outcome);
    }
    n->dones_n = 0;
}

void batches_drop(struct node *n)
{
    struct batch *b;
    for (size_t cursor = 0; (b = map_each(n->batches, &cursor)) != NULL;)
        batch_free(b);
    for (size_t i = 0; i < n->dones_n; i++)
        outcome_close(&n->dones[i].outcome);
    mem_free(n->dones);
    map_free(n->batches);
}
