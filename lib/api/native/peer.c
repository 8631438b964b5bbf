/* What nodes ask of the cluster, whichever of its masters they reach: a master of the cluster has
 * read their messages (model/join.h) and sends what it wants known through these doors, so that
 * the leader decides. No client meets them: they stand on the peer port alone.
 *
 *     POST /api/peer/join    joining_write()'s object
 *                            200 {"cluster": uuid, "members": [{"id","modes","address"}]}
 *     POST /api/peer/renew   {"id","store","serial","until","key"}      200 {}
 *     POST /api/peer/token   {"id","modes","hash","until"}        200 {}   the first one, which
 *                            `init` has printed before there was a state
 *
 * Modes are bits, times are milliseconds, ids are numbers, as in the log. Whoever asked signs the
 * certificate then, with exactly that serial and end. */
#include "api/native/private.h"
#include "base/limits.h"

/* ---- joining */

/* Whom the one that came may ask from now on. */
static void put_members(struct state *s, struct json_writer *w)
{
    struct identity_row i;
    int n = 0;
    json_array(w);
    struct stmt *q = state_identities(s);
    while (n < LIMIT_SERVERS && state_identity_next(q, &i)) {
        if (i.gone.ms != 0 || !modes_serve(i.modes))
            continue;
        json_object(w);
        json_member_int(w, "id", i.id);
        json_member_int(w, "modes", i.modes);
        json_member_str(w, "address", i.address);
        json_object_end(w);
        n++;
    }
    stmt_end(q);
    json_array_end(w);
}

static void answer_joined(struct tell *t, const struct outcome *o)
{
    (void)o;
    struct json_writer w;
    call_json(&t->c, 200, &w);
    json_object(&w);
    json_member_str(&w, "cluster", t->c.view->facts->cluster);
    json_key(&w, "members");
    put_members(t->c.view->state, &w);
    json_object_end(&w);
}

/* Refused here already, a stranger's guess does not get into the log. */
static void join(struct tell *t)
{
    struct joining j;
    struct error err;
    struct json_writer w;
    const struct call *c = &t->c;
    const struct json *body = call_body(&t->c);
    if (body == NULL)
        return;
    if (joining_read(body, &j, &err) != 0 ||
        state_join_check(c->view->state, &j, c->view->now.wall, &err) != 0) {
        call_error(&t->c, &err);
        return;
    }
    tell_begin(t, COMMAND_NODE_JOIN, &w, answer_joined);
    joining_members(&j, &w);
    tell_end(t, &w);
}

/* ---- renewing */

static void renew(struct tell *t)
{
    struct error err;
    struct json_writer w;
    const struct json *body = call_body(&t->c);
    if (body == NULL)
        return;
    int64_t id = json_int(json_get(body, "id"), 0), store = json_int(json_get(body, "store"), 0);
    if (state_peer_check(t->c.view->state, id, store, &err) != 0) {
        call_error(&t->c, &err);
        return;
    }
    tell_begin(t, COMMAND_NODE_RENEW, &w, NULL);
    json_member_int(&w, "id", id);
    json_member_int(&w, "store", store);
    json_member_int(&w, "serial", json_int(json_get(body, "serial"), 0));
    json_member_int(&w, "until", json_int(json_get(body, "until"), 0));
    json_member_str(&w, "key", json_str(json_get(body, "key"), ""));
    tell_end(t, &w);
}

/* ---- the first token */

static void put_token(struct tell *t)
{
    static const char *const numbers[] = {"id", "modes", "until"};
    struct json_writer w;
    const struct json *body = call_body(&t->c);
    if (body == NULL)
        return;
    tell_begin(t, COMMAND_TOKEN_PUT, &w, NULL);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        json_member_int(&w, numbers[i], json_int(json_get(body, numbers[i]), 0));
    json_member_str(&w, "hash", json_str(json_get(body, "hash"), ""));
    tell_end(t, &w);
}

static const struct door doors[] = {
    {.method = METHOD_POST,
     .pattern = "/api/peer/join",
     .right = MAY_PEER,
     .kind = DOOR_TELL,
     .tell = join,
     .about = "Admit a node"},
    {.method = METHOD_POST,
     .pattern = "/api/peer/renew",
     .right = MAY_PEER,
     .kind = DOOR_TELL,
     .tell = renew,
     .about = "An admitted node has its next certificate"},
    {.method = METHOD_POST,
     .pattern = "/api/peer/token",
     .right = MAY_PEER,
     .kind = DOOR_TELL,
     .tell = put_token,
     .about = "The token that init has printed"},
};

const struct dialect peer_dialect = {
    .name = "peer",
    .doors = doors,
    .n = sizeof doors / sizeof doors[0],
    .private = true,
    .dress = native_dress,
    .fail = native_fail,
    .no_leader_status = 503,
};
