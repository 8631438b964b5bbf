#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "api/web/bundle.h"
#include "base/mem.h"
#include "world.h"

static const unsigned char page[] = "<page>", script[] = "\x1f\x8bpacked", icon[] = "<svg>";
static const struct bundle_file files[] = {
    {"/app-HK5TD7K5.js", "text/javascript; charset=utf-8", script, sizeof script - 1, true},
    {"/icon.svg", "image/svg+xml", icon, sizeof icon - 1, false},
    {"/index.html", "text/html; charset=utf-8", page, sizeof page - 1, false},
};

struct fixture {
    struct world w;
    struct reply r;
};

static int set_up(void **data)
{
    static struct fixture f;
    world_open(&f.w);
    f.w.facts.ui = files;
    f.w.facts.ui_n = COUNT(files);
    reply_init(&f.r);
    *data = &f;
    return 0;
}

static int tear_down(void **data)
{
    struct fixture *f = *data;
    reply_close(&f->r);
    world_close(&f->w);
    return 0;
}

static void get(struct fixture *f, const char *listener, const char *line, const char *headers)
{
    reply_close(&f->r);
    world_play(&f->w, listener, line, headers, NULL, &f->r);
}

static void assert_header(const struct fixture *f, const char *name, const char *value)
{
    struct slice got = header_get(buf_slice(&f->r.headers), name);
    if (!slice_is(got, value))
        fail_msg("%s is \"%.*s\", not \"%s\"", name, (int)got.len, got.p, value);
}

static void the_root_of_every_listener_leads_to_the_dashboard(void **data)
{
    struct fixture *f = *data;
    static const char *const listeners[] = {"marathon", "chronos", "mesos", "agent"};
    for (size_t i = 0; i < COUNT(listeners); i++) {
        get(f, listeners[i], "GET /", "");
        assert_int_equal(f->r.status, 302);
        assert_header(f, "Location", "/ui/");
        get(f, listeners[i], "GET /ui", "");
        assert_header(f, "Location", "/ui/");
    }
}

static void pages_are_all_the_one_page(void **data)
{
    struct fixture *f = *data;
    static const char *const lines[] = {"GET /ui/", "GET /ui/apps", "GET /ui/apps/%2Fshop%2Fweb",
                                        "GET /ui/index.html"};
    for (size_t i = 0; i < COUNT(lines); i++) {
        get(f, "marathon", lines[i], "");
        assert_int_equal(f->r.status, 200);
        assert_string_equal(buf_str(&f->r.body), "<page>");
        assert_string_equal(f->r.content_type, "text/html; charset=utf-8");
        assert_header(f, "Cache-Control", "no-cache");
    }
    get(f, "marathon", "GET /ui/nothing.js", "");
    assert_int_equal(f->r.status, 404);
}

static void the_policy_allows_nothing_unsafe(void **data)
{
    struct fixture *f = *data;
    get(f, "marathon", "GET /ui/", "");
    char *policy = slice_dup(header_get(buf_slice(&f->r.headers), "Content-Security-Policy"));
    assert_non_null(strstr(policy, "default-src 'self'"));
    assert_null(strstr(policy, "unsafe"));
    mem_free(policy);
}

static void files_named_by_their_content_are_kept_for_ever(void **data)
{
    struct fixture *f = *data;
    get(f, "marathon", "GET /ui/app-HK5TD7K5.js", "Accept-Encoding: gzip\r\n");
    assert_int_equal(f->r.status, 200);
    assert_true(f->r.plain);
    assert_header(f, "Cache-Control", "public, max-age=31536000, immutable");
    assert_header(f, "Content-Encoding", "gzip");
    assert_int_equal(f->r.body.len, sizeof script - 1);
    get(f, "marathon", "GET /ui/icon.svg", "");
    assert_header(f, "Cache-Control", "no-cache");
    assert_header(f, "Content-Encoding", "");
}

static void who_has_a_file_does_not_get_it_again(void **data)
{
    struct fixture *f = *data;
    char headers[128];
    get(f, "marathon", "GET /ui/", "");
    struct slice tag = header_get(buf_slice(&f->r.headers), "ETag");
    snprintf(headers, sizeof headers, "If-None-Match: \"x\", %.*s\r\n", (int)tag.len, tag.p);
    get(f, "marathon", "GET /ui/", headers);
    assert_int_equal(f->r.status, 304);
    assert_int_equal(f->r.body.len, 0);
    get(f, "marathon", "GET /ui/icon.svg", headers);
    assert_int_equal(f->r.status, 200);
}

static void who_refuses_gzip_is_told_so(void **data)
{
    struct fixture *f = *data;
    get(f, "marathon", "GET /ui/app-HK5TD7K5.js", "Accept-Encoding: identity\r\n");
    assert_int_equal(f->r.status, 406);
    get(f, "marathon", "GET /ui/icon.svg", "Accept-Encoding: identity\r\n");
    assert_int_equal(f->r.status, 200);
}

static void a_build_without_it_says_so(void **data)
{
    struct fixture *f = *data;
    f->w.facts.ui_n = 0;
    get(f, "marathon", "GET /ui/", "");
    assert_int_equal(f->r.status, 404);
    assert_string_equal(buf_str(&f->r.body), "this build has no dashboard\n");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_root_of_every_listener_leads_to_the_dashboard),
        CASE(pages_are_all_the_one_page),
        CASE(the_policy_allows_nothing_unsafe),
        CASE(files_named_by_their_content_are_kept_for_ever),
        CASE(who_has_a_file_does_not_get_it_again),
        CASE(who_refuses_gzip_is_told_so),
        CASE(a_build_without_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
