#include "support/faultvfs.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/str.h"

struct undo { /* one write or truncation since the last sync */
    struct list link;
    int64_t at, size_before;
    size_t len;   /* bytes that were written; 0 for a truncation */
    size_t n_old; /* bytes that stood there */
    unsigned char old[];
};

struct disk_file {
    struct list link;
    char *path;
    struct list undos;    /* oldest first */
    unsigned char *bytes; /* what the file holds while it is open; written when it is closed */
    size_t size, cap;
    unsigned opened; /* how often it is open now */
    bool changed;
};

struct faultvfs {
    sqlite3_vfs vfs;
    sqlite3_vfs *real;
    char *name;
    struct rng rng;
    struct list files;
    bool dead, full, lies, no_room;
    uint64_t count[N_FAULTS];
    uint64_t fail_at[N_FAULTS], die_at[N_FAULTS]; /* in counts; 0: never */
};

struct open_file {
    sqlite3_file base;
    struct faultvfs *v;
    struct disk_file *disk; /* NULL for a temporary file */
    sqlite3_file *real;
};

/* ---- failing */

static bool fails(struct faultvfs *v, enum fault what)
{
    uint64_t n = ++v->count[what];
    if (v->die_at[what] == n)
        v->dead = true;
    return v->dead || v->fail_at[what] == n;
}

void faultvfs_fail(struct faultvfs *v, enum fault what, unsigned n)
{
    v->fail_at[what] = n == 0 ? 0 : v->count[what] + n;
}

void faultvfs_die_at(struct faultvfs *v, enum fault what, unsigned n)
{
    v->die_at[what] = n == 0 ? 0 : v->count[what] + n;
}

void faultvfs_die(struct faultvfs *v)
{
    v->dead = true;
}
bool faultvfs_dead(const struct faultvfs *v)
{
    return v->dead;
}

void faultvfs_full(struct faultvfs *v, bool full)
{
    v->full = full;
}

void faultvfs_lie(struct faultvfs *v)
{
    v->lies = true;
}

void faultvfs_takes_no_room(struct faultvfs *v)
{
    v->no_room = true;
}

uint64_t faultvfs_count(const struct faultvfs *v, enum fault what)
{
    return v->count[what];
}

/* ---- remembering what is not synced */

static void forget(struct disk_file *f)
{
    LIST_EACH (it, &f->undos) {
        list_remove(it);
        mem_free(LIST_ENTRY(it, struct undo, link));
    }
}

static struct disk_file *disk_file(struct faultvfs *v, const char *path)
{
    LIST_EACH (it, &v->files) {
        struct disk_file *f = LIST_ENTRY(it, struct disk_file, link);
        if (str_eq(f->path, path))
            return f;
    }
    struct disk_file *f = NEW(struct disk_file);
    f->path = mem_strdup(path);
    list_init(&f->undos);
    list_push(&v->files, &f->link);
    return f;
}

/* ---- a file's bytes: no system call a read or write, which is most of what a simulated node does.
 * The system's file is what others see, and what is there after a crash. */

static void grow(struct disk_file *f, size_t size)
{
    if (size > f->cap) {
        f->cap = size < 2 * f->cap ? 2 * f->cap : size;
        f->bytes = mem_realloc(f->bytes, f->cap);
    }
    if (size > f->size)
        memset(f->bytes + f->size, 0, size - f->size);
    f->size = size;
}

static void load(struct disk_file *f)
{
    struct stat st;
    if (f->opened++ > 0)
        return;
    int fd = open(f->path, O_RDONLY | O_CLOEXEC);
    ASSERT(fd >= 0 && fstat(fd, &st) == 0);
    f->size = 0;
    grow(f, (size_t)st.st_size);
    ASSERT(pread(fd, f->bytes, f->size, 0) == (ssize_t)f->size);
    close(fd);
    f->changed = false;
}

