#include "host/copies.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/str.h"
#include "db/db.h"

#define READ_BYTES (256 << 10)
#define COPY_BUSY_MS 1000

static const char *const kinds[] = {[COPY_SNAPSHOT] = "snapshot", [COPY_BACKUP] = "backup"};

void copy_path(const char *state_path, enum copy_kind kind, uint64_t token,
               char dst[COPY_PATH_SIZE])
{
    snprintf(dst, COPY_PATH_SIZE, "%s.%s-%016llx", state_path, kinds[kind],
             (unsigned long long)token);
}

static int failed(struct error *err, const char *what, const char *path)
{
    return error_set(err, ERR_IO, "%s %s: %s", what, path, strerror(errno));
}

static bool goes_on(const struct copy_options *o)
{
    return o->go_on == NULL || o->go_on(o->data);
}

static int canceled(struct error *err)
{
    return error_set(err, ERR_CANCELED, "the node is stopping");
}

static int copy_database(const struct copy_options *o, const char *path, struct error *err)
{
    struct db *db;
    const struct db_options options = {.read_only = true, .busy_ms = COPY_BUSY_MS, .vfs = o->vfs};
    if (db_open(o->state_path, &options, &db, err) != 0)
        return -1;
    if (o->go_on != NULL)
        db_set_patience(db, o->go_on, o->data);
    int rv = db_copy_to(db, path, err);
    db_close(db);
    return rv;
}

static int hash_file(const struct copy_options *o, int fd, const char *path,
                     struct replica_snapshot *s, struct error *err)
{
    struct sha256 *hash = sha256_new();
    char *chunk = mem_alloc(READ_BYTES);
    ssize_t n = 0;
    s->size = 0;
    while (goes_on(o) && (n = read(fd, chunk, READ_BYTES)) > 0) {
        sha256_add(hash, chunk, (size_t)n);
        s->size += (uint64_t)n;
    }
    sha256_end(hash, s->hash);
    mem_free(chunk);
    if (n < 0)
        return failed(err, "reading", path);
    return goes_on(o) ? 0 : canceled(err);
}

/* No start finds it again, but a disk that has no room may say so only now. */
static int finish_file(const struct copy_options *o, const char *path, struct replica_snapshot *s,
                       struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return failed(err, "opening", path);
    int rv = hash_file(o, fd, path, s, err);
    if (rv == 0 && fsync(fd) != 0)
        rv = failed(err, "syncing", path);
    close(fd);
    return rv;
}

static void remove_copy(const char *path)
{
    char journal[COPY_PATH_SIZE + 16];
    snprintf(journal, sizeof journal, "%s-journal", path);
    unlink(path);
    unlink(journal);
}

int copy_make(const struct copy_options *o, struct replica_snapshot *out, struct error *err)
{
    char path[COPY_PATH_SIZE];
    struct replica_snapshot s = {0};
    copy_path(o->state_path, o->kind, o->token, path);
    remove_copy(path);
    int rv = copy_database(o, path, err);
    if (rv == 0)
        rv = replica_snapshot_prune(path, o->vfs, &s, err);
    if (rv == 0)
        rv = finish_file(o, path, &s, err);
    if (rv != 0) {
        if (!goes_on(o))
            canceled(err);
        replica_snapshot_close(&s);
        remove_copy(path);
        return -1;
    }
    s.token = o->token;
    *out = s;
    return 0;
}

void copies_clear(const char *state_path, enum copy_kind kind, uint64_t keep)
{
    char folder[COPY_PATH_SIZE], kept[COPY_PATH_SIZE], begin[COPY_PATH_SIZE];
    char path[2 * COPY_PATH_SIZE];
    copy_path(state_path, kind, keep, kept);
    const char *slash = strrchr(state_path, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - state_path) + 1;
    snprintf(folder, sizeof folder, "%.*s", (int)len, state_path);
    snprintf(begin, sizeof begin, "%s.%s-", state_path + len, kinds[kind]);
    DIR *dir = opendir(len == 0 ? "." : folder);
    if (dir == NULL)
        return; /* whoever opens the state says what is wrong with its folder */
    struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        if (!str_starts(entry->d_name, begin))
            continue;
        snprintf(path, sizeof path, "%s%s", folder, entry->d_name);
        if (keep == 0 || !str_eq(path, kept))
            unlink(path);
    }
    closedir(dir);
}
