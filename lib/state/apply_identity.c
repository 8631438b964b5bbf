/* Who may come into the cluster, and who came (DESIGN 5): tokens, and the identities of nodes. */
#include <stdio.h>

#include "base/limits.h"
#include "base/str.h"
#include "model/address.h"
#include "model/join.h"
#include "model/token.h"
#include "state/private.h"

#define NEW_FOLDER "start it with an empty data folder, as a new node"

/* ---- tokens */

static int64_t count(struct state *s, int which)
{
    return stmt_one_i64(query_use(s, which), 0);
}

static void token_changed(struct apply *a, int64_t id, const char *what, const char *more)
{
    char name[TOKEN_ID_SIZE];
    token_id_text(id, name);
    changed(a, (struct change){
                   .kind = CHANGE_TOKEN,
                   .id = id,
                   .name = name,
                   .event = event_put(a, NOUN_TOKEN, name, what, "token %s %s", name, more),
               });
}

static void trim_tokens(struct apply *a)
{
    struct stmt *q = change_use(a->s, TOKENS_TRIM);
    stmt_bind_i64(q, ":before", a->c->at.ms - LIMIT_TOKEN_KEPT_MS);
    stmt_run(q);
}

static void add_token(struct apply *a, int64_t id, unsigned modes, struct wall until,
                      const uint8_t hash[SHA256_SIZE])
{
    struct stmt *q = change_use(a->s, TOKEN_ADD);
    stmt_bind_i64(q, ":id", id);
    stmt_bind_i64(q, ":modes", modes);
    stmt_bind_blob(q, ":hash", (struct slice){(const char *)hash, SHA256_SIZE});
    stmt_bind_text(q, ":by", a->c->by);
    stmt_bind_i64(q, ":at", a->c->at.ms);
    stmt_bind_i64(q, ":until", until.ms);
    stmt_run(q);
}

int apply_token_put(struct apply *a)
{
    const struct json *v = a->c->args;
    int64_t id = json_int(json_get(v, "id"), 0), modes = json_int(json_get(v, "modes"), 0);
    struct wall until = {json_int(json_get(v, "until"), 0)};
    uint8_t hash[SHA256_SIZE];
    struct error err;
    struct token_row known;
    char words[MODES_TEXT_SIZE], end[TIME_TEXT_SIZE], more[80];
    if (id <= 0 || id > UINT32_MAX)
        return refuse(a, ERR_INVALID, "token.put: id: need a number of 32 bits, not 0");
    if (!hex_decode(hash, sizeof hash, json_str(json_get(v, "hash"), "")))
        return refuse(a, ERR_INVALID, "token.put: hash: need 64 hexadecimal digits");
    if (modes < 0 || modes > MODES_ALL)
        modes = 0;
    if (token_check((unsigned)modes, until, a->c->at, &err) != 0)
        return refuse(a, err.code, "%s", err.text);
    trim_tokens(a);
    if (state_token_by_id(a->s, id, &known))
        return refuse_stale(a, "token.put: id: %08llx is there already: draw another",
                            (unsigned long long)id);
    if (count(a->s, TOKENS_COUNT) >= LIMIT_TOKENS)
        return refuse(a, ERR_LIMIT,
                      "token: there are %d already, need fewer: let them expire, a revoked one is "
                      "kept until then, too",
                      LIMIT_TOKENS);
    add_token(a, id, (unsigned)modes, until, hash);
    snprintf(more, sizeof more, "for %s was made, good until %s",
             modes_text((unsigned)modes, words), wall_text(until, end));
    token_changed(a, id, "put", more);
    return 0;
}

