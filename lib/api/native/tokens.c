/* Tokens: what lets a node join. The secret is shown once, in the answer to who made it; the state
 * has a hash of it (model/token.h). */
#include <stdio.h>
#include <string.h>

#include "api/native/private.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/token.h"

#define HOUR_MS INT64_C(3600000)
#define HOURS 24 /* how long a token is good, if nothing is said */
#define HOURS_MAX (LIMIT_TOKEN_DAYS * 24)

/* ---- listing */

enum token_key { BY_ID, BY_MADE, BY_UNTIL, BY_USED };
static const char *const sorts[] = {
    [BY_ID] = "id",     [BY_MADE] = "made",   [BY_UNTIL] = "until",
    [BY_USED] = "used", [BY_USED + 1] = NULL,
};
static const char *const states[] = {"good", "expired", "revoked", NULL};

static const char *state_of(const struct token_row *t, const struct view *v)
{
    return t->revoked.ms != 0 ? "revoked" : v->now.wall.ms >= t->until.ms ? "expired" : "good";
}

static void put_members(const struct view *v, const struct token_row *t, struct json_writer *w)
{
    char id[TOKEN_ID_SIZE];
    json_member_str(w, "id", token_id_text(t->id, id));
    native_words(w, "modes", t->modes);
    json_member_str(w, "state", state_of(t, v));
    native_time(w, "made", t->made);
    native_text(w, "by", t->made_by);
    native_time(w, "until", t->until);
    native_time(w, "revoked", t->revoked);
    json_member_int(w, "used", t->used);
    native_time(w, "last_used", t->last_used);
}

static void put_token(const struct view *v, const struct token_row *t, struct json_writer *w)
{
    json_object(w);
    put_members(v, t, w);
    json_object_end(w);
}

static void add(struct list *l, const struct token_row *t, const char *id)
{
    switch ((enum token_key)l->sort) {
    case BY_ID:
        list_add_text(l, t->id, id);
        break;
    case BY_MADE:
        list_add_number(l, t->id, t->made.ms);
        break;
    case BY_UNTIL:
        list_add_number(l, t->id, t->until.ms);
        break;
    case BY_USED:
        list_add_number(l, t->id, t->used);
        break;
    }
}

void native_ask_tokens(struct call *c)
{
    struct list l;
    struct token_row t;
    struct json_writer w;
    char id[TOKEN_ID_SIZE];
    if (list_begin(c, &l, sorts, states) != 0)
        return;
    struct stmt *q = state_tokens(c->view->state);
    while (state_token_next(q, &t))
        if (list_wants(&l, state_of(&t, c->view), token_id_text(t.id, id), t.made_by))
            add(&l, &t, id);
    list_head(c, &l, &w);
    for (size_t i = 0; i < list_size(&l); i++)
        if (state_token_by_id(c->view->state, list_id(&l, i), &t))
            put_token(c->view, &t, &w);
    list_end(&w);
    list_close(&l);
}

/* ---- making one */

struct wish {
    unsigned modes;
    struct wall until;
};

static void take_modes(const struct json *v, struct wish *out, struct problems *problems)
{
    char got[48];
    if (!json_is(v, JSON_ARRAY)) {
        problems_add(problems, PROBLEM_RULE, "/modes", "got %s, need a list of modes",
                     json_quote(got, sizeof got, v));
        return;
    }
    out->modes = 0;
    JSON_EACH (word, v) {
        unsigned mode = 0;
        bool one = modes_parse(json_str(word, ""), &mode) && (mode & (mode - 1)) == 0;
        if (!one || (out->modes & mode) != 0)
            problems_add(problems, PROBLEM_RULE, "/modes",
                         "got %s, need some of master, scheduler, agent, each once",
                         json_quote(got, sizeof got, word));
        out->modes |= mode;
    }
    if (json_count(v) == 0)
        problems_add(problems, PROBLEM_RULE, "/modes",
                     "got none, need some of master, scheduler, agent");
}

static void take_hours(const struct json *v, struct wall now, struct wish *out,
                       struct problems *problems)
{
    int64_t hours;
    char got[48];
    if (json_i64(v, &hours) && hours >= 1 && hours <= HOURS_MAX)
        out->until.ms = now.ms + hours * HOUR_MS;
    else
        problems_add(problems, PROBLEM_RULE, "/hours", "got %s, need a whole number 1 to %d",
                     json_quote(got, sizeof got, v), HOURS_MAX);
}

