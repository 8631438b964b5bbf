#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "api/marathon/plan.h"
#include "base/json.h"

struct want {
    const char *path;
    enum plan_kind kind;
    int depth;
};

/* "stop /a | start /b | scale /b" */
static void steps_are(const struct want *apps, size_t n, const char *wanted)
{
    static const char *const words[][2] = {{"StopApplication", "stop"},
                                           {"StartApplication", "start"},
                                           {"ScaleApplication", "scale"},
                                           {"RestartApplication", "restart"}};
    struct planned planned[16] = {0};
    struct buf text, got;
    struct json_writer w;
    struct error err;
    assert_true(n <= COUNT(planned));
    for (size_t i = 0; i < n; i++) {
        snprintf(planned[i].path, sizeof planned[i].path, "%s", apps[i].path);
        planned[i].kind = apps[i].kind;
        planned[i].depth = apps[i].depth;
    }
    buf_init(&text, 1 << 20);
    buf_init(&got, 1 << 20);
    json_begin(&w, &text);
    size_t count = plan_write_steps(planned, n, &w);
    struct json *steps = json_parse(buf_slice(&text), &err);
    assert_non_null(steps);
    assert_int_equal(count, json_count(steps));
    JSON_EACH (step, steps) {
        buf_puts(&got, got.len > 0 ? " |" : "");
        JSON_EACH (action, json_get(step, "actions")) {
            const char *word = json_str(json_get(action, "action"), "");
            for (size_t i = 0; i < COUNT(words); i++)
                if (strcmp(words[i][0], word) == 0)
                    buf_printf(&got, "%s%s %s", got.len > 0 ? " " : "", words[i][1],
                               json_str(json_get(action, "app"), ""));
        }
    }
    assert_string_equal(buf_str(&got), wanted);
    json_free(steps);
    buf_close(&text);
    buf_close(&got);
}

static void stops_come_first_then_starts_then_each_depth(void **unused)
{
    (void)unused;
    const struct want all[] = {
        {"/web", PLAN_ADD, 3},      {"/old", PLAN_REMOVE, 0},   {"/api", PLAN_RESTART, 2},
        {"/db", PLAN_SCALE, 1},     {"/same", PLAN_NOTHING, 2}, {"/cache", PLAN_ADD, 1},
        {"/older", PLAN_REMOVE, 0},
    };
    steps_are(all, COUNT(all),
              "stop /old stop /older | start /web start /cache | scale /db scale /cache | "
              "restart /api | scale /web");
    steps_are(all, 0, "");
    steps_are(&all[4], 1, "");
    steps_are(&all[1], 1, "stop /old");
    steps_are(&all[0], 1, "start /web | scale /web");
}

static struct app app_of(const char *body)
{
    static const struct app_rules rules;
    struct error err;
    struct problems problems = {0};
    struct app a = {0};
    struct json *v = json_parse(slice_of(body), &err);
    assert_non_null(v);
    assert_int_equal(app_parse(&rules, v, NULL, "/", NULL, &a, &problems), 0);
    json_free(v);
    return a;
}

static void what_differs_decides_the_action(void **unused)
{
    (void)unused;
    static const struct {
        const char *old, *new;
        bool restart;
        enum plan_kind kind;
    } cases[] = {
        {"'instances':1", "'instances':1", false, PLAN_NOTHING},
        {"'instances':1", "'instances':2", false, PLAN_SCALE},
        {"'instances':2", "'instances':0", false, PLAN_SCALE},
        {"'instances':1", "'instances':1,'env':{'A':'1'}", false, PLAN_RESTART},
        {"'instances':1", "'instances':3,'env':{'A':'1'}", false, PLAN_RESTART},
        {"'instances':1", "'instances':0,'env':{'A':'1'}", false, PLAN_SCALE},
        {"'instances':0", "'instances':1,'env':{'A':'1'}", false, PLAN_RESTART},
        {"'instances':1", "'instances':1", true, PLAN_RESTART},
        {"'instances':0", "'instances':0", true, PLAN_SCALE},
        {"'dependencies':['/a','/b']", "'dependencies':['/b','/a']", false, PLAN_NOTHING},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char old[256], new[256];
        snprintf(old, sizeof old, "{'id':'/x','cmd':'x','ports':[1],%s}", cases[i].old);
        snprintf(new, sizeof new, "{'id':'/x','cmd':'x','ports':[1],%s}", cases[i].new);
        for (char *at = old; *at != '\0'; at++)
            *at = *at == '\'' ? '"' : *at;
        for (char *at = new; *at != '\0'; at++)
            *at = *at == '\'' ? '"' : *at;
        struct app a = app_of(old), b = app_of(new);
        if (plan_kind_of(&a, &b, cases[i].restart) != cases[i].kind)
            fail_msg("%s to %s", cases[i].old, cases[i].new);
        app_close(&a);
        app_close(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stops_come_first_then_starts_then_each_depth),
        cmocka_unit_test(what_differs_decides_the_action),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