int apply_token_revoke(struct apply *a)
{
    int64_t id = json_int(json_get(a->c->args, "id"), 0);
    struct token_row row;
    char name[TOKEN_ID_SIZE];
    if (!state_token_by_id(a->s, id, &row))
        return refuse(a, ERR_NOT_FOUND,
                      "token: got %s, which is not there: mesolith token list "
                      "shows those that are",
                      token_id_text(id, name));
    if (row.revoked.ms != 0)
        return 0; /* it was told already */
    struct stmt *q = change_use(a->s, TOKEN_REVOKE);
    stmt_bind_i64(q, ":id", id);
    stmt_bind_i64(q, ":at", a->c->at.ms);
    stmt_run(q);
    token_changed(a, id, "revoked", "was revoked");
    return 0;
}

/* ---- who may join */

static bool knows_secret(struct state *s, int64_t id, const uint8_t hash[SHA256_SIZE])
{
    struct stmt *q = query_use(s, TOKEN_HASH);
    stmt_bind_i64(q, ":id", id);
    if (!stmt_row(q))
        return false;
    struct slice kept = stmt_blob(q, 0);
    bool same = kept.len == SHA256_SIZE && secret_equal(kept.p, hash, SHA256_SIZE);
    stmt_end(q);
    return same;
}

/* What a token is like is only for those who know its secret. */
static int check_token(struct state *s, const struct joining *j, struct wall at, struct error *err)
{
    struct token_row t;
    char name[TOKEN_ID_SIZE], when[TIME_TEXT_SIZE], has[MODES_TEXT_SIZE], wants[MODES_TEXT_SIZE];
    token_id_text(j->token, name);
    if (!knows_secret(s, j->token, j->hash) || !state_token_by_id(s, j->token, &t))
        return error_set(err, ERR_INVALID,
                         "token: got %s, which is not one of this cluster, or was forgotten: make "
                         "one with mesolith token create",
                         name);
    if (t.revoked.ms != 0)
        return error_set(err, ERR_INVALID,
                         "token: %s was revoked at %s: make another with mesolith token create",
                         name, wall_text(t.revoked, when));
    if (at.ms >= t.until.ms)
        return error_set(err, ERR_INVALID,
                         "token: %s was good until %s: make another with mesolith token create",
                         name, wall_text(t.until, when));
    if ((j->modes & ~t.modes) != 0)
        return error_set(err, ERR_INVALID, "modes: got %s, need some of %s, which token %s is for",
                         modes_text(j->modes, wants), modes_text(t.modes, has), name);
    struct identity_row row; /* who comes again: a token for agents makes no agent of a master */
    if (state_identity_by_id(s, j->id, &row) && (row.modes & ~t.modes) != 0)
        return error_set(err, ERR_INVALID,
                         "token: %s is for %s, and node %lld is %s: need one for all of that", name,
                         modes_text(t.modes, has), (long long)j->id, modes_text(row.modes, wants));
    return 0;
}

static int check_shape(const struct joining *j, struct wall at, struct error *err)
{
    struct address address;
    if (j->id <= 0 || j->store <= 0 || j->serial <= 0)
        return error_set(err, ERR_INVALID, "%s: need a positive number",
                         j->id <= 0      ? "id"
                         : j->store <= 0 ? "store"
                                         : "serial");
    if (j->modes == 0 || (j->modes & ~MODES_ALL) != 0)
        return error_set(err, ERR_INVALID, "modes: need some of master,scheduler,agent");
    if (j->until.ms <= at.ms)
        return error_set(err, ERR_INVALID, "until: need a time that is not over");
    return address_parse(j->address, &address, err);
}

/* An id is for one key, once it has said one. `key` NULL: it says none. */
static int check_key(struct state *s, const struct identity_row *row, const uint8_t *key,
                     struct error *err)
{
    uint8_t known[SHA256_SIZE];
    char is[2 * SHA256_SIZE + 1] = "none", has[2 * SHA256_SIZE + 1];
    if (!state_identity_key(s, row->id, known) ||
        (key != NULL && secret_equal(key, known, SHA256_SIZE)))
        return 0;
    if (key != NULL)
        hex_encode(is, key, SHA256_SIZE);
    hex_encode(has, known, SHA256_SIZE);
    return error_set(err, ERR_CONFLICT,
                     "key: got %.8s, node %lld (%.40s) has %.8s, and an id is for one key: put its "
                     "certs/node.key back, or remove that node and " NEW_FOLDER,
                     is, (long long)row->id, row->name, has);
}

