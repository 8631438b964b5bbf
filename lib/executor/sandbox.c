#include "executor/sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/openat2.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/id.h"
#include "model/mesos_id.h"
#include "model/run_spec.h"

#define LATEST "latest"
#define KEPT_ABOVE "/volumes/roles/" MESOS_RESERVED_ROLE "/" /* below ROOT */
#define CREATE_TRIES 5 /* the collector may remove an empty folder under our feet */

/* ---- users */

static int no_user(const char *name, int rc, struct error *err)
{
    return error_set(err, ERR_NOT_FOUND, "user: got \"%.64s\", need a user of this machine%s%s",
                     name, rc != 0 ? ": " : "", rc != 0 ? strerror(rc) : "");
}

int sandbox_user_find(const char *name, struct sandbox_user *out, struct error *err)
{
    char text[4096];
    struct passwd entry, *found = NULL;
    bool own = name == NULL || name[0] == '\0';
    int rc = own ? getpwuid_r(geteuid(), &entry, text, sizeof(text), &found)
                 : getpwnam_r(name, &entry, text, sizeof(text), &found);
    if (!own && found == NULL)
        return no_user(name, rc, err);
    *out = (struct sandbox_user){.uid = geteuid(), .gid = getegid()};
    str_copy(out->home, sizeof(out->home), found != NULL ? found->pw_dir : "/");
    if (own || found->pw_uid == geteuid())
        return 0;
    if (geteuid() != 0)
        return error_set(
            err, ERR_INVALID,
            "user: got \"%.64s\", but this node does not run as root and starts all as "
            "user %d: leave the user out, or run the node as root",
            name, (int)geteuid());
    out->change = true;
    out->uid = found->pw_uid;
    out->gid = found->pw_gid;
    return 0;
}

/* ---- making */

static bool is_name(const char *id)
{
    return id != NULL && id[0] != '\0' && !str_eq(id, ".") && !str_eq(id, "..") &&
           strchr(id, '/') == NULL && strlen(id) <= NAME_MAX;
}

static int check_ids(const struct sandbox_ids *ids, struct error *err)
{
    const struct {
        const char *what, *id;
    } all[] = {{"agent id", ids->agent},
               {"framework id", ids->framework},
               {"executor id", ids->executor},
               {"container id", ids->container}};
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        char got[96];
        if (is_name(all[i].id))
            continue;
        const char *id = all[i].id != NULL ? all[i].id : "";
        return error_set(err, ERR_INVALID, "%s: got %s, need the name of a folder", all[i].what,
                         str_quote(got, sizeof(got), id, strlen(id)));
    }
    return 0;
}

int sandbox_path(const char *root, const struct sandbox_ids *ids, char dst[SANDBOX_PATH_SIZE],
                 struct error *err)
{
    if (check_ids(ids, err) != 0)
        return -1;
    int n = snprintf(dst, SANDBOX_PATH_SIZE, "%s/slaves/%s/frameworks/%s/executors/%s/runs/%s",
                     root, ids->agent, ids->framework, ids->executor, ids->container);
    if (n >= SANDBOX_PATH_SIZE)
        return error_set(err, ERR_LIMIT, "sandbox: got a path of %d bytes, need less than %d", n,
                         SANDBOX_PATH_SIZE);
    return 0;
}

/* Those above, from the root on, too: as far as they are missing. */
static int make_folder(const char *root, char *path, mode_t mode)
{
    int rc = mkdir(path, mode);
    char *slash = strrchr(path, '/');
    if (rc != 0 && errno == ENOENT && slash > path && slash >= path + strlen(root)) {
        *slash = '\0';
        int above = make_folder(root, path, 0755);
        *slash = '/';
        rc = above == 0 ? mkdir(path, mode) : -1;
    }
    return rc == 0 || errno == EEXIST ? 0 : -1;
}

static int make_folders(const char *root, char *path)
{
    return make_folder(root, path, 0750);
}

