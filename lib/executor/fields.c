#include "executor/fields.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"

#define FRESH_SIZE 64

static const char escaped[] = "\\\n", escapes[] = "\\n"; /* side by side */

/* False when it does not fit; *n is moved on. */
static bool escape(char *dst, size_t size, size_t *n, const char *value)
{
    for (; *value != '\0'; value++) {
        const char *at = strchr(escaped, *value);
        if (*n + 2 >= size)
            return false;
        if (at != NULL)
            dst[(*n)++] = '\\';
        dst[(*n)++] = at != NULL ? escapes[at - escaped] : *value;
    }
    return true;
}

void fields_put(struct fields *f, const char *key, const char *value)
{
    size_t n = f->len, key_n = strlen(key);
    if (value == NULL || n + key_n + 2 >= sizeof(f->text))
        return;
    memcpy(f->text + n, key, key_n);
    n += key_n;
    f->text[n++] = '=';
    if (escape(f->text, sizeof(f->text) - 1, &n, value)) {
        f->text[n++] = '\n';
        f->len = n;
    }
    f->text[f->len] = '\0';
}

void fields_put_int(struct fields *f, const char *key, int64_t value)
{
    char text[I64_TEXT_SIZE];
    fields_put(f, key, str_of_i64(text, value));
}

static const char *value_of(const struct fields *f, const char *key)
{
    size_t n = strlen(key);
    for (const char *line = f->text; line != NULL && *line != '\0';) {
        if (strncmp(line, key, n) == 0 && line[n] == '=')
            return line + n + 1;
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
    return NULL;
}

const char *fields_get(const struct fields *f, const char *key, char *dst, size_t size)
{
    size_t n = 0;
    const char *p = value_of(f, key);
    for (; p != NULL && *p != '\0' && *p != '\n' && n + 1 < size; p++) {
        const char *at = p[0] == '\\' && p[1] != '\0' ? strchr(escapes, p[1]) : NULL;
        dst[n++] = at != NULL ? escaped[at - escapes] : *p;
        p += at != NULL;
    }
    dst[n] = '\0';
    return dst;
}

bool fields_has(const struct fields *f, const char *key)
{
    return value_of(f, key) != NULL;
}

int64_t fields_int(const struct fields *f, const char *key, int64_t otherwise)
{
    char text[24];
    int64_t value;
    return str_to_i64(fields_get(f, key, text, sizeof(text)), &value) ? value : otherwise;
}

void fields_take(struct fields *f, const void *bytes, size_t n)
{
    f->len = n < sizeof(f->text) ? n : sizeof(f->text) - 1;
    memcpy(f->text, bytes, f->len);
    f->text[f->len] = '\0';
}

/* Over what is there, which is cut before (O_TRUNC) or afterwards: then the room it has is kept. */
static int write_file(const void *bytes, size_t n, int folder_fd, const char *name, int flags,
                      bool durable)
{
    int fd = openat(folder_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);
    if (fd < 0)
        return -1;
    bool ok = write(fd, bytes, n) == (ssize_t)n &&
              ((flags & O_TRUNC) != 0 || ftruncate(fd, (off_t)n) == 0) &&
              (!durable || fsync(fd) == 0);
    int saved = errno;
    close(fd);
    errno = saved;
    return ok ? 0 : -1;
}

static int cannot_write(const char *name, struct error *err)
{
    return error_set(err, ERR_IO, "cannot write %s: %s", name, strerror(errno));
}

static const char *fresh_name(const char *name, char dst[FRESH_SIZE])
{
    snprintf(dst, FRESH_SIZE, "%s.new", name);
    return dst;
}

int fields_reserve(int folder_fd, const char *name, struct error *err)
{
    static const char room[FIELDS_SIZE];
    char fresh[FRESH_SIZE];
    if (write_file(room, sizeof(room), folder_fd, fresh_name(name, fresh), O_TRUNC, false) != 0)
        return cannot_write(name, err);
    return 0;
}

int fields_save(const struct fields *f, int folder_fd, const char *name, bool durable,
                struct error *err)
{
    char fresh[FRESH_SIZE];
    if (write_file(f->text, f->len, folder_fd, fresh_name(name, fresh), 0, durable) != 0 ||
        renameat(folder_fd, fresh, folder_fd, name) != 0 || (durable && fsync(folder_fd) != 0))
        return cannot_write(name, err);
    return 0;
}

int fields_write_in_place(const struct fields *f, int folder_fd, const char *name,
                          struct error *err)
{
    if (write_file(f->text, f->len, folder_fd, name, O_TRUNC, false) != 0)
        return cannot_write(name, err);
    return 0;
}

int fields_load(struct fields *f, int folder_fd, const char *name, struct error *err)
{
    int fd = openat(folder_fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "cannot read %s: %s", name,
                         strerror(errno));
    char bytes[FIELDS_SIZE];
    ssize_t n = read(fd, bytes, sizeof(bytes));
    int saved = errno;
    close(fd);
    if (n < 0)
        return error_set(err, ERR_IO, "cannot read %s: %s", name, strerror(saved));
    if (n == 0)
        return error_set(err, ERR_NOT_FOUND, "%s is empty", name);
    fields_take(f, bytes, (size_t)n);
    return 0;
}
