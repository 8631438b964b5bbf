/* lib/executor/sandbox.h - the folders that tasks run in, in Mesos's layout (spec/mesos.md 7.2):
 *
 *   ROOT/slaves/AGENT/frameworks/FRAMEWORK/executors/EXECUTOR/runs/CONTAINER
 *
 * with `latest` links in slaves/ and runs/. ROOT is the data folder's agent/. What is below a run
 * belongs to the task, which may have put anything there: nothing is followed out of it, but for
 * links to its own instance's persistent volumes.
 * Everything here waits for the disk: for a thread of the pool. */
#pragma once

#include <sys/types.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/time.h"

#define SANDBOX_PATH_SIZE 2048

struct sandbox_ids { /* each one folder's name */
    const char *agent, *framework, *executor, *container;
};

struct sandbox_user {
    uid_t uid;
    gid_t gid;
    bool change; /* we are root, and it is somebody else */
    char home[256];
};

/* The user of a task; NULL or "" is our own. ERR_NOT_FOUND; ERR_INVALID for another's where we are
 * not root. */
int sandbox_user_find(const char *name, struct sandbox_user *out, struct error *err) MUST_CHECK;

/* Only the name: nothing is made. ERR_INVALID when an id cannot be a folder's name. */
int sandbox_path(const char *root, const struct sandbox_ids *ids, char dst[SANDBOX_PATH_SIZE],
                 struct error *err) MUST_CHECK;
/* Makes it (mode 0750, the user's), empty stdout and stderr, and the links. ERR_IO. */
int sandbox_create(const char *root, const struct sandbox_ids *ids, const struct sandbox_user *user,
                   struct error *err) MUST_CHECK;
/* A new, empty file of the user's in the sandbox at `path`, for writing; folders on the way to
 * `name` are made. `name` is relative, without ".."; links in the sandbox are not followed. ERR_IO.
 */
int sandbox_make_file(const char *path, const char *name, mode_t mode,
                      const struct sandbox_user *user, int *fd_out, struct error *err) MUST_CHECK;
/* A link of that name instead of a file, to `target`. */
int sandbox_make_link(const char *path, const char *name, const char *target,
                      const struct sandbox_user *user, struct error *err) MUST_CHECK;
/* An empty folder or file in it, as the target is one, over which that can be mounted. The target's
 * way begins in the sandbox, if it is not absolute. */
int sandbox_make_mount_point(const char *path, const char *name, const char *target,
                             const struct sandbox_user *user, struct error *err) MUST_CHECK;
/* A folder that several runs share, if it is not there yet; the first one's user's. It lies under a
 * run of its own, which nothing runs in. *dst is its path. ERR_INVALID, ERR_IO. */
int sandbox_make_volume(const char *root, const struct sandbox_ids *ids, const char *name,
                        const struct sandbox_user *user, char dst[SANDBOX_PATH_SIZE],
                        struct error *err) MUST_CHECK;
/* The folder of a persistent volume, by its id (model/id.h): apart from all sandboxes, as in Mesos
 * (spec/mesos.md 2.9). Only its name. ERR_LIMIT. */
int sandbox_kept_path(const char *root, const char *id, char dst[SANDBOX_PATH_SIZE],
                      struct error *err) MUST_CHECK;
/* Makes it if it is not there yet, and the user's in any case. *dst is its path. ERR_LIMIT, ERR_IO.
 */
int sandbox_make_kept(const char *root, const char *id, const struct sandbox_user *user,
                      char dst[SANDBOX_PATH_SIZE], struct error *err) MUST_CHECK;
void sandbox_touch(const char *path);  /* its task has ended now: from here on it ages */
void sandbox_failed(const char *path); /* and not well: a mark beside it, for collecting */

/* ---- reading. `path` is what the Mesos API calls a virtual path: the path of a run below ROOT or
 * below /slaves or /frameworks (then of the latest agent), `latest` allowed in the place of agent
 * and run, and the rest below the run. ERR_NOT_FOUND; ERR_INVALID when it leads out of the run
 * ("'PATH' is inaccessible."), or is a folder where a file is wanted; ERR_IO. */

int sandbox_open(const char *root, const char *path, int *fd_out, struct error *err) MUST_CHECK;
/* spec/mesos.md 7.1: offset -1 asks for the size; length -1 and more than LIMIT_FILE_READ_BYTES
 * are cut. *offset_out is the file's size then, else the offset. Bytes, not yet text. *identity_out
 * tells a file from the one that takes its name when it is rotated. */
int sandbox_read(const char *root, const char *path, int64_t offset, int64_t length,
                 struct buf *data_out, int64_t *offset_out, uint64_t *identity_out,
                 struct error *err) MUST_CHECK;

struct sandbox_entry {
    char *name; /* in its folder */
    uint64_t nlink;
    int64_t size;
    struct wall mtime;
    mode_t mode;
    char uid[33], gid[33]; /* names; numbers as text when unknown */
};
/* Sorted by name, at most LIMIT_BROWSE; a file gives none. */
int sandbox_browse(const char *root, const char *path, struct sandbox_entry **entries_out,
                   size_t *n_out, struct error *err) MUST_CHECK;
void sandbox_entries_free(struct sandbox_entry *entries, size_t n);
#define SANDBOX_MODE_SIZE 11
const char *sandbox_mode_text(mode_t mode, char dst[SANDBOX_MODE_SIZE]); /* "-rw-r--r--" */

/* ---- collecting what has ended (spec/mesos.md 8.8)
 *
 * Of an attempt of a job's run its stdout and stderr stay when the rest of its sandbox is too old:
 * those of the newest attempts of the job, unless they are too old themselves. All of them together
 * take so many bytes, the oldest going first; but each job's last one, and the last that failed,
 * stay as long as all of these fit, and the disk is not full. */

struct sandbox_gc {
    int64_t delay_ms;                  /* a sandbox's age at an empty disk */
    int64_t least_ms;                  /* never younger */
    int headroom_permille;             /* of the disk: kept free */
    int64_t outputs_ms, outputs_bytes; /* what runs have written: its age at an empty disk */
    size_t outputs_runs;               /* of each job; 0: they go with their sandboxes */
    const char *const *in_use;         /* containers that run or are not yet told of, sorted */
    size_t in_use_n;
    struct wall now;
    /* out */
    int64_t age_ms;    /* what was older had to go */
    int disk_permille; /* used, of its blocks or its inodes */
    size_t removed, kept;
    struct output *outputs; /* private */
    size_t outputs_n, outputs_cap;
};
int sandbox_gc(const char *root, struct sandbox_gc *gc, struct error *err) MUST_CHECK;
/* A folder and all that is in it, links not followed. */
int sandbox_remove_tree(const char *path, struct error *err) MUST_CHECK;
