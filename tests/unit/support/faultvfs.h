/* tests/unit/support/faultvfs.h - SQLite's view of a disk that fails and of a machine that dies.
 *
 * One instance is one machine's disk: a VFS over the system's, by the name that db_options.vfs
 * takes. It can fail the nth operation, and it can die: from then on everything fails, and what was
 * written since the last sync of each file may afterwards be there, be gone, or be torn. It never
 * really syncs, and what is written is in the system's file once all connections of this VFS have
 * closed it. Not for several threads. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct faultvfs;

/* The name must be new in this process. */
struct faultvfs *faultvfs_new(const char *name, uint64_t seed);
void faultvfs_free(struct faultvfs *v); /* all connections are closed. Accepts NULL */

enum fault {
    FAULT_READ,
    FAULT_WRITE,
    FAULT_FULL, /* a write, answered as a full disk does */
    FAULT_SYNC,
    FAULT_TRUNCATE,
    FAULT_DELETE,
    FAULT_OPEN,
    N_FAULTS,
};

/* The nth such operation from now (1: the next one) fails, once; 0 takes it back. */
void faultvfs_fail(struct faultvfs *v, enum fault what, unsigned n);
/* The nth such operation from now fails, and the machine dies there. */
void faultvfs_die_at(struct faultvfs *v, enum fault what, unsigned n);
void faultvfs_die(struct faultvfs *v); /* now */
bool faultvfs_dead(const struct faultvfs *v);
void faultvfs_full(struct faultvfs *v, bool full); /* until it is not: no file can grow */
void faultvfs_lie(struct faultvfs *v); /* a sync does nothing from now on, and says that it did */
void faultvfs_takes_no_room(
    struct faultvfs *v); /* ahead of what is written: that only costs time */
uint64_t faultvfs_count(const struct faultvfs *v, enum fault what); /* operations so far */

enum fate {            /* of what was written and not synced */
            FATE_KEPT, /* the process died, not the machine */
            FATE_LOST,
            FATE_TORN,    /* of each file the last writes are gone, one of them in part */
            FATE_FLIPPED, /* torn, and one byte of what is left of them is wrong */
};
/* The machine is back. Connections opened before must be closed by now. */
void faultvfs_revive(struct faultvfs *v, enum fate fate);
