#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "fixture.h"
#include "story.h"

static void mesos_answers_as_its_contract_says(void **unused)
{
    (void)unused;
    story_play_folder(FIXTURES "/mesos", "mesos");
}

static void get(struct fixture *f, const char *listener, const char *target, const char *headers)
{
    char line[1024];
    snprintf(line, sizeof line, "GET %s", target);
    f->listener = listener;
    play(f, line, headers, NULL);
}

/* ---- who answers (0.4) */

static void a_path_means_master_or_agent_by_its_listener(void **data)
{
    struct fixture *f = *data;
    static const struct {
        const char *listener, *target;
        bool agent;
    } cases[] = {
        {"mesos", "/state", false},          {"agent", "/state", true},
        {"marathon", "/state", false},       {"agent", "/master/state", false},
        {"mesos", "/slave(1)/state", true},  {"mesos", "/slave%281%29/state", true},
        {"mesos", "/slave(7)/state/", true}, {"agent", "/master/state.json", false},
        {"agent", "/state.json", true},      {"chronos", "/master/state/", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        get(f, cases[i].listener, cases[i].target, "");
        assert_int_equal(f->r.status, 200);
        bool agent = strstr(answer(f), "\"pid\":\"slave(1)@10.0.0.1:5051\",\"hostname\":"
                                       "\"10.0.0.1\",\"capabilities\":[],\"resources\"") != NULL;
        if (agent != cases[i].agent)
            fail_msg("%s on %s", cases[i].target, cases[i].listener);
    }
}

static void without_an_agent_there_is_none_to_ask(void **data)
{
    struct fixture *f = *data;
    f->w.facts.agent = -1;
    get(f, "mesos", "/slave(1)/state", "");
    assert_int_equal(f->r.status, 503);
    f->w.facts.modes = MODE_MASTER;
    get(f, "mesos", "/slave(1)/state", "");
    assert_int_equal(f->r.status, 404);
    get(f, "mesos", "/state", "");
    assert_int_equal(f->r.status, 200);
    f->w.facts.modes = MODE_AGENT;
    f->w.facts.agent = 0;
    get(f, "mesos", "/state", "");
    assert_non_null(strstr(answer(f), "\"resource_providers\""));
}

static void who_asks_for_the_same_state_again_is_told_so(void **data)
{
    struct fixture *f = *data;
    char headers[128];
    get(f, "mesos", "/state", "");
    struct slice tag = header_get(buf_slice(&f->r.headers), "ETag");
    snprintf(headers, sizeof headers, "If-None-Match: %.*s\r\n", (int)tag.len, tag.p);
    get(f, "mesos", "/state", headers);
    assert_int_equal(f->r.status, 304);
    world_agent(&f->w, "10.0.0.2");
    get(f, "mesos", "/state", headers);
    assert_int_equal(f->r.status, 200);
}

/* ---- files (7.1) */

static void files_are_asked_for_by_mesos_paths(void **data)
{
    struct fixture *f = *data;
    static const struct {
        const char *target;
        enum sandbox_op op;
        int64_t offset, length;
        const char *jsonp;
    } cases[] = {
        {"/files/browse?path=/x", SANDBOX_BROWSE, -1, -1, NULL},
        {"/files/browse.json?path=/x", SANDBOX_BROWSE, -1, -1, NULL},
        {"/files/download?path=/x", SANDBOX_DOWNLOAD, -1, -1, NULL},
        {"/files/read?path=/x", SANDBOX_READ, -1, -1, NULL},
        {"/files/read?path=/x&offset=5&length=7", SANDBOX_READ, 5, 7, NULL},
        {"/files/read.json?path=/x&offset=-1&jsonp=f.g_1", SANDBOX_READ, -1, -1, "f.g_1"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        get(f, i % 2 ? "agent" : "mesos", cases[i].target, "");
        const struct sandbox_request *r = f->r.sandbox;
        assert_non_null(r);
        assert_string_equal(r->path, "/x");
        assert_int_equal(r->op, cases[i].op);
        assert_int_equal(r->shape, SHAPE_MESOS);
        assert_int_equal(r->offset, cases[i].offset);
        assert_int_equal(r->length, cases[i].length);
        assert_true(str_eq(r->jsonp, cases[i].jsonp));
    }
}

static void a_file_is_on_the_node_of_the_agent_that_its_path_names(void **data)
{
    struct fixture *f = *data;
    static const struct {
        const char *target;
        int64_t node;
        const char *host;
    } cases[] = {
        {"/files/read?path=/slaves/" WORLD_CLUSTER "-S0/frameworks/f/stdout", 1, "10.0.0.1"},
        {"/files/browse?path=/slaves/" WORLD_CLUSTER "-S1", 2, NULL},
        {"/files/download?path=/var/lib/mesolith/agent/slaves/" WORLD_CLUSTER "-S1/x", 2, NULL},
        {"/files/browse?path=/slaves/" WORLD_CLUSTER "-S7", 2, NULL},
        {"/files/browse?path=/frameworks/f/executors/e/runs/latest", 2, NULL},
    };
    world_agent_in(&f->w, "10.0.0.2", 2);
    f->w.facts.node = 2; /* that is asked */
    for (size_t i = 0; i < COUNT(cases); i++) {
        get(f, "mesos", cases[i].target, "");
        assert_int_equal(f->r.sandbox->node, cases[i].node);
        assert_true(str_eq(f->r.sandbox->host, cases[i].host));
    }
}

static void bad_questions_for_files_get_mesos_words(void **data)
{
    struct fixture *f = *data;
    static const char *const cases[][2] = {
        {"/files/browse", "Expecting 'path=value' in query.\n"},
        {"/files/read?path=/x&offset=-2", "Negative offset provided: -2.\n"},
        {"/files/read?path=/x&offset=0&length=-2", "Negative length provided: -2.\n"},
        {"/files/read?path=/x&offset=one",
         "Failed to parse offset: \"one\" is not a whole number\n"},
        {"/files/read?path=/x&jsonp=a(b",
         "jsonp: need a name of letters, digits, '_', '$' and '.'\n"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        get(f, "mesos", cases[i][0], "");
        assert_null(f->r.sandbox);
        assert_int_equal(f->r.status, 400);
        assert_string_equal(answer(f), cases[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mesos_answers_as_its_contract_says),
        CASE(a_path_means_master_or_agent_by_its_listener),
        CASE(without_an_agent_there_is_none_to_ask),
        CASE(who_asks_for_the_same_state_again_is_told_so),
        CASE(files_are_asked_for_by_mesos_paths),
        CASE(a_file_is_on_the_node_of_the_agent_that_its_path_names),
        CASE(bad_questions_for_files_get_mesos_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
