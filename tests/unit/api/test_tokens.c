#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/str.h"
#include "fixture.h"
#include "model/token.h"

static const uint8_t ca_hash[SHA256_SIZE] = {0xca, 0xfe};

static int in_a_cluster(void **data)
{
    set_up(data);
    struct fixture *f = *data;
    world_apply(&f->w, COMMAND_SCHEMA_UPGRADE, "{\"level\":2}", NULL);
    world_apply(&f->w, COMMAND_NODE_PUT,
                "{\"id\":1,\"name\":\"n1\",\"address\":\"10.0.0.1:5055\",\"modes\":7,\"level\":2,"
                "\"version\":\"0.1.0\"}",
                NULL);
    f->w.facts.ca_hash = ca_hash;
    return 0;
}
#define IN_A_CLUSTER(name) cmocka_unit_test_setup_teardown(name, in_a_cluster, tear_down)

/* Posts, must get that status, and the caller frees the answer. */
static struct json *post(struct fixture *f, const char *headers, const char *body, int status)
{
    struct error err;
    play(f, "POST /api/tokens", headers, body);
    if (f->r.status != status)
        fail_msg("%s: %d %s", body, f->r.status, answer(f));
    struct json *v = json_parse(buf_slice(&f->r.body), &err);
    assert_non_null(v);
    return v;
}

/* A node asks to join with what the answer held. */
static bool lets_join(struct fixture *f, const char *text, unsigned modes)
{
    struct token token;
    struct error err;
    struct joining j = {.id = 2,
                        .store = 20,
                        .name = "n2",
                        .address = "10.0.0.2:5055",
                        .modes = modes,
                        .serial = 7,
                        .until = {f->w.now.wall.ms + 1000}};
    assert_int_equal(token_parse(text, &token, &err), 0);
    assert_memory_equal(token.ca, ca_hash, sizeof ca_hash);
    j.token = token.id;
    token_hash(token.id, token.secret, j.hash);
    return state_join_check(f->w.state, &j, f->w.now.wall, &err) == 0;
}

static void a_token_is_shown_once_and_lets_join(void **data)
{
    struct fixture *f = *data;
    struct json *v = post(f, "", "{\"modes\":[\"agent\"],\"hours\":2}", 201);
    const char *text = json_str(json_get(v, "token"), "");
    assert_true(lets_join(f, text, MODE_AGENT));
    assert_false(lets_join(f, text, MODE_MASTER));
    assert_string_equal(json_str(json_get(v, "until"), ""), "2024-05-01T11:30:00.000Z");
    assert_string_equal(json_str(json_get(v, "address"), ""), "10.0.0.1:5055");
    char line[64];
    snprintf(line, sizeof line, "\"id\":\"%s\"", json_str(json_get(v, "id"), ""));
    play(f, "GET /api/tokens", "", NULL);
    assert_non_null(strstr(answer(f), line));
    assert_non_null(strstr(answer(f), "\"state\":\"good\""));
    assert_null(strstr(answer(f), "MESO1"));
    json_free(v);
}

static void without_a_word_it_is_for_all_modes_and_a_day(void **data)
{
    struct fixture *f = *data;
    struct json *v = post(f, "", "{}", 201);
    assert_true(lets_join(f, json_str(json_get(v, "token"), ""), MODES_ALL));
    assert_string_equal(json_str(json_get(v, "until"), ""), "2024-05-02T09:30:00.000Z");
    json_free(v);
    v = post(f, "", "{\"until\":\"2024-05-01T10:00:00Z\"}", 201);
    assert_string_equal(json_str(json_get(v, "until"), ""), "2024-05-01T10:00:00.000Z");
    json_free(v);
}

