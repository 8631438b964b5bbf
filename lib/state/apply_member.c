/* How the members of Raft's configuration are: told by the leader when it changes, so that every
 * node can show it, and people see when it was. */
#include <stdio.h>

#include "base/str.h"
#include "model/id.h"
#include "state/private.h"

static void name_of(struct state *s, int64_t id, char dst[ID_SIZE])
{
    struct node_row row;
    struct identity_row removed;
    if (state_node_by_id(s, id, &row))
        str_copy(dst, ID_SIZE, row.name);
    else if (s->level >= LEVEL_LEAVING && state_identity_by_id(s, id, &removed))
        str_copy(dst, ID_SIZE, removed.name);
    else
        snprintf(dst, ID_SIZE, "%lld", (long long)id);
}

static void put(struct apply *a, int64_t id, bool votes, bool up)
{
    struct stmt *q = change_use(a->s, MEMBER_PUT);
    stmt_bind_i64(q, ":node", id);
    stmt_bind_i64(q, ":role", votes);
    stmt_bind_i64(q, ":up", up);
    stmt_bind_i64(q, ":at", a->c->at.ms);
    stmt_run(q);
}

static void drop(struct apply *a, int64_t id)
{
    struct stmt *q = change_use(a->s, MEMBER_DROP);
    stmt_bind_i64(q, ":node", id);
    stmt_run(q);
}

/* In words, the one that matters more: who is down is so whatever it votes. */
static const char *what_changed(bool known, const struct member_row *was, bool votes, bool up,
                                const char **text_out)
{
    if (known && was->up != up) {
        *text_out = up ? "is heard again" : "is not heard any more";
        return up ? "up" : "down";
    }
    *text_out = votes ? "votes now" : "is a standby now";
    return votes ? "votes" : "stands by";
}

static void take(struct apply *a, const struct json *v)
{
    int64_t id = json_int(json_get(v, "node"), 0), role = json_int(json_get(v, "role"), -1);
    bool votes = role == 1, up = json_bool(json_get(v, "up"), false);
    struct member_row was;
    char name[ID_SIZE];
    const char *text;
    bool known = state_member(a->s, id, &was);
    if (role < 0) {
        drop(a, id);
        return;
    }
    if (known && was.votes == votes && was.up == up)
        return;
    put(a, id, votes, up);
    name_of(a->s, id, name);
    const char *what = what_changed(known, &was, votes, up, &text);
    changed(a, (struct change){
                   .kind = CHANGE_NODE,
                   .id = id,
                   .name = name,
                   .event = event_put(a, NOUN_NODE, name, what, "node %s %s", name, text),
               });
}

int apply_node_state(struct apply *a)
{
    JSON_EACH (v, json_get(a->c->args, "set"))
        take(a, v);
    return 0;
}
