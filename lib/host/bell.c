#include "host/bell.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/assert.h"

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct bell *b = poll->data;
    eventfd_t times;
    (void)status;
    (void)events;
    if (eventfd_read(b->fd, &times) != 0)
        return;
    atomic_store(&b->rung, false); /* from here on, who has something more rings again */
    b->heard(b);
}

int bell_open(struct bell *b, uv_loop_t *loop, void (*heard)(struct bell *b), struct error *err)
{
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (fd < 0)
        return error_set(err, ERR_IO, "eventfd: %s", strerror(errno));
    *b = (struct bell){.data = b->data, .fd = fd, .heard = heard};
    if (uv_poll_init(loop, &b->poll, fd) != 0)
        UNREACHABLE("an eventfd can be polled");
    b->poll.data = b;
    uv_poll_start(&b->poll, UV_READABLE, on_readable);
    return 0;
}

void bell_ring(struct bell *b)
{
    if (!atomic_exchange(&b->rung, true) && eventfd_write(b->fd, 1) != 0)
        UNREACHABLE("an eventfd that is read again and again has room for one");
}

static void on_closed(uv_handle_t *handle)
{
    struct bell *b = handle->data;
    close(b->fd);
    b->closed(b);
}

void bell_close(struct bell *b, void (*closed)(struct bell *b))
{
    b->closed = closed;
    uv_close((uv_handle_t *)&b->poll, on_closed);
}
