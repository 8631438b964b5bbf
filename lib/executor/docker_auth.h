/* lib/executor/docker_auth.h - who we are to the registry of an image, from the files that Docker's
 * own client keeps: in the sandbox (a fetched docker.tar.gz), then in the agent's home. */
#pragma once

#include "base/buf.h"

/* "registry.example:5000" of an image's name; Docker's own for a name without one. */
#define DOCKER_REGISTRY_SIZE 256
const char *docker_registry(const char *image, char dst[DOCKER_REGISTRY_SIZE]);

/* The line of the header X-Registry-Auth from the text of one file (config.json, or the older
 * .dockercfg); false when it has nothing for that registry. Pure. */
bool docker_auth_line(struct slice config, const char *registry, struct buf *out);

/* Looks through the files; *out stays empty when none has it. Waits for the disk. */
void docker_auth_find(const char *sandbox, const char *image, struct buf *out);
