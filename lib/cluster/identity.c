#include "cluster/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/str.h"

#define SECRET 0600
#define OPEN 0644

/* ---- files */

static bool write_all(int fd, struct slice text)
{
    while (text.len > 0) {
        ssize_t n = write(fd, text.p, text.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        text.p += n;
        text.len -= (size_t)n;
    }
    return true;
}

/* Whole and durable, or not at all. */
static int write_file(int dir, const char *folder, const char *name, mode_t mode, struct slice text,
                      struct error *err)
{
    char fresh[32];
    snprintf(fresh, sizeof fresh, "%s.new", name);
    unlinkat(dir, fresh, 0); /* of a process that was killed: its mode may be another */
    int fd = openat(dir, fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    bool fine = fd >= 0 && write_all(fd, text) && fsync(fd) == 0;
    if (fd >= 0 && close(fd) != 0)
        fine = false;
    if (!fine || renameat(dir, fresh, dir, name) != 0 || fsync(dir) != 0)
        return error_set(err, ERR_IO, "%s/%s: cannot be written: %m", folder, name);
    return 0;
}

static int read_file(int dir, const char *folder, const char *name, struct buf *out,
                     struct error *err)
{
    char chunk[4096];
    ssize_t n;
    buf_init(out, LIMIT_CERTIFICATE_BYTES);
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO,
                         "%s/%s: cannot be read: %m: put it back, or join again with an empty "
                         "data folder",
                         folder, name);
    while ((n = read(fd, chunk, sizeof chunk)) > 0)
        buf_put(out, chunk, (size_t)n);
    close(fd);
    if (n < 0)
        return error_set(err, ERR_IO, "%s/%s: cannot be read", folder, name);
    return 0;
}

static int path_of(const char *data, const char *name, char dst[IDENTITY_PATH_SIZE],
                   struct error *err)
{
    if (snprintf(dst, IDENTITY_PATH_SIZE, "%s/%s", data, name) < IDENTITY_PATH_SIZE)
        return 0;
    return error_set(err, ERR_LIMIT, "%s: the path is too long", data);
}

static int open_folder(const char *path, struct error *err)
{
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        error_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: cannot be read: %m", path);
    return dir;
}

bool identity_is_there(const char *data)
{
    char path[IDENTITY_PATH_SIZE];
    struct error ignored;
    return path_of(data, "certs", path, &ignored) == 0 && access(path, F_OK) == 0;
}

/* ---- making one */

/* What is in the folder before it has its name. An empty text: there is none. */
struct files {
    struct slice ca, ca_key, certificate, key;
};

static int fill_folder(int dir, const char *folder, const struct files *f, struct error *err)
{
    if (write_file(dir, folder, "ca.pem", OPEN, f->ca, err) != 0 ||
        write_file(dir, folder, "node.key", SECRET, f->key, err) != 0 ||
        write_file(dir, folder, "node.pem", OPEN, f->certificate, err) != 0)
        return -1;
    return f->ca_key.len == 0 ? 0 : write_file(dir, folder, "ca.key", SECRET, f->ca_key, err);
}

/* Of an attempt that was killed: all but the key, which is kept or written over. */
static void clear_folder(int dir)
{
    static const char *const names[] = {"ca.pem", "ca.key", "node.pem"};
    char fresh[32];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(fresh, sizeof fresh, "%s.new", names[i]);
        unlinkat(dir, names[i], 0);
        unlinkat(dir, fresh, 0);
    }
}

/* certs.new: there already, or made. */
static int open_fresh(int above, const char *path, struct error *err)
{
    int dir = -1;
    if (mkdirat(above, "certs.new", 0700) != 0 && errno != EEXIST)
        return error_set(err, ERR_IO, "%s: cannot be made: %m", path);
    dir = open_folder(path, err);
    if (dir < 0 || fchmod(dir, 0700) == 0)
        return dir;
    error_set(err, ERR_IO, "%s: cannot be closed to others: %m", path);
    close(dir);
    return -1;
}

