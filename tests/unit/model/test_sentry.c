/* tests/unit/model/test_sentry.c */
#include "unit.h"

#include <string.h>

#include "model/sentry.h"

static void a_dsn_says_where_and_who(void **unused)
{
    (void)unused;
    static const struct {
        const char *dsn, *url, *header;
    } cases[] = {
        {"https://c0ffee@sentry.example/42", "https://sentry.example/api/42/store/",
         "X-Sentry-Auth: Sentry sentry_version=7, sentry_client=mesolith, sentry_key=c0ffee\r\n"},
        {"http://a:b@10.0.0.1:9000/below/this/7", "http://10.0.0.1:9000/below/this/api/7/store/",
         "X-Sentry-Auth: Sentry sentry_version=7, sentry_client=mesolith, sentry_key=a, "
         "sentry_secret=b\r\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sentry s;
        struct error err;
        if (sentry_parse(cases[i].dsn, &s, &err) != 0)
            fail_msg("%s", err.text);
        assert_string_equal(s.url, cases[i].url);
        assert_string_equal(s.header, cases[i].header);
        sentry_close(&s);
    }
}

static void what_is_none_is_refused(void **unused)
{
    (void)unused;
    static const char *const wrong[] = {
        "",
        "x",
        "https://sentry.example/42",
        "https://@sentry.example/42",
        "https://a@sentry.example",
        "https://a@sentry.example/",
        "https://a@/42",
        "https://a@sentry.example/4 2",
        "https://a\r\nb@sentry.example/42",
        "https://a,b@sentry.example/42",
        "ftp://a@sentry.example/42",
        "https://a@b@sentry.example/42",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct sentry s;
        struct error err;
        if (sentry_parse(wrong[i], &s, &err) == 0)
            fail_msg("%s is none, and gave %s", wrong[i], s.url);
        assert_int_equal(err.code == ERR_INVALID || err.code == ERR_SYNTAX, 1);
    }
}

static void an_event_has_message_tags_and_numbers(void **unused)
{
    (void)unused;
    struct error err;
    struct json *facts = json_parse(
        SLICE("{\"message\":\"it broke\",\"job\":\"j\",\"command\":\"true\",\"cpus\":\"0.1\"}"),
        &err);
    struct buf text;
    struct json_writer w;
    buf_init(&text, 4096);
    json_begin(&w, &text);
    json_object(&w);
    sentry_write(&(struct sentry_event){.id = "7.0.u",
                                        .event = NOTICE_FAILED,
                                        .at = {1767225600000},
                                        .subject = "[c1] [Chronos] job 'j' failed!",
                                        .message = "it broke",
                                        .server = "deck",
                                        .owner = SLICE("a@x"),
                                        .facts = facts},
                 &w);
    json_object_end(&w);
    assert_string_equal(buf_str(&text), "{\"event_id\":\"f131a5cbbcebd683ad7702e76cf15ccd\","
                                        "\"timestamp\":\"2026-01-01T00:00:00.000Z\","
                                        "\"level\":\"error\",\"platform\":\"other\",\"logger\":"
                                        "\"mesolith\",\"server_name\":\"deck\","
                                        "\"message\":\"[c1] [Chronos] job 'j' failed!: it broke\","
                                        "\"tags\":{\"owner\":\"a@x\",\"job\":\"j\",\"command\":"
                                        "\"true\"},\"extra\":{\"cpus\":\"0.1\"}}");
    buf_close(&text);
    json_free(facts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dsn_says_where_and_who),
        cmocka_unit_test(what_is_none_is_refused),
        cmocka_unit_test(an_event_has_message_tags_and_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
