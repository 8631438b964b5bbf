#include "executor/rotate.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/str.h"

/* The sandbox belongs to the task, which may have put anything under the name: a link or a pipe is
 * neither followed nor waited for, but replaced. */
static int open_file(struct rotate *r)
{
    int flags = O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    struct stat st;
    r->fd = openat(r->folder_fd, r->name, flags, 0644);
    if (r->fd >= 0 && (fstat(r->fd, &st) != 0 || !S_ISREG(st.st_mode)))
        rotate_close(r);
    if (r->fd < 0 && unlinkat(r->folder_fd, r->name, 0) == 0) {
        r->fd = openat(r->folder_fd, r->name, flags | O_EXCL, 0644);
        if (r->fd >= 0 && fstat(r->fd, &st) != 0)
            rotate_close(r);
    }
    if (r->fd < 0)
        return -1;
    if ((st.st_uid != r->uid || st.st_gid != r->gid) && fchown(r->fd, r->uid, r->gid) != 0)
        return -1;
    r->size = st.st_size;
    r->inode = st.st_ino;
    return 0;
}

int rotate_open(struct rotate *r, int folder_fd, const char *name, int64_t max_bytes,
                unsigned max_files, struct error *err)
{
    ASSERT(max_bytes > 0);
    struct stat st;
    *r = (struct rotate){
        .folder_fd = folder_fd, .fd = -1, .max_bytes = max_bytes, .max_files = max_files};
    str_copy(r->name, sizeof(r->name), name);
    if (fstat(folder_fd, &st) == 0) {
        r->uid = st.st_uid;
        r->gid = st.st_gid;
        if (open_file(r) == 0)
            return 0;
    }
    int saved = errno;
    rotate_close(r);
    return error_set(err, ERR_IO, "cannot open the sandbox's %s: %s", name, strerror(saved));
}

static const char *number_name(const char *name, unsigned number, char dst[32])
{
    if (number == 0)
        str_copy(dst, 32, name);
    else
        snprintf(dst, 32, "%.16s.%u", name, number);
    return dst;
}

static void next_file(struct rotate *r)
{
    char from[32], to[32];
    rotate_close(r);
    for (unsigned i = r->max_files; i > 0; i--) {
        renameat(r->folder_fd, number_name(r->name, i - 1, from), r->folder_fd,
                 number_name(r->name, i, to));
    }
    if (r->max_files == 0)
        unlinkat(r->folder_fd, r->name, 0);
    open_file(r);
}

static void put(struct rotate *r, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t done = r->fd < 0 ? -1 : write(r->fd, bytes, n);
        if (done < 0 && r->fd >= 0 && errno == EINTR)
            continue;
        if (done <= 0)
            break;
        bytes += done;
        n -= (size_t)done;
        r->size += done;
    }
    r->dropped += (int64_t)n;
}

static void speak_of_dropped(struct rotate *r)
{
    char text[96];
    int64_t dropped = r->dropped;
    int n = snprintf(text, sizeof(text), "\n[%" PRId64 " bytes of output were lost: disk full]\n",
                     dropped);
    r->dropped = 0;
    put(r, text, (size_t)n);
    r->dropped = r->dropped == 0 ? 0 : dropped; /* not yet */
}

/* How much of it still goes into the newest file: up to its last line's end that fits. */
static size_t fitting(const struct rotate *r, const char *bytes, size_t n)
{
    int64_t room = r->max_bytes - r->size;
    if (room <= 0)
        return 0;
    if ((int64_t)n <= room)
        return n;
    const char *end = memrchr(bytes, '\n', (size_t)room);
    if (end != NULL)
        return (size_t)(end - bytes) + 1;
    return r->size == 0 ? (size_t)room : 0;
}

void rotate_write(struct rotate *r, const char *bytes, size_t n)
{
    if (r->dropped > 0)
        speak_of_dropped(r);
    while (n > 0) {
        size_t part = fitting(r, bytes, n);
        put(r, bytes, part);
        bytes += part;
        n -= part;
        if (n > 0)
            next_file(r);
        if (r->fd < 0) {
            r->dropped += (int64_t)n;
            return;
        }
    }
}

void rotate_close(struct rotate *r)
{
    if (r->fd >= 0)
        close(r->fd);
    r->fd = -1;
}

static void cut_to(int folder_fd, const char *name, int64_t size)
{
    struct stat st;
    int fd = openat(folder_fd, name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > size)
        (void)!ftruncate(fd, size);
    close(fd);
}

void rotate_rewind(int folder_fd, const char *name, unsigned max_files, uint64_t inode,
                   int64_t size)
{
    char from[32], to[32];
    struct stat st;
    unsigned at = 0;
    while (at <= max_files &&
           (fstatat(folder_fd, number_name(name, at, from), &st, AT_SYMLINK_NOFOLLOW) != 0 ||
            st.st_ino != inode))
        at++;
    if (at > max_files)
        return;
    for (unsigned i = 0; i < at; i++)
        unlinkat(folder_fd, number_name(name, i, from), 0);
    for (unsigned i = at; at > 0 && i <= max_files; i++)
        renameat(folder_fd, number_name(name, i, from), folder_fd, number_name(name, i - at, to));
    cut_to(folder_fd, name, size);
}
