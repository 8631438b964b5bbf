#include "unit.h"

#include <string.h>

#include "http/url.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

static void decodes_percent_sequences_once(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        enum url_kind kind;
        const char *expected; /* NULL: refused */
    } cases[] = {
        {"", URL_PATH, ""},         {"a+b", URL_PATH, "a+b"},
        {"a+b", URL_FORM, "a b"},   {"%2Fa%2fb", URL_PATH, "/a/b"},
        {"%252F", URL_PATH, "%2F"}, {"%C3%A4", URL_PATH, "\xc3\xa4"},
        {"%2B", URL_FORM, "+"},     {"%", URL_PATH, NULL},
        {"a%2", URL_PATH, NULL},    {"%zz", URL_PATH, NULL},
        {"%+1", URL_FORM, NULL},    {"%00", URL_PATH, NULL},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct buf out;
        struct error err;
        buf_init(&out, 100);
        int result = url_decode(slice_of(cases[i].text), cases[i].kind, &out, &err);
        assert_int_equal(result, cases[i].expected != NULL ? 0 : -1);
        assert_string_equal(buf_str(&out), cases[i].expected != NULL ? cases[i].expected : "");
        buf_close(&out);
    }
}

static void says_what_is_wrong_with_a_sequence(void **unused)
{
    (void)unused;
    struct buf out;
    struct error err;
    buf_init(&out, 100);
    assert_int_equal(url_decode(SLICE("/a/%zz/b"), URL_PATH, &out, &err), -1);
    assert_int_equal(err.code, ERR_SYNTAX);
    assert_string_equal(err.text,
                        "URL: got \"%zz\", need % and two hex digits, of a byte other than 0");
    buf_close(&out);
}

static void encodes_what_it_can_decode(void **unused)
{
    (void)unused;
    struct buf out;
    buf_init(&out, 100);
    url_encode(SLICE("a/b c#\xc3\xa4~"), &out);
    assert_string_equal(buf_str(&out), "a%2Fb%20c%23%C3%A4~");
    buf_close(&out);
}

static void reads_queries(void **unused)
{
    (void)unused;
    struct query q;
    struct error err;
    size_t cursor = 0;
    assert_int_equal(query_parse(&q,
                                 SLICE("embed=apps.tasks&&embed=apps.counts&force=True&flag&"
                                       "types%5B%5D=a+b&types[]=c&=x&eq=a=b"),
                                 &err),
                     0);
    assert_string_equal(query_get(&q, "embed"), "apps.tasks");
    assert_string_equal(query_get(&q, "flag"), "");
    assert_string_equal(query_get(&q, ""), "x");
    assert_string_equal(query_get(&q, "eq"), "a=b");
    assert_null(query_get(&q, "emb"));
    assert_string_equal(query_each(&q, "types", &cursor), "a b");
    assert_string_equal(query_each(&q, "types", &cursor), "c");
    assert_null(query_each(&q, "types", &cursor));
    assert_true(query_true(&q, "force"));
    assert_false(query_true(&q, "flag"));
    assert_false(query_true(&q, "missing"));
    query_close(&q);
}

static void an_empty_query_is_no_error_but_a_broken_one_is(void **unused)
{
    (void)unused;
    struct query q;
    struct error err;
    assert_int_equal(query_parse(&q, SLICE(""), &err), 0);
    assert_int_equal(q.n, 0);
    query_close(&q);
    assert_int_equal(query_parse(&q, SLICE("a=%"), &err), -1);
    assert_int_equal(err.code, ERR_SYNTAX);
}

static void reads_whole_urls(void **unused)
{
    (void)unused;
    static const struct {
        const char *text, *host;
        uint16_t port;
        const char *target;
        bool tls;
    } cases[] = {
        {"http://10.0.0.1:8080/v2/apps?x=y#z", "10.0.0.1", 8080, "/v2/apps?x=y", false},
        {"http://host", "host", 80, "/", false},
        {"https://host?x", "host", 443, "/?x", true},
        {"HTTPS://host:1/", "host", 1, "/", true},
        {"10.0.0.1:5050", "10.0.0.1", 5050, "/", false},
        {"http://[::1]:80/a", "::1", 80, "/a", false},
        {"host/a?u=http://b", "host", 80, "/a?u=http://b", false},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct url u;
        struct error err;
        assert_int_equal(url_parse(cases[i].text, &u, &err), 0);
        assert_string_equal(u.host, cases[i].host);
        assert_int_equal(u.port, cases[i].port);
        assert_string_equal(u.target, cases[i].target);
        assert_int_equal(u.tls, cases[i].tls);
        url_close(&u);
    }
}

static void reads_the_address_of_a_unix_socket(void **unused)
{
    (void)unused;
    static const char *const cases[] = {"unix:/run/docker.sock", "unix:///run/docker.sock"};
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct url u;
        struct error err;
        assert_int_equal(url_parse(cases[i], &u, &err), 0);
        assert_string_equal(u.unix_path, "/run/docker.sock");
        url_close(&u);
    }
}

static void refuses_urls_it_cannot_connect_to(void **unused)
{
    (void)unused;
    static const char *const cases[] = {
        "",           "http://",       "ftp://host/",      "http://host:x/", "http://host:65536/",
        "http://[]/", "http://a b/",   "http://u:p@host/", "unix:docker",    "http://host:/",
        "http://:80", "http://[::1]x", "http://h\r\nX: y", "http://[",       "http://a[b/",
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct url u;
        struct error err;
        assert_int_equal(url_parse(cases[i], &u, &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_percent_sequences_once),
        cmocka_unit_test(says_what_is_wrong_with_a_sequence),
        cmocka_unit_test(encodes_what_it_can_decode),
        cmocka_unit_test(reads_queries),
        cmocka_unit_test(an_empty_query_is_no_error_but_a_broken_one_is),
        cmocka_unit_test(reads_whole_urls),
        cmocka_unit_test(reads_the_address_of_a_unix_socket),
        cmocka_unit_test(refuses_urls_it_cannot_connect_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
