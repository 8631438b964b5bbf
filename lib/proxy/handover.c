#include "proxy/handover.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "proxy/frame.h"

#define BATCH 100    /* descriptors in one message; the kernel takes 253 */
#define PATIENCE_S 5 /* for the other side to read or write */
#define PASSED_MAX (LIMIT_PROXY_SERVICES + 2)

static const char *const kind_words[] = {"service", "control", "lock"};

static int fail(struct error *err, const char *what)
{
    if (errno == EAGAIN)
        return error_set(err, ERR_UNAVAILABLE, "%s: no answer for %d s", what, PATIENCE_S);
    return error_set(err, ERR_IO, "%s: %s", what, strerror(errno));
}

static void be_patient(int fd)
{
    struct timeval limit = {.tv_sec = PATIENCE_S};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
}

/* ---- sending */

union fd_space { /* for descriptors beside a message, aligned as the kernel wants it */
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int) * BATCH)];
};

static void attach_fds(struct msghdr *m, union fd_space *space, const int *fds, size_t n)
{
    m->msg_control = space;
    m->msg_controllen = CMSG_SPACE(n * sizeof(int));
    struct cmsghdr *c = CMSG_FIRSTHDR(m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(n * sizeof(int));
    memcpy(CMSG_DATA(c), fds, n * sizeof(int));
}

/* The descriptors travel with the first byte. */
static int send_with_fds(int fd, struct slice bytes, const int *fds, size_t n, struct error *err)
{
    union fd_space space = {0};
    while (bytes.len > 0) {
        struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes.p, .iov_len = bytes.len};
        struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
        if (n > 0)
            attach_fds(&m, &space, fds, n);
        ssize_t sent = sendmsg(fd, &m, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR)
            return fail(err, "handing over");
        if (sent > 0) {
            bytes.p += sent;
            bytes.len -= (size_t)sent;
            n = 0;
        }
    }
    return 0;
}

static void write_passed(struct json_writer *w, const struct proxy_passed *p)
{
    char text[PROXY_ADDRESS_TEXT_SIZE];
    json_object(w);
    json_member_str(w, "what", kind_words[p->kind]);
    if (p->kind == PASSED_SERVICE) {
        json_member_str(w, "address", proxy_address_ip(&p->address, text));
        json_member_int(w, "port", proxy_address_port(&p->address));
    }
    json_object_end(w);
}

static int send_batch(int fd, const struct proxy_passed *passed, size_t n, struct error *err)
{
    int fds[BATCH];
    struct proxy_message m;
    struct buf out;
    struct json_writer *w = proxy_message_begin(&m, "sockets");
    json_key(w, "sockets");
    json_array(w);
    for (size_t i = 0; i < n; i++) {
        write_passed(w, &passed[i]);
        fds[i] = passed[i].fd;
    }
    json_array_end(w);
    buf_init(&out, LIMIT_PROXY_STATE_BYTES);
    int rc = proxy_message_end(&m, &out, err);
    if (rc == 0)
        rc = send_with_fds(fd, buf_slice(&out), fds, n, err);
    buf_close(&out);
    return rc;
}

int proxy_handover_give(int fd, struct slice state, const struct proxy_passed *passed, size_t n,
                        struct error *err)
{
    int flags = fcntl(fd, F_GETFL);
    be_patient(fd);
    fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
    int rc = send_with_fds(fd, state, NULL, 0, err);
    for (size_t at = 0; rc == 0 && at < n; at += BATCH)
        rc = send_batch(fd, passed + at, n - at < BATCH ? n - at : BATCH, err);
    if (rc == 0)
        rc = send_batch(fd, NULL, 0, err);
    fcntl(fd, F_SETFL, flags);
    return rc;
}

/* ---- receiving */

struct received {
    int fds[BATCH];
    size_t n;
};

static void close_received(struct received *r)
{
    for (size_t i = 0; i < r->n; i++)
        close(r->fds[i]);
    r->n = 0;
}

static void gather_fds(struct msghdr *m, struct received *r)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        const unsigned char *data = CMSG_DATA(c);
        for (size_t i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, data + i * sizeof(int), sizeof(int));
            if (r->n < BATCH)
                r->fds[r->n++] = fd;
            else
                close(fd);
        }
    }
}

