/* cmd/mesolith/stop.h - mesolith stop: ends the node of a data folder, and with --all what outlives
 * a node, too: its tasks and its proxy. */
#pragma once

/* For a node that has just ended: the same with --all, in a process of its own, since what ends
 * tasks must be there before threads are. argv holds the node's flags. Waits for it. */
void stop_what_goes_on(int argc, char **argv);

int stop_main(int argc, char **argv); /* flags after the verb; returns an exit status */
