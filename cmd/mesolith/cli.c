/* The command line: which row is meant, and how its verb ends. */
#include "cli.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli_complete.h"
#include "cli_find.h"
#include "cli_help.h"
#include "cli_noun.h"

#define WATCH_MS 1000
#define FAILED 1

const struct flag_row cli_flags[CLI_FLAGS_N] = {
#define X(name, flag, letter, kind, operand, value, what) \
    [name] = {flag, letter, kind, operand, value, what},
    CLI_FLAGS(X)
#undef X
};

/* ---- errors */

/* The first problem is the message already. */
static void print_details(const struct json *failure)
{
    const struct json *details = json_get(json_get(failure, "error"), "details");
    size_t i = 0;
    JSON_EACH (detail, details) {
        size_t j = 0;
        JSON_EACH (problem, json_get(detail, "errors"))
            if (i > 0 || j++ > 0)
                fprintf(stderr, "  %s: %s\n", text_of(detail, "path"), json_str(problem, ""));
        i++;
    }
}

static void print_out(struct cli *c)
{
    fwrite(buf_str(&c->out), 1, c->out.len, stdout);
    buf_clear(&c->out);
    fflush(stdout);
}

int cli_say_error(struct cli *c, const struct error *err)
{
    struct buf text;
    bool color = c->term.color && isatty(STDERR_FILENO);
    buf_init(&text, sizeof err->text * 4);
    text_clean(&text, err->text);
    print_out(c);
    fprintf(stderr, "%serror:%s %s\n", ink_on(INK_BAD, color), ink_off(INK_BAD, color),
            buf_str(&text));
    print_details(c->api.failure);
    if (c->api.cure[0] != '\0') {
        buf_clear(&text);
        text_clean(&text, c->api.cure);
        fprintf(stderr, "try: %s\n", buf_str(&text));
    }
    buf_close(&text);
    api_forget(&c->api);
    return error_exit_status(err->code);
}

/* ---- running a verb */

/* Until it fails, or is interrupted. */
static int watch(struct cli *c, struct error *err)
{
    const struct timespec pause = {WATCH_MS / 1000, WATCH_MS % 1000 * 1000000};
    for (;;) {
        term_measure(&c->term);
        c->now = cli_time();
        buf_clear(&c->out);
        if (c->verb->run(c, err) != 0)
            return -1;
        term_screen(&c->term, &c->out);
        term_end_unread();
        nanosleep(&pause, NULL);
    }
}

static int run(struct cli *c, struct error *err)
{
    if (c->verb->flags & F(WATCH) && cli_on(c, FLAG_WATCH))
        return watch(c, err);
    int rc = c->verb->run(c, err);
    print_out(c);
    return rc;
}

static int check_names(struct cli *c, struct error *err)
{
    const struct cli_verb *v = c->verb;
    char usage[USAGE_SIZE];
    size_t empty = 0;
    while (empty < c->args.n && c->args.names[empty][0] != '\0')
        empty++;
    if (c->args.n >= v->names_min && c->args.n <= v->names_max && empty == c->args.n)
        return 0;
    snprintf(c->api.cure, sizeof c->api.cure, "%s", v->examples[0]);
    help_usage(usage, c->noun, v);
    if (c->args.n < v->names_min)
        return error_set(err, ERR_SYNTAX, "something is missing, need: %s", usage);
    if (c->args.n <= v->names_max)
        return error_set(err, ERR_SYNTAX, "got \"\", which is no name, need: %s", usage);
    return error_set(err, ERR_SYNTAX, "%s: one word too many, need: %s",
                     c->args.names[v->names_max], usage);
}

/* ---- finding the verb */

const struct cli_noun *const cli_nouns[] = {
    &status_noun,     &why_noun,     &app_noun,        &job_noun,      &task_noun,   &logs_noun,
    &deployment_noun, &node_noun,    &token_noun,      &leader_noun,   &backup_noun, &notice_noun,
    &service_noun,    &events_noun,  &sql_noun,        &apply_noun,    &diff_noun,   &import_noun,
    &export_noun,     &recover_noun, &completion_noun, &calendar_noun,
};
const size_t cli_nouns_n = sizeof cli_nouns / sizeof cli_nouns[0];

static const struct cli_noun *noun_of(const char *name)
{
    for (size_t i = 0; i < cli_nouns_n; i++)
        if (str_eq(name, cli_nouns[i]->name))
            return cli_nouns[i];
    return NULL;
}