/* An id is for one disk, and a disk has one id. */
static int check_disk(struct state *s, const struct joining *j, struct error *err)
{
    struct identity_row row;
    if (state_identity_by_id(s, j->id, &row)) {
        if (row.gone.ms != 0)
            return error_set(err, ERR_CONFLICT,
                             "id: node %lld was replaced, its id is not used again: " NEW_FOLDER,
                             (long long)j->id);
        if (row.store != j->store)
            return error_set(err, ERR_CONFLICT,
                             "store: got %lld, node %lld has %lld, and an id is for one disk: "
                             "" NEW_FOLDER,
                             (long long)j->store, (long long)j->id, (long long)row.store);
        return check_key(s, &row, j->has_key ? j->key : NULL, err);
    }
    if (identity_by_store(s, j->store, &row))
        return error_set(err, ERR_CONFLICT,
                         "store: got %lld, which is node %lld's, and a disk has one id: put its "
                         "node.json back, or " NEW_FOLDER,
                         (long long)j->store, (long long)row.id);
    if (count(s, IDENTITIES_COUNT) >= LIMIT_NODES)
        return error_set(err, ERR_LIMIT, "cluster: has %d nodes, need fewer: remove some",
                         LIMIT_NODES);
    return 0;
}

/* An address is one node's; another takes it with the place of the first. */
static int check_place(struct state *s, const struct joining *j, struct error *err)
{
    struct identity_row holder;
    if (j->replaces == j->id)
        return error_set(err, ERR_INVALID, "replaces: got the node itself, need another");
    if (j->replaces != 0 && !state_identity_by_id(s, j->replaces, &holder))
        return error_set(err, ERR_NOT_FOUND, "replaces: node %lld is not of this cluster",
                         (long long)j->replaces);
    if (!state_identity_by_address(s, j->address, &holder) || holder.id == j->id ||
        holder.id == j->replaces)
        return 0;
    return error_set(err, ERR_CONFLICT,
                     "address: %s is that of node %lld (%s): name another, or remove that node "
                     "first",
                     j->address, (long long)holder.id, holder.name);
}

int state_join_check(struct state *s, const struct joining *j, struct wall at, struct error *err)
{
    if (s->level < LEVEL_IDENTITY)
        return error_set(err, ERR_UNAVAILABLE,
                         "cluster: its state is at level %d, joining needs %d: upgrade all nodes",
                         s->level, LEVEL_IDENTITY);
    if (check_shape(j, at, err) != 0)
        return -1;
    if (j->token != 0 && check_token(s, j, at, err) != 0)
        return -1;
    if (j->token == 0 && count(s, IDENTITIES_COUNT) > 0)
        return error_set(err, ERR_INVALID,
                         "token: is missing: make one with mesolith token create");
    return check_disk(s, j, err) != 0 || check_place(s, j, err) != 0 ? -1 : 0;
}

int state_peer_check(struct state *s, int64_t id, int64_t store, struct error *err)
{
    struct identity_row row;
    if (!state_identity_by_id(s, id, &row))
        return error_set(err, ERR_NOT_FOUND,
                         "node %lld is not of this cluster any more: join it again with a token",
                         (long long)id);
    if (row.gone.ms != 0)
        return error_set(err, ERR_CONFLICT,
                         "node %lld was replaced, its id is not used again: " NEW_FOLDER,
                         (long long)id);
    if (row.store != store)
        return error_set(err, ERR_CONFLICT,
                         "store: got %lld, node %lld has %lld, and an id is for one disk: "
                         "" NEW_FOLDER,
                         (long long)store, (long long)id, (long long)row.store);
    return 0;
}

