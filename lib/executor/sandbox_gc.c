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

/* By descriptors, so that a path of any depth will do; each level holds one open. */
static int remove_inside(int folder)
{
    DIR *dir = fdopendir(folder);
    if (dir == NULL) {
        close(folder);
        return -1;
    }
    int rc = 0;
    for (struct dirent *d; rc == 0 && (d = readdir(dir)) != NULL;) {
        if (is_dots(d->d_name) || unlinkat(folder, d->d_name, 0) == 0 || errno == ENOENT)
            continue;
        int inner = openat(folder, d->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        rc = inner >= 0 ? remove_inside(inner) : -1;
        if (rc == 0)
            rc = unlinkat(folder, d->d_name, AT_REMOVEDIR);
    }
    closedir(dir);
    return rc;
}

int sandbox_remove_tree(const char *path, struct error *err)
{
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0 && errno == ENOENT)
        return 0;
    if (folder < 0 || remove_inside(folder) != 0 || rmdir(path) != 0)
        return error_set(err, ERR_IO, "cannot remove %s: %s", path, strerror(errno));
    return 0;
}

/* ---- collecting */

static int used_permille(const char *root, int *out)
{
    struct statvfs fs;
    if (statvfs(root, &fs) != 0 || fs.f_blocks == 0)
        return -1;
    *out = (int)((fs.f_blocks - fs.f_bavail) * 1000 / fs.f_blocks);
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
