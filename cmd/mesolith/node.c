/* mesolith node - the machines. */
#include "cli_noun.h"

#include <stdio.h>

#include "base/str.h"
#include "cli_find.h"
#include "cli_wait.h"
#include "model/constraint.h"

static void put_modes(struct table *t, const struct json *modes)
{
    struct buf text;
    buf_init(&text, 256);
    JSON_EACH (mode, modes)
        buf_printf(&text, "%s%s", text.len > 0 ? " " : "", json_str(mode, ""));
    table_put(t, INK_NONE, buf_str(&text));
    buf_close(&text);
}

/* "rack=a zone=2": what constraints may name. */
static void put_attributes(struct table *t, const struct json *attributes)
{
    struct buf text;
    char number[SCALAR_TEXT_SIZE];
    buf_init(&text, 1 << 16);
    JSON_EACH (one, attributes)
        buf_printf(&text, "%s%s=%s", text.len > 0 ? " " : "", json_name(one),
                   json_is(one, JSON_NUMBER) ? scalar_text(json_double(one, 0), number)
                                             : json_str(one, ""));
    cli_put_field(t, "attributes", buf_str(&text));
    buf_close(&text);
}

static void put_role(struct table *t, const struct json *node)
{
    const char *role = text_of(node, "role");
    table_put(t, INK_NONE, str_eq(role, "none") ? "" : role);
}

static void show_list(struct cli *c, const struct json *list)
{
    static const struct column columns[] = {
        {"NODE", COLUMN_FREE},      {"STATE", COLUMN_TEXT},      {"ROLE", COLUMN_TEXT},
        {"ADDRESS", COLUMN_TEXT},   {"TASKS", COLUMN_NUMBER},    {"CPUS", COLUMN_NUMBER},
        {"MEM GiB", COLUMN_NUMBER}, {"DISK GiB", COLUMN_NUMBER}, {"SEEN", COLUMN_NUMBER},
        {"VERSION", COLUMN_TEXT},
    };
    const struct json *lost = NULL;
    struct table t;
    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    JSON_EACH (node, json_get(list, "items")) {
        if (lost == NULL && str_eq(text_of(node, "state"), "unreachable"))
            lost = node;
        table_put(&t, INK_NONE, text_of(node, "name"));
        cli_put_state(&t, "node", json_get(node, "state"));
        put_role(&t, node);
        table_put(&t, INK_NONE, text_of(node, "address"));
        table_printf(&t, INK_NONE, "%lld", (long long)number_of(node, "tasks"));
        cli_put_used(&t, json_get(node, "cpus"), 1, "");
        cli_put_used(&t, json_get(node, "mem"), GIB, "");
        cli_put_used(&t, json_get(node, "disk"), GIB, "");
        cli_put_when(c, &t, json_get(node, "seen"));
        table_put(&t, INK_NONE, text_of(node, "version"));
    }
    cli_table(c, &t);
    JSON_EACH (node, json_get(list, "items"))
        if (json_get(node, "waits") != NULL)
            cli_say(c, 0, "%s %s.", text_of(node, "name"), text_of(node, "waits"));
    JSON_EACH (node, json_get(list, "items"))
        if (json_get(node, "closed") != NULL)
            cli_say(c, 0, "%s restarts: its session was closed at %s, its tasks are kept until %s.",
                    text_of(node, "name"), text_of(node, "closed"), text_of(node, "kept_until"));
    if (lost != NULL)
        cli_next(c, "%s is unreachable: mesolith why node %s", text_of(lost, "name"),
                 text_of(lost, "name"));
}

static int list_nodes(struct cli *c, struct error *err)
{
    return cli_show_list(c, "/api/nodes?sort=name", "name", show_list, err);
}

