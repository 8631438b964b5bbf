/* cmd/mesolith/newcomer.h - mesolith init and mesolith join: a data folder becomes that of a node
 * of a cluster. Killed at any moment, the same said again goes on where it was. */
#pragma once

int init_main(int argc, char **argv); /* flags after the verb; returns an exit status */
int join_main(int argc, char **argv);
