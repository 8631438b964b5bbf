#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "db/rowsum.h"
#include "model/token.h"

#define HOUR INT64_C(3600000)
#define DAY (24 * HOUR)

static const uint8_t secret[TOKEN_SECRET_SIZE] = "a secret of 20 bytes";

static int at_newest_level(void **data)
{
    char args[32];
    set_up(data);
    snprintf(args, sizeof args, "{'level':%d}", COMMAND_LEVEL);
    applied(*data, "schema.upgrade", args);
    return 0;
}

static int at_level_2(void **data)
{
    set_up(data);
    applied(*data, "schema.upgrade", "{'level':2}");
    return 0;
}

/* ---- what tests say */

static void put_token(struct fixture *f, int64_t id, unsigned modes, int64_t life_ms)
{
    char args[256], hex[2 * SHA256_SIZE + 1];
    uint8_t hash[SHA256_SIZE];
    token_hash((uint32_t)id, secret, hash);
    hex_encode(hex, hash, sizeof hash);
    snprintf(args, sizeof args, "{'id':%lld,'modes':%u,'hash':'%s','until':%lld}", (long long)id,
             modes, hex, (long long)(f->at + life_ms));
    apply(f, "token.put", args);
}

static struct joining joining_of(struct fixture *f, int64_t id, int64_t token)
{
    struct joining j = {.id = id,
                        .store = 1000 + id,
                        .name = "deck",
                        .address = "10.0.0.2:5055",
                        .modes = MODE_AGENT,
                        .serial = 77,
                        .until = {f->at + DAY},
                        .token = token};
    token_hash((uint32_t)token, secret, j.hash);
    return j;
}

/* Applying says the same as checking before. */
static void join(struct fixture *f, const struct joining *j)
{
    struct buf args;
    struct json_writer w;
    struct error err = {0};
    int rc = state_join_check(f->state, j, (struct wall){f->at}, &err);
    buf_init(&args, 4096);
    json_begin(&w, &args);
    joining_write(j, &w);
    apply(f, "node.join", buf_str(&args));
    assert_int_equal(f->last.code, rc == 0 ? ERR_NONE : err.code);
    assert_string_equal(f->last.text, rc == 0 ? "" : err.text);
    buf_close(&args);
}

static void joined(struct fixture *f, const struct joining *j)
{
    join(f, j);
    assert_string_equal(f->last.text, "");
}

static void refused(struct fixture *f, const struct joining *j, enum error_code code,
                    const char *text)
{
    join(f, j);
    assert_string_equal(f->last.text, text);
    assert_int_equal(f->last.code, code);
}

static void found_cluster(struct fixture *f)
{
    struct joining j = joining_of(f, 1, 0);
    j.address = "10.0.0.1:5055";
    j.modes = MODES_ALL;
    joined(f, &j);
}

static struct identity_row identity_of(struct fixture *f, int64_t id)
{
    struct identity_row row;
    assert_true(state_identity_by_id(f->state, id, &row));
    return row;
}

static void last_event_is(struct fixture *f, enum noun noun, const char *what, const char *text)
{
    struct event_row e;
    struct events *q = state_events_before(f->state, INT64_MAX, 1);
    assert_true(state_event_next(q, &e));
    assert_int_equal(e.noun, noun);
    assert_string_equal(e.what, what);
    assert_string_equal(e.text, text);
    state_events_end(q);
}

/* ---- the level */

static void below_level_2_there_is_none_and_nobody_can_join(void **data)
{
    struct fixture *f = *data;
    struct token_row t;
    struct identity_row i;
    struct error err;
    struct joining j = joining_of(f, 2, 5);
    assert_null(state_tokens(f->state));
    assert_false(state_token_next(NULL, &t));
    assert_false(state_token_by_id(f->state, 5, &t));
    assert_null(state_identities(f->state));
    assert_false(state_identity_next(NULL, &i));
    assert_false(state_identity_by_id(f->state, 5, &i));
    assert_false(state_identity_by_address(f->state, "10.0.0.2:5055", &i));
    assert_int_equal(state_peer_check(f->state, 1, 1, &err), -1);
    assert_int_equal(state_join_check(f->state, &j, (struct wall){f->at}, &err), -1);
    assert_int_equal(err.code, ERR_UNAVAILABLE);
    assert_string_equal(err.text,
                        "cluster: its state is at level 1, joining needs 2: upgrade all nodes");
    put_token(f, 5, MODE_AGENT, HOUR);
    assert_int_equal(f->last.code, ERR_UNAVAILABLE);
}

