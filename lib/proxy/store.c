#include "proxy/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"

#define PATH_SIZE 4096

static int fail(struct error *err, const char *what, const char *path)
{
    return error_set(err, ERR_IO, "%s %s: %s", what, path, strerror(errno));
}

static int write_all(int fd, struct slice text)
{
    while (text.len > 0) {
        ssize_t n = write(fd, text.p, text.len);
        if (n < 0 && errno != EINTR)
            return -1;
        if (n > 0) {
            text.p += n;
            text.len -= (size_t)n;
        }
    }
    return fsync(fd);
}

static int write_beside(const char *path, struct slice text, struct error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(err, "creating", path);
    int rc = write_all(fd, text) == 0 ? 0 : fail(err, "writing", path);
    close(fd);
    return rc;
}

static int sync_folder(const char *folder, struct error *err)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail(err, "opening", folder);
    int rc = fsync(fd) == 0 ? 0 : fail(err, "syncing", folder);
    close(fd);
    return rc;
}

static int write_file(const char *folder, struct slice text, struct error *err)
{
    char path[PATH_SIZE], beside[PATH_SIZE];
    snprintf(path, sizeof(path), "%s/routes", folder);
    snprintf(beside, sizeof(beside), "%s/routes.new", folder);
    if (write_beside(beside, text, err) != 0)
        return -1;
    if (rename(beside, path) != 0)
        return fail(err, "renaming", beside);
    return sync_folder(folder, err);
}

/* ---- on the loop */

void proxy_store_init(struct proxy_store *s, uv_loop_t *loop, const char *folder,
                      void (*render)(struct proxy_store *s, struct buf *out))
{
    *s = (struct proxy_store){
        .data = s->data, .loop = loop, .folder = mem_strdup(folder), .render = render};
    struct stat st;
    if (stat(folder, &st) == 0) {
        s->folder_dev = st.st_dev;
        s->folder_ino = st.st_ino;
    }
    buf_init(&s->text, LIMIT_PROXY_STATE_BYTES);
    s->work.data = s;
}

static bool is_anothers(const struct proxy_store *s)
{
    struct stat now;
    return s->folder_ino != 0 && stat(s->folder, &now) == 0 &&
           (now.st_dev != s->folder_dev || now.st_ino != s->folder_ino);
}

static void on_pool(uv_work_t *work)
{
    struct proxy_store *s = work->data;
    if (is_anothers(s))
        error_set(&s->failure, ERR_CONFLICT, "%s: another folder has its place", s->folder);
    else if (write_file(s->folder, buf_slice(&s->text), &s->failure) == 0)
        s->failure.code = ERR_NONE;
}

static void tell_once(struct proxy_store *s)
{
    bool failed = s->failure.code != ERR_NONE;
    if (failed && !s->failing)
        log_error("routes not kept", "reason=%s", s->failure.text);
    if (!failed && s->failing)
        log_info("routes kept again", "folder=%s", s->folder);
    s->failing = failed;
}

static void on_written(uv_work_t *work, int status)
{
    struct proxy_store *s = work->data;
    (void)status; /* nobody cancels it */
    s->busy = false;
    tell_once(s);
    if (s->idle != NULL)
        s->idle(s);
    else if (s->again)
        proxy_store_save(s);
}

void proxy_store_save(struct proxy_store *s)
{
    s->again = s->busy || s->idle != NULL;
    if (s->again)
        return;
    buf_clear(&s->text);
    s->render(s, &s->text);
    if (buf_full(&s->text)) {
        log_error("routes not kept", "reason=more than %d bytes", LIMIT_PROXY_STATE_BYTES);
        return;
    }
    s->busy = true;
    uv_queue_work(s->loop, &s->work, on_pool, on_written);
}

static void nothing(uv_work_t *work)
{
    (void)work;
}

void proxy_store_stop(struct proxy_store *s, void (*idle)(struct proxy_store *s))
{
    ASSERT(s->idle == NULL);
    s->idle = idle;
    if (!s->busy) { /* so that it fires later, from the loop */
        s->busy = true;
        uv_queue_work(s->loop, &s->work, nothing, on_written);
    }
}

void proxy_store_resume(struct proxy_store *s)
{
    s->idle = NULL;
    if (s->again)
        proxy_store_save(s);
}

void proxy_store_close(struct proxy_store *s)
{
    ASSERT(!s->busy);
    buf_close(&s->text);
    mem_free(s->folder);
}

/* ---- reading */

static int read_all(int fd, struct buf *out)
{
    char chunk[65536];
    ssize_t n;
    while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
        if (n < 0 && errno != EINTR)
            return -1;
        if (n > 0)
            buf_put(out, chunk, (size_t)n);
    }
    return 0;
}

struct json *proxy_store_load(const char *folder, struct error *err)
{
    char path[PATH_SIZE];
    struct buf text;
    struct json *v = NULL;
    snprintf(path, sizeof(path), "%s/routes", folder);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        error_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "reading %s: %s", path,
                  strerror(errno));
        return NULL;
    }
    buf_init(&text, LIMIT_PROXY_STATE_BYTES);
    if (read_all(fd, &text) != 0)
        fail(err, "reading", path);
    else if ((v = json_parse(buf_slice(&text), err)) == NULL)
        error_wrap(err, "reading %s", path);
    close(fd);
    buf_close(&text);
    return v;
}
