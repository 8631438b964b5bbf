/* mesolith task - what runs where: the instances of apps and the runs of jobs. */
#include "cli_noun.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cli_find.h"
#include "cli_task.h"

bool task_is_live(const struct json *task)
{
    static const char *const live[] = {"staging", "starting",  "running",
                                       "healthy", "unhealthy", "unreachable"};
    const char *state = text_of(task, "state");
    for (size_t i = 0; i < sizeof live / sizeof live[0]; i++)
        if (str_eq(state, live[i]))
            return true;
    return false;
}

/* ---- list */

/* "exit 1", "signal 9" */
static void put_end(struct table *t, const struct json *task)
{
    int64_t n;
    const char *detail = text_of(task, "detail"), *message = text_of(task, "message");
    if (*detail != '\0' || *message != '\0')
        table_put(t, INK_DIM, *detail != '\0' ? detail : message);
    else if (json_i64(json_get(task, "signal"), &n))
        table_printf(t, INK_DIM, "signal %lld", (long long)n);
    else if (json_i64(json_get(task, "exit"), &n))
        table_printf(t, INK_DIM, "exit %lld", (long long)n);
    else
        table_put(t, INK_NONE, NULL);
}

static bool is_shown(const struct cli *c, const struct json *task)
{
    return cli_on(c, FLAG_ALL) || cli_flag_text(c, FLAG_STATE) != NULL || task_is_live(task);
}

static void put_names(struct cli *c, const struct json *list)
{
    JSON_EACH (task, json_get(list, "items"))
        if (is_shown(c, task))
            buf_printf(&c->out, "%s\n", text_of(task, "id"));
}

static void show_list(struct cli *c, const struct json *list)
{
    static const struct column columns[] = {
        {"TASK", COLUMN_TEXT},    {"STATE", COLUMN_TEXT}, {"OF", COLUMN_FREE},
        {"HOST", COLUMN_TEXT},    {"PORTS", COLUMN_FREE}, {"SINCE", COLUMN_NUMBER},
        {"ENDED", COLUMN_NUMBER}, {"", COLUMN_FREE},
    };
    char id[128];
    size_t n = 0;
    struct table t;
    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    JSON_EACH (task, json_get(list, "items")) {
        const struct json *since = json_get(task, "started");
        if (!is_shown(c, task))
            continue;
        n++;
        table_put(&t, INK_NONE, text_short_id(id, sizeof id, text_of(task, "id")));
        cli_put_state(&t, "task", json_get(task, "state"));
        table_put(&t, INK_NONE, text_of(json_get(task, "owner"), "name"));
        table_put(&t, INK_NONE, text_of(task, "host"));
        cli_put_numbers(&t, json_get(task, "ports"));
        cli_put_when(c, &t, since != NULL ? since : json_get(task, "staged"));
        cli_put_when(c, &t, json_get(task, "ended"));
        put_end(&t, task);
    }
    cli_table(c, &t);
    if (n == 0)
        cli_next_empty(c, "task",
                       cli_on(c, FLAG_ALL)
                           ? "No tasks."
                           : "No tasks are running; --all shows those that have ended.");
}

/* A node's name may be typed, the API wants its id. */
static int put_node(struct cli *c, struct buf *path, struct error *err)
{
    struct found node;
    const char *typed = cli_flag_text(c, FLAG_NODE);
    if (typed == NULL)
        return 0;
    if (find_name(c, NAME_NODE, typed, &node, err) != 0)
        return -1;
    api_path(path, "&node=%s", node.name);
    found_close(&node);
    return 0;
}

static int list_tasks(struct cli *c, struct error *err)
{
    const char *app = cli_flag_text(c, FLAG_APP), *job = cli_flag_text(c, FLAG_JOB);
    const char *state = cli_flag_text(c, FLAG_STATE), *find = cli_flag_text(c, FLAG_FIND);
    struct json *list;
    struct buf path;
    buf_init(&path, PATH_BYTES);
    api_path(&path, "/api/tasks?sort=id");
    if (app != NULL) {
        buf_puts(&path, "&app=%2F"); /* with or without its slash */
        api_path(&path, "%a", app);
    }
    if (job != NULL)
        api_path(&path, "&job=%s", job);
    if (state != NULL)
        api_path(&path, "&state=%s", state);
    if (find != NULL)
        api_path(&path, "&q=%s", find);
    int rc = put_node(c, &path, err);
    if (rc == 0)
        rc = cli_list(c, buf_str(&path), NULL, &list, err);
    buf_close(&path);
    if (rc != 0)
        return -1;
    if (cli_for_people(c))
        show_list(c, list);
    else if (!cli_on(c, FLAG_JSON))
        put_names(c, list);
    json_free(list);
    return 0;
}

/* ---- one */

