/* cmd/mesolith/stop.h - mesolith stop: ends the node of a data folder, and with --all what outlives
 * a node, too: its tasks and its proxy. */
#pragma once

int stop_main(int argc, char **argv); /* flags after the verb; returns an exit status */
