/* Changing nodes: what people want of them. Who votes is a wish in the state, which the leader sees
 * to when that does no harm (DESIGN 5); so a door refuses only what could never come true. */
#include "api/native/private.h"

#include <stdio.h>

#include "base/str.h"

/* ---- draining */

static void drain(struct tell *t, bool wanted)
{
    struct native_node n;
    struct json_writer w;
    if (native_once(t, native_written) || !native_path_node(&t->c, &n))
        return;
    if (n.agent < 0) {
        call_fail(&t->c, ERR_CONFLICT, "node %s runs no tasks: it has not the mode agent", n.name);
        return;
    }
    tell_begin(t, COMMAND_AGENT_DRAIN, &w, native_written);
    json_member_int(&w, "agent", n.agent);
    json_member_bool(&w, "drain", wanted);
    tell_end(t, &w);
}

void native_drain_node(struct tell *t)
{
    drain(t, true);
}

void native_undrain_node(struct tell *t)
{
    drain(t, false);
}

/* ---- who votes */

/* A node of a cluster, not one that stands alone; false after having failed the call. */
static bool path_of_cluster(struct tell *t, struct native_node *n)
{
    struct identity_row i;
    if (!native_path_node(&t->c, n))
        return false;
    if (state_identity_by_id(t->c.view->state, n->node, &i) && i.gone.ms == 0)
        return true;
    call_fail(&t->c, ERR_CONFLICT,
              "node %s stands alone, it is of no cluster: make one with mesolith init", n->name);
    return false;
}

struct votes {
    size_t all, live;
    bool its, its_live;
};

/* Who was removed counts as a voter until the others have agreed to vote without it, and may be
 * switched off meanwhile. */
static bool is_live(const struct view *v, const struct member_fact *m)
{
    struct identity_row i;
    bool gone = state_identity_by_id(v->state, m->id, &i) && i.gone.ms != 0;
    return m->live && !gone;
}

static struct votes count_votes(const struct view *v, int64_t node)
{
    struct votes votes = {0};
    for (size_t i = 0; i < v->facts->members_n; i++) {
        const struct member_fact *m = &v->facts->members[i];
        bool live = m->voter && is_live(v, m);
        votes.all += m->voter;
        votes.live += live;
        votes.its |= m->voter && m->id == node;
        votes.its_live |= live && m->id == node;
    }
    return votes;
}

/* May a voter go? Those that are left must have a majority that is up; false after having failed
 * the call. */
static bool can_go(struct tell *t, const struct native_node *n)
{
    struct votes v = count_votes(t->c.view, n->node);
    if (!v.its)
        return true;
    if (v.all == 1) {
        call_fail(&t->c, ERR_CONFLICT,
                  "node %s is the only one that votes: have two other masters join first", n->name);
        return false;
    }
    if (v.live - v.its_live > (v.all - 1) / 2)
        return true;
    call_fail(&t->c, ERR_CONFLICT,
              "node %s: without it %zu vote, of whom %zu are up, and no majority would be left: "
              "bring another one up first",
              n->name, v.all - 1, v.live - v.its_live);
    return false;
}

static void hold(struct tell *t, bool wanted)
{
    struct native_node n;
    struct json_writer w;
    if (native_once(t, native_written) || !path_of_cluster(t, &n))
        return;
    if ((n.modes & MODE_MASTER) == 0) {
        call_fail(&t->c, ERR_CONFLICT, "node %s has not the mode master, which voting needs",
                  n.name);
        return;
    }
    if (wanted && !can_go(t, &n))
        return;
    tell_begin(t, COMMAND_NODE_HOLD, &w, native_written);
    json_member_int(&w, "id", n.node);
    json_member_bool(&w, "hold", wanted);
    tell_end(t, &w);
}

void native_promote_node(struct tell *t)
{
    hold(t, false);
}

void native_demote_node(struct tell *t)
{
    hold(t, true);
}

/* ---- leaving the cluster */

/* Who is removed may be switched off at once, before the others have agreed to vote without it:
 * until then they need a majority of as many as vote now. */
static bool can_leave(struct tell *t, const struct native_node *n)
{
    struct votes v = count_votes(t->c.view, n->node);
    const struct facts *f = t->c.view->facts;
    for (size_t i = 0; i < f->members_n; i++) {
        const struct member_fact *m = &f->members[i];
        bool rises = m->id == n->node && m->rising;
        bool falls = m->id != n->node && m->voter && state_node_is_held(t->c.view->state, m->id);
        if (!rises && !(v.its && falls))
            continue;
        call_fail(&t->c, ERR_CONFLICT,
                  rises ? "node %s is being made a voter just now: try again"
                        : "node %s: another one is to vote no more: try again when it does not",
                  n->name);
        return false;
    }
    if (!v.its || v.live - v.its_live > v.all / 2)
        return true;
    call_fail(&t->c, ERR_CONFLICT,
              "node %s: %zu vote, and without it only %zu of them are up, which is no majority: "
              "demote it first",
              n->name, v.all, v.live - v.its_live);
    return false;
}

void native_delete_node(struct tell *t)
{
    struct native_node n;
    struct json_writer w;
    if (native_once(t, native_written) || !path_of_cluster(t, &n))
        return;
    if (n.node == native_leader(t->c.view)) {
        call_fail(&t->c, ERR_CONFLICT,
                  "node %s leads the cluster: have another one lead first, with mesolith leader "
                  "transfer",
                  n.name);
        return;
    }
    if (!can_go(t, &n) || !can_leave(t, &n))
        return;
    tell_begin(t, COMMAND_NODE_REMOVE, &w, native_written);
    json_member_int(&w, "id", n.node);
    json_member_int(&w, "leaving", state_voters_leaving(t->c.view->state));
    tell_end(t, &w);
}

/* ---- who leads */

/* The node that the body names; 0: whoever has most. False after having failed the call. */
static bool read_successor(struct tell *t, struct native_node *out)
{
    *out = (struct native_node){.agent = -1};
    if (t->c.request->body.len == 0)
        return true;
    const struct json *body = call_body(&t->c);
    if (body == NULL)
        return false;
    char got[80];
    const struct json *v = json_get(body, "node");
    if (v == NULL)
        return true;
    if (!json_is(v, JSON_STRING)) {
        call_fail(&t->c, ERR_INVALID, "node: got %s, need a node's name or id as text",
                  json_quote(got, sizeof got, v));
        return false;
    }
    bool found = native_find(t->c.view, json_str(v, ""), out);
    if (found && out->same == 1)
        return true;
    if (found)
        call_fail(&t->c, ERR_CONFLICT, "node: %u are called %.200s, need the id of one", out->same,
                  json_str(v, ""));
    else
        call_fail(&t->c, ERR_NOT_FOUND, "node: %.200s does not exist", json_str(v, ""));
    return false;
}

void native_transfer_leader(struct tell *t)
{
    struct native_node n;
    const struct view *v = t->c.view;
    if (native_once(t, native_written) || !read_successor(t, &n))
        return;
    struct votes votes = count_votes(v, n.node);
    if (n.node == native_leader(v) || (n.node == 0 && call_is_for_another_term(&t->c)))
        native_unchanged(t); /* it leads already, or another one does as was asked for */
    else if (n.node != 0 && !votes.its)
        call_fail(&t->c, ERR_CONFLICT, "node: %s does not vote, need one that does", n.name);
    else if (votes.all < 2)
        call_fail(&t->c, ERR_CONFLICT,
                  "no other node votes: have two other masters join the cluster first");
    else
        tell_hand_over(t, n.node, native_written);
}
