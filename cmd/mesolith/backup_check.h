/* cmd/mesolith/backup_check.h - a backup looked at: is it whole, are its rows what they were, and
 * what is in it? */
#pragma once

#include "backup_file.h"
#include "base/rng.h"

struct backup_info {
    struct backup_facts facts;
    int level;                    /* of the schema */
    int64_t index;                /* of the last entry that is in it */
    struct wall newest;           /* when the last thing happened in it; 0: nothing has */
    char cluster[UUID_TEXT_SIZE]; /* "": it had no name yet */
    int64_t apps, jobs, tasks, nodes;
};

/* Reads all of it, twice. ERR_NOT_FOUND, ERR_IO; ERR_CORRUPT saying what is wrong; ERR_CONFLICT:
 * of a newer version. */
int backup_examine(const char *path, struct backup_info *out, struct error *err) MUST_CHECK;