static int receive(int fd, char *p, size_t len, struct received *r, struct error *err)
{
    while (len > 0) {
        union fd_space space;
        struct iovec iov = {.iov_base = p, .iov_len = len};
        struct msghdr m = {.msg_iov = &iov,
                           .msg_iovlen = 1,
                           .msg_control = &space,
                           .msg_controllen = sizeof(space)};
        ssize_t n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
        if (n == 0)
            return error_set(err, ERR_UNAVAILABLE, "taking over: the old proxy hung up");
        if (n < 0 && errno != EINTR)
            return fail(err, "taking over");
        if (n > 0) {
            gather_fds(&m, r);
            p += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

static struct json *parse_expected(struct slice frame, const char *expected, struct error *err)
{
    const char *type;
    struct json *v = proxy_message_parse(frame, &type, err);
    if (v == NULL || str_eq(type, expected))
        return v;
    if (str_eq(type, "error"))
        error_set(err, ERR_CONFLICT, "taking over: the old proxy says: %s",
                  json_str(json_get(v, "text"), ""));
    else
        error_set(err, ERR_CONFLICT, "taking over: got %s, expected %s", type, expected);
    json_free(v);
    return NULL;
}

/* The next frame, which must be of that type. */
static struct json *receive_message(int fd, const char *expected, struct received *r,
                                    struct error *err)
{
    uint32_t len;
    r->n = 0;
    if (receive(fd, (char *)&len, sizeof(len), r, err) != 0)
        return NULL;
    len = ntohl(len);
    if (len == 0 || len > LIMIT_PROXY_STATE_BYTES) {
        error_set(err, ERR_LIMIT, "taking over: a frame of %u bytes", len);
        return NULL;
    }
    char *text = mem_alloc(len);
    struct json *v = NULL;
    if (receive(fd, text, len, r, err) == 0)
        v = parse_expected((struct slice){text, len}, expected, err);
    mem_free(text);
    return v;
}

static int keep_passed(struct proxy_taken *t, const struct json *v, int fd, struct error *err)
{
    const char *what = json_str(json_get(v, "what"), "");
    struct proxy_passed p = {.fd = fd, .kind = PASSED_SERVICE};
    while (p.kind <= PASSED_LOCK && !str_eq(what, kind_words[p.kind]))
        p.kind++;
    if (p.kind > PASSED_LOCK)
        return error_set(err, ERR_INVALID, "taking over: a socket for %.40s", what);
    if (p.kind == PASSED_SERVICE &&
        proxy_address_parse(json_str(json_get(v, "address"), ""),
                            (uint16_t)json_int(json_get(v, "port"), 0), &p.address, err) != 0)
        return error_wrap(err, "taking over");
    t->passed[t->n++] = p;
    return 0;
}

/* Keeps the descriptors that it can name; r has the others. */
static int keep_batch(struct proxy_taken *t, const struct json *sockets, struct received *r,
                      struct error *err)
{
    size_t i = 0;
    int rc = 0;
    if (json_count(sockets) != r->n || t->n + r->n > PASSED_MAX)
        return error_set(err, ERR_INVALID, "taking over: %zu sockets named, %zu came",
                         json_count(sockets), r->n);
    JSON_EACH (it, sockets)
        if (rc == 0 && (rc = keep_passed(t, it, r->fds[i], err)) == 0)
            i++;
    memmove(r->fds, r->fds + i, (r->n - i) * sizeof(int));
    r->n -= i;
    return rc;
}

static int receive_sockets(struct proxy_taken *t, struct error *err)
{
    struct received r;
    t->passed = mem_zalloc(PASSED_MAX * sizeof(*t->passed));
    for (;;) {
        struct json *v = receive_message(t->fd, "sockets", &r, err);
        const struct json *sockets = json_get(v, "sockets");
        bool last = json_count(sockets) == 0;
        int rc = v == NULL ? -1 : keep_batch(t, sockets, &r, err);
        close_received(&r);
        json_free(v);
        if (rc != 0 || last)
            return rc;
    }
}

static int dial(const char *path, struct error *err)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    str_copy(a.sun_path, sizeof(a.sun_path), path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fail(err, "a socket");
    be_patient(fd);
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0) {
        error_set(err, ERR_UNAVAILABLE, "%s: %s", path, strerror(errno));
        close(fd);
        return -1;
    }
    return fd;
}

static int ask(int fd, const char *version, struct error *err)
{
    struct buf out;
    buf_init(&out, LIMIT_PROXY_STATE_BYTES);
    proxy_message_hello(&out, version, "successor");
    proxy_message_bare(&out, "take_over");
    int rc = send_with_fds(fd, buf_slice(&out), NULL, 0, err);
    buf_close(&out);
    return rc;
}

static int take(struct proxy_taken *t, const char *version, struct error *err)
{
    struct received r = {.n = 0};
    if (ask(t->fd, version, err) != 0)
        return -1;
    struct json *hello = receive_message(t->fd, "hello", &r, err);
    close_received(&r);
    int rc = hello == NULL ? -1 : proxy_hello_check(hello, err);
    json_free(hello);
    if (rc != 0)
        return -1;
    t->state = receive_message(t->fd, "state", &r, err);
    close_received(&r);
    return t->state == NULL ? -1 : receive_sockets(t, err);
}

int proxy_handover_take(const char *path, const char *version, struct proxy_taken *out,
                        struct error *err)
{
    struct proxy_taken t = {.fd = dial(path, err)};
    if (t.fd < 0)
        return -1;
    if (take(&t, version, err) != 0) {
        for (size_t i = 0; i < t.n; i++)
            close(t.passed[i].fd);
        proxy_taken_close(&t);
        return -1;
    }
    *out = t;
    return 0;
}

int proxy_handover_confirm(struct proxy_taken *t, struct error *err)
{
    struct buf out;
    buf_init(&out, LIMIT_PROXY_STATE_BYTES);
    proxy_message_bare(&out, "taken");
    int rc = send_with_fds(t->fd, buf_slice(&out), NULL, 0, err);
    buf_close(&out);
    return rc;
}

void proxy_taken_close(struct proxy_taken *t)
{
    if (t->fd >= 0)
        close(t->fd);
    json_free(t->state);
    mem_free(t->passed);
    *t = (struct proxy_taken){.fd = -1};
}
