#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "executor/sandbox.h"
#include "model/job.h"

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

static void remove_dangling(const char *folder)
{
    char link[SANDBOX_PATH_SIZE];
    struct stat st;
    int n = snprintf(link, sizeof(link), "%s/latest", folder);
    if (n < (int)sizeof(link) && stat(link, &st) != 0 && errno == ENOENT)
        unlink(link);
}

/* ---- what runs have written */

#define FOLDERS_BYTES 16384 /* of those around it, at the least */

struct output {
    char *path, *job;
    int64_t ended_ms, bytes;
    size_t rank;       /* of its job's, from 0, the newest */
    bool failed, last; /* last: or the last that failed */
};

/* "stdout", and "stdout.1" as rotating names it. What else the task has called so is no output. */
static bool is_output(int folder, const char *name, struct stat *st)
{
    if (!str_starts(name, "stdout") && !str_starts(name, "stderr"))
        return false;
    const char *number = name + strlen("stdout");
    if (*number != '\0' && (*number != '.' || number[1] == '\0' ||
                            number[1 + strspn(number + 1, "0123456789")] != '\0'))
        return false;
    return fstatat(folder, name, st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st->st_mode);
}

static void mark_path(const char *path, char dst[SANDBOX_PATH_SIZE + 16])
{
    snprintf(dst, SANDBOX_PATH_SIZE + 16, "%s/../../failed", path);
}

void sandbox_failed(const char *path)
{
    char mark[SANDBOX_PATH_SIZE + 16];
    mark_path(path, mark);
    int fd = open(mark, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0)
        close(fd);
}

static int64_t output_bytes(const char *path)
{
    struct stat st;
    int64_t bytes = FOLDERS_BYTES;
    DIR *dir = opendir(path);
    for (struct dirent *d; dir != NULL && (d = readdir(dir)) != NULL;)
        if (is_output(dirfd(dir), d->d_name, &st))
            bytes += st.st_blocks * 512;
    if (dir != NULL)
        closedir(dir);
    return bytes;
}

/* False: it is no run's. */
static bool add_output(struct sandbox_gc *gc, const char *path, const char *executor,
                       const struct stat *st)
{
    struct job_task_ref ref;
    struct error err;
    char mark[SANDBOX_PATH_SIZE + 16];
    if (job_task_id_parse(executor, &ref, &err) != 0)
        return false;
    if (gc->outputs_n == gc->outputs_cap) {
        gc->outputs_cap = gc->outputs_cap == 0 ? 64 : 2 * gc->outputs_cap;
        gc->outputs = mem_realloc(gc->outputs, gc->outputs_cap * sizeof(*gc->outputs));
    }
    mark_path(path, mark);
    gc->outputs[gc->outputs_n++] = (struct output){.path = mem_strdup(path),
                                                   .job = mem_strdup(ref.name),
                                                   .ended_ms = st->st_mtim.tv_sec * 1000ll,
                                                   .bytes = output_bytes(path),
                                                   .failed = access(mark, F_OK) == 0};
    return true;
}