static bool points_at(const char *link, const char *name)
{
    char target[NAME_MAX + 1];
    ssize_t n = readlink(link, target, sizeof(target));
    return n == (ssize_t)strlen(name) && memcmp(target, name, (size_t)n) == 0;
}

/* `latest` beside the folder points at it. */
static int link_latest(const char *folder)
{
    char link[SANDBOX_PATH_SIZE + 16], fresh[SANDBOX_PATH_SIZE + 32];
    const char *name = strrchr(folder, '/') + 1;
    int above = (int)(name - folder);
    snprintf(link, sizeof(link), "%.*s" LATEST, above, folder);
    if (points_at(link, name) || symlink(name, link) == 0)
        return 0;
    if (errno != EEXIST)
        return -1;
    snprintf(fresh, sizeof(fresh), "%.*s." LATEST ".%d", above, folder, (int)gettid());
    unlink(fresh);
    return symlink(name, fresh) == 0 && rename(fresh, link) == 0 ? 0 : -1;
}

static int make_file(int folder, const char *name, const struct sandbox_user *user)
{
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return -1;
    int rc = user->change ? fchown(fd, user->uid, user->gid) : 0;
    close(fd);
    return rc;
}

static int furnish(const char *path, const struct sandbox_user *user)
{
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return -1;
    int rc = make_file(folder, "stdout", user);
    if (rc == 0)
        rc = make_file(folder, "stderr", user);
    if (rc == 0 && user->change)
        rc = fchown(folder, user->uid, user->gid);
    close(folder);
    return rc;
}

int sandbox_create(const char *root, const struct sandbox_ids *ids, const struct sandbox_user *user,
                   struct error *err)
{
    char path[SANDBOX_PATH_SIZE], agent[SANDBOX_PATH_SIZE];
    if (sandbox_path(root, ids, path, err) != 0)
        return -1;
    int n = snprintf(agent, sizeof(agent), "%s/slaves/%s", root, ids->agent);
    for (int i = 0; i < CREATE_TRIES && n < (int)sizeof(agent); i++) {
        if (make_folders(root, path) == 0 && link_latest(agent) == 0 && link_latest(path) == 0 &&
            furnish(path, user) == 0)
            return 0;
        if (errno != ENOENT)
            break;
    }
    return error_set(err, ERR_IO, "cannot make the sandbox: %s: %s", strerror(errno), path);
}

static bool is_last(const char *rest)
{
    return run_next_part(&rest).len == 0;
}

static int step_down(int folder, const char *name, const struct sandbox_user *user)
{
    int rc = mkdirat(folder, name, 0755);
    int next = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (next >= 0 && rc == 0 && user->change && fchown(next, user->uid, user->gid) != 0) {
        close(next);
        next = -1;
    }
    close(folder);
    return next;
}

static bool next_name(const char **path, char dst[NAME_MAX + 1])
{
    struct slice part = run_next_part(path);
    if (part.len == 0 || part.len > NAME_MAX)
        return false;
    memcpy(dst, part.p, part.len);
    dst[part.len] = '\0';
    return true;
}

/* The folder that `name` is to lie in, and the last part of it. -1: there is none. */
static int open_above(const char *path, const char *name, const struct sandbox_user *user,
                      char part[NAME_MAX + 1])
{
    const char *rest = name;
    int at = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    part[0] = '\0';
    while (at >= 0 && next_name(&rest, part) && is_name(part) && !is_last(rest))
        at = step_down(at, part, user);
    return at;
}

static int not_made(const char *name, const char *part, int why, struct error *err)
{
    return error_set(err, ERR_IO, "cannot make %s in the sandbox: %s", name,
                     is_name(part) ? strerror(why) : "not a name in it");
}

