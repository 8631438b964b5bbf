/* mesolith calendar - days that keep jobs from running, or let them run. */
#include "cli_noun.h"

#include "base/str.h"

#define BODY_BYTES (1 << 20)

static void show_list(struct cli *c, const struct json *list)
{
    static const struct column columns[] = {
        {"CALENDAR", COLUMN_FREE},  {"DAYS", COLUMN_NUMBER}, {"JOBS", COLUMN_NUMBER},
        {"CHANGED", COLUMN_NUMBER}, {"", COLUMN_FREE},
    };
    struct table t;
    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    JSON_EACH (calendar, json_get(list, "items")) {
        table_put(&t, INK_NONE, text_of(calendar, "name"));
        table_printf(&t, INK_NONE, "%zu", json_count(json_get(calendar, "days")));
        table_printf(&t, INK_NONE, "%lld", (long long)number_of(calendar, "used_by"));
        cli_put_when(c, &t, json_get(calendar, "changed"));
        table_put(&t, INK_DIM, text_of(calendar, "description"));
    }
    cli_table(c, &t);
    if (json_count(json_get(list, "items")) == 0)
        cli_next_empty(c, "calendar", "No calendars. mesolith calendar set NAME FILE makes one.");
}

static int list_calendars(struct cli *c, struct error *err)
{
    return cli_show_list(c, "/api/calendars", "name", show_list, err);
}

/* "a, b, c" */
static void put_texts(struct table *t, const char *what, const struct json *list)
{
    struct buf text;
    buf_init(&text, BODY_BYTES);
    JSON_EACH (item, list)
        buf_printf(&text, "%s%s", item == json_first(list) ? "" : ", ", json_str(item, ""));
    cli_put_field(t, what, buf_str(&text));
    buf_close(&text);
}

static int ask(struct cli *c, enum method method, const struct buf *body, struct json **answer,
               struct error *err)
{
    struct buf path;
    buf_init(&path, PATH_BYTES);
    api_path(&path, "/api/calendars/%s", c->args.names[0]);
    int rc = cli_ask(c, method, buf_str(&path), body, answer, err);
    buf_close(&path);
    return rc;
}

static int show(struct cli *c, struct error *err)
{
    static const struct column columns[] = {{"", COLUMN_TEXT}, {"", COLUMN_FREE}};
    struct json *calendar;
    struct table t;
    if (ask(c, METHOD_GET, NULL, &calendar, err) != 0)
        return -1;
    if (cli_for_people(c)) {
        cli_say(c, 0, "%s", text_of(calendar, "name"));
        table_init(&t, columns, 2);
        cli_put_field(&t, "about", text_of(calendar, "description"));
        put_texts(&t, "jobs", json_get(calendar, "jobs"));
        bool first = true;
        JSON_EACH (day, json_get(calendar, "days")) {
            table_put(&t, INK_DIM, first ? "days" : "");
            table_put(&t, INK_NONE, json_str(day, ""));
            first = false;
        }
        cli_table(c, &t);
    }
    json_free(calendar);
    return 0;
}

static int change(struct cli *c, enum method method, const struct buf *body, const char *what,
                  struct error *err)
{
    struct json *answer;
    if (ask(c, method, body, &answer, err) != 0)
        return -1;
    json_free(answer);
    if (cli_for_people(c))
        cli_say(c, 0, "%s is %s.", c->args.names[0], what);
    return 0;
}

static int set(struct cli *c, struct error *err)
{
    struct buf body;
    if (cli_read_file(c->args.names[1], &body, err) != 0)
        return -1;
    int rc = change(c, METHOD_PUT, &body, "set", err);
    buf_close(&body);
    return rc;
}

static int delete (struct cli *c, struct error *err)
{
    return change(c, METHOD_DELETE, NULL, "deleted", err);
}

#define ONE .operands = "NAME", .names_min = 1, .names_max = 1, .names = NAME_CALENDAR

static const struct cli_verb verbs[] = {
    {
        .name = "list",
        .operands = "",
        .flags = FLAGS_LIST | F(STATE) | F(FIND),
        .run = list_calendars,
        .about = "Lists the calendars",
        .examples = {"mesolith calendar list", "mesolith calendar --state unused"},
    },
    {
        .name = "show",
        ONE,
        .flags = FLAGS_SHOW,
        .run = show,
        .about = "Shows a calendar's days, and the jobs that name it",
        .examples = {"mesolith calendar show holidays", "mesolith calendar show holidays --json"},
    },
    {
        .name = "set",
        .operands = "NAME FILE",
        .names_min = 2,
        .names_max = 2,
        .flags = FLAGS_ASK,
        .run = set,
        .about = "Makes a calendar from a file with its JSON, or replaces it",
        .examples = {"mesolith calendar set holidays holidays.json",
                     "echo '{\"days\": [\"12-24/12-26\", \"SAT-SUN\", \"FRI 18:00-24:00\"]}' | "
                     "mesolith calendar set holidays -"},
    },
    {
        .name = "delete",
        ONE,
        .flags = FLAGS_ASK,
        .run = delete,
        .about = "Forgets a calendar that no job names",
        .examples = {"mesolith calendar delete holidays",
                     "mesolith calendar delete holidays --json"},
    },
};

const struct cli_noun calendar_noun = {
    .name = "calendar",
    .about = "days that keep jobs from running, or let them run",
    .verbs = verbs,
    .n = sizeof verbs / sizeof verbs[0],
};