static void show_node(struct cli *c, const struct json *node)
{
    static const struct column columns[] = {{"", COLUMN_TEXT}, {"", COLUMN_FREE}};
    const struct json *docker = json_get(node, "docker");
    char up[TEXT_SIZE];
    struct table t;
    cli_say(c, 0, "%s", text_of(node, "name"));
    table_init(&t, columns, 2);
    table_put(&t, INK_DIM, "state");
    cli_put_state(&t, "node", json_get(node, "state"));
    cli_put_field(&t, "role", text_of(node, "role"));
    cli_put_field(&t, "", text_of(node, "waits"));
    table_put(&t, INK_DIM, "modes");
    put_modes(&t, json_get(node, "modes"));
    cli_put_field(&t, "address", text_of(node, "address"));
    cli_put_field(&t, "id", text_of(node, "id"));
    table_put(&t, INK_DIM, "tasks");
    table_printf(&t, INK_NONE, "%lld", (long long)number_of(node, "tasks"));
    table_put(&t, INK_DIM, "cpus");
    cli_put_used(&t, json_get(node, "cpus"), 1, "");
    table_put(&t, INK_DIM, "mem GiB");
    cli_put_used(&t, json_get(node, "mem"), GIB, "");
    table_put(&t, INK_DIM, "disk GiB");
    cli_put_used(&t, json_get(node, "disk"), GIB, "");
    table_put(&t, INK_DIM, "ports");
    cli_put_used(&t, json_get(node, "ports"), 1, "");
    table_put(&t, INK_DIM, "docker");
    table_put(&t, INK_NONE,
              json_bool(json_get(docker, "available"), false) ? text_of(docker, "version")
                                                              : text_of(docker, "reason"));
    put_attributes(&t, json_get(node, "attributes"));
    cli_put_field(&t, "version", text_of(node, "version"));
    if (json_get(node, "uptime_s") != NULL) /* of the one that answers only */
        cli_put_field(&t, "up for", text_duration(up, number_of(node, "uptime_s") * 1000));
    cli_table(c, &t);
    cli_next(c, "mesolith task list --node %s", text_of(node, "name"));
}

static int show(struct cli *c, struct error *err)
{
    struct found f;
    struct json *node;
    struct buf path;
    if (find_name(c, NAME_NODE, c->args.names[0], &f, err) != 0)
        return -1;
    buf_init(&path, 1024);
    api_path(&path, "/api/nodes/%s", f.name);
    found_close(&f);
    int rc = cli_ask(c, METHOD_GET, buf_str(&path), NULL, &node, err);
    buf_close(&path);
    if (rc != 0)
        return -1;
    if (cli_for_people(c))
        show_node(c, node);
    json_free(node);
    return 0;
}

/* ---- changing one */

/* Finds the node that is meant and sends the wish; `verb` NULL: it is removed. */
static int wish(struct cli *c, const struct found *f, const char *verb, struct error *err)
{
    struct json *answer;
    struct buf path, none;
    buf_init(&path, PATH_BYTES);
    buf_init(&none, 16);
    buf_puts(&none, "{}");
    api_path(&path, "/api/nodes/%s", f->name);
    if (verb != NULL)
        buf_printf(&path, "/%s", verb);
    int rc = cli_ask(c, verb != NULL ? METHOD_POST : METHOD_DELETE, buf_str(&path),
                     verb != NULL ? &none : NULL, &answer, err);
    buf_close(&none);
    buf_close(&path);
    if (rc == 0)
        json_free(answer);
    return rc;
}

static int drain(struct cli *c, struct error *err)
{
    struct found f;
    if (find_name(c, NAME_NODE, c->args.names[0], &f, err) != 0)
        return -1;
    const char *name = text_of(f.item, "name");
    int rc = wish(c, &f, "drain", err);
    bool waits = rc == 0 && !cli_on(c, FLAG_DETACH);
    if (waits)
        rc = wait_node(c, f.name, name, "state", "drained", err);
    if (rc == 0 && cli_for_people(c)) {
        cli_say(c, 0,
                waits ? "%s is drained: nothing runs there, and nothing is started." : "%s drains.",
                name);
        cli_next(c, waits ? "mesolith node undrain %s" : "mesolith why node %s", name);
    }
    found_close(&f);
    return rc;
}

static int undrain(struct cli *c, struct error *err)
{
    struct found f;
    if (find_name(c, NAME_NODE, c->args.names[0], &f, err) != 0)
        return -1;
    int rc = wish(c, &f, "undrain", err);
    if (rc == 0 && cli_for_people(c))
        cli_say(c, 0, "%s may run tasks again.", text_of(f.item, "name"));
    found_close(&f);
    return rc;
}

static int promote(struct cli *c, struct error *err)
{
    struct found f, now;
    if (find_name(c, NAME_NODE, c->args.names[0], &f, err) != 0)
        return -1;
    int rc = wish(c, &f, "promote", err);
    if (rc == 0 && cli_for_people(c) && find_name(c, NAME_NODE, f.name, &now, err) == 0) {
        const char *waits = text_of(now.item, "waits"), *name = text_of(now.item, "name");
        if (*waits != '\0')
            cli_say(c, 0, "%s may vote; it %s.", name, waits);
        else
            cli_say(c, 0, "%s votes.", name);
        found_close(&now);
    }
    found_close(&f);
    return rc;
}

