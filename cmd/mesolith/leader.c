/* mesolith leader - the node that decides. */
#include "cli_noun.h"

#include <stdio.h>

#include "base/str.h"
#include "cli_find.h"
#include "cli_wait.h"

static void say_leader(struct cli *c, const struct json *status)
{
    const struct json *leader = json_get(status, "leader");
    if (leader == NULL)
        cli_say(c, 0, "There is no leader: fewer than half of those that vote are up.");
    else
        cli_say(c, 0, "%s leads, in term %lld.", text_of(leader, "name"),
                (long long)number_of(status, "term"));
}

static int show(struct cli *c, struct error *err)
{
    struct json *status;
    if (cli_ask(c, METHOD_GET, "/api/status", NULL, &status, err) != 0)
        return -1;
    if (cli_for_people(c))
        say_leader(c, status);
    c->failed = json_get(status, "leader") == NULL;
    json_free(status);
    return 0;
}

static int ask_transfer(struct cli *c, const char *node, struct error *err)
{
    struct json *answer;
    struct buf body;
    struct json_writer w;
    buf_init(&body, PATH_BYTES);
    json_begin(&w, &body);
    json_object(&w);
    if (node != NULL)
        json_member_str(&w, "node", node);
    json_object_end(&w);
    int rc = cli_ask(c, METHOD_POST, "/api/leader/transfer", &body, &answer, err);
    buf_close(&body);
    if (rc == 0)
        json_free(answer);
    return rc;
}

static int transfer(struct cli *c, struct error *err)
{
    struct found f = {0};
    struct json *before, *status = NULL;
    if (c->args.n > 0 && find_name(c, NAME_NODE, c->args.names[0], &f, err) != 0)
        return -1;
    int rc = api_get(&c->api, "/api/status", &before, err);
    if (rc == 0) {
        rc = ask_transfer(c, f.name, err);
        if (rc == 0) /* whoever was asked may hear of it later than its leader has answered */
            rc = wait_leader(c, f.name, number_of(before, "term"), &status, err);
        json_free(before);
    }
    found_close(&f);
    if (rc == 0 && cli_for_people(c))
        say_leader(c, status);
    json_free(status);
    return rc;
}

static const struct cli_verb verbs[] = {
    {
        .name = "show",
        .operands = "",
        .flags = FLAGS_SHOW,
        .run = show,
        .about = "Says which node leads",
        .examples = {"mesolith leader show", "mesolith leader --json"},
    },
    {
        .name = "transfer",
        .operands = "[NAME]",
        .names_max = 1,
        .names = NAME_NODE,
        .flags = FLAGS_ASK | F(TIMEOUT),
        .run = transfer,
        .about = "Has another node lead: that one, or whoever has most of the log",
        .examples = {"mesolith leader transfer", "mesolith leader transfer deck-2"},
    },
};

const struct cli_noun leader_noun = {
    .name = "leader",
    .about = "the node that decides",
    .verbs = verbs,
    .n = sizeof verbs / sizeof verbs[0],
};