int sandbox_make_link(const char *path, const char *name, const char *target,
                      const struct sandbox_user *user, struct error *err)
{
    char part[NAME_MAX + 1];
    int at = open_above(path, name, user, part);
    bool made = at >= 0 && is_name(part) && symlinkat(target, at, part) == 0;
    int why = errno;
    if (at >= 0)
        close(at);
    return made ? 0 : not_made(name, part, why, err);
}

int sandbox_make_mount_point(const char *path, const char *name, const char *target,
                             const struct sandbox_user *user, struct error *err)
{
    char part[NAME_MAX + 1];
    struct stat st;
    int sandbox = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool found = sandbox >= 0 && fstatat(sandbox, target, &st, 0) == 0;
    int why = errno, rc = -1;
    if (sandbox >= 0)
        close(sandbox);
    if (!found)
        return error_set(err, ERR_IO, "cannot mount %s: %s", target, strerror(why));
    int at = open_above(path, name, user, part);
    if (at >= 0 && is_name(part))
        rc = S_ISDIR(st.st_mode) ? mkdirat(at, part, 0755) : mknodat(at, part, S_IFREG | 0644, 0);
    why = errno;
    if (at >= 0)
        close(at);
    return rc == 0 ? 0 : not_made(name, part, why, err);
}

