/* lib/executor/docker_hold.h - the container that holds the network of a pod's containers here.
 *
 * The first of them may end, and what it publishes would end with it. So the network is one
 * container's that only waits (cmd/hold.c), made of the same image, before the first of them; all
 * of them join it. The last one to end removes it. */
#pragma once

#include "executor/docker.h"

/* Writes the program into the folder; *path is the caller's to free. ERR_IO. */
int docker_hold_write(const char *folder, char **path, struct error *err) MUST_CHECK;
/* The container's name, from that of the first one that joins it. */
const char *docker_hold_name(const char *container, char dst[DOCKER_NAME_SIZE]);
