#include "folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/str.h"
#include "cluster/identity.h"
#include "machine.h"

/* With what is missing above it. */
static int make_folder(const char *path, struct error *err)
{
    char above[FOLDER_PATH_SIZE];
    str_copy(above, sizeof above, path);
    for (char *slash = strchr(above + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(above, 0755); /* what fails here fails below, too */
        *slash = '/';
    }
    if (mkdir(path, 0750) == 0 || errno == EEXIST)
        return 0;
    return error_set(err, ERR_IO, "data: %s: cannot be made: %m", path);
}

static int join(char dst[FOLDER_PATH_SIZE], const char *folder, const char *name, struct error *err)
{
    if (snprintf(dst, FOLDER_PATH_SIZE, "%s/%s", folder, name) < FOLDER_PATH_SIZE)
        return 0;
    return error_set(err, ERR_LIMIT, "%s: the path is too long", folder);
}

/* ---- the lock: held as long as the process lives */

static pid_t read_holder(int fd)
{
    char text[32] = "";
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    return n > 0 ? (pid_t)strtol(text, NULL, 10) : 0;
}

/* Over what is there: a full disk would not give back the block that a cut had set free. */
static bool write_holder(int fd, pid_t pid)
{
    char text[32];
    int len = snprintf(text, sizeof text, "%d\n", (int)pid);
    return pwrite(fd, text, (size_t)len, 0) == len && ftruncate(fd, len) == 0;
}

static int take_lock(struct folder *f, struct error *err)
{
    char path[FOLDER_PATH_SIZE];
    if (join(path, f->path, "lock", err) != 0)
        return -1;
    f->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (f->lock_fd < 0)
        return error_set(err, ERR_IO, "%s: cannot be opened: %m", path);
    if (flock(f->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        pid_t pid = read_holder(f->lock_fd);
        close(f->lock_fd);
        f->lock_fd = -1;
        return error_set(err, ERR_CONFLICT,
                         "data: %s: another mesolith uses this folder (process %d): end it with "
                         "mesolith stop --data %s, or name another folder",
                         f->path, (int)pid, f->path);
    }
    if (!write_holder(f->lock_fd, getpid()))
        return error_set(err, ERR_IO, "%s: cannot be written: %m", path);
    return 0;
}

/* ---- node.json */

/* 63 random bits, not 0 (DESIGN 5). */
static uint64_t random_id(void)
{
    uint64_t id = 0;
    while (id == 0)
        id = machine_random() >> 1;
    return id;
}

static int make_identity(struct folder *f, struct error *err)
{
    f->node = (struct node_file){.id = (int64_t)random_id(), .store = (int64_t)random_id()};
    return node_file_write(f->path, &f->node, err);
}

/* A disk's id is for that disk: without the state that belonged to it, it is nobody's. */
static int check_pair(struct folder *f, bool known, struct error *err)
{
    bool state = access(f->state, F_OK) == 0, agent = access(f->agent_db, F_OK) == 0;
    /* no agent yet: the very first start was interrupted */
    f->used = known && (agent || f->node.started);
    if (!known && state)
        return error_set(
            err, ERR_CORRUPT,
            "node.json is missing beside %s: put it back, or start with an empty folder", f->state);
    if (f->used && !state)
        return error_set(err, ERR_CORRUPT,
                         "%s is missing: put it back, or start with an empty folder", f->state);
    return 0;
}

static int read_identity(struct folder *f, struct error *err)
{
    struct error why;
    int rc = node_file_read(f->path, &f->node, &why);
    if (rc != 0 && why.code != ERR_NOT_FOUND) {
        *err = why;
        return -1;
    }
    if (check_pair(f, rc == 0, err) != 0)
        return -1;
    if (rc != 0 && make_identity(f, err) != 0)
        return -1;
    f->id = (uint64_t)f->node.id;
    f->store = (uint64_t)f->node.store;
    return 0;
}

bool folder_has_node(const char *path)
{
    char state[FOLDER_PATH_SIZE];
    struct error ignored;
    return join(state, path, "state.db", &ignored) == 0 &&
           (access(state, F_OK) == 0 || identity_is_there(path));
}

pid_t folder_holder(const char *path)
{
    char lock[FOLDER_PATH_SIZE];
    struct error ignored;
    int fd = join(lock, path, "lock", &ignored) == 0 ? open(lock, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return 0;
    const struct timespec moment = {0, 1000000};
    pid_t holder = 0;
    for (int i = 0; i < 1000 && holder == 0 && flock(fd, LOCK_SH | LOCK_NB) != 0; i++) {
        if ((holder = read_holder(fd)) == 0) /* it is just about to say who it is */
            nanosleep(&moment, NULL);
    }
    close(fd);
    return holder;
}

int folder_open(const char *path, struct folder *out, struct error *err)
{
    struct folder f = {.lock_fd = -1};
    char resolved[PATH_MAX];
    if (strlen(path) + 64 > FOLDER_PATH_SIZE)
        return error_set(err, ERR_LIMIT, "data: %s: the path is too long", path);
    if (make_folder(path, err) != 0)
        return -1;
    if (realpath(path, resolved) == NULL)
        return error_set(err, ERR_IO, "%s: %m", path);
    if (strlen(resolved) + 64 > FOLDER_PATH_SIZE)
        return error_set(err, ERR_LIMIT, "%s: the path is too long", resolved);
    memcpy(f.path, resolved, strlen(resolved) + 1);
    if (join(f.state, f.path, "state.db", err) != 0 || join(f.agent, f.path, "agent", err) != 0 ||
        join(f.agent_db, f.agent, "agent.db", err) != 0 || make_folder(f.agent, err) != 0)
        return -1;
    if (take_lock(&f, err) != 0 || read_identity(&f, err) != 0) {
        folder_close(&f);
        return -1;
    }
    *out = f;
    return 0;
}

bool folder_is_there(const struct folder *f)
{
    char path[FOLDER_PATH_SIZE];
    struct error ignored;
    struct stat ours, there;
    return join(path, f->path, "lock", &ignored) == 0 && fstat(f->lock_fd, &ours) == 0 &&
           stat(path, &there) == 0 && ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

void folder_close(struct folder *f)
{
    if (f->lock_fd >= 0) {
        if (!write_holder(f->lock_fd, 0)) { /* who takes the lock next does it again */
        }
        close(f->lock_fd);
    }
    f->lock_fd = -1;
    node_file_close(&f->node);
}