/* Other users than the first one's may have to pass. */
static int open_shared(const char *root, char *path)
{
    int fd = make_folders(root, path) == 0 ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0 && fchmod(fd, 0755) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

int sandbox_make_volume(const char *root, const struct sandbox_ids *ids, const char *name,
                        const struct sandbox_user *user, char dst[SANDBOX_PATH_SIZE],
                        struct error *err)
{
    if (sandbox_path(root, ids, dst, err) != 0)
        return -1;
    int above = open_shared(root, dst), volume = above >= 0 ? step_down(above, name, user) : -1;
    if (volume < 0)
        return error_set(err, ERR_IO, "cannot make the volume %s: %s", name, strerror(errno));
    close(volume);
    size_t len = strlen(dst);
    if (snprintf(dst + len, SANDBOX_PATH_SIZE - len, "/%s", name) >= (int)(SANDBOX_PATH_SIZE - len))
        return error_set(err, ERR_LIMIT, "volume: its path has %d bytes or more",
                         SANDBOX_PATH_SIZE);
    return 0;
}

int sandbox_kept_path(const char *root, const char *id, char dst[SANDBOX_PATH_SIZE],
                      struct error *err)
{
    char folder[MESOS_FOLDER_SIZE];
    int n = snprintf(dst, SANDBOX_PATH_SIZE, "%s" KEPT_ABOVE "%s", root,
                     mesos_executor_folder(id, folder));
    if (n >= SANDBOX_PATH_SIZE)
        return error_set(err, ERR_LIMIT, "volume: got a path of %d bytes, need less than %d", n,
                         SANDBOX_PATH_SIZE);
    return 0;
}

int sandbox_make_kept(const char *root, const char *id, const struct sandbox_user *user,
                      char dst[SANDBOX_PATH_SIZE], struct error *err)
{
    if (sandbox_kept_path(root, id, dst, err) != 0)
        return -1;
    int fd = open_shared(root, dst);
    bool made = fd >= 0 && (!user->change || fchown(fd, user->uid, user->gid) == 0);
    int why = errno;
    if (fd >= 0)
        close(fd);
    return made ? 0 : error_set(err, ERR_IO, "cannot make the volume %s: %s", id, strerror(why));
}

int sandbox_make_file(const char *path, const char *name, mode_t mode,
                      const struct sandbox_user *user, int *fd_out, struct error *err)
{
    char part[NAME_MAX + 1];
    int at = open_above(path, name, user, part), fd = -1;
    if (at >= 0 && is_name(part)) {
        unlinkat(at, part, 0);
        fd = openat(at, part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    }
    if (fd >= 0 &&
        (fchmod(fd, mode) != 0 || (user->change && fchown(fd, user->uid, user->gid) != 0))) {
        close(fd);
        fd = -1;
    }
    int why = errno;
    if (at >= 0)
        close(at);
    if (fd < 0)
        return not_made(name, part, why, err);
    *fd_out = fd;
    return 0;
}

void sandbox_touch(const char *path)
{
    utimensat(AT_FDCWD, path, NULL, 0);
}

/* ---- finding */

/* spec/mesos.md 7.1: what a run's path is made of; NULL is an id. */
static const char *const parts[] = {"slaves",    NULL, "frameworks", NULL,
                                    "executors", NULL, "runs",       NULL};
#define PARTS (sizeof(parts) / sizeof(*parts))
#define AGENT_PART 1
#define EXECUTOR_PART 5
#define RUN_PART 7

static bool next_part(const char **path, char dst[NAME_MAX + 1])
{
    const char *p = *path + strspn(*path, "/");
    size_t n = strcspn(p, "/");
    if (n == 0 || n > NAME_MAX)
        return false;
    memcpy(dst, p, n);
    dst[n] = '\0';
    *path = p + n;
    return true;
}

static const char *below_root(const char *root, const char *path)
{
    size_t n = strlen(root);
    if (strncmp(path, root, n) == 0 && path[n] == '/')
        return path + n;
    return path;
}

/* Opens one part of the way to a run. Only our own `latest` links are followed, and only one step.
 */
static int step_into(int at, const char *name, bool may_be_latest)
{
    char target[NAME_MAX + 1];
    if (may_be_latest && str_eq(name, LATEST)) {
        ssize_t n = readlinkat(at, LATEST, target, NAME_MAX);
        target[n > 0 ? n : 0] = '\0';
        name = target;
    }
    return is_name(name) ? openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
}

static void name_instance(const char *executor, char dst[UUID_TEXT_SIZE + 1])
{
    struct task_ref ref;
    struct error err;
    if (task_id_parse(executor, &ref, &err) != 0)
        return;
    dst[0] = '#';
    uuid_text(ref.instance, dst + 1);
}

/* The run's folder, or -1; *path is moved on to what lies below it. *instance is the end of its
 * instance's persistent volumes' names, "#<uuid>"; "": it has none. */
static int open_run(const char *root, const char **path, char instance[UUID_TEXT_SIZE + 1])
{
    char name[NAME_MAX + 1];
    instance[0] = '\0';
    const char *p = below_root(root, *path);
    bool short_form = strncmp(p, "/frameworks/", 12) == 0;
    int at = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < PARTS && at >= 0; i++) {
        bool known = true;
        if (short_form && i <= AGENT_PART)
            strcpy(name, i < AGENT_PART ? parts[0] : LATEST);
        else
            known = next_part(&p, name) && (parts[i] == NULL || str_eq(parts[i], name));
        if (known && i == EXECUTOR_PART)
            name_instance(name, instance);
        int next = known ? step_into(at, name, i == AGENT_PART || i == RUN_PART) : -1;
        close(at);
        at = next;
    }
    *path = p;
    return at;
}

static int open_beneath(int at, const char *path, uint64_t flags, uint64_t resolve)
{
    struct open_how how = {.flags = flags | O_CLOEXEC,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | resolve};
    return (int)syscall(SYS_openat2, at, path, &how, sizeof(how));
}

/* The volume that a link leads to, if it is one of the instance's own: another's would be a way out
 * that the task has made. */
static int open_kept(const char *root, const char *target, const char *instance)
{
    const char *rest = below_root(root, target);
    size_t len = strlen(rest), end = strlen(instance), above = strlen(KEPT_ABOVE);
    errno = EXDEV;
    if (end == 0 || rest == target || len < above + end ||
        strcmp(rest + len - end, instance) != 0 || strncmp(rest, KEPT_ABOVE, above) != 0 ||
        strchr(rest + above, '/') != NULL)
        return -1;
    int at = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = at < 0 ? -1 : open_beneath(at, rest + 1, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS);
    int why = errno;
    if (at >= 0)
        close(at);
    errno = why;
    return fd;
}

/* One step down, or over the link to a volume. */
static int step_or_cross(const char *root, int at, const char *name, const char *instance)
{
    char target[SANDBOX_PATH_SIZE];
    errno = EXDEV;
    if (!is_name(name))
        return -1;
    ssize_t n = readlinkat(at, name, target, sizeof target - 1);
    if (n < 0)
        return openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    target[n] = '\0';
    return open_kept(root, target, instance);
}

/* What lies below the run, *at, which is closed. What leads out of it is not followed, but for the
 * links to the instance's volumes. */
static int open_below(const char *root, int at, const char *path, const char *instance)
{
    char name[NAME_MAX + 1];
    for (;;) {
        path += strspn(path, "/");
        int fd = open_beneath(at, path[0] != '\0' ? path : ".", O_RDONLY | O_NONBLOCK, 0),
            why = errno;
        bool leads_out = fd < 0 && why == EXDEV && next_part(&path, name);
        int next = leads_out ? step_or_cross(root, at, name, instance) : -1;
        why = leads_out ? errno : why;
        close(at);
        errno = why;
        if (next < 0)
            return fd;
        at = next;
    }
}

static int open_path(const char *root, const char *path, char instance[UUID_TEXT_SIZE + 1],
                     int *fd_out, struct error *err)
{
    const char *rest = path;
    int run = open_run(root, &rest, instance);
    if (run < 0)
        return error_set(err, ERR_NOT_FOUND, "'%s': no sandbox of that name", path);
    int fd = open_below(root, run, rest, instance), why = errno;
    if (fd >= 0) {
        *fd_out = fd;
        return 0;
    }
    if (why == EXDEV || why == ELOOP)
        return error_set(err, ERR_INVALID, "'%s' is inaccessible.", path);
    if (why == ENOENT || why == ENOTDIR || why == ENAMETOOLONG)
        return error_set(err, ERR_NOT_FOUND, "'%s': no such file", path);
    return error_set(err, ERR_IO, "'%s': %s", path, strerror(why));
}

int sandbox_open(const char *root, const char *path, int *fd_out, struct error *err)
{
    char instance[UUID_TEXT_SIZE + 1];
    return open_path(root, path, instance, fd_out, err);
}

/* The number of a file that is gone is soon another's: when it was made tells them apart. */
static uint64_t identity(int fd, const struct stat *st)
{
    struct statx sx;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &sx) != 0 || (sx.stx_mask & STATX_BTIME) == 0)
        return st->st_ino;
    uint64_t made_ns = (uint64_t)sx.stx_btime.tv_sec * 1000000000 + sx.stx_btime.tv_nsec;
    return st->st_ino ^ made_ns * UINT64_C(0x9e3779b97f4a7c15);
}

