#include "unit.h"

#include "base/limits.h"
#include "proxy/settings.h"

static int parse(const char *text, struct arena *arena, struct proxy_settings *out,
                 struct error *err)
{
    struct json *v = json_parse(slice_of(text), err);
    assert_non_null(v);
    int rc = proxy_settings_parse(v, arena, out, err);
    json_free(v);
    return rc;
}

static void what_is_absent_is_as_by_default(void **unused)
{
    (void)unused;
    struct arena arena = {0};
    struct proxy_settings s;
    struct error err;
    assert_int_equal(parse("{\"drain_ms\":5}", &arena, &s, &err), 0);
    assert_int_equal(s.drain_ms, 5);
    assert_int_equal(s.connect_ms, LIMIT_PROXY_CONNECT_MS);
    assert_int_equal(s.stats_port, -1);
    assert_string_equal(s.service_address, "127.0.0.1");
    arena_close(&arena);
}

static void what_is_written_reads_back_the_same(void **unused)
{
    (void)unused;
    static const char text[] =
        "{\"service_address\":\"0.0.0.0\",\"stats_address\":\"::1\",\"stats_port\":9090,"
        "\"authorization\":\"c0ffee\",\"realm\":\"here\",\"connect_ms\":700,\"drain_ms\":10,"
        "\"connections\":5,\"reserved\":["
        "{\"address\":\"127.0.0.1\",\"port\":8080,\"holder\":\"marathon\"}]}";
    struct arena arena = {0};
    struct proxy_settings s;
    struct error err;
    struct buf b;
    struct json_writer w;
    assert_int_equal(parse(text, &arena, &s, &err), 0);
    buf_init(&b, 4096);
    json_begin(&w, &b);
    json_object(&w);
    proxy_settings_write(&s, &w);
    json_object_end(&w);
    assert_string_equal(buf_str(&b), text);
    buf_close(&b);
    arena_close(&arena);
}

static void bad_values_are_named(void **unused)
{
    (void)unused;
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"{\"service_address\":\"here\"}",
         "service_address: got \"here\", need an IPv4 or IPv6 address"},
        {"{\"stats_port\":65536}", "stats_port: got 65536, need -1 to 65535"},
        {"{\"connect_ms\":0}", "connect_ms: got 0, need 1 to 31536000000"},
        {"{\"drain_ms\":\"1s\"}", "drain_ms: got a string, need a whole number"},
        {"{\"reserved\":[{\"port\":0}]}", "reserved[0]: port: got 0, need 1 to 65535"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct arena arena = {0};
        struct proxy_settings s;
        struct error err;
        assert_int_equal(parse(cases[i].text, &arena, &s, &err), -1);
        assert_string_equal(err.text, cases[i].error);
        arena_close(&arena);
    }
}

static void knows_who_holds_an_address(void **unused)
{
    (void)unused;
    static const struct {
        const char *reserved, *wanted;
        bool clash;
    } cases[] = {
        {"127.0.0.1", "127.0.0.1", true}, {"127.0.0.1", "127.0.0.2", false},
        {"0.0.0.0", "127.0.0.2", true},   {"127.0.0.1", "0.0.0.0", true},
        {"::", "127.0.0.1", true},        {"::1", "127.0.0.1", false},
        {"0.0.0.0", "::1", false},        {"::1", "::", true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct proxy_reserved r = {cases[i].reserved, 8080, "marathon"};
        struct proxy_settings s = {.reserved = &r, .n_reserved = 1};
        union proxy_address a;
        struct error err;
        assert_int_equal(proxy_address_parse(cases[i].wanted, 8080, &a, &err), 0);
        const char *holder = proxy_settings_holder(&s, &a);
        assert_int_equal(holder != NULL, cases[i].clash);
        assert_int_equal(proxy_address_parse(cases[i].wanted, 8081, &a, &err), 0);
        assert_null(proxy_settings_holder(&s, &a));
        s.stats_address = "0.0.0.0";
        s.stats_port = 8081;
        holder = proxy_settings_holder(&s, &a);
        assert_int_equal(holder != NULL, a.any.sa_family == AF_INET || cases[i].wanted[2] == '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_absent_is_as_by_default),
        cmocka_unit_test(what_is_written_reads_back_the_same),
        cmocka_unit_test(bad_values_are_named),
        cmocka_unit_test(knows_who_holds_an_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
