/* lib/executor/docker_pull.h - how far the engine is with pulling an image, from the lines of JSON
 * that it streams meanwhile. Pure. */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#define PULL_LAYERS 128 /* what an image has more counts for nothing here */

struct docker_pull {   /* a zeroed struct is a pull that has just begun */
    int percent;       /* of the bytes that are known of; 0 to 100 */
    char failure[224]; /* the engine's words, or "" */
    /* private */
    struct buf line;
    unsigned layers_n;
    struct {
        uint64_t id;
        int64_t current, total;
    } layers[PULL_LAYERS];
};

void docker_pull_feed(struct docker_pull *p, struct slice bytes);
void docker_pull_close(struct docker_pull *p); /* accepts a zeroed struct */
