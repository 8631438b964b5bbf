/* cmd/mesolith/cli.h - the command line: all verbs that ask a node (cli_noun.h has their tables).
 */
#pragma once

/* argv[0] is the noun or verb. Returns the exit status: 0, those of base/error.h, or 1 when what
 * was waited for did not come true. */
int cli_main(int argc, char **argv);
/* Puts noun and verb before flags that were typed before them: `mesolith --json app list`. */
void cli_put_noun_first(int argc, char **argv);
