#include "unit.h"

#include <string.h>

#include "http/message.h"

static struct slice headers(void)
{
    return SLICE("Host: a:80\r\n"
                 "X-Empty:\r\n"
                 "Accept: text/plain , application/json\r\n"
                 "x-twice:  1\t\r\n"
                 "X-Twice: 2\r\n");
}

static void finds_headers_in_any_case(void **unused)
{
    (void)unused;
    assert_true(slice_is(header_get(headers(), "host"), "a:80"));
    assert_true(slice_is(header_get(headers(), "X-TWICE"), "1"));
    assert_true(slice_is(header_get(headers(), "X-Empty"), ""));
    assert_non_null(header_get(headers(), "X-Empty").p);
    assert_null(header_get(headers(), "X-Missing").p);
    assert_null(header_get(headers(), "Hos").p);
}

static void looks_into_lists(void **unused)
{
    (void)unused;
    assert_true(header_has(headers(), "accept", "application/JSON"));
    assert_true(header_has(headers(), "accept", "text/plain"));
    assert_false(header_has(headers(), "accept", "text"));
    assert_true(header_has(headers(), "x-twice", "2"));
    assert_false(header_has(headers(), "x-missing", "2"));
}

static void walks_all_headers_in_order(void **unused)
{
    (void)unused;
    struct slice name, value;
    struct buf seen;
    size_t at = 0;
    buf_init(&seen, 200);
    while (header_each(headers(), &at, &name, &value))
        buf_printf(&seen, "%.*s=%.*s;", (int)name.len, name.p, (int)value.len, value.p);
    assert_string_equal(buf_str(&seen), "Host=a:80;X-Empty=;Accept=text/plain , application/json;"
                                        "x-twice=1;X-Twice=2;");
    buf_close(&seen);
}

static void a_value_cannot_forge_a_header(void **unused)
{
    (void)unused;
    struct buf b;
    buf_init(&b, 200);
    header_put(&b, "Location", "/x\r\nSet-Cookie: a=b");
    header_printf(&b, "X-Id", "%s\n%d", "a", 1);
    header_put_slice(&b, "X-Nul", (struct slice){"a\0b", 3});
    assert_string_equal(buf_str(&b),
                        "Location: /x  Set-Cookie: a=b\r\nX-Id: a 1\r\nX-Nul: a b\r\n");
    buf_close(&b);
}

static void splits_targets(void **unused)
{
    (void)unused;
    static const struct {
        const char *target, *path, *query;
    } cases[] = {
        {"/", "/", ""},
        {"/a/b?c=d?e", "/a/b", "c=d?e"},
        {"/a?", "/a", ""},
        {"*", "*", ""},
        {"http://host:80/a?b", "/a", "b"},
        {"HTTPS://host", "/", ""},
        {"http://host?b", "", "b"},
        {"/http://host/", "/http://host/", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct request r = request_of(METHOD_GET, cases[i].target);
        assert_true(slice_is(r.target, cases[i].target));
        assert_true(slice_is(r.path, cases[i].path));
        assert_true(slice_is(r.query, cases[i].query));
    }
}

static void a_copy_stands_on_its_own(void **unused)
{
    (void)unused;
    char target[] = "/a?b=c", lines[] = "Host: x\r\n", body[] = "hello", remote[] = "10.0.0.1";
    struct request r = request_of(METHOD_POST, target);
    r.headers = slice_of(lines);
    r.body = slice_of(body);
    r.remote = remote;
    r.listener = "marathon";

    struct request *copy = request_dup(&r);
    memset(target, '#', strlen(target));
    memset(lines, '#', strlen(lines));
    memset(body, '#', strlen(body));
    memset(remote, '#', strlen(remote));

    assert_int_equal(copy->method, METHOD_POST);
    assert_true(slice_is(copy->target, "/a?b=c"));
    assert_true(slice_is(copy->path, "/a"));
    assert_true(slice_is(copy->query, "b=c"));
    assert_true(slice_is(header_get(copy->headers, "host"), "x"));
    assert_true(slice_is(copy->body, "hello"));
    assert_string_equal(copy->remote, "10.0.0.1");
    assert_string_equal(copy->listener, "marathon");
    assert_null(copy->user);
    request_free(copy);
    request_free(NULL);
}

static void names_methods_and_statuses(void **unused)
{
    (void)unused;
    assert_string_equal(method_text(METHOD_PATCH), "PATCH");
    assert_int_equal(method_of("DELETE"), METHOD_DELETE);
    assert_int_equal(method_of("delete"), METHOD_OTHER);
    assert_int_equal(method_of("PROPFIND"), METHOD_OTHER);
    assert_string_equal(status_text(422), "Unprocessable Entity");
    assert_string_equal(status_text(299), "Unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_headers_in_any_case),
        cmocka_unit_test(looks_into_lists),
        cmocka_unit_test(walks_all_headers_in_order),
        cmocka_unit_test(a_value_cannot_forge_a_header),
        cmocka_unit_test(splits_targets),
        cmocka_unit_test(a_copy_stands_on_its_own),
        cmocka_unit_test(names_methods_and_statuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
