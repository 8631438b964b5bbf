/* lib/api/marathon/stored.h - what can be told of a stored definition or plan without parsing it,
 * for lists of thousands. Relies on its text being ours (model's app_write, state's write_plan):
 * quotes inside strings are escaped, so the sought texts stand for members only, in the order in
 * which they are written. Pure. */
#pragma once

#include "base/buf.h"

/* The app's role; empty when it has none. Borrowed. */
struct slice stored_role(struct slice definition);
/* Is it on container networks, where tasks have addresses of their own? */
/* Has it persistent volumes? */
bool stored_is_resident(struct slice definition);
bool stored_on_container_network(struct slice definition);
/* The array of a deployment's steps; what its apps were and will be, megabytes, comes after it. */
struct slice stored_steps(const char *plan);
