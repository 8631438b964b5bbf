/* mesolith deployment - changes of apps that are under way. */
#include "cli_noun.h"

#include <stdio.h>

#include "base/str.h"
#include "cli_find.h"
#include "cli_wait.h"

static void show_list(struct cli *c, const struct json *list)
{
    static const struct column columns[] = {
        {"DEPLOYMENT", COLUMN_TEXT}, {"APPS", COLUMN_FREE}, {"STEP", COLUMN_TEXT},
        {"STARTED", COLUMN_NUMBER},  {"NOW", COLUMN_FREE},
    };
    char id[64];
    struct table t;
    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    JSON_EACH (d, json_get(list, "items")) {
        struct buf apps;
        buf_init(&apps, 4096);
        JSON_EACH (app, json_get(d, "apps"))
            buf_printf(&apps, "%s%s", apps.len > 0 ? " " : "", json_str(app, ""));
        table_put(&t, INK_NONE, text_short_id(id, sizeof id, text_of(d, "id")));
        table_put(&t, INK_NONE, buf_str(&apps));
        table_printf(&t, INK_NONE, "%lld of %lld", (long long)number_of(d, "step"),
                     (long long)number_of(d, "steps"));
        cli_put_when(c, &t, json_get(d, "started"));
        table_put(&t, INK_NONE, text_of(d, "sentence"));
        buf_close(&apps);
    }
    cli_table(c, &t);
    if (json_count(json_get(list, "items")) == 0)
        cli_next(c, "Nothing is being deployed.");
}

static int list_deployments(struct cli *c, struct error *err)
{
    return cli_show_list(c, "/api/deployments", "id", show_list, err);
}

static int end(struct cli *c, bool force, struct json **answer_out, struct found *f,
               struct error *err)
{
    struct buf path;
    if (find_name(c, NAME_DEPLOYMENT, c->args.names[0], f, err) != 0)
        return -1;
    buf_init(&path, 1024);
    api_path(&path, "/api/deployments/%s", f->name);
    buf_puts(&path, force ? "?force=true" : "");
    int rc = cli_ask(c, METHOD_DELETE, buf_str(&path), NULL, answer_out, err);
    buf_close(&path);
    if (rc != 0)
        found_close(f);
    return rc;
}

static int rollback(struct cli *c, struct error *err)
{
    struct found f = {0};
    struct json *answer;
    if (end(c, false, &answer, &f, err) != 0)
        return -1;
    const char *undoing = json_str(json_get(answer, "deployment"), NULL);
    int rc = 0;
    JSON_EACH (app, json_get(f.item, "apps"))
        if (rc == 0 && !cli_on(c, FLAG_DETACH))
            rc = wait_app(c, json_str(app, ""), undoing, err);
    if (cli_on(c, FLAG_DETACH) && cli_for_people(c))
        cli_say(c, 0, "Deployment %s is being undone.", f.name);
    json_free(answer);
    found_close(&f);
    return rc;
}

static int cancel(struct cli *c, struct error *err)
{
    struct found f = {0};
    struct json *answer;
    if (end(c, true, &answer, &f, err) != 0)
        return -1;
    if (cli_for_people(c))
        cli_say(c, 0, "Deployment %s is stopped; its apps stay as they are now.", f.name);
    json_free(answer);
    found_close(&f);
    return 0;
}

#define ONE .operands = "NAME", .names_min = 1, .names_max = 1, .names = NAME_DEPLOYMENT

static const struct cli_verb verbs[] = {
    {
        .name = "list",
        .operands = "",
        .flags = FLAGS_LIST,
        .run = list_deployments,
        .about = "Lists the deployments that are under way",
        .examples = {"mesolith deployment list", "mesolith deployment --watch"},
    },
    {
        .name = "rollback",
        ONE,
        .flags = FLAGS_CHANGE,
        .run = rollback,
        .about = "Undoes a deployment: its apps go back to what they were",
        .examples = {"mesolith deployment rollback 7f3c2a10",
                     "mesolith deployment rollback $(mesolith deployment -q)"},
    },
    {
        .name = "cancel",
        ONE,
        .flags = FLAGS_ASK,
        .run = cancel,
        .about = "Stops a deployment where it is, without undoing it",
        .examples = {"mesolith deployment cancel 7f3c2a10",
                     "mesolith deployment cancel $(mesolith deployment -q)"},
    },
};

const struct cli_noun deployment_noun = {
    .name = "deployment",
    .about = "changes of apps that are under way",
    .verbs = verbs,
    .n = sizeof verbs / sizeof verbs[0],
};
