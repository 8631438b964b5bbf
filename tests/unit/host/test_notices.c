/* Notices, against a web server that takes them or does not. */
#include "net/net_unit.h"

#include <stdio.h>

#include "base/limits.h"
#include "base/str.h"
#include "host/notices.h"
#include "net/http_server.h"

#define PAUSE_MS 1

static struct sink {
    struct world world;
    struct http_server *server;
    struct notices *notices;
    char url[64];
    int status;     /* of the next answers; 0: none */
    char got[4096]; /* "ID BODY\n", all */
    char authorization[64], sentry[128], target[64], dsn[64];
    char told[1024]; /* "7 slack over: error\n", all */
    unsigned asked;
    struct wall next; /* as told last */
    bool server_stopped, notices_stopped;
} s;

static void append(char *to, size_t size, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void append(char *to, size_t size, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(to + strlen(to), size - strlen(to), fmt, ap);
    va_end(ap);
}

static void on_request(struct http_server *server, struct exchange_id id, const struct request *r)
{
    struct slice notice = header_get(r->headers, "X-Mesolith-Notice");
    struct slice authorization = header_get(r->headers, "Authorization");
    s.asked++;
    append(s.got, sizeof s.got, "%.*s %.*s\n", (int)notice.len, notice.p, (int)r->body.len,
           r->body.p);
    struct slice sentry = header_get(r->headers, "X-Sentry-Auth");
    snprintf(s.sentry, sizeof s.sentry, "%.*s", (int)sentry.len, sentry.p);
    snprintf(s.target, sizeof s.target, "%.*s", (int)r->path.len, r->path.p);
    snprintf(s.authorization, sizeof s.authorization, "%.*s", (int)authorization.len,
             authorization.p);
    if (s.status == 0)
        return;
    struct answer a = answer_whole(id, s.status, "text/plain", SLICE("ok"));
    http_server_answer(server, &a);
    answer_close(&a);
}

static const struct http_server_events events = {.on_request = on_request};

static void on_told(void *data, int64_t notice, const char *channel, bool over, const char *error,
                    struct wall next)
{
    (void)data;
    s.next = next;
    append(s.told, sizeof s.told, "%lld %s%s%s%s\n", (long long)notice, channel,
           over ? " over" : "", *error != '\0' ? ": " : "", error);
}

static void begin(struct notices_config config)
{
    struct error err;
    uint16_t port = 0;
    s = (struct sink){.status = 200};
    world_begin(&s.world);
    const struct http_server_config server = http_server_config_default();
    s.server = http_server_new(&s.world.loop, &server, &events, NULL);
    assert_int_equal(http_server_listen(s.server, "sink", "127.0.0.1", 0, &port, &err), 0);
    snprintf(s.url, sizeof s.url, "http://127.0.0.1:%d/hook", port);
    if (config.slack_url != NULL)
        config.slack_url = s.url;
    if (config.http_url != NULL)
        config.http_url = s.url;
    if (config.sentry_dsn != NULL) {
        snprintf(s.dsn, sizeof s.dsn, "http://c0ffee@127.0.0.1:%d/42", port);
        config.sentry_dsn = s.dsn;
    }
    config.pause_ms = config.pause_ms > 0 ? config.pause_ms : PAUSE_MS;
    config.cluster_name = "c1";
    s.notices = notices_new(&s.world.loop, &config, on_told, NULL);
}

static void on_stopped(void *data)
{
    (void)data;
    s.notices_stopped = true;
}

static void on_server_stopped(struct http_server *server)
{
    (void)server;
    s.server_stopped = true;
}

static void end(void)
{
    notices_stop(s.notices, on_stopped, NULL);
    UNTIL(&s.world, s.notices_stopped);
    notices_free(s.notices);
    http_server_stop(s.server, 0, on_server_stopped);
    UNTIL(&s.world, s.server_stopped);
    http_server_free(s.server);
    world_end(&s.world);
}

static int64_t now_ms(void)
{
    struct clock *clock = &s.world.loop.clock;
    return clock->wall(clock).ms;
}

static void put_at(int id, const char *event, const char *channels, const char *owners,
                   const char *facts, int64_t at_ms)
{
    char text[1024];
    snprintf(text, sizeof text,
             "{\"notice\":%d,\"at_ms\":%lld,\"event\":\"%s\",\"job\":\"j\",\"owners\":\"%s\","
             "\"channels\":[%s],\"cluster\":\"u\",\"facts\":{%s}}",
             id, (long long)at_ms, event, owners, channels, facts);
    notices_put(s.notices, slice_of(text));
}

static void put(int id, const char *event, const char *channels, const char *owners,
                const char *facts)
{
    put_at(id, event, channels, owners, facts, now_ms());
}

static const struct notices_config SLACK = {.slack_url = ""};
static const struct notices_config SENTRY = {.sentry_dsn = ""};
static const struct notices_config HOOK = {.http_url = "", .http_credentials = "me:secret"};

static void each_owner_gets_one(void **unused)
{
    (void)unused;
    begin(SLACK);
    put(7, "failed", "\"slack\"", "a@x, b@x", "\"message\":\"it \\\"broke\\\"\"");
    UNTIL(&s.world, *s.told != '\0');
    assert_string_equal(s.got,
                        "7.0.u {\"text\":\"[c1] [Chronos] job 'j' failed!: it \\\"broke\\\"\"}\n"
                        "7.1.u {\"text\":\"[c1] [Chronos] job 'j' failed!: it \\\"broke\\\"\"}\n");
    assert_string_equal(s.told, "7 slack over\n");
    end();
}

static void sentry_gets_an_event_each_the_same_when_it_is_sent_again(void **unused)
{
    (void)unused;
    char once[2048];
    begin(SENTRY);
    s.status = 503;
    put(7, "failed", "\"sentry\"", "a@x", "\"message\":\"it broke\",\"job\":\"j\"");
    UNTIL(&s.world, s.asked == 1);
    str_copy(once, sizeof once, s.got);
    s.status = 200;
    s.got[0] = '\0';
    UNTIL(&s.world, strstr(s.told, "over") != NULL);
    assert_string_equal(s.got, once);
    assert_non_null(strstr(s.got, "\"message\":\"[c1] [Chronos] job 'j' failed!: it broke\""));
    assert_string_equal(s.target, "/api/42/store/");
    assert_string_equal(s.sentry,
                        "Sentry sentry_version=7, sentry_client=mesolith, sentry_key=c0ffee");
    end();
}

static void without_a_message_the_subject_is_sent(void **unused)
{
    (void)unused;
    begin(SLACK);
    put(7, "deleted", "\"slack\"", "", "");
    UNTIL(&s.world, *s.told != '\0');
    assert_string_equal(s.got, "7.0.u {\"text\":\"[c1] [Chronos] Your job 'j' was deleted!\"}\n");
    end();
}

static void a_hook_gets_chronos_members(void **unused)
{
    (void)unused;
    begin(HOOK);
    put(7, "failed", "\"http\"", "a@x", "\"message\":\"m\",\"job\":\"j\",\"cpus\":\"0.1\"");
    UNTIL(&s.world, *s.told != '\0');
    assert_string_equal(s.got,
                        "7.0.u {\"subject\":\"[c1] [Chronos] job 'j' failed!\",\"to\":\"a@x\","
                        "\"event\":\"failed\",\"message\":\"m\",\"job\":\"j\",\"cpus\":\"0.1\"}\n");
    assert_string_equal(s.authorization, "Basic bWU6c2VjcmV0");
    end();
}

static void what_is_not_taken_is_sent_again_with_its_id(void **unused)
{
    (void)unused;
    begin(SLACK);
    s.status = 503;
    put(7, "deleted", "\"slack\"", "", "");
    UNTIL(&s.world, s.asked == 3);
    s.status = 200;
    UNTIL(&s.world, strstr(s.told, "over") != NULL);
    assert_string_equal(s.told, "7 slack: it answers 503 Service Unavailable\n"
                                "7 slack: it answers 503 Service Unavailable\n"
                                "7 slack: it answers 503 Service Unavailable\n7 slack over\n");
    for (const char *line = s.got; *line != '\0'; line += strcspn(line, "\n") + 1)
        assert_true(str_starts(line, "7.0.u "));
    end();
}

static void it_is_told_when_it_is_tried_again(void **unused)
{
    (void)unused;
    struct notices_config config = SLACK;
    config.pause_ms = 3600000;
    begin(config);
    s.status = 503;
    int64_t before = now_ms();
    put(7, "deleted", "\"slack\"", "", "");
    UNTIL(&s.world, *s.told != '\0');
    assert_in_range(s.next.ms, before + LIMIT_NOTICE_PAUSE_MS, now_ms() + LIMIT_NOTICE_PAUSE_MS);
    end();
}

/* Somebody waits for what becomes of it. */
static void a_test_is_tried_once_and_at_once(void **unused)
{
    (void)unused;
    struct notices_config config = SLACK;
    config.pause_ms = 3600000;
    begin(config);
    s.status = 503;
    put(7, "deleted", "\"slack\"", "", "");
    put(8, "deleted", "\"slack\"", "", "");
    UNTIL(&s.world, *s.told != '\0');
    *s.told = '\0';
    put(9, "test", "\"slack\"", "", "");
    UNTIL(&s.world, *s.told != '\0');
    assert_string_equal(s.told, "9 slack over: it answers 503 Service Unavailable\n");
    assert_int_equal(s.next.ms, 0);
    put(10, "deleted", "\"slack\"", "", "");
    assert_int_equal(s.asked, 2); /* the others go on to wait */
    *s.told = '\0';
    s.status = 200;
    put(11, "test", "\"slack\"", "", "");
    UNTIL(&s.world, strstr(s.told, "10 slack over") != NULL);
    assert_string_equal(s.told, "11 slack over\n8 slack over\n7 slack over\n10 slack over\n");
    end();
}

static void a_test_goes_before_what_waits(void **unused)
{
    (void)unused;
    begin(SLACK);
    put(7, "deleted", "\"slack\"", "", "");
    put(8, "deleted", "\"slack\"", "", "");
    put(9, "test", "\"slack\"", "", "");
    UNTIL(&s.world, strstr(s.told, "8 slack over") != NULL);
    assert_string_equal(s.told, "7 slack over\n9 slack over\n8 slack over\n");
    end();
}

static void after_a_day_it_is_given_up(void **unused)
{
    (void)unused;
    begin(SLACK);
    s.status = 404;
    put_at(7, "deleted", "\"slack\"", "", "", now_ms() - 86400001);
    UNTIL(&s.world, strstr(s.told, "over") != NULL);
    assert_string_equal(
        s.told, "7 slack: it answers 404 Not Found\n7 slack over: it answers 404 Not Found\n");
    assert_int_equal(s.asked, 1);
    end();
}

static void a_channel_that_is_dead_delays_no_other(void **unused)
{
    (void)unused;
    struct notices_config config = SLACK;
    config.mail_host = "127.0.0.1";
    config.mail_port = 1;
    config.mail_from = "me@x";
    begin(config);
    put(7, "deleted", "\"mail\",\"slack\",\"http\"", "a@x", "");
    UNTIL(&s.world, strstr(s.told, "7 slack over\n") != NULL);
    UNTIL(&s.world, strstr(s.told, "7 mail: connecting to 127.0.0.1:1") != NULL);
    assert_non_null(strstr(s.told, "7 http: the node that leads has no http configured\n"));
    end();
}

static void an_owner_without_an_address_is_left_out(void **unused)
{
    (void)unused;
    struct notices_config config = {.mail_host = "127.0.0.1", .mail_port = 1, .mail_from = "me@x"};
    begin(config);
    put(7, "deleted", "\"mail\"", "ann b", "");
    put(8, "deleted", "\"mail\"", "", "");
    assert_string_equal(s.told, "7 mail over: got \"ann b\", need an address like ann@example.com\n"
                                "8 mail over: no owner, so nobody to mail\n");
    end();
}

static void who_leads_no_more_sends_no_more(void **unused)
{
    (void)unused;
    begin(SLACK);
    s.status = 0;
    put(7, "deleted", "\"slack\"", "", "");
    put(8, "deleted", "\"slack\"", "", "");
    UNTIL(&s.world, s.asked == 1);
    notices_forget(s.notices);
    s.status = 200;
    put(9, "deleted", "\"slack\"", "", "");
    UNTIL(&s.world, *s.told != '\0');
    assert_string_equal(s.told, "9 slack over\n");
    assert_int_equal(s.asked, 2);
    end();
}

static void it_stops_in_the_middle(void **unused)
{
    (void)unused;
    begin(SLACK);
    s.status = 0;
    put(7, "deleted", "\"slack\"", "", "");
    put(8, "deleted", "\"slack\"", "", "");
    UNTIL(&s.world, s.asked == 1);
    end();
    assert_string_equal(s.told, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_owner_gets_one),
        cmocka_unit_test(sentry_gets_an_event_each_the_same_when_it_is_sent_again),
        cmocka_unit_test(without_a_message_the_subject_is_sent),
        cmocka_unit_test(a_hook_gets_chronos_members),
        cmocka_unit_test(what_is_not_taken_is_sent_again_with_its_id),
        cmocka_unit_test(it_is_told_when_it_is_tried_again),
        cmocka_unit_test(a_test_is_tried_once_and_at_once),
        cmocka_unit_test(a_test_goes_before_what_waits),
        cmocka_unit_test(after_a_day_it_is_given_up),
        cmocka_unit_test(a_channel_that_is_dead_delays_no_other),
        cmocka_unit_test(an_owner_without_an_address_is_left_out),
        cmocka_unit_test(who_leads_no_more_sends_no_more),
        cmocka_unit_test(it_stops_in_the_middle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
