/* cmd/mesolith/job_graph.h - a verb of jobs: which one waits for which. */
#pragma once

#include "cli_noun.h"

int job_graph(struct cli *c, struct error *err);
