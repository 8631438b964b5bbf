#include "db/swap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

static int failed(const char *what, const char *path, struct error *err)
{
    return error_set(err, ERR_IO, "%s %s: %s", what, path, strerror(errno));
}

static int sync_path(const char *path, int flags, struct error *err)
{
    int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0)
        return failed("opening", path, err);
    int rv = fsync(fd) == 0 ? 0 : failed("syncing", path, err);
    close(fd);
    return rv;
}

static int sync_folder_of(const char *path, struct error *err)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash == NULL   ? mem_strdup(".")
                   : slash == path ? mem_strdup("/")
                                   : mem_strndup(path, (size_t)(slash - path));
    int rv = sync_path(folder, O_RDONLY | O_DIRECTORY, err);
    mem_free(folder);
    return rv;
}

static int remove_beside(const char *path, const char *suffix, struct error *err)
{
    struct buf name;
    buf_init(&name, 8192);
    buf_printf(&name, "%s%s", path, suffix);
    int rv = unlink(buf_str(&name)) == 0 || errno == ENOENT
                 ? 0
                 : failed("removing", buf_str(&name), err);
    buf_close(&name);
    return rv;
}

static bool tell(bool (*did)(void *data, enum swap_step step), void *data, enum swap_step step,
                 struct error *err)
{
    if (did == NULL || did(data, step))
        return true;
    error_set(err, ERR_CANCELED, "the swap was ended");
    return false;
}

static int replace(const char *path, const char *new_path,
                   bool (*did)(void *data, enum swap_step step), void *data, struct error *err)
{
    if (!tell(did, data, SWAP_CHECKPOINTED, err))
        return -1;
    if (sync_path(new_path, O_RDONLY, err) != 0 || !tell(did, data, SWAP_SYNCED, err))
        return -1;
    if (remove_beside(path, "-wal", err) != 0 || remove_beside(path, "-shm", err) != 0 ||
        !tell(did, data, SWAP_LOG_GONE, err))
        return -1;
    if (rename(new_path, path) != 0)
        return failed("renaming", new_path, err);
    if (!tell(did, data, SWAP_RENAMED, err) || sync_folder_of(path, err) != 0 ||
        !tell(did, data, SWAP_DIR_SYNCED, err))
        return -1;
    return 0;
}

int db_swap(struct db **db, const char *new_path, bool (*did)(void *data, enum swap_step step),
            void *data, struct error *err)
{
    struct db_checkpoint all;
    if (db_checkpoint(*db, DB_CHECKPOINT_TRUNCATE, &all, err) != 0)
        return -1;
    char *path = mem_strdup(db_path(*db));
    db_close(*db);
    *db = NULL;
    int rv = replace(path, new_path, did, data, err);
    mem_free(path);
    return rv;
}