static void take_until(const struct json *v, struct wall now, struct wish *out,
                       struct problems *problems)
{
    struct error err;
    struct wall until;
    char got[48];
    if (!json_is(v, JSON_STRING))
        problems_add(problems, PROBLEM_RULE, "/until", "got %s, need a time as text",
                     json_quote(got, sizeof got, v));
    else if (wall_parse(json_str(v, ""), &until, &err) != 0)
        problems_add(problems, PROBLEM_RULE, "/until", "%s", err.text);
    else if (until.ms <= now.ms || until.ms - now.ms > HOURS_MAX * HOUR_MS)
        problems_add(problems, PROBLEM_RULE, "/until",
                     "got %s, need a time to come, at most %d days from now", json_str(v, ""),
                     LIMIT_TOKEN_DAYS);
    else
        out->until = until;
}

/* false after having failed the call. */
static bool read_wish(struct tell *t, struct wish *out)
{
    struct wall now = t->c.view->now.wall;
    struct problems problems = {0};
    const struct json *body = call_body(&t->c);
    if (body == NULL)
        return false;
    *out = (struct wish){.modes = MODES_ALL, .until = {now.ms + HOURS * HOUR_MS}};
    JSON_EACH (member, body) {
        const char *name = json_name(member);
        if (str_eq(name, "modes"))
            take_modes(member, out, &problems);
        else if (str_eq(name, "hours"))
            take_hours(member, now, out, &problems);
        else if (str_eq(name, "until"))
            take_until(member, now, out, &problems);
    }
    if (json_get(body, "hours") != NULL && json_get(body, "until") != NULL)
        problems_add(&problems, PROBLEM_RULE, "/until", "got hours beside it, need one of both");
    if (problems.n > 0)
        call_problems(&t->c, &problems);
    return t->c.reply->status < 400;
}

/* Where whoever comes begins: the leader's peer port, whichever node was asked. */
static const char *leader_address(const struct view *v)
{
    struct identity_row i;
    struct node_row n;
    int64_t leader = native_leader(v);
    if (state_identity_by_id(v->state, leader, &i))
        return i.address;
    return state_node_by_id(v->state, leader, &n) ? n.address : "";
}

static void answer_made(struct tell *t, const struct outcome *o)
{
    (void)o;
    struct json_writer w;
    struct token token;
    struct token_row row;
    struct error err;
    const struct view *v = t->c.view;
    if (token_parse(t->kept, &token, &err) != 0 || !state_token_by_id(v->state, token.id, &row)) {
        call_fail(
            &t->c, ERR_CONFLICT,
            "token: this request was sent before, and a token is shown once: revoke that one, "
            "and make another with a new X-Request-Id");
        return;
    }
    call_json(&t->c, 201, &w);
    json_object(&w);
    json_member_int(&w, "index", (int64_t)v->index);
    put_members(v, &row, &w);
    json_member_str(&w, "token", t->kept);
    json_member_str(&w, "address", leader_address(v));
    json_object_end(&w);
}

static void draw(struct tell *t, unsigned modes, struct token *out)
{
    *out = (struct token){.modes = modes};
    memcpy(out->ca, t->c.view->facts->ca_hash, sizeof out->ca);
    while (out->id == 0)
        out->id = (uint32_t)rng_next(t->rng);
    t->secret(t->secret_data, out->secret, sizeof out->secret);
}

/* Told twice, it is another token: the first one's secret is nowhere. */
void native_post_token(struct tell *t)
{
    struct wish wish;
    struct token token;
    struct json_writer w;
    uint8_t hash[SHA256_SIZE];
    char hex[2 * SHA256_SIZE + 1], text[TOKEN_TEXT_SIZE];
    if (t->c.view->facts->ca_hash == NULL) {
        call_fail(&t->c, ERR_CONFLICT,
                  "this node stands alone, nobody can join it: make the first node of a cluster "
                  "with mesolith init, then tokens there");
        return;
    }
    if (!read_wish(t, &wish))
        return;
    draw(t, wish.modes, &token);
    token_hash(token.id, token.secret, hash);
    hex_encode(hex, hash, sizeof hash);
    mem_free(t->kept);
    t->kept = mem_strdup(token_text(&token, text));
    tell_begin(t, COMMAND_TOKEN_PUT, &w, answer_made);
    json_member_int(&w, "id", token.id);
    json_member_int(&w, "modes", wish.modes);
    json_member_str(&w, "hash", hex);
    json_member_int(&w, "until", wish.until.ms);
    tell_end(t, &w);
}

/* ---- revoking */

void native_delete_token(struct tell *t)
{
    int64_t id;
    struct token_row row;
    struct json_writer w;
    const char *text = call_param(&t->c, "id");
    if (native_once(t, native_written))
        return;
    if (!token_id_parse(text, &id) || !state_token_by_id(t->c.view->state, id, &row)) {
        call_fail(&t->c, ERR_NOT_FOUND, "token %.200s does not exist, or ended long ago", text);
        return;
    }
    tell_begin(t, COMMAND_TOKEN_REVOKE, &w, native_written);
    json_member_int(&w, "id", id);
    tell_end(t, &w);
}
