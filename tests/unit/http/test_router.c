#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "http/router.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

struct row {
    enum method method;
    const char *pattern;
};

static const struct row rows[] = {
    {METHOD_GET, "/"},
    {METHOD_GET, "/ping"},
    {METHOD_GET, "/v2/apps"},
    {METHOD_POST, "/v2/apps"},
    {METHOD_GET, "/v2/apps/{id...}"},
    {METHOD_PUT, "/v2/apps/{id...}"},
    {METHOD_GET, "/v2/apps/{group...}/*"},
    {METHOD_GET, "/v2/apps/{id...}/tasks"},
    {METHOD_DELETE, "/v2/apps/{id...}/tasks/{task}"},
    {METHOD_GET, "/v2/apps/{id...}/versions"},
    {METHOD_GET, "/v2/apps/{id...}/versions/{version}"},
    {METHOD_POST, "/v2/apps/{id...}/restart"},
    {METHOD_GET, "/v2/groups/versions"},
    {METHOD_GET, "/v2/groups/{id...}"},
    {METHOD_GET, "/v1/scheduler/job/{name}"},
    {METHOD_PUT, "/v1/scheduler/job/success/{name}"},
    {METHOD_GET, "/slave({n})/state"},
    {METHOD_POST, "/api/v1"},
    {METHOD_POST, "/api/v1/{tail...}"},
    {METHOD_GET, "/files/{kind}.json"},
    {METHOD_GET, "/files/browse.json"},
    {METHOD_OPTIONS, "/own/options"},
    {METHOD_GET, "/ui/{file...}"},
};

static struct router *router_of_rows(void)
{
    struct router *r = router_new();
    struct error err;
    for (size_t i = 0; i < LENGTH(rows); i++)
        assert_int_equal(router_add(r, rows[i].method, rows[i].pattern, &rows[i], &err), 0);
    return r;
}

/* "PATTERN name=value …", or what the result is called */
static const char *matched(const struct router *r, const char *method, const char *path,
                           struct route_match *m, char *text, size_t size)
{
    switch (router_match(r, method_of(method), slice_of(path), m)) {
    case ROUTE_FOUND:
        break;
    case ROUTE_OPTIONS:
        snprintf(text, size, "options %s", m->allow);
        return text;
    case ROUTE_NO_METHOD:
        snprintf(text, size, "405 %s", m->allow);
        return text;
    case ROUTE_NOT_FOUND:
        return "404";
    case ROUTE_BAD_PATH:
        return "400";
    }
    assert_string_equal(m->pattern, ((const struct row *)m->row)->pattern);
    int len = snprintf(text, size, "%s", m->pattern);
    for (size_t i = 0; i < m->n_params; i++)
        len += snprintf(text + len, size - (size_t)len, " %.*s=%s", (int)m->params[i].name_len,
                        m->params[i].name, m->params[i].value);
    return text;
}

struct route_case {
    const char *method, *path, *expected;
};

static void check_routes(const struct route_case *cases, size_t n)
{
    struct router *r = router_of_rows();
    struct route_match m = {0};
    for (size_t i = 0; i < n; i++) {
        char text[256];
        assert_string_equal(matched(r, cases[i].method, cases[i].path, &m, text, sizeof(text)),
                            cases[i].expected);
    }
    route_match_close(&m);
    router_free(r);
}

static void the_most_literal_pattern_wins(void **unused)
{
    (void)unused;
    static const struct route_case cases[] = {
        {"GET", "/", "/"},
        {"GET", "/ping", "/ping"},
        {"GET", "/v2/apps", "/v2/apps"},
        {"POST", "/v2/apps", "/v2/apps"},
        {"GET", "/v2/apps/web", "/v2/apps/{id...} id=web"},
        {"GET", "/v2/apps/prod/web", "/v2/apps/{id...} id=prod/web"},
        {"PUT", "/v2/apps/prod/web", "/v2/apps/{id...} id=prod/web"},
        {"GET", "/v2/apps/prod/*", "/v2/apps/{group...}/* group=prod"},
        {"GET", "/v2/apps/a/b/tasks", "/v2/apps/{id...}/tasks id=a/b"},
        {"DELETE", "/v2/apps/a/b/tasks/t.1", "/v2/apps/{id...}/tasks/{task} id=a/b task=t.1"},
        {"DELETE", "/v2/apps/a/tasks/tasks", "/v2/apps/{id...}/tasks/{task} id=a task=tasks"},
        {"GET", "/v2/apps/a/versions", "/v2/apps/{id...}/versions id=a"},
        {"GET", "/v2/apps/a/versions/2024-05-01T09:30:00.120Z",
         "/v2/apps/{id...}/versions/{version} id=a version=2024-05-01T09:30:00.120Z"},
        {"POST", "/v2/apps/a/restart", "/v2/apps/{id...}/restart id=a"},
        {"GET", "/v2/apps/tasks", "/v2/apps/{id...} id=tasks"},
        {"GET", "/v2/apps/tasks/tasks", "/v2/apps/{id...}/tasks id=tasks"},
        {"GET", "/v2/groups/versions", "/v2/groups/versions"},
        {"GET", "/v2/groups/a/versions", "/v2/groups/{id...} id=a/versions"},
        {"GET", "/v1/scheduler/job/a", "/v1/scheduler/job/{name} name=a"},
        {"PUT", "/v1/scheduler/job/success/a", "/v1/scheduler/job/success/{name} name=a"},
        {"GET", "/slave(1)/state", "/slave({n})/state n=1"},
        {"POST", "/api/v1", "/api/v1"},
        {"POST", "/api/v1/operator", "/api/v1/{tail...} tail=operator"},
        {"GET", "/files/browse.json", "/files/browse.json"},
        {"GET", "/files/read.json", "/files/{kind}.json kind=read"},
        {"GET", "/ui/a/b.js", "/ui/{file...} file=a/b.js"},
    };
    check_routes(cases, LENGTH(cases));
}