static void a_state_of_level_1_is_upgraded_with_its_rows_and_sums(void **data)
{
    struct fixture *f = *data;
    struct error err;
    put_app(f, "/web", 0, 2, "run", 0, "ScaleApplication", false);
    end_deployments(f);
    launch(f, "/web", 31000, 2);
    uint64_t tasks = db_rowsum(f->db, "tasks");
    applied(f, "schema.upgrade", "{'level':2}");
    assert_int_equal(state_level(f->state), 2);
    assert_int_equal(db_rowsum(f->db, "tasks"), tasks);
    assert_int_equal(db_rowsum(f->db, "tokens"), 0);
    assert_int_equal(app_of(f, "/web").instances, 2);
    status(f, only_task(f, "/web"), 1, "running");
    assert_int_not_equal(db_rowsum(f->db, "tasks"), tasks);
    found_cluster(f);
    assert_int_not_equal(db_rowsum(f->db, "identities"), 0);
    assert_int_equal(db_rowsums_verify(f->db, &err), 0);
}

/* ---- tokens */

/* How many there are, and the number of the newest. */
static int64_t count_events(struct fixture *f, int64_t *newest)
{
    struct events *q = state_events_after(f->state, 0, 1000);
    struct event_row e;
    int64_t n = 0;
    while (state_event_next(q, &e)) {
        n++;
        *newest = e.id;
    }
    return n;
}

static void level_6_keeps_the_events_and_goes_on_counting(void **data)
{
    struct fixture *f = *data;
    int64_t before = 0, after = 0;
    applied(f, "schema.upgrade", "{'level':5}");
    put_app(f, "/web", 0, 2, "run", 0, "ScaleApplication", false);
    int64_t n = count_events(f, &before);
    assert_true(n > 1);
    applied(f, "schema.upgrade", "{'level':6}");
    assert_int_equal(count_events(f, &after), n);
    assert_int_equal(after, before);
    found_cluster(f);
    assert_int_equal(count_events(f, &after), n + 1);
    assert_int_equal(after, before + 1);
}

static void a_token_is_kept_without_its_secret(void **data)
{
    struct fixture *f = *data;
    struct token_row t;
    int64_t made = f->at;
    put_token(f, 0x3fa9c201, MODE_MASTER | MODE_AGENT, HOUR);
    assert_string_equal(f->last.text, "");
    last_event_is(f, NOUN_TOKEN, "put",
                  "token 3fa9c201 for master,agent was made, good until 2026-01-01T01:00:00.003Z");
    struct stmt *q = state_tokens(f->state);
    assert_true(state_token_next(q, &t));
    assert_int_equal(t.id, 0x3fa9c201);
    assert_int_equal(t.modes, MODE_MASTER | MODE_AGENT);
    assert_string_equal(t.made_by, "ann");
    assert_int_equal(t.made.ms, made);
    assert_int_equal(t.until.ms, made + HOUR);
    assert_int_equal(t.revoked.ms, 0);
    assert_int_equal(t.used, 0);
    assert_false(state_token_next(q, &t));
}

