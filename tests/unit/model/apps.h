/* tests/unit/model/apps.h - making apps in tests. */
#pragma once

#include "cases.h"
#include "model/app.h"

static const struct app_rules PLAIN = {0};

/* The canonical text. The caller frees. */
static inline char *text_of(const struct app *a)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, 1 << 20);
    json_begin(&w, &b);
    app_write(a, &w);
    return buf_take(&b, NULL);
}

static inline struct app made_by(const struct app_rules *rules, const char *body)
{
    struct app a;
    struct problems problems = {0};
    struct json *tree = tree_of(body);
    if (app_parse(rules, tree, NULL, "/", NULL, &a, &problems) != 0)
        fail_msg("%s: %s", body, text_of_problems(&problems));
    json_free(tree);
    return a;
}

static inline struct app app_of(const char *body)
{
    return made_by(&PLAIN, body);
}

/* As after creation at an instant. */
static inline struct app stamped_app(const char *body, int64_t ms)
{
    struct app a = app_of(body);
    a.version = a.last_scaling = a.last_config_change = (struct wall){ms};
    return a;
}

/* What is wrong with a body; "" when nothing is. The caller frees. */
static inline char *problems_of(const struct app_rules *rules, const char *body)
{
    struct app a = {0};
    struct problems problems = {0};
    struct json *tree = tree_of(body);
    int result = app_parse(rules, tree, NULL, "/", NULL, &a, &problems);
    assert_int_equal(result, problems.n > 0 ? -1 : 0);
    char *text = text_of_problems(&problems);
    problems_close(&problems);
    json_free(tree);
    app_close(&a);
    return text;
}