/* ---- joining */

void joining_members(const struct joining *j, struct json_writer *w)
{
    char hash[2 * SHA256_SIZE + 1];
    json_member_int(w, "id", j->id);
    json_member_int(w, "store", j->store);
    json_member_str(w, "name", j->name);
    json_member_str(w, "address", j->address);
    json_member_int(w, "modes", j->modes);
    json_member_int(w, "serial", j->serial);
    json_member_int(w, "until", j->until.ms);
    if (j->token != 0) {
        hex_encode(hash, j->hash, SHA256_SIZE);
        json_member_int(w, "token", j->token);
        json_member_str(w, "hash", hash);
    }
    if (j->replaces != 0)
        json_member_int(w, "replaces", j->replaces);
    if (j->has_key) {
        hex_encode(hash, j->key, SHA256_SIZE);
        json_member_str(w, "key", hash);
    }
}

void joining_write(const struct joining *j, struct json_writer *w)
{
    json_object(w);
    joining_members(j, w);
    json_object_end(w);
}

/* What is none is taken for none said: whether a command is refused may not hang on a member that
 * older builds do not know. */
static bool read_key(const struct json *v, uint8_t out[SHA256_SIZE])
{
    return hex_decode(out, SHA256_SIZE, json_str(json_get(v, "key"), ""));
}

int joining_read(const struct json *v, struct joining *j, struct error *err)
{
    int64_t modes = json_int(json_get(v, "modes"), 0);
    *j = (struct joining){
        .id = json_int(json_get(v, "id"), 0),
        .store = json_int(json_get(v, "store"), 0),
        .name = json_str(json_get(v, "name"), ""),
        .address = json_str(json_get(v, "address"), ""),
        .modes = modes > 0 && modes <= MODES_ALL ? (unsigned)modes : 0,
        .serial = json_int(json_get(v, "serial"), 0),
        .until = {json_int(json_get(v, "until"), 0)},
        .token = json_int(json_get(v, "token"), 0),
        .replaces = json_int(json_get(v, "replaces"), 0),
    };
    if (j->token != 0 && !hex_decode(j->hash, sizeof j->hash, json_str(json_get(v, "hash"), "")))
        return error_set(err, ERR_INVALID, "hash: need 64 hexadecimal digits");
    j->has_key = read_key(v, j->key);
    return 0;
}

static void trim_gone(struct apply *a)
{
    struct stmt *q = change_use(a->s, IDENTITIES_TRIM);
    stmt_bind_i64(q, ":keep", LIMIT_NODES_GONE);
    stmt_run(q);
}

static void drop_key(struct apply *a, int64_t node)
{
    if (a->s->level < LEVEL_KEYS)
        return;
    struct stmt *q = change_use(a->s, IDENTITY_KEY_DROP);
    stmt_bind_i64(q, ":node", node);
    stmt_run(q);
}

static void put_key(struct apply *a, int64_t node, const uint8_t hash[SHA256_SIZE])
{
    if (a->s->level < LEVEL_KEYS)
        return;
    struct stmt *q = change_use(a->s, IDENTITY_KEY_PUT);
    stmt_bind_i64(q, ":node", node);
    stmt_bind_blob(q, ":hash", (struct slice){(const char *)hash, SHA256_SIZE});
    stmt_run(q);
}

