/* tests/unit/replica/member.h - one replica on a disk of its own that can fail, with a machine that
 * chains the hashes of what it applies. */
#pragma once

#include "base/rng.h"
#include "db/statement.h"
#include "replica/private.h"
#include "support/faultvfs.h"
#include "support/tmp.h"

struct member {
    uint64_t id, store;
    char address[32], folder[TMP_PATH_SIZE], path[TMP_PATH_SIZE];
    struct faultvfs *disk;
    struct db *db;
    struct stmts *stmts;
    struct replica *r;              /* NULL: down */
    struct replica_options options; /* the test's: set before member_open() */
    /* hears of each entry, may be NULL */
    void (*applied)(struct member *m, uint64_t index, uint64_t term, struct slice entry,
                    uint64_t ticket);
    void *data;
};

/* A disk without anything on it. id from 1. */
void member_init(struct member *m, const char *folder, uint64_t id, uint64_t seed);
void member_close(struct member *m); /* with its disk */

void member_format(struct member *m);
void member_bootstrap(struct member *m, const struct replica_server *servers, size_t n);
/* -1: the disk failed meanwhile; then it is down. */
int member_open(struct member *m, struct now now);
void member_stop(struct member *m);
void member_crash(struct member *m, enum fate fate); /* it stays down */

uint64_t member_chain(struct member *m); /* the machine's hash */

/* Puts the file at `path`, whose snapshot has this token, in its database's place. -1 as
 * member_open(). */
int member_install(struct member *m, uint64_t token, const char *path, struct now now);
/* Makes the snapshot that it wants and tells it. */
int member_make_snapshot(struct member *m, uint64_t token, char path_out[TMP_PATH_SIZE]);