static const char *nearest_noun(const char *name)
{
    const char *names[32];
    size_t n = 0;
    for (size_t i = 0; i < cli_nouns_n; i++)
        names[n++] = cli_nouns[i]->name;
    for (size_t i = 0; i < cli_others_n; i++)
        names[n++] = cli_others[i].name;
    return str_nearest(name, names, n);
}

static const struct cli_verb *verb_of(const struct cli_noun *n, const char *word)
{
    for (size_t i = 0; i < n->n; i++)
        if (str_eq(word, n->verbs[i].name))
            return &n->verbs[i];
    return NULL;
}

/* The first noun that has such a verb: "scale" is of apps. */
static const struct cli_noun *noun_with(const char *verb)
{
    for (size_t i = 0; i < cli_nouns_n; i++)
        if (verb_of(cli_nouns[i], verb) != NULL)
            return cli_nouns[i];
    return NULL;
}

/* What other tools call it: of the noun, or of any that has the verb. */
struct elsewhere {
    const char *noun, *word, *verb;
    const char *cure; /* where no verb does it */
};

static const struct elsewhere *find_elsewhere(const struct cli_noun *n, const char *word)
{
    static const struct elsewhere rows[] = {
        {NULL, "ls", "list", NULL},
        {NULL, "get", "show", NULL},
        {NULL, "info", "show", NULL},
        {NULL, "describe", "show", NULL},
        {NULL, "inspect", "show", NULL},
        {NULL, "rm", "delete", NULL},
        {NULL, "remove", "delete", NULL},
        {NULL, "destroy", "delete", NULL},
        {NULL, "add", "create", NULL},
        {NULL, "new", "create", NULL},
        {NULL, "history", "runs", NULL},
        {NULL, "start", "run", NULL},
        {NULL, "trigger", "run", NULL},
        {NULL, "unpause", "resume", NULL},
        {NULL, "stop", "kill", NULL},
        {"calendar", "add", "set", NULL},
        {"calendar", "create", "set", NULL},
        {"job", "edit", NULL, "mesolith apply FILE changes it"},
        {"job", "update", NULL, "mesolith apply FILE changes it"},
        {"job", "kill", NULL, "mesolith task kill NAME ends its run"},
        {"job", "stop", NULL,
         "mesolith task kill NAME ends its run, mesolith job pause NAME keeps it from the next"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (str_eq(word, rows[i].word) && (rows[i].noun == NULL || str_eq(n->name, rows[i].noun)) &&
            (rows[i].verb == NULL || verb_of(n, rows[i].verb) != NULL))
            return &rows[i];
    return NULL;
}

/* The noun that stands where its verb should: "show job". */
static const struct cli_noun *noun_behind(const char *verb, const char *next)
{
    const struct cli_noun *n = next != NULL ? noun_of(next) : NULL;
    return n != NULL && verb_of(n, verb) != NULL ? n : NULL;
}

static int no_command(struct cli *c, const char *flag, struct error *err)
{
    static const char *const alone[] = {"--help", "--version"};
    const char *nearest = str_nearest(flag, alone, sizeof alone / sizeof alone[0]);
    snprintf(c->api.cure, sizeof c->api.cure, "mesolith %s", nearest != NULL ? nearest : "help");
    for (size_t i = 0; i < CLI_FLAGS_N; i++)
        if (status_noun.verbs[0].flags & UINT64_C(1) << i && str_starts(flag, "--") &&
            str_eq(flag + 2, cli_flags[i].name))
            return error_set(err, ERR_SYNTAX,
                             "%s: need a command before it, as in mesolith status %s", flag, flag);
    if (nearest != NULL)
        return error_set(err, ERR_SYNTAX, "%s: there is no such flag, did you mean %s?", flag,
                         nearest);
    return error_set(err, ERR_SYNTAX, "%s: need a command before it", flag);
}

/* `next` is the word behind it, or NULL. */
static int choose_noun(struct cli *c, const char *name, const char *next, struct error *err)
{
    char likely[64];
    c->noun = noun_of(name);
    if (c->noun != NULL)
        return 0;
    if (name[0] == '-')
        return no_command(c, name, err);
    const char *nearest = nearest_noun(name);
    const struct cli_noun *of = noun_behind(name, next);
    if (of == NULL)
        of = noun_with(name);
    if (of != NULL) {
        snprintf(likely, sizeof likely, "%s %s", of->name, name);
        nearest = likely;
    }
    if (nearest != NULL)
        snprintf(c->api.cure, sizeof c->api.cure, "mesolith %s", nearest);
    else
        snprintf(c->api.cure, sizeof c->api.cure, "mesolith help");
    return error_set(err, ERR_SYNTAX, "%s: there is no such command%s%s%s", name,
                     nearest != NULL ? ", did you mean " : "", nearest != NULL ? nearest : "",
                     nearest != NULL ? "?" : "");
}

/* `word` may be a name, with the verb behind it or forgotten. */
static void put_verb_cure(struct cli *c, const char *likely, const char *word, const char *next)
{
    const struct cli_noun *n = c->noun;
    char *cure = c->api.cure;
    if (likely != NULL)
        snprintf(cure, sizeof c->api.cure, "mesolith %s %s", n->name, likely);
    else if (verb_of(n, next) != NULL)
        snprintf(cure, sizeof c->api.cure, "mesolith %s %s %.100s", n->name, next, word);
    else if (verb_of(n, "show") != NULL && next[0] == '-')
        snprintf(cure, sizeof c->api.cure,
                 "mesolith %s --help; if that is a name: mesolith %s show %.100s", n->name, n->name,
                 word);
    else
        snprintf(cure, sizeof c->api.cure, "mesolith %s --help", n->name);
}

/* Takes the verb's word off the arguments, if the noun has words for its verbs. */
static int choose_verb(struct cli *c, int *argc, char ***argv, struct error *err)
{
    const struct cli_noun *n = c->noun;
    c->verb = &n->verbs[0];
    if (*c->verb->name == '\0' || *argc == 0 || (*argv)[0][0] == '-')
        return 0;
    const char *names[16], *word = (*argv)[0];
    for (size_t i = 0; i < n->n; i++) {
        names[i] = n->verbs[i].name;
        if (str_eq(word, names[i])) {
            c->verb = &n->verbs[i];
            ++*argv;
            --*argc;
            return 0;
        }
    }
    const struct elsewhere *row = find_elsewhere(n, word);
    const char *likely = row != NULL ? row->verb : str_nearest(word, names, n->n);
    if (row != NULL && row->cure != NULL)
        str_copy(c->api.cure, sizeof c->api.cure, row->cure);
    else
        put_verb_cure(c, likely, word, *argc > 1 ? (*argv)[1] : "-");
    return error_set(err, ERR_SYNTAX, "%s: %s has no such verb%s%s%s", word, n->name,
                     likely != NULL ? ", did you mean " : "", likely != NULL ? likely : "",
                     likely != NULL ? "?" : "");
}

static bool is_help(const char *word)
{
    return str_eq(word, "help") || str_eq(word, "--help") || str_eq(word, "-h");
}

static int act(struct cli *c, int argc, char **argv, struct error *err)
{
    if (choose_noun(c, argv[0], argc > 1 ? argv[1] : NULL, err) != 0)
        return -1;
    argc--;
    argv++;
    if (argc == 1 && is_help(argv[0])) {
        help_noun(c->noun);
        return 0;
    }
    if (choose_verb(c, &argc, &argv, err) != 0)
        return -1;
    if (args_parse(cli_flags, CLI_FLAGS_N, c->verb->flags, argc, argv, &c->args, err) != 0)
        return -1;
    if (cli_on(c, FLAG_HELP)) {
        help_verb(c->noun, c->verb);
        return 0;
    }
    if (check_names(c, err) != 0 || api_open(&c->api, cli_flag_text(c, FLAG_ADDRESS), err) != 0)
        return -1;
    if (run(c, err) == 0)
        return 0;
    if (err->code == ERR_NOT_FOUND && c->api.cure[0] == '\0' && c->args.n > 0)
        find_likely(c, c->verb->names, c->args.names[0]);
    return -1;
}

void cli_put_noun_first(int argc, char **argv)
{
    args_put_words_first(cli_flags, CLI_FLAGS_N, argc, argv);
}

int cli_main(int argc, char **argv)
{
    struct cli c = {.now = cli_time()};
    struct error err;
    if (argc > 0 && str_eq(argv[0], "__complete"))
        return complete_words(argc - 1, argv + 1);
    if (argc == 0 || is_help(argv[0])) {
        if (help_about(argc - 1, argv + 1))
            return 0;
        argc--; /* what is wrong with these words act() says */
        argv++;
    }
    buf_init(&c.out, LIMIT_ANSWER_BYTES);
    term_look(&c.term);
    int rc = act(&c, argc, argv, &err);
    int status = rc != 0 ? cli_say_error(&c, &err) : c.failed ? FAILED : 0;
    buf_close(&c.out);
    term_close(&c.term);
    api_close(&c.api);
    return status;
}
