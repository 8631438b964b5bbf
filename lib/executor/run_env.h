/* lib/executor/run_env.h - the environment of a task (spec/mesos.md 3.7): this agent's, then what
 * every task gets, then the task's own; later wins. Nothing is inherited. Pure. */
#pragma once

#include "executor/driver.h"

/* PWD is the sandbox, as for whom a shell has started; in a container the engine says where one is.
 * base: "NAME=value", NULL-terminated, or NULL. home: NULL in a container, whose image says it. The
 * caller frees it with run_env_free(). */
char **run_env_make(const struct run_spec *spec, const char *const *base, const char *container,
                    const char *sandbox, const char *home);
void run_env_free(char **env); /* accepts NULL */