static void show_task(struct cli *c, const struct json *task)
{
    static const struct column columns[] = {{"", COLUMN_TEXT}, {"", COLUMN_FREE}};
    char cpus[TEXT_SIZE], mem[TEXT_SIZE];
    struct table t;
    const struct json *owner = json_get(task, "owner");
    cli_say(c, 0, "%s", text_of(task, "id"));
    table_init(&t, columns, 2);
    table_put(&t, INK_DIM, "state");
    cli_put_state(&t, "task", json_get(task, "state"));
    cli_put_field(&t, "detail", text_of(task, "detail"));
    cli_put_field(&t, "message", text_of(task, "message"));
    table_put(&t, INK_DIM, text_of(owner, "noun"));
    table_put(&t, INK_NONE, text_of(owner, "name"));
    cli_put_field(&t, "host", text_of(task, "host"));
    if (json_count(json_get(task, "ports")) > 0) {
        table_put(&t, INK_DIM, "ports");
        cli_put_numbers(&t, json_get(task, "ports"));
    }
    table_put(&t, INK_DIM, "has");
    table_printf(&t, INK_NONE, "%s cpus, %s MiB",
                 text_number(cpus, json_double(json_get(task, "cpus"), 0)),
                 text_number(mem, json_double(json_get(task, "mem"), 0)));
    static const char *const times[] = {"staged", "started", "ended"};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        char when[TEXT_SIZE];
        int64_t ms = cli_ms(json_get(task, times[i]));
        cli_put_field(&t, times[i], ms != 0 ? text_relative(when, ms, c->now.ms) : "");
    }
    if (number_of(task, "pid") > 0) {
        table_put(&t, INK_DIM, "process");
        table_printf(&t, INK_NONE, "%lld", (long long)number_of(task, "pid"));
    }
    cli_put_field(&t, "container", text_of(task, "container"));
    JSON_EACH (volume, json_get(task, "volumes"))
        cli_put_field(&t, "volume", json_str(volume, ""));
    cli_table(c, &t);
    char id[256];
    bool began = json_get(task, "started") != NULL; /* else it wrote nothing */
    cli_next(c, "mesolith %s %s", began ? "logs" : "why",
             text_short_id(id, sizeof id, text_of(task, "id")));
}

static int find_task(struct cli *c, struct buf *path, struct error *err)
{
    struct found task;
    buf_init(path, PATH_BYTES);
    if (find_name(c, NAME_TASK, c->args.names[0], &task, err) != 0)
        return -1;
    api_path(path, "/api/tasks/%s", task.name);
    found_close(&task);
    return 0;
}

static int show(struct cli *c, struct error *err)
{
    struct json *task;
    struct buf path;
    int rc = find_task(c, &path, err);
    if (rc == 0)
        rc = cli_ask(c, METHOD_GET, buf_str(&path), NULL, &task, err);
    buf_close(&path);
    if (rc != 0)
        return -1;
    if (cli_for_people(c))
        show_task(c, task);
    json_free(task);
    return 0;
}

static int kill_task(struct cli *c, struct error *err)
{
    struct json *answer;
    struct buf path;
    bool scale = cli_on(c, FLAG_SCALE), wipe = cli_on(c, FLAG_WIPE);
    int rc = find_task(c, &path, err);
    if (rc == 0 && scale)
        buf_puts(&path, wipe ? "?scale=true&wipe=true" : "?scale=true");
    else if (rc == 0 && wipe)
        buf_puts(&path, "?wipe=true");
    if (rc == 0)
        rc = cli_ask(c, METHOD_DELETE, buf_str(&path), NULL, &answer, err);
    buf_close(&path);
    if (rc != 0)
        return -1;
    json_free(answer);
    if (cli_for_people(c))
        cli_say(c, 0, "%s is being killed%s.", c->args.names[0],
                scale  ? ", and will not be replaced"
                : wipe ? ", and its data removed"
                       : "");
    return 0;
}

#define ONE_TASK .operands = "NAME", .names_min = 1, .names_max = 1, .names = NAME_TASK

static const struct cli_verb verbs[] = {
    {
        .name = "list",
        .operands = "",
        .flags = FLAGS_LIST | F(ALL) | F(STATE) | F(FIND) | F(APP) | F(JOB) | F(NODE),
        .run = list_tasks,
        .about = "Lists the tasks that are running",
        .examples = {"mesolith task list --app /demo/hello", "mesolith task --all --state failed"},
    },
    {
        .name = "show",
        ONE_TASK,
        .flags = FLAGS_SHOW,
        .run = show,
        .about = "Shows one task; a part of its id will do",
        .examples = {"mesolith task show $(mesolith task -q | head -n 1)",
                     "mesolith task show demo_hello.1c9a2e7b --json"},
    },
    {
        .name = "kill",
        ONE_TASK,
        .flags = FLAGS_ASK | F(SCALE) | F(WIPE),
        .run = kill_task,
        .about = "Kills one task; an app's is replaced",
        .examples = {"mesolith task kill $(mesolith task -q --app /demo/hello | head -n 1)",
                     "mesolith task kill demo_hello.1c9a2e7b --scale"},
    },
};

const struct cli_noun task_noun = {
    .name = "task",
    .about = "what runs where: instances of apps, runs of jobs",
    .verbs = verbs,
    .n = sizeof verbs / sizeof verbs[0],
};
