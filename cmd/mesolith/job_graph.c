/* mesolith job graph - which job waits for which: as a table, and as Chronos exports it. */
#include "job_graph.h"

#include "base/map.h"
#include "base/str.h"

/* Of the last end that counts (spec/chronos.md 7.4). */
static const char *last_result(const struct json *node)
{
    int64_t good = cli_ms(json_get(node, "last_success"));
    int64_t bad = cli_ms(json_get(node, "last_error"));
    return good == 0 && bad == 0 ? "fresh" : good > bad ? "success" : "failure";
}

/* spec/chronos.md 8.1 */
static void put_csv(struct buf *out, const struct json *graph)
{
    JSON_EACH (node, json_get(graph, "nodes")) {
        long long active = (long long)number_of(node, "active");
        buf_printf(out, "node,%s,%s,", text_of(node, "name"), last_result(node));
        if (active > 0)
            buf_printf(out, "%lld running\n", active);
        else
            buf_puts(out, number_of(node, "queued") > 0 ? "queued\n" : "idle\n");
    }
    JSON_EACH (edge, json_get(graph, "edges"))
        buf_printf(out, "link,%s,%s\n", text_of(edge, "parent"), text_of(edge, "child"));
}

/* spec/chronos.md 8.2 */
static void put_dot(struct buf *out, const struct json *graph)
{
    struct map *numbers = map_new(); /* name -> 1..n */
    intptr_t n = 0;
    buf_puts(out, "digraph G {\n");
    JSON_EACH (node, json_get(graph, "nodes")) {
        map_put_str(numbers, text_of(node, "name"), (void *)++n);
        buf_printf(out, "  %lld [ label=\"%s\" ];\n", (long long)n, text_of(node, "name"));
    }
    JSON_EACH (edge, json_get(graph, "edges")) {
        intptr_t parent = (intptr_t)map_get_str(numbers, text_of(edge, "parent"));
        intptr_t child = (intptr_t)map_get_str(numbers, text_of(edge, "child"));
        if (parent != 0)
            buf_printf(out, "  %lld -> %lld;\n", (long long)parent, (long long)child);
    }
    buf_puts(out, "}\n");
    map_free(numbers);
}

static void show_edges(struct cli *c, const struct json *answer)
{
    static const struct column columns[] = {
        {"PARENT", COLUMN_FREE}, {"CHILD", COLUMN_FREE}, {"RUNS ON", COLUMN_TEXT}};
    struct table t;
    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    JSON_EACH (edge, json_get(answer, "edges")) {
        table_put(&t, INK_NONE, text_of(edge, "parent"));
        table_put(&t, INK_NONE, text_of(edge, "child"));
        table_put(&t, INK_DIM, text_of(edge, "on"));
    }
    cli_table(c, &t);
    if (json_count(json_get(answer, "edges")) == 0)
        cli_next(c, "No job waits for another one.");
}

int job_graph(struct cli *c, struct error *err)
{
    struct json *answer;
    bool csv = cli_on(c, FLAG_CSV), dot = cli_on(c, FLAG_DOT);
    if (csv + dot + cli_on(c, FLAG_JSON) > 1)
        return error_set(err, ERR_SYNTAX, "need one of --csv, --dot and --json");
    if (cli_ask(c, METHOD_GET, "/api/graph", NULL, &answer, err) != 0)
        return -1;
    if (csv)
        put_csv(&c->out, answer);
    else if (dot)
        put_dot(&c->out, answer);
    else if (cli_for_people(c))
        show_edges(c, answer);
    json_free(answer);
    return 0;
}