static void unload(struct disk_file *f)
{
    if (--f->opened > 0)
        return;
    int fd = f->changed ? open(f->path, O_WRONLY | O_CLOEXEC) : -1;
    if (fd >= 0) { /* else it was deleted meanwhile */
        ASSERT(pwrite(fd, f->bytes, f->size, 0) == (ssize_t)f->size);
        ASSERT(ftruncate(fd, (off_t)f->size) == 0);
        close(fd);
    }
    mem_free(f->bytes);
    f->bytes = NULL;
    f->size = f->cap = 0;
}

/* Keeps the bytes from `at` that a write of len, or a truncation (len 0: to the end), will spoil.
 */
static void remember(struct open_file *f, int64_t at, size_t len)
{
    if (f->disk == NULL)
        return;
    int64_t size = (int64_t)f->disk->size;
    int64_t end = len == 0 || at + (int64_t)len > size ? size : at + (int64_t)len;
    size_t n_old = end > at ? (size_t)(end - at) : 0;
    struct undo *u = mem_alloc(sizeof *u + n_old);
    *u = (struct undo){.at = at, .size_before = size, .len = len, .n_old = n_old};
    if (n_old > 0)
        memcpy(u->old, f->disk->bytes + at, n_old);
    list_push(&f->disk->undos, &u->link);
}

/* Puts back what stood at u->at + from and after it. */
static void put_back(int fd, const struct undo *u, size_t from)
{
    if (from < u->n_old) {
        ssize_t n = pwrite(fd, u->old + from, u->n_old - from, u->at + (int64_t)from);
        ASSERT(n == (ssize_t)(u->n_old - from));
    }
    int64_t size = u->at + (int64_t)from > u->size_before ? u->at + (int64_t)from : u->size_before;
    ASSERT(ftruncate(fd, size) == 0);
}

static void flip_byte(struct faultvfs *v, int fd, const struct undo *u)
{
    int64_t at = u->at + (int64_t)rng_below(&v->rng, u->len);
    unsigned char byte;
    if (pread(fd, &byte, 1, at) != 1)
        return;
    byte ^= (unsigned char)(1 + rng_below(&v->rng, 255));
    ASSERT(pwrite(fd, &byte, 1, at) == 1);
}

static void undo_last(struct faultvfs *v, int fd, struct disk_file *f, size_t n, bool tear)
{
    for (; n > 0; n--) {
        struct undo *u = LIST_ENTRY(f->undos.prev, struct undo, link);
        size_t from = tear && n == 1 && u->len > 0 ? (size_t)rng_below(&v->rng, u->len) : 0;
        put_back(fd, u, from);
        list_remove(&u->link);
        mem_free(u);
    }
}

static size_t list_length(struct list *l)
{
    size_t n = 0;
    LIST_EACH (it, l) {
        n++;
    }
    return n;
}

static void meet_fate(struct faultvfs *v, struct disk_file *f, enum fate fate)
{
    size_t n = list_length(&f->undos);
    int fd = n == 0 ? -1 : open(f->path, O_RDWR | O_CLOEXEC);
    if (fd >= 0) {
        switch (fate) {
        case FATE_KEPT:
            break;
        case FATE_LOST:
            undo_last(v, fd, f, n, false);
            break;
        case FATE_TORN:
        case FATE_FLIPPED:
            undo_last(v, fd, f, 1 + (size_t)rng_below(&v->rng, n), true);
            if (fate == FATE_FLIPPED && !list_empty(&f->undos) &&
                LIST_ENTRY(f->undos.prev, struct undo, link)->len > 0)
                flip_byte(v, fd, LIST_ENTRY(f->undos.prev, struct undo, link));
        }
        close(fd);
    }
    forget(f);
}

void faultvfs_revive(struct faultvfs *v, enum fate fate)
{
    LIST_EACH (it, &v->files) {
        meet_fate(v, LIST_ENTRY(it, struct disk_file, link), fate);
    }
    v->dead = false;
    memset(v->fail_at, 0, sizeof v->fail_at);
    memset(v->die_at, 0, sizeof v->die_at);
}

/* ---- an open file */

static struct open_file *of(sqlite3_file *file)
{
    return (struct open_file *)file;
}