static void what_makes_no_token_is_refused(void **data)
{
    static const struct {
        const char *args, *text;
    } rows[] = {
        {"{}", "token.put: id: need a number of 32 bits, not 0"},
        {"{'id':0,'modes':4}", "token.put: id: need a number of 32 bits, not 0"},
        {"{'id':4294967296,'modes':4}", "token.put: id: need a number of 32 bits, not 0"},
        {"{'id':7,'modes':4,'hash':'00'}", "token.put: hash: need 64 hexadecimal digits"},
        {"{'id':7,'modes':4,'hash':7}", "token.put: hash: need 64 hexadecimal digits"},
        {"{'id':7,'modes':0,'hash':'%064d'}", "modes: need some of master,scheduler,agent"},
        {"{'id':7,'modes':8,'hash':'%064d'}", "modes: need some of master,scheduler,agent"},
        {"{'id':7,'modes':4294967297,'hash':'%064d'}",
         "modes: need some of master,scheduler,agent"},
        {"{'id':7,'modes':4,'hash':'%064d','until':-1}",
         "until: got 1969-12-31T23:59:59.999Z, which is over, need a later time"},
        {"{'id':7,'modes':4,'hash':'%064d','until':9223372036854775807}",
         "until: got 9999-12-31T23:59:59.999Z, need at most 365 days from now"},
    };
    struct fixture *f = *data;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char zeros[65], args[256];
        const char *at = strstr(rows[i].args, "%064d");
        snprintf(zeros, sizeof zeros, "%064d", 0);
        if (at != NULL)
            snprintf(args, sizeof args, "%.*s%s%s", (int)(at - rows[i].args), rows[i].args, zeros,
                     at + 5);
        else
            snprintf(args, sizeof args, "%s", rows[i].args);
        apply(f, "token.put", args);
        assert_string_equal(f->last.text, rows[i].text);
        assert_int_not_equal(f->last.code, ERR_NONE);
    }
    put_token(f, 7, MODE_AGENT, HOUR);
    put_token(f, 7, MODE_AGENT, HOUR);
    assert_string_equal(f->last.text, "token.put: id: 00000007 is there already: draw another");
    assert_true(f->last.stale);
}

static void an_expired_token_is_listed_for_a_while_and_they_are_bounded(void **data)
{
    struct fixture *f = *data;
    struct token_row t;
    put_token(f, 1, MODE_AGENT, HOUR);
    f->at += HOUR + LIMIT_TOKEN_KEPT_MS - 1000;
    put_token(f, 2, MODE_AGENT, HOUR);
    assert_true(state_token_by_id(f->state, 1, &t));
    f->at += 2000;
    put_token(f, 3, MODE_AGENT, HOUR);
    assert_false(state_token_by_id(f->state, 1, &t));
    for (int64_t id = 4; id < 2 + LIMIT_TOKENS; id++)
        put_token(f, id, MODE_AGENT, HOUR);
    assert_string_equal(f->last.text, "");
    put_token(f, 5000, MODE_AGENT, HOUR);
    assert_int_equal(f->last.code, ERR_LIMIT);
    assert_string_equal(f->last.text,
                        "token: there are 1000 already, need fewer: let them expire, a revoked one "
                        "is kept until then, too");
}

/* Making room is a part of the command: it is undone with the rest. */
static void a_token_that_is_refused_leaves_the_expired_ones(void **data)
{
    struct fixture *f = *data;
    struct token_row t;
    put_token(f, 1, MODE_AGENT, HOUR);
    f->at += LIMIT_TOKEN_KEPT_MS;
    put_token(f, 2, MODE_AGENT, HOUR);
    f->at += HOUR;
    put_token(f, 2, MODE_AGENT, HOUR);
    assert_true(f->last.stale);
    assert_true(state_token_by_id(f->state, 1, &t));
    put_token(f, 3, MODE_AGENT, HOUR);
    assert_false(state_token_by_id(f->state, 1, &t));
}

static void a_revoked_token_is_worth_nothing(void **data)
{
    struct fixture *f = *data;
    struct token_row t;
    found_cluster(f);
    put_token(f, 7, MODE_AGENT, HOUR);
    applied(f, "token.revoke", "{'id':7}");
    last_event_is(f, NOUN_TOKEN, "revoked", "token 00000007 was revoked");
    int64_t events = f->changes;
    applied(f, "token.revoke", "{'id':7}");
    assert_int_equal(f->changes, events); /* nothing new */
    assert_true(state_token_by_id(f->state, 7, &t));
    assert_int_not_equal(t.revoked.ms, 0);
    struct joining j = joining_of(f, 2, 7);
    refused(f, &j, ERR_INVALID,
            "token: 00000007 was revoked at 2026-01-01T00:00:00.005Z: make another with mesolith "
            "token create");
    apply(f, "token.revoke", "{'id':8}");
    assert_int_equal(f->last.code, ERR_NOT_FOUND);
    assert_string_equal(
        f->last.text,
        "token: got 00000008, which is not there: mesolith token list shows those that are");
    apply(f, "token.revoke", "{}");
    assert_int_equal(f->last.code, ERR_NOT_FOUND);
}

