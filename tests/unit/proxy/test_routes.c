#include "unit.h"

#include <string.h>

#include "proxy/routes.h"

#define WEB                                           \
    "{\"port\":10000,\"app\":\"/web\",\"backends\":[" \
    "{\"task\":\"web.1\",\"address\":\"10.0.0.1\",\"port\":31000}]}"
#define WEB2                                                                          \
    "{\"port\":10000,\"app\":\"/web\",\"backends\":["                                 \
    "{\"task\":\"web.1\",\"address\":\"10.0.0.1\",\"port\":31000,\"draining\":true}," \
    "{\"task\":\"web.2\",\"address\":\"::1\",\"port\":31001,\"healthy\":false}]}"
#define API "{\"port\":10001,\"app\":\"/api\",\"protocol\":\"udp\",\"backends\":[]}"

static int parse(const char *text, struct proxy_change *out, struct error *err)
{
    struct json *v = json_parse(slice_of(text), err);
    if (v == NULL)
        return -1;
    int rc = proxy_change_parse(v, out, err);
    json_free(v);
    return rc;
}

static void apply(struct proxy_routes *s, const char *text, size_t n_routes, size_t n_removed)
{
    struct proxy_change c;
    struct error err;
    assert_int_equal(parse(text, &c, &err), 0);
    assert_int_equal(proxy_routes_reduce(s, &c, &err), 0);
    assert_int_equal(c.n_routes, n_routes);
    assert_int_equal(c.n_removed, n_removed);
    proxy_routes_apply(s, &c);
    proxy_change_close(&c);
}

static void expect(const struct proxy_routes *s, const char *text)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, 4096);
    json_begin(&w, &b);
    json_object(&w);
    proxy_routes_write(s, &w);
    json_object_end(&w);
    assert_string_equal(buf_str(&b), text);
    buf_close(&b);
}

static void takes_complete_sets_and_changes(void **unused)
{
    (void)unused;
    struct proxy_routes s;
    proxy_routes_init(&s);
    apply(&s, "{\"revision\":5,\"routes\":[" WEB "," API "]}", 2, 0);
    apply(&s, "{\"revision\":6,\"routes\":[" WEB "," API "]}", 0, 0); /* says nothing new */
    assert_int_equal(s.revision, 6);
    apply(&s, "{\"revision\":7,\"since\":6,\"routes\":[" WEB2 "]}", 1, 0);
    assert_int_equal(s.n_targets, 2);
    apply(&s,
          "{\"revision\":8,\"since\":7,\"routes\":[],\"removed\":["
          "{\"port\":10001,\"app\":\"/api\"},{\"port\":10001,\"app\":\"/api\"},"
          "{\"port\":1,\"app\":\"/never\"}]}",
          0, 1);
    expect(&s, "{\"revision\":8,\"routes\":[{\"port\":10000,\"app\":\"/web\",\"backends\":["
               "{\"task\":\"web.1\",\"address\":\"10.0.0.1\",\"port\":31000,\"healthy\":true,"
               "\"draining\":true},"
               "{\"task\":\"web.2\",\"address\":\"::1\",\"port\":31001,\"healthy\":false,"
               "\"draining\":false}]}]}");
    apply(&s, "{\"revision\":9,\"routes\":[" API "]}", 1, 1); /* lacks /web */
    expect(&s, "{\"revision\":9,\"routes\":[{\"port\":10001,\"app\":\"/api\","
               "\"protocol\":\"udp\",\"backends\":[]}]}");
    proxy_routes_close(&s);
}

static void the_last_of_repeated_routes_counts(void **unused)
{
    (void)unused;
    struct proxy_routes s;
    proxy_routes_init(&s);
    apply(&s, "{\"revision\":1,\"routes\":[" WEB "," API "," WEB2 "]}", 2, 0);
    assert_int_equal(s.n_targets, 2);
    proxy_routes_close(&s);
}