static void replace(struct apply *a, const struct joining *j)
{
    struct identity_row old;
    char name[24], more[24];
    if (j->replaces == 0 || !state_identity_by_id(a->s, j->replaces, &old) || old.gone.ms != 0)
        return;
    struct stmt *q = change_use(a->s, IDENTITY_GONE);
    stmt_bind_i64(q, ":id", old.id);
    stmt_bind_i64(q, ":at", a->c->at.ms);
    stmt_run(q);
    drop_key(a, old.id);
    snprintf(name, sizeof name, "%lld", (long long)old.id);
    snprintf(more, sizeof more, "%lld", (long long)j->id);
    changed(a, (struct change){
                   .kind = CHANGE_NODE,
                   .id = old.id,
                   .name = old.name,
                   .event = event_put(a, NOUN_NODE, old.name, "replaced",
                                      "node %s (%s) was replaced by node %s", old.name, name, more),
               });
    if (a->s->level >= AWAY_LEVEL)
        agents_gone(a, old.id, "its node was replaced");
    trim_gone(a);
}

static void count_use(struct apply *a, int64_t token)
{
    struct stmt *q = change_use(a->s, TOKEN_USED);
    stmt_bind_i64(q, ":id", token);
    stmt_bind_i64(q, ":at", a->c->at.ms);
    stmt_run(q);
}

static void put_identity(struct apply *a, const struct joining *j)
{
    struct stmt *q = change_use(a->s, IDENTITY_PUT);
    stmt_bind_i64(q, ":id", j->id);
    stmt_bind_i64(q, ":store", j->store);
    stmt_bind_text(q, ":name", j->name);
    stmt_bind_text(q, ":address", j->address);
    stmt_bind_i64(q, ":modes", j->modes);
    stmt_bind_i64(q, ":serial", j->serial);
    stmt_bind_i64(q, ":until", j->until.ms);
    stmt_bind_i64(q, ":at", a->c->at.ms);
    if (j->token != 0)
        stmt_bind_i64(q, ":token", j->token);
    stmt_run(q);
}

int apply_node_join(struct apply *a)
{
    struct joining j;
    struct error err;
    char modes[MODES_TEXT_SIZE];
    if (joining_read(a->c->args, &j, &err) != 0 || state_join_check(a->s, &j, a->c->at, &err) != 0)
        return refuse(a, err.code, "%s", err.text);
    replace(a, &j); /* first: the address is free then */
    put_identity(a, &j);
    if (j.has_key)
        put_key(a, j.id, j.key);
    if (j.token != 0)
        count_use(a, j.token);
    changed(a, (struct change){
                   .kind = CHANGE_NODE,
                   .id = j.id,
                   .name = j.name,
                   .event = event_put(a, NOUN_NODE, j.name, "joined", "node %s joined as %s at %s",
                                      j.name, modes_text(j.modes, modes), j.address),
               });
    return 0;
}

/* But not from `members`, where it is until it votes no more; before that level, there too. */
static void drop_node(struct apply *a, int64_t node)
{
    static const int rows[] = {NODE_DROP, LISTENERS_DROP, HOLD_END, MEMBER_DROP};
    bool drops_member = a->s->level >= LEVEL_MEMBERS && a->s->level < LEVEL_LEAVING;
    size_t n = sizeof rows / sizeof rows[0] - !drops_member;
    for (size_t i = 0; i < n; i++) {
        struct stmt *q = change_use(a->s, rows[i]);
        stmt_bind_i64(q, ":node", node);
        stmt_run(q);
    }
    if (a->s->level >= ENDS_LEVEL) {
        struct stmt *q = change_use(a->s, NODE_REGION_DROP);
        stmt_bind_i64(q, ":node", node);
        stmt_run(q);
    }
    drop_key(a, node);
}

static bool knows_node(struct state *s, int64_t id, char name[JOIN_NAME_MAX + 1])
{
    struct identity_row identity;
    struct node_row node;
    bool admitted = state_identity_by_id(s, id, &identity);
    bool announced = state_node_by_id(s, id, &node);
    str_copy(name, JOIN_NAME_MAX + 1, announced ? node.name : admitted ? identity.name : "");
    return admitted ? identity.gone.ms == 0 : announced;
}

/* {"id", "reason"?, "leaving"?}. Whether the cluster can do without it, the leader has looked at:
 * with so many leaving. One of before there were identities is removed as well. */
