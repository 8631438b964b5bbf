#include "node_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/str.h"

#define PATH_MAX_BYTES 1100
#define FILE_BYTES (2 << 20) /* settings of attributes and resources may be long */

/* ---- writing */

static bool sync_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool fine = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return fine;
}

/* Before the state is made: a state without its node.json is nobody's. */
static int write_durably(const char *folder, struct slice text, struct error *err)
{
    char path[PATH_MAX_BYTES], fresh[PATH_MAX_BYTES + 8];
    snprintf(path, sizeof path, "%s/node.json", folder);
    snprintf(fresh, sizeof fresh, "%s.new", path);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    bool fine = fd >= 0 && write(fd, text.p, text.len) == (ssize_t)text.len && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    if (!fine || rename(fresh, path) != 0 || !sync_folder(folder))
        return error_set(err, ERR_IO, "%s: cannot be written: %m", path);
    return 0;
}

static void write_founding(const struct founding *f, struct json_writer *w)
{
    char hash[2 * SHA256_SIZE + 1];
    if (f->token == 0)
        return;
    hex_encode(hash, f->hash, SHA256_SIZE);
    json_key(w, "founding");
    json_object(w);
    json_member_int(w, "token", f->token);
    json_member_int(w, "modes", f->modes);
    json_member_str(w, "hash", hash);
    json_member_int(w, "until", f->until.ms);
    json_object_end(w);
}

static void write_members(const struct node_file *f, struct json_writer *w)
{
    char modes[MODES_TEXT_SIZE];
    json_key(w, "members");
    json_array(w);
    for (size_t i = 0; i < f->n; i++) {
        json_object(w);
        json_member_int(w, "id", f->members[i].id);
        json_member_str(w, "modes", modes_text(f->members[i].modes, modes));
        json_member_str(w, "address", f->members[i].address);
        json_object_end(w);
    }
    json_array_end(w);
}

int node_file_write(const char *folder, const struct node_file *f, struct error *err)
{
    struct buf text;
    struct json_writer w;
    buf_init(&text, FILE_BYTES);
    json_begin(&w, &text);
    json_object(&w);
    json_member_int(&w, "id", f->id);
    json_member_int(&w, "store", f->store);
    if (f->cluster[0] != '\0') {
        json_member_str(&w, "cluster", f->cluster);
        json_member_str(&w, "made", f->founded ? "init" : "join");
        json_member_bool(&w, "started", f->started);
        json_member_str(&w, "address", f->address);
        write_founding(&f->founding, &w);
        write_members(f, &w);
    }
    if (f->settings != NULL)
        json_member_raw(&w, "settings", slice_of(f->settings));
    json_object_end(&w);
    buf_putc(&text, '\n');
    int rc = buf_full(&text)
                 ? error_set(err, ERR_LIMIT, "settings: need at most %d bytes of them", FILE_BYTES)
                 : write_durably(folder, buf_slice(&text), err);
    buf_close(&text);
    return rc;
}

/* ---- reading */

static bool read_members(const struct json *list, struct node_file *f)
{
    JSON_EACH (item, list) {
        struct join_member *m = &f->members[f->n];
        if (f->n == LIMIT_SERVERS || !json_i64(json_get(item, "id"), &m->id) || m->id <= 0 ||
            !modes_parse(json_str(json_get(item, "modes"), ""), &m->modes))
            return false;
        str_copy(m->address, sizeof m->address, json_str(json_get(item, "address"), ""));
        f->n++;
    }
    return true;
}

static bool read_founding(const struct json *v, struct founding *f)
{
    if (v == NULL)
        return true;
    f->token = json_int(json_get(v, "token"), 0);
    f->modes = (unsigned)json_int(json_get(v, "modes"), 0) & MODES_ALL;
    f->until.ms = json_int(json_get(v, "until"), 0);
    return hex_decode(f->hash, SHA256_SIZE, json_str(json_get(v, "hash"), ""));
}

static bool read_cluster(const struct json *v, struct node_file *f)
{
    const char *cluster = json_str(json_get(v, "cluster"), ""),
               *made = json_str(json_get(v, "made"), "");
    struct uuid uuid;
    if (*cluster == '\0')
        return true;
    str_copy(f->cluster, sizeof f->cluster, cluster);
    f->founded = str_eq(made, "init");
    f->started = json_bool(json_get(v, "started"), false);
    str_copy(f->address, sizeof f->address, json_str(json_get(v, "address"), ""));
    return uuid_parse(cluster, &uuid) && (f->founded || str_eq(made, "join")) &&
           read_founding(json_get(v, "founding"), &f->founding) &&
           read_members(json_get(v, "members"), f);
}

static void read_settings(const struct json *v, struct node_file *f)
{
    const struct json *settings = json_get(v, "settings");
    struct json_writer w;
    struct buf text;
    if (!json_is(settings, JSON_OBJECT))
        return;
    buf_init(&text, FILE_BYTES);
    json_begin(&w, &text);
    json_put_value(&w, settings);
    f->settings = buf_take(&text, &(size_t){0});
}

static int read_text(const char *path, struct buf *out, struct error *err)
{
    char chunk[4096];
    size_t n;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return error_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: cannot be read: %m",
                         path);
    while ((n = fread(chunk, 1, sizeof chunk, file)) > 0)
        buf_put(out, chunk, n);
    bool unread = ferror(file) != 0;
    fclose(file);
    return unread ? error_set(err, ERR_IO, "%s: cannot be read", path) : 0;
}

int node_file_read(const char *folder, struct node_file *out, struct error *err)
{
    char path[PATH_MAX_BYTES];
    struct node_file f = {0};
    struct error why;
    struct buf text;
    snprintf(path, sizeof path, "%s/node.json", folder);
    buf_init(&text, FILE_BYTES);
    if (read_text(path, &text, err) != 0) {
        buf_close(&text);
        return -1;
    }
    struct json *v = json_parse(buf_slice(&text), &why);
    bool fine = json_i64(json_get(v, "id"), &f.id) && json_i64(json_get(v, "store"), &f.store) &&
                f.id > 0 && f.store > 0 && read_cluster(v, &f);
    if (fine)
        read_settings(v, &f);
    json_free(v);
    buf_close(&text);
    if (!fine)
        return error_set(err, ERR_CORRUPT,
                         "%s: need {\"id\":…,\"store\":…}: put back what was there", path);
    *out = f;
    return 0;
}

void node_file_close(struct node_file *f)
{
    mem_free(f->settings);
    *f = (struct node_file){0};
}
