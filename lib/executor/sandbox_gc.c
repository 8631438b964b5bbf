#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/str.h"
#include "executor/sandbox.h"

/* ---- removing */

static bool is_dots(const char *name)
{
    return str_eq(name, ".") || str_eq(name, "..");
}

#define DEPTH_MAX 32 /* each level holds a descriptor and a frame */

struct removal {
    int root;
    unsigned deep; /* folders that were too deep, so far: each is moved up to the root */
};

/* Its owner may have closed it to himself. Also who only moves a folder writes into it. */
static void open_up(int folder, const char *name)
{
    if (geteuid() != 0)
        (void)!fchmodat(folder, name, 0700, AT_SYMLINK_NOFOLLOW);
}

static int move_up(struct removal *r, int folder, const char *name)
{
    char up[32];
    do
        snprintf(up, sizeof(up), ".deep.%u", ++r->deep);
    while (renameat2(folder, name, r->root, up, RENAME_NOREPLACE) != 0 && errno == EEXIST);
    return faccessat(folder, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ? -1 : 0;
}

/* Something else is mounted there, by the task or by a person: it is not ours. */
static bool is_mounted(int folder)
{
    struct statx s;
    return statx(folder, "", AT_EMPTY_PATH, 0, &s) == 0 &&
           (s.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

static int remove_inside(struct removal *r, int folder, int depth);

static int remove_folder(struct removal *r, int folder, const char *name, int depth)
{
    open_up(folder, name);
    if (depth == DEPTH_MAX)
        return move_up(r, folder, name);
    int inner = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (inner < 0)
        return -1;
    if (is_mounted(inner)) {
        close(inner);
        errno = EBUSY;
        return -1;
    }
    if (remove_inside(r, inner, depth + 1) != 0)
        return -1;
    return unlinkat(folder, name, AT_REMOVEDIR);
}

/* By descriptors, so that a path of any length will do. Closes the folder. */
static int remove_inside(struct removal *r, int folder, int depth)
{
    DIR *dir = fdopendir(folder);
    if (dir == NULL) {
        close(folder);
        return -1;
    }
    int rc = 0;
    for (struct dirent *d; rc == 0 && (d = readdir(dir)) != NULL;)
        if (!is_dots(d->d_name) && unlinkat(folder, d->d_name, 0) != 0 && errno != ENOENT)
            rc = errno == EISDIR ? remove_folder(r, folder, d->d_name, depth) : -1;
    closedir(dir);
    return rc;
}

int sandbox_remove_tree(const char *path, struct error *err)
{
    struct removal r = {0};
    unsigned before;
    open_up(AT_FDCWD, path);
    do { /* what was moved up may have come too late to be seen */
        before = r.deep;
        r.root = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (r.root < 0 && errno == ENOENT)
            return 0;
        if (r.root < 0 || remove_inside(&r, r.root, 0) != 0)
            return error_set(err, ERR_IO, "cannot remove %s: %s", path, strerror(errno));
    } while (r.deep > before);
    if (rmdir(path) != 0)
        return error_set(err, ERR_IO, "cannot remove %s: %s", path, strerror(errno));
    return 0;
}

/* ---- collecting */

static int permille(uint64_t free, uint64_t all)
{
    return all > 0 && free <= all ? (int)((all - free) * 1000 / all) : 0;
}

/* Many small sandboxes use up a disk's inodes before its blocks. */
static int used_permille(const char *root, int *out)
{
    struct statvfs fs;
    if (statvfs(root, &fs) != 0)
        return -1;
    int blocks = permille(fs.f_bavail, fs.f_blocks), inodes = permille(fs.f_favail, fs.f_files);
    *out = blocks > inodes ? blocks : inodes;
    return 0;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool in_use(const struct sandbox_gc *gc, const char *container)
{
    return gc->in_use_n > 0 &&
           bsearch(&container, gc->in_use, gc->in_use_n, sizeof(*gc->in_use), compare) != NULL;
}

static void collect_run(struct sandbox_gc *gc, const char *path, const char *name)
{
    struct stat st;
    struct error err;
    if (lstat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        return;
    int64_t age = gc->now.ms - st.st_mtim.tv_sec * 1000ll;
    if (age >= gc->age_ms && !in_use(gc, name) && sandbox_remove_tree(path, &err) == 0)
        gc->removed++;
    else
        gc->kept++;
}

static void remove_dangling(const char *folder)
{
    char link[SANDBOX_PATH_SIZE];
    struct stat st;
    int n = snprintf(link, sizeof(link), "%s/latest", folder);
    if (n < (int)sizeof(link) && stat(link, &st) != 0 && errno == ENOENT)
        unlink(link);
}

/* Down the alternating levels of names and ids; empty folders go on the way back. */
static const char *const levels[] = {"slaves", "frameworks", "executors", "runs"};
#define LEVELS (sizeof(levels) / sizeof(*levels))

static void collect(struct sandbox_gc *gc, const char *above, size_t level)
{
    char folder[SANDBOX_PATH_SIZE], path[SANDBOX_PATH_SIZE];
    int n = snprintf(folder, sizeof(folder), "%s/%s", above, levels[level]);
    DIR *dir = n < (int)sizeof(folder) ? opendir(folder) : NULL;
    if (dir == NULL)
        return;
    for (struct dirent *d; (d = readdir(dir)) != NULL;) {
        n = snprintf(path, sizeof(path), "%s/%s", folder, d->d_name);
        if (is_dots(d->d_name) || str_eq(d->d_name, "latest") || n >= (int)sizeof(path))
            continue;
        if (level + 1 == LEVELS)
            collect_run(gc, path, d->d_name);
        else
            collect(gc, path, level + 1);
    }
    closedir(dir);
    remove_dangling(folder);
    rmdir(folder);
    if (level > 0)
        rmdir(above);
}

int sandbox_gc(const char *root, struct sandbox_gc *gc, struct error *err)
{
    if (used_permille(root, &gc->disk_permille) != 0)
        return error_set(err, ERR_IO, "cannot ask the disk of %s: %s", root, strerror(errno));
    int left = 1000 - gc->headroom_permille - gc->disk_permille;
    gc->age_ms = left > 0 ? gc->delay_ms / 1000 * left : 0;
    if (gc->age_ms < gc->least_ms)
        gc->age_ms = gc->least_ms;
    gc->removed = gc->kept = 0;
    collect(gc, root, 0);
    return 0;
}