static int make_folder(const char *data, const struct files *f, struct error *err)
{
    char fresh[IDENTITY_PATH_SIZE], path[IDENTITY_PATH_SIZE];
    if (path_of(data, "certs.new", fresh, err) != 0 || path_of(data, "certs", path, err) != 0)
        return -1;
    int above = open_folder(data, err), dir = -1, rc = -1;
    if (above < 0)
        return -1;
    if ((dir = open_fresh(above, fresh, err)) >= 0) {
        clear_folder(dir);
        rc = fill_folder(dir, fresh, f, err);
    }
    if (rc == 0 && (renameat(above, "certs.new", above, "certs") != 0 || fsync(above) != 0))
        rc = error_set(err, ERR_IO, "%s: cannot be made: %m", path);
    if (dir >= 0)
        close(dir);
    close(above);
    return rc;
}

static int found(const char *data, const struct ca *ca, const struct key *key,
                 struct certificate facts, struct wall now, int64_t life_ms, struct error *err)
{
    struct buf request, certificate, key_text, ca_text, ca_key;
    struct buf *all[] = {&request, &certificate, &key_text, &ca_text, &ca_key};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        buf_init(all[i], LIMIT_CERTIFICATE_BYTES);
    key_request(key, &request);
    key_write(key, &key_text);
    ca_write(ca, &ca_text);
    ca_write_key(ca, &ca_key);
    facts.until = ca_until(ca, now, life_ms);
    int rc = ca_sign(ca, buf_slice(&request), &facts, now, &certificate, err);
    if (rc == 0)
        rc = make_folder(data,
                         &(struct files){.ca = buf_slice(&ca_text),
                                         .ca_key = buf_slice(&ca_key),
                                         .certificate = buf_slice(&certificate),
                                         .key = buf_slice(&key_text)},
                         err);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        buf_close(all[i]);
    return rc;
}

int identity_found(const char *data, const char *cluster, const struct certificate *facts,
                   struct wall now, int64_t life_ms, struct error *err)
{
    struct ca *ca = NULL;
    struct key *key = NULL;
    int rc = -1;
    if (ca_make(cluster, facts->serial, now, &ca, err) == 0 && key_make(&key, err) == 0)
        rc = found(data, ca, key, *facts, now, life_ms, err);
    key_free(key);
    ca_free(ca);
    return rc;
}

static int read_key_in(int dir, const char *folder, struct key **out, struct error *err)
{
    struct buf text;
    int rc = read_file(dir, folder, "node.key", &text, err);
    if (rc == 0 && key_read(buf_slice(&text), out, err) != 0)
        rc = error_wrap(err, "%s/node.key", folder);
    buf_close(&text);
    return rc;
}

static int keep_new_key(int dir, const char *folder, struct key **out, struct error *err)
{
    struct key *key;
    struct buf text;
    if (key_make(&key, err) != 0)
        return -1;
    buf_init(&text, LIMIT_CERTIFICATE_BYTES);
    key_write(key, &text);
    int rc = write_file(dir, folder, "node.key", SECRET, buf_slice(&text), err);
    buf_close(&text);
    if (rc == 0)
        *out = key;
    else
        key_free(key);
    return rc;
}

int identity_begin(const char *data, struct key **out, struct error *err)
{
    char fresh[IDENTITY_PATH_SIZE];
    if (path_of(data, "certs.new", fresh, err) != 0)
        return -1;
    int above = open_folder(data, err), rc = -1;
    if (above < 0)
        return -1;
    int dir = open_fresh(above, fresh, err);
    if (dir >= 0 && faccessat(dir, "node.key", F_OK, 0) == 0)
        rc = read_key_in(dir, fresh, out, err);
    else if (dir >= 0)
        rc = keep_new_key(dir, fresh, out, err);
    if (rc == 0 && fsync(above) != 0) {
        key_free(*out);
        *out = NULL;
        rc = error_set(err, ERR_IO, "%s: cannot be made: %m", fresh);
    }
    if (dir >= 0)
        close(dir);
    close(above);
    return rc;
}

int identity_write(const char *data, const struct key *key, const struct join_answer *a,
                   struct error *err)
{
    struct buf text;
    buf_init(&text, LIMIT_CERTIFICATE_BYTES);
    key_write(key, &text);
    int rc = make_folder(data,
                         &(struct files){.ca = slice_of(a->ca),
                                         .certificate = slice_of(a->certificate),
                                         .key = buf_slice(&text)},
                         err);
    buf_close(&text);
    return rc;
}