static void slashes_and_encoding_do_not_matter(void **unused)
{
    (void)unused;
    static const struct route_case cases[] = {
        {"GET", "//ping//", "/ping"},
        {"GET", "/v2/apps/", "/v2/apps"},
        {"GET", "/v2/apps//a/b", "/v2/apps/{id...} id=a/b"},
        {"GET", "/v2/apps/a//b/tasks/", "/v2/apps/{id...}/tasks id=a/b"},
        {"GET", "/v2/apps/%2Fa%2Fb", "/v2/apps/{id...} id=/a/b"},
        {"GET", "/v2/apps/a%2Ftasks", "/v2/apps/{id...} id=a/tasks"},
        {"GET", "/v1/scheduler/job/a%20b%23c+d", "/v1/scheduler/job/{name} name=a b#c+d"},
        {"GET", "/slave%281%29/state", "/slave({n})/state n=1"},
        {"GET", "/%70ing", "/ping"},
        {"GET", "////", "/"},
    };
    check_routes(cases, LENGTH(cases));
}

static void tells_unknown_paths_from_wrong_methods(void **unused)
{
    (void)unused;
    static const struct route_case cases[] = {
        {"GET", "/v3", "404"},
        {"GET", "/slave()/state", "404"},
        {"GET", "/slave(1)/states", "404"},
        {"GET", "/ui", "404"},
        {"GET", "/v1/scheduler/job/a/b", "404"},
        {"GET", "", "400"},
        {"GET", "ping", "400"},
        {"OPTIONS", "*", "400"},
        {"GET", "/a%", "400"},
        {"GET", "/a%00b", "400"},
        {"DELETE", "/ping", "405 GET, HEAD, OPTIONS"},
        {"PATCH", "/v2/apps", "405 GET, HEAD, POST, OPTIONS"},
        {"PROPFIND", "/ping", "405 GET, HEAD, OPTIONS"},
        /* the path decides first: GET of the app would match, but this is its restart */
        {"GET", "/v2/apps/a/restart", "405 POST, OPTIONS"},
        {"HEAD", "/v2/apps/a/restart", "405 POST, OPTIONS"},
        {"GET", "/own/options", "405 OPTIONS"},
    };
    check_routes(cases, LENGTH(cases));
}

static void answers_head_and_options(void **unused)
{
    (void)unused;
    static const struct route_case cases[] = {
        {"HEAD", "/ping", "/ping"},
        {"OPTIONS", "/ping", "options GET, HEAD, OPTIONS"},
        {"OPTIONS", "/own/options", "/own/options"},
        {"OPTIONS", "/nowhere", "404"},
    };
    check_routes(cases, LENGTH(cases));
}

static void finds_parameters_by_name(void **unused)
{
    (void)unused;
    struct router *r = router_of_rows();
    struct route_match m = {0};
    router_match(r, METHOD_DELETE, SLICE("/v2/apps/a/b/tasks/t"), &m);
    assert_string_equal(route_param(&m, "id"), "a/b");
    assert_string_equal(route_param(&m, "task"), "t");
    assert_null(route_param(&m, "tas"));
    router_match(r, METHOD_GET, SLICE("/ping"), &m);
    assert_null(route_param(&m, "id"));
    route_match_close(&m);
    route_match_close(&m);
    router_free(r);
}

static void survives_paths_of_very_many_segments(void **unused)
{
    (void)unused;
    struct router *r = router_of_rows();
    struct route_match m = {0};
    struct buf path;
    buf_init(&path, 4096);
    buf_puts(&path, "/v2/apps");
    for (int i = 0; i < 1000; i++)
        buf_puts(&path, "/a");
    assert_int_equal(router_match(r, METHOD_GET, buf_slice(&path), &m), ROUTE_BAD_PATH);
    buf_close(&path);
    route_match_close(&m);
    router_free(r);
}

static void refuses_patterns_that_make_no_sense(void **unused)
{
    (void)unused;
    static const struct {
        const char *pattern;
        enum error_code code;
    } cases[] = {
        {"no/slash", ERR_INVALID},
        {"/{}", ERR_INVALID},
        {"/{open", ERR_INVALID},
        {"/close}", ERR_INVALID},
        {"/{a...}/{b...}", ERR_INVALID},
        {"/x{a...}", ERR_INVALID},
        {"/{a}/{b}/{c}/{d}/{e}", ERR_INVALID},
        {"/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17", ERR_INVALID},
        {"/ping", ERR_CONFLICT},
        {"/v2/apps/{other...}", ERR_CONFLICT},
    };
    struct router *r = router_of_rows();
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct error err;
        assert_int_equal(router_add(r, METHOD_GET, cases[i].pattern, &rows[0], &err), -1);
        assert_int_equal(err.code, cases[i].code);
    }
    router_free(r);
    router_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_most_literal_pattern_wins),
        cmocka_unit_test(slashes_and_encoding_do_not_matter),
        cmocka_unit_test(tells_unknown_paths_from_wrong_methods),
        cmocka_unit_test(answers_head_and_options),
        cmocka_unit_test(finds_parameters_by_name),
        cmocka_unit_test(survives_paths_of_very_many_segments),
        cmocka_unit_test(refuses_patterns_that_make_no_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