/* ---- joining */

static void the_first_node_admits_itself_and_no_other_does(void **data)
{
    struct fixture *f = *data;
    found_cluster(f);
    last_event_is(f, NOUN_NODE, "joined",
                  "node deck joined as master,scheduler,agent at 10.0.0.1:5055");
    struct identity_row row = identity_of(f, 1);
    assert_int_equal(row.store, 1001);
    assert_int_equal(row.token, 0);
    assert_int_equal(row.serial, 77);
    assert_int_equal(row.modes, MODES_ALL);
    struct joining j = joining_of(f, 2, 0);
    refused(f, &j, ERR_INVALID, "token: is missing: make one with mesolith token create");
}

static void a_node_joins_by_a_token_which_counts_it(void **data)
{
    struct fixture *f = *data;
    struct token_row t;
    struct identity_row row;
    found_cluster(f);
    put_token(f, 7, MODE_AGENT | MODE_SCHEDULER, HOUR);
    struct joining j = joining_of(f, 2, 7);
    joined(f, &j);
    j = joining_of(f, 3, 7);
    j.address = "10.0.0.3:5055";
    joined(f, &j);
    assert_true(state_token_by_id(f->state, 7, &t));
    assert_int_equal(t.used, 2);
    assert_int_not_equal(t.last_used.ms, 0);
    struct stmt *q = state_identities(f->state);
    for (int64_t id = 1; id <= 3; id++) {
        assert_true(state_identity_next(q, &row));
        assert_int_equal(row.id, id);
    }
    assert_false(state_identity_next(q, &row));
    assert_true(state_identity_by_address(f->state, "10.0.0.3:5055", &row));
    assert_int_equal(row.id, 3);
    assert_int_equal(row.token, 7);
}

static void a_token_is_for_its_modes_and_its_time(void **data)
{
    struct fixture *f = *data;
    found_cluster(f);
    put_token(f, 7, MODE_AGENT | MODE_SCHEDULER, HOUR);
    struct joining j = joining_of(f, 2, 7);
    j.modes = MODE_MASTER | MODE_AGENT;
    refused(f, &j, ERR_INVALID,
            "modes: got master,agent, need some of scheduler,agent, which token 00000007 is for");
    f->at = T0 + 3 + HOUR; /* to the millisecond */
    j = joining_of(f, 2, 7);
    joined(f, &j);
    j = joining_of(f, 3, 7);
    j.address = "10.0.0.3:5055";
    refused(f, &j, ERR_INVALID,
            "token: 00000007 was good until 2026-01-01T01:00:00.004Z: make another with mesolith "
            "token create");
}

static void who_does_not_know_the_secret_learns_nothing(void **data)
{
    struct fixture *f = *data;
    found_cluster(f);
    put_token(f, 7, MODE_AGENT, HOUR);
    put_token(f, 8, MODE_AGENT, HOUR);
    applied(f, "token.revoke", "{'id':8}");
    for (int64_t token = 7; token <= 9; token++) {
        char text[160];
        struct joining j = joining_of(f, 2, token);
        j.hash[SHA256_SIZE - 1] ^= 1;
        snprintf(text, sizeof text,
                 "token: got %08llx, which is not one of this cluster, or was forgotten: make one "
                 "with mesolith token create",
                 (long long)token);
        refused(f, &j, ERR_INVALID, text);
    }
    /* the secret of one token is not that of another */
    struct joining j = joining_of(f, 2, 7), other = joining_of(f, 2, 9);
    memcpy(j.hash, other.hash, sizeof j.hash);
    join(f, &j);
    assert_int_equal(f->last.code, ERR_INVALID);
    assert_int_equal(state_token_by_id(f->state, 7, &(struct token_row){0}), true);
}