static int on_close(sqlite3_file *file)
{
    struct open_file *f = of(file);
    if (f->disk != NULL)
        unload(f->disk);
    int rc = f->real->pMethods->xClose(f->real);
    mem_free(f->real);
    return rc;
}

static int on_read(sqlite3_file *file, void *p, int n, sqlite3_int64 at)
{
    struct open_file *f = of(file);
    if (fails(f->v, FAULT_READ))
        return SQLITE_IOERR_READ;
    if (f->disk == NULL)
        return f->real->pMethods->xRead(f->real, p, n, at);
    size_t there = (size_t)at < f->disk->size ? f->disk->size - (size_t)at : 0;
    if (there >= (size_t)n) {
        memcpy(p, f->disk->bytes + at, (size_t)n);
        return SQLITE_OK;
    }
    memset(p, 0, (size_t)n);
    if (there > 0)
        memcpy(p, f->disk->bytes + at, there);
    return SQLITE_IOERR_SHORT_READ;
}

static int on_write(sqlite3_file *file, const void *p, int n, sqlite3_int64 at)
{
    struct open_file *f = of(file);
    if (fails(f->v, FAULT_WRITE))
        return SQLITE_IOERR_WRITE;
    if (fails(f->v, FAULT_FULL))
        return SQLITE_FULL;
    if (f->disk == NULL)
        return f->real->pMethods->xWrite(f->real, p, n, at);
    if (f->v->full && (size_t)at + (size_t)n > f->disk->size)
        return SQLITE_FULL;
    remember(f, at, (size_t)n);
    if ((size_t)at + (size_t)n > f->disk->size)
        grow(f->disk, (size_t)at + (size_t)n);
    memcpy(f->disk->bytes + at, p, (size_t)n);
    f->disk->changed = true;
    return SQLITE_OK;
}

static int on_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct open_file *f = of(file);
    if (fails(f->v, FAULT_TRUNCATE))
        return SQLITE_IOERR_TRUNCATE;
    if (f->disk == NULL)
        return f->real->pMethods->xTruncate(f->real, size);
    remember(f, size, 0);
    grow(f->disk, (size_t)size);
    f->disk->changed = true;
    return SQLITE_OK;
}

static int on_sync(sqlite3_file *file, int flags)
{
    (void)flags;
    struct open_file *f = of(file);
    if (fails(f->v, FAULT_SYNC))
        return SQLITE_IOERR_FSYNC;
    if (f->disk != NULL && !f->v->lies)
        forget(f->disk);
    return SQLITE_OK;
}

static int on_size(sqlite3_file *file, sqlite3_int64 *size)
{
    struct open_file *f = of(file);
    if (f->disk == NULL)
        return f->real->pMethods->xFileSize(f->real, size);
    *size = (sqlite3_int64)f->disk->size;
    return SQLITE_OK;
}

static int on_lock(sqlite3_file *file, int lock)
{
    return of(file)->real->pMethods->xLock(of(file)->real, lock);
}

static int on_unlock(sqlite3_file *file, int lock)
{
    return of(file)->real->pMethods->xUnlock(of(file)->real, lock);
}

static int on_check_lock(sqlite3_file *file, int *out)
{
    return of(file)->real->pMethods->xCheckReservedLock(of(file)->real, out);
}

static int on_control(sqlite3_file *file, int op, void *arg)
{
    if (op == SQLITE_FCNTL_SIZE_HINT && of(file)->v->no_room)
        return SQLITE_OK;
    return of(file)->real->pMethods->xFileControl(of(file)->real, op, arg);
}

static int on_sector(sqlite3_file *file)
{
    return of(file)->real->pMethods->xSectorSize(of(file)->real);
}

static int on_traits(sqlite3_file *file)
{
    return of(file)->real->pMethods->xDeviceCharacteristics(of(file)->real);
}

static int on_shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **p)
{
    return of(file)->real->pMethods->xShmMap(of(file)->real, region, size, extend, p);
}

static int on_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    return of(file)->real->pMethods->xShmLock(of(file)->real, offset, n, flags);
}

