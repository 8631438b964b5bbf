#include "own_args.h"

#include <string.h>

#include "base/str.h"

static void take_off(int *argc, char **argv, int at, int n)
{
    *argc -= n;
    for (int i = at; i < *argc; i++)
        argv[i] = argv[i + n];
}

bool own_switch(int *argc, char **argv, const char *flag)
{
    bool there = false;
    for (int i = 0; i < *argc; i++) {
        if (!str_eq(argv[i], flag))
            continue;
        there = true;
        take_off(argc, argv, i--, 1);
    }
    return there;
}

int own_value(int *argc, char **argv, const char *flag, char **value_out, struct error *err)
{
    size_t len = strlen(flag);
    *value_out = NULL;
    for (int i = 0; i < *argc; i++) {
        if (strncmp(argv[i], flag, len) != 0 || (argv[i][len] != '=' && argv[i][len] != '\0'))
            continue;
        bool apart = argv[i][len] == '\0';
        if (apart && i + 1 == *argc)
            return error_set(err, ERR_SYNTAX, "%s: a value is missing", flag);
        *value_out = apart ? argv[i + 1] : argv[i] + len + 1;
        take_off(argc, argv, i--, apart ? 2 : 1);
    }
    return 0;
}

char *own_word(int *argc, char **argv)
{
    if (*argc == 0 || argv[0][0] == '-')
        return NULL;
    char *word = argv[0];
    take_off(argc, argv, 0, 1);
    return word;
}
