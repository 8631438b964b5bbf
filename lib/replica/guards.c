#include "replica/guards.h"

void guard_stale_append(const struct applied *applied, struct frame_append *a)
{
    if (a->prev_index >= applied->index)
        return;
    uint64_t drop = applied->index - a->prev_index;
    unsigned n = drop < a->n ? (unsigned)drop : a->n;
    for (unsigned i = n; i < a->n; i++)
        a->entries[i - n] = a->entries[i];
    a->n -= n;
    a->prev_index = applied->index;
    a->prev_term = applied->term;
}

static struct raft_server *server(const struct raft_configuration *conf, uint64_t id)
{
    for (unsigned i = 0; i < conf->n; i++)
        if (conf->servers[i].id == id)
            return &conf->servers[i];
    return NULL;
}

bool guard_is_sole_voter(const struct raft_configuration *conf, uint64_t id)
{
    const struct raft_server *self = server(conf, id);
    if (self == NULL || self->role != RAFT_VOTER)
        return false;
    for (unsigned i = 0; i < conf->n; i++)
        if (conf->servers[i].role == RAFT_VOTER && conf->servers[i].id != id)
            return false;
    return true;
}

void guard_pre_vote_term(uint64_t term, struct raft_request_vote_result *v)
{
    if (v->pre_vote && !v->vote_granted && v->term < term)
        v->term = term;
}

bool guard_late_rejection(struct raft *raft, uint64_t from, struct raft_append_entries_result *a)
{
    raft_index match;
    if (a->rejected == 0 || a->term != raft_current_term(raft) ||
        raft_match_index(raft, from, &match) != 0)
        return false;
    if (a->rejected <= match)
        return true;
    if (a->last_log_index < match)
        a->last_log_index = match;
    return false;
}

int guard_lend_vote(struct raft *raft, bool silent, struct raft_request_vote *v)
{
    struct raft_server *self = server(&raft->configuration, raft->id);
    if (self == NULL || self->role == RAFT_VOTER)
        return -1;
    int role = self->role;
    self->role = RAFT_VOTER;
    if (silent)
        v->disrupt_leader = true;
    return role;
}

void guard_take_vote_back(struct raft *raft, int role)
{
    if (role >= 0)
        server(&raft->configuration, raft->id)->role = role;
}

unsigned guard_split_changes(const struct frame_append *a, unsigned i)
{
    unsigned n = 1;
    while (i + n < a->n && a->entries[i + n].type != RAFT_CHANGE)
        n++;
    return n;
}

bool guard_two_changes(const struct raft *raft, const struct storage *s, uint64_t prev_index,
                       uint64_t prev_term, const struct frame_entry *first)
{
    uint64_t pending = raft->configuration_uncommitted_index;
    return first->type == RAFT_CHANGE && pending != 0 && pending <= prev_index &&
           storage_term_of(s, prev_index) == prev_term;
}
