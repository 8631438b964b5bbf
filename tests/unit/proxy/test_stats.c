#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "proxy/stats.h"

static struct forwarder f;
static struct buf out;

static struct service *put(uint16_t port, const char *app, const char *task)
{
    struct proxy_target t = {.task = task, .address = "::1", .port = 31000, .healthy = true};
    struct proxy_route r = {.port = port, .app = app, .tcp = true, .targets = &t, .n_targets = 1};
    return balance_put(&f.balance, &r, (struct mono){1000});
}

static struct proxy_stats stats(void)
{
    return (struct proxy_stats){
        .forwarder = &f, .version = "1.0", .revision = 7, .started = {1000}, .now = {601000}};
}

static int begin(void **unused)
{
    struct forwarder_limits limits = {.connect_ms = 100, .connections = 10};
    struct error err;
    (void)unused;
    buf_init(&out, 1 << 24);
    return forwarder_start(&f, 1, &limits, 1000, &err);
}

static int end(void **unused)
{
    (void)unused;
    forwarder_stop(&f);
    buf_close(&out);
    return 0;
}

static void expect(const char *text)
{
    if (strstr(buf_str(&out), text) == NULL)
        fail_msg("expected %s in %s", text, buf_str(&out));
}

static void expect_not(const char *text)
{
    if (strstr(buf_str(&out), text) != NULL)
        fail_msg("did not expect %s in %s", text, buf_str(&out));
}

static void json_says_all_of_it(void **unused)
{
    struct error err;
    int64_t wait_ms;
    (void)unused;
    struct service *s = put(10001, "/api", "api.1");
    put(10000, "/web", "web.1");
    service_set_state(s, SERVICE_REFUSED, "0.0.0.0:10001 is held by a tea pot");
    struct backend *be = balance_pick(s, (struct mono){1000}, &wait_ms);
    backend_failed(be, ECONNREFUSED, (struct mono){541000});
    struct proxy_stats st = stats();
    proxy_stats_json(&st, 0, &out);
    struct json *v = json_parse(buf_slice(&out), &err);
    assert_non_null(v);
    const struct json *api = json_next(json_first(json_get(v, "services"))); /* by port */
    const struct json *backend = json_first(json_get(api, "backends"));
    assert_int_equal(json_int(json_get(v, "uptimeSeconds"), 0), 600);
    assert_string_equal(json_str(json_get(api, "app"), ""), "/api");
    assert_string_equal(json_str(json_get(api, "state"), ""), "refused");
    assert_string_equal(json_str(json_get(api, "why"), ""), "0.0.0.0:10001 is held by a tea pot");
    assert_string_equal(json_str(json_get(backend, "state"), ""), "aside");
    assert_string_equal(json_str(json_get(backend, "error"), ""), "Connection refused");
    assert_int_equal(json_int(json_get(backend, "refused"), 0), 1);
    assert_int_equal(json_int(json_get(backend, "lastChangeSeconds"), 0), 60);
    json_free(v);
}

static void html_shows_names_and_runs_none(void **unused)
{
    (void)unused;
    put(10000, "/<script>alert(\"1\")</script>", "a&b");
    struct proxy_stats st = stats();
    proxy_stats_html(&st, 0, &out);
    expect("/&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;");
    expect("a&amp;b");
    expect("[::1]:31000");
    expect("up for 10 min");
    expect_not("<script");
    expect_not("http://"); /* nothing is fetched from anywhere */
}

static void html_has_pages(void **unused)
{
    char app[20];
    (void)unused;
    for (int i = 0; i <= STATS_PAGE_SERVICES; i++) {
        snprintf(app, sizeof(app), "/app-%d", i);
        put((uint16_t)(10000 + i), app, "t");
    }
    struct proxy_stats st = stats();
    proxy_stats_html(&st, 0, &out);
    expect("/app-199<");
    expect_not("/app-200<");
    expect("<a href=\"/?from=200\">201</a>");
    buf_clear(&out);
    proxy_stats_html(&st, 200, &out);
    expect("/app-200<");
    expect_not("/app-199<");
    buf_clear(&out);
    proxy_stats_html(&st, 1 << 20, &out); /* beyond the end: an empty page */
    expect("</table>");
}

static void csv_quotes_what_must_be(void **unused)
{
    (void)unused;
    put(10000, "/a,\"b\"", "t");
    struct proxy_stats st = stats();
    proxy_stats_csv(&st, &out);
    assert_string_equal(buf_str(&out),
                        "# pxname,svname,scur,stot,bin,bout,dreq,econ,wretr,status,lastchg,\n"
                        "\"10000_/a,\"\"b\"\"\",FRONTEND,0,0,0,0,0,0,0,STOP,0,\n"
                        "\"10000_/a,\"\"b\"\"\",t,0,0,0,0,0,0,0,UP,600,\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(json_says_all_of_it, begin, end),
        cmocka_unit_test_setup_teardown(html_shows_names_and_runs_none, begin, end),
        cmocka_unit_test_setup_teardown(html_has_pages, begin, end),
        cmocka_unit_test_setup_teardown(csv_quotes_what_must_be, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
