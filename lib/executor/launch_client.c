#include "executor/launch_client.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#define REPLIES_AT_ONCE 64 /* others want to be heard too */

static struct launch_request *find(struct launch_client *c, uint32_t id)
{
    LIST_EACH (it, &c->waiting) {
        struct launch_request *r = LIST_ENTRY(it, struct launch_request, in_waiting);
        if (r->id == id)
            return r;
    }
    return NULL;
}

static void finish(struct launch_request *r, const struct reply *reply)
{
    launch_cb *done = r->done;
    list_remove(&r->in_waiting);
    r->done = NULL;
    done(r, reply);
}

static void fail_all(struct launch_client *c, const char *text)
{
    struct list failing; /* the callbacks may order anew */
    list_init(&failing);
    for (struct list *it; (it = list_pop(&c->waiting)) != NULL;)
        list_push(&failing, it);
    while (!list_empty(&failing)) {
        struct launch_request *r = LIST_ENTRY(failing.next, struct launch_request, in_waiting);
        struct reply reply = {.kind = REPLY_FAILED, .id = r->id, .fd = -1};
        str_copy(reply.text, sizeof(reply.text), text);
        finish(r, &reply);
    }
}

static void lose(struct launch_client *c)
{
    c->gone = true;
    uv_poll_stop(&c->replies);
    log_error("launcher gone", "pid=%d", (int)c->launcher);
    fail_all(c, "the launcher process is gone");
    if (c->lost != NULL)
        c->lost(c);
}

static void close_fd(struct launch_client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

/* What is left of the reply, and the descriptor that comes with its first byte. */
static ssize_t receive(struct launch_client *c)
{
    union {
        struct cmsghdr head; /* aligns it */
        char bytes[CMSG_SPACE(sizeof(int))];
    } with;
    struct iovec part = {(char *)&c->reply + c->have, sizeof(c->reply) - c->have};
    struct msghdr m = {.msg_iov = &part,
                       .msg_iovlen = 1,
                       .msg_control = &with,
                       .msg_controllen = sizeof(with.bytes)};
    ssize_t n = recvmsg(c->replies_fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    const struct cmsghdr *head = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
    if (head != NULL && head->cmsg_type == SCM_RIGHTS && head->cmsg_len == CMSG_LEN(sizeof(int))) {
        close_fd(c);
        memcpy(&c->fd, CMSG_DATA(head), sizeof(c->fd));
    }
    return n;
}

static void take_reply(struct launch_client *c)
{
    struct reply reply = c->reply;
    struct launch_request *r = find(c, reply.id);
    c->have = 0;
    if (r == NULL) {
        close_fd(c);
        return;
    }
    reply.fd = c->fd;
    c->fd = -1;
    finish(r, &reply);
}

static void on_replies(uv_poll_t *poll, int status, int events)
{
    struct launch_client *c = poll->data;
    (void)status;
    (void)events;
    for (int i = 0; i < REPLIES_AT_ONCE && c->stopped == NULL; i++) {
        ssize_t n = receive(c);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            lose(c);
            return;
        }
        c->have += (size_t)n;
        if (c->have == sizeof(c->reply))
            take_reply(c);
    }
}

int launch_client_start(struct launch_client *c, uv_loop_t *loop, const struct launcher *launcher,
                        struct error *err)
{
    *c = (struct launch_client){
        .data = c->data, .lost = c->lost, .launcher = launcher->pid, .lull_fd = launcher->lull};
    list_init(&c->waiting);
    c->fd = -1;
    c->orders.data = c->replies.data = c;
    c->replies_fd = fcntl(launcher->fd, F_DUPFD_CLOEXEC, 3);
    int rc = c->replies_fd >= 0 ? uv_poll_init(loop, &c->replies, c->replies_fd) : -errno;
    if (rc == 0 && (rc = uv_poll_start(&c->replies, UV_READABLE, on_replies)) == 0 &&
        (rc = uv_pipe_init(loop, &c->orders, 0)) == 0)
        rc = uv_pipe_open(&c->orders, launcher->fd);
    if (rc != 0)
        return error_set(err, ERR_IO, "cannot talk to the launcher: %s", uv_strerror(rc));
    return 0;
}

void launch_busy(struct launch_client *c, bool busy)
{
    if (busy == c->busy || c->stopped != NULL)
        return;
    c->busy = busy;
    if (busy)
        eventfd_read(c->lull_fd, &(eventfd_t){0});
    else
        eventfd_write(c->lull_fd, 1);
}

static void on_closed(uv_handle_t *handle)
{
    struct launch_client *c = handle->data;
    close(c->replies_fd);
    close_fd(c);
    close(c->lull_fd);
    fail_all(c, "this node is stopping");
    c->stopped(c);
}

static void on_orders_closed(uv_handle_t *handle)
{
    struct launch_client *c = handle->data;
    uv_close((uv_handle_t *)&c->replies, on_closed);
}

void launch_client_stop(struct launch_client *c, void (*stopped)(struct launch_client *c))
{
    ASSERT(c->stopped == NULL && stopped != NULL);
    launch_busy(c, false); /* supervisors live on */
    c->stopped = stopped;
    uv_close((uv_handle_t *)&c->orders, on_orders_closed);
}

struct sending {
    uv_write_t write;
    struct buf frame;
};

static void on_sent(uv_write_t *write, int status)
{
    struct sending *s = write->data;
    (void)status; /* a broken socket is seen by the reader */
    buf_close(&s->frame);
    mem_free(s);
}

static int send_order(struct launch_client *c, const struct order *o, struct error *err)
{
    struct sending *s = NEW(struct sending);
    buf_init(&s->frame, LIMIT_ORDER_BYTES + sizeof(uint32_t));
    s->write.data = s;
    if (order_pack(o, &s->frame, err) != 0)
        goto out;
    uv_buf_t part = uv_buf_init(s->frame.data, (unsigned)s->frame.len);
    int rc = uv_write(&s->write, (uv_stream_t *)&c->orders, &part, 1, on_sent);
    if (rc == 0)
        return 0;
    error_set(err, ERR_UNAVAILABLE, "cannot talk to the launcher: %s", uv_strerror(rc));
out:
    on_sent(&s->write, 0);
    return -1;
}

int launch_order(struct launch_client *c, struct launch_request *r, struct order *o,
                 launch_cb *done, struct error *err)
{
    if (c->gone || c->stopped != NULL)
        return error_set(err, ERR_UNAVAILABLE, "the launcher process is gone");
    o->id = ++c->last_id;
    if (send_order(c, o, err) != 0)
        return -1;
    r->id = o->id;
    r->done = done;
    list_push(&c->waiting, &r->in_waiting);
    return 0;
}

void launch_cancel(struct launch_client *c, struct launch_request *r)
{
    struct error err;
    struct order o = {.kind = ORDER_CANCEL, .id = r->id};
    if (r->done == NULL || c->gone || send_order(c, &o, &err) != 0)
        return; /* then the answer comes without our help */
}
