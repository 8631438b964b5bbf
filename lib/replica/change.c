/* lib/replica/change.c - membership: what the core does not check. It takes any configuration; that
 * only one voter differs, that the leader keeps its own vote, that nothing else is under way and
 * that the order of the servers stays is our duty. */
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/log.h"
#include "replica/private.h"

#define HAND_OVER_ATTEMPTS 3 /* under load the core often asks too early */

static const char *const names[] = {
    [REPLICA_ADD] = "add",       [REPLICA_PROMOTE] = "promote",     [REPLICA_DEMOTE] = "demote",
    [REPLICA_REMOVE] = "remove", [REPLICA_HAND_OVER] = "hand over",
};

static void end(struct replica *r, enum error_code code)
{
    replica_outcome(r, REPLICA_CHANGE, r->change.ticket, code, r->change.index);
    log_info("membership", "change=%s node=%llu outcome=%s", names[r->change.kind],
             (unsigned long long)r->change.id, code == ERR_NONE ? "done" : error_name(code));
    r->change.active = false;
}

static const struct raft_server *member(const struct replica *r, uint64_t id)
{
    const struct raft_configuration *conf = &r->raft.configuration;
    for (unsigned i = 0; i < conf->n; i++)
        if (conf->servers[i].id == id)
            return &conf->servers[i];
    return NULL;
}

/* ---- the new configuration: the old one with one difference */

static bool add_server(struct raft_configuration *conf, uint64_t id, const char *address, int role)
{
    return raft_configuration_add(conf, id, address, role) == 0;
}

static bool make_conf(const struct replica *r, const struct change *c, const char *address,
                      struct raft_configuration *out)
{
    const struct raft_configuration *old = &r->raft.configuration;
    bool good = true;
    raft_configuration_init(out);
    for (unsigned i = 0; i < old->n && good; i++) {
        const struct raft_server *s = &old->servers[i];
        int role = s->role;
        if (s->id == c->id && c->kind == REPLICA_REMOVE)
            continue;
        if (s->id == c->id)
            role = c->kind == REPLICA_PROMOTE ? RAFT_VOTER : RAFT_STANDBY;
        good = add_server(out, s->id, s->address, role);
    }
    if (good && c->kind == REPLICA_ADD)
        good = add_server(out, c->id, address, RAFT_STANDBY);
    if (!good)
        raft_configuration_close(out);
    return good;
}

/* Puts it into the log. */
static int submit(struct replica *r, const char *address, struct error *err)
{
    struct raft_configuration conf;
    if (!make_conf(r, &r->change, address, &conf))
        return error_set(err, ERR_INVALID, "address: %s belongs to another member", address);
    struct buf bytes;
    buf_init(&bytes, LIMIT_ENTRY_BYTES);
    conf_encode(&conf, &bytes);
    raft_configuration_close(&conf);
    uint64_t index = raft_last_index(&r->raft) + 1;
    int rv = replica_submit(r, RAFT_CHANGE, buf_slice(&bytes));
    buf_close(&bytes);
    if (rv != 0)
        return error_set(err, rv == RAFT_CANTCHANGE ? ERR_CONFLICT : ERR_UNAVAILABLE, "raft: %s",
                         raft_strerror(rv));
    r->change.index = index;
    return 0;
}

/* ---- beginning */

static int step_about(struct replica *r, enum raft_event_type type, uint64_t id)
{
    struct raft_event event = event_of(type);
    if (type == RAFT_CATCH_UP)
        event.catch_up.server_id = id;
    else
        event.transfer.server_id = id;
    return replica_step(r, &event);
}

/* The core's own end of a catch-up comes with the next entry; who has everything needs none. */
static int begin_promotion(struct replica *r, struct error *err)
{
    raft_index match = 0;
    if (raft_match_index(&r->raft, r->change.id, &match) == 0 && match == raft_last_index(&r->raft))
        return submit(r, NULL, err);
    int rv = step_about(r, RAFT_CATCH_UP, r->change.id);
    return rv == 0 ? 0 : error_set(err, ERR_UNAVAILABLE, "raft: %s", raft_strerror(rv));
}

void change_leave(struct replica *r)
{
    int rv = step_about(r, RAFT_TRANSFER, 0);
    if (rv != 0)
        log_debug("nobody else can lead yet", "why=\"%s\"", raft_strerror(rv));
}

static int begin_hand_over(struct replica *r, struct error *err)
{
    int rv = step_about(r, RAFT_TRANSFER, r->change.id);
    r->change.attempts = 1;
    if (rv == 0)
        return 0;
    if (rv == RAFT_NOTFOUND || rv == RAFT_BADID)
        return error_set(err, ERR_NOT_FOUND, "no other voter can take the leadership");
    return error_set(err, ERR_UNAVAILABLE, "raft: %s", raft_strerror(rv));
}

