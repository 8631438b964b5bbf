/* mesolith status - is it there, what runs, what needs attention. */
#include "cli_noun.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

/* "9 running, 1 waiting": of each state that some are in. */
static void put_states(struct table *t, const struct json *group, const char *const *states,
                       size_t n)
{
    struct buf text;
    buf_init(&text, 512);
    for (size_t i = 0; i < n; i++)
        if (number_of(group, states[i]) > 0)
            buf_printf(&text, "%s%lld %s", text.len > 0 ? ", " : "",
                       (long long)number_of(group, states[i]), states[i]);
    table_put(t, INK_NONE, text.len > 0 ? buf_str(&text) : "none");
    buf_close(&text);
}

static void put_share(struct table *t, const struct json *resources, const char *name, double unit,
                      const char *unit_name)
{
    table_put(t, INK_DIM, name);
    cli_put_used(t, json_get(resources, name), unit, unit_name);
}

static void show_numbers(struct cli *c, const struct json *status)
{
    static const struct column columns[] = {{"", COLUMN_TEXT}, {"", COLUMN_FREE}};
    static const char *const app_states[] = {"running", "deploying", "waiting", "unhealthy",
                                             "suspended"};
    static const char *const task_states[] = {"running", "staging"};
    const struct json *jobs = json_get(status, "jobs"), *nodes = json_get(status, "nodes");
    const struct json *resources = json_get(status, "resources");
    struct table t;
    table_init(&t, columns, 2);
    table_put(&t, INK_DIM, "apps");
    put_states(&t, json_get(status, "apps"), app_states, 5);
    table_put(&t, INK_DIM, "tasks");
    put_states(&t, json_get(status, "tasks"), task_states, 2);
    table_put(&t, INK_DIM, "jobs");
    table_printf(&t, INK_NONE, "%lld, %lld running, %lld failing",
                 (long long)number_of(jobs, "total"), (long long)number_of(jobs, "running"),
                 (long long)number_of(jobs, "failing"));
    table_put(&t, INK_DIM, "nodes");
    table_printf(&t, INK_NONE, "%lld of %lld ready", (long long)number_of(nodes, "ready"),
                 (long long)number_of(nodes, "total"));
    put_share(&t, resources, "cpus", 1, "");
    put_share(&t, resources, "mem", GIB, " GiB");
    put_share(&t, resources, "disk", GIB, " GiB");
    put_share(&t, resources, "ports", 1, "");
    cli_table(c, &t);
}

/* Its name stands before it. */
static const char *without_name(const char *sentence, const char *name)
{
    size_t n = strlen(name);
    return str_starts(sentence, name) && str_starts(sentence + n, ": ") ? sentence + n + 2
                                                                        : sentence;
}

static void show_attention(struct cli *c, const struct json *attention)
{
    static const struct column columns[] = {
        {"", COLUMN_TEXT}, {"", COLUMN_TEXT}, {"", COLUMN_TEXT}, {"", COLUMN_FREE}};
    struct table t;
    if (json_count(attention) == 0)
        return;
    buf_putc(&c->out, '\n');
    table_init(&t, columns, 4);
    JSON_EACH (a, attention) {
        cli_put_state(&t, text_of(a, "noun"), json_get(a, "state"));
        table_put(&t, INK_DIM, text_of(a, "noun"));
        table_put(&t, INK_BOLD, text_of(a, "name"));
        table_put(&t, INK_NONE, without_name(text_of(a, "sentence"), text_of(a, "name")));
    }
    cli_table(c, &t);
}

static void show(struct cli *c, const struct json *status)
{
    char age[TEXT_SIZE], cluster[TEXT_SIZE];
    const char *leader = json_str(json_get(json_get(status, "leader"), "name"), NULL);
    const struct json *attention = json_get(status, "attention");
    cli_say(c, 0, "%s, mesolith %s, %s: up for %s, %s%s",
            text_short_id(cluster, sizeof cluster, text_of(status, "cluster")),
            json_str(json_get(status, "version"), "?"), text_of(status, "name"),
            text_duration(age, c->now.ms - cli_ms(json_get(status, "started"))),
            leader != NULL ? "led by " : "without a leader", leader != NULL ? leader : "");
    show_numbers(c, status);
    show_attention(c, attention);
    const struct json *first = json_first(attention);
    if (str_eq(text_of(first, "noun"), "service"))
        cli_next(c, "mesolith service list");
    else if (first != NULL)
        cli_next(c, "mesolith why %s %s", text_of(first, "noun"), text_of(first, "name"));
    else
        cli_next(c, "%s", json_str(json_get(json_get(status, "urls"), "ui"), c->api.address));
}

static int run(struct cli *c, struct error *err)
{
    struct json *status;
    if (cli_ask(c, METHOD_GET, "/api/status", NULL, &status, err) != 0)
        return -1;
    if (cli_on(c, FLAG_QUIET))
        buf_printf(&c->out, "%s\n", text_of(status, "name"));
    else if (!cli_on(c, FLAG_JSON))
        show(c, status);
    json_free(status);
    return 0;
}

static const struct cli_verb verbs[] = {
    {
        .name = "",
        .operands = "",
        .flags = FLAGS_LIST,
        .run = run,
        .about = "Shows whether a node is there, what runs, and what needs attention",
        .examples = {"mesolith status", "mesolith status --watch"},
    },
};

const struct cli_noun status_noun = {
    .name = "status",
    .about = "whether a node is there, what runs, what needs attention",
    .verbs = verbs,
    .n = 1,
};
