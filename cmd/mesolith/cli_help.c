#include "cli_help.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "config.h"

const struct cli_other cli_others[] = {
    {"dev",
     "a whole node in one process, with its data in ./mesolith-dev",
     "[--demo]",
     NULL,
     {"mesolith dev --demo", "mesolith dev --data /var/tmp/two --address 127.0.0.2"}},
    {"init",
     "makes the first node of a cluster, and a token for the others",
     "[--serve] [--token-hours N]",
     NULL,
     {"mesolith init --address 10.0.0.1 --data /var/lib/mesolith --serve",
      "mesolith init --data ./one --modes master,scheduler --token-hours 2"}},
    {"join",
     "makes a node of a cluster that is there",
     "ADDRESS [--token TOKEN|-] [--token-file FILE] [--serve]",
     NULL,
     {"mesolith join 10.0.0.1 --token-file token --address 10.0.0.2 --data /var/lib/mesolith",
      "mesolith join 127.0.0.1 --token - --address 127.0.0.2 --data ./two --serve"}},
    {"serve",
     "a node as its data folder or configuration says",
     "",
     NULL,
     {"mesolith serve --data /var/lib/mesolith", "mesolith serve --config /etc/mesolith.json"}},
    {"stop",
     "ends a node; with --all its tasks and service ports, too",
     "[--all]",
     "  --all              also what goes on without it: its tasks, and the proxy\n"
     "  --data DIR         whose node (./mesolith-dev)\n"
     "  --docker SOCKET    where its containers are, if not where the node had them\n",
     {"mesolith stop", "mesolith stop --all --data /var/tmp/two"}},
    {"config",
     "check or show the configuration",
     "check|show",
     NULL,
     {"mesolith config check --config /etc/mesolith.json", "mesolith config show"}},
    {.name = "demo-server", .about = "the sample app: a small web server"},
    {.name = "version", .about = "which version this is"},
    {.name = "help", .about = "this text; mesolith help NOUN says more"},
};
const size_t cli_others_n = sizeof cli_others / sizeof cli_others[0];

const char *help_usage(char dst[USAGE_SIZE], const struct cli_noun *n, const struct cli_verb *v)
{
    snprintf(dst, USAGE_SIZE, "mesolith %s%s%s%s%s", n->name, *v->name != '\0' ? " " : "", v->name,
             *v->operands != '\0' ? " " : "", v->operands);
    return dst;
}

/* ---- one verb */

static void print_flag(const struct flag_row *f)
{
    char flag[64], letter[8] = "    ";
    if (f->letter != '\0')
        snprintf(letter, sizeof letter, "-%c, ", f->letter);
    snprintf(flag, sizeof flag, "--%s%s%s", f->name, f->operand != NULL ? " " : "",
             f->operand != NULL ? f->operand : "");
    printf("  %s%-16s  %s%s%s%s\n", letter, flag, f->what, f->value != NULL ? " (" : "",
           f->value != NULL ? f->value : "", f->value != NULL ? ")" : "");
}

void help_verb(const struct cli_noun *n, const struct cli_verb *v)
{
    char usage[USAGE_SIZE];
    printf("%s.\n\nusage: %s [--flags]\n\n", v->about, help_usage(usage, n, v));
    for (size_t i = 0; i < CLI_FLAGS_N; i++)
        if (v->flags & UINT64_C(1) << i)
            print_flag(&cli_flags[i]);
    printf("\nexamples:\n");
    for (size_t i = 0; i < sizeof v->examples / sizeof v->examples[0]; i++)
        printf("  %s\n", v->examples[i]);
}

/* ---- one noun */

#define WORDS_WIDTH 24

void help_noun(const struct cli_noun *n)
{
    if (*n->verbs[0].name == '\0') {
        help_verb(n, &n->verbs[0]);
        return;
    }
    printf("mesolith %s: %s.\n\n", n->name, n->about);
    for (size_t i = 0; i < n->n; i++) {
        const struct cli_verb *v = &n->verbs[i];
        char words[USAGE_SIZE];
        snprintf(words, sizeof words, "%s %s", v->name, v->operands);
        size_t wide = strlen(words) - text_width(words, strlen(words)); /* "…" has three bytes */
        printf("  mesolith %s %-*s %s\n", n->name, (int)(WORDS_WIDTH + wide), words, v->about);
    }
    putchar('\n');
    if (n->verbs[0].names_min == 0)
        printf("mesolith %s alone is mesolith %s %s. ", n->name, n->name, n->verbs[0].name);
    printf("mesolith %s VERB --help says more.\n", n->name);
}

/* ---- what main() runs itself */

bool help_other(const char *name)
{
    for (size_t i = 0; i < cli_others_n; i++) {
        const struct cli_other *o = &cli_others[i];
        if (!str_eq(name, o->name) || o->operands == NULL)
            continue;
        printf("mesolith %s: %s.\n\nusage: mesolith %s%s%s [--flags]\n\n", o->name, o->about,
               o->name, *o->operands != '\0' ? " " : "", o->operands);
        if (o->flags != NULL)
            printf("%s", o->flags);
        else
            config_help();
        printf("\nexamples:\n");
        for (size_t j = 0; j < sizeof o->examples / sizeof o->examples[0]; j++)
            printf("  %s\n", o->examples[j]);
        return true;
    }
    return false;
}

/* ---- all of it */

static void print_verbs(const struct cli_noun *n)
{
    char verbs[256] = "";
    for (size_t i = 0; i < n->n && *n->verbs[0].name != '\0'; i++) {
        size_t len = strlen(verbs);
        snprintf(verbs + len, sizeof verbs - len, "%s%s", i > 0 ? " " : "  ", n->verbs[i].name);
    }
    if (*verbs != '\0')
        printf("  %-12s %s\n  %-12s%s\n", n->name, n->about, "", verbs);
    else
        printf("  %-12s %s\n", n->name, n->about);
}

static void help_overview(void)
{
    printf("mesolith runs apps and scheduled jobs on one machine or many.\n\n"
           "usage: mesolith NOUN VERB [NAME] [--flags]\n\na node:\n");
    for (size_t i = 0; i < cli_others_n; i++)
        printf("  %-12s %s\n", cli_others[i].name, cli_others[i].about);
    printf("\nasking one:\n");
    for (size_t i = 0; i < cli_nouns_n; i++)
        print_verbs(cli_nouns[i]);
    printf("\nEvery verb has --help. Without a node yet: mesolith dev --demo\n");
}

static bool help_words(const struct cli_noun *n, int argc, char **argv)
{
    bool all = argc == 0 || argv[0][0] == '-' || *n->verbs[0].name == '\0';
    if (all)
        help_noun(n);
    for (size_t i = 0; !all && i < n->n; i++) {
        if (str_eq(argv[0], n->verbs[i].name)) {
            help_verb(n, &n->verbs[i]);
            return true;
        }
    }
    return all;
}

static bool is_other(const char *name)
{
    for (size_t i = 0; i < cli_others_n; i++)
        if (str_eq(name, cli_others[i].name))
            return true;
    return false;
}

bool help_about(int argc, char **argv)
{
    for (size_t i = 0; argc > 0 && i < cli_nouns_n; i++)
        if (str_eq(argv[0], cli_nouns[i]->name))
            return help_words(cli_nouns[i], argc - 1, argv + 1);
    if (argc > 0 && help_other(argv[0]))
        return true;
    if (argc > 0 && !is_other(argv[0]) && argv[0][0] != '-')
        return false;
    help_overview();
    return true;
}
