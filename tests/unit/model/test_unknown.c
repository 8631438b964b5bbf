#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "model/unknown.h"

static void note(void *data, const char *path, const char *nearest)
{
    buf_printf(data, "%s>%s ", path, nearest != NULL ? nearest : "");
}

struct unknown_case {
    const char *body, *found;
};

static void check(const struct unknown_case *cases, size_t n,
                  void (*look)(const struct json *body, unknown_fn *found, void *data))
{
    for (size_t i = 0; i < n; i++) {
        struct error err;
        struct buf text;
        struct json *body = json_parse(slice_of(cases[i].body), &err);
        assert_non_null(body);
        buf_init(&text, 1000);
        look(body, note, &text);
        assert_string_equal(buf_str(&text), cases[i].found);
        buf_close(&text);
        json_free(body);
    }
}

static void of_apps_and_pods(void **unused)
{
    (void)unused;
    static const struct unknown_case cases[] = {
        {"{\"id\":\"/a\",\"cmd\":\"x\",\"cpu\":1,\"memory\":5}", "cpu>cpus memory> "},
        {"{\"id\":\"/a\",\"healthChecks\":[{},{\"pth\":\"/\"}],\"container\":{\"docker\":{"
         "\"imge\":\"x\",\"image\":\"y\"}}}",
         "healthChecks(1)/pth>path container/docker/imge>image "},
        {"{\"env\":{\"ANY\":\"1\"},\"labels\":{\"x\":\"y\"},\"uris\":[],\"tasksRunning\":1,"
         "\"version\":\"2024-05-01T09:30:02.000Z\",\"unreachableStrategy\":\"disabled\","
         "\"upgradeStrategy\":{\"maximumOverCapacty\":1}}",
         "upgradeStrategy/maximumOverCapacty>maximumOverCapacity "},
        {"{\"id\":\"/p\",\"cmd\":\"x\",\"containers\":[{\"name\":\"c\",\"resource\":{},"
         "\"resources\":{\"cpu\":1}}]}",
         "cmd> containers(0)/resource>resources containers(0)/resources/cpu>cpus "},
        {"{\"healthChecks\":7,\"container\":[1]}", ""},
        {"[]", ""},
    };
    check(cases, COUNT(cases), app_unknown);
}

static void of_jobs(void **unused)
{
    (void)unused;
    static const struct unknown_case cases[] = {
        {"{\"name\":\"j\",\"comand\":\"x\",\"schedule\":\"R//P1D\",\"scheduleTimezone\":\"UTC\"}",
         "comand>command scheduleTimezone>scheduleTimeZone "},
        {"{\"parents\":[\"a\"],\"cron\":\"\",\"catchup\":{\"polcy\":\"all\"}}",
         "catchup/polcy>policy "},
    };
    check(cases, COUNT(cases), job_unknown);
}

static void count(void *data, const char *path, const char *nearest)
{
    (void)path;
    (void)nearest;
    ++*(size_t *)data;
}

/* To look for what a million of them meant took 15 s, in which the leader stood still. */
static void of_many_the_first_are_told(void **unused)
{
    (void)unused;
    struct error err;
    struct buf text;
    size_t found = 0;
    buf_init(&text, LIMIT_BODY_BYTES);
    buf_puts(&text, "{\"name\":\"j\",\"catchup\":{\"polcy\":1}");
    for (int i = 0; i < 2 * LIMIT_PROBLEMS; i++)
        buf_printf(&text, ",\"m%d\":[{}]", i);
    buf_puts(&text, "}");
    struct json *body = json_parse(buf_slice(&text), &err);
    assert_non_null(body);
    job_unknown(body, count, &found);
    assert_int_equal(found, LIMIT_PROBLEMS);
    json_free(body);
    buf_close(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_apps_and_pods),
        cmocka_unit_test(of_jobs),
        cmocka_unit_test(of_many_the_first_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
