/* lib/db/swap.h - a whole database file put in another's place, so that a crash at any moment
 * leaves the one or the other. For installing a snapshot. */
#pragma once

#include "db/db.h"

enum swap_step {                    /* what has just been done; the order is the safety */
                 SWAP_CHECKPOINTED, /* the old log is empty and the old connection closed */
                 SWAP_SYNCED,       /* the new file is durable */
                 SWAP_LOG_GONE,     /* the old -wal and -shm are deleted */
                 SWAP_RENAMED,      /* the new file has the name */
                 SWAP_DIR_SYNCED,   /* and keeps it */
};

/* Closes `db` (its statements are freed, nothing else has the file open) and puts the file at
 * `new_path`, a database without a log, in its place. On failure before SWAP_RENAMED the old
 * database is untouched, only closed. ERR_UNAVAILABLE: a reader still has the file; then `db`
 * stays open. `did` (may be NULL) hears of each step: a test's crash returns false there. */
int db_swap(struct db **db, const char *new_path, bool (*did)(void *data, enum swap_step step),
            void *data, struct error *err) MUST_CHECK;
