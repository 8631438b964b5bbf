/* mesolith token - what lets machines join the cluster. */
#include "cli_noun.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"

/* ---- making one */

static void put_modes(struct json_writer *w, const char *words)
{
    json_key(w, "modes");
    json_array(w);
    for (const char *at = words; *at != '\0';) {
        size_t len = strcspn(at, ",");
        json_put_slice(w, (struct slice){at, len});
        at += len + (at[len] == ',');
    }
    json_array_end(w);
}

static const char *modes_of(const struct json *token, struct buf *text)
{
    JSON_EACH (mode, json_get(token, "modes"))
        buf_printf(text, "%s%s", text->len > 0 ? "," : "", json_str(mode, ""));
    return buf_str(text);
}

/* The command is not wrapped: it is there to be copied. */
static void show_new(struct cli *c, const struct json *token)
{
    struct buf modes;
    char when[TEXT_SIZE];
    int64_t until = cli_ms(json_get(token, "until"));
    buf_init(&modes, 256);
    modes_of(token, &modes);
    cli_say(c, 0, "Token %s lets machines join as %s, for %s. It is shown this once.",
            text_of(token, "id"), buf_str(&modes), text_duration(when, until - c->now.ms));
    buf_printf(
        &c->out,
        "\n  mesolith join %s --token %s --modes %s --address ADDRESS --data DIR --serve\n\n",
        text_of(token, "address"), text_of(token, "token"), buf_str(&modes));
    cli_say(c, 0, "Run that on the new machine, with its own address and an empty folder.");
    buf_close(&modes);
}

static int create(struct cli *c, struct error *err)
{
    struct buf body;
    struct json *token;
    struct json_writer w;
    buf_init(&body, PATH_BYTES);
    json_begin(&w, &body);
    json_object(&w);
    put_modes(&w, args_text(&c->args, FLAG_MODES));
    json_member_int(&w, "hours", args_number(&c->args, FLAG_HOURS));
    json_object_end(&w);
    int rc = cli_ask(c, METHOD_POST, "/api/tokens", &body, &token, err);
    buf_close(&body);
    if (rc != 0)
        return -1;
    if (cli_on(c, FLAG_QUIET) && !cli_on(c, FLAG_JSON))
        buf_printf(&c->out, "%s\n", text_of(token, "token"));
    if (cli_for_people(c))
        show_new(c, token);
    json_free(token);
    return 0;
}

/* ---- those there are */

static void show_list(struct cli *c, const struct json *list)
{
    static const struct column columns[] = {
        {"TOKEN", COLUMN_TEXT},    {"STATE", COLUMN_TEXT},  {"MODES", COLUMN_TEXT},
        {"MADE", COLUMN_NUMBER},   {"BY", COLUMN_FREE},     {"UNTIL", COLUMN_NUMBER},
        {"JOINED", COLUMN_NUMBER}, {"LAST", COLUMN_NUMBER},
    };
    struct table t;
    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    JSON_EACH (token, json_get(list, "items")) {
        struct buf modes;
        buf_init(&modes, 256);
        table_put(&t, INK_NONE, text_of(token, "id"));
        cli_put_state(&t, "token", json_get(token, "state"));
        table_put(&t, INK_NONE, modes_of(token, &modes));
        cli_put_when(c, &t, json_get(token, "made"));
        table_put(&t, INK_NONE, text_of(token, "by"));
        cli_put_when(c, &t, json_get(token, "until"));
        table_printf(&t, INK_NONE, "%lld", (long long)number_of(token, "used"));
        cli_put_when(c, &t, json_get(token, "last_used"));
        buf_close(&modes);
    }
    cli_table(c, &t);
    if (json_count(json_get(list, "items")) == 0)
        cli_next_empty(c, "token", "There is no token: mesolith token create makes one.");
}

static int list_tokens(struct cli *c, struct error *err)
{
    return cli_show_list(c, "/api/tokens", "id", show_list, err);
}

static int revoke(struct cli *c, struct error *err)
{
    struct json *answer;
    struct buf path;
    buf_init(&path, PATH_BYTES);
    api_path(&path, "/api/tokens/%s", c->args.names[0]);
    int rc = cli_ask(c, METHOD_DELETE, buf_str(&path), NULL, &answer, err);
    buf_close(&path);
    if (rc != 0)
        return -1;
    json_free(answer);
    if (cli_for_people(c))
        cli_say(c, 0, "Token %s is revoked: nobody can join with it. Who joined stays.",
                c->args.names[0]);
    return 0;
}

static const struct cli_verb verbs[] = {
    {
        .name = "list",
        .operands = "",
        .flags = FLAGS_LIST | F(STATE),
        .run = list_tokens,
        .about = "Lists the tokens, those that expired of late too",
        .examples = {"mesolith token list", "mesolith token --state good"},
    },
    {
        .name = "create",
        .operands = "",
        .flags = FLAGS_ASK | F(QUIET) | F(MODES) | F(HOURS),
        .run = create,
        .about = "Makes a token and prints the command that joins with it",
        .examples = {"mesolith token create --modes agent",
                     "mesolith token create --hours 1 --quiet"},
    },
    {
        .name = "revoke",
        .operands = "NAME",
        .names_min = 1,
        .names_max = 1,
        .names = NAME_TOKEN,
        .flags = FLAGS_ASK,
        .run = revoke,
        .about = "Makes a token worthless",
        .examples = {"mesolith token revoke 3fa9c201", "mesolith token revoke 3fa9c201 --json"},
    },
};

const struct cli_noun token_noun = {
    .name = "token",
    .about = "what lets machines join the cluster",
    .verbs = verbs,
    .n = sizeof verbs / sizeof verbs[0],
};
