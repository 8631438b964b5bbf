/* cmd/mesolith/cli_help.h - --help, in every depth, from the tables. */
#pragma once

#include "cli_noun.h"

#define USAGE_SIZE 160
/* "mesolith app scale NAME INSTANCES"; returns dst. */
const char *help_usage(char dst[USAGE_SIZE], const struct cli_noun *n, const struct cli_verb *v);

/* mesolith help [NOUN [VERB]]; false when there is no such noun or verb. */
bool help_about(int argc, char **argv);
/* Of dev, serve and so on; false when this is none of them, or it has a help of its own. */
bool help_other(const char *name);
void help_noun(const struct cli_noun *n);
void help_verb(const struct cli_noun *n, const struct cli_verb *v);