int sandbox_read(const char *root, const char *path, int64_t offset, int64_t length,
                 struct buf *data_out, int64_t *offset_out, uint64_t *identity_out,
                 struct error *err)
{
    int fd;
    struct stat st;
    if (sandbox_open(root, path, &fd, err) != 0)
        return -1;
    int rc = -1;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        error_set(err, ERR_INVALID,
                  S_ISDIR(st.st_mode) ? "Cannot read a directory." : "'%s' is not a file.", path);
        goto out;
    }
    size_t want =
        length < 0 || length > LIMIT_FILE_READ_BYTES ? LIMIT_FILE_READ_BYTES : (size_t)length;
    char *bytes = mem_alloc(want + 1);
    ssize_t n = offset < 0 || offset >= st.st_size ? 0 : pread(fd, bytes, want, offset);
    if (n >= 0) {
        buf_put(data_out, bytes, (size_t)n);
        *offset_out = offset < 0 ? st.st_size : offset;
        *identity_out = identity(fd, &st);
        rc = 0;
    } else {
        error_set(err, ERR_IO, "'%s': %s", path, strerror(errno));
    }
    mem_free(bytes);
out:
    close(fd);
    return rc;
}

/* ---- browsing */

static void name_owner(const struct stat *st, struct sandbox_entry *e)
{
    char text[4096];
    struct passwd user, *u = NULL;
    struct group group, *g = NULL;
    snprintf(e->uid, sizeof(e->uid), "%u", st->st_uid);
    snprintf(e->gid, sizeof(e->gid), "%u", st->st_gid);
    if (getpwuid_r(st->st_uid, &user, text, sizeof(text), &u) == 0 && u != NULL)
        str_copy(e->uid, sizeof(e->uid), u->pw_name);
    if (getgrgid_r(st->st_gid, &group, text, sizeof(text), &g) == 0 && g != NULL)
        str_copy(e->gid, sizeof(e->gid), g->gr_name);
}

