/* An app, and after a line of --- an update of it. Whatever the bytes: they are refused in plain
 * words, or what came of them is canonical: stored it reads back the same, shown it may be sent
 * again, and nothing changes. */
#include "base/assert.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/app.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct app_rules RULES = {
    .network = "net",
    .features = FEATURE_SECRETS | FEATURE_EXTERNAL_VOLUMES | FEATURE_GPU_RESOURCES,
};

static void check_problems(const struct problems *problems)
{
    ASSERT(problems->n > 0);
    for (size_t i = 0; i < problems->n; i++) {
        const char *text = problems->items[i].text;
        ASSERT(problems->items[i].path[0] == '/' && text[0] != '\0');
        ASSERT(str_utf8_valid(text, strlen(text)) && strchr(text, '\n') == NULL);
    }
}

static char *text_of(const struct app *a)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, 64 << 20);
    json_begin(&w, &b);
    app_write(a, &w);
    return buf_take(&b, NULL);
}

static void check_same(const struct app *a, const struct app *b, const char *text)
{
    char *again = text_of(b);
    ASSERT(str_eq(text, again));
    ASSERT(app_compare(a, b) == APP_SAME);
    mem_free(again);
}

static char *lean_text_of(const struct app *a)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, 64 << 20);
    json_begin(&w, &b);
    app_write_lean(a, &w);
    return buf_take(&b, NULL);
}

static void check_stored(const struct app *a, const char *text)
{
    struct app loaded;
    struct error err;
    int result = app_load(slice_of(text), &loaded, &err);
    ASSERT(result == 0);
    check_same(a, &loaded, text);
    app_close(&loaded);
    char *lean = lean_text_of(a);
    result = app_load(slice_of(lean), &loaded, &err);
    ASSERT(result == 0);
    check_same(a, &loaded, text);
    app_close(&loaded);
    mem_free(lean);
}

static void check_sent_again(const struct app *a, const char *text)
{
    struct app again;
    struct error err;
    struct problems problems = {0};
    struct json *tree = json_parse(slice_of(text), &err);
    ASSERT(tree != NULL);
    int result = app_patch(&RULES, tree, "/", a, &again, &problems);
    ASSERT(result == 0);
    check_same(a, &again, text);
    app_close(&again);
    result = app_parse(&RULES, tree, NULL, "/", a, &again, &problems);
    ASSERT(result == 0);
    ASSERT(app_compare(a, &again) == APP_SAME);
    app_close(&again);
    json_free(tree);
}

static void check_task(const struct app *a)
{
    struct arena arena = {0};
    struct env_vars env;
    struct app_task_port *ports = arena_alloc(&arena, app_port_count(a) * sizeof(*ports));
    for (size_t i = 0; i < app_port_count(a); i++)
        ports[i] = (struct app_task_port){.host = app_port(a, i).host_port < 0 ? 0 : 31000,
                                          .container = 80};
    app_task_env(a, &(struct app_task){.task_id = "t", .host = "h", .ports = ports}, &arena, &env);
    for (size_t i = 0; i < env.n; i++)
        ASSERT((env.items[i].value == NULL) != (env.items[i].secret == NULL));
    arena_close(&arena);
}

static void check(const struct app *a)
{
    char *text = text_of(a);
    check_stored(a, text);
    check_sent_again(a, text);
    check_task(a);
    mem_free(text);
}

static void check_update(struct slice text, const struct app *old)
{
    struct app a;
    struct error err;
    struct problems problems = {0};
    struct json *tree = json_parse(text, &err);
    if (tree == NULL)
        return;
    if (app_patch(&RULES, tree, "/", old, &a, &problems) == 0) {
        a.version = a.last_scaling = a.last_config_change = (struct wall){2000};
        check(&a);
        app_close(&a);
    } else {
        check_problems(&problems);
    }
    problems_close(&problems);
    json_free(tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char RULE[] = "\n---\n";
    struct slice body = {(const char *)data, size}, update = {NULL, 0};
    const char *cut = memmem(data, size, RULE, sizeof(RULE) - 1);
    if (cut != NULL) {
        body.len = (size_t)(cut - body.p);
        update = (struct slice){cut + sizeof(RULE) - 1, size - body.len - (sizeof(RULE) - 1)};
    }
    struct app a;
    struct error err;
    struct problems problems = {0};
    struct json *tree = json_parse(body, &err);
    if (tree == NULL)
        return 0;
    if (app_parse(&RULES, tree, NULL, "/", NULL, &a, &problems) == 0) {
        a.version = a.last_scaling = a.last_config_change = (struct wall){1000};
        check(&a);
        if (update.len > 0)
            check_update(update, &a);
        app_close(&a);
    } else {
        check_problems(&problems);
    }
    problems_close(&problems);
    json_free(tree);
    return 0;
}