static int demote(struct cli *c, struct error *err)
{
    struct found f;
    if (find_name(c, NAME_NODE, c->args.names[0], &f, err) != 0)
        return -1;
    const char *name = text_of(f.item, "name");
    int rc = wish(c, &f, "demote", err);
    bool waits = rc == 0 && !cli_on(c, FLAG_DETACH);
    if (waits)
        rc = wait_node(c, f.name, name, "role", "standby", err);
    if (rc == 0 && cli_for_people(c))
        cli_say(c, 0,
                waits ? "%s is a standby: it has all data, and no vote." : "%s will be a standby.",
                name);
    found_close(&f);
    return rc;
}

/* What is down is removed without a question: that is what it is for. */
static int confirm_removal(struct cli *c, const struct json *node, struct error *err)
{
    char tasks[TEXT_SIZE];
    const char *name = text_of(node, "name"), *state = text_of(node, "state");
    if (str_eq(state, "unreachable"))
        return 0;
    int64_t n = number_of(node, "tasks");
    text_count(tasks, n, "task");
    return cli_confirm(c, name, err, "%s is %s%s%s%s; it cannot come back but as a new node", name,
                       state, n > 0 ? " and runs " : "", n > 0 ? tasks : "",
                       n > 0 ? ", which will be replaced elsewhere" : "");
}

static int remove_node(struct cli *c, struct error *err)
{
    struct found f;
    if (find_name(c, NAME_NODE, c->args.names[0], &f, err) != 0)
        return -1;
    const char *name = text_of(f.item, "name");
    int rc = confirm_removal(c, f.item, err);
    if (rc == 0)
        rc = wish(c, &f, NULL, err);
    if (rc == 0 && cli_for_people(c)) {
        cli_say(c, 0, "%s is of the cluster no more.", name);
        cli_next(c, "If it runs, it ends with all that it ran; else, there: mesolith stop --all");
    }
    found_close(&f);
    return rc;
}

#define ONE_NODE .operands = "NAME", .names_min = 1, .names_max = 1, .names = NAME_NODE

static const struct cli_verb verbs[] = {
    {
        .name = "list",
        .operands = "",
        .flags = FLAGS_LIST,
        .run = list_nodes,
        .about = "Lists the nodes and what is used of them",
        .examples = {"mesolith node list", "mesolith node --watch"},
    },
    {
        .name = "show",
        .operands = "NAME",
        .names_min = 1,
        .names_max = 1,
        .names = NAME_NODE,
        .flags = FLAGS_SHOW,
        .run = show,
        .about = "Shows one node",
        .examples = {"mesolith node show $(hostname)", "mesolith node show $(hostname) --json"},
    },
    {
        .name = "drain",
        ONE_NODE,
        .flags = FLAGS_CHANGE,
        .run = drain,
        .about = "Moves what runs on a node elsewhere, and starts nothing there",
        .examples = {"mesolith node drain $(hostname)", "mesolith node drain $(hostname) --detach"},
    },
    {
        .name = "undrain",
        ONE_NODE,
        .flags = FLAGS_ASK,
        .run = undrain,
        .about = "Lets a node run tasks again",
        .examples = {"mesolith node undrain $(hostname)",
                     "mesolith node undrain $(hostname) --json"},
    },
    {
        .name = "promote",
        ONE_NODE,
        .flags = FLAGS_ASK,
        .run = promote,
        .about = "Lets a master vote again that was demoted",
        .examples = {"mesolith node promote $(hostname)",
                     "mesolith node promote $(hostname) --json"},
    },
    {
        .name = "demote",
        ONE_NODE,
        .flags = FLAGS_CHANGE,
        .run = demote,
        .about = "Takes a master's vote: it stays a standby",
        .examples = {"mesolith node demote $(hostname)",
                     "mesolith node demote $(hostname) --detach"},
    },
    {
        .name = "remove",
        ONE_NODE,
        .flags = FLAGS_ASK | F(YES),
        .run = remove_node,
        .about = "Removes a node from the cluster; what it ran is replaced",
        .examples = {"mesolith node remove $(hostname)", "mesolith node remove $(hostname) --yes"},
    },
};

const struct cli_noun node_noun = {
    .name = "node",
    .about = "the machines",
    .verbs = verbs,
    .n = sizeof verbs / sizeof verbs[0],
};
