/* lib/executor/docker_private.h - between the driver of containers (docker.c) and the life of one
 * of them (docker_contained.h). */
#pragma once

#include "executor/docker.h"

/* The driver's row. */
int docker_launch(struct driver *driver, struct run *run, struct error *err);
void docker_kill(struct driver *driver, struct run *run, int64_t grace_ms);
void docker_recover(struct driver *driver, struct run *run);

bool docker_follows(struct docker_driver *d, int64_t number);
/* All containers, when the driver stops: the last one calls docker_stop() again. */
void docker_let_go(struct docker_driver *d);