/* ---- what is good */

static int check_use(const struct ca *ca, struct slice pem, struct wall now,
                     struct certificate *out, struct error *err)
{
    if (ca_check(ca, pem, CERTIFICATE_OF_SERVER, now, out, err) != 0)
        return -1;
    return ca_check(ca, pem, CERTIFICATE_OF_CLIENT, now, out, err);
}

static int check_whose(const struct certificate *c, int64_t id, int64_t store, struct error *err)
{
    if (c->id == id && c->store == store)
        return 0;
    return error_set(err, ERR_CONFLICT,
                     "certificate: is that of node %lld on disk %lld, node.json says %lld on "
                     "%lld: put back what belongs together, or join with an empty data folder",
                     (long long)c->id, (long long)c->store, (long long)id, (long long)store);
}

/* NULL and ERR_INVALID when they do not belong together. */
static struct tls *tls_of(const struct ca *ca, const struct key *key, struct slice certificate,
                          struct error *err)
{
    struct buf ca_text, key_text;
    buf_init(&ca_text, LIMIT_CERTIFICATE_BYTES);
    buf_init(&key_text, LIMIT_CERTIFICATE_BYTES);
    ca_write(ca, &ca_text);
    key_write(key, &key_text);
    struct tls *tls = tls_new(&(struct tls_config){.ca = buf_slice(&ca_text),
                                                   .certificate = certificate,
                                                   .key = buf_slice(&key_text)},
                              err);
    buf_close(&ca_text);
    buf_close(&key_text);
    return tls;
}

static int check_answer(const struct ca *ca, const struct join_answer *a, const struct key *key,
                        int64_t id, int64_t store, struct wall now, struct error *err)
{
    struct certificate c;
    if (!str_eq(ca_cluster(ca), a->cluster))
        return error_set(err, ERR_CONFLICT, "cluster: got %s, its CA is that of %s", a->cluster,
                         ca_cluster(ca));
    if (check_use(ca, slice_of(a->certificate), now, &c, err) != 0 ||
        check_whose(&c, id, store, err) != 0)
        return -1;
    struct tls *tls = tls_of(ca, key, slice_of(a->certificate), err);
    if (tls == NULL)
        return -1;
    tls_unref(tls);
    return 0;
}

int identity_check_answer(const struct join_answer *a, const uint8_t fingerprint[SHA256_SIZE],
                          const struct key *key, int64_t id, int64_t store, struct wall now,
                          struct error *err)
{
    struct ca *ca;
    if (ca_read(slice_of(a->ca), (struct slice){NULL, 0}, &ca, err) != 0)
        return error_wrap(err, "answer to the join request");
    int rc = ca_expect(ca, fingerprint, err);
    if (rc == 0 && (rc = check_answer(ca, a, key, id, store, now, err)) != 0)
        error_wrap(err, "answer to the join request");
    ca_free(ca);
    return rc;
}

/* ---- having one */

/* Its key is there on masters only. */
static int read_ca(int dir, struct identity *i, struct error *err)
{
    struct buf certificate, key = {0};
    int rc = read_file(dir, i->folder, "ca.pem", &certificate, err);
    if (rc == 0 && faccessat(dir, "ca.key", F_OK, 0) == 0)
        rc = read_file(dir, i->folder, "ca.key", &key, err);
    if (rc == 0 && ca_read(buf_slice(&certificate), buf_slice(&key), &i->ca, err) != 0)
        rc = error_wrap(err, "%s", i->folder);
    buf_close(&certificate);
    buf_close(&key);
    return rc;
}

static int read_node(int dir, struct identity *i, int64_t id, int64_t store, struct error *err)
{
    struct buf certificate;
    int rc = read_file(dir, i->folder, "node.pem", &certificate, err);
    if (rc == 0 && (certificate_read(buf_slice(&certificate), &i->facts, err) != 0 ||
                    check_whose(&i->facts, id, store, err) != 0 ||
                    (i->tls = tls_of(i->ca, i->key, buf_slice(&certificate), err)) == NULL))
        rc = error_wrap(err, "%s/node.pem", i->folder);
    buf_close(&certificate);
    return rc;
}

