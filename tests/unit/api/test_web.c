#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "api/web/bundle.h"
#include "base/mem.h"
#include "fixture.h"

static const unsigned char page[] = "<page>", script[] = "\x1f\x8bpacked", icon[] = "<svg>";
static const struct bundle_file files[] = {
    {"/app-HK5TD7K5.js", "text/javascript; charset=utf-8", script, sizeof script - 1, true},
    {"/icon.svg", "image/svg+xml", icon, sizeof icon - 1, false},
    {"/index.html", "text/html; charset=utf-8", page, sizeof page - 1, false},
};

static int with_files(void **data)
{
    set_up(data);
    struct fixture *f = *data;
    f->w.facts.ui = files;
    f->w.facts.ui_n = COUNT(files);
    return 0;
}

static void get(struct fixture *f, const char *line, const char *headers)
{
    play(f, line, headers, NULL);
}

static void the_root_of_every_listener_leads_to_the_dashboard(void **data)
{
    struct fixture *f = *data;
    static const char *const listeners[] = {"marathon", "chronos", "mesos", "agent"};
    for (size_t i = 0; i < COUNT(listeners); i++) {
        f->listener = listeners[i];
        get(f, "GET /", "");
        assert_int_equal(f->r.status, 302);
        assert_header(f, "Location", "/ui/");
        assert_header(f, "X-Frame-Options", "DENY");
        assert_header(f, "X-Marathon-Leader", "http://10.0.0.1:8080");
        get(f, "GET /ui", "");
        assert_header(f, "Location", "/ui/");
    }
}

static void pages_are_all_the_one_page(void **data)
{
    struct fixture *f = *data;
    static const char *const lines[] = {"GET /ui/",
                                        "GET /ui/apps",
                                        "GET /ui/apps/a.b",
                                        "GET /ui/apps/%2Fshop%2Fweb",
                                        "GET /ui/nodes/x.example.com",
                                        "GET /ui/index.html"};
    for (size_t i = 0; i < COUNT(lines); i++) {
        get(f, lines[i], "");
        assert_int_equal(f->r.status, 200);
        assert_string_equal(answer(f), "<page>");
        assert_string_equal(f->r.content_type, "text/html; charset=utf-8");
        assert_header(f, "Cache-Control", "no-cache");
    }
    get(f, "GET /ui/nothing.js", "");
    assert_int_equal(f->r.status, 404);
}

static void the_policy_allows_nothing_unsafe(void **data)
{
    struct fixture *f = *data;
    get(f, "GET /ui/", "");
    char *policy = slice_dup(header_get(buf_slice(&f->r.headers), "Content-Security-Policy"));
    assert_non_null(strstr(policy, "default-src 'self'"));
    assert_null(strstr(policy, "unsafe"));
    mem_free(policy);
    assert_header(f, "X-Frame-Options", "DENY");
    assert_header(f, "X-XSS-Protection", "1; mode=block");
}

static void files_named_by_their_content_are_kept_for_ever(void **data)
{
    struct fixture *f = *data;
    get(f, "GET /ui/app-HK5TD7K5.js", "Accept-Encoding: gzip\r\n");
    assert_int_equal(f->r.status, 200);
    assert_true(f->r.plain);
    assert_header(f, "Cache-Control", "public, max-age=31536000, immutable");
    assert_header(f, "Content-Encoding", "gzip");
    assert_int_equal(f->r.body.len, sizeof script - 1);
    get(f, "GET /ui/icon.svg", "");
    assert_header(f, "Cache-Control", "no-cache");
    assert_header(f, "Content-Encoding", "");
}

static void who_has_a_file_does_not_get_it_again(void **data)
{
    struct fixture *f = *data;
    char headers[128];
    get(f, "GET /ui/", "");
    struct slice tag = header_get(buf_slice(&f->r.headers), "ETag");
    snprintf(headers, sizeof headers, "If-None-Match: \"x\", %.*s\r\n", (int)tag.len, tag.p);
    get(f, "GET /ui/", headers);
    assert_int_equal(f->r.status, 304);
    assert_int_equal(f->r.body.len, 0);
    get(f, "GET /ui/icon.svg", headers);
    assert_int_equal(f->r.status, 200);
}

static void who_refuses_gzip_is_told_so(void **data)
{
    struct fixture *f = *data;
    get(f, "GET /ui/app-HK5TD7K5.js", "Accept-Encoding: identity\r\n");
    assert_int_equal(f->r.status, 406);
    get(f, "GET /ui/icon.svg", "Accept-Encoding: identity\r\n");
    assert_int_equal(f->r.status, 200);
}

static void a_build_without_it_says_so(void **data)
{
    struct fixture *f = *data;
    f->w.facts.ui_n = 0;
    get(f, "GET /ui/", "");
    assert_int_equal(f->r.status, 404);
    assert_string_equal(answer(f), "this build has no dashboard\n");
}

#define WITH_FILES(name) cmocka_unit_test_setup_teardown(name, with_files, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FILES(the_root_of_every_listener_leads_to_the_dashboard),
        WITH_FILES(pages_are_all_the_one_page),
        WITH_FILES(the_policy_allows_nothing_unsafe),
        WITH_FILES(files_named_by_their_content_are_kept_for_ever),
        WITH_FILES(who_has_a_file_does_not_get_it_again),
        WITH_FILES(who_refuses_gzip_is_told_so),
        WITH_FILES(a_build_without_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