/* A link that can be followed is what it leads to, so that people see a folder. */
static bool entry_stat(const char *root, int folder, const char *name, const char *instance,
                       struct stat *out)
{
    if (fstatat(folder, name, out, AT_SYMLINK_NOFOLLOW) != 0)
        return false;
    int volume = S_ISLNK(out->st_mode) ? step_or_cross(root, folder, name, instance) : -1;
    if (volume < 0)
        return true;
    bool there = fstat(volume, out) == 0;
    close(volume);
    return there;
}

static bool entry_fill(const char *root, int folder, const char *name, const char *instance,
                       struct sandbox_entry *e)
{
    struct stat st;
    if (!entry_stat(root, folder, name, instance, &st))
        return false;
    *e = (struct sandbox_entry){
        .name = mem_strdup(name),
        .nlink = st.st_nlink,
        .size = st.st_size,
        .mtime.ms = st.st_mtim.tv_sec * 1000ll + st.st_mtim.tv_nsec / 1000000,
        .mode = st.st_mode,
    };
    name_owner(&st, e);
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct sandbox_entry *)a)->name, ((const struct sandbox_entry *)b)->name);
}

int sandbox_browse(const char *root, const char *path, struct sandbox_entry **entries_out,
                   size_t *n_out, struct error *err)
{
    int fd;
    size_t n = 0, room = 0;
    char instance[UUID_TEXT_SIZE + 1];
    struct sandbox_entry *entries = NULL;
    if (open_path(root, path, instance, &fd, err) != 0)
        return -1;
    DIR *dir = fdopendir(fd);
    if (dir == NULL)
        close(fd); /* a plain file: no entries, no error */
    for (struct dirent *d; dir != NULL && n < LIMIT_BROWSE && (d = readdir(dir)) != NULL;) {
        if (!is_name(d->d_name))
            continue;
        if (n == room) {
            room = room == 0 ? 32 : 2 * room;
            entries = mem_realloc(entries, room * sizeof(*entries));
        }
        n += entry_fill(root, fd, d->d_name, instance, &entries[n]);
    }
    if (dir != NULL)
        closedir(dir);
    if (n > 0)
        qsort(entries, n, sizeof(*entries), by_name);
    *entries_out = entries;
    *n_out = n;
    return 0;
}

void sandbox_entries_free(struct sandbox_entry *entries, size_t n)
{
    for (size_t i = 0; i < n; i++)
        mem_free(entries[i].name);
    mem_free(entries);
}

const char *sandbox_mode_text(mode_t mode, char dst[SANDBOX_MODE_SIZE])
{
    static const char letters[] = "rwxrwxrwx";
    dst[0] = S_ISDIR(mode) ? 'd' : S_ISLNK(mode) ? 'l' : S_ISREG(mode) ? '-' : '?';
    for (int i = 0; i < 9; i++)
        dst[i + 1] = (mode & (0400u >> i)) != 0 ? letters[i] : '-';
    dst[10] = '\0';
    return dst;
}
