/* mesolith app - what should run all the time. */
#include "cli_noun.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cli_wait.h"

#define APP_ID_SIZE 256

/* ---- list */

/* "3 of 5", with what is healthy where that is known. */
static void put_instances(struct table *t, const struct json *app)
{
    int64_t good = number_of(app, "healthy") > 0 || number_of(app, "unhealthy") > 0
                       ? number_of(app, "healthy")
                       : number_of(app, "running");
    table_printf(t, INK_NONE, "%lld of %lld", (long long)good,
                 (long long)number_of(app, "instances"));
}

static void show_list(struct cli *c, const struct json *list)
{
    static const struct column columns[] = {
        {"APP", COLUMN_FREE},       {"STATE", COLUMN_TEXT},     {"INSTANCES", COLUMN_NUMBER},
        {"CPUS", COLUMN_NUMBER},    {"MEM MiB", COLUMN_NUMBER}, {"PORTS", COLUMN_FREE},
        {"CHANGED", COLUMN_NUMBER},
    };
    char text[TEXT_SIZE];
    const struct json *odd = NULL;
    struct table t;
    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    JSON_EACH (app, json_get(list, "items")) {
        const char *state = text_of(app, "state");
        if (odd == NULL && (str_eq(state, "waiting") || str_eq(state, "unhealthy")))
            odd = app;
        table_put(&t, INK_NONE, text_of(app, "id"));
        cli_put_state(&t, "app", json_get(app, "state"));
        put_instances(&t, app);
        table_put(&t, INK_NONE, text_number(text, json_double(json_get(app, "cpus"), 0)));
        table_put(&t, INK_NONE, text_number(text, json_double(json_get(app, "mem"), 0)));
        cli_put_numbers(&t, json_get(app, "servicePorts"));
        cli_put_when(c, &t, json_get(app, "version"));
    }
    cli_table(c, &t);
    if (odd != NULL)
        cli_next(c, "%s is %s: mesolith why %s", text_of(odd, "id"), text_of(odd, "state"),
                 text_of(odd, "id"));
    else if (json_count(json_get(list, "items")) == 0)
        cli_next_empty(c, "app", "No apps. mesolith app create FILE makes one.");
}

static int list_apps(struct cli *c, struct error *err)
{
    return cli_show_list(c, "/api/apps?sort=id", "id", show_list, err);
}

/* ---- show */

static void show_tasks(struct cli *c, const struct json *tasks)
{
    static const struct column columns[] = {
        {"INSTANCE", COLUMN_TEXT}, {"STATE", COLUMN_TEXT},   {"HOST", COLUMN_TEXT},
        {"PORTS", COLUMN_FREE},    {"SINCE", COLUMN_NUMBER}, {"", COLUMN_FREE},
    };
    char id[128];
    struct table t;
    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    JSON_EACH (task, tasks) {
        const struct json *since = json_get(task, "started");
        table_put(&t, INK_NONE, text_short_id(id, sizeof id, text_of(task, "id")));
        cli_put_state(&t, "task", json_get(task, "state"));
        table_put(&t, INK_NONE, text_of(task, "host"));
        cli_put_numbers(&t, json_get(task, "ports"));
        cli_put_when(c, &t, since != NULL ? since : json_get(task, "staged"));
        table_put(&t, INK_DIM, json_str(json_get(task, "detail"), text_of(task, "message")));
    }
    cli_table(c, &t);
}

/* What it runs, in a line. */
static void put_what_runs(struct table *t, const struct json *app)
{
    const struct json *docker = json_get(json_get(app, "container"), "docker");
    cli_put_field(t, "image", text_of(docker, "image"));
    cli_put_field(t, "command", text_of(app, "cmd"));
    if (json_get(app, "args") == NULL)
        return;
    struct buf text;
    buf_init(&text, 4096);
    JSON_EACH (arg, json_get(app, "args"))
        buf_printf(&text, "%s%s", text.len > 0 ? " " : "", json_str(arg, ""));
    cli_put_field(t, "arguments", buf_str(&text));
    buf_close(&text);
}

/* An app's or a pod's. */
static void put_volumes(struct table *t, const struct json *app)
{
    const struct json *own = json_get(app, "volumes");
    JSON_EACH (v, own != NULL ? own : json_get(json_get(app, "container"), "volumes")) {
        const struct json *persistent = json_get(v, "persistent");
        const char *name = json_str(json_get(v, "name"), text_of(v, "containerPath"));
        const char *host = json_str(json_get(v, "host"), text_of(v, "hostPath"));
        table_put(t, INK_DIM, "volume");
        if (persistent != NULL)
            table_printf(t, INK_NONE, "%s, persistent, %lld MiB", name,
                         (long long)number_of(persistent, "size"));
        else
            table_printf(t, INK_NONE, "%s%s%s", name, host[0] != '\0' ? ", the node's " : "", host);
    }
}