static void on_shm_barrier(sqlite3_file *file)
{
    of(file)->real->pMethods->xShmBarrier(of(file)->real);
}

static int on_shm_unmap(sqlite3_file *file, int delete)
{
    return of(file)->real->pMethods->xShmUnmap(of(file)->real, delete);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2, /* without memory-mapped reading */
    .xClose = on_close,
    .xRead = on_read,
    .xWrite = on_write,
    .xTruncate = on_truncate,
    .xSync = on_sync,
    .xFileSize = on_size,
    .xLock = on_lock,
    .xUnlock = on_unlock,
    .xCheckReservedLock = on_check_lock,
    .xFileControl = on_control,
    .xSectorSize = on_sector,
    .xDeviceCharacteristics = on_traits,
    .xShmMap = on_shm_map,
    .xShmLock = on_shm_lock,
    .xShmBarrier = on_shm_barrier,
    .xShmUnmap = on_shm_unmap,
};

/* ---- the disk */

static struct faultvfs *vfs_of(sqlite3_vfs *vfs)
{
    return vfs->pAppData;
}

static int on_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags,
                   int *flags_out)
{
    struct faultvfs *v = vfs_of(vfs);
    struct open_file *f = of(file);
    f->base.pMethods = NULL;
    if (fails(v, FAULT_OPEN))
        return SQLITE_CANTOPEN;
    sqlite3_file *real = mem_zalloc((size_t)v->real->szOsFile);
    int rc = v->real->xOpen(v->real, path, real, flags, flags_out);
    if (rc != SQLITE_OK) {
        mem_free(real);
        return rc;
    }
    f->v = v;
    f->real = real;
    f->disk = path != NULL ? disk_file(v, path) : NULL;
    if (f->disk != NULL)
        load(f->disk);
    f->base.pMethods = &methods;
    return SQLITE_OK;
}

static int on_delete(sqlite3_vfs *vfs, const char *path, int sync)
{
    struct faultvfs *v = vfs_of(vfs);
    (void)sync;
    if (fails(v, FAULT_DELETE))
        return SQLITE_IOERR_DELETE;
    forget(disk_file(v, path));
    return v->real->xDelete(v->real, path, 0);
}

static int on_access(sqlite3_vfs *vfs, const char *path, int flags, int *out)
{
    return vfs_of(vfs)->real->xAccess(vfs_of(vfs)->real, path, flags, out);
}

static int on_full_path(sqlite3_vfs *vfs, const char *path, int n, char *out)
{
    return vfs_of(vfs)->real->xFullPathname(vfs_of(vfs)->real, path, n, out);
}

struct faultvfs *faultvfs_new(const char *name, uint64_t seed)
{
    struct faultvfs *v = NEW(struct faultvfs);
    v->real = sqlite3_vfs_find("unix-excl"); /* as db_open() does, without system calls to lock */
    v->name = mem_strdup(name);
    v->vfs = *v->real; /* time, chance and sleep are the system's */
    v->vfs.iVersion = 2;
    v->vfs.szOsFile = sizeof(struct open_file);
    v->vfs.pNext = NULL;
    v->vfs.zName = v->name;
    v->vfs.pAppData = v;
    v->vfs.xOpen = on_open;
    v->vfs.xDelete = on_delete;
    v->vfs.xAccess = on_access;
    v->vfs.xFullPathname = on_full_path;
    rng_seed(&v->rng, seed);
    list_init(&v->files);
    ASSERT(sqlite3_vfs_find(name) == NULL);
    ASSERT(sqlite3_vfs_register(&v->vfs, 0) == SQLITE_OK);
    return v;
}

void faultvfs_free(struct faultvfs *v)
{
    if (v == NULL)
        return;
    sqlite3_vfs_unregister(&v->vfs);
    LIST_EACH (it, &v->files) {
        struct disk_file *f = LIST_ENTRY(it, struct disk_file, link);
        forget(f);
        mem_free(f->bytes);
        mem_free(f->path);
        mem_free(f);
    }
    mem_free(v->name);
    mem_free(v);
}