/* Id and store are no secrets: each peer's certificate has them. */
static void a_token_for_agents_makes_no_agent_of_a_master(void **data)
{
    struct fixture *f = *data;
    found_cluster(f);
    put_token(f, 7, MODE_AGENT, DAY);
    struct joining j = joining_of(f, 1, 7);
    j.store = identity_of(f, 1).store;
    j.address = "10.0.0.1:5055";
    refused(
        f, &j, ERR_INVALID,
        "token: 00000007 is for agent, and node 1 is master,scheduler,agent: need one for all of "
        "that");
    assert_int_equal(identity_of(f, 1).modes, MODES_ALL);
}

static void an_id_is_for_one_disk(void **data)
{
    struct fixture *f = *data;
    struct error err;
    found_cluster(f);
    put_token(f, 7, MODE_AGENT, HOUR);
    struct joining j = joining_of(f, 2, 7);
    joined(f, &j);
    j.serial = 78; /* its answer was lost: it asks again */
    j.address = "10.0.0.9:5055";
    joined(f, &j);
    assert_int_equal(identity_of(f, 2).serial, 78);
    assert_string_equal(identity_of(f, 2).address, "10.0.0.9:5055");

    j.store = 4711;
    refused(f, &j, ERR_CONFLICT,
            "store: got 4711, node 2 has 1002, and an id is for one disk: start it with an empty "
            "data folder, as a new node");
    j = joining_of(f, 3, 7);
    j.store = 1002;
    refused(f, &j, ERR_CONFLICT,
            "store: got 1002, which is node 2's, and a disk has one id: put its node.json back, or "
            "start it with an empty data folder, as a new node");
    assert_int_equal(state_peer_check(f->state, 2, 1002, &err), 0);
    assert_int_equal(state_peer_check(f->state, 2, 4711, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_int_equal(state_peer_check(f->state, 3, 1003, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_string_equal(err.text,
                        "node 3 is not of this cluster any more: join it again with a token");
}

static struct joining with_key(struct joining j, int byte)
{
    j.has_key = true;
    memset(j.key, byte, sizeof j.key);
    return j;
}

/* Whoever has a token can say an id and a store, but has not the key. */
static void an_id_is_for_one_key(void **data)
{
    struct fixture *f = *data;
    uint8_t key[SHA256_SIZE];
    found_cluster(f);
    put_token(f, 7, MODE_AGENT, HOUR);
    struct joining j = with_key(joining_of(f, 2, 7), 0xab);
    joined(f, &j);
    j.serial = 78; /* its answer was lost: it asks again */
    joined(f, &j);
    assert_int_equal(identity_of(f, 2).serial, 78);

    j = with_key(j, 0xcd);
    j.address = "10.0.0.66:5055";
    refused(f, &j, ERR_CONFLICT,
            "key: got cdcdcdcd, node 2 (deck) has abababab, and an id is for one key: put its "
            "certs/node.key back, or remove that node and start it with an empty data folder, as a "
            "new node");
    j.has_key = false;
    join(f, &j);
    assert_int_equal(f->last.code, ERR_CONFLICT);
    assert_string_equal(identity_of(f, 2).address, "10.0.0.2:5055");
    assert_true(state_identity_key(f->state, 2, key));
    assert_int_equal(key[0], 0xab);
}

static void who_renews_is_known_by_the_key_that_he_shows(void **data)
{
    struct fixture *f = *data;
    char args[256], hex[2 * SHA256_SIZE + 1];
    uint8_t key[SHA256_SIZE];
    found_cluster(f); /* as one of before there were keys */
    assert_false(state_identity_key(f->state, 1, key));
    memset(key, 0xab, sizeof key);
    hex_encode(hex, key, sizeof key);
    snprintf(args, sizeof args, "{'id':1,'store':1001,'serial':99,'until':%lld,'key':'%s'}",
             (long long)(f->at + DAY), hex);
    applied(f, "node.renew", args);
    key[0] = 0;
    assert_true(state_identity_key(f->state, 1, key));
    assert_int_equal(key[0], 0xab);
    put_token(f, 7, MODES_ALL, HOUR);
    struct joining j = with_key(joining_of(f, 1, 7), 0xcd);
    j.address = "10.0.0.1:5055";
    join(f, &j);
    assert_int_equal(f->last.code, ERR_CONFLICT);

    memset(key, 0xcd, sizeof key); /* its certificate does not get it another key */
    hex_encode(hex, key, sizeof key);
    snprintf(args, sizeof args, "{'id':1,'store':1001,'serial':100,'until':%lld,'key':'%s'}",
             (long long)(f->at + DAY), hex);
    apply(f, "node.renew", args);
    assert_int_equal(f->last.code, ERR_CONFLICT);
    assert_int_equal(identity_of(f, 1).serial, 99);
    assert_true(state_identity_key(f->state, 1, key));
    assert_int_equal(key[0], 0xab);
}

static void the_key_of_who_is_gone_is_forgotten(void **data)
{
    struct fixture *f = *data;
    uint8_t key[SHA256_SIZE];
    found_cluster(f);
    put_token(f, 7, MODE_AGENT, HOUR);
    struct joining j = with_key(joining_of(f, 2, 7), 0xab);
    joined(f, &j);
    j = with_key(joining_of(f, 3, 7), 0xcd);
    j.replaces = 2;
    joined(f, &j);
    assert_false(state_identity_key(f->state, 2, key));
    assert_true(state_identity_key(f->state, 3, key));
    applied(f, "node.remove", "{'id':3}");
    assert_false(state_identity_key(f->state, 3, key));
}

/* Agent 0's node comes again with another disk, and so as another node: what the agent is then. */
static enum agent_state replace_it(struct fixture *f)
{
    struct agent_row agent;
    found_cluster(f);
    put_token(f, 7, MODE_AGENT, HOUR);
    struct joining j = joining_of(f, 2, 7);
    j.replaces = 1;
    joined(f, &j);
    assert_true(state_agent_by_id(f->state, 0, &agent));
    return agent.state;
}

static void who_is_replaced_is_gone_with_its_agent(void **data)
{
    struct fixture *f = *data;
    put_app(f, "/web", 0, 1, "run", 0, "ScaleApplication", false);
    end_deployments(f);
    launch(f, "/web", 31000, 1);
    int64_t task = only_task(f, "/web");
    assert_int_equal(replace_it(f), AGENT_GONE);
    assert_int_equal(task_of(f, task).state, TASK_LOST);
    assert_string_equal(task_of(f, task).message, "its node was replaced");
}

/* As every older build does it. */
static void below_level_25_the_agent_of_who_is_replaced_stays(void **data)
{
    struct fixture *f = *data;
    applied(f, "schema.upgrade", "{'level':24}");
    assert_int_equal(replace_it(f), AGENT_READY);
}

/* As the builds that do not know of it. */
static void below_level_6_nobody_is_known_by_a_key(void **data)
{
    struct fixture *f = *data;
    uint8_t key[SHA256_SIZE];
    found_cluster(f);
    put_token(f, 7, MODE_AGENT, HOUR);
    struct joining j = with_key(joining_of(f, 2, 7), 0xab);
    joined(f, &j);
    j = with_key(j, 0xcd);
    joined(f, &j);
    assert_false(state_identity_key(f->state, 2, key));
}

static void an_address_is_one_nodes_until_another_takes_its_place(void **data)
{
    struct fixture *f = *data;
    struct error err;
    struct identity_row row;
    found_cluster(f);
    put_token(f, 7, MODE_AGENT, HOUR);
    struct joining j = joining_of(f, 2, 7);
    joined(f, &j);
    j = joining_of(f, 3, 7); /* its disk was replaced: a new id at the old address */
    refused(f, &j, ERR_CONFLICT,
            "address: 10.0.0.2:5055 is that of node 2 (deck): name another, or remove that node "
            "first");
    j.replaces = 3;
    refused(f, &j, ERR_INVALID, "replaces: got the node itself, need another");
    j.replaces = 9;
    refused(f, &j, ERR_NOT_FOUND, "replaces: node 9 is not of this cluster");
    j.replaces = 1; /* the address is still another's */
    join(f, &j);
    assert_int_equal(f->last.code, ERR_CONFLICT);
    assert_int_equal(identity_of(f, 1).gone.ms, 0); /* a refused one leaves nothing */
    j.replaces = 2;
    joined(f, &j);
    assert_int_not_equal(identity_of(f, 2).gone.ms, 0);
    assert_true(state_identity_by_address(f->state, "10.0.0.2:5055", &row));
    assert_int_equal(row.id, 3);

    assert_int_equal(state_peer_check(f->state, 2, 1002, &err), -1);
    assert_string_equal(err.text, "node 2 was replaced, its id is not used again: start it with an "
                                  "empty data folder, as a new node");
    j = joining_of(f, 2, 7); /* the old disk is back */
    j.address = "10.0.0.4:5055";
    refused(f, &j, ERR_CONFLICT,
            "id: node 2 was replaced, its id is not used again: start it with an empty data "
            "folder, as a new node");
}

static void what_makes_no_node_is_refused(void **data)
{
    struct fixture *f = *data;
    struct joining rows[7];
    static const char *const texts[] = {
        "id: need a positive number",
        "store: need a positive number",
        "serial: need a positive number",
        "modes: need some of master,scheduler,agent",
        "modes: need some of master,scheduler,agent",
        "until: need a time that is not over",
        "address: got \"deck\", need HOST:PORT, or [IPv6]:PORT",
    };
    found_cluster(f);
    put_token(f, 7, MODES_ALL, HOUR);
    for (size_t i = 0; i < COUNT(rows); i++)
        rows[i] = joining_of(f, 2, 7);
    rows[0].id = -2;
    rows[1].store = 0;
    rows[2].serial = -1;
    rows[3].modes = 0;
    rows[4].modes = 8;
    rows[5].until.ms = f->at;
    rows[6].address = "deck";
    for (size_t i = 0; i < COUNT(rows); i++)
        refused(f, &rows[i], ERR_INVALID, texts[i]);
    apply(f, "node.join", "{'id':2,'store':3,'token':7,'hash':'xx'}");
    assert_string_equal(f->last.text, "hash: need 64 hexadecimal digits");
    apply(f, "node.join", "[]");
    assert_string_equal(f->last.text, "id: need a positive number");
}

static void replaced_nodes_are_forgotten_when_they_are_many(void **data)
{
    struct fixture *f = *data;
    struct identity_row row;
    found_cluster(f);
    put_token(f, 7, MODE_AGENT, 10 * DAY);
    struct joining j = joining_of(f, 2, 7);
    joined(f, &j);
    for (int64_t id = 3; id < 3 + LIMIT_NODES_GONE; id++) {
        j = joining_of(f, id, 7);
        j.replaces = id - 1;
        joined(f, &j);
    }
    assert_true(state_identity_by_id(f->state, 2, &row));
    j = joining_of(f, 3 + LIMIT_NODES_GONE, 7);
    j.replaces = 2 + LIMIT_NODES_GONE;
    joined(f, &j);
    assert_false(state_identity_by_id(f->state, 2, &row));
    assert_true(state_identity_by_id(f->state, 3, &row));
}

/* ---- renewing */

/* Three masters, all of which vote. */
static void three_vote(struct fixture *f, int level)
{
    char args[32];
    found_cluster(f);
    put_token(f, 7, MODES_ALL, HOUR);
    for (int64_t id = 2; id <= 3; id++) {
        struct joining j = joining_of(f, id, 7);
        j.address = id == 2 ? "10.0.0.2:5055" : "10.0.0.3:5055";
        joined(f, &j);
    }
    snprintf(args, sizeof args, "{'level':%d}", level);
    applied(f, "schema.upgrade", args);
    applied(f, "node.state",
            "{'set':[{'node':1,'role':1,'up':true},{'node':2,'role':1,'up':true},"
            "{'node':3,'role':1,'up':true}]}");
}

static void of_two_removals_decided_together_the_second_is_looked_at_again(void **data)
{
    struct fixture *f = *data;
    three_vote(f, COMMAND_LEVEL);
    applied(f, "node.remove", "{'id':3,'leaving':0}");
    assert_int_equal(state_voters_leaving(f->state), 1);
    apply(f, "node.remove", "{'id':2,'leaving':0}");
    assert_true(f->last.stale);
    applied(f, "node.state", "{'set':[{'node':3,'role':-1,'up':false}]}");
    assert_int_equal(state_voters_leaving(f->state), 0);
    applied(f, "node.remove", "{'id':2,'leaving':0}");
}

/* Builds that do not know better are among the replicas. */
static void at_level_5_who_is_removed_is_no_member_and_its_event_has_its_number(void **data)
{
    struct fixture *f = *data;
    struct member_row m;
    three_vote(f, 5);
    applied(f, "node.remove", "{'id':3,'leaving':7}");
    assert_false(state_member(f->state, 3, &m));
    applied(f, "node.state", "{'set':[{'node':3,'role':1,'up':false}]}");
    last_event_is(f, NOUN_NODE, "votes", "node 3 votes now");
}

static void the_next_certificate_is_noted(void **data)
{
    struct fixture *f = *data;
    char args[128];
    found_cluster(f);
    snprintf(args, sizeof args, "{'id':1,'store':1001,'serial':99,'until':%lld}",
             (long long)(f->at + 3 * DAY));
    applied(f, "node.renew", args);
    assert_int_equal(identity_of(f, 1).serial, 99);
    assert_int_equal(identity_of(f, 1).until.ms, f->at - 1 + 3 * DAY);
    apply(f, "node.renew", "{'id':1,'store':1001,'serial':100,'until':5}");
    assert_string_equal(f->last.text, "until: need a time that is not over");
    apply(f, "node.renew", "{'id':1,'store':1001,'serial':0,'until':5}");
    assert_string_equal(f->last.text, "serial: need a positive number");
    apply(f, "node.renew", "{'id':1,'store':1002,'serial':100,'until':5}");
    assert_int_equal(f->last.code, ERR_CONFLICT);
    apply(f, "node.renew", "{'id':5,'store':1002,'serial':100,'until':5}");
    assert_int_equal(f->last.code, ERR_NOT_FOUND);
    assert_int_equal(identity_of(f, 1).serial, 99);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, at_level_2, tear_down)
#define TEST_AT_NEWEST(name) cmocka_unit_test_setup_teardown(name, at_newest_level, tear_down)
#define TEST_AT_LEVEL_1(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_AT_LEVEL_1(below_level_2_there_is_none_and_nobody_can_join),
        TEST_AT_LEVEL_1(a_state_of_level_1_is_upgraded_with_its_rows_and_sums),
        TEST_AT_LEVEL_1(level_6_keeps_the_events_and_goes_on_counting),
        TEST(a_token_is_kept_without_its_secret),
        TEST(what_makes_no_token_is_refused),
        TEST(an_expired_token_is_listed_for_a_while_and_they_are_bounded),
        TEST(a_token_that_is_refused_leaves_the_expired_ones),
        TEST(a_revoked_token_is_worth_nothing),
        TEST(the_first_node_admits_itself_and_no_other_does),
        TEST(a_node_joins_by_a_token_which_counts_it),
        TEST(a_token_is_for_its_modes_and_its_time),
        TEST(who_does_not_know_the_secret_learns_nothing),
        TEST(a_token_for_agents_makes_no_agent_of_a_master),
        TEST(an_id_is_for_one_disk),
        TEST_AT_NEWEST(an_id_is_for_one_key),
        TEST_AT_NEWEST(who_renews_is_known_by_the_key_that_he_shows),
        TEST_AT_NEWEST(the_key_of_who_is_gone_is_forgotten),
        TEST_AT_NEWEST(who_is_replaced_is_gone_with_its_agent),
        TEST(below_level_25_the_agent_of_who_is_replaced_stays),
        TEST(below_level_6_nobody_is_known_by_a_key),
        TEST(an_address_is_one_nodes_until_another_takes_its_place),
        TEST(what_makes_no_node_is_refused),
        TEST(replaced_nodes_are_forgotten_when_they_are_many),
        TEST(of_two_removals_decided_together_the_second_is_looked_at_again),
        TEST(at_level_5_who_is_removed_is_no_member_and_its_event_has_its_number),
        TEST(the_next_certificate_is_noted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
