/* mesolith service - the ports that every node forwards to the healthy instances of an app. */
#include "cli_noun.h"

#include <stdio.h>

#include "base/str.h"

static void show_list(struct cli *c, const struct json *list)
{
    static const struct column columns[] = {
        {"PORT", COLUMN_NUMBER}, {"APP", COLUMN_FREE}, {"BACKENDS", COLUMN_NUMBER},
        {"STATE", COLUMN_TEXT},  {"", COLUMN_FREE},
    };
    struct table t;
    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    JSON_EACH (s, json_get(list, "items")) {
        const struct json *backends = json_get(s, "backends");
        bool bound = json_bool(json_get(s, "bound"), false);
        long long healthy = 0;
        JSON_EACH (b, backends)
            healthy += json_bool(json_get(b, "healthy"), false);
        table_printf(&t, INK_NONE, "%lld", (long long)number_of(s, "port"));
        table_put(&t, INK_NONE, text_of(s, "app"));
        table_printf(&t, INK_NONE, "%lld of %zu", healthy, json_count(backends));
        table_put(&t, bound ? INK_GOOD : INK_WARN, bound ? "open" : "not open");
        table_put(&t, INK_DIM, text_of(s, "reason"));
    }
    cli_table(c, &t);
    if (json_count(json_get(list, "items")) == 0)
        cli_next(c, "No app has a service port.");
}

static int list_services(struct cli *c, struct error *err)
{
    return cli_show_list(c, "/api/services", "app", show_list, err);
}

static const struct cli_verb verbs[] = {
    {
        .name = "list",
        .operands = "",
        .flags = FLAGS_LIST,
        .run = list_services,
        .about = "Lists the service ports, their apps, and how many instances take part",
        .examples = {"mesolith service list", "mesolith service --watch"},
    },
};

const struct cli_noun service_noun = {
    .name = "service",
    .about = "ports that every node forwards to healthy instances",
    .verbs = verbs,
    .n = sizeof verbs / sizeof verbs[0],
};
