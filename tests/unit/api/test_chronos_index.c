/* All rows of Chronos's endpoint index (spec/chronos.md 1.3), on both faces: which methods a path
 * has, what every answer carries, and what is too large. */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"

#define JSON "application/json"

static const struct path {
    const char *path, *allow; /* below the face's root */
} paths[] = {
    {"/iso8601", "POST, PUT, OPTIONS"},
    {"/dependency", "POST, PUT, OPTIONS"},
    {"/jobs", "GET, HEAD, OPTIONS"}, /* no DELETE: E-08 */
    {"/jobs/search", "GET, HEAD, OPTIONS"},
    {"/jobs/summary", "GET, HEAD, OPTIONS"},
    {"/job/j", "GET, HEAD, PUT, DELETE, OPTIONS"},
    {"/job/success/j", "PUT, OPTIONS"},
    {"/job/stat/j", "GET, HEAD, OPTIONS"},
    {"/job/j/task/ct:1:0:j:/progress", "POST, OPTIONS"},
    {"/task/ct:1:0:j:", "PUT, OPTIONS"},
    {"/task/kill/j", "DELETE, OPTIONS"},
    {"/task/all", "DELETE, OPTIONS"},
    {"/stats/mean", "GET, HEAD, OPTIONS"},
    {"/graph/dot", "GET, HEAD, OPTIONS"},
    {"/graph/csv", "GET, HEAD, OPTIONS"},
    {"/leader", "GET, HEAD, OPTIONS"},
    {"/info", "GET, HEAD, OPTIONS"},
};
static const struct path at_root[] = {
    {"/ping", "GET, HEAD, OPTIONS"},
    {"/metrics", "GET, HEAD, OPTIONS"},
    {"/leader", "GET, HEAD, OPTIONS"},
    {"/info", "GET, HEAD, OPTIONS"},
};
static const char *const faces[] = {"/scheduler", "/v1/scheduler"};

static void at(struct fixture *f, const char *method, const char *face, const char *path)
{
    char line[256];
    f->listener = "chronos";
    snprintf(line, sizeof line, "%s %s%s", method, face, path);
    play(f, line, "", NULL);
}

/* Of a failure: the object of G-3. Of all: G-8. */
static void assert_dressed(struct fixture *f, const char *method, const char *path)
{
    assert_header(f, "Access-Control-Allow-Origin", "*");
    if (f->r.status < 400)
        return;
    assert_string_equal(f->r.content_type, JSON);
    if (!str_starts(answer(f), "{\"status\":\"") ||
        strstr(answer(f), "\",\"message\":\"") == NULL ||
        strstr(answer(f), "\"message\":\"\"") != NULL)
        fail_msg("%s %s: %s", method, path, answer(f));
}

static void try_methods(struct fixture *f, const char *face, const struct path *p)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
    for (size_t m = 0; m < COUNT(methods); m++) {
        bool has = strstr(p->allow, methods[m]) != NULL;
        at(f, methods[m], face, p->path);
        if ((f->r.status == 405) == has || f->r.status == 404 || f->r.status >= 500)
            fail_msg("%s %s%s: %d", methods[m], face, p->path, f->r.status);
        if (!has)
            assert_header(f, "Allow", p->allow);
        assert_dressed(f, methods[m], p->path);
    }
    at(f, "OPTIONS", face, p->path);
    assert_int_equal(f->r.status, 200);
    assert_header(f, "Allow", p->allow);
    assert_dressed(f, "OPTIONS", p->path);
}

static void each_path_has_its_methods_and_tells_them(void **data)
{
    struct fixture *f = *data;
    for (size_t i = 0; i < COUNT(paths); i++)
        for (size_t face = 0; face < COUNT(faces); face++)
            try_methods(f, faces[face], &paths[i]);
    for (size_t i = 0; i < COUNT(at_root); i++)
        try_methods(f, "", &at_root[i]);
}

static void what_is_no_path_is_not_found(void **data)
{
    static const char *const none[] = {"",       "/",      "/job",  "/job/a/b", "/job/a/task",
                                       "/stats", "/graph", "/task", "/jobs/x",  "/graph/svg"};
    struct fixture *f = *data;
    for (size_t i = 0; i < COUNT(none); i++)
        for (size_t face = 0; face < COUNT(faces); face++) {
            at(f, "GET", faces[face], none[i]);
            assert_int_equal(f->r.status, 404);
            assert_dressed(f, "GET", none[i]);
        }
}

/* 400 and not 404 (G-4), also where F2 answered 500. */
static void a_job_that_nobody_knows_is_a_bad_request(void **data)
{
    static const char *const lines[][2] = {
        {"GET", "/job/nobody"},      {"PUT", "/job/nobody"},          {"DELETE", "/job/nobody"},
        {"GET", "/job/stat/nobody"}, {"DELETE", "/task/kill/nobody"},
    };
    struct fixture *f = *data;
    for (size_t i = 0; i < COUNT(lines); i++)
        for (size_t face = 0; face < COUNT(faces); face++) {
            at(f, lines[i][0], faces[face], lines[i][1]);
            assert_int_equal(f->r.status, 400);
            assert_non_null(strstr(answer(f), "'nobody'"));
            assert_dressed(f, lines[i][0], lines[i][1]);
        }
}

/* Slashes at both ends (G-7, G-13), and one face's jobs on the other. */
static void a_path_may_have_more_slashes(void **data)
{
    static const char *const lines[] = {"GET /scheduler/jobs/", "GET //scheduler/jobs",
                                        "GET ///v1/scheduler/jobs/", "HEAD /v1/scheduler/jobs/"};
    struct fixture *f = *data;
    f->listener = "chronos";
    for (size_t i = 0; i < COUNT(lines); i++) {
        play(f, lines[i], "", NULL);
        assert_int_equal(f->r.status, 200);
        assert_string_equal(f->r.content_type, JSON);
    }
}

static void a_body_has_a_megabyte_at_most(void **data)
{
    struct fixture *f = *data;
    struct buf body;
    f->listener = "chronos";
    buf_init(&body, 4 << 20);
    buf_printf(&body, "{\"name\":\"j\",\"command\":\"x\",\"description\":\"%0*d\"}", 1 << 20, 0);
    play(f, "POST /v1/scheduler/iso8601", "Content-Type: application/json\r\n", buf_str(&body));
    buf_close(&body);
    assert_int_equal(f->r.status, 413);
    assert_dressed(f, "POST", "/iso8601");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(each_path_has_its_methods_and_tells_them),
        CASE(what_is_no_path_is_not_found),
        CASE(a_job_that_nobody_knows_is_a_bad_request),
        CASE(a_path_may_have_more_slashes),
        CASE(a_body_has_a_megabyte_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
