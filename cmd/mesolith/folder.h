/* cmd/mesolith/folder.h - the data folder: made, locked by one process, and which disk it is. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "node_file.h"

#define FOLDER_PATH_SIZE 1024

struct folder {
    char path[FOLDER_PATH_SIZE];  /* absolute */
    char state[FOLDER_PATH_SIZE]; /* state.db */
    char agent[FOLDER_PATH_SIZE]; /* agent/ */
    char agent_db[FOLDER_PATH_SIZE];
    struct node_file node; /* node.json, owned */
    uint64_t id, store;    /* of that: of this disk (replica/replica.h) */
    bool used;             /* the node ran here before: its state must be there, and not be empty */
    int lock_fd;
};

/* Whether a node has been here, or is to be; makes nothing. */
bool folder_has_node(const char *path);
/* The process that holds it now; 0: nobody. */
pid_t folder_holder(const char *path);

/* Makes what is missing. ERR_CONFLICT when another process holds it, saying which; ERR_IO;
 * ERR_CORRUPT for a node.json that is not ours. */
int folder_open(const char *path, struct folder *out, struct error *err) MUST_CHECK;
/* Whether what stands at its path still is the folder that was opened. */
bool folder_is_there(const struct folder *f);
void folder_close(struct folder *f); /* lets go of the lock */