int identity_open(const char *data, int64_t id, int64_t store, struct identity *out,
                  struct error *err)
{
    struct identity i = {0};
    int rc = path_of(data, "certs", i.folder, err);
    int dir = rc == 0 ? open_folder(i.folder, err) : -1;
    if (dir < 0)
        return -1;
    if (read_ca(dir, &i, err) != 0 || read_key_in(dir, i.folder, &i.key, err) != 0 ||
        read_node(dir, &i, id, store, err) != 0) {
        identity_close(&i);
        close(dir);
        return -1;
    }
    close(dir);
    buf_init(&i.request, LIMIT_CERTIFICATE_BYTES);
    key_request(i.key, &i.request);
    *out = i;
    return 0;
}

void identity_close(struct identity *i)
{
    tls_unref(i->tls);
    key_free(i->key);
    ca_free(i->ca);
    buf_close(&i->request);
    *i = (struct identity){0};
}

int identity_check_age(const struct identity *i, struct wall now, struct error *err)
{
    char then[TIME_TEXT_SIZE], is[TIME_TEXT_SIZE];
    switch (certificate_age(i->facts.from, i->facts.until, now)) {
    case CERTIFICATE_FRESH:
    case CERTIFICATE_DUE:
        return 0;
    case CERTIFICATE_EARLY:
        return error_set(err, ERR_INVALID,
                         "%s/node.pem: is good from %s on, it is %s now: set the clock", i->folder,
                         wall_text(i->facts.from, then), wall_text(now, is));
    case CERTIFICATE_OVER:
        return error_set(err, ERR_INVALID,
                         "%s/node.pem: was good until %s, it is %s now: mesolith join ADDRESS "
                         "--token TOKEN makes it good again, or set the clock",
                         i->folder, wall_text(i->facts.until, then), wall_text(now, is));
    }
    UNREACHABLE("certificate_age() knows no other");
}

/* ---- changing it */

static int write_in(const struct identity *i, const char *name, mode_t mode, struct slice text,
                    struct error *err)
{
    int dir = open_folder(i->folder, err);
    if (dir < 0)
        return -1;
    int rc = write_file(dir, i->folder, name, mode, text, err);
    close(dir);
    return rc;
}

int identity_renew(struct identity *i, struct slice certificate, struct wall now, struct error *err)
{
    struct certificate c;
    if (check_use(i->ca, certificate, now, &c, err) != 0 ||
        check_whose(&c, i->facts.id, i->facts.store, err) != 0)
        return -1;
    struct tls *tls = tls_of(i->ca, i->key, certificate, err);
    if (tls == NULL)
        return -1;
    if (write_in(i, "node.pem", OPEN, certificate, err) != 0) {
        tls_unref(tls);
        return -1;
    }
    tls_unref(i->tls);
    i->tls = tls;
    i->facts = c;
    return 0;
}

int identity_renew_self(struct identity *i, int64_t serial, struct wall now, int64_t life_ms,
                        struct error *err)
{
    struct certificate facts = i->facts;
    struct buf certificate;
    if (!ca_can_sign(i->ca))
        return error_set(err, ERR_NOT_FOUND, "%s/ca.key: is not here", i->folder);
    buf_init(&certificate, LIMIT_CERTIFICATE_BYTES);
    facts.serial = serial;
    facts.until = ca_until(i->ca, now, life_ms);
    int rc = ca_sign(i->ca, buf_slice(&i->request), &facts, now, &certificate, err);
    if (rc == 0)
        rc = identity_renew(i, buf_slice(&certificate), now, err);
    buf_close(&certificate);
    return rc;
}

int identity_take_ca_key(struct identity *i, struct slice key, struct error *err)
{
    struct buf certificate;
    struct ca *ca;
    buf_init(&certificate, LIMIT_CERTIFICATE_BYTES);
    ca_write(i->ca, &certificate);
    int rc = ca_read(buf_slice(&certificate), key, &ca, err);
    buf_close(&certificate);
    if (rc != 0)
        return -1;
    if (key.len == 0 || write_in(i, "ca.key", SECRET, key, err) != 0) {
        ca_free(ca);
        return key.len == 0 ? error_set(err, ERR_CORRUPT, "CA: got no key") : -1;
    }
    ca_free(i->ca);
    i->ca = ca;
    return 0;
}
