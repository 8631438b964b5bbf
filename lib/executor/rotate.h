/* lib/executor/rotate.h - a task's `stdout` or `stderr` in its sandbox, rotated by size.
 *
 * `stdout` is always the newest, `stdout.1` the one before. A file ends with a line where one ends
 * within the last part of it. What the disk does not take is dropped and counted, and said in the
 * file once there is room again: a full disk never stops a task. Blocks on the disk. */
#pragma once

#include <sys/types.h>

#include "base/error.h"

struct rotate {
    int64_t size;    /* of the newest file */
    uint64_t inode;  /* its number, which survives a rename */
    int64_t dropped; /* bytes not yet spoken of */
    /* private */
    int folder_fd; /* borrowed */
    int fd;        /* -1: closed */
    char name[16];
    int64_t max_bytes;
    unsigned max_files; /* kept beside the newest */
    uid_t uid;
    gid_t gid;
};

/* Opens or makes the file; a new one belongs to whom the folder belongs. Keeps folder_fd. ERR_IO.
 */
int rotate_open(struct rotate *r, int folder_fd, const char *name, int64_t max_bytes,
                unsigned max_files, struct error *err) MUST_CHECK;
void rotate_write(struct rotate *r, const char *bytes, size_t n);
void rotate_close(struct rotate *r); /* accepts a closed one */

/* Before rotate_open(): takes back what was written after the moment when the newest file was
 * `inode` and `size` bytes long. Without effect when that file is gone. */
void rotate_rewind(int folder_fd, const char *name, unsigned max_files, uint64_t inode,
                   int64_t size);
