#include "executor/launch_client.h"

#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

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
        struct reply reply = {.kind = REPLY_FAILED, .id = r->id};
        str_copy(reply.text, sizeof(reply.text), text);
        finish(r, &reply);
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct launch_client *c = handle->data;
    (void)suggested;
    *buf = uv_buf_init((char *)&c->reply + c->have, (unsigned)(sizeof(c->reply) - c->have));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct launch_client *c = stream->data;
    (void)buf;
    if (n < 0) {
        c->gone = true;
        uv_read_stop(stream);
        log_error("launcher gone", "pid=%d", (int)c->launcher);
        fail_all(c, "the launcher process is gone");
        if (c->lost != NULL)
            c->lost(c);
        return;
    }
    c->have += (size_t)n;
    if (c->have < sizeof(c->reply))
        return;
    c->have = 0;
    struct reply reply = c->reply;
    struct launch_request *r = find(c, reply.id);
    if (r != NULL)
        finish(r, &reply);
}

int launch_client_start(struct launch_client *c, uv_loop_t *loop, const struct launcher *launcher,
                        struct error *err)
{
    *c = (struct launch_client){
        .data = c->data, .lost = c->lost, .launcher = launcher->pid, .lull_fd = launcher->lull};
    list_init(&c->waiting);
    int rc = uv_pipe_init(loop, &c->pipe, 0);
    c->pipe.data = c;
    if (rc == 0 && (rc = uv_pipe_open(&c->pipe, launcher->fd)) == 0)
        rc = uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read);
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
    close(c->lull_fd);
    fail_all(c, "this node is stopping");
    c->stopped(c);
}

void launch_client_stop(struct launch_client *c, void (*stopped)(struct launch_client *c))
{
    ASSERT(c->stopped == NULL && stopped != NULL);
    launch_busy(c, false); /* supervisors live on */
    c->stopped = stopped;
    uv_close((uv_handle_t *)&c->pipe, on_closed);
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
    int rc = uv_write(&s->write, (uv_stream_t *)&c->pipe, &part, 1, on_sent);
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