static void show_fields(struct cli *c, const struct json *detail)
{
    static const struct column columns[] = {{"", COLUMN_TEXT}, {"", COLUMN_FREE}};
    const struct json *summary = json_get(detail, "summary"), *app = json_get(detail, "app");
    char cpus[TEXT_SIZE], mem[TEXT_SIZE];
    struct table t;
    table_init(&t, columns, 2);
    table_put(&t, INK_DIM, "state");
    cli_put_state(&t, "app", json_get(summary, "state"));
    table_put(&t, INK_DIM, "instances");
    put_instances(&t, summary);
    put_what_runs(&t, app);
    table_put(&t, INK_DIM, "each");
    table_printf(&t, INK_NONE, "%s cpus, %s MiB",
                 text_number(cpus, json_double(json_get(summary, "cpus"), 0)),
                 text_number(mem, json_double(json_get(summary, "mem"), 0)));
    if (json_count(json_get(summary, "servicePorts")) > 0) {
        table_put(&t, INK_DIM, "ports");
        cli_put_numbers(&t, json_get(summary, "servicePorts"));
    }
    put_volumes(&t, app);
    table_put(&t, INK_DIM, "changed");
    cli_put_when(c, &t, json_get(summary, "version"));
    JSON_EACH (d, json_get(detail, "deployments"))
        cli_put_field(&t, "deployment", text_of(d, "sentence"));
    cli_put_field(&t, "last failure", text_of(json_get(detail, "lastFailure"), "message"));
    cli_table(c, &t);
}

static void show_app(struct cli *c, const struct json *detail)
{
    const char *id = text_of(json_get(detail, "summary"), "id");
    const struct json *tasks = json_get(detail, "tasks");
    cli_say(c, 0, "%s", id);
    show_fields(c, detail);
    if (json_count(json_get(detail, "why")) > 0)
        buf_putc(&c->out, '\n');
    say_why(c, json_get(detail, "why"), 0);
    if (json_count(tasks) > 0)
        buf_putc(&c->out, '\n');
    show_tasks(c, tasks);
    if (json_count(tasks) > 0)
        cli_next(c, "mesolith logs -f %s", id);
}

static int ask_app(struct cli *c, struct json **detail_out, struct error *err)
{
    struct buf path;
    buf_init(&path, PATH_BYTES);
    api_path(&path, "/api/apps/%a", c->args.names[0]);
    int rc = cli_ask(c, METHOD_GET, buf_str(&path), NULL, detail_out, err);
    buf_close(&path);
    return rc;
}

static int show(struct cli *c, struct error *err)
{
    struct json *detail;
    if (ask_app(c, &detail, err) != 0)
        return -1;
    if (cli_for_people(c))
        show_app(c, detail);
    json_free(detail);
    return 0;
}

static int versions(struct cli *c, struct error *err)
{
    struct json *detail;
    if (ask_app(c, &detail, err) != 0)
        return -1;
    static const struct column columns[] = {{"VERSION", COLUMN_TEXT}, {"MADE", COLUMN_NUMBER}};
    struct table t;
    table_init(&t, columns, 2);
    JSON_EACH (version, json_get(detail, "versions")) {
        if (cli_on(c, FLAG_QUIET))
            buf_printf(&c->out, "%s\n", json_str(version, ""));
        table_put(&t, INK_NONE, json_str(version, ""));
        cli_put_when(c, &t, version);
    }
    if (cli_for_people(c)) {
        table_write(&t, c->term.width, c->term.color, &c->out);
        if (json_count(json_get(detail, "versions")) > 1)
            cli_next(c, "mesolith app rollback %s VERSION", c->args.names[0]);
    }
    table_close(&t);
    json_free(detail);
    return 0;
}

/* ---- changes */

/* Sends one for the app that is named, and waits for the deployment that it began. `tail` follows
 * the app's path. */
