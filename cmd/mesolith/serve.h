/* cmd/mesolith/serve.h - a node as a process: its folder, loop, listeners, and the hands of its
 * node. */
#pragma once

#include "executor/launcher.h"

#define VERSION "0.1.0"

extern struct launcher serve_launcher; /* forked by main() before anything else */

int dev_main(int argc, char **argv);   /* all three modes, a cluster of one at first start */
int serve_main(int argc, char **argv); /* what the folder or the configuration says */
