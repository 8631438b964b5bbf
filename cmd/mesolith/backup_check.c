#include "backup_check.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "db/rowsum.h"
#include "db/statement.h"
#include "model/command.h"

#define READ_BYTES (256 << 10)

static int failed(struct error *err, const char *path)
{
    return error_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path,
                     strerror(errno));
}

/* ---- the bytes */

static int read_trailer(int fd, const char *path, struct backup_facts *out, struct error *err)
{
    struct stat st;
    char trailer[BACKUP_TRAILER];
    if (fstat(fd, &st) != 0)
        return failed(err, path);
    off_t size = st.st_size - BACKUP_TRAILER;
    if (size <= 0 || pread(fd, trailer, sizeof trailer, size) != (ssize_t)sizeof trailer)
        return error_set(err, ERR_CORRUPT, "it has %lld bytes: that is no backup",
                         (long long)st.st_size);
    if (backup_trailer_read(trailer, out, err) != 0)
        return -1;
    if (out->size != (uint64_t)size)
        return error_set(err, ERR_CORRUPT, "it has %lld bytes, need %llu: parts of it are missing",
                         (long long)st.st_size, (unsigned long long)out->size + BACKUP_TRAILER);
    return 0;
}

static int check_hash(int fd, const char *path, const struct backup_facts *f, struct error *err)
{
    struct sha256 *hash = sha256_new();
    char *chunk = mem_alloc(READ_BYTES);
    uint8_t got[SHA256_SIZE];
    uint64_t at = 0;
    ssize_t n = 1;
    while (at < f->size && n > 0) {
        size_t want = f->size - at < READ_BYTES ? (size_t)(f->size - at) : READ_BYTES;
        n = pread(fd, chunk, want, (off_t)at);
        if (n > 0)
            sha256_add(hash, chunk, (size_t)n);
        at += n > 0 ? (uint64_t)n : 0;
    }
    sha256_end(hash, got);
    mem_free(chunk);
    if (at < f->size)
        return failed(err, path);
    return memcmp(got, f->hash, SHA256_SIZE) == 0
               ? 0
               : error_set(err, ERR_CORRUPT, "its bytes have changed since it was made (SHA-256)");
}

static int check_bytes(const char *path, struct backup_facts *out, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return failed(err, path);
    int rv = read_trailer(fd, path, out, err) != 0 ? -1 : check_hash(fd, path, out, err);
    close(fd);
    return rv;
}

/* ---- what is in it */

static int one_text(struct db *db, const char *sql, char *dst, size_t size, struct error *err)
{
    struct stmt *q = db_query_reading(db, slice_of(sql), err);
    if (q == NULL)
        return -1;
    dst[0] = '\0';
    if (stmt_row(q) && stmt_str(q, 0) != NULL)
        str_copy(dst, size, stmt_str(q, 0));
    stmt_free(q);
    return db_check(db, err);
}

static int one_number(struct db *db, const char *sql, int64_t *out, struct error *err)
{
    struct stmt *q = db_query_reading(db, slice_of(sql), err);
    if (q == NULL)
        return -1;
    *out = stmt_one_i64(q, 0);
    stmt_free(q);
    return db_check(db, err);
}

static int check_level(struct db *db, int *level_out, struct error *err)
{
    if (db_schema_version(db, level_out, err) != 0)
        return -1;
    if (*level_out > COMMAND_LEVEL)
        return error_set(err, ERR_CONFLICT,
                         "its schema has level %d, this mesolith knows %d: use a newer one",
                         *level_out, COMMAND_LEVEL);
    if (*level_out == 0)
        return error_set(err, ERR_CORRUPT, "there is no state in it");
    return 0;
}

/* The pages hang together, and each row is what it was when it was written. */
static int check_rows(struct db *db, struct error *err)
{
    char verdict[256];
    if (one_text(db, "select * from pragma_quick_check(1)", verdict, sizeof verdict, err) != 0)
        return -1;
    if (!str_eq(verdict, "ok"))
        return error_set(err, ERR_CORRUPT, "%s", verdict);
    return db_rowsums_check(db, err);
}

static int count(struct db *db, struct backup_info *out, struct error *err)
{
    const struct {
        const char *sql;
        int64_t *to;
    } numbers[] = {
        {"select applied from raft_state", &out->index},
        {"select max(at_ms) from events", &out->newest.ms},
        {"select count(*) from apps where gone = 0", &out->apps},
        {"select count(*) from jobs where disabled < 2", &out->jobs},
        {"select sum(tasks) from agents", &out->tasks},
        {"select count(*) from nodes", &out->nodes},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (one_number(db, numbers[i].sql, numbers[i].to, err) != 0)
            return -1;
    return one_text(db, "select value from settings where key = 'cluster'", out->cluster,
                    sizeof out->cluster, err);
}

int backup_examine(const char *path, struct backup_info *out, struct error *err)
{
    struct db *db;
    struct backup_info info = {0};
    const struct db_options options = {.read_only = true};
    if (check_bytes(path, &info.facts, err) != 0)
        return err->code == ERR_CORRUPT ? error_wrap(err, "%s", path) : -1;
    if (db_open(path, &options, &db, err) != 0)
        return -1;
    int rv = check_level(db, &info.level, err);
    if (rv == 0)
        rv = check_rows(db, err);
    if (rv == 0)
        rv = count(db, &info, err);
    db_close(db);
    if (rv != 0)
        return error_wrap(err, "%s", path);
    *out = info;
    return 0;
}