static int change(struct cli *c, enum method method, const char *tail, const struct buf *body,
                  struct error *err)
{
    struct json *answer;
    struct buf path;
    char id[APP_ID_SIZE];
    const char *typed = c->args.names[0];
    snprintf(id, sizeof id, "/%s", typed + strspn(typed, "/"));
    buf_init(&path, PATH_BYTES);
    api_path(&path, "/api/apps/%a", id);
    buf_puts(&path, tail);
    if (cli_on(c, FLAG_FORCE))
        buf_puts(&path, "?force=true");
    int rc = cli_ask(c, method, buf_str(&path), body, &answer, err);
    buf_close(&path);
    if (rc != 0 && err->code == ERR_CONFLICT && !cli_on(c, FLAG_FORCE))
        snprintf(c->api.cure, sizeof c->api.cure, "mesolith deployment list; or --force");
    if (rc != 0)
        return -1;
    const char *deployment = json_str(json_get(answer, "deployment"), NULL);
    if (!cli_on(c, FLAG_DETACH))
        rc = method == METHOD_DELETE ? wait_app_gone(c, id, deployment, err)
                                     : wait_app(c, id, deployment, err);
    else if (cli_for_people(c))
        cli_say(c, 0, deployment != NULL ? "Deployment %s of %s began." : "%s%s changed nothing.",
                deployment != NULL ? deployment : "", id);
    json_free(answer);
    return rc;
}

/* {"name": n}, or {} without a name */
static void body_of(struct buf *body, const char *name, int64_t n)
{
    struct json_writer w;
    buf_init(body, 1024);
    json_begin(&w, body);
    json_object(&w);
    if (name != NULL)
        json_member_int(&w, name, n);
    json_object_end(&w);
}

static int set_instances(struct cli *c, int64_t n, struct error *err)
{
    struct buf body;
    body_of(&body, "instances", n);
    int rc = change(c, METHOD_POST, "/scale", &body, err);
    buf_close(&body);
    return rc;
}

static int scale(struct cli *c, struct error *err)
{
    int64_t n;
    if (!str_to_i64(c->args.names[1], &n) || n < 0)
        return error_set(err, ERR_INVALID, "instances: got \"%s\", need a whole number 0 to 100000",
                         c->args.names[1]);
    return set_instances(c, n, err);
}

static int suspend(struct cli *c, struct error *err)
{
    return set_instances(c, 0, err);
}

static int restart(struct cli *c, struct error *err)
{
    struct buf body;
    body_of(&body, NULL, 0);
    int rc = change(c, METHOD_POST, "/restart", &body, err);
    buf_close(&body);
    return rc;
}

static int delete (struct cli *c, struct error *err)
{
    return change(c, METHOD_DELETE, "", NULL, err);
}

static int update(struct cli *c, struct error *err)
{
    struct buf body;
    if (cli_read_file(c->args.names[1], &body, err) != 0)
        return -1;
    struct json *app = json_parse(buf_slice(&body), err);
    int rc = app != NULL ? 0 : error_wrap(err, "%s", cli_file_name(c->args.names[1]));
    if (rc == 0) {
        cli_warn_of_app(c->args.names[0], app);
        rc = change(c, METHOD_PUT, "", &body, err);
    }
    json_free(app);
    buf_close(&body);
    return rc;
}

/* To the version that is named, or the one before. */
static int rollback(struct cli *c, struct error *err)
{
    struct json *detail;
    struct buf path;
    const char *id = c->args.names[0];
    buf_init(&path, PATH_BYTES);
    api_path(&path, "/api/apps/%a", id);
    int rc = api_get(&c->api, buf_str(&path), &detail, err);
    buf_close(&path);
    if (rc != 0)
        return -1;
    const struct json *before = json_first(json_get(detail, "versions"));
    if (before != NULL)
        before = json_next(before);
    const char *version = c->args.n > 1 ? c->args.names[1] : json_str(before, NULL);
    if (version == NULL) {
        json_free(detail);
        return error_set(err, ERR_NOT_FOUND, "%s: has no version before this one", id);
    }
    struct buf body;
    struct json_writer w;
    buf_init(&body, 1024);
    json_begin(&w, &body);
    json_object(&w);
    json_member_str(&w, "version", version);
    json_object_end(&w);
    json_free(detail);
    rc = change(c, METHOD_PUT, "", &body, err);
    buf_close(&body);
    return rc;
}

static int create(struct cli *c, struct error *err)
{
    struct json *app, *answer = NULL;
    struct buf body;
    if (cli_read_file(c->args.names[0], &body, err) != 0)
        return -1;
    app = json_parse(buf_slice(&body), err);
    int rc = app != NULL ? 0 : error_wrap(err, "%s", cli_file_name(c->args.names[0]));
    if (rc == 0 && !json_is(app, JSON_OBJECT))
        rc = error_set(err, ERR_INVALID, "%s: got %s, need one app; mesolith apply takes several",
                       cli_file_name(c->args.names[0]), json_kind_word(app));
    if (rc == 0) {
        cli_warn_of_app(text_of(app, "id"), app);
        rc = cli_ask(c, METHOD_POST, "/api/apps", &body, &answer, err);
    }
    if (rc == 0 && !cli_on(c, FLAG_DETACH))
        rc = wait_app(c, json_str(json_get(answer, "id"), text_of(app, "id")),
                      json_str(json_get(answer, "deployment"), NULL), err);
    else if (rc == 0 && cli_for_people(c))
        cli_say(c, 0, "%s is made; deployment %s began.", text_of(answer, "id"),
                text_of(answer, "deployment"));
    json_free(answer);
    json_free(app);
    buf_close(&body);
    return rc;
}

