/* mesolith notice - what owners of jobs are told, and whether it arrives. */
#include "cli_noun.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cli_wait.h"

/* ---- what there is */

/* "mail sent, slack: it answers 503", of all ways. */
static void put_ways(struct table *t, const struct json *notice)
{
    struct buf text;
    buf_init(&text, 4096);
    JSON_EACH (way, json_get(notice, "ways")) {
        const char *error = text_of(way, "error");
        buf_printf(&text, "%s%s%s%s", text.len > 0 ? ", " : "", text_of(way, "channel"),
                   *error != '\0' ? ": " : " ", *error != '\0' ? error : text_of(way, "state"));
    }
    table_put(t, INK_NONE, buf_str(&text));
    buf_close(&text);
}

static void show_list(struct cli *c, const struct json *list)
{
    static const struct column columns[] = {
        {"NOTICE", COLUMN_NUMBER}, {"STATE", COLUMN_TEXT}, {"WHEN", COLUMN_NUMBER},
        {"JOB", COLUMN_FREE},      {"WHAT", COLUMN_TEXT},  {"OWNERS", COLUMN_FREE},
        {"BY", COLUMN_FREE},
    };
    struct table t;
    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    JSON_EACH (notice, json_get(list, "items")) {
        table_printf(&t, INK_NONE, "%lld", (long long)number_of(notice, "id"));
        cli_put_state(&t, "notice", json_get(notice, "state"));
        cli_put_when(c, &t, json_get(notice, "at"));
        table_put(&t, INK_NONE, text_of(notice, "job"));
        table_put(&t, INK_NONE, text_of(notice, "event"));
        table_put(&t, INK_NONE, text_of(notice, "owners"));
        put_ways(&t, notice);
    }
    cli_table(c, &t);
    if (json_count(json_get(list, "items")) == 0)
        cli_next_empty(c, "notice", "Nobody was told anything: mesolith notice channels.");
}

static int list_notices(struct cli *c, struct error *err)
{
    return cli_show_list(c, "/api/notices", NULL, show_list, err);
}

static void show_channels(struct cli *c, const struct json *list)
{
    static const struct column columns[] = {
        {"CHANNEL", COLUMN_TEXT},    {"CONFIGURED", COLUMN_TEXT}, {"PENDING", COLUMN_NUMBER},
        {"SENT", COLUMN_NUMBER},     {"FAILED", COLUMN_NUMBER},   {"NEXT TRY", COLUMN_NUMBER},
        {"LAST ERROR", COLUMN_FREE},
    };
    struct table t;
    table_init(&t, columns, sizeof columns / sizeof columns[0]);
    JSON_EACH (channel, json_get(list, "items")) {
        static const char *const numbers[] = {"pending", "sent", "failed"};
        bool configured = json_bool(json_get(channel, "configured"), false);
        table_put(&t, INK_NONE, text_of(channel, "channel"));
        table_put(&t, configured ? INK_GOOD : INK_DIM, configured ? "yes" : "no");
        for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
            table_printf(&t, INK_NONE, "%lld", (long long)number_of(channel, numbers[i]));
        cli_put_when(c, &t, json_get(channel, "next"));
        table_put(&t, INK_WARN, text_of(channel, "error"));
    }
    cli_table(c, &t);
    cli_next(c, "To see one arrive: mesolith notice test CHANNEL ADDRESS");
}

static int list_channels(struct cli *c, struct error *err)
{
    struct json *list;
    if (cli_ask(c, METHOD_GET, "/api/channels", NULL, &list, err) != 0)
        return -1;
    if (cli_for_people(c))
        show_channels(c, list);
    json_free(list);
    return 0;
}

/* ---- a test */

/* What has an @ is whom, and so is what comes after by what. */
static void write_wish(const struct cli *c, struct buf *body)
{
    struct json_writer w;
    bool by = false;
    json_begin(&w, body);
    json_object(&w);
    for (size_t i = 0; i < c->args.n; i++) {
        bool whom = by || strchr(c->args.names[i], '@') != NULL;
        json_member_str(&w, whom ? "to" : "channel", c->args.names[i]);
        by = !whom;
    }
    json_object_end(&w);
}

static void say_outcome(struct cli *c, const struct json *notice)
{
    struct json_writer w;
    if (cli_on(c, FLAG_JSON)) {
        json_begin(&w, &c->out);
        json_put_value(&w, notice);
        buf_putc(&c->out, '\n');
    }
    JSON_EACH (way, json_get(notice, "ways")) {
        bool sent = str_eq(text_of(way, "state"), "sent");
        c->failed = c->failed || !sent;
        if (cli_for_people(c))
            cli_say(c, 0, "%s: %s", text_of(way, "channel"),
                    sent ? "it was taken." : text_of(way, "error"));
    }
}

static int test(struct cli *c, struct error *err)
{
    struct buf body;
    struct json *begun, *notice = NULL;
    buf_init(&body, PATH_BYTES);
    write_wish(c, &body);
    int rc = api_call(&c->api, METHOD_POST, "/api/notices/test", &body, &begun, NULL, err);
    buf_close(&body);
    if (rc != 0)
        return -1;
    rc = wait_notice(c, number_of(begun, "notice"), &notice, err);
    if (rc == 0)
        say_outcome(c, notice);
    json_free(begun);
    json_free(notice);
    return rc;
}

static const struct cli_verb verbs[] = {
    {
        .name = "list",
        .operands = "",
        .flags = FLAGS_SHOW | F(STATE) | F(FIND),
        .run = list_notices,
        .about = "Lists what owners of jobs are told, newest first, and what became of it",
        .examples = {"mesolith notice list", "mesolith notice --state pending"},
    },
    {
        .name = "channels",
        .operands = "",
        .flags = FLAGS_SHOW,
        .run = list_channels,
        .about = "Lists by what they are told, and what keeps it from arriving",
        .examples = {"mesolith notice channels", "mesolith notice channels --watch"},
    },
    {
        .name = "test",
        .operands = "[CHANNEL] [ADDRESS]",
        .names_max = 2,
        .flags = FLAGS_ASK | F(TIMEOUT),
        .run = test,
        .about = "Sends a notice now, by mail, slack, mattermost, http or sentry, and says what "
                 "became of it",
        .examples = {"mesolith notice test mail ann@example.com", "mesolith notice test slack"},
    },
};

const struct cli_noun notice_noun = {
    .name = "notice",
    .about = "what owners of jobs are told",
    .verbs = verbs,
    .n = sizeof verbs / sizeof verbs[0],
};