static void bad_wishes_are_named(void **data)
{
    struct fixture *f = *data;
    static const char *const cases[][2] = {
        {"{\"modes\":[]}", "modes: got none, need some of master, scheduler, agent"},
        {"{\"modes\":\"agent\"}", "modes: got \\\"agent\\\", need a list of modes"},
        {"{\"modes\":[\"boss\"]}",
         "modes: got \\\"boss\\\", need some of master, scheduler, agent, each once"},
        {"{\"modes\":[\"agent\",\"agent\"]}", "modes: got \\\"agent\\\", need some of"},
        {"{\"modes\":[\"agent,master\"]}", "modes: got \\\"agent,master\\\", need some of"},
        {"{\"modes\":[7]}", "modes: got 7, need some of"},
        {"{\"hours\":0}", "hours: got 0, need a whole number 1 to 8760"},
        {"{\"hours\":8761}", "hours: got 8761, need a whole number 1 to 8760"},
        {"{\"hours\":1.5}", "hours: got 1.5, need a whole number 1 to 8760"},
        {"{\"hours\":\"2\"}", "hours: got \\\"2\\\", need a whole number 1 to 8760"},
        {"{\"until\":5}", "until: got 5, need a time as text"},
        {"{\"until\":\"soon\"}", "until: "},
        {"{\"until\":\"2024-05-01T09:30:00Z\"}", "until: got 2024-05-01T09:30:00Z, need a time to"},
        {"{\"until\":\"2025-05-02T09:30:00Z\"}", "until: got 2025-05-02T09:30:00Z, need a time to"},
        {"{\"hours\":1,\"until\":\"2024-05-01T10:00:00Z\"}", "until: got hours beside it"},
        {"{\"houres\":1}",
         "the body: got member \\\"houres\\\", need one of modes, hours, until; did "
         "you mean hours?"},
        {"[]", "the body is an array, need an object"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        json_free(post(f, "", cases[i][0], 422));
        if (strstr(answer(f), cases[i][1]) == NULL)
            fail_msg("%s: %s", cases[i][0], answer(f));
    }
    json_free(post(f, "", "{", 400));
    json_free(post(f, "", NULL, 400));
    play(f, "GET /api/tokens", "", NULL);
    assert_non_null(strstr(answer(f), "\"total\":0"));
}

static void a_node_that_stands_alone_makes_none(void **data)
{
    struct fixture *f = *data;
    f->w.facts.ca_hash = NULL;
    json_free(post(f, "", "{}", 409));
    assert_non_null(strstr(answer(f), "mesolith init"));
}

/* The first answer may have been lost; the secret in it is nowhere else. */
static void what_is_sent_twice_does_not_make_up_a_secret(void **data)
{
    struct fixture *f = *data;
    json_free(post(f, "X-Request-Id: r1\r\n", "{}", 201));
    json_free(post(f, "X-Request-Id: r1\r\n", "{}", 409));
    assert_non_null(strstr(answer(f), "was sent before"));
    assert_null(strstr(answer(f), "MESO1"));
    play(f, "GET /api/tokens", "", NULL);
    assert_non_null(strstr(answer(f), "\"total\":1"));
}

static void a_revoked_one_lets_nobody_join(void **data)
{
    struct fixture *f = *data;
    char line[64];
    struct json *v = post(f, "", "{}", 201);
    const char *text = json_str(json_get(v, "token"), "");
    snprintf(line, sizeof line, "DELETE /api/tokens/%s", json_str(json_get(v, "id"), ""));
    for (int i = 0; i < 2; i++) { /* it may be told again */
        play(f, line, "", NULL);
        assert_int_equal(f->r.status, 200);
    }
    assert_false(lets_join(f, text, MODE_AGENT));
    play(f, "GET /api/tokens?state=revoked", "", NULL);
    assert_non_null(strstr(answer(f), "\"total\":1"));
    play(f, "GET /api/tokens?state=good", "", NULL);
    assert_non_null(strstr(answer(f), "\"total\":0"));
    json_free(v);
    static const char *const unknown[] = {"DELETE /api/tokens/00000001", "DELETE /api/tokens/x"};
    for (size_t i = 0; i < COUNT(unknown); i++) {
        play(f, unknown[i], "", NULL);
        assert_int_equal(f->r.status, 404);
    }
}

static void an_expired_one_is_shown_as_such(void **data)
{
    struct fixture *f = *data;
    json_free(post(f, "", "{\"hours\":1}", 201));
    world_pass(&f->w, 3600000);
    play(f, "GET /api/tokens?sort=-until", "", NULL);
    assert_non_null(strstr(answer(f), "\"state\":\"expired\""));
}

static void below_level_2_there_are_none(void **data)
{
    struct fixture *f = *data;
    play(f, "GET /api/tokens", "", NULL);
    assert_int_equal(f->r.status, 200);
    assert_non_null(strstr(answer(f), "\"total\":0"));
    play(f, "DELETE /api/tokens/00000001", "", NULL);
    assert_int_equal(f->r.status, 404);
    f->w.facts.ca_hash = ca_hash;
    json_free(post(f, "", "{}", 503));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_CLUSTER(a_token_is_shown_once_and_lets_join),
        IN_A_CLUSTER(without_a_word_it_is_for_all_modes_and_a_day),
        IN_A_CLUSTER(bad_wishes_are_named),
        IN_A_CLUSTER(a_node_that_stands_alone_makes_none),
        IN_A_CLUSTER(what_is_sent_twice_does_not_make_up_a_secret),
        IN_A_CLUSTER(a_revoked_one_lets_nobody_join),
        IN_A_CLUSTER(an_expired_one_is_shown_as_such),
        CASE(below_level_2_there_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