int apply_node_remove(struct apply *a)
{
    int64_t id = json_int(json_get(a->c->args, "id"), 0);
    const char *reason = json_str(json_get(a->c->args, "reason"), "its node was removed");
    char name[JOIN_NAME_MAX + 1];
    if (!knows_node(a->s, id, name))
        return refuse(a, ERR_NOT_FOUND, "node %lld is not of this cluster", (long long)id);
    int64_t leaving = state_voters_leaving(a->s);
    if (a->s->level >= LEVEL_LEAVING &&
        leaving != json_int(json_get(a->c->args, "leaving"), leaving))
        return refuse_stale(a, "node %s: another one was removed meanwhile", name);
    struct stmt *q = change_use(a->s, IDENTITY_GONE);
    stmt_bind_i64(q, ":id", id);
    stmt_bind_i64(q, ":at", a->c->at.ms);
    stmt_run(q);
    drop_node(a, id);
    changed(a, (struct change){
                   .kind = CHANGE_NODE,
                   .id = id,
                   .name = name,
                   .event = event_put(a, NOUN_NODE, name, "removed", "node %s was removed", name),
               });
    agents_gone(a, id, reason);
    trim_gone(a);
    return 0;
}

/* A wish, which the leader sees to when it can be done without harm. */
int apply_node_hold(struct apply *a)
{
    const struct json *v = a->c->args;
    int64_t id = json_int(json_get(v, "id"), 0);
    bool hold = json_bool(json_get(v, "hold"), false);
    struct identity_row row;
    if (!state_identity_by_id(a->s, id, &row) || row.gone.ms != 0)
        return refuse(a, ERR_NOT_FOUND, "node %lld is not of this cluster", (long long)id);
    if ((row.modes & MODE_MASTER) == 0)
        return refuse(a, ERR_INVALID, "node: %s has not the mode master, which voting needs",
                      row.name);
    if (hold == state_node_is_held(a->s, id))
        return 0;
    struct stmt *q = change_use(a->s, hold ? HOLD : HOLD_END);
    stmt_bind_i64(q, ":node", id);
    if (hold)
        stmt_bind_i64(q, ":at", a->c->at.ms);
    stmt_run(q);
    changed(a, (struct change){
                   .kind = CHANGE_NODE,
                   .id = id,
                   .name = row.name,
                   .event = event_put(a, NOUN_NODE, row.name, hold ? "demoted" : "promoted",
                                      hold ? "node %s is to be a standby" : "node %s may vote",
                                      row.name),
               });
    return 0;
}

int apply_node_renew(struct apply *a)
{
    const struct json *v = a->c->args;
    int64_t id = json_int(json_get(v, "id"), 0), serial = json_int(json_get(v, "serial"), 0);
    int64_t until = json_int(json_get(v, "until"), 0);
    uint8_t key[SHA256_SIZE];
    bool has_key = read_key(v, key);
    struct identity_row row;
    struct error err;
    if (state_peer_check(a->s, id, json_int(json_get(v, "store"), 0), &err) != 0 ||
        !state_identity_by_id(a->s, id, &row) ||
        check_key(a->s, &row, has_key ? key : NULL, &err) != 0)
        return refuse(a, err.code, "%s", err.text);
    if (serial <= 0)
        return refuse(a, ERR_INVALID, "serial: need a positive number");
    if (until <= a->c->at.ms)
        return refuse(a, ERR_INVALID, "until: need a time that is not over");
    struct stmt *q = change_use(a->s, IDENTITY_RENEW);
    stmt_bind_i64(q, ":id", id);
    stmt_bind_i64(q, ":serial", serial);
    stmt_bind_i64(q, ":until", until);
    stmt_run(q);
    if (has_key)
        put_key(a, id, key);
    changed(a, (struct change){.kind = CHANGE_NODE, .id = id});
    return 0;
}