static int check_target(const struct replica *r, enum replica_change_kind kind, uint64_t id,
                        const char *address, struct error *err)
{
    const struct raft_server *s = member(r, id);
    switch (kind) {
    case REPLICA_ADD:
        if (id == 0 || id > INT64_MAX || address == NULL || address[0] == '\0' ||
            strlen(address) > REPLICA_ADDRESS_MAX)
            return error_set(err, ERR_INVALID, "a new member needs an id and an address");
        if (s != NULL)
            return error_set(err, ERR_CONFLICT, "it is a member already");
        if (r->raft.configuration.n >= LIMIT_SERVERS)
            return error_set(err, ERR_LIMIT, "the cluster has %d members, more it may not have",
                             LIMIT_SERVERS);
        return 0;
    case REPLICA_PROMOTE:
    case REPLICA_DEMOTE:
        if (s != NULL && (s->role == RAFT_VOTER) == (kind == REPLICA_PROMOTE))
            return error_set(err, ERR_CONFLICT, "it is that already");
        /* fall through */
    case REPLICA_REMOVE:
        if (s == NULL)
            return error_set(err, ERR_NOT_FOUND, "there is no such member");
        if (id == r->options.id)
            return error_set(err, ERR_CONFLICT, "it is the leader: hand the leadership over first");
        return 0;
    case REPLICA_HAND_OVER:
        if (id == r->options.id)
            return error_set(err, ERR_CONFLICT, "it leads already");
        return 0;
    }
    UNREACHABLE("no such change");
}

static int check_now(const struct replica *r, struct error *err)
{
    if (!replica_leads(r) || r->failed.code != ERR_NONE)
        return error_set(err, ERR_UNAVAILABLE, "this node does not lead");
    if (r->change.active || r->raft.configuration_uncommitted_index != 0 ||
        r->raft.leader_state.promotee_id != 0 || raft_transferee(&r->raft) != 0)
        return error_set(err, ERR_CONFLICT, "another change of members is under way");
    return 0;
}

int replica_change(struct replica *r, enum replica_change_kind kind, uint64_t id,
                   const char *address, uint64_t ticket, struct error *err)
{
    ASSERT(r->in_turn);
    if (check_now(r, err) != 0 || check_target(r, kind, id, address, err) != 0)
        return -1;
    r->change = (struct change){.active = true, .kind = kind, .id = id, .ticket = ticket};
    int rv = kind == REPLICA_PROMOTE     ? begin_promotion(r, err)
             : kind == REPLICA_HAND_OVER ? begin_hand_over(r, err)
                                         : submit(r, address, err);
    if (rv != 0)
        r->change.active = false;
    return rv;
}

/* ---- going on */

static void turn_promotion(struct replica *r)
{
    struct error err;
    int status = RAFT_CATCH_UP_ABORTED;
    if (r->change.index != 0)
        return;
    if (member(r, r->change.id) == NULL || raft_catch_up(&r->raft, r->change.id, &status) != 0 ||
        status == RAFT_CATCH_UP_ABORTED)
        end(r, ERR_UNAVAILABLE);
    else if (status == RAFT_CATCH_UP_FINISHED && submit(r, NULL, &err) != 0)
        end(r, err.code);
}

static void turn_hand_over(struct replica *r)
{
    struct error err;
    if (raft_transferee(&r->raft) != 0)
        return;
    unsigned attempts = r->change.attempts;
    if (attempts >= HAND_OVER_ATTEMPTS || begin_hand_over(r, &err) != 0)
        end(r, ERR_UNAVAILABLE);
    else
        r->change.attempts = attempts + 1;
}

void change_turn(struct replica *r)
{
    if (!r->change.active || r->failed.code != ERR_NONE)
        return;
    if (r->change.kind == REPLICA_PROMOTE)
        turn_promotion(r);
    else if (r->change.kind == REPLICA_HAND_OVER)
        turn_hand_over(r);
}

void change_applied(struct replica *r, uint64_t index, uint64_t term)
{
    if (!r->change.active || r->change.index != index || term != replica_term(r))
        return;
    if (r->change.kind == REPLICA_REMOVE)
        send_number(r, r->change.id, FRAME_REMOVED, (struct frame_number){.term = term});
    end(r, ERR_NONE);
}

void change_lost(struct replica *r)
{
    if (!r->change.active)
        return;
    bool handed_over = r->change.kind == REPLICA_HAND_OVER;
    end(r, handed_over ? ERR_NONE : r->change.index != 0 ? ERR_UNCERTAIN : ERR_UNAVAILABLE);
}
