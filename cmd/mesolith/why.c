/* mesolith why - what is not as wanted, because of what, and what to do. */
#include "cli_noun.h"

#include <stdio.h>

#include "base/str.h"
#include "cli_find.h"
#include "cli_wait.h"

static const enum name_kind kinds[] = {NAME_APP, NAME_JOB, NAME_TASK, NAME_NODE, NAME_DEPLOYMENT};

static enum name_kind kind_of_word(const char *word)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (str_eq(word, name_kind_word(kinds[i])))
            return kinds[i];
    return NAME_NONE;
}

#define NOUNS "app, job, task, node, deployment or service"

/* A name alone; a noun alone is one only if something is called so. */
static int choose_any(struct cli *c, struct found *out, struct error *err)
{
    const char *name = c->args.names[0];
    if (find_name(c, NAME_ANY, name, out, err) == 0)
        return 0;
    if (err->code != ERR_NOT_FOUND || (kind_of_word(name) == NAME_NONE && !str_eq(name, "service")))
        return -1;
    snprintf(c->api.cure, sizeof c->api.cure, "mesolith %s list", name);
    return error_set(err, ERR_SYNTAX, "which %s? need: mesolith why %s %s", name, name,
                     str_eq(name, "service") ? "PORT" : "NAME");
}

/* It may be the name of something else. */
static void put_other_kind(struct cli *c, enum name_kind kind, const char *name)
{
    struct found f = {0};
    struct error ignored;
    if (find_name(c, NAME_ANY, name, &f, &ignored) == 0)
        snprintf(c->api.cure, sizeof c->api.cure, "mesolith why %s %.200s", name_kind_word(f.kind),
                 name);
    else
        find_likely(c, kind, name);
    found_close(&f);
}

static int choose(struct cli *c, struct found *out, struct error *err)
{
    if (c->args.n == 1)
        return choose_any(c, out, err);
    enum name_kind kind = kind_of_word(c->args.names[0]);
    if (kind == NAME_NONE)
        return error_set(err, ERR_SYNTAX, "%s: need " NOUNS, c->args.names[0]);
    if (find_name(c, kind, c->args.names[1], out, err) == 0)
        return 0;
    if (err->code == ERR_NOT_FOUND)
        put_other_kind(c, kind, c->args.names[1]);
    return -1;
}

/* ---- without a name: all that needs attention */

static int why_app_or_job(struct cli *c, const char *noun, const char *name, struct json **out,
                          struct error *err)
{
    bool app = str_eq(noun, "app");
    *out = NULL;
    return app || str_eq(noun, "job")
               ? cli_current(c, app ? "/api/why/app/%a" : "/api/why/job/%s", name, out, err)
               : 0;
}

static int say_one(struct cli *c, const struct json *one, struct error *err)
{
    const char *noun = text_of(one, "noun"), *name = text_of(one, "name");
    struct json *why;
    if (why_app_or_job(c, noun, name, &why, err) != 0)
        return -1;
    cli_say(c, 0, "%s %s is %s:", noun, name, text_of(one, "state"));
    if (json_count(json_get(why, "sentences")) > 0)
        say_why(c, json_get(why, "sentences"), 2);
    else
        cli_say(c, 2, "%s", text_of(one, "sentence"));
    json_free(why);
    return 0;
}

static int run_all(struct cli *c, struct error *err)
{
    struct json *status;
    if (cli_ask(c, METHOD_GET, "/api/status", NULL, &status, err) != 0)
        return -1;
    const struct json *attention = json_get(status, "attention");
    int rc = 0;
    if (cli_for_people(c)) {
        JSON_EACH (one, attention)
            if (rc == 0)
                rc = say_one(c, one, err);
        if (rc == 0 && json_count(attention) == 0)
            cli_say(c, 0, "All is as it should be.");
    }
    json_free(status);
    return rc;
}

/* ---- one */

static int run(struct cli *c, struct error *err)
{
    if (c->args.n == 0)
        return run_all(c, err);
    struct found f = {0};
    struct json *why = NULL;
    struct buf path;
    bool service = c->args.n == 2 && str_eq(c->args.names[0], "service");
    if (!service && choose(c, &f, err) != 0)
        return -1;
    const char *noun = service ? "service" : name_kind_word(f.kind);
    const char *name = service ? c->args.names[1] : f.name;
    buf_init(&path, 4096);
    api_path(&path, f.kind == NAME_APP && !service ? "/api/why/%s/%a" : "/api/why/%s/%s", noun,
             name);
    int rc = cli_ask(c, METHOD_GET, buf_str(&path), NULL, &why, err);
    const struct json *sentences = json_get(why, "sentences");
    if (rc == 0 && cli_for_people(c)) {
        say_why(c, sentences, 0);
        if (json_count(sentences) == 0)
            cli_say(c, 0, "%s %s is as it should be%s.", noun,
                    json_str(json_get(f.item, "name"), name),
                    f.kind == NAME_JOB && str_eq(text_of(f.item, "state"), "running")
                        ? ": it is running"
                        : "");
    }
    if (rc != 0 && service)
        snprintf(c->api.cure, sizeof c->api.cure, "mesolith service list");
    json_free(why);
    buf_close(&path);
    found_close(&f);
    return rc;
}

static const struct cli_verb verbs[] = {
    {
        .name = "",
        .operands = "[[NOUN] NAME]",
        .names_max = 2,
        .names = NAME_ANY,
        .flags = FLAGS_SHOW,
        .run = run,
        .about = "Says what is not as wanted, because of what, and what to do: of one, or of all",
        .examples = {"mesolith why /demo/hello", "mesolith why job demo-date"},
    },
};

const struct cli_noun why_noun = {
    .name = "why",
    .about = "what is not as wanted, because of what, and what to do",
    .verbs = verbs,
    .n = 1,
};
