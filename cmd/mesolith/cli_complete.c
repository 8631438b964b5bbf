/* Completion: the shells ask the binary (`mesolith __complete WORDS…`), so names are live ones. */
#include "cli_complete.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cli_find.h"

#define NAMES_BYTES (1 << 20)

/* ---- the scripts */

static const char bash_script[] =
    "_mesolith() {\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} IFS=$'\\n'\n"
    "    COMPREPLY=($(mesolith __complete \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null))\n"
    "    [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- \"$cur\"))\n"
    "}\n"
    "complete -F _mesolith mesolith\n";

static const char zsh_script[] =
    "#compdef mesolith\n"
    "_mesolith() {\n"
    "    local -a names\n"
    "    names=(${(f)\"$(mesolith __complete \"${(@)words[2,CURRENT]}\" 2>/dev/null)\"})\n"
    "    if (( $#names )); then compadd -a names; else _files; fi\n"
    "}\n"
    "compdef _mesolith mesolith\n";

static int print_bash(struct cli *c, struct error *err)
{
    (void)err;
    buf_puts(&c->out, bash_script);
    return 0;
}

static int print_zsh(struct cli *c, struct error *err)
{
    (void)err;
    buf_puts(&c->out, zsh_script);
    return 0;
}

static const struct cli_verb verbs[] = {
    {"bash",
     "",
     0,
     0,
     NAME_NONE,
     F(HELP),
     print_bash,
     "Print the completion for bash",
     {"source <(mesolith completion bash)", "mesolith completion bash >> ~/.bash_completion"}},
    {"zsh",
     "",
     0,
     0,
     NAME_NONE,
     F(HELP),
     print_zsh,
     "Print the completion for zsh",
     {"source <(mesolith completion zsh)",
      "mesolith completion zsh > /usr/local/share/zsh/site-functions/_mesolith"}},
};

const struct cli_noun completion_noun = {
    .name = "completion",
    .about = "scripts that let a shell complete nouns, verbs, flags and names",
    .verbs = verbs,
    .n = sizeof verbs / sizeof verbs[0],
};

/* ---- candidates */

static void offer(const char *name, const char *typed)
{
    if (str_starts(name, typed))
        printf("%s\n", name);
}

static void offer_nouns(const char *typed)
{
    for (size_t i = 0; i < cli_nouns_n; i++)
        offer(cli_nouns[i]->name, typed);
    for (size_t i = 0; i < cli_others_n; i++)
        offer(cli_others[i].name, typed);
}

static void offer_flags(const struct cli_verb *v, const char *typed)
{
    char flag[64];
    for (size_t i = 0; i < CLI_FLAGS_N; i++) {
        snprintf(flag, sizeof flag, "--%s", cli_flags[i].name);
        if (v->flags & UINT64_C(1) << i)
            offer(flag, typed);
    }
}

/* The flag whose value comes next, or NULL. */
static const struct flag_row *awaited(const char *word)
{
    for (size_t i = 0; i < CLI_FLAGS_N; i++)
        if (str_starts(word, "--") && str_eq(word + 2, cli_flags[i].name) &&
            cli_flags[i].kind != FLAG_IS_SWITCH)
            return &cli_flags[i];
    return NULL;
}

static void offer_names(struct cli *c, enum name_kind kind, const char *typed)
{
    struct buf names;
    buf_init(&names, NAMES_BYTES);
    find_all(c, kind, &names);
    char *rest = names.data;
    for (char *name; (name = strsep(&rest, "\n")) != NULL;)
        if (*name != '\0')
            offer(name, typed);
    buf_close(&names);
}

static enum name_kind kind_of_value(const struct flag_row *f)
{
    static const struct {
        enum cli_flag flag;
        enum name_kind kind;
    } kinds[] = {{FLAG_APP, NAME_APP}, {FLAG_JOB, NAME_JOB}, {FLAG_NODE, NAME_NODE}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (f == &cli_flags[kinds[i].flag])
            return kinds[i].kind;
    return NAME_NONE;
}

static void offer_for_verb(const struct cli_verb *v, int argc, char **argv)
{
    struct cli c = {0};
    struct error ignored;
    const char *typed = argv[argc - 1], *address = NULL;
    for (int i = 0; i + 1 < argc - 1; i++)
        if (str_eq(argv[i], "--address"))
            address = argv[i + 1];
    if (*typed == '-') {
        offer_flags(v, typed);
        return;
    }
    const struct flag_row *flag = argc > 1 ? awaited(argv[argc - 2]) : NULL;
    enum name_kind kind = flag != NULL ? kind_of_value(flag) : v->names;
    if (kind == NAME_NONE || kind == NAME_FILE || api_open(&c.api, address, &ignored) != 0)
        return;
    offer_names(&c, kind, typed);
    api_close(&c.api);
}

static void offer_for_noun(const struct cli_noun *n, int argc, char **argv)
{
    const struct cli_verb *v = &n->verbs[0];
    if (*v->name == '\0') {
        offer_for_verb(v, argc, argv);
        return;
    }
    if (argc == 1) {
        for (size_t i = 0; i < n->n; i++)
            offer(n->verbs[i].name, argv[0]);
        if (*argv[0] == '-')
            offer_flags(v, argv[0]);
        return;
    }
    for (size_t i = 0; i < n->n; i++)
        if (str_eq(argv[0], n->verbs[i].name))
            offer_for_verb(&n->verbs[i], argc - 1, argv + 1);
}

int complete_words(int argc, char **argv)
{
    if (argc < 1)
        return 0;
    if (argc == 1) {
        offer_nouns(argv[0]);
        return 0;
    }
    for (size_t i = 0; i < cli_nouns_n; i++)
        if (str_eq(argv[0], cli_nouns[i]->name))
            offer_for_noun(cli_nouns[i], argc - 1, argv + 1);
    return 0;
}