/* All but what it has written goes; its age stays. */
static void strip(const char *path, const struct stat *before)
{
    struct stat st;
    struct removal r = {.root = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    DIR *dir = r.root >= 0 ? fdopendir(r.root) : NULL;
    if (dir == NULL) {
        if (r.root >= 0)
            close(r.root);
        return;
    }
    for (struct dirent *d; (d = readdir(dir)) != NULL;)
        if (!is_dots(d->d_name) && !is_output(r.root, d->d_name, &st) &&
            unlinkat(r.root, d->d_name, 0) != 0 && errno != ENOENT)
            (void)!remove_folder(&r, r.root, d->d_name, 0); /* else the next time */
    const struct timespec times[2] = {before->st_atim, before->st_mtim};
    (void)!futimens(r.root, times);
    closedir(dir);
}

static int newest_of_job_first(const void *x, const void *y)
{
    const struct output *a = x, *b = y;
    int jobs = strcmp(a->job, b->job);
    if (jobs != 0)
        return jobs;
    return a->ended_ms != b->ended_ms ? (a->ended_ms > b->ended_ms ? -1 : 1)
                                      : strcmp(a->path, b->path);
}

static int last_to_go_first(const void *x, const void *y)
{
    const struct output *a = x, *b = y;
    if (a->last != b->last)
        return a->last ? -1 : 1;
    return a->ended_ms != b->ended_ms ? (a->ended_ms > b->ended_ms ? -1 : 1)
                                      : strcmp(a->path, b->path);
}

static void rank(struct output *all, size_t n)
{
    bool failed = false;
    for (size_t i = 0; i < n; i++) {
        bool first = i == 0 || !str_eq(all[i].job, all[i - 1].job);
        failed = failed && !first;
        all[i].rank = first ? 0 : all[i - 1].rank + 1;
        all[i].last = first || (all[i].failed && !failed);
        failed = failed || all[i].failed;
    }
}

static bool may_stay(const struct sandbox_gc *gc, const struct output *o, int64_t age,
                     int64_t outputs_age, int64_t bytes)
{
    if (age < gc->least_ms)
        return true;
    if (bytes > gc->outputs_bytes || (o->last && outputs_age <= gc->least_ms))
        return false;
    return o->last || age < gc->age_ms || (age < outputs_age && o->rank < gc->outputs_runs);
}

static void remove_output(struct sandbox_gc *gc, const struct output *o)
{
    char folder[SANDBOX_PATH_SIZE], mark[SANDBOX_PATH_SIZE + 16];
    struct error err;
    if (sandbox_remove_tree(o->path, &err) != 0) {
        gc->kept++;
        return;
    }
    gc->removed++;
    str_copy(folder, sizeof(folder), o->path);
    *strrchr(folder, '/') = '\0';
    remove_dangling(folder);
    if (rmdir(folder) != 0)
        return;
    *strrchr(folder, '/') = '\0';
    snprintf(mark, sizeof(mark), "%s/failed", folder);
    unlink(mark);
    rmdir(folder);
}

static void collect_outputs(struct sandbox_gc *gc, int64_t outputs_age)
{
    int64_t bytes = 0;
    if (gc->outputs_n > 1)
        qsort(gc->outputs, gc->outputs_n, sizeof(*gc->outputs), newest_of_job_first);
    rank(gc->outputs, gc->outputs_n);
    if (gc->outputs_n > 1)
        qsort(gc->outputs, gc->outputs_n, sizeof(*gc->outputs), last_to_go_first);
    for (size_t i = 0; i < gc->outputs_n; i++) {
        struct output *o = &gc->outputs[i];
        if (may_stay(gc, o, gc->now.ms - o->ended_ms, outputs_age, bytes + o->bytes)) {
            bytes += o->bytes;
            gc->kept++;
        } else {
            remove_output(gc, o);
        }
        mem_free(o->path);
        mem_free(o->job);
    }
    mem_free(gc->outputs);
    gc->outputs = NULL;
    gc->outputs_n = gc->outputs_cap = 0;
}

/* ---- all sandboxes */

static void collect_run(struct sandbox_gc *gc, const char *path, const char *name,
                        const char *executor)
{
    struct stat st;
    struct error err;
    if (lstat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        return;
    int64_t age = gc->now.ms - st.st_mtim.tv_sec * 1000ll;
    if (gc->outputs_runs > 0 && !in_use(gc, name) && add_output(gc, path, executor, &st)) {
        if (age >= gc->age_ms)
            strip(path, &st);
        return;
    }
    if (age >= gc->age_ms && !in_use(gc, name) && sandbox_remove_tree(path, &err) == 0)
        gc->removed++;
    else
        gc->kept++;
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
            collect_run(gc, path, d->d_name, strrchr(above, '/') + 1);
        else
            collect(gc, path, level + 1);
    }
    closedir(dir);
    remove_dangling(folder);
    rmdir(folder);
    if (level > 0)
        rmdir(above);
}

/* At this fill of the disk; at the least, of which delay ever, where it is full. */
static int64_t age_of(const struct sandbox_gc *gc, int64_t delay_ms)
{
    int left = 1000 - gc->headroom_permille - gc->disk_permille;
    int64_t age = left > 0 ? delay_ms / 1000 * left : 0;
    return age > gc->least_ms ? age : gc->least_ms;
}

int sandbox_gc(const char *root, struct sandbox_gc *gc, struct error *err)
{
    if (used_permille(root, &gc->disk_permille) != 0)
        return error_set(err, ERR_IO, "cannot ask the disk of %s: %s", root, strerror(errno));
    gc->age_ms = age_of(gc, gc->delay_ms);
    gc->removed = gc->kept = 0;
    collect(gc, root, 0);
    collect_outputs(gc, age_of(gc, gc->outputs_ms));
    return 0;
}