#define FLAGS_DEPLOY (FLAGS_CHANGE | F(FORCE))

static const struct cli_verb verbs[] = {
    {
        .name = "list",
        .operands = "",
        .flags = FLAGS_LIST | F(STATE) | F(FIND),
        .run = list_apps,
        .about = "Lists the apps",
        .examples = {"mesolith app list", "mesolith app --state waiting"},
    },
    {
        .name = "show",
        .operands = "NAME",
        .names_min = 1,
        .names_max = 1,
        .names = NAME_APP,
        .flags = FLAGS_SHOW,
        .run = show,
        .about = "Shows one app with its instances",
        .examples = {"mesolith app show /demo/hello", "mesolith app show /demo/hello --watch"},
    },
    {
        .name = "create",
        .operands = "FILE",
        .names_min = 1,
        .names_max = 1,
        .names = NAME_FILE,
        .flags = FLAGS_CHANGE,
        .run = create,
        .about = "Makes an app or a pod from a file with its JSON, as Marathon has it",
        .examples = {"mesolith app create hello.json",
                     "echo '{\"id\": \"/demo/sleep\", \"cmd\": \"sleep 1d\"}' | mesolith app "
                     "create -"},
    },
    {
        .name = "update",
        .operands = "NAME FILE",
        .names_min = 2,
        .names_max = 2,
        .names = NAME_APP,
        .flags = FLAGS_DEPLOY,
        .run = update,
        .about = "Changes the fields of an app that are in the file",
        .examples = {"mesolith app update /demo/hello hello.json",
                     "echo '{\"env\": {\"COLOR\": \"red\"}}' | mesolith app update /demo/hello -"},
    },
    {
        .name = "scale",
        .operands = "NAME INSTANCES",
        .names_min = 2,
        .names_max = 2,
        .names = NAME_APP,
        .flags = FLAGS_DEPLOY,
        .run = scale,
        .about = "Sets how many instances an app has",
        .examples = {"mesolith app scale /demo/hello 3",
                     "mesolith app scale /demo/hello 1 --detach"},
    },
    {
        .name = "suspend",
        .operands = "NAME",
        .names_min = 1,
        .names_max = 1,
        .names = NAME_APP,
        .flags = FLAGS_DEPLOY,
        .run = suspend,
        .about = "Stops all instances of an app and keeps the app",
        .examples = {"mesolith app suspend /demo/hello",
                     "mesolith app suspend /demo/hello --detach"},
    },
    {
        .name = "restart",
        .operands = "NAME",
        .names_min = 1,
        .names_max = 1,
        .names = NAME_APP,
        .flags = FLAGS_DEPLOY,
        .run = restart,
        .about = "Replaces all instances of an app, as its upgrade strategy says",
        .examples = {"mesolith app restart /demo/hello",
                     "mesolith app restart /demo/hello --timeout 1m"},
    },
    {
        .name = "versions",
        .operands = "NAME",
        .names_min = 1,
        .names_max = 1,
        .names = NAME_APP,
        .flags = FLAGS_LIST,
        .run = versions,
        .about = "Lists the versions of an app, the newest first",
        .examples = {"mesolith app versions /demo/hello", "mesolith app versions /demo/hello -q"},
    },
    {
        .name = "rollback",
        .operands = "NAME [VERSION]",
        .names_min = 1,
        .names_max = 2,
        .names = NAME_APP,
        .flags = FLAGS_DEPLOY,
        .run = rollback,
        .about = "Goes back to the version before, or to the one named",
        .examples = {"mesolith app rollback /demo/hello",
                     "mesolith app rollback /demo/hello 2026-01-02T10:00:00.000Z"},
    },
    {
        .name = "delete",
        .operands = "NAME",
        .names_min = 1,
        .names_max = 1,
        .names = NAME_APP,
        .flags = FLAGS_DEPLOY,
        .run = delete,
        .about = "Stops all instances of an app and forgets it",
        .examples = {"mesolith app delete /demo/hello", "mesolith app delete /demo/hello -d"},
    },
};

const struct cli_noun app_noun = {
    .name = "app",
    .about = "what should run all the time",
    .verbs = verbs,
    .n = sizeof verbs / sizeof verbs[0],
};
