/* mesolith sql - reading the cluster's state as tables. */
#include "cli_noun.h"

#include <stdio.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"

#define COLUMNS_MAX 64

static void put_value(struct table *t, const struct json *v)
{
    char text[TEXT_SIZE];
    int64_t n;
    if (v == NULL || json_is(v, JSON_NULL))
        table_put(t, INK_DIM, "null");
    else if (json_i64(v, &n))
        table_printf(t, INK_NONE, "%lld", (long long)n);
    else if (json_is(v, JSON_NUMBER))
        table_put(t, INK_NONE, text_number(text, json_double(v, 0)));
    else if (json_is(v, JSON_BOOL))
        table_put(t, INK_NONE, json_bool(v, false) ? "true" : "false");
    else
        table_put(t, INK_NONE, json_str(v, ""));
}

/* A column of numbers stands to the right. */
static enum column_kind kind_of(const struct json *rows, size_t column)
{
    enum column_kind kind = COLUMN_FREE;
    JSON_EACH (row, rows) {
        const struct json *v = json_first(row);
        for (size_t i = 0; i < column && v != NULL; i++)
            v = json_next(v);
        if (json_is(v, JSON_NUMBER))
            kind = COLUMN_NUMBER;
        else if (v != NULL && !json_is(v, JSON_NULL))
            return COLUMN_FREE;
    }
    return kind;
}

static void show(struct cli *c, const struct json *answer)
{
    struct column columns[COLUMNS_MAX];
    const struct json *rows = json_get(answer, "rows");
    size_t n = 0;
    JSON_EACH (name, json_get(answer, "columns")) {
        if (n == COLUMNS_MAX)
            break;
        columns[n] = (struct column){json_str(name, ""), kind_of(rows, n)};
        n++;
    }
    if (n == 0)
        return;
    struct table t;
    table_init(&t, columns, n);
    JSON_EACH (row, rows) {
        const struct json *v = json_first(row);
        for (size_t i = 0; i < n; i++, v = v != NULL ? json_next(v) : NULL)
            put_value(&t, v);
    }
    cli_table(c, &t);
    char count[TEXT_SIZE], took[TEXT_SIZE];
    bool clipped = json_bool(json_get(answer, "clipped"), false);
    cli_next(c, "%s in %s%s", text_count(count, (int64_t)json_count(rows), "row"),
             text_duration(took, number_of(answer, "ms")),
             clipped ? ", and there are more: ask for fewer with where or limit" : "");
}

static int read_query(struct cli *c, struct buf *query, struct error *err)
{
    if (c->args.n == 0 || str_eq(c->args.names[0], "-"))
        return cli_read_file("-", query, err);
    buf_init(query, LIMIT_BODY_BYTES);
    for (size_t i = 0; i < c->args.n; i++)
        buf_printf(query, "%s%s", i > 0 ? " " : "", c->args.names[i]);
    return 0;
}

static int run(struct cli *c, struct error *err)
{
    struct json *answer;
    struct buf query, body;
    struct json_writer w;
    if (read_query(c, &query, err) != 0)
        return -1;
    buf_init(&body, LIMIT_BODY_BYTES);
    json_begin(&w, &body);
    json_object(&w);
    json_member_str(&w, "query", buf_str(&query));
    json_object_end(&w);
    int rc = cli_ask(c, METHOD_POST, "/api/sql", &body, &answer, err);
    buf_close(&query);
    buf_close(&body);
    if (rc != 0)
        return -1;
    if (cli_for_people(c))
        show(c, answer);
    json_free(answer);
    return 0;
}

static const struct cli_verb verbs[] = {
    {
        .name = "",
        .operands = "QUERY",
        .names_max = ARGS_NAMES_MAX,
        .flags = FLAGS_SHOW,
        .run = run,
        .about = "Asks the cluster's state with a select; without QUERY it is read from stdin",
        .examples = {"mesolith sql 'select name from sqlite_schema'",
                     "mesolith sql 'select count(*) from tasks' --json"},
    },
};

const struct cli_noun sql_noun = {
    .name = "sql",
    .about = "the cluster's state as tables, read only",
    .verbs = verbs,
    .n = 1,
};
