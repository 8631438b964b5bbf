/* lib/host/copies.h - copies of the state's file, beside it, for members that lag behind and for
 * backups: made, and cleared away. Long work, with fsync: for the pool.
 *
 * A copy is a database without a log of its own, pruned of what is only this node's (its identity,
 * vote and log), so that any member may take it for its own. */
#pragma once

#include "replica/replica.h"

enum copy_kind { COPY_SNAPSHOT, COPY_BACKUP };
#define COPY_PATH_SIZE 4096

/* "<data>/state.db.snapshot-00000000000004d2" */
void copy_path(const char *state_path, enum copy_kind kind, uint64_t token,
               char dst[COPY_PATH_SIZE]);

struct copy_options {
    const char *state_path, *vfs; /* vfs: NULL, or a test's */
    enum copy_kind kind;
    uint64_t token;
    bool (*go_on)(void *data); /* false ends it; asked all the time */
    void *data;
};
/* With size and hash, and on the disk. On failure no file is left. ERR_IO, ERR_CORRUPT;
 * ERR_CANCELED when it was not to go on. */
int copy_make(const struct copy_options *options, struct replica_snapshot *out,
              struct error *err) MUST_CHECK;

/* Removes the copies of that kind but the one called `keep` (0: all), and what is left of those
 * that a crash has ended. */
void copies_clear(const char *state_path, enum copy_kind kind, uint64_t keep);