static void a_change_to_another_revision_is_a_conflict(void **unused)
{
    (void)unused;
    struct proxy_routes s;
    struct proxy_change c;
    struct error err;
    proxy_routes_init(&s);
    apply(&s, "{\"revision\":5,\"routes\":[]}", 0, 0);
    assert_int_equal(parse("{\"revision\":9,\"since\":8,\"routes\":[]}", &c, &err), 0);
    assert_int_equal(proxy_routes_reduce(&s, &c, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_string_equal(err.text, "since: got revision 8, but 5 is what stands");
    proxy_change_close(&c);
    proxy_routes_close(&s);
}

static void what_is_written_reads_back_the_same(void **unused)
{
    (void)unused;
    struct proxy_change c, again;
    struct error err;
    struct buf b;
    struct json_writer w;
    assert_int_equal(parse("{\"revision\":3,\"since\":2,\"routes\":[" WEB2 "],\"removed\":["
                           "{\"port\":10001,\"app\":\"/api\"}]}",
                           &c, &err),
                     0);
    buf_init(&b, 4096);
    json_begin(&w, &b);
    json_object(&w);
    proxy_change_write(&c, &w);
    json_object_end(&w);
    assert_int_equal(parse(buf_str(&b), &again, &err), 0);
    assert_int_equal(again.since, 2);
    assert_true(proxy_route_equal(c.routes[0], again.routes[0]));
    assert_string_equal(again.removed[0].app, "/api");
    proxy_change_close(&c);
    proxy_change_close(&again);
    buf_close(&b);
}

static void bad_input_is_told_what_would_be_right(void **unused)
{
    (void)unused;
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"{}", "revision: need a number of 0 or more"},
        {"{\"revision\":-1}", "revision: need a number of 0 or more"},
        {"{\"revision\":1}", "routes: got nothing, need an array"},
        {"{\"revision\":1,\"routes\":7}", "routes: got a number, need an array"},
        {"{\"revision\":1,\"routes\":[{}]}", "routes[0]: port: got nothing, need a number"},
        {"{\"revision\":1,\"routes\":[{\"port\":65536}]}",
         "routes[0]: port: got 65536, need 1 to 65535"},
        {"{\"revision\":1,\"routes\":[{\"port\":1}]}",
         "routes[0]: app: got nothing, need a string"},
        {"{\"revision\":1,\"routes\":[{\"port\":1,\"app\":\"\"}]}",
         "routes[0]: app: got 0 bytes, need 1 to 1024"},
        {"{\"revision\":1,\"routes\":[{\"port\":1,\"app\":\"/a\",\"protocol\":\"sctp\"}]}",
         "routes[0]: protocol: got \"sctp\", need \"tcp\", \"udp\" or \"udp,tcp\""},
        {"{\"revision\":1,\"routes\":[{\"port\":1,\"app\":\"/a\"}]}",
         "routes[0]: backends: got nothing, need an array"},
        {"{\"revision\":1,\"routes\":[" API ",{\"port\":1,\"app\":\"/a\",\"backends\":[{\"task\":"
         "\"a\",\"address\":\"web.example\",\"port\":1}]}]}",
         "routes[1]: backends[0]: address: got \"web.example\", need an IPv4 or IPv6 address"},
        {"{\"revision\":1,\"routes\":[],\"removed\":[{\"port\":1}]}",
         "removed[0]: app: got nothing, need a string"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct proxy_change c;
        struct error err;
        assert_int_equal(parse(cases[i].text, &c, &err), -1);
        assert_string_equal(err.text, cases[i].error);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_complete_sets_and_changes),
        cmocka_unit_test(the_last_of_repeated_routes_counts),
        cmocka_unit_test(a_change_to_another_revision_is_a_conflict),
        cmocka_unit_test(what_is_written_reads_back_the_same),
        cmocka_unit_test(bad_input_is_told_what_would_be_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
