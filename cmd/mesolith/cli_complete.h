/* cmd/mesolith/cli_complete.h - what may stand at the cursor, for the shells' completion. */
#pragma once

/* argv: the words after `mesolith`, the last one being completed. Prints candidates, one a line.
 * Returns the exit status. */
int complete_words(int argc, char **argv);
