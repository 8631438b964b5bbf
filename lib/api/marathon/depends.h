/* lib/api/marathon/depends.h - how deep apps stand in the graph of dependencies (spec/marathon.md
 * 5.7, 8.3).
 *
 * An edge leads from an app to each app that its `dependencies` name, and to each app of the groups
 * that those of a group above it name; the id of a group stands for all apps in it, but for the one
 * that depends on it. The graph is the state's as it will be after a change; only what can be
 * reached from the asked apps is read. Pure but for the state. */
#pragma once

#include "api/marathon/plan.h"

#define DEPENDS_DEPTH 1000 /* of the longest chain */

struct depends;

/* Keeps all of its arguments. */
struct depends *depends_new(struct state *s, const struct planned *changes, size_t n,
                            const struct planned_group *groups, size_t groups_n);
void depends_free(struct depends *d); /* accepts NULL */
/* Nodes of the longest way from that app, from 1; 0 when there is a cycle on the way, or more than
 * DEPENDS_DEPTH. */
int depends_depth(struct depends *d, const char *path);
/* The same of all apps in a group: false when it is so for one of them. */
bool depends_group(struct depends *d, const char *group);
